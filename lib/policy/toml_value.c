/* SPDX-License-Identifier: MIT */
/* TOML 1.0, values: what nests. */
#include "toml_internal.h"

static int array_items(struct toml *t, struct toml_node *array)
{
	char found[NUC_DOC_FOUND_SIZE];

	for (;;) {
		struct toml_node *item = NULL;
		int r;

		toml_skip_lines(t);
		if (nuc_doc_peek(&t->c, 0) == ']')
			return 0;
		r = toml_value(t, array->depth, &item);
		if (r < 0)
			return r;
		if (nuc_doc_append(&array->doc, &item->doc) < 0) {
			nuc_doc_free(&item->doc);
			return nuc_doc_no_memory(&t->c);
		}
		toml_skip_lines(t);
		if (nuc_doc_peek(&t->c, 0) == ']')
			return 0;
		if (nuc_doc_peek(&t->c, 0) != ',')
			return nuc_doc_fail(&t->c, t->c.pos, "write [value, value]",
					    "',' or ']' was expected in the array, found %s",
					    nuc_doc_found(&t->c, found));
		nuc_doc_skip(&t->c, 1);
	}
}

static int inline_keys(struct toml *t, struct toml_node *table)
{
	char found[NUC_DOC_FOUND_SIZE];

	toml_skip_space(t);
	if (nuc_doc_peek(&t->c, 0) == '}')
		return 0;
	for (;;) {
		int ch, r;

		r = toml_key_value(t, table);
		if (r < 0)
			return r;
		toml_skip_space(t);
		ch = nuc_doc_peek(&t->c, 0);
		if (ch == '}')
			return 0;
		if (ch != ',')
			return nuc_doc_fail(&t->c, t->c.pos,
					    "write { key = value, key = value } on one line, or a "
					    "[table] with a key a line",
					    "',' or '}' was expected in the inline table, found %s",
					    nuc_doc_found(&t->c, found));
		nuc_doc_skip(&t->c, 1);
		toml_skip_space(t);
		if (nuc_doc_peek(&t->c, 0) == '}')
			return nuc_doc_fail(&t->c, t->c.pos, "remove the comma before the '}'",
					    "a key was expected after the ',', found '}'");
	}
}

static int container(struct toml *t, enum nuc_doc_type type, unsigned depth, struct toml_node **ret)
{
	struct toml_node *node = NULL;
	int r;

	r = toml_node_new(t, type, TOML_VALUE, t->c.pos, depth, &node);
	if (r < 0)
		return r;
	nuc_doc_skip(&t->c, 1);
	r = type == NUC_DOC_ARRAY ? array_items(t, node) : inline_keys(t, node);
	if (r < 0) {
		nuc_doc_free(&node->doc);
		return r;
	}
	nuc_doc_skip(&t->c, 1);
	*ret = node;
	return 0;
}

static int string(struct toml *t, struct toml_node **ret)
{
	struct nuc_doc_pos pos = t->c.pos;
	struct toml_node *node = NULL;
	int r;

	r = toml_string(t, true);
	if (r < 0)
		return r;
	r = toml_node_new(t, NUC_DOC_STRING, TOML_VALUE, pos, 0, &node);
	if (r < 0)
		return r;
	node->doc.len = t->scratch.len;
	node->doc.s = toml_take_scratch(t);
	if (!node->doc.s) {
		nuc_doc_free(&node->doc);
		return nuc_doc_no_memory(&t->c);
	}
	*ret = node;
	return 0;
}

int toml_value(struct toml *t, unsigned depth, struct toml_node **ret)
{
	switch (nuc_doc_peek(&t->c, 0)) {
	case '"':
	case '\'':
		return string(t, ret);
	case '[':
		return container(t, NUC_DOC_ARRAY, depth, ret);
	case '{':
		return container(t, NUC_DOC_TABLE, depth, ret);
	default:
		return toml_scalar(t, ret);
	}
}
