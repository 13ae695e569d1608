/* SPDX-License-Identifier: MIT */
#include <linux/ioctl.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "denial.h"
#include "process.h"

/* Inferred refusals that wait for Landlock's own word, and words that were told. More are told as they come. */
#define HELD 16
#define TOLD 16

/* What the kernel says of the layers, beside what init says. */
struct kernel_word {
	struct nuc_audit_log *log;
	uint64_t started_us;	/* CLOCK_REALTIME */
	bool has_said;
	struct nuc_landlock_record said; /* the next to tell */
	nucleus_denial *held[HELD];
	struct nuc_landlock_record told[TOLD];
	unsigned int next;	/* in told */
};

struct nucleus_process {
	struct nuc_running running;
	bool ended;		/* the outcome is known */
	bool gone;		/* so is init, with all that the kernel held for the sandbox */
	int outcome, code;
	bool has_report;
	struct nuc_report report;
	bool carried;
	int carry_result;
	int denials;		/* an epoll descriptor: what would have something to tell; -1: not asked for */
	struct kernel_word *kernel; /* or NULL: nobody may read it, or it says nothing */
	bool heard_all;		/* init has told what it had to tell */
	bool told_killed;
	uint32_t lost;		/* by the kernel's log */
	unsigned int ends;	/* what was told of the end */
};

static void kernel_free(struct kernel_word *k)
{
	if (!k)
		return;
	nuc_audit_log_free(k->log);
	for (size_t i = 0; i < HELD; i++)
		nucleus_denial_free(k->held[i]);
	free(k);
}

/* Without memory it is done without: then all is told as init says it. */
static struct kernel_word *kernel_new(struct nuc_running *running)
{
	struct kernel_word *k = calloc(1, sizeof(*k));
	struct timespec now;

	if (k)
		k->log = nuc_audit_log_new(NUC_TAKE_FD(running->audit_fd), running->pid, running->program_pid);
	if (!k || !k->log) {
		nuc_closep(&running->audit_fd);
		running->audit_fd = -1;
		free(k);
		return NULL;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	k->started_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	return k;
}

int nuc_process_new(const struct nuc_running *running, nucleus_process **ret)
{
	nucleus_process *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->running = *running;
	p->denials = -1;
	if (running->audit_fd >= 0)
		p->kernel = kernel_new(&p->running);
	*ret = p;
	return 0;
}

int nucleus_process_pid(const nucleus_process *p)
{
	return p->running.pid;
}

int nucleus_process_pidfd(const nucleus_process *p)
{
	return p->running.pidfd;
}

/* Reads init's last record. What it wrote before its end is in the pipe by now, or never will be. */
static bool read_report(int fd, struct nuc_report *ret)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		struct nuc_report r;

		if (poll(&p, 1, 0) < 1 || !(p.revents & POLLIN))
			return false;
		if (read(fd, &r, sizeof(r)) != sizeof(r))
			return false;
		if (r.kind == NUC_REPORT_EXITED || r.kind == NUC_REPORT_SIGNALLED ||
		    r.kind == NUC_REPORT_TIMEOUT) {
			*ret = r;
			return true;
		}
	}
}

static void take_report(nucleus_process *p)
{
	p->ended = true;
	p->outcome = p->report.kind == NUC_REPORT_EXITED      ? NUCLEUS_OUTCOME_EXITED
		     : p->report.kind == NUC_REPORT_SIGNALLED ? NUCLEUS_OUTCOME_SIGNALLED
							      : NUCLEUS_OUTCOME_TIMEOUT;
	p->code = p->report.value;
}

static void learn_outcome(nucleus_process *p)
{
	siginfo_t si = { 0 };
	int r;

	/* Our own child only. It may be gone already: the embedder may ignore SIGCHLD or wait for all. */
	do
		r = waitid(P_PIDFD, (id_t)p->running.pidfd, &si, WEXITED | __WALL);
	while (r < 0 && errno == EINTR);
	p->ended = p->gone = true;
	if (!p->has_report)
		p->has_report = read_report(p->running.report_fd, &p->report);
	if (p->running.timing)
		nuc_timing_end(p->running.timing, p->has_report ? p->report.ended_ns : 0, (uint64_t)nuc_now_ns());
	if (p->has_report) {
		take_report(p);
		return;
	}
	p->outcome = NUCLEUS_OUTCOME_KILLED;
	p->code = r == 0 && si.si_code != CLD_EXITED ? si.si_status : 0;
}

