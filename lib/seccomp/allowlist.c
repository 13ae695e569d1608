/* SPDX-License-Identifier: MIT */
/*
 * seccomp: the default list as data. A call is here because a program named beside it was seen to
 * make it (strace) and cannot do without. Where the program has another way that it takes of itself
 * once it is told ENOSYS, the call is under `answers` instead.
 *
 * The measure is Debian 12 and newer with the GNU C library.
 */
#include "seccomp_internal.h"

#define RULE(n, f, why, ...) { .row = { (n), (f), (why) }, .error = NUC_ALLOW, ##__VA_ARGS__ }
#define ALLOW(n, why) RULE(n, "", why)
#define CHECK(n, f, c, why) RULE(n, f, why, .clauses = { &nuc_clauses_##c })
#define SOCKET(n, why) RULE(n, "", why, .network = true)
/* Where there are sockets of TCP, a call that sends may not connect. Elsewhere all its arguments are allowed: the
 * kernel then does not even run the filter. */
#define SENDS(n, c, why)                                                                           \
	RULE(n, "", why, .without = NUC_NETWORK, .network = true),                                 \
	RULE(n, WORDS_SENDS, why, .clauses = { &nuc_clauses_##c }, .with = NUC_NETWORK, .network = true)

#define WORDS_UNIX "AF_UNIX of type stream, dgram or seqpacket, protocol 0"
#define WORDS_INET "; AF_INET and AF_INET6 of type stream (TCP) or dgram (UDP)"
#define WORDS_NETLINK "; AF_NETLINK of protocol NETLINK_ROUTE"
#define WHY_SOCKET "python3 asyncio, node, postgres; glibc asks nscd"
#define WORDS_SOCKOPT "listed options of SOL_SOCKET"
#define WORDS_SENDS "flags without MSG_FASTOPEN"
#define WHY_SOCKOPT "node and postgres: SO_KEEPALIVE, SO_REUSEADDR"

static const struct nuc_rule allowed[] = {
	/* ---- reading and writing ------------------------------------------------------------- */
	ALLOW("read", "every program"),
	ALLOW("write", "every program"),
	ALLOW("close", "every program"),
	ALLOW("lseek", "ld, postgres, python3, git"),
	ALLOW("pread64", "ld.so, postgres, git pack files, node"),
	ALLOW("pwrite64", "postgres, sqlite3 of python3"),
	ALLOW("writev", "node streams; messages of ld.so"),
	ALLOW("pwritev", "postgres: a new WAL segment"),
	ALLOW("fsync", "git, postgres, python3 os.fsync"),
	ALLOW("fdatasync", "postgres WAL, sqlite3 of python3"),
	CHECK("fallocate", "mode 0, or FALLOC_FL_PUNCH_HOLE with FALLOC_FL_KEEP_SIZE", fallocate,
	      "postgres dynamic shared memory, cp of sparse files"),
	ALLOW("ftruncate", "postgres, python3, split, sqlite3"),
	ALLOW("truncate", "postgres: DROP TABLE"),

	/* ---- descriptors and waiting on them ------------------------------------------------- */
	ALLOW("dup", "ld, tar, postgres counts its descriptors"),
	ALLOW("dup2", "bash redirections, python3 subprocess, git"),
	ALLOW("dup3", "freopen(): uniq, shuf, tsort"),
	ALLOW("pipe2", "bash, git, python3 subprocess, node"),
	CHECK("fcntl", "cmd of every Unix, or one of: F_DUPFD_CLOEXEC F_SETPIPE_SZ F_GETPIPE_SZ F_ADD_SEALS "
	      "F_GET_SEALS", fcntl,
	      "every program: FD_CLOEXEC, O_NONBLOCK, record locks of sqlite3"),
	RULE("ioctl", nuc_words_ioctl, "terminals: bash, python3 pty, node; cp reflinks",
	     .clauses = { &nuc_clauses_ioctl }, .without = NUC_NETWORK),
	RULE("ioctl", nuc_words_ioctl_net, "terminals: bash, python3 pty, node; cp reflinks",
	     .clauses = { &nuc_clauses_ioctl, &nuc_clauses_ioctl_net }, .with = NUC_NETWORK),
	ALLOW("flock", "python3 fcntl.flock (pip and filelock), flock"),
	ALLOW("poll", "python3 subprocess, psql, node, xargs"),
	ALLOW("ppoll", "pgbench, ssh of git"),
	ALLOW("pselect6", "make, postgres, bash read -t, python3 select.select"),
	ALLOW("epoll_create1", "node, postgres, python3 asyncio"),
	ALLOW("epoll_ctl", "node, postgres, python3 asyncio"),
	ALLOW("epoll_wait", "postgres, python3 asyncio"),
	ALLOW("epoll_pwait", "node"),
	ALLOW("eventfd2", "node: its loop cannot start without"),
	ALLOW("signalfd4", "postgres latches; script"),

	/* ---- files --------------------------------------------------------------------------- */
	CHECK("openat", "no file is made setuid or setgid", openat, "every program"),
	CHECK("open", "no file is made setuid or setgid", open,
	      "programs built by gcc -fsanitize=address"),
	CHECK("creat", "mode without setuid and setgid", mode_arg1, "tar -cf"),
	ALLOW("stat", "make and other programs linked before glibc 2.33"),
	ALLOW("lstat", "make -L, node and python3 builds linked before glibc 2.33"),
	ALLOW("fstat", "node, patch"),
	ALLOW("newfstatat", "every program"),
	ALLOW("statfs", "df, stat -f, python3 shutil.disk_usage"),
	ALLOW("access", "git, bash, gcc, ld.so"),
	ALLOW("faccessat2", "bash test -r, ld"),
	ALLOW("readlink", "gcc, git, node, readlink"),
	ALLOW("readlinkat", "tar"),
	ALLOW("getdents64", "git, python3, ls, node"),
	ALLOW("getcwd", "bash, git, python3, make"),
	ALLOW("chdir", "git -C, bash cd, postgres, python3 subprocess"),
	ALLOW("fchdir", "find, install, mkdir -p"),
	ALLOW("mkdir", "git, mkdir, node, postgres"),
	ALLOW("mkdirat", "cp -r, tar"),
	ALLOW("rmdir", "git, python3, rmdir"),
	ALLOW("unlink", "git, gcc, postgres, python3"),
	ALLOW("unlinkat", "rm, tar, python3 shutil.rmtree"),
	ALLOW("rename", "git, python3, postgres, npm"),
	ALLOW("renameat", "ln -sf, mv --backup"),
	ALLOW("renameat2", "mv"),
	ALLOW("link", "git clone --local, link, python3 os.link"),
	ALLOW("linkat", "ln, cp -l, tar"),
	ALLOW("symlink", "git, python3 venv, npm"),
	ALLOW("symlinkat", "ln -s, tar, cp -a"),
	CHECK("chmod", "mode without setuid and setgid", mode_arg1, "git, ld, python3, initdb"),
	CHECK("fchmod", "mode without setuid and setgid", mode_arg1, "tar, strip, cp -p, node"),
	CHECK("fchmodat", "mode without setuid and setgid", mode_arg2, "chmod, install -m"),
	ALLOW("utimensat", "touch, cp -p, tar, git, make -t"),
	ALLOW("umask", "bash, ld, tar, postgres"),

	/* ---- memory -------------------------------------------------------------------------- */
	CHECK("mmap", "flags without MAP_HUGETLB", mmap, "every program"),
	ALLOW("mprotect", "ld.so, node's compiler, python3 ctypes"),
	ALLOW("munmap", "every program"),
	ALLOW("madvise", "node, which aborts without; stacks of threads"),
	ALLOW("brk", "malloc() of every program; start of static ones"),
	CHECK("shmget", "shmflg without SHM_HUGETLB", shmget,
	      "postgres: the segment that keeps a second postmaster off; own IPC namespace"),
	ALLOW("shmat", "postgres: the same segment"),
	ALLOW("shmdt", "postgres: else it takes its own hold for another postmaster after a crash"),
	CHECK("shmctl", "cmd IPC_STAT or IPC_RMID", shmctl, "postgres: the same segment"),

	/* ---- processes and threads ----------------------------------------------------------- */
	CHECK("clone", "flags without any CLONE_NEW*", clone,
	      "fork() and threads, once clone3 said ENOSYS"),
	ALLOW("vfork", "gcc and make start programs by it, python3 subprocess"),
	ALLOW("execve", "every program; the launcher's last call"),
	ALLOW("exit", "end of a thread: node, python3, git"),
	ALLOW("exit_group", "every program"),
	ALLOW("wait4", "bash, make, git, python3 subprocess"),
	ALLOW("kill", "bash, timeout, postgres, python3 (own PID namespace)"),
	ALLOW("tgkill", "abort(), raise() and pthread_kill() of every program"),
	CHECK("futex", "op without priority inheritance", futex,
	      "threads of node, python3, git; semaphores of postgres"),
	ALLOW("getpid", "every program"),
	ALLOW("getppid", "bash at its start, postgres: is the postmaster alive"),
	ALLOW("gettid", "python3 threading, node; cannot fail, so nobody checks"),
	ALLOW("getpgrp", "bash, which exits without"),
	ALLOW("setpgid", "bash job control, timeout"),
	ALLOW("setsid", "postgres, python3 start_new_session, node detached, setsid"),
	ALLOW("getuid", "bash, git, python3, node"),
	ALLOW("geteuid", "bash, git, python3, node"),
	ALLOW("getgid", "bash, python3, node"),
	ALLOW("getegid", "bash, python3, node"),
	CHECK("prctl", nuc_words_prctl, prctl,
	      "names of threads; postgres PR_SET_PDEATHSIG; libcap"),
	CHECK("arch_prctl", "option ARCH_SET_FS", arch_prctl, "ld.so: thread-local storage"),
	CHECK("prlimit64", "pid 0", prlimit64,
	      "bash ulimit, gcc, node: getrlimit() and setrlimit()"),
	ALLOW("set_tid_address", "ld.so; without it raise() aims at a wrong thread"),
	ALLOW("sched_getaffinity", "nproc, python3 os.sched_getaffinity, node, make -j"),
	ALLOW("getrusage", "bash time, as, ld, postgres"),
	ALLOW("uname", "uname, git, node, python3 platform"),
	ALLOW("getrandom", "malloc(), python3 hash seed, git, postgres"),

	/* ---- signals and time ---------------------------------------------------------------- */
	ALLOW("rt_sigaction", "every program"),
	ALLOW("rt_sigprocmask", "bash, node, postgres, make"),
	ALLOW("rt_sigreturn", "the return from any signal handler"),
	ALLOW("rt_sigsuspend", "timeout, sh wait"),
	ALLOW("sigaltstack", "python3 faulthandler (pytest), grep, diff, clang"),
	ALLOW("pause", "python3 signal.pause, which would return at once and say nothing"),
	ALLOW("restart_syscall", "sleep and poll after SIGSTOP, SIGCONT or a cgroup freeze"),
	ALLOW("setitimer", "postgres timeouts, git progress"),
	ALLOW("alarm", "timeout, pgbench -T, perl, git-upload-pack"),
	ALLOW("clock_nanosleep", "sleep, python3 time.sleep"),
	ALLOW("clock_gettime", "CPU clocks; all where the vDSO cannot (clocksource not tsc)"),
	ALLOW("gettimeofday", "git and bash where the vDSO cannot (clocksource not tsc)"),

	/* ---- sockets: AF_UNIX always, others as the parameters say --------------------------- */
	RULE("socket", WORDS_UNIX, WHY_SOCKET, .clauses = { &nuc_clauses_socket_unix },
	     .without = NUC_NETWORK | NUC_NETLINK, .network = true),
	RULE("socket", WORDS_UNIX WORDS_INET, WHY_SOCKET,
	     .clauses = { &nuc_clauses_socket_unix, &nuc_clauses_socket_inet },
	     .with = NUC_NETWORK, .without = NUC_NETLINK, .network = true),
	RULE("socket", WORDS_UNIX WORDS_NETLINK, WHY_SOCKET,
	     .clauses = { &nuc_clauses_socket_unix, &nuc_clauses_socket_netlink },
	     .with = NUC_NETLINK, .without = NUC_NETWORK, .network = true),
	RULE("socket", WORDS_UNIX WORDS_INET WORDS_NETLINK, WHY_SOCKET,
	     .clauses = { &nuc_clauses_socket_unix, &nuc_clauses_socket_inet,
			  &nuc_clauses_socket_netlink },
	     .with = NUC_NETWORK | NUC_NETLINK, .network = true),
	RULE("socketpair", WORDS_UNIX, "node child_process, python3 asyncio",
	     .clauses = { &nuc_clauses_socket_unix }, .network = true),
	SOCKET("connect", "psql, python3, node; glibc asks nscd"),
	SOCKET("bind", "postgres, python3 asyncio, node"),
	SOCKET("listen", "postgres, python3 asyncio, node"),
	SOCKET("accept", "postgres"),
	SOCKET("accept4", "python3, node"),
	SOCKET("getsockname", "postgres, python3, node"),
	SOCKET("getpeername", "bash at its start, python3"),
	RULE("setsockopt", WORDS_SOCKOPT, WHY_SOCKOPT, .clauses = { &nuc_clauses_sockopt },
	     .without = NUC_NETWORK | NUC_NETLINK, .network = true),
	RULE("setsockopt", WORDS_SOCKOPT ", SOL_IP, SOL_IPV6, SOL_TCP", WHY_SOCKOPT ", TCP_NODELAY",
	     .clauses = { &nuc_clauses_sockopt, &nuc_clauses_sockopt_inet }, .with = NUC_NETWORK,
	     .without = NUC_NETLINK, .network = true),
	RULE("setsockopt", WORDS_SOCKOPT ", SOL_NETLINK", WHY_SOCKOPT,
	     .clauses = { &nuc_clauses_sockopt, &nuc_clauses_sockopt_netlink }, .with = NUC_NETLINK,
	     .without = NUC_NETWORK, .network = true),
	RULE("setsockopt", WORDS_SOCKOPT ", SOL_IP, SOL_IPV6, SOL_TCP, SOL_NETLINK",
	     WHY_SOCKOPT ", TCP_NODELAY",
	     .clauses = { &nuc_clauses_sockopt, &nuc_clauses_sockopt_inet,
			  &nuc_clauses_sockopt_netlink },
	     .with = NUC_NETWORK | NUC_NETLINK, .network = true),
	SOCKET("getsockopt", "psql, node and curl: SO_ERROR after connect"),
	SENDS("sendto", sends_arg3, "postgres, psql, python3, node"),
	SOCKET("recvfrom", "postgres, psql, python3, node"),
	SENDS("sendmsg", sends_arg2, "python3 multiprocessing passes descriptors, node"),
	SOCKET("recvmsg", "node, python3 multiprocessing"),
	SOCKET("shutdown", "node"),
	RULE("sendmmsg", WORDS_SENDS, "glibc's resolver: A and AAAA at once",
	     .clauses = { &nuc_clauses_sends_arg3 }, .with = NUC_NETWORK, .network = true),
};

/*
 * Answers other than EPERM. ENOSYS where the C library or the program falls back of itself, 0 where
 * the call is a hint that may be ignored, another errno where that is the one its callers expect.
 */
#define ANSWER(n, e, why) { .row = { (n), #e, (why) }, .error = (e) }
#define SOME(n, words, e, c, why)                                                                  \
	{ .row = { (n), (words), (why) }, .error = (e), .clauses = { &nuc_clauses_##c } }
#define FAST_OPEN(n, c)                                                                            \
	{ .row = { (n), "EOPNOTSUPP for MSG_FASTOPEN", "as where TCP Fast Open is off: callers connect" }, \
	  .error = EOPNOTSUPP, .clauses = { &nuc_clauses_##c }, .with = NUC_NETWORK }
#define XATTR(n) ANSWER(n, EOPNOTSUPP, "as on a file system without; ls, cp -a, tar go on")
#define NEEDLESS "programs that harden themselves by it go on without"

static const struct nuc_rule answers[] = {
	ANSWER("clone3", ENOSYS, "flags in memory cannot be filtered; glibc falls back to clone"),
	ANSWER("statx", ENOSYS, "glibc and node fall back to newfstatat; a birth time is lost"),
	ANSWER("fstatfs", ENOSYS, "find and rm use it to go faster; tail -f polls"),
	ANSWER("sysinfo", ENOSYS, "memory, load and processes of the host; glibc goes without"),
	ANSWER("rseq", ENOSYS, "glibc goes without"),
	ANSWER("set_robust_list", ENOSYS, "glibc goes without robust mutexes"),
	ANSWER("close_range", ENOSYS, "python3 and glibc read /proc/self/fd instead"),
	ANSWER("copy_file_range", ENOSYS, "cp and node read and write instead"),
	ANSWER("sendfile", EINVAL, "node and python3 read and write instead; it moves pages of the "
				   "page cache into pipes, as splice (CVE-2022-0847)"),
	ANSWER("mremap", ENOMEM, "realloc() copies instead; CVE-2018-18281, CVE-2022-41222"),
	ANSWER("timer_create", ENOSYS, "timeout uses alarm instead, in whole seconds"),
	ANSWER("membarrier", ENOSYS, "user space RCU has another way"),
	ANSWER("waitid", ENOSYS, "Go falls back to wait4"),
	ANSWER("execveat", ENOSYS, "fexecve() uses /proc/self/fd instead"),
	ANSWER("openat2", ENOSYS, "callers fall back to openat"),
	ANSWER("epoll_pwait2", ENOSYS, "callers fall back to epoll_pwait"),
	ANSWER("futex_waitv", ENOSYS, "callers fall back to futex"),
	ANSWER("timerfd_create", ENOSYS, "no named program"),
	ANSWER("inotify_init", ENOSYS, "tail -f polls"),
	ANSWER("inotify_init1", ENOSYS, "node fs.watch says so; watchers poll"),
	ANSWER("pidfd_open", ENOSYS, "python3 asyncio 3.12 uses a thread instead"),
	ANSWER("pidfd_send_signal", ENOSYS, "as pidfd_open"),
	ANSWER("io_uring_setup", ENOSYS, "node uses threads instead; it goes past this filter"),
	ANSWER("io_uring_enter", ENOSYS, "as io_uring_setup"),
	ANSWER("io_uring_register", ENOSYS, "as io_uring_setup"),
	ANSWER("landlock_create_ruleset", ENOSYS, NEEDLESS),
	ANSWER("landlock_add_rule", ENOSYS, NEEDLESS),
	ANSWER("landlock_restrict_self", ENOSYS, NEEDLESS),
	ANSWER("memfd_create", ENOSYS, "a file to execute past noexec mounts and Landlock"),
	ANSWER("fadvise64", 0, "a hint: cat, cp, sort, postgres"),
	ANSWER("sched_yield", 0, "a hint, which nobody checks"),
	SOME("sync_file_range", "0 for flags SYNC_FILE_RANGE_WRITE", 0, sync_file_range,
	     "a hint in that form: postgres, which takes any error for lost data"),
	SOME("fallocate", "EOPNOTSUPP for FALLOC_FL_KEEP_SIZE and FALLOC_FL_ZERO_RANGE", EOPNOTSUPP, fallocate_other,
	     "as on a file system without: it takes room past the limit of file sizes"),
	SOME("personality", "0 for persona 0xffffffff or 0", 0, personality,
	     "what a query answers in a sandbox: setarch, gdb"),
	ANSWER("getgroups", 0, "none, and not the caller's on the host: id, bash"),
	SOME("setresuid", "0 for ruid and suid -1", 0, seteuid,
	     "make calls seteuid() with its own id; there is no other id to change to"),
	SOME("setresgid", "0 for rgid and sgid -1", 0, seteuid, "as setresuid"),
	SOME("futex", "ENOSYS for priority inheritance", ENOSYS, futex_pi,
	     "glibc then says ENOTSUP to pthread_mutexattr_setprotocol()"),
	{ .row = { "socket", "EAFNOSUPPORT for other families", "programs try families in turn" },
	  .error = EAFNOSUPPORT,
	  .clauses = { &nuc_clauses_no_family, &nuc_clauses_no_inet, &nuc_clauses_no_netlink },
	  .without = NUC_NETWORK | NUC_NETLINK },
	{ .row = { "socket", "EAFNOSUPPORT for other families", "programs try families in turn" },
	  .error = EAFNOSUPPORT, .clauses = { &nuc_clauses_no_family, &nuc_clauses_no_netlink },
	  .with = NUC_NETWORK, .without = NUC_NETLINK },
	{ .row = { "socket", "EAFNOSUPPORT for other families", "programs try families in turn" },
	  .error = EAFNOSUPPORT, .clauses = { &nuc_clauses_no_family, &nuc_clauses_no_inet },
	  .with = NUC_NETLINK, .without = NUC_NETWORK },
	{ .row = { "socket", "EAFNOSUPPORT for other families", "programs try families in turn" },
	  .error = EAFNOSUPPORT, .clauses = { &nuc_clauses_no_family },
	  .with = NUC_NETWORK | NUC_NETLINK },
	FAST_OPEN("sendto", fast_open_arg3), FAST_OPEN("sendmsg", fast_open_arg2),
	FAST_OPEN("sendmmsg", fast_open_arg3),
	XATTR("setxattr"), XATTR("lsetxattr"), XATTR("fsetxattr"),
	XATTR("getxattr"), XATTR("lgetxattr"), XATTR("fgetxattr"),
	XATTR("listxattr"), XATTR("llistxattr"), XATTR("flistxattr"),
	XATTR("removexattr"), XATTR("lremovexattr"), XATTR("fremovexattr"),
};

/*
 * No named program makes these, nor does any tool that a user would try and expect to be told no:
 * loading code into the kernel, hardware, and known ways out (open_by_handle_at left Docker in
 * 2014, userfaultfd holds the kernel still in a race, modify_ldt and uselib are history). Tools
 * that are tried - mount, strace, unshare, perf, date -s - get EPERM.
 */
static const char *const killed[] = {
	"kexec_load",	 "kexec_file_load", "init_module", "finit_module",	"delete_module",
	"create_module", "iopl",	    "ioperm",	   "open_by_handle_at", "userfaultfd",
	"modify_ldt",	 "uselib",
};

unsigned nuc_seccomp_flags(const struct nuc_seccomp_params *params)
{
	return (params->network ? NUC_NETWORK : 0) | (params->netlink_route ? NUC_NETLINK : 0);
}

static const struct nuc_rule *in_use(const struct nuc_rule *rules, size_t count, unsigned flags,
				     size_t i)
{
	for (const struct nuc_rule *rule = rules; rule < rules + count; rule++) {
		if ((flags & rule->with) != rule->with || (flags & rule->without))
			continue;
		if (i-- == 0)
			return rule;
	}
	return NULL;
}

const struct nuc_rule *nuc_seccomp_allow_rule(unsigned flags, size_t i)
{
	return in_use(allowed, NUC_ARRAY_SIZE(allowed), flags, i);
}

const struct nuc_rule *nuc_seccomp_answer_rule(unsigned flags, size_t i)
{
	return in_use(answers, NUC_ARRAY_SIZE(answers), flags, i);
}

const struct nuc_seccomp_row *nuc_seccomp_allowed(const struct nuc_seccomp_params *params,
						  size_t i)
{
	const struct nuc_rule *rule = nuc_seccomp_allow_rule(nuc_seccomp_flags(params), i);

	return rule ? &rule->row : NULL;
}

const struct nuc_seccomp_row *nuc_seccomp_answered(const struct nuc_seccomp_params *params,
						   size_t i)
{
	const struct nuc_rule *rule = nuc_seccomp_answer_rule(nuc_seccomp_flags(params), i);

	return rule ? &rule->row : NULL;
}

const char *nuc_seccomp_killed(size_t i)
{
	return i < NUC_ARRAY_SIZE(killed) ? killed[i] : NULL;
}

bool nuc_seccomp_is_network(const char *name)
{
	for (size_t i = 0; i < NUC_ARRAY_SIZE(allowed); i++)
		if (allowed[i].network && !strcmp(allowed[i].row.name, name))
			return true;
	return false;
}
