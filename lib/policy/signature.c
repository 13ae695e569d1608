/* SPDX-License-Identifier: MIT */
#include "signature_internal.h"
#include "strict_read.h"

_Static_assert(NUC_KEY_BYTES == crypto_sign_PUBLICKEYBYTES, "an Ed25519 public key");
_Static_assert(NUC_KEY_BYTES == crypto_sign_SEEDBYTES, "an Ed25519 seed");

const char *const nuc_line_tags[] = {
	[NUC_LINE_SECRET] = "nucleus-policy-secret-key-1",
	[NUC_LINE_PUBLIC] = "nucleus-policy-public-key-1",
	[NUC_LINE_SIGNATURE] = "nucleus-policy-signature-1",
};

void nuc_key_id(const unsigned char key[NUC_KEY_BYTES], char ret[NUC_KEY_ID_SIZE])
{
	unsigned char digest[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(digest, key, NUC_KEY_BYTES);
	sodium_bin2hex(ret, NUC_KEY_ID_SIZE, digest, (NUC_KEY_ID_SIZE - 1) / 2);
}

char *nuc_signed_text(const char *id, const char *sha256)
{
	return nuc_strf("%s %s %s", nuc_line_tags[NUC_LINE_SIGNATURE], id, sha256);
}

/* ---- reading -------------------------------------------------------------------------------- */

/* A space and 2 * n digits. One way to write a byte, so that no flipped bit is overlooked. */
static bool take_hex(const char **s, const char *end, unsigned char *ret, size_t n)
{
	const char *p = *s;
	size_t len;

	if (end - p < (ptrdiff_t)(1 + 2 * n) || *p++ != ' ')
		return false;
	for (size_t i = 0; i < 2 * n; i++)
		if (!(p[i] >= '0' && p[i] <= '9') && !(p[i] >= 'a' && p[i] <= 'f'))
			return false;
	*s = p + 2 * n;
	return sodium_hex2bin(ret, n, p, 2 * n, NULL, &len, NULL) == 0 && len == n;
}

bool nuc_line_parse(enum nuc_line_kind kind, const char *text, size_t len, struct nuc_line *ret)
{
	const char *s = text, *end = text + len;
	size_t tag = strlen(nuc_line_tags[kind]);
	unsigned char id[(NUC_KEY_ID_SIZE - 1) / 2], digest[crypto_hash_sha256_BYTES];

	if (len < tag || memcmp(s, nuc_line_tags[kind], tag) != 0)
		return false;
	s += tag;
	if (!take_hex(&s, end, id, sizeof(id)))
		return false;
	if (kind != NUC_LINE_SIGNATURE && !take_hex(&s, end, ret->key, sizeof(ret->key)))
		return false;
	if (kind == NUC_LINE_SIGNATURE &&
	    (!take_hex(&s, end, digest, sizeof(digest)) ||
	     !take_hex(&s, end, ret->signature, sizeof(ret->signature))))
		return false;
	if (end - s != 1 || *s != '\n')
		return false;
	sodium_bin2hex(ret->id, sizeof(ret->id), id, sizeof(id));
	if (kind == NUC_LINE_SIGNATURE)
		sodium_bin2hex(ret->sha256, sizeof(ret->sha256), digest, sizeof(digest));
	return true;
}

static bool begins(const char *text, size_t len, const char *with)
{
	return len >= strlen(with) && !memcmp(text, with, strlen(with));
}

/* By its first word without the version, also of a damaged one. */
static bool is_secret(const char *text, size_t len)
{
	return begins(text, len, "nucleus-policy-secret-key") ||
	       memmem(text, len, "PRIVATE KEY", strlen("PRIVATE KEY"));
}

int nuc_line_fail(enum nuc_line_kind wanted, const char *path, const char *origin, const char *text,
		  size_t len, nucleus_error **ret_err)
{
	static const char *const names[] = { "a secret key", "a public key", "a signature" };
	static const char *const hints[] = {
		"`nucleus policy keygen PREFIX` writes PREFIX.key",
		"`nucleus policy keygen PREFIX` writes PREFIX.pub",
		"sign the file again: nucleus policy sign --key PREFIX.key FILE",
	};
	const struct nuc_where exposed = { "policy", "signature", origin,
					   "give its PREFIX.pub; if others can read the secret key "
					   "here, make a new one" };
	const struct nuc_where where = { "policy", "signature", origin, hints[wanted] };
	const char *found = NULL;

	if (wanted != NUC_LINE_SECRET && is_secret(text, len))
		return nuc_fail(ret_err, -EINVAL, &exposed,
				"%s is a secret key: it belongs to whoever signs, and nowhere else",
				path);
	for (size_t i = 0; i < NUC_ARRAY_SIZE(names); i++)
		if (i != wanted && begins(text, len, nuc_line_tags[i]))
			found = names[i];
	if (found)
		return nuc_fail(ret_err, -EINVAL, &where, "%s is %s, not %s", path, found,
				names[wanted]);
	if (begins(text, len, nuc_line_tags[wanted]))
		return nuc_fail(ret_err, -EINVAL, &where, "%s is damaged: %s was here", path,
				names[wanted]);
	return nuc_fail(ret_err, -EINVAL, &where, "%s is not %s of nucleus", path, names[wanted]);
}

int nuc_public_key_read(const char *path, const char *origin, bool guarded,
			struct nuc_public_key *ret, nucleus_error **ret_err)
{
	const struct nuc_strict file = { path, origin, NUC_LINE_MAX, guarded };
	_cleanup_free_ char *text = NULL;
	struct nuc_public_key key;
	struct nuc_line line;
	size_t len;
	int r;

	r = nuc_strict_read(&file, &text, &len, ret_err);
	if (r < 0)
		return r;
	if (nuc_line_parse(NUC_LINE_PUBLIC, text, len, &line)) {
		memcpy(key.bytes, line.key, sizeof(key.bytes));
		nuc_key_id(key.bytes, key.id);
		if (!strcmp(key.id, line.id)) {
			*ret = key;
			return 0;
		}
	}
	r = nuc_line_fail(NUC_LINE_PUBLIC, path, origin, text, len, ret_err);
	sodium_memzero(text, len);
	return r;
}

/* ---- signatures ----------------------------------------------------------------------------- */

static int check_line(const char *path, const struct nuc_line *line, const char *sha256,
		      const struct nuc_public_key *key, const char *origin, nucleus_error **ret_err)
{
	struct nuc_where where = { "policy", "signature", origin,
				   "if that is as it should be, give that key's public half" };
	_cleanup_free_ char *text = nuc_signed_text(line->id, line->sha256);

	if (!text)
		return nuc_fail(ret_err, -ENOMEM, &where, "out of memory");
	if (strcmp(line->id, key->id) != 0)
		return nuc_fail(ret_err, -EKEYREJECTED, &where,
				"%s is signed by key %s, and key %s is required", path, line->id,
				key->id);
	where.hint = "sign the file again: nucleus policy sign --key PREFIX.key FILE";
	if (crypto_sign_verify_detached(line->signature, (const unsigned char *)text, strlen(text),
					key->bytes) != 0)
		return nuc_fail(ret_err, -EBADMSG, &where,
				"%s.sig is damaged or forged: key %s has not made it", path,
				key->id);
	where.hint = "review what has changed, and sign it again";
	if (strcmp(line->sha256, sha256) != 0)
		return nuc_fail(ret_err, -EBADMSG, &where,
				"%s has changed since it was signed: its SHA-256 was %s and is %s",
				path, line->sha256, sha256);
	return 0;
}

int nuc_signature_check(const char *path, const char *sha256, const struct nuc_public_key *key,
			const char *origin, bool guarded, nucleus_error **ret_err)
{
	const struct nuc_where none = { "policy", "signature", origin,
					"sign it: nucleus policy sign --key PREFIX.key FILE" };
	_cleanup_free_ char *name = nuc_strf("%s.sig", path), *text = NULL;
	const struct nuc_strict file = { name, origin, NUC_LINE_MAX, guarded };
	_cleanup_error_ nucleus_error *error = NULL;
	struct nuc_line line;
	size_t len;
	int r;

	if (!name)
		return nuc_fail(ret_err, -ENOMEM, &none, "out of memory");
	r = nuc_strict_read(&file, &text, &len, &error);
	if (r == -ENOENT)
		return nuc_fail(ret_err, r, &none, "%s is not signed: there is no %s", path, name);
	if (r < 0) {
		if (ret_err)
			*ret_err = NUC_TAKE_PTR(error);
		return r;
	}
	if (!nuc_line_parse(NUC_LINE_SIGNATURE, text, len, &line))
		return nuc_line_fail(NUC_LINE_SIGNATURE, name, origin, text, len, ret_err);
	return check_line(path, &line, sha256, key, origin, ret_err);
}
