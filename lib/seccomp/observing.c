/* SPDX-License-Identifier: MIT */
/* seccomp: from a filter to one whose refusals are told. */
#include <asm/unistd.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "bpf.h"
#include "observing.h"

#define DATA(field) ((uint32_t)offsetof(struct seccomp_data, field))
#define LOW(i) (DATA(args) + 8u * (i))
#define HIGH(i) (LOW(i) + 4u)
#define TELL BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)
#define IS(value, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, no)
#define LOAD(at) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at)

/* Finds our own execve or exit: the last of these is reached by it only. */
#define N_OURS 17
static size_t put_ours(struct sock_filter *to, int nr, uint32_t result)
{
	const struct sock_filter ours[N_OURS] = {
		LOAD(DATA(arch)),
		IS(AUDIT_ARCH_X86_64, 15),
		LOAD(DATA(nr)),
		IS(nr, 13),
		LOAD(LOW(3)),
		IS(NUC_OURS_ARG3, 11),
		LOAD(HIGH(3)),
		IS(NUC_OURS_ARG3 >> 32, 9),
		LOAD(LOW(4)),
		IS(NUC_OURS_ARG4, 7),
		LOAD(HIGH(4)),
		IS(NUC_OURS_ARG4 >> 32, 5),
		LOAD(LOW(5)),
		IS(NUC_OURS_ARG5, 3),
		LOAD(HIGH(5)),
		IS(NUC_OURS_ARG5 >> 32, 1),
		BPF_STMT(BPF_RET | BPF_K, result),
	};

	memcpy(to, ours, sizeof(ours));
	return N_OURS;
}

/*
 * Calls that the filter may allow and mounts, Landlock, permissions or the network refuse. The prologue
 * looks at the number only, so that the kernel still knows of all others that they are allowed
 * whatever their arguments, and does not run the filter (seccomp_cache_check_allow(), Linux 5.11).
 */
static const uint16_t files[] = {
	__NR_open,     __NR_connect,  __NR_bind,      __NR_execve,    __NR_truncate, __NR_rename,
	__NR_mkdir,    __NR_rmdir,    __NR_creat,     __NR_link,      __NR_unlink,   __NR_symlink,
	__NR_chmod,    __NR_openat,   __NR_mkdirat,   __NR_unlinkat,  __NR_renameat, __NR_linkat,
	__NR_symlinkat, __NR_fchmodat, __NR_renameat2,
};
#define N_FILES (sizeof(files) / sizeof(files[0]))

/* Arch, number, one jump for each call, tell, and the base for all others. */
static size_t put_files(struct sock_filter *to)
{
	size_t n = 0;

	to[n++] = (struct sock_filter)LOAD(DATA(arch));
	to[n++] = (struct sock_filter)IS(AUDIT_ARCH_X86_64, N_FILES + 3);
	to[n++] = (struct sock_filter)LOAD(DATA(nr));
	for (size_t i = 0; i < N_FILES; i++)
		to[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, files[i],
						       (uint8_t)(N_FILES - i), 0);
	to[n++] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 1);
	to[n++] = (struct sock_filter)TELL;
	return n;
}

static int is_told(const struct sock_filter *f, uint32_t observe, uint16_t default_errno)
{
	uint32_t action = f->k & SECCOMP_RET_ACTION_FULL, data = f->k & SECCOMP_RET_DATA;

	if (f->code != (BPF_RET | BPF_K))
		return 0;
	if (action == SECCOMP_RET_ALLOW)
		return !!(observe & NUC_OBSERVE_TRACE);
	if (action != SECCOMP_RET_ERRNO)
		return 0;
	/*
	 * Other answers are what programs are prepared for: "not in this kernel". Few miss them, and many of
	 * them are asked for again and again (statx, mremap, rseq of each thread): each would wait for init.
	 */
	return (observe & NUC_OBSERVE_TRACE) || data == EPERM || data == EACCES ||
	       data == default_errno;
}

