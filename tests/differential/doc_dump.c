/* SPDX-License-Identifier: MIT */
/*
 * doc-dump toml|json|wide: reads documents from standard input and answers each with a line: its content
 * as typed JSON, or "!" and the error. A document is preceded by its length, 4 bytes, least
 * significant first. One process for thousands of documents: starting one each would be most of the
 * test's time.
 */
#include <jansson.h>

#include "doc.h"

static json_t *dump(const struct nuc_doc *d);

static json_t *dump_items(const struct nuc_doc *d)
{
	json_t *list = json_array();

	for (size_t i = 0; i < d->n; i++) {
		json_t *item = dump(d->items[i]);

		if (d->type == NUC_DOC_TABLE)
			item = json_pack("[s, o]", d->items[i]->key, item);
		if (!item || json_array_append_new(list, item) < 0)
			abort();
	}
	return list;
}

static json_t *dump(const struct nuc_doc *d)
{
	char text[64];

	switch (d->type) {
	case NUC_DOC_TABLE:
		return json_pack("[s, o]", "table", dump_items(d));
	case NUC_DOC_ARRAY:
		return json_pack("[s, o]", "array", dump_items(d));
	case NUC_DOC_STRING:
		return json_pack("[s, o]", "string", json_stringn(d->s, d->len));
	case NUC_DOC_INT:
		snprintf(text, sizeof(text), "%lld", (long long)d->i);
		return json_pack("[s, s]", "int", text);
	case NUC_DOC_UINT:
		snprintf(text, sizeof(text), "%llu", (unsigned long long)d->u);
		return json_pack("[s, s]", "int", text);
	case NUC_DOC_FLOAT:
		snprintf(text, sizeof(text), "%a", d->f);
		return json_pack("[s, s]", "float", text);
	case NUC_DOC_BOOL:
		return json_pack("[s, b]", "bool", d->b);
	case NUC_DOC_DATETIME:
		return json_pack("[s, s]", "datetime", d->s);
	case NUC_DOC_NULL:
		return json_pack("[s, n]", "null");
	}
	abort();
}

typedef int (*reader)(const char *text, size_t len, const char *name, struct nuc_doc **ret,
		      nucleus_error **ret_err);

static void answer(reader parse, const char *text, size_t len)
{
	_cleanup_error_ nucleus_error *e = NULL;
	_cleanup_doc_ struct nuc_doc *doc = NULL;
	json_t *j;

	if (parse(text, len, "test", &doc, &e) < 0) {
		printf("!%s: %s\n", nucleus_error_origin(e), nucleus_error_message(e));
		return;
	}
	j = dump(doc);
	if (json_dumpf(j, stdout, JSON_COMPACT) < 0)
		abort();
	putchar('\n');
	json_decref(j);
}

int main(int argc, char **argv)
{
	const char *form = argc > 1 ? argv[1] : "";
	reader parse = !strcmp(form, "json") ? nuc_json_parse
		       : !strcmp(form, "wide") ? nuc_json_parse_wide
					       : nuc_toml_parse;
	unsigned char head[4];

	while (fread(head, 1, sizeof(head), stdin) == sizeof(head)) {
		size_t len = head[0] | head[1] << 8 | head[2] << 16 | (size_t)head[3] << 24;
		/* Exactly as long as the text, so that AddressSanitizer sees a read behind it. */
		_cleanup_free_ char *text = malloc(len ? len : 1);

		if (!text || fread(text, 1, len, stdin) != len)
			return 1;
		answer(parse, text, len);
		fflush(stdout);
	}
	return 0;
}
