/* SPDX-License-Identifier: MIT */
/*
 * jansson decides what is JSON. It does not remember where values stood, so the text that it has
 * accepted is walked a second time beside its values; that walk need not validate anything.
 */
#include <jansson.h>

#include "doc_internal.h"

static void skip_space(struct nuc_doc_cursor *c)
{
	for (;;) {
		int ch = nuc_doc_peek(c, 0);

		if (ch != ' ' && ch != '\t' && ch != '\n' && ch != '\r')
			return;
		nuc_doc_skip(c, 1);
	}
}

/* Moves behind a string; stops inside, and gives false, where no string can go on. */
static bool skip_string(struct nuc_doc_cursor *c)
{
	nuc_doc_skip(c, 1);
	for (;;) {
		int ch = nuc_doc_peek(c, 0);

		if (ch < 0x20)
			return false;
		if (ch == '\\') {
			int escape = nuc_doc_peek(c, 1);

			if (escape <= 0 || !strchr("\"\\/bfnrtu", escape))
				return false;
			nuc_doc_skip(c, 1);
		}
		nuc_doc_skip(c, 1);
		if (ch == '"')
			return true;
	}
}

static bool ends_word(int ch)
{
	return ch < 0 || strchr(" \t\r\n,:[]{}\"", ch);
}

/* Moves over one token: a string, a mark, or a number or word. */
static bool skip_token(struct nuc_doc_cursor *c)
{
	if (nuc_doc_peek(c, 0) == '"')
		return skip_string(c);
	do
		nuc_doc_skip(c, 1);
	while (!strchr(",:[]{}", c->s[-1]) && !ends_word(nuc_doc_peek(c, 0)));
	return true;
}

/* jansson (2.14) passes over a NUL behind a number or a word as if it were not there. */
static int check_nul(struct nuc_doc_cursor c)
{
	const char *nul = memchr(c.s, '\0', (size_t)(c.end - c.s));

	if (!nul)
		return 0;
	nuc_doc_skip(&c, (size_t)(nul - c.s));
	return nuc_doc_fail(&c, c.pos, "remove it, or write it as \\u0000 in a string",
			    "control character U+0000 is not allowed");
}

/*
 * Refuses what is too deep before jansson sees it: jansson recurses up to 2048 deep, for which the
 * stack of the calling thread may be too small. As far as the text is JSON, the count is exact.
 */
static int check_depth(struct nuc_doc_cursor c)
{
	unsigned depth = 0;

	for (;;) {
		int ch;

		skip_space(&c);
		ch = nuc_doc_peek(&c, 0);
		if (ch < 0)
			return 0;
		if ((ch == '{' || ch == '[') && ++depth > NUC_DOC_MAX_DEPTH)
			return nuc_doc_fail(&c, c.pos, "make the document flatter",
					    "nested deeper than %d levels", NUC_DOC_MAX_DEPTH);
		if ((ch == '}' || ch == ']') && depth)
			depth--;
		if (!skip_token(&c))
			return 0;
	}
}

/* Moves to the start of the token in which jansson stopped, or to the character in a string. */
static struct nuc_doc_cursor seek_error(struct nuc_doc_cursor c, const json_error_t *error)
{
	const char *stop = error->position > 0 ? c.s + error->position : c.s;

	for (;;) {
		struct nuc_doc_cursor token;

		skip_space(&c);
		if (c.s == c.end)
			return c;
		token = c;
		if (!skip_token(&c))
			return c;
		if (c.s >= stop)
			return token;
	}
}

