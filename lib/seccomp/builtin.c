/* SPDX-License-Identifier: MIT */
/* The default list as programs that were compiled with the library: see generate.c. */
#include "allowlist.h"
#include "builtin_programs.h"

#define PROGRAM(i) { program_##i, NUC_ARRAY_SIZE(program_##i) }

void nuc_seccomp_builtin(const struct nuc_seccomp_params *params, const struct sock_filter **ret,
			 size_t *ret_count)
{
	static const struct {
		const struct sock_filter *program;
		size_t count;
	} programs[] = { PROGRAM(0), PROGRAM(1), PROGRAM(2), PROGRAM(3) };
	unsigned int i = (params->network ? 1 : 0) | (params->netlink_route ? 2 : 0);

	*ret = programs[i].program;
	*ret_count = programs[i].count;
}
