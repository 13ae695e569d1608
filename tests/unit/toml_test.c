/* SPDX-License-Identifier: MIT */

#include "doc_show.h"
#include "../run_suite.h"

START_TEST(keys)
{
	static const struct doc_case cases[] = {
		{ "", "{}" },
		{ "# only a comment", "{}" },
		{ "\n\t \r\n", "{}" },
		{ "a=1", "{a: 1}" },
		{ "a = 1 # c\nb = 2\r\nc = 3", "{a: 1, b: 2, c: 3}" },
		{ "bare_key-1 = 1", "{bare_key-1: 1}" },
		{ "1234 = 1\n-=2\n_=3", "{1234: 1, -: 2, _: 3}" },
		{ "\"a.b\" = 1\n'c \"d\"' = 2\n\"\" = 3", "{a.b: 1, c \"d\": 2, : 3}" },
		{ "\"\\u0061\\tb\" = 1", "{a\tb: 1}" },
		{ "a.b.c = 1\na.b.d = 2\na.e = 3", "{a: {b: {c: 1, d: 2}, e: 3}}" },
		{ "a . \"b\" . 'c' = 1", "{a: {b: {c: 1}}}" },
		{ "3.14 = 1", "{3: {14: 1}}" },
		{ "a.x = 1\nb.x = 2\na.y = 3", "{a: {x: 1, y: 3}, b: {x: 2}}" },
		{ "true = 1\ninf = 2", "{true: 1, inf: 2}" },
	};

	DOC_EXPECT_ALL(nuc_toml_parse, cases);
}
END_TEST

START_TEST(bad_keys)
{
	static const struct doc_error cases[] = {
		{ "a", "1:2", "'=' was expected after the key, found the end of the file" },
		{ "a\n", "1:2", "found the end of the line" },
		{ "a b = 1", "1:3", "'=' was expected" },
		{ "= 1", "1:1", "a key was expected, found '='" },
		{ "a. = 1", "1:4", "a key was expected" },
		{ ".a = 1", "1:1", "a key was expected" },
		{ "a..b = 1", "1:3", "a key was expected" },
		{ "\xc3\xa9 = 1", "1:1", "found U+00E9" },
		{ "a = 1 b = 2", "1:7", "the end of the line was expected after the value" },
		{ "a = 1, b = 2", "1:6", "found ','" },
		{ "a = 1\na = 2", "2:1", "'a' is already a value (line 1)" },
		{ "a = 1\n\"\\u0061\" = 2", "2:1", "'a' is already" },
		{ "a = 1\na.b = 2", "2:1", "'a' is already a value" },
		{ "a.b = 1\na = 2", "2:1", "'a' is already a table made by dotted keys" },
		{ "a.b = 1\nx = 0\na.b.c = 2", "3:3", "'b' is already a value (line 1)" },
		{ "\"a\\u0000b\" = 1", "1:1", "a key cannot hold a NUL" },
		{ "\"\"\"a\"\"\" = 1", "1:1", "a key cannot be a multi-line string" },
		{ "\"a\nb\" = 1", "1:3", "was not closed before the end of the line" },
		{ "a = ", "1:5", "a value was expected, found the end of the file" },
		{ "a = # c", "1:5", "a value was expected, found '#'" },
		{ "a =\n1", "1:4", "a value was expected, found the end of the line" },
		/* What a message shows of a key is fit for a terminal. */
		{ "\"\\u001b[2J\" = 1\n\"\\u001b[2J\" = 1", "2:1", "'?[2J' is already" },
		{ "\"\\u009b2J\" = 1\n\"\\u009b2J\" = 1", "2:1", "'?2J' is already" },
	};

	DOC_REFUSE_ALL(nuc_toml_parse, cases);
}
END_TEST

