/* SPDX-License-Identifier: MIT */
#include <jansson.h>

#include "policy_fixture.h"
#include "../run_suite.h"

/* ---- defaults and getters ------------------------------------------------------------------ */

START_TEST(an_empty_policy_has_the_defaults)
{
	ck_assert_int_eq(nuc_policy_mode(policy), NUC_MODE_AGENT);
	ck_assert(!nuc_policy_is_set(policy, NUC_OPT_MODE));
	ck_assert_str_eq(nuc_policy_origin(policy, NUC_OPT_MODE), "default");
	ck_assert_str_eq(nuc_policy_str(policy, NUC_OPT_MODE), "agent");
	ck_assert_ptr_null(nuc_policy_str(policy, NUC_OPT_WORKSPACE_PATH));
	ck_assert(!nuc_policy_bool(policy, NUC_OPT_WORKSPACE_EXEC));
	ck_assert_int_eq(nuc_policy_int(policy, NUC_OPT_MAX_FILE_SIZE), 8ll << 30);
	ck_assert_int_eq(nuc_policy_int(policy, NUC_OPT_TIMEOUT), 0);
	ck_assert_int_eq(nuc_policy_int(policy, NUC_OPT_NETWORK), 0);
	ck_assert_uint_eq(nuc_policy_count(policy, NUC_OPT_VOLUMES), 0);
	expect_dump("");
}
END_TEST

START_TEST(what_is_set_is_what_is_read)
{
	from("--mode");
	ck_assert_int_eq(set("mode", "strict-agent"), 0);
	from("--timeout");
	ck_assert_int_eq(set("limits.timeout", "90"), 0);
	from(NULL);
	ck_assert_int_eq(set("workspace.exec", "true"), 0);
	ck_assert_int_eq(set("process.user", "1234"), 0);
	ck_assert_int_eq(set("network.mode", "host"), 0);
	ck_assert_int_eq(add("volumes", "/src:/dst"), 0);
	ck_assert_int_eq(add("env", "A=1=2"), 0);
	ck_assert_int_eq(nuc_policy_mode(policy), NUC_MODE_STRICT_AGENT);
	ck_assert_str_eq(nuc_policy_origin(policy, NUC_OPT_MODE), "--mode");
	ck_assert_int_eq(nuc_policy_int(policy, NUC_OPT_TIMEOUT), 90000);
	ck_assert_str_eq(nuc_policy_origin(policy, NUC_OPT_TIMEOUT), "--timeout");
	ck_assert(nuc_policy_bool(policy, NUC_OPT_WORKSPACE_EXEC));
	ck_assert_str_eq(nuc_policy_origin(policy, NUC_OPT_WORKSPACE_EXEC), "api");
	ck_assert_str_eq(nuc_policy_str(policy, NUC_OPT_USER), "agent:1234");
	ck_assert_int_eq(nuc_policy_int(policy, NUC_OPT_NETWORK), 1);
	ck_assert_str_eq(nuc_policy_item(policy, NUC_OPT_VOLUMES, 0), "/src:/dst:ro");
	ck_assert_str_eq(nuc_policy_item_origin(policy, NUC_OPT_VOLUMES, 0), "api");
	ck_assert_str_eq(nuc_policy_item(policy, NUC_OPT_ENV, 0), "A=1=2");
}
END_TEST

START_TEST(relative_paths_start_from_the_current_directory)
{
	_cleanup_free_ char *cwd = get_current_dir_name();
	_cleanup_free_ char *workspace = nuc_strf("%s/w/../x", cwd);
	_cleanup_free_ char *volume = nuc_strf("%s/data:/data:rw,exec", cwd);

	ck_assert_int_eq(set("workspace.path", ".//w/../x/"), 0);
	ck_assert_str_eq(nuc_policy_str(policy, NUC_OPT_WORKSPACE_PATH), workspace);
	ck_assert_int_eq(set("workspace.path", "."), 0);
	ck_assert_str_eq(nuc_policy_str(policy, NUC_OPT_WORKSPACE_PATH), cwd);
	ck_assert_int_eq(set("workspace.path", "/"), 0);
	ck_assert_str_eq(nuc_policy_str(policy, NUC_OPT_WORKSPACE_PATH), "/");
	ck_assert_int_eq(add("volumes", "data:/data:rw,exec"), 0);
	ck_assert_str_eq(nuc_policy_item(policy, NUC_OPT_VOLUMES, 0), volume);
}
END_TEST

