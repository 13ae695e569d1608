/* SPDX-License-Identifier: MIT */
/* What is no argument: no object where one is wanted, no text, and numbers that mean nothing. */
#include "embed.h"

/* A call that is refused, leaves its output alone, and if it has a record says so there. */
#define REFUSED(call)                                                                              \
	do {                                                                                       \
		ck_assert_int_eq(call, -EINVAL);                                                   \
		ck_assert_ptr_null(text);                                                          \
	} while (0)
#define REFUSED_AND_TOLD(call)                                                                     \
	do {                                                                                       \
		REFUSED(call);                                                                     \
		ck_assert_ptr_nonnull(e);                                                          \
		ck_assert_int_eq(nucleus_error_code(e), -EINVAL);                                  \
		ck_assert_ptr_nonnull(strstr(nucleus_error_message(e), "NULL"));                   \
		nucleus_error_free(e);                                                             \
		e = NULL;                                                                          \
	} while (0)

START_TEST(no_policy_is_no_policy)
{
	nucleus_policy *policy, *copy = NULL;
	nucleus_error *e = NULL;
	char *text = NULL;

	REFUSED(nucleus_policy_copy(NULL, &copy));
	ck_assert_ptr_null(copy);
	REFUSED_AND_TOLD(nucleus_policy_load(NULL, "/dev/null", &e));
	REFUSED_AND_TOLD(nucleus_policy_load_fd(NULL, 0, "a.toml", &e));
	REFUSED(nucleus_policy_set_origin(NULL, "--flag"));
	REFUSED_AND_TOLD(nucleus_policy_set(NULL, "mode", "agent", &e));
	REFUSED_AND_TOLD(nucleus_policy_add(NULL, "env", "A=1", &e));
	REFUSED(nucleus_policy_dump(NULL, "toml", &text));
	REFUSED(nucleus_policy_dump(NULL, "json", &text));
	REFUSED(nucleus_policy_dump(NULL, "text", &text));
	REFUSED_AND_TOLD(nucleus_cgroup_settle(NULL, &e));
	/* The record may be left out. */
	REFUSED(nucleus_policy_set(NULL, "mode", "agent", NULL));

	ck_assert_int_eq(nucleus_policy_new(&policy), 0);
	REFUSED_AND_TOLD(nucleus_policy_set(policy, NULL, "agent", &e));
	REFUSED_AND_TOLD(nucleus_policy_set(policy, "mode", NULL, &e));
	REFUSED_AND_TOLD(nucleus_policy_load(policy, NULL, &e));
	REFUSED(nucleus_policy_dump(policy, NULL, &text));
	nucleus_policy_free(policy);
	nucleus_policy_free(NULL);
}
END_TEST

START_TEST(no_sandbox_is_no_sandbox)
{
	nucleus_sandbox *sandbox = make_sandbox(ARGV(NULL)), *empty;
	nucleus_process *p = NULL;
	nucleus_error *e = NULL;
	nucleus_policy *policy;
	char *text = NULL;

	ck_assert_int_eq(nucleus_policy_new(&policy), 0);
	REFUSED_AND_TOLD(nucleus_sandbox_apply_policy(NULL, policy, &e));
	REFUSED_AND_TOLD(nucleus_sandbox_apply_policy(sandbox, NULL, &e));
	nucleus_policy_free(policy);
	ck_assert_ptr_null(nucleus_sandbox_warning(NULL, 0));
	REFUSED(nucleus_sandbox_explain(NULL, "text", &text));
	REFUSED(nucleus_sandbox_explain(sandbox, NULL, &text));
	REFUSED(nucleus_sandbox_hash(NULL, &text));
	REFUSED_AND_TOLD(nucleus_sandbox_why(NULL, "open:/", "text", &text, &e));
	REFUSED_AND_TOLD(nucleus_sandbox_why(sandbox, NULL, "text", &text, &e));
	REFUSED_AND_TOLD(nucleus_sandbox_why(sandbox, "open:/", NULL, &text, &e));
	REFUSED(nucleus_sandbox_can_write(NULL, "/etc/hosts"));
	REFUSED(nucleus_sandbox_can_write(sandbox, NULL));
	REFUSED(nucleus_sandbox_set_stdio(NULL, 0, 1, 2));
	REFUSED(nucleus_sandbox_set_timing(NULL, 1));
	REFUSED_AND_TOLD(nucleus_sandbox_prepare(NULL, 1, &e));
	REFUSED_AND_TOLD(nucleus_sandbox_spawn(NULL, TRUE, &p, &e));
	ck_assert_ptr_null(p);
	/* It is another thing to have no policy. */
	ck_assert_int_eq(nucleus_sandbox_new(&empty), 0);
	ck_assert_int_eq(nucleus_sandbox_spawn(empty, TRUE, &p, &e), -EINVAL);
	ck_assert_str_eq(nucleus_error_message(e), "the sandbox has no policy yet");
	nucleus_error_free(e);
	nucleus_sandbox_free(empty);
	nucleus_sandbox_free(sandbox);
	nucleus_sandbox_free(NULL);
}
END_TEST

