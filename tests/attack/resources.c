/* SPDX-License-Identifier: MIT */
/* Using things up. Each act is bounded by itself too, should the sandbox not bound it. */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "attack.h"

#define MAX_FORKS 1000 /* the sandbox has --max-processes 64 */
#define MAX_FDS 8192   /* --max-files 256 */
#define MAX_MB 64      /* --tmp-size, --home-size, --shm-size 8M */
#define MAX_INODES 40000

static int fork_bomb(const struct act *act)
{
	static pid_t pids[MAX_FORKS];
	int n, r = GOT_THROUGH;

	for (n = 0; n < MAX_FORKS; n++) {
		pids[n] = fork();
		if (pids[n] < 0) {
			r = -errno;
			break;
		}
		if (pids[n] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
			for (;;)
				pause();
		}
	}
	for (int i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	return r;
}

static int use_descriptors(const struct act *act)
{
	for (int i = 0; i < MAX_FDS; i++)
		if (dup(0) < 0)
			return -errno;
	return GOT_THROUGH;
}

static int huge_file(const struct act *act)
{
	int fd = open("/workspace/huge", O_RDWR | O_CREAT | O_CLOEXEC, 0600), r;

	if (fd < 0)
		return UNTRIED;
	signal(SIGXFSZ, (bool)act->args[0] ? SIG_DFL : SIG_IGN);
	r = refused(pwrite(fd, "x", 1, 1L << 30));
	unlink("/workspace/huge");
	return r;
}

static int huge_hole(const struct act *act)
{
	int fd = open("/workspace/hole", O_RDWR | O_CREAT | O_CLOEXEC, 0600), r;

	if (fd < 0)
		return UNTRIED;
	signal(SIGXFSZ, SIG_IGN);
	r = refused(ftruncate(fd, 1L << 40));
	unlink("/workspace/hole");
	return r;
}

/* Room behind the end of a file, which stays empty: the file system may not ask for the limit. */
static int huge_reserve(const struct act *act)
{
	int fd = open("/workspace/reserve", O_RDWR | O_CREAT | O_CLOEXEC, 0600), r;

	if (fd < 0)
		return UNTRIED;
	signal(SIGXFSZ, SIG_IGN);
	r = refused(syscall(__NR_fallocate, fd, act->args[0], 0L, act->args[1]));
	unlink("/workspace/reserve");
	return r;
}

static int fill(const struct act *act)
{
	static char mb[1 << 20];
	char name[256];
	int n, r = GOT_THROUGH;

	for (n = 0; r == GOT_THROUGH && n < MAX_MB; n++) {
		ssize_t wrote;
		int fd;

		snprintf(name, sizeof(name), "%s/fill-%d", act->path, n);
		fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0) {
			r = -errno;
			break;
		}
		wrote = write(fd, mb, sizeof(mb));
		if (wrote < 0)
			r = -errno;
		close(fd);
	}
	for (int i = 0; i <= n; i++) {
		snprintf(name, sizeof(name), "%s/fill-%d", act->path, i);
		unlink(name);
	}
	return r;
}

static int fill_inodes(const struct act *act)
{
	char name[256];
	int n, r = GOT_THROUGH;

	for (n = 0; r == GOT_THROUGH && n < MAX_INODES; n++) {
		int fd;

		snprintf(name, sizeof(name), "%s/inode-%d", act->path, n);
		fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0)
			r = -errno;
		else
			close(fd);
	}
	for (int i = 0; i <= n; i++) {
		snprintf(name, sizeof(name), "%s/inode-%d", act->path, i);
		unlink(name);
	}
	return r;
}

static int dump_core(const struct act *act)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return UNTRIED;
	if (pid == 0) {
		/* Aborted where the core would be written. */
		if (chdir("/workspace") < 0)
			_exit(1);
		abort();
	}
	if (waitpid(pid, &status, 0) < 0 || !WIFSIGNALED(status))
		return UNTRIED;
	return WCOREDUMP(status) || access("/workspace/core", F_OK) == 0 ? GOT_THROUGH : CONTAINED;
}

static int huge_pages(const struct act *act)
{
	void *p = mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	return p == MAP_FAILED ? -errno : GOT_THROUGH;
}

static const struct act acts[] = {
	{ "fork-bomb", "rlimit", "fork until nothing is left", fork_bomb, .by = { EAGAIN },
	  .deep = { EAGAIN } },
	{ "use-descriptors", "rlimit", "open files until nothing is left", use_descriptors,
	  .by = { EMFILE }, .deep = { EMFILE } },
	{ "huge-file", "rlimit", "write a file of a gigabyte", huge_file, .by = { EFBIG },
	  .deep = { EFBIG } },
	{ "huge-file-signal", "rlimit", "the same without ignoring SIGXFSZ", huge_file,
	  .args = { 1 }, .by = { BY_SIGNAL(SIGXFSZ) }, .deep = { BY_SIGNAL(SIGXFSZ) } },
	{ "huge-hole", "rlimit", "make a sparse file of a terabyte", huge_hole, .by = { EFBIG },
	  .deep = { EFBIG } },
	{ "huge-allocation", "rlimit", "allocate a file of 65 MB", huge_reserve,
	  .args = { 0, 65L << 20 }, .by = { EFBIG }, .deep = { EFBIG } },
	{ "huge-reserve", "seccomp", "allocate it behind the end of a file (FALLOC_FL_KEEP_SIZE)", huge_reserve,
	  .args = { 1, 65L << 20 }, .by = { EOPNOTSUPP } },
	{ "huge-reserve-dirty", "seccomp", "the same with garbage in the upper half", huge_reserve,
	  .args = { 1 | 1L << 40, 65L << 20 }, .by = { EOPNOTSUPP } },
	{ "huge-reserve-zeroed", "seccomp", "the same by FALLOC_FL_ZERO_RANGE", huge_reserve,
	  .args = { 0x11, 65L << 20 }, .by = { EOPNOTSUPP } },
	{ "fill-tmp", "tmpfs size", "fill /tmp", fill, "/tmp", .by = { ENOSPC },
	  .deep = { ENOSPC } },
	{ "fill-home", "tmpfs size", "fill the home directory", fill, "/home/agent",
	  .by = { ENOSPC }, .deep = { ENOSPC } },
	{ "fill-shm", "tmpfs size", "fill /dev/shm", fill, "/dev/shm", .by = { ENOSPC },
	  .deep = { ENOSPC } },
	{ "fill-tmp-inodes", "tmpfs size", "use the host's memory up by empty files in /tmp",
	  fill_inodes, "/tmp", .by = { ENOSPC }, .deep = { ENOSPC } },
	{ "fill-shm-inodes", "tmpfs size", "the same in /dev/shm", fill_inodes, "/dev/shm",
	  .by = { ENOSPC }, .deep = { ENOSPC } },
	{ "core-dump", "rlimit", "leave a core dump in the workspace", dump_core,
	  .by = { BY_CONTAINED }, .deep = { BY_CONTAINED } },
	{ "huge-pages", "seccomp", "take the host's huge pages", huge_pages, .by = { EPERM },
	  .deep = { ENOMEM, EPERM } },
};

const struct act_list resource_acts = ACT_LIST(acts);
