/* SPDX-License-Identifier: MIT */
/* Sandboxes that are made ahead of their programs: nucleus_sandbox_prepare(). */
#include <sys/stat.h>
#include <sys/syscall.h>

#include "ahead.h"

START_TEST(each_start_takes_one_that_was_there_and_never_the_same)
{
	pid_t seen[8];

	prepare(sandbox, 2);
	for (size_t i = 0; i < COUNT(seen); i++) {
		nucleus_process *p = spawn_prepared(ARGV("sh", "-c", "exit $1", "sh", "7"));

		seen[i] = nucleus_process_pid(p);
		ck_assert(!is_among(seen[i], seen, i));
		expect(p, NUCLEUS_OUTCOME_EXITED, 7);
	}
}
END_TEST

START_TEST(arguments_arrive_as_they_are)
{
	static char big[100000];
	const char *many[1002] = { "sh", "-c", "echo $# ${#1} \"[$2]\" \"[$3]\"", "sh", big, "", " a\nb" };

	memset(big, 'x', sizeof(big) - 1);
	for (size_t i = 7; i < 1001; i++)
		many[i] = big + sizeof(big) - 100;
	prepare(sandbox, 2);
	ck_assert_str_eq(output(many), "997 99999 [] [ a\nb]\n");
}
END_TEST

START_TEST(a_program_that_is_not_there_is_told_as_without)
{
	nucleus_error *with = NULL, *without = NULL;
	nucleus_process *p = NULL;

	ck_assert_int_eq(nucleus_sandbox_spawn(sandbox, ARGV("/none"), &p, &without), -ENOENT);
	prepare(sandbox, 2);
	await_children(2);
	ck_assert_int_eq(nucleus_sandbox_spawn(sandbox, ARGV("/none"), &p, &with), -ENOENT);
	ck_assert_ptr_null(p);
	ck_assert_str_eq(nucleus_error_message(with), nucleus_error_message(without));
	ck_assert_str_eq(nucleus_error_layer(with), nucleus_error_layer(without));
	nucleus_error_free(with);
	nucleus_error_free(without);
	expect(spawn_prepared(TRUE), NUCLEUS_OUTCOME_EXITED, 0);
}
END_TEST

START_TEST(what_cannot_be_prepared_is_refused)
{
	const char *const cases[][2] = { { "workspace.path=/usr/share/misc", "workspace.mode=copy-in-out" },
					 { "process.pass-fds=9", NULL } };
	nucleus_error *e = NULL;
	nucleus_sandbox *s;

	ck_assert_int_eq(nucleus_sandbox_prepare(sandbox, 65, &e), -EINVAL);
	nucleus_error_free(e);
	e = NULL;
	ck_assert_int_eq(nucleus_sandbox_new(&s), 0);
	ck_assert_int_eq(nucleus_sandbox_prepare(s, 1, &e), -EINVAL);
	nucleus_error_free(e);
	nucleus_sandbox_free(s);
	for (size_t i = 0; i < COUNT(cases); i++) {
		s = make_sandbox(ARGV(cases[i][0], cases[i][1]));
		e = NULL;
		ck_assert_int_eq(nucleus_sandbox_prepare(s, 1, &e), -EOPNOTSUPP);
		ck_assert_ptr_nonnull(e);
		nucleus_error_free(e);
		ck_assert_int_eq(nucleus_sandbox_prepare(s, 0, NULL), 0);
		nucleus_sandbox_free(s);
	}
}
END_TEST

START_TEST(nothing_stays_behind)
{
	char *before = describe_self();

	for (int i = 0; i < 3; i++) {
		prepare(sandbox, 3);
		/* Some are being made meanwhile, some have been. */
		expect(spawn(sandbox, TRUE), NUCLEUS_OUTCOME_EXITED, 0);
		expect(spawn(sandbox, TRUE), NUCLEUS_OUTCOME_EXITED, 0);
		prepare(sandbox, 1);
		prepare(sandbox, 0);
	}
	expect_self(before);
}
END_TEST

