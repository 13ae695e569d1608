/* SPDX-License-Identifier: MIT */
/* From a document to a policy: tables and dotted keys to rows of the option table. */
#include "policy_internal.h"

struct loader {
	nucleus_policy *policy;
	const char *base;
	struct nuc_doc_cursor doc; /* of a text that has been read: it names it in errors */
};

static const char *const found_names[] = {
	[NUC_DOC_TABLE] = "a table",	       [NUC_DOC_ARRAY] = "an array",
	[NUC_DOC_STRING] = "a string",	       [NUC_DOC_INT] = "an integer",
	[NUC_DOC_FLOAT] = "a float",	       [NUC_DOC_BOOL] = "a boolean",
	[NUC_DOC_DATETIME] = "a date or time", [NUC_DOC_NULL] = "null",
	[NUC_DOC_UINT] = "an integer",
};

static const char *const wanted_names[] = {
	[NUC_TYPE_BOOL] = "true or false",
	[NUC_TYPE_ENUM] = "a string",
	[NUC_TYPE_STRING] = "a string",
	[NUC_TYPE_PATH] = "a string",
	[NUC_TYPE_SIZE] = "an integer of bytes, or a string as \"64M\",",
	[NUC_TYPE_COUNT] = "an integer",
	[NUC_TYPE_DURATION] = "an integer of seconds, or a string as \"1500ms\",",
	[NUC_TYPE_DECIMAL] = "a number, or a string as \"0.5\",",
	[NUC_TYPE_LIST] = "an array of strings",
	[NUC_TYPE_MAP] = "a table of strings",
};

static struct nuc_doc_pos pos_of(const struct nuc_doc *d)
{
	return (struct nuc_doc_pos){ d->line, d->col };
}

static int apply(struct loader *l, const struct nuc_doc *at, enum nuc_option_id id,
		 const char *text)
{
	enum nuc_option_type type = nuc_options[id].type;
	_cleanup_free_ char *origin = nuc_strf("%s:%u:%u", l->doc.name, at->line, at->col);
	const struct nuc_source src = { origin, l->base, true, l->doc.ret_err };

	if (!origin)
		return nuc_doc_no_memory(&l->doc);
	if (type == NUC_TYPE_LIST || type == NUC_TYPE_MAP)
		return nuc_policy_append(l->policy, &src, id, text);
	return nuc_policy_put(l->policy, &src, id, text);
}

static bool is_text(const struct nuc_doc *d)
{
	return d->type == NUC_DOC_STRING && strlen(d->s) == d->len;
}

static int fail_type(const struct loader *l, const struct nuc_doc *d, const char *key,
		     const char *wanted)
{
	if (d->type == NUC_DOC_STRING && !is_text(d))
		return nuc_doc_fail(&l->doc, pos_of(d), NULL,
				    "%s: a string with a NUL character in it", key);
	return nuc_doc_fail(&l->doc, pos_of(d), NULL, "%s: %s is wanted, not %s", key, wanted,
			    found_names[d->type]);
}

/* A value that is one text on a command line. */
static int read_scalar(struct loader *l, const struct nuc_doc *d, enum nuc_option_id id)
{
	const struct nuc_option *o = &nuc_options[id];
	bool integer = o->type == NUC_TYPE_SIZE || o->type == NUC_TYPE_DURATION ||
		       o->type == NUC_TYPE_COUNT || o->type == NUC_TYPE_DECIMAL ||
		       nuc_option_is_number_list(o);
	bool string = o->type != NUC_TYPE_BOOL && o->type != NUC_TYPE_COUNT;
	char digits[40];

	if (string && is_text(d))
		return apply(l, d, id, d->s);
	if (o->type == NUC_TYPE_BOOL && d->type == NUC_DOC_BOOL)
		return apply(l, d, id, d->b ? "true" : "false");
	if (integer && d->type == NUC_DOC_INT) {
		if (d->i < 0)
			return nuc_doc_fail(&l->doc, pos_of(d), NULL, "%s: %lld is less than 0",
					    o->key, (long long)d->i);
		snprintf(digits, sizeof(digits), "%lld", (long long)d->i);
		return apply(l, d, id, digits);
	}
	if (o->type == NUC_TYPE_DECIMAL && d->type == NUC_DOC_FLOAT) {
		/* As many decimals as are meant: 0.1 is not one of the numbers that a float can be. */
		if (d->f < 0 || d->f > 1e9)
			return nuc_doc_fail(&l->doc, pos_of(d), NULL, "%s: %g is out of range", o->key,
					    d->f);
		snprintf(digits, sizeof(digits), "%.9f", d->f);
		/* The point is the locale's. */
		digits[strspn(digits, "0123456789")] = '.';
		for (size_t n = strlen(digits); digits[n - 1] == '0' && digits[n - 2] != '.'; n--)
			digits[n - 1] = '\0';
		return apply(l, d, id, digits);
	}
	if (o->type == NUC_TYPE_LIST)
		return fail_type(l, d, o->key, integer ? "an integer" : "a string");
	return fail_type(l, d, o->key, wanted_names[o->type]);
}

