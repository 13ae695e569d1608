/* SPDX-License-Identifier: MIT */
/* Reads argv: flags of the command line's own, and those of the library's option table. */
#include <ctype.h>
#include <fcntl.h>
#include <limits.h>

#include "cli.h"

const struct cli_flag cli_flags[CLI_FLAG__COUNT] = {
	[CLI_FLAG_HELP] = { "--help", "-h", "", "print this and exit" },
	[CLI_FLAG_CONFIG] = { "--config", "-f", "FILE",
			      "policy document, TOML or JSON (*.json), read before the flags; may be "
			      "given again" },
	[CLI_FLAG_CONFIG_FD] = { "--config-fd", "", "N[:json]",
				 "read a policy document from descriptor N, as TOML or JSON" },
	[CLI_FLAG_ENV_FD] = { "--env-fd", "", "N",
			      "read NAME=VALUE variables, separated by NUL, from descriptor N: "
			      "keeps secrets out of the argument list" },
	[CLI_FLAG_STATUS_FD] = { "--status-fd", "", "N",
				 "write the exact outcome to descriptor N as one line of JSON; "
				 "give it first, to have errors in flags reported too" },
	[CLI_FLAG_REQUIRE_PLAN] = { "--require-plan", "", "HASH",
				    "start only if the plan has this hash: see nucleus explain "
				    "--hash" },
	[CLI_FLAG_STATS] = { "--stats", "", "text|json",
			     "at the end, print what the sandbox used, on standard error" },
	[CLI_FLAG_TIMING] = { "--timing", "", "",
			      "at the end, print what each step of the start took, on standard error" },
	[CLI_FLAG_DENIALS] = { "--denials", "", "text|json|FILE",
			       "tell what is refused as it is refused: on standard error, or as JSON "
			       "to the end of a file" },
	[CLI_FLAG_QUIET] = { "--quiet", "-q", "",
			     "print no warnings, nor what made a program fail" },
	[CLI_FLAG_JSON] = { "--json", "", "", "print JSON" },
	[CLI_FLAG_TOML] = { "--toml", "", "", "print TOML" },
	[CLI_FLAG_TEXT] = { "--text", "", "", "print text: every option and where it was set" },
	[CLI_FLAG_HASH] = { "--hash", "", "", "print only the SHA-256 of the plan" },
	[CLI_FLAG_KEY] = { "--key", "-k", "FILE",
			   "key by nucleus policy keygen: to sign PREFIX.key, to verify PREFIX.pub" },
	[CLI_FLAG_KIND] = { "--kind", "", "KIND",
			    "what the files are: policy, seccomp, caps or landlock; else their "
			    "content tells" },
	[CLI_FLAG_REPLACE] = { "--replace", "", "", "replace a key that is there" },
	[CLI_FLAG_OUTPUT] = { "--output", "-o", "FILE", "write there, all or nothing; else to standard output" },
	[CLI_FLAG_BASE] = { "--base", "", "NAME",
			    "default: say what differs from the built-in list, and make no profile" },
	[CLI_FLAG_ALLOW_DANGEROUS] = { "--allow-dangerous", "", "NAME",
				       "allow this call, if it was seen, though it is refused or answered; "
				       "may be given again" },
};

struct parser {
	struct cli_args *args;
	char **next;	   /* the words not read yet */
	unsigned int seen; /* CLI_BIT()s of flags with a value */
};

ssize_t cli_option_find(const char *flag)
{
	const char *s;

	/* "" is what options without a short flag have. */
	for (size_t i = 0; *flag && (s = nucleus_option_attr(i, "flag")); i++)
		if (!strcmp(s, flag) || !strcmp(nucleus_option_attr(i, "short"), flag))
			return (ssize_t)i;
	return -1;
}

bool cli_option_takes_value(size_t option)
{
	return strcmp(nucleus_option_attr(option, "type"), "bool") != 0;
}

/* What `run` does beside its plan. */
static unsigned int ignored_flags(const struct cli_command *command)
{
	return command->operands == CLI_OPERANDS_IGNORED ? cli_commands[0].flags & ~command->flags : 0;
}

