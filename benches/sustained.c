/* SPDX-License-Identifier: MIT */
/*
 * Starts, one after the other and many at a time: bench-sustained TRUE
 *
 * TRUE is a static `true`. Each line read is one measurement: CONTENDER CORES IN_FLIGHT MS, with CONTENDER one of
 * plain (vfork and exec), call (nucleus_sandbox_spawn()), ahead (the same, with two sandboxes prepared), bwrap;
 * answered by starts per second, and the median and the 99th percentile of the microseconds of a start.
 *
 * nucleus_sandbox_spawn() comes back once the program has been executed, and a `true` has ended by then: one
 * thread would never have two in flight, however it polls. So each in flight is a thread with a sandbox
 * object of its own, which starts, waits and closes until the time is over.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bwrap.h"
#include "common.h"
#include "sandbox_internal.h"

#define MAX_LANES 256
#define WARM 16	  /* starts before all begin; at least one of each lane */
#define FILTER 250 /* the descriptor that bwrap reads its filter from */

enum contender { PLAIN, CALL, AHEAD, BWRAP, CONTENDERS };
static const char *const names[] = { "plain", "call", "ahead", "bwrap" };

struct lane {
	pthread_t thread;
	enum contender contender;
	nucleus_sandbox *sandbox;
	double *times;
	size_t n, room, warm;
};

static char true_path[4096], *volume;
static char *const *bwrap_argv;
static posix_spawn_file_actions_t bwrap_files;
static pthread_barrier_t ready;
static double window_us;

/* ---- one start ------------------------------------------------------------------------------------------- */

static void await(pid_t pid, const char *name)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			bench_stop("waitpid");
	if (status != 0) {
		fprintf(stderr, "bench-sustained: %s ended with status 0x%x\n", name, status);
		exit(1);
	}
}

static void run_plain(void)
{
	char *argv[] = { true_path, NULL };
	pid_t pid = vfork();

	if (pid < 0)
		bench_stop("vfork");
	if (pid == 0) {
		execv(argv[0], argv);
		_exit(127);
	}
	await(pid, true_path);
}

/* It reads the filter from where its descriptor stands: each start opens one of its own. */
static void run_bwrap(void)
{
	pid_t pid;

	errno = posix_spawn(&pid, bwrap_argv[0], &bwrap_files, NULL, bwrap_argv, environ);
	if (errno)
		bench_stop("posix_spawn");
	await(pid, bwrap_argv[0]);
}

static void run_call(nucleus_sandbox *s)
{
	static const char *const argv[] = { "/bench/true", NULL };
	nucleus_process *p;
	nucleus_error *e = NULL;
	int outcome, code;

	if (nucleus_sandbox_spawn(s, argv, &p, &e) < 0 ||
	    nucleus_process_wait(p, -1, &outcome, &code, &e) < 0)
		bench_fail(e);
	if (outcome != NUCLEUS_OUTCOME_EXITED || code != 0) {
		fprintf(stderr, "bench-sustained: the sandbox ended otherwise than it should\n");
		exit(1);
	}
	nucleus_process_close(p);
}

static void run(const struct lane *l)
{
	if (l->contender == PLAIN)
		run_plain();
	else if (l->contender == BWRAP)
		run_bwrap();
	else
		run_call(l->sandbox);
}

/* ---- lanes ----------------------------------------------------------------------------------------------- */

static void *run_lane(void *arg)
{
	struct lane *l = arg;
	double begin, last, now;

	for (size_t i = 0; i < l->warm; i++)
		run(l);
	pthread_barrier_wait(&ready);
	begin = last = bench_now_us();
	do {
		run(l);
		now = bench_now_us();
		if (l->n == l->room) {
			l->room = l->room ? 2 * l->room : 256;
			l->times = realloc(l->times, l->room * sizeof(*l->times));
			if (!l->times)
				bench_stop("realloc");
		}
		l->times[l->n++] = now - last;
		last = now;
	} while (now - begin < window_us);
	return NULL;
}

