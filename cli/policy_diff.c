/* SPDX-License-Identifier: MIT */
/* nucleus policy diff: what a change of a policy file opens, and what it closes. */
#include "cli.h"

int cli_policy_diff(const struct cli_args *args)
{
	_cleanup_error_ nucleus_error *error = NULL;
	_cleanup_string_ char *text = NULL;
	int different, r = 0;

	if (args->n_operands != 2)
		return cli_fail(-EINVAL, NULL, "two files are wanted: nucleus %s %s",
				args->command->name, args->command->usage);
	different = nucleus_policy_file_diff(args->operands[0], args->operands[1],
					     args->format ? args->format : "text", &text, &error);
	if (different < 0)
		return cli_fail_library(different, error);
	if (*text)
		r = cli_print(text);
	return r ? r : different ? EXIT_FAILURE : EXIT_SUCCESS;
}
