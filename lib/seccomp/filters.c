/* SPDX-License-Identifier: MIT */
/* seccomp: the argument filters as data. What is allowed is named; nothing is "all but". */
#include <asm/ioctls.h>
#include <asm/prctl.h>
#include <asm/termbits.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/ipc.h>
#include <linux/netlink.h>
#include <linux/personality.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/shm.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "seccomp_internal.h"

#define LOW32 0xffffffffU
#define CMP(a, m, v) { .arg = (a), .mask = (m), .value = (uint32_t)(v) }
#define IS(a, v) CMP(a, LOW32, v)
#define ONE(c) { .cmp = { c }, .count = 1 }
#define TWO(c, d) { .cmp = { c, d }, .count = 2 }
#define THREE(c, d, e) { .cmp = { c, d, e }, .count = 3 }
#define CLAUSES(name, ...)                                                                         \
	static const struct nuc_clause name##_list[] = { __VA_ARGS__ };                            \
	const struct nuc_clauses nuc_clauses_##name = { name##_list, NUC_ARRAY_SIZE(name##_list) }

/*
 * ioctl(unsigned int fd, unsigned int cmd, unsigned long arg): cmd is named, all others are
 * refused, above all TIOCSTI and TIOCLINUX, which type into the caller's terminal (CVE-2016-7545,
 * CVE-2017-5226, CVE-2023-1523; by a dirty upper half CVE-2019-7303 and CVE-2019-10063), and
 * TIOCSETD, which loads line disciplines.
 */
#define IOCTLS(X)                                                                                  \
	X(TCGETS)	/* isatty() of every program; stty */                                      \
	X(TCSETS)	/* stty, python3 termios, script */                                        \
	X(TCSETSW)	/* bash and every readline prompt */                                       \
	X(TCSETSF)	/* python3 getpass and tty.setraw, git's password prompt */                \
	X(TCGETS2)	/* the four above as glibc 2.42 and newer ask them */                      \
	X(TCSETS2)                                                                                 \
	X(TCSETSW2)                                                                                \
	X(TCSETSF2)                                                                                \
	X(TIOCGWINSZ)	/* ls, git's pager, node and npm: the width of the terminal */             \
	X(TIOCSWINSZ)	/* script and node-pty: the size of a terminal they made */                \
	X(TIOCGPGRP)	/* bash: tcgetpgrp() */                                                    \
	X(TIOCSPGRP)	/* bash: job control */                                                    \
	X(TIOCSCTTY)	/* python3 pty.fork, script: login_tty() of a pty they made */             \
	X(TIOCGPTN)	/* python3 pty.openpty, script: ptsname() */                               \
	X(TIOCSPTLCK)	/* python3 pty.openpty, script: unlockpt() */                              \
	X(TIOCGPTPEER)	/* script: openpty() of glibc 2.27 and newer */                            \
	X(FIONREAD)	/* node: bytes that wait in a pipe or socket; glibc's resolver */          \
	X(FIONBIO)	/* node on every socket, python3 setblocking() */                          \
	X(FIOCLEX)	/* python3: every descriptor it opens */                                   \
	X(FIONCLEX)	/* python3 os.set_inheritable, which subprocess uses for pass_fds */       \
	X(FICLONE)	/* cp, install and mv: reflink copies */

/* Names of interfaces; read-only, and on the sandbox's own network namespace. */
#define IOCTLS_NET(X)                                                                              \
	X(SIOCGIFNAME)	/* python3 socket.if_indextoname; scope ids in getnameinfo() */            \
	X(SIOCGIFINDEX) /* python3 socket.if_nametoindex, node's udp multicast */

/*
 * prctl(int option, ...). Not here: PR_SET_SECCOMP (no named program nests filters, and a
 * notification listener is needless attack surface), PR_SET_MM, PR_SET_PTRACER, PR_SET_TSC.
 */
#define PRCTLS(X)                                                                                  \
	X(PR_SET_NAME)		/* node, gcc's lto1, perl: the thread's name */                    \
	X(PR_GET_NAME)		/* pthread_getname_np() of node and python3 */                     \
	X(PR_SET_PDEATHSIG)	/* postgres: die with the postmaster */                            \
	X(PR_SET_DUMPABLE)	/* ssh-agent, ssh of git: hide keys; its own flag only */	   \
	X(PR_SET_NO_NEW_PRIVS)	/* setpriv, bubblewrap: set already, so it changes nothing */      \
	X(PR_GET_NO_NEW_PRIVS)	/* setpriv */                                                      \
	X(PR_GET_SECUREBITS)	/* setpriv, libcap */                                              \
	X(PR_CAPBSET_READ)	/* libcap at load time: postgres, chown, install, ps */

