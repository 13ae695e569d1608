/* SPDX-License-Identifier: MIT */
/* How init is told of the program's system calls, answers, and tells the caller. Freestanding. */
#pragma once

#include "trace.h"
#include "child.h"

/*
 * `listener` is what seccomp(2) gave, -1 for nothing; `program` has just been executed. Takes no
 * ownership; call before the others.
 */
void nuc_observe_start(const struct nuc_context *c, int listener, int32_t program);
/* Takes and answers one call. The listener must be readable: then this does not wait. */
void nuc_observe_one(void);
/*
 * Tells how many were not told, and ends the trace; gives how many these are if even that could not be
 * told.
 */
uint32_t nuc_observe_end(void);
/* A process of `pid`, a child of init's, has died of SIGSYS and is not reaped yet. */
void nuc_observe_killed(int32_t pid);

/* ---- between observe.c and observe_files.c ---------------------------------------------------------- */

void nuc_files_start(const struct nuc_plan *plan);
/* Looks whether another layer will refuse a call that the filter allows. Its caller must still wait. */
void nuc_files_call(const struct nuc_seen *s);
/* That it will fail with `error`; or, if `maybe`, could: told once, for the caller to ask the plan. */
void nuc_observe_tell(const struct nuc_seen *s, int error, const char *path, int maybe);
