/* SPDX-License-Identifier: MIT */
#include <asm/unistd.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <sys/socket.h>

#include "bpf.h"
#include "capability.h"
#include "dangerous.h"
#include "profile_report.h"
#include "verdict.h"

#define SPEC_ALLOW_WORDS                                                                           \
	"SECCOMP_FILTER_FLAG_SPEC_ALLOW is not honoured: it would switch off a mitigation of "     \
	"Spectre"
#define X86_WORDS                                                                                  \
	"32-bit programs (i386): by the same rules, but those on arguments of socket calls do "    \
	"not reach "                                                                               \
	"into socketcall(2), if that is allowed"

static void add_names(struct nuc_buf *b, const char *title, const char *const *names, size_t n)
{
	if (!n)
		return;
	nuc_buf_printf(b, "%s (%zu):", title, n);
	for (size_t i = 0; i < n; i++)
		nuc_buf_printf(b, "%s %s", i ? "," : "", names[i]);
	nuc_buf_puts(b, "\n");
}

static size_t unique(const char **names, size_t n)
{
	size_t kept = 0;

	qsort(names, n, sizeof(*names), nuc_compare_strings);
	for (size_t i = 0; i < n; i++)
		if (!kept || strcmp(names[kept - 1], names[i]) != 0)
			names[kept++] = names[i];
	return kept;
}

#define VSOCK_WORDS                                                                                \
	"sockets of AF_VSOCK: they reach the hypervisor and its services, which no network "       \
	"namespace keeps away"

#define MPTCP_WORDS "sockets of MPTCP, which rules of TCP ports do not hold for"
#define FASTOPEN_WORDS "MSG_FASTOPEN, by which calls that send connect, past rules of TCP ports"

static bool passes(const struct sock_filter *filter, size_t n, const struct seccomp_data *d)
{
	return (nuc_bpf_run(filter, (uint32_t)n, d) & SECCOMP_RET_ACTION_FULL) > SECCOMP_RET_ERRNO;
}

static bool allows_socket(const struct sock_filter *filter, size_t n, uint64_t family, uint64_t protocol)
{
	const struct seccomp_data d = {
		.nr = __NR_socket, .arch = AUDIT_ARCH_X86_64, .args = { family, SOCK_STREAM, protocol },
	};

	return passes(filter, n, &d);
}

/* Of all families that sandboxes meet, vsock(7) alone belongs to the machine, not to a network. */
static bool allows_vsock(const struct sock_filter *filter, size_t n)
{
	return allows_socket(filter, n, AF_VSOCK, 0);
}

/* Landlock asks about sockets of TCP; of another protocol that speaks it to the network, not since Linux 6.14. */
static bool allows_mptcp(const struct sock_filter *filter, size_t n)
{
	return allows_socket(filter, n, AF_INET, IPPROTO_MPTCP) || allows_socket(filter, n, AF_INET6, IPPROTO_MPTCP);
}

/* Landlock asks at connect(): TCP Fast Open connects without. */
static bool allows_fast_open(const struct sock_filter *filter, size_t n)
{
	static const struct {
		int nr;
		unsigned int flags;
	} calls[] = { { __NR_sendto, 3 }, { __NR_sendmsg, 2 }, { __NR_sendmmsg, 3 } };

	if (!allows_socket(filter, n, AF_INET, 0) && !allows_socket(filter, n, AF_INET6, 0))
		return false;
	for (size_t i = 0; i < NUC_ARRAY_SIZE(calls); i++) {
		struct seccomp_data d = { .nr = calls[i].nr, .arch = AUDIT_ARCH_X86_64 };

		d.args[calls[i].flags] = MSG_FASTOPEN;
		if (passes(filter, n, &d))
			return true;
	}
	return false;
}

enum known { KNOWN, ELSEWHERE, UNKNOWN };

static enum known how_known(const char *name)
{
	int nr = seccomp_syscall_resolve_name(name);

	return nr >= 0 ? KNOWN : nr == __NR_SCMP_ERROR ? UNKNOWN : ELSEWHERE;
}

