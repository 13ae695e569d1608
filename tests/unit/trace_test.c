/* SPDX-License-Identifier: MIT */
/* Traces: what is recorded of a call, and how they are read. */
#include <sys/syscall.h>

#include "seccomp_internal.h"
#include "trace_text.h"
#include "../run_suite.h"

/* ---- the table of arguments --------------------------------------------------------------------- */

static void expect_listed(const struct nuc_rule *rule)
{
	const struct nuc_matter *m = nuc_matter_of(nuc_syscall_number(rule->row.name));

	ck_assert_int_ge(nuc_syscall_number(rule->row.name), 0);
	for (size_t i = 0; i < NUC_RULE_CLAUSES && rule->clauses[i]; i++)
		for (size_t k = 0; k < rule->clauses[i]->count; k++)
			for (unsigned int n = 0; n < rule->clauses[i]->clause[k].count; n++) {
				const struct nuc_cmp *c = &rule->clauses[i]->clause[k].cmp[n];
				bool found = false;

				ck_assert_msg(m, "%s is filtered, and none of its arguments is recorded",
					      rule->row.name);
				for (unsigned int a = 0; a < m->count; a++)
					found |= m->arg[a].arg == c->arg;
				ck_assert_msg(found, "argument %u of %s is not recorded", c->arg, rule->row.name);
			}
}

START_TEST(what_the_list_filters_is_recorded)
{
	const struct nuc_rule *rule;

	for (unsigned int flags = 0; flags < 4; flags++) {
		for (size_t i = 0; (rule = nuc_seccomp_allow_rule(flags, i)); i++)
			expect_listed(rule);
		for (size_t i = 0; (rule = nuc_seccomp_answer_rule(flags, i)); i++)
			expect_listed(rule);
	}
}
END_TEST

START_TEST(names_are_the_kernels)
{
	ck_assert_str_eq(nuc_syscall_name(SYS_read), "read");
	ck_assert_str_eq(nuc_syscall_name(SYS_clone3), "clone3");
	ck_assert_str_eq(nuc_syscall_name(SYS_landlock_restrict_self), "landlock_restrict_self");
	ck_assert_ptr_null(nuc_syscall_name(-1));
	ck_assert_ptr_null(nuc_syscall_name(400));
	ck_assert_ptr_null(nuc_syscall_name(100000));
	for (unsigned int i = 0; nuc_matter_row(i); i++)
		ck_assert_ptr_eq(nuc_matter_of(nuc_matter_row(i)->nr), nuc_matter_row(i));
}
END_TEST

START_TEST(an_argument_counts_where_it_is_one)
{
	const struct nuc_matter *m = nuc_matter_of(SYS_openat);
	const uint64_t reads[6] = { 0, 0, 0, 06777 }, creates[6] = { 0, 0, 0101 | 1ULL << 40, 06777 };

	ck_assert_uint_eq(nuc_matter_value(&m->arg[0], reads), 0);
	ck_assert_uint_eq(nuc_matter_value(&m->arg[1], reads), 0);
	ck_assert_uint_eq(nuc_matter_value(&m->arg[0], creates), 0101);
	ck_assert_uint_eq(nuc_matter_value(&m->arg[1], creates), 06000);
}
END_TEST

/* ---- reading ------------------------------------------------------------------------------------- */

START_TEST(a_trace_is_read)
{
	_cleanup_trace_ struct nuc_trace t = { 0 };
	const char *text = HEAD READ WHO "\"call\":\"socket\",\"nr\":41,\"args\":{\"domain\":2,\"type\":1,"
		"\"protocol\":6},\"answer\":97}\n" WHO "\"call\":null,\"nr\":600}\n"
		PATH_OF("create", "dir", "/w/a\\u000ab") WHO "\"op\":\"bind\",\"family\":\"inet\",\"type\":"
		"\"dgram\",\"port\":53}\n" END(7);

	ck_assert_int_eq(parse(text, &t, NULL), 0);
	ck_assert_uint_eq(t.n_calls, 3);
	ck_assert_int_eq(t.calls[0].answer, NUC_TRACE_RUN);
	ck_assert_int_eq(t.calls[1].answer, 97);
	ck_assert_uint_eq(t.calls[1].values[2], 6);
	ck_assert_int_eq(t.calls[2].nr, 600);
	ck_assert_uint_eq(t.n_paths, 1);
	ck_assert_str_eq(t.paths[0].path, "/w/a\nb");
	ck_assert_uint_eq(t.n_nets, 1);
	ck_assert(!t.nets[0].stream);
	ck_assert_uint_eq(t.counts[0], 3);
	ck_assert_uint_eq(t.incomplete, 0);
}
END_TEST

