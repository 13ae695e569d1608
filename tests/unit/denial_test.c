/* SPDX-License-Identifier: MIT */
/* Refusals in words: records may hold anything, and what is made of them can be printed and parsed. */
#include <jansson.h>
#include <sys/syscall.h>

#include "compile.h"
#include "denial.h"
#include "fake_world.h"
#include "../run_suite.h"

static struct nuc_plan *plan;

static void set_up(void)
{
	struct nuc_world w = fake_world(false);
	nucleus_policy *policy;
	nucleus_error *e = NULL;

	ck_assert_int_eq(nucleus_policy_new(&policy), 0);
	ck_assert_msg(nuc_compile(policy, &w, &plan, &e) == 0, "%s", e ? nucleus_error_message(e) : "?");
	nucleus_policy_free(policy);
}

static void tear_down(void)
{
	free(plan);
}

static struct nuc_denial_record record(uint32_t kind, int nr, int error)
{
	struct nuc_denial_record r = { .kind = kind, .pid = 7, .nr = nr, .error = error, .count = 1 };

	/* 2026-11-25 20:00:00 UTC: date -u -d @1795636800 */
	r.time_us = 1795636800000042;
	strcpy(r.comm, "prog");
	return r;
}

static void set_path(struct nuc_denial_record *r, const char *path)
{
	r->path_len = (uint32_t)strlen(path);
	strcpy(r->path, path);
}

/* All that callers can see: valid UTF-8 without control characters, and JSON that says the same. */
static void check_words(const nucleus_denial *d)
{
	static const char *const names[] = { "time",  "pid",	   "program", "layer",	   "operation",
					     "target", "errno",	   "rule",    "origin",	   "fix",
					     "certainty", "count", "weight" };
	char *text;
	json_t *o;

	ck_assert_int_eq(nucleus_denial_json(d, &text), 0);
	ck_assert_ptr_null(strchr(text, '\n'));
	o = json_loads(text, 0, NULL);
	ck_assert_ptr_nonnull(o);
	ck_assert_uint_eq(json_object_size(o), NUC_ARRAY_SIZE(names));
	for (size_t i = 0; i < NUC_ARRAY_SIZE(names); i++) {
		const char *v = nucleus_denial_attr(d, names[i]);
		const json_t *j = json_object_get(o, names[i]);

		ck_assert_ptr_nonnull(j);
		ck_assert_int_eq(json_is_null(j), v == NULL);
		if (!v)
			continue;
		if (json_is_string(j))
			ck_assert_str_eq(json_string_value(j), v);
		ck_assert(nuc_utf8_valid(v, strlen(v)));
		for (const char *c = v; *c; c++)
			ck_assert_msg((unsigned char)*c >= 0x20 && *c != 0x7f, "%s: %s", names[i], v);
		/* C1 controls: U+0080 to U+009F. */
		for (const char *c = v; *c; c++)
			ck_assert(!((unsigned char)c[0] == 0xc2 && (unsigned char)c[1] < 0xa0));
	}
	json_decref(o);
	nucleus_free(text);
}

static void check_attr(const nucleus_denial *d, const char *name, const char *value)
{
	const char *v = nucleus_denial_attr(d, name);

	if (value)
		ck_assert_msg(v && !strcmp(v, value), "%s: %s, not %s", name, v ? v : "NULL", value);
	else
		ck_assert_ptr_null(v);
}

START_TEST(a_refused_call)
{
	struct nuc_denial_record r = record(NUC_DENIAL_CALL, SYS_ptrace, EPERM);
	nucleus_denial *d = NULL;

	r.args[0] = 16;
	r.count = 4;
	ck_assert_int_eq(nuc_denial_of_record(plan, &r, &d), 0);
	check_words(d);
	check_attr(d, "time", "2026-11-25T20:00:00.000042Z");
	check_attr(d, "pid", "7");
	check_attr(d, "program", "prog");
	check_attr(d, "layer", "seccomp");
	check_attr(d, "operation", "syscall");
	check_attr(d, "target", "ptrace(16)");
	check_attr(d, "errno", "EPERM");
	check_attr(d, "certainty", "certain");
	check_attr(d, "count", "4");
	check_attr(d, "weight", "high");
	check_attr(d, "nonsense", NULL);
	ck_assert_ptr_nonnull(strstr(nucleus_denial_attr(d, "fix"), "this opens: "));
	nucleus_denial_free(d);
	nucleus_denial_free(NULL);
}
END_TEST

