/* SPDX-License-Identifier: MIT */
/* The caller's descriptors: those it gives, those it lacks, and those that must not be passed on. */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "embed.h"

START_TEST(spawn_says_when_descriptors_run_out)
{
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m"));
	struct rlimit limit, low;
	int refusals = 0;
	char *before;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	before = describe_self();
	low = limit;
	for (low.rlim_cur = 3; low.rlim_cur < 64; low.rlim_cur++) {
		nucleus_process *p = NULL;
		int r;

		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
		r = nucleus_sandbox_spawn(s, TRUE, &p, NULL);
		if (r == 0)
			expect(p, NUCLEUS_OUTCOME_EXITED, 0);
		else
			ck_assert_msg(r == -EMFILE, "with a limit of %d: %d", (int)low.rlim_cur, r);
		refusals += r < 0;
	}
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_gt(refusals, 0);
	ck_assert_int_lt(refusals, 50);
	/* What the starts of an object have in common is let go of. */
	ck_assert_int_eq(nucleus_sandbox_prepare(s, 0, NULL), 0);
	expect_self(before);
	nucleus_sandbox_free(s);
}
END_TEST

START_TEST(apply_says_when_descriptors_run_out)
{
	struct rlimit limit, low;
	nucleus_policy *policy;
	nucleus_sandbox *s;
	int refusals = 0, r = -1;

	ck_assert_int_eq(nucleus_policy_new(&policy), 0);
	ck_assert_int_eq(nucleus_sandbox_new(&s), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	for (low.rlim_cur = 3; low.rlim_cur < 32; low.rlim_cur++) {
		nucleus_error *e = NULL;

		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
		r = nucleus_sandbox_apply_policy(s, policy, &e);
		refusals += r < 0;
		ck_assert_int_eq(r < 0, e != NULL);
		nucleus_error_free(e);
	}
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_gt(refusals, 0);
	ck_assert_int_eq(r, 0);
	nucleus_sandbox_free(s);
	nucleus_policy_free(policy);
}
END_TEST

START_TEST(given_descriptors_become_the_programs_own)
{
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m"));
	int in[2], out[2], err[2];
	nucleus_process *p;

	make_pipe(in);
	make_pipe(out);
	make_pipe(err);
	ck_assert_int_eq(nucleus_sandbox_set_stdio(s, in[0], out[1], err[1]), 0);
	p = spawn(s, ARGV("sh", "-c", "tr a-z A-Z; echo complaint >&2; ls /proc/self/fd | wc -l >&2"));
	close(in[0]);
	close(out[1]);
	close(err[1]);
	ck_assert_int_eq(write(in[1], "hello", 5), 5);
	close(in[1]);
	ck_assert_str_eq(read_all(out[0]), "HELLO");
	/* 0, 1, 2 and the one that ls reads the directory by. */
	ck_assert_str_eq(read_all(err[0]), "complaint\n4\n");
	expect(p, NUCLEUS_OUTCOME_EXITED, 0);
	nucleus_sandbox_free(s);
}
END_TEST

START_TEST(one_descriptor_may_be_given_for_all_three)
{
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m"));
	int out[2];
	nucleus_process *p;

	make_pipe(out);
	ck_assert_int_eq(nucleus_sandbox_set_stdio(s, out[1], out[1], out[1]), 0);
	p = spawn(s, ARGV("sh", "-c", "echo 0 >&0; echo 1; echo 2 >&2"));
	close(out[1]);
	ck_assert_str_eq(read_all(out[0]), "0\n1\n2\n");
	expect(p, NUCLEUS_OUTCOME_EXITED, 0);
	ck_assert_int_eq(nucleus_sandbox_set_stdio(s, 999, -1, -1), -EBADF);
	nucleus_sandbox_free(s);
}
END_TEST

static void expect_null_streams(nucleus_sandbox *s, bool prepared)
{
	/* Character device 1:3, whatever the caller's own are. */
	static const char script[] = "[ -z \"$(cat)\" ] && for i in 0 1 2; do"
				     " [ $(stat -L -c %t:%T /proc/$$/fd/$i) = 1:3 ] || exit; done";
	const char *const argv[] = { "sh", "-c", script, NULL };

	if (prepared)
		ck_assert_int_eq(nucleus_sandbox_prepare(s, 1, NULL), 0);
	expect(spawn(s, argv), NUCLEUS_OUTCOME_EXITED, 0);
}

START_TEST(streams_may_be_dev_null)
{
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m"));
	int ends[2];

	/* One that a read would wait for; then one that would be refused. */
	make_pipe(ends);
	dup2(ends[0], 0);
	ck_assert_int_eq(nucleus_sandbox_set_stdio(s, NUCLEUS_STDIO_NULL, NUCLEUS_STDIO_NULL, NUCLEUS_STDIO_NULL),
			 0);
	expect_null_streams(s, false);
	expect_null_streams(s, true);
	close(0);
	ck_assert_int_eq(open("/usr", O_RDONLY | O_DIRECTORY), 0);
	expect_null_streams(s, false);
	expect_null_streams(s, true);
	nucleus_sandbox_free(s);
}
END_TEST

/* The caller's 1 is what goes to the program's 2, and the other way round. */
START_TEST(stdio_may_be_crossed)
{
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m"));
	int out[2], err[2], saved[2] = { dup(1), dup(2) };
	nucleus_process *p;

	make_pipe(out);
	make_pipe(err);
	dup2(out[1], 1);
	dup2(err[1], 2);
	ck_assert_int_eq(nucleus_sandbox_set_stdio(s, -1, 2, 1), 0);
	p = spawn(s, ARGV("sh", "-c", "echo to 1; echo to 2 >&2"));
	dup2(saved[0], 1);
	dup2(saved[1], 2);
	close(out[1]);
	close(err[1]);
	ck_assert_str_eq(read_all(out[0]), "to 2\n");
	ck_assert_str_eq(read_all(err[0]), "to 1\n");
	expect(p, NUCLEUS_OUTCOME_EXITED, 0);
	nucleus_sandbox_free(s);
}
END_TEST

START_TEST(a_caller_without_stdio_is_served)
{
	nucleus_sandbox *s;
	int out[2], code = -1, outcome = -1;
	int high[2], saved[3];
	nucleus_process *p = NULL;

	make_pipe(out);
	for (int i = 0; i < 2; i++)
		high[i] = fcntl(out[i], F_DUPFD_CLOEXEC, 100);
	for (int i = 0; i < 3; i++) {
		saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 200);
		close(i);
	}
	/* All that the library opens now could fall on 0, 1 and 2. */
	s = make_sandbox(ARGV("limits.timeout=1m"));
	if (nucleus_sandbox_set_stdio(s, -1, high[1], -1) == 0 &&
	    nucleus_sandbox_spawn(s, ARGV("sh", "-c", "readlink /proc/self/fd/0 /proc/self/fd/2"), &p,
				  NULL) == 0)
		nucleus_process_wait(p, -1, &outcome, &code, NULL);
	nucleus_process_close(p);
	nucleus_sandbox_free(s);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_lt(fcntl(i, F_GETFD), 0);
		dup2(saved[i], i);
	}
	ck_assert_int_eq(outcome, NUCLEUS_OUTCOME_EXITED);
	ck_assert_int_eq(code, 0);
	close(out[0]);
	close(out[1]);
	close(high[1]);
	ck_assert_str_eq(read_all(high[0]), "/dev/null\n/dev/null\n");
}
END_TEST