START_TEST(arrays)
{
	static const struct doc_case cases[] = {
		{ "a = []", "{a: []}" },
		{ "a = [ 1, 2 ]\nb = [1,]", "{a: [1, 2], b: [1]}" },
		{ "a = [ # c\n\n  1, # one\r\n  # two\n  2\n  , 3,\n]\nb = 1",
		  "{a: [1, 2, 3], b: 1}" },
		{ "a = [[1, 2], [\"x\"], []]", "{a: [[1, 2], [\"x\"], []]}" },
		{ "a = [1, 'x', 2.0, {b = true}]", "{a: [1, \"x\", 2f, {b: true}]}" },
		{ "a = [\"\"\"\nx\n\"\"\"]", "{a: [\"x\\0a\"]}" },
	};
	static const struct doc_error errors[] = {
		{ "a = [1 2]", "1:8", "',' or ']' was expected in the array, found '2'" },
		{ "a = [1,,2]", "1:8", "a value was expected, found ','" },
		{ "a = [,]", "1:6", "a value was expected, found ','" },
		{ "a = [1", "1:7", "was expected in the array, found the end of the file" },
		{ "a = [\n1,\n", "3:1", "a value was expected, found the end of the file" },
		{ "a = [1]]", "1:8", "the end of the line was expected" },
		{ "a = [1}", "1:7", "',' or ']' was expected" },
	};

	DOC_EXPECT_ALL(nuc_toml_parse, cases);
	DOC_REFUSE_ALL(nuc_toml_parse, errors);
}
END_TEST

START_TEST(inline_tables)
{
	static const struct doc_case cases[] = {
		{ "a = {}", "{a: {}}" },
		{ "a = { }", "{a: {}}" },
		{ "a = { x = 1, y.z = 2, y.w = 3 }", "{a: {x: 1, y: {z: 2, w: 3}}}" },
		{ "a = {x={y={z=1}}}", "{a: {x: {y: {z: 1}}}}" },
		/* a line end is allowed inside a value */
		{ "a = { x = [\n1,\n2\n], y = '''\nq''' }", "{a: {x: [1, 2], y: \"q\"}}" },
		{ "a = [{x=1}, {x=2}]", "{a: [{x: 1}, {x: 2}]}" },
	};
	static const struct doc_error errors[] = {
		{ "a = { x = 1, }", "1:14", "a key was expected after the ','" },
		{ "a = {,}", "1:6", "a key was expected" },
		{ "a = { x = 1\n}", "1:12", "the inline table, found the end of the line" },
		{ "a = {\nx = 1 }", "1:6", "a key was expected, found the end of the line" },
		{ "a = { x = 1,\ny = 2 }", "1:13", "expected, found the end of the line" },
		{ "a = { x = 1 # c\n}", "1:13", "found '#'" },
		{ "a = { x = 1 y = 2 }", "1:13", "',' or '}' was expected" },
		{ "a = { x = 1, x = 2 }", "1:14", "'x' is already a value" },
		{ "a = { x = {}, x.y = 2 }", "1:15", "'x' is already an inline table" },
		{ "a = { x.y = 1, x = 2 }", "1:16", "'x' is already a table made by dotted keys" },
		{ "a = { x = 1", "1:12", "found the end of the file" },
		{ "a = { x }", "1:9", "'=' was expected" },
		/* it is closed: nothing adds to it */
		{ "a = { x = 1 }\na.y = 2", "2:1", "'a' is already an inline table, which is clo" },
		{ "a = { x = 1 }\n[a.y]", "2:2", "'a' is already an inline table" },
		{ "a = { x = 1 }\n[a]", "2:2", "'a' is already an inline table" },
		{ "a = { x.y = 1 }\n[a.x.z]", "2:2", "'a' is already an inline table" },
		{ "a = [{ x = 1 }]\n[a.y]", "2:2", "'a' is already an array written as a value" },
		{ "[t]\na = {}\n[t.a.b]", "3:4", "'a' is already an inline table" },
	};

	DOC_EXPECT_ALL(nuc_toml_parse, cases);
	DOC_REFUSE_ALL(nuc_toml_parse, errors);
}
END_TEST

