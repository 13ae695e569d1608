/* SPDX-License-Identifier: MIT */
/* What compile makes of the policy files of capabilities and Landlock, on a host that is made up. */
#include "compile.h"
#include "fake_world.h"
#include "landlock_abi.h"
#include "../run_suite.h"

/* For port 80 root's sandbox has to own its network; nobody else's may. */
START_TEST(the_network_is_the_workloads_only_if_a_capability_is_for_it)
{
	static const struct {
		const char *kept;
		bool late;
	} cases[] = { { "NET_BIND_SERVICE", true }, { "NET_RAW", true }, { "KILL", false },
		      { "DAC_OVERRIDE", false } };
	struct nuc_world w = fake_world(_i);

	for (size_t i = 0; i < NUC_ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *text = nuc_strf(
			"bounding.keep = ['%1$s']\npermitted.keep = ['%1$s']\n"
			"inheritable.keep = ['%1$s']\nambient.keep = ['%1$s']\n", cases[i].kept);
		_cleanup_free_ struct nuc_plan *plan = NULL;
		nucleus_policy *policy;
		unsigned int unshares = 0;

		fake_policy_files[NUC_FILE_CAPS] = text;
		ck_assert_int_eq(nucleus_policy_new(&policy), 0);
		ck_assert_int_eq(nucleus_policy_set(policy, "security.caps-policy", "/c", NULL), 0);
		ck_assert_int_eq(nuc_compile(policy, &w, &plan, NULL), 0);
		for (uint32_t k = 0; k < plan->n[NUC_PROG_INIT]; k++)
			unshares += nuc_plan_step(plan, plan->first[NUC_PROG_INIT] + k)->op ==
				    NUC_OP_UNSHARE;
		ck_assert_uint_eq(unshares, _i && cases[i].late);
		ck_assert_int_eq(!!(plan->clone_flags & CLONE_NEWNET), !unshares);
		nucleus_policy_free(policy);
	}
	fake_policy_files[NUC_FILE_CAPS] = NULL;
}
END_TEST

/* A policy file of one option, in a mode: what compile says of it. */
static const struct {
	enum nuc_policy_file_kind kind;
	const char *mode, *text;
	int code;
	const char *origin, *words, *hint; /* with code 0: words of a warning */
} file_refusals[] = {
	{ NUC_FILE_CAPS, "strict-agent", NULL, -ENOENT, NULL, "there is no /policy", NULL },
	{ NUC_FILE_CAPS, "strict-agent", "[bounding]\nkeep = ['KIL']\n", -EINVAL, "/policy:2:9",
	  "there is no capability KIL", "did you mean CAP_KILL?" },
	{ NUC_FILE_CAPS, "strict-agent", "[bounding]\nkeep = [41]\n", -ENOTSUP, "/policy:2:9",
	  "this kernel does not have capability 41: its last is 40", "kernel" },
	{ NUC_FILE_CAPS, "agent", "[bounding]\nkeep = [63]\n", -ENOTSUP, "/policy:2:9",
	  "this kernel does not have capability 63", "kernel" },
	{ NUC_FILE_CAPS, "strict-agent", "[bounding]\nkeep = ['KILL',\n 'SYS_PTRACE']\n", -EPERM,
	  "/policy:3:2", "mode strict-agent refuses CAP_SYS_PTRACE: it takes over the sandbox's init",
	  "remove it" },
	{ NUC_FILE_CAPS, "strict-agent", "[bounding]\nkeep = ['SYS_ADMIN']\n", -EPERM, "/policy:2:9",
	  "refuses CAP_SYS_ADMIN: it unmounts what masks", "remove it" },
	{ NUC_FILE_CAPS, "strict-agent", "[bounding]\nkeep = ['SYS_BOOT']\n", -EPERM, "/policy:2:9",
	  "refuses CAP_SYS_BOOT: reboot(2) kills", "remove it" },
	{ NUC_FILE_CAPS, "strict-agent", "[bounding]\nkeep = ['NET_ADMIN']\n", -EPERM, "/policy:2:9",
	  "refuses CAP_NET_ADMIN", "remove it" },
	{ NUC_FILE_CAPS, "strict-agent", "[bounding]\nkeep = ['SETFCAP']\n", -EPERM, "/policy:2:9",
	  "refuses CAP_SETFCAP", "remove it" },
	{ NUC_FILE_CAPS, "agent", "[bounding]\nkeep = ['SYS_PTRACE']\n", 0, NULL,
	  "CAP_SYS_PTRACE is kept: it takes over", NULL },
#define RULE(path, access) "[[rules]]\npath = '" path "'\naccess = ['" access "']\n"
	{ NUC_FILE_LANDLOCK, "strict-agent", NULL, -ENOENT, NULL, "there is no /policy", NULL },
	{ NUC_FILE_LANDLOCK, "strict-agent", RULE("/x", "reed"), -EINVAL, "/policy:3:11",
	  "there is no right reed", "did you mean read?" },
	{ NUC_FILE_LANDLOCK, "strict-agent", RULE("/none", "read"), -ENOENT, "/policy:2:8",
	  "/none does not exist in the sandbox", "optional = true" },
	{ NUC_FILE_LANDLOCK, "agent", RULE("/none", "read"), 0, NULL,
	  "/none does not exist in the sandbox: its rule grants nothing", NULL },
	/* A file of the host, but not of the sandbox. */
	{ NUC_FILE_LANDLOCK, "strict-agent", RULE("/etc/shadow", "read"), -ENOENT, "/policy:2:8",
	  "/etc/shadow does not exist in the sandbox", "optional" },
	{ NUC_FILE_LANDLOCK, "strict-agent", RULE("/tmp/cache", "all"), -ENOENT, "/policy:2:8",
	  "/tmp/cache does not exist", "optional" },
	{ NUC_FILE_LANDLOCK, "strict-agent", RULE("/dev/null/x", "read"), -ENOENT, "/policy:2:8",
	  "/dev/null/x does not exist", "optional" },
	{ NUC_FILE_LANDLOCK, "strict-agent", RULE("/dev/null", "create"), -ENOTDIR, "/policy:2:8",
	  "/dev/null is a file, and the rule has only rights of directories", "directory" },
	{ NUC_FILE_LANDLOCK, "strict-agent", RULE("/proc/self", "read"), -EINVAL, "/policy:2:8",
	  "/proc/self is something else in each process", "/proc" },
	{ NUC_FILE_LANDLOCK, "strict-agent", RULE("/dev/stdin", "read"), -EINVAL, "/policy:2:8",
	  "/dev/stdin is something else in each process", "open already" },
	{ NUC_FILE_LANDLOCK, "strict-agent", RULE("/proc/1/fd", "read"), -EINVAL, "/policy:2:8",
	  "/proc/1/fd is something else", "/proc" },
	{ NUC_FILE_LANDLOCK, "strict-agent", "min_abi = 8\n", -ENOTSUP, "/policy:1:11",
	  "the Landlock policy needs ABI 8, and this kernel has 7", "lower min_abi" },
	{ NUC_FILE_LANDLOCK, "agent", "min_abi = 8\n", -ENOTSUP, "/policy:1:11",
	  "the Landlock policy needs ABI 8, and this kernel has 7", "lower min_abi" },
	{ NUC_FILE_LANDLOCK, "strict-agent", RULE("/usr", "read") RULE("/bin", "execute"), 0, NULL, NULL,
	  NULL },
	{ NUC_FILE_CAPS, "strict-agent", "[bounding]\nkeep = ['MKNOD', 'SYS_RESOURCE']\n", 0, NULL, NULL,
	  NULL },
};

