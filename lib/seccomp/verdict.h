/* SPDX-License-Identifier: MIT */
/* verdict: what becomes of each system call of x86_64, in data and in words, for people and for
 * diff. */
#pragma once

#include "allowlist.h"
#include "profile.h"

struct nuc_verdict {
	char *name;
	int nr;
	uint32_t action; /* SECCOMP_RET_*: where none of the conditions holds, or there are none */
	char *words;	 /* NULL, or which arguments make a difference, and the rest */
	bool passes;	 /* allowed, or allowed and logged, for some arguments at least */
};

/* Sorted by number: all that libseccomp can name. */
struct nuc_verdicts {
	struct nuc_verdict *v;
	size_t n;
	uint32_t other; /* of numbers that have no name here, and are higher */
};

/* -ENOMEM. */
int nuc_verdicts_of_clauses(const struct nuc_profile *p, const struct nuc_profile_clause *clauses,
			    size_t n, struct nuc_verdicts *ret);
int nuc_verdicts_of_profile(const struct nuc_profile *p, const struct nuc_profile_target *target,
			    struct nuc_verdicts *ret);
/* Of the built-in list. */
int nuc_verdicts_of_list(const struct nuc_seccomp_params *params, struct nuc_verdicts *ret);
void nuc_verdicts_done(struct nuc_verdicts *v);
#define _cleanup_verdicts_ _cleanup_(nuc_verdicts_done)

/* NULL if there is no call of this name. */
const struct nuc_verdict *nuc_verdict_find(const struct nuc_verdicts *v, const char *name);
/* Allowed whatever the arguments; false for NULL. */
bool nuc_verdict_always_allows(const struct nuc_verdict *v);
/* "allowed", "EPERM", "kills the process", ... into `buf`, which is returned. */
#define NUC_ACTION_SIZE 40
const char *nuc_action_words(uint32_t action, char buf[NUC_ACTION_SIZE]);
