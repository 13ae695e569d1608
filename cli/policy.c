/* SPDX-License-Identifier: MIT */
/* nucleus policy: the schema of documents, what arguments amount to, whether documents are right.
 */
#include "cli.h"

int cli_policy_schema(const struct cli_args *args)
{
	_cleanup_string_ char *text = NULL;
	int r;

	(void)args;
	r = nucleus_policy_schema(&text);
	if (r < 0)
		return cli_fail_library(r, NULL);
	return cli_print(text);
}

int cli_policy_show(const struct cli_args *args)
{
	_cleanup_policy_ nucleus_policy *policy = NULL;
	_cleanup_string_ char *text = NULL;
	int r;

	r = cli_args_policy(args, &policy);
	if (r)
		return r;
	r = nucleus_policy_dump(policy, args->format ? args->format : "text", &text);
	if (r < 0)
		return cli_fail_library(r, NULL);
	return cli_print(text);
}

/* Each document by itself: together they might contradict each other, alone be right. */
static bool check(const char *path)
{
	_cleanup_policy_ nucleus_policy *policy = NULL;
	_cleanup_error_ nucleus_error *error = NULL;
	int r;

	r = nucleus_policy_new(&policy);
	if (r >= 0)
		r = nucleus_policy_load(policy, path, &error);
	if (r >= 0) {
		printf("%s: ok\n", path);
		return true;
	}
	/* In order with the others where both streams go to one place. */
	fflush(stdout);
	cli_print_document_error(path, r, error);
	return false;
}

int cli_policy_check(const struct cli_args *args)
{
	int status = EXIT_SUCCESS, r;

	if (!args->n_operands)
		return cli_fail(-EINVAL, "nucleus policy check FILE...", "no document to check");
	for (size_t i = 0; i < args->n_operands; i++)
		if (!check(args->operands[i]))
			status = EXIT_FAILURE;
	r = cli_flush();
	return r ? r : status;
}
