/* SPDX-License-Identifier: MIT */
#include <locale.h>

#include "doc_show.h"
#include "../run_suite.h"

START_TEST(strings)
{
	static const struct doc_case cases[] = {
		{ "a = \"\"", "{a: \"\"}" },
		{ "a = ''", "{a: \"\"}" },
		{ "a = \"x # y\" # z", "{a: \"x # y\"}" },
		{ "a = \"\\b\\t\\n\\f\\r\\\"\\\\\"", "{a: \"\\08\\09\\0a\\0c\\0d\"\\\"}" },
		{ "a = \"\\u00e9\\u20AC\\U0001F600\"",
		  "{a: \"\\c3\\a9\\e2\\82\\ac\\f0\\9f\\98\\80\"}" },
		{ "a = \"\\ud7ff\\uE000\\U0010ffff\"",
		  "{a: \"\\ed\\9f\\bf\\ee\\80\\80\\f4\\8f\\bf\\bf\"}" },
		{ "a = \"\\u0000\\u007F\"", "{a: \"\\00\\7f\"}" },
		{ "a = \"\tx\xc2\x80\"", "{a: \"\\09x\\c2\\80\"}" },
		{ "a = 'C:\\n \"q\" \\'", "{a: \"C:\\n \"q\" \\\"}" },
		/* multi-line: a first line end goes, others stay */
		{ "a = \"\"\"\"\"\"", "{a: \"\"}" },
		{ "a = ''''''", "{a: \"\"}" },
		{ "a = \"\"\"\nx\ny\n\"\"\"", "{a: \"x\\0ay\\0a\"}" },
		{ "a = '''\n\nx\\\n'''", "{a: \"\\0ax\\\\0a\"}" },
		{ "a = \"\"\"\r\nx\"\"\"", "{a: \"x\"}" },
		{ "a = \"\"\"x \\\n\n   \t y\"\"\"", "{a: \"x y\"}" },
		{ "a = \"\"\"x\\  \r\n \r\n y\"\"\"", "{a: \"xy\"}" },
		{ "a = \"\"\"\\\n  \"\"\"", "{a: \"\"}" },
		{ "a = \"\"\"x\\\\\ny\"\"\"", "{a: \"x\\\\0ay\"}" },
		/* one or two quotes are text, before the closing ones too */
		{ "a = \"\"\"x\"y\"\"z\"\"\"", "{a: \"x\"y\"\"z\"}" },
		{ "a = \"\"\"x\"\"\"\"", "{a: \"x\"\"}" },
		{ "a = \"\"\"x\"\"\"\"\"", "{a: \"x\"\"\"}" },
		{ "a = '''x'''''", "{a: \"x''\"}" },
		{ "a = \"\"\"\"x\"\"\"", "{a: \"\"x\"}" },
		{ "a = \"\"\"\\\"\"\"\"", "{a: \"\"\"}" },
		{ "a = \"\"\"x\\\"\"\"\"\"", "{a: \"x\"\"\"}" },
		{ "a = '''x\"\"\"'y'''", "{a: \"x\"\"\"'y\"}" },
	};

	DOC_EXPECT_ALL(nuc_toml_parse, cases);
}
END_TEST

START_TEST(bad_strings)
{
	static const struct doc_error cases[] = {
		{ "a = \"x", "1:7", "from column 5 was not closed before the end of the file" },
		{ "a = 'x\ny'", "1:7", "was not closed before the end of the line" },
		{ "a = \"x\r\n\"", "1:7", "was not closed before the end of the line" },
		{ "a = \"x\\\"", "1:9", "was not closed" },
		{ "\n a = \"\"\"x\n\"\"", "2:6", "was not closed before the end of the file" },
		{ "a = '''x", "1:5", "was not closed before the end of the file" },
		{ "a = \"\xc3\xa9\\q\"", "1:7", "unknown escape" },
		{ "a = \"\\e\"", "1:6", "unknown escape" }, /* of TOML 1.1 */
		{ "a = \"\\x41\"", "1:6", "unknown escape" },
		{ "a = \"\\/\"", "1:6", "unknown escape" },
		{ "a = \"\\ \"", "1:6", "unknown escape" },
		{ "a = \"\\", "1:6", "unknown escape" },
		{ "a = \"\"\"x \\ y\"\"\"", "1:10", "unknown escape" },
		{ "a = \"\\u12g4\"", "1:6", "4 hexadecimal digits were expected after \\u" },
		{ "a = \"\\u123\"", "1:6", "4 hexadecimal digits" },
		{ "a = \"\\U0001F60\"", "1:6", "8 hexadecimal digits were expected after \\U" },
		{ "a = \"\\u12", "1:6", "4 hexadecimal digits" },
		{ "a = \"\\ud800\"", "1:6", "U+D800 is not a character" },
		{ "a = \"\\uDFFF\"", "1:6", "U+DFFF is not a character" },
		{ "a = \"\\U00110000\"", "1:6", "U+110000 is not a character" },
		{ "a = \"\\UFFFFFFFF\"", "1:6", "is not a character" },
		{ "a = \"\"\"x\"\"\"\"\"\"", "1:14", "the end of the line was expected" },
		{ "a = '''x''''''", "1:14", "the end of the line was expected" },
		{ "a = \"x\" \"y\"", "1:9", "the end of the line was expected" },
		/* CR LF inside: some parsers keep the CR, some do not */
		{ "a = \"\"\"x\r\ny\"\"\"", "1:9", "ends in CR LF" },
		{ "a = '''\r\nx\r\n'''", "2:2", "ends in CR LF" },
	};

	DOC_REFUSE_ALL(nuc_toml_parse, cases);
}
END_TEST

