/* SPDX-License-Identifier: MIT */
#include "cli.h"

int cli_cleanup(const struct cli_args *args)
{
	_cleanup_error_ nucleus_error *error = NULL;
	_cleanup_free_ char *text = NULL;
	int n = nucleus_cleanup(&error);

	(void)args;
	if (n < 0)
		return cli_fail_library(n, error);
	if (asprintf(&text, "%d control group%s removed", n, n == 1 ? "" : "s") < 0) {
		text = NULL;
		return cli_fail(-ENOMEM, NULL, "out of memory");
	}
	return cli_print(text);
}
