/* SPDX-License-Identifier: MIT */
/* A root that is kept, and callers who are elsewhere than before, or may do less: it is built again, or never. */
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "again.h"

/* What a call gets from now on that has `flag` as its argument `arg`. */
static bool filter(int nr, int arg, uint32_t flag, uint32_t action)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, args[arg])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, flag, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { COUNT(f), f };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) == 0;
}

static int count_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* As where a call is refused, or ends who makes it: for a user, and for root, who at unshare(2) is in no copy yet. */
static const struct {
	int nr, arg;
	uint32_t flag, action;
} refusals[2][7] = {
	{
		{ __NR_setns, 1, CLONE_NEWUSER, SECCOMP_RET_ERRNO | EPERM },
		{ __NR_setns, 1, CLONE_NEWUSER, SECCOMP_RET_KILL_PROCESS },
		{ __NR_setns, 1, CLONE_NEWNS, SECCOMP_RET_ERRNO | EPERM },
		{ __NR_setns, 1, CLONE_NEWNS, SECCOMP_RET_KILL_PROCESS },
		{ __NR_setns, 1, CLONE_NEWNS, SECCOMP_RET_KILL_THREAD },
		{ __NR_setns, 1, CLONE_NEWUSER, SECCOMP_RET_ERRNO | 0 }, /* done, says the filter */
		{ __NR_setns, 1, CLONE_NEWNS, SECCOMP_RET_ERRNO | 0 },
	},
	{
		{ __NR_setns, 1, CLONE_NEWNS, SECCOMP_RET_ERRNO | EPERM },
		{ __NR_setns, 1, CLONE_NEWNS, SECCOMP_RET_KILL_PROCESS },
		{ __NR_setns, 1, CLONE_NEWNS, SECCOMP_RET_KILL_THREAD },
		{ __NR_unshare, 0, CLONE_NEWNS, SECCOMP_RET_ERRNO | EPERM },
		{ __NR_unshare, 0, CLONE_NEWNS, SECCOMP_RET_KILL_PROCESS },
		{ __NR_setns, 1, CLONE_NEWNS, SECCOMP_RET_ERRNO | 0 },
		{ __NR_unshare, 0, CLONE_NEWNS, SECCOMP_RET_ERRNO | 0 },
	},
};

START_TEST(where_it_cannot_be_entered_each_start_builds_its_own)
{
	const bool root = geteuid() == 0;
	int before;

	start(1);
	before = count_descriptors();
	start(2);
	expect_copy();
	ck_assert(filter(refusals[root][_i].nr, refusals[root][_i].arg, refusals[root][_i].flag,
			 refusals[root][_i].action));
	for (int i = 0; i < 4; i++)
		expect_own();
	ck_assert_int_eq(count_descriptors(), before);
}
END_TEST

/* The lowest limit of descriptors with which an object makes its first start; it stays. */
static rlim_t few_descriptors(void)
{
	struct rlimit l;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &l), 0);
	for (l.rlim_cur = 3; l.rlim_cur < 100; l.rlim_cur++) {
		nucleus_process *p = NULL;

		ck_assert_int_eq(nucleus_sandbox_prepare(sandbox, 0, NULL), 0);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &l), 0);
		if (nucleus_sandbox_spawn(sandbox, TRUE, &p, NULL) < 0)
			continue;
		expect(p, NUCLEUS_OUTCOME_EXITED, 0);
		break;
	}
	return l.rlim_cur;
}

/* With so few there is none for what is kept: each start goes well all the same. And it is tried again, not at once. */
START_TEST(a_lack_of_descriptors_passes)
{
	struct rlimit l;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &l), 0);
	ck_assert_int_gt(few_descriptors(), 10);
	start(6);
	l.rlim_cur = 1024;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &l), 0);
	expect_own();
	start(20);
	expect_copy();
}
END_TEST

