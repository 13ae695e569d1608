/* SPDX-License-Identifier: MIT */
/*
 * bpf: what a seccomp filter says to a call, without the kernel. Freestanding: init compiles the
 * same file, to answer the calls that it is told of as the filter would have.
 */
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>

/*
 * The SECCOMP_RET_* value for `data`, as the kernel computes it. SECCOMP_RET_KILL_PROCESS for a
 * program that the kernel would not load. Every program ends: jumps go forward only.
 */
uint32_t nuc_bpf_run(const struct sock_filter *filter, uint32_t len,
		     const struct seccomp_data *data);
