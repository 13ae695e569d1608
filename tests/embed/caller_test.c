/* SPDX-License-Identifier: MIT */
/* The library in somebody's process: nothing of the process changes, nothing in it confuses us. */
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "embed.h"

#define TRUE ARGV("/bin/true")

static void on_signal(int sig)
{
	(void)sig;
}

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

/* ---- descriptors ------------------------------------------------------------------------------------ */

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

/* ---- children and signals ---------------------------------------------------------------------------- */

START_TEST(an_ignored_sigchld_costs_no_outcome)
{
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m"));

	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < 20; i++) {
		expect(spawn(s, ARGV("sh", "-c", "exit 7")), NUCLEUS_OUTCOME_EXITED, 7);
		expect(spawn(s, ARGV("sh", "-c", "kill -TERM $$")), NUCLEUS_OUTCOME_SIGNALLED, SIGTERM);
	}
	ck_assert_ptr_eq(signal(SIGCHLD, SIG_DFL), SIG_IGN);
	nucleus_sandbox_free(s);
}
END_TEST

static atomic_bool stop;
static atomic_int stolen;

static void *steal_children(void *arg)
{
	while (!atomic_load(&stop)) {
		pid_t pid = waitpid(-1, NULL, __WALL);

		if (pid > 0)
			atomic_fetch_add(&stolen, 1);
		else
			usleep(50);
	}
	return arg;
}

START_TEST(a_thread_that_waits_for_all_children_costs_no_outcome)
{
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m"));
	pthread_t thief;

	atomic_store(&stop, false);
	ck_assert_int_eq(pthread_create(&thief, NULL, steal_children, NULL), 0);
	for (int i = 0; i < 100; i++) {
		nucleus_process *p = NULL;

		expect(spawn(s, ARGV("sh", "-c", "exit 7")), NUCLEUS_OUTCOME_EXITED, 7);
		ck_assert_int_eq(nucleus_sandbox_spawn(s, ARGV("/none"), &p, NULL), -ENOENT);
		nucleus_process_close(spawn(s, ARGV("sleep", "60")));
	}
	atomic_store(&stop, true);
	pthread_join(thief, NULL);
	ck_assert_int_gt(atomic_load(&stolen), 0);
	nucleus_sandbox_free(s);
}
END_TEST

START_TEST(the_callers_children_are_left_to_it)
{
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m"));
	pid_t own[10];
	int status;

	for (int i = 0; i < 10; i++) {
		own[i] = fork();
		if (own[i] == 0)
			_exit(30 + i);
	}
	for (int i = 0; i < 20; i++)
		expect(spawn(s, TRUE), NUCLEUS_OUTCOME_EXITED, 0);
	nucleus_process_close(spawn(s, ARGV("sleep", "60")));
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(waitpid(own[i], &status, 0), own[i]);
		ck_assert_int_eq(WEXITSTATUS(status), 30 + i);
	}
	ck_assert_int_lt(waitpid(-1, &status, __WALL | WNOHANG), 0);
	ck_assert_int_eq(errno, ECHILD);
	nucleus_sandbox_free(s);
}
END_TEST

static void *fork_away(void *arg)
{
	while (!atomic_load(&stop)) {
		pid_t pid = fork();

		/* It holds copies of whatever descriptors a launch had open at that moment. */
		if (pid == 0) {
			usleep(300000);
			_exit(0);
		}
		usleep(2000);
	}
	return arg;
}

START_TEST(forks_of_another_thread_delay_no_answer)
{
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m"));
	int64_t worst = 0;
	pthread_t forker;

	atomic_store(&stop, false);
	signal(SIGCHLD, SIG_IGN);
	ck_assert_int_eq(pthread_create(&forker, NULL, fork_away, NULL), 0);
	for (int i = 0; i < 100; i++) {
		nucleus_process *p = NULL;
		int64_t start = now_ms();

		if (i % 2)
			ck_assert_int_eq(nucleus_sandbox_spawn(s, ARGV("/none"), &p, NULL), -ENOENT);
		else
			expect(spawn(s, TRUE), NUCLEUS_OUTCOME_EXITED, 0);
		if (now_ms() - start > worst)
			worst = now_ms() - start;
	}
	atomic_store(&stop, true);
	pthread_join(forker, NULL);
	ck_assert_msg(worst < 290, "a launch took %d ms", (int)worst);
	nucleus_sandbox_free(s);
}
END_TEST

/* The same when the child fails before it has sent the directory that is to be copied into. */
START_TEST(forks_of_another_thread_delay_no_failure_of_a_copy)
{
	char dir[] = "/tmp/nucleus-embed-XXXXXX", option[64];
	nucleus_sandbox *s;
	int64_t worst = 0;
	pthread_t forker;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(option, sizeof(option), "workspace.path=%s", dir);
	s = make_sandbox(ARGV(option, "context.path=/usr/include/linux", "context.mode=copy"));
	ck_assert_int_eq(chdir(dir), 0); /* so that the inode is not given out again */
	ck_assert_int_eq(rmdir(dir), 0);
	ck_assert_int_eq(mkdir(dir, 0700), 0);
	atomic_store(&stop, false);
	signal(SIGCHLD, SIG_IGN);
	ck_assert_int_eq(pthread_create(&forker, NULL, fork_away, NULL), 0);
	for (int i = 0; i < 300; i++) {
		nucleus_process *p = NULL;
		int64_t start = now_ms();

		ck_assert_int_eq(nucleus_sandbox_spawn(s, TRUE, &p, NULL), -ESTALE);
		if (now_ms() - start > worst)
			worst = now_ms() - start;
	}
	atomic_store(&stop, true);
	pthread_join(forker, NULL);
	ck_assert_int_eq(rmdir(dir), 0);
	ck_assert_msg(worst < 290, "a launch took %d ms", (int)worst);
	nucleus_sandbox_free(s);
}
END_TEST

