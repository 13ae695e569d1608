/* SPDX-License-Identifier: MIT */
/* Lines of keys and signatures: what is read has one way to be written, and no error shows it. */
#include <string.h>

#include "doc_fuzz.h"
#include "signature_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void written_again(enum nuc_line_kind kind, const struct nuc_line *line, char ret[NUC_LINE_MAX])
{
	char key[2 * sizeof(line->key) + 1], signature[2 * sizeof(line->signature) + 1];

	sodium_bin2hex(key, sizeof(key), line->key, sizeof(line->key));
	sodium_bin2hex(signature, sizeof(signature), line->signature, sizeof(line->signature));
	if (kind == NUC_LINE_SIGNATURE)
		snprintf(ret, NUC_LINE_MAX, "%s %s %s %s\n", nuc_line_tags[kind], line->id,
			 line->sha256, signature);
	else
		snprintf(ret, NUC_LINE_MAX, "%s %s %s\n", nuc_line_tags[kind], line->id, key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	for (enum nuc_line_kind kind = NUC_LINE_SECRET; kind <= NUC_LINE_SIGNATURE; kind++) {
		_cleanup_error_ nucleus_error *e = NULL;
		struct nuc_line line = { 0 };
		char again[NUC_LINE_MAX];

		if (nuc_line_parse(kind, text, size, &line)) {
			written_again(kind, &line, again);
			doc_must(size == strlen(again) && !memcmp(again, text, size));
			continue;
		}
		doc_must(nuc_line_fail(kind, "F", "o", text, size, &e) == -EINVAL && e);
		/* Whatever the file holds, these are words of ours. */
		doc_must(strlen(nucleus_error_message(e)) < 100);
		doc_must(!strncmp(nucleus_error_message(e), "F is ", strlen("F is ")));
	}
	return 0;
}
