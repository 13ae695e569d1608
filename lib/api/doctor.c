/* SPDX-License-Identifier: MIT */
/*
 * nucleus_doctor: what this host has, what it lacks for a strict-agent sandbox, and the mend. What
 * is required is read from the table of modes; what is there comes from facts and from trials.
 */
#include <jansson.h>
#include <linux/sched.h>
#include <sys/utsname.h>

#include "cgroup.h"
#include "host.h"
#include "policy.h"

#define WIDTH 99
#define NAME_WIDTH 20
#define MAX_CHECKS 40

enum status { OK, DEGRADED, MISSING, UNTRIED };

struct check {
	const char *name;
	enum status status;
	bool required;
	char *detail, *mend; /* mend may be NULL */
};

/* All that the checks look at, and what they found. */
struct report {
	struct nuc_facts facts;
	struct nuc_surroundings around;
	struct nuc_cgroup_place place;
	int trial[NUC_TRIAL__COUNT];
	char kernel[sizeof(((struct utsname *)0)->release)];
	struct check checks[MAX_CHECKS];
	size_t n;
	bool failed; /* out of memory */
};

static void report_done(struct report *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->checks[i].detail);
		free(r->checks[i].mend);
	}
}

static bool required(enum nuc_mechanism m)
{
	return nuc_mode_need(NUC_MODE_STRICT_AGENT, m) == NUC_NEED_REQUIRED;
}

/* `detail` is given to the report; `mend` is for what is not ok only. */
static void add(struct report *r, const char *name, bool must, enum status status, char *detail,
		const char *mend)
{
	struct check *c;

	if (!detail || r->n == MAX_CHECKS) {
		r->failed = true;
		free(detail);
		return;
	}
	c = &r->checks[r->n++];
	*c = (struct check){ .name = name, .status = status, .required = must, .detail = detail };
	if (mend && (status == DEGRADED || status == MISSING)) {
		c->mend = strdup(mend);
		r->failed |= !c->mend;
	}
}

/* ---- trials --------------------------------------------------------------------------------- */

/* What an error means when the kernel gives it for a thing that works elsewhere. */
static const char *meaning(int result)
{
	switch (result) {
	case EPERM:
	case EACCES:
		return "a security module or an outer sandbox refuses it";
	case ENOSYS:
		return "this kernel does not have it, or an outer sandbox's filter hides it";
	case EINVAL:
	case ENODEV:
		return "this kernel is built without it";
	case ENOSPC:
	case EUSERS:
		return "a sysctl user.max_*_namespaces is reached, here or outside";
	case EAGAIN:
		return "RLIMIT_NPROC, or a pids limit, is reached";
	case ETIMEDOUT:
		return "no answer within 5 seconds";
	}
	return strerror(result);
}

static const char *general_mend(const struct report *r, int result)
{
	switch (result) {
	case EAGAIN:
		return "raise `ulimit -u` of this user, or pids.max (TasksMax=) of its cgroup";
	case ENOSPC:
	case EUSERS:
		return "raise the sysctl user.max_*_namespaces (sysctl -a | grep user.max), and "
		       "do not nest more than 32 user namespaces";
	case ENODEV:
	case EINVAL:
		return "use a distribution's kernel: they all have it";
	}
	if (r->around.container[0])
		return "let the outer container do it: docker run --security-opt "
		       "seccomp=unconfined --security-opt apparmor=unconfined (podman: the same), "
		       "or profiles that allow clone3, unshare, mount and pivot_root";
	return "look for the refusal in the kernel's log (journalctl -k): a security module's "
	       "profile or an outer sandbox's seccomp filter must allow it";
}

static void add_trial(struct report *r, const char *name, bool must, enum nuc_trial trial,
		      const char *good, const char *mend)
{
	int result = r->trial[trial];

	if (result == 0) {
		add(r, name, must, OK, strdup(good), NULL);
	} else if (result == NUC_TRIAL_UNTRIED) {
		add(r, name, must, UNTRIED, strdup("not tried: what it stands on is missing"),
		    NULL);
	} else if (result == NUC_TRIAL_KILLED) {
		add(r, name, must, MISSING,
		    strdup("the process that tried it was killed, as seccomp filters do"),
		    general_mend(r, EPERM));
	} else {
		add(r, name, must, MISSING,
		    nuc_strf("%s: %s", nuc_errno_name(result), meaning(result)),
		    mend ? mend : general_mend(r, result));
	}
}

/* ---- checks, in the order of the report ----------------------------------------------------- */

