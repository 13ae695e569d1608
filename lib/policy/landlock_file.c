/* SPDX-License-Identifier: MIT */
#include "landlock_file.h"
#include "policy_internal.h"

/*
 * Words of the file. Those of several rights stand first, so that the writer prefers them. `write` has
 * truncate in it: where the kernel knows that right, hardly a program writes without it.
 */
static const struct word {
	const char *name;
	uint32_t rights;
} words[] = {
	{ "all", NUC_LL_ALL },
	{ "read", NUC_LL_READ_FILE },
	{ "write", NUC_LL_WRITE_FILE | NUC_LL_TRUNCATE },
	{ "execute", NUC_LL_EXECUTE },
	{ "readdir", NUC_LL_READ_DIR },
	{ "create", NUC_LL_MAKE_REG | NUC_LL_MAKE_DIR | NUC_LL_MAKE_SYM | NUC_LL_MAKE_SOCK |
			    NUC_LL_MAKE_FIFO },
	{ "remove", NUC_LL_REMOVE_FILE | NUC_LL_REMOVE_DIR },
	/* The kernel's names of single rights. */
	{ "refer", NUC_LL_REFER },
	{ "truncate", NUC_LL_TRUNCATE },
	{ "ioctl_dev", NUC_LL_IOCTL_DEV },
	{ "read_file", NUC_LL_READ_FILE },
	{ "read_dir", NUC_LL_READ_DIR },
	{ "write_file", NUC_LL_WRITE_FILE },
	{ "make_reg", NUC_LL_MAKE_REG },
	{ "make_dir", NUC_LL_MAKE_DIR },
	{ "make_sym", NUC_LL_MAKE_SYM },
	{ "make_sock", NUC_LL_MAKE_SOCK },
	{ "make_fifo", NUC_LL_MAKE_FIFO },
	{ "make_char", NUC_LL_MAKE_CHAR },
	{ "make_block", NUC_LL_MAKE_BLOCK },
	{ "remove_file", NUC_LL_REMOVE_FILE },
	{ "remove_dir", NUC_LL_REMOVE_DIR },
};

static const char *word_at(size_t i, void *arg)
{
	(void)arg;
	return i < NUC_ARRAY_SIZE(words) ? words[i].name : NULL;
}

void nuc_landlock_words(struct nuc_buf *b, uint32_t access)
{
	const char *comma = "";

	for (size_t i = 0; i < NUC_ARRAY_SIZE(words); i++) {
		if ((access & words[i].rights) != words[i].rights)
			continue;
		nuc_buf_printf(b, "%s\"%s\"", comma, words[i].name);
		access &= ~words[i].rights;
		comma = ", ";
	}
}

void nuc_landlock_names(struct nuc_buf *b, uint32_t access)
{
	const char *comma = "";

	for (size_t i = 0; i < NUC_ARRAY_SIZE(words); i++) {
		/* Of a single right the kernel's own name is the last. */
		bool last = __builtin_popcount(words[i].rights) == 1 && (access & words[i].rights);

		for (size_t k = i + 1; last && k < NUC_ARRAY_SIZE(words); k++)
			last = words[k].rights != words[i].rights;
		if (!last)
			continue;
		nuc_buf_printf(b, "%s%s", comma, words[i].name);
		comma = ",";
	}
	if (!*comma)
		nuc_buf_puts(b, "-");
}

static struct nuc_doc_pos pos_of(const struct nuc_doc *d)
{
	return (struct nuc_doc_pos){ d->line, d->col };
}

static struct nuc_landlock_pos at_of(const struct nuc_doc *d)
{
	return (struct nuc_landlock_pos){ d->line, d->col };
}

static int fail_type(const struct nuc_doc_cursor *c, const struct nuc_doc *d, const char *wanted,
		     const char *hint)
{
	return nuc_doc_fail(c, pos_of(d), hint, "%s: %s is wanted",
			    d->key ? nuc_show(d->key).s : "item", wanted);
}

static const char *name_in(size_t i, void *names)
{
	return ((const char *const *)names)[i];
}

/* An unknown key of a table, with what may have been meant. `names` ends with NULL. */
static int fail_key(const struct nuc_doc_cursor *c, const struct nuc_doc *d,
		    const char *const *names, const char *where)
{
	const char *near = nuc_nearest(d->key, name_in, (void *)names);
	_cleanup_buf_ struct nuc_buf hint = { 0 };

	if (near)
		nuc_buf_printf(&hint, "did you mean %s?", near);
	else
		nuc_buf_puts(&hint, "its keys are:");
	for (size_t i = 0; !near && names[i]; i++)
		nuc_buf_printf(&hint, " %s", names[i]);
	if (hint.failed)
		return nuc_doc_no_memory(c);
	return nuc_doc_fail(c, nuc_doc_key_pos(d), hint.s, "there is no key %s in %s",
			    nuc_show(d->key).s, where);
}

