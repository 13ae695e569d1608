/* SPDX-License-Identifier: MIT */
/* What is made of traces. */
#include <jansson.h>

#include "dangerous.h"
#include "doc.h"
#include "seccomp_internal.h"
#include "trace_text.h"
#include "../run_suite.h"

/* ---- profiles ------------------------------------------------------------------------------------ */

/* What a profile says of a call, by the spec's own words: the first rule that fits. */
static const char *verdict(json_t *profile, const char *name, const uint64_t args[6], int *ret_errno)
{
	json_t *rule;
	size_t i;

	*ret_errno = (int)json_integer_value(json_object_get(profile, "defaultErrnoRet"));
	json_array_foreach(json_object_get(profile, "syscalls"), i, rule) {
		bool named = false, fits = true;
		json_t *v;
		size_t k;

		json_array_foreach(json_object_get(rule, "names"), k, v)
			named |= !strcmp(json_string_value(v), name);
		json_array_foreach(json_object_get(rule, "args"), k, v) {
			uint64_t arg = args[json_integer_value(json_object_get(v, "index"))];

			ck_assert_str_eq(json_string_value(json_object_get(v, "op")), "SCMP_CMP_MASKED_EQ");
			fits &= (arg & (uint64_t)json_integer_value(json_object_get(v, "value"))) ==
				(uint64_t)json_integer_value(json_object_get(v, "valueTwo"));
		}
		if (!named || !fits)
			continue;
		*ret_errno = (int)json_integer_value(json_object_get(rule, "errnoRet"));
		return json_string_value(json_object_get(rule, "action"));
	}
	return json_string_value(json_object_get(profile, "defaultAction"));
}

static json_t *profile_of(const char *text, const char *const *options, char **ret_notes)
{
	_cleanup_trace_ struct nuc_trace t = { 0 };
	_cleanup_free_ char *profile = NULL;
	json_t *json;

	ck_assert_int_eq(parse(text, &t, NULL), 0);
	ck_assert_int_eq(nuc_learn_seccomp(&t, options, &profile, ret_notes, NULL), 0);
	json = json_loads(profile, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(json);
	return json;
}

struct asked {
	const char *name;
	uint64_t args[6];
	int error; /* -1: allowed */
};

static void expect_verdicts(json_t *profile, const struct asked *asked, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int error;
		const char *action = verdict(profile, asked[i].name, asked[i].args, &error);

		ck_assert_msg(!strcmp(action, asked[i].error < 0 ? "SCMP_ACT_ALLOW" : "SCMP_ACT_ERRNO") &&
				      (asked[i].error < 0 || error == asked[i].error),
			      "case %zu, %s: %s %d", i, asked[i].name, action, error);
	}
}

#define CALL(name, nr, args) WHO "\"call\":\"" name "\",\"nr\":" #nr ",\"args\":{" args "}}\n"

