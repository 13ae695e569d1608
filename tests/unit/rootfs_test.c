/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "rootfs_fixture.h"

#define ODD_NAME "-a\nb\xff\xfe \\'\""

/* ---- copying in ----------------------------------------------------------------------------- */

START_TEST(copies_what_can_be_copied)
{
	const struct timespec times[] = { { .tv_sec = 1 }, { .tv_sec = 1234567890, .tv_nsec = 7 } };
	char long_name[NAME_MAX + 1];
	struct stat a, b;

	world_new(_i);
	memset(long_name, 'x', NAME_MAX);
	long_name[NAME_MAX] = '\0';
	put(ws, "a", "one");
	put(ws, "empty", "");
	put(ws, ODD_NAME, "odd");
	put(ws, long_name, "long");
	put(ws, "program", "#!/bin/sh\n");
	ck_assert_int_eq(fchmodat(ws, "program", 06755, 0), 0);
	ck_assert_int_eq(linkat(ws, "a", ws, "hard", 0), 0);
	ck_assert_int_eq(symlinkat("/etc/passwd", ws, "absolute"), 0);
	ck_assert_int_eq(symlinkat("../../nowhere\n", ws, "dangling"), 0);
	ck_assert_int_eq(symlinkat(".", ws, "loop"), 0);
	close(make_dir(ws, "d"));
	put(ws, "d/f", "two");
	close(make_dir(ws, "d/e"));
	ck_assert_int_eq(utimensat(ws, "d/f", times, 0), 0);
	ck_assert_int_eq(utimensat(ws, "dangling", times, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert_int_eq(fchmodat(ws, "d", 03555, 0), 0);
	ck_assert_int_eq(utimensat(ws, "d", times, 0), 0);

	assert_done(copy_in());
	assert_text(in, "a", "one");
	assert_text(in, "empty", "");
	assert_text(in, ODD_NAME, "odd");
	assert_text(in, long_name, "long");
	assert_text(in, "d/f", "two");
	assert_mode(in, "program", 0755);
	assert_mode(in, "d", 0555);
	assert_mode(in, "d/e", 0755);
	assert_link(in, "absolute", "/etc/passwd");
	assert_link(in, "dangling", "../../nowhere\n");
	assert_link(in, "loop", ".");
	ck_assert_int_eq(stat_of(in, "d/f").st_mtim.tv_sec, 1234567890);
	ck_assert_int_eq(stat_of(in, "d/f").st_mtim.tv_nsec, 7);
	ck_assert_int_eq(stat_of(in, "dangling").st_mtim.tv_sec, 1234567890);
	ck_assert_int_eq(stat_of(in, "d").st_mtim.tv_sec, 1234567890);
	a = stat_of(in, "a");
	b = stat_of(in, "hard");
	ck_assert_uint_ne(a.st_ino, b.st_ino);
	ck_assert_uint_eq(count_entries(in, ".", ""), 10);
	world_end();
}
END_TEST

START_TEST(refuses_or_leaves_out_special_files)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	_cleanup_close_ int s = socket(AF_UNIX, SOCK_STREAM, 0);

	world_new(_i);
	put(ws, "a", "one");
	ck_assert_int_eq(mkfifoat(ws, "fifo\x1b", 0666), 0);
	ck_assert_int_eq(copy_in(), -EOPNOTSUPP);
	assert_says("--workspace: cannot copy 'fifo\\x1b': a FIFO");
	ck_assert_str_eq(nucleus_error_stage(err), "launch");
	ck_assert_str_eq(nucleus_error_layer(err), "copy");
	ck_assert_ptr_nonnull(nucleus_error_hint(err));
	ck_assert_ptr_null(listing);

	shell("rm -rf in/*");
	snprintf(sun.sun_path, sizeof(sun.sun_path), "/proc/self/fd/%d/socket", ws);
	ck_assert_int_eq(bind(s, (struct sockaddr *)&sun, sizeof(sun)), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(mknodat(ws, "null", S_IFCHR | 0666, 0x103), 0);
	params.plain_only = true;
	unlinkat(in, "a", 0);
	assert_done(copy_in());
	ck_assert_uint_eq(count_entries(in, ".", ""), 1);
	world_end();
}
END_TEST

START_TEST(limits_hold_to_the_byte_and_entry)
{
	world_new(_i);
	put(ws, "a", "12345");
	put(ws, "b", "678");
	ck_assert_int_eq(symlinkat("a", ws, "c"), 0);
	params.max_bytes = 8;
	params.max_files = 3;
	assert_done(copy_in());
	params.max_bytes = 7;
	unlinkat(in, "a", 0);
	unlinkat(in, "b", 0);
	unlinkat(in, "c", 0);
	ck_assert_int_eq(copy_in(), -EFBIG);
	assert_says("more than --copy-size allows, which is 7 bytes");
	params.max_bytes = 8;
	params.max_files = 2;
	unlinkat(in, "a", 0);
	unlinkat(in, "b", 0);
	unlinkat(in, "c", 0);
	ck_assert_int_eq(copy_in(), -EFBIG);
	assert_says("more files than --copy-files allows, which is 2");
	world_end();
}
END_TEST

START_TEST(file_size_limit_is_an_error_and_no_signal)
{
	const struct rlimit limit = { 4096, RLIM_INFINITY };

	world_new(_i);
	put(ws, "a", "one");
	ck_assert_int_eq(ftruncate(openat(ws, "a", O_WRONLY | O_CLOEXEC), 4097), 0);
	signal(SIGXFSZ, SIG_DFL);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(copy_in(), -EFBIG);
	assert_says("'a': larger than a file of this process may be (RLIMIT_FSIZE)");
	world_end();
}
END_TEST

/* depth levels of directories with this name, and a file at the bottom; returns nothing open. */
static void dig(int at, int depth, const char *name)
{
	int fd = dup(at);

	for (int i = 0; i < depth; i++) {
		int next = make_dir(fd, name);

		close(fd);
		fd = next;
	}
	put(fd, "bottom", "down here");
	close(fd);
}

static void assert_bottom(int at, int depth, const char *name)
{
	int fd = dup(at);

	for (int i = 0; i < depth; i++) {
		int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		ck_assert_msg(next >= 0, "level %d: %s", i, strerror(errno));
		close(fd);
		fd = next;
	}
	assert_text(fd, "bottom", "down here");
	close(fd);
}

START_TEST(deep_trees_need_few_descriptors)
{
	struct rlimit limit;
	char long_name[NAME_MAX + 1];

	world_new(_i);
	memset(long_name, 'y', NAME_MAX);
	long_name[NAME_MAX] = '\0';
	dig(ws, NUC_TREE_MAX_DEPTH - 1, "d");
	dig(ws, 100, long_name);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 24;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_done(copy_in());
	assert_bottom(in, NUC_TREE_MAX_DEPTH - 1, "d");
	assert_bottom(in, 100, long_name);
	/* And all of it removed again, the way back. */
	shell("rm -rf in/*");
	assert_done(carry_back());
	ck_assert_uint_eq(count_entries(ws, ".", ""), 0);
	world_end();
}
END_TEST

START_TEST(too_deep_is_an_error)
{
	world_new(_i);
	dig(ws, NUC_TREE_MAX_DEPTH + 1, "d");
	ck_assert_int_eq(copy_in(), -ENAMETOOLONG);
	assert_says("...");
	ck_assert_uint_lt(strlen(nucleus_error_message(err)), 700);
	world_end();
}
END_TEST

static void assert_sparse(int at)
{
	_cleanup_close_ int fd = openat(at, "sparse", O_RDONLY | O_CLOEXEC);
	struct stat st = stat_of(at, "sparse");
	char s[4] = { 0 };

	ck_assert_int_eq(st.st_size, 1ll << 40);
	ck_assert_int_lt(st.st_blocks, 4096);
	ck_assert_int_eq(pread(fd, s, 3, 1ll << 39), 3);
	ck_assert_str_eq(s, "mid");
	ck_assert_int_eq(pread(fd, s, 3, 0), 3);
	ck_assert_str_eq(s, "top");
	ck_assert_int_eq(pread(fd, s, 3, (1ll << 40) - 3), 3);
	ck_assert_mem_eq(s, "\0\0\0", 3);
}

static void make_sparse(int at)
{
	_cleanup_close_ int fd = openat(at, "sparse", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	ck_assert_int_eq(pwrite(fd, "top", 3, 0), 3);
	ck_assert_int_eq(pwrite(fd, "mid", 3, 1ll << 39), 3);
	ck_assert_int_eq(ftruncate(fd, 1ll << 40), 0);
}

START_TEST(sparse_files_stay_sparse_both_ways)
{
	world_new(_i);
	make_sparse(ws);
	assert_done(copy_in());
	assert_sparse(in);
	make_sparse(in);
	assert_done(carry_back());
	assert_sparse(ws);
	world_end();
}
END_TEST

START_TEST(hostile_umask_is_neither_felt_nor_changed)
{
	world_new(_i);
	close(make_dir(ws, "d"));
	put(ws, "d/f", "one");
	umask(0777);
	assert_done(copy_in());
	assert_text(in, "d/f", "one");
	assert_mode(in, "d/f", 0644);
	ck_assert_int_eq(mkdirat(in, "e", 0), 0);
	ck_assert_int_eq(fchmodat(in, "e", 0755, 0), 0);
	ck_assert_int_eq(symlinkat("x", in, "e/l"), 0);
	assert_done(carry_back());
	assert_mode(ws, "e", 0755);
	assert_link(ws, "e/l", "x");
	ck_assert_uint_eq(umask(0), 0777);
	world_end();
}
END_TEST

START_TEST(no_descriptor_is_leaked)
{
	size_t before;

	world_new(_i);
	dig(ws, 5, "d");
	put(ws, "f", "one");
	before = count_entries(AT_FDCWD, "/proc/self/fd", "");
	assert_done(copy_in());
	put(in, "f", "two");
	put(in, "d/g", "new");
	assert_done(carry_back());
	ck_assert_int_eq(mkfifoat(ws, "z", 0600), 0);
	ck_assert_int_lt(copy_in(), 0);
	ck_assert_uint_eq(count_entries(AT_FDCWD, "/proc/self/fd", ""), before);
	world_end();
}
END_TEST

START_TEST(the_copy_is_given_to_the_sandbox_user)
{
	static const char *const copied[] = { "d", "d/f", "l" };
	static const char *const back[] = { "d/f", "new", "e", "e/l" };
	struct stat st;

	world_new(0);
	close(make_dir(ws, "d"));
	put(ws, "d/f", "one");
	ck_assert_int_eq(symlinkat("x", ws, "l"), 0);
	params.chown = true;
	params.uid = 23456;
	params.gid = 34567;
	assert_done(copy_in());
	for (size_t i = 0; i < NUC_ARRAY_SIZE(copied); i++) {
		st = stat_of(in, copied[i]);
		ck_assert_uint_eq(st.st_uid, 23456);
		ck_assert_uint_eq(st.st_gid, 34567);
	}
	/* What comes back belongs to whom the workspace belongs. */
	ck_assert_int_eq(fchown(ws, NOBODY, NOBODY + 1), 0);
	put(in, "d/f", "two");
	put(in, "new", "new");
	ck_assert_int_eq(fchmodat(in, "new", 06711, 0), 0);
	close(make_dir(in, "e"));
	ck_assert_int_eq(symlinkat("y", in, "e/l"), 0);
	assert_done(carry_back());
	for (size_t i = 0; i < NUC_ARRAY_SIZE(back); i++) {
		st = stat_of(ws, back[i]);
		ck_assert_uint_eq(st.st_uid, NOBODY);
		ck_assert_uint_eq(st.st_gid, NOBODY + 1);
	}
	assert_mode(ws, "new", 0711);
	assert_mode(ws, "e", 0755);
	world_end();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rootfs");
	TCase *t = tcase_create("copy");

	tcase_set_timeout(t, 60);
	add(t, copies_what_can_be_copied);
	add(t, refuses_or_leaves_out_special_files);
	add(t, limits_hold_to_the_byte_and_entry);
	add(t, file_size_limit_is_an_error_and_no_signal);
	add(t, deep_trees_need_few_descriptors);
	add(t, too_deep_is_an_error);
	add(t, sparse_files_stay_sparse_both_ways);
	add(t, hostile_umask_is_neither_felt_nor_changed);
	add(t, no_descriptor_is_leaked);
	if (geteuid() == 0)
		tcase_add_test(t, the_copy_is_given_to_the_sandbox_user);
	else
		fputs("NOT RUN, only as root: the_copy_is_given_to_the_sandbox_user\n", stderr);
	suite_add_tcase(s, t);
	return run_suite(s);
}
