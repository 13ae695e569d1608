/* SPDX-License-Identifier: MIT */
/* What is asked of the kernel itself while a plan is made: by calls that valgrind does not know. */
#include <fcntl.h>
#include <sys/stat.h>

#include "compile.h"
#include "../run_suite.h"

START_TEST(user_namespaces_are_made_once_and_taken_over)
{
	static const char all[] = "         0          0 4294967295\n";
	struct nuc_usernses u = { 0 };
	_cleanup_free_ char *map = NULL;
	int first, other, taken;
	size_t len;

	if (geteuid() != 0) {
		ck_assert_int_lt(nuc_usernses_find(&u, "0 0 1", "0 0 1"), 0);
		ck_assert_uint_eq(u.n, 0);
		return;
	}
	ck_assert_int_eq(nuc_read_file("/proc/self/uid_map", 4096, &map, &len), 0);
	ck_assert_str_eq(map, all); /* else "1000 70000 1" may be nobody's to map */
	first = nuc_usernses_find(&u, "1000 70000 1", "0 70000 1");
	ck_assert_int_gt(first, 2);
	ck_assert_int_eq(nuc_usernses_find(&u, "1000 70000 1", "0 70000 1"), first);
	other = nuc_usernses_find(&u, "1000 70000 1", "1 70000 1");
	ck_assert_int_gt(other, 2);
	ck_assert_int_ne(other, first);
	ck_assert_uint_eq(u.n, 2);

	taken = nuc_usernses_take(&u, "1000 70000 1", "0 70000 1");
	ck_assert_int_eq(taken, first);
	ck_assert_uint_eq(u.n, 1);
	ck_assert_int_eq(nuc_usernses_find(&u, "1000 70000 1", "1 70000 1"), other);
	nuc_usernses_done(&u);
	ck_assert_int_lt(fcntl(other, F_GETFD), 0);
	ck_assert_int_ge(fcntl(taken, F_GETFD), 0);
	nuc_closep(&taken);

	ck_assert_int_eq(nuc_usernses_find(&u, "0 0 1 of too many words for a map of one range", "0 0 1"),
			 -EINVAL);
	for (int i = 0; i < (int)NUC_ARRAY_SIZE(u.of); i++) {
		char text[NUC_ID_MAP_SIZE];

		snprintf(text, sizeof(text), "0 %d 1", 70000 + i);
		ck_assert_int_gt(nuc_usernses_find(&u, text, "0 70000 1"), 2);
	}
	ck_assert_int_eq(nuc_usernses_find(&u, "0 1 1", "0 1 1"), -E2BIG);
	nuc_usernses_done(&u);
	ck_assert_uint_eq(u.n, 0);
}
END_TEST

