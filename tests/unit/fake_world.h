/* SPDX-License-Identifier: MIT */
/* A host that exists only in tests, so that plans do not depend on the machine they are made on. */
#pragma once

#include <sched.h>
#include <sys/stat.h>

#include "compile.h"

struct fake_file {
	const char *path;
	mode_t mode;
	uid_t uid;
	const char *link;
};

static const struct fake_file fake_files[] = {
	{ "/bin", S_IFLNK, 0, "usr/bin" },
	{ "/bin/bash", S_IFREG, 0, NULL },
	{ "/dev/full", S_IFCHR, 0, NULL },
	{ "/dev/null", S_IFCHR, 0, NULL },
	{ "/dev/random", S_IFCHR, 0, NULL },
	{ "/dev/sda", S_IFBLK, 0, NULL },
	{ "/dev/tty", S_IFCHR, 0, NULL },
	{ "/dev/urandom", S_IFCHR, 0, NULL },
	{ "/dev/zero", S_IFCHR, 0, NULL },
	{ "/etc", S_IFDIR, 0, NULL },
	{ "/etc/alternatives", S_IFDIR, 0, NULL },
	{ "/etc/ld.so.cache", S_IFREG, 0, NULL },
	{ "/etc/localtime", S_IFLNK, 0, "/usr/share/zoneinfo/UTC" },
	{ "/etc/machine-id", S_IFREG, 0, NULL },
	{ "/etc/resolv.conf", S_IFREG, 0, NULL },
	{ "/etc/shadow", S_IFREG, 0, NULL },
	{ "/etc/ssh", S_IFDIR, 0, NULL },
	{ "/etc/ssl", S_IFDIR, 0, NULL },
	{ "/etc/ssl/certs", S_IFDIR, 0, NULL },
	{ "/home/me/agent.sock", S_IFSOCK, 1000, NULL },
	{ "/home/me/data", S_IFDIR, 1000, NULL },
	{ "/home/me/file", S_IFREG, 1000, NULL },
	{ "/home/me/pipe", S_IFIFO, 1000, NULL },
	{ "/home/me/project", S_IFDIR, 1000, NULL },
	{ "/lib", S_IFLNK, 0, "usr/lib" },
	{ "/lib64", S_IFLNK, 0, "usr/lib64" },
	{ "/mnt", S_IFDIR, 0, NULL },
	{ "/net/nfs", S_IFDIR, 1000, NULL },
	{ "/opt/root", S_IFDIR, 0, NULL },
	{ "/opt/root/bin", S_IFDIR, 0, NULL },
	{ "/opt/root/etc", S_IFDIR, 0, NULL },
	{ "/opt/root/etc/profile", S_IFREG, 0, NULL },
	{ "/opt/root/etc/shadow", S_IFREG, 0, NULL },
	{ "/opt/root/lib", S_IFLNK, 0, "bin" },
	{ "/proc/acpi", S_IFDIR, 0, NULL },
	{ "/proc/irq", S_IFDIR, 0, NULL },
	{ "/proc/kcore", S_IFREG, 0, NULL },
	{ "/proc/keys", S_IFREG, 0, NULL },
	{ "/proc/self/fd", S_IFDIR, 1000, NULL },
	{ "/proc/sys", S_IFDIR, 0, NULL },
	{ "/sys/devices/system/cpu", S_IFDIR, 0, NULL },
	{ "/usr", S_IFDIR, 0, NULL },
	{ "/usr/bin", S_IFDIR, 0, NULL },
	{ "/usr/lib64", S_IFDIR, 0, NULL },
};

static inline int fake_look(struct nuc_world *w, const char *path, bool follow, struct nuc_look *ret)
{
	(void)w;
	(void)follow;
	if (!strcmp(path, "/")) {
		*ret = (struct nuc_look){ .path = "/", .mode = S_IFDIR | 0755, .dev = 1, .ino = 2 };
		return 0;
	}
	for (size_t i = 0; i < NUC_ARRAY_SIZE(fake_files); i++) {
		const struct fake_file *f = &fake_files[i];

		if (strcmp(path, f->path) != 0)
			continue;
		*ret = (struct nuc_look){ .mode = f->mode | 0755, .dev = 1, .ino = 100 + i, .uid = f->uid,
					  .gid = f->uid };
		snprintf(ret->path, sizeof(ret->path), "%s", path);
		if (f->link)
			snprintf(ret->link, sizeof(ret->link), "%s", f->link);
		ret->rdev = S_ISBLK(f->mode) ? 8 << 8 : 0;
		return 0;
	}
	return -ENOENT;
}

