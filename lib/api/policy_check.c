/* SPDX-License-Identifier: MIT */
/* What a policy file is, by its content, and whether it is right: without a look at this host. */
#include "caps_file.h"
#include "landlock_file.h"
#include "policy_diff.h"
#include "policy_internal.h"
#include "profile_report.h"
#include "strict_read.h"

struct kind {
	const char *name;
	/*
	 * Reads the bytes, and adds lines to the report: each ends with a newline. -EINVAL, with an error
	 * whose origin is file:line:column.
	 */
	int (*check)(const char *bytes, size_t len, const char *name, struct nuc_buf *report,
		     nucleus_error **ret_err);
	const char *schema; /* NULL: made from the option table */
	/* A key of this name, at the top, tells that it is one. None: what all others are. */
	const char *keys[6];
};

/* ---- policy documents ----------------------------------------------------------------------- */

static int check_document(const char *bytes, size_t len, const char *name, struct nuc_buf *report,
			  nucleus_error **ret_err)
{
	_cleanup_policy_ nucleus_policy *policy = NULL;
	_cleanup_doc_ struct nuc_doc *doc = NULL;
	const char *refused;
	int r;

	r = nucleus_policy_new(&policy);
	if (r == 0)
		r = nuc_doc_parse(bytes, len, name, &doc, ret_err);
	/* Relative paths could start anywhere: they are not looked at. */
	if (r == 0)
		r = nuc_policy_add_document(policy, doc, name, "/", ret_err);
	if (r < 0)
		return r;
	refused = nuc_mode_refused(nuc_policy_mode(policy));
	if (refused)
		nuc_buf_printf(report, "%s: nothing starts in mode %s: %s\n",
			       nuc_policy_origin(policy, NUC_OPT_MODE),
			       nuc_mode_name(nuc_policy_mode(policy)), refused);
	return 0;
}

/* ---- seccomp profiles ----------------------------------------------------------------------- */

/* For a kernel that is newer than all, and no capability kept, as without a capabilities policy. */
static int check_seccomp(const char *bytes, size_t len, const char *name, struct nuc_buf *report,
			 nucleus_error **ret_err)
{
	static const struct nuc_profile_target any = { .kernel_major = 1000 };
	_cleanup_free_ char *text = NULL;
	int r = nuc_profile_report(bytes, len, name, &any, &text, ret_err);

	if (r == 0)
		nuc_buf_puts(report, text);
	return r;
}

/* ---- kinds ---------------------------------------------------------------------------------- */

/* lib/api/NAME.schema.json */
extern const char nuc_schema_seccomp[], nuc_schema_caps[], nuc_schema_landlock[];

static const struct kind kinds[] = {
	{ "policy", check_document, NULL, { NULL } },
	{ "seccomp", check_seccomp, nuc_schema_seccomp, { "defaultAction", "syscalls" } },
	{ "caps", nuc_caps_file_check, nuc_schema_caps,
	  { "bounding", "permitted", "effective", "inheritable", "ambient" } },
	{ "landlock", nuc_landlock_file_check, nuc_schema_landlock, { "min_abi", "rules", "net", "scope" } },
};

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < NUC_ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

/* The key with this number, of all kinds. */
static const char *key_at(size_t n, const struct kind **ret)
{
	for (size_t i = 0; i < NUC_ARRAY_SIZE(kinds); i++)
		for (size_t k = 0; k < NUC_ARRAY_SIZE(kinds[i].keys) && kinds[i].keys[k]; k++)
			if (!n--) {
				*ret = &kinds[i];
				return kinds[i].keys[k];
			}
	return NULL;
}

static const char *candidate(size_t i, void *arg)
{
	return key_at(i, arg);
}

static const struct kind *kind_of_key(const char *key)
{
	const struct kind *kind = NULL;
	const char *k;

	for (size_t i = 0; (k = key_at(i, &kind)); i++)
		if (!strcmp(k, key))
			return kind;
	return NULL;
}

static bool is_of_documents(const char *key)
{
	size_t len = strlen(key);

	for (size_t id = 0; id < NUC_OPT__COUNT; id++)
		if (!strncmp(nuc_options[id].key, key, len) &&
		    (!nuc_options[id].key[len] || nuc_options[id].key[len] == '.'))
			return true;
	return false;
}

