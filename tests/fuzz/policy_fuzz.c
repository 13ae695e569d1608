/* SPDX-License-Identifier: MIT */
/*
 * From bytes to a policy: as a JSON document if they begin with '{', as calls if with '!' (lines of
 * "KEY VALUE", or "+KEY VALUE" to add), else as a TOML document.
 */
#include "policy_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static bool printable(const char *s)
{
	for (; s && *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

static char *dump(const nucleus_policy *p, const char *format)
{
	char *s = NULL;

	must(nucleus_policy_dump(p, format, &s) == 0 && nuc_utf8_valid(s, strlen(s)));
	return s;
}

static void check_refusal(int r, const nucleus_error *e)
{
	must(e && nucleus_error_code(e) == r && *nucleus_error_message(e));
	must(nuc_utf8_valid(nucleus_error_message(e), strlen(nucleus_error_message(e))));
	must(printable(nucleus_error_message(e)) && printable(nucleus_error_hint(e)));
	must(nucleus_error_origin(e) != NULL);
}

static int add_document(nucleus_policy *p, const char *text, size_t len, const char *name,
			nucleus_error **ret_err)
{
	_cleanup_doc_ struct nuc_doc *doc = NULL;
	int r = strstr(name, ".json") ? nuc_json_parse(text, len, name, &doc, ret_err)
				      : nuc_toml_parse(text, len, name, &doc, ret_err);

	return r < 0 ? r : nuc_policy_add_document(p, doc, name, "/base", ret_err);
}

/* What the compiler takes for granted of a policy's values. */
static void check_values(const nucleus_policy *p)
{
	for (enum nuc_option_id id = 0; id < NUC_OPT__COUNT; id++) {
		const struct nuc_option *o = &nuc_options[id];
		bool number = o->type == NUC_TYPE_COUNT || o->type == NUC_TYPE_SIZE ||
			      o->type == NUC_TYPE_DURATION || o->type == NUC_TYPE_DECIMAL;
		/* Without a default, what is not set is 0, and no bound of the table counts. */
		bool has_value = nuc_policy_is_set(p, id) || *o->def;
		int64_t v = number ? nuc_policy_int(p, id) : 0;

		must(!number || (!has_value && !v) || (v >= o->min && (!o->max || v <= o->max)));
		must(o->type != NUC_TYPE_ENUM || nuc_policy_int(p, id) >= 0);
		must(o->type != NUC_TYPE_PATH || !nuc_policy_str(p, id) ||
		     *nuc_policy_str(p, id) == '/');
		for (size_t i = 0; i < nuc_policy_count(p, id); i++) {
			const char *item = nuc_policy_item(p, id, i);
			_cleanup_volume_ struct nuc_volume volume = { 0 };
			_cleanup_free_ char *dst = NULL;
			struct nuc_cpuset cpus;
			struct nuc_io_max io;

			if (id == NUC_OPT_CPUSET)
				must(nuc_parse_cpuset(item, &cpus) == 0);
			if (id == NUC_OPT_IO_MAX)
				must(nuc_parse_io_max(item, &io) == 0 && *io.device);
			if (id == NUC_OPT_VOLUMES)
				must(nuc_parse_volume(item, &volume) == 0 && *volume.src == '/');
			if (id == NUC_OPT_TMPFS)
				must(nuc_parse_tmpfs(item, &dst, &v) == 0 && v >= 4096);
			if (nuc_option_is_number_list(o))
				must(nuc_parse_count(item, &v) == 0 && v >= o->min && v <= o->max);
		}
	}
}

static void check_round_trip(const nucleus_policy *p)
{
	static const char *const formats[] = { "toml", "json" };
	_cleanup_free_ char *shown = dump(p, "text");

	for (const char *c = shown; *c; c++)
		must(*c == '\n' || ((unsigned char)*c >= 0x20 && *c != 0x7f));
	for (size_t i = 0; i < NUC_ARRAY_SIZE(formats); i++) {
		_cleanup_free_ char *first = dump(p, formats[i]), *second = NULL;
		_cleanup_policy_ nucleus_policy *copy = NULL;

		must(nucleus_policy_new(&copy) == 0);
		/* Escapes make a document longer, and the readers have a bound. */
		if (strlen(first) > NUC_DOC_MAX_BYTES)
			continue;
		must(add_document(copy, first, strlen(first), i ? "d.json" : "d.toml", NULL) == 0);
		second = dump(copy, formats[i]);
		must(!strcmp(first, second));
	}
}

static void fuzz_document(nucleus_policy *p, const char *text, size_t len)
{
	_cleanup_error_ nucleus_error *e = NULL;
	_cleanup_free_ char *before = dump(p, "toml"), *after = NULL;
	int r = add_document(p, text, len, len && *text == '{' ? "f.json" : "f.toml", &e);

	if (r == 0)
		return;
	check_refusal(r, e);
	after = dump(p, "toml");
	must(!strcmp(before, after));
}

static void fuzz_calls(nucleus_policy *p, const char *text, size_t len)
{
	_cleanup_free_ char *lines = strndup(text, len);
	char *save, *line;

	must(lines && nucleus_policy_set_origin(p, "--flag") == 0);
	for (line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		_cleanup_error_ nucleus_error *e = NULL;
		bool more = *line == '+';
		char *value = strchr(line, ' ');
		int r;

		if (value)
			*value++ = '\0';
		r = more ? nucleus_policy_add(p, line + 1, value ? value : "", &e)
			 : nucleus_policy_set(p, line, value ? value : "", &e);
		if (r < 0)
			check_refusal(r, e);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_policy_ nucleus_policy *p = NULL;

	must(nucleus_policy_new(&p) == 0);
	/* So that there is something to contradict. */
	must(nucleus_policy_set(p, "limits.files", "100", NULL) == 0);
	must(nucleus_policy_add(p, "volumes", "/a:/data", NULL) == 0);
	if (size && *data == '!')
		fuzz_calls(p, (const char *)data + 1, size - 1);
	else
		fuzz_document(p, (const char *)data, size);
	check_values(p);
	check_round_trip(p);
	return 0;
}
