/* SPDX-License-Identifier: MIT */
/*
 * Uses one thing up, in a sandbox only (../attack/guard.c), and tells what stopped it:
 *
 *   hostile NAME
 *
 * It says "stopped ERRNO N" when the Nth more was refused it. Then it stays, or tries on, until it is
 * ended; or the kernel has ended it before it could say anything.
 */
#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include "attack.h"

#define MIB ((size_t)1 << 20)

static char block[65536];

__attribute__((noreturn)) static void stay(void)
{
	for (;;)
		pause();
}

/* From the first process alone: of many, one line. */
static void stopped(long n)
{
	printf("stopped %s %ld\n", strerrorname_np(errno) ?: "?", n);
	fflush(stdout);
}

/* Goes on with it in a child, whose descriptors are its own; the last one, who got no child, tells. */
static void next_process(long n)
{
	pid_t pid = fork();

	if (pid < 0) {
		stopped(n);
		stay();
	}
	if (pid > 0)
		stay();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The filter refuses close_range(). */
	for (int fd = 3; fd < (int)sysconf(_SC_OPEN_MAX); fd++)
		close(fd);
}

/* ---- memory ------------------------------------------------------------------------------------ */

static void anonymous(void)
{
	for (long n = 0;; n++) {
		char *m = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (m == MAP_FAILED) {
			stopped(n);
			stay();
		}
		for (size_t i = 0; i < MIB; i += 4096)
			m[i] = 1;
	}
}

/* One byte in each two MiB: a page of a table for each page. */
static void page_tables(void)
{
	const size_t size = (size_t)1 << 40;
	char *m = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	for (size_t i = 0; m != MAP_FAILED && i < size; i += 2 * MIB)
		m[i] = 1;
	stopped(0);
	stay();
}

static void file_in(const char *path, long blocks)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	for (long n = 0;; n++) {
		if (blocks && n % blocks == 0)
			lseek(fd, 0, SEEK_SET);
		if (blocks && n == blocks)
			stopped(0);
		if (write(fd, block, sizeof(block)) < 0 || (n % 64 == 0 && fdatasync(fd) < 0)) {
			stopped(n);
			stay();
		}
	}
}

static void tmpfs(void)
{
	file_in("/tmp/hostile", 0);
}

/*
 * Three times what it may have in memory, again and again. Written out as it goes: what a slow disk has not
 * taken yet cannot be given back, and ends the group, which bounds it as well.
 */
static void page_cache(void)
{
	file_in("/workspace/hostile", 96 * 16);
}

static void many_files(void)
{
	for (long n = 0;; n++) {
		char name[64];
		int fd;

		snprintf(name, sizeof(name), "/tmp/%ld", n);
		fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0) {
			stopped(n);
			stay();
		}
		close(fd);
	}
}

static void shared_memory(void)
{
	for (long n = 0;; n++) {
		int id = shmget(IPC_PRIVATE, MIB, IPC_CREAT | 0600);
		char *m = id < 0 ? (void *)-1 : shmat(id, NULL, 0);

		if (m == (void *)-1) {
			stopped(n);
			stay();
		}
		for (size_t i = 0; i < MIB; i += 4096)
			m[i] = 1;
		shmdt(m);
	}
}

static void fill(int fd)
{
	while (send(fd, block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
}

static void pipes(void)
{
	for (long n = 0;; n++) {
		int fds[2];

		if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
			next_process(n);
			continue;
		}
		while (write(fds[1], block, 4096) > 0)
			;
	}
}

static void unix_sockets(void)
{
	for (long n = 0;; n++) {
		int fds[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
			next_process(n);
			continue;
		}
		fill(fds[0]);
		fill(fds[1]);
	}
}

static void tcp_sockets(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	bind(listener, (struct sockaddr *)&a, sizeof(a));
	listen(listener, 16);
	getsockname(listener, (struct sockaddr *)&a, &size);
	for (long n = 0; n < 400; n++) {
		int one = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), other;

		if (one < 0 || connect(one, (struct sockaddr *)&a, sizeof(a)) < 0 ||
		    (other = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) < 0) {
			stopped(n);
			stay();
		}
		fill(one);
		fill(other);
	}
	stopped(400);
	stay();
}

