/* SPDX-License-Identifier: MIT */
/*
 * For C unit tests written with Check (0.15 or newer) that run something in sandboxes. Copy this file
 * and check_sandbox.c; check_example.c shows all of it:
 *
 *   cc -o my_test my_test.c check_sandbox.c $(pkg-config --cflags --libs nucleus check)
 *
 * - sandbox_setup and sandbox_teardown are a checked fixture: between them there is a compiled sandbox.
 * - sandbox_run() runs a program in it and gives the result, which the sandbox_assert_... macros look
 *   at: how it ended, what it wrote, what was refused. If they fail, they say all of that.
 * - tcase_add_sandboxed_test() adds a test whose body runs in a sandbox as a whole.
 *
 * How it works, where that matters to a test:
 * - A sandbox does not outlive the process that started it. Check runs each test, with its checked
 *   fixtures, in a process of its own, which a failed assertion ends without any teardown: but with it,
 *   as with a crash and with Check's timeout, its sandboxes end. With CK_FORK=no it is the teardown that
 *   ends them, which Check then calls after a failed assertion, too. So the fixture must be a checked one:
 *   what an unchecked setup has made belongs to another process than the tests.
 * - A test's body cannot move into a sandbox while it runs: what starts there is a program. So this
 *   program is started there again, and sandbox_main() sends it to the body. The body sees globals as
 *   they are at the start of main(): nothing that fixtures or other tests have made.
 */
#ifndef CHECK_SANDBOX_H
#define CHECK_SANDBOX_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <nucleus/nucleus.h>

/* A program that was started. All of it is freed by the teardown. */
typedef struct sandboxed {
	nucleus_process *process;
	int outcome;		   /* enum nucleus_outcome */
	int code;		   /* exit status or signal */
	char *out, *err;	   /* what it wrote, with a NUL at the end; the first 64 KiB of each */
	size_t out_size, err_size; /* of all that it wrote; more than what was kept, if that was more */
	nucleus_denial **denials;  /* what it was refused: nucleus_denial_attr() tells more */
	size_t n_denials;
	int out_fd, err_fd; /* -1 when it was read to its end */
	struct sandboxed *next;
} sandboxed;

/* The first thing in main(). Comes back unless this is a body's process in a sandbox. */
void sandbox_main(int argc, char **argv);

/*
 * The fixture: tcase_add_checked_fixture(t, sandbox_setup, sandbox_teardown). The sandbox is
 * strict-agent, has a time limit of 10 s, and tells of all refusals. For other options, call
 * sandbox_setup_with() in a setup of your own: "key=value" of the option table, NULL at the end; they
 * win over these.
 */
void sandbox_setup(void);
void sandbox_setup_with(const char *const *options);
void sandbox_teardown(void);

/* Runs a program to its end: argv ends with NULL; stdin is /dev/null. Fails the test if it cannot start. */
sandboxed *sandbox_run(const char *const *argv);
#define SANDBOX_RUN(...) sandbox_run((const char *const[]){ __VA_ARGS__, NULL })
/*
 * The same in two steps. In between the test may signal `process`, or read from out_fd and err_fd (what it
 * reads there is not in the result). What is never finished is ended by the teardown.
 */
sandboxed *sandbox_start(const char *const *argv);
void sandbox_finish(sandboxed *s);

/*
 * For START_TEST(body): a test that passes if the body does, in a sandbox of the fixture's options. A failed
 * assertion of the body is reported with its file and line. Check cannot end a body's process: the
 * sandbox's time limit does.
 */
void tcase_add_sandboxed_test(TCase *t, const TTest *body);
/* The same in a test, to hold something else against its outcome. A failed body exits with status 1. */
sandboxed *sandbox_run_body(const TTest *body);

/* ---- assertions ------------------------------------------------------------------------------------ */

#define sandbox_assert_exited(s, status) \
	sandbox_assert_outcome(s, NUCLEUS_OUTCOME_EXITED, status)
#define sandbox_assert_signalled(s, signal) \
	sandbox_assert_outcome(s, NUCLEUS_OUTCOME_SIGNALLED, signal)
#define sandbox_assert_timed_out(s) sandbox_assert_outcome(s, NUCLEUS_OUTCOME_TIMEOUT, 0)
#define sandbox_assert_outcome(s, wanted_outcome, wanted_code)                                     \
	do {                                                                                       \
		const sandboxed *s_ = (s);                                                         \
		ck_assert_msg(s_->outcome == (wanted_outcome) && s_->code == (wanted_code), "%s",  \
			      sandbox_describe(s_));                                               \
	} while (0)
/* All of its standard output. */
#define sandbox_assert_output(s, text)                                                             \
	do {                                                                                       \
		const sandboxed *s_ = (s);                                                         \
		ck_assert_msg(strcmp(s_->out, (text)) == 0, "%s", sandbox_describe(s_));           \
	} while (0)
/*
 * That something was refused: an OPERATION:TARGET as nucleus_sandbox_why() takes it, where * and ? are
 * those of the shell: "write:/etc/hosts", "syscall:unshare*", "connect:*".
 */
#define sandbox_assert_refused(s, pattern)                                                         \
	do {                                                                                       \
		const sandboxed *s_ = (s);                                                         \
		ck_assert_msg(sandbox_refused(s_, (pattern)), "%s", sandbox_describe(s_));         \
	} while (0)
/* That nothing like it was: "*" is anything but what programs try and live without. */
#define sandbox_assert_not_refused(s, pattern)                                                     \
	do {                                                                                       \
		const sandboxed *s_ = (s);                                                         \
		ck_assert_msg(!sandbox_refused(s_, (pattern)), "%s", sandbox_describe(s_));        \
	} while (0)

bool sandbox_refused(const sandboxed *s, const char *pattern);
/* How it ended, what it wrote and what it was refused, in words; overwritten by the next call. */
const char *sandbox_describe(const sandboxed *s);

#endif /* CHECK_SANDBOX_H */
