/* SPDX-License-Identifier: MIT */
/* Emitter of what takes privilege away: no_new_privs, capabilities, securebits. */
#include "builder.h"

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

	nuc_b_step(b, program, NUC_OP_NO_NEW_PRIVS, NULL, 0, 0, 0);
	nuc_b_step(b, program, NUC_OP_CLEAR_AMBIENT, NULL, 0, 0, 0);
	nuc_b_step(b, program, NUC_OP_DROP_BOUNDING, NULL, (uint32_t)b->world->facts.last_cap, 0, 0);
	nuc_b_step(b, program, NUC_OP_LOCK_SECUREBITS, NULL, securebits, 0, 0);
	nuc_b_step(b, program, NUC_OP_DROP_CAPS, NULL, 0, 0, 0);
	nuc_b_enforced(b, NUC_MECH_CAPABILITIES);
}
