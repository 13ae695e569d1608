/* SPDX-License-Identifier: MIT */
/* Emitters of namespaces, masks, and of init's steps up to Landlock. */
#include <linux/sched.h>

#include "builder.h"

/* In init/user_namespaces(7) notation: one id, the sandbox's user. */
static void emit_maps(struct nuc_builder *b, enum nuc_program program)
{
	char map[64];

	nuc_b_step(b, program, NUC_OP_MAP_SETGROUPS, NULL, nuc_b_str(b, "/proc/self/setgroups"),
		   nuc_b_str(b, "deny"), 0);
	snprintf(map, sizeof(map), "%u %u 1", b->head.uid, b->head.host_uid);
	nuc_b_step(b, program, NUC_OP_MAP_UID, nuc_policy_origin(b->policy, NUC_OPT_USER),
		   nuc_b_str(b, "/proc/self/uid_map"), nuc_b_str(b, map), 0);
	snprintf(map, sizeof(map), "%u %u 1", b->head.gid, b->head.host_gid);
	nuc_b_step(b, program, NUC_OP_MAP_GID, nuc_policy_origin(b->policy, NUC_OPT_GROUP),
		   nuc_b_str(b, "/proc/self/gid_map"), nuc_b_str(b, map), 0);
}

/*
 * Without capabilities the user namespace comes first, and gives the right to all the others. With
 * them it comes last, in init: the workload's user namespace then owns none of the others, and not
 * even all capabilities in it would reach the mounts or the network. If a policy keeps one that is for
 * the network, that one is made still later, in the workload's user namespace: it then owns it.
 */
int nuc_emit_namespaces(struct nuc_builder *b)
{
	static const struct {
		enum nuc_mechanism mechanism;
		unsigned long long flag;
		bool late; /* clone3 cannot give it: unshare in the child (clone(2), cgroup_namespaces(7)) */
	} namespaces[] = {
		{ NUC_MECH_NS_PID, CLONE_NEWPID, false },   { NUC_MECH_NS_MOUNT, CLONE_NEWNS, false },
		{ NUC_MECH_NS_NET, CLONE_NEWNET, false },   { NUC_MECH_NS_UTS, CLONE_NEWUTS, false },
		{ NUC_MECH_NS_IPC, CLONE_NEWIPC, false },   { NUC_MECH_NS_CGROUP, CLONE_NEWCGROUP, true },
		{ NUC_MECH_NS_TIME, CLONE_NEWTIME, true },
	};
	const struct nuc_facts *f = &b->world->facts;
	bool host_network = nuc_policy_int(b->policy, NUC_OPT_NETWORK) == 1;
	unsigned long long late = 0;

	if (f->kernel_major < 6 || (f->kernel_major == 6 && f->kernel_minor < 1))
		return nuc_b_fail(b, -ENOTSUP, "kernel", NULL, "use Linux 6.1 or newer",
				  "Linux %d.%d is too old", f->kernel_major, f->kernel_minor);
	if (f->userns_refused != NUC_USERNS_OK || !(f->namespaces & CLONE_NEWUSER)) {
		int r = nuc_b_missing(b, NUC_MECH_NS_USER, NULL, nuc_userns_refused_why(f->userns_refused),
				      nuc_userns_refused_mend(f->userns_refused));

		return r < 0 ? r : -ENOTSUP;
	}
	if (!f->privileged && !f->dumpable)
		return nuc_b_fail(b, -ENOTSUP, "user namespace", NULL,
				  "call prctl(PR_SET_DUMPABLE, 1) before, or start from another process",
				  "the calling process is not dumpable, so it cannot write id maps");
	nuc_b_enforced(b, NUC_MECH_NS_USER);
	nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_DIE_WITH_CALLER, NULL, 0, 0, 0);
	if (!b->head.privileged) {
		b->head.clone_flags |= CLONE_NEWUSER;
		emit_maps(b, NUC_PROG_CHILD);
	}
	for (size_t i = 0; i < NUC_ARRAY_SIZE(namespaces); i++) {
		if (namespaces[i].flag == CLONE_NEWNET && host_network)
			continue;
		if (!(f->namespaces & namespaces[i].flag)) {
			int r = nuc_b_missing(b, namespaces[i].mechanism, NULL,
					      "this kernel or a sysctl (user.max_*_namespaces) refuses it",
					      "see nucleus doctor");

			if (r < 0)
				return r;
			continue;
		}
		nuc_b_enforced(b, namespaces[i].mechanism);
		if (namespaces[i].flag == CLONE_NEWNET && nuc_b_keeps_network(b))
			b->late_network = true;
		else if (namespaces[i].late)
			late |= namespaces[i].flag;
		else
			b->head.clone_flags |= namespaces[i].flag;
	}
	if (late)
		nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_UNSHARE, NULL, (uint32_t)late, 0, 0);
	nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_PROPAGATION, NULL, 0, 0, 0);
	return 0;
}

/* Whether this kernel has it: 1, 0, or a failure, since what is not seen for another reason may be there. */
static int is_there(struct nuc_builder *b, const char *path, struct nuc_look *ret)
{
	int r = b->world->look(b->world, path, false, ret);

	if (r == -ENOENT || r == -ENOTDIR || r == -EACCES)
		return 0;
	return r < 0 ? nuc_b_fail(b, r, "mount", NULL, NULL, "cannot look at %s: %s", path, strerror(-r)) : 1;
}

