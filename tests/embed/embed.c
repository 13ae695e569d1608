/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "embed.h"

extern char **environ;

nucleus_sandbox *make_sandbox(const char *const *options)
{
	nucleus_policy *policy;
	nucleus_sandbox *sandbox;
	nucleus_error *e = NULL;
	bool has_mode = false;

	ck_assert_int_eq(nucleus_policy_new(&policy), 0);
	for (; *options; options++) {
		char key[64];
		const char *value = strchr(*options, '=') + 1;
		int r;

		snprintf(key, sizeof(key), "%.*s", (int)(value - 1 - *options), *options);
		has_mode |= !strcmp(key, "mode");
		r = nucleus_policy_set(policy, key, value, &e);
		ck_assert_msg(r == 0, "%s: %s", *options, e ? nucleus_error_message(e) : "?");
	}
	if (!has_mode)
		ck_assert_int_eq(nucleus_policy_set(policy, "mode", "strict-agent", NULL), 0);
	ck_assert_int_eq(nucleus_sandbox_new(&sandbox), 0);
	ck_assert_msg(nucleus_sandbox_apply_policy(sandbox, policy, &e) == 0, "apply: %s",
		      e ? nucleus_error_message(e) : "?");
	nucleus_policy_free(policy);
	return sandbox;
}

nucleus_process *spawn(nucleus_sandbox *s, const char *const *argv)
{
	nucleus_process *p = NULL;
	nucleus_error *e = NULL;
	int r = nucleus_sandbox_spawn(s, argv, &p, &e);

	ck_assert_msg(r == 0, "spawn: %d %s", r, e ? nucleus_error_message(e) : "?");
	return p;
}

void expect(nucleus_process *p, int outcome, int code)
{
	int o = -1, c = -1;

	ck_assert_int_eq(nucleus_process_wait(p, -1, &o, &c, NULL), 0);
	nucleus_process_close(p);
	ck_assert_int_eq(o, outcome);
	ck_assert_int_eq(c, code);
}

void make_pipe(int ret_fds[2])
{
	ck_assert_int_eq(pipe2(ret_fds, O_CLOEXEC), 0);
}

char *read_all(int fd)
{
	static __thread char text[4096];
	size_t have = 0;
	ssize_t n;

	while ((n = read(fd, text + have, sizeof(text) - 1 - have)) > 0)
		have += (size_t)n;
	ck_assert_int_eq(n, 0);
	text[have] = '\0';
	close(fd);
	return text;
}

void on_signal(int sig)
{
	(void)sig;
}

int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void *own_number(void)
{
	return (void *)(intptr_t)gettid();
}

void join_thread(pthread_t thread)
{
	const int64_t start = now_ms();
	char path[64];
	void *number;

	ck_assert_int_eq(pthread_join(thread, &number), 0);
	snprintf(path, sizeof(path), "/proc/self/task/%d", (int)(intptr_t)number);
	while (access(path, F_OK) == 0) {
		ck_assert_int_lt(now_ms() - start, 30000);
		poll(NULL, 0, 1);
	}
}

/* ---- the caller, described ------------------------------------------------------------------------- */

/* Lines of a file that begin with one of the words; all of them if there are no words. */
static void add_file(FILE *out, const char *path, const char *const *words)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;

	ck_assert_ptr_nonnull(f);
	while (getline(&line, &size, f) > 0) {
		bool wanted = !words;

		for (size_t i = 0; words && words[i]; i++)
			wanted |= !strncmp(line, words[i], strlen(words[i]));
		if (wanted)
			fprintf(out, "%s: %s", path, line);
	}
	free(line);
	fclose(f);
}

static void add_links(FILE *out, const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d))) {
		char target[4096];
		ssize_t n = readlinkat(dirfd(d), e->d_name, target, sizeof(target));

		if (n < 0 || atoi(e->d_name) == dirfd(d))
			continue;
		fprintf(out, "%s/%s -> %.*s", dir, e->d_name, (int)n, target);
		if (strstr(dir, "/fd"))
			fprintf(out, " flags %d", fcntl(atoi(e->d_name), F_GETFD));
		fputc('\n', out);
	}
	closedir(d);
}

char *describe_self(void)
{
	/* Not the signals that are pending for the process, nor the context switches. */
	static const char *const status[] = { "Name", "Umask",	 "Tgid",    "Uid",  "Gid",	  "Groups",
					      "NSpid", "Threads", "SigBlk",  "SigIgn", "SigCgt",  "Cap",
					      "NoNew", "Seccomp", "TracerPid", NULL };
	char *text, *cwd = getcwd(NULL, 0);
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int death = -1, subreaper = -1;

	ck_assert_ptr_nonnull(out);
	fprintf(out, "cwd %s\n", cwd);
	for (char **e = environ; *e; e++)
		fprintf(out, "env %s\n", *e);
	for (int sig = 1; sig < 65; sig++) {
		struct sigaction a;

		if (sigaction(sig, NULL, &a) == 0)
			fprintf(out, "signal %d %p %#x\n", sig, (void *)a.sa_handler, a.sa_flags);
	}
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit l;

		ck_assert_int_eq(getrlimit((__rlimit_resource_t)i, &l), 0);
		fprintf(out, "rlimit %d %ju %ju\n", i, (uintmax_t)l.rlim_cur, (uintmax_t)l.rlim_max);
	}
	prctl(PR_GET_PDEATHSIG, &death);
	prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
	fprintf(out, "dumpable %d keepcaps %d securebits %d deathsig %d subreaper %d sid %d pgid %d\n",
		prctl(PR_GET_DUMPABLE), prctl(PR_GET_KEEPCAPS), prctl(PR_GET_SECUREBITS), death,
		subreaper, getsid(0), getpgid(0));
	add_file(out, "/proc/self/status", status);
	add_file(out, "/proc/self/mountinfo", NULL);
	add_file(out, "/proc/thread-self/children", NULL);
	add_file(out, "/proc/self/oom_score_adj", NULL);
	add_links(out, "/proc/self/ns");
	add_links(out, "/proc/self/fd");
	fclose(out);
	free(cwd);
	return text;
}

void expect_self(char *before)
{
	char *after = describe_self(), *a = after, *b = before;

	while (*a && *a == *b) {
		a++;
		b++;
	}
	if (*a || *b) {
		while (a > after && a[-1] != '\n') {
			a--;
			b--;
		}
		ck_abort_msg("was '%.*s', is '%.*s'", (int)strcspn(b, "\n"), b, (int)strcspn(a, "\n"),
			     a);
	}
	free(after);
	free(before);
}

void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}