/* A number that the caller does not use may be one that the library opened for itself. */
START_TEST(no_descriptor_of_the_library_is_passed)
{
	int next = dup(0);

	close(next);
	for (int fd = next; fd < next + 8; fd++) {
		nucleus_process *p = NULL;
		nucleus_sandbox *s;
		char option[64];

		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		snprintf(option, sizeof(option), "process.pass-fds=%d", fd);
		s = make_sandbox(ARGV(option));
		ck_assert_int_eq(nucleus_sandbox_spawn(s, TRUE, &p, NULL), -EBADF);
		nucleus_sandbox_free(s);
	}
}
END_TEST

/* The child's own descriptor then falls below 3, and cannot be moved when there are no more. */
START_TEST(a_caller_without_stdio_is_told_when_descriptors_run_out)
{
	char dir[] = "/tmp/nucleus-embed-XXXXXX", option[64];
	struct rlimit limit, low;
	int saved[3], refusals = 0, odd = 0, left = 0;
	nucleus_sandbox *s;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(option, sizeof(option), "context.path=%s", dir);
	s = make_sandbox(ARGV(option, "context.mode=copy"));
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int i = 0; i < 3; i++) {
		saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 200);
		close(i);
	}
	low = limit;
	for (low.rlim_cur = 4; low.rlim_cur < 64; low.rlim_cur++) {
		nucleus_process *p = NULL;
		int r;

		setrlimit(RLIMIT_NOFILE, &low);
		r = nucleus_sandbox_spawn(s, TRUE, &p, NULL);
		refusals += r < 0;
		if (r < 0 && r != -EMFILE && r != -ECANCELED)
			odd = r;
		nucleus_process_close(p);
		left += waitpid(-1, NULL, __WALL | WNOHANG) >= 0 || errno != ECHILD;
	}
	setrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < 3; i++) {
		dup2(saved[i], i);
		close(saved[i]);
	}
	nucleus_sandbox_free(s);
	ck_assert_int_eq(rmdir(dir), 0);
	ck_assert_int_gt(refusals, 0);
	ck_assert_int_lt(refusals, 50);
	ck_assert_int_eq(odd, 0);
	ck_assert_int_eq(left, 0);
}
END_TEST

