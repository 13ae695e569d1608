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
	 * SETPCAP, NET_ADMIN, DAC_OVERRIDE, CHOWN effective. Without them a user namespace comes first.
	 */
	bool privileged;
	bool dumpable;			/* PR_GET_DUMPABLE is 1: an unprivileged caller needs it */
	unsigned long long namespaces;	/* CLONE_NEW* that /proc/self/ns has and sysctls allow */
	int userns_refused;		/* enum nuc_userns_refused */
	int landlock_abi;		/* 0: none */
	int landlock_errno;		/* EOPNOTSUPP: built but disabled at boot; ENOSYS: not built */
	bool seccomp_filter;
	bool memfd_noexec;		/* the per pid namespace sysctl exists (6.3) */
	bool no_new_privs;		/* the caller has it already */
	int last_cap;
};

enum nuc_userns_refused {
	NUC_USERNS_OK,
	NUC_USERNS_NO_KERNEL,		/* not built in */
	NUC_USERNS_SYSCTL_CLONE,	/* kernel.unprivileged_userns_clone = 0 (Debian's patch) */
	NUC_USERNS_SYSCTL_MAX,		/* user.max_user_namespaces = 0 */
	NUC_USERNS_APPARMOR,		/* kernel.apparmor_restrict_unprivileged_userns = 1 (Ubuntu) */
	NUC_USERNS_NO_PROC,		/* /proc is not mounted: nothing is known, no map can be written */
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
