/* SPDX-License-Identifier: MIT */
/* Seccomp profiles: what is refused, and what a report says. */
#include "profile_programs.h"

#define RULE(r) "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\n\"syscalls\":[" r "]}"
#define NAMED(r) RULE("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"," r "}")
#define ARG(a) NAMED("\n\"args\":[{" a "}]")

static const struct {
	const char *text, *origin, *message;
} bad[] = {
	{ "", "1:1", "'{' was expected" },
	{ "[]", "1:1", "'{' was expected" },
	{ "{}", "1:1", "defaultAction is missing" },
	{ "{\"defaultAction\":null}", "1:1", "defaultAction is missing" },
	{ "{\"defaultAction\":1}", "1:18", "defaultAction is not a string" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALOW\"}", "1:18", "there is no \"SCMP_ACT_ALOW\"" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\\u0000\"}", "1:18",
	  "defaultAction is not a string" },
	{ "{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", "1:18", "SCMP_ACT_NOTIFY is not supported" },
	{ "{\"defaultAction\":\"SCMP_ACT_TRACE\"}", "1:18", "SCMP_ACT_TRACE is not supported" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\n \"syscall\":[]}", "2:12",
	  "no key \"syscall\"" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\n \"defaultAction\":\"SCMP_ACT_KILL\"}", "2:2",
	  "set twice" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1}", "1:53",
	  "SCMP_ACT_ALLOW has no errno" },
	{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":4095}", "1:53",
	  "more than 4094" },
	{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":-1}", "1:53", "less than 0" },
	{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":1.0}", "1:53",
	  "not an integer" },
	{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrno\":\"ENOPE\"}", "1:50",
	  "no error \"ENOPE\"" },
	{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":1,\"defaultErrno\":"
	  "\"ENOSYS\"}",
	  "1:70", "ENOSYS is 38, but defaultErrnoRet says 1" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_NEW_LISTENER\"]}",
	  "1:44", "there is no \"SECCOMP_FILTER_FLAG_NEW_LISTENER\"" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerMetadata\":\"x\"}", "1:54",
	  "without listenerPath" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"amd64\"]}", "1:52",
	  "no \"amd64\"" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":{}}", "1:51", "not an array" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_X86\"],\n"
	  "\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86_64\"}]}",
	  "2:11", "both architectures and archMap" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"archMap\":[{}]}", "1:46",
	  "architecture is missing" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\n\"archMap\":[{\"architecture\":\"SCMP_ARCH_"
	  "S390X\","
	  "\"subArchitectures\":[\"SCMP_ARCH_S391\"]}]}",
	  "2:66", "there is no \"SCMP_ARCH_S391\"" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"archMap\":[{\"arch\":\"SCMP_ARCH_X86\"}]}",
	  "1:54", "no key \"arch\"" },
	{ RULE("1"), "2:13", "an entry of syscalls is not an object" },
	{ RULE("{}"), "2:13", "action is missing" },
	{ RULE("{\"action\":\"SCMP_ACT_ALLOW\"}"), "2:13", "names is missing" },
	{ RULE("{\"action\":\"SCMP_ACT_ALLOW\",\"names\":[]}"), "2:48", "names is empty" },
	{ RULE("{\"action\":\"SCMP_ACT_ALLOW\",\"names\":[\"\"]}"), "2:49",
	  "not a name of a system call" },
	{ RULE("{\"action\":\"SCMP_ACT_ALLOW\",\"names\":[\"re\\u001bad\"]}"), "2:49",
	  "\"re?ad\" is not a name" },
	{ RULE("{\"action\":\"SCMP_ACT_ALLOW\",\"names\":\"read\"}"), "2:48",
	  "names is not an array" },
	{ RULE("{\"action\":\"SCMP_ACT_ALLOW\",\"names\":[\"read\"],\"name\":\"write\"}"), "2:64",
	  "both name and names" },
	{ RULE("{\"action\":\"SCMP_ACT_NOTIFY\",\"names\":[\"read\"]}"), "2:23",
	  "SCMP_ACT_NOTIFY is not supported" },
	{ RULE("{\"action\":\"SCMP_ACT_KILL\",\"names\":[\"read\"],\"errnoRet\":1}"), "2:67",
	  "SCMP_ACT_KILL has no errno" },
	{ NAMED("\"arg\":[]"), "2:63", "no key \"arg\"" },
	{ NAMED("\"comment\":1"), "2:67", "comment is not a string" },
	{ NAMED("\"includes\":{\"cap\":[]}"), "2:75", "no key \"cap\"" },
	{ NAMED("\"includes\":{\"caps\":[\"CAP_SYS_ADMN\"]}"), "2:77",
	  "no capability \"CAP_SYS_ADMN\"" },
	{ NAMED("\"excludes\":{\"arches\":[\"x64\"]}"), "2:79", "there is no \"x64\"" },
	{ NAMED("\"includes\":{\"minKernel\":\"6\"}"), "2:81", "not a version" },
	{ NAMED("\"includes\":{\"minKernel\":\"6.1.0\"}"), "2:81", "not a version" },
	{ NAMED("\"includes\":{\"minKernel\":\"0.0\"}"), "2:81", "not a version" },
	{ NAMED("\"includes\":{\"minKernel\":6.1}"), "2:81", "minKernel is not a string" },
	{ ARG("\"index\":0,\"value\":1"), "3:9", "op is missing" },
	{ ARG("\"index\":0,\"op\":\"SCMP_CMP_EQ\""), "3:9", "value is missing" },
	{ ARG("\"value\":0,\"op\":\"SCMP_CMP_EQ\""), "3:9", "index is missing" },
	{ ARG("\"index\":6,\"value\":1,\"op\":\"SCMP_CMP_EQ\""), "3:18", "6 is more than 5" },
	{ ARG("\"index\":-1,\"value\":1,\"op\":\"SCMP_CMP_EQ\""), "3:18", "-1 is less than 0" },
	{ ARG("\"index\":0,\"value\":-1,\"op\":\"SCMP_CMP_EQ\""), "3:28", "-1 is less than 0" },
	{ ARG("\"index\":0,\"value\":18446744073709551616,\"op\":\"SCMP_CMP_EQ\""), "3:28",
	  "out of range" },
	{ ARG("\"index\":0,\"value\":\"1\",\"op\":\"SCMP_CMP_EQ\""), "3:28",
	  "value is not an integer" },
	{ ARG("\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_XX\""), "3:35",
	  "there is no \"SCMP_CMP_XX\"" },
	{ ARG("\"index\":0,\"value\":1,\"valueTwo\":1,\"op\":\"SCMP_CMP_EQ\""), "3:41",
	  "means nothing" },
	{ ARG("\"index\":0,\"value\":1,\"valueTwo\":2,\"op\":\"SCMP_CMP_MASKED_EQ\""), "3:41",
	  "never equal" },
	{ ARG("\"index\":0,\"value\":0,\"valueTwo\":0,\"op\":\"SCMP_CMP_MASKED_EQ\""), "3:28",
	  "a mask of 0" },
};

