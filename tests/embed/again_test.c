/* SPDX-License-Identifier: MIT */
/* One object, started again and again: what its starts have in common is built once, and nobody can tell. */
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "again.h"

START_TEST(the_third_start_builds_for_all_later_ones)
{
	expect_own();
	expect_own();
	for (int i = 0; i < 3; i++)
		expect_copy();
}
END_TEST

/* What a mount is: not its numbers, nor those of its file system. For a user the host's procfs is below the own. */
#define MOUNTS                                                                                                       \
	"while read id up dev root at attr rest; do case \"$rest\" in *'- proc proc '*) ;; "                        \
	"*) echo \"$root $at $attr $rest\";; esac; done </proc/self/mountinfo | sort; "                              \
	"ls -ld / /* /etc /etc/* /dev/* /proc/self/ns; cat /etc/passwd /data/file; id; hostname; pwd"

/* Times of what is made anew, and numbers of namespaces, are left out. */
#define LOOK ARGV("sh", "-c", MOUNTS " | sed -E 's/ [A-Z][a-z][a-z] +[0-9]+ [0-9:]+ / /'")

START_TEST(nothing_in_it_is_different)
{
	char *first = strdup(output(LOOK, NULL));

	ck_assert_ptr_nonnull(strstr(first, "/data"));
	start(3);
	expect_copy();
	expect_output(LOOK, first);
	free(first);
}
END_TEST

START_TEST(nothing_of_one_is_in_the_next)
{
	const char *const *leave = ARGV("sh", "-c", "cd; for d in /tmp . /dev/shm; do echo $$ >$d/me && ls $d; done");
	const char *const *look = ARGV("sh", "-c", "cd; ls -A /tmp . /dev/shm; set -- /proc/[0-9]*; echo $#");
	char *first = strdup(output(look, NULL));

	for (int i = 0; i < 4; i++)
		expect_output(leave, "me\nme\nme\n");
	expect_output(look, first);
	ck_assert_ptr_null(strstr(first, "me\n"));
	free(first);
}
END_TEST

/* All that a program may try on what sandboxes share; and all that tells of it afterwards, times too. */
#define SHARED "/ /etc /etc/passwd /var /var/empty /run /dev /home /usr /sys /bin /dev/null /data /data/file"
#define TRY                                                                                                          \
	"{ for f in " SHARED "; do echo >$f/new; mkdir $f/dir; ln -s x $f/link; ln /etc/passwd $f/hard; mkfifo $f/fifo; " \
	"chmod 777 $f; chown 1000 $f; touch -a $f; touch -m $f; mv $f $f.old; rm -f $f; rmdir $f; cat $f; ls -laR $f; " \
	"done; mv /etc /etc2; rm -r /bin; ln -sf /data /home/agent2; ls -laR /; } >/dev/null 2>&1; :"
#define TELL "for f in " SHARED "; do stat -c '%n %a %u %g %s %h %i %x %y %z' $f; ls -A $f | wc -l; done"

START_TEST(nothing_that_is_shared_can_be_changed)
{
	const char *const *tell = ARGV("sh", "-c", TELL);
	char *first;

	start(3);
	first = strdup(output(tell, NULL));
	ck_assert_ptr_nonnull(strstr(first, "/etc/passwd 444 "));
	for (int i = 0; i < 2; i++)
		expect_output(ARGV("sh", "-c", TRY), "");
	expect_output(tell, first);
	expect_copy();
	free(first);
}
END_TEST

/*
 * A device is the host's, and all that run there share it. Somebody may have given it to whom root's sandboxes are
 * outside, as crun does with its standard input: then modes and times are its owner's to change.
 */
START_TEST(a_device_stays_as_it_is_whoever_owns_it)
{
	const uid_t outside = 1853161472;
	struct stat before, after;
	nucleus_sandbox *s;
	char null[96];

	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("none", dir, "tmpfs", 0, NULL), 0);
	snprintf(null, sizeof(null), "%s/null", dir);
	ck_assert_int_eq(mknod(null, S_IFCHR, makedev(1, 3)) | chmod(null, 0666) | chown(null, outside, outside), 0);
	ck_assert_int_eq(mount(null, "/dev/null", NULL, MS_BIND, NULL), 0);
	ck_assert_int_eq(stat("/dev/null", &before), 0);
	s = sandbox;
	sandbox = make_sandbox(ARGV("limits.timeout=1m"));
	for (int i = 0; i < 4; i++) {
		expect_output(ARGV("sh", "-c", "[ $(stat -c %u /dev/null) = $(id -u) ] && echo own; "
				   "for d in /dev/null; do chmod 777 $d; chown 0 $d; touch -d @1 $d; touch -a $d; done 2>&-; "
				   "echo word >/dev/null && cat /dev/null && echo used"),
			      "own\nused\n");
		ck_assert_int_eq(stat("/dev/null", &after), 0);
		ck_assert_uint_eq(after.st_mode, before.st_mode);
		ck_assert_uint_eq(after.st_uid, outside);
		ck_assert_mem_eq(&after.st_mtim, &before.st_mtim, sizeof(before.st_mtim));
		ck_assert_mem_eq(&after.st_ctim, &before.st_ctim, sizeof(before.st_ctim));
	}
	nucleus_sandbox_free(sandbox);
	sandbox = s;
	ck_assert_int_eq(umount("/dev/null") | umount2(dir, MNT_DETACH), 0);
}
END_TEST

