/* SPDX-License-Identifier: MIT */
/* Others change the workspace at the same time, and mean harm; or the host gets in the way. */
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <time.h>

#include "rootfs_fixture.h"

/* ---- a thread that swaps names -------------------------------------------------------------- */

struct swap {
	const char *a, *b;	/* in ws */
};

static const struct swap *swaps;
static atomic_int stop;
static atomic_long swapped;

static void *swap_all(void *arg)
{
	unsigned int pause = 0;

	(void)arg;
	/* Each pair is left as it was: an even number of times. */
	while (!atomic_load(&stop)) {
		for (int twice = 0; twice < 2; twice++)
			for (const struct swap *s = swaps; s->a; s++)
				renameat2(ws, s->a, ws, s->b, RENAME_EXCHANGE);
		atomic_fetch_add(&swapped, 1);
		/* Now at once, now after a while, so that each step is hit some time. */
		pause = (pause * 5 + 3) % 65536;
		for (volatile unsigned int spin = pause; spin > 0; spin--)
			;
	}
	return NULL;
}

static pthread_t start_swapping(const struct swap *which)
{
	long before = atomic_load(&swapped);
	pthread_t thread;

	swaps = which;
	atomic_store(&stop, 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, swap_all, NULL), 0);
	while (atomic_load(&swapped) == before)
		sched_yield();
	return thread;
}

