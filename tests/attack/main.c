/* SPDX-License-Identifier: MIT */
/*
 * attack list                          the table of acts: does nothing else, runs anywhere
 * attack run CONFIG SCENE              every act of a scene, each in a process of its own
 * attack alone CONFIG NAME             one act, as the sandbox's main program
 * attack creds                         ends with 0 if it has gained any privilege by being run
 *
 * CONFIG is what the sandbox enforces: full, no-seccomp, no-landlock, and kept, which is full with all
 * capabilities that a policy may keep. For each act a line
 * "NAME<tab>ok|FAIL<tab>how it ended<tab>how it must end".
 */
#include <sys/wait.h>

#include "attack.h"

static const struct act_list *const lists[] = {
	&file_acts,	 &exec_acts,	&proc_acts,	&mount_acts,   &call_acts,
	&privilege_acts, &process_acts, &resource_acts, &network_acts, &terminal_acts,
};

static const char *const scene_names[SCENE__COUNT] = { "common", "own",	    "ro",
						       "pty",	 "timeout", "leave" };

enum config { FULL, NO_SECCOMP, NO_LANDLOCK, KEPT };

static bool stopped_so(const int *by, int result)
{
	for (int i = 0; i < 4 && by[i]; i++)
		if (result == (by[i] == BY_CONTAINED ? CONTAINED : by[i] > 1000 ? by[i] : -by[i]))
			return true;
	return false;
}

static const char *describe(int result)
{
	static char text[64];

	if (result == GOT_THROUGH)
		return "GOT-THROUGH";
	if (result == CONTAINED)
		return "contained";
	if (result == UNTRIED)
		return "untried";
	if (result > 1000)
		snprintf(text, sizeof(text), "SIG%s", sigabbrev_np(result - 1000));
	else
		snprintf(text, sizeof(text), "%s", strerrorname_np(-result) ?: "unknown");
	return text;
}

static bool runs_in(const struct act *a, enum config config)
{
	switch (config) {
	case FULL:
	case KEPT:
		return true;
	case NO_SECCOMP:
		return a->deep[0] || (a->sole && !strcmp(a->layer, "seccomp"));
	case NO_LANDLOCK:
		return a->sole && !strcmp(a->layer, "landlock");
	}
	return false;
}

static bool report(const struct act *a, enum config config, int result)
{
	const int *by = config == FULL || config == KEPT ? a->by : a->deep;
	bool ok = by[0] && config != NO_LANDLOCK ? stopped_so(by, result) : result == GOT_THROUGH;

	printf("%s\t%s\t%s\t", a->name, ok ? "ok" : "FAIL", describe(result));
	if (by[0] && config != NO_LANDLOCK) {
		for (int i = 0; i < 4 && by[i]; i++)
			printf("%s%s", i ? "|" : "",
			       describe(by[i] == BY_CONTAINED ? CONTAINED
					: by[i] > 1000	      ? by[i]
							      : -by[i]));
	} else {
		printf("GOT-THROUGH");
	}
	printf("\n");
	fflush(stdout);
	return ok;
}

/* Not with the number that a process of the host's has outside: inside it would be what many acts aim at, itself. */
static pid_t fork_another(void)
{
	const long taken = told_number("ATTACK_HOST_PID");

	for (;;) {
		pid_t pid = fork();

		if (pid == 0 && getpid() == taken)
			_exit(0);
		if (pid <= 0 || pid != taken)
			return pid;
		waitpid(pid, NULL, 0);
	}
}

/* In a process of its own: it may be killed for what it does. */
static int run_apart(const struct act *a)
{
	int fds[2], result = UNTRIED, status;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return UNTRIED;
	pid = fork_another();
	if (pid < 0)
		return UNTRIED;
	if (pid == 0) {
		close(fds[0]);
		alarm(30);
		result = a->run(a);
		_exit(write(fds[1], &result, sizeof(result)) == sizeof(result) ? 0 : UNTRIED);
	}
	close(fds[1]);
	if (read(fds[0], &result, sizeof(result)) != sizeof(result))
		result = UNTRIED;
	close(fds[0]);
	if (waitpid(pid, &status, 0) == pid && WIFSIGNALED(status))
		return BY_SIGNAL(WTERMSIG(status));
	return result;
}

static int run_scene(enum config config, const char *scene)
{
	bool ok = true;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (size_t k = 0; k < lists[i]->n; k++) {
			const struct act *a = &lists[i]->acts[k];

			if (!strcmp(scene_names[a->scene], scene) && runs_in(a, config))
				ok &= report(a, config, run_apart(a));
		}
	return ok ? 0 : 1;
}

static int run_alone(enum config config, const char *name)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (size_t k = 0; k < lists[i]->n; k++) {
			const struct act *a = &lists[i]->acts[k];

			if (!strcmp(a->name, name))
				return report(a, config, a->run(a)) ? 0 : 1;
		}
	return UNTRIED;
}

/* name, scene, layer, whether it runs in each config, what it tries */
static int list(void)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (size_t k = 0; k < lists[i]->n; k++) {
			const struct act *a = &lists[i]->acts[k];

			printf("%s\t%s\t%s\t%d\t%d\t%s\n", a->name, scene_names[a->scene], a->layer,
			       runs_in(a, NO_SECCOMP), runs_in(a, NO_LANDLOCK), a->tries);
		}
	return 0;
}

/* More than whoever started it: nothing, but for what a policy keeps. */
static bool gained(const char *set)
{
	return status_number(getpid(), set, 16) != status_number(getppid(), set, 16);
}

static enum config config_of(const char *name)
{
	return !strcmp(name, "no-seccomp")    ? NO_SECCOMP
	       : !strcmp(name, "no-landlock") ? NO_LANDLOCK
	       : !strcmp(name, "kept")	      ? KEPT
					      : FULL;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "list"))
		return list();
	guard_place();
	if (argc == 2 && !strcmp(argv[1], "creds"))
		return geteuid() != getuid() || getegid() != getgid() ||
				       gained("CapEff:") || gained("CapPrm:")
			       ? 0
			       : 1;
	guard_privileges(argc == 4 && config_of(argv[2]) == KEPT);
	if (argc == 4 && !strcmp(argv[1], "run"))
		return run_scene(config_of(argv[2]), argv[3]);
	if (argc == 4 && !strcmp(argv[1], "alone"))
		return run_alone(config_of(argv[2]), argv[3]);
	fprintf(stderr, "usage: attack list | run CONFIG SCENE | alone CONFIG NAME | creds\n");
	return UNTRIED;
}