START_TEST(integers)
{
	static const struct doc_case cases[] = {
		{ "a = 0\nb = +0\nc = -0", "{a: 0, b: 0, c: 0}" },
		{ "a = +99\nb = 42\nc = -17", "{a: 99, b: 42, c: -17}" },
		{ "a = 1_000\nb = 5_349_221\nc = 1_2_3", "{a: 1000, b: 5349221, c: 123}" },
		{ "a = 0xDEADBEEF\nb = 0xdead_beef\nc = 0x0F",
		  "{a: 3735928559, b: 3735928559, c: 15}" },
		{ "a = 0o01234567\nb = 0o755", "{a: 342391, b: 493}" },
		{ "a = 0b11010110\nb = 0b0", "{a: 214, b: 0}" },
		{ "a = 9223372036854775807\nb = -9223372036854775808",
		  "{a: 9223372036854775807, b: -9223372036854775808}" },
		{ "a = 0x7fffffffffffffff", "{a: 9223372036854775807}" },
		{ "a = 0x00000000000000000000000000001", "{a: 1}" },
	};

	DOC_EXPECT_ALL(nuc_toml_parse, cases);
}
END_TEST

START_TEST(floats)
{
	static const struct doc_case cases[] = {
		{ "a = 1.0\nb = +0.5\nc = -0.25", "{a: 1f, b: 0.5f, c: -0.25f}" },
		{ "a = 5e+22\nb = 1E6\nc = -2e-2", "{a: 4.9999999999999996e+22f, b: 1000000f, "
						   "c: -0.02f}" },
		{ "a = 6.5e3\nb = 2_2.1_2e0_1", "{a: 6500f, b: 221.19999999999999f}" },
		{ "a = -0.0\nb = 0e0\nc = 1e06", "{a: -0f, b: 0f, c: 1000000f}" },
		{ "a = 1e-999", "{a: 0f}" },
		{ "a = 1.7976931348623157e308", "{a: 1.7976931348623157e+308f}" },
	};

	DOC_EXPECT_ALL(nuc_toml_parse, cases);
}
END_TEST

START_TEST(bad_numbers)
{
	static const struct doc_error cases[] = {
		{ "a = 9223372036854775808", "1:5", "out of range" },
		{ "a = -9223372036854775809", "1:5", "out of range" },
		{ "a = 0x8000000000000000", "1:5", "out of range" },
		{ "a = 0o1000000000000000000000", "1:5", "out of range" },
		{ "a = 1e309", "1:5", "out of range" },
		{ "a = -1e309", "1:5", "out of range" },
		{ "a = inf", "1:5", "infinity and NaN" },
		{ "a = [1.0, -inf]", "1:11", "infinity and NaN" },
		{ "a = +nan", "1:5", "infinity and NaN" },
		{ "a = 01", "1:5", "cannot begin with 0" },
		{ "a = -01", "1:5", "cannot begin with 0" },
		{ "a = 00", "1:5", "cannot begin with 0" },
		{ "a = 0_1", "1:5", "cannot begin with 0" },
		{ "a = 01.5", "1:5", "cannot begin with 0" },
		{ "a = 1__0", "1:5", "not a number" },
		{ "a = 1_", "1:5", "not a number" },
		{ "a = _1", "1:5", "a value was expected" },
		{ "a = 0x", "1:5", "not a number" },
		{ "a = 0x_1", "1:5", "not a number" },
		{ "a = 0x1_", "1:5", "not a number" },
		{ "a = 0X1", "1:5", "not a number" },
		{ "a = +0x1", "1:5", "not a number" },
		{ "a = -0b1", "1:5", "not a number" },
		{ "a = 0o8", "1:5", "not a number" },
		{ "a = 0b2", "1:5", "not a number" },
		{ "a = 0xg", "1:5", "not a number" },
		{ "a = 0x1.5", "1:5", "not a number" },
		{ "a = 1.", "1:5", "not a number" },
		{ "a = .5", "1:5", "a value was expected" },
		{ "a = 1.e5", "1:5", "not a number" },
		{ "a = 1._5", "1:5", "not a number" },
		{ "a = 1_.5", "1:5", "not a number" },
		{ "a = 1e", "1:5", "not a number" },
		{ "a = 1e_5", "1:5", "not a number" },
		{ "a = 1e5.0", "1:5", "not a number" },
		{ "a = 1.2.3", "1:5", "not a number" },
		{ "a = --1", "1:5", "a value was expected" },
		{ "a = +", "1:5", "a value was expected" },
		{ "a = 1a", "1:5", "not a number" },
		{ "a = 64M", "1:5", "not a number" },
		{ "a = 1 000", "1:7", "the end of the line was expected" },
		{ "a = True", "1:5", "a value was expected, found a bare word" },
		{ "a = truex", "1:5", "found a bare word" },
		{ "a = none", "1:5", "found a bare word" },
		{ "a = /tmp", "1:5", "a value was expected, found '/'" },
	};

	DOC_REFUSE_ALL(nuc_toml_parse, cases);
}
END_TEST

