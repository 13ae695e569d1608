/* SPDX-License-Identifier: MIT */
/*
 * The steps, performed by raw system calls. This file is compiled twice: into the library, where it
 * runs after clone3 in the caller's memory, and into the sandbox's init. It calls nothing, allocates
 * nothing and has no data of its own: `nm -u` of its object file lists nothing.
 *
 * If a decision is needed here, compile.c forgot to make it.
 */
#include <asm/fcntl.h>
#include <linux/capability.h>
#include <linux/if.h>
#include <linux/mount.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <asm-generic/errno-base.h>
#include <asm-generic/errno.h>
#include <asm-generic/poll.h>

#include "child.h"
#include "landlock_abi.h"
#include "raw.h"
#include "steps_mount.h"

#define SIGKILL_ 9
/* SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (Linux 5.19): once init looks at a call, no handler interrupts it. */
#define WAIT_KILLABLE_RECV (1UL << 5)

struct user_cap {
	uint32_t effective, permitted, inheritable;
};

static long write_to(const char *path, const char *text)
{
	long fd = nuc_sys(__NR_openat, AT_FDCWD_, path, O_WRONLY | O_CLOEXEC);
	long r, n = length(text);

	if (fd < 0)
		return fd;
	/* The kernel takes id maps and sysctls in one write or not at all. */
	r = nuc_sys(__NR_write, fd, text, n);
	return closing(fd, r < 0 ? r : r == n ? 0 : -EIO);
}

/* SCM_RIGHTS by hand: struct msghdr, iovec and one cmsghdr with one descriptor. */
static long send_fd(const struct nuc_context *c, long fd)
{
	struct {
		uint64_t len;
		int32_t level, type;
		int32_t fd, pad;
	} cmsg;
	struct {
		void *base;
		uint64_t len;
	} iov;
	struct {
		void *name;
		uint64_t namelen;
		void *iov;
		uint64_t iovlen;
		void *control;
		uint64_t controllen;
		uint64_t flags;
	} msg;
	char byte = 'D';
	long r;

	cmsg.len = 20; /* CMSG_LEN(sizeof(int)) */
	cmsg.level = 1; /* SOL_SOCKET */
	cmsg.type = 1;	/* SCM_RIGHTS */
	cmsg.fd = (int32_t)fd;
	cmsg.pad = 0;
	iov.base = &byte;
	iov.len = 1;
	msg.name = NULL;
	msg.namelen = 0;
	msg.iov = &iov;
	msg.iovlen = 1;
	msg.control = &cmsg;
	msg.controllen = sizeof(cmsg);
	msg.flags = 0;
	r = nuc_sys(__NR_sendmsg, c->control_fd, &msg, 0);
	return r < 0 ? r : 0;
}

static long send_dir(const struct nuc_context *c, const char *path)
{
	long fd = open_in_root(c, path, O_RDONLY | O_DIRECTORY);

	return fd < 0 ? fd : closing(fd, send_fd(c, fd));
}

static long wait_parent(const struct nuc_context *c)
{
	struct {
		int32_t fd;
		int16_t events, revents;
	} fds[2];
	char byte;
	long r;

	/* The parent's end is open here too, so its death shows on its pidfd only. */
	fds[0].fd = c->control_fd;
	fds[1].fd = c->caller_fd;
	fds[0].events = fds[1].events = POLLIN;
	r = nuc_sys(__NR_poll, fds, 2, -1);
	if (r < 0)
		return r;
	if (!(fds[0].revents & POLLIN))
		return -ECANCELED;
	r = nuc_sys(__NR_read, c->control_fd, &byte, 1);
	return r == 1 ? 0 : r < 0 ? r : -ECANCELED;
}

