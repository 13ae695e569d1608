/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <linux/mount.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base.h"
#include "raw.h"

#define STACK_SIZE 16384

/*
 * The process that a user namespace is born with; it waits to be killed. Raw system calls only. It
 * ends with the caller, whose memory it would hold for ever otherwise.
 */
static int hold(void *arg)
{
	const pid_t *caller = arg;

	nuc_sys(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* The caller may have died before that. */
	while (nuc_sys(__NR_getppid) == *caller)
		nuc_sys(__NR_pause);
	return 0;
}

static int write_map(int pid, const char *file, const char *map)
{
	_cleanup_close_ int fd = -1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return write(fd, map, strlen(map)) < 0 ? -errno : 0;
}

int nuc_userns_new(const char *uid_map, const char *gid_map)
{
	_cleanup_close_ int pidfd = -1;
	struct nuc_clone_args args = {
		/* CLONE_VM: a copy of a large caller's page tables would cost milliseconds a GiB. */
		.flags = CLONE_VM | CLONE_NEWUSER | CLONE_PIDFD,
		.pidfd = (uintptr_t)&pidfd,
		.stack_size = STACK_SIZE,
		/* No exit signal: the caller's wait(-1) and SIGCHLD handler do not see it. */
	};
	pid_t self = getpid();
	sigset_t all, old;
	siginfo_t si;
	char path[64];
	void *stack;
	long pid;
	int r, fd;

	stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stack == MAP_FAILED)
		return -errno;
	args.stack = (uintptr_t)stack;
	/* The child must not run the caller's signal handlers in the caller's memory. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = nuc_clone3(&args, sizeof(args), hold, &self);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pid < 0) {
		munmap(stack, STACK_SIZE);
		return (int)pid;
	}
	r = write_map((int)pid, "uid_map", uid_map);
	if (r == 0)
		r = write_map((int)pid, "gid_map", gid_map);
	if (r == 0) {
		snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		r = fd < 0 ? -errno : nuc_fd_above_stdio(fd);
	}
	syscall(__NR_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	while (waitid(P_PIDFD, (id_t)pidfd, &si, WEXITED | __WALL) < 0 && errno == EINTR)
		;
	munmap(stack, STACK_SIZE);
	return r;
}

int nuc_usernses_find(struct nuc_usernses *u, const char *uid_map, const char *gid_map)
{
	int fd;

	for (size_t i = 0; i < u->n; i++)
		if (!strcmp(u->of[i].uid_map, uid_map) && !strcmp(u->of[i].gid_map, gid_map))
			return u->of[i].fd;
	if (u->n == NUC_ARRAY_SIZE(u->of))
		return -E2BIG;
	if (strlen(uid_map) >= NUC_ID_MAP_SIZE || strlen(gid_map) >= NUC_ID_MAP_SIZE)
		return -EINVAL;
	fd = nuc_userns_new(uid_map, gid_map);
	if (fd < 0)
		return fd;
	strcpy(u->of[u->n].uid_map, uid_map);
	strcpy(u->of[u->n].gid_map, gid_map);
	u->of[u->n].fd = fd;
	u->n++;
	return fd;
}

int nuc_usernses_take(struct nuc_usernses *u, const char *uid_map, const char *gid_map)
{
	int fd = nuc_usernses_find(u, uid_map, gid_map);

	for (size_t i = 0; fd >= 0 && i < u->n; i++)
		if (u->of[i].fd == fd) {
			u->of[i] = u->of[--u->n];
			break;
		}
	return fd;
}

void nuc_usernses_done(struct nuc_usernses *u)
{
	while (u->n > 0)
		nuc_closep(&u->of[--u->n].fd);
}

int nuc_try_idmap(int fd, int userns)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns };
	_cleanup_close_ int tree = -1;

	tree = (int)syscall(__NR_open_tree, fd, "",
			    AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return -errno;
	if (syscall(__NR_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return -errno;
	return 0;
}
