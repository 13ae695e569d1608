/* SPDX-License-Identifier: MIT */
/*
 * Control groups as an embedder has them: figures, freezing, the end, and that nothing is left. For a
 * machine whose hierarchy is version 2 and delegated to the user (tests/vm).
 *
 *   limits-groups                        all of it, with a short loop
 *   limits-groups loop N [KEY=VALUE...]  only the loop, of N sandboxes, eight at a time: anywhere
 */
#include <dirent.h>
#include <ftw.h>
#include <malloc.h>
#include <net/if.h>

#include "../embed/embed.h"

#define THREADS 8
#define PATIENCE_MS 60000

static char top[4096]; /* where the hierarchy is mounted */
static int n_groups;

static void find_top(void)
{
	char line[4096];
	FILE *f = fopen("/proc/self/mountinfo", "re");

	while (f && !top[0] && fgets(line, sizeof(line), f))
		if (strstr(line, " - cgroup2 "))
			(void)sscanf(line, "%*s %*s %*s %*s %4095s", top);
	if (f)
		fclose(f);
}

static int count_group(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *name = path + ftw->base;

	(void)st;
	if (type == FTW_D && (!strcmp(name, "nucleus") || strstr(path, "/nucleus/")))
		n_groups++;
	return 0;
}

/* Groups of sandboxes, with the directories that hold them; those of others stay as they are. */
static int groups(void)
{
	n_groups = 0;
	ck_assert_int_eq(nftw(top, count_group, 16, FTW_PHYS), 0);
	return n_groups;
}

static uint64_t figure(const nucleus_process *p, const char *name)
{
	uint64_t v = 0;
	int r = nucleus_process_stats(p, name, &v);

	ck_assert_msg(r == 0, "%s: %d", name, r);
	return v;
}

/* Until a figure is at least `least`. */
static void await_figure(const nucleus_process *p, const char *name, uint64_t least)
{
	int64_t until = now_ms() + PATIENCE_MS;

	while (figure(p, name) < least) {
		ck_assert_msg(now_ms() < until, "%s does not reach %llu", name,
			      (unsigned long long)least);
		usleep(1000);
	}
}

static const char *const with_limits[] = { "limits.memory=64M", "limits.pids=16", "limits.cpus=1",
					   NULL };
static const char *const group_only[] = { "limits.cgroup=true", NULL };
static const char *const nothing[] = { NULL };

START_TEST(figures_are_there_while_it_runs_and_after)
{
	nucleus_sandbox *s = make_sandbox(with_limits);
	nucleus_process *p;
	const char *name;
	int fds[2], outcome;
	uint64_t v = 0;

	make_pipe(fds);
	ck_assert_int_eq(nucleus_sandbox_set_stdio(s, fds[0], -1, -1), 0);
	p = spawn(s, ARGV("cat"));
	close(fds[0]);
	ck_assert_uint_eq(figure(p, "processes"), 2);
	ck_assert_uint_gt(figure(p, "memory-bytes"), 0);
	ck_assert_int_eq(nucleus_process_stats(p, "wall-time-us", &v), -EAGAIN);
	close(fds[1]);
	ck_assert_int_eq(nucleus_process_wait(p, -1, &outcome, NULL, NULL), 0);
	ck_assert_int_eq(outcome, NUCLEUS_OUTCOME_EXITED);
	ck_assert_uint_eq(figure(p, "processes"), 0);
	ck_assert_uint_ge(figure(p, "processes-peak"), 2);
	ck_assert_uint_ge(figure(p, "memory-peak-bytes"), figure(p, "memory-bytes"));
	ck_assert_uint_gt(figure(p, "cpu-time-us"), 0);
	ck_assert_uint_ge(figure(p, "cpu-time-us"), figure(p, "cpu-user-us"));
	ck_assert_uint_eq(figure(p, "oom-kills"), 0);
	for (size_t i = 0; (name = nucleus_stats_attr(i, "name")); i++) {
		int r = nucleus_process_stats(p, name, &v);

		ck_assert_msg(r == 0, "%s: %d", name, r);
		ck_assert_ptr_nonnull(nucleus_stats_attr(i, "help"));
		ck_assert_ptr_null(nucleus_stats_attr(i, "colour"));
	}
	ck_assert_int_eq(nucleus_process_stats(p, "colour", &v), -ENOENT);
	nucleus_process_close(p);
	nucleus_sandbox_free(s);
}
END_TEST

