/* SPDX-License-Identifier: MIT */

#include "compile.h"
#include "facts_internal.h"
#include "../run_suite.h"

START_TEST(kernel_versions_are_read)
{
	static const struct {
		const char *release;
		int r, major, minor;
	} cases[] = {
		{ "6.1.0-18-amd64", 0, 6, 1 },
		{ "6.18.44-fc-v769", 0, 6, 18 },
		{ "7.0-rc1", 0, 7, 0 },
		{ "10.2", 0, 10, 2 },
		{ "5.15.167.4-microsoft-standard-WSL2", 0, 5, 15 },
		{ "", -EINVAL, -1, -1 },
		{ "6", -EINVAL, -1, -1 },
		{ "6.", -EINVAL, -1, -1 },
		{ ".1", -EINVAL, -1, -1 },
		{ "v6.1", -EINVAL, -1, -1 },
		{ "6-1", -EINVAL, -1, -1 },
		{ "99999.1", -EINVAL, -1, -1 },
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(cases); i++) {
		int major = -1, minor = -1;

		ck_assert_msg(nuc_kernel_parse(cases[i].release, &major, &minor) == cases[i].r,
			      "%s", cases[i].release);
		ck_assert_int_eq(major, cases[i].major);
		ck_assert_int_eq(minor, cases[i].minor);
	}
}
END_TEST

START_TEST(what_refuses_user_namespaces_is_judged)
{
	static const struct {
		struct nuc_userns_inputs in;
		enum nuc_userns_refused is;
	} cases[] = {
		/*  proc, built, clone, max, restrict, complain, unconfined, admin */
		{ { true, true, -1, 1000, -1, 0, true, false }, NUC_USERNS_OK },
		{ { true, true, 1, 1000, 0, 0, true, false }, NUC_USERNS_OK },
		{ { true, true, -1, -1, -1, 0, false, false }, NUC_USERNS_OK },
		{ { false, false, -1, -1, -1, 0, true, true }, NUC_USERNS_NO_PROC },
		{ { true, false, -1, -1, -1, 0, true, true }, NUC_USERNS_NO_KERNEL },
		{ { true, true, 0, 1000, -1, 0, true, false }, NUC_USERNS_SYSCTL_CLONE },
		{ { true, true, 0, 1000, -1, 0, true, true }, NUC_USERNS_OK },
		{ { true, true, 1, 0, -1, 0, true, false }, NUC_USERNS_SYSCTL_MAX },
		{ { true, true, 1, 0, -1, 0, true, true }, NUC_USERNS_SYSCTL_MAX },
		{ { true, true, 0, 0, 1, 0, true, false }, NUC_USERNS_SYSCTL_MAX },
		{ { true, true, 1, 1000, 1, 0, true, false }, NUC_USERNS_APPARMOR },
		{ { true, true, 1, 1000, 1, 1, true, false }, NUC_USERNS_OK },
		{ { true, true, 1, 1000, 1, 0, false, false }, NUC_USERNS_OK },
		{ { true, true, 1, 1000, 1, 0, true, true }, NUC_USERNS_OK },
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(cases); i++)
		ck_assert_msg(nuc_userns_judge(&cases[i].in) == cases[i].is, "case %zu", i);
}
END_TEST

START_TEST(every_refusal_has_a_reason_and_a_mend)
{
	for (int i = NUC_USERNS_OK; i <= NUC_USERNS_NO_PROC; i++) {
		ck_assert_int_gt(strlen(nuc_userns_refused_why(i)), 0);
		ck_assert_int_gt(strlen(nuc_userns_refused_mend(i)), 0);
	}
	ck_assert_ptr_nonnull(
		strstr(nuc_userns_refused_mend(NUC_USERNS_SYSCTL_CLONE), "userns_clone=1"));
	ck_assert_ptr_nonnull(strstr(nuc_userns_refused_mend(NUC_USERNS_APPARMOR), "`userns,`"));
	ck_assert_ptr_nonnull(strstr(nuc_userns_refused_mend(NUC_USERNS_APPARMOR),
				     "apparmor_restrict_unprivileged_userns=0"));
	ck_assert_ptr_nonnull(nuc_userns_refused_why(-1));
	ck_assert_ptr_nonnull(nuc_userns_refused_mend(1000));
}
END_TEST

