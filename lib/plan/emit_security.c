/* SPDX-License-Identifier: MIT */
/* Emitters of namespaces, masks, capabilities, Landlock, seccomp and the program's process. */
#include <linux/sched.h>
#include <sys/resource.h>

#include "allowlist.h"
#include "builder.h"
#include "landlock_abi.h"

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
 * even all capabilities in it would reach the mounts or the network.
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
		if (namespaces[i].late)
			late |= namespaces[i].flag;
		else
			b->head.clone_flags |= namespaces[i].flag;
	}
	if (late)
		nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_UNSHARE, NULL, (uint32_t)late, 0, 0);
	nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_PROPAGATION, NULL, 0, 0, 0);
	return 0;
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
	for (size_t i = 0; i < NUC_ARRAY_SIZE(masked); i++)
		if (b->world->look(b->world, masked[i], false, l) == 0)
			nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_MASK, NULL, nuc_b_str(b, masked[i]),
				   S_ISDIR(l->mode), 0);
	if (b->sealed)
		nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_READONLY, NULL, nuc_b_str(b, b->sealed), 1, 0);
	for (size_t i = 0; i < NUC_ARRAY_SIZE(readonly); i++)
		if (b->world->look(b->world, readonly[i], false, l) == 0)
			nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_READONLY, NULL, nuc_b_str(b, readonly[i]), 0,
				   0);
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

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct nuc_grant *)a)->path, ((const struct nuc_grant *)b)->path);
}

/* Rights that an ABI does not know are neither handled nor granted, and named in the plan. */
static uint32_t rights_of_abi(int abi)
{
	uint32_t rights = NUC_LL_REFER - 1;

	if (abi >= 2)
		rights |= NUC_LL_REFER;
	if (abi >= 3)
		rights |= NUC_LL_TRUNCATE;
	if (abi >= 5)
		rights |= NUC_LL_IOCTL_DEV;
	return rights;
}

static void note_limits(struct nuc_builder *b, int abi)
{
	static const struct {
		int abi;
		const char *note;
	} limits[] = {
		{ 2, "Landlock ABI below 2 (Linux 5.19): files cannot be renamed between directories" },
		{ 3, "Landlock ABI below 3 (Linux 6.2): truncation is not restricted by path" },
		{ 4, "Landlock ABI below 4 (Linux 6.7): TCP ports are not restricted" },
		{ 5, "Landlock ABI below 5 (Linux 6.10): device ioctls are restricted by seccomp only" },
		{ 6, "Landlock ABI below 6 (Linux 6.12): signals and abstract sockets are kept apart by "
		     "namespaces only" },
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(limits); i++)
		if (abi < limits[i].abi) {
			nuc_buf_add(&b->notes, limits[i].note, strlen(limits[i].note) + 1);
		}
}

struct port {
	uint16_t port;
	uint32_t rights;
};

static int by_port(const void *a, const void *b)
{
	return ((const struct port *)a)->port - ((const struct port *)b)->port;
}

static int emit_ports(struct nuc_builder *b)
{
	static const struct {
		enum nuc_option_id id;
		uint32_t right;
	} lists[] = { { NUC_OPT_BIND_PORTS, NUC_LL_NET_BIND_TCP },
		      { NUC_OPT_CONNECT_PORTS, NUC_LL_NET_CONNECT_TCP } };
	_cleanup_free_ struct port *ports = NULL;
	size_t n = 0;

	ports = calloc(nuc_policy_count(b->policy, NUC_OPT_BIND_PORTS) +
			       nuc_policy_count(b->policy, NUC_OPT_CONNECT_PORTS) + 1,
		       sizeof(*ports));
	if (!ports)
		return -ENOMEM;
	for (size_t k = 0; k < NUC_ARRAY_SIZE(lists); k++) {
		for (size_t i = 0; i < nuc_policy_count(b->policy, lists[k].id); i++) {
			int64_t port = -1;
			size_t m = 0;

			if (nuc_parse_count(nuc_policy_item(b->policy, lists[k].id, i), &port) < 0 ||
			    port < 0 || port > 65535)
				return nuc_b_fail(b, -EINVAL, "option",
						  nuc_policy_item_origin(b->policy, lists[k].id, i), NULL,
						  "a port is a number from 0 to 65535");
			while (m < n && ports[m].port != port)
				m++;
			ports[m].port = (uint16_t)port;
			ports[m].rights |= lists[k].right;
			n += m == n;
		}
	}
	qsort(ports, n, sizeof(*ports), by_port);
	for (size_t i = 0; i < n; i++)
		nuc_b_step(b, NUC_PROG_INIT, NUC_OP_LANDLOCK_PORT, NULL, ports[i].port, ports[i].rights,
			   0)
			->in = NUC_SLOT_LANDLOCK;
	return 0;
}

