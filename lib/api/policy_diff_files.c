/* SPDX-License-Identifier: MIT */
/* Two seccomp profiles, capabilities policies or Landlock policies: what each lets a program do. */
#include <linux/seccomp.h>
#include <sys/utsname.h>

#include "caps_file.h"
#include "dangerous.h"
#include "landlock_file.h"
#include "policy_diff.h"
#include "verdict.h"
#include "why.h"

/* ---- seccomp: every call that has a name, and those that have none --------------------------------- */

static int read_profile(const struct nuc_diff_file *f, struct nuc_verdicts *ret,
			nucleus_error **ret_err)
{
	_cleanup_profile_ struct nuc_profile *profile = NULL;
	struct nuc_profile_target target = { 0 };
	struct utsname u;
	int r;

	/* Both for the kernel that runs, and without any capability, as sandboxes are. */
	if (uname(&u) == 0 &&
	    sscanf(u.release, "%d.%d", &target.kernel_major, &target.kernel_minor) != 2)
		target = (struct nuc_profile_target){ 0 };
	r = nuc_profile_parse(f->bytes, f->len, f->path, &profile, ret_err);
	return r < 0 ? r : nuc_verdicts_of_profile(profile, &target, ret);
}

static void call_in_words(const struct nuc_verdict *v, struct nuc_buf *ret)
{
	char buf[NUC_ACTION_SIZE];

	nuc_buf_puts(ret, v->words ? v->words : nuc_action_words(v->action, buf));
}

static enum nuc_diff_side side_of_call(const struct nuc_verdict *a, const struct nuc_verdict *b)
{
	bool all_a = nuc_verdict_always_allows(a), all_b = nuc_verdict_always_allows(b);

	if (a->passes != b->passes)
		return b->passes ? NUC_DIFF_MORE : NUC_DIFF_LESS;
	if (a->passes && all_a != all_b)
		return all_b ? NUC_DIFF_MORE : NUC_DIFF_LESS;
	return NUC_DIFF_CHANGED;
}

