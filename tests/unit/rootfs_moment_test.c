/* SPDX-License-Identifier: MIT */
/* What others do between two system calls of ours: held there by seccomp, not by luck. */
#include <poll.h>
#include <pthread.h>
#include <seccomp.h>
#include <sys/syscall.h>

#include "rootfs_fixture.h"

struct held {
	int call;
	int notify[2];		/* a pipe: the descriptor of the notifications */
	int result;
	int ended[2];
};

/* The filter is of this thread alone, so that the others can act meanwhile. */
static void *carry_held(void *arg)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	struct held *h = arg;
	int fd = -1;

	if (filter && seccomp_rule_add(filter, SCMP_ACT_NOTIFY, h->call, 0) == 0 &&
	    seccomp_load(filter) == 0)
		fd = dup(seccomp_notify_fd(filter));
	seccomp_release(filter);
	if (write(h->notify[1], &fd, sizeof(fd)) == sizeof(fd) && fd >= 0)
		h->result = carry_back();
	close(h->ended[1]);
	return NULL;
}

/* Carries back; before each such system call of it, calls meanwhile(how many there were). */
static int carry_back_while(int call, void (*meanwhile)(int nth))
{
	struct held h = { .call = call, .result = -1 };
	struct seccomp_notif *request;
	struct seccomp_notif_resp *response;
	pthread_t thread;
	int fd, nth = 0;

	ck_assert_int_eq(pipe2(h.notify, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(h.ended, O_CLOEXEC), 0);
	ck_assert_int_eq(seccomp_notify_alloc(&request, &response), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, carry_held, &h), 0);
	ck_assert_int_eq(read(h.notify[0], &fd, sizeof(fd)), sizeof(fd));
	ck_assert_int_ge(fd, 0);
	for (;;) {
		struct pollfd p[] = { { .fd = fd, .events = POLLIN }, { .fd = h.ended[0] } };

		ck_assert_int_gt(poll(p, 2, -1), 0);
		if (!(p[0].revents & POLLIN))
			break;
		memset(request, 0, sizeof(*request));
		memset(response, 0, sizeof(*response));
		ck_assert_int_eq(seccomp_notify_receive(fd, request), 0);
		meanwhile(++nth);
		response->id = request->id;
		response->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		ck_assert_int_eq(seccomp_notify_respond(fd, response), 0);
	}
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_gt(nth, 0);
	seccomp_notify_free(request, response);
	close(fd);
	close(h.notify[0]);
	close(h.notify[1]);
	close(h.ended[0]);
	return h.result;
}

