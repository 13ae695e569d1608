/* SPDX-License-Identifier: MIT */
/* From a profile's rules to a BPF program, by libseccomp, as runc uses it (libcontainer/seccomp).
 */
#include <linux/audit.h>
#include <linux/seccomp.h>

#include "export.h"
#include "profile_check.h"

/* runc's number: below, libseccomp's binary tree gains nothing, and 2.5.4 fails with it if empty.
 */
#define TREE_FROM 32

enum nuc_profile_left_out nuc_profile_rule_is(const struct nuc_profile_rule *rule,
					      const struct nuc_profile_target *t)
{
	const struct nuc_profile_when *in = &rule->includes, *out = &rule->excludes;
	const unsigned int major = (unsigned int)t->kernel_major,
			   minor = (unsigned int)t->kernel_minor;

	if ((in->arches && !in->native) || out->native)
		return NUC_PROFILE_BY_ARCH;
	/* All of includes.caps, none of excludes.caps. */
	if ((in->caps & ~t->caps) || (out->caps & t->caps))
		return NUC_PROFILE_BY_CAPS;
	if (major < in->major || (major == in->major && minor < in->minor))
		return NUC_PROFILE_BY_KERNEL;
	if ((out->major || out->minor) &&
	    (major > out->major || (major == out->major && minor >= out->minor)))
		return NUC_PROFILE_BY_KERNEL;
	return NUC_PROFILE_USED;
}

static bool looks_twice(const struct nuc_profile_rule *rule)
{
	unsigned int seen = 0;

	for (size_t i = 0; i < rule->n_args; i++) {
		if (seen & (1u << rule->args[i].index))
			return true;
		seen |= 1u << rule->args[i].index;
	}
	return false;
}

int nuc_profile_expand(const struct nuc_profile *p, const struct nuc_profile_target *target,
		       struct nuc_profile_clause **ret, size_t *ret_count)
{
	struct nuc_profile_clause *clauses;
	size_t n = 0;

	for (size_t i = 0; i < p->n_rules; i++)
		n += p->rules[i].n_names * (p->rules[i].n_args ? p->rules[i].n_args : 1);
	clauses = calloc(n + 1, sizeof(*clauses));
	if (!clauses)
		return -ENOMEM;
	n = 0;
	for (size_t i = 0; i < p->n_rules; i++) {
		const struct nuc_profile_rule *rule = &p->rules[i];
		size_t each = looks_twice(rule) ? 1 : rule->n_args;

		if (nuc_profile_rule_is(rule, target) != NUC_PROFILE_USED)
			continue;
		for (size_t k = 0; k < rule->n_names; k++) {
			size_t a = 0;

			do {
				clauses[n++] = (struct nuc_profile_clause){
					.rule = rule,
					.name = rule->names[k],
					.args = rule->n_args ? rule->args + a : NULL,
					.n_args = each,
				};
				a += each;
			} while (a < rule->n_args);
		}
	}
	*ret = clauses;
	*ret_count = n;
	return 0;
}

static void raise_to(uint32_t *newest, uint32_t arch, const char *name)
{
	int nr = seccomp_syscall_resolve_name_arch(arch, name);

	if (nr > 0 && (uint32_t)nr > *newest)
		*newest = (uint32_t)nr;
}

struct nuc_profile_newest nuc_profile_newest(const struct nuc_profile *p,
					     const struct nuc_profile_clause *clauses, size_t n)
{
	struct nuc_profile_newest newest = { 0 };

	/*
	 * Where what is not named is allowed, there is nothing to soften; and a profile that says
	 * ENOSYS itself means all that it does not name.
	 */
	if (p->says_enosys || p->default_action == SECCOMP_RET_ALLOW ||
	    p->default_action == SECCOMP_RET_LOG)
		return newest;
	for (size_t i = 0; i < n; i++) {
		raise_to(&newest.native, SCMP_ARCH_X86_64, clauses[i].name);
		if (p->x32)
			raise_to(&newest.x32, SCMP_ARCH_X32, clauses[i].name);
		if (p->x86)
			raise_to(&newest.x86, SCMP_ARCH_X86, clauses[i].name);
	}
	return newest;
}

