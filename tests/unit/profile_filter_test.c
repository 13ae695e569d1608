/* SPDX-License-Identifier: MIT */
/* Seccomp profiles: what the filters say that are made of them; tests/live compares whole ones. */
#include "dangerous.h"
#include "profile_programs.h"

#define COMPARE(op, v, v2)                                                                         \
	WITH("{\"names\":[\"ioctl\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,"        \
	     "\"value\":" v ",\"valueTwo\":" v2 ",\"op\":\"SCMP_CMP_" op "\"}]}")

START_TEST(each_operator_compares_all_64_bits)
{
	static const struct {
		const char *profile;
		uint64_t yes[3], no[3];
	} cases[] = {
		{ COMPARE("EQ", "7", "0"), { 7, 7, 7 }, { 6, 8, 0x100000007 } },
		{ COMPARE("EQ", "18446744073709551615", "0"),
		  { ~0ull, ~0ull, ~0ull },
		  { 0xffffffff, 0, ~0ull - 1 } },
		{ COMPARE("NE", "7", "0"), { 6, 0x100000007, ~0ull }, { 7, 7, 7 } },
		{ COMPARE("LT", "4294967296", "0"),
		  { 0, 7, 0xffffffff },
		  { 0x100000000, ~0ull, 0x100000001 } },
		{ COMPARE("LE", "4294967296", "0"),
		  { 0, 0xffffffff, 0x100000000 },
		  { 0x100000001, ~0ull, 0x200000000 } },
		{ COMPARE("GE", "9223372036854775808", "0"),
		  { 1ull << 63, ~0ull, (1ull << 63) + 1 },
		  { 0, (1ull << 63) - 1, 7 } },
		{ COMPARE("GT", "9223372036854775807", "0"),
		  { 1ull << 63, ~0ull, (1ull << 63) + 1 },
		  { 0, (1ull << 63) - 1, 7 } },
		{ COMPARE("MASKED_EQ", "4294967295", "7"),
		  { 7, 0xdeadbeef00000007, 7 },
		  { 6, 0xdeadbeef00000008, 0 } },
		{ COMPARE("MASKED_EQ", "18446744069414584320", "0"),
		  { 7, 0xffffffff, 0 },
		  { 0x100000000, ~0ull, 1ull << 63 } },
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(cases); i++) {
		_cleanup_program_ struct program p = compile_for(cases[i].profile, &linux_6_1);

		for (size_t k = 0; k < 3; k++) {
			ck_assert_msg(native(&p, __NR_ioctl, cases[i].yes[k]) == ALLOW,
				      "%zu: %#llx is refused", i,
				      (unsigned long long)cases[i].yes[k]);
			ck_assert_msg(native(&p, __NR_ioctl, cases[i].no[k]) == FAIL(EPERM),
				      "%zu: %#llx is allowed", i,
				      (unsigned long long)cases[i].no[k]);
		}
	}
}
END_TEST

START_TEST(conditions_are_all_met_unless_two_look_at_one_argument)
{
	_cleanup_program_ struct program p =
		compile_for(WITH("{\"names\":[\"ioctl\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
				 "{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"},{\"index\":1,"
				 "\"value\":2,\"op\":\"SCMP_CMP_EQ\"}]},"
				 /* runc: each is a rule of its own, the third too */
				 "{\"names\":[\"fcntl\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
				 "{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"},{\"index\":0,"
				 "\"value\":2,\"op\":\"SCMP_CMP_EQ\"},"
				 "{\"index\":1,\"value\":3,\"op\":\"SCMP_CMP_EQ\"}]}"),
			    &linux_6_1);
	const uint64_t both[6] = { 1, 2 }, first[6] = { 1, 0 }, second[6] = { 0, 2 },
		       third[6] = { 9, 3 };

	ck_assert_uint_eq(ask(&p, AUDIT_ARCH_X86_64, __NR_ioctl, both), ALLOW);
	ck_assert_uint_eq(ask(&p, AUDIT_ARCH_X86_64, __NR_ioctl, first), FAIL(EPERM));
	ck_assert_uint_eq(ask(&p, AUDIT_ARCH_X86_64, __NR_ioctl, second), FAIL(EPERM));
	ck_assert_uint_eq(native(&p, __NR_fcntl, 1), ALLOW);
	ck_assert_uint_eq(native(&p, __NR_fcntl, 2), ALLOW);
	ck_assert_uint_eq(ask(&p, AUDIT_ARCH_X86_64, __NR_fcntl, third), ALLOW);
	ck_assert_uint_eq(native(&p, __NR_fcntl, 9), FAIL(EPERM));
}
END_TEST

