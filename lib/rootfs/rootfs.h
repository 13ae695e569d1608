/* SPDX-License-Identifier: MIT */
/*
 * rootfs: trees copied in and carried back, against hostile ones.
 *
 * Both calls hold a handful of descriptors at any depth, follow no symbolic link, cross no mount
 * point, and open nothing but directories and regular files for real. Both need /proc. They run in
 * the calling thread and change nothing of it: no umask, no user, no directory.
 *
 * Not copied, either way: extended attributes and ACLs (a host directory's default ACL acts on what
 * is made in it, as on any new file), owners, set-id and sticky bits, access times, and that two
 * names are one file: hard links become files of their own.
 */
#pragma once

#include <sys/types.h>

#include "base.h"

/* Directories deeper than this are refused. */
#define NUC_TREE_MAX_DEPTH 512

struct nuc_copy_params {
	int64_t max_bytes;	/* of file content, in all; holes of sparse files do not count */
	int64_t max_files;	/* entries, in all */
	bool chown;		/* the caller has CAP_CHOWN: give what is copied in to uid:gid */
	uid_t uid;
	gid_t gid;
	const char *what;	/* for errors: "--context" */
	bool plain_only;	/* leave out FIFOs, sockets and devices, silently; else an error */
};

/* What a tree was at the moment of copying in, on both sides. */
struct nuc_tree_listing;
void nuc_tree_listing_free(struct nuc_tree_listing *listing);

/*
 * Copies what is below the directory `src` into the empty directory `dst` (descriptors opened for
 * reading): files, directories, symbolic links as links; modes and modification times. Mode and
 * owner of `dst` itself stay as they are. `src` may be changed by others meanwhile: then the copy
 * holds some mixture of before and after, or the call fails with -ESTALE, but it never holds
 * anything that was not below `src`.
 *
 * ret_listing, if not NULL, receives what nuc_tree_carry_back() needs. The call then waits for the
 * clock that stamps files to tick (at most 10 ms; some more while others write to `src`), so that
 * every later change shows, on both sides.
 *
 * -EFBIG past a limit (or RLIMIT_FSIZE, which would raise SIGXFSZ), -ENAMETOOLONG past the depth,
 * -EXDEV for a mount point below `src`, -EOPNOTSUPP for a special file, -EPERM for a file which a
 * tree's owner would have root read for it, -ESTALE, or an errno of the
 * system. On failure `dst` holds some part; it is the caller's to throw away.
 */
int nuc_tree_copy(int src, int dst, const struct nuc_copy_params *params,
		  struct nuc_tree_listing **ret_listing, nucleus_error **ret_err);

/*
 * Whether what the workload changes could be carried back into the directory `dst` at all, so that it is
 * refused before it has worked for nothing. 0; -EACCES or -EROFS. A directory that its owner may make
 * writable is one.
 */
int nuc_tree_may_carry_back(int dst, const struct nuc_copy_params *params, nucleus_error **ret_err);

/*
 * Carries back: what the workload created, changed or removed in `src` (the sandbox's copy, whose
 * processes are all gone) since `base` was taken is created, changed or removed in `dst` (the
 * directory it was copied from). What the workload left alone is not touched: not even its ctime.
 * Mode and owner of `dst` itself stay as they are.
 *
 * - A changed file is written anew and takes the old one's place by rename: no existing inode is
 *   written to, so other names of it keep the old content. Readers see the old or the new file.
 * - What changed in `dst` since the copy is a conflict: it stays, and so does all that cannot be
 *   carried for another reason (no space, permissions, mount points, depth, limits). All else is
 *   carried; then the call fails, the error's message names the first such paths and says how many
 *   there are, and its code is the first cause that is not a conflict, else -ESTALE.
 * - A directory that was removed inside goes only if nothing unknown is in it.
 * - FIFOs, sockets and devices are left out, silently.
 * - With params->chown what is made belongs to the owner of `dst`; uid and gid are for the way in.
 *   Modes are the workload's choice, without set-id and sticky bits.
 *
 * What is carried is the workload's data: a link's text may point anywhere, a file may be a
 * program, a git hook, a Makefile. Nothing was written outside `dst`; but whoever uses the tree
 * afterwards must treat it as untrusted content.
 *
 * While it works on a host directory, it keeps a directory ".nucleus-XXXXXXXX" (mode 0700) there.
 * SIGKILL leaves at most one, with at most one entry in it: an unfinished new file, or a replaced
 * or removed old one. (So does a race in which a file that turned out to be another could not be
 * put back: it is kept there.) Look into it and delete it: nothing here does, since another run's
 * may be in use. Nothing is synced to disk. On file systems without RENAME_EXCHANGE or
 * RENAME_NOREPLACE (NFS) a change on the host within microseconds of the replacement can be missed;
 * elsewhere it cannot, other than by writing in place through a descriptor that was opened before.
 */
int nuc_tree_carry_back(int src, int dst, const struct nuc_tree_listing *base,
			const struct nuc_copy_params *params, nucleus_error **ret_err);