START_TEST(what_was_seen_is_allowed_and_nothing_else)
{
	static const char text[] = HEAD READ
		CALL("socket", 41, "\"domain\":1,\"type\":1,\"protocol\":0")
		CALL("socket", 41, "\"domain\":2,\"type\":2,\"protocol\":17")
		CALL("openat", 257, "\"flags\":0,\"mode\":0")
		CALL("openat", 257, "\"flags\":65,\"mode\":0")
		CALL("ioctl", 16, "\"request\":21505")
		CALL("clone", 56, "\"flags\":4001536")
		CALL("prlimit64", 302, "\"pid\":0")
		CALL("sendto", 44, "\"flags\":0")
		CALL("fallocate", 285, "\"mode\":0")
		WHO "\"call\":\"statx\",\"nr\":332,\"answer\":38}\n"
		WHO "\"call\":\"mount\",\"nr\":165,\"refused\":true}\n";
	static const struct asked asked[] = {
		{ "read", { 1, 2, 3 }, -1 },
		{ "write", { 0 }, EPERM },
		{ "execve", { 0 }, -1 },
		{ "exit_group", { 0 }, -1 },
		{ "rt_sigreturn", { 0 }, -1 },
		{ "restart_syscall", { 0 }, -1 },
		{ "socket", { 1, 1, 0 }, -1 },
		{ "socket", { 1, 1 | 02000000, 0 }, -1 },
		{ "socket", { 1 | 1ULL << 32, 1, 0 }, -1 },
		{ "socket", { 2, 2, 17 }, -1 },
		{ "socket", { 2, 1, 0 }, EPERM },
		{ "socket", { 10, 1, 0 }, EAFNOSUPPORT },
		{ "socket", { 1, 2, 0 }, EPERM },
		{ "socket", { 16, 3, 0 }, EAFNOSUPPORT },
		{ "openat", { 0, 0, 0, 07777 }, -1 },
		{ "openat", { 0, 0, 0101, 0644 }, -1 },
		{ "openat", { 0, 0, 0101, 04755 }, EPERM },
		{ "openat", { 0, 0, 0102, 0644 }, EPERM },
		{ "openat", { 0, 0, 1 | 01000, 0 }, EPERM },
		{ "ioctl", { 0, 21505 }, -1 },
		{ "ioctl", { 0, 0x5412 }, EPERM },
		{ "ioctl", { 0, 0x5412 | 21505ULL << 32 }, EPERM },
		{ "clone", { 4001536 | 17 }, -1 },
		{ "clone", { 0x10000000 }, EPERM },
		{ "prlimit64", { 0 }, -1 },
		{ "prlimit64", { 77 }, EPERM },
		{ "sendto", { 3, 0, 0, 0x4000 | 1ULL << 32, 0, 16 }, -1 },
		{ "sendto", { 3, 0, 0, 0x20004000, 0, 16 }, EOPNOTSUPP },
		{ "sendmsg", { 3, 0, 0x20000000 }, EOPNOTSUPP },
		{ "sendmsg", { 3, 0, 0 }, EPERM },
		{ "fallocate", { 3, 0, 0, 4096 }, -1 },
		{ "fallocate", { 3, 1, 0, 4096 }, EOPNOTSUPP },
		{ "fallocate", { 3, 3, 0, 4096 }, EPERM },
		{ "statx", { 0 }, ENOSYS },
		{ "clone3", { 0 }, ENOSYS },
		{ "getgroups", { 0 }, 0 },
		{ "mount", { 0 }, EPERM },
		/* Threads, since clone was seen. */
		{ "futex", { 0, 0 | 128 }, -1 },
		{ "futex", { 0, 6 }, ENOSYS },
	};
	_cleanup_free_ char *notes = NULL;
	json_t *profile = profile_of(text, NULL, &notes);

	expect_verdicts(profile, asked, NUC_ARRAY_SIZE(asked));
	ck_assert_ptr_nonnull(strstr(notes, "mount was called by x and is left out"));
	ck_assert_ptr_nonnull(strstr(notes, "1 of 1 traces have no last record"));
	json_decref(profile);
}
END_TEST

START_TEST(dangerous_calls_by_name_only)
{
	static const char text[] = HEAD WHO "\"call\":\"mount\",\"nr\":165,\"refused\":true}\n" WHO
		"\"call\":\"bpf\",\"nr\":321,\"args\":{\"cmd\":5},\"refused\":true}\n" CALL("ptrace", 101,
											   "\"request\":0");
	static const char *const mount[] = { "allow-dangerous=mount", NULL };
	static const char *const bad[][2] = { { "allow-dangerous=read" }, { "allow-dangerous=moutn" },
					      { "base=docker" }, { "x" }, { "allow-dangerous=" } };
	static const struct asked asked[] = {
		{ "mount", { 0 }, -1 },
		{ "bpf", { 5 }, EPERM },
		/* Whether the trace says so or not. */
		{ "ptrace", { 0 }, EPERM },
	};
	_cleanup_trace_ struct nuc_trace t = { 0 };
	_cleanup_free_ char *notes = NULL;
	char *unused = NULL;
	json_t *profile = profile_of(text, mount, &notes);

	expect_verdicts(profile, asked, NUC_ARRAY_SIZE(asked));
	json_decref(profile);
	for (size_t i = 0; i < NUC_ARRAY_SIZE(bad); i++)
		ck_assert_int_eq(nuc_learn_seccomp(&t, bad[i], &unused, &unused, NULL), -EINVAL);
	ck_assert_ptr_null(unused);
}
END_TEST