static long loopback_up(void)
{
	struct {
		char name[16];
		uint64_t flags_and_rest[3];
	} ifr;
	long fd = nuc_sys(__NR_socket, 2 /* AF_INET */, 2 /* SOCK_DGRAM */ | O_CLOEXEC, 0);

	if (fd < 0)
		return fd;
	ifr.name[0] = 'l';
	ifr.name[1] = 'o';
	ifr.name[2] = '\0';
	ifr.flags_and_rest[0] = IFF_UP | IFF_RUNNING;
	ifr.flags_and_rest[1] = 0;
	ifr.flags_and_rest[2] = 0;
	return closing(fd, nuc_sys(__NR_ioctl, fd, SIOCSIFFLAGS, &ifr));
}

static long close_fds(const struct nuc_context *c, const struct nuc_span *keep)
{
	const uint32_t *fds = nuc_plan_data(c->plan, keep->at);
	const int ours[] = { c->report_fd, c->plan_fd, c->caller_fd,
			     c->status_fd, c->denial_fd, c->log_fd,
			     c->own_map[0] ? c->control_fd : -1 };
	long r;

	for (int i = 0; i < 3; i++) {
		if (c->stdio[i] < 0)
			continue;
		r = nuc_sys(__NR_dup3, c->stdio[i], i, 0);
		if (r < 0)
			return r;
	}
	r = nuc_sys(__NR_close_range, 3, ~0u, 4 /* CLOSE_RANGE_CLOEXEC, Linux 5.11 */);
	for (unsigned int i = 0; r >= 0 && i < sizeof(ours) / sizeof(ours[0]); i++)
		if (ours[i] >= 0)
			r = nuc_sys(__NR_fcntl, ours[i], F_SETFD, 0);
	for (uint32_t i = 0; r >= 0 && i < keep->len / sizeof(*fds); i++)
		r = nuc_sys(__NR_fcntl, fds[i], F_SETFD, 0);
	return r < 0 ? r : 0;
}