/* As above, and asks the group: the kernel ended all of it, while init told of the program's end. */
static void learn_end(nucleus_process *p)
{
	learn_outcome(p);
	if (p->kernel)
		nuc_audit_log_end(p->kernel->log,
				  p->has_report ? p->kernel->started_us + p->report.wall_us : 0);
	if (!nuc_cgroup_was_oom(&p->running.group))
		return;
	p->outcome = NUCLEUS_OUTCOME_OOM;
	p->code = SIGKILL;
}

/*
 * Whether init's word may do, so that the kernel's tear-down of mounts and namespaces need not be waited for: unless
 * that is what is measured, or others may have more to say (the group, the kernel's log).
 */
static bool heeds_report(const nucleus_process *p)
{
	return !p->has_report && !p->running.timing && !p->kernel && p->running.group.dir < 0;
}

/* Waits until the outcome can be known, and learns it. 0, -ETIMEDOUT, or the errno of poll. */
static int await_end(nucleus_process *p, int timeout_ms)
{
	struct pollfd fds[] = { { .fd = p->running.pidfd, .events = POLLIN },
				{ .fd = heeds_report(p) ? p->running.report_fd : -1, .events = POLLIN } };
	int64_t until = nuc_now_ms() + timeout_ms;

	for (;;) {
		int64_t left = timeout_ms < 0 ? -1 : until - nuc_now_ms();
		int n = poll(fds, 2, left < 0 && timeout_ms >= 0 ? 0 : (int)left);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return -ETIMEDOUT;
		if (n < 0)
			continue;
		if (fds[0].revents) {
			learn_end(p);
			return 0;
		}
		/* There is but this one, or none: then init ends without a word. */
		fds[1].fd = -1;
		p->has_report = read_report(p->running.report_fd, &p->report);
		if (p->has_report && p->report.alone) {
			take_report(p);
			return 0;
		}
	}
}

static int carry_back(nucleus_process *p, nucleus_error **ret_err)
{
	const struct nuc_where where = { .stage = "run", .layer = "copy" };
	struct nuc_carry *c = &p->running.carry;

	if (p->carry_result < 0)
		return nuc_fail(ret_err, p->carry_result, &where,
				"the workspace was not carried back, as the first wait said");
	if (p->carried || c->inside < 0)
		return 0;
	p->carried = true;
	p->carry_result = nuc_tree_carry_back(c->inside, c->outside, c->base, &c->params, ret_err);
	nuc_carry_done(c);
	return p->carry_result;
}

int nucleus_process_wait(nucleus_process *p, int timeout_ms, int *ret_outcome, int *ret_code,
			 nucleus_error **ret_err)
{
	const struct nuc_where where = { .stage = "run", .layer = "process" };
	int r;

	if (!p->ended) {
		r = await_end(p, timeout_ms);
		if (r < 0)
			return nuc_fail(ret_err, r, &where,
					r == -ETIMEDOUT ? "the sandbox is still running"
							: "cannot wait for the sandbox");
	}
	r = carry_back(p, ret_err);
	if (ret_outcome)
		*ret_outcome = p->outcome;
	if (ret_code)
		*ret_code = p->code;
	return r;
}

int nucleus_process_signal(nucleus_process *p, int sig)
{
	siginfo_t si = { 0 };

	if (sig < 1 || sig > 64)
		return -EINVAL;
	if (p->ended)
		return -ESRCH;
	if (sig == SIGSTOP) {
		/* It would stop init, which is to pass it on: init knows this envelope. */
		sig = 64;
		si.si_signo = sig;
		si.si_code = SI_QUEUE;
		si.si_pid = getpid();
		si.si_uid = getuid();
		si.si_value.sival_int = SIGSTOP;
	}
	if (syscall(__NR_pidfd_send_signal, p->running.pidfd, sig, si.si_signo ? &si : NULL, 0) < 0)
		return -errno;
	return 0;
}

