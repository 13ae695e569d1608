/* SPDX-License-Identifier: MIT */
/* What was refused, as an embedder sees it: a poll loop, or nobody who reads. */
#include <sched.h>
#include <sys/prctl.h>

#include "embed.h"

static nucleus_sandbox *sandbox;

static void set_up(void)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	sandbox = make_sandbox(ARGV("limits.timeout=1m"));
	/* What the programs say of their failures is not for the test's output. */
	ck_assert_int_ge(null, 0);
	ck_assert_int_eq(nucleus_sandbox_set_stdio(sandbox, -1, -1, null), 0);
}

static void tear_down(void)
{
	nucleus_sandbox_free(sandbox);
}

static bool is_readable(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1;
}

static void check_attr(const nucleus_denial *d, const char *name, const char *value)
{
	const char *v = nucleus_denial_attr(d, name);

	ck_assert_msg(v && !strcmp(v, value), "%s is %s, not %s", name, v ? v : "NULL", value);
}

/* Waits for the next one by the descriptor alone; NULL when there will be no more. */
static nucleus_denial *await(nucleus_process *p)
{
	int fd = nucleus_process_denial_fd(p);

	ck_assert_int_ge(fd, 0);
	for (;;) {
		nucleus_denial *d = NULL;
		int r = nucleus_process_next_denial(p, &d);

		if (r == 0)
			return d;
		ck_assert_ptr_null(d);
		if (r == -ENODATA)
			return NULL;
		ck_assert_int_eq(r, -EAGAIN);
		ck_assert(is_readable(fd, 30000));
	}
}

START_TEST(a_poll_loop_sees_all)
{
	nucleus_process *p = spawn(sandbox, ARGV("sh", "-c", "unshare -U true; exit 3"));
	nucleus_denial *d = await(p);
	char *json;

	ck_assert_ptr_nonnull(d);
	check_attr(d, "layer", "seccomp");
	check_attr(d, "operation", "syscall");
	check_attr(d, "program", "unshare");
	check_attr(d, "errno", "EPERM");
	check_attr(d, "certainty", "certain");
	ck_assert(!strncmp(nucleus_denial_attr(d, "target"), "unshare", 7));
	ck_assert_ptr_nonnull(strstr(nucleus_denial_attr(d, "fix"), "this opens: "));
	ck_assert_int_eq(nucleus_denial_json(d, &json), 0);
	ck_assert(json[0] == '{' && !strchr(json, '\n'));
	nucleus_free(json);
	nucleus_denial_free(d);
	while ((d = await(p)))
		nucleus_denial_free(d);
	/* It says no more, and does not make a loop turn for ever. */
	ck_assert(!is_readable(nucleus_process_denial_fd(p), 0));
	ck_assert_int_eq(nucleus_process_next_denial(p, &d), -ENODATA);
	expect(p, NUCLEUS_OUTCOME_EXITED, 3);
}
END_TEST

START_TEST(off_is_off)
{
	nucleus_sandbox *off = make_sandbox(ARGV("security.observe=off"));
	nucleus_process *p = spawn(off, ARGV("sh", "-c", "unshare -U true 2>/dev/null; exit 3"));
	nucleus_denial *d = NULL;

	ck_assert_int_eq(nucleus_process_denial_fd(p), -1);
	ck_assert_int_eq(nucleus_process_next_denial(p, &d), -ENODATA);
	expect(p, NUCLEUS_OUTCOME_EXITED, 3);
	nucleus_sandbox_free(off);
}
END_TEST

START_TEST(a_quiet_program_has_none)
{
	nucleus_process *p = spawn(sandbox, TRUE);

	ck_assert_ptr_null(await(p));
	expect(p, NUCLEUS_OUTCOME_EXITED, 0);
}
END_TEST

/* ptrace(2) with arguments that differ each time, so that none is the same again. */
#define FLOOD                                                                                      \
	"import ctypes\n"                                                                          \
	"call = ctypes.CDLL(None).syscall\n"                                                       \
	"for i in range(100000): call(101, i & 0xffff, i, 0, 0)\n"

START_TEST(a_flood_is_bounded_and_counted)
{
	nucleus_process *p = spawn(sandbox, ARGV("python3", "-c", FLOOD));
	unsigned long records = 0, dropped = 0;
	nucleus_denial *d;

	/* Nobody reads meanwhile: it ends all the same. */
	ck_assert_int_eq(nucleus_process_wait(p, 50000, NULL, NULL, NULL), 0);
	while (nucleus_process_next_denial(p, &d) == 0) {
		if (!strcmp(nucleus_denial_attr(d, "operation"), "dropped"))
			dropped += strtoul(nucleus_denial_attr(d, "count"), NULL, 10);
		else
			records++;
		nucleus_denial_free(d);
	}
	/* A pipe holds 64 KiB at most. */
	ck_assert_uint_gt(records, 0);
	ck_assert_uint_le(records, 65536 / 512);
	ck_assert_uint_ge(records + dropped, 100000);
	expect(p, NUCLEUS_OUTCOME_EXITED, 0);
}
END_TEST

#define KIDS 64

/* While a sandbox is started: processes that have whatever this one has open then, and keep it. */
static struct {
	_Atomic bool enough;
	pid_t pid[KIDS];
	int n;
} kids;