static void stop_swapping(pthread_t thread)
{
	atomic_store(&stop, 1);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

static void make_outside(void)
{
	put(outside, "f", "SECRET");
	put(outside, "secret", "SECRET");
	close(make_dir(outside, "s"));
	put(outside, "s/f", "SECRET");
}

static void assert_outside(const struct stat was[4])
{
	static const char *const names[] = { ".", "f", "secret", "s/f" };

	assert_text(outside, "f", "SECRET");
	assert_text(outside, "secret", "SECRET");
	assert_text(outside, "s/f", "SECRET");
	ck_assert_uint_eq(count_entries(outside, ".", ""), 3);
	ck_assert_uint_eq(count_entries(outside, "s", ""), 1);
	for (int i = 0; was && i < 4; i++)
		assert_untouched(&was[i], outside, names[i]);
}

static void stat_outside(struct stat ret[4])
{
	ret[0] = stat_of(outside, ".");
	ret[1] = stat_of(outside, "f");
	ret[2] = stat_of(outside, "secret");
	ret[3] = stat_of(outside, "s/f");
}

/* Pairs whose second half is the trap. */
static void make_traps(void)
{
	ck_assert_int_eq(symlinkat("../outside", ws, "trap-d"), 0);
	ck_assert_int_eq(symlinkat("../outside/f", ws, "trap-f"), 0);
	ck_assert_int_eq(mkfifoat(ws, "trap-p", 0600), 0);
	ck_assert_int_eq(symlinkat("/etc", ws, "d/trap-e"), 0);
}

static const struct swap traps[] = {
	{ "d", "trap-d" }, { "f", "trap-f" },	    { "p", "trap-p" },
	{ "d/e", "d/trap-e" }, { NULL, NULL },
};

static void fill(int at)
{
	put(at, "f", "plain");
	put(at, "p", "plain");
	close(make_dir(at, "d"));
	put(at, "d/f", "plain");
	put(at, "d/removed", "plain");
	close(make_dir(at, "d/s"));
	put(at, "d/s/f", "plain");
	close(make_dir(at, "d/e"));
	put(at, "d/e/passwd", "plain");
}

START_TEST(a_racing_copy_holds_nothing_from_outside)
{
	struct stat was[4];
	pthread_t thread;
	int done = 0;

	world_new(_i);
	make_outside();
	stat_outside(was);
	fill(ws);
	make_traps();
	params.plain_only = true;
	thread = start_swapping(traps);
	for (int i = 0; i < 600; i++) {
		int r;

		close(in);
		in = make_dir(world, i % 2 ? "x" : "y");
		nucleus_error_free(err);
		err = NULL;
		r = nuc_tree_copy(ws, in, &params, NULL, &err);
		done += r == 0;
		if (r < 0 && r != -ESTALE)
			ck_abort_msg("%d: %s", r, nucleus_error_message(err));
		if (i % 2 == 1) {
			/* Nothing from outside or from /etc: all of ours says "plain". */
			shell("! grep -rqv -e '^plain$' x y && rm -rf x y");
		}
	}
	stop_swapping(thread);
	ck_assert_int_gt(done, 0);
	ck_assert_int_lt(done, 600);
	ck_assert_int_gt(atomic_load(&swapped), 1000);
	assert_outside(was);
	world_end();
}
END_TEST

/* Undoes one round, so that the next one starts alike. */
static void reset(void)
{
	shell("chmod -R u+rwX ws; rm -rf ws/* ws/.nucleus-* in/*");
	fill(ws);
}

START_TEST(a_racing_carry_back_stays_inside)
{
	struct stat was[4];

	world_new(_i);
	make_outside();
	stat_outside(was);
	params.plain_only = true;
	for (int i = 0; i < 150; i++) {
		pthread_t thread;

		reset();
		assert_done(copy_in());
		make_traps();
		put(in, "f", "changed");
		put(in, "p", "changed");
		put(in, "d/f", "changed");
		put(in, "d/secret", "changed");
		put(in, "d/e/passwd", "changed");
		put(in, "d/e/shadow", "changed");
		unlinkat(in, "d/removed", 0);
		shell("rm -r in/d/s");
		close(make_dir(in, "d/new"));
		put(in, "d/new/f", "changed");
		shell("chmod 0777 in/d/e in/d");
		thread = start_swapping(traps);
		carry_back();
		stop_swapping(thread);
		assert_outside(was);
		assert_mode(outside, ".", 0755);
		ck_assert_uint_eq(stat_of(AT_FDCWD, "/etc/passwd").st_nlink, 1);
		/* One of the two, and never a mixture. */
		if (S_ISREG(stat_of(ws, "f").st_mode) && stat_of(ws, "f").st_size != 5)
			assert_text(ws, "f", "changed");
		ck_assert_uint_eq(count_entries(ws, ".", ".nucleus-"), 0);
	}
	world_end();
}
END_TEST

static void *write_all(void *arg)
{
	int fd = openat(ws, "f", O_WRONLY | O_CLOEXEC);

	(void)arg;
	for (unsigned int i = 0; !atomic_load(&stop); i++)
		if (pwrite(fd, &i, sizeof(i), 0) == sizeof(i))
			atomic_fetch_add(&swapped, 1);
	close(fd);
	return NULL;
}

START_TEST(no_write_of_the_host_is_lost)
{
	int conflicts = 0;

	world_new(_i);
	put(ws, "f", "....");
	for (int i = 0; i < 100; i++) {
		_cleanup_close_ int host = openat(ws, "f", O_RDONLY | O_CLOEXEC), copied = -1;
		unsigned int last, seen;
		pthread_t thread;
		int r;

		shell("rm -rf in/*");
		atomic_store(&stop, 0);
		ck_assert_int_eq(pthread_create(&thread, NULL, write_all, NULL), 0);
		r = copy_in();
		stop_swapping(thread);
		assert_done(r);
		copied = openat(in, "f", O_RDONLY | O_CLOEXEC);
		ck_assert_int_eq(pread(copied, &seen, sizeof(seen), 0), sizeof(seen));
		ck_assert_int_eq(pread(host, &last, sizeof(last), 0), sizeof(last));
		put(in, "f", "mine");
		r = carry_back();
		/* What was replaced is what the workload had been given. */
		ck_assert(r == -ESTALE || (r == 0 && seen == last));
		conflicts += r < 0;
	}
	ck_assert_int_gt(conflicts, 0);
	world_end();
}
END_TEST

/* ---- the owner of the workspace against a root caller ---------------------------------------- */

/* Puts what is root's, or a directory of his own, where something new is expected. */
static void attack(const char *name)
{
	char inner[2 * NAME_MAX + 2];

	snprintf(inner, sizeof(inner), "%s/%s", name, name);
	renameat2(ws, name, ws, "own", RENAME_EXCHANGE);
	for (int i = 0; i < 100; i++) {
		renameat2(ws, inner, ws, "root-link", RENAME_EXCHANGE);
		renameat2(ws, inner, ws, "root-file", RENAME_EXCHANGE);
	}
	renameat2(ws, name, ws, "root-dir", RENAME_EXCHANGE);
	renameat2(ws, name, ws, "root-file", RENAME_EXCHANGE);
	renameat2(ws, name, ws, "root-link", RENAME_EXCHANGE);
}

static void attack_root(void)
{
	for (;;) {
		DIR *d = fdopendir(openat(ws, ".", O_RDONLY | O_DIRECTORY));
		struct dirent *e;

		while (d && (e = readdir(d)))
			if (!strncmp(e->d_name, ".nucleus-", 9) || !strcmp(e->d_name, "dir") ||
			    !strncmp(e->d_name, "file", 4) || !strncmp(e->d_name, "link", 4))
				attack(e->d_name);
		if (d)
			closedir(d);
	}
}

static void assert_of_root(int fd, mode_t mode)
{
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq(st.st_uid, 0);
	ck_assert_uint_eq(st.st_mode & 07777, mode);
}

START_TEST(root_gives_away_nothing_that_it_did_not_make)
{
	world_new(0);
	for (int i = 0; i < 200; i++) {
		_cleanup_close_ int dir = -1, file = -1, link = -1, own = -1;
		char text[8] = { 0 };
		pid_t pid;
		int status;

		shell("rm -rf ws/* ws/.nucleus-* in/*");
		ck_assert_int_eq(fchown(ws, NOBODY, NOBODY), 0);
		params.chown = true;
		params.uid = params.gid = 23456;
		params.plain_only = true;
		assert_done(copy_in());
		/* Root's own, lying in the workspace of another. */
		put(ws, "root-file", "root's");
		ck_assert_int_eq(fchmodat(ws, "root-file", 0600, 0), 0);
		dir = make_dir(ws, "root-dir");
		ck_assert_int_eq(fchmod(dir, 0700), 0);
		put(dir, "inner", "root's");
		ck_assert_int_eq(symlinkat("x", ws, "root-link"), 0);
		file = openat(ws, "root-file", O_RDONLY | O_CLOEXEC);
		link = openat(ws, "root-link", O_PATH | O_NOFOLLOW | O_CLOEXEC);
		close(make_dir(in, "dir"));
		put(in, "dir/f", "new");
		for (char name[] = "link-a"; name[5] <= 'm'; name[5]++) {
			put(in, memcpy(name, "file", 4), "new");
			ck_assert_int_eq(symlinkat("y", in, memcpy(name, "link", 4)), 0);
		}
		ck_assert_int_eq(fchmodat(in, "dir", 0777, 0), 0);
		own = make_dir(ws, "own");
		ck_assert_int_eq(fchown(own, NOBODY, NOBODY), 0);

		pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			become_nobody();
			attack_root();
		}
		carry_back();
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		assert_of_root(dir, 0700);
		assert_of_root(file, 0600);
		assert_of_root(link, 0777);
		ck_assert_uint_eq(count_entries(dir, ".", ""), 1);
		assert_text(dir, "inner", "root's");
		ck_assert_int_eq(pread(file, text, 7, 0), 6);
		ck_assert_str_eq(text, "root's");
	}
	shell("rm -rf ws/.nucleus-*");
	world_end();
}
END_TEST

