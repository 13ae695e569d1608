/* SPDX-License-Identifier: MIT */
/* The real host, as compile sees it. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "compile.h"

/* Ids of systemd's container range (524288 to 1879048191), which no person or service has. */
#define HOST_ID 1853161472u
#define HOST_ID_NOBODY 65534u

static int look(struct nuc_world *w, const char *path, bool follow, struct nuc_look *ret)
{
	_cleanup_close_ int fd = -1;
	struct nuc_look l = { 0 };
	char self[64];
	struct stat st;
	ssize_t n;

	fd = open(path, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
	if (fd < 0)
		return -errno;
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
	/* The kernel's own name of what was opened: canonical, without a second walk to race with. */
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	n = readlink(self, l.path, sizeof(l.path));
	if (n < 0)
		return -errno;
	if ((size_t)n >= sizeof(l.path))
		return -ENAMETOOLONG;
	l.path[n] = '\0';
	if (l.path[0] != '/')
		return -ENOENT;
	l.mode = st.st_mode;
	l.dev = st.st_dev;
	l.ino = st.st_ino;
	l.rdev = st.st_rdev;
	l.uid = st.st_uid;
	l.gid = st.st_gid;
	if (follow && w->facts.privileged) {
		char map[32];

		snprintf(map, sizeof(map), "0 %u 1", w->host_id);
		if (w->idmap_trial_fd < 0)
			w->idmap_trial_fd = nuc_userns_new(map, map);
		l.idmap = w->idmap_trial_fd >= 0 && nuc_try_idmap(fd, w->idmap_trial_fd) == 0;
	}
	*ret = l;
	return 0;
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
		.idmap_trial_fd = -1,
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
	nuc_closep(&w->idmap_trial_fd);
	w->idmap_trial_fd = -1;
}