#define WORD(name) " " #name
#define BY_ARG1(name) ONE(IS(1, name)),
#define BY_ARG0(name) ONE(IS(0, name)),

const char nuc_words_ioctl[] = "request is one of:" IOCTLS(WORD);
const char nuc_words_ioctl_net[] = "request is one of:" IOCTLS(WORD) IOCTLS_NET(WORD);
const char nuc_words_prctl[] = "option is one of:" PRCTLS(WORD);
CLAUSES(ioctl, IOCTLS(BY_ARG1));
CLAUSES(ioctl_net, IOCTLS_NET(BY_ARG1));
CLAUSES(prctl, PRCTLS(BY_ARG0));

/* arch_prctl(int option, unsigned long arg). ld.so sets FS; nothing else is needed. */
CLAUSES(arch_prctl, ONE(IS(0, ARCH_SET_FS)));

/*
 * clone(unsigned long flags, ...): kernel/fork.c takes lower_32_bits(flags). CLONE_NEWTIME lies in
 * the bits of the exit signal here and cannot be asked for. clone3 hides its flags in memory, where
 * a filter cannot look: ENOSYS, and glibc comes back with clone.
 */
#define CLONE_NAMESPACES                                                                           \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
	 CLONE_NEWPID | CLONE_NEWNET)
CLAUSES(clone, ONE(CMP(0, CLONE_NAMESPACES, 0)));

/*
 * Modes without S_ISUID and S_ISGID. In the sandbox such a file gives nothing, but in a writable
 * workspace it belongs to the caller: on the host, whoever can reach it would run the workload's
 * program as the caller, which may be root. open() takes a mode only if it creates; O_TMPFILE has a
 * bit of its own beside O_DIRECTORY. mkdir() drops both bits of itself; mknod() is not on the list.
 */
#define SETID 06000U
#define CREATES (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))
CLAUSES(open, ONE(CMP(1, CREATES, 0)), ONE(CMP(2, SETID, 0)));
CLAUSES(openat, ONE(CMP(2, CREATES, 0)), ONE(CMP(3, SETID, 0)));
CLAUSES(mode_arg1, ONE(CMP(1, SETID, 0)));
CLAUSES(mode_arg2, ONE(CMP(2, SETID, 0)));

/*
 * fcntl(int fd, unsigned int cmd, ..): the commands of every Unix, and of those above F_LINUX_SPECIFIC_BASE the ones
 * that programs use. Not here: F_SETLEASE, by which who owns a file holds up whoever opens it, on the host or in
 * another sandbox, for 45 seconds (/proc/sys/fs/lease-break-time) again and again; F_NOTIFY, which tells what
 * others do in a directory.
 */
#define LINUX_SPECIFIC (LOW32 & ~1023U)
CLAUSES(fcntl, ONE(CMP(1, LINUX_SPECIFIC, 0)), ONE(IS(1, F_DUPFD_CLOEXEC)), ONE(IS(1, F_SETPIPE_SZ)),
	ONE(IS(1, F_GETPIPE_SZ)), ONE(IS(1, F_ADD_SEALS)), ONE(IS(1, F_GET_SEALS)));

/* prlimit64(pid_t pid, ...): getrlimit() and setrlimit() of the caller itself, which say 0. */
CLAUSES(prlimit64, ONE(IS(0, 0)));

/*
 * mmap(.., unsigned long flags, ..): no MAP_HUGETLB. The memory limit of a cgroup does not count
 * huge pages (Linux 6.7 does, if mounted so): a sandbox could empty the host's pool.
 */
CLAUSES(mmap, ONE(CMP(3, MAP_HUGETLB, 0)));

/* shmget(key_t key, size_t size, int shmflg): no SHM_HUGETLB, for the same reason. */
CLAUSES(shmget, ONE(CMP(2, SHM_HUGETLB, 0)));

/* shmctl(int shmid, int cmd, ..): what postgres does with its interlock segment. */
CLAUSES(shmctl, ONE(IS(1, IPC_STAT)), ONE(IS(1, IPC_RMID)));

/*
 * fallocate(int fd, int mode, ..): what the file's size bounds, and what only gives room back. FALLOC_FL_KEEP_SIZE
 * takes room behind the end of the file, where ext4 and others do not ask RLIMIT_FSIZE.
 */
CLAUSES(fallocate, ONE(IS(1, 0)), ONE(IS(1, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)));

