/* SPDX-License-Identifier: MIT */
#include "rootfs_fixture.h"

/* ---- what the workload did ------------------------------------------------------------------ */

START_TEST(untouched_stays_untouched)
{
	static const char *const names[] = { ".", "a", "l", "d", "d/f", "d/e" };
	struct stat was[NUC_ARRAY_SIZE(names)];

	world_new(_i);
	put(ws, "a", "one");
	ck_assert_int_eq(symlinkat("x", ws, "l"), 0);
	close(make_dir(ws, "d"));
	put(ws, "d/f", "two");
	close(make_dir(ws, "d/e"));
	for (size_t i = 0; i < NUC_ARRAY_SIZE(names); i++)
		was[i] = stat_of(ws, names[i]);
	assert_done(copy_in());
	assert_done(carry_back());
	for (size_t i = 0; i < NUC_ARRAY_SIZE(names); i++)
		assert_untouched(&was[i], ws, names[i]);
	/* What changes in one directory is not felt in another. */
	put(in, "d/f", "three");
	assert_done(carry_back());
	assert_text(ws, "d/f", "three");
	for (size_t i = 0; i < 3; i++)
		assert_untouched(&was[i], ws, names[i]);
	assert_untouched(&was[5], ws, names[5]);
	world_end();
}
END_TEST

START_TEST(carries_what_was_created_changed_and_removed)
{
	const struct timespec times[] = { { .tv_sec = 1 }, { .tv_sec = 987654321, .tv_nsec = 9 } };

	world_new(_i);
	put(ws, "changed", "one");
	put(ws, "removed", "one");
	put(ws, "renamed", "one");
	put(ws, "mode", "one");
	put(ws, "truncated", "one");
	ck_assert_int_eq(symlinkat("old", ws, "link"), 0);
	close(make_dir(ws, "d"));
	close(make_dir(ws, "gone"));
	close(make_dir(ws, "gone/deeper"));
	put(ws, "gone/deeper/f", "one");
	put(ws, "gone/g", "one");
	assert_done(copy_in());

	put(in, "changed", "second");
	unlinkat(in, "removed", 0);
	renameat(in, "renamed", in, "d/moved");
	ck_assert_int_eq(fchmodat(in, "mode", 06750, 0), 0);
	ck_assert_int_eq(fchmodat(in, "d", 01700, 0), 0);
	put(in, "truncated", "");
	unlinkat(in, "link", 0);
	ck_assert_int_eq(symlinkat("../../../etc/passwd", in, "link"), 0);
	shell("rm -r in/gone");
	close(make_dir(in, "new"));
	close(make_dir(in, "new/deeper"));
	put(in, "new/deeper/f\n\xff", "deep");
	ck_assert_int_eq(utimensat(in, "new/deeper/f\n\xff", times, 0), 0);
	ck_assert_int_eq(fchmodat(in, "new/deeper", 0555, 0), 0);
	ck_assert_int_eq(utimensat(in, "new/deeper", times, 0), 0);

	assert_done(carry_back());
	assert_text(ws, "changed", "second");
	ck_assert(!exists(ws, "removed"));
	ck_assert(!exists(ws, "renamed"));
	assert_text(ws, "d/moved", "one");
	assert_text(ws, "mode", "one");
	assert_mode(ws, "mode", 0750);
	assert_mode(ws, "d", 0700);
	assert_text(ws, "truncated", "");
	assert_link(ws, "link", "../../../etc/passwd");
	ck_assert(!exists(ws, "gone"));
	assert_text(ws, "new/deeper/f\n\xff", "deep");
	assert_mode(ws, "new/deeper", 0555);
	ck_assert_int_eq(stat_of(ws, "new/deeper").st_mtim.tv_sec, 987654321);
	ck_assert_int_eq(stat_of(ws, "new/deeper/f\n\xff").st_mtim.tv_nsec, 9);
	world_end();
}
END_TEST

/* Same size, same mtime, same name: only the ctime tells, and it may be the very next tick. */
START_TEST(forged_times_hide_nothing)
{
	world_new(_i);
	for (int i = 0; i < 50; i++) {
		struct stat st;

		put(ws, "f", i % 2 ? "one" : "two");
		assert_done(copy_in());
		st = stat_of(in, "f");
		put(in, "f", i % 2 ? "two" : "one");
		utimensat(in, "f", (struct timespec[]){ st.st_atim, st.st_mtim }, 0);
		assert_done(carry_back());
		assert_text(ws, "f", i % 2 ? "two" : "one");
		unlinkat(in, "f", 0);
	}
	world_end();
}
END_TEST

