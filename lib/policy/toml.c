/* SPDX-License-Identifier: MIT */
/*
 * TOML 1.0, tables and keys (https://toml.io/en/v1.0.0). Where the specification leaves room for
 * parsers to differ, this one refuses: what it accepts means the same everywhere.
 */
#include <sodium.h>
#include <sys/random.h>

#include "toml_internal.h"

struct toml_key {
	struct {
		char *s;
		struct nuc_doc_pos pos;
	} part[NUC_DOC_MAX_DEPTH];
	size_t n;
};

static void toml_key_free(struct toml_key *key)
{
	for (size_t i = 0; i < key->n; i++)
		free(key->part[i].s);
}

static const char *shown(const char *key, char buf[NUC_DOC_SHOWN_SIZE])
{
	return nuc_doc_shown(key, strlen(key), buf);
}

/* ---- the index ------------------------------------------------------------------------------- */

static uint64_t hash_key(const struct toml *t, const struct toml_node *table, const char *key)
{
	unsigned char out[crypto_shorthash_BYTES];
	uint64_t h;

	/* Keyed, so that nobody can write keys that collide. Equal keys of different tables differ
	 * by the table's number, spread over the bits. */
	crypto_shorthash(out, (const unsigned char *)key, strlen(key), t->index.secret);
	memcpy(&h, out, sizeof(h));
	return h + table->id * UINT64_C(0x9e3779b97f4a7c15);
}

static size_t index_slot(const struct toml_index *index, uint64_t hash)
{
	return (size_t)(hash ^ hash >> 32) & (index->size - 1);
}

static struct toml_node *find(const struct toml *t, const struct toml_node *table, const char *key)
{
	const struct toml_index *index = &t->index;
	uint64_t hash;

	if (index->used == 0)
		return NULL;
	hash = hash_key(t, table, key);
	for (size_t i = index_slot(index, hash);; i = (i + 1) & (index->size - 1)) {
		const struct toml_entry *e = &index->entries[i];

		if (!e->node)
			return NULL;
		if (e->hash == hash && e->table == table && strcmp(e->node->doc.key, key) == 0)
			return e->node;
	}
}

static void index_put(struct toml_index *index, struct toml_entry entry)
{
	size_t i = index_slot(index, entry.hash);

	while (index->entries[i].node)
		i = (i + 1) & (index->size - 1);
	index->entries[i] = entry;
	index->used++;
}

static int index_grow(struct toml_index *index)
{
	struct toml_index bigger = *index;

	if (index->used * 2 < index->size)
		return 0;
	bigger.size = index->size ? index->size * 2 : 64;
	bigger.used = 0;
	bigger.entries = calloc(bigger.size, sizeof(*bigger.entries));
	if (!bigger.entries)
		return -ENOMEM;
	for (size_t i = 0; i < index->size; i++)
		if (index->entries[i].node)
			index_put(&bigger, index->entries[i]);
	free(index->entries);
	*index = bigger;
	return 0;
}

/* Puts a node into a table under a key that is free there. Owns the node in any case. */
static int attach(struct toml *t, struct toml_node *table, const char *key, struct toml_node *node)
{
	node->doc.key = strdup(key);
	if (!node->doc.key || index_grow(&t->index) < 0 ||
	    nuc_doc_append(&table->doc, &node->doc) < 0) {
		nuc_doc_free(&node->doc);
		return nuc_doc_no_memory(&t->c);
	}
	index_put(&t->index, (struct toml_entry){ hash_key(t, table, key), table, node });
	return 0;
}

int toml_node_new(struct toml *t, enum nuc_doc_type type, enum toml_origin origin,
		  struct nuc_doc_pos pos, unsigned depth, struct toml_node **ret)
{
	bool container = type == NUC_DOC_TABLE || type == NUC_DOC_ARRAY;
	struct toml_node *node = NULL;

