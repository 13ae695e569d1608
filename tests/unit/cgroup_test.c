/* SPDX-License-Identifier: MIT */
/* The pure parts of lib/cgroup: where a caller is, and what the kernel's files say. */

#include "cgroup.h"
#include "../run_suite.h"

#define V2 "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1 "31 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"

static const struct {
	const char *mountinfo, *groups;
	enum nuc_cgroup_refused refused;
	const char *mount, *own;
} places[] = {
	{ V2, "0::/user.slice/a.scope\n", NUC_CGROUP_OK, "/sys/fs/cgroup",
	  "/sys/fs/cgroup/user.slice/a.scope" },
	/* The root itself, as in a cgroup namespace. */
	{ V2, "0::/\n", NUC_CGROUP_OK, "/sys/fs/cgroup", "/sys/fs/cgroup" },
	/* Hybrid: version 1 lines come first. */
	{ V1 "33 23 0:37 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
	  "4:memory:/x\n1:name=systemd:/y\n0::/z\n", NUC_CGROUP_OK, "/sys/fs/cgroup/unified",
	  "/sys/fs/cgroup/unified/z" },
	{ V1, "4:memory:/x\n", NUC_CGROUP_NOT_MOUNTED, NULL, NULL },
	{ V1, "4:memory:/x\n0::/\n", NUC_CGROUP_NOT_MOUNTED, NULL, NULL },
	{ V2, "", NUC_CGROUP_NOT_MOUNTED, NULL, NULL },
	/* A container that sees a part of the tree, and is in it, or is not. */
	{ "30 23 0:26 /docker/1 /sys/fs/cgroup ro - cgroup2 cgroup ro\n", "0::/docker/1/x\n",
	  NUC_CGROUP_OK, "/sys/fs/cgroup", "/sys/fs/cgroup/x" },
	{ "30 23 0:26 /docker/1 /sys/fs/cgroup ro - cgroup2 cgroup ro\n", "0::/docker/1\n",
	  NUC_CGROUP_OK, "/sys/fs/cgroup", "/sys/fs/cgroup" },
	{ "30 23 0:26 /docker/1 /sys/fs/cgroup ro - cgroup2 cgroup ro\n", "0::/docker/12\n",
	  NUC_CGROUP_OUTSIDE, NULL, NULL },
	{ V2, "0::/../other\n", NUC_CGROUP_OUTSIDE, NULL, NULL },
	/* The kernel writes blanks as \040; a name may hold the type's word. */
	{ "30 23 0:26 / /mnt/a\\040-\\040cgroup2\\040b rw - cgroup2 none rw\n", "0::/c\n",
	  NUC_CGROUP_OK, "/mnt/a - cgroup2 b", "/mnt/a - cgroup2 b/c" },
	{ "nonsense\n - cgroup2 \n" V2, "0::/a\n", NUC_CGROUP_OK, "/sys/fs/cgroup", "/sys/fs/cgroup/a" },
};

START_TEST(the_callers_group_is_found)
{
	char mount[PATH_MAX] = "untouched", own[PATH_MAX] = "untouched";

	ck_assert_int_eq(nuc_cgroup_locate(places[_i].mountinfo, places[_i].groups, mount, own),
			 places[_i].refused);
	ck_assert_str_eq(mount, places[_i].mount ? places[_i].mount : "untouched");
	ck_assert_str_eq(own, places[_i].own ? places[_i].own : "untouched");
}
END_TEST

START_TEST(every_refusal_has_a_reason_and_a_mend)
{
	for (int i = NUC_CGROUP_OK; i <= NUC_CGROUP_BOUNDED; i++) {
		ck_assert_uint_gt(strlen(nuc_cgroup_refused_why((enum nuc_cgroup_refused)i)), 10);
		ck_assert_uint_gt(strlen(nuc_cgroup_refused_mend((enum nuc_cgroup_refused)i)), 10);
	}
}
END_TEST

START_TEST(controllers_are_whole_words)
{
	ck_assert(nuc_cgroup_has("cpuset cpu io", "cpu"));
	ck_assert(nuc_cgroup_has("cpuset cpu io", "io"));
	ck_assert(nuc_cgroup_has("cpuset", "cpuset"));
	ck_assert(!nuc_cgroup_has("cpuset io", "cpu"));
	ck_assert(!nuc_cgroup_has("", "cpu"));
}
END_TEST

