/* SPDX-License-Identifier: MIT */
/* nucleus_sandbox_why(): a question in words, and the plan's answer. */
#include <jansson.h>

#include "names.h"
#include "policy.h"
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
	{ "list:", NUC_ASKED_LIST },	   { "write:", NUC_ASKED_WRITE },
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

static const char *word_at(size_t i, void *arg)
{
	(void)arg;
	return i < NUC_ARRAY_SIZE(words) ? words[i].word : NULL;
}

/* Numbers end far below 1024; those that are free have no name. */
static const char *call_at(size_t i, void *arg)
{
	const char *name = i < 1024 ? nuc_syscall_name((long)i) : NULL;

	(void)arg;
	return name || i >= 1024 ? name : "";
}

/* What is wrong with a question: with its word (`target` is NULL then), or with what is asked of it. */
static char *fault_of(const char *query, const char *target, enum nuc_asked asked, char **ret_hint)
{
	const char *near, *port = target ? strrchr(target, ':') : NULL;
	_cleanup_free_ char *name = NULL;
	int64_t n;

	*ret_hint = NULL;
	if (!target) {
		name = strndup(query, strcspn(query, ":/") + (query[strcspn(query, ":/")] == ':'));
		near = name && strchr(name, ':') ? nuc_nearest(name, word_at, NULL) : NULL;
		*ret_hint = near ? nuc_strf("did you mean %s? The questions are " FORMS, near) : NULL;
		return nuc_strf("not a question: %s", query);
	}
	if (!*target)
		return nuc_strf("nothing stands behind the colon");
	if (asked == NUC_ASKED_SYSCALL) {
		name = strndup(target, strcspn(target, "("));
		if (!name || nuc_syscall_number(name) >= 0)
			return nuc_strf("up to six numbers stand between the parentheses");
		near = nuc_nearest(name, call_at, NULL);
		*ret_hint = near && *near ? nuc_strf("did you mean %s?", near) : NULL;
		return nuc_strf("there is no system call %s", name);
	}
	port = asked == NUC_ASKED_BIND ? target : port && *target != '/' ? port + 1 : NULL;
	if (port && nuc_parse_count(port, &n) == 0 && (n < 0 || n > 65535))
		return nuc_strf("%s is not between 0 and 65535", port);
	if (asked == NUC_ASKED_BIND)
		return nuc_strf("%s is not the number of a port", target);
	if (asked == NUC_ASKED_CONNECT)
		return nuc_strf("HOST:PORT, [ADDRESS]:PORT or the path of a socket is wanted, not %s", target);
	return nuc_strf("a path inside begins with a slash: %s", target);
}

static int ask(const struct nuc_plan *plan, const char *query, struct nuc_answer *ret, char **ret_fault,
	       char **ret_hint)
{
	_cleanup_free_ char *target = NULL;
	struct nuc_question q = { 0 };
	uint64_t args[6] = { 0 };
	int r = 0;
	size_t i;

	for (i = 0; i < NUC_ARRAY_SIZE(words); i++)
		if (!strncmp(query, words[i].word, strlen(words[i].word)))
			break;
	if (i == NUC_ARRAY_SIZE(words)) {
		*ret_fault = fault_of(query, NULL, NUC_ASKED_READ, ret_hint);
		return -EINVAL;
	}
	target = strdup(query + strlen(words[i].word));
	if (!target)
		return -ENOMEM;
	q.asked = words[i].asked;
	q.target = target;
	if (q.asked == NUC_ASKED_SYSCALL && strchr(target, '(')) {
		char *open = strchr(target, '(');

		r = parse_args(open, args);
		*open = '\0';
		q.args = args;
	}
	if (r == 0)
		r = *target ? nuc_why(plan, &q, ret) : -EINVAL;
	if (r == -EINVAL)
		*ret_fault = fault_of(query, target, q.asked, ret_hint);
	return r;
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
	nuc_tame(query);
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
	struct nuc_where where = { "policy", "query", query, FORMS };
	const struct nuc_where empty = { .stage = "policy",
					 .layer = "option",
					 .hint = "call nucleus_sandbox_apply_policy() first" };
	_cleanup_answer_ struct nuc_answer a = { 0 };
	_cleanup_free_ char *fault = NULL, *hint = NULL;
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
	r = ask(plan, query, &a, &fault, &hint);
	where.hint = hint ? hint : where.hint;
	if (r == -EINVAL)
		return nuc_fail(ret_err, r, &where, "%s", fault ? fault : "not a question");
	if (r == 0)
		r = json ? print_json(query, &a, ret) : print_text(query, &a, ret);
	if (r < 0)
		return nuc_fail(ret_err, r, &where, "cannot answer: %s", strerror(-r));
	return !a.refused;
}
