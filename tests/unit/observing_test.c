/* SPDX-License-Identifier: MIT */
/* The filter that tells: it must come to the one that is enforced, whatever the call. */
#include <asm/unistd.h>
#include <linux/audit.h>

#include "allowlist.h"
#include "bpf.h"
#include "observing.h"
#include "../run_suite.h"

static const struct sock_filter *base;
static size_t n_base;
static struct sock_filter *told;
static size_t n_told;

static const uint32_t levels[] = { NUC_OBSERVE_REFUSALS, NUC_OBSERVE_REFUSALS | NUC_OBSERVE_FILES,
				   NUC_OBSERVE_TRACE, NUC_OBSERVE_TRACE | NUC_OBSERVE_LEARN };

static void make(uint32_t observe)
{
	const struct nuc_seccomp_params params = { .network = true };

	nuc_seccomp_builtin(&params, &base, &n_base);
	ck_assert_int_eq(nuc_seccomp_observing(base, n_base, observe, EPERM, &told, &n_told), 0);
	ck_assert(nuc_seccomp_is_observing(told, n_told, base, n_base, observe));
}

static void drop(void)
{
	free(told);
	told = NULL;
}

static struct seccomp_data call(uint32_t arch, int nr, uint64_t fill)
{
	struct seccomp_data d = { .nr = nr, .arch = arch };

	for (int i = 0; i < 6; i++)
		d.args[i] = fill;
	return d;
}

/* Either the same result, or told what the enforced filter is to be asked about. */
START_TEST(results_differ_by_being_told_only)
{
	static const uint64_t fills[] = { 0, 1, 2, 16, 0xffffffff, 0x5412, UINT64_MAX };
	static const uint32_t arches[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386 };
	unsigned int notified = 0, same = 0;

	make(levels[_i]);
	for (size_t a = 0; a < NUC_ARRAY_SIZE(arches); a++)
		for (int nr = -1; nr < 1200; nr++)
			for (size_t f = 0; f < NUC_ARRAY_SIZE(fills); f++) {
				struct seccomp_data d = call(arches[a], nr, fills[f]);
				uint32_t wanted = nuc_bpf_run(base, (uint32_t)n_base, &d);
				uint32_t got = nuc_bpf_run(told, (uint32_t)n_told, &d);

				if (got == wanted) {
					same++;
					continue;
				}
				ck_assert_uint_eq(got, SECCOMP_RET_USER_NOTIF);
				if (!(levels[_i] & (NUC_OBSERVE_TRACE | NUC_OBSERVE_FILES)))
					ck_assert_uint_eq(wanted, SECCOMP_RET_ERRNO | EPERM);
				notified++;
			}
	ck_assert_uint_gt(notified, 500);
	ck_assert_uint_gt(same, 500);
	drop();
}
END_TEST

START_TEST(what_is_allowed_is_told_where_that_is_asked_for)
{
	static const int allowed[] = { __NR_read, __NR_getpid, __NR_exit_group, __NR_futex };
	static const int files[] = { __NR_openat, __NR_unlink, __NR_execve, __NR_connect, __NR_renameat2 };
	bool all = levels[_i] & NUC_OBSERVE_TRACE, some = levels[_i] & NUC_OBSERVE_FILES;

	make(levels[_i]);
	for (size_t i = 0; i < NUC_ARRAY_SIZE(allowed); i++) {
		struct seccomp_data d = call(AUDIT_ARCH_X86_64, allowed[i], 0);

		ck_assert_uint_eq(nuc_bpf_run(told, (uint32_t)n_told, &d),
				  all ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ALLOW);
	}
	for (size_t i = 0; i < NUC_ARRAY_SIZE(files); i++) {
		struct seccomp_data d = call(AUDIT_ARCH_X86_64, files[i], 0);

		ck_assert_uint_eq(nuc_bpf_run(told, (uint32_t)n_told, &d),
				  all || some ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ALLOW);
	}
	drop();
}
END_TEST

/* Init waits for these two: nobody would answer. */
START_TEST(our_own_execve_and_exit_are_not_told)
{
	static const int ours[] = { __NR_execve, __NR_exit };

	make(levels[_i]);
	for (size_t i = 0; i < NUC_ARRAY_SIZE(ours); i++) {
		struct seccomp_data d = call(AUDIT_ARCH_X86_64, ours[i], 0);

		d.args[3] = NUC_OURS_ARG3;
		d.args[4] = NUC_OURS_ARG4;
		d.args[5] = NUC_OURS_ARG5;
		ck_assert_uint_eq(nuc_bpf_run(told, (uint32_t)n_told, &d), SECCOMP_RET_ALLOW);
		/* They open nothing to other calls, nor to the same ones of the 32-bit entry. */
		d.nr = __NR_mount;
		ck_assert_uint_ne(nuc_bpf_run(told, (uint32_t)n_told, &d), SECCOMP_RET_ALLOW);
		d.nr = ours[i];
		d.arch = AUDIT_ARCH_I386;
		ck_assert_uint_ne(nuc_bpf_run(told, (uint32_t)n_told, &d), SECCOMP_RET_ALLOW);
		for (int arg = 3; levels[_i] & NUC_OBSERVE_TRACE && arg < 6; arg++)
			for (int bit = 0; bit < 64; bit++) {
				d = call(AUDIT_ARCH_X86_64, ours[i], 0);
				d.args[3] = NUC_OURS_ARG3;
				d.args[4] = NUC_OURS_ARG4;
				d.args[5] = NUC_OURS_ARG5;
				d.args[arg] ^= 1ull << bit;
				ck_assert_uint_eq(nuc_bpf_run(told, (uint32_t)n_told, &d),
						  SECCOMP_RET_USER_NOTIF);
			}
	}
	drop();
}
END_TEST