START_TEST(what_programs_live_without_weighs_less)
{
	struct nuc_denial_record r = record(NUC_DENIAL_CALL, SYS_capget, EPERM);
	nucleus_denial *d = NULL;

	ck_assert_int_eq(nuc_denial_of_record(plan, &r, &d), 0);
	check_attr(d, "weight", "low");
	nucleus_denial_free(d);
}
END_TEST

/* nice, ionice and chrt are for nothing else. */
START_TEST(what_programs_are_for_weighs_more)
{
	static const int calls[] = { SYS_getpriority, SYS_setpriority, SYS_ioprio_set, SYS_sched_getattr };
	struct nuc_denial_record r = record(NUC_DENIAL_CALL, calls[_i], EPERM);
	nucleus_denial *d = NULL;

	ck_assert_int_eq(nuc_denial_of_record(plan, &r, &d), 0);
	check_attr(d, "weight", "high");
	nucleus_denial_free(d);
}
END_TEST

/* Names and paths as a hostile program would choose them. */
static const struct {
	const char *given, *shown;
} names[] = {
	{ "a\nb", "a\\x0ab" },
	{ "\033[31mred", "\\x1b[31mred" },
	{ "\"},{\"", "\"},{\"" },
	{ "\xff\xfe", "\\xff\\xfe" },
	{ "\xc2\x9b" "31m", "\\xc2\\x9b31m" },	      /* CSI, as one character */
	{ "a\xe2\x80\xae" "b", "a\\xe2\\x80\\xaeb" }, /* U+202E, right to left */
	{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },	      /* a surrogate */
	{ "\xc3\xa4\xe2\x82\xac", "\xc3\xa4\xe2\x82\xac" },
	{ "back\\x0a", "back\\\\x0a" },
	{ "\xf0\x9f", "\\xf0\\x9f" },		      /* cut off */
};

START_TEST(names_are_made_harmless)
{
	struct nuc_denial_record r = record(NUC_DENIAL_CALL, SYS_mount, EPERM);
	_cleanup_free_ char *path = nuc_strf("/etc/%s", names[_i].given);
	_cleanup_free_ char *target = nuc_strf("/etc/%s", names[_i].shown);
	nucleus_denial *d = NULL;

	memcpy(r.comm, names[_i].given, strlen(names[_i].given) + 1);
	ck_assert_int_eq(nuc_denial_of_record(plan, &r, &d), 0);
	check_words(d);
	check_attr(d, "program", names[_i].shown);
	nucleus_denial_free(d);

	r = record(NUC_DENIAL_ALLOWED, SYS_mkdir, EROFS);
	set_path(&r, path);
	ck_assert_int_eq(nuc_denial_of_record(plan, &r, &d), 0);
	check_words(d);
	check_attr(d, "operation", "create");
	check_attr(d, "layer", "mount");
	check_attr(d, "certainty", "inferred");
	check_attr(d, "target", target);
	nucleus_denial_free(d);
}
END_TEST

/* What is suggested is pasted into shells and documents. */
START_TEST(suggestions_carry_no_commands)
{
	static const char *const evil[] = { "/x/$(reboot)/a", "/x/`reboot`/a", "/x;reboot/a", "/x/'\nreboot/a",
					    "/x/\"]\nmode = \"agent\"/a" };
	struct nuc_denial_record r = record(NUC_DENIAL_ALLOWED, SYS_mkdir, EROFS);
	nucleus_denial *d = NULL;
	const char *fix;

	set_path(&r, evil[_i]);
	if (nuc_denial_of_record(plan, &r, &d) == -ENOENT)
		return;
	check_words(d);
	fix = nucleus_denial_attr(d, "fix");
	if (fix) {
		/* Only between single quotes. */
		const char *open = strchr(fix, '\''), *at = strstr(fix, "reboot");

		ck_assert_msg(!at || (open && open < at), "%s", fix);
	}
	nucleus_denial_free(d);
}
END_TEST

