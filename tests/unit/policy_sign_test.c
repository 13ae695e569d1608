/* SPDX-License-Identifier: MIT */
/* Keys and signatures of policy files: what is written, and what is not accepted. */
#include <sodium.h>

#include "../run_suite.h"
#include "files.h"
#include "policy_file.h"
#include "sign.h"

#define TEXT "[bounding]\nkeep = [\"CHOWN\"]\n"

static nucleus_error *error;

static void forget(void)
{
	nucleus_error_free(error);
	error = NULL;
}

static void teardown(void)
{
	forget();
	files_teardown();
}

static void expect(int r, int code, const char *message)
{
	ck_assert_msg(r == code, "%s, not %s: %s", nuc_errno_name(r), nuc_errno_name(code),
		      error ? nucleus_error_message(error) : "no error");
	ck_assert_msg(strstr(nucleus_error_message(error), message) != NULL, "%s",
		      nucleus_error_message(error));
	forget();
}

/* As compile reads it: what is checked is what is given. */
static int read_signed(const char *path, const char *key)
{
	const struct nuc_policy_file_wanted w = {
		.path = path, .origin = "--caps-policy", .key = key, .key_origin = "--policy-key",
	};
	_cleanup_policy_file_ struct nuc_policy_file f = { 0 };
	int r;

	forget();
	r = nuc_policy_file_read(&w, &f, &error);
	if (r == 0)
		ck_assert_str_eq(f.bytes, TEXT);
	return r;
}

static char *path_of(const char *name)
{
	char *path = nuc_strf("%s/%s", files_dir, name);

	ck_assert_ptr_nonnull(path);
	return path;
}

/* The files that most tests are about. */
static char *file, *file_sig, *key, *key_pub;

