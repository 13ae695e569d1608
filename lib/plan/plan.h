/* SPDX-License-Identifier: MIT */
/*
 * plan: what will be done, as data. A plan is one relocatable block: a header, an array of steps, a
 * data area that steps address by offset. No pointers, so that it can be hashed, printed, compared,
 * and mapped by the sandbox's own init. This header is freestanding: the child and init include it.
 */
#pragma once

#include <stdint.h>

#include "capset.h"
#include "observing.h"

enum nuc_program {
	NUC_PROG_HOST,	/* in the caller, with libc; every step has an undo */
	NUC_PROG_CHILD, /* after clone3, in the caller's memory: raw system calls only */
	NUC_PROG_INIT,	/* the sandbox's PID 1, and past FORK the program's own process */
	NUC_PROG__COUNT
};

enum nuc_op {
#define NUC_OP(id, ...) NUC_OP_##id,
#include "ops.def"
#undef NUC_OP
	NUC_OP__COUNT
};

#define NUC_SLOTS 16
#define NUC_NO_SLOT 255
/* Slots with a fixed meaning; idmap user namespaces take those from NUC_SLOT_IDMAP up. */
#define NUC_SLOT_ROOT 0
#define NUC_SLOT_LANDLOCK 1
#define NUC_SLOT_LANDLOCK_POLICY 2
#define NUC_SLOT_IDMAP 4

struct nuc_step {
	uint16_t op;
	uint16_t accept;	/* the one errno that counts as success, 0 for none */
	uint8_t in, out;	/* descriptor slots, NUC_NO_SLOT for none */
	uint16_t flags;		/* enum nuc_step_flags */
	uint32_t origin;	/* string: what in the policy asked for it */
	uint32_t arg[3];	/* by operation: see ops.def */
};

enum nuc_step_flags {
	NUC_STEP_DEVICE = 1,	/* BIND, MOUNT: devices work here (/dev/null, /dev/pts) */
	NUC_STEP_EXEC = 2,	/* BIND, MOUNT: programs may be executed from here */
	NUC_STEP_WRITE = 4,	/* BIND, MOUNT: writable; COPY: carried back */
	NUC_STEP_USER = 8,	/* the path came from a user, not from our own tables */
	NUC_STEP_LOG = 16,	/* SECCOMP, LANDLOCK_*RESTRICT: what is refused is also in the kernel's log */
	NUC_STEP_OPTIONAL = 32,	/* LANDLOCK_POLICY_PATH: if nothing is there, nothing is granted */
};

/* arg of BIND. Strings are offsets. */
struct nuc_bind {
	uint32_t src, dst;
	uint32_t attr;		/* MOUNT_ATTR_* to set, on the whole tree */
	uint32_t is_dir;
	uint64_t dev, ino;	/* what src was when the plan was made; 0, 0: not compared */
};

/* arg of MOUNT. `options` is "key=value" strings, each ended by NUL, an empty one at the end. */
struct nuc_mount {
	uint32_t fstype, options, dst;
	uint32_t attr;
};

/* arg of AUDIT: an array of these, sorted by path; what a mount at or below `path` must have. */
struct nuc_audit {
	uint32_t path;
	uint32_t attr;
};

/* Offset and length of bytes in the data area. */
struct nuc_span {
	uint32_t at, len;
};

/* What a file is, however it is called. */
struct nuc_file_id {
	uint64_t dev, ino;
};

#define NUC_PLAN_MAGIC 0x6e75636cu /* "nucl" */
#define NUC_PLAN_VERSION 1u
#define NUC_PLAN_MAX_SIZE (8u << 20)

