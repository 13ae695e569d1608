/* SPDX-License-Identifier: MIT */
/* Emitter of what takes privilege away: no_new_privs, capabilities, securebits; and what of it stays. */
#include "builder.h"
#include "caps_file.h"

static int check_capability(struct nuc_builder *b, const char *file, const struct nuc_caps_file *f,
			    unsigned int cap)
{
	const struct nuc_capability *known = nuc_capability(cap);
	_cleanup_free_ char *origin = nuc_strf("%s:%u:%u", file, f->at[NUC_CAPSET_BOUNDING][cap].line,
					       f->at[NUC_CAPSET_BOUNDING][cap].col);
	_cleanup_buf_ struct nuc_buf name = { 0 };

	nuc_capability_names(&name, NUC_CAP_BIT(cap), ",");
	if (!origin || name.failed)
		return -ENOMEM;
	if ((int)cap > b->world->facts.last_cap)
		return nuc_b_fail(b, -ENOTSUP, "capabilities", origin,
				  "remove it, or use a kernel that has it",
				  "this kernel does not have capability %s: its last is %d", name.s,
				  b->world->facts.last_cap);
	/* What it would undo does not depend on who starts the sandbox: nor does what is accepted. */
	if (known->reach == NUC_CAP_UNDOES && b->mode != NUC_MODE_AGENT)
		return nuc_b_fail(b, -EPERM, "capabilities", origin,
				  "remove it from every set of the file", "mode %s refuses %s: %s",
				  nuc_mode_name(b->mode), name.s, known->what);
	if (known->reach == NUC_CAP_UNDOES || known->reach == NUC_CAP_UNKNOWN) {
		nuc_buf_printf(&b->warnings, "%s is kept: %s", name.s,
			       known->what ? known->what
					   : "this release does not know what it opens");
		nuc_buf_add(&b->warnings, "", 1);
	}
	return 0;
}

/* Before the namespaces: who owns the network depends on it. */
int nuc_emit_caps_policy(struct nuc_builder *b)
{
	_cleanup_policy_file_ struct nuc_policy_file file = { 0 };
	struct nuc_policy_file_wanted wanted;
	struct nuc_caps_file f;
	int r;

	if (!nuc_policy_file_of(b->policy, NUC_FILE_CAPS, &wanted))
		return 0;
	r = b->world->read_policy_file(b->world, &wanted, &file, b->err);
	if (r == 0)
		r = nuc_caps_file_read(file.bytes, file.len, wanted.path, &f, b->err);
	if (r < 0)
		return r;
	/* Each set lies within the bounding set. */
	for (unsigned int cap = 0; cap < NUC_CAP_MAX; cap++) {
		r = f.set[NUC_CAPSET_BOUNDING] & NUC_CAP_BIT(cap)
			    ? check_capability(b, wanted.path, &f, cap) : 0;
		if (r < 0)
			return r;
	}
	for (int set = 0; set < NUC_CAPSET__COUNT; set++)
		b->head.caps[set] = f.set[set];
	b->head.policy_files |= 1u << NUC_FILE_CAPS;
	return 0;
}

bool nuc_b_keeps_network(const struct nuc_builder *b)
{
	return b->head.privileged && (b->head.caps[NUC_CAPSET_BOUNDING] & NUC_CAPS_OF_NETWORK);
}

/*
 * With capabilities init drops them, after it has made its user namespace: that gave them all anew.
 * Without, the child drops those of its user namespace before it executes init: the user inside is
 * not root, so that exec would take away the right to drop the bounding set.
 */
void nuc_emit_capabilities(struct nuc_builder *b, enum nuc_program program)
{
	/*
	 * SECBIT_NOROOT, NO_SETUID_FIXUP, NO_CAP_AMBIENT_RAISE, each with its lock, and KEEP_CAPS's
	 * lock (capabilities(7)): uid 0 inside means nothing, and nothing brings capabilities back.
	 */
	const uint32_t securebits = 0xef;
	const char *origin = b->head.policy_files & (1u << NUC_FILE_CAPS)
				     ? nuc_policy_origin(b->policy, NUC_OPT_CAPS_POLICY) : NULL;

	nuc_b_step(b, program, NUC_OP_NO_NEW_PRIVS, NULL, 0, 0, 0);
	nuc_b_step(b, program, NUC_OP_CLEAR_AMBIENT, NULL, 0, 0, 0);
	nuc_b_step(b, program, NUC_OP_DROP_BOUNDING, origin, (uint32_t)b->world->facts.last_cap,
		   NUC_CAPSET_BOUNDING, 0);
	/* Of the sets only this one outlives an exec under no_new_privs. */
	if (b->head.caps[NUC_CAPSET_AMBIENT])
		nuc_b_step(b, program, NUC_OP_RAISE_AMBIENT, origin, NUC_CAPSET_AMBIENT, 0, 0);
	nuc_b_step(b, program, NUC_OP_LOCK_SECUREBITS, NULL, securebits, 0, 0);
	nuc_b_step(b, program, NUC_OP_DROP_CAPS, origin, NUC_CAPSET_EFFECTIVE, NUC_CAPSET_PERMITTED,
		   NUC_CAPSET_INHERITABLE);
	nuc_b_enforced(b, NUC_MECH_CAPABILITIES);
}