	if (container && depth >= NUC_DOC_MAX_DEPTH)
		return nuc_doc_fail(&t->c, pos, "make the document flatter",
				    "nested deeper than %d levels", NUC_DOC_MAX_DEPTH);
	node = calloc(1, sizeof(*node));
	if (!node)
		return nuc_doc_no_memory(&t->c);
	node->doc.type = type;
	node->doc.line = pos.line;
	node->doc.col = pos.col;
	node->origin = origin;
	if (container) {
		node->depth = (uint8_t)(depth + 1);
		node->id = ++t->last_id;
	}
	*ret = node;
	return 0;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static bool is_bare(int ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
	       ch == '_' || ch == '-';
}

static int key_part(struct toml *t, char **ret)
{
	struct nuc_doc_pos pos = t->c.pos;
	int ch = nuc_doc_peek(&t->c, 0), r;
	char found[NUC_DOC_FOUND_SIZE];
	size_t n = 0;
	char *s;

	if (ch == '"' || ch == '\'') {
		r = toml_string(t, false);
		if (r < 0)
			return r;
		if (memchr(t->scratch.s ? t->scratch.s : "", '\0', t->scratch.len))
			return nuc_doc_fail(&t->c, pos, "write the key without \\u0000",
					    "a key cannot hold a NUL");
		s = toml_take_scratch(t);
	} else {
		while (is_bare(nuc_doc_peek(&t->c, n)))
			n++;
		if (n == 0)
			return nuc_doc_fail(&t->c, pos,
					    "a key is of A-Z a-z 0-9 _ - or stands in quotes",
					    "a key was expected, found %s",
					    nuc_doc_found(&t->c, found));
		s = nuc_doc_copy(t->c.s, n);
		nuc_doc_skip(&t->c, n);
	}
	if (!s)
		return nuc_doc_no_memory(&t->c);
	*ret = s;
	return 0;
}

static int read_key(struct toml *t, struct toml_key *key)
{
	for (;;) {
		struct nuc_doc_pos pos = t->c.pos;
		int r;

		if (key->n == NUC_ARRAY_SIZE(key->part))
			return nuc_doc_fail(&t->c, pos, "make the document flatter",
					    "nested deeper than %d levels", NUC_DOC_MAX_DEPTH);
		r = key_part(t, &key->part[key->n].s);
		if (r < 0)
			return r;
		key->part[key->n++].pos = pos;
		toml_skip_space(t);
		if (nuc_doc_peek(&t->c, 0) != '.')
			return 0;
		nuc_doc_skip(&t->c, 1);
		toml_skip_space(t);
	}
}

/* Refuses a key for what already has its name. */
static int taken(struct toml *t, const struct toml_key *key, size_t i, const struct toml_node *old)
{
	const char *what, *hint = "a table is defined once; move the keys to where it is defined";
	char buf[NUC_DOC_SHOWN_SIZE];

	switch (old->origin) {
	case TOML_HEADER:
		what = "a table with a header of its own";
		break;
	case TOML_IMPLICIT:
		what = "a table that a header below it made";
		break;
	case TOML_DOTTED:
		what = "a table made by dotted keys";
		break;
	case TOML_TABLES:
		what = "an array of tables";
		hint = "each element begins with a [[header]]";
		break;
	default:
		what = old->doc.type == NUC_DOC_TABLE ? "an inline table, which is closed" :
		       old->doc.type == NUC_DOC_ARRAY ? "an array written as a value" :
							"a value";
		hint = "remove or rename one of the two";
	}
	return nuc_doc_fail(&t->c, key->part[i].pos, hint, "'%s' is already %s (line %u)",
			    shown(key->part[i].s, buf), what, old->doc.line);
}

/*
 * The table that a dotted key puts its value into: dotted keys may add only to what dotted keys
 * have made. (The specification can be read as allowing more for a table that a header below it
 * made; parsers differ.)
 */
static int dotted_table(struct toml *t, const struct toml_key *key, struct toml_node *table,
			struct toml_node **ret)
{
	for (size_t i = 0; i + 1 < key->n; i++) {
		struct toml_node *node = find(t, table, key->part[i].s);
		int r;

		if (node && node->origin != TOML_DOTTED)
			return taken(t, key, i, node);
		if (!node) {
			r = toml_node_new(t, NUC_DOC_TABLE, TOML_DOTTED, key->part[i].pos,
					  table->depth, &node);
			if (r < 0)
				return r;
			r = attach(t, table, key->part[i].s, node);
			if (r < 0)
				return r;
		}
		table = node;
	}
	*ret = table;
	return 0;
}

int toml_key_value(struct toml *t, struct toml_node *table)
{
	_cleanup_(toml_key_free) struct toml_key key = { 0 };
	struct toml_node *node = NULL;
	char found[NUC_DOC_FOUND_SIZE];
	const char *last;
	int r;

	r = read_key(t, &key);
	if (r < 0)
		return r;
	if (nuc_doc_peek(&t->c, 0) != '=')
		return nuc_doc_fail(&t->c, t->c.pos, "write key = value",
				    "'=' was expected after the key, found %s",
				    nuc_doc_found(&t->c, found));
	nuc_doc_skip(&t->c, 1);
	toml_skip_space(t);
	r = dotted_table(t, &key, table, &table);
	if (r < 0)
		return r;
	last = key.part[key.n - 1].s;
	node = find(t, table, last);
	if (node)
		return taken(t, &key, key.n - 1, node);
	r = toml_value(t, table->depth, &node);
	if (r < 0)
		return r;
	node->doc.key_line = key.part[key.n - 1].pos.line;
	node->doc.key_col = key.part[key.n - 1].pos.col;
	return attach(t, table, last, node);
}

/* ---- headers --------------------------------------------------------------------------------- */

/* The table before the last part of a header's key; tables that are not there yet are made. */
static int header_parent(struct toml *t, const struct toml_key *key, struct toml_node *root,
			 struct toml_node **ret)
{
	struct toml_node *table = root;

