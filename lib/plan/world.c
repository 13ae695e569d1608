/* SPDX-License-Identifier: MIT */
/* The real host, as compile sees it. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "compile.h"

/* Ids of systemd's container range (524288 to 1879048191), which no person or service has. */
#define HOST_ID 1853161472u
#define HOST_ID_NOBODY 65534u

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

/* Opens what is at a path, and tells its canonical path. */
static int open_path(const char *path, bool follow, char *ret, size_t size)
{
	const struct open_how how = { .flags = O_PATH | O_CLOEXEC | O_NOFOLLOW,
				      .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	_cleanup_close_ int fd = -1;
	char self[64];
	struct stat st;
	ssize_t n;

	/* Most have no link in them, and then the path is known: the kernel's name of it costs more than the rest. */
	if (is_normal(path) && strlen(path) < size)
		fd = (int)syscall(__NR_openat2, AT_FDCWD, path, &how, sizeof(how));
	if (fd >= 0 && (!follow || (fstat(fd, &st) == 0 && !S_ISLNK(st.st_mode)))) {
		strcpy(ret, path);
		return NUC_TAKE_FD(fd);
	}
	nuc_closep(&fd);
	fd = open(path, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
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
	struct nuc_look l = { 0 };
	struct stat st;
	ssize_t n;

	(void)w;
	fd = open_path(path, follow, l.path, sizeof(l.path));
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode)) {
		n = readlinkat(fd, "", l.link, sizeof(l.link));
		if (n < 0)
			return -errno;
		if ((size_t)n >= sizeof(l.link))
			return -ENAMETOOLONG;
		l.link[n] = '\0';
	}
	l.mode = st.st_mode;
	l.dev = st.st_dev;
	l.ino = st.st_ino;
	l.rdev = st.st_rdev;
	l.uid = st.st_uid;
	l.gid = st.st_gid;
	*ret = l;
	return 0;
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

static int is_name(const struct dirent *d)
{
	return strcmp(d->d_name, ".") && strcmp(d->d_name, "..");
}

static int list(struct nuc_world *w, const char *path, char ***ret)
{
	struct dirent **entries;
	char **names;
	int n = scandir(path, &entries, is_name, NULL);

	(void)w;
	if (n < 0)
		return -errno;
	names = calloc((size_t)n + 1, sizeof(*names));
	for (int i = 0; i < n; i++) {
		if (names)
			names[i] = strdup(entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	if (!names)
		return -ENOMEM;
	for (int i = 0; i < n; i++)
		if (!names[i]) {
			for (int k = 0; k < n; k++)
				free(names[k]);
			free(names);
			return -ENOMEM;
		}
	qsort(names, (size_t)n, sizeof(*names), nuc_compare_strings);
	*ret = names;
	return 0;
}

static int cgroup(struct nuc_world *w, struct nuc_cgroup_place *ret)
{
	return nuc_cgroup_find(w->facts.uid, ret);
}

/* Whether this user namespace has `id` at all: a container's root has a bounded range. */
static bool has_id(const char *map, uint32_t id)
{
	_cleanup_free_ char *text = NULL;
	unsigned long inside, outside, count;
	const char *line;
	size_t len;

	if (nuc_read_file(map, 65536, &text, &len) < 0)
		return false;
	for (line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (sscanf(line, "%lu %lu %lu", &inside, &outside, &count) == 3 && id >= inside &&
		    id - inside < count)
			return true;
	return false;
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
	w.host_id = has_id("/proc/self/uid_map", HOST_ID) && has_id("/proc/self/gid_map", HOST_ID)
			    ? HOST_ID
			    : HOST_ID_NOBODY;
	*ret = w;
	return 0;
}

void nuc_world_done(struct nuc_world *w)
{
	nuc_usernses_done(&w->usernses);
}
