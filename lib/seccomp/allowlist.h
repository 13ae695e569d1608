/* SPDX-License-Identifier: MIT */
/* seccomp: the default allowlist, and the filter that is made from it. */
#pragma once

#include <linux/filter.h>

#include "base.h"

struct nuc_seccomp_params {
	bool network;		/* AF_INET and AF_INET6 sockets beside AF_UNIX (loopback counts) */
	bool netlink_route;	/* NETLINK_ROUTE sockets, which getifaddrs() needs */
};

/*
 * Compiles the default list into a BPF program (libseccomp, then shrink.h). The filter refuses x32
 * and 32-bit entry by killing the process. `*ret` is owned by the caller. -ENOTSUP, -ENOMEM, or an
 * errno of memfd_create(2).
 */
int nuc_seccomp_compile(const struct nuc_seccomp_params *params, struct sock_filter **ret,
			size_t *ret_count);

/* The same program, compiled when the library was built: static, and at no cost. */
void nuc_seccomp_builtin(const struct nuc_seccomp_params *params, const struct sock_filter **ret,
			 size_t *ret_count);

/*
 * The rows in use under `params`, for explain: name, the argument filter in words or "", reason.
 * Every name comes once.
 */
struct nuc_seccomp_row {
	const char *name;
	const char *filter;
	const char *reason;
};
/* Row i or NULL past the last. Calls that are allowed, by name. */
const struct nuc_seccomp_row *nuc_seccomp_allowed(const struct nuc_seccomp_params *params,
						  size_t i);
/*
 * Calls that are not run and yet get another answer than EPERM, since their callers know how to go
 * on from it: `filter` is the answer ("ENOSYS", "0", and for which arguments if not for all).
 */
const struct nuc_seccomp_row *nuc_seccomp_answered(const struct nuc_seccomp_params *params,
						   size_t i);
/* Calls that kill the process; all others fail with EPERM, and those newer than the list ENOSYS. */
const char *nuc_seccomp_killed(size_t i);
/* Whether a call belongs to the socket family, which the limit of 110 allowed calls leaves out. */
bool nuc_seccomp_is_network(const char *name);
