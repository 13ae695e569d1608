/* SPDX-License-Identifier: MIT */
/* The library in somebody's process: nothing of the process changes, nothing in it confuses us. */
#include <sched.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "embed.h"

START_TEST(two_hundred_spawns_leave_the_caller_as_it_was)
{
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_RESTART | SA_NODEFER };
	char *before;
	nucleus_sandbox *s;
	sigset_t blocked;

	/* An embedder's own taste, so that "unchanged" is not "at its default". */
	umask(0137);
	ck_assert_int_eq(chdir("/usr"), 0);
	ck_assert_int_eq(sigaction(SIGUSR1, &act, NULL), 0);
	ck_assert_int_eq(sigaction(SIGCHLD, &act, NULL), 0);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR2);
	sigaddset(&blocked, SIGRTMIN + 3);
	pthread_sigmask(SIG_SETMASK, &blocked, NULL);
	setenv("NUCLEUS_TEST_OF_ENVIRONMENT", "kept", 1);

	before = describe_self();
	s = make_sandbox(ARGV("limits.timeout=1m"));
	for (int i = 0; i < 200; i++)
		expect(spawn(s, TRUE), NUCLEUS_OUTCOME_EXITED, 0);
	nucleus_sandbox_free(s);
	expect_self(before);
}
END_TEST

static const struct {
	const char *program;
	const char *argument;
	int code;
} refused[] = {
	{ "/no/such/program", NULL, -ENOENT },
	{ "no-such-program", NULL, -ENOENT },
	{ "/usr", NULL, -EACCES },
	{ "/etc/passwd", NULL, -EACCES },
	{ "", NULL, -EINVAL },
	{ NULL, NULL, -EINVAL },
};

START_TEST(a_refused_spawn_leaves_nothing)
{
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m"));
	char *before = describe_self();
	char *megabytes = malloc(2u << 20);

	for (int round = 0; round < 5; round++) {
		nucleus_process *p = NULL;
		nucleus_error *e = NULL;

		for (size_t i = 0; i < COUNT(refused); i++) {
			const char *argv[] = { refused[i].program, refused[i].argument, NULL };
			int r = nucleus_sandbox_spawn(s, argv, &p, &e);

			ck_assert_msg(r == refused[i].code, "%s: %d", refused[i].program, r);
			ck_assert_ptr_null(p);
			ck_assert_ptr_nonnull(e);
			ck_assert_int_eq(nucleus_error_code(e), r);
			ck_assert_str_eq(nucleus_error_stage(e), "launch");
			ck_assert_str_eq(nucleus_error_layer(e), "exec");
			nucleus_error_free(e);
			e = NULL;
		}
		ck_assert_int_eq(nucleus_sandbox_spawn(s, NULL, &p, NULL), -EINVAL);
		memset(megabytes, 'x', (2u << 20) - 1);
		megabytes[(2u << 20) - 1] = '\0';
		ck_assert_int_eq(nucleus_sandbox_spawn(s, ARGV("/bin/true", megabytes), &p, NULL),
				 -E2BIG);
		ck_assert_ptr_null(p);
	}
	/* What the starts of an object have in common is let go of. */
	ck_assert_int_eq(nucleus_sandbox_prepare(s, 0, NULL), 0);
	expect_self(before);
	nucleus_sandbox_free(s);
	free(megabytes);
}
END_TEST

START_TEST(a_sandbox_without_a_policy_starts_nothing)
{
	nucleus_sandbox *s;
	nucleus_process *p = NULL;

	ck_assert_int_eq(nucleus_sandbox_new(&s), 0);
	ck_assert_int_eq(nucleus_sandbox_spawn(s, TRUE, &p, NULL), -EINVAL);
	ck_assert_ptr_null(p);
	nucleus_sandbox_free(s);
}
END_TEST

static long faults_of_writing(char *memory, size_t size)
{
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	memset(memory, 1, size);
	getrusage(RUSAGE_SELF, &after);
	return after.ru_minflt - before.ru_minflt;
}

