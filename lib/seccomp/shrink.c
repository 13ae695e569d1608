/* SPDX-License-Identifier: MIT */
/*
 * seccomp: a shorter filter that says the same. libseccomp compares with each number that has a rule; neighbours
 * with one answer need one comparison. It writes the tests of arguments once for each call that has them.
 */
#include "base.h"
#include "diagram.h"
#include "shrink.h"

#define UNKNOWN UINT32_MAX
#define FARTHEST 255 /* a conditional jump has 8 bits */
#define MAX_DEPTH 500

/* Where a node is: entered with its word to be loaded, and with that in the accumulator. */
struct place {
	uint32_t fresh, loaded;
};

/* Written from the last instruction to the first: what is jumped to is there. */
struct writer {
	const struct nuc_diagram *d;
	struct sock_filter *out;
	uint32_t n, max, depth;
	struct place *places;
};

static bool put(struct writer *w, struct sock_filter f)
{
	if (w->n == w->max)
		return false;
	w->out[w->n++] = f;
	return true;
}

/* The place of a node that is entered from `from`, whose word the accumulator has. */
static uint32_t *place_of(const struct writer *w, uint32_t node, const struct nuc_node *from)
{
	const struct nuc_node *c = &w->d->nodes[node];
	const bool loaded = from && c->test != NUC_ANSWER && from->word == c->word && from->mask == c->mask;

	return loaded ? &w->places[node].loaded : &w->places[node].fresh;
}

/* How many instructions a jump that is written now would leave out. */
static uint32_t distance(const struct writer *w, const uint32_t *place)
{
	return w->n - *place - 1;
}

/* Within a conditional jump's reach, and still so after one more instruction. */
static bool bring_near(struct writer *w, uint32_t node, uint32_t *place)
{
	const struct nuc_node *c = &w->d->nodes[node];
	const struct sock_filter again = c->test == NUC_ANSWER ? (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, c->k) :
								 (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA,
											      distance(w, place));

	if (distance(w, place) < FARTHEST)
		return true;
	*place = w->n;
	return put(w, again);
}

static bool write_node(struct writer *w, uint32_t node, const struct nuc_node *from)
{
	static const uint16_t codes[] = { [NUC_EQUAL] = BPF_JEQ, [NUC_AT_LEAST] = BPF_JGE, [NUC_ANY_BIT] = BPF_JSET };
	const struct nuc_node *c = &w->d->nodes[node];
	uint32_t *yes, *no, *own = place_of(w, node, from);

	if (*own != UNKNOWN)
		return true;
	if (c->test == NUC_ANSWER) {
		*own = w->n;
		return put(w, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, c->k));
	}
	if (++w->depth == MAX_DEPTH || !write_node(w, c->yes, c) || !write_node(w, c->no, c))
		return false;
	w->depth--;
	yes = place_of(w, c->yes, c);
	no = place_of(w, c->no, c);
	if (!bring_near(w, c->yes, yes) || !bring_near(w, c->no, no))
		return false;
	w->places[node].loaded = w->n;
	if (!put(w, (struct sock_filter)BPF_JUMP((uint16_t)(BPF_JMP | codes[c->test] | BPF_K), c->k,
						 (uint8_t)distance(w, yes), (uint8_t)distance(w, no))))
		return false;
	if (own == &w->places[node].loaded)
		return true;
	if (c->mask != NUC_ALL_BITS && !put(w, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, c->mask)))
		return false;
	*own = w->n;
	return put(w, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, c->word * 4u));
}

/* 0: it fits in less than `len` instructions, and is in `out`, in reverse. 1: it does not. -ENOMEM. */
static int write_program(const struct nuc_diagram *d, uint32_t node, struct writer *w)
{
	_cleanup_free_ struct place *places = malloc(d->n * sizeof(*places));

	if (!places)
		return -ENOMEM;
	for (uint32_t i = 0; i < d->n; i++)
		places[i] = (struct place){ UNKNOWN, UNKNOWN };
	w->d = d;
	w->places = places;
	return write_node(w, node, NULL) ? 0 : 1;
}

int nuc_bpf_shrink(const struct sock_filter *program, size_t len, struct sock_filter **ret, size_t *ret_len)
{
	_cleanup_free_ struct sock_filter *out = NULL, *turned = NULL;
	struct writer w = { 0 };
	struct nuc_diagram d;
	uint32_t node;
	int r;

	if (len < 2 || len > BPF_MAXINSNS)
		return 1;
	out = malloc(len * sizeof(*out));
	turned = malloc(len * sizeof(*turned));
	r = out && turned ? nuc_diagram_init(&d) : -ENOMEM;
	if (r < 0)
		return r;
	w.out = out;
	w.max = (uint32_t)len - 1;
	node = nuc_diagram_ordered(&d, nuc_diagram_read(&d, program, len));
	r = node == NUC_NO_NODE ? 1 : write_program(&d, node, &w);
	nuc_diagram_done(&d);
	if (r)
		return r;
	for (uint32_t i = 0; i < w.n; i++)
		turned[i] = out[w.n - 1 - i];
	*ret = NUC_TAKE_PTR(turned);
	*ret_len = w.n;
	return 0;
}
