/* SPDX-License-Identifier: MIT */
/* The three parts of the TOML reader: toml.c tables and keys, toml_value.c, toml_scalar.c. */
#pragma once

#include "doc_internal.h"

/* How a table or an array came to be, which decides what may still be added to it, and by what. */
enum toml_origin {
	TOML_VALUE,	/* written out: { } or [ ] or a scalar. Closed */
	TOML_IMPLICIT,	/* a table on the way to a [header]; its own header may still come */
	TOML_HEADER,	/* a table that a [header] or [[header]] defined, or the document */
	TOML_DOTTED,	/* a table that a dotted key made; more dotted keys may add to it */
	TOML_TABLES,	/* the array that [[headers]] append to */
};

struct toml_node {
	struct nuc_doc doc;	/* first: nuc_doc_free() frees a node by this address */
	uint8_t origin;		/* enum toml_origin */
	uint8_t depth;		/* containers around it and itself; 0 for a scalar */
	uint32_t id;		/* of a table, for the index */
};

struct toml_entry {
	uint64_t hash;
	const struct toml_node *table;
	struct toml_node *node;
};

/* Every key of every table: a look-up in a table of 100,000 keys must not cost 100,000 steps. */
struct toml_index {
	struct toml_entry *entries;
	size_t size, used;	/* size: a power of two */
	unsigned char secret[16];
};

struct toml {
	struct nuc_doc_cursor c;
	struct nuc_buf scratch;	/* the string being read */
	struct toml_index index;
	uint32_t last_id;
};

/* All give 0, or -EINVAL or -ENOMEM with an error reported. */

/* A new value that stands at `pos`; `depth` counts the containers around it. */
int toml_node_new(struct toml *t, enum nuc_doc_type type, enum toml_origin origin,
		  struct nuc_doc_pos pos, unsigned depth, struct toml_node **ret);
/* key = value, at the cursor, into a table. */
int toml_key_value(struct toml *t, struct toml_node *table);

/* A value, at the cursor. */
int toml_value(struct toml *t, unsigned depth, struct toml_node **ret);

/* A string at the cursor, which stands on its quote, into t->scratch. */
int toml_string(struct toml *t, bool multi_line_allowed);
/* The bytes of t->scratch in memory of their own; NULL when there is none. */
char *toml_take_scratch(struct toml *t);
/* A number, boolean or date at the cursor. */
int toml_scalar(struct toml *t, struct toml_node **ret);

/* Moves over spaces and tabs. */
void toml_skip_space(struct toml *t);
/* Moves over spaces, tabs, line ends and comments. */
void toml_skip_lines(struct toml *t);