START_TEST(policy_files_are_refused_where_it_is_wrong)
{
	static const char *const options[NUC_FILE__COUNT] = { [NUC_FILE_CAPS] = "security.caps-policy",
							     [NUC_FILE_LANDLOCK] =
								     "security.landlock-policy" };
	struct nuc_world w = fake_world(_i % 2);
	nucleus_policy *policy;
	nucleus_error *err = NULL;
	struct nuc_plan *plan = NULL;
	const char *warnings;
	int i = _i / 2, r;

	fake_policy_files[file_refusals[i].kind] = file_refusals[i].text;
	ck_assert_int_eq(nucleus_policy_new(&policy), 0);
	ck_assert_int_eq(nucleus_policy_set(policy, "mode", file_refusals[i].mode, NULL), 0);
	ck_assert_int_eq(nucleus_policy_set(policy, options[file_refusals[i].kind], "/policy", NULL), 0);
	r = nuc_compile(policy, &w, &plan, &err);
	ck_assert_msg(r == file_refusals[i].code, "%d %s", r, err ? nucleus_error_message(err) : "");
	if (r < 0) {
		if (file_refusals[i].origin)
			ck_assert_str_eq(nucleus_error_origin(err), file_refusals[i].origin);
		ck_assert_msg(strstr(nucleus_error_message(err), file_refusals[i].words) != NULL, "%s",
			      nucleus_error_message(err));
		if (file_refusals[i].hint)
			ck_assert_msg(strstr(nucleus_error_hint(err), file_refusals[i].hint) != NULL,
				      "%s", nucleus_error_hint(err));
	} else {
		warnings = nuc_plan_data(plan, plan->warnings.at);
		if (file_refusals[i].words)
			ck_assert_msg(strstr(warnings, file_refusals[i].words) != NULL, "%s", warnings);
		else
			ck_assert_uint_eq(plan->warnings.len, 0);
	}
	fake_policy_files[file_refusals[i].kind] = NULL;
	nucleus_error_free(err);
	nucleus_policy_free(policy);
	free(plan);
}
END_TEST

