/* SPDX-License-Identifier: MIT */
/* Where a caller may make groups. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "cgroup.h"

#define MAX_TEXT (4u << 20)

static const struct {
	const char *why, *mend;
	const char *by_hand; /* where no systemd runs; NULL: the same */
} refusals[] = {
	[NUC_CGROUP_OK] = { "nothing refuses it", "nothing to do", NULL },
	[NUC_CGROUP_NOT_MOUNTED] = { "no cgroup version 2 hierarchy is mounted",
				     "mount -t cgroup2 none /sys/fs/cgroup, or boot with "
				     "systemd.unified_cgroup_hierarchy=1",
				     "mount -t cgroup2 none /sys/fs/cgroup" },
	[NUC_CGROUP_OUTSIDE] = { "the caller's cgroup is outside of the mounted hierarchy",
				 "give the container a cgroup namespace of its own", NULL },
	[NUC_CGROUP_READ_ONLY] = { "the cgroup hierarchy is mounted read-only",
				   "have the container's cgroups delegated to it and mounted "
				   "writable",
				   NULL },
	[NUC_CGROUP_NO_CONTROLLERS] = { "the version 2 hierarchy has no controllers for limits",
					"limits need them in version 2: a pure version 2 host is booted with "
					"systemd.unified_cgroup_hierarchy=1; a unit has them with Delegate=yes",
					"limits need them in version 2: boot with cgroup_no_v1=all, or give the "
					"container's group those of its host" },
	[NUC_CGROUP_NOT_DELEGATED] = { "no cgroup is delegated to this user",
				       "start it by `systemd-run --user --scope -p Delegate=yes`, "
				       "or in a unit with Delegate=yes",
				       "have root make a group that belongs to this user, with its cgroup.procs and "
				       "cgroup.subtree_control, and put the caller into it: cgroups(7), delegation" },
	[NUC_CGROUP_BOUNDED] = { "the caller's group has limits of its own, which a sandbox beside it "
				 "would not be under",
				 "delegate that group (systemd: Delegate=yes), so that sandboxes are in it",
				 "mark that group as the caller's, so that sandboxes are in it: setfattr -n "
				 "user.delegate -v 1" },
};

const char *nuc_cgroup_refused_why(enum nuc_cgroup_refused refused)
{
	return refusals[refused].why;
}

const char *nuc_cgroup_refused_mend(enum nuc_cgroup_refused refused)
{
	const char *by_hand = refusals[refused].by_hand;

	/* As sd_booted(3) asks. */
	return by_hand && access("/run/systemd/system", F_OK) < 0 ? by_hand : refusals[refused].mend;
}

bool nuc_cgroup_has(const char *controllers, const char *name)
{
	size_t len = strlen(name);

	for (const char *s = controllers; *s; s += strspn(s, " ")) {
		size_t n = strcspn(s, " ");

		if (n == len && !memcmp(s, name, n))
			return true;
		s += n;
	}
	return false;
}

/* ---- where the caller is --------------------------------------------------------------------- */

/* One blank-separated field of mountinfo; the kernel writes blanks and backslashes as \ooo. */
static bool field(const char **s, const char *end, char *ret, size_t size)
{
	size_t n = 0;

	while (*s < end && **s != ' ' && **s != '\n') {
		char c = *(*s)++;

		if (c == '\\' && end - *s >= 3) {
			c = (char)(((*s)[0] - '0') << 6 | ((*s)[1] - '0') << 3 | ((*s)[2] - '0'));
			*s += 3;
		}
		if (n + 1 >= size)
			return false;
		ret[n++] = c;
	}
	ret[n] = '\0';
	if (*s < end && **s == ' ')
		(*s)++;
	return n > 0;
}

/* What is left of `path` below `top`, "" for itself; NULL when it is not there. */
static const char *below(const char *path, const char *top)
{
	size_t n = strcmp(top, "/") ? strlen(top) : 0;

	if (strncmp(path, top, n) != 0 || (path[n] && path[n] != '/'))
		return NULL;
	return strcmp(path + n, "/") ? path + n : "";
}

