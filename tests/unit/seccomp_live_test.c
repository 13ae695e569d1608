/* SPDX-License-Identifier: MIT */
/* The filter in the kernel: a child installs it, makes one call, and says what came of it. */
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "allowlist.h"
#include "../run_suite.h"

#define DIRTY 0xdeadbeef00000000UL
#define OK 0

static void install(const struct nuc_seccomp_params *params)
{
	struct sock_filter *filter;
	size_t count;
	struct sock_fprog program;

	if (nuc_seccomp_compile(params, &filter, &count) < 0)
		_exit(200);
	program = (struct sock_fprog){ .len = (unsigned short)count, .filter = filter };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		_exit(201);
}

/* The wait status of a child that runs `body` under the filter; body's value is its exit status. */
static int status_of(int (*body)(const void *arg), const void *arg,
		     const struct nuc_seccomp_params *params)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		const struct rlimit no_core = { 0, 0 };

		/* Check catches SIGABRT and others to tell of a failed test. */
		signal(SIGABRT, SIG_DFL);
		setrlimit(RLIMIT_CORE, &no_core);
		install(params);
		_exit(body(arg));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

struct one_call {
	const char *name;
	long nr;
	unsigned long args[6];
	int error;
};

static int make_call(const void *arg)
{
	const struct one_call *c = arg;
	long r = syscall(c->nr, c->args[0], c->args[1], c->args[2], c->args[3], c->args[4],
			 c->args[5]);

	return r == -1 ? errno : OK;
}

static const struct one_call answered[] = {
	{ "TIOCSTI", SYS_ioctl, { 0, TIOCSTI }, EPERM },
	{ "TIOCSTI, dirty", SYS_ioctl, { 0, TIOCSTI | DIRTY }, EPERM },
	{ "TIOCLINUX", SYS_ioctl, { 0, TIOCLINUX }, EPERM },
	{ "TCGETS, no such descriptor", SYS_ioctl, { 999, TCGETS }, EBADF },
	{ "TCGETS, dirty", SYS_ioctl, { 999, TCGETS | DIRTY }, EBADF },
	{ "clone3", SYS_clone3, { 0, 0 }, ENOSYS },
	{ "clone(NEWUSER)", SYS_clone, { CLONE_NEWUSER | SIGCHLD }, EPERM },
	{ "clone(NEWUSER), dirty", SYS_clone, { CLONE_NEWUSER | SIGCHLD | DIRTY }, EPERM },
	{ "unshare", SYS_unshare, { CLONE_NEWUSER }, EPERM },
	{ "setns", SYS_setns, { 0, 0 }, EPERM },
	{ "AF_UNIX", SYS_socket, { AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0 }, OK },
	{ "AF_UNIX, dirty", SYS_socket, { AF_UNIX | DIRTY, SOCK_DGRAM | DIRTY, DIRTY }, OK },
	{ "AF_INET", SYS_socket, { AF_INET, SOCK_STREAM, 0 }, EAFNOSUPPORT },
	{ "AF_INET, dirty", SYS_socket, { AF_INET | DIRTY, SOCK_STREAM, 0 }, EAFNOSUPPORT },
	{ "AF_ALG", SYS_socket, { 38, SOCK_SEQPACKET, 0 }, EAFNOSUPPORT },
	{ "AF_VSOCK", SYS_socket, { 40, SOCK_STREAM, 0 }, EAFNOSUPPORT },
	{ "AF_NETLINK", SYS_socket, { AF_NETLINK, SOCK_RAW, NETLINK_ROUTE }, EAFNOSUPPORT },
	{ "AF_KEY", SYS_socket, { 15, SOCK_RAW, 2 }, EPERM },
	{ "personality query", SYS_personality, { 0xffffffff }, OK },
	{ "personality(ADDR_NO_RANDOMIZE)", SYS_personality, { ADDR_NO_RANDOMIZE }, EPERM },
	{ "personality, dirty", SYS_personality, { ADDR_NO_RANDOMIZE | DIRTY }, EPERM },
	{ "prctl(PR_SET_SECCOMP)", SYS_prctl, { PR_SET_SECCOMP, 1 }, EPERM },
	{ "seccomp", SYS_seccomp, { 0 }, EPERM },
	{ "prlimit64 of another", SYS_prlimit64, { 1, RLIMIT_NOFILE, 0, 0 }, EPERM },
	{ "prlimit64 of itself", SYS_prlimit64, { 0, RLIMIT_NOFILE, 0, 0 }, OK },
	{ "memfd_create", SYS_memfd_create, { 0, 0 }, ENOSYS },
	{ "io_uring_setup", SYS_io_uring_setup, { 1, 0 }, ENOSYS },
	{ "ptrace(TRACEME)", SYS_ptrace, { 0 }, EPERM },
	{ "process_vm_readv", SYS_process_vm_readv, { 0 }, EPERM },
	{ "mount", SYS_mount, { 0 }, EPERM },
	{ "bpf", SYS_bpf, { 0 }, EPERM },
	{ "keyctl", SYS_keyctl, { 0 }, EPERM },
	{ "perf_event_open", SYS_perf_event_open, { 0 }, EPERM },
	{ "chroot", SYS_chroot, { 0 }, EPERM },
	{ "clock_settime", SYS_clock_settime, { 0 }, EPERM },
	{ "mremap", SYS_mremap, { 0, 4096, 8192, 1 }, ENOMEM },
	{ "getxattr", SYS_getxattr, { 0 }, EOPNOTSUPP },
	{ "mmap(MAP_HUGETLB)", SYS_mmap,
	  { 0, 1 << 21, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1UL, 0 }, EPERM },
	{ "FUTEX_LOCK_PI", SYS_futex, { 0, FUTEX_LOCK_PI_PRIVATE }, ENOSYS },
	{ "a call of the future", 1000, { 0 }, ENOSYS },
	{ "-1, which tracers write to skip a call", -1, { 0 }, EPERM },
};