/* ---- values that are refused --------------------------------------------------------------- */

static const struct {
	const char *key, *value;
	int code;
	const char *message;
} refused[] = {
	{ "mode", "agnet", -EINVAL, "mode: there is no 'agnet'" },
	{ "mode", "", -EINVAL, "mode: there is no ''" },
	{ "workspace.exec", "yes", -EINVAL, "workspace.exec: true or false is wanted, not 'yes'" },
	{ "workspace.path", "", -EINVAL, "workspace.path: a path is wanted, not nothing" },
	{ "workspace.path", "~/w", -EINVAL, "workspace.path: '~' has no meaning here: ~/w" },
	{ "workspace.path", "a\xff", -EINVAL, "workspace.path: the value is not valid UTF-8" },
	{ "limits.files", "15", -ERANGE, "limits.files: 15 is not between 16 and 1048576" },
	{ "limits.files", "1048577", -ERANGE,
	  "limits.files: 1048577 is not between 16 and 1048576" },
	{ "limits.files", "4K", -EINVAL, "limits.files: '4K' is not a number" },
	{ "limits.files", "-1", -EINVAL, "limits.files: '-1' is not a number" },
	{ "limits.files", "1\n2", -EINVAL, "limits.files: '1?2' is not a number" },
	{ "limits.tmp-size", "64mb", -EINVAL, "limits.tmp-size: '64mb' is not a size" },
	{ "limits.tmp-size", "1K", -ERANGE, "limits.tmp-size: 1K is less than 4K" },
	{ "limits.tmp-size", "9999999T", -ERANGE,
	  "limits.tmp-size: 9999999T does not fit into 63 bits" },
	{ "limits.timeout", "1 s", -EINVAL, "limits.timeout: '1 s' is not a time" },
	{ "limits.timeout", "597h", -ERANGE,
	  "limits.timeout: 597h is not between 0 and 2147483647ms" },
	{ "process.user", "Root", -EINVAL, "process.user: 'Root' is not a user or group" },
	{ "process.group", "65534", -ERANGE,
	  "process.group: the number in '65534' is not between 0 and 65533" },
	{ "process.hostname", "a_b", -EINVAL, "process.hostname: 'a_b' is not a host name" },
	{ "process.hostname", "", -EINVAL, "process.hostname: '' is not a host name" },
	{ "process.hostname", "-a", -EINVAL, "process.hostname: '-a' is not a host name" },
	{ "process.hostname", "a-", -EINVAL, "process.hostname: 'a-' is not a host name" },
	{ "process.hostname", "a-.b", -EINVAL, "process.hostname: 'a-.b' is not a host name" },
	{ "process.hostname", "a..b", -EINVAL, "process.hostname: 'a..b' is not a host name" },
	{ "process.hostname", "a.", -EINVAL, "process.hostname: 'a.' is not a host name" },
	{ "process.cwd", "sub", -EINVAL, "process.cwd: 'sub' is not such a path" },
	{ "process.cwd", "/a/../b", -EINVAL, "process.cwd: '/a/../b' is not such a path" },
	{ "volumes", "/a", -EINVAL, "volumes: '/a' is not a volume" },
	{ "volumes", "~/a:/a", -EINVAL, "volumes: '~' has no meaning here: ~/a" },
	{ "volumes", "/a:/a:wr", -EINVAL, "volumes: '/a:/a:wr' is not a volume" },
	{ "tmpfs", "a", -EINVAL, "tmpfs: 'a' is not a tmpfs" },
	{ "tmpfs", "/a:1", -ERANGE, "tmpfs: '/a:1' is not a tmpfs" },
	{ "env", "A", -EINVAL, "env: NAME=VALUE is wanted, and there is no '='" },
	{ "env", "=A", -EINVAL, "env: a variable has no name" },
	{ "process.env-pass", "A=1", -EINVAL,
	  "process.env-pass: the name of a variable is wanted, without '='" },
	{ "process.env-pass", "", -EINVAL,
	  "process.env-pass: the name of a variable is wanted, without '='" },
	{ "process.pass-fds", "2", -ERANGE, "process.pass-fds: 2 is not between 3 and 65535" },
	{ "process.pass-fds", "x", -EINVAL, "process.pass-fds: 'x' is not a number" },
	{ "network.bind-ports", "65536", -ERANGE,
	  "network.bind-ports: 65536 is not between 0 and 65535" },
	{ "network.connect-ports", "0", -ERANGE,
	  "network.connect-ports: 0 is not between 1 and 65535" },
	{ "no-such", "1", -ENOENT, "there is no option no-such" },
	{ "\xff", "1", -ENOENT, "there is no option (not UTF-8)" },
};

