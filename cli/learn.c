/* SPDX-License-Identifier: MIT */
/* nucleus seccomp generate, policy generate: from traces to policy files. */
#include <fcntl.h>
#include <sys/stat.h>

#include "cli.h"

static int write_all(int fd, const char *text)
{
	size_t len = strlen(text), done = 0;

	while (done < len) {
		ssize_t n = write(fd, text + done, len - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/* Whoever reads the file finds the old one or the new one, never a part. */
static int replace(const char *path, const char *text)
{
	_cleanup_free_ char *name = NULL;
	_cleanup_close_ int fd = -1;
	struct stat st;
	mode_t mask;
	int r;

	/* Nor is a device or a pipe replaced by a file. */
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EEXIST;
	if (asprintf(&name, "%s.XXXXXX", path) < 0) {
		name = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	mask = umask(0);
	umask(mask);
	r = write_all(fd, text);
	if (r == 0 && (fchmod(fd, 0666 & ~mask) < 0 || rename(name, path) < 0))
		r = -errno;
	if (r < 0)
		unlink(name);
	return r;
}

static int put(const struct cli_args *args, const char *text, const char *notes)
{
	int r;

	if (args->output) {
		r = replace(args->output, text);
		if (r < 0)
			return cli_fail(r, NULL, "cannot write %s: %s", args->output, strerror(-r));
	} else {
		fputs(text, stdout);
		r = cli_flush();
		if (r)
			return r;
	}
	while (!args->quiet && *notes) {
		int len = (int)strcspn(notes, "\n");

		cli_say("nucleus: note: %.*s", len, notes);
		notes += len;
		notes += *notes == '\n';
	}
	return 0;
}

static int need_traces(const struct cli_args *args)
{
	if (args->n_operands)
		return 0;
	return cli_fail(-EINVAL, "`nucleus run --learn TRACE -- PROGRAM` makes one",
			"no trace to learn from");
}

int cli_policy_generate(const struct cli_args *args)
{
	_cleanup_string_ char *text = NULL, *notes = NULL;
	_cleanup_error_ nucleus_error *error = NULL;
	int r = need_traces(args);

	if (r)
		return r;
	r = nucleus_landlock_generate((const char *const *)args->operands, &text, &notes, &error);
	return r < 0 ? cli_fail_library(r, error) : put(args, text, notes);
}

int cli_seccomp_generate(const struct cli_args *args)
{
	_cleanup_free_ const char **options = calloc(args->n_dangerous + 2, sizeof(*options));
	_cleanup_string_ char *text = NULL, *notes = NULL;
	_cleanup_error_ nucleus_error *error = NULL;
	size_t n = 0;
	int r = need_traces(args);

	if (r)
		return r;
	if (!options)
		return cli_fail(-ENOMEM, NULL, "out of memory");
	for (size_t i = 0; r >= 0 && i < args->n_dangerous + 1; i++) {
		const char *value = i ? args->dangerous[i - 1] : args->base;
		char *option;

		if (!value)
			continue;
		r = asprintf(&option, "%s=%s", i ? "allow-dangerous" : "base", value);
		if (r >= 0)
			options[n++] = option;
	}
	r = r < 0 ? -ENOMEM
		  : nucleus_seccomp_generate((const char *const *)args->operands, options, &text,
					     &notes, &error);
	while (n)
		free((char *)options[--n]);
	return r < 0 ? cli_fail_library(r, error) : put(args, text, notes);
}
