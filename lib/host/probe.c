/* SPDX-License-Identifier: MIT */
/*
 * Trials. What an AppArmor profile, an outer container's seccomp filter or its masked /proc refuse
 * cannot be predicted from files: a child tries it. The children are copies of a process that may
 * have threads, so they make raw system calls only, and all they touch is in their own namespaces.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if.h>
#include <linux/mount.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "facts_internal.h"
#include "raw.h"

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif

#define TIMEOUT_MS 5000

/* Shared with the child, which writes it: a child that is killed has still said how far it came. */
struct page {
	volatile int result[NUC_TRIAL__COUNT];
	volatile int current;
};

struct trials {
	struct page *page;
	bool privileged, userns_refused;
	int last_cap;
	int userns; /* for the idmapped mount, or -1 */
	char uid_map[48], gid_map[48];
};

static const struct {
	enum nuc_trial trial;
	unsigned long long flag;
	bool in_clone; /* asked of clone3 by a launch; the others are unshared later */
} namespaces[] = {
	{ NUC_TRIAL_NS_MOUNT, CLONE_NEWNS, true },
	{ NUC_TRIAL_NS_PID, CLONE_NEWPID, true },
	{ NUC_TRIAL_NS_NET, CLONE_NEWNET, true },
	{ NUC_TRIAL_NS_UTS, CLONE_NEWUTS, true },
	{ NUC_TRIAL_NS_IPC, CLONE_NEWIPC, true },
	{ NUC_TRIAL_NS_CGROUP, CLONE_NEWCGROUP, false },
	{ NUC_TRIAL_NS_TIME, CLONE_NEWTIME, false },
};

/* ---- the child ------------------------------------------------------------------------------ */

static bool record(struct page *p, long r)
{
	p->result[p->current] = r < 0 ? (int)-r : 0;
	p->current = NUC_TRIAL__COUNT;
	return r >= 0;
}

/* Says what is tried, tries it, and notes the result: true if it works. */
#define TRY(t, trial, call) ((t)->page->current = (trial), record((t)->page, (call)))

static long write_file(const char *path, const char *text)
{
	long fd = nuc_sys(__NR_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC), r;
	size_t n = 0;

	if (fd < 0)
		return fd;
	while (text[n])
		n++;
	r = nuc_sys(__NR_write, fd, text, n);
	nuc_sys(__NR_close, fd);
	return r < 0 ? r : 0;
}

static long write_maps(const struct trials *t)
{
	long r = write_file("/proc/self/setgroups", "deny");

	if (r == 0)
		r = write_file("/proc/self/uid_map", t->uid_map);
	if (r == 0)
		r = write_file("/proc/self/gid_map", t->gid_map);
	return r;
}

