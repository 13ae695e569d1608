/* SPDX-License-Identifier: MIT */
/* What a failed launch says to a person: code, layer, origin, words, and what to do. */

#include "compile.h"
#include "failure.h"
#include "fake_world.h"
#include "../run_suite.h"

/* A plan of strict-agent with a volume that somebody wrote in a file. */
static struct nuc_plan *plan_with(bool workspace)
{
	struct nuc_world w = fake_world(false);
	nucleus_policy *policy;
	struct nuc_plan *plan;

	ck_assert_int_eq(nucleus_policy_new(&policy), 0);
	ck_assert_int_eq(nucleus_policy_set(policy, "mode", "strict-agent", NULL), 0);
	nucleus_policy_set_origin(policy, "policy.toml:7");
	if (workspace)
		ck_assert_int_eq(nucleus_policy_set(policy, "workspace.path", "/home/me/data", NULL), 0);
	else
		ck_assert_int_eq(nucleus_policy_set(policy, "volumes", "/home/me/data:/data", NULL), 0);
	if (!workspace)
		ck_assert_int_eq(nucleus_policy_set(policy, "process.cwd", "/data/sub", NULL), 0);
	ck_assert_int_eq(nuc_compile(policy, &w, &plan, NULL), 0);
	nucleus_policy_free(policy);
	return plan;
}

static struct nuc_plan *make_plan(void)
{
	return plan_with(false);
}

/* The last step with this operation: what a policy asked for comes after what is always there. */
static uint32_t step_of(const struct nuc_plan *p, uint16_t op)
{
	for (uint32_t i = p->first[NUC_PROG_INIT] + p->n[NUC_PROG_INIT]; i--;)
		if (nuc_plan_step(p, i)->op == op)
			return i;
	ck_abort_msg("no step %d", op);
}

static const struct {
	uint16_t op;
	int code;
	const char *layer, *message, *hint; /* parts of them; a hint of NULL: none */
} steps[] = {
	{ NUC_OP_EXEC, ENOENT, "exec", "cannot execute 'prog': No such file", "interpreter" },
	{ NUC_OP_EXEC, EACCES, "exec", "cannot execute 'prog': Permission denied", "--workspace-exec" },
	{ NUC_OP_EXEC, ENOEXEC, "exec", "cannot execute 'prog': Exec format error", "x86_64" },
	{ NUC_OP_EXEC, ENOMEM, "exec", "cannot execute 'prog': Cannot allocate", NULL },
	{ NUC_OP_EXEC_INIT, E2BIG, "exec", "cannot execute 'prog': Argument list", "too long" },
	{ NUC_OP_EXEC_INIT, ENOMEM, "init", "Cannot allocate memory", NULL },
	{ NUC_OP_BIND, ESTALE, "mount", "Stale file handle", "apply it again" },
	{ NUC_OP_BIND, ELOOP, "mount", "Too many levels", "symbolic link" },
	{ NUC_OP_BIND, ENOENT, "mount", "cannot bind /home/me/data on /data: No such file", "target must exist" },
	{ NUC_OP_BIND, EINVAL, "mount", "cannot bind /home/me/data on /data: Invalid", "the other a directory" },
	/* A cause that is not known: all that the step says. */
	{ NUC_OP_BIND, EIO, "mount", "Input/output error", NULL },
	{ NUC_OP_BIND, EIO, "mount", "nosuid", NULL },
	{ NUC_OP_MOUNT, ENOENT, "mount", "cannot mount ", "bound directory" },
	{ NUC_OP_CHDIR, ENOENT, "mount", "cannot start in /data/sub: No such file", "--tmpfs PATH" },
	{ NUC_OP_CHDIR, ENOTDIR, "mount", "cannot start in /data/sub: Not a directory", "it is a file" },
	{ NUC_OP_CHDIR, EACCES, "mount", "cannot start in /data/sub: Permission denied",
	  "may not enter /home/me/data/sub of the host" },
	{ NUC_OP_AUDIT, EBADMSG, "mount audit", "Bad message", "please report this" },
	{ NUC_OP_FORK, EAGAIN, "process", "temporarily unavailable", "limits.processes" },
	{ NUC_OP_SECCOMP, EINVAL, "seccomp", "Invalid argument", NULL },
	{ NUC_OP_LANDLOCK_RESTRICT, E2BIG, "landlock", "Argument list too long", NULL },
	{ NUC_OP_LOOPBACK, EPERM, "network", "Operation not permitted", NULL },
};

