/* SPDX-License-Identifier: MIT */
/* Who decides where a path leads: walked as the kernel does, one name at a time, by descriptors. */
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "compile.h"

#define MAX_DEPTH 4096
#define MAX_LINKS 40 /* as many as the kernel follows */

struct walk {
	const struct nuc_file_id *writable;
	size_t n;
	int dir;     /* where the walk is */
	bool inside; /* that is one of them, or below one */
	unsigned int links;
	char rest[PATH_MAX]; /* names to go */
};

static bool is_writable(const struct walk *w, const struct stat *st)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->writable[i].dev == st->st_dev && w->writable[i].ino == st->st_ino)
			return true;
	return false;
}

/* By what directories are, not by how they are called: links and mounts have many names. 1, 0, -errno. */
static int look_up(const struct walk *w, int dir)
{
	_cleanup_close_ int at = openat(dir, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st, above;

	if (at < 0 || fstat(at, &st) < 0)
		return -errno;
	for (int i = 0; i < MAX_DEPTH; i++) {
		int up;

		if (is_writable(w, &st))
			return 1;
		up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (up < 0)
			return -errno;
		close(at);
		at = up;
		if (fstat(at, &above) < 0)
			return -errno;
		if (above.st_dev == st.st_dev && above.st_ino == st.st_ino)
			return 0;
		st = above;
	}
	return -ELOOP;
}

/* To a directory that is not below the one before. Takes the descriptor. */
static int jump(struct walk *w, int fd)
{
	int r = fd < 0 ? -errno : look_up(w, fd);

	if (fd >= 0) {
		nuc_closep(&w->dir);
		w->dir = fd;
	}
	w->inside = r > 0;
	return r < 0 ? r : 0;
}

/* What the link says comes before what is left. `fd` is the link itself. */
static int follow(struct walk *w, int fd, const char *name)
{
	char text[PATH_MAX];
	struct statfs fs;
	ssize_t n;

	if (++w->links > MAX_LINKS)
		return -ELOOP;
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	/* The kernel's own, where the text may not say where one leads. */
	if (fs.f_type == PROC_SUPER_MAGIC) {
		_cleanup_close_ int to = openat(w->dir, name, O_PATH | O_CLOEXEC);
		struct stat st;

		if (to < 0 || fstat(to, &st) < 0)
			return -errno;
		if (S_ISDIR(st.st_mode))
			return jump(w, NUC_TAKE_FD(to));
		/* A descriptor that somebody holds: no name on the way was anybody's choice. */
		nuc_closep(&w->dir);
		w->dir = NUC_TAKE_FD(to);
		w->inside = false;
		return 0;
	}
	n = readlinkat(fd, "", text, sizeof(text));
	if (n <= 0)
		return n ? -errno : -ENOENT;
	if ((size_t)n + strlen(w->rest) >= sizeof(w->rest))
		return -ENAMETOOLONG;
	memmove(w->rest + n, w->rest, strlen(w->rest) + 1);
	memcpy(w->rest, text, (size_t)n);
	return *text == '/' ? jump(w, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)) : 0;
}

/* The name as the kernel would write it: for messages. */
static int found(const struct walk *w, const char *name, char **ret_name)
{
	char self[64], dir[PATH_MAX];
	ssize_t n;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", w->dir);
	n = readlink(self, dir, sizeof(dir) - 1);
	dir[n > 0 ? n : 0] = '\0';
	*ret_name = *name ? nuc_strf("%s%s%s", strcmp(dir, "/") != 0 ? dir : "", n > 0 ? "/" : "", name) : strdup(dir);
	return *ret_name ? 1 : -ENOMEM;
}

static int step(struct walk *w, const char *name, bool links_only, char **ret_name)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (!strcmp(name, ".."))
		return jump(w, openat(w->dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
	if (w->inside && !links_only)
		return found(w, name, ret_name);
	fd = openat(w->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return w->inside ? found(w, name, ret_name) : follow(w, fd, name);
	w->inside |= is_writable(w, &st);
	nuc_closep(&w->dir);
	w->dir = NUC_TAKE_FD(fd);
	return 0;
}

static int walk(struct walk *w, bool links_only, struct nuc_file_id *ret_end, char **ret_name)
{
	struct stat st;
	int r;

	for (;;) {
		char *at = w->rest + strspn(w->rest, "/"), name[NAME_MAX + 1];
		size_t len = strcspn(at, "/");

		if (!len)
			break;
		if (len > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, at, len);
		name[len] = '\0';
		memmove(w->rest, at + len, strlen(at + len) + 1);
		if (!strcmp(name, "."))
			continue;
		r = step(w, name, links_only, ret_name);
		/* What is not there yet is its directory's. */
		if (r == -ENOENT && !links_only && !w->rest[strspn(w->rest, "/")]) {
			*ret_end = (struct nuc_file_id){ 0 };
			return 0;
		}
		if (r != 0)
			return r;
	}
	if (fstat(w->dir, &st) < 0)
		return -errno;
	*ret_end = (struct nuc_file_id){ st.st_dev, st.st_ino };
	return !links_only && is_writable(w, &st) ? found(w, "", ret_name) : 0;
}

int nuc_walk(const char *path, const struct nuc_file_id *writable, size_t n, bool links_only,
	     struct nuc_file_id *ret_end, char **ret_name)
{
	_cleanup_free_ struct walk *w = malloc(sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->writable = writable;
	w->n = n;
	w->dir = -1;
	w->links = 0;
	if (!*path || strlen(path) >= sizeof(w->rest))
		return *path ? -ENAMETOOLONG : -ENOENT;
	strcpy(w->rest, path);
	r = jump(w, open(*path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
	if (r == 0)
		r = walk(w, links_only, ret_end, ret_name);
	nuc_closep(&w->dir);
	return r;
}
