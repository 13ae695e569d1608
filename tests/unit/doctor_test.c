/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "host.h"
#include "../run_suite.h"

#define A_USER 12345

/* ---- a host of one's own: forked children that change what doctor sees ---------------------- */

struct answer {
	int result;
	struct nuc_facts facts;
	char text[32768];
};

/* For children, where no assertion can be reported: a line on stderr, and a status. */
#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #condition,         \
				strerror(errno));                                                  \
			_exit(99);                                                                 \
		}                                                                                  \
	} while (0)

static void write_all(int fd, const void *bytes, size_t n)
{
	for (const char *p = bytes; n;) {
		ssize_t done = write(fd, p, n);

		MUST(done > 0);
		p += done;
		n -= (size_t)done;
	}
}

/* In a build for coverage: a process that ends by _exit() would not have been counted. */
extern void __gcov_dump(void) __attribute__((weak));

/* What facts and doctor say in a child that has prepared itself. To be freed. */
static struct answer *ask(void (*prepare)(void), const char *format)
{
	struct answer *a = calloc(1, sizeof(*a));
	size_t have = 0;
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	ck_assert_ptr_nonnull(a);
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		char *text = NULL;

		if (prepare)
			prepare();
		MUST(nuc_facts_probe(&a->facts) == 0);
		a->result = nucleus_doctor(format, &text);
		MUST(a->result >= 0 && strlen(text) < sizeof(a->text));
		strcpy(a->text, text);
		write_all(fds[1], a, sizeof(*a));
		if (__gcov_dump)
			__gcov_dump();
		_exit(0);
	}
	close(fds[1]);
	while ((n = read(fds[0], (char *)a + have, sizeof(*a) - have)) > 0)
		have += (size_t)n;
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(have, sizeof(*a));
	return a;
}

/* Whether the check's line in the text begins with this mark. */
static bool marked(const struct answer *a, const char *mark, const char *check)
{
	char line[64];

	snprintf(line, sizeof(line), "\n%-4s  %-20s", mark, check);
	return strstr(a->text, line);
}

static bool needs_root(const char *test)
{
	if (geteuid() == 0)
		return true;
	fprintf(stderr, "SKIPPED: %s needs root\n", test);
	ck_assert_msg(!getenv("CI"), "%s was skipped: it needs root", test);
	return false;
}

static void become_user(void)
{
	MUST(syscall(__NR_setgroups, 0, NULL) == 0);
	MUST(setresgid(A_USER, A_USER, A_USER) == 0 && setresuid(A_USER, A_USER, A_USER) == 0);
}