/* What it would allow: 0x7fffffff to 0xffffffff. See profile_check.h. */
START_TEST(a_filter_that_libseccomp_gets_wrong_is_refused)
{
	static const char text[] =
		WITH("{\"names\":[\"ioctl\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
		     "{\"index\":0,\"value\":2147483647,\"op\":\"SCMP_CMP_LT\"},"
		     "{\"index\":0,\"value\":4294967303,\"op\":\"SCMP_CMP_GT\"}]}");
	_cleanup_profile_ struct nuc_profile *profile = NULL;
	_cleanup_error_ nucleus_error *err = NULL;
	struct program p = { 0 };
	int r;

	ck_assert_int_eq(nuc_profile_parse(text, strlen(text), "p.json", &profile, NULL), 0);
	r = nuc_profile_compile(profile, &linux_6_1, &p.insn, &p.n, &err);
	/* A libseccomp that gets it right may come. */
	if (r == 0) {
		ck_assert_uint_eq(native(&p, __NR_ioctl, 0x7fffffff), FAIL(EPERM));
		ck_assert_uint_eq(native(&p, __NR_ioctl, 0x7ffffffe), ALLOW);
		ck_assert_uint_eq(native(&p, __NR_ioctl, 0x100000008), ALLOW);
		free(p.insn);
		return;
	}
	ck_assert_int_eq(r, -ENOTSUP);
	ck_assert_str_eq(nucleus_error_origin(err), "p.json:1:94");
	ck_assert_msg(strstr(nucleus_error_message(err), "is allowed in it, not EPERM"), "%s",
		      nucleus_error_message(err));
}
END_TEST

/* The instruction that loads the number would be lost, and with it all rules of the architecture.
 */
START_TEST(names_of_other_architectures_take_nothing_away)
{
	_cleanup_program_ struct program p =
		compile_for("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_"
			    "X86\",\"SCMP_ARCH_X32\"],"
			    "\"syscalls\":[{\"names\":[\"_llseek\",\"arm_fadvise64_64\"],"
			    "\"action\":\"SCMP_ACT_TRAP\"},"
			    "{\"names\":[\"ioctl\"],\"action\":\"SCMP_ACT_ERRNO\"}]}",
			    &linux_6_1);

	ck_assert_uint_eq(native(&p, __NR_ioctl, 0), FAIL(EPERM));
	ck_assert_uint_eq(native(&p, 514 | X32 /* ioctl */, 0), FAIL(EPERM));
	ck_assert_uint_eq(ask(&p, AUDIT_ARCH_I386, 54 /* ioctl */, NULL), FAIL(EPERM));
	ck_assert_uint_eq(ask(&p, AUDIT_ARCH_I386, 140 /* _llseek */, NULL), SECCOMP_RET_TRAP);
	ck_assert_uint_eq(ask(&p, AUDIT_ARCH_I386, 3, NULL), ALLOW);
}
END_TEST

