/* SPDX-License-Identifier: MIT */
#include <fcntl.h>

#include "cli.h"

#define POLICY_INPUT (CLI_BIT(CONFIG) | CLI_BIT(CONFIG_FD) | CLI_BIT(ENV_FD))

const struct cli_command cli_commands[] = {
	{ "run", "create", "[OPTIONS] [--] PROGRAM [ARGS...]", "run a program in a new sandbox",
	  CLI_OPERANDS_PROGRAM,
	  CLI_BIT(HELP) | POLICY_INPUT | CLI_BIT(STATUS_FD) | CLI_BIT(REQUIRE_PLAN) |
		  CLI_BIT(STATS) | CLI_BIT(TIMING) | CLI_BIT(DENIALS) | CLI_BIT(QUIET),
	  true, cli_run },
	{ "explain", NULL, "[OPTIONS] [[--] PROGRAM [ARGS...]]",
	  "print what would be enforced here, and do nothing", CLI_OPERANDS_IGNORED,
	  CLI_BIT(HELP) | POLICY_INPUT | CLI_BIT(JSON) | CLI_BIT(HASH), true, cli_explain },
	{ "why", NULL, "[--json] [OPTIONS] QUERY...",
	  "say what would refuse something, and what would allow it", CLI_OPERANDS_ANY,
	  CLI_BIT(HELP) | POLICY_INPUT | CLI_BIT(JSON), true, cli_why },
	{ "doctor", NULL, "[--json]", "say which mechanisms this host has", CLI_OPERANDS_NONE,
	  CLI_BIT(HELP) | CLI_BIT(JSON), false, cli_doctor },
	{ "cleanup", NULL, "", "remove what callers that were killed have left", CLI_OPERANDS_NONE,
	  CLI_BIT(HELP), false, cli_cleanup },
	{ "policy schema", NULL, "[KIND]", "print the JSON Schema of policy documents, or of other files",
	  CLI_OPERANDS_ANY, CLI_BIT(HELP), false, cli_policy_schema },
	{ "policy show", NULL, "[--json|--toml|--text] [OPTIONS]",
	  "print the policy that documents and flags make", CLI_OPERANDS_NONE,
	  CLI_BIT(HELP) | POLICY_INPUT | CLI_BIT(JSON) | CLI_BIT(TOML) | CLI_BIT(TEXT), true,
	  cli_policy_show },
	{ "policy check", NULL, "[--kind KIND] FILE...",
	  "read policy documents and policy files, and say what is wrong", CLI_OPERANDS_ANY,
	  CLI_BIT(HELP) | CLI_BIT(KIND), false, cli_policy_check },
	{ "policy diff", NULL, "[--json] A B", "say what file B allows that A does not, and the reverse",
	  CLI_OPERANDS_ANY, CLI_BIT(HELP) | CLI_BIT(JSON), false, cli_policy_diff },
	{ "policy hash", NULL, "FILE...", "print the SHA-256 by which a file is pinned",
	  CLI_OPERANDS_ANY, CLI_BIT(HELP), false, cli_policy_hash },
	{ "policy keygen", NULL, "[--replace] PREFIX", "make PREFIX.key to sign with, and PREFIX.pub",
	  CLI_OPERANDS_ANY, CLI_BIT(HELP) | CLI_BIT(REPLACE), false, cli_policy_keygen },
	{ "policy sign", NULL, "--key PREFIX.key FILE...", "write FILE.sig", CLI_OPERANDS_ANY,
	  CLI_BIT(HELP) | CLI_BIT(KEY), false, cli_policy_sign },
	{ "policy verify", NULL, "--key PREFIX.pub FILE...", "say whether FILE.sig is right",
	  CLI_OPERANDS_ANY, CLI_BIT(HELP) | CLI_BIT(KEY), false, cli_policy_verify },
	{ "policy generate", NULL, "[-o FILE] TRACE...",
	  "make a Landlock policy of what `run --learn TRACE` saw", CLI_OPERANDS_ANY,
	  CLI_BIT(HELP) | CLI_BIT(OUTPUT) | CLI_BIT(QUIET), false, cli_policy_generate },
	{ "seccomp generate", NULL, "[-o FILE] TRACE...",
	  "make a seccomp profile of what `run --learn TRACE` saw", CLI_OPERANDS_ANY,
	  CLI_BIT(HELP) | CLI_BIT(OUTPUT) | CLI_BIT(BASE) | CLI_BIT(ALLOW_DANGEROUS) | CLI_BIT(QUIET), false,
	  cli_seccomp_generate },
	{ "version", NULL, "", "print the version", CLI_OPERANDS_NONE, CLI_BIT(HELP), false,
	  cli_version },
	{ "help", NULL, "[COMMAND]", "print help", CLI_OPERANDS_ANY, CLI_BIT(HELP), false,
	  cli_help },
};
const size_t cli_n_commands = CLI_ARRAY_SIZE(cli_commands);

