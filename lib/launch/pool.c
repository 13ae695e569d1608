/* SPDX-License-Identifier: MIT */
/*
 * Sandboxes that are made ahead of their programs: the caller's side of ahead.c. Each is made for one
 * program and for no second. A maker, once it is started, clones them, while the caller does something else.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "ahead.h"
#include "failure.h"
#include "outcomes.h"
#include "parent.h"
#include "sources.h"

#define MAX_AHEAD 64

struct slot {
	struct nuc_launch launch; /* its pidfd is -1 until the maker has told it */
	struct nuc_status status;
	bool listens;		/* to the kernel's log, once it has a program: nobody reads it before */
};

struct nuc_pool {
	struct nuc_prepared *prepared;
	struct nuc_owner owner;	/* whose children they are: nobody else can end them, or may use them */
	bool waits;		/* their programs' processes can wait under the filter */
	int null;		/* their 0, 1 and 2 until they have a program: nobody's pipe is held open */
	struct nuc_launch maker;
	struct nuc_file_id *sources; /* what the maker has bound */
	unsigned int want, first, n; /* a ring; one slot more than wanted, for the one that is being used */
	struct slot slots[];
};

static struct slot *at(struct nuc_pool *pool, unsigned int i)
{
	return &pool->slots[(pool->first + i) % (pool->want + 1)];
}

/* ---- messages ------------------------------------------------------------------------------------------ */

union rights {
	char bytes[CMSG_SPACE(NUC_ORDER_MAX * sizeof(int))];
	struct cmsghdr align;
};

/* Gives how many bytes were sent, with the descriptors, or -errno. */
static ssize_t send_fds(int socket, const void *bytes, size_t len, const int *fds, size_t n)
{
	union rights rights = { .bytes = "" };
	struct iovec iov = { (void *)bytes, len };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &rights,
			      .msg_controllen = CMSG_SPACE(n * sizeof(*fds)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	ssize_t sent;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(*fds));
	memcpy(CMSG_DATA(c), fds, n * sizeof(*fds));
	sent = sendmsg(socket, &msg, MSG_NOSIGNAL);
	return sent < 0 ? -errno : sent;
}

