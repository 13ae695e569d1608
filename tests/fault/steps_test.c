/* SPDX-License-Identifier: MIT */
/*
 * A launch, disturbed at each of its system calls in turn, by ptrace(2):
 *
 *   kill     the caller is killed while the sandbox's child or init is at its nth call: nothing is left
 *   sandbox  the nth call of child or init fails: the launch fails, or the call is one whose failure
 *            changes nothing of what is enforced (they are listed); nothing is left
 *   end      child or init is killed at its nth call: the launch fails, or was made without that one; nothing is left
 *   life     the nth call of init's fails once the program runs: the caller is told an outcome; nothing is left
 *   caller   the nth call of the caller fails: the launch fails or succeeds; nothing is left
 */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include "fault.h"

enum disturbance { KILL, KILL_IN_SANDBOX, FAIL_IN_SANDBOX, FAIL_IN_LIFE, FAIL_IN_CALLER };

/* For a user's host, too: no file of it is there. */
#define SEES_A_SANDBOX "test ! -e /root && test ! -e /boot && test -r /etc/passwd && test -w /tmp"
#define MAX_TRACEES 32
#define TIME_LIMIT_S 20

struct trace {
	struct victim victim;
	enum disturbance what;
	int at;			/* which call is disturbed */
	int seen;		/* calls so far */
	bool begun, ended;	/* the launch */
	long call, args[6];	/* what was disturbed; -1: the launch has no such call any more */
	pid_t disturbed;	/* whose call that was */
	struct tracee {
		pid_t pid;
		pid_t parent;	/* who has cloned it; 0 for the caller */
		bool late;	/* it was cloned when a call had been disturbed */
		bool replace;	/* its present call is to give -ENOMEM */
		bool lives;	/* it is an init that watches: the launch is over for it, whenever the caller learns of that */
	} tracees[MAX_TRACEES]; /* in the order of their birth: caller, who builds for others, init, program */
	int n, init;		/* that of the first who has executed something; 0: none yet */
	bool running;		/* the program has been executed */
	bool forked;		/* when a call was disturbed, its process had a child: init, whose program may have run */
	bool stuck;
};

static struct tracee *find(struct trace *t, pid_t pid)
{
	for (int i = 0; i < t->n; i++)
		if (t->tracees[i].pid == pid)
			return &t->tracees[i];
	if (t->n == MAX_TRACEES)
		exit(2);
	t->tracees[t->n] = (struct tracee){ .pid = pid };
	return &t->tracees[t->n++];
}

static bool counts(struct trace *t, pid_t pid)
{
	const struct tracee *tracee = find(t, pid);
	long who = tracee - t->tracees;

	if (t->what == FAIL_IN_LIFE || (t->what == FAIL_IN_SANDBOX && tracee->lives))
		return t->what == FAIL_IN_LIFE && tracee->lives;
	if (!t->begun || t->ended || (t->running && who > t->init))
		return false;
	return (who == 0) == (t->what == FAIL_IN_CALLER);
}

static void on_entry(struct trace *t, pid_t pid, const struct __ptrace_syscall_info *info)
{
	struct user_regs_struct regs;

	if (pid == t->victim.pid && info->entry.nr == PHASE_CALL) {
		t->ended |= info->entry.args[0] == PHASE_END;
		if (info->entry.args[0] == PHASE_BEGIN) {
			t->begun = true;
			/* What was started before has ended. */
			t->running = false;
			t->init = 0;
			t->n = 1;
		}
		return;
	}
	/*
	 * Nobody else has a use for it. The program may not be seen to run yet: its exec wakes init when it begins, and
	 * is told here when it is over.
	 */
	if (info->entry.nr == SYS_ppoll)
		find(t, pid)->lives = true;
	if (!counts(t, pid) || t->seen++ != t->at)
		return;
	t->call = (long)info->entry.nr;
	t->disturbed = pid;
	for (int i = 0; i < t->n; i++)
		t->forked |= t->tracees[i].parent == pid;
	memcpy(t->args, info->entry.args, sizeof(t->args));
	if (t->what == KILL || t->what == KILL_IN_SANDBOX) {
		kill(t->what == KILL ? t->victim.pid : pid, SIGKILL);
		return;
	}
	/*
	 * A call that does nothing takes its place, and its result is replaced on the way out. One that
	 * does not exist would be refused by the filter, and told to init, who waits for the exec.
	 */
	if (ptrace(PTRACE_GETREGS, pid, 0, &regs) == 0) {
		regs.orig_rax = SYS_getpid;
		ptrace(PTRACE_SETREGS, pid, 0, &regs);
		find(t, pid)->replace = true;
	}
}