/* A profile that refuses exit: init waits for it when the program could not be executed. */
START_TEST(an_exit_that_is_refused_is_refused_without_a_word)
{
	static const struct sock_filter deaf[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_execve, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};
	uint32_t level = levels[_i];
	struct seccomp_data d = call(AUDIT_ARCH_X86_64, __NR_exit, 0);

	ck_assert_int_eq(nuc_seccomp_observing(deaf, 4, level, ENOSYS, &told, &n_told), 0);
	ck_assert(nuc_seccomp_is_observing(told, n_told, deaf, 4, level));
	ck_assert_uint_eq(nuc_bpf_run(told, (uint32_t)n_told, &d), SECCOMP_RET_USER_NOTIF);
	d.args[3] = NUC_OURS_ARG3;
	d.args[4] = NUC_OURS_ARG4;
	d.args[5] = NUC_OURS_ARG5;
	ck_assert_uint_eq(nuc_bpf_run(told, (uint32_t)n_told, &d),
			  level & NUC_OBSERVE_TRACE ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | EPERM);
	d.nr = __NR_execve;
	ck_assert_uint_eq(nuc_bpf_run(told, (uint32_t)n_told, &d), SECCOMP_RET_ALLOW);
	drop();
}
END_TEST

/* Whoever wrote the plan: no instruction may become one that allows, or that leads elsewhere. */
START_TEST(a_filter_that_enforces_less_is_not_taken_for_it)
{
	static const struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	static const struct sock_filter refuse = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	static const struct sock_filter silent = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO);
	const struct sock_filter *wrong[] = { &allow, &refuse, &silent };
	uint32_t level = levels[_i];
	unsigned int refused = 0;

	make(level);
	for (size_t at = 0; at < n_told; at++) {
		struct sock_filter was = told[at];
		bool prologue = at < n_told - n_base;

		for (size_t w = 0; w < NUC_ARRAY_SIZE(wrong); w++) {
			told[at] = *wrong[w];
			if (!memcmp(&was, wrong[w], sizeof(was)) ||
			    (!prologue && !memcmp(&base[at - (n_told - n_base)], wrong[w], sizeof(was))))
				continue;
			/* A prologue may refuse, and in a trace allow: the filter allows nearly all. */
			if (prologue && (w == 1 || (w == 0 && level & NUC_OBSERVE_TRACE)))
				continue;
			ck_assert_msg(!nuc_seccomp_is_observing(told, n_told, base, n_base, level),
				      "instruction %zu became %zu", at, w);
			refused++;
		}
		told[at] = was;
		if (BPF_CLASS(was.code) != BPF_JMP)
			continue;
		/* Into the middle of the filter, past its first checks. */
		if (BPF_OP(was.code) == BPF_JA)
			told[at].k = (uint32_t)(n_told - at);
		else
			told[at].jf = 255;
		ck_assert(!nuc_seccomp_is_observing(told, n_told, base, n_base, level) ||
			  !memcmp(&told[at], &was, sizeof(was)));
		told[at] = was;
	}
	ck_assert_uint_gt(refused, 2 * n_base);
	ck_assert(!nuc_seccomp_is_observing(told, n_told - 1, base, n_base, level));
	ck_assert(!nuc_seccomp_is_observing(base, n_base - 1, base, n_base, level));
	drop();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("observing");
	TCase *t = tcase_create("observing");
	int n = NUC_ARRAY_SIZE(levels);

	tcase_add_loop_test(t, results_differ_by_being_told_only, 0, n);
	tcase_add_loop_test(t, what_is_allowed_is_told_where_that_is_asked_for, 0, n);
	tcase_add_loop_test(t, our_own_execve_and_exit_are_not_told, 0, n);
	tcase_add_loop_test(t, an_exit_that_is_refused_is_refused_without_a_word, 0, n);
	tcase_add_loop_test(t, a_filter_that_enforces_less_is_not_taken_for_it, 0, n);
	suite_add_tcase(s, t);
	return run_suite(s);
}
