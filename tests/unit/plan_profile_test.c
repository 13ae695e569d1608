/* SPDX-License-Identifier: MIT */
/* Plans whose system calls are a profile's, on a host that is made up. */
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include "bpf.h"
#include "fake_world.h"
#include "policy_internal.h"
#include "../run_suite.h"

#define EXEC "{\"names\":[\"execve\"],\"action\":\"SCMP_ACT_ALLOW\"}"
#define PROFILE(more) "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[" EXEC more "]}"

static int compile(const char *profile, const char *const *set, struct nuc_plan **ret,
		   nucleus_error **ret_err)
{
	_cleanup_policy_ nucleus_policy *policy = NULL;
	struct nuc_world w = fake_world(false);

	fake_policy_files[NUC_FILE_SECCOMP] = profile;
	ck_assert_int_eq(nucleus_policy_new(&policy), 0);
	ck_assert_int_eq(nucleus_policy_set(policy, "security.seccomp-profile", "/p.json", NULL),
			 0);
	for (; *set; set += 2)
		ck_assert_int_eq(nucleus_policy_set(policy, set[0], set[1], NULL), 0);
	return nuc_compile(policy, &w, ret, ret_err);
}

static const struct nuc_step *seccomp_step(const struct nuc_plan *p)
{
	for (uint32_t i = 0; i < p->n[NUC_PROG_INIT]; i++)
		if (nuc_plan_step(p, p->first[NUC_PROG_INIT] + i)->op == NUC_OP_SECCOMP)
			return nuc_plan_step(p, p->first[NUC_PROG_INIT] + i);
	ck_abort_msg("no filter");
}

static uint32_t verdict(const struct nuc_plan *p, int nr)
{
	const struct nuc_span *span = nuc_plan_data(p, seccomp_step(p)->arg[0]);
	const struct seccomp_data data = { .nr = nr, .arch = AUDIT_ARCH_X86_64 };

	return nuc_bpf_run(nuc_plan_data(p, span->at), span->len / sizeof(struct sock_filter),
			   &data);
}

static bool has_step(const struct nuc_plan *p, uint16_t op)
{
	for (uint32_t i = 0; i < p->n[NUC_PROG_INIT]; i++)
		if (nuc_plan_step(p, p->first[NUC_PROG_INIT] + i)->op == op)
			return true;
	return false;
}

/* Also where it is allowed by arguments alone; and a plan without the step is none. */
START_TEST(who_may_use_keys_gets_a_session_keyring_of_its_own)
{
	static const struct {
		const char *rule;
		bool keys, checked;
	} cases[] = {
		{ "{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_ALLOW\"}", false, false },
		{ "{\"names\":[\"keyctl\"],\"action\":\"SCMP_ACT_ALLOW\"}", true, true },
		{ "{\"names\":[\"add_key\"],\"action\":\"SCMP_ACT_LOG\"}", true, true },
		{ "{\"names\":[\"request_key\"],\"action\":\"SCMP_ACT_ALLOW\"}", true, true },
		{ "{\"names\":[\"keyctl\"],\"action\":\"SCMP_ACT_ALLOW\","
		  "\"args\":[{\"index\":0,\"value\":11,\"op\":\"SCMP_CMP_EQ\"}]}", true, true },
		{ "{\"names\":[\"keyctl\"],\"action\":\"SCMP_ACT_ALLOW\","
		  "\"args\":[{\"index\":2,\"value\":7,\"op\":\"SCMP_CMP_EQ\"}]}", true, false },
	};
	const char *const set[] = { NULL };
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ struct nuc_plan *p = NULL;
	const char *why = NULL;

	ck_assert_int_gt(asprintf(&text, PROFILE(",%s"), cases[_i].rule), 0);
	ck_assert_int_eq(compile(text, set, &p, NULL), 0);
	ck_assert_int_eq(has_step(p, NUC_OP_KEYRING), cases[_i].keys);
	for (uint32_t i = 0; cases[_i].checked && i < p->n[NUC_PROG_INIT]; i++) {
		struct nuc_step *s = (struct nuc_step *)nuc_plan_step(p, p->first[NUC_PROG_INIT] + i);

		/* Without it, but with another that may stand there alike. */
		if (s->op != NUC_OP_KEYRING)
			continue;
		memmove(s, s + 1, (p->n[NUC_PROG_INIT] - i - 1) * sizeof(*s));
		p->n[NUC_PROG_INIT]--;
		p->count[NUC_OP_KEYRING]--;
		ck_assert_int_eq(nuc_verify(p, p->size, &why), -EBADMSG);
		ck_assert_str_eq(why, "a program that has the caller's keys");
		return;
	}
}
END_TEST

