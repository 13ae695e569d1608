/* SPDX-License-Identifier: MIT */
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include "bpf.h"
#include "profile_check.h"

#define VECTORS 2000 /* of one call; if there are more combinations, some are tried */
#define NEAR 12

struct question {
	const struct nuc_profile *profile;
	const struct nuc_profile_clause *clauses;
	const size_t *of; /* the call's clauses that have conditions */
	size_t n;
	const struct sock_filter *program;
	size_t program_len;
};

static bool meets(const struct nuc_profile_clause *c, const uint64_t args[6])
{
	for (size_t i = 0; i < c->n_args; i++) {
		const struct nuc_profile_arg *a = &c->args[i];
		uint64_t v = args[a->index];
		bool holds = false;

		switch (a->op) {
		case NUC_PROFILE_NE:
			holds = v != a->value;
			break;
		case NUC_PROFILE_LT:
			holds = v < a->value;
			break;
		case NUC_PROFILE_LE:
			holds = v <= a->value;
			break;
		case NUC_PROFILE_EQ:
			holds = v == a->value;
			break;
		case NUC_PROFILE_GE:
			holds = v >= a->value;
			break;
		case NUC_PROFILE_GT:
			holds = v > a->value;
			break;
		case NUC_PROFILE_MASKED_EQ:
			holds = (v & a->value) == a->value_two;
			break;
		case NUC_PROFILE__OPS:
			break;
		}
		if (!holds)
			return false;
	}
	return true;
}

/* Whether the answer is one that the rules give. */
static bool agrees(const struct question *q, const struct nuc_verdict *v, const uint64_t args[6],
		   struct nuc_profile_difference *d)
{
	struct seccomp_data data = { .nr = v->nr, .arch = AUDIT_ARCH_X86_64 };
	uint32_t action = v->action;
	bool met = false;

	for (size_t i = 0; i < q->n; i++) {
		const struct nuc_profile_clause *c = &q->clauses[q->of[i]];

		if (!meets(c, args))
			continue;
		if (met && c->rule->action != action)
			return true;
		action = c->rule->action;
		met = true;
	}
	memcpy(data.args, args, sizeof(data.args));
	d->program = nuc_bpf_run(q->program, (uint32_t)q->program_len, &data);
	if (d->program == action)
		return true;
	d->verdict = v;
	d->rules = action;
	memcpy(d->args, args, sizeof(d->args));
	return false;
}

/* Values next to the one that is compared with, in each half and in both. */
static void near(const struct nuc_profile_arg *a, uint64_t ret[NEAR])
{
	const uint64_t v = a->value, high = 1ull << 32, low = high - 1;
	const uint64_t values[NEAR] = { v,
					v - 1,
					v + 1,
					v - high,
					v + high,
					v & low,
					v & ~low,
					v | low,
					a->value_two,
					a->value_two | ~v,
					(v & low) << 32,
					v ^ a->value_two };

	memcpy(ret, values, sizeof(values));
}

struct values {
	uint64_t *v;
	size_t n;
};

static void free_values(struct values (*values)[6])
{
	for (size_t i = 0; i < 6; i++)
		free((*values)[i].v);
}

static int collect(const struct question *q, struct values values[6])
{
	size_t count[6] = { 0 };

	for (size_t i = 0; i < q->n; i++)
		for (size_t k = 0; k < q->clauses[q->of[i]].n_args; k++)
			count[q->clauses[q->of[i]].args[k].index] += NEAR;
	for (size_t i = 0; i < 6; i++) {
		values[i].v = calloc(count[i] + 2, sizeof(*values[i].v));
		if (!values[i].v)
			return -ENOMEM;
		values[i].n = 1; /* 0 */
		if (count[i])
			values[i].v[values[i].n++] = UINT64_MAX;
	}
	for (size_t i = 0; i < q->n; i++) {
		const struct nuc_profile_clause *c = &q->clauses[q->of[i]];

		for (size_t k = 0; k < c->n_args; k++) {
			struct values *to = &values[c->args[k].index];

			near(&c->args[k], to->v + to->n);
			to->n += NEAR;
		}
	}
	return 0;
}

static int ask(const struct question *q, const struct nuc_verdict *v,
	       struct nuc_profile_difference *d)
{
	_cleanup_(free_values) struct values values[6] = { 0 };
	uint64_t total = 1, seed = 1;
	int r = collect(q, values);

	if (r < 0)
		return r;
	for (size_t i = 0; i < 6; i++)
		total = total > VECTORS ? total : total * values[i].n;
	for (uint64_t k = 0; k < (total > VECTORS ? VECTORS : total); k++) {
		uint64_t args[6], rest = k;

		for (size_t i = 0; i < 6; i++) {
			if (total > VECTORS) {
				/* Knuth's MMIX generator: the same choice each time. */
				seed = seed * 6364136223846793005ull + 1442695040888963407ull;
				rest = seed >> 33;
			}
			args[i] = values[i].v[rest % values[i].n];
			rest /= values[i].n;
		}
		if (!agrees(q, v, args, d))
			return 1;
	}
	return 0;
}

int nuc_profile_check(const struct nuc_profile *p, const struct nuc_profile_clause *clauses,
		      size_t n, const struct nuc_verdicts *verdicts,
		      const struct sock_filter *program, size_t program_len,
		      struct nuc_profile_difference *ret)
{
	_cleanup_free_ size_t *of = calloc(n + 1, sizeof(*of));
	_cleanup_free_ int *nr = calloc(n + 1, sizeof(*nr));
	int r = of && nr ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < n; i++)
		nr[i] = seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86_64, clauses[i].name);
	for (size_t k = 0; r == 0 && k < verdicts->n; k++) {
		const struct nuc_verdict *v = &verdicts->v[k];
		struct question q = { p, clauses, of, 0, program, program_len };
		struct nuc_profile_difference d = { 0 };

		for (size_t i = 0; i < n; i++) {
			if (nr[i] != v->nr)
				continue;
			d.rule = d.rule ? d.rule : clauses[i].rule;
			if (v->words && clauses[i].rule->action != p->default_action)
				of[q.n++] = i;
		}
		r = ask(&q, v, &d);
		if (r == 1)
			*ret = d;
	}
	return r;
}
