/* SPDX-License-Identifier: MIT */
/*
 * profile: seccomp profiles in JSON, as the OCI runtime-spec has them (config-linux.md, "Seccomp"),
 * and in the richer form of Docker's and containers-common's default profiles: archMap, includes
 * and excludes.
 */
#pragma once

#include <linux/filter.h>

#include "base.h"

enum nuc_profile_op {
	NUC_PROFILE_NE,
	NUC_PROFILE_LT,
	NUC_PROFILE_LE,
	NUC_PROFILE_EQ,
	NUC_PROFILE_GE,
	NUC_PROFILE_GT,
	NUC_PROFILE_MASKED_EQ, /* (argument & value) == value_two */
	NUC_PROFILE__OPS
};

/* Of all 64 bits, unsigned. */
struct nuc_profile_arg {
	unsigned int index; /* 0 to 5 */
	enum nuc_profile_op op;
	uint64_t value, value_two;
};

/* includes or excludes: of what is given. */
struct nuc_profile_when {
	uint64_t caps;		   /* bit per capability that is named */
	bool arches, native;	   /* architectures are named; x86_64 is among them */
	unsigned int major, minor; /* minKernel; 0.0: not given */
};

struct nuc_profile_rule {
	unsigned int line, col;
	char **names;
	size_t n_names;
	uint32_t action; /* SECCOMP_RET_* with its errno */
	struct nuc_profile_arg *args;
	size_t n_args;
	struct nuc_profile_when includes, excludes;
};

struct nuc_profile {
	char *name;		/* of the document, for origins */
	unsigned int line, col; /* of defaultAction */
	uint32_t default_action;
	bool says_enosys;     /* defaultErrnoRet is ENOSYS, in so many words */
	bool x86, x32;	      /* also these entries of the kernel are filtered, not killed */
	unsigned int foreign; /* architectures that no x86_64 kernel runs: without effect */
	bool log;	      /* SECCOMP_FILTER_FLAG_LOG */
	bool spec_allow;      /* SECCOMP_FILTER_FLAG_SPEC_ALLOW: not honoured */
	bool listener;	      /* listenerPath: without SCMP_ACT_NOTIFY it means nothing */
	struct nuc_profile_rule *rules;
	size_t n_rules;
};

/*
 * Reads a profile. -EINVAL with an error whose origin is "name:line:col", for what is not JSON, not
 * a profile, or asks for what cannot be had (SCMP_ACT_NOTIFY, SCMP_ACT_TRACE); -EFBIG, -ENOMEM. The
 * profile is the caller's: nuc_profile_free().
 */
int nuc_profile_parse(const char *text, size_t len, const char *name, struct nuc_profile **ret,
		      nucleus_error **ret_err);
void nuc_profile_free(struct nuc_profile *p);

static inline void nuc_profile_freep(struct nuc_profile **p)
{
	nuc_profile_free(*p);
}
#define _cleanup_profile_ _cleanup_(nuc_profile_freep)

/* What includes and excludes are compared with. */
struct nuc_profile_target {
	int kernel_major, kernel_minor;
	uint64_t caps; /* bit per capability that the sandbox keeps */
};

/* What leaves a rule out of a filter for this target. */
enum nuc_profile_left_out {
	NUC_PROFILE_USED,
	NUC_PROFILE_BY_ARCH,
	NUC_PROFILE_BY_CAPS,
	NUC_PROFILE_BY_KERNEL,
};
enum nuc_profile_left_out nuc_profile_rule_is(const struct nuc_profile_rule *rule,
					      const struct nuc_profile_target *target);

/*
 * A rule of one name, as libseccomp is given it: comparisons that must all hold. Conditions of one
 * rule that look at the same argument twice are alternatives, each a clause of its own, as runc has
 * it.
 */
struct nuc_profile_clause {
	const struct nuc_profile_rule *rule;
	const char *name;
	const struct nuc_profile_arg *args;
	size_t n_args;
};
#define NUC_PROFILE_MAX_CLAUSES                                                                    \
	8192 /* of a profile, whatever the target; a filter has 4096 instructions */

/* Those of the rules in use, in their order. The array is the caller's, free(); -ENOMEM. */
int nuc_profile_expand(const struct nuc_profile *p, const struct nuc_profile_target *target,
		       struct nuc_profile_clause **ret, size_t *ret_count);

/*
 * The program, as runc and libseccomp make it on x86_64 but for the answer to other architectures,
 * which is death of the process and not of the thread. Every refusal is a plain RET of
 * SECCOMP_RET_ERRNO. -EINVAL with an error that names the rule: one that libseccomp refuses, execve
 * not allowed, too long for the kernel; -ENOTSUP, also for a program of libseccomp's
 * that does not say what the rules say; -ENOMEM. `*ret` is the caller's, free().
 */
int nuc_profile_compile(const struct nuc_profile *p, const struct nuc_profile_target *target,
			struct sock_filter **ret, size_t *ret_count, nucleus_error **ret_err);

/* The highest numbers that the profile names, with which the program begins; 0: none. */
struct nuc_profile_newest {
	uint32_t native, x32, x86;
};
struct nuc_profile_newest nuc_profile_newest(const struct nuc_profile *p,
					     const struct nuc_profile_clause *clauses, size_t n);
