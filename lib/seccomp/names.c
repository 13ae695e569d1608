/* SPDX-License-Identifier: MIT */
#include "base.h"
#include "names.h"
#include "syscall_names.h"

const char *nuc_syscall_name(long nr)
{
	return nr >= 0 && nr < (long)NUC_ARRAY_SIZE(syscall_names) ? syscall_names[nr] : NULL;
}

int nuc_syscall_number(const char *name)
{
	for (size_t i = 0; i < NUC_ARRAY_SIZE(syscall_names); i++)
		if (syscall_names[i] && !strcmp(syscall_names[i], name))
			return (int)i;
	return -1;
}
