/* SPDX-License-Identifier: MIT */
/*
 * why: which layer of a plan refuses something, by which rule, and what would allow it. Answers come
 * from the plan alone, but for what stands behind its binds: that is looked at on the host.
 */
#pragma once

#include "plan.h"
#include "base.h"

enum nuc_asked {
	NUC_ASKED_READ,		/* open for reading; a directory: list it */
	NUC_ASKED_WRITE,	/* open what is there for writing */
	NUC_ASKED_CREATE,	/* make a file, directory, link, or change its name to this */
	NUC_ASKED_REMOVE,	/* remove it, or change its name to another */
	NUC_ASKED_EXEC,		/* without a slash: looked up in the sandbox's PATH */
	NUC_ASKED_CONNECT,	/* target: "HOST:PORT", "[ADDRESS]:PORT", or the path of a Unix socket */
	NUC_ASKED_BIND,		/* target: "PORT" */
	NUC_ASKED_SYSCALL,
	NUC_ASKED_LIST,		/* as READ, of a directory only */
};

struct nuc_question {
	enum nuc_asked asked;
	const char *target;	/* a path inside, absolute; an address; a name of a system call */
	const uint64_t *args;	/* SYSCALL: its six arguments; NULL: for whatever arguments */
	int error;		/* the errno that it failed with; 0: not known */
	/* A program chose the target: of the host nothing is looked at that could wait, or act. */
	bool by_program;
};

enum nuc_certainty {
	NUC_CERTAIN,	/* the layer itself said so, or the plan leaves no other answer */
	NUC_INFERRED,	/* follows from the plan and from files of the host, which may change */
};

/* Strings are owned, or NULL. */
struct nuc_answer {
	bool refused;
	bool partly;		/* SYSCALL without arguments: allowed for some of them only */
	enum nuc_certainty certainty;
	int error;		/* the errno that it fails with; 0: none, or it kills (see kills) */
	bool kills;		/* the process is killed */
	const char *layer;	/* static: "seccomp", "landlock", "mount", "network namespace", ... */
	char *rule;		/* what refuses (or allows) it, in words */
	char *origin;		/* where that was asked for: "web.toml:12:3", "--workspace"; or NULL */
	char *fix;		/* what would allow it; what that opens, if it opens a hole; or NULL */
};

/*
 * -EINVAL for a question that cannot be understood, -ENOMEM. Where several layers refuse, the answer
 * is the first that the kernel asks, or with q->error the first that fails so; the others are named
 * in its rule.
 */
int nuc_why(const struct nuc_plan *plan, const struct nuc_question *q, struct nuc_answer *ret);
void nuc_answer_done(struct nuc_answer *a);
#define _cleanup_answer_ _cleanup_(nuc_answer_done)

/*
 * What a path of the host holds that a sandbox had better not have ("password hashes"), itself or
 * below it; NULL: nothing that we know of. Static.
 */
const char *nuc_sensitive_path(const char *path);
