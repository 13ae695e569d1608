/* SPDX-License-Identifier: MIT */
/* nucleus why: what would refuse something, and what would allow it; nothing is run. */
#include "cli.h"

int cli_why(const struct cli_args *args)
{
	_cleanup_sandbox_ nucleus_sandbox *sandbox = NULL;
	int status = EXIT_SUCCESS, r;

	if (!args->n_operands)
		return cli_fail(-EINVAL, "nucleus why [OPTIONS] open:/PATH | connect:HOST:PORT | syscall:NAME...",
				"nothing is asked");
	r = cli_args_sandbox(args, &sandbox);
	for (size_t i = 0; !r && i < args->n_operands; i++) {
		_cleanup_error_ nucleus_error *error = NULL;
		_cleanup_string_ char *text = NULL;
		int answer;

		answer = nucleus_sandbox_why(sandbox, args->operands[i],
					     args->format ? args->format : "text", &text, &error);
		if (answer < 0)
			return cli_fail_library(answer, error);
		if (!answer)
			status = EXIT_FAILURE;
		r = cli_print(text);
	}
	return r ? r : status;
}
