/* SPDX-License-Identifier: MIT */
/* nucleus_policy_file_diff(): the reviewer's view of a change. */
#include <jansson.h>

#include "compile.h"
#include "policy_diff.h"
#include "policy_internal.h"
#include "strict_read.h"

static const struct {
	const char *kind;
	int (*diff)(const struct nuc_diff_file *a, const struct nuc_diff_file *b,
		    struct nuc_diff *d, nucleus_error **ret_err);
} kinds[] = {
	{ "policy", nuc_diff_documents },
	{ "seccomp", nuc_diff_profiles },
	{ "caps", nuc_diff_caps },
	{ "landlock", nuc_diff_landlock },
};

/* ---- changes ------------------------------------------------------------------------------------ */

static char *copy(struct nuc_diff *d, const char *s)
{
	char *t = s ? strdup(s) : NULL;

	d->failed |= s && !t;
	return t;
}

void nuc_diff_add(struct nuc_diff *d, enum nuc_diff_side side, const char *what,
		  const char *subject, const char *before, const char *after, const char *note)
{
	struct nuc_diff_change *c = reallocarray(d->changes, d->n + 1, sizeof(*c));

	if (!c) {
		d->failed = true;
		return;
	}
	d->changes = c;
	c[d->n++] = (struct nuc_diff_change){ side,	       what,	       copy(d, subject),
					      copy(d, before), copy(d, after), copy(d, note) };
}

void nuc_diff_done(struct nuc_diff *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->changes[i].subject);
		free(d->changes[i].before);
		free(d->changes[i].after);
		free(d->changes[i].note);
	}
	free(d->changes);
}

/* ---- printers ------------------------------------------------------------------------------------ */

static const char *const side_names[] = { "more", "less", "changed" };

/* Files are somebody's: their names and values may hold what moves a terminal. */
static void put_tame(struct nuc_buf *b, const char *s)
{
	for (; *s; s++)
		nuc_buf_add(b, (unsigned char)*s < 0x20 || *s == 0x7f ? "?" : s, 1);
}

static void print_change(struct nuc_buf *b, const struct nuc_diff_change *c)
{
	nuc_buf_printf(b, "  %c %s ", "+-~"[c->side], c->what);
	put_tame(b, c->subject);
	if (c->before && c->after) {
		nuc_buf_puts(b, ": ");
		put_tame(b, c->before);
		nuc_buf_puts(b, " -> ");
		put_tame(b, c->after);
	} else if (c->before || c->after) {
		nuc_buf_puts(b, ": ");
		put_tame(b, c->before ? c->before : c->after);
	}
	if (c->note) {
		nuc_buf_puts(b, "  (");
		put_tame(b, c->note);
		nuc_buf_puts(b, ")");
	}
	nuc_buf_puts(b, "\n");
}

static int print_text(const struct nuc_diff *d, const char *a, const char *b, char **ret)
{
	static const char *const titles[] = { "allowed only by the second", "no longer allowed by the second",
					      "changed otherwise" };
	struct nuc_buf out = { 0 };

	nuc_buf_puts(&out, "--- ");
	put_tame(&out, a);
	nuc_buf_puts(&out, "\n+++ ");
	put_tame(&out, b);
	nuc_buf_puts(&out, "\n");
	for (unsigned int side = 0; side < NUC_ARRAY_SIZE(titles); side++) {
		bool any = false;

		for (size_t i = 0; i < d->n; i++) {
			if (d->changes[i].side != side)
				continue;
			if (!any)
				nuc_buf_printf(&out, "%s\n", titles[side]);
			any = true;
			print_change(&out, &d->changes[i]);
		}
	}
	/* Equal files need no words, as with diff(1). */
	if (!d->n) {
		nuc_buf_free(&out);
		out = (struct nuc_buf){ 0 };
		nuc_buf_puts(&out, "");
	}
	return nuc_buf_take(&out, ret);
}

static json_t *text_or_null(const char *s)
{
	return s ? nuc_json_text(s, strlen(s)) : json_null();
}

static int print_json(const struct nuc_diff *d, const char *kind, const char *a, const char *b,
		      char **ret)
{
	json_t *changes = json_array(), *o;
	char *s;

	for (size_t i = 0; i < d->n; i++) {
		const struct nuc_diff_change *c = &d->changes[i];

		json_array_append_new(changes,
				      json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "side",
						side_names[c->side], "what", c->what, "subject",
						text_or_null(c->subject), "before", text_or_null(c->before),
						"after", text_or_null(c->after), "note",
						text_or_null(c->note)));
	}
	if (json_array_size(changes) != d->n) {
		json_decref(changes);
		return -ENOMEM;
	}
	o = json_pack("{s:s, s:o, s:o, s:o}", "kind", kind, "a", text_or_null(a), "b", text_or_null(b),
		      "changes", changes);
	s = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	json_decref(o);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

/* ---- both files ------------------------------------------------------------------------------------ */

static int read_file(const char *path, char **ret_bytes, struct nuc_diff_file *ret,
		     const char **ret_kind, nucleus_error **ret_err)
{
	const struct nuc_strict file = { .path = path, .origin = path, .max = NUC_DOC_MAX_BYTES };
	int r = nuc_strict_read(&file, ret_bytes, &ret->len, ret_err);

	ret->path = path;
	ret->bytes = *ret_bytes;
	return r < 0 ? r : nuc_kind_of(ret->bytes, ret->len, path, ret_kind, ret_err);
}

int nucleus_policy_file_diff(const char *a, const char *b, const char *format, char **ret,
			     nucleus_error **ret_err)
{
	const struct nuc_where where = { .stage = "policy", .layer = "option" };
	const char *kind_a = NULL, *kind_b = NULL;
	_cleanup_free_ char *bytes_a = NULL, *bytes_b = NULL;
	struct nuc_diff_file file_a = { 0 }, file_b = { 0 };
	struct nuc_diff d = { 0 };
	size_t i;
	int r;

	if (!a || !b || !format || (strcmp(format, "text") != 0 && strcmp(format, "json") != 0))
		return nuc_fail(ret_err, -EINVAL, &where,
				"two paths and a format, text or json, are wanted");
	r = read_file(a, &bytes_a, &file_a, &kind_a, ret_err);
	if (r == 0)
		r = read_file(b, &bytes_b, &file_b, &kind_b, ret_err);
	if (r < 0)
		return r;
	if (strcmp(kind_a, kind_b) != 0)
		return nuc_fail(ret_err, -EINVAL, &where, "%s is of kind %s, and %s of kind %s",
				nuc_show(a).s, kind_a, nuc_show(b).s, kind_b);
	for (i = 0; i < NUC_ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].kind, kind_a))
			break;
	if (i == NUC_ARRAY_SIZE(kinds))
		return nuc_fail(ret_err, -ENOTSUP, &where, "files of kind %s cannot be compared",
				kind_a);
	r = kinds[i].diff(&file_a, &file_b, &d, ret_err);
	if (r == 0) {
		r = d.failed		       ? -ENOMEM
		    : !strcmp(format, "json") ? print_json(&d, kind_a, a, b, ret)
					      : print_text(&d, a, b, ret);
		if (r < 0)
			nuc_fail(ret_err, r, &where, "out of memory");
	}
	if (r == 0)
		r = d.n > 0;
	nuc_diff_done(&d);
	return r;
}
