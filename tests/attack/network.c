/* SPDX-License-Identifier: MIT */
/* The network, and sockets as a way to other processes. */
#include <arpa/inet.h>
#include <linux/if_alg.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "attack.h"

static int to_v4(const char *address, int type, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return -errno;
	inet_pton(AF_INET, address, &a.sin_addr);
	r = refused(connect(fd, (struct sockaddr *)&a, sizeof(a)));
	if (r == GOT_THROUGH && type == SOCK_DGRAM) {
		struct timeval patience = { 1, 0 };
		char c;

		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		/* A refusal comes back as an ICMP error. */
		if (send(fd, "attack", 6, 0) < 0 || recv(fd, &c, 1, 0) < 0)
			r = -errno;
	}
	close(fd);
	return r;
}

static int host_loopback(const struct act *act)
{
	return to_v4("127.0.0.1", (int)act->args[0], (int)told_number("ATTACK_PORT"));
}

static int host_loopback_v6(const struct act *act)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	a.sin6_port = htons((uint16_t)told_number("ATTACK_PORT"));
	return refused(connect(fd, (struct sockaddr *)&a, sizeof(a)));
}

static int outside(const struct act *act)
{
	return to_v4(act->path, (int)act->args[0], (int)act->args[1]);
}

static int unix_socket(const char *name, size_t len, int type)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	memcpy(a.sun_path, name, len);
	return refused(connect(fd, (struct sockaddr *)&a,
			       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)));
}

static int abstract_socket(const struct act *act)
{
	char name[100] = "";

	snprintf(name + 1, sizeof(name) - 1, "%s", told("ATTACK_ABSTRACT"));
	return unix_socket(name, 1 + strlen(name + 1), SOCK_STREAM);
}

static int path_socket(const struct act *act)
{
	const char *path = told("ATTACK_SOCKET");

	return unix_socket(path, strlen(path) + 1, SOCK_STREAM);
}

static int open_socket(const struct act *act)
{
	return refused(socket((int)act->args[0], (int)act->args[1], (int)act->args[2]));
}

static int open_socket_dirty(const struct act *act)
{
	return refused(syscall(__NR_socket, act->args[0] | 1L << 40, act->args[1] | 1L << 40,
			       act->args[2] | 1L << 40));
}

/* What the ways to say MSG_FASTOPEN are, and where each takes its flags. */
enum way { BY_SENDTO, BY_SENDMSG, BY_SENDMMSG };

/*
 * TCP Fast Open connects in a call that sends, which Landlock's rules of ports do not see. To a listener beside it: its
 * port is as good as any.
 */
static int fast_open(const struct act *act)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const unsigned long flags = MSG_FASTOPEN | (unsigned long)act->args[1];
	char word[] = "attack";
	struct iovec iov = { word, sizeof(word) };
	struct mmsghdr m = { .msg_hdr = { .msg_name = &a, .msg_namelen = sizeof(a), .msg_iov = &iov, .msg_iovlen = 1 } };
	socklen_t len = sizeof(a);

	if (server < 0 || fd < 0 || bind(server, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(server, 1) < 0 ||
	    getsockname(server, (struct sockaddr *)&a, &len) < 0)
		return UNTRIED;
	switch (act->args[0]) {
	case BY_SENDTO:
		return refused(syscall(__NR_sendto, fd, word, sizeof(word), flags, &a, sizeof(a)));
	case BY_SENDMSG:
		return refused(syscall(__NR_sendmsg, fd, &m.msg_hdr, flags));
	case BY_SENDMMSG:
		return refused(syscall(__NR_sendmmsg, fd, &m, 1, flags));
	}
	return UNTRIED;
}

static int interface_down(const struct act *act)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return refused(ioctl(fd, SIOCSIFFLAGS, &ifr));
}

