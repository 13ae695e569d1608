/* SPDX-License-Identifier: MIT */
/*
 * Filters that were made shorter against what they were, by the interpreter that bpf_test.c holds to the kernel:
 * each number near one that the program compares with, in each word.
 */
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>

#include "allowlist.h"
#include "base.h"
#include "bpf.h"
#include "shrink.h"
#include "../chance.h"
#include "../run_suite.h"

#define WORDS (sizeof(struct seccomp_data) / 4)
#define PROGRAMS 300
#define INPUTS 400
#define LONGEST 600
#define LD(at) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at)
#define RET(k) BPF_STMT(BPF_RET | BPF_K, k)
#define IF(op, k, yes, no) BPF_JUMP(BPF_JMP | BPF_##op | BPF_K, k, yes, no)
#define NR offsetof(struct seccomp_data, nr)
#define ARG(n) (offsetof(struct seccomp_data, args) + 8 * (n))

struct program {
	struct sock_filter f[BPF_MAXINSNS];
	uint32_t n;
};

static void put(struct program *p, struct sock_filter f)
{
	ck_assert_uint_lt(p->n, NUC_ARRAY_SIZE(p->f));
	p->f[p->n++] = f;
}

/* Constants of the program and their neighbours, or any number. */
static uint32_t number(const struct program *p)
{
	static const uint32_t edges[] = { 0, 1, 0x3fffffff, 0x40000000, 0x7fffffff, 0x80000000, 0xffffffff };

	switch (chance_below(8)) {
	case 0:
		return edges[chance_below(NUC_ARRAY_SIZE(edges))];
	case 1:
		return chance();
	default:
		return p->f[chance_below(p->n)].k + chance_below(3) - 1;
	}
}

static void fill(struct seccomp_data *data, const struct program *p)
{
	uint32_t words[WORDS];

	for (size_t i = 0; i < WORDS; i++)
		words[i] = number(p);
	memcpy(data, words, sizeof(words));
}

static void check_the_same(const struct program *p, const struct sock_filter *f, size_t n, const struct seccomp_data *d)
{
	const uint32_t was = nuc_bpf_run(p->f, p->n, d), is = nuc_bpf_run(f, (uint32_t)n, d);

	ck_assert_msg(was == is, "number %d of %#x (%#llx %#llx %#llx %#llx %#llx %#llx): %#x, was %#x", d->nr, d->arch,
		      d->args[0], d->args[1], d->args[2], d->args[3], d->args[4], d->args[5], is, was);
}

/* Gives its new length, or 0 if none was found. */
static size_t check(const struct program *p, int inputs)
{
	_cleanup_free_ struct sock_filter *f = NULL;
	struct seccomp_data data;
	size_t n = 0;
	int r = nuc_bpf_shrink(p->f, p->n, &f, &n);

	if (r == 1)
		return 0;
	ck_assert_int_eq(r, 0);
	ck_assert_uint_lt(n, p->n);
	for (int i = 0; i < inputs; i++) {
		fill(&data, p);
		check_the_same(p, f, n, &data);
	}
	return n;
}

/* As compilers write them: few words, small numbers, and some of high bits. */
static struct sock_filter random_instruction(uint32_t left)
{
	static const uint16_t jumps[] = { BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET };
	static const uint32_t words[] = { NR, NR, NR, offsetof(struct seccomp_data, arch), ARG(0), ARG(1), ARG(1) + 4 };
	const uint32_t far = left > 256 ? 256 : left;

	switch (chance_below(16)) {
	case 0:
	case 1:
	case 2:
		return (struct sock_filter)LD(words[chance_below(NUC_ARRAY_SIZE(words))]);
	case 3:
		return (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, chance_below(2) ? chance_below(64) : ~chance_below(64));
	case 4:
		return (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, chance_below(left));
	case 5:
		return (struct sock_filter)RET(SECCOMP_RET_ERRNO | chance_below(4));
	default:
		return (struct sock_filter)BPF_JUMP((uint16_t)(BPF_JMP | jumps[chance_below(4)] | BPF_K),
						    chance_below(8) ? chance_below(64) : 1u << (24 + chance_below(8)), (uint8_t)chance_below(far),
						    (uint8_t)chance_below(far));
	}
}