static void check_kernel(struct report *r)
{
	const struct nuc_facts *f = &r->facts;
	bool good = f->kernel_major > 6 || (f->kernel_major == 6 && f->kernel_minor >= 1);

	add(r, "kernel", true, good ? OK : MISSING,
	    nuc_strf("Linux %s%s", r->kernel, good ? "" : " is too old"), "use Linux 6.1 or newer");
	add(r, "caller", false, OK,
	    f->privileged ? nuc_strf("uid %u, sets sandboxes up with its own capabilities", f->uid)
			  : nuc_strf("uid %u, sets sandboxes up in a user namespace", f->uid),
	    NULL);
	add_trial(
		r, "processes", true, NUC_TRIAL_CLONE, "clone3 gives a process in new namespaces",
		r->trial[NUC_TRIAL_CLONE] == ENOSYS
			? "an outer sandbox's seccomp profile hides clone3: allow it there "
			  "(docker run --security-opt seccomp=unconfined, or a profile of your own)"
			: NULL);
}

static void check_user_namespace(struct report *r)
{
	const struct nuc_facts *f = &r->facts;
	bool must = required(NUC_MECH_NS_USER);

	/* What facts refuse is not started even where a trial succeeds. */
	if (f->userns_refused != NUC_USERNS_OK)
		add(r, "user-namespace", must, MISSING,
		    strdup(nuc_userns_refused_why(f->userns_refused)),
		    nuc_userns_refused_mend(f->userns_refused));
	else if (r->trial[NUC_TRIAL_NS_USER] == EPERM && r->around.chroot)
		add(r, "user-namespace", must, MISSING,
		    strdup("EPERM: refused in a chroot (user_namespaces(7))"),
		    "start from outside of the chroot, or enter it by pivot_root");
	else if (r->trial[NUC_TRIAL_NS_USER] == EPERM && r->around.ids_unmapped)
		add(r, "user-namespace", must, MISSING,
		    strdup("EPERM: the user namespace that this runs in does not map the caller"),
		    "write a uid_map and a gid_map that have the caller's own user and group");
	else
		add_trial(r, "user-namespace", must, NUC_TRIAL_NS_USER, "can be created", NULL);
	if (f->privileged) {
		add_trial(r, "change-ids", must, NUC_TRIAL_SET_IDS,
			  "an unprivileged user can be changed to", NULL);
	} else if (!f->dumpable) {
		add(r, "dumpable", must, MISSING,
		    strdup("the calling process is not dumpable, so it cannot write id maps"),
		    "call prctl(PR_SET_DUMPABLE, 1) before, or start from a process that did not "
		    "change its ids and whose program is readable");
		add(r, "id-maps", must, UNTRIED, strdup("not tried: the caller is not dumpable"),
		    NULL);
		return;
	} else {
		add(r, "dumpable", must, OK, strdup("the calling process is"), NULL);
	}
	add_trial(r, "id-maps", must, NUC_TRIAL_ID_MAPS, "one user and one group are mapped", NULL);
}

static void check_namespaces(struct report *r)
{
	static const struct {
		const char *name;
		enum nuc_mechanism mechanism;
		enum nuc_trial trial;
		unsigned long long flag;
	} rows[] = {
		{ "pid-namespace", NUC_MECH_NS_PID, NUC_TRIAL_NS_PID, CLONE_NEWPID },
		{ "mount-namespace", NUC_MECH_NS_MOUNT, NUC_TRIAL_NS_MOUNT, CLONE_NEWNS },
		{ "network-namespace", NUC_MECH_NS_NET, NUC_TRIAL_NS_NET, CLONE_NEWNET },
		{ "uts-namespace", NUC_MECH_NS_UTS, NUC_TRIAL_NS_UTS, CLONE_NEWUTS },
		{ "ipc-namespace", NUC_MECH_NS_IPC, NUC_TRIAL_NS_IPC, CLONE_NEWIPC },
		{ "cgroup-namespace", NUC_MECH_NS_CGROUP, NUC_TRIAL_NS_CGROUP, CLONE_NEWCGROUP },
		{ "time-namespace", NUC_MECH_NS_TIME, NUC_TRIAL_NS_TIME, CLONE_NEWTIME },
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(rows); i++) {
		bool must = required(rows[i].mechanism);

		if (r->facts.namespaces & rows[i].flag)
			add_trial(r, rows[i].name, must, rows[i].trial, "can be created", NULL);
		else
			add(r, rows[i].name, must, MISSING,
			    strdup("this kernel is built without it, or its sysctl "
				   "user.max_*_namespaces is 0"),
			    general_mend(r, ENOSPC));
	}
}

