/* SPDX-License-Identifier: MIT */
/* seccomp: what libseccomp has compiled, as a program. */
#pragma once

#include <linux/filter.h>
#include <seccomp.h>

#include "base.h"

#define NUC_X32_BIT                                                                                \
	0x40000000U /* __X32_SYSCALL_BIT, which glibc does not give to x86_64 programs */

static inline void nuc_seccomp_release(scmp_filter_ctx *context)
{
	if (*context)
		seccomp_release(*context);
}
#define _cleanup_seccomp_ _cleanup_(nuc_seccomp_release)

/*
 * The prologue and libseccomp's program behind it, made shorter where that can be done (shrink.h);
 * `*ret` is the caller's, free(). -E2BIG: more than BPF_MAXINSNS before that; -ENOMEM, -ENOTSUP or an errno of memfd_create(2).
 */
int nuc_seccomp_export(scmp_filter_ctx context, const struct sock_filter *prologue,
		       size_t n_prologue, struct sock_filter **ret, size_t *ret_count);
