/* SPDX-License-Identifier: MIT */
/* What Landlock's rulesets grant for a path: the one that is made from the mounts, and a policy's. */
#include "landlock_file.h"
#include "why_internal.h"

static uint32_t granted(struct nuc_why_state *w, const struct nuc_why_tree *tree, const char *path,
			uint32_t from, uint32_t to, uint8_t slot)
{
	const struct nuc_plan *p = w->plan;
	_cleanup_free_ char *at = strdup(path);
	char host[4096], rule_host[4096];
	uint32_t rights = 0;

	if (!at) {
		w->failed = true;
		return 0;
	}
	/* From the path up; rules belong to inodes, so one on the same file elsewhere counts, too. */
	for (;;) {
		char *slash;

		nuc_why_host_path(tree, at, host);
		for (uint32_t i = from; i < to; i++) {
			const struct nuc_step *s = nuc_plan_step(p, i);
			const char *rule;

			if ((s->op != NUC_OP_LANDLOCK_PATH &&
			     s->op != NUC_OP_LANDLOCK_POLICY_PATH) ||
			    s->in != slot)
				continue;
			rule = nuc_why_text(p, s->arg[0]);
			nuc_why_host_path(tree, rule, rule_host);
			if (!strcmp(rule, at) || (*host && !strcmp(host, rule_host)))
				rights |= s->arg[1];
		}
		if (!at[1])
			return rights;
		slash = strrchr(at, '/');
		slash[slash == at] = '\0';
	}
}

static void refuse(struct nuc_why_state *w, const struct nuc_why_mount *m, const char *path,
		   uint32_t missing, const struct nuc_step *ruleset)
{
	_cleanup_buf_ struct nuc_buf b = { 0 };
	const char *origin = nuc_why_origin(w->plan, m->step);
	char *fix;

	nuc_print_bits(&b, 'l', missing);
	if (b.failed) {
		w->failed = true;
		return;
	}
	if (ruleset->op == NUC_OP_LANDLOCK_POLICY_RULESET) {
		_cleanup_buf_ struct nuc_buf words = { 0 };

		nuc_landlock_words(&words, missing);
		fix = words.failed || !nuc_why_can_be_quoted(path)
			      ? NULL : nuc_strf("a rule in the Landlock policy: [[rules]] path = \"%s\", access = "
					      "[%s]", path, words.s);
		nuc_why_refuse(w, "landlock", EACCES, nuc_why_origin(w->plan, ruleset), fix,
			       "the Landlock policy does not grant %s for %s", b.s, path);
		return;
	}
	fix = missing & NUC_LL_EXECUTE			      ? nuc_why_fix_mount(w, m, true)
	      : missing & (NUC_LL_READ_FILE | NUC_LL_READ_DIR) ? NULL
							       : nuc_why_fix_mount(w, m, false);
	nuc_why_refuse(w, "landlock", EACCES, origin, fix,
		       "the Landlock rules do not grant %s for %s", b.s, path);
}

void nuc_why_landlock(struct nuc_why_state *w, const struct nuc_why_tree *tree,
		      const struct nuc_why_mount *m, const char *path, uint32_t need)
{
	const struct nuc_plan *p = w->plan;
	uint32_t from = p->first[NUC_PROG_INIT], to = from + p->n[NUC_PROG_INIT];

	for (uint32_t i = from; i < to; i++) {
		const struct nuc_step *s = nuc_plan_step(p, i);
		const struct nuc_landlock_attr *attr;
		uint32_t missing;

		if (s->op != NUC_OP_LANDLOCK_RULESET && s->op != NUC_OP_LANDLOCK_POLICY_RULESET)
			continue;
		attr = nuc_plan_data(p, s->arg[0]);
		missing = need & (uint32_t)attr->fs & ~granted(w, tree, path, from, to, s->out);
		if (missing)
			refuse(w, m, path, missing, s);
	}
}
