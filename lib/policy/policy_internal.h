/* SPDX-License-Identifier: MIT */
/* What the files of the policy folder share: a row of the table, and the policy's own shape. */
#pragma once

#include "doc_internal.h"
#include "policy.h"

struct nuc_option {
	const char *key, *flag, *short_flag;
	enum nuc_option_type type;
	const char *values, *metavar, *group, *def;
	int64_t min, max;
	const char *since, *help;
};

extern const struct nuc_option nuc_options[NUC_OPT__COUNT];

/* The id of a key, or -ENOENT. */
int nuc_option_find(const char *key);
/* The position of a value among an enum's values, or -EINVAL. */
int nuc_option_enum_index(const struct nuc_option *o, const char *value);
/* Bytes of the table's name in a key: 6 in "limits.files", 0 in "mode". */
size_t nuc_option_table_len(const struct nuc_option *o);

/* A list whose row has a bound is one of numbers. */
static inline bool nuc_option_is_number_list(const struct nuc_option *o)
{
	return o->type == NUC_TYPE_LIST && o->max > 0;
}

/* Whether an empty list seems to say "none" where it means "all": documents may not hold one. */
static inline bool nuc_option_empty_misleads(enum nuc_option_id id)
{
	return id == NUC_OPT_BIND_PORTS || id == NUC_OPT_CONNECT_PORTS;
}

/* One value as text in its canonical form, and who asked for it. */
struct nuc_item {
	char *text, *origin;
};

/* What was set: nothing, one item, or for a list or map any number of them. */
struct nuc_value {
	struct nuc_item *items;
	size_t n;
};

struct nucleus_policy {
	char *origin;	/* of the next set and add; NULL for "api" */
	struct nuc_value values[NUC_OPT__COUNT];
};

static inline void nuc_policy_freep(nucleus_policy **p)
{
	nucleus_policy_free(*p);
}
#define _cleanup_policy_ _cleanup_(nuc_policy_freep)

/* Where a value comes from: what its errors name and what its relative paths start from. */
struct nuc_source {
	const char *origin;
	const char *base;	/* absolute directory; NULL for the current one */
	bool document;		/* errors are -EINVAL or -EEXIST: it is "not understood" */
	nucleus_error **ret_err;
};

int nuc_source_fail(const struct nuc_source *src, int code, const char *hint, const char *fmt, ...)
	NUC_PRINTF(4, 5);

/*
 * Checks one value (an item of a list or map) and gives its canonical form, which reads back to
 * itself and is equal for equal values: "64M", an absolute path, "/src:/dst:rw,exec".
 */
int nuc_value_read(const struct nuc_source *src, enum nuc_option_id id, const char *text,
		   char **ret);
/* The part of an item that no other item may share: a volume's target, a variable's name. */
void nuc_value_identity(enum nuc_option_id id, const char *text, const char **ret, size_t *ret_len);
/* "64M" for 67108864: the largest unit that divides; "0.5" for 500 of DECIMAL. NULL without memory. */
char *nuc_format_number(enum nuc_option_type type, int64_t v);

/* Made absolute by its text alone: leading "./" and slashes at the end go. NULL without memory. */
char *nuc_path_join(const char *base, const char *path);

/* As nuc_parse_volume(), nuc_parse_io_max(), nuc_parse_tmpfs(), and on failure a static text that says why. */
int nuc_volume_read(const char *item, struct nuc_volume *ret, const char **ret_why);
int nuc_io_max_read(const char *item, struct nuc_io_max *ret, const char **ret_why);
int nuc_tmpfs_read(const char *item, char **ret_dst, int64_t *ret_size, const char **ret_why);
/* A path inside, of `len` bytes: absolute, without ".."; given without "." and "//". */
int nuc_target_read(const char *s, size_t len, char **ret, const char **ret_why);

/* A scalar, or the whole of a list or map as one item; then one item more. */
int nuc_policy_put(nucleus_policy *p, const struct nuc_source *src, enum nuc_option_id id,
		   const char *text);
int nuc_policy_append(nucleus_policy *p, const struct nuc_source *src, enum nuc_option_id id,
		      const char *text);

/* Adds all that a document sets, or nothing. `base`: where its relative paths start, or NULL. */
int nuc_policy_add_document(nucleus_policy *p, const struct nuc_doc *doc, const char *name,
			    const char *base, nucleus_error **ret_err);

/* A value of a user, fit for a message. */
struct nuc_shown {
	char s[NUC_DOC_SHOWN_SIZE];
};

static inline struct nuc_shown nuc_show(const char *text)
{
	struct nuc_shown shown = { "" };

	if (!nuc_utf8_valid(text, strlen(text)))
		text = "(not UTF-8)";
	nuc_doc_shown(text, strlen(text), shown.s);
	return shown;
}