static void on_exit_of_call(struct trace *t, pid_t pid)
{
	struct user_regs_struct regs;
	struct tracee *tracee = find(t, pid);

	if (!tracee->replace || ptrace(PTRACE_GETREGS, pid, 0, &regs) < 0)
		return;
	/* brk(2) of the kernel tells of a failure by a break that is too low, never by an errno. */
	regs.rax = t->call == SYS_brk ? 0 : (unsigned long long)-ENOMEM;
	ptrace(PTRACE_SETREGS, pid, 0, &regs);
	tracee->replace = false;
}

static void on_birth(struct trace *t, pid_t parent)
{
	unsigned long pid;
	struct tracee *tracee;

	if (ptrace(PTRACE_GETEVENTMSG, parent, 0, &pid) < 0)
		return;
	tracee = find(t, (pid_t)pid);
	tracee->parent = parent;
	tracee->late = t->call >= 0;
}

static void on_exec(struct trace *t, pid_t pid)
{
	if (t->init)
		t->running = true;
	else
		t->init = (int)(find(t, pid) - t->tracees);
}

/* What signal to give on to the tracee. */
static int on_stop(struct trace *t, pid_t pid, int status)
{
	struct __ptrace_syscall_info info;

	if (status >> 16 == PTRACE_EVENT_EXEC)
		on_exec(t, pid);
	if (status >> 16 == PTRACE_EVENT_CLONE || status >> 16 == PTRACE_EVENT_FORK ||
	    status >> 16 == PTRACE_EVENT_VFORK)
		on_birth(t, pid);
	if (status >> 16)
		return 0;
	if (WSTOPSIG(status) != (SIGTRAP | 0x80))
		return WSTOPSIG(status);
	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) < 0)
		return 0;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		on_entry(t, pid, &info);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		on_exit_of_call(t, pid);
	return 0;
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* Traces all until the caller has told its verdict, or until all are gone if it was killed. */
static bool run(struct trace *t, const char *kind, const char *program, struct verdict *ret)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
			     PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	bool told = false;

	victim_start(&t->victim, kind, program);
	find(t, t->victim.pid);
	if (ptrace(PTRACE_SEIZE, t->victim.pid, 0, options) < 0 ||
	    ptrace(PTRACE_INTERRUPT, t->victim.pid, 0, 0) < 0) {
		perror("ptrace");
		exit(2);
	}
	if (write(t->victim.go, "", 1) != 1)
		exit(2);
	alarm(TIME_LIMIT_S);
	for (;;) {
		int status, sig;
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid < 0 && errno == ECHILD)
			break;
		if (pid < 0) {
			t->stuck = true;
			break;
		}
		if (!WIFSTOPPED(status)) {
			if (pid == t->victim.pid)
				t->victim.pid = 0;
			continue;
		}
		sig = on_stop(t, pid, status);
		ptrace(PTRACE_SYSCALL, pid, 0, sig);
		/* The verdict is in the pipe: end it, and see the rest go. */
		if (t->ended && !told && t->victim.pid > 0) {
			struct timespec none = { 0 };
			fd_set set;

			FD_ZERO(&set);
			FD_SET(t->victim.told, &set);
			if (pselect(t->victim.told + 1, &set, NULL, NULL, &none, NULL) == 1) {
				told = read(t->victim.told, ret, sizeof(*ret)) == sizeof(*ret);
				kill(t->victim.pid, SIGKILL);
			}
		}
	}
	alarm(0);
	if (t->stuck) {
		for (int i = 0; i < t->n; i++)
			kill(t->tracees[i].pid, SIGKILL);
		victim_kill(&t->victim);
		while (waitpid(-1, NULL, __WALL) > 0)
			;
	}
	return told;
}

static struct trace new_trace(enum disturbance what, int at)
{
	return (struct trace){ .what = what, .at = at, .call = -1 };
}

