/* SPDX-License-Identifier: MIT */
#include <fcntl.h>

#include "host_internal.h"

/* So many paths an error names; it counts the rest. */
#define NAMED_MAX 8

struct carry {
	int src, dst;
	const struct nuc_copy_params *params;
	const struct nuc_tree_listing *base;
	struct nuc_tree_listing *now;	/* of src */
	struct nuc_owner owner;
	int64_t left;		/* bytes */
	struct nuc_buf named;
	size_t not_carried;
	int code;		/* of the first that is not a conflict */
};

/* The directory that is being compared. Both sides are opened when there is something to do. */
struct place {
	uint32_t i;		/* in now */
	int inside;		/* O_PATH; -1: not open */
	bool host_tried;
	struct nuc_host_dir host;
};

/* What cannot be carried is no reason to lose the rest: it is told at the end. */
static void not_carried(struct carry *c, int code, const struct nuc_tree_listing *t, uint32_t i)
{
	if (code == -ENOENT)
		code = -ESTALE; /* someone removed it on the host */
	if (c->not_carried++ < NAMED_MAX) {
		if (c->named.len > 0)
			nuc_buf_puts(&c->named, ", ");
		nuc_tree_put_path(&c->named, t, i, NULL);
		nuc_buf_puts(&c->named, " (");
		nuc_tree_put_reason(&c->named, code, c->params);
		nuc_buf_puts(&c->named, ")");
	}
	if (c->code == 0 && code != -ESTALE && code != -ENOTEMPTY)
		c->code = code;
}

/* ---- what is inside now --------------------------------------------------------------------- */

/* Nobody else is in there any more: the workload's modes, which are noted, need not stay. */
static int scan_open(struct carry *c, uint32_t i, DIR **ret)
{
	_cleanup_close_ int fd = -1;
	DIR *d;

	if ((c->now->nodes[i].inside.mode & 0700) != 0700) {
		/* In a root without x not even "." is found: that one is had by its descriptor. */
		_cleanup_close_ int path = i ? nuc_tree_open_dir(c->src, c->now, i, O_PATH)
					     : nuc_reopen(c->src, O_PATH);

		if (path >= 0)
			nuc_chmod_fd(path, 0700);
	}
	fd = nuc_tree_open_dir(c->src, c->now, i, O_RDONLY);
	if (fd < 0)
		return fd;
	d = fdopendir(fd);
	if (!d)
		return -errno;
	NUC_TAKE_FD(fd);
	*ret = d;
	return 0;
}

static int scan_dir(struct carry *c, uint32_t i)
{
	_cleanup_dir_ DIR *d = NULL;
	size_t first = c->now->n;
	int r = scan_open(c, i, &d);

	if (r < 0)
		return r;
	for (;;) {
		const struct dirent *e;
		struct stat st;

		errno = 0;
		e = readdir(d);
		if (!e && errno)
			return -errno;
		if (!e)
			break;
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
		if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode) && !S_ISDIR(st.st_mode))
			continue;
		r = nuc_tree_add(c->now, i, e->d_name, c->params->max_files);
		if (r < 0)
			return r;
		nuc_stamp_set(&c->now->nodes[c->now->n - 1].inside, &st);
	}
	nuc_tree_close_dir(c->now, i, first);
	return 0;
}

static void scan(struct carry *c)
{
	for (uint32_t i = 0; i < c->now->n; i++) {
		size_t n = c->now->n;
		int r;

		if (!S_ISDIR(c->now->nodes[i].inside.mode))
			continue;
		r = scan_dir(c, i);
		if (r == 0)
			continue;
		/* What was not read must not be taken for removed: nothing below is carried. */
		nuc_tree_truncate(c->now, n);
		c->now->nodes[i].skip = true;
		not_carried(c, r, c->now, i);
	}
}

/* ---- one entry ------------------------------------------------------------------------------ */

