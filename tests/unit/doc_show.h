/* SPDX-License-Identifier: MIT */
/* For the tests of the readers: a document as one line, and what they hold about it. */
#pragma once

#include <check.h>
#include <time.h>

#include "doc.h"

typedef int (*doc_parse)(const char *text, size_t len, const char *name, struct nuc_doc **ret,
			 nucleus_error **ret_err);

struct doc_case {
	const char *text, *want;
};

struct doc_error {
	const char *text;
	const char *origin;	/* line:col */
	const char *message;	/* a part of it */
};

/* {key: value, ...}, [value, ...], "text" with its odd bytes as \xx, 1, 0.5, true, <date>, null */
static inline void doc_show(struct nuc_buf *b, const struct nuc_doc *d)
{
	if (d->key)
		nuc_buf_printf(b, "%s: ", d->key);
	switch (d->type) {
	case NUC_DOC_TABLE:
	case NUC_DOC_ARRAY:
		nuc_buf_puts(b, d->type == NUC_DOC_TABLE ? "{" : "[");
		for (size_t i = 0; i < d->n; i++) {
			nuc_buf_puts(b, i ? ", " : "");
			doc_show(b, d->items[i]);
		}
		nuc_buf_puts(b, d->type == NUC_DOC_TABLE ? "}" : "]");
		break;
	case NUC_DOC_STRING:
		nuc_buf_puts(b, "\"");
		for (size_t i = 0; i < d->len; i++) {
			unsigned char c = (unsigned char)d->s[i];

			nuc_buf_printf(b, c < 0x20 || c > 0x7e ? "\\%02x" : "%c", c);
		}
		nuc_buf_puts(b, "\"");
		break;
	case NUC_DOC_INT:
		nuc_buf_printf(b, "%lld", (long long)d->i);
		break;
	case NUC_DOC_UINT:
		nuc_buf_printf(b, "%lluu", (unsigned long long)d->u);
		break;
	case NUC_DOC_FLOAT:
		nuc_buf_printf(b, "%.17gf", d->f);
		break;
	case NUC_DOC_BOOL:
		nuc_buf_puts(b, d->b ? "true" : "false");
		break;
	case NUC_DOC_DATETIME:
		nuc_buf_printf(b, "<%s>", d->s);
		break;
	case NUC_DOC_NULL:
		nuc_buf_puts(b, "null");
		break;
	}
}

/* A copy without a NUL behind it, so that a sanitizer sees a read behind the end. */
static inline char *doc_exact(const char *text, size_t len)
{
	char *s = malloc(len ? len : 1);

	ck_assert_ptr_nonnull(s);
	memcpy(s, text, len);
	return s;
}

static inline void doc_expect_n(doc_parse parse, const char *text, size_t len, const char *want)
{
	_cleanup_error_ nucleus_error *e = NULL;
	_cleanup_doc_ struct nuc_doc *doc = NULL;
	_cleanup_free_ char *exact = doc_exact(text, len), *got = NULL;
	_cleanup_buf_ struct nuc_buf b = { 0 };
	int r = parse(exact, len, "t", &doc, &e);

	ck_assert_msg(r == 0, "refused: %s\n%s %s", text, e ? nucleus_error_origin(e) : "",
		      e ? nucleus_error_message(e) : "");
	ck_assert_ptr_null(e);
	doc_show(&b, doc);
	ck_assert_int_eq(nuc_buf_take(&b, &got), 0);
	ck_assert_msg(strcmp(got, want) == 0, "%s\nwanted %s\ngot    %s", text, want, got);
}

static inline void doc_refuse_n(doc_parse parse, const char *text, size_t len, const char *origin,
				const char *message)
{
	_cleanup_error_ nucleus_error *e = NULL;
	_cleanup_free_ char *exact = doc_exact(text, len), *want = nuc_strf("t:%s", origin);
	struct nuc_doc untouched, *doc = &untouched;
	int r = parse(exact, len, "t", &doc, &e);

	ck_assert_msg(r == -EINVAL, "%s\nwanted -EINVAL, got %d", text, r);
	ck_assert_msg(doc == &untouched, "%s\nthe output was touched", text);
	ck_assert_ptr_nonnull(e);
	ck_assert_int_eq(nucleus_error_code(e), -EINVAL);
	ck_assert_msg(strcmp(nucleus_error_origin(e), want) == 0, "%s\nwanted %s, got %s: %s", text,
		      want, nucleus_error_origin(e), nucleus_error_message(e));
	ck_assert_msg(strstr(nucleus_error_message(e), message), "%s\nwanted '%s', got '%s'", text,
		      message, nucleus_error_message(e));
	ck_assert_msg(nucleus_error_hint(e) && *nucleus_error_hint(e), "%s\nno hint", text);
	ck_assert_int_eq(parse(exact, len, "t", &doc, NULL), -EINVAL);
}

#define DOC_EXPECT_ALL(parse, cases)                                                               \
	do {                                                                                       \
		for (size_t i = 0; i < NUC_ARRAY_SIZE(cases); i++)                                 \
			doc_expect_n(parse, (cases)[i].text, strlen((cases)[i].text),              \
				     (cases)[i].want);                                             \
	} while (0)

#define DOC_REFUSE_ALL(parse, cases)                                                               \
	do {                                                                                       \
		for (size_t i = 0; i < NUC_ARRAY_SIZE(cases); i++)                                 \
			doc_refuse_n(parse, (cases)[i].text, strlen((cases)[i].text),              \
				     (cases)[i].origin, (cases)[i].message);                       \
	} while (0)

/* Seconds that a parse takes, whatever its answer. */
static inline double doc_seconds(doc_parse parse, const char *text, size_t len, int want)
{
	_cleanup_doc_ struct nuc_doc *doc = NULL;
	struct timespec from, to;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	ck_assert_int_eq(parse(text, len, "t", &doc, NULL), want);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

/* Where a value stood. */
static inline void doc_at(const struct nuc_doc *d, unsigned line, unsigned col)
{
	ck_assert_uint_eq(d->line, line);
	ck_assert_uint_eq(d->col, col);
}

/* before, n times s, after: owned by the caller */
static inline char *doc_repeat(const char *before, const char *s, size_t n, const char *after)
{
	struct nuc_buf b = { 0 };
	char *text;

	nuc_buf_puts(&b, before);
	for (size_t i = 0; i < n; i++)
		nuc_buf_puts(&b, s);
	nuc_buf_puts(&b, after);
	ck_assert_int_eq(nuc_buf_take(&b, &text), 0);
	return text;
}
