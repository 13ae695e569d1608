/* SPDX-License-Identifier: MIT */
/*
 * What a start costs: from the call to when the caller has been told how the program ended. Contenders take turns
 * (A B C B C A ...), so that whatever else the machine does hits all of them. What is said of the times is
 * said elsewhere (figures.py).
 *
 * bench-launch SPEC, where SPEC is a file of JSON:
 *
 *   { "rounds": 200, "warm_up": 5, "seconds": 30, "gib_resident": 0, "filter": "FILE", "contenders": [
 *       { "name": "plain", "kind": "exec", "argv": ["/place/true"] },
 *       { "name": "call", "kind": "call", "argv": ["/bench/true"],
 *         "policy": { "mode": "strict-agent", "volumes": ["/place:/bench:ro"] } } ] }
 *
 *   kind exec    vfork and exec of argv
 *        floor   the same into the namespaces that the policy asks for, by one clone3, and nothing else
 *        call    nucleus_sandbox_spawn() of argv under the policy, whose keys are its options
 *        ahead   the same, with two sandboxes made ahead
 *        bwrap   bubblewrap with the root that the policy makes (bwrap.h) and our filter; one of them at most
 *
 * "whole" of a call: true if what nucleus_process_close() waits for belongs to it, too.
 * "pause_ms" of a contender: how long its turn lasts on after its time was taken, so that what it left running
 * (the next sandbox being made ahead) is not paid by whoever is next.
 *
 * Without rounds, each line of standard input is one. A run that takes longer than "seconds" ends all.
 * "gib_resident" is touched first, and stays resident in the caller. "filter": where to write the seccomp
 * filter to, for others.
 *
 * Writes JSON, a line each: the names; the command of each, "@" for the number of the filter's descriptor; then for
 * each round the microseconds of each. Standard error has one line if it fails: the contender, and why.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bwrap.h"
#include "raw.h"
#include "sandbox_internal.h"

struct contender {
	const char *name;
	bool is_exec, whole;
	uint64_t namespaces; /* of a floor: CLONE_NEW* */
	char **argv;
	nucleus_sandbox *sandbox;
	int filter; /* of bwrap: read at each start; else -1 */
	struct timespec pause;
};

static struct contender contenders[64];
static size_t n_contenders;
static const char *running = "SPEC"; /* whose fault it is */

static _Noreturn void stop(const char *why)
{
	fprintf(stderr, "%s: %s\n", running, why);
	exit(1);
}

