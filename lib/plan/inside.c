/* SPDX-License-Identifier: MIT */
/* Where a path of the sandbox will lead: walked through the steps that build its root. */
#include "builder.h"

#define MAX_LINKS 40 /* as many as the kernel follows */

/* What stands at, or covers, one path that has no link in its parents. */
struct cover {
	const struct nuc_step *at;   /* the last step that makes this very path, or NULL */
	const struct nuc_step *over; /* the mount that it lies in, or NULL: the root */
	size_t len;		     /* of that mount's path */
	const char *src;	     /* what that mount shows of the host, or NULL */
};

static const char *text(const struct nuc_builder *b, uint32_t at)
{
	return b->data.s + at;
}

static const char *target_of(const struct nuc_builder *b, const struct nuc_step *s)
{
	switch (s->op) {
	case NUC_OP_MKDIR:
	case NUC_OP_FILE:
		return text(b, s->arg[0]);
	case NUC_OP_SYMLINK:
		return text(b, s->arg[1]);
	case NUC_OP_BIND:
		return text(b, ((const struct nuc_bind *)(const void *)text(b, s->arg[0]))->dst);
	case NUC_OP_MOUNT:
		return text(b, ((const struct nuc_mount *)(const void *)text(b, s->arg[0]))->dst);
	default:
		return NULL;
	}
}

/* How much of `path` the mount at `top` covers: its own length, or 0. */
static bool covers(const char *top, const char *path, size_t *ret_len)
{
	size_t n = strlen(top);

	if (n == 1) /* the root */
		n = 0;
	if (strncmp(top, path, n) != 0 || (path[n] != '/' && path[n]))
		return false;
	*ret_len = n;
	return true;
}

/* The tree that is copied to `dst`, or NULL. */
static const char *copied_to(const struct nuc_builder *b, const char *dst)
{
	for (size_t i = 0; i < b->n_steps[NUC_PROG_HOST]; i++) {
		const struct nuc_step *s = &b->steps[NUC_PROG_HOST][i];
		const struct nuc_bind *bind;

		if (s->op != NUC_OP_COPY)
			continue;
		bind = (const void *)text(b, s->arg[1]);
		if (!strcmp(text(b, bind->dst), dst))
			return text(b, bind->src);
	}
	return NULL;
}

static struct cover find_cover(const struct nuc_builder *b, const char *path)
{
	struct cover c = { .src = copied_to(b, "/") };

	for (size_t i = 0; i < b->n_steps[NUC_PROG_CHILD]; i++) {
		const struct nuc_step *s = &b->steps[NUC_PROG_CHILD][i];
		const char *dst = target_of(b, s);
		size_t len = 0;

		if (!dst)
			continue;
		if (!strcmp(dst, path))
			c.at = s;
		if ((s->op != NUC_OP_BIND && s->op != NUC_OP_MOUNT) || !covers(dst, path, &len))
			continue;
		/* Mounts on a mount come after it. */
		c.over = s;
		c.len = len;
		c.src = s->op == NUC_OP_MOUNT ? copied_to(b, dst)
			: text(b, ((const struct nuc_bind *)(const void *)text(b, s->arg[0]))->src);
	}
	return c;
}

static bool is_fs(const struct nuc_builder *b, const struct nuc_step *s, const char *type)
{
	return s && s->op == NUC_OP_MOUNT &&
	       !strcmp(text(b,
			    ((const struct nuc_mount *)(const void *)text(b, s->arg[0]))->fstype),
		       type);
}

/* Entries of /proc that lead each process to itself. */
static bool is_of_a_process(const char *name)
{
	return !strcmp(name, "self") || !strcmp(name, "thread-self") || !strcmp(name, "mounts") ||
	       !strcmp(name, "net") || (*name && strspn(name, "0123456789") == strlen(name));
}