START_TEST(without_a_group_there_is_nothing_to_count_or_freeze)
{
	nucleus_sandbox *s = make_sandbox(nothing);
	int before = groups();
	nucleus_process *p = spawn(s, ARGV("sleep", "600"));
	uint64_t v = 4242;

	ck_assert_int_eq(groups(), before);
	ck_assert_int_eq(nucleus_process_stats(p, "memory-bytes", &v), -ENODATA);
	ck_assert_uint_eq(v, 4242);
	ck_assert_int_eq(nucleus_process_freeze(p), -EOPNOTSUPP);
	ck_assert_int_eq(nucleus_process_thaw(p), -EOPNOTSUPP);
	nucleus_process_close(p);
	nucleus_sandbox_free(s);
}
END_TEST

START_TEST(frozen_it_does_not_work_and_thawed_it_does)
{
	nucleus_sandbox *s = make_sandbox(group_only);
	nucleus_process *p = spawn(s, ARGV("sh", "-c", "while :; do :; done & while :; do :; done"));
	int64_t until;
	uint64_t used;
	int outcome, left = 0;

	await_figure(p, "cpu-time-us", 100000);
	ck_assert_int_eq(nucleus_process_freeze(p), 0);
	used = figure(p, "cpu-time-us");
	/*
	 * In a time in which both loops would use 500 ms or more. The kernel counts a process as frozen just before it
	 * leaves its processor (cgroup_enter_frozen()): that is still to come, once for each of the three, and however
	 * long it takes where the host has other things to do.
	 */
	for (until = now_ms() + 500; now_ms() < until;) {
		uint64_t now = figure(p, "cpu-time-us");

		left += now != used;
		used = now;
	}
	ck_assert_int_le(left, 3);
	ck_assert_int_eq(nucleus_process_wait(p, 0, NULL, NULL, NULL), -ETIMEDOUT);
	/* Once more changes nothing. */
	ck_assert_int_eq(nucleus_process_freeze(p), 0);
	ck_assert_int_eq(nucleus_process_thaw(p), 0);
	await_figure(p, "cpu-time-us", used + 100000);
	ck_assert_int_eq(nucleus_process_thaw(p), 0);
	ck_assert_int_eq(nucleus_process_signal(p, SIGKILL), 0);
	ck_assert_int_eq(nucleus_process_wait(p, -1, &outcome, NULL, NULL), 0);
	ck_assert_int_eq(outcome, NUCLEUS_OUTCOME_KILLED);
	ck_assert_int_eq(nucleus_process_freeze(p), -ESRCH);
	nucleus_process_close(p);
	nucleus_sandbox_free(s);
}
END_TEST

START_TEST(what_has_ended_cannot_be_frozen)
{
	nucleus_sandbox *s = make_sandbox(group_only);
	nucleus_process *p = spawn(s, ARGV("true"));
	struct pollfd fd = { .fd = nucleus_process_pidfd(p), .events = POLLIN };

	ck_assert_int_eq(poll(&fd, 1, PATIENCE_MS), 1);
	/* Before anybody has waited for it. */
	ck_assert_int_eq(nucleus_process_freeze(p), -ESRCH);
	ck_assert_int_eq(nucleus_process_thaw(p), -ESRCH);
	expect(p, NUCLEUS_OUTCOME_EXITED, 0);
	nucleus_sandbox_free(s);
}
END_TEST

/* How many binds were made for it. */
static int binds_of(nucleus_process *p)
{
	const char *what;
	uint64_t ns;
	int n = 0;

	for (size_t i = 0; nucleus_process_timing(p, i, NULL, &what, &ns) == 0; i++)
		n += !strncmp(what, "bind ", 5);
	return n;
}

/* Those that copy a root are born in groups as all others. */
START_TEST(starts_of_one_object_are_each_in_a_group)
{
	nucleus_sandbox *s = make_sandbox(with_limits);

	ck_assert_int_eq(nucleus_sandbox_set_timing(s, 1), 0);
	for (int i = 1; i <= 5; i++) {
		nucleus_process *p = spawn(s, ARGV("sleep", "600"));

		ck_assert_uint_eq(figure(p, "processes"), 2);
		ck_assert_uint_gt(figure(p, "memory-bytes"), 0);
		ck_assert_int_eq(nucleus_process_signal(p, SIGKILL), 0);
		ck_assert_int_eq(nucleus_process_wait(p, -1, NULL, NULL, NULL), 0);
		if (i < 3)
			ck_assert_int_gt(binds_of(p), 10);
		else
			ck_assert_int_eq(binds_of(p), 0);
		nucleus_process_close(p);
	}
	nucleus_sandbox_free(s);
}
END_TEST