START_TEST(a_file_that_was_replaced_is_the_new_one)
{
	char other[128], *option = other;
	nucleus_sandbox *before = sandbox;

	snprintf(other, sizeof(other), "volumes=%s:/one:ro", file);
	sandbox = make_sandbox(ARGV("limits.timeout=1m", "volumes=/usr/share/misc:/data:ro", option));
	nucleus_sandbox_set_timing(sandbox, 1);
	start(3);
	expect_copy();
	expect_output(ARGV("cat", "/one"), "first\n");
	snprintf(other, sizeof(other), "%s.new", file);
	write_file(other, "second\n");
	ck_assert_int_eq(rename(other, file), 0);
	/* A user's file is pinned by device and inode: that is refused as it is at a first start. */
	for (int i = 0; i < 3; i++) {
		nucleus_process *p = NULL;

		ck_assert_int_eq(nucleus_sandbox_spawn(sandbox, ARGV("cat", "/one"), &p, NULL), -ESTALE);
	}
	nucleus_sandbox_free(sandbox);
	sandbox = before;
}
END_TEST

START_TEST(what_is_written_in_a_directory_is_seen)
{
	char other[128];

	start(3);
	expect_output(ARGV("cat", "/data/file"), "first\n");
	snprintf(other, sizeof(other), "%s.new", file);
	write_file(other, "second\n");
	ck_assert_int_eq(rename(other, file), 0);
	expect_copy();
	expect_output(ARGV("cat", "/data/file"), "second\n");
}
END_TEST

START_TEST(what_is_kept_can_be_let_go_of)
{
	char *before;

	start(1);
	before = describe_self();
	start(4);
	ck_assert_int_eq(nucleus_sandbox_prepare(sandbox, 0, NULL), 0);
	expect_self(before);
	expect_own();
	expect_own();
	expect_copy();
}
END_TEST

START_TEST(the_caller_stays_as_it_was)
{
	char *before;

	start(3);
	before = describe_self();
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE), 1);
	start(20);
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE), 1);
	expect_self(before);
}
END_TEST

START_TEST(a_program_that_is_not_there_is_told)
{
	nucleus_process *p = NULL;
	nucleus_error *e = NULL;

	start(4);
	ck_assert_int_eq(nucleus_sandbox_spawn(sandbox, ARGV("/none"), &p, &e), -ENOENT);
	ck_assert_ptr_null(p);
	ck_assert_str_eq(nucleus_error_layer(e), "exec");
	nucleus_error_free(e);
	expect_copy();
}
END_TEST

START_TEST(a_plan_whose_mounts_may_move_is_built_each_time)
{
	char option[128];

	snprintf(option, sizeof(option), "volumes=%s:/usr/share/misc:ro", dir);
	nucleus_sandbox_free(sandbox);
	sandbox = make_sandbox(ARGV("limits.timeout=1m", option));
	nucleus_sandbox_set_timing(sandbox, 1);
	for (int i = 0; i < 5; i++)
		expect_own();
}
END_TEST

START_TEST(what_is_mounted_meanwhile_is_seen)
{
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	start(3);
	expect_copy();
	ck_assert_int_eq(mount("none", dir, "tmpfs", 0, NULL), 0);
	/* The directory is another one: refused, as it is at a first start. */
	ck_assert_int_eq(nucleus_sandbox_spawn(sandbox, TRUE, &(nucleus_process *){ NULL }, NULL), -ESTALE);
	ck_assert_int_eq(umount(dir), 0);
	expect_output(ARGV("cat", "/data/file"), "first\n");
	start(2);
	expect_copy();
	expect_output(ARGV("cat", "/data/file"), "first\n");
}
END_TEST

START_TEST(what_is_mounted_below_is_seen)
{
	char below[96], seen[128];

	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	snprintf(below, sizeof(below), "%s/below", dir);
	snprintf(seen, sizeof(seen), "%s/seen", below);
	ck_assert_int_eq(mkdir(below, 0755), 0);
	start(3);
	expect_copy();
	ck_assert_int_eq(mount("none", below, "tmpfs", 0, NULL), 0);
	write_file(seen, "mounted\n");
	expect_output(ARGV("cat", "/data/below/seen"), "mounted\n");
	start(2);
	expect_copy();
	expect_output(ARGV("cat", "/data/below/seen"), "mounted\n");
	/* Its flags are copied, too. */
	ck_assert_int_eq(mount(NULL, below, NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NOEXEC, NULL), 0);
	expect_own();
	start(1);
	expect_copy();
	/* Of two processes each is told. */
	ck_assert_int_eq(umount(below), 0);
	ck_assert_int_eq(binds_of_a_child(0, 1), 1);
	expect_output(ARGV("ls", "/data/below"), "");
	rmdir(below);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("again");
	TCase *t = tcase_create("again");

	tcase_add_checked_fixture(t, set_up_again, tear_down_again);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, the_third_start_builds_for_all_later_ones);
	tcase_add_test(t, nothing_in_it_is_different);
	tcase_add_test(t, nothing_of_one_is_in_the_next);
	tcase_add_test(t, nothing_that_is_shared_can_be_changed);
	tcase_add_test(t, a_file_that_was_replaced_is_the_new_one);
	tcase_add_test(t, what_is_written_in_a_directory_is_seen);
	tcase_add_test(t, what_is_kept_can_be_let_go_of);
	tcase_add_test(t, the_caller_stays_as_it_was);
	tcase_add_test(t, a_program_that_is_not_there_is_told);
	tcase_add_test(t, a_plan_whose_mounts_may_move_is_built_each_time);
	/* A user has no mounts to make. */
	if (geteuid() == 0) {
		tcase_add_test(t, a_device_stays_as_it_is_whoever_owns_it);
		tcase_add_test(t, what_is_mounted_meanwhile_is_seen);
		tcase_add_test(t, what_is_mounted_below_is_seen);
	}
	suite_add_tcase(s, t);
	return run_suite(s);
}
