/* SPDX-License-Identifier: MIT */
/* The arguments that matter, as data. No libc: this is compiled into the sandbox's init, too. */
#include <asm/unistd.h>
#include <stddef.h>

#include "matter.h"

#define ALL 0xffffffffu
#define VALUE(n, a, m) { .name = (n), .arg = (a), .mask = (m), .kind = NUC_MATTER_VALUE }
#define BITS(n, a, m) { .name = (n), .arg = (a), .mask = (m), .kind = NUC_MATTER_BITS }
#define ZERO(n, a) { .name = (n), .arg = (a), .mask = ALL, .kind = NUC_MATTER_ZERO }
#define WHEN(n, a, m, wa, wm)                                                                      \
	{ .name = (n), .arg = (a), .mask = (m), .kind = NUC_MATTER_BITS, .when_arg = (wa),         \
	  .when_mask = (wm) }
#define ROW1(nr, a) { nr, 1, { a } }
#define ROW2(nr, a, b) { nr, 2, { a, b } }
#define ROW3(nr, a, b, c) { nr, 3, { a, b, c } }

/* S_ISUID and S_ISGID. */
#define SETID 06000u
/* O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, and of O_TMPFILE what is not O_DIRECTORY. */
#define OPEN_FLAGS (03u | 0100u | 01000u | 020000000u)
/* Where open(2) reads a mode. */
#define CREATES (0100u | 020000000u)
/* SOCK_CLOEXEC and SOCK_NONBLOCK say nothing of what is opened. */
#define SOCK_TYPE 0xfu
/* All but the signal that ends it. */
#define CLONE_FLAGS 0xffffff00u
/* MAP_32BIT, MAP_GROWSDOWN, MAP_LOCKED, MAP_HUGETLB: the rest is placement and hints. */
#define MMAP_FLAGS (0x40u | 0x100u | 0x2000u | 0x40000u)
#define PROT 0x7u
/* FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME put aside. */
#define FUTEX_OP 0x7fu
#define S_IFMT_ 0170000u
/* MSG_FASTOPEN, by which a call that sends connects. */
#define FASTOPEN 0x20000000u
#define NR_FCHMODAT2 452 /* Linux 6.6 */

static const struct nuc_matter rows[] = {
	ROW2(__NR_open, BITS("flags", 1, OPEN_FLAGS), WHEN("mode", 2, SETID, 1, CREATES)),
	ROW2(__NR_openat, BITS("flags", 2, OPEN_FLAGS), WHEN("mode", 3, SETID, 2, CREATES)),
	ROW1(__NR_creat, BITS("mode", 1, SETID)),
	ROW1(__NR_chmod, BITS("mode", 1, SETID)),
	ROW1(__NR_fchmod, BITS("mode", 1, SETID)),
	ROW1(__NR_fchmodat, BITS("mode", 2, SETID)),
	ROW1(NR_FCHMODAT2, BITS("mode", 2, SETID)),
	ROW1(__NR_mknod, VALUE("type", 1, S_IFMT_)),
	ROW1(__NR_mknodat, VALUE("type", 2, S_IFMT_)),
	ROW1(__NR_renameat2, BITS("flags", 4, ALL)),
	ROW1(__NR_fallocate, VALUE("mode", 1, ALL)),
	ROW1(__NR_sync_file_range, VALUE("flags", 3, ALL)),
	ROW1(__NR_ioctl, VALUE("request", 1, ALL)),
	ROW1(__NR_fcntl, VALUE("cmd", 1, ALL)),
	/* O_EXCL here is O_NOTIFICATION_PIPE. */
	ROW1(__NR_pipe2, BITS("flags", 1, 0200u)),
	ROW1(__NR_memfd_create, BITS("flags", 1, ALL)),

	ROW2(__NR_mmap, VALUE("prot", 2, PROT), BITS("flags", 3, MMAP_FLAGS)),
	ROW1(__NR_mprotect, VALUE("prot", 2, PROT)),
	ROW1(__NR_pkey_mprotect, VALUE("prot", 2, PROT)),
	ROW1(__NR_madvise, VALUE("advice", 2, ALL)),
	/* SHM_HUGETLB. */
	ROW1(__NR_shmget, BITS("flags", 2, 04000u)),
	ROW1(__NR_shmctl, VALUE("cmd", 1, ALL)),
	ROW1(__NR_semctl, VALUE("cmd", 2, ALL)),
	ROW1(__NR_msgctl, VALUE("cmd", 1, ALL)),

	ROW1(__NR_clone, BITS("flags", 0, CLONE_FLAGS)),
	ROW1(__NR_unshare, BITS("flags", 0, ALL)),
	ROW1(__NR_setns, BITS("nstype", 1, ALL)),
	ROW1(__NR_futex, VALUE("op", 1, FUTEX_OP)),
	ROW1(__NR_prctl, VALUE("option", 0, ALL)),
	ROW1(__NR_arch_prctl, VALUE("option", 0, ALL)),
	ROW1(__NR_personality, VALUE("persona", 0, ALL)),
	ROW1(__NR_prlimit64, ZERO("pid", 0)),
	ROW3(__NR_setresuid, VALUE("ruid", 0, ALL), VALUE("euid", 1, ALL), VALUE("suid", 2, ALL)),
	ROW3(__NR_setresgid, VALUE("rgid", 0, ALL), VALUE("egid", 1, ALL), VALUE("sgid", 2, ALL)),
	ROW1(__NR_ptrace, VALUE("request", 0, ALL)),
	ROW2(__NR_seccomp, VALUE("operation", 0, ALL), BITS("flags", 1, ALL)),
	ROW1(__NR_bpf, VALUE("cmd", 0, ALL)),
	ROW1(__NR_keyctl, VALUE("operation", 0, ALL)),
	ROW1(__NR_syslog, VALUE("type", 0, ALL)),

	ROW3(__NR_socket, VALUE("domain", 0, ALL), VALUE("type", 1, SOCK_TYPE),
	     VALUE("protocol", 2, ALL)),
	ROW3(__NR_socketpair, VALUE("domain", 0, ALL), VALUE("type", 1, SOCK_TYPE),
	     VALUE("protocol", 2, ALL)),
	ROW1(__NR_sendto, BITS("flags", 3, FASTOPEN)),
	ROW1(__NR_sendmsg, BITS("flags", 2, FASTOPEN)),
	ROW1(__NR_sendmmsg, BITS("flags", 3, FASTOPEN)),
	ROW2(__NR_setsockopt, VALUE("level", 1, ALL), VALUE("option", 2, ALL)),
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

const struct nuc_matter *nuc_matter_row(unsigned int i)
{
	return i < N_ROWS ? &rows[i] : NULL;
}

const struct nuc_matter *nuc_matter_of(int nr)
{
	for (unsigned int i = 0; i < N_ROWS; i++)
		if (rows[i].nr == nr)
			return &rows[i];
	return NULL;
}

uint32_t nuc_matter_value(const struct nuc_matter_arg *a, const uint64_t args[6])
{
	uint32_t v = (uint32_t)args[a->arg] & a->mask;

	if (a->when_mask && !((uint32_t)args[a->when_arg] & a->when_mask))
		return 0;
	return a->kind == NUC_MATTER_ZERO ? v != 0 : v;
}