static int report_names(struct nuc_buf *b, const struct nuc_profile *p)
{
	static const char *const titles[] = {
		[ELSEWHERE] = "calls of other architectures, without effect",
		[UNKNOWN] = "not known here, without effect",
	};
	_cleanup_free_ const char **names = NULL;
	size_t n = 0;

	for (size_t i = 0; i < p->n_rules; i++)
		n += p->rules[i].n_names;
	names = calloc(n + 1, sizeof(*names));
	if (!names)
		return -ENOMEM;
	for (int kind = UNKNOWN; kind > KNOWN; kind--) {
		n = 0;
		for (size_t i = 0; i < p->n_rules; i++)
			for (size_t k = 0; k < p->rules[i].n_names; k++)
				if (how_known(p->rules[i].names[k]) == (enum known)kind)
					names[n++] = p->rules[i].names[k];
		add_names(b, titles[kind], names, unique(names, n));
	}
	return 0;
}

/* Why a rule does not apply. */
static void print_reason(struct nuc_buf *b, const struct nuc_profile_rule *rule,
			 enum nuc_profile_left_out why, const struct nuc_profile_target *t)
{
	switch (why) {
	case NUC_PROFILE_BY_CAPS:
		if (rule->includes.caps & ~t->caps) {
			nuc_buf_puts(b, "needs ");
			nuc_capability_names(b, rule->includes.caps & ~t->caps, ", ");
			nuc_buf_puts(b, ", not kept");
		} else {
			nuc_buf_puts(b, "not with ");
			nuc_capability_names(b, rule->excludes.caps & t->caps, ", ");
			nuc_buf_puts(b, ", which is kept");
		}
		break;
	case NUC_PROFILE_BY_KERNEL:
		if (rule->includes.major || rule->includes.minor)
			nuc_buf_printf(b, "needs Linux %u.%u", rule->includes.major,
				       rule->includes.minor);
		else
			nuc_buf_printf(b, "not from Linux %u.%u on", rule->excludes.major,
				       rule->excludes.minor);
		break;
	case NUC_PROFILE_BY_ARCH:
	case NUC_PROFILE_USED:
		nuc_buf_puts(b, "for other architectures");
		break;
	}
}

static int report_left_out(struct nuc_buf *b, const struct nuc_profile *p,
			   const struct nuc_profile_target *t)
{
	for (size_t i = 0; i < p->n_rules; i++) {
		const struct nuc_profile_rule *rule = &p->rules[i];
		enum nuc_profile_left_out why = nuc_profile_rule_is(rule, t);
		char buf[NUC_ACTION_SIZE];

		if (why == NUC_PROFILE_USED)
			continue;
		nuc_buf_printf(b, "line %u does not apply (", rule->line);
		print_reason(b, rule, why, t);
		nuc_buf_printf(b, "): %s", nuc_action_words(rule->action, buf));
		for (size_t k = 0; k < rule->n_names; k++)
			nuc_buf_printf(b, "%s %s", k ? "," : "", rule->names[k]);
		nuc_buf_puts(b, "\n");
	}
	return 0;
}

static void report_entries(struct nuc_buf *b, const struct nuc_profile *p)
{
	nuc_buf_puts(b, "entries: x86_64");
	if (p->x86)
		nuc_buf_puts(b, ", x86");
	if (p->x32)
		nuc_buf_puts(b, ", x32");
	nuc_buf_puts(b, "; others kill the process\n");
	if (p->x86)
		nuc_buf_printf(b, "%s\n", X86_WORDS);
	if (p->log)
		nuc_buf_puts(b, "flags: what is not allowed is also in the kernel's log\n");
	if (p->spec_allow)
		nuc_buf_printf(b, "%s\n", SPEC_ALLOW_WORDS);
	if (p->listener)
		nuc_buf_puts(b, "listenerPath has no effect: no rule is SCMP_ACT_NOTIFY\n");
}

static void report_dangers(struct nuc_buf *b, const struct nuc_verdicts *v)
{
	for (size_t i = 0; i < v->n; i++) {
		const struct nuc_danger *d = v->v[i].passes ? nuc_danger_of(v->v[i].name) : NULL;

		if (d)
			nuc_buf_printf(b, "%s allows %s%s: %s\n",
				       d->always ? "DANGER:" : "note:", d->name,
				       v->v[i].words ? " by its arguments" : "", d->reason);
	}
}

