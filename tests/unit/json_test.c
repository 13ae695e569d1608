/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "doc_show.h"
#include "../run_suite.h"

START_TEST(values)
{
	static const struct doc_case cases[] = {
		{ "{}", "{}" },
		{ " \t\r\n{ } \n", "{}" },
		{ "{\"a\":1}", "{a: 1}" },
		{ "{\"a\": [], \"b\": [ ], \"c\": {}}", "{a: [], b: [], c: {}}" },
		{ "{\"a\": [1, [2, {\"b\": 3}], 4] , \"c\" : 5}",
		  "{a: [1, [2, {b: 3}], 4], c: 5}" },
		{ "{\"a\": true, \"b\": false, \"c\": null}", "{a: true, b: false, c: null}" },
		{ "{\"a\": -0, \"b\": 9223372036854775807, \"c\": -9223372036854775808}",
		  "{a: 0, b: 9223372036854775807, c: -9223372036854775808}" },
		{ "{\"a\": 1.0, \"b\": 1e3, \"c\": -2.5E-1, \"d\": 1e-999}",
		  "{a: 1f, b: 1000f, c: -0.25f, d: 0f}" },
		{ "{\"a\": \"\", \"\": \"x\"}", "{a: \"\", : \"x\"}" },
		{ "{\"a\": \"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "{a: \"\"\\/\\08\\0c\\0a\\0d\\09\"}" },
		{ "{\"a\": \"\\u00e9\xc3\xa9\\ud83d\\ude00\"}",
		  "{a: \"\\c3\\a9\\c3\\a9\\f0\\9f\\98\\80\"}" },
		/* a NUL is kept, for the policy to refuse with the option's name */
		{ "{\"a\": \"x\\u0000y\"}", "{a: \"x\\00y\"}" },
		{ "{\"a\": \"{[,:]}\\\"\", \"b\": \"\\\\\"}", "{a: \"{[,:]}\"\", b: \"\\\"}" },
		/* the order of the text is kept */
		{ "{\"z\":1,\"y\":2,\"x\":3,\"a\":4,\"q\":5,\"b\":6,\"m\":7,\"n\":8,\"c\":9}",
		  "{z: 1, y: 2, x: 3, a: 4, q: 5, b: 6, m: 7, n: 8, c: 9}" },
		{ "{\"\\u0061\\n\": 1}", "{a\n: 1}" },
	};

	DOC_EXPECT_ALL(nuc_json_parse, cases);
}
END_TEST

START_TEST(refusals)
{
	static const struct doc_error cases[] = {
		{ "", "1:1", "'{' was expected, found the end of the file" },
		{ "\n  ", "2:3", "'{' was expected, found the end of the file" },
		{ " [1]", "1:2", "'{' was expected, found '['" },
		{ "\"a\"", "1:1", "'{' was expected" },
		{ "null", "1:1", "'{' was expected" },
		{ "a = 1", "1:1", "'{' was expected, found 'a'" },
		{ "{", "1:2", "found the end of the file" },
		{ "{\n\"a\": 1,\n}", "3:1", "found '}'" },
		{ "{\"a\": [1, ]}", "1:11", "found ']'" },
		{ "{\"a\" 1}", "1:6", "found '1'" },
		{ "{a: 1}", "1:2", "found 'a'" },
		{ "{\"a\": 'x'}", "1:7", "found '''" },
		{ "{\"a\": 1} x", "1:10", "the end of the file was expected, found 'x'" },
		{ "{\"a\": 1}\n{}", "2:1", "the end of the file was expected" },
		{ "{\"a\": 1}}", "1:9", "the end of the file was expected, found '}'" },
		{ "{\"a\": [1}", "1:9", "found '}'" },
		{ "{\"a\": 1, // c\n\"b\": 2}", "1:10", "found '/'" },
		{ "{\"a\": 1, \"b\": 2,\n \"a\": 3}", "2:2", "key \"a\" is set twice" },
		{ "{\"a\": {\"b\": 1, \"b\": 2}}", "1:16", "key \"b\" is set twice" },
		{ "{\"a\": 1, \"\\u0061\": 2}", "1:10", "is set twice" },
		{ "{\"a\\u0000\": 1}", "1:2", "a key cannot hold a NUL" },
		{ "{\"a\": 9223372036854775808}", "1:7", "out of range" },
		{ "{\"a\": -9223372036854775809}", "1:7", "out of range" },
		{ "{\"a\": 1e999}", "1:7", "out of range" },
		{ "{\"a\": [0, NaN]}", "1:11", "found 'N'" },
		{ "{\"a\": Infinity}", "1:7", "found 'I'" },
		{ "{\"a\": -Infinity}", "1:7", "found '-'" },
		{ "{\"a\": 01}", "1:7", "not JSON" },
		{ "{\"a\": +1}", "1:7", "found '+'" },
		{ "{\"a\": .5}", "1:7", "found '.'" },
		{ "{\"a\": 1.}", "1:7", "not JSON" },
		{ "{\"a\": 0x10}", "1:7", "not JSON" },
		{ "{\"a\": True}", "1:7", "found 'T'" },
		{ "{\"a\": \"x\ny\"}", "1:9", "found the end of the line" },
		{ "{\"a\": \"x\ty\"}", "1:9", "found U+0009" },
		{ "{\"a\": \"\\q\"}", "1:8", "found '\\'" },
		{ "{\"a\": \"\\u12\"}", "1:7", "not JSON" },
		{ "{\"a\": \"\\ud800\"}", "1:7", "not JSON" },
		{ "{\"a\": \"\\ude00\\ud83d\"}", "1:7", "not JSON" },
		{ "{\"a\":", "1:6", "found the end of the file" },
		{ "{\"a\": \"x", "1:9", "found the end of the file" },
		{ "{\"a\": \"\xff\"}", "1:8", "byte 0xff is not UTF-8" },
		{ "\xef\xbb\xbf{}", "1:1", "byte order mark" },
		{ "{\"\xc3\xa9\": \xe2\x80\x9c}", "1:7", "found U+201C" },
	};

	DOC_REFUSE_ALL(nuc_json_parse, cases);
	doc_refuse_n(nuc_json_parse, "{\"a\": 1}\0", 9, "1:9", "control character U+0000");
	doc_refuse_n(nuc_json_parse, "{\"a\": \"\0\"}", 10, "1:8", "control character U+0000");
	/* found by fuzzing: jansson takes it for {"a": 1} */
	doc_refuse_n(nuc_json_parse, "{\"a\":\n1\0}", 9, "2:2", "control character U+0000");
}
END_TEST

START_TEST(a_wide_document_has_unsigned_integers)
{
	static const struct doc_case cases[] = {
		{ "{\"a\": 9223372036854775807, \"b\": -9223372036854775808, \"c\": -0}",
		  "{a: 9223372036854775807, b: -9223372036854775808, c: 0}" },
		{ "{\"a\": 9223372036854775808, \"b\": 18446744073709551615,\"c\":4294967295}",
		  "{a: 9223372036854775808u, b: 18446744073709551615u, c: 4294967295}" },
		{ "{\"a\": [1, 2.0, 1e3, -1]}", "{a: [1, 2f, 1000f, -1]}" },
	};
	static const struct doc_error errors[] = {
		{ "{\"a\": 18446744073709551616}", "1:7", "out of range" },
		{ "{\"a\": 1,\n \"b\": [0, -9223372036854775809]}", "2:11", "out of range" },
		{ "{\"a\": 1e999}", "1:7", "out of range" },
		{ "{\"a\": 1, \"a\": 2}", "1:10", "key \"a\" is set twice" },
		{ "{\"a\": 01}", "1:7", "not JSON" },
	};

	DOC_EXPECT_ALL(nuc_json_parse_wide, cases);
	DOC_REFUSE_ALL(nuc_json_parse_wide, errors);
}
END_TEST

START_TEST(values_know_where_they_stood)
{
	static const char text[] = "\n"
				   " {\"a\" : 1,\r\n"
				   "\"\xc3\xa9{\\\"\":\"y,}\\\\\" ,\"n\"\n"
				   ":\n"
				   "\tnull, \"l\": [ [ ], { } ,{\"k\":-1.5e3},\n"
				   "true], \"z\": false}";
	_cleanup_doc_ struct nuc_doc *doc = NULL;

	ck_assert_int_eq(nuc_json_parse(text, sizeof(text) - 1, "t", &doc, NULL), 0);
	ck_assert_uint_eq(doc->n, 5);
	doc_at(doc, 2, 2);
	doc_at(doc->items[0], 2, 9);
	doc_at(doc->items[1], 3, 8); /* a character is one column */
	doc_at(doc->items[2], 5, 2);
	doc_at(doc->items[3], 5, 13);
	doc_at(doc->items[3]->items[0], 5, 15);
	doc_at(doc->items[3]->items[1], 5, 20);
	doc_at(doc->items[3]->items[2], 5, 25);
	doc_at(doc->items[3]->items[2]->items[0], 5, 30);
	doc_at(doc->items[3]->items[3], 6, 1);
	doc_at(doc->items[4], 6, 13);
}
END_TEST

START_TEST(depth_is_limited)
{
	_cleanup_free_ char *over = doc_repeat("{\"a\":", "[", 32, "");
	_cleanup_free_ char *objects = doc_repeat("", "{\"a\":", 33, "");
	_cleanup_free_ char *hostile = doc_repeat("{\"a\":", "[", 1000000, "");

	doc_expect_n(nuc_json_parse,
		     "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}", 69,
		     "{a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}");
	doc_refuse_n(nuc_json_parse, over, strlen(over), "1:37", "nested deeper than 32 levels");
	doc_refuse_n(nuc_json_parse, objects, strlen(objects), "1:161", "nested deeper");
	doc_refuse_n(nuc_json_parse, hostile, strlen(hostile), "1:37", "nested deeper");
	/* brackets in strings do not nest */
	doc_expect_n(nuc_json_parse, "{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}", 42,
		     "{a: \"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}");
}
END_TEST

START_TEST(hostile_size_takes_linear_time)
{
	_cleanup_free_ char *many_values = doc_repeat("{\"a\":[0", ",1", 500000, "]}");
	_cleanup_free_ char *arrays = doc_repeat("{\"a\":[0", ",[]", 340000, "]}");
	_cleanup_free_ char *unclosed = doc_repeat("{\"a\":[0", ",\"", 500000, "");
	_cleanup_buf_ struct nuc_buf keys = { 0 };
	double s = 0;

	nuc_buf_puts(&keys, "{\"x\":0");
	for (unsigned i = 0; i < 100000; i++)
		nuc_buf_printf(&keys, ",\"%x\":1", i);
	nuc_buf_puts(&keys, "}");
	ck_assert(!keys.failed);
	s += doc_seconds(nuc_json_parse, many_values, strlen(many_values), 0);
	s += doc_seconds(nuc_json_parse, arrays, strlen(arrays), 0);
	s += doc_seconds(nuc_json_parse, unclosed, strlen(unclosed), -EINVAL);
	s += doc_seconds(nuc_json_parse, keys.s, keys.len, 0);
	ck_assert_msg(s < 20, "%f s", s);
}
END_TEST

/* ---- files, whichever the format ------------------------------------------------------------- */

static char dir[] = "/tmp/nuc-doc-XXXXXX";

static char *file_with(const char *name, const char *text)
{
	char *path = nuc_strf("%s/%s", dir, name);
	_cleanup_close_ int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return path;
}

static void load_refused(const char *path, int code, const char *message)
{
	_cleanup_error_ nucleus_error *e = NULL;
	struct nuc_doc untouched, *doc = &untouched;

	ck_assert_int_eq(nuc_doc_load(path, &doc, &e), code);
	ck_assert_ptr_eq(doc, &untouched);
	ck_assert_int_eq(nucleus_error_code(e), code);
	ck_assert_str_eq(nucleus_error_origin(e), path);
	ck_assert_msg(strstr(nucleus_error_message(e), message), "%s", nucleus_error_message(e));
	ck_assert_int_eq(nuc_doc_load(path, &doc, NULL), code);
}

static void load_shows(const char *path, const char *want)
{
	_cleanup_doc_ struct nuc_doc *doc = NULL;
	_cleanup_buf_ struct nuc_buf b = { 0 };

	ck_assert_int_eq(nuc_doc_load(path, &doc, NULL), 0);
	doc_show(&b, doc);
	ck_assert_str_eq(b.s, want);
}

START_TEST(a_name_decides_the_format)
{
	_cleanup_free_ char *toml = file_with("a.toml", "a = 1"), *json = file_with("a.json", "{}"),
			    *other = file_with("json", "a = 2");

	load_shows(toml, "{a: 1}");
	load_shows(json, "{}");
	load_shows(other, "{a: 2}");
}
END_TEST

START_TEST(an_error_in_a_file_names_its_place)
{
	_cleanup_free_ char *path = file_with("bad.toml", "a = 1\nb = oops\n");
	_cleanup_free_ char *want = nuc_strf("%s:2:5", path);
	_cleanup_error_ nucleus_error *e = NULL;
	struct nuc_doc *doc = NULL;

	ck_assert_int_eq(nuc_doc_load(path, &doc, &e), -EINVAL);
	ck_assert_str_eq(nucleus_error_origin(e), want);
}
END_TEST

START_TEST(only_regular_files_are_opened)
{
	_cleanup_free_ char *fifo = nuc_strf("%s/fifo", dir), *none = nuc_strf("%s/none", dir);

	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	load_refused(none, -ENOENT, "cannot open");
	load_refused(dir, -EISDIR, "is a directory");
	load_refused("/dev/null", -EINVAL, "is a device");
	load_refused("/dev/zero", -EINVAL, "is a device");
	load_refused(fifo, -EINVAL, "is a pipe"); /* and does not wait for a writer */
}
END_TEST

START_TEST(a_big_file_is_refused_unread)
{
	_cleanup_free_ char *path = file_with("big.toml", "");
	struct timespec from, to;

	/* Were it read, and not only looked at, this would take minutes. */
	ck_assert_int_eq(truncate(path, 100l << 30), 0);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	load_refused(path, -EFBIG, "larger than 1048576 bytes");
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	ck_assert_int_le(to.tv_sec - from.tv_sec, 1);
}
END_TEST

START_TEST(a_file_of_proc_is_read_though_its_size_is_0)
{
	_cleanup_error_ nucleus_error *e = NULL;
	struct nuc_doc *doc = NULL;

	/* "Linux version ...": it has been read when it fails as TOML. */
	ck_assert_int_eq(nuc_doc_load("/proc/version", &doc, &e), -EINVAL);
	ck_assert_str_eq(nucleus_error_origin(e), "/proc/version:1:7");
}
END_TEST

START_TEST(a_descriptor_may_be_a_pipe)
{
	_cleanup_doc_ struct nuc_doc *doc = NULL;
	_cleanup_error_ nucleus_error *e = NULL;
	_cleanup_buf_ struct nuc_buf b = { 0 };
	struct nuc_doc *none = NULL;
	int fds[2], null;

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(write(fds[1], "{\"a\": 1}", 8), 8);
	close(fds[1]);
	ck_assert_int_eq(nuc_doc_load_fd(fds[0], "stdin.json", &doc, NULL), 0);
	doc_show(&b, doc);
	ck_assert_str_eq(b.s, "{a: 1}");
	ck_assert_int_ge(fcntl(fds[0], F_GETFD), 0); /* still the caller's */
	close(fds[0]);
	ck_assert_int_eq(nuc_doc_load_fd(fds[0], "gone", &none, NULL), -EBADF);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(nuc_doc_load_fd(null, "null", &none, &e), -EINVAL);
	ck_assert_str_eq(nucleus_error_origin(e), "null");
	close(null);
}
END_TEST

START_TEST(a_pipe_that_does_not_end_is_refused)
{
	_cleanup_error_ nucleus_error *e = NULL;
	struct nuc_doc *doc = NULL;
	int fds[2];
	pid_t child;

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		static char page[4096];

		close(fds[0]);
		memset(page, '#', sizeof(page));
		while (write(fds[1], page, sizeof(page)) > 0)
			;
		_exit(0);
	}
	close(fds[1]);
	ck_assert_int_eq(nuc_doc_load_fd(fds[0], "endless", &doc, &e), -EFBIG);
	close(fds[0]); /* ends the child, by SIGPIPE */
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
}
END_TEST