static void setup(void)
{
	files_setup();
	file = path_of("caps");
	file_sig = path_of("caps.sig");
	key = path_of("key.key");
	key_pub = path_of("key.pub");
	put("caps", TEXT);
	ck_assert_int_eq(nucleus_policy_keygen(at("key"), 0, NULL, NULL), 0);
	ck_assert_int_eq(nucleus_policy_file_sign(file, key, NULL, NULL), 0);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	ck_assert_int_eq(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static size_t count_files(void)
{
	char command[128];
	size_t n = 0;
	FILE *f;

	snprintf(command, sizeof(command), "ls -A %s | wc -l", files_dir);
	f = popen(command, "re");
	ck_assert_int_eq(fscanf(f, "%zu", &n), 1);
	pclose(f);
	return n;
}

/* ---- good ones ------------------------------------------------------------------------------ */

START_TEST(what_is_signed_is_read)
{
	char *id = NULL, *verified = NULL, *by = NULL;

	ck_assert_int_eq(read_signed(file, key_pub), 0);
	ck_assert_int_eq(nucleus_policy_keygen(at("other"), 0, &id, NULL), 0);
	ck_assert_int_eq(nucleus_policy_file_sign(file, at("other.key"), &by, NULL), 0);
	ck_assert_int_eq(nucleus_policy_file_verify(file, at("other.pub"), &verified, NULL), 0);
	ck_assert_str_eq(id, verified);
	ck_assert_str_eq(id, by);
	ck_assert_uint_eq(strlen(id), 16);
	free(id);
	free(verified);
	free(by);
	/* Two keys, two signatures, and nothing else. */
	ck_assert_uint_eq(count_files(), 6);
}
END_TEST

/*
 * RFC 8032, 7.1, test 1: its secret and public key. The signature is of the text that signature.h
 * documents, made by Python's "cryptography", so that the form cannot change unnoticed.
 */
START_TEST(the_form_is_as_documented)
{
	static const char seed[] =
		"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
	_cleanup_free_ char *secret = nuc_strf("nucleus-policy-secret-key-1 21fe31dfa154a261 %s\n",
						 seed);
	_cleanup_free_ char *text = NULL;
	size_t len;

	put_bytes(at("rfc.key"), secret, strlen(secret), 0600);
	put("rfc.pub", "nucleus-policy-public-key-1 21fe31dfa154a261 "
		       "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\n");
	ck_assert_int_eq(nucleus_policy_file_sign(file, at("rfc.key"), NULL, &error), 0);
	text = get(file_sig, &len);
	ck_assert_str_eq(text, "nucleus-policy-signature-1 21fe31dfa154a261 "
			       "7bac70d44b70219eb59b1a5051446d0f5d2c4b73808b641bdbf556fc499d6ce7 "
			       "f187f7fac3ecd93d6d30b3b9e19df5b5bee12c5dc9ef3543af61cda0e74875d8"
			       "9233ce420c9c48c198a2b86f0bc9ce08e7e5029f81fbde84975b38e58d7e1e03\n");
	ck_assert_int_eq(read_signed(file, at("rfc.pub")), 0);
}
END_TEST

/* ---- damaged and swapped ones --------------------------------------------------------------- */

/* Every bit of a file, one at a time. */
static void flip_all(const char *path, mode_t mode)
{
	size_t len;
	_cleanup_free_ char *text = get(path, &len);

	for (size_t i = 0; i < 8 * len; i++) {
		int r;

		text[i / 8] ^= (char)(1 << i % 8);
		put_bytes(path, text, len, mode);
		r = read_signed(file, key_pub);
		ck_assert_msg(r == -EBADMSG || r == -EINVAL || r == -EKEYREJECTED, "bit %zu of %s: %s", i,
			      path, nuc_errno_name(r));
		text[i / 8] ^= (char)(1 << i % 8);
	}
	put_bytes(path, text, len, mode);
	ck_assert_int_eq(read_signed(file, key_pub), 0);
	for (size_t n = 0; n < len; n++) {
		put_bytes(path, text, n, mode);
		ck_assert_int_lt(read_signed(file, key_pub), 0);
	}
	text = realloc(text, len + 2);
	ck_assert_ptr_nonnull(text);
	for (const char *more = "\n a\r"; *more; more++) {
		text[len] = *more;
		put_bytes(path, text, len + 1, mode);
		ck_assert_int_lt(read_signed(file, key_pub), 0);
	}
}

START_TEST(every_bit_of_the_file_counts)
{
	flip_all(file, 0644);
}
END_TEST

START_TEST(every_bit_of_the_signature_counts)
{
	flip_all(file_sig, 0644);
}
END_TEST

START_TEST(every_bit_of_the_public_key_counts)
{
	flip_all(key_pub, 0644);
}
END_TEST

START_TEST(a_damaged_secret_key_signs_nothing)
{
	size_t len;
	_cleanup_free_ char *text = get(key, &len);

	for (size_t i = 0; i < 8 * len; i++) {
		text[i / 8] ^= (char)(1 << i % 8);
		put_bytes(key, text, len, 0600);
		ck_assert_int_eq(nucleus_policy_file_sign(file, key, NULL, NULL), -EINVAL);
		text[i / 8] ^= (char)(1 << i % 8);
	}
	ck_assert_int_eq(read_signed(file, key_pub), 0);
}
END_TEST

START_TEST(each_mistake_is_told_by_name)
{
	_cleanup_free_ char *id = NULL, *other_id = NULL, *both = NULL;

	ck_assert_int_eq(nucleus_policy_file_verify(file, key_pub, &id, NULL), 0);
	ck_assert_int_eq(nucleus_policy_keygen(at("other"), 0, &other_id, NULL), 0);
	both = nuc_strf("is signed by key %s, and key %s is required", id, other_id);
	expect(read_signed(file, at("other.pub")), -EKEYREJECTED, both);

	put("caps", TEXT "#");
	expect(read_signed(file, key_pub), -EBADMSG, "has changed since it was signed: its SHA-256 was");
	put("caps", TEXT);

	expect(read_signed(file, file), -EINVAL, "is not a public key of nucleus");
	expect(read_signed(file, file_sig), -EINVAL, "is a signature, not a public key");
	expect(nucleus_policy_file_sign(file, key_pub, NULL, &error), -EINVAL,
	       "is a public key, not a secret key");
	put("key.pub", "nucleus-policy-public-key-1 12\n");
	expect(read_signed(file, key_pub), -EINVAL, "is damaged: a public key was here");
	put("key.pub", "nucleus-policy-public-key-2 12\n");
	expect(read_signed(file, key_pub), -EINVAL, "is not a public key of nucleus");
	expect(read_signed(file, at("none.pub")), -ENOENT, "cannot open");
	expect(read_signed(file, "/dev/zero"), -EINVAL, "is a character device");

	put("caps.sig", "-----BEGIN PGP SIGNATURE-----\n");
	expect(read_signed(file, at("other.pub")), -EINVAL, "is not a signature of nucleus");
	put("caps.sig", "nucleus-policy-signature-1 \n");
	expect(read_signed(file, at("other.pub")), -EINVAL, "is damaged: a signature was here");
	ck_assert_int_eq(unlink(file_sig), 0);
	expect(read_signed(file, at("other.pub")), -ENOENT, "is not signed: there is no");
	ck_assert_int_eq(mkfifo(file_sig, 0600), 0);
	expect(read_signed(file, at("other.pub")), -EINVAL, "is a FIFO");
}
END_TEST

/* Signed by one, and said to be signed by another. */
START_TEST(an_id_is_no_proof)
{
	_cleanup_free_ char *mine = NULL, *id = NULL;
	size_t len;

	ck_assert_int_eq(nucleus_policy_keygen(at("other"), 0, NULL, NULL), 0);
	ck_assert_int_eq(nucleus_policy_file_verify(file, key_pub, &id, NULL), 0);
	ck_assert_int_eq(nucleus_policy_file_sign(file, at("other.key"), NULL, NULL), 0);
	mine = get(file_sig, &len);
	memcpy(mine + strlen("nucleus-policy-signature-1 "), id, 16);
	put("caps.sig", mine);
	expect(read_signed(file, key_pub), -EBADMSG, "is damaged or forged: key ");
}
END_TEST

/* What another purpose had signed by the same key does not serve here. */
START_TEST(a_signature_of_something_else_is_none)
{
	static const char *const tags[] = { "nucleus-policy-signature-2", "nucleus-audit-1",
					    "nucleus-policy-signature-1 " };
	unsigned char seed[32] = { 7 }, pk[32], sk[64], digest[32], sig[64];
	char id[17], pk_hex[65], sha[65], sig_hex[129];
	char text[512];

	crypto_sign_seed_keypair(pk, sk, seed);
	crypto_hash_sha256(digest, pk, sizeof(pk));
	sodium_bin2hex(id, sizeof(id), digest, 8);
	sodium_bin2hex(pk_hex, sizeof(pk_hex), pk, sizeof(pk));
	crypto_hash_sha256(digest, (const unsigned char *)TEXT, strlen(TEXT));
	sodium_bin2hex(sha, sizeof(sha), digest, sizeof(digest));
	snprintf(text, sizeof(text), "nucleus-policy-public-key-1 %s %s\n", id, pk_hex);
	put("key.pub", text);
	for (size_t i = 0; i <= NUC_ARRAY_SIZE(tags); i++) {
		/* The last one is the bare file, as other tools sign. */
		if (i < NUC_ARRAY_SIZE(tags))
			snprintf(text, sizeof(text), "%s %s %s", tags[i], id, sha);
		else
			strcpy(text, TEXT);
		crypto_sign_detached(sig, NULL, (unsigned char *)text, strlen(text), sk);
		sodium_bin2hex(sig_hex, sizeof(sig_hex), sig, sizeof(sig));
		snprintf(text, sizeof(text), "nucleus-policy-signature-1 %s %s %s\n", id, sha, sig_hex);
		put("caps.sig", text);
		expect(read_signed(file, key_pub), -EBADMSG, "is damaged or forged");
	}
	snprintf(text, sizeof(text), "nucleus-policy-signature-1 %s %s", id, sha);
	crypto_sign_detached(sig, NULL, (unsigned char *)text, strlen(text), sk);
	sodium_bin2hex(sig_hex, sizeof(sig_hex), sig, sizeof(sig));
	snprintf(text, sizeof(text), "nucleus-policy-signature-1 %s %s %s\n", id, sha, sig_hex);
	put("caps.sig", text);
	ck_assert_int_eq(read_signed(file, key_pub), 0);
}
END_TEST

/* The neutral element is a key that "signs" everything, where a verifier does not refuse it. */
START_TEST(a_key_of_small_order_is_none)
{
	unsigned char pk[32] = { 1 }, digest[32];
	char id[17], pk_hex[65], sha[65], text[512];

	crypto_hash_sha256(digest, pk, sizeof(pk));
	sodium_bin2hex(id, sizeof(id), digest, 8);
	sodium_bin2hex(pk_hex, sizeof(pk_hex), pk, sizeof(pk));
	crypto_hash_sha256(digest, (const unsigned char *)TEXT, strlen(TEXT));
	sodium_bin2hex(sha, sizeof(sha), digest, sizeof(digest));
	snprintf(text, sizeof(text), "nucleus-policy-public-key-1 %s %s\n", id, pk_hex);
	put("key.pub", text);
	/* R is the neutral element, and S is 0: S B = R + k A for every k. */
	snprintf(text, sizeof(text), "nucleus-policy-signature-1 %s %s 01%0126d\n", id, sha, 0);
	put("caps.sig", text);
	expect(read_signed(file, key_pub), -EBADMSG, "is damaged or forged");
}
END_TEST

/* ---- secrets -------------------------------------------------------------------------------- */

START_TEST(a_secret_key_is_not_shown)
{
	size_t len;
	_cleanup_free_ char *text = get(key, &len), *json = NULL;
	char seed[65] = "";

	memcpy(seed, text + len - 65, 64);
	ck_assert_int_eq(read_signed(file, key), -EINVAL);
	ck_assert_int_eq(nucleus_error_json(error, &json), 0);
	ck_assert_ptr_nonnull(strstr(json, "is a secret key: it belongs to whoever signs"));
	ck_assert_ptr_null(strstr(json, seed));
	/* Nor that of other tools, or half of one. */
	put("half", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n");
	expect(read_signed(file, at("half")), -EINVAL, "is a secret key");
	text[50] = '\0';
	put("half", text);
	expect(read_signed(file, at("half")), -EINVAL, "is a secret key");
	put("caps.sig", text);
	expect(read_signed(file, key_pub), -EINVAL, "is a secret key");
}
END_TEST

START_TEST(a_secret_key_that_others_have_signs_nothing)
{
	static const mode_t bad[] = { 0640, 0604, 0660, 0601, 0610, 0644 };
	static const mode_t good[] = { 0600, 0400, 0700 };

	for (size_t i = 0; i < NUC_ARRAY_SIZE(bad); i++) {
		ck_assert_int_eq(chmod(key, bad[i]), 0);
		expect(nucleus_policy_file_sign(file, key, NULL, &error), -EPERM, "is open to others");
	}
	for (size_t i = 0; i < NUC_ARRAY_SIZE(good); i++) {
		ck_assert_int_eq(chmod(key, good[i]), 0);
		ck_assert_int_eq(nucleus_policy_file_sign(file, key, NULL, NULL), 0);
	}
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(chown(key, 54321, 0), 0);
	expect(nucleus_policy_file_sign(file, key, NULL, &error), -EPERM, "belongs to user 54321");
}
END_TEST

START_TEST(modes_do_not_depend_on_the_umask)
{
	static const mode_t masks[] = { 0, 022, 077, 0777 };

	for (size_t i = 0; i < NUC_ARRAY_SIZE(masks); i++) {
		mode_t old = umask(masks[i]);

		ck_assert_int_eq(nucleus_policy_keygen(at("key"), 1, NULL, NULL), 0);
		ck_assert_int_eq(nucleus_policy_file_sign(file, key, NULL, NULL), 0);
		umask(old);
		ck_assert_int_eq(mode_of(key), 0600);
		/* What is public is as public as the umask says, and never writable by others. */
		ck_assert_int_eq(mode_of(key_pub), 0644 & ~masks[i]);
		ck_assert_int_eq(mode_of(file_sig), 0644 & ~masks[i]);
	}
	ck_assert_uint_eq(count_files(), 4);
}
END_TEST

/* ---- names that are taken ------------------------------------------------------------------- */

START_TEST(a_key_is_not_overwritten)
{
	_cleanup_free_ char *before = NULL, *after = NULL;
	size_t len;

	before = get(key, &len);
	expect(nucleus_policy_keygen(at("key"), 0, NULL, &error), -EEXIST, "key.key is already there");
	put("half.pub", "x");
	expect(nucleus_policy_keygen(at("half"), 0, NULL, &error), -EEXIST, "half.pub is already there");
	ck_assert_int_lt(access(at("half.key"), F_OK), 0);
	/* A link is a name that is taken, wherever it leads: nothing is written through it. */
	ck_assert_int_eq(symlink("elsewhere", at("link.key")), 0);
	expect(nucleus_policy_keygen(at("link"), 0, NULL, &error), -EEXIST, "link.key is already there");
	after = get(key, &len);
	ck_assert_str_eq(before, after);
	free(after);
	ck_assert_int_eq(nucleus_policy_keygen(at("link"), 1, NULL, NULL), 0);
	ck_assert_int_lt(access(at("elsewhere"), F_OK), 0);
	ck_assert_int_eq(nucleus_policy_keygen(at("key"), 1, NULL, NULL), 0);
	after = get(key, &len);
	ck_assert_str_ne(before, after);
	expect(read_signed(file, key_pub), -EKEYREJECTED, "is signed by key");
	/* key.*, link.*, caps, caps.sig, half.pub: nothing unfinished is left. */
	ck_assert_uint_eq(count_files(), 7);
}
END_TEST

START_TEST(what_cannot_be_written_leaves_nothing)
{
	expect(nucleus_policy_keygen(at("none/key"), 0, NULL, &error), -ENOENT, "cannot open");
	expect(nucleus_policy_keygen(at(""), 0, NULL, &error), -EINVAL, "is not the name of a file");
	expect(nucleus_policy_keygen("", 0, NULL, &error), -EINVAL, "is not the name of a file");
	expect(nucleus_policy_keygen(NULL, 0, NULL, &error), -EINVAL, "NULL");
	ck_assert_int_eq(mkdir(at("dir.pub"), 0755), 0);
	ck_assert_int_lt(nucleus_policy_keygen(at("dir"), 1, NULL, NULL), 0);
	ck_assert_int_eq(unlink(file_sig), 0);
	ck_assert_int_eq(mkdir(file_sig, 0755), 0);
	expect(nucleus_policy_file_sign(file, key, NULL, &error), -EISDIR, "cannot write");
	expect(nucleus_policy_file_sign(at("none"), key, NULL, &error), -ENOENT, "cannot open");
	expect(nucleus_policy_file_sign(at("none"), NULL, NULL, &error), -EINVAL, "NULL");
	/* caps, caps.sig, key.*, dir.pub, and the dir.key that came first. */
	ck_assert_uint_eq(count_files(), 6);
}
END_TEST

/* Somebody reads while keys and signatures are replaced: always one of them, and whole. */
START_TEST(replacing_is_atomic)
{
	bool ended = false;
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		for (int i = 0; i < 100; i++)
			if (nucleus_policy_keygen(at("other"), 1, NULL, NULL) < 0 ||
			    nucleus_policy_file_sign(file, key, NULL, NULL) < 0)
				_exit(1);
		_exit(0);
	}
	/* It may have come to its end already when it is looked for. */
	while (access(at("other.pub"), F_OK) < 0 && !ended)
		ended = waitpid(pid, &status, WNOHANG) == pid;
	do {
		struct nuc_public_key k;

		ck_assert_int_eq(nuc_public_key_read(at("other.pub"), NULL, false, &k, NULL), 0);
		ck_assert_int_eq(read_signed(file, key_pub), 0);
	} while (!ended && waitpid(pid, &status, WNOHANG) == 0);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* ---- guarded -------------------------------------------------------------------------------- */

START_TEST(key_and_signature_are_guarded_as_the_file_is)
{
	const char *const paths[] = { file, file_sig, key_pub };
	const struct nuc_policy_file_wanted w = {
		.path = file, .origin = "--caps-policy", .guarded = true,
		.key = key_pub, .key_origin = "--policy-key",
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(paths); i++) {
		_cleanup_policy_file_ struct nuc_policy_file f = { 0 };

		ck_assert_int_eq(chmod(paths[i], 0664), 0);
		expect(nuc_policy_file_read(&w, &f, &error), -EPERM, "it has mode 0664");
		ck_assert_int_eq(chmod(paths[i], 0644), 0);
		ck_assert_int_eq(nuc_policy_file_read(&w, &f, NULL), 0);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("policy_sign");
	TCase *t = tcase_create("policy_sign");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, what_is_signed_is_read);
	tcase_add_test(t, the_form_is_as_documented);
	tcase_add_test(t, every_bit_of_the_file_counts);
	tcase_add_test(t, every_bit_of_the_signature_counts);
	tcase_add_test(t, every_bit_of_the_public_key_counts);
	tcase_add_test(t, a_damaged_secret_key_signs_nothing);
	tcase_add_test(t, each_mistake_is_told_by_name);
	tcase_add_test(t, an_id_is_no_proof);
	tcase_add_test(t, a_signature_of_something_else_is_none);
	tcase_add_test(t, a_key_of_small_order_is_none);
	tcase_add_test(t, a_secret_key_is_not_shown);
	tcase_add_test(t, a_secret_key_that_others_have_signs_nothing);
	tcase_add_test(t, modes_do_not_depend_on_the_umask);
	tcase_add_test(t, a_key_is_not_overwritten);
	tcase_add_test(t, what_cannot_be_written_leaves_nothing);
	tcase_add_test(t, replacing_is_atomic);
	tcase_add_test(t, key_and_signature_are_guarded_as_the_file_is);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
