/* SPDX-License-Identifier: MIT */
/*
 * The interpreter of filters against the kernel: random programs are loaded by a child, which makes
 * one call with many arguments and says what it was told.
 */
#include <errno.h>
#include <linux/audit.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base.h"
#include "bpf.h"
#include "../chance.h"
#include "../run_suite.h"

#define PROGRAMS 64
#define INPUTS 16
#define RANDOM_OPS 24
#define ASKED SYS_getppid /* takes no arguments: any may be given */

struct program {
	struct sock_filter f[128];
	uint32_t n;
};

static void put(struct program *p, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	ck_assert_uint_lt(p->n, NUC_ARRAY_SIZE(p->f));
	p->f[p->n++] = (struct sock_filter){ code, jt, jf, k };
}

static uint32_t interesting(void)
{
	static const uint32_t values[] = { 0, 1, 2, 31, 0x7fffffff, 0x80000000, 0xffffffff, 4095 };

	return chance_below(2) ? values[chance_below(NUC_ARRAY_SIZE(values))] : chance();
}

/* Every instruction that seccomp takes, but a division by a register that may be 0. */
static void put_random(struct program *p, uint32_t left)
{
	static const uint16_t ops[] = { BPF_ADD, BPF_SUB, BPF_MUL, BPF_AND, BPF_OR, BPF_XOR };
	static const uint16_t jumps[] = { BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET };
	uint16_t src = chance_below(2) ? BPF_X : BPF_K;

	switch (chance_below(12)) {
	case 0:
	case 1:
		put(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, 16 + 4 * chance_below(12));
		break;
	case 2:
		put(p, chance_below(2) ? BPF_LD | BPF_IMM : BPF_LDX | BPF_IMM, 0, 0, interesting());
		break;
	case 3:
		put(p, (uint16_t)((chance_below(2) ? BPF_LD : BPF_LDX) | BPF_W | BPF_LEN), 0, 0, 0);
		break;
	case 4:
		put(p, chance_below(2) ? BPF_ST : BPF_STX, 0, 0, chance_below(BPF_MEMWORDS));
		break;
	case 5:
		put(p, (uint16_t)((chance_below(2) ? BPF_LD : BPF_LDX) | BPF_MEM), 0, 0, chance_below(BPF_MEMWORDS));
		break;
	case 6:
		put(p, (uint16_t)(BPF_MISC | (chance_below(2) ? BPF_TAX : BPF_TXA)), 0, 0, 0);
		break;
	case 7:
		put(p, (uint16_t)(BPF_ALU | (chance_below(2) ? BPF_LSH : BPF_RSH) | src), 0, 0, chance_below(32));
		break;
	case 8:
		put(p, chance_below(2) ? BPF_ALU | BPF_NEG : BPF_ALU | BPF_DIV | BPF_K, 0, 0,
		    interesting() | 1);
		break;
	case 9:
		if (left)
			put(p, (uint16_t)(BPF_JMP | jumps[chance_below(4)] | src), (uint8_t)chance_below(left),
			    (uint8_t)chance_below(left), interesting());
		break;
	default:
		put(p, (uint16_t)(BPF_ALU | ops[chance_below(NUC_ARRAY_SIZE(ops))] | src), 0, 0,
		    interesting());
	}
}

/* Calls but ASKED are allowed; that one is given eleven bits of what the random part comes to. */
static void make_program(struct program *p)
{
	uint32_t head;

	p->n = 0;
	put(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ASKED);
	put(p, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
	for (uint32_t i = 0; i < BPF_MEMWORDS; i++) {
		put(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, 16 + 4 * chance_below(12));
		put(p, BPF_ST, 0, 0, i);
	}
	head = p->n;
	/* Each adds one or, where no jump fits, none. */
	while (p->n < head + RANDOM_OPS)
		put_random(p, head + RANDOM_OPS - p->n - 1);
	put(p, BPF_MISC | BPF_TAX, 0, 0, 0);
	put(p, BPF_ALU | BPF_RSH | BPF_K, 0, 0, 11);
	put(p, BPF_ALU | BPF_XOR | BPF_X, 0, 0, 0);
	put(p, BPF_ALU | BPF_AND | BPF_K, 0, 0, 0x7ff);
	put(p, BPF_ALU | BPF_OR | BPF_K, 0, 0, SECCOMP_RET_ERRNO);
	put(p, BPF_RET | BPF_A, 0, 0, 0);
}

static int load(const struct program *p)
{
	const struct sock_fprog prog = { (unsigned short)p->n, (struct sock_filter *)p->f };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		return -errno;
	return 0;
}

static long ask(const uint64_t a[6])
{
	long r = syscall(ASKED, a[0], a[1], a[2], a[3], a[4], a[5]);

	return r < 0 ? errno : 0;
}

START_TEST(test_against_the_kernel)
{
	uint64_t (*args)[6] = calloc(INPUTS, sizeof(*args));
	int *seen = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct program *p = malloc(sizeof(*p));

	chance_state = 0x9e3779b97f4a7c15u + (uint64_t)_i;
	ck_assert(args && p && seen != MAP_FAILED);
	make_program(p);
	for (int i = 0; i < INPUTS; i++)
		for (int k = 0; k < 6; k++)
			args[i][k] = (uint64_t)interesting() << 32 | interesting();
	for (int i = 0; i < INPUTS; i++)
		seen[i] = -1;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (load(p) < 0)
			_exit(1);
		for (int i = 0; i < INPUTS; i++)
			seen[i] = (int)ask(args[i]);
		_exit(0);
	}
	int status = -1;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	for (int i = 0; i < INPUTS; i++) {
		struct seccomp_data d = { .nr = ASKED, .arch = AUDIT_ARCH_X86_64 };

		memcpy(d.args, args[i], sizeof(d.args));
		ck_assert_uint_eq(nuc_bpf_run(p->f, p->n, &d), SECCOMP_RET_ERRNO | (uint32_t)seen[i]);
		d.nr = SYS_getpid;
		ck_assert_uint_eq(nuc_bpf_run(p->f, p->n, &d), SECCOMP_RET_ALLOW);
	}
	munmap(seen, 4096);
	free(args);
	free(p);
}
END_TEST