/* What is answered when it is traced can be allowed by its name, with what follows it and could not be seen. */
START_TEST(answered_calls_by_name_only)
{
	static const char text[] = HEAD
		WHO "\"call\":\"inotify_init1\",\"nr\":294,\"answer\":38}\n"
		WHO "\"call\":\"memfd_create\",\"nr\":319,\"args\":{\"flags\":1},\"answer\":38}\n"
		WHO "\"call\":\"socket\",\"nr\":41,\"args\":{\"domain\":38,\"type\":5,\"protocol\":0},\"answer\":97}\n"
		WHO "\"call\":\"clone3\",\"nr\":435,\"answer\":38}\n";
	static const char *const named[] = { "allow-dangerous=inotify_init1", "allow-dangerous=socket",
					     "allow-dangerous=statx", "allow-dangerous=stime", NULL };
	static const char *const clone3[] = { "allow-dangerous=clone3", NULL };
	static const struct asked without[] = {
		{ "inotify_init1", { 0 }, ENOSYS }, { "inotify_add_watch", { 0 }, EPERM },
		{ "memfd_create", { 0 }, ENOSYS },  { "socket", { 38, 5, 0 }, EAFNOSUPPORT },
		{ "ftruncate", { 0 }, EPERM },
	};
	static const struct asked with[] = {
		{ "inotify_init1", { 0 }, -1 },		    { "inotify_add_watch", { 0 }, -1 },
		{ "inotify_rm_watch", { 0 }, -1 },	    { "memfd_create", { 0 }, ENOSYS },
		{ "socket", { 38, 5, 0 }, -1 },		    { "socket", { 40, 5, 0 }, EAFNOSUPPORT },
		{ "statx", { 0 }, ENOSYS },		    { "clone3", { 0 }, ENOSYS },
		{ "ftruncate", { 0 }, EPERM },
	};
	_cleanup_trace_ struct nuc_trace t = { 0 };
	_cleanup_free_ char *notes = NULL, *more = NULL;
	char *unused = NULL;
	json_t *profile = profile_of(text, NULL, &notes);

	expect_verdicts(profile, without, NUC_ARRAY_SIZE(without));
	json_decref(profile);
	profile = profile_of(text, named, &more);
	expect_verdicts(profile, with, NUC_ARRAY_SIZE(with));
	json_decref(profile);
	ck_assert_ptr_nonnull(strstr(more, "statx was not called, and is not allowed\n"));
	ck_assert_ptr_nonnull(strstr(more, "stime was not called, and is not allowed\n"));
	ck_assert_ptr_null(strstr(more, "inotify_init1 was not called"));
	ck_assert_int_eq(nuc_learn_seccomp(&t, clone3, &unused, &unused, NULL), -EINVAL);
}
END_TEST

/* Whether a page has a name as a word of its own. */
static bool has_word(const char *page, const char *name)
{
	const size_t n = strlen(name);

	for (const char *s = page; (s = strstr(s, name)); s += n)
		if (strchr(" \n", s[-1]) && strchr(",.\n", s[n]))
			return true;
	return false;
}

START_TEST(calls_that_must_be_named_are_in_the_manual)
{
	_cleanup_free_ char *page = NULL;
	const struct nuc_danger *d;
	const struct nuc_rule *rule;
	size_t len;
	char *list, *end;

	ck_assert_int_eq(nuc_read_file(GOLDEN_DIR "/../../man/nucleus-trace.5.scd", 1 << 20, &page, &len), 0);
	list = strstr(page, "\n## CALLS THAT MUST BE NAMED\n");
	ck_assert_ptr_nonnull(list);
	end = strstr(list, "\nclone3 is answered");
	ck_assert_ptr_nonnull(end);
	*end = '\0';
	for (size_t i = 0; (d = nuc_danger_at(i)); i++)
		ck_assert_msg(has_word(list, d->name) == nuc_learn_by_name(d->name), "%s", d->name);
	for (unsigned int flags = 0; flags < 4; flags++)
		for (size_t i = 0; (rule = nuc_seccomp_answer_rule(flags, i)); i++)
			ck_assert_msg(has_word(list, rule->row.name) == nuc_learn_by_name(rule->row.name), "%s",
				      rule->row.name);
	/* And nothing else is. */
	for (char *word = strtok(list, ", .\n"); word; word = strtok(NULL, ", .\n"))
		ck_assert_msg(nuc_syscall_number(word) < 0 || nuc_learn_by_name(word), "%s", word);
}
END_TEST

