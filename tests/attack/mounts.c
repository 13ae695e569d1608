/* SPDX-License-Identifier: MIT */
/* Mounts, roots and namespaces. Capabilities stop most of it where seccomp is switched off. */
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "attack.h"

#define NS_CALL(what, flag)                                                                        \
	"seccomp", what, do_call, .nr = __NR_unshare, .args = { flag }, .by = { BY_SECCOMP }
#define CLONE_CALL(what, flag) "seccomp", what, clone_into, .args = { flag }, .by = { BY_SECCOMP }

static int clone_into(const struct act *act)
{
	long pid = syscall(__NR_clone, act->args[0] | SIGCHLD, 0, 0, 0, 0);

	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(0);
	waitpid((pid_t)pid, NULL, 0);
	return GOT_THROUGH;
}

static int clone3_into(const struct act *act)
{
	const struct {
		unsigned long long flags, rest[10];
	} args = { .flags = (unsigned long long)act->args[0], .rest = { 0, 0, 0, SIGCHLD } };
	long pid = syscall(__NR_clone3, &args, sizeof(args));

	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(0);
	waitpid((pid_t)pid, NULL, 0);
	return GOT_THROUGH;
}

/* A user namespace of its own would give all capabilities in it. */
static int nested_mount(const struct act *act)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -errno;
	return refused(mount("none", "/tmp", "tmpfs", 0, NULL));
}

static int nested_unmask(const struct act *act)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -errno;
	return refused(umount2("/proc/sys", MNT_DETACH));
}

static int nested_remount(const struct act *act)
{
	struct mount_attr attr = { .attr_clr = MOUNT_ATTR_RDONLY };

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -errno;
	return refused(syscall(__NR_mount_setattr, AT_FDCWD, "/context", 0, &attr, sizeof(attr)));
}

static int nested_chroot(const struct act *act)
{
	if (unshare(CLONE_NEWUSER) < 0)
		return -errno;
	if (chroot("/tmp") < 0)
		return -errno;
	/* The way out of a chroot: a working directory outside of it. */
	for (int i = 0; i < 40; i++)
		if (chdir("..") < 0)
			return -errno;
	return access(told("ATTACK_VICTIM"), F_OK) == 0 ? GOT_THROUGH : CONTAINED;
}

