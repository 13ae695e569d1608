/* SPDX-License-Identifier: MIT */
/*
 * cgroup: where sandboxes may have control groups of their own (cgroups(7), version 2 only), how one
 * is made, read, frozen and removed. A group of ours is PLACE/nucleus/PID-RANDOM, and its maker
 * holds a lock on the directory: a group without one was left by a caller that was killed.
 */
#pragma once

#include <limits.h>
#include <sys/types.h>

#include "base.h"

#define NUC_CGROUP_PARENT "nucleus"	   /* below a place, holds all groups; goes with the last */
#define NUC_CGROUP_CALLER "nucleus-caller" /* below a place, holds a caller that moved out of it */

/* ---- places --------------------------------------------------------------------------------- */

enum nuc_cgroup_refused {
	NUC_CGROUP_OK,
	NUC_CGROUP_NOT_MOUNTED,	  /* no version 2 hierarchy in this mount namespace */
	NUC_CGROUP_OUTSIDE,	  /* the caller's group is outside of what is mounted */
	NUC_CGROUP_READ_ONLY,
	NUC_CGROUP_NO_CONTROLLERS, /* nobody can limit anything in this hierarchy */
	NUC_CGROUP_NOT_DELEGATED, /* the caller may not make groups anywhere above its own */
	NUC_CGROUP_BOUNDED,	  /* a group between has limits, which a sandbox would leave */
};

struct nuc_cgroup_place {
	enum nuc_cgroup_refused refused;
	char path[PATH_MAX];	/* of the group below which ours are made; "" if refused */
	char controllers[128];	/* what it has to hand out: "cpu io memory pids" */
	char enabled[128];	/* what it hands out already */
	char cpus[1024];	/* cpuset.cpus.effective; "" without that controller */
	/*
	 * Processes live in the place itself, so that the kernel lets it hand out no more controllers
	 * (cgroups(7), "no internal processes"); and whether they are the caller alone, who may move.
	 */
	bool occupied, by_caller_only;
};

/*
 * The nearest group at or above the caller's own that was delegated to this user as systemd marks it
 * (xattr user.delegate or trusted.delegate); without such a mark, the topmost that the user may
 * write to, if none that would be left on the way has limits. Returns 0 also when there is none: `refused` says why; -ENOMEM.
 */
int nuc_cgroup_find(uid_t uid, struct nuc_cgroup_place *ret);

/* Static strings for a person; the mend names systemd where that runs. */
const char *nuc_cgroup_refused_why(enum nuc_cgroup_refused refused);
const char *nuc_cgroup_refused_mend(enum nuc_cgroup_refused refused);
/* Whether a list of words separated by blanks has one. */
bool nuc_cgroup_has(const char *controllers, const char *name);

/*
 * Moves the calling process, with all its threads, out of a place that it alone occupies, into a
 * child of it. Returns 0 or a negative errno.
 */
int nuc_cgroup_settle(const struct nuc_cgroup_place *place);

/* Pure: from the texts of /proc/self/mountinfo and /proc/self/cgroup to two paths. */
enum nuc_cgroup_refused nuc_cgroup_locate(const char *mountinfo, const char *groups,
					  char ret_mount[PATH_MAX], char ret_own[PATH_MAX]);

/* ---- groups --------------------------------------------------------------------------------- */

/*
 * The directory that holds a user's groups. A sandbox object and its processes share it, each with a
 * reference, from any threads; the last one removes the directory if no group is left in it.
 */
struct nuc_cgroup_parent;

/*
 * Controllers as "cpu memory" or "": those that are needed, and all that are wanted, to count by.
 * Makes nothing on the host yet. NULL without memory.
 */
struct nuc_cgroup_parent *nuc_cgroup_parent_new(const char *place, const char *needed,
						const char *wanted);
struct nuc_cgroup_parent *nuc_cgroup_parent_ref(struct nuc_cgroup_parent *parent);
/* NULL is allowed. */
void nuc_cgroup_parent_unref(struct nuc_cgroup_parent *parent);

struct nuc_cgroup {
	int parent, dir; /* descriptors of its own; -1: there is no group */
	char name[32];
};

#define NUC_CGROUP_NONE_YET ((struct nuc_cgroup){ .parent = -1, .dir = -1 })

/*
 * A new, empty group, locked. The first call of a parent also makes its directory, hands the
 * controllers out to it, and collects. For the thread that has the sandbox object. 0 or -errno.
 */
int nuc_cgroup_make(struct nuc_cgroup_parent *parent, struct nuc_cgroup *ret);
/* Writes a value to one of its files. 0 or -errno. */
int nuc_cgroup_set(const struct nuc_cgroup *group, const char *file, const char *value);
/* Stops or continues all processes, and waits until that is so. 0 or -errno. */
int nuc_cgroup_freeze(const struct nuc_cgroup *group, bool frozen);
/* Kills what is in it, waits until it is empty, removes it; it is as NUC_CGROUP_NONE_YET then. */
int nuc_cgroup_remove(struct nuc_cgroup *group);
/*
 * Removes groups at a place whose makers are gone, with what may still run in them, and only those.
 * Returns how many there were, or -errno.
 */
int nuc_cgroup_collect(const char *place);

/* ---- figures -------------------------------------------------------------------------------- */

struct nuc_cgroup_figure {
	const char *name, *file;
	const char *key; /* of the line, "some total=" of a pressure file, NULL: the whole file */
	const char *help;
};

/* The row, or NULL past the last. */
const struct nuc_cgroup_figure *nuc_cgroup_figure(size_t i);
/* 0; -ENODATA where this kernel or this group has no such figure; -errno. */
int nuc_cgroup_read(const struct nuc_cgroup *group, const struct nuc_cgroup_figure *figure,
		    uint64_t *ret);
/* Pure: a figure from the text of its file. "max" is UINT64_MAX. 0 or -ENODATA. */
int nuc_cgroup_parse(const char *text, const char *key, uint64_t *ret);
/* Whether the kernel has ended the group because it reached its own limit of memory. */
bool nuc_cgroup_was_oom(const struct nuc_cgroup *group);
