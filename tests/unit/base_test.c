/* SPDX-License-Identifier: MIT */

#include <sys/stat.h>

#include "base.h"
#include "../run_suite.h"

static const char *const words[] = { "--workspace", "--workspace-mode", "--context", NULL };

static const char *word_at(size_t i, void *arg)
{
	(void)arg;
	return words[i];
}

START_TEST(nearest_finds_a_typing_error_and_no_more)
{
	ck_assert_str_eq(nuc_nearest("--workspcae", word_at, NULL), "--workspace");
	ck_assert_str_eq(nuc_nearest("--contxt", word_at, NULL), "--context");
	ck_assert_ptr_null(nuc_nearest("--quite-another-thing", word_at, NULL));
}
END_TEST

START_TEST(utf8_follows_rfc_3629)
{
	static const struct {
		const char *s;
		bool valid;
	} cases[] = {
		{ "", true },		    { "a", true },		{ "\xc3\xa9", true },
		{ "\xe2\x82\xac", true },   { "\xf0\x9f\x98\x80", true }, { "\xc0\xaf", false },
		{ "\xe0\x80\xaf", false },  { "\xed\xa0\x80", false },	{ "\xf4\x90\x80\x80", false },
		{ "\xf5\x80\x80\x80", false }, { "\x80", false },	{ "\xc3", false },
		{ "\xe2\x82", false },	    { "\xf4\x8f\xbf\xbf", true },
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(cases); i++)
		ck_assert_msg(nuc_utf8_valid(cases[i].s, strlen(cases[i].s)) == cases[i].valid,
			      "case %zu", i);
}
END_TEST

START_TEST(error_record_holds_what_it_was_given)
{
	_cleanup_error_ nucleus_error *e = NULL;
	_cleanup_free_ char *json = NULL;
	const struct nuc_where where = { "policy", "option", "a.toml:3:1", "try 1" };

	ck_assert_int_eq(nuc_fail(&e, -EINVAL, &where, "key '%s'", "x\"y"), -EINVAL);
	ck_assert_int_eq(nucleus_error_code(e), -EINVAL);
	ck_assert_str_eq(nucleus_error_message(e), "key 'x\"y'");
	ck_assert_int_eq(nucleus_error_json(e, &json), 0);
	ck_assert_str_eq(json,
			 "{\"code\":-22,\"errno\":\"EINVAL\",\"hint\":\"try 1\",\"layer\":\"option\","
			 "\"message\":\"key 'x\\\"y'\",\"origin\":\"a.toml:3:1\",\"stage\":\"policy\"}");
}
END_TEST

START_TEST(error_without_a_receiver_is_just_the_code)
{
	const struct nuc_where where = { .stage = "policy", .layer = "option" };

	ck_assert_int_eq(nuc_fail(NULL, -EPERM, &where, "x"), -EPERM);
}
END_TEST

START_TEST(sha256_is_the_standard_one)
{
	char hex[65];

	/* FIPS 180-2, appendix B.1 */
	nuc_sha256_hex("abc", 3, hex);
	ck_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
END_TEST

START_TEST(buffer_grows_past_its_first_size)
{
	_cleanup_buf_ struct nuc_buf b = { 0 };
	_cleanup_free_ char *s = NULL;

	for (int i = 0; i < 1000; i++)
		nuc_buf_printf(&b, "%d,", i % 10);
	ck_assert_int_eq(nuc_buf_take(&b, &s), 0);
	ck_assert_uint_eq(strlen(s), 2000);
	ck_assert_ptr_null(b.s);
}
END_TEST

START_TEST(printed_text_is_whole_whatever_room_there_was)
{
	static char dots[600];

	memset(dots, '.', sizeof(dots) - 1);
	for (int before = 0; before < 300; before++) {
		for (int len = before % 7; len < 600; len += 7) {
			_cleanup_buf_ struct nuc_buf b = { 0 };

			nuc_buf_add(&b, dots, (size_t)before);
			nuc_buf_printf(&b, "%.*s|%d", len, dots, 7);
			ck_assert(!b.failed);
			ck_assert_uint_eq(b.len, (size_t)(before + len + 2));
			ck_assert_uint_eq(strlen(b.s), b.len);
			ck_assert_uint_eq(strspn(b.s, "."), (size_t)(before + len));
			ck_assert_str_eq(b.s + before + len, "|7");
		}
	}
}
END_TEST

START_TEST(empty_buffer_gives_an_empty_string)
{
	struct nuc_buf b = { 0 };
	_cleanup_free_ char *s = NULL;

	ck_assert_int_eq(nuc_buf_take(&b, &s), 0);
	ck_assert_str_eq(s, "");
}
END_TEST

START_TEST(namespaces_have_the_numbers_of_their_inodes)
{
	static const char *const names[] = { "pid", "pid_for_children", "mnt", "user" };

	for (size_t i = 0; i < NUC_ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = nuc_strf("/proc/self/ns/%s", names[i]);
		struct stat st;

		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_uint_eq(nuc_namespace_of_thread(names[i]), st.st_ino);
	}
	ck_assert_uint_eq(nuc_namespace_of_thread("none"), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base");
	TCase *t = tcase_create("base");

	tcase_add_test(t, nearest_finds_a_typing_error_and_no_more);
	tcase_add_test(t, utf8_follows_rfc_3629);
	tcase_add_test(t, error_record_holds_what_it_was_given);
	tcase_add_test(t, error_without_a_receiver_is_just_the_code);
	tcase_add_test(t, sha256_is_the_standard_one);
	tcase_add_test(t, buffer_grows_past_its_first_size);
	tcase_add_test(t, printed_text_is_whole_whatever_room_there_was);
	tcase_add_test(t, empty_buffer_gives_an_empty_string);
	tcase_add_test(t, namespaces_have_the_numbers_of_their_inodes);
	suite_add_tcase(s, t);
	return run_suite(s);
}
