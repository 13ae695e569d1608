/* SPDX-License-Identifier: MIT */
/* seccomp: from the list to a BPF program. */
#include <linux/audit.h>
#include <linux/seccomp.h>

#include "export.h"
#include "seccomp_internal.h"

#define API_LEVEL 3 /* the first with KILL_PROCESS (seccomp_api_get(3)) */

/* Errors of libseccomp that are not ours to explain mean: it does not know what we need. */
static int from_libseccomp(int r)
{
	return r == -ENOMEM ? -ENOMEM : -ENOTSUP;
}

static int resolve(const char *name, int *ret_nr)
{
	int nr = seccomp_syscall_resolve_name(name);

	if (nr < 0 || nr > NUC_SECCOMP_NEWEST)
		return -ENOTSUP;
	*ret_nr = nr;
	return 0;
}

static int add_clause(scmp_filter_ctx context, uint32_t action, int nr,
		      const struct nuc_clause *clause)
{
	struct scmp_arg_cmp cmp[NUC_CLAUSE_CMPS];

	for (size_t i = 0; i < clause->count; i++)
		cmp[i] = (struct scmp_arg_cmp){
			.arg = clause->cmp[i].arg,
			.op = SCMP_CMP_MASKED_EQ,
			.datum_a = clause->cmp[i].mask,
			.datum_b = clause->cmp[i].value,
		};
	return seccomp_rule_add_exact_array(context, action, nr, clause->count, cmp);
}

static int add_rule(scmp_filter_ctx context, const struct nuc_rule *rule)
{
	uint32_t action = rule->error == NUC_ALLOW ? SCMP_ACT_ALLOW :
						     SCMP_ACT_ERRNO((uint32_t)rule->error);
	int nr, r;

	r = resolve(rule->row.name, &nr);
	if (r < 0)
		return r;
	if (!rule->clauses[0]) {
		r = seccomp_rule_add_exact(context, action, nr, 0);
		return r < 0 ? from_libseccomp(r) : 0;
	}
	for (size_t i = 0; i < NUC_RULE_CLAUSES && rule->clauses[i]; i++) {
		for (size_t j = 0; j < rule->clauses[i]->count; j++) {
			r = add_clause(context, action, nr, &rule->clauses[i]->clause[j]);
			if (r < 0)
				return from_libseccomp(r);
		}
	}
	return 0;
}

static int add_list(scmp_filter_ctx context, unsigned flags)
{
	const struct nuc_rule *rule;
	const char *name;
	int nr, r;

	for (size_t i = 0; (rule = nuc_seccomp_allow_rule(flags, i)); i++) {
		r = add_rule(context, rule);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; (rule = nuc_seccomp_answer_rule(flags, i)); i++) {
		r = add_rule(context, rule);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; (name = nuc_seccomp_killed(i)); i++) {
		r = resolve(name, &nr);
		if (r < 0)
			return r;
		r = seccomp_rule_add_exact(context, SCMP_ACT_KILL_PROCESS, nr, 0);
		if (r < 0)
			return from_libseccomp(r);
	}
	return 0;
}

/*
 * What goes before libseccomp's program: numbers past the end of the list are ENOSYS, as on a
 * kernel that has them not. glibc and others fall back from ENOSYS only, and what Linux adds later
 * must not turn into EPERM. The architecture and x32 are left to the program that follows, which
 * kills.
 */
static const struct sock_filter prologue[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 4),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, NUC_X32_BIT, 2, 0),
	BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, NUC_SECCOMP_NEWEST, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
};

int nuc_seccomp_compile(const struct nuc_seccomp_params *params, struct sock_filter **ret,
			size_t *ret_count)
{
	_cleanup_seccomp_ scmp_filter_ctx context = NULL;
	int r;

	/* Not what libseccomp finds out about this kernel: the program may run on another. */
	r = seccomp_api_set(API_LEVEL);
	if (r < 0)
		return from_libseccomp(r);
	context = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!context)
		return -ENOMEM;
	r = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r < 0)
		return from_libseccomp(r);
	r = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r < 0)
		return from_libseccomp(r);
	r = add_list(context, nuc_seccomp_flags(params));
	if (r < 0)
		return r;
	r = nuc_seccomp_export(context, prologue, NUC_ARRAY_SIZE(prologue), ret, ret_count);
	return r == -E2BIG ? -ENOTSUP : r;
}
