/* SPDX-License-Identifier: MIT */
/* Credentials: raising what was dropped, becoming somebody else, switching the filters off. */
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/securebits.h>
#include <linux/seccomp.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/resource.h>

#include "attack.h"

static int set_capabilities(const struct act *act)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { ~0u, ~0u, ~0u }, { ~0u, ~0u, ~0u } };

	return refused(syscall(__NR_capset, &head, data));
}

static int inherit_capabilities(const struct act *act)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { 0, 0, ~0u }, { 0, 0, ~0u } };

	return refused(syscall(__NR_capset, &head, data));
}

static int become_by_fsuid(const struct act *act)
{
	syscall(__NR_setfsuid, 0);
	return syscall(__NR_setfsuid, -1) == 0 ? GOT_THROUGH : CONTAINED;
}

static int add_group(const struct act *act)
{
	const gid_t groups[] = { 0 };

	return refused(syscall(__NR_setgroups, 1, groups));
}

static int drop_groups(const struct act *act)
{
	return refused(syscall(__NR_setgroups, 0, NULL));
}

/* After an allow-everything filter of its own, what was refused must still be refused. */
static int replace_filter(const struct act *act)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { 1, &allow };

	if (syscall(act->nr, act->args[0], act->args[1], &program) < 0)
		return -errno;
	return syscall(__NR_unshare, 0x10000000) == 0 ? GOT_THROUGH : CONTAINED;
}

