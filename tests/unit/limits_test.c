/* SPDX-License-Identifier: MIT */
/* Limits by control group: their values, and what compile makes of them on hosts that have less. */

#include "fake_world.h"
#include "policy_internal.h"
#include "../run_suite.h"

/* ---- values ---------------------------------------------------------------------------------- */

static const struct {
	const char *key, *value;
	int code;	   /* of nucleus_policy_set() */
	const char *shown; /* canonical, or words of the message */
} values[] = {
	{ "limits.memory", "1M", 0, "1M" },
	{ "limits.memory", "1048575", -ERANGE, "less than 1M" },
	{ "limits.memory", "lots", -EINVAL, "not a size" },
	{ "limits.swap", "0", 0, "0" },
	{ "limits.cpus", "0.5", 0, "0.5" },
	{ "limits.cpus", "2", 0, "2" },
	{ "limits.cpus", "2.0", 0, "2" },
	{ "limits.cpus", "1.250", 0, "1.25" },
	{ "limits.cpus", "0.125", 0, "0.125" },
	{ "limits.cpus", "0.01", 0, "0.01" },
	{ "limits.cpus", "10.05", 0, "10.05" },
	{ "limits.cpus", "0.009", -ERANGE, "between 0.01 and 8192" },
	{ "limits.cpus", "8192.001", -ERANGE, "between 0.01 and 8192" },
	{ "limits.cpus", "0", -ERANGE, "between" },
	{ "limits.cpus", "0.1234", -EINVAL, "not such a number" },
	{ "limits.cpus", "1.", -EINVAL, "not such a number" },
	{ "limits.cpus", ".5", -EINVAL, "not such a number" },
	{ "limits.cpus", "-1", -EINVAL, "not such a number" },
	{ "limits.cpus", "1e3", -EINVAL, "not such a number" },
	{ "limits.cpus", "nan", -EINVAL, "not such a number" },
	{ "limits.cpus", "99999999999999999999", -ERANGE, "between" },
	{ "limits.cpus", "9223372036854775807.5", -ERANGE, "between" },
	{ "limits.cpu-weight", "1", 0, "1" },
	{ "limits.cpu-weight", "10001", -ERANGE, "between 1 and 10000" },
	{ "limits.pids", "1", -ERANGE, "between 2" },
	{ "limits.cpuset", "0", 0, "0" },
	{ "limits.cpuset", "3,1,2", 0, "1-3" },
	{ "limits.cpuset", "0-2,2-5,8", 0, "0-5,8" },
	{ "limits.cpuset", "63-64", 0, "63-64" },
	{ "limits.cpuset", "8191", 0, "8191" },
	{ "limits.cpuset", "8192", -ERANGE, "8191" },
	{ "limits.cpuset", "99999999", -ERANGE, "8191" },
	{ "limits.cpuset", "3-1", -EINVAL, "not a list" },
	{ "limits.cpuset", "1,", -EINVAL, "not a list" },
	{ "limits.cpuset", "", -EINVAL, "not a list" },
	{ "limits.cpuset", "1-", -EINVAL, "not a list" },
	{ "limits.cpuset", "0 1", -EINVAL, "not a list" },
	{ "limits.cpuset", "all", -EINVAL, "not a list" },
	{ "limits.io-max", "/dev/sda:wbps=10485760", 0, "/dev/sda:wbps=10M" },
	{ "limits.io-max", "8:0:wiops=5,rbps=1K", 0, "8:0:rbps=1K,wiops=5" },
	{ "limits.io-max", "/dev/disk/by-path/pci-0:1:rbps=1M", 0, "/dev/disk/by-path/pci-0:1:rbps=1M" },
	{ "limits.io-max", "/dev/sda:wbps=0", -ERANGE, "not a bound" },
	{ "limits.io-max", "/dev/sda:wbps=1,wbps=2", -EINVAL, "not a bound" },
	{ "limits.io-max", "/dev/sda:wbps", -EINVAL, "not a bound" },
	{ "limits.io-max", "/dev/sda:", -EINVAL, "not a bound" },
	{ "limits.io-max", "/dev/sda", -EINVAL, "not a bound" },
	{ "limits.io-max", "/dev/sda:wbps=1M,", -EINVAL, "not a bound" },
	{ "limits.io-max", "/dev/sda:bps=1M", -EINVAL, "not a bound" },
	{ "limits.io-max", "/dev/sda:riops=1M", -EINVAL, "not a bound" },
	{ "limits.io-max", "sda:wbps=1M", -EINVAL, "not a bound" },
	{ "limits.io-max", "8:wbps=1M", -EINVAL, "not a bound" },
	{ "limits.io-max", ":wbps=1M", -EINVAL, "not a bound" },
};

