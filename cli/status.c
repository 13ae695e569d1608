/* SPDX-License-Identifier: MIT */
/*
 * --status-fd: the exact outcome as one line of JSON, for callers who must not guess whether 125
 * was nucleus or the workload.
 */
#include <inttypes.h>
#include <signal.h>

#include "cli.h"

static int status_fd = -1;

void cli_status_open(int fd)
{
	status_fd = fd;
}

size_t cli_utf8_length(const unsigned char *s)
{
	size_t n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, and what lies past U+10FFFF. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

/* A JSON string; argv need not be UTF-8, and what is not becomes U+FFFD. NULL is null. */
static void put_string(FILE *out, const char *string)
{
	const unsigned char *s = (const unsigned char *)string;

	if (!s) {
		fputs("null", out);
		return;
	}
	putc('"', out);
	while (*s) {
		size_t n = cli_utf8_length(s);

		if (n == 0) {
			fputs("\\ufffd", out);
			n = 1;
		} else if (*s < 0x20 || *s == '"' || *s == '\\')
			fprintf(out, "\\u%04x", *s);
		else
			fwrite(s, 1, n, out);
		s += n;
	}
	putc('"', out);
}

/* All figures as members of an object: null for what there is not. */
static void put_figures(FILE *out, const nucleus_process *process, const char *separator)
{
	const char *name;
	uint64_t value;

	for (size_t i = 0; (name = nucleus_stats_attr(i, "name")); i++) {
		fprintf(out, "%s\"", separator);
		for (const char *c = name; *c; c++)
			putc(*c == '-' ? '_' : *c, out);
		if (process && nucleus_process_stats(process, name, &value) >= 0)
			fprintf(out, "\":%" PRIu64, value);
		else
			fputs("\":null", out);
		separator = ",";
	}
}

void cli_print_stats(const nucleus_process *process, const char *format)
{
	const char *name;
	uint64_t value;

	if (!strcmp(format, "json")) {
		fputs("{", stderr);
		put_figures(stderr, process, "");
		fputs("}\n", stderr);
		return;
	}
	for (size_t i = 0; (name = nucleus_stats_attr(i, "name")); i++)
		if (nucleus_process_stats(process, name, &value) >= 0)
			fprintf(stderr, "%-24s %14" PRIu64 "  %s\n", name, value,
				nucleus_stats_attr(i, "help"));
}

static void write_line(const char *line, size_t len)
{
	/* A reader that has gone is no reason to die in place of giving the exit status. */
	signal(SIGPIPE, SIG_IGN);
	while (len > 0) {
		ssize_t n = write(status_fd, line, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			cli_warn("--status-fd: the outcome could not be written");
			return;
		}
		line += n;
		len -= (size_t)n;
	}
}

static void put_denials(FILE *out, const struct cli_denials *denials)
{
	fputs(",\"denials\":[", out);
	for (size_t i = 0; denials && i < CLI_LIKELY && denials->likely[i]; i++) {
		_cleanup_string_ char *json = NULL;

		if (nucleus_denial_json(denials->likely[i], &json) < 0)
			json = NULL;
		fprintf(out, "%s%s", i ? "," : "", json ? json : "null");
	}
	putc(']', out);
}

/* `error` is JSON or NULL. Written once: the first error is the one that decided. */
static void report(const char *outcome, int code, int exit_status, const nucleus_process *process,
		   const struct cli_denials *denials, const char *error)
{
	_cleanup_free_ char *line = NULL;
	size_t len;
	FILE *out;

	if (status_fd < 0)
		return;
	out = open_memstream(&line, &len);
	if (out) {
		fprintf(out, "{\"outcome\":\"%s\",\"code\":%d,\"exit_status\":%d,\"error\":%s",
			outcome, code, exit_status, error ? error : "null");
		put_denials(out, denials);
		put_figures(out, process, ",");
		fputs("}\n", out);
	}
	if (out && fclose(out) == 0)
		write_line(line, len);
	else
		cli_warn("--status-fd: out of memory");
	status_fd = -1;
}

void cli_status_refused_by_cli(int code, const char *message, const char *hint)
{
	_cleanup_free_ char *json = NULL;
	const char *name = strerrorname_np(-code);
	size_t len;
	FILE *out;

	if (status_fd < 0)
		return;
	/* The keys of nucleus_error_json(). */
	out = open_memstream(&json, &len);
	if (out) {
		fprintf(out, "{\"code\":%d,\"errno\":\"%s\",\"hint\":", code, name ? name : "E?");
		put_string(out, hint);
		fputs(",\"layer\":\"command-line\",\"message\":", out);
		put_string(out, message);
		fputs(",\"origin\":null,\"stage\":\"policy\"}", out);
	}
	report("refused", 0, CLI_EXIT_REFUSED, NULL, NULL, out && fclose(out) == 0 ? json : NULL);
}

void cli_status_refused(const nucleus_error *error, int exit_status)
{
	_cleanup_string_ char *json = NULL;

	if (status_fd < 0)
		return;
	if (nucleus_error_json(error, &json) < 0)
		json = NULL;
	report("refused", 0, exit_status, NULL, NULL, json);
}

void cli_status_ended(const nucleus_process *process, const struct cli_denials *denials,
		      const char *outcome, int code, int exit_status, const nucleus_error *error)
{
	_cleanup_string_ char *json = NULL;

	if (status_fd >= 0 && error && nucleus_error_json(error, &json) < 0)
		json = NULL;
	report(outcome, code, exit_status, process, denials, json);
}
