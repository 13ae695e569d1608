/* SPDX-License-Identifier: MIT */
/* What is said to a person: errors, hints, warnings, and the word that was perhaps meant. */
#include <stdarg.h>

#include "cli.h"

/*
 * One line. What came from a document or from argv may hold escape sequences, which are the
 * terminal's to obey: control characters are not passed on.
 */
static void vsay(const char *fmt, va_list ap)
{
	_cleanup_free_ char *line = NULL;

	if (vasprintf(&line, fmt, ap) < 0) {
		line = NULL;
		fputs("nucleus: out of memory\n", stderr);
		return;
	}
	for (char *c = line; *c;) {
		const unsigned char *u = (const unsigned char *)c;
		size_t n = cli_utf8_length(u);

		/* C1 in UTF-8: U+009B begins a sequence as ESC [ does, and a terminal may take 0x9B so. */
		if (!n || *u < 0x20 || *u == 0x7f || (u[0] == 0xc2 && u[1] <= 0x9f)) {
			n = n ? n : 1;
			memset(c, '?', n);
		}
		c += n;
	}
	fprintf(stderr, "%s\n", line);
}

void cli_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(fmt, ap);
	va_end(ap);
}

static void say_hint(const char *hint)
{
	if (hint)
		cli_say("  hint: %s", hint);
}

int cli_fail(int code, const char *hint, const char *fmt, ...)
{
	_cleanup_free_ char *message = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&message, fmt, ap) < 0)
		message = NULL;
	va_end(ap);
	cli_say("nucleus: error: %s", message ? message : strerror(ENOMEM));
	say_hint(hint);
	cli_status_refused_by_cli(code, message ? message : strerror(ENOMEM), hint);
	return CLI_EXIT_REFUSED;
}

/* "exec" is the layer of the program itself: what a shell says of it is what callers know. */
static int exit_status_of(int code, const nucleus_error *error)
{
	if (strcmp(nucleus_error_layer(error), "exec") != 0)
		return CLI_EXIT_REFUSED;
	switch (-code) {
	case ENOENT:
		return CLI_EXIT_NOT_FOUND;
	case EACCES:
	case EPERM:
	case EISDIR:
	case ENOTDIR:
	case ENOEXEC:
	case ELIBBAD:
	case ETXTBSY:
	case ELOOP:
	case ENAMETOOLONG:
		return CLI_EXIT_NOT_EXECUTABLE;
	}
	return CLI_EXIT_REFUSED;
}

void cli_print_error(const nucleus_error *error)
{
	const char *origin = nucleus_error_origin(error);

	if (origin)
		cli_say("nucleus: error: %s (%s)", nucleus_error_message(error), origin);
	else
		cli_say("nucleus: error: %s", nucleus_error_message(error));
	say_hint(nucleus_error_hint(error));
}

int cli_fail_library(int code, const nucleus_error *error)
{
	int status;

	/* Calls without an error record fail for want of memory only. */
	if (!error)
		return cli_fail(code, NULL, "%s", strerror(-code));
	cli_print_error(error);
	status = exit_status_of(code, error);
	cli_status_refused(error, status);
	return status;
}

void cli_warn(const char *message)
{
	cli_say("nucleus: warning: %s", message);
}

void cli_print_document_error(const char *path, int code, const nucleus_error *error)
{
	const char *origin = error ? nucleus_error_origin(error) : NULL;

	cli_say("%s: %s", origin ? origin : path,
	    error ? nucleus_error_message(error) : strerror(-code));
	say_hint(error ? nucleus_error_hint(error) : NULL);
}

int cli_print(const char *text)
{
	size_t len = strlen(text);

	fputs(text, stdout);
	if (!len || text[len - 1] != '\n')
		putchar('\n');
	return cli_flush();
}

int cli_flush(void)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		return cli_fail(-EIO, NULL, "cannot write to standard output: %s", strerror(errno));
	return 0;
}

/* ---- the nearest word ----------------------------------------------------------------------- */

#define NEAREST_MAX 40

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Insertions, deletions, substitutions and swaps of neighbours that lead from a to b. */
static size_t distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	size_t rows[3][NEAREST_MAX + 1];

	if (n > NEAREST_MAX || m > NEAREST_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= m; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *now = rows[i % 3], *before = rows[(i - 1) % 3],
		       *earlier = rows[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t d = before[j - 1] + (a[i - 1] != b[j - 1]);

			d = min_size(d, min_size(before[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d = min_size(d, earlier[j - 2] + 1);
			now[j] = d;
		}
	}
	return rows[n % 3][m];
}

const char *cli_nearest(const char *word, const char *(*candidate)(size_t i, const void *arg),
			const void *arg)
{
	size_t best = strlen(word) / 4 + 2;
	const char *near = NULL, *c;

	for (size_t i = 0; (c = candidate(i, arg)); i++) {
		/* An abbreviation is as good as one wrong letter: --work is --workspace. */
		size_t d =
			strlen(word) > 3 && !strncmp(c, word, strlen(word)) ? 1 : distance(word, c);

		if (d < best && d < strlen(c)) {
			best = d;
			near = c;
		}
	}
	return near;
}
