/* SPDX-License-Identifier: MIT */
/* What the files of this folder share, and unit tests call. */
#pragma once

#include "host.h"

/* "6.1.0-18-amd64" -> 6, 1. -EINVAL for what is no version. */
int nuc_kernel_parse(const char *release, int *ret_major, int *ret_minor);

/* A whole small file that holds one decimal number; `absent` where there is none. */
long nuc_sysctl_number(const char *path, long absent);

/* All that decides whether a user namespace can be had, as far as files tell. */
struct nuc_userns_inputs {
	bool proc;			/* /proc is there */
	bool built;			/* /proc/self/ns/user is there */
	long unprivileged_clone;	/* kernel.unprivileged_userns_clone; -1: no such sysctl */
	long max;			/* user.max_user_namespaces; -1: no such sysctl */
	long apparmor_restrict;		/* kernel.apparmor_restrict_unprivileged_userns; -1: none */
	long apparmor_complain;		/* kernel.apparmor_restrict_unprivileged_userns_complain */
	bool apparmor_unconfined;	/* no profile of its own could permit it */
	bool admin;			/* the process that will ask for it has CAP_SYS_ADMIN */
};

enum nuc_userns_refused nuc_userns_judge(const struct nuc_userns_inputs *in);
