/* SPDX-License-Identifier: MIT */
/* Running what was brought along, and running what would give privileges. */
#include <sys/mman.h>
#include <sys/wait.h>

#include "attack.h"

static int run_copy(const struct act *act)
{
	const char *to = path_of(act);
	char *const argv[] = { (char *)to, NULL };
	int r = copy_file("/usr/bin/true", to, 0755);

	if (r < 0)
		return UNTRIED;
	return spawn_must_fail(argv);
}

static int run_there(const struct act *act)
{
	char *const argv[] = { (char *)path_of(act), NULL };

	return spawn_must_fail(argv);
}

/* Another name does not make another program of it. */
static int run_renamed_shell(const struct act *act)
{
	char *const argv[] = { (char *)"/tmp/innocent-name", (char *)"-c", (char *)"exit 0", NULL };

	if (copy_file("/usr/bin/bash", argv[0], 0755) < 0)
		return UNTRIED;
	return spawn_must_fail(argv);
}

static int run_script(const struct act *act)
{
	char *const argv[] = { (char *)"/tmp/script", NULL };

	if (write_file(argv[0], "#!/bin/sh\nexit 0\n", 0755) < 0)
		return UNTRIED;
	chmod(argv[0], 0755);
	return spawn_must_fail(argv);
}

/* The loader, itself executable, maps what it is told to. */
static int run_by_loader(const struct act *act)
{
	char *const control[] = { (char *)"/lib64/ld-linux-x86-64.so.2", (char *)"/usr/bin/true",
				  NULL };
	char *const argv[] = { (char *)"/lib64/ld-linux-x86-64.so.2", (char *)path_of(act), NULL };

	if (copy_file("/usr/bin/true", argv[1], 0755) < 0 || spawn(control) != 0)
		return UNTRIED;
	return spawn_must_fail(argv);
}

static int map_executable(const struct act *act)
{
	void *p;
	int fd;

	if (copy_file("/usr/bin/true", path_of(act), 0755) < 0)
		return UNTRIED;
	fd = open(path_of(act), O_RDONLY | O_CLOEXEC);
	p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	return p == MAP_FAILED ? -errno : GOT_THROUGH;
}

