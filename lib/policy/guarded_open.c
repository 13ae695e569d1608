/* SPDX-License-Identifier: MIT */
/*
 * Opens a file that nobody but root and the caller can have written, or put where it is. The path is
 * walked by hand, one name at a time from the root directory, each by a descriptor of the one before:
 * what has been checked is what is gone through, whatever is renamed meanwhile.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "strict_read.h"

#define LINKS_MAX 40	/* as the kernel has it: path_resolution(7) */

struct walk {
	const struct nuc_strict *file;
	int dir;		/* where the walk is */
	bool shared;		/* others may add to it, and not touch what is there: the sticky bit */
	char at[PATH_MAX];	/* its name, for messages; "" for the root directory */
	char rest[PATH_MAX];	/* names to go */
	unsigned int links;
	nucleus_error **ret_err;
};

static int refuse(const struct walk *w, const char *hint, const char *what, const char *name)
{
	const struct nuc_where where = { "policy", "file", w->file->origin, hint };
	bool itself = !strcmp(name, w->file->path);

	return nuc_fail(w->ret_err, -EPERM, &where, "%s could have been written by others: %s%s%s",
			w->file->path, itself ? "it" : name, " ", what);
}

/* Whether others may have put this here, or may change it. */
static int check_trust(const struct walk *w, const struct stat *st, const char *name)
{
	_cleanup_free_ char *hint = NULL, *what = NULL;
	uid_t me = geteuid();

	if (st->st_uid != 0 && st->st_uid != me) {
		what = nuc_strf("belongs to user %u", st->st_uid);
		return refuse(w, "in mode production it must be root's or the caller's, as must be all "
				 "directories on the way",
			      what ? what : "belongs to somebody else", name);
	}
	/* Of a link only its owner counts. A group of an ACL shows in the group's bits: acl(5). */
	if (!S_ISLNK(st->st_mode) && st->st_mode & 022 &&
	    !(S_ISDIR(st->st_mode) && st->st_mode & S_ISVTX)) {
		what = nuc_strf("has mode %04o", st->st_mode & 07777);
		hint = nuc_strf("chmod go-w '%s'", name);
		return refuse(w, hint, what ? what : "is writable", name);
	}
	/* Where others may add names, they may add one more of somebody else's file, too: link(2). */
	if (w->shared && !S_ISDIR(st->st_mode) && st->st_nlink > 1)
		return refuse(w, "put it into a directory that others cannot write to",
			      "has a second name, in a directory that others may add to", name);
	return 0;
}

/* To the directory that `fd` stands for; takes it. Its name is in w->at. */
static int enter(struct walk *w, int fd)
{
	struct stat st;
	int r;

	if (fd < 0)
		return nuc_strict_fail(w->file, -errno, "open", w->ret_err);
	nuc_closep(&w->dir);
	w->dir = fd;
	if (fstat(fd, &st) < 0)
		return nuc_strict_fail(w->file, -errno, "look at", w->ret_err);
	r = check_trust(w, &st, *w->at ? w->at : "/");
	w->shared = st.st_mode & 022;
	return r;
}

static int enter_root(struct walk *w)
{
	*w->at = '\0';
	return enter(w, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

static int enter_parent(struct walk *w)
{
	char *slash = strrchr(w->at, '/');

	if (slash)
		*slash = '\0';
	return enter(w, openat(w->dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

static int enter_child(struct walk *w, int *fd, const char *name)
{
	if (strlen(name) >= sizeof(w->at))
		return nuc_strict_fail(w->file, -ENAMETOOLONG, "open", w->ret_err);
	strcpy(w->at, name);
	return enter(w, NUC_TAKE_FD(*fd));
}

/* What the link says comes before what is left. */
static int follow(struct walk *w, int link)
{
	char rest[2 * PATH_MAX];
	ssize_t n = readlinkat(link, "", rest, PATH_MAX);

	if (n <= 0)
		return nuc_strict_fail(w->file, n ? -errno : -ENOENT, "open", w->ret_err);
	if (++w->links > LINKS_MAX)
		return nuc_strict_fail(w->file, -ELOOP, "open", w->ret_err);
	strcpy(rest + n, w->rest);
	if (strlen(rest) >= sizeof(w->rest))
		return nuc_strict_fail(w->file, -ENAMETOOLONG, "open", w->ret_err);
	strcpy(w->rest, rest);
	return *rest == '/' ? enter_root(w) : 0;
}

/* The file at last. Another one may be there by now: what counts is the one that is open. */
static int arrive(struct walk *w, const char *name, const char *full, int *ret)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	fd = openat(w->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return nuc_strict_fail(w->file, -errno, "open", w->ret_err);
	r = check_trust(w, &st, full);
	if (r == 0)
		*ret = NUC_TAKE_FD(fd);
	return r;
}

/* One name. Sets *ret at the end of the way. */
static int step(struct walk *w, const char *name, int *ret)
{
	_cleanup_close_ int fd = openat(w->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_free_ char *full = nuc_strf("%s/%s", w->at, name);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return nuc_strict_fail(w->file, -errno, "open", w->ret_err);
	if (!full)
		return nuc_strict_fail(w->file, -ENOMEM, "open", w->ret_err);
	if (S_ISLNK(st.st_mode)) {
		r = check_trust(w, &st, full);
		return r < 0 ? r : follow(w, fd);
	}
	if (S_ISDIR(st.st_mode))
		return enter_child(w, &fd, full);
	if (*w->rest)
		return nuc_strict_fail(w->file, -ENOTDIR, "open", w->ret_err);
	if (S_ISREG(st.st_mode))
		return arrive(w, name, full, ret);
	/* Nothing to read, and O_PATH has opened no device: the caller says what it is. */
	*ret = NUC_TAKE_FD(fd);
	return 0;
}

int nuc_guarded_open(const struct nuc_strict *s, nucleus_error **ret_err)
{
	_cleanup_free_ struct walk *w = calloc(1, sizeof(*w));
	int fd = -1, r;

	if (!w)
		return nuc_strict_fail(s, -ENOMEM, "open", ret_err);
	w->file = s;
	w->dir = -1;
	w->ret_err = ret_err;
	/* Paths of a policy are absolute. */
	r = *s->path != '/' ? -EINVAL : strlen(s->path) >= sizeof(w->rest) ? -ENAMETOOLONG : 0;
	if (r < 0)
		return nuc_strict_fail(s, r, "open", ret_err);
	strcpy(w->rest, s->path);
	r = enter_root(w);
	while (r == 0 && fd < 0) {
		size_t at = strspn(w->rest, "/"), len = strcspn(w->rest + at, "/");
		char name[NAME_MAX + 1];

		if (!len) {
			/* It has ended with a directory. */
			fd = NUC_TAKE_FD(w->dir);
			break;
		}
		if (len > NAME_MAX) {
			r = nuc_strict_fail(s, -ENAMETOOLONG, "open", ret_err);
			break;
		}
		memcpy(name, w->rest + at, len);
		name[len] = '\0';
		memmove(w->rest, w->rest + at + len, strlen(w->rest + at + len) + 1);
		if (!strcmp(name, ".."))
			r = enter_parent(w);
		else if (strcmp(name, ".") != 0)
			r = step(w, name, &fd);
	}
	nuc_closep(&w->dir);
	return r < 0 ? r : fd;
}
