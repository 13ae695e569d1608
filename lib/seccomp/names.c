/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "names.h"
#include "syscall_names.h"

#define N_NAMES (sizeof(syscall_names) / sizeof(syscall_names[0]))

const char *nuc_syscall_name(long nr)
{
	return nr >= 0 && nr < (long)N_NAMES && *syscall_names[nr] ? syscall_names[nr] : NULL;
}

int nuc_syscall_number(const char *name)
{
	for (size_t i = 0; i < N_NAMES; i++) {
		const char *a = syscall_names[i], *b = name;

		while (*a && *a == *b) {
			a++;
			b++;
		}
		if (*syscall_names[i] && *a == *b)
			return (int)i;
	}
	return -1;
}

int nuc_syscall_always_refused(long nr)
{
	return nr >= 0 && nr < (long)sizeof(always_refused) && always_refused[nr];
}
