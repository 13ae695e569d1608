/* SPDX-License-Identifier: MIT */
/* Where and how the command runs. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/random.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

#define SEED_SIZE 64
#define CGROUPS "/sys/fs/cgroup"
#define ROOT_LEAF CGROUPS "/system.slice/run"
#define TESTER_LEAF TESTER_SERVICE "/app.slice/run.scope"

/* ---- cgroups, where there is no systemd to make them ------------------------------------------- */

static void cgroup_enable_all(const char *group)
{
	char controllers[256], *name, *rest;

	if (read_file(text("%s/cgroup.controllers", group), controllers, sizeof(controllers)) < 0)
		die("controllers of %s", group);
	for (name = strtok_r(controllers, " \n", &rest); name; name = strtok_r(NULL, " \n", &rest))
		write_or_die(text("%s/cgroup.subtree_control", group), text("+%s", name));
}

/* Gives a group away as systemd does it: the directory, and the files that move and enable. */
static void cgroup_delegate(const char *group)
{
	static const char *const files[] = { ".", "cgroup.procs", "cgroup.threads",
					     "cgroup.subtree_control" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (chown(text("%s/%s", group, files[i]), TESTER_UID, TESTER_UID) < 0)
			die("chown %s of %s", files[i], group);
}

void cgroups_make(void)
{
	static const char *const inner[] = { CGROUPS, CGROUPS "/system.slice", CGROUPS "/user.slice",
					     TESTER_SLICE, TESTER_SERVICE,
					     TESTER_SERVICE "/app.slice" };

	make_dirs(CGROUPS "/init.scope");
	write_or_die(CGROUPS "/init.scope/cgroup.procs", "1");
	for (size_t i = 0; i < sizeof(inner) / sizeof(inner[0]); i++) {
		make_dirs(inner[i]);
		cgroup_enable_all(inner[i]);
	}
	make_dirs(ROOT_LEAF);
	make_dirs(TESTER_LEAF);
	cgroup_delegate(TESTER_SERVICE);
	cgroup_delegate(TESTER_SERVICE "/app.slice");
	cgroup_delegate(TESTER_LEAF);
}

/* ---- what a restored machine must not share with its twins -------------------------------------- */

void job_clock_and_seed(const struct job *job)
{
	struct rand_pool_info *pool = calloc(1, sizeof(*pool) + SEED_SIZE);
	unsigned char *bytes = (unsigned char *)(pool + 1);
	struct timespec now = { 0 };
	int fd;

	if (sscanf(job->clock, "%ld.%9ld", &now.tv_sec, &now.tv_nsec) != 2 ||
	    clock_settime(CLOCK_REALTIME, &now) < 0)
		die("set the clock to %s", job->clock);
	if (!pool || strlen(job->seed) != 2 * SEED_SIZE)
		die("the seed");
	for (size_t i = 0; i < SEED_SIZE; i++)
		if (sscanf(job->seed + 2 * i, "%2hhx", &bytes[i]) != 1)
			die("the seed");
	pool->entropy_count = 8 * SEED_SIZE;
	pool->buf_size = SEED_SIZE;
	fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, RNDADDENTROPY, pool) < 0 || ioctl(fd, RNDRESEEDCRNG) < 0)
		die("seed /dev/urandom");
	close(fd);
	free(pool);
}

/* ---- the command ------------------------------------------------------------------------------- */