static int filter_listener(const struct act *act)
{
	struct sock_filter ask = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	struct sock_fprog program = { 1, &ask };

	return refused(syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER,
			       SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

static int still_no_new_privs(const struct act *act)
{
	prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0);
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? CONTAINED : GOT_THROUGH;
}

/* A Landlock domain of one's own can only take more away. */
static int replace_landlock(const struct act *act)
{
	const struct {
		unsigned long long fs;
	} attr = { 1 };
	struct {
		unsigned long long access;
		int fd;
	} __attribute__((packed)) rule = { 1, -1 };
	long ruleset = syscall(__NR_landlock_create_ruleset, &attr, sizeof(attr), 0);

	if (ruleset < 0)
		return -errno;
	rule.fd = open("/", O_PATH | O_CLOEXEC);
	if (syscall(__NR_landlock_add_rule, ruleset, 1, &rule, 0) < 0 ||
	    syscall(__NR_landlock_restrict_self, ruleset, 0) < 0)
		return -errno;
	return open("/proc/self/mem", O_RDWR | O_CLOEXEC) >= 0 ? GOT_THROUGH : CONTAINED;
}

static int raise_limit(const struct act *act)
{
	struct rlimit l;

	if (getrlimit((__rlimit_resource_t)act->args[0], &l) < 0)
		return UNTRIED;
	l.rlim_cur = l.rlim_max = l.rlim_max + 1;
	return refused(setrlimit((__rlimit_resource_t)act->args[0], &l));
}

#define PRCTL(...) do_call, .nr = __NR_prctl, .args = { __VA_ARGS__ }
#define ID_CALL(number, ...)                                                                       \
	do_call, .nr = (number), .args = { __VA_ARGS__ }, .by = { BY_SECCOMP },                    \
		 .deep = { EINVAL, EPERM }

static const struct act acts[] = {
	{ "capset-all", "capabilities", "raise all capabilities", set_capabilities,
	  .by = { BY_SECCOMP }, .deep = { EPERM } },
	{ "capset-inheritable", "capabilities", "make all capabilities inheritable",
	  inherit_capabilities, .by = { BY_SECCOMP }, .deep = { EPERM } },
	{ "ambient-raise", "capabilities", "raise an ambient capability",
	  PRCTL(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0), .by = { BY_SECCOMP },
	  .deep = { EPERM } },
	{ "securebits-clear", "capabilities", "unlock the securebits", PRCTL(PR_SET_SECUREBITS, 0),
	  .by = { BY_SECCOMP }, .deep = { EPERM } },
	{ "securebits-dirty", "capabilities", "the same with garbage in the upper half",
	  PRCTL(PR_SET_SECUREBITS | 1L << 40, 0), .by = { BY_SECCOMP }, .deep = { EPERM } },
	{ "keep-capabilities", "capabilities", "keep capabilities over setuid",
	  PRCTL(PR_SET_KEEPCAPS, 1), .by = { BY_SECCOMP }, .deep = { EPERM } },
	{ "no-new-privs-off", "no_new_privs", "take no_new_privs back", still_no_new_privs,
	  .by = { BY_CONTAINED }, .deep = { BY_CONTAINED } },
	{ "replace-exe", "capabilities", "say that another program runs (PR_SET_MM)",
	  PRCTL(PR_SET_MM, PR_SET_MM_EXE_FILE, 0, 0, 0), .by = { BY_SECCOMP },
	  .deep = { EPERM, EBADF } },
	{ "seccomp-off", "seccomp", "switch the filter off", PRCTL(PR_SET_SECCOMP, 0, 0),
	  .by = { BY_SECCOMP }, .deep = { EINVAL } },
	{ "seccomp-replace", "seccomp", "load a filter that allows all, by seccomp(2)",
	  replace_filter, .nr = __NR_seccomp, .args = { SECCOMP_SET_MODE_FILTER, 0 },
	  .by = { BY_CONTAINED, BY_SECCOMP } },
	{ "seccomp-replace-prctl", "seccomp", "the same by prctl(2)", replace_filter,
	  .nr = __NR_prctl, .args = { PR_SET_SECCOMP, SECCOMP_MODE_FILTER },
	  .by = { BY_CONTAINED, BY_SECCOMP } },
	{ "seccomp-listener", "seccomp", "answer its own system calls", filter_listener,
	  .by = { BY_SECCOMP } },
	{ "landlock-replace", "landlock", "enter a Landlock domain that allows all",
	  replace_landlock, .by = { BY_CONTAINED, BY_SECCOMP }, .deep = { BY_CONTAINED } },

	{ "setuid-root", "user namespace", "setuid(0)", ID_CALL(__NR_setuid, 0) },
	{ "setreuid-root", "user namespace", "setreuid(0, 0)", ID_CALL(__NR_setreuid, 0, 0) },
	{ "setresuid-host", "user namespace", "become a user of the host",
	  ID_CALL(__NR_setresuid, 12345, 12345, 12345) },
	{ "setgid-root", "user namespace", "setgid(0)", ID_CALL(__NR_setgid, 0) },
	{ "setresgid-root", "user namespace", "setresgid(0, 0, 0)",
	  ID_CALL(__NR_setresgid, 0, 0, 0) },
	{ "setgroups-root", "user namespace", "join root's group", add_group, .by = { BY_SECCOMP },
	  .deep = { EPERM, EINVAL } },
	{ "setgroups-none", "user namespace", "leave groups that deny", drop_groups,
	  .by = { BY_SECCOMP }, .deep = { EPERM } },
	{ "setfsuid-root", "user namespace", "setfsuid(0)", become_by_fsuid, .by = { BY_CONTAINED },
	  .deep = { BY_CONTAINED } },

	{ "raise-files", "rlimit", "raise the limit of open files", raise_limit,
	  .args = { RLIMIT_NOFILE }, .by = { EPERM }, .deep = { EPERM } },
	{ "raise-processes", "rlimit", "raise the limit of processes", raise_limit,
	  .args = { RLIMIT_NPROC }, .by = { EPERM }, .deep = { EPERM } },
	{ "raise-file-size", "rlimit", "raise the limit of file sizes", raise_limit,
	  .args = { RLIMIT_FSIZE }, .by = { EPERM }, .deep = { EPERM } },
	{ "raise-core", "rlimit", "raise the limit of core dumps", raise_limit,
	  .args = { RLIMIT_CORE }, .by = { EPERM }, .deep = { EPERM } },
};

const struct act_list privilege_acts = ACT_LIST(acts);