/*
 * futex(.., int op, ..) without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME. Priority inheritance
 * is left out: no named program uses it, and it is the part that keeps breaking (CVE-2014-3153,
 * CVE-2021-3347). ENOSYS is what glibc's pthread_mutexattr_setprotocol() looks for.
 */
#define FUTEX_CMD(op) ONE(CMP(1, (uint32_t)FUTEX_CMD_MASK, op))
CLAUSES(futex, FUTEX_CMD(FUTEX_WAIT), FUTEX_CMD(FUTEX_WAKE), FUTEX_CMD(FUTEX_REQUEUE),
	FUTEX_CMD(FUTEX_CMP_REQUEUE), FUTEX_CMD(FUTEX_WAKE_OP), FUTEX_CMD(FUTEX_WAIT_BITSET),
	FUTEX_CMD(FUTEX_WAKE_BITSET));
CLAUSES(futex_pi, FUTEX_CMD(FUTEX_LOCK_PI), FUTEX_CMD(FUTEX_LOCK_PI2), FUTEX_CMD(FUTEX_UNLOCK_PI),
	FUTEX_CMD(FUTEX_TRYLOCK_PI), FUTEX_CMD(FUTEX_WAIT_REQUEUE_PI),
	FUTEX_CMD(FUTEX_CMP_REQUEUE_PI));

/*
 * socket(int domain, int type, int protocol), socketpair() alike; type without SOCK_CLOEXEC and
 * SOCK_NONBLOCK. The protocol is named, since any other loads a module on demand (SCTP, UDP-Lite,
 * L2TP, SMC by IPPROTO_SMC) or opens ping sockets.
 */
#define SOCK_TYPE_BITS 0xfU
#define SOCKET(d, t, p) THREE(IS(0, d), CMP(1, SOCK_TYPE_BITS, t), IS(2, p))
CLAUSES(socket_unix, SOCKET(AF_UNIX, SOCK_STREAM, 0), SOCKET(AF_UNIX, SOCK_DGRAM, 0),
	SOCKET(AF_UNIX, SOCK_SEQPACKET, 0));
CLAUSES(socket_inet, SOCKET(AF_INET, SOCK_STREAM, 0), SOCKET(AF_INET, SOCK_STREAM, IPPROTO_TCP),
	SOCKET(AF_INET, SOCK_DGRAM, 0), SOCKET(AF_INET, SOCK_DGRAM, IPPROTO_UDP),
	SOCKET(AF_INET6, SOCK_STREAM, 0), SOCKET(AF_INET6, SOCK_STREAM, IPPROTO_TCP),
	SOCKET(AF_INET6, SOCK_DGRAM, 0), SOCKET(AF_INET6, SOCK_DGRAM, IPPROTO_UDP));
CLAUSES(socket_netlink, SOCKET(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE),
	SOCKET(AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE));

/*
 * sendto(.., unsigned int flags, ..), sendmmsg() alike, sendmsg(.., unsigned int flags): no MSG_FASTOPEN, which
 * connects on the way. Landlock's rules of ports are asked by connect() only (Linux 6.18). TCP_FASTOPEN_CONNECT is
 * harmless: it is connect() that takes the address. A message's own msg_flags the kernel does not take.
 */
CLAUSES(sends_arg2, ONE(CMP(2, MSG_FASTOPEN, 0)));
CLAUSES(sends_arg3, ONE(CMP(3, MSG_FASTOPEN, 0)));

/*
 * setsockopt(int fd, int level, int optname, ..): what python3, node, curl, ssh and postgres set.
 * Not here: SO_ATTACH_FILTER, SO_ATTACH_BPF and their kin (the sandbox's programs in the kernel),
 * TCP_ULP (CVE-2023-0461), the tables of netfilter (CVE-2021-22555), MCAST_*.
 */
#define OPT(level, name) TWO(IS(1, level), IS(2, name))
CLAUSES(sockopt, OPT(SOL_SOCKET, SO_REUSEADDR), OPT(SOL_SOCKET, SO_REUSEPORT),
	OPT(SOL_SOCKET, SO_KEEPALIVE), OPT(SOL_SOCKET, SO_LINGER), OPT(SOL_SOCKET, SO_BROADCAST),
	OPT(SOL_SOCKET, SO_OOBINLINE), OPT(SOL_SOCKET, SO_SNDBUF), OPT(SOL_SOCKET, SO_RCVBUF),
	OPT(SOL_SOCKET, SO_RCVLOWAT), OPT(SOL_SOCKET, SO_RCVTIMEO), OPT(SOL_SOCKET, SO_SNDTIMEO),
	OPT(SOL_SOCKET, SO_PASSCRED), OPT(SOL_SOCKET, SO_PRIORITY));
