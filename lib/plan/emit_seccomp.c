/* SPDX-License-Identifier: MIT */
/* Emitter of the system call filter, the last step before exec: the built-in list, or a profile. */
#include <linux/seccomp.h>

#include "builder.h"
#include "capset.h"
#include "observing.h"
#include "profile_report.h"
#include "verdict.h"

/* The same filter, so that init is told of what it refuses: see lib/launch/observe.c. */
static int emit_observing(struct nuc_builder *b, const char *origin,
			  const struct sock_filter *filter, size_t count, uint16_t default_errno,
			  uint32_t *ret)
{
	_cleanup_free_ struct sock_filter *observing = NULL;
	struct nuc_span span;
	size_t n;
	int r;

	if (!b->head.observe)
		return 0;
	r = nuc_seccomp_observing(filter, count, b->head.observe, default_errno, &observing, &n);
	if (r == -E2BIG)
		return nuc_b_fail(b, -EINVAL, "seccomp", origin,
				  "name fewer calls or values, or set security.observe = \"off\"",
				  "the filter of %zu instructions leaves no room for telling what it refuses",
				  count);
	if (r < 0)
		return r;
	span.len = (uint32_t)(n * sizeof(*observing));
	span.at = nuc_b_bytes(b, observing, span.len);
	*ret = nuc_b_bytes(b, &span, sizeof(span));
	return 0;
}

struct filter {
	const char *origin;
	const struct sock_filter *insns;
	size_t n;
	uint16_t default_errno; /* what it answers to what it does not know: also a refusal */
	uint16_t flags;		/* of the step */
	bool keys;		/* it lets programs reach keys */
};

static int emit_filter(struct nuc_builder *b, const struct filter *f, const struct nuc_buf *calls)
{
	struct nuc_span span = { .len = (uint32_t)(f->n * sizeof(*f->insns)) };
	uint32_t verdict, observing = 0;
	int r;

	if (calls->failed)
		return -ENOMEM;
	b->head.seccomp_calls.len = (uint32_t)calls->len;
	b->head.seccomp_calls.at = nuc_b_bytes(b, calls->s, calls->len);
	span.at = nuc_b_bytes(b, f->insns, span.len);
	verdict = nuc_b_bytes(b, &span, sizeof(span));
	r = emit_observing(b, f->origin, f->insns, f->n, f->default_errno, &observing);
	if (r < 0)
		return r;
	if (f->keys || b->head.observe & NUC_OBSERVE_TRACE)
		nuc_b_step(b, NUC_PROG_INIT, NUC_OP_KEYRING, NULL, 0, 0, 0);
	nuc_b_step(b, NUC_PROG_INIT, NUC_OP_SECCOMP, f->origin, verdict, observing, 0)->flags = f->flags;
	if (b->head.observe & NUC_OBSERVE_TRACE)
		return nuc_b_missing(b, NUC_MECH_SECCOMP, f->origin,
				     "the program is traced, and may make all but the calls that are always refused",
				     "leave --seccomp-mode trace and --learn out to run it for good");
	nuc_b_enforced(b, NUC_MECH_SECCOMP);
	return 0;
}

static void add_call(struct nuc_buf *calls, const char *name, const char *filter)
{
	nuc_buf_puts(calls, name);
	nuc_buf_puts(calls, "\t");
	nuc_buf_add(calls, filter, strlen(filter) + 1);
}

static bool is_about_keys(const char *name)
{
	return !strcmp(name, "keyctl") || !strcmp(name, "add_key") || !strcmp(name, "request_key");
}

/* A Landlock policy restricts ports, too, also without naming one. */
static bool has_port_rules(const struct nuc_builder *b)
{
	struct nuc_policy_file_wanted unused;

	return nuc_policy_count(b->policy, NUC_OPT_BIND_PORTS) || nuc_policy_count(b->policy, NUC_OPT_CONNECT_PORTS) ||
	       nuc_policy_file_of(b->policy, NUC_FILE_LANDLOCK, &unused);
}