/* What is at `path`, whose parents are directories; a link's target goes to `link`. */
static int what_is(struct nuc_builder *b, const char *path, enum nuc_inside_kind *ret,
		   char link[4096])
{
	struct cover c = find_cover(b, path);
	_cleanup_free_ struct nuc_look *l = NULL;
	_cleanup_free_ char *outside = NULL;
	int r;

	*link = '\0';
	if (is_fs(b, c.over, "proc") && path[c.len] == '/' && is_of_a_process(path + c.len + 1))
		return -EINVAL;
	if (c.at && c.at->op == NUC_OP_SYMLINK) {
		if (snprintf(link, 4096, "%s", text(b, c.at->arg[0])) >= 4096)
			return -ENAMETOOLONG;
		return 0;
	}
	if (c.at) {
		bool dir = c.at->op == NUC_OP_MKDIR || c.at->op == NUC_OP_MOUNT;

		if (c.at->op == NUC_OP_BIND)
			dir = ((const struct nuc_bind *)(const void *)text(b, c.at->arg[0]))
				      ->is_dir;
		*ret = dir ? NUC_INSIDE_DIR : NUC_INSIDE_FILE;
		return 0;
	}
	if (!c.src) {
		/* A fresh tmpfs holds what was made in it; others are the kernel's. */
		*ret = !c.over || is_fs(b, c.over, "tmpfs") ? NUC_INSIDE_MISSING : NUC_INSIDE_UNKNOWN;
		return 0;
	}
	l = malloc(sizeof(*l));
	outside = nuc_strf("%s%s", c.src, path + c.len);
	if (!l || !outside)
		return -ENOMEM;
	r = b->world->look(b->world, outside, false, l);
	if (r == -ENOENT || r == -ENOTDIR) {
		*ret = NUC_INSIDE_MISSING;
		return 0;
	}
	if (r == -EACCES) {
		*ret = NUC_INSIDE_UNKNOWN;
		return 0;
	}
	if (r < 0)
		return r;
	if (strcmp(l->path, outside) != 0)
		return -ESTALE;
	if (S_ISLNK(l->mode))
		snprintf(link, 4096, "%s", l->link);
	*ret = S_ISDIR(l->mode) ? NUC_INSIDE_DIR : NUC_INSIDE_FILE;
	return 0;
}

/* Appends a component; ".." takes the last one away. */
static int append(char path[4096], const char *name, size_t len)
{
	size_t n = strlen(path);

	if (len == 2 && name[0] == '.' && name[1] == '.') {
		while (n && path[n - 1] != '/')
			n--;
		path[n ? n - 1 : 0] = '\0';
		return 0;
	}
	if (n + len + 2 > 4096)
		return -ENAMETOOLONG;
	path[n] = '/';
	memcpy(path + n + 1, name, len);
	path[n + 1 + len] = '\0';
	return 0;
}

struct walk {
	char rest[2 * 4096], link[4096];
};

int nuc_b_inside(struct nuc_builder *b, const char *path, struct nuc_inside *ret)
{
	_cleanup_free_ struct walk *w = malloc(sizeof(*w));
	int links = 0, r;

	if (!w || b->failed || b->data.failed)
		return -ENOMEM;
	if (snprintf(w->rest, sizeof(w->rest), "%s", path) >= 4096)
		return -ENAMETOOLONG;
	ret->kind = NUC_INSIDE_DIR;
	ret->path[0] = '\0'; /* the root, without its slash */
	for (;;) {
		char *name = w->rest + strspn(w->rest, "/"), *after;
		size_t len = strcspn(name, "/"), end = strlen(ret->path);

		if (!len)
			break;
		after = name + len;
		if (len == 1 && *name == '.') {
			memmove(w->rest, after, strlen(after) + 1);
			continue;
		}
		r = append(ret->path, name, len);
		if (r < 0)
			return r;
		/* Below what is not known to be a directory nothing can be looked at. */
		if (ret->kind == NUC_INSIDE_FILE)
			ret->kind = NUC_INSIDE_MISSING;
		*w->link = '\0';
		if (ret->kind == NUC_INSIDE_DIR) {
			r = *ret->path ? what_is(b, ret->path, &ret->kind, w->link) : 0;
			if (r < 0)
				return r;
		}
		if (!*w->link) {
			memmove(w->rest, after, strlen(after) + 1);
			continue;
		}
		if (++links > MAX_LINKS)
			return -ELOOP;
		ret->path[*w->link == '/' ? 0 : end] = '\0';
		ret->kind = NUC_INSIDE_DIR;
		/* What the link says, and then what was still to go. */
		if (strlen(w->link) + 1 + strlen(after) >= 4096)
			return -ENAMETOOLONG;
		memmove(w->rest + strlen(w->link), after, strlen(after) + 1);
		memcpy(w->rest, w->link, strlen(w->link));
	}
	if (!*ret->path)
		memcpy(ret->path, "/", 2);
	return 0;
}