static int try_compile(const char *text, struct sock_filter **ret, size_t *ret_n,
		       nucleus_error **err)
{
	_cleanup_profile_ struct nuc_profile *p = NULL;
	int r = nuc_profile_parse(text, strlen(text), "p.json", &p, err);

	return r < 0 ? r : nuc_profile_compile(p, &linux_6_1, ret, ret_n, err);
}

static void must_fail(const char *text, const char *origin, const char *message)
{
	_cleanup_free_ char *want = nuc_strf("p.json:%s", origin);
	_cleanup_error_ nucleus_error *err = NULL;
	struct sock_filter *untouched = NULL;
	size_t n;

	ck_assert_msg(try_compile(text, &untouched, &n, &err) == -EINVAL, "accepted: %.200s", text);
	ck_assert_ptr_null(untouched);
	ck_assert_msg(!strcmp(nucleus_error_origin(err), want), "%.200s\nat %s, not %s: %s", text,
		      nucleus_error_origin(err), want, nucleus_error_message(err));
	ck_assert_msg(strstr(nucleus_error_message(err), message), "%.200s\nsays '%s', not '%s'",
		      text, nucleus_error_message(err), message);
	ck_assert_msg(nucleus_error_hint(err) && *nucleus_error_hint(err), "%.200s\nno hint", text);
}

START_TEST(what_is_no_profile_is_refused_with_its_place)
{
	must_fail(bad[_i].text, bad[_i].origin, bad[_i].message);
}
END_TEST

START_TEST(a_profile_under_which_nothing_could_start_is_refused)
{
	must_fail("{\"defaultAction\":\"SCMP_ACT_ERRNO\"}", "1:18", "does not allow execve");
	must_fail(RULE("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"}"), "1:18",
		  "does not allow execve");
	must_fail(RULE("{\"names\":[\"execve\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
		       "{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_NE\"}]}"),
		  "2:13", "does not allow execve");
	must_fail("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[\n"
		  "{\"names\":[\"execve\"],\"action\":\"SCMP_ACT_KILL\"}]}",
		  "2:1", "does not allow execve");
	must_fail(RULE("{\"names\":[\"execve\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{"
		       "\"caps\":[\"CAP_KILL\"]}}"),
		  "1:18", "does not allow execve");
}
END_TEST

START_TEST(a_filter_is_not_longer_than_the_kernel_takes)
{
	struct nuc_buf b = { 0 };
	_cleanup_free_ char *text = NULL;

	nuc_buf_puts(&b, "{\"defaultAction\":\n\"SCMP_ACT_ALLOW\",\"syscalls\":[");
	for (int i = 0; i < 5000; i++)
		nuc_buf_printf(&b,
			       "%s{\"names\":[\"ioctl\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":"
			       "[{\"index\":1,\"value\":%d,\"op\":\"SCMP_CMP_EQ\"}]}",
			       i ? "," : "", i * 7);
	nuc_buf_puts(&b, "]}");
	ck_assert_int_eq(nuc_buf_take(&b, &text), 0);
	must_fail(text, "2:1", "longer than the kernel's 4096 instructions");
}
END_TEST

