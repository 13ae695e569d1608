/* SPDX-License-Identifier: MIT */
/*
 * Runs a program in a strict sandbox whose workspace is a directory of yours:
 *
 *   cc -o embed embed.c $(pkg-config --cflags --libs nucleus)
 *   ./embed ~/project make
 */
#include <stdio.h>
#include <string.h>

#include <nucleus/nucleus.h>

int main(int argc, char **argv)
{
	nucleus_policy *policy = NULL;
	nucleus_sandbox *sandbox = NULL;
	nucleus_process *process = NULL;
	nucleus_error *error = NULL;
	int outcome = 0, code = 0, waited = 0;

	if (argc < 3) {
		fprintf(stderr, "usage: embed DIRECTORY PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	if (nucleus_policy_new(&policy) == 0 &&
	    nucleus_policy_set(policy, "mode", "strict-agent", &error) == 0 &&
	    nucleus_policy_set(policy, "workspace.path", argv[1], &error) == 0 &&
	    nucleus_policy_set(policy, "workspace.exec", "true", &error) == 0 &&
	    nucleus_policy_set(policy, "limits.timeout", "5m", &error) == 0 &&
	    nucleus_sandbox_new(&sandbox) == 0 &&
	    nucleus_sandbox_apply_policy(sandbox, policy, &error) == 0 &&
	    nucleus_sandbox_spawn(sandbox, (const char *const *)argv + 2, &process, &error) == 0)
		waited = nucleus_process_wait(process, -1, &outcome, &code, &error) == 0;

	if (error)
		fprintf(stderr, "%s: %s\n", nucleus_error_layer(error), nucleus_error_message(error));
	else if (!waited)
		fprintf(stderr, "out of memory\n");
	else if (outcome == NUCLEUS_OUTCOME_SIGNALLED)
		fprintf(stderr, "%s: ended by signal %d\n", argv[2], code);
	else if (outcome == NUCLEUS_OUTCOME_TIMEOUT)
		fprintf(stderr, "%s: ended after five minutes\n", argv[2]);
	else if (outcome != NUCLEUS_OUTCOME_EXITED)
		fprintf(stderr, "%s: its sandbox was killed\n", argv[2]);
	nucleus_process_close(process);
	nucleus_sandbox_free(sandbox);
	nucleus_policy_free(policy);
	nucleus_error_free(error);
	return outcome == NUCLEUS_OUTCOME_EXITED ? code : 125;
}