START_TEST(what_is_no_trace_is_refused)
{
	static const struct {
		const char *text, *origin;
	} cases[] = {
		{ "", "t:1:1" },
		{ "\n", "t:1:" },
		{ "{}\n", "t:1:1" },
		{ "[1]\n", "t:1:1" },
		{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\"}\n", "t:1:1" },
		{ READ, "t:1:1" },
		{ "{\"nucleus_trace\":2,\"records\":\"calls\",\"time_us\":1,\"library\":\"0\",\"arch\":"
		  "\"x86_64\",\"kernel\":\"6\"}\n", "t:1:1" },
		{ HEAD HEAD, "t:2:1" },
		{ HEAD READ "x\n", "t:3:1" },
		{ HEAD WHO "\"call\":\"write\",\"nr\":0}\n", "t:2:1" },
		{ HEAD WHO "\"call\":\"read\",\"nr\":0,\"more\":1}\n", "t:2:1" },
		{ HEAD WHO "\"call\":\"read\",\"nr\":0,\"nr\":1}\n", "t:2:" },
		{ HEAD WHO "\"call\":\"read\",\"nr\":-1}\n", "t:2:1" },
		{ HEAD WHO "\"call\":\"read\",\"nr\":0,\"refused\":false}\n", "t:2:1" },
		{ HEAD WHO "\"call\":\"read\",\"nr\":0,\"args\":{}}\n", "t:2:1" },
		{ HEAD WHO "\"call\":\"socket\",\"nr\":41}\n", "t:2:1" },
		{ HEAD WHO "\"call\":\"socket\",\"nr\":41,\"args\":{\"domain\":1,\"type\":16,\"protocol\":0}}\n",
		  "t:2:1" },
		{ HEAD PATH_OF("read", "file", "relative"), "t:2:1" },
		{ HEAD PATH_OF("read", "file", "/a/../b"), "t:2:1" },
		{ HEAD PATH_OF("read", "file", "/a//b"), "t:2:1" },
		{ HEAD PATH_OF("read", "file", "/a/"), "t:2:1" },
		{ HEAD PATH_OF("read", "file", ""), "t:2:1" },
		{ HEAD PATH_OF("read", "file", "/a\\u0000b"), "t:2:" },
		{ HEAD PATH_OF("own", "file", "/a"), "t:2:1" },
		{ HEAD PATH_OF("read", "thing", "/a"), "t:2:1" },
		{ HEAD WHO "\"op\":\"bind\",\"family\":\"inet\",\"type\":\"stream\",\"port\":65536}\n", "t:2:1" },
		{ HEAD READ END(2), "t:3:1" },
		{ HEAD READ END(4), "t:3:1" },
		{ HEAD END(2) READ, "t:3:1" },
		{ HEAD "{\"t\":1,\"pid\":2,\"comm\":\"\xff\",\"call\":\"read\",\"nr\":0}\n", "t:2:" },
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(cases); i++) {
		_cleanup_trace_ struct nuc_trace t = { 0 };
		_cleanup_error_ nucleus_error *err = NULL;

		ck_assert_msg(parse(cases[i].text, &t, &err) == -EINVAL, "case %zu is taken", i);
		ck_assert_msg(!strncmp(nucleus_error_origin(err), cases[i].origin, strlen(cases[i].origin)),
			      "case %zu: %s", i, nucleus_error_origin(err));
	}
}
END_TEST

/* A trace that was cut off is used as far as it goes, and known as such; one with a hole is not. */
START_TEST(cut_off_at_every_byte)
{
	static const char text[] = HEAD READ PATH_OF("read", "file", "/etc/passwd") END(4);
	size_t head = strlen(HEAD);

	for (size_t n = head; n < strlen(text); n++) {
		_cleanup_trace_ struct nuc_trace t = { 0 };

		ck_assert_int_eq(nuc_trace_parse(text, n, "t", &t, NULL), 0);
		ck_assert_uint_eq(t.incomplete, 1);
	}
	for (size_t n = 0; n < head - 1; n++) {
		_cleanup_trace_ struct nuc_trace t = { 0 };

		ck_assert_int_eq(nuc_trace_parse(text, n, "t", &t, NULL), -EINVAL);
	}
}
END_TEST

START_TEST(deep_and_long)
{
	_cleanup_buf_ struct nuc_buf deep = { 0 }, wide = { 0 };
	_cleanup_trace_ struct nuc_trace t = { 0 };

	nuc_buf_puts(&deep, HEAD);
	for (int i = 0; i < 30000; i++)
		nuc_buf_puts(&deep, "[");
	nuc_buf_puts(&deep, "\n");
	ck_assert_int_eq(parse(deep.s, &t, NULL), -EINVAL);
	nuc_buf_puts(&wide, HEAD "{\"t\":1,\"pid\":2,\"comm\":\"");
	for (int i = 0; i < 70000; i++)
		nuc_buf_puts(&wide, "x");
	nuc_buf_puts(&wide, "\"}\n");
	ck_assert_int_eq(parse(wide.s, &t, NULL), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("trace");
	TCase *c = tcase_create("trace");

	tcase_add_test(c, what_the_list_filters_is_recorded);
	tcase_add_test(c, names_are_the_kernels);
	tcase_add_test(c, an_argument_counts_where_it_is_one);
	tcase_add_test(c, a_trace_is_read);
	tcase_add_test(c, what_is_no_trace_is_refused);
	tcase_add_test(c, cut_off_at_every_byte);
	tcase_add_test(c, deep_and_long);
	suite_add_tcase(s, c);
	return run_suite(s);
}