#define PROLOGUE_MAX 17
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF(op, k, yes, no) BPF_JUMP(BPF_JMP | BPF_##op | BPF_K, k, yes, no)
#define ENOSYS_HERE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS)

/*
 * What goes before libseccomp's program: calls newer than all that the profile names are ENOSYS, as
 * on a kernel that has them not, for C libraries fall back from that only (runc does so
 * since 1.0.0-rc93). Each part goes on to the next one where it has nothing to say.
 */
static size_t write_prologue(const struct nuc_profile_newest *newest, struct sock_filter *to)
{
	const struct sock_filter native[] = {
		LOAD(arch),
		IF(JEQ, AUDIT_ARCH_X86_64, 0, 4),
		LOAD(nr),
		IF(JSET, NUC_X32_BIT, 2, 0),
		IF(JGT, newest->native, 0, 1),
		ENOSYS_HERE,
	};
	const struct sock_filter x32[] = {
		LOAD(arch),
		IF(JEQ, AUDIT_ARCH_X86_64, 0, 4),
		LOAD(nr),
		IF(JSET, NUC_X32_BIT, 0, 2),
		IF(JGT, newest->x32, 0, 1),
		ENOSYS_HERE,
	};
	const struct sock_filter x86[] = {
		LOAD(arch),  IF(JEQ, AUDIT_ARCH_I386, 0, 3), LOAD(nr), IF(JGT, newest->x86, 0, 1),
		ENOSYS_HERE,
	};
	size_t n = 0;

	_Static_assert(NUC_ARRAY_SIZE(native) + NUC_ARRAY_SIZE(x32) + NUC_ARRAY_SIZE(x86) <=
			       PROLOGUE_MAX,
		       "room for the prologue");
	if (newest->native) {
		memcpy(to + n, native, sizeof(native));
		n += NUC_ARRAY_SIZE(native);
	}
	if (newest->x32) {
		memcpy(to + n, x32, sizeof(x32));
		n += NUC_ARRAY_SIZE(x32);
	}
	if (newest->x86) {
		memcpy(to + n, x86, sizeof(x86));
		n += NUC_ARRAY_SIZE(x86);
	}
	return n;
}

static int rule_failed(const struct nuc_profile *p, unsigned int line, unsigned int col, int code,
		       const char *hint, const char *what, const char *why, nucleus_error **ret_err)
{
	_cleanup_free_ char *origin = nuc_strf("%s:%u:%u", p->name, line, col);
	const struct nuc_where where = { "compile", "seccomp", origin, hint };

	return nuc_fail(ret_err, code, &where, "%s%s", what, why);
}

/*
 * Whether an architecture has a call of this name, for itself or as a part of socketcall(2) or
 * ipc(2), which libseccomp numbers from -100 down; what it knows of others only goes from -10000
 * down.
 */
static bool has_call(uint32_t arch, const char *name)
{
	int nr = seccomp_syscall_resolve_name_arch(arch, name);

	return nr >= 0 || (nr < __NR_SCMP_ERROR && nr > -10000);
}

static int add_clause(scmp_filter_ctx context, const struct nuc_profile_clause *c)
{
	static const enum scmp_compare ops[NUC_PROFILE__OPS] = {
		[NUC_PROFILE_NE] = SCMP_CMP_NE,
		[NUC_PROFILE_LT] = SCMP_CMP_LT,
		[NUC_PROFILE_LE] = SCMP_CMP_LE,
		[NUC_PROFILE_EQ] = SCMP_CMP_EQ,
		[NUC_PROFILE_GE] = SCMP_CMP_GE,
		[NUC_PROFILE_GT] = SCMP_CMP_GT,
		[NUC_PROFILE_MASKED_EQ] = SCMP_CMP_MASKED_EQ,
	};
	struct scmp_arg_cmp cmp[6];

	for (size_t i = 0; i < c->n_args; i++)
		cmp[i] = (struct scmp_arg_cmp){
			.arg = c->args[i].index,
			.op = ops[c->args[i].op],
			.datum_a = c->args[i].value,
			.datum_b = c->args[i].value_two,
		};
	return seccomp_rule_add_array(context, c->rule->action,
				      seccomp_syscall_resolve_name(c->name),
				      (unsigned int)c->n_args, cmp);
}

static int add_clauses(scmp_filter_ctx context, uint32_t arch, const struct nuc_profile *p,
		       const struct nuc_profile_clause *clauses, size_t n, nucleus_error **ret_err)
{
	for (size_t i = 0; i < n; i++) {
		int r;

		/* What the default says anyway is no rule, as in runc: libseccomp refuses it. */
		if (clauses[i].rule->action == p->default_action ||
		    !has_call(arch, clauses[i].name))
			continue;
		r = add_clause(context, &clauses[i]);
		if (r < 0)
			return rule_failed(p, clauses[i].rule->line, clauses[i].rule->col,
					   r == -ENOMEM ? r : -EINVAL,
					   "does it contradict another rule of the same call?",
					   "libseccomp refuses the rule for ", clauses[i].name,
					   ret_err);
	}
	return 0;
}

/*
 * Each architecture by itself, with the calls that it has and no others. runc gives libseccomp all
 * names for all of them; if one of those that it leaves out is the first in its order, the
 * instruction is lost that loads the call's number, and no rule of that architecture holds (2.5.4
 * to 2.6.1, gen_bpf.c, _gen_bpf_syscalls(): acc_reset goes with s_head).
 */
static int add_architecture(scmp_filter_ctx context, uint32_t arch, const struct nuc_profile *p,
			    const struct nuc_profile_clause *clauses, size_t n,
			    nucleus_error **ret_err)
{
	_cleanup_seccomp_ scmp_filter_ctx own = seccomp_init(p->default_action);
	int r = own ? seccomp_arch_add(own, arch) : -ENOMEM;

	if (r == 0)
		r = seccomp_arch_remove(own, SCMP_ARCH_NATIVE);
	if (r == 0) {
		r = add_clauses(own, arch, p, clauses, n, ret_err);
		if (r < 0)
			return r;
		r = seccomp_merge(context, own);
	}
	if (r < 0)
		return rule_failed(p, p->line, p->col, r == -ENOMEM ? r : -ENOTSUP,
				   "this needs libseccomp 2.5 or newer",
				   "libseccomp cannot add an architecture: ", nuc_errno_name(r),
				   ret_err);
	own = NULL; /* it is a part of `context` now */
	return 0;
}

static int fill(scmp_filter_ctx context, const struct nuc_profile *p,
		const struct nuc_profile_clause *clauses, size_t n, nucleus_error **ret_err)
{
	int r = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	if (r == 0 && n > TREE_FROM)
		r = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r < 0)
		return rule_failed(p, p->line, p->col, r == -ENOMEM ? r : -ENOTSUP,
				   "this needs libseccomp 2.5 or newer",
				   "libseccomp cannot make the filter: ", nuc_errno_name(r),
				   ret_err);
	r = add_clauses(context, SCMP_ARCH_X86_64, p, clauses, n, ret_err);
	if (r == 0 && p->x86)
		r = add_architecture(context, SCMP_ARCH_X86, p, clauses, n, ret_err);
	if (r == 0 && p->x32)
		r = add_architecture(context, SCMP_ARCH_X32, p, clauses, n, ret_err);
	return r;
}

