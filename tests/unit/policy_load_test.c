/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/stat.h>

#include "policy_fixture.h"
#include "../run_suite.h"

static const struct {
	const char *toml, *origin, *message, *hint;
} bad[] = {
	{ "limits.fils = 1", "p.toml:1:8", "there is no option limits.fils",
	  "did you mean limits.files?" },
	{ "\ntimeout = 5", "p.toml:2:1", "there is no option timeout",
	  "did you mean limits.timeout?" },
	{ "[limits]\nmax-files = 5", "p.toml:2:1", "there is no option limits.max-files",
	  "did you mean limits.files?" },
	{ "nonsense-all-over = 5", "p.toml:1:1", "there is no option nonsense-all-over", NULL },
	{ "\"limits.files\" = 5", "p.toml:1:1", "there is no option \"limits.files\"",
	  "a dot within quotes is part of a name: leave the quotes away" },
	{ "[limit]\nfiles = 5", "p.toml:1:1", "there is no table limit",
	  "the tables are: workspace context rootfs process env limits network security" },
	{ "limits = 5", "p.toml:1:10", "limits: a table is wanted, not an integer", NULL },
	{ "limits = []", "p.toml:1:10", "limits: a table is wanted, not an array", NULL },
	{ "limits.files = '5'", "p.toml:1:16", "limits.files: an integer is wanted, not a string",
	  NULL },
	{ "limits.files = 5.0", "p.toml:1:16", "limits.files: an integer is wanted, not a float",
	  NULL },
	{ "limits.files = -5", "p.toml:1:16", "limits.files: -5 is less than 0", NULL },
	{ "limits.files = 5", "p.toml:1:16", "limits.files: 5 is not between 16 and 1048576",
	  NULL },
	{ "limits.tmp-size = true", "p.toml:1:19",
	  "limits.tmp-size: an integer of bytes, or a string as \"64M\", is wanted, not a boolean",
	  NULL },
	{ "limits.tmp-size = '64 M'", "p.toml:1:19", "limits.tmp-size: '64 M' is not a size",
	  "a number of bytes, or as 64K, 64M, 64G, 1T" },
	{ "limits.timeout = 12:30:00", "p.toml:1:18",
	  "limits.timeout: an integer of seconds, or a string as \"1500ms\", is wanted, not a date "
	  "or time",
	  NULL },
	{ "limits.timeout = 9223372036854775807", "p.toml:1:18",
	  "limits.timeout: 9223372036854775807 is not between 0 and 2147483647ms", NULL },
	{ "workspace.exec = 'true'", "p.toml:1:18",
	  "workspace.exec: true or false is wanted, not a string", NULL },
	{ "mode = ['agent']", "p.toml:1:8", "mode: a string is wanted, not an array", NULL },
	{ "mode = 'agnt'", "p.toml:1:8", "mode: there is no 'agnt'",
	  "one of: agent, strict-agent, production" },
	{ "mode.x = 'agent'", "p.toml:1:1", "mode: a string is wanted, not a table", NULL },
	{ "process.user = 1000", "p.toml:1:16", "process.user: a string is wanted, not an integer",
	  NULL },
	{ "volumes = '/a:/a'", "p.toml:1:11",
	  "volumes: an array of strings is wanted, not a string", NULL },
	{ "volumes = [\n'/a:/a',\n5]", "p.toml:3:1", "volumes: a string is wanted, not an integer",
	  NULL },
	{ "volumes = [['/a:/a']]", "p.toml:1:12", "volumes: a string is wanted, not an array",
	  NULL },
	{ "volumes = ['/a:/a', '/b:/a']", "p.toml:1:21",
	  "volumes: two mounts at /a, by p.toml:1:12 and by p.toml:1:21",
	  "remove one of the two" },
	{ "volumes = [\"/a\\u0000:/a\"]", "p.toml:1:12",
	  "volumes: a string with a NUL character in it", NULL },
	{ "workspace.path = \"a\\u0000\"", "p.toml:1:18",
	  "workspace.path: a string with a NUL character in it", NULL },
	{ "workspace.path = '~/a'", "p.toml:1:18",
	  "workspace.path: '~' has no meaning here: ~/a",
	  "write the home directory out; ./~ is a name that begins so" },
	{ "env = ['A=1']", "p.toml:1:7", "env: a table of strings is wanted, not an array", NULL },
	{ "[env]\nA = 1", "p.toml:2:5", "env.A: a string is wanted, not an integer", NULL },
	{ "[env]\nA = \"\\u0000\"", "p.toml:2:5", "env.A: a string with a NUL character in it",
	  NULL },
	{ "[env]\n'A=B' = 'x'", "p.toml:2:1", "env: a name is not empty, and has no '=' in it",
	  NULL },
	{ "[env]\n'' = 'x'", "p.toml:2:1", "env: a name is not empty, and has no '=' in it", NULL },
	{ "network.bind-ports = 80", "p.toml:1:22",
	  "network.bind-ports: an array of integers is wanted, not an integer", NULL },
	{ "network.bind-ports = []", "p.toml:1:22",
	  "network.bind-ports: an empty list does not mean that no port is allowed",
	  "leave it out to allow all ports, or name those that are allowed" },
	{ "network.bind-ports = [80, 65536]", "p.toml:1:27",
	  "network.bind-ports: 65536 is not between 0 and 65535", NULL },
	{ "network.bind-ports = [true]", "p.toml:1:23",
	  "network.bind-ports: an integer is wanted, not a boolean", NULL },
	{ "process.pass-fds = [-1]", "p.toml:1:21", "process.pass-fds: -1 is less than 0", NULL },
	{ "[[limits]]\nfiles = 20", "p.toml:1:1", "limits: a table is wanted, not an array", NULL },
};

