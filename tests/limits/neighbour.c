/* SPDX-License-Identifier: MIT */
/*
 * A program that behaves: for each line on stdin it does the same small piece of work, which uses a
 * little of all that attackers use up, and says how long it took and how much processor time:
 *
 *   neighbour [DIRECTORY]       with a directory, a file is written and synchronised in it, too
 *
 * "ok WALL CPU" in microseconds, or "failed WHAT ERRNO".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *directory;
static char data[65536];
static volatile sig_atomic_t signalled;

static void on_signal(int sig)
{
	(void)sig;
	signalled = 1;
}

static int compute(void)
{
	volatile uint32_t x = 1;

	for (int i = 0; i < 300000; i++)
		x = x * 1664525 + 1013904223;
	return 0;
}

static int processes(void)
{
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();
		int status;

		if (pid < 0)
			return -1;
		if (pid == 0)
			_exit(7);
		if (waitpid(pid, &status, 0) != pid || status != 7 << 8)
			return -1;
	}
	return 0;
}

static int memory(void)
{
	char *m = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (m == MAP_FAILED)
		return -1;
	for (int i = 0; i < 1 << 20; i += 4096)
		m[i] = 1;
	return munmap(m, 1 << 20);
}

static int shared_memory(void)
{
	int id = shmget(IPC_PRIVATE, 65536, IPC_CREAT | 0600);
	char *m = id < 0 ? (void *)-1 : shmat(id, NULL, 0);

	if (m == (void *)-1)
		return -1;
	memcpy(m, data, 65536);
	return shmdt(m) < 0 || shmctl(id, IPC_RMID, NULL) < 0 ? -1 : 0;
}

static int write_and_read(int to, int from)
{
	char back[4096];

	for (int i = 0; i < 4; i++)
		if (write(to, data, sizeof(back)) != sizeof(back) ||
		    read(from, back, sizeof(back)) != sizeof(back))
			return -1;
	return 0;
}

static int pipes(void)
{
	for (int i = 0; i < 4; i++) {
		int fds[2], r;

		if (pipe2(fds, O_CLOEXEC) < 0)
			return -1;
		r = write_and_read(fds[1], fds[0]);
		close(fds[0]);
		close(fds[1]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int descriptors(void)
{
	int fds[32], r = 0;

	for (int i = 0; i < 32; i++) {
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (fds[i] < 0)
			r = -1;
	}
	for (int i = 0; i < 32; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return r;
}

static int file_in(const char *where, int sync)
{
	struct flock lock = { .l_type = F_WRLCK, .l_start = 10, .l_len = 10 };
	char name[4096];
	int fd, r;

	snprintf(name, sizeof(name), "%s/neighbour-%d", where, getpid());
	fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	r = fcntl(fd, F_SETLK, &lock) < 0 || write(fd, data, sizeof(data)) != sizeof(data) ||
			    (sync && fsync(fd) < 0)
		    ? -1
		    : 0;
	close(fd);
	return r < 0 ? r : unlink(name);
}

static int file(void)
{
	return file_in("/tmp", 0);
}

static int synced_file(void)
{
	return directory ? file_in(directory, 1) : 0;
}

/* A descriptor goes through a socket, as Python's multiprocessing sends them. */
static int passing(void)
{
	int fds[2], r = -1;
	char byte = 'x';
	struct iovec iov = { &byte, 1 };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .head = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
				  .msg_controllen = sizeof(control) };

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -1;
	memcpy(CMSG_DATA(&control.head), &fds[0], sizeof(int));
	if (sendmsg(fds[0], &message, 0) == 1 && recvmsg(fds[1], &message, MSG_CMSG_CLOEXEC) == 1 &&
	    message.msg_controllen >= CMSG_LEN(sizeof(int))) {
		int got;

		memcpy(&got, CMSG_DATA(&control.head), sizeof(got));
		close(got);
		r = 0;
	}
	close(fds[0]);
	close(fds[1]);
	return r;
}

static int polling(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int e = epoll_create1(EPOLL_CLOEXEC), fds[2], r;

	if (e < 0 || pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	r = epoll_ctl(e, EPOLL_CTL_ADD, fds[0], &event) < 0 || write(fds[1], "x", 1) != 1 ||
			    epoll_wait(e, &event, 1, 10000) != 1
		    ? -1
		    : 0;
	close(e);
	close(fds[0]);
	close(fds[1]);
	return r;
}

static int network(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one, other, r;

	if (listener < 0 || bind(listener, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(listener, 1) < 0 || getsockname(listener, (struct sockaddr *)&a, &size) < 0)
		return -1;
	one = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (one < 0 || connect(one, (struct sockaddr *)&a, sizeof(a)) < 0)
		return -1;
	other = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	r = other < 0 ? -1 : 0;
	for (int i = 0; r == 0 && i < 4; i++)
		if (write(one, data, 1024) != 1024 || recv(other, data, 1024, MSG_WAITALL) != 1024)
			r = -1;
	close(one);
	close(other);
	close(listener);
	return r;
}

/* As pthread_cancel(3) does it: not by kill(2), whose signals get through where others do not. */
static int real_time_signal(void)
{
	signalled = 0;
	signal(SIGRTMIN + 2, on_signal);
	if (syscall(SYS_tgkill, getpid(), getpid(), SIGRTMIN + 2) < 0)
		return -1;
	return signalled ? 0 : -1;
}

static const struct {
	const char *name;
	int (*run)(void);
} works[] = {
	{ "compute", compute },
	{ "fork", processes },
	{ "memory", memory },
	{ "shared memory", shared_memory },
	{ "pipe", pipes },
	{ "descriptors", descriptors },
	{ "file", file },
	{ "synchronised file", synced_file },
	{ "passing a descriptor", passing },
	{ "epoll", polling },
	{ "network", network },
	{ "real-time signal", real_time_signal },
};

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t processor_time(void)
{
	int64_t sum = 0;

	for (int who = RUSAGE_CHILDREN; who <= RUSAGE_SELF; who++) {
		struct rusage u;

		getrusage(who, &u);
		sum += (int64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
		       u.ru_utime.tv_usec + u.ru_stime.tv_usec;
	}
	return sum;
}

int main(int argc, char **argv)
{
	char line[16];

	directory = argc > 1 ? argv[1] : NULL;
	while (fgets(line, sizeof(line), stdin)) {
		int64_t wall = now(), cpu = processor_time();
		int failed = 0;

		for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++)
			if (works[i].run() < 0) {
				printf("failed %s %s\n", works[i].name, strerrorname_np(errno) ?: "?");
				failed = 1;
				break;
			}
		if (!failed)
			printf("ok %lld %lld\n", (long long)(now() - wall),
			       (long long)(processor_time() - cpu));
		fflush(stdout);
	}
	return 0;
}
