/* SPDX-License-Identifier: MIT */
/* policy: what is wanted. The option table, the values set, and what each mode asks for. */
#pragma once

#include "base.h"
#include "doc.h"

enum nuc_option_type {
	NUC_TYPE_BOOL,
	NUC_TYPE_ENUM,
	NUC_TYPE_STRING,
	NUC_TYPE_PATH,
	NUC_TYPE_SIZE,
	NUC_TYPE_COUNT,
	NUC_TYPE_DURATION,
	NUC_TYPE_DECIMAL,
	NUC_TYPE_LIST,
	NUC_TYPE_MAP,
};

enum nuc_option_id {
#define NUC_OPTION(id, ...) NUC_OPT_##id,
#include "options.def"
#undef NUC_OPTION
	NUC_OPT__COUNT
};

enum nuc_mode { NUC_MODE_AGENT, NUC_MODE_STRICT_AGENT, NUC_MODE_PRODUCTION, NUC_MODE__COUNT };

/*
 * The value of an option: what was set, or else the mode's default. Strings belong to the policy.
 * `origin` says where it came from: "web.toml:12:3", "--workspace", "api", "default".
 */
enum nuc_mode nuc_policy_mode(const nucleus_policy *p);
bool nuc_policy_is_set(const nucleus_policy *p, enum nuc_option_id id);
bool nuc_policy_bool(const nucleus_policy *p, enum nuc_option_id id);
/*
 * SIZE: bytes. COUNT. DURATION: milliseconds, 0 for none. DECIMAL: thousandths. ENUM: index into its
 * values.
 */
int64_t nuc_policy_int(const nucleus_policy *p, enum nuc_option_id id);
/* ENUM, STRING and PATH as text; NULL when unset and without a default. PATH is absolute. */
const char *nuc_policy_str(const nucleus_policy *p, enum nuc_option_id id);
const char *nuc_policy_origin(const nucleus_policy *p, enum nuc_option_id id);
/* LIST and MAP ("NAME=VALUE"). A relative SRC in a volume has been made absolute. */
size_t nuc_policy_count(const nucleus_policy *p, enum nuc_option_id id);
const char *nuc_policy_item(const nucleus_policy *p, enum nuc_option_id id, size_t i);
const char *nuc_policy_item_origin(const nucleus_policy *p, enum nuc_option_id id, size_t i);
/* "--workspace" or, for messages, the key of an option. */
const char *nuc_option_flag(enum nuc_option_id id);
const char *nuc_option_key(enum nuc_option_id id);

/* Number readers, shared by options and by the parts of list items ("/scratch:64M"). -EINVAL,
 * -ERANGE. */
int nuc_parse_size(const char *s, int64_t *ret);
int nuc_parse_duration_ms(const char *s, int64_t *ret);
int nuc_parse_count(const char *s, int64_t *ret);
/* "0.5" -> 500. */
int nuc_parse_decimal(const char *s, int64_t *ret);

/* Processors, as "0-3,6". -EINVAL, -ERANGE for numbers from NUC_CPUS up. */
#define NUC_CPUS 8192
struct nuc_cpuset {
	uint64_t bits[NUC_CPUS / 64];
};

int nuc_parse_cpuset(const char *s, struct nuc_cpuset *ret);
/* Canonical: "0-3,6". NULL without memory. */
char *nuc_format_cpuset(const struct nuc_cpuset *set);

/* An item of `limits.io-max`. Numbers a second; 0: not bounded. */
enum nuc_io { NUC_IO_RBPS, NUC_IO_WBPS, NUC_IO_RIOPS, NUC_IO_WIOPS, NUC_IO__COUNT };

struct nuc_io_max {
	char device[256]; /* an absolute path, or "MAJOR:MINOR" */
	int64_t max[NUC_IO__COUNT];
};

int nuc_parse_io_max(const char *item, struct nuc_io_max *ret);
extern const char *const nuc_io_names[NUC_IO__COUNT]; /* as io.max has them: "rbps" */

/* An item of `volumes`. What is read-only may be executed from, what is writable with "exec". */
struct nuc_volume {
	char *src;	/* as written: absolute once it is in a policy */
	char *dst;	/* absolute, below "/", without "." and ".." */
	bool writable, exec;
};

int nuc_parse_volume(const char *item, struct nuc_volume *ret);
void nuc_volume_done(struct nuc_volume *v);
#define _cleanup_volume_ _cleanup_(nuc_volume_done)
/* An item of `tmpfs`: its target as in a volume, and its size in bytes. */
int nuc_parse_tmpfs(const char *item, char **ret_dst, int64_t *ret_size);
/* "1000", "agent" or "agent:1000"; a missing half is 1000 or agent, and for root 0. */
int nuc_parse_user(const char *s, char ret_name[33], uint32_t *ret_id);

/* ---- modes --------------------------------------------------------------------------------- */

enum nuc_mechanism {
	NUC_MECH_NS_USER,
	NUC_MECH_NS_PID,
	NUC_MECH_NS_MOUNT,
	NUC_MECH_NS_NET,
	NUC_MECH_NS_UTS,
	NUC_MECH_NS_IPC,
	NUC_MECH_NS_CGROUP,
	NUC_MECH_NS_TIME,
	NUC_MECH_PIVOT_ROOT,
	NUC_MECH_CAPABILITIES,
	NUC_MECH_SECCOMP,
	NUC_MECH_LANDLOCK,	/* production: ABI 3 or newer */
	NUC_MECH_IDMAP,		/* idmapped binds, so that files belong to the caller; root only */
	NUC_MECH_MOUNT_AUDIT,
	NUC_MECH_HIDEPID,
	NUC_MECH_ROOTFS,	/* a rootfs of one's own (production: attested) */
	NUC_MECH_CGROUP,	/* limits by control group, where a policy asks for one */
	NUC_MECH_MEMORY_LIMIT,	/* production: mandatory */
	NUC_MECH__COUNT
};

enum nuc_need {
	NUC_NEED_OFF,		/* not used in this mode */
	NUC_NEED_BEST_EFFORT,	/* used where the host has it; otherwise a recorded downgrade */
	NUC_NEED_REQUIRED,	/* without it nothing starts */
};

enum nuc_need nuc_mode_need(enum nuc_mode mode, enum nuc_mechanism mechanism);
int nuc_mode_landlock_min_abi(enum nuc_mode mode);
/* What of a start a program could have chosen that ran before: a volume, the policy. BEST_EFFORT: a warning. */
enum nuc_need nuc_mode_unchosen(enum nuc_mode mode);
/* Why this release starts nothing in it; NULL: it does. */
const char *nuc_mode_refused(enum nuc_mode mode);
const char *nuc_mode_name(enum nuc_mode mode);
const char *nuc_mechanism_name(enum nuc_mechanism mechanism);	/* "user namespace", "Landlock" */
