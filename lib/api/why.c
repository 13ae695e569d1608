/* SPDX-License-Identifier: MIT */
/* nucleus_sandbox_why(): a question in words, and the plan's answer. */
#include <jansson.h>

#include "sandbox_internal.h"
#include "why.h"

#define FORMS                                                                                      \
	"open:/PATH, list:/PATH, write:/PATH, create:/PATH, remove:/PATH, exec:PROGRAM, "          \
	"connect:HOST:PORT, bind:PORT, syscall:NAME or syscall:NAME(ARG0,ARG1,...)"

static const struct {
	const char *word;
	enum nuc_asked asked;
} words[] = {
	{ "open:", NUC_ASKED_READ },	   { "read:", NUC_ASKED_READ },
	{ "list:", NUC_ASKED_READ },	   { "write:", NUC_ASKED_WRITE },
	{ "create:", NUC_ASKED_CREATE },   { "remove:", NUC_ASKED_REMOVE },
	{ "exec:", NUC_ASKED_EXEC },	   { "connect:", NUC_ASKED_CONNECT },
	{ "bind:", NUC_ASKED_BIND },	   { "syscall:", NUC_ASKED_SYSCALL },
};

/* "(1,0x2)" into up to six numbers; what is not given is 0. */
static int parse_args(const char *s, uint64_t ret[6])
{
	size_t n = 0;

	for (s++; *s != ')';) {
		char *end;

		errno = 0;
		if (n == 6 || !strchr("-0123456789", *s) || !*s)
			return -EINVAL;
		ret[n++] = *s == '-' ? (uint64_t)strtoll(s, &end, 0) : strtoull(s, &end, 0);
		if (end == s || errno || (*end != ',' && *end != ')'))
			return -EINVAL;
		s = end + (*end == ',');
	}
	return s[1] ? -EINVAL : 0;
}

static int ask(const struct nuc_plan *plan, const char *query, struct nuc_answer *ret)
{
	_cleanup_free_ char *target = NULL;
	struct nuc_question q = { 0 };
	uint64_t args[6] = { 0 };
	size_t i;

	for (i = 0; i < NUC_ARRAY_SIZE(words); i++)
		if (!strncmp(query, words[i].word, strlen(words[i].word)))
			break;
	if (i == NUC_ARRAY_SIZE(words))
		return -EINVAL;
	target = strdup(query + strlen(words[i].word));
	if (!target)
		return -ENOMEM;
	if (!*target)
		return -EINVAL;
	q.asked = words[i].asked;
	q.target = target;
	if (q.asked == NUC_ASKED_SYSCALL && strchr(target, '(')) {
		char *open = strchr(target, '(');

		if (parse_args(open, args) < 0)
			return -EINVAL;
		*open = '\0';
		q.args = args;
	}
	return nuc_why(plan, &q, ret);
}

/* Paths need not be UTF-8. */
static json_t *text_or_null(const char *s)
{
	return s ? nuc_json_text(s, strlen(s)) : json_null();
}

static int print_json(const char *query, const struct nuc_answer *a, char **ret)
{
	json_t *o = json_pack("{s:o, s:b, s:b, s:s, s:s?, s:s?, s:b, s:o, s:o, s:o}", "query",
			      text_or_null(query), "allowed", !a->refused, "partly", a->partly, "certainty",
			      a->certainty == NUC_CERTAIN ? "certain" : "inferred", "layer", a->layer,
			      "errno", a->error ? nuc_errno_name(a->error) : NULL, "kills", a->kills,
			      "rule", text_or_null(a->rule), "origin", text_or_null(a->origin), "fix",
			      text_or_null(a->fix));
	char *s = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	json_decref(o);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

static int print_text(const char *asked, const struct nuc_answer *a, char **ret)
{
	_cleanup_free_ char *query = strdup(asked);
	struct nuc_buf b = { 0 };

	if (!query)
		return -ENOMEM;
	for (char *s = query; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
	if (!a->refused)
		nuc_buf_printf(&b, "%s: allowed%s", query, a->partly ? " for some arguments" : "");
	else if (a->kills)
		nuc_buf_printf(&b, "%s: refused by %s, which kills the process", query, a->layer);
	else if (a->error)
		nuc_buf_printf(&b, "%s: refused by %s (%s)", query, a->layer,
			       nuc_errno_name(a->error));
	else
		nuc_buf_printf(&b, "%s: refused by %s", query, a->layer);
	nuc_buf_printf(&b, "\n  rule    %s\n", a->rule);
	if (a->origin)
		nuc_buf_printf(&b, "  origin  %s\n", a->origin);
	if (a->fix)
		nuc_buf_printf(&b, "  fix     %s\n", a->fix);
	if (a->certainty == NUC_INFERRED)
		nuc_buf_puts(&b,
			     "  inferred: files of the host, or what runs before, have a say\n");
	return nuc_buf_take(&b, ret);
}

int nucleus_sandbox_why(const nucleus_sandbox *s, const char *query, const char *format, char **ret,
			nucleus_error **ret_err)
{
	const struct nuc_where where = { "policy", "query", query, FORMS };
	const struct nuc_where empty = { .stage = "policy",
					 .layer = "option",
					 .hint = "call nucleus_sandbox_apply_policy() first" };
	_cleanup_answer_ struct nuc_answer a = { 0 };
	const struct nuc_plan *plan;
	bool json;
	int r;

	if (!s || !query || !format)
		return nuc_fail(ret_err, -EINVAL, &where,
				"a sandbox, a question and a format are wanted, not NULL");
	plan = nuc_sandbox_plan(s);
	json = !strcmp(format, "json");
	if (!json && strcmp(format, "text") != 0)
		return nuc_fail(ret_err, -EINVAL, &where, "unknown format: %s", format);
	if (!plan)
		return nuc_fail(ret_err, -EINVAL, &empty, "the sandbox has no policy yet");
	r = ask(plan, query, &a);
	if (r == -EINVAL)
		return nuc_fail(ret_err, r, &where, "not a question: %s", query);
	if (r == 0)
		r = json ? print_json(query, &a, ret) : print_text(query, &a, ret);
	if (r < 0)
		return nuc_fail(ret_err, r, &where, "cannot answer: %s", strerror(-r));
	return !a.refused;
}