/* The program's process executes it under the filter: without execve there is no program. */
static int check_exec(const struct nuc_profile *p, const struct nuc_profile_clause *clauses,
		      size_t n, const struct nuc_verdicts *verdicts, nucleus_error **ret_err)
{
	unsigned int line = p->line, col = p->col;

	if (nuc_verdict_always_allows(nuc_verdict_find(verdicts, "execve")))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (!strcmp(clauses[i].name, "execve")) {
			line = clauses[i].rule->line;
			col = clauses[i].rule->col;
		}
	return rule_failed(
		p, line, col, -EINVAL,
		"allow execve, without args: the filter is loaded before the program is executed",
		"the profile does not allow execve", ": no program could start under it", ret_err);
}

/* A filter that says something else than the rules is none. */
static int check_program(const struct nuc_profile *p, const struct nuc_profile_clause *clauses,
			 size_t n, const struct nuc_verdicts *verdicts,
			 const struct sock_filter *program, size_t program_len,
			 nucleus_error **ret_err)
{
	_cleanup_free_ char *words = NULL;
	struct nuc_profile_difference d = { 0 };
	char says[NUC_ACTION_SIZE], means[NUC_ACTION_SIZE];
	int r = nuc_profile_check(p, clauses, n, verdicts, program, program_len, &d);

	if (r <= 0)
		return r;
	words = nuc_strf("%s (0x%llx, 0x%llx, 0x%llx, 0x%llx, 0x%llx, 0x%llx) is %s in it, not %s",
			 d.verdict->name, (unsigned long long)d.args[0],
			 (unsigned long long)d.args[1], (unsigned long long)d.args[2],
			 (unsigned long long)d.args[3], (unsigned long long)d.args[4],
			 (unsigned long long)d.args[5], nuc_action_words(d.program, says),
			 nuc_action_words(d.rules, means));
	return rule_failed(
		p, d.rule ? d.rule->line : p->line, d.rule ? d.rule->col : p->col, -ENOTSUP,
		"write these comparisons in another way, as by SCMP_CMP_EQ or MASKED_EQ",
		"libseccomp makes a wrong filter of the rules: ", words ? words : "", ret_err);
}

