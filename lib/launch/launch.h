/* SPDX-License-Identifier: MIT */
/* launch: executes a plan. */
#pragma once

#include "base.h"
#include "cgroup.h"
#include "child.h"
#include "kept.h"
#include "plan.h"
#include "rootfs.h"
#include "timing.h"

/* The child's stack and below it a page without access: an overflow faults, and hits nothing. */
#define NUC_STACK_GUARD 4096
#define NUC_STACK_SIZE (65536 + NUC_STACK_GUARD)

/* A plan that a sandbox object and its processes share, from any threads. */
struct nuc_shared_plan {
	unsigned int references;
	struct nuc_plan *plan;
};
struct nuc_shared_plan *nuc_shared_plan_ref(struct nuc_shared_plan *shared);
/* NULL is allowed. */
void nuc_shared_plan_unref(struct nuc_shared_plan *shared);

/* A process, as one that was forked from it is not, though it may have the same number (CLONE_NEWPID). */
struct nuc_owner {
	uint64_t number;	/* of all that were forked from one another it is this one's; see owner.c */
	pid_t pid;		/* where there was no memory for that */
};
struct nuc_owner nuc_owner_now(void);
bool nuc_owner_is_now(const struct nuc_owner *o);

/* Where an init writes what step it is at, and when it has done each: see struct nuc_progress. */
struct nuc_status {
	int fd;
	uint32_t size;
	struct nuc_progress *page;
};

struct nuc_pool;

/* What is made once per sandbox object and used by each of its spawns. */
struct nuc_prepared {
	struct nuc_plan *plan;	/* that of `shared` */
	struct nuc_shared_plan *shared;
	int init_fd, plan_fd;	/* sealed memory files: the init program, the plan */
	struct nuc_status status;
	struct nuc_owner owner;	/* of the page: what forks from it shares it, and starts sandboxes at the same time */
	int slots[NUC_SLOTS];	/* what the host steps made */
	const char **envp;	/* into the plan */
	char *stack;		/* of the child until it executes init */
	struct nuc_cgroup_parent *groups; /* NULL: the plan has no group */
	struct nuc_kept kept;
	struct nuc_pool *pool;	/* NULL: none is kept */
	bool timed;		/* launches from now on tell where their time goes */
};

/* A workspace that is carried back at the end. */
struct nuc_carry {
	int inside, outside;	/* directories; -1: nothing to carry */
	struct nuc_tree_listing *base;
	struct nuc_copy_params params;
};

struct nuc_running {
	int pidfd, report_fd;
	int denial_fd;		/* read end: struct nuc_denial_record; -1: nothing is told */
	int audit_fd;		/* the kernel's log of what Landlock refuses, of all programs of the host; or -1 */
	int program_pid;	/* with audit_fd: who made the layer of a Landlock policy, or 0 */
	int pid;
	uint64_t launch_us;
	struct nuc_shared_plan *plan; /* a reference */
	struct nuc_carry carry;
	struct nuc_cgroup_parent *groups; /* a reference, or NULL */
	struct nuc_cgroup group;
	struct nuc_timing *timing; /* NULL: it is not timed */
};

/* Takes the plan, also on failure, and those user namespaces that it needs: those that are not there are made. */
int nuc_prepare(struct nuc_plan *plan, struct nuc_usernses *usernses, struct nuc_prepared **ret,
		nucleus_error **ret_err);
void nuc_prepared_free(struct nuc_prepared *p);
int nuc_status_make(struct nuc_status *s, uint32_t size);
/* In a process that was forked from `*owner` another page takes its place. */
int nuc_status_own(struct nuc_status *s, struct nuc_owner *owner);
void nuc_status_done(struct nuc_status *s);

/*
 * Keeps `count` sandboxes started ahead of their programs, and starts them without waiting for them; 0
 * ends those that there are. Which plans can be: see nucleus_sandbox_prepare().
 */
int nuc_pool_keep(struct nuc_prepared *p, unsigned int count, nucleus_error **ret_err);
void nuc_pool_free(struct nuc_pool *pool);
/* Whether a descriptor is one of those of what is ahead. NULL is allowed. */
bool nuc_pool_owns(const struct nuc_pool *pool, int fd);

/*
 * Starts argv under the plan. stdio: -1 for the caller's own. Returns 0 once the program has been
 * executed; on failure nothing is left behind.
 */
int nuc_launch(struct nuc_prepared *p, const int stdio[3], const char *const *argv,
	       struct nuc_running *ret, nucleus_error **ret_err);

void nuc_carry_done(struct nuc_carry *c);
/* Kills it if it still runs, and lets go of all that it holds. */
void nuc_running_done(struct nuc_running *r, bool gone);
