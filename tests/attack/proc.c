/* SPDX-License-Identifier: MIT */
/* /proc: other processes, the sandbox's init, the kernel's switches, and what can be learned. */
#include <dirent.h>
#include <sys/utsname.h>

#include "attack.h"

#define MARK "NUCLEUS-VICTIM"

static int list_processes(const struct act *act)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	int r = CONTAINED;

	if (!d)
		return -errno;
	while ((e = readdir(d))) {
		char path[300];

		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/cmdline", e->d_name);
		if (in_file(path, MARK) || in_file(path, "nucleus") || !strcmp(e->d_name, "1"))
			r = GOT_THROUGH;
		snprintf(path, sizeof(path), "/proc/%s/environ", e->d_name);
		if (in_file(path, MARK))
			r = GOT_THROUGH;
	}
	closedir(d);
	return r;
}

static int look_at_host_process(const struct act *act)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/%ld/%s", told_number("ATTACK_HOST_PID"), act->path);
	return refused(open(path, O_RDONLY | O_CLOEXEC));
}

static int callers_environment(const struct act *act)
{
	for (char **e = environ; *e; e++)
		if (strstr(*e, MARK))
			return GOT_THROUGH;
	return in_file("/proc/self/environ", MARK) ? GOT_THROUGH : CONTAINED;
}

static int overwrite_own_program(const struct act *act)
{
	int fd = open("/proc/self/exe", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return refused(write(fd, "\177", 1));
}

static int read_link(const struct act *act)
{
	char target[4096];

	return refused(readlink(act->path, target, sizeof(target)));
}

static int root_alias(const struct act *act)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s%s", act->path, told("ATTACK_VICTIM"));
	return refused(open(path, O_RDONLY | O_CLOEXEC));
}

static int learn_mounts(const struct act *act)
{
	/* The sources of what was given are there; nothing else of the host's may be. */
	return in_file("/proc/self/mountinfo", told("ATTACK_VICTIM_DIR")) ||
			       in_file("/proc/self/mountinfo", "/etc/shadow") ||
			       in_file("/proc/self/mountinfo", "cgroup") ||
			       in_file("/proc/self/mountinfo", " / /sys ")
		       ? GOT_THROUGH
		       : CONTAINED;
}

static int learn_hostname(const struct act *act)
{
	const char *host = told("ATTACK_HOSTNAME");
	struct utsname u;

	if (uname(&u) < 0)
		return -errno;
	return !strcmp(u.nodename, host) || in_file("/proc/sys/kernel/hostname", host) ||
			       in_file("/etc/hosts", host) || access("/etc/hostname", F_OK) == 0
		       ? GOT_THROUGH
		       : CONTAINED;
}

static int kernel_addresses(const struct act *act)
{
	char line[256];
	int r = CONTAINED;
	FILE *f = fopen("/proc/kallsyms", "re");

	if (!f)
		return -errno;
	for (int i = 0; i < 1000 && fgets(line, sizeof(line), f); i++)
		if (strncmp(line, "0000000000000000 ", 17) != 0)
			r = GOT_THROUGH;
	fclose(f);
	return r;
}

static int physical_pages(const struct act *act)
{
	unsigned long long entry = 0, pfn = (1ull << 55) - 1;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (pread(fd, &entry, sizeof(entry), (off_t)((unsigned long)&entry / 4096 * 8)) < 0)
		return -errno;
	return entry & pfn ? GOT_THROUGH : CONTAINED;
}

#define HIDDEN .by = { ENOENT }, .deep = { ENOENT }
#define PROTECTED .by = { EROFS, EACCES }, .deep = { EROFS, EACCES }
/* ENOENT: this kernel was built without it. */
#define MASKED .by = { EACCES, ENOENT }, .deep = { EACCES, ENOENT }

