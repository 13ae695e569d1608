/* SPDX-License-Identifier: MIT */
/*
 * Keys and detached signatures of policy files: Ed25519 (RFC 8032), one line of ASCII each.
 *
 *   nucleus-policy-secret-key-1 ID SEED
 *   nucleus-policy-public-key-1 ID KEY
 *   nucleus-policy-signature-1 ID SHA256 SIGNATURE
 *
 * Fields are parted by one space, in lower-case hexadecimal digits, and the line ends with a newline: there
 * is one way to write each, and no other is read. ID is the first 8 bytes of the SHA-256 of the public
 * key. What is signed is the signature's own line up to and without the last space: its first word keeps
 * it from being taken for a signature of anything else, in this version or a later one, and all that the
 * line says is signed.
 */
#pragma once

#include "base.h"

#define NUC_KEY_BYTES 32
#define NUC_KEY_ID_SIZE 17	/* with the NUL */

struct nuc_public_key {
	unsigned char bytes[NUC_KEY_BYTES];
	char id[NUC_KEY_ID_SIZE];
};

/* Errors of reading as nuc_strict_read(); -EINVAL for what is no public key. */
int nuc_public_key_read(const char *path, const char *origin, bool guarded,
			struct nuc_public_key *ret, nucleus_error **ret_err);
/*
 * Whether `path`.sig is a signature by `key` of contents with this digest. -ENOENT if there is none,
 * -EINVAL if it is not one, -EKEYREJECTED if it is another key's, -EBADMSG if it is forged or damaged, or
 * of other contents.
 */
int nuc_signature_check(const char *path, const char *sha256, const struct nuc_public_key *key,
			const char *origin, bool guarded, nucleus_error **ret_err);