/* Both refuse it, only that the program is told another errno. */
static bool only_errno(const struct nuc_verdict *a, const struct nuc_verdict *b)
{
	return !a->passes && !b->passes && !a->words && !b->words &&
	       (a->action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO &&
	       (b->action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO;
}

/*
 * One line for all of these from one errno to another: numbers past the last that a profile names are
 * ENOSYS, so that one more name may change hundreds.
 */
static void diff_errnos(const struct nuc_verdicts *a, const struct nuc_verdicts *b, size_t i,
			struct nuc_diff *d)
{
	char before[NUC_ACTION_SIZE], after[NUC_ACTION_SIZE], subject[48];
	size_t n = 0;

	if (!only_errno(&a->v[i], &b->v[i]) || a->v[i].action == b->v[i].action)
		return;
	for (size_t k = 0; k < a->n && k < b->n; k++) {
		if (!only_errno(&a->v[k], &b->v[k]) || a->v[k].action != a->v[i].action ||
		    b->v[k].action != b->v[i].action)
			continue;
		if (k < i)
			return; /* told */
		n++;
	}
	snprintf(subject, sizeof(subject), n == 1 ? "%s" : "%s and %zu others", a->v[i].name,
		 n - 1);
	nuc_diff_add(d, NUC_DIFF_CHANGED, "syscall", subject,
		     nuc_action_words(a->v[i].action, before),
		     nuc_action_words(b->v[i].action, after), "refused as before");
}

static void diff_call(const struct nuc_verdict *a, const struct nuc_verdict *b, struct nuc_diff *d)
{
	_cleanup_buf_ struct nuc_buf before = { 0 }, after = { 0 };
	const struct nuc_danger *danger = nuc_danger_of(a->name);
	enum nuc_diff_side side = side_of_call(a, b);

	call_in_words(a, &before);
	call_in_words(b, &after);
	d->failed |= before.failed || after.failed;
	if (d->failed || !strcmp(before.s, after.s))
		return;
	nuc_diff_add(d, side, "syscall", a->name, before.s, after.s,
		     danger && side != NUC_DIFF_LESS && b->passes ? danger->reason : NULL);
}

int nuc_diff_profiles(const struct nuc_diff_file *a, const struct nuc_diff_file *b,
		      struct nuc_diff *d, nucleus_error **ret_err)
{
	_cleanup_verdicts_ struct nuc_verdicts va = { 0 }, vb = { 0 };
	char before[NUC_ACTION_SIZE], after[NUC_ACTION_SIZE];
	int r = read_profile(a, &va, ret_err);

	if (r == 0)
		r = read_profile(b, &vb, ret_err);
	if (r < 0)
		return r;
	/* All calls that have a name, by number, in both. */
	for (size_t i = 0; i < va.n && i < vb.n; i++) {
		if (!only_errno(&va.v[i], &vb.v[i]))
			diff_call(&va.v[i], &vb.v[i], d);
		diff_errnos(&va, &vb, i, d);
	}
	if (va.other != vb.other) {
		const struct nuc_verdict other_a = { .action = va.other, .passes = va.other == SECCOMP_RET_ALLOW };
		const struct nuc_verdict other_b = { .action = vb.other, .passes = vb.other == SECCOMP_RET_ALLOW };

		nuc_diff_add(d, side_of_call(&other_a, &other_b), "syscall", "(newer than these)",
			     nuc_action_words(va.other, before), nuc_action_words(vb.other, after),
			     NULL);
	}
	return 0;
}

/* ---- capabilities ------------------------------------------------------------------------------------- */

int nuc_diff_caps(const struct nuc_diff_file *a, const struct nuc_diff_file *b, struct nuc_diff *d,
		  nucleus_error **ret_err)
{
	struct nuc_caps_file fa, fb;
	int r = nuc_caps_file_read(a->bytes, a->len, a->path, &fa, ret_err);

	if (r == 0)
		r = nuc_caps_file_read(b->bytes, b->len, b->path, &fb, ret_err);
	if (r < 0)
		return r;
	for (unsigned int cap = 0; cap < NUC_CAP_MAX; cap++) {
		_cleanup_buf_ struct nuc_buf name = { 0 };

		nuc_capability_names(&name, NUC_CAP_BIT(cap), ",");
		d->failed |= name.failed;
		for (int set = 0; set < NUC_CAPSET__COUNT && !d->failed; set++) {
			bool before = fa.set[set] & NUC_CAP_BIT(cap),
			     after = fb.set[set] & NUC_CAP_BIT(cap);
			const char *in = nuc_capset_name((enum nuc_capset)set);

			if (before != after)
				nuc_diff_add(d, after ? NUC_DIFF_MORE : NUC_DIFF_LESS, "capability",
					     name.s, before ? in : NULL, after ? in : NULL,
					     after ? nuc_capability(cap)->what : NULL);
		}
	}
	return 0;
}

/* ---- Landlock ------------------------------------------------------------------------------------------ */

static bool is_at_or_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return n == 1 || (!strncmp(path, top, n) && (!path[n] || path[n] == '/'));
}

/* What the rules grant at a path: those of what it is in count, too. */
static uint32_t granted(const struct nuc_landlock_file *f, const char *path)
{
	uint32_t access = 0;

	for (size_t i = 0; i < f->n_rules; i++)
		if (is_at_or_below(path, f->rules[i].path))
			access |= f->rules[i].access;
	return access;
}

static bool has_rule(const struct nuc_landlock_file *f, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(f->rules[i].path, path))
			return true;
	return false;
}

static void diff_rights(struct nuc_diff *d, enum nuc_diff_side side, const char *path,
			uint32_t rights)
{
	_cleanup_buf_ struct nuc_buf names = { 0 };

	if (!rights)
		return;
	nuc_landlock_names(&names, rights);
	d->failed |= names.failed;
	if (!names.failed)
		nuc_diff_add(d, side, "path", path, side == NUC_DIFF_LESS ? names.s : NULL,
			     side == NUC_DIFF_MORE ? names.s : NULL,
			     side == NUC_DIFF_MORE ? nuc_sensitive_path(path) : NULL);
}

