/* SPDX-License-Identifier: MIT */
/* nucleus run: starts the program, passes signals on, and ends as it ended. */
#include <poll.h>
#include <signal.h>
#include <strings.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>

#include "cli.h"

/*
 * The sandbox has a session of its own, so that nothing in it can touch the caller's terminal. What
 * the terminal or a supervisor sends reaches this process only, and is passed on.
 */
static const int forwarded[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH };

/*
 * A program may make use of SIGINT, as an interpreter's prompt does: one alone, or one a second,
 * does not kill. Whoever asks this often within this time means it.
 */
#define INSIST_COUNT 3
#define INSIST_MS 1000

struct insistence {
	int64_t at_ms[INSIST_COUNT]; /* a ring */
	size_t n;
};

static void forwarded_set(sigset_t *ret)
{
	sigemptyset(ret);
	for (size_t i = 0; i < CLI_ARRAY_SIZE(forwarded); i++) {
		struct sigaction action;

		/* Ignored by the caller's wish (nohup, a shell's background job): it stays so. */
		if (sigaction(forwarded[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(ret, forwarded[i]);
	}
}

static bool insists(struct insistence *s)
{
	struct timespec t;
	int64_t now;

	clock_gettime(CLOCK_MONOTONIC, &t);
	now = t.tv_sec * 1000 + t.tv_nsec / 1000000;
	s->at_ms[s->n++ % INSIST_COUNT] = now;
	return s->n >= INSIST_COUNT && now - s->at_ms[s->n % INSIST_COUNT] <= INSIST_MS;
}

static void forward(nucleus_process *process, int signals, struct insistence *insistence)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	/* -ESRCH: it has ended, as the pidfd will say. */
	if ((info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM) && insists(insistence))
		nucleus_process_signal(process, SIGKILL);
	else
		nucleus_process_signal(process, (int)info.ssi_signo);
}

/* Until the sandbox has ended; if poll() fails, nucleus_process_wait() will see to that. */
static void attend(nucleus_process *process, int signals, struct cli_denials *denials)
{
	struct insistence insistence = { 0 };
	struct pollfd fds[] = {
		{ .fd = nucleus_process_pidfd(process), .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
		{ .fd = nucleus_process_denial_fd(process), .events = POLLIN },
	};

	for (;;) {
		if (poll(fds, CLI_ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return;
		if (fds[0].revents)
			return;
		if (fds[1].revents)
			forward(process, signals, &insistence);
		if (fds[2].revents && !cli_denials_read(denials, process))
			fds[2].fd = -1;
	}
}

static int finish(nucleus_process *process, struct cli_denials *denials, bool quiet, int64_t *ret_ended)
{
	_cleanup_error_ nucleus_error *error = NULL;
	int outcome, code, status, r;

	r = nucleus_process_wait(process, -1, &outcome, &code, &error);
	if (ret_ended)
		*ret_ended = cli_now_ns();
	cli_denials_read(denials, process);
	if (r < 0) {
		/* It ran, but its workspace could not be carried back: not refused, nor well. */
		if (!error)
			return cli_fail_library(r, NULL);
		cli_print_error(error);
		cli_status_ended(process, denials, "failed", 0, CLI_EXIT_REFUSED, error);
		return CLI_EXIT_REFUSED;
	}
	switch (outcome) {
	case NUCLEUS_OUTCOME_EXITED:
		cli_status_ended(process, denials, "exited", code, code, NULL);
		return code;
	case NUCLEUS_OUTCOME_SIGNALLED:
		status = CLI_EXIT_SIGNAL + code;
		cli_status_ended(process, denials, "signalled", code, status, NULL);
		return status;
	case NUCLEUS_OUTCOME_OOM:
		if (!quiet)
			cli_warn("the sandbox was ended: it reached limits.memory");
		status = CLI_EXIT_SIGNAL + code;
		cli_status_ended(process, denials, "oom", code, status, NULL);
		return status;
	case NUCLEUS_OUTCOME_TIMEOUT:
		cli_status_ended(process, denials, "timeout", code, CLI_EXIT_TIMEOUT, NULL);
		return CLI_EXIT_TIMEOUT;
	default:
		/* Killed from outside: by SIGKILL unless it is known better. */
		status = CLI_EXIT_SIGNAL + (code ? code : SIGKILL);
		cli_status_ended(process, denials, "killed", code, status, NULL);
		return status;
	}
}

static int check_plan(const nucleus_sandbox *sandbox, const char *required)
{
	_cleanup_string_ char *hash = NULL;
	int r;

	r = nucleus_sandbox_hash(sandbox, &hash);
	if (r < 0)
		return cli_fail_library(r, NULL);
	if (strcasecmp(hash, required) != 0)
		return cli_fail(-EPERM,
				"compare the plans: `nucleus explain` with the same options",
				"the plan is not the required one: it is %s, --require-plan is %s",
				hash, required);
	return 0;
}

/* Whether the sandbox's user is this one on the host: it may open anew what is that one's, by its mode. */
static bool is_sandboxs(const nucleus_sandbox *sandbox, uid_t uid)
{
	static const char key[] = "\"host_uid\":";
	_cleanup_string_ char *plan = NULL;
	const char *at;

	if (nucleus_sandbox_explain(sandbox, "json", &plan) < 0)
		return true;
	at = strstr(plan, key);
	return !at || strtoul(at + strlen(key), NULL, 10) == uid;
}

/*
 * Whether the program could write into a pipe that our parent may read from: a shell that reads its script or the lines of
 * a loop there. It is opened anew through /proc/self/fd/0, which Landlock does not restrict.
 */
static bool shares_input(const nucleus_sandbox *sandbox)
{
	char path[32];
	struct stat own, parents;

	snprintf(path, sizeof(path), "/proc/%d/fd/0", (int)getppid());
	return fstat(STDIN_FILENO, &own) == 0 && S_ISFIFO(own.st_mode) && stat(path, &parents) == 0 &&
	       own.st_dev == parents.st_dev && own.st_ino == parents.st_ino && is_sandboxs(sandbox, own.st_uid);
}

/* Not from the run that reads it, but from the next one: a plan that is required says what it has to say. */
static int check_config(const nucleus_sandbox *sandbox, const struct cli_args *args)
{
	for (size_t i = 0; i < args->n_configs && !args->require_plan; i++) {
		_cleanup_error_ nucleus_error *error = NULL;
		int r = nucleus_sandbox_check_input(sandbox, args->configs[i], "--config", &error);

		if (r < 0)
			return cli_fail_library(r, error);
		if (r > 0 && !args->quiet)
			cli_say("nucleus: warning: --config: the program could write to %s, and the next run would obey "
				"it; keep it outside of what the program can write to, or use --require-plan",
				args->configs[i]);
	}
	return 0;
}

int cli_run(const struct cli_args *args)
{
	_cleanup_sandbox_ nucleus_sandbox *sandbox = NULL;
	_cleanup_process_ nucleus_process *process = NULL;
	_cleanup_error_ nucleus_error *error = NULL;
	_cleanup_(cli_denials_done) struct cli_denials denials = { .file = -1 };
	const char *warning;
	sigset_t set;
	_cleanup_close_ int signals = -1;
	int64_t started = 0, ended = 0;
	int r;

	if (!args->n_operands)
		return cli_fail(-EINVAL, "nucleus run [OPTIONS] -- PROGRAM [ARGS...]",
				"no program to run");
	r = cli_args_sandbox(args, &sandbox);
	if (!r && args->require_plan)
		r = check_plan(sandbox, args->require_plan);
	if (!r)
		r = check_config(sandbox, args);
	if (!r && args->denials)
		r = cli_denials_open(args->denials, sandbox, &denials);
	if (r)
		return r;
	for (size_t i = 0; !args->quiet && (warning = nucleus_sandbox_warning(sandbox, i)); i++)
		cli_warn(warning);
	if (!args->quiet && shares_input(sandbox))
		cli_warn("standard input is a pipe that the parent process has, too: the program could write into it what "
			 "that one reads next; give </dev/null, or a pipe of its own");

	/* Blocked before the start, so that none is lost between it and the loop. */
	forwarded_set(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (signals < 0)
		return cli_fail(-errno, NULL, "cannot receive signals: %s", strerror(errno));
	nucleus_sandbox_set_timing(sandbox, args->timing);
	if (args->timing)
		started = cli_now_ns();
	r = nucleus_sandbox_spawn(sandbox, (const char *const *)args->operands, &process, &error);
	if (r < 0)
		return cli_fail_library(r, error);
	attend(process, signals, &denials);
	r = finish(process, &denials, args->quiet, args->timing ? &ended : NULL);
	if (r && !args->quiet)
		cli_denials_print_likely(&denials);
	if (args->stats)
		cli_print_stats(process, args->stats);
	if (args->timing)
		cli_print_timing(process, started, ended);
	return r;
}
