/* SPDX-License-Identifier: MIT */
/*
 * verify: decides whether bytes are a plan that may be executed. It trusts nothing in them, and knows
 * nothing of how compile works: the rules here are those of specs and SECURITY.md.
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "bpf.h"
#include "builder.h"
#include "landlock_abi.h"
#include "verify_internal.h"

#define H (1 << NUC_PROG_HOST)
#define C (1 << NUC_PROG_CHILD)
#define I (1 << NUC_PROG_INIT)

enum kind { ONCE, SET, FREE };

static const struct {
	const char *name;
	uint8_t programs, rank;
	enum kind kind;
	const char *args;
} ops[] = {
#define NUC_OP(id, name, programs, rank, kind, args) [NUC_OP_##id] = { name, programs, rank, kind, args },
#include "ops.def"
#undef NUC_OP
};

_Static_assert(NUC_OP__COUNT <= 64, "nuc_plan.count has 64 entries");

const char *nuc_op_name(unsigned int op)
{
	return op < NUC_OP__COUNT ? ops[op].name : "?";
}

const char *nuc_op_args(unsigned int op)
{
	return ops[op].args;
}

/* ---- that nothing points outside ---------------------------------------------------------------- */

static bool is_string(const struct nuc_plan *p, uint32_t at)
{
	return at < p->data_size &&
	       memchr((const char *)nuc_plan_data(p, at), 0, p->data_size - at) != NULL;
}

static bool is_inside(const struct nuc_plan *p, uint32_t at, uint64_t len, uint32_t align)
{
	return at % align == 0 && at <= p->data_size && len <= p->data_size - at;
}

static bool is_span(const struct nuc_plan *p, uint32_t at, uint32_t element)
{
	const struct nuc_span *s;

	if (!is_inside(p, at, sizeof(*s), 4))
		return false;
	s = nuc_plan_data(p, at);
	return is_inside(p, s->at, s->len, element > 1 ? 4 : 1) && s->len % element == 0;
}

static bool is_string_list(const struct nuc_plan *p, const struct nuc_span *s)
{
	return is_inside(p, s->at, s->len, 1) &&
	       (!s->len || ((const char *)nuc_plan_data(p, s->at))[s->len - 1] == '\0');
}

/* A target inside: absolute and plain. */
static bool is_target(const struct nuc_plan *p, uint32_t at)
{
	return is_string(p, at) && ((const char *)nuc_plan_data(p, at))[0] == '/';
}

static bool is_mount(const struct nuc_plan *p, uint32_t at)
{
	const struct nuc_mount *m;
	uint32_t o;

	if (!is_inside(p, at, sizeof(*m), 4))
		return false;
	m = nuc_plan_data(p, at);
	if (!is_string(p, m->fstype) || !is_target(p, m->dst))
		return false;
	/* Strings up to an empty one. */
	for (o = m->options; is_string(p, o); o += (uint32_t)strlen(nuc_plan_data(p, o)) + 1)
		if (!*(const char *)nuc_plan_data(p, o))
			return true;
	return false;
}

static bool is_audit(const struct nuc_plan *p, uint32_t at)
{
	const struct nuc_audit *a;
	const struct nuc_span *s;

	if (!is_span(p, at, sizeof(*a)))
		return false;
	s = nuc_plan_data(p, at);
	a = nuc_plan_data(p, s->at);
	for (uint32_t i = 0; i < s->len / sizeof(*a); i++)
		if (!is_target(p, a[i].path) ||
		    (i && strcmp(nuc_plan_data(p, a[i - 1].path), nuc_plan_data(p, a[i].path)) >= 0))
			return false;
	return true;
}