/*
 * A closed 0, 1 or 2 would be the number of the next file opened, and messages or the program's
 * output would go there.
 */
static bool open_stdio(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return false;
	return true;
}

int cli_version(const struct cli_args *args)
{
	_cleanup_free_ char *text = NULL;

	(void)args;
	if (asprintf(&text, "nucleus %s", nucleus_version()) < 0) {
		text = NULL;
		return cli_fail(-ENOMEM, NULL, "out of memory");
	}
	return cli_print(text);
}

int cli_command_match(const struct cli_command *command, char **words)
{
	const char *space = strchr(command->name, ' ');

	if (!space)
		return !strcmp(words[0], command->name) ||
		       (command->alias && !strcmp(words[0], command->alias));
	if (strncmp(words[0], command->name, (size_t)(space - command->name)) != 0 ||
	    words[0][space - command->name])
		return 0;
	return words[1] && !strcmp(words[1], space + 1) ? 2 : 0;
}

static const char *command_candidate(size_t i, const void *arg)
{
	(void)arg;
	return i < cli_n_commands ? cli_commands[i].name : NULL;
}

static int fail_unknown_command(char **words)
{
	_cleanup_free_ char *two_words = NULL;
	_cleanup_free_ char *hint = NULL;
	const char *unknown = words[0], *near;
	int r;

	if (!strcmp(words[0], "seccomp"))
		return cli_fail(-EINVAL, "nucleus seccomp generate TRACE...",
				"`nucleus seccomp` needs to be told what to do");
	if (!strcmp(words[0], "policy")) {
		if (!words[1])
			return cli_fail(-EINVAL, "`nucleus policy --help` lists the commands",
					"`nucleus policy` needs to be told what to do");
		if (asprintf(&two_words, "policy %s", words[1]) < 0)
			two_words = NULL;
		else
			unknown = two_words;
	}
	near = cli_nearest(unknown, command_candidate, NULL);
	if (cli_option_find(unknown) >= 0)
		r = asprintf(&hint, "options stand behind the command: nucleus run %s", unknown);
	else if (near)
		r = asprintf(&hint, "did you mean `nucleus %s`?", near);
	else if (unknown[0] == '-')
		r = asprintf(&hint, "see `nucleus help`");
	else
		r = asprintf(&hint,
			     "`nucleus help` lists the commands; "
			     "a program is started by `nucleus run %s`",
			     unknown);
	if (r < 0)
		hint = NULL;
	return cli_fail(-EINVAL, hint, "unknown command: %s", unknown);
}

static bool asks_for_help(const char *word)
{
	return word && (!strcmp(word, "--help") || !strcmp(word, "-h"));
}

static int help_about(char **words, size_t n)
{
	const struct cli_args args = { .operands = words, .n_operands = n };

	return cli_help(&args);
}

static int run_command(char **words)
{
	for (size_t i = 0; i < cli_n_commands; i++) {
		_cleanup_args_ struct cli_args args = { 0 };
		int n = cli_command_match(&cli_commands[i], words), r;

		if (!n)
			continue;
		r = cli_args_parse(&cli_commands[i], words + n, &args);
		if (r)
			return r;
		return args.help ? help_about(words, (size_t)n) : cli_commands[i].main(&args);
	}
	if ((!strcmp(words[0], "policy") || !strcmp(words[0], "seccomp")) &&
	    asks_for_help(words[1]))
		return help_about(words, 1);
	return fail_unknown_command(words);
}

int main(int argc, char **argv)
{
	char **words = argv + 1;

	if (!open_stdio() || !cli_keep_words(argv))
		return CLI_EXIT_REFUSED;
	if (argc < 2) {
		fputs("Usage: nucleus COMMAND [OPTIONS] [ARGS...]\n"
		      "       nucleus run [OPTIONS] [--] PROGRAM [ARGS...]\n"
		      "See `nucleus help`.\n",
		      stderr);
		return CLI_EXIT_REFUSED;
	}
	if (asks_for_help(words[0]))
		return help_about(words, 0);
	if (!strcmp(words[0], "--version"))
		return cli_version(NULL);
	if (!strcmp(words[0], "__options"))
		return cli_generate_completion(words + 1);
	if (!strcmp(words[0], "__man-options"))
		return cli_generate_man(words + 1);
	return run_command(words);
}
