/* SPDX-License-Identifier: MIT */
/* The Landlock policy: a TOML file that says which paths and ports a program may reach. */
#pragma once

#include "base.h"
#include "landlock_abi.h"

#define NUC_LANDLOCK_MAX_RULES 4096 /* the file is at most 1 MiB; a plan is at most 8 */

struct nuc_landlock_pos {
	unsigned int line, col;
};

struct nuc_landlock_rule {
	char *path;		/* absolute, without "." and ".." and "//" */
	uint32_t access;	/* NUC_LL_*, as written: also those of directories on a file */
	bool optional;
	struct nuc_landlock_pos at, access_at;
};

struct nuc_landlock_port {
	uint16_t port;
	uint32_t rights;	/* NUC_LL_NET_* */
};

struct nuc_landlock_file {
	int min_abi;		/* 1, if the file does not say */
	struct nuc_landlock_rule *rules;
	size_t n_rules;
	struct nuc_landlock_port *ports; /* sorted, each once */
	size_t n_ports;
	uint32_t scoped;	/* NUC_LL_SCOPE_*: both, if the file does not say */
	/* Line 0: not written. */
	struct nuc_landlock_pos min_abi_at, net_at, scope_at;
};

/*
 * -EINVAL with an error whose origin is "name:line:col", -ENOMEM. What paths are is not looked at.
 * nuc_landlock_file_done() afterwards.
 */
int nuc_landlock_file_read(const char *bytes, size_t len, const char *name,
			   struct nuc_landlock_file *ret, nucleus_error **ret_err);
void nuc_landlock_file_done(struct nuc_landlock_file *f);
#define _cleanup_landlock_file_ _cleanup_(nuc_landlock_file_done)

/* Reads it, and adds "name:line:col: note" lines about what may not mean what it seems to. */
int nuc_landlock_file_check(const char *bytes, size_t len, const char *name, struct nuc_buf *report,
			    nucleus_error **ret_err);

/*
 * The same as canonical TOML: rules sorted by path, one a path, rights by the shortest words. What
 * is read from it again is equal. -ENOMEM.
 */
int nuc_landlock_file_write(const struct nuc_landlock_file *f, char **ret);

/* A string of the file: a basic one of TOML. */
void nuc_landlock_string(struct nuc_buf *b, const char *s);
/* Rights as words of the file, `"read", "execute"`. */
void nuc_landlock_words(struct nuc_buf *b, uint32_t access);
/* The kernel's names of rights, "read_file,refer"; "-" if there is none. */
void nuc_landlock_names(struct nuc_buf *b, uint32_t access);
