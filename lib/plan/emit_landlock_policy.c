/* SPDX-License-Identifier: MIT */
/*
 * Emitter of the Landlock policy that a user gave: a layer of its own above the rules that follow from
 * the mounts, so that it can only take away.
 */
#include "builder.h"
#include "landlock_file.h"

struct emit {
	struct nuc_builder *b;
	const struct nuc_landlock_file *f;
	const char *file;	/* its name, for origins */
	int abi;
};

/* A rule that is going to be a step: the path is where it really is. */
struct resolved {
	char *path, *origin;
	uint32_t rights;
	bool optional;
};

static char *origin_of(const struct emit *e, struct nuc_landlock_pos at)
{
	return at.line ? nuc_strf("%s:%u:%u", e->file, at.line, at.col) : nuc_strf("%s", e->file);
}

static int check_abi(const struct emit *e)
{
	struct nuc_builder *b = e->b;
	_cleanup_free_ char *origin = origin_of(e, e->f->min_abi_at);

	if (!origin)
		return -ENOMEM;
	if (nuc_policy_int(b->policy, NUC_OPT_LANDLOCK) == 1)
		return nuc_b_fail(b, -EINVAL, "landlock",
				  nuc_policy_origin(b->policy, NUC_OPT_LANDLOCK_POLICY),
				  "remove security.landlock = \"off\", or the policy",
				  "there is a Landlock policy, but Landlock is switched off");
	/* In every mode: who wrote the file said what it is worth nothing without. */
	if (!e->abi)
		return nuc_b_fail(b, -ENOTSUP, "landlock", origin,
				  "boot with lsm=landlock,... or use a kernel that has it",
				  "the Landlock policy needs ABI %d, and this kernel has no Landlock",
				  e->f->min_abi);
	if (e->abi < e->f->min_abi)
		return nuc_b_fail(b, -ENOTSUP, "landlock", origin,
				  "use a newer kernel, or lower min_abi",
				  "the Landlock policy needs ABI %d, and this kernel has %d",
				  e->f->min_abi, e->abi);
	return 0;
}

/* Whether what the file asks for by name is there: rights of paths without which less is refused. */
static int check_features(const struct emit *e)
{
	struct nuc_builder *b = e->b;
	_cleanup_free_ char *net = origin_of(e, e->f->net_at),
			    *scope = origin_of(e, e->f->scope_at);
	int r = 0;

	if (!net || !scope)
		return -ENOMEM;
	if (e->f->net_at.line && e->abi < 4)
		r = nuc_b_missing(b, NUC_MECH_LANDLOCK, net, "port rules need Landlock ABI 4",
				  "use Linux 6.7 or newer");
	if (r == 0 && e->f->scope_at.line && e->f->scoped && e->abi < 6)
		r = nuc_b_missing(b, NUC_MECH_LANDLOCK, scope, "[scope] needs Landlock ABI 6",
				  "use Linux 6.12 or newer");
	return r;
}

static int fail_path(const struct emit *e, const struct nuc_landlock_rule *rule, const char *origin,
		     int r)
{
	struct nuc_builder *b = e->b;

	switch (r) {
	case -EINVAL:
		return nuc_b_fail(b, r, "landlock", origin,
				  "name /proc, or leave it out: standard input and output are open already",
				  "%s is something else in each process", rule->path);
	case -ELOOP:
		return nuc_b_fail(b, r, "landlock", origin, "name what it should lead to",
				  "%s: its symbolic links lead nowhere", rule->path);
	case -ESTALE:
		return nuc_b_fail(b, r, "landlock", origin, "start again when nobody changes it",
				  "%s was moved while it was looked at", rule->path);
	default:
		return nuc_b_fail(b, r, "landlock", origin, NULL, "cannot look at %s: %s",
				  rule->path, strerror(-r));
	}
}

static int resolve(const struct emit *e, const struct nuc_landlock_rule *rule, struct resolved *ret)
{
	_cleanup_free_ struct nuc_inside *inside = malloc(sizeof(*inside));
	struct nuc_builder *b = e->b;
	int r;

	ret->origin = origin_of(e, rule->at);
	if (!inside || !ret->origin)
		return -ENOMEM;
	r = nuc_b_inside(b, rule->path, inside);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return fail_path(e, rule, ret->origin, r);
	ret->optional = rule->optional;
	ret->rights = rule->access & nuc_landlock_rights(e->abi);
	if (inside->kind == NUC_INSIDE_MISSING && !rule->optional) {
		if (b->mode != NUC_MODE_AGENT)
			return nuc_b_fail(b, -ENOENT, "landlock", ret->origin,
					  "correct the path, or add optional = true",
					  "%s does not exist in the sandbox", rule->path);
		nuc_buf_printf(&b->warnings,
			       "Landlock policy: %s does not exist in the sandbox: its rule "
			       "grants nothing",
			       rule->path);
		nuc_buf_add(&b->warnings, "", 1);
		ret->optional = true;
	}
	if (inside->kind == NUC_INSIDE_FILE) {
		if (!(rule->access & NUC_LL_OF_FILES))
			return nuc_b_fail(b, -ENOTDIR, "landlock", ret->origin,
					  "name the directory that it is in",
					  "%s is a file, and the rule has only rights of directories",
					  rule->path);
		ret->rights &= NUC_LL_OF_FILES;
	}
	ret->path = strdup(inside->path);
	return ret->path ? 0 : -ENOMEM;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct resolved *)a)->path, ((const struct resolved *)b)->path);
}