START_TEST(a_bad_document_is_named_to_the_column_and_changes_nothing)
{
	int r;

	ck_assert_int_eq(set("limits.processes", "7"), 0);
	r = load(bad[_i].toml);
	ck_assert_ptr_nonnull(error);
	ck_assert_pstr_eq(nucleus_error_hint(error), bad[_i].hint);
	expect_error(r, strstr(bad[_i].message, "two mounts") ? -EEXIST : -EINVAL, bad[_i].origin,
		     bad[_i].message);
	expect_dump("[limits]\nprocesses = 7\n");
}
END_TEST

START_TEST(a_document_that_fails_at_its_end_has_changed_nothing)
{
	ck_assert_int_eq(set("mode", "agent"), 0);
	ck_assert_int_eq(add("volumes", "/x:/x"), 0);
	expect_error(load("mode = 'agent'\nvolumes = ['/a:/a']\nenv.A = '1'\nlimits.files = 5"),
		     -EINVAL, "p.toml:4:16", "limits.files: 5 is not between 16 and 1048576");
	expect_dump("mode = \"agent\"\nvolumes = [\"/x:/x:ro\"]\n");
}
END_TEST

START_TEST(json_has_values_that_no_option_takes)
{
	expect_error(load_named("{\n  \"mdoe\": \"agent\"}", "p.json", "/base"), -EINVAL, "p.json:2:3",
		     "there is no option mdoe");
	expect_error(load_named("{\"mode\": null}", "p.json", "/base"), -EINVAL, "p.json:1:10",
		     "mode: a string is wanted, not null");
	expect_error(load_named("{\"limits\": {\"files\": 1e3}}", "p.json", "/base"), -EINVAL,
		     "p.json:1:22", "limits.files: an integer is wanted, not a float");
}
END_TEST

static const char everything[] = "mode = \"production\"\n"
				 "volumes = [\n"
				 "    \"/base/a:/a:ro\",\n"
				 "    \"/b:/b:rw,exec\",\n"
				 "]\n"
				 "tmpfs = [\"/scratch:64M\"]\n"
				 "\n"
				 "[workspace]\n"
				 "path = \"/base/w\"\n"
				 "mode = \"copy-in-out\"\n"
				 "exec = true\n"
				 "\n"
				 "[process]\n"
				 "user = \"agent:1000\"\n"
				 "hostname = \"h\"\n"
				 "env-pass = [\"TERM\"]\n"
				 "pass-fds = [3, 4]\n"
				 "\n"
				 "[env]\n"
				 "A = \"\"\n"
				 "\"a b.\\u001Bc\" = \"q\\\"\\\\\\n\\u007F\\u0085\xc3\xa9=\"\n"
				 "\n"
				 "[limits]\n"
				 "timeout = \"1500ms\"\n"
				 "files = 100\n"
				 "file-size = \"1000\"\n"
				 "tmp-size = \"64M\"\n"
				 "\n"
				 "[network]\n"
				 "bind-ports = [0, 80]\n";

static const char everything_loosely[] =
	"mode = 'production'\n"
	"volumes = [ './a:/a', '/b:/b/:exec:rw' ]\n"
	"tmpfs = ['/scratch']\n"
	"workspace = { path = 'w/', mode = 'copy-in-out', exec = true }\n"
	"network.bind-ports = [0, '80', 80]\n"
	"[env]\n"
	"A = ''\n"
	"\"a b.\\u001bc\" = \"q\\\"\\\\\\n\\u007f\\u0085\xc3\xa9=\"\n"
	"[process]\n"
	"user = '1000'\n"
	"hostname = 'h'\n"
	"env-pass = ['TERM', 'TERM']\n"
	"pass-fds = [3, 4]\n"
	"[limits]\n"
	"timeout = '1500ms'\n"
	"files = 0x64\n"
	"file-size = 1000\n"
	"tmp-size = 67108864\n";

