/* SPDX-License-Identifier: MIT */
/*
 * Who decides what a start is granted. What programs write to the host stays there when they have ended, and the
 * next start of the same policy finds it: a symbolic link on the way to a source shows whatever it names, a
 * file that says what is granted says what they wrote. Each is told, or refused where the mode has it so.
 */
#include "builder.h"

/* Mode and all: an error, or a warning that says the same. */
static int refuse(struct nuc_builder *b, const char *layer, const char *origin, const char *mend, const char *what)
{
	if (nuc_mode_unchosen(b->mode) == NUC_NEED_REQUIRED)
		return nuc_b_fail(b, -EPERM, layer, origin, mend, "mode %s refuses %s", nuc_mode_name(b->mode), what);
	nuc_buf_printf(&b->warnings, "%s: %s; %s", origin, what, mend);
	nuc_buf_add(&b->warnings, "", 1);
	return 0;
}

static int cannot_look(struct nuc_builder *b, int r, const char *path, const char *origin)
{
	return nuc_b_fail(b, r, "file", origin, NULL, "cannot follow %s: %s", path, strerror(-r));
}

/*
 * Names that are no links lead to what is in the tree anyway. Whoever exchanges links meanwhile has the walk arrive
 * elsewhere than the look did; what is bound is what that saw.
 */
static int check_source(struct nuc_builder *b, const struct nuc_indirect *s)
{
	_cleanup_free_ char *link = NULL, *what = NULL;
	struct nuc_file_id end = { 0 };
	int r = b->world->walk(b->world, s->path, b->writable, b->n_writable, true, &end, &link);

	if (r < 0)
		return cannot_look(b, r, s->path, s->origin);
	if (r == 0) {
		if (end.dev == s->id.dev && end.ino == s->id.ino)
			return 0;
		return nuc_b_fail(b, -ESTALE, "mount", s->origin, "start it again", "%s was replaced just now",
				  s->path);
	}
	what = nuc_strf("%s: the program can replace the symbolic link %s, which decides where it leads", s->path,
			link);
	return what ? refuse(b, "mount", s->origin,
			     "name the path itself, or keep the link outside of what the program can write to", what)
		    : -ENOMEM;
}

static int check_file(struct nuc_builder *b, const char *path, const char *origin, const char *mend)
{
	_cleanup_free_ char *name = NULL, *what = NULL;
	struct nuc_file_id end;
	int r = b->world->walk(b->world, path, b->writable, b->n_writable, false, &end, &name);

	if (r <= 0)
		return r < 0 ? cannot_look(b, r, path, origin) : 0;
	what = nuc_strf("%s: the program could write to %s, or put another in its place", path, name);
	return what ? refuse(b, "file", origin, mend, what) : -ENOMEM;
}

/* A pin or a signature says which bytes are meant, wherever they are; nothing says that of the key. */
static int check_policy_files(struct nuc_builder *b)
{
	const char *key = nuc_policy_str(b->policy, NUC_OPT_POLICY_KEY);
	int r = 0;

	for (int kind = 0; r == 0 && kind < NUC_FILE__COUNT; kind++) {
		struct nuc_policy_file_wanted f;
		_cleanup_free_ char *mend = NULL;

		if (!nuc_policy_file_of(b->policy, (enum nuc_policy_file_kind)kind, &f) || f.sha256 || f.key)
			continue;
		mend = nuc_strf("keep it outside of what the program can write to, or pin it: %s-sha256",
				nuc_policy_file_flag((enum nuc_policy_file_kind)kind));
		r = mend ? check_file(b, f.path, f.origin, mend) : -ENOMEM;
	}
	if (r == 0 && key)
		r = check_file(b, key, nuc_policy_origin(b->policy, NUC_OPT_POLICY_KEY),
			       "keep the key outside of what the program can write to");
	return r;
}

int nuc_emit_unchosen(struct nuc_builder *b)
{
	int r = 0;

	if (b->failed || !b->n_writable)
		return b->failed ? -ENOMEM : 0;
	for (size_t i = 0; r == 0 && i < b->n_indirect; i++)
		r = check_source(b, &b->indirect[i]);
	return r < 0 ? r : check_policy_files(b);
}
