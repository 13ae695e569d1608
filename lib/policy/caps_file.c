/* SPDX-License-Identifier: MIT */
#include <strings.h>

#include "caps_file.h"
#include "policy_internal.h"

static const char *const set_names[NUC_CAPSET__COUNT] = {
	[NUC_CAPSET_BOUNDING] = "bounding",	  [NUC_CAPSET_PERMITTED] = "permitted",
	[NUC_CAPSET_EFFECTIVE] = "effective",	  [NUC_CAPSET_INHERITABLE] = "inheritable",
	[NUC_CAPSET_AMBIENT] = "ambient",
};

/*
 * What a set must lie within. The kernel demands the last three (capabilities(7)); the first two
 * because a bounding set that is smaller than what it bounds is a mistake, not a wish.
 */
static const struct {
	enum nuc_capset set, within;
} rules[] = {
	{ NUC_CAPSET_PERMITTED, NUC_CAPSET_BOUNDING },
	{ NUC_CAPSET_INHERITABLE, NUC_CAPSET_BOUNDING },
	{ NUC_CAPSET_EFFECTIVE, NUC_CAPSET_PERMITTED },
	{ NUC_CAPSET_AMBIENT, NUC_CAPSET_PERMITTED },
	{ NUC_CAPSET_AMBIENT, NUC_CAPSET_INHERITABLE },
};

const char *nuc_capset_name(enum nuc_capset set)
{
	return set_names[set];
}

const char *nuc_caps_conflict(const uint64_t set[NUC_CAPSET__COUNT])
{
	for (size_t i = 0; i < NUC_ARRAY_SIZE(rules); i++)
		if (set[rules[i].set] & ~set[rules[i].within])
			return "capabilities that do not fit together";
	return NULL;
}

static struct nuc_doc_pos pos_of(const struct nuc_doc *d)
{
	return (struct nuc_doc_pos){ d->line, d->col };
}

static int read_capability(const struct nuc_doc_cursor *c, const struct nuc_doc *d)
{
	_cleanup_free_ char *hint = NULL;
	const char *near;
	int cap;

	if (d->type == NUC_DOC_INT) {
		if (d->i < 0 || d->i >= NUC_CAP_MAX)
			return nuc_doc_fail(c, pos_of(d), "capabilities are numbered from 0 to 63",
					    "%lld is not a capability", (long long)d->i);
		return (int)d->i;
	}
	if (d->type != NUC_DOC_STRING || strlen(d->s) != d->len)
		return nuc_doc_fail(c, pos_of(d),
				    "write names, as keep = [\"CAP_NET_BIND_SERVICE\"]",
				    "a capability is a name, or a number");
	cap = nuc_capability_find(d->s);
	if (cap >= 0)
		return cap;
	if (!strcasecmp(d->s, "ALL"))
		return nuc_doc_fail(c, pos_of(d), "name those that the program needs",
				    "there is no word for all capabilities");
	near = nuc_capability_nearest(d->s);
	hint = near ? nuc_strf("did you mean CAP_%s?", near)
		    : nuc_strf("see capabilities(7); one that is newer than this release is given by "
			       "its number");
	return nuc_doc_fail(c, pos_of(d), hint, "there is no capability %s", nuc_show(d->s).s);
}

static int read_set(const struct nuc_doc_cursor *c, const struct nuc_doc *table,
		    enum nuc_capset set, struct nuc_caps_file *f)
{
	const struct nuc_doc *keep = NULL;

	if (table->type != NUC_DOC_TABLE)
		return nuc_doc_fail(c, pos_of(table), "write a table with keep = [...] in it",
				    "%s is not a table", set_names[set]);
	for (size_t i = 0; i < table->n; i++) {
		if (strcmp(table->items[i]->key, "keep") != 0)
			return nuc_doc_fail(c, nuc_doc_key_pos(table->items[i]), "its only key is keep",
					    "there is no key %s in %s",
					    nuc_show(table->items[i]->key).s, set_names[set]);
		keep = table->items[i];
	}
	if (!keep)
		return nuc_doc_fail(c, pos_of(table), "write keep = [] to keep none",
				    "%s does not say what to keep", set_names[set]);
	if (keep->type != NUC_DOC_ARRAY)
		return nuc_doc_fail(c, pos_of(keep), "write keep = [\"CAP_NET_BIND_SERVICE\"]",
				    "%s.keep is not an array", set_names[set]);
	for (size_t i = 0; i < keep->n; i++) {
		int cap = read_capability(c, keep->items[i]);

		if (cap < 0)
			return cap;
		if (f->at[set][cap].line)
			return nuc_doc_fail(c, pos_of(keep->items[i]), "name it once",
					    "%s has this capability in line %u already",
					    set_names[set], f->at[set][cap].line);
		f->set[set] |= NUC_CAP_BIT(cap);
		f->at[set][cap].line = keep->items[i]->line;
		f->at[set][cap].col = keep->items[i]->col;
	}
	return 0;
}

static const char *set_name_at(size_t i, void *arg)
{
	(void)arg;
	return i < NUC_CAPSET__COUNT ? set_names[i] : NULL;
}

