/* SPDX-License-Identifier: MIT */
/* Making keys and signatures: see signature.h for what they are. */
#pragma once

#include "signature.h"

/*
 * Writes PREFIX.key (0600, whatever the umask) and PREFIX.pub. -EEXIST, and nothing written, if one of
 * them is there, unless `replace`: then each is replaced whole.
 */
int nuc_keygen(const char *prefix, bool replace, char ret_id[NUC_KEY_ID_SIZE],
	       nucleus_error **ret_err);
/* Writes `path`.sig, whole or not at all. -EPERM for a secret key that others can read. */
int nuc_sign(const char *path, const char *secret_key, char ret_id[NUC_KEY_ID_SIZE],
	     nucleus_error **ret_err);
