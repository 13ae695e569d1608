/* SPDX-License-Identifier: MIT */
/* Policy files beside the policy document: seccomp profile, capabilities policy, Landlock policy. */
#pragma once

#include "policy.h"

enum nuc_policy_file_kind {
	NUC_FILE_SECCOMP,
	NUC_FILE_CAPS,
	NUC_FILE_LANDLOCK,
	NUC_FILE__COUNT
};

/* What of a policy is read, and what it must be. Strings are the policy's; NULL: not asked for. */
struct nuc_policy_file_wanted {
	enum nuc_policy_file_kind kind;
	const char *path, *origin;
	const char *sha256, *sha256_origin;
	const char *key, *key_origin;	/* the file of a public key: FILE.sig must be valid */
	bool guarded;			/* mode production: others may not have been able to write it */
};

struct nuc_policy_file {
	char *bytes;		/* with a NUL behind them */
	size_t len;
	char sha256[65];
};

/* "--seccomp-profile". */
const char *nuc_policy_file_flag(enum nuc_policy_file_kind kind);

/* What the policy says of a kind of file; false if it names none. */
bool nuc_policy_file_of(const nucleus_policy *p, enum nuc_policy_file_kind kind,
			struct nuc_policy_file_wanted *ret);

/* -EINVAL for a digest without its file, and for a key without any: nothing would be checked. */
int nuc_policy_files_check(const nucleus_policy *p, nucleus_error **ret_err);

/*
 * Reads the file once, from one descriptor, and checks these very bytes. -EBADMSG for a digest or a
 * signature that is not theirs, -EKEYREJECTED for another key's, -EINVAL for what is no file, key or
 * signature, -EFBIG, -EISDIR, -EPERM for one that others may write (guarded), -EAGAIN for one that
 * changes meanwhile, or the errno of open or read; the error names file, option and mend.
 */
int nuc_policy_file_read(const struct nuc_policy_file_wanted *wanted, struct nuc_policy_file *ret,
			 nucleus_error **ret_err);
void nuc_policy_file_done(struct nuc_policy_file *f);
#define _cleanup_policy_file_ _cleanup_(nuc_policy_file_done)