START_TEST(too_many_forms_are_said_and_not_filtered)
{
	static const struct asked asked[] = { { "ioctl", { 0, 99999 }, -1 } };
	_cleanup_buf_ struct nuc_buf text = { 0 };
	_cleanup_free_ char *notes = NULL;
	json_t *profile;

	nuc_buf_puts(&text, HEAD);
	for (int i = 0; i < 1000; i++)
		nuc_buf_printf(&text, WHO "\"call\":\"ioctl\",\"nr\":16,\"args\":{\"request\":%d}}\n", i);
	profile = profile_of(text.s, NULL, &notes);
	expect_verdicts(profile, asked, 1);
	json_decref(profile);
}
END_TEST

/* A name is the program's own choice: it can say nothing but a name. */
START_TEST(a_name_cannot_add_a_rule)
{
	static const char text[] = HEAD "{\"t\":1,\"pid\":2,\"comm\":\"\\\"}]},{\\\"names\",\"call\":\"read\","
		"\"nr\":0}\n" PATH_OF("read", "file", "/a\\u000a[[rules]]\\u000apath = \\\"/etc\\\"\\\\");
	_cleanup_trace_ struct nuc_trace t = { 0 };
	_cleanup_free_ char *notes = NULL, *policy = NULL;
	json_t *profile = profile_of(text, NULL, &notes);
	_cleanup_doc_ struct nuc_doc *doc = NULL;
	_cleanup_free_ char *more = NULL;

	ck_assert_str_eq(json_string_value(json_object_get(
				 json_array_get(json_object_get(profile, "syscalls"), 2), "comment")),
			 "\"}]},{\"names");
	json_decref(profile);
	ck_assert_int_eq(parse(text, &t, NULL), 0);
	ck_assert_int_eq(nuc_learn_landlock(&t, &policy, &more, NULL), 0);
	ck_assert_int_eq(nuc_toml_parse(policy, strlen(policy), "p", &doc, NULL), 0);
	/* min_abi, rules, net; one rule. */
	ck_assert_uint_eq(doc->n, 3);
	ck_assert_str_eq(doc->items[1]->key, "rules");
	ck_assert_uint_eq(doc->items[1]->n, 1);
}
END_TEST

START_TEST(difference_from_the_built_in_list)
{
	static const char text[] = HEAD READ CALL("ioctl", 16, "\"request\":21505") CALL("ioctl", 16,
		"\"request\":21522") WHO "\"call\":\"inotify_init\",\"nr\":253}\n";
	static const char *const base[] = { "base=default", NULL };
	_cleanup_trace_ struct nuc_trace t = { 0 };
	_cleanup_free_ char *notes = NULL, *report = NULL;

	ck_assert_int_eq(parse(text, &t, NULL), 0);
	ck_assert_int_eq(nuc_learn_seccomp(&t, base, &report, &notes, NULL), 0);
	/* TCGETS is on the list, TIOCSTI is not. */
	ck_assert_ptr_nonnull(strstr(report, "+ ioctl(request 0x5412)\tx\n"));
	ck_assert_ptr_null(strstr(report, "0x5401"));
	ck_assert_ptr_nonnull(strstr(report, "+ inotify_init\tx\n"));
	ck_assert_ptr_null(strstr(report, "+ read"));
	ck_assert_ptr_nonnull(strstr(report, "- write\n"));
	ck_assert_ptr_null(strstr(report, "- read\n"));
}
END_TEST

/* ---- Landlock policies --------------------------------------------------------------------------- */

static char *policy_of(const char *text, char **ret_notes)
{
	_cleanup_trace_ struct nuc_trace t = { 0 };
	char *policy = NULL;

	ck_assert_int_eq(parse(text, &t, NULL), 0);
	ck_assert_int_eq(nuc_learn_landlock(&t, &policy, ret_notes, NULL), 0);
	return policy;
}

#define RULE_OF(path, access) "[[rules]]\npath = \"" path "\"\naccess = [" access "]\n"