int nuc_profile_report(const char *text, size_t len, const char *name,
		       const struct nuc_profile_target *target, char **ret, nucleus_error **ret_err)
{
	_cleanup_profile_ struct nuc_profile *p = NULL;
	_cleanup_free_ struct sock_filter *filter = NULL;
	_cleanup_verdicts_ struct nuc_verdicts v = { 0 };
	size_t insns = 0, allowed = 0, by_arguments = 0;
	struct nuc_buf b = { 0 };
	char buf[NUC_ACTION_SIZE];
	int r = nuc_profile_parse(text, len, name, &p, ret_err);

	if (r == 0)
		r = nuc_profile_compile(p, target, &filter, &insns, ret_err);
	if (r < 0)
		return r;
	r = nuc_verdicts_of_profile(p, target, &v);
	if (r < 0)
		return r;
	for (size_t i = 0; i < v.n; i++) {
		allowed += v.v[i].passes;
		by_arguments += v.v[i].passes && v.v[i].words;
	}
	nuc_buf_printf(&b, "seccomp profile: %zu calls allowed, %zu of them by their arguments; ",
		       allowed, by_arguments);
	nuc_buf_printf(&b, "others: %s", nuc_action_words(p->default_action, buf));
	if (v.other != p->default_action)
		nuc_buf_printf(&b, ", and %s if newer than all that are named",
			       nuc_action_words(v.other, buf));
	nuc_buf_printf(&b, "; %zu instructions\n", insns);
	report_entries(&b, p);
	r = report_names(&b, p);
	if (r == 0)
		r = report_left_out(&b, p, target);
	if (r < 0) {
		nuc_buf_free(&b);
		return r;
	}
	report_dangers(&b, &v);
	if (allows_vsock(filter, insns))
		nuc_buf_puts(&b, "note: allows " VSOCK_WORDS "\n");
	if (allows_mptcp(filter, insns))
		nuc_buf_puts(&b, "note: allows " MPTCP_WORDS "\n");
	if (allows_fast_open(filter, insns))
		nuc_buf_puts(&b, "note: allows " FASTOPEN_WORDS "\n");
	return nuc_buf_take(&b, ret);
}

static void note(struct nuc_buf *notes, const char *text)
{
	nuc_buf_add(notes, text, strlen(text) + 1);
}

int nuc_profile_notes(const struct nuc_profile *p, const struct nuc_profile_target *target,
		      const struct sock_filter *filter, size_t insns, const char *sha256, bool ports,
		      struct nuc_buf *notes)
{
	_cleanup_verdicts_ struct nuc_verdicts v = { 0 };
	_cleanup_buf_ struct nuc_buf dangers = { 0 };
	int r = nuc_verdicts_of_profile(p, target, &v);

	if (r < 0)
		return r;
	nuc_buf_printf(notes, "system calls are those of a seccomp profile, sha256 %s", sha256);
	nuc_buf_add(notes, "", 1);
	if (p->x86)
		note(notes, "the seccomp profile admits " X86_WORDS);
	if (p->x32)
		note(notes, "the seccomp profile admits x32 programs, by the same rules");
	if (p->spec_allow)
		note(notes, SPEC_ALLOW_WORDS);
	for (size_t i = 0; i < v.n; i++) {
		const struct nuc_danger *d = v.v[i].passes ? nuc_danger_of(v.v[i].name) : NULL;

		if (d && d->always)
			nuc_buf_printf(&dangers, "%s%s", dangers.len ? ", " : "", d->name);
	}
	if (dangers.len) {
		nuc_buf_printf(notes, "the seccomp profile allows dangerous calls: %s", dangers.s);
		nuc_buf_add(notes, "", 1);
	}
	if (allows_vsock(filter, insns))
		note(notes, "the seccomp profile allows " VSOCK_WORDS);
	if (ports && allows_mptcp(filter, insns))
		note(notes, "the seccomp profile allows " MPTCP_WORDS);
	if (ports && allows_fast_open(filter, insns))
		note(notes, "the seccomp profile allows " FASTOPEN_WORDS);
	return notes->failed || dangers.failed ? -ENOMEM : 0;
}