static int read_list(struct loader *l, const struct nuc_doc *d, enum nuc_option_id id)
{
	const struct nuc_option *o = &nuc_options[id];

	if (d->type != NUC_DOC_ARRAY)
		return fail_type(l, d, o->key,
				 nuc_option_is_number_list(o) ? "an array of integers"
							      : wanted_names[o->type]);
	if (!d->n && nuc_option_empty_misleads(id))
		return nuc_doc_fail(
			&l->doc, pos_of(d),
			"leave it out to allow all ports, or name those that are allowed",
			"%s: an empty list does not mean that no port is allowed", o->key);
	for (size_t i = 0; i < d->n; i++) {
		int r = read_scalar(l, d->items[i], id);

		if (r < 0)
			return r;
	}
	return 0;
}

static int read_map(struct loader *l, const struct nuc_doc *d, enum nuc_option_id id)
{
	const struct nuc_option *o = &nuc_options[id];

	if (d->type != NUC_DOC_TABLE)
		return fail_type(l, d, o->key, wanted_names[o->type]);
	for (size_t i = 0; i < d->n; i++) {
		const struct nuc_doc *item = d->items[i];
		_cleanup_free_ char *key = nuc_strf("%s.%s", o->key, nuc_show(item->key).s);
		_cleanup_free_ char *text = NULL;
		int r;

		if (!key)
			return nuc_doc_no_memory(&l->doc);
		if (!is_text(item))
			return fail_type(l, item, key, "a string");
		if (!*item->key || strchr(item->key, '='))
			return nuc_doc_fail(&l->doc, nuc_doc_key_pos(item), NULL,
					    "%s: a name is not empty, and has no '=' in it",
					    o->key);
		text = nuc_strf("%s=%s", item->key, item->s);
		if (!text)
			return nuc_doc_no_memory(&l->doc);
		r = apply(l, item, id, text);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- keys ---------------------------------------------------------------------------------- */

static const char *key_at(size_t i, void *arg)
{
	(void)arg;
	return i < NUC_OPT__COUNT ? nuc_options[i].key : NULL;
}

static const char *last_part(const char *key)
{
	const char *dot = strrchr(key, '.');

	return dot ? dot + 1 : key;
}

/* What was meant: an option in another table, one called as its flag is, or a typing error. */
static const char *guess(const char *key)
{
	const char *name = last_part(key);

	for (size_t id = 0; id < NUC_OPT__COUNT; id++)
		if (!strcmp(last_part(nuc_options[id].key), name))
			return nuc_options[id].key;
	for (size_t id = 0; id < NUC_OPT__COUNT; id++)
		if (!strcmp(nuc_options[id].flag + strlen("--"), name))
			return nuc_options[id].key;
	return nuc_nearest(key, key_at, NULL);
}

static bool is_table(const char *path)
{
	size_t len = strlen(path);

	for (size_t id = 0; id < NUC_OPT__COUNT; id++)
		if (nuc_option_table_len(&nuc_options[id]) == len &&
		    !memcmp(nuc_options[id].key, path, len))
			return true;
	return false;
}

/* The first row whose key begins so: of the rows of a table that is its first. */
static size_t first_with(const char *key, size_t len)
{
	size_t id = 0;

	while (strncmp(nuc_options[id].key, key, len) != 0)
		id++;
	return id;
}

static int fail_unknown(const struct loader *l, const struct nuc_doc *d, const char *path)
{
	const char *near = guess(path);
	_cleanup_buf_ struct nuc_buf hint = { 0 };
	size_t len;

	if (strchr(d->key, '.'))
		return nuc_doc_fail(&l->doc, nuc_doc_key_pos(d),
				    "a dot within quotes is part of a name: leave the quotes away",
				    "there is no option \"%s\"", nuc_show(d->key).s);
	if (d->type != NUC_DOC_TABLE) {
		if (near)
			nuc_buf_printf(&hint, "did you mean %s?", near);
		return nuc_doc_fail(&l->doc, nuc_doc_key_pos(d), hint.s, "there is no option %s",
				    nuc_show(path).s);
	}
	nuc_buf_puts(&hint, "the tables are:");
	for (size_t id = 0; id < NUC_OPT__COUNT; id++) {
		const struct nuc_option *o = &nuc_options[id];

		len = o->type == NUC_TYPE_MAP ? strlen(o->key) : nuc_option_table_len(o);
		if (len && first_with(o->key, len) == id)
			nuc_buf_printf(&hint, " %.*s", (int)len, o->key);
	}
	return nuc_doc_fail(&l->doc, nuc_doc_key_pos(d), hint.s, "there is no table %s", nuc_show(path).s);
}

static int read_table(struct loader *l, const struct nuc_doc *table, const char *prefix)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct nuc_doc *d = table->items[i];
		_cleanup_free_ char *path = nuc_strf("%s%s%s", prefix, *prefix ? "." : "", d->key);
		bool plain = !strchr(d->key, '.');
		int id, r;

		if (!path)
			return nuc_doc_no_memory(&l->doc);
		id = plain ? nuc_option_find(path) : -ENOENT;
		if (id >= 0 && nuc_options[id].type == NUC_TYPE_LIST)
			r = read_list(l, d, (enum nuc_option_id)id);
		else if (id >= 0 && nuc_options[id].type == NUC_TYPE_MAP)
			r = read_map(l, d, (enum nuc_option_id)id);
		else if (id >= 0)
			r = read_scalar(l, d, (enum nuc_option_id)id);
		else if (!plain || !is_table(path))
			r = fail_unknown(l, d, path);
		else if (d->type != NUC_DOC_TABLE)
			r = fail_type(l, d, path, "a table");
		else
			r = read_table(l, d, path);
		if (r < 0)
			return r;
	}
	return 0;
}

