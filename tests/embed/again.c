/* SPDX-License-Identifier: MIT */
#include <sys/stat.h>
#include <sys/syscall.h>

#include "again.h"

nucleus_sandbox *sandbox;
char dir[] = "/tmp/nucleus-again-XXXXXX", file[64];

void set_up_again(void)
{
	char option[128];

	strcpy(dir, "/tmp/nucleus-again-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chmod(dir, 0755), 0);
	snprintf(file, sizeof(file), "%s/file", dir);
	write_file(file, "first\n");
	snprintf(option, sizeof(option), "volumes=%s:/data:ro", dir);
	sandbox = make_sandbox(ARGV("limits.timeout=1m", option));
	ck_assert_int_eq(nucleus_sandbox_set_timing(sandbox, 1), 0);
}

void tear_down_again(void)
{
	nucleus_sandbox_free(sandbox);
	unlink(file);
	rmdir(dir);
}

char *output(const char *const *argv, int *ret_binds)
{
	nucleus_process *p;
	const char *what;
	uint64_t ns;
	int out[2];

	make_pipe(out);
	ck_assert_int_eq(nucleus_sandbox_set_stdio(sandbox, -1, out[1], -1), 0);
	p = spawn(sandbox, argv);
	ck_assert_int_eq(nucleus_sandbox_set_stdio(sandbox, -1, -1, -1), 0);
	close(out[1]);
	if (ret_binds)
		*ret_binds = 0;
	for (size_t i = 0; ret_binds && nucleus_process_timing(p, i, NULL, &what, &ns) == 0; i++)
		*ret_binds += !strncmp(what, "bind ", 5);
	expect(p, NUCLEUS_OUTCOME_EXITED, 0);
	return read_all(out[0]);
}

int binds(void)
{
	int n;

	output(TRUE, &n);
	return n;
}

void expect_own(void)
{
	ck_assert_int_gt(binds(), 10);
}

void expect_copy(void)
{
	ck_assert_int_eq(binds(), 0);
}

void start(int times)
{
	for (int i = 0; i < times; i++)
		expect(spawn(sandbox, TRUE), NUCLEUS_OUTCOME_EXITED, 0);
}

void expect_output(const char *const *argv, const char *wanted)
{
	ck_assert_str_eq(output(argv, NULL), wanted);
}
int binds_of_a_child(unsigned long flags, int n)
{
	pid_t child = (pid_t)syscall(__NR_clone, flags | SIGCHLD, 0, 0, 0, 0);
	int status, times = 0;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		for (int i = 0; i < n; i++)
			times += binds() > 0;
		_exit(times);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}