/* A profile takes the place of the list: it may allow more, which the plan says in its notes. */
static int emit_profile(struct nuc_builder *b, const struct nuc_policy_file_wanted *wanted)
{
	const struct nuc_profile_target target = {
		.kernel_major = b->world->facts.kernel_major,
		.kernel_minor = b->world->facts.kernel_minor,
		/* As Docker and Podman compare: with what may be had, not with what the program begins with. */
		.caps = b->head.caps[NUC_CAPSET_BOUNDING],
	};
	_cleanup_policy_file_ struct nuc_policy_file file = { 0 };
	_cleanup_profile_ struct nuc_profile *profile = NULL;
	_cleanup_verdicts_ struct nuc_verdicts verdicts = { 0 };
	_cleanup_free_ struct sock_filter *insns = NULL;
	_cleanup_buf_ struct nuc_buf calls = { 0 };
	/* The file is where a refusal comes from. Its path is not part of what is enforced. */
	struct filter f = { .origin = wanted->path, .default_errno = EPERM };
	int r;

	r = b->world->read_policy_file(b->world, wanted, &file, b->err);
	if (r == 0)
		r = nuc_profile_parse(file.bytes, file.len, wanted->path, &profile, b->err);
	if (r == 0)
		r = nuc_profile_compile(profile, &target, &insns, &f.n, b->err);
	if (r == 0)
		r = nuc_verdicts_of_profile(profile, &target, &verdicts);
	if (r == 0)
		r = nuc_profile_notes(profile, &target, insns, f.n, file.sha256, has_port_rules(b),
				      &b->notes);
	if (r != 0)
		return r;
	for (size_t i = 0; i < verdicts.n; i++) {
		const struct nuc_verdict *v = &verdicts.v[i];

		f.keys |= v->passes && is_about_keys(v->name);
		if (v->passes)
			add_call(&calls, v->name,
				 v->words			? v->words
				 : v->action == SECCOMP_RET_LOG ? "logged"
								: "");
	}
	f.insns = insns;
	if ((profile->default_action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO)
		f.default_errno = profile->default_action & SECCOMP_RET_DATA;
	f.flags = profile->log ? NUC_STEP_LOG : 0;
	return emit_filter(b, &f, &calls);
}

static int emit_list(struct nuc_builder *b, const char *origin)
{
	const struct nuc_seccomp_params params = {
		.network = true,
		.netlink_route = nuc_policy_int(b->policy, NUC_OPT_NETWORK) == 1,
	};
	struct filter f = { .origin = origin, .default_errno = EPERM };
	_cleanup_buf_ struct nuc_buf calls = { 0 };
	const struct nuc_seccomp_row *row;

	nuc_seccomp_builtin(&params, &f.insns, &f.n);
	for (size_t i = 0; (row = nuc_seccomp_allowed(&params, i)); i++)
		add_call(&calls, row->name, row->filter);
	return emit_filter(b, &f, &calls);
}

static int emit_seccomp(struct nuc_builder *b)
{
	const char *origin = nuc_policy_origin(b->policy, NUC_OPT_SECCOMP);
	struct nuc_policy_file_wanted profile;
	bool has_profile = nuc_policy_file_of(b->policy, NUC_FILE_SECCOMP, &profile);

	if (nuc_policy_int(b->policy, NUC_OPT_SECCOMP) == 1) {
		if (has_profile)
			return nuc_b_fail(b, -EINVAL, "seccomp", profile.origin, "remove one of the two",
					  "security.seccomp-profile is set, but security.seccomp is off");
		nuc_b_step(b, NUC_PROG_INIT, NUC_OP_KEYRING, NULL, 0, 0, 0);
		return nuc_b_missing(b, NUC_MECH_SECCOMP, origin, "it was switched off",
				     "remove security.seccomp = \"off\"");
	}
	if (!b->world->facts.seccomp_filter) {
		nuc_b_step(b, NUC_PROG_INIT, NUC_OP_KEYRING, NULL, 0, 0, 0);
		return nuc_b_missing(b, NUC_MECH_SECCOMP, origin,
				     "this kernel has no seccomp filters",
				     "use a kernel with CONFIG_SECCOMP_FILTER");
	}
	if (has_profile && (b->head.observe & NUC_OBSERVE_TRACE))
		return nuc_b_fail(b, -EINVAL, "seccomp", profile.origin, "remove one of the two",
				  "a program that is traced is not held by a seccomp profile");
	return has_profile ? emit_profile(b, &profile) : emit_list(b, origin);
}

int nuc_emit_exec(struct nuc_builder *b)
{
	int r = emit_seccomp(b);

	if (r == 0)
		nuc_b_step(b, NUC_PROG_INIT, NUC_OP_EXEC, NULL, 0, 0, 0);
	return r;
}
