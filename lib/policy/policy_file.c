/* SPDX-License-Identifier: MIT */
/* Policy files: read once, from one descriptor, and checked. */
#include <fcntl.h>
#include <sys/stat.h>

#include "policy_file.h"

bool nuc_policy_file_of(const nucleus_policy *p, enum nuc_policy_file_kind kind,
			struct nuc_policy_file_wanted *ret)
{
	static const struct {
		enum nuc_option_id path, sha256;
	} of[NUC_FILE__COUNT] = {
		[NUC_FILE_SECCOMP] = { NUC_OPT_SECCOMP_PROFILE, NUC_OPT_SECCOMP_PROFILE_SHA256 },
		[NUC_FILE_CAPS] = { NUC_OPT_CAPS_POLICY, NUC_OPT_CAPS_POLICY_SHA256 },
		[NUC_FILE_LANDLOCK] = { NUC_OPT_LANDLOCK_POLICY, NUC_OPT_LANDLOCK_POLICY_SHA256 },
	};

	if (!nuc_policy_str(p, of[kind].path))
		return false;
	*ret = (struct nuc_policy_file_wanted){
		.kind = kind,
		.path = nuc_policy_str(p, of[kind].path),
		.origin = nuc_policy_origin(p, of[kind].path),
		.sha256 = nuc_policy_str(p, of[kind].sha256),
		.sha256_origin = nuc_policy_origin(p, of[kind].sha256),
		.key = nuc_policy_str(p, NUC_OPT_POLICY_KEY),
		.key_origin = nuc_policy_origin(p, NUC_OPT_POLICY_KEY),
		.guarded = nuc_policy_mode(p) == NUC_MODE_PRODUCTION,
	};
	return true;
}

int nuc_policy_file_read(const struct nuc_policy_file_wanted *wanted, struct nuc_policy_file *ret,
			 nucleus_error **ret_err)
{
	const struct nuc_where where = { "policy", "file", wanted->origin, NULL };
	_cleanup_close_ int fd = open(wanted->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct nuc_policy_file f;
	int r;

	if (fd < 0)
		return nuc_fail(ret_err, -errno, &where, "cannot open %s: %s", wanted->path,
				strerror(errno));
	r = nuc_read_fd(fd, NUC_DOC_MAX_BYTES, &f.bytes, &f.len);
	if (r < 0)
		return nuc_fail(ret_err, r, &where, "cannot read %s: %s", wanted->path, strerror(-r));
	nuc_sha256_hex(f.bytes, f.len, f.sha256);
	*ret = f;
	return 0;
}

void nuc_policy_file_done(struct nuc_policy_file *f)
{
	free(f->bytes);
	*f = (struct nuc_policy_file){ 0 };
}