/* Whether init would be told of our exit, while it waits for just that. */
static int tells_our_exit(const struct sock_filter *filter, size_t count, uint32_t observe,
			  uint16_t default_errno)
{
	const struct seccomp_data d = {
		.nr = __NR_exit,
		.arch = AUDIT_ARCH_X86_64,
		.args = { 127, 0, 0, NUC_OURS_ARG3, NUC_OURS_ARG4, NUC_OURS_ARG5 },
	};
	const struct sock_filter f = BPF_STMT(BPF_RET | BPF_K,
					      nuc_bpf_run(filter, (uint32_t)count, &d));

	return is_told(&f, observe, default_errno);
}

static size_t put_prologue(struct sock_filter *to, uint32_t observe, int deaf)
{
	size_t n = 0, go_on;

	if (observe & NUC_OBSERVE_TRACE) {
		n += put_ours(to, __NR_execve, SECCOMP_RET_ALLOW);
		return n + put_ours(to + n, __NR_exit, SECCOMP_RET_ALLOW);
	}
	/* Refused without a word: there are other ways to end (init.c). */
	if (deaf)
		n += put_ours(to, __NR_exit, SECCOMP_RET_ERRNO | EPERM);
	if (!(observe & NUC_OBSERVE_FILES))
		return n;
	n += put_ours(to + n, __NR_execve, 0);
	go_on = n - 1;
	n += put_files(to + n);
	to[go_on] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)(n - go_on - 1));
	return n;
}

int nuc_seccomp_observing(const struct sock_filter *filter, size_t count, uint32_t observe,
			  uint16_t default_errno, struct sock_filter **ret, size_t *ret_count)
{
	size_t room = count + N_OURS + N_OURS + N_FILES + 5, n;
	struct sock_filter *to;

	if (room > BPF_MAXINSNS)
		return -E2BIG;
	to = malloc(room * sizeof(*to));
	if (!to)
		return -ENOMEM;
	n = put_prologue(to, observe, tells_our_exit(filter, count, observe, default_errno));
	memcpy(to + n, filter, count * sizeof(*to));
	for (size_t i = n; i < n + count; i++)
		if (is_told(&to[i], observe, default_errno))
			to[i] = (struct sock_filter)TELL;
	*ret = to;
	*ret_count = n + count;
	return 0;
}

/*
 * A prologue that tells, refuses, allows our own calls in a trace, or goes on at the filter's first
 * instruction.
 */
static int is_prologue(const struct sock_filter *f, size_t n, uint32_t observe)
{
	for (size_t i = 0; i < n; i++) {
		size_t left = n - i - 1;

		switch (f[i].code) {
		case BPF_LD | BPF_W | BPF_ABS:
			break;
		case BPF_JMP | BPF_JA:
			if (f[i].k > left)
				return 0;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			if (f[i].jt > left || f[i].jf > left)
				return 0;
			break;
		case BPF_RET | BPF_K:
			if (f[i].k != SECCOMP_RET_USER_NOTIF &&
			    f[i].k != (SECCOMP_RET_ERRNO | EPERM) &&
			    (f[i].k != SECCOMP_RET_ALLOW || !(observe & NUC_OBSERVE_TRACE)))
				return 0;
			break;
		default:
			return 0;
		}
	}
	return 1;
}

int nuc_seccomp_is_observing(const struct sock_filter *observing, size_t observing_count,
			     const struct sock_filter *filter, size_t count, uint32_t observe)
{
	size_t prologue = observing_count - count;

	if (observing_count < count || !is_prologue(observing, prologue, observe))
		return 0;
	for (size_t i = 0; i < count; i++) {
		const struct sock_filter *o = &observing[prologue + i], *f = &filter[i];

		if (!memcmp(o, f, sizeof(*o)))
			continue;
		if (f->code != (BPF_RET | BPF_K) || o->code != f->code || o->jt || o->jf ||
		    o->k != SECCOMP_RET_USER_NOTIF)
			return 0;
		if ((f->k & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_ERRNO &&
		    !(observe & NUC_OBSERVE_TRACE && f->k == SECCOMP_RET_ALLOW))
			return 0;
	}
	return 1;
}
