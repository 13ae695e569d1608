/* SPDX-License-Identifier: MIT */
/*
 * What init writes of the program's doings: a line of JSON the first time that a program makes a call
 * in a new form, or touches a path in a new way (nucleus-trace(5)). Freestanding.
 *
 * All that a workload controls (its name, its memory, its paths) is only ever copied into strings,
 * escaped. It may mislead what is learned of it, never what is enforced.
 */
#pragma once

#include "plan.h"
#include "raw.h"

#define NUC_SEEN_RUN (-1)

/* A call that init was told of. */
struct nuc_seen {
	uint64_t id;		/* of the notification: its caller waits while that is valid */
	int32_t listener;
	int32_t pid;
	int32_t nr;
	int32_t error;		/* NUC_SEEN_RUN, or the errno (0: success) that answers it without it being run */
	int32_t refused;	/* it is always refused */
	const uint64_t *args;	/* six */
};

/* Begins the trace in `fd`, a file that the caller opened. Once; before, all others do nothing. */
void nuc_trace_start(const struct nuc_plan *plan, int fd);
/* The program's first exec, which no notification told of: when the first one comes. */
void nuc_trace_program(int32_t pid);
/* Before the call is answered: its caller must still wait for that. */
void nuc_trace_call(const struct nuc_seen *s);
/* The totals, so that a trace which was cut off is known as such. */
void nuc_trace_end(void);

/* ---- between trace.c and learn.c ------------------------------------------------------------------ */

/* The paths and ports of a call. */
void nuc_learn_call(const struct nuc_seen *s);
void nuc_learn_program(int32_t pid);

/* `path` is NUL-terminated, or NULL for what could not be read. */
void nuc_trace_path(int32_t pid, const char *op, const char *kind, const char *path,
		    const char *what_for);
void nuc_trace_net(int32_t pid, const char *op, const char *family, const char *type,
		   uint32_t port);
/* Something that could not be read from the program. */
void nuc_trace_unread(void);