START_TEST(dates)
{
	static const struct doc_case cases[] = {
		{ "a = 1979-05-27T07:32:00Z", "{a: <1979-05-27T07:32:00Z>}" },
		{ "a = 1979-05-27 00:32:00.5-07:00", "{a: <1979-05-27 00:32:00.5-07:00>}" },
		{ "a = 1979-05-27T00:32:00.999999-07:00",
		  "{a: <1979-05-27T00:32:00.999999-07:00>}" },
		{ "a = 1979-05-27 07:32:00z # c", "{a: <1979-05-27 07:32:00z>}" },
		{ "a = 1979-05-27t07:32:00.5", "{a: <1979-05-27t07:32:00.5>}" },
		{ "a = [1979-05-27, 07:32:00 , 1979-05-27 07:32:00]",
		  "{a: [<1979-05-27>, <07:32:00>, <1979-05-27 07:32:00>]}" },
		{ "a = 2024-02-29\nb = 2000-02-29", "{a: <2024-02-29>, b: <2000-02-29>}" },
		{ "a = 1979-05-27 # 7", "{a: <1979-05-27>}" },
		{ "a = 23:59:59.123\nb = 0001-01-01", "{a: <23:59:59.123>, b: <0001-01-01>}" },
	};

	DOC_EXPECT_ALL(nuc_toml_parse, cases);
}
END_TEST

START_TEST(bad_dates)
{
	static const char *const cases[] = {
		"2023-02-29", "1900-02-29", "2024-04-31", "2024-13-01", "2024-00-01", "2024-01-00",
		"2024-01-32", "0000-01-01", "2024-1-01", "24-01-01", "2024-01-1", "20240-01-01",
		"24:00:00", "23:60:00", "23:59:60", "7:32:00", "07:32", "07:32:00Z", "07:32:00.",
		"2024-01-01T", "2024-01-01T07:32", "2024-01-01T07:32:00+24:00",
		"2024-01-01T07:32:00+01:60", "2024-01-01T07:32:00+0100", "2024-01-01T07:32:00+1",
		"2024-01-01T07:32:00ZZ", "2024-01-01x07:32:00", "2024-01-01 7:32:00",
		"2024-01-01T07:32:00.Z", "2024-01",
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *text = nuc_strf("\n\nd = %s", cases[i]);

		doc_refuse_n(nuc_toml_parse, text, strlen(text), "3:5", "not a date or time");
	}
	doc_refuse_n(nuc_toml_parse, "d = 07:32:00.1234567", 20, "1:5", "more than six digits");
	doc_refuse_n(nuc_toml_parse, "d = 2024-01-01 07:32:00.1234567Z", 32, "1:5",
		     "more than six digits");
}
END_TEST

START_TEST(locale_of_the_program_does_not_matter)
{
	/* The C locale is always there; others only where they are installed. */
	static const char *const names[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "C" };

	for (size_t i = 0; i < NUC_ARRAY_SIZE(names); i++)
		if (setlocale(LC_ALL, names[i]))
			doc_expect_n(nuc_toml_parse, "a = 1.5", 7, "{a: 1.5f}");
	setlocale(LC_ALL, "C");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("toml_scalar");
	TCase *t = tcase_create("toml_scalar");

	tcase_set_timeout(t, 100);
	tcase_add_test(t, strings);
	tcase_add_test(t, bad_strings);
	tcase_add_test(t, integers);
	tcase_add_test(t, floats);
	tcase_add_test(t, bad_numbers);
	tcase_add_test(t, dates);
	tcase_add_test(t, bad_dates);
	tcase_add_test(t, locale_of_the_program_does_not_matter);
	suite_add_tcase(s, t);
	return run_suite(s);
}