START_TEST(nothing_is_told_of_what_the_plan_allows)
{
	struct nuc_denial_record r = record(NUC_DENIAL_ALLOWED, SYS_openat, EACCES);
	nucleus_denial *d = NULL;

	set_path(&r, "/dev/null");
	ck_assert_int_eq(nuc_denial_of_record(plan, &r, &d), -ENOENT);
	set_path(&r, "/no/such/file/anywhere");
	r.error = ENOENT;
	ck_assert_int_eq(nuc_denial_of_record(plan, &r, &d), -ENOENT);
	ck_assert_ptr_null(d);
}
END_TEST

START_TEST(no_record_is_trusted)
{
	static const int64_t odd[] = { INT32_MIN, -1, 0, 1, 449, 512, 1024, 0x40000000, INT32_MAX };
	struct nuc_denial_record r;
	nucleus_denial *d;
	unsigned int seed = 1;

	for (int k = 0; k < 7; k++)
		for (size_t i = 0; i < NUC_ARRAY_SIZE(odd); i++)
			for (size_t j = 0; j < NUC_ARRAY_SIZE(odd); j++) {
				memset(&r, k % 2 ? 0xff : 'A', sizeof(r));
				r.kind = (uint32_t)k;
				r.nr = (int32_t)odd[i];
				r.error = (int32_t)odd[j];
				d = NULL;
				if (nuc_denial_of_record(plan, &r, &d) == 0)
					check_words(d);
				else
					ck_assert_ptr_null(d);
				nucleus_denial_free(d);
			}
	for (int i = 0; i < 2000; i++) {
		unsigned char *bytes = (unsigned char *)&r;

		for (size_t k = 0; k < sizeof(r); k++) {
			seed = seed * 1103515245 + 12345;
			bytes[k] = (unsigned char)(seed >> 16);
		}
		r.kind = i % 5;
		if (i % 3)
			r.nr %= 450;
		d = NULL;
		if (nuc_denial_of_record(plan, &r, &d) == 0)
			check_words(d);
		nucleus_denial_free(d);
	}
}
END_TEST

START_TEST(the_end_is_told)
{
	const struct nuc_cgroup none = NUC_CGROUP_NONE_YET;
	struct nuc_denial_end end = { .outcome = NUCLEUS_OUTCOME_TIMEOUT, .group = &none, .dropped = 12 };
	unsigned int told = 0;
	nucleus_denial *d;

	for (unsigned int i = 0; i < NUC_DENIAL_ENDS; i++) {
		if (nuc_denial_of_end(plan, &end, i, &d) == -ENOENT)
			continue;
		check_words(d);
		told++;
		if (!strcmp(nucleus_denial_attr(d, "operation"), "dropped"))
			check_attr(d, "count", "12");
		else
			check_attr(d, "layer", "time limit");
		nucleus_denial_free(d);
	}
	ck_assert_uint_eq(told, 2);
	end = (struct nuc_denial_end){ .outcome = NUCLEUS_OUTCOME_EXITED, .code = 128 + 31, .group = &none };
	ck_assert_int_eq(nuc_denial_of_end(plan, &end, 1, &d), 0);
	check_attr(d, "layer", "seccomp");
	check_attr(d, "certainty", "inferred");
	nucleus_denial_free(d);
	end.told_killed = true;
	ck_assert_int_eq(nuc_denial_of_end(plan, &end, 1, &d), -ENOENT);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("denial");
	TCase *t = tcase_create("denial");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_refused_call);
	tcase_add_test(t, what_programs_live_without_weighs_less);
	tcase_add_loop_test(t, what_programs_are_for_weighs_more, 0, 4);
	tcase_add_loop_test(t, names_are_made_harmless, 0, NUC_ARRAY_SIZE(names));
	tcase_add_loop_test(t, suggestions_carry_no_commands, 0, 5);
	tcase_add_test(t, nothing_is_told_of_what_the_plan_allows);
	tcase_add_test(t, no_record_is_trusted);
	tcase_add_test(t, the_end_is_told);
	suite_add_tcase(s, t);
	return run_suite(s);
}
