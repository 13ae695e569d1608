/* SPDX-License-Identifier: MIT */
/* For the fuzzers of the readers: what must hold for every document and for every refusal. */
#pragma once

#include "doc.h"

static inline void doc_must(bool holds)
{
	if (!holds)
		abort();
}

/* Lines of the text, so that a value can be looked up where it says it stood. */
struct doc_text {
	const char *s;
	size_t len;
	const char **lines;
	size_t n_lines;
};

static inline const char *doc_at(const struct doc_text *text, unsigned line, unsigned col)
{
	const char *s, *end = text->s + text->len;

	doc_must(line >= 1 && line <= text->n_lines && col >= 1);
	for (s = text->lines[line - 1]; col > 1; col--) {
		doc_must(s < end && *s != '\n');
		do
			s++;
		while (s < end && ((unsigned char)*s & 0xc0) == 0x80);
	}
	doc_must(s < end);
	return s;
}

static inline int doc_compare_keys(const void *a, const void *b)
{
	return strcmp((*(struct nuc_doc *const *)a)->key, (*(struct nuc_doc *const *)b)->key);
}

/* `starts[type]`: the characters that a value of the type can begin with; NULL: any. */
static inline void doc_check(const struct doc_text *text, const struct nuc_doc *d, int depth,
			     const char *const *starts)
{
	if (starts[d->type])
		doc_must(strchr(starts[d->type], *doc_at(text, d->line, d->col)) != NULL);
	doc_must(!d->key || nuc_utf8_valid(d->key, strlen(d->key)));
	switch (d->type) {
	case NUC_DOC_TABLE:
	case NUC_DOC_ARRAY:
		doc_must(depth < NUC_DOC_MAX_DEPTH);
		for (size_t i = 0; i < d->n; i++) {
			doc_must((d->items[i]->key != NULL) == (d->type == NUC_DOC_TABLE));
			doc_check(text, d->items[i], depth + 1, starts);
		}
		/* The order is no part of the document's meaning, so it may be lost here. */
		if (d->type == NUC_DOC_TABLE && d->n)
			qsort(d->items, d->n, sizeof(*d->items), doc_compare_keys);
		for (size_t i = 1; d->type == NUC_DOC_TABLE && i < d->n; i++)
			doc_must(strcmp(d->items[i - 1]->key, d->items[i]->key) != 0);
		break;
	case NUC_DOC_STRING:
	case NUC_DOC_DATETIME:
		doc_must(nuc_utf8_valid(d->s, d->len) && d->s[d->len] == '\0');
		break;
	case NUC_DOC_FLOAT:
		doc_must(d->f - d->f == 0); /* finite */
		break;
	case NUC_DOC_INT:
	case NUC_DOC_UINT:
	case NUC_DOC_BOOL:
	case NUC_DOC_NULL:
		break;
	}
}

/* A refusal has a place, a mend, and words that can be printed. */
static inline void doc_refused(int r, const nucleus_error *e)
{
	const char *message = e ? nucleus_error_message(e) : "";
	unsigned line = 0, col = 0;

	doc_must(r == -EINVAL && e && nucleus_error_code(e) == r);
	doc_must(sscanf(nucleus_error_origin(e), "f:%u:%u", &line, &col) == 2);
	doc_must(line >= 1 && col >= 1 && nucleus_error_hint(e));
	doc_must(nuc_utf8_valid(message, strlen(message)));
	for (const char *s = message; *s; s++)
		doc_must((unsigned char)*s >= 0x20 && *s != 0x7f);
}

static inline void doc_fuzz(const uint8_t *data, size_t size, const char *const *starts,
			    int (*parse)(const char *, size_t, const char *, struct nuc_doc **,
					 nucleus_error **))
{
	_cleanup_error_ nucleus_error *e = NULL;
	_cleanup_doc_ struct nuc_doc *doc = NULL;
	_cleanup_free_ const char **lines = calloc(size + 1, sizeof(*lines));
	struct doc_text text = { (const char *)data, size, lines, 1 };
	int r = parse(text.s, size, "f", &doc, &e);

	if (r < 0) {
		doc_must(!doc);
		doc_refused(r, e);
		return;
	}
	doc_must(doc && !e && doc->type == NUC_DOC_TABLE && !doc->key);
	text.lines[0] = text.s;
	for (size_t i = 0; i < size; i++)
		if (text.s[i] == '\n')
			text.lines[text.n_lines++] = text.s + i + 1;
	doc_check(&text, doc, 0, starts);
}