static int map_then_make_executable(const struct act *act)
{
	void *p;
	int fd;

	if (copy_file("/usr/bin/true", path_of(act), 0755) < 0)
		return UNTRIED;
	fd = open(path_of(act), O_RDONLY | O_CLOEXEC);
	p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return UNTRIED;
	return refused(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int exec_descriptor(int fd)
{
	char self[64];
	char *const argv[] = { self, NULL };

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return spawn_must_fail(argv);
}

static int exec_memfd(const struct act *act)
{
	long fd = syscall(__NR_memfd_create, "x", 0);
	char self[64];

	if (fd < 0)
		return -errno;
	snprintf(self, sizeof(self), "/proc/self/fd/%ld", fd);
	if (copy_file("/usr/bin/true", self, 0755) < 0)
		return UNTRIED;
	return exec_descriptor((int)fd);
}

static int exec_o_path(const struct act *act)
{
	int fd;

	if (copy_file("/usr/bin/true", "/tmp/by-o-path", 0755) < 0)
		return UNTRIED;
	fd = open("/tmp/by-o-path", O_PATH | O_CLOEXEC);
	return exec_descriptor(fd);
}

static int exec_at_descriptor(const struct act *act)
{
	char *const argv[] = { (char *)"true", NULL };
	int fd;

	if (copy_file("/usr/bin/true", "/tmp/by-execveat", 0755) < 0)
		return UNTRIED;
	fd = open("/tmp/by-execveat", O_PATH);
	/* It does not come back from what it got through with: its exit status says so. */
	return refused(syscall(__NR_execveat, fd, "", argv, environ, AT_EMPTY_PATH));
}

static int exec_deleted(const struct act *act)
{
	int fd;

	if (copy_file("/usr/bin/true", "/tmp/deleted", 0755) < 0)
		return UNTRIED;
	fd = open("/tmp/deleted", O_RDONLY | O_CLOEXEC);
	unlink("/tmp/deleted");
	return exec_descriptor(fd);
}

static int preload(const struct act *act)
{
	char *const argv[] = { (char *)"/usr/bin/env",
			       (char *)"LD_PRELOAD=/tmp/preload.so",
			       (char *)"/bin/sh",
			       (char *)"-c",
			       (char *)"grep -q 'r-xp.*preload.so' /proc/self/maps",
			       NULL };
	char *const find[] = { (char *)"/bin/sh", (char *)"-c",
			       (char *)"cp /usr/lib/x86_64-linux-gnu/libz.so.1 /tmp/preload.so || "
				       "cp /usr/lib64/libz.so.1 /tmp/preload.so",
			       NULL };

	if (spawn(find) != 0)
		return UNTRIED;
	return spawn_must_fail(argv);
}

/* The program ends with 0 if it has gained anything: see main.c. */
static int gain_by(const struct act *act)
{
	char *const argv[] = { (char *)path_of(act), (char *)"creds", NULL };
	int r;

	if (access(path_of(act), F_OK) < 0)
		return UNTRIED;
	r = spawn(argv);
	if (r < 0)
		return r;
	if (WIFEXITED(r) && WEXITSTATUS(r) > 1)
		return UNTRIED;
	return r == 0 ? GOT_THROUGH : CONTAINED;
}

static int run_su(const struct act *act)
{
	char *const argv[] = { (char *)"/usr/bin/su", (char *)"-c", (char *)"true", NULL };

	return spawn_must_fail(argv);
}

static int run_mount(const struct act *act)
{
	char *const argv[] = { (char *)"/usr/bin/mount", (char *)"-t",	 (char *)"tmpfs",
			       (char *)"none",		 (char *)"/tmp", NULL };

	return spawn_must_fail(argv);
}

static int run_umount(const struct act *act)
{
	char *const argv[] = { (char *)"/usr/bin/umount", (char *)"-l", (char *)"/proc/sys", NULL };

	return spawn_must_fail(argv);
}

static int run_passwd(const struct act *act)
{
	char *const argv[] = { (char *)"/usr/bin/passwd", (char *)"-d", (char *)"root", NULL };

	return spawn_must_fail(argv);
}

#define NOT_EXECUTABLE .by = { EACCES }, .deep = { EACCES }

static const struct act acts[] = {
	{ "exec-tmp", "mount and landlock", "run a program from /tmp", run_copy, "/tmp/program",
	  NOT_EXECUTABLE },
	{ "exec-home", "mount and landlock", "run a program from the home directory", run_copy,
	  "/home/agent/program", NOT_EXECUTABLE },
	{ "exec-shm", "mount and landlock", "run a program from /dev/shm", run_copy,
	  "/dev/shm/program", NOT_EXECUTABLE },
	{ "exec-workspace", "mount and landlock", "run a program from a workspace that is noexec",
	  run_copy, "/workspace/program", NOT_EXECUTABLE },
	{ "exec-rw-volume", "mount and landlock", "run a program from a writable volume", run_copy,
	  "/scratch/program", NOT_EXECUTABLE },
	{ "exec-context", "mount and landlock", "run a program of the context", run_there,
	  "/context/program", NOT_EXECUTABLE },
	{ "exec-renamed-shell", "mount and landlock", "run a renamed copy of bash",
	  run_renamed_shell, NOT_EXECUTABLE },
	{ "exec-script", "mount and landlock", "run a script from /tmp by its interpreter line",
	  run_script, NOT_EXECUTABLE },
	{ "exec-by-loader", "mount", "let ld.so run a program from /tmp", run_by_loader,
	  "/tmp/by-loader", .by = { BY_CONTAINED }, .deep = { BY_CONTAINED } },
	{ "exec-by-loader-workspace", "mount", "let ld.so run a program from the workspace",
	  run_by_loader, "/workspace/by-loader", .by = { BY_CONTAINED }, .deep = { BY_CONTAINED } },
	{ "preload-from-tmp", "mount", "load a library from /tmp with LD_PRELOAD", preload,
	  .by = { BY_CONTAINED }, .deep = { BY_CONTAINED } },
	{ "mmap-exec-tmp", "mount", "map a file of /tmp executable", map_executable, "/tmp/to-map",
	  .by = { EPERM }, .deep = { EPERM } },
	{ "mmap-exec-workspace", "mount", "map a file of the workspace executable", map_executable,
	  "/workspace/to-map", .by = { EPERM }, .deep = { EPERM } },
	{ "mprotect-exec-tmp", "mount", "map a file of /tmp and make the mapping executable",
	  map_then_make_executable, "/tmp/to-protect", .by = { EACCES }, .deep = { EACCES } },
	{ "exec-memfd", "seccomp", "run a program from a memory file", exec_memfd,
	  .by = { BY_SECCOMP }, .sole = true },
	{ "exec-o-path", "mount and landlock", "run a file of /tmp by an O_PATH descriptor",
	  exec_o_path, NOT_EXECUTABLE },
	{ "exec-execveat", "mount and landlock", "run a file of /tmp by execveat",
	  exec_at_descriptor, .by = { EACCES, BY_SECCOMP }, .deep = { EACCES } },
	{ "exec-deleted", "mount and landlock", "run a deleted file of /tmp by its descriptor",
	  exec_deleted, NOT_EXECUTABLE },

	{ "setuid-copy", "no_new_privs", "run a setuid program of a volume", gain_by,
	  "/privileged/setuid", .by = { BY_CONTAINED }, .deep = { BY_CONTAINED } },
	{ "setgid-copy", "no_new_privs", "run a setgid program of a volume", gain_by,
	  "/privileged/setgid", .by = { BY_CONTAINED }, .deep = { BY_CONTAINED } },
	{ "file-capabilities", "no_new_privs",
	  "run a program of a volume that has file capabilities", gain_by, "/privileged/filecaps",
	  .by = { BY_CONTAINED, EPERM }, .deep = { BY_CONTAINED, EPERM } },
	{ "run-su", "no_new_privs", "become root with su", run_su, .by = { BY_CONTAINED },
	  .deep = { BY_CONTAINED } },
	{ "run-mount", "no_new_privs", "mount with the setuid mount", run_mount,
	  .by = { BY_CONTAINED }, .deep = { BY_CONTAINED } },
	{ "run-umount", "no_new_privs", "take a mask off with the setuid umount", run_umount,
	  .by = { BY_CONTAINED }, .deep = { BY_CONTAINED } },
	{ "run-passwd", "no_new_privs", "remove root's password with the setuid passwd", run_passwd,
	  .by = { BY_CONTAINED, ENOENT }, .deep = { BY_CONTAINED, ENOENT } },
};

const struct act_list exec_acts = ACT_LIST(acts);
