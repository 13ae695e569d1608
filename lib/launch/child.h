/* SPDX-License-Identifier: MIT */
/* What the child and init know, and the function that performs a step. Freestanding. */
#pragma once

#include "plan.h"

struct nuc_context {
	const struct nuc_plan *plan;
	int slots[NUC_SLOTS];
	int stdio[3];		/* what becomes 0, 1, 2; -1: left as it is */
	int init_fd, plan_fd;	/* the init program, the plan as a file */
	int status_fd;		/* a shared page where init writes what step it is at */
	int report_fd;		/* write end of the report pipe */
	int caller_fd;		/* pidfd of the caller */
	int control_fd;		/* to the copying parent, or -1 */
	char *const *argv;	/* of what is executed: init, or the program */
	char *const *envp;
	volatile uint32_t step; /* what is being done, for "killed during step N" */
	volatile int32_t error; /* errno of the step that failed */
};

/* Performs one step. 0 or more, or -errno. Makes no decision: compile made them all. */
long nuc_run_step(struct nuc_context *c, const struct nuc_step *s);

/* The function that clone3 starts: runs the child's program, which ends in exec of init. */
int nuc_child_main(void *context);
