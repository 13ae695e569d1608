/* SPDX-License-Identifier: MIT */
/* A running sandbox: its signals, its end, its figures. */
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "process_internal.h"

int nuc_process_new(const struct nuc_running *running, nucleus_process **ret)
{
	nucleus_process *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->running = *running;
	p->owner = nuc_owner_now();
	p->denials = -1;
	if (running->audit_fd >= 0)
		p->kernel = nuc_kernel_word_new(&p->running);
	*ret = p;
	return 0;
}

bool nuc_process_is_own(const nucleus_process *p)
{
	return nuc_owner_is_now(&p->owner);
}

int nucleus_process_pid(const nucleus_process *p)
{
	return p ? p->running.pid : -EINVAL;
}

int nucleus_process_pidfd(const nucleus_process *p)
{
	return p ? p->running.pidfd : -EINVAL;
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
		nuc_kernel_word_end(p->kernel, p->has_report ? &p->report : NULL);
	if (!nuc_cgroup_was_oom(&p->running.group))
		return;
	p->outcome = NUCLEUS_OUTCOME_OOM;
	p->code = SIGKILL;
}

static bool has_ended(const nucleus_process *p)
{
	struct pollfd fd = { .fd = p->running.pidfd, .events = POLLIN };

	return poll(&fd, 1, 0) > 0;
}

bool nuc_process_is_over(nucleus_process *p)
{
	if (!p->ended && has_ended(p))
		learn_end(p);
	return p->ended;
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

/* Once; what came of it is told each time. */
static int carry_back(nucleus_process *p, nucleus_error **ret_err)
{
	struct nuc_carry *c = &p->running.carry;

	if (!p->carried && c->inside >= 0) {
		p->carried = true;
		p->carry_result = nuc_tree_carry_back(c->inside, c->outside, c->base, &c->params,
						      &p->carry_error);
		nuc_carry_done(c);
	}
	if (p->carry_result < 0) {
		const nucleus_error *e = p->carry_error;
		const struct nuc_where where = { nucleus_error_stage(e), nucleus_error_layer(e),
						 nucleus_error_origin(e), nucleus_error_hint(e) };

		return nuc_fail(ret_err, p->carry_result, &where, "%s", nucleus_error_message(e));
	}
	return 0;
}

int nucleus_process_wait(nucleus_process *p, int timeout_ms, int *ret_outcome, int *ret_code,
			 nucleus_error **ret_err)
{
	const struct nuc_where where = { .stage = "run", .layer = "process" };
	int r;

	if (!p)
		return nuc_fail(ret_err, -EINVAL, &where, "a process is wanted, not NULL");
	/* Who computes what is left of his time shall not wait without end for having none. */
	if (timeout_ms < -1)
		return nuc_fail(ret_err, -EINVAL, &where,
				"a time to wait is wanted, 0 or more, or -1 for no end, not %d", timeout_ms);
	if (!nuc_process_is_own(p))
		return nuc_fail(ret_err, -ECHILD, &where, "the sandbox was started by another process");
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

	/* What other threads change meanwhile is not read here, but for `ended`; the pidfd stays, and is nobody else's. */
	if (!p || sig < 1 || sig > 64)
		return -EINVAL;
	if (!nuc_process_is_own(p))
		return -ECHILD;
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

static int freeze(nucleus_process *p, bool frozen)
{
	if (!p)
		return -EINVAL;
	if (!nuc_process_is_own(p))
		return -ECHILD;
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

	if (!p || !name)
		return -EINVAL;
	for (size_t i = 0; (known = nucleus_stats_attr(i, "name")); i++)
		if (!strcmp(known, name))
			return figure_at(p, i, ret);
	return -ENOENT;
}

size_t nucleus_process_all_stats(const nucleus_process *p, uint64_t *ret, size_t n)
{
	size_t known = NUC_ARRAY_SIZE(figures);

	if (!p)
		return 0;
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

	if (!p)
		return -EINVAL;
	if (!p->running.timing)
		return -ENODATA;
	r = nuc_timing_row(p->running.timing, p->running.plan->plan, index, ret_side, ret_what, ret_ns);
	return r == -ENOENT && !p->ended ? -EAGAIN : r;
}

void nucleus_process_close(nucleus_process *p)
{
	if (!p)
		return;
	if (!nuc_process_is_own(p)) {
		/* Neither ended nor removed: these are copies of the descriptors, and init's pipe has the owner's end. */
		nuc_closep(&p->running.group.dir);
		nuc_closep(&p->running.group.parent);
		p->running.group = NUC_CGROUP_NONE_YET;
		p->gone = true;
	}
	nuc_running_done(&p->running, p->gone);
	nuc_closep(&p->denials);
	nuc_kernel_word_free(p->kernel);
	nucleus_error_free(p->carry_error);
	free(p);
}