START_TEST(tables)
{
	static const struct doc_case cases[] = {
		{ "[a]", "{a: {}}" },
		{ "[a]\nx = 1\n[b]\nx = 2", "{a: {x: 1}, b: {x: 2}}" },
		{ "[ a . \"b.c\" . 'd' ] # c\nx = 1", "{a: {b.c: {d: {x: 1}}}}" },
		{ "[a.b.c]\nx = 1\n[a]\ny = 2", "{a: {b: {c: {x: 1}}, y: 2}}" },
		{ "[a.b]\n[a.c]\n[a]\n[b]", "{a: {b: {}, c: {}}, b: {}}" },
		{ "x = 1\n[a]\ny.z = 2\n[a.b]\nc = 3", "{x: 1, a: {y: {z: 2}, b: {c: 3}}}" },
		/* a header may add a table below one that dotted keys made */
		{ "[f]\na.c = 1\na.t.s = true\n[f.a.x]\nk = 1",
		  "{f: {a: {c: 1, t: {s: true}, x: {k: 1}}}}" },
		{ "[a.b]\n[[a.c]]\n[a]\n", "{a: {b: {}, c: [{}]}}" },
	};
	static const struct doc_error errors[] = {
		{ "[a]\n[b]\n[a]", "3:2", "a table with a header of its own (line 1)" },
		{ "[a.b]\n[a]\n[a]", "3:2", "'a' is already a table with a header" },
		{ "[a]\nb = 1\n[a.b]", "3:4", "'b' is already a value (line 2)" },
		{ "[a]\nb = 1\n[a.b.c]", "3:4", "'b' is already a value" },
		{ "a.b = 1\n[a]", "2:2", "'a' is already a table made by dotted keys (line 1)" },
		{ "[f]\na.t.s = 1\n[f.a]", "3:4", "'a' is already a table made by dotted keys" },
		{ "[f]\na.t.s = 1\n[f.a.t]", "3:6", "'t' is already a table made by dotted keys" },
		{ "[a.b.c]\nz = 9\n[a]\nb.c.t = 1", "4:1", "'b' is already a table that a header "
							   "below it made" },
		{ "[a.b]\n[a]\nb.c = 1", "3:1", "'b' is already a table with a header" },
		{ "[a.b]\n[a]\nb = 1", "3:1", "'b' is already a table" },
		{ "[]", "1:2", "a key was expected, found ']'" },
		{ "[a", "1:3", "']' was expected after the name of the table" },
		{ "[a.]", "1:4", "a key was expected" },
		{ "[a]]", "1:4", "the end of the line was expected after the header" },
		{ "[a] x = 1", "1:5", "the end of the line was expected after the header" },
		{ "[a b]", "1:4", "']' was expected" },
		{ "[a\n]", "1:3", "']' was expected" },
		{ "[a]\n]", "2:1", "a key was expected" },
	};

	DOC_EXPECT_ALL(nuc_toml_parse, cases);
	DOC_REFUSE_ALL(nuc_toml_parse, errors);
}
END_TEST

START_TEST(arrays_of_tables)
{
	static const struct doc_case cases[] = {
		{ "[[a]]\nx = 1\n[[a]]\n[[ a ]]\nx = 3", "{a: [{x: 1}, {}, {x: 3}]}" },
		{ "[[a]]\n[a.b]\nx = 1\n[[a.c]]\n[[a.c]]\n[[a]]\n[a.b]\nx = 2",
		  "{a: [{b: {x: 1}, c: [{}, {}]}, {b: {x: 2}}]}" },
		{ "[[a.b]]\nx = 1\n[a]\ny = 2", "{a: {b: [{x: 1}], y: 2}}" },
		{ "[[a]]\nb.c = 1\n[[a]]\nb.c = 2", "{a: [{b: {c: 1}}, {b: {c: 2}}]}" },
	};
	static const struct doc_error errors[] = {
		{ "a = []\n[[a]]", "2:3", "'a' is already an array written as a value" },
		{ "a = [{}]\n[[a]]", "2:3", "'a' is already an array written as a value" },
		{ "[[a]]\n[a]", "2:2", "'a' is already an array of tables (line 1)" },
		{ "[a]\n[[a]]", "2:3", "'a' is already a table with a header" },
		{ "[a.b]\n[[a]]", "2:3", "'a' is already a table that a header below it made" },
		{ "a.b = 1\n[[a]]", "2:3", "'a' is already a table made by dotted keys" },
		{ "[[a.b]]\n[a]\nb.y = 2", "3:1", "'b' is already an array of tables" },
		{ "[[a]]\n[a.b]\n[[a.b]]", "3:5", "'b' is already a table with a header" },
		{ "[[a]]\n[a.b]\n[a.b]", "3:4", "'b' is already a table with a header" },
		{ "[[a]]\na = 1\na = 2", "3:1", "'a' is already a value" },
		{ "[[a]", "1:5", "a second ']' was expected" },
		{ "[[a] ]", "1:5", "a second ']' was expected" },
		{ "[ [a]]", "1:3", "a key was expected, found '['" },
		{ "[[]]", "1:3", "a key was expected" },
	};

	DOC_EXPECT_ALL(nuc_toml_parse, cases);
	DOC_REFUSE_ALL(nuc_toml_parse, errors);
}
END_TEST

