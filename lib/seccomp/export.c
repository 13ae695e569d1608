/* SPDX-License-Identifier: MIT */
#include <linux/memfd.h>
#include <sys/mman.h>

#include "export.h"
#include "shrink.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/*
 * A file in memory to export into. MFD_NOEXEC_SEAL (Linux 6.3) must be given where the caller's
 * namespace has vm.memfd_noexec=2, and is EINVAL on older kernels.
 */
static int open_memory(void)
{
	int fd = memfd_create("nucleus-seccomp", MFD_CLOEXEC | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("nucleus-seccomp", MFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int nuc_seccomp_export(scmp_filter_ctx context, const struct sock_filter *prologue,
		       size_t n_prologue, struct sock_filter **ret, size_t *ret_count)
{
	_cleanup_free_ struct sock_filter *program = NULL;
	_cleanup_free_ char *bytes = NULL;
	_cleanup_close_ int fd = -1;
	size_t len, count;
	int r;

	fd = open_memory();
	if (fd < 0)
		return fd;
	/* seccomp_export_bpf_mem() is libseccomp 2.6 */
	r = seccomp_export_bpf(context, fd);
	if (r < 0)
		return r == -ENOMEM ? r : -ENOTSUP;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	r = nuc_read_fd(fd, BPF_MAXINSNS * sizeof(*program), &bytes, &len);
	if (r < 0)
		return r == -EFBIG ? -E2BIG : r;
	if (len == 0 || len % sizeof(*program))
		return -ENOTSUP;
	count = n_prologue + len / sizeof(*program);
	if (count > BPF_MAXINSNS)
		return -E2BIG;
	program = malloc(count * sizeof(*program));
	if (!program)
		return -ENOMEM;
	if (n_prologue)
		memcpy(program, prologue, n_prologue * sizeof(*program));
	memcpy(program + n_prologue, bytes, len);
	r = nuc_bpf_shrink(program, count, ret, ret_count);
	if (r <= 0)
		return r;
	*ret = NUC_TAKE_PTR(program);
	*ret_count = count;
	return 0;
}
