/* SPDX-License-Identifier: MIT */
/*
 * SIGKILL of the caller, at some moment of a launch: a sweep over the time that a launch takes. No
 * process, mount or file may be left.
 */
#include <sys/prctl.h>
#include <time.h>

#include "fault.h"

#define POINTS 150

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Sleeping is too coarse to hit a given step. */
static void spin_us(int64_t us)
{
	int64_t until = now_us() + us;

	while (now_us() < until)
		;
}

static int64_t time_launch(const char *kind)
{
	struct victim v;
	struct verdict verdict;
	int64_t start, took;

	victim_start(&v, kind, "sleep 600");
	start = now_us();
	check(write(v.go, "", 1) == 1 && read(v.told, &verdict, sizeof(verdict)) == sizeof(verdict) &&
		      verdict.spawned == 0,
	      "a launch of kind %s that nothing disturbs", kind);
	took = now_us() - start;
	victim_done(&v);
	check(survivors(&v) == 0, "a sandbox outlived its caller, kind %s", kind);
	return took;
}

/* Of several the shortest: kills that are spread over one that was held up would come too late, nearly all. */
static int64_t time_of_launch(const char *kind)
{
	int64_t least = time_launch(kind);

	for (int i = 1; i < 5; i++) {
		int64_t took = time_launch(kind);

		if (took < least)
			least = took;
	}
	return least;
}

static void sweep(const char *kind)
{
	int64_t took = time_of_launch(kind);
	int during = 0;

	for (int i = 0; i < POINTS; i++) {
		int64_t at = took * 5 / 4 * i / POINTS;
		struct victim v;
		struct verdict verdict;

		victim_start(&v, kind, "sleep 600");
		if (write(v.go, "", 1) != 1)
			exit(2);
		spin_us(at);
		victim_kill(&v);
		during += read(v.told, &verdict, sizeof(verdict)) != sizeof(verdict);
		check(survivors(&v) == 0, "killed %d us into a launch of kind %s: a process is left",
		      (int)at, kind);
		victim_done(&v);
	}
	check(during > POINTS / 4, "only %d of %d kills fell into the launch", during, POINTS);
}

/* To apply a policy as root makes processes too: user namespaces begin with one. */
static void sweep_apply(void)
{
	for (int i = 0; i < POINTS; i++) {
		struct victim v;

		victim_start(&v, "apply", "true");
		if (write(v.go, "", 1) != 1)
			exit(2);
		spin_us(200 + i * 20);
		victim_kill(&v);
		check(survivors(&v) == 0, "killed while a policy was applied: a process is left");
		victim_done(&v);
	}
}

/* fault-kill [KIND...]: all kinds, if none is named. */
int main(int argc, char **argv)
{
	char *before = describe_host(), *after;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return 2;
	for (int i = 0; kinds[i]; i++)
		if (is_wanted(kinds[i], argv))
			sweep(kinds[i]);
	if (argc < 2)
		sweep_apply();
	after = describe_host();
	check(!strcmp(before, after), "mounts or files are left:\n%s\ninstead of\n%s", after, before);
	free(before);
	free(after);
	return conclude();
}