START_TEST(a_refused_value_changes_nothing)
{
	from("--flag");
	expect_error(set(refused[_i].key, refused[_i].value), refused[_i].code, "--flag",
		     refused[_i].message);
	expect_dump("");
}
END_TEST

START_TEST(accepted_at_the_edge)
{
	static const char *const cases[][3] = {
		{ "limits.files", "16", "16" },
		{ "limits.files", "0001048576", "1048576" },
		{ "limits.timeout", "2147483647ms", "2147483647ms" },
		{ "limits.timeout", "0", "0" },
		{ "limits.file-size", "0", "0" },
		{ "limits.tmp-size", "4096", "4K" },
		{ "process.hostname", "a", "a" },
		{ "process.hostname", "9.a-b.C", "9.a-b.C" },
		{ "process.hostname",
		  "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxy.z0",
		  "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxy.z0" },
		{ "process.hostname",
		  "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz01", NULL },
		{ "process.hostname",
		  "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz.z0", NULL },
		{ "process.cwd", "//a/./b/", "/a/b" },
		{ "process.cwd", "/", "/" },
		{ "process.group", "0", "root:0" },
		{ "process.pass-fds", "65535", "65535" },
		{ "network.bind-ports", "0", "0" },
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(cases); i++) {
		enum nuc_option_id id = (enum nuc_option_id)nuc_option_find(cases[i][0]);
		int r = set(cases[i][0], cases[i][1]);

		ck_assert_msg(r == (cases[i][2] ? 0 : -EINVAL), "%s", cases[i][1]);
		forget_error();
		if (cases[i][2])
			ck_assert_str_eq(nuc_policy_item(policy, id, 0), cases[i][2]);
	}
}
END_TEST

START_TEST(an_unknown_key_names_the_nearest)
{
	ck_assert_int_eq(set("limits.fils", "1"), -ENOENT);
	ck_assert_str_eq(nucleus_error_hint(error), "did you mean limits.files?");
	forget_error();
	ck_assert_int_eq(set("quite.another.thing", "1"), -ENOENT);
	ck_assert_ptr_null(nucleus_error_hint(error));
	forget_error();
	ck_assert_int_eq(nucleus_policy_set(policy, NULL, "1", NULL), -EINVAL);
	ck_assert_int_eq(nucleus_policy_set(policy, "mode", NULL, NULL), -EINVAL);
}
END_TEST

START_TEST(only_lists_and_maps_are_added_to)
{
	expect_error(add("mode", "agent"), -EINVAL, "api", "mode is neither a list nor a map");
}
END_TEST

/* ---- two sources --------------------------------------------------------------------------- */

START_TEST(two_origins_may_not_contradict_each_other)
{
	ck_assert_int_eq(load("[limits]\nfiles = 100\ntmp-size = '1M'\n"), 0);
	from("--max-files");
	expect_error(set("limits.files", "200"), -EEXIST, "--max-files",
		     "limits.files is set to 100 by p.toml:2:9, and to 200 by --max-files");
	ck_assert_int_eq(set("limits.files", "100"), 0);
	ck_assert_str_eq(nuc_policy_origin(policy, NUC_OPT_MAX_FILES), "p.toml:2:9");
	/* Equal as values, however they are written. */
	ck_assert_int_eq(set("limits.tmp-size", "1024K"), 0);
	expect_error(load("limits.files = 300"), -EEXIST, "p.toml:1:16",
		     "limits.files is set to 100 by p.toml:2:9, and to 300 by p.toml:1:16");
	ck_assert_int_eq(nuc_policy_int(policy, NUC_OPT_MAX_FILES), 100);
}
END_TEST

