/* SPDX-License-Identifier: MIT */
/* What a launch opens, and which of the caller's descriptors may go into a sandbox. */
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "compile.h"
#include "parent.h"
#include "policy.h"

/* Makes ctx.stdio[i] something that the child can put at i; -1 where it is there already. */
static int take_stdio(struct nuc_launch *l, int i, int given)
{
	int fd = given < 0 ? i : given, copy;
	int flags = given == NUCLEUS_STDIO_NULL ? -1 : fcntl(fd, F_GETFD);

	if (flags < 0) {
		if (given >= 0)
			return -EBADF;
		copy = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
		if (copy >= 0)
			copy = nuc_fd_above_stdio(copy);
	} else if (fd == i && !(flags & FD_CLOEXEC)) {
		l->ctx.stdio[i] = -1;
		return 0;
	} else {
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	}
	if (copy < 0)
		return copy == -1 ? -errno : copy;
	l->stdio[i] = l->ctx.stdio[i] = copy;
	return 0;
}

static int open_pair(int (*make)(int fds[2]), int *ret_a, int *ret_b)
{
	int fds[2];

	if (make(fds) < 0)
		return -errno;
	*ret_a = nuc_fd_above_stdio(fds[0]);
	*ret_b = nuc_fd_above_stdio(fds[1]);
	return *ret_a < 0 ? *ret_a : *ret_b < 0 ? *ret_b : 0;
}

static int make_pipe(int fds[2])
{
	return pipe2(fds, O_CLOEXEC);
}

/* Neither init nor whoever reads may wait for the other. */
static int make_lazy_pipe(int fds[2])
{
	return pipe2(fds, O_CLOEXEC | O_NONBLOCK);
}

static int make_socket(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
}