START_TEST(carries_changes_of_type)
{
	world_new(_i);
	for (char name[] = "a"; name[0] <= 'c'; name[0]++)
		put(ws, name, "file");
	for (char name[] = "d"; name[0] <= 'f'; name[0]++) {
		close(make_dir(ws, name));
		put(make_dir(ws, (char[]){ name[0], '/', 's', '\0' }), "f", "deep");
	}
	for (char name[] = "g"; name[0] <= 'i'; name[0]++)
		ck_assert_int_eq(symlinkat("old", ws, name), 0);
	assert_done(copy_in());

	shell("rm -r in/*");
	close(make_dir(in, "a"));
	put(in, "a/new", "in a");
	ck_assert_int_eq(symlinkat("/", in, "b"), 0);
	ck_assert_int_eq(mkfifoat(in, "c", 0600), 0);
	put(in, "d", "file");
	ck_assert_int_eq(symlinkat("/", in, "e"), 0);
	ck_assert_int_eq(mkfifoat(in, "f", 0600), 0);
	put(in, "g", "file");
	close(make_dir(in, "h"));
	put(in, "h/new", "in h");
	ck_assert_int_eq(mkfifoat(in, "i", 0600), 0);

	assert_done(carry_back());
	assert_text(ws, "a/new", "in a");
	assert_link(ws, "b", "/");
	assert_text(ws, "d", "file");
	assert_link(ws, "e", "/");
	assert_text(ws, "g", "file");
	assert_text(ws, "h/new", "in h");
	/* What c, f and i are now is not carried; that they are no more what they were is. */
	ck_assert_uint_eq(count_entries(ws, ".", ""), 6);
	world_end();
}
END_TEST

START_TEST(other_names_of_a_file_keep_their_content)
{
	struct stat was;

	world_new(_i);
	put(outside, "precious", "precious");
	ck_assert_int_eq(linkat(outside, "precious", ws, "f", 0), 0);
	assert_done(copy_in());
	put(in, "f", "overwritten");
	was = stat_of(outside, "precious");
	assert_done(carry_back());
	assert_text(ws, "f", "overwritten");
	assert_text(outside, "precious", "precious");
	ck_assert_uint_eq(stat_of(outside, "precious").st_ino, was.st_ino);
	ck_assert_uint_eq(stat_of(outside, "precious").st_mode, was.st_mode);
	ck_assert_uint_eq(stat_of(outside, "precious").st_uid, was.st_uid);
	world_end();
}
END_TEST

START_TEST(unreadable_modes_hide_nothing_and_are_carried)
{
	world_new(_i);
	put(ws, "f", "one");
	close(make_dir(ws, "d"));
	put(ws, "d/f", "one");
	assert_done(copy_in());
	put(in, "f", "two");
	put(in, "d/f", "two");
	close(make_dir(in, "n"));
	put(in, "n/f", "new");
	ck_assert_int_eq(fchmodat(in, "n/f", 0, 0), 0);
	ck_assert_int_eq(fchmodat(in, "n", 0, 0), 0);
	ck_assert_int_eq(fchmodat(in, "d/f", 0, 0), 0);
	ck_assert_int_eq(fchmodat(in, "d", 0200, 0), 0);
	ck_assert_int_eq(fchmodat(in, "f", 0100, 0), 0);
	ck_assert_int_eq(fchmod(in, 0), 0);
	assert_done(carry_back());
	assert_mode(ws, "f", 0100);
	assert_mode(ws, "d", 0200);
	assert_mode(ws, "n", 0);
	shell("chmod -R 0700 ws");
	assert_text(ws, "f", "two");
	assert_text(ws, "d/f", "two");
	assert_text(ws, "n/f", "new");
	world_end();
}
END_TEST

START_TEST(read_only_directories_of_the_host_stay_so)
{
	world_new(_i);
	close(make_dir(ws, "d"));
	put(ws, "d/f", "one");
	put(ws, "d/g", "one");
	close(make_dir(ws, "gone"));
	put(ws, "gone/f", "one");
	ck_assert_int_eq(fchmodat(ws, "d", 0555, 0), 0);
	ck_assert_int_eq(fchmodat(ws, "gone", 0555, 0), 0);
	assert_done(copy_in());
	shell("chmod 0755 in/d in/gone; echo two >in/d/f; rm in/d/g; echo new >in/d/h; "
	      "chmod 0555 in/d; rm -r in/gone");
	assert_done(carry_back());
	assert_mode(ws, "d", 0555);
	assert_text(ws, "d/f", "two\n");
	assert_text(ws, "d/h", "new\n");
	ck_assert(!exists(ws, "d/g"));
	ck_assert(!exists(ws, "gone"));
	world_end();
}
END_TEST

