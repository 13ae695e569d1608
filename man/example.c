/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include <nucleus/nucleus.h>

static int run(nucleus_sandbox *sandbox, nucleus_error **error)
{
	const char *const argv[] = { "ls", "-l", "/workspace", NULL };
	nucleus_process *process;
	int outcome, code, r;

	r = nucleus_sandbox_spawn(sandbox, argv, &process, error);
	if (r < 0)
		return r;
	r = nucleus_process_wait(process, 10000, &outcome, &code, error);
	if (r >= 0)
		printf("outcome %d, code %d\n", outcome, code);
	/* Ends it if it still runs. */
	nucleus_process_close(process);
	return r;
}

int main(void)
{
	nucleus_policy *policy = NULL;
	nucleus_sandbox *sandbox = NULL;
	nucleus_error *error = NULL;
	const char *warning;
	int r;

	r = nucleus_policy_new(&policy);
	if (r >= 0)
		r = nucleus_policy_set(policy, "workspace.path", ".", &error);
	if (r >= 0)
		r = nucleus_policy_set(policy, "limits.timeout", "30s", &error);
	if (r >= 0)
		r = nucleus_sandbox_new(&sandbox);
	if (r >= 0)
		r = nucleus_sandbox_apply_policy(sandbox, policy, &error);
	for (size_t i = 0; r >= 0 && (warning = nucleus_sandbox_warning(sandbox, i)); i++)
		fprintf(stderr, "warning: %s\n", warning);
	if (r >= 0)
		r = run(sandbox, &error);

	if (error)
		fprintf(stderr, "%s: %s\n", nucleus_error_layer(error),
			nucleus_error_message(error));
	else if (r == -ETIMEDOUT)
		fprintf(stderr, "still running after 10 s: ended\n");
	nucleus_error_free(error);
	nucleus_sandbox_free(sandbox);
	nucleus_policy_free(policy);
	return r < 0;
}