static void check_files(struct report *r)
{
	bool must = required(NUC_MECH_NS_MOUNT);

	if (r->trial[NUC_TRIAL_TMPFS] == EINVAL && r->around.chroot)
		add(r, "mount-tmpfs", must, MISSING,
		    strdup("EINVAL: / is not a mount, as in a chroot"),
		    "start from outside of the chroot, or enter it by pivot_root");
	else
		add_trial(r, "mount-tmpfs", must, NUC_TRIAL_TMPFS, "a root in memory can be built",
			  r->trial[NUC_TRIAL_TMPFS] == ENOENT
				  ? "make an empty directory /mnt: a new root is built there"
				  : NULL);
	add_trial(r, "mount-bind", must, NUC_TRIAL_BIND, "directories can be shown read-only",
		  NULL);
	add_trial(r, "mount-devpts", must, NUC_TRIAL_DEVPTS, "terminals of its own", NULL);
	add_trial(r, "mount-proc", required(NUC_MECH_NS_PID), NUC_TRIAL_PROC, "a /proc of its own",
		  r->trial[NUC_TRIAL_PROC] == EPERM
			  ? "an outer container masks parts of /proc: docker run --security-opt "
			    "systempaths=unconfined; podman run --security-opt unmask=ALL; "
			    "Kubernetes: procMount: Unmasked"
			  : NULL);
	add_trial(r, "hidepid", required(NUC_MECH_HIDEPID), NUC_TRIAL_HIDEPID,
		  "processes of other users can be hidden", NULL);
	add_trial(
		r, "pivot-root", required(NUC_MECH_PIVOT_ROOT), NUC_TRIAL_PIVOT_ROOT,
		"the host's files can be left behind",
		r->trial[NUC_TRIAL_PIVOT_ROOT] == EINVAL
			? "/ is the initial RAM disk, which stays for ever: start after switch_root"
			: NULL);
	add_trial(r, "loopback", required(NUC_MECH_NS_NET), NUC_TRIAL_LOOPBACK,
		  "127.0.0.1 can be brought up", NULL);
	if (!r->facts.privileged)
		return;
	/* The kernel can (Linux 5.12), this file system cannot: each bind is asked for itself. */
	if (r->trial[NUC_TRIAL_IDMAP] == EINVAL)
		add(r, "idmapped-mounts", required(NUC_MECH_IDMAP), DEGRADED,
		    strdup(r->around.user_namespace
				   ? "the host's file systems take none from a user namespace"
				   : "the file system of / does not take them"),
		    r->around.user_namespace
			    ? "use --workspace-mode copy-in-out"
			    : "keep workspaces on ext4, xfs or btrfs, or use --workspace-mode "
			      "copy-in-out");
	else
		add_trial(
			r, "idmapped-mounts", required(NUC_MECH_IDMAP), NUC_TRIAL_IDMAP,
			"files of a workspace belong to the sandbox's user",
			"use --workspace-mode copy-in-out, or start as root of the host and not of "
			"a user namespace");
}

static void check_landlock(struct report *r)
{
	static const struct {
		int abi;
		const char *adds;
	} news[] = {
		{ 2, "moving files between directories (5.19)" },
		{ 3, "truncation (6.2)" },
		{ 4, "TCP ports (6.7)" },
		{ 5, "device ioctls (6.10)" },
		{ 6, "abstract sockets and signals (6.12)" },
	};
	int abi = r->facts.landlock_abi, result = r->trial[NUC_TRIAL_LANDLOCK];
	bool must = required(NUC_MECH_LANDLOCK);
	_cleanup_buf_ struct nuc_buf b = { 0 };
	_cleanup_free_ char *mend = NULL;
	char *detail = NULL;

	if (abi == 0 && r->facts.landlock_errno == EOPNOTSUPP) {
		mend = nuc_strf("add landlock to the lsm= parameter of the kernel's command line: "
				"lsm=landlock,%s",
				r->around.lsm[0] ? r->around.lsm
						 : "... (before those that are there)");
		add(r, "landlock", must, MISSING,
		    strdup("EOPNOTSUPP: built into this kernel, but disabled at boot"), mend);
		r->failed |= !mend;
		return;
	}
	if (abi == 0) {
		add(r, "landlock", must, MISSING,
		    nuc_strf("%s: %s", nuc_errno_name(r->facts.landlock_errno),
			     meaning(r->facts.landlock_errno)),
		    r->around.container[0]
			    ? "let the outer container's seccomp profile allow the landlock_* "
			      "system calls (current ones of Docker and Podman do), or use a "
			      "kernel with CONFIG_SECURITY_LANDLOCK and landlock in lsm="
			    : "use a kernel with CONFIG_SECURITY_LANDLOCK and landlock in lsm=, "
			      "and no outer filter that hides the landlock_* system calls");
		return;
	}
	if (abi < nuc_mode_landlock_min_abi(NUC_MODE_STRICT_AGENT)) {
		add(r, "landlock", must, MISSING, nuc_strf("ABI %d is too old", abi),
		    "use a newer kernel");
		return;
	}
	if (result != 0) {
		add_trial(r, "landlock", must, NUC_TRIAL_LANDLOCK, "", NULL);
		return;
	}
	nuc_buf_printf(&b, "ABI %d", abi);
	for (size_t i = 0; i < NUC_ARRAY_SIZE(news); i++)
		if (abi < news[i].abi)
			nuc_buf_printf(&b, "%s %s", b.len < 8 ? "; newer kernels add" : ",",
				       news[i].adds);
	if (nuc_buf_take(&b, &detail) < 0)
		detail = NULL;
	add(r, "landlock", must, abi < 6 ? DEGRADED : OK, detail,
	    "nothing must be done; Linux 6.12 or newer restricts more");
}

