/* SPDX-License-Identifier: MIT */
/* What was refused: told as it happens, and what of it made the program fail. */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include "cli.h"

/* For a line on standard error, which the program may share and fill; none once that was in vain. */
#define PATIENCE_MS 100

/* ---- where it is told ---------------------------------------------------------------------- */

static int check_file(const char *path, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return cli_fail(-errno, NULL, "--denials: %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return cli_fail(-EINVAL, "name a file, or one that is not there yet",
				"--denials: %s is not a regular file", path);
	if (st.st_uid != geteuid() || st.st_nlink != 1 || (st.st_mode & 022))
		return cli_fail(-EPERM, "name a file of your own that only you can write to",
				"--denials: others have, or can write to, %s", path);
	return 0;
}

int cli_denials_open(const char *how, const nucleus_sandbox *sandbox, struct cli_denials *ret)
{
	int r;

	*ret = (struct cli_denials){ .how = how, .file = -1 };
	if (!strcmp(how, "text") || !strcmp(how, "json"))
		return 0;
	/* What the program can write to proves nothing about it. */
	r = nucleus_sandbox_can_write(sandbox, how);
	if (r > 0)
		return cli_fail(-EPERM, "name a file outside of what the sandbox may write to",
				"--denials: the program could write to %s", how);
	if (r == 0) {
		/* O_NONBLOCK: not to wait for whoever reads a FIFO. */
		ret->file = open(how,
				 O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC |
					 O_NONBLOCK | O_NOCTTY,
				 0600);
		if (ret->file < 0)
			r = -errno;
	}
	if (r < 0)
		return cli_fail(r, "text, json, or a file in a directory that is there",
				"--denials: cannot open %s: %s", how, strerror(-r));
	return check_file(how, ret->file);
}

static bool is_writable(int fd, int patience)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, patience) > 0 && !(p.revents & (POLLERR | POLLNVAL));
}

/*
 * The program may fill standard error, and whoever reads it may not: this process has signals to pass
 * on, and does not wait for them. What a pipe takes without waiting is written in one piece.
 */
static bool put(const struct cli_denials *d, const char *s, size_t len)
{
	int fd = d->file >= 0 ? d->file : STDERR_FILENO;
	/* Who has not read in time is not waited for again, line after line, until there is room. */
	int patience = d->broken ? 0 : PATIENCE_MS;

	while (len) {
		size_t piece = len < PIPE_BUF ? len : PIPE_BUF;
		ssize_t n;

		if (!is_writable(fd, patience))
			return false;
		n = write(fd, s, piece);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		s += n;
		len -= (size_t)n;
	}
	return true;
}

void cli_denials_done(struct cli_denials *d)
{
	const struct cli_denials to = { .file = -1 };
	char text[80];
	int len = snprintf(text, sizeof(text),
			   "nucleus: warning: %u refusals could not be written\n", d->lost);

	if (d->lost)
		put(&to, text, (size_t)len);
	cli_closep(&d->file);
	for (size_t i = 0; i < CLI_LIKELY; i++)
		nucleus_denial_free(d->likely[i]);
	nucleus_denial_free(d->slight);
}

static void put_line(struct cli_denials *d, const char *s, size_t len)
{
	if (d->broken && !put(d, "\n", 1)) {
		d->lost++;
		return;
	}
	d->broken = !put(d, s, len);
	d->lost += d->broken;
}

/* ---- one of them ----------------------------------------------------------------------------- */

static const char *attr(const nucleus_denial *d, const char *name)
{
	const char *s = nucleus_denial_attr(d, name);

	return s ? s : "";
}

/* "python3[2]: syscall:ptrace(16): EPERM by seccomp". */
static void put_head(FILE *out, const nucleus_denial *d)
{
	if (*attr(d, "program"))
		fprintf(out, "%s", attr(d, "program"));
	if (*attr(d, "pid"))
		fprintf(out, "[%s]", attr(d, "pid"));
	if (*attr(d, "program") || *attr(d, "pid"))
		fputs(": ", out);
	fputs(attr(d, "operation"), out);
	if (*attr(d, "target"))
		fprintf(out, ":%s", attr(d, "target"));
	if (*attr(d, "errno"))
		fprintf(out, ": %s", attr(d, "errno"));
	fprintf(out, " by %s", attr(d, "layer"));
	if (strcmp(attr(d, "count"), "1") != 0)
		fprintf(out, ", %s times", attr(d, "count"));
}

