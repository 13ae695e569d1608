/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/stat.h>

#include "strict_read.h"

int nuc_strict_fail(const struct nuc_strict *s, int code, const char *what, nucleus_error **ret_err)
{
	const struct nuc_where where = { "policy", "file", s->origin, NULL };

	return nuc_fail(ret_err, code, &where, "cannot %s %s: %s (%s)", what, s->path,
			strerrordesc_np(-code), nuc_errno_name(code));
}

static const char *kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "a directory";
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	case S_IFCHR:
		return "a character device";
	case S_IFBLK:
		return "a block device";
	default:
		return "no file that can be read";
	}
}

static int too_big(const struct nuc_strict *s, nucleus_error **ret_err)
{
	const struct nuc_where where = { "policy", "file", s->origin,
					 "check that this is the file you meant" };

	return nuc_fail(ret_err, -EFBIG, &where, "%s is larger than %zu bytes", s->path, s->max);
}

static int check_kind(const struct nuc_strict *s, const struct stat *st, nucleus_error **ret_err)
{
	const struct nuc_where where = { "policy", "file", s->origin, "give a regular file" };

	if (!S_ISREG(st->st_mode))
		return nuc_fail(ret_err, S_ISDIR(st->st_mode) ? -EISDIR : -EINVAL, &where,
				"%s is %s, not a regular file", s->path, kind_of(st->st_mode));
	if ((uint64_t)st->st_size > s->max)
		return too_big(s, ret_err);
	return 0;
}

int nuc_strict_open(const struct nuc_strict *s, nucleus_error **ret_err)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	if (s->guarded) {
		fd = nuc_guarded_open(s, ret_err);
		if (fd < 0)
			return fd;
	} else {
		/* O_NONBLOCK: to open a FIFO must not wait for its writer before it can be refused. */
		fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		/* ENXIO is what open says of a socket, and EOPNOTSUPP of what has no reading. */
		if (fd < 0 && errno == ENXIO && stat(s->path, &st) == 0 && !S_ISREG(st.st_mode))
			return check_kind(s, &st, ret_err);
		if (fd < 0)
			return nuc_strict_fail(s, -errno, "open", ret_err);
	}
	if (fstat(fd, &st) < 0)
		return nuc_strict_fail(s, -errno, "look at", ret_err);
	r = check_kind(s, &st, ret_err);
	return r < 0 ? r : NUC_TAKE_FD(fd);
}

static bool same_moment(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

int nuc_strict_read(const struct nuc_strict *s, char **ret, size_t *ret_len,
		    nucleus_error **ret_err)
{
	const struct nuc_where where = {
		"policy", "file", s->origin,
		"try again; whoever writes it should write a new file and rename it"
	};
	_cleanup_close_ int fd = nuc_strict_open(s, ret_err);
	_cleanup_free_ char *bytes = NULL;
	struct stat before, after;
	size_t len;
	int r;

	if (fd < 0)
		return fd;
	if (fstat(fd, &before) < 0)
		return nuc_strict_fail(s, -errno, "look at", ret_err);
	/* One that is appended to without end comes to its end here: at `max`. */
	r = nuc_read_fd(fd, s->max, &bytes, &len);
	if (r == -EFBIG)
		return too_big(s, ret_err);
	if (r < 0)
		return nuc_strict_fail(s, r, "read", ret_err);
	if (fstat(fd, &after) < 0)
		return nuc_strict_fail(s, -errno, "look at", ret_err);
	if ((uint64_t)before.st_size != len || before.st_size != after.st_size ||
	    !same_moment(&before.st_mtim, &after.st_mtim))
		return nuc_fail(ret_err, -EAGAIN, &where, "%s was written to while it was read",
				s->path);
	*ret = NUC_TAKE_PTR(bytes);
	*ret_len = len;
	return 0;
}
