/* SPDX-License-Identifier: MIT */
/* seccomp: a shorter filter that says the same. */
#pragma once

#include <linux/filter.h>
#include <stddef.h>

/*
 * Rewrites a program that libseccomp has made. What the kernel does to load a filter (check, convert and compile
 * it: kernel/seccomp.c, bpf_prog_create_from_user()) takes time in proportion to its length, at each start.
 * 0: `*ret` is a shorter program with the same answer to every call, owned by the caller. 1: none was found, as
 * for a program that does arithmetic; nothing is written. -ENOMEM.
 */
int nuc_bpf_shrink(const struct sock_filter *program, size_t len, struct sock_filter **ret, size_t *ret_len);
