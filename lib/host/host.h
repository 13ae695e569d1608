/* SPDX-License-Identifier: MIT */
/* host: facts about this kernel, this host and this user. Plain data: tests make their own. */
#pragma once

#include <sys/types.h>

#include "base.h"

struct nuc_facts {
	int kernel_major, kernel_minor;
	uid_t uid;			/* the caller's effective ids */
	gid_t gid;
	/*
	 * The caller may set up a sandbox with its own capabilities: CAP_SYS_ADMIN, SETUID, SETGID,
	 * SETPCAP, NET_ADMIN, DAC_OVERRIDE, CHOWN effective, and an unprivileged id to change to.
	 * Without them a user namespace comes first.
	 */
	bool privileged;
	uint32_t host_id;		/* the one that a privileged caller maps the sandbox's user to */
	bool dumpable;			/* PR_GET_DUMPABLE is 1: an unprivileged caller needs it */
	unsigned long long namespaces;	/* CLONE_NEW* that /proc/self/ns has and sysctls allow */
	int userns_refused;		/* enum nuc_userns_refused */
	int landlock_abi;		/* 0: none */
	int landlock_errno;		/* EOPNOTSUPP: disabled at boot; ENOSYS: not built */
	bool seccomp_filter;
	bool no_new_privs;		/* the caller has it already */
	int last_cap;
	bool swap;			/* this kernel can swap: /proc/swaps is there */
	long oom_score_adj;		/* of the caller; below 0 it is spared */
};

enum nuc_userns_refused {
	NUC_USERNS_OK,
	NUC_USERNS_NO_KERNEL,		/* not built in */
	NUC_USERNS_SYSCTL_CLONE,	/* kernel.unprivileged_userns_clone = 0 (Debian's patch) */
	NUC_USERNS_SYSCTL_MAX,		/* user.max_user_namespaces = 0 */
	NUC_USERNS_APPARMOR,		/* kernel.apparmor_restrict_unprivileged_userns = 1 */
	NUC_USERNS_NO_PROC,		/* /proc is not mounted: no map can be written */
};

/*
 * Cheap: a few dozen system calls, no process is started. It knows what sysctls say, not what an
 * outer sandbox's filter or an LSM's profile would: that is for nuc_trials_run() to find out.
 * Returns 0 or a negative errno.
 */
int nuc_facts_probe(struct nuc_facts *ret);

/* What a person should know and do about it; static strings, never NULL. */
const char *nuc_userns_refused_why(int refused);
const char *nuc_userns_refused_mend(int refused);

/* ---- what only a trial tells: for doctor ---------------------------------------------------- */

enum nuc_trial {
	NUC_TRIAL_CLONE,	/* a process, in all namespaces at once */
	NUC_TRIAL_NS_USER,	/* each of these alone */
	NUC_TRIAL_NS_PID,
	NUC_TRIAL_NS_MOUNT,
	NUC_TRIAL_NS_NET,
	NUC_TRIAL_NS_UTS,
	NUC_TRIAL_NS_IPC,
	NUC_TRIAL_NS_CGROUP,
	NUC_TRIAL_NS_TIME,
	NUC_TRIAL_SET_IDS,	/* privileged only: to an unprivileged user */
	NUC_TRIAL_ID_MAPS,
	NUC_TRIAL_IDMAP,	/* privileged only: an idmapped mount of / */
	NUC_TRIAL_CAPABILITIES,	/* dropping all of them */
	NUC_TRIAL_NO_NEW_PRIVS,
	NUC_TRIAL_LANDLOCK,
	NUC_TRIAL_SECCOMP,
	NUC_TRIAL_TMPFS,
	NUC_TRIAL_BIND,
	NUC_TRIAL_DEVPTS,
	NUC_TRIAL_PROC,
	NUC_TRIAL_HIDEPID,
	NUC_TRIAL_LOOPBACK,
	NUC_TRIAL_PIVOT_ROOT,
	NUC_TRIAL__COUNT
};

/* A trial's result: 0 it works, a positive errno, or one of these. */
#define NUC_TRIAL_UNTRIED (-1)	/* what it stands on does not work, or it does not apply */
#define NUC_TRIAL_KILLED (-2)	/* the process that tried was killed: a seccomp filter does that */

/*
 * Tries out what a launch would do, in children that touch only their own namespaces, and are
 * gone when it returns: after milliseconds, at most ten seconds. The caller's SIGCHLD and wait(-1)
 * do not see them. Returns 0, or a negative errno if not even a try was possible.
 */
int nuc_trials_run(const struct nuc_facts *facts, int ret[NUC_TRIAL__COUNT]);

/* ---- what surrounds the caller: informative ------------------------------------------------- */

enum nuc_cgroup_layout { NUC_CGROUP_NONE, NUC_CGROUP_V1, NUC_CGROUP_HYBRID, NUC_CGROUP_V2 };

struct nuc_surroundings {
	char container[32];		/* "docker", "podman", "lxc", ...; "" if unknown */
	bool user_namespace;		/* the caller is in one already */
	bool ids_unmapped;		/* and its own user or group means nothing there */
	enum nuc_cgroup_layout cgroup;
	long yama;			/* kernel.yama.ptrace_scope; -1: no Yama */
	long memfd_noexec;		/* vm.memfd_noexec; -1: no such sysctl */
	bool subuid, subgid;		/* /etc/subuid and /etc/subgid have a line for the caller */
	char lsm[128];			/* active security modules; "" when that cannot be read */
	bool chroot;			/* / is not a mount point of the caller's namespace */
};

/* Never fails: what cannot be read stays empty. */
void nuc_surroundings_probe(const struct nuc_facts *facts, struct nuc_surroundings *ret);
