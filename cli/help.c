/* SPDX-License-Identifier: MIT */
/* nucleus help, and --help of each command: made from the tables. */
#include "cli.h"

#define HELP_COLUMN 34
#define HELP_WIDTH 98

/* "  left            text", the text wrapped in its column; below `left` where that is too long. */
static void put_entry(const char *left, const char *text)
{
	int at = printf("  %s", left);

	if (at > HELP_COLUMN - 2) {
		putchar('\n');
		at = 0;
	}
	at += printf("%*s", HELP_COLUMN - at, "");
	while (*text) {
		int len = (int)strcspn(text, " ");

		if (at > HELP_COLUMN && at + 1 + len > HELP_WIDTH)
			at = printf("\n%*s", HELP_COLUMN, "") - 1;
		else if (at > HELP_COLUMN)
			at += printf(" ");
		at += printf("%.*s", len, text);
		text += len;
		text += strspn(text, " ");
	}
	putchar('\n');
}

static void put_flag(const char *short_flag, const char *flag, const char *metavar,
		     const char *text)
{
	char left[128];

	snprintf(left, sizeof(left), "%s%s%s%s%s", *short_flag ? short_flag : "    ",
		 *short_flag ? ", " : "", flag, *metavar ? " " : "", metavar);
	put_entry(left, text);
}

static void put_option(size_t i)
{
	const char *values = nucleus_option_attr(i, "values");
	const char *initial = nucleus_option_attr(i, "default");
	bool has_default = *initial && cli_option_takes_value(i);
	char text[512];

	snprintf(text, sizeof(text), "%s%s%s%s%s%s%s", nucleus_option_attr(i, "help"),
		 *values || has_default ? " (" : "", values, *values && has_default ? "; " : "",
		 has_default ? "default: " : "", has_default ? initial : "",
		 *values || has_default ? ")" : "");
	put_flag(nucleus_option_attr(i, "short"), nucleus_option_attr(i, "flag"),
		 nucleus_option_attr(i, "metavar"), text);
}

static void put_flags(const struct cli_command *command)
{
	const char *group = "", *g;

	printf("\nOptions:\n");
	for (unsigned int id = 0; id < CLI_FLAG__COUNT; id++)
		if (command->flags & (1u << id))
			put_flag(cli_flags[id].short_flag, cli_flags[id].flag,
				 cli_flags[id].metavar, cli_flags[id].help);
	if (!command->takes_policy)
		return;
	for (size_t i = 0; (g = nucleus_option_attr(i, "group")); i++) {
		if (strcmp(g, group) != 0)
			printf("\n%s:\n", g);
		group = g;
		put_option(i);
	}
}

static void put_command(const struct cli_command *command)
{
	printf("Usage: nucleus %s%s%s\n\n%s", command->name, *command->usage ? " " : "",
	       command->usage, command->help);
	if (command->alias)
		printf(" (older name: %s)", command->alias);
	putchar('\n');
	put_flags(command);
}

static void put_command_line(const struct cli_command *command)
{
	char left[128];

	snprintf(left, sizeof(left), "%s %s", command->name, command->usage);
	put_entry(left, command->help);
}

static void put_overview(void)
{
	puts("Usage: nucleus COMMAND [OPTIONS] [ARGS...]\n\n"
	     "Runs programs in hardened sandboxes: nothing is granted but what the options say.\n\n"
	     "Commands:");
	for (size_t i = 0; i < cli_n_commands; i++)
		put_command_line(&cli_commands[i]);
	puts("\nOf `nucleus run`; `nucleus help COMMAND` tells of the others. Each option of a\n"
	     "group is also a key of policy documents: see nucleus-policy(5).");
	put_flags(&cli_commands[0]);
	puts("\nExit status: the program's own; 124 timeout, 125 nucleus could not do it, 126 not\n"
	     "executable, 127 not found, 128+N ended by signal N.");
}

/* Of "policy": "policy schema", "policy show"... */
static bool is_of_family(const struct cli_command *command, const char *word)
{
	size_t len = strlen(word);

	return !strncmp(command->name, word, len) && command->name[len] == ' ';
}

int cli_help(const struct cli_args *args)
{
	char **words = args->operands;
	bool found = false;

	if (!args->n_operands) {
		put_overview();
		return cli_flush();
	}
	for (size_t i = 0; i < cli_n_commands; i++) {
		const struct cli_command *command = &cli_commands[i];

		if (cli_command_match(command, words) == (int)args->n_operands)
			put_command(command);
		else if (args->n_operands == 1 && is_of_family(command, words[0])) {
			if (!found)
				printf("Commands of `nucleus %s`:\n", words[0]);
			put_command_line(command);
		} else
			continue;
		found = true;
	}
	if (!found)
		return cli_fail(-EINVAL, "`nucleus help` lists the commands", "no such command: %s",
				words[0]);
	return cli_flush();
}