static void become_dumpable_user(void)
{
	become_user();
	MUST(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
}

static int filter(int nr, uint32_t action, unsigned int flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { NUC_ARRAY_SIZE(code), code };

	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	return (int)syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

/* ---- facts ---------------------------------------------------------------------------------- */

START_TEST(facts_see_what_a_user_lost)
{
	struct answer *a;

	if (!needs_root("facts_see_what_a_user_lost"))
		return;
	a = ask(become_user, "text");
	ck_assert(!a->facts.privileged);
	ck_assert(!a->facts.dumpable);
	ck_assert_uint_eq(a->facts.uid, A_USER);
	ck_assert_uint_eq(a->facts.gid, A_USER);
	free(a);
}
END_TEST

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	MUST(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void unshare_user_without_group(void)
{
	char map[32];

	snprintf(map, sizeof(map), "0 %u 1", geteuid());
	MUST(unshare(CLONE_NEWUSER) == 0);
	write_file("/proc/self/uid_map", map);
}

static void unshare_user(void)
{
	char map[32];

	snprintf(map, sizeof(map), "0 %u 1", getegid());
	unshare_user_without_group();
	write_file("/proc/self/setgroups", "deny");
	write_file("/proc/self/gid_map", map);
}

START_TEST(root_of_a_single_id_is_not_privileged)
{
	struct answer *a = ask(unshare_user, "text");

	ck_assert_uint_eq(a->facts.uid, 0);
	ck_assert(!a->facts.privileged);
	free(a);
}
END_TEST

/* ---- doctor --------------------------------------------------------------------------------- */

START_TEST(doctor_refuses_other_formats)
{
	char *text = (char *)"untouched";

	ck_assert_int_eq(nucleus_doctor("yaml", &text), -EINVAL);
	ck_assert_int_eq(nucleus_doctor(NULL, &text), -EINVAL);
	ck_assert_str_eq(text, "untouched");
}
END_TEST

START_TEST(doctor_finds_this_host_well)
{
	static void (*const prepare[])(void) = { NULL, become_dumpable_user };

	for (size_t i = 0; i < NUC_ARRAY_SIZE(prepare); i++) {
		struct answer *a;

		if (prepare[i] && !needs_root("doctor_finds_this_host_well (as a user)"))
			continue;
		a = ask(prepare[i], "text");
		ck_assert_msg(a->result == 1, "%s", a->text);
		ck_assert_int_eq(strncmp(a->text, "strict-agent: yes\n", 18), 0);
		ck_assert(marked(a, "ok", "pivot-root"));
		ck_assert(!strstr(a->text, "\nno  "));
		free(a);
	}
}
END_TEST

static void hide_clone3(void)
{
	MUST(filter(__NR_clone3, SECCOMP_RET_ERRNO | ENOSYS, 0) == 0);
}

START_TEST(lines_of_the_text_are_short)
{
	struct answer *a = ask(hide_clone3, "text");

	for (const char *l = a->text; *l; l += strcspn(l, "\n") + 1)
		ck_assert_msg(strcspn(l, "\n") < 100, "%s", l);
	free(a);
}
END_TEST

START_TEST(json_has_the_same_checks)
{
	struct answer *text = ask(NULL, "text"), *a = ask(NULL, "json");
	json_t *o = json_loads(a->text, JSON_REJECT_DUPLICATES, NULL), *check;
	char *canonical;
	size_t i;

	ck_assert_ptr_nonnull(o);
	canonical = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
	ck_assert_str_eq(canonical, a->text);
	free(canonical);
	ck_assert_int_eq(json_is_true(json_object_get(o, "strict_agent")), a->result);
	ck_assert(json_is_string(json_object_get(o, "kernel")));
	ck_assert_uint_gt(json_array_size(json_object_get(o, "checks")), 20);
	json_array_foreach(json_object_get(o, "checks"), i, check)
	{
		const char *status = json_string_value(json_object_get(check, "status"));
		bool good = !strcmp(status, "ok");

		ck_assert_uint_eq(json_object_size(check), 5);
		ck_assert(json_is_boolean(json_object_get(check, "required")));
		ck_assert(json_is_string(json_object_get(check, "detail")));
		ck_assert(good == json_is_null(json_object_get(check, "mend")));
		ck_assert_msg(!good || marked(text, "ok",
					      json_string_value(json_object_get(check, "name"))),
			      "check %zu", i);
	}
	json_decref(o);
	free(a);
	free(text);
}
END_TEST

START_TEST(doctor_says_when_the_caller_is_not_dumpable)
{
	struct answer *a;

	if (!needs_root("doctor_says_when_the_caller_is_not_dumpable"))
		return;
	a = ask(become_user, "text");
	ck_assert_int_eq(a->result, 0);
	ck_assert_int_eq(strncmp(a->text, "strict-agent: no: 1 thing is missing\n", 37), 0);
	ck_assert(marked(a, "no", "dumpable"));
	ck_assert(marked(a, "?", "id-maps"));
	ck_assert(marked(a, "?", "pivot-root"));
	ck_assert_ptr_nonnull(strstr(a->text, "PR_SET_DUMPABLE"));
	free(a);
}
END_TEST

static void hide_landlock(void)
{
	MUST(filter(__NR_landlock_create_ruleset, SECCOMP_RET_ERRNO | ENOSYS, 0) == 0);
}

START_TEST(doctor_says_when_landlock_is_missing)
{
	struct answer *a = ask(hide_landlock, "text");

	ck_assert_int_eq(a->facts.landlock_abi, 0);
	ck_assert_int_eq(a->facts.landlock_errno, ENOSYS);
	ck_assert_int_eq(a->result, 0);
	ck_assert_int_eq(strncmp(a->text, "strict-agent: no: 1 thing is missing\n", 37), 0);
	ck_assert(marked(a, "no", "landlock"));
	ck_assert_ptr_nonnull(strstr(a->text, "CONFIG_SECURITY_LANDLOCK"));
	free(a);
}
END_TEST

static void disable_landlock(void)
{
	MUST(filter(__NR_landlock_create_ruleset, SECCOMP_RET_ERRNO | EOPNOTSUPP, 0) == 0);
}

START_TEST(doctor_says_when_landlock_is_disabled_at_boot)
{
	struct answer *a = ask(disable_landlock, "text");

	ck_assert_int_eq(a->facts.landlock_errno, EOPNOTSUPP);
	ck_assert_int_eq(a->result, 0);
	ck_assert_ptr_nonnull(strstr(a->text, "disabled at boot"));
	ck_assert_ptr_nonnull(strstr(a->text, "lsm=landlock,"));
	free(a);
}
END_TEST

START_TEST(doctor_says_when_clone3_is_hidden)
{
	struct answer *a = ask(hide_clone3, "text");

	ck_assert_int_eq(a->result, 0);
	ck_assert(marked(a, "no", "processes"));
	ck_assert(marked(a, "?", "user-namespace"));
	ck_assert_ptr_nonnull(strstr(a->text, "hides clone3"));
	free(a);
}
END_TEST

static void kill_unshare(void)
{
	MUST(filter(__NR_unshare, SECCOMP_RET_KILL_PROCESS, 0) == 0);
}

START_TEST(a_trial_that_is_killed_is_reported)
{
	struct answer *a = ask(kill_unshare, "text");

	ck_assert_int_eq(a->result, 0);
	ck_assert_ptr_nonnull(strstr(a->text, "was killed"));
	free(a);
}
END_TEST

/* Nobody answers the notification, so unshare never returns. */
static void block_unshare(void)
{
	MUST(filter(__NR_unshare, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER) >= 0);
}

START_TEST(a_trial_that_hangs_is_ended)
{
	struct answer *a = ask(block_unshare, "text");

	ck_assert_int_eq(a->result, 0);
	ck_assert_ptr_nonnull(strstr(a->text, "ETIMEDOUT"));
	free(a);
}
END_TEST

static void forbid_user_namespaces(void)
{
	unshare_user();
	/* The sysctl is one of this user namespace, and bounds those within it. */
	write_file("/proc/sys/user/max_user_namespaces", "0");
}

START_TEST(doctor_says_when_a_sysctl_forbids_user_namespaces)
{
	struct answer *a = ask(forbid_user_namespaces, "text");

	ck_assert_int_eq(a->facts.userns_refused, NUC_USERNS_SYSCTL_MAX);
	ck_assert_int_eq(a->result, 0);
	ck_assert(marked(a, "no", "user-namespace"));
	ck_assert_int_eq(strncmp(a->text, "strict-agent: no: 1 thing is missing\n", 37), 0);
	ck_assert_ptr_nonnull(strstr(a->text, "user.max_user_namespaces is 0"));
	ck_assert_ptr_nonnull(strstr(a->text, "sysctl -w user.max_user_namespaces="));
	free(a);
}
END_TEST

static void forbid_time_namespaces(void)
{
	unshare_user();
	write_file("/proc/sys/user/max_time_namespaces", "0");
}

START_TEST(doctor_says_when_a_sysctl_forbids_one_namespace)
{
	struct answer *a = ask(forbid_time_namespaces, "text");

	ck_assert(!(a->facts.namespaces & CLONE_NEWTIME));
	ck_assert_int_eq(a->result, 0);
	ck_assert(marked(a, "no", "time-namespace"));
	ck_assert_msg(marked(a, "ok", "pivot-root"), "%s", a->text);
	free(a);
}
END_TEST

static void forbid_processes(void)
{
	const struct rlimit none = { 0, 0 };

	become_dumpable_user();
	MUST(setrlimit(RLIMIT_NPROC, &none) == 0);
}

START_TEST(doctor_says_when_the_caller_has_no_mapping)
{
	struct answer *a = ask(unshare_user_without_group, "text");

	ck_assert_int_eq(a->result, 0);
	ck_assert(marked(a, "no", "user-namespace"));
	ck_assert_ptr_nonnull(strstr(a->text, "gid_map"));
	free(a);
}
END_TEST

START_TEST(doctor_says_when_no_process_may_be_started)
{
	struct answer *a;

	if (!needs_root("doctor_says_when_no_process_may_be_started"))
		return;
	a = ask(forbid_processes, "text");
	ck_assert_int_eq(a->result, 0);
	ck_assert(marked(a, "no", "processes"));
	ck_assert_ptr_nonnull(strstr(a->text, "RLIMIT_NPROC"));
	free(a);
}
END_TEST

static void mask_proc(void)
{
	MUST(unshare(CLONE_NEWNS) == 0);
	MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	MUST(mount("tmpfs", "/proc/sys", "tmpfs", MS_RDONLY, NULL) == 0);
	become_dumpable_user();
}

START_TEST(doctor_says_when_an_outer_container_masks_proc)
{
	struct answer *a;

	if (!needs_root("doctor_says_when_an_outer_container_masks_proc"))
		return;
	a = ask(mask_proc, "text");
	ck_assert_int_eq(a->result, 0);
	ck_assert_int_eq(strncmp(a->text, "strict-agent: no: 1 thing is missing\n", 37), 0);
	ck_assert(marked(a, "no", "mount-proc"));
	ck_assert(marked(a, "ok", "pivot-root"));
	ck_assert_ptr_nonnull(strstr(a->text, "systempaths=unconfined"));
	free(a);
}
END_TEST

static void enter_chroot(void)
{
	MUST(unshare(CLONE_NEWNS) == 0);
	MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	MUST(mount("tmpfs", "/tmp", "tmpfs", 0, NULL) == 0);
	MUST(mkdir("/tmp/root", 0755) == 0 && mkdir("/tmp/root/proc", 0755) == 0);
	MUST(mkdir("/tmp/root/mnt", 0755) == 0);
	MUST(mount("/proc", "/tmp/root/proc", NULL, MS_BIND | MS_REC, NULL) == 0);
	MUST(chroot("/tmp/root") == 0 && chdir("/") == 0);
}

static void enter_chroot_as_user(void)
{
	enter_chroot();
	become_dumpable_user();
}

START_TEST(doctor_says_when_it_is_in_a_chroot)
{
	struct answer *a;

	if (!needs_root("doctor_says_when_it_is_in_a_chroot"))
		return;
	a = ask(enter_chroot_as_user, "text");
	ck_assert_int_eq(a->result, 0);
	ck_assert(marked(a, "no", "user-namespace"));
	ck_assert_ptr_nonnull(strstr(a->text, "refused in a chroot"));
	free(a);
	a = ask(enter_chroot, "text");
	ck_assert_int_eq(a->result, 0);
	ck_assert(marked(a, "no", "mount-tmpfs"));
	ck_assert_ptr_nonnull(strstr(a->text, "/ is not a mount"));
	free(a);
}
END_TEST

/* ---- the embedder --------------------------------------------------------------------------- */

static volatile sig_atomic_t n_signals;

static void count_signal(int sig)
{
	(void)sig;
	n_signals++;
}

static int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

START_TEST(doctor_leaves_the_caller_as_it_was)
{
	const struct sigaction count = { .sa_handler = count_signal };
	_cleanup_free_ char *before = NULL, *after = NULL, *text = NULL;
	char name[256], name_after[256];
	int fds = count_fds(), dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), status;
	sigset_t mask, mask_after;
	size_t n;

	/* The kernel fills a part of the structure. */
	memset(&mask, 0, sizeof(mask));
	mask_after = mask;
	ck_assert_int_eq(sigaction(SIGCHLD, &count, NULL), 0);
	ck_assert_int_eq(nuc_read_file("/proc/self/mountinfo", 1 << 20, &before, &n), 0);
	ck_assert_int_eq(gethostname(name, sizeof(name)), 0);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	ck_assert_int_ge(nucleus_doctor("text", &text), 0);
	sigprocmask(SIG_BLOCK, NULL, &mask_after);
	ck_assert_int_eq(memcmp(&mask, &mask_after, sizeof(mask)), 0);
	ck_assert_int_eq(gethostname(name_after, sizeof(name_after)), 0);
	ck_assert_str_eq(name, name_after);
	ck_assert_int_eq(nuc_read_file("/proc/self/mountinfo", 1 << 20, &after, &n), 0);
	ck_assert_str_eq(before, after);
	ck_assert_int_eq(waitpid(-1, &status, __WALL | WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	ck_assert_int_eq(n_signals, 0);
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), dumpable);
	ck_assert_int_eq(count_fds(), fds);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("doctor");
	TCase *t = tcase_create("doctor");

	/* One of them waits for five seconds to be over. */
	tcase_set_timeout(t, 60);
	tcase_add_test(t, facts_see_what_a_user_lost);
	tcase_add_test(t, root_of_a_single_id_is_not_privileged);
	tcase_add_test(t, doctor_refuses_other_formats);
	tcase_add_test(t, doctor_finds_this_host_well);
	tcase_add_test(t, lines_of_the_text_are_short);
	tcase_add_test(t, json_has_the_same_checks);
	tcase_add_test(t, doctor_says_when_the_caller_is_not_dumpable);
	tcase_add_test(t, doctor_says_when_landlock_is_missing);
	tcase_add_test(t, doctor_says_when_landlock_is_disabled_at_boot);
	tcase_add_test(t, doctor_says_when_clone3_is_hidden);
	tcase_add_test(t, a_trial_that_is_killed_is_reported);
	tcase_add_test(t, a_trial_that_hangs_is_ended);
	tcase_add_test(t, doctor_says_when_a_sysctl_forbids_user_namespaces);
	tcase_add_test(t, doctor_says_when_a_sysctl_forbids_one_namespace);
	tcase_add_test(t, doctor_says_when_the_caller_has_no_mapping);
	tcase_add_test(t, doctor_says_when_no_process_may_be_started);
	tcase_add_test(t, doctor_says_when_an_outer_container_masks_proc);
	tcase_add_test(t, doctor_says_when_it_is_in_a_chroot);
	tcase_add_test(t, doctor_leaves_the_caller_as_it_was);
	suite_add_tcase(s, t);
	return run_suite(s);
}
