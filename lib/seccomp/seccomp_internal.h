/* SPDX-License-Identifier: MIT */
/* seccomp, inside: the form of the list. allowlist.c holds it, compile.c reads it. */
#pragma once

#include "allowlist.h"

/*
 * One comparison: (low 32 bits of argument & mask) == value. There is deliberately no way to look
 * at the upper half, nor to say "not equal". Every argument that is filtered here is an int, or
 * flags whose upper half the kernel drops or ignores: a test of all 64 bits would let a dirty upper
 * half get round a refusal (CVE-2019-10063), and refuse what the kernel takes.
 */
struct nuc_cmp {
	uint8_t arg;
	uint32_t mask;
	uint32_t value;
};

/* Comparisons that must all hold. libseccomp accepts one comparison an argument. */
#define NUC_CLAUSE_CMPS 3
struct nuc_clause {
	struct nuc_cmp cmp[NUC_CLAUSE_CMPS];
	uint8_t count;
};

struct nuc_clauses {
	const struct nuc_clause *clause;
	size_t count;
};

/* What a row asks of the parameters: all of `with` set, none of `without`. */
enum nuc_seccomp_flag {
	NUC_NETWORK = 1 << 0,
	NUC_NETLINK = 1 << 1,
};

/* What becomes of a call if one of the clauses holds, or, where there are no clauses, always. */
#define NUC_RULE_CLAUSES 3
#define NUC_ALLOW (-1)
struct nuc_rule {
	struct nuc_seccomp_row row;
	const struct nuc_clauses *clauses[NUC_RULE_CLAUSES];
	int16_t error; /* not run but answered so, where 0 is success; NUC_ALLOW: run */
	uint8_t with, without;
	bool network;
};

/* Up to here (set_mempolicy_home_node, Linux 5.17) the list has an opinion on every number. */
#define NUC_SECCOMP_NEWEST 450

unsigned nuc_seccomp_flags(const struct nuc_seccomp_params *params);
/* The i-th rule in use under `flags`, or NULL past the last. */
const struct nuc_rule *nuc_seccomp_allow_rule(unsigned flags, size_t i);
const struct nuc_rule *nuc_seccomp_answer_rule(unsigned flags, size_t i);

/* filters.c: the argument filters, with their description for explain. */
extern const struct nuc_clauses nuc_clauses_ioctl, nuc_clauses_ioctl_net, nuc_clauses_prctl,
	nuc_clauses_arch_prctl, nuc_clauses_clone, nuc_clauses_prlimit64, nuc_clauses_mmap,
	nuc_clauses_shmget, nuc_clauses_shmctl, nuc_clauses_futex, nuc_clauses_socket_unix,
	nuc_clauses_socket_inet, nuc_clauses_socket_netlink, nuc_clauses_sockopt,
	nuc_clauses_sockopt_inet, nuc_clauses_sockopt_netlink, nuc_clauses_personality,
	nuc_clauses_futex_pi, nuc_clauses_sync_file_range, nuc_clauses_no_family,
	nuc_clauses_no_inet, nuc_clauses_no_netlink, nuc_clauses_seteuid, nuc_clauses_open,
	nuc_clauses_openat, nuc_clauses_mode_arg1, nuc_clauses_mode_arg2, nuc_clauses_fcntl,
	nuc_clauses_sends_arg2, nuc_clauses_sends_arg3, nuc_clauses_fast_open_arg2,
	nuc_clauses_fast_open_arg3, nuc_clauses_fallocate, nuc_clauses_fallocate_other;
extern const char nuc_words_ioctl[], nuc_words_ioctl_net[], nuc_words_prctl[];