static void udp_sockets(void)
{
	for (long n = 0; n < 1000; n++) {
		struct sockaddr_in a = { .sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		socklen_t size = sizeof(a);
		int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)) < 0 ||
		    getsockname(s, (struct sockaddr *)&a, &size) < 0) {
			stopped(n);
			stay();
		}
		/* What does not fit any more is dropped. */
		for (int i = 0; i < 16; i++)
			sendto(s, block, 16384, MSG_DONTWAIT, (struct sockaddr *)&a, sizeof(a));
	}
	stopped(1000);
	stay();
}

/* Locks of ranges that do not touch: each is memory of the kernel's. */
static void file_locks(void)
{
	for (long n = 0; n < 400; n++) {
		char name[64];
		int fd;

		snprintf(name, sizeof(name), "/tmp/%ld", n);
		fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		for (long i = 0; i < 400; i++) {
			struct flock l = { .l_type = F_WRLCK, .l_start = -2 * i + 100000, .l_len = 1 };

			if (fd < 0 || fcntl(fd, F_SETLK, &l) < 0) {
				stopped(n * 400 + i);
				stay();
			}
		}
	}
	stopped(400L * 400);
	stay();
}

/* ---- what the kernel counts for a user ---------------------------------------------------------- */

static void fork_bomb(void)
{
	pid_t first = getpid();
	bool told = false;

	for (long n = 0;; n++) {
		if (fork() >= 0 || told || getpid() != first)
			continue;
		stopped(n);
		told = true;
	}
}

static void descriptors(void)
{
	for (long n = 0;; n++)
		if (open("/dev/null", O_RDWR | O_CLOEXEC) < 0) {
			/* The machine has no more, not this process. */
			if (errno == ENFILE) {
				stopped(n);
				stay();
			}
			next_process(n);
		}
}

/* Real-time signals that nobody takes. */
static void signals(void)
{
	sigset_t one;

	sigemptyset(&one);
	sigaddset(&one, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &one, NULL);
	/* With tgkill the kernel tells when it can keep no more; with kill it does not. */
	for (long n = 0;; n++)
		if (syscall(__NR_tgkill, getpid(), getpid(), SIGRTMIN + 1) < 0) {
			stopped(n);
			stay();
		}
}

/* Descriptors in messages that nobody reads. */
static void in_flight(void)
{
	static int many[253];
	char byte = 'x';
	struct iovec iov = { &byte, 1 };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(many))];
	} control = { .head = { CMSG_LEN(sizeof(many)), SOL_SOCKET, SCM_RIGHTS } };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
				  .msg_controllen = sizeof(control) };

	memcpy(CMSG_DATA(&control.head), many, sizeof(many));
	for (long n = 0;; n++) {
		int fds[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ||
		    sendmsg(fds[0], &message, MSG_DONTWAIT) < 0) {
			stopped(n);
			stay();
		}
	}
}

