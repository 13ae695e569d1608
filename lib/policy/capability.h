/* SPDX-License-Identifier: MIT */
/* The capabilities of Linux: names, and what each is good for in a sandbox's own user namespace. */
#pragma once

#include "base.h"

#define NUC_CAP_MAX 64 /* bits in a set */

enum nuc_cap_reach {
	NUC_CAP_UNKNOWN, /* newer than this table */
	NUC_CAP_INSIDE,	 /* of use in the sandbox, and no harm to its layers */
	NUC_CAP_NOTHING, /* the kernel asks for it in the initial user namespace only: of no use */
	NUC_CAP_UNDOES,	 /* takes a layer of the sandbox away */
};

struct nuc_capability {
	const char *name; /* without CAP_; NULL: not in the table */
	enum nuc_cap_reach reach;
	const char *what; /* what it lets the program do; if it undoes something, what and how */
};

/* Never NULL; its name is NULL for what is not known. */
const struct nuc_capability *nuc_capability(unsigned int cap);
/* A name in any case, with or without CAP_: its number, or -ENOENT. */
int nuc_capability_find(const char *name);
/* The name meant by a typing error, or NULL. */
const char *nuc_capability_nearest(const char *name);
/* "CAP_CHOWN,CAP_KILL,41", as OCI writes them; "-" if there is none. */
void nuc_capability_names(struct nuc_buf *b, uint64_t set, const char *between);

#define NUC_CAP_BIT(cap) (1ull << (cap))
#define NUC_CAP_NET_BIND_SERVICE 10
#define NUC_CAP_NET_BROADCAST 11
#define NUC_CAP_NET_ADMIN 12
#define NUC_CAP_NET_RAW 13
/* What is asked for in the user namespace that owns the network. */
#define NUC_CAPS_OF_NETWORK                                                                        \
	(NUC_CAP_BIT(NUC_CAP_NET_BIND_SERVICE) | NUC_CAP_BIT(NUC_CAP_NET_BROADCAST) |              \
	 NUC_CAP_BIT(NUC_CAP_NET_ADMIN) | NUC_CAP_BIT(NUC_CAP_NET_RAW))
