/* SPDX-License-Identifier: MIT */
/*
 * Which arguments of which system calls are worth a filter: what a trace records of a call, and what a
 * generated profile tells apart. Freestanding: the sandbox's init includes it.
 */
#pragma once

#include <stdint.h>

enum nuc_matter_kind {
	NUC_MATTER_VALUE, /* each value is another thing: a domain, a command */
	NUC_MATTER_BITS,  /* flags: what counts is which bits ever occur */
	NUC_MATTER_ZERO,  /* 0 (oneself) or not: recorded as 0 or 1 */
};

/*
 * Only the lower half: what is listed is an int, or flags whose upper half the kernel drops (see
 * seccomp_internal.h). Bits outside of `mask` are nobody's concern, and not recorded.
 */
struct nuc_matter_arg {
	char name[12];
	uint32_t mask;
	uint8_t arg, kind;
	/* If when_mask is not 0, it is an argument only where another one has one of these bits. */
	uint8_t when_arg;
	uint32_t when_mask;
};

#define NUC_MATTER_ARGS 3
struct nuc_matter {
	uint16_t nr;
	uint16_t count;
	struct nuc_matter_arg arg[NUC_MATTER_ARGS];
};

/* The row of a call, or NULL: then no argument of it matters. */
const struct nuc_matter *nuc_matter_of(int nr);
/* Row i, or NULL past the last. */
const struct nuc_matter *nuc_matter_row(unsigned int i);
/* What is recorded of an argument. */
uint32_t nuc_matter_value(const struct nuc_matter_arg *a, const uint64_t args[6]);

/* Calls with higher numbers are counted together. */
#define NUC_CALLS 512
