/* SPDX-License-Identifier: MIT */
/* The part of verify that is about policy files: a plan without one keeps nothing and has no such layer. */
#include <linux/sched.h>

#include "caps_file.h"
#include "landlock_abi.h"
#include "verify_internal.h"

/* What is kept of capabilities, and that nobody who is refused them has the network. */
static const char *check_capabilities(const struct nuc_plan *p, const uint16_t *count)
{
	uint64_t kept = p->caps[NUC_CAPSET_BOUNDING];
	uint32_t late = 0;
	bool own_network;

	for (uint32_t i = 0; i < p->n[NUC_PROG_INIT]; i++) {
		const struct nuc_step *s = nuc_plan_step(p, p->first[NUC_PROG_INIT] + i);

		if (s->op == NUC_OP_UNSHARE)
			late |= s->arg[0];
		if (s->op == NUC_OP_LOOPBACK && !late)
			return "a loopback interface of another network";
	}
	for (uint32_t i = 0; i < p->n[NUC_PROG_CHILD]; i++)
		if (late && nuc_plan_step(p, p->first[NUC_PROG_CHILD] + i)->op == NUC_OP_LOOPBACK)
			return "a loopback interface of another network";
	/* Last in the order of namespaces, the network is the workload's own: only if it has a use for it. */
	own_network = p->privileged && (kept & NUC_CAPS_OF_NETWORK) &&
		      (p->mechanisms & (1u << NUC_MECH_NS_NET));
	if (late != (own_network ? CLONE_NEWNET : 0u))
		return "a namespace made in the wrong program";
	if (late & p->clone_flags)
		return "a namespace made twice";
	if (nuc_caps_conflict(p->caps))
		return nuc_caps_conflict(p->caps);
	if (kept && !(p->policy_files & (1u << NUC_FILE_CAPS)))
		return "capabilities that no policy keeps";
	for (unsigned int cap = 0; cap < NUC_CAP_MAX; cap++)
		if ((kept & NUC_CAP_BIT(cap)) && p->mode != NUC_MODE_AGENT &&
		    nuc_capability(cap)->reach == NUC_CAP_UNDOES)
			return "a capability that the mode refuses";
	if (!!p->caps[NUC_CAPSET_AMBIENT] != !!count[NUC_OP_RAISE_AMBIENT])
		return "ambient capabilities without their step";
	return NULL;
}

/* The policy's own layer handles all that the kernel knows, and grants nothing that it does not handle. */
static const char *check_landlock_policy(const struct nuc_plan *p, const uint16_t *count)
{
	uint32_t fs = nuc_landlock_rights((int)p->landlock_abi);
	uint32_t net = p->landlock_abi >= 4 ? NUC_LL_NET_BIND_TCP | NUC_LL_NET_CONNECT_TCP : 0;
	bool wanted = p->policy_files & (1u << NUC_FILE_LANDLOCK);

	if (wanted != !!count[NUC_OP_LANDLOCK_POLICY_RULESET] ||
	    wanted != !!count[NUC_OP_LANDLOCK_POLICY_RESTRICT])
		return "a Landlock policy that is not applied";
	if (wanted && !count[NUC_OP_LANDLOCK_RESTRICT])
		return "a Landlock policy without the sandbox's own rules";
	for (uint32_t i = 0; i < p->n[NUC_PROG_INIT]; i++) {
		const struct nuc_step *s = nuc_plan_step(p, p->first[NUC_PROG_INIT] + i);

		if (s->op == NUC_OP_LANDLOCK_POLICY_RULESET) {
			const struct nuc_landlock_attr *a = nuc_plan_data(p, s->arg[0]);

			if (a->fs != fs || a->net != net ||
			    (a->scoped &
			     ~(uint64_t)(NUC_LL_SCOPE_ABSTRACT_UNIX | NUC_LL_SCOPE_SIGNAL)))
				return "a Landlock policy that does not handle all rights";
		}
		if ((s->op == NUC_OP_LANDLOCK_POLICY_PATH && (!s->arg[1] || (s->arg[1] & ~fs))) ||
		    (s->op == NUC_OP_LANDLOCK_POLICY_PORT &&
		     (!s->arg[1] || (s->arg[1] & ~net) || s->arg[0] > 65535)))
			return "a right that the Landlock policy does not handle";
	}
	return NULL;
}

const char *nuc_verify_policies(const struct nuc_plan *p, const uint16_t *count)
{
	const char *why = check_capabilities(p, count);

	return why ? why : check_landlock_policy(p, count);
}