/* ---- what the host did meanwhile ------------------------------------------------------------ */

START_TEST(conflicts_keep_the_host_version_and_all_else_is_carried)
{
	world_new(_i);
	put(outside, "victim", "victim");
	for (char name[] = "a"; name[0] <= 'h'; name[0]++)
		put(ws, name, "old");
	close(make_dir(ws, "dir"));
	put(ws, "dir/known", "old");
	close(make_dir(ws, "swapped"));
	put(ws, "swapped/f", "old");
	assert_done(copy_in());

	for (char name[] = "a"; name[0] <= 'd'; name[0]++)
		put(in, name, "inside");
	unlinkat(in, "e", 0);
	put(in, "created", "inside");
	close(make_dir(in, "created-dir"));
	put(in, "created-dir/f", "inside");
	shell("rm -r in/dir");
	put(in, "swapped/f", "inside");
	put(in, "swapped/g", "inside");
	put(in, "fine", "inside");
	put(in, "g", "inside");

	put(ws, "a", "HOST");				/* changed on both sides */
	unlinkat(ws, "b", 0);				/* removed here, changed there */
	unlinkat(ws, "c", 0);
	ck_assert_int_eq(mkfifoat(ws, "c", 0600), 0);
	unlinkat(ws, "d", 0);
	ck_assert_int_eq(symlinkat("../outside/victim", ws, "d"), 0);
	put(ws, "e", "HOST");				/* changed here, removed there */
	put(ws, "f", "HOST");				/* changed here only: no conflict */
	unlinkat(ws, "h", 0);				/* removed here only: no conflict */
	put(ws, "created", "HOST");
	close(make_dir(ws, "created-dir"));
	put(ws, "dir/unknown", "HOST");
	renameat(ws, "swapped", outside, "swapped");
	ck_assert_int_eq(symlinkat("../outside/swapped", ws, "swapped"), 0);

	ck_assert_int_eq(carry_back(), -ESTALE);
	ck_assert_str_eq(nucleus_error_stage(err), "run");
	assert_says("--workspace: 10 changes were not carried back: 'a' (changed on the host");
	assert_says("'created-dir' (");
	assert_says("'dir' (something else is in it)");
	assert_says(", and others");
	assert_text(ws, "a", "HOST");
	ck_assert(!exists(ws, "b"));
	ck_assert(S_ISFIFO(stat_of(ws, "c").st_mode));
	assert_link(ws, "d", "../outside/victim");
	assert_text(ws, "e", "HOST");
	assert_text(ws, "f", "HOST");
	ck_assert(!exists(ws, "h"));
	assert_text(ws, "created", "HOST");
	ck_assert_uint_eq(count_entries(ws, "created-dir", ""), 0);
	ck_assert_uint_eq(count_entries(ws, "dir", ""), 1);
	assert_text(outside, "victim", "victim");
	assert_text(outside, "swapped/f", "old");
	ck_assert_uint_eq(count_entries(outside, "swapped", ""), 1);
	assert_text(ws, "fine", "inside");
	assert_text(ws, "g", "inside");
	world_end();
}
END_TEST

START_TEST(a_host_change_with_a_forged_time_is_a_conflict)
{
	static const char *const names[] = { "changed", "removed" };

	world_new(_i);
	put(ws, "changed", "one");
	put(ws, "removed", "one");
	assert_done(copy_in());
	put(in, "changed", "in");
	unlinkat(in, "removed", 0);
	for (size_t i = 0; i < NUC_ARRAY_SIZE(names); i++) {
		struct stat st = stat_of(ws, names[i]);

		put(ws, names[i], "two");
		utimensat(ws, names[i], (struct timespec[]){ st.st_atim, st.st_mtim }, 0);
	}
	ck_assert_int_eq(carry_back(), -ESTALE);
	assert_text(ws, "changed", "two");
	assert_text(ws, "removed", "two");
	world_end();
}
END_TEST

