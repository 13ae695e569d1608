/* SPDX-License-Identifier: MIT */
/*
 * Refused calls that programs live without: each was seen in a program that then did what it was for, and
 * ended with 0. Under a profile of the user's own they are as likely to matter.
 */
#include "usual.h"

/* `arg` is the first argument, -1: whatever it is. */
static const struct {
	const char *name;
	int arg;
	const char *seen;
} rows[] = {
	{ "capget", -1, "node and ip look whether they have capabilities" },
	{ "clock_getres", -1, "java" },
	{ "fchown", -1, "cp -a, gzip and xz give the copy its owner, who it is already" },
	{ "get_mempolicy", -1, "ps, of libnuma" },
	{ "mlock", -1, "gpg, for keys that are not to be swapped" },
	{ "pkey_alloc", -1, "node" },
	{ "prctl", 21, "man, PR_GET_SECCOMP" },
	{ "prctl", 47, "postgres, PR_CAP_AMBIENT" },
	{ "mmap", -1, "postgres, huge pages" },
};

bool nuc_usual_call(const char *name, const uint64_t args[6])
{
	for (size_t i = 0; name && i < NUC_ARRAY_SIZE(rows); i++)
		if (!strcmp(rows[i].name, name) &&
		    (rows[i].arg < 0 || (uint64_t)rows[i].arg == args[0]))
			return true;
	return false;
}
