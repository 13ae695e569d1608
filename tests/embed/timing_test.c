/* SPDX-License-Identifier: MIT */
/* nucleus_sandbox_set_timing(): rows that leave nothing out, and a page that no program gets at. */
#include "embed.h"

static nucleus_sandbox *sandbox;
static int out[2];

static void set_up(void)
{
	make_pipe(out);
	sandbox = make_sandbox(ARGV("limits.timeout=1m"));
	ck_assert_int_eq(nucleus_sandbox_set_stdio(sandbox, -1, out[1], -1), 0);
	ck_assert_int_eq(nucleus_sandbox_set_timing(sandbox, 1), 0);
}

static void tear_down(void)
{
	nucleus_sandbox_free(sandbox);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct rows {
	size_t n;
	uint64_t sum;
	char sides[8];	/* the first letter of each, in their order */
	bool prepared;
};

static struct rows read_rows(nucleus_process *p, int end)
{
	struct rows r = { 0 };
	const char *side, *what;
	uint64_t ns;
	int e;

	for (; (e = nucleus_process_timing(p, r.n, &side, &what, &ns)) == 0; r.n++) {
		const size_t letters = strlen(r.sides);

		ck_assert_ptr_nonnull(what);
		r.prepared |= r.n == 0 && !strcmp(what, "take-prepared");
		r.sum += ns;
		if (letters && r.sides[letters - 1] == *side)
			continue;
		ck_assert_uint_lt(letters, sizeof(r.sides) - 1);
		r.sides[letters] = *side;
	}
	ck_assert_int_eq(e, end);
	return r;
}

/* Runs a program; the whole is what was measured around the calls, and no row is outside of it. */
static struct rows run(nucleus_sandbox *s, const char *const *argv)
{
	int64_t before = now_ns(), after;
	nucleus_process *p = spawn(s, argv);
	int outcome, code;
	uint64_t launch;
	struct rows r;

	ck_assert_int_eq(nucleus_process_wait(p, -1, &outcome, &code, NULL), 0);
	after = now_ns();
	ck_assert_int_eq(outcome, NUCLEUS_OUTCOME_EXITED);
	ck_assert_int_eq(code, 0);
	r = read_rows(p, -ENOENT);
	ck_assert_int_eq(nucleus_process_stats(p, "launch-time-us", &launch), 0);
	ck_assert_uint_le(r.sum, (uint64_t)(after - before));
	/* It was seen to run before it was seen to end. */
	ck_assert_uint_ge(r.sum / 1000, launch);
	nucleus_process_close(p);
	return r;
}

/* How many steps explain names, of the child and of init. */
static size_t count_steps(nucleus_sandbox *s)
{
	size_t n = 0;
	char *text;

	ck_assert_int_eq(nucleus_sandbox_explain(s, "text", &text), 0);
	for (const char *c = strstr(text, "steps of the child"); c && *c; c = strchr(c, '\n')) {
		unsigned int number;

		c += *c == '\n';
		n += sscanf(c, " %u  ", &number) == 1;
		if (!strchr(c, '\n'))
			break;
	}
	nucleus_free(text);
	return n;
}

START_TEST(every_step_has_a_row_and_the_sum_is_the_whole)
{
	const struct rows r = run(sandbox, ARGV("true"));

	ck_assert_str_eq(r.sides, "pcipk"); /* parent, child, init, program, kernel */
	ck_assert_uint_gt(count_steps(sandbox), 50);
	/* open and clone, run and tear-down */
	ck_assert_uint_eq(r.n, count_steps(sandbox) + 4);
}
END_TEST

/* Copies are made by the caller while the child waits; limits by a group where there can be one. */
START_TEST(the_same_with_other_policies)
{
	const char *const *const policies[] = {
		ARGV("security.observe=off"),
		ARGV("security.observe=all"),
		ARGV("mode=agent"),
	};
	char dir[] = "/tmp/nucleus-timing-XXXXXX", *option;
	nucleus_sandbox *s;

	for (size_t i = 0; i < COUNT(policies); i++) {
		s = make_sandbox(policies[i]);
		nucleus_sandbox_set_timing(s, 1);
		ck_assert_str_eq(run(s, ARGV("true")).sides, "pcipk");
		nucleus_sandbox_free(s);
	}
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_gt(asprintf(&option, "workspace.path=%s", dir), 0);
	s = make_sandbox(ARGV(option, "workspace.mode=copy-in-out"));
	nucleus_sandbox_set_timing(s, 1);
	ck_assert_str_eq(run(s, ARGV("true")).sides, "pcipk");
	nucleus_sandbox_free(s);
	free(option);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(the_end_is_told_when_it_is_known)
{
	nucleus_process *p = spawn(sandbox, ARGV("sh", "-c", "echo up; sleep 60"));
	struct rows launch, whole;
	char byte;

	ck_assert_int_eq(read(out[0], &byte, 1), 1);
	launch = read_rows(p, -EAGAIN);
	ck_assert_str_eq(launch.sides, "pcip");
	ck_assert_int_eq(kill(nucleus_process_pid(p), SIGKILL), 0);
	ck_assert_int_eq(nucleus_process_wait(p, -1, NULL, NULL, NULL), 0);
	/* Nobody could say when the program ended. */
	whole = read_rows(p, -ENOENT);
	ck_assert_uint_eq(whole.n, launch.n + 1);
	ck_assert_str_eq(whole.sides, "pcip");
	nucleus_process_close(p);
}
END_TEST

START_TEST(it_changes_nothing_else_and_can_be_turned_off)
{
	nucleus_sandbox *plain = make_sandbox(ARGV("limits.timeout=1m"));
	char *timed_hash, *plain_hash;
	nucleus_process *p;
	uint64_t ns = 42;

	ck_assert_int_eq(nucleus_sandbox_hash(sandbox, &timed_hash), 0);
	ck_assert_int_eq(nucleus_sandbox_hash(plain, &plain_hash), 0);
	ck_assert_str_eq(timed_hash, plain_hash);
	nucleus_free(timed_hash);
	nucleus_free(plain_hash);
	nucleus_sandbox_free(plain);

	run(sandbox, ARGV("true"));
	nucleus_sandbox_set_timing(sandbox, 0);
	p = spawn(sandbox, ARGV("true"));
	ck_assert_int_eq(nucleus_process_timing(p, 0, NULL, NULL, &ns), -ENODATA);
	ck_assert_uint_eq(ns, 42);
	expect(p, NUCLEUS_OUTCOME_EXITED, 0);
	nucleus_sandbox_set_timing(sandbox, 1);
	run(sandbox, ARGV("true"));
}
END_TEST

/* One that was made ahead tells what is done at the start; it need not have been made with timing. */
START_TEST(prepared_sandboxes_tell_of_the_start_only)
{
	nucleus_process *p;

	ck_assert_int_eq(nucleus_sandbox_set_timing(sandbox, 0), 0);
	ck_assert_int_eq(nucleus_sandbox_prepare(sandbox, 2, NULL), 0);
	for (int i = 0; i < 3; i++)
		expect(spawn(sandbox, ARGV("true")), NUCLEUS_OUTCOME_EXITED, 0);
	nucleus_sandbox_set_timing(sandbox, 1);
	for (int i = 0; i < 6; i++) {
		const struct rows r = run(sandbox, ARGV("true"));

		ck_assert(r.prepared);
		/* Nothing of the child; of init no more than a fork, if it was not done ahead as well. */
		ck_assert_msg(!strcmp(r.sides, "pk") || !strcmp(r.sides, "pipk"), "%s", r.sides);
	}
	nucleus_sandbox_set_timing(sandbox, 0);
	p = spawn(sandbox, ARGV("true"));
	ck_assert_int_eq(nucleus_process_timing(p, 0, NULL, NULL, NULL), -ENODATA);
	expect(p, NUCLEUS_OUTCOME_EXITED, 0);
}
END_TEST

/* A program that looks for the page: among its descriptors and mappings, and those of init. */
START_TEST(no_program_has_the_page)
{
	static const char look[] =
		"for f in /proc/self/fd/* /proc/1/fd/* /proc/1/map_files/*; do readlink $f; done 2>/dev/null;"
		"cat /proc/self/maps /proc/1/maps 2>/dev/null; "
		"(echo x >/proc/1/mem) 2>/dev/null && echo wrote init; true";
	char *text;

	for (int prepared = 0; prepared < 2; prepared++) {
		ck_assert_int_eq(nucleus_sandbox_prepare(sandbox, prepared ? 1 : 0, NULL), 0);
		make_pipe(out);
		ck_assert_int_eq(nucleus_sandbox_set_stdio(sandbox, -1, out[1], -1), 0);
		run(sandbox, ARGV("sh", "-c", look));
		nucleus_sandbox_prepare(sandbox, 0, NULL);
		close(out[1]);
		text = read_all(out[0]);
		ck_assert_ptr_null(strstr(text, "nucleus"));
		ck_assert_ptr_null(strstr(text, "memfd"));
		ck_assert_ptr_null(strstr(text, "wrote"));
		ck_assert_ptr_nonnull(strstr(text, "[stack]")); /* it could look */
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("timing");
	TCase *t = tcase_create("timing");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, every_step_has_a_row_and_the_sum_is_the_whole);
	tcase_add_test(t, the_same_with_other_policies);
	tcase_add_test(t, the_end_is_told_when_it_is_known);
	tcase_add_test(t, it_changes_nothing_else_and_can_be_turned_off);
	tcase_add_test(t, prepared_sandboxes_tell_of_the_start_only);
	tcase_add_test(t, no_program_has_the_page);
	suite_add_tcase(s, t);
	return run_suite(s);
}
