/* SPDX-License-Identifier: MIT */
#include <linux/audit.h>

#include "base.h"
#include "outcomes.h"

#define MAX_STEPS 200000

/* What is known on the way: A, if it does not come from the arguments. */
struct way {
	uint32_t pc, a;
	bool known;
};

struct walk {
	const struct sock_filter *f;
	uint32_t len;
	int nr;
	struct way stack[BPF_MAXINSNS + 2];
	size_t n;
	bool seen[BPF_MAXINSNS]; /* with A unknown */
	uint32_t *found;
	int n_found;
};

static bool note(struct walk *w, uint32_t value)
{
	for (int i = 0; i < w->n_found; i++)
		if (w->found[i] == value)
			return true;
	if (w->n_found == NUC_OUTCOMES)
		return false;
	w->found[w->n_found++] = value;
	return true;
}

static bool jumps(uint16_t code, uint32_t a, uint32_t k)
{
	switch (BPF_OP(code)) {
	case BPF_JEQ:
		return a == k;
	case BPF_JGT:
		return a > k;
	case BPF_JGE:
		return a >= k;
	default:
		return a & k;
	}
}

/* One instruction further. */
static void advance(struct walk *w, struct way *at)
{
	const struct sock_filter *f = &w->f[at->pc++];

	switch (BPF_CLASS(f->code)) {
	case BPF_LD:
		at->known = BPF_MODE(f->code) == BPF_IMM || BPF_MODE(f->code) == BPF_LEN ||
			    (BPF_MODE(f->code) == BPF_ABS && (f->k == 0 || f->k == 4));
		at->a = BPF_MODE(f->code) == BPF_IMM   ? f->k
			: BPF_MODE(f->code) == BPF_LEN ? (uint32_t)sizeof(struct seccomp_data)
			: f->k == 4		       ? AUDIT_ARCH_X86_64
						       : (uint32_t)w->nr;
		return;
	case BPF_ALU:
		if (f->code == (BPF_ALU | BPF_AND | BPF_K))
			at->a &= f->k;
		else
			at->known = false;
		return;
	case BPF_MISC:
		at->known = at->known && BPF_MISCOP(f->code) == BPF_TAX;
		return;
	case BPF_JMP:
		if (f->code == (BPF_JMP | BPF_JA)) {
			at->pc += f->k;
		} else if (at->known && BPF_SRC(f->code) == BPF_K) {
			at->pc += jumps(f->code, at->a, f->k) ? f->jt : f->jf;
		} else {
			w->stack[w->n++] = (struct way){ at->pc + f->jf, at->a, at->known };
			at->pc += f->jt;
		}
		return;
	default:
		return; /* stores, and loads of X */
	}
}

static int follow(struct walk *w)
{
	size_t steps = 0;

	w->stack[w->n++] = (struct way){ 0 };
	while (w->n) {
		struct way at = w->stack[--w->n];

		for (;;) {
			const struct sock_filter *f;

			if (at.pc >= w->len) {
				if (!note(w, SECCOMP_RET_KILL_PROCESS))
					return -E2BIG;
				break;
			}
			f = &w->f[at.pc];
			if (!at.known && w->seen[at.pc])
				break;
			w->seen[at.pc] |= !at.known;
			if (++steps > MAX_STEPS || w->n > BPF_MAXINSNS)
				return -E2BIG;
			if (f->code == (BPF_RET | BPF_K)) {
				if (!note(w, f->k))
					return -E2BIG;
				break;
			}
			if (BPF_CLASS(f->code) == BPF_RET) /* an A that was computed: not followed */
				return -E2BIG;
			advance(w, &at);
		}
	}
	return w->n_found;
}

int nuc_bpf_outcomes(const struct sock_filter *filter, uint32_t len, int nr,
		     uint32_t ret[NUC_OUTCOMES])
{
	struct walk *w;
	int r;

	if (len > BPF_MAXINSNS)
		return -E2BIG;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->f = filter;
	w->len = len;
	w->nr = nr;
	w->found = ret;
	r = follow(w);
	free(w);
	return r;
}