static void check_privileges(struct report *r)
{
	const struct nuc_facts *f = &r->facts;

	add_trial(r, "capabilities", required(NUC_MECH_CAPABILITIES), NUC_TRIAL_CAPABILITIES,
		  "all can be dropped for good", NULL);
	add_trial(r, "no-new-privileges", required(NUC_MECH_CAPABILITIES), NUC_TRIAL_NO_NEW_PRIVS,
		  f->no_new_privs ? "set in the caller already" : "can be set", NULL);
	check_landlock(r);
	if (f->seccomp_filter)
		add_trial(r, "seccomp", required(NUC_MECH_SECCOMP), NUC_TRIAL_SECCOMP,
			  "a system call filter can be installed", NULL);
	else
		add(r, "seccomp", required(NUC_MECH_SECCOMP), MISSING,
		    strdup("no filters, or an outer sandbox's filter hides seccomp(2)"),
		    "use a kernel with CONFIG_SECCOMP_FILTER; outer filters must allow seccomp(2)");
	/* A sandbox's own init is executed from one. */
	add(r, "memory-files", true, r->around.memfd_noexec == 2 ? MISSING : OK,
	    strdup(r->around.memfd_noexec == 2
			   ? "the sysctl vm.memfd_noexec = 2 refuses executable memory files"
			   : "may be executable: init is one"),
	    "sysctl -w vm.memfd_noexec=1 in this pid namespace, or start from another");
}

/* Limits that a policy asks for need one: see lib/cgroup. */
static void check_cgroup(struct report *r)
{
	static const char *const layouts[] = {
		[NUC_CGROUP_NONE] = "not mounted",
		[NUC_CGROUP_V1] = "version 1 only",
		[NUC_CGROUP_HYBRID] = "hybrid: versions 1 and 2",
		[NUC_CGROUP_V2] = "version 2",
	};
	const char *layout = layouts[r->around.cgroup];
	const struct nuc_cgroup_place *p = &r->place;
	bool limits = nuc_cgroup_has(p->controllers, "memory") && nuc_cgroup_has(p->controllers, "pids");

	if (p->refused)
		add(r, "cgroup", false, DEGRADED,
		    nuc_strf("%s; no limits: %s", layout, nuc_cgroup_refused_why(p->refused)),
		    nuc_cgroup_refused_mend(p->refused));
	else if (!limits)
		add(r, "cgroup", false, DEGRADED,
		    nuc_strf("%s; %s has no memory and pids controllers (has: %s)", layout, p->path,
			     p->controllers[0] ? p->controllers : "none"),
		    nuc_cgroup_refused_mend(NUC_CGROUP_NO_CONTROLLERS));
	else
		add(r, "cgroup", false, OK,
		    nuc_strf("%s; limits of %s, below %s%s", layout, p->controllers, p->path,
			     p->occupied ? p->by_caller_only ? " (after nucleus_cgroup_settle())"
							     : " (processes live there: they must "
							       "move into a child of it first)"
					 : ""),
		    NULL);
}

static void check_surroundings(struct report *r)
{
	const struct nuc_surroundings *s = &r->around;

	check_cgroup(r);
	add(r, "container", false, OK,
	    nuc_strf("%s%s", s->container[0] ? s->container : "not inside of one that is known",
		     s->user_namespace ? "; inside a user namespace" : ""),
	    NULL);
	add(r, "subids", false, OK,
	    strdup(s->subuid && s->subgid
			   ? "ranges in /etc/subuid and /etc/subgid (not needed)"
			   : "no ranges in /etc/subuid and /etc/subgid (not needed)"),
	    NULL);
	add(r, "yama", false, OK,
	    s->yama < 0 ? strdup("not in this kernel (not needed)")
			: nuc_strf("kernel.yama.ptrace_scope is %ld (not needed)", s->yama),
	    NULL);
}

