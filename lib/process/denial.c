/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#include "compile.h"
#include "denial_internal.h"
#include "matter.h"
#include "names.h"
#include "usual.h"
#include "why.h"

static const struct {
	const char *name;
	bool number; /* in JSON */
} attrs[ATTRS] = {
	[TIME] = { "time", false },	      [PID] = { "pid", true },
	[PROGRAM] = { "program", false },     [LAYER] = { "layer", false },
	[OPERATION] = { "operation", false }, [TARGET] = { "target", false },
	[ERRNO] = { "errno", false },	      [RULE] = { "rule", false },
	[ORIGIN] = { "origin", false },	      [FIX] = { "fix", false },
	[CERTAINTY] = { "certainty", false }, [COUNT] = { "count", true },
	[WEIGHT] = { "weight", false },
};

/* ---- calls that the filter refused ------------------------------------------------------------------ */

/* "socket(16,3)": as `nucleus why` takes it. Other arguments say nothing, and are 0. */
static int put_call(nucleus_denial *d, const char *name, int nr, const uint64_t args[6])
{
	const struct nuc_matter *m = nuc_matter_of(nr);
	_cleanup_buf_ struct nuc_buf b = { 0 };
	uint32_t shown[6] = { 0 };
	int n = 0;

	for (unsigned int i = 0; m && i < m->count; i++) {
		shown[m->arg[i].arg] = (uint32_t)args[m->arg[i].arg];
		n = m->arg[i].arg >= n ? m->arg[i].arg + 1 : n;
	}
	nuc_buf_puts(&b, name);
	for (int i = 0; i < n; i++)
		nuc_buf_printf(&b, shown[i] > 0xffff ? "%s0x%x" : "%s%u", i ? "," : "(", shown[i]);
	if (n)
		nuc_buf_puts(&b, ")");
	return nuc_denial_take(d, TARGET, &b);
}

static int of_call(const struct nuc_plan *plan, const struct nuc_denial_record *r,
		   nucleus_denial *d)
{
	_cleanup_answer_ struct nuc_answer a = { 0 };
	struct nuc_question q = { .asked = NUC_ASKED_SYSCALL, .args = r->args, .error = r->error };
	const char *name = nuc_syscall_name(r->nr);
	char number[16];
	int e;

	/* A number that no kernel of today has: x32's, or nonsense. */
	snprintf(number, sizeof(number), "%d", r->nr);
	q.target = name ? name : number;
	e = nuc_why(plan, &q, &a);
	if (e == -ENOMEM)
		return e;
	e = put_call(d, q.target, r->nr, r->args);
	if (e == 0)
		e = nuc_denial_put_errno(d, r->error);
	if (e < 0)
		return e;
	/* It was refused, whatever the plan's other parts make of it. */
	if (!a.refused || strcmp(a.layer, "seccomp") != 0)
		return nuc_denial_put_words(d, "seccomp", "syscall", "the filter of system calls refuses it",
				 NULL, NULL, true, false);
	return nuc_denial_put_words(d, "seccomp", "syscall", a.rule, a.origin, a.fix, true,
			 nuc_usual_call(name, r->args));
}

/* ---- calls that other layers refuse ------------------------------------------------------------------ */

enum kind { OPEN, OPENAT, CREATE, REMOVE, RENAME, WRITE, EXEC, CONNECT, BIND };

static const struct {
	int nr;
	enum kind kind;
} calls[] = {
	{ SYS_open, OPEN },	   { SYS_openat, OPENAT },     { SYS_creat, WRITE },
	{ SYS_mkdir, CREATE },	   { SYS_mkdirat, CREATE },    { SYS_symlink, CREATE },
	{ SYS_symlinkat, CREATE }, { SYS_link, CREATE },       { SYS_linkat, CREATE },
	{ SYS_unlink, REMOVE },	   { SYS_unlinkat, REMOVE },   { SYS_rmdir, REMOVE },
	{ SYS_rename, RENAME },	   { SYS_renameat, RENAME },   { SYS_renameat2, RENAME },
	{ SYS_chmod, WRITE },	   { SYS_fchmodat, WRITE },    { SYS_truncate, WRITE },
	{ SYS_execve, EXEC },	   { SYS_connect, CONNECT },   { SYS_bind, BIND },
};

