/* SPDX-License-Identifier: MIT */
/*
 * The classic BPF that seccomp takes: kernel/seccomp.c (seccomp_check_filter) names the instructions,
 * net/core/filter.c (bpf_check_classic, bpf_convert_filter) what they do.
 */
#include "bpf.h"

#define MALFORMED SECCOMP_RET_KILL_PROCESS

struct machine {
	uint32_t a, x;
	uint32_t mem[BPF_MEMWORDS];
	uint32_t written; /* bit per word of mem: the kernel takes no program that reads others */
};

/* The word at `at` of struct seccomp_data; no pointer tricks, which are undefined in C. */
static uint32_t word(const struct seccomp_data *d, uint32_t at)
{
	uint64_t wide;

	if (at == 0)
		return (uint32_t)d->nr;
	if (at == 4)
		return d->arch;
	wide = at < 16 ? d->instruction_pointer : d->args[(at - 16) / 8];
	return at % 8 ? (uint32_t)(wide >> 32) : (uint32_t)wide;
}

/* 1: done; 0: the kernel ends the program with 0; -1: no such instruction. */
static int alu(struct machine *m, const struct sock_filter *f)
{
	uint32_t v = BPF_SRC(f->code) == BPF_X ? m->x : f->k;

	switch (f->code) {
	/* NOLINTNEXTLINE(misc-redundant-expression): both names are 0, and mean different things. */
	case BPF_ALU | BPF_ADD | BPF_K:
	case BPF_ALU | BPF_ADD | BPF_X:
		m->a += v;
		return 1;
	case BPF_ALU | BPF_SUB | BPF_K:
	case BPF_ALU | BPF_SUB | BPF_X:
		m->a -= v;
		return 1;
	case BPF_ALU | BPF_MUL | BPF_K:
	case BPF_ALU | BPF_MUL | BPF_X:
		m->a *= v;
		return 1;
	case BPF_ALU | BPF_DIV | BPF_K:
		if (!v)
			return -1;
		m->a /= v;
		return 1;
	case BPF_ALU | BPF_DIV | BPF_X:
		if (!v)
			return 0;
		m->a /= v;
		return 1;
	case BPF_ALU | BPF_AND | BPF_K:
	case BPF_ALU | BPF_AND | BPF_X:
		m->a &= v;
		return 1;
	case BPF_ALU | BPF_OR | BPF_K:
	case BPF_ALU | BPF_OR | BPF_X:
		m->a |= v;
		return 1;
	case BPF_ALU | BPF_XOR | BPF_K:
	case BPF_ALU | BPF_XOR | BPF_X:
		m->a ^= v;
		return 1;
	case BPF_ALU | BPF_LSH | BPF_K:
	case BPF_ALU | BPF_RSH | BPF_K:
		if (v > 31)
			return -1;
		m->a = BPF_OP(f->code) == BPF_LSH ? m->a << v : m->a >> v;
		return 1;
	/* By a register: as the processor does it, and the kernel's interpreter. */
	case BPF_ALU | BPF_LSH | BPF_X:
		m->a <<= v & 31;
		return 1;
	case BPF_ALU | BPF_RSH | BPF_X:
		m->a >>= v & 31;
		return 1;
	case BPF_ALU | BPF_NEG:
		m->a = 0 - m->a;
		return 1;
	}
	return -1;
}

/* Loads, stores and moves: whether the kernel takes it. */
static int move(struct machine *m, const struct sock_filter *f, const struct seccomp_data *data)
{
	switch (f->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		if (f->k >= sizeof(*data) || f->k % 4)
			return 0;
		m->a = word(data, f->k);
		return 1;
	case BPF_LD | BPF_W | BPF_LEN:
		m->a = sizeof(*data);
		return 1;
	case BPF_LDX | BPF_W | BPF_LEN:
		m->x = sizeof(*data);
		return 1;
	case BPF_LD | BPF_IMM:
		m->a = f->k;
		return 1;
	case BPF_LDX | BPF_IMM:
		m->x = f->k;
		return 1;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
		if (f->k >= BPF_MEMWORDS || !(m->written & (1u << f->k)))
			return 0;
		*(BPF_CLASS(f->code) == BPF_LD ? &m->a : &m->x) = m->mem[f->k];
		return 1;
	case BPF_ST:
	case BPF_STX:
		if (f->k >= BPF_MEMWORDS)
			return 0;
		m->mem[f->k] = BPF_CLASS(f->code) == BPF_ST ? m->a : m->x;
		m->written |= 1u << f->k;
		return 1;
	case BPF_MISC | BPF_TAX:
		m->x = m->a;
		return 1;
	case BPF_MISC | BPF_TXA:
		m->a = m->x;
		return 1;
	}
	return 0;
}

/* How many instructions to leave out, or -1. */
static int64_t jump(const struct machine *m, const struct sock_filter *f)
{
	uint32_t v = BPF_SRC(f->code) == BPF_X ? m->x : f->k;

	switch (f->code) {
	case BPF_JMP | BPF_JA:
		return f->k;
	case BPF_JMP | BPF_JEQ | BPF_K:
	case BPF_JMP | BPF_JEQ | BPF_X:
		return m->a == v ? f->jt : f->jf;
	case BPF_JMP | BPF_JGT | BPF_K:
	case BPF_JMP | BPF_JGT | BPF_X:
		return m->a > v ? f->jt : f->jf;
	case BPF_JMP | BPF_JGE | BPF_K:
	case BPF_JMP | BPF_JGE | BPF_X:
		return m->a >= v ? f->jt : f->jf;
	case BPF_JMP | BPF_JSET | BPF_K:
	case BPF_JMP | BPF_JSET | BPF_X:
		return m->a & v ? f->jt : f->jf;
	}
	return -1;
}

uint32_t nuc_bpf_run(const struct sock_filter *filter, uint32_t len,
		     const struct seccomp_data *data)
{
	struct machine m;

	/* Not an initializer: that could become a call of memset(). */
	m.a = m.x = m.written = 0;
	if (len > BPF_MAXINSNS)
		return MALFORMED;
	for (uint32_t i = 0; i < len; i++) {
		const struct sock_filter *f = &filter[i];
		int64_t over;
		int r;

		switch (BPF_CLASS(f->code)) {
		case BPF_RET:
			if (f->code == (BPF_RET | BPF_K))
				return f->k;
			return f->code == (BPF_RET | BPF_A) ? m.a : MALFORMED;
		case BPF_ALU:
			r = alu(&m, f);
			if (r == 0)
				return 0;
			if (r < 0)
				return MALFORMED;
			break;
		case BPF_JMP:
			over = jump(&m, f);
			if (over < 0 || over >= (int64_t)len - i - 1)
				return MALFORMED;
			i += (uint32_t)over;
			break;
		default:
			if (!move(&m, f, data))
				return MALFORMED;
		}
	}
	return MALFORMED;
}
