/* SPDX-License-Identifier: MIT */
/* The real host, as compile sees it. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "compile.h"

/* Kept open: a policy looks at several paths in one directory, one after the other. */
struct nuc_directory {
	int fd;
	size_t len;
	char path[4096]; /* canonical, but "" for the root; `len` bytes */
};

/* Whether a path is written as the kernel would: if no link is in it either, it is canonical. */
static bool is_normal(const char *path)
{
	if (path[0] != '/' || !path[1])
		return path[0] == '/';
	for (const char *s = path; *s; s++) {
		if (*s != '/')
			continue;
		if (!s[1] || s[1] == '/')
			return false;
		if (s[1] == '.' && (!s[2] || s[2] == '/' || (s[2] == '.' && (!s[3] || s[3] == '/'))))
			return false;
	}
	return true;
}

static void directory_close(struct nuc_world *w)
{
	if (w->last)
		close(w->last->fd);
	free(w->last);
	w->last = NULL;
}

/* The directory of the first `len` bytes of a path; -errno, also if a link leads there. */
static int directory_open(struct nuc_world *w, const char *path, size_t len)
{
	const struct open_how how = { .flags = O_PATH | O_CLOEXEC | O_DIRECTORY,
				      .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	struct nuc_directory *d;

	if (w->last && w->last->len == len && !memcmp(w->last->path, path, len))
		return w->last->fd;
	directory_close(w);
	d = malloc(sizeof(*d));
	if (!d)
		return -ENOMEM;
	memcpy(d->path, path, len);
	d->path[len] = '\0';
	d->len = len;
	d->fd = (int)syscall(__NR_openat2, AT_FDCWD, len ? d->path : "/", &how, sizeof(how));
	if (d->fd < 0) {
		int r = -errno;

		free(d);
		return r;
	}
	w->last = d;
	return d->fd;
}

static int read_link(int dir, const char *name, struct nuc_look *ret)
{
	ssize_t n = readlinkat(dir, name, ret->link, sizeof(ret->link));

	if (n < 0)
		return -errno;
	if ((size_t)n >= sizeof(ret->link))
		return -ENAMETOOLONG;
	ret->link[n] = '\0';
	return 0;
}

/*
 * A path that is written as the kernel would, and has no link to follow. 0, -ENOENT, or another -errno: it is
 * none, or cannot be told. The directory may have been moved since it was opened, as it may be a moment
 * later: a bind has the inode's number, which the launch compares.
 */
static int look_in_directory(struct nuc_world *w, const char *path, bool follow, struct stat *ret_st,
			     struct nuc_look *ret)
{
	size_t n = strlen(path);
	const char *name;
	int dir;

	if (!is_normal(path) || n >= sizeof(ret->path) || n < 2)
		return -EINVAL;
	name = strrchr(path, '/') + 1;
	dir = directory_open(w, path, (size_t)(name - 1 - path));
	if (dir < 0)
		return dir;
	if (fstatat(dir, name, ret_st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	memcpy(ret->path, path, n + 1);
	if (!S_ISLNK(ret_st->st_mode))
		return 0;
	return follow ? -ELOOP : read_link(dir, name, ret);
}

/* Opens what is at a path, and tells its canonical path. */
static int open_path(const char *path, bool follow, char *ret, size_t size)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
	char self[64];
	ssize_t n;

	if (fd < 0)
		return -errno;
	/* The kernel's own name of what was opened: canonical, without a second walk to race with. */
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	n = readlink(self, ret, size);
	if (n < 0)
		return -errno;
	if ((size_t)n >= size)
		return -ENAMETOOLONG;
	ret[n] = '\0';
	return ret[0] == '/' ? NUC_TAKE_FD(fd) : -ENOENT;
}

static int look(struct nuc_world *w, const char *path, bool follow, struct nuc_look *ret)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	ret->link[0] = '\0';
	r = look_in_directory(w, path, follow, &st, ret);
	if (r == -ENOENT)
		return r;
	ret->indirect = r < 0;
	if (r < 0) {
		fd = open_path(path, follow, ret->path, sizeof(ret->path));
		if (fd < 0)
			return fd;
		if (fstat(fd, &st) < 0)
			return -errno;
		r = S_ISLNK(st.st_mode) ? read_link(fd, "", ret) : 0;
		if (r < 0)
			return r;
	}
	ret->mode = st.st_mode;
	ret->dev = st.st_dev;
	ret->ino = st.st_ino;
	ret->rdev = st.st_rdev;
	ret->uid = st.st_uid;
	ret->gid = st.st_gid;
	return 0;
}

static int walk(struct nuc_world *w, const char *path, const struct nuc_file_id *writable, size_t n, bool links_only,
		struct nuc_file_id *ret_end, char **ret_name)
{
	(void)w;
	return nuc_walk(path, writable, n, links_only, ret_end, ret_name);
}

/*
 * There is no other way to know: file systems tell of it nowhere, and each kernel has more that take it. Should
 * something else be at the path by now, the launch finds out.
 */
static int try_idmap(struct nuc_world *w, const char *path, const char *uid_map, const char *gid_map)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	int userns;

	if (fd < 0)
		return -errno;
	userns = nuc_usernses_find(&w->usernses, uid_map, gid_map);
	return userns < 0 ? userns : nuc_try_idmap(fd, userns);
}

static void free_names(char **names, size_t n)
{
	while (n)
		free(names[--n]);
	free(names);
}

static int list(struct nuc_world *w, const char *path, bool (*wanted)(const char *name), char ***ret)
{
	DIR *dir = opendir(path);
	size_t n = 0, room = 0;
	char **names = NULL;
	int r = dir ? 0 : -errno;

	(void)w;
	while (r == 0) {
		struct dirent *d;

		if (n == room) {
			char **more = reallocarray(names, room = 2 * room + 64, sizeof(*names));

			if (!more) {
				r = -ENOMEM;
				break;
			}
			names = more;
		}
		names[n] = NULL;
		errno = 0;
		d = readdir(dir);
		if (!d) {
			r = -errno;
			break;
		}
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..") || (wanted && !wanted(d->d_name)))
			continue;
		names[n] = strdup(d->d_name);
		r = names[n++] ? 0 : -ENOMEM;
	}
	if (dir)
		closedir(dir);
	if (r < 0) {
		free_names(names, n);
		return r;
	}
	qsort(names, n, sizeof(*names), nuc_compare_strings);
	*ret = names;
	return 0;
}

static int cgroup(struct nuc_world *w, struct nuc_cgroup_place *ret)
{
	return nuc_cgroup_find(w->facts.uid, ret);
}

static int read_policy_file(struct nuc_world *w, const struct nuc_policy_file_wanted *wanted,
			    struct nuc_policy_file *ret, nucleus_error **ret_err)
{
	(void)w;
	return nuc_policy_file_read(wanted, ret, ret_err);
}

int nuc_world_init(struct nuc_world *ret)
{
	struct nuc_world w = {
		.look = look,
		.walk = walk,
		.list = list,
		.cgroup = cgroup,
		.read_policy_file = read_policy_file,
		.try_idmap = try_idmap,
	};
	int r = nuc_facts_probe(&w.facts);

	if (r < 0)
		return r;
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit l;

		w.hard_limit[i] = getrlimit((__rlimit_resource_t)i, &l) == 0 ? l.rlim_max : RLIM_INFINITY;
	}
	w.environ = (const char *const *)environ;
	*ret = w;
	return 0;
}

void nuc_world_done(struct nuc_world *w)
{
	directory_close(w);
	nuc_usernses_done(&w->usernses);
}
