/* SPDX-License-Identifier: MIT */
/* why: the layers that refuse are collected in the kernel's order; the answer is one of them. */
#include <ctype.h>

#include "why_internal.h"

void nuc_why_refuse(struct nuc_why_state *w, const char *layer, int error, const char *origin,
		    char *fix, const char *fmt, ...)
{
	struct nuc_refusal *r = &w->refusals[w->n];
	_cleanup_free_ char *rule = NULL;
	va_list ap;

	if (w->n == NUC_WHY_REFUSALS) {
		free(fix);
		return;
	}
	*r = (struct nuc_refusal){ .layer = layer, .error = error, .fix = fix, .origin = origin };
	va_start(ap, fmt);
	if (vasprintf(&rule, fmt, ap) < 0)
		rule = NULL;
	va_end(ap);
	r->rule = rule ? nuc_strf("%s%s", w->about ? w->about : "", rule) : NULL;
	w->failed |= !r->rule;
	w->n++;
}

void nuc_why_allow(struct nuc_why_state *w, const char *layer, const char *origin, const char *fmt,
		   ...)
{
	va_list ap;

	free(w->allowed);
	va_start(ap, fmt);
	if (vasprintf(&w->allowed, fmt, ap) < 0) {
		w->allowed = NULL;
		w->failed = true;
	}
	va_end(ap);
	w->allowed_layer = layer;
	w->allowed_origin = origin;
}

/* Words that a shell takes as they are; and those that it does between single quotes, and TOML in its own. */
static bool is_plain(const char *s)
{
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("_./:,=@%+-", *s))
			return false;
	return true;
}

bool nuc_why_can_be_quoted(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f || strchr("'\"\\", *s))
			return false;
	return true;
}

/*
 * What is suggested will be pasted. A name that a program made up ("$(...)") must not become a command
 * of whoever does: such a value is quoted, or there is no suggestion.
 */
char *nuc_why_flag(enum nuc_option_id id, const char *value, const char *opens)
{
	const char *flag = nucleus_option_attr(id, "flag"), *key = nucleus_option_attr(id, "key");
	const char *type = nucleus_option_attr(id, "type");
	bool is_bool = !strcmp(type, "bool"), is_list = !strcmp(type, "list");
	bool integers = is_list && (id == NUC_OPT_BIND_PORTS || id == NUC_OPT_CONNECT_PORTS);
	const char *quote = is_bool || integers ? "" : "\"", *single = is_plain(value) ? "" : "'";

	if (!nuc_why_can_be_quoted(value))
		return NULL;
	return nuc_strf("%s%s%s%s%s (in a document: %s = %s%s%s%s%s)%s%s", flag, is_bool ? "" : " ",
			single, is_bool ? "" : value, single, key, is_list ? "[" : "", quote,
			is_bool ? "true" : value, quote, is_list ? "]" : "",
			opens ? "; this opens: " : "", opens ? opens : "");
}

const char *nuc_why_origin(const struct nuc_plan *p, const struct nuc_step *s)
{
	const char *origin = s ? nuc_why_text(p, s->origin) : "";

	return *origin && strcmp(origin, "default") != 0 ? origin : NULL;
}

/* The first refusal that fails as seen, or else the first. */
static size_t pick(const struct nuc_why_state *w)
{
	for (size_t i = 0; w->q->error && i < w->n; i++)
		if (w->refusals[i].error == w->q->error)
			return i;
	return 0;
}

/* The rule, and the others that refuse it as well: a fix of one alone would not be enough. */
static char *whole_rule(const struct nuc_why_state *w, size_t picked)
{
	_cleanup_buf_ struct nuc_buf b = { 0 };
	char *s = NULL;

	nuc_buf_puts(&b, w->refusals[picked].rule);
	for (size_t i = 0, first = 1; i < w->n; i++) {
		if (i == picked)
			continue;
		nuc_buf_printf(&b, "%s %s", first ? "; and so would" : ",", w->refusals[i].layer);
		nuc_buf_printf(&b, " (%s)", w->refusals[i].rule);
		first = 0;
	}
	nuc_buf_take(&b, &s);
	return s;
}

static int conclude(struct nuc_why_state *w, struct nuc_answer *ret)
{
	struct nuc_answer a = { .certainty = w->inferred ? NUC_INFERRED : NUC_CERTAIN,
				.partly = w->partly };
	const char *origin;

	if (w->n) {
		size_t i = pick(w);
		struct nuc_refusal *r = &w->refusals[i];

		a.refused = true;
		a.layer = r->layer;
		a.error = r->error;
		a.kills = r->kills;
		a.rule = w->failed ? NULL : whole_rule(w, i);
		a.fix = NUC_TAKE_PTR(r->fix);
		origin = r->origin;
	} else {
		a.layer = w->allowed_layer;
		a.rule = NUC_TAKE_PTR(w->allowed);
		origin = w->allowed_origin;
	}
	/* Links in a workspace are written by whoever. */
	nuc_tame(a.rule);
	nuc_tame(a.fix);
	a.origin = origin ? strdup(origin) : NULL;
	if (!a.rule || (origin && !a.origin)) {
		nuc_answer_done(&a);
		return -ENOMEM;
	}
	*ret = a;
	return 0;
}

int nuc_why(const struct nuc_plan *plan, const struct nuc_question *q, struct nuc_answer *ret)
{
	struct nuc_why_state w = { .plan = plan, .q = q };
	int r;

	switch (q->asked) {
	case NUC_ASKED_CONNECT:
		r = q->target[0] == '/' ? nuc_why_files(&w) : nuc_why_network(&w);
		break;
	case NUC_ASKED_BIND:
		r = nuc_why_network(&w);
		break;
	case NUC_ASKED_SYSCALL:
		r = nuc_why_seccomp(&w);
		break;
	default:
		r = nuc_why_files(&w);
	}
	if (r == 0)
		r = conclude(&w, ret);
	for (size_t i = 0; i < w.n; i++) {
		free(w.refusals[i].rule);
		free(w.refusals[i].fix);
	}
	free(w.allowed);
	return r;
}

void nuc_answer_done(struct nuc_answer *a)
{
	free(a->rule);
	free(a->origin);
	free(a->fix);
	*a = (struct nuc_answer){ 0 };
}