static bool is_arg(const struct nuc_plan *p, char kind, uint32_t arg)
{
	switch (kind) {
	case 'p':
	case 'w':
	case 's':
		return is_string(p, arg);
	case 'S':
		return is_span(p, arg, 1);
	case 'D':
		return is_span(p, arg, sizeof(uint32_t));
	case 'H':
		if (!arg)
			return true;
		__attribute__((fallthrough));
	case 'h':
		return is_span(p, arg, sizeof(struct sock_filter)) &&
		       ((const struct nuc_span *)nuc_plan_data(p, arg))->len > 0 &&
		       ((const struct nuc_span *)nuc_plan_data(p, arg))->len <=
			       BPF_MAXINSNS * sizeof(struct sock_filter);
	case 'b': {
		const struct nuc_bind *b = nuc_plan_data(p, arg);

		return is_inside(p, arg, sizeof(*b), 8) && is_string(p, b->src) && is_target(p, b->dst);
	}
	case 'm':
		return is_mount(p, arg);
	case 'a':
		return is_audit(p, arg);
	case 'L':
		return is_inside(p, arg, sizeof(struct nuc_landlock_attr), 8);
	case 'k':
		return arg < NUC_CAPSET__COUNT;
	case 'v':
		return is_inside(p, arg, sizeof(struct nuc_rlim), 8);
	default:
		return true;
	}
}

static const char *check_bounds(const struct nuc_plan *p, size_t size)
{
	uint64_t n = 0;

	if (size < sizeof(*p) || size > NUC_PLAN_MAX_SIZE || p->magic != NUC_PLAN_MAGIC ||
	    p->version != NUC_PLAN_VERSION || p->size != size)
		return "not a plan of this version";
	for (int i = 0; i < NUC_PROG__COUNT; i++) {
		if (p->first[i] != n || p->n[i] > 65536)
			return "programs are not laid out one after the other";
		n += p->n[i];
	}
	if (p->steps < sizeof(*p) || p->steps % 8 || p->data % 8 ||
	    p->data < p->steps + n * sizeof(struct nuc_step) || p->data > size ||
	    p->data_size != size - p->data || !p->data_size)
		return "an area is outside of the plan";
	if (!is_string_list(p, &p->env) || !is_string_list(p, &p->warnings) ||
	    !is_string_list(p, &p->notes) || !is_string_list(p, &p->seccomp_calls) ||
	    !is_string(p, p->user_name) || !is_string(p, p->cwd) || !is_string(p, p->log))
		return "a text is outside of the plan";
	return NULL;
}

/* ---- that each step is sound by itself ------------------------------------------------------------ */

static const char *check_attributes(const struct nuc_step *s, uint32_t attr, bool root)
{
	if (!(attr & NUC_ATTR_NOSUID))
		return "a mount without nosuid";
	if (!(attr & NUC_ATTR_NODEV) != !!(s->flags & NUC_STEP_DEVICE))
		return "a mount with devices that is not marked so";
	if (!(attr & NUC_ATTR_NOEXEC) != !!(s->flags & NUC_STEP_EXEC))
		return "an executable mount that is not marked so";
	if (!root && !(attr & NUC_ATTR_RO) != !!(s->flags & NUC_STEP_WRITE))
		return "a writable mount that is not marked so";
	return NULL;
}

/* Steps of capabilities name the sets that they are for. */
static bool has_its_sets(const struct nuc_step *s)
{
	switch (s->op) {
	case NUC_OP_DROP_BOUNDING:
		return s->arg[1] == NUC_CAPSET_BOUNDING;
	case NUC_OP_RAISE_AMBIENT:
		return s->arg[0] == NUC_CAPSET_AMBIENT;
	case NUC_OP_DROP_CAPS:
		return s->arg[0] == NUC_CAPSET_EFFECTIVE && s->arg[1] == NUC_CAPSET_PERMITTED &&
		       s->arg[2] == NUC_CAPSET_INHERITABLE;
	default:
		return true;
	}
}