START_TEST(actions)
{
	static const struct {
		const char *action;
		uint32_t result;
	} cases[] = {
		{ "\"SCMP_ACT_ALLOW\"", ALLOW },
		{ "\"SCMP_ACT_ERRNO\"", FAIL(EPERM) },
		{ "\"SCMP_ACT_ERRNO\",\"errnoRet\":2", FAIL(ENOENT) },
		{ "\"SCMP_ACT_ERRNO\",\"errno\":\"EINVAL\"", FAIL(EINVAL) },
		{ "\"SCMP_ACT_ERRNO\",\"errno\":\"EINVAL\",\"errnoRet\":22", FAIL(EINVAL) },
		{ "\"SCMP_ACT_ERRNO\",\"errnoRet\":0", FAIL(0) },
		{ "\"SCMP_ACT_ERRNO\",\"errnoRet\":4094", FAIL(4094) },
		{ "\"SCMP_ACT_KILL\"", SECCOMP_RET_KILL_THREAD },
		{ "\"SCMP_ACT_KILL_THREAD\"", SECCOMP_RET_KILL_THREAD },
		{ "\"SCMP_ACT_KILL_PROCESS\"", KILL },
		{ "\"SCMP_ACT_TRAP\"", SECCOMP_RET_TRAP },
		{ "\"SCMP_ACT_LOG\"", SECCOMP_RET_LOG },
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(cases); i++) {
		/* As a rule, against a default that is none of them, and as the default. */
		_cleanup_free_ char *rule =
			nuc_strf("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":5,"
				 "\"syscalls\":[" EXEC ",{\"names\":[\"getpid\",\"gettid\"],"
				 "\"action\":%s}]}",
				 cases[i].action);
		_cleanup_program_ struct program p = compile_for(rule, &linux_6_1);

		ck_assert_msg(native(&p, __NR_getpid, 0) == cases[i].result, "%s", cases[i].action);
		ck_assert_uint_eq(native(&p, __NR_gettid, 0), cases[i].result);
		ck_assert_uint_eq(native(&p, __NR_read, 0), FAIL(EIO));
		ck_assert_uint_eq(native(&p, __NR_execve, 0), ALLOW);
	}
}
END_TEST