	for (size_t i = 0; i + 1 < key->n; i++) {
		struct toml_node *node = find(t, table, key->part[i].s);
		int r;

		if (!node) {
			r = toml_node_new(t, NUC_DOC_TABLE, TOML_IMPLICIT, key->part[i].pos,
					  table->depth, &node);
			if (r < 0)
				return r;
			r = attach(t, table, key->part[i].s, node);
			if (r < 0)
				return r;
		} else if (node->origin == TOML_VALUE) {
			return taken(t, key, i, node);
		}
		table = node;
		if (node->origin == TOML_TABLES)
			table = (struct toml_node *)node->doc.items[node->doc.n - 1];
	}
	*ret = table;
	return 0;
}

static int plain_header(struct toml *t, const struct toml_key *key, struct nuc_doc_pos pos,
			struct toml_node *parent, struct toml_node **ret)
{
	const char *last = key->part[key->n - 1].s;
	struct toml_node *node = find(t, parent, last);
	int r;

	if (node && node->origin != TOML_IMPLICIT)
		return taken(t, key, key->n - 1, node);
	if (node) {
		node->origin = TOML_HEADER;
		node->doc.line = pos.line;
		node->doc.col = pos.col;
	} else {
		r = toml_node_new(t, NUC_DOC_TABLE, TOML_HEADER, pos, parent->depth, &node);
		if (r < 0)
			return r;
		r = attach(t, parent, last, node);
		if (r < 0)
			return r;
	}
	*ret = node;
	return 0;
}

static int array_header(struct toml *t, const struct toml_key *key, struct nuc_doc_pos pos,
			struct toml_node *parent, struct toml_node **ret)
{
	const char *last = key->part[key->n - 1].s;
	struct toml_node *array = find(t, parent, last), *node = NULL;
	int r;