START_TEST(bytes_that_are_not_text)
{
	static const struct doc_error cases[] = {
		{ "\xef\xbb\xbf" "a = 1", "1:1", "byte order mark" },
		{ "a = 1\nb = \"\xff\"", "2:6", "byte 0xff is not UTF-8" },
		{ "# \xc3\xa9 \xc3", "1:5", "byte 0xc3 is not UTF-8" },
		{ "a = \"\xed\xa0\x80\"", "1:6", "byte 0xed is not UTF-8" },
		{ "a = \"\x01\"", "1:6", "control character U+0001" },
		{ "a = '\x7f'", "1:6", "control character U+007F" },
		{ "# \x1b", "1:3", "control character U+001B" },
		{ "a = 1\x0c", "1:6", "control character U+000C" },
		{ "a = 1\rb = 2", "1:6", "a carriage return" },
		{ "# c\r", "1:4", "a carriage return" },
		{ "a = '''\r'''", "1:8", "a carriage return" },
		{ "a = \xe2\x80\x9cx\xe2\x80\x9d", "1:5", "found U+201C" },
		{ "a = 1 \xf0\x9f\x98\x80", "1:7", "found U+1F600" },
	};

	DOC_REFUSE_ALL(nuc_toml_parse, cases);
	doc_refuse_n(nuc_toml_parse, "a = '\0'", 8, "1:6", "control character U+0000");
	doc_refuse_n(nuc_toml_parse, "a = 1\0", 6, "1:6", "control character U+0000");
}
END_TEST

static const struct nuc_doc *get(const struct nuc_doc *table, const char *key)
{
	for (size_t i = 0; i < table->n; i++)
		if (strcmp(table->items[i]->key, key) == 0)
			return table->items[i];
	ck_abort_msg("no key %s", key);
}

START_TEST(values_know_where_they_stood)
{
	static const char text[] = "a = 1\r\n"
				       "\"\xc3\xa9\" = 'y'\n"
				       "m = '''\n"
				       "l'''\n"
				       "l = [1,\n"
				       "  {k = true}]\n"
				       "d.e = 0.5\n"
				       "[t.u]\n"
				       "  [[v]]\n"
				       "w = 1979-05-27 # c";
	_cleanup_doc_ struct nuc_doc *doc = NULL;

	ck_assert_int_eq(nuc_toml_parse(text, sizeof(text) - 1, "t", &doc, NULL), 0);
	doc_at(doc, 1, 1);
	doc_at(get(doc, "a"), 1, 5);
	doc_at(get(doc, "\xc3\xa9"), 2, 7); /* a character is one column */
	doc_at(get(doc, "m"), 3, 5);
	doc_at(get(doc, "l"), 5, 5);
	doc_at(get(doc, "l")->items[0], 5, 6);
	doc_at(get(doc, "l")->items[1], 6, 3);
	doc_at(get(get(doc, "l")->items[1], "k"), 6, 8);
	doc_at(get(doc, "d"), 7, 1);
	doc_at(get(get(doc, "d"), "e"), 7, 7);
	doc_at(get(doc, "t"), 8, 2);
	doc_at(get(get(doc, "t"), "u"), 8, 1);
	doc_at(get(doc, "v"), 9, 3);
	doc_at(get(doc, "v")->items[0], 9, 3);
	doc_at(get(get(doc, "v")->items[0], "w"), 10, 5);
}
END_TEST

START_TEST(depth_is_limited)
{
	static const struct {
		const char *before, *s, *after;
		size_t fits; /* how often, with the document itself as the first level */
		const char *origin; /* of once more */
	} cases[] = {
		{ "a = ", "[", "", 0, "1:36" },
		{ "a = ", "{a=", "", 0, "1:98" },
		{ "[a", ".a", "]", 30, "1:1" },
		{ "[[a", ".a", "]]", 29, "1:1" },
		{ "a", ".a", " = 1", 31, "1:65" },
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *fits = doc_repeat(cases[i].before, cases[i].s,
						       cases[i].fits, cases[i].after);
		_cleanup_free_ char *over = doc_repeat(cases[i].before, cases[i].s,
						       cases[i].fits ? cases[i].fits + 1 : 32,
						       cases[i].after);
		_cleanup_doc_ struct nuc_doc *doc = NULL;

		if (cases[i].fits)
			ck_assert_int_eq(nuc_toml_parse(fits, strlen(fits), "t", &doc, NULL), 0);
		doc_refuse_n(nuc_toml_parse, over, strlen(over), cases[i].origin,
			     "nested deeper than 32 levels");
	}
	doc_expect_n(nuc_toml_parse,
		     "a = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", 67,
		     "{a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}");
}
END_TEST