static const char *const operations[] = {
	[NUC_ASKED_READ] = "open",     [NUC_ASKED_WRITE] = "write",
	[NUC_ASKED_CREATE] = "create", [NUC_ASKED_REMOVE] = "remove",
	[NUC_ASKED_EXEC] = "exec",     [NUC_ASKED_CONNECT] = "connect",
	[NUC_ASKED_BIND] = "bind",     [NUC_ASKED_SYSCALL] = "syscall",
};

static enum nuc_asked asked_by_open(uint64_t flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC) ? NUC_ASKED_WRITE
									     : NUC_ASKED_READ;
}

/* What the call asks of the layers, as up to two questions. -ENOENT for a call that is not told so. */
static int questions_of(const struct nuc_denial_record *r, enum nuc_asked ret[2])
{
	size_t i = 0;

	while (i < NUC_ARRAY_SIZE(calls) && calls[i].nr != r->nr)
		i++;
	if (i == NUC_ARRAY_SIZE(calls))
		return -ENOENT;
	switch (calls[i].kind) {
	case OPEN:
		ret[0] = asked_by_open(r->args[1]);
		return 1;
	case OPENAT:
		ret[0] = asked_by_open(r->args[2]);
		return 1;
	case RENAME:
		ret[0] = NUC_ASKED_CREATE;
		ret[1] = NUC_ASKED_REMOVE;
		return 2;
	case CREATE:
		ret[0] = NUC_ASKED_CREATE;
		return 1;
	case REMOVE:
		ret[0] = NUC_ASKED_REMOVE;
		return 1;
	case WRITE:
		ret[0] = NUC_ASKED_WRITE;
		return 1;
	case EXEC:
		ret[0] = NUC_ASKED_EXEC;
		return 1;
	case CONNECT:
		ret[0] = NUC_ASKED_CONNECT;
		return 1;
	case BIND:
		ret[0] = NUC_ASKED_BIND;
		return 1;
	}
	return -ENOENT;
}

/*
 * Programs look for what is not there all the time. It is the sandbox's doing only where the host has
 * it, and then there is something to give.
 */
static bool is_looking(const struct nuc_question *q, const struct nuc_answer *a)
{
	return a->error == ENOENT && (q->asked == NUC_ASKED_READ || q->asked == NUC_ASKED_EXEC ||
				      q->asked == NUC_ASKED_CONNECT);
}

static int of_allowed(const struct nuc_plan *plan, const struct nuc_denial_record *r,
		      nucleus_denial *d)
{
	_cleanup_answer_ struct nuc_answer a = { 0 };
	_cleanup_buf_ struct nuc_buf target = { 0 };
	struct nuc_question q = { .target = r->path, .error = r->error, .by_program = true };
	enum nuc_asked asked[2];
	int n = questions_of(r, asked), e;

	/* A path that is longer than the record has room for could only be asked about wrongly. */
	if (n < 0 || !r->path_len || r->path_len >= sizeof(r->path) ||
	    strnlen(r->path, sizeof(r->path)) != r->path_len)
		return n < 0 ? n : -ENOENT;
	for (int i = 0; i < n && !a.refused; i++) {
		nuc_answer_done(&a);
		q.asked = asked[i];
		e = nuc_why(plan, &q, &a);
		if (e < 0)
			return e == -EINVAL ? -ENOENT : e;
	}
	if (!a.refused || (is_looking(&q, &a) && !a.fix))
		return -ENOENT;
	nuc_denial_escape(&target, r->path, r->path_len);
	e = nuc_denial_take(d, TARGET, &target);
	if (e == 0)
		e = nuc_denial_put_errno(d, a.error);
	return e < 0 ? e
		     : nuc_denial_put_words(d, a.layer, operations[q.asked], a.rule, a.origin, a.fix, false,
				 is_looking(&q, &a));
}

/* ---- all records ------------------------------------------------------------------------------------- */

#define KILLED_RULE                                                                                \
	"a process was ended by SIGSYS: the filter ends whoever makes calls that no program needs, or makes " \
	"calls as 32-bit programs do"

static int of_dropped(nucleus_denial *d)
{
	int e = nuc_denial_put(d, TARGET, "refusals");

	return e < 0 ? e
		     : nuc_denial_put_words(d, "denials", "dropped", "more was refused than could be told",
				 NULL, NULL, true, true);
}

