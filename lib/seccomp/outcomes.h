/* SPDX-License-Identifier: MIT */
/* outcomes: all that a filter may say to a call, whatever its arguments. */
#pragma once

#include <stddef.h>

#include "bpf.h"

#define NUC_OUTCOMES 16

/*
 * The different SECCOMP_RET_* values that the program can give call `nr` of x86_64, in the order in which
 * they are found. An instruction is followed both ways where it depends on the arguments, so that a value
 * may be among them that no arguments lead to. At most NUC_OUTCOMES; gives how many, or -E2BIG for a
 * program with too many ways through it.
 */
int nuc_bpf_outcomes(const struct sock_filter *filter, uint32_t len, int nr,
		     uint32_t ret[NUC_OUTCOMES]);