/* What is bound is named by its canonical path, however it was written; and links are told from what they name. */
START_TEST(paths_are_told_as_realpath_does)
{
	static const char *const files[] = { "file", "dir/..", "dir/../file", "./file", "dir//file", "dir/file/",
					     "dir/", "link", "dir-link", "dir-link/file", "dir-link/../file",
					     "...", "dir/.hidden", "none", "dir-link/none", "dangling", "" };
	char dir[] = "/tmp/nucleus-host-XXXXXX";
	struct nuc_look l, not_followed;
	struct nuc_world w;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(mkdir("dir", 0755), 0);
	ck_assert_int_eq(mkdir("...", 0755), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(mknod(i == 0 ? "file" : i == 1 ? "dir/file" : "dir/.hidden", S_IFREG | 0644, 0), 0);
	ck_assert_int_eq(symlink("dir/file", "link"), 0);
	ck_assert_int_eq(symlink("dir", "dir-link"), 0);
	ck_assert_int_eq(symlink("none", "dangling"), 0);
	ck_assert_int_eq(nuc_world_init(&w), 0);

	for (size_t i = 0; i < NUC_ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *path = nuc_strf("%s/%s", dir, files[i]), *real = realpath(path, NULL);
		int error = real ? 0 : -errno;
		struct stat st;

		ck_assert_msg(w.look(&w, path, true, &l) == error, "%s", path);
		if (!real)
			continue;
		ck_assert_str_eq(l.path, real);
		ck_assert_int_eq(l.indirect, strcmp(path, real) != 0);
		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_uint_eq(l.ino, st.st_ino);
		ck_assert_int_eq(w.look(&w, path, false, &not_followed), 0);
		ck_assert_int_eq(lstat(path, &st), 0);
		ck_assert_uint_eq(not_followed.ino, st.st_ino);
		ck_assert_str_eq(not_followed.link, !strcmp(files[i], "link")	    ? "dir/file"
						    : !strcmp(files[i], "dir-link") ? "dir"
										    : "");
	}
	ck_assert_int_eq(w.look(&w, "/", true, &l), 0);
	ck_assert_str_eq(l.path, "/");
	nuc_world_done(&w);
	for (size_t i = 0; i < 2; i++)
		ck_assert_int_eq(unlink(i == 0 ? "dir/file" : "dir/.hidden"), 0);
	ck_assert_int_eq(unlink("file") | unlink("link") | unlink("dir-link") | unlink("dangling"), 0);
	ck_assert_int_eq(rmdir("dir") | rmdir("...") | chdir("/") | rmdir(dir), 0);
}
END_TEST

/*
 * The directory of the last path is kept open. Somebody who exchanges it meanwhile has the plan name the inode that
 * was there, which the launch will not find; never one that the path did not lead to.
 */
START_TEST(a_directory_that_is_exchanged_shows_nothing_else)
{
	char dir[] = "/tmp/nucleus-host-XXXXXX", path[64];
	const int free_fd = dup(0);
	struct nuc_look first, l;
	struct nuc_world w;
	struct stat was, is;

	close(free_fd);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(mkdir("dir", 0755) | mkdir("other", 0755), 0);
	ck_assert_int_eq(mknod("dir/a", S_IFREG | 0644, 0) | mknod("dir/b", S_IFREG | 0644, 0), 0);
	ck_assert_int_eq(mknod("other/b", S_IFREG | 0644, 0), 0);
	ck_assert_int_eq(stat("dir/b", &was) | stat("other/b", &is), 0);
	ck_assert_int_eq(nuc_world_init(&w), 0);
	snprintf(path, sizeof(path), "%s/dir/a", dir);
	ck_assert_int_eq(w.look(&w, path, true, &first), 0);

	ck_assert_int_eq(rename("dir", "away") | symlink("other", "dir"), 0);
	path[strlen(path) - 1] = 'b';
	ck_assert_int_eq(w.look(&w, path, true, &l), 0);
	ck_assert_str_eq(l.path, path);
	ck_assert_uint_eq(l.ino, was.st_ino);
	/* What is asked for elsewhere in between has it looked at anew. */
	ck_assert_int_eq(w.look(&w, "/proc", false, &first), 0);
	ck_assert_int_eq(w.look(&w, path, true, &l), 0);
	ck_assert_uint_eq(l.ino, is.st_ino);
	snprintf(path, sizeof(path), "%s/other/b", dir);
	ck_assert_str_eq(l.path, path);

	nuc_world_done(&w);
	ck_assert_int_eq(dup(0), free_fd);
	close(free_fd);
	ck_assert_int_eq(unlink("away/a") | unlink("away/b") | unlink("other/b") | unlink("dir"), 0);
	ck_assert_int_eq(rmdir("away") | rmdir("other") | chdir("/") | rmdir(dir), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("world");
	TCase *t = tcase_create("world");

	tcase_add_test(t, user_namespaces_are_made_once_and_taken_over);
	tcase_add_test(t, paths_are_told_as_realpath_does);
	tcase_add_test(t, a_directory_that_is_exchanged_shows_nothing_else);
	suite_add_tcase(s, t);
	return run_suite(s);
}