static int syntax_error(const struct nuc_doc_cursor *start, json_error_t *error)
{
	struct nuc_doc_cursor c = seek_error(*start, error), end = c;
	char found[NUC_DOC_FOUND_SIZE], shown[NUC_DOC_SHOWN_SIZE], *near;

	switch (json_error_code(error)) {
	case json_error_out_of_memory:
		return nuc_doc_no_memory(start);
	case json_error_duplicate_key:
		skip_token(&end);
		return nuc_doc_fail(&c, c.pos, "remove one of the two", "key %s is set twice",
				    nuc_doc_shown(c.s, (size_t)(end.s - c.s), shown));
	case json_error_null_byte_in_key:
		return nuc_doc_fail(&c, c.pos, "write the key without \\u0000",
				    "a key cannot hold a NUL");
	case json_error_numeric_overflow:
		return nuc_doc_fail(&c, c.pos,
				    "integers are of 64 bits, reals are IEEE 754 doubles",
				    "the number is out of range");
	case json_error_end_of_input_expected:
		return nuc_doc_fail(&c, c.pos, "a file holds one object and nothing behind it",
				    "the end of the file was expected, found %s",
				    nuc_doc_found(&c, found));
	case json_error_premature_end_of_input:
		nuc_doc_skip(&c, (size_t)(c.end - c.s));
		return nuc_doc_fail(&c, c.pos,
				    "close every string, '{' and '['; is the file whole?",
				    "not JSON: found the end of the file too early");
	default:
		/* What jansson found near is raw text of the document; say it our way. */
		near = strstr(error->text, " near ");
		if (near)
			*near = '\0';
		return nuc_doc_fail(&c, c.pos,
				    "JSON has no comments and no comma before '}' or ']'; "
				    "strings and keys stand in double quotes",
				    "not JSON: %s, found %s", error->text,
				    nuc_doc_found(&c, found));
	}
}

/* ---- from jansson's values to ours ----------------------------------------------------------- */

static int convert(struct nuc_doc_cursor *c, json_t *j, struct nuc_doc **ret);

static int convert_object(struct nuc_doc_cursor *c, json_t *j, struct nuc_doc *table)
{
	const char *key;
	json_t *value;

	/* jansson keeps the order of the text (since 2.8), so the walk meets the same keys. */
	json_object_foreach(j, key, value) {
		_cleanup_doc_ struct nuc_doc *item = NULL;
		struct nuc_doc_pos pos;
		int r;

		nuc_doc_skip(c, 1); /* '{' or ',' */
		skip_space(c);
		pos = c->pos;
		skip_token(c);
		skip_space(c);
		nuc_doc_skip(c, 1); /* ':' */
		r = convert(c, value, &item);
		if (r < 0)
			return r;
		item->key_line = pos.line;
		item->key_col = pos.col;
		item->key = strdup(key);
		if (!item->key || nuc_doc_append(table, item) < 0)
			return -ENOMEM;
		item = NULL;
		skip_space(c);
	}
	return 0;
}

static int convert_array(struct nuc_doc_cursor *c, json_t *j, struct nuc_doc *array)
{
	for (size_t i = 0; i < json_array_size(j); i++) {
		_cleanup_doc_ struct nuc_doc *item = NULL;
		int r;

		nuc_doc_skip(c, 1); /* '[' or ',' */
		r = convert(c, json_array_get(j, i), &item);
		if (r < 0)
			return r;
		if (nuc_doc_append(array, item) < 0)
			return -ENOMEM;
		item = NULL;
		skip_space(c);
	}
	return 0;
}

/* Moves behind the mark that closes a container; an empty one has been entered by nobody. */
static void skip_close(struct nuc_doc_cursor *c, size_t n)
{
	if (n == 0) {
		nuc_doc_skip(c, 1);
		skip_space(c);
	}
	nuc_doc_skip(c, 1);
}

/*
 * jansson's integers are of 63 bits and a sign. For a wide document it takes every number for a real,
 * so that none overflows, and what is an integer is read from the text: digits, and no more.
 */
