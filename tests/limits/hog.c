/* SPDX-License-Identifier: MIT */
/*
 * Uses just so much of one thing: what a limit's edges are tried with. Static, so that next to nothing
 * is used beside it.
 *
 *   hog memory MIB          writes to so much memory, says "lived"
 *   hog file PATH MIB       writes so large a file, and keeps it
 *   hog fork N              forks N times, says how many it came to have; they wait for its end
 *   hog spin MS             computes for so long, says how much processor time it had, in ms
 *   hog sync PATH KIB       writes to PATH past the page cache, says "written"
 *   hog sleep               says "ready", waits for a signal
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

static int fail(const char *what)
{
	fprintf(stderr, "hog: %s: %s\n", what, strerror(errno));
	return 1;
}

static int say(const char *word)
{
	return puts(word) < 0 || fflush(stdout) ? 1 : 0;
}

static int memory(size_t mib)
{
	char *m = mmap(NULL, mib * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (m == MAP_FAILED)
		return fail("mmap");
	for (size_t i = 0; i < mib * MIB; i += 4096)
		m[i] = 1;
	return say("lived");
}

static int write_file(const char *path, size_t bytes, size_t block, int flags, const char *word)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
	void *buffer;

	if (fd < 0)
		return fail(path);
	/* O_DIRECT wants whole pages. */
	if (posix_memalign(&buffer, 4096, block))
		return fail("memory");
	memset(buffer, 'x', block);
	/* Written out as it grows: what is still to go to a slow disk cannot be given back, and ends the program. */
	for (size_t done = 0; done < bytes; done += block)
		if (write(fd, buffer, block) != (ssize_t)block || fdatasync(fd) < 0)
			return fail(path);
	return say(word);
}

static int forks(int n)
{
	pid_t parent = getpid();
	int i;

	for (i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			break;
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			while (getppid() == parent)
				pause();
			_exit(0);
		}
	}
	printf("%d\n", i);
	return 0;
}

static int64_t ms(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int spin(int64_t limit)
{
	int64_t start = ms(CLOCK_MONOTONIC);

	while (ms(CLOCK_MONOTONIC) - start < limit)
		for (volatile int i = 0; i < 1000; i++)
			;
	printf("%lld\n", (long long)ms(CLOCK_PROCESS_CPUTIME_ID));
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "memory") && argc == 3)
		return memory(strtoul(argv[2], NULL, 10));
	if (!strcmp(what, "file") && argc == 4)
		return write_file(argv[2], strtoul(argv[3], NULL, 10) * MIB, MIB, 0, "lived");
	if (!strcmp(what, "sync") && argc == 4)
		return write_file(argv[2], strtoul(argv[3], NULL, 10) << 10, 65536, O_DIRECT | O_SYNC,
				  "written");
	if (!strcmp(what, "fork") && argc == 3)
		return forks(atoi(argv[2]));
	if (!strcmp(what, "spin") && argc == 3)
		return spin(atoll(argv[2]));
	if (!strcmp(what, "sleep") && argc == 2) {
		if (say("ready"))
			return 1;
		pause();
		return 0;
	}
	fprintf(stderr, "hog: what is wanted?\n");
	return 2;
}