static void diff_path(const struct nuc_landlock_file *a, const struct nuc_landlock_file *b,
		      const char *path, struct nuc_diff *d)
{
	uint32_t before = granted(a, path), after = granted(b, path);

	diff_rights(d, NUC_DIFF_MORE, path, after & ~before);
	diff_rights(d, NUC_DIFF_LESS, path, before & ~after);
}

static uint32_t rights_of_port(const struct nuc_landlock_file *f, uint16_t port)
{
	for (size_t i = 0; i < f->n_ports; i++)
		if (f->ports[i].port == port)
			return f->ports[i].rights;
	return 0;
}

static void diff_port(const struct nuc_landlock_file *a, const struct nuc_landlock_file *b,
		      uint16_t port, struct nuc_diff *d)
{
	static const struct {
		uint32_t right;
		const char *word;
	} rights[] = { { NUC_LL_NET_BIND_TCP, "bind" }, { NUC_LL_NET_CONNECT_TCP, "connect" } };
	uint32_t before = rights_of_port(a, port), after = rights_of_port(b, port);
	char subject[8];

	snprintf(subject, sizeof(subject), "%u", port);
	for (size_t i = 0; i < NUC_ARRAY_SIZE(rights); i++) {
		bool had = before & rights[i].right, has = after & rights[i].right;

		if (had != has)
			nuc_diff_add(d, has ? NUC_DIFF_MORE : NUC_DIFF_LESS, "port", subject,
				     had ? rights[i].word : NULL, has ? rights[i].word : NULL,
				     NULL);
	}
}

static void diff_scope(uint32_t before, uint32_t after, struct nuc_diff *d)
{
	static const struct {
		uint32_t bit;
		const char *name, *note;
	} scopes[] = {
		{ NUC_LL_SCOPE_ABSTRACT_UNIX, "abstract-unix-socket",
		  "abstract sockets of programs outside of the policy" },
		{ NUC_LL_SCOPE_SIGNAL, "signal", "signals to programs outside of the policy" },
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(scopes); i++) {
		bool had = before & scopes[i].bit, has = after & scopes[i].bit;

		if (had != has)
			nuc_diff_add(d, had ? NUC_DIFF_MORE : NUC_DIFF_LESS, "scope",
				     scopes[i].name, had ? "closed" : "open",
				     has ? "closed" : "open", scopes[i].note);
	}
}

int nuc_diff_landlock(const struct nuc_diff_file *a, const struct nuc_diff_file *b,
		      struct nuc_diff *d, nucleus_error **ret_err)
{
	_cleanup_landlock_file_ struct nuc_landlock_file fa = { 0 }, fb = { 0 };
	char before[16], after[16];
	int r = nuc_landlock_file_read(a->bytes, a->len, a->path, &fa, ret_err);

	if (r == 0)
		r = nuc_landlock_file_read(b->bytes, b->len, b->path, &fb, ret_err);
	if (r < 0)
		return r;
	/* Each path that one of them names, once. */
	for (size_t i = 0; i < fa.n_rules; i++)
		if (!has_rule(&fa, i, fa.rules[i].path))
			diff_path(&fa, &fb, fa.rules[i].path, d);
	for (size_t i = 0; i < fb.n_rules; i++)
		if (!has_rule(&fb, i, fb.rules[i].path) &&
		    !has_rule(&fa, fa.n_rules, fb.rules[i].path))
			diff_path(&fa, &fb, fb.rules[i].path, d);
	for (size_t i = 0; i < fa.n_ports; i++)
		diff_port(&fa, &fb, fa.ports[i].port, d);
	for (size_t i = 0; i < fb.n_ports; i++)
		if (!rights_of_port(&fa, fb.ports[i].port))
			diff_port(&fa, &fb, fb.ports[i].port, d);
	diff_scope(fa.scoped, fb.scoped, d);
	if (fa.min_abi != fb.min_abi) {
		snprintf(before, sizeof(before), "%d", fa.min_abi);
		snprintf(after, sizeof(after), "%d", fb.min_abi);
		/* A lower one runs where less is enforced. */
		nuc_diff_add(d, fb.min_abi < fa.min_abi ? NUC_DIFF_MORE : NUC_DIFF_LESS, "option",
			     "min_abi", before, after, NULL);
	}
	return 0;
}
