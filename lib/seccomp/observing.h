/* SPDX-License-Identifier: MIT */
/* What init is told of the program's system calls, by which filter. Freestanding. */
#pragma once

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What of the program's doings init is told by the kernel (seccomp_unotify(2)). It answers as the
 * filter of the plan says, and tells the caller.
 */
enum nuc_observe {
	NUC_OBSERVE_REFUSALS = 1, /* calls that the filter refuses; what it allows costs nothing */
	NUC_OBSERVE_FILES = 2,	  /* also allowed calls that other layers may refuse */
	NUC_OBSERVE_TRACE = 4,	  /* all calls, into the log */
	NUC_OBSERVE_LEARN = 8,	  /* also their paths and ports */
};

/*
 * What the program's process has in the arguments that execve and exit do not use, so that its first
 * execve, and its exit if that fails, are not told while init waits for just them: nobody would
 * answer. A program that does the same hides an execve from its own trace, no more.
 */
#define NUC_OURS_ARG3 0x6e75636c65757321
#define NUC_OURS_ARG4 0x6f75722d65786563
#define NUC_OURS_ARG5 0x6b6e6f636b6b6e6f

/*
 * The filter that is loaded so that init is told: `filter` with some results replaced by
 * SECCOMP_RET_USER_NOTIF, behind a prologue. Refusals are the results EPERM, EACCES and
 * `default_errno`. `*ret` is owned; -ENOMEM, -E2BIG.
 */
int nuc_seccomp_observing(const struct sock_filter *filter, size_t count, uint32_t observe,
			  uint16_t default_errno, struct sock_filter **ret, size_t *ret_count);
/*
 * Whether `observing` enforces what `filter` does, if whoever is told answers as `filter` says: it
 * differs by results that tell, and a prologue that can do nothing else.
 */
int nuc_seccomp_is_observing(const struct sock_filter *observing, size_t observing_count,
			     const struct sock_filter *filter, size_t count, uint32_t observe);
