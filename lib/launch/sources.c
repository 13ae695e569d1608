/* SPDX-License-Identifier: MIT */
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base.h"
#include "capability.h"
#include "sources.h"

static const struct nuc_bind *bind_of(const struct nuc_plan *plan, uint32_t i)
{
	const struct nuc_step *s = nuc_plan_step(plan, plan->first[NUC_PROG_CHILD] + i);

	return s->op == NUC_OP_BIND ? nuc_plan_data(plan, s->arg[0]) : NULL;
}

static struct nuc_file_id look(const struct nuc_plan *plan, const struct nuc_bind *b)
{
	struct stat st;

	if (stat(nuc_plan_data(plan, b->src), &st) < 0)
		return (struct nuc_file_id){ 0, 0 };
	return (struct nuc_file_id){ st.st_dev, st.st_ino };
}

struct nuc_file_id *nuc_sources_new(const struct nuc_plan *plan)
{
	return calloc(plan->n[NUC_PROG_CHILD], sizeof(struct nuc_file_id));
}

void nuc_sources_look(const struct nuc_plan *plan, struct nuc_file_id *ret)
{
	for (uint32_t i = 0; i < plan->n[NUC_PROG_CHILD]; i++)
		if (bind_of(plan, i))
			ret[i] = look(plan, bind_of(plan, i));
}

bool nuc_sources_are(const struct nuc_plan *plan, const struct nuc_file_id *was)
{
	for (uint32_t i = 0; i < plan->n[NUC_PROG_CHILD]; i++) {
		const struct nuc_bind *b = bind_of(plan, i);
		struct nuc_file_id is;

		if (!b)
			continue;
		is = look(plan, b);
		if (is.dev != was[i].dev || is.ino != was[i].ino)
			return false;
	}
	return true;
}

static bool is_in(const char *path, const char *top)
{
	const size_t n = strlen(top);

	return !strcmp(top, "/") || (!strncmp(path, top, n) && (!path[n] || path[n] == '/'));
}

/* Where step `i` of the child's program mounts, or NULL. */
static const char *mounts_at(const struct nuc_plan *plan, uint32_t i)
{
	const struct nuc_step *s = nuc_plan_step(plan, plan->first[NUC_PROG_CHILD] + i);
	const void *a = nuc_plan_data(plan, s->arg[0]);

	return s->op == NUC_OP_BIND    ? nuc_plan_data(plan, ((const struct nuc_bind *)a)->dst)
	       : s->op == NUC_OP_MOUNT ? nuc_plan_data(plan, ((const struct nuc_mount *)a)->dst)
				       : NULL;
}

/*
 * Whether something is mounted below a directory of the host's, or a directory of the host's in a file system
 * that each sandbox has for itself. The first is lost or goes elsewhere where its mount point is removed or
 * renamed, by whoever may write there, some program in a sandbox too; for the second a shared root is too early.
 */
static bool mounts_are_nested(const struct nuc_plan *plan)
{
	for (uint32_t i = 0; i < plan->n[NUC_PROG_CHILD]; i++) {
		const char *at = mounts_at(plan, i);

		for (uint32_t k = 0; at && k < i; k++) {
			const char *above = mounts_at(plan, k);

			if (above && is_in(at, above) && (bind_of(plan, i) || bind_of(plan, k)))
				return true;
		}
	}
	return false;
}

/* In a user namespace that owns its mounts: the host's procfs is below its own there (keep_proc()). */
static bool may_unmount(const struct nuc_plan *plan)
{
	return !plan->privileged && plan->caps[NUC_CAPSET_BOUNDING] & NUC_CAP_BIT(CAP_SYS_ADMIN);
}

const char *nuc_root_is_of_one_start(const struct nuc_plan *plan)
{
	return plan->count[NUC_OP_COPY]	     ? "a copy is of what is there when a program starts"
	       : *(const char *)nuc_plan_data(plan, plan->log) ? "a trace is of one program"
	       : mounts_are_nested(plan)
		       ? "a mount is in another, whose directories may be moved before a program starts"
	       : may_unmount(plan) ? "a program that may unmount would find the host's procfs below its own"
				   : NULL;
}

uint64_t nuc_children_are_here(void)
{
	const uint64_t own = nuc_namespace_of_thread("pid");

	return own == nuc_namespace_of_thread("pid_for_children") ? own : 0;
}