/* ".nucleus-...", as long as there is one in ws; else "". */
static void find_stage(char ret[NAME_MAX + 1])
{
	DIR *d = fdopendir(openat(ws, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct dirent *e;

	ck_assert_ptr_nonnull(d);
	ret[0] = '\0';
	while ((e = readdir(d)))
		if (!strncmp(e->d_name, ".nucleus-", 9))
			strcpy(ret, e->d_name);
	closedir(d);
}

/* An editor's save. */
static void save(const char *text)
{
	put(world, "saved", text);
	ck_assert_int_eq(renameat(world, "saved", ws, "f"), 0);
}

static void save_once(int nth)
{
	if (nth == 1)
		save("HOST");
}

static void save_each_time(int nth)
{
	save(nth == 1 ? "HOST 1" : "HOST 2");
}

static void one_file_changed(int user)
{
	world_new(user);
	put(ws, "f", "old");
	assert_done(copy_in());
	put(in, "f", "mine");
}

START_TEST(a_save_before_the_exchange_stays)
{
	one_file_changed(_i);
	ck_assert_int_eq(carry_back_while(SCMP_SYS(renameat2), save_once), -ESTALE);
	assert_text(ws, "f", "HOST");
	ck_assert_uint_eq(count_entries(ws, ".", ""), 1);
	world_end();
}
END_TEST

START_TEST(a_save_before_the_removal_stays)
{
	one_file_changed(_i);
	unlinkat(in, "f", 0);
	ck_assert_int_eq(carry_back_while(SCMP_SYS(renameat), save_once), -ESTALE);
	assert_text(ws, "f", "HOST");
	ck_assert_uint_eq(count_entries(ws, ".", ""), 1);
	world_end();
}
END_TEST

/* Even then: both of the host's versions are there, and one is kept where people find it. */
START_TEST(two_saves_around_the_exchange_both_stay)
{
	char stage[NAME_MAX + 1], inner[2 * NAME_MAX + 3];

	one_file_changed(_i);
	ck_assert_int_eq(carry_back_while(SCMP_SYS(renameat2), save_each_time), -ESTALE);
	assert_text(ws, "f", "HOST 1");
	find_stage(stage);
	snprintf(inner, sizeof(inner), "%s/%s", stage, stage);
	assert_text(ws, inner, "HOST 2");
	shell("rm -r ws/.nucleus-*");
	world_end();
}
END_TEST


START_TEST(a_save_before_a_new_file_appears_stays)
{
	one_file_changed(_i);
	unlinkat(ws, "f", 0);
	shell("rm -r in/f");
	assert_done(copy_in());
	put(in, "f", "mine");
	ck_assert_int_eq(carry_back_while(SCMP_SYS(renameat2), save_once), -ESTALE);
	assert_text(ws, "f", "HOST");
	world_end();
}
END_TEST

/* ---- root, in a directory of somebody else --------------------------------------------------- */

static void root_work(void)
{
	world_new(0);
	ck_assert_int_eq(fchown(ws, NOBODY, NOBODY), 0);
	params.chown = true;
	params.uid = params.gid = 23456;
	assert_done(copy_in());
	ck_assert_int_eq(symlinkat("y", in, "link"), 0);
	close(make_dir(in, "dir"));
	put(in, "dir/f", "new");
	ck_assert_int_eq(symlinkat("x", ws, "root-link"), 0);
	ck_assert_int_eq(fchmod(make_dir(ws, "root-dir"), 0700), 0);
	ck_assert_int_eq(fchown(make_dir(ws, "own"), NOBODY, NOBODY), 0);
}

static void assert_of_root(const char *path)
{
	ck_assert_uint_eq(stat_of(ws, path).st_uid, 0);
}

/* Before our new directory is opened, someone puts one there in which he can write. */
static void swap_stage(int nth)
{
	char stage[NAME_MAX + 1];

	find_stage(stage);
	if (*stage && stat_of(ws, "own").st_uid == NOBODY)
		ck_assert_int_eq(renameat2(ws, stage, ws, "own", RENAME_EXCHANGE), 0);
}

START_TEST(root_works_in_no_directory_of_another)
{
	root_work();
	ck_assert_int_eq(carry_back_while(SCMP_SYS(openat2), swap_stage), -ESTALE);
	/* It took the other for what it was, and made the rest where nobody interfered. */
	assert_says("'dir' (changed on the host meanwhile)");
	assert_of_root("own");
	assert_of_root("root-link");
	assert_of_root("root-dir");
	ck_assert_uint_eq(count_entries(ws, "own", ""), 0);
	world_end();
}
END_TEST

/* Before each chown: what is about to be given away is swapped, where that can be done. */
static void swap_new(int nth)
{
	char stage[NAME_MAX + 1], inner[2 * NAME_MAX + 3];

	find_stage(stage);
	snprintf(inner, sizeof(inner), "%s/%s", stage, stage);
	/* Of this thread alone: seteuid() would interrupt the other with a signal. */
	ck_assert_int_eq(syscall(SYS_setresuid, -1, NOBODY, -1), 0);
	renameat2(ws, inner, ws, "root-link", RENAME_EXCHANGE);
	renameat2(ws, inner, ws, "root-dir", RENAME_EXCHANGE);
	renameat2(ws, stage, ws, "root-dir", RENAME_EXCHANGE);
	ck_assert_int_eq(syscall(SYS_setresuid, -1, 0, -1), 0);
}

START_TEST(root_gives_away_only_what_it_made)
{
	root_work();
	carry_back_while(SCMP_SYS(fchownat), swap_new);
	ck_assert_uint_eq(stat_of(ws, "link").st_uid, NOBODY);
	assert_of_root("root-link");
	assert_link(ws, "root-link", "x");
	shell("rm -rf ws/.nucleus-*");
	world_end();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rootfs_moment");
	TCase *t = tcase_create("moment");

	add(t, a_save_before_the_exchange_stays);
	add(t, a_save_before_the_removal_stays);
	add(t, two_saves_around_the_exchange_both_stay);
	add(t, a_save_before_a_new_file_appears_stays);
	if (geteuid() == 0) {
		tcase_add_test(t, root_works_in_no_directory_of_another);
		tcase_add_test(t, root_gives_away_only_what_it_made);
	} else {
		fputs("NOT RUN, only as root: root_works_in_no_directory_of_another, "
		      "root_gives_away_only_what_it_made\n",
		      stderr);
	}
	suite_add_tcase(s, t);
	return run_suite(s);
}
