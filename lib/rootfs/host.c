/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/random.h>

#include "host_internal.h"

int nuc_host_dir_open(struct nuc_host_dir *ret, int root, const struct nuc_tree_listing *t,
		      uint32_t i, const struct nuc_owner *owner)
{
	_cleanup_close_ int fd = nuc_tree_open_dir(root, t, i, O_PATH);
	struct stat st = { 0 };

	*ret = NUC_HOST_DIR_NONE;
	ret->owner = *owner;
	if (fd < 0)
		ret->fd = fd == -ENOTDIR || fd == -ELOOP ? -ESTALE : fd;
	else if (fstat(fd, &st) < 0)
		ret->fd = -errno;
	else if (!nuc_same_inode(&t->nodes[i].host, &st))
		ret->fd = -ESTALE;
	else
		ret->fd = NUC_TAKE_FD(fd);
	ret->mode = st.st_mode & 07777;
	return ret->fd < 0 ? ret->fd : 0;
}

static void stage_close(struct nuc_host_dir *d)
{
	nuc_closep(&d->stage);
	d->stage = -1;
}

void nuc_host_dir_close(struct nuc_host_dir *d)
{
	if (d->stage >= 0)
		unlinkat(d->fd, d->temporary, AT_REMOVEDIR);
	stage_close(d);
	if (d->loosened)
		nuc_chmod_fd(d->fd, d->mode);
	nuc_closep(&d->fd);
	*d = NUC_HOST_DIR_NONE;
}

/* An owner may change a read-only directory after a chmod, as the workload did with its copy. */
static void loosen(struct nuc_host_dir *d)
{
	if (!d->loosened && !d->owner.set && (d->mode & 0300) != 0300)
		d->loosened = nuc_chmod_fd(d->fd, d->mode | 0300) == 0;
}

static int random_name(char name[20])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned char random[8];
	ssize_t n;

	do
		n = getrandom(random, sizeof(random), 0);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(random))
		return n < 0 ? -errno : -EIO;
	memcpy(name, ".nucleus-", 9);
	for (size_t i = 0; i < sizeof(random); i++)
		name[9 + i] = letters[random[i] % 32];
	name[17] = '\0';
	return 0;
}

