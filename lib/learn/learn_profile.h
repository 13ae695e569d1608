/* SPDX-License-Identifier: MIT */
/* What is known of each call when a seccomp profile is made: seccomp.c, seccomp_difference.c. */
#pragma once

#include "learn.h"

#define NUC_LEARN_FORMS 48	/* of one call: more say nothing to a reader */
#define NUC_LEARN_PROGRAMS 8	/* named in a comment */

struct nuc_learn_form {
	uint32_t values[NUC_MATTER_ARGS]; /* of flags: all bits that were ever set */
};

struct nuc_learn_use {
	struct nuc_learn_form *forms;
	size_t n_forms;
	bool run, answered, refused, named;	/* named: answered when it was traced, and allowed by name */
	const char *programs[NUC_LEARN_PROGRAMS];
	size_t n_programs;	/* may be more than are named */
	const char *reason;	/* a companion that was not seen */
};

struct nuc_learn_profile {
	const struct nuc_trace *trace;
	struct nuc_learn_use use[NUC_CALLS];
	const char *const *options;
	struct nuc_buf notes;
};

/* Whether the profile allows it. */
static inline bool nuc_learn_is_in(const struct nuc_learn_use *u)
{
	return u->run || u->reason;
}

/* Who called it and how often, or why it is there though nobody did. */
int nuc_learn_comment(const struct nuc_learn_profile *p, int nr, char **ret);
/* The numbers of all calls that have names, sorted by these. */
size_t nuc_learn_sorted(int ret[NUC_CALLS]);

/* What differs from the built-in list: what it would refuse, and what of it was not needed. */
int nuc_learn_difference(struct nuc_learn_profile *p, char **ret);
