/* SPDX-License-Identifier: MIT */
/*
 * Part of nucleus-init: sandboxes that are made ahead of their programs.
 *
 * A maker has built the root once, and does nothing more than clone. Its memory is small and its mount
 * namespace has the sandbox's mounts only: this is what makes a sandbox from it cheap. Each has all its
 * namespaces for itself, and its own copy of the mounts; none was used before.
 */
#include <asm/fcntl.h>
#include <linux/sched.h>
#include <asm-generic/errno-base.h>
#include <asm-generic/errno.h>
#include <asm-generic/poll.h>

#include "ahead.h"
#include "raw.h"

#define MSG_CMSG_CLOEXEC_ 0x40000000
#define MSG_NOSIGNAL_ 0x4000
#define SOL_SOCKET_ 1
#define SCM_RIGHTS_ 1

/* struct cmsghdr with descriptors */
struct rights {
	uint64_t len;
	int32_t level, type;
	int32_t fds[NUC_ORDER_MAX + 1]; /* rounded up to 8 bytes */
};
#define RIGHTS_HEADER 16

struct message {
	void *name;
	uint64_t namelen;
	void *iov;
	uint64_t iovlen;
	void *control;
	uint64_t controllen;
	uint64_t flags;
};

struct vector {
	void *base;
	uint64_t len;
};

static void message(struct message *msg, struct vector *v, void *bytes, uint64_t len, struct rights *rights,
		    uint64_t rights_len)
{
	v->base = bytes;
	v->len = len;
	msg->name = 0;
	msg->namelen = 0;
	msg->iov = v;
	msg->iovlen = 1;
	msg->control = rights;
	msg->controllen = rights_len;
	msg->flags = 0;
}

/* Gives how many bytes came; `ret_fds`, if there is one, how many descriptors. */
static long receive(int fd, void *to, uint64_t len, struct rights *rights, uint32_t *ret_fds)
{
	struct message msg;
	struct vector v;
	long n;

	message(&msg, &v, to, len, rights, rights ? sizeof(*rights) : 0);
	if (rights)
		rights->type = rights->level = 0;
	n = nuc_sys(__NR_recvmsg, fd, &msg, MSG_CMSG_CLOEXEC_);
	if (n <= 0)
		return n < 0 ? n : -ECANCELED;
	if (ret_fds)
		*ret_fds = msg.controllen > RIGHTS_HEADER && rights->level == SOL_SOCKET_ &&
					   rights->type == SCM_RIGHTS_
				   ? (uint32_t)((rights->len - RIGHTS_HEADER) / sizeof(rights->fds[0]))
				   : 0;
	return n;
}

/*
 * 1: something has come, 0: nothing has yet, unless it waits. Not poll(2): when a stopped process goes on, the
 * kernel would make another call of it, restart_syscall(2), and a filter is asked about that, too.
 * The end of the caller shows on its pidfd only: some process that it has forked may hold its end, too.
 */
static long look(const struct nuc_context *c, int waits)
{
	static const struct {
		int64_t sec, nsec;
	} now = { 0, 0 };
	struct {
		int32_t fd;
		int16_t events, revents;
	} fds[2];
	long r;

	fds[0].fd = c->control_fd;
	fds[1].fd = c->caller_fd;
	fds[0].events = fds[1].events = POLLIN;
	fds[0].revents = fds[1].revents = 0; /* analysers do not see what a raw system call writes */
	r = nuc_sys(__NR_ppoll, fds, 2, waits ? 0 : &now, 0, 0);
	if (r < 0)
		return r;
	return fds[1].revents ? -ECANCELED : fds[0].revents != 0;
}

static long await(const struct nuc_context *c)
{
	return look(c, 1);
}

static long receive_all(const struct nuc_context *c, char *to, uint64_t len)
{
	while (len) {
		long n = await(c);

		if (n >= 0)
			n = receive(c->control_fd, to, len, 0, 0);
		if (n < 0)
			return n;
		to += n;
		len -= (uint64_t)n;
	}
	return 0;
}

/* ---- the maker ----------------------------------------------------------------------------------------- */

static long answer(int fd, long pid, int pidfd)
{
	struct nuc_made made;
	struct rights rights;
	struct message msg;
	struct vector v;

	made.pid = (int32_t)pid;
	rights.len = RIGHTS_HEADER + sizeof(rights.fds[0]);
	rights.level = SOL_SOCKET_;
	rights.type = SCM_RIGHTS_;
	rights.fds[0] = pidfd;
	rights.fds[1] = 0;
	message(&msg, &v, &made, sizeof(made), &rights, pid > 0 ? RIGHTS_HEADER + 8 : 0);
	return nuc_sys(__NR_sendmsg, fd, &msg, MSG_NOSIGNAL_);
}