int nuc_denial_of_record(const struct nuc_plan *plan, const struct nuc_denial_record *r,
			 nucleus_denial **ret)
{
	_cleanup_(nuc_denial_freep) nucleus_denial *d = calloc(1, sizeof(*d));
	int e;

	if (!d)
		return -ENOMEM;
	switch (r->kind) {
	case NUC_DENIAL_CALL:
		e = of_call(plan, r, d);
		break;
	case NUC_DENIAL_ALLOWED:
		e = of_allowed(plan, r, d);
		break;
	case NUC_DENIAL_KILLED:
		e = nuc_denial_put_words(d, "seccomp", "syscall", KILLED_RULE, NULL, NULL, false, false);
		break;
	case NUC_DENIAL_DROPPED:
		e = of_dropped(d);
		break;
	default:
		e = -EBADMSG;
	}
	if (e == 0)
		e = nuc_denial_put_facts(d, r);
	if (e < 0)
		return e;
	*ret = NUC_TAKE_PTR(d);
	return 0;
}

/* ---- what Landlock says itself ---------------------------------------------------------------------------- */

static const struct {
	uint32_t refused;
	const char *operation; /* as in `operations`, where that can be asked about */
	int asked;	       /* enum nuc_asked, or -1 */
	int error;
} by_landlock[] = {
	{ NUC_LL_EXECUTE, "exec", NUC_ASKED_EXEC, EACCES },
	{ NUC_LL_WRITE_FILE | NUC_LL_TRUNCATE, "write", NUC_ASKED_WRITE, EACCES },
	{ NUC_REFUSED_MAKES, "create", NUC_ASKED_CREATE, EACCES },
	{ NUC_REFUSED_REMOVES, "remove", NUC_ASKED_REMOVE, EACCES },
	{ NUC_LL_READ_FILE | NUC_LL_READ_DIR, "open", NUC_ASKED_READ, EACCES },
	{ NUC_REFUSED_CONNECT, "connect", NUC_ASKED_CONNECT, EACCES },
	{ NUC_REFUSED_BIND, "bind", NUC_ASKED_BIND, EACCES },
	{ NUC_LL_IOCTL_DEV, "ioctl", -1, EACCES },
	{ NUC_REFUSED_ABSTRACT, "connect", -1, EPERM },
	{ NUC_REFUSED_SIGNAL, "signal", -1, EPERM },
	{ NUC_REFUSED_PTRACE, "ptrace", -1, EPERM },
	{ NUC_REFUSED_MOUNT, "mount", -1, EPERM },
	{ ~0u, "other", -1, 0 },
};

static size_t kind_by_landlock(uint32_t refused)
{
	size_t i = 0;

	while (i < NUC_ARRAY_SIZE(by_landlock) - 1 && !(by_landlock[i].refused & refused))
		i++;
	return i;
}

static int put_landlock(const struct nuc_plan *plan, const struct nuc_landlock_record *r, nucleus_denial *d)
{
	const size_t kind = kind_by_landlock(r->refused);
	const bool entry = r->refused & (NUC_REFUSED_MAKES | NUC_REFUSED_REMOVES);
	_cleanup_answer_ struct nuc_answer a = { 0 };
	_cleanup_buf_ struct nuc_buf target = { 0 };
	struct nuc_question q = { .asked = by_landlock[kind].asked < 0 ? NUC_ASKED_READ
									: (enum nuc_asked)by_landlock[kind].asked,
				  .target = r->target, .error = by_landlock[kind].error, .by_program = true };
	_cleanup_buf_ struct nuc_buf rule = { 0 };
	bool known = false;
	int e = 0;

	nuc_buf_puts(&rule, "the kernel's Landlock refused it");
	if (r->refused & NUC_LL_ALL) {
		nuc_buf_puts(&rule, ": nothing grants ");
		nuc_print_bits(&rule, 'l', r->refused & NUC_LL_ALL);
	}
	if (rule.failed)
		return -ENOMEM;

	/* Of what is made or removed only the directory is known, which would be another question. */
	if (r->target_len && by_landlock[kind].asked >= 0 && !entry) {
		e = nuc_why(plan, &q, &a);
		known = e == 0 && a.refused && !strcmp(a.layer, "landlock");
	}
	if (e == -ENOMEM)
		return e;
	if (r->target_len) {
		nuc_denial_escape(&target, r->target, r->target_len);
		e = nuc_denial_take(d, TARGET, &target);
		if (e < 0)
			return e;
	}
	e = nuc_denial_put_errno(d, by_landlock[kind].error);
	return e < 0 ? e
		     : nuc_denial_put_words(d, "landlock", by_landlock[kind].operation,
				 known ? a.rule : rule.s, known ? a.origin : NULL,
				 known ? a.fix : NULL, true, false);
}

