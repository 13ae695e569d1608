/* SPDX-License-Identifier: MIT */
/*
 * The rules of a call, put together as libseccomp does (db_rule_add() of its db.c): the first rule
 * without conditions is the call's whatever comes later, and takes the place of those with
 * conditions before it.
 */
#include <linux/seccomp.h>
#include <seccomp.h>

#include "seccomp_internal.h"
#include "verdict.h"

#define NUMBERS 1024 /* libseccomp's names end far below */

const char *nuc_action_words(uint32_t action, char buf[NUC_ACTION_SIZE])
{
	switch (action & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
		return strcpy(buf, "allowed");
	case SECCOMP_RET_LOG:
		return strcpy(buf, "allowed and logged");
	case SECCOMP_RET_TRAP:
		return strcpy(buf, "SIGSYS");
	case SECCOMP_RET_KILL_THREAD:
		return strcpy(buf, "kills the thread");
	case SECCOMP_RET_KILL_PROCESS:
		return strcpy(buf, "kills the process");
	case SECCOMP_RET_ERRNO:
		if (!(action & SECCOMP_RET_DATA))
			return strcpy(buf, "0, not run");
		snprintf(buf, NUC_ACTION_SIZE, "%s",
			 nuc_errno_name((int)(action & SECCOMP_RET_DATA)));
		if (!strcmp(buf, "E?"))
			snprintf(buf, NUC_ACTION_SIZE, "errno %u", action & SECCOMP_RET_DATA);
		return buf;
	default:
		return strcpy(buf, "refused");
	}
}

static bool passes(uint32_t action)
{
	return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

bool nuc_verdict_always_allows(const struct nuc_verdict *v)
{
	return v && passes(v->action) && !v->words;
}

void nuc_verdicts_done(struct nuc_verdicts *v)
{
	for (size_t i = 0; i < v->n; i++) {
		free(v->v[i].name);
		free(v->v[i].words);
	}
	free(v->v);
	*v = (struct nuc_verdicts){ 0 };
}

const struct nuc_verdict *nuc_verdict_find(const struct nuc_verdicts *v, const char *name)
{
	for (size_t i = 0; i < v->n; i++)
		if (!strcmp(v->v[i].name, name))
			return &v->v[i];
	return NULL;
}

/* Each call that has a name, with one action. */
static int all_calls(uint32_t action, struct nuc_verdicts *ret)
{
	struct nuc_verdicts all = { .other = action };

	all.v = calloc(NUMBERS, sizeof(*all.v));
	if (!all.v)
		return -ENOMEM;
	for (int nr = 0; nr < NUMBERS; nr++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, nr);

		if (!name)
			continue;
		all.v[all.n++] = (struct nuc_verdict){ .name = name, .nr = nr, .action = action };
	}
	*ret = all;
	return 0;
}

static struct nuc_verdict *find_number(struct nuc_verdicts *v, const char *name)
{
	int nr = seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86_64, name);

	for (size_t i = 0; nr >= 0 && i < v->n; i++)
		if (v->v[i].nr == nr)
			return &v->v[i];
	return NULL;
}

/* ---- of a profile ---------------------------------------------------------------------------- */

static void print_number(struct nuc_buf *b, uint64_t n)
{
	nuc_buf_printf(b, n < 10 ? "%llu" : "0x%llx", (unsigned long long)n);
}

static void print_clause(struct nuc_buf *b, const struct nuc_profile_clause *c)
{
	static const char *const ops[NUC_PROFILE__OPS] = {
		[NUC_PROFILE_NE] = "!=",       [NUC_PROFILE_LT] = "<",	[NUC_PROFILE_LE] = "<=",
		[NUC_PROFILE_EQ] = "==",       [NUC_PROFILE_GE] = ">=", [NUC_PROFILE_GT] = ">",
		[NUC_PROFILE_MASKED_EQ] = "&",
	};

	for (size_t i = 0; i < c->n_args; i++) {
		nuc_buf_printf(b, "%sarg%u %s ", i ? " and " : "", c->args[i].index,
			       ops[c->args[i].op]);
		print_number(b, c->args[i].value);
		if (c->args[i].op != NUC_PROFILE_MASKED_EQ)
			continue;
		nuc_buf_puts(b, " == ");
		print_number(b, c->args[i].value_two);
	}
}

/* The conditions of one call, which are clauses[of[0]], clauses[of[1]], ..., by what they lead to.
 */
static int print_conditions(const struct nuc_profile_clause *clauses, const size_t *of, size_t n,
			    struct nuc_verdict *v)
{
	struct nuc_buf b = { 0 };
	char buf[NUC_ACTION_SIZE];