	if (array && array->origin != TOML_TABLES)
		return taken(t, key, key->n - 1, array);
	r = toml_node_new(t, NUC_DOC_TABLE, TOML_HEADER, pos, parent->depth + 1u, &node);
	if (r < 0)
		return r;
	if (!array) {
		r = toml_node_new(t, NUC_DOC_ARRAY, TOML_TABLES, pos, parent->depth, &array);
		if (r == 0)
			r = attach(t, parent, last, array);
	}
	if (r == 0 && nuc_doc_append(&array->doc, &node->doc) < 0)
		r = nuc_doc_no_memory(&t->c);
	if (r < 0) {
		nuc_doc_free(&node->doc);
		return r;
	}
	*ret = node;
	return 0;
}

static int header(struct toml *t, struct toml_node *root, struct toml_node **ret)
{
	_cleanup_(toml_key_free) struct toml_key key = { 0 };
	bool array = nuc_doc_peek(&t->c, 1) == '[';
	struct nuc_doc_pos pos = t->c.pos;
	char found[NUC_DOC_FOUND_SIZE];
	struct toml_node *parent = NULL;
	int r;

	nuc_doc_skip(&t->c, array ? 2 : 1);
	toml_skip_space(t);
	r = read_key(t, &key);
	if (r < 0)
		return r;
	if (nuc_doc_peek(&t->c, 0) != ']')
		return nuc_doc_fail(&t->c, t->c.pos,
				    array ? "write [[name]]" : "write [name]",
				    "']' was expected after the name of the table, found %s",
				    nuc_doc_found(&t->c, found));
	if (array && nuc_doc_peek(&t->c, 1) != ']') {
		nuc_doc_skip(&t->c, 1);
		return nuc_doc_fail(&t->c, t->c.pos, "what begins with [[ ends with ]]",
				    "a second ']' was expected, found %s",
				    nuc_doc_found(&t->c, found));
	}
	nuc_doc_skip(&t->c, array ? 2 : 1);
	r = header_parent(t, &key, root, &parent);
	if (r < 0)
		return r;
	return array ? array_header(t, &key, pos, parent, ret) :
		       plain_header(t, &key, pos, parent, ret);
}

/* ---- the document ---------------------------------------------------------------------------- */

void toml_skip_space(struct toml *t)
{
	while (nuc_doc_peek(&t->c, 0) == ' ' || nuc_doc_peek(&t->c, 0) == '\t')
		nuc_doc_skip(&t->c, 1);
}

static void skip_comment(struct toml *t)
{
	if (nuc_doc_peek(&t->c, 0) != '#')
		return;
	while (nuc_doc_peek(&t->c, 0) >= 0 && nuc_doc_peek(&t->c, 0) != '\n')
		nuc_doc_skip(&t->c, 1);
}

void toml_skip_lines(struct toml *t)
{
	for (;;) {
		int ch;

		toml_skip_space(t);
		skip_comment(t);
		ch = nuc_doc_peek(&t->c, 0);
		if (ch != '\n' && ch != '\r')
			return;
		nuc_doc_skip(&t->c, 1);
	}
}

static int end_of_line(struct toml *t, const char *after)
{
	char found[NUC_DOC_FOUND_SIZE];
	int ch;

	toml_skip_space(t);
	ch = nuc_doc_peek(&t->c, 0);
	if (ch < 0 || ch == '#' || ch == '\n' || ch == '\r')
		return 0;
	return nuc_doc_fail(&t->c, t->c.pos, "write one key or header a line",
			    "the end of the line was expected after %s, found %s", after,
			    nuc_doc_found(&t->c, found));
}

/*
 * Control characters are allowed nowhere, so they are looked for once and in advance: the rest of
 * the reader meets only tabs and line ends, and a CR only before its LF.
 */
static int check_controls(struct nuc_doc_cursor c)
{
	for (; c.s < c.end; nuc_doc_skip(&c, 1)) {
		unsigned char ch = (unsigned char)*c.s;

		if ((ch >= 0x20 && ch != 0x7f) || ch == '\t' || ch == '\n')
			continue;
		if (ch != '\r')
			return nuc_doc_fail(&c, c.pos,
					    "remove it, or write it as \\uXXXX in double quotes",
					    "control character U+%04X is not allowed", ch);
		if (nuc_doc_peek(&c, 1) != '\n')
			return nuc_doc_fail(&c, c.pos, "end lines by LF, or by CR and LF",
					    "a carriage return (U+000D) without a line feed");
	}
	return 0;
}

static int read_document(struct toml *t, struct toml_node *root)
{
	struct toml_node *table = root;

	for (;;) {
		int ch, r;

		toml_skip_lines(t);
		ch = nuc_doc_peek(&t->c, 0);
		if (ch < 0)
			return 0;
		r = ch == '[' ? header(t, root, &table) : toml_key_value(t, table);
		if (r < 0)
			return r;
		r = end_of_line(t, ch == '[' ? "the header" : "the value");
		if (r < 0)
			return r;
	}
}

int nuc_toml_parse(const char *text, size_t len, const char *name, struct nuc_doc **ret,
		   nucleus_error **ret_err)
{
	struct toml t = { .c = { .name = name, .layer = "toml", .ret_err = ret_err } };
	struct toml_node *root = NULL;
	int r;

	r = nuc_doc_begin(&t.c, text, len);
	if (r < 0)
		return r;
	r = check_controls(t.c);
	if (r < 0)
		return r;
	if (getrandom(t.index.secret, sizeof(t.index.secret), 0) != sizeof(t.index.secret)) {
		const struct nuc_where where = { "policy", "toml", name, NULL };

		return nuc_fail(ret_err, -EIO, &where, "getrandom: %s", nuc_errno_name(errno));
	}
	r = toml_node_new(&t, NUC_DOC_TABLE, TOML_HEADER, t.c.pos, 0, &root);
	if (r == 0)
		r = read_document(&t, root);
	nuc_buf_free(&t.scratch);
	free(t.index.entries);
	if (r < 0) {
		nuc_doc_free(root ? &root->doc : NULL);
		return r;
	}
	*ret = &root->doc;
	return 0;
}