int nuc_policy_add_document(nucleus_policy *p, const struct nuc_doc *doc, const char *name,
			    const char *base, nucleus_error **ret_err)
{
	_cleanup_policy_ nucleus_policy *copy = NULL;
	struct loader l = {
		.base = base,
		.doc = { .name = name, .layer = "option", .ret_err = ret_err },
	};
	int r;

	/* Filled beside the policy, so that a document that fails half-way has changed nothing. */
	if (nucleus_policy_copy(p, &copy) < 0)
		return nuc_doc_no_memory(&l.doc);
	l.policy = copy;
	r = read_table(&l, doc, "");
	if (r < 0)
		return r;
	for (size_t id = 0; id < NUC_OPT__COUNT; id++) {
		struct nuc_value old = p->values[id];

		p->values[id] = copy->values[id];
		copy->values[id] = old;
	}
	return 0;
}

/* The directory that a path names its file in, absolute: by its text, links are not followed. */
static int directory_of(const char *path, char **ret)
{
	_cleanup_free_ char *cwd = NULL, *dir = NULL;
	const char *slash = strrchr(path, '/');

	dir = slash ? nuc_doc_copy(path, (size_t)(slash - path) + 1) : nuc_doc_copy(".", 1);
	if (!dir)
		return -ENOMEM;
	if (*dir != '/') {
		cwd = get_current_dir_name();
		if (!cwd)
			return -errno;
	}
	*ret = nuc_path_join(cwd, dir);
	return *ret ? 0 : -ENOMEM;
}

int nucleus_policy_load(nucleus_policy *p, const char *path, nucleus_error **ret_err)
{
	const struct nuc_where where = { "policy", "file", path, NULL };
	_cleanup_doc_ struct nuc_doc *doc = NULL;
	_cleanup_free_ char *base = NULL;
	int r;

	if (!p || !path)
		return nuc_fail(ret_err, -EINVAL, &where, "a policy and a path are wanted, not NULL");
	r = nuc_doc_load(path, &doc, ret_err);
	if (r < 0)
		return r;
	r = directory_of(path, &base);
	if (r < 0)
		return nuc_fail(ret_err, r, &where, "the directory of the document is unknown: %s",
				strerror(-r));
	return nuc_policy_add_document(p, doc, path, base, ret_err);
}

int nucleus_policy_load_fd(nucleus_policy *p, int fd, const char *name, nucleus_error **ret_err)
{
	const struct nuc_where where = { "policy", "file", name, NULL };
	_cleanup_doc_ struct nuc_doc *doc = NULL;
	int r;

	if (!p || !name)
		return nuc_fail(ret_err, -EINVAL, &where, "a policy and a name are wanted, not NULL");
	r = nuc_doc_load_fd(fd, name, &doc, ret_err);
	if (r < 0)
		return r;
	return nuc_policy_add_document(p, doc, name, NULL, ret_err);
}
