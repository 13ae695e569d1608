/* SPDX-License-Identifier: MIT */
/* Emitter of the program's process: what it inherits, its limits, where it starts. */
#include <sys/resource.h>

#include "builder.h"
#include "landlock_abi.h"

static void emit_rlimit(struct nuc_builder *b, int resource, int64_t wanted, const char *origin)
{
	uint64_t hard = b->world->hard_limit[resource];
	uint64_t value = wanted < 0 ? RLIM_INFINITY : (uint64_t)wanted;
	struct nuc_rlim l;

	/* Raising a hard limit needs CAP_SYS_RESOURCE; lower is only stricter. */
	if (value > hard)
		value = hard;
	l.soft = l.hard = value;
	nuc_b_step(b, NUC_PROG_INIT, NUC_OP_RLIMIT, origin, (uint32_t)resource,
		   nuc_b_bytes(b, &l, sizeof(l)), 0);
}

int nuc_emit_process(struct nuc_builder *b)
{
	const nucleus_policy *p = b->policy;
	const struct nuc_facts *f = &b->world->facts;
	const char *cwd = nuc_policy_str(p, NUC_OPT_CWD);
	int64_t processes = nuc_policy_int(p, NUC_OPT_MAX_PROCESSES);
	int64_t file_size = nuc_policy_int(p, NUC_OPT_MAX_FILE_SIZE);

	nuc_b_step(b, NUC_PROG_INIT, NUC_OP_UNDUMPABLE, NULL, 0, 0, 0);
	nuc_b_step(b, NUC_PROG_INIT, NUC_OP_PRIORITY, NULL, 0, 0, 0);
	nuc_b_step(b, NUC_PROG_INIT, NUC_OP_PERSONALITY, NULL, 0, 0, 0);
	/*
	 * Before Linux 6.2 not exec but only fork enters the time namespace that was unshared, and then
	 * fork is EINVAL with CLONE_VM. Elsewhere there is no need to copy init's memory.
	 */
	nuc_b_step(b, NUC_PROG_INIT, NUC_OP_FORK, NULL,
		   f->kernel_major > 6 || (f->kernel_major == 6 && f->kernel_minor >= 2) ||
			   !(b->head.mechanisms & (1u << NUC_MECH_NS_TIME)),
		   b->head.observe != 0, 0);
	nuc_b_step(b, NUC_PROG_INIT, NUC_OP_SESSION, NULL, 0, 0, 0);
	/* In the order of their numbers: verify wants sets sorted. */
	emit_rlimit(b, RLIMIT_FSIZE, file_size ? file_size : -1,
		    nuc_policy_origin(p, NUC_OPT_MAX_FILE_SIZE));
	if (b->data_limit)
		emit_rlimit(b, RLIMIT_DATA, b->data_limit, nuc_policy_origin(p, NUC_OPT_MEMORY));
	/*
	 * 1, not 0: too small for a file, and the one value for which the kernel does not start the
	 * handler that a core_pattern with '|' names, as root on the host (fs/coredump.c).
	 */
	emit_rlimit(b, RLIMIT_CORE, 1, NULL);
	if (b->process_limit && b->process_limit < processes)
		emit_rlimit(b, RLIMIT_NPROC, b->process_limit, nuc_policy_origin(p, NUC_OPT_PIDS));
	else
		emit_rlimit(b, RLIMIT_NPROC, processes,
			    nuc_policy_origin(p, NUC_OPT_MAX_PROCESSES));
	emit_rlimit(b, RLIMIT_NOFILE, nuc_policy_int(p, NUC_OPT_MAX_FILES),
		    nuc_policy_origin(p, NUC_OPT_MAX_FILES));
	/*
	 * The kernel queues so many real-time signals for a user, in all user namespaces together
	 * (setrlimit(2), kernel/ucount.c): with the caller's own limit one sandbox could have them all,
	 * and timer_create() and pthread_cancel() would fail in the others and on the host.
	 */
	emit_rlimit(b, RLIMIT_SIGPENDING, 512, NULL);
	nuc_b_step(b, NUC_PROG_INIT, NUC_OP_UMASK, NULL, 022, 0, 0);
	if (!cwd)
		cwd = b->has_workspace ? "/workspace" : b->home;
	b->head.cwd = nuc_b_str(b, cwd);
	nuc_b_step(b, NUC_PROG_INIT, NUC_OP_CHDIR, nuc_policy_origin(p, NUC_OPT_CWD), b->head.cwd,
		   0, 0);
	nuc_b_step(b, NUC_PROG_INIT, NUC_OP_RESET_SIGNALS, NULL, 0, 0, 0);
	return 0;
}