/* On kernels whose Landlock knows less: refused where less would be enforced than was asked for. */
static const struct {
	int abi;
	const char *mode, *text;
	int code;
	const char *words; /* of the error, or of warnings and notes */
	uint64_t fs, net, scoped;
} old_landlocks[] = {
	{ 0, "agent", "", -ENOTSUP, "needs ABI 1, and this kernel has no Landlock", 0, 0, 0 },
	{ 3, "strict-agent", "min_abi = 4\n", -ENOTSUP, "needs ABI 4, and this kernel has 3", 0, 0, 0 },
	{ 3, "agent", "min_abi = 4\n", -ENOTSUP, "needs ABI 4, and this kernel has 3", 0, 0, 0 },
	{ 3, "strict-agent", "[[net]]\nbind = [80]\n", -ENOTSUP, "port rules need Landlock ABI 4", 0, 0, 0 },
	{ 3, "agent", "[[net]]\nbind = [80]\n", 0, "port rules need Landlock ABI 4", 0x7fff, 0, 0 },
	{ 5, "strict-agent", "[scope]\nsignal = true\n", -ENOTSUP, "[scope] needs Landlock ABI 6", 0, 0, 0 },
	{ 4, "strict-agent", RULE("/usr", "ioctl_dev"), 0,
	  "neither restricted nor granted by ABI 4: ioctl_dev", 0x7fff, 3, 0 },
	{ 1, "strict-agent", RULE("/usr", "all"), 0, "Landlock ABI below 2", 0x1fff, 0, 0 },
	{ 6, "strict-agent", "", 0, "", 0xffff, 3, 3 },
	{ 6, "strict-agent", "[scope]\nsignal = false\n", 0, "", 0xffff, 3, 1 },
};

START_TEST(an_older_landlock_is_refused_or_named)
{
	struct nuc_world w = fake_world(_i % 2);
	nucleus_policy *policy;
	nucleus_error *err = NULL;
	struct nuc_plan *plan = NULL;
	int i = _i / 2, r;

	w.facts.landlock_abi = old_landlocks[i].abi;
	fake_policy_files[NUC_FILE_LANDLOCK] = old_landlocks[i].text;
	ck_assert_int_eq(nucleus_policy_new(&policy), 0);
	ck_assert_int_eq(nucleus_policy_set(policy, "mode", old_landlocks[i].mode, NULL), 0);
	ck_assert_int_eq(nucleus_policy_set(policy, "security.landlock-policy", "/policy", NULL), 0);
	r = nuc_compile(policy, &w, &plan, &err);
	ck_assert_msg(r == old_landlocks[i].code, "%d %s", r, err ? nucleus_error_message(err) : "");
	if (r < 0)
		ck_assert_msg(strstr(nucleus_error_message(err), old_landlocks[i].words) != NULL, "%s",
			      nucleus_error_message(err));
	for (uint32_t k = 0; r == 0 && k < plan->n[NUC_PROG_INIT]; k++) {
		const struct nuc_step *s = nuc_plan_step(plan, plan->first[NUC_PROG_INIT] + k);
		const struct nuc_landlock_attr *a = nuc_plan_data(plan, s->arg[0]);

		if (s->op != NUC_OP_LANDLOCK_POLICY_RULESET)
			continue;
		ck_assert_uint_eq(a->fs, old_landlocks[i].fs);
		ck_assert_uint_eq(a->net, old_landlocks[i].net);
		ck_assert_uint_eq(a->scoped, old_landlocks[i].scoped);
	}
	if (r == 0) {
		_cleanup_free_ char *text = NULL;

		ck_assert_int_eq(nuc_explain_text(plan, &text), 0);
		ck_assert_msg(strstr(text, old_landlocks[i].words) != NULL, "%s", text);
	}
	fake_policy_files[NUC_FILE_LANDLOCK] = NULL;
	nucleus_error_free(err);
	nucleus_policy_free(policy);
	free(plan);
}
END_TEST

START_TEST(a_policy_on_a_landlock_that_is_off_is_refused)
{
	struct nuc_world w = fake_world(true);
	nucleus_policy *policy;
	nucleus_error *err = NULL;
	struct nuc_plan *plan = NULL;

	fake_policy_files[NUC_FILE_LANDLOCK] = "";
	ck_assert_int_eq(nucleus_policy_new(&policy), 0);
	ck_assert_int_eq(nucleus_policy_set(policy, "security.landlock", "off", NULL), 0);
	ck_assert_int_eq(nucleus_policy_set(policy, "security.landlock-policy", "/policy", NULL), 0);
	ck_assert_int_eq(nuc_compile(policy, &w, &plan, &err), -EINVAL);
	ck_assert_str_eq(nucleus_error_message(err),
			 "there is a Landlock policy, but Landlock is switched off");
	fake_policy_files[NUC_FILE_LANDLOCK] = NULL;
	nucleus_error_free(err);
	nucleus_policy_free(policy);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("policy_files");
	TCase *t = tcase_create("policy_files");

	tcase_add_loop_test(t, the_network_is_the_workloads_only_if_a_capability_is_for_it, 0, 2);
	tcase_add_loop_test(t, policy_files_are_refused_where_it_is_wrong, 0,
			    2 * NUC_ARRAY_SIZE(file_refusals));
	tcase_add_loop_test(t, an_older_landlock_is_refused_or_named, 0,
			    2 * NUC_ARRAY_SIZE(old_landlocks));
	tcase_add_test(t, a_policy_on_a_landlock_that_is_off_is_refused);
	suite_add_tcase(s, t);
	return run_suite(s);
}
