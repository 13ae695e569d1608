/* SPDX-License-Identifier: MIT */
/*
 * What a start costs: from the call to the end of a static `true`, seen by the caller. Contenders take
 * turns (A B C A B C ...), so that whatever else the machine does hits all of them; figures are medians,
 * and ratios to plain vfork and exec of the same program in the same rounds, with a bootstrap interval.
 *
 * bench-launch CLI TRUE ROUNDS [GIB]: GIB is touched first, and stays resident in the caller.
 *
 * bench-launch --serve TRUE FILTER: for python.py, which takes turns with it. Writes the filter to the file
 * FILTER and the arguments for bwrap (see bwrap.h) to standard output, one a line, "@" for the number of
 * the filter's descriptor, then an empty line; after that each line that it reads is one call and one plain
 * vfork and exec, and is answered by the nanoseconds of both. What bwrap is to bind is there as long as this runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "allowlist.h"
#include "bwrap.h"
#include "sandbox_internal.h"

/* What is made ahead while AHEAD's program runs may take longer than that: the CLI then pays for it. */
enum { PLAIN, CALL, AHEAD, CLI, BWRAP, CONTENDERS };
static const char *const names[] = { "vfork and exec, no sandbox", "nucleus_sandbox_spawn()",
				     "the same, made ahead", "nucleus run", "bwrap, seccomp, equal root" };

static char true_path[4096], volume[4200];
static nucleus_sandbox *sandbox, *ahead;
static char *cli_argv[32], *const *bwrap_argv;

