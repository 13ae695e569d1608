/* SPDX-License-Identifier: MIT */
/* A workspace, a sandbox's copy of it, and something outside: for the tests of lib/rootfs. */
#pragma once

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "rootfs.h"

#define NOBODY 12345

static char base_dir[PATH_MAX];
static int world = -1, ws = -1, in = -1, outside = -1;
static struct nuc_copy_params params;
static struct nuc_tree_listing *listing;
static nucleus_error *err;

/* What Check runs in a process of its own a test: no need to look back. */
static inline void become_nobody(void)
{
	ck_assert_int_eq(setgroups(0, NULL), 0);
	ck_assert_int_eq(setresgid(NOBODY, NOBODY, NOBODY), 0);
	ck_assert_int_eq(setresuid(NOBODY, NOBODY, NOBODY), 0);
	/* /proc/self/uid_map belongs to root otherwise. */
	ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1), 0);
}

static inline int make_dir(int at, const char *path)
{
	int fd;

	ck_assert_msg(mkdirat(at, path, 0755) == 0, "mkdir: %s", strerror(errno));
	fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

/* user: 0 as we are, 1 without privilege. */
static inline void world_new(int user)
{
	char path[PATH_MAX + 16];

	umask(022);
	if (user && geteuid() == 0)
		become_nobody();
	snprintf(path, sizeof(path), "%s/w-XXXXXX", base_dir);
	ck_assert_ptr_nonnull(mkdtemp(path));
	ck_assert_int_eq(chmod(path, 0755), 0);
	world = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(world, 0);
	ck_assert_int_eq(fchdir(world), 0);
	ws = make_dir(world, "ws");
	in = make_dir(world, "in");
	outside = make_dir(world, "outside");
	params = (struct nuc_copy_params){
		.max_bytes = 1 << 24,
		.max_files = 20000,
		.what = "--workspace",
	};
}

static inline void put(int at, const char *path, const char *text)
{
	_cleanup_close_ int fd = openat(at, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static inline void assert_text(int at, const char *path, const char *text)
{
	_cleanup_close_ int fd = openat(at, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	_cleanup_free_ char *s = NULL;
	size_t len;

	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	ck_assert_int_eq(nuc_read_fd(fd, 1 << 20, &s, &len), 0);
	ck_assert_str_eq(s, text);
}

static inline void assert_link(int at, const char *path, const char *text)
{
	char s[PATH_MAX];
	ssize_t n = readlinkat(at, path, s, sizeof(s) - 1);

	ck_assert_msg(n >= 0, "%s: %s", path, strerror(errno));
	s[n] = '\0';
	ck_assert_str_eq(s, text);
}

static inline struct stat stat_of(int at, const char *path)
{
	struct stat st;

	ck_assert_msg(fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) == 0, "%s: %s", path,
		      strerror(errno));
	return st;
}

static inline bool exists(int at, const char *path)
{
	struct stat st;

	return fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline void assert_mode(int at, const char *path, mode_t mode)
{
	ck_assert_uint_eq(stat_of(at, path).st_mode & 07777, mode);
}

static inline void assert_untouched(const struct stat *was, int at, const char *path)
{
	struct stat is = stat_of(at, path);

	ck_assert_msg(is.st_ino == was->st_ino && is.st_ctim.tv_sec == was->st_ctim.tv_sec &&
			      is.st_ctim.tv_nsec == was->st_ctim.tv_nsec,
		      "%s was touched", path);
}

static inline size_t count_entries(int at, const char *path, const char *prefix)
{
	DIR *d = fdopendir(openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct dirent *e;
	size_t n = 0;

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)))
		n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..") &&
		     !strncmp(e->d_name, prefix, strlen(prefix));
	closedir(d);
	return n;
}

static inline int copy_in(void)
{
	nucleus_error_free(err);
	err = NULL;
	nuc_tree_listing_free(listing);
	listing = NULL;
	return nuc_tree_copy(ws, in, &params, &listing, &err);
}

static inline int carry_back(void)
{
	nucleus_error_free(err);
	err = NULL;
	return nuc_tree_carry_back(in, ws, listing, &params, &err);
}

#define assert_done(r)                                                                             \
	do {                                                                                       \
		int _done = (r);                                                                   \
		ck_assert_msg(_done == 0, "%d: %s", _done,                                         \
			      err ? nucleus_error_message(err) : "");                              \
	} while (0)

#define assert_says(s)                                                                             \
	ck_assert_msg(strstr(nucleus_error_message(err), s), "not in it: %s",                      \
		      nucleus_error_message(err))

static inline void world_end(void)
{
	nucleus_error_free(err);
	err = NULL;
	nuc_tree_listing_free(listing);
	listing = NULL;
	/* Nothing of ours may be left lying about. */
	ck_assert_uint_eq(count_entries(ws, ".", ".nucleus-"), 0);
	close(ws);
	close(in);
	close(outside);
	close(world);
}

static inline void shell(const char *command)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

/* Each test as root, if that is who we are, and without privilege. */
static inline void add(TCase *t, const TTest *test)
{
	tcase_add_loop_test(t, test, geteuid() == 0 ? 0 : 1, 2);
}

static inline int run_suite(Suite *s)
{
	const char *tmp = getenv("TMPDIR");
	char command[2 * PATH_MAX + 64];
	SRunner *r;
	int failed;

	snprintf(base_dir, sizeof(base_dir), "%s/nucleus-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(base_dir) || chmod(base_dir, 0777) < 0) {
		perror(base_dir);
		return 1;
	}
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_FORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	snprintf(command, sizeof(command), "chmod -R u+rwX '%s'; rm -rf '%s'", base_dir, base_dir);
	if (system(command) != 0)
		fprintf(stderr, "%s: not removed\n", base_dir);
	return failed ? 1 : 0;
}
