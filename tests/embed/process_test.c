/* SPDX-License-Identifier: MIT */
/* The process object: outcomes, signals, time limits, the caller's own poll loop, the end. */
#include <sys/ptrace.h>

#include "embed.h"

static nucleus_sandbox *sandbox;
static int out[2];

/* Each test's process inherits its own copies. */
static void set_up(void)
{
	make_pipe(out);
	sandbox = make_sandbox(ARGV("limits.timeout=1m"));
	ck_assert_int_eq(nucleus_sandbox_set_stdio(sandbox, -1, out[1], -1), 0);
}

static void tear_down(void)
{
	nucleus_sandbox_free(sandbox);
}

/* Reads one line that the program wrote: it has come so far. */
static void await_line(const char *line)
{
	char got[64] = "";
	size_t n = 0;

	while (n < sizeof(got) - 1 && read(out[0], got + n, 1) == 1 && got[n++] != '\n')
		;
	ck_assert_str_eq(got, line);
}

/* The next programs' input; it ends when what this gives is closed. */
static int give_input(void)
{
	int ends[2];

	make_pipe(ends);
	ck_assert_int_eq(nucleus_sandbox_set_stdio(sandbox, ends[0], out[1], -1), 0);
	return ends[1];
}

/* Whether every process that held the output pipe is gone. */
static bool all_gone(int timeout_ms)
{
	struct pollfd p = { .fd = out[0], .events = POLLIN };

	if (out[1] >= 0)
		close(out[1]);
	out[1] = -1;
	return poll(&p, 1, timeout_ms) == 1 && (p.revents & POLLHUP);
}

START_TEST(outcomes_tell_exit_from_signal)
{
	for (int code = 0; code < 256; code += 51) {
		char script[32];

		snprintf(script, sizeof(script), "exit %d", code);
		expect(spawn(sandbox, ARGV("sh", "-c", script)), NUCLEUS_OUTCOME_EXITED, code);
	}
	expect(spawn(sandbox, ARGV("sh", "-c", "kill -SEGV $$")), NUCLEUS_OUTCOME_SIGNALLED, SIGSEGV);
	expect(spawn(sandbox, ARGV("sh", "-c", "kill -KILL $$")), NUCLEUS_OUTCOME_SIGNALLED, SIGKILL);
}
END_TEST

START_TEST(waiting_polls_times_out_and_repeats)
{
	int outcome = -1, code = -1, in = give_input();
	nucleus_process *p = spawn(sandbox, ARGV("sh", "-c", "echo up; cat; exit 9"));
	nucleus_error *e = NULL;
	int64_t start;

	await_line("up\n");
	ck_assert_int_eq(nucleus_process_wait(p, 0, &outcome, &code, NULL), -ETIMEDOUT);
	start = now_ms();
	ck_assert_int_eq(nucleus_process_wait(p, 50, &outcome, &code, &e), -ETIMEDOUT);
	ck_assert_int_ge(now_ms() - start, 45);
	ck_assert_int_eq(outcome, -1);
	ck_assert_int_eq(code, -1);
	ck_assert_int_eq(nucleus_error_code(e), -ETIMEDOUT);
	nucleus_error_free(e);
	close(in);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(nucleus_process_wait(p, -1, &outcome, &code, NULL), 0);
		ck_assert_int_eq(outcome, NUCLEUS_OUTCOME_EXITED);
		ck_assert_int_eq(code, 9);
	}
	ck_assert_int_eq(nucleus_process_wait(p, 0, NULL, NULL, NULL), 0);
	nucleus_process_close(p);
	nucleus_process_close(NULL);
}
END_TEST

START_TEST(signals_reach_the_program)
{
	nucleus_process *p = spawn(sandbox, ARGV("sleep", "60"));

	ck_assert_int_eq(nucleus_process_signal(p, SIGTERM), 0);
	expect(p, NUCLEUS_OUTCOME_SIGNALLED, SIGTERM);

	p = spawn(sandbox, ARGV("sh", "-c", "trap 'echo caught; exit 5' HUP; echo up; while :; do "
					    "sleep 0.05; done"));
	await_line("up\n");
	ck_assert_int_eq(nucleus_process_signal(p, SIGHUP), 0);
	await_line("caught\n");
	expect(p, NUCLEUS_OUTCOME_EXITED, 5);
}
END_TEST

