/* SPDX-License-Identifier: MIT */
/* See check_sandbox.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <link.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check_sandbox.h"

#define KEPT 65536 /* bytes of each stream */
#define MARK "--sandboxed-body"
#define PROGRAM "/opt/test/program" /* where this program is for its bodies; its libraries are beside it */
#define LIBRARIES "/opt/test/lib"

/* What the fixture made, and in which process: a fork of it must leave all of that alone. */
static struct {
	pid_t owner;
	nucleus_policy *policy;
	nucleus_sandbox *sandbox;
	sandboxed *started;
} fixture;

static bool has_main; /* sandbox_main() was called */

/* ---- the fixture ----------------------------------------------------------------------------------- */

/* Fails the test with what the library says. Does not come back then. */
static void must(int r, const char *what, nucleus_error *error)
{
	static char text[1024]; /* the assertion does not come back to free anything */
	const char *hint = error ? nucleus_error_hint(error) : NULL;

	if (r >= 0)
		return;
	snprintf(text, sizeof(text), "%s: %s%s%s", what,
		 error ? nucleus_error_message(error) : strerror(-r), hint ? "; " : "", hint ? hint : "");
	nucleus_error_free(error);
	ck_abort_msg("%s", text);
}

static void set(nucleus_policy *policy, const char *key, const char *value)
{
	nucleus_error *error = NULL;
	int r = nucleus_policy_set(policy, key, value, &error);

	must(r, key, error);
}

void sandbox_setup(void)
{
	static const char *const none[] = { NULL };

	sandbox_setup_with(none);
}