static long make(const struct nuc_context *c, int group, int *ret_pidfd)
{
	struct nuc_clone_args args = {
		/* The caller's child, as every other sandbox of its. */
		.flags = c->plan->clone_flags | CLONE_PIDFD | CLONE_PARENT |
			 (group >= 0 ? 0x200000000ull /* CLONE_INTO_CGROUP, Linux 5.7 */ : 0),
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
		.cgroup = group >= 0 ? (uint64_t)group : 0,
	};

	return nuc_sys(__NR_clone3, &args, sizeof(args));
}

/*
 * An order comes when a program is started with what was made before, and to follow it costs as much as that
 * start: a short program is let end first, unless the caller waits for what it has ordered.
 */
static long await_orders(const struct nuc_context *c)
{
	static const struct {
		int64_t sec, nsec;
	} patience = { 0, 20000000 };
	long r = look(c, 0);

	if (r)
		return r;
	r = await(c);
	nuc_sys(__NR_futex, &c->progress->hurry, 0 /* FUTEX_WAIT */, 0, &patience);
	__atomic_exchange_n(&c->progress->hurry, 0, __ATOMIC_SEQ_CST);
	return r;
}

long nuc_follow_orders(struct nuc_context *c, int *ret_waits)
{
	for (;;) {
		const int orders = c->control_fd;
		struct nuc_order order;
		struct rights got = { .len = 0 };
		uint32_t n = 0;
		int pidfd = -1;
		long r = await_orders(c);

		order.denials = order.group = order.waits = 0;
		if (r > 0)
			r = receive(orders, &order, sizeof(order), &got, &n);
		if (r != sizeof(order) || n != NUC_ORDER_FDS + order.denials + order.group)
			nuc_sys(__NR_exit_group, 0);
		r = make(c, order.group ? got.fds[n - 1] : -1, &pidfd);
		if (r == 0) {
			nuc_sys(__NR_close, orders);
			if (order.group)
				nuc_sys(__NR_close, got.fds[n - 1]);
			c->report_fd = got.fds[NUC_ORDER_REPORT];
			c->control_fd = got.fds[NUC_ORDER_CONTROL];
			c->denial_fd = order.denials ? got.fds[NUC_ORDER_FDS] : -1;
			*ret_waits = order.waits != 0;
			return got.fds[NUC_ORDER_STATUS];
		}
		r = answer(orders, r, pidfd);
		for (uint32_t i = 0; i < n; i++)
			nuc_sys(__NR_close, got.fds[i]);
		if (pidfd >= 0)
			nuc_sys(__NR_close, pidfd);
		if (r < 0)
			nuc_sys(__NR_exit_group, 0);
	}
}

/* ---- an init that was made ----------------------------------------------------------------------------- */

/* The strings, of which `have` bytes are there, and before them the array of pointers to them. */
static long receive_argv(struct nuc_context *c, const struct nuc_start *start, const char *bytes, uint64_t have,
			 void *space, uint64_t size)
{
	const uint64_t array = ((uint64_t)start->count + 1) * sizeof(char *);
	char **argv = space, *strings = (char *)space + array;
	uint32_t n = 0;
	long r;

	if (array > size || start->len > size - array)
		return -E2BIG;
	for (uint64_t i = 0; i < have; i++)
		strings[i] = bytes[i];
	r = receive_all(c, strings + have, start->len - have);
	if (r < 0)
		return r;
	for (uint32_t i = 0, begin = 0; i < start->len; i++) {
		if (strings[i])
			continue;
		if (n == start->count)
			return -EPROTO;
		argv[n++] = strings + begin;
		begin = i + 1;
	}
	if (!n || n != start->count || strings[start->len - 1])
		return -EPROTO;
	argv[n] = 0;
	c->argv = argv;
	return 0;
}

long nuc_await_program(struct nuc_context *c, void *space, uint64_t size)
{
	static struct {
		struct nuc_start start;
		char bytes[NUC_START_FIRST - sizeof(struct nuc_start)];
	} first;
	const uint64_t header = sizeof(first.start);
	struct rights got = { .len = 0 };
	uint32_t n = 0;
	long r;

	/* What a short argv touches is there before it: now nobody waits. */
	*(volatile char *)&first = 0;
	*(volatile char *)space = 0;
	r = await(c);
	if (r >= 0)
		r = receive(c->control_fd, &first, sizeof(first), &got, &n);
	if (r >= 0) {
		const uint64_t have = (uint64_t)r - header;

		r = (uint64_t)r >= header && n == 3 && first.start.len && have <= first.start.len
			    ? receive_argv(c, &first.start, first.bytes, have, space, size)
			    : -EPROTO;
	}
	for (int i = 0; r == 0 && i < 3; i++) {
		r = nuc_sys(__NR_dup3, got.fds[i], i, 0);
		if (r >= 0)
			r = nuc_sys(__NR_close, got.fds[i]);
	}
	nuc_sys(__NR_close, c->control_fd);
	c->control_fd = -1;
	return r < 0 ? r : 0;
}
