/* SPDX-License-Identifier: MIT */
/* Signals, other processes, what is shared between processes, and outliving the sandbox. */
#include <linux/ioprio.h>
#include <mqueue.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "attack.h"

static void wait_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static int stay(void)
{
	while (pause() < 0)
		;
	return UNTRIED;
}

static int kill_host(const struct act *act)
{
	return refused(kill((pid_t)told_number("ATTACK_HOST_PID"), (int)act->args[0]));
}

static int tgkill_host(const struct act *act)
{
	long pid = told_number("ATTACK_HOST_PID");

	return refused(syscall(__NR_tgkill, pid, pid, SIGKILL));
}

static int kill_host_group(const struct act *act)
{
	return refused(kill((pid_t)-told_number("ATTACK_HOST_PID"), SIGKILL));
}

/* Reaches all that it can, itself excepted: outside, run.py looks whether its processes live. */
static int kill_all(const struct act *act)
{
	kill(-1, SIGKILL);
	return CONTAINED;
}

/* Signals that it would end by come back to it from init, which passes them on. */
static int kill_init(const struct act *act)
{
	int sig = (int)act->args[0];

	if (sig != SIGKILL && sig != SIGSTOP)
		signal(sig, SIG_IGN);
	if (kill(1, sig) < 0)
		return -errno;
	wait_ms(200);
	/* Were it gone, so would this process be. */
	return CONTAINED;
}

static int kill_init_thread(const struct act *act)
{
	if (syscall(__NR_tgkill, 1, 1, SIGKILL) < 0)
		return -errno;
	wait_ms(200);
	return CONTAINED;
}