START_TEST(signals_have_bounds)
{
	nucleus_process *p = spawn(sandbox, ARGV("true"));

	ck_assert_int_eq(nucleus_process_signal(p, 0), -EINVAL);
	ck_assert_int_eq(nucleus_process_signal(p, -9), -EINVAL);
	ck_assert_int_eq(nucleus_process_signal(p, 65), -EINVAL);
	ck_assert_int_eq(nucleus_process_wait(p, -1, NULL, NULL, NULL), 0);
	ck_assert_int_eq(nucleus_process_signal(p, SIGTERM), -ESRCH);
	nucleus_process_close(p);
}
END_TEST

START_TEST(the_program_stops_and_goes_on)
{
	nucleus_process *p = spawn(sandbox, ARGV("sh", "-c", "echo up; while :; do echo tick; "
							     "sleep 0.02; done"));
	struct pollfd fd = { .fd = out[0], .events = POLLIN };
	char bytes[4096];
	bool quiet = false;

	await_line("up\n");
	ck_assert_int_eq(nucleus_process_signal(p, SIGSTOP), 0);
	for (int i = 0; i < 100 && !quiet; i++) {
		quiet = poll(&fd, 1, 200) == 0;
		if (!quiet)
			ck_assert_int_gt(read(out[0], bytes, sizeof(bytes)), 0);
	}
	ck_assert(quiet);
	ck_assert_int_eq(nucleus_process_wait(p, 0, NULL, NULL, NULL), -ETIMEDOUT);
	ck_assert_int_eq(nucleus_process_signal(p, SIGCONT), 0);
	ck_assert_int_eq(poll(&fd, 1, 30000), 1);
	/* Stopped again, it still dies at once. */
	ck_assert_int_eq(nucleus_process_signal(p, SIGSTOP), 0);
	ck_assert_int_eq(nucleus_process_signal(p, SIGKILL), 0);
	expect(p, NUCLEUS_OUTCOME_KILLED, SIGKILL);
}
END_TEST

#define FAMILY                                                                                     \
	"(setsid sh -c 'trap \"\" HUP TERM INT; (sleep 60 & sleep 60)' &) ; echo up; "

START_TEST(close_ends_descendants_too)
{
	nucleus_process *p = spawn(sandbox, ARGV("sh", "-c", FAMILY "sleep 60"));

	await_line("up\n");
	nucleus_process_close(p);
	/* close() waits until all is gone: nobody holds the pipe any more. */
	ck_assert(all_gone(0));
}
END_TEST

/* Stops init when it is about to go, so that nothing of what the kernel holds for the sandbox goes either. */
static void hold_init(const nucleus_process *p)
{
	const int init = nucleus_process_pid(p);

	ck_assert_msg(ptrace(PTRACE_SEIZE, init, NULL, PTRACE_O_TRACEEXIT) == 0, "%s", strerror(errno));
}

/* Until it stands there. */
static void await_held(const nucleus_process *p)
{
	int status;

	ck_assert_int_eq(waitpid(nucleus_process_pid(p), &status, __WALL), nucleus_process_pid(p));
	ck_assert_int_eq(status >> 8, SIGTRAP | PTRACE_EVENT_EXIT << 8);
}