CLAUSES(sockopt_inet, OPT(SOL_TCP, TCP_NODELAY), OPT(SOL_TCP, TCP_CORK), OPT(SOL_TCP, TCP_MAXSEG),
	OPT(SOL_TCP, TCP_KEEPIDLE), OPT(SOL_TCP, TCP_KEEPINTVL), OPT(SOL_TCP, TCP_KEEPCNT),
	OPT(SOL_TCP, TCP_USER_TIMEOUT), OPT(SOL_TCP, TCP_QUICKACK),
	OPT(SOL_TCP, TCP_DEFER_ACCEPT), OPT(SOL_TCP, TCP_SYNCNT), OPT(SOL_TCP, TCP_FASTOPEN),
	OPT(SOL_TCP, TCP_FASTOPEN_CONNECT), OPT(SOL_TCP, TCP_NOTSENT_LOWAT),
	OPT(SOL_IP, IP_TOS), OPT(SOL_IP, IP_TTL), OPT(SOL_IP, IP_RECVERR),
	OPT(SOL_IP, IP_MTU_DISCOVER), OPT(SOL_IP, IP_PKTINFO),
	OPT(SOL_IP, IP_BIND_ADDRESS_NO_PORT), OPT(SOL_IP, IP_MULTICAST_IF),
	OPT(SOL_IP, IP_MULTICAST_TTL), OPT(SOL_IP, IP_MULTICAST_LOOP),
	OPT(SOL_IP, IP_ADD_MEMBERSHIP), OPT(SOL_IP, IP_DROP_MEMBERSHIP),
	OPT(SOL_IPV6, IPV6_V6ONLY), OPT(SOL_IPV6, IPV6_TCLASS), OPT(SOL_IPV6, IPV6_UNICAST_HOPS),
	OPT(SOL_IPV6, IPV6_RECVERR), OPT(SOL_IPV6, IPV6_MTU_DISCOVER),
	OPT(SOL_IPV6, IPV6_RECVPKTINFO), OPT(SOL_IPV6, IPV6_MULTICAST_IF),
	OPT(SOL_IPV6, IPV6_MULTICAST_HOPS), OPT(SOL_IPV6, IPV6_MULTICAST_LOOP),
	OPT(SOL_IPV6, IPV6_JOIN_GROUP), OPT(SOL_IPV6, IPV6_LEAVE_GROUP));
CLAUSES(sockopt_netlink, OPT(SOL_NETLINK, NETLINK_EXT_ACK),
	OPT(SOL_NETLINK, NETLINK_GET_STRICT_CHK), OPT(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP));

/* ---- what is answered without being run --------------------------------------------------- */

/*
 * personality(unsigned int persona). A query, and PER_LINUX, which is what a sandbox has: both
 * answer 0. All others weaken: ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC, MMAP_PAGE_ZERO, UNAME26.
 */
CLAUSES(personality, ONE(IS(0, 0xffffffffU)), ONE(IS(0, PER_LINUX)));

/*
 * seteuid() as setresuid(-1, euid, -1), setegid() alike. A sandbox has one id and no capability:
 * the kernel would agree to that id only, where the call changes nothing.
 */
CLAUSES(seteuid, TWO(IS(0, -1), IS(2, -1)));

/* fallocate(.., int mode, ..): modes that databases and tools for images try, and write zeros without. */
CLAUSES(fallocate_other, ONE(IS(1, FALLOC_FL_KEEP_SIZE)),
	ONE(CMP(1, FALLOC_FL_ZERO_RANGE, FALLOC_FL_ZERO_RANGE)));

/* sync_file_range(.., unsigned int flags): with SYNC_FILE_RANGE_WRITE alone it promises nothing. */
CLAUSES(sync_file_range, ONE(IS(3, SYNC_FILE_RANGE_WRITE)));

/* The others of sends_arg2 and sends_arg3. */
CLAUSES(fast_open_arg2, ONE(CMP(2, MSG_FASTOPEN, MSG_FASTOPEN)));
CLAUSES(fast_open_arg3, ONE(CMP(3, MSG_FASTOPEN, MSG_FASTOPEN)));

/* socket(int domain, ..): families that programs try in turn until one is there. */
CLAUSES(no_inet, ONE(IS(0, AF_INET)), ONE(IS(0, AF_INET6)));
CLAUSES(no_netlink, ONE(IS(0, AF_NETLINK)));
CLAUSES(no_family, ONE(IS(0, AF_PACKET)), ONE(IS(0, AF_ALG)), ONE(IS(0, AF_VSOCK)));