static void out_of_time(int number)
{
	static const char why[] = ": it did not end in time\n";

	(void)number;
	if (write(STDERR_FILENO, running, strlen(running)) < 0 ||
	    write(STDERR_FILENO, why, sizeof(why) - 1) < 0)
		_exit(2);
	_exit(1);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* ---- one run ------------------------------------------------------------------------------------------ */

static int be_program(void *argv)
{
	execv(*(char *const *)argv, argv);
	_exit(127);
}

/* Like vfork: in the caller's memory, which waits until it is left. */
static pid_t clone_into(uint64_t namespaces, char *const *argv)
{
	static _Alignas(16) char stack[65536];
	struct nuc_clone_args args = {
		.flags = CLONE_VM | CLONE_VFORK | namespaces,
		.exit_signal = SIGCHLD,
		.stack = (uintptr_t)stack,
		.stack_size = sizeof(stack),
	};
	long pid = nuc_clone3(&args, sizeof(args), be_program, (void *)(uintptr_t)argv);

	if (pid < 0)
		errno = (int)-pid;
	return pid < 0 ? -1 : (pid_t)pid;
}

static pid_t start_program(uint64_t namespaces, char *const *argv)
{
	pid_t pid;

	if (namespaces)
		return clone_into(namespaces, argv);
	pid = vfork();
	if (pid == 0) {
		execv(argv[0], argv);
		_exit(127);
	}
	return pid;
}

static double run_program(uint64_t namespaces, char *const *argv)
{
	const double start = now_us();
	pid_t pid = start_program(namespaces, argv);
	char why[32];
	int status;

	if (pid < 0)
		stop(strerror(errno));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			stop(strerror(errno));
	if (status != 0) {
		snprintf(why, sizeof(why), "it ended with status 0x%x", (unsigned int)status);
		stop(why);
	}
	return now_us() - start;
}

/* Until the outcome is known, or, with `whole`, until the kernel holds nothing of the sandbox any more. */
static double run_call(const struct contender *c)
{
	double start = now_us(), told;
	nucleus_process *p;
	nucleus_error *e = NULL;
	int outcome, code;

	if (nucleus_sandbox_spawn(c->sandbox, (const char *const *)c->argv, &p, &e) < 0)
		stop(nucleus_error_message(e));
	if (nucleus_process_wait(p, -1, &outcome, &code, NULL) < 0 ||
	    outcome != NUCLEUS_OUTCOME_EXITED || code != 0)
		stop("the sandbox ended otherwise than it should");
	told = now_us() - start;
	nucleus_process_close(p);
	return c->whole ? now_us() - start : told;
}

static double run(const struct contender *c, unsigned int seconds)
{
	double took;

	running = c->name;
	if (c->filter >= 0)
		lseek(c->filter, 0, SEEK_SET);
	alarm(seconds);
	took = c->is_exec ? run_program(c->namespaces, c->argv) : run_call(c);
	alarm(0);
	if (c->pause.tv_nsec)
		nanosleep(&c->pause, NULL);
	return took;
}

/* ---- contenders from data ----------------------------------------------------------------------------- */

static const char *text(const json_t *value)
{
	if (!json_is_string(value))
		stop("a string was expected");
	return json_string_value(value);
}

/* Lives as long as the process. */
static char **strings(const json_t *array)
{
	size_t n = json_array_size(array);
	char **list = calloc(n + 1, sizeof(*list));

	if (!n || !list)
		stop("no argv");
	for (size_t i = 0; i < n; i++) {
		list[i] = strdup(text(json_array_get(array, i)));
		if (!list[i])
			stop(strerror(errno));
	}
	return list;
}

static nucleus_sandbox *make_sandbox(json_t *options)
{
	nucleus_sandbox *made;
	nucleus_policy *policy;
	nucleus_error *e = NULL;

	if (nucleus_policy_new(&policy) < 0 || nucleus_sandbox_new(&made) < 0)
		stop("no memory");
	for (void *at = json_object_iter(options); at; at = json_object_iter_next(options, at)) {
		const char *key = json_object_iter_key(at);
		const json_t *value = json_object_iter_value(at);

		if (!json_is_array(value) && nucleus_policy_set(policy, key, text(value), &e) < 0)
			stop(nucleus_error_message(e));
		for (size_t i = 0; i < json_array_size(value); i++)
			if (nucleus_policy_add(policy, key, text(json_array_get(value, i)), &e) < 0)
				stop(nucleus_error_message(e));
	}
	if (nucleus_sandbox_apply_policy(made, policy, &e) < 0)
		stop(nucleus_error_message(e));
	nucleus_policy_free(policy);
	return made;
}

static void write_filter(int fd)
{
	if (bwrap_write_filter(fd) < 0)
		stop(strerror(errno));
}

/* The command of this one is not what runs: that has the number of a descriptor in it. */
static char **make_bwrap(struct contender *c)
{
	char **shown, **argv;
	size_t n = 0;

	shown = bwrap_arguments(nuc_sandbox_plan(c->sandbox), "@", c->argv);
	while (shown[n])
		n++;
	argv = calloc(n + 1, sizeof(*argv));
	c->filter = memfd_create("seccomp", 0);
	write_filter(c->filter);
	if (!argv)
		stop("no memory");
	for (size_t i = 0; i < n; i++)
		if (strcmp(shown[i], "@") != 0)
			argv[i] = shown[i];
		else if (asprintf(&argv[i], "%d", c->filter) < 0)
			stop("no memory");
	c->argv = argv;
	return shown;
}

static void make_contender(const json_t *spec, json_t *names, json_t *commands)
{
	struct contender *c = &contenders[n_contenders++];
	const char *kind = text(json_object_get(spec, "kind"));
	bool is_bwrap = !strcmp(kind, "bwrap"), is_ahead = !strcmp(kind, "ahead"), is_floor = !strcmp(kind, "floor");
	char **shown;
	json_t *command = json_array();

	*c = (struct contender){
		.name = text(json_object_get(spec, "name")),
		.filter = -1,
		.whole = json_is_true(json_object_get(spec, "whole")),
		.pause = { .tv_nsec = (long)(json_integer_value(json_object_get(spec, "pause_ms")) * 1000000) },
	};
	running = c->name;
	c->is_exec = is_bwrap || is_floor || !strcmp(kind, "exec");
	shown = c->argv = strings(json_object_get(spec, "argv"));
	if (is_bwrap || is_ahead || is_floor || !strcmp(kind, "call"))
		c->sandbox = make_sandbox(json_object_get(spec, "policy"));
	else if (!c->is_exec)
		stop("kind is none of exec, floor, call, ahead, bwrap");
	if (is_bwrap)
		shown = make_bwrap(c);
	if (is_floor)
		c->namespaces = nuc_sandbox_plan(c->sandbox)->clone_flags;
	if (is_ahead && nucleus_sandbox_prepare(c->sandbox, 2, NULL) < 0)
		stop("nothing can be made ahead");
	for (; *shown; shown++)
		json_array_append_new(command, json_string(*shown));
	json_array_append_new(commands, command);
	json_array_append_new(names, json_string(c->name));
}

static void make_contenders(const json_t *specs, FILE *to)
{
	json_t *names = json_array(), *commands = json_array();

	if (!json_array_size(specs) || json_array_size(specs) > NUC_ARRAY_SIZE(contenders))
		stop("no contenders, or too many");
	for (size_t i = 0; i < json_array_size(specs); i++)
		make_contender(json_array_get(specs, i), names, commands);
	json_dumpf(names, to, JSON_COMPACT);
	putc('\n', to);
	json_dumpf(commands, to, JSON_COMPACT);
	putc('\n', to);
	json_decref(names);
	json_decref(commands);
}

static void touch(double gib)
{
	size_t size = (size_t)(gib * (1 << 30));
	char *p = size ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : NULL;

	if (p == MAP_FAILED)
		stop(strerror(errno));
	for (size_t i = 0; i < size; i += 4096)
		p[i] = 1;
}

/* ---- rounds ------------------------------------------------------------------------------------------- */

/* Ours are kept for ourselves: contenders have the null device, and standard error. */
static FILE *keep(int fd, const char *mode)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), kept = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	FILE *file = kept < 0 ? NULL : fdopen(kept, mode);

	if (null < 0 || !file || dup2(null, fd) < 0)
		stop(strerror(errno));
	close(null);
	return file;
}

