/* SPDX-License-Identifier: MIT */
/*
 * A root is built by a hundred steps, a third of what a start costs, and each start of the same plan would build the
 * same. So the third start has it built in a mount namespace of its own, of which this and all later ones get a
 * copy: private to the sandbox, as if it had been built there. What has a state (/proc, /tmp, the home, /dev/pts,
 * /dev/shm) is no part of it (is_shared(), steps_ahead.h).
 *
 * What one start would see and a copy would not: something that was replaced or mounted on the host meanwhile. The
 * one is compared at each start, of the other the kernel tells.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "kept.h"
#include "parent.h"
#include "sources.h"

/* How many starts build their own root after a failure that may pass. */
#define PAUSE 16

/* Let go of, to be built again. */
static void forget(struct nuc_kept *k)
{
	nuc_closep(&k->fd);
	nuc_closep(&k->users);
	k->fd = k->users = -1;
}

void nuc_kept_done(struct nuc_kept *k)
{
	forget(k);
	nuc_closep(&k->mounts);
	free(k->sources);
	free(k->steps);
	*k = (struct nuc_kept)NUC_KEPT_NONE_YET;
}

void nuc_kept_give_up(struct nuc_prepared *p, int why)
{
	/* Want of something; a source that is being replaced; somebody who kills. */
	static const int passing[] = { -EMFILE, -ENFILE, -EAGAIN, -ENOMEM, -ESTALE, -ENOENT, -ELOOP, -ECANCELED };

	nuc_kept_done(&p->kept);
	p->kept.started = true;
	p->kept.pause = PAUSE;
	for (size_t i = 0; i < NUC_ARRAY_SIZE(passing); i++)
		if (why == passing[i])
			return;
	p->kept.never = true;
}

/* The caller's root: device, inode, and the mount that it is in. By calls that are made anyway, for they may be filtered. */
static bool look_at_root(uint64_t ret[3])
{
	_cleanup_close_ int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	const char *at;
	char path[64];
	struct stat st;
	size_t len;

	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/thread-self/fdinfo/%d", fd);
	if (nuc_read_file(path, 4096, &text, &len) < 0)
		return false;
	at = strstr(text, "\nmnt_id:");
	if (!at)
		return false;
	ret[0] = st.st_dev;
	ret[1] = st.st_ino;
	ret[2] = strtoull(at + strlen("\nmnt_id:"), NULL, 10);
	return true;
}

/* Of the calling thread, which may have moved away from the others (unshare(2)). False where that is not known. */
static bool look_around(struct nuc_around *ret)
{
	static const __rlimit_resource_t limits[] = { RLIMIT_NPROC, RLIMIT_MSGQUEUE, RLIMIT_SIGPENDING, RLIMIT_MEMLOCK };
	struct rlimit limit;

	*ret = (struct nuc_around){
		.pid = (uint64_t)getpid(),
		.pids = nuc_children_are_here(),
		.mounts = nuc_namespace_of_thread("mnt"),
	};
	if (!ret->pids || !ret->mounts || !look_at_root(ret->root))
		return false;
	for (size_t i = 0; i < NUC_ARRAY_SIZE(limits); i++) {
		if (getrlimit(limits[i], &limit) < 0)
			return false;
		ret->limits[i] = limit.rlim_cur;
	}
	return true;
}

/* The second start of all, or the first after a change of place. 0, or -errno. */
static int begin(struct nuc_prepared *p, const struct nuc_around *around)
{
	struct nuc_kept *k = &p->kept;

	nuc_kept_done(k);
	k->started = true;
	k->mounts = open("/proc/thread-self/mountinfo", O_RDONLY | O_CLOEXEC);
	k->mounts = k->mounts < 0 ? -errno : nuc_fd_above_stdio(k->mounts);
	if (k->mounts < 0)
		return k->mounts;
	k->sources = nuc_sources_new(p->plan);
	k->steps = calloc(p->plan->n[NUC_PROG_CHILD], 1);
	if (!k->sources || !k->steps)
		return -ENOMEM;
	k->around = *around;
	nuc_sources_look(p->plan, k->sources);
	return 0;
}

/* Whether something was mounted, moved or unmounted since it was asked for the last time (proc_pid_mountinfo(5)). */
static bool mounts_have_changed(const struct nuc_kept *k)
{
	struct pollfd p = { .fd = k->mounts, .events = POLLPRI };

	return poll(&p, 1, 0) != 0;
}

/* Without one of these it is the caller's own mounts that a start would change. */
static bool has_a_root(const struct nuc_prepared *p)
{
	int n = 0;

	for (uint32_t i = 0; i < p->plan->n[NUC_PROG_CHILD]; i++) {
		const uint16_t op = nuc_plan_step(p->plan, p->plan->first[NUC_PROG_CHILD] + i)->op;

		n += p->kept.steps[i] && (op == NUC_OP_PROPAGATION || op == NUC_OP_ROOT || op == NUC_OP_PIVOT);
	}
	return n == 3;
}

static int build(struct nuc_prepared *p)
{
	int r;

	memset(p->kept.steps, 0, p->plan->n[NUC_PROG_CHILD]);
	r = nuc_launch_keep(p);
	return r < 0 ? r : has_a_root(p) ? 0 : -EPROTO;
}

bool nuc_kept_is_ready(struct nuc_prepared *p)
{
	struct nuc_kept *k = &p->kept;
	struct nuc_around around;
	bool changed;
	int r = 0;

	if (k->never || !k->started) {
		k->started = true;
		return false;
	}
	if (k->pause) {
		k->pause--;
		return false;
	}
	if (nuc_root_is_of_one_start(p->plan)) {
		k->never = true;
		return false;
	}
	if (!look_around(&around)) {
		nuc_kept_done(k);
		return false;
	}
	/* What the kernel has told one of two processes it does not tell the other. */
	if (!k->sources || memcmp(&around, &k->around, sizeof(around)) != 0) {
		r = begin(p, &around);
		if (r < 0)
			nuc_kept_give_up(p, r);
		return false;
	}
	changed = mounts_have_changed(k);
	if (!nuc_sources_are(p->plan, k->sources)) {
		nuc_sources_look(p->plan, k->sources);
		changed = true;
	}
	if (changed)
		forget(k);
	else if (k->fd < 0)
		r = build(p);
	if (r < 0)
		nuc_kept_give_up(p, r);
	return k->fd >= 0;
}