/* Keeps records apart as they were written, and tells who wrote one, even if that one is gone by then. */
static int make_lazy_socket(int fds[2])
{
	const int on = 1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return -1;
	if (setsockopt(fds[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0)
		return 0;
	close(fds[0]);
	close(fds[1]);
	return -1;
}

int nuc_launch_open(struct nuc_launch *l, const int stdio[3])
{
	const struct nuc_plan *plan = l->prepared->plan;
	int r;

	for (int i = 0; stdio && i < 3; i++) {
		r = take_stdio(l, i, stdio[i]);
		if (r < 0)
			return r;
	}
	r = open_pair(make_pipe, &l->report_read, &l->report_write);
	if (r < 0)
		return r;
	if (plan->observe && l->kind != NUC_LAUNCH_MAKER) {
		l->audit = nuc_launch_open_audit(plan);
		r = open_pair(l->audit < 0 ? make_lazy_pipe : make_lazy_socket, &l->denial_read,
			      &l->denial_write);
		if (r < 0)
			return r;
	}
	if (plan->count[NUC_OP_SEND_DIR] || l->kind != NUC_LAUNCH) {
		r = open_pair(make_socket, &l->control, &l->control_child);
		if (r < 0)
			return r;
	}
	if (l->kind == NUC_LAUNCH_MADE)
		return 0; /* the maker has it */
	l->caller = (int)syscall(__NR_pidfd_open, getpid(), 0);
	if (l->caller < 0)
		return -errno;
	l->caller = nuc_fd_above_stdio(l->caller);
	return l->caller < 0 ? l->caller : 0;
}

/*
 * The file of a trace. Always a new one: nothing that is there is overwritten, and no link in the last
 * place is followed. Nobody else may read what a program does, and the program not write what it did.
 */
int nuc_launch_open_log(struct nuc_launch *l, nucleus_error **ret_err)
{
	const char *path = nuc_plan_data(l->prepared->plan, l->prepared->plan->log);
	struct nuc_where where = { "launch", "trace", NULL, NULL };
	int fd, r;

	if (!*path)
		return 0;
	r = nuc_plan_can_write(l->prepared->plan, path);
	if (r > 0) {
		where.hint = "name a file outside of what the sandbox may write to";
		return nuc_fail(ret_err, -EPERM, &where, "the trace: the program could write to %s", path);
	}
	if (r < 0)
		return nuc_fail(ret_err, r, &where, "cannot make %s for the trace: %s", path, strerror(-r));
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
	if (fd < 0) {
		where.hint = errno == EEXIST
				     ? "a trace is a new file: remove that one, or name another"
				     : NULL;
		return nuc_fail(ret_err, -errno, &where, "cannot make %s for the trace: %s", path,
				strerror(errno));
	}
	l->log = nuc_fd_above_stdio(fd);
	if (l->log < 0)
		return nuc_fail(ret_err, l->log, &where, "cannot keep the trace open: %s",
				strerror(-l->log));
	return 0;
}

/*
 * A directory of the host would be a way out, whatever the new root is: fchdir() and "..", past all
 * mounts, and past Landlock for what is not an opening: stat, chmod, connect (CVE-2024-21626).
 */
static int check_no_directory(const struct stat *st, const char *what, const struct nuc_where *where,
			      nucleus_error **ret_err)
{
	if (!S_ISDIR(st->st_mode))
		return 0;
	return nuc_fail(ret_err, -EISDIR, where, "%s is a directory, which would lead out of the sandbox", what);
}

/* Whether the program may not open it for writing, and not make it so that it may, by owner and mode alone. */
static bool is_kept_by_mode(const struct nuc_plan *plan, const struct stat *st)
{
	/* The bits of the group also bound what an access control list grants (acl(5)). */
	return plan->privileged && st->st_uid != plan->host_uid && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

static bool is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && seals & F_SEAL_SHRINK && seals & F_SEAL_GROW &&
	       seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
}

/*
 * A file that is given for reading is opened anew through /proc/self/fd, and that leads to the host's mount. Only
 * Landlock stands there, which knows of truncation since ABI 3, and restricts nothing on the kernel's own mounts,
 * those of memory files among them (is_nouser_or_private() in security/landlock/fs.c).
 */
static int check_stays_as_it_is(const struct nuc_prepared *p, int fd, const struct stat *st, const char *what,
				const char *origin, nucleus_error **ret_err)
{
	const struct nuc_where truncated = { "launch", "landlock", origin,
					     "give it by a pipe (cat FILE |), or use Linux 6.2 or newer" };
	const struct nuc_where written = { "launch", "descriptors", origin,
					   "seal it (fcntl(2), F_ADD_SEALS: shrink, grow and write), or give a pipe" };
	int flags = S_ISREG(st->st_mode) ? fcntl(fd, F_GETFL) : -1;
	struct statfs fs;
	struct stat own;

	if (flags < 0 || (!(flags & O_PATH) && (flags & O_ACCMODE) != O_RDONLY) || is_kept_by_mode(p->plan, st))
		return 0;
	/* The plan's is a memory file, too. */
	if (fstat(p->plan_fd, &own) < 0 || fstatfs(fd, &fs) < 0 || own.st_dev == st->st_dev ||
	    fs.f_type == HUGETLBFS_MAGIC)
		return is_sealed(fd) ? 0
				     : nuc_fail(ret_err, -EPERM, &written,
						"%s is a memory file for reading, which the program could open for "
						"writing", what);
	if (p->plan->landlock_abi >= 3 || fs.f_flags & ST_RDONLY)
		return 0;
	return nuc_fail(ret_err, -ENOTSUP, &truncated,
			"%s is a file for reading, which the program could truncate: Landlock of ABI %u does not "
			"restrict that", what, p->plan->landlock_abi);
}

static int check_given(const struct nuc_prepared *p, int fd, const char *what, const struct nuc_where *directory,
		       nucleus_error **ret_err)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return 0;
	r = check_no_directory(&st, what, directory, ret_err);
	if (r == 0 && nuc_mode_need(p->plan->mode, NUC_MECH_LANDLOCK) == NUC_NEED_REQUIRED)
		r = check_stays_as_it_is(p, fd, &st, what, directory->origin, ret_err);
	return r;
}

/* Whether a number is that of a descriptor which the library itself opened for this sandbox. */
static bool is_own(const struct nuc_prepared *p, int fd)
{
	bool own = fd == p->init_fd || fd == p->plan_fd || fd == p->status.fd || fd == p->kept.fd ||
		   fd == p->kept.users || fd == p->kept.mounts || nuc_pool_owns(p->pool, fd);

	for (int i = 0; i < NUC_SLOTS; i++)
		own |= fd == p->slots[i];
	return own;
}

static int check_stdio(const struct nuc_prepared *p, const int stdio[3], nucleus_error **ret_err)
{
	static const char *const names[] = { "standard input", "standard output", "standard error" };
	const struct nuc_where directory = { "launch", "descriptors", NULL,
					     "redirect it from or to a file, a pipe or /dev/null" };
	const struct nuc_where stale = { "launch", "descriptors", NULL, "give one of your own, which is still open" };
	int r = 0;

	for (int i = 0; r == 0 && i < 3; i++) {
		int fd = stdio[i] < 0 ? i : stdio[i];

		if (stdio[i] == NUCLEUS_STDIO_NULL)
			continue;
		r = is_own(p, fd) ? nuc_fail(ret_err, -EBADF, &stale, "%s is descriptor %d, which is the library's own",
					     names[i], fd)
				  : check_given(p, fd, names[i], &directory, ret_err);
	}
	return r;
}

/*
 * Descriptors to pass must be open, and the caller's: a number that it does not use may be one of ours,
 * now that they are prepared, or a moment later.
 */
static int check_passed(const struct nuc_prepared *p, nucleus_error **ret_err)
{
	const struct nuc_plan *plan = p->plan;
	const struct nuc_where where = { "launch", "descriptors", "process.pass-fds",
					 "open it before the start, and not with O_CLOEXEC only" };
	const struct nuc_where directory = { "launch", "descriptors", "process.pass-fds",
					     "bind it as a volume" };
	int r = 0;

	for (uint32_t i = 0; i < plan->n[NUC_PROG_CHILD]; i++) {
		const struct nuc_step *s = nuc_plan_step(plan, plan->first[NUC_PROG_CHILD] + i);
		const struct nuc_span *span = nuc_plan_data(plan, s->arg[0]);

		if (s->op != NUC_OP_CLOSE_FDS)
			continue;
		for (uint32_t k = 0; r == 0 && k < span->len / sizeof(uint32_t); k++) {
			uint32_t fd = ((const uint32_t *)nuc_plan_data(plan, span->at))[k];
			char what[sizeof("descriptor 4294967295")];

			snprintf(what, sizeof(what), "descriptor %u", fd);
			r = fcntl((int)fd, F_GETFD) < 0 || is_own(p, (int)fd)
				    ? nuc_fail(ret_err, -EBADF, &where, "%s is to be passed, but is not open", what)
				    : check_given(p, (int)fd, what, &directory, ret_err);
		}
	}
	return r;
}

int nuc_launch_check(const struct nuc_prepared *p, const int stdio[3], nucleus_error **ret_err)
{
	int r = check_passed(p, ret_err);

	return r < 0 ? r : check_stdio(p, stdio, ret_err);
}