static int emit_landlock(struct nuc_builder *b)
{
	const struct nuc_facts *f = &b->world->facts;
	const char *origin = nuc_policy_origin(b->policy, NUC_OPT_LANDLOCK);
	int abi = f->landlock_abi, min = nuc_mode_landlock_min_abi(b->mode), r;
	bool ports = nuc_policy_count(b->policy, NUC_OPT_BIND_PORTS) ||
		     nuc_policy_count(b->policy, NUC_OPT_CONNECT_PORTS);
	struct nuc_landlock_attr attr = { 0 };
	uint32_t rights;

	if (nuc_policy_int(b->policy, NUC_OPT_LANDLOCK) == 1)
		return nuc_b_missing(b, NUC_MECH_LANDLOCK, origin, "it was switched off",
				     "remove security.landlock = \"off\"");
	if (abi < 1 || abi < min)
		return nuc_b_missing(b, NUC_MECH_LANDLOCK, origin,
				     abi >= 1 ? "this kernel's Landlock is too old"
				     : f->landlock_errno == EOPNOTSUPP
					     ? "it is built into this kernel but not enabled"
					     : "this kernel does not have it",
				     abi >= 1 ? "use Linux 6.2 or newer"
					      : "boot with lsm=landlock,... or use a newer kernel");
	if (ports && abi < 4) {
		r = nuc_b_missing(b, NUC_MECH_LANDLOCK,
				  nuc_policy_origin(b->policy, NUC_OPT_BIND_PORTS),
				  "port rules need Landlock ABI 4", "use Linux 6.7 or newer");
		if (r < 0)
			return r;
		ports = false;
	}
	rights = rights_of_abi(abi);
	attr.fs = rights;
	if (nuc_policy_count(b->policy, NUC_OPT_BIND_PORTS) && ports)
		attr.net |= NUC_LL_NET_BIND_TCP;
	if (nuc_policy_count(b->policy, NUC_OPT_CONNECT_PORTS) && ports)
		attr.net |= NUC_LL_NET_CONNECT_TCP;
	attr.scoped = abi >= 6 ? NUC_LL_SCOPE_ABSTRACT_UNIX | NUC_LL_SCOPE_SIGNAL : 0;
	b->head.landlock_abi = (uint32_t)(abi > 7 ? 7 : abi);
	note_limits(b, abi);
	nuc_b_enforced(b, NUC_MECH_LANDLOCK);
	nuc_b_step(b, NUC_PROG_INIT, NUC_OP_LANDLOCK_RULESET, origin,
		   nuc_b_bytes(b, &attr, sizeof(attr)), 0, 0)
		->out = NUC_SLOT_LANDLOCK;
	qsort(b->grants, b->n_grants, sizeof(*b->grants), by_path);
	for (size_t i = 0; i < b->n_grants; i++) {
		if (!(b->grants[i].rights & rights))
			continue;
		nuc_b_step(b, NUC_PROG_INIT, NUC_OP_LANDLOCK_PATH, b->grants[i].origin,
			   nuc_b_str(b, b->grants[i].path), b->grants[i].rights & rights, 0)
			->in = NUC_SLOT_LANDLOCK;
	}
	if (ports) {
		r = emit_ports(b);
		if (r < 0)
			return r;
	}
	nuc_b_step(b, NUC_PROG_INIT, NUC_OP_LANDLOCK_RESTRICT, NULL, 0, 0, 0)->in = NUC_SLOT_LANDLOCK;
	return 0;
}

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

/*
 * With capabilities init drops them, after it has made its user namespace: that gave them all anew.
 * Without, the child drops those of its user namespace before it executes init: the user inside is
 * not root, so that exec would take away the right to drop the bounding set.
 */
static void emit_capabilities(struct nuc_builder *b, enum nuc_program program)
{
	/*
	 * SECBIT_NOROOT, NO_SETUID_FIXUP, NO_CAP_AMBIENT_RAISE, each with its lock, and KEEP_CAPS's
	 * lock (capabilities(7)): uid 0 inside means nothing, and nothing brings capabilities back.
	 */
	const uint32_t securebits = 0xef;

	nuc_b_step(b, program, NUC_OP_NO_NEW_PRIVS, NULL, 0, 0, 0);
	nuc_b_step(b, program, NUC_OP_CLEAR_AMBIENT, NULL, 0, 0, 0);
	nuc_b_step(b, program, NUC_OP_DROP_BOUNDING, NULL, (uint32_t)b->world->facts.last_cap, 0, 0);
	nuc_b_step(b, program, NUC_OP_LOCK_SECUREBITS, NULL, securebits, 0, 0);
	nuc_b_step(b, program, NUC_OP_DROP_CAPS, NULL, 0, 0, 0);
	nuc_b_enforced(b, NUC_MECH_CAPABILITIES);
}

