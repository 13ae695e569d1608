/* SPDX-License-Identifier: MIT */
/* What a failed step means to a person: layer, message, mend. */
#include "compile.h"
#include "failure.h"
#include "landlock_abi.h"

#define ANY 0

static const struct {
	uint16_t op;
	int code; /* ANY: whatever errno */
	const char *layer;
	const char *hint;
} meanings[] = {
	{ NUC_OP_EXEC, ENOENT, "exec", "it must be in the sandbox: see PATH, --volume and --rootfs, "
				       "and the interpreter that its first line names" },
	{ NUC_OP_EXEC, EACCES, "exec",
	  "it must be an executable file, on a mount with exec (--workspace-exec, --volume ...,exec)" },
	{ NUC_OP_EXEC, ENOEXEC, "exec", "it is neither a program for x86_64 nor a script with #!" },
	{ NUC_OP_EXEC, ANY, "exec", NULL },
	{ NUC_OP_EXEC_INIT, E2BIG, "exec", "arguments and environment are too long" },
	{ NUC_OP_EXEC_INIT, ANY, "init", NULL },
	{ NUC_OP_BIND, ESTALE, "mount", "it was replaced since the policy was applied: apply it again" },
	{ NUC_OP_BIND, ELOOP, "mount",
	  "a path turned into a symbolic link since the policy was applied: apply it again" },
	{ NUC_OP_BIND, ENOENT, "mount",
	  "source or target is missing; in a bound directory the target must exist already" },
	{ NUC_OP_BIND, EINVAL, "mount", "perhaps one is a file, and the other a directory" },
	{ NUC_OP_BIND, ANY, "mount", NULL },
	{ NUC_OP_MOUNT, EPERM, "mount",
	  "in a container, /proc must not be masked (docker: --security-opt systempaths=unconfined)" },
	{ NUC_OP_MOUNT, ENOENT, "mount",
	  "nothing is made in a bound directory: choose a target that exists in it, or one outside of it" },
	{ NUC_OP_MOUNT, EINVAL, "mount", "perhaps the target is a file in a bound directory: choose another" },
	{ NUC_OP_MOUNT, ANY, "mount", NULL },
	{ NUC_OP_MKDIR, ELOOP, "mount", "the root file system has a symbolic link there" },
	{ NUC_OP_MAP_UID, EACCES, "user namespace", "the calling process must be dumpable" },
	{ NUC_OP_MAP_UID, EPERM, "user namespace", "see nucleus doctor" },
	{ NUC_OP_CHDIR, EACCES, "mount", "the sandbox's user may not enter it: choose another by --cwd" },
	{ NUC_OP_CHDIR, ENOENT, "mount",
	  "it does not exist inside: show it by --volume DIR:PATH, make it by --tmpfs PATH, or choose "
	  "another by --cwd" },
	{ NUC_OP_CHDIR, ENOTDIR, "mount", "it is a file: choose a directory by --cwd" },
	{ NUC_OP_CHDIR, ANY, "mount", "choose another directory by --cwd" },
	{ NUC_OP_AUDIT, EBADMSG, "mount audit",
	  "the kernel mounted something otherwise than the plan says: please report this" },
	{ NUC_OP_RAISE_AMBIENT, ANY, "capabilities", NULL },
	{ NUC_OP_DROP_CAPS, ANY, "capabilities", NULL },
	{ NUC_OP_DROP_BOUNDING, EPERM, "capabilities",
	  "AppArmor may restrict user namespaces: see nucleus doctor" },
	{ NUC_OP_FORK, EAGAIN, "process",
	  "raise limits.processes or limits.pids, or the host's own limit" },
	{ NUC_OP_CGROUP, EACCES, "cgroup", "the group is not delegated to this user any more" },
	{ NUC_OP_CGROUP, EBUSY, "cgroup",
	  "processes came to live in the delegated group itself: they have to move into a child of it" },
	{ NUC_OP_CGROUP, EAGAIN, "cgroup",
	  "the limit of groups is reached: cgroup.max.descendants or cgroup.max.depth above" },
	{ NUC_OP_CGROUP, ANY, "cgroup", "see nucleus doctor" },
	{ NUC_OP_CGROUP_SET, ENODEV, "cgroup", "give a whole disk, not a partition: see lsblk" },
	{ NUC_OP_CGROUP_SET, ENOENT, "cgroup", "this kernel does not have that limit" },
	{ NUC_OP_CGROUP_SET, ANY, "cgroup", NULL },
	{ NUC_OP_RLIMIT, ANY, "rlimit", NULL },
	{ NUC_OP_LANDLOCK_RULESET, ANY, "landlock", NULL },
	{ NUC_OP_LANDLOCK_PATH, ANY, "landlock", NULL },
	{ NUC_OP_LANDLOCK_PORT, ANY, "landlock", NULL },
	{ NUC_OP_LANDLOCK_RESTRICT, ANY, "landlock", NULL },
	{ NUC_OP_LANDLOCK_POLICY_PATH, ENOENT, "landlock",
	  "it was there when the policy was applied: apply it again, or say optional = true" },
	{ NUC_OP_LANDLOCK_POLICY_PATH, ELOOP, "landlock",
	  "a path turned into a symbolic link since the policy was applied: apply it again" },
	{ NUC_OP_LANDLOCK_POLICY_PATH, ENOTDIR, "landlock",
	  "it is a file, or in one, and the rule is about a directory" },
	{ NUC_OP_LANDLOCK_POLICY_PATH, ANY, "landlock", NULL },
	{ NUC_OP_LANDLOCK_POLICY_PORT, ANY, "landlock", NULL },
	{ NUC_OP_LANDLOCK_POLICY_RULESET, ANY, "landlock", NULL },
	{ NUC_OP_LANDLOCK_POLICY_RESTRICT, ANY, "landlock", NULL },
	{ NUC_OP_KEYRING, EDQUOT, "keyring",
	  "this user's keys are too many: see /proc/key-users and kernel.keys.maxkeys" },
	{ NUC_OP_KEYRING, ANY, "keyring", NULL },
	{ NUC_OP_SECCOMP, ANY, "seccomp", NULL },
	{ NUC_OP_LOOPBACK, ANY, "network", NULL },
};

