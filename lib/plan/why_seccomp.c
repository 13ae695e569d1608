/* SPDX-License-Identifier: MIT */
/* Questions about system calls: the plan's own filter is run on them. */
#include <linux/audit.h>
#include <linux/seccomp.h>

#include "allowlist.h"
#include "capability.h"
#include "dangerous.h"
#include "learn.h"
#include "names.h"
#include "outcomes.h"
#include "why_internal.h"

/* Calls that the kernel then refuses without a capability. */
static const struct {
	const char *name, *capability;
} needs[] = {
	{ "acct", "CAP_SYS_PACCT" },	     { "chroot", "CAP_SYS_CHROOT" },
	{ "clock_adjtime", "CAP_SYS_TIME" }, { "clock_settime", "CAP_SYS_TIME" },
	{ "delete_module", "CAP_SYS_MODULE" }, { "finit_module", "CAP_SYS_MODULE" },
	{ "init_module", "CAP_SYS_MODULE" }, { "ioperm", "CAP_SYS_RAWIO" },
	{ "iopl", "CAP_SYS_RAWIO" },	     { "kexec_file_load", "CAP_SYS_BOOT" },
	{ "kexec_load", "CAP_SYS_BOOT" },    { "mount", "CAP_SYS_ADMIN" },
	{ "mount_setattr", "CAP_SYS_ADMIN" }, { "move_mount", "CAP_SYS_ADMIN" },
	{ "open_by_handle_at", "CAP_DAC_READ_SEARCH" }, { "pivot_root", "CAP_SYS_ADMIN" },
	{ "reboot", "CAP_SYS_BOOT" },	     { "setdomainname", "CAP_SYS_ADMIN" },
	{ "sethostname", "CAP_SYS_ADMIN" },  { "settimeofday", "CAP_SYS_TIME" },
	{ "swapoff", "CAP_SYS_ADMIN" },	     { "swapon", "CAP_SYS_ADMIN" },
	{ "umount2", "CAP_SYS_ADMIN" },	     { "vhangup", "CAP_SYS_TTY_CONFIG" },
};

static const struct nuc_step *seccomp_step(const struct nuc_plan *p)
{
	for (uint32_t i = 0; i < p->n[NUC_PROG_INIT]; i++) {
		const struct nuc_step *s = nuc_plan_step(p, p->first[NUC_PROG_INIT] + i);

		if (s->op == NUC_OP_SECCOMP)
			return s;
	}
	return NULL;
}

static const struct sock_filter *filter_of(const struct nuc_plan *p, const struct nuc_step *s,
					   uint32_t *ret_len)
{
	const struct nuc_span *span = nuc_plan_data(p, s->arg[0]);

	*ret_len = span->len / (uint32_t)sizeof(struct sock_filter);
	return nuc_plan_data(p, span->at);
}

/* The parameters of the built-in list that the plan's filter was made with; false: it is another. */
static bool is_builtin(const struct sock_filter *filter, uint32_t len,
		       struct nuc_seccomp_params *ret)
{
	for (unsigned int i = 0; i < 4; i++) {
		const struct nuc_seccomp_params params = { .network = i & 1, .netlink_route = i & 2 };
		const struct sock_filter *f;
		size_t n;

		nuc_seccomp_builtin(&params, &f, &n);
		if (n == len && !memcmp(f, filter, n * sizeof(*f))) {
			*ret = params;
			return true;
		}
	}
	return false;
}

/* What the plan says of the call: "" for all arguments, which ones, or NULL: it is not allowed. */
static const char *words_of(const struct nuc_plan *p, const char *name)
{
	const char *s = nuc_plan_data(p, p->seccomp_calls.at), *end = s + p->seccomp_calls.len;
	size_t n = strlen(name);

	for (; s < end; s += strlen(s) + 1)
		if (!strncmp(s, name, n) && s[n] == '\t')
			return s + n + 1;
	return NULL;
}