static int find_cli_flag(const struct cli_command *command, const char *flag)
{
	for (int id = 0; id < CLI_FLAG__COUNT; id++)
		if ((command->flags | ignored_flags(command)) & (1u << id) &&
		    (!strcmp(cli_flags[id].flag, flag) || !strcmp(cli_flags[id].short_flag, flag)))
			return id;
	return -1;
}

/* ---- errors --------------------------------------------------------------------------------- */

static const char *flag_candidate(size_t i, const void *arg)
{
	const struct cli_command *command = arg;

	if (i < CLI_FLAG__COUNT)
		return command->flags & (1u << i) ? cli_flags[i].flag : "";
	return command->takes_policy ? nucleus_option_attr(i - CLI_FLAG__COUNT, "flag") : NULL;
}

/* Documents say `limits.files` and the flag is --max-files: "--limits.files" is a fair mistake. */
static const char *flag_of_key(const struct cli_command *command, const char *flag)
{
	const char *key;

	for (size_t i = 0; command->takes_policy && (key = nucleus_option_attr(i, "key")); i++) {
		size_t n = 0;

		while (key[n] && (key[n] == flag[n + 2] || (key[n] == '.' && flag[n + 2] == '-')))
			n++;
		if (!key[n] && !flag[n + 2])
			return nucleus_option_attr(i, "flag");
	}
	return NULL;
}

static int fail_unknown_flag(const struct parser *p, const char *flag)
{
	const struct cli_command *command = p->args->command;
	_cleanup_free_ char *hint = NULL;
	const char *near = NULL;
	int r;

	if (flag[1] == '-') {
		near = flag_of_key(command, flag);
		if (!near)
			near = cli_nearest(flag, flag_candidate, command);
	}
	if (near)
		r = asprintf(&hint, "did you mean %s?", near);
	else
		r = asprintf(&hint, "see `nucleus %s --help`", command->name);
	if (r < 0)
		hint = NULL;
	return cli_fail(-EINVAL, hint, "unknown flag %s", flag);
}

static int fail_operand(const struct cli_command *command, const char *word)
{
	const char *hint = "options start with a dash";

	if (command->operands == CLI_OPERANDS_IGNORED)
		hint = "a policy document is given by --config FILE; a program of that name, behind --";
	else if (command->takes_policy)
		hint = "a policy document is given by --config FILE";
	return cli_fail(-EINVAL, hint, "`nucleus %s` takes no argument: %s", command->name, word);
}

/* ---- values of the command line's own flags ------------------------------------------------- */

static int parse_fd(const char *flag, const char *text, size_t len, int *ret)
{
	long n = 0;

	for (size_t i = 0; i < len && n <= INT_MAX; i++) {
		if (!isdigit((unsigned char)text[i]))
			len = 0;
		else
			n = n * 10 + (text[i] - '0');
	}
	if (!len || n > INT_MAX)
		return cli_fail(-EINVAL, "give the number of an open descriptor",
				"%s: not a descriptor: %s", flag, text);
	if (fcntl((int)n, F_GETFD) < 0)
		return cli_fail(-EBADF,
				"open it in the calling program, for example by a redirection",
				"%s: descriptor %ld is not open", flag, n);
	*ret = (int)n;
	return 0;
}

static int set_config_fd(struct cli_args *args, const char *value)
{
	const char *colon = strchrnul(value, ':');

	if (*colon && strcmp(colon, ":json") != 0 && strcmp(colon, ":toml") != 0)
		return cli_fail(-EINVAL, "N, N:toml or N:json", "--config-fd: unknown form: %s",
				value);
	args->config_fd_json = !strcmp(colon, ":json");
	return parse_fd("--config-fd", value, (size_t)(colon - value), &args->config_fd);
}

static int set_require_plan(struct cli_args *args, const char *value)
{
	size_t n = 0;

	while (isxdigit((unsigned char)value[n]))
		n++;
	if (n != 64 || value[n])
		return cli_fail(-EINVAL, "`nucleus explain --hash` prints it",
				"--require-plan: not a SHA-256 of 64 hexadecimal digits: %s",
				value);
	args->require_plan = value;
	return 0;
}

static int set_stats(struct cli_args *args, const char *value)
{
	if (strcmp(value, "text") != 0 && strcmp(value, "json") != 0)
		return cli_fail(-EINVAL, "text or json", "--stats: unknown form: %s", value);
	args->stats = value;
	return 0;
}