static int fail_unknown(const struct nuc_doc_cursor *c, const struct nuc_doc *d)
{
	const char *near = nuc_nearest(d->key, set_name_at, NULL);
	_cleanup_free_ char *hint = near ? nuc_strf("did you mean %s?", near) : NULL;

	return nuc_doc_fail(c, nuc_doc_key_pos(d),
			    hint ? hint : "the tables are: bounding permitted effective inheritable ambient",
			    "there is no set %s of capabilities", nuc_show(d->key).s);
}

static int check_rules(const struct nuc_doc_cursor *c, const struct nuc_caps_file *f)
{
	for (size_t i = 0; i < NUC_ARRAY_SIZE(rules); i++) {
		enum nuc_capset set = rules[i].set, within = rules[i].within;
		uint64_t bad = f->set[set] & ~f->set[within];
		_cleanup_buf_ struct nuc_buf name = { 0 };
		_cleanup_free_ char *hint = NULL;
		struct nuc_doc_pos pos;
		unsigned int cap;

		if (!bad)
			continue;
		cap = (unsigned int)__builtin_ctzll(bad);
		pos = (struct nuc_doc_pos){ f->at[set][cap].line, f->at[set][cap].col };
		nuc_capability_names(&name, NUC_CAP_BIT(cap), ",");
		hint = nuc_strf("add it to %s.keep, or remove it here", set_names[within]);
		if (name.failed || !hint)
			return nuc_doc_no_memory(c);
		return nuc_doc_fail(c, pos, hint, "%s is kept in %s, but not in %s, which it needs",
				    name.s, set_names[set], set_names[within]);
	}
	return 0;
}

int nuc_caps_file_read(const char *bytes, size_t len, const char *name, struct nuc_caps_file *ret,
		       nucleus_error **ret_err)
{
	const struct nuc_doc_cursor c = { .name = name, .layer = "capabilities", .ret_err = ret_err };
	_cleanup_doc_ struct nuc_doc *doc = NULL;
	struct nuc_caps_file f = { 0 };
	int r = nuc_toml_parse(bytes, len, name, &doc, ret_err);

	for (size_t i = 0; r == 0 && i < doc->n; i++) {
		enum nuc_capset set = 0;

		while (set < NUC_CAPSET__COUNT && strcmp(doc->items[i]->key, set_names[set]) != 0)
			set++;
		r = set == NUC_CAPSET__COUNT ? fail_unknown(&c, doc->items[i])
					     : read_set(&c, doc->items[i], set, &f);
	}
	if (r == 0)
		r = check_rules(&c, &f);
	if (r == 0)
		*ret = f;
	return r;
}

static void note(struct nuc_buf *report, const char *name, const struct nuc_caps_file *f,
		 enum nuc_capset set, unsigned int cap, const char *text)
{
	nuc_buf_printf(report, "%s:%u:%u: ", name, f->at[set][cap].line, f->at[set][cap].col);
	nuc_capability_names(report, NUC_CAP_BIT(cap), ",");
	nuc_buf_printf(report, ": %s\n", text);
}

static void note_capability(struct nuc_buf *report, const char *name, const struct nuc_caps_file *f,
			    unsigned int cap)
{
	const struct nuc_capability *known = nuc_capability(cap);
	_cleanup_free_ char *text = NULL;

	switch (known->reach) {
	case NUC_CAP_UNDOES:
		text = nuc_strf("refused in strict-agent and production: %s", known->what);
		break;
	case NUC_CAP_NOTHING:
		text = strdup("of no use: the kernel asks for it in the initial user namespace only");
		break;
	case NUC_CAP_UNKNOWN:
		text = strdup("not known to this release; refused where the kernel does not have it");
		break;
	case NUC_CAP_INSIDE:
		/* Programs are executed under no_new_privs from nosuid mounts: files add nothing. */
		if (f->set[NUC_CAPSET_AMBIENT] & NUC_CAP_BIT(cap))
			text = nuc_strf("lets the program %s", known->what);
		else
			text = strdup("no program will have it: of the sets only ambient outlives exec");
		break;
	}
	if (text)
		note(report, name, f, NUC_CAPSET_BOUNDING, cap, text);
	else
		report->failed = true;
}

int nuc_caps_file_check(const char *bytes, size_t len, const char *name, struct nuc_buf *report,
			nucleus_error **ret_err)
{
	struct nuc_caps_file f;
	int r = nuc_caps_file_read(bytes, len, name, &f, ret_err);

	if (r < 0)
		return r;
	/* Every set lies within the bounding set. */
	for (unsigned int cap = 0; cap < NUC_CAP_MAX; cap++)
		if (f.set[NUC_CAPSET_BOUNDING] & NUC_CAP_BIT(cap))
			note_capability(report, name, &f, cap);
	nuc_buf_puts(report, "after exec, permitted and effective are: ");
	nuc_capability_names(report, f.set[NUC_CAPSET_AMBIENT], ",");
	nuc_buf_puts(report, "\n");
	return 0;
}
