/* SPDX-License-Identifier: MIT */
/* From arguments to a policy and a compiled sandbox. */
#include "cli.h"

static int read_env_fd(int fd, char **ret, size_t *ret_len)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0, size = 0;

	for (;;) {
		ssize_t n;

		if (size - len < 2) {
			char *grown;

			if (size >= CLI_INPUT_MAX)
				return -E2BIG;
			size = size ? size * 2 : 4096;
			grown = realloc(text, size);
			if (!grown)
				return -ENOMEM;
			text = grown;
		}
		n = read(fd, text + len, size - len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
	*ret = text;
	*ret_len = len;
	text = NULL;
	return 0;
}

static int add_env_fd(nucleus_policy *policy, int fd)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0, at = 0;
	int r;

	r = read_env_fd(fd, &text, &len);
	if (r < 0)
		return cli_fail(r, NULL, "--env-fd: cannot read descriptor %d: %s", fd,
				strerror(-r));
	r = nucleus_policy_set_origin(policy, "--env-fd");
	while (!r && at < len) {
		_cleanup_error_ nucleus_error *error = NULL;

		r = nucleus_policy_add(policy, "env", text + at, &error);
		if (r < 0)
			return cli_fail_library(r, error);
		at += strlen(text + at) + 1;
	}
	return r < 0 ? cli_fail_library(r, NULL) : 0;
}

static int add_setting(nucleus_policy *policy, const struct cli_setting *setting)
{
	_cleanup_error_ nucleus_error *error = NULL;
	const char *key = nucleus_option_attr(setting->option, "key");
	const char *type = nucleus_option_attr(setting->option, "type");
	int r;

	r = nucleus_policy_set_origin(policy, nucleus_option_attr(setting->option, "flag"));
	if (r < 0)
		return cli_fail_library(r, NULL);
	if (!strcmp(type, "list") || !strcmp(type, "map"))
		r = nucleus_policy_add(policy, key, setting->value, &error);
	else
		r = nucleus_policy_set(policy, key, setting->value, &error);
	return r < 0 ? cli_fail_library(r, error) : 0;
}

static int load_documents(const struct cli_args *args, nucleus_policy *policy)
{
	_cleanup_error_ nucleus_error *error = NULL;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < args->n_configs; i++)
		r = nucleus_policy_load(policy, args->configs[i], &error);
	if (r >= 0 && args->config_fd >= 0)
		r = nucleus_policy_load_fd(
			policy, args->config_fd,
			args->config_fd_json ? "--config-fd.json" : "--config-fd", &error);
	return r < 0 ? cli_fail_library(r, error) : 0;
}

int cli_args_policy(const struct cli_args *args, nucleus_policy **ret)
{
	_cleanup_policy_ nucleus_policy *policy = NULL;
	int r;

	r = nucleus_policy_new(&policy);
	if (r >= 0 && args->config_fd >= 0)
		r = cli_keep_fd(args->config_fd);
	if (r >= 0 && args->env_fd >= 0)
		r = cli_keep_fd(args->env_fd);
	if (r < 0)
		return cli_fail_library(r, NULL);
	r = load_documents(args, policy);
	if (!r && args->env_fd >= 0)
		r = add_env_fd(policy, args->env_fd);
	for (size_t i = 0; !r && i < args->n_settings; i++)
		r = add_setting(policy, &args->settings[i]);
	if (r)
		return r;
	*ret = policy;
	policy = NULL;
	return 0;
}

int cli_args_sandbox(const struct cli_args *args, nucleus_sandbox **ret)
{
	_cleanup_sandbox_ nucleus_sandbox *sandbox = NULL;
	_cleanup_policy_ nucleus_policy *policy = NULL;
	_cleanup_error_ nucleus_error *error = NULL;
	int r;

	r = cli_args_policy(args, &policy);
	if (r)
		return r;
	r = nucleus_sandbox_new(&sandbox);
	if (r < 0)
		return cli_fail_library(r, NULL);
	r = nucleus_sandbox_apply_policy(sandbox, policy, &error);
	/* What settling would mend a plan cannot hide; to look first takes a tenth of a start. */
	if ((r < 0 || nucleus_sandbox_warning(sandbox, 0)) && cli_settle(policy)) {
		nucleus_error_free(error);
		error = NULL;
		r = nucleus_sandbox_apply_policy(sandbox, policy, &error);
	}
	cli_drop_fds();
	if (r < 0)
		return cli_fail_library(r, error);
	*ret = sandbox;
	sandbox = NULL;
	return 0;
}