static bool lets_through(uint32_t value)
{
	uint32_t action = value & SECCOMP_RET_ACTION_FULL;

	return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

/* Rules of the built-in list for a call that it does not allow. */
static char *rule_of_list(const struct nuc_seccomp_params *params, const char *name, int nr,
			  const char *words)
{
	const struct nuc_seccomp_row *row;
	const char *killed;

	if (words)
		return nuc_strf("the built-in list allows %s only so: %s", name, words);
	for (size_t i = 0; (killed = nuc_seccomp_killed(i)); i++)
		if (!strcmp(killed, name))
			return nuc_strf("%s kills the process: no program that is needed makes it",
					name);
	for (size_t i = 0; (row = nuc_seccomp_answered(params, i)); i++)
		if (!strcmp(row->name, name))
			return nuc_strf("%s is not run but answered (%s): %s", name, row->filter,
					row->reason);
	if (nr > 450)
		return nuc_strf("%s is newer than the built-in list: not implemented, it is told",
				name);
	return nuc_strf("%s is not in the built-in list of allowed calls", name);
}

/* A profile is learned of a trace: what is run there is in it, what is not has to be named, and some cannot be. */
static char *fix_of(const char *name, int error, bool kills)
{
	const struct nuc_danger *danger = nuc_danger_of(name);
	bool refused = error == EPERM || error == EACCES;
	bool by_name = (danger && danger->always) || (!refused && nuc_learn_by_name(name));

	if (kills)
		return NULL;
	return nuc_strf("--seccomp-profile FILE (in a document: security.seccomp-profile = \"FILE\"), with a "
			"profile that allows %s%s%s%s%s%s", name,
			refused || by_name ? ": see nucleus seccomp generate" : "", by_name ? " --allow-dangerous " : "",
			by_name ? name : "", danger ? "; this opens: " : "", danger ? danger->reason : "");
}

static void refuse(struct nuc_why_state *w, const struct nuc_step *s, const char *name, int nr,
		   uint32_t value, const char *words)
{
	uint32_t action = value & SECCOMP_RET_ACTION_FULL, len;
	const struct sock_filter *filter = filter_of(w->plan, s, &len);
	_cleanup_free_ char *rule = NULL;
	struct nuc_seccomp_params params;
	bool kills = action == SECCOMP_RET_KILL_PROCESS || action == SECCOMP_RET_KILL_THREAD ||
		     action == SECCOMP_RET_TRAP;
	int error = action == SECCOMP_RET_ERRNO ? (int)(value & SECCOMP_RET_DATA)
		    : kills			? 0
						: ENOSYS;
	size_t n = w->n;

	if (is_builtin(filter, len, &params))
		rule = rule_of_list(&params, name, nr, words);
	else if (words && *words)
		rule = nuc_strf("the seccomp profile allows %s only so: %s", name, words);
	else
		rule = nuc_strf("the seccomp profile does not allow %s", name);
	nuc_why_refuse(w, "seccomp", error, nuc_why_origin(w->plan, s), fix_of(name, error, kills), "%s",
		       rule ? rule : "");
	w->failed |= !rule;
	if (n < NUC_WHY_REFUSALS)
		w->refusals[n].kills = kills;
}

static uint32_t run(const struct nuc_plan *p, const struct nuc_step *s, int nr,
		    const uint64_t args[6])
{
	struct seccomp_data d = { .nr = nr, .arch = AUDIT_ARCH_X86_64 };
	const struct sock_filter *filter;
	uint32_t len;

	memcpy(d.args, args, sizeof(d.args));
	filter = filter_of(p, s, &len);
	return nuc_bpf_run(filter, len, &d);
}

bool nuc_why_call_passes(struct nuc_why_state *w, const char *name, const uint64_t args[6])
{
	const struct nuc_step *s = seccomp_step(w->plan);
	int nr = nuc_syscall_number(name);
	uint32_t value;

	if (!s || nr < 0)
		return true;
	value = run(w->plan, s, nr, args);
	if (lets_through(value))
		return true;
	refuse(w, s, name, nr, value, words_of(w->plan, name));
	return false;
}

static void allow(struct nuc_why_state *w, const struct nuc_step *s, const char *name,
		  const char *words)
{
	const struct nuc_plan *p = w->plan;
	const char *origin = nuc_why_origin(p, s);
	const struct sock_filter *filter;
	const struct nuc_seccomp_row *row;
	struct nuc_seccomp_params params;
	uint32_t len;

	for (size_t i = 0; i < NUC_ARRAY_SIZE(needs); i++)
		if (!strcmp(needs[i].name, name)) {
			int cap = nuc_capability_find(needs[i].capability);

			/* Kept in the sandbox's own user namespace: what that reaches is the kernel's say. */
			if (cap >= 0 && p->caps[NUC_CAPSET_AMBIENT] & NUC_CAP_BIT(cap) &&
			    nuc_capability((unsigned int)cap)->reach != NUC_CAP_NOTHING) {
				w->inferred = true;
				break;
			}
			nuc_why_refuse(w, "capabilities", EPERM, NULL, NULL,
				       "%s needs %s, which the sandbox does not keep", name,
				       needs[i].capability);
			return;
		}
	if (w->partly && words && *words) {
		nuc_why_allow(w, "seccomp", origin, "%s is allowed for some arguments: %s", name,
			      words);
		return;
	}
	if (!s) {
		nuc_why_allow(w, "seccomp", NULL, "there is no filter of system calls");
		return;
	}
	filter = filter_of(p, s, &len);
	if (is_builtin(filter, len, &params))
		for (size_t i = 0; (row = nuc_seccomp_allowed(&params, i)); i++)
			if (!strcmp(row->name, name)) {
				nuc_why_allow(w, "seccomp", origin,
					      "the built-in list allows it, for: %s", row->reason);
				return;
			}
	nuc_why_allow(w, "seccomp", origin, "the seccomp profile allows it");
}

/* For whatever arguments: all outcomes that there are. Sets w->partly. */
static int any_arguments(struct nuc_why_state *w, const struct nuc_step *s, int nr, uint32_t *ret)
{
	uint32_t found[NUC_OUTCOMES], len, refusal = SECCOMP_RET_ALLOW;
	const struct sock_filter *filter = filter_of(w->plan, s, &len);
	int n = nuc_bpf_outcomes(filter, len, nr, found);
	bool passes = false;

	if (n == -ENOMEM)
		return n;
	if (n < 0) {
		/* Too many ways: what zeros get, and no promise. */
		static const uint64_t none[6];

		w->inferred = w->partly = true;
		*ret = run(w->plan, s, nr, none);
		return 0;
	}
	for (int i = 0; i < n; i++) {
		passes |= lets_through(found[i]);
		if (!lets_through(found[i]))
			refusal = found[i];
	}
	w->partly = n > 1;
	*ret = passes ? SECCOMP_RET_ALLOW : refusal;
	return 0;
}

int nuc_why_seccomp(struct nuc_why_state *w)
{
	const struct nuc_step *s = seccomp_step(w->plan);
	const char *name = w->q->target, *words;
	int nr = nuc_syscall_number(name), r;
	uint32_t value = SECCOMP_RET_ALLOW;
	int64_t number;

	if (nr < 0 && nuc_parse_count(name, &number) == 0 && number < 1024) {
		nr = (int)number;
		if (nuc_syscall_name(nr))
			name = nuc_syscall_name(nr);
	}
	if (nr < 0)
		return -EINVAL;
	words = words_of(w->plan, name);
	if (s && w->q->args) {
		value = run(w->plan, s, nr, w->q->args);
	} else if (s) {
		r = any_arguments(w, s, nr, &value);
		if (r < 0)
			return r;
	}
	if (lets_through(value))
		allow(w, s, name, words);
	else
		refuse(w, s, name, nr, value, words);
	return 0;
}
