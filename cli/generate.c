/* SPDX-License-Identifier: MIT */
/*
 * Hidden commands that print the tables for other programs: the shell completion asks at run time,
 * the man pages are given their reference sections when they are built. So neither can go stale.
 */
#include "cli.h"

/* ---- completion: KIND, WORD, TYPE and VALUES, separated by tabs ----------------------------- */

static void put_completion(const char *flag, const char *type, const char *metavar,
			   const char *values)
{
	if (!*flag)
		return;
	if (!strcmp(metavar, "DIR"))
		type = "dir";
	else if (!strcmp(metavar, "FILE"))
		type = "file";
	printf("flag\t%s\t%s\t%s\n", flag, type, values);
}

static void put_flag_completions(const struct cli_command *command)
{
	const char *flag;

	for (unsigned int id = 0; id < CLI_FLAG__COUNT; id++) {
		const struct cli_flag *f = &cli_flags[id];
		const char *type = *f->metavar ? "string" : "none";

		if (!(command->flags & (1u << id)))
			continue;
		put_completion(f->flag, type, f->metavar, "");
		put_completion(f->short_flag, type, f->metavar, "");
	}
	for (size_t i = 0; command->takes_policy && (flag = nucleus_option_attr(i, "flag")); i++) {
		const char *type =
			cli_option_takes_value(i) ? nucleus_option_attr(i, "type") : "none";
		const char *metavar = nucleus_option_attr(i, "metavar");
		const char *values = nucleus_option_attr(i, "values");

		put_completion(flag, type, metavar, values);
		put_completion(nucleus_option_attr(i, "short"), type, metavar, values);
	}
}

/* `words` are those behind "nucleus" so far: what may follow them? */
int cli_generate_completion(char **words)
{
	const char *last = "";

	for (size_t i = 0; i < cli_n_commands; i++) {
		const char *name = cli_commands[i].name;
		size_t len = strcspn(name, " ");

		if (!words[0]) {
			/* Of "policy schema" and "policy show" one "policy". */
			if (strncmp(last, name, len + (name[len] != ' ')) != 0)
				printf("command\t%.*s\n", (int)len, name);
			last = name;
		} else if (cli_command_match(&cli_commands[i], words)) {
			put_flag_completions(&cli_commands[i]);
		} else if (name[len] && !words[1] && strlen(words[0]) == len &&
			   !strncmp(words[0], name, len)) {
			printf("command\t%s\n", name + len + 1);
		}
	}
	return cli_flush();
}

/* ---- man pages: scdoc(5) -------------------------------------------------------------------- */

static void put_escaped(const char *s)
{
	for (; *s; s++) {
		if (strchr("\\*_`#|[]<>.'-", *s))
			putchar('\\');
		putchar(*s);
	}
}

static void put_styled(char style, const char *s)
{
	putchar(style);
	put_escaped(s);
	putchar(style);
}

static void put_man_flags(const char *short_flag, const char *flag, const char *metavar)
{
	if (*short_flag) {
		put_styled('*', short_flag);
		printf(", ");
	}
	put_styled('*', flag);
	if (*metavar) {
		putchar(' ');
		put_styled('_', metavar);
	}
}

/* The help line, and what the table says besides. */
static void put_man_details(size_t i)
{
	const char *values = nucleus_option_attr(i, "values");
	const char *initial = nucleus_option_attr(i, "default");
	const char *type = nucleus_option_attr(i, "type");

	putchar('\t');
	put_escaped(nucleus_option_attr(i, "help"));
	putchar('.');
	if (*values) {
		printf(" One of ");
		for (size_t len; *values; values += len + (values[len] == '|')) {
			len = strcspn(values, "|");
			putchar('*');
			for (size_t c = 0; c < len; c++)
				put_escaped((const char[]){ values[c], '\0' });
			printf(values[len] ? "*, " : "*.");
		}
	}
	if (*initial) {
		printf(" Default: ");
		put_escaped(initial);
		putchar('.');
	}
	if (!strcmp(type, "list") || !strcmp(type, "map"))
		printf(" May be given more than once.");
}

static void put_man_cli_flags(const struct cli_command *command)
{
	for (unsigned int id = 0; id < CLI_FLAG__COUNT; id++) {
		const struct cli_flag *f = &cli_flags[id];

		if (!(command->flags & (1u << id)))
			continue;
		put_man_flags(f->short_flag, f->flag, f->metavar);
		printf("\n\t");
		put_escaped(f->help);
		printf(".\n\n");
	}
}

/* For nucleus(1) with the word "flags": by flag. For nucleus-policy(5) with "keys": by key. */
int cli_generate_man(char **words)
{
	const char *group = "", *g;
	bool keys;

	if (!words[0] || (strcmp(words[0], "keys") != 0 && strcmp(words[0], "flags") != 0))
		return cli_fail(-EINVAL, NULL, "keys or flags?");
	keys = !strcmp(words[0], "keys");
	if (!keys)
		put_man_cli_flags(&cli_commands[0]);
	for (size_t i = 0; (g = nucleus_option_attr(i, "group")); i++) {
		const char *flag = nucleus_option_attr(i, "flag");
		const char *short_flag = nucleus_option_attr(i, "short");
		const char *metavar = nucleus_option_attr(i, "metavar");

		if (strcmp(g, group) != 0)
			printf("## %s\n\n", g);
		group = g;
		if (keys) {
			put_styled('*', nucleus_option_attr(i, "key"));
			printf(" (%s)\n", nucleus_option_attr(i, "type"));
		} else {
			put_man_flags(short_flag, flag, metavar);
			putchar('\n');
		}
		put_man_details(i);
		if (keys) {
			printf(" Flag: ");
			put_man_flags(short_flag, flag, metavar);
			printf(". Since ");
			put_escaped(nucleus_option_attr(i, "since"));
		} else {
			printf(" Key: ");
			put_escaped(nucleus_option_attr(i, "key"));
		}
		printf(".\n\n");
	}
	return cli_flush();
}