static struct nuc_host_dir *host_of(struct carry *c, struct place *p)
{
	if (!p->host_tried) {
		p->host_tried = true;
		nuc_host_dir_open(&p->host, c->dst, c->now, p->i, &c->owner);
	}
	return &p->host;
}

static void place_close(struct place *p)
{
	nuc_host_dir_close(&p->host);
	nuc_closep(&p->inside);
}

static int fill_stage(struct carry *c, struct place *p, uint32_t n, int stage,
		      struct nuc_stamp *ret)
{
	const struct nuc_stamp *seen = &c->now->nodes[n].inside;
	const char *temporary = p->host.temporary;
	_cleanup_close_ int from = -1;
	struct stat st;

	if (p->inside < 0)
		p->inside = nuc_tree_open_dir(c->src, c->now, p->i, O_PATH);
	if (p->inside < 0)
		return p->inside;
	from = nuc_tree_openat(p->inside, nuc_tree_name(c->now, n), O_PATH);
	if (from < 0)
		return from;
	if (fstat(from, &st) < 0)
		return -errno;
	if (!nuc_same_inode(seen, &st))
		return -EIO; /* not without a process inside, and there is none */
	if (S_ISLNK(st.st_mode))
		return nuc_copy_link(from, &st, stage, temporary, &c->owner, ret);
	if (!(st.st_mode & 0400))
		nuc_chmod_fd(from, 0600);
	return nuc_copy_file(from, &st, stage, temporary, &c->owner, &c->left, ret);
}

/* Makes a file or link on the host, in the place of `expected`, or of nothing if that is NULL. */
static int carry_plain(struct carry *c, struct place *p, uint32_t n,
		       const struct nuc_stamp *expected)
{
	const char *name = nuc_tree_name(c->now, n);
	struct nuc_host_dir *host = host_of(c, p);
	struct nuc_stamp made;
	int r, stage;

	if (host->fd < 0)
		return host->fd;
	r = expected ? nuc_host_check(host, name, expected) : 0;
	if (r < 0)
		return r;
	stage = nuc_host_stage(host);
	if (stage < 0)
		return stage;
	r = fill_stage(c, p, n, stage, &made);
	if (r == 0)
		r = nuc_host_put(host, name, expected, &made);
	if (r < 0)
		nuc_host_discard(host);
	return r;
}

static void created(struct carry *c, struct place *p, uint32_t n)
{
	struct nuc_node *node = &c->now->nodes[n];
	struct nuc_host_dir *host;
	int r;

	if (node->skip)
		return;
	if (S_ISDIR(node->inside.mode)) {
		host = host_of(c, p);
		r = host->fd < 0 ? host->fd
				 : nuc_host_mkdir(host, nuc_tree_name(c->now, n), &node->host);
		node->made = r == 0;
		node->skip = r < 0;
	} else {
		r = carry_plain(c, p, n, NULL);
	}
	if (r < 0)
		not_carried(c, r, c->now, n);
}

/* ---- removal -------------------------------------------------------------------------------- */

/* Removes the files that were in directory b of base; its directories are added to the queue. */
static int empty_dir(struct carry *c, uint32_t b, uint32_t *queue, size_t *n_queue)
{
	const struct nuc_node *node = &c->base->nodes[b];
	_cleanup_(nuc_host_dir_close) struct nuc_host_dir host = NUC_HOST_DIR_NONE;
	int r = nuc_host_dir_open(&host, c->dst, c->base, b, &c->owner);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (uint32_t i = node->first; i < node->first + node->count; i++) {
		if (S_ISDIR(c->base->nodes[i].host.mode)) {
			queue[(*n_queue)++] = i;
			continue;
		}
		r = nuc_host_remove(&host, nuc_tree_name(c->base, i), &c->base->nodes[i].host);
		if (r < 0)
			not_carried(c, r, c->base, i);
	}
	return 0;
}