START_TEST(a_flag_may_not_contradict_itself)
{
	from("--mode");
	ck_assert_int_eq(set("mode", "agent"), 0);
	ck_assert_int_eq(set("mode", "agent"), 0);
	expect_error(set("mode", "production"), -EEXIST, "--mode",
		     "mode is set to agent by --mode, and to production by --mode");
	from("api");
	ck_assert_int_eq(set("mode", "production"), -EEXIST);
}
END_TEST

START_TEST(a_caller_may_change_its_mind)
{
	ck_assert_int_eq(set("mode", "production"), 0);
	ck_assert_int_eq(set("mode", "agent"), 0);
	ck_assert_str_eq(nuc_policy_str(policy, NUC_OPT_MODE), "agent");
	from("--mode");
	expect_error(set("mode", "production"), -EEXIST, "--mode",
		     "mode is set to agent by api, and to production by --mode");
	from(NULL);
	ck_assert_int_eq(set("volumes", "/a:/a"), 0);
	ck_assert_int_eq(add("volumes", "/b:/b"), 0);
	ck_assert_int_eq(set("volumes", "/c:/c"), 0);
	expect_dump("mode = \"agent\"\nvolumes = [\"/c:/c:ro\"]\n");
	/* A value that is refused leaves the one before. */
	ck_assert_int_eq(add("tmpfs", "/t"), 0);
	expect_error(set("volumes", "/d:/t"), -EEXIST, "api",
		     "volumes: two mounts at /t, by api and by api");
	expect_dump("mode = \"agent\"\nvolumes = [\"/c:/c:ro\"]\ntmpfs = [\"/t:64M\"]\n");
}
END_TEST

START_TEST(the_whole_of_a_list_is_one_value)
{
	from("--volume");
	ck_assert_int_eq(add("volumes", "/a:/a"), 0);
	ck_assert_int_eq(set("volumes", "/a:/a"), 0);
	expect_error(set("volumes", "/b:/b"), -EEXIST, "--volume",
		     "volumes is set to /a:/a:ro by --volume, and to /b:/b:ro by --volume");
	ck_assert_int_eq(add("env", "TOKEN=hush"), 0);
	expect_error(set("env", "TOKEN=other"), -EEXIST, "--volume",
		     "env is set to two values, by --volume and by --volume");
}
END_TEST

START_TEST(lists_grow_in_the_order_of_the_calls)
{
	ck_assert_int_eq(load("volumes = ['b:/b']\nenv.X = '1'\n"), 0);
	from("--volume");
	ck_assert_int_eq(add("volumes", "/a:/a"), 0);
	from("--env");
	ck_assert_int_eq(add("env", "A=2"), 0);
	ck_assert_uint_eq(nuc_policy_count(policy, NUC_OPT_VOLUMES), 2);
	ck_assert_str_eq(nuc_policy_item(policy, NUC_OPT_VOLUMES, 0), "/base/b:/b:ro");
	ck_assert_str_eq(nuc_policy_item_origin(policy, NUC_OPT_VOLUMES, 0), "p.toml:1:12");
	ck_assert_str_eq(nuc_policy_item(policy, NUC_OPT_VOLUMES, 1), "/a:/a:ro");
	ck_assert_str_eq(nuc_policy_item_origin(policy, NUC_OPT_VOLUMES, 1), "--volume");
	ck_assert_str_eq(nuc_policy_origin(policy, NUC_OPT_VOLUMES), "p.toml:1:12");
	ck_assert_str_eq(nuc_policy_item(policy, NUC_OPT_ENV, 1), "A=2");
}
END_TEST

