/* SPDX-License-Identifier: MIT */

#include "policy_internal.h"
#include "../run_suite.h"

START_TEST(every_row_is_complete)
{
	const struct nuc_option *o = &nuc_options[_i];

	ck_assert_uint_gt(strlen(o->key), 0);
	ck_assert_uint_eq(strspn(o->key, "abcdefghijklmnopqrstuvwxyz0123456789.-"), strlen(o->key));
	ck_assert_uint_eq(strncmp(o->flag, "--", 2), 0);
	ck_assert_uint_eq(strspn(o->flag, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(o->flag));
	ck_assert_uint_eq(strlen(o->short_flag), *o->short_flag ? 2 : 0);
	ck_assert(!*o->short_flag || *o->short_flag == '-');
	ck_assert_uint_gt(strlen(o->group), 0);
	ck_assert_uint_gt(strlen(o->help), 0);
	ck_assert_msg(strlen(o->help) <= 60, "%s: %s", o->key, o->help);
	ck_assert_uint_gt(strlen(o->since), 0);
	/* A flag without a value shows none; every other one does. */
	ck_assert_int_eq(*o->metavar == '\0', o->type == NUC_TYPE_BOOL);
	ck_assert_int_eq(*o->values != '\0', o->type == NUC_TYPE_ENUM);
	ck_assert_msg(strlen(o->flag) + strlen(o->metavar) + strlen("  -x,  ") <= 38, "%s", o->key);
}
END_TEST

START_TEST(no_key_or_flag_is_used_twice)
{
	const struct nuc_option *o = &nuc_options[_i];

	for (size_t i = 0; i < (size_t)_i; i++) {
		ck_assert_str_ne(o->key, nuc_options[i].key);
		ck_assert_str_ne(o->flag, nuc_options[i].flag);
		ck_assert_msg(!*o->short_flag || strcmp(o->short_flag, nuc_options[i].short_flag),
			      "%s and %s", o->key, nuc_options[i].key);
	}
}
END_TEST

/* A dotted key's table must be no key itself, or a document could not hold both. */
START_TEST(no_key_is_a_table_too)
{
	const struct nuc_option *o = &nuc_options[_i];
	size_t len = nuc_option_table_len(o);

	for (size_t i = 0; len && i < NUC_OPT__COUNT; i++)
		ck_assert_msg(strlen(nuc_options[i].key) != len ||
				      strncmp(nuc_options[i].key, o->key, len),
			      "%s", o->key);
}
END_TEST

START_TEST(rows_of_a_group_stand_together)
{
	const char *group = nuc_options[_i].group;
	size_t i = (size_t)_i;

	while (i < NUC_OPT__COUNT && !strcmp(nuc_options[i].group, group))
		i++;
	for (; i < NUC_OPT__COUNT; i++)
		ck_assert_str_ne(nuc_options[i].group, group);
}
END_TEST

START_TEST(every_default_is_canonical)
{
	const struct nuc_option *o = &nuc_options[_i];
	const struct nuc_source src = { .origin = "test" };
	_cleanup_free_ char *canonical = NULL;

	if (!*o->def)
		return;
	ck_assert_int_eq(nuc_value_read(&src, (enum nuc_option_id)_i, o->def, &canonical), 0);
	ck_assert_str_eq(canonical, o->def);
}
END_TEST

START_TEST(every_attribute_of_every_row_is_there)
{
	static const char *const attrs[] = { "key", "flag", "short", "type", "values", "metavar",
					     "group", "default", "help", "since" };

	for (size_t i = 0; i < NUC_ARRAY_SIZE(attrs); i++) {
		ck_assert_ptr_nonnull(nucleus_option_attr((size_t)_i, attrs[i]));
		ck_assert_ptr_null(nucleus_option_attr(NUC_OPT__COUNT, attrs[i]));
		ck_assert_ptr_null(nucleus_option_attr(SIZE_MAX, attrs[i]));
	}
	ck_assert_ptr_null(nucleus_option_attr((size_t)_i, "colour"));
	ck_assert_ptr_null(nucleus_option_attr((size_t)_i, NULL));
}
END_TEST

START_TEST(attributes_are_those_of_the_row)
{
	size_t i = NUC_OPT_VOLUMES;

	ck_assert_str_eq(nucleus_option_attr(i, "key"), "volumes");
	ck_assert_str_eq(nucleus_option_attr(i, "flag"), "--volume");
	ck_assert_str_eq(nucleus_option_attr(i, "short"), "-v");
	ck_assert_str_eq(nucleus_option_attr(i, "type"), "list");
	ck_assert_str_eq(nucleus_option_attr(i, "metavar"), "SRC:DST[:ro|rw][,exec]");
	ck_assert_str_eq(nucleus_option_attr(NUC_OPT_MODE, "values"),
			 "agent|strict-agent|production");
	ck_assert_str_eq(nuc_option_key(NUC_OPT_MAX_FILES), "limits.files");
	ck_assert_str_eq(nuc_option_flag(NUC_OPT_MAX_FILES), "--max-files");
	ck_assert_int_eq(nuc_option_find("limits.files"), NUC_OPT_MAX_FILES);
	ck_assert_int_eq(nuc_option_find("limits"), -ENOENT);
}
END_TEST

/* The modes' order in the table is that of enum nuc_mode: getters rely on it. */
START_TEST(modes_are_in_the_order_of_their_enum)
{
	const struct nuc_option *o = &nuc_options[NUC_OPT_MODE];

	for (int m = 0; m < NUC_MODE__COUNT; m++)
		ck_assert_int_eq(nuc_option_enum_index(o, nuc_mode_name((enum nuc_mode)m)), m);
	ck_assert_int_eq(nuc_option_enum_index(o, "agen"), -EINVAL);
	ck_assert_int_eq(nuc_option_enum_index(o, "agent|"), -EINVAL);
	ck_assert_int_eq(nuc_option_enum_index(o, ""), -EINVAL);
}
END_TEST

/* ---- numbers ------------------------------------------------------------------------------- */

static const struct {
	int (*parse)(const char *s, int64_t *ret);
	const char *s;
	int code;
	int64_t v;
} numbers[] = {
	{ nuc_parse_size, "0", 0, 0 },
	{ nuc_parse_size, "64", 0, 64 },
	{ nuc_parse_size, "1K", 0, 1024 },
	{ nuc_parse_size, "64M", 0, 64 << 20 },
	{ nuc_parse_size, "8G", 0, 8ll << 30 },
	{ nuc_parse_size, "2T", 0, 2ll << 40 },
	{ nuc_parse_size, "9223372036854775807", 0, INT64_MAX },
	{ nuc_parse_size, "9223372036854775808", -ERANGE, 0 },
	{ nuc_parse_size, "8388608T", -ERANGE, 0 },
	{ nuc_parse_size, "8388607T", 0, 8388607ll << 40 },
	{ nuc_parse_size, "", -EINVAL, 0 },
	{ nuc_parse_size, "M", -EINVAL, 0 },
	{ nuc_parse_size, "-1", -EINVAL, 0 },
	{ nuc_parse_size, "+1", -EINVAL, 0 },
	{ nuc_parse_size, " 1", -EINVAL, 0 },
	{ nuc_parse_size, "1 ", -EINVAL, 0 },
	{ nuc_parse_size, "64m", -EINVAL, 0 },
	{ nuc_parse_size, "64MB", -EINVAL, 0 },
	{ nuc_parse_size, "1.5G", -EINVAL, 0 },
	{ nuc_parse_size, "0x10", -EINVAL, 0 },
	{ nuc_parse_duration_ms, "30", 0, 30000 },
	{ nuc_parse_duration_ms, "1500ms", 0, 1500 },
	{ nuc_parse_duration_ms, "30s", 0, 30000 },
	{ nuc_parse_duration_ms, "10m", 0, 600000 },
	{ nuc_parse_duration_ms, "2h", 0, 7200000 },
	{ nuc_parse_duration_ms, "1d", -EINVAL, 0 },
	{ nuc_parse_duration_ms, "9223372036854775807", -ERANGE, 0 },
	{ nuc_parse_count, "4096", 0, 4096 },
	{ nuc_parse_count, "007", 0, 7 },
	{ nuc_parse_count, "4K", -EINVAL, 0 },
	{ nuc_parse_count, "99999999999999999999", -ERANGE, 0 },
};

START_TEST(numbers_are_read_strictly)
{
	int64_t v = -77;
	int r = numbers[_i].parse(numbers[_i].s, &v);

	ck_assert_msg(r == numbers[_i].code, "%s", numbers[_i].s);
	ck_assert_int_eq(v, numbers[_i].code ? -77 : numbers[_i].v);
}
END_TEST

START_TEST(numbers_are_written_with_the_largest_unit_that_divides)
{
	static const struct {
		enum nuc_option_type type;
		int64_t v;
		const char *s;
	} cases[] = {
		{ NUC_TYPE_SIZE, 0, "0" },
		{ NUC_TYPE_SIZE, 1000, "1000" },
		{ NUC_TYPE_SIZE, 1024, "1K" },
		{ NUC_TYPE_SIZE, 1536ll << 20, "1536M" },
		{ NUC_TYPE_SIZE, 1ll << 40, "1T" },
		{ NUC_TYPE_SIZE, INT64_MAX, "9223372036854775807" },
		{ NUC_TYPE_DURATION, 0, "0" },
		{ NUC_TYPE_DURATION, 1500, "1500ms" },
		{ NUC_TYPE_DURATION, 30000, "30s" },
		{ NUC_TYPE_DURATION, 7200000, "2h" },
		{ NUC_TYPE_DURATION, 5400000, "90m" },
		{ NUC_TYPE_COUNT, 4096, "4096" },
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *s = nuc_format_number(cases[i].type, cases[i].v);

		ck_assert_str_eq(s, cases[i].s);
	}
}
END_TEST

/* ---- parts of items ------------------------------------------------------------------------ */

static const struct {
	const char *item;
	int code;
	const char *src, *dst;
	bool writable, exec;
} volumes[] = {
	{ "/a:/b", 0, "/a", "/b", false, true },
	{ "/a:/b:ro", 0, "/a", "/b", false, true },
	{ "/a:/b:rw", 0, "/a", "/b", true, false },
	{ "/a:/b:rw,exec", 0, "/a", "/b", true, true },
	{ "/a:/b:rw:exec", 0, "/a", "/b", true, true },
	{ "/a:/b,exec,rw", 0, "/a", "/b", true, true },
	{ "/a:/b:exec", 0, "/a", "/b", false, true },
	{ "a:/b", 0, "a", "/b", false, true },
	{ "/a,x:y:/b", 0, "/a,x:y", "/b", false, true },
	{ "/a:/x:/b:rw", 0, "/a:/x", "/b", true, false },
	{ "/a://b//./c/", 0, "/a", "/b/c", false, true },
	{ "", -EINVAL, NULL, NULL, false, false },
	{ "/a", -EINVAL, NULL, NULL, false, false },
	{ "/a:b", -EINVAL, NULL, NULL, false, false },
	{ ":/b", -EINVAL, NULL, NULL, false, false },
	{ "/a:/", -EINVAL, NULL, NULL, false, false },
	{ "/a:/.", -EINVAL, NULL, NULL, false, false },
	{ "/a:/b/../c", -EINVAL, NULL, NULL, false, false },
	{ "/a:/..", -EINVAL, NULL, NULL, false, false },
	{ "/a:/b:", -EINVAL, NULL, NULL, false, false },
	{ "/a:/b:rx", -EINVAL, NULL, NULL, false, false },
	{ "/a:/b:rw,ro", -EINVAL, NULL, NULL, false, false },
	{ "/a:/b:rw,rw", -EINVAL, NULL, NULL, false, false },
	{ "/a:/b:exec,exec", -EINVAL, NULL, NULL, false, false },
	{ "/a:/b:rw,", -EINVAL, NULL, NULL, false, false },
	{ "/a:/b:RW", -EINVAL, NULL, NULL, false, false },
};

START_TEST(volumes_are_split_at_the_last_target)
{
	_cleanup_volume_ struct nuc_volume v = { 0 };

	ck_assert_msg(nuc_parse_volume(volumes[_i].item, &v) == volumes[_i].code, "%s",
		      volumes[_i].item);
	ck_assert_pstr_eq(v.src, volumes[_i].src);
	ck_assert_pstr_eq(v.dst, volumes[_i].dst);
	ck_assert_int_eq(v.writable, volumes[_i].writable);
	ck_assert_int_eq(v.exec, volumes[_i].exec);
}
END_TEST

static const struct {
	const char *item;
	int code;
	const char *dst;
	int64_t size;
} tmpfs[] = {
	{ "/scratch", 0, "/scratch", 64 << 20 },
	{ "/scratch:1G", 0, "/scratch", 1 << 30 },
	{ "/scratch/:4096", 0, "/scratch", 4096 },
	{ "/scratch:4095", -ERANGE, NULL, -1 },
	{ "/scratch:0", -ERANGE, NULL, -1 },
	{ "/scratch:99999999T", -ERANGE, NULL, -1 },
	{ "/scratch:", -EINVAL, NULL, -1 },
	{ "/scratch:big", -EINVAL, NULL, -1 },
	{ "/scratch:1G:1G", -EINVAL, NULL, -1 },
	{ "scratch", -EINVAL, NULL, -1 },
	{ "/", -EINVAL, NULL, -1 },
	{ "", -EINVAL, NULL, -1 },
	{ "/a/../b", -EINVAL, NULL, -1 },
};

START_TEST(tmpfs_has_a_bound_in_any_case)
{
	_cleanup_free_ char *dst = NULL;
	int64_t size = -1;

	ck_assert_msg(nuc_parse_tmpfs(tmpfs[_i].item, &dst, &size) == tmpfs[_i].code, "%s",
		      tmpfs[_i].item);
	ck_assert_pstr_eq(dst, tmpfs[_i].dst);
	ck_assert_int_eq(size, tmpfs[_i].size);
}
END_TEST

static const struct {
	const char *s;
	int code;
	const char *name;
	uint32_t id;
} users[] = {
	{ "1000", 0, "agent", 1000 },
	{ "0", 0, "root", 0 },
	{ "agent", 0, "agent", 1000 },
	{ "root", 0, "root", 0 },
	{ "builder:5", 0, "builder", 5 },
	{ "_x-1:65533", 0, "_x-1", 65533 },
	{ "abcdefghijklmnopqrstuvwxyz012345", 0, "abcdefghijklmnopqrstuvwxyz012345", 1000 },
	{ "abcdefghijklmnopqrstuvwxyz0123456", -EINVAL, "", 7 },
	{ "agent:65534", -ERANGE, "", 7 },
	{ "4294967296", -ERANGE, "", 7 },
	{ "99999999999999999999", -ERANGE, "", 7 },
	{ "", -EINVAL, "", 7 },
	{ ":", -EINVAL, "", 7 },
	{ ":5", -EINVAL, "", 7 },
	{ "agent:", -EINVAL, "", 7 },
	{ "agent:x", -EINVAL, "", 7 },
	{ "agent:1:2", -EINVAL, "", 7 },
	{ "1000:agent", -EINVAL, "", 7 },
	{ "1000:1000", -EINVAL, "", 7 },
	{ "-1", -EINVAL, "", 7 },
	{ "Agent", -EINVAL, "", 7 },
	{ "a b", -EINVAL, "", 7 },
	{ "a\n", -EINVAL, "", 7 },
};

START_TEST(users_have_a_name_and_a_number)
{
	char name[33] = "";
	uint32_t id = 7;

	ck_assert_msg(nuc_parse_user(users[_i].s, name, &id) == users[_i].code, "%s", users[_i].s);
	ck_assert_str_eq(name, users[_i].name);
	ck_assert_uint_eq(id, users[_i].id);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("options");
	TCase *t = tcase_create("options");

	tcase_add_loop_test(t, every_row_is_complete, 0, NUC_OPT__COUNT);
	tcase_add_loop_test(t, no_key_or_flag_is_used_twice, 0, NUC_OPT__COUNT);
	tcase_add_loop_test(t, no_key_is_a_table_too, 0, NUC_OPT__COUNT);
	tcase_add_loop_test(t, rows_of_a_group_stand_together, 0, NUC_OPT__COUNT);
	tcase_add_loop_test(t, every_default_is_canonical, 0, NUC_OPT__COUNT);
	tcase_add_loop_test(t, every_attribute_of_every_row_is_there, 0, NUC_OPT__COUNT);
	tcase_add_test(t, attributes_are_those_of_the_row);
	tcase_add_test(t, modes_are_in_the_order_of_their_enum);
	tcase_add_loop_test(t, numbers_are_read_strictly, 0, NUC_ARRAY_SIZE(numbers));
	tcase_add_test(t, numbers_are_written_with_the_largest_unit_that_divides);
	tcase_add_loop_test(t, volumes_are_split_at_the_last_target, 0, NUC_ARRAY_SIZE(volumes));
	tcase_add_loop_test(t, tmpfs_has_a_bound_in_any_case, 0, NUC_ARRAY_SIZE(tmpfs));
	tcase_add_loop_test(t, users_have_a_name_and_a_number, 0, NUC_ARRAY_SIZE(users));
	suite_add_tcase(s, t);
	return run_suite(s);
}
