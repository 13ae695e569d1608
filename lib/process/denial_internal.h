/* SPDX-License-Identifier: MIT */
/* Between the parts of denial: what one consists of. */
#pragma once

#include "denial.h"

enum attr {
	TIME,
	PID,
	PROGRAM,
	LAYER,
	OPERATION,
	TARGET,
	ERRNO,
	RULE,
	ORIGIN,
	FIX,
	CERTAINTY,
	COUNT,
	WEIGHT,
	ATTRS
};

struct nucleus_denial {
	char *attr[ATTRS]; /* NULL: not known */
};

void nuc_denial_freep(nucleus_denial **d);
/* Takes the text. 0, -ENOMEM; so do all of these. */
int nuc_denial_take(nucleus_denial *d, enum attr a, struct nuc_buf *b);
/* Our own words, in which a program's may stand. NULL is nothing known. */
int nuc_denial_put(nucleus_denial *d, enum attr a, const char *s);
int nuc_denial_put_number(nucleus_denial *d, enum attr a, uint64_t n);
/* Microseconds since 1970. */
int nuc_denial_put_time(nucleus_denial *d, uint64_t us);
int nuc_denial_put_words(nucleus_denial *d, const char *layer, const char *operation, const char *rule,
			 const char *origin, const char *fix, bool certain, bool usual);
int nuc_denial_put_errno(nucleus_denial *d, int error);
/* What all records have. */
int nuc_denial_put_facts(nucleus_denial *d, const struct nuc_denial_record *r);
