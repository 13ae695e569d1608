/* SPDX-License-Identifier: MIT */
/*
 * A policy as a document or as a list. TOML and JSON are two printers of one tree, so that they
 * cannot disagree.
 */
#include <jansson.h>

#include "policy_internal.h"

static inline void json_freep(json_t **j)
{
	json_decref(*j);
}
#define _cleanup_json_ _cleanup_(json_freep)

/* ---- the tree ------------------------------------------------------------------------------ */

static json_t *number_tree(const char *text)
{
	int64_t v = 0;

	/* It was read before: see nuc_value_read(). */
	(void)nuc_parse_count(text, &v);
	return json_integer(v);
}

static json_t *list_tree(const struct nuc_option *o, const struct nuc_value *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->n; i++) {
		const char *text = v->items[i].text;

		if (json_array_append_new(list, nuc_option_is_number_list(o)
							? number_tree(text)
							: json_string(text)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *map_tree(const struct nuc_value *v)
{
	json_t *map = json_object();

	for (size_t i = 0; i < v->n; i++) {
		const char *text = v->items[i].text, *equals = strchr(text, '=');
		_cleanup_free_ char *name = nuc_doc_copy(text, (size_t)(equals - text));

		if (!name || json_object_set_new(map, name, json_string(equals + 1)) < 0) {
			json_decref(map);
			return NULL;
		}
	}
	return map;
}

static json_t *value_tree(const struct nuc_option *o, const struct nuc_value *v)
{
	switch (o->type) {
	case NUC_TYPE_BOOL:
		return json_boolean(!strcmp(v->items[0].text, "true"));
	case NUC_TYPE_COUNT:
		return number_tree(v->items[0].text);
	case NUC_TYPE_LIST:
		return list_tree(o, v);
	case NUC_TYPE_MAP:
		return map_tree(v);
	default:
		return json_string(v->items[0].text);
	}
}

/* What is set, as documents have it, in the order of the table. NULL without memory. */
static json_t *policy_tree(const nucleus_policy *p)
{
	_cleanup_json_ json_t *root = json_object();

	for (size_t id = 0; id < NUC_OPT__COUNT; id++) {
		const struct nuc_option *o = &nuc_options[id];
		size_t len = nuc_option_table_len(o);
		json_t *table = root;

		if (!p->values[id].n)
			continue;
		if (len) {
			_cleanup_free_ char *name = nuc_doc_copy(o->key, len);

			if (!name)
				return NULL;
			table = json_object_get(root, name);
			if (!table) {
				table = json_object();
				if (json_object_set_new(root, name, table) < 0)
					return NULL;
			}
		}
		if (json_object_set_new(table, o->key + len + (len > 0),
					value_tree(o, &p->values[id])) < 0)
			return NULL;
	}
	return NUC_TAKE_PTR(root);
}

/* ---- TOML ---------------------------------------------------------------------------------- */

/* A basic string; what would act on a terminal is escaped (C0, DEL, C1). */
static void put_quoted(struct nuc_buf *b, const char *s)
{
	static const char escapes[] = "b\bt\tn\nf\fr\r\"\"\\\\";

	nuc_buf_puts(b, "\"");
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		const char *e = escapes;

		while (*e && e[1] != *s)
			e += 2;
		if (*e) {
			nuc_buf_printf(b, "\\%c", *e);
		} else if (c < 0x20 || c == 0x7f) {
			nuc_buf_printf(b, "\\u%04X", c);
		} else if (c == 0xc2 && (unsigned char)s[1] < 0xa0) {
			nuc_buf_printf(b, "\\u%04X", (unsigned char)*++s);
		} else {
			nuc_buf_add(b, s, 1);
		}
	}
	nuc_buf_puts(b, "\"");
}

static void put_toml_key(struct nuc_buf *b, const char *key)
{
	static const char bare[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

	if (*key && !key[strspn(key, bare)])
		nuc_buf_puts(b, key);
	else
		put_quoted(b, key);
}

static void put_toml_scalar(struct nuc_buf *b, const json_t *v)
{
	if (json_is_integer(v))
		nuc_buf_printf(b, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_boolean(v))
		nuc_buf_puts(b, json_is_true(v) ? "true" : "false");
	else
		put_quoted(b, json_string_value(v));
}

static void put_toml_array(struct nuc_buf *b, const json_t *array)
{
	/* Numbers on one line, strings on one each. */
	bool lines = json_array_size(array) > 1 && json_is_string(json_array_get(array, 0));
	const json_t *item;
	size_t i;

	nuc_buf_puts(b, lines ? "[\n" : "[");
	json_array_foreach(array, i, item) {
		nuc_buf_puts(b, lines ? "    " : i ? ", " : "");
		put_toml_scalar(b, item);
		nuc_buf_puts(b, lines ? ",\n" : "");
	}
	nuc_buf_puts(b, "]");
}

/* The members of one table that are no tables themselves. */
static void put_toml_members(struct nuc_buf *b, json_t *table)
{
	const char *key;
	json_t *v;

	json_object_foreach(table, key, v) {
		if (json_is_object(v))
			continue;
		put_toml_key(b, key);
		nuc_buf_puts(b, " = ");
		if (json_is_array(v))
			put_toml_array(b, v);
		else
			put_toml_scalar(b, v);
		nuc_buf_puts(b, "\n");
	}
}

static int dump_toml(const nucleus_policy *p, char **ret)
{
	_cleanup_json_ json_t *root = policy_tree(p);
	_cleanup_buf_ struct nuc_buf b = { 0 };
	const char *key;
	json_t *v;

	if (!root)
		return -ENOMEM;
	put_toml_members(&b, root);
	json_object_foreach(root, key, v) {
		if (!json_is_object(v))
			continue;
		nuc_buf_printf(&b, "%s[%s]\n", b.len ? "\n" : "", key);
		put_toml_members(&b, v);
	}
	return nuc_buf_take(&b, ret);
}

static int dump_json(const nucleus_policy *p, char **ret)
{
	_cleanup_json_ json_t *root = policy_tree(p);
	_cleanup_free_ char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
	char *s;

	if (!text)
		return -ENOMEM;
	s = nuc_strf("%s\n", text);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

/* ---- text ---------------------------------------------------------------------------------- */

#define VALUE_COLUMN 33
#define ORIGIN_COLUMN 68

/* Characters, for alignment; all text here is UTF-8. */
static size_t columns(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* Whether a terminal would act on it: C0, DEL, C1. */
static bool has_controls(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f ||
		    (*s == '\xc2' && (unsigned char)s[1] < 0xa0))
			return true;
	return false;
}

static int put_text_line(struct nuc_buf *b, const char *key, const char *value, const char *origin)
{
	_cleanup_buf_ struct nuc_buf quoted = { 0 };
	int width = ORIGIN_COLUMN - VALUE_COLUMN, pad;

	if (has_controls(value)) {
		put_quoted(&quoted, value);
		if (quoted.failed)
			return -ENOMEM;
		value = quoted.s;
	}
	nuc_buf_printf(b, "%-*s%s", VALUE_COLUMN, key, value);
	pad = width - (int)columns(value);
	/* A value that does not fit has its origin in the next line. */
	if (pad < 2) {
		nuc_buf_puts(b, "\n");
		pad = ORIGIN_COLUMN;
	}
	nuc_buf_printf(b, "%*s%s\n", pad, "", origin);
	return 0;
}

static int dump_text(const nucleus_policy *p, char **ret)
{
	_cleanup_free_ char *by_default =
		nuc_strf("default (%s)", nuc_mode_name(nuc_policy_mode(p)));
	_cleanup_buf_ struct nuc_buf b = { 0 };
	int r = by_default ? 0 : -ENOMEM;

	for (size_t id = 0; r == 0 && id < NUC_OPT__COUNT; id++) {
		const struct nuc_option *o = &nuc_options[id];
		const struct nuc_value *v = &p->values[id];

		if (!v->n)
			r = put_text_line(&b, o->key, *o->def ? o->def : "-", by_default);
		for (size_t i = 0; r == 0 && i < v->n; i++) {
			const char *text = v->items[i].text;
			_cleanup_free_ char *name = NULL;

			/* Values of variables may be secrets, and this is what ends up in logs. */
			if (o->type == NUC_TYPE_MAP) {
				name = nuc_strf("%.*s (value not shown)", (int)strcspn(text, "="),
						text);
				if (!name)
					return -ENOMEM;
				text = name;
			}
			r = put_text_line(&b, i ? "" : o->key, text, v->items[i].origin);
		}
	}
	return r < 0 ? r : nuc_buf_take(&b, ret);
}

int nucleus_policy_dump(const nucleus_policy *p, const char *format, char **ret)
{
	if (!p || !format)
		return -EINVAL;
	if (!strcmp(format, "toml"))
		return dump_toml(p, ret);
	if (!strcmp(format, "json"))
		return dump_json(p, ret);
	if (!strcmp(format, "text"))
		return dump_text(p, ret);
	return -EINVAL;
}
