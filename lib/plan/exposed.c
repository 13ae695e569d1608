/* SPDX-License-Identifier: MIT */
/* Whether what programs in the sandbox can write to holds a file of the host. */
#include <sys/stat.h>

#include "compile.h"

/* What the step lets programs write to. What is carried back replaces what is there, after the end. */
static bool is_writable(const struct nuc_plan *p, const struct nuc_step *s, struct nuc_file_id *ret)
{
	const struct nuc_bind *bind;
	struct stat st;

	if ((s->op != NUC_OP_COPY && s->op != NUC_OP_BIND) || !(s->flags & NUC_STEP_WRITE))
		return false;
	bind = nuc_plan_data(p, s->arg[s->op == NUC_OP_COPY ? 1 : 0]);
	*ret = (struct nuc_file_id){ bind->dev, bind->ino };
	if (ret->dev || ret->ino)
		return true;
	if (stat(nuc_plan_data(p, bind->src), &st) < 0)
		return false;
	*ret = (struct nuc_file_id){ st.st_dev, st.st_ino };
	return true;
}

int nuc_plan_can_write(const struct nuc_plan *p, const char *path)
{
	_cleanup_free_ struct nuc_file_id *writable = NULL;
	const uint32_t steps = p->n[NUC_PROG_HOST] + p->n[NUC_PROG_CHILD];
	_cleanup_free_ char *name = NULL;
	struct nuc_file_id end;
	size_t n = 0;

	writable = calloc(steps + 1, sizeof(*writable));
	if (!writable)
		return -ENOMEM;
	for (int program = NUC_PROG_HOST; program <= NUC_PROG_CHILD; program++)
		for (uint32_t i = 0; i < p->n[program]; i++)
			n += is_writable(p, nuc_plan_step(p, p->first[program] + i), &writable[n]);
	return nuc_walk(path, writable, n, false, &end, &name);
}
