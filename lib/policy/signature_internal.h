/* SPDX-License-Identifier: MIT */
/* The lines of signature.h, for those who read them and those who write them. */
#pragma once

#include <sodium.h>

#include "signature.h"

enum nuc_line_kind { NUC_LINE_SECRET, NUC_LINE_PUBLIC, NUC_LINE_SIGNATURE };

#define NUC_LINE_MAX 512	/* bytes: all are shorter */
#define NUC_SEED_BYTES crypto_sign_SEEDBYTES

struct nuc_line {
	char id[NUC_KEY_ID_SIZE];
	unsigned char key[NUC_KEY_BYTES];	/* the seed of a secret one; not in a signature */
	char sha256[65];			/* in a signature */
	unsigned char signature[crypto_sign_BYTES];
};

extern const char *const nuc_line_tags[];

bool nuc_line_parse(enum nuc_line_kind kind, const char *text, size_t len, struct nuc_line *ret);
void nuc_key_id(const unsigned char key[NUC_KEY_BYTES], char ret[NUC_KEY_ID_SIZE]);
/* What is signed. NULL without memory. */
char *nuc_signed_text(const char *id, const char *sha256);
/* -EINVAL, with an error that says what the file is, if that can be told. */
int nuc_line_fail(enum nuc_line_kind wanted, const char *path, const char *origin, const char *text,
		  size_t len, nucleus_error **ret_err);
