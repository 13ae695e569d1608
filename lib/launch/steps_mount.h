/* SPDX-License-Identifier: MIT */
/*
 * The steps that build the root file system. Part of child.c, which must be one translation unit to
 * have no undefined symbol; a file of its own because it is a subject of its own.
 */
#pragma once

#include <asm/fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <asm-generic/errno-base.h>
#include <asm-generic/errno.h>

#include "child.h"
#include "raw.h"

#define AT_FDCWD_ (-100)
#define AT_EMPTY_PATH_ 0x1000
#define AT_RECURSIVE_ 0x8000
#define AT_SYMLINK_NOFOLLOW_ 0x100
#define MS_PRIVATE_ (1 << 18)
#define MNT_DETACH_ 2
#define O_PATH_ 010000000
#define NEW_FILE (O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC)
#define BENEATH (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)


static const char *str(const struct nuc_context *c, uint32_t at)
{
	return (const char *)nuc_plan_data(c->plan, at);
}

static long length(const char *s)
{
	long n = 0;

	/* The asm keeps the compiler from making a call of strlen out of this loop. */
	while (s[n]) {
		n++;
		__asm__ volatile("");
	}
	return n;
}

/* The first failure wins; a descriptor is closed in any case. */
static long closing(long fd, long r)
{
	nuc_sys(__NR_close, fd);
	return r;
}

/* A path of the new root, by its root descriptor: never through a symbolic link, never above it. */
static long open_in_root(const struct nuc_context *c, const char *path, uint64_t flags)
{
	struct open_how how;

	how.flags = flags | O_CLOEXEC;
	how.mode = 0;
	how.resolve = BENEATH;
	return nuc_sys(__NR_openat2, c->slots[NUC_SLOT_ROOT], path[1] ? path + 1 : ".", &how,
		       sizeof(how));
}

/* Whether the first `n` bytes are the same. */
static int same_bytes(const char *a, const char *b, long n)
{
	for (long i = 0; i < n; i++) {
		if (a[i] != b[i])
			return 0;
		__asm__ volatile("");
	}
	return 1;
}

static void forget_parent(struct nuc_context *c)
{
	if (c->parent)
		nuc_sys(__NR_close, c->parent_fd);
	c->parent = c->made = 0;
}

/*
 * The directory that holds `path`, and the name in it. It is not to be closed, but is kept for the next step,
 * which often is about the same one; not where users may move it meanwhile.
 */
static long open_parent(struct nuc_context *c, const char *path, const char **ret_name)
{
	char dir[4096];
	long slash = 0, n, fd;

	for (n = 0; path[n]; n++) {
		if (n >= (long)sizeof(dir) - 1)
			return -ENAMETOOLONG;
		dir[n] = path[n];
		if (path[n] == '/')
			slash = n;
	}
	dir[slash ? slash : 1] = '\0';
	*ret_name = path + slash + 1;
	c->made = 0;
	if (c->parent && !c->has_users && c->parent_len == slash && same_bytes(c->parent, path, slash))
		return c->parent_fd;
	forget_parent(c);
	fd = open_in_root(c, dir, O_PATH_ | O_DIRECTORY);
	if (fd >= 0) {
		c->parent = path;
		c->parent_len = slash;
		c->parent_fd = (int)fd;
	}
	return fd;
}