START_TEST(calls_are_answered)
{
	const struct one_call *c = &answered[_i];
	const struct nuc_seccomp_params params = { 0 };
	int status = status_of(make_call, c, &params);

	ck_assert_msg(WIFEXITED(status), "%s: status %#x", c->name, (unsigned)status);
	ck_assert_msg(WEXITSTATUS(status) == c->error, "%s: %s", c->name,
		      strerrorname_np(WEXITSTATUS(status)));
}
END_TEST

static const struct one_call deadly[] = {
	{ "kexec_load", SYS_kexec_load, { 0 }, 0 },
	{ "finit_module", SYS_finit_module, { 0 }, 0 },
	{ "open_by_handle_at", SYS_open_by_handle_at, { 0 }, 0 },
	{ "userfaultfd", SYS_userfaultfd, { 0 }, 0 },
	{ "iopl", SYS_iopl, { 0 }, 0 },
	{ "modify_ldt", SYS_modify_ldt, { 0 }, 0 },
	{ "x32 getpid", SYS_getpid | 0x40000000L, { 0 }, 0 },
	{ "x32 execve", 520 | 0x40000000L, { 0 }, 0 },
};

START_TEST(calls_kill)
{
	const struct one_call *c = &deadly[_i];
	const struct nuc_seccomp_params params = { 0 };
	int status = status_of(make_call, c, &params);

	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%s: status %#x", c->name,
		      (unsigned)status);
}
END_TEST

static int enter_by_int80(const void *arg)
{
	long r = 20; /* getpid of i386 */

	/* AddressSanitizer has a handler, which would make an exit status of it. */
	signal(SIGSEGV, SIG_DFL);
	__asm__ volatile("int $0x80" : "+a"(r) : : "memory", "r8", "r9", "r10", "r11");
	return 0;
}

START_TEST(int80_kills)
{
	const struct nuc_seccomp_params params = { .network = true };
	int status = status_of(enter_by_int80, NULL, &params);

	/* SIGSEGV: a kernel without CONFIG_IA32_EMULATION, or booted with ia32_emulation=0 */
	ck_assert_msg(WIFSIGNALED(status) &&
			      (WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV),
		      "status %#x",
		      (unsigned)status);
}
END_TEST

/* Threads are for tests/live: glibc only lives without rseq if it was so from exec on. */
static int fork_and_system(const void *arg)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(7);
	if (waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 7)
		return 1;
	return system("exit 3") == 3 << 8 ? 0 : 2;
}

START_TEST(processes_work)
{
	const struct nuc_seccomp_params params = { 0 };
	int status = status_of(fork_and_system, NULL, &params);

	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x",
		      (unsigned)status);
}
END_TEST

static int abort_now(const void *arg)
{
	abort();
}