/* What a large caller would pay for: after a fork each page that is written to is a fault. */
START_TEST(no_memory_of_the_callers_is_copied)
{
	const size_t size = 64u << 20, pages = size / 4096;
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m"));
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	ck_assert_ptr_ne(memory, MAP_FAILED);
	madvise(memory, size, MADV_NOHUGEPAGE);
	ck_assert_int_ge(faults_of_writing(memory, size), (long)pages);
	for (int i = 0; i < 4; i++) {
		expect(spawn(s, TRUE), NUCLEUS_OUTCOME_EXITED, 0);
		ck_assert_int_lt(faults_of_writing(memory, size), (long)pages / 16);
	}
	pid = fork();
	if (pid == 0)
		_exit(0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_int_ge(faults_of_writing(memory, size), (long)pages / 2);
	munmap(memory, size);
	nucleus_sandbox_free(s);
}
END_TEST

START_TEST(a_signal_to_the_callers_group_is_the_callers)
{
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m"));
	nucleus_process *p;

	signal(SIGUSR1, SIG_IGN);
	setpgid(0, 0);
	p = spawn(s, ARGV("sleep", "60"));
	ck_assert_int_eq(kill(0, SIGUSR1), 0);
	ck_assert_int_eq(nucleus_process_wait(p, 300, NULL, NULL, NULL), -ETIMEDOUT);
	nucleus_process_close(p);
	nucleus_sandbox_free(s);
}
END_TEST

START_TEST(what_the_caller_is_spared_the_program_is_not)
{
	const struct sched_param lowest = { .sched_priority = 1 };
	nucleus_sandbox *s;
	nucleus_process *p;
	int out[2];

	make_pipe(out);
	ck_assert_int_ge(personality(ADDR_NO_RANDOMIZE), 0);
	if (geteuid() == 0) {
		int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

		/* EACCES: root of a container may not have CAP_SYS_RESOURCE. */
		if (write(fd, "-500", 4) < 0)
			ck_assert_int_eq(errno, EACCES);
		close(fd);
		ck_assert_int_eq(setpriority(PRIO_PROCESS, 0, -5), 0);
		ck_assert_int_eq(sched_setscheduler(0, SCHED_RR, &lowest), 0);
	}
	s = make_sandbox(ARGV("limits.timeout=1m"));
	ck_assert_int_eq(nucleus_sandbox_set_stdio(s, -1, out[1], -1), 0);
	/* nice is field 19 of proc_pid_stat(5), the policy 41. */
	p = spawn(s, ARGV("sh", "-c", "cat /proc/self/oom_score_adj /proc/self/personality; "
				      "cut -d' ' -f19,41 /proc/self/stat"));
	close(out[1]);
	ck_assert_str_eq(read_all(out[0]), "0\n00000000\n0 0\n");
	expect(p, NUCLEUS_OUTCOME_EXITED, 0);
	nucleus_sandbox_free(s);
}
END_TEST

/* The new root is built on one of these directories: not on one that is bound, by whatever name. */
START_TEST(a_volume_may_be_a_link_to_where_the_root_is_built)
{
	char dir[] = "/tmp/nucleus-embed-XXXXXX", link[64], option[96];
	nucleus_sandbox *s;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(link, sizeof(link), "%s/link", dir);
	ck_assert_int_eq(symlink("/mnt", link), 0);
	snprintf(option, sizeof(option), "volumes=%s:/data", link);
	s = make_sandbox(ARGV(option));
	expect(spawn(s, ARGV("ls", "/data")), NUCLEUS_OUTCOME_EXITED, 0);
	nucleus_sandbox_free(s);
	ck_assert_int_eq(unlink(link), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

/* mountinfo, which is audited, has them escaped. */
START_TEST(targets_may_have_blanks_and_backslashes)
{
	nucleus_sandbox *s = make_sandbox(
		ARGV("volumes=/usr/share:/a b\\040\t\nc", "tmpfs=/a b\\040\t\nd\\:64K"));

	expect(spawn(s, ARGV("touch", "/a b\\040\t\nd\\/x")), NUCLEUS_OUTCOME_EXITED, 0);
	expect(spawn(s, ARGV("test", "-e", "/a b\\040\t\nc/misc")), NUCLEUS_OUTCOME_EXITED, 0);
	nucleus_sandbox_free(s);
}
END_TEST

START_TEST(a_library_says_what_it_is)
{
	static const char *const has[] = { "landlock", "seccomp", "copy-in-out", "explain", "idmap" };
	static const char *const has_not[] = { "", "land", "landlocks", "LANDLOCK", "no-such-thing" };
	int major, minor, patch, n = -1;

	ck_assert_int_eq(sscanf(nucleus_version(), "%d.%d.%d%n", &major, &minor, &patch, &n), 3);
	ck_assert_int_eq(n, (int)strlen(nucleus_version()));
	for (size_t i = 0; i < COUNT(has); i++)
		ck_assert_msg(nucleus_has_feature(has[i]) == 1, "%s", has[i]);
	for (size_t i = 0; i < COUNT(has_not); i++)
		ck_assert_msg(nucleus_has_feature(has_not[i]) == 0, "%s", has_not[i]);
}
END_TEST

/* The SHA-256 of a text, by another program. */
static char *sha256sum(const char *text)
{
	char name[] = "/tmp/nucleus-embed-XXXXXX", command[64];
	static char hash[65];
	int fd = mkstemp(name);
	FILE *f;

	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	snprintf(command, sizeof(command), "sha256sum %s", name);
	f = popen(command, "re");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%64[0-9a-f]", hash), 1);
	ck_assert_int_eq(pclose(f), 0);
	ck_assert_int_eq(unlink(name), 0);
	return hash;
}

START_TEST(a_plan_is_explained_and_hashed)
{
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m")),
			*same = make_sandbox(ARGV("limits.timeout=60s")),
			*other = make_sandbox(ARGV("limits.timeout=2m"));
	char *text = NULL, *json = NULL, *hash = NULL, *hash2 = NULL;

	ck_assert_int_eq(nucleus_sandbox_explain(s, "text", &text), 0);
	ck_assert_ptr_nonnull(strstr(text, "seccomp"));
	ck_assert_int_eq(nucleus_sandbox_explain(s, "json", &json), 0);
	ck_assert_int_eq(json[0], '{');
	ck_assert_int_eq(nucleus_sandbox_hash(s, &hash), 0);
	ck_assert_str_eq(hash, sha256sum(json));
	ck_assert_int_eq(nucleus_sandbox_hash(same, &hash2), 0);
	ck_assert_str_eq(hash, hash2);
	nucleus_free(hash2);
	ck_assert_int_eq(nucleus_sandbox_hash(other, &hash2), 0);
	ck_assert_str_ne(hash, hash2);
	nucleus_free(hash2);
	nucleus_free(hash);
	nucleus_free(json);
	nucleus_free(text);
	ck_assert_int_eq(nucleus_sandbox_explain(s, "yaml", &text), -EINVAL);
	nucleus_sandbox_free(other);
	nucleus_sandbox_free(same);
	nucleus_sandbox_free(s);
}
END_TEST

START_TEST(without_a_policy_there_is_nothing_to_explain)
{
	nucleus_sandbox *s;
	char *text = NULL;

	ck_assert_int_eq(nucleus_sandbox_new(&s), 0);
	ck_assert_int_eq(nucleus_sandbox_explain(s, "text", &text), -EINVAL);
	ck_assert_int_eq(nucleus_sandbox_hash(s, &text), -EINVAL);
	ck_assert_ptr_null(nucleus_sandbox_warning(s, 0));
	ck_assert_ptr_null(text);
	nucleus_sandbox_free(s);
	nucleus_sandbox_free(NULL);
}
END_TEST

START_TEST(what_is_switched_off_is_a_warning)
{
	nucleus_sandbox *s = make_sandbox(ARGV("mode=agent", "security.seccomp=off"));
	bool named = false;
	size_t n = 0;

	for (; nucleus_sandbox_warning(s, n); n++) {
		ck_assert_ptr_null(strchr(nucleus_sandbox_warning(s, n), '\n'));
		named |= strstr(nucleus_sandbox_warning(s, n), "seccomp") != NULL;
	}
	ck_assert(named);
	ck_assert_ptr_null(nucleus_sandbox_warning(s, n + 1));
	ck_assert_ptr_null(nucleus_sandbox_warning(s, SIZE_MAX));
	nucleus_sandbox_free(s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("caller");
	TCase *t = tcase_create("caller");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, two_hundred_spawns_leave_the_caller_as_it_was);
	tcase_add_test(t, a_refused_spawn_leaves_nothing);
	tcase_add_test(t, a_sandbox_without_a_policy_starts_nothing);
	tcase_add_test(t, no_memory_of_the_callers_is_copied);
	tcase_add_test(t, a_signal_to_the_callers_group_is_the_callers);
	tcase_add_test(t, what_the_caller_is_spared_the_program_is_not);
	tcase_add_test(t, a_volume_may_be_a_link_to_where_the_root_is_built);
	tcase_add_test(t, targets_may_have_blanks_and_backslashes);
	tcase_add_test(t, a_library_says_what_it_is);
	tcase_add_test(t, a_plan_is_explained_and_hashed);
	tcase_add_test(t, without_a_policy_there_is_nothing_to_explain);
	tcase_add_test(t, what_is_switched_off_is_a_warning);
	suite_add_tcase(s, t);
	return run_suite(s);
}
