/* SPDX-License-Identifier: MIT */
/* What compile and its emitters share while a plan grows. Internal to plan/. */
#pragma once

#include <sys/stat.h>

#include "compile.h"

#define NUC_ATTR_RO 1u	   /* MOUNT_ATTR_RDONLY */
#define NUC_ATTR_NOSUID 2u /* MOUNT_ATTR_NOSUID */
#define NUC_ATTR_NODEV 4u  /* MOUNT_ATTR_NODEV */
#define NUC_ATTR_NOEXEC 8u /* MOUNT_ATTR_NOEXEC */

/* A path inside that exists because of a step: what may be mounted or made below it follows. */
enum nuc_place_kind {
	NUC_PLACE_DIR,	   /* made by us in the root tmpfs */
	NUC_PLACE_TMPFS,   /* a fresh tmpfs: things may be made below it */
	NUC_PLACE_BOUND,   /* somebody's files: nothing is made below it */
	NUC_PLACE_SYMLINK, /* nothing is mounted through it */
	NUC_PLACE_FILE,
};

struct nuc_place {
	char *path;
	uint32_t hash;
	enum nuc_place_kind kind;
	bool mount;
};

struct nuc_grant {
	char *path;
	uint32_t rights;
	bool file;
	const char *origin;
};

/* What a user's path led to, where links may have been followed. */
struct nuc_indirect {
	char *path; /* as it is written */
	const char *origin;
	struct nuc_file_id id;
};

struct nuc_builder {
	const nucleus_policy *policy;
	struct nuc_world *world;
	enum nuc_mode mode;
	nucleus_error **err;

	struct nuc_plan head;
	struct nuc_step *steps[NUC_PROG__COUNT];
	size_t n_steps[NUC_PROG__COUNT];
	const char *log;		/* of a trace, or NULL */
	struct nuc_buf data, env, warnings, notes;
	bool failed; /* out of memory somewhere: found at the end */

	struct nuc_place *places;
	size_t n_places;
	struct nuc_grant *grants;
	size_t n_grants;
	struct nuc_audit *audits;
	size_t n_audits;
	struct nuc_file_id *writable; /* of the host: what is bound so, or carried back */
	size_t n_writable;
	struct nuc_indirect *indirect;
	size_t n_indirect;
	struct {
		uint32_t uid, gid;
	} idmaps[NUC_SLOTS - NUC_SLOT_IDMAP];
	size_t n_idmaps;

	struct {
		char name[33];
		uint32_t id;
	} user, group;
	char home[64];
	bool has_cgroup;
	bool late_network; /* the network namespace belongs to the workload's user namespace */
	/* Rlimits in place of what no group can be had for, in mode agent; 0: none. */
	int64_t data_limit, process_limit;
	const char *sealed; /* the target of nuc_b_seal(), or NULL */
	bool copies_root; /* the root is a copied tree: what we make may be there already */
	bool has_workspace, has_context, has_rootfs;
	struct nuc_look workspace, context, rootfs; /* last, and undefined unless there is one */
};

uint32_t nuc_b_bytes(struct nuc_builder *b, const void *bytes, size_t len);
uint32_t nuc_b_str(struct nuc_builder *b, const char *s);
/* The new step: fill it at once, the next call may move it. */
struct nuc_step *nuc_b_step(struct nuc_builder *b, enum nuc_program program, enum nuc_op op,
			    const char *origin, uint32_t a0, uint32_t a1, uint32_t a2);
/*
 * A mechanism is missing, because of `why`: an error if the mode requires it, else a recorded
 * downgrade. Returns 0 when compile goes on without it.
 */
int nuc_b_missing(struct nuc_builder *b, enum nuc_mechanism mechanism, const char *origin,
		  const char *why, const char *mend);
/* Whether the mode uses the mechanism at all; marks it as enforced. */
bool nuc_b_wants(struct nuc_builder *b, enum nuc_mechanism mechanism);
void nuc_b_enforced(struct nuc_builder *b, enum nuc_mechanism mechanism);
int nuc_b_fail(struct nuc_builder *b, int code, const char *layer, const char *origin,
	       const char *hint, const char *fmt, ...) NUC_PRINTF(6, 7);