static int stage_make(struct nuc_host_dir *d)
{
	for (int tries = 0; tries < 100; tries++) {
		int r = random_name(d->temporary);

		if (r < 0)
			return r;
		if (mkdirat(d->fd, d->temporary, 0700) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

int nuc_host_stage(struct nuc_host_dir *d)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	if (d->stage >= 0)
		return d->stage;
	loosen(d);
	r = stage_make(d);
	if (r < 0)
		return r;
	fd = nuc_tree_openat(d->fd, d->temporary, O_PATH | O_DIRECTORY);
	if (fd < 0 || fstat(fd, &st) < 0)
		r = -ESTALE;
	else if (d->owner.set && (st.st_uid != geteuid() || (st.st_mode & 077)))
		/* Someone put another directory there. Were it root's own too, no harm: nobody else
		 * can write in that one either. */
		r = -ESTALE;
	else if (!d->owner.set && (st.st_mode & 0700) != 0700)
		r = nuc_chmod_fd(fd, 0700); /* the umask took it */
	if (r < 0) {
		unlinkat(d->fd, d->temporary, AT_REMOVEDIR);
		return r;
	}
	d->stage = NUC_TAKE_FD(fd);
	return d->stage;
}

void nuc_host_discard(struct nuc_host_dir *d)
{
	if (d->stage >= 0 && unlinkat(d->stage, d->temporary, 0) < 0 && errno == EISDIR)
		unlinkat(d->stage, d->temporary, AT_REMOVEDIR);
}

int nuc_host_check(const struct nuc_host_dir *d, const char *name, const struct nuc_stamp *expected)
{
	struct nuc_stamp is;
	struct stat st;

	if (fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	nuc_stamp_set(&is, &st);
	return nuc_stamp_equal(&is, expected) ? 0 : -ESTALE;
}

/*
 * Whether what was moved to us is what was expected. Moving it set its ctime, and on an overlayfs
 * may have copied it up to another inode: it had those a moment before, in nuc_host_check().
 */
static bool moved_as_expected(const struct nuc_host_dir *d, const struct nuc_stamp *expected)
{
	struct stat st;

	return fstatat(d->stage, d->temporary, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_mode == expected->mode && st.st_size == expected->size &&
	       st.st_mtim.tv_sec == expected->mtime.tv_sec &&
	       st.st_mtim.tv_nsec == expected->mtime.tv_nsec;
}

static int move(struct nuc_host_dir *d, const char *name, unsigned int flags)
{
	return renameat2(d->stage, d->temporary, d->fd, name, flags) < 0 ? -errno : 0;
}

/* NFS and some others know no flags of rename and say EINVAL: there a moment stays unguarded. */
static int put_new(struct nuc_host_dir *d, const char *name)
{
	int r = move(d, name, RENAME_NOREPLACE);
	struct stat st;

	if (r == -EINVAL) {
		if (fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			return -ESTALE;
		r = errno == ENOENT ? move(d, name, 0) : -errno;
	}
	return r == -EEXIST ? -ESTALE : r;
}

int nuc_host_put(struct nuc_host_dir *d, const char *name, const struct nuc_stamp *expected,
		 const struct nuc_stamp *made)
{
	struct stat st;
	int r;

	if (!expected)
		return put_new(d, name);
	r = nuc_host_check(d, name, expected);
	if (r == 0) {
		r = move(d, name, RENAME_EXCHANGE);
		if (r == -EINVAL)
			return move(d, name, 0);
	}
	if (r < 0)
		return r == -ENOENT ? -ESTALE : r;
	if (moved_as_expected(d, expected))
		return unlinkat(d->stage, d->temporary, 0) < 0 ? -errno : 0;
	/*
	 * Back with it. If that fails, or gives us not our own in return, but what someone put in
	 * its place meanwhile, then what we hold is the host's: it stays, for people to find.
	 */
	if (move(d, name, RENAME_EXCHANGE) < 0 ||
	    fstatat(d->stage, d->temporary, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !nuc_same_inode(made, &st))
		stage_close(d);
	return -ESTALE;
}

int nuc_host_mkdir(struct nuc_host_dir *d, const char *name, struct nuc_stamp *ret)
{
	_cleanup_close_ int fd = -1;
	int stage = nuc_host_stage(d), r = 0;
	struct stat st;

	if (stage < 0)
		return stage;
	if (mkdirat(stage, d->temporary, 0700) < 0)
		return -errno;
	fd = nuc_tree_openat(stage, d->temporary, O_PATH | O_DIRECTORY);
	if (fd < 0)
		r = fd;
	else if (d->owner.set &&
		 fchownat(fd, "", d->owner.uid, d->owner.gid, AT_EMPTY_PATH) < 0)
		r = -errno;
	else if (fstat(fd, &st) < 0)
		r = -errno;
	else if ((st.st_mode & 0700) != 0700)
		r = nuc_chmod_fd(fd, 0700); /* the umask took it */
	if (r == 0)
		r = put_new(d, name);
	if (r < 0) {
		nuc_host_discard(d);
		return r;
	}
	nuc_stamp_set(ret, &st);
	return 0;
}

int nuc_host_remove(struct nuc_host_dir *d, const char *name, const struct nuc_stamp *expected)
{
	int r = nuc_host_check(d, name, expected), stage;

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	stage = nuc_host_stage(d);
	if (stage < 0)
		return stage;
	if (renameat(d->fd, name, stage, d->temporary) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (moved_as_expected(d, expected))
		return unlinkat(stage, d->temporary, 0) < 0 ? -errno : 0;
	if (move(d, name, RENAME_NOREPLACE) < 0)
		stage_close(d);
	return -ESTALE;
}

int nuc_host_rmdir(struct nuc_host_dir *d, const char *name)
{
	loosen(d);
	return unlinkat(d->fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}
