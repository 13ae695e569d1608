/* SPDX-License-Identifier: MIT */
/* Whether what programs in the sandbox can write to holds a file of the host. */
#include <fcntl.h>
#include <sys/stat.h>

#include "compile.h"

#define MAX_DEPTH 4096

static bool is_source(const struct nuc_plan *p, const struct stat *st)
{
	for (uint32_t i = 0; i < p->n[NUC_PROG_CHILD]; i++) {
		const struct nuc_step *s = nuc_plan_step(p, p->first[NUC_PROG_CHILD] + i);
		const struct nuc_bind *bind = nuc_plan_data(p, s->arg[0]);
		struct stat src;

		if (s->op != NUC_OP_BIND || !(s->flags & NUC_STEP_WRITE))
			continue;
		if (bind->dev || bind->ino) {
			if (st->st_dev == bind->dev && st->st_ino == bind->ino)
				return true;
		} else if (stat(nuc_plan_data(p, bind->src), &src) == 0 &&
			   src.st_dev == st->st_dev && src.st_ino == st->st_ino) {
			return true;
		}
	}
	return false;
}

int nuc_plan_can_write(const struct nuc_plan *p, const char *path)
{
	_cleanup_free_ char *dir = strdup(path);
	_cleanup_close_ int at = -1;
	struct stat st, above;
	char *slash;

	if (!dir)
		return -ENOMEM;
	if (stat(path, &st) == 0 && is_source(p, &st))
		return 1;
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	at = open(slash ? dir : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (at < 0 || fstat(at, &st) < 0)
		return -errno;
	/* By what directories are, not by how they are called: links and mounts have many names. */
	for (int i = 0; i < MAX_DEPTH; i++) {
		int up;

		if (is_source(p, &st))
			return 1;
		up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (up < 0 || fstat(up, &above) < 0) {
			int r = -errno;

			nuc_closep(&up);
			return r;
		}
		close(at);
		at = up;
		if (above.st_dev == st.st_dev && above.st_ino == st.st_ino)
			return 0;
		st = above;
	}
	return -ELOOP;
}