/* A virtual machine's own wire to its host is not a network: no namespace holds it. */
START_TEST(a_profile_that_allows_vsock_is_told)
{
	static const char *const rules[] = {
		",{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\"}",
		",{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\","
		"\"args\":[{\"index\":0,\"value\":40,\"op\":\"SCMP_CMP_NE\"}]}",
	};
	const char *const set[] = { NULL };
	_cleanup_free_ char *text = NULL, *words = NULL;
	_cleanup_free_ struct nuc_plan *p = NULL;

	ck_assert_int_gt(asprintf(&text, PROFILE("%s"), rules[_i]), 0);
	ck_assert_int_eq(compile(text, set, &p, NULL), 0);
	ck_assert_int_eq(nuc_explain_text(p, &words), 0);
	ck_assert_int_eq(!!strstr(words, "the seccomp profile allows sockets of AF_VSOCK"), _i == 0);
}
END_TEST

/* What gets past rules of ports: told where there are any. */
START_TEST(a_profile_that_goes_past_ports_is_told)
{
#define ALLOWS(name, args) ",{\"names\":[\"" name "\"],\"action\":\"SCMP_ACT_ALLOW\"" args "}"
#define ARG(index, value, op) ",\"args\":[{\"index\":" #index ",\"value\":" value ",\"op\":\"SCMP_CMP_" op "\"}]"
#define MASKED(index, mask) ARG(index, mask ",\"valueTwo\":0", "MASKED_EQ")
#define IS(index, value) ARG(index, value, "EQ")
	static const struct {
		const char *rules;
		bool mptcp, fast_open;
	} cases[] = {
		{ ALLOWS("socket", "") ALLOWS("sendto", ""), true, true },
		{ ALLOWS("socket", "") ALLOWS("sendto", MASKED(3, "536870912")), true, false },
		{ ALLOWS("socket", IS(2, "0")) ALLOWS("sendmsg", ""), false, true },
		{ ALLOWS("socket", IS(2, "262")) ALLOWS("write", ""), true, false },
		{ ALLOWS("socket", IS(0, "1")) ALLOWS("sendmmsg", ""), false, false },
		{ ALLOWS("socket", IS(0, "10")) ALLOWS("sendmmsg", ""), true, true },
		{ ALLOWS("sendto", ""), false, false },
	};
	static const char *const sets[][3] = {
		{ NULL },
		{ "network.connect-ports", "443", NULL },
		{ "network.bind-ports", "80", NULL },
		{ "security.landlock-policy", "/l.toml", NULL },
	};
	_cleanup_free_ char *text = NULL;

	ck_assert_int_gt(asprintf(&text, PROFILE("%s"), cases[_i].rules), 0);
	fake_policy_files[NUC_FILE_LANDLOCK] = "[[rules]]\npath = '/usr'\naccess = ['read', 'execute']\n";
	for (size_t i = 0; i < NUC_ARRAY_SIZE(sets); i++) {
		_cleanup_free_ struct nuc_plan *p = NULL;
		_cleanup_free_ char *words = NULL;

		ck_assert_int_eq(compile(text, sets[i], &p, NULL), 0);
		ck_assert_int_eq(nuc_explain_text(p, &words), 0);
		ck_assert_int_eq(!!strstr(words, "the seccomp profile allows sockets of MPTCP"), i && cases[_i].mptcp);
		ck_assert_int_eq(!!strstr(words, "the seccomp profile allows MSG_FASTOPEN"),
				 i && cases[_i].fast_open);
	}
}
END_TEST

static const char *const modes[] = { "agent", "strict-agent" };

START_TEST(a_profile_takes_the_place_of_the_list)
{
	const char *const set[] = { "mode", modes[_i], NULL };
	_cleanup_free_ struct nuc_plan *p = NULL;
	_cleanup_free_ char *text = NULL;

	ck_assert_int_eq(
		compile(PROFILE(",{\"names\":[\"bpf\",\"getpid\"],\"action\":\"SCMP_ACT_ALLOW\"}"),
			set, &p, NULL),
		0);
	ck_assert_uint_eq(verdict(p, __NR_execve), SECCOMP_RET_ALLOW);
	ck_assert_uint_eq(verdict(p, __NR_bpf), SECCOMP_RET_ALLOW);
	ck_assert_uint_eq(verdict(p, __NR_read), SECCOMP_RET_ERRNO | EPERM);
	ck_assert_uint_eq(seccomp_step(p)->flags, 0);
	ck_assert_str_eq(nuc_plan_data(p, seccomp_step(p)->origin), "/p.json");
	ck_assert_uint_eq(p->seccomp_calls.len,
			  sizeof("getpid\t") + sizeof("execve\t") + sizeof("bpf\t"));
	ck_assert_int_eq(nuc_explain_text(p, &text), 0);
	ck_assert_msg(strstr(text, "system calls are those of a seccomp profile, sha256 "), "%s",
		      text);
	ck_assert_msg(strstr(text, "the seccomp profile allows dangerous calls: bpf\n"), "%s",
		      text);
	ck_assert_msg(strstr(text, "system calls allowed: 3 ("), "%s", text);
	ck_assert_msg(strstr(text, "[/p.json]"), "%s", text);
}
END_TEST