START_TEST(root_copies_no_planted_files)
{
	world_new(0);
	put(outside, "shadow", "root's");
	ck_assert_int_eq(fchmodat(outside, "shadow", 0640, 0), 0);
	ck_assert_int_eq(linkat(outside, "shadow", ws, "mine", 0), 0);
	assert_done(copy_in()); /* root's own tree: whatever is in it, root put there */
	ck_assert_int_eq(fchown(ws, NOBODY, NOBODY), 0);
	/* Then the name that it was made of goes away. */
	for (int names = 2; names > 0; names--) {
		unlinkat(in, "mine", 0);
		ck_assert_int_eq(copy_in(), -EPERM);
		assert_says("'mine': another user's file, kept from the owner of the tree");
		ck_assert(!exists(in, "mine"));
		unlinkat(outside, "shadow", 0);
	}
	ck_assert_int_eq(fchmodat(ws, "mine", 0644, 0), 0);
	assert_done(copy_in());
	world_end();
}
END_TEST

/* ---- the host gets in the way ---------------------------------------------------------------- */

static void write_own(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	ck_assert_msg(fd >= 0 && write(fd, text, strlen(text)) >= 0, "%s: %s", path,
		      strerror(errno));
}

/* A small tmpfs on `path`, in a mount namespace of our own. */
static void mount_small(const char *path)
{
	char map[64];
	uid_t uid = geteuid();
	gid_t gid = getegid();

	ck_assert_msg(unshare(CLONE_NEWNS | (uid ? CLONE_NEWUSER : 0)) == 0, "unshare: %s",
		      strerror(errno));
	if (uid) {
		write_own("/proc/self/setgroups", "deny");
		snprintf(map, sizeof(map), "%u %u 1", uid, uid);
		write_own("/proc/self/uid_map", map);
		snprintf(map, sizeof(map), "%u %u 1", gid, gid);
		write_own("/proc/self/gid_map", map);
	}
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("t", path, "tmpfs", 0, "size=1m"), 0);
	/* The old descriptor is of the old namespace. */
	close(ws);
	ws = open("ws", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(ws, 0);
}