START_TEST(no_process_is_no_process)
{
	nucleus_error *e = NULL;
	nucleus_denial *d = NULL;
	uint64_t figure = 42;
	int outcome = 42, code = 42;
	char *text = NULL;

	REFUSED(nucleus_process_pid(NULL));
	REFUSED(nucleus_process_pidfd(NULL));
	REFUSED_AND_TOLD(nucleus_process_wait(NULL, -1, &outcome, &code, &e));
	ck_assert_int_eq(outcome, 42);
	ck_assert_int_eq(code, 42);
	REFUSED(nucleus_process_signal(NULL, SIGTERM));
	REFUSED(nucleus_process_freeze(NULL));
	REFUSED(nucleus_process_thaw(NULL));
	REFUSED(nucleus_process_stats(NULL, "wall-time-us", &figure));
	ck_assert_uint_eq(nucleus_process_all_stats(NULL, &figure, 1), 0);
	REFUSED(nucleus_process_timing(NULL, 0, NULL, NULL, &figure));
	ck_assert_uint_eq(figure, 42);
	REFUSED(nucleus_process_denial_fd(NULL));
	REFUSED(nucleus_process_next_denial(NULL, &d));
	ck_assert_ptr_null(d);
	nucleus_process_close(NULL);
	ck_assert_ptr_null(nucleus_stats_attr(0, NULL));
}
END_TEST

/* What a caller has whose call gave no record: it may print it. */
START_TEST(no_error_is_no_error)
{
	char *text = NULL;

	ck_assert_int_eq(nucleus_error_code(NULL), 0);
	ck_assert_str_eq(nucleus_error_stage(NULL), "");
	ck_assert_str_eq(nucleus_error_layer(NULL), "");
	ck_assert_str_eq(nucleus_error_message(NULL), "");
	ck_assert_ptr_null(nucleus_error_origin(NULL));
	ck_assert_ptr_null(nucleus_error_hint(NULL));
	REFUSED(nucleus_error_json(NULL, &text));
	nucleus_error_free(NULL);
	ck_assert_ptr_null(nucleus_denial_attr(NULL, "layer"));
	REFUSED(nucleus_denial_json(NULL, &text));
	nucleus_denial_free(NULL);
}
END_TEST

