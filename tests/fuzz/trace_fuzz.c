/* SPDX-License-Identifier: MIT */
/* Whatever a trace is: it is refused with an origin, or what is made of it is a profile and a policy. */
#include <jansson.h>

#include "doc_fuzz.h"
#include "learn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const options[] = { "allow-dangerous=mount", NULL }, *const base[] = { "base=default",
												   NULL };
	_cleanup_trace_ struct nuc_trace t = { 0 };
	_cleanup_error_ nucleus_error *err = NULL;
	_cleanup_doc_ struct nuc_doc *toml = NULL;
	char *text = NULL, *notes = NULL;
	json_t *profile;

	if (nuc_trace_parse((const char *)data, size, "t", &t, &err) < 0) {
		doc_must(err && !strncmp(nucleus_error_origin(err), "t:", 2));
		return 0;
	}
	doc_must(!err && t.traces == 1);
	doc_must(nuc_learn_seccomp(&t, options, &text, &notes, NULL) == 0);
	profile = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	doc_must(profile && json_array_size(json_object_get(profile, "syscalls")) > 0);
	json_decref(profile);
	free(text);
	free(notes);
	doc_must(nuc_learn_seccomp(&t, base, &text, &notes, NULL) == 0);
	free(text);
	free(notes);
	if (!t.with_paths)
		return 0;
	doc_must(nuc_learn_landlock(&t, &text, &notes, NULL) == 0);
	doc_must(nuc_toml_parse(text, strlen(text), "policy", &toml, NULL) == 0);
	doc_must(!strstr(text, "path = \"/\"\n") && !strstr(text, "path = \"/etc\"\n"));
	free(text);
	free(notes);
	return 0;
}
