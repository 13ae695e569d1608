/* SPDX-License-Identifier: MIT */
/* nucleus doctor: what this host has. Succeeds only where a strict-agent sandbox would run. */
#include "cli.h"

int cli_doctor(const struct cli_args *args)
{
	_cleanup_string_ char *text = NULL;
	int enough, r;

	enough = nucleus_doctor(args->format ? args->format : "text", &text);
	if (enough < 0)
		return cli_fail_library(enough, NULL);
	r = cli_print(text);
	if (r)
		return r;
	return enough == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