static int remove_empty(struct carry *c, uint32_t b)
{
	_cleanup_(nuc_host_dir_close) struct nuc_host_dir parent = NUC_HOST_DIR_NONE;
	int r = nuc_host_dir_open(&parent, c->dst, c->base, c->base->nodes[b].parent, &c->owner);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return nuc_host_rmdir(&parent, nuc_tree_name(c->base, b));
}

/* Removes from the host what was known to be below directory b; whatever else is there stays. */
static void remove_dir(struct carry *c, uint32_t b)
{
	size_t n = 1, before = c->not_carried;
	_cleanup_free_ uint32_t *queue = reallocarray(NULL, c->base->n, sizeof(*queue));
	int r;

	if (!queue) {
		not_carried(c, -ENOMEM, c->base, b);
		return;
	}
	queue[0] = b;
	for (size_t i = 0; i < n; i++) {
		r = empty_dir(c, queue[i], queue, &n);
		if (r < 0)
			not_carried(c, r, c->base, queue[i]);
	}
	for (size_t i = n; i > 0; i--) {
		r = remove_empty(c, queue[i - 1]);
		/* What had to stay in it was told already: not each directory above it too. */
		if (r < 0 && c->not_carried == before)
			not_carried(c, r, c->base, queue[i - 1]);
	}
}

/* True if nothing of that name is left to be in the way. */
static bool removed(struct carry *c, struct place *p, uint32_t b)
{
	size_t before = c->not_carried;
	struct nuc_host_dir *host;
	int r;

	if (S_ISDIR(c->base->nodes[b].host.mode)) {
		remove_dir(c, b);
		return c->not_carried == before;
	}
	host = host_of(c, p);
	r = host->fd < 0 ? host->fd
			 : nuc_host_remove(host, nuc_tree_name(c->base, b),
					   &c->base->nodes[b].host);
	if (r == -ENOENT)
		r = 0; /* not even its directory is there */
	if (r < 0)
		not_carried(c, r, c->base, b);
	return r == 0;
}

/* ---- the comparison ------------------------------------------------------------------------- */

static void both(struct carry *c, struct place *p, uint32_t b, uint32_t n)
{
	const struct nuc_node *was = &c->base->nodes[b];
	struct nuc_node *is = &c->now->nodes[n];
	bool was_dir = S_ISDIR(was->host.mode), is_dir = S_ISDIR(is->inside.mode);
	int r;

	if (is->skip)
		return;
	if (was_dir && is_dir) {
		is->base = b;
		is->host = was->host;
	} else if (was_dir || is_dir) {
		if (removed(c, p, b))
			created(c, p, n);
		else
			is->skip = true;
	} else if (!nuc_stamp_equal(&was->inside, &is->inside)) {
		r = carry_plain(c, p, n, &was->host);
		if (r < 0)
			not_carried(c, r, c->now, n);
	}
}

static void carry_dir(struct carry *c, uint32_t i)
{
	struct nuc_node *node = &c->now->nodes[i];
	_cleanup_(place_close) struct place p = { .i = i, .inside = -1, .host = NUC_HOST_DIR_NONE };
	uint32_t n = node->first, n_end = n + node->count, b = 0, b_end = 0;

	if (node->base != NUC_TREE_NONE) {
		b = c->base->nodes[node->base].first;
		b_end = b + c->base->nodes[node->base].count;
	}
	while (n < n_end || b < b_end) {
		int order = 0;

		if (n < n_end && b < b_end)
			order = strcmp(nuc_tree_name(c->base, b), nuc_tree_name(c->now, n));
		if (n == n_end || order < 0)
			removed(c, &p, b++);
		else if (b == b_end || order > 0)
			created(c, &p, n++);
		else
			both(c, &p, b++, n++);
	}
}

