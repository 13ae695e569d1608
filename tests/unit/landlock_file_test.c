/* SPDX-License-Identifier: MIT */
/* The Landlock policy: what is read, where each mistake stands, and that it can be written again. */
#include <linux/landlock.h>

#include "landlock_file.h"
#include "../run_suite.h"

static int read_text(const char *text, struct nuc_landlock_file *f, nucleus_error **err)
{
	return nuc_landlock_file_read(text, strlen(text), "l.toml", f, err);
}

/* landlock(7), "ABI 1" to "ABI 5", in words of this test. */
static const struct {
	const char *word;
	uint32_t rights;
} words[] = {
	{ "read", 1 << 2 }, { "write", 1 << 1 | 1 << 14 }, { "execute", 1 << 0 }, { "readdir", 1 << 3 },
	{ "create", 1 << 8 | 1 << 7 | 1 << 12 | 1 << 9 | 1 << 10 }, { "remove", 1 << 5 | 1 << 4 },
	{ "refer", 1 << 13 }, { "truncate", 1 << 14 }, { "ioctl_dev", 1 << 15 }, { "all", 0xffff },
	{ "read_file", 1 << 2 }, { "read_dir", 1 << 3 }, { "write_file", 1 << 1 },
	{ "remove_dir", 1 << 4 }, { "remove_file", 1 << 5 }, { "make_char", 1 << 6 },
	{ "make_dir", 1 << 7 }, { "make_reg", 1 << 8 }, { "make_sock", 1 << 9 },
	{ "make_fifo", 1 << 10 }, { "make_block", 1 << 11 }, { "make_sym", 1 << 12 },
};

START_TEST(words_mean_the_kernels_rights)
{
	for (size_t i = 0; i < NUC_ARRAY_SIZE(words); i++) {
		_cleanup_free_ char *text = nuc_strf("[[rules]]\npath = '/x'\naccess = ['%s']\n",
						     words[i].word);
		_cleanup_landlock_file_ struct nuc_landlock_file f = { 0 };

		ck_assert_int_eq(read_text(text, &f, NULL), 0);
		ck_assert_uint_eq(f.n_rules, 1);
		ck_assert_msg(f.rules[0].access == words[i].rights, "%s: %x", words[i].word,
			      f.rules[0].access);
	}
	ck_assert_uint_eq(NUC_LL_EXECUTE, LANDLOCK_ACCESS_FS_EXECUTE);
	ck_assert_uint_eq(NUC_LL_REFER, LANDLOCK_ACCESS_FS_REFER);
}
END_TEST

START_TEST(all_of_a_file_is_read)
{
	static const char *const text =
		"min_abi = 4\n[[rules]]\npath = '/usr//lib/./x/'\naccess = ['read', 'execute', 'read']\n"
		"[[rules]]\npath = '/tmp'\naccess = ['write']\noptional = true\n"
		"[[rules]]\npath = '/tmp'\naccess = ['read']\n"
		"[[net]]\nbind = [0, 8080]\n[[net]]\nconnect = [443, 8080, 443]\n"
		"[scope]\nsignal = false\n";
	_cleanup_landlock_file_ struct nuc_landlock_file f = { 0 };

	ck_assert_int_eq(read_text(text, &f, NULL), 0);
	ck_assert_int_eq(f.min_abi, 4);
	ck_assert_uint_eq(f.n_rules, 3);
	ck_assert_str_eq(f.rules[0].path, "/usr/lib/x");
	ck_assert_uint_eq(f.rules[0].at.line, 3);
	ck_assert_uint_eq(f.rules[0].at.col, 8);
	ck_assert(!f.rules[0].optional && f.rules[1].optional && !f.rules[2].optional);
	ck_assert_uint_eq(f.n_ports, 3);
	ck_assert_uint_eq(f.ports[0].port, 0);
	ck_assert_uint_eq(f.ports[0].rights, 1);
	ck_assert_uint_eq(f.ports[1].port, 443);
	ck_assert_uint_eq(f.ports[1].rights, 2);
	ck_assert_uint_eq(f.ports[2].port, 8080);
	ck_assert_uint_eq(f.ports[2].rights, 3);
	ck_assert_uint_eq(f.scoped, 1); /* LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET */
}
END_TEST

START_TEST(an_empty_file_grants_nothing)
{
	_cleanup_landlock_file_ struct nuc_landlock_file f = { 0 };

	ck_assert_int_eq(read_text("", &f, NULL), 0);
	ck_assert_int_eq(f.min_abi, 1);
	ck_assert_uint_eq(f.n_rules, 0);
	ck_assert_uint_eq(f.n_ports, 0);
	ck_assert_uint_eq(f.scoped, 3);
}
END_TEST

#define RULE(path, access) "[[rules]]\npath = " path "\naccess = " access "\n"

