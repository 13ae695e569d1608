/* SPDX-License-Identifier: MIT */
/* dangerous: system calls that no profile should allow without somebody having meant it. */
#pragma once

#include "base.h"

struct nuc_danger {
	const char *name;
	const char *reason;	/* what it gives a hostile program */
	/*
	 * Never part of a profile that was learned, unless it is named one by one. The others are worth a
	 * word where a profile allows them.
	 */
	bool always;
};

/* The i-th, sorted by name, or NULL past the last. */
const struct nuc_danger *nuc_danger_at(size_t i);
/* NULL: nothing special about this call. */
const struct nuc_danger *nuc_danger_of(const char *name);
