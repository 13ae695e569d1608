/* SPDX-License-Identifier: MIT */
/* What the parts of why share. Internal to plan/. */
#pragma once

#include <sys/stat.h>

#include "builder.h"
#include "landlock_abi.h"
#include "why.h"

#define NUC_WHY_REFUSALS 6

/* A layer that refuses it. Strings are owned. */
struct nuc_refusal {
	const char *layer;
	int error;
	char *rule, *fix;
	const char *origin; /* in the plan, or NULL */
	bool kills;
};

struct nuc_why_state {
	const struct nuc_plan *plan;
	const struct nuc_question *q;
	struct nuc_refusal refusals[NUC_WHY_REFUSALS];
	size_t n;
	char *allowed; /* the rule if nobody refuses; owned */
	const char *allowed_layer, *allowed_origin;
	bool inferred, partly, failed;
	const char *about; /* what goes before each rule: "its interpreter /x: ", or NULL */
};

static inline const char *nuc_why_text(const struct nuc_plan *p, uint32_t at)
{
	return nuc_plan_data(p, at);
}

/* One more layer that refuses, after those before it. Takes `fix`. */
void nuc_why_refuse(struct nuc_why_state *w, const char *layer, int error, const char *origin,
		    char *fix, const char *fmt, ...) NUC_PRINTF(6, 7);
void nuc_why_allow(struct nuc_why_state *w, const char *layer, const char *origin, const char *fmt,
		   ...) NUC_PRINTF(4, 5);
/* Whether shells and TOML take it between quotes as it is. */
bool nuc_why_can_be_quoted(const char *value);
/*
 * "--flag VALUE (in a document: key = ...)", and then what it opens, unless that is NULL. NULL for a value
 * that cannot be quoted.
 */
char *nuc_why_flag(enum nuc_option_id id, const char *value, const char *opens);
const char *nuc_why_origin(const struct nuc_plan *p, const struct nuc_step *s);

int nuc_why_files(struct nuc_why_state *w);
int nuc_why_network(struct nuc_why_state *w);
int nuc_why_seccomp(struct nuc_why_state *w);

/* Whether the plan's filter lets a call with these arguments through; refuses in its name if not. */
bool nuc_why_call_passes(struct nuc_why_state *w, const char *name, const uint64_t args[6]);

/* ---- the tree inside (why_tree.c) ------------------------------------------------------------------ */

enum nuc_why_kind {
	NUC_WHY_TMPFS,	/* the root and other file systems of the sandbox's own */
	NUC_WHY_BIND,
	NUC_WHY_PROC,
	NUC_WHY_DEVPTS,
	NUC_WHY_CGROUP,
	NUC_WHY_MASK,
};

struct nuc_why_mount {
	const char *path;
	enum nuc_why_kind kind;
	uint32_t attr;
	const struct nuc_step *step;
	const char *src;	/* BIND: on the host; TMPFS: what was copied into it, or NULL */
	bool is_dir, idmap, users;
};

/* Something at a path inside. */
struct nuc_why_node {
	char path[4096];	/* without links */
	const struct nuc_why_mount *mount;
	bool exists;
	bool unknown;		/* it may be there once programs have run */
	mode_t mode;
	bool owner, group, unmapped; /* whether the program's user is its owner, in its group; nobody's */
	char link[4096];
	char host[4096];	/* where it is on the host, or "" */
	uint32_t host_attr;	/* of the host's own mount */
	int access;		/* EACCES and the like: the host did not let us look; 0 */
};

struct nuc_why_tree {
	const struct nuc_plan *plan;
	struct nuc_why_mount *mounts;
	size_t n;
};

/* -ENOMEM. */
int nuc_why_tree(const struct nuc_plan *plan, struct nuc_why_tree *ret);
void nuc_why_tree_done(struct nuc_why_tree *t);
void nuc_why_look(const struct nuc_why_tree *t, const char *path, struct nuc_why_node *ret);
/* A regular file of a bind, for reading; -errno, -EINVAL for what is none. */
int nuc_why_open(const struct nuc_why_tree *t, const char *path);
/* Where a path of a bind is on the host, or "". */
void nuc_why_host_path(const struct nuc_why_tree *t, const char *path, char ret[4096]);
/* Whether the program's user may, by the permission bits: R 4, W 2, X 1. */
bool nuc_why_permits(const struct nuc_why_node *n, unsigned int want);

/*
 * Refuses where a ruleset does not grant all of `need` (NUC_LL_*) for a path: each must. `m` is the mount
 * that the path is in.
 */
void nuc_why_landlock(struct nuc_why_state *w, const struct nuc_why_tree *tree,
		      const struct nuc_why_mount *m, const char *path, uint32_t need);

/* ---- what would allow it (why_fix.c) ---------------------------------------------------------------- */

/* Whether the host has a path; and where it really is. */
bool nuc_why_host_has(const struct nuc_why_state *w, const char *path, struct stat *ret,
		      char ret_real[4096]);
/* Whether `path` is `top` or below it. */
bool nuc_why_is_at(const char *path, const char *top);
/* Each is owned, or NULL: there is none. */
char *nuc_why_fix_volume(const struct nuc_why_state *w, const char *path);
char *nuc_why_fix_tmpfs(const struct nuc_why_state *w, const struct nuc_why_tree *t,
			const char *dir);
/* So that something can be made at `path`: the directory that it would be in. */
char *nuc_why_fix_parent(const struct nuc_why_state *w, const struct nuc_why_tree *t,
			 const char *path);
/* For a mount that is not writable, or not executable. */
char *nuc_why_fix_mount(const struct nuc_why_state *w, const struct nuc_why_mount *m, bool exec);
/* "the workspace (/srv/x on the host)". */
void nuc_why_mount_words(const struct nuc_why_state *w, const struct nuc_why_mount *m, char *ret,
			 size_t size);
