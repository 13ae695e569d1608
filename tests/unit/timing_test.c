/* SPDX-License-Identifier: MIT */
/* What rows are made of the moments that a page tells, true or forged. */
#include "fake_world.h"
#include "timing.h"
#include "../run_suite.h"

#define BEGAN 1000000u
#define OPENED 1000500u
#define BEGUN 1002000u
#define NOW 9000000u
#define ENDED 9500000u
#define GONE 9700000u

static struct nuc_plan *plan;
static struct nuc_progress *page;
static uint32_t steps, size;

static void set_up(void)
{
	struct nuc_world w = fake_world(false);
	nucleus_policy *policy;

	ck_assert_int_eq(nucleus_policy_new(&policy), 0);
	ck_assert_int_eq(nucleus_policy_set(policy, "mode", "strict-agent", NULL), 0);
	ck_assert_int_eq(nuc_compile(policy, &w, &plan, NULL), 0);
	nucleus_policy_free(policy);
	steps = plan->first[NUC_PROG_INIT] + plan->n[NUC_PROG_INIT];
	size = nuc_progress_size(plan);
	page = calloc(1, size);
	ck_assert_ptr_nonnull(page);
}

static void tear_down(void)
{
	free(page);
	free(plan);
}

static struct nuc_timing *make(bool made)
{
	const struct nuc_moments m = { BEGAN, OPENED, NOW, made };
	struct nuc_timing *t;

	ck_assert_int_eq(nuc_timing_new(plan, &m, page, &t), 0);
	return t;
}

static uint32_t step_of(uint16_t op)
{
	for (uint32_t i = 0; i < steps; i++)
		if (nuc_plan_step(plan, i)->op == op)
			return i;
	ck_abort_msg("no step %d", op);
}

static uint64_t row(struct nuc_timing *t, size_t i, const char *side, const char *what)
{
	const char *s, *w;
	uint64_t ns;

	ck_assert_int_eq(nuc_timing_row(t, plan, i, &s, &w, &ns), 0);
	ck_assert_str_eq(s, side);
	ck_assert_msg(!strncmp(w, what, strlen(what)), "'%s', not '%s'", w, what);
	return ns;
}

/* All rows; none is longer than the whole, as one that ends before it begins would be. */
static uint64_t sum(struct nuc_timing *t, size_t *ret_n)
{
	uint64_t ns, all = 0;
	size_t n = 0;

	for (; nuc_timing_row(t, plan, n, NULL, NULL, &ns) == 0; n++) {
		ck_assert_uint_le(ns, GONE - BEGAN);
		all += ns;
	}
	if (ret_n)
		*ret_n = n;
	return all;
}

/* The child's first step takes 1000 ns, and each after it one more than that before. */
static void honest(void)
{
	uint64_t at = BEGUN, n = 1000;

	page->begun = BEGUN;
	for (uint32_t i = plan->first[NUC_PROG_CHILD]; i < steps; i++)
		page->done[i] = at += n++;
	ck_assert_uint_lt(at, NOW);
	page->done[step_of(NUC_OP_SECCOMP)] = 0; /* nobody could ask the clock */
}

START_TEST(each_row_is_the_time_since_the_one_before)
{
	const uint32_t child = plan->first[NUC_PROG_CHILD], seccomp = step_of(NUC_OP_SECCOMP);
	struct nuc_timing *t;
	bool program = false;
	uint64_t n = 1000;
	size_t last;

	honest();
	/* It took a quarter of the time until the exec, by the counter. */
	page->ticks[0] = 4000;
	page->ticks[1] = 5000;
	page->ticks[2] = 8000;
	t = make(false);
	ck_assert_uint_eq(row(t, 0, "parent", "open-descriptors"), OPENED - BEGAN);
	ck_assert_uint_eq(row(t, 1, "parent", "clone"), BEGUN - OPENED);
	for (uint32_t i = child; i < seccomp; i++, n++) {
		_cleanup_free_ char *words = NULL;

		ck_assert_int_eq(nuc_explain_step(plan, i, &words), 0);
		ck_assert_uint_eq(row(t, 2 + i - child, program	? "program"
							: i < plan->first[NUC_PROG_INIT] ? "child"
											 : "init",
				      words), n);
		program |= nuc_plan_step(plan, i)->op == NUC_OP_FORK;
	}
	last = 2 + seccomp - child;
	ck_assert(program);
	ck_assert_uint_eq(row(t, last, "program", "seccomp"), (n + n + 1) / 4);
	ck_assert_uint_eq(row(t, last + 1, "program", "exec"), n + n + 1 - (n + n + 1) / 4);
	ck_assert_int_eq(nuc_timing_row(t, plan, last + 2, NULL, NULL, NULL), -ENOENT);
	ck_assert_uint_eq(sum(t, NULL), page->done[steps - 1] - BEGAN);

	nuc_timing_end(t, ENDED, GONE);
	ck_assert_uint_eq(row(t, last + 2, "program", "run"), ENDED - page->done[steps - 1]);
	ck_assert_uint_eq(row(t, last + 3, "kernel", "tear-down"), GONE - ENDED);
	ck_assert_int_eq(nuc_timing_row(t, plan, last + 4, NULL, NULL, NULL), -ENOENT);
	ck_assert_uint_eq(sum(t, NULL), GONE - BEGAN);
	nuc_timing_free(t);
}
END_TEST