START_TEST(values_have_one_form)
{
	nucleus_policy *policy;
	nucleus_error *err = NULL;
	int id = nuc_option_find(values[_i].key), r;

	ck_assert_int_ge(id, 0);
	ck_assert_int_eq(nucleus_policy_new(&policy), 0);
	r = nucleus_policy_set(policy, values[_i].key, values[_i].value, &err);
	ck_assert_msg(r == values[_i].code, "%s: %d %s", values[_i].value, r,
		      err ? nucleus_error_message(err) : "");
	if (r < 0)
		ck_assert_msg(strstr(nucleus_error_message(err), values[_i].shown) != NULL, "%s: %s",
			      values[_i].value, nucleus_error_message(err));
	else
		ck_assert_str_eq(nuc_policy_item(policy, (enum nuc_option_id)id, 0), values[_i].shown);
	nucleus_error_free(err);
	nucleus_policy_free(policy);
}
END_TEST

static const struct {
	const char *written;
	int64_t thousandths; /* -1: refused */
} documents[] = {
	{ "0.1", 100 },	    { "0.7", 700 },	{ "2", 2000 },	      { "1.125", 1125 },
	{ "\"0.3\"", 300 }, { "1e1", 10000 },	{ "0.0001", -1 },     { "0.1234", -1 },
	{ "-0.5", -1 },	    { "1e300", -1 },	{ "true", -1 },	      { "[1]", -1 },
	{ "-1", -1 },
};

START_TEST(decimals_in_documents_are_what_is_written)
{
	_cleanup_free_ char *text = nuc_strf("[limits]\ncpus = %s\n", documents[_i].written);
	_cleanup_doc_ struct nuc_doc *doc = NULL;
	nucleus_policy *policy;
	nucleus_error *err = NULL;
	int r;

	ck_assert_int_eq(nucleus_policy_new(&policy), 0);
	ck_assert_int_eq(nuc_toml_parse(text, strlen(text), "a.toml", &doc, NULL), 0);
	r = nuc_policy_add_document(policy, doc, "a.toml", NULL, &err);
	if (documents[_i].thousandths < 0) {
		ck_assert_int_eq(r, -EINVAL);
		ck_assert_str_eq(nucleus_error_origin(err), "a.toml:2:8");
	} else {
		ck_assert_int_eq(r, 0);
		ck_assert_int_eq(nuc_policy_int(policy, NUC_OPT_CPUS), documents[_i].thousandths);
	}
	nucleus_error_free(err);
	nucleus_policy_free(policy);
}
END_TEST

/* ---- plans ----------------------------------------------------------------------------------- */

struct settings {
	const char *mode;
	const char *set[4][2]; /* keys and values, up to NULL */
};

static int compile(const struct settings *s, struct nuc_plan **ret, nucleus_error **ret_err)
{
	struct nuc_world w = fake_world(false);
	nucleus_policy *policy;
	int r;

	ck_assert_int_eq(nucleus_policy_new(&policy), 0);
	ck_assert_int_eq(nucleus_policy_set(policy, "mode", s->mode, NULL), 0);
	for (size_t i = 0; i < NUC_ARRAY_SIZE(s->set) && s->set[i][0]; i++)
		ck_assert_int_eq(nucleus_policy_set(policy, s->set[i][0], s->set[i][1], NULL), 0);
	r = nuc_compile(policy, &w, ret, ret_err);
	nucleus_policy_free(policy);
	return r;
}

