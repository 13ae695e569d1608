/* SPDX-License-Identifier: MIT */
/* The listing of a tree, and the primitives that both directions of copying are made of. */
#pragma once

#include <dirent.h>
#include <sys/stat.h>

#include "rootfs.h"

#define NUC_TREE_NONE UINT32_MAX

/* Beside errnos, whose numbers end at 4095: which limit it was, and whose file. */
enum {
	NUC_TREE_SIZE = 4096,	/* max_bytes */
	NUC_TREE_FILES,		/* max_files */
	NUC_TREE_FSIZE,		/* RLIMIT_FSIZE */
	NUC_TREE_PLANTED,	/* another user's file, which the tree's owner cannot read */
};

/* What tells one version of an entry from another. The ctime is what nobody can set back. */
struct nuc_stamp {
	dev_t dev;
	ino_t ino;
	mode_t mode;
	off_t size;
	struct timespec mtime, ctime;
};

/*
 * An entry. Nodes stand in breadth-first order, the root first: children behind their parent and
 * side by side, sorted by name. Walking the array forwards or backwards visits parents first or
 * children first, without recursion and without a descriptor per level.
 */
struct nuc_node {
	struct nuc_stamp host, inside;
	size_t name;		/* offset in the names */
	uint32_t parent;
	uint32_t first, count;	/* children */
	uint32_t base;		/* carrying back: the same entry in the base listing, or NONE */
	uint16_t depth;
	bool skip;		/* carrying back: neither it nor what is below is carried */
	bool made;		/* carrying back: a directory that was made on the host */
};

struct nuc_tree_listing {
	struct nuc_node *nodes;
	size_t n, size;
	char *names;
	size_t names_len, names_size;
};

static inline void nuc_closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

static inline void nuc_tree_listing_freep(struct nuc_tree_listing **t)
{
	nuc_tree_listing_free(*t);
}

#define _cleanup_dir_ _cleanup_(nuc_closedirp)
#define _cleanup_listing_ _cleanup_(nuc_tree_listing_freep)

static inline const char *nuc_tree_name(const struct nuc_tree_listing *t, uint32_t i)
{
	return t->names + t->nodes[i].name;
}

static inline bool nuc_same_inode(const struct nuc_stamp *s, const struct stat *st)
{
	return s->dev == st->st_dev && s->ino == st->st_ino;
}

void nuc_stamp_set(struct nuc_stamp *s, const struct stat *st);
/* Whether nothing happened to the entry between the two. */
bool nuc_stamp_equal(const struct nuc_stamp *a, const struct nuc_stamp *b);

/* A listing with just the root in it, or NULL. */
struct nuc_tree_listing *nuc_tree_new(void);
/* Appends an entry. -ENAMETOOLONG, -NUC_TREE_FILES (more than `max` entries), -ENOMEM. */
int nuc_tree_add(struct nuc_tree_listing *t, uint32_t parent, const char *name, int64_t max);
/* Forgets what was added since there were n. */
void nuc_tree_truncate(struct nuc_tree_listing *t, size_t n);
/* All of `parent`'s children were added, from `first` on: sorts them. */
void nuc_tree_close_dir(struct nuc_tree_listing *t, uint32_t parent, size_t first);
/* Where the child of that name is, or NONE. */
uint32_t nuc_tree_find(const struct nuc_tree_listing *t, uint32_t parent, const char *name);

/*
 * Opens one path below `dir`: no links anywhere in it, no mount points, no "..". With O_PATH and
 * without O_DIRECTORY a link that comes last is opened itself.
 */
int nuc_tree_openat(int dir, const char *path, int flags);
/* Opens a directory of the listing below `root`, by its names. Descriptors in use: one or two. */
int nuc_tree_open_dir(int root, const struct nuc_tree_listing *t, uint32_t i, int flags);

/*
 * The inode behind an O_PATH descriptor, for real: what is opened is what fstat() told about, which
 * no second look-up by name can promise. Nothing blocks. A negative errno, or a descriptor.
 */
int nuc_reopen(int fd, int flags);
int nuc_chmod_fd(int fd, mode_t mode);

/* Who gets what is made; not set: whoever makes it. */
struct nuc_owner {
	bool set;
	uid_t uid;
	gid_t gid;
};

/*
 * Makes a file or a link `name` in `to_dir`, with what `from` (O_PATH, looked at: st) holds and
 * what st says of mode and time. Nobody else may write in `to_dir`. *left is what content may be
 * copied, without holes: -NUC_TREE_SIZE when that is too little, -NUC_TREE_FSIZE when the size is past
 * RLIMIT_FSIZE. On failure a part may be left there.
 */
int nuc_copy_file(int from, const struct stat *st, int to_dir, const char *name,
		  const struct nuc_owner *owner, int64_t *left, struct nuc_stamp *ret);
int nuc_copy_link(int from, const struct stat *st, int to_dir, const char *name,
		  const struct nuc_owner *owner, struct nuc_stamp *ret);

/*
 * Whether all that is changed from now on gets another ctime than this one: the clock that stamps
 * files ticks every 1 to 10 ms (before multigrain timestamps, kernel 6.13). Or waits until so.
 */
bool nuc_ctime_settled(const struct timespec *ctime);
void nuc_ctime_settle(const struct timespec *ctime);

/* A path for people: 'a/b', control and non-ASCII bytes as \xNN, the middle left out when long. */
void nuc_tree_put_path(struct nuc_buf *b, const struct nuc_tree_listing *t, uint32_t parent,
		       const char *name);
/* What an errno, or one of the numbers above, means. */
void nuc_tree_put_reason(struct nuc_buf *b, int code, const struct nuc_copy_params *params);
const char *nuc_tree_hint(int code);
/* The errno that callers see. */
int nuc_tree_errno(int code);