static const char *describe(const struct trace *t)
{
	static char text[200];

	snprintf(text, sizeof(text), "call %d of the launch, system call %ld(%#lx, %#lx, %#lx)", t->at,
		 t->call, (long)t->args[0], (long)t->args[1], (long)t->args[2]);
	return text;
}

/* ---- kill ---------------------------------------------------------------------------------------------- */

static void kill_at_each_call(const char *kind)
{
	struct verdict v;
	int at;

	for (at = 0; at < 10000; at++) {
		struct trace t = new_trace(KILL, at);

		run(&t, kind, "sleep 600", &v);
		if (t.call < 0)
			break;
		check(!t.stuck && survivors(&t.victim) == 0, "%s: killed at %s: a process is left", kind,
		      describe(&t));
		victim_done(&t.victim);
	}
	check(at > 50, "%s: only %d calls were seen", kind, at);
}

/* ---- failure in the sandbox ------------------------------------------------------------------------------- */

/*
 * Calls of child and init that may fail in a launch that succeeds, each for the reason beside it.
 * All others are steps of the plan, and one that fails must fail the launch.
 */
static const char *harmless(const struct trace *t)
{
	switch (t->call) {
	case SYS_close:
	case SYS_munmap:
		return "it is close-on-exec, or init's own";
	case SYS_close_range:
		return !t->args[0] && t->args[1] == 2 ? "init's own, of the streams" : NULL;
	case SYS_unlinkat:
		return "nothing is there to be replaced: the file is made with O_EXCL";
	case SYS_write:
		return "a report of progress; what matters is reported again";
	case SYS_rt_sigaction:
	case SYS_rt_sigprocmask:
	case SYS_umask:
		return "it cannot fail with valid arguments, and enforces nothing";
	case SYS_clock_gettime:
		return "for statistics";
	case SYS_futex:
		return "the word is looked at again, and the wait entered again";
	case SYS_prctl:
		return t->args[0] == PR_SET_PDEATHSIG && !t->args[1] ? "an end that comes too early"
								      : NULL;
	default:
		return NULL;
	}
}

/*
 * Whether the sandbox that was started was made without the call: it was its init's, or its program's, or
 * before it its maker's. Ahead of its program a sandbox may fail: then another one is started; and what builds for
 * others, then the launch does it alone.
 */
static bool was_done_without(struct trace *t, const struct verdict *v)
{
	const struct tracee started = *find(t, v->pid), disturbed = *find(t, t->disturbed);

	return disturbed.pid == started.pid || disturbed.parent == started.pid ||
	       (disturbed.pid == started.parent && started.late);
}

static void fail_each_call_in_sandbox(const char *kind)
{
	const bool again = !strcmp(kind, "again"), ahead = again || !strcmp(kind, "ahead");
	int at, refused = 0;

	for (at = 0; at < 10000; at++) {
		struct trace t = new_trace(FAIL_IN_SANDBOX, at);
		struct verdict v = { 0 };
		bool told = run(&t, kind, "true", &v);

		if (t.call < 0)
			break;
		check(!t.stuck && told && survivors(&t.victim) == 0,
		      "%s: %s failed: no verdict, or a process is left", kind, describe(&t));
		check(v.spawned < 0 || harmless(&t) || !was_done_without(&t, &v),
		      "%s: %s failed, and the launch went on", kind, describe(&t));
		check(v.leaked == 0, "%s: %s failed: %d descriptors or children are left", kind, describe(&t), v.leaked);
		refused += v.spawned < 0 || (ahead && !harmless(&t));
		victim_done(&t.victim);
	}
	check(refused > 50, "%s: only %d of %d calls were held to be needed", kind, refused, at);
}