struct nuc_plan {
	uint32_t magic, version;
	uint32_t size;			/* of the whole block */
	uint32_t mode;			/* enum nuc_mode */
	uint64_t clone_flags;		/* CLONE_NEW* that clone3 is given */
	uint32_t mechanisms;		/* bit per enum nuc_mechanism that is enforced */
	uint32_t privileged;		/* made for a caller with capabilities */
	uint32_t uid, gid;		/* inside */
	uint32_t host_uid, host_gid;	/* outside: what uid and gid map to */
	uint32_t timeout_ms;		/* 0: none */
	uint32_t landlock_abi;
	uint64_t copy_bytes, copy_files; /* bounds of each copied tree */
	uint32_t observe;		/* enum nuc_observe bits: what init is told of */
	uint32_t policy_files;		/* bit per enum nuc_policy_file_kind that it was made with */
	uint64_t caps[NUC_CAPSET__COUNT]; /* what is kept, in the program's own user namespace */
	uint32_t log;			/* string: the file that a trace is written to, or "" */
	uint32_t user_name, cwd;	/* strings */
	struct nuc_span env;		/* "NAME=VALUE" strings, one after the other */
	struct nuc_span seccomp_calls;	/* "name\tfilter" strings of what the filter allows */
	struct nuc_span warnings;	/* strings: downgrades of mode agent */
	struct nuc_span notes;		/* strings: what this kernel cannot restrict, what files open */
	/*
	 * How often each operation occurs. Steps that only tighten (a mask, a Landlock rule) can be
	 * missing without anything else noticing: verify counts.
	 */
	uint16_t count[64];
	uint32_t first[NUC_PROG__COUNT], n[NUC_PROG__COUNT];
	uint32_t steps;			/* offset of the step array; 8-byte aligned */
	uint32_t data, data_size;	/* offset and size of the data area */
};

static inline const struct nuc_step *nuc_plan_step(const struct nuc_plan *p, uint32_t i)
{
	return (const struct nuc_step *)((const char *)p + p->steps) + i;
}

static inline const void *nuc_plan_data(const struct nuc_plan *p, uint32_t at)
{
	return (const char *)p + p->data + at;
}

/* ---- what init tells the caller, over a pipe; each record is written whole --------------------- */

enum nuc_report_kind {
	NUC_REPORT_FAILED = 1,	/* step `step` failed with errno `value` */
	NUC_REPORT_READY,	/* the program has been executed */
	NUC_REPORT_EXITED,	/* it exited with `value` */
	NUC_REPORT_SIGNALLED,	/* signal `value` ended it */
	NUC_REPORT_TIMEOUT,	/* the time limit ended it */
	NUC_REPORT_PREPARED,	/* init was started ahead, and waits for a program */
};

struct nuc_report {
	uint32_t kind, step;
	int32_t value;
	uint32_t dropped;	/* refusals that were not told, nor that they were not */
	uint32_t alone;		/* of an end: no process is left but init */
	uint32_t unused;
	uint64_t utime_us, stime_us, maxrss_kb, wall_us;
	uint64_t ended_ns;	/* CLOCK_MONOTONIC: when init saw the end that it tells of */
};

/* ---- what init tells of what was refused, over a pipe of its own: facts, no judgement ------------- */

enum nuc_denial_kind {
	NUC_DENIAL_CALL = 1,	/* the filter refused call `nr` with `error` */
	NUC_DENIAL_ALLOWED,	/* the filter allows it; another layer may refuse (NUC_OBSERVE_FILES) */
	NUC_DENIAL_KILLED,	/* a process died of SIGSYS: the filter kills for some calls */
	NUC_DENIAL_DROPPED,	/* `count` records were not told: too many, or nobody read */
};

/* Written whole to a pipe that does not block: shorter than PIPE_BUF. */
struct nuc_denial_record {
	uint32_t kind;
	int32_t pid;		/* inside */
	int32_t nr, error;
	uint32_t count;		/* how often, if told once for many */
	uint32_t path_len;	/* of the path that was read, 0: none; NUL-terminated below */
	uint64_t time_us;	/* CLOCK_REALTIME */
	uint64_t args[6];
	char comm[16];		/* what the program calls itself: it may lie */
	char path[424];
};
