/* SPDX-License-Identifier: MIT */
/* What the library finds out about this host, and what the host itself says. */
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "facts_internal.h"
#include "../run_suite.h"

START_TEST(facts_agree_with_the_kernel)
{
	long abi = syscall(__NR_landlock_create_ruleset, NULL, 0, 1);
	unsigned int major, minor;
	struct nuc_facts f;
	struct utsname u;

	ck_assert_int_eq(nuc_facts_probe(&f), 0);
	ck_assert_int_eq(uname(&u), 0);
	ck_assert_int_eq(sscanf(u.release, "%u.%u", &major, &minor), 2);
	ck_assert_int_eq(f.kernel_major, (int)major);
	ck_assert_int_eq(f.kernel_minor, (int)minor);
	ck_assert_int_eq(f.landlock_abi, abi < 0 ? 0 : (int)abi);
	ck_assert_uint_eq(f.uid, geteuid());
	ck_assert_uint_eq(f.gid, getegid());
	ck_assert_int_eq(f.last_cap, (int)nuc_sysctl_number("/proc/sys/kernel/cap_last_cap", -1));
	ck_assert(f.dumpable);
	ck_assert(!f.no_new_privs);
	ck_assert(f.seccomp_filter);
	if (geteuid() == 0)
		ck_assert(f.privileged);
}
END_TEST

/* Root would pass for an unprivileged user otherwise, whose sandboxes have its own id on the host. */
START_TEST(want_of_descriptors_changes_no_fact)
{
	struct nuc_facts before, f;
	struct rlimit limit;
	int r;

	ck_assert_int_eq(nuc_facts_probe(&before), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	r = nuc_facts_probe(&f);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	if (before.privileged) {
		ck_assert_int_eq(r, -EMFILE);
		return;
	}
	ck_assert_int_eq(r, 0);
	ck_assert_uint_eq(f.namespaces, before.namespaces);
	ck_assert_int_eq(f.userns_refused, before.userns_refused);
	ck_assert_int_eq(f.privileged, before.privileged);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("facts");
	TCase *t = tcase_create("facts");

	tcase_add_test(t, facts_agree_with_the_kernel);
	tcase_add_test(t, want_of_descriptors_changes_no_fact);
	suite_add_tcase(s, t);
	return run_suite(s);
}
