/* SPDX-License-Identifier: MIT */
/* What the child and init know, and the function that performs a step. Freestanding. */
#pragma once

#include "plan.h"
#include "raw.h"

/*
 * A page that init shares with the caller, who reads it if init ends without a word (a pipe would wake
 * it) or if the launch is timed, and with the program's process until its exec, which need not be in init's
 * memory. Init has neither page nor descriptor any more when it tells that the program runs; a program never has.
 */
struct nuc_progress {
	volatile uint32_t step;
	volatile uint32_t exec_failed;
	volatile int32_t error;	   /* why, when it failed */
	volatile int32_t listener; /* where init is told of calls, in its own table; -1: nowhere */
	volatile uint32_t hurry;   /* of a maker's page: a futex; 1: the caller waits for what it ordered */
	volatile int32_t cloned;   /* of a start that copies: see nuc_enter_main() */
	volatile uint32_t timed;   /* enum nuc_timed bits; the caller's to write. What follows is for it only */
	volatile uint64_t begun;   /* when the child, or an init made ahead, took over */
	/*
	 * The processor's counter at the end of the step before the filter, of the filter, and of the exec:
	 * under the filter no clock may be asked.
	 */
	volatile uint64_t ticks[3];
	volatile uint64_t done[];  /* by number of step: CLOCK_MONOTONIC in nanoseconds, 0: not done */
};
enum nuc_timed { NUC_TIMED = 1, NUC_TIMED_TICKS = 2 };

/* Whole pages. */
static inline uint32_t nuc_progress_size(const struct nuc_plan *p)
{
	uint32_t steps = p->first[NUC_PROG_INIT] + p->n[NUC_PROG_INIT];

	return (uint32_t)(sizeof(struct nuc_progress) + steps * sizeof(uint64_t) + 4095) / 4096 * 4096;
}

/* A directory as it is mounted: a copy of the mount has another number. */
struct nuc_mounted {
	struct nuc_file_id file;
	uint64_t mount;
};

struct nuc_context {
	const struct nuc_plan *plan;
	int slots[NUC_SLOTS];
	int stdio[3];		/* what becomes 0, 1, 2; -1: left as it is */
	int init_fd, plan_fd;	/* the init program, the plan as a file */
	int status_fd;		/* a shared page where init writes what step it is at */
	int report_fd;		/* write end of the report pipe */
	int caller_fd;		/* pidfd of the caller */
	int denial_fd;		/* write end of the pipe of denials, or -1 */
	int log_fd;		/* the file of a trace, or -1 */
	int control_fd;		/* to the parent that copies, that has a program later, or orders; or -1 */
	/*
	 * The directory of the last path, of the root that is built: kept from step to step. Its path is the first
	 * `parent_len` bytes of `parent`; NULL: none. `made`: a path in it that the last step has made, or NULL.
	 */
	const char *parent, *made;
	long parent_len;
	int parent_fd;
	int has_users;		/* directories that users gave are bound */
	const char *own_map[2];	/* of a maker: its id maps, of users and of groups; else NULL */
	/* Of what builds a root for later starts: which files it binds, by step; NULL: whichever are there. */
	const struct nuc_file_id *sources;
	/*
	 * A root that is built once, and copied by each start (kept.c). `keeps`: this child is to build it, and sends its
	 * mount namespace and, if the plan has the kernel make one, its user namespace. Of any other child these are
	 * `root_fd` and `users_fd`, or -1. `root`: what the root is there. `kept`, by step of the child's program: done in
	 * it. What is told by one that enters or keeps holds if it came to its end, `finished`.
	 */
	int keeps, root_fd, users_fd;
	struct nuc_clone_args clone; /* of a start's second child */
	volatile int32_t *cloned; /* its number; or -errno */
	struct nuc_mounted root;
	uint8_t *kept;
	volatile int32_t finished;
	struct nuc_progress *progress; /* in init, and where it is timed */
	volatile uint64_t *done; /* of `progress`; NULL: not timed */
	char *const *argv;	/* of what is executed: init, or the program */
	char *const *envp;
	volatile uint32_t step; /* what is being done, for "killed during step N" */
	volatile int32_t error; /* errno of the step that failed */
};

static inline uint64_t nuc_ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* Step `i` is done: notes when, if it is to be known. */
static inline void nuc_stamp(const struct nuc_context *c, const struct nuc_step *s, uint32_t i)
{
	if (!c->done)
		return;
	if (c->progress->timed & NUC_TIMED_TICKS)
		c->progress->ticks[s->op == NUC_OP_SECCOMP] = nuc_ticks();
	if (s->op != NUC_OP_SECCOMP)
		c->done[i] = nuc_clock_ns(1 /* CLOCK_MONOTONIC */);
}

/* Performs one step. 0 or more, or -errno. Makes no decision: compile made them all. */
long nuc_run_step(struct nuc_context *c, const struct nuc_step *s);

/*
 * The function that clone3 starts: runs the child's program, which ends in exec of init. For a maker
 * (own_map) these are the steps that all sandboxes of the plan can share.
 */
__attribute__((noinline)) int nuc_child_main(void *context);
/*
 * In its place, where what is kept has a user namespace: enters both, which one that is born in namespaces of its
 * own may not, and has that one cloned, as a child of the caller's.
 */
int nuc_enter_main(void *context);
/* The other steps of the child's program, in a process that a maker has cloned. As nuc_run_step(). */
long nuc_run_rest(struct nuc_context *c, volatile uint32_t *step);