static void emit_rules(const struct emit *e, struct resolved *all, size_t n)
{
	struct nuc_builder *b = e->b;

	if (n)
		qsort(all, n, sizeof(*all), by_path);
	for (size_t i = 0; i < n; i++) {
		struct nuc_step *s;

		/* Two names of one place are one rule, as the kernel would have it. */
		if (i + 1 < n && !strcmp(all[i].path, all[i + 1].path)) {
			all[i + 1].rights |= all[i].rights;
			all[i + 1].optional &= all[i].optional;
			continue;
		}
		/* All that it grants is unknown to this kernel, and not restricted either. */
		if (!all[i].rights)
			continue;
		s = nuc_b_step(b, NUC_PROG_INIT, NUC_OP_LANDLOCK_POLICY_PATH, all[i].origin,
			       nuc_b_str(b, all[i].path), all[i].rights, 0);
		s->in = NUC_SLOT_LANDLOCK_POLICY;
		s->flags = all[i].optional ? NUC_STEP_OPTIONAL : 0;
	}
}

static void note_unknown(const struct emit *e)
{
	uint32_t unknown = 0;
	_cleanup_buf_ struct nuc_buf names = { 0 };

	for (size_t i = 0; i < e->f->n_rules; i++)
		if (e->f->rules[i].access != NUC_LL_ALL)
			unknown |= e->f->rules[i].access & ~nuc_landlock_rights(e->abi);
	if (!unknown)
		return;
	nuc_landlock_names(&names, unknown);
	if (names.failed) {
		e->b->failed = true;
		return;
	}
	nuc_buf_printf(&e->b->notes,
		       "Landlock policy: neither restricted nor granted by ABI %d: %s", e->abi,
		       names.s);
	nuc_buf_add(&e->b->notes, "", 1);
}

static int emit(const struct emit *e)
{
	struct nuc_builder *b = e->b;
	const char *origin = nuc_policy_origin(b->policy, NUC_OPT_LANDLOCK_POLICY);
	struct nuc_landlock_attr attr = { .fs = nuc_landlock_rights(e->abi) };
	size_t n = e->f->n_rules, done = 0;
	struct resolved *all = calloc(n + 1, sizeof(*all));
	int r = 0;

	if (!all)
		return -ENOMEM;
	/* Nothing is granted that no rule grants: ports too, also without any [[net]]. */
	if (e->abi >= 4)
		attr.net = NUC_LL_NET_BIND_TCP | NUC_LL_NET_CONNECT_TCP;
	if (e->abi >= 6)
		attr.scoped = e->f->scoped;
	while (r == 0 && done < n) {
		r = resolve(e, &e->f->rules[done], &all[done]);
		done++;
	}
	if (r == 0) {
		nuc_b_step(b, NUC_PROG_INIT, NUC_OP_LANDLOCK_POLICY_RULESET, origin,
			   nuc_b_bytes(b, &attr, sizeof(attr)), nuc_b_str(b, e->file), 0)
			->out = NUC_SLOT_LANDLOCK_POLICY;
		emit_rules(e, all, n);
		for (size_t i = 0; i < e->f->n_ports && e->abi >= 4; i++)
			nuc_b_step(b, NUC_PROG_INIT, NUC_OP_LANDLOCK_POLICY_PORT, origin,
				   e->f->ports[i].port, e->f->ports[i].rights, 0)
				->in = NUC_SLOT_LANDLOCK_POLICY;
		nuc_emit_landlock_restrict(b, NUC_OP_LANDLOCK_POLICY_RESTRICT, origin,
					   NUC_SLOT_LANDLOCK_POLICY);
		note_unknown(e);
	}
	for (size_t i = 0; i < done; i++) {
		free(all[i].path);
		free(all[i].origin);
	}
	free(all);
	return r;
}

int nuc_emit_landlock_policy(struct nuc_builder *b)
{
	_cleanup_policy_file_ struct nuc_policy_file bytes = { 0 };
	_cleanup_landlock_file_ struct nuc_landlock_file f = { 0 };
	struct nuc_policy_file_wanted wanted;
	struct emit e = { .b = b, .f = &f };
	int r;

	if (!nuc_policy_file_of(b->policy, NUC_FILE_LANDLOCK, &wanted))
		return 0;
	e.file = wanted.path;
	if (b->head.mechanisms & (1u << NUC_MECH_LANDLOCK))
		e.abi = b->world->facts.landlock_abi;
	r = b->world->read_policy_file(b->world, &wanted, &bytes, b->err);
	if (r == 0)
		r = nuc_landlock_file_read(bytes.bytes, bytes.len, wanted.path, &f, b->err);
	if (r == 0)
		r = check_abi(&e);
	if (r == 0)
		r = check_features(&e);
	if (r == 0)
		r = emit(&e);
	if (r == 0)
		b->head.policy_files |= 1u << NUC_FILE_LANDLOCK;
	return r;
}
