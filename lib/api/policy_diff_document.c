/* SPDX-License-Identifier: MIT */
/* Two policy documents, option by option: values as they take effect, so that a default is no change. */
#include "policy_diff.h"
#include "policy_internal.h"

/* What of an option's values allows more. */
enum rule {
	RULE_OTHER, /* nobody can say: a name, a variable */
	RULE_MORE,  /* the greater number, or the later of an enum's values */
	RULE_LESS,
	RULE_LIMIT, /* the greater number, and none at all the most */
	RULE_SET,   /* that it is set */
	RULE_UNSET, /* that it is not set */
	RULE_ITEMS, /* each item */
	RULE_VOLUMES,
	RULE_PORTS, /* each item; without any, all ports */
};

static const enum rule rules[NUC_OPT__COUNT] = {
	[NUC_OPT_MODE] = RULE_LESS,
	[NUC_OPT_WORKSPACE_PATH] = RULE_SET,
	[NUC_OPT_WORKSPACE_EXEC] = RULE_MORE,
	[NUC_OPT_CONTEXT_PATH] = RULE_SET,
	[NUC_OPT_VOLUMES] = RULE_VOLUMES,
	[NUC_OPT_TMPFS] = RULE_ITEMS,
	[NUC_OPT_ENV_PASS] = RULE_ITEMS,
	[NUC_OPT_PASS_FDS] = RULE_ITEMS,
	[NUC_OPT_TIMEOUT] = RULE_LIMIT,
	[NUC_OPT_MAX_FILES] = RULE_MORE,
	[NUC_OPT_MAX_PROCESSES] = RULE_MORE,
	[NUC_OPT_MAX_FILE_SIZE] = RULE_LIMIT,
	[NUC_OPT_MEMORY] = RULE_LIMIT,
	[NUC_OPT_MEMORY_HIGH] = RULE_LIMIT,
	[NUC_OPT_CPUS] = RULE_LIMIT,
	[NUC_OPT_CPU_WEIGHT] = RULE_OTHER,
	[NUC_OPT_PIDS] = RULE_LIMIT,
	[NUC_OPT_TMP_SIZE] = RULE_MORE,
	[NUC_OPT_HOME_SIZE] = RULE_MORE,
	[NUC_OPT_SHM_SIZE] = RULE_MORE,
	[NUC_OPT_COPY_SIZE] = RULE_MORE,
	[NUC_OPT_COPY_FILES] = RULE_MORE,
	[NUC_OPT_NETWORK] = RULE_MORE,
	[NUC_OPT_ALLOW_HOST_NETWORK] = RULE_MORE,
	[NUC_OPT_BIND_PORTS] = RULE_PORTS,
	[NUC_OPT_CONNECT_PORTS] = RULE_PORTS,
	[NUC_OPT_SECCOMP] = RULE_MORE,	/* on, off */
	[NUC_OPT_LANDLOCK] = RULE_MORE, /* on, off */
	[NUC_OPT_SECCOMP_PROFILE_SHA256] = RULE_UNSET,
	[NUC_OPT_CAPS_POLICY] = RULE_SET,
	[NUC_OPT_CAPS_POLICY_SHA256] = RULE_UNSET,
	[NUC_OPT_LANDLOCK_POLICY] = RULE_UNSET,
	[NUC_OPT_LANDLOCK_POLICY_SHA256] = RULE_UNSET,
	[NUC_OPT_POLICY_KEY] = RULE_UNSET,
	[NUC_OPT_SECCOMP_MODE] = RULE_MORE, /* enforce, trace */
	[NUC_OPT_LEARN] = RULE_SET,
};

struct pair {
	const nucleus_policy *a, *b;
	struct nuc_diff *d;
};

static bool is_list(enum nuc_option_id id)
{
	return nuc_options[id].type == NUC_TYPE_LIST || nuc_options[id].type == NUC_TYPE_MAP;
}