static int set_format(struct cli_args *args, const char *format)
{
	if (args->format && strcmp(args->format, format) != 0)
		return cli_fail(-EINVAL, "give one of them", "--%s and --%s exclude each other",
				args->format, format);
	args->format = format;
	return 0;
}

static int add_value(const char ***values, size_t *n, const char *value)
{
	const char **grown = reallocarray(*values, *n + 1, sizeof(*grown));

	if (!grown)
		return cli_fail(-ENOMEM, NULL, "out of memory");
	*values = grown;
	grown[(*n)++] = value;
	return 0;
}

/* `value` is "" for a flag that takes none. */
static int set_cli_flag(struct parser *p, enum cli_flag_id id, const char *value)
{
	struct cli_args *args = p->args;
	const unsigned int again = CLI_BIT(ALLOW_DANGEROUS) | CLI_BIT(CONFIG);
	int fd, r;

	if (ignored_flags(args->command) & (1u << id))
		return 0;
	if (*cli_flags[id].metavar && p->seen & (1u << id) & ~again)
		return cli_fail(-EINVAL, "give it once", "%s is given twice", cli_flags[id].flag);
	p->seen |= 1u << id;

	switch (id) {
	case CLI_FLAG_HELP:
		args->help = true;
		return 0;
	case CLI_FLAG_QUIET:
		args->quiet = true;
		return 0;
	case CLI_FLAG_TIMING:
		args->timing = true;
		return 0;
	case CLI_FLAG_HASH:
		args->hash = true;
		return 0;
	case CLI_FLAG_JSON:
		return set_format(args, "json");
	case CLI_FLAG_TOML:
		return set_format(args, "toml");
	case CLI_FLAG_TEXT:
		return set_format(args, "text");
	case CLI_FLAG_CONFIG:
		return add_value(&args->configs, &args->n_configs, value);
	case CLI_FLAG_CONFIG_FD:
		return set_config_fd(args, value);
	case CLI_FLAG_ENV_FD:
		return parse_fd("--env-fd", value, strlen(value), &args->env_fd);
	case CLI_FLAG_REQUIRE_PLAN:
		return set_require_plan(args, value);
	case CLI_FLAG_KEY:
		args->key = value;
		return 0;
	case CLI_FLAG_KIND:
		args->kind = value;
		return 0;
	case CLI_FLAG_REPLACE:
		args->replace = true;
		return 0;
	case CLI_FLAG_OUTPUT:
		args->output = value;
		return 0;
	case CLI_FLAG_BASE:
		args->base = value;
		return 0;
	case CLI_FLAG_ALLOW_DANGEROUS:
		return add_value(&args->dangerous, &args->n_dangerous, value);
	case CLI_FLAG_STATS:
		return set_stats(args, value);
	case CLI_FLAG_DENIALS:
		if (!*value)
			return cli_fail(-EINVAL, "text, json or a file",
					"--denials: no file is named");
		args->denials = value;
		return 0;
	case CLI_FLAG_STATUS_FD:
		r = parse_fd("--status-fd", value, strlen(value), &fd);
		if (!r)
			cli_status_open(fd);
		return r;
	case CLI_FLAG__COUNT:
		break;
	}
	return 0;
}

/* ---- words ---------------------------------------------------------------------------------- */

static int add_setting(struct cli_args *args, size_t option, const char *value)
{
	struct cli_setting *s;

	s = reallocarray(args->settings, args->n_settings + 1, sizeof(*s));
	if (!s)
		return cli_fail(-ENOMEM, NULL, "out of memory");
	args->settings = s;
	s[args->n_settings++] = (struct cli_setting){ option, value };
	return 0;
}

/* The value of a flag: what stood behind its "=" or letter, or else the next word. */
static int take_value(struct parser *p, const char *flag, const char *metavar, const char *attached,
		      const char **ret)
{
	if (attached) {
		*ret = attached;
		return 0;
	}
	if (!*p->next)
		return cli_fail(-EINVAL, NULL, "%s needs a value: %s %s", flag, flag, metavar);
	*ret = *p->next++;
	return 0;
}