/* A user namespace keeps those of the time when it was made, for all below it. */
START_TEST(limits_are_those_of_the_start)
{
	static const __rlimit_resource_t of[] = { RLIMIT_NPROC, RLIMIT_MSGQUEUE, RLIMIT_SIGPENDING, RLIMIT_MEMLOCK };
	struct rlimit l;

	start(3);
	expect_copy();
	ck_assert_int_eq(getrlimit(of[_i], &l), 0);
	l.rlim_cur = l.rlim_cur == RLIM_INFINITY ? 1000000 : l.rlim_cur - 1;
	ck_assert_int_eq(setrlimit(of[_i], &l), 0);
	expect_own();
	start(1);
	expect_copy();
}
END_TEST

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* Into a user namespace below, as the same user. */
static bool go_down(void)
{
	const unsigned int uid = getuid(), gid = getgid();
	char map[64];

	if (unshare(CLONE_NEWUSER) < 0)
		return false;
	write_text("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "%u %u 1", uid, uid);
	write_text("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "%u %u 1", gid, gid);
	write_text("/proc/self/gid_map", map);
	return true;
}

/* As deep in user namespaces as a start may be: what is kept would be one of them too many. */
START_TEST(a_caller_in_the_last_user_namespace_but_one_starts)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[2] = { { 0 } };
	int status, levels = 0;
	pid_t probe = fork();

	ck_assert_int_ge(probe, 0);
	while (probe == 0 && go_down())
		levels++;
	if (probe == 0)
		_exit(levels);
	ck_assert_int_eq(waitpid(probe, &status, 0), probe);
	ck_assert(WIFEXITED(status));
	levels = WEXITSTATUS(status);
	ck_assert_int_gt(levels, 1);
	for (int i = 1; i < levels; i++)
		ck_assert(go_down());
	ck_assert_int_eq(syscall(__NR_capset, &header, none), 0);
	for (int i = 0; i < 5; i++)
		expect_own();
}
END_TEST

static volatile bool reaps = true;

static void *reap_all(void *arg)
{
	(void)arg;
	while (reaps)
		waitpid(-1, NULL, __WALL | WNOHANG);
	return NULL;
}

/* Nobody but it may reap the children of a launch by their numbers. */
START_TEST(a_caller_may_reap_all_children)
{
	pthread_t thread;

	signal(SIGCHLD, SIG_IGN);
	ck_assert_int_eq(pthread_create(&thread, NULL, reap_all, NULL), 0);
	start(20);
	expect_copy();
	reaps = false;
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

START_TEST(a_forked_child_looks_for_itself)
{
	start(3);
	expect_copy();
	ck_assert_int_eq(binds_of_a_child(0, 4), 1);
	expect_copy();
}
END_TEST

/* In a child that is process 1 of a pid namespace, as the one that it forks is in its own: both have the same number. */
static void expect_in_first_process(int (*body)(void), int wanted)
{
	pid_t child = (pid_t)syscall(__NR_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0)
		_exit(getpid() == 1 ? body() : 99);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), wanted);
}

static int kept_in_a_fork(void)
{
	start(3);
	return binds() == 0 ? binds_of_a_child(CLONE_NEWPID, 3) : 100;
}

START_TEST(a_child_with_the_same_number_looks_for_itself)
{
	expect_in_first_process(kept_in_a_fork, 1);
}
END_TEST

static int made_ahead_in_a_fork(void)
{
	if (nucleus_sandbox_prepare(sandbox, 1, NULL) < 0 || binds() != 0)
		return 100;
	if (binds_of_a_child(CLONE_NEWPID, 1) != 1)
		return 101;
	return binds() ? 102 : 0;
}

START_TEST(what_is_made_ahead_is_not_for_a_child_with_the_same_number)
{
	expect_in_first_process(made_ahead_in_a_fork, 0);
}
END_TEST

/* In a process of its own: a sanitizer that looks for leaks at the end would want to have children. */
static void start_where_children_are_elsewhere(int how)
{
	pid_t first, second;
	int status;

	if (how == 1)
		start(3);
	ck_assert_int_eq(unshare(CLONE_NEWPID), 0);
	for (int i = 0; i < 4; i++) {
		nucleus_process *p = NULL;

		/* The kernel wants them to be at one place. */
		ck_assert_int_eq(nucleus_sandbox_spawn(sandbox, TRUE, &p, NULL), -EINVAL);
		if (how == 2)
			ck_assert_int_eq(nucleus_sandbox_prepare(sandbox, 1, NULL), 0);
	}
	first = fork();
	ck_assert_int_ge(first, 0);
	while (first == 0)
		pause();
	second = fork();
	ck_assert_int_ge(second, 0);
	if (second == 0)
		_exit(getpid() == 2 ? 0 : 1);
	ck_assert_int_eq(waitpid(second, &status, 0), second);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(kill(first, SIGKILL), 0);
	_exit(0);
}

/* Its children would be in a pid namespace that ends with the first of them: that one is to be the caller's. */
START_TEST(a_caller_whose_children_are_elsewhere_gets_no_first_one)
{
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0)
		start_where_children_are_elsewhere(_i);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

static char other[] = "/tmp/nucleus-other-XXXXXX";
static int top;

/* A second view of all that is mounted, in a mount namespace of the test's own. */
static void make_other(void)
{
	ck_assert_ptr_nonnull(mkdtemp(other));
	ck_assert_int_eq(chmod(other, 0755), 0);
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	top = open("/", O_PATH | O_CLOEXEC);
	ck_assert_int_ge(top, 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("/", other, NULL, MS_BIND | MS_REC, NULL), 0);
}

static void enter_other(void)
{
	ck_assert_int_eq(chroot(other), 0);
	ck_assert_int_eq(chdir("/"), 0);
}

static void leave_other(void)
{
	ck_assert_int_eq(fchdir(top), 0);
	ck_assert_int_eq(chroot("."), 0);
	ck_assert_int_eq(umount2(other, MNT_DETACH), 0);
	ck_assert_int_eq(rmdir(other), 0);
}

