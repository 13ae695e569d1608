/* SPDX-License-Identifier: MIT */
/* why: which layer of a plan refuses something, by which rule, and what would allow it. */
#pragma once

#include "plan.h"
#include "base.h"

enum nuc_asked {
	NUC_ASKED_READ,		/* open for reading; a directory: list it */
	NUC_ASKED_WRITE,	/* open what is there for writing */
	NUC_ASKED_CREATE,	/* make a file, directory, link, or change its name to this */
	NUC_ASKED_REMOVE,	/* remove it, or change its name to another */
	NUC_ASKED_EXEC,
	NUC_ASKED_CONNECT,	/* target: "HOST:PORT" or "[ADDRESS]:PORT" */
	NUC_ASKED_BIND,		/* target: "PORT" */
	NUC_ASKED_SYSCALL,
};

struct nuc_question {
	enum nuc_asked asked;
	const char *target;	/* a path inside, absolute; an address; a name of a system call */
	const uint64_t *args;	/* SYSCALL: its six arguments; NULL: for whatever arguments */
	int error;		/* the errno that it failed with; 0: not known */
};

enum nuc_certainty {
	NUC_CERTAIN,	/* the layer itself said so, or the plan leaves no other answer */
	NUC_INFERRED,	/* follows from the plan and what is known, but was not seen */
};

/* Strings are owned, or NULL. */
struct nuc_answer {
	bool refused;
	enum nuc_certainty certainty;
	const char *layer;	/* static: "seccomp", "landlock", "mount", "network namespace", ... */
	char *rule;		/* what refuses (or allows) it, in words */
	char *origin;		/* where that was asked for: "web.toml:12:3", "--workspace"; or NULL */
	char *fix;		/* what would allow it; what that opens, if it opens a hole; or NULL */
};

/* -EINVAL for a question that cannot be understood, -ENOMEM. */
int nuc_why(const struct nuc_plan *plan, const struct nuc_question *q, struct nuc_answer *ret);
void nuc_answer_done(struct nuc_answer *a);
