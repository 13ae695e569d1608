/* SPDX-License-Identifier: MIT */
/* The capabilities policy: what is accepted fits together, what is refused says where. */
#include "caps_file.h"
#include "doc_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_error_ nucleus_error *e = NULL;
	_cleanup_buf_ struct nuc_buf report = { 0 };
	struct nuc_caps_file f;
	int r = nuc_caps_file_read((const char *)data, size, "f", &f, &e);

	doc_must(nuc_caps_file_check((const char *)data, size, "f", &report, NULL) == r);
	if (r < 0) {
		doc_refused(r, e);
		return 0;
	}
	doc_must(!e && !report.failed && nuc_utf8_valid(report.s, report.len));
	doc_must(!nuc_caps_conflict(f.set));
	for (int set = 0; set < NUC_CAPSET__COUNT; set++)
		for (unsigned int cap = 0; cap < NUC_CAP_MAX; cap++)
			doc_must((f.set[set] >> cap & 1) == (f.at[set][cap].line > 0));
	doc_must(!(f.set[NUC_CAPSET_AMBIENT] & ~f.set[NUC_CAPSET_BOUNDING]));
	return 0;
}