START_TEST(random_programs_say_the_same)
{
	static struct program p;
	int shorter = 0;

	chance_state = 0x9e3779b97f4a7c15ULL;
	for (int i = 0; i < PROGRAMS; i++) {
		const uint32_t len = 3 + chance_below(i % 10 ? 60 : LONGEST);

		p.n = 0;
		put(&p, (struct sock_filter)LD(NR));
		while (p.n < len)
			put(&p, random_instruction(len - p.n));
		put(&p, (struct sock_filter)RET(SECCOMP_RET_ALLOW));
		shorter += check(&p, INPUTS) > 0;
	}
	/* Chance makes much that leads nowhere: most can be shorter. */
	ck_assert_int_gt(shorter, PROGRAMS / 2);
}
END_TEST

/* Each pair of numbers has an answer of its own: no conditional jump reaches them all. */
START_TEST(answers_farther_than_a_jump)
{
	static struct program p;
	_cleanup_free_ struct sock_filter *f = NULL;
	struct seccomp_data data = { .nr = 0 };
	size_t n;

	p.n = 0;
	put(&p, (struct sock_filter)LD(NR));
	for (uint32_t i = 0; i < 400; i++) {
		put(&p, (struct sock_filter)IF(JEQ, 2 * i, 1, 0));
		put(&p, (struct sock_filter)IF(JEQ, 2 * i + 1, 0, 1));
		put(&p, (struct sock_filter)RET(SECCOMP_RET_ERRNO | i));
	}
	put(&p, (struct sock_filter)RET(SECCOMP_RET_KILL_PROCESS));
	ck_assert_int_eq(nuc_bpf_shrink(p.f, p.n, &f, &n), 0);
	ck_assert_uint_lt(n, 900);
	for (data.nr = -1; data.nr < 900; data.nr++)
		check_the_same(&p, f, n, &data);
}
END_TEST

/* The same of whole tests of arguments, and of answers that they have in common. */
START_TEST(tests_farther_than_a_jump)
{
	static struct program p;

	p.n = 0;
	put(&p, (struct sock_filter)LD(NR));
	for (uint32_t i = 0; i < 400; i++) {
		put(&p, (struct sock_filter)IF(JEQ, 2 * i, 1, 0));
		put(&p, (struct sock_filter)IF(JEQ, 2 * i + 1, 0, 4));
		put(&p, (struct sock_filter)LD(ARG(i % 6)));
		put(&p, (struct sock_filter)IF(JEQ, i / 6, 0, 1));
		put(&p, (struct sock_filter)RET(SECCOMP_RET_ERRNO | (i % 300)));
		put(&p, (struct sock_filter)RET(SECCOMP_RET_ALLOW));
	}
	put(&p, (struct sock_filter)RET(SECCOMP_RET_KILL_PROCESS));
	ck_assert_uint_gt(check(&p, 20000), 0);
}
END_TEST

/* The number, then questions of arguments that have two ways to the next one, then the number again. */
static void put_ways(struct program *p, uint32_t questions)
{
	p->n = 0;
	put(p, (struct sock_filter)LD(NR));
	put(p, (struct sock_filter)IF(JGE, 1000, 0, 1));
	put(p, (struct sock_filter)RET(SECCOMP_RET_KILL_PROCESS));
	for (uint32_t i = 0; i < questions; i++) {
		put(p, (struct sock_filter)LD(ARG(i % 3)));
		put(p, (struct sock_filter)IF(JEQ, i, 0, 3));
		put(p, (struct sock_filter)LD(ARG(3 + i % 3)));
		put(p, (struct sock_filter)IF(JEQ, i, 0, 1));
		put(p, (struct sock_filter)RET(SECCOMP_RET_ERRNO | i));
	}
	put(p, (struct sock_filter)LD(NR));
	put(p, (struct sock_filter)IF(JEQ, 3, 0, 1));
	put(p, (struct sock_filter)RET(SECCOMP_RET_ALLOW));
	put(p, (struct sock_filter)RET(SECCOMP_RET_KILL_PROCESS));
}

/* 2 to the 60th: who walked them all would not end. */
START_TEST(more_ways_than_can_be_walked)
{
	static struct program p;

	put_ways(&p, 60);
	ck_assert_uint_eq(check(&p, INPUTS), 0);
}
END_TEST