/* What is started without the one that was killed is a whole sandbox, in which the program does what it should. */
static void kill_each_in_sandbox(const char *kind)
{
	const bool again = !strcmp(kind, "again");
	int at, refused = 0;

	for (at = 0; at < 10000; at++) {
		struct trace t = new_trace(KILL_IN_SANDBOX, at);
		struct verdict v = { 0 };
		bool told = run(&t, kind, SEES_A_SANDBOX, &v);

		if (t.call < 0)
			break;
		check(!t.stuck && told && survivors(&t.victim) == 0, "%s: killed at %s: no verdict, or a process is left",
		      kind, describe(&t));
		check(v.spawned < 0 || was_done_without(&t, &v) || (v.outcome == 1 && v.code == 0),
		      "%s: killed at %s: outcome %d, code %d", kind, describe(&t), v.outcome, v.code);
		check(v.leaked == 0, "%s: killed at %s: %d descriptors or children are left", kind, describe(&t),
		      v.leaked);
		/* Who builds for others is missed by nobody, nor is who fails in what that has built; but no program runs twice. */
		check(!again || v.spawned == 0 || t.forked, "%s: killed at %s: the launch was not made without that one", kind,
		      describe(&t));
		refused += v.spawned < 0;
		victim_done(&t.victim);
	}
	check(again ? at > 100 : refused > 50, "%s: of %d that were killed %d were missed", kind, at, refused);
}

/* No program is waited for in vain, whatever fails in who should tell of its end; and none is said to have failed that did not. */
static void fail_each_call_in_life(const char *kind)
{
	int at;

	for (at = 0; at < 10000; at++) {
		struct trace t = new_trace(FAIL_IN_LIFE, at);
		struct verdict v = { 0 };
		bool told = run(&t, kind, "true", &v);

		if (t.call < 0)
			break;
		check(!t.stuck && told && survivors(&t.victim) == 0, "%s: init's %s failed: no verdict, or a process is left",
		      kind, describe(&t));
		check(v.outcome != 1 || v.code == 0, "%s: init's %s failed: code %d", kind, describe(&t), v.code);
		check(v.leaked == 0, "%s: init's %s failed: %d descriptors or children are left", kind, describe(&t), v.leaked);
		victim_done(&t.victim);
	}
	check(at > 5, "%s: only %d calls were seen", kind, at);
}

/* ---- failure in the caller ---------------------------------------------------------------------------------- */

static void fail_each_call_in_caller(const char *kind)
{
	const bool ahead = !strcmp(kind, "ahead") || !strcmp(kind, "again");
	int at, refused = 0;

	for (at = 0; at < 10000; at++) {
		struct trace t = new_trace(FAIL_IN_CALLER, at);
		struct verdict v = { 0 };
		bool told = run(&t, kind, "true", &v);

		if (t.call < 0)
			break;
		check(!t.stuck && told && survivors(&t.victim) == 0,
		      "%s: the caller's %s failed: no verdict, or a process is left", kind, describe(&t));
		check(v.spawned < 0 || (v.outcome == 1 && v.code == 0),
		      "%s: the caller's %s failed: outcome %d, code %d", kind, describe(&t), v.outcome,
		      v.code);
		/* All that a caller writes before the start are limits, and the delegation of them. */
		check(t.call != SYS_write || v.spawned < 0, "%s: %s failed, and the launch went on", kind,
		      describe(&t));
		/* What was not closed, or reaped, is there: that is the test's doing; and getpid(2) cannot fail. */
		check(v.leaked == 0 || t.call == SYS_close || t.call == SYS_waitid || t.call == SYS_getpid,
		      "%s: the caller's %s failed: %d descriptors or children are left", kind,
		      describe(&t), v.leaked);
		refused += v.spawned < 0;
		victim_done(&t.victim);
	}
	/* What fails ahead of the program is done again by the launch itself. */
	check(ahead ? at > 50 : refused > 5, "%s: only %d of %d calls were held to be needed", kind, refused, at);
}

/* fault-steps [KIND...]: all kinds, if none is named. */
int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_alarm };
	char *before = describe_host(), *after;

	(void)argc;
	sigaction(SIGALRM, &act, NULL);
	for (int i = 0; kinds[i]; i++) {
		if (!is_wanted(kinds[i], argv))
			continue;
		kill_at_each_call(kinds[i]);
		if (strcmp(kinds[i], "ahead") != 0)
			kill_each_in_sandbox(kinds[i]);
		fail_each_call_in_sandbox(kinds[i]);
		/* It is the same of all who have executed init. */
		if (!strcmp(kinds[i], "bind") || !strcmp(kinds[i], "group"))
			fail_each_call_in_life(kinds[i]);
		fail_each_call_in_caller(kinds[i]);
	}
	after = describe_host();
	check(!strcmp(before, after), "mounts or files are left:\n%s\ninstead of\n%s", after, before);
	free(before);
	free(after);
	return conclude();
}