static bool has_ended(const nucleus_process *p)
{
	struct pollfd fd = { .fd = p->running.pidfd, .events = POLLIN };

	return poll(&fd, 1, 0) > 0;
}

static int freeze(nucleus_process *p, bool frozen)
{
	if (p->running.group.dir < 0)
		return -EOPNOTSUPP;
	if (p->ended || has_ended(p))
		return -ESRCH;
	return nuc_cgroup_freeze(&p->running.group, frozen);
}

int nucleus_process_freeze(nucleus_process *p)
{
	return freeze(p, true);
}

int nucleus_process_thaw(nucleus_process *p)
{
	return freeze(p, false);
}

/* ---- what was refused ------------------------------------------------------------------------- */

/* Nobody waits for what is behind one descriptor and then another: the epoll descriptor stays. */
static int watch(const nucleus_process *p, int op, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return p->denials < 0 || epoll_ctl(p->denials, op, fd, &event) == 0 ? 0 : -errno;
}

int nucleus_process_denial_fd(nucleus_process *p)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (p->running.denial_fd < 0 || p->denials >= 0)
		return p->denials;
	fd = epoll_create1(EPOLL_CLOEXEC);
	if (fd < 0)
		return -errno;
	fd = nuc_fd_above_stdio(fd);
	if (fd < 0)
		return fd;
	p->denials = fd;
	r = watch(p, EPOLL_CTL_ADD, p->running.pidfd);
	if (r == 0 && !p->heard_all)
		r = watch(p, EPOLL_CTL_ADD, p->running.denial_fd);
	if (r == 0 && p->kernel)
		r = watch(p, EPOLL_CTL_ADD, nuc_audit_log_fd(p->kernel->log));
	if (r < 0) {
		p->denials = -1;
		return r;
	}
	return NUC_TAKE_FD(fd);
}

/* From init's pipe. 0, -EAGAIN, -ENODATA at its end, or -errno. */
static int next_record(nucleus_process *p, nucleus_denial **ret)
{
	struct nuc_denial_record r;

	for (;;) {
		ssize_t n = read(p->running.denial_fd, &r, sizeof(r));
		int e;

		if (n < 0 && errno == EINTR)
			continue;
		/* Before its outcome init has written all. Who else holds the pipe, forked while it was made, writes nothing. */
		if (n == 0 || (n < 0 && errno == EAGAIN && p->ended))
			return -ENODATA;
		if (n < 0)
			return -errno;
		/* Init writes records whole. Its last breath may be none. */
		if (n != sizeof(r))
			continue;
		e = nuc_denial_of_record(p->running.plan->plan, &r, ret);
		p->told_killed |= r.kind == NUC_DENIAL_KILLED;
		if (e != -ENOENT && e != -EBADMSG)
			return e;
	}
}

/* What the group and the outcome say. */
static int next_of_end(nucleus_process *p, nucleus_denial **ret)
{
	const struct nuc_denial_end end = { .outcome = p->outcome,
					    .code = p->code,
					    .group = &p->running.group,
					    .dropped = (p->has_report ? p->report.dropped : 0) + p->lost,
					    .told_killed = p->told_killed };

	while (p->ends < NUC_DENIAL_ENDS) {
		int r = nuc_denial_of_end(p->running.plan->plan, &end, p->ends++, ret);

		if (r != -ENOENT)
			return r;
	}
	return -ENODATA;
}

/* ---- and what Landlock says of it itself ------------------------------------------------------ */

static void listen_to_kernel(nucleus_process *p)
{
	struct kernel_word *k = p->kernel;
	int r;

	if (k->has_said)
		return;
	/* Before, so that what others do afterwards is not taken for this sandbox's. */
	if (!p->ended && has_ended(p))
		learn_end(p);
	r = nuc_audit_log_next(k->log, &k->said);
	k->has_said = r == 0;
	p->lost += r == -ENOBUFS;
}