static void epoll_watches(void)
{
	int target[64];

	for (;;) {
		for (int i = 0; i < 64; i++)
			target[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		for (long n = 0;; n++) {
			int e = epoll_create1(EPOLL_CLOEXEC);
			struct epoll_event event = { .events = EPOLLIN };

			if (e < 0)
				break;
			for (int i = 0; i < 64; i++)
				if (epoll_ctl(e, EPOLL_CTL_ADD, target[i], &event) < 0) {
					stopped(n * 64 + i);
					stay();
				}
		}
		next_process(0);
	}
}

/* Pipes of the usual size until they are smaller, for want of a user's pages. */
static void pipe_pages(void)
{
	for (long n = 0;; n++) {
		int fds[2];

		if (pipe2(fds, O_CLOEXEC) < 0) {
			stopped(n);
			stay();
		}
		if (fcntl(fds[0], F_GETPIPE_SZ) < 65536) {
			errno = 0;
			stopped(n);
			stay();
		}
	}
}

static void inotify_instances(void)
{
	for (long n = 0;; n++)
		if (syscall(__NR_inotify_init1, O_CLOEXEC) < 0) {
			stopped(n);
			stay();
		}
}

/* What could be used up without a bound is not to be had at all: a line for each. */
static void tried(const char *what, long r)
{
	printf("%s\t%s\n", what, r < 0 ? strerrorname_np(errno) : "done");
}

static void kernel_objects(void)
{
	tried("inotify_init", syscall(__NR_inotify_init));
	tried("inotify_init1", syscall(__NR_inotify_init1, O_CLOEXEC));
	tried("fanotify_init", syscall(__NR_fanotify_init, 0x200, 0));
	tried("add_key", syscall(__NR_add_key, "user", "hostile", "x", 1, -3));
	tried("request_key", syscall(__NR_request_key, "user", "hostile", NULL, -3));
	tried("keyctl", syscall(__NR_keyctl, 1, NULL));
	tried("memfd_create", syscall(__NR_memfd_create, "hostile", 0));
	tried("memfd_secret", syscall(__NR_memfd_secret, 0));
	tried("mq_open", syscall(__NR_mq_open, "hostile", O_RDWR | O_CREAT, 0600, NULL));
	tried("msgget", syscall(__NR_msgget, IPC_PRIVATE, IPC_CREAT | 0600));
	tried("semget", syscall(__NR_semget, IPC_PRIVATE, 250, IPC_CREAT | 0600));
	tried("timerfd_create", syscall(__NR_timerfd_create, CLOCK_MONOTONIC, 0));
	tried("timer_create", syscall(__NR_timer_create, CLOCK_MONOTONIC, NULL, block));
	tried("io_uring_setup", syscall(__NR_io_uring_setup, 8, block));
	tried("mlock", syscall(__NR_mlock, block, sizeof(block)));
	tried("mlockall", syscall(__NR_mlockall, 1));
	tried("sched_setscheduler", syscall(__NR_sched_setscheduler, 0, 1, block));
	tried("ioprio_set", syscall(__NR_ioprio_set, 1, 0, 1 << 13));
	tried("unshare-user", syscall(__NR_unshare, 0x10000000));
	tried("unshare-net", syscall(__NR_unshare, 0x40000000));
	fflush(stdout);
}

/* ---- processors, disks ------------------------------------------------------------------------- */

static void processors(void)
{
	for (int i = 0; i < 7; i++)
		if (fork() == 0)
			break;
	errno = 0;
	if (getppid() == 1)
		stopped(0);
	for (volatile unsigned long i = 0;; i++)
		;
}

/* As fast as it goes, past the page cache and through it. */
static void disk(void)
{
	int direct = open("/workspace/direct", O_WRONLY | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
	int cached = open("/workspace/cached", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	void *aligned;

	if (direct < 0 || cached < 0 || posix_memalign(&aligned, 4096, sizeof(block))) {
		stopped(0);
		stay();
	}
	for (int i = 0; i < 3; i++)
		if (fork() == 0)
			break;
	errno = 0;
	if (getppid() == 1)
		stopped(0);
	for (long n = 0;; n++) {
		if (pwrite(direct, aligned, sizeof(block), n % 64 * (long)sizeof(block)) < 0 ||
		    pwrite(cached, block, sizeof(block), n % 64 * (long)sizeof(block)) < 0)
			pause();
		fdatasync(cached);
	}
}

/* ---- its group --------------------------------------------------------------------------------- */

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	tried(path, fd < 0 ? -1 : write(fd, text, strlen(text)));
}

/* Every way to its group's files, to its parent's, and out: a line for each. */
static void group(void)
{
	static const char *const files[] = {
		"cgroup.procs",	       "cgroup.threads",   "cgroup.subtree_control", "cgroup.type",
		"cgroup.max.depth",    "cgroup.max.descendants", "cgroup.freeze",    "cgroup.kill",
		"memory.max",	       "memory.swap.max",  "memory.oom.group",	     "pids.max",
		"cpu.max",	       "cpu.weight",
	};
	static const char *const outside[] = {
		"/sys/fs/cgroup/../cgroup.procs",	"/sys/fs/cgroup/../../cgroup.procs",
		"/proc/1/root/sys/fs/cgroup/cgroup.procs", "/proc/1/cwd/sys/fs/cgroup/cgroup.procs",
		"/sys/fs/cgroup/release_agent",		"/sys/fs/cgroup/notify_on_release",
		"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/proc/self/root/../sys/fs/cgroup/../cgroup.procs",
	};
	struct {
		unsigned long flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls,
			set_tid, set_tid_size, cgroup;
	} clone3 = { .flags = 0x200000000ULL, .exit_signal = SIGCHLD };
	char path[128], name[128];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", files[i]);
		write_to(path, i < 2 ? "0" : "max");
	}
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		write_to(outside[i], "0");
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "/sys/fs/cgroup/nested-%d", i);
		tried("mkdir", mkdir(name, 0755));
	}
	tried("rmdir", rmdir("/sys/fs/cgroup"));
	tried("chmod", chmod("/sys/fs/cgroup/cgroup.procs", 0666));
	tried("mount-cgroup2", syscall(__NR_mount, "none", "/tmp", "cgroup2", 0, NULL));
	tried("mount-cgroup", syscall(__NR_mount, "none", "/tmp", "cgroup", 0, "memory"));
	tried("mount-remount", syscall(__NR_mount, "none", "/sys/fs/cgroup", NULL, 0x1020, NULL));
	tried("fsopen-cgroup2", syscall(__NR_fsopen, "cgroup2", 0));
	tried("unshare-cgroup", syscall(__NR_unshare, 0x02000000));
	tried("unshare-user", syscall(__NR_unshare, 0x10000000));
	tried("setns", syscall(__NR_setns, open("/proc/self/ns/cgroup", O_RDONLY | O_CLOEXEC), 0));
	clone3.cgroup = (unsigned long)open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tried("clone3-into-cgroup", syscall(__NR_clone3, &clone3, sizeof(clone3)));
	tried("ptrace-init", syscall(__NR_ptrace, 16, 1, 0, 0));
	fflush(stdout);
}

