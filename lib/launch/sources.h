/* SPDX-License-Identifier: MIT */
/* What a root that is used for more than one start was built of, and whether it still is there: pool.c, kept.c. */
#pragma once

#include <stdbool.h>

#include "child.h"

/* Room for what the plan binds, by step of the child's program; NULL: no memory. */
struct nuc_file_id *nuc_sources_new(const struct nuc_plan *plan);
void nuc_sources_look(const struct nuc_plan *plan, struct nuc_file_id *ret);
/* A file or directory that has been replaced would be the old one in all that is made from that root. */
bool nuc_sources_are(const struct nuc_plan *plan, const struct nuc_file_id *was);

/* Why each start of the plan has to build its root by itself, or NULL. */
const char *nuc_root_is_of_one_start(const struct nuc_plan *plan);

/*
 * The calling thread's pid namespace if its children are in it, too, else 0. What builds a root, or makes sandboxes, would be
 * the first process of another one: all that the caller forks would end with it.
 */
uint64_t nuc_children_are_here(void);