START_TEST(a_full_disk_leaves_the_original)
{
	static char text[600 * 1024];

	world_new(_i);
	mount_small("ws");
	memset(text, 'o', sizeof(text) - 1);
	put(ws, "big", text);
	put(ws, "removed", "one");
	put(ws, "small", "one");
	assert_done(copy_in());
	memset(text, 'n', sizeof(text) - 1);
	put(in, "big", text);
	put(in, "small", "two");
	put(in, "zoo", "new");
	unlinkat(in, "removed", 0);
	ck_assert_int_eq(carry_back(), -ENOSPC);
	assert_says("1 change was not carried back: 'big' (No space left on device)");
	memset(text, 'o', sizeof(text) - 1);
	assert_text(ws, "big", text);
	assert_text(ws, "small", "two");
	assert_text(ws, "zoo", "new");
	ck_assert(!exists(ws, "removed"));
	world_end();
}
END_TEST

START_TEST(mount_points_are_not_crossed)
{
	world_new(_i);
	close(make_dir(ws, "m"));
	put(ws, "m/f", "one");
	put(ws, "a", "one");
	assert_done(copy_in());
	put(in, "m/f", "two");
	mount_small("ws/m");
	put(ws, "m/f", "mounted");
	ck_assert_int_eq(carry_back(), -EXDEV);
	assert_says("'m/f' (a mount point)");
	assert_text(ws, "m/f", "mounted");
	shell("rm -r in/*");
	ck_assert_int_eq(copy_in(), -EXDEV);
	assert_says("'m'");
	world_end();
}
END_TEST