static bool another_line(FILE *from)
{
	int c;

	do
		c = getc(from);
	while (c != '\n' && c != EOF);
	return c == '\n';
}

/*
 * In another order each time (the same ones in each run of this program): whatever a contender leaves to the next,
 * a rest or a warm cache, it leaves to all.
 */
static void one_round(unsigned int seconds, FILE *to)
{
	double times[NUC_ARRAY_SIZE(contenders)];
	size_t order[NUC_ARRAY_SIZE(contenders)] = { 0 };

	for (size_t i = 0; i < n_contenders; i++) {
		size_t k = (size_t)rand() % (i + 1);

		order[i] = order[k];
		order[k] = i;
	}
	for (size_t i = 0; i < n_contenders; i++)
		times[order[i]] = run(&contenders[order[i]], seconds);
	if (!to)
		return;
	for (size_t i = 0; i < n_contenders; i++)
		fprintf(to, "%c%.1f", i ? ',' : '[', times[i]);
	fputs("]\n", to);
	fflush(to);
}

int main(int argc, char **argv)
{
	json_int_t rounds, warm_up = 5, seconds = 30;
	const char *filter;
	json_error_t error;
	json_t *spec = argc == 2 ? json_load_file(argv[1], 0, &error) : NULL;
	FILE *from, *to;

	if (!spec) {
		fprintf(stderr, "usage: bench-launch SPEC%s%s\n", argc == 2 ? ": " : "",
			argc == 2 ? error.text : "");
		return 2;
	}
	rounds = json_integer_value(json_object_get(spec, "rounds"));
	if (json_object_get(spec, "warm_up"))
		warm_up = json_integer_value(json_object_get(spec, "warm_up"));
	if (json_object_get(spec, "seconds"))
		seconds = json_integer_value(json_object_get(spec, "seconds"));
	filter = json_string_value(json_object_get(spec, "filter"));
	if (filter)
		write_filter(open(filter, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
	from = keep(STDIN_FILENO, "r");
	to = keep(STDOUT_FILENO, "w");
	signal(SIGALRM, out_of_time);
	make_contenders(json_object_get(spec, "contenders"), to);
	fflush(to);
	touch(json_number_value(json_object_get(spec, "gib_resident")));
	/* The first rounds warm the caches up. */
	for (json_int_t r = 0; r < warm_up; r++)
		one_round((unsigned int)seconds, NULL);
	for (json_int_t r = 0; rounds ? r < rounds : another_line(from); r++)
		one_round((unsigned int)seconds, to);
	for (size_t i = 0; i < n_contenders; i++)
		if (contenders[i].sandbox)
			nucleus_sandbox_free(contenders[i].sandbox);
	json_decref(spec);
	return 0;
}
