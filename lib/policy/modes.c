/* SPDX-License-Identifier: MIT */
/* What each mode asks for, as data: nothing else in the library compares modes to decide a need. */
#include "policy.h"

#define OFF NUC_NEED_OFF
#define BEST NUC_NEED_BEST_EFFORT
#define MUST NUC_NEED_REQUIRED

static const struct {
	const char *name;
	enum nuc_need need[NUC_MODE__COUNT];
} mechanisms[NUC_MECH__COUNT] = {
	/*                                                    agent strict production */
	/* Without these four there is no sandbox to speak of: no mode goes on without them. */
	[NUC_MECH_NS_USER] = { "user namespace",	    { MUST, MUST, MUST } },
	[NUC_MECH_NS_PID] = { "pid namespace",		    { MUST, MUST, MUST } },
	[NUC_MECH_NS_MOUNT] = { "mount namespace",	    { MUST, MUST, MUST } },
	[NUC_MECH_PIVOT_ROOT] = { "pivot_root",		    { MUST, MUST, MUST } },
	/* Dropping capabilities needs nothing of the host: no mode has a reason to go without. */
	[NUC_MECH_CAPABILITIES] = { "capabilities",	    { MUST, MUST, MUST } },

	[NUC_MECH_NS_NET] = { "network namespace",	    { BEST, MUST, MUST } },
	[NUC_MECH_NS_UTS] = { "UTS namespace",		    { BEST, MUST, MUST } },
	[NUC_MECH_NS_IPC] = { "IPC namespace",		    { BEST, MUST, MUST } },
	[NUC_MECH_NS_CGROUP] = { "cgroup namespace",	    { BEST, MUST, MUST } },
	[NUC_MECH_NS_TIME] = { "time namespace",	    { BEST, MUST, MUST } },
	[NUC_MECH_SECCOMP] = { "seccomp",		    { BEST, MUST, MUST } },
	[NUC_MECH_LANDLOCK] = { "Landlock",		    { BEST, MUST, MUST } },
	[NUC_MECH_IDMAP] = { "idmapped mounts",		    { BEST, MUST, MUST } },
	[NUC_MECH_HIDEPID] = { "hidepid",		    { BEST, MUST, MUST } },

	[NUC_MECH_MOUNT_AUDIT] = { "mount audit",	    { OFF,  MUST, MUST } },
	[NUC_MECH_ROOTFS] = { "own root file system",	    { OFF,  OFF,  MUST } },
	/* A limit that is asked for; without one there is nothing to enforce. */
	[NUC_MECH_CGROUP] = { "limit by control group",	    { BEST, MUST, MUST } },
	[NUC_MECH_MEMORY_LIMIT] = { "memory limit",	    { OFF,  OFF,  MUST } },
};

static const struct {
	const char *name;
	/* 1 is the first ABI (Linux 5.13), 3 governs truncation too (Linux 6.2). */
	int landlock_min_abi;
	/* That no program decides what the next one is granted. */
	enum nuc_need unchosen;
	const char *refused;
} modes[NUC_MODE__COUNT] = {
	[NUC_MODE_AGENT] = { "agent", 1, BEST, NULL },
	[NUC_MODE_STRICT_AGENT] = { "strict-agent", 1, MUST, NULL },
	[NUC_MODE_PRODUCTION] = { "production", 3, MUST, "this release has no root file system attestation yet" },
};

enum nuc_need nuc_mode_need(enum nuc_mode mode, enum nuc_mechanism mechanism)
{
	return mechanisms[mechanism].need[mode];
}

int nuc_mode_landlock_min_abi(enum nuc_mode mode)
{
	return modes[mode].landlock_min_abi;
}

enum nuc_need nuc_mode_unchosen(enum nuc_mode mode)
{
	return modes[mode].unchosen;
}

const char *nuc_mode_refused(enum nuc_mode mode)
{
	return modes[mode].refused;
}

const char *nuc_mode_name(enum nuc_mode mode)
{
	return modes[mode].name;
}

const char *nuc_mechanism_name(enum nuc_mechanism mechanism)
{
	return mechanisms[mechanism].name;
}