/* "bind /srv/x on /data", without options and numbers; NULL: it is about no path of a user's. */
static char *subject_of(const struct nuc_plan *p, const struct nuc_step *s)
{
	if (s->op == NUC_OP_CHDIR)
		return nuc_strf("start in %s", (const char *)nuc_plan_data(p, s->arg[0]));
	if (s->op == NUC_OP_MOUNT) {
		const struct nuc_mount *m = nuc_plan_data(p, s->arg[0]);

		return nuc_strf("mount %s on %s", (const char *)nuc_plan_data(p, m->fstype),
				(const char *)nuc_plan_data(p, m->dst));
	}
	if (s->op == NUC_OP_BIND) {
		const struct nuc_bind *bind = nuc_plan_data(p, s->arg[0]);

		return nuc_strf("bind %s on %s", (const char *)nuc_plan_data(p, bind->src),
				(const char *)nuc_plan_data(p, bind->dst));
	}
	return NULL;
}

static const char *origin_of(const struct nuc_plan *p, const struct nuc_step *s)
{
	const char *origin = s->origin ? nuc_plan_data(p, s->origin) : "";

	return *origin && strcmp(origin, "default") ? origin : NULL;
}

/* A directory that the caller gave, and may not enter: which it is on the host, and who said so. */
static char *hint_of_directory(const struct nuc_plan *p, const char *path, struct nuc_where *where)
{
	const struct nuc_step *found = NULL;
	const struct nuc_bind *bind = NULL;
	size_t best = 0;

	for (uint32_t i = 0; i < p->n[NUC_PROG_CHILD]; i++) {
		const struct nuc_step *s = nuc_plan_step(p, p->first[NUC_PROG_CHILD] + i);
		const char *dst;
		size_t n;

		if (s->op != NUC_OP_BIND)
			continue;
		dst = nuc_plan_data(p, ((const struct nuc_bind *)nuc_plan_data(p, s->arg[0]))->dst);
		n = strlen(dst);
		if (n < best || strncmp(path, dst, n) != 0 || (path[n] && path[n] != '/'))
			continue;
		best = n;
		found = s;
	}
	if (!found)
		return NULL;
	bind = nuc_plan_data(p, found->arg[0]);
	if (!where->origin)
		where->origin = origin_of(p, found);
	return nuc_strf("the sandbox's user may not enter %s%s of the host: see its owner and its mode",
			(const char *)nuc_plan_data(p, bind->src), path + best);
}

static int describe(const struct nuc_plan *p, uint32_t step, int code, struct nuc_where *where)
{
	const struct nuc_step *s = NULL;

	*where = (struct nuc_where){ .stage = "launch", .layer = "launch" };
	if (step >= p->first[NUC_PROG_INIT] + p->n[NUC_PROG_INIT])
		return -1;
	s = nuc_plan_step(p, step);
	where->origin = origin_of(p, s);
	for (size_t i = 0; i < NUC_ARRAY_SIZE(meanings); i++)
		if (meanings[i].op == s->op && (meanings[i].code == code || meanings[i].code == ANY)) {
			where->layer = meanings[i].layer;
			where->hint = meanings[i].hint;
			break;
		}
	return s->op;
}

/*
 * The plan's Landlock policy may be what refused an exec: the file's name, and where it grants that
 * right. NULL: there is none.
 */