START_TEST(no_text_is_no_text)
{
	nucleus_error *e = NULL;
	char *text = NULL, *notes = NULL;

	ck_assert_int_eq(nucleus_has_feature(NULL), 0);
	ck_assert_ptr_null(nucleus_option_attr(0, NULL));
	REFUSED(nucleus_doctor(NULL, &text));
	REFUSED_AND_TOLD(nucleus_policy_file_hash(NULL, &text, &e));
	REFUSED_AND_TOLD(nucleus_policy_file_check(NULL, NULL, &text, &e));
	REFUSED(nucleus_policy_file_diff(NULL, "b", "text", &text, NULL));
	REFUSED(nucleus_policy_file_diff("a", NULL, "text", &text, NULL));
	REFUSED(nucleus_policy_file_diff("a", "b", NULL, &text, NULL));
	REFUSED_AND_TOLD(nucleus_policy_keygen(NULL, 0, &text, &e));
	REFUSED_AND_TOLD(nucleus_policy_file_sign(NULL, "key", &text, &e));
	REFUSED_AND_TOLD(nucleus_policy_file_sign("file", NULL, &text, &e));
	REFUSED_AND_TOLD(nucleus_policy_file_verify(NULL, "key", &text, &e));
	REFUSED_AND_TOLD(nucleus_policy_file_verify("file", NULL, &text, &e));
	REFUSED(nucleus_seccomp_generate(NULL, NULL, &text, &notes, NULL));
	REFUSED(nucleus_landlock_generate(NULL, &text, &notes, NULL));
	nucleus_free(NULL);
}
END_TEST

START_TEST(numbers_that_are_no_descriptors)
{
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m"));
	const int bad[] = { -3, -4, -9, -1000, INT32_MIN, 1 << 20, INT32_MAX };
	int ins[2], outs[2];
	nucleus_process *p;

	/* What was set before stays. */
	make_pipe(ins);
	make_pipe(outs);
	ck_assert_int_eq(write(ins[1], "given", 5), 5);
	close(ins[1]);
	ck_assert_int_eq(nucleus_sandbox_set_stdio(s, ins[0], outs[1], NUCLEUS_STDIO_NULL), 0);
	for (size_t i = 0; i < COUNT(bad); i++)
		for (int n = 0; n < 3; n++)
			ck_assert_int_eq(nucleus_sandbox_set_stdio(s, n == 0 ? bad[i] : NUCLEUS_STDIO_NULL,
								   n == 1 ? bad[i] : NUCLEUS_STDIO_NULL,
								   n == 2 ? bad[i] : NUCLEUS_STDIO_OWN), -EBADF);
	p = spawn(s, ARGV("cat"));
	close(outs[1]);
	ck_assert_str_eq(read_all(outs[0]), "given");
	expect(p, NUCLEUS_OUTCOME_EXITED, 0);
	nucleus_sandbox_free(s);
}
END_TEST

/* A deadline that has passed is no patience without end. */
START_TEST(times_that_are_none)
{
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m"));
	nucleus_process *p = spawn(s, ARGV("sleep", "60"));
	const int bad[] = { -2, -5, -1000, INT32_MIN };
	nucleus_error *e = NULL;
	int outcome = 42, code = 42;

	for (int ended = 0; ended < 2; ended++) {
		for (size_t i = 0; i < COUNT(bad); i++) {
			ck_assert_int_eq(nucleus_process_wait(p, bad[i], &outcome, &code, &e), -EINVAL);
			ck_assert_ptr_nonnull(strstr(nucleus_error_message(e), "-1"));
			nucleus_error_free(e);
			ck_assert_int_eq(outcome, 42);
			ck_assert_int_eq(code, 42);
		}
		ck_assert_int_eq(nucleus_process_signal(p, SIGKILL), ended ? -ESRCH : 0);
		ck_assert_int_eq(nucleus_process_wait(p, -1, NULL, NULL, NULL), 0);
	}
	nucleus_process_close(p);
	nucleus_sandbox_free(s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("arguments");
	TCase *t = tcase_create("arguments");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, no_policy_is_no_policy);
	tcase_add_test(t, no_sandbox_is_no_sandbox);
	tcase_add_test(t, no_process_is_no_process);
	tcase_add_test(t, no_error_is_no_error);
	tcase_add_test(t, no_text_is_no_text);
	tcase_add_test(t, numbers_that_are_no_descriptors);
	tcase_add_test(t, times_that_are_none);
	suite_add_tcase(s, t);
	return run_suite(s);
}
