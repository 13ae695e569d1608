/* SPDX-License-Identifier: MIT */
/* learn: traces (nucleus-trace(5)), and the policies that are made of them. */
#pragma once

#include "base.h"
#include "matter.h"
#include "names.h"

/* The kernel's 16 bytes, each of which may have become U+FFFD. */
#define NUC_TRACE_COMM 64
/* A trace is written up to this size, and a bigger one is none. */
#define NUC_TRACE_MAX_BYTES (64u << 20)
#define NUC_TRACE_RUN (-1)

/* A call that a program made in one form. */
struct nuc_trace_call {
	int nr;
	int answer;		/* NUC_TRACE_RUN, or the errno (0: success) that it was answered without being run */
	bool refused;		/* it is always refused */
	uint32_t values[NUC_MATTER_ARGS]; /* as in its row of matter.c */
	char comm[NUC_TRACE_COMM];
};

#define NUC_TRACE_OPS(X) X(read) X(write) X(list) X(exec) X(create) X(remove) X(refer)
#define NUC_TRACE_KINDS(X) X(file) X(dir) X(link) X(socket) X(fifo) X(device) X(missing)
enum nuc_trace_op {
#define X(name) NUC_TRACE_OP_##name,
	NUC_TRACE_OPS(X)
#undef X
};
enum nuc_trace_kind {
#define X(name) NUC_TRACE_KIND_##name,
	NUC_TRACE_KINDS(X)
#undef X
};

struct nuc_trace_path {
	enum nuc_trace_op op;
	enum nuc_trace_kind kind;
	bool exact;		/* the name is valid UTF-8 and stands here as it is */
	unsigned int trace;	/* which trace it comes from */
	char *path;		/* canonical, absolute */
	char comm[NUC_TRACE_COMM];
};

struct nuc_trace_net {
	bool bind;		/* or connect */
	bool stream;		/* or not known: not certainly something that is not TCP */
	uint16_t port;
	char comm[NUC_TRACE_COMM];
};

/* The union of traces. */
struct nuc_trace {
	struct nuc_trace_call *calls;
	struct nuc_trace_path *paths;
	struct nuc_trace_net *nets;
	size_t n_calls, n_paths, n_nets;
	uint64_t counts[NUC_CALLS]; /* how often each call was made, of complete traces */
	uint64_t lost, unread;
	unsigned int traces, incomplete, with_paths;
};

/*
 * Adds a trace's text. -EINVAL for one that is none or is damaged, with an error whose origin is
 * "name:line:col"; -ENOMEM. Cut off at its end it is taken, and counts as incomplete.
 */
int nuc_trace_parse(const char *text, size_t len, const char *name, struct nuc_trace *t,
		    nucleus_error **ret_err);
/* The same with a file; -EFBIG, -EISDIR, or an errno of open(2) or read(2). */
int nuc_trace_load(const char *path, struct nuc_trace *t, nucleus_error **ret_err);
/* All of them, NULL-terminated; -EINVAL for none. */
int nuc_trace_load_all(const char *const *paths, struct nuc_trace *t, nucleus_error **ret_err);
void nuc_trace_done(struct nuc_trace *t);
#define _cleanup_trace_ _cleanup_(nuc_trace_done)

/* What a reader must know before trusting what was made of it: lines for the notes. */
void nuc_trace_note(const struct nuc_trace *t, struct nuc_buf *notes);

/* Whether a call is in no profile that is learned, though it was seen, unless allow-dangerous= names it. */
bool nuc_learn_by_name(const char *name);

/* nucleus_seccomp_generate() and nucleus_landlock_generate(), of traces that have been read. */
int nuc_learn_seccomp(const struct nuc_trace *t, const char *const *options, char **ret,
		      char **ret_notes, nucleus_error **ret_err);
int nuc_learn_landlock(const struct nuc_trace *t, char **ret, char **ret_notes,
		       nucleus_error **ret_err);
