/* SPDX-License-Identifier: MIT */
/* System calls that no program needs, and ways to make one that the filter does not see. */
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/kcmp.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sys/fanotify.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "attack.h"

#define CALL(number, ...) do_call, .nr = (number), .args = { __VA_ARGS__ }, .by = { BY_SECCOMP }
/* ENOSYS: this kernel was built without it. */
#define CAPABILITY .deep = { EPERM, ENOSYS }

static int io_uring(const struct act *act)
{
	struct io_uring_params p;

	memset(&p, 0, sizeof(p));
	return refused(syscall(__NR_io_uring_setup, 4, &p));
}

static int load_bpf(const struct act *act)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = attr.value_size = 4;
	attr.max_entries = 1;
	return refused(syscall(__NR_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static int open_perf(const struct act *act)
{
	struct perf_event_attr attr;
	int result;

	memset(&attr, 0, sizeof(attr));
	attr.size = sizeof(attr);
	attr.type = PERF_TYPE_SOFTWARE;
	attr.config = PERF_COUNT_SW_TASK_CLOCK;
	attr.exclude_kernel = attr.exclude_hv = 1;
	result = refused(syscall(__NR_perf_event_open, &attr, 0, -1, -1, 0));
	/*
	 * Debian's kernels have a level that refuses it to everyone without a capability. What is told so
	 * has come past the filter, which must not be.
	 */
	return result == -EACCES && told_number("ATTACK_PERF_LEVEL") > 2 ? GOT_THROUGH : result;
}

/* Sets the clock to what it is: should it get through, nothing is changed. */
static int set_clock(const struct act *act)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return refused(syscall(__NR_clock_settime, CLOCK_REALTIME, &now));
}

static int set_time_of_day(const struct act *act)
{
	struct timespec now;
	long tv[2];

	clock_gettime(CLOCK_REALTIME, &now);
	tv[0] = now.tv_sec;
	tv[1] = now.tv_nsec / 1000;
	return refused(syscall(__NR_settimeofday, tv, NULL));
}

static int adjust_clock(const struct act *act)
{
	struct timex t;

	memset(&t, 0, sizeof(t));
	t.modes = ADJ_OFFSET_SINGLESHOT;
	return refused(syscall(__NR_adjtimex, &t));
}

static int handle_of_file(const struct act *act)
{
	struct {
		struct file_handle h;
		unsigned char bytes[128];
	} handle;
	int mount_id;

	handle.h.handle_bytes = sizeof(handle.bytes);
	return refused(
		syscall(__NR_name_to_handle_at, AT_FDCWD, "/workspace", &handle, &mount_id, 0));
}

/* "Shocker": a handle of the host's root directory, inode 2 of an ext4. */
static int open_by_handle(const struct act *act)
{
	struct {
		struct file_handle h;
		unsigned int inode[2];
	} handle = { .h = { .handle_bytes = 8, .handle_type = 1 }, .inode = { 2, 0 } };
	int at = open("/workspace", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (at < 0)
		return UNTRIED;
	return refused(syscall(__NR_open_by_handle_at, at, &handle, O_RDONLY));
}

static int set_ldt(const struct act *act)
{
	unsigned int desc[4] = { 0, 0, 0xfffff, 0x51 };

	return refused(syscall(__NR_modify_ldt, 1, desc, sizeof(desc)));
}

static int key_in_keyring(const struct act *act)
{
	return refused(syscall(__NR_add_key, "user", "attack", "x", 1, KEY_SPEC_PROCESS_KEYRING));
}

/* A child that waits to be attacked. */
static pid_t victim(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	return pid;
}

static int with_victim(int (*attack)(pid_t pid))
{
	pid_t pid = victim();
	int r;

	if (pid < 0)
		return UNTRIED;
	r = attack(pid);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return r;
}

static int attach(pid_t pid)
{
	return refused(ptrace(PTRACE_ATTACH, pid, NULL, NULL));
}

static int read_memory(pid_t pid)
{
	static char here[16];
	struct iovec local = { here, sizeof(here) }, remote = { here, sizeof(here) };

	return refused(process_vm_readv(pid, &local, 1, &remote, 1, 0));
}

static int write_memory(pid_t pid)
{
	static char here[16];
	struct iovec local = { here, sizeof(here) }, remote = { here, sizeof(here) };

	return refused(process_vm_writev(pid, &local, 1, &remote, 1, 0));
}

static int take_descriptor(pid_t pid)
{
	long fd = syscall(__NR_pidfd_open, pid, 0);

	if (fd < 0)
		return -errno;
	return refused(syscall(__NR_pidfd_getfd, fd, 0, 0));
}

static int compare(pid_t pid)
{
	return refused(syscall(__NR_kcmp, pid, getpid(), KCMP_FILE, 0, 0));
}

static int ptrace_sibling(const struct act *act)
{
	return with_victim(attach);
}

static int read_sibling(const struct act *act)
{
	return with_victim(read_memory);
}

static int write_sibling(const struct act *act)
{
	return with_victim(write_memory);
}

static int getfd_sibling(const struct act *act)
{
	return with_victim(take_descriptor);
}

static int kcmp_sibling(const struct act *act)
{
	return with_victim(compare);
}

static int read_init(const struct act *act)
{
	return read_memory(1);
}

static int getfd_init(const struct act *act)
{
	return take_descriptor(1);
}

static int x32(const struct act *act)
{
	return refused(syscall(0x40000000 | act->nr, act->args[0], 0, 0, 0, 0));
}

/* The 32-bit entry has other numbers: 20 is getpid there, and writev here. */
static int int80(const struct act *act)
{
	long r;

	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(act->nr), "b"(act->args[0]), "c"(0), "d"(0)
			 : "memory");
	errno = r < 0 ? (int)-r : 0;
	return r < 0 ? -errno : GOT_THROUGH;
}

/* The kernel looks at the lower half of the number; the filter must see the same. */
static int dirty_number(const struct act *act)
{
	long r, nr = act->nr | 1L << 32;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(nr), "D"(act->args[0]), "S"(0), "d"(0)
			 : "rcx", "r11", "memory");
	return r < 0 ? (int)r : GOT_THROUGH;
}

