/* SPDX-License-Identifier: MIT */
/* nucleus policy hash, keygen, sign, verify: files that are pinned or signed. */
#include "cli.h"

/* Does one thing to each file. Like `policy check`, it goes on after one that is wrong. */
static int for_each_file(const struct cli_args *args,
			 int (*act)(const struct cli_args *args, const char *path,
				    nucleus_error **ret_err))
{
	int status = EXIT_SUCCESS, r;

	if (!args->n_operands)
		return cli_fail(-EINVAL, NULL, "no file is given: nucleus %s %s",
				args->command->name, args->command->usage);
	for (size_t i = 0; i < args->n_operands; i++) {
		_cleanup_error_ nucleus_error *error = NULL;

		r = act(args, args->operands[i], &error);
		if (r >= 0)
			continue;
		fflush(stdout);
		cli_print_document_error(args->operands[i], r, error);
		status = EXIT_FAILURE;
	}
	r = cli_flush();
	return r ? r : status;
}

static int need_key(const struct cli_args *args)
{
	if (args->key)
		return 0;
	return cli_fail(-EINVAL, "`nucleus policy keygen PREFIX` makes PREFIX.key and PREFIX.pub",
			"a key is needed: nucleus %s %s", args->command->name,
			args->command->usage);
}

/* As sha256sum prints it, so that it can be checked by that. */
static int hash(const struct cli_args *args, const char *path, nucleus_error **ret_err)
{
	_cleanup_string_ char *digest = NULL;
	int r = nucleus_policy_file_hash(path, &digest, ret_err);

	(void)args;
	if (r >= 0)
		printf("%s  %s\n", digest, path);
	return r;
}

int cli_policy_hash(const struct cli_args *args)
{
	return for_each_file(args, hash);
}

static int sign(const struct cli_args *args, const char *path, nucleus_error **ret_err)
{
	_cleanup_string_ char *id = NULL;
	int r = nucleus_policy_file_sign(path, args->key, &id, ret_err);

	if (r >= 0)
		printf("%s.sig: signed by key %s\n", path, id);
	return r;
}

int cli_policy_sign(const struct cli_args *args)
{
	int r = need_key(args);

	return r ? r : for_each_file(args, sign);
}

static int verify(const struct cli_args *args, const char *path, nucleus_error **ret_err)
{
	_cleanup_string_ char *id = NULL;
	int r = nucleus_policy_file_verify(path, args->key, &id, ret_err);

	if (r >= 0)
		printf("%s: ok, signed by key %s\n", path, id);
	return r;
}

int cli_policy_verify(const struct cli_args *args)
{
	int r = need_key(args);

	return r ? r : for_each_file(args, verify);
}

int cli_policy_keygen(const struct cli_args *args)
{
	_cleanup_error_ nucleus_error *error = NULL;
	_cleanup_string_ char *id = NULL;
	int r;

	if (args->n_operands != 1)
		return cli_fail(-EINVAL, "PREFIX is a path: PREFIX.key and PREFIX.pub are written",
				"one prefix is wanted: nucleus %s %s", args->command->name,
				args->command->usage);
	r = nucleus_policy_keygen(args->operands[0], args->replace, &id, &error);
	if (r == -EEXIST)
		return cli_fail(r, "choose another prefix; --replace replaces the key, and what it has "
				   "signed is then signed by a key that is gone",
				"%s", nucleus_error_message(error));
	if (r < 0)
		return cli_fail_library(r, error);
	printf("%s.key: secret, to sign with: keep it where policies are reviewed\n"
	       "%s.pub: public, key %s: give it to --policy-key\n",
	       args->operands[0], args->operands[0], id);
	return cli_flush();
}
