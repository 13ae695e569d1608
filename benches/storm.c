/* SPDX-License-Identifier: MIT */
/*
 * System calls in a loop, the worst case for a filter and for path rules: bench-storm TREE MS [PHASE...]
 *
 * TREE (work.py makes it) holds the files 1/f*, 4/... and 12/...: as deep below TREE as their first name says.
 * Each phase runs for MS milliseconds in all, in slices that take turns, and prints its name and the nanoseconds
 * of processor time that one of its operations takes, in the fastest slice: what disturbs only ever adds. The start
 * of the process is in none.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FILES 200
#define SLICES 10
#define PATH 512

static const struct {
	const char *name;
	const char *below; /* TREE: where its files are */
} kinds[] = {
	{ "1", "1" },
	{ "4", "4/a/b/c" },
	{ "12", "12/a/b/c/d/e/f/g/h/i/j/k" },
};

static char paths[sizeof(kinds) / sizeof(*kinds)][FILES][PATH];
static int opened;

static void stop(const char *what)
{
	fprintf(stderr, "bench-storm: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Of this process: what other programs do meanwhile is left out, but for their part of the caches. */
static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ---- operations: FILES times what is measured ---------------------------------------------------------- */

/* Nothing but the entry into the kernel. */
static void do_call(int kind)
{
	(void)kind;
	for (int i = 0; i < FILES; i++)
		syscall(SYS_getppid);
}

/* The least of the calls that a filter looks at the arguments of. */
static void do_futex(int kind)
{
	static int word;

	(void)kind;
	for (int i = 0; i < FILES; i++)
		syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 0, NULL, NULL, 0);
}

static void do_read(int kind)
{
	char bytes[512];

	(void)kind;
	for (int i = 0; i < FILES; i++)
		if (pread(opened, bytes, sizeof(bytes), 0) < 0)
			stop("pread");
}

static void do_stat(int kind)
{
	struct stat st;

	for (int i = 0; i < FILES; i++)
		if (stat(paths[kind][i], &st) < 0)
			stop(paths[kind][i]);
}

static void do_open(int kind)
{
	for (int i = 0; i < FILES; i++) {
		int fd = open(paths[kind][i], O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			stop(paths[kind][i]);
		close(fd);
	}
}

static void do_storm(int kind)
{
	char bytes[4096];
	struct stat st;

	for (int i = 0; i < FILES; i++) {
		const char *path = paths[kind][i];
		int fd;

		if (stat(path, &st) < 0)
			stop(path);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, bytes, sizeof(bytes)) < 0)
			stop(path);
		close(fd);
	}
}

static const struct phase {
	const char *name;
	void (*run)(int kind);
	int kind;
} phases[] = {
	{ "storm", do_storm, 1 },  { "call", do_call, 0 },    { "futex", do_futex, 0 },
	{ "read", do_read, 0 },    { "stat 4", do_stat, 1 },  { "open 1", do_open, 0 },
	{ "open 4", do_open, 1 },  { "open 12", do_open, 2 },
};
#define PHASES (sizeof(phases) / sizeof(*phases))

/* ---- figures ------------------------------------------------------------------------------------------- */

static double slice(const struct phase *p, double ns)
{
	double start, end;
	size_t passes = 0;

	p->run(p->kind); /* what the phase before has left in the caches goes */
	start = now_ns();
	do {
		p->run(p->kind);
		passes++;
		end = now_ns();
	} while (end - start < ns);
	return (end - start) / (double)passes / FILES;
}

static bool is_wanted(const char *phase, int n, char *const *names)
{
	for (int i = 0; i < n; i++)
		if (strcmp(names[i], phase) == 0)
			return true;
	return n == 0;
}

int main(int argc, char **argv)
{
	double found[PHASES] = { 0 };
	double ms = argc > 2 ? strtod(argv[2], NULL) : 0;

	if (ms <= 0) {
		fprintf(stderr, "usage: bench-storm TREE MS [PHASE...]\n");
		return 1;
	}
	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
		for (int i = 0; i < FILES; i++)
			snprintf(paths[k][i], PATH, "%s/%s/f%d", argv[1], kinds[k].below, i);
	opened = open(paths[1][0], O_RDONLY | O_CLOEXEC);
	if (opened < 0)
		stop(paths[1][0]);
	for (int s = 0; s < SLICES; s++)
		for (size_t p = 0; p < PHASES; p++)
			if (is_wanted(phases[p].name, argc - 3, argv + 3)) {
				double ns = slice(&phases[p], ms * 1e6 / SLICES);

				if (s == 0 || ns < found[p])
					found[p] = ns;
			}
	for (size_t p = 0; p < PHASES; p++)
		if (is_wanted(phases[p].name, argc - 3, argv + 3))
			printf("%s\t%.1f\n", phases[p].name, found[p]);
	return 0;
}
