/* SPDX-License-Identifier: MIT */
/* A document, as TOML and JSON both read into it: values that remember where they stood. */
#pragma once

#include "base.h"

enum nuc_doc_type {
	NUC_DOC_TABLE,
	NUC_DOC_ARRAY,
	NUC_DOC_STRING,
	NUC_DOC_INT,
	NUC_DOC_FLOAT,
	NUC_DOC_BOOL,
	NUC_DOC_DATETIME,	/* text as written, valid: no option takes one */
	NUC_DOC_NULL,		/* JSON only: no option takes one */
	NUC_DOC_UINT,		/* above INT64_MAX: nuc_json_parse_wide() only */
};

struct nuc_doc {
	enum nuc_doc_type type;
	unsigned line, col;	/* of the value's first character, from 1 */
	unsigned key_line, key_col; /* of its name, where that stands before a value; else 0 */
	char *key;		/* its name if it stands in a table; NUL-free */
	union {
		struct {
			char *s;	/* NUL-terminated; may contain NULs: then strlen(s) < len */
			size_t len;
		};
		int64_t i;
		uint64_t u;
		double f;
		bool b;
		struct {
			struct nuc_doc **items;
			size_t n;
		};
	};
};

#define NUC_DOC_MAX_BYTES (1u << 20)
#define NUC_DOC_MAX_DEPTH 32	/* tables and arrays in one another, the document included */

/*
 * Both give a table, or -EINVAL with an error whose origin is "name:line:col", or -ENOMEM, or
 * -EFBIG for a text of more than NUC_DOC_MAX_BYTES. The text need not be NUL-terminated. What they
 * accept means the same to every TOML 1.0 or JSON parser: duplicate keys, invalid UTF-8, integers
 * that overflow and NaN, infinity are errors.
 */
int nuc_toml_parse(const char *text, size_t len, const char *name, struct nuc_doc **ret,
		   nucleus_error **ret_err);
int nuc_json_parse(const char *text, size_t len, const char *name, struct nuc_doc **ret,
		   nucleus_error **ret_err);
/*
 * The same, for documents whose integers go up to UINT64_MAX, as OCI's do (arguments of system calls):
 * those above INT64_MAX are NUC_DOC_UINT.
 */
int nuc_json_parse_wide(const char *text, size_t len, const char *name, struct nuc_doc **ret,
			nucleus_error **ret_err);
void nuc_doc_free(struct nuc_doc *doc);

static inline void nuc_doc_freep(struct nuc_doc **d)
{
	nuc_doc_free(*d);
}
#define _cleanup_doc_ _cleanup_(nuc_doc_freep)

/*
 * Opens a document, checks that it is a regular file (a pipe too, by descriptor) of at most
 * NUC_DOC_MAX_BYTES, reads it once and parses it by the ending of its name: ".json" or else TOML.
 */
int nuc_doc_load(const char *path, struct nuc_doc **ret, nucleus_error **ret_err);
int nuc_doc_load_fd(int fd, const char *name, struct nuc_doc **ret, nucleus_error **ret_err);
/* A text that has been read already, by the same rule. */
int nuc_doc_parse(const char *text, size_t len, const char *name, struct nuc_doc **ret,
		  nucleus_error **ret_err);
