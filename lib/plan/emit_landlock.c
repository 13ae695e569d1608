/* SPDX-License-Identifier: MIT */
/* Emitter of the Landlock rules that follow from what is mounted. */
#include "builder.h"
#include "landlock_abi.h"

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct nuc_grant *)a)->path, ((const struct nuc_grant *)b)->path);
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

			if (nuc_parse_count(nuc_policy_item(b->policy, lists[k].id, i), &port) <
				    0 ||
			    port < 0 || port > 65535)
				return nuc_b_fail(b, -EINVAL, "option",
						  nuc_policy_item_origin(b->policy, lists[k].id, i),
						  NULL, "a port is a number from 0 to 65535");
			while (m < n && ports[m].port != port)
				m++;
			ports[m].port = (uint16_t)port;
			ports[m].rights |= lists[k].right;
			n += m == n;
		}
	}
	qsort(ports, n, sizeof(*ports), by_port);
	for (size_t i = 0; i < n; i++)
		nuc_b_step(b, NUC_PROG_INIT, NUC_OP_LANDLOCK_PORT, NULL, ports[i].port,
			   ports[i].rights, 0)
			->in = NUC_SLOT_LANDLOCK;
	return 0;
}

/*
 * What programs are refused goes into the kernel's log only for a caller who may read it there, and asked
 * for it. Otherwise the flags stay the kernel's default, with which it logs nothing of a program that was
 * executed: a sandbox is no reason to fill the host's log.
 */
void nuc_emit_landlock_restrict(struct nuc_builder *b, enum nuc_op op, const char *origin, uint8_t slot)
{
	struct nuc_step *s = nuc_b_step(b, NUC_PROG_INIT, op, origin, 0, 0, 0);

	s->in = slot;
	if (b->head.landlock_abi >= 7 && (b->head.observe & NUC_OBSERVE_FILES) && b->world->facts.privileged)
		s->flags |= NUC_STEP_LOG;
}

int nuc_emit_landlock(struct nuc_builder *b)
{
	const struct nuc_facts *f = &b->world->facts;
	const char *origin = nuc_policy_origin(b->policy, NUC_OPT_LANDLOCK), *ports_origin;
	int abi = f->landlock_abi, min = nuc_mode_landlock_min_abi(b->mode), r = 0;
	bool binds = nuc_policy_count(b->policy, NUC_OPT_BIND_PORTS),
	     ports = binds || nuc_policy_count(b->policy, NUC_OPT_CONNECT_PORTS);
	struct nuc_landlock_attr attr = { 0 };
	uint32_t rights;

	ports_origin = nuc_policy_origin(b->policy, binds ? NUC_OPT_BIND_PORTS : NUC_OPT_CONNECT_PORTS);
	/* In every mode: who asked for both did not mean both. */
	if (nuc_policy_int(b->policy, NUC_OPT_LANDLOCK) == 1 && ports)
		return nuc_b_fail(b, -EINVAL, "landlock", ports_origin,
				  "remove security.landlock = \"off\", or the ports",
				  "there are rules of ports, but Landlock, which enforces them, is switched off");
	if (nuc_policy_int(b->policy, NUC_OPT_LANDLOCK) == 1)
		return nuc_b_missing(b, NUC_MECH_LANDLOCK, origin, "it was switched off",
				     "remove security.landlock = \"off\"");
	if (abi < 1 || abi < min)
		r = nuc_b_missing(b, NUC_MECH_LANDLOCK, origin,
				  abi >= 1 ? "this kernel's Landlock is too old"
				  : f->landlock_errno == EOPNOTSUPP ? "it is built into this kernel but not enabled"
								    : "this kernel does not have it",
				  abi >= 1 ? "use Linux 6.2 or newer"
					   : "boot with lsm=landlock,... or use a newer kernel");
	if (r == 0 && ports && abi < 4) {
		r = nuc_b_missing(b, NUC_MECH_LANDLOCK, ports_origin, "port rules need Landlock ABI 4",
				  "use Linux 6.7 or newer");
		ports = false;
	}
	if (r < 0 || abi < 1 || abi < min)
		return r;
	/* Rights that an ABI does not know are neither handled nor granted, and named in the plan. */
	rights = nuc_landlock_rights(abi);
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
	nuc_emit_landlock_restrict(b, NUC_OP_LANDLOCK_RESTRICT, NULL, NUC_SLOT_LANDLOCK);
	return 0;
}
