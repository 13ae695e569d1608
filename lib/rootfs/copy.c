/* SPDX-License-Identifier: MIT */
#include <fcntl.h>

#include "tree_internal.h"

/* A tree that nobody is writing to needs one, if any: all its files are older afterwards. */
#define WAITS_MAX 100

struct copy {
	int src, dst;
	const struct nuc_copy_params *params;
	struct nuc_tree_listing *t;
	struct nuc_owner owner;
	int64_t left;		/* bytes */
	uid_t src_owner;
	bool listing;		/* is wanted */
	int waits;		/* for the clock, that may still be made */
	struct timespec newest;	/* ctime in dst */
	nucleus_error **ret_err;
};

static int fail(const struct copy *c, int code, uint32_t parent, const char *name)
{
	const struct nuc_where where = { "launch", "copy", NULL, nuc_tree_hint(code) };
	_cleanup_buf_ struct nuc_buf path = { 0 };

	nuc_tree_put_path(&path, c->t, parent, name);
	nuc_buf_puts(&path, ": ");
	nuc_tree_put_reason(&path, code, c->params);
	return nuc_fail(c->ret_err, nuc_tree_errno(code), &where, "%s: cannot copy %s", c->params->what,
			path.failed ? "(no memory)" : path.s);
}

static void note_ctime(struct copy *c, const struct nuc_stamp *s)
{
	if (s->ctime.tv_sec > c->newest.tv_sec ||
	    (s->ctime.tv_sec == c->newest.tv_sec && s->ctime.tv_nsec > c->newest.tv_nsec))
		c->newest = s->ctime;
}

/*
 * Where protected_hardlinks is off (proc_sys_fs(5)) anyone can give a file that he cannot read, say
 * /etc/shadow, a name in his own tree, and wait for root to copy it; its first name may be gone by then. A bind does
 * not show such a file either.
 */
static bool planted(const struct copy *c, const struct stat *st)
{
	return S_ISREG(st->st_mode) && c->src_owner != geteuid() && st->st_uid != c->src_owner &&
	       !(st->st_mode & S_IROTH);
}

/*
 * What the entry is, at a moment after which every change of it shows in its ctime. Someone who
 * changes all files all the time cannot keep us waiting for ever: what is still being changed gets
 * a time that no file has, so that on the way back it has surely changed.
 */
static int look(struct copy *c, int fd, struct stat *ret)
{
	if (fstat(fd, ret) < 0)
		return -errno;
	if (!c->listing || S_ISDIR(ret->st_mode) || nuc_ctime_settled(&ret->st_ctim))
		return 0;
	if (c->waits > 0) {
		c->waits--;
		nuc_ctime_settle(&ret->st_ctim);
		if (fstat(fd, ret) < 0)
			return -errno;
	}
	if (!nuc_ctime_settled(&ret->st_ctim))
		ret->st_ctim.tv_nsec = -1;
	return 0;
}

static int copy_entry(struct copy *c, uint32_t parent, int from_dir, int to_dir, const char *name)
{
	_cleanup_close_ int from = nuc_tree_openat(from_dir, name, O_PATH);
	struct nuc_stamp inside = { 0 };
	struct stat st;
	int r;

	if (from == -ENOENT)
		return 0; /* removed since the directory was read */
	r = from < 0 ? from : look(c, from, &st);
	if (r < 0)
		return fail(c, r, parent, name);
	if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode) && !S_ISDIR(st.st_mode))
		return c->params->plain_only ? 0 : fail(c, -EOPNOTSUPP, parent, name);
	r = planted(c, &st) ? -NUC_TREE_PLANTED : nuc_tree_add(c->t, parent, name, c->params->max_files);
	if (r < 0)
		return fail(c, r, parent, name);
	if (S_ISDIR(st.st_mode))
		r = mkdirat(to_dir, name, 0700) < 0 ? -errno : 0;
	else if (S_ISLNK(st.st_mode))
		r = nuc_copy_link(from, &st, to_dir, name, &c->owner, &inside);
	else
		r = nuc_copy_file(from, &st, to_dir, name, &c->owner, &c->left, &inside);
	if (r < 0)
		return fail(c, r, parent, name);
	nuc_stamp_set(&c->t->nodes[c->t->n - 1].host, &st);
	c->t->nodes[c->t->n - 1].inside = inside;
	note_ctime(c, &inside);
	return 0;
}

/* Opens the directory that was seen before, or fails: another may have its name by now. */
static int open_source(const struct copy *c, uint32_t i, DIR **ret)
{
	const struct nuc_stamp *seen = &c->t->nodes[i].host;
	_cleanup_close_ int fd = nuc_tree_open_dir(c->src, c->t, i, O_RDONLY);
	struct stat st;
	DIR *d;

	if (fd == -ENOENT || fd == -ELOOP || fd == -ENOTDIR)
		return -ESTALE;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!nuc_same_inode(seen, &st))
		return -ESTALE;
	d = fdopendir(fd);
	if (!d)
		return -errno;
	NUC_TAKE_FD(fd);
	*ret = d;
	return 0;
}

