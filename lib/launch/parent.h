/* SPDX-License-Identifier: MIT */
/* One launch, as the caller's side of it is made: parent.c, descriptors.c, pool.c. */
#pragma once

#include "launch.h"

enum nuc_launch_kind {
	NUC_LAUNCH,	 /* of a program */
	NUC_LAUNCH_MAKER, /* of a process that clones sandboxes, and has no program */
	NUC_LAUNCH_MADE,  /* of a sandbox that a maker clones, and that has a program later */
	NUC_LAUNCH_KEEP,  /* of a process that builds the root for others, and ends */
};

/* All that one launch holds in the caller: closed, ended and freed on every path. */
struct nuc_launch {
	const struct nuc_prepared *prepared;
	struct nuc_context ctx;
	struct nuc_context *shared; /* of a child with a memory of its own: its steps and error; or NULL */
	char *stack;			/* of the child; not its own */
	const struct nuc_status *status; /* of its init; not its own */
	enum nuc_launch_kind kind;
	bool copies;			/* the root that is kept */
	const struct nuc_file_id *sources; /* what one that builds for others may bind; not its own */
	char maps[2][48];		/* of the user namespace of one that is no sandbox */
	int stdio[3];			/* copies of ours, or -1 */
	int report_read, report_write;
	int denial_read, denial_write;
	int audit;			/* the kernel's log, or -1; with it the denials are a socket */
	int log;			/* the file of a trace; if all fails it is removed */
	int caller, control, control_child;
	int pidfd;
	int pid;
	const char **argv;
	char numbers[96];
	struct nuc_carry carry;
	struct nuc_cgroup group;
	uint64_t opened_ns;		/* if it is timed: when it had what it needs, or had taken one made ahead */
};

void nuc_launch_init(struct nuc_launch *l, const struct nuc_prepared *p, char *stack,
		     const struct nuc_status *status);
/* Opens what it needs, and starts the child. argv is NULL for a maker. */
int nuc_launch_start(struct nuc_launch *l, const int stdio[3], const char *const *argv,
		     nucleus_error **ret_err);
/* Starts the child of one that has what it needs; `pidfd` and `pid` are its. 0, or -errno of clone3. */
int nuc_launch_clone(struct nuc_launch *l);
/* Waits until that child is gone, who may have been reaped by the caller. */
void nuc_await_end(int pidfd);
/* Kills the sandbox, first. */
void nuc_end_sandbox(int pidfd);
/* Builds the root that is kept, of a plan that has one. 0, or -errno: it is not there, or in parts. */
int nuc_launch_keep(struct nuc_prepared *p);
/* The descriptor that the child has sent, or is about to. */
int nuc_launch_receive(const struct nuc_launch *l);
/* Whether a descriptor is one of these, and not the caller's. */
bool nuc_launch_owns(const struct nuc_launch *l, int fd);
/* Opens what a sandbox from a maker needs, and makes its group. */
int nuc_launch_open_made(struct nuc_launch *l);
/* It has what it needs, but for its group: from here on it is timed, if that is wanted. */
void nuc_launch_opened(struct nuc_launch *l);
/* Of those that have been given away: the closing of the last of them is what tells of a child's end. */
void nuc_launch_close_childs(struct nuc_launch *l);
/* Waits until init has said `kind`, and nothing else. `program` is for the message. */
int nuc_launch_await(struct nuc_launch *l, uint32_t kind, const char *program, nucleus_error **ret_err);
/* Waits until the program runs; what holds it then is `ret`. `started`: nuc_now_ns() */
int nuc_launch_finish(struct nuc_launch *l, const char *program, int64_t started, struct nuc_running *ret,
		      nucleus_error **ret_err);
/* Ends what was started, and closes all. */
void nuc_launch_done(struct nuc_launch *l);

/*
 * Starts a program in a sandbox of the pool. 1 if there is none, or none that may be used; else as
 * nuc_launch(). The pool is filled up again meanwhile.
 */
int nuc_pool_launch(struct nuc_pool *pool, const int stdio[3], const char *const *argv, int64_t started,
		    struct nuc_running *ret, nucleus_error **ret_err);

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