/* Steps that use a slot without looking whether they have one. */
static bool has_its_slot(const struct nuc_step *s)
{
	switch (s->op) {
	case NUC_OP_IDMAP:
		return s->out >= NUC_SLOT_IDMAP && s->out < NUC_SLOTS;
	case NUC_OP_ROOT:
		return s->out == NUC_SLOT_ROOT;
	case NUC_OP_LANDLOCK_RULESET:
		return s->out == NUC_SLOT_LANDLOCK;
	case NUC_OP_LANDLOCK_PATH:
	case NUC_OP_LANDLOCK_PORT:
	case NUC_OP_LANDLOCK_RESTRICT:
		return s->in == NUC_SLOT_LANDLOCK;
	case NUC_OP_LANDLOCK_POLICY_RULESET:
		return s->out == NUC_SLOT_LANDLOCK_POLICY;
	case NUC_OP_LANDLOCK_POLICY_PATH:
	case NUC_OP_LANDLOCK_POLICY_PORT:
	case NUC_OP_LANDLOCK_POLICY_RESTRICT:
		return s->in == NUC_SLOT_LANDLOCK_POLICY;
	default:
		return true;
	}
}

/*
 * A file of the group that only tightens: not one that moves processes, hands controllers out, or
 * names another directory.
 */
static bool is_group_file(const char *file)
{
	static const char *const files[] = {
		"cgroup.max.depth", "cgroup.max.descendants", "cpu.max", "cpu.weight",
		"cpuset.cpus",	    "io.max", "memory.high", "memory.max", "memory.oom.group",
		"memory.swap.max",  "pids.max",
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(files); i++)
		if (!strcmp(file, files[i]))
			return true;
	return false;
}

/* Whether the plan writes to this file of the group. */
static bool sets(const struct nuc_plan *p, const char *file)
{
	for (uint32_t i = 0; i < p->n[NUC_PROG_HOST]; i++) {
		const struct nuc_step *s = nuc_plan_step(p, p->first[NUC_PROG_HOST] + i);

		if (s->op == NUC_OP_CGROUP_SET && !strcmp(nuc_plan_data(p, s->arg[0]), file) &&
		    strcmp(nuc_plan_data(p, s->arg[1]), "max") != 0)
			return true;
	}
	return false;
}

/* What is loaded so that init is told must come to what is enforced, once init has answered. */
static const char *check_seccomp(const struct nuc_plan *p, const struct nuc_step *s)
{
	const struct nuc_span *verdict = nuc_plan_data(p, s->arg[0]), *observing;

	if (!s->arg[1] != !p->observe)
		return "a filter that tells is missing or too many";
	if (!s->arg[1])
		return NULL;
	observing = nuc_plan_data(p, s->arg[1]);
	return nuc_seccomp_is_observing(nuc_plan_data(p, observing->at),
					observing->len / sizeof(struct sock_filter),
					nuc_plan_data(p, verdict->at),
					verdict->len / sizeof(struct sock_filter), p->observe)
		       ? NULL
		       : "the filter that tells is not the one that is enforced";
}