/* After everything in it: a directory's mode may forbid that, and its time would not last. */
static int finish_made(struct carry *c, uint32_t i)
{
	const struct nuc_node *node = &c->now->nodes[i];
	const struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, node->inside.mtime };
	_cleanup_close_ int fd = nuc_tree_open_dir(c->dst, c->now, i, O_RDONLY);
	struct stat st;

	if (fd < 0)
		return fd == -ENOENT || fd == -ELOOP || fd == -ENOTDIR ? -ESTALE : fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!nuc_same_inode(&node->host, &st))
		return -ESTALE;
	/* A set-group-id bit can only have come from the host's directory above. */
	if (fchmod(fd, (st.st_mode & S_ISGID) | (node->inside.mode & 0777)) < 0 ||
	    futimens(fd, times) < 0)
		return -errno;
	return 0;
}

static int finish_mode(struct carry *c, uint32_t i)
{
	const struct nuc_node *node = &c->now->nodes[i];
	_cleanup_(nuc_host_dir_close) struct nuc_host_dir host = NUC_HOST_DIR_NONE;
	int r = nuc_host_dir_open(&host, c->dst, c->now, i, &c->owner);

	if (r < 0)
		return r;
	if (host.mode != (node->host.mode & 07777))
		return -ESTALE;
	return nuc_chmod_fd(host.fd, (host.mode & 07000) | (node->inside.mode & 0777));
}

static void finish_dir(struct carry *c, uint32_t i)
{
	const struct nuc_node *node = &c->now->nodes[i];
	int r = 0;

	if (node->made)
		r = finish_made(c, i);
	else if (node->base != NUC_TREE_NONE &&
		 ((c->base->nodes[node->base].inside.mode ^ node->inside.mode) & 0777))
		r = finish_mode(c, i);
	if (r < 0)
		not_carried(c, r, c->now, i);
}

static void carry(struct carry *c)
{
	struct nuc_tree_listing *now = c->now;

	scan(c);
	now->nodes[0].host = c->base->nodes[0].host;
	for (uint32_t i = 0; i < now->n; i++) {
		struct nuc_node *node = &now->nodes[i];

		if (now->nodes[node->parent].skip)
			node->skip = true;
		if (S_ISDIR(node->inside.mode) && !node->skip)
			carry_dir(c, i);
	}
	for (uint32_t i = (uint32_t)now->n - 1; i > 0; i--)
		if (S_ISDIR(now->nodes[i].inside.mode) && !now->nodes[i].skip)
			finish_dir(c, i);
}

int nuc_tree_carry_back(int src, int dst, const struct nuc_tree_listing *base,
			const struct nuc_copy_params *params, nucleus_error **ret_err)
{
	struct nuc_where where = { .stage = "run", .layer = "copy" };
	_cleanup_listing_ struct nuc_tree_listing *now = nuc_tree_new();
	struct stat inside, outside;
	struct carry c = {
		.src = src,
		.dst = dst,
		.params = params,
		.base = base,
		.now = now,
		.left = params->max_bytes,
	};
	int r;

	if (!now)
		return nuc_fail(ret_err, -ENOMEM, &where, "%s: out of memory", params->what);
	if (fstat(src, &inside) < 0 || fstat(dst, &outside) < 0) {
		r = -errno;
		return nuc_fail(ret_err, r, &where, "%s: cannot carry back: %s", params->what,
				strerror(-r));
	}
	nuc_stamp_set(&now->nodes[0].inside, &inside);
	c.owner = (struct nuc_owner){ params->chown, outside.st_uid, outside.st_gid };
	carry(&c);
	r = c.code < 0 ? c.code : -ESTALE;
	if (c.not_carried > 0) {
		where.hint = nuc_tree_hint(r);
		r = nuc_fail(ret_err, nuc_tree_errno(r), &where, "%s: %zu change%s not carried back: %s%s",
			     params->what, c.not_carried, c.not_carried == 1 ? " was" : "s were",
			     c.named.failed ? "(no memory to name them)" : c.named.s,
			     c.not_carried > NAMED_MAX ? ", and others" : "");
	} else {
		r = 0;
	}
	nuc_buf_free(&c.named);
	return r;
}