static bool is_number(enum nuc_option_id id)
{
	switch (nuc_options[id].type) {
	case NUC_TYPE_SIZE:
	case NUC_TYPE_COUNT:
	case NUC_TYPE_DURATION:
	case NUC_TYPE_DECIMAL:
		return true;
	default:
		return false;
	}
}

/* As a person would write it, or NULL: it is not set, and has no default. */
static char *in_words(const nucleus_policy *p, enum nuc_option_id id)
{
	const char *s;

	if (nuc_options[id].type == NUC_TYPE_BOOL)
		return strdup(nuc_policy_bool(p, id) ? "true" : "false");
	if (is_number(id))
		return !nuc_policy_is_set(p, id) && !*nuc_options[id].def
			       ? NULL
			       : nuc_format_number(nuc_options[id].type, nuc_policy_int(p, id));
	s = nuc_policy_str(p, id);
	return s ? strdup(s) : NULL;
}

static void add(const struct pair *p, enum nuc_option_id id, enum nuc_diff_side side,
		const char *before, const char *after)
{
	nuc_diff_add(p->d, side, "option", nuc_options[id].key, before, after, NULL);
}

static int64_t number_of(const nucleus_policy *p, enum nuc_option_id id)
{
	return nuc_options[id].type == NUC_TYPE_BOOL ? nuc_policy_bool(p, id)
						     : nuc_policy_int(p, id);
}

static enum nuc_diff_side side_of(const struct pair *p, enum nuc_option_id id, const char *before,
				  const char *after)
{
	int64_t a, b;

	switch (rules[id]) {
	case RULE_MORE:
	case RULE_LESS:
	case RULE_LIMIT:
		a = number_of(p->a, id);
		b = number_of(p->b, id);
		if (rules[id] == RULE_LIMIT) {
			a = a ? a : INT64_MAX;
			b = b ? b : INT64_MAX;
		}
		return a == b ? NUC_DIFF_CHANGED
		       : (b > a) == (rules[id] != RULE_LESS) ? NUC_DIFF_MORE
							     : NUC_DIFF_LESS;
	case RULE_SET:
	case RULE_UNSET:
		if (before && after)
			return NUC_DIFF_CHANGED;
		return !before == (rules[id] == RULE_SET) ? NUC_DIFF_MORE : NUC_DIFF_LESS;
	default:
		return NUC_DIFF_CHANGED;
	}
}

static void diff_scalar(const struct pair *p, enum nuc_option_id id)
{
	_cleanup_free_ char *before = in_words(p->a, id), *after = in_words(p->b, id);

	if (before && after ? !strcmp(before, after) : before == after)
		return;
	add(p, id, side_of(p, id, before, after), before ? before : "(not set)",
	    after ? after : "(not set)");
}

/* ---- lists and maps -------------------------------------------------------------------------------- */

/* The item of the other list that is about the same: a volume's target, a variable. */
static const char *same_of(const nucleus_policy *p, enum nuc_option_id id, const char *item)
{
	const char *name, *other;
	size_t len, other_len;

	nuc_value_identity(id, item, &name, &len);
	for (size_t i = 0; i < nuc_policy_count(p, id); i++) {
		nuc_value_identity(id, nuc_policy_item(p, id, i), &other, &other_len);
		if (len == other_len && !memcmp(name, other, len))
			return nuc_policy_item(p, id, i);
	}
	return NULL;
}

static enum nuc_diff_side side_of_item(enum nuc_option_id id, bool added)
{
	if (rules[id] == RULE_OTHER)
		return NUC_DIFF_CHANGED;
	return added ? NUC_DIFF_MORE : NUC_DIFF_LESS;
}

/* Of one target: from ro to rw, from rw to rw,exec; another source is another thing. */
static enum nuc_diff_side side_of_volume(const char *before, const char *after)
{
	struct nuc_volume a = { 0 }, b = { 0 };
	enum nuc_diff_side side = NUC_DIFF_CHANGED;

