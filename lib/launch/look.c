/* SPDX-License-Identifier: MIT */
#include <asm/fcntl.h>
#include <asm-generic/errno-base.h>
#include <linux/types.h>
#include <asm/ioctl.h>
#include <linux/seccomp.h>

#include "look.h"

#define AT_FDCWD_ (-100)

/* ---- the program's memory ---------------------------------------------------------------------- */

long nuc_look_memory(int32_t pid, void *to, uint64_t from, uint64_t len)
{
	struct {
		void *base;
		uint64_t len;
	} local, remote;

	local.base = to;
	local.len = len;
	remote.base = (void *)(uintptr_t)from;
	remote.len = len;
	return nuc_sys(__NR_process_vm_readv, pid, &local, 1, &remote, 1, 0);
}

/* A string of less than NUC_PATH_BYTES bytes. Page by page: what follows it need not be readable. */
int nuc_look_string(int32_t pid, uint64_t from, char to[NUC_PATH_BYTES])
{
	long have = 0;

	while (from && have < NUC_PATH_BYTES) {
		long n = 4096 - (long)(from & 4095);

		if (n > NUC_PATH_BYTES - have)
			n = NUC_PATH_BYTES - have;
		n = nuc_look_memory(pid, to + have, from, (uint64_t)n);
		if (n <= 0)
			break;
		for (long i = have; i < have + n; i++)
			if (!to[i])
				return 0;
		have += n;
		from += (uint64_t)n;
	}
	return -EFAULT;
}

int nuc_look_waits(const struct nuc_seen *s)
{
	uint64_t id = s->id;

	return nuc_sys(__NR_ioctl, s->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

/* ---- paths ------------------------------------------------------------------------------------- */

long nuc_look_append(char *to, long size, long at, const char *s)
{
	while (*s && at < size - 1)
		to[at++] = *s++;
	to[at] = '\0';
	return at;
}

long nuc_look_append_number(char *to, long size, long at, uint32_t n)
{
	char digits[12];
	int i = sizeof(digits) - 1;

	digits[i] = '\0';
	do
		digits[--i] = (char)('0' + n % 10);
	while (n /= 10);
	return nuc_look_append(to, size, at, digits + i);
}

/* Whether s begins with the word w, as a whole component; gives what follows. */
static const char *after(const char *s, const char *w)
{
	while (*w && *s == *w) {
		s++;
		w++;
	}
	return *w || (*s && *s != '/') ? NULL : s;
}

/* A name by which init reaches what the program's process names so. */
void nuc_look_name(int32_t pid, int dir, const char *path, char asked[NUC_PATH_BYTES + 64])
{
	const long size = NUC_PATH_BYTES + 64;
	const char *rest = after(path, "/proc/self");
	long at = 0;

	asked[0] = '\0';
	if (!rest)
		rest = after(path, "/proc/thread-self");
	if (path[0] == '/' && !rest) {
		nuc_look_append(asked, size, 0, path);
		return;
	}
	at = nuc_look_append(asked, size, at, "/proc/");
	at = nuc_look_append_number(asked, size, at, (uint32_t)pid);
	if (rest) {
		nuc_look_append(asked, size, at, rest);
		return;
	}
	if (dir == AT_FDCWD_) {
		at = nuc_look_append(asked, size, at, "/cwd");
	} else {
		at = nuc_look_append(asked, size, at, "/fd/");
		at = nuc_look_append_number(asked, size, at, (uint32_t)dir);
	}
	if (*path) {
		at = nuc_look_append(asked, size, at, "/");
		nuc_look_append(asked, size, at, path);
	}
}

/* The canonical name of an O_PATH descriptor; -ENOENT if it has none (a pipe, a removed file). */
int nuc_look_canonical(int fd, char to[NUC_PATH_BYTES], uint32_t *ret_mode)
{
	char link[40];
	uint64_t st[18]; /* struct stat of x86_64: st_nlink at 16, st_mode at 24 */
	long n;

	st[2] = st[3] = 0;
	if (nuc_sys(__NR_fstat, fd, st) < 0 || !st[2])
		return -ENOENT;
	*ret_mode = (uint32_t)st[3];
	n = nuc_look_append(link, sizeof(link), 0, "/proc/self/fd/");
	nuc_look_append_number(link, sizeof(link), n, (uint32_t)fd);
	n = nuc_sys(__NR_readlink, link, to, NUC_PATH_BYTES - 1);
	if (n <= 0 || to[0] != '/')
		return -ENOENT;
	to[n] = '\0';
	return 0;
}