int nuc_denial_of_landlock(const struct nuc_plan *plan, const struct nuc_landlock_record *r,
			   nucleus_denial **ret)
{
	_cleanup_(nuc_denial_freep) nucleus_denial *d = calloc(1, sizeof(*d));
	int e = d ? put_landlock(plan, r, d) : -ENOMEM;

	if (e == 0)
		e = nuc_denial_put_time(d, r->time_us);
	if (e == 0)
		e = nuc_denial_put_number(d, COUNT, 1);
	if (e < 0)
		return e;
	*ret = NUC_TAKE_PTR(d);
	return 0;
}

bool nuc_denial_awaits_landlock(const nucleus_denial *d)
{
	return d->attr[TARGET] && !strcmp(d->attr[LAYER], "landlock") && !strcmp(d->attr[CERTAINTY], "inferred");
}

bool nuc_denial_is_of(const nucleus_denial *d, const struct nuc_landlock_record *r)
{
	_cleanup_buf_ struct nuc_buf b = { 0 };
	const char *target = d->attr[TARGET], *operation = d->attr[OPERATION];
	const char *slash = target ? strrchr(target, '/') : NULL;
	size_t dir = slash ? (size_t)(slash - target) : 0;

	if (!r->target_len || !target)
		return false;
	nuc_denial_escape(&b, r->target, r->target_len);
	if (b.failed)
		return false;
	if (slash && (r->refused & (NUC_REFUSED_MAKES | NUC_REFUSED_REMOVES)) &&
	    ((r->refused & NUC_REFUSED_REMOVES && !strcmp(operation, "remove")) ||
	     (r->refused & NUC_REFUSED_MAKES && (!strcmp(operation, "create") || !strcmp(operation, "write")))) &&
	    b.len == (dir ? dir : 1) && !strncmp(target, b.s, b.len))
		return true;
	/* An opening for writing may be refused for its reading. */
	if (strcmp(target, b.s) != 0)
		return false;
	for (size_t i = 0; i < NUC_ARRAY_SIZE(by_landlock) - 1; i++)
		if (by_landlock[i].refused & r->refused &&
		    (!strcmp(by_landlock[i].operation, operation) ||
		     (by_landlock[i].asked == NUC_ASKED_READ && !strcmp(operation, "write"))))
			return true;
	return false;
}

int nuc_denial_make_certain(nucleus_denial *d)
{
	return nuc_denial_put(d, CERTAINTY, "certain");
}

/* ---- the end ------------------------------------------------------------------------------------------ */

static const struct nuc_step *setting(const struct nuc_plan *p, const char *file)
{
	for (uint32_t i = 0; i < p->n[NUC_PROG_HOST]; i++) {
		const struct nuc_step *s = nuc_plan_step(p, p->first[NUC_PROG_HOST] + i);

		if (s->op == NUC_OP_CGROUP_SET && !strcmp(nuc_plan_data(p, s->arg[0]), file))
			return s;
	}
	return NULL;
}

static const char *origin_of(const struct nuc_plan *p, const struct nuc_step *s)
{
	const char *origin = s ? nuc_plan_data(p, s->origin) : "";

	return *origin && strcmp(origin, "default") != 0 ? origin : NULL;
}

static uint64_t figure(const struct nuc_cgroup *group, const char *name)
{
	const struct nuc_cgroup_figure *f;
	uint64_t n = 0;

	for (size_t i = 0; (f = nuc_cgroup_figure(i)); i++)
		if (!strcmp(f->name, name) && group->dir >= 0 && nuc_cgroup_read(group, f, &n) == 0)
			return n;
	return 0;
}

static int of_memory(const struct nuc_plan *p, const struct nuc_denial_end *end, nucleus_denial *d)
{
	const struct nuc_step *s = setting(p, "memory.max");
	_cleanup_free_ char *rule = nuc_strf("limits.memory = %s was reached, and all processes were ended",
					     s ? (const char *)nuc_plan_data(p, s->arg[1]) : "?");
	int e;

	if (end->outcome != NUCLEUS_OUTCOME_OOM)
		return -ENOENT;
	e = rule ? nuc_denial_put(d, TARGET, "limits.memory") : -ENOMEM;
	return e < 0 ? e
		     : nuc_denial_put_words(d, "cgroup", "memory", rule, origin_of(p, s),
				 "a larger --memory (in a document: limits.memory)", true, false);
}

