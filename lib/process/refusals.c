/* SPDX-License-Identifier: MIT */
/* What was refused in a sandbox: init's records, the kernel's word, and what limits did, as one stream. */
#include <sys/epoll.h>
#include <time.h>

#include "denial.h"
#include "process_internal.h"

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

void nuc_kernel_word_free(struct kernel_word *k)
{
	if (!k)
		return;
	nuc_audit_log_free(k->log);
	for (size_t i = 0; i < HELD; i++)
		nucleus_denial_free(k->held[i]);
	free(k);
}

struct kernel_word *nuc_kernel_word_new(struct nuc_running *running)
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

void nuc_kernel_word_end(struct kernel_word *k, const struct nuc_report *report)
{
	nuc_audit_log_end(k->log, report ? k->started_us + report->wall_us : 0);
}

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

	if (!p)
		return -EINVAL;
	if (!nuc_process_is_own(p))
		return -ECHILD;
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
	nuc_process_is_over(p);
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
	nuc_kernel_word_free(NUC_TAKE_PTR(p->kernel));
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

	if (!p)
		return -EINVAL;
	if (!nuc_process_is_own(p))
		return -ECHILD;
	if (p->running.denial_fd < 0)
		return -ENODATA;
	r = next_of_both(p, &d);
	if (r == -EAGAIN && !p->ended && nuc_process_is_over(p))
		r = next_of_both(p, &d);
	if (r == 0)
		*ret = d;
	if (r != -ENODATA)
		return r;
	if (!p->heard_all) {
		/* The pipe would be readable for ever, and the end can take a while. */
		p->heard_all = true;
		watch(p, EPOLL_CTL_DEL, p->running.denial_fd);
	}
	if (!nuc_process_is_over(p))
		return -EAGAIN;
	r = next_of_end(p, ret);
	if (r == -ENODATA)
		watch(p, EPOLL_CTL_DEL, p->running.pidfd);
	return r;
}