/* ---- all of them ------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*run)(void);
} attacks[] = {
	{ "anonymous", anonymous },
	{ "page-tables", page_tables },
	{ "tmpfs", tmpfs },
	{ "page-cache", page_cache },
	{ "many-files", many_files },
	{ "shared-memory", shared_memory },
	{ "pipes", pipes },
	{ "unix-sockets", unix_sockets },
	{ "tcp-sockets", tcp_sockets },
	{ "udp-sockets", udp_sockets },
	{ "file-locks", file_locks },
	{ "fork-bomb", fork_bomb },
	{ "descriptors", descriptors },
	{ "signals", signals },
	{ "in-flight", in_flight },
	{ "epoll-watches", epoll_watches },
	{ "pipe-pages", pipe_pages },
	{ "inotify-instances", inotify_instances },
	{ "kernel-objects", kernel_objects },
	{ "processors", processors },
	{ "disk", disk },
	{ "group", group },
};

int main(int argc, char **argv)
{
	guard_place();
	guard_privileges(false);
	memset(block, 'x', sizeof(block));
	for (size_t i = 0; argc == 2 && i < sizeof(attacks) / sizeof(attacks[0]); i++)
		if (!strcmp(argv[1], attacks[i].name)) {
			attacks[i].run();
			return 0;
		}
	fprintf(stderr, "hostile: which attack?\n");
	return UNTRIED;
}