START_TEST(items_that_compete_are_refused)
{
	ck_assert_int_eq(load("volumes = ['/a:/data']\n[env]\nX = 'hush'\n"), 0);
	from("--volume");
	expect_error(add("volumes", "/b:/x:/data/:rw"), -EEXIST, "--volume",
		     "volumes: two mounts at /data, by p.toml:1:12 and by --volume");
	expect_error(add("volumes", "/a:/data"), -EEXIST, "--volume",
		     "volumes: two mounts at /data, by p.toml:1:12 and by --volume");
	from("--tmpfs");
	expect_error(add("tmpfs", "//data:1M"), -EEXIST, "--tmpfs",
		     "tmpfs: two mounts at /data, by p.toml:1:12 and by --tmpfs");
	from("--env");
	expect_error(add("env", "X=secret"), -EEXIST, "--env",
		     "env: X is set to two values, by p.toml:3:5 and by --env");
	ck_assert_int_eq(add("env", "X=hush"), 0);
	ck_assert_int_eq(add("env", "XY=1"), 0);
	ck_assert_uint_eq(nuc_policy_count(policy, NUC_OPT_ENV), 2);
	ck_assert_int_eq(add("network.bind-ports", "080"), 0);
	ck_assert_int_eq(add("network.bind-ports", "80"), 0);
	ck_assert_uint_eq(nuc_policy_count(policy, NUC_OPT_BIND_PORTS), 1);
}
END_TEST

START_TEST(lists_have_an_end)
{
	char item[16];

	for (int i = 0; i < 8192; i++) {
		snprintf(item, sizeof(item), "V%d", i);
		ck_assert_int_eq(add("process.env-pass", item), 0);
	}
	expect_error(add("process.env-pass", "V"), -ERANGE, "api",
		     "process.env-pass has more than 8192 items");
}
END_TEST

/* ---- text and schema ----------------------------------------------------------------------- */

START_TEST(text_shows_every_option_in_100_columns)
{
	_cleanup_free_ char *text = NULL;
	char *save, *line;
	size_t id = 0;

	text = dump("text");
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save), id++) {
		ck_assert_uint_lt(strlen(line), 100);
		ck_assert_uint_lt(id, NUC_OPT__COUNT);
		ck_assert(!strncmp(line, nuc_options[id].key, strlen(nuc_options[id].key)));
		ck_assert_str_eq(line + 68, "default (agent)");
	}
	ck_assert_uint_eq(id, NUC_OPT__COUNT);
}
END_TEST

START_TEST(text_names_origins_and_hides_secrets)
{
	_cleanup_free_ char *text = NULL;

	ck_assert_int_eq(load("mode = 'strict-agent'\nvolumes = ['/a:/a', '/b:/b']"), 0);
	from("--env");
	ck_assert_int_eq(add("env", "TOKEN=hush"), 0);
	from("--context");
	ck_assert_int_eq(set("context.path", "/a/path/that/does/not/fit/its/own/column/of/text"),
			 0);
	from("--rootfs");
	ck_assert_int_eq(set("rootfs.path", "/\x1b[31m"), 0);
	text = dump("text");
	ck_assert_ptr_nonnull(strstr(
		text, "mode                             strict-agent                       "
		      "p.toml:1:8\n"));
	ck_assert_ptr_nonnull(strstr(
		text, "volumes                          /a:/a:ro                           "
		      "p.toml:2:12\n"
		      "                                 /b:/b:ro                           "
		      "p.toml:2:21\n"));
	ck_assert_ptr_nonnull(strstr(
		text, "env                              TOKEN (value not shown)            "
		      "--env\n"));
	ck_assert_ptr_null(strstr(text, "hush"));
	ck_assert_ptr_nonnull(strstr(
		text, "context.path                     /a/path/that/does/not/fit/its/own/column/of/text\n"
		      "                                                                    "
		      "--context\n"));
	ck_assert_ptr_nonnull(strstr(text, "\"/\\u001B[31m\""));
	ck_assert_ptr_nonnull(strstr(text, "default (strict-agent)\n"));
}
END_TEST

