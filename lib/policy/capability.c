/* SPDX-License-Identifier: MIT */
/*
 * capabilities(7), include/uapi/linux/capability.h. What each reaches is read from the kernel's own
 * checks: capable() asks in the initial user namespace, ns_capable() in that of the object.
 */
#include <strings.h>

#include "capability.h"

#define INSIDE NUC_CAP_INSIDE
#define NOTHING NUC_CAP_NOTHING
#define UNDOES NUC_CAP_UNDOES

static const struct nuc_capability table[] = {
	/* capable_wrt_inode_uidgid(): both ids of the file must be the sandbox's. */
	{ "CHOWN", INSIDE, "change owners, of its own files and to its own ids only" },
	{ "DAC_OVERRIDE", INSIDE, "pass by the mode of its own files; no one else's" },
	{ "DAC_READ_SEARCH", INSIDE, "read and search its own files whatever their mode; no one else's" },
	{ "FOWNER", INSIDE, "be taken for the owner of its own files; no one else's" },
	{ "FSETID", INSIDE, "keep set-id bits when its own files change; nothing mounted honours them" },
	{ "KILL", INSIDE, "signal processes of the sandbox; its init ignores them" },
	/* The maps have one id each, and setgroups is denied. */
	{ "SETGID", INSIDE, "change its group, of which the sandbox has one" },
	{ "SETUID", INSIDE, "change its user, of which the sandbox has one" },
	{ "SETPCAP", INSIDE, "change its own sets within the bounding set" },
	{ "LINUX_IMMUTABLE", NOTHING, NULL },
	{ "NET_BIND_SERVICE", INSIDE, "bind ports below 1024 in the sandbox's own network" },
	{ "NET_BROADCAST", NOTHING, NULL },
	/* nf_tables, tc, ip-link(8): all of it asks the owner of the network namespace. */
	{ "NET_ADMIN", UNDOES, "it rewrites ports and addresses behind Landlock's port rules, and opens "
			       "the kernel's packet filters to the program" },
	{ "NET_RAW", INSIDE, "write packets by hand in the sandbox's own network, past rules of ports" },
	{ "IPC_LOCK", NOTHING, NULL },
	{ "IPC_OWNER", INSIDE, "use any System V object of the sandbox" },
	{ "SYS_MODULE", NOTHING, NULL },
	{ "SYS_RAWIO", NOTHING, NULL },
	{ "SYS_CHROOT", INSIDE, "change its root directory, within the sandbox's" },
	/* __ptrace_may_access(): over what is not dumpable, in the user namespace of its memory. */
	{ "SYS_PTRACE", UNDOES, "it takes over the sandbox's init, which no system call filter holds" },
	{ "SYS_PACCT", NOTHING, NULL },
	/* may_mount(), path_umount(), and the owner's right to every namespace. */
	{ "SYS_ADMIN", UNDOES, "it unmounts what masks and protects, makes read-only mounts writable, "
			       "and opens most of the kernel to the program" },
	/* reboot_pid_ns() */
	{ "SYS_BOOT", UNDOES, "reboot(2) kills the sandbox's init, and so forges how it ended" },
	{ "SYS_NICE", INSIDE, "change priority and processors of processes of the sandbox" },
	{ "SYS_RESOURCE", INSIDE, "set limits of processes of the sandbox, but raise none" },
	{ "SYS_TIME", NOTHING, NULL },
	{ "SYS_TTY_CONFIG", NOTHING, NULL },
	{ "MKNOD", NOTHING, NULL },
	{ "LEASE", NOTHING, NULL },
	{ "AUDIT_WRITE", NOTHING, NULL },
	{ "AUDIT_CONTROL", NOTHING, NULL },
	/* cap_convert_nscap(): where 0 is the sandbox's user. */
	{ "SETFCAP", UNDOES, "it gives capabilities to files of the workspace, which outlive the sandbox" },
	{ "MAC_OVERRIDE", NOTHING, NULL },
	{ "MAC_ADMIN", NOTHING, NULL },
	{ "SYSLOG", NOTHING, NULL },
	{ "WAKE_ALARM", NOTHING, NULL },
	{ "BLOCK_SUSPEND", NOTHING, NULL },
	{ "AUDIT_READ", NOTHING, NULL },
	{ "PERFMON", NOTHING, NULL },
	{ "BPF", NOTHING, NULL },
	{ "CHECKPOINT_RESTORE", INSIDE, "choose the numbers of processes of the sandbox" },
};
_Static_assert(NUC_ARRAY_SIZE(table) == 41, "CAP_CHECKPOINT_RESTORE is 40");

const struct nuc_capability *nuc_capability(unsigned int cap)
{
	static const struct nuc_capability unknown = { NULL, NUC_CAP_UNKNOWN, NULL };

	return cap < NUC_ARRAY_SIZE(table) ? &table[cap] : &unknown;
}

static const char *plain(const char *name)
{
	return strncasecmp(name, "CAP_", 4) == 0 ? name + 4 : name;
}

int nuc_capability_find(const char *name)
{
	for (size_t i = 0; i < NUC_ARRAY_SIZE(table); i++)
		if (!strcasecmp(plain(name), table[i].name))
			return (int)i;
	return -ENOENT;
}

static const char *name_at(size_t i, void *arg)
{
	(void)arg;
	return i < NUC_ARRAY_SIZE(table) ? table[i].name : NULL;
}

const char *nuc_capability_nearest(const char *name)
{
	const char *begun = NULL;
	char upper[32];
	size_t n = 0, names = 0;

	for (const char *s = plain(name); *s && n < sizeof(upper) - 1; s++)
		upper[n++] = *s >= 'a' && *s <= 'z' ? (char)(*s - 32) : *s == '-' ? '_' : *s;
	upper[n] = '\0';
	for (size_t i = 0; i < NUC_ARRAY_SIZE(table); i++)
		if (!strncmp(table[i].name, upper, n)) {
			begun = table[i].name;
			names++;
		}
	/* "NET_BIND": the beginning of one alone is as good as a wrong letter. */
	return names == 1 ? begun : nuc_nearest(upper, name_at, NULL);
}

void nuc_capability_names(struct nuc_buf *b, uint64_t set, const char *between)
{
	const char *comma = "";

	for (unsigned int cap = 0; cap < NUC_CAP_MAX; cap++) {
		const char *name = nuc_capability(cap)->name;

		if (!(set & NUC_CAP_BIT(cap)))
			continue;
		if (name)
			nuc_buf_printf(b, "%sCAP_%s", comma, name);
		else
			nuc_buf_printf(b, "%s%u", comma, cap);
		comma = between;
	}
	if (!set)
		nuc_buf_puts(b, "-");
}