START_TEST(without_a_counter_seccomp_is_in_the_exec)
{
	const size_t at = 2 + step_of(NUC_OP_SECCOMP) - plan->first[NUC_PROG_CHILD];
	static const uint64_t ticks[][3] = {
		{ 0, 0, 0 }, { 5, 5, 5 }, { 9, 5, 1 }, { 1, 9, 5 }, { 5, 1, 9 }, { 0, 0, 9 }, { 0, 5, 9 }, { UINT64_MAX, 0, UINT64_MAX },
	};

	honest();
	for (size_t i = 0; i < NUC_ARRAY_SIZE(ticks); i++) {
		struct nuc_timing *t;

		memcpy((void *)page->ticks, ticks[i], sizeof(ticks[i]));
		t = make(false);
		row(t, at, "program", "exec");
		ck_assert_uint_eq(sum(t, NULL), page->done[steps - 1] - BEGAN);
		nuc_timing_free(t);
	}
}
END_TEST

START_TEST(what_was_done_ahead_is_in_no_row)
{
	struct nuc_timing *t;
	size_t n;

	honest();
	for (uint32_t i = 0; i < step_of(NUC_OP_FORK); i++)
		page->done[i] = 0;
	t = make(true);
	row(t, 0, "parent", "take-prepared");
	row(t, 1, "parent", "hand-over");
	row(t, 2, "init", "fork");
	row(t, 3, "program", "new-session");
	nuc_timing_end(t, ENDED, GONE);
	ck_assert_uint_eq(sum(t, &n), GONE - BEGAN);
	ck_assert_uint_lt(n, steps - step_of(NUC_OP_FORK) + 5);
	nuc_timing_free(t);
}
END_TEST

START_TEST(a_sandbox_that_was_killed_has_no_tear_down)
{
	struct nuc_timing *t;
	size_t n;

	honest();
	t = make(false);
	nuc_timing_end(t, 0, GONE);
	ck_assert_uint_eq(sum(t, &n), GONE - BEGAN);
	ck_assert_uint_eq(row(t, n - 1, "program", "run"), GONE - page->done[steps - 1]);
	nuc_timing_free(t);
}
END_TEST

/* A page that somebody has forged: whatever it says, the rows are parts of the whole, and the sum is the whole. */
START_TEST(a_forged_page_makes_rows_that_add_up)
{
	unsigned int seed = (unsigned int)_i;

	for (int round = 0; round < 200; round++) {
		struct nuc_timing *t;
		size_t n;

		for (uint32_t i = 0; i < size / 4; i++) {
			const uint32_t r = (uint32_t)rand_r(&seed);
			const uint32_t values[] = { 0, UINT32_MAX, r, BEGAN + r % (GONE - BEGAN), 1u << 31 };

			((uint32_t *)page)[i] = i % 2 && r & 64 ? 0 : values[r % NUC_ARRAY_SIZE(values)];
		}
		t = make(round % 2);
		nuc_timing_end(t, round % 3 ? (uint64_t)rand_r(&seed) << (round % 40) : 0, GONE);
		ck_assert_uint_eq(sum(t, &n), GONE - BEGAN);
		ck_assert_uint_le(n, steps + 4);
		for (size_t i = 0; i < n; i++) {
			const char *what;

			ck_assert_int_eq(nuc_timing_row(t, plan, i, NULL, &what, NULL), 0);
			ck_assert_uint_gt(strlen(what), 0);
		}
		nuc_timing_free(t);
	}
}
END_TEST

START_TEST(a_launch_begins_with_a_clean_page)
{
	memset(page, 0xff, size);
	nuc_timing_start(page, size, true);
	ck_assert_uint_eq(page->timed & NUC_TIMED, NUC_TIMED);
	ck_assert_uint_eq(page->step, UINT32_MAX); /* init's */
	ck_assert_uint_eq(page->begun, 0);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(page->ticks[i], 0);
	for (uint32_t i = 0; i < steps; i++)
		ck_assert_uint_eq(page->done[i], 0);
	nuc_timing_start(page, size, false);
	ck_assert_uint_eq(page->timed, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("timing");
	TCase *t = tcase_create("timing");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, each_row_is_the_time_since_the_one_before);
	tcase_add_test(t, without_a_counter_seccomp_is_in_the_exec);
	tcase_add_test(t, what_was_done_ahead_is_in_no_row);
	tcase_add_test(t, a_sandbox_that_was_killed_has_no_tear_down);
	tcase_add_loop_test(t, a_forged_page_makes_rows_that_add_up, 1, 4);
	tcase_add_test(t, a_launch_begins_with_a_clean_page);
	suite_add_tcase(s, t);
	return run_suite(s);
}
