/* SPDX-License-Identifier: MIT */
/* What a sandbox that was made ahead does until its program comes, and when it comes. */
#include <sys/stat.h>
#include <sys/utsname.h>

#include "ahead.h"

/* A directory in the workspace, which is no mount of its own: programs and the host may move it at any time. */
START_TEST(where_a_program_starts_is_looked_up_when_it_starts)
{
	char top[] = "/tmp/nucleus-ahead-XXXXXX", src[64], other[64], note[80], option[80];
	nucleus_error *e = NULL;
	nucleus_process *p = NULL;

	ck_assert_ptr_nonnull(mkdtemp(top));
	ck_assert_int_eq(chmod(top, 0755), 0);
	snprintf(src, sizeof(src), "%s/src", top);
	snprintf(other, sizeof(other), "%s/other", top);
	snprintf(note, sizeof(note), "%s/other/note", top);
	snprintf(option, sizeof(option), "workspace.path=%s", top);
	ck_assert_int_eq(mkdir(src, 0755), 0);
	ck_assert_int_eq(mkdir(other, 0755), 0);
	write_file(note, "new\n");
	nucleus_sandbox_free(sandbox);
	sandbox = make_sandbox(ARGV(option, "process.cwd=/workspace/src"));
	ck_assert_int_eq(nucleus_sandbox_set_stdio(sandbox, -1, out[1], -1), 0);
	prepare(sandbox, 2);
	await_children(2);
	/* In one step: one that is still being made finds either. */
	ck_assert_int_eq(renameat2(AT_FDCWD, src, AT_FDCWD, other, RENAME_EXCHANGE), 0);
	ck_assert_str_eq(output(ARGV("cat", "note")), "new\n");
	await_children(2);
	snprintf(note, sizeof(note), "%s/src/note", top);
	ck_assert_int_eq(unlink(note), 0);
	ck_assert_int_eq(rmdir(src), 0);
	ck_assert_int_eq(nucleus_sandbox_spawn(sandbox, TRUE, &p, &e), -ENOENT);
	ck_assert_msg(strstr(nucleus_error_message(e), "cannot start in /workspace/src"), "%s", nucleus_error_message(e));
	nucleus_error_free(e);
	rmdir(other);
	rmdir(top);
}
END_TEST

/* The first line of what can be read there, or "". */
static const char *line_of(const char *name, pid_t pid)
{
	static char line[512];
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), name, pid, pid);
	f = fopen(path, "re");
	if (!f || !fgets(line, sizeof(line), f))
		line[0] = '\0';
	if (f)
		fclose(f);
	return line;
}

/*
 * Of the sandboxes that are there, the maker aside: how many have a process that waits for its program, the last of which
 * is told; or how many have ended.
 */
static size_t count_waiting(bool ended, pid_t *ret_last)
{
	pid_t pids[CHILDREN];
	size_t n = list_children(pids), found = 0;

	for (size_t i = 0; i < n; i++) {
		int child = atoi(line_of("/proc/%d/task/%d/children", pids[i]));

		found += ended ? strstr(line_of("/proc/%d/stat", pids[i]), ") Z ") != NULL : child > 0;
		if (child > 0)
			*ret_last = child;
	}
	return found;
}

/* Earlier kernels cannot share init's memory with it, for their time namespaces: there is none then. */
static pid_t await_waiting(size_t count, bool ended)
{
	const int64_t start = now_ms();
	struct utsname u;
	pid_t last = -1;
	int major = 0, minor = 0;

	ck_assert_int_eq(uname(&u), 0);
	ck_assert_int_eq(sscanf(u.release, "%d.%d", &major, &minor), 2);
	while (major * 100 + minor >= 602 && count_waiting(ended, &last) < count)
		ck_assert_int_lt(now_ms() - start, 30000);
	return last;
}

START_TEST(what_failed_when_it_was_made_and_would_not_now_is_made_again)
{
	char top[] = "/tmp/nucleus-ahead-XXXXXX", src[64], option[80];

	ck_assert_ptr_nonnull(mkdtemp(top));
	ck_assert_int_eq(chmod(top, 0755), 0);
	snprintf(src, sizeof(src), "%s/src", top);
	snprintf(option, sizeof(option), "workspace.path=%s", top);
	ck_assert_int_eq(mkdir(src, 0755), 0);
	nucleus_sandbox_free(sandbox);
	sandbox = make_sandbox(ARGV(option, "process.cwd=/workspace/src"));
	ck_assert_int_eq(rmdir(src), 0);
	prepare(sandbox, 2);
	await_children(2);
	await_waiting(2, true);
	ck_assert_int_eq(mkdir(src, 0755), 0);
	expect(spawn(sandbox, ARGV("sh", "-c", "exit 3")), NUCLEUS_OUTCOME_EXITED, 3);
	rmdir(src);
	rmdir(top);
}
END_TEST