START_TEST(removed_on_both_sides_is_no_conflict)
{
	world_new(_i);
	put(ws, "f", "one");
	close(make_dir(ws, "d"));
	close(make_dir(ws, "d/e"));
	put(ws, "d/e/f", "one");
	close(make_dir(ws, "half"));
	put(ws, "half/f", "one");
	put(ws, "half/g", "one");
	assert_done(copy_in());
	shell("rm -r in/* ws/f ws/d ws/half/f");
	assert_done(carry_back());
	ck_assert_uint_eq(count_entries(ws, ".", ""), 0);
	world_end();
}
END_TEST

START_TEST(a_touched_mode_on_both_sides_is_a_conflict)
{
	world_new(_i);
	close(make_dir(ws, "d"));
	assert_done(copy_in());
	ck_assert_int_eq(fchmodat(in, "d", 0777, 0), 0);
	ck_assert_int_eq(fchmodat(ws, "d", 0700, 0), 0);
	ck_assert_int_eq(carry_back(), -ESTALE);
	assert_says("'d'");
	assert_mode(ws, "d", 0700);
	world_end();
}
END_TEST

/* ---- limits --------------------------------------------------------------------------------- */

START_TEST(limits_leave_out_what_is_past_them_and_no_more)
{
	world_new(_i);
	put(ws, "kept", "one");
	close(make_dir(ws, "d"));
	put(ws, "d/kept", "one");
	assert_done(copy_in());
	put(in, "a", "12345678");
	put(in, "b", "123456789");
	put(in, "c", "1");
	params.max_bytes = 9;
	ck_assert_int_eq(carry_back(), -EFBIG);
	assert_says("1 change was not carried back: 'b' (more than --copy-size allows, which is 9 bytes)");
	assert_text(ws, "a", "12345678");
	ck_assert(!exists(ws, "b"));
	assert_text(ws, "c", "1");

	/* What was not even read any more is not taken for removed. */
	put(in, "d/new", "x");
	params.max_files = 6;
	ck_assert_int_eq(carry_back(), -EFBIG);
	assert_says("'d' (more files than --copy-files allows, which is 6)");
	assert_text(ws, "d/kept", "one");
	ck_assert(!exists(ws, "d/new"));
	world_end();
}
END_TEST

START_TEST(bottomless_directories_do_not_lose_the_rest)
{
	int fd;

	world_new(_i);
	put(ws, "f", "one");
	assert_done(copy_in());
	put(in, "f", "two");
	fd = dup(in);
	for (int i = 0; i < 10000; i++) {
		int next = make_dir(fd, "d");

		close(fd);
		fd = next;
	}
	close(fd);
	ck_assert_int_eq(carry_back(), -ENAMETOOLONG);
	assert_says("1 change was not carried back");
	assert_text(ws, "f", "two");
	world_end();
}
END_TEST

START_TEST(ten_thousand_files_and_a_few_changes)
{
	char name[32];

	world_new(_i);
	for (int i = 0; i < 10000; i++) {
		if (i % 500 == 0) {
			snprintf(name, sizeof(name), "d%d", i / 500);
			close(make_dir(ws, name));
		}
		snprintf(name, sizeof(name), "d%d/f%d", i / 500, i);
		put(ws, name, name);
	}
	assert_done(copy_in());
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "d%d/f%d", i / 500, i);
		if (i % 10 == 0)
			put(in, name, "changed");
		else if (i % 10 == 1)
			unlinkat(in, name, 0);
	}
	assert_done(carry_back());
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "d%d/f%d", i / 500, i);
		if (i % 10 == 1)
			ck_assert(!exists(ws, name));
		else
			assert_text(ws, name, i % 10 == 0 ? "changed" : name);
	}
	world_end();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rootfs_carry");
	TCase *t = tcase_create("carry");

	tcase_set_timeout(t, 60);
	add(t, untouched_stays_untouched);
	add(t, carries_what_was_created_changed_and_removed);
	add(t, forged_times_hide_nothing);
	add(t, carries_changes_of_type);
	add(t, other_names_of_a_file_keep_their_content);
	add(t, unreadable_modes_hide_nothing_and_are_carried);
	add(t, read_only_directories_of_the_host_stay_so);
	add(t, conflicts_keep_the_host_version_and_all_else_is_carried);
	add(t, a_host_change_with_a_forged_time_is_a_conflict);
	add(t, removed_on_both_sides_is_no_conflict);
	add(t, a_touched_mode_on_both_sides_is_a_conflict);
	add(t, limits_leave_out_what_is_past_them_and_no_more);
	add(t, bottomless_directories_do_not_lose_the_rest);
	add(t, ten_thousand_files_and_a_few_changes);
	suite_add_tcase(s, t);
	return run_suite(s);
}