/* NFS and others: renameat2() with any flag says EINVAL. */
START_TEST(file_systems_without_rename_flags_will_do)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	world_new(_i);
	put(ws, "changed", "one");
	put(ws, "removed", "one");
	put(ws, "conflict", "one");
	put(ws, "link", "one");
	assert_done(copy_in());
	put(in, "changed", "two");
	put(in, "created", "new");
	put(in, "taken", "inside");
	put(in, "conflict", "inside");
	close(make_dir(in, "d"));
	put(in, "d/f", "new");
	unlinkat(in, "removed", 0);
	put(ws, "taken", "HOST");
	put(ws, "conflict", "HOST");
	ck_assert_int_eq(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(renameat2), 1,
					  SCMP_A4(SCMP_CMP_NE, 0, 0)),
			 0);
	ck_assert_int_eq(seccomp_load(filter), 0);
	seccomp_release(filter);
	ck_assert_int_eq(renameat2(ws, "a", ws, "b", RENAME_NOREPLACE), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(carry_back(), -ESTALE);
	assert_says("2 changes were not");
	assert_text(ws, "changed", "two");
	assert_text(ws, "created", "new");
	assert_text(ws, "d/f", "new");
	assert_text(ws, "taken", "HOST");
	assert_text(ws, "conflict", "HOST");
	ck_assert(!exists(ws, "removed"));
	world_end();
}
END_TEST

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Carries back in another process, killed after so many ns; returns how long it lived. */
static uint64_t carry_and_kill(uint64_t after)
{
	int pipes[2], status;
	uint64_t start;
	pid_t pid;
	char c;

	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (write(pipes[1], "", 1) == 1)
			carry_back();
		_exit(0);
	}
	ck_assert_int_eq(read(pipes[0], &c, 1), 1);
	start = now_ns();
	while (now_ns() - start < after)
		;
	if (after)
		kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	close(pipes[0]);
	close(pipes[1]);
	return now_ns() - start;
}

START_TEST(killed_at_any_moment_a_file_is_old_or_new)
{
	uint64_t whole = 0;
	size_t strays = 0;
	char name[16];

	world_new(_i);
	/* On a busy machine all kills may come too early: then it goes on, with more time for each. */
	for (int i = 0; i < 110 || (strays == 0 && i < 1100); i++) {
		uint64_t lived;
		size_t left;

		shell("rm -rf ws/* ws/.nucleus-* in/*");
		for (int k = 0; k < 40; k++) {
			snprintf(name, sizeof(name), "f%d", k);
			put(ws, name, "old old old");
		}
		assert_done(copy_in());
		for (int k = 0; k < 40; k++) {
			snprintf(name, sizeof(name), "f%d", k);
			if (k % 4)
				put(in, name, "new");
			else
				unlinkat(in, name, 0);
		}
		/* The first ones tell how long it takes, the rest are spread over that time. */
		lived = carry_and_kill(i < 10 ? 0 : whole * (uint64_t)((i - 10) % 100 + 1) / 100 *
							    (uint64_t)(i / 110 + 1));
		if (i < 10 && (i == 0 || lived < whole))
			whole = lived;
		for (int k = 0; k < 40; k++) {
			bool done;

			snprintf(name, sizeof(name), "f%d", k);
			if (k % 4 == 0 && !exists(ws, name))
				continue;
			done = k % 4 && stat_of(ws, name).st_size == 3;
			assert_text(ws, name, done ? "new" : "old old old");
		}
		left = count_entries(ws, ".", ".nucleus-");
		ck_assert_uint_le(left, 1);
		strays += left;
	}
	shell("rm -rf ws/.nucleus-*");
	/* Else the kills came too late or too early, and nothing was tested. */
	ck_assert_uint_gt(strays, 0);
	world_end();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rootfs_hostile");
	TCase *t = tcase_create("hostile");

	tcase_set_timeout(t, 100);
	add(t, a_racing_copy_holds_nothing_from_outside);
	add(t, a_racing_carry_back_stays_inside);
	add(t, no_write_of_the_host_is_lost);
	if (geteuid() == 0) {
		tcase_add_test(t, root_gives_away_nothing_that_it_did_not_make);
		tcase_add_test(t, root_copies_no_planted_files);
	} else {
		fputs("NOT RUN, only as root: root_gives_away_nothing_that_it_did_not_make, "
		      "root_copies_no_planted_files\n",
		      stderr);
	}
	add(t, a_full_disk_leaves_the_original);
	add(t, mount_points_are_not_crossed);
	add(t, file_systems_without_rename_flags_will_do);
	add(t, killed_at_any_moment_a_file_is_old_or_new);
	suite_add_tcase(s, t);
	return run_suite(s);
}
