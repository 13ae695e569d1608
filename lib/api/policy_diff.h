/* SPDX-License-Identifier: MIT */
/* What two policy files allow differently. Internal to api/. */
#pragma once

#include "base.h"

enum nuc_diff_side {
	NUC_DIFF_MORE,	  /* B allows what A does not */
	NUC_DIFF_LESS,	  /* B no longer allows it */
	NUC_DIFF_CHANGED, /* neither, or nobody can say */
};

struct nuc_diff_change {
	enum nuc_diff_side side;
	const char *what; /* static: "option", "capability", "syscall", "path", "port", "scope" */
	char *subject, *before, *after, *note; /* owned; NULL: there is none */
};

struct nuc_diff {
	struct nuc_diff_change *changes;
	size_t n;
	bool failed; /* out of memory somewhere: found at the end */
};

/* Strings are copied; `before`, `after` and `note` may be NULL. */
void nuc_diff_add(struct nuc_diff *d, enum nuc_diff_side side, const char *what,
		  const char *subject, const char *before, const char *after, const char *note);
void nuc_diff_done(struct nuc_diff *d);

/* A file that has been read. */
struct nuc_diff_file {
	const char *path, *bytes;
	size_t len;
};

/* Each reads both files, and adds what differs. 0, or -EINVAL with an error that names the file. */
int nuc_diff_documents(const struct nuc_diff_file *a, const struct nuc_diff_file *b,
		       struct nuc_diff *d, nucleus_error **ret_err);
int nuc_diff_profiles(const struct nuc_diff_file *a, const struct nuc_diff_file *b,
		      struct nuc_diff *d, nucleus_error **ret_err);
int nuc_diff_caps(const struct nuc_diff_file *a, const struct nuc_diff_file *b, struct nuc_diff *d,
		  nucleus_error **ret_err);
int nuc_diff_landlock(const struct nuc_diff_file *a, const struct nuc_diff_file *b,
		      struct nuc_diff *d, nucleus_error **ret_err);

/* policy_check.c: the name of the kind that the bytes are. Static. */
int nuc_kind_of(const char *bytes, size_t len, const char *name, const char **ret,
		nucleus_error **ret_err);
