/* SPDX-License-Identifier: MIT */
/*
 * One layer of a strict-agent sandbox without the rest of it: bench-layers LAYERS VOLUME PROGRAM [ARGS...]
 *
 * LAYERS is a list, separated by commas, of
 *   none      nothing: PROGRAM is executed as by all others
 *   entry     a filter of one instruction that allows all: what any filter costs
 *   seccomp   the plan's filter
 *   landlock  the plan's rules, on the paths that are there on the host
 * They come from the plan of a sandbox with VOLUME (SRC:DST), so that there is no second list to follow.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common.h"
#include "landlock_abi.h"
#include "sandbox_internal.h"

static void load(const struct sock_filter *filter, size_t n)
{
	const struct sock_fprog program = { .len = (unsigned short)n, .filter = (struct sock_filter *)filter };

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		bench_stop("seccomp");
}

static void load_entry(void)
{
	static const struct sock_filter allow[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };

	load(allow, 1);
}

static void load_seccomp(const struct nuc_plan *p)
{
	for (uint32_t i = 0; i < p->n[NUC_PROG_INIT]; i++) {
		const struct nuc_step *s = nuc_plan_step(p, p->first[NUC_PROG_INIT] + i);
		const struct nuc_span *filter = s->op == NUC_OP_SECCOMP ? nuc_plan_data(p, s->arg[0]) : NULL;

		if (filter)
			load(nuc_plan_data(p, filter->at), filter->len / sizeof(struct sock_filter));
	}
}

/* A path that the sandbox only has within, as its home, has no rule here. */
static void add_path(int ruleset, const char *path, uint32_t rights)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights };
	struct stat st;

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0 && errno == ENOENT)
		return;
	if (rule.parent_fd < 0 || fstat(rule.parent_fd, &st) < 0)
		bench_stop(path);
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= NUC_LL_OF_FILES;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		bench_stop(path);
	close(rule.parent_fd);
}

static void load_landlock(const struct nuc_plan *p)
{
	int ruleset = -1;

	for (uint32_t i = 0; i < p->n[NUC_PROG_INIT]; i++) {
		const struct nuc_step *s = nuc_plan_step(p, p->first[NUC_PROG_INIT] + i);

		switch (s->op) {
		case NUC_OP_LANDLOCK_RULESET:
			ruleset = (int)syscall(SYS_landlock_create_ruleset, nuc_plan_data(p, s->arg[0]),
					       sizeof(struct nuc_landlock_attr), 0);
			if (ruleset < 0)
				bench_stop("landlock");
			break;
		case NUC_OP_LANDLOCK_PATH:
			add_path(ruleset, nuc_plan_data(p, s->arg[0]), s->arg[1]);
			break;
		case NUC_OP_LANDLOCK_RESTRICT:
			if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
				bench_stop("landlock");
			break;
		default:
			break;
		}
	}
	close(ruleset);
}

int main(int argc, char **argv)
{
	const struct nuc_plan *plan;
	char *rest = NULL;

	if (argc < 4) {
		fprintf(stderr, "usage: bench-layers LAYER,... SRC:DST,... PROGRAM [ARGS...]\n");
		return 1;
	}
	plan = nuc_sandbox_plan(bench_sandbox(argv[2]));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		bench_stop("no_new_privs");
	for (char *l = strtok_r(argv[1], ",", &rest); l; l = strtok_r(NULL, ",", &rest)) {
		if (strcmp(l, "landlock") == 0) {
			load_landlock(plan);
		} else if (strcmp(l, "seccomp") == 0) {
			load_seccomp(plan);
		} else if (strcmp(l, "entry") == 0) {
			load_entry();
		} else if (strcmp(l, "none") != 0) {
			fprintf(stderr, "bench-layers: no layer '%s'\n", l);
			return 1;
		}
	}
	execv(argv[3], argv + 3);
	bench_stop(argv[3]);
}