int nuc_emit_finish_root(struct nuc_builder *b)
{
	/* What Docker and Podman mask and protect; each only where this kernel has it. Sorted. */
	static const char *const masked[] = {
		"/proc/acpi",	    "/proc/asound",	 "/proc/interrupts",   "/proc/kcore",
		"/proc/keys",	    "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
		"/proc/timer_list", "/proc/timer_stats",
	};
	static const char *const readonly[] = {
		"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
	};
	_cleanup_free_ struct nuc_look *l = malloc(sizeof(*l));
	_cleanup_free_ uint32_t *fds = NULL;
	size_t n = nuc_policy_count(b->policy, NUC_OPT_PASS_FDS);
	struct nuc_span keep = { .len = (uint32_t)(n * sizeof(*fds)) };

	int r = nuc_b_attach_point(b);

	if (r < 0)
		return r;
	if (!l)
		return -ENOMEM;
	for (size_t i = 0; i < NUC_ARRAY_SIZE(masked); i++) {
		r = is_there(b, masked[i], l);
		if (r < 0)
			return r;
		if (r)
			nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_MASK, NULL, nuc_b_str(b, masked[i]),
				   S_ISDIR(l->mode), 0);
	}
	if (b->sealed)
		nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_READONLY, NULL, nuc_b_str(b, b->sealed), 1, 0);
	for (size_t i = 0; i < NUC_ARRAY_SIZE(readonly); i++) {
		r = is_there(b, readonly[i], l);
		if (r < 0)
			return r;
		if (r)
			nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_READONLY, NULL, nuc_b_str(b, readonly[i]), 0,
				   0);
	}
	if (b->head.clone_flags & CLONE_NEWNET)
		nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_LOOPBACK, NULL, 0, 0, 0);
	if (b->head.clone_flags & CLONE_NEWUTS)
		nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_HOSTNAME,
			   nuc_policy_origin(b->policy, NUC_OPT_HOSTNAME),
			   nuc_b_str(b, nuc_policy_str(b->policy, NUC_OPT_HOSTNAME)), 0, 0);
	nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_PIVOT, NULL, 0, 0, 0);
	nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_ROOT_READONLY, NULL, 0, 0, 0);
	nuc_b_enforced(b, NUC_MECH_PIVOT_ROOT);

	fds = calloc(n + 1, sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int64_t fd = -1;

		if (nuc_parse_count(nuc_policy_item(b->policy, NUC_OPT_PASS_FDS, i), &fd) < 0 || fd < 3 ||
		    fd > 65535)
			return nuc_b_fail(b, -EINVAL, "option",
					  nuc_policy_item_origin(b->policy, NUC_OPT_PASS_FDS, i), NULL,
					  "descriptors to pass are numbers from 3 to 65535");
		fds[i] = (uint32_t)fd;
	}
	keep.at = nuc_b_bytes(b, fds, keep.len);
	nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_CLOSE_FDS, NULL, nuc_b_bytes(b, &keep, sizeof(keep)), 0, 0);
	return 0;
}

/* ---- init ------------------------------------------------------------------------------------------ */

static int by_audit_path(const void *x, const void *y, void *data)
{
	const struct nuc_audit *a = x, *b = y;

	return strcmp((const char *)data + a->path, (const char *)data + b->path);
}

/* What each mount must have, read back from the kernel before the workload starts. */
static void emit_audit(struct nuc_builder *b)
{
	struct nuc_span table = { .len = (uint32_t)(b->n_audits * sizeof(*b->audits)) };

	if (!nuc_b_wants(b, NUC_MECH_MOUNT_AUDIT) || b->data.failed)
		return;
	qsort_r(b->audits, b->n_audits, sizeof(*b->audits), by_audit_path, b->data.s);
	table.at = nuc_b_bytes(b, b->audits, table.len);
	nuc_b_step(b, NUC_PROG_INIT, NUC_OP_AUDIT, NULL, nuc_b_bytes(b, &table, sizeof(table)), 0, 0);
	nuc_b_enforced(b, NUC_MECH_MOUNT_AUDIT);
}

int nuc_emit_security(struct nuc_builder *b)
{
	if (!b->head.privileged)
		nuc_emit_capabilities(b, NUC_PROG_CHILD);
	nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_EXEC_INIT, NULL, 0, 0, 0);
	if (b->head.privileged) {
		nuc_b_step(b, NUC_PROG_INIT, NUC_OP_SET_IDS, NULL, b->head.host_uid, b->head.host_gid, 0);
		nuc_b_step(b, NUC_PROG_INIT, NUC_OP_USERNS, NULL, 0, 0, 0);
		emit_maps(b, NUC_PROG_INIT);
	}
	if (b->late_network) {
		nuc_b_step(b, NUC_PROG_INIT, NUC_OP_UNSHARE, NULL, CLONE_NEWNET, 0, 0);
		nuc_b_step(b, NUC_PROG_INIT, NUC_OP_LOOPBACK, NULL, 0, 0, 0);
	}
	emit_audit(b);
	/* A service that the host must not lose does not make its workloads so. */
	if (b->world->facts.oom_score_adj < 0)
		nuc_b_step(b, NUC_PROG_INIT, NUC_OP_OOM_SCORE, NULL,
			   nuc_b_str(b, "/proc/self/oom_score_adj"), nuc_b_str(b, "0"), 0);
	if (b->head.privileged)
		nuc_emit_capabilities(b, NUC_PROG_INIT);
	return nuc_emit_landlock(b);
}