static void stop(const char *what)
{
	fprintf(stderr, "bench-launch: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void run_program(char *const *argv)
{
	int status;
	pid_t pid = vfork();

	if (pid < 0)
		stop("vfork");
	if (pid == 0) {
		execv(argv[0], argv);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			stop("waitpid");
	if (status != 0) {
		fprintf(stderr, "bench-launch: %s ended with status 0x%x\n", argv[0], status);
		exit(1);
	}
}

static void run_call(nucleus_sandbox *s)
{
	static const char *const argv[] = { "/bench/true", NULL };
	nucleus_process *p;
	nucleus_error *e = NULL;
	int outcome, code;

	if (nucleus_sandbox_spawn(s, argv, &p, &e) < 0) {
		fprintf(stderr, "bench-launch: %s\n", nucleus_error_message(e));
		exit(1);
	}
	if (nucleus_process_wait(p, -1, &outcome, &code, NULL) < 0 ||
	    outcome != NUCLEUS_OUTCOME_EXITED || code != 0) {
		fprintf(stderr, "bench-launch: the sandbox ended otherwise than it should\n");
		exit(1);
	}
	nucleus_process_close(p);
}

static void run(int contender)
{
	char *plain[] = { true_path, NULL };

	switch (contender) {
	case PLAIN:
		run_program(plain);
		break;
	case CALL:
		run_call(sandbox);
		break;
	case AHEAD:
		run_call(ahead);
		break;
	case CLI:
		run_program(cli_argv);
		break;
	default:
		run_program(bwrap_argv);
		break;
	}
}

/* ---- contenders, made equal -------------------------------------------------------------------------- */

static nucleus_sandbox *make_sandbox(void)
{
	nucleus_sandbox *made;
	nucleus_policy *policy;
	nucleus_error *e = NULL;

	if (nucleus_policy_new(&policy) < 0 || nucleus_sandbox_new(&made) < 0)
		stop("policy");
	if (nucleus_policy_set(policy, "mode", "strict-agent", &e) < 0 ||
	    nucleus_policy_add(policy, "volumes", volume, &e) < 0 ||
	    nucleus_sandbox_apply_policy(made, policy, &e) < 0) {
		fprintf(stderr, "bench-launch: %s\n", nucleus_error_message(e));
		exit(1);
	}
	nucleus_policy_free(policy);
	return made;
}

/* The same filter as ours, as a file that bwrap reads at each start. */
static int seccomp_file(void)
{
	const struct nuc_seccomp_params params = { .network = true };
	const struct sock_filter *filter;
	size_t n;
	int fd = memfd_create("seccomp", 0);

	nuc_seccomp_builtin(&params, &filter, &n);
	if (fd < 0 || write(fd, filter, n * sizeof(*filter)) != (ssize_t)(n * sizeof(*filter)))
		stop("memfd");
	return fd;
}

/* ---- figures ------------------------------------------------------------------------------------------ */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double quantile(const double *values, size_t n, double q)
{
	double *sorted = malloc(n * sizeof(*sorted)), v;

	if (!sorted)
		stop("malloc");
	memcpy(sorted, values, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_value);
	v = sorted[(size_t)(q * (double)(n - 1))];
	free(sorted);
	return v;
}

/* 95 % interval of the ratio of medians, from 1,000 resamplings of the rounds. */
static void interval(const double *a, const double *b, size_t n, double *ret_low, double *ret_high)
{
	double ratios[1000], *x = malloc(n * sizeof(*x)), *y = malloc(n * sizeof(*y));

	if (!x || !y)
		stop("malloc");
	srand(1);
	for (size_t k = 0; k < NUC_ARRAY_SIZE(ratios); k++) {
		for (size_t i = 0; i < n; i++) {
			size_t pick = (size_t)rand() % n;

			x[i] = a[pick];
			y[i] = b[pick];
		}
		ratios[k] = quantile(x, n, 0.5) / quantile(y, n, 0.5);
	}
	*ret_low = quantile(ratios, NUC_ARRAY_SIZE(ratios), 0.025);
	*ret_high = quantile(ratios, NUC_ARRAY_SIZE(ratios), 0.975);
	free(x);
	free(y);
}

static void touch(double gib)
{
	size_t size = (size_t)(gib * (1 << 30));
	char *p = size ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : NULL;

	if (p == MAP_FAILED)
		stop("mmap");
	for (size_t i = 0; i < size; i += 4096)
		p[i] = 1;
}

static int serve(const char *filter_file)
{
	const struct nuc_seccomp_params params = { .network = true };
	const struct sock_filter *filter;
	size_t n;
	int c, fd = open(filter_file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	nuc_seccomp_builtin(&params, &filter, &n);
	if (fd < 0 || write(fd, filter, n * sizeof(*filter)) != (ssize_t)(n * sizeof(*filter)))
		stop(filter_file);
	close(fd);
	sandbox = make_sandbox();
	bwrap_argv = bwrap_arguments(nuc_sandbox_plan(sandbox), "@", "/bench/true");
	for (size_t i = 0; bwrap_argv[i]; i++)
		puts(bwrap_argv[i]);
	puts("");
	fflush(stdout);
	while ((c = getchar()) != EOF) {
		double start = now_us(), middle;

		if (c != '\n')
			continue;
		run_call(sandbox);
		middle = now_us();
		run(PLAIN);
		printf("%.0f %.0f\n", (middle - start) * 1e3, (now_us() - middle) * 1e3);
		fflush(stdout);
	}
	nucleus_sandbox_free(sandbox);
	return 0;
}

int main(int argc, char **argv)
{
	size_t rounds = argc > 3 ? strtoul(argv[3], NULL, 10) : 0, n = 0;
	double *times[CONTENDERS], low, high;
	char *slash, fd[16];
	int filter;

	if (argc < 4 || !realpath(argv[2], true_path)) {
		fprintf(stderr, "usage: bench-launch CLI TRUE ROUNDS [GIB] | --serve TRUE FILTER\n");
		return 1;
	}
	slash = strrchr(true_path, '/');
	snprintf(volume, sizeof(volume), "%.*s:/bench:ro", (int)(slash - true_path), true_path);
	if (strcmp(argv[1], "--serve") == 0)
		return serve(argv[3]);
	if (!rounds) {
		fprintf(stderr, "bench-launch: how many rounds is '%s'?\n", argv[3]);
		return 1;
	}
	cli_argv[n++] = argv[1];
	cli_argv[n++] = strdup("run");
	cli_argv[n++] = strdup("--mode=strict-agent");
	cli_argv[n++] = strdup("--volume");
	cli_argv[n++] = volume;
	cli_argv[n++] = strdup("/bench/true");
	sandbox = make_sandbox();
	ahead = make_sandbox();
	if (nucleus_sandbox_prepare(ahead, 2, NULL) < 0)
		stop("prepare");
	filter = seccomp_file();
	snprintf(fd, sizeof(fd), "%d", filter);
	bwrap_argv = bwrap_arguments(nuc_sandbox_plan(sandbox), fd, "/bench/true");
	touch(argc > 4 ? strtod(argv[4], NULL) : 0);
	for (int c = 0; c < CONTENDERS; c++)
		times[c] = calloc(rounds, sizeof(**times));
	for (size_t r = 0; r < rounds + 5; r++) {
		for (int c = 0; c < CONTENDERS; c++) {
			double start;

			lseek(filter, 0, SEEK_SET);
			start = now_us();
			run(c);
			if (r >= 5) /* the first rounds warm the caches up */
				times[c][r - 5] = now_us() - start;
		}
	}
	printf("%-28s %9s %9s %9s  %s\n", "", "median us", "p95 us", "ratio", "95 % interval");
	for (int c = 0; c < CONTENDERS; c++) {
		interval(times[c], times[PLAIN], rounds, &low, &high);
		printf("%-28s %9.0f %9.0f %9.2f  %.2f to %.2f\n", names[c], quantile(times[c], rounds, 0.5),
		       quantile(times[c], rounds, 0.95),
		       quantile(times[c], rounds, 0.5) / quantile(times[PLAIN], rounds, 0.5), low, high);
	}
	interval(times[CLI], times[BWRAP], rounds, &low, &high);
	printf("nucleus run to bwrap: %.2f (%.2f to %.2f)\n",
	       quantile(times[CLI], rounds, 0.5) / quantile(times[BWRAP], rounds, 0.5), low, high);
	nucleus_sandbox_free(ahead);
	nucleus_sandbox_free(sandbox);
	return 0;
}