static int kill_init_by_pidfd(const struct act *act)
{
	long fd = syscall(__NR_pidfd_open, 1, 0);

	if (fd < 0)
		return -errno;
	if (syscall(__NR_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0)
		return -errno;
	wait_ms(200);
	return CONTAINED;
}

static int stop_init_and_stay(const struct act *act)
{
	kill(1, SIGSTOP);
	kill(1, SIGTSTP);
	return stay();
}

static int flood_init(const struct act *act)
{
	for (int sig = 1; sig < 65; sig++)
		if (sig != SIGKILL && sig != SIGSTOP && sig != SIGCHLD)
			signal(sig, SIG_IGN);
	while (getppid() == 1)
		for (int sig = SIGRTMIN; sig <= SIGRTMAX; sig++)
			kill(1, sig);
	return GOT_THROUGH;
}

/* SIGCHLD for init without end: as many children as there may be, which end at once. */
static int flood_init_with_orphans(const struct act *act)
{
	while (getppid() == 1) {
		if (fork() == 0) {
			fork();
			_exit(0);
		}
		waitpid(-1, NULL, WNOHANG);
	}
	return GOT_THROUGH;
}

static void become_daemon(void)
{
	for (int sig = 1; sig < 65; sig++)
		signal(sig, SIG_IGN);
	setsid();
	if (fork() > 0)
		_exit(0);
	prctl(PR_SET_NAME, "kworker/0:0", 0, 0, 0);
	stay();
}

static int leave_daemons(const struct act *act)
{
	for (int i = 0; i < 8; i++)
		if (fork() == 0)
			become_daemon();
	while (waitpid(-1, NULL, 0) > 0)
		;
	return act->args[0] ? stay() : CONTAINED;
}

static int stay_behind_stopped(const struct act *act)
{
	pid_t pid = fork();

	if (pid == 0) {
		kill(getpid(), SIGSTOP);
		stay();
	}
	return pid < 0 ? UNTRIED : CONTAINED;
}

static int ignore_everything(const struct act *act)
{
	sigset_t all;

	for (int sig = 1; sig < 65; sig++)
		signal(sig, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	return stay();
}

static int own_host(const struct act *act)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return UNTRIED;
	return refused(fcntl(fds[0], F_SETOWN, (int)told_number("ATTACK_HOST_PID")));
}

static int attach_shm(const struct act *act)
{
	return refused(shmget((key_t)told_number("ATTACK_SHM_KEY"), 0, 0));
}

static int attach_shm_by_id(const struct act *act)
{
	return refused(shmat((int)told_number("ATTACK_SHM_ID"), NULL, 0) == (void *)-1 ? -1 : 0);
}

static int open_queue(const struct act *act)
{
	return refused(mq_open(told("ATTACK_MQ"), O_RDWR));
}

static int limit_host(const struct act *act)
{
	const struct rlimit none = { 0, 0 };

	return refused(prlimit((pid_t)told_number("ATTACK_HOST_PID"), RLIMIT_CPU, &none, NULL));
}

static int limit_init(const struct act *act)
{
	const struct rlimit none = { 0, 0 };

	return refused(prlimit(1, RLIMIT_CPU, &none, NULL));
}

static int real_time(const struct act *act)
{
	const struct sched_param p = { .sched_priority = 1 };

	return refused(sched_setscheduler(0, (int)act->args[0], &p));
}

static int deadline(const struct act *act)
{
	const struct {
		unsigned int size, policy;
		unsigned long long flags;
		int nice;
		unsigned int priority;
		unsigned long long runtime, deadline, period;
	} attr = { 48, 6, 0, 0, 0, 10000000, 30000000, 30000000 };

	return refused(syscall(__NR_sched_setattr, 0, &attr, 0));
}

static int be_nicer_to_itself(const struct act *act)
{
	return refused(setpriority(PRIO_PROCESS, 0, -20));
}

static int slow_init_down(const struct act *act)
{
	return refused(setpriority(PRIO_PROCESS, 1, 19));
}

static int open_descriptors(const struct act *act)
{
	int open_fds = 0;

	for (int fd = 0; fd < 4096; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			open_fds++;
	/* 0, 1, 2 and the pipe to the parent, which is our own. */
	return open_fds == 4 ? CONTAINED : GOT_THROUGH;
}

/* CVE-2024-21626: a directory of the host that was left open is a way out. */
static int leaked_directory(const struct act *act)
{
	for (int fd = 3; fd < 4096; fd++)
		if (fchdir(fd) == 0 || openat(fd, "etc/shadow", O_RDONLY | O_CLOEXEC) >= 0)
			return GOT_THROUGH;
	return CONTAINED;
}

static int leaked_file(const struct act *act)
{
	static const int leaked[] = { 50, 51, 52 };

	for (size_t i = 0; i < sizeof(leaked) / sizeof(leaked[0]); i++)
		if (write(leaked[i], "overwritten", 11) > 0)
			return GOT_THROUGH;
	return CONTAINED;
}

static int cwd_outside(const struct act *act)
{
	char cwd[4096];

	if (!getcwd(cwd, sizeof(cwd)))
		return GOT_THROUGH;
	return strcmp(cwd, "/workspace") == 0 ? CONTAINED : GOT_THROUGH;
}

#define ALONE .scene = SCENE_OWN
#define NO_SUCH .by = { ESRCH, EPERM }, .deep = { ESRCH, EPERM }

static const struct act acts[] = {
	{ "kill-host", "pid namespace", "kill a process of the host", kill_host,
	  .args = { SIGKILL }, NO_SUCH },
	{ "stop-host", "pid namespace", "stop a process of the host", kill_host,
	  .args = { SIGSTOP }, NO_SUCH },
	{ "kill-host-thread", "pid namespace", "tgkill a process of the host", tgkill_host,
	  NO_SUCH },
	{ "kill-host-group", "pid namespace", "kill a process group of the host", kill_host_group,
	  NO_SUCH },
	{ "kill-all", "pid namespace", "kill(-1)", kill_all, .by = { BY_CONTAINED }, ALONE },
	{ "kill-init", "pid namespace", "kill PID 1", kill_init, .args = { SIGKILL },
	  .by = { BY_CONTAINED, EPERM }, .deep = { BY_CONTAINED, EPERM }, ALONE },
	{ "stop-init", "pid namespace", "stop PID 1", kill_init, .args = { SIGSTOP },
	  .by = { BY_CONTAINED, EPERM }, .deep = { BY_CONTAINED, EPERM }, ALONE },
	{ "crash-init", "pid namespace", "send PID 1 a SIGSEGV", kill_init, .args = { SIGSEGV },
	  .by = { BY_CONTAINED, EPERM }, ALONE },
	{ "abort-init", "pid namespace", "send PID 1 a SIGABRT", kill_init, .args = { SIGABRT },
	  .by = { BY_CONTAINED, EPERM }, ALONE },
	{ "kill-init-thread", "pid namespace", "tgkill PID 1", kill_init_thread,
	  .by = { BY_CONTAINED, EPERM }, ALONE },
	{ "kill-init-by-pidfd", "seccomp", "kill PID 1 by a pidfd", kill_init_by_pidfd,
	  .by = { BY_CONTAINED, BY_SECCOMP }, .deep = { BY_CONTAINED, EPERM }, ALONE },
	{ "stop-init-outlive", "timeout", "stop PID 1 to outlive the time limit",
	  stop_init_and_stay, .by = { BY_CONTAINED }, .scene = SCENE_TIMEOUT },
	{ "flood-init-outlive", "timeout", "keep PID 1 busy with signals to outlive the time limit",
	  flood_init, .by = { BY_CONTAINED }, .scene = SCENE_TIMEOUT },
	{ "orphans-outlive", "timeout", "keep PID 1 busy with orphans to outlive the time limit",
	  flood_init_with_orphans, .by = { BY_CONTAINED }, .scene = SCENE_TIMEOUT },
	{ "daemon-outlive-timeout", "timeout",
	  "daemons in sessions of their own, which hold the output pipe, to outlive the time limit",
	  leave_daemons, .args = { 1 }, .by = { BY_CONTAINED }, .scene = SCENE_TIMEOUT },
	{ "ignore-outlive", "timeout", "block and ignore all signals to outlive the time limit",
	  ignore_everything, .by = { BY_CONTAINED }, .scene = SCENE_TIMEOUT },
	{ "daemon-outlive-program", "pid namespace",
	  "daemons in sessions of their own, which hold the output pipe, to outlive the program",
	  leave_daemons, .by = { BY_CONTAINED }, .scene = SCENE_LEAVE },
	{ "stopped-outlive-program", "pid namespace", "a stopped child, to outlive the program",
	  stay_behind_stopped, .by = { BY_CONTAINED }, .scene = SCENE_LEAVE },
	{ "own-by-host", "pid namespace", "let the kernel send SIGIO to a process of the host",
	  own_host, .by = { ESRCH, EPERM }, .deep = { ESRCH, EPERM } },

	{ "host-shm", "ipc namespace", "find the host's SysV shared memory by its key", attach_shm,
	  .by = { ENOENT }, .deep = { ENOENT } },
	{ "host-shm-id", "ipc namespace", "attach to it by its id", attach_shm_by_id,
	  .by = { EINVAL, EIDRM }, .deep = { EINVAL, EIDRM } },
	{ "host-mqueue", "ipc namespace", "open a message queue of the host", open_queue,
	  .by = { ENOENT, BY_SECCOMP }, .deep = { ENOENT } },
	{ "limit-host", "pid namespace", "set a limit of a process of the host", limit_host,
	  .by = { ESRCH, EPERM }, .deep = { ESRCH } },
	{ "limit-init", "seccomp", "set PID 1's limit of processor time", limit_init,
	  .by = { EPERM } },

	{ "sched-fifo", "seccomp", "run before everything else", real_time, .args = { SCHED_FIFO },
	  .by = { BY_SECCOMP }, .deep = { EPERM } },
	{ "sched-rr", "seccomp", "run round-robin before everything else", real_time,
	  .args = { SCHED_RR }, .by = { BY_SECCOMP }, .deep = { EPERM } },
	{ "sched-deadline", "seccomp", "reserve processor time", deadline, .by = { BY_SECCOMP },
	  .deep = { EPERM } },
	{ "nice-minus-20", "seccomp", "raise its priority", be_nicer_to_itself,
	  .by = { BY_SECCOMP }, .deep = { EACCES, EPERM } },
	{ "nice-init", "seccomp", "slow PID 1 down", slow_init_down, .by = { BY_SECCOMP },
	  .sole = true },
	{ "ioprio-rt", "seccomp", "read and write before everything else", do_call,
	  .nr = __NR_ioprio_set,
	  .args = { IOPRIO_WHO_PROCESS, 0, IOPRIO_CLASS_RT << IOPRIO_CLASS_SHIFT },
	  .by = { BY_SECCOMP }, .deep = { EPERM } },

	{ "descriptors", "descriptors", "find a descriptor beside 0, 1 and 2", open_descriptors,
	  .by = { BY_CONTAINED }, .deep = { BY_CONTAINED } },
	{ "leaked-directory", "descriptors",
	  "leave by a directory that the caller left open (CVE-2024-21626)", leaked_directory,
	  .by = { BY_CONTAINED }, .deep = { BY_CONTAINED } },
	{ "leaked-file", "descriptors", "write to a file that the caller left open", leaked_file,
	  .by = { BY_CONTAINED }, .deep = { BY_CONTAINED } },
	{ "cwd-outside", "pivot_root", "be in a directory outside", cwd_outside,
	  .by = { BY_CONTAINED }, .deep = { BY_CONTAINED } },
};

const struct act_list process_acts = ACT_LIST(acts);
