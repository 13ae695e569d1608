/* SPDX-License-Identifier: MIT */
#include <linux/seccomp.h>

#include "base.h"
#include "diagram.h"

#define MAX_NODES 16384
#define HEADS 4096
/* Bounds what a profile can have this do: some milliseconds. */
#define MAX_STEPS (1u << 20)
#define MAX_DEPTH 200
/* In one place, what the accumulator may hold: libseccomp's programs have one thing, or two. */
#define HOLDS 4
#define UNKNOWN (UINT32_MAX - 1)
/* How many single numbers are picked out of a range before it is divided. */
#define MAX_EXCEPTIONS 4

int nuc_diagram_init(struct nuc_diagram *d)
{
	*d = (struct nuc_diagram){ .steps = MAX_STEPS };
	d->nodes = malloc(MAX_NODES * sizeof(*d->nodes));
	d->heads = malloc(HEADS * sizeof(*d->heads));
	d->stack = malloc(MAX_NODES * sizeof(*d->stack));
	if (!d->nodes || !d->heads || !d->stack) {
		nuc_diagram_done(d);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < HEADS; i++)
		d->heads[i] = NUC_NO_NODE;
	return 0;
}

void nuc_diagram_done(struct nuc_diagram *d)
{
	free(d->nodes);
	free(d->heads);
	free(d->stack);
	*d = (struct nuc_diagram){ 0 };
}

/* ---- nodes --------------------------------------------------------------------------------------------- */

static uint32_t intern(struct nuc_diagram *d, const struct nuc_node *c)
{
	uint32_t hash = c->test * 31u + c->word;
	struct nuc_node *new;

	hash = (hash ^ c->mask) * 0x9e3779b1u;
	hash = (hash ^ c->k) * 0x9e3779b1u;
	hash = (hash ^ c->yes) * 0x9e3779b1u;
	hash = (hash ^ c->no) * 0x9e3779b1u;
	hash = (hash >> 16) % HEADS;
	for (uint32_t i = d->heads[hash]; i != NUC_NO_NODE; i = d->nodes[i].next) {
		const struct nuc_node *o = &d->nodes[i];

		if (o->test == c->test && o->word == c->word && o->mask == c->mask && o->k == c->k &&
		    o->yes == c->yes && o->no == c->no)
			return i;
	}
	if (d->n == MAX_NODES)
		return NUC_NO_NODE;
	new = &d->nodes[d->n];
	*new = *c;
	new->next = d->heads[hash];
	new->better = UNKNOWN;
	d->heads[hash] = d->n;
	return d->n++;
}

static uint32_t answer(struct nuc_diagram *d, uint32_t k)
{
	return intern(d, &(struct nuc_node){ .test = NUC_ANSWER, .k = k });
}

static uint32_t test(struct nuc_diagram *d, enum nuc_test how, uint8_t word, uint32_t mask, uint32_t k, uint32_t yes,
		     uint32_t no)
{
	struct nuc_node c = { .test = (uint8_t)how, .word = word, .mask = mask, .k = k, .yes = yes, .no = no };

	if (yes == no || yes == NUC_NO_NODE || no == NUC_NO_NODE)
		return no == NUC_NO_NODE ? no : yes;
	if (how == NUC_ANY_BIT) {
		c.k &= mask;
		c.mask = NUC_ALL_BITS;
		if (!c.k)
			return no;
	} else if (how == NUC_EQUAL && (k & ~mask)) {
		return no;
	} else if (how == NUC_EQUAL && !k && mask != NUC_ALL_BITS) {
		return test(d, NUC_ANY_BIT, word, NUC_ALL_BITS, mask, no, yes);
	} else if (how == NUC_AT_LEAST && !k) {
		return yes;
	}
	c.below = (uint16_t)(d->nodes[yes].below | d->nodes[no].below | 1u << word);
	return intern(d, &c);
}