static const struct act acts[] = {
	{ "init-root", "dumpable", "leave by /proc/1/root", do_list, "/proc/1/root/", HIDDEN },
	{ "init-root-shadow", "dumpable", "read /proc/1/root/etc/shadow", do_read,
	  "/proc/1/root/etc/shadow", HIDDEN },
	{ "init-cwd", "dumpable", "leave by /proc/1/cwd", do_list, "/proc/1/cwd/", HIDDEN },
	{ "init-mem", "dumpable", "open /proc/1/mem", do_read, "/proc/1/mem", HIDDEN },
	{ "init-fd", "dumpable", "list /proc/1/fd", do_list, "/proc/1/fd", HIDDEN },
	{ "init-environ", "dumpable", "read /proc/1/environ", do_read, "/proc/1/environ", HIDDEN },
	{ "init-cmdline", "hidepid", "read /proc/1/cmdline", do_read, "/proc/1/cmdline", HIDDEN },
	{ "init-maps", "dumpable", "read /proc/1/maps", do_read, "/proc/1/maps", HIDDEN },
	{ "init-exe-link", "dumpable", "learn what runs as PID 1", read_link, "/proc/1/exe",
	  HIDDEN },
	{ "overwrite-init", "dumpable", "overwrite PID 1's program (CVE-2019-5736)", do_write,
	  "/proc/1/exe", HIDDEN },
	{ "overwrite-own-program", "mount", "overwrite one's own program (CVE-2019-5736)",
	  overwrite_own_program, .by = { ETXTBSY, EROFS, EACCES },
	  .deep = { ETXTBSY, EROFS, EACCES } },
	{ "init-ns", "dumpable", "open a namespace of PID 1", do_read, "/proc/1/ns/mnt", HIDDEN },

	{ "root-alias", "pivot_root", "/proc/self/root and a host's path", root_alias,
	  "/proc/self/root", HIDDEN },
	{ "root-alias-climb", "pivot_root", "/proc/self/root/../../..", root_alias,
	  "/proc/self/root/../../../../..", HIDDEN },
	{ "thread-root-alias", "pivot_root", "/proc/thread-self/root", root_alias,
	  "/proc/thread-self/root", HIDDEN },
	{ "task-root-alias", "pivot_root", "/proc/self/cwd and up", root_alias,
	  "/proc/self/cwd/../../../../../..", HIDDEN },

	{ "host-process-environ", "pid namespace", "read a host process's environment",
	  look_at_host_process, "environ", HIDDEN },
	{ "host-process-root", "pid namespace", "leave by a host process's root",
	  look_at_host_process, "root/etc/passwd", HIDDEN },
	{ "host-process-mem", "pid namespace", "open a host process's memory", look_at_host_process,
	  "mem", HIDDEN },
	{ "list-processes", "pid namespace and hidepid", "find host processes, or init, in /proc",
	  list_processes, .by = { BY_CONTAINED }, .deep = { BY_CONTAINED } },
	{ "callers-environment", "environment", "find the caller's secrets in the environment",
	  callers_environment, .by = { BY_CONTAINED }, .deep = { BY_CONTAINED } },
	{ "learn-mounts", "mount", "find the host's mounts and directories in mountinfo",
	  learn_mounts, .by = { BY_CONTAINED }, .deep = { BY_CONTAINED } },
	{ "learn-hostname", "uts namespace", "learn the host's name", learn_hostname,
	  .by = { BY_CONTAINED }, .deep = { BY_CONTAINED } },
	{ "kernel-addresses", "capabilities", "read kernel addresses in /proc/kallsyms",
	  kernel_addresses, .by = { BY_CONTAINED, ENOENT }, .deep = { BY_CONTAINED, ENOENT } },
	{ "physical-pages", "capabilities", "read page frame numbers in /proc/self/pagemap",
	  physical_pages, .by = { BY_CONTAINED, EACCES }, .deep = { BY_CONTAINED, EACCES } },

	{ "write-core-pattern", "mount", "set the host's core dump handler", do_write,
	  "/proc/sys/kernel/core_pattern", PROTECTED },
	{ "write-modprobe", "mount", "set the host's module loader", do_write,
	  "/proc/sys/kernel/modprobe", .by = { EROFS, EACCES, ENOENT },
	  .deep = { EROFS, EACCES, ENOENT } },
	{ "write-ip-forward", "mount", "switch on forwarding in its own network namespace",
	  do_write, "/proc/sys/net/ipv4/ip_forward", PROTECTED },
	{ "write-shmmax", "mount", "raise the limit of shared memory", do_write,
	  "/proc/sys/kernel/shmmax", PROTECTED },
	{ "write-hostname-file", "mount", "set the host name by /proc/sys", do_write,
	  "/proc/sys/kernel/hostname", PROTECTED },
	{ "write-binfmt", "mount", "register a binary format", do_write,
	  "/proc/sys/fs/binfmt_misc/register", .by = { EROFS, EACCES, ENOENT },
	  .deep = { EROFS, EACCES, ENOENT } },
	{ "sysrq-trigger", "mount", "crash the host by sysrq", do_write, "/proc/sysrq-trigger",
	  .by = { EROFS, EACCES, ENOENT }, .deep = { EROFS, EACCES, ENOENT } },
	{ "read-kcore", "mount", "read the kernel's memory", do_read, "/proc/kcore", MASKED },
	{ "read-keys", "mount", "list kernel keys", do_read, "/proc/keys", MASKED },
	{ "read-timer-list", "mount", "read timers and kernel addresses", do_read,
	  "/proc/timer_list", MASKED },
	{ "read-interrupts", "mount", "watch keystrokes by interrupt counts", do_read,
	  "/proc/interrupts", MASKED },
	{ "read-slabinfo", "DAC", "read the kernel's allocator", do_read, "/proc/slabinfo",
	  MASKED },
	{ "read-kpagecount", "DAC", "read page counts", do_read, "/proc/kpagecount", MASKED },
	{ "write-sys-cpu", "mount", "switch a processor off", do_write,
	  "/sys/devices/system/cpu/cpu1/online", .by = { EROFS, EACCES, ENOENT },
	  .deep = { EROFS, EACCES, ENOENT } },
	{ "list-sys-kernel", "mount", "look for debugfs and securityfs", do_list, "/sys/kernel",
	  HIDDEN },
	{ "list-sys-block", "mount", "list the host's disks", do_list, "/sys/class/block", HIDDEN },
	{ "cgroup-release-agent", "mount", "set a release agent (CVE-2022-0492)", do_write,
	  "/sys/fs/cgroup/release_agent", .args = { 1 }, .by = { ENOENT, EROFS, EACCES },
	  .deep = { ENOENT, EROFS, EACCES } },

	{ "write-uid-map", "landlock", "write another id map", do_write, "/proc/self/uid_map",
	  .by = { EACCES, EPERM }, .deep = { EACCES, EPERM } },
	{ "write-setgroups", "landlock", "allow setgroups again", do_write, "/proc/self/setgroups",
	  .by = { EACCES, EPERM }, .deep = { EACCES, EPERM } },
	{ "write-oom-score", "landlock", "let the kernel kill others first", do_write,
	  "/proc/self/oom_score_adj", .by = { EACCES }, .deep = { EACCES }, .sole = true },
	{ "write-init-oom-score", "hidepid", "let the kernel kill init first", do_write,
	  "/proc/1/oom_score_adj", HIDDEN },
	{ "write-coredump-filter", "landlock", "dump more into core files", do_write,
	  "/proc/self/coredump_filter", .by = { EACCES }, .deep = { EACCES }, .sole = true },
	{ "write-own-mem", "landlock", "open one's own memory to write", do_write, "/proc/self/mem",
	  .by = { EACCES }, .deep = { EACCES }, .sole = true },
	{ "write-timens-offsets", "landlock", "shift the clock of its children", do_write,
	  "/proc/self/timens_offsets", .by = { EACCES, EPERM }, .deep = { EACCES, EPERM } },
	{ "write-attr", "landlock", "change the security label", do_write,
	  "/proc/self/attr/current", .by = { EACCES, ENOENT }, .deep = { EACCES, ENOENT } },
	{ "write-loginuid", "landlock", "forge the audit user", do_write, "/proc/self/loginuid",
	  .by = { EACCES, ENOENT }, .deep = { EACCES, ENOENT } },
};

const struct act_list proc_acts = ACT_LIST(acts);
