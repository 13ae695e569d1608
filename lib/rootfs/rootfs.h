/* SPDX-License-Identifier: MIT */
/* rootfs: trees copied in and carried back, against hostile ones. */
#pragma once

#include <sys/types.h>

#include "base.h"

struct nuc_copy_params {
	int64_t max_bytes;	/* of file content, in all */
	int64_t max_files;	/* entries, in all */
	bool chown;		/* give every new entry to uid:gid (the caller has CAP_CHOWN) */
	uid_t uid;
	gid_t gid;
	const char *what;	/* for errors: "--context" */
	bool plain_only;	/* leave out FIFOs, sockets and devices, silently; else an error */
};

/*
 * Copies what is below the directory `src` into the directory `dst` (descriptors, opened for
 * reading). Files, directories and symbolic links (as links, never followed); modes without set-id
 * and sticky bits; times; hard links become files of their own. Stays below `src` and `dst` whatever
 * is renamed or swapped meanwhile: every step is openat2 or *at with RESOLVE_BENEATH|NO_SYMLINKS|
 * NO_MAGICLINKS or O_NOFOLLOW on one component. -EFBIG past a limit, -ELOOP, -EXDEV on a swap.
 */
int nuc_tree_copy(int src, int dst, const struct nuc_copy_params *params, nucleus_error **ret_err);

/*
 * Carries back: makes `dst` (the caller's workspace) equal to `src` (the sandbox's copy, whose
 * processes are all gone), given `base`, the listing taken after copying in: what the workload
 * changed, created or removed is changed, created or removed in `dst`; what it left alone is not
 * touched. Files are replaced by rename of a temporary file beside them. What changed in `dst`
 * meanwhile is not overwritten: it is a conflict, listed in the error (-ESTALE) after all else was
 * carried. FIFOs, sockets and devices are never carried; set-id bits are dropped; nothing is written
 * outside `dst`.
 */
struct nuc_tree_listing;
int nuc_tree_list(int dir, const struct nuc_copy_params *params, struct nuc_tree_listing **ret,
		  nucleus_error **ret_err);
void nuc_tree_listing_free(struct nuc_tree_listing *listing);
int nuc_tree_carry_back(int src, int dst, const struct nuc_tree_listing *base,
			const struct nuc_copy_params *params, nucleus_error **ret_err);
