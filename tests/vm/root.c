/* SPDX-License-Identifier: MIT */
/*
 * What the guest sees: the host's root directory by 9p, read-only, below a writable layer in memory.
 * It is mounted after the restore: QEMU refuses to snapshot a machine that has 9p mounted.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest.h"

/*
 * cache=loose: the host's files do not change meanwhile, as far as a test is concerned, so that what was
 * read once stays in the page cache. access=any: one identity towards the host, modes and owners are
 * checked here; otherwise each user attaches and walks anew, and each inode's ACL is asked for.
 */
#define HOST_OPTIONS "trans=virtio,version=9p2000.L,msize=512000,cache=loose,access=any"

/*
 * Makes BASE/root; what the host lacks may come from an image below it. Returns a descriptor of the
 * directory that root_mount_tmp() is to keep, or -1.
 */
int root_mount_host(const struct job *job, const char *base, const char *image)
{
	int kept = -1;
	const char *host = text("%s/host", base), *writable = text("%s/rw", base);
	const char *root = text("%s/root", base), *modules = text("%s/usr/lib/modules", root);

	make_dirs(host);
	make_dirs(writable);
	make_dirs(root);
	mount_or_die("host", host, "9p", MS_RDONLY | MS_NODEV, HOST_OPTIONS);
	mount_or_die("rw", writable, "tmpfs", 0, "mode=755,size=75%");
	make_dirs(text("%s/upper", writable));
	make_dirs(text("%s/work", writable));
	mount_or_die("root", root, "overlay", 0,
		     text("lowerdir=%s%s%s,upperdir=%s/upper,workdir=%s/work", host, image ? ":" : "",
			  image ?: "", writable, writable));
	/* The kernel loads what is asked for later by modprobe: nft, veth, and the like. */
	make_dirs(modules);
	mount_or_die(text("%s%s", host, job->modules), modules, NULL, MS_BIND, NULL);
	make_dirs(text("%s/home/tester", root));
	if (chown(text("%s/home/tester", root), TESTER_UID, TESTER_UID) < 0)
		die("chown");
	/* It would say that this is a container. */
	unlink(text("%s/.dockerenv", root));
	if (job->keep[0]) {
		kept = open(text("%s%s", root, job->keep), O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (kept < 0)
			die("open the host's %s", job->keep);
	}
	return kept;
}

/* For the machine's first process: the kernel's own look-ups follow it. */
void root_switch(const char *root)
{
	static const char *const moved[] = { "/proc", "/sys", "/dev" };
	const char *run = text("%s/run", root);

	for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++) {
		const char *to = text("%s%s", root, moved[i]);

		make_dirs(to);
		mount_or_die(moved[i], to, NULL, MS_MOVE, NULL);
	}
	make_dirs(run);
	mount_or_die("run", run, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
	if (chdir(root) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
	    chdir("/") < 0)
		die("switch to %s", root);
}

/* Where a system runs already, the host's directories cover its own: what is open there stays open. */
void root_cover(const char *root)
{
	static const char *const own[] = { "dev", "proc", "run", "sys", "tmp" };
	DIR *directory = opendir(root);
	struct dirent *entry;
	bool is_own;

	if (!directory)
		die("open %s", root);
	while ((entry = readdir(directory))) {
		const char *name = entry->d_name;
		const char *from = text("%s/%s", root, name), *to = text("/%s", name);
		struct stat st;

		is_own = name[0] == '.';
		for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
			is_own = is_own || strcmp(name, own[i]) == 0;
		if (is_own || lstat(from, &st) < 0 || !S_ISDIR(st.st_mode))
			continue;
		make_dirs(to);
		mount_or_die(from, to, NULL, MS_BIND | MS_REC, NULL);
	}
	closedir(directory);
}

/*
 * /tmp is the disk: an ext4 as on most machines (Linux 6.1 cannot idmap a tmpfs), and a block device to
 * limit. A directory of the host below /tmp, the repository's clone for one, is put back into it.
 */
void root_mount_tmp(const struct job *job, int kept)
{
	make_dirs("/tmp");
	mount_or_die("/dev/vda", "/tmp", "ext4", MS_NOSUID | MS_NODEV, NULL);
	if (chmod("/tmp", 01777) < 0)
		die("chmod /tmp");
	if (kept >= 0) {
		make_dirs(job->keep);
		mount_or_die(text("/proc/self/fd/%d", kept), job->keep, NULL, MS_BIND, NULL);
		close(kept);
	}
}