static char *hint_of_policy(const struct nuc_plan *p)
{
	_cleanup_buf_ struct nuc_buf grants = { 0 };
	const char *file = NULL;

	for (uint32_t i = 0; i < p->n[NUC_PROG_INIT]; i++) {
		const struct nuc_step *s = nuc_plan_step(p, p->first[NUC_PROG_INIT] + i);

		if (s->op == NUC_OP_LANDLOCK_POLICY_RULESET)
			file = nuc_plan_data(p, s->arg[1]);
		/* The kernel opens a program for both. */
		if (s->op == NUC_OP_LANDLOCK_POLICY_PATH && (s->arg[1] & NUC_LL_EXECUTE) &&
		    (s->arg[1] & NUC_LL_READ_FILE))
			nuc_buf_printf(&grants, "%s%s", grants.len ? ", " : "",
				       (const char *)nuc_plan_data(p, s->arg[0]));
	}
	if (!file || grants.failed)
		return NULL;
	return nuc_strf("Landlock policy %s grants execute with read %s%s: the program, its loader (ld.so) "
			"and what #! names need a rule with access = [\"read\", \"execute\"]; and the program a mount "
			"with exec", file, grants.len ? "at and below " : "nowhere", grants.s ?: "");
}

int nuc_step_failed(const struct nuc_plan *p, uint32_t step, int code, const char *program,
		    nucleus_error **ret_err)
{
	_cleanup_free_ char *words = NULL, *hint = NULL, *subject = NULL;
	struct nuc_where where;
	int op = describe(p, step, code, &where);

	/* Where the cause is known the path says enough; else all of the step does. */
	if (op >= 0 && where.hint)
		subject = subject_of(p, nuc_plan_step(p, step));
	if (op == NUC_OP_EXEC && code == EACCES)
		hint = hint_of_policy(p);
	if (op == NUC_OP_CHDIR && code == EACCES)
		hint = hint_of_directory(p, nuc_plan_data(p, nuc_plan_step(p, step)->arg[0]), &where);
	where.hint = hint ? hint : where.hint;
	if (op == NUC_OP_EXEC || (op == NUC_OP_EXEC_INIT && code == E2BIG))
		return nuc_fail(ret_err, -code, &where, "cannot execute '%s': %s", program,
				strerror(code));
	if (subject)
		return nuc_fail(ret_err, -code, &where, "cannot %s: %s", subject, strerror(code));
	if (nuc_explain_step(p, step, &words) < 0)
		words = NULL;
	return nuc_fail(ret_err, -code, &where, "step %u failed: %s: %s", step, words ? words : "?",
			strerror(code));
}

int nuc_step_killed(const struct nuc_plan *p, uint32_t step, nucleus_error **ret_err)
{
	_cleanup_free_ char *words = NULL;
	struct nuc_where where;

	describe(p, step, ANY, &where);
	where.hint = "something outside sent SIGKILL: the kernel's out-of-memory killer, perhaps";
	if (nuc_explain_step(p, step, &words) < 0)
		words = NULL;
	return nuc_fail(ret_err, -ECANCELED, &where, "the sandbox was killed during step %u: %s", step,
			words ? words : "?");
}

int nuc_launch_oom(const struct nuc_plan *p, uint32_t step, nucleus_error **ret_err)
{
	_cleanup_free_ char *words = NULL;
	struct nuc_where where;

	describe(p, step, ANY, &where);
	where.layer = "cgroup";
	where.origin = NULL;
	where.hint = "raise limits.memory";
	if (nuc_explain_step(p, step, &words) < 0)
		words = NULL;
	return nuc_fail(ret_err, -ENOMEM, &where,
			"the memory limit is too small to start with: it was reached during step %u: %s",
			step, words ? words : "?");
}

int nuc_clone_failed(int code, nucleus_error **ret_err)
{
	static const struct {
		int code;
		const char *hint;
	} hints[] = {
		{ EPERM, "namespaces are refused here: see nucleus doctor" },
		{ ENOSPC, "a limit of namespaces is reached: sysctl user.max_*_namespaces" },
		{ EUSERS, "user namespaces are nested too deeply" },
		{ EAGAIN, "the limit of processes is reached: RLIMIT_NPROC, pids.max, kernel.pid_max" },
		{ EACCES, "the caller may not start processes in the sandbox's cgroup: see nucleus doctor" },
		{ EBUSY, "the sandbox's cgroup hands out controllers: has somebody else written to it?" },
		{ ENOSYS, "a seccomp filter around this process refuses clone3(2)" },
	};
	struct nuc_where where = { .stage = "launch", .layer = "namespaces" };

	for (size_t i = 0; i < NUC_ARRAY_SIZE(hints); i++)
		if (hints[i].code == code)
			where.hint = hints[i].hint;
	return nuc_fail(ret_err, -code, &where, "cannot start a process in new namespaces: %s",
			strerror(code));
}
