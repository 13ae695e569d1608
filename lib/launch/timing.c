/* SPDX-License-Identifier: MIT */
/* One row after the other: each ends when something was done, and begins where the one before ended. */
#include <sys/prctl.h>

#include "compile.h"
#include "timing.h"

/* Beside one for each step: open and clone, run and tear-down. */
#define PHASES 4

struct row {
	const char *side, *phase; /* phase is NULL for a step */
	uint32_t step;
	uint64_t ns;
	char *words;	/* of the step, once they were asked for */
};

struct nuc_timing {
	uint64_t last;	/* where the last row ends */
	size_t n;
	struct row rows[];
};

void nuc_timing_start(struct nuc_progress *page, uint32_t size, bool timed)
{
	uint32_t want = 0;
	int tsc = 0;

	if (timed) {
		want = NUC_TIMED;
		if (prctl(PR_GET_TSC, &tsc) == 0 && tsc == PR_TSC_ENABLE)
			want |= NUC_TIMED_TICKS;
		/* What an earlier launch has left would be taken for this one's. */
		memset((void *)&page->begun, 0, size - offsetof(struct nuc_progress, begun));
	}
	if (page->timed != want)
		page->timed = want;
}

/* A row that ends `at`, but not before the last one nor after `now`. 0: it was not done. */
static void add(struct nuc_timing *t, struct row row, uint64_t at, uint64_t now)
{
	if (!at)
		return;
	if (at > now)
		at = now;
	if (at < t->last)
		at = t->last;
	row.ns = at - t->last;
	t->last = at;
	t->rows[t->n++] = row;
}

/*
 * When the filter was loaded, by the counter's part of the time from `begin` to `end`; 0: not known, or done ahead:
 * then there is no figure of a step before it either.
 */
static uint64_t filter_loaded(uint64_t begin, uint64_t end, const volatile uint64_t ticks[3])
{
	const uint64_t from = ticks[0], at = ticks[1], to = ticks[2];

	if (!from || end <= begin || from >= to || at < from || at > to)
		return 0;
	return begin + (uint64_t)((unsigned __int128)(end - begin) * (at - from) / (to - from));
}

int nuc_timing_new(const struct nuc_plan *plan, const struct nuc_moments *m, const struct nuc_progress *page,
		   struct nuc_timing **ret)
{
	static const char *const sides[] = { "parent", "child", "init" };
	const uint32_t steps = plan->first[NUC_PROG_INIT] + plan->n[NUC_PROG_INIT];
	struct nuc_timing *t = calloc(1, sizeof(*t) + (steps + PHASES) * sizeof(t->rows[0]));
	bool forked = false;

	if (!t)
		return -ENOMEM;
	t->last = m->began;
	add(t, (struct row){ "parent", m->made ? "take-prepared" : "open-descriptors", 0, 0, NULL }, m->opened,
	    m->now);
	for (int program = 0; program < NUC_PROG__COUNT; program++) {
		if (program == NUC_PROG_CHILD)
			add(t, (struct row){ "parent", m->made ? "hand-over" : "clone", 0, 0, NULL }, page->begun,
			    m->now);
		for (uint32_t i = 0; i < plan->n[program]; i++) {
			const uint32_t step = plan->first[program] + i;
			const uint16_t op = nuc_plan_step(plan, step)->op;
			uint64_t at = page->done[step];

			if (op == NUC_OP_SECCOMP)
				at = filter_loaded(t->last, page->done[steps - 1], page->ticks);
			add(t, (struct row){ forked ? "program" : sides[program], NULL, step, 0, NULL }, at, m->now);
			forked |= op == NUC_OP_FORK;
		}
	}
	*ret = t;
	return 0;
}

void nuc_timing_end(struct nuc_timing *t, uint64_t ended, uint64_t now)
{
	add(t, (struct row){ "program", "run", 0, 0, NULL }, ended ? ended : now, now);
	if (ended)
		add(t, (struct row){ "kernel", "tear-down", 0, 0, NULL }, now, now);
}

int nuc_timing_row(struct nuc_timing *t, const struct nuc_plan *plan, size_t index, const char **ret_side,
		   const char **ret_what, uint64_t *ret_ns)
{
	struct row *row;

	if (index >= t->n)
		return -ENOENT;
	row = &t->rows[index];
	if (!row->phase && !row->words && nuc_explain_step(plan, row->step, &row->words) < 0)
		return -ENOMEM;
	if (ret_side)
		*ret_side = row->side;
	if (ret_what)
		*ret_what = row->phase ?: row->words;
	if (ret_ns)
		*ret_ns = row->ns;
	return 0;
}

void nuc_timing_free(struct nuc_timing *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		free(t->rows[i].words);
	free(t);
}
