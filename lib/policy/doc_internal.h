/* SPDX-License-Identifier: MIT */
/* What the TOML and the JSON reader share: a place in a text, and errors that name it. */
#pragma once

#include "doc.h"

struct nuc_doc_pos {
	unsigned line, col;	/* from 1; a column is a character, however many bytes it has */
};

/* Where the name of a value stands; of a table that a header names, the header. */
static inline struct nuc_doc_pos nuc_doc_key_pos(const struct nuc_doc *d)
{
	return d->key_line ? (struct nuc_doc_pos){ d->key_line, d->key_col }
			   : (struct nuc_doc_pos){ d->line, d->col };
}

struct nuc_doc_cursor {
	const char *s, *end;	/* what is still to be read */
	struct nuc_doc_pos pos;	/* of *s */
	const char *name;	/* of the document, for origins */
	const char *layer;	/* "toml" or "json" */
	bool wide;		/* JSON: integers go up to UINT64_MAX */
	nucleus_error **ret_err;
};

/* The byte `ahead` of the cursor, or -1 behind the end. */
static inline int nuc_doc_peek(const struct nuc_doc_cursor *c, size_t ahead)
{
	return (size_t)(c->end - c->s) > ahead ? (unsigned char)c->s[ahead] : -1;
}

/* Moves over n bytes that are there. */
void nuc_doc_skip(struct nuc_doc_cursor *c, size_t n);

/*
 * -EINVAL, with an error whose origin is `pos` in the document of `c`. A macro, so that compilers
 * and analysers see that what follows is reached with a negative number.
 */
#define nuc_doc_fail(c, pos, hint, ...) (nuc_doc_report(c, pos, hint, __VA_ARGS__), -EINVAL)
void nuc_doc_report(const struct nuc_doc_cursor *c, struct nuc_doc_pos pos, const char *hint,
		    const char *fmt, ...) NUC_PRINTF(4, 5);
/* -ENOMEM, with an error. */
#define nuc_doc_no_memory(c) (nuc_doc_report_no_memory(c), -ENOMEM)
void nuc_doc_report_no_memory(const struct nuc_doc_cursor *c);

/* What stands at the cursor, fit for a message: "'x'", "U+0007", "the end of the line". */
#define NUC_DOC_FOUND_SIZE 24
const char *nuc_doc_found(const struct nuc_doc_cursor *c, char buf[NUC_DOC_FOUND_SIZE]);

/* A key, fit for a message: clipped, and control characters (escapes can make any) as '?'. */
#define NUC_DOC_SHOWN_SIZE 64
const char *nuc_doc_shown(const char *s, size_t len, char buf[NUC_DOC_SHOWN_SIZE]);

/*
 * Begins the reading of a text: the cursor stands on its first byte, and the text is no longer than
 * NUC_DOC_MAX_BYTES, is UTF-8 and has no byte order mark.
 */
int nuc_doc_begin(struct nuc_doc_cursor *c, const char *text, size_t len);

/* Appends to a table or an array, which owns the child afterwards. -ENOMEM: it does not. */
int nuc_doc_append(struct nuc_doc *parent, struct nuc_doc *child);

/* A copy with a NUL behind it; NULL when there is no memory. */
char *nuc_doc_copy(const char *s, size_t len);