static const struct {
	struct nuc_cgroup_place place;
	struct settings settings;
	int code;
	const char *words;
} refusals[] = {
	{ { .refused = NUC_CGROUP_NOT_MOUNTED }, { "strict-agent", { { "limits.memory", "64M" } } },
	  -ENOTSUP, "limits.memory (memory.max): no cgroup version 2 hierarchy" },
	{ { .refused = NUC_CGROUP_READ_ONLY }, { "strict-agent", { { "limits.pids", "64" } } }, -ENOTSUP,
	  "limits.pids (pids.max): the cgroup hierarchy is mounted read-only" },
	{ { .refused = NUC_CGROUP_NOT_DELEGATED }, { "strict-agent", { { "limits.cgroup", "true" } } },
	  -ENOTSUP, "no cgroup is delegated" },
	{ { .refused = NUC_CGROUP_OUTSIDE }, { "strict-agent", { { "limits.cpus", "1" } } }, -ENOTSUP,
	  "outside of the mounted hierarchy" },
	/* As systemd delegates to users. */
	{ { .path = "/p", .controllers = "cpu memory pids" },
	  { "strict-agent", { { "limits.cpuset", "0" } } }, -ENOTSUP,
	  "limits.cpuset (cpuset.cpus): groups of this user have no such controller" },
	{ { .path = "/p", .controllers = "memory", .occupied = true },
	  { "strict-agent", { { "limits.memory", "64M" } } }, -ENOTSUP, "processes live in the group" },
	{ { .path = "/p", .controllers = "cpuset", .cpus = "0-1" },
	  { "strict-agent", { { "limits.cpuset", "1-2" } } }, -ENXIO, "there are 0-1" },
	/* The kernel would run it on what is left: that is no downgrade, but a mistake. */
	{ { .path = "/p", .controllers = "cpuset", .cpus = "0-1" },
	  { "agent", { { "limits.cpuset", "7" } } }, -ENXIO, "there are 0-1" },
	{ { .path = "/p", .controllers = "io" },
	  { "strict-agent", { { "limits.io-max", "/dev/null:wbps=1M" } } }, -ENOTBLK,
	  "/dev/null is not a block device" },
	{ { .path = "/p", .controllers = "io" },
	  { "strict-agent", { { "limits.io-max", "/dev/none:wbps=1M" } } }, -ENOENT,
	  "/dev/none is not a block device" },
	{ { .path = "/p", .controllers = "memory" }, { "production", { { "limits.memory", "64M" } } },
	  -ENOTSUP, "own root file system" },
};

START_TEST(what_no_group_can_enforce_is_refused)
{
	nucleus_error *err = NULL;
	struct nuc_plan *plan = NULL;

	fake_place = refusals[_i].place;
	ck_assert_int_eq(compile(&refusals[_i].settings, &plan, &err), refusals[_i].code);
	ck_assert_msg(strstr(nucleus_error_message(err), refusals[_i].words) != NULL, "message: %s",
		      nucleus_error_message(err));
	ck_assert_ptr_null(plan);
	nucleus_error_free(err);
}
END_TEST

static bool says(const struct nuc_plan *plan, const char *words)
{
	_cleanup_free_ char *text = NULL;

	ck_assert_int_eq(nuc_explain_text(plan, &text), 0);
	return strstr(text, words) != NULL;
}

START_TEST(mode_agent_goes_on_with_rlimits_and_says_so)
{
	static const struct settings s = { "agent", { { "limits.memory", "64M" },
						      { "limits.pids", "20" },
						      { "limits.cpus", "1" } } };
	_cleanup_free_ struct nuc_plan *plan = NULL;

	fake_place = (struct nuc_cgroup_place){ .refused = NUC_CGROUP_READ_ONLY };
	ck_assert_int_eq(compile(&s, &plan, NULL), 0);
	ck_assert_uint_eq(plan->count[NUC_OP_CGROUP], 0);
	ck_assert_uint_eq(plan->count[NUC_OP_CGROUP_SET], 0);
	ck_assert(says(plan, "limits.memory (memory.max): the cgroup hierarchy is mounted read-only; each "
			     "process may have so much data instead (RLIMIT_DATA)"));
	ck_assert(says(plan, "limits.pids (pids.max): "));
	ck_assert(says(plan, "limits.cpus (cpu.max): "));
	ck_assert(says(plan, "rlimit data 67108864"));
	ck_assert(says(plan, "rlimit nproc 20"));
	ck_assert(!says(plan, "/sys/fs/cgroup"));
}
END_TEST

