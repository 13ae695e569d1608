/* SPDX-License-Identifier: MIT */
/* What a denial is made of: its words, escaped. */
#include <time.h>

#include "denial_internal.h"

/* ---- words of programs --------------------------------------------------------------------------- */

void nuc_denial_escape(struct nuc_buf *b, const char *s, size_t len)
{
	nuc_buf_escaped(b, s, len, true);
}

/* ---- making one ------------------------------------------------------------------------------------ */

void nucleus_denial_free(nucleus_denial *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < ATTRS; i++)
		free(d->attr[i]);
	free(d);
}

void nuc_denial_freep(nucleus_denial **d)
{
	nucleus_denial_free(*d);
}

int nuc_denial_take(nucleus_denial *d, enum attr a, struct nuc_buf *b)
{
	free(d->attr[a]);
	d->attr[a] = NULL;
	return nuc_buf_take(b, &d->attr[a]);
}

/* Our own words, in which a program's may stand. NULL is nothing known. */
int nuc_denial_put(nucleus_denial *d, enum attr a, const char *s)
{
	_cleanup_buf_ struct nuc_buf b = { 0 };

	if (!s)
		return 0;
	nuc_buf_puts(&b, "");
	nuc_buf_escaped(&b, s, strlen(s), false);
	return nuc_denial_take(d, a, &b);
}

int nuc_denial_put_number(nucleus_denial *d, enum attr a, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	return nuc_denial_put(d, a, text);
}

/* RFC 3339, in UTC. */
int nuc_denial_put_time(nucleus_denial *d, uint64_t us)
{
	const time_t s = (time_t)(us / 1000000);
	char text[64];
	struct tm tm;

	/* The year 9999 ends here: nobody told the truth. */
	if (us / 1000000 > 253402300799u || !gmtime_r(&s, &tm))
		return 0;
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%06uZ", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		 (unsigned int)(us % 1000000));
	return nuc_denial_put(d, TIME, text);
}

int nuc_denial_put_words(nucleus_denial *d, const char *layer, const char *operation, const char *rule,
		     const char *origin, const char *fix, bool certain, bool usual)
{
	int r = nuc_denial_put(d, LAYER, layer);

	if (r == 0)
		r = nuc_denial_put(d, OPERATION, operation);
	if (r == 0)
		r = nuc_denial_put(d, RULE, rule);
	if (r == 0)
		r = nuc_denial_put(d, ORIGIN, origin);
	if (r == 0)
		r = nuc_denial_put(d, FIX, fix);
	if (r == 0)
		r = nuc_denial_put(d, CERTAINTY, certain ? "certain" : "inferred");
	return r == 0 ? nuc_denial_put(d, WEIGHT, usual ? "low" : "high") : r;
}

int nuc_denial_put_errno(nucleus_denial *d, int error)
{
	return error > 0 && error < 4096 ? nuc_denial_put(d, ERRNO, nuc_errno_name(error)) : 0;
}

/* What all records have. */
int nuc_denial_put_facts(nucleus_denial *d, const struct nuc_denial_record *r)
{
	_cleanup_buf_ struct nuc_buf comm = { 0 };
	int e = nuc_denial_put_time(d, r->time_us);

	nuc_denial_escape(&comm, r->comm, strnlen(r->comm, sizeof(r->comm)));
	if (e == 0 && r->pid > 0)
		e = nuc_denial_put_number(d, PID, (uint64_t)r->pid);
	if (e == 0 && r->comm[0])
		e = nuc_denial_take(d, PROGRAM, &comm);
	if (e == 0)
		e = nuc_denial_put_number(d, COUNT, r->count ? r->count : 1);
	return e;
}