START_TEST(they_hold_nobody_s_pipe_open)
{
	int fds[2];
	char byte;

	ck_assert_int_eq(pipe(fds), 0); /* not close-on-exec */
	prepare(sandbox, 2);
	await_children(2);
	close(fds[1]);
	ck_assert_int_eq(read(fds[0], &byte, 1), 0);
	close(fds[0]);
}
END_TEST

START_TEST(standard_streams_are_those_of_the_start)
{
	int in[2];
	nucleus_process *p;

	prepare(sandbox, 2);
	make_pipe(in);
	ck_assert_int_eq(nucleus_sandbox_set_stdio(sandbox, in[0], out[1], out[1]), 0);
	ck_assert_int_eq(write(in[1], "typed\n", 6), 6);
	close(in[1]);
	ck_assert_str_eq(output(ARGV("sh", "-c", "cat; echo error >&2")), "typed\nerror\n");
	close(in[0]);
	/* Its own: closed, it is /dev/null inside. */
	close(0);
	ck_assert_int_eq(nucleus_sandbox_set_stdio(sandbox, -1, out[1], -1), 0);
	ck_assert_str_eq(output(ARGV("readlink", "/proc/self/fd/0")), "/dev/null\n");
	/* A number that the library could be given for its own must not be taken for the caller's. */
	p = spawn_prepared(ARGV("sh", "-c", "cat; exit 4"));
	expect(p, NUCLEUS_OUTCOME_EXITED, 4);
}
END_TEST

START_TEST(the_time_limit_starts_with_the_program)
{
	nucleus_process *p;
	int64_t start;
	int outcome = -1;

	nucleus_sandbox_free(sandbox);
	sandbox = make_sandbox(ARGV("limits.timeout=2s"));
	prepare(sandbox, 2);
	await_children(2);
	poll(NULL, 0, 2200);
	start = now_ms();
	p = spawn_prepared(ARGV("true"));
	ck_assert_int_eq(nucleus_process_wait(p, -1, &outcome, NULL, NULL), 0);
	nucleus_process_close(p);
	/* On a machine that stands still it may need as long; but no less than this is what it has. */
	if (now_ms() - start < 2000)
		ck_assert_int_eq(outcome, NUCLEUS_OUTCOME_EXITED);
	expect(spawn_prepared(ARGV("sleep", "60")), NUCLEUS_OUTCOME_TIMEOUT, 0);
}
END_TEST

/* They are left to be reaped. */
static void kill_and_await(const pid_t *pids, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		siginfo_t si;

		ck_assert_int_eq(kill(pids[i], SIGKILL), 0);
		ck_assert_int_eq(waitid(P_PID, (id_t)pids[i], &si, WEXITED | WNOWAIT | __WALL), 0);
	}
}

START_TEST(killed_ones_are_replaced)
{
	pid_t pids[CHILDREN];

	prepare(sandbox, 2);
	/* All, one of which is the maker. */
	await_children(2);
	kill_and_await(pids, list_children(pids));
	expect(spawn(sandbox, TRUE), NUCLEUS_OUTCOME_EXITED, 0);
	expect(spawn_prepared(TRUE), NUCLEUS_OUTCOME_EXITED, 0);
	/* Those that wait, while the maker lives: it is the oldest child. */
	await_children(2);
	kill_and_await(pids + 1, list_children(pids) - 1);
	expect(spawn(sandbox, TRUE), NUCLEUS_OUTCOME_EXITED, 0);
	expect(spawn_prepared(TRUE), NUCLEUS_OUTCOME_EXITED, 0);
}
END_TEST

static void *prepare_two(void *arg)
{
	prepare(arg, 2);
	return NULL;
}

START_TEST(they_survive_the_thread_that_prepared_them)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, prepare_two, sandbox), 0);
	pthread_join(thread, NULL);
	/* They are its children no more, but this thread's. */
	expect(spawn_prepared(ARGV("sh", "-c", "exit 3")), NUCLEUS_OUTCOME_EXITED, 3);
	expect(spawn_prepared(ARGV("sh", "-c", "exit 5")), NUCLEUS_OUTCOME_EXITED, 5);
}
END_TEST

