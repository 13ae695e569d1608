/* SPDX-License-Identifier: MIT */
/* The option table as data, and what it says of itself. */
#include "policy_internal.h"

const struct nuc_option nuc_options[NUC_OPT__COUNT] = {
#define NUC_OPTION(id, key, flag, short_flag, type, ...)                                           \
	[NUC_OPT_##id] = { key, flag, short_flag, NUC_TYPE_##type, __VA_ARGS__ },
#include "options.def"
#undef NUC_OPTION
};

static const char *const type_names[] = {
	[NUC_TYPE_BOOL] = "bool",	  [NUC_TYPE_ENUM] = "enum", [NUC_TYPE_STRING] = "string",
	[NUC_TYPE_PATH] = "path",	  [NUC_TYPE_SIZE] = "size", [NUC_TYPE_COUNT] = "count",
	[NUC_TYPE_DURATION] = "duration", [NUC_TYPE_DECIMAL] = "decimal",
	[NUC_TYPE_LIST] = "list",	  [NUC_TYPE_MAP] = "map",
};

const char *nucleus_option_attr(size_t index, const char *attr)
{
	const struct nuc_option *o;

	if (index >= NUC_OPT__COUNT || !attr)
		return NULL;
	o = &nuc_options[index];
	const struct {
		const char *name, *value;
	} attrs[] = {
		{ "key", o->key },	    { "flag", o->flag },
		{ "short", o->short_flag }, { "values", o->values },
		{ "metavar", o->metavar },  { "group", o->group },
		{ "default", o->def },	    { "help", o->help },
		{ "since", o->since },	    { "type", type_names[o->type] },
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(attrs); i++)
		if (!strcmp(attrs[i].name, attr))
			return attrs[i].value;
	return NULL;
}

const char *nuc_option_flag(enum nuc_option_id id)
{
	return nuc_options[id].flag;
}

const char *nuc_option_key(enum nuc_option_id id)
{
	return nuc_options[id].key;
}

int nuc_option_find(const char *key)
{
	for (int id = 0; id < NUC_OPT__COUNT; id++)
		if (!strcmp(nuc_options[id].key, key))
			return id;
	return -ENOENT;
}

int nuc_option_enum_index(const struct nuc_option *o, const char *value)
{
	size_t len = strlen(value);
	const char *s = o->values;

	for (int i = 0;; i++) {
		size_t n = strcspn(s, "|");

		if (n == len && !memcmp(s, value, n))
			return i;
		if (!s[n])
			return -EINVAL;
		s += n + 1;
	}
}

size_t nuc_option_table_len(const struct nuc_option *o)
{
	const char *dot = strrchr(o->key, '.');

	return dot ? (size_t)(dot - o->key) : 0;
}
