/* SPDX-License-Identifier: MIT */
#include "ahead.h"

nucleus_sandbox *sandbox;
int out[2];

void prepare(nucleus_sandbox *s, unsigned int count)
{
	nucleus_error *e = NULL;
	int r = nucleus_sandbox_prepare(s, count, &e);

	ck_assert_msg(r == 0, "prepare: %d %s", r, e ? nucleus_error_message(e) : "?");
}

/* Each test's process inherits its own copies, but children of the test that it did not start. */
void set_up_ahead(void)
{
	make_pipe(out);
	sandbox = make_sandbox(ARGV("limits.timeout=1m"));
	ck_assert_int_eq(nucleus_sandbox_set_stdio(sandbox, -1, out[1], -1), 0);
}

void tear_down_ahead(void)
{
	nucleus_sandbox_free(sandbox);
}

size_t list_children(pid_t pids[CHILDREN])
{
	FILE *f = fopen("/proc/thread-self/children", "re");
	size_t n = 0;

	ck_assert_ptr_nonnull(f);
	while (n < CHILDREN && fscanf(f, "%d", &pids[n]) == 1)
		n++;
	fclose(f);
	return n;
}

bool is_among(pid_t pid, const pid_t *pids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

void await_children(size_t n)
{
	const int64_t start = now_ms();
	pid_t pids[CHILDREN];

	while (list_children(pids) != n + 1) {
		ck_assert_int_lt(now_ms() - start, 30000);
		poll(NULL, 0, 1);
	}
}

nucleus_process *spawn_prepared(const char *const *argv)
{
	pid_t before[CHILDREN];
	nucleus_process *p;
	size_t n;

	await_children(2);
	n = list_children(before);
	p = spawn(sandbox, argv);
	ck_assert(is_among(nucleus_process_pid(p), before, n));
	return p;
}

char *output(const char *const *argv)
{
	static char text[4096];
	nucleus_process *p = spawn_prepared(argv);
	ssize_t n;

	expect(p, NUCLEUS_OUTCOME_EXITED, 0);
	n = read(out[0], text, sizeof(text) - 1);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	return text;
}