static const char *check_step(const struct nuc_plan *p, const struct nuc_step *s, int program)
{
	const char *args;

	if (s->op >= NUC_OP__COUNT || !(ops[s->op].programs & (1 << program)))
		return "a step in a program that it does not belong to";
	args = ops[s->op].args;
	for (int i = 0; i < 3; i++)
		if (!is_arg(p, args[i], s->arg[i]))
			return "an argument is outside of the plan";
	if (!has_its_slot(s))
		return "a step without its slot";
	/* Where the user namespace is made: to make one after them would give capabilities anew. */
	if (s->op >= NUC_OP_NO_NEW_PRIVS && s->op <= NUC_OP_DROP_CAPS &&
	    program != (p->privileged ? NUC_PROG_INIT : NUC_PROG_CHILD))
		return "capabilities are dropped in the wrong program";
	if (!has_its_sets(s))
		return "capabilities of another set";
	if (!is_string(p, s->origin))
		return "an origin is outside of the plan";
	if (s->op == NUC_OP_CGROUP_SET && !is_group_file(nuc_plan_data(p, s->arg[0])))
		return "a setting of a group that is none";
	if (s->accept && !(s->accept == EEXIST && (s->op == NUC_OP_MKDIR || s->op == NUC_OP_SYMLINK)))
		return "an accepted error on a step that may have none";
	if ((s->flags & NUC_STEP_OPTIONAL) && s->op != NUC_OP_LANDLOCK_POLICY_PATH)
		return "a step that may be left out";
	if ((s->op == NUC_OP_LANDLOCK_RESTRICT || s->op == NUC_OP_LANDLOCK_POLICY_RESTRICT) &&
	    s->flags != (p->landlock_abi >= 7 && p->privileged && (p->observe & NUC_OBSERVE_FILES)
				 ? NUC_STEP_LOG : 0))
		return "a Landlock layer with another log";
	switch (s->op) {
	case NUC_OP_BIND: {
		const struct nuc_bind *b = nuc_plan_data(p, s->arg[0]);

		if ((s->flags & NUC_STEP_USER) && !b->ino)
			return "a user's path is not compared";
		return check_attributes(s, b->attr, false);
	}
	case NUC_OP_MOUNT:
		return check_attributes(s, ((const struct nuc_mount *)nuc_plan_data(p, s->arg[0]))->attr,
					false);
	case NUC_OP_ROOT:
		return check_attributes(s, ((const struct nuc_mount *)nuc_plan_data(p, s->arg[1]))->attr,
					true);
	case NUC_OP_CGROUP:
	case NUC_OP_MKDIR:
	case NUC_OP_FILE:
	case NUC_OP_MASK:
	case NUC_OP_READONLY:
	case NUC_OP_SEND_DIR:
	case NUC_OP_LANDLOCK_PATH:
	case NUC_OP_LANDLOCK_POLICY_PATH:
		return is_target(p, s->arg[0]) ? NULL : "a path that is not absolute";
	case NUC_OP_SECCOMP:
		return check_seccomp(p, s);
	case NUC_OP_FORK:
		/* The listener's number must be one of init's. */
		return s->arg[1] == (p->observe != 0) ? NULL : "init could not hear what it is told";
	case NUC_OP_SYMLINK:
		return is_target(p, s->arg[1]) ? NULL : "a path that is not absolute";
	default:
		return NULL;
	}
}

/* ---- that steps follow each other as they must ----------------------------------------------------- */

/* Order within a set, so that a duplicate or a swap shows. */
static int compare_in_set(const struct nuc_plan *p, const struct nuc_step *a,
			  const struct nuc_step *b)
{
	int r;

	switch (ops[a->op].args[0]) {
	case 's':
		r = strcmp(nuc_plan_data(p, a->arg[0]), nuc_plan_data(p, b->arg[0]));
		/* io.max is set once for each disk. */
		if (r == 0 && a->op == NUC_OP_CGROUP_SET &&
		    !strcmp(nuc_plan_data(p, a->arg[0]), "io.max"))
			r = strcmp(nuc_plan_data(p, a->arg[1]), nuc_plan_data(p, b->arg[1]));
		return r;
	default:
		return a->arg[0] < b->arg[0] ? -1 : a->arg[0] > b->arg[0];
	}
}

static const char *check_order(const struct nuc_plan *p, int program)
{
	const struct nuc_step *before = NULL;

	for (uint32_t i = 0; i < p->n[program]; i++) {
		const struct nuc_step *s = nuc_plan_step(p, p->first[program] + i);

		if (before && ops[s->op].rank < ops[before->op].rank)
			return "a step out of order";
		if (before && ops[s->op].rank == ops[before->op].rank) {
			if (ops[s->op].kind == ONCE)
				return "a step twice";
			if (ops[s->op].kind == SET && compare_in_set(p, before, s) >= 0)
				return "a set of steps that is not sorted";
		}
		before = s;
	}
	return NULL;
}

