/* SPDX-License-Identifier: MIT */
/* Policy files: what is read, what is refused, by pins and by owners. */
#include <ctype.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../run_suite.h"
#include "files.h"
#include "policy_file.h"
#include "policy_internal.h"

#define TEXT "[bounding]\nkeep = [\"CHOWN\"]\n"
/* printf '[bounding]\nkeep = ["CHOWN"]\n' | sha256sum */
#define TEXT_SHA256 "7bac70d44b70219eb59b1a5051446d0f5d2c4b73808b641bdbf556fc499d6ce7"

static nucleus_error *error;

static void teardown(void)
{
	nucleus_error_free(error);
	error = NULL;
	files_teardown();
}

static struct nuc_policy_file_wanted wanted(const char *path)
{
	return (struct nuc_policy_file_wanted){
		.kind = NUC_FILE_CAPS,
		.path = path,
		.origin = "web.toml:3:1",
		.sha256_origin = "--caps-policy-sha256",
		.key_origin = "--policy-key",
	};
}

static int read_file(const struct nuc_policy_file_wanted *w)
{
	_cleanup_policy_file_ struct nuc_policy_file f = { 0 };

	nucleus_error_free(error);
	error = NULL;
	return nuc_policy_file_read(w, &f, &error);
}

static void expect(int r, int code, const char *origin, const char *message)
{
	ck_assert_msg(r == code, "%s, not %s: %s", nuc_errno_name(r), nuc_errno_name(code),
		      error ? nucleus_error_message(error) : "no error");
	ck_assert_int_eq(nucleus_error_code(error), code);
	ck_assert_pstr_eq(nucleus_error_origin(error), origin);
	ck_assert_msg(strstr(nucleus_error_message(error), message) != NULL, "%s",
		      nucleus_error_message(error));
}

static void refused(const char *path, int code, const char *message)
{
	struct nuc_policy_file_wanted w = wanted(path);

	expect(read_file(&w), code, "web.toml:3:1", message);
	ck_assert_ptr_nonnull(strstr(nucleus_error_message(error), path));
	w.guarded = true;
	expect(read_file(&w), code, "web.toml:3:1", message);
}

/* ---- what is read --------------------------------------------------------------------------- */

START_TEST(a_file_is_read_whole)
{
	const struct nuc_policy_file_wanted w = wanted(put("caps", TEXT));
	_cleanup_policy_file_ struct nuc_policy_file f = { 0 };

	ck_assert_int_eq(nuc_policy_file_read(&w, &f, NULL), 0);
	ck_assert_uint_eq(f.len, strlen(TEXT));
	ck_assert_str_eq(f.bytes, TEXT);
	ck_assert_str_eq(f.sha256, TEXT_SHA256);
}
END_TEST