static long attach_to(long mount, long at)
{
	return nuc_sys(__NR_move_mount, mount, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static long attach(const struct nuc_context *c, long mount, const char *dst)
{
	long at;

	/* What the step before has made cannot be a link: there is nothing to be resolved. */
	if (c->made && !c->has_users && same_bytes(c->made, dst, length(c->made) + 1))
		return nuc_sys(__NR_move_mount, mount, "", c->parent_fd, dst + c->parent_len + 1,
			       MOVE_MOUNT_F_EMPTY_PATH);
	at = open_in_root(c, dst, O_PATH_);
	return at < 0 ? at : closing(at, attach_to(mount, at));
}

static long set_attr(long fd, uint64_t set, long recursive, long userns_fd)
{
	struct mount_attr a;

	a.attr_set = set | (userns_fd >= 0 ? MOUNT_ATTR_IDMAP : 0);
	a.attr_clr = 0;
	a.propagation = 0;
	a.userns_fd = userns_fd >= 0 ? (uint64_t)userns_fd : 0;
	return nuc_sys(__NR_mount_setattr, fd, "",
		       AT_EMPTY_PATH_ | (recursive ? AT_RECURSIVE_ : 0), &a, sizeof(a));
}

static long mkdir_in_root(struct nuc_context *c, const struct nuc_step *s)
{
	const char *path = str(c, s->arg[0]), *name;
	long dir = open_parent(c, path, &name), r;

	if (dir < 0)
		return dir;
	r = nuc_sys(__NR_mkdirat, dir, name, s->arg[1]);
	if (r == 0 && s->arg[2] && c->plan->privileged)
		r = nuc_sys(__NR_fchownat, dir, name, c->plan->host_uid, c->plan->host_gid,
			    AT_SYMLINK_NOFOLLOW_);
	if (r == 0)
		c->made = path;
	return r;
}

static long symlink_in_root(struct nuc_context *c, const char *target, const char *path)
{
	const char *name;
	long dir = open_parent(c, path, &name);

	if (dir < 0)
		return dir;
	return nuc_sys(__NR_symlinkat, target, dir, name);
}

static long file_in_root(struct nuc_context *c, const char *path, const struct nuc_span *text,
			 uint32_t mode)
{
	const char *name, *s = str(c, text->at);
	long dir = open_parent(c, path, &name), fd, r = 0;
	uint32_t done = 0;

	if (dir < 0)
		return dir;
	fd = nuc_sys(__NR_openat, dir, name, NEW_FILE, mode);
	/* A copied root file system has its own, which may be a link to anywhere. */
	if (fd == -EEXIST && nuc_sys(__NR_unlinkat, dir, name, 0) == 0)
		fd = nuc_sys(__NR_openat, dir, name, NEW_FILE, mode);
	if (fd < 0)
		return fd;
	c->made = path;
	while (done < text->len) {
		r = nuc_sys(__NR_write, fd, s + done, text->len - done);
		if (r < 0)
			break;
		done += (uint32_t)r;
	}
	return closing(fd, r < 0 ? r : 0);
}

/* How the directory `fd` is mounted. -ESTALE: the kernel did not tell (it does since Linux 5.8). */
static long which_mount(long fd, struct nuc_mounted *ret)
{
	struct statx st;
	long r;

	st.stx_mask = 0; /* a filter may say 0 and do nothing */
	r = nuc_sys(__NR_statx, fd, "", AT_EMPTY_PATH_, STATX_INO | STATX_MNT_ID, &st);
	if (r < 0)
		return r;
	if ((st.stx_mask & (STATX_INO | STATX_MNT_ID)) != (STATX_INO | STATX_MNT_ID))
		return -ESTALE;
	ret->file.dev = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor;
	ret->file.ino = st.stx_ino;
	ret->mount = st.stx_mnt_id;
	return 0;
}

/* x86_64's struct stat begins with st_dev and st_ino, and has 144 bytes. */
static long same_file(long fd, uint64_t dev, uint64_t ino)
{
	union {
		struct nuc_file_id id;
		uint64_t all[18];
	} st;
	long r;

	st.id.dev = st.id.ino = 0; /* analysers do not see what a raw system call writes */
	r = nuc_sys(__NR_fstat, fd, &st);
	if (r < 0)
		return r;
	return st.id.dev == dev && st.id.ino == ino ? 0 : -ESTALE;
}

static long bind_in_root(struct nuc_context *c, const struct nuc_bind *b, int idmap)
{
	struct open_how how;
	long src, tree, r;

	how.flags = O_PATH_ | O_CLOEXEC;
	how.mode = 0;
	/* The path was resolved when the plan was made: a link in it now is a swap. */
	how.resolve = RESOLVE_NO_MAGICLINKS | (b->ino ? RESOLVE_NO_SYMLINKS : 0);
	src = nuc_sys(__NR_openat2, AT_FDCWD_, str(c, b->src), &how, sizeof(how));
	if (src < 0)
		return src;
	r = b->ino ? same_file(src, b->dev, b->ino) : 0;
	if (r == 0 && c->sources) {
		const struct nuc_file_id *was = &c->sources[c->step - c->plan->first[NUC_PROG_CHILD]];

		r = same_file(src, was->dev, was->ino);
	}
	if (r < 0)
		return closing(src, r);
	tree = nuc_sys(__NR_open_tree, src, "",
		       AT_EMPTY_PATH_ | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
			       (b->is_dir ? AT_RECURSIVE_ : 0));
	nuc_sys(__NR_close, src);
	if (tree < 0)
		return tree;
	r = set_attr(tree, b->attr, b->is_dir, idmap);
	if (r == 0)
		r = attach(c, tree, str(c, b->dst));
	/* What is kept may be below this. */
	if (!c->made)
		forget_parent(c);
	if (b->ino)
		c->has_users = 1;
	return closing(tree, r);
}

static long new_fs(const struct nuc_context *c, const struct nuc_mount *m)
{
	long fs = nuc_sys(__NR_fsopen, str(c, m->fstype), FSOPEN_CLOEXEC), r = 0;
	const char *o = str(c, m->options);

	if (fs < 0)
		return fs;
	while (r >= 0 && *o) {
		char key[32];
		long n = 0;

		while (o[n] && o[n] != '=' && n < (long)sizeof(key) - 1) {
			key[n] = o[n];
			n++;
		}
		key[n] = '\0';
		if (o[n] == '=')
			r = nuc_sys(__NR_fsconfig, fs, FSCONFIG_SET_STRING, key, o + n + 1, 0);
		else
			r = nuc_sys(__NR_fsconfig, fs, FSCONFIG_SET_FLAG, key, 0, 0);
		o += length(o) + 1;
	}
	if (r >= 0)
		r = nuc_sys(__NR_fsconfig, fs, FSCONFIG_CMD_CREATE, 0, 0, 0);
	if (r >= 0)
		r = nuc_sys(__NR_fsmount, fs, FSMOUNT_CLOEXEC, m->attr);
	return closing(fs, r);
}

static long mount_in_root(const struct nuc_context *c, const struct nuc_mount *m)
{
	long fd = new_fs(c, m);

	if (fd < 0)
		return fd;
	return closing(fd, attach(c, fd, str(c, m->dst)));
}

static long new_root(struct nuc_context *c, const struct nuc_step *s)
{
	const struct nuc_mount *m = nuc_plan_data(c->plan, s->arg[1]);
	long fd = new_fs(c, m), r;

	if (fd < 0)
		return fd;
	/* Before Linux 6.15 nothing can be mounted on a detached tree: attach it to build on it. */
	r = nuc_sys(__NR_move_mount, fd, "", AT_FDCWD_, str(c, s->arg[0]),
		    MOVE_MOUNT_F_EMPTY_PATH);
	if (r < 0)
		return closing(fd, r);
	c->slots[s->out] = (int)fd;
	return 0;
}

static long mask(const struct nuc_context *c, const char *path, int is_dir)
{
	const uint64_t attr = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			      MOUNT_ATTR_NOEXEC;
	long tree, r;

	/* A device on a nodev mount cannot be opened: a masked file is EACCES, a directory empty. */
	tree = is_dir ? nuc_sys(__NR_open_tree, c->slots[NUC_SLOT_ROOT], "var/empty",
				OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)
		      : nuc_sys(__NR_open_tree, AT_FDCWD_, "/dev/null",
				OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return tree;
	r = set_attr(tree, attr, 0, -1);
	if (r == 0)
		r = attach(c, tree, path);
	return closing(tree, r);
}

static long read_only(const struct nuc_context *c, const char *path, int whole_mount)
{
	long at = open_in_root(c, path, O_PATH_), tree, r;

	if (at < 0)
		return at;
	if (whole_mount)
		return closing(at, set_attr(at, MOUNT_ATTR_RDONLY, 0, -1));
	tree = nuc_sys(__NR_open_tree, at, "",
		       AT_EMPTY_PATH_ | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE_);
	if (tree < 0)
		return closing(at, tree);
	r = set_attr(tree,
		     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 1,
		     -1);
	if (r == 0)
		r = attach_to(tree, at);
	return closing(at, closing(tree, r));
}

static long pivot(struct nuc_context *c)
{
	long r = nuc_sys(__NR_fchdir, c->slots[NUC_SLOT_ROOT]);

	/* pivot_root(".", "."): the old root is stacked on the new one and then let go of. */
	if (r == 0)
		r = nuc_sys(__NR_pivot_root, ".", ".");
	if (r == 0)
		r = nuc_sys(__NR_umount2, ".", MNT_DETACH_);
	if (r == 0)
		r = nuc_sys(__NR_chdir, "/");
	return r;
}
