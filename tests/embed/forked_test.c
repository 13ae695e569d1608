/* SPDX-License-Identifier: MIT */
/*
 * A process object that a fork has copied: the sandbox is that of the process that started it. What a child's
 * destructors and atexit handlers do with the copy does not reach it.
 */
#include <dirent.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "embed.h"

static nucleus_sandbox *sandbox;
static int in, out;

static void set_up(void)
{
	sandbox = make_sandbox(ARGV("limits.timeout=1m"));
}

static void tear_down(void)
{
	nucleus_sandbox_free(sandbox);
}

/* A program that says "up", and then what it is told; it is refused something before. */
static nucleus_process *spawn_echo(void)
{
	int ins[2], outs[2];
	nucleus_process *p;
	char up[3];

	make_pipe(ins);
	make_pipe(outs);
	ck_assert_int_eq(nucleus_sandbox_set_stdio(sandbox, ins[0], outs[1], NUCLEUS_STDIO_NULL), 0);
	p = spawn(sandbox, ARGV("sh", "-c", "unshare -U true; echo up; cat; exit 7"));
	close(ins[0]);
	close(outs[1]);
	in = ins[1];
	out = outs[0];
	ck_assert_int_eq(read(out, up, 3), 3);
	return p;
}

/* It has lived on, and ends as if nothing had been. */
static void expect_alive(nucleus_process *p)
{
	ck_assert_int_eq(nucleus_process_wait(p, 0, NULL, NULL, NULL), -ETIMEDOUT);
	ck_assert_int_eq(write(in, "alive", 5), 5);
	close(in);
	ck_assert_str_eq(read_all(out), "alive");
	expect(p, NUCLEUS_OUTCOME_EXITED, 7);
}

static void in_a_child(void (*body)(nucleus_process *), nucleus_process *p)
{
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		body(p);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}

static int count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int before;

/* With all that the object has opened. */
static void close_it(nucleus_process *p)
{
	nucleus_process_close(p);
	ck_assert_int_eq(count_descriptors(), before);
}

START_TEST(close_in_a_child_only_lets_go_of_the_copy)
{
	nucleus_process *p;

	if (_i == 1)
		ck_assert_int_eq(nucleus_sandbox_set_timing(sandbox, 1), 0);
	/* The third start of an object keeps what they have in common. */
	for (int i = 0; i < 3; i++)
		expect(spawn(sandbox, TRUE), NUCLEUS_OUTCOME_EXITED, 0);
	if (_i == 2)
		ck_assert_int_eq(nucleus_sandbox_prepare(sandbox, 1, NULL), 0);
	p = spawn_echo();
	ck_assert_int_ge(nucleus_process_denial_fd(p), 0);
	/* What the object holds: pidfd, report, refusals, and the descriptor that stands for these. */
	before = count_descriptors() - 4;
	for (int i = 0; i < 3; i++)
		in_a_child(close_it, p);
	expect_alive(p);
}
END_TEST

static nucleus_process *closed_at_exit;

static void close_at_exit(void)
{
	nucleus_process_close(closed_at_exit);
	nucleus_sandbox_free(sandbox);
	_exit(0);
}

static void end_by_exit(nucleus_process *p)
{
	closed_at_exit = p;
	ck_assert_int_eq(atexit(close_at_exit), 0);
	exit(1);
}

START_TEST(what_a_child_cleans_up_at_its_exit_is_its_own)
{
	nucleus_process *p = spawn_echo();

	in_a_child(end_by_exit, p);
	expect_alive(p);
}
END_TEST

static void try_all(nucleus_process *p)
{
	int outcome = -1, code = -1;
	nucleus_denial *d = NULL;
	nucleus_error *e = NULL;

	for (int timeout = -1; timeout < 2; timeout++) {
		ck_assert_int_eq(nucleus_process_wait(p, timeout, &outcome, &code, &e), -ECHILD);
		ck_assert_int_eq(nucleus_error_code(e), -ECHILD);
		ck_assert_str_eq(nucleus_error_stage(e), "run");
		ck_assert_str_eq(nucleus_error_layer(e), "process");
		ck_assert_ptr_nonnull(strstr(nucleus_error_message(e), "another process"));
		nucleus_error_free(e);
		ck_assert_int_eq(outcome, -1);
		ck_assert_int_eq(code, -1);
	}
	ck_assert_int_eq(nucleus_process_signal(p, SIGKILL), -ECHILD);
	ck_assert_int_eq(nucleus_process_signal(p, SIGSTOP), -ECHILD);
	ck_assert_int_eq(nucleus_process_freeze(p), -ECHILD);
	ck_assert_int_eq(nucleus_process_thaw(p), -ECHILD);
	ck_assert_int_eq(nucleus_process_denial_fd(p), -ECHILD);
	ck_assert_int_eq(nucleus_process_next_denial(p, &d), -ECHILD);
	ck_assert_ptr_null(d);
}