/* By one key that only this kind has; or else by one that was meant to be: its reader will say so. */
static const struct kind *kind_of(const struct nuc_doc *doc)
{
	const struct kind *kind = NULL, *unused;

	for (size_t i = 0; i < doc->n && !kind; i++)
		kind = kind_of_key(doc->items[i]->key);
	for (size_t i = 0; i < doc->n && !kind; i++) {
		const char *key = doc->items[i]->key;
		const char *near = is_of_documents(key) ? NULL : nuc_nearest(key, candidate, &unused);

		kind = near ? kind_of_key(near) : NULL;
	}
	return kind ? kind : &kinds[0];
}

/* JSON is told by its first character, for a profile's name need not end in ".json". */
static int parse_any(const char *bytes, size_t len, const char *name, struct nuc_doc **ret,
		     nucleus_error **ret_err)
{
	size_t at = 0;

	while (at < len && strchr(" \t\r\n", bytes[at]))
		at++;
	if (at < len && bytes[at] == '{')
		return nuc_json_parse_wide(bytes, len, name, ret, ret_err);
	return nuc_doc_parse(bytes, len, name, ret, ret_err);
}

static int detect(const char *bytes, size_t len, const char *name, const struct kind **ret,
		  nucleus_error **ret_err)
{
	_cleanup_doc_ struct nuc_doc *doc = NULL;
	int r = parse_any(bytes, len, name, &doc, ret_err);

	if (r < 0)
		return r;
	*ret = kind_of(doc);
	return 0;
}

int nuc_kind_of(const char *bytes, size_t len, const char *name, const char **ret,
		nucleus_error **ret_err)
{
	const struct kind *kind = NULL;
	int r = detect(bytes, len, name, &kind, ret_err);

	if (r == 0)
		*ret = kind->name;
	return r;
}

static int fail_kind(const char *name, nucleus_error **ret_err)
{
	_cleanup_buf_ struct nuc_buf hint = { 0 };
	struct nuc_where where = { .stage = "policy", .layer = "option" };

	nuc_buf_puts(&hint, "one of:");
	for (size_t i = 0; i < NUC_ARRAY_SIZE(kinds); i++)
		nuc_buf_printf(&hint, "%s %s", i ? "," : "", kinds[i].name);
	where.hint = hint.s;
	return nuc_fail(ret_err, -EINVAL, &where, "there is no kind of policy file '%s'",
			nuc_show(name).s);
}

int nucleus_policy_file_check(const char *path, const char *kind_name, char **ret_report,
			      nucleus_error **ret_err)
{
	const struct nuc_where memory = { .stage = "policy", .layer = "memory" };
	const struct nuc_strict file = { .path = path, .origin = path, .max = NUC_DOC_MAX_BYTES };
	const struct kind *kind = kind_name ? find_kind(kind_name) : NULL;
	_cleanup_buf_ struct nuc_buf report = { 0 };
	_cleanup_free_ char *bytes = NULL;
	size_t len = 0;
	int r;

	if (!path)
		return nuc_fail(ret_err, -EINVAL, &memory, "a path is wanted, not NULL");
	if (kind_name && !kind)
		return fail_kind(kind_name, ret_err);
	r = nuc_strict_read(&file, &bytes, &len, ret_err);
	if (r == 0 && !kind)
		r = detect(bytes, len, path, &kind, ret_err);
	if (r < 0 || !kind)
		return r;
	nuc_buf_printf(&report, "%s\n", kind->name);
	r = kind->check(bytes, len, path, &report, ret_err);
	if (r == 0 && nuc_buf_take(&report, ret_report) < 0)
		return nuc_fail(ret_err, -ENOMEM, &memory, "out of memory");
	return r;
}

int nucleus_policy_schema_of(const char *kind_name, char **ret)
{
	const struct kind *kind = find_kind(kind_name ? kind_name : "policy");
	char *copy;

	if (!kind)
		return -EINVAL;
	if (!kind->schema)
		return nucleus_policy_schema(ret);
	copy = strdup(kind->schema);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}
