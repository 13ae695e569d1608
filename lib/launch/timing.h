/* SPDX-License-Identifier: MIT */
/* Where the time of a launch went, out of when each step was done. Times are CLOCK_MONOTONIC in nanoseconds. */
#pragma once

#include "base.h"
#include "child.h"

struct nuc_timing;

/* What the caller knows. */
struct nuc_moments {
	uint64_t began;	 /* the call */
	uint64_t opened; /* it had what it needs, or had taken one that was made ahead */
	uint64_t now;	 /* the program runs */
	bool made;	 /* ahead */
};

/* Begins a launch with a page of `size` bytes. */
void nuc_timing_start(struct nuc_progress *page, uint32_t size, bool timed);
/*
 * The rows up to the program's exec. What the page says is not trusted: each row ends between the end of the one before
 * and `now`. Their sum is exact in any case.
 */
int nuc_timing_new(const struct nuc_plan *plan, const struct nuc_moments *m, const struct nuc_progress *page,
		   struct nuc_timing **ret);
/* The program ended, as init says (0: it said nothing), and all is gone now. */
void nuc_timing_end(struct nuc_timing *t, uint64_t ended, uint64_t now);
/* As nucleus_process_timing(); -ENOENT past the last. `plan` is that of nuc_timing_new(). */
int nuc_timing_row(struct nuc_timing *t, const struct nuc_plan *plan, size_t index, const char **ret_side,
		   const char **ret_what, uint64_t *ret_ns);
/* NULL is allowed. */
void nuc_timing_free(struct nuc_timing *t);
