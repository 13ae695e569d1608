/* SPDX-License-Identifier: MIT */
/* The Landlock policy: what is accepted can be written and read again, and means the same. */
#include "doc_fuzz.h"
#include "landlock_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct nuc_landlock_file *f)
{
	doc_must(f->min_abi >= 1 && f->min_abi <= 1000 && f->scoped <= 3);
	for (size_t i = 0; i < f->n_rules; i++) {
		const char *path = f->rules[i].path;

		doc_must(path[0] == '/' && strlen(path) < 4096 && !strstr(path, "//"));
		doc_must(!strstr(path, "/../") && !strstr(path, "/./"));
		doc_must(f->rules[i].access && !(f->rules[i].access & ~NUC_LL_ALL));
		doc_must(f->rules[i].at.line >= 1 && f->rules[i].access_at.line >= 1);
	}
	for (size_t i = 0; i < f->n_ports; i++) {
		doc_must(f->ports[i].rights && f->ports[i].rights <= 3);
		doc_must(!i || f->ports[i - 1].port < f->ports[i].port);
		doc_must(f->ports[i].port || f->ports[i].rights == NUC_LL_NET_BIND_TCP);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_landlock_file_ struct nuc_landlock_file f = { 0 }, again = { 0 };
	_cleanup_free_ char *once = NULL, *twice = NULL;
	_cleanup_error_ nucleus_error *e = NULL;
	_cleanup_buf_ struct nuc_buf report = { 0 };
	int r = nuc_landlock_file_read((const char *)data, size, "f", &f, &e);

	doc_must(nuc_landlock_file_check((const char *)data, size, "f", &report, NULL) == r);
	if (r < 0) {
		doc_refused(r, e);
		return 0;
	}
	check(&f);
	doc_must(!e && !report.failed);
	doc_must(nuc_landlock_file_write(&f, &once) == 0);
	doc_must(nuc_landlock_file_read(once, strlen(once), "f", &again, NULL) == 0);
	check(&again);
	doc_must(nuc_landlock_file_write(&again, &twice) == 0 && !strcmp(once, twice));
	doc_must(f.min_abi == again.min_abi && f.scoped == again.scoped && f.n_ports == again.n_ports);
	return 0;
}