START_TEST(a_copy_is_independent_and_keeps_origins)
{
	nucleus_policy *copy = NULL;
	_cleanup_free_ char *before = NULL, *after = NULL;

	from("--flag");
	ck_assert_int_eq(set("process.hostname", "first"), 0);
	ck_assert_int_eq(add("volumes", "/a:/a"), 0);
	before = dump("toml");
	ck_assert_int_eq(nucleus_policy_copy(policy, &copy), 0);
	ck_assert_int_eq(nucleus_policy_set(copy, "limits.pids", "7", NULL), 0);
	ck_assert_int_eq(nucleus_policy_add(copy, "volumes", "/b:/b", NULL), 0);
	/* The origin of the next call is not copied, that of each value is. */
	ck_assert_int_eq(nucleus_policy_set(copy, "process.hostname", "second", &error), -EEXIST);
	expect_error(-EEXIST, -EEXIST, "api",
		     "process.hostname is set to first by --flag, and to second by api");
	after = dump("toml");
	ck_assert_str_eq(before, after);

	nucleus_policy_free(policy);
	policy = copy;
	expect_dump("volumes = [\n"
		    "    \"/a:/a:ro\",\n"
		    "    \"/b:/b:ro\",\n"
		    "]\n"
		    "\n"
		    "[process]\n"
		    "hostname = \"first\"\n"
		    "\n"
		    "[limits]\n"
		    "pids = 7\n");
}
END_TEST

START_TEST(an_unknown_format_is_refused)
{
	char *s = NULL;

	ck_assert_int_eq(nucleus_policy_dump(policy, "yaml", &s), -EINVAL);
	ck_assert_int_eq(nucleus_policy_dump(policy, NULL, &s), -EINVAL);
	ck_assert_ptr_null(s);
}
END_TEST

START_TEST(the_schema_has_every_option)
{
	_cleanup_free_ char *text = NULL;
	json_t *schema, *o;

	ck_assert_int_eq(nucleus_policy_schema(&text), 0);
	schema = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(schema);
	ck_assert_str_eq(json_string_value(json_object_get(schema, "$schema")),
			 "https://json-schema.org/draft/2020-12/schema");
	ck_assert(json_is_false(json_object_get(schema, "additionalProperties")));
	for (size_t id = 0; id < NUC_OPT__COUNT; id++) {
		_cleanup_free_ char *key = strdup(nuc_options[id].key);
		json_t *at = schema;
		char *save, *part;

		for (part = strtok_r(key, ".", &save); part; part = strtok_r(NULL, ".", &save))
			at = json_object_get(json_object_get(at, "properties"), part);
		ck_assert_msg(json_is_object(at), "%s", nuc_options[id].key);
		ck_assert_str_eq(json_string_value(json_object_get(at, "description")),
				 nuc_options[id].help);
		ck_assert(json_object_get(at, "type") || json_object_get(at, "enum") ||
			  json_object_get(at, "oneOf"));
		ck_assert_int_eq(!json_object_get(at, "default"), !*nuc_options[id].def);
	}
	o = json_object_get(json_object_get(schema, "properties"), "mode");
	ck_assert_uint_eq(json_array_size(json_object_get(o, "enum")), NUC_MODE__COUNT);
	ck_assert_str_eq(json_string_value(json_object_get(o, "default")), "agent");
	json_decref(schema);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("policy");
	TCase *t = tcase_create("policy");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_empty_policy_has_the_defaults);
	tcase_add_test(t, what_is_set_is_what_is_read);
	tcase_add_test(t, relative_paths_start_from_the_current_directory);
	tcase_add_loop_test(t, a_refused_value_changes_nothing, 0, NUC_ARRAY_SIZE(refused));
	tcase_add_test(t, accepted_at_the_edge);
	tcase_add_test(t, an_unknown_key_names_the_nearest);
	tcase_add_test(t, only_lists_and_maps_are_added_to);
	tcase_add_test(t, two_origins_may_not_contradict_each_other);
	tcase_add_test(t, a_flag_may_not_contradict_itself);
	tcase_add_test(t, a_caller_may_change_its_mind);
	tcase_add_test(t, the_whole_of_a_list_is_one_value);
	tcase_add_test(t, lists_grow_in_the_order_of_the_calls);
	tcase_add_test(t, items_that_compete_are_refused);
	tcase_add_test(t, lists_have_an_end);
	tcase_add_test(t, text_shows_every_option_in_100_columns);
	tcase_add_test(t, text_names_origins_and_hides_secrets);
	tcase_add_test(t, a_copy_is_independent_and_keeps_origins);
	tcase_add_test(t, an_unknown_format_is_refused);
	tcase_add_test(t, the_schema_has_every_option);
	suite_add_tcase(s, t);
	return run_suite(s);
}
