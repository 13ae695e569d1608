/* SPDX-License-Identifier: MIT */
/* names: system calls of x86_64 by name and number, as libseccomp knew them at build time.
 * Freestanding: init includes it. */
#pragma once

/* NULL for a number without a name. */
const char *nuc_syscall_name(long nr);
/* -1 for no such name. */
int nuc_syscall_number(const char *name);
/* Whether a call is refused also while a program is traced, and stays out of what is learned. */
int nuc_syscall_always_refused(long nr);
