/* SPDX-License-Identifier: MIT */
/* What the child and init know, and the function that performs a step. Freestanding. */
#pragma once

#include "plan.h"

/*
 * A page that init shares with the caller, who reads it only if init ends without a word (a pipe would
 * wake it), and with the program's process until its exec, which need not be in init's memory.
 */
struct nuc_progress {
	volatile uint32_t step;
	volatile uint32_t exec_failed;
	volatile int32_t error;	   /* why, when it failed */
	volatile int32_t listener; /* where init is told of calls, in its own table; -1: nowhere */
	volatile uint32_t hurry;   /* of a maker's page: a futex; 1: the caller waits for what it ordered */
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
	const char *own_map[2];	/* of a maker: its id maps, of users and of groups; else NULL */
	struct nuc_progress *progress; /* in init only */
	char *const *argv;	/* of what is executed: init, or the program */
	char *const *envp;
	volatile uint32_t step; /* what is being done, for "killed during step N" */
	volatile int32_t error; /* errno of the step that failed */
};

/* Performs one step. 0 or more, or -errno. Makes no decision: compile made them all. */
long nuc_run_step(struct nuc_context *c, const struct nuc_step *s);

/*
 * The function that clone3 starts: runs the child's program, which ends in exec of init. For a maker
 * (own_map) these are the steps that all sandboxes of the plan can share.
 */
int nuc_child_main(void *context);
/* The other steps of the child's program, in a process that a maker has cloned. As nuc_run_step(). */
long nuc_run_rest(struct nuc_context *c, volatile uint32_t *step);
