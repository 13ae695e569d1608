/* SPDX-License-Identifier: MIT */
/* What was seen against the built-in list: a line for each call of which one has more than the other. */
#include "seccomp_internal.h"
#include "learn_profile.h"

static bool meets(const struct nuc_clause *c, const uint64_t args[6])
{
	for (unsigned int i = 0; i < c->count; i++)
		if (((uint32_t)args[c->cmp[i].arg] & c->cmp[i].mask) != c->cmp[i].value)
			return false;
	return true;
}

/* Whether the built-in list runs a call in this form. */
static bool builtin_allows(int nr, const struct nuc_matter *m, const struct nuc_learn_form *f)
{
	const unsigned int flags = nuc_seccomp_flags(&(struct nuc_seccomp_params){ .network = true });
	const struct nuc_rule *rule;
	uint64_t args[6] = { 0 };

	for (unsigned int i = 0; m && f && i < m->count; i++)
		args[m->arg[i].arg] = f->values[i];
	for (size_t i = 0; (rule = nuc_seccomp_allow_rule(flags, i)); i++) {
		if (nuc_syscall_number(rule->row.name) != nr)
			continue;
		if (!rule->clauses[0])
			return true;
		for (size_t k = 0; k < NUC_RULE_CLAUSES && rule->clauses[k]; k++)
			for (size_t n = 0; n < rule->clauses[k]->count; n++)
				if (meets(&rule->clauses[k]->clause[n], args))
					return true;
		return false;
	}
	return false;
}

static void put_difference(struct nuc_buf *b, int nr, const struct nuc_learn_form *f,
			   const char *comment)
{
	const struct nuc_matter *m = nuc_matter_of(nr);

	nuc_buf_printf(b, "+ %s", nuc_syscall_name(nr));
	for (unsigned int i = 0; m && f && i < m->count; i++)
		nuc_buf_printf(b, "%s%s %s0x%x", i ? ", " : "(", m->arg[i].name,
			       m->arg[i].kind == NUC_MATTER_BITS ? "within " : "", f->values[i]);
	nuc_buf_printf(b, "%s\t%s\n", m && f ? ")" : "", comment);
}

int nuc_learn_difference(struct nuc_learn_profile *p, char **ret)
{
	_cleanup_buf_ struct nuc_buf more = { 0 }, less = { 0 };
	int calls[NUC_CALLS] = { 0 }, r = 0;
	size_t n = nuc_learn_sorted(calls), extra = 0, unused = 0;

	for (size_t i = 0; i < n; i++) {
		int nr = calls[i];
		const struct nuc_learn_use *u = &p->use[nr];
		const struct nuc_matter *m = nuc_matter_of(nr);
		_cleanup_free_ char *comment = NULL;
		bool whole = !m || u->n_forms > NUC_LEARN_FORMS, listed;
		const struct nuc_seccomp_row *row;

		listed = false;
		for (size_t k = 0;
		     (row = nuc_seccomp_allowed(&(struct nuc_seccomp_params){ .network = true }, k)); k++)
			listed |= !strcmp(row->name, nuc_syscall_name(nr));
		if (listed && !nuc_learn_is_in(u)) {
			nuc_buf_printf(&less, "- %s\n", nuc_syscall_name(nr));
			unused++;
		}
		if (!u->run)
			continue;
		r = nuc_learn_comment(p, nr, &comment);
		if (r < 0)
			return r;
		for (size_t k = 0; k < (whole ? 1 : u->n_forms); k++) {
			const struct nuc_learn_form *f = whole ? NULL : &u->forms[k];

			if (builtin_allows(nr, m, f))
				continue;
			put_difference(&more, nr, f, comment);
			extra++;
		}
	}
	if (less.len)
		nuc_buf_add(&more, less.s, less.len);
	nuc_buf_printf(&p->notes,
		       "+ %zu that the built-in list refuses; - %zu that it allows and that were not seen\n",
		       extra, unused);
	return more.failed || less.failed ? -ENOMEM : nuc_buf_take(&more, ret);
}