#define PRESSURE                                                                                   \
	"some avg10=0.12 avg60=0.05 avg300=0.00 total=4711\n"                                      \
	"full avg10=0.00 avg60=0.00 avg300=0.00 total=12\n"

static const struct {
	const char *text, *key;
	int result;
	uint64_t value;
} figures[] = {
	{ "12345\n", NULL, 0, 12345 },
	{ "max\n", NULL, 0, UINT64_MAX },
	{ "18446744073709551615\n", NULL, 0, UINT64_MAX },
	{ "18446744073709551616\n", NULL, -ENODATA, 0 },
	{ "", NULL, -ENODATA, 0 },
	{ "-1\n", NULL, -ENODATA, 0 },
	{ "12x\n", NULL, -ENODATA, 0 },
	{ "usage_usec 10\nuser_usec 7\nsystem_usec 3\n", "user_usec", 0, 7 },
	{ "usage_usec 10\nuser_usec 7\nsystem_usec 3", "system_usec", 0, 3 },
	{ "user_usec_x 9\nuser_usec 7\n", "user_usec", 0, 7 },
	{ "usage_usec 10\n", "nr_periods", -ENODATA, 0 },
	{ "user_usec\n", "user_usec", -ENODATA, 0 },
	{ "user_usec many\n", "user_usec", -ENODATA, 0 },
	{ PRESSURE, "some total=", 0, 4711 },
	{ PRESSURE, "full total=", 0, 12 },
	{ "some avg10=0.12\n", "some total=", -ENODATA, 0 },
	{ "some avg10=0.12\nfull total=3\n", "some total=", -ENODATA, 0 },
	{ "8:0 rbytes=100 wbytes=20 rios=3\n259:0 rbytes=11 wbytes=5 rios=1\n", "rbytes=", 0, 111 },
	{ "8:0 rbytes=100 wbytes=20 rios=3\n259:0 rbytes=11 wbytes=5 rios=1\n", "rios=", 0, 4 },
	/* A disk that was only opened has a line without figures; none at all is no I/O. */
	{ "8:0 \n259:0 rbytes=11 wbytes=5\n", "wbytes=", 0, 5 },
	{ "", "rbytes=", 0, 0 },
	{ "8:0 xrios=9 rios=2\n", "rios=", 0, 2 },
};

START_TEST(the_kernels_files_are_understood)
{
	uint64_t value = 4242;

	ck_assert_int_eq(nuc_cgroup_parse(figures[_i].text, figures[_i].key, &value),
			 figures[_i].result);
	ck_assert_uint_eq(value, figures[_i].result ? 4242 : figures[_i].value);
}
END_TEST

START_TEST(figures_have_names_of_their_own)
{
	const struct nuc_cgroup_figure *f, *g;

	for (size_t i = 0; (f = nuc_cgroup_figure(i)); i++) {
		ck_assert_uint_gt(strlen(f->help), 5);
		ck_assert_uint_eq(strspn(f->name, "abcdefghijklmnopqrstuvwxyz-"), strlen(f->name));
		for (size_t k = 0; k < i && (g = nuc_cgroup_figure(k)); k++)
			ck_assert_str_ne(f->name, g->name);
	}
}
END_TEST

START_TEST(no_group_is_no_error_to_end)
{
	struct nuc_cgroup none = NUC_CGROUP_NONE_YET;

	ck_assert_int_eq(nuc_cgroup_remove(&none), 0);
	ck_assert(!nuc_cgroup_was_oom(&none));
	nuc_cgroup_parent_unref(NULL);
	ck_assert_int_eq(nuc_cgroup_collect("/nonexistent"), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cgroup");
	TCase *t = tcase_create("pure");

	tcase_add_loop_test(t, the_callers_group_is_found, 0, NUC_ARRAY_SIZE(places));
	tcase_add_test(t, every_refusal_has_a_reason_and_a_mend);
	tcase_add_test(t, controllers_are_whole_words);
	tcase_add_loop_test(t, the_kernels_files_are_understood, 0, NUC_ARRAY_SIZE(figures));
	tcase_add_test(t, figures_have_names_of_their_own);
	tcase_add_test(t, no_group_is_no_error_to_end);
	suite_add_tcase(s, t);
	return run_suite(s);
}