/* ---- rules ------------------------------------------------------------------------------------- */

static int read_path(const struct nuc_doc_cursor *c, const struct nuc_doc *d,
		     struct nuc_landlock_rule *rule)
{
	const char *why = NULL;
	int r;

	if (d->type != NUC_DOC_STRING || strlen(d->s) != d->len)
		return fail_type(c, d, "a string", "write path = \"/usr\"");
	r = nuc_target_read(d->s, d->len, &rule->path, &why);
	if (r == -ENOMEM)
		return nuc_doc_no_memory(c);
	if (r < 0)
		return nuc_doc_fail(c, pos_of(d), why, "path: '%s' is not a path in the sandbox",
				    nuc_show(d->s).s);
	if (strlen(rule->path) >= 4096)
		return nuc_doc_fail(c, pos_of(d), "the kernel takes paths below 4096 bytes",
				    "path: too long");
	rule->at = at_of(d);
	return 0;
}

static int read_access(const struct nuc_doc_cursor *c, const struct nuc_doc *d,
		       struct nuc_landlock_rule *rule)
{
	static const char *const hint =
		"the words are: all read write execute readdir create remove refer truncate ioctl_dev, and "
		"the kernel's, as make_reg";

	if (d->type != NUC_DOC_ARRAY)
		return fail_type(c, d, "an array of strings", "write access = [\"read\"]");
	if (!d->n)
		return nuc_doc_fail(c, pos_of(d),
				    "leave the rule out: what no rule grants is refused",
				    "access: a rule that grants nothing");
	for (size_t i = 0; i < d->n; i++) {
		const struct nuc_doc *item = d->items[i];
		_cleanup_free_ char *mean = NULL;
		const char *near;
		size_t k = 0;

		if (item->type != NUC_DOC_STRING || strlen(item->s) != item->len)
			return nuc_doc_fail(c, pos_of(item), hint, "access: a string is wanted");
		while (k < NUC_ARRAY_SIZE(words) && strcmp(item->s, words[k].name) != 0)
			k++;
		if (k < NUC_ARRAY_SIZE(words)) {
			rule->access |= words[k].rights;
			continue;
		}
		near = nuc_nearest(item->s, word_at, NULL);
		mean = near ? nuc_strf("did you mean %s?", near) : NULL;
		return nuc_doc_fail(c, pos_of(item), mean ? mean : hint,
				    "access: there is no right %s", nuc_show(item->s).s);
	}
	rule->access_at = at_of(d);
	return 0;
}

static int read_rule(const struct nuc_doc_cursor *c, const struct nuc_doc *table,
		     struct nuc_landlock_rule *rule)
{
	static const char *const keys[] = { "path", "access", "optional", NULL };

	if (table->type != NUC_DOC_TABLE)
		return nuc_doc_fail(c, pos_of(table), "write [[rules]] above each rule",
				    "rules: a table is wanted");
	for (size_t i = 0; i < table->n; i++) {
		const struct nuc_doc *d = table->items[i];
		int r = 0;

		if (!strcmp(d->key, "path"))
			r = read_path(c, d, rule);
		else if (!strcmp(d->key, "access"))
			r = read_access(c, d, rule);
		else if (strcmp(d->key, "optional") != 0)
			r = fail_key(c, d, keys, "a rule");
		else if (d->type != NUC_DOC_BOOL)
			r = fail_type(c, d, "true or false", "write optional = true");
		else
			rule->optional = d->b;
		if (r < 0)
			return r;
	}
	if (!rule->path)
		return nuc_doc_fail(c, pos_of(table), "add path = \"/...\"",
				    "a rule without a path");
	if (!rule->access)
		return nuc_doc_fail(c, pos_of(table), "add access = [\"read\"], or what it is for",
				    "a rule without access");
	return 0;
}

