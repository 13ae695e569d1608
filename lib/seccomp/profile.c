/* SPDX-License-Identifier: MIT */
/* From the text of a profile to its rules; strict, so that nothing in it is read over. */
#include <linux/seccomp.h>

#include "capability.h"
#include "profile_read.h"

void nuc_profile_free(struct nuc_profile *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_rules; i++) {
		for (size_t k = 0; k < p->rules[i].n_names; k++)
			free(p->rules[i].names[k]);
		free(p->rules[i].names);
		free(p->rules[i].args);
	}
	free(p->rules);
	free(p->name);
	free(p);
}

/* ---- actions --------------------------------------------------------------------------------- */

#define ACT_TRACE 1u /* no SECCOMP_RET_* */
#define ACT_NOTIFY 2u

static const struct nuc_profile_word actions[] = {
	{ "SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW },
	{ "SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO },
	{ "SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD },
	{ "SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS },
	{ "SCMP_ACT_LOG", SECCOMP_RET_LOG },
	{ "SCMP_ACT_TRAP", SECCOMP_RET_TRAP },
	{ "SCMP_ACT_TRACE", ACT_TRACE },
	{ "SCMP_ACT_NOTIFY", ACT_NOTIFY },
	{ NULL, 0 },
};

static int errno_of(const char *name)
{
	static const struct {
		const char *name;
		int value;
	} other[] = { { "ENOTSUP", ENOTSUP },
		      { "EWOULDBLOCK", EWOULDBLOCK },
		      { "EDEADLOCK", EDEADLOCK } };

	for (size_t i = 0; i < NUC_ARRAY_SIZE(other); i++)
		if (!strcmp(other[i].name, name))
			return other[i].value;
	for (int e = 1; e <= EHWPOISON; e++)
		if (!strcmp(nuc_errno_name(e), name))
			return e;
	return -1;
}

/*
 * An action with its errno, which has two ways to be said: errnoRet, a number, and errno, a name
 * (containers-common). Neither is EPERM. `*ret_said`: by either of them.
 */
static int read_action(struct nuc_profile_reader *r, const struct nuc_doc *table,
		       const char *const keys[3], uint32_t *ret, bool *ret_said)
{
	const struct nuc_doc *action = nuc_profile_get(table, keys[0]),
			     *number = nuc_profile_get(table, keys[1]),
			     *name = nuc_profile_get(table, keys[2]);
	uint64_t value = EPERM;
	uint32_t act;
	int n;

	if (!action)
		return nuc_profile_missing(r, table, keys[0]);
	n = nuc_profile_word(r, action, keys[0], actions, &act);
	if (n < 0)
		return n;
	if (act == ACT_NOTIFY)
		return nuc_profile_bad(
			r, action, "use SCMP_ACT_ERRNO; the sandbox's own init is the one listener",
			"SCMP_ACT_NOTIFY is not supported: a filter has one listener, and a "
			"process "
			"behind listenerPath would decide over calls without being part of the "
			"policy");
	if (act == ACT_TRACE)
		return nuc_profile_bad(
			r, action, "use SCMP_ACT_ERRNO, or trace with security.seccomp-mode",
			"SCMP_ACT_TRACE is not supported: no tracer is attached to a sandbox");
	/* The kernel takes larger ones for 4095, its MAX_ERRNO; libseccomp refuses that one, too.
	 */
	n = number ? nuc_profile_number(r, number, keys[1], 4094, &value) : 0;
	if (n < 0)
		return n;
	if (name) {
		char shown[NUC_DOC_SHOWN_SIZE];
		int e;

		n = nuc_profile_want(r, name, NUC_DOC_STRING, keys[2]);
		if (n < 0)
			return n;
		e = errno_of(name->s);
		if (e < 0)
			return nuc_profile_bad(r, name, "write it as in errno(3)",
					       "%s: there is no error \"%s\"", keys[2],
					       nuc_doc_shown(name->s, name->len, shown));
		if (number && value != (uint64_t)e)
			return nuc_profile_bad(r, name, "keep one of the two",
					       "%s is %d, but %s says %llu", name->s, e, keys[1],
					       (unsigned long long)value);
		value = (uint64_t)e;
	}
	/* "When the action doesn't support an errno, the runtime MUST [...] fail." */
	if ((number || name) && act != SECCOMP_RET_ERRNO)
		return nuc_profile_bad(r, number ? number : name,
				       "remove it, or make the action SCMP_ACT_ERRNO",
				       "%s has no errno", action->s);
	*ret = act == SECCOMP_RET_ERRNO ? act | (uint32_t)value : act;
	*ret_said = number || name;
	return 0;
}

/* ---- architectures --------------------------------------------------------------------------- */

enum { ARCH_NATIVE, ARCH_X86, ARCH_X32, ARCH_FOREIGN };

static const struct nuc_profile_word architectures[] = {
	{ "SCMP_ARCH_X86_64", ARCH_NATIVE },
	{ "SCMP_ARCH_X86", ARCH_X86 },
	{ "SCMP_ARCH_X32", ARCH_X32 },
	{ "SCMP_ARCH_NATIVE", ARCH_NATIVE },
	{ "SCMP_ARCH_ARM", ARCH_FOREIGN },
	{ "SCMP_ARCH_AARCH64", ARCH_FOREIGN },
	{ "SCMP_ARCH_LOONGARCH64", ARCH_FOREIGN },
	{ "SCMP_ARCH_M68K", ARCH_FOREIGN },
	{ "SCMP_ARCH_MIPS", ARCH_FOREIGN },
	{ "SCMP_ARCH_MIPS64", ARCH_FOREIGN },
	{ "SCMP_ARCH_MIPS64N32", ARCH_FOREIGN },
	{ "SCMP_ARCH_MIPSEL", ARCH_FOREIGN },
	{ "SCMP_ARCH_MIPSEL64", ARCH_FOREIGN },
	{ "SCMP_ARCH_MIPSEL64N32", ARCH_FOREIGN },
	{ "SCMP_ARCH_PARISC", ARCH_FOREIGN },
	{ "SCMP_ARCH_PARISC64", ARCH_FOREIGN },
	{ "SCMP_ARCH_PPC", ARCH_FOREIGN },
	{ "SCMP_ARCH_PPC64", ARCH_FOREIGN },
	{ "SCMP_ARCH_PPC64LE", ARCH_FOREIGN },
	{ "SCMP_ARCH_RISCV64", ARCH_FOREIGN },
	{ "SCMP_ARCH_S390", ARCH_FOREIGN },
	{ "SCMP_ARCH_S390X", ARCH_FOREIGN },
	{ "SCMP_ARCH_SH", ARCH_FOREIGN },
	{ "SCMP_ARCH_SHEB", ARCH_FOREIGN },
	{ NULL, 0 },
};

/* As includes and excludes call them: by Go's and libseccomp's short names. */
static const struct nuc_profile_word short_architectures[] = {
	{ "amd64", ARCH_NATIVE },
	{ "x86_64", ARCH_NATIVE },
	{ "x86", ARCH_X86 },
	{ "x32", ARCH_X32 },
	{ "arm", ARCH_FOREIGN },
	{ "arm64", ARCH_FOREIGN },
	{ "aarch64", ARCH_FOREIGN },
	{ "loong64", ARCH_FOREIGN },
	{ "loongarch64", ARCH_FOREIGN },
	{ "m68k", ARCH_FOREIGN },
	{ "mips", ARCH_FOREIGN },
	{ "mips64", ARCH_FOREIGN },
	{ "mips64n32", ARCH_FOREIGN },
	{ "mipsel", ARCH_FOREIGN },
	{ "mipsle", ARCH_FOREIGN },
	{ "mipsel64", ARCH_FOREIGN },
	{ "mipsel64n32", ARCH_FOREIGN },
	{ "mips3l64n32", ARCH_FOREIGN },
	{ "parisc", ARCH_FOREIGN },
	{ "parisc64", ARCH_FOREIGN },
	{ "ppc", ARCH_FOREIGN },
	{ "ppc64", ARCH_FOREIGN },
	{ "ppc64le", ARCH_FOREIGN },
	{ "riscv64", ARCH_FOREIGN },
	{ "s390", ARCH_FOREIGN },
	{ "s390x", ARCH_FOREIGN },
	{ "sh", ARCH_FOREIGN },
	{ "sheb", ARCH_FOREIGN },
	{ NULL, 0 },
};

static int read_architectures(struct nuc_profile_reader *r, const struct nuc_doc *list,
			      const char *what)
{
	int n = nuc_profile_want(r, list, NUC_DOC_ARRAY, what);

	for (size_t i = 0; n == 0 && i < list->n; i++) {
		uint32_t arch = ARCH_FOREIGN;

		n = nuc_profile_word(r, list->items[i], what, architectures, &arch);
		r->profile->x86 |= arch == ARCH_X86;
		r->profile->x32 |= arch == ARCH_X32;
		r->profile->foreign += arch == ARCH_FOREIGN;
	}
	return n;
}

static int read_arch_map(struct nuc_profile_reader *r, const struct nuc_doc *map)
{
	static const char *const keys[] = { "architecture", "subArchitectures", NULL };
	bool found = false;
	int n = nuc_profile_want(r, map, NUC_DOC_ARRAY, "archMap");

	for (size_t i = 0; n == 0 && i < map->n; i++) {
		const struct nuc_doc *entry = map->items[i], *arch, *sub;
		uint32_t which;

		n = nuc_profile_want(r, entry, NUC_DOC_TABLE, "an entry of archMap");
		if (n == 0)
			n = nuc_profile_keys(r, entry, keys);
		if (n < 0)
			return n;
		arch = nuc_profile_get(entry, "architecture");
		sub = nuc_profile_get(entry, "subArchitectures");
		if (!arch)
			return nuc_profile_missing(r, entry, "architecture");
		n = nuc_profile_word(r, arch, "architecture", architectures, &which);
		if (n < 0)
			return n;
		if (sub && which == ARCH_NATIVE && !found) {
			n = read_architectures(r, sub, "subArchitectures");
		} else if (sub) {
			/* Of another machine: looked at, so that a typing error shows on each. */
			const struct nuc_profile before = *r->profile;

			n = read_architectures(r, sub, "subArchitectures");
			*r->profile = before;
		}
		found |= which == ARCH_NATIVE;
	}
	return n;
}

/* ---- rules ----------------------------------------------------------------------------------- */

static int read_min_kernel(struct nuc_profile_reader *r, const struct nuc_doc *d,
			   struct nuc_profile_when *w)
{
	unsigned int major, minor;
	int end = 0, n = nuc_profile_want(r, d, NUC_DOC_STRING, "minKernel");

	if (n < 0)
		return n;
	if (!*d->s)
		return 0;
	if (strspn(d->s, "0123456789.") != d->len || d->len > 7 ||
	    sscanf(d->s, "%u.%u%n", &major, &minor, &end) != 2 || (size_t)end != d->len ||
	    major + minor == 0)
		return nuc_profile_bad(r, d, "write it as \"6.1\"",
				       "minKernel is not a version of the kernel");
	w->major = major;
	w->minor = minor;
	return 0;
}

static int read_when(struct nuc_profile_reader *r, const struct nuc_doc *d, const char *what,
		     struct nuc_profile_when *w)
{
	static const char *const keys[] = { "caps", "arches", "minKernel", NULL };
	const struct nuc_doc *caps, *arches, *kernel;
	int n = nuc_profile_want(r, d, NUC_DOC_TABLE, what);

	if (n == 0)
		n = nuc_profile_keys(r, d, keys);
	if (n < 0)
		return n;
	caps = nuc_profile_get(d, "caps");
	arches = nuc_profile_get(d, "arches");
	kernel = nuc_profile_get(d, "minKernel");
	n = caps ? nuc_profile_want(r, caps, NUC_DOC_ARRAY, "caps") : 0;
	for (size_t i = 0; n == 0 && caps && i < caps->n; i++) {
		char shown[NUC_DOC_SHOWN_SIZE];
		int cap;

		n = nuc_profile_want(r, caps->items[i], NUC_DOC_STRING, "a capability");
		if (n < 0)
			return n;
		cap = nuc_capability_find(caps->items[i]->s);
		if (cap < 0)
			return nuc_profile_bad(
				r, caps->items[i], "names are as in capabilities(7)",
				"there is no capability \"%s\"",
				nuc_doc_shown(caps->items[i]->s, caps->items[i]->len, shown));
		w->caps |= 1ull << cap;
	}
	if (n == 0 && arches)
		n = nuc_profile_want(r, arches, NUC_DOC_ARRAY, "arches");
	for (size_t i = 0; n == 0 && arches && i < arches->n; i++) {
		uint32_t arch = ARCH_FOREIGN;

		n = nuc_profile_word(r, arches->items[i], "arches", short_architectures, &arch);
		w->arches = true;
		w->native |= arch == ARCH_NATIVE;
	}
	return n == 0 && kernel ? read_min_kernel(r, kernel, w) : n;
}

static int read_arg(struct nuc_profile_reader *r, const struct nuc_doc *d,
		    struct nuc_profile_arg *ret)
{
	static const char *const keys[] = { "index", "value", "valueTwo", "op", NULL };
	static const struct nuc_profile_word ops[] = {
		{ "SCMP_CMP_NE", NUC_PROFILE_NE },
		{ "SCMP_CMP_LT", NUC_PROFILE_LT },
		{ "SCMP_CMP_LE", NUC_PROFILE_LE },
		{ "SCMP_CMP_EQ", NUC_PROFILE_EQ },
		{ "SCMP_CMP_GE", NUC_PROFILE_GE },
		{ "SCMP_CMP_GT", NUC_PROFILE_GT },
		{ "SCMP_CMP_MASKED_EQ", NUC_PROFILE_MASKED_EQ },
		{ NULL, 0 },
	};
	const struct nuc_doc *two;
	struct nuc_profile_arg arg = { 0 };
	uint64_t index = 0;
	uint32_t op = 0;
	int n = nuc_profile_want(r, d, NUC_DOC_TABLE, "an entry of args");

	if (n == 0)
		n = nuc_profile_keys(r, d, keys);
	for (size_t i = 0; n == 0 && i < NUC_ARRAY_SIZE(keys) - 1; i++)
		if (!nuc_profile_get(d, keys[i]) && strcmp(keys[i], "valueTwo") != 0)
			n = nuc_profile_missing(r, d, keys[i]);
	if (n == 0)
		n = nuc_profile_number(r, nuc_profile_get(d, "index"), "index", 5, &index);
	if (n == 0)
		n = nuc_profile_number(r, nuc_profile_get(d, "value"), "value", UINT64_MAX,
				       &arg.value);
	two = n == 0 ? nuc_profile_get(d, "valueTwo") : NULL;
	if (two)
		n = nuc_profile_number(r, two, "valueTwo", UINT64_MAX, &arg.value_two);
	if (n == 0)
		n = nuc_profile_word(r, nuc_profile_get(d, "op"), "op", ops, &op);
	if (n < 0)
		return n;
	arg.index = (unsigned int)index;
	arg.op = (enum nuc_profile_op)op;
	if (arg.op != NUC_PROFILE_MASKED_EQ && arg.value_two)
		return nuc_profile_bad(
			r, two, "remove it, or use SCMP_CMP_MASKED_EQ: value is its mask then",
			"valueTwo means nothing to %s", nuc_profile_get(d, "op")->s);
	if (arg.op == NUC_PROFILE_MASKED_EQ && !arg.value)
		return nuc_profile_bad(r, nuc_profile_get(d, "value"),
				       "leave the condition out, or write the bits to compare",
				       "a mask of 0 is no condition");
	if (arg.op == NUC_PROFILE_MASKED_EQ && (arg.value_two & ~arg.value))
		return nuc_profile_bad(
			r, two, "value is the mask, valueTwo what remains of the argument",
			"valueTwo has bits that are not in value: the two are never equal");
	*ret = arg;
	return 0;
}

static bool is_call_name(const char *s)
{
	return *s && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(s) &&
	       strlen(s) < 64;
}

static int add_name(struct nuc_profile_reader *r, const struct nuc_doc *d,
		    struct nuc_profile_rule *rule)
{
	char shown[NUC_DOC_SHOWN_SIZE];
	int n = nuc_profile_want(r, d, NUC_DOC_STRING, "a name of a system call");

	if (n < 0)
		return n;
	if (!is_call_name(d->s))
		return nuc_profile_bad(r, d, "names are as in syscalls(2)",
				       "\"%s\" is not a name of a system call",
				       nuc_doc_shown(d->s, d->len, shown));
	rule->names[rule->n_names] = strdup(d->s);
	if (!rule->names[rule->n_names])
		return nuc_doc_no_memory(&r->doc);
	rule->n_names++;
	return 0;
}

static int read_names(struct nuc_profile_reader *r, const struct nuc_doc *d,
		      struct nuc_profile_rule *rule)
{
	const struct nuc_doc *one = nuc_profile_get(d, "name"), *many = nuc_profile_get(d, "names");
	int n;

	if (one && one->type == NUC_DOC_STRING && !one->len)
		one = NULL;
	if (one && many && !(many->type == NUC_DOC_ARRAY && !many->n))
		return nuc_profile_bad(r, one, "use names", "both name and names are there");
	if (!one && !many)
		return nuc_profile_missing(r, d, "names");
	n = one ? 0 : nuc_profile_want(r, many, NUC_DOC_ARRAY, "names");
	if (n < 0)
		return n;
	if (!one && !many->n)
		return nuc_profile_bad(r, many, "name at least one system call, or remove the rule",
				       "names is empty");
	rule->names = calloc(one ? 1 : many->n, sizeof(*rule->names));
	if (!rule->names)
		return nuc_doc_no_memory(&r->doc);
	if (one)
		return add_name(r, one, rule);
	for (size_t i = 0; n == 0 && i < many->n; i++)
		n = add_name(r, many->items[i], rule);
	return n;
}

static int read_rule(struct nuc_profile_reader *r, const struct nuc_doc *d,
		     struct nuc_profile_rule *rule)
{
	static const char *const keys[] = { "names", "name",	"action",   "errnoRet", "errno",
					    "args",  "comment", "includes", "excludes", NULL };
	static const char *const action_keys[] = { "action", "errnoRet", "errno" };
	const struct nuc_doc *args, *when, *comment;
	bool said;
	int n = nuc_profile_want(r, d, NUC_DOC_TABLE, "an entry of syscalls");

	if (n == 0)
		n = nuc_profile_keys(r, d, keys);
	if (n == 0)
		n = read_action(r, d, action_keys, &rule->action, &said);
	if (n == 0)
		n = read_names(r, d, rule);
	if (n < 0)
		return n;
	rule->line = d->line;
	rule->col = d->col;
	comment = nuc_profile_get(d, "comment");
	n = comment ? nuc_profile_want(r, comment, NUC_DOC_STRING, "comment") : 0;
	when = n == 0 ? nuc_profile_get(d, "includes") : NULL;
	if (when)
		n = read_when(r, when, "includes", &rule->includes);
	when = n == 0 ? nuc_profile_get(d, "excludes") : NULL;
	if (when)
		n = read_when(r, when, "excludes", &rule->excludes);
	args = n == 0 ? nuc_profile_get(d, "args") : NULL;
	if (args)
		n = nuc_profile_want(r, args, NUC_DOC_ARRAY, "args");
	if (n < 0 || !args)
		return n;
	rule->args = calloc(args->n + 1, sizeof(*rule->args));
	if (!rule->args)
		return nuc_doc_no_memory(&r->doc);
	for (; n == 0 && rule->n_args < args->n; rule->n_args += n == 0)
		n = read_arg(r, args->items[rule->n_args], &rule->args[rule->n_args]);
	return n;
}

static int read_rules(struct nuc_profile_reader *r, const struct nuc_doc *list)
{
	struct nuc_profile *p = r->profile;
	int n = nuc_profile_want(r, list, NUC_DOC_ARRAY, "syscalls");

	if (n < 0)
		return n;
	p->rules = calloc(list->n + 1, sizeof(*p->rules));
	if (!p->rules)
		return nuc_doc_no_memory(&r->doc);
	for (size_t i = 0; n == 0 && i < list->n; i++) {
		struct nuc_profile_rule *rule = &p->rules[p->n_rules++];

		n = read_rule(r, list->items[i], rule);
		if (n < 0)
			return n;
		r->clauses += rule->n_names * (rule->n_args ? rule->n_args : 1);
		if (r->clauses > NUC_PROFILE_MAX_CLAUSES)
			return nuc_profile_bad(r, list->items[i],
					       "a filter has at most 4096 instructions",
					       "more than %d rules", NUC_PROFILE_MAX_CLAUSES);
	}
	return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int read_flags(struct nuc_profile_reader *r, const struct nuc_doc *list)
{
	enum { LOG, SPEC_ALLOW, NO_EFFECT };
	/*
	 * TSYNC: the filter is loaded where there is one thread. WAIT_KILLABLE_RECV: what init
	 * listens to has it anyway.
	 */
	static const struct nuc_profile_word flags[] = {
		{ "SECCOMP_FILTER_FLAG_LOG", LOG },
		{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SPEC_ALLOW },
		{ "SECCOMP_FILTER_FLAG_TSYNC", NO_EFFECT },
		{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", NO_EFFECT },
		{ NULL, 0 },
	};
	int n = nuc_profile_want(r, list, NUC_DOC_ARRAY, "flags");

	for (size_t i = 0; n == 0 && i < list->n; i++) {
		uint32_t flag = NO_EFFECT;

		n = nuc_profile_word(r, list->items[i], "flags", flags, &flag);
		r->profile->log |= flag == LOG;
		r->profile->spec_allow |= flag == SPEC_ALLOW;
	}
	return n;
}

static int read_listener(struct nuc_profile_reader *r, const struct nuc_doc *doc)
{
	const struct nuc_doc *path = nuc_profile_get(doc, "listenerPath"),
			     *data = nuc_profile_get(doc, "listenerMetadata");
	int n = path ? nuc_profile_want(r, path, NUC_DOC_STRING, "listenerPath") : 0;

	if (n == 0 && data)
		n = nuc_profile_want(r, data, NUC_DOC_STRING, "listenerMetadata");
	if (n == 0 && data && !path)
		return nuc_profile_bad(r, data, "remove it",
				       "listenerMetadata without listenerPath");
	r->profile->listener = path && path->len;
	return n;
}

static int read_profile(struct nuc_profile_reader *r, const struct nuc_doc *doc)
{
	static const char *const keys[] = {
		"defaultAction", "defaultErrnoRet", "defaultErrno",	"architectures", "archMap",
		"flags",	 "listenerPath",    "listenerMetadata", "syscalls",	 NULL
	};
	static const char *const action_keys[] = { "defaultAction", "defaultErrnoRet",
						   "defaultErrno" };
	const struct nuc_doc *d;
	bool said = false;
	int n = nuc_profile_keys(r, doc, keys);

	if (n == 0)
		n = read_action(r, doc, action_keys, &r->profile->default_action, &said);
	if (n < 0)
		return n;
	d = nuc_profile_get(doc, "defaultAction");
	r->profile->line = d->line;
	r->profile->col = d->col;
	r->profile->says_enosys =
		said && r->profile->default_action == (SECCOMP_RET_ERRNO | ENOSYS);
	d = nuc_profile_get(doc, "archMap");
	if (d && d->type == NUC_DOC_ARRAY && d->n && nuc_profile_get(doc, "architectures"))
		return nuc_profile_bad(r, d, "keep one of the two",
				       "both architectures and archMap are there");
	if (d)
		n = read_arch_map(r, d);
	d = n == 0 ? nuc_profile_get(doc, "architectures") : NULL;
	if (d)
		n = read_architectures(r, d, "architectures");
	d = n == 0 ? nuc_profile_get(doc, "flags") : NULL;
	if (d)
		n = read_flags(r, d);
	if (n == 0)
		n = read_listener(r, doc);
	d = n == 0 ? nuc_profile_get(doc, "syscalls") : NULL;
	return d ? read_rules(r, d) : n;
}

int nuc_profile_parse(const char *text, size_t len, const char *name, struct nuc_profile **ret,
		      nucleus_error **ret_err)
{
	_cleanup_profile_ struct nuc_profile *p = calloc(1, sizeof(*p));
	_cleanup_doc_ struct nuc_doc *doc = NULL;
	struct nuc_profile_reader r = {
		.doc = { .name = name, .layer = "seccomp", .ret_err = ret_err }, .profile = p
	};
	int n;

	if (!p || !(p->name = strdup(name)))
		return nuc_doc_no_memory(&r.doc);
	n = nuc_json_parse_wide(text, len, name, &doc, ret_err);
	if (n == 0)
		n = read_profile(&r, doc);
	if (n < 0)
		return n;
	*ret = NUC_TAKE_PTR(p);
	return 0;
}
