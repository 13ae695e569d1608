/* SPDX-License-Identifier: MIT */
/* Whether what programs in the sandbox can write to holds a file of the host. */
#include <sys/stat.h>

#include "compile.h"

/* What the step lets programs write to, of what a user named. What is carried back replaces what is there, after the end. */
static bool is_writable(const struct nuc_plan *p, const struct nuc_step *s, struct nuc_file_id *ret)
{
	const uint16_t flags = NUC_STEP_USER | NUC_STEP_WRITE;
	const struct nuc_bind *bind;

	if ((s->op != NUC_OP_COPY && s->op != NUC_OP_BIND) || (s->flags & flags) != flags)
		return false;
	bind = nuc_plan_data(p, s->arg[s->op == NUC_OP_COPY ? 1 : 0]);
	*ret = (struct nuc_file_id){ bind->dev, bind->ino };
	return true;
}

/* The devices that each sandbox has: nothing is below them, and only root could put others in their place. */
static bool is_device(const struct nuc_plan *p, const struct nuc_step *s, const struct stat *st)
{
	struct stat src;

	return s->op == NUC_OP_BIND && s->flags & NUC_STEP_DEVICE && !(s->flags & NUC_STEP_USER) &&
	       stat(nuc_plan_data(p, ((const struct nuc_bind *)nuc_plan_data(p, s->arg[0]))->src), &src) == 0 &&
	       src.st_dev == st->st_dev && src.st_ino == st->st_ino;
}

int nuc_plan_can_write(const struct nuc_plan *p, const char *path)
{
	_cleanup_free_ struct nuc_file_id *writable = NULL;
	const uint32_t steps = p->n[NUC_PROG_HOST] + p->n[NUC_PROG_CHILD];
	_cleanup_free_ char *name = NULL;
	struct nuc_file_id end;
	struct stat st;
	bool is_there = stat(path, &st) == 0;
	size_t n = 0;

	writable = calloc(steps + 1, sizeof(*writable));
	if (!writable)
		return -ENOMEM;
	for (int program = NUC_PROG_HOST; program <= NUC_PROG_CHILD; program++)
		for (uint32_t i = 0; i < p->n[program]; i++) {
			const struct nuc_step *s = nuc_plan_step(p, p->first[program] + i);

			if (is_there && is_device(p, s, &st))
				return 1;
			n += is_writable(p, s, &writable[n]);
		}
	/* Where it can write to nothing, it does not matter who may look at what is above the file. */
	return n ? nuc_walk(path, writable, n, false, &end, &name) : 0;
}