START_TEST(a_forked_child_makes_its_own)
{
	pid_t before[CHILDREN], after[CHILDREN], child;
	size_t n;
	int status;

	prepare(sandbox, 2);
	await_children(2);
	n = list_children(before);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		nucleus_process *p;

		expect(spawn(sandbox, ARGV("sh", "-c", "exit 8")), NUCLEUS_OUTCOME_EXITED, 8);
		p = spawn_prepared(TRUE);
		ck_assert(!is_among(nucleus_process_pid(p), before, n));
		expect(p, NUCLEUS_OUTCOME_EXITED, 0);
		nucleus_sandbox_free(sandbox);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(list_children(after), n);
	ck_assert_int_eq(memcmp(before, after, n * sizeof(before[0])), 0);
	expect(spawn_prepared(TRUE), NUCLEUS_OUTCOME_EXITED, 0);
}
END_TEST

/* Each with sandboxes of its own from the object that it inherits, ahead or not, all at the same time. */
START_TEST(forked_workers_do_not_meet)
{
	pid_t workers[4];

	for (unsigned int ahead = 0; ahead < 2; ahead++) {
		prepare(sandbox, ahead);
		for (size_t i = 0; i < COUNT(workers); i++) {
			workers[i] = fork();
			ck_assert_int_ge(workers[i], 0);
			if (workers[i] == 0) {
				for (int n = 0; n < 25; n++)
					expect(spawn(sandbox, ARGV("sh", "-c", "exit 6")),
					       NUCLEUS_OUTCOME_EXITED, 6);
				nucleus_sandbox_free(sandbox);
				_exit(0);
			}
		}
		for (int n = 0; n < 10; n++)
			expect(spawn(sandbox, TRUE), NUCLEUS_OUTCOME_EXITED, 0);
		for (size_t i = 0; i < COUNT(workers); i++) {
			int status;

			ck_assert_int_eq(waitpid(workers[i], &status, 0), workers[i]);
			ck_assert_int_eq(status, 0);
		}
	}
}
END_TEST

START_TEST(a_process_outlives_the_sandboxes_that_were_ahead_with_it)
{
	nucleus_process *p;

	prepare(sandbox, 2);
	p = spawn_prepared(ARGV("sleep", "60"));
	nucleus_sandbox_free(sandbox);
	ck_assert_int_eq(nucleus_process_wait(p, 100, NULL, NULL, NULL), -ETIMEDOUT);
	ck_assert_int_eq(nucleus_process_signal(p, SIGKILL), 0);
	expect(p, NUCLEUS_OUTCOME_KILLED, SIGKILL);
	sandbox = make_sandbox(ARGV(NULL));
}
END_TEST

