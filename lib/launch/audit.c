/* SPDX-License-Identifier: MIT */
/*
 * The kernel's audit log, as far as a launch opens it: Landlock tells there of what it refuses (ABI 7,
 * Documentation/admin-guide/LSM/landlock.rst), for all programs of the host, and names them by who made their
 * domain. What is read from it is in lib/process/audit.c.
 */
#include <linux/audit.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "parent.h"

/* PROC_PID_INIT_INO: the initial pid namespace has had it since Linux 3.8. */
#define INITIAL_PID_NAMESPACE 0xeffffffcu
/* The kernel answers from a thread of its own. Whoever gets no answer does without. */
#define ANSWER_MS 200

/* The log has the pids of the initial namespace, and is told in the first network namespace. */
static bool sees_the_host(void)
{
	struct stat pids, net, first;

	return stat("/proc/self/ns/pid", &pids) == 0 && pids.st_ino == INITIAL_PID_NAMESPACE &&
	       stat("/proc/self/ns/net", &net) == 0 && stat("/proc/1/ns/net", &first) == 0 &&
	       net.st_dev == first.st_dev && net.st_ino == first.st_ino;
}

/* Where it is off nothing would ever come. To ask takes CAP_AUDIT_CONTROL in the initial user namespace. */
static bool is_on(int fd)
{
	struct {
		struct nlmsghdr header;
		struct audit_status status;
		char more[256]; /* a newer kernel has more to say */
	} answer = { .header = { .nlmsg_len = NLMSG_HDRLEN, .nlmsg_type = AUDIT_GET,
				 .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = 1 } };
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (sendto(fd, &answer.header, NLMSG_HDRLEN, MSG_NOSIGNAL, (struct sockaddr *)&kernel,
		   sizeof(kernel)) != NLMSG_HDRLEN)
		return false;
	/* An acknowledgement may come before. */
	for (int i = 0; i < 4; i++) {
		socklen_t len = sizeof(kernel);
		ssize_t n;

		if (poll(&p, 1, ANSWER_MS) < 1)
			return false;
		n = recvfrom(fd, &answer, sizeof(answer), 0, (struct sockaddr *)&kernel, &len);
		if (n < 0 || kernel.nl_pid || answer.header.nlmsg_type == NLMSG_ERROR)
			return false;
		if (answer.header.nlmsg_type == AUDIT_GET)
			return n >= (ssize_t)(NLMSG_HDRLEN + 2 * sizeof(uint32_t)) && answer.status.enabled;
	}
	return false;
}

static bool is_logged(const struct nuc_plan *plan)
{
	for (uint32_t i = 0; i < plan->n[NUC_PROG_INIT]; i++) {
		const struct nuc_step *s = nuc_plan_step(plan, plan->first[NUC_PROG_INIT] + i);

		if (s->op == NUC_OP_LANDLOCK_RESTRICT)
			return s->flags & NUC_STEP_LOG;
	}
	return false;
}

int nuc_launch_open_audit(const struct nuc_plan *plan)
{
	const int group = AUDIT_NLGRP_READLOG;
	_cleanup_close_ int fd = -1;

	if (!is_logged(plan) || !sees_the_host())
		return -1;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT);
	if (fd >= 0)
		fd = nuc_fd_above_stdio(fd);
	/* CAP_AUDIT_READ in the initial user namespace. */
	if (fd < 0 || !is_on(fd) ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return -1;
	return NUC_TAKE_FD(fd);
}

int nuc_launch_program_pid(const struct nuc_launch *l)
{
	union {
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control;
	struct nuc_denial_record r;
	struct iovec iov = { &r, sizeof(r) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct ucred who = { 0 };
	struct cmsghdr *c;

	/* It is the first that is written: then there is always one. */
	if (l->audit < 0 || !l->prepared->plan->count[NUC_OP_LANDLOCK_POLICY_RESTRICT] ||
	    recvmsg(l->denial_read, &msg, MSG_DONTWAIT) != 1)
		return 0;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS)
		return 0;
	memcpy(&who, CMSG_DATA(c), sizeof(who));
	return who.pid;
}
