/* SPDX-License-Identifier: MIT */
/*
 * Data: the calls with which sandboxes have been left, or which reach more of the kernel than a program
 * of no privilege needs. In a sandbox most of them fail for want of a capability in the right namespace:
 * the filter is what stands before a bug in that check.
 */
#include "dangerous.h"

#define MOUNT "mounts, in a user namespace of its own (CVE-2022-0185, CVE-2023-0386)"
#define MODULE "loads code into the kernel"
#define TRACE "reads and changes other processes of the sandbox, past their own filters"
#define KEYS "kernel keyrings: keys of the user, of all sandboxes, before Linux 5.2 (CVE-2016-0728)"
#define RING "work that the kernel does past this filter (CVE-2022-29582, CVE-2023-2598)"
#define HANDLE "opens files by handle, past every path rule; it left Docker in 2014"
#define PORTS "access to the hardware's ports"
#define CLOCK "sets the host's clock"
#define SWAP "changes the host's swap"

static const struct nuc_danger dangers[] = {
	{ "acct", "writes records of the host's processes", true },
	{ "add_key", KEYS, true },
	{ "adjtimex", CLOCK, false },
	{ "bpf", "programs in the kernel (CVE-2020-8835, CVE-2021-3490, CVE-2022-23222)", true },
	{ "chroot", "leaves a root that is not pivoted; a new root for a setuid program", false },
	{ "clock_adjtime", CLOCK, false },
	{ "clock_settime", CLOCK, true },
	{ "clone3", "new namespaces by flags in memory, where a filter cannot look", false },
	{ "create_module", MODULE, true },
	{ "delete_module", MODULE, true },
	{ "fanotify_init", "watches files of the whole mount, and may hold their users still", false },
	{ "finit_module", MODULE, true },
	{ "fsconfig", MOUNT, true },
	{ "fsmount", MOUNT, true },
	{ "fsopen", MOUNT, true },
	{ "fspick", MOUNT, true },
	{ "init_module", MODULE, true },
	{ "io_uring_enter", RING, true },
	{ "io_uring_register", RING, true },
	{ "io_uring_setup", RING, true },
	{ "ioperm", PORTS, true },
	{ "iopl", PORTS, true },
	{ "kexec_file_load", "replaces the running kernel", true },
	{ "kexec_load", "replaces the running kernel", true },
	{ "keyctl", KEYS, true },
	{ "lookup_dcookie", "names of files that other processes have open", true },
	{ "modify_ldt", "segments of 16 bits (CVE-2015-5157, CVE-2017-17053)", false },
	{ "mount", MOUNT, true },
	{ "mount_setattr", MOUNT, true },
	{ "move_mount", MOUNT, true },
	{ "move_pages", "moves memory of other processes", false },
	{ "name_to_handle_at", "handles for open_by_handle_at", false },
	{ "nfsservctl", "the host's NFS server", true },
	{ "open_by_handle_at", HANDLE, true },
	{ "open_tree", MOUNT, true },
	{ "open_tree_attr", MOUNT, true },
	{ "perf_event_open", "watches the kernel and other processes (CVE-2013-2094, CVE-2023-5717)", true },
	{ "pidfd_getfd", "takes descriptors out of other processes", false },
	{ "pivot_root", MOUNT, true },
	{ "process_vm_readv", TRACE, false },
	{ "process_vm_writev", TRACE, false },
	{ "ptrace", TRACE, true },
	{ "quotactl", "the host's disk quotas", true },
	{ "quotactl_fd", "the host's disk quotas", true },
	{ "reboot", "ends the host", true },
	{ "request_key", KEYS, true },
	{ "setdomainname", "the host name, if it is not the sandbox's own", false },
	{ "sethostname", "the host name, if it is not the sandbox's own", false },
	{ "setns", "enters other namespaces", true },
	{ "settimeofday", CLOCK, true },
	{ "stime", CLOCK, true },
	{ "swapoff", SWAP, true },
	{ "swapon", SWAP, true },
	{ "syslog", "reads the kernel's log, and its addresses", true },
	{ "umount", MOUNT, true },
	{ "umount2", MOUNT, true },
	{ "unshare", "new namespaces, with all capabilities in them (CVE-2022-0185)", true },
	{ "uselib", "history, with bugs (CVE-2004-1235)", true },
	{ "userfaultfd", "holds the kernel still in the middle of a race (CVE-2021-22555)", true },
	{ "vhangup", "takes the caller's terminal away", true },
	{ "vm86", "a mode of the processor that nothing needs", true },
	{ "vm86old", "a mode of the processor that nothing needs", true },
};

const struct nuc_danger *nuc_danger_at(size_t i)
{
	return i < NUC_ARRAY_SIZE(dangers) ? &dangers[i] : NULL;
}

const struct nuc_danger *nuc_danger_of(const char *name)
{
	for (size_t i = 0; i < NUC_ARRAY_SIZE(dangers); i++)
		if (!strcmp(dangers[i].name, name))
			return &dangers[i];
	return NULL;
}
