/* SPDX-License-Identifier: MIT */
/*
 * profile-probe: makes each system call in a process of its own, with arguments that mean nothing, and
 * says what came of it: "NR errno E", "NR returned", "NR signal S". Then "i386 NR ..." for a few by int 0x80.
 * It needs fork, wait4, write, mmap and exit itself.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAST 470

/* What would make more processes, wait for ever, end without an answer, or be felt by others. */
static bool is_left_out(long nr)
{
	static const long left_out[] = {
		__NR_rt_sigreturn, __NR_pause, __NR_fork, __NR_vfork, __NR_exit, __NR_exit_group, __NR_sync,
		__NR_reboot, __NR_kexec_load, __NR_restart_syscall, __NR_wait4, __NR_sched_yield,
		/* The kernel's own breakpoints, which pass every filter (Linux 6.11 and 6.16). */
		335 /* uretprobe */, 336 /* uprobe */,
	};

	for (size_t i = 0; i < sizeof(left_out) / sizeof(*left_out); i++)
		if (left_out[i] == nr)
			return true;
	return false;
}

/* The kernel's own answer: glibc's errno would be in memory that vanishes with munmap. */
static long raw(long nr)
{
	register long r10 __asm__("r10") = -1, r8 __asm__("r8") = -1, r9 __asm__("r9") = -1;
	long r;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(nr), "D"(-1L), "S"(-1L), "d"(-1L), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return r;
}

static long raw_i386(long nr)
{
	int r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(-1), "c"(-1), "d"(-1), "S"(-1), "D"(-1) : "memory");
	return r;
}

static void probe(const char *entry, long nr, long (*call)(long), volatile long *answer)
{
	pid_t pid;
	int status = 0;

	*answer = 1;
	pid = fork();
	if (pid == 0) {
		*answer = call(nr);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		printf("%s%ld cannot be tried: %s\n", entry, nr, strerror(errno));
		return;
	}
	if (WIFSIGNALED(status))
		printf("%s%ld signal %d\n", entry, nr, WTERMSIG(status));
	else if (*answer < 0 && *answer > -4096)
		printf("%s%ld errno %ld\n", entry, nr, -*answer);
	else
		printf("%s%ld returned\n", entry, nr);
}

int main(void)
{
	static const long i386[] = { 20 /* getpid */, 87 /* swapon */ };
	volatile long *answer = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (answer == MAP_FAILED)
		return 1;
	setvbuf(stdout, NULL, _IONBF, 0);
	for (long nr = 0; nr <= LAST; nr++)
		if (!is_left_out(nr))
			probe("", nr, raw, answer);
	for (size_t i = 0; i < sizeof(i386) / sizeof(*i386); i++)
		probe("i386 ", i386[i], raw_i386, answer);
	return 0;
}
