/* SPDX-License-Identifier: MIT */
/* The life of a group: made, locked, set, frozen, emptied, removed; and what others left behind. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "cgroup.h"

/* What is killed ends at once, unless the kernel itself waits for a disk or a network. */
#define EMPTY_PATIENCE_MS 10000
#define FREEZE_PATIENCE_MS 10000
/* Others remove what we have just made, but not for ever: see nuc_cgroup_make(). */
#define ATTEMPTS 64

static int write_at(int dir, const char *file, const char *value)
{
	_cleanup_close_ int fd = openat(dir, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -errno;
	return write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

/* ---- the directory of all groups ------------------------------------------------------------- */

/*
 * Hands controllers out to the children of `dir`; what is handed out already costs a read only. Those
 * that only count may fail.
 */
static int enable(int dir, const char *needed, const char *wanted)
{
	_cleanup_close_ int fd = openat(dir, "cgroup.subtree_control", O_RDWR | O_CLOEXEC);
	char have[256], word[64];
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, have, sizeof(have) - 1);
	if (n < 0)
		return -errno;
	have[n] = '\0';
	have[strcspn(have, "\n")] = '\0';
	for (const char *s = wanted; *s; s += strspn(s, " ")) {
		size_t len = strcspn(s, " ");

		snprintf(word, sizeof(word), "+%.*s", (int)len, s);
		s += len;
		if (!nuc_cgroup_has(have, word + 1) && write(fd, word, strlen(word)) < 0 &&
		    nuc_cgroup_has(needed, word + 1))
			return -errno;
	}
	return 0;
}

static int collect(int parent_fd, int patience_ms);

struct nuc_cgroup_parent {
	int references;
	char *place, *needed, *wanted;
	int fd; /* -1: not open yet, or removed meanwhile */
	bool collected;
};

static int open_parent(struct nuc_cgroup_parent *parent)
{
	_cleanup_close_ int place = open(parent->place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = place < 0 ? -errno : 0;

	/* Another user of the same directory may remove it at any time while it is empty. */
	for (int i = 0; r == 0 && i < ATTEMPTS; i++) {
		_cleanup_close_ int fd = -1;

		r = enable(place, parent->needed, parent->wanted);
		if (r < 0)
			return r;
		/* Who may open a group may lock it, and hinder its collection. */
		if (mkdirat(place, NUC_CGROUP_PARENT, 0700) < 0 && errno != EEXIST)
			return -errno;
		fd = openat(place, NUC_CGROUP_PARENT, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		fd = fd < 0 ? -errno : nuc_fd_above_stdio(fd);
		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return fd;
		r = enable(fd, parent->needed, parent->wanted);
		if (r == -ENOENT || r == -ENODEV) {
			r = 0;
			continue;
		}
		if (r < 0)
			return r;
		parent->fd = NUC_TAKE_FD(fd);
		/* What cannot be collected is no reason not to start, nor to wait. */
		if (!parent->collected)
			(void)collect(parent->fd, 0);
		parent->collected = true;
		return 0;
	}
	return r < 0 ? r : -EAGAIN;
}

struct nuc_cgroup_parent *nuc_cgroup_parent_new(const char *place, const char *needed,
						const char *wanted)
{
	struct nuc_cgroup_parent *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->references = 1;
	p->fd = -1;
	p->place = strdup(place);
	p->needed = strdup(needed);
	p->wanted = strdup(wanted);
	if (!p->place || !p->needed || !p->wanted) {
		nuc_cgroup_parent_unref(p);
		return NULL;
	}
	return p;
}

struct nuc_cgroup_parent *nuc_cgroup_parent_ref(struct nuc_cgroup_parent *p)
{
	__atomic_add_fetch(&p->references, 1, __ATOMIC_RELAXED);
	return p;
}

static void remove_parent(const char *place)
{
	_cleanup_close_ int dir = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir >= 0)
		unlinkat(dir, NUC_CGROUP_PARENT, AT_REMOVEDIR);
}

void nuc_cgroup_parent_unref(struct nuc_cgroup_parent *p)
{
	if (!p || __atomic_sub_fetch(&p->references, 1, __ATOMIC_ACQ_REL))
		return;
	if (p->fd >= 0) {
		close(p->fd);
		remove_parent(p->place);
	}
	free(p->place);
	free(p->needed);
	free(p->wanted);
	free(p);
}

/* ---- one group ------------------------------------------------------------------------------- */

/* Opens and locks; -ENOENT, -EWOULDBLOCK where somebody else has it or is about to remove it. */
static int lock_group(int parent, const char *name)
{
	_cleanup_close_ int dir = -1;

	dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dir = dir < 0 ? -errno : nuc_fd_above_stdio(dir);
	if (dir < 0)
		return dir;
	/* Given back by the kernel with the last copy of the descriptor, however its holders end. */
	if (flock(dir, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	/* Removed before it was locked. */
	if (faccessat(dir, "cgroup.procs", F_OK, 0) < 0)
		return -ENOENT;
	return NUC_TAKE_FD(dir);
}

int nuc_cgroup_make(struct nuc_cgroup_parent *parent, struct nuc_cgroup *ret)
{
	struct nuc_cgroup g = { .parent = -1, .dir = -1 };

	for (int i = 0; i < ATTEMPTS; i++) {
		uint32_t random;
		int r = parent->fd < 0 ? open_parent(parent) : 0;

		if (r < 0)
			return r;
		if (getrandom(&random, sizeof(random), 0) != sizeof(random))
			return -errno;
		snprintf(g.name, sizeof(g.name), "%d-%08x", getpid(), random);
		if (mkdirat(parent->fd, g.name, 0755) < 0) {
			/* The directory of all groups was empty a moment ago, and is gone. */
			if (errno == ENOENT || errno == ENODEV) {
				close(NUC_TAKE_FD(parent->fd));
				continue;
			}
			if (errno == EEXIST)
				continue;
			return -errno;
		}
		g.dir = lock_group(parent->fd, g.name);
		/* A collector found it before it was locked, and removes it. */
		if (g.dir == -ENOENT || g.dir == -ENODEV || g.dir == -EWOULDBLOCK) {
			unlinkat(parent->fd, g.name, AT_REMOVEDIR);
			continue;
		}
		if (g.dir >= 0) {
			/* The workload of root is another user, and reads it: whatever the umask is. */
			if (fchmod(g.dir, 0755) == 0)
				g.parent = fcntl(parent->fd, F_DUPFD_CLOEXEC, 3);
			if (g.parent >= 0) {
				*ret = g;
				return 0;
			}
		}
		r = g.dir < 0 ? g.dir : -errno;
		unlinkat(parent->fd, g.name, AT_REMOVEDIR);
		if (g.dir >= 0)
			close(g.dir);
		return r;
	}
	return -EAGAIN;
}

int nuc_cgroup_set(const struct nuc_cgroup *group, const char *file, const char *value)
{
	return write_at(group->dir, file, value);
}

/* Waits until the line `key` of cgroup.events has this value: its poll says when one has changed. */
static int await_event(int dir, const char *key, uint64_t wanted, int patience_ms)
{
	_cleanup_close_ int fd = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
	int64_t until = nuc_now_ms() + patience_ms;

	if (fd < 0)
		return -errno;
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLPRI };
		int64_t left = until - nuc_now_ms();
		char text[256];
		uint64_t value;
		ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

		if (n < 0)
			return -errno;
		text[n] = '\0';
		if (nuc_cgroup_parse(text, key, &value) == 0 && value == wanted)
			return 0;
		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			return -errno;
	}
}

int nuc_cgroup_freeze(const struct nuc_cgroup *group, bool frozen)
{
	int r = write_at(group->dir, "cgroup.freeze", frozen ? "1" : "0");

	if (r == 0)
		r = await_event(group->dir, "frozen", frozen, FREEZE_PATIENCE_MS);
	/* Not later, when nobody expects it any more. */
	if (r < 0 && frozen)
		(void)write_at(group->dir, "cgroup.freeze", "0");
	return r;
}

static int empty_and_remove(int parent, int dir, const char *name, int patience_ms)
{
	int r;

	if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != EBUSY)
		return -errno;
	/* cgroup.kill (Linux 5.14) reaches those that fork at this moment, and the frozen. */
	r = write_at(dir, "cgroup.kill", "1");
	if (r == 0)
		r = await_event(dir, "populated", 0, patience_ms);
	if (r < 0)
		return r;
	return unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -errno;
}

int nuc_cgroup_remove(struct nuc_cgroup *group)
{
	int r = group->dir < 0 ? 0
			       : empty_and_remove(group->parent, group->dir, group->name,
						  EMPTY_PATIENCE_MS);

	nuc_closep(&group->dir);
	nuc_closep(&group->parent);
	*group = NUC_CGROUP_NONE_YET;
	return r;
}

/* ---- what others left ------------------------------------------------------------------------ */

/* PID-RANDOM, as nuc_cgroup_make() names them: nothing else is ours to remove. */
static bool is_ours(const char *name)
{
	size_t digits = strspn(name, "0123456789");

	return digits && name[digits] == '-' && strlen(name + digits + 1) == 8 &&
	       strspn(name + digits + 1, "0123456789abcdef") == 8;
}

static int collect(int parent_fd, int patience_ms)
{
	int fd = openat(parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0, failed = 0;
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (!entries) {
		int r = -errno;

		nuc_closep(&fd);
		return r;
	}
	while ((e = readdir(entries))) {
		_cleanup_close_ int dir = -1;
		int r;

		if (!is_ours(e->d_name))
			continue;
		dir = lock_group(parent_fd, e->d_name);
		if (dir < 0)
			continue;
		r = empty_and_remove(parent_fd, dir, e->d_name, patience_ms);
		if (r < 0)
			failed = r;
		else
			n++;
	}
	closedir(entries);
	return failed ? failed : n;
}

int nuc_cgroup_collect(const char *place)
{
	_cleanup_free_ char *path = nuc_strf("%s/" NUC_CGROUP_PARENT, place);
	_cleanup_close_ int fd = -1;
	int r;

	if (!path)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	r = collect(fd, EMPTY_PATIENCE_MS);
	remove_parent(place);
	return r;
}