START_TEST(hostile_depth_does_not_recurse)
{
	_cleanup_free_ char *deep_arrays = doc_repeat("a = ", "[", 1000000, "");
	_cleanup_free_ char *deep_tables = doc_repeat("a = ", "{a=", 300000, "");
	_cleanup_free_ char *key = doc_repeat("a", ".a", 500000, " = 1");

	doc_seconds(nuc_toml_parse, deep_arrays, strlen(deep_arrays), -EINVAL);
	doc_seconds(nuc_toml_parse, deep_tables, strlen(deep_tables), -EINVAL);
	doc_seconds(nuc_toml_parse, key, strlen(key), -EINVAL);
}
END_TEST

START_TEST(size_is_limited)
{
	_cleanup_error_ nucleus_error *e = NULL;
	_cleanup_doc_ struct nuc_doc *doc = NULL, *none = NULL;
	_cleanup_free_ char *text = doc_repeat("#", "x", NUC_DOC_MAX_BYTES, "");

	ck_assert_int_eq(nuc_toml_parse(text, NUC_DOC_MAX_BYTES, "t", &doc, NULL), 0);
	ck_assert_int_eq(nuc_toml_parse(text, NUC_DOC_MAX_BYTES + 1, "t", &none, &e), -EFBIG);
	ck_assert_ptr_null(none);
	ck_assert_ptr_nonnull(strstr(nucleus_error_message(e), "1048576"));
}
END_TEST

/* A megabyte each, of which anything quadratic would take minutes. */
START_TEST(hostile_size_takes_linear_time)
{
	_cleanup_free_ char *comments = doc_repeat("", "#\n", 500000, "");
	_cleanup_free_ char *values = doc_repeat("a = [", "1,", 500000, "]");
	_cleanup_free_ char *many_tables = doc_repeat("a = [", "{},", 340000, "]");
	_cleanup_free_ char *headers = doc_repeat("", "[[a]]\n", 170000, "");
	_cleanup_free_ char *quotes = doc_repeat("a = '''", "'' ", 340000, "'''");
	_cleanup_free_ char *slashes = doc_repeat("a = \"\"\"", "\\\n", 500000, "\"\"\"");
	_cleanup_free_ char *number = doc_repeat("a = 0.", "1", 1000000, "");
	_cleanup_free_ char *unclosed = doc_repeat("", "a = [ \"", 100000, "");
	_cleanup_buf_ struct nuc_buf many_keys = { 0 }, nested = { 0 };
	double s = 0;

	for (unsigned i = 0; i < 100000; i++)
		nuc_buf_printf(&many_keys, "%x=1\n", i);
	for (unsigned i = 0; i < 60000; i++)
		nuc_buf_printf(&nested, "[a.b.c.%x]\n", i);
	ck_assert(!many_keys.failed && !nested.failed);
	s += doc_seconds(nuc_toml_parse, comments, strlen(comments), 0);
	s += doc_seconds(nuc_toml_parse, values, strlen(values), 0);
	s += doc_seconds(nuc_toml_parse, many_tables, strlen(many_tables), 0);
	s += doc_seconds(nuc_toml_parse, headers, strlen(headers), 0);
	s += doc_seconds(nuc_toml_parse, quotes, strlen(quotes), 0);
	s += doc_seconds(nuc_toml_parse, slashes, strlen(slashes), 0);
	s += doc_seconds(nuc_toml_parse, number, strlen(number), 0);
	s += doc_seconds(nuc_toml_parse, unclosed, strlen(unclosed), -EINVAL);
	s += doc_seconds(nuc_toml_parse, many_keys.s, many_keys.len, 0);
	s += doc_seconds(nuc_toml_parse, nested.s, nested.len, 0);
	/* A tenth of that without sanitizers. */
	ck_assert_msg(s < 20, "%f s", s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("toml");
	TCase *t = tcase_create("toml");

	tcase_set_timeout(t, 100);
	tcase_add_test(t, keys);
	tcase_add_test(t, bad_keys);
	tcase_add_test(t, arrays);
	tcase_add_test(t, inline_tables);
	tcase_add_test(t, tables);
	tcase_add_test(t, arrays_of_tables);
	tcase_add_test(t, bytes_that_are_not_text);
	tcase_add_test(t, values_know_where_they_stood);
	tcase_add_test(t, depth_is_limited);
	tcase_add_test(t, hostile_depth_does_not_recurse);
	tcase_add_test(t, size_is_limited);
	tcase_add_test(t, hostile_size_takes_linear_time);
	suite_add_tcase(s, t);
	return run_suite(s);
}