/* By 0 the kernel ends the program with 0, which is SECCOMP_RET_KILL_THREAD. */
START_TEST(test_division_by_nothing)
{
	const struct seccomp_data d = { .nr = ASKED, .arch = AUDIT_ARCH_X86_64 };
	struct program p = { .n = 0 };
	const uint64_t none[6] = { 0 };
	int status;
	pid_t pid;

	put(&p, BPF_LD | BPF_W | BPF_ABS, 0, 0, 0);
	put(&p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ASKED);
	put(&p, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
	put(&p, BPF_LDX | BPF_IMM, 0, 0, 0);
	put(&p, BPF_ALU | BPF_DIV | BPF_X, 0, 0, 0);
	put(&p, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		const struct rlimit no_core = { 0, 0 };

		setrlimit(RLIMIT_CORE, &no_core);
		if (load(&p) == 0)
			ask(none);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	ck_assert_uint_eq(nuc_bpf_run(p.f, p.n, &d), SECCOMP_RET_KILL_THREAD);
}
END_TEST

/* What the kernel does not load: each stands where it is run. */
static const struct {
	const char *what;
	struct sock_filter f[3];
	uint32_t n;
} malformed[] = {
#define BAD(what, n, ...) { what, { __VA_ARGS__ }, n }
#define OP(code, jt, jf, k) { (code), (jt), (jf), (k) }
#define ALLOW OP(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW)
	BAD("no end", 1, OP(BPF_LD | BPF_IMM, 0, 0, 0)),
	BAD("jump past the end", 2, OP(BPF_JMP | BPF_JA, 0, 0, 1), ALLOW),
	BAD("jump round the numbers", 2, OP(BPF_JMP | BPF_JA, 0, 0, 0xffffffff), ALLOW),
	BAD("true past the end", 2, OP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0), ALLOW),
	BAD("false past the end", 2, OP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 1), ALLOW),
	BAD("past the data", 2, OP(BPF_LD | BPF_W | BPF_ABS, 0, 0, 64), ALLOW),
	BAD("between words", 2, OP(BPF_LD | BPF_W | BPF_ABS, 0, 0, 2), ALLOW),
	BAD("half a word", 2, OP(BPF_LD | BPF_H | BPF_ABS, 0, 0, 0), ALLOW),
	BAD("indirect", 2, OP(BPF_LD | BPF_W | BPF_IND, 0, 0, 0), ALLOW),
	BAD("past the memory", 2, OP(BPF_ST, 0, 0, 16), ALLOW),
	BAD("memory not written", 2, OP(BPF_LD | BPF_MEM, 0, 0, 3), ALLOW),
	BAD("divide by nothing", 2, OP(BPF_ALU | BPF_DIV | BPF_K, 0, 0, 0), ALLOW),
	BAD("remainder", 2, OP(BPF_ALU | BPF_MOD | BPF_K, 0, 0, 3), ALLOW),
	BAD("shift by 32", 2, OP(BPF_ALU | BPF_LSH | BPF_K, 0, 0, 32), ALLOW),
	BAD("return X", 1, OP(BPF_RET | BPF_X, 0, 0, 0)),
	BAD("no such code", 2, OP(0xffff, 0, 0, 0), ALLOW),
};

START_TEST(test_malformed)
{
	const struct seccomp_data d = { .nr = ASKED, .arch = AUDIT_ARCH_X86_64 };
	struct program p = { .n = malformed[_i].n };
	int status;
	pid_t pid;

	memcpy(p.f, malformed[_i].f, sizeof(malformed[_i].f));
	ck_assert_msg(nuc_bpf_run(p.f, p.n, &d) == SECCOMP_RET_KILL_PROCESS, "%s", malformed[_i].what);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(load(&p) == -EINVAL ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(status == 0, "the kernel takes: %s", malformed[_i].what);
	ck_assert_uint_eq(nuc_bpf_run(NULL, 0, &d), SECCOMP_RET_KILL_PROCESS);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bpf");
	TCase *t = tcase_create("bpf");

	tcase_add_loop_test(t, test_against_the_kernel, 0, PROGRAMS);
	tcase_add_test(t, test_division_by_nothing);
	tcase_add_loop_test(t, test_malformed, 0, (int)NUC_ARRAY_SIZE(malformed));
	suite_add_tcase(s, t);
	return run_suite(s);
}