START_TEST(only_passed_descriptors_arrive)
{
	nucleus_sandbox *s;
	char option[64];
	int out[2], secret[2], fd;
	nucleus_process *p;

	make_pipe(out);
	ck_assert_int_eq(pipe(secret), 0); /* not close-on-exec: a leak if we did nothing */
	fd = fcntl(secret[1], F_DUPFD_CLOEXEC, 77);
	snprintf(option, sizeof(option), "process.pass-fds=%d", fd);
	s = make_sandbox(ARGV(option, "limits.timeout=1m"));
	ck_assert_int_eq(nucleus_sandbox_set_stdio(s, -1, out[1], -1), 0);
	p = spawn(s, ARGV("bash", "-c", "echo passed >&77; cd /proc/$$/fd; echo *"));
	close(out[1]);
	close(secret[1]);
	close(fd);
	ck_assert_str_eq(read_all(secret[0]), "passed\n");
	/* 3 is what the shell reads the directory by. */
	ck_assert_str_eq(read_all(out[0]), "0 1 2 3 77\n");
	expect(p, NUCLEUS_OUTCOME_EXITED, 0);
	nucleus_sandbox_free(s);
}
END_TEST

START_TEST(a_passed_descriptor_must_be_open)
{
	nucleus_sandbox *s = make_sandbox(ARGV("process.pass-fds=77"));
	nucleus_process *p = NULL;
	nucleus_error *e = NULL;

	ck_assert_int_eq(nucleus_sandbox_spawn(s, TRUE, &p, &e), -EBADF);
	ck_assert_str_eq(nucleus_error_layer(e), "descriptors");
	nucleus_error_free(e);
	nucleus_sandbox_free(s);
}
END_TEST

/* Spawns with each such descriptor that is new as standard input: each must be refused. Gives how many there were. */
static int refused_as_input(nucleus_sandbox *s, const bool old[128], bool (*is_own)(const char *name))
{
	int refused = 0;

	for (int fd = 3; fd < 128; fd++) {
		char path[64], name[256];
		nucleus_process *p = NULL;
		nucleus_error *e = NULL;
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, name, sizeof(name) - 1);
		if (n < 0 || old[fd])
			continue;
		name[n] = '\0';
		if (!is_own(name))
			continue;
		refused++;
		ck_assert_int_eq(nucleus_sandbox_set_stdio(s, fd, -1, -1), 0);
		ck_assert_msg(nucleus_sandbox_spawn(s, TRUE, &p, &e) == -EBADF, "%s", name);
		ck_assert_ptr_nonnull(strstr(nucleus_error_message(e), "standard input is descriptor"));
		nucleus_error_free(e);
	}
	return refused;
}

