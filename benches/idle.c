/* SPDX-License-Identifier: MIT */
/*
 * Sandboxes that do nothing, to be looked at from outside: bench-idle PAUSE
 *
 * PAUSE is a static program that waits (pause.c). Each line read is "run N", which starts N more sandboxes with
 * it, answered by a line each: the pid of its init and the microseconds of its start; or "prepare N", which has
 * N more kept ready (64 an object), answered by an empty line at once: they are children of this process. At the
 * end of input, or of this process, all are ended.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common.h"

#define MAX_PREPARED 64 /* of nucleus_sandbox_prepare() */

static nucleus_process **processes;
static nucleus_sandbox **objects;
static size_t n_processes, n_objects;

/* A list of n pointers with room for one more. */
static void *longer(void *list, size_t n)
{
	list = realloc(list, (n + 1) * sizeof(void *));
	if (!list)
		bench_stop("realloc");
	return list;
}

static void start(nucleus_sandbox *s, unsigned int n)
{
	static const char *const argv[] = { "/bench/pause", NULL };

	for (unsigned int i = 0; i < n; i++) {
		nucleus_error *e = NULL;
		double begin = bench_now_us();

		processes = longer(processes, n_processes);
		if (nucleus_sandbox_spawn(s, argv, &processes[n_processes], &e) < 0)
			bench_fail(e);
		printf("%d %.0f\n", nucleus_process_pid(processes[n_processes++]), bench_now_us() - begin);
	}
}

static void prepare(const char *volume, unsigned int n)
{
	while (n > 0) {
		unsigned int some = n < MAX_PREPARED ? n : MAX_PREPARED;
		nucleus_error *e = NULL;

		objects = longer(objects, n_objects);
		objects[n_objects] = bench_sandbox(volume);
		if (nucleus_sandbox_prepare(objects[n_objects++], some, &e) < 0)
			bench_fail(e);
		n -= some;
	}
	puts("");
}

int main(int argc, char **argv)
{
	struct rlimit files;
	nucleus_sandbox *sandbox;
	char what[16], *volume;
	unsigned int n;

	if (argc != 2) {
		fprintf(stderr, "usage: bench-idle PAUSE\n");
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		bench_stop("getrlimit");
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		bench_stop("setrlimit");
	volume = bench_volume_of(argv[1]);
	sandbox = bench_sandbox(volume);
	while (scanf("%15s %u", what, &n) == 2) {
		if (strcmp(what, "run") == 0) {
			start(sandbox, n);
		} else if (strcmp(what, "prepare") == 0) {
			prepare(volume, n);
		} else {
			fprintf(stderr, "bench-idle: what is '%s'?\n", what);
			return 2;
		}
		fflush(stdout);
	}
	while (n_processes)
		nucleus_process_close(processes[--n_processes]);
	while (n_objects)
		nucleus_sandbox_free(objects[--n_objects]);
	nucleus_sandbox_free(sandbox);
	free(processes);
	free(objects);
	free(volume);
	return 0;
}