START_TEST(what_is_dumped_loads_back_to_itself)
{
	_cleanup_free_ char *json = NULL, *again = NULL;

	ck_assert_int_eq(load(everything_loosely), 0);
	expect_dump(everything);
	json = dump("json");

	nucleus_policy_free(policy);
	setup();
	ck_assert_int_eq(load_named(everything, "again.toml", "/elsewhere"), 0);
	expect_dump(everything);

	nucleus_policy_free(policy);
	setup();
	ck_assert_int_eq(load_named(json, "again.json", "/elsewhere"), 0);
	expect_dump(everything);
	again = dump("json");
	ck_assert_str_eq(again, json);
}
END_TEST

/* ---- files --------------------------------------------------------------------------------- */

static void write_file(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

START_TEST(paths_in_a_file_start_from_its_directory)
{
	char dir[] = "/tmp/nucleus-policy-XXXXXX";
	_cleanup_free_ char *file = NULL, *wanted = NULL, *volume = NULL, *cwd = NULL;
	_cleanup_free_ char *inside = NULL;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	file = nuc_strf("%s/p.toml", dir);
	wanted = nuc_strf("%s/w", dir);
	volume = nuc_strf("%s/../v:/v:ro", dir);
	write_file(file, "workspace.path = 'w'\nvolumes = ['../v:/v']\n");
	ck_assert_int_eq(nucleus_policy_load(policy, file, &error), 0);
	ck_assert_str_eq(nuc_policy_str(policy, NUC_OPT_WORKSPACE_PATH), wanted);
	ck_assert_str_eq(nuc_policy_item(policy, NUC_OPT_VOLUMES, 0), volume);

	/* By a relative name the directory is made absolute too. */
	cwd = get_current_dir_name();
	nucleus_policy_free(policy);
	setup();
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(nucleus_policy_load(policy, "p.toml", &error), 0);
	ck_assert_str_eq(nuc_policy_str(policy, NUC_OPT_WORKSPACE_PATH), wanted);
	ck_assert_str_eq(nuc_policy_origin(policy, NUC_OPT_WORKSPACE_PATH), "p.toml:1:18");

	nucleus_policy_free(policy);
	setup();
	ck_assert_int_eq(mkdir("sub", 0700), 0);
	write_file("sub/q.json", "{\"workspace\": {\"path\": \"w\"}}");
	ck_assert_int_eq(nucleus_policy_load(policy, "./sub/q.json", &error), 0);
	inside = nuc_strf("%s/sub/w", dir);
	ck_assert_str_eq(nuc_policy_str(policy, NUC_OPT_WORKSPACE_PATH), inside);

	ck_assert_int_eq(unlink("sub/q.json"), 0);
	ck_assert_int_eq(rmdir("sub"), 0);
	ck_assert_int_eq(unlink(file), 0);
	ck_assert_int_eq(chdir(cwd), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(a_document_may_come_by_a_pipe)
{
	static const char text[] = "workspace.path = 'w'\n";
	_cleanup_free_ char *cwd = get_current_dir_name();
	_cleanup_free_ char *wanted = nuc_strf("%s/w", cwd);
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], text, sizeof(text) - 1), sizeof(text) - 1);
	close(fds[1]);
	ck_assert_int_eq(nucleus_policy_load_fd(policy, fds[0], "stdin", &error), 0);
	close(fds[0]);
	ck_assert_str_eq(nuc_policy_str(policy, NUC_OPT_WORKSPACE_PATH), wanted);
	ck_assert_str_eq(nuc_policy_origin(policy, NUC_OPT_WORKSPACE_PATH), "stdin:1:18");
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_an_error)
{
	ck_assert_int_eq(nucleus_policy_load(policy, "/no/such/p.toml", &error), -ENOENT);
	ck_assert_str_eq(nucleus_error_origin(error), "/no/such/p.toml");
	forget_error();
	ck_assert_int_eq(nucleus_policy_load(policy, "/tmp", &error), -EISDIR);
	forget_error();
	ck_assert_int_eq(nucleus_policy_load(policy, NULL, NULL), -EINVAL);
	ck_assert_int_eq(nucleus_policy_load_fd(policy, 0, NULL, NULL), -EINVAL);
	ck_assert_int_eq(nucleus_policy_load_fd(policy, -1, "x", NULL), -EBADF);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("policy_load");
	TCase *t = tcase_create("policy_load");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_bad_document_is_named_to_the_column_and_changes_nothing, 0,
			    NUC_ARRAY_SIZE(bad));
	tcase_add_test(t, a_document_that_fails_at_its_end_has_changed_nothing);
	tcase_add_test(t, json_has_values_that_no_option_takes);
	tcase_add_test(t, what_is_dumped_loads_back_to_itself);
	tcase_add_test(t, paths_in_a_file_start_from_its_directory);
	tcase_add_test(t, a_document_may_come_by_a_pipe);
	tcase_add_test(t, a_file_that_cannot_be_read_is_an_error);
	suite_add_tcase(s, t);
	return run_suite(s);
}