START_TEST(id_maps_are_searched)
{
	ck_assert(nuc_map_has("         0          0 4294967295\n", 65534));
	ck_assert(nuc_map_has("0 1000 1\n1 100000 65536\n", 65534));
	ck_assert(nuc_map_has("0 1000 1\n65534 5 1", 65534));
	ck_assert(!nuc_map_has("0 1000 1\n", 65534));
	ck_assert(!nuc_map_has("1 100000 65533\n", 65534));
	ck_assert(!nuc_map_has("65535 1 1\n", 65534));
	ck_assert(!nuc_map_has("", 65534));
	ck_assert(!nuc_map_has("\n\n", 65534));
}
END_TEST

START_TEST(subid_ranges_are_found_by_name_or_number)
{
	const char *lines = "anna:100000:65536\n1001:165536:65536\nbert";

	ck_assert(nuc_subid_has(lines, "anna", 1000));
	ck_assert(nuc_subid_has(lines, NULL, 1001));
	ck_assert(!nuc_subid_has(lines, "ann", 1000));
	ck_assert(!nuc_subid_has(lines, NULL, 100));
	ck_assert(!nuc_subid_has(lines, "bert", 1002));
	ck_assert(!nuc_subid_has("", "anna", 1000));
}
END_TEST

START_TEST(user_names_are_found_by_number)
{
	const char *lines =
		"root:x:0:0:root:/root:/bin/sh\nbroken\n:x:7:7:::\nanna:x:1000:1000:::\n"
		"alien:x\nlong-name-of-a-user:x:5:5:::\nlast:x:1001";
	char name[8];

	ck_assert(nuc_passwd_name(lines, 1000, name, sizeof(name)));
	ck_assert_str_eq(name, "anna");
	ck_assert(nuc_passwd_name(lines, 0, name, sizeof(name)));
	ck_assert_str_eq(name, "root");
	ck_assert(!nuc_passwd_name(lines, 7, name, sizeof(name)));
	ck_assert(!nuc_passwd_name(lines, 5, name, sizeof(name)));
	ck_assert(!nuc_passwd_name(lines, 1001, name, sizeof(name)));
	ck_assert(!nuc_passwd_name("", 0, name, sizeof(name)));
}
END_TEST

START_TEST(mountinfo_tells_the_cgroup_layout)
{
	static const char root[] = "25 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n";
	static const char v1[] =
		"32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n";
	static const char v2[] = "41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
	char text[512];
	bool has_root;

	ck_assert_int_eq(nuc_mountinfo_read(root, &has_root), NUC_CGROUP_NONE);
	ck_assert(has_root);
	ck_assert_int_eq(nuc_mountinfo_read(v1, &has_root), NUC_CGROUP_V1);
	ck_assert(!has_root);
	snprintf(text, sizeof(text), "%s%s", root, v2);
	ck_assert_int_eq(nuc_mountinfo_read(text, &has_root), NUC_CGROUP_V2);
	snprintf(text, sizeof(text), "%s%s%s", v2, root, v1);
	ck_assert_int_eq(nuc_mountinfo_read(text, &has_root), NUC_CGROUP_HYBRID);
	ck_assert_int_eq(nuc_mountinfo_read("nonsense - \n", &has_root), NUC_CGROUP_NONE);
}
END_TEST

/* For a trial and then a launch: one user namespace, closed once, whoever has it. */

int main(void)
{
	Suite *s = suite_create("host");
	TCase *t = tcase_create("host");

	tcase_add_test(t, kernel_versions_are_read);
	tcase_add_test(t, what_refuses_user_namespaces_is_judged);
	tcase_add_test(t, every_refusal_has_a_reason_and_a_mend);
	tcase_add_test(t, id_maps_are_searched);
	tcase_add_test(t, subid_ranges_are_found_by_name_or_number);
	tcase_add_test(t, user_names_are_found_by_number);
	tcase_add_test(t, mountinfo_tells_the_cgroup_layout);
	suite_add_tcase(s, t);
	return run_suite(s);
}