static const char *check_slots(const struct nuc_plan *p)
{
	bool host[NUC_SLOTS] = { false }, slots[NUC_SLOTS];

	for (int program = 0; program < NUC_PROG__COUNT; program++) {
		/* The child has what the host steps made; init starts with nothing. */
		memcpy(slots, host, sizeof(slots));
		if (program == NUC_PROG_INIT)
			memset(slots, 0, sizeof(slots));
		for (uint32_t i = 0; i < p->n[program]; i++) {
			const struct nuc_step *s = nuc_plan_step(p, p->first[program] + i);

			if (s->in != NUC_NO_SLOT && (s->in >= NUC_SLOTS || !slots[s->in]))
				return "a slot is read before it is written";
			if (s->out != NUC_NO_SLOT) {
				if (s->out >= NUC_SLOTS || slots[s->out])
					return "a slot is written twice";
				slots[s->out] = true;
			}
			if (ops[s->op].rank > ops[NUC_OP_ROOT].rank && program == NUC_PROG_CHILD &&
			    !slots[NUC_SLOT_ROOT])
				return "a step that needs the new root before there is one";
		}
		if (program == NUC_PROG_HOST)
			memcpy(host, slots, sizeof(host));
	}
	return NULL;
}

/* ---- that all is there ------------------------------------------------------------------------------ */

/* Bounds of what the kernel counts for the user, not for a group: without them it is one sandbox's. */
static bool has_rlimits(const struct nuc_plan *p)
{
	static const uint32_t always[] = { RLIMIT_FSIZE, RLIMIT_CORE, RLIMIT_NPROC, RLIMIT_NOFILE,
					   RLIMIT_SIGPENDING };
	size_t found = 0;

	for (uint32_t i = 0; i < p->n[NUC_PROG_INIT]; i++) {
		const struct nuc_step *s = nuc_plan_step(p, p->first[NUC_PROG_INIT] + i);

		for (size_t k = 0; s->op == NUC_OP_RLIMIT && k < NUC_ARRAY_SIZE(always); k++)
			found += s->arg[0] == always[k];
	}
	/* Sets are sorted, so that none is there twice. */
	return found == NUC_ARRAY_SIZE(always);
}

static bool runs(uint32_t result)
{
	result &= SECCOMP_RET_ACTION_FULL;
	return result == SECCOMP_RET_ALLOW || result == SECCOMP_RET_LOG;
}

/* Whether the filter may let a program reach keys. What depends on other arguments, compile alone knows. */
static bool reaches_keys(const struct nuc_plan *p)
{
	static const int calls[] = { SYS_add_key, SYS_request_key, SYS_keyctl };

	for (uint32_t i = 0; i < p->n[NUC_PROG_INIT]; i++) {
		const struct nuc_step *s = nuc_plan_step(p, p->first[NUC_PROG_INIT] + i);
		const struct nuc_span *filter = nuc_plan_data(p, s->arg[0]);
		struct seccomp_data d = { .arch = AUDIT_ARCH_X86_64 };

		if (s->op != NUC_OP_SECCOMP)
			continue;
		for (size_t c = 0; c < NUC_ARRAY_SIZE(calls); c++) {
			d.nr = calls[c];
			/* What keyctl does is in its first argument. */
			for (d.args[0] = 0; d.args[0] < (calls[c] == SYS_keyctl ? 64 : 1); d.args[0]++)
				if (runs(nuc_bpf_run(nuc_plan_data(p, filter->at),
						     filter->len / (uint32_t)sizeof(struct sock_filter),
						     &d)))
					return true;
		}
		return !!(p->observe & NUC_OBSERVE_TRACE);
	}
	return true;
}

