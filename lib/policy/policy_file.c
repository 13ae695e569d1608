/* SPDX-License-Identifier: MIT */
/* Policy files: read once, from one descriptor, and checked. */
#include <ctype.h>

#include "policy_file.h"
#include "signature.h"
#include "strict_read.h"

static const struct {
	enum nuc_option_id path, sha256;
} options_of[NUC_FILE__COUNT] = {
	[NUC_FILE_SECCOMP] = { NUC_OPT_SECCOMP_PROFILE, NUC_OPT_SECCOMP_PROFILE_SHA256 },
	[NUC_FILE_CAPS] = { NUC_OPT_CAPS_POLICY, NUC_OPT_CAPS_POLICY_SHA256 },
	[NUC_FILE_LANDLOCK] = { NUC_OPT_LANDLOCK_POLICY, NUC_OPT_LANDLOCK_POLICY_SHA256 },
};

const char *nuc_policy_file_flag(enum nuc_policy_file_kind kind)
{
	return nuc_option_flag(options_of[kind].path);
}

bool nuc_policy_file_of(const nucleus_policy *p, enum nuc_policy_file_kind kind,
			struct nuc_policy_file_wanted *ret)
{
	enum nuc_option_id path = options_of[kind].path, sha256 = options_of[kind].sha256;

	if (!nuc_policy_str(p, path))
		return false;
	*ret = (struct nuc_policy_file_wanted){
		.kind = kind,
		.path = nuc_policy_str(p, path),
		.origin = nuc_policy_origin(p, path),
		.sha256 = nuc_policy_str(p, sha256),
		.sha256_origin = nuc_policy_origin(p, sha256),
		.key = nuc_policy_str(p, NUC_OPT_POLICY_KEY),
		.key_origin = nuc_policy_origin(p, NUC_OPT_POLICY_KEY),
		.guarded = nuc_policy_mode(p) == NUC_MODE_PRODUCTION,
	};
	return true;
}

int nuc_policy_files_check(const nucleus_policy *p, nucleus_error **ret_err)
{
	struct nuc_where where = { .stage = "policy", .layer = "option" };
	bool any = false;

	for (size_t i = 0; i < NUC_FILE__COUNT; i++) {
		enum nuc_option_id path = options_of[i].path, sha256 = options_of[i].sha256;
		_cleanup_free_ char *hint = nuc_strf("name the file by %s too, or remove it",
						     nuc_option_flag(path));

		any |= nuc_policy_str(p, path) != NULL;
		where.origin = nuc_policy_origin(p, sha256);
		where.hint = hint;
		if (nuc_policy_str(p, sha256) && !nuc_policy_str(p, path))
			return nuc_fail(ret_err, -EINVAL, &where, "%s is set, but there is no %s",
					nuc_option_key(sha256), nuc_option_key(path));
	}
	where.origin = nuc_policy_origin(p, NUC_OPT_POLICY_KEY);
	where.hint = "name a seccomp profile, capabilities policy or Landlock policy, or remove it";
	if (nuc_policy_str(p, NUC_OPT_POLICY_KEY) && !any)
		return nuc_fail(ret_err, -EINVAL, &where,
				"%s is set, but there is no policy file whose signature it could check",
				nuc_option_key(NUC_OPT_POLICY_KEY));
	return 0;
}

static int check_pin(const struct nuc_policy_file_wanted *wanted, const char *found,
		     nucleus_error **ret_err)
{
	_cleanup_free_ char *hint = nuc_strf("review the file; `nucleus policy hash %s` prints the "
					     "digest to pin",
					     wanted->path);
	const struct nuc_where where = { "policy", "file", wanted->sha256_origin, hint };
	size_t n = 0;

	while (isxdigit((unsigned char)wanted->sha256[n]))
		n++;
	if (n != 64 || wanted->sha256[n])
		return nuc_fail(ret_err, -EINVAL, &where,
				"'%s' is not a SHA-256 of 64 hexadecimal digits", wanted->sha256);
	if (strcasecmp(wanted->sha256, found) != 0)
		return nuc_fail(ret_err, -EBADMSG, &where,
				"%s is not what was pinned: SHA-256 %s is expected, and it has %s",
				wanted->path, wanted->sha256, found);
	return 0;
}

static int check_signature(const struct nuc_policy_file_wanted *wanted, const char *sha256,
			   nucleus_error **ret_err)
{
	struct nuc_public_key key;
	int r = nuc_public_key_read(wanted->key, wanted->key_origin, wanted->guarded, &key,
				    ret_err);

	if (r < 0)
		return r;
	return nuc_signature_check(wanted->path, sha256, &key, wanted->key_origin, wanted->guarded,
				   ret_err);
}

int nuc_policy_file_read(const struct nuc_policy_file_wanted *wanted, struct nuc_policy_file *ret,
			 nucleus_error **ret_err)
{
	const struct nuc_strict file = { wanted->path, wanted->origin, NUC_DOC_MAX_BYTES,
					 wanted->guarded };
	const struct nuc_where empty = {
		"policy", "file", wanted->origin,
		"if it is being written: write a new file and rename it; a comment makes it say nothing"
	};
	_cleanup_free_ char *bytes = NULL;
	struct nuc_policy_file f;
	int r;

	r = nuc_strict_read(&file, &bytes, &f.len, ret_err);
	if (r < 0)
		return r;
	/* Half of a file that is written in place is likely to be this. */
	if (!f.len)
		return nuc_fail(ret_err, -EINVAL, &empty, "%s is empty", wanted->path);
	nuc_sha256_hex(bytes, f.len, f.sha256);
	if (wanted->sha256)
		r = check_pin(wanted, f.sha256, ret_err);
	if (r == 0 && wanted->key)
		r = check_signature(wanted, f.sha256, ret_err);
	if (r < 0)
		return r;
	f.bytes = NUC_TAKE_PTR(bytes);
	*ret = f;
	return 0;
}

void nuc_policy_file_done(struct nuc_policy_file *f)
{
	free(f->bytes);
	*f = (struct nuc_policy_file){ 0 };
}