static int of_processes(const struct nuc_plan *p, const struct nuc_denial_end *end,
			nucleus_denial *d)
{
	const struct nuc_step *s = setting(p, "pids.max");
	uint64_t refused = figure(end->group, "processes-refused"),
		 peak = figure(end->group, "processes-peak");
	const char *limit = s ? nuc_plan_data(p, s->arg[1]) : NULL;
	_cleanup_free_ char *rule = nuc_strf("limits.pids = %s was reached: forks and threads were refused",
					     limit ? limit : "?");
	int e;

	if (!refused || !limit)
		return -ENOENT;
	e = rule ? nuc_denial_put(d, TARGET, "limits.pids") : -ENOMEM;
	if (e == 0)
		e = nuc_denial_put_errno(d, EAGAIN);
	if (e == 0)
		e = nuc_denial_put_number(d, COUNT, refused);
	/* Before Linux 6.1 there is no peak; without it a limit of a group above may have refused. */
	return e < 0 ? e
		     : nuc_denial_put_words(d, "cgroup", "processes", rule, origin_of(p, s),
				 "a larger --pids (in a document: limits.pids)",
				 peak >= strtoull(limit, NULL, 10), false);
}

static int of_timeout(const struct nuc_plan *p, const struct nuc_denial_end *end, nucleus_denial *d)
{
	_cleanup_free_ char *rule = nuc_strf("limits.timeout = %u ms was over, and all processes were ended",
					     p->timeout_ms);
	int e;

	if (end->outcome != NUCLEUS_OUTCOME_TIMEOUT)
		return -ENOENT;
	e = rule ? nuc_denial_put(d, TARGET, "limits.timeout") : -ENOMEM;
	return e < 0 ? e
		     : nuc_denial_put_words(d, "time limit", "time", rule, NULL,
				 "a larger --timeout (in a document: limits.timeout)", true, false);
}

/* Init reaps what is its own child: of others' ends their parents tell, as shells do. */
static int of_status(const struct nuc_denial_end *end, nucleus_denial *d)
{
	if (end->told_killed || end->outcome != NUCLEUS_OUTCOME_EXITED || end->code != 128 + SIGSYS)
		return -ENOENT;
	return nuc_denial_put_words(d, "seccomp", "syscall",
			 KILLED_RULE " (so the program's exit status says)", NULL, NULL, false,
			 false);
}

static int of_lost(const struct nuc_denial_end *end, nucleus_denial *d)
{
	int e = end->dropped ? of_dropped(d) : -ENOENT;

	return e < 0 ? e : nuc_denial_put_number(d, COUNT, end->dropped);
}

int nuc_denial_of_end(const struct nuc_plan *plan, const struct nuc_denial_end *end, unsigned int i,
		      nucleus_denial **ret)
{
	_cleanup_(nuc_denial_freep) nucleus_denial *d = calloc(1, sizeof(*d));
	struct timespec now;
	int e = -ENOENT;

	if (!d)
		return -ENOMEM;
	switch (i) {
	case 0:
		e = of_lost(end, d);
		break;
	case 1:
		e = of_status(end, d);
		break;
	case 2:
		e = of_processes(plan, end, d);
		break;
	case 3:
		e = of_memory(plan, end, d);
		break;
	case 4:
		e = of_timeout(plan, end, d);
		break;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	if (e == 0)
		e = nuc_denial_put_time(d, (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	if (e == 0 && !d->attr[COUNT])
		e = nuc_denial_put_number(d, COUNT, 1);
	if (e < 0)
		return e;
	*ret = NUC_TAKE_PTR(d);
	return 0;
}

/* ---- what callers see ---------------------------------------------------------------------------------- */

const char *nucleus_denial_attr(const nucleus_denial *d, const char *attr)
{
	for (size_t i = 0; d && attr && i < ATTRS; i++)
		if (!strcmp(attrs[i].name, attr))
			return d->attr[i];
	return NULL;
}

int nucleus_denial_json(const nucleus_denial *d, char **ret)
{
	char *s = NULL;
	json_t *o;
	bool good;

	if (!d)
		return -EINVAL;
	o = json_object();
	good = o != NULL;
	for (size_t i = 0; good && i < ATTRS; i++) {
		const char *v = d->attr[i];
		json_t *value = !v		  ? json_null()
				: attrs[i].number ? json_integer(strtoll(v, NULL, 10))
						  : json_string(v);

		good = json_object_set_new(o, attrs[i].name, value) == 0;
	}
	if (good)
		s = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(o);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}
