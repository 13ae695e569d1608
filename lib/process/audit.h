/* SPDX-License-Identifier: MIT */
/*
 * audit: what Landlock itself says that it refused. The kernel's log is one for the whole host: what others did
 * is in it, too, and nothing of that gets further than here.
 */
#pragma once

#include "base.h"
#include "landlock_abi.h"

/* What was refused: NUC_LL_* of files, and above them: */
#define NUC_REFUSED_BIND (1u << 16)
#define NUC_REFUSED_CONNECT (1u << 17)
#define NUC_REFUSED_ABSTRACT (1u << 18)
#define NUC_REFUSED_SIGNAL (1u << 19)
#define NUC_REFUSED_PTRACE (1u << 20)
#define NUC_REFUSED_MOUNT (1u << 21)
#define NUC_REFUSED_OTHER (1u << 22) /* what this kernel has a name for, and we do not */

#define NUC_REFUSED_MAKES                                                                          \
	(NUC_LL_MAKE_CHAR | NUC_LL_MAKE_DIR | NUC_LL_MAKE_REG | NUC_LL_MAKE_SOCK | NUC_LL_MAKE_FIFO |     \
	 NUC_LL_MAKE_BLOCK | NUC_LL_MAKE_SYM | NUC_LL_REFER)
#define NUC_REFUSED_REMOVES (NUC_LL_REMOVE_DIR | NUC_LL_REMOVE_FILE)

struct nuc_landlock_record {
	bool is_domain;		/* tells who made a domain, not what was refused */
	uint64_t domain, time_us;
	/* Who made it, as the initial pid namespace counts, and the file that it ran then. */
	int32_t pid;
	char exe[64];
	uint32_t refused;
	/*
	 * As the program's root has it, or "ADDRESS:PORT", or "PORT"; "" for what is not told. What cannot be
	 * made or removed is told by its directory.
	 */
	size_t target_len;
	char target[4096];
};

/* One message without its header; it need not end in NUL. 0, or -EBADMSG for what is none of these. */
int nuc_landlock_record_read(int type, const char *text, size_t len, struct nuc_landlock_record *ret);

struct nuc_audit_log;

/*
 * Of the layers that processes `init` and `program` (0: none) made as a sandbox's. Takes the descriptor,
 * also on failure. NULL without memory.
 */
struct nuc_audit_log *nuc_audit_log_new(int fd, int init, int program);
/* NULL is allowed. */
void nuc_audit_log_free(struct nuc_audit_log *log);
int nuc_audit_log_fd(const struct nuc_audit_log *log);
/*
 * The sandbox ended at this time (CLOCK_REALTIME; 0: not known). Its processes' numbers may be others' from
 * then on: no domain is taken for the sandbox's any more that was told of later.
 */
void nuc_audit_log_end(struct nuc_audit_log *log, uint64_t time_us);
/*
 * The next refusal by the sandbox's own layers. 0; -EAGAIN: none now, or so much of others came that the
 * descriptor is left readable. -ENOBUFS: the kernel dropped some of it, which may have been ours.
 */
int nuc_audit_log_next(struct nuc_audit_log *log, struct nuc_landlock_record *ret);
/* A message as it comes from the socket: 0 with what it lets be told, or -EAGAIN. For tests. */
int nuc_audit_log_take(struct nuc_audit_log *log, int type, const char *text, size_t len,
		       struct nuc_landlock_record *ret);