void sandbox_setup_with(const char *const *options)
{
	nucleus_error *error = NULL;
	int r;

	/* With CK_FORK=no a setup that failed has had no teardown. */
	sandbox_teardown();
	memset(&fixture, 0, sizeof(fixture));
	fixture.owner = getpid();
	must(nucleus_policy_new(&fixture.policy), "policy", NULL);
	set(fixture.policy, "mode", "strict-agent");
	set(fixture.policy, "limits.timeout", "10s");
	set(fixture.policy, "security.observe", "all");
	for (; *options; options++) {
		const char *equals = strchr(*options, '=');
		char key[64];

		ck_assert_msg(equals && (size_t)(equals - *options) < sizeof(key), "option %s", *options);
		snprintf(key, sizeof(key), "%.*s", (int)(equals - *options), *options);
		set(fixture.policy, key, equals + 1);
	}
	must(nucleus_sandbox_new(&fixture.sandbox), "sandbox", NULL);
	r = nucleus_sandbox_apply_policy(fixture.sandbox, fixture.policy, &error);
	must(r, "sandbox", error);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void sandbox_teardown(void)
{
	sandboxed *s;

	if (fixture.owner != getpid())
		return;
	while ((s = fixture.started)) {
		fixture.started = s->next;
		nucleus_process_close(s->process); /* ends it, if it runs */
		for (size_t i = 0; i < s->n_denials; i++)
			nucleus_denial_free(s->denials[i]);
		close_fd(&s->out_fd);
		close_fd(&s->err_fd);
		free(s->denials);
		free(s->out);
		free(s->err);
		free(s);
	}
	nucleus_sandbox_free(fixture.sandbox);
	nucleus_policy_free(fixture.policy);
	fixture.sandbox = NULL;
	fixture.policy = NULL;
	fixture.owner = 0;
}

/* ---- programs -------------------------------------------------------------------------------------- */

static sandboxed *start(nucleus_sandbox *sandbox, const char *const *argv)
{
	sandboxed *s;
	nucleus_error *error = NULL;
	int out[2] = { -1, -1 }, err[2] = { -1, -1 }, r;

	ck_assert_msg(fixture.owner, "there is no sandbox: is sandbox_setup the test's fixture?");
	s = calloc(1, sizeof(*s));
	ck_assert_ptr_nonnull(s);
	s->out_fd = s->err_fd = -1;
	s->next = fixture.started;
	fixture.started = s;
	s->out = calloc(1, KEPT + 1);
	s->err = calloc(1, KEPT + 1);
	ck_assert(s->out && s->err);

	r = pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0 ? -errno : 0;
	s->out_fd = out[0];
	s->err_fd = err[0];
	if (r == 0)
		r = nucleus_sandbox_set_stdio(sandbox, NUCLEUS_STDIO_NULL, out[1], err[1]);
	if (r == 0)
		r = nucleus_sandbox_spawn(sandbox, argv, &s->process, &error);
	close_fd(&out[1]);
	close_fd(&err[1]);
	must(r, argv[0], error);
	return s;
}

sandboxed *sandbox_start(const char *const *argv)
{
	return start(fixture.sandbox, argv);
}

static void take_output(int *fd, char *text, size_t *size)
{
	char rest[KEPT];
	size_t room = *size < KEPT ? KEPT - *size : 0;
	ssize_t n = room ? read(*fd, text + *size, room) : read(*fd, rest, sizeof(rest));

	if (n > 0)
		*size += (size_t)n;
	else if (n == 0 || errno != EINTR)
		close_fd(fd);
}

/* Whether more may come. */
static bool take_denials(sandboxed *s)
{
	nucleus_denial *denial, **more;
	int r;

	while ((r = nucleus_process_next_denial(s->process, &denial)) == 0) {
		more = realloc(s->denials, (s->n_denials + 1) * sizeof(nucleus_denial *));
		if (!more)
			nucleus_denial_free(denial);
		ck_assert_ptr_nonnull(more);
		s->denials = more;
		s->denials[s->n_denials++] = denial;
	}
	return r == -EAGAIN;
}

void sandbox_finish(sandboxed *s)
{
	int denial_fd = nucleus_process_denial_fd(s->process), r;
	nucleus_error *error = NULL;

	/* Both pipes at once, or it could wait for a reader of the other. The end of them is its end. */
	while (s->out_fd >= 0 || s->err_fd >= 0 || denial_fd >= 0) {
		struct pollfd fds[] = { { .fd = s->out_fd, .events = POLLIN },
					{ .fd = s->err_fd, .events = POLLIN },
					{ .fd = denial_fd, .events = POLLIN } };

		if (poll(fds, 3, -1) < 0) {
			ck_assert_int_eq(errno, EINTR);
			continue;
		}
		if (fds[0].revents)
			take_output(&s->out_fd, s->out, &s->out_size);
		if (fds[1].revents)
			take_output(&s->err_fd, s->err, &s->err_size);
		if (fds[2].revents && !take_denials(s))
			denial_fd = -1;
	}
	r = nucleus_process_wait(s->process, -1, &s->outcome, &s->code, &error);
	must(r, "wait", error);
}

sandboxed *sandbox_run(const char *const *argv)
{
	sandboxed *s = sandbox_start(argv);

	sandbox_finish(s);
	return s;
}

/* ---- bodies ---------------------------------------------------------------------------------------- */

/*
 * A body is named to the program in the sandbox by its distance from this object: the kernel loads both
 * elsewhere there, but not apart from each other, as they are in one file.
 */
static const char anchor = 0;

static int run_here(const TTest *body)
{
	Suite *suite = suite_create(body->name);
	TCase *t = tcase_create(body->name);
	SRunner *runner = srunner_create(suite);
	TestResult **results;
	int failed;

	tcase_add_test(t, body);
	suite_add_tcase(suite, t);
	/* The time limit is the sandbox's. */
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	results = srunner_failures(runner);
	for (int i = 0; i < failed; i++)
		fprintf(stderr, "%s:%d: %s\n", tr_lfile(results[i]), tr_lno(results[i]), tr_msg(results[i]));
	free(results);
	srunner_free(runner);
	return failed > 0;
}

void sandbox_main(int argc, char **argv)
{
	has_main = true;
	if (argc == 3 && strcmp(argv[1], MARK) == 0)
		exit(run_here((const TTest *)((uintptr_t)&anchor + strtoull(argv[2], NULL, 10))));
}

static void bind_read_only(nucleus_policy *policy, const char *from, const char *to)
{
	char volume[2 * PATH_MAX];
	nucleus_error *error = NULL;
	int r;

	snprintf(volume, sizeof(volume), "%s:%s:ro", from, to);
	r = nucleus_policy_add(policy, "volumes", volume, &error);
	must(r, volume, error);
}

/* A library of this program that is not the system's: the sandbox does not have it by itself. */
static int bind_library(struct dl_phdr_info *info, size_t size, void *policy)
{
	char *path = realpath(info->dlpi_name, NULL);
	const char *name = strrchr(info->dlpi_name, '/');
	char to[PATH_MAX];

	(void)size;
	if (path && name && strncmp(path, "/usr/", 5) != 0) {
		snprintf(to, sizeof(to), "%s%s", LIBRARIES, name);
		bind_read_only(policy, path, to);
	}
	free(path);
	return 0;
}

sandboxed *sandbox_run_body(const TTest *body)
{
	nucleus_policy *policy = NULL;
	nucleus_sandbox *sandbox = NULL;
	nucleus_error *error = NULL;
	char self[PATH_MAX] = "", distance[24];
	sandboxed *s;
	int r;

	ck_assert_msg(has_main, "main() does not begin with sandbox_main(argc, argv)");
	ck_assert_int_gt(readlink("/proc/self/exe", self, sizeof(self) - 1), 0);
	snprintf(distance, sizeof(distance), "%llu",
		 (unsigned long long)((uintptr_t)body - (uintptr_t)&anchor));

	must(nucleus_policy_copy(fixture.policy, &policy), "policy", NULL);
	bind_read_only(policy, self, PROGRAM);
	dl_iterate_phdr(bind_library, policy);
	must(nucleus_policy_add(policy, "env", "LD_LIBRARY_PATH=" LIBRARIES, NULL), "env", NULL);
	/* LeakSanitizer, if this is built with it, needs ptrace(2), which the sandbox refuses. */
	must(nucleus_policy_add(policy, "env", "ASAN_OPTIONS=detect_leaks=0", NULL), "env", NULL);
	must(nucleus_sandbox_new(&sandbox), "sandbox", NULL);
	r = nucleus_sandbox_apply_policy(sandbox, policy, &error);
	must(r, "sandbox", error);
	nucleus_policy_free(policy);
	s = start(sandbox, (const char *const[]){ PROGRAM, MARK, distance, NULL });
	nucleus_sandbox_free(sandbox);
	sandbox_finish(s);
	return s;
}

/* The tests that Check knows, one to each body: found by the loop variable that it calls them with. */
static struct {
	TTest test;
	const TTest *body;
} wrappers[256];
static int n_wrappers;

static void run_wrapped(int i)
{
	sandboxed *s = sandbox_run_body(wrappers[i].body);

	ck_assert_msg(s->outcome == NUCLEUS_OUTCOME_EXITED && s->code == 0, "in the sandbox: %s",
		      sandbox_describe(s));
}

void tcase_add_sandboxed_test(TCase *t, const TTest *body)
{
	if (n_wrappers == sizeof(wrappers) / sizeof(wrappers[0]))
		abort(); /* make it larger */
	wrappers[n_wrappers].body = body;
	wrappers[n_wrappers].test = (TTest){ body->name, run_wrapped, body->file, body->line };
	tcase_add_loop_test(t, &wrappers[n_wrappers].test, n_wrappers, n_wrappers + 1);
	n_wrappers++;
}

/* ---- assertions ------------------------------------------------------------------------------------ */

static const char *attr(const nucleus_denial *denial, const char *name)
{
	const char *value = nucleus_denial_attr(denial, name);

	return value ? value : "";
}

bool sandbox_refused(const sandboxed *s, const char *pattern)
{
	for (size_t i = 0; i < s->n_denials; i++) {
		const nucleus_denial *d = s->denials[i];
		char query[PATH_MAX + 64];

		if (strcmp(pattern, "*") == 0 && strcmp(attr(d, "weight"), "low") == 0)
			continue;
		snprintf(query, sizeof(query), "%s:%s", attr(d, "operation"), attr(d, "target"));
		if (fnmatch(pattern, query, FNM_NOESCAPE) == 0)
			return true;
	}
	return false;
}

const char *sandbox_describe(const sandboxed *s)
{
	static const char *const outcomes[] = { "runs",	    "exited", "ended by signal",
						"timed out", "killed", "out of memory" };
	static char text[4096]; /* Check's own message must fit into a pipe's buffer */
	size_t n;

	n = (size_t)snprintf(text, sizeof(text), "%s %d; stdout: %.1000s; stderr: %.1000s",
			     (size_t)s->outcome < 6 ? outcomes[s->outcome] : "?", s->code, s->out, s->err);
	for (size_t i = 0; i < s->n_denials && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s:%s (%s, %s)",
				      i ? ", " : "; refused: ", attr(s->denials[i], "operation"),
				      attr(s->denials[i], "target"), attr(s->denials[i], "layer"),
				      attr(s->denials[i], "errno"));
	return text;
}
