/* SPDX-License-Identifier: MIT */
/* The JSON Schema of policy documents, made from the option table: what load.c accepts. */
#include <jansson.h>

#include "policy_internal.h"

#define NUMBER_PATTERN "^[0-9]+$"
#define SIZE_PATTERN "^[0-9]+[KMGT]?$"
#define DECIMAL_PATTERN "^[0-9]+([.][0-9]{1,3})?$"
#define DURATION_PATTERN "^[0-9]+(ms|s|m|h)?$"

/* An integer with its bounds; a max of 0 is none. */
static json_t *integer_schema(int64_t min, int64_t max)
{
	if (!max)
		return json_pack("{s:s, s:I}", "type", "integer", "minimum", (json_int_t)min);
	return json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum", (json_int_t)min,
			 "maximum", (json_int_t)max);
}

static json_t *integer_or_text_schema(int64_t min, int64_t max, const char *pattern)
{
	return json_pack("{s:[o, {s:s, s:s}]}", "oneOf", integer_schema(min, max), "type", "string",
			 "pattern", pattern);
}

static json_t *enum_schema(const struct nuc_option *o)
{
	json_t *values = json_array();

	for (const char *s = o->values;;) {
		size_t n = strcspn(s, "|");

		if (json_array_append_new(values, json_stringn(s, n)) < 0) {
			json_decref(values);
			return NULL;
		}
		if (!s[n])
			return json_pack("{s:o}", "enum", values);
		s += n + 1;
	}
}

static json_t *list_schema(enum nuc_option_id id)
{
	const struct nuc_option *o = &nuc_options[id];
	json_t *items = nuc_option_is_number_list(o)
				? integer_or_text_schema(o->min, o->max, NUMBER_PATTERN)
				: json_pack("{s:s, s:i}", "type", "string", "minLength", 1);

	return json_pack("{s:s, s:o, s:o*}", "type", "array", "items", items, "minItems",
			 nuc_option_empty_misleads(id) ? json_integer(1) : NULL);
}

static json_t *type_schema(enum nuc_option_id id)
{
	const struct nuc_option *o = &nuc_options[id];

	switch (o->type) {
	case NUC_TYPE_BOOL:
		return json_pack("{s:s}", "type", "boolean");
	case NUC_TYPE_ENUM:
		return enum_schema(o);
	case NUC_TYPE_STRING:
	case NUC_TYPE_PATH:
		return json_pack("{s:s, s:i}", "type", "string", "minLength", 1);
	case NUC_TYPE_SIZE:
		return integer_or_text_schema(o->min, o->max, SIZE_PATTERN);
	case NUC_TYPE_COUNT:
		return integer_schema(o->min, o->max);
	case NUC_TYPE_DURATION:
		/* An integer is of seconds, and the table's bounds are of milliseconds. */
		return integer_or_text_schema(o->min / 1000, o->max / 1000, DURATION_PATTERN);
	case NUC_TYPE_DECIMAL:
		return json_pack("{s:[{s:s, s:f, s:f}, {s:s, s:s}]}", "oneOf", "type", "number", "minimum",
				 (double)o->min / 1000, "maximum", (double)o->max / 1000, "type",
				 "string", "pattern", DECIMAL_PATTERN);
	case NUC_TYPE_LIST:
		return list_schema(id);
	case NUC_TYPE_MAP:
		return json_pack("{s:s, s:{s:{s:s}}, s:b}", "type", "object", "patternProperties",
				 "^[^=]+$", "type", "string", "additionalProperties", 0);
	}
	return NULL;
}

static json_t *default_value(const struct nuc_option *o)
{
	int64_t v;

	if (o->type == NUC_TYPE_BOOL)
		return json_boolean(!strcmp(o->def, "true"));
	if (o->type == NUC_TYPE_COUNT && nuc_parse_count(o->def, &v) == 0)
		return json_integer(v);
	return json_string(o->def);
}

static json_t *table_schema(void)
{
	return json_pack("{s:s, s:{}, s:b}", "type", "object", "properties", "additionalProperties",
			 0);
}

/* The "properties" of the table that an option's key stands in, made when there is none yet. */
static json_t *properties_of(json_t *root, const struct nuc_option *o)
{
	size_t len = nuc_option_table_len(o);
	_cleanup_free_ char *name = nuc_doc_copy(o->key, len);
	json_t *properties = json_object_get(root, "properties"), *table;

	if (!name || !len)
		return name ? properties : NULL;
	table = json_object_get(properties, name);
	if (!table) {
		table = table_schema();
		if (json_object_set_new(properties, name, table) < 0)
			return NULL;
	}
	return json_object_get(table, "properties");
}

static int add_option(json_t *root, enum nuc_option_id id)
{
	const struct nuc_option *o = &nuc_options[id];
	size_t len = nuc_option_table_len(o);
	json_t *schema = type_schema(id);

	/* The setters refuse NULL, so that a lack of memory anywhere above ends up here. */
	if (json_object_set_new(schema, "description", json_string(o->help)) < 0 ||
	    (*o->def && json_object_set_new(schema, "default", default_value(o)) < 0)) {
		json_decref(schema);
		return -ENOMEM;
	}
	return json_object_set_new(properties_of(root, o), o->key + len + (len > 0), schema) < 0
		       ? -ENOMEM
		       : 0;
}

int nucleus_policy_schema(char **ret)
{
	json_t *root =
		json_pack("{s:s, s:s, s:s, s:{}, s:b}", "$schema",
			  "https://json-schema.org/draft/2020-12/schema", "title", "nucleus policy",
			  "type", "object", "properties", "additionalProperties", 0);
	_cleanup_free_ char *text = NULL;
	int r = root ? 0 : -ENOMEM;
	char *s;

	for (enum nuc_option_id id = 0; r == 0 && id < NUC_OPT__COUNT; id++)
		r = add_option(root, id);
	if (r == 0)
		text = json_dumps(root, JSON_INDENT(2));
	json_decref(root);
	s = text ? nuc_strf("%s\n", text) : NULL;
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}