/* The group of a sandbox's init, as it is seen from outside. */
static char *group_of(nucleus_process *p)
{
	static char text[4096];
	char path[64];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", nucleus_process_pid(p));
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

START_TEST(one_with_a_group_is_in_it_as_without)
{
	bool has_group;
	nucleus_process *p;

	nucleus_sandbox_free(sandbox);
	sandbox = make_sandbox(ARGV("mode=agent", "limits.cgroup=true", "limits.timeout=1m"));
	p = spawn(sandbox, ARGV("sleep", "60"));
	has_group = strstr(group_of(p), "/nucleus/") != NULL;
	nucleus_process_close(p);
	prepare(sandbox, 2);
	p = spawn_prepared(ARGV("sleep", "60"));
	ck_assert_int_eq(strstr(group_of(p), "/nucleus/") != NULL, has_group);
	ck_assert_int_eq(nucleus_process_freeze(p), has_group ? 0 : -EOPNOTSUPP);
	nucleus_process_close(p);
}
END_TEST

START_TEST(they_end_with_a_caller_that_is_killed)
{
	pid_t victim, pids[CHILDREN] = { 0 };
	int fds[2], pidfds[3];

	make_pipe(fds);
	victim = fork();
	ck_assert_int_ge(victim, 0);
	if (victim == 0) {
		prepare(sandbox, 2);
		await_children(2);
		list_children(pids);
		if (write(fds[1], pids, sizeof(pids)) != (ssize_t)sizeof(pids))
			_exit(1);
		pause();
		_exit(1);
	}
	ck_assert_int_eq(read(fds[0], pids, sizeof(pids)), sizeof(pids));
	for (size_t i = 0; i < COUNT(pidfds); i++) {
		pidfds[i] = (int)syscall(__NR_pidfd_open, pids[i], 0);
		ck_assert_int_ge(pidfds[i], 0);
	}
	kill(victim, SIGKILL);
	waitpid(victim, NULL, 0);
	for (size_t i = 0; i < COUNT(pidfds); i++) {
		struct pollfd p = { .fd = pidfds[i], .events = POLLIN };

		ck_assert_int_eq(poll(&p, 1, 30000), 1);
		close(pidfds[i]);
	}
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(a_directory_that_was_replaced_is_noticed)
{
	char top[] = "/tmp/nucleus-ahead-XXXXXX", dir[64], old[64], option[80];
	nucleus_error *e = NULL;
	nucleus_process *p = NULL;

	ck_assert_ptr_nonnull(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/work", top);
	snprintf(old, sizeof(old), "%s/old", top);
	snprintf(option, sizeof(option), "workspace.path=%s", dir);
	ck_assert_int_eq(mkdir(dir, 0755), 0);
	nucleus_sandbox_free(sandbox);
	sandbox = make_sandbox(ARGV(option));
	prepare(sandbox, 2);
	expect(spawn_prepared(TRUE), NUCLEUS_OUTCOME_EXITED, 0);
	await_children(2);
	ck_assert_int_eq(rename(dir, old), 0);
	ck_assert_int_eq(mkdir(dir, 0755), 0);
	ck_assert_int_eq(nucleus_sandbox_spawn(sandbox, TRUE, &p, &e), -ESTALE);
	nucleus_error_free(e);
	/* It is back: all are made anew. */
	ck_assert_int_eq(rmdir(dir), 0);
	ck_assert_int_eq(rename(old, dir), 0);
	expect(spawn(sandbox, TRUE), NUCLEUS_OUTCOME_EXITED, 0);
	expect(spawn_prepared(TRUE), NUCLEUS_OUTCOME_EXITED, 0);
	rmdir(dir);
	rmdir(top);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ahead");
	TCase *c = tcase_create("ahead");

	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, set_up_ahead, tear_down_ahead);
	tcase_add_test(c, each_start_takes_one_that_was_there_and_never_the_same);
	tcase_add_test(c, arguments_arrive_as_they_are);
	tcase_add_test(c, a_program_that_is_not_there_is_told_as_without);
	tcase_add_test(c, what_cannot_be_prepared_is_refused);
	tcase_add_test(c, nothing_stays_behind);
	tcase_add_test(c, they_hold_nobody_s_pipe_open);
	tcase_add_test(c, standard_streams_are_those_of_the_start);
	tcase_add_test(c, the_time_limit_starts_with_the_program);
	tcase_add_test(c, killed_ones_are_replaced);
	tcase_add_test(c, they_survive_the_thread_that_prepared_them);
	tcase_add_test(c, a_forked_child_makes_its_own);
	tcase_add_test(c, forked_workers_do_not_meet);
	tcase_add_test(c, a_process_outlives_the_sandboxes_that_were_ahead_with_it);
	tcase_add_test(c, one_with_a_group_is_in_it_as_without);
	tcase_add_test(c, they_end_with_a_caller_that_is_killed);
	tcase_add_test(c, a_directory_that_was_replaced_is_noticed);
	suite_add_tcase(s, c);
	return run_suite(s);
}
