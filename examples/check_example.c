/* SPDX-License-Identifier: MIT */
/*
 * Unit tests that start sandboxes, by the fixture of check_sandbox.h:
 *
 *   cc -o check_example check_example.c check_sandbox.c $(pkg-config --cflags --libs nucleus check)
 *   ./check_example
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check_sandbox.h"

static int calls; /* of main() and of tests in this process */
static int left;  /* the pid of a sandbox that a test left running in this process */

/* ---- programs -------------------------------------------------------------------------------------- */

START_TEST(a_program_that_behaves)
{
	sandboxed *s = SANDBOX_RUN("sh", "-c", "echo \"$USER in $PWD\"");

	sandbox_assert_exited(s, 0);
	sandbox_assert_output(s, "agent in /home/agent\n");
	sandbox_assert_not_refused(s, "*");
}
END_TEST

START_TEST(a_program_that_does_not)
{
	sandboxed *s = SANDBOX_RUN("sh", "-c", "echo example >>/etc/hosts || exit 3");

	sandbox_assert_exited(s, 3);
	sandbox_assert_output(s, "");
	sandbox_assert_refused(s, "write:/etc/hosts");
	sandbox_assert_not_refused(s, "connect:*");
}
END_TEST

START_TEST(output_without_end_is_counted)
{
	sandboxed *s = SANDBOX_RUN("sh", "-c", "head -c 300000 /dev/zero >&2; head -c 200000 /dev/zero");

	sandbox_assert_exited(s, 0);
	ck_assert_uint_eq(s->out_size, 200000);
	ck_assert_uint_eq(s->err_size, 300000);
}
END_TEST

START_TEST(a_server_is_told_to_stop)
{
	sandboxed *s = sandbox_start(
		(const char *const[]){ "sh", "-c", "trap 'exit 5' TERM; echo up; sleep 60 & wait", NULL });
	char line[3];

	ck_assert_int_eq(read(s->out_fd, line, sizeof(line)), 3);
	ck_assert_mem_eq(line, "up\n", 3);
	ck_assert_int_eq(nucleus_process_signal(s->process, SIGTERM), 0);
	sandbox_finish(s);
	sandbox_assert_exited(s, 5);
}
END_TEST

START_TEST(one_that_is_left_running)
{
	left = nucleus_process_pid(sandbox_start((const char *const[]){ "sleep", "60", NULL })->process);
	ck_assert_int_gt(left, 0);
}
END_TEST

/* The test before has ended it: its process has, or its teardown if it had none of its own (CK_FORK=no). */
START_TEST(none_is_left)
{
	ck_assert(left == 0 || (kill(left, 0) < 0 && errno == ESRCH));
}
END_TEST

static void set_up_own(void)
{
	sandbox_setup_with((const char *const[]){ "env=WHO=me", NULL });
}

START_TEST(options_of_ones_own)
{
	sandbox_assert_output(SANDBOX_RUN("sh", "-c", "echo $WHO"), "me\n");
}
END_TEST

/* For what is to meet it: on a busy machine every program may need as long. */
static void set_up_short(void)
{
	sandbox_setup_with((const char *const[]){ "limits.timeout=300ms", NULL });
}

START_TEST(a_short_limit)
{
	sandbox_assert_timed_out(SANDBOX_RUN("sleep", "60"));
}
END_TEST

/* ---- bodies: these run in a sandbox themselves ------------------------------------------------------- */

START_TEST(the_body_is_inside)
{
	ck_assert_int_lt(getpid(), 10);
	ck_assert_int_eq(getuid(), 1000);
	ck_assert_int_eq(open("/etc/hosts", O_WRONLY | O_APPEND), -1);
	ck_assert_int_eq(calls, 1); /* a process of its own: what the tests before it did is not here */
	calls++;
}
END_TEST

START_TEST(a_body_that_fails)
{
	ck_assert_int_eq(unshare(CLONE_NEWUSER), 0); /* it is refused */
}
END_TEST

START_TEST(a_body_that_crashes)
{
	abort();
}
END_TEST

START_TEST(outcomes_of_bodies)
{
	sandboxed *s = sandbox_run_body(a_body_that_fails);

	calls++;
	sandbox_assert_exited(s, 1);
	sandbox_assert_refused(s, "syscall:unshare*");
	ck_assert_ptr_nonnull(strstr(s->err, "check_example.c:"));
	sandbox_assert_signalled(sandbox_run_body(a_body_that_crashes), SIGABRT);
}
END_TEST

/* ---- what a failure looks like: CHECK_EXAMPLE_FAILS=1 ------------------------------------------------- */

START_TEST(this_assertion_fails)
{
	left = nucleus_process_pid(sandbox_start((const char *const[]){ "sleep", "60", NULL })->process);
	fprintf(stderr, "left running: %d\n", left);
	sandbox_assert_exited(SANDBOX_RUN("sh", "-c", "echo out; echo err >&2; unshare -U true; exit 9"), 0);
}
END_TEST

START_TEST(this_crashes)
{
	left = nucleus_process_pid(sandbox_start((const char *const[]){ "sleep", "60", NULL })->process);
	fprintf(stderr, "left running: %d\n", left);
	raise(SIGKILL);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite;
	TCase *programs, *options, *limit, *bodies, *failing;
	SRunner *runner;
	int failed;

	calls++;
	sandbox_main(argc, argv);
	suite = suite_create("example");
	runner = srunner_create(suite);

	programs = tcase_create("programs");
	tcase_add_checked_fixture(programs, sandbox_setup, sandbox_teardown);
	tcase_add_test(programs, a_program_that_behaves);
	tcase_add_test(programs, a_program_that_does_not);
	tcase_add_test(programs, output_without_end_is_counted);
	tcase_add_test(programs, a_server_is_told_to_stop);
	tcase_add_test(programs, one_that_is_left_running);
	tcase_add_test(programs, none_is_left);
	suite_add_tcase(suite, programs);

	options = tcase_create("options");
	tcase_add_checked_fixture(options, set_up_own, sandbox_teardown);
	tcase_add_test(options, options_of_ones_own);
	suite_add_tcase(suite, options);

	limit = tcase_create("limit");
	tcase_add_checked_fixture(limit, set_up_short, sandbox_teardown);
	tcase_add_test(limit, a_short_limit);
	suite_add_tcase(suite, limit);

	bodies = tcase_create("bodies");
	tcase_add_checked_fixture(bodies, sandbox_setup, sandbox_teardown);
	tcase_add_test(bodies, outcomes_of_bodies);
	tcase_add_sandboxed_test(bodies, the_body_is_inside);
	suite_add_tcase(suite, bodies);

	if (getenv("CHECK_EXAMPLE_FAILS")) {
		failing = tcase_create("failing");
		tcase_add_checked_fixture(failing, sandbox_setup, sandbox_teardown);
		tcase_add_test(failing, this_assertion_fails);
		tcase_add_test(failing, none_is_left);
		if (srunner_fork_status(runner) == CK_FORK)
			tcase_add_test(failing, this_crashes);
		tcase_add_sandboxed_test(failing, a_body_that_fails);
		tcase_add_sandboxed_test(failing, a_body_that_crashes);
		suite_add_tcase(suite, failing);
	}

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
