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

/* The overflow id (user_namespaces(7)): an unprivileged user that the privileged can change to. */
#define NUC_NOBODY 65534u
/* One of systemd's container range (524288 to 1879048191), which no person or service has. */
#define NUC_SOMEBODY 1853161472u

/* Whether the lines of an id map ("inside outside count") have `id` inside. */
bool nuc_map_has(const char *map, uint32_t id);
/* Whether /etc/subuid's lines ("name-or-uid:first:count") have one for this user; name or NULL. */
bool nuc_subid_has(const char *lines, const char *name, uid_t uid);
/* The name of a user, from the lines of /etc/passwd. False when it is not there or too long. */
bool nuc_passwd_name(const char *lines, uid_t uid, char *ret, size_t size);
/*
 * What mountinfo (proc_pid_mountinfo(5)) says: the cgroup layout, and whether / is a mount point.
 */
enum nuc_cgroup_layout nuc_mountinfo_read(const char *lines, bool *ret_has_root);