START_TEST(paths_are_granted_as_they_were_seen)
{
	static const char text[] = HEAD PATH_OF("read", "file", "/etc/passwd")
		PATH_OF("read", "missing", "/etc/shadow") PATH_OF("exec", "file", "/usr/bin/cat")
		PATH_OF("write", "file", "/workspace/log") PATH_OF("list", "dir", "/workspace/src")
		PATH_OF("create", "file", "/workspace/out/a.Xyz12") PATH_OF("write", "file", "/workspace/out/a.Xyz12")
		PATH_OF("create", "dir", "/workspace/out/d") PATH_OF("create", "file", "/workspace/out/d/e")
		PATH_OF("read", "file", "/workspace/out/d/e") PATH_OF("remove", "file", "/workspace/out/d/e")
		PATH_OF("read", "file", "/workspace/old") PATH_OF("remove", "file", "/workspace/old")
		PATH_OF("read", "device", "/dev/tty") PATH_OF("read", "file", "/proc/77/stat")
		PATH_OF("create", "file", "/etc/mine") PATH_OF("list", "dir", "/") PATH_OF("write", "file",
		"/proc/77/oom_score_adj") WHO "\"op\":\"connect\",\"family\":\"inet\",\"type\":\"stream\","
		"\"port\":443}\n" WHO "\"op\":\"connect\",\"family\":\"inet\",\"type\":\"dgram\",\"port\":53}\n";
	static const char *const granted[] = {
		RULE_OF("/etc/passwd", "\"read\""),
		RULE_OF("/usr/bin/cat", "\"read\", \"execute\""),
		RULE_OF("/workspace/log", "\"write\""),
		RULE_OF("/workspace/src", "\"readdir\""),
		RULE_OF("/workspace/out", "\"read\", \"write\", \"create\", \"remove\""),
		/* Itself it is read; that it is removed is a right to where it lies. */
		RULE_OF("/workspace", "\"remove\""),
		RULE_OF("/workspace/old", "\"read\"") "optional = true\n",
		RULE_OF("/dev/tty", "\"read\", \"ioctl_dev\""),
		RULE_OF("/proc", "\"read\""),
		"[[net]]\nbind = []\nconnect = [443]\n",
	};
	static const char *const not_granted[] = { "shadow", "/etc\"", "path = \"/\"", "77", "Xyz12", "53" };
	_cleanup_free_ char *notes = NULL, *policy = policy_of(text, &notes);

	for (size_t i = 0; i < NUC_ARRAY_SIZE(granted); i++)
		ck_assert_msg(strstr(policy, granted[i]), "%s is not in\n%s", granted[i], policy);
	for (size_t i = 0; i < NUC_ARRAY_SIZE(not_granted); i++)
		ck_assert_msg(!strstr(policy, not_granted[i]), "%s is in\n%s", not_granted[i], policy);
	ck_assert_ptr_nonnull(strstr(notes, "not granted: create of /etc/mine"));
	ck_assert_ptr_nonnull(strstr(notes, "not granted: readdir of /"));
	ck_assert_ptr_nonnull(strstr(notes, "not granted: write of /proc/77/oom_score_adj"));
	ck_assert_ptr_nonnull(strstr(notes, "more than was seen: read, write, create, remove of all below "
					    "/workspace/out, of which 3 were seen"));
}
END_TEST

/* Names are the programs' own: they make no line, and act on no terminal. */
START_TEST(what_programs_wrote_stands_where_it_stands)
{
	static const char text[] = HEAD
		"{\"t\":1,\"pid\":2,\"comm\":\"a\\u001b[2Jb\\u000ac\",\"op\":\"create\",\"kind\":\"file\","
		"\"path\":\"/etc/x\\u001b]0;t\\u0007\\u000anucleus: note: nothing\"}\n"
		PATH_OF("create", "file", "/w\\u009b2J\\u000amore/f")
		PATH_OF("read", "file", "/w/\\u202eq\\\"]\\u000a[[rules]]\\u000apath=\\\"/etc");
	_cleanup_free_ char *notes = NULL, *policy = policy_of(text, &notes);

	for (const char *s = notes; *s; s++)
		ck_assert_msg(*s == '\n' || (*s >= 0x20 && *s < 0x7f), "%s", notes);
	ck_assert_ptr_nonnull(strstr(notes, "of /etc/x\\x1b]0;t\\x07\\x0anucleus: note: nothing by a?[2Jb?c: "));
	ck_assert_ptr_nonnull(strstr(notes, "below /w\\xc2\\x9b2J\\x0amore, of which 1"));
	ck_assert_ptr_nonnull(strstr(policy, "path = \"/w\\u009b2J\\u000amore\"\n"));
	ck_assert_ptr_nonnull(strstr(policy, "path = \"/w/\\u202eq\\\"]\\u000a[[rules]]\\u000apath=\\\"/etc\"\n"));
}
END_TEST

static void put_files(struct nuc_buf *b, const char *dir, int n)
{
	for (int i = 0; i < n; i++)
		nuc_buf_printf(b, WHO "\"op\":\"read\",\"kind\":\"file\",\"path\":\"%s/f%d\"}\n", dir, i);
}

