/* SPDX-License-Identifier: MIT */
/* Reading what was not given, writing what was given to read, and ways out of the workspace. */
#include <linux/fs.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/xattr.h>

#include "attack.h"

static int list_homes(const struct act *act)
{
	return access("/root", F_OK) == 0 || access("/home/agent/.bashrc", F_OK) == 0 ? GOT_THROUGH
										      : CONTAINED;
}

static int climb_out(const struct act *act)
{
	char path[4096] = "/workspace";

	for (int i = 0; i < 40; i++)
		strcat(path, "/..");
	strcat(path, told("ATTACK_VICTIM"));
	return refused(open(path, O_RDONLY | O_CLOEXEC));
}

static int symlink_and_read(const struct act *act)
{
	const char *link = "/workspace/link-to-read";

	unlink(link);
	if (symlink(path_of(act), link) < 0)
		return UNTRIED;
	return refused(open(link, O_RDONLY | O_CLOEXEC));
}

static int symlink_and_write(const struct act *act)
{
	const char *link = "/workspace/link-to-write";

	unlink(link);
	if (symlink(path_of(act), link) < 0)
		return UNTRIED;
	return refused(open(link, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
}

/* Whoever opens the file then waits until the lease is given back, or the kernel has had enough (fcntl(2)). */
static int lease(const struct act *act)
{
	int fd = open(path_of(act), O_CREAT | O_RDWR | O_CLOEXEC, 0600);

	signal(SIGIO, SIG_IGN);
	return fd < 0 ? UNTRIED : refused(fcntl(fd, F_SETLEASE, F_WRLCK));
}

static int watch_others(const struct act *act)
{
	int fd = open(path_of(act), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	signal(SIGIO, SIG_IGN);
	return fd < 0 ? UNTRIED : refused(fcntl(fd, F_NOTIFY, DN_ACCESS | DN_MULTISHOT));
}

/* A link that was there before, made outside. */
static int planted_symlink(const struct act *act)
{
	return refused(open("/workspace/planted-link", O_RDWR | O_CLOEXEC));
}

static int hardlink_in(const struct act *act)
{
	unlink("/workspace/hardlink");
	return refused(link(path_of(act), "/workspace/hardlink"));
}

static int hardlink_by_descriptor(const struct act *act)
{
	char self[64];
	int fd = open("/context/file", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return UNTRIED;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return refused(
		linkat(AT_FDCWD, self, AT_FDCWD, "/workspace/hardlink-fd", AT_SYMLINK_FOLLOW));
}

static int rename_across(const struct act *act)
{
	if (write_file("/workspace/to-move", "moved", 0644) < 0)
		return UNTRIED;
	return refused(syscall(__NR_renameat2, AT_FDCWD, "/workspace/to-move", AT_FDCWD,
			       "/context/file", act->args[0]));
}

static int rename_out(const struct act *act)
{
	return refused(rename("/context/file", "/workspace/stolen"));
}

static int swap_workspace(const struct act *act)
{
	if (mkdir("/tmp/new-workspace", 0755) < 0)
		return UNTRIED;
	return refused(
		renameat2(AT_FDCWD, "/tmp/new-workspace", AT_FDCWD, "/workspace", RENAME_EXCHANGE));
}

static int make_device(const struct act *act)
{
	unlink(path_of(act));
	return refused(mknod(path_of(act), (mode_t)act->args[0], (dev_t)act->args[1]));
}

static int reopen_to_write(const struct act *act)
{
	char self[64];
	int fd = open("/context/file", O_PATH | O_CLOEXEC);

	if (fd < 0)
		return UNTRIED;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return refused(open(self, O_RDWR | O_CLOEXEC));
}

/* stderr is a host's file, opened to append: its name leads out of the mount namespace. */
static int reopen_stderr(const struct act *act)
{
	char c;
	int fd = open("/proc/self/fd/2", (int)act->args[0] | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return (act->args[0] & O_ACCMODE) != O_RDONLY || read(fd, &c, 1) == 1 ? GOT_THROUGH
									      : CONTAINED;
}

static int map_and_make_writable(const struct act *act)
{
	int fd = open("/context/file", O_RDONLY | O_CLOEXEC);
	void *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	if (fd < 0 || p == MAP_FAILED)
		return UNTRIED;
	return refused(mprotect(p, 4096, PROT_READ | PROT_WRITE));
}

/* FOLL_FORCE writes to memory that is mapped read-only; a shared mapping would carry it to the
 * file. */
static int write_through_mem(const struct act *act)
{
	int fd = open("/context/file", O_RDONLY | O_CLOEXEC);
	void *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

	if (mem < 0)
		return -errno;
	if (fd < 0 || p == MAP_FAILED)
		return UNTRIED;
	return refused(pwrite(mem, "overwritten", 11, (off_t)(uintptr_t)p));
}

/* CVE-2022-0847: a page of the cache, spliced into a pipe and merged with what is written next. */
static int dirty_pipe(const struct act *act)
{
	int fd = open("/context/file", O_RDONLY | O_CLOEXEC), p[2];
	static char page[4096];
	off_t at = 0;
	char c = 0;

	if (fd < 0 || pipe2(p, O_CLOEXEC) < 0)
		return UNTRIED;
	for (int i = 0; i < 16; i++)
		if (write(p[1], page, sizeof(page)) != sizeof(page))
			return UNTRIED;
	for (int i = 0; i < 16; i++)
		if (read(p[0], page, sizeof(page)) != sizeof(page))
			return UNTRIED;
	if (splice(fd, &at, p[1], NULL, 1, 0) < 0)
		return -errno;
	if (write(p[1], "OVERWRITTEN", 11) != 11)
		return UNTRIED;
	if (pread(fd, &c, 1, 1) != 1)
		return UNTRIED;
	return c == 'O' ? GOT_THROUGH : CONTAINED;
}

static int change_mode(const struct act *act)
{
	return refused(chmod(path_of(act), (mode_t)act->args[0]));
}

/*
 * A setuid file in a writable workspace does nothing in the sandbox, but on the host it would run
 * as whoever started the sandbox: for any user of the host who can reach it.
 */
static int plant_by_chmod(const struct act *act)
{
	const char *file = "/workspace/planted-chmod";

	if (copy_file("/usr/bin/true", file, 0755) < 0)
		return UNTRIED;
	return refused(syscall(__NR_fchmodat, AT_FDCWD, file, act->args[0]));
}

static int plant_by_fchmod(const struct act *act)
{
	int fd = open("/workspace/planted-fchmod", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	if (fd < 0)
		return UNTRIED;
	return refused(syscall(__NR_fchmod, fd, act->args[0]));
}

static int plant_by_open(const struct act *act)
{
	return refused(syscall(
		act->nr, act->nr == __NR_openat ? AT_FDCWD : (long)"/workspace/planted-open",
		act->nr == __NR_openat ? (long)"/workspace/planted-openat"
				       : O_WRONLY | O_CREAT | O_EXCL,
		act->nr == __NR_openat ? O_WRONLY | O_CREAT | O_EXCL : act->args[0], act->args[0]));
}

static int plant_by_openat2(const struct act *act)
{
	const struct {
		unsigned long long flags, mode, resolve;
	} how = { O_WRONLY | O_CREAT | O_EXCL, 04755, 0 };

	return refused(
		syscall(__NR_openat2, AT_FDCWD, "/workspace/planted-openat2", &how, sizeof(how)));
}

static int plant_by_mknod(const struct act *act)
{
	return refused(mknod("/workspace/planted-mknod", S_IFREG | 04755, 0));
}

static int plant_capabilities(const struct act *act)
{
	/* VFS_CAP_REVISION_2, effective, all permitted */
	const unsigned int caps[5] = { 0x02000001, ~0u, 0, ~0u, 0 };

	if (copy_file("/usr/bin/true", "/workspace/planted-caps", 0755) < 0)
		return UNTRIED;
	return refused(
		setxattr("/workspace/planted-caps", "security.capability", caps, sizeof(caps), 0));
}

static int give_to_root(const struct act *act)
{
	if (write_file("/workspace/to-give", "x", 0755) < 0)
		return UNTRIED;
	return refused(chown("/workspace/to-give", 0, 0));
}

static int set_flags(const struct act *act)
{
	int fd = open("/workspace/flags", O_RDWR | O_CREAT | O_CLOEXEC, 0644),
	    flags = FS_IMMUTABLE_FL;

	if (fd < 0)
		return UNTRIED;
	return refused(ioctl(fd, FS_IOC_SETFLAGS, &flags));
}

static int truncate_ro(const struct act *act)
{
	return refused(truncate("/context/file", 0));
}

static int touch_ro(const struct act *act)
{
	return refused(utimensat(AT_FDCWD, "/context/file", NULL, 0));
}

static const struct act acts[] = {
	{ "read-shadow", "mount", "read /etc/shadow", do_read, "/etc/shadow", .by = { ENOENT },
	  .deep = { ENOENT } },
	{ "read-gshadow", "mount", "read /etc/gshadow", do_read, "/etc/gshadow", .by = { ENOENT },
	  .deep = { ENOENT } },
	{ "read-ssh-host-keys", "mount", "list the host's ssh keys", do_list, "/etc/ssh",
	  .by = { ENOENT }, .deep = { ENOENT } },
	{ "read-machine-id", "mount", "read the machine's identity", do_read, "/etc/machine-id",
	  .by = { ENOENT }, .deep = { ENOENT } },
	{ "read-tls-private-keys", "mount", "list private TLS keys", do_list, "/etc/ssl/private",
	  .by = { ENOENT }, .deep = { ENOENT } },
	{ "read-user-ssh-key", "mount", "read an ssh key by its path on the host", do_read,
	  "$ATTACK_SSH_KEY", .by = { ENOENT }, .deep = { ENOENT } },
	{ "read-host-file", "mount", "read a world-readable file by its path on the host", do_read,
	  "$ATTACK_VICTIM", .by = { ENOENT }, .deep = { ENOENT } },
	{ "read-host-homes", "mount", "find the homes of the host's users", list_homes,
	  .by = { BY_CONTAINED }, .deep = { BY_CONTAINED } },
	{ "read-var-log", "mount", "list the host's logs", do_list, "/var/log", .by = { ENOENT },
	  .deep = { ENOENT } },
	{ "read-run", "mount", "find sockets of host services in /run", do_list, "/run",
	  .by = { BY_CONTAINED, EACCES }, .deep = { BY_CONTAINED, EACCES } },
	{ "climb-out-of-workspace", "pivot_root", "../ forty times from the workspace", climb_out,
	  .by = { ENOENT }, .deep = { ENOENT } },
	{ "symlink-to-shadow", "pivot_root", "a link in the workspace to /etc/shadow",
	  symlink_and_read, "/etc/shadow", .by = { ENOENT }, .deep = { ENOENT } },
	{ "symlink-read-host-file", "pivot_root", "a link to a host's file, read through",
	  symlink_and_read, "$ATTACK_VICTIM", .by = { ENOENT }, .deep = { ENOENT } },
	{ "symlink-write-host-file", "pivot_root", "a link to a host's file, written through",
	  symlink_and_write, "$ATTACK_VICTIM", .by = { ENOENT }, .deep = { ENOENT } },
	{ "lease-workspace", "seccomp", "hold up whoever opens a file of the workspace", lease,
	  "/workspace/leased", .by = { BY_SECCOMP }, .sole = true },
	{ "watch-usr", "seccomp", "be told of what the host's programs read", watch_others, "/usr/bin",
	  .by = { BY_SECCOMP }, .sole = true },
	{ "planted-symlink", "pivot_root", "a link that was planted in the workspace before",
	  planted_symlink, .by = { ENOENT }, .deep = { ENOENT } },
	{ "hardlink-system-file", "mount", "hard link from /usr into the workspace", hardlink_in,
	  "/usr/bin/passwd", .by = { EXDEV, EPERM, EACCES }, .deep = { EXDEV, EPERM, EACCES } },
	{ "hardlink-context-file", "mount", "hard link from the context into the workspace",
	  hardlink_in, "/context/file", .by = { EXDEV, EACCES }, .deep = { EXDEV, EACCES } },
	{ "hardlink-by-descriptor", "mount", "the same by /proc/self/fd", hardlink_by_descriptor,
	  .by = { EXDEV, EACCES }, .deep = { EXDEV, EACCES } },
	{ "rename-over-context", "mount", "rename a file over one of the context", rename_across,
	  .by = { EXDEV, EROFS, EACCES }, .deep = { EXDEV, EROFS, EACCES } },
	{ "rename-exchange", "mount", "exchange files across mounts", rename_across,
	  .args = { RENAME_EXCHANGE }, .by = { EXDEV, EROFS, EACCES },
	  .deep = { EXDEV, EROFS, EACCES } },
	{ "rename-whiteout", "mount", "leave a whiteout across mounts", rename_across,
	  .args = { RENAME_WHITEOUT }, .by = { EXDEV, EROFS, EPERM, EACCES },
	  .deep = { EXDEV, EROFS, EPERM, EACCES } },
	{ "rename-out-of-context", "mount", "move a file out of the context", rename_out,
	  .by = { EXDEV, EROFS, EACCES }, .deep = { EXDEV, EROFS, EACCES } },
	{ "swap-workspace", "mount", "exchange /workspace for a directory of its own",
	  swap_workspace, .by = { EBUSY, EXDEV, EROFS, EACCES },
	  .deep = { EBUSY, EXDEV, EROFS, EACCES } },

	{ "write-usr", "mount", "create a program in /usr/bin", do_write,
	  "/usr/bin/attack-was-here", .args = { 1 }, .by = { EROFS, EACCES },
	  .deep = { EROFS, EACCES } },
	{ "write-usr-program", "mount", "overwrite /usr/bin/git", do_write, "/usr/bin/git",
	  .by = { EROFS, EACCES }, .deep = { EROFS, EACCES } },
	{ "write-etc-passwd", "mount", "add a user to /etc/passwd", do_write, "/etc/passwd",
	  .by = { EROFS, EACCES }, .deep = { EROFS, EACCES } },
	{ "remove-etc-passwd", "mount", "remove /etc/passwd", do_unlink, "/etc/passwd",
	  .by = { EROFS, EACCES }, .deep = { EROFS, EACCES } },
	{ "write-ld-preload", "mount", "create /etc/ld.so.preload", do_write, "/etc/ld.so.preload",
	  .args = { 1 }, .by = { EROFS, EACCES }, .deep = { EROFS, EACCES } },
	{ "write-root", "mount", "create a file in /", do_write, "/attack-was-here", .args = { 1 },
	  .by = { EROFS, EACCES }, .deep = { EROFS, EACCES } },
	{ "write-context", "mount", "overwrite a file of the context that its user owns", do_write,
	  "/context/file", .by = { EROFS, EACCES }, .deep = { EROFS, EACCES } },
	{ "create-in-context", "mount", "create a file in the context", do_write, "/context/new",
	  .args = { 1 }, .by = { EROFS, EACCES }, .deep = { EROFS, EACCES } },
	{ "truncate-context", "mount", "truncate a file of the context", truncate_ro,
	  .by = { EROFS, EACCES }, .deep = { EROFS, EACCES } },
	{ "chmod-context", "mount", "change the mode of a file of the context", change_mode,
	  "/context/file", .args = { 0777 }, .by = { EROFS }, .deep = { EROFS } },
	{ "touch-context", "mount", "change the time of a file of the context", touch_ro,
	  .by = { EROFS }, .deep = { EROFS } },
	{ "remove-from-context", "mount", "remove a file of the context", do_unlink,
	  "/context/file", .by = { EROFS, EACCES }, .deep = { EROFS, EACCES } },
	{ "write-ro-volume", "mount", "write to a read-only volume", do_write, "/volume/file",
	  .by = { EROFS, EACCES }, .deep = { EROFS, EACCES } },
	{ "create-in-ro-volume", "mount", "create in a read-only volume", do_write, "/volume/new",
	  .args = { 1 }, .by = { EROFS, EACCES }, .deep = { EROFS, EACCES } },
	{ "write-ro-workspace", "mount", "write to a workspace that is bound read-only", do_write,
	  "/workspace/mine", .by = { EROFS, EACCES }, .deep = { EROFS, EACCES },
	  .scene = SCENE_RO },
	{ "create-in-ro-workspace", "mount", "create in it", do_write, "/workspace/new",
	  .args = { 1 }, .by = { EROFS, EACCES }, .deep = { EROFS, EACCES }, .scene = SCENE_RO },
	{ "chmod-ro-workspace", "mount", "change a mode in it", change_mode, "/workspace/mine",
	  .args = { 0777 }, .by = { EROFS }, .deep = { EROFS }, .scene = SCENE_RO },

	{ "reopen-o-path", "mount",
	  "O_PATH descriptor of a read-only file, opened again by /proc/self/fd", reopen_to_write,
	  .by = { EROFS, EACCES }, .deep = { EROFS, EACCES } },
	{ "read-stderr-file", "landlock", "open the host's file behind stderr again, to read it",
	  reopen_stderr, .args = { O_RDONLY }, .by = { EACCES }, .deep = { EACCES }, .sole = true },
	{ "make-shared-map-writable", "mount", "mprotect a shared mapping of a read-only file",
	  map_and_make_writable, .by = { EACCES }, .deep = { EACCES } },
	{ "write-map-by-proc-mem", "landlock", "write a shared read-only mapping by /proc/self/mem",
	  write_through_mem, .by = { EACCES }, .deep = { EACCES } },
	{ "dirty-pipe", "kernel", "overwrite a read-only file in the page cache (CVE-2022-0847)",
	  dirty_pipe, .by = { BY_CONTAINED, EPERM, BY_SIGNAL(SIGSYS) }, .deep = { BY_CONTAINED } },

	{ "mknod-disk", "capabilities", "make a block device in the workspace", make_device,
	  "/workspace/disk", .args = { S_IFBLK | 0666, 0x800 },
	  .by = { EPERM, EACCES, BY_SIGNAL(SIGSYS) }, .deep = { EPERM, EACCES } },
	{ "mknod-mem", "capabilities", "make /dev/mem in /tmp", make_device, "/tmp/mem",
	  .args = { S_IFCHR | 0666, 0x101 }, .by = { EPERM, EACCES, BY_SIGNAL(SIGSYS) },
	  .deep = { EPERM, EACCES } },
	{ "open-sda", "mount", "open a disk", do_read, "/dev/sda", .by = { ENOENT },
	  .deep = { ENOENT } },
	{ "open-vda", "mount", "open a virtual disk", do_read, "/dev/vda", .by = { ENOENT },
	  .deep = { ENOENT } },
	{ "open-mem", "mount", "open /dev/mem", do_read, "/dev/mem", .by = { ENOENT },
	  .deep = { ENOENT } },
	{ "open-kmsg", "mount", "open /dev/kmsg", do_read, "/dev/kmsg", .by = { ENOENT },
	  .deep = { ENOENT } },
	{ "open-kvm", "mount", "open /dev/kvm", do_read, "/dev/kvm", .by = { ENOENT },
	  .deep = { ENOENT } },
	{ "open-fuse", "mount", "open /dev/fuse", do_read, "/dev/fuse", .by = { ENOENT },
	  .deep = { ENOENT } },
	{ "open-loop-control", "mount", "open /dev/loop-control", do_read, "/dev/loop-control",
	  .by = { ENOENT }, .deep = { ENOENT } },
	{ "open-net-tun", "mount", "open /dev/net/tun", do_read, "/dev/net/tun", .by = { ENOENT },
	  .deep = { ENOENT } },

	{ "plant-setuid-chmod", "seccomp",
	  "chmod 4755 in the workspace, for somebody on the host to run", plant_by_chmod,
	  .args = { 04755 }, .by = { BY_SECCOMP }, .sole = true },
	{ "plant-setuid-dirty", "seccomp", "the same with garbage in the upper half of the mode",
	  plant_by_chmod, .args = { 04755 | 1L << 40 }, .by = { BY_SECCOMP } },
	{ "plant-setuid-fchmod", "seccomp", "fchmod 4755", plant_by_fchmod, .args = { 04755 },
	  .by = { BY_SECCOMP }, .sole = true },
	{ "plant-setgid-chmod", "seccomp", "chmod 2755", plant_by_chmod, .args = { 02755 },
	  .by = { BY_SECCOMP } },
	{ "plant-setuid-open", "seccomp", "open with mode 4755", plant_by_open, .nr = __NR_open,
	  .args = { 04755 }, .by = { BY_SECCOMP } },
	{ "plant-setuid-openat", "seccomp", "openat with mode 4755", plant_by_open,
	  .nr = __NR_openat, .args = { 04755 }, .by = { BY_SECCOMP } },
	{ "plant-setuid-openat2", "seccomp", "openat2 with mode 4755: no filter sees its argument",
	  plant_by_openat2, .by = { BY_SECCOMP }, .sole = true },
	{ "plant-setuid-mknod", "seccomp", "mknod with mode 4755", plant_by_mknod,
	  .by = { BY_SECCOMP } },
	{ "plant-file-capabilities", "capabilities", "set security.capability on a file",
	  plant_capabilities, .by = { EPERM, EOPNOTSUPP }, .deep = { EPERM } },
	{ "give-to-root", "user namespace", "chown a file to root", give_to_root,
	  .by = { EPERM, EINVAL }, .deep = { EPERM, EINVAL } },
	{ "make-immutable", "capabilities",
	  "make a file immutable, so that the host cannot remove it", set_flags,
	  .by = { EPERM, EACCES, ENOTTY }, .deep = { EPERM, EACCES, ENOTTY } },
};

const struct act_list file_acts = ACT_LIST(acts);