/* As its first start in a chroot: there the kernel gives nobody a user namespace. */
static void expect_refused(int times)
{
	for (int i = 0; i < times; i++) {
		nucleus_process *p = NULL;
		nucleus_error *e = NULL;

		ck_assert_int_eq(nucleus_sandbox_spawn(sandbox, TRUE, &p, &e), -EPERM);
		ck_assert_ptr_nonnull(strstr(nucleus_error_message(e), "new-user-namespace"));
		nucleus_error_free(e);
	}
}

/* pivot_root(2) puts a root where that of the caller is; setns(2) leads to the topmost, where all of the host is. */
START_TEST(a_caller_in_a_chroot_does_not_get_the_host)
{
	make_other();
	enter_other();
	expect_refused(24);
	leave_other();
}
END_TEST

START_TEST(a_caller_who_goes_into_a_chroot_is_where_it_is)
{
	make_other();
	start(3);
	expect_copy();
	/* The same directory of the same file system, in the same namespace. */
	enter_other();
	expect_refused(4);
	leave_other();
}
END_TEST

START_TEST(a_thread_that_has_moved_away_sees_its_own_mounts)
{
	start(3);
	expect_copy();
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	expect_own();
	expect_copy();
}
END_TEST

/* ---- a source that is another one just while the root is built --------------------------------------------------- */

static int listener;
static volatile int exchanges; /* how often; -1: not yet */

static void exchange(void)
{
	exchanges++;
	ck_assert_int_eq(syscall(__NR_renameat2, AT_FDCWD, "/etc/services", AT_FDCWD, "/etc/other", RENAME_EXCHANGE), 0);
}

/* Lets all go on, and exchanges the files before the first mount is made, and again before the next, or the pivot. */
static void *supervise(void *arg)
{
	(void)arg;
	for (;;) {
		struct seccomp_notif request = { 0 };
		struct seccomp_notif_resp answer = { .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };

		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0)
			continue;
		if ((exchanges == 0 && request.data.nr == __NR_fsopen) || exchanges == 1)
			exchange();
		answer.id = request.id;
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
	return NULL;
}

static void notify(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_fsopen, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_pivot_root, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { COUNT(f), f };
	pthread_t thread;

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	listener = (int)syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
	ck_assert_int_ge(listener, 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, supervise, NULL), 0);
}

/* A copy of /etc, in a mount namespace of the test's own. */
static void own_etc(void)
{
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("tmpfs", "/mnt", "tmpfs", 0, "mode=755"), 0);
	ck_assert_int_eq(system("cp -a /etc/. /mnt/"), 0);
	ck_assert_int_eq(mount("/mnt", "/etc", NULL, MS_BIND, NULL), 0);
	write_file("/etc/services", "the host's\n");
	write_file("/etc/other", "another\n");
}

/* None of the sandboxes that come later gets the other one. The maker of what is prepared is no different. */
START_TEST(a_source_that_was_exchanged_and_back_is_that_of_the_host)
{
	own_etc();
	exchanges = -1;
	notify();
	start(2);
	exchanges = 0;
	if (_i)
		ck_assert_int_eq(nucleus_sandbox_prepare(sandbox, 1, NULL), 0);
	for (int i = 0; i < 3; i++)
		expect_output(ARGV("cat", "/etc/services"), "the host's\n");
	ck_assert_int_eq(exchanges, 2);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("kept");
	TCase *t = tcase_create("kept");

	tcase_add_checked_fixture(t, set_up_again, tear_down_again);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_lack_of_descriptors_passes);
	tcase_add_test(t, a_caller_may_reap_all_children);
	tcase_add_test(t, a_forked_child_looks_for_itself);
	tcase_add_loop_test(t, where_it_cannot_be_entered_each_start_builds_its_own, 0, COUNT(refusals[0]));
	tcase_add_loop_test(t, limits_are_those_of_the_start, 0, 4);
	if (geteuid() == 0) {
		tcase_add_test(t, a_thread_that_has_moved_away_sees_its_own_mounts);
		tcase_add_test(t, a_caller_in_a_chroot_does_not_get_the_host);
		tcase_add_test(t, a_caller_who_goes_into_a_chroot_is_where_it_is);
		tcase_add_test(t, a_child_with_the_same_number_looks_for_itself);
		tcase_add_test(t, what_is_made_ahead_is_not_for_a_child_with_the_same_number);
		tcase_add_loop_test(t, a_caller_whose_children_are_elsewhere_gets_no_first_one, 0, 3);
		tcase_add_loop_test(t, a_source_that_was_exchanged_and_back_is_that_of_the_host, 0, 2);
	} else {
		tcase_add_test(t, a_caller_in_the_last_user_namespace_but_one_starts);
	}
	suite_add_tcase(s, t);
	return run_suite(s);
}
