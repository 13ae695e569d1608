/* SPDX-License-Identifier: MIT */
/*
 * The arguments by which bubblewrap builds what a plan's child builds, so that both mount the same set: made
 * from the plan's own steps, not from a list that would have to follow them.
 *
 * What differs in /proc/self/mountinfo of both (strict-agent, bubblewrap 0.8):
 *   only bwrap   /dev, a tmpfs of its own, and /dev/console where standard output is a terminal; a mount
 *                for each file that we write into the root (/etc/passwd, group, hosts, nsswitch.conf,
 *                resolv.conf), because --file reads a descriptor, of which each start would need a new one
 *   only ours    /proc/fs, and of /proc/bus, irq, sys those that the caller cannot write: --proc seals only
 *                what could be written (as root bus and irq, as a user none)
 * So it makes some two to four mounts of forty more; those five files are 5 % of its start. Of what both
 * have, ours have noexec where nothing is to be executed, hidepid, nr_inodes, a bound of terminals, mapped
 * ids of volumes. Beside mounts it has no Landlock, no audit of mounts, no rlimits.
 */
#pragma once

#include "plan.h"

/*
 * Ends with NULL. `filter` is the number of the descriptor of a seccomp filter, as text. What
 * is bound from a scratch directory is there until this process ends. Once in a process.
 */
char **bwrap_arguments(const struct nuc_plan *plan, const char *filter, char *const *argv);

/* Writes the default filter, with network, as `bwrap --seccomp` reads it. Negative: errno says why. */
int bwrap_write_filter(int fd);