int nuc_emit_security(struct nuc_builder *b)
{
	if (!b->head.privileged)
		emit_capabilities(b, NUC_PROG_CHILD);
	nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_EXEC_INIT, NULL, 0, 0, 0);
	if (b->head.privileged) {
		nuc_b_step(b, NUC_PROG_INIT, NUC_OP_SET_IDS, NULL, b->head.host_uid, b->head.host_gid, 0);
		nuc_b_step(b, NUC_PROG_INIT, NUC_OP_USERNS, NULL, 0, 0, 0);
		emit_maps(b, NUC_PROG_INIT);
	}
	emit_audit(b);
	/* A service that the host must not lose does not make its workloads so. */
	if (b->world->facts.oom_score_adj < 0)
		nuc_b_step(b, NUC_PROG_INIT, NUC_OP_OOM_SCORE, NULL,
			   nuc_b_str(b, "/proc/self/oom_score_adj"), nuc_b_str(b, "0"), 0);
	if (b->head.privileged)
		emit_capabilities(b, NUC_PROG_INIT);
	return emit_landlock(b);
}

/* The same filter, so that init is told of what it refuses: see lib/launch/observe.c. */
static int emit_observing(struct nuc_builder *b, const struct sock_filter *filter, size_t count,
			  uint16_t default_errno, uint32_t *ret)
{
	_cleanup_free_ struct sock_filter *observing = NULL;
	struct nuc_span span;
	size_t n;
	int r;

	if (!b->head.observe)
		return 0;
	r = nuc_seccomp_observing(filter, count, b->head.observe, default_errno, &observing, &n);
	if (r < 0)
		return r;
	span.len = (uint32_t)(n * sizeof(*observing));
	span.at = nuc_b_bytes(b, observing, span.len);
	*ret = nuc_b_bytes(b, &span, sizeof(span));
	return 0;
}

static int emit_seccomp(struct nuc_builder *b)
{
	const struct nuc_seccomp_params params = {
		.network = true,
		.netlink_route = nuc_policy_int(b->policy, NUC_OPT_NETWORK) == 1,
	};
	const char *origin = nuc_policy_origin(b->policy, NUC_OPT_SECCOMP);
	const struct sock_filter *filter;
	_cleanup_buf_ struct nuc_buf calls = { 0 };
	const struct nuc_seccomp_row *row;
	struct nuc_span span;
	uint32_t verdict, observing = 0;
	size_t n;
	int r;

	if (nuc_policy_int(b->policy, NUC_OPT_SECCOMP) == 1)
		return nuc_b_missing(b, NUC_MECH_SECCOMP, origin, "it was switched off",
				     "remove security.seccomp = \"off\"");
	if (!b->world->facts.seccomp_filter)
		return nuc_b_missing(b, NUC_MECH_SECCOMP, origin, "this kernel has no seccomp filters",
				     "use a kernel with CONFIG_SECCOMP_FILTER");
	nuc_seccomp_builtin(&params, &filter, &n);
	for (size_t i = 0; (row = nuc_seccomp_allowed(&params, i)); i++) {
		nuc_buf_printf(&calls, "%s\t%s", row->name, row->filter);
		nuc_buf_add(&calls, "", 1);
	}
	if (calls.failed)
		return -ENOMEM;
	b->head.seccomp_calls.len = (uint32_t)calls.len;
	b->head.seccomp_calls.at = nuc_b_bytes(b, calls.s, calls.len);
	span.len = (uint32_t)(n * sizeof(*filter));
	span.at = nuc_b_bytes(b, filter, span.len);
	verdict = nuc_b_bytes(b, &span, sizeof(span));
	r = emit_observing(b, filter, n, EPERM, &observing);
	if (r < 0)
		return r;
	nuc_b_step(b, NUC_PROG_INIT, NUC_OP_SECCOMP, origin, verdict, observing, 0);
	nuc_b_enforced(b, NUC_MECH_SECCOMP);
	return 0;
}

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
			   !(b->head.mechanisms & (1u << NUC_MECH_NS_TIME)), b->head.observe != 0, 0);
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
		emit_rlimit(b, RLIMIT_NPROC, processes, nuc_policy_origin(p, NUC_OPT_MAX_PROCESSES));
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
	nuc_b_step(b, NUC_PROG_INIT, NUC_OP_CHDIR, nuc_policy_origin(p, NUC_OPT_CWD), b->head.cwd, 0, 0);
	nuc_b_step(b, NUC_PROG_INIT, NUC_OP_RESET_SIGNALS, NULL, 0, 0, 0);
	return 0;
}

int nuc_emit_exec(struct nuc_builder *b)
{
	int r = emit_seccomp(b);

	if (r == 0)
		nuc_b_step(b, NUC_PROG_INIT, NUC_OP_EXEC, NULL, 0, 0, 0);
	return r;
}