static int add_route(const struct act *act)
{
	struct rtentry route = { .rt_flags = RTF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	route.rt_dst.sa_family = route.rt_gateway.sa_family = route.rt_genmask.sa_family = AF_INET;
	return refused(ioctl(fd, SIOCADDRT, &route));
}

static int forge_credentials(const struct act *act)
{
	union {
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control;
	char byte = 'x';
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	const struct ucred root = { .pid = 1, .uid = 0, .gid = 0 };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return UNTRIED;
	memset(&control, 0, sizeof(control));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_CREDENTIALS;
	c->cmsg_len = CMSG_LEN(sizeof(root));
	memcpy(CMSG_DATA(c), &root, sizeof(root));
	return refused(sendmsg(fds[0], &msg, 0));
}

/* Descriptor 53 is a socket that the caller passed: it may be used, but says nothing of the caller.
 */
static int learn_peer(const struct act *act)
{
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);

	if (getsockopt(53, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return errno == EBADF ? UNTRIED : -errno;
	return peer.pid != 0 || peer.uid == 0 || peer.gid == 0 ? GOT_THROUGH : CONTAINED;
}

/* What the caller did not send cannot be taken from the socket. */
static int take_descriptor(const struct act *act)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * 8)];
		struct cmsghdr align;
	} control;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };

	if (fcntl(53, F_GETFD) < 0)
		return UNTRIED;
	if (recvmsg(53, &msg, MSG_DONTWAIT) < 0)
		return -errno;
	return CMSG_FIRSTHDR(&msg) ? GOT_THROUGH : CONTAINED;
}

#define UNREACHABLE .by = { ENETUNREACH }, .deep = { ENETUNREACH }
#define REFUSED .by = { ECONNREFUSED }, .deep = { ECONNREFUSED }
#define FAMILY .by = { EAFNOSUPPORT, EPERM }