static const struct {
	const char *text, *origin, *message, *hint;
} mistakes[] = {
	{ RULE("'/x'", "['raed']"), "l.toml:3:11", "access: there is no right raed",
	  "did you mean read?" },
	{ RULE("'/x'", "['readwrite_everything']"), "l.toml:3:11",
	  "access: there is no right readwrite_everything", "the words are: all read" },
	{ RULE("'/x'", "[]"), "l.toml:3:10", "access: a rule that grants nothing", "leave the rule out" },
	{ RULE("'/x'", "'read'"), "l.toml:3:10", "access: an array of strings is wanted", "[\"read\"]" },
	{ RULE("'/x'", "[1]"), "l.toml:3:11", "access: a string is wanted", "the words are" },
	{ RULE("'x'", "['read']"), "l.toml:2:8", "path: 'x' is not a path in the sandbox", "absolute" },
	{ RULE("''", "['read']"), "l.toml:2:8", "path: '' is not a path in the sandbox", "absolute" },
	{ RULE("'/a/../b'", "['read']"), "l.toml:2:8", "path: '/a/../b' is not a path in the sandbox",
	  "without \"..\"" },
	{ RULE("\"/a\\u0000b\"", "['read']"), "l.toml:2:8", "path: a string is wanted", "path =" },
	{ RULE("7", "['read']"), "l.toml:2:8", "path: a string is wanted", "path =" },
	{ "[[rules]]\npath = '/x'\n", "l.toml:1:1", "a rule without access", "add access" },
	{ "[[rules]]\naccess = ['read']\n", "l.toml:1:1", "a rule without a path", "add path" },
	{ "[[rules]]\npaths = '/x'\n", "l.toml:2:1", "there is no key paths in a rule",
	  "did you mean path?" },
	{ RULE("'/x'", "['read']") "optional = 'yes'\n", "l.toml:4:12",
	  "optional: true or false is wanted", "optional = true" },
	{ "[rules]\npath = '/x'\n", "l.toml:1:1", "rules: an array of tables is wanted", "two brackets" },
	{ "rules = ['/x']\n", "l.toml:1:10", "rules: a table is wanted", "[[rules]]" },
	{ "[net]\nbind = [1]\n", "l.toml:1:1", "net: an array of tables is wanted", "two brackets" },
	{ "net = [7]\n", "l.toml:1:8", "net: a table is wanted", "[[net]]" },
	{ "[[net]]\nbind = 80\n", "l.toml:2:8", "bind: an array of ports is wanted", "[8080]" },
	{ "[[net]]\nbind = [-1]\n", "l.toml:2:9", "bind: -1 is not a port", "65535" },
	{ "[[net]]\nbind = [65536]\n", "l.toml:2:9", "bind: 65536 is not a port", "65535" },
	{ "[[net]]\nconnect = [0]\n", "l.toml:2:12", "connect: 0 is not a port", "from 1" },
	{ "[[net]]\nconnect = ['https']\n", "l.toml:2:12", "connect: a port is a number", "number" },
	{ "[[net]]\nlisten = [1]\n", "l.toml:2:1", "there is no key listen in net", "its keys are: bind" },
	{ "scope = true\n", "l.toml:1:9", "scope: a table is wanted", "[scope]" },
	{ "[scope]\nsignals = true\n", "l.toml:2:1", "there is no key signals in scope",
	  "did you mean signal?" },
	{ "[scope]\nsignal = 1\n", "l.toml:2:10", "signal: true or false is wanted", "signal = true" },
	{ "min_abi = 0\n", "l.toml:1:11", "min_abi: the number of a Landlock ABI is wanted", "from 1" },
	{ "min_abi = '4'\n", "l.toml:1:11", "min_abi: the number of a Landlock ABI is wanted", "from 1" },
	{ "min_api = 4\n", "l.toml:1:1", "there is no key min_api in a Landlock policy",
	  "did you mean min_abi?" },
	{ "bounding.keep = []\n", NULL, "there is no key bounding in a Landlock policy",
	  "its keys are: min_abi rules net scope" },
	{ "[[rules]\n", NULL, NULL, NULL },
};

START_TEST(a_mistake_is_told_with_its_place)
{
	struct nuc_landlock_file f = { .min_abi = 77 };
	_cleanup_error_ nucleus_error *e = NULL;

	ck_assert_int_eq(read_text(mistakes[_i].text, &f, &e), -EINVAL);
	if (mistakes[_i].message)
		ck_assert_str_eq(nucleus_error_message(e), mistakes[_i].message);
	if (mistakes[_i].origin)
		ck_assert_str_eq(nucleus_error_origin(e), mistakes[_i].origin);
	ck_assert_ptr_nonnull(nucleus_error_hint(e));
	if (mistakes[_i].hint)
		ck_assert_msg(strstr(nucleus_error_hint(e), mistakes[_i].hint) != NULL, "%s",
			      nucleus_error_hint(e));
	ck_assert_int_eq(f.min_abi, 77);
}
END_TEST

