/* SPDX-License-Identifier: MIT */
/* nucleus explain: the plan in words, or its hash. */
#include "cli.h"

int cli_explain(const struct cli_args *args)
{
	_cleanup_sandbox_ nucleus_sandbox *sandbox = NULL;
	_cleanup_string_ char *text = NULL;
	int r;

	if (args->hash && args->format)
		return cli_fail(-EINVAL, "give one of them",
				"--hash and --json exclude each other");
	r = cli_args_sandbox(args, &sandbox);
	if (r)
		return r;
	if (args->hash)
		r = nucleus_sandbox_hash(sandbox, &text);
	else
		r = nucleus_sandbox_explain(sandbox, args->format ? args->format : "text", &text);
	if (r < 0)
		return cli_fail_library(r, NULL);
	return cli_print(text);
}
