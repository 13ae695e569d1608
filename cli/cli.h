/* SPDX-License-Identifier: MIT */
/* nucleus-cli: the library as a command. It sees the public header only and decides no policy. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nucleus/nucleus.h>

/* More than execve(2) would take (6 MiB since Linux 4.13), so that it is never the smaller limit. */
#define CLI_INPUT_MAX (8u << 20)

#define CLI_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The workload's own exit status apart, these are the ones that `nucleus run` gives. */
enum {
	CLI_EXIT_TIMEOUT = 124,
	CLI_EXIT_REFUSED = 125, /* nucleus itself could not do it */
	CLI_EXIT_NOT_EXECUTABLE = 126,
	CLI_EXIT_NOT_FOUND = 127,
	CLI_EXIT_SIGNAL = 128, /* plus the signal's number */
};

/* ---- clean-up ------------------------------------------------------------------------------- */

#define _cleanup_(f) __attribute__((cleanup(f)))

static inline void cli_freep(void *p)
{
	free(*(void **)p);
}

static inline void cli_closep(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cli_string_freep(char **s)
{
	nucleus_free(*s);
}

static inline void cli_error_freep(nucleus_error **e)
{
	nucleus_error_free(*e);
}

static inline void cli_policy_freep(nucleus_policy **p)
{
	nucleus_policy_free(*p);
}

static inline void cli_sandbox_freep(nucleus_sandbox **s)
{
	nucleus_sandbox_free(*s);
}

static inline void cli_process_closep(nucleus_process **p)
{
	nucleus_process_close(*p);
}

#define _cleanup_free_ _cleanup_(cli_freep)
#define _cleanup_close_ _cleanup_(cli_closep)
#define _cleanup_string_ _cleanup_(cli_string_freep)
#define _cleanup_error_ _cleanup_(cli_error_freep)
#define _cleanup_policy_ _cleanup_(cli_policy_freep)
#define _cleanup_sandbox_ _cleanup_(cli_sandbox_freep)
#define _cleanup_process_ _cleanup_(cli_process_closep)
#define _cleanup_args_ _cleanup_(cli_args_free)

/* ---- commands ------------------------------------------------------------------------------- */

/* Flags that are the command line's own: what a policy can say is in the library's option table. */
enum cli_flag_id {
	CLI_FLAG_HELP,
	CLI_FLAG_CONFIG,
	CLI_FLAG_CONFIG_FD,
	CLI_FLAG_ENV_FD,
	CLI_FLAG_STATUS_FD,
	CLI_FLAG_REQUIRE_PLAN,
	CLI_FLAG_STATS,
	CLI_FLAG_TIMING,
	CLI_FLAG_DENIALS,
	CLI_FLAG_QUIET,
	CLI_FLAG_JSON,
	CLI_FLAG_TOML,
	CLI_FLAG_TEXT,
	CLI_FLAG_HASH,
	CLI_FLAG_KEY,
	CLI_FLAG_KIND,
	CLI_FLAG_REPLACE,
	CLI_FLAG_OUTPUT,
	CLI_FLAG_BASE,
	CLI_FLAG_ALLOW_DANGEROUS,
	CLI_FLAG__COUNT
};
#define CLI_BIT(id) (1u << CLI_FLAG_##id)

struct cli_flag {
	const char *flag;
	const char *short_flag; /* "" for none */
	const char *metavar;	/* "" for a flag that takes no value */
	const char *help;
};
extern const struct cli_flag cli_flags[CLI_FLAG__COUNT];

enum cli_operands {
	CLI_OPERANDS_NONE,
	CLI_OPERANDS_ANY,
	CLI_OPERANDS_PROGRAM, /* the first one ends the options: what follows is the program's */
	CLI_OPERANDS_IGNORED, /* as PROGRAM, with its flags: so that `run ... PROGRAM` can be explained */
};

struct cli_args;

struct cli_command {
	const char *name;  /* one word, or two: "policy show" */
	const char *alias; /* an older name, or NULL */
	const char *usage; /* what follows the name */
	const char *help;  /* one line */
	enum cli_operands operands;
	unsigned int flags; /* CLI_BIT()s */
	bool takes_policy;  /* takes the flags of the option table */
	int (*main)(const struct cli_args *args);
};
/* How many of the words name the command: 0 when they do not. */
int cli_command_match(const struct cli_command *command, char **words);
extern const struct cli_command cli_commands[];
extern const size_t cli_n_commands;

int cli_run(const struct cli_args *args);
int cli_explain(const struct cli_args *args);
int cli_why(const struct cli_args *args);
int cli_cleanup(const struct cli_args *args);
int cli_doctor(const struct cli_args *args);
int cli_policy_schema(const struct cli_args *args);
int cli_policy_show(const struct cli_args *args);
int cli_policy_check(const struct cli_args *args);
int cli_policy_diff(const struct cli_args *args);
int cli_policy_hash(const struct cli_args *args);
int cli_policy_keygen(const struct cli_args *args);
int cli_policy_sign(const struct cli_args *args);
int cli_policy_verify(const struct cli_args *args);
int cli_policy_generate(const struct cli_args *args);
int cli_seccomp_generate(const struct cli_args *args);
int cli_version(const struct cli_args *args);
int cli_help(const struct cli_args *args);

/* ---- arguments (args.c, policy_args.c) ------------------------------------------------------ */

struct cli_setting {
	size_t option; /* row of the option table */
	const char *value;
};

struct cli_args {
	const struct cli_command *command;
	const char **configs;
	size_t n_configs;
	int config_fd, env_fd; /* -1 for none */
	bool config_fd_json;
	const char *require_plan;
	const char *denials; /* "text", "json" or a file; NULL: not asked for */
	const char *stats; /* "text", "json"; NULL: not asked for */
	const char *key, *kind;
	bool help, quiet, hash, replace, timing;
	const char *output, *base;
	const char **dangerous;
	size_t n_dangerous;
	const char *format; /* "json", "toml", "text"; NULL when not asked for */
	struct cli_setting *settings;
	size_t n_settings;
	char **operands; /* NULL-terminated: a part of argv */
	size_t n_operands;
};

/*
 * Reads the words behind the command's name; reorders argv. Gives 0, or an exit status when the
 * error has been printed.
 */
int cli_args_parse(const struct cli_command *command, char **argv, struct cli_args *ret);
void cli_args_free(struct cli_args *args);
/* The policy that the arguments make: documents first, then flags. 0 or an exit status. */
int cli_args_policy(const struct cli_args *args, nucleus_policy **ret);
/*
 * Sees to it that this process lives where it may make control groups, if the policy needs one: moves
 * it into a child of its group, which is true, or starts the command anew in a scope of the user's systemd.
 */
bool cli_settle(const nucleus_policy *policy);
/* Main's words, kept for that before anything reads them. */
bool cli_keep_words(char **argv);
/* A pipe can be read once: it is replaced by a memory file. 0 or -errno. */
int cli_keep_fd(int fd);
/* A pipe would be empty by then: what was in it is not for the program, which may have it as its 0. */
void cli_drop_fds(void);
/* The policy, compiled; settled if the plan is not all that it could be. */
int cli_args_sandbox(const struct cli_args *args, nucleus_sandbox **ret);

/* ---- messages (message.c) ------------------------------------------------------------------- */

/*
 * Prints an error of the command line's own, with a hint unless that is NULL, and reports it to
 * --status-fd. `code` is a negative errno. Gives CLI_EXIT_REFUSED.
 */
int cli_fail(int code, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same for an error of the library. `code` is what the call returned. Gives the exit status. */
int cli_fail_library(int code, const nucleus_error *error);
void cli_print_error(const nucleus_error *error);
void cli_warn(const char *message);
/* A line on standard error, without what moves a terminal. */
void cli_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Of the character in UTF-8 that begins here; 0 when the bytes are none (RFC 3629). */
size_t cli_utf8_length(const unsigned char *s);
/* Writes text, ended by a newline, to standard output. 0 or an exit status. */
int cli_print(const char *text);
/* Sees to it that what was printed has arrived. 0 or an exit status. */
int cli_flush(void);
/* Prints what a document's error is and where, as compilers do. */
void cli_print_document_error(const char *path, int code, const nucleus_error *error);

/* The candidate nearest to `word` if it is near enough to be a typing error, or NULL. */
const char *cli_nearest(const char *word, const char *(*candidate)(size_t i, const void *arg),
			const void *arg);

/* ---- what was refused (denials.c) ----------------------------------------------------------- */

#define CLI_LIKELY 3

struct cli_denials {
	const char *how; /* as cli_args.denials */
	int file;	 /* -1: standard error */
	bool broken;	 /* a line was begun and could not be ended */
	unsigned int lost;
	/* What most likely made the program fail, best first. */
	nucleus_denial *likely[CLI_LIKELY];
	/* The last of what programs try and live without: said where there is nothing else. */
	nucleus_denial *slight;
};

/* 0 or an exit status. `sandbox`: the file must not be the program's to write. */
int cli_denials_open(const char *how, const nucleus_sandbox *sandbox, struct cli_denials *ret);
void cli_denials_done(struct cli_denials *d);
/* Tells of all that there is now, and never waits long. False when there will be no more. */
bool cli_denials_read(struct cli_denials *d, nucleus_process *process);
/* For a person, at the end of a run that failed. */
void cli_denials_print_likely(const struct cli_denials *d);

/* ---- --status-fd (status.c) ----------------------------------------------------------------- */

/* From now on the outcome is reported to this descriptor. */
void cli_status_open(int fd);
void cli_status_refused_by_cli(int code, const char *message, const char *hint);
void cli_status_refused(const nucleus_error *error, int exit_status);
void cli_status_ended(const nucleus_process *process, const struct cli_denials *denials,
		      const char *outcome, int code, int exit_status, const nucleus_error *error);

/* CLOCK_MONOTONIC */
int64_t cli_now_ns(void);
/* Prints the rows of --timing to standard error, their sum, and the whole as it was measured around them. */
void cli_print_timing(nucleus_process *process, int64_t started, int64_t ended);
/* Prints all figures that there are to standard error, as --stats wants them. */
void cli_print_stats(const nucleus_process *process, const char *format);

/* ---- made from the tables (help.c, generate.c) ---------------------------------------------- */

/* The row of the option table that has this flag or short flag; -1 when there is none. */
ssize_t cli_option_find(const char *flag);
bool cli_option_takes_value(size_t option);
/* Hidden commands: for shell completion, and for the man pages' reference sections. */
int cli_generate_completion(char **words);
int cli_generate_man(char **words);