START_TEST(mode_agent_leaves_out_only_what_is_missing)
{
	static const struct settings s = { "agent", { { "limits.memory", "64M" }, { "limits.cpus", "1" } } };
	_cleanup_free_ struct nuc_plan *plan = NULL;

	fake_place = (struct nuc_cgroup_place){ .path = "/p", .controllers = "memory pids" };
	ck_assert_int_eq(compile(&s, &plan, NULL), 0);
	ck_assert(says(plan, "cgroup-set memory.max 67108864"));
	ck_assert(says(plan, "cgroup-set memory.swap.max 0"));
	ck_assert(says(plan, "cgroup-set memory.oom.group 1"));
	ck_assert(says(plan, "cgroup /p memory (memory pids)"));
	ck_assert(!says(plan, "cgroup-set cpu.max"));
	ck_assert(says(plan, "limits.cpus (cpu.max): groups of this user have no such controller"));
	ck_assert(!says(plan, "rlimit data"));
}
END_TEST

START_TEST(swap_is_off_where_memory_is_limited_unless_it_is_set)
{
	static const struct settings s[] = {
		{ "strict-agent", { { "limits.memory", "64M" }, { "limits.swap", "1M" } } },
		{ "strict-agent", { { "limits.memory-high", "64M" } } },
	};
	_cleanup_free_ struct nuc_plan *set = NULL, *high = NULL;

	ck_assert_int_eq(compile(&s[0], &set, NULL), 0);
	ck_assert(says(set, "cgroup-set memory.swap.max 1048576"));
	ck_assert(!says(set, "cgroup-set memory.swap.max 0"));
	ck_assert_int_eq(compile(&s[1], &high, NULL), 0);
	ck_assert(!says(high, "memory.swap.max"));
	ck_assert(!says(high, "memory.oom.group"));
}
END_TEST

START_TEST(a_group_alone_needs_no_controllers)
{
	static const struct settings s = { "strict-agent", { { "limits.cgroup", "true" } } };
	_cleanup_free_ struct nuc_plan *plan = NULL;

	fake_place = (struct nuc_cgroup_place){ .path = "/p", .controllers = "memory", .occupied = true };
	ck_assert_int_eq(compile(&s, &plan, NULL), 0);
	ck_assert(says(plan, "cgroup /p - ()"));
	ck_assert(says(plan, "cgroup-set cgroup.max.depth 0"));
	ck_assert(says(plan, "mount cgroup2 on /sys/fs/cgroup (ro,nosuid,nodev,noexec)"));
}
END_TEST

START_TEST(the_place_is_not_in_the_hash)
{
	static const struct settings s = { "strict-agent", { { "limits.memory", "64M" } } };
	_cleanup_free_ char *a = NULL, *b = NULL, *c = NULL;
	static const struct settings more = { "strict-agent", { { "limits.memory", "65M" } } };
	_cleanup_free_ struct nuc_plan *here = NULL, *there = NULL, *other = NULL;

	ck_assert_int_eq(compile(&s, &here, NULL), 0);
	fake_place = (struct nuc_cgroup_place){ .path = "/elsewhere", .controllers = "memory" };
	ck_assert_int_eq(compile(&s, &there, NULL), 0);
	ck_assert_int_eq(compile(&more, &other, NULL), 0);
	ck_assert_int_eq(nuc_explain_json(here, &a), 0);
	ck_assert_int_eq(nuc_explain_json(there, &b), 0);
	ck_assert_int_eq(nuc_explain_json(other, &c), 0);
	ck_assert_str_eq(a, b);
	ck_assert_str_ne(a, c);
}
END_TEST

/* The order of their names would decide which of the two bounds counts. */
START_TEST(a_disk_is_bounded_once_whatever_it_is_called)
{
	static const char *const names[] = { "8:0", "08:0", "8:00" };

	for (size_t i = 0; i < NUC_ARRAY_SIZE(names); i++) {
		struct nuc_world w = fake_world(false);
		_cleanup_free_ char *item = nuc_strf("%s:wbps=2M", names[i]);
		nucleus_policy *policy;
		nucleus_error *err = NULL;
		struct nuc_plan *plan = NULL;

		ck_assert_int_eq(nucleus_policy_new(&policy), 0);
		ck_assert_int_eq(nucleus_policy_add(policy, "limits.io-max", "/dev/sda:wbps=1M", NULL), 0);
		ck_assert_int_eq(nucleus_policy_add(policy, "limits.io-max", item, NULL), 0);
		ck_assert_int_eq(nuc_compile(policy, &w, &plan, &err), -EEXIST);
		ck_assert_ptr_nonnull(strstr(nucleus_error_message(err), "8:0 is bounded already"));
		nucleus_error_free(err);
		nucleus_policy_free(policy);
	}
}
END_TEST

