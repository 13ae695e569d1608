/* SPDX-License-Identifier: MIT */
/* Values of a profile's document, and errors that name their places. Internal to profile*.c. */
#pragma once

#include "doc_internal.h"
#include "profile.h"

struct nuc_profile_reader {
	struct nuc_doc_cursor doc; /* of a text that has been read: it names it in errors */
	struct nuc_profile *profile;
	size_t clauses;
};

static inline struct nuc_doc_pos nuc_profile_pos(const struct nuc_doc *d)
{
	return (struct nuc_doc_pos){ d->line, d->col };
}

/* -EINVAL, with an error at the place of `d`. */
#define nuc_profile_bad(r, d, hint, ...)                                                           \
	nuc_doc_fail(&(r)->doc, nuc_profile_pos(d), hint, __VA_ARGS__)

/* What a table has under a key. null is what Go writes for what was left out. */
const struct nuc_doc *nuc_profile_get(const struct nuc_doc *table, const char *key);
/* That each key is one of these; the list ends in NULL. */
int nuc_profile_keys(struct nuc_profile_reader *r, const struct nuc_doc *table,
		     const char *const *keys);
int nuc_profile_want(struct nuc_profile_reader *r, const struct nuc_doc *d, enum nuc_doc_type type,
		     const char *what);
int nuc_profile_missing(struct nuc_profile_reader *r, const struct nuc_doc *table, const char *key);
/* A number of an argument, or of an error: 0 to `max`. */
int nuc_profile_number(struct nuc_profile_reader *r, const struct nuc_doc *d, const char *what,
		       uint64_t max, uint64_t *ret);

struct nuc_profile_word {
	const char *name;
	uint32_t value;
};

/* One of these words; the list ends in a NULL. */
int nuc_profile_word(struct nuc_profile_reader *r, const struct nuc_doc *d, const char *what,
		     const struct nuc_profile_word *words, uint32_t *ret);