static void put_text(FILE *out, const nucleus_denial *d)
{
	fputs("nucleus: refused: ", out);
	put_head(out, d);
	fprintf(out, ": %s", attr(d, "rule"));
	if (*attr(d, "origin"))
		fprintf(out, " (%s)", attr(d, "origin"));
	if (*attr(d, "fix"))
		fprintf(out, "; to allow it: %s", attr(d, "fix"));
	if (!strcmp(attr(d, "certainty"), "inferred"))
		fputs(" [inferred]", out);
}

static void tell(struct cli_denials *d, const nucleus_denial *denial)
{
	_cleanup_string_ char *json = NULL;
	_cleanup_free_ char *line = NULL;
	size_t len;
	FILE *out;

	if (!d->how)
		return;
	out = open_memstream(&line, &len);
	if (out && !strcmp(d->how, "text"))
		put_text(out, denial);
	else if (out && nucleus_denial_json(denial, &json) >= 0)
		fputs(json, out);
	if (out)
		putc('\n', out);
	if (out && fclose(out) == 0)
		put_line(d, line, len);
	else
		d->lost++;
}

/* ---- what made it fail --------------------------------------------------------------------------- */

static bool is_same(const nucleus_denial *a, const nucleus_denial *b)
{
	return !strcmp(attr(a, "operation"), attr(b, "operation")) &&
	       !strcmp(attr(a, "target"), attr(b, "target"));
}

/*
 * The last one is the most likely: a program that cannot go on ends soon after. What programs try and
 * live without is none, though it may be for want of another. Takes it.
 */
static void remember(struct cli_denials *d, nucleus_denial *denial)
{
	size_t i = 0;

	if (strcmp(attr(denial, "weight"), "high") != 0) {
		/* How many could not be told is no refusal of anything. */
		bool is_one = strcmp(attr(denial, "operation"), "dropped") != 0;

		nucleus_denial_free(is_one ? d->slight : denial);
		if (is_one)
			d->slight = denial;
		return;
	}
	while (i < CLI_LIKELY - 1 && d->likely[i] && !is_same(d->likely[i], denial))
		i++;
	nucleus_denial_free(d->likely[i]);
	for (; i > 0; i--)
		d->likely[i] = d->likely[i - 1];
	d->likely[0] = denial;
}

bool cli_denials_read(struct cli_denials *d, nucleus_process *process)
{
	nucleus_denial *denial;
	int r = 0;

	/* A reader that has gone is no reason to die in place of giving the exit status. */
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; r == 0 && i < 1024; i++) {
		r = nucleus_process_next_denial(process, &denial);
		if (r < 0)
			break;
		tell(d, denial);
		remember(d, denial);
	}
	return r != -ENODATA;
}

static void put_likely(FILE *out, const nucleus_denial *d)
{
	fputs("  ", out);
	put_head(out, d);
	fprintf(out, "\n    rule: %s%s%s%s\n", attr(d, "rule"), *attr(d, "origin") ? " (" : "",
		attr(d, "origin"), *attr(d, "origin") ? ")" : "");
	if (*attr(d, "fix"))
		fprintf(out, "    to allow it: %s\n", attr(d, "fix"));
}

/* The exit status is waited for, too: a standard error that the program has filled does not hold it up. */
void cli_denials_print_likely(const struct cli_denials *d)
{
	const struct cli_denials to = { .file = -1 };
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *out;

	if (!d->likely[0] && !d->slight)
		return;
	out = open_memstream(&text, &len);
	if (!out)
		return;
	if (d->likely[0]) {
		fputs("nucleus: most likely why it failed, the last first:\n", out);
	} else {
		fputs("nucleus: refused, though most programs live without it:\n  ", out);
		put_head(out, d->slight);
		putc('\n', out);
	}
	for (size_t i = 0; i < CLI_LIKELY && d->likely[i]; i++)
		put_likely(out, d->likely[i]);
	if (fclose(out) == 0)
		put(&to, text, len);
}