/* The out-of-memory killer may take it. Its sandbox ends, and nobody gets that one. */
START_TEST(one_whose_process_is_killed_while_it_waits_is_not_used)
{
	pid_t waiting;

	prepare(sandbox, 1);
	await_children(1);
	waiting = await_waiting(1, false);
	if (waiting > 0) {
		ck_assert_int_eq(kill(waiting, SIGKILL), 0);
		await_waiting(1, true);
	}
	expect(spawn(sandbox, ARGV("sh", "-c", "exit 3")), NUCLEUS_OUTCOME_EXITED, 3);
	await_children(1);
	waiting = await_waiting(1, false);
	/* And so it is if it is killed while it is given its program. */
	if (waiting > 0)
		ck_assert_int_eq(kill(waiting, SIGKILL), 0);
	expect(spawn(sandbox, ARGV("sh", "-c", "exit 4")), NUCLEUS_OUTCOME_EXITED, 4);
}
END_TEST

/* More than an exec takes, and more than an init that waits has room for, is refused in the same words. */
START_TEST(too_many_arguments_are_told_as_without)
{
	static char big[100000];
	const char *many[130];

	memset(big, 'x', sizeof(big) - 1);
	many[0] = "true";
	for (size_t n = 50; n <= 128; n += 78) {
		char *said[2];

		for (size_t i = 1; i <= n; i++)
			many[i] = big;
		many[n + 1] = NULL;
		for (unsigned int i = 0; i < 2; i++) {
			nucleus_error *e = NULL;
			nucleus_process *p = NULL;

			prepare(sandbox, i);
			ck_assert_int_eq(nucleus_sandbox_spawn(sandbox, many, &p, &e), -E2BIG);
			said[i] = strdup(nucleus_error_message(e));
			nucleus_error_free(e);
		}
		ck_assert_str_eq(said[0], said[1]);
		free(said[0]);
		free(said[1]);
	}
	prepare(sandbox, 2);
	expect(spawn_prepared(TRUE), NUCLEUS_OUTCOME_EXITED, 0);
}
END_TEST

/* Under a filter that refuses a call which it makes on the way to its program, init forks when that is there. */
START_TEST(a_process_waits_under_its_filter_only_if_that_lets_it)
{
	static const char *const calls[] = { "ppoll", "recvmsg", "dup3", "clock_gettime", "chdir" };
	char path[] = "/tmp/nucleus-ahead-XXXXXX", option[80], profile[160];
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	close(fd);
	prepare(sandbox, 2);
	await_children(2);
	await_waiting(2, false);
	expect(spawn_prepared(TRUE), NUCLEUS_OUTCOME_EXITED, 0);
	for (size_t i = 0; i < COUNT(calls); i++) {
		snprintf(profile, sizeof(profile), "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": "
			 "[\"%s\"], \"action\": \"SCMP_ACT_ERRNO\"}]}", calls[i]);
		write_file(path, profile);
		nucleus_sandbox_free(sandbox);
		snprintf(option, sizeof(option), "security.seccomp-profile=%s", path);
		sandbox = make_sandbox(ARGV("mode=agent", option));
		ck_assert_int_eq(nucleus_sandbox_set_stdio(sandbox, -1, out[1], -1), 0);
		prepare(sandbox, 2);
		ck_assert_str_eq(output(ARGV("sh", "-c", "cd / 2>/dev/null || echo refused; echo ran")),
				 strcmp(calls[i], "chdir") == 0 ? "refused\nran\n" : "ran\n");
	}
	unlink(path);
}
END_TEST

/* A process that is stopped, as by a freezer or a debugger, and goes on: no other call is made for it than before. */
START_TEST(one_that_was_stopped_waits_on)
{
	char path[] = "/tmp/nucleus-ahead-XXXXXX", option[80];
	int fd = mkstemp(path);
	pid_t waiting;

	ck_assert_int_ge(fd, 0);
	close(fd);
	write_file(path, "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"restart_syscall\"],"
			 "\"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 1}]}");
	nucleus_sandbox_free(sandbox);
	snprintf(option, sizeof(option), "security.seccomp-profile=%s", path);
	sandbox = make_sandbox(ARGV("mode=agent", option));
	prepare(sandbox, 1);
	await_children(1);
	waiting = await_waiting(1, false);
	if (waiting > 0) {
		ck_assert_int_eq(kill(waiting, SIGSTOP), 0);
		while (!strstr(line_of("/proc/%d/stat", waiting), ") T "))
			poll(NULL, 0, 1);
		ck_assert_int_eq(kill(waiting, SIGCONT), 0);
		while (!strstr(line_of("/proc/%d/stat", waiting), ") S "))
			poll(NULL, 0, 1);
	}
	expect(spawn(sandbox, ARGV("sh", "-c", "exit 3")), NUCLEUS_OUTCOME_EXITED, 3);
	unlink(path);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("waiting");
	TCase *c = tcase_create("waiting");

	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, set_up_ahead, tear_down_ahead);
	tcase_add_test(c, where_a_program_starts_is_looked_up_when_it_starts);
	tcase_add_test(c, what_failed_when_it_was_made_and_would_not_now_is_made_again);
	tcase_add_test(c, one_whose_process_is_killed_while_it_waits_is_not_used);
	tcase_add_test(c, too_many_arguments_are_told_as_without);
	tcase_add_test(c, a_process_waits_under_its_filter_only_if_that_lets_it);
	tcase_add_test(c, one_that_was_stopped_waits_on);
	suite_add_tcase(s, c);
	return run_suite(s);
}
