/* SPDX-License-Identifier: MIT */
/*
 * A filter as a decision diagram. A node tests one word of struct seccomp_data and goes on to one of two others, or
 * is an answer. Nodes that are equal are one node: equal answers to equal questions are seen by their index.
 */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No node, since there was no more room or too much to do: what is made of it is none, either. */
#define NUC_NO_NODE UINT32_MAX
#define NUC_ALL_BITS UINT32_MAX

enum nuc_test {
	NUC_ANSWER,	/* k */
	NUC_EQUAL,	/* (word & mask) == k */
	NUC_AT_LEAST,	/* (word & mask) >= k */
	NUC_ANY_BIT,	/* word & k; its mask is all bits */
};

struct nuc_node {
	uint8_t test, word;	/* word: its offset in struct seccomp_data by 4 */
	uint16_t below;		/* bit per word that is tested here or further on */
	uint32_t mask, k;
	uint32_t yes, no;
	uint32_t next;		/* of those with the same hash */
	uint32_t better;	/* what nuc_diagram_ordered() has made of it */
	uint32_t seen;		/* by which search */
};

struct nuc_diagram {
	struct nuc_node *nodes;
	uint32_t n, searches;
	uint32_t steps;		/* that may still be taken */
	uint32_t *heads, *stack;
};

int nuc_diagram_init(struct nuc_diagram *d);
void nuc_diagram_done(struct nuc_diagram *d);

/* What `program` decides, from its first instruction. NUC_NO_NODE if it does more than load, mask and compare. */
uint32_t nuc_diagram_read(struct nuc_diagram *d, const struct sock_filter *program, size_t len);

/*
 * The same decision, with as few tests as there are ranges of numbers that are decided alike, in trees that are
 * balanced.
 */
uint32_t nuc_diagram_ordered(struct nuc_diagram *d, uint32_t node);
