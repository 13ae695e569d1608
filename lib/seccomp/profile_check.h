/* SPDX-License-Identifier: MIT */
/* profile_check: whether libseccomp's program says what the rules say. Internal to profile*.c. */
#pragma once

#include "profile.h"
#include "verdict.h"

/* A call to which the program and the rules give different answers. */
struct nuc_profile_difference {
	const struct nuc_verdict *verdict;
	const struct nuc_profile_rule *rule; /* the first of this call, or NULL: none names it */
	uint64_t args[6];
	uint32_t program, rules;
};

/*
 * Asks the program about every call of x86_64 that has a name, with arguments around each value
 * that a rule compares with; where rules that a call meets contradict each other, anything goes.
 * libseccomp's programs are not always right: 2.5.4 takes the lower half of an argument for the
 * upper one behind two comparisons of one argument, as in "below A, or above B", and allows what
 * neither does. 0; 1 with the first difference; -ENOMEM.
 */
int nuc_profile_check(const struct nuc_profile *p, const struct nuc_profile_clause *clauses,
		      size_t n, const struct nuc_verdicts *verdicts,
		      const struct sock_filter *program, size_t program_len,
		      struct nuc_profile_difference *ret);
