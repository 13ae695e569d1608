/* SPDX-License-Identifier: MIT */
/* Emitter of the system call filter, the last step before exec. */
#include <linux/filter.h>

#include "allowlist.h"
#include "builder.h"

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

int nuc_emit_exec(struct nuc_builder *b)
{
	int r = emit_seccomp(b);

	if (r == 0)
		nuc_b_step(b, NUC_PROG_INIT, NUC_OP_EXEC, NULL, 0, 0, 0);
	return r;
}
