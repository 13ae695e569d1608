/* SPDX-License-Identifier: MIT */
/* Several threads of one process, each with sandboxes of its own. Also built with ThreadSanitizer. */
#include "embed.h"

#define THREADS 8
#define ROUNDS 12

static void *live_with_sandboxes(void *arg)
{
	int number = (int)(intptr_t)arg;
	char host[32], option[64], want[64];

	snprintf(host, sizeof(host), "thread-%d", number);
	snprintf(option, sizeof(option), "process.hostname=%s", host);
	snprintf(want, sizeof(want), "%s\n", host);
	for (int i = 0; i < ROUNDS; i++) {
		nucleus_sandbox *s = make_sandbox(ARGV(option, "limits.timeout=1m"));
		nucleus_process *p, *none = NULL;
		nucleus_error *e = NULL;
		int out[2];

		make_pipe(out);
		ck_assert_int_eq(nucleus_sandbox_set_stdio(s, -1, out[1], -1), 0);
		p = spawn(s, ARGV("sh", "-c", "cat /proc/sys/kernel/hostname; exit 7"));
		close(out[1]);
		ck_assert_str_eq(read_all(out[0]), want);
		expect(p, NUCLEUS_OUTCOME_EXITED, 7);
		ck_assert_int_eq(nucleus_sandbox_set_stdio(s, -1, -1, -1), 0);
		ck_assert_int_eq(nucleus_sandbox_spawn(s, ARGV("/none"), &none, &e), -ENOENT);
		nucleus_error_free(e);
		p = spawn(s, ARGV("sleep", "60"));
		nucleus_process_close(p);
		nucleus_sandbox_free(s);
	}
	return own_number();
}

static void *do_nothing(void *arg)
{
	(void)arg;
	return own_number();
}

START_TEST(eight_threads_with_sandboxes_of_their_own)
{
	pthread_t threads[THREADS];
	char *before;

	/* The first thread of a process makes glibc catch a signal of its own. */
	ck_assert_int_eq(pthread_create(&threads[0], NULL, do_nothing, NULL), 0);
	join_thread(threads[0]);
	before = describe_self();
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, live_with_sandboxes,
						(void *)(intptr_t)i), 0);
	for (int i = 0; i < THREADS; i++)
		join_thread(threads[i]);
	expect_self(before);
}
END_TEST

struct handed {
	nucleus_sandbox *sandbox;
	nucleus_process *process;
	const char *const *argv;
};

static void *spawn_and_end(void *arg)
{
	struct handed *h = arg;

	h->process = spawn(h->sandbox, h->argv);
	return NULL;
}

START_TEST(the_sandbox_survives_the_thread_that_started_it)
{
	struct handed h = { make_sandbox(ARGV("limits.timeout=1m")), NULL, ARGV("cat") };
	pthread_t starter;
	int in[2], out[2];
	char *text;

	make_pipe(in);
	make_pipe(out);
	ck_assert_int_eq(nucleus_sandbox_set_stdio(h.sandbox, in[0], out[1], -1), 0);
	ck_assert_int_eq(pthread_create(&starter, NULL, spawn_and_end, &h), 0);
	pthread_join(starter, NULL);
	close(in[0]);
	close(out[1]);
	ck_assert_int_eq(nucleus_process_wait(h.process, 300, NULL, NULL, NULL), -ETIMEDOUT);
	ck_assert_int_eq(write(in[1], "alive", 5), 5);
	close(in[1]);
	text = read_all(out[0]);
	ck_assert_str_eq(text, "alive");
	/* And this is another thread than the one that started it. */
	expect(h.process, NUCLEUS_OUTCOME_EXITED, 0);
	nucleus_sandbox_free(h.sandbox);
}
END_TEST

static void *wait_for_seven(void *arg)
{
	expect(arg, NUCLEUS_OUTCOME_EXITED, 7);
	return NULL;
}

START_TEST(another_thread_may_wait)
{
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m"));

	for (int i = 0; i < 10; i++) {
		nucleus_process *p = spawn(s, ARGV("sh", "-c", "exit 7"));
		pthread_t waiter;

		ck_assert_int_eq(pthread_create(&waiter, NULL, wait_for_seven, p), 0);
		pthread_join(waiter, NULL);
	}
	nucleus_sandbox_free(s);
}
END_TEST

struct waited {
	nucleus_process *process;
	int outcome, code;
};

static void *wait_without_end(void *arg)
{
	struct waited *w = arg;

	ck_assert_int_eq(nucleus_process_wait(w->process, -1, &w->outcome, &w->code, NULL), 0);
	return NULL;
}

/* Until the other one has seen the end: what is sent afterwards goes to nobody. */
static void *signal_until_its_end(void *arg)
{
	nucleus_process *p = arg;
	int r;

	do {
		ck_assert_int_gt(nucleus_process_pid(p), 0);
		ck_assert_int_ge(nucleus_process_pidfd(p), 0);
		r = nucleus_process_signal(p, SIGTERM);
	} while (r == 0);
	ck_assert_int_eq(r, -ESRCH);
	return NULL;
}

START_TEST(others_may_send_signals_while_one_waits)
{
	nucleus_sandbox *s = make_sandbox(ARGV("limits.timeout=1m"));

	for (int i = 0; i < 10; i++) {
		struct waited w = { .process = spawn(s, ARGV("sleep", "60")) };
		pthread_t waiter, senders[2];

		ck_assert_int_eq(pthread_create(&waiter, NULL, wait_without_end, &w), 0);
		for (size_t n = 0; n < COUNT(senders); n++)
			ck_assert_int_eq(pthread_create(&senders[n], NULL, signal_until_its_end, w.process), 0);
		pthread_join(waiter, NULL);
		for (size_t n = 0; n < COUNT(senders); n++)
			pthread_join(senders[n], NULL);
		ck_assert_int_eq(w.outcome, NUCLEUS_OUTCOME_SIGNALLED);
		ck_assert_int_eq(w.code, SIGTERM);
		ck_assert_int_eq(nucleus_process_signal(w.process, SIGKILL), -ESRCH);
		nucleus_process_close(w.process);
	}
	nucleus_sandbox_free(s);
}
END_TEST

START_TEST(a_thread_with_a_small_stack_may_start)
{
	struct handed h = { make_sandbox(ARGV("limits.timeout=1m")), NULL, ARGV("true") };
	pthread_attr_t attr;
	pthread_t starter;

	ck_assert_int_eq(pthread_attr_init(&attr), 0);
	ck_assert_int_eq(pthread_attr_setstacksize(&attr, 64 << 10), 0);
	ck_assert_int_eq(pthread_create(&starter, &attr, spawn_and_end, &h), 0);
	pthread_join(starter, NULL);
	pthread_attr_destroy(&attr);
	expect(h.process, NUCLEUS_OUTCOME_EXITED, 0);
	nucleus_sandbox_free(h.sandbox);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("threads");
	TCase *t = tcase_create("threads");

	tcase_set_timeout(t, 240);
	tcase_add_test(t, eight_threads_with_sandboxes_of_their_own);
	tcase_add_test(t, the_sandbox_survives_the_thread_that_started_it);
	tcase_add_test(t, another_thread_may_wait);
	tcase_add_test(t, others_may_send_signals_while_one_waits);
	tcase_add_test(t, a_thread_with_a_small_stack_may_start);
	suite_add_tcase(s, t);
	return run_suite(s);
}