static int enter(const struct act *act)
{
	int fd = open(act->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return UNTRIED;
	return refused(syscall(__NR_setns, fd, 0));
}

static int chroot_escape(const struct act *act)
{
	int out = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	mkdir("/tmp/jail", 0755);
	if (chroot("/tmp/jail") < 0)
		return -errno;
	if (fchdir(out) < 0)
		return UNTRIED;
	return GOT_THROUGH;
}

static int make_writable(const struct act *act)
{
	struct mount_attr attr = { .attr_clr = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC };

	return refused(syscall(__NR_mount_setattr, AT_FDCWD, act->path, 0, &attr, sizeof(attr)));
}

static const struct act acts[] = {
	{ "mount-tmpfs", "seccomp", "mount a tmpfs on /tmp", do_call, .nr = __NR_mount,
	  .args = { (long)"none", (long)"/tmp", (long)"tmpfs", 0, 0 }, .by = { BY_SECCOMP },
	  .deep = { EPERM } },
	{ "mount-proc", "seccomp", "mount a second proc", do_call, .nr = __NR_mount,
	  .args = { (long)"none", (long)"/tmp", (long)"proc", 0, 0 }, .by = { BY_SECCOMP },
	  .deep = { EPERM } },
	{ "bind-root", "seccomp", "bind / to /tmp", do_call, .nr = __NR_mount,
	  .args = { (long)"/", (long)"/tmp", 0, MS_BIND | MS_REC, 0 }, .by = { BY_SECCOMP },
	  .deep = { EPERM } },
	{ "remount-context", "seccomp", "remount the context writable", do_call, .nr = __NR_mount,
	  .args = { 0, (long)"/context", 0, MS_REMOUNT | MS_BIND, 0 }, .by = { BY_SECCOMP },
	  .deep = { EPERM } },
	{ "remount-exec", "seccomp", "remount /tmp executable", do_call, .nr = __NR_mount,
	  .args = { 0, (long)"/tmp", 0, MS_REMOUNT | MS_BIND, 0 }, .by = { BY_SECCOMP },
	  .deep = { EPERM } },
	{ "make-shared", "seccomp", "let mounts propagate again", do_call, .nr = __NR_mount,
	  .args = { 0, (long)"/", 0, MS_SHARED | MS_REC, 0 }, .by = { BY_SECCOMP },
	  .deep = { EPERM } },
	{ "umount-mask", "seccomp", "unmount the read-only /proc/sys", do_call, .nr = __NR_umount2,
	  .args = { (long)"/proc/sys", MNT_DETACH }, .by = { BY_SECCOMP }, .deep = { EPERM } },
	{ "umount-root", "seccomp", "unmount / to see what is below", do_call, .nr = __NR_umount2,
	  .args = { (long)"/", MNT_DETACH }, .by = { BY_SECCOMP }, .deep = { EPERM } },
	{ "open-tree", "seccomp", "clone the mount tree", do_call, .nr = __NR_open_tree,
	  .args = { AT_FDCWD, (long)"/", OPEN_TREE_CLONE | AT_RECURSIVE }, .by = { BY_SECCOMP },
	  .deep = { EPERM } },
	{ "move-mount", "seccomp", "move /proc/sys away", do_call, .nr = __NR_move_mount,
	  .args = { AT_FDCWD, (long)"/proc/sys", AT_FDCWD, (long)"/tmp", 0 }, .by = { BY_SECCOMP },
	  .deep = { EPERM } },
	{ "fsopen", "seccomp", "open a file system by the new API", do_call, .nr = __NR_fsopen,
	  .args = { (long)"tmpfs", 0 }, .by = { BY_SECCOMP }, .deep = { EPERM } },
	{ "fspick", "seccomp", "reconfigure /tmp by the new API", do_call, .nr = __NR_fspick,
	  .args = { AT_FDCWD, (long)"/tmp", 0 }, .by = { BY_SECCOMP }, .deep = { EPERM } },
	{ "mount-setattr", "seccomp", "make the context writable by mount_setattr", make_writable,
	  "/context", .by = { BY_SECCOMP }, .deep = { EPERM } },
	{ "pivot-root", "seccomp", "pivot_root", do_call, .nr = __NR_pivot_root,
	  .args = { (long)"/tmp", (long)"/tmp" }, .by = { BY_SECCOMP }, .deep = { EPERM } },
	{ "chroot-escape", "seccomp", "chroot, and fchdir out of it", chroot_escape,
	  .by = { BY_SECCOMP }, .deep = { EPERM } },
	{ "swapon", "seccomp", "use a file as swap", do_call, .nr = __NR_swapon,
	  .args = { (long)"/workspace/mine", 0 }, .by = { BY_SECCOMP }, .deep = { EPERM } },
	{ "swapoff", "seccomp", "switch swap off", do_call, .nr = __NR_swapoff,
	  .args = { (long)"/workspace/mine", 0 }, .by = { BY_SECCOMP }, .deep = { EPERM } },

	{ "nested-userns-mount", "seccomp", "mount in a user namespace of its own", nested_mount,
	  .by = { BY_SECCOMP }, .deep = { EPERM } },
	{ "nested-userns-unmask", "seccomp", "unmount a mask in one", nested_unmask,
	  .by = { BY_SECCOMP }, .deep = { EPERM, EINVAL } },
	{ "nested-userns-remount", "seccomp", "make the context writable in one", nested_remount,
	  .by = { BY_SECCOMP }, .deep = { EPERM } },
	{ "nested-userns-chroot", "seccomp", "chroot out in one", nested_chroot,
	  .by = { BY_SECCOMP }, .deep = { BY_CONTAINED, EPERM } },

	{ "unshare-user", NS_CALL("unshare a user namespace", CLONE_NEWUSER), .sole = true },
	{ "unshare-user-dirty",
	  NS_CALL("the same with garbage in the upper half", CLONE_NEWUSER | 1L << 40) },
	{ "unshare-mount", NS_CALL("unshare a mount namespace", CLONE_NEWNS), .deep = { EPERM } },
	{ "unshare-pid", NS_CALL("unshare a pid namespace", CLONE_NEWPID), .deep = { EPERM } },
	{ "unshare-net", NS_CALL("unshare a network namespace", CLONE_NEWNET), .deep = { EPERM } },
	{ "unshare-uts", NS_CALL("unshare a uts namespace", CLONE_NEWUTS), .deep = { EPERM } },
	{ "unshare-ipc", NS_CALL("unshare an ipc namespace", CLONE_NEWIPC), .deep = { EPERM } },
	{ "unshare-cgroup", NS_CALL("unshare a cgroup namespace", CLONE_NEWCGROUP),
	  .deep = { EPERM } },
	{ "unshare-time", NS_CALL("unshare a time namespace", CLONE_NEWTIME), .deep = { EPERM } },
	{ "clone-user", CLONE_CALL("clone into a user namespace", CLONE_NEWUSER), .sole = true },
	{ "clone-user-all",
	  CLONE_CALL("clone into all namespaces at once",
		     CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS |
			     CLONE_NEWIPC | CLONE_NEWCGROUP),
	  .sole = true },
	{ "clone-user-dirty",
	  CLONE_CALL("the same with garbage in the upper half", CLONE_NEWUSER | 1L << 40) },
	{ "clone-mount", CLONE_CALL("clone into a mount namespace", CLONE_NEWNS),
	  .deep = { EPERM } },
	{ "clone-pid", CLONE_CALL("clone into a pid namespace", CLONE_NEWPID), .deep = { EPERM } },
	{ "clone-net", CLONE_CALL("clone into a network namespace", CLONE_NEWNET),
	  .deep = { EPERM } },
	{ "clone-uts", CLONE_CALL("clone into a uts namespace", CLONE_NEWUTS), .deep = { EPERM } },
	{ "clone-ipc", CLONE_CALL("clone into an ipc namespace", CLONE_NEWIPC), .deep = { EPERM } },
	{ "clone-cgroup", CLONE_CALL("clone into a cgroup namespace", CLONE_NEWCGROUP),
	  .deep = { EPERM } },
	{ "clone3-user", "seccomp", "clone3 into a user namespace: no filter sees its flags",
	  clone3_into, .args = { CLONE_NEWUSER }, .by = { BY_SECCOMP }, .sole = true },
	{ "clone3-mount", "seccomp", "clone3 into a mount namespace", clone3_into,
	  .args = { CLONE_NEWNS }, .by = { BY_SECCOMP }, .deep = { EPERM } },
	{ "setns-user", "seccomp", "setns to its own user namespace", enter, "/proc/self/ns/user",
	  .by = { BY_SECCOMP }, .deep = { EINVAL, EPERM } },
	{ "setns-mount", "seccomp", "setns to its own mount namespace", enter, "/proc/self/ns/mnt",
	  .by = { BY_SECCOMP }, .deep = { EPERM } },
	{ "setns-net", "seccomp", "setns to its own network namespace", enter, "/proc/self/ns/net",
	  .by = { BY_SECCOMP }, .deep = { EPERM } },
};

const struct act_list mount_acts = ACT_LIST(acts);
