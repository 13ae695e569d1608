/* SPDX-License-Identifier: MIT */
/* Rules of a Landlock policy, when what they name changes between the policy and a start. */
#include <sys/stat.h>

#include "embed.h"

static char place[] = "/tmp/nucleus-embed-XXXXXX";

static const char *in_place(const char *name)
{
	static char path[4][256];
	static unsigned int next;
	char *p = path[next++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", place, name);
	return p;
}

static void write_text(const char *name, const char *text)
{
	FILE *f = fopen(in_place(name), "we");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static void setup(void)
{
	memcpy(place, "/tmp/nucleus-embed-XXXXXX", sizeof(place));
	ck_assert_ptr_nonnull(mkdtemp(place));
	ck_assert_int_eq(chmod(place, 0755), 0);
	ck_assert_int_eq(mkdir(in_place("work"), 0755), 0);
	ck_assert_int_eq(mkdir(in_place("work/d"), 0755), 0);
	ck_assert_int_eq(mkdir(in_place("work/other"), 0755), 0);
	write_text("work/other/secret", "secret");
}

static void teardown(void)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -r %s", place);
	ck_assert_int_eq(system(command), 0);
}

static nucleus_sandbox *sandbox_with(const char *rule)
{
	char workspace[300], policy[300], text[1000];
	const char *const options[] = { workspace, policy, NULL };

	snprintf(text, sizeof(text),
		 "[[rules]]\npath = '/usr'\naccess = ['read', 'execute']\n"
		 "[[rules]]\npath = '/etc'\naccess = ['read']\n%s", rule);
	write_text("policy.toml", text);
	snprintf(workspace, sizeof(workspace), "workspace.path=%s", in_place("work"));
	snprintf(policy, sizeof(policy), "security.landlock-policy=%s", in_place("policy.toml"));
	return make_sandbox(options);
}

static void expect_refusal(nucleus_sandbox *s, int code, const char *hint)
{
	static const char *const argv[] = { "/bin/true", NULL };
	nucleus_process *p = NULL;
	nucleus_error *e = NULL;

	ck_assert_int_eq(nucleus_sandbox_spawn(s, argv, &p, &e), code);
	ck_assert_ptr_null(p);
	ck_assert_str_eq(nucleus_error_layer(e), "landlock");
	ck_assert_ptr_nonnull(strstr(nucleus_error_origin(e), "policy.toml:8:8"));
	ck_assert_msg(strstr(nucleus_error_hint(e), hint) != NULL, "%s", nucleus_error_hint(e));
	nucleus_error_free(e);
}

#define RULE "[[rules]]\npath = '/workspace/d'\naccess = ['read']\n"
#define OPTIONAL RULE "optional = true\n"

/* A directory that became a link would have the right go where the link says. */
START_TEST(a_link_in_its_place_moves_no_right)
{
	nucleus_sandbox *s = sandbox_with(_i ? OPTIONAL : RULE);

	expect(spawn(s, (const char *const[]){ "/bin/true", NULL }), NUCLEUS_OUTCOME_EXITED, 0);
	ck_assert_int_eq(rmdir(in_place("work/d")), 0);
	ck_assert_int_eq(symlink("other", in_place("work/d")), 0);
	expect_refusal(s, -ELOOP, "symbolic link");
	nucleus_sandbox_free(s);
}
END_TEST

START_TEST(what_is_gone_is_refused_unless_it_is_optional)
{
	nucleus_sandbox *s = sandbox_with(_i ? OPTIONAL : RULE);

	ck_assert_int_eq(rmdir(in_place("work/d")), 0);
	if (_i)
		expect(spawn(s, (const char *const[]){ "/bin/true", NULL }), NUCLEUS_OUTCOME_EXITED, 0);
	else
		expect_refusal(s, -ENOENT, "optional = true");
	nucleus_sandbox_free(s);
}
END_TEST

/* What is there at the start counts: as a file it has the rights of a file. */
START_TEST(an_optional_path_that_comes_later_has_its_rights)
{
	static const char *const read_it[] = { "/bin/cat", "/workspace/d", NULL };
	static const char *const read_other[] = { "/bin/cat", "/workspace/other/secret", NULL };
	nucleus_sandbox *s;

	ck_assert_int_eq(rmdir(in_place("work/d")), 0);
	s = sandbox_with(OPTIONAL);
	expect(spawn(s, read_it), NUCLEUS_OUTCOME_EXITED, 1);
	write_text("work/d", "now");
	expect(spawn(s, read_it), NUCLEUS_OUTCOME_EXITED, 0);
	expect(spawn(s, read_other), NUCLEUS_OUTCOME_EXITED, 1);
	nucleus_sandbox_free(s);
}
END_TEST

START_TEST(rights_of_a_directory_on_what_became_a_file_are_refused)
{
	nucleus_sandbox *s = sandbox_with("[[rules]]\npath = '/workspace/d'\naccess = ['create']\n");

	ck_assert_int_eq(rmdir(in_place("work/d")), 0);
	write_text("work/d", "a file");
	expect_refusal(s, -ENOTDIR, "the rule is about a directory");
	nucleus_sandbox_free(s);
}
END_TEST

/* The bytes of the file were read with the policy: what it says later is of no account. */
START_TEST(a_file_that_changes_later_changes_nothing)
{
	static const char *const read_other[] = { "/bin/cat", "/workspace/other/secret", NULL };
	nucleus_sandbox *s = sandbox_with(RULE);

	write_text("policy.toml", "[[rules]]\npath = '/'\naccess = ['all']\n");
	expect(spawn(s, read_other), NUCLEUS_OUTCOME_EXITED, 1);
	nucleus_sandbox_free(s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("policy_files");
	TCase *t = tcase_create("policy_files");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_link_in_its_place_moves_no_right, 0, 2);
	tcase_add_loop_test(t, what_is_gone_is_refused_unless_it_is_optional, 0, 2);
	tcase_add_test(t, an_optional_path_that_comes_later_has_its_rights);
	tcase_add_test(t, rights_of_a_directory_on_what_became_a_file_are_refused);
	tcase_add_test(t, a_file_that_changes_later_changes_nothing);
	suite_add_tcase(s, t);
	return run_suite(s);
}