enum nuc_cgroup_refused nuc_cgroup_locate(const char *mountinfo, const char *groups,
					  char ret_mount[PATH_MAX], char ret_own[PATH_MAX])
{
	enum nuc_cgroup_refused refused = NUC_CGROUP_NOT_MOUNTED;
	char own[PATH_MAX], skipped[PATH_MAX], top[PATH_MAX], point[PATH_MAX];
	const char *line = groups, *s;

	while (*line && strncmp(line, "0::/", 4) != 0)
		line = nuc_next_line(line);
	s = *line ? line + 3 : line;
	if (!*line || strcspn(s, "\n") >= sizeof(own))
		return NUC_CGROUP_NOT_MOUNTED;
	snprintf(own, sizeof(own), "%.*s", (int)strcspn(s, "\n"), s);
	for (line = mountinfo; *line; line = nuc_next_line(line)) {
		const char *end = nuc_next_line(line), *dash = strstr(line, " - cgroup2 ");
		const char *rest;

		s = line;
		if (!dash || dash >= end || !field(&s, end, skipped, sizeof(skipped)) ||
		    !field(&s, end, skipped, sizeof(skipped)) ||
		    !field(&s, end, skipped, sizeof(skipped)) || !field(&s, end, top, sizeof(top)) ||
		    !field(&s, end, point, sizeof(point)))
			continue;
		rest = strncmp(own, "/..", 3) ? below(own, top) : NULL;
		if (!rest || strlen(point) + strlen(rest) >= PATH_MAX) {
			refused = NUC_CGROUP_OUTSIDE;
			continue;
		}
		strcpy(ret_mount, point);
		strcpy(ret_own, point);
		strcat(ret_own, rest);
		return NUC_CGROUP_OK;
	}
	return refused;
}

/* ---- which group of those above is ours ------------------------------------------------------ */

/* A file of one line, without its end. */
static int read_line(int dir, const char *file, char *ret, size_t size)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = nuc_read_at(dir, file, MAX_TEXT, &text, &len);

	if (r < 0)
		return r;
	if (len && text[len - 1] == '\n')
		text[--len] = '\0';
	if (len >= size)
		return -E2BIG;
	memcpy(ret, text, len + 1);
	return 0;
}

/* cgroups(7), "Cgroups delegation": the directory and these files are the delegatee's. */
static int may_write(int dir)
{
	static const char *const files[] = { "cgroup.procs", "cgroup.subtree_control", "" };

	for (size_t i = 0; i < NUC_ARRAY_SIZE(files); i++)
		if (faccessat(dir, *files[i] ? files[i] : ".", W_OK, AT_EACCESS) < 0)
			return -errno;
	return 0;
}

/* As systemd marks what it delegates: the manager's own units have only the user's attribute. */
static bool is_marked(const char *path)
{
	static const char *const names[] = { "trusted.delegate", "user.delegate" };
	char value;

	for (size_t i = 0; i < NUC_ARRAY_SIZE(names); i++)
		if (getxattr(path, names[i], &value, 1) == 1 && value == '1')
			return true;
	return false;
}

static void note_occupants(int dir, struct nuc_cgroup_place *p)
{
	_cleanup_free_ char *pids = NULL;
	size_t len;

	/* The hierarchy's true root is the one group that has no type, and no such rule. */
	if (faccessat(dir, "cgroup.type", F_OK, 0) < 0)
		return;
	if (nuc_read_at(dir, "cgroup.procs", MAX_TEXT, &pids, &len) < 0 || !len)
		return;
	p->occupied = p->by_caller_only = true;
	for (const char *line = pids; *line; line = nuc_next_line(line))
		if (strtol(line, NULL, 10) != getpid())
			p->by_caller_only = false;
}

/*
 * Whether somebody has limited what lives in this group: a sandbox beside it would not be under that.
 * Tasks do not count: systemd bounds those of every unit (DefaultTasksMax=).
 */
static bool is_bounded(int dir)
{
	static const struct {
		const char *file, *none;
	} files[] = { { "memory.max", "max" }, { "memory.high", "max" }, { "cpu.max", "max " },
		      { "cpuset.cpus", "" },   { "io.max", "" } };
	char text[256];

	for (size_t i = 0; i < NUC_ARRAY_SIZE(files); i++) {
		size_t len = strlen(files[i].none);
		int r = read_line(dir, files[i].file, text, sizeof(text));

		/* Absent without its controller. */
		if (r == -E2BIG || (r == 0 && (len ? strncmp(text, files[i].none, len) : *text)))
			return true;
	}
	return false;
}

