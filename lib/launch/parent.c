/* SPDX-License-Identifier: MIT */
/* The caller's side of a launch: the rendezvous for copies, the report. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "failure.h"
#include "parent.h"

void nuc_await_end(int pidfd)
{
	siginfo_t si;

	/* ECHILD: the embedder ignores SIGCHLD, or has waited for all its children: it is gone then. */
	while (waitid(P_PIDFD, (id_t)pidfd, &si, WEXITED | __WALL) < 0 && errno == EINTR)
		;
	for (;;) {
		struct pollfd p = { .fd = pidfd, .events = POLLIN };

		if (poll(&p, 1, -1) >= 0 || errno != EINTR)
			return;
	}
}

/* And with it all of it. */
void nuc_end_sandbox(int pidfd)
{
	syscall(__NR_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	nuc_await_end(pidfd);
}

void nuc_carry_done(struct nuc_carry *c)
{
	nuc_closep(&c->inside);
	nuc_closep(&c->outside);
	nuc_tree_listing_free(c->base);
	*c = (struct nuc_carry){ .inside = -1, .outside = -1 };
}

void nuc_running_done(struct nuc_running *r, bool gone)
{
	if (!gone)
		nuc_end_sandbox(r->pidfd);
	nuc_closep(&r->pidfd);
	nuc_closep(&r->report_fd);
	nuc_closep(&r->denial_fd);
	nuc_closep(&r->audit_fd);
	nuc_shared_plan_unref(r->plan);
	nuc_carry_done(&r->carry);
	/* What the kernel does not let go of is left to the next collection. */
	(void)nuc_cgroup_remove(&r->group);
	nuc_cgroup_parent_unref(r->groups);
	nuc_timing_free(r->timing);
}

void nuc_launch_done(struct nuc_launch *l)
{
	if (l->pidfd >= 0) {
		nuc_end_sandbox(l->pidfd);
		close(l->pidfd);
	}
	for (int i = 0; i < 3; i++)
		nuc_closep(&l->stdio[i]);
	nuc_closep(&l->report_read);
	nuc_closep(&l->report_write);
	nuc_closep(&l->denial_read);
	nuc_closep(&l->denial_write);
	nuc_closep(&l->audit);
	/* Nothing has run: a file that is in the way of the next try would say nothing. */
	if (l->log >= 0) {
		close(l->log);
		unlink(nuc_plan_data(l->prepared->plan, l->prepared->plan->log));
	}
	nuc_closep(&l->caller);
	nuc_closep(&l->control);
	nuc_closep(&l->control_child);
	nuc_carry_done(&l->carry);
	(void)nuc_cgroup_remove(&l->group);
	if (l->shared)
		munmap(l->shared, sizeof(*l->shared));
	free(l->argv);
}

bool nuc_launch_owns(const struct nuc_launch *l, int fd)
{
	const int own[] = { l->report_read, l->report_write, l->denial_read,   l->denial_write, l->audit,
			    l->log,	    l->caller,	     l->control,       l->control_child, l->pidfd,
			    l->group.dir,   l->group.parent, l->carry.inside, l->carry.outside,
			    l->stdio[0],    l->stdio[1],     l->stdio[2] };

	for (size_t i = 0; i < NUC_ARRAY_SIZE(own); i++)
		if (fd == own[i])
			return true;
	return false;
}

static const struct nuc_context *told(const struct nuc_launch *l)
{
	return l->shared ? l->shared : &l->ctx;
}

/* ---- the group ---------------------------------------------------------------------------------------- */

static int make_group(struct nuc_launch *l, nucleus_error **ret_err)
{
	const struct nuc_plan *plan = l->prepared->plan;

	for (uint32_t i = 0; i < plan->n[NUC_PROG_HOST]; i++) {
		uint32_t step = plan->first[NUC_PROG_HOST] + i;
		const struct nuc_step *s = nuc_plan_step(plan, step);
		int r = 0;

		if (s->op == NUC_OP_CGROUP)
			r = nuc_cgroup_make(l->prepared->groups, &l->group);
		else if (s->op == NUC_OP_CGROUP_SET)
			r = nuc_cgroup_set(&l->group, nuc_plan_data(plan, s->arg[0]),
					   nuc_plan_data(plan, s->arg[1]));
		if (r < 0)
			return nuc_step_failed(plan, step, -r, NULL, ret_err);
		if (s->op == NUC_OP_CGROUP || s->op == NUC_OP_CGROUP_SET)
			nuc_stamp(&l->ctx, s, step);
	}
	return 0;
}

/* ---- clone ------------------------------------------------------------------------------------------- */

static int build_argv(struct nuc_launch *l, const char *const *argv)
{
	size_t n = 0;

	while (argv && argv[n])
		n++;
	l->argv = calloc(n + 3, sizeof(*l->argv));
	if (!l->argv)
		return -ENOMEM;
	snprintf(l->numbers, sizeof(l->numbers), "%d %d %u %d %d %d %d %d", l->report_write,
		 l->prepared->plan_fd, l->prepared->plan->size, l->caller, l->status->fd,
		 l->denial_write + 1, l->log + 1, l->kind == NUC_LAUNCH_MAKER ? l->control_child + 1 : 0);
	l->argv[0] = "nucleus-init";
	l->argv[1] = l->numbers;
	if (n)
		memcpy(l->argv + 2, argv, n * sizeof(*argv));
	return 0;
}

/* ---- copies ------------------------------------------------------------------------------------------- */

/* End of file cannot be waited for alone, as in await_ready(). */
int nuc_launch_receive(const struct nuc_launch *l)
{
	struct pollfd fds[] = { { .fd = l->control, .events = POLLIN },
				{ .fd = l->pidfd, .events = POLLIN } };
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	ssize_t n;
	int fd;

	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			return -errno;
	do
		n = recvmsg(l->control, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ECANCELED : -errno;
	c = CMSG_FIRSTHDR(&msg);
	if (n == 0 || !c || c->cmsg_type != SCM_RIGHTS)
		return -ECANCELED; /* the child failed before, and told why */
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return nuc_fd_above_stdio(fd);
}

/* The directory that the plan names, if it is still the one it was. */
static int open_source(const char *path, const struct nuc_bind *bind, nucleus_error **ret_err)
{
	const struct nuc_where where = { "launch", "copy", NULL,
					 "it was replaced since the policy was applied: apply it again" };
	struct stat st;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0) {
		int r = -errno;

		if (fd >= 0)
			close(fd);
		return nuc_fail(ret_err, r, &where, "cannot open %s: %s", path, strerror(-r));
	}
	if (st.st_dev != bind->dev || st.st_ino != bind->ino) {
		close(fd);
		return nuc_fail(ret_err, -ESTALE, &where, "%s is another directory now", path);
	}
	return nuc_fd_above_stdio(fd);
}

static int copy_one(struct nuc_launch *l, const struct nuc_step *s, nucleus_error **ret_err)
{
	const struct nuc_plan *plan = l->prepared->plan;
	const struct nuc_bind *bind = nuc_plan_data(plan, s->arg[1]);
	const bool back = s->flags & NUC_STEP_WRITE;
	const struct nuc_copy_params params = {
		.max_bytes = (int64_t)plan->copy_bytes,
		.max_files = (int64_t)plan->copy_files,
		.chown = plan->privileged,
		.uid = plan->host_uid,
		.gid = plan->host_gid,
		.what = nuc_plan_data(plan, s->arg[0]),
		/* Sockets of some daemon in a project are no reason to refuse the project. */
		.plain_only = true,
	};
	_cleanup_close_ int inside = -1, outside = -1;
	int r;

	inside = nuc_launch_receive(l);
	if (inside < 0)
		return inside;
	outside = open_source(nuc_plan_data(plan, bind->src), bind, ret_err);
	if (outside < 0)
		return outside;
	r = back ? nuc_tree_may_carry_back(outside, &params, ret_err) : 0;
	if (r < 0)
		return r;
	r = nuc_tree_copy(outside, inside, &params, back ? &l->carry.base : NULL, ret_err);
	if (r < 0)
		return r;
	if (back) {
		l->carry.inside = NUC_TAKE_FD(inside);
		l->carry.outside = NUC_TAKE_FD(outside);
		l->carry.params = params;
		l->carry.params.what = "--workspace";
	}
	return send(l->control, "", 1, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

static int copy_all(struct nuc_launch *l, nucleus_error **ret_err)
{
	const struct nuc_plan *plan = l->prepared->plan;

	for (uint32_t i = 0; i < plan->n[NUC_PROG_HOST]; i++) {
		const struct nuc_step *s = nuc_plan_step(plan, plan->first[NUC_PROG_HOST] + i);
		int r = s->op == NUC_OP_COPY ? copy_one(l, s, ret_err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- the report --------------------------------------------------------------------------------------- */

/* How far it came: init's page if the child came as far as executing it. */
static uint32_t step_reached(const struct nuc_launch *l)
{
	const struct nuc_plan *plan = l->prepared->plan;

	return told(l)->step + 1 < plan->first[NUC_PROG_INIT] ? told(l)->step : l->status->page->step;
}

/* End of file cannot be waited for alone: a child that another thread forks holds the write end as well. */
int nuc_launch_await(struct nuc_launch *l, uint32_t kind, const char *program, nucleus_error **ret_err)
{
	const struct nuc_plan *plan = l->prepared->plan;

	for (;;) {
		struct pollfd fds[] = { { .fd = l->report_read, .events = POLLIN },
					{ .fd = l->pidfd, .events = POLLIN } };
		struct nuc_report r;
		ssize_t n;

		if (poll(fds, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		/* It may have written and ended after the one was looked at and before the other was. */
		if (!(fds[0].revents & POLLIN) && fds[1].revents && poll(fds, 1, 0) < 0)
			continue;
		if (!(fds[0].revents & POLLIN)) {
			/* Nothing more to read, and it has ended or nobody can write any more. */
			if (nuc_cgroup_was_oom(&l->group))
				return nuc_launch_oom(plan, step_reached(l), ret_err);
			if (told(l)->error)
				return nuc_step_failed(plan, told(l)->step, told(l)->error, program, ret_err);
			return nuc_step_killed(plan, step_reached(l), ret_err);
		}
		n = read(l->report_read, &r, sizeof(r));
		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof(r))
			return n < 0 ? -errno : -EPROTO;
		if (r.kind == kind)
			return 0;
		return r.kind == NUC_REPORT_FAILED
			       ? nuc_step_failed(plan, r.step, r.value, program, ret_err)
			       : -EPROTO;
	}
}

/* ---- a launch ------------------------------------------------------------------------------------------ */

void nuc_launch_init(struct nuc_launch *l, const struct nuc_prepared *p, char *stack,
		     const struct nuc_status *status)
{
	*l = (struct nuc_launch){
		.prepared = p,
		.stack = stack,
		.status = status,
		.stdio = { -1, -1, -1 },
		.report_read = -1,
		.report_write = -1,
		.denial_read = -1,
		.denial_write = -1,
		.audit = -1,
		.log = -1,
		.caller = -1,
		.control = -1,
		.control_child = -1,
		.pidfd = -1,
		.carry = { .inside = -1, .outside = -1 },
		.group = NUC_CGROUP_NONE_YET,
	};
}

int nuc_launch_start(struct nuc_launch *l, const int stdio[3], const char *const *argv,
		     nucleus_error **ret_err)
{
	const struct nuc_where where = { .stage = "launch", .layer = "descriptors" };
	int r = nuc_launch_open(l, stdio);

	if (r == 0)
		r = build_argv(l, argv);
	if (r < 0)
		return nuc_fail(ret_err, r, &where, "cannot open what a launch needs: %s", strerror(-r));
	if (l->kind == NUC_LAUNCH)
		nuc_launch_opened(l);
	r = l->kind == NUC_LAUNCH ? make_group(l, ret_err) : 0;
	if (r < 0)
		return r;
	r = nuc_launch_clone(l);
	if (r < 0)
		return nuc_clone_failed(-r, ret_err);
	nuc_launch_close_childs(l);
	return 0;
}

void nuc_launch_opened(struct nuc_launch *l)
{
	struct nuc_progress *page = l->status->page;

	nuc_timing_start(page, l->status->size, l->prepared->timed);
	if (!l->prepared->timed)
		return;
	l->ctx.progress = page;
	l->ctx.done = page->done;
	l->opened_ns = (uint64_t)nuc_now_ns();
}

int nuc_launch_open_made(struct nuc_launch *l)
{
	int r = nuc_launch_open(l, NULL);

	l->ctx.step = l->prepared->plan->first[NUC_PROG_INIT]; /* its page tells how far it came */
	return r < 0 ? r : make_group(l, NULL);
}

void nuc_launch_close_childs(struct nuc_launch *l)
{
	nuc_closep(&l->report_write);
	nuc_closep(&l->denial_write);
	nuc_closep(&l->control_child);
	l->report_write = l->denial_write = l->control_child = -1;
}

int nuc_launch_finish(struct nuc_launch *l, const char *program, int64_t started, struct nuc_running *ret,
		      nucleus_error **ret_err)
{
	const struct nuc_where where = { .stage = "launch", .layer = "memory" };
	const struct nuc_prepared *p = l->prepared;
	struct nuc_timing *timing = NULL;
	int program_pid, r = nuc_launch_await(l, NUC_REPORT_READY, program, ret_err);

	if (r < 0)
		return r;
	if (p->timed) {
		const struct nuc_moments m = { (uint64_t)started, l->opened_ns, (uint64_t)nuc_now_ns(),
					       l->kind == NUC_LAUNCH_MADE };

		r = nuc_timing_new(p->plan, &m, l->status->page, &timing);
	}
	if (r < 0)
		return nuc_fail(ret_err, r, &where, "out of memory");
	program_pid = nuc_launch_program_pid(l);
	*ret = (struct nuc_running){
		.pidfd = NUC_TAKE_FD(l->pidfd),
		.report_fd = NUC_TAKE_FD(l->report_read),
		.program_pid = program_pid,
		.audit_fd = NUC_TAKE_FD(l->audit),
		.denial_fd = NUC_TAKE_FD(l->denial_read),
		.pid = l->pid,
		.launch_us = (uint64_t)(nuc_now_ns() - started) / 1000,
		.plan = nuc_shared_plan_ref(p->shared),
		.carry = l->carry,
		.groups = p->groups ? nuc_cgroup_parent_ref(p->groups) : NULL,
		.group = l->group,
		.timing = timing,
	};
	/* From here on it is init's. */
	if (l->log >= 0)
		close(NUC_TAKE_FD(l->log));
	l->group = NUC_CGROUP_NONE_YET;
	l->carry = (struct nuc_carry){ .inside = -1, .outside = -1 };
	return 0;
}

/* From the opening of what it needs to where the program runs. */
static int launch(struct nuc_launch *l, const int stdio[3], const char *const *argv, int64_t started,
		  struct nuc_running *ret, nucleus_error **ret_err)
{
	nucleus_error *err = NULL;
	int r = nuc_launch_open_log(l, ret_err);

	if (r == 0)
		r = nuc_launch_start(l, stdio, argv, ret_err);
	if (r < 0)
		return r;
	r = l->control >= 0 ? copy_all(l, &err) : 0;
	if (r < 0 && err) {
		if (ret_err)
			*ret_err = err;
		else
			nucleus_error_free(err);
		return r;
	}
	/* A child that still waits for copies is told that there will be none: it has a copy of our
	 * end, so that closing that would tell it nothing. */
	if (l->control >= 0)
		shutdown(l->control, SHUT_RDWR);
	return nuc_launch_finish(l, argv[0], started, ret, ret_err);
}

/* If not, nothing of the program has run. */
static bool came_to_exec(const struct nuc_launch *l)
{
	const struct nuc_plan *plan = l->prepared->plan;

	return step_reached(l) == plan->first[NUC_PROG_INIT] + plan->n[NUC_PROG_INIT] - 1;
}

int nuc_launch(struct nuc_prepared *p, const int stdio[3], const char *const *argv,
	       struct nuc_running *ret, nucleus_error **ret_err)
{
	const struct nuc_where where = { .stage = "launch", .layer = "memory" };
	_cleanup_(nuc_launch_done) struct nuc_launch l;
	int64_t started = nuc_now_ns();
	nucleus_error *err = NULL;
	int r = nuc_launch_check(p, stdio, ret_err);

	nuc_launch_init(&l, p, p->stack, &p->status);
	if (r < 0)
		return r;
	r = nuc_status_own(&p->status, &p->owner);
	if (r < 0)
		return nuc_fail(ret_err, r, &where, "cannot make a memory file: %s", strerror(-r));
	r = p->pool ? nuc_pool_launch(p->pool, stdio, argv, started, ret, ret_err) : 1;
	if (r <= 0)
		return r;
	/* An earlier launch may have come to the exec. */
	p->status.page->step = p->plan->first[NUC_PROG_INIT];
	l.copies = nuc_kept_is_ready(p);
	r = launch(&l, stdio, argv, started, ret, &err);
	/* It may have failed for the root that it was to copy, or for the descriptors that are held for that. */
	if (r < 0 && !came_to_exec(&l) && (l.copies || (r == -EMFILE && p->kept.mounts >= 0))) {
		nuc_kept_give_up(p, r);
		nuc_launch_done(&l);
		nuc_launch_init(&l, p, p->stack, &p->status);
		nucleus_error_free(err);
		err = NULL;
		r = launch(&l, stdio, argv, started, ret, &err);
	}
	if (r < 0 && ret_err)
		*ret_err = err;
	else
		nucleus_error_free(err);
	return r;
}
