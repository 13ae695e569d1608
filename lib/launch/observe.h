/* SPDX-License-Identifier: MIT */
/* How init is told of the program's system calls, answers, and tells the caller. Freestanding. */
#pragma once

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