START_TEST(frozen_it_can_be_ended)
{
	char *self = describe_self();
	nucleus_sandbox *s = make_sandbox(group_only);
	int before = groups();
	nucleus_process *p = spawn(s, ARGV("sleep", "600"));

	ck_assert_int_eq(nucleus_process_freeze(p), 0);
	nucleus_process_close(p);
	p = spawn(s, ARGV("sleep", "600"));
	ck_assert_int_eq(nucleus_process_freeze(p), 0);
	ck_assert_int_eq(nucleus_process_signal(p, SIGKILL), 0);
	expect(p, NUCLEUS_OUTCOME_KILLED, SIGKILL);
	nucleus_sandbox_free(s);
	ck_assert_int_eq(groups(), before);
	expect_self(self);
}
END_TEST

START_TEST(out_of_memory_is_an_outcome_of_its_own)
{
	static const char *const limits[] = { "limits.memory=16M", NULL };
	nucleus_sandbox *s = make_sandbox(limits);
	/* Without a newline it keeps all that it reads. */
	nucleus_process *p = spawn(s, ARGV("tail", "/dev/zero"));
	int outcome = -1, code = -1;

	ck_assert_int_eq(nucleus_process_wait(p, -1, &outcome, &code, NULL), 0);
	ck_assert_int_eq(outcome, NUCLEUS_OUTCOME_OOM);
	ck_assert_int_eq(code, SIGKILL);
	ck_assert_uint_gt(figure(p, "oom-kills"), 0);
	/* A few pages may be charged past it, by force. */
	ck_assert_uint_le(figure(p, "memory-peak-bytes"), 17 << 20);
	nucleus_process_close(p);
	nucleus_sandbox_free(s);
}
END_TEST

START_TEST(a_start_that_fails_leaves_no_group)
{
	nucleus_sandbox *s = make_sandbox(with_limits);
	int before = groups();
	nucleus_error *e = NULL;
	nucleus_process *p = NULL;

	ck_assert_int_eq(nucleus_sandbox_spawn(s, ARGV("/nonexistent"), &p, &e), -ENOENT);
	ck_assert_ptr_null(p);
	nucleus_error_free(e);
	nucleus_sandbox_free(s);
	ck_assert_int_eq(groups(), before);
}
END_TEST

START_TEST(applying_a_policy_makes_nothing_on_the_host)
{
	int before = groups();
	nucleus_sandbox *s = make_sandbox(with_limits);

	ck_assert_int_eq(groups(), before);
	nucleus_sandbox_free(s);
	ck_assert_int_eq(groups(), before);
}
END_TEST

START_TEST(processes_outlive_their_sandbox_object)
{
	int before = groups();
	nucleus_sandbox *s = make_sandbox(with_limits);
	nucleus_process *a = spawn(s, ARGV("sleep", "600")), *b = spawn(s, ARGV("true"));

	nucleus_sandbox_free(s);
	expect(b, NUCLEUS_OUTCOME_EXITED, 0);
	ck_assert_uint_eq(figure(a, "processes"), 2);
	nucleus_process_close(a);
	ck_assert_int_eq(groups(), before);
}
END_TEST

/* A worker that was forked meanwhile has copies of our descriptors, and of the lock. */
START_TEST(a_forked_worker_is_not_in_the_way)
{
	int before = groups(), fds[2];
	nucleus_sandbox *s = make_sandbox(with_limits);
	nucleus_process *p = spawn(s, ARGV("sleep", "600"));
	pid_t pid;
	char c;

	make_pipe(fds);
	pid = fork();
	if (pid == 0) {
		close(fds[1]);
		_exit(read(fds[0], &c, 1) != 0);
	}
	ck_assert_int_gt(pid, 0);
	nucleus_process_close(p);
	nucleus_sandbox_free(s);
	ck_assert_int_eq(groups(), before);
	close(fds[1]);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	close(fds[0]);
}
END_TEST

/* It kills nobody in the group, and can neither stop nor remove it. */
START_TEST(a_forked_worker_that_clears_up_leaves_the_group)
{
	nucleus_sandbox *s = make_sandbox(with_limits);
	nucleus_process *p = spawn(s, ARGV("sleep", "600"));
	const int with_it = groups();
	int outcome = -1, status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		ck_assert_int_eq(nucleus_process_freeze(p), -ECHILD);
		ck_assert_int_eq(nucleus_process_thaw(p), -ECHILD);
		nucleus_process_close(p);
		nucleus_sandbox_free(s);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(groups(), with_it);
	ck_assert_uint_gt(figure(p, "memory-bytes"), 0);
	ck_assert_int_eq(nucleus_process_wait(p, 0, NULL, NULL, NULL), -ETIMEDOUT);
	/* Nor is the lock gone, by which others know that somebody has it. */
	ck_assert_int_eq(nucleus_cleanup(NULL), 0);
	ck_assert_int_eq(nucleus_process_wait(p, 0, NULL, NULL, NULL), -ETIMEDOUT);
	ck_assert_int_eq(nucleus_process_signal(p, SIGKILL), 0);
	ck_assert_int_eq(nucleus_process_wait(p, -1, &outcome, NULL, NULL), 0);
	ck_assert_int_eq(outcome, NUCLEUS_OUTCOME_KILLED);
	nucleus_process_close(p);
	nucleus_sandbox_free(s);
}
END_TEST