static long set_ids(void)
{
	long r = nuc_sys(__NR_setgroups, 0, 0);

	if (r == 0)
		r = nuc_sys(__NR_setresgid, NUC_NOBODY, NUC_NOBODY, NUC_NOBODY);
	if (r == 0)
		r = nuc_sys(__NR_setresuid, NUC_NOBODY, NUC_NOBODY, NUC_NOBODY);
	/* Without it /proc/self belongs to root, and the id maps cannot be written (proc(5)). */
	if (r == 0)
		r = nuc_sys(__NR_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
	return r;
}

static long drop_capabilities(int last_cap)
{
	const uint32_t securebits = (SECURE_ALL_BITS & ~SECBIT_KEEP_CAPS) | SECURE_ALL_LOCKS;
	const uint32_t header[2] = { _LINUX_CAPABILITY_VERSION_3, 0 };
	const uint32_t none[6] = { 0 };
	long r = nuc_sys(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);

	for (int cap = 0; r >= 0 && cap <= last_cap; cap++)
		r = nuc_sys(__NR_prctl, PR_CAPBSET_DROP, cap, 0, 0, 0);
	if (r >= 0)
		r = nuc_sys(__NR_prctl, PR_SET_SECUREBITS, securebits, 0, 0, 0);
	if (r >= 0)
		r = nuc_sys(__NR_capset, header, none);
	return r;
}

static long restrict_by_landlock(void)
{
	const uint64_t fs = 1; /* LANDLOCK_ACCESS_FS_EXECUTE: any right will do */
	long fd = nuc_sys(__NR_landlock_create_ruleset, &fs, sizeof(fs), 0), r;

	if (fd < 0)
		return fd;
	r = nuc_sys(__NR_landlock_restrict_self, fd, 0);
	nuc_sys(__NR_close, fd);
	return r;
}

static long install_filter(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	const struct sock_fprog program = { .len = 1, .filter = &allow };

	return nuc_sys(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

static long idmap_root(int userns)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns };
	long tree = nuc_sys(__NR_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC), r;

	if (tree < 0)
		return tree;
	r = nuc_sys(__NR_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof(attr));
	nuc_sys(__NR_close, tree);
	return r;
}

/* The first child stays where it is, and tries one thing after the other. */
static int try_one_by_one(void *arg)
{
	struct trials *t = arg;
	bool user = false, admin = t->privileged;

	nuc_sys(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL);
	if (!t->privileged && !t->userns_refused) {
		user = TRY(t, NUC_TRIAL_NS_USER, nuc_sys(__NR_unshare, CLONE_NEWUSER));
		if (user)
			TRY(t, NUC_TRIAL_ID_MAPS, write_maps(t));
		admin = user;
	}
	for (size_t i = 0; admin && i < NUC_ARRAY_SIZE(namespaces); i++)
		TRY(t, namespaces[i].trial, nuc_sys(__NR_unshare, namespaces[i].flag));
	if (t->privileged) {
		if (t->userns >= 0)
			TRY(t, NUC_TRIAL_IDMAP, idmap_root(t->userns));
		/* A launch gives its ids up first, so that no user namespace belongs to root. */
		if (TRY(t, NUC_TRIAL_SET_IDS, set_ids()) && !t->userns_refused)
			user = TRY(t, NUC_TRIAL_NS_USER, nuc_sys(__NR_unshare, CLONE_NEWUSER));
		if (user)
			TRY(t, NUC_TRIAL_ID_MAPS, write_maps(t));
	}
	if (user)
		TRY(t, NUC_TRIAL_CAPABILITIES, drop_capabilities(t->last_cap));
	TRY(t, NUC_TRIAL_NO_NEW_PRIVS, nuc_sys(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	TRY(t, NUC_TRIAL_LANDLOCK, restrict_by_landlock());
	TRY(t, NUC_TRIAL_SECCOMP, install_filter());
	return 0;
}

static long new_fs(const char *type, const char *key, const char *value)
{
	long fs = nuc_sys(__NR_fsopen, type, FSOPEN_CLOEXEC), r = 0;

	if (fs < 0)
		return fs;
	if (key)
		r = value ? nuc_sys(__NR_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0)
			  : nuc_sys(__NR_fsconfig, fs, FSCONFIG_SET_FLAG, key, 0, 0);
	if (r >= 0)
		r = nuc_sys(__NR_fsconfig, fs, FSCONFIG_CMD_CREATE, 0, 0, 0);
	/* A /proc that an outer container masks shows its refusal here (mount_too_revealing). */
	if (r >= 0)
		r = nuc_sys(__NR_fsmount, fs, FSMOUNT_CLOEXEC,
			    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	nuc_sys(__NR_close, fs);
	return r;
}

static long attach(long mount, long root, const char *name)
{
	long r = nuc_sys(__NR_mkdirat, root, name, 0700);

	if (r >= 0 || r == -EEXIST)
		r = nuc_sys(__NR_move_mount, mount, "", root, name, MOVE_MOUNT_F_EMPTY_PATH);
	nuc_sys(__NR_close, mount);
	return r;
}

static long mount_in(long root, const char *type, const char *key, const char *value)
{
	long fd = new_fs(type, key, value);

	return fd < 0 ? fd : attach(fd, root, type);
}

/* The directories that a launch builds its root on; which of them does not matter here. */
static long new_root(long *ret)
{
	static const char *const on[] = { "/mnt", "/media", "/srv", "/home", "/var", "/tmp" };
	long fd = new_fs("tmpfs", "mode", "0755"), r = -ENOENT;

	if (fd < 0)
		return fd;
	for (size_t i = 0; r < 0 && i < NUC_ARRAY_SIZE(on); i++)
		r = nuc_sys(__NR_move_mount, fd, "", AT_FDCWD, on[i], MOVE_MOUNT_F_EMPTY_PATH);
	if (r >= 0)
		*ret = fd;
	return r;
}

static long make_private(void)
{
	const struct mount_attr attr = { .propagation = MS_PRIVATE };

	return nuc_sys(__NR_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof(attr));
}

static long bind_read_only(long root)
{
	const struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID };
	const unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE;
	long tree = nuc_sys(__NR_open_tree, AT_FDCWD, "/usr", flags), r;

	if (tree == -ENOENT)
		tree = nuc_sys(__NR_open_tree, AT_FDCWD, "/", flags);
	if (tree < 0)
		return tree;
	r = nuc_sys(__NR_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr,
		    sizeof(attr));
	if (r < 0) {
		nuc_sys(__NR_close, tree);
		return r;
	}
	return attach(tree, root, "bind");
}

static long loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	long fd = nuc_sys(__NR_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return fd;
	r = nuc_sys(__NR_ioctl, fd, SIOCSIFFLAGS, &ifr);
	nuc_sys(__NR_close, fd);
	return r;
}

static long pivot(long root)
{
	long r = nuc_sys(__NR_fchdir, root);

	if (r == 0)
		r = nuc_sys(__NR_pivot_root, ".", ".");
	if (r == 0)
		r = nuc_sys(__NR_umount2, ".", MNT_DETACH);
	return r;
}

/* The second child is born as a launch's is, in all namespaces at once, and builds a root. */
static int try_together(void *arg)
{
	struct trials *t = arg;
	long root = -1;

	nuc_sys(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL);
	/* What is mounted is owned by ids that must have a meaning; whether this works is known. */
	if (!t->privileged)
		write_maps(t);
	if (t->page->result[NUC_TRIAL_NS_NET] == 0)
		TRY(t, NUC_TRIAL_LOOPBACK, loopback_up());
	/* Only behind this may anything be mounted: it would be seen outside otherwise. */
	if (!TRY(t, NUC_TRIAL_TMPFS, make_private()))
		return 0;
	if (!TRY(t, NUC_TRIAL_TMPFS, new_root(&root)))
		return 0;
	TRY(t, NUC_TRIAL_BIND, bind_read_only(root));
	TRY(t, NUC_TRIAL_DEVPTS, mount_in(root, "devpts", "newinstance", NULL));
	if (TRY(t, NUC_TRIAL_PROC, mount_in(root, "proc", NULL, NULL)))
		TRY(t, NUC_TRIAL_HIDEPID, mount_in(root, "proc", "hidepid", "invisible"));
	TRY(t, NUC_TRIAL_PIVOT_ROOT, pivot(root));
	return 0;
}

/* ---- the caller ----------------------------------------------------------------------------- */

/* Whether the child ended by itself, in time. In any case it has ended, and is reaped. */
static bool await(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int64_t left, end = nuc_now_ms() + TIMEOUT_MS;
	siginfo_t si;
	int n = 0;

	while (n <= 0 && (left = end - nuc_now_ms()) > 0) {
		n = poll(&p, 1, (int)left);
		if (n < 0 && errno != EINTR)
			break;
	}
	if (n <= 0)
		syscall(__NR_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	/* ECHILD: the embedder waits for all its children with __WALL, and has seen it end. */
	while (waitid(P_PIDFD, (id_t)pidfd, &si, WEXITED | __WALL) < 0 && errno == EINTR)
		;
	return n > 0;
}

/* Returns 0 when a child was there and has ended, or what clone3 said. */
static int run(struct trials *t, unsigned long long flags, int (*fn)(void *))
{
	_cleanup_close_ int pidfd = -1;
	/* No exit signal: the caller's wait(-1) and SIGCHLD handler do not see it. */
	struct nuc_clone_args args = {
		.flags = flags | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uintptr_t)&pidfd,
	};
	sigset_t all, old;
	bool in_time;
	long pid;

	t->page->current = NUC_TRIAL__COUNT;
	/* A handler of the caller's must not run twice, in the copy as well. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = nuc_clone3(&args, sizeof(args), fn, t);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pid < 0)
		return (int)pid;
	in_time = await(pidfd);
	if (t->page->current < NUC_TRIAL__COUNT)
		t->page->result[t->page->current] = in_time ? NUC_TRIAL_KILLED : ETIMEDOUT;
	return 0;
}

/*
 * Born in all the namespaces that work alone, provided that there is something to mount in, and
 * that files can be made there: without an id map they would belong to nobody (EOVERFLOW).
 */
static bool clone_flags(const struct trials *t, unsigned long long *ret)
{
	unsigned long long flags = t->privileged ? 0 : CLONE_NEWUSER;

	if (!t->privileged && t->page->result[NUC_TRIAL_ID_MAPS] != 0)
		return false;
	for (size_t i = 0; i < NUC_ARRAY_SIZE(namespaces); i++)
		if (namespaces[i].in_clone && t->page->result[namespaces[i].trial] == 0)
			flags |= namespaces[i].flag;
	*ret = flags;
	return (flags & CLONE_NEWNS) && (flags & CLONE_NEWPID);
}

int nuc_trials_run(const struct nuc_facts *facts, int ret[NUC_TRIAL__COUNT])
{
	struct trials t = {
		.privileged = facts->privileged,
		.userns_refused = facts->userns_refused != NUC_USERNS_OK,
		.last_cap = facts->last_cap,
		.userns = -1,
	};
	unsigned long long flags;
	int r;

	t.page = mmap(NULL, sizeof(*t.page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (t.page == MAP_FAILED)
		return -errno;
	for (int i = 0; i < NUC_TRIAL__COUNT; i++)
		t.page->result[i] = NUC_TRIAL_UNTRIED;
	snprintf(t.uid_map, sizeof(t.uid_map), "1000 %u 1", t.privileged ? NUC_NOBODY : facts->uid);
	snprintf(t.gid_map, sizeof(t.gid_map), "1000 %u 1", t.privileged ? NUC_NOBODY : facts->gid);
	if (t.privileged)
		t.userns = nuc_userns_new("0 65534 1", "0 65534 1");
	r = run(&t, 0, try_one_by_one);
	if (r == 0 && clone_flags(&t, &flags))
		r = run(&t, flags, try_together);
	t.page->result[NUC_TRIAL_CLONE] = -r;
	for (int i = 0; i < NUC_TRIAL__COUNT; i++)
		ret[i] = t.page->result[i];
	munmap(t.page, sizeof(*t.page));
	nuc_closep(&t.userns);
	return 0;
}