START_TEST(blocked_and_ignored_signals_do_not_reach_the_program)
{
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m"));
	nucleus_process *p;
	sigset_t all;
	int out[2];

	make_pipe(out);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	for (int sig = 1; sig < 65; sig++)
		signal(sig, SIG_IGN);
	ck_assert_int_eq(nucleus_sandbox_set_stdio(s, -1, out[1], -1), 0);
	p = spawn(s, ARGV("cat", "/proc/self/status"));
	close(out[1]);
	ck_assert_ptr_nonnull(strstr(read_all(out[0]), "SigBlk:\t0000000000000000\n"
						       "SigIgn:\t0000000000000000\n"
						       "SigCgt:\t0000000000000000\n"));
	expect(p, NUCLEUS_OUTCOME_EXITED, 0);
	nucleus_sandbox_free(s);
}
END_TEST

static void *send_signals(void *arg)
{
	const pthread_t *target = arg;

	while (!atomic_load(&stop)) {
		pthread_kill(*target, SIGALRM);
		usleep(100);
	}
	return NULL;
}

START_TEST(a_storm_of_signals_interrupts_nothing)
{
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m"));
	struct sigaction act = { .sa_handler = on_signal }; /* no SA_RESTART */
	pthread_t self = pthread_self(), sender;

	ck_assert_int_eq(sigaction(SIGALRM, &act, NULL), 0);
	atomic_store(&stop, false);
	ck_assert_int_eq(pthread_create(&sender, NULL, send_signals, &self), 0);
	for (int i = 0; i < 50; i++)
		expect(spawn(s, ARGV("sh", "-c", "exit 7")), NUCLEUS_OUTCOME_EXITED, 7);
	nucleus_sandbox_free(s);
	s = make_sandbox(ARGV("context.path=/usr/share/common-licenses", "context.mode=copy", "limits.timeout=1m"));
	for (int i = 0; i < 5; i++)
		expect(spawn(s, ARGV("sh", "-c", "exit 7")), NUCLEUS_OUTCOME_EXITED, 7);
	atomic_store(&stop, true);
	pthread_join(sender, NULL);
	nucleus_sandbox_free(s);
}
END_TEST

/* ---- size --------------------------------------------------------------------------------------------- */

static int64_t time_of_spawns(nucleus_sandbox *s, int n)
{
	int64_t start = now_ms();

	for (int i = 0; i < n; i++)
		expect(spawn(s, TRUE), NUCLEUS_OUTCOME_EXITED, 0);
	return now_ms() - start;
}

START_TEST(a_caller_with_a_gigabyte_starts_as_fast)
{
	const size_t size = 1u << 30;
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m"));
	int64_t small = time_of_spawns(s, 20), large;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	madvise(memory, size, MADV_NOHUGEPAGE);
	memset(memory, 1, size);
	large = time_of_spawns(s, 20);
	munmap(memory, size);
	/* A fork of it would take 30 ms and more, each time. The factor allows for a noisy machine. */
	ck_assert_msg(large < small * 3 + 200, "%d ms small, %d ms large", (int)small, (int)large);
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

int main(void)
{
	Suite *s = suite_create("caller");
	TCase *t = tcase_create("caller");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, two_hundred_spawns_leave_the_caller_as_it_was);
	tcase_add_test(t, a_refused_spawn_leaves_nothing);
	tcase_add_test(t, a_sandbox_without_a_policy_starts_nothing);
	tcase_add_test(t, spawn_says_when_descriptors_run_out);
	tcase_add_test(t, apply_says_when_descriptors_run_out);
	tcase_add_test(t, given_descriptors_become_the_programs_own);
	tcase_add_test(t, one_descriptor_may_be_given_for_all_three);
	tcase_add_test(t, stdio_may_be_crossed);
	tcase_add_test(t, a_caller_without_stdio_is_served);
	tcase_add_test(t, no_descriptor_of_the_library_is_passed);
	tcase_add_test(t, a_caller_without_stdio_is_told_when_descriptors_run_out);
	tcase_add_test(t, only_passed_descriptors_arrive);
	tcase_add_test(t, a_passed_descriptor_must_be_open);
	tcase_add_test(t, an_ignored_sigchld_costs_no_outcome);
	tcase_add_test(t, a_thread_that_waits_for_all_children_costs_no_outcome);
	tcase_add_test(t, the_callers_children_are_left_to_it);
	tcase_add_test(t, forks_of_another_thread_delay_no_answer);
	tcase_add_test(t, forks_of_another_thread_delay_no_failure_of_a_copy);
	tcase_add_test(t, blocked_and_ignored_signals_do_not_reach_the_program);
	tcase_add_test(t, a_storm_of_signals_interrupts_nothing);
	tcase_add_test(t, a_caller_with_a_gigabyte_starts_as_fast);
	tcase_add_test(t, a_signal_to_the_callers_group_is_the_callers);
	tcase_add_test(t, what_the_caller_is_spared_the_program_is_not);
	tcase_add_test(t, a_volume_may_be_a_link_to_where_the_root_is_built);
	tcase_add_test(t, targets_may_have_blanks_and_backslashes);
	suite_add_tcase(s, t);
	return run_suite(s);
}
