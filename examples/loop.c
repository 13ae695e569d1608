/* SPDX-License-Identifier: MIT */
/*
 * Ten sandboxes at once in the poll loop of one thread: what each has written, how it ended, what it
 * was refused. There are three descriptors to each, and nothing else to wait for.
 *
 *   cc -o loop loop.c $(pkg-config --cflags --libs nucleus) && ./loop
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <nucleus/nucleus.h>

enum { ENDED, OUTPUT, DENIALS, FDS }; /* what to poll of each job */
#define JOBS ((size_t)10)

static struct job {
	const char *name, *script;
	nucleus_process *process;
	int outcome, code;
	size_t bytes; /* of its output */
	char refused[256];
} jobs[JOBS] = {
	{ .name = "hello", .script = "echo hello" },
	{ .name = "status", .script = "exit 3" },
	{ .name = "signal", .script = "kill -TERM $$" },
	{ .name = "forever", .script = "sleep 600" },
	{ .name = "flood", .script = "head -c 1000000 /dev/zero" },
	{ .name = "orphan", .script = "sleep 600 & echo started" },
	{ .name = "namespace", .script = "unshare -U true || exit 4" },
	{ .name = "program", .script = "cp /bin/true /tmp/mine && /tmp/mine || exit 5" },
	{ .name = "hosts", .script = "echo 192.0.2.1 example.org >>/etc/hosts || exit 6" },
	{ .name = "network", .script = "exec 3<>/dev/tcp/192.0.2.1/443 || exit 7" },
};
static struct pollfd set[JOBS * FDS]; /* fd is -1 when there is no more to come: poll() skips it */

static int report(int r, nucleus_error *error)
{
	if (r < 0)
		fprintf(stderr, "loop: %s\n", error ? nucleus_error_message(error) : strerror(-r));
	if (error && nucleus_error_hint(error))
		fprintf(stderr, "loop: %s\n", nucleus_error_hint(error));
	nucleus_error_free(error);
	return r;
}

/* One plan for all ten. The time limit is kept by each sandbox itself: the loop needs no timer. */
static int make_sandbox(nucleus_sandbox **ret)
{
	static const char *const options[][2] = {
		{ "mode", "strict-agent" },
		{ "limits.timeout", "2s" },
		{ "security.observe", "all" },
	};
	nucleus_policy *policy = NULL;
	nucleus_error *error = NULL;
	int r = nucleus_policy_new(&policy);

	for (size_t i = 0; r == 0 && i < sizeof(options) / sizeof(options[0]); i++)
		r = nucleus_policy_set(policy, options[i][0], options[i][1], &error);
	if (r == 0)
		r = nucleus_sandbox_new(ret);
	if (r == 0)
		r = nucleus_sandbox_apply_policy(*ret, policy, &error);
	nucleus_policy_free(policy);
	return report(r, error);
}

static int start(struct job *job, struct pollfd *fds, nucleus_sandbox *sandbox)
{
	const char *argv[] = { "bash", "-c", job->script, NULL };
	nucleus_error *error = NULL;
	int out[2], r;

	if (pipe2(out, O_CLOEXEC) < 0)
		return report(-errno, NULL);
	r = nucleus_sandbox_set_stdio(sandbox, NUCLEUS_STDIO_NULL, out[1], out[1]);
	if (r == 0)
		r = nucleus_sandbox_spawn(sandbox, argv, &job->process, &error);
	close(out[1]); /* or there would be no end of file */
	if (r < 0) {
		close(out[0]);
		return report(r, error);
	}
	fds[ENDED].fd = nucleus_process_pidfd(job->process);
	fds[OUTPUT].fd = out[0];
	fds[DENIALS].fd = nucleus_process_denial_fd(job->process);
	return 0;
}

/* Each of these is called when its descriptor is readable, takes what is there, and never waits. */

static void take_end(struct job *job, struct pollfd *p)
{
	nucleus_error *error = NULL;

	report(nucleus_process_wait(job->process, 0, &job->outcome, &job->code, &error), error);
	p->fd = -1; /* the process object's own: not to be closed */
}

static void take_output(struct job *job, struct pollfd *p)
{
	char data[65536];
	ssize_t n = read(p->fd, data, sizeof(data));

	if (n > 0) {
		job->bytes += (size_t)n;
	} else if (n == 0 || errno != EINTR) {
		close(p->fd);
		p->fd = -1;
	}
}

static void take_denials(struct job *job, struct pollfd *p)
{
	nucleus_denial *denial;
	int r;

	while ((r = nucleus_process_next_denial(job->process, &denial)) == 0) {
		const char *weight = nucleus_denial_attr(denial, "weight");
		const char *operation = nucleus_denial_attr(denial, "operation");
		const char *target = nucleus_denial_attr(denial, "target");
		size_t have = strlen(job->refused);

		/* Not what all programs try and live without. */
		if (!weight || strcmp(weight, "low") != 0)
			snprintf(job->refused + have, sizeof(job->refused) - have, "%s%s:%s",
				 have ? ", " : "", operation ? operation : "?", target ? target : "?");
		nucleus_denial_free(denial);
	}
	if (r != -EAGAIN)
		p->fd = -1;
}

static void print(const struct job *job)
{
	static const char *const words[] = { "running", "exited", "signalled", "timed out", "killed",
					     "out of memory" };
	char outcome[32] = "?";

	if (job->outcome == NUCLEUS_OUTCOME_EXITED || job->outcome == NUCLEUS_OUTCOME_SIGNALLED)
		snprintf(outcome, sizeof(outcome), "%s %d", words[job->outcome], job->code);
	else if ((size_t)job->outcome < sizeof(words) / sizeof(words[0]))
		snprintf(outcome, sizeof(outcome), "%s", words[job->outcome]);
	printf("%-10s %-14s %8zu  %s\n", job->name, outcome, job->bytes,
	       job->refused[0] ? job->refused : "-");
}

/* Until there is no more to come from any of them. */
static int loop(void)
{
	static void (*const take[FDS])(struct job *, struct pollfd *) = { take_end, take_output,
									  take_denials };
	size_t open_ones = JOBS;

	while (open_ones > 0) {
		if (poll(set, JOBS * FDS, -1) < 0) {
			if (errno == EINTR)
				continue;
			return report(-errno, NULL);
		}
		open_ones = 0;
		for (size_t i = 0; i < JOBS * FDS; i++) {
			if (set[i].fd >= 0 && set[i].revents)
				take[i % FDS](&jobs[i / FDS], &set[i]);
			open_ones += set[i].fd >= 0;
		}
	}
	return 0;
}

int main(void)
{
	nucleus_sandbox *sandbox = NULL;
	int r = make_sandbox(&sandbox);

	for (size_t i = 0; i < JOBS * FDS; i++)
		set[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	for (size_t i = 0; r == 0 && i < JOBS; i++)
		r = start(&jobs[i], &set[i * FDS], sandbox);
	if (r == 0)
		r = loop();

	if (r == 0)
		printf("%-10s %-14s %8s  %s\n", "job", "outcome", "bytes", "refused");
	for (size_t i = 0; i < JOBS; i++) {
		if (r == 0)
			print(&jobs[i]);
		nucleus_process_close(jobs[i].process); /* ends what still runs, if there was an error */
		if (set[i * FDS + OUTPUT].fd >= 0)
			close(set[i * FDS + OUTPUT].fd);
	}
	nucleus_sandbox_free(sandbox);
	return r < 0;
}