static bool was_told(const struct kernel_word *k, const struct nuc_landlock_record *r)
{
	for (size_t i = 0; i < TOLD; i++)
		if (k->told[i].refused == r->refused && !strcmp(k->told[i].target, r->target))
			return true;
	return false;
}

/* Whether it need not be told now: it has been told, or may become certain. */
static bool hold_back(struct kernel_word *k, nucleus_denial *d)
{
	if (!nuc_denial_awaits_landlock(d))
		return false;
	for (size_t i = 0; i < TOLD; i++)
		if (k->told[i].refused && nuc_denial_is_of(d, &k->told[i])) {
			nucleus_denial_free(d);
			return true;
		}
	for (size_t i = 0; i < HELD; i++)
		if (!k->held[i]) {
			k->held[i] = d;
			return true;
		}
	return false;
}

/*
 * Landlock's word, once. Init knew more of it before, if it was told: who, and the whole name; the pipe has
 * been read since the word came, and init writes before it lets a call go on. -EAGAIN: told before.
 */
static int tell_said(nucleus_process *p, nucleus_denial **ret)
{
	struct kernel_word *k = p->kernel;
	int r;

	k->has_said = false;
	if (was_told(k, &k->said))
		return -EAGAIN;
	k->told[k->next] = k->said;
	k->next = (k->next + 1) % TOLD;
	for (size_t i = 0; i < HELD; i++) {
		if (!k->held[i] || !nuc_denial_is_of(k->held[i], &k->said))
			continue;
		/* What sort of file was to be made is not in what was inferred: a rule for another would not do. */
		if (k->said.refused & NUC_REFUSED_MAKES && !(k->said.refused & NUC_LL_MAKE_REG)) {
			nucleus_denial_free(NUC_TAKE_PTR(k->held[i]));
			break;
		}
		r = nuc_denial_make_certain(k->held[i]);
		if (r == 0)
			*ret = NUC_TAKE_PTR(k->held[i]);
		return r;
	}
	return nuc_denial_of_landlock(p->running.plan->plan, &k->said, ret);
}

/* At the end: what the kernel did not say anything of stays inferred. -EAGAIN: no more. */
static int tell_held(nucleus_process *p, nucleus_denial **ret)
{
	for (size_t i = 0; i < HELD; i++)
		if (p->kernel->held[i]) {
			*ret = NUC_TAKE_PTR(p->kernel->held[i]);
			return 0;
		}
	kernel_free(NUC_TAKE_PTR(p->kernel));
	return -EAGAIN;
}

/* From init and from the kernel. 0, -EAGAIN, -ENODATA when init will say no more, -ENOMEM. */
static int next_of_both(nucleus_process *p, nucleus_denial **ret)
{
	for (;;) {
		int r = -ENODATA;

		if (p->kernel)
			listen_to_kernel(p);
		while (!p->heard_all && (r = next_record(p, ret)) == 0)
			if (!p->kernel || !hold_back(p->kernel, *ret))
				return 0;
		if ((r != -EAGAIN && r != -ENODATA) || !p->kernel)
			return r;
		if (p->kernel->has_said) {
			int said = tell_said(p, ret);

			if (said != -EAGAIN)
				return said;
			continue;
		}
		return r == -ENODATA && p->ended && tell_held(p, ret) == 0 ? 0 : r;
	}
}

int nucleus_process_next_denial(nucleus_process *p, nucleus_denial **ret)
{
	nucleus_denial *d = NULL;
	int r;

	if (p->running.denial_fd < 0)
		return -ENODATA;
	r = next_of_both(p, &d);
	if (r == -EAGAIN && !p->ended && has_ended(p)) {
		learn_end(p);
		r = next_of_both(p, &d);
	}
	if (r == 0)
		*ret = d;
	if (r != -ENODATA)
		return r;
	if (!p->heard_all) {
		/* The pipe would be readable for ever, and the end can take a while. */
		p->heard_all = true;
		watch(p, EPOLL_CTL_DEL, p->running.denial_fd);
	}
	if (!p->ended) {
		if (!has_ended(p))
			return -EAGAIN;
		learn_end(p);
	}
	r = next_of_end(p, ret);
	if (r == -ENODATA)
		watch(p, EPOLL_CTL_DEL, p->running.pidfd);
	return r;
}