static const struct act acts[] = {
	{ "host-loopback", "network namespace", "connect to a listener on the host's loopback",
	  host_loopback, .args = { SOCK_STREAM }, REFUSED },
	{ "host-loopback-udp", "network namespace", "send to a socket on the host's loopback",
	  host_loopback, .args = { SOCK_DGRAM }, REFUSED },
	{ "host-loopback-v6", "network namespace", "connect to ::1", host_loopback_v6,
	  .by = { ECONNREFUSED, EADDRNOTAVAIL }, .deep = { ECONNREFUSED, EADDRNOTAVAIL } },
	{ "internet", "network namespace", "connect to the internet", outside, "192.0.2.1",
	  .args = { SOCK_STREAM, 80 }, UNREACHABLE },
	{ "metadata-service", "network namespace", "ask the cloud's metadata service", outside,
	  "169.254.169.254", .args = { SOCK_STREAM, 80 }, UNREACHABLE },
	{ "dns", "network namespace", "ask a name server, to carry data out", outside, "192.0.2.53",
	  .args = { SOCK_DGRAM, 53 }, UNREACHABLE },
	{ "dns-stub", "network namespace", "ask the host's own resolver", outside, "127.0.0.53",
	  .args = { SOCK_DGRAM, 53 }, REFUSED },
	{ "broadcast", "network namespace", "send to the local network", outside, "224.0.0.251",
	  .args = { SOCK_DGRAM, 5353 }, UNREACHABLE },
	{ "abstract-socket", "network namespace", "connect to an abstract socket of the host",
	  abstract_socket, REFUSED },
	{ "path-socket", "mount", "connect to a socket of the host by its path", path_socket,
	  .by = { ENOENT }, .deep = { ENOENT } },

	{ "packet-socket", "seccomp", "AF_PACKET", open_socket, .args = { AF_PACKET, SOCK_RAW, 0 },
	  FAMILY, .deep = { EPERM, EAFNOSUPPORT } },
	{ "packet-socket-dirty", "seccomp", "AF_PACKET with garbage in the upper halves",
	  open_socket_dirty, .args = { AF_PACKET, SOCK_RAW, 0 }, FAMILY,
	  .deep = { EPERM, EAFNOSUPPORT } },
	{ "vsock-socket", "seccomp", "AF_VSOCK, to the hypervisor", open_socket,
	  .args = { AF_VSOCK, SOCK_STREAM, 0 }, FAMILY },
	{ "alg-socket", "seccomp", "AF_ALG, the kernel's ciphers", open_socket,
	  .args = { AF_ALG, SOCK_SEQPACKET, 0 }, FAMILY },
	{ "netlink-route", "seccomp", "AF_NETLINK, routes", open_socket,
	  .args = { AF_NETLINK, SOCK_RAW, 0 }, FAMILY, .sole = true },
	{ "netlink-netfilter", "seccomp", "AF_NETLINK, netfilter", open_socket,
	  .args = { AF_NETLINK, SOCK_RAW, 12 }, FAMILY },
	{ "netlink-audit", "seccomp", "AF_NETLINK, audit", open_socket,
	  .args = { AF_NETLINK, SOCK_RAW, 9 }, FAMILY },
	{ "raw-icmp", "seccomp", "a raw socket", open_socket, .args = { AF_INET, SOCK_RAW, 1 },
	  .by = { EPERM }, .deep = { EPERM } },
	{ "raw-tcp-v6", "seccomp", "a raw socket of IPv6", open_socket,
	  .args = { AF_INET6, SOCK_RAW, 6 }, .by = { EPERM }, .deep = { EPERM } },
	{ "sctp-socket", "seccomp", "a protocol whose module is loaded on demand", open_socket,
	  .args = { AF_INET, SOCK_STREAM, 132 }, .by = { EPERM } },
	{ "bluetooth-socket", "seccomp", "AF_BLUETOOTH", open_socket,
	  .args = { AF_BLUETOOTH, SOCK_RAW, 1 }, FAMILY },
	{ "can-socket", "seccomp", "AF_CAN", open_socket, .args = { AF_CAN, SOCK_RAW, 1 }, FAMILY },
	{ "xdp-socket", "seccomp", "AF_XDP", open_socket, .args = { AF_XDP, SOCK_RAW, 0 }, FAMILY },
	{ "tipc-socket", "seccomp", "AF_TIPC", open_socket, .args = { AF_TIPC, SOCK_RDM, 0 },
	  FAMILY },

	{ "fast-open", "seccomp", "connect to a port past Landlock, by sendto(MSG_FASTOPEN)", fast_open,
	  .args = { BY_SENDTO }, .by = { EOPNOTSUPP }, .sole = true },
	{ "fast-open-dirty", "seccomp", "the same with garbage in the upper half", fast_open,
	  .args = { BY_SENDTO, 1L << 40 }, .by = { EOPNOTSUPP }, .sole = true },
	{ "fast-open-more", "seccomp", "the same with MSG_DONTWAIT and MSG_NOSIGNAL", fast_open,
	  .args = { BY_SENDTO, MSG_DONTWAIT | MSG_NOSIGNAL }, .by = { EOPNOTSUPP } },
	{ "fast-open-sendmsg", "seccomp", "the same by sendmsg", fast_open, .args = { BY_SENDMSG },
	  .by = { EOPNOTSUPP }, .sole = true },
	{ "fast-open-sendmmsg", "seccomp", "the same by sendmmsg", fast_open, .args = { BY_SENDMMSG },
	  .by = { EOPNOTSUPP }, .sole = true },

	{ "interface-down", "seccomp", "take an interface down", interface_down, .by = { EPERM },
	  .deep = { EPERM } },
	{ "add-route", "seccomp", "add a route", add_route, .by = { EPERM }, .deep = { EPERM } },
	{ "forge-credentials", "user namespace", "say that root sent a message", forge_credentials,
	  .by = { EPERM, EINVAL }, .deep = { EPERM, EINVAL } },
	{ "learn-peer", "namespaces", "learn the caller's pid and user by a socket that was passed",
	  learn_peer, .by = { BY_CONTAINED }, .deep = { BY_CONTAINED }, .scene = SCENE_OWN },
	{ "take-descriptor", "descriptors", "take a descriptor from a socket that was passed",
	  take_descriptor, .by = { EAGAIN }, .deep = { EAGAIN }, .scene = SCENE_OWN },
};

const struct act_list network_acts = ACT_LIST(acts);