/* Equal enforcement is the same plan, wherever the file lies. */
START_TEST(the_path_of_a_profile_is_not_in_the_hash)
{
	const char *const elsewhere[] = { "security.seccomp-profile", "/q/r.json", NULL };
	const char *const here[] = { NULL };
	_cleanup_free_ struct nuc_plan *p = NULL, *q = NULL;
	_cleanup_free_ char *a = NULL, *b = NULL;

	ck_assert_int_eq(compile(PROFILE(""), here, &p, NULL), 0);
	ck_assert_int_eq(compile(PROFILE(""), elsewhere, &q, NULL), 0);
	ck_assert_int_eq(nuc_explain_json(p, &a), 0);
	ck_assert_int_eq(nuc_explain_json(q, &b), 0);
	ck_assert_str_eq(a, b);
}
END_TEST

START_TEST(flags_of_a_profile)
{
	const char *const set[] = { NULL };
	_cleanup_free_ struct nuc_plan *p = NULL;
	_cleanup_free_ char *text = NULL;

	ck_assert_int_eq(compile("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_"
				 "FILTER_FLAG_LOG\","
				 "\"SECCOMP_FILTER_FLAG_SPEC_ALLOW\"]}",
				 set, &p, NULL),
			 0);
	ck_assert_uint_eq(seccomp_step(p)->flags, NUC_STEP_LOG);
	ck_assert_int_eq(nuc_explain_text(p, &text), 0);
	ck_assert_msg(strstr(text, ", logged"), "%s", text);
	ck_assert_msg(strstr(text, "SECCOMP_FILTER_FLAG_SPEC_ALLOW is not honoured"), "%s", text);
	/* What is not named is allowed: so is each call that has a name. */
	ck_assert_msg(strstr(text, " kexec_load"), "%s", text);
}
END_TEST

START_TEST(errors_name_the_place_in_the_profile)
{
	const char *const set[] = { "mode", modes[_i], NULL };
	_cleanup_error_ nucleus_error *err = NULL;
	struct nuc_plan *p = NULL;

	ck_assert_int_eq(compile("{\n \"defaultAction\": \"SCMP_ACT_NOTIFY\"}", set, &p, &err),
			 -EINVAL);
	ck_assert_str_eq(nucleus_error_origin(err), "/p.json:2:19");
	nucleus_error_free(err);
	err = NULL;
	ck_assert_int_eq(compile("{\n \"defaultAction\": \"SCMP_ACT_ERRNO\"}", set, &p, &err),
			 -EINVAL);
	ck_assert_str_eq(nucleus_error_origin(err), "/p.json:2:19");
	nucleus_error_free(err);
	err = NULL;
	ck_assert_int_eq(compile(NULL, set, &p, &err), -ENOENT);
}
END_TEST

START_TEST(a_profile_and_no_seccomp_contradict_each_other)
{
	const char *const set[] = { "security.seccomp", "off", NULL };
	_cleanup_error_ nucleus_error *err = NULL;
	struct nuc_plan *p = NULL;

	ck_assert_int_eq(compile(PROFILE(""), set, &p, &err), -EINVAL);
	ck_assert_msg(strstr(nucleus_error_message(err), "but security.seccomp is off"), "%s",
		      nucleus_error_message(err));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("plan profile");
	TCase *t = tcase_create("plan profile");

	tcase_add_loop_test(t, a_profile_takes_the_place_of_the_list, 0, 2);
	tcase_add_loop_test(t, who_may_use_keys_gets_a_session_keyring_of_its_own, 0, 6);
	tcase_add_loop_test(t, a_profile_that_goes_past_ports_is_told, 0, 7);
	tcase_add_loop_test(t, a_profile_that_allows_vsock_is_told, 0, 2);
	tcase_add_test(t, the_path_of_a_profile_is_not_in_the_hash);
	tcase_add_test(t, flags_of_a_profile);
	tcase_add_loop_test(t, errors_name_the_place_in_the_profile, 0, 2);
	tcase_add_test(t, a_profile_and_no_seccomp_contradict_each_other);
	suite_add_tcase(s, t);
	return run_suite(s);
}