static bool is_gone(const nucleus_process *p)
{
	struct pollfd fd = { .fd = nucleus_process_pidfd(p), .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

START_TEST(the_outcome_is_told_before_the_kernel_has_cleared_up)
{
	int outcome = -1, code = -1, in = give_input();
	nucleus_process *p = spawn(sandbox, ARGV("sh", "-c", "echo up; cat; unshare -U true; exit 7"));
	nucleus_denial *d = NULL;
	uint64_t wall = 0;
	int told = 0;

	await_line("up\n");
	hold_init(p);
	close(in);
	await_held(p);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(nucleus_process_wait(p, i ? 0 : 60000, &outcome, &code, NULL), 0);
		ck_assert_int_eq(outcome, NUCLEUS_OUTCOME_EXITED);
		ck_assert_int_eq(code, 7);
		ck_assert(!is_gone(p));
	}
	ck_assert_int_eq(nucleus_process_signal(p, SIGTERM), -ESRCH);
	ck_assert_int_eq(nucleus_process_stats(p, "wall-time-us", &wall), 0);
	ck_assert_uint_gt(wall, 0);
	/* What was refused is told to its end. */
	for (int r; (r = nucleus_process_next_denial(p, &d)) != -ENODATA; nucleus_denial_free(d)) {
		ck_assert_int_eq(r, 0);
		told += !strncmp(nucleus_denial_attr(d, "target"), "unshare", 7);
	}
	ck_assert_int_eq(told, 1);
	/* Whoever reads what it wrote sees the end. */
	ck_assert(all_gone(0));
	ck_assert(!is_gone(p));
	/* This waits for init. */
	ck_assert_int_eq(ptrace(PTRACE_DETACH, nucleus_process_pid(p), NULL, NULL), 0);
	nucleus_process_close(p);
}
END_TEST

START_TEST(streams_that_the_program_closes_are_closed)
{
	struct pollfd fd = { .events = 0 };
	nucleus_process *p;
	int in[2];

	make_pipe(in);
	fd.fd = in[1];
	ck_assert_int_eq(nucleus_sandbox_set_stdio(sandbox, in[0], out[1], -1), 0);
	p = spawn(sandbox, ARGV("sh", "-c", "exec </dev/null >/dev/null; sleep 60"));
	close(in[0]);
	/* POLLERR: nobody could read it any more (pipe(7)). */
	ck_assert_int_eq(poll(&fd, 1, 60000), 1);
	ck_assert(all_gone(60000));
	ck_assert_int_eq(nucleus_process_wait(p, 0, NULL, NULL, NULL), -ETIMEDOUT);
	nucleus_process_close(p);
	close(in[1]);
}
END_TEST

/* Not while init stands there, and then only with all that it held. */
static void expect_not_told(nucleus_process *p, int in)
{
	int outcome = -1;

	await_line("up\n");
	hold_init(p);
	close(in);
	await_held(p);
	ck_assert_int_eq(nucleus_process_wait(p, 100, &outcome, NULL, NULL), -ETIMEDOUT);
	ck_assert_int_eq(outcome, -1);
	ck_assert_int_eq(ptrace(PTRACE_DETACH, nucleus_process_pid(p), NULL, NULL), 0);
	ck_assert_int_eq(nucleus_process_wait(p, -1, &outcome, NULL, NULL), 0);
	ck_assert_int_eq(outcome, NUCLEUS_OUTCOME_EXITED);
	ck_assert(is_gone(p));
	nucleus_process_close(p);
}

/* The first child of a process, as /proc tells. */
static int child_of(int pid)
{
	char path[64];
	FILE *f;
	int child = -1;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%d", &child), 1);
	fclose(f);
	return child;
}

/* It has been killed, but while another traces it init cannot reap it (ptrace(2)). */
START_TEST(no_outcome_is_told_while_a_process_is_left)
{
	int outcome = -1, in = give_input(), left;
	nucleus_process *p = spawn(sandbox, ARGV("sh", "-c", "sleep 60 & echo up; read x; exit 3"));

	await_line("up\n");
	left = child_of(child_of(nucleus_process_pid(p)));
	ck_assert_msg(ptrace(PTRACE_SEIZE, left, NULL, NULL) == 0, "%s", strerror(errno));
	close(in);
	ck_assert_int_eq(nucleus_process_wait(p, 100, &outcome, NULL, NULL), -ETIMEDOUT);
	ck_assert_int_eq(waitpid(left, NULL, __WALL), left);
	expect(p, NUCLEUS_OUTCOME_EXITED, 3);
}
END_TEST

/* Left behind, with 0.3 s of processor time each, by a program that takes none. */
START_TEST(what_was_left_behind_is_counted)
{
	static const char burn[] = "import sys, time\n"
				   "while time.process_time() < 0.3: pass\n"
				   "open(sys.argv[1], 'w').write('done')\n"
				   "time.sleep(60)\n";
	nucleus_process *p = spawn(sandbox, ARGV("sh", "-c", "cd /tmp; for i in 1 2; do setsid python3 -c \"$0\" $i & done; "
							   "until [ -s 1 ] && [ -s 2 ]; do sleep 0.01; done", burn));
	uint64_t user = 0, system = 0;

	ck_assert_int_eq(nucleus_process_wait(p, -1, NULL, NULL, NULL), 0);
	ck_assert_int_eq(nucleus_process_stats(p, "user-time-us", &user), 0);
	ck_assert_int_eq(nucleus_process_stats(p, "system-time-us", &system), 0);
	ck_assert_uint_ge(user + system, 600000);
	nucleus_process_close(p);
}
END_TEST

/* The tear-down is a row of it. */
START_TEST(no_outcome_is_told_early_of_what_is_timed)
{
	int in = give_input();

	ck_assert_int_eq(nucleus_sandbox_set_timing(sandbox, 1), 0);
	expect_not_told(spawn(sandbox, ARGV("sh", "-c", "echo up; cat; exit 3")), in);
}
END_TEST

START_TEST(the_programs_end_is_the_sandboxes_end)
{
	nucleus_process *p = spawn(sandbox, ARGV("sh", "-c", FAMILY "exit 3"));
	int outcome, code;

	await_line("up\n");
	ck_assert_int_eq(nucleus_process_wait(p, -1, &outcome, &code, NULL), 0);
	ck_assert_int_eq(outcome, NUCLEUS_OUTCOME_EXITED);
	ck_assert_int_eq(code, 3);
	ck_assert(all_gone(0));
	nucleus_process_close(p);
}
END_TEST

/* Whether all of the family were there before the limit ended them. */
static bool end_by_time_limit(int seconds)
{
	char option[64];
	nucleus_sandbox *s;
	nucleus_process *p;
	struct pollfd said = { .fd = out[0], .events = POLLIN };
	int64_t start = now_ms();
	int outcome, code;
	bool up;

	snprintf(option, sizeof(option), "limits.timeout=%ds", seconds);
	s = make_sandbox(ARGV(option));
	ck_assert_int_eq(nucleus_sandbox_set_stdio(s, -1, out[1], -1), 0);
	p = spawn(s, ARGV("sh", "-c", "trap '' TERM INT HUP; " FAMILY "sleep 60"));
	ck_assert_int_eq(nucleus_process_wait(p, -1, &outcome, &code, NULL), 0);
	ck_assert_int_eq(outcome, NUCLEUS_OUTCOME_TIMEOUT);
	ck_assert_int_eq(code, 0);
	ck_assert_int_ge(now_ms() - start, seconds * 1000 - 10);
	ck_assert_int_lt(now_ms() - start, seconds * 1000 + 18000);
	up = poll(&said, 1, 0) == 1;
	if (up) {
		await_line("up\n");
		ck_assert(all_gone(0));
	}
	nucleus_process_close(p);
	nucleus_sandbox_free(s);
	return up;
}

START_TEST(the_time_limit_ends_descendants_too)
{
	int seconds = 2;

	/* On a machine that stands still they may be too late: then they get more time. */
	while (!end_by_time_limit(seconds)) {
		seconds *= 2;
		ck_assert_int_le(seconds, 16);
	}
}
END_TEST

START_TEST(a_kill_from_outside_is_told_as_such)
{
	nucleus_process *p = spawn(sandbox, ARGV("sh", "-c", FAMILY "sleep 60"));
	uint64_t value;
	int outcome, code;

	await_line("up\n");
	ck_assert_int_eq(kill(nucleus_process_pid(p), SIGKILL), 0);
	ck_assert_int_eq(nucleus_process_wait(p, -1, &outcome, &code, NULL), 0);
	ck_assert_int_eq(outcome, NUCLEUS_OUTCOME_KILLED);
	ck_assert_int_eq(code, SIGKILL);
	ck_assert_int_eq(nucleus_process_stats(p, "user-time-us", &value), -ENODATA);
	ck_assert(all_gone(0));
	nucleus_process_close(p);
}
END_TEST

static void expect_all_stats(const nucleus_process *p)
{
	uint64_t all[64], one;
	size_t n;

	memset(all, 0x42, sizeof(all));
	n = nucleus_process_all_stats(p, all, COUNT(all));
	ck_assert_uint_gt(n, 20);
	ck_assert_uint_lt(n, COUNT(all));
	for (size_t i = 0; i < n; i++) {
		one = UINT64_MAX;
		nucleus_process_stats(p, nucleus_stats_attr(i, "name"), &one);
		ck_assert_msg(all[i] == one, "%s", nucleus_stats_attr(i, "name"));
	}
	ck_assert_ptr_null(nucleus_stats_attr(n, "name"));
	ck_assert_uint_eq(all[n], 0x4242424242424242);
	/* No more than there is room for. */
	all[1] = 77;
	ck_assert_uint_eq(nucleus_process_all_stats(p, all, 1), n);
	ck_assert_uint_eq(all[1], 77);
}

START_TEST(all_figures_at_once_are_those_that_each_name_gives)
{
	nucleus_process *p = spawn(sandbox, ARGV("sh", "-c", "echo up; exec sleep 60"));
	uint64_t wall = 0;

	await_line("up\n");
	expect_all_stats(p);
	ck_assert_int_eq(nucleus_process_signal(p, SIGTERM), 0);
	ck_assert_int_eq(nucleus_process_wait(p, -1, NULL, NULL, NULL), 0);
	expect_all_stats(p);
	ck_assert_int_eq(nucleus_process_stats(p, "wall-time-us", &wall), 0);
	ck_assert_uint_gt(wall, 0);
	nucleus_process_close(p);
}
END_TEST

/* Each ends when its input does: in an order that is not that of their starts. */
START_TEST(ten_sandboxes_live_in_one_poll_loop)
{
	nucleus_process *p[10];
	struct pollfd fds[10];
	int input[10];

	for (int i = 0; i < 10; i++) {
		char script[64];
		int ends[2];

		make_pipe(ends);
		input[i] = ends[1];
		snprintf(script, sizeof(script), "cat; exit %d", i);
		ck_assert_int_eq(nucleus_sandbox_set_stdio(sandbox, ends[0], -1, -1), 0);
		p[i] = spawn(sandbox, ARGV("sh", "-c", script));
		close(ends[0]);
		fds[i] = (struct pollfd){ .fd = nucleus_process_pidfd(p[i]), .events = POLLIN };
	}
	for (int i = 9; i >= 0; i--) {
		close(input[i]);
		ck_assert_int_eq(poll(fds, 10, 60000), 1);
		ck_assert_int_ne(fds[i].revents, 0);
		fds[i].fd = -1;
		expect(p[i], NUCLEUS_OUTCOME_EXITED, i);
	}
}
END_TEST

START_TEST(a_process_outlives_its_sandbox_object)
{
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m"));
	nucleus_process *p = spawn(s, ARGV("sh", "-c", "sleep 0.2; exit 4"));

	nucleus_sandbox_free(s);
	expect(p, NUCLEUS_OUTCOME_EXITED, 4);
}
END_TEST

START_TEST(a_sandbox_takes_another_policy)
{
	nucleus_process *first = spawn(sandbox, ARGV("sh", "-c", "sleep 0.2; exit 4"));
	nucleus_policy *policy;
	char *before, *after;

	ck_assert_int_eq(nucleus_sandbox_hash(sandbox, &before), 0);
	ck_assert_int_eq(nucleus_policy_new(&policy), 0);
	ck_assert_int_eq(nucleus_policy_set(policy, "process.hostname", "other", NULL), 0);
	ck_assert_int_eq(nucleus_sandbox_apply_policy(sandbox, policy, NULL), 0);
	ck_assert_int_eq(nucleus_sandbox_hash(sandbox, &after), 0);
	ck_assert_str_ne(before, after);
	nucleus_free(before);
	nucleus_free(after);
	expect(spawn(sandbox, ARGV("sh", "-c", "test $(cat /proc/sys/kernel/hostname) = other")),
	       NUCLEUS_OUTCOME_EXITED, 0);
	expect(first, NUCLEUS_OUTCOME_EXITED, 4);

	nucleus_policy_free(policy);
}
END_TEST

/* The plan that it had, or none: as the header says, for who applies another one to an object that works. */
START_TEST(a_policy_that_is_refused_leaves_the_sandbox_as_it_was)
{
	nucleus_process *p = NULL;
	nucleus_sandbox *empty;
	nucleus_policy *policy;
	char *before, *after;

	ck_assert_int_eq(nucleus_policy_new(&policy), 0);
	ck_assert_int_eq(nucleus_policy_set(policy, "process.hostname", "refused", NULL), 0);
	ck_assert_int_eq(nucleus_policy_set(policy, "workspace.path", "/no/such/dir", NULL), 0);
	ck_assert_int_eq(nucleus_sandbox_hash(sandbox, &before), 0);
	for (unsigned int ahead = 0; ahead < 2; ahead++) {
		ck_assert_int_eq(nucleus_sandbox_prepare(sandbox, ahead, NULL), 0);
		ck_assert_int_eq(nucleus_sandbox_apply_policy(sandbox, policy, NULL), -ENOENT);
		ck_assert_int_eq(nucleus_sandbox_hash(sandbox, &after), 0);
		ck_assert_str_eq(before, after);
		nucleus_free(after);
		expect(spawn(sandbox, ARGV("sh", "-c", "test $(cat /proc/sys/kernel/hostname) = sandbox")),
		       NUCLEUS_OUTCOME_EXITED, 0);
	}
	ck_assert_int_eq(nucleus_sandbox_new(&empty), 0);
	ck_assert_int_eq(nucleus_sandbox_apply_policy(empty, policy, NULL), -ENOENT);
	ck_assert_int_eq(nucleus_sandbox_spawn(empty, TRUE, &p, NULL), -EINVAL);
	ck_assert_ptr_null(p);
	nucleus_sandbox_free(empty);
	nucleus_policy_free(policy);
	nucleus_free(before);
}
END_TEST

/* A file that both have changed: the same record each time, whoever asked for the first one. */
START_TEST(what_was_not_carried_back_is_told_at_each_wait)
{
	char dir[] = "/tmp/nucleus-process-XXXXXX", option[64], file[64];
	nucleus_process *p;
	nucleus_sandbox *s;
	char *first = NULL;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(option, sizeof(option), "workspace.path=%s", dir);
	snprintf(file, sizeof(file), "%s/file", dir);
	write_file(file, "first\n");
	s = make_sandbox(ARGV("limits.timeout=1m", "workspace.mode=copy-in-out", option));
	ck_assert_int_eq(nucleus_sandbox_set_stdio(s, -1, out[1], -1), 0);
	p = spawn(s, ARGV("sh", "-c", "echo inside >file; echo up; exit 6"));
	nucleus_sandbox_free(s);
	await_line("up\n");
	write_file(file, "outside\n");
	if (_i)
		ck_assert_int_eq(nucleus_process_wait(p, -1, NULL, NULL, NULL), -ESTALE);
	for (int i = 0; i < 3; i++) {
		int outcome = -1, code = -1;
		nucleus_error *e = NULL;
		char *json;

		ck_assert_int_eq(nucleus_process_wait(p, i ? 0 : -1, &outcome, &code, &e), -ESTALE);
		ck_assert_int_eq(outcome, NUCLEUS_OUTCOME_EXITED);
		ck_assert_int_eq(code, 6);
		ck_assert_int_eq(nucleus_error_code(e), -ESTALE);
		ck_assert_ptr_nonnull(strstr(nucleus_error_message(e), "file"));
		ck_assert_ptr_nonnull(nucleus_error_hint(e));
		ck_assert_int_eq(nucleus_error_json(e, &json), 0);
		nucleus_error_free(e);
		if (!first)
			first = strdup(json);
		ck_assert_str_eq(json, first);
		nucleus_free(json);
	}
	free(first);
	nucleus_process_close(p);
	ck_assert_int_eq(unlink(file), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(statistics_are_told_when_they_are_known)
{
	nucleus_process *p = spawn(sandbox, ARGV("sh", "-c", "echo up; i=0; while [ $i -lt 50000 ]; do "
							     "i=$((i+1)); done; sleep 0.2"));
	uint64_t launch, wall, user, system, rss, value = 42;

	await_line("up\n");
	ck_assert_int_eq(nucleus_process_stats(p, "launch-time-us", &launch), 0);
	ck_assert_int_eq(nucleus_process_stats(p, "wall-time-us", &value), -EAGAIN);
	ck_assert_int_eq(nucleus_process_stats(p, "no-such-figure", &value), -ENOENT);
	ck_assert_uint_eq(value, 42);
	ck_assert_int_eq(nucleus_process_wait(p, -1, NULL, NULL, NULL), 0);
	ck_assert_int_eq(nucleus_process_stats(p, "wall-time-us", &wall), 0);
	ck_assert_int_eq(nucleus_process_stats(p, "user-time-us", &user), 0);
	ck_assert_int_eq(nucleus_process_stats(p, "system-time-us", &system), 0);
	ck_assert_int_eq(nucleus_process_stats(p, "max-rss-bytes", &rss), 0);
	ck_assert_uint_gt(launch, 0);
	ck_assert_uint_ge(wall, 200000);
	ck_assert_uint_gt(user + system, 0);
	ck_assert_uint_lt(user + system, wall);
	ck_assert_uint_gt(rss, 100000);
	nucleus_process_close(p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("process");
	TCase *t = tcase_create("process");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, outcomes_tell_exit_from_signal);
	tcase_add_test(t, waiting_polls_times_out_and_repeats);
	tcase_add_test(t, signals_reach_the_program);
	tcase_add_test(t, signals_have_bounds);
	tcase_add_test(t, the_program_stops_and_goes_on);
	tcase_add_test(t, close_ends_descendants_too);
	tcase_add_test(t, the_outcome_is_told_before_the_kernel_has_cleared_up);
	tcase_add_test(t, streams_that_the_program_closes_are_closed);
	tcase_add_test(t, no_outcome_is_told_while_a_process_is_left);
	tcase_add_test(t, what_was_left_behind_is_counted);
	tcase_add_test(t, no_outcome_is_told_early_of_what_is_timed);
	tcase_add_test(t, the_programs_end_is_the_sandboxes_end);
	tcase_add_test(t, the_time_limit_ends_descendants_too);
	tcase_add_test(t, a_kill_from_outside_is_told_as_such);
	tcase_add_test(t, all_figures_at_once_are_those_that_each_name_gives);
	tcase_add_test(t, ten_sandboxes_live_in_one_poll_loop);
	tcase_add_test(t, a_process_outlives_its_sandbox_object);
	tcase_add_test(t, a_sandbox_takes_another_policy);
	tcase_add_test(t, a_policy_that_is_refused_leaves_the_sandbox_as_it_was);
	tcase_add_loop_test(t, what_was_not_carried_back_is_told_at_each_wait, 0, 2);
	tcase_add_test(t, statistics_are_told_when_they_are_known);
	suite_add_tcase(s, t);
	return run_suite(s);
}