START_TEST(the_default_may_be_to_allow)
{
	_cleanup_program_ struct program p =
		compile_for("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":["
			    "\"mount\"],\"action\":\"SCMP_ACT_KILL_PROCESS\"},"
			    "{\"name\":\"ptrace\",\"action\":\"SCMP_ACT_ERRNO\",\"args\":null,"
			    "\"includes\":{},\"excludes\":null}]}",
			    &linux_6_1);

	ck_assert_uint_eq(native(&p, __NR_mount, 0), KILL);
	ck_assert_uint_eq(native(&p, __NR_ptrace, 0), FAIL(EPERM));
	ck_assert_uint_eq(native(&p, __NR_read, 0), ALLOW);
	/* What Linux adds later is as the profile says: allowed. */
	ck_assert_uint_eq(native(&p, 5000, 0), ALLOW);
}
END_TEST

START_TEST(calls_newer_than_the_profile_are_enosys)
{
	_cleanup_program_ struct program p = compile_for(
		WITH("{\"names\":[\"statx\"],\"action\":\"SCMP_ACT_ALLOW\"}"), &linux_6_1);
	_cleanup_program_ struct program killing = compile_for(
		"{\"defaultAction\":\"SCMP_ACT_KILL\",\"syscalls\":[" EXEC "]}", &linux_6_1);
	_cleanup_program_ struct program said = compile_for(
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,\"syscalls\":[" EXEC
		"]}",
		&linux_6_1);

	ck_assert_uint_eq(native(&p, __NR_statx - 1, 0), FAIL(EPERM));
	ck_assert_uint_eq(native(&p, __NR_statx, 0), ALLOW);
	ck_assert_uint_eq(native(&p, __NR_statx + 1, 0), FAIL(ENOSYS));
	ck_assert_uint_eq(native(&p, 0x3fffffff, 0), FAIL(ENOSYS));
	ck_assert_uint_eq(native(&killing, __NR_execve - 1, 0), SECCOMP_RET_KILL_THREAD);
	ck_assert_uint_eq(native(&killing, __NR_execve + 1, 0), FAIL(ENOSYS));
	ck_assert_uint_eq(native(&said, 1, 0), FAIL(ENOSYS));
	ck_assert_uint_eq(native(&said, 5000, 0), FAIL(ENOSYS));
}
END_TEST

START_TEST(only_the_entries_that_are_named_are_open)
{
	static const char *const maps[] = {
		"\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\","
		"\"SCMP_ARCH_ARM\"],",
		"\"archMap\":[{\"architecture\":\"SCMP_ARCH_AARCH64\",\"subArchitectures\":[\"SCMP_"
		"ARCH_ARM\"]},"
		"{\"architecture\":\"SCMP_ARCH_X86_64\",\"subArchitectures\":[\"SCMP_ARCH_X86\","
		"\"SCMP_ARCH_X32\"]}],",
	};
	_cleanup_program_ struct program alone = compile_for(
		WITH("{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_ALLOW\"}"), &linux_6_1);
	/* Of another machine: not ours. */
	_cleanup_program_ struct program other =
		compile_for("{\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86\","
			    "\"subArchitectures\":[\"SCMP_ARCH_X32\"]}],"
			    "\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[" EXEC "]}",
			    &linux_6_1);

	ck_assert_uint_eq(native(&alone, __NR_getpid, 0), ALLOW);
	ck_assert_uint_eq(native(&alone, __NR_getpid | X32, 0), KILL);
	ck_assert_uint_eq(ask(&alone, AUDIT_ARCH_I386, 20 /* getpid */, NULL), KILL);
	ck_assert_uint_eq(ask(&alone, AUDIT_ARCH_AARCH64, 172 /* getpid */, NULL), KILL);
	ck_assert_uint_eq(native(&other, __NR_execve | X32, 0), KILL);
	for (size_t i = 0; i < NUC_ARRAY_SIZE(maps); i++) {
		_cleanup_free_ char *text =
			nuc_strf("{%s\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[" EXEC
				 ",{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_ALLOW\"}]}",
				 maps[i]);
		_cleanup_program_ struct program p = compile_for(text, &linux_6_1);

		ck_assert_uint_eq(native(&p, __NR_getpid, 0), ALLOW);
		ck_assert_uint_eq(native(&p, __NR_getpid | X32, 0), ALLOW);
		ck_assert_uint_eq(native(&p, __NR_read | X32, 0), FAIL(EPERM));
		ck_assert_uint_eq(native(&p, 1000 | X32, 0), FAIL(ENOSYS));
		ck_assert_uint_eq(ask(&p, AUDIT_ARCH_I386, 20 /* getpid */, NULL), ALLOW);
		ck_assert_uint_eq(ask(&p, AUDIT_ARCH_I386, 3 /* read */, NULL), FAIL(EPERM));
		ck_assert_uint_eq(ask(&p, AUDIT_ARCH_I386, 400, NULL), FAIL(ENOSYS));
		ck_assert_uint_eq(ask(&p, AUDIT_ARCH_ARM, 20, NULL), KILL);
		ck_assert_uint_eq(ask(&p, AUDIT_ARCH_AARCH64, 172, NULL), KILL);
	}
}
END_TEST

#define IF(when) WITH("{\"names\":[\"mount\"],\"action\":\"SCMP_ACT_ALLOW\"," when "}")

START_TEST(includes_and_excludes)
{
	static const struct {
		const char *profile;
		int minor;
		uint64_t caps;
		bool used;
	} cases[] = {
		{ IF("\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}"), 1, 0, false },
		{ IF("\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}"), 1, 1 << 21, true },
		{ IF("\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\",\"CAP_KILL\"]}"), 1, 1 << 21,
		  false },
		{ IF("\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\",\"CAP_KILL\"]}"), 1,
		  1 << 21 | 1 << 5, true },
		{ IF("\"includes\":{\"caps\":[]}"), 1, 0, true },
		{ IF("\"excludes\":{\"caps\":[\"CAP_SYS_ADMIN\",\"CAP_KILL\"]}"), 1, 0, true },
		{ IF("\"excludes\":{\"caps\":[\"CAP_SYS_ADMIN\",\"CAP_KILL\"]}"), 1, 1 << 5,
		  false },
		{ IF("\"includes\":{\"arches\":[\"amd64\",\"x32\"]}"), 1, 0, true },
		{ IF("\"includes\":{\"arches\":[\"x32\",\"x86\"]}"), 1, 0, false },
		{ IF("\"excludes\":{\"arches\":[\"s390x\"]}"), 1, 0, true },
		{ IF("\"excludes\":{\"arches\":[\"s390x\",\"amd64\"]}"), 1, 0, false },
		{ IF("\"includes\":{\"minKernel\":\"6.1\"}"), 1, 0, true },
		{ IF("\"includes\":{\"minKernel\":\"6.2\"}"), 1, 0, false },
		{ IF("\"includes\":{\"minKernel\":\"6.2\"}"), 10, 0, true },
		{ IF("\"includes\":{\"minKernel\":\"7.0\"}"), 10, 0, false },
		{ IF("\"includes\":{\"minKernel\":\"5.19\"}"), 1, 0, true },
		{ IF("\"includes\":{\"minKernel\":\"\"}"), 1, 0, true },
		{ IF("\"excludes\":{\"minKernel\":\"6.1\"}"), 1, 0, false },
		{ IF("\"excludes\":{\"minKernel\":\"6.2\"}"), 1, 0, true },
		{ IF("\"excludes\":{\"minKernel\":\"5.19\"}"), 1, 0, false },
		{ IF("\"includes\":{\"minKernel\":\"6.1\",\"caps\":[\"CAP_KILL\"]}"), 1, 0, false },
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(cases); i++) {
		const struct nuc_profile_target target = { 6, cases[i].minor, cases[i].caps };
		_cleanup_program_ struct program p = compile_for(cases[i].profile, &target);

		ck_assert_msg((native(&p, __NR_mount, 0) == ALLOW) == cases[i].used, "%s",
			      cases[i].profile);
	}
}
END_TEST

/* ---- verdicts ----------------------------------------------------------------------------------
 */

START_TEST(verdicts_are_what_the_filter_says)
{
	static const char *const profiles[] = {
		WITH("{\"names\":[\"read\",\"write\"],\"action\":\"SCMP_ACT_LOG\"},{\"names\":["
		     "\"mount\"],\"action\":\"SCMP_ACT_KILL\"}"),
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mount\"],"
		"\"action\":\"SCMP_ACT_TRAP\"}]}",
		"{\"defaultAction\":\"SCMP_ACT_KILL_PROCESS\",\"syscalls\":[" EXEC "]}",
		/* libseccomp: the first without conditions stays, and those with conditions give
		   way to it */
		WITH("{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_ALLOW\"},"
		     "{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":5}"),
		WITH("{\"names\":[\"ioctl\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":5,\"args\":"
		     "["
		     "{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]},{\"names\":[\"ioctl\"],"
		     "\"action\":\"SCMP_ACT_ALLOW\"}"),
		WITH("{\"names\":[\"ioctl\"],\"action\":\"SCMP_ACT_ALLOW\"},{\"names\":[\"ioctl\"],"
		     "\"action\":\"SCMP_ACT_ERRNO\","
		     "\"errnoRet\":5,\"args\":[{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]}"),
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(profiles); i++) {
		_cleanup_profile_ struct nuc_profile *profile = NULL;
		_cleanup_program_ struct program p = compile_for(profiles[i], &linux_6_1);
		_cleanup_verdicts_ struct nuc_verdicts v = { 0 };

		ck_assert_int_eq(
			nuc_profile_parse(profiles[i], strlen(profiles[i]), "p", &profile, NULL),
			0);
		ck_assert_int_eq(nuc_verdicts_of_profile(profile, &linux_6_1, &v), 0);
		ck_assert_uint_gt(v.n, 300);
		for (size_t k = 0; k < v.n; k++) {
			ck_assert_msg(!v.v[k].words, "%s of %s", v.v[k].name, profiles[i]);
			ck_assert_msg(native(&p, v.v[k].nr, 0) == v.v[k].action, "%s of %s",
				      v.v[k].name, profiles[i]);
			ck_assert_msg(native(&p, v.v[k].nr, 1) == v.v[k].action, "%s of %s",
				      v.v[k].name, profiles[i]);
			ck_assert_int_eq(v.v[k].passes, v.v[k].action == ALLOW ||
								v.v[k].action == SECCOMP_RET_LOG);
		}
		ck_assert_uint_eq(native(&p, 5000, 0), v.other);
	}
}
END_TEST

START_TEST(conditions_in_words)
{
	_cleanup_profile_ struct nuc_profile *profile = NULL;
	_cleanup_verdicts_ struct nuc_verdicts v = { 0 };
	static const char text[] = WITH(
		"{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":22,\"args\":["
		"{\"index\":0,\"value\":16,\"op\":\"SCMP_CMP_EQ\"},{\"index\":2,\"value\":9,\"op\":"
		"\"SCMP_CMP_EQ\"}]},"
		"{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":2,"
		"\"value\":9,\"op\":\"SCMP_CMP_NE\"}]},"
		"{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,"
		"\"value\":16,\"op\":\"SCMP_CMP_NE\"}]},"
		"{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,"
		"\"value\":2114060288,"
		"\"valueTwo\":0,\"op\":\"SCMP_CMP_MASKED_EQ\"}]}");

	ck_assert_int_eq(nuc_profile_parse(text, strlen(text), "p", &profile, NULL), 0);
	ck_assert_int_eq(nuc_verdicts_of_profile(profile, &linux_6_1, &v), 0);
	ck_assert_str_eq(nuc_verdict_find(&v, "socket")->words,
			 "EINVAL if arg0 == 0x10 and arg2 == 9; allowed if arg2 != 9, or arg0 != "
			 "0x10; else EPERM");
	ck_assert_str_eq(nuc_verdict_find(&v, "clone")->words,
			 "allowed if arg0 & 0x7e020000 == 0; else EPERM");
	ck_assert(nuc_verdict_find(&v, "socket")->passes);
	ck_assert(!nuc_verdict_always_allows(nuc_verdict_find(&v, "socket")));
	ck_assert(nuc_verdict_always_allows(nuc_verdict_find(&v, "execve")));
	ck_assert_ptr_null(nuc_verdict_find(&v, "made_up_call"));
}
END_TEST

START_TEST(verdicts_of_the_built_in_list)
{
	const struct nuc_seccomp_params params = { .network = _i & 1, .netlink_route = _i & 2 };
	_cleanup_verdicts_ struct nuc_verdicts v = { 0 };
	const struct sock_filter *filter;
	struct program p;
	size_t passes = 0, rows = 0;

	nuc_seccomp_builtin(&params, &filter, &p.n);
	p.insn = (struct sock_filter *)filter;
	while (nuc_seccomp_allowed(&params, rows))
		rows++;
	ck_assert_int_eq(nuc_verdicts_of_list(&params, &v), 0);
	for (size_t k = 0; k < v.n; k++) {
		passes += v.v[k].passes;
		if (!v.v[k].words)
			ck_assert_msg(native(&p, v.v[k].nr, 0) == v.v[k].action, "%s", v.v[k].name);
	}
	ck_assert_uint_eq(passes, rows);
	ck_assert_uint_eq(native(&p, 5000, 0), v.other);
	ck_assert_str_eq(nuc_verdict_find(&v, "prlimit64")->words, "allowed: pid 0; else EPERM");
}
END_TEST

START_TEST(dangerous_calls_are_sorted_and_none_is_in_the_built_in_list)
{
	const struct nuc_seccomp_params all = { true, true };
	const struct nuc_seccomp_row *row;
	const struct nuc_danger *d;

	for (size_t i = 0; (d = nuc_danger_at(i)); i++) {
		ck_assert_msg(*d->reason, "%s has no reason", d->name);
		ck_assert_msg(!i || strcmp(nuc_danger_at(i - 1)->name, d->name) < 0, "%s", d->name);
		ck_assert_ptr_eq(nuc_danger_of(d->name), d);
	}
	for (size_t i = 0; (row = nuc_seccomp_allowed(&all, i)); i++)
		ck_assert_msg(!nuc_danger_of(row->name), "%s", row->name);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("profile filter");
	TCase *t = tcase_create("profile filter");

	tcase_add_test(t, each_operator_compares_all_64_bits);
	tcase_add_test(t, conditions_are_all_met_unless_two_look_at_one_argument);
	tcase_add_test(t, a_filter_that_libseccomp_gets_wrong_is_refused);
	tcase_add_test(t, names_of_other_architectures_take_nothing_away);
	tcase_add_test(t, actions);
	tcase_add_test(t, the_default_may_be_to_allow);
	tcase_add_test(t, calls_newer_than_the_profile_are_enosys);
	tcase_add_test(t, only_the_entries_that_are_named_are_open);
	tcase_add_test(t, includes_and_excludes);
	tcase_add_test(t, verdicts_are_what_the_filter_says);
	tcase_add_test(t, conditions_in_words);
	tcase_add_loop_test(t, verdicts_of_the_built_in_list, 0, 4);
	tcase_add_test(t, dangerous_calls_are_sorted_and_none_is_in_the_built_in_list);
	tcase_set_timeout(t, 120);
	suite_add_tcase(s, t);
	return run_suite(s);
}