static bool holds(const struct nuc_node *c, uint32_t value)
{
	value &= c->mask;
	return c->test == NUC_EQUAL ? value == c->k : c->test == NUC_AT_LEAST ? value >= c->k : (value & c->k) != 0;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

/* What the accumulator holds: a word, masked. */
struct held {
	uint8_t word;
	uint32_t mask;
};

/* Before one instruction. */
struct before {
	uint32_t n;
	struct held held[HOLDS];
	uint32_t node[HOLDS];
};

static bool same(const struct held *a, const struct held *b)
{
	return a->word == b->word && a->mask == b->mask;
}

static bool comes_to(struct before *to, const struct held *h)
{
	for (uint32_t i = 0; i < to->n; i++)
		if (same(&to->held[i], h))
			return true;
	if (to->n == HOLDS)
		return false;
	to->held[to->n++] = *h;
	return true;
}

static uint32_t node_at(const struct before *at, const struct held *h)
{
	for (uint32_t i = 0; i < at->n; i++)
		if (same(&at->held[i], h))
			return at->node[i];
	return NUC_NO_NODE;
}

static const struct held nothing = { 0, NUC_ALL_BITS };

/* What the accumulator holds before `next`, after `f`. */
static struct held after(const struct sock_filter *f, struct held h, const struct sock_filter *next)
{
	if (next->code == (BPF_LD | BPF_W | BPF_ABS) || next->code == (BPF_RET | BPF_K))
		return nothing; /* whatever it is: these do not look */
	if (f->code == (BPF_LD | BPF_W | BPF_ABS))
		return (struct held){ (uint8_t)(f->k / 4), NUC_ALL_BITS };
	if (f->code == (BPF_ALU | BPF_AND | BPF_K))
		h.mask &= f->k;
	return h;
}

/* Where it goes on, relative to the next one: to `n` places, none at an answer. -1: it is none of ours. */
struct ways {
	int n;
	uint32_t to[2];
};

static struct ways ways_of(const struct sock_filter *f)
{
	switch (f->code) {
	case BPF_RET | BPF_K:
		return (struct ways){ 0 };
	case BPF_LD | BPF_W | BPF_ABS:
		return (struct ways){ f->k < sizeof(struct seccomp_data) && f->k % 4 == 0 ? 1 : -1, { 0 } };
	case BPF_ALU | BPF_AND | BPF_K:
		return (struct ways){ 1, { 0 } };
	case BPF_JMP | BPF_JA:
		return (struct ways){ 1, { f->k } };
	case BPF_JMP | BPF_JEQ | BPF_K:
	case BPF_JMP | BPF_JGE | BPF_K:
	case BPF_JMP | BPF_JGT | BPF_K:
	case BPF_JMP | BPF_JSET | BPF_K:
		return (struct ways){ 2, { f->jt, f->jf } };
	}
	return (struct ways){ -1, { 0 } };
}

/* Where way `t` of instruction `f` leads, with what is held. */
static uint32_t way(const struct sock_filter *f, const struct held *h, const struct before *rest, uint32_t t)
{
	const struct held then = after(f, *h, f + 1 + t);

	return node_at(&rest[t], &then);
}

static uint32_t node_of(struct nuc_diagram *d, const struct sock_filter *f, const struct held *h,
			const struct before *rest)
{
	const struct ways ways = ways_of(f);
	uint32_t yes, no;

	if (ways.n == 0)
		return answer(d, f->k);
	yes = way(f, h, rest, ways.to[0]);
	if (ways.n == 1)
		return yes;
	no = way(f, h, rest, ways.to[1]);
	switch (BPF_OP(f->code)) {
	case BPF_JEQ:
		return test(d, NUC_EQUAL, h->word, h->mask, f->k, yes, no);
	case BPF_JGE:
		return test(d, NUC_AT_LEAST, h->word, h->mask, f->k, yes, no);
	case BPF_JGT:
		return f->k == UINT32_MAX ? no : test(d, NUC_AT_LEAST, h->word, h->mask, f->k + 1, yes, no);
	default:
		return test(d, NUC_ANY_BIT, h->word, h->mask, f->k, yes, no);
	}
}

uint32_t nuc_diagram_read(struct nuc_diagram *d, const struct sock_filter *program, size_t len)
{
	_cleanup_free_ struct before *before = calloc(len + 1, sizeof(*before));

	/* It is 0 at first; what compares that does more than we know. */
	if (!before || !len || program[0].code != (BPF_LD | BPF_W | BPF_ABS))
		return NUC_NO_NODE;
	comes_to(&before[0], &nothing);
	/* Jumps go forward only: what comes to an instruction is known when it is its turn. */
	for (size_t i = 0; i < len; i++) {
		const struct ways ways = ways_of(&program[i]);

		if (ways.n < 0)
			return NUC_NO_NODE;
		for (int t = 0; t < ways.n; t++) {
			const size_t next = i + 1 + ways.to[t];

			if (next >= len)
				return NUC_NO_NODE;
			for (uint32_t h = 0; h < before[i].n; h++) {
				const struct held then = after(&program[i], before[i].held[h], &program[next]);

				if (!comes_to(&before[next], &then))
					return NUC_NO_NODE;
			}
		}
	}
	for (size_t i = len; i-- > 0;)
		for (uint32_t h = 0; h < before[i].n; h++)
			before[i].node[h] = node_of(d, &program[i], &before[i].held[h], &before[i + 1]);
	return before[0].node[0];
}

/* ---- order --------------------------------------------------------------------------------------------- */

/* What is left to decide once a word is known. */
static uint32_t known(struct nuc_diagram *d, uint32_t node, uint8_t word, uint32_t value, int depth)
{
	while (node != NUC_NO_NODE && (d->nodes[node].below & 1u << word)) {
		const struct nuc_node c = d->nodes[node];

		if (d->steps == 0 || depth == MAX_DEPTH)
			return NUC_NO_NODE;
		d->steps--;
		if (c.word != word)
			return test(d, (enum nuc_test)c.test, c.word, c.mask, c.k,
				    known(d, c.yes, word, value, depth + 1),
				    known(d, c.no, word, value, depth + 1));
		node = holds(&c, value) ? c.yes : c.no;
	}
	return node;
}

struct range {
	uint32_t from, node;
};

/* A range with a few numbers in it that are decided otherwise: every second of the ranges from first to last. */
struct group {
	uint32_t first, last;
};

/*
 * Where the answers to a word's tests change, unsorted: at most `max`. False if there are others, as of single
 * bits.
 */
static bool changes(struct nuc_diagram *d, uint32_t node, uint8_t word, struct range *to, uint32_t max, uint32_t *ret_n)
{
	uint32_t n = 0, depth = 0;

	to[n++].from = 0;
	d->searches++;
	d->stack[depth++] = node;
	while (depth) {
		struct nuc_node *c = &d->nodes[d->stack[--depth]];

		if (c->seen == d->searches || !(c->below & 1u << word))
			continue;
		c->seen = d->searches;
		if (c->word == word) {
			/* Of a high bit and those above, there are few combinations: x32 is one. */
			const uint32_t step = c->test == NUC_ANY_BIT ? c->k & -c->k : 0;

			if (c->mask != NUC_ALL_BITS || (step && step < 1u << 28) || n + 16 > max)
				return false;
			for (uint32_t at = step; at; at += step)
				to[n++].from = at;
			if (!step)
				to[n++].from = c->k;
			if (c->test == NUC_EQUAL && c->k != UINT32_MAX)
				to[n++].from = c->k + 1;
		}
		/* Each node is put there by one that was not seen before, and by the first: two for each at most. */
		if (depth + 2 > MAX_NODES)
			return false;
		d->stack[depth++] = c->yes;
		d->stack[depth++] = c->no;
	}
	*ret_n = n;
	return true;
}

static int by_number(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

static uint32_t group_node(struct nuc_diagram *d, uint8_t word, const struct range *ranges, struct group g)
{
	uint32_t node = ranges[g.first].node;

	for (uint32_t i = g.first + 1; i < g.last; i += 2)
		node = test(d, NUC_EQUAL, word, NUC_ALL_BITS, ranges[i].from, ranges[i].node, node);
	return node;
}

static uint32_t tree(struct nuc_diagram *d, uint8_t word, const struct range *ranges, const struct group *groups,
		     uint32_t n)
{
	const uint32_t half = n / 2;

	if (n == 1)
		return group_node(d, word, ranges, groups[0]);
	return test(d, NUC_AT_LEAST, word, NUC_ALL_BITS, ranges[groups[half].first].from,
		    tree(d, word, ranges, groups + half, n - half), tree(d, word, ranges, groups, half));
}

/* Of ranges in order; `groups` has room for as many. */
static uint32_t ranges_node(struct nuc_diagram *d, uint8_t word, struct range *ranges, uint32_t n, struct group *groups)
{
	uint32_t kept = 0, n_groups = 0;

	for (uint32_t i = 0; i < n; i++)
		if (!kept || ranges[kept - 1].node != ranges[i].node)
			ranges[kept++] = ranges[i];
	for (uint32_t i = 0; i < kept; i++) {
		const uint32_t first = i;

		while (i + 2 < kept && i - first < 2 * MAX_EXCEPTIONS && ranges[i + 2].node == ranges[first].node &&
		       ranges[i + 2].from - ranges[i + 1].from == 1)
			i += 2;
		groups[n_groups++] = (struct group){ first, i };
	}
	return tree(d, word, ranges, groups, n_groups);
}

static uint32_t ordered(struct nuc_diagram *d, uint32_t node, int depth);

static uint32_t by_ranges(struct nuc_diagram *d, uint32_t node, struct range *ranges, uint32_t n, int depth)
{
	_cleanup_free_ struct group *groups = malloc(n * sizeof(*groups));
	const uint8_t word = d->nodes[node].word;
	uint32_t kept = 0;

	if (!groups)
		return NUC_NO_NODE;
	qsort(ranges, n, sizeof(*ranges), by_number);
	for (uint32_t i = 0; i < n; i++) {
		if (kept && ranges[kept - 1].from == ranges[i].from)
			continue;
		ranges[kept].from = ranges[i].from;
		ranges[kept].node = ordered(d, known(d, node, word, ranges[i].from, 0), depth + 1);
		if (ranges[kept].node == NUC_NO_NODE)
			return NUC_NO_NODE;
		kept++;
	}
	return ranges_node(d, word, ranges, kept, groups);
}

static uint32_t ordered(struct nuc_diagram *d, uint32_t node, int depth)
{
	_cleanup_free_ struct range *ranges = NULL;
	struct nuc_node c;
	uint32_t n, better;

	if (node == NUC_NO_NODE || d->nodes[node].test == NUC_ANSWER)
		return node;
	c = d->nodes[node];
	if (c.better != UNKNOWN)
		return c.better;
	if (depth == MAX_DEPTH)
		return NUC_NO_NODE;
	ranges = malloc(BPF_MAXINSNS * sizeof(*ranges));
	if (!ranges)
		return NUC_NO_NODE;
	if (changes(d, node, c.word, ranges, BPF_MAXINSNS, &n))
		better = by_ranges(d, node, ranges, n, depth);
	else
		better = test(d, (enum nuc_test)c.test, c.word, c.mask, c.k, ordered(d, c.yes, depth + 1),
			      ordered(d, c.no, depth + 1));
	d->nodes[node].better = better;
	return better;
}

uint32_t nuc_diagram_ordered(struct nuc_diagram *d, uint32_t node)
{
	return ordered(d, node, 0);
}