static void check_all(struct report *r)
{
	check_kernel(r);
	check_user_namespace(r);
	check_namespaces(r);
	check_files(r);
	check_privileges(r);
	check_surroundings(r);
}

/* ---- the report ----------------------------------------------------------------------------- */

static size_t count_required(const struct report *r, enum status status)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->checks[i].required && r->checks[i].status == status;
	return n;
}

/* Words of `text` from column `at` on, which continuation lines are indented to as well. */
static void put_wrapped(struct nuc_buf *b, size_t at, const char *text)
{
	size_t column = at;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (column > at && column + 1 + n > WIDTH) {
			nuc_buf_printf(b, "\n%*s", (int)at, "");
			column = at;
		} else if (column > at) {
			nuc_buf_puts(b, " ");
			column++;
		}
		nuc_buf_add(b, text, n);
		column += n;
		text += n;
		text += strspn(text, " ");
	}
	nuc_buf_puts(b, "\n");
}

static int print_text(const struct report *r, char **ret)
{
	static const char *const marks[] = {
		[OK] = "ok",
		[DEGRADED] = "warn",
		[MISSING] = "no",
		[UNTRIED] = "?",
	};
	size_t missing = count_required(r, MISSING), untried = count_required(r, UNTRIED);
	_cleanup_buf_ struct nuc_buf b = { 0 };

	if (missing)
		nuc_buf_printf(&b, "strict-agent: no: %zu thing%s missing\n", missing,
			       missing == 1 ? " is" : "s are");
	else if (untried)
		nuc_buf_printf(&b, "strict-agent: no: %zu thing%s could not be tried\n", untried,
			       untried == 1 ? "" : "s");
	else
		nuc_buf_puts(&b, "strict-agent: yes\n");
	for (size_t i = 0; i < r->n; i++) {
		const struct check *c = &r->checks[i];

		nuc_buf_printf(&b, "%-4s  %-*s", marks[c->status], NAME_WIDTH, c->name);
		put_wrapped(&b, 6 + NAME_WIDTH, c->detail);
		if (c->mend) {
			nuc_buf_printf(&b, "%*s-> ", 6 + NAME_WIDTH, "");
			put_wrapped(&b, 9 + NAME_WIDTH, c->mend);
		}
	}
	return nuc_buf_take(&b, ret);
}

static int print_json(const struct report *r, bool strict, char **ret)
{
	static const char *const names[] = {
		[OK] = "ok",
		[DEGRADED] = "degraded",
		[MISSING] = "missing",
		[UNTRIED] = "untried",
	};
	json_t *checks = json_array(), *top;
	char *s;

	for (size_t i = 0; i < r->n; i++) {
		const struct check *c = &r->checks[i];

		/* A failure to append is seen below: the array is short then. */
		json_array_append_new(checks,
				      json_pack("{s:s, s:s, s:s, s:s?, s:b}", "name", c->name,
						"status", names[c->status], "detail", c->detail,
						"mend", c->mend, "required", c->required));
	}
	if (json_array_size(checks) != r->n) {
		json_decref(checks);
		return -ENOMEM;
	}
	top = json_pack("{s:b, s:s, s:o}", "strict_agent", strict, "kernel", r->kernel, "checks",
			checks);
	if (!top)
		return -ENOMEM;
	s = json_dumps(top, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(top);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

int nucleus_doctor(const char *format, char **ret)
{
	_cleanup_(report_done) struct report r = { 0 };
	struct utsname u;
	bool json, strict;
	int e;

	if (!format || (strcmp(format, "text") && strcmp(format, "json")))
		return -EINVAL;
	json = !strcmp(format, "json");
	e = nuc_facts_probe(&r.facts);
	if (e < 0)
		return e;
	e = nuc_trials_run(&r.facts, r.trial);
	if (e < 0)
		return e;
	nuc_surroundings_probe(&r.facts, &r.around);
	e = nuc_cgroup_find(r.facts.uid, &r.place);
	if (e < 0)
		return e;
	if (uname(&u) == 0)
		memcpy(r.kernel, u.release, sizeof(r.kernel));
	check_all(&r);
	if (r.failed)
		return -ENOMEM;
	strict = !count_required(&r, MISSING) && !count_required(&r, UNTRIED);
	e = json ? print_json(&r, strict, ret) : print_text(&r, ret);
	return e < 0 ? e : strict;
}
