/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "doc.h"
#include "sign.h"
#include "signature_internal.h"
#include "strict_read.h"

/* ---- secrets -------------------------------------------------------------------------------- */

/* All that must not be left lying about, in memory of its own. */
struct secrets {
	struct nuc_line line;
	unsigned char pair[crypto_sign_SECRETKEYBYTES];
	char text[NUC_LINE_MAX + 1];
};

static struct secrets *secrets_new(void)
{
	void *p = mmap(NULL, sizeof(struct secrets), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	/* Not to swap, a core dump or a child that another thread forks: as far as is allowed. */
	(void)mlock(p, sizeof(struct secrets));
	(void)madvise(p, sizeof(struct secrets), MADV_DONTDUMP);
	(void)madvise(p, sizeof(struct secrets), MADV_WIPEONFORK);
	return p;
}

static void secrets_freep(struct secrets **s)
{
	if (!*s)
		return;
	sodium_memzero(*s, sizeof(**s));
	munmap(*s, sizeof(**s));
}
#define _cleanup_secrets_ _cleanup_(secrets_freep)

/* ---- new files ------------------------------------------------------------------------------ */

/* A file to be: it has no name that anybody looks for until it is published. */
struct new_file {
	const char *path;
	int dir;		/* the directory that it stands in */
	const char *name;	/* its name there */
	char temp[40];		/* its name there until it is published; "": nothing there */
};

static int file_failed(const struct new_file *f, int code, const char *what,
		       nucleus_error **ret_err)
{
	const struct nuc_strict s = { .path = f->path };

	return nuc_strict_fail(&s, code, what, ret_err);
}

static void new_file_done(struct new_file *f)
{
	if (*f->temp)
		(void)unlinkat(f->dir, f->temp, 0);
	nuc_closep(&f->dir);
}
#define _cleanup_new_file_ _cleanup_(new_file_done)

static int new_file_at(const char *path, struct new_file *ret, nucleus_error **ret_err)
{
	const struct nuc_where where = { "policy", "file", NULL, "give the name of a file" };
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	_cleanup_free_ char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	const struct nuc_strict s = { .path = dir };
	int fd;

	if (!dir)
		return nuc_fail(ret_err, -ENOMEM, &where, "out of memory");
	if (strlen(name) <= strlen(".sig"))
		return nuc_fail(ret_err, -EINVAL, &where, "'%s' is not the name of a file", path);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return nuc_strict_fail(&s, -errno, "open", ret_err);
	*ret = (struct new_file){ path, fd, name, "" };
	return 0;
}

static int random_bytes(void *bytes, size_t len)
{
	ssize_t n;

	do
		n = getrandom(bytes, len, 0);
	while (n < 0 && errno == EINTR);
	/* Up to 256 bytes come all at once: getrandom(2). */
	return n == (ssize_t)len ? 0 : n < 0 ? -errno : -EIO;
}

static int write_all(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/* 0600 is exact: neither a umask nor a default ACL of the directory adds or takes anything. */
static int new_file_write(struct new_file *f, mode_t mode, const char *text,
			  nucleus_error **ret_err)
{
	_cleanup_close_ int fd = -1;
	unsigned char random[8];
	char hex[2 * sizeof(random) + 1], temp[sizeof(f->temp)];
	int r = random_bytes(random, sizeof(random));

	if (r < 0)
		return file_failed(f, r, "find a name for", ret_err);
	sodium_bin2hex(hex, sizeof(hex), random, sizeof(random));
	snprintf(temp, sizeof(temp), ".nucleus-%s", hex);
	fd = openat(f->dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return file_failed(f, -errno, "write", ret_err);
	memcpy(f->temp, temp, sizeof(temp));
	r = mode == 0600 && fchmod(fd, mode) < 0 ? -errno : write_all(fd, text);
	return r < 0 ? file_failed(f, r, "write", ret_err) : 0;
}

static int rename_new(int dir, const char *from, const char *to)
{
	if (renameat2(dir, from, dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL)
		return -errno;
	/* Not every file system knows the flag. */
	if (linkat(dir, from, dir, to, 0) < 0)
		return -errno;
	(void)unlinkat(dir, from, 0);
	return 0;
}

static int fail_exists(const struct new_file *f, nucleus_error **ret_err)
{
	const struct nuc_where where = { "policy", "file", NULL,
					 "choose another name, or say that it is to be replaced" };

	return nuc_fail(ret_err, -EEXIST, &where, "%s is already there", f->path);
}

/* Under its name from now on, also after a power failure. */
static int publish(struct new_file *f, bool replace, nucleus_error **ret_err)
{
	int r;

	if (replace)
		r = renameat(f->dir, f->temp, f->dir, f->name) < 0 ? -errno : 0;
	else
		r = rename_new(f->dir, f->temp, f->name);
	if (r == -EEXIST)
		return fail_exists(f, ret_err);
	if (r < 0)
		return file_failed(f, r, "write", ret_err);
	*f->temp = '\0';
	if (fsync(f->dir) < 0)
		return file_failed(f, -errno, "write the directory of", ret_err);
	return 0;
}

/* ---- keys ----------------------------------------------------------------------------------- */

/* So that nothing is written when the second name turns out to be taken. */
static int check_free(const struct new_file *f, nucleus_error **ret_err)
{
	struct stat st;

	return fstatat(f->dir, f->name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? fail_exists(f, ret_err)
								       : 0;
}

static int write_pair(struct new_file *secret, struct new_file *public, bool replace,
		      char ret_id[NUC_KEY_ID_SIZE], nucleus_error **ret_err)
{
	_cleanup_secrets_ struct secrets *s = secrets_new();
	unsigned char key[NUC_KEY_BYTES];
	char hex[2 * NUC_KEY_BYTES + 1], id[NUC_KEY_ID_SIZE], text[NUC_LINE_MAX];
	int r = s ? random_bytes(s->line.key, NUC_SEED_BYTES) : -ENOMEM;

	if (r < 0)
		return file_failed(secret, r, "make", ret_err);
	crypto_sign_seed_keypair(key, s->pair, s->line.key);
	nuc_key_id(key, id);
	sodium_bin2hex(hex, sizeof(hex), key, sizeof(key));
	snprintf(text, sizeof(text), "%s %s %s\n", nuc_line_tags[NUC_LINE_PUBLIC], id, hex);
	r = snprintf(s->text, sizeof(s->text), "%s %s ", nuc_line_tags[NUC_LINE_SECRET], id);
	sodium_bin2hex(s->text + r, sizeof(s->text) - (size_t)r, s->line.key, NUC_SEED_BYTES);
	strcat(s->text, "\n");
	r = new_file_write(secret, 0600, s->text, ret_err);
	if (r == 0)
		r = new_file_write(public, 0644, text, ret_err);
	if (r == 0)
		r = publish(secret, replace, ret_err);
	if (r == 0) {
		r = publish(public, replace, ret_err);
		/* Somebody took the second name meanwhile: half a pair is of no use. */
		if (r < 0 && !replace)
			(void)unlinkat(secret->dir, secret->name, 0);
	}
	if (r < 0)
		return r;
	memcpy(ret_id, id, sizeof(id));
	return 0;
}

int nuc_keygen(const char *prefix, bool replace, char ret_id[NUC_KEY_ID_SIZE],
	       nucleus_error **ret_err)
{
	_cleanup_free_ char *secret_path = nuc_strf("%s.key", prefix);
	_cleanup_free_ char *public_path = nuc_strf("%s.pub", prefix);
	_cleanup_new_file_ struct new_file secret = { .dir = -1 }, public = { .dir = -1 };
	const struct nuc_where memory = { "policy", "signature", NULL, NULL };
	int r;

	if (!secret_path || !public_path)
		return nuc_fail(ret_err, -ENOMEM, &memory, "out of memory");
	r = new_file_at(secret_path, &secret, ret_err);
	if (r == 0)
		r = new_file_at(public_path, &public, ret_err);
	if (r == 0 && !replace)
		r = check_free(&secret, ret_err);
	if (r == 0 && !replace)
		r = check_free(&public, ret_err);
	return r < 0 ? r : write_pair(&secret, &public, replace, ret_id, ret_err);
}

/* ---- signatures ----------------------------------------------------------------------------- */

/* Whether others could have it, too. */
static int check_private(const char *path, const struct stat *st, nucleus_error **ret_err)
{
	_cleanup_free_ char *hint = nuc_strf("chmod 600 %s; if others had access to this host, "
					     "make a new key", path);
	const struct nuc_where owner = { "policy", "signature", NULL,
					 "sign as the user to whom the key belongs" };
	const struct nuc_where mode = { "policy", "signature", NULL, hint };

	if (st->st_uid != geteuid() && st->st_uid != 0)
		return nuc_fail(ret_err, -EPERM, &owner, "%s belongs to user %u", path, st->st_uid);
	if (st->st_mode & 077)
		return nuc_fail(ret_err, -EPERM, &mode, "%s is open to others: it has mode %04o",
				path, st->st_mode & 07777);
	return 0;
}

/* Fills s->pair. The one file that must not pass through memory that is freed as it is. */
static int load_secret(const char *path, struct secrets *s, char ret_id[NUC_KEY_ID_SIZE],
		       nucleus_error **ret_err)
{
	const struct nuc_strict file = { .path = path, .max = NUC_LINE_MAX };
	_cleanup_close_ int fd = nuc_strict_open(&file, ret_err);
	unsigned char key[NUC_KEY_BYTES];
	char id[NUC_KEY_ID_SIZE] = "";
	bool parsed;
	struct stat st;
	ssize_t n;
	int r;

	if (fd < 0)
		return fd;
	do
		n = read(fd, s->text, NUC_LINE_MAX);
	while (n < 0 && errno == EINTR);
	if (n < 0 || fstat(fd, &st) < 0)
		return nuc_strict_fail(&file, -errno, "read", ret_err);
	parsed = nuc_line_parse(NUC_LINE_SECRET, s->text, (size_t)n, &s->line);
	if (parsed) {
		crypto_sign_seed_keypair(key, s->pair, s->line.key);
		nuc_key_id(key, id);
	}
	/* A damaged seed would sign, as a key that nobody knows. */
	if (!parsed || strcmp(id, s->line.id) != 0)
		return nuc_line_fail(NUC_LINE_SECRET, path, NULL, s->text, (size_t)n, ret_err);
	r = check_private(path, &st, ret_err);
	if (r < 0)
		return r;
	memcpy(ret_id, id, sizeof(id));
	return 0;
}

int nuc_sign(const char *path, const char *secret_key, char ret_id[NUC_KEY_ID_SIZE],
	     nucleus_error **ret_err)
{
	const struct nuc_where memory = { "policy", "signature", NULL, NULL };
	const struct nuc_strict file = { .path = path, .max = NUC_DOC_MAX_BYTES };
	_cleanup_secrets_ struct secrets *s = secrets_new();
	_cleanup_new_file_ struct new_file f = { .dir = -1 };
	_cleanup_free_ char *sig_path = nuc_strf("%s.sig", path), *bytes = NULL,
			    *signed_text = NULL;
	_cleanup_free_ char *text = NULL;
	char id[NUC_KEY_ID_SIZE] = "", sha256[65], hex[2 * crypto_sign_BYTES + 1];
	unsigned char signature[crypto_sign_BYTES];
	size_t len = 0;
	int r;

	if (!s || !sig_path)
		return nuc_fail(ret_err, -ENOMEM, &memory, "out of memory");
	r = load_secret(secret_key, s, id, ret_err);
	if (r == 0)
		r = nuc_strict_read(&file, &bytes, &len, ret_err);
	if (r < 0)
		return r;
	nuc_sha256_hex(bytes, len, sha256);
	signed_text = nuc_signed_text(id, sha256);
	if (!signed_text)
		return nuc_fail(ret_err, -ENOMEM, &memory, "out of memory");
	crypto_sign_detached(signature, NULL, (const unsigned char *)signed_text,
			     strlen(signed_text), s->pair);
	sodium_bin2hex(hex, sizeof(hex), signature, sizeof(signature));
	text = nuc_strf("%s %s\n", signed_text, hex);
	if (!text)
		return nuc_fail(ret_err, -ENOMEM, &memory, "out of memory");
	r = new_file_at(sig_path, &f, ret_err);
	if (r == 0)
		r = new_file_write(&f, 0644, text, ret_err);
	if (r == 0)
		r = publish(&f, true, ret_err);
	if (r == 0)
		memcpy(ret_id, id, sizeof(id));
	return r;
}
