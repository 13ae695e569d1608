/* SPDX-License-Identifier: MIT */
/* Landlock's rights by ABI (landlock(7), Documentation/userspace-api/landlock.rst). Debian 12's
 * headers end at ABI 2, so the numbers are here. */
#pragma once

#include <stdint.h>

#define NUC_LL_EXECUTE (1u << 0)
#define NUC_LL_WRITE_FILE (1u << 1)
#define NUC_LL_READ_FILE (1u << 2)
#define NUC_LL_READ_DIR (1u << 3)
#define NUC_LL_REMOVE_DIR (1u << 4)
#define NUC_LL_REMOVE_FILE (1u << 5)
#define NUC_LL_MAKE_CHAR (1u << 6)
#define NUC_LL_MAKE_DIR (1u << 7)
#define NUC_LL_MAKE_REG (1u << 8)
#define NUC_LL_MAKE_SOCK (1u << 9)
#define NUC_LL_MAKE_FIFO (1u << 10)
#define NUC_LL_MAKE_BLOCK (1u << 11)
#define NUC_LL_MAKE_SYM (1u << 12)
#define NUC_LL_REFER (1u << 13)	    /* ABI 2, Linux 5.19 */
#define NUC_LL_TRUNCATE (1u << 14)  /* ABI 3, Linux 6.2 */
#define NUC_LL_IOCTL_DEV (1u << 15) /* ABI 5, Linux 6.10 */

#define NUC_LL_ALL (2 * NUC_LL_IOCTL_DEV - 1)
/* What the kernel takes in a rule on a file that is no directory. */
#define NUC_LL_OF_FILES                                                                            \
	(NUC_LL_EXECUTE | NUC_LL_WRITE_FILE | NUC_LL_READ_FILE | NUC_LL_TRUNCATE | NUC_LL_IOCTL_DEV)

#define NUC_LL_NET_BIND_TCP (1u << 0)	 /* ABI 4, Linux 6.7 */
#define NUC_LL_NET_CONNECT_TCP (1u << 1) /* ABI 4 */

#define NUC_LL_SCOPE_ABSTRACT_UNIX (1u << 0) /* ABI 6, Linux 6.12 */
#define NUC_LL_SCOPE_SIGNAL (1u << 1)	     /* ABI 6 */

/* Flag of landlock_restrict_self, ABI 7, Linux 6.15: refusals after the next exec are told, too. */
#define NUC_LL_RESTRICT_LOG_NEW_EXEC_ON (1u << 1)

/* struct landlock_ruleset_attr; the kernel takes a shorter one for older ABIs. */
struct nuc_landlock_attr {
	uint64_t fs, net, scoped;
};

/* The rights of files that an ABI knows. */
static inline uint32_t nuc_landlock_rights(int abi)
{
	uint32_t rights = abi >= 1 ? NUC_LL_REFER - 1 : 0;

	if (abi >= 2)
		rights |= NUC_LL_REFER;
	if (abi >= 3)
		rights |= NUC_LL_TRUNCATE;
	if (abi >= 5)
		rights |= NUC_LL_IOCTL_DEV;
	return rights;
}

struct nuc_rlim {
	uint64_t soft, hard;
};
