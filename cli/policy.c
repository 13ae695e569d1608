/* SPDX-License-Identifier: MIT */
/* nucleus policy: the schema of documents, what arguments amount to, whether documents are right.
 */
#include "cli.h"

int cli_policy_schema(const struct cli_args *args)
{
	_cleanup_string_ char *text = NULL;
	int r;

	if (args->n_operands > 1)
		return cli_fail(-EINVAL, "give one kind",
				"`nucleus policy schema` takes one argument");
	r = nucleus_policy_schema_of(args->operands[0], &text);
	if (r == -EINVAL)
		return cli_fail(r, "one of: policy, seccomp, caps, landlock",
				"there is no kind of policy file '%s'", args->operands[0]);
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

/* "FILE: ok", then what is to be noted: a line each, that names its file as a compiler does. */
static void put_report(const char *path, const char *report)
{
	size_t len = strcspn(report, "\n");

	if (!strncmp(report, "policy\n", strlen("policy\n")))
		printf("%s: ok\n", path);
	else
		printf("%s: ok (%.*s)\n", path, (int)len, report);
	for (report += len; *report && *++report; report += len) {
		len = strcspn(report, "\n");
		/* Some notes are about a line of it, and say so. */
		if (strncmp(report, path, strlen(path)) != 0 || report[strlen(path)] != ':')
			printf("%s: ", path);
		printf("%.*s\n", (int)len, report);
	}
}

/* Each document by itself: together they might contradict each other, alone be right. */
static bool check(const char *path, const char *kind)
{
	_cleanup_error_ nucleus_error *error = NULL;
	_cleanup_string_ char *report = NULL;
	int r = nucleus_policy_file_check(path, kind, &report, &error);

	if (r >= 0) {
		put_report(path, report);
		return true;
	}
	/* In order with the others where both streams go to one place. */
	fflush(stdout);
	cli_print_document_error(path, r, error);
	return false;
}

int cli_policy_check(const struct cli_args *args)
{
	_cleanup_string_ char *schema = NULL;
	int status = EXIT_SUCCESS, r;

	if (!args->n_operands)
		return cli_fail(-EINVAL, "nucleus policy check FILE...", "no document to check");
	if (args->kind && nucleus_policy_schema_of(args->kind, &schema) == -EINVAL)
		return cli_fail(-EINVAL, "one of: policy, seccomp, caps, landlock",
				"--kind: there is no kind of policy file '%s'", args->kind);
	for (size_t i = 0; i < args->n_operands; i++)
		if (!check(args->operands[i], args->kind))
			status = EXIT_FAILURE;
	r = cli_flush();
	return r ? r : status;
}
