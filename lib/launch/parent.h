/* SPDX-License-Identifier: MIT */
/* One launch, as the caller's side of it is made: parent.c, descriptors.c. */
#pragma once

#include "launch.h"

/* All that one launch holds in the caller: closed, ended and freed on every path. */
struct nuc_launch {
	const struct nuc_prepared *prepared;
	struct nuc_context ctx;
	struct nuc_context *shared; /* of a child with a memory of its own: its steps and error; or NULL */
	int stdio[3];			/* copies of ours, or -1 */
	int report_read, report_write;
	int denial_read, denial_write;
	int audit;			/* the kernel's log, or -1; with it the denials are a socket */
	int log;			/* the file of a trace; if all fails it is removed */
	int caller, control, control_child;
	int pidfd;
	int pid;
	const char **argv;
	char numbers[64];
	struct nuc_carry carry;
	struct nuc_cgroup group;
};

/* Refuses descriptors that are no caller's to pass, and those that would lead out of the sandbox. */
int nuc_launch_check(const struct nuc_prepared *p, const int stdio[3], nucleus_error **ret_err);
/* Opens all that the launch needs into it. What was opened before a failure is closed with the launch. */
int nuc_launch_open(struct nuc_launch *l, const int stdio[3]);
/* Joins the kernel's log if the plan's layers write to it, it is on, and we may read it. Otherwise -1. */
int nuc_launch_open_audit(const struct nuc_plan *plan);
/*
 * The program's process as the initial pid namespace counts, by the word that it wrote before its layer;
 * 0 for none. To be called when it runs.
 */
int nuc_launch_program_pid(const struct nuc_launch *l);
/* Makes the file of a trace, if the plan has one. */
int nuc_launch_open_log(struct nuc_launch *l, nucleus_error **ret_err);