static const char *check_complete(const struct nuc_plan *p)
{
	static const uint16_t always[] = {
		NUC_OP_DIE_WITH_CALLER, NUC_OP_MAP_SETGROUPS,  NUC_OP_MAP_UID,	   NUC_OP_MAP_GID,
		NUC_OP_PROPAGATION,	NUC_OP_ROOT,	       NUC_OP_PIVOT,	   NUC_OP_ROOT_READONLY,
		NUC_OP_CLOSE_FDS,	NUC_OP_EXEC_INIT,      NUC_OP_NO_NEW_PRIVS, NUC_OP_CLEAR_AMBIENT,
		NUC_OP_DROP_BOUNDING,	NUC_OP_LOCK_SECUREBITS, NUC_OP_DROP_CAPS,   NUC_OP_UNDUMPABLE,
		NUC_OP_FORK,		NUC_OP_SESSION,	       NUC_OP_UMASK,	   NUC_OP_CHDIR,
		NUC_OP_RESET_SIGNALS,	NUC_OP_EXEC,	       NUC_OP_PRIORITY,	   NUC_OP_PERSONALITY,
	};
	static const struct {
		enum nuc_mechanism mechanism;
		uint16_t op;
	} claims[] = {
		{ NUC_MECH_SECCOMP, NUC_OP_SECCOMP },
		{ NUC_MECH_LANDLOCK, NUC_OP_LANDLOCK_RULESET },
		{ NUC_MECH_LANDLOCK, NUC_OP_LANDLOCK_RESTRICT },
		{ NUC_MECH_MOUNT_AUDIT, NUC_OP_AUDIT },
		{ NUC_MECH_NS_NET, NUC_OP_LOOPBACK },
		{ NUC_MECH_NS_UTS, NUC_OP_HOSTNAME },
		{ NUC_MECH_CGROUP, NUC_OP_CGROUP },
	};
	static const struct {
		enum nuc_mechanism mechanism;
		unsigned long long flag;
	} namespaces[] = {
		{ NUC_MECH_NS_PID, CLONE_NEWPID },   { NUC_MECH_NS_MOUNT, CLONE_NEWNS },
		{ NUC_MECH_NS_NET, CLONE_NEWNET },   { NUC_MECH_NS_UTS, CLONE_NEWUTS },
		{ NUC_MECH_NS_IPC, CLONE_NEWIPC },   { NUC_MECH_NS_CGROUP, CLONE_NEWCGROUP },
		{ NUC_MECH_NS_TIME, CLONE_NEWTIME },
	};
	uint16_t count[NUC_OP__COUNT] = { 0 };
	unsigned long long flags = p->clone_flags;
	const char *why;

	for (uint32_t i = 0; i < p->first[NUC_PROG_INIT] + p->n[NUC_PROG_INIT]; i++) {
		const struct nuc_step *s = nuc_plan_step(p, i);

		count[s->op]++;
		if (s->op == NUC_OP_UNSHARE)
			flags |= s->arg[0];
	}
	for (unsigned int i = 0; i < NUC_OP__COUNT; i++)
		if (count[i] != p->count[i])
			return "a step is missing or too many";
	for (size_t i = 0; i < NUC_ARRAY_SIZE(always); i++)
		if (!count[always[i]])
			return "a step that every plan has is missing";
	for (size_t i = 0; i < NUC_ARRAY_SIZE(claims); i++) {
		/* A filter that only watches is no mechanism. */
		bool watches = claims[i].mechanism == NUC_MECH_SECCOMP && p->observe & NUC_OBSERVE_TRACE;

		if (!!(p->mechanisms & (1u << claims[i].mechanism)) != (count[claims[i].op] && !watches))
			return "a mechanism is claimed without its step";
	}
	for (size_t i = 0; i < NUC_ARRAY_SIZE(namespaces); i++)
		if (!!(p->mechanisms & (1u << namespaces[i].mechanism)) !=
		    !!(flags & namespaces[i].flag))
			return "a namespace is claimed and not made";
	if (!(p->clone_flags & CLONE_NEWNS) || !(p->clone_flags & CLONE_NEWPID))
		return "a plan without mount and pid namespaces";
	if (p->privileged ? !count[NUC_OP_USERNS] || !count[NUC_OP_SET_IDS] || !p->host_uid || !p->host_gid
			  : !(p->clone_flags & CLONE_NEWUSER))
		return "a plan that keeps the caller's user";
	if (p->observe & ~(NUC_OBSERVE_REFUSALS | NUC_OBSERVE_FILES | NUC_OBSERVE_TRACE | NUC_OBSERVE_LEARN) ||
	    (p->observe && !count[NUC_OP_SECCOMP]))
		return "init is to be told of calls without a filter";
	if ((p->observe & (NUC_OBSERVE_TRACE | NUC_OBSERVE_LEARN)) && p->mode != NUC_MODE_AGENT)
		return "a trace in a mode that has none";
	if (!count[NUC_OP_KEYRING] && reaches_keys(p))
		return "a program that has the caller's keys";
	why = nuc_verify_policies(p, count);
	if (why)
		return why;
	if ((p->observe & NUC_OBSERVE_LEARN && !(p->observe & NUC_OBSERVE_TRACE)) ||
	    !(p->observe & NUC_OBSERVE_TRACE) != !*(const char *)nuc_plan_data(p, p->log))
		return "a trace and no file for it, or the reverse";
	if (!has_rlimits(p))
		return "a limit that every plan has is missing";
	if (count[NUC_OP_LANDLOCK_PATH] && !count[NUC_OP_LANDLOCK_RESTRICT])
		return "Landlock rules that are not applied";
	if (!!(p->mechanisms & (1u << NUC_MECH_MEMORY_LIMIT)) != sets(p, "memory.max") ||
	    sets(p, "memory.max") != sets(p, "memory.oom.group"))
		return "a memory limit is claimed and not set";
	if (count[NUC_OP_CGROUP] ? !sets(p, "cgroup.max.depth") || !sets(p, "cgroup.max.descendants")
				 : count[NUC_OP_CGROUP_SET])
		return "a group without its bounds";
	for (int m = 0; m < NUC_MECH__COUNT; m++)
		if (nuc_mode_need((enum nuc_mode)p->mode, (enum nuc_mechanism)m) == NUC_NEED_REQUIRED &&
		    !(p->mechanisms & (1u << m)) &&
		    !(m == NUC_MECH_IDMAP && !count[NUC_OP_IDMAP]) && m != NUC_MECH_CGROUP)
			return "a mechanism that the mode requires is missing";
	return NULL;
}

