/* SPDX-License-Identifier: MIT */
#include "doc_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const starts[] = {
		[NUC_DOC_TABLE] = "{",
		[NUC_DOC_ARRAY] = "[",
		[NUC_DOC_STRING] = "\"",
		[NUC_DOC_INT] = "-0123456789",
		[NUC_DOC_FLOAT] = "-0123456789",
		[NUC_DOC_BOOL] = "tf",
		[NUC_DOC_DATETIME] = "",
		[NUC_DOC_NULL] = "n",
	};

	doc_fuzz(data, size, starts, nuc_json_parse);
	return 0;
}