__attribute__((noreturn)) static void fail(const char *what)
{
	fprintf(stderr, "vm: %s: %s\n", what, strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* systemd puts its own variables into the words of a command. */
static char *dollars_doubled(const char *word)
{
	char *result = calloc(2, strlen(word) + 1), *p = result;

	if (!result)
		die("memory");
	for (; *word; word++) {
		if (*word == '$')
			*p++ = '$';
		*p++ = *word;
	}
	return result;
}

/* Where a unit's end is noted: systemd-run has no number of its own for a signal. */
static const char *end_file(const struct job *job)
{
	return job->uid ? text("/run/user/%u/vm-end", job->uid) : "/run/vm-end";
}

/* As a shell would say it: 128 and the signal. Where nothing was noted, what systemd-run said. */
static int unit_status(const struct job *job, int status)
{
	char code[16], what[16];
	FILE *f = fopen(end_file(job), "re");

	if (!f)
		return status;
	if (fscanf(f, "%15s %15s", code, what) == 2) {
		status = atoi(what);
		for (int sig = 1; strcmp(code, "exited") && sig < 32; sig++)
			if (sigabbrev_np(sig) && !strcmp(sigabbrev_np(sig), what))
				status = 128 + sig;
	}
	fclose(f);
	return status;
}

/* Whether execvp() would find the word; systemd-run exits with 1 where it does not. */
static bool is_there(const char *word)
{
	const char *path = GUEST_PATH;

	if (strchr(word, '/'))
		return access(word, F_OK) == 0;
	for (; *path; path += strspn(path, ":")) {
		size_t n = strcspn(path, ":");

		if (access(text("%.*s/%s", (int)n, path, word), F_OK) == 0)
			return true;
		path += n;
	}
	return false;
}

/* A unit of the system's or of the user's manager, whose group is delegated to the command. */
static char **systemd_words(const struct job *job)
{
	static const char *const handed[] = { "PATH", "HOME", "LANG", "TERM" };
	size_t n = 0, n_env = 0, n_argv = 0;
	char **words;

	while (job->env[n_env])
		n_env++;
	while (job->argv[n_argv])
		n_argv++;
	words = calloc(n_env + n_argv + 24, sizeof(char *));
	if (!words)
		die("memory");
	words[n++] = "systemd-run";
	if (job->uid)
		words[n++] = "--user";
	words[n++] = "--pipe";
	words[n++] = "--wait";
	words[n++] = "--collect";
	words[n++] = "--quiet";
	words[n++] = "--property=Delegate=yes";
	words[n++] = text("--property=ExecStopPost=/bin/sh -c 'echo $$EXIT_CODE $$EXIT_STATUS >%s'",
			  end_file(job));
	words[n++] = text("--working-directory=%s", job->directory);
	for (size_t i = 0; i < sizeof(handed) / sizeof(handed[0]); i++)
		words[n++] = text("--setenv=%s", handed[i]);
	for (size_t i = 0; i < n_env; i++)
		words[n++] = text("--setenv=%s", job->env[i]);
	words[n++] = "--";
	/* No shell around it: nobody else may be in a group whose controllers the command enables below. */
	for (size_t i = 0; i < n_argv; i++)
		words[n++] = dollars_doubled(job->argv[i]);
	return words;
}

__attribute__((noreturn)) static void become_command(const struct job *job, int output, bool systemd)
{
	struct rlimit files = { 1024, 524288 };
	char **words = job->argv;
	uid_t uid = job->uid;
	sigset_t none;
	int null;

	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	null = open("/dev/null", O_RDONLY);
	if (null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
		fail("standard streams");
	close_range(3, ~0U, 0);
	if (!systemd && write_file(text("%s/cgroup.procs", uid ? TESTER_LEAF : ROOT_LEAF), "0") < 0)
		fail("enter the cgroup");
	if (!systemd)
		setrlimit(RLIMIT_NOFILE, &files);

	clearenv();
	setenv("PATH", GUEST_PATH, 1);
	setenv("HOME", uid ? "/home/tester" : "/root", 1);
	setenv("LANG", "C.UTF-8", 1);
	setenv("TERM", "dumb", 1);
	if (systemd) {
		const char *runtime = text("/run/user/%u", uid);

		words = systemd_words(job);
		if (uid) {
			setenv("XDG_RUNTIME_DIR", runtime, 1);
			setenv("DBUS_SESSION_BUS_ADDRESS", text("unix:path=%s/bus", runtime), 1);
		}
	} else {
		for (size_t i = 0; job->env[i]; i++)
			putenv(job->env[i]);
	}
	if (uid && (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
		    setresuid(uid, uid, uid) < 0))
		fail("become the user");
	if (chdir(job->directory) < 0)
		fail(job->directory);
	if (systemd && !is_there(job->argv[0])) {
		errno = ENOENT;
		fail(job->argv[0]);
	}
	execvp(words[0], words);
	fail(words[0]);
}

/* Hands on what is there; false at the end of the pipe, or when nothing is there now. */
static bool hand_on(int from, int port)
{
	static char data[65536];
	ssize_t n = read(from, data, sizeof(data));

	if (n > 0)
		port_send(port, 'o', data, (size_t)n);
	return n > 0;
}

/* Reaps whatever ends, as the first process has to; true if it was the command. */
static bool reap(pid_t command, int *ret_status)
{
	bool done = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != command)
			continue;
		*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		done = true;
	}
	return done;
}

int job_run(const struct job *job, int port, bool systemd)
{
	struct signalfd_siginfo info;
	struct pollfd polled[2];
	int output[2], status = 125, signals;
	sigset_t children;
	pid_t pid;

	/* A pipe and not the port: what a command's output usually is, for whoever looks at it. */
	if (pipe2(output, O_CLOEXEC) < 0)
		die("pipe");
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_BLOCK, &children, NULL);
	signals = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
	pid = fork();
	if (pid < 0 || signals < 0)
		die("fork");
	if (pid == 0)
		become_command(job, output[1], systemd);
	close(output[1]);
	fcntl(output[0], F_SETFL, O_NONBLOCK);

	polled[0] = (struct pollfd){ .fd = signals, .events = POLLIN };
	polled[1] = (struct pollfd){ .fd = output[0], .events = POLLIN };
	while (poll(polled, 2, -1) >= 0 || errno == EINTR) {
		if (polled[1].revents && !hand_on(output[0], port) && polled[1].revents & POLLHUP)
			polled[1].fd = -1;
		if (polled[0].revents && read(signals, &info, sizeof(info)) > 0 && reap(pid, &status))
			break;
	}
	/* What the command left behind may hold the pipe, and is not waited for. */
	while (hand_on(output[0], port))
		;
	return systemd ? unit_status(job, status) : status;
}
