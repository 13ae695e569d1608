/* SPDX-License-Identifier: MIT */
/* nucleus_policy_file_*: digests, keys and signatures of policy files. */
#include "doc.h"
#include "sign.h"
#include "strict_read.h"

static int fail_null(nucleus_error **ret_err)
{
	const struct nuc_where where = { .stage = "policy", .layer = "file" };

	return nuc_fail(ret_err, -EINVAL, &where, "a path is wanted, not NULL");
}

/* Gives a key's id away, if it is asked for. What was done stays done without memory for it. */
static int give_id(int r, const char *id, char **ret_id, nucleus_error **ret_err)
{
	const struct nuc_where memory = { .stage = "policy", .layer = "memory" };
	char *copy;

	if (r < 0 || !ret_id)
		return r;
	copy = strdup(id);
	if (!copy)
		return nuc_fail(ret_err, -ENOMEM, &memory, "out of memory");
	*ret_id = copy;
	return 0;
}

static int hash(const char *path, char ret[65], nucleus_error **ret_err)
{
	const struct nuc_strict file = { .path = path, .max = NUC_DOC_MAX_BYTES };
	_cleanup_free_ char *bytes = NULL;
	size_t len = 0;
	int r = nuc_strict_read(&file, &bytes, &len, ret_err);

	if (r == 0)
		nuc_sha256_hex(bytes, len, ret);
	return r;
}

int nucleus_policy_file_hash(const char *path, char **ret, nucleus_error **ret_err)
{
	char sha256[65];

	if (!path)
		return fail_null(ret_err);
	return give_id(hash(path, sha256, ret_err), sha256, ret, ret_err);
}

int nucleus_policy_keygen(const char *prefix, int replace, char **ret_id, nucleus_error **ret_err)
{
	char id[NUC_KEY_ID_SIZE];

	if (!prefix)
		return fail_null(ret_err);
	return give_id(nuc_keygen(prefix, replace, id, ret_err), id, ret_id, ret_err);
}

int nucleus_policy_file_sign(const char *path, const char *secret_key, char **ret_id,
			     nucleus_error **ret_err)
{
	char id[NUC_KEY_ID_SIZE];

	if (!path || !secret_key)
		return fail_null(ret_err);
	return give_id(nuc_sign(path, secret_key, id, ret_err), id, ret_id, ret_err);
}

int nucleus_policy_file_verify(const char *path, const char *public_key, char **ret_id,
			       nucleus_error **ret_err)
{
	struct nuc_public_key key;
	char sha256[65];
	int r;

	if (!path || !public_key)
		return fail_null(ret_err);
	r = nuc_public_key_read(public_key, NULL, false, &key, ret_err);
	if (r == 0)
		r = hash(path, sha256, ret_err);
	if (r == 0)
		r = nuc_signature_check(path, sha256, &key, NULL, false, ret_err);
	return give_id(r, key.id, ret_id, ret_err);
}