START_TEST(neighbours_are_one_range)
{
	static struct program p;

	p.n = 0;
	put(&p, (struct sock_filter)LD(NR));
	for (uint32_t i = 100; i < 150; i++) {
		put(&p, (struct sock_filter)IF(JEQ, i, 0, 1));
		put(&p, (struct sock_filter)RET(SECCOMP_RET_ALLOW));
	}
	put(&p, (struct sock_filter)RET(SECCOMP_RET_KILL_PROCESS));
	/* A load, two comparisons and two answers. */
	ck_assert_uint_eq(check(&p, INPUTS), 5);
}
END_TEST

START_TEST(an_allowed_call_asks_for_its_number_only)
{
	static struct program p;

	/* Both ways of the argument's test come to one answer: it is not asked for, and the kernel's bitmap of calls
	 * that are always allowed (Linux 5.11) has it. */
	p.n = 0;
	put(&p, (struct sock_filter)LD(NR));
	put(&p, (struct sock_filter)IF(JEQ, 3, 0, 3));
	put(&p, (struct sock_filter)LD(ARG(2)));
	put(&p, (struct sock_filter)IF(JSET, 8, 0, 0));
	put(&p, (struct sock_filter)RET(SECCOMP_RET_ALLOW));
	put(&p, (struct sock_filter)RET(SECCOMP_RET_KILL_PROCESS));
	ck_assert_uint_eq(check(&p, INPUTS), 4);
}
END_TEST

START_TEST(the_built_in_list_is_short)
{
	for (unsigned int i = 0; i < 4; i++) {
		const struct nuc_seccomp_params params = { .network = i & 1, .netlink_route = i & 2 };
		const struct sock_filter *f;
		size_t n;

		nuc_seccomp_builtin(&params, &f, &n);
		/* libseccomp's were 479 to 610, and are longer by the checks that came since. */
		ck_assert_uint_le(n, 340);
	}
}
END_TEST

/* What is more than loads of words, masks and comparisons with constants stays as it is. */
START_TEST(others_are_left_alone)
{
	static const struct sock_filter odd[] = {
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1),	 BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_IMM, 1),		 BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_STMT(BPF_ST, 0),			 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2),	 BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64),
		BPF_STMT(BPF_RET | BPF_A, 0),		 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 9, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 9), BPF_STMT(BPF_JMP | BPF_JA, UINT32_MAX),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
	};
	struct sock_filter *f = NULL;
	size_t n;

	for (size_t i = 0; i < NUC_ARRAY_SIZE(odd); i++) {
		const struct sock_filter p[] = {
			LD(NR), odd[i], IF(JEQ, 1, 0, 1), RET(1), IF(JEQ, 1, 0, 0), RET(2),
		};

		ck_assert_msg(nuc_bpf_shrink(p, NUC_ARRAY_SIZE(p), &f, &n) == 1, "instruction %zu", i);
	}
	ck_assert_ptr_null(f);
}
END_TEST

START_TEST(what_ends_nowhere_is_left_alone)
{
	const struct sock_filter open_end[] = { LD(NR), IF(JEQ, 1, 0, 0) };
	const struct sock_filter unloaded[] = { IF(JEQ, 0, 0, 1), RET(1), RET(2) };
	const struct sock_filter shortest[] = { RET(1) };
	struct sock_filter *f = NULL;
	size_t n;

	ck_assert_int_eq(nuc_bpf_shrink(open_end, 2, &f, &n), 1);
	ck_assert_int_eq(nuc_bpf_shrink(unloaded, 3, &f, &n), 1);
	ck_assert_int_eq(nuc_bpf_shrink(shortest, 1, &f, &n), 1);
	ck_assert_int_eq(nuc_bpf_shrink(NULL, 0, &f, &n), 1);
	ck_assert_ptr_null(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("shrink");
	TCase *t = tcase_create("shrink");

	tcase_add_test(t, random_programs_say_the_same);
	tcase_add_test(t, answers_farther_than_a_jump);
	tcase_add_test(t, tests_farther_than_a_jump);
	tcase_add_test(t, more_ways_than_can_be_walked);
	tcase_add_test(t, neighbours_are_one_range);
	tcase_add_test(t, an_allowed_call_asks_for_its_number_only);
	tcase_add_test(t, the_built_in_list_is_short);
	tcase_add_test(t, others_are_left_alone);
	tcase_add_test(t, what_ends_nowhere_is_left_alone);
	suite_add_tcase(s, t);
	return run_suite(s);
}