/* Gives 0, an exit status, or -ENOENT when the command has no such flag. */
static int parse_flag(struct parser *p, const char *flag, const char *attached)
{
	struct cli_args *args = p->args;
	const char *value = "";
	ssize_t option;
	int id, r;

	id = find_cli_flag(args->command, flag);
	if (id >= 0) {
		if (*cli_flags[id].metavar)
			r = take_value(p, cli_flags[id].flag, cli_flags[id].metavar, attached,
				       &value);
		else if (attached)
			r = cli_fail(-EINVAL, NULL, "%s takes no value", cli_flags[id].flag);
		else
			r = 0;
		return r ? r : set_cli_flag(p, (enum cli_flag_id)id, value);
	}

	option = args->command->takes_policy ? cli_option_find(flag) : -1;
	if (option < 0)
		return -ENOENT;
	if (cli_option_takes_value((size_t)option))
		r = take_value(p, nucleus_option_attr((size_t)option, "flag"),
			       nucleus_option_attr((size_t)option, "metavar"), attached, &value);
	else {
		value = attached ? attached : "true";
		r = 0;
	}
	return r ? r : add_setting(args, (size_t)option, value);
}

static int parse_long(struct parser *p, char *word)
{
	char *equals = strchr(word, '=');
	int r;

	if (equals)
		*equals = '\0';
	r = parse_flag(p, word, equals ? equals + 1 : NULL);
	if (r == -ENOENT)
		return fail_unknown_flag(p, word);
	return r;
}

static bool takes_value(const struct cli_args *args, const char *flag)
{
	int id = find_cli_flag(args->command, flag);
	ssize_t option;

	if (id >= 0)
		return *cli_flags[id].metavar;
	option = args->command->takes_policy ? cli_option_find(flag) : -1;
	return option >= 0 && cli_option_takes_value((size_t)option);
}

/* "-q", "-eA=b", "-qeA=b": letters, until one takes the rest of the word as its value. */
static int parse_short(struct parser *p, const char *word)
{
	for (const char *c = word + 1; *c; c++) {
		const char flag[] = { '-', *c, '\0' };
		bool takes_rest = takes_value(p->args, flag);
		int r = parse_flag(p, flag, takes_rest && c[1] ? c + 1 : NULL);

		if (r == -ENOENT)
			return fail_unknown_flag(p, flag);
		if (r || takes_rest)
			return r;
	}
	return 0;
}

/* Whoever writes `nucleus explain policy.toml` means no program. */
static bool is_document(const char *word)
{
	const char *dot = strrchr(word, '.');

	return dot && (!strcmp(dot, ".toml") || !strcmp(dot, ".json"));
}

int cli_args_parse(const struct cli_command *command, char **argv, struct cli_args *ret)
{
	struct parser p = { .args = ret, .next = argv };
	char **operands = argv;
	bool options = true;

	*ret = (struct cli_args){ .command = command, .config_fd = -1, .env_fd = -1 };
	while (*p.next && !ret->help) {
		char *word = *p.next;
		int r;

		if (!options || word[0] != '-' || !word[1]) {
			if (command->operands == CLI_OPERANDS_PROGRAM)
				break;
			if (command->operands == CLI_OPERANDS_NONE ||
			    (command->operands == CLI_OPERANDS_IGNORED && options && is_document(word)))
				return fail_operand(command, word);
			if (command->operands == CLI_OPERANDS_IGNORED)
				break;
			*operands++ = word;
			p.next++;
			continue;
		}
		p.next++;
		if (!strcmp(word, "--"))
			options = false;
		else {
			r = word[1] == '-' ? parse_long(&p, word) : parse_short(&p, word);
			if (r)
				return r;
		}
	}

	if (ret->config_fd >= 0 && ret->config_fd == ret->env_fd)
		return cli_fail(-EINVAL, "give each a descriptor of its own",
				"--config-fd and --env-fd are one descriptor, %d: it can be read once", ret->env_fd);
	ret->operands = command->operands == CLI_OPERANDS_PROGRAM ? p.next : argv;
	if (command->operands != CLI_OPERANDS_PROGRAM)
		*operands = NULL;
	while (ret->operands[ret->n_operands])
		ret->n_operands++;
	return 0;
}

void cli_args_free(struct cli_args *args)
{
	free(args->settings);
	free(args->dangerous);
	free(args->configs);
}