static void confine(int cores)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int c = 0; c < cores; c++)
		CPU_SET(c, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		bench_stop("sched_setaffinity");
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* What all lanes took, in order; their number in *ret_n. */
static double *gather(struct lane *lanes, size_t n_lanes, size_t *ret_n)
{
	double *all;
	size_t n = 0;

	for (size_t i = 0; i < n_lanes; i++)
		n += lanes[i].n;
	all = calloc(n, sizeof(*all));
	if (!all)
		bench_stop("calloc");
	*ret_n = n;
	n = 0;
	for (size_t i = 0; i < n_lanes; i++) {
		memcpy(all + n, lanes[i].times, lanes[i].n * sizeof(*all));
		n += lanes[i].n;
		free(lanes[i].times);
		nucleus_sandbox_free(lanes[i].sandbox);
	}
	qsort(all, n, sizeof(*all), by_value);
	return all;
}

static void measure(enum contender contender, int cores, size_t in_flight)
{
	static struct lane lanes[MAX_LANES];
	double start, seconds, *all;
	size_t n;

	confine(cores); /* also whom this thread starts: lanes, programs, makers of sandboxes */
	if (pthread_barrier_init(&ready, NULL, (unsigned int)in_flight + 1) != 0)
		bench_stop("barrier");
	memset(lanes, 0, sizeof(lanes));
	for (size_t i = 0; i < in_flight; i++) {
		struct lane *l = &lanes[i];

		l->contender = contender;
		l->warm = (WARM - 1) / in_flight + 1;
		if (contender == CALL || contender == AHEAD)
			l->sandbox = bench_sandbox(volume);
		if (contender == AHEAD && nucleus_sandbox_prepare(l->sandbox, 2, NULL) < 0)
			bench_stop("prepare");
		if (pthread_create(&l->thread, NULL, run_lane, l) != 0)
			bench_stop("pthread_create");
	}
	pthread_barrier_wait(&ready);
	start = bench_now_us();
	for (size_t i = 0; i < in_flight; i++)
		pthread_join(lanes[i].thread, NULL);
	seconds = (bench_now_us() - start) / 1e6;
	pthread_barrier_destroy(&ready);
	all = gather(lanes, in_flight, &n);
	printf("%.1f %.0f %.0f\n", (double)n / seconds, all[n / 2], all[(n * 99 - 1) / 100]);
	fflush(stdout);
	free(all);
}

static void prepare_bwrap(void)
{
	char number[16], path[64], name[] = "/bench/true", *const program[] = { name, NULL };
	int fd = memfd_create("seccomp", MFD_CLOEXEC);

	if (bwrap_write_filter(fd) < 0)
		bench_stop("memfd");
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), fd);
	errno = posix_spawn_file_actions_init(&bwrap_files);
	if (!errno)
		errno = posix_spawn_file_actions_addopen(&bwrap_files, FILTER, path, O_RDONLY, 0);
	if (errno)
		bench_stop("posix_spawn");
	snprintf(number, sizeof(number), "%d", FILTER);
	bwrap_argv = bwrap_arguments(nuc_sandbox_plan(bench_sandbox(volume)), number, program);
}

int main(int argc, char **argv)
{
	char name[16];
	int cores;
	unsigned int in_flight;
	double ms;

	if (argc != 2 || !realpath(argv[1], true_path)) {
		fprintf(stderr, "usage: bench-sustained TRUE\n");
		return 2;
	}
	volume = bench_volume_of(true_path);
	prepare_bwrap();
	while (scanf("%15s %d %u %lf", name, &cores, &in_flight, &ms) == 4) {
		int c = 0;

		while (c < CONTENDERS && strcmp(names[c], name) != 0)
			c++;
		if (c == CONTENDERS || cores < 1 || in_flight < 1 || in_flight > MAX_LANES || !(ms > 0)) {
			fprintf(stderr, "bench-sustained: what is '%s %d %u %g'?\n", name, cores, in_flight, ms);
			return 2;
		}
		window_us = ms * 1e3;
		measure((enum contender)c, cores, in_flight);
	}
	free(volume);
	return 0;
}