/* ---- many ------------------------------------------------------------------------------------- */

static int loop_count = 96;
static const char *const *loop_options = with_limits;

static pthread_barrier_t all_there; /* so that each round has as many at once, and grows as much */

static void *run_many(void *each)
{
	nucleus_sandbox *s = make_sandbox(loop_options);

	pthread_barrier_wait(&all_there);
	for (int i = 0; i < *(const int *)each; i++)
		expect(spawn(s, ARGV("true")), NUCLEUS_OUTCOME_EXITED, 0);
	nucleus_sandbox_free(s);
	return own_number();
}

static void run_threads(int n)
{
	pthread_t threads[THREADS];
	int each = n / THREADS;

	ck_assert_int_eq(pthread_barrier_init(&all_there, NULL, THREADS), 0);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, run_many, &each), 0);
	for (int i = 0; i < THREADS; i++)
		join_thread(threads[i]);
	pthread_barrier_destroy(&all_there);
}

static long resident_kib(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "re");
	char line[256];
	long kib = -1;

	ck_assert_ptr_nonnull(f);
	while (kib < 0 && fgets(line, sizeof(line), f))
		(void)sscanf(line, "Pss_Anon: %ld kB", &kib);
	fclose(f);
	ck_assert_int_gt(kib, 0);
	return kib;
}

/* Of this host's network namespace. */
static int interfaces(void)
{
	struct if_nameindex *all = if_nameindex();
	int n = 0;

	ck_assert_ptr_nonnull(all);
	while (all[n].if_index)
		n++;
	if_freenameindex(all);
	return n;
}

/* Mounts, groups, interfaces, processes, descriptors: as before; and the caller's memory flat. */
START_TEST(many_leave_nothing)
{
	int before, before_interfaces = interfaces();
	long memory;
	char *self;

	/* The first ones grow what is kept: stacks of threads, the allocator's arenas. */
	run_threads(96);
	malloc_trim(0);
	before = groups();
	self = describe_self();
	memory = resident_kib();
	run_threads(loop_count);
	malloc_trim(0);
	ck_assert_int_eq(groups(), before);
	ck_assert_int_eq(interfaces(), before_interfaces);
	ck_assert_int_le(resident_kib(), memory + 256);
	expect_self(self);
}
END_TEST

int main(int argc, char **argv)
{
	bool only_loop = argc > 2 && !strcmp(argv[1], "loop");
	Suite *s = suite_create("groups");
	TCase *t = tcase_create("groups");

	find_top();
	if (!top[0]) {
		fputs("no cgroup version 2 hierarchy is mounted: run this in the test machine\n", stderr);
		return 1;
	}
	tcase_set_timeout(t, 1200);
	suite_add_tcase(s, t);
	tcase_add_test(t, many_leave_nothing);
	if (only_loop) {
		loop_count = atoi(argv[2]);
		loop_options = (const char *const *)argv + 3;
		return run_suite(s);
	}
	tcase_add_test(t, figures_are_there_while_it_runs_and_after);
	tcase_add_test(t, without_a_group_there_is_nothing_to_count_or_freeze);
	tcase_add_test(t, frozen_it_does_not_work_and_thawed_it_does);
	tcase_add_test(t, what_has_ended_cannot_be_frozen);
	tcase_add_test(t, starts_of_one_object_are_each_in_a_group);
	tcase_add_test(t, frozen_it_can_be_ended);
	tcase_add_test(t, out_of_memory_is_an_outcome_of_its_own);
	tcase_add_test(t, a_start_that_fails_leaves_no_group);
	tcase_add_test(t, applying_a_policy_makes_nothing_on_the_host);
	tcase_add_test(t, processes_outlive_their_sandbox_object);
	tcase_add_test(t, a_forked_worker_is_not_in_the_way);
	tcase_add_test(t, a_forked_worker_that_clears_up_leaves_the_group);
	return run_suite(s);
}
