/* SPDX-License-Identifier: MIT */
/*
 * System calls without a C library. The child runs in the caller's memory between clone3 and exec:
 * libc would take locks that another thread may hold, and write errno in that thread's storage.
 */
#pragma once

#include <asm/unistd.h>
#include <stddef.h>
#include <stdint.h>

static inline long nuc_sys6(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long r;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return r;
}

/* nuc_sys(__NR_x, up to six arguments): missing ones are 0. Returns the result or -errno. */
#define nuc_sys_(n, a, b, c, d, e, f, ...)                                                         \
	nuc_sys6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define nuc_sys(...) nuc_sys_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

/*
 * Of a variable of nucleus-init: in the first page of its data, which exec touches anyway, since it has to clear what
 * follows (fs/binfmt_elf.c). Each other page is one more fault in each start.
 */
#define NUC_IN_FIRST_PAGE __attribute__((section(".data")))

/* What a clock of clock_gettime(2) says, in nanoseconds. */
static inline uint64_t nuc_clock_ns(int clock)
{
	int64_t t[2] = { 0, 0 }; /* struct timespec of x86_64: seconds, nanoseconds */

	nuc_sys(__NR_clock_gettime, clock, t);
	return (uint64_t)t[0] * 1000000000 + (uint64_t)t[1];
}

static inline uint64_t nuc_clock_us(int clock)
{
	return nuc_clock_ns(clock) / 1000;
}

/* struct clone_args of clone3(2), as of Linux 5.7 (CLONE_ARGS_SIZE_VER2). */
struct nuc_clone_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal;
	uint64_t stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

/*
 * clone3 whose child runs fn(arg) on args->stack and then exits with its result. Needed in assembly:
 * with CLONE_VM the child must not return through the caller's frames.
 */
long nuc_clone3(struct nuc_clone_args *args, size_t size, int (*fn)(void *), void *arg);