static long set_ids(uint32_t uid, uint32_t gid)
{
	long r = nuc_sys(__NR_setgroups, 0, 0);

	if (r == 0)
		r = nuc_sys(__NR_setresgid, gid, gid, gid);
	if (r == 0)
		r = nuc_sys(__NR_setresuid, uid, uid, uid);
	/* Changing ids cleared it, and with it the right to write one's own id maps. */
	if (r == 0)
		r = nuc_sys(__NR_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
	return r;
}

static long drop_bounding(uint32_t last, uint64_t keep)
{
	long r = 0;

	for (uint32_t i = 0; r == 0 && i <= last; i++)
		if (!(keep >> i & 1))
			r = nuc_sys(__NR_prctl, PR_CAPBSET_DROP, i, 0, 0, 0);
	return r;
}

struct cap_header {
	uint32_t version;
	int32_t pid;
};

/* An ambient capability must be permitted, which all are at this time, and inheritable. */
static long raise_ambient(uint64_t set)
{
	struct cap_header header;
	struct user_cap now[2];
	long r;

	header.version = _LINUX_CAPABILITY_VERSION_3;
	header.pid = 0;
	r = nuc_sys(__NR_capget, &header, now);
	if (r < 0)
		return r;
	now[0].inheritable = (uint32_t)set;
	now[1].inheritable = (uint32_t)(set >> 32);
	r = nuc_sys(__NR_capset, &header, now);
	for (uint32_t i = 0; r == 0 && i < 64; i++)
		if (set >> i & 1)
			r = nuc_sys(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0);
	return r;
}

/* What is not kept is gone, from the ambient set too (capset(2)). */
static long drop_caps(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct cap_header header;
	struct user_cap keep[2];

	header.version = _LINUX_CAPABILITY_VERSION_3;
	header.pid = 0;
	for (int i = 0; i < 2; i++) {
		keep[i].effective = (uint32_t)(effective >> 32 * i);
		keep[i].permitted = (uint32_t)(permitted >> 32 * i);
		keep[i].inheritable = (uint32_t)(inheritable >> 32 * i);
	}
	return nuc_sys(__NR_capset, &header, keep);
}

static long landlock_ruleset(struct nuc_context *c, const struct nuc_step *s)
{
	const struct nuc_landlock_attr *a = nuc_plan_data(c->plan, s->arg[0]);
	/* Trailing fields are given only where used: an older kernel knows a shorter structure. */
	long size = a->scoped ? 24 : a->net ? 16 : 8;
	long fd = nuc_sys(__NR_landlock_create_ruleset, a, size, 0);

	if (fd < 0)
		return fd;
	c->slots[s->out] = (int)fd;
	return 0;
}

static long landlock_path(const struct nuc_context *c, const struct nuc_step *s)
{
	struct {
		uint64_t access;
		int32_t fd;
	} __attribute__((packed)) rule;
	struct open_how how;
	long fd;

	/* A link there was put there by somebody else, and would have the rights go elsewhere. */
	how.flags = O_PATH_ | O_CLOEXEC;
	how.mode = 0;
	how.resolve = RESOLVE_NO_SYMLINKS;
	fd = nuc_sys(__NR_openat2, AT_FDCWD_, str(c, s->arg[0]), &how, sizeof(how));
	if (fd < 0)
		return fd;
	rule.access = s->arg[1];
	rule.fd = (int32_t)fd;
	return closing(fd, nuc_sys(__NR_landlock_add_rule, c->slots[s->in], 1, &rule, 0));
}

/*
 * A rule of a policy: what is there now decides whether it is one on a directory. Compile has followed
 * the links that were there when it looked; what has become one since leads elsewhere.
 */
static long landlock_policy_path(const struct nuc_context *c, const struct nuc_step *s)
{
	struct {
		uint64_t access;
		int32_t fd;
	} __attribute__((packed)) rule;
	struct open_how how;
	long fd;

	how.flags = O_PATH_ | O_CLOEXEC | O_DIRECTORY;
	how.mode = 0;
	how.resolve = RESOLVE_NO_SYMLINKS;
	rule.access = s->arg[1];
	fd = nuc_sys(__NR_openat2, AT_FDCWD_, str(c, s->arg[0]), &how, sizeof(how));
	if (fd == -ENOTDIR) {
		how.flags = O_PATH_ | O_CLOEXEC;
		rule.access &= NUC_LL_OF_FILES;
		fd = nuc_sys(__NR_openat2, AT_FDCWD_, str(c, s->arg[0]), &how, sizeof(how));
	}
	if (fd == -ENOENT && (s->flags & NUC_STEP_OPTIONAL))
		return 0;
	if (fd < 0)
		return fd;
	rule.fd = (int32_t)fd;
	return closing(fd, rule.access
				   ? nuc_sys(__NR_landlock_add_rule, c->slots[s->in], 1, &rule, 0)
				   : -ENOTDIR);
}

static long landlock_port(const struct nuc_context *c, const struct nuc_step *s)
{
	struct {
		uint64_t access, port;
	} rule;

	rule.access = s->arg[1];
	rule.port = s->arg[0];
	return nuc_sys(__NR_landlock_add_rule, c->slots[s->in], 2, &rule, 0);
}

static long landlock_restrict(const struct nuc_context *c, const struct nuc_step *s)
{
	const long flags = s->flags & NUC_STEP_LOG ? NUC_LL_RESTRICT_LOG_NEW_EXEC_ON : 0;

	/*
	 * The kernel's log names who made the layer: where that is the program's process the caller is told
	 * who that is, by the credentials of the message. Where nobody reads the log it is a pipe: ENOTSOCK.
	 */
	if (flags && s->op == NUC_OP_LANDLOCK_POLICY_RESTRICT && c->denial_fd >= 0)
		nuc_sys(__NR_sendto, c->denial_fd, "", 1, 0x4040 /* MSG_DONTWAIT, MSG_NOSIGNAL */, 0, 0);
	return closing(c->slots[s->in],
		       nuc_sys(__NR_landlock_restrict_self, c->slots[s->in], flags));
}

/* Started by a caller with real-time priority or below nice 0, the program has neither. */
static long drop_priority(void)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attr; /* struct sched_attr of sched_setattr(2), SCHED_ATTR_SIZE_VER0 */
	long r;

	attr.flags = 0; /* analysers do not see what a raw system call writes */
	r = nuc_sys(__NR_sched_getattr, 0, &attr, sizeof(attr), 0);
	if (r < 0)
		return r;
	attr.flags |= 1; /* SCHED_FLAG_RESET_ON_FORK: init keeps what it needs to end the sandbox */
	return nuc_sys(__NR_sched_setattr, 0, &attr, 0);
}