/* What the caller passes must end where it is executed. */
static const char *check_ends(const struct nuc_plan *p)
{
	static const uint16_t last[] = { [NUC_PROG_CHILD] = NUC_OP_EXEC_INIT, [NUC_PROG_INIT] = NUC_OP_EXEC };

	for (int i = NUC_PROG_CHILD; i < NUC_PROG__COUNT; i++)
		if (!p->n[i] || nuc_plan_step(p, p->first[i] + p->n[i] - 1)->op != last[i])
			return "a program does not end in an exec";
	return NULL;
}

static const char *verify(const struct nuc_plan *p, size_t size)
{
	const char *why = check_bounds(p, size);

	for (int program = 0; !why && program < NUC_PROG__COUNT; program++) {
		for (uint32_t i = 0; !why && i < p->n[program]; i++)
			why = check_step(p, nuc_plan_step(p, p->first[program] + i), program);
		if (!why)
			why = check_order(p, program);
	}
	if (!why && p->mode > NUC_MODE_PRODUCTION)
		why = "an unknown mode";
	if (!why)
		why = check_slots(p);
	if (!why)
		why = check_ends(p);
	return why ? why : check_complete(p);
}

int nuc_verify(const void *plan, size_t size, const char **ret_why)
{
	const char *why = size < sizeof(struct nuc_plan) ? "too short" : verify(plan, size);

	if (!why)
		return 0;
	if (ret_why)
		*ret_why = why;
	return -EBADMSG;
}