static int convert_number(const struct nuc_doc_cursor *c, json_t *j, struct nuc_doc *doc)
{
	struct nuc_doc_cursor end = *c;
	_cleanup_free_ char *text = NULL;

	skip_token(&end);
	text = nuc_doc_copy(c->s, (size_t)(end.s - c->s));
	if (!text)
		return -ENOMEM;
	if (!c->wide || strpbrk(text, ".eE")) {
		doc->type = NUC_DOC_FLOAT;
		doc->f = json_real_value(j);
		return 0;
	}
	errno = 0;
	doc->type = NUC_DOC_INT;
	doc->i = strtoll(text, NULL, 10);
	if (errno == ERANGE && *text != '-') {
		errno = 0;
		doc->type = NUC_DOC_UINT;
		doc->u = strtoull(text, NULL, 10);
	}
	if (errno == ERANGE)
		return nuc_doc_fail(c, c->pos, "integers go up to 18446744073709551615",
				    "the number is out of range");
	return 0;
}

static int convert(struct nuc_doc_cursor *c, json_t *j, struct nuc_doc **ret)
{
	_cleanup_doc_ struct nuc_doc *doc = calloc(1, sizeof(*doc));
	int r = 0;

	if (!doc)
		return -ENOMEM;
	skip_space(c);
	doc->line = c->pos.line;
	doc->col = c->pos.col;
	switch (json_typeof(j)) {
	case JSON_OBJECT:
		doc->type = NUC_DOC_TABLE;
		r = convert_object(c, j, doc);
		if (r == 0)
			skip_close(c, doc->n);
		break;
	case JSON_ARRAY:
		doc->type = NUC_DOC_ARRAY;
		r = convert_array(c, j, doc);
		if (r == 0)
			skip_close(c, doc->n);
		break;
	case JSON_STRING:
		doc->type = NUC_DOC_STRING;
		doc->len = json_string_length(j);
		doc->s = nuc_doc_copy(json_string_value(j), doc->len);
		if (!doc->s)
			r = -ENOMEM;
		break;
	case JSON_INTEGER:
		doc->type = NUC_DOC_INT;
		doc->i = json_integer_value(j);
		break;
	case JSON_REAL:
		r = convert_number(c, j, doc);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		doc->type = NUC_DOC_BOOL;
		doc->b = json_is_true(j);
		break;
	case JSON_NULL:
		doc->type = NUC_DOC_NULL;
		break;
	}
	if (r < 0)
		return r;
	if (!json_is_object(j) && !json_is_array(j))
		skip_token(c);
	*ret = NUC_TAKE_PTR(doc);
	return 0;
}

static int parse(const char *text, size_t len, const char *name, bool wide, struct nuc_doc **ret,
		 nucleus_error **ret_err)
{
	struct nuc_doc_cursor c = { .name = name, .layer = "json", .wide = wide, .ret_err = ret_err };
	const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | (wide ? JSON_DECODE_INT_AS_REAL : 0);
	json_auto_t *j = NULL;
	char found[NUC_DOC_FOUND_SIZE];
	struct nuc_doc_cursor first;
	json_error_t error;
	int r;

	r = nuc_doc_begin(&c, text, len);
	if (r < 0)
		return r;
	r = check_nul(c);
	if (r < 0)
		return r;
	first = c;
	skip_space(&first);
	if (nuc_doc_peek(&first, 0) != '{')
		return nuc_doc_fail(&first, first.pos, "the outermost value is an object: { ... }",
				    "'{' was expected, found %s", nuc_doc_found(&first, found));
	r = check_depth(c);
	if (r < 0)
		return r;
	j = json_loadb(text, len, flags, &error);
	if (!j)
		return syntax_error(&c, &error);
	r = convert(&first, j, ret);
	return r == -ENOMEM ? nuc_doc_no_memory(&c) : r;
}

int nuc_json_parse(const char *text, size_t len, const char *name, struct nuc_doc **ret,
		   nucleus_error **ret_err)
{
	return parse(text, len, name, false, ret, ret_err);
}

int nuc_json_parse_wide(const char *text, size_t len, const char *name, struct nuc_doc **ret,
			nucleus_error **ret_err)
{
	return parse(text, len, name, true, ret, ret_err);
}