static bool is_own_of_starts(const char *name)
{
	return !strncmp(name, "/memfd:nucleus", 14) || !strncmp(name, "mnt:", 4) || !strncmp(name, "user:", 5);
}

static bool is_own_of_what_is_ahead(const char *name)
{
	return is_own_of_starts(name) || !strncmp(name, "socket:", 7) || !strcmp(name, "anon_inode:[pidfd]") ||
	       !strncmp(name, "pipe:", 5) || !strcmp(name, "/dev/null");
}

/* A number that the caller has closed may be one of the library's: what it holds for sandboxes is not for programs. */
START_TEST(no_descriptor_of_the_library_is_given)
{
	nucleus_sandbox *s;
	bool old[128];

	for (int fd = 0; fd < 128; fd++)
		old[fd] = fcntl(fd, F_GETFD) >= 0;
	s = make_sandbox(ARGV("limits.timeout=1m"));
	/* From the third start on a root is kept, too. */
	for (int i = 0; i < 3; i++)
		expect(spawn(s, TRUE), NUCLEUS_OUTCOME_EXITED, 0);
	/* Init, the plan, the page that init writes to, the namespaces that are kept. */
	ck_assert_int_ge(refused_as_input(s, old, is_own_of_starts), 4);
	ck_assert_int_eq(nucleus_sandbox_set_stdio(s, -1, -1, -1), 0);
	ck_assert_int_eq(nucleus_sandbox_prepare(s, 2, NULL), 0);
	expect(spawn(s, TRUE), NUCLEUS_OUTCOME_EXITED, 0);
	/* And of three slots the page, of the maker and two sandboxes a socket, pipes and pidfds. */
	ck_assert_int_ge(refused_as_input(s, old, is_own_of_what_is_ahead), 14);
	nucleus_sandbox_free(s);
}
END_TEST

/* A memory file with "keep" in it, opened for reading only. */
static int reading_memory(int seals)
{
	int fd = memfd_create("given", MFD_ALLOW_SEALING | MFD_CLOEXEC), reading;
	char path[sizeof("/proc/self/fd/") + 10];

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "keep", 4), 4);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	reading = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(reading, 0);
	close(fd);
	return reading;
}

#define WRITE_INPUT ARGV("bash", "-c", "exec 2>&-; : > /proc/self/fd/0 && echo written; head -c 9")

/* Landlock restricts nothing on the kernel's own mounts: there a memory file is what its seals and its mode make of it. */
START_TEST(a_memory_file_for_reading_is_not_written)
{
	static const int sealed[] = { F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE,
				      F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE };
	static const int open_to_some[] = { 0, F_SEAL_SHRINK | F_SEAL_GROW, F_SEAL_WRITE | F_SEAL_SHRINK,
					    F_SEAL_WRITE | F_SEAL_GROW };
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m")), *agent;
	int out[2], fd;
	nucleus_process *p;

	for (size_t i = 0; i < COUNT(open_to_some); i++)
		for (int ahead = 0; ahead < 2; ahead++) {
			nucleus_error *e = NULL;

			fd = reading_memory(open_to_some[i]);
			ck_assert_int_eq(nucleus_sandbox_prepare(s, (unsigned int)ahead, NULL), 0);
			ck_assert_int_eq(nucleus_sandbox_set_stdio(s, fd, -1, -1), 0);
			ck_assert_int_eq(nucleus_sandbox_spawn(s, TRUE, &p, &e), -EPERM);
			ck_assert_str_eq(nucleus_error_layer(e), "descriptors");
			ck_assert_ptr_nonnull(strstr(nucleus_error_message(e), "standard input is a memory file"));
			ck_assert_ptr_nonnull(strstr(nucleus_error_hint(e), "seal it"));
			nucleus_error_free(e);
			close(fd);
		}
	for (size_t i = 0; i < COUNT(sealed); i++) {
		fd = reading_memory(sealed[i]);
		make_pipe(out);
		ck_assert_int_eq(nucleus_sandbox_set_stdio(s, fd, out[1], -1), 0);
		p = spawn(s, WRITE_INPUT);
		close(out[1]);
		ck_assert_str_eq(read_all(out[0]), "keep");
		expect(p, NUCLEUS_OUTCOME_EXITED, 0);
		close(fd);
	}
	/* What it is good for: there the program may. */
	agent = make_sandbox(ARGV("mode=agent", "limits.timeout=1m"));
	fd = reading_memory(0);
	make_pipe(out);
	ck_assert_int_eq(nucleus_sandbox_set_stdio(agent, fd, out[1], -1), 0);
	p = spawn(agent, WRITE_INPUT);
	close(out[1]);
	ck_assert_str_eq(read_all(out[0]), "written\n");
	expect(p, NUCLEUS_OUTCOME_EXITED, 0);
	close(fd);
	nucleus_sandbox_free(agent);
	nucleus_sandbox_free(s);
}
END_TEST