	if (nuc_parse_volume(before, &a) == 0 && nuc_parse_volume(after, &b) == 0 &&
	    !strcmp(a.src, b.src)) {
		/* To write is more than to execute, which what is read-only may be. */
		int before_rank = 2 * a.writable + a.exec, after_rank = 2 * b.writable + b.exec;

		side = after_rank > before_rank ? NUC_DIFF_MORE : NUC_DIFF_LESS;
	}
	nuc_volume_done(&a);
	nuc_volume_done(&b);
	return side;
}

static void diff_items(const struct pair *p, enum nuc_option_id id)
{
	for (size_t i = 0; i < nuc_policy_count(p->a, id); i++) {
		const char *before = nuc_policy_item(p->a, id, i),
			   *after = same_of(p->b, id, before);

		if (!after)
			add(p, id, side_of_item(id, false), before, NULL);
		else if (strcmp(before, after) != 0)
			add(p, id,
			    rules[id] == RULE_VOLUMES ? side_of_volume(before, after)
						      : NUC_DIFF_CHANGED,
			    before, after);
	}
	for (size_t i = 0; i < nuc_policy_count(p->b, id); i++) {
		const char *after = nuc_policy_item(p->b, id, i);

		if (!same_of(p->a, id, after))
			add(p, id, side_of_item(id, true), NULL, after);
	}
}

/* Without a list all ports are allowed: the first item takes the others away. */
static void diff_ports(const struct pair *p, enum nuc_option_id id)
{
	bool before = nuc_policy_count(p->a, id), after = nuc_policy_count(p->b, id);
	const nucleus_policy *with = after ? p->b : p->a;
	_cleanup_buf_ struct nuc_buf ports = { 0 };

	if (before == after) {
		diff_items(p, id);
		return;
	}
	for (size_t i = 0; i < nuc_policy_count(with, id); i++)
		nuc_buf_printf(&ports, "%s%s", i ? ", " : "", nuc_policy_item(with, id, i));
	p->d->failed |= ports.failed;
	if (!ports.failed)
		add(p, id, after ? NUC_DIFF_LESS : NUC_DIFF_MORE, before ? ports.s : "all ports",
		    after ? ports.s : "all ports");
}

/* ---- both -------------------------------------------------------------------------------------------- */

static int load(const struct nuc_diff_file *f, nucleus_policy **ret, nucleus_error **ret_err)
{
	_cleanup_policy_ nucleus_policy *policy = NULL;
	_cleanup_doc_ struct nuc_doc *doc = NULL;
	int r = nucleus_policy_new(&policy);

	if (r == 0)
		r = nuc_doc_parse(f->bytes, f->len, f->path, &doc, ret_err);
	/* Relative paths are compared as they are written: the files may lie anywhere. */
	if (r == 0)
		r = nuc_policy_add_document(policy, doc, f->path, "/", ret_err);
	if (r == 0)
		*ret = NUC_TAKE_PTR(policy);
	return r;
}

int nuc_diff_documents(const struct nuc_diff_file *a, const struct nuc_diff_file *b,
		       struct nuc_diff *d, nucleus_error **ret_err)
{
	_cleanup_policy_ nucleus_policy *policy_a = NULL, *policy_b = NULL;
	struct pair p = { .d = d };
	int r = load(a, &policy_a, ret_err);

	if (r == 0)
		r = load(b, &policy_b, ret_err);
	if (r < 0)
		return r;
	p.a = policy_a;
	p.b = policy_b;
	for (int i = 0; i < NUC_OPT__COUNT; i++) {
		enum nuc_option_id id = (enum nuc_option_id)i;

		if (rules[id] == RULE_PORTS)
			diff_ports(&p, id);
		else if (is_list(id))
			diff_items(&p, id);
		else
			diff_scalar(&p, id);
	}
	return 0;
}