START_TEST(a_failed_step_says_what_and_why)
{
	_cleanup_free_ struct nuc_plan *p = make_plan();
	_cleanup_error_ nucleus_error *e = NULL;
	uint32_t step = step_of(p, steps[_i].op);
	const char *hint;

	ck_assert_int_eq(nuc_step_failed(p, step, steps[_i].code, "prog", &e), -steps[_i].code);
	ck_assert_int_eq(nucleus_error_code(e), -steps[_i].code);
	ck_assert_str_eq(nucleus_error_stage(e), "launch");
	ck_assert_str_eq(nucleus_error_layer(e), steps[_i].layer);
	ck_assert_msg(strstr(nucleus_error_message(e), steps[_i].message), "%s",
		      nucleus_error_message(e));
	hint = nucleus_error_hint(e);
	if (steps[_i].hint)
		ck_assert_msg(hint && strstr(hint, steps[_i].hint), "%s", hint);
	else
		ck_assert_msg(!hint || !*hint, "%s", hint);
}
END_TEST

START_TEST(a_step_that_an_option_made_names_its_place)
{
	_cleanup_free_ struct nuc_plan *p = make_plan();
	bool found = false;

	for (uint32_t i = 0; i < p->first[NUC_PROG_INIT] + p->n[NUC_PROG_INIT]; i++) {
		_cleanup_error_ nucleus_error *e = NULL;
		const char *origin;

		nuc_step_failed(p, i, EIO, "prog", &e);
		origin = nucleus_error_origin(e);
		ck_assert_msg(!origin || strcmp(origin, "default"), "step %u", i);
		found |= origin && !strcmp(origin, "policy.toml:7") &&
			 strstr(nucleus_error_message(e), "/data");
	}
	ck_assert(found);
}
END_TEST

/* What nobody asked for fails in a directory that somebody gave. */
START_TEST(a_directory_that_cannot_be_entered_names_who_gave_it)
{
	_cleanup_free_ struct nuc_plan *p = plan_with(true);
	_cleanup_error_ nucleus_error *e = NULL;

	nuc_step_failed(p, step_of(p, NUC_OP_CHDIR), EACCES, "prog", &e);
	ck_assert_str_eq(nucleus_error_message(e), "cannot start in /workspace: Permission denied");
	ck_assert_str_eq(nucleus_error_origin(e), "policy.toml:7");
}
END_TEST

START_TEST(a_killed_launch_names_the_step_it_had_come_to)
{
	_cleanup_free_ struct nuc_plan *p = make_plan();
	_cleanup_error_ nucleus_error *killed = NULL, *oom = NULL, *beyond = NULL;
	uint32_t step = step_of(p, NUC_OP_SECCOMP);
	_cleanup_free_ char *words = nuc_strf("killed during step %u: ", step);

	ck_assert_int_eq(nuc_step_killed(p, step, &killed), -ECANCELED);
	ck_assert_str_eq(nucleus_error_layer(killed), "seccomp");
	ck_assert_ptr_nonnull(strstr(nucleus_error_message(killed), words));
	ck_assert_ptr_nonnull(strstr(nucleus_error_hint(killed), "SIGKILL"));
	ck_assert_int_eq(nuc_launch_oom(p, step, &oom), -ENOMEM);
	ck_assert_str_eq(nucleus_error_layer(oom), "cgroup");
	ck_assert_ptr_nonnull(strstr(nucleus_error_message(oom), "memory limit is too small"));
	ck_assert_ptr_nonnull(strstr(nucleus_error_hint(oom), "limits.memory"));
	/* A number out of a page that a dying process wrote is not believed. */
	ck_assert_int_eq(nuc_step_killed(p, UINT32_MAX, &beyond), -ECANCELED);
	ck_assert_str_eq(nucleus_error_layer(beyond), "launch");
}
END_TEST

