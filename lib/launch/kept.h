/* SPDX-License-Identifier: MIT */
/* The root that a sandbox object's starts have in common: built once, and copied by each. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "child.h"

struct nuc_prepared;

/* Who a caller's thread is and where, as far as a start would go otherwise elsewhere: numbers only, without gaps. */
struct nuc_around {
	uint64_t pid, pids;	/* its process and pid namespace */
	uint64_t mounts;	/* its mount namespace */
	uint64_t root[3];	/* its root: device, inode, and the mount that this is in */
	uint64_t limits[4];	/* those that a user namespace is born with, for all below it (kernel/ucount.c) */
};

/* Of a sandbox object. All zero but the descriptors: nothing was started yet. */
struct nuc_kept {
	bool started;		/* something was: an object that starts one program does not look at all */
	bool never;		/* it cannot be kept: of this plan, or here */
	unsigned int pause;	/* so many starts are to pass before it is tried again */
	struct nuc_around around; /* where the one was who has looked; what is forked from it looks for itself */
	int mounts;		/* the caller's mount table, which tells when it has changed; or -1 */
	struct nuc_file_id *sources; /* what is bound, as it was at the last start; NULL: nobody has looked */
	int fd, users;		/* the mount namespace with the root, and the user namespace that this is of; or -1 */
	struct nuc_mounted root; /* what that root is there */
	uint8_t *steps;		/* of the child's program: done in it */
};
#define NUC_KEPT_NONE_YET { .mounts = -1, .fd = -1, .users = -1 }

/*
 * Whether this start may copy it. Built at the third start, or whenever nothing was mounted or replaced since the one
 * before; let go of when something was.
 */
bool nuc_kept_is_ready(struct nuc_prepared *p);
/* It is of no use here, for `why`, an errno, negative: it is let go of, for some time or for good. */
void nuc_kept_give_up(struct nuc_prepared *p, int why);
void nuc_kept_done(struct nuc_kept *k);
