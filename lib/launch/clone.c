/* SPDX-License-Identifier: MIT */
/* The caller's side of a launch: how the child comes to be, in the caller's memory. */
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "parent.h"
#include "raw.h"

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif
/* What it needs to build a root. The sandboxes that it makes have all of the plan's again, for themselves. */
#define OF_A_MAKER ((uint64_t)(CLONE_NEWUSER | CLONE_NEWNS))
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

static void tell_child(struct nuc_launch *l)
{
	const struct nuc_prepared *p = l->prepared;
	const struct nuc_plan *plan = p->plan;

	l->ctx.plan = plan;
	memcpy(l->ctx.slots, p->slots, sizeof(l->ctx.slots));
	l->ctx.init_fd = p->init_fd;
	l->ctx.plan_fd = p->plan_fd;
	l->ctx.status_fd = l->status->fd;
	l->ctx.report_fd = l->report_write;
	l->ctx.caller_fd = l->caller;
	l->ctx.denial_fd = l->denial_write;
	l->ctx.log_fd = l->log;
	l->ctx.control_fd = l->control_child;
	l->ctx.argv = (char *const *)l->argv;
	l->ctx.envp = (char *const *)p->envp;
	l->ctx.keeps = l->kind == NUC_LAUNCH_KEEP;
	l->ctx.root_fd = l->copies ? p->kept.fd : -1;
	l->ctx.users_fd = l->copies ? p->kept.users : -1;
	l->ctx.root = p->kept.root;
	l->ctx.kept = p->kept.steps;
	l->ctx.sources = l->sources;
	if (l->kind != NUC_LAUNCH_MAKER && l->kind != NUC_LAUNCH_KEEP)
		return;
	/* Of itself to itself: the plan's own maps, which name it as it is outside, hold one level below. */
	snprintf(l->maps[0], sizeof(l->maps[0]), "%u %u 1", plan->host_uid, plan->host_uid);
	snprintf(l->maps[1], sizeof(l->maps[1]), "%u %u 1", plan->host_gid, plan->host_gid);
	l->ctx.own_map[0] = l->maps[0];
	l->ctx.own_map[1] = l->maps[1];
}

static struct nuc_clone_args clone_args(struct nuc_launch *l)
{
	const bool whole = l->kind == NUC_LAUNCH;
	struct nuc_clone_args args = {
		.flags = (l->prepared->plan->clone_flags & (whole ? ~0ull : OF_A_MAKER)) | CLONE_VM |
			 CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uintptr_t)&l->pidfd,
	};

	/* With a rendezvous the caller must go on; without, it saves a wake-up to wait in the kernel. */
	if (l->control < 0 || !whole)
		args.flags |= CLONE_VFORK;
	/* It gets its mounts by itself: see enter_copy(). */
	if (l->ctx.root_fd >= 0 && l->ctx.users_fd < 0)
		args.flags &= ~(uint64_t)CLONE_NEWNS;
	/* Born in its group: to be moved there later would cost a grace period, and miss what it did. */
	if (l->group.dir >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)l->group.dir;
	}
	return args;
}

/* As nuc_clone3(), by a first child that has entered what is kept, and then ends. */
static long clone_from_kept(struct nuc_launch *l, struct nuc_clone_args *args)
{
	/* The kernel does not say where it cannot write: nobody's fork makes this page one that is to be copied. */
	volatile int32_t *cloned = &l->status->page->cloned;
	_cleanup_close_ int pidfd = -1;
	struct nuc_clone_args first = {
		/* The other one's pidfd is the caller's. */
		.flags = CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uintptr_t)&pidfd,
		.stack = args->stack,
		.stack_size = args->stack_size,
	};
	long pid;

	l->ctx.clone = *args;
	l->ctx.clone.flags |= CLONE_PARENT | CLONE_PARENT_SETTID;
	l->ctx.clone.parent_tid = (uintptr_t)cloned;
	l->ctx.clone.stack = l->ctx.clone.stack_size = 0; /* nuc_enter_main() */
	l->ctx.cloned = cloned;
	*cloned = -EAGAIN;
	pid = nuc_clone3(&first, sizeof(first), nuc_enter_main, &l->ctx);
	if (pid < 0) {
		pidfd = -1;
		return pid;
	}
	nuc_await_end(pidfd);
	if (*cloned <= 0)
		return l->ctx.finished ? *cloned : -ECANCELED;
	if (l->ctx.finished)
		return *cloned;
	/* It was killed while the other one ran, on the same stack. */
	nuc_end_sandbox(l->pidfd);
	close(l->pidfd);
	return -ECANCELED;
}

int nuc_launch_clone(struct nuc_launch *l)
{
	struct nuc_clone_args args;
	sigset_t all, old;
	long pid;

	tell_child(l);
	args = clone_args(l);
	/*
	 * The OOM killer spares a child only while its maker waits for it (in_vfork(), mm/oom_kill.c). Any
	 * other takes with it all that share its memory: the caller, if that shared it. The copy of the
	 * caller's page tables that this costs is the sandbox's, until it executes init.
	 */
	if (l->control >= 0 && l->group.dir >= 0) {
		l->shared = mmap(NULL, sizeof(*l->shared), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (l->shared == MAP_FAILED) {
			l->shared = NULL;
			return -ENOMEM;
		}
		*l->shared = l->ctx;
		args.flags &= ~(uint64_t)CLONE_VM;
	}
	/* No handler of the caller may run in the child, which shares its memory. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	args.stack = (uintptr_t)l->stack;
	args.stack_size = NUC_STACK_SIZE;
	pid = l->ctx.users_fd >= 0
		      ? clone_from_kept(l, &args)
		      : nuc_clone3(&args, sizeof(args), nuc_child_main, l->shared ? l->shared : &l->ctx);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pid < 0) {
		l->pidfd = -1;
		return (int)pid;
	}
	l->pid = (int)pid;
	/*
	 * The kernel gives the lowest number, which may be below 3. If it cannot be moved it stays: the
	 * child has to be ended by it.
	 */
	if (l->pidfd <= 2) {
		int moved = fcntl(l->pidfd, F_DUPFD_CLOEXEC, 3);

		if (moved < 0)
			return -errno;
		close(l->pidfd);
		l->pidfd = moved;
	}
	return 0;
}

int nuc_launch_keep(struct nuc_prepared *p)
{
	_cleanup_(nuc_launch_done) struct nuc_launch l;
	int fds[2], r;

	nuc_launch_init(&l, p, p->stack, &p->status);
	l.kind = NUC_LAUNCH_KEEP;
	l.sources = p->kept.sources;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	l.control = fds[0];
	l.control_child = fds[1];
	r = nuc_launch_clone(&l);
	if (r < 0)
		return r;
	if (!l.ctx.finished)
		return l.ctx.error ? -l.ctx.error : -ECANCELED;
	/* What is received is let go of with the rest, if not all of it can be. */
	p->kept.root = l.ctx.root;
	r = p->kept.fd = nuc_launch_receive(&l);
	if (r >= 0 && !p->plan->privileged)
		r = p->kept.users = nuc_launch_receive(&l);
	return r < 0 ? r : 0;
}