	for (size_t i = 0; i < n; i++) {
		uint32_t action = clauses[of[i]].rule->action;
		bool told = false;

		for (size_t k = 0; k < i; k++)
			told |= clauses[of[k]].rule->action == action;
		if (told)
			continue;
		v->passes |= passes(action);
		nuc_buf_printf(&b, "%s%s if ", i ? "; " : "", nuc_action_words(action, buf));
		for (size_t k = i, first = 1; k < n; k++) {
			if (clauses[of[k]].rule->action != action)
				continue;
			nuc_buf_puts(&b, first ? "" : ", or ");
			print_clause(&b, &clauses[of[k]]);
			first = 0;
		}
	}
	nuc_buf_printf(&b, "; else %s", nuc_action_words(v->action, buf));
	return nuc_buf_take(&b, &v->words);
}

int nuc_verdicts_of_clauses(const struct nuc_profile *p, const struct nuc_profile_clause *clauses,
			    size_t n, struct nuc_verdicts *ret)
{
	const uint32_t newest = nuc_profile_newest(p, clauses, n).native;
	_cleanup_verdicts_ struct nuc_verdicts all = { 0 };
	_cleanup_free_ size_t *of = calloc(n + 1, sizeof(*of)); /* of one call: its conditions */
	_cleanup_free_ size_t *call =
		calloc(n + 1, sizeof(*call)); /* which call each clause is of */
	int r = of && call ? all_calls(p->default_action, &all) : -ENOMEM;

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		const struct nuc_verdict *v = find_number(&all, clauses[i].name);

		call[i] = v && clauses[i].rule->action != p->default_action ? (size_t)(v - all.v)
									    : all.n;
	}
	if (newest)
		all.other = SECCOMP_RET_ERRNO | ENOSYS;
	for (size_t k = 0; k < all.n; k++) {
		struct nuc_verdict *v = &all.v[k];
		bool decided = false;
		size_t conditions = 0;

		if (newest && (uint32_t)v->nr > newest)
			v->action = SECCOMP_RET_ERRNO | ENOSYS;
		for (size_t i = 0; i < n && !decided; i++) {
			if (call[i] != k)
				continue;
			decided = !clauses[i].n_args;
			if (decided)
				v->action = clauses[i].rule->action;
			else
				of[conditions++] = i;
		}
		v->passes = passes(v->action);
		r = decided || !conditions ? 0 : print_conditions(clauses, of, conditions, v);
		if (r < 0)
			return r;
	}
	*ret = all;
	all = (struct nuc_verdicts){ 0 };
	return 0;
}

int nuc_verdicts_of_profile(const struct nuc_profile *p, const struct nuc_profile_target *target,
			    struct nuc_verdicts *ret)
{
	_cleanup_free_ struct nuc_profile_clause *clauses = NULL;
	size_t n;
	int r = nuc_profile_expand(p, target, &clauses, &n);

	return r < 0 ? r : nuc_verdicts_of_clauses(p, clauses, n, ret);
}

/* ---- of the built-in list -------------------------------------------------------------------- */

static int add_words(struct nuc_verdict *v, const char *before, const char *words)
{
	char *joined =
		nuc_strf("%s%s%s%s", v->words ? v->words : "", v->words ? "; " : "", before, words);

	if (!joined)
		return -ENOMEM;
	free(v->words);
	v->words = joined;
	return 0;
}

int nuc_verdicts_of_list(const struct nuc_seccomp_params *params, struct nuc_verdicts *ret)
{
	_cleanup_verdicts_ struct nuc_verdicts all = { 0 };
	const unsigned int flags = nuc_seccomp_flags(params);
	const struct nuc_rule *rule;
	const char *name;
	char buf[NUC_ACTION_SIZE];
	struct nuc_verdict *v;
	int r = all_calls(SECCOMP_RET_ERRNO | EPERM, &all);

	for (size_t i = 0; r == 0 && i < all.n; i++)
		if (all.v[i].nr > NUC_SECCOMP_NEWEST)
			all.v[i].action = SECCOMP_RET_ERRNO | ENOSYS;
	all.other = SECCOMP_RET_ERRNO | ENOSYS;
	for (size_t i = 0; r == 0 && (rule = nuc_seccomp_allow_rule(flags, i)); i++) {
		v = find_number(&all, rule->row.name);
		if (!v)
			continue;
		v->passes = true;
		if (!rule->clauses[0])
			v->action = SECCOMP_RET_ALLOW;
		else
			r = add_words(v, "allowed: ", rule->row.filter);
	}
	for (size_t i = 0; r == 0 && (rule = nuc_seccomp_answer_rule(flags, i)); i++) {
		v = find_number(&all, rule->row.name);
		if (!v)
			continue;
		if (!rule->clauses[0])
			v->action = SECCOMP_RET_ERRNO | (uint32_t)rule->error;
		else
			r = add_words(v, "answered ", rule->row.filter);
	}
	for (size_t i = 0; r == 0 && (name = nuc_seccomp_killed(i)); i++) {
		v = find_number(&all, name);
		if (v)
			v->action = SECCOMP_RET_KILL_PROCESS;
	}
	for (size_t i = 0; r == 0 && i < all.n; i++)
		if (all.v[i].words)
			r = add_words(&all.v[i], "else ", nuc_action_words(all.v[i].action, buf));
	if (r < 0)
		return r;
	*ret = all;
	all = (struct nuc_verdicts){ 0 };
	return 0;
}
