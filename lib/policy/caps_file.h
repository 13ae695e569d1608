/* SPDX-License-Identifier: MIT */
/* The capabilities policy: a TOML file that says which capabilities a program keeps. */
#pragma once

#include "capability.h"
#include "capset.h"

/* "bounding", ...: the name of its table. */
const char *nuc_capset_name(enum nuc_capset set);

struct nuc_caps_file {
	uint64_t set[NUC_CAPSET__COUNT];
	/* Where each was written; line 0: it was not. */
	struct {
		unsigned int line, col;
	} at[NUC_CAPSET__COUNT][NUC_CAP_MAX];
};

/*
 * -EINVAL with an error whose origin is "name:line:col": besides what is no such file, names that do
 * not exist, and sets that do not fit together. Numbers that only a newer kernel has are accepted.
 */
int nuc_caps_file_read(const char *bytes, size_t len, const char *name, struct nuc_caps_file *ret,
		       nucleus_error **ret_err);

/*
 * For people, and for kernels that are not at hand: reads it, and adds "name:line:col: note" lines
 * about what is of no use, what strict-agent refuses, what this table does not know.
 */
int nuc_caps_file_check(const char *bytes, size_t len, const char *name, struct nuc_buf *report,
			nucleus_error **ret_err);

/* Sets that a kernel would not give, or that no policy may ask for: why, or NULL. For verify, too. */
const char *nuc_caps_conflict(const uint64_t set[NUC_CAPSET__COUNT]);