/* No link is followed, and no policy file is where a program could write to. */
static inline int fake_walk(struct nuc_world *w, const char *path, const struct nuc_file_id *writable, size_t n,
			    bool links_only, struct nuc_file_id *ret_end, char **ret_name)
{
	(void)w;
	(void)path;
	(void)writable;
	(void)n;
	(void)links_only;
	(void)ret_name;
	*ret_end = (struct nuc_file_id){ 0 };
	return 0;
}

static inline int fake_try_idmap(struct nuc_world *w, const char *path, const char *uid_map,
				 const char *gid_map)
{
	(void)w;
	(void)uid_map;
	(void)gid_map;
	return strncmp(path, "/net/", 5) != 0 ? 0 : -EINVAL;
}

static inline int fake_list(struct nuc_world *w, const char *path, bool (*wanted)(const char *name), char ***ret)
{
	char **names = calloc(NUC_ARRAY_SIZE(fake_files) + 1, sizeof(*names));
	size_t n = 0, len = strlen(path);

	(void)w;
	for (size_t i = 0; names && i < NUC_ARRAY_SIZE(fake_files); i++) {
		const char *p = fake_files[i].path;

		if (!strncmp(p, path, len) && p[len] == '/' && !strchr(p + len + 1, '/') &&
		    (!wanted || wanted(p + len + 1)))
			names[n++] = strdup(p + len + 1);
	}
	if (names)
		qsort(names, n, sizeof(*names), nuc_compare_strings);
	*ret = names;
	return names ? 0 : -ENOMEM;
}

/* A place as systemd gives it to a user, or as root has it. Tests change it. */
static struct nuc_cgroup_place fake_place = {
	.path = "/sys/fs/cgroup/place",
	.controllers = "cpuset cpu io memory pids",
	.enabled = "memory pids",
	.cpus = "0-3",
};

static inline int fake_cgroup(struct nuc_world *w, struct nuc_cgroup_place *ret)
{
	(void)w;
	*ret = fake_place;
	return 0;
}

/* The text of each policy file, or NULL: it is not there. Tests set them. */
static const char *fake_policy_files[NUC_FILE__COUNT];

static inline int fake_read_policy_file(struct nuc_world *w,
					const struct nuc_policy_file_wanted *wanted,
					struct nuc_policy_file *ret, nucleus_error **ret_err)
{
	const struct nuc_where where = { "policy", "file", wanted->origin, NULL };
	const char *text = fake_policy_files[wanted->kind];
	struct nuc_policy_file f = { 0 };

	(void)w;
	if (!text)
		return nuc_fail(ret_err, -ENOENT, &where, "there is no %s", wanted->path);
	f.bytes = strdup(text);
	if (!f.bytes)
		return -ENOMEM;
	f.len = strlen(text);
	nuc_sha256_hex(f.bytes, f.len, f.sha256);
	*ret = f;
	return 0;
}

static inline struct nuc_world fake_world(bool privileged)
{
	static const char *const environ_[] = { "TOKEN=secret", "TERM=xterm", NULL };
	struct nuc_world w = {
		.facts = { .kernel_major = 6, .kernel_minor = 18, .uid = privileged ? 0 : 1000,
			   .gid = privileged ? 0 : 1000, .privileged = privileged, .dumpable = true,
			   .host_id = privileged ? 1853161472 : 0,
			   .namespaces = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET |
					 CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP | 0x80,
			   .landlock_abi = 7, .seccomp_filter = true, .swap = true, .last_cap = 40 },
		.environ = environ_,
		.look = fake_look,
		.walk = fake_walk,
		.list = fake_list,
		.cgroup = fake_cgroup,
		.read_policy_file = fake_read_policy_file,
		.try_idmap = fake_try_idmap,
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(w.hard_limit); i++)
		w.hard_limit[i] = UINT64_MAX;
	return w;
}