struct nuc_place *nuc_b_place(struct nuc_builder *b, const char *path);
void nuc_b_add_place(struct nuc_builder *b, const char *path, enum nuc_place_kind kind, bool mount);
/* Makes `path` a directory (and its parents), for a mount on it. */
int nuc_b_dir(struct nuc_builder *b, const char *path, uint32_t mode, bool users, const char *origin);
void nuc_b_symlink(struct nuc_builder *b, const char *target, const char *path);
void nuc_b_file(struct nuc_builder *b, const char *path, const char *text, uint32_t mode);
int nuc_b_bind(struct nuc_builder *b, const struct nuc_look *src, const char *dst, uint16_t flags,
	       bool idmap, const char *origin);
int nuc_b_mount(struct nuc_builder *b, const char *fstype, const char *const *options,
		const char *dst, uint16_t flags, const char *origin);
int nuc_b_tmpfs(struct nuc_builder *b, const char *dst, int64_t size, const char *mode, bool users,
		const char *origin);
/* The tmpfs just mounted on `dst` becomes read-only once all is in place. */
void nuc_b_seal(struct nuc_builder *b, const char *dst);
/*
 * Asks the copying parent to fill the directory `dst` from `src`, and to carry it back at the end;
 * `what` names it in errors.
 */
void nuc_b_copy(struct nuc_builder *b, const struct nuc_look *src, const char *what, const char *dst,
		bool and_back, const char *origin);
/* Programs can write to this file or directory of the host, and to all below. */
void nuc_b_writable(struct nuc_builder *b, const struct nuc_look *l);
/* The policy names this: nuc_emit_unchosen() asks who decided where the path leads. The origin is the policy's. */
void nuc_b_named(struct nuc_builder *b, const char *path, const struct nuc_look *l, const char *origin);
/* Decides where the new root is attached while it is built: once all binds are there. */
int nuc_b_attach_point(struct nuc_builder *b);
/* What Landlock lets the program do at and below a path. */
void nuc_b_grant(struct nuc_builder *b, const char *path, uint32_t rights, bool file,
		 const char *origin);

/* What a path of the sandbox leads to, as far as it is known before there is a sandbox. */
enum nuc_inside_kind {
	NUC_INSIDE_DIR,
	NUC_INSIDE_FILE,
	NUC_INSIDE_MISSING,
	NUC_INSIDE_UNKNOWN, /* in a file system that the kernel fills */
};

struct nuc_inside {
	enum nuc_inside_kind kind;
	char path[4096]; /* without links in it; the rest of a missing one as it was written */
};

/*
 * Looks where the steps so far put it, and what is there on the host. -ELOOP, -ENAMETOOLONG; -EINVAL
 * for what stands for something else in each process (/proc/self); -ESTALE: moved meanwhile.
 */
int nuc_b_inside(struct nuc_builder *b, const char *path, struct nuc_inside *ret);

#define NUC_GRANT_READ 1u
#define NUC_GRANT_EXEC 2u
#define NUC_GRANT_WRITE 4u
#define NUC_GRANT_DEVICE 8u
#define NUC_GRANT_LIST 16u

/* The emitters, in the order in which compile calls them. */
int nuc_emit_caps_policy(struct nuc_builder *b);
int nuc_emit_cgroup(struct nuc_builder *b);
int nuc_emit_namespaces(struct nuc_builder *b);
int nuc_emit_paths(struct nuc_builder *b);
int nuc_emit_root(struct nuc_builder *b);
int nuc_emit_cgroup_mount(struct nuc_builder *b); /* a part of nuc_emit_root() */
int nuc_emit_files(struct nuc_builder *b);
int nuc_emit_unchosen(struct nuc_builder *b);
int nuc_emit_finish_root(struct nuc_builder *b);
int nuc_emit_security(struct nuc_builder *b);
/* Started with capabilities, whether the network is to be owned by whom the policy keeps some for. */
bool nuc_b_keeps_network(const struct nuc_builder *b);
void nuc_emit_capabilities(struct nuc_builder *b, enum nuc_program program); /* parts of it */
int nuc_emit_landlock(struct nuc_builder *b);
void nuc_emit_landlock_restrict(struct nuc_builder *b, enum nuc_op op, const char *origin, uint8_t slot);
int nuc_emit_process(struct nuc_builder *b);
int nuc_emit_landlock_policy(struct nuc_builder *b);
int nuc_emit_exec(struct nuc_builder *b);