START_TEST(abort_is_sigabrt)
{
	const struct nuc_seccomp_params params = { 0 };
	int status = status_of(abort_now, NULL, &params);

	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status %#x",
		      (unsigned)status);
}
END_TEST

/* A sleep of so many ms in a child, stopped in the midst of it: how that ended, or -1 if it was over before. */
static int stop_a_sleep(int ms)
{
	const struct timespec all = { ms / 1000, ms % 1000 * 1000000L };
	const struct timespec fifth = { ms / 5000, ms / 5 % 1000 * 1000000L };
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(clock_nanosleep(CLOCK_MONOTONIC, 0, &all, NULL));
	clock_nanosleep(CLOCK_MONOTONIC, 0, &fifth, NULL);
	kill(pid, SIGSTOP);
	if (waitpid(pid, &status, WUNTRACED) != pid)
		return 100;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return -1;
	if (!WIFSTOPPED(status))
		return 101;
	kill(pid, SIGCONT);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 102;
	return WEXITSTATUS(status);
}

/* The kernel goes on with a stopped sleep by restart_syscall, which the filter sees. */
static int sleep_through_a_stop(const void *arg)
{
	int ms = 500, r;

	/* On a machine that stands still the stop may come too late: then the sleep is made longer. */
	while ((r = stop_a_sleep(ms)) < 0 && ms < 10000)
		ms *= 2;
	return r < 0 ? 103 : r;
}

START_TEST(a_stopped_sleep_goes_on)
{
	const struct nuc_seccomp_params params = { 0 };
	int status = status_of(sleep_through_a_stop, NULL, &params);

	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x",
		      (unsigned)status);
}
END_TEST

START_TEST(parameters_open_sockets)
{
	static const struct nuc_seccomp_params network = { .network = true };
	static const struct nuc_seccomp_params netlink = { .netlink_route = true };
	static const struct {
		const struct nuc_seccomp_params *params;
		struct one_call call;
	} cases[] = {
		{ &network, { "AF_INET", SYS_socket, { AF_INET, SOCK_STREAM, 0 }, OK } },
		{ &network, { "AF_INET raw", SYS_socket, { AF_INET, SOCK_RAW, 1 }, EPERM } },
		{ &network, { "AF_INET ping", SYS_socket, { AF_INET, SOCK_DGRAM, 1 }, EPERM } },
		{ &network, { "netlink", SYS_socket, { AF_NETLINK, SOCK_RAW, 0 }, EAFNOSUPPORT } },
		{ &network, { "AF_PACKET", SYS_socket, { AF_PACKET, SOCK_RAW, 0 }, EAFNOSUPPORT } },
		{ &network, { "sendto", SYS_sendto, { 999, 0, 0, MSG_NOSIGNAL }, EBADF } },
		{ &network, { "MSG_FASTOPEN", SYS_sendto, { 999, 0, 0, MSG_FASTOPEN | DIRTY }, EOPNOTSUPP } },
		{ &network, { "sendmsg", SYS_sendmsg, { 999, 0, MSG_FASTOPEN }, EOPNOTSUPP } },
		{ &network, { "sendmmsg", SYS_sendmmsg, { 999, 0, 0, MSG_FASTOPEN }, EOPNOTSUPP } },
		{ &netlink, { "route", SYS_socket, { AF_NETLINK, SOCK_RAW, NETLINK_ROUTE }, OK } },
		{ &netlink, { "netfilter", SYS_socket, { AF_NETLINK, SOCK_RAW, 12 }, EPERM } },
		{ &netlink, { "AF_INET", SYS_socket, { AF_INET, SOCK_STREAM, 0 }, EAFNOSUPPORT } },
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(cases); i++) {
		int status = status_of(make_call, &cases[i].call, cases[i].params);

		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == cases[i].call.error,
			      "case %zu, %s: status %#x", i, cases[i].call.name, (unsigned)status);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("seccomp live");
	TCase *t = tcase_create("seccomp live");

	tcase_add_loop_test(t, calls_are_answered, 0, (int)NUC_ARRAY_SIZE(answered));
	tcase_add_loop_test(t, calls_kill, 0, (int)NUC_ARRAY_SIZE(deadly));
	tcase_add_test(t, int80_kills);
	tcase_add_test(t, processes_work);
	tcase_add_test(t, abort_is_sigabrt);
	tcase_add_test(t, a_stopped_sleep_goes_on);
	tcase_add_test(t, parameters_open_sockets);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return run_suite(s);
}