static long reset_signals(void)
{
	uint64_t none[4]; /* struct kernel_sigaction: SIG_DFL, no flags, no restorer, no mask */

	none[0] = none[1] = none[2] = none[3] = 0;
	for (int sig = 1; sig <= 64; sig++)
		if (sig != SIGKILL_ && sig != 19 /* SIGSTOP */)
			nuc_sys(__NR_rt_sigaction, sig, none, 0, 8);
	return nuc_sys(__NR_rt_sigprocmask, 2 /* SIG_SETMASK */, none, 0, 8);
}

/*
 * The caller's session keyring may hold tickets and passwords: who has it by inheritance may read them, whatever
 * the user or the user namespace (keyrings(7), "possession"). Where keys cannot be had at all, because the kernel has
 * none or because the filter of a container around us refuses, the program cannot have them either.
 */
static long leave_keyring(void)
{
	long r = nuc_sys(__NR_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, 0, 0, 0, 0);

	if (r >= 0)
		return 0;
	/* KEYCTL_READ of KEY_SPEC_SESSION_KEYRING, asking for its length only */
	return nuc_sys(__NR_keyctl, 11, -3L, 0, 0, 0) == r && (r == -EPERM || r == -ENOSYS) ? 0 : r;
}

static long load_filter(const struct nuc_context *c, uint32_t at, unsigned long flags)
{
	const struct nuc_span *program = nuc_plan_data(c->plan, at);
	struct {
		uint16_t len;
		const void *filter;
	} prog;

	prog.len = (uint16_t)(program->len / 8);
	prog.filter = nuc_plan_data(c->plan, program->at);
	return nuc_sys(__NR_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
}

/*
 * The second program is the first one that tells init instead of refusing. The listener's number is in
 * init's table of descriptors, which this process shares until its exec (FORK). Who is told already of
 * what this process does, some container engine, must stay the only one (EBUSY): then nothing is told.
 */
static long load_seccomp(const struct nuc_context *c, const struct nuc_step *s)
{
	const unsigned long log = s->flags & NUC_STEP_LOG ? SECCOMP_FILTER_FLAG_LOG : 0;
	long r;

	if (!s->arg[1])
		return load_filter(c, s->arg[0], log);
	r = load_filter(c, s->arg[1], SECCOMP_FILTER_FLAG_NEW_LISTENER | WAIT_KILLABLE_RECV | log);
	if (r == -EBUSY && !(c->plan->observe & NUC_OBSERVE_TRACE))
		return load_filter(c, s->arg[0], log);
	if (r < 0)
		return r;
	c->progress->listener = (int32_t)r;
	return 0;
}

static long execute(const struct nuc_context *c, const char *file)
{
	return nuc_sys(__NR_execve, file, c->argv, c->envp, NUC_OURS_ARG3, NUC_OURS_ARG4,
		       NUC_OURS_ARG5);
}

/* execvp(3) in the sandbox's own PATH; the most telling error wins over ENOENT. */
static long exec_program(const struct nuc_context *c)
{
	const char *name = c->argv[0], *path = "/usr/local/bin:/usr/bin:/bin";
	char file[4096];
	long worst = -ENOENT;

	for (long i = 0; name[i]; i++)
		if (name[i] == '/')
			return execute(c, name);
	for (long i = 0; c->envp[i]; i++) {
		const char *e = c->envp[i];

		if (e[0] == 'P' && e[1] == 'A' && e[2] == 'T' && e[3] == 'H' && e[4] == '=')
			path = e + 5;
	}
	if (!name[0])
		return -ENOENT;
	for (;;) {
		long n = 0, r;

		while (*path && *path != ':' && n < (long)sizeof(file) - 2)
			file[n++] = *path++;
		if (n)
			file[n++] = '/';
		for (long i = 0; name[i]; i++) {
			if (n >= (long)sizeof(file) - 1)
				return -ENAMETOOLONG;
			file[n++] = name[i];
		}
		file[n] = '\0';
		r = execute(c, file);
		if (r != -ENOENT && r != -ENOTDIR && r != -EACCES)
			return r;
		if (r == -EACCES)
			worst = r;
		while (*path && *path != ':')
			path++;
		if (!*path++)
			return worst;
	}
}

static long perform(struct nuc_context *c, const struct nuc_step *s)
{
	const void *a = nuc_plan_data(c->plan, s->arg[0]);
	const void *b = nuc_plan_data(c->plan, s->arg[1]);
	int in = s->in < NUC_SLOTS ? c->slots[s->in] : -1;
	struct mount_attr attr;

	/* The others may put something else in its place, and the descriptor has no use for them. */
	if (s->op != NUC_OP_MKDIR && s->op != NUC_OP_SYMLINK && s->op != NUC_OP_FILE && s->op != NUC_OP_BIND)
		forget_parent(c);
	switch ((enum nuc_op)s->op) {
	case NUC_OP_DIE_WITH_CALLER:
		return nuc_sys(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL_, 0, 0, 0);
	case NUC_OP_SET_IDS:
		return set_ids(s->arg[0], s->arg[1]);
	case NUC_OP_USERNS:
		return nuc_sys(__NR_unshare, CLONE_NEWUSER);
	case NUC_OP_MAP_SETGROUPS:
	case NUC_OP_MAP_UID:
	case NUC_OP_MAP_GID:
	case NUC_OP_OOM_SCORE:
		return write_to(a, b);
	case NUC_OP_UNSHARE:
		return nuc_sys(__NR_unshare, s->arg[0]);
	case NUC_OP_PROPAGATION:
		attr.attr_set = attr.attr_clr = attr.userns_fd = 0;
		attr.propagation = MS_PRIVATE_;
		return nuc_sys(__NR_mount_setattr, AT_FDCWD_, "/", AT_RECURSIVE_, &attr,
			       sizeof(attr));
	case NUC_OP_ROOT:
		return new_root(c, s);
	case NUC_OP_MKDIR:
		return mkdir_in_root(c, s);
	case NUC_OP_SYMLINK:
		return symlink_in_root(c, a, b);
	case NUC_OP_FILE:
		return file_in_root(c, a, b, s->arg[2]);
	case NUC_OP_BIND:
		return bind_in_root(c, a, in);
	case NUC_OP_MOUNT:
		return mount_in_root(c, a);
	case NUC_OP_SEND_DIR:
		return send_dir(c, a);
	case NUC_OP_WAIT_PARENT:
		return wait_parent(c);
	case NUC_OP_MASK:
		return mask(c, a, (int)s->arg[1]);
	case NUC_OP_READONLY:
		return read_only(c, a, (int)s->arg[1]);
	case NUC_OP_LOOPBACK:
		return loopback_up();
	case NUC_OP_HOSTNAME:
		return nuc_sys(__NR_sethostname, a, length(a));
	case NUC_OP_PIVOT:
		return pivot(c);
	case NUC_OP_ROOT_READONLY:
		return set_attr(c->slots[NUC_SLOT_ROOT], MOUNT_ATTR_RDONLY, 0, -1);
	case NUC_OP_CLOSE_FDS:
		return close_fds(c, a);
	case NUC_OP_EXEC_INIT:
		return nuc_sys(__NR_execveat, c->init_fd, "", c->argv, c->envp, AT_EMPTY_PATH_);
	case NUC_OP_NO_NEW_PRIVS:
		return nuc_sys(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	case NUC_OP_CLEAR_AMBIENT:
		return nuc_sys(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	case NUC_OP_DROP_BOUNDING:
		return drop_bounding(s->arg[0], c->plan->caps[s->arg[1]]);
	case NUC_OP_RAISE_AMBIENT:
		return raise_ambient(c->plan->caps[s->arg[0]]);
	case NUC_OP_LOCK_SECUREBITS:
		return nuc_sys(__NR_prctl, PR_SET_SECUREBITS, s->arg[0], 0, 0, 0);
	case NUC_OP_DROP_CAPS:
		return drop_caps(c->plan->caps[s->arg[0]], c->plan->caps[s->arg[1]],
				 c->plan->caps[s->arg[2]]);
	case NUC_OP_LANDLOCK_RULESET:
	case NUC_OP_LANDLOCK_POLICY_RULESET:
		return landlock_ruleset(c, s);
	case NUC_OP_LANDLOCK_PATH:
		return landlock_path(c, s);
	case NUC_OP_LANDLOCK_POLICY_PATH:
		return landlock_policy_path(c, s);
	case NUC_OP_LANDLOCK_PORT:
	case NUC_OP_LANDLOCK_POLICY_PORT:
		return landlock_port(c, s);
	case NUC_OP_LANDLOCK_RESTRICT:
	case NUC_OP_LANDLOCK_POLICY_RESTRICT:
		return landlock_restrict(c, s);
	case NUC_OP_UNDUMPABLE:
		return nuc_sys(__NR_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
	case NUC_OP_PRIORITY:
		return drop_priority();
	case NUC_OP_PERSONALITY:
		return nuc_sys(__NR_personality, s->arg[0]);
	case NUC_OP_SESSION:
		return nuc_sys(__NR_setsid);
	case NUC_OP_RLIMIT:
		return nuc_sys(__NR_prlimit64, 0, s->arg[0], b, 0);
	case NUC_OP_UMASK:
		nuc_sys(__NR_umask, s->arg[0]);
		return 0;
	case NUC_OP_CHDIR:
		return nuc_sys(__NR_chdir, a);
	case NUC_OP_RESET_SIGNALS:
		return reset_signals();
	case NUC_OP_KEYRING:
		return leave_keyring();
	case NUC_OP_SECCOMP:
		return load_seccomp(c, s);
	case NUC_OP_EXEC:
		return exec_program(c);
	/* Not steps of the child, or done where init's own program is run (init.c). */
	case NUC_OP_IDMAP:
	case NUC_OP_COPY:
	case NUC_OP_CGROUP:
	case NUC_OP_CGROUP_SET:
	case NUC_OP_AUDIT:
	case NUC_OP_FORK:
	case NUC_OP__COUNT:
		break;
	}
	return -EINVAL;
}

long nuc_run_step(struct nuc_context *c, const struct nuc_step *s)
{
	long r = perform(c, s);

	return r < 0 && s->accept && r == -(long)s->accept ? 0 : r;
}

#include "steps_ahead.h"

int nuc_child_main(void *context)
{
	struct nuc_context *c = context;
	uint32_t first = c->plan->first[NUC_PROG_CHILD];
	long r = 0;

	if (c->done)
		c->progress->begun = nuc_clock_ns(1 /* CLOCK_MONOTONIC */);
	/* Modes of what is made in the new root are meant as written. */
	nuc_sys(__NR_umask, 0);
	if (c->keeps)
		r = open_namespaces(c);
	for (uint32_t i = 0; r >= 0 && i < c->plan->n[NUC_PROG_CHILD]; i++) {
		const struct nuc_step *s = nuc_plan_step(c->plan, first + i);
		int done;

		c->step = first + i;
		r = start_step(c, s, i, &done);
		if (r >= 0 && done)
			nuc_stamp(c, s, first + i);
	}
	/* The last step of others is an exec: verify holds that. */
	if (r >= 0 && c->keeps)
		r = hand_in(c);
	if (r < 0)
		c->error = (int32_t)-r;
	return 1;
}