/* Looks at `path` and then at what is above, up to `mount`. */
static void choose(const char *mount, char *path, uid_t uid, struct nuc_cgroup_place *p)
{
	bool left_limits = false;

	p->refused = NUC_CGROUP_NOT_DELEGATED;
	for (;;) {
		_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct stat st;
		int r = dir < 0 ? -errno : may_write(dir);

		if (r < 0) {
			if (r == -EROFS && !p->path[0])
				p->refused = NUC_CGROUP_READ_ONLY;
			return;
		}
		if (left_limits) {
			p->refused = NUC_CGROUP_BOUNDED;
			p->path[0] = '\0';
			return;
		}
		p->refused = NUC_CGROUP_OK;
		strcpy(p->path, path);
		if (fstat(dir, &st) == 0 && st.st_uid == uid && is_marked(path))
			return;
		if (!strcmp(path, mount))
			return;
		left_limits = is_bounded(dir);
		*strrchr(path, '/') = '\0';
	}
}

/* What root itself has not no delegation gives. */
static bool is_bare(const char *mount)
{
	static const char *const wanted[] = { "memory", "pids", "cpu", "io" };
	_cleanup_close_ int dir = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char controllers[128];

	if (dir < 0 || read_line(dir, "cgroup.controllers", controllers, sizeof(controllers)) < 0)
		return false;
	for (size_t i = 0; i < NUC_ARRAY_SIZE(wanted); i++)
		if (nuc_cgroup_has(controllers, wanted[i]))
			return false;
	return true;
}

int nuc_cgroup_find(uid_t uid, struct nuc_cgroup_place *ret)
{
	_cleanup_free_ char *mountinfo = NULL, *groups = NULL;
	_cleanup_free_ struct nuc_cgroup_place *p = calloc(1, sizeof(*p));
	_cleanup_close_ int dir = -1;
	char mount[PATH_MAX], path[PATH_MAX];
	size_t len;

	if (!p)
		return -ENOMEM;
	p->refused = NUC_CGROUP_NOT_MOUNTED;
	if (nuc_read_file("/proc/self/mountinfo", MAX_TEXT, &mountinfo, &len) == 0 &&
	    nuc_read_file("/proc/self/cgroup", MAX_TEXT, &groups, &len) == 0)
		p->refused = nuc_cgroup_locate(mountinfo, groups, mount, path);
	if (p->refused == NUC_CGROUP_OK)
		choose(mount, path, uid, p);
	if (p->refused == NUC_CGROUP_NOT_DELEGATED && is_bare(mount))
		p->refused = NUC_CGROUP_NO_CONTROLLERS;
	if (p->refused == NUC_CGROUP_OK) {
		dir = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0 ||
		    read_line(dir, "cgroup.controllers", p->controllers, sizeof(p->controllers)) < 0 ||
		    read_line(dir, "cgroup.subtree_control", p->enabled, sizeof(p->enabled)) < 0) {
			p->refused = NUC_CGROUP_NOT_DELEGATED;
			p->path[0] = '\0';
		} else {
			/* Absent without that controller. */
			(void)read_line(dir, "cpuset.cpus.effective", p->cpus, sizeof(p->cpus));
			note_occupants(dir, p);
		}
	}
	*ret = *p;
	return 0;
}

int nuc_cgroup_settle(const struct nuc_cgroup_place *place)
{
	_cleanup_close_ int dir = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), procs = -1;
	char pid[16];
	int n = snprintf(pid, sizeof(pid), "%d", getpid());

	if (dir < 0)
		return -errno;
	if (mkdirat(dir, NUC_CGROUP_CALLER, 0755) < 0 && errno != EEXIST)
		return -errno;
	procs = openat(dir, NUC_CGROUP_CALLER "/cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (procs < 0)
		return -errno;
	return write(procs, pid, (size_t)n) < 0 ? -errno : 0;
}
