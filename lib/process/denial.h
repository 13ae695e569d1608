/* SPDX-License-Identifier: MIT */
/*
 * denial: what was refused, in words. Init tells facts, and much of them are the program's own words:
 * its name, its paths. What is made of them here can be printed and parsed whatever they are.
 */
#pragma once

#include "audit.h"
#include "cgroup.h"
#include "plan.h"

/*
 * A record of init's. `r` is not trusted further than its size. 0; -ENOENT when nobody refuses that,
 * or nobody would have anything else; -EBADMSG for what is no record, -ENOMEM.
 */
int nuc_denial_of_record(const struct nuc_plan *plan, const struct nuc_denial_record *r,
			 nucleus_denial **ret);

/* What Landlock itself said, of a layer of the sandbox. 0, -ENOMEM. */
int nuc_denial_of_landlock(const struct nuc_plan *plan, const struct nuc_landlock_record *r,
			   nucleus_denial **ret);
/* Whether it was inferred that Landlock refuses: its own word may come yet, or have come. */
bool nuc_denial_awaits_landlock(const nucleus_denial *d);
/* Whether this is that word. */
bool nuc_denial_is_of(const nucleus_denial *d, const struct nuc_landlock_record *r);
/* 0, -ENOMEM. */
int nuc_denial_make_certain(nucleus_denial *d);

/* What is known at the end only: how it ended, and the group's figures. */
struct nuc_denial_end {
	int outcome, code;	/* enum nucleus_outcome */
	const struct nuc_cgroup *group;
	uint32_t dropped;	/* by init, which could not even tell that */
	bool told_killed;	/* a record has told of a SIGSYS */
};
#define NUC_DENIAL_ENDS 5
/* Number i of these. 0, -ENOENT where there is none, -ENOMEM. */
int nuc_denial_of_end(const struct nuc_plan *plan, const struct nuc_denial_end *end, unsigned int i,
		      nucleus_denial **ret);

/*
 * Adds text that a program may have made up: what is no printable UTF-8, or moves text about, becomes
 * \xHH, and a backslash two.
 */
void nuc_denial_escape(struct nuc_buf *b, const char *s, size_t len);
