/* SPDX-License-Identifier: MIT */
/* The caller's children, forks and signals: they neither take an answer away nor delay it. */
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "embed.h"

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

/* How many launches a fork outlives, and for how long at most: a launch that waited for one would take so long. */
#define OUTLIVES 20
#define HELD_MS 30000

static atomic_int *launches; /* so far; all forks see it */

static void *fork_away(void *arg)
{
	while (!atomic_load(&stop)) {
		const int until = atomic_load(launches) + OUTLIVES;
		pid_t pid = fork();

		/* It holds copies of whatever descriptors a launch had open at that moment. */
		if (pid == 0) {
			for (int64_t end = now_ms() + HELD_MS; atomic_load(launches) < until && now_ms() < end;)
				usleep(50000);
			_exit(0);
		}
		usleep(5000);
	}
	return arg;
}

static void start_forking(pthread_t *ret)
{
	launches = mmap(NULL, sizeof(*launches), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(launches, MAP_FAILED);
	atomic_store(&stop, false);
	signal(SIGCHLD, SIG_IGN);
	ck_assert_int_eq(pthread_create(ret, NULL, fork_away, NULL), 0);
}

static void stop_forking(pthread_t forker)
{
	atomic_store(&stop, true);
	pthread_join(forker, NULL);
	atomic_fetch_add(launches, OUTLIVES);
}

START_TEST(forks_of_another_thread_delay_no_answer)
{
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m"));
	int64_t worst = 0;
	pthread_t forker;

	start_forking(&forker);
	for (int i = 0; i < 100 && worst < HELD_MS - 100; i++) {
		nucleus_process *p = NULL;
		int64_t start = now_ms();

		if (i % 2)
			ck_assert_int_eq(nucleus_sandbox_spawn(s, ARGV("/none"), &p, NULL), -ENOENT);
		else
			expect(spawn(s, TRUE), NUCLEUS_OUTCOME_EXITED, 0);
		atomic_fetch_add(launches, 1);
		if (now_ms() - start > worst)
			worst = now_ms() - start;
	}
	stop_forking(forker);
	ck_assert_msg(worst < HELD_MS - 100, "a launch took %d ms", (int)worst);
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
	start_forking(&forker);
	for (int i = 0; i < 300 && worst < HELD_MS - 100; i++) {
		nucleus_process *p = NULL;
		int64_t start = now_ms();

		ck_assert_int_eq(nucleus_sandbox_spawn(s, TRUE, &p, NULL), -ESTALE);
		atomic_fetch_add(launches, 1);
		if (now_ms() - start > worst)
			worst = now_ms() - start;
	}
	stop_forking(forker);
	ck_assert_int_eq(rmdir(dir), 0);
	ck_assert_msg(worst < HELD_MS - 100, "a launch took %d ms", (int)worst);
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

int main(void)
{
	Suite *s = suite_create("signals");
	TCase *t = tcase_create("signals");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, an_ignored_sigchld_costs_no_outcome);
	tcase_add_test(t, a_thread_that_waits_for_all_children_costs_no_outcome);
	tcase_add_test(t, the_callers_children_are_left_to_it);
	tcase_add_test(t, forks_of_another_thread_delay_no_answer);
	tcase_add_test(t, forks_of_another_thread_delay_no_failure_of_a_copy);
	tcase_add_test(t, blocked_and_ignored_signals_do_not_reach_the_program);
	tcase_add_test(t, a_storm_of_signals_interrupts_nothing);
	suite_add_tcase(s, t);
	return run_suite(s);
}