static int open_target(const struct copy *c, uint32_t i)
{
	_cleanup_close_ int fd = nuc_tree_open_dir(c->dst, c->t, i, O_PATH);
	struct stat st;
	int r = 0;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	/* A umask may have taken from us what mkdir was asked for. */
	if (i && (st.st_mode & 0700) != 0700)
		r = nuc_chmod_fd(fd, 0700);
	return r < 0 ? r : NUC_TAKE_FD(fd);
}

static int copy_dir(struct copy *c, uint32_t i)
{
	_cleanup_dir_ DIR *d = NULL;
	_cleanup_close_ int to = -1;
	size_t first = c->t->n;
	int r = open_source(c, i, &d);

	if (r < 0)
		return fail(c, r, i, NULL);
	to = open_target(c, i);
	if (to < 0)
		return fail(c, to, i, NULL);
	for (;;) {
		const struct dirent *e;

		errno = 0;
		e = readdir(d);
		if (!e && errno)
			return fail(c, -errno, i, NULL);
		if (!e)
			break;
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		r = copy_entry(c, i, dirfd(d), to, e->d_name);
		if (r < 0)
			return r;
	}
	nuc_tree_close_dir(c->t, i, first);
	return 0;
}

/* Last, since a directory's entries change its time, and its mode may forbid us to make them. */
static int finish_dir(struct copy *c, uint32_t i)
{
	struct nuc_node *node = &c->t->nodes[i];
	const struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, node->host.mtime };
	_cleanup_close_ int fd = nuc_tree_open_dir(c->dst, c->t, i, O_RDONLY);
	struct stat st;

	if (fd < 0)
		return fd;
	if (c->owner.set && fchown(fd, c->owner.uid, c->owner.gid) < 0)
		return -errno;
	if (fchmod(fd, node->host.mode & 0777) < 0 || futimens(fd, times) < 0 ||
	    fstat(fd, &st) < 0)
		return -errno;
	nuc_stamp_set(&node->inside, &st);
	return 0;
}

int nuc_tree_may_carry_back(int dst, const struct nuc_copy_params *params, nucleus_error **ret_err)
{
	const struct nuc_where where = {
		"launch", "copy", NULL,
		"use a directory that you may write to; to only read it, --workspace-mode bind-ro"
	};
	struct stat st;
	int r;

	if (faccessat(dst, ".", W_OK | X_OK, AT_EACCESS) == 0)
		return 0;
	r = -errno;
	/* Its owner may make it writable: see loosen(). */
	if (r == -EACCES && !params->chown && fstat(dst, &st) == 0 && st.st_uid == geteuid())
		return 0;
	return nuc_fail(ret_err, r, &where, "%s: changes could not be carried back: its directory is not "
			"writable: %s", params->what, strerror(-r));
}

int nuc_tree_copy(int src, int dst, const struct nuc_copy_params *params,
		  struct nuc_tree_listing **ret_listing, nucleus_error **ret_err)
{
	const struct nuc_where where = { .stage = "launch", .layer = "copy" };
	_cleanup_listing_ struct nuc_tree_listing *t = nuc_tree_new();
	struct copy c = {
		.src = src,
		.dst = dst,
		.params = params,
		.t = t,
		.owner = { params->chown, params->uid, params->gid },
		.left = params->max_bytes,
		.listing = ret_listing,
		.waits = WAITS_MAX,
		.ret_err = ret_err,
	};
	struct stat st;
	int r;

	if (!t)
		return nuc_fail(ret_err, -ENOMEM, &where, "%s: out of memory", params->what);
	if (fstat(src, &st) < 0)
		return fail(&c, -errno, 0, NULL);
	c.src_owner = st.st_uid;
	nuc_stamp_set(&t->nodes[0].host, &st);
	for (uint32_t i = 0; i < t->n; i++) {
		if (!S_ISDIR(t->nodes[i].host.mode))
			continue;
		r = copy_dir(&c, i);
		if (r < 0)
			return r;
	}
	for (uint32_t i = (uint32_t)t->n - 1; i > 0; i--) {
		if (!S_ISDIR(t->nodes[i].host.mode))
			continue;
		r = finish_dir(&c, i);
		if (r < 0)
			return fail(&c, r, i, NULL);
	}
	if (ret_listing) {
		nuc_ctime_settle(&c.newest);
		*ret_listing = NUC_TAKE_PTR(t);
	}
	return 0;
}