START_TEST(what_is_no_file_is_named)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* Nobody writes to it, and nobody will. */
	ck_assert_int_eq(mkfifo(at("fifo"), 0600), 0);
	refused(at("fifo"), -EINVAL, "is a FIFO, not a regular file");
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", at("socket"));
	ck_assert_int_eq(bind(s, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(chmod(at("socket"), 0700), 0);
	refused(at("socket"), -EINVAL, "is a socket, not a regular file");
	refused("/dev/zero", -EINVAL, "is a character device, not a regular file");
	refused("/dev/null", -EINVAL, "is a character device, not a regular file");
	refused(files_dir, -EISDIR, "is a directory, not a regular file");
	refused("/", -EISDIR, "is a directory, not a regular file");
	refused(at("none"), -ENOENT, "cannot open");
	refused(put("empty", ""), -EINVAL, "is empty");
}
END_TEST

START_TEST(size_is_bounded)
{
	_cleanup_close_ int fd = open(at("big"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct nuc_policy_file_wanted w = wanted(at("big"));

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, 1 << 30), 0);
	refused(at("big"), -EFBIG, "is larger than 1048576 bytes");
	ck_assert_int_eq(ftruncate(fd, (1 << 20) + 1), 0);
	refused(at("big"), -EFBIG, "is larger than 1048576 bytes");
	ck_assert_int_eq(ftruncate(fd, 1 << 20), 0);
	ck_assert_int_eq(read_file(&w), 0);
}
END_TEST

START_TEST(a_file_that_has_grown_is_refused)
{
	/* Says that it has no bytes, and has some: whoever looks at the size first sees it grow. */
	refused("/proc/self/status", -EAGAIN, "was written to while it was read");
}
END_TEST

static atomic_int stop;

static void *append(void *arg)
{
	static char lines[4096];
	int fd = open(arg, O_WRONLY | O_APPEND | O_CLOEXEC);

	memset(lines, '\n', sizeof(lines));
	while (!stop)
		if (write(fd, lines, sizeof(lines)) < 0)
			break;
	close(fd);
	return NULL;
}

START_TEST(a_file_that_grows_without_end_is_refused_in_the_end)
{
	const char *path = put("grows", TEXT);
	struct nuc_policy_file_wanted w = wanted(path);
	pthread_t writer;
	int r;

	ck_assert_int_eq(pthread_create(&writer, NULL, append, (void *)path), 0);
	do {
		r = read_file(&w);
		ck_assert_msg(r == 0 || r == -EAGAIN || r == -EFBIG, "%s", nuc_errno_name(r));
	} while (r != -EFBIG);
	stop = 1;
	pthread_join(writer, NULL);
}
END_TEST

START_TEST(links_are_followed_to_their_end)
{
	struct nuc_policy_file_wanted w = wanted(at("link"));

	put("file", TEXT);
	ck_assert_int_eq(mkdir(at("sub"), 0755), 0);
	ck_assert_int_eq(symlink("file", at("link")), 0);
	ck_assert_int_eq(symlink("..", at("sub/up")), 0);
	ck_assert_int_eq(symlink(files_dir, at("absolute")), 0);
	ck_assert_int_eq(symlink("sub/up/./link", at("far")), 0);
	ck_assert_int_eq(symlink("nowhere", at("dangling")), 0);
	ck_assert_int_eq(symlink("loop", at("loop")), 0);
	ck_assert_int_eq(symlink("/proc/self/fd/0", at("magic")), 0);
	for (w.guarded = false;; w.guarded = true) {
		const char *const good[] = { "link", "far", "absolute/far", "sub/up/absolute//link",
					     "sub/../link", "./sub/./../file" };

		for (size_t i = 0; i < NUC_ARRAY_SIZE(good); i++) {
			w.path = at(good[i]);
			ck_assert_msg(read_file(&w) == 0, "%s: %s", good[i],
				      error ? nucleus_error_message(error) : "");
		}
		w.path = at("link/");
		expect(read_file(&w), -ENOTDIR, "web.toml:3:1", "cannot open");
		w.path = at("file/x");
		expect(read_file(&w), -ENOTDIR, "web.toml:3:1", "cannot open");
		if (w.guarded)
			break;
	}
	refused(at("dangling"), -ENOENT, "cannot open");
	refused(at("loop"), -ELOOP, "cannot open");
	refused(at("loop/x"), -ELOOP, "cannot open");
	refused(at("sub/up"), -EISDIR, "is a directory");
}
END_TEST

/* ---- pins ----------------------------------------------------------------------------------- */

START_TEST(a_pin_is_of_these_very_bytes)
{
	struct nuc_policy_file_wanted w = wanted(put("caps", TEXT));
	char upper[65];

	for (size_t i = 0; i < sizeof(upper); i++)
		upper[i] = (char)toupper(TEXT_SHA256[i]);
	w.sha256 = TEXT_SHA256;
	ck_assert_int_eq(read_file(&w), 0);
	w.sha256 = upper;
	ck_assert_int_eq(read_file(&w), 0);
	for (size_t i = 0; i < 8 * strlen(TEXT); i++) {
		char flipped[] = TEXT;

		flipped[i / 8] ^= (char)(1 << i % 8);
		put_bytes(w.path, flipped, strlen(TEXT), 0644);
		expect(read_file(&w), -EBADMSG, "--caps-policy-sha256", "is not what was pinned");
	}
	put("caps", TEXT "\n");
	expect(read_file(&w), -EBADMSG, "--caps-policy-sha256", "is expected, and it has");
	ck_assert_ptr_nonnull(strstr(nucleus_error_message(error), upper));
	ck_assert_ptr_nonnull(strstr(nucleus_error_hint(error), "nucleus policy hash "));
}
END_TEST

START_TEST(a_pin_is_64_digits)
{
	static const char *const bad[] = { "", "00", (TEXT_SHA256 "0"), ("x" TEXT_SHA256) };
	struct nuc_policy_file_wanted w = wanted(put("caps", TEXT));

	for (size_t i = 0; i < NUC_ARRAY_SIZE(bad); i++) {
		w.sha256 = bad[i];
		expect(read_file(&w), -EINVAL, "--caps-policy-sha256",
		       "is not a SHA-256 of 64 hexadecimal digits");
	}
}
END_TEST

static void set(nucleus_policy *p, const char *key, const char *value)
{
	ck_assert_int_eq(nucleus_policy_set(p, key, value, NULL), 0);
}

START_TEST(what_would_check_nothing_is_refused)
{
	static const char *const files[] = { "security.seccomp-profile", "security.caps-policy",
					     "security.landlock-policy" };

	for (size_t i = 0; i < NUC_ARRAY_SIZE(files); i++) {
		_cleanup_policy_ nucleus_policy *p = NULL;
		_cleanup_free_ char *pin = nuc_strf("%s-sha256", files[i]);

		ck_assert_int_eq(nucleus_policy_new(&p), 0);
		ck_assert_int_eq(nuc_policy_files_check(p, &error), 0);
		set(p, pin, TEXT_SHA256);
		expect(nuc_policy_files_check(p, &error), -EINVAL, "api", "is set, but there is no");
		ck_assert_ptr_nonnull(strstr(nucleus_error_message(error), files[i]));
		nucleus_error_free(error);
		error = NULL;
		set(p, files[i], "/etc/x");
		ck_assert_int_eq(nuc_policy_files_check(p, &error), 0);
	}
	{
		_cleanup_policy_ nucleus_policy *p = NULL;

		ck_assert_int_eq(nucleus_policy_new(&p), 0);
		set(p, "security.policy-key", "/etc/key.pub");
		expect(nuc_policy_files_check(p, &error), -EINVAL, "api",
		       "there is no policy file whose signature it could check");
		set(p, "security.caps-policy", "/etc/caps");
		ck_assert_int_eq(nuc_policy_files_check(p, NULL), 0);
	}
}
END_TEST

START_TEST(the_policy_says_what_is_wanted)
{
	_cleanup_policy_ nucleus_policy *p = NULL;
	struct nuc_policy_file_wanted w;

	ck_assert_int_eq(nucleus_policy_new(&p), 0);
	ck_assert(!nuc_policy_file_of(p, NUC_FILE_LANDLOCK, &w));
	ck_assert_int_eq(nucleus_policy_set_origin(p, "--landlock-policy"), 0);
	set(p, "security.landlock-policy", "/etc/ll.toml");
	ck_assert_int_eq(nucleus_policy_set_origin(p, "p.toml:1:2"), 0);
	set(p, "security.landlock-policy-sha256",
	    "ABCDEF0000000000000000000000000000000000000000000000000000000000");
	ck_assert(nuc_policy_file_of(p, NUC_FILE_LANDLOCK, &w));
	ck_assert_str_eq(w.path, "/etc/ll.toml");
	ck_assert_str_eq(w.origin, "--landlock-policy");
	ck_assert_str_eq(w.sha256,
			 "abcdef0000000000000000000000000000000000000000000000000000000000");
	ck_assert_str_eq(w.sha256_origin, "p.toml:1:2");
	ck_assert_ptr_null(w.key);
	ck_assert(!w.guarded);
	set(p, "mode", "production");
	ck_assert(nuc_policy_file_of(p, NUC_FILE_LANDLOCK, &w) && w.guarded);
	expect(nucleus_policy_set(p, "security.caps-policy-sha256", "123", &error), -EINVAL,
	       "p.toml:1:2", "security.caps-policy-sha256: '123' is not a SHA-256");
}
END_TEST

/* ---- a race between hash and parse ---------------------------------------------------------- */

#define BIG 65536
static char big[2][BIG];

/* Between A and B without end: in place, or by a new file that is renamed. */
static void *rewrite(void *arg)
{
	const char *path = arg;
	bool in_place = !strstr(path, "renamed");
	char temp[300];

	snprintf(temp, sizeof(temp), "%s.new", path);
	for (unsigned int i = 0; !stop; i++) {
		int fd = open(in_place ? path : temp, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		ssize_t n = write(fd, big[i % 2], BIG);

		close(fd);
		if (n != BIG || (!in_place && rename(temp, path) < 0))
			break;
	}
	return NULL;
}

static void race(const char *name)
{
	struct nuc_policy_file_wanted w = wanted(at(name));
	unsigned int accepted = 0, refusals = 0;
	char sha256[65];
	pthread_t writer;

	memset(big[0], 'A', BIG);
	memset(big[1], 'B', BIG);
	put_bytes(w.path, big[0], BIG, 0644);
	nuc_sha256_hex(big[0], BIG, sha256);
	w.sha256 = sha256;
	ck_assert_int_eq(pthread_create(&writer, NULL, rewrite, (void *)w.path), 0);
	for (unsigned int i = 0; i < 4000 || !accepted || !refusals; i++) {
		_cleanup_policy_file_ struct nuc_policy_file f = { 0 };
		int r = nuc_policy_file_read(&w, &f, NULL);

		if (r == 0) {
			ck_assert_uint_eq(f.len, BIG);
			ck_assert_int_eq(memcmp(f.bytes, big[0], BIG), 0);
			accepted++;
		} else {
			ck_assert_msg(r == -EBADMSG || r == -EAGAIN, "%s", nuc_errno_name(r));
			refusals++;
		}
	}
	stop = 1;
	pthread_join(writer, NULL);
}

START_TEST(rewriting_in_place_never_wins)
{
	race("in-place");
}
END_TEST

START_TEST(rewriting_by_rename_never_wins)
{
	race("renamed");
}
END_TEST

/* ---- who may have written it ---------------------------------------------------------------- */

#define USER 12345
#define OTHER 54321

/* In a child, as a user. */
static int read_as(uid_t uid, const struct nuc_policy_file_wanted *w)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (geteuid() != uid && (setegid(uid) < 0 || seteuid(uid) < 0))
			_exit(255);
		_exit(-read_file(w));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static void try_matrix(uid_t caller, const uid_t *owners, size_t n_owners)
{
	static const mode_t file_modes[] = { 0644, 0444, 0664, 0646 };
	static const mode_t dir_modes[] = { 0755, 0775, 0757, 01777, 01775 };
	const char *const file_path = at("dir/sub/file"), *const dir_path = at("dir");
	struct nuc_policy_file_wanted w = wanted(file_path);

	w.guarded = true;
	for (size_t i = 0; i < n_owners * n_owners * 20; i++) {
		uid_t file = owners[i % n_owners], dir = owners[i / n_owners % n_owners];
		mode_t file_mode = file_modes[i / n_owners / n_owners % 4];
		mode_t dir_mode = dir_modes[i / n_owners / n_owners / 4];
		bool good = (file == 0 || file == caller) && (dir == 0 || dir == caller) &&
			    !(file_mode & 022) && (!(dir_mode & 022) || dir_mode & 01000);
		int r;

		ck_assert_int_eq(chmod(file_path, file_mode), 0);
		ck_assert_int_eq(chmod(dir_path, dir_mode), 0);
		if (n_owners > 1) {
			ck_assert_int_eq(chown(file_path, file, 0), 0);
			ck_assert_int_eq(chown(dir_path, dir, 0), 0);
		}
		r = read_as(caller, &w);
		ck_assert_msg(r == (good ? 0 : -EPERM), "as %u: file %u %o, directory %u %o: %s", caller,
			      file, file_mode, dir, dir_mode, nuc_errno_name(r));
		/* Outside of mode production nobody asks. */
		w.guarded = false;
		ck_assert_int_eq(read_as(caller, &w), 0);
		w.guarded = true;
	}
}

START_TEST(others_may_not_have_written_it)
{
	const uid_t all[] = { 0, USER, OTHER }, me = geteuid();

	ck_assert_int_eq(mkdir(at("dir"), 0755), 0);
	ck_assert_int_eq(mkdir(at("dir/sub"), 0755), 0);
	put("dir/sub/file", TEXT);
	try_matrix(me, &me, 1);
	if (me == 0) {
		try_matrix(0, all, 3);
		try_matrix(USER, all, 3);
	}
}
END_TEST

START_TEST(of_a_link_the_owner_counts_and_where_it_leads)
{
	struct nuc_policy_file_wanted w = wanted(at("link"));

	w.guarded = true;
	ck_assert_int_eq(mkdir(at("open"), 0755), 0);
	put("open/file", TEXT);
	ck_assert_int_eq(chmod(at("open"), 0777), 0);
	ck_assert_int_eq(symlink("open/file", at("link")), 0);
	expect(read_file(&w), -EPERM, "web.toml:3:1", "could have been written by others");
	ck_assert_ptr_nonnull(strstr(nucleus_error_message(error), "/open has mode 0777"));
	ck_assert_ptr_nonnull(strstr(nucleus_error_hint(error), "chmod go-w"));
	/* Through it and out again is not better: whoever may rename in there decides where ".." is. */
	w.path = at("open/../link");
	expect(read_file(&w), -EPERM, "web.toml:3:1", "/open has mode 0777");
	ck_assert_int_eq(chmod(at("open"), 0755), 0);
	ck_assert_int_eq(read_file(&w), 0);
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(lchown(at("link"), OTHER, OTHER), 0);
	expect(read_file(&w), -EPERM, "web.toml:3:1", "/link belongs to user 54321");
	ck_assert_int_eq(chown(files_dir, OTHER, OTHER), 0);
	w.path = at("open/file");
	expect(read_file(&w), -EPERM, "web.toml:3:1", "belongs to user 54321");
}
END_TEST

START_TEST(a_second_name_where_others_may_add_names_is_refused)
{
	struct nuc_policy_file_wanted w = wanted(at("shared/name"));

	w.guarded = true;
	put("file", TEXT);
	ck_assert_int_eq(mkdir(at("shared"), 0755), 0);
	ck_assert_int_eq(link(at("file"), at("shared/name")), 0);
	ck_assert_int_eq(read_file(&w), 0);
	ck_assert_int_eq(chmod(at("shared"), 01777), 0);
	expect(read_file(&w), -EPERM, "web.toml:3:1", "has a second name");
	ck_assert_int_eq(unlink(at("file")), 0);
	ck_assert_int_eq(read_file(&w), 0);
}
END_TEST

START_TEST(roots_files_are_everybodys)
{
	struct nuc_policy_file_wanted w = wanted("/etc/passwd");

	w.guarded = true;
	ck_assert_int_eq(read_file(&w), 0);
	w.path = "etc/passwd";
	expect(read_file(&w), -EINVAL, "web.toml:3:1", "cannot open etc/passwd");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("policy_file");
	TCase *t = tcase_create("policy_file");

	tcase_add_checked_fixture(t, files_setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_file_is_read_whole);
	tcase_add_test(t, what_is_no_file_is_named);
	tcase_add_test(t, size_is_bounded);
	tcase_add_test(t, a_file_that_has_grown_is_refused);
	tcase_add_test(t, a_file_that_grows_without_end_is_refused_in_the_end);
	tcase_add_test(t, links_are_followed_to_their_end);
	tcase_add_test(t, a_pin_is_of_these_very_bytes);
	tcase_add_test(t, a_pin_is_64_digits);
	tcase_add_test(t, what_would_check_nothing_is_refused);
	tcase_add_test(t, the_policy_says_what_is_wanted);
	tcase_add_test(t, rewriting_in_place_never_wins);
	tcase_add_test(t, rewriting_by_rename_never_wins);
	tcase_add_test(t, others_may_not_have_written_it);
	tcase_add_test(t, of_a_link_the_owner_counts_and_where_it_leads);
	tcase_add_test(t, a_second_name_where_others_may_add_names_is_refused);
	tcase_add_test(t, roots_files_are_everybodys);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