/* ---- figures ---------------------------------------------------------------------------------- */

/* What init reports at the end, or the caller measured; the others are of the group. */
static const struct figure {
	const char *name, *help;
	bool at_end;
	size_t offset; /* in nucleus_process, of a uint64_t */
	unsigned int factor;
} figures[] = {
#define AT(field) offsetof(struct nucleus_process, field)
	{ "launch-time-us", "from the call of spawn to the program's start", false,
	  AT(running.launch_us), 1 },
	{ "wall-time-us", "from the program's start to its end", true, AT(report.wall_us), 1 },
	{ "user-time-us", "processor time in programs", true, AT(report.utime_us), 1 },
	{ "system-time-us", "processor time in the kernel", true, AT(report.stime_us), 1 },
	{ "max-rss-bytes", "the largest resident set of any process", true, AT(report.maxrss_kb), 1024 },
#undef AT
};

const char *nucleus_stats_attr(size_t index, const char *attr)
{
	const struct nuc_cgroup_figure *f = NULL;

	if (index >= NUC_ARRAY_SIZE(figures))
		f = nuc_cgroup_figure(index - NUC_ARRAY_SIZE(figures));
	if (!attr || (index >= NUC_ARRAY_SIZE(figures) && !f))
		return NULL;
	if (!strcmp(attr, "name"))
		return f ? f->name : figures[index].name;
	if (!strcmp(attr, "help"))
		return f ? f->help : figures[index].help;
	return NULL;
}

static int own_figure(const nucleus_process *p, const struct figure *f, uint64_t *ret)
{
	if (f->at_end && !p->ended)
		return -EAGAIN;
	if (f->at_end && !p->has_report)
		return -ENODATA;
	*ret = *(const uint64_t *)((const char *)p + f->offset) * f->factor;
	return 0;
}

/* By its place in the table. */
static int figure_at(const nucleus_process *p, size_t index, uint64_t *ret)
{
	const struct nuc_cgroup_figure *f;

	if (index < NUC_ARRAY_SIZE(figures))
		return own_figure(p, &figures[index], ret);
	f = nuc_cgroup_figure(index - NUC_ARRAY_SIZE(figures));
	return !f				? -ENOENT
	       : p->running.group.dir < 0	? -ENODATA
						: nuc_cgroup_read(&p->running.group, f, ret);
}

int nucleus_process_stats(const nucleus_process *p, const char *name, uint64_t *ret)
{
	const char *known;

	for (size_t i = 0; (known = nucleus_stats_attr(i, "name")); i++)
		if (!strcmp(known, name))
			return figure_at(p, i, ret);
	return -ENOENT;
}

size_t nucleus_process_all_stats(const nucleus_process *p, uint64_t *ret, size_t n)
{
	size_t known = NUC_ARRAY_SIZE(figures);

	while (nuc_cgroup_figure(known - NUC_ARRAY_SIZE(figures)))
		known++;
	for (size_t i = 0; i < n && i < known; i++)
		if (figure_at(p, i, &ret[i]) < 0)
			ret[i] = UINT64_MAX;
	return known;
}

int nucleus_process_timing(nucleus_process *p, size_t index, const char **ret_side, const char **ret_what,
			   uint64_t *ret_ns)
{
	int r;

	if (!p->running.timing)
		return -ENODATA;
	r = nuc_timing_row(p->running.timing, p->running.plan->plan, index, ret_side, ret_what, ret_ns);
	return r == -ENOENT && !p->ended ? -EAGAIN : r;
}

void nucleus_process_close(nucleus_process *p)
{
	if (!p)
		return;
	nuc_running_done(&p->running, p->gone);
	nuc_closep(&p->denials);
	kernel_free(p->kernel);
	free(p);
}