/* Neither the program nor what was to be told of it is taken from the parent. */
START_TEST(a_child_can_do_nothing_to_it)
{
	nucleus_process *p = spawn_echo();
	nucleus_denial *d = NULL;
	struct pollfd fd;

	if (_i)
		ck_assert_int_ge(nucleus_process_denial_fd(p), 0);
	in_a_child(try_all, p);
	ck_assert_int_eq(nucleus_process_wait(p, 0, NULL, NULL, NULL), -ETIMEDOUT);
	fd = (struct pollfd){ .fd = nucleus_process_denial_fd(p), .events = POLLIN };
	ck_assert_int_ge(fd.fd, 0);
	ck_assert_int_eq(poll(&fd, 1, 30000), 1);
	ck_assert_int_eq(nucleus_process_next_denial(p, &d), 0);
	ck_assert(!strncmp(nucleus_denial_attr(d, "target"), "unshare", 7));
	nucleus_denial_free(d);
	expect_alive(p);
}
END_TEST

/* Also what has ended by then: who has not started it is told nothing of it, and reaps nothing. */
static void try_all_and_close(nucleus_process *p)
{
	try_all(p);
	nucleus_process_close(p);
}

START_TEST(a_child_does_not_see_its_end)
{
	nucleus_process *p = spawn_echo();
	struct pollfd fd = { .fd = nucleus_process_pidfd(p), .events = POLLIN };
	siginfo_t si = { 0 };

	close(in);
	ck_assert_int_eq(poll(&fd, 1, 30000), 1);
	in_a_child(try_all_and_close, p);
	ck_assert_int_eq(waitid(P_PIDFD, (id_t)fd.fd, &si, WEXITED | WNOWAIT | __WALL), 0);
	ck_assert_int_eq(nucleus_process_wait(p, 0, NULL, NULL, NULL), 0);
	in_a_child(try_all_and_close, p);
	expect(p, NUCLEUS_OUTCOME_EXITED, 7);
	close(out);
}
END_TEST

START_TEST(a_child_carries_nothing_back)
{
	char dir[] = "/tmp/nucleus-forked-XXXXXX", option[64], file[64];
	nucleus_process *p;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(option, sizeof(option), "workspace.path=%s", dir);
	snprintf(file, sizeof(file), "%s/file", dir);
	nucleus_sandbox_free(sandbox);
	sandbox = make_sandbox(ARGV("limits.timeout=1m", "workspace.mode=copy-in-out", option));
	p = spawn(sandbox, ARGV("sh", "-c", "echo made >file"));
	ck_assert_int_eq(poll(&(struct pollfd){ .fd = nucleus_process_pidfd(p), .events = POLLIN }, 1, 30000), 1);
	in_a_child(try_all_and_close, p);
	ck_assert_int_lt(access(file, F_OK), 0);
	expect(p, NUCLEUS_OUTCOME_EXITED, 0);
	ck_assert_int_eq(unlink(file), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

/* Its child is process 1 of a pid namespace, as it is itself. */
static int first_process(void)
{
	nucleus_process *p = spawn_echo();
	pid_t child = (pid_t)syscall(__NR_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
	int status;

	if (child == 0) {
		try_all_and_close(p);
		_exit(getpid() == 1 ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	expect_alive(p);
	return 0;
}

START_TEST(a_child_with_the_same_number_is_another_process)
{
	pid_t child = (pid_t)syscall(__NR_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0)
		_exit(getpid() == 1 ? first_process() : 99);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* A copy of the report's pipe that a child still holds does not keep the sandbox alive. */
START_TEST(the_parents_close_ends_it_whatever_a_child_holds)
{
	nucleus_process *p = spawn_echo();
	int hold[2], status;
	pid_t child;

	make_pipe(hold);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		char byte;

		close(hold[1]);
		close(in);
		close(out);
		_exit(read(hold[0], &byte, 1) == 0 ? 0 : 1);
	}
	nucleus_process_close(p);
	ck_assert_str_eq(read_all(out), "");
	close(hold[1]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	close(in);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("forked");
	TCase *t = tcase_create("forked");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, close_in_a_child_only_lets_go_of_the_copy, 0, 3);
	tcase_add_test(t, what_a_child_cleans_up_at_its_exit_is_its_own);
	tcase_add_loop_test(t, a_child_can_do_nothing_to_it, 0, 2);
	tcase_add_test(t, a_child_does_not_see_its_end);
	tcase_add_test(t, a_child_carries_nothing_back);
	tcase_add_test(t, the_parents_close_ends_it_whatever_a_child_holds);
	if (geteuid() == 0)
		tcase_add_test(t, a_child_with_the_same_number_is_another_process);
	suite_add_tcase(s, t);
	return run_suite(s);
}