int nuc_profile_compile(const struct nuc_profile *p, const struct nuc_profile_target *target,
			struct sock_filter **ret, size_t *ret_count, nucleus_error **ret_err)
{
	_cleanup_seccomp_ scmp_filter_ctx context = NULL;
	_cleanup_free_ struct nuc_profile_clause *clauses = NULL;
	_cleanup_verdicts_ struct nuc_verdicts verdicts = { 0 };
	_cleanup_free_ struct sock_filter *program = NULL;
	struct sock_filter prologue[PROLOGUE_MAX];
	struct nuc_profile_newest newest;
	size_t n, count;
	int r = nuc_profile_expand(p, target, &clauses, &n);

	if (r == 0)
		r = nuc_verdicts_of_clauses(p, clauses, n, &verdicts);
	if (r == 0)
		r = check_exec(p, clauses, n, &verdicts, ret_err);
	if (r < 0)
		return r;
	context = seccomp_init(p->default_action);
	if (!context)
		return rule_failed(
			p, p->line, p->col, -ENOTSUP, "is the seccomp(2) call refused here?",
			"libseccomp cannot make a filter with ", "this defaultAction", ret_err);
	r = fill(context, p, clauses, n, ret_err);
	if (r < 0)
		return r;
	newest = nuc_profile_newest(p, clauses, n);
	r = nuc_seccomp_export(context, prologue, write_prologue(&newest, prologue), &program,
			       &count);
	if (r == -E2BIG)
		return rule_failed(p, p->line, p->col, -EINVAL,
				   "name fewer calls, or fewer values of arguments",
				   "the filter would be longer than ",
				   "the kernel's 4096 instructions", ret_err);
	if (r < 0)
		return rule_failed(p, p->line, p->col, r, NULL,
				   "the filter cannot be written: ", nuc_errno_name(r), ret_err);
	r = check_program(p, clauses, n, &verdicts, program, count, ret_err);
	if (r < 0)
		return r;
	*ret = NUC_TAKE_PTR(program);
	*ret_count = count;
	return 0;
}
