/* SPDX-License-Identifier: MIT */
/* How init reads back from the kernel what was mounted. Freestanding. */
#pragma once

#include "child.h"

/* mountinfo is read in pieces of this size; a line has to fit. */
#define NUC_MOUNTINFO_BYTES 8192

/*
 * Compares each mount of this namespace with the row of `table` (struct nuc_audit) that is nearest above it: its
 * attributes must be there. 0, -EBADMSG where one is not or cannot be read, or an errno of reading. `buf` has
 * NUC_MOUNTINFO_BYTES.
 */
long nuc_audit_mounts(const struct nuc_plan *plan, const struct nuc_span *table, char *buf);