START_TEST(rules_are_bounded)
{
	struct nuc_buf b = { 0 };
	_cleanup_free_ char *text = NULL;

	nuc_buf_puts(&b, "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"action\":\"SCMP_"
			 "ACT_ERRNO\",\"names\":[");
	for (int i = 0; i < 9000; i++)
		nuc_buf_puts(&b, i ? ",\"x\"" : "\"x\"");
	nuc_buf_puts(&b, "]}]}");
	ck_assert_int_eq(nuc_buf_take(&b, &text), 0);
	must_fail(text, "1:47", "more than 8192 rules");
}
END_TEST

START_TEST(unknown_names_are_tolerated_and_listed)
{
	static const char text[] = WITH(
		"{\"names\":[\"made_up_call\",\"getpid\",\"arm_fadvise64_64\",\"made_up_call\"],"
		"\"action\":\"SCMP_ACT_ALLOW\"}");
	_cleanup_program_ struct program p = compile_for(text, &linux_6_1);
	_cleanup_free_ char *report = NULL;

	ck_assert_uint_eq(native(&p, __NR_getpid, 0), ALLOW);
	ck_assert_int_eq(
		nuc_profile_report(text, strlen(text), "p.json", &linux_6_1, &report, NULL), 0);
	ck_assert_msg(strstr(report, "not known here, without effect (1): made_up_call\n"), "%s",
		      report);
	ck_assert_msg(strstr(report, "other architectures, without effect (1): arm_fadvise64_64\n"),
		      "%s", report);
	ck_assert_msg(strstr(report, "2 calls allowed, 0 of them by their arguments; others: "
				     "EPERM, and ENOSYS if newer"),
		      "%s", report);
}
END_TEST

START_TEST(a_report_names_what_does_not_apply_and_what_is_dangerous)
{
	static const char text[] =
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"listenerPath\":\"/x\",\n"
		"\"architectures\":[\"SCMP_ARCH_X86\"],\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\","
		"\"SECCOMP_FILTER_FLAG_SPEC_ALLOW\","
		"\"SECCOMP_FILTER_FLAG_TSYNC\",\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"],"
		"\"syscalls\":[\n" EXEC ",\n"
		"{\"names\":[\"bpf\",\"process_vm_readv\",\"socket\",\"sendto\"],\"action\":\"SCMP_ACT_ALLOW\"},\n"
		"{\"names\":[\"mount\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"caps\":["
		"\"CAP_SYS_ADMIN\"]}},\n"
		"{\"names\":[\"setns\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":"
		"\"7.0\"}},\n"
		"{\"names\":[\"kexec_load\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,"
		"\"value\":0,\"op\":\"SCMP_CMP_EQ\"}]}]}";
	static const char *const parts[] = {
		"entries: x86_64, x86; others kill",
		"in the kernel's log",
		"SPEC_ALLOW is not honoured",
		"listenerPath has no effect",
		"line 5 does not apply (needs CAP_SYS_ADMIN, not kept): allowed mount\n",
		"line 6 does not apply (needs Linux 7.0): allowed setns\n",
		"DANGER: allows bpf: ",
		"note: allows process_vm_readv: ",
		"note: allows sockets of MPTCP, ",
		"note: allows MSG_FASTOPEN, ",
		"DANGER: allows kexec_load by its arguments: ",
	};
	_cleanup_free_ char *report = NULL;

	ck_assert_int_eq(
		nuc_profile_report(text, strlen(text), "p.json", &linux_6_1, &report, NULL), 0);
	for (size_t i = 0; i < NUC_ARRAY_SIZE(parts); i++)
		ck_assert_msg(strstr(report, parts[i]), "no '%s' in\n%s", parts[i], report);
	ck_assert_msg(!strstr(report, "allows mount"), "%s", report);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("profile");
	TCase *t = tcase_create("profile");

	tcase_add_loop_test(t, what_is_no_profile_is_refused_with_its_place, 0,
			    (int)NUC_ARRAY_SIZE(bad));
	tcase_add_test(t, a_profile_under_which_nothing_could_start_is_refused);
	tcase_add_test(t, a_filter_is_not_longer_than_the_kernel_takes);
	tcase_add_test(t, rules_are_bounded);
	tcase_add_test(t, unknown_names_are_tolerated_and_listed);
	tcase_add_test(t, a_report_names_what_does_not_apply_and_what_is_dangerous);
	tcase_set_timeout(t, 120);
	suite_add_tcase(s, t);
	return run_suite(s);
}