static void make_dir(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void remove_dir(void)
{
	static const char *const names[] = { "a.toml", "a.json", "json", "bad.toml", "fifo",
					     "big.toml" };

	for (size_t i = 0; i < NUC_ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = nuc_strf("%s/%s", dir, names[i]);

		unlink(path);
	}
	ck_assert_int_eq(rmdir(dir), 0);
}

int main(void)
{
	Suite *s = suite_create("json");
	TCase *t = tcase_create("json"), *files = tcase_create("files");

	tcase_set_timeout(t, 100);
	tcase_add_test(t, values);
	tcase_add_test(t, refusals);
	tcase_add_test(t, a_wide_document_has_unsigned_integers);
	tcase_add_test(t, values_know_where_they_stood);
	tcase_add_test(t, depth_is_limited);
	tcase_add_test(t, hostile_size_takes_linear_time);
	suite_add_tcase(s, t);
	tcase_add_unchecked_fixture(files, make_dir, remove_dir);
	tcase_add_test(files, a_name_decides_the_format);
	tcase_add_test(files, an_error_in_a_file_names_its_place);
	tcase_add_test(files, only_regular_files_are_opened);
	tcase_add_test(files, a_big_file_is_refused_unread);
	tcase_add_test(files, a_file_of_proc_is_read_though_its_size_is_0);
	tcase_add_test(files, a_descriptor_may_be_a_pipe);
	tcase_add_test(files, a_pipe_that_does_not_end_is_refused);
	suite_add_tcase(s, files);
	return run_suite(s);
}