/* Who gives it for writing means it; and a mode that grants nobody anything is as good as a seal, for root. */
START_TEST(a_memory_file_may_be_given_for_writing)
{
	int fd = memfd_create("given", MFD_CLOEXEC), reading = reading_memory(0);
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m"));
	char text[5] = "";

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(nucleus_sandbox_set_stdio(s, -1, fd, -1), 0);
	expect(spawn(s, ARGV("printf", "told")), NUCLEUS_OUTCOME_EXITED, 0);
	ck_assert_int_eq(pread(fd, text, 4, 0), 4);
	ck_assert_str_eq(text, "told");
	ck_assert_int_eq(nucleus_sandbox_set_stdio(s, reading, -1, -1), 0);
	ck_assert_int_eq(fchmod(reading, 0600), 0);
	if (geteuid() == 0) {
		expect(spawn(s, ARGV("bash", "-c", "! : > /proc/self/fd/0")), NUCLEUS_OUTCOME_EXITED, 0);
	} else {
		nucleus_process *p;

		ck_assert_int_eq(nucleus_sandbox_spawn(s, TRUE, &p, NULL), -EPERM);
	}
	close(reading);
	close(fd);
	nucleus_sandbox_free(s);
}
END_TEST

START_TEST(a_memory_file_for_reading_is_not_passed)
{
	int given = reading_memory(0), fd = fcntl(given, F_DUPFD_CLOEXEC, 77);
	nucleus_process *p;
	nucleus_error *e = NULL;
	nucleus_sandbox *s;
	char option[64];

	ck_assert_int_ge(fd, 77);
	snprintf(option, sizeof(option), "process.pass-fds=%d", fd);
	s = make_sandbox(ARGV(option, "limits.timeout=1m"));
	ck_assert_int_eq(nucleus_sandbox_spawn(s, TRUE, &p, &e), -EPERM);
	ck_assert_str_eq(nucleus_error_origin(e), "process.pass-fds");
	nucleus_error_free(e);
	nucleus_sandbox_free(s);
	close(given);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("descriptors");
	TCase *t = tcase_create("descriptors");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, spawn_says_when_descriptors_run_out);
	tcase_add_test(t, apply_says_when_descriptors_run_out);
	tcase_add_test(t, given_descriptors_become_the_programs_own);
	tcase_add_test(t, one_descriptor_may_be_given_for_all_three);
	tcase_add_test(t, streams_may_be_dev_null);
	tcase_add_test(t, stdio_may_be_crossed);
	tcase_add_test(t, a_caller_without_stdio_is_served);
	tcase_add_test(t, no_descriptor_of_the_library_is_passed);
	tcase_add_test(t, a_caller_without_stdio_is_told_when_descriptors_run_out);
	tcase_add_test(t, only_passed_descriptors_arrive);
	tcase_add_test(t, a_passed_descriptor_must_be_open);
	tcase_add_test(t, no_descriptor_of_the_library_is_given);
	tcase_add_test(t, a_memory_file_for_reading_is_not_written);
	tcase_add_test(t, a_memory_file_may_be_given_for_writing);
	tcase_add_test(t, a_memory_file_for_reading_is_not_passed);
	suite_add_tcase(s, t);
	return run_suite(s);
}
