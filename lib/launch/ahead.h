/* SPDX-License-Identifier: MIT */
/* How sandboxes are made ahead of their programs: what the caller, a maker and its inits say. Freestanding. */
#pragma once

#include "child.h"

/*
 * The caller to the maker: make one. With it the init's descriptors (SCM_RIGHTS): the write end of its
 * report pipe, its control socket, its status page; then that of denials and the control group, if any.
 */
struct nuc_order {
	uint32_t denials, group; /* 1: it is there */
	uint32_t waits;		 /* 1: a process under the filter can wait, see NUC_WAITS_BY */
};
/*
 * What the process that is to execute the program calls under its filter: waits for it, takes it, notes when, and
 * looks up again where it is to start. The directory may have been replaced meanwhile.
 */
#define NUC_WAITS_BY { __NR_ppoll, __NR_recvmsg, __NR_dup3, __NR_close, __NR_clock_gettime, __NR_chdir }
enum { NUC_ORDER_REPORT, NUC_ORDER_CONTROL, NUC_ORDER_STATUS, NUC_ORDER_FDS, NUC_ORDER_MAX = NUC_ORDER_FDS + 2 };

/* The maker to the caller, in the order of the orders. With it the pidfd, unless it failed. */
struct nuc_made {
	int32_t pid;		/* or -errno of clone3 */
};

/*
 * The caller to an init: the program. With it the descriptors that become 0, 1 and 2 (SCM_RIGHTS); after
 * it `len` bytes: `count` strings, each ended by NUL.
 */
struct nuc_start {
	uint32_t count, len;
};
#define NUC_START_FIRST 4096 /* bytes that come with the descriptors, this structure too; the others follow */

/*
 * A maker's life: clones a process for each order. Returns in that process, with the descriptors of the
 * order in `c`, and gives that of the status page, and whether a process can wait under the filter; the maker
 * ends with the caller, or when it wants no more.
 */
long nuc_follow_orders(struct nuc_context *c, int *ret_waits);
/*
 * Waits for the program, and puts its argv, in `space`, and its descriptors in place. Closes the control socket. 0, or
 * -errno; -ECANCELED if the caller is gone or wants no program any more, -E2BIG if its argv is larger than `space`.
 */
long nuc_await_program(struct nuc_context *c, void *space, uint64_t size);
