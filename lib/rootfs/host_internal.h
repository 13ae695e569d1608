/* SPDX-License-Identifier: MIT */
/*
 * One directory on the host while changes are carried into it. Others may change it at the same
 * time, and the caller may be root, so nothing is trusted by its name:
 *
 * What is to appear is made in a directory of our own, where nobody else may write: a new entry can
 * be given away there without someone putting another user's file in its place between mkdir() or
 * symlink() and chown(), which have no descriptor in common. From there it is renamed to its place.
 *
 * What is to vanish or be replaced is moved there first, in one step with the replacement, then
 * compared with what it should be, and only then deleted; else it goes back. So no version that
 * someone made in the last moment is lost.
 */
#pragma once

#include "tree_internal.h"

struct nuc_host_dir {
	int fd;			/* O_PATH, or a negative errno */
	int stage;		/* our own directory in it, or -1 */
	char temporary[20];	/* its name, and that of the one entry in it */
	mode_t mode;
	bool loosened;		/* we made it writable for ourselves, and undo that */
	struct nuc_owner owner;	/* of what is made */
};

#define NUC_HOST_DIR_NONE ((struct nuc_host_dir){ .fd = -EBADF, .stage = -1 })

/*
 * Opens directory i of t below `root`, if it is still the one that t remembers. Returns 0, or a
 * negative errno, which stays in ret->fd: -ENOENT when nothing has its name, -ESTALE when something
 * else has. The other calls are for a directory that is open.
 */
int nuc_host_dir_open(struct nuc_host_dir *ret, int root, const struct nuc_tree_listing *t,
		      uint32_t i, const struct nuc_owner *owner);
void nuc_host_dir_close(struct nuc_host_dir *d);

/* Our own directory, where to make the entry d->temporary: a descriptor that d keeps. */
int nuc_host_stage(struct nuc_host_dir *d);
/* Deletes that entry, a failed attempt's. */
void nuc_host_discard(struct nuc_host_dir *d);

/* 0 if `name` is what is expected; -ENOENT; -ESTALE. */
int nuc_host_check(const struct nuc_host_dir *d, const char *name,
		   const struct nuc_stamp *expected);
/* Moves the entry `made` to its place, which holds `expected`, or nothing if that is NULL. */
int nuc_host_put(struct nuc_host_dir *d, const char *name, const struct nuc_stamp *expected,
		 const struct nuc_stamp *made);
/* Makes a directory, for its owner alone so far; *ret tells which. */
int nuc_host_mkdir(struct nuc_host_dir *d, const char *name, struct nuc_stamp *ret);
/* Deletes what is no directory. If nothing is there, that is success. */
int nuc_host_remove(struct nuc_host_dir *d, const char *name, const struct nuc_stamp *expected);
/* Deletes an empty directory. If nothing is there, that is success. */
int nuc_host_rmdir(struct nuc_host_dir *d, const char *name);
