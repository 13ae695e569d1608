/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common.h"

void bench_stop(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(1);
}

void bench_fail(const nucleus_error *e)
{
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, nucleus_error_message(e));
	exit(1);
}

double bench_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

nucleus_sandbox *bench_sandbox(const char *volumes)
{
	nucleus_sandbox *made;
	nucleus_policy *policy;
	nucleus_error *e = NULL;
	char *list = strdup(volumes), *rest = NULL;

	if (!list || nucleus_policy_new(&policy) < 0 || nucleus_sandbox_new(&made) < 0)
		bench_stop("policy");
	if (nucleus_policy_set(policy, "mode", "strict-agent", &e) < 0)
		bench_fail(e);
	for (char *v = strtok_r(list, ",", &rest); v; v = strtok_r(NULL, ",", &rest))
		if (nucleus_policy_add(policy, "volumes", v, &e) < 0)
			bench_fail(e);
	if (nucleus_sandbox_apply_policy(made, policy, &e) < 0)
		bench_fail(e);
	nucleus_policy_free(policy);
	free(list);
	return made;
}

char *bench_volume_of(const char *program)
{
	char *path = realpath(program, NULL), *volume;

	if (!path)
		bench_stop(program);
	if (asprintf(&volume, "%.*s:/bench:ro", (int)(strrchr(path, '/') - path), path) < 0)
		bench_stop("volume");
	free(path);
	return volume;
}
