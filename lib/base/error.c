/* SPDX-License-Identifier: MIT */
#include <jansson.h>

#include "base.h"

struct nucleus_error {
	int code;
	char *stage, *layer, *message, *origin, *hint;
};

/* Given when there is no memory for a real one; nucleus_error_free() knows it. */
static struct nucleus_error error_no_memory = {
	.code = -ENOMEM,
	.stage = (char *)"library",
	.layer = (char *)"memory",
	.message = (char *)"out of memory while reporting an error",
};

static char *dup_or_null(const char *s)
{
	return s ? strdup(s) : NULL;
}

int nuc_fail(nucleus_error **ret, int code, const struct nuc_where *where, const char *fmt, ...)
{
	nucleus_error *e;
	va_list ap;
	int n;

	if (!ret)
		return code;
	e = calloc(1, sizeof(*e));
	if (!e) {
		*ret = &error_no_memory;
		return code;
	}
	e->code = code;
	e->stage = strdup(where->stage);
	e->layer = strdup(where->layer);
	e->origin = dup_or_null(where->origin);
	e->hint = dup_or_null(where->hint);
	va_start(ap, fmt);
	n = vasprintf(&e->message, fmt, ap);
	va_end(ap);
	if (n < 0)
		e->message = NULL;
	if (!e->stage || !e->layer || !e->message || (where->origin && !e->origin) ||
	    (where->hint && !e->hint)) {
		nucleus_error_free(e);
		e = &error_no_memory;
	}
	*ret = e;
	return code;
}

int nucleus_error_code(const nucleus_error *e)
{
	return e ? e->code : 0;
}

const char *nucleus_error_stage(const nucleus_error *e)
{
	return e ? e->stage : "";
}

const char *nucleus_error_layer(const nucleus_error *e)
{
	return e ? e->layer : "";
}

const char *nucleus_error_message(const nucleus_error *e)
{
	return e ? e->message : "";
}

const char *nucleus_error_origin(const nucleus_error *e)
{
	return e ? e->origin : NULL;
}

const char *nucleus_error_hint(const nucleus_error *e)
{
	return e ? e->hint : NULL;
}

int nucleus_error_json(const nucleus_error *e, char **ret)
{
	json_t *o;
	char *s;

	if (!e)
		return -EINVAL;
	/* A path in a message need not be UTF-8: json_pack refuses that, so say it escaped. */
	o = json_pack("{s:i, s:s, s:s, s:s, s:s?, s:s?, s:s?}", "code", e->code, "errno",
		      nuc_errno_name(e->code), "stage", e->stage, "layer", e->layer, "message",
		      nuc_utf8_valid(e->message, strlen(e->message)) ? e->message
								     : "(not UTF-8)",
		      "origin",
		      e->origin && nuc_utf8_valid(e->origin, strlen(e->origin)) ? e->origin : NULL,
		      "hint", e->hint && nuc_utf8_valid(e->hint, strlen(e->hint)) ? e->hint : NULL);
	if (!o)
		return -ENOMEM;
	s = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(o);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

void nucleus_error_free(nucleus_error *e)
{
	if (!e || e == &error_no_memory)
		return;
	free(e->stage);
	free(e->layer);
	free(e->message);
	free(e->origin);
	free(e->hint);
	free(e);
}

const char *nuc_errno_name(int code)
{
	const char *name = strerrorname_np(code < 0 ? -code : code);

	return name ? name : "E?";
}

void nucleus_free(void *string)
{
	free(string);
}