static const struct act acts[] = {
	{ "io-uring", "seccomp", "set io_uring up", io_uring, .by = { BY_SECCOMP }, .sole = true },
	{ "io-uring-register", "seccomp", "io_uring_register",
	  CALL(__NR_io_uring_register, -1, 0, 0, 0) },
	{ "bpf", "seccomp", "create a bpf map", load_bpf, .by = { BY_SECCOMP } },
	{ "perf-event", "seccomp", "open a perf counter", open_perf, .by = { BY_SECCOMP },
	  .sole = true },
	{ "userfaultfd", "seccomp", "stop the kernel in a page fault", CALL(__NR_userfaultfd, 1),
	  .sole = true },
	{ "add-key", "seccomp", "keep a key in the kernel", key_in_keyring, .by = { BY_SECCOMP },
	  .sole = true },
	{ "request-key", "seccomp", "let the host's keyring helper run",
	  CALL(__NR_request_key, (long)"user", (long)"attack", (long)"x",
	       KEY_SPEC_SESSION_KEYRING) },
	{ "keyctl", "seccomp", "join a session keyring",
	  CALL(__NR_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0), .sole = true },
	{ "init-module", "seccomp", "load a kernel module", CALL(__NR_init_module, 0, 0, (long)""),
	  CAPABILITY },
	{ "finit-module", "seccomp", "load a kernel module from a file",
	  CALL(__NR_finit_module, 0, (long)"", 0), CAPABILITY },
	{ "delete-module", "seccomp", "remove a kernel module",
	  CALL(__NR_delete_module, (long)"x", 0), CAPABILITY },
	{ "kexec-load", "seccomp", "load another kernel", CALL(__NR_kexec_load, 0, 0, 0, 0),
	  CAPABILITY },
	{ "kexec-file-load", "seccomp", "load another kernel from a file",
	  CALL(__NR_kexec_file_load, -1, -1, 0, 0, 0), CAPABILITY },
	{ "reboot", "seccomp", "ask for ctrl-alt-del to be off",
	  CALL(__NR_reboot, (long)0xfee1dead, 672274793, RB_DISABLE_CAD), CAPABILITY },
	{ "clock-settime", "seccomp", "set the clock", set_clock, .by = { BY_SECCOMP },
	  CAPABILITY },
	{ "settimeofday", "seccomp", "set the time of day", set_time_of_day, .by = { BY_SECCOMP },
	  CAPABILITY },
	{ "adjtimex", "seccomp", "make the clock run faster", adjust_clock, .by = { BY_SECCOMP },
	  CAPABILITY },
	{ "sethostname", "seccomp", "rename the host", CALL(__NR_sethostname, (long)"attacked", 8),
	  CAPABILITY },
	{ "setdomainname", "seccomp", "set the domain name", CALL(__NR_setdomainname, (long)"x", 1),
	  CAPABILITY },
	{ "syslog", "seccomp", "clear the kernel log", CALL(__NR_syslog, 5, 0, 0), CAPABILITY },
	{ "acct", "seccomp", "switch process accounting off", CALL(__NR_acct, 0), CAPABILITY },
	{ "vhangup", "seccomp", "hang the terminal up", CALL(__NR_vhangup), CAPABILITY },
	{ "iopl", "seccomp", "get access to all I/O ports", CALL(__NR_iopl, 3), CAPABILITY },
	{ "ioperm", "seccomp", "get access to I/O ports", CALL(__NR_ioperm, 0x80, 1, 1),
	  CAPABILITY },
	{ "modify-ldt", "seccomp", "make a 16-bit segment", set_ldt, .by = { BY_SECCOMP },
	  .sole = true },
	{ "quotactl", "seccomp", "switch quotas off",
	  CALL(__NR_quotactl, (long)0x80000300, (long)"/dev/vda", 0, 0) },
	{ "name-to-handle", "seccomp", "learn a file's handle", handle_of_file,
	  .by = { BY_SECCOMP }, .sole = true },
	{ "open-by-handle", "seccomp", "open the host's root by its handle (shocker)",
	  open_by_handle, .by = { BY_SECCOMP }, .deep = { EPERM, ESTALE } },
	{ "fanotify", "seccomp", "watch file accesses", CALL(__NR_fanotify_init, FAN_REPORT_FID, 0),
	  .sole = true },
	{ "lookup-dcookie", "seccomp", "lookup_dcookie", CALL(__NR_lookup_dcookie, 0, 0, 0) },
	{ "personality-exec", "seccomp", "make all readable memory executable",
	  CALL(__NR_personality, READ_IMPLIES_EXEC), .sole = true },
	{ "personality-no-aslr", "seccomp", "switch address randomisation off",
	  CALL(__NR_personality, ADDR_NO_RANDOMIZE), .sole = true },
	{ "personality-dirty", "seccomp", "the same with garbage in the upper half",
	  CALL(__NR_personality, ADDR_NO_RANDOMIZE | 1L << 40) },
	{ "migrate-pages", "seccomp", "move memory between nodes",
	  CALL(__NR_migrate_pages, 0, 0, 0, 0) },
	{ "process-madvise", "seccomp", "throw away another process's pages",
	  CALL(__NR_process_madvise, -1, 0, 0, 0, 0) },

	{ "ptrace-sibling", "seccomp", "trace another process", ptrace_sibling,
	  .by = { BY_SECCOMP }, .sole = true },
	{ "ptrace-init", "seccomp", "trace PID 1", CALL(__NR_ptrace, PTRACE_ATTACH, 1, 0, 0),
	  CAPABILITY },
	{ "ptrace-seize-init", "seccomp", "seize PID 1", CALL(__NR_ptrace, PTRACE_SEIZE, 1, 0, 0),
	  CAPABILITY },
	{ "read-sibling", "seccomp", "read another process's memory", read_sibling,
	  .by = { BY_SECCOMP }, .sole = true },
	{ "write-sibling", "seccomp", "write another process's memory", write_sibling,
	  .by = { BY_SECCOMP }, .sole = true },
	{ "read-init", "seccomp", "read PID 1's memory", read_init, .by = { BY_SECCOMP },
	  CAPABILITY },
	{ "pidfd-getfd-sibling", "seccomp", "take another process's descriptor", getfd_sibling,
	  .by = { BY_SECCOMP }, .sole = true },
	{ "pidfd-getfd-init", "seccomp", "take PID 1's descriptor", getfd_init,
	  .by = { BY_SECCOMP }, CAPABILITY },
	{ "kcmp", "seccomp", "compare kernel objects", kcmp_sibling, .by = { BY_SECCOMP },
	  .sole = true },

	{ "x32-getpid", "seccomp", "getpid by the x32 table", x32, .nr = __NR_getpid,
	  .by = { BY_SIGNAL(SIGSYS) } },
	{ "x32-ptrace", "seccomp", "ptrace by the x32 table: number 521", x32, .nr = 521,
	  .by = { BY_SIGNAL(SIGSYS) } },
	{ "x32-unshare", "seccomp", "unshare by the x32 table", x32, .nr = __NR_unshare,
	  .args = { 0x10000000 }, .by = { BY_SIGNAL(SIGSYS) } },
	{ "int80-getpid", "seccomp", "getpid by int 0x80", int80, .nr = 20,
	  .by = { BY_SIGNAL(SIGSYS), BY_SIGNAL(SIGSEGV) } },
	{ "int80-unshare", "seccomp", "unshare by int 0x80", int80, .nr = 310,
	  .args = { 0x10000000 }, .by = { BY_SIGNAL(SIGSYS), BY_SIGNAL(SIGSEGV) } },
	{ "dirty-call-number", "seccomp", "unshare with garbage in the upper half of the number",
	  dirty_number, .nr = __NR_unshare, .args = { 0x10000000 }, .by = { BY_SECCOMP } },
	{ "call-number-minus-one", "seccomp", "system call -1", do_call, .nr = -1,
	  .by = { BY_SECCOMP }, .deep = { ENOSYS } },
	{ "call-number-4095", "seccomp", "a system call of the future", do_call, .nr = 4095,
	  .by = { BY_SECCOMP }, .deep = { ENOSYS } },
	{ "call-number-x32-only", "seccomp", "numbers 512 and up, for x32 only", do_call, .nr = 520,
	  .by = { BY_SECCOMP }, .deep = { ENOSYS } },
};

const struct act_list call_acts = ACT_LIST(acts);