/* The maker lets orders wait, see ahead.c. */
static void hurry(const struct nuc_pool *pool)
{
	struct nuc_progress *page = pool->prepared->status.page;

	__atomic_store_n(&page->hurry, 1, __ATOMIC_SEQ_CST);
	syscall(__NR_futex, &page->hurry, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* What the maker says of the oldest sandbox that it has not told of. */
static int receive_made(struct nuc_pool *pool, struct nuc_launch *l)
{
	struct pollfd fds[] = { { .fd = pool->maker.control, .events = POLLIN },
				{ .fd = pool->maker.pidfd, .events = POLLIN } };
	struct nuc_made made;
	union rights rights;
	struct iovec iov = { &made, sizeof(made) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &rights,
			      .msg_controllen = sizeof(rights) };
	struct cmsghdr *c;
	ssize_t n;
	int moved;

	if (poll(fds, 2, 0) == 0)
		hurry(pool);
	/* End of file cannot be waited for alone, as in nuc_launch_await(). */
	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			return -errno;
	do
		n = recvmsg(pool->maker.control, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(made))
		return n < 0 && errno != EAGAIN ? -errno : -ECANCELED;
	if (made.pid <= 0)
		return made.pid < 0 ? made.pid : -EPROTO;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_type != SCM_RIGHTS)
		return -EPROTO;
	memcpy(&l->pidfd, CMSG_DATA(c), sizeof(l->pidfd));
	l->pid = made.pid;
	if (l->pidfd > 2)
		return 0;
	/* If it cannot be moved it stays, as in nuc_launch_clone(). */
	moved = fcntl(l->pidfd, F_DUPFD_CLOEXEC, 3);
	if (moved < 0)
		return -errno;
	close(l->pidfd);
	l->pidfd = moved;
	return 0;
}

/* ---- the maker ----------------------------------------------------------------------------------------- */

static bool lives(const struct nuc_launch *l)
{
	struct pollfd p = { .fd = l->pidfd, .events = POLLIN };

	return l->pidfd >= 0 && poll(&p, 1, 0) == 0;
}

/* In a process that was forked from the owner it is not its child: it lets go of it, and of its group. */
static void end_launch(const struct nuc_pool *pool, struct nuc_launch *l)
{
	if (!nuc_owner_is_now(&pool->owner)) {
		nuc_closep(&l->pidfd);
		l->pidfd = -1;
		nuc_closep(&l->group.dir);
		nuc_closep(&l->group.parent);
		l->group = NUC_CGROUP_NONE_YET;
	} else if (l->control >= 0) {
		/* It ends by itself then: a caller that has dropped its privileges may not kill it. */
		shutdown(l->control, SHUT_RDWR);
	}
	nuc_launch_done(l);
	nuc_launch_init(l, NULL, NULL, NULL);
}

static int start_maker(struct nuc_pool *pool)
{
	const struct nuc_prepared *p = pool->prepared;
	const int stdio[] = { pool->null, pool->null, pool->null };
	int r;

	/* It would be the first in there. The launch itself, which is refused there, tells why. */
	if (!nuc_children_are_here())
		return -EINVAL;
	nuc_sources_look(p->plan, pool->sources);
	nuc_launch_init(&pool->maker, p, p->stack, &p->status);
	pool->maker.kind = NUC_LAUNCH_MAKER;
	pool->maker.sources = pool->sources;
	r = nuc_launch_start(&pool->maker, stdio, NULL, NULL);
	if (r == 0 && pool->maker.ctx.error)
		r = -pool->maker.ctx.error;
	if (r < 0)
		end_launch(pool, &pool->maker);
	return r;
}

/* ---- the ring ------------------------------------------------------------------------------------------ */

/* Whether this is its parent, and nobody has reaped it: then no other group can have its number. */
static bool is_ours(const struct nuc_pool *pool)
{
	siginfo_t si;

	return nuc_owner_is_now(&pool->owner) && pool->maker.pidfd >= 0 &&
	       waitid(P_PIDFD, (id_t)pool->maker.pidfd, &si, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
}

/*
 * Those that wait are in the maker's process group. The maker may have been killed after it had made one
 * and before it told of it: the group is how that one is found.
 */
static void end_all(struct nuc_pool *pool)
{
	const pid_t group = is_ours(pool) ? pool->maker.pid : 0;
	siginfo_t si;

	if (group)
		kill(-group, SIGKILL);
	hurry(pool); /* if it has to end by itself */
	end_launch(pool, &pool->maker);
	for (; pool->n; pool->n--) {
		end_launch(pool, &at(pool, 0)->launch);
		pool->first = (pool->first + 1) % (pool->want + 1);
	}
	while (group && (waitid(P_PGID, (id_t)group, &si, WEXITED | __WALL) == 0 || errno == EINTR))
		;
}

static int order(struct nuc_pool *pool, struct slot *s)
{
	struct nuc_launch *l = &s->launch;
	struct nuc_order order = { .waits = pool->waits };
	int fds[NUC_ORDER_MAX], n = NUC_ORDER_FDS, r;
	ssize_t sent;

	nuc_launch_init(l, pool->prepared, NULL, &s->status);
	l->kind = NUC_LAUNCH_MADE;
	r = nuc_launch_open_made(l);
	if (r < 0)
		return r;
	s->listens = l->audit >= 0;
	nuc_closep(&l->audit);
	l->audit = -1;
	fds[NUC_ORDER_REPORT] = l->report_write;
	fds[NUC_ORDER_CONTROL] = l->control_child;
	fds[NUC_ORDER_STATUS] = s->status.fd;
	if (l->denial_write >= 0) {
		order.denials = 1;
		fds[n++] = l->denial_write;
	}
	if (l->group.dir >= 0) {
		order.group = 1;
		fds[n++] = l->group.dir;
	}
	sent = send_fds(pool->maker.control, &order, sizeof(order), fds, (size_t)n);
	nuc_launch_close_childs(l);
	return sent < 0 ? (int)sent : sent == sizeof(order) ? 0 : -EIO;
}

/* What cannot be started now is not missed: the launch that needs it tells why. */
static void fill(struct nuc_pool *pool)
{
	if (pool->maker.pidfd < 0 && start_maker(pool) < 0)
		return;
	while (pool->n < pool->want) {
		struct slot *s = at(pool, pool->n);

		if (order(pool, s) < 0) {
			end_launch(pool, &s->launch);
			return;
		}
		pool->n++;
	}
}

/* The oldest one, out of the ring but not out of its slot. NULL: there is none that is ready, or will be. */
static struct slot *take(struct nuc_pool *pool)
{
	while (pool->n) {
		struct slot *s = at(pool, 0);
		struct nuc_launch *l = &s->launch;

		pool->first = (pool->first + 1) % (pool->want + 1);
		pool->n--;
		if (receive_made(pool, l) == 0 && nuc_launch_await(l, NUC_REPORT_PREPARED, NULL, NULL) == 0 &&
		    lives(l)) {
			if (s->listens)
				l->audit = nuc_launch_open_audit(pool->prepared->plan);
			return s;
		}
		end_launch(pool, l);
	}
	return NULL;
}

/* As take_stdio() of a launch has it: the caller's own where none is given, and /dev/null if that is closed. */
static int pick(const struct nuc_pool *pool, int i, int given)
{
	return given >= 0 ? given : given == NUCLEUS_STDIO_NULL || fcntl(i, F_GETFD) < 0 ? pool->null : i;
}

/* Negative: who waits in the sandbox has not got all of it, and has started nothing. */
static int send_start(const struct nuc_pool *pool, const struct nuc_launch *l, const int stdio[3],
		      const char *const *argv)
{
	const int fds[] = { pick(pool, 0, stdio[0]), pick(pool, 1, stdio[1]), pick(pool, 2, stdio[2]) };
	struct nuc_start start = { 0, 0 };
	_cleanup_free_ char *bytes = NULL;
	size_t len = sizeof(start), done = sizeof(start);
	ssize_t sent;
	int r = 0;

	for (; argv[start.count]; start.count++)
		len += strlen(argv[start.count]) + 1;
	if (len - sizeof(start) > UINT32_MAX)
		return -E2BIG;
	start.len = (uint32_t)(len - sizeof(start));
	bytes = malloc(len);
	if (!bytes)
		return -ENOMEM;
	memcpy(bytes, &start, sizeof(start));
	for (uint32_t i = 0; i < start.count; i++) {
		memcpy(bytes + done, argv[i], strlen(argv[i]) + 1);
		done += strlen(argv[i]) + 1;
	}
	sent = send_fds(l->control, bytes, len < NUC_START_FIRST ? len : NUC_START_FIRST, fds, 3);
	if (sent < 0)
		return (int)sent;
	for (done = (size_t)sent; r == 0 && done < len;) {
		struct pollfd p[] = { { .fd = l->control, .events = POLLOUT },
				      { .fd = l->pidfd, .events = POLLIN } };
		ssize_t n = send(l->control, bytes + done, len - done, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			done += (size_t)n;
		else if (errno != EINTR && errno != EAGAIN)
			r = -errno;
		/* Who waits reads until it has all of it; with it ends its init. */
		else if (poll(p, 2, -1) > 0 && p[1].revents)
			r = -ECANCELED;
	}
	return r;
}

/*
 * What failed before the exec may have failed when it was made, and would not now: 1, the launch is made again, and
 * tells. Nothing of the program has run.
 */
static int finish(const struct nuc_pool *pool, struct nuc_launch *l, const char *program, int64_t started,
		  struct nuc_running *ret, nucleus_error **ret_err)
{
	const struct nuc_plan *plan = pool->prepared->plan;
	const uint32_t exec = plan->first[NUC_PROG_INIT] + plan->n[NUC_PROG_INIT] - 1;
	nucleus_error *err = NULL;
	int r = nuc_launch_finish(l, program, started, ret, &err);

	if (r < 0 && l->status->page->step != exec)
		r = 1;
	if (r < 0 && ret_err)
		*ret_err = err;
	else
		nucleus_error_free(err);
	return r;
}

int nuc_pool_launch(struct nuc_pool *pool, const int stdio[3], const char *const *argv, int64_t started,
		    struct nuc_running *ret, nucleus_error **ret_err)
{
	struct slot *s;
	int r;

	if (!nuc_owner_is_now(&pool->owner)) {
		end_all(pool);
		for (unsigned int i = 0; i <= pool->want; i++) {
			struct nuc_owner owner = pool->owner;

			if (nuc_status_own(&pool->slots[i].status, &owner) < 0)
				return 1;
		}
		pool->owner = nuc_owner_now();
	}
	if (!lives(&pool->maker) || !nuc_sources_are(pool->prepared->plan, pool->sources))
		end_all(pool);
	s = take(pool);
	if (s)
		nuc_launch_opened(&s->launch);
	r = s ? send_start(pool, &s->launch, stdio, argv) : 1;
	fill(pool);
	if (!s)
		return 1;
	r = r == 0 ? finish(pool, &s->launch, argv[0], started, ret, ret_err) : 1;
	end_launch(pool, &s->launch);
	return r;
}

bool nuc_pool_owns(const struct nuc_pool *pool, int fd)
{
	bool own = pool && (fd == pool->null || nuc_launch_owns(&pool->maker, fd));

	for (unsigned int i = 0; pool && i <= pool->want; i++)
		own |= fd == pool->slots[i].status.fd || nuc_launch_owns(&pool->slots[i].launch, fd);
	return own;
}

void nuc_pool_free(struct nuc_pool *pool)
{
	if (!pool)
		return;
	end_all(pool);
	for (unsigned int i = 0; i <= pool->want; i++)
		nuc_status_done(&pool->slots[i].status);
	nuc_closep(&pool->null);
	free(pool->sources);
	free(pool);
}

/* Whether the filter grants a call, whatever its arguments. Span 0: there is no filter. */
static bool grants(const struct nuc_plan *plan, uint32_t at, int call)
{
	const struct nuc_span *filter = nuc_plan_data(plan, at);
	uint32_t outcomes[NUC_OUTCOMES];

	return !at || (nuc_bpf_outcomes(nuc_plan_data(plan, filter->at),
					filter->len / (uint32_t)sizeof(struct sock_filter), call,
					outcomes) == 1 &&
		       outcomes[0] == SECCOMP_RET_ALLOW);
}

static bool can_wait_under_the_filter(const struct nuc_plan *plan)
{
	static const int calls[] = NUC_WAITS_BY;

	for (uint32_t i = 0; i < plan->n[NUC_PROG_INIT]; i++) {
		const struct nuc_step *s = nuc_plan_step(plan, plan->first[NUC_PROG_INIT] + i);

		for (size_t k = 0; s->op == NUC_OP_SECCOMP && k < NUC_ARRAY_SIZE(calls); k++)
			if (!grants(plan, s->arg[0], calls[k]) || !grants(plan, s->arg[1], calls[k]))
				return false;
	}
	return true;
}

static int pool_new(struct nuc_prepared *p, unsigned int count, struct nuc_pool **ret)
{
	struct nuc_pool *pool = calloc(1, sizeof(*pool) + (count + 1) * sizeof(pool->slots[0]));
	int r = 0;

	if (!pool)
		return -ENOMEM;
	*pool = (struct nuc_pool){ .prepared = p,
				   .owner = nuc_owner_now(),
				   .waits = can_wait_under_the_filter(p->plan),
				   .null = -1,
				   .want = count };
	nuc_launch_init(&pool->maker, NULL, NULL, NULL);
	pool->sources = nuc_sources_new(p->plan);
	for (unsigned int i = 0; i <= count; i++) {
		nuc_launch_init(&pool->slots[i].launch, NULL, NULL, NULL);
		pool->slots[i].status = (struct nuc_status){ .fd = -1 };
	}
	for (unsigned int i = 0; r == 0 && i <= count; i++)
		r = nuc_status_make(&pool->slots[i].status, nuc_progress_size(p->plan));
	if (r == 0) {
		pool->null = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
		pool->null = pool->null < 0 ? -errno : nuc_fd_above_stdio(pool->null);
		r = pool->null < 0 ? pool->null : 0;
	}
	if (r == 0 && !pool->sources)
		r = -ENOMEM;
	if (r < 0) {
		nuc_pool_free(pool);
		return r;
	}
	*ret = pool;
	return 0;
}

static bool passes_descriptors(const struct nuc_plan *plan)
{
	for (uint32_t i = 0; i < plan->n[NUC_PROG_CHILD]; i++) {
		const struct nuc_step *s = nuc_plan_step(plan, plan->first[NUC_PROG_CHILD] + i);

		if (s->op == NUC_OP_CLOSE_FDS && ((const struct nuc_span *)nuc_plan_data(plan, s->arg[0]))->len)
			return true;
	}
	return false;
}

int nuc_pool_keep(struct nuc_prepared *p, unsigned int count, nucleus_error **ret_err)
{
	const struct nuc_where where = { "launch", "option", NULL,
					 "start its programs without preparing sandboxes" };
	const struct nuc_where limit = { .stage = "launch", .layer = "option" };
	const struct nuc_where memory = { .stage = "launch", .layer = "memory" };
	const char *what = passes_descriptors(p->plan)
				   ? "descriptors are passed that are open when a program starts"
				   : nuc_root_is_of_one_start(p->plan);
	struct nuc_pool *pool = NULL;
	int r;

	if (count > MAX_AHEAD)
		return nuc_fail(ret_err, -EINVAL, &limit, "at most %d sandboxes are prepared, not %u", MAX_AHEAD,
				count);
	if (count && what)
		return nuc_fail(ret_err, -EOPNOTSUPP, &where, "such a sandbox cannot be prepared: %s", what);
	r = count ? pool_new(p, count, &pool) : 0;
	if (r < 0)
		return nuc_fail(ret_err, r, &memory, "cannot keep %u sandboxes prepared: %s", count,
				strerror(-r));
	nuc_pool_free(p->pool);
	nuc_kept_done(&p->kept);
	p->pool = pool;
	if (pool) {
		fill(pool);
		hurry(pool);
	}
	return 0;
}
