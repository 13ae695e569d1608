/* SPDX-License-Identifier: MIT */
/*
 * The sandbox's PID 1: a static program without libc, executed by the child from a sealed memory
 * file. It performs the plan's init steps, starts the program in a process of its own, reaps, passes
 * signals on, and ends when the program ends, the time is over, or the caller is gone. With it the
 * kernel ends every process of the pid namespace (pid_namespaces(7)).
 *
 * argv: its name, "report plan size caller status denials log orders" as decimal numbers (of the last
 * three one more: 0 is none), then the program's argv. With orders it is a maker, whose children do all this
 * for programs that come later (ahead.c).
 */
#include <asm/fcntl.h>
#include <asm-generic/errno-base.h>
#include <asm-generic/errno.h>
#include <asm-generic/poll.h>
#include <linux/prctl.h>
#include <linux/sched.h>

#include "ahead.h"
#include "child.h"
#include "mounts.h"
#include "observe.h"
#include "raw.h"

#define SIGKILL_ 9
#define SIGCHLD_ 17
#define SIGSTOP_ 19
#define SIGSYS_ 31
#define SIGRTMAX_ 64
#define STACK_SIZE 65536
#define PAGE_SIZE 4096

struct timespec64 {
	int64_t sec, nsec;
};

static struct nuc_context ctx NUC_IN_FIRST_PAGE;
/* Of the program's process, but for the last page; the mount table is read to where it starts: one page for both. */
static char stack[STACK_SIZE + PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static struct nuc_progress *progress NUC_IN_FIRST_PAGE;
static uint64_t started NUC_IN_FIRST_PAGE; /* when there was a program to execute, in microseconds */
/*
 * Of a process that is there before its program, see start_ahead(): 1 while it is in this memory, and whether it
 * has been given one. `space`: where argv comes to lie. An exec takes 6 MB at most (fs/exec.c).
 */
static volatile uint32_t unstarted NUC_IN_FIRST_PAGE, given NUC_IN_FIRST_PAGE;
static int ahead NUC_IN_FIRST_PAGE;
static char *space NUC_IN_FIRST_PAGE;
#define SPACE (8ul << 20)

__attribute__((noreturn)) static void quit(int status)
{
	for (;;)
		nuc_sys(__NR_exit_group, status);
}

static long report(const struct nuc_report *r)
{
	/* If nobody reads any more there is nobody to tell. Shorter than PIPE_BUF: written whole. */
	return nuc_sys(__NR_write, ctx.report_fd, r, sizeof(*r));
}

static long report_step(uint32_t kind, uint32_t step, int32_t value)
{
	struct nuc_report r = { .kind = kind, .step = step, .value = value };

	return report(&r);
}

static const char *number(const char *s, uint32_t *ret)
{
	uint32_t n = 0;

	while (*s == ' ')
		s++;
	while (*s >= '0' && *s <= '9')
		n = n * 10 + (uint32_t)(*s++ - '0');
	*ret = n;
	return s;
}

/* ---- the plan's steps -------------------------------------------------------------------------- */

static long init_step(const struct nuc_step *s)
{
	if (s->op == NUC_OP_AUDIT)
		return nuc_audit_mounts(ctx.plan, nuc_plan_data(ctx.plan, s->arg[0]),
					stack + STACK_SIZE + PAGE_SIZE - NUC_MOUNTINFO_BYTES);
	return nuc_run_step(&ctx, s);
}

/* From here on it tells when things were done, if the caller wants to know. Before came init's exec, or the order. */
static void take_time(int made)
{
	uint32_t exec = ctx.plan->first[NUC_PROG_CHILD] + ctx.plan->n[NUC_PROG_CHILD] - 1;

	if (!(progress->timed & NUC_TIMED))
		return;
	ctx.done = progress->done;
	if (made)
		progress->begun = nuc_clock_ns(1 /* CLOCK_MONOTONIC */);
	else
		nuc_stamp(&ctx, nuc_plan_step(ctx.plan, exec), exec);
}

/* Of a sandbox that was made ahead. */
static long await_program(void)
{
	long r = nuc_await_program(&ctx, space, SPACE);

	if (r < 0)
		return r;
	take_time(1);
	started = nuc_clock_us(1 /* CLOCK_MONOTONIC */);
	return 0;
}

/*
 * In a process that was there before its program. Where it is to start is looked up again: it may be in a directory
 * that has been replaced.
 */
static long await_own_program(void)
{
	long r = await_program();

	for (uint32_t i = ctx.plan->first[NUC_PROG_INIT]; r == 0; i++) {
		const struct nuc_step *s = nuc_plan_step(ctx.plan, i);

		if (s->op == NUC_OP_EXEC)
			break;
		if (s->op != NUC_OP_CHDIR)
			continue;
		progress->step = i;
		r = init_step(s);
	}
	given = r == 0;
	return r;
}

/* Performs steps from `i` to the end of the program or to FORK; gives the number it stopped at. */
static uint32_t run_until_fork(uint32_t i, int in_child)
{
	uint32_t end = ctx.plan->first[NUC_PROG_INIT] + ctx.plan->n[NUC_PROG_INIT];

	for (; i < end; i++) {
		const struct nuc_step *s = nuc_plan_step(ctx.plan, i);
		long r;

		if (s->op == NUC_OP_FORK)
			return i;
		r = s->op == NUC_OP_EXEC && ahead ? await_own_program() : 0;
		if (r == 0) {
			progress->step = i;
			r = init_step(s);
		}
		if (r < 0) {
			if (!in_child) {
				report_step(NUC_REPORT_FAILED, i, (int32_t)-r);
				quit(127);
			}
			/*
			 * Under the filter by now: init tells of it. Nobody would answer to a write that is
			 * told, or to an exit that does not say whose it is, before init goes on.
			 */
			progress->error = (int32_t)-r;
			progress->exec_failed = 1;
			nuc_sys(__NR_exit, 127, 0, 0, NUC_OURS_ARG3, NUC_OURS_ARG4, NUC_OURS_ARG5);
			__builtin_trap(); /* a profile may refuse exit */
		}
		nuc_stamp(&ctx, s, i);
	}
	return i;
}

/* After FORK: init waits until the exec, whether this is in its memory (CLONE_VM) or in a copy. */
static int program_main(void *first)
{
	nuc_stamp(&ctx, nuc_plan_step(ctx.plan, (uint32_t)(uintptr_t)first - 1), (uint32_t)(uintptr_t)first - 1);
	run_until_fork((uint32_t)(uintptr_t)first, 1);
	__builtin_unreachable(); /* the last step is an exec: verify holds that */
}

static long start_program(uint32_t fork_at)
{
	const struct nuc_step *fork = nuc_plan_step(ctx.plan, fork_at);
	struct nuc_clone_args args = {
		.flags = CLONE_VFORK | (fork->arg[0] ? CLONE_VM : 0) |
			 (fork->arg[1] ? CLONE_FILES : 0),
		.exit_signal = SIGCHLD_,
		.stack = (uint64_t)(uintptr_t)stack,
		.stack_size = STACK_SIZE,
	};

	return nuc_clone3(&args, sizeof(args), program_main,
			  (void *)(uintptr_t)(fork_at + 1));
}

/*
 * The same, for a program that comes later: its process does all but the exec, and takes the program itself. It is in
 * init's memory, and has init's descriptors, among them those that become its own.
 */
static long start_ahead(uint32_t fork_at)
{
	struct nuc_clone_args args = {
		.flags = CLONE_VM | CLONE_FILES | CLONE_CHILD_CLEARTID,
		.child_tid = (uint64_t)(uintptr_t)&unstarted,
		.exit_signal = SIGCHLD_,
		.stack = (uint64_t)(uintptr_t)stack,
		.stack_size = STACK_SIZE,
	};

	ahead = 1;
	unstarted = 1;
	return nuc_clone3(&args, sizeof(args), program_main, (void *)(uintptr_t)(fork_at + 1));
}

/*
 * Until it has executed its program, or is gone: without one, and without saying why, it was killed. It watches the
 * caller as long as it waits; one that was stopped, or hangs, is no reason to outlive that.
 */
static void await_exec(void)
{
	const struct timespec64 a_while = { 10, 0 }, now = { 0, 0 };
	struct {
		int32_t fd;
		int16_t events, revents;
	} caller = { ctx.caller_fd, POLLIN, 0 };

	/* The kernel clears it when the process leaves this memory (clone(2), CLONE_CHILD_CLEARTID). */
	while (unstarted) {
		if (nuc_sys(__NR_futex, &unstarted, 0 /* FUTEX_WAIT */, 1, &a_while) == -ETIMEDOUT &&
		    nuc_sys(__NR_ppoll, &caller, 1, &now, 0, 0) > 0)
			quit(127);
	}
	ctx.control_fd = -1;
	if (!given && !progress->exec_failed)
		quit(127);
}

/* ---- PID 1's life ------------------------------------------------------------------------------ */

struct rusage64 {
	struct {
		int64_t sec, usec;
	} user, system;
	int64_t maxrss, rest[13];
};

/*
 * Init's exit would close the listener before it ends the others, and whoever waits for an answer would get ENOSYS, and
 * could say so on the caller's pipe. Only as PID 1: elsewhere "all" are not ours.
 */
static void end_others(void)
{
	if (nuc_sys(__NR_getpid) == 1)
		nuc_sys(__NR_kill, -1, SIGKILL_);
}

/*
 * Until no other process is left in the pid namespace: whoever was born in it descends from PID 1, and is its child at
 * the latest when all between them have ended (pid_namespaces(7)). The kernel would wait for them at init's exit, but
 * what they took would not be counted: only what was reaped is. Gives whether that is so; not for ever, for what
 * is stuck in the kernel is no reason to say nothing of the end. Not every child's end sends SIGCHLD.
 */
static int reap_others(void)
{
	const uint64_t ended = 1ull << (SIGCHLD_ - 1);
	const struct timespec64 a_while = { 0, 10000000 };

	for (int patience = 1000; nuc_sys(__NR_getpid) == 1 && patience;) {
		long r = nuc_sys(__NR_wait4, -1, 0, 1 | 0x40000000 /* WNOHANG, __WALL */, 0);

		if (r < 0)
			return r == -ECHILD;
		if (r > 0)
			continue;
		patience -= nuc_sys(__NR_rt_sigtimedwait, &ended, 0, &a_while, 8) == -EAGAIN;
	}
	return 0;
}

/* Without a report: the caller reads that there is none. */
__attribute__((noreturn)) static void end_untold(void)
{
	end_others();
	nuc_observe_end();
	quit(1);
}

static void end(uint32_t kind, int32_t value)
{
	struct nuc_report r = { .kind = kind, .value = value };
	struct rusage64 u;

	r.ended_ns = nuc_clock_ns(1 /* CLOCK_MONOTONIC */);
	r.wall_us = r.ended_ns / 1000 - started;
	end_others();
	r.dropped = nuc_observe_end();
	r.alone = (uint32_t)reap_others();
	nuc_sys(__NR_getrusage, -1 /* RUSAGE_CHILDREN */, &u);
	r.utime_us = (uint64_t)(u.user.sec * 1000000 + u.user.usec);
	r.stime_us = (uint64_t)(u.system.sec * 1000000 + u.system.usec);
	r.maxrss_kb = (uint64_t)u.maxrss;
	report(&r);
	quit(0);
}

/* siginfo_t of waitid(2), as far as it is needed. */
struct child_info {
	int32_t signo, error, code, pad;
	int32_t pid;
	uint32_t uid;
	int32_t status;
	uint8_t rest[100];
};
_Static_assert(sizeof(struct child_info) == 128, "waitid(2)");

/* Reaps all that have ended; ends with the program. */
static void reap(long program)
{
	for (;;) {
		struct child_info i = { .pid = 0 };
		int status;
		long r;

		/* It is looked at before it is reaped: its name goes with it. */
		r = nuc_sys(__NR_waitid, 0 /* P_ALL */, 0, &i, 1 | 4 | 0x1000000 /* WNOHANG, WEXITED, WNOWAIT */, 0);
		if (r == -ECHILD || (r == 0 && !i.pid))
			return;
		/* Their signal has been read: it would not be told again that they have ended. */
		if (r < 0)
			end_untold();
		if (ctx.plan->observe && i.code != 1 /* CLD_EXITED */ && i.status == SIGSYS_)
			nuc_observe_killed(i.pid);
		r = nuc_sys(__NR_wait4, i.pid, &status, 1 /* WNOHANG */, 0);
		if (r < 0)
			end_untold();
		if (r == 0)
			return;
		if (r != program)
			continue;
		if ((status & 0x7f) == 0)
			end(NUC_REPORT_EXITED, (status >> 8) & 0xff);
		end(NUC_REPORT_SIGNALLED, status & 0x7f);
	}
}

/* struct signalfd_siginfo, as far as it is needed. */
struct signal_info {
	uint32_t signo;
	int32_t error, code;
	uint32_t rest[5];
	int32_t overrun;
	uint32_t trapno;
	int32_t status, value;
	uint8_t pad[80];
};
_Static_assert(sizeof(struct signal_info) == 128, "signalfd(2)");

static void pass_on(const struct signal_info *s, long program)
{
	int sig = (int)s->signo;

	/* SIGSTOP cannot be caught: the caller sends it wrapped in SIGRTMAX. */
	if (sig == SIGRTMAX_ && s->code == -1 /* SI_QUEUE */ && s->value == SIGSTOP_)
		sig = SIGSTOP_;
	/* Its process group if it leads one (it does until it calls setpgid), or just itself. */
	if (nuc_sys(__NR_kill, -program, sig) < 0)
		nuc_sys(__NR_kill, program, sig);
}

static void live(long program, long signals, int listener)
{
	struct {
		int32_t fd;
		int16_t events, revents;
	} fds[] = {
		{ (int32_t)signals, POLLIN, 0 },
		{ ctx.caller_fd, POLLIN, 0 }, /* readable: the calling process has ended */
		{ ctx.report_fd, 0, 0 },      /* POLLERR: the caller has closed the process object */
		{ listener, POLLIN, 0 }, /* a call that init is told of */
	};

	for (;;) {
		struct timespec64 left, *timeout = NULL;
		struct signal_info info;

		if (ctx.plan->timeout_ms) {
			uint64_t limit = (uint64_t)ctx.plan->timeout_ms * 1000;
			uint64_t passed = nuc_clock_us(1 /* CLOCK_MONOTONIC */) - started;

			if (passed >= limit)
				end(NUC_REPORT_TIMEOUT, 0);
			left.sec = (int64_t)((limit - passed) / 1000000);
			left.nsec = (int64_t)((limit - passed) % 1000000 * 1000);
			timeout = &left;
		}
		nuc_sys(__NR_ppoll, fds, 4, timeout, 0, 0);
		if (fds[1].revents || fds[2].revents)
			end_untold();
		/* One, then the others again: whoever floods init with calls delays nothing else. */
		if (fds[3].revents & POLLIN)
			nuc_observe_one();
		else if (fds[3].revents)
			fds[3].fd = -1; /* nobody is left who could be told of */
		if (!(fds[0].revents & POLLIN))
			continue;
		if (nuc_sys(__NR_read, signals, &info, sizeof(info)) != sizeof(info))
			continue;
		if (info.signo == SIGCHLD_)
			reap(program);
		else
			pass_on(&info, program);
	}
}

/* Maps a file of the caller's and lets go of its descriptor. */
static void *map(uint32_t fd, uint32_t size, int protection, int flags)
{
	long r = nuc_sys(__NR_mmap, 0, size, protection, flags | 0x8000 /* MAP_POPULATE */, fd, 0);

	nuc_sys(__NR_close, fd);
	if (r < 0 && r > -4096) {
		report_step(NUC_REPORT_FAILED, UINT32_MAX, (int32_t)-r);
		quit(127);
	}
	return (void *)r;
}

/* What a terminal or kill(0) sends to the caller's process group is the caller's to pass on. */
static void own_session(void)
{
	long r = nuc_sys(__NR_setsid);

	if (r < 0) {
		report_step(NUC_REPORT_FAILED, UINT32_MAX, (int32_t)-r);
		quit(127);
	}
}

__attribute__((noreturn, used)) static void init_main(long argc, char **argv)
{
	uint64_t all = ~0ull;
	uint32_t report_fd, plan_fd, size, caller_fd, status_fd, denials, log, orders, fork_at;
	const char *s;
	int listener, waits = 0;
	long r, signals, program = 0;

	if (argc < 2)
		quit(127);
	s = number(argv[1], &report_fd);
	s = number(s, &plan_fd);
	s = number(s, &size);
	s = number(s, &caller_fd);
	s = number(s, &status_fd);
	s = number(s, &denials);
	s = number(s, &log);
	number(s, &orders);
	ctx.report_fd = (int)report_fd;
	ctx.caller_fd = (int)caller_fd;
	ctx.denial_fd = (int)denials - 1;
	ctx.log_fd = (int)log - 1;
	ctx.control_fd = (int)orders - 1;
	ctx.init_fd = ctx.plan_fd = ctx.status_fd = -1;
	for (int i = 0; i < 3; i++)
		ctx.stdio[i] = -1;
	ctx.argv = argv + 2;
	ctx.envp = argv + argc + 1;
	/* The program must not have them. */
	if (nuc_sys(__NR_fcntl, report_fd, F_SETFD, FD_CLOEXEC) < 0 ||
	    nuc_sys(__NR_fcntl, caller_fd, F_SETFD, FD_CLOEXEC) < 0 ||
	    (ctx.denial_fd >= 0 && nuc_sys(__NR_fcntl, ctx.denial_fd, F_SETFD, FD_CLOEXEC) < 0) ||
	    (ctx.log_fd >= 0 && nuc_sys(__NR_fcntl, ctx.log_fd, F_SETFD, FD_CLOEXEC) < 0) ||
	    (ctx.control_fd >= 0 && nuc_sys(__NR_fcntl, ctx.control_fd, F_SETFD, FD_CLOEXEC) < 0))
		quit(127);
	ctx.plan = map(plan_fd, size, 1 /* PROT_READ */, 2 /* MAP_PRIVATE */);
	if (orders) {
		own_session();
		nuc_sys(__NR_close, report_fd);
		ctx.progress = map(status_fd, nuc_progress_size(ctx.plan), 3 /* PROT_READ | PROT_WRITE */,
				   1 /* MAP_SHARED */);
		nuc_sys(__NR_rt_sigprocmask, 2 /* SIG_SETMASK */, &all, 0, 8);
		status_fd = (uint32_t)nuc_follow_orders(&ctx, &waits); /* returns in each child */
		nuc_sys(__NR_munmap, ctx.progress, nuc_progress_size(ctx.plan));
	}
	progress = map(status_fd, nuc_progress_size(ctx.plan), 3 /* PROT_READ | PROT_WRITE */, 1 /* MAP_SHARED */);
	progress->exec_failed = 0; /* of an earlier launch */
	progress->listener = -1;
	ctx.progress = progress;
	if (!orders) {
		take_time(0);
		own_session();
	}
	/* Blocked signals wait for signalfd, also those that PID 1 would not be given otherwise. */
	nuc_sys(__NR_rt_sigprocmask, 2 /* SIG_SETMASK */, &all, 0, 8);
	/* An ignored SIGCHLD is inherited, and would make the kernel reap in our place. */
	{
		uint64_t dfl[4] = { 0, 0, 0, 0 };

		nuc_sys(__NR_rt_sigaction, SIGCHLD_, dfl, 0, 8);
	}

	if (orders) {
		r = nuc_run_rest(&ctx, &progress->step);
		if (r < 0) {
			report_step(NUC_REPORT_FAILED, progress->step, (int32_t)-r);
			quit(127);
		}
	}
	fork_at = run_until_fork(ctx.plan->first[NUC_PROG_INIT], 0);
	/* Before Linux 6.2 only a copy of this memory can do this, see emit_process.c. */
	waits = waits && nuc_plan_step(ctx.plan, fork_at)->arg[0];
	if (orders) {
		r = nuc_sys(__NR_mmap, 0, SPACE, 3 /* PROT_READ | PROT_WRITE */,
			    0x4022 /* MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE */, -1, 0);
		space = (char *)r;
		if (r > -4096 && r < 0)
			program = r;
		else if (waits)
			program = start_ahead(fork_at);
	}
	if (orders && program >= 0) {
		/* Both would wait for the other if this went unsaid. */
		if (report_step(NUC_REPORT_PREPARED, 0, 0) < 0)
			quit(127);
		if (waits)
			await_exec();
		else
			program = await_program();
		/* Until now it was in the maker's, by which the caller finds whom it was not told of. */
		own_session();
	}
	if (!orders)
		started = nuc_clock_us(1 /* CLOCK_MONOTONIC */);
	if (!waits && program >= 0)
		program = start_program(fork_at);
	if (program < 0) {
		report_step(NUC_REPORT_FAILED, fork_at, (int32_t)-program);
		quit(127);
	}
	if (progress->exec_failed) {
		report_step(NUC_REPORT_FAILED, progress->step, progress->error);
		quit(127);
	}
	if (ctx.done) {
		ctx.done[ctx.plan->first[NUC_PROG_INIT] + ctx.plan->n[NUC_PROG_INIT] - 1] =
			nuc_clock_ns(1 /* CLOCK_MONOTONIC */);
		if (progress->timed & NUC_TIMED_TICKS)
			progress->ticks[2] = nuc_ticks();
	}
	/* Whoever reads what the program writes sees its end with it, and whoever writes to it that it reads no more. */
	nuc_sys(__NR_close_range, 0, 2, 0);
	/* The page is the next launch's as soon as the caller has been told that this one is ready. */
	listener = progress->listener;
	nuc_sys(__NR_munmap, progress, nuc_progress_size(ctx.plan));
	nuc_observe_start(&ctx, listener, (int32_t)program);
	signals = nuc_sys(__NR_signalfd4, -1, &all, 8, O_CLOEXEC | O_NONBLOCK);
	if (signals < 0) {
		report_step(NUC_REPORT_FAILED, fork_at, (int32_t)-signals);
		quit(127);
	}
	/*
	 * From here on the caller's pidfd is watched. The parent-death signal would follow the calling
	 * thread, which may end long before its process does (prctl(2), PR_SET_PDEATHSIG): as soon as
	 * it has read the report.
	 */
	nuc_sys(__NR_prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0);
	report_step(NUC_REPORT_READY, 0, 0);
	live(program, signals, listener);
	__builtin_unreachable();
}

__asm__(".text\n"
	".globl _start\n"
	".type _start, @function\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov (%rsp), %rdi\n"
	"	lea 8(%rsp), %rsi\n"
	"	and $-16, %rsp\n"
	"	call init_main\n"
	"	hlt\n"
	".size _start, . - _start\n");