static int read_rules(const struct nuc_doc_cursor *c, const struct nuc_doc *d,
		      struct nuc_landlock_file *f)
{
	if (d->type != NUC_DOC_ARRAY)
		return nuc_doc_fail(c, pos_of(d), "write [[rules]], with two brackets",
				    "rules: an array of tables is wanted");
	if (d->n > NUC_LANDLOCK_MAX_RULES)
		return nuc_doc_fail(c, pos_of(d), "name directories instead of what is in them",
				    "more than %d rules", NUC_LANDLOCK_MAX_RULES);
	f->rules = calloc(d->n + 1, sizeof(*f->rules));
	if (!f->rules)
		return nuc_doc_no_memory(c);
	for (size_t i = 0; i < d->n; i++) {
		/* Counted first: what a failed one holds is freed with the others. */
		int r = read_rule(c, d->items[i], &f->rules[f->n_rules++]);

		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- ports ------------------------------------------------------------------------------------- */

static int by_port(const void *a, const void *b)
{
	return ((const struct nuc_landlock_port *)a)->port -
	       ((const struct nuc_landlock_port *)b)->port;
}

static int read_ports(const struct nuc_doc_cursor *c, const struct nuc_doc *d, int64_t min,
		      uint32_t right, struct nuc_landlock_file *f)
{
	struct nuc_landlock_port *more;

	if (d->type != NUC_DOC_ARRAY)
		return fail_type(c, d, "an array of ports", "write bind = [8080]");
	more = reallocarray(f->ports, f->n_ports + d->n + 1, sizeof(*more));
	if (!more)
		return nuc_doc_no_memory(c);
	f->ports = more;
	for (size_t i = 0; i < d->n; i++) {
		const struct nuc_doc *item = d->items[i];

		if (item->type != NUC_DOC_INT)
			return nuc_doc_fail(c, pos_of(item), "write the number, as 8080",
					    "%s: a port is a number", d->key);
		if (item->i < min || item->i > 65535)
			return nuc_doc_fail(c, pos_of(item),
					    min ? "ports are numbered from 1 to 65535"
						: "ports are numbered from 0 (any that is free) to 65535",
					    "%s: %lld is not a port", d->key, (long long)item->i);
		f->ports[f->n_ports++] = (struct nuc_landlock_port){ (uint16_t)item->i, right };
	}
	return 0;
}

static int read_net(const struct nuc_doc_cursor *c, const struct nuc_doc *d,
		    struct nuc_landlock_file *f)
{
	static const char *const keys[] = { "bind", "connect", NULL };
	size_t n = 0;

	if (d->type != NUC_DOC_ARRAY)
		return nuc_doc_fail(c, pos_of(d), "write [[net]], with two brackets",
				    "net: an array of tables is wanted");
	for (size_t i = 0; i < d->n; i++) {
		const struct nuc_doc *table = d->items[i];

		if (table->type != NUC_DOC_TABLE)
			return nuc_doc_fail(c, pos_of(table),
					    "write [[net]] above bind and connect",
					    "net: a table is wanted");
		for (size_t k = 0; k < table->n; k++) {
			const struct nuc_doc *item = table->items[k];
			bool bind = !strcmp(item->key, "bind");
			int r;

			if (!bind && strcmp(item->key, "connect") != 0)
				return fail_key(c, item, keys, "net");
			r = read_ports(c, item, bind ? 0 : 1,
				       bind ? NUC_LL_NET_BIND_TCP : NUC_LL_NET_CONNECT_TCP, f);
			if (r < 0)
				return r;
		}
	}
	f->net_at = at_of(d);
	if (f->n_ports)
		qsort(f->ports, f->n_ports, sizeof(*f->ports), by_port);
	for (size_t i = 0; i < f->n_ports; i++) {
		if (n && f->ports[n - 1].port == f->ports[i].port)
			f->ports[n - 1].rights |= f->ports[i].rights;
		else
			f->ports[n++] = f->ports[i];
	}
	f->n_ports = n;
	return 0;
}

/* ---- the rest ---------------------------------------------------------------------------------- */

static int read_scope(const struct nuc_doc_cursor *c, const struct nuc_doc *d,
		      struct nuc_landlock_file *f)
{
	static const char *const keys[] = { "abstract_unix_socket", "signal", NULL };
	static const uint32_t bits[] = { NUC_LL_SCOPE_ABSTRACT_UNIX, NUC_LL_SCOPE_SIGNAL };

	if (d->type != NUC_DOC_TABLE)
		return nuc_doc_fail(c, pos_of(d), "write [scope]", "scope: a table is wanted");
	f->scope_at = at_of(d);
	for (size_t i = 0; i < d->n; i++) {
		const struct nuc_doc *item = d->items[i];
		size_t k = 0;

		while (keys[k] && strcmp(item->key, keys[k]) != 0)
			k++;
		if (!keys[k])
			return fail_key(c, item, keys, "scope");
		if (item->type != NUC_DOC_BOOL)
			return fail_type(c, item, "true or false", "write signal = true");
		if (!item->b)
			f->scoped &= ~bits[k];
	}
	return 0;
}

static int read_min_abi(const struct nuc_doc_cursor *c, const struct nuc_doc *d,
			struct nuc_landlock_file *f)
{
	if (d->type != NUC_DOC_INT || d->i < 1 || d->i > 1000)
		return nuc_doc_fail(c, pos_of(d), "ABIs are numbered from 1: see landlock(7)",
				    "min_abi: the number of a Landlock ABI is wanted");
	f->min_abi = (int)d->i;
	f->min_abi_at = at_of(d);
	return 0;
}

static int read_file(const struct nuc_doc_cursor *c, const struct nuc_doc *doc,
		     struct nuc_landlock_file *f)
{
	static const char *const keys[] = { "min_abi", "rules", "net", "scope", NULL };
	static int (*const readers[])(const struct nuc_doc_cursor *, const struct nuc_doc *,
				      struct nuc_landlock_file *) = { read_min_abi, read_rules, read_net,
								      read_scope };

	for (size_t i = 0; i < doc->n; i++) {
		size_t k = 0;
		int r;

		while (keys[k] && strcmp(doc->items[i]->key, keys[k]) != 0)
			k++;
		r = keys[k] ? readers[k](c, doc->items[i], f)
			    : fail_key(c, doc->items[i], keys, "a Landlock policy");
		if (r < 0)
			return r;
	}
	return 0;
}

int nuc_landlock_file_read(const char *bytes, size_t len, const char *name,
			   struct nuc_landlock_file *ret, nucleus_error **ret_err)
{
	const struct nuc_doc_cursor c = { .name = name, .layer = "landlock", .ret_err = ret_err };
	struct nuc_landlock_file f = {
		.min_abi = 1,
		.scoped = NUC_LL_SCOPE_ABSTRACT_UNIX | NUC_LL_SCOPE_SIGNAL,
	};
	_cleanup_doc_ struct nuc_doc *doc = NULL;
	int r = nuc_toml_parse(bytes, len, name, &doc, ret_err);

	if (r == 0)
		r = read_file(&c, doc, &f);
	if (r < 0)
		nuc_landlock_file_done(&f);
	else
		*ret = f;
	return r;
}

void nuc_landlock_file_done(struct nuc_landlock_file *f)
{
	for (size_t i = 0; i < f->n_rules; i++)
		free(f->rules[i].path);
	free(f->rules);
	free(f->ports);
	*f = (struct nuc_landlock_file){ 0 };
}

/* ---- for people --------------------------------------------------------------------------------- */

static void note(struct nuc_buf *b, const char *name, struct nuc_landlock_pos at, const char *text)
{
	nuc_buf_printf(b, "%s:%u:%u: %s\n", name, at.line, at.col, text);
}

static void note_rule(struct nuc_buf *b, const char *name, const struct nuc_landlock_rule *rule,
		      int min_abi)
{
	static const struct {
		uint32_t right;
		int abi;
		const char *text;
	} newer[] = {
		{ NUC_LL_REFER, 2, "refer is granted from ABI 2; on ABI 1 nothing is renamed between "
				   "directories" },
		{ NUC_LL_TRUNCATE, 3, "truncate is a right from ABI 3; below it is not restricted" },
		{ NUC_LL_IOCTL_DEV, 5, "ioctl_dev is a right from ABI 5; below it is not restricted" },
	};
	bool all = rule->access == NUC_LL_ALL;

	if (strpbrk(rule->path, "*?["))
		note(b, name, rule->at,
		     "Landlock knows no patterns: the characters are part of the name");
	for (size_t i = 0; i < NUC_ARRAY_SIZE(newer) && !all; i++)
		if ((rule->access & newer[i].right) && min_abi < newer[i].abi &&
		    !(newer[i].right == NUC_LL_TRUNCATE && (rule->access & NUC_LL_WRITE_FILE)))
			note(b, name, rule->access_at, newer[i].text);
	if ((rule->access & NUC_LL_EXECUTE) && !(rule->access & NUC_LL_READ_FILE))
		note(b, name, rule->access_at,
		     "execute without read: the kernel opens a program for both, so that nothing runs");
	if (!strcmp(rule->path, "/") && (rule->access & ~(NUC_LL_READ_DIR | NUC_LL_EXECUTE)))
		note(b, name, rule->at, "/ is everything: the mounts alone restrict it then");
}

int nuc_landlock_file_check(const char *bytes, size_t len, const char *name, struct nuc_buf *report,
			    nucleus_error **ret_err)
{
	_cleanup_landlock_file_ struct nuc_landlock_file f = { 0 };
	bool executes = false;
	int r = nuc_landlock_file_read(bytes, len, name, &f, ret_err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < f.n_rules; i++) {
		note_rule(report, name, &f.rules[i], f.min_abi);
		executes |= f.rules[i].access & NUC_LL_EXECUTE;
	}
	if (!executes)
		nuc_buf_printf(report, "%s: no rule grants execute: no program can be started\n",
			       name);
	if (f.min_abi < 4)
		nuc_buf_printf(report,
			       "%s: TCP ports are restricted from ABI 4: min_abi = 4 refuses kernels "
			       "that cannot\n", name);
	if (f.scope_at.line && f.scoped != (NUC_LL_SCOPE_ABSTRACT_UNIX | NUC_LL_SCOPE_SIGNAL))
		note(report, name, f.scope_at,
		     "this layer leaves it open, the sandbox's own does not: a policy can only take away");
	return 0;
}

/* ---- canonical text ---------------------------------------------------------------------------- */

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct nuc_landlock_rule *)a)->path,
		      ((const struct nuc_landlock_rule *)b)->path);
}