START_TEST(folds)
{
	static const struct {
		const char *dir;
		int files;
		bool folded;
	} cases[] = {
		{ "/usr/lib/python3/json", 40, true },
		{ "/usr/lib/python3/json", 3, false },
		{ "/opt/tool/lib", 12, true },
		{ "/etc", 40, false },
		{ "/etc/ssl/private", 40, false },
		{ "/home", 40, false },
		{ "/home/agent/.ssh", 40, false },
		{ "/usr", 40, false },
		{ "/usr/lib", 40, false },
		{ "/usr/share/.secret", 40, false },
		{ "/workspace", 40, false },
		{ "/var/lib/x", 40, false },
		{ "/root", 40, false },
		{ "/proc/sys/kernel", 40, false },
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *notes = NULL, *policy = NULL, *rule = NULL;
		_cleanup_buf_ struct nuc_buf text = { 0 };

		nuc_buf_puts(&text, HEAD);
		put_files(&text, cases[i].dir, cases[i].files);
		nuc_buf_printf(&text, WHO "\"op\":\"exec\",\"kind\":\"file\",\"path\":\"%s/sub/deep\"}\n",
			       cases[i].dir);
		policy = policy_of(text.s, &notes);
		rule = nuc_strf("path = \"%s\"\n", cases[i].dir);
		ck_assert_msg(!!strstr(policy, rule) == cases[i].folded, "case %zu:\n%s", i, policy);
		ck_assert_msg(!!strstr(policy, "/f1\"") != cases[i].folded, "case %zu:\n%s", i, policy);
		ck_assert_ptr_nonnull(strstr(policy, "/sub/deep\""));
	}
}
END_TEST

#define NET(op, port) WHO "\"op\":\"" op "\",\"family\":\"inet\",\"type\":\"stream\",\"port\":" #port "}\n"

START_TEST(ports_that_are_others_each_time)
{
	static const struct {
		const char *text, *part;
		bool granted;
	} cases[] = {
		{ HEAD, "bind = []\nconnect = []\n", true },
		{ HEAD NET("bind", 0), "bind = [0]\nconnect = []\n", true },
		{ HEAD NET("connect", 40000) NET("connect", 80) NET("connect", 80),
		  "bind = []\nconnect = [80, 40000]\n", true },
		{ HEAD NET("bind", 0) NET("connect", 443), "bind = [0]\nconnect = [443]\n", true },
		{ HEAD NET("bind", 0) NET("connect", 40000), "bind = [0]\nconnect = []\n", false },
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *notes = NULL, *policy = policy_of(cases[i].text, &notes);

		ck_assert_msg(strstr(policy, cases[i].part), "case %zu:\n%s", i, policy);
		ck_assert_int_eq(!strstr(notes, "not granted: connect to port 40000 by x"), cases[i].granted);
	}
}
END_TEST

START_TEST(no_paths_no_policy)
{
	_cleanup_trace_ struct nuc_trace t = { 0 };
	char *unused = NULL;

	ck_assert_int_eq(parse("{\"nucleus_trace\":1,\"records\":\"calls\",\"time_us\":1,\"library\":\"0\",\"arch\":"
			       "\"x86_64\",\"kernel\":\"6\"}\n", &t, NULL), 0);
	ck_assert_int_eq(nuc_learn_landlock(&t, &unused, &unused, NULL), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("learn");
	TCase *c = tcase_create("learn");

	tcase_add_test(c, what_was_seen_is_allowed_and_nothing_else);
	tcase_add_test(c, dangerous_calls_by_name_only);
	tcase_add_test(c, too_many_forms_are_said_and_not_filtered);
	tcase_add_test(c, a_name_cannot_add_a_rule);
	tcase_add_test(c, difference_from_the_built_in_list);
	tcase_add_test(c, answered_calls_by_name_only);
	tcase_add_test(c, calls_that_must_be_named_are_in_the_manual);
	tcase_add_test(c, paths_are_granted_as_they_were_seen);
	tcase_add_test(c, what_programs_wrote_stands_where_it_stands);
	tcase_add_test(c, folds);
	tcase_add_test(c, ports_that_are_others_each_time);
	tcase_add_test(c, no_paths_no_policy);
	suite_add_tcase(s, c);
	return run_suite(s);
}