START_TEST(a_refused_clone_has_a_mend)
{
	static const struct {
		int code;
		const char *hint;
	} cases[] = {
		{ EPERM, "nucleus doctor" }, { ENOSPC, "user.max_" },	 { EUSERS, "nested" },
		{ EAGAIN, "RLIMIT_NPROC" },  { ENOSYS, "seccomp filter" }, { EINVAL, NULL },
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(cases); i++) {
		_cleanup_error_ nucleus_error *e = NULL;
		const char *hint;

		ck_assert_int_eq(nuc_clone_failed(cases[i].code, &e), -cases[i].code);
		ck_assert_str_eq(nucleus_error_layer(e), "namespaces");
		hint = nucleus_error_hint(e);
		if (cases[i].hint)
			ck_assert_msg(hint && strstr(hint, cases[i].hint), "%d: %s", cases[i].code, hint);
		else
			ck_assert_msg(!hint || !*hint, "%s", hint);
	}
}
END_TEST

/* A Landlock policy may be what refused the program: the error names it, and where it grants that. */
START_TEST(an_exec_refused_under_a_landlock_policy_names_it)
{
	static const struct {
		const char *text;
		uint16_t op;
		int code;
		const char *origin, *hint;
	} cases[] = {
		{ "", NUC_OP_EXEC, EACCES, NULL, "Landlock policy /l.toml grants execute with read nowhere:" },
		{ "[[rules]]\npath = '/usr'\naccess = ['execute', 'read']\n[[rules]]\npath = '/dev/null'\n"
		  "access = ['all']\n", NUC_OP_EXEC, EACCES, NULL,
		  "Landlock policy /l.toml grants execute with read at and below /dev/null, /usr:" },
		{ "[[rules]]\npath = '/usr'\naccess = ['read']\n", NUC_OP_EXEC, EACCES, NULL,
		  "[\"read\", \"execute\"]" },
		{ "[[rules]]\npath = '/usr'\naccess = ['read']\n", NUC_OP_LANDLOCK_POLICY_PATH, ENOENT,
		  "/l.toml:2:8", "optional = true" },
		{ "[[rules]]\npath = '/usr'\naccess = ['read']\n", NUC_OP_LANDLOCK_POLICY_PATH, ELOOP,
		  "/l.toml:2:8", "turned into a symbolic link" },
		{ "[[rules]]\npath = '/usr'\naccess = ['read']\n", NUC_OP_LANDLOCK_POLICY_PATH, ENOTDIR,
		  "/l.toml:2:8", "it is a file" },
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(cases); i++) {
		struct nuc_world w = fake_world(false);
		_cleanup_error_ nucleus_error *e = NULL;
		_cleanup_free_ struct nuc_plan *p = NULL;
		nucleus_policy *policy;

		fake_policy_files[NUC_FILE_LANDLOCK] = cases[i].text;
		ck_assert_int_eq(nucleus_policy_new(&policy), 0);
		ck_assert_int_eq(nucleus_policy_set(policy, "security.landlock-policy", "/l.toml", NULL), 0);
		ck_assert_int_eq(nuc_compile(policy, &w, &p, NULL), 0);
		ck_assert_int_eq(nuc_step_failed(p, step_of(p, cases[i].op), cases[i].code, "prog", &e),
				 -cases[i].code);
		ck_assert_pstr_eq(nucleus_error_origin(e), cases[i].origin);
		ck_assert_msg(strstr(nucleus_error_hint(e), cases[i].hint) != NULL, "%s",
			      nucleus_error_hint(e));
		nucleus_policy_free(policy);
	}
	fake_policy_files[NUC_FILE_LANDLOCK] = NULL;
}
END_TEST

int main(void)
{
	Suite *s = suite_create("failure");
	TCase *t = tcase_create("failure");

	tcase_add_loop_test(t, a_failed_step_says_what_and_why, 0, NUC_ARRAY_SIZE(steps));
	tcase_add_test(t, a_step_that_an_option_made_names_its_place);
	tcase_add_test(t, a_directory_that_cannot_be_entered_names_who_gave_it);
	tcase_add_test(t, a_killed_launch_names_the_step_it_had_come_to);
	tcase_add_test(t, a_refused_clone_has_a_mend);
	tcase_add_test(t, an_exec_refused_under_a_landlock_policy_names_it);
	suite_add_tcase(s, t);
	return run_suite(s);
}