/* The last one written would count. */
START_TEST(verify_wants_each_limit_once_and_a_limit)
{
	static const struct settings s = { "strict-agent", { { "limits.memory", "64M" },
							     { "limits.memory-high", "32M" } } };
	_cleanup_free_ struct nuc_plan *plan = NULL;
	const char *why;
	uint32_t high = 0;
	struct nuc_step *step;

	ck_assert_int_eq(compile(&s, &plan, NULL), 0);
	while (nuc_plan_step(plan, high)->op != NUC_OP_CGROUP_SET ||
	       strcmp(nuc_plan_data(plan, nuc_plan_step(plan, high)->arg[0]), "memory.high") != 0)
		high++;
	/* memory.max stands behind it: two of that name, with rising values. */
	step = (struct nuc_step *)nuc_plan_step(plan, high);
	ck_assert_str_eq(nuc_plan_data(plan, step[1].arg[0]), "memory.max");
	step[0].arg[0] = step[1].arg[0];
	ck_assert_int_eq(nuc_verify(plan, plan->size, &why), -EBADMSG);
	ck_assert_str_eq(why, "a set of steps that is not sorted");
	free(plan);
	plan = NULL;
	ck_assert_int_eq(compile(&s, &plan, NULL), 0);
	step = (struct nuc_step *)nuc_plan_step(plan, high + 1);
	strcpy((char *)nuc_plan_data(plan, step->arg[1]), "max");
	ck_assert_int_eq(nuc_verify(plan, plan->size, &why), -EBADMSG);
	ck_assert_str_eq(why, "a memory limit is claimed and not set");
}
END_TEST

/* What a tampered plan could write to: verify knows the files that only tighten. */
START_TEST(verify_knows_the_files_of_a_group)
{
	static const char *const files[] = { "cgroup.procs", "cgroup.kill", "cgroup.subtree_control",
					     "../memory.max", "cgroup.threads", "memory.reclaim" };
	static const struct settings s = { "strict-agent", { { "limits.memory", "64M" } } };
	const char *why;

	for (size_t i = 0; i < NUC_ARRAY_SIZE(files); i++) {
		_cleanup_free_ struct nuc_plan *plan = NULL;
		struct nuc_step *step;
		uint32_t k = 0;
		char *name;

		ck_assert_int_eq(compile(&s, &plan, NULL), 0);
		while (nuc_plan_step(plan, k)->op != NUC_OP_CGROUP_SET)
			k++;
		step = (struct nuc_step *)nuc_plan_step(plan, k);
		name = (char *)nuc_plan_data(plan, step->arg[0]);
		ck_assert_str_eq(name, "cgroup.max.depth");
		memset(name, 0, strlen("cgroup.max.depth"));
		memcpy(name, files[i], strlen(files[i]) < 16 ? strlen(files[i]) : 16);
		ck_assert_int_eq(nuc_verify(plan, plan->size, &why), -EBADMSG);
		ck_assert_str_eq(why, "a setting of a group that is none");
	}
}
END_TEST

static struct nuc_cgroup_place usual_place;

/* A test that moves it may share its process with the next one: valgrind's run has no others. */
static void restore_place(void)
{
	fake_place = usual_place;
}

int main(void)
{
	Suite *s = suite_create("limits");
	TCase *t = tcase_create("limits");

	usual_place = fake_place;
	tcase_add_checked_fixture(t, restore_place, NULL);
	tcase_add_loop_test(t, values_have_one_form, 0, NUC_ARRAY_SIZE(values));
	tcase_add_loop_test(t, decimals_in_documents_are_what_is_written, 0, NUC_ARRAY_SIZE(documents));
	tcase_add_loop_test(t, what_no_group_can_enforce_is_refused, 0, NUC_ARRAY_SIZE(refusals));
	tcase_add_test(t, mode_agent_goes_on_with_rlimits_and_says_so);
	tcase_add_test(t, mode_agent_leaves_out_only_what_is_missing);
	tcase_add_test(t, swap_is_off_where_memory_is_limited_unless_it_is_set);
	tcase_add_test(t, a_group_alone_needs_no_controllers);
	tcase_add_test(t, the_place_is_not_in_the_hash);
	tcase_add_test(t, a_disk_is_bounded_once_whatever_it_is_called);
	tcase_add_test(t, verify_wants_each_limit_once_and_a_limit);
	tcase_add_test(t, verify_knows_the_files_of_a_group);
	suite_add_tcase(s, t);
	return run_suite(s);
}
