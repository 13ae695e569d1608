/* SPDX-License-Identifier: MIT */
/* compile: a pure function of policy and world into a plan; verify and explain read plans only. */
#pragma once

#include <sys/types.h>

#include "base.h"
#include "cgroup.h"
#include "host.h"
#include "plan.h"
#include "policy.h"
#include "policy_file.h"

/* What a path is on this host. */
struct nuc_look {
	char path[4096];	/* canonical: no link in it, if followed */
	char link[256];		/* a symbolic link's target, if not followed */
	mode_t mode;
	uint64_t dev, ino;
	uid_t uid;
	gid_t gid;
	dev_t rdev;		/* of a device */
	bool indirect;		/* links may have been followed: the path was not written as it is above */
};

/*
 * All that compile may know of the host. The real one is made by nuc_world_init(); tests make their
 * own, so that golden plans do not depend on the machine.
 */
struct nuc_world {
	struct nuc_facts facts;
	uint64_t hard_limit[16];    /* RLIMIT_* of the caller; UINT64_MAX: none */
	const char *const *environ; /* for env-pass */
	/* With `follow` it is a user's path: links are resolved. */
	int (*look)(struct nuc_world *w, const char *path, bool follow, struct nuc_look *ret);
	/* As nuc_walk(). Of what is indirect, and of policy files; where programs can write to something. */
	int (*walk)(struct nuc_world *w, const char *path, const struct nuc_file_id *writable, size_t n,
		    bool links_only, struct nuc_file_id *ret_end, char **ret_name);
	/* Names in a directory: the wanted ones (NULL: all), sorted, NULL-terminated; each and the array are the caller's. */
	int (*list)(struct nuc_world *w, const char *path, bool (*wanted)(const char *name), char ***ret);
	/* Where there may be groups; asked only if a policy wants one. */
	int (*cgroup)(struct nuc_world *w, struct nuc_cgroup_place *ret);
	/* As nuc_policy_file_read(). */
	int (*read_policy_file)(struct nuc_world *w, const struct nuc_policy_file_wanted *wanted,
				struct nuc_policy_file *ret, nucleus_error **ret_err);
	/* Whether what is at a path, and below, can be bound with its ids mapped: 0 or -errno. As root only. */
	int (*try_idmap)(struct nuc_world *w, const char *path, const char *uid_map, const char *gid_map);
	struct nuc_usernses usernses; /* of the trials: launch takes over those that it needs */
	struct nuc_directory *last;   /* that of the path which look() saw last, or NULL */
};

int nuc_world_init(struct nuc_world *ret);
void nuc_world_done(struct nuc_world *w);

/*
 * Gives a plan that verify accepts; owned by the caller, free(). Errors: -ENOTSUP when the mode
 * requires what the world lacks, -EINVAL, -ENOENT, -ENOTDIR, ... with an error that names the option.
 */
int nuc_compile(const nucleus_policy *policy, struct nuc_world *world,
		struct nuc_plan **ret, nucleus_error **ret_err);

/* Whether the policy asks for a limit that only a group with controllers can enforce. */
bool nuc_wants_controllers(const nucleus_policy *policy);

/*
 * Whether the bytes are a plan that may be executed: offsets inside, strings ended, slots written
 * before read, every step in its program and in order, everything there that `mechanisms` claims.
 * Returns 0 or -EBADMSG; ret_why (may be NULL) receives a static string.
 */
int nuc_verify(const void *plan, size_t size, const char **ret_why);

/*
 * Whether one of the names that are looked up on the way to `path`, and in the links on it, is in a directory at
 * or below one of these: whoever can write to that could have put something else there, or can. With
 * `links_only` only links count, which alone lead out of it; else every name, there or not there yet, and
 * what the path leads to. 1, with the name in ret_name (free()); 0, with what is there in ret_end; -errno.
 */
int nuc_walk(const char *path, const struct nuc_file_id *writable, size_t n, bool links_only,
	     struct nuc_file_id *ret_end, char **ret_name);

/*
 * 1 if programs in the sandbox could write to a file of the host, there or not there yet, or put another
 * in its place or in that of a directory or link on the way; 0 if not; or the errno of looking.
 */
int nuc_plan_can_write(const struct nuc_plan *plan, const char *path);

/* Canonical JSON: what is hashed. Equal plans, wherever their origins were written, equal text. */
int nuc_explain_json(const struct nuc_plan *plan, char **ret);
int nuc_explain_text(const struct nuc_plan *plan, char **ret);
/* One step in words, as "bind /usr on /usr (ro,nosuid,nodev)": for errors. */
int nuc_explain_step(const struct nuc_plan *plan, uint32_t step, char **ret);
const char *nuc_op_name(unsigned int op);
/* Its argument kinds, three characters: see ops.def. */
const char *nuc_op_args(unsigned int op);
/* A JSON string; bytes that are not UTF-8 as \xNN. NULL when there is no memory. */
struct json_t;
struct json_t *nuc_json_text(const char *s, size_t len);
/* Names of the set bits, separated by commas; kind as in ops.def. */
void nuc_print_bits(struct nuc_buf *b, char kind, uint64_t bits);