START_TEST(too_many_rules_are_refused)
{
	_cleanup_landlock_file_ struct nuc_landlock_file f = { 0 };
	_cleanup_error_ nucleus_error *e = NULL;
	_cleanup_buf_ struct nuc_buf b = { 0 };

	for (int i = 0; i < 4097; i++)
		nuc_buf_printf(&b, "[[rules]]\npath = '/%d'\naccess = ['read']\n", i);
	ck_assert_int_eq(read_text(b.s, &f, &e), -EINVAL);
	ck_assert_str_eq(nucleus_error_message(e), "more than 4096 rules");
}
END_TEST

START_TEST(what_is_written_is_canonical_and_means_the_same)
{
	static const char *const text =
		"[[rules]]\npath = '/usr'\naccess = ['execute', 'read_file']\n"
		"[[rules]]\npath = '/a\"b\\c\td'\naccess = ['make_reg']\noptional = true\n"
		"[[rules]]\npath = '/usr'\naccess = ['readdir']\noptional = true\n"
		"[[net]]\nconnect = [443]\n[[net]]\nbind = [80, 9]\n[scope]\nsignal = false\n";
	static const char *const canonical =
		"min_abi = 1\n\n[[rules]]\npath = \"/a\\\"b\\\\c\\u0009d\"\naccess = [\"make_reg\"]\n"
		"optional = true\n\n[[rules]]\npath = \"/usr\"\naccess = [\"read\", \"execute\", "
		"\"readdir\"]\n\n[[net]]\nbind = [9, 80]\nconnect = [443]\n\n[scope]\n"
		"abstract_unix_socket = true\nsignal = false\n";
	_cleanup_landlock_file_ struct nuc_landlock_file f = { 0 }, g = { 0 };
	_cleanup_free_ char *once = NULL, *twice = NULL;

	ck_assert_int_eq(read_text(text, &f, NULL), 0);
	ck_assert_int_eq(nuc_landlock_file_write(&f, &once), 0);
	ck_assert_str_eq(once, canonical);
	ck_assert_int_eq(read_text(once, &g, NULL), 0);
	ck_assert_int_eq(nuc_landlock_file_write(&g, &twice), 0);
	ck_assert_str_eq(twice, canonical);
}
END_TEST

/* Every set of rights comes back: no word stands for more than it says. */
START_TEST(rights_survive_being_written)
{
	for (uint32_t rights = 1; rights < 1 << 16; rights += 7) {
		_cleanup_landlock_file_ struct nuc_landlock_file g = { 0 };
		struct nuc_landlock_rule rule = { .path = (char *)"/x", .access = rights };
		struct nuc_landlock_file f = { .min_abi = 1, .rules = &rule, .n_rules = 1, .scoped = 3 };
		_cleanup_free_ char *text = NULL;

		ck_assert_int_eq(nuc_landlock_file_write(&f, &text), 0);
		ck_assert_int_eq(read_text(text, &g, NULL), 0);
		ck_assert_uint_eq(g.rules[0].access, rights);
	}
}
END_TEST

START_TEST(the_report_names_what_may_mislead)
{
	static const char *const text =
		RULE("'/usr/*'", "['execute']") RULE("'/'", "['all']") RULE("'/x'", "['refer']")
		"[scope]\nsignal = false\n";
	_cleanup_buf_ struct nuc_buf b = { 0 };

	ck_assert_int_eq(nuc_landlock_file_check(text, strlen(text), "l.toml", &b, NULL), 0);
	ck_assert_str_eq(
		b.s,
		"l.toml:2:8: Landlock knows no patterns: the characters are part of the name\n"
		"l.toml:3:10: execute without read: the kernel opens a program for both, so that nothing "
		"runs\n"
		"l.toml:5:8: / is everything: the mounts alone restrict it then\n"
		"l.toml:9:10: refer is granted from ABI 2; on ABI 1 nothing is renamed between "
		"directories\n"
		"l.toml: TCP ports are restricted from ABI 4: min_abi = 4 refuses kernels that cannot\n"
		"l.toml:10:1: this layer leaves it open, the sandbox's own does not: a policy can only take "
		"away\n");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("landlock_file");
	TCase *t = tcase_create("landlock_file");

	tcase_add_test(t, words_mean_the_kernels_rights);
	tcase_add_test(t, all_of_a_file_is_read);
	tcase_add_test(t, an_empty_file_grants_nothing);
	tcase_add_loop_test(t, a_mistake_is_told_with_its_place, 0, NUC_ARRAY_SIZE(mistakes));
	tcase_add_test(t, too_many_rules_are_refused);
	tcase_add_test(t, what_is_written_is_canonical_and_means_the_same);
	tcase_add_test(t, rights_survive_being_written);
	tcase_add_test(t, the_report_names_what_may_mislead);
	suite_add_tcase(s, t);
	return run_suite(s);
}