static void *make_kids(void *nothing)
{
	while (!kids.enough && kids.n < KIDS) {
		pid_t pid = fork();

		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL); /* with this thread */
			pause();
			_exit(0);
		}
		if (pid > 0)
			kids.pid[kids.n++] = pid;
	}
	while (!kids.enough)
		sched_yield();
	return nothing;
}

/* As another thread of an embedder does, that starts programs of its own. */
START_TEST(the_end_is_told_whoever_else_holds_the_pipe)
{
	for (int i = 0; i < 10; i++) {
		nucleus_denial *d = NULL;
		nucleus_process *p;
		pthread_t thread;
		int told = 0, r;

		kids.enough = false;
		kids.n = 0;
		ck_assert_int_eq(pthread_create(&thread, NULL, make_kids, NULL), 0);
		p = spawn(sandbox, ARGV("sh", "-c", "unshare -U true; exit 3"));
		if (i % 2) {
			ck_assert_int_eq(nucleus_process_wait(p, -1, NULL, NULL, NULL), 0);
			while ((r = nucleus_process_next_denial(p, &d)) == 0) {
				nucleus_denial_free(d);
				told++;
			}
			ck_assert_int_eq(r, -ENODATA);
		}
		for (; !(i % 2) && (d = await(p)); told++)
			nucleus_denial_free(d);
		ck_assert_int_eq(told, 1);
		nucleus_process_close(p);
		kids.enough = true;
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
		ck_assert_int_gt(kids.n, 0);
		while (kids.n--) {
			kill(kids.pid[kids.n], SIGKILL);
			ck_assert_int_eq(waitpid(kids.pid[kids.n], NULL, 0), kids.pid[kids.n]);
		}
	}
}
END_TEST

START_TEST(it_outlives_the_sandbox_object)
{
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m"));
	nucleus_process *p = spawn(s, ARGV("sh", "-c", "unshare -U true 2>/dev/null; exit 0"));
	nucleus_denial *d;

	nucleus_sandbox_free(s);
	d = await(p);
	ck_assert_ptr_nonnull(d);
	nucleus_process_close(p);
	/* The refusal is the caller's own. */
	check_attr(d, "program", "unshare");
	nucleus_denial_free(d);
}
END_TEST

START_TEST(the_time_limit_is_told)
{
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=200ms"));
	nucleus_process *p = spawn(s, ARGV("sleep", "60"));
	nucleus_denial *d = await(p);

	ck_assert_ptr_nonnull(d);
	check_attr(d, "layer", "time limit");
	check_attr(d, "certainty", "certain");
	nucleus_denial_free(d);
	ck_assert_ptr_null(await(p));
	expect(p, NUCLEUS_OUTCOME_TIMEOUT, 0);
	nucleus_sandbox_free(s);
}
END_TEST

START_TEST(a_program_that_is_killed_in_a_call)
{
	static const char many[] =
		"import ctypes, os, threading\n"
		"call = ctypes.CDLL(None).syscall\n"
		"def loop():\n"
		"    while True: call(101, 0, 0, 0, 0)\n"
		"for i in range(50): threading.Thread(target=loop, daemon=True).start()\n"
		"print('up', flush=True)\n"
		"loop()\n";
	nucleus_process *p = spawn(sandbox, ARGV("python3", "-c", many));
	nucleus_denial *d = await(p);

	ck_assert_ptr_nonnull(d);
	nucleus_denial_free(d);
	ck_assert_int_eq(nucleus_process_signal(p, SIGSTOP), 0);
	ck_assert_int_eq(nucleus_process_signal(p, SIGCONT), 0);
	ck_assert_int_eq(nucleus_process_signal(p, SIGTERM), 0);
	expect(p, NUCLEUS_OUTCOME_SIGNALLED, SIGTERM);
	p = spawn(sandbox, ARGV("python3", "-c", many));
	nucleus_denial_free(await(p));
	nucleus_process_close(p);
}
END_TEST

START_TEST(nothing_stays_open)
{
	char *before = describe_self();

	for (int i = 0; i < 3; i++) {
		nucleus_process *p = spawn(sandbox, ARGV("sh", "-c", "unshare -U true; exit 0"));

		ck_assert_int_ge(nucleus_process_denial_fd(p), 3);
		ck_assert_int_eq(nucleus_process_denial_fd(p), nucleus_process_denial_fd(p));
		nucleus_process_close(p);
	}
	/* What the starts of an object have in common is let go of. */
	ck_assert_int_eq(nucleus_sandbox_prepare(sandbox, 0, NULL), 0);
	expect_self(before);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("denials");
	TCase *t = tcase_create("denials");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_poll_loop_sees_all);
	tcase_add_test(t, off_is_off);
	tcase_add_test(t, a_quiet_program_has_none);
	tcase_add_test(t, a_flood_is_bounded_and_counted);
	tcase_add_test(t, the_end_is_told_whoever_else_holds_the_pipe);
	tcase_add_test(t, it_outlives_the_sandbox_object);
	tcase_add_test(t, the_time_limit_is_told);
	tcase_add_test(t, a_program_that_is_killed_in_a_call);
	tcase_add_test(t, nothing_stays_open);
	suite_add_tcase(s, t);
	return run_suite(s);
}