void nuc_landlock_string(struct nuc_buf *b, const char *s)
{
	size_t left = strlen(s);

	nuc_buf_puts(b, "\"");
	while (left) {
		bool harmless = false;
		uint32_t c = 0;
		size_t n = nuc_text_char(s, left, &c, &harmless);

		if (c == '"' || c == '\\')
			nuc_buf_printf(b, "\\%c", (char)c);
		else if (!harmless) /* whoever reviews it sees what it says */
			nuc_buf_printf(b, c > 0xffff ? "\\U%08x" : "\\u%04x", c);
		else
			nuc_buf_add(b, s, n);
		s += n;
		left -= n;
	}
	nuc_buf_puts(b, "\"");
}

static void put_ports(struct nuc_buf *b, const struct nuc_landlock_file *f, const char *name,
		      uint32_t right)
{
	const char *before = "";

	for (size_t i = 0; i < f->n_ports; i++) {
		if (!(f->ports[i].rights & right))
			continue;
		if (!*before)
			nuc_buf_printf(b, "%s = [", name);
		nuc_buf_printf(b, "%s%u", before, f->ports[i].port);
		before = ", ";
	}
	if (*before)
		nuc_buf_puts(b, "]\n");
}

int nuc_landlock_file_write(const struct nuc_landlock_file *f, char **ret)
{
	_cleanup_free_ struct nuc_landlock_rule *rules = calloc(f->n_rules + 1, sizeof(*rules));
	struct nuc_buf b = { 0 };
	size_t n = 0;

	if (!rules)
		return -ENOMEM;
	if (f->n_rules) {
		memcpy(rules, f->rules, f->n_rules * sizeof(*rules));
		qsort(rules, f->n_rules, sizeof(*rules), by_path);
	}
	for (size_t i = 0; i < f->n_rules; i++) {
		if (n && !strcmp(rules[n - 1].path, rules[i].path)) {
			rules[n - 1].access |= rules[i].access;
			rules[n - 1].optional &= rules[i].optional;
		} else {
			rules[n++] = rules[i];
		}
	}
	nuc_buf_printf(&b, "min_abi = %d\n", f->min_abi);
	for (size_t i = 0; i < n; i++) {
		nuc_buf_puts(&b, "\n[[rules]]\npath = ");
		nuc_landlock_string(&b, rules[i].path);
		nuc_buf_puts(&b, "\naccess = [");
		nuc_landlock_words(&b, rules[i].access);
		nuc_buf_printf(&b, "]\n%s", rules[i].optional ? "optional = true\n" : "");
	}
	if (f->n_ports) {
		nuc_buf_puts(&b, "\n[[net]]\n");
		put_ports(&b, f, "bind", NUC_LL_NET_BIND_TCP);
		put_ports(&b, f, "connect", NUC_LL_NET_CONNECT_TCP);
	}
	if (f->scoped != (NUC_LL_SCOPE_ABSTRACT_UNIX | NUC_LL_SCOPE_SIGNAL))
		nuc_buf_printf(&b, "\n[scope]\nabstract_unix_socket = %s\nsignal = %s\n",
			       f->scoped & NUC_LL_SCOPE_ABSTRACT_UNIX ? "true" : "false",
			       f->scoped & NUC_LL_SCOPE_SIGNAL ? "true" : "false");
	return nuc_buf_take(&b, ret);
}
