/* SPDX-License-Identifier: MIT */
/*
 * From traces to a seccomp profile (OCI runtime-spec, JSON), one line a call: what was seen, in the forms
 * in which it was seen, and what is listed here as coming with it.
 */
#include <jansson.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <sched.h>
#include <sys/mman.h>

#include "dangerous.h"
#include "seccomp_internal.h"
#include "learn_profile.h"

/* All flags but those of new namespaces, and the signal. */
#define CLONE_HARMLESS                                                                             \
	(0xffffff00u & ~(uint32_t)(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |   \
				   CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET))

/* ---- what a profile has though it was not seen, with the reason for it --------------------------- */

#define FOLLOWS "the next call, which could not be seen: the one before was answered"

static const struct {
	const char *seen; /* NULL: always */
	const char *name;
	const char *reason;
} companions[] = {
	{ NULL, "execve", "the launcher's last call" },
	{ NULL, "exit_group", "every program's end" },
	{ NULL, "rt_sigreturn", "the return from any signal handler" },
	{ NULL, "restart_syscall", "goes on with a sleep or poll that a stop or a freeze interrupted" },
	{ "clone3", "clone", "clone3 hides its flags in memory, and is answered ENOSYS: then this is called" },
	{ "clone", "exit", "the end of a thread" },
	{ "clone", "futex", "threads wait for one another only where they meet" },
	{ "clone", "madvise", "of a thread's stack, which is kept for another thread or not" },
	{ "clone", "munmap", "of a thread's stack, which is kept for another thread or not" },
	{ "clone", "mmap", "memory for a thread, where others hold malloc()'s" },
	{ "clone", "mprotect", "memory for a thread, where others hold malloc()'s" },
	{ "mmap", "munmap", "malloc() gives memory back when enough of it is free" },
	{ "mmap", "brk", "malloc() takes either" },
	{ "brk", "mmap", "malloc() takes either" },
	{ "rt_sigaction", "rt_sigprocmask", "around signals that may come or not" },
	/* What is answered when it is traced has nothing after it there. */
	{ "inotify_init", "inotify_add_watch", FOLLOWS },
	{ "inotify_init", "inotify_rm_watch", FOLLOWS },
	{ "inotify_init1", "inotify_add_watch", FOLLOWS },
	{ "inotify_init1", "inotify_rm_watch", FOLLOWS },
	{ "landlock_create_ruleset", "landlock_add_rule", FOLLOWS },
	{ "landlock_create_ruleset", "landlock_restrict_self", FOLLOWS },
	{ "memfd_create", "ftruncate", FOLLOWS },
	{ "timer_create", "timer_settime", FOLLOWS },
	{ "timer_create", "timer_delete", FOLLOWS },
	{ "timerfd_create", "timerfd_settime", FOLLOWS },
};

/*
 * Forms that come with others: `value` of the call's first listed argument. Which of them a run needs is
 * a matter of time.
 */
static const struct {
	const char *name;
	uint32_t value;
} companion_forms[] = {
	{ "futex", FUTEX_WAIT },	{ "futex", FUTEX_WAKE },	{ "futex", FUTEX_REQUEUE },
	{ "futex", FUTEX_CMP_REQUEUE },	{ "futex", FUTEX_WAKE_OP },	{ "futex", FUTEX_WAIT_BITSET },
	{ "futex", FUTEX_WAKE_BITSET },
	{ "madvise", MADV_DONTNEED },
	{ "clone", CLONE_HARMLESS },
	{ "mmap", PROT_NONE },		{ "mmap", PROT_READ | PROT_WRITE },
	{ "mprotect", PROT_READ | PROT_WRITE },
};

/* ---- a call, summed up --------------------------------------------------------------------------- */

/* Whether a call stays out unless it is named. */
static bool is_dangerous(const char *name)
{
	const struct nuc_danger *d = nuc_danger_of(name);

	return d && d->always;
}

/* Whether it is answered when it is traced, and yet a profile can allow it: what clone3 does no filter sees. */
static bool is_answered(const char *name)
{
	const struct nuc_rule *rule;

	for (unsigned int flags = 0; flags <= (NUC_NETWORK | NUC_NETLINK); flags++)
		for (size_t i = 0; (rule = nuc_seccomp_answer_rule(flags, i)); i++)
			if (!strcmp(rule->row.name, name))
				return strcmp(name, "clone3") != 0;
	return false;
}

bool nuc_learn_by_name(const char *name)
{
	return is_dangerous(name) || is_answered(name);
}

static bool is_allowed_danger(const struct nuc_learn_profile *p, const char *name)
{
	for (size_t i = 0; p->options && p->options[i]; i++)
		if (!strncmp(p->options[i], "allow-dangerous=", 16) &&
		    !strcmp(p->options[i] + 16, name))
			return true;
	return false;
}

static void add_program(struct nuc_learn_use *u, const char *comm)
{
	for (size_t i = 0; i < u->n_programs && i < NUC_LEARN_PROGRAMS; i++)
		if (!strcmp(u->programs[i], comm))
			return;
	if (u->n_programs < NUC_LEARN_PROGRAMS)
		u->programs[u->n_programs] = comm;
	u->n_programs++;
}

/* Whether two forms differ in flags only, or not at all: then they are one. */
static bool is_alike(const struct nuc_matter *m, const uint32_t *a, const uint32_t *b)
{
	for (unsigned int i = 0; i < m->count; i++)
		if (m->arg[i].kind == NUC_MATTER_VALUE && a[i] != b[i])
			return false;
	return true;
}

static int add_form(struct nuc_learn_use *u, const struct nuc_matter *m, const uint32_t *values)
{
	struct nuc_learn_form *grown;

	for (size_t i = 0; i < u->n_forms; i++) {
		if (!is_alike(m, u->forms[i].values, values))
			continue;
		for (unsigned int k = 0; k < m->count; k++)
			u->forms[i].values[k] |= values[k];
		return 0;
	}
	/* One more than is said says that there are too many. */
	if (u->n_forms > NUC_LEARN_FORMS)
		return 0;
	grown = reallocarray(u->forms, u->n_forms + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	u->forms = grown;
	memcpy(grown[u->n_forms++].values, values, sizeof(grown->values));
	return 0;
}

static int sum_up(struct nuc_learn_profile *p)
{
	for (size_t i = 0; i < p->trace->n_calls; i++) {
		const struct nuc_trace_call *c = &p->trace->calls[i];
		const struct nuc_matter *m = nuc_matter_of(c->nr);
		const char *name = nuc_syscall_name(c->nr);
		struct nuc_learn_use *u;
		int r;

		/* Newer than this library's list: such calls are answered ENOSYS. */
		if (!name || c->nr >= NUC_CALLS)
			continue;
		u = &p->use[c->nr];
		if (!c->refused && c->answer != NUC_TRACE_RUN && !is_allowed_danger(p, name)) {
			u->answered = true;
			continue;
		}
		add_program(u, c->comm);
		u->refused |= c->refused || is_dangerous(name);
		u->named |= !c->refused && c->answer != NUC_TRACE_RUN;
		if (u->refused && !is_allowed_danger(p, name))
			continue;
		u->run = true;
		r = m ? add_form(u, m, c->values) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_companions(struct nuc_learn_profile *p)
{
	static const uint32_t none[NUC_MATTER_ARGS];

	for (size_t i = 0; i < NUC_ARRAY_SIZE(companions); i++) {
		int nr = nuc_syscall_number(companions[i].name), r = 0;
		const struct nuc_matter *m = nuc_matter_of(nr);
		struct nuc_learn_use *u = &p->use[nr], *seen = NULL;
		bool listed = false;

		if (companions[i].seen) {
			seen = &p->use[nuc_syscall_number(companions[i].seen)];
			bool falls_back = !strcmp(companions[i].seen, "clone3");

			if (!nuc_learn_is_in(seen) && !(falls_back && seen->answered))
				continue;
			/* Falling back, it was seen in the forms that it has. */
			if (u->run && falls_back)
				continue;
		}
		if (!u->run && !u->reason)
			u->reason = companions[i].reason;
		for (size_t k = 0; r == 0 && k < NUC_ARRAY_SIZE(companion_forms); k++) {
			uint32_t values[NUC_MATTER_ARGS] = { companion_forms[k].value };

			if (strcmp(companion_forms[k].name, companions[i].name) != 0)
				continue;
			listed = true;
			r = add_form(u, m, values);
		}
		if (r == 0 && m && !listed && !u->n_forms)
			r = add_form(u, m, none);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- JSON ---------------------------------------------------------------------------------------- */

static int add_condition(json_t *args, unsigned int index, uint32_t mask, uint32_t value)
{
	json_t *arg = json_pack("{s:i, s:I, s:I, s:s}", "index", (int)index, "value", (json_int_t)mask,
				"valueTwo", (json_int_t)value, "op", "SCMP_CMP_MASKED_EQ");

	return json_array_append_new(args, arg) < 0 ? -ENOMEM : 0;
}

static int put_rule(struct nuc_buf *b, const char *name, json_t *args, const char *comment)
{
	_cleanup_free_ char *text = NULL;
	json_t *rule = json_pack("{s:[s], s:s}", "names", name, "action", "SCMP_ACT_ALLOW");

	if (!rule)
		return -ENOMEM;
	if ((json_array_size(args) && json_object_set(rule, "args", args) < 0) ||
	    json_object_set_new(rule, "comment", json_string(comment)) < 0) {
		json_decref(rule);
		return -ENOMEM;
	}
	text = json_dumps(rule, 0);
	json_decref(rule);
	if (!text)
		return -ENOMEM;
	nuc_buf_printf(b, "%s\t\t%s", b->len ? ",\n" : "", text);
	return 0;
}

/*
 * The rules of one form. Where an argument counts only if another has one of certain bits (the mode of an
 * open that creates), there are two: without these bits, and with the argument looked at.
 */
static int put_form(struct nuc_buf *b, const char *name, const struct nuc_matter *m,
		    const struct nuc_learn_form *f, const char *comment)
{
	const struct nuc_matter_arg *when = NULL;
	bool creates = true;

	for (unsigned int i = 0; i < m->count; i++)
		if (m->arg[i].when_mask)
			when = &m->arg[i];
	for (int looked_at = 0; looked_at <= (when ? 1 : 0); looked_at++) {
		json_t *args = json_array();
		int r = args ? 0 : -ENOMEM;

		for (unsigned int i = 0; r == 0 && i < m->count; i++) {
			const struct nuc_matter_arg *a = &m->arg[i];
			uint32_t mask = a->mask, value = f->values[i];

			if (a->kind != NUC_MATTER_VALUE) {
				mask = a->kind == NUC_MATTER_BITS ? a->mask & ~value :
				       value			  ? 0 :
								    a->mask;
				value = 0;
			}
			if (when && a->arg == when->when_arg) {
				creates = f->values[i] & when->when_mask;
				if (!looked_at)
					mask |= when->when_mask;
			}
			if ((mask || a->kind == NUC_MATTER_VALUE) && (a != when || looked_at))
				r = add_condition(args, a->arg, mask, value);
		}
		if (r == 0 && (!looked_at || creates))
			r = put_rule(b, name, args, comment);
		json_decref(args);
		if (r < 0)
			return r;
	}
	return 0;
}

int nuc_learn_comment(const struct nuc_learn_profile *p, int nr, char **ret)
{
	const struct nuc_learn_use *u = &p->use[nr];
	_cleanup_buf_ struct nuc_buf b = { 0 };

	if (!u->run)
		nuc_buf_printf(&b, "not seen: %s", u->reason);
	for (size_t i = 0; u->run && i < u->n_programs && i < NUC_LEARN_PROGRAMS; i++)
		nuc_buf_printf(&b, "%s%s", i ? ", " : "", u->programs[i]);
	if (u->run && u->n_programs > NUC_LEARN_PROGRAMS)
		nuc_buf_puts(&b, " and others");
	if (u->run && p->trace->counts[nr])
		nuc_buf_printf(&b, ": %llu calls", (unsigned long long)p->trace->counts[nr]);
	if (u->refused)
		nuc_buf_puts(&b, "; DANGEROUS, allowed by name");
	else if (u->named)
		nuc_buf_puts(&b, "; answered by the built-in list, allowed by name");
	if (u->n_forms > NUC_LEARN_FORMS)
		nuc_buf_printf(&b, "; in more than %d forms: not filtered", NUC_LEARN_FORMS);
	return nuc_buf_take(&b, ret);
}

static int put_call(struct nuc_buf *b, const struct nuc_learn_profile *p, int nr)
{
	const struct nuc_learn_use *u = &p->use[nr];
	const struct nuc_matter *m = nuc_matter_of(nr);
	_cleanup_free_ char *comment = NULL;
	int r = nuc_learn_comment(p, nr, &comment);

	if (r < 0)
		return r;
	if (!m || u->n_forms > NUC_LEARN_FORMS)
		return put_rule(b, nuc_syscall_name(nr), NULL, comment);
	for (size_t i = 0; r == 0 && i < u->n_forms; i++)
		r = put_form(b, nuc_syscall_name(nr), m, &u->forms[i], comment);
	return r;
}

/* ---- other answers than EPERM -------------------------------------------------------------------- */

/* Whether a call with this argument of an allowed form cannot satisfy the comparison. */
static bool rules_out(const struct nuc_matter_arg *a, uint32_t value, const struct nuc_cmp *c)
{
	if (a->arg != c->arg)
		return false;
	switch (a->kind) {
	case NUC_MATTER_VALUE:
		return (value & c->mask) != (c->value & a->mask & c->mask);
	case NUC_MATTER_BITS:
		return !a->when_mask && c->value & a->mask & ~value;
	case NUC_MATTER_ZERO:
		break;
	}
	return false;
}

/* Whether a form that is allowed might satisfy the clause. */
static bool may_meet(const struct nuc_learn_use *u, const struct nuc_matter *m,
		     const struct nuc_clause *c)
{
	if (!m || u->n_forms > NUC_LEARN_FORMS)
		return true;
	for (size_t i = 0; i < u->n_forms; i++) {
		bool differs = false;

		for (unsigned int k = 0; k < m->count; k++)
			for (unsigned int n = 0; n < c->count; n++)
				differs |= rules_out(&m->arg[k], u->forms[i].values[k], &c->cmp[n]);
		if (!differs)
			return true;
	}
	return false;
}

/* Takes the names and the conditions. */
static int put_answer(struct nuc_buf *b, json_t *names, json_t *args, int error,
		      const char *comment)
{
	json_t *entry = names && args ? json_pack("{s:o, s:s, s:i}", "names", names, "action",
						  "SCMP_ACT_ERRNO", "errnoRet", error) :
					NULL;
	_cleanup_free_ char *text = NULL;
	int r = entry ? 0 : -ENOMEM;

	if (entry && json_array_size(args))
		r = json_object_set(entry, "args", args);
	if (r == 0)
		r = json_object_set_new(entry, "comment", json_string(comment));
	text = r == 0 ? json_dumps(entry, 0) : NULL;
	json_decref(args);
	json_decref(entry);
	if (!text)
		return -ENOMEM;
	nuc_buf_printf(b, ",\n\t\t%s", text);
	return 0;
}

static int put_clause_answer(struct nuc_buf *b, const struct nuc_rule *rule,
			     const struct nuc_clause *c)
{
	json_t *args = json_array();
	int r = args ? 0 : -ENOMEM;

	for (unsigned int i = 0; r == 0 && i < c->count; i++)
		r = add_condition(args, c->cmp[i].arg, c->cmp[i].mask, c->cmp[i].value);
	if (r < 0) {
		json_decref(args);
		return r;
	}
	return put_answer(b, json_pack("[s]", rule->row.name), args, rule->error, rule->row.reason);
}

/*
 * What is answered where there is no network, and beside it what is only where there is one: a profile knows by
 * what was seen which it is for. NULL past the last.
 */
static const struct nuc_rule *answer_rule(size_t i)
{
	const struct nuc_rule *rule, *other;
	size_t n = 0;

	for (; (rule = nuc_seccomp_answer_rule(0, n)); n++)
		if (i-- == 0)
			return rule;
	for (n = 0; (rule = nuc_seccomp_answer_rule(NUC_NETWORK, n)); n++) {
		for (size_t k = 0; (other = nuc_seccomp_answer_rule(0, k)); k++)
			if (!strcmp(other->row.name, rule->row.name))
				break;
		if (!other && i-- == 0)
			return rule;
	}
	return NULL;
}

/* All calls that are answered so whatever their arguments, in one rule. */
static int put_plain_answers(struct nuc_buf *b, const struct nuc_learn_profile *p, int error)
{
	const struct nuc_rule *rule;
	json_t *names = json_array();
	int r = names ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && (rule = answer_rule(i)); i++) {
		const struct nuc_learn_use *u = &p->use[nuc_syscall_number(rule->row.name)];

		if (!rule->clauses[0] && rule->error == error &&
		    (!nuc_learn_is_in(u) || !strcmp(rule->row.name, "clone3")))
			r = json_array_append_new(names, json_string(rule->row.name));
	}
	if (r < 0 || !json_array_size(names)) {
		json_decref(names);
		return r < 0 ? -ENOMEM : 0;
	}
	return put_answer(b, names, json_array(), error,
			  "not run; answered as the built-in list does, from which programs go on");
}

/* As the built-in list answers, so that programs fall back as they did when they were traced. */
static int put_answers(struct nuc_buf *b, const struct nuc_learn_profile *p)
{
	const struct nuc_rule *rule;
	int r = 0;

	for (int error = 0; r == 0 && error <= EHWPOISON; error++)
		r = put_plain_answers(b, p, error);
	for (size_t i = 0; r == 0 && (rule = answer_rule(i)); i++) {
		int nr = nuc_syscall_number(rule->row.name);
		const struct nuc_matter *m = nuc_matter_of(nr);
		const struct nuc_learn_use *u = &p->use[nr];

		for (size_t k = 0; k < NUC_RULE_CLAUSES && rule->clauses[k]; k++)
			for (size_t n = 0; r == 0 && n < rule->clauses[k]->count; n++)
				if (!nuc_learn_is_in(u) ||
				    !may_meet(u, m, &rule->clauses[k]->clause[n]))
					r = put_clause_answer(b, rule,
							      &rule->clauses[k]->clause[n]);
	}
	return r;
}

/* ---- the whole ------------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(nuc_syscall_name(*(const int *)a), nuc_syscall_name(*(const int *)b));
}

size_t nuc_learn_sorted(int ret[NUC_CALLS])
{
	size_t n = 0;

	for (int nr = 0; nr < NUC_CALLS; nr++)
		if (nuc_syscall_name(nr))
			ret[n++] = nr;
	qsort(ret, n, sizeof(*ret), compare_names);
	return n;
}

static int write_profile(struct nuc_learn_profile *p, char **ret)
{
	_cleanup_buf_ struct nuc_buf rules = { 0 }, all = { 0 };
	int calls[NUC_CALLS] = { 0 }, r = 0;
	size_t n = nuc_learn_sorted(calls), allowed = 0, seen = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct nuc_learn_use *u = &p->use[calls[i]];

		/* Never run as it is: a filter cannot look at its flags. */
		if (!nuc_learn_is_in(u) || !strcmp(nuc_syscall_name(calls[i]), "clone3"))
			continue;
		allowed++;
		seen += u->run;
		r = put_call(&rules, p, calls[i]);
	}
	if (r == 0)
		r = put_answers(&rules, p);
	if (r < 0 || rules.failed)
		return -ENOMEM;
	nuc_buf_printf(&p->notes, "%zu system calls are allowed: %zu that were seen, %zu that come with them\n",
		       allowed, seen, allowed - seen);
	nuc_buf_printf(&all,
		       "{\n\t\"defaultAction\": \"SCMP_ACT_ERRNO\",\n\t\"defaultErrnoRet\": %d,\n"
		       "\t\"architectures\": [\"SCMP_ARCH_X86_64\"],\n\t\"syscalls\": [\n%s\n\t]\n}\n",
		       EPERM, rules.s);
	return nuc_buf_take(&all, ret);
}

static void note_refused(struct nuc_learn_profile *p)
{
	for (size_t i = 0; p->options && p->options[i]; i++) {
		const bool names = !strncmp(p->options[i], "allow-dangerous=", 16);
		int nr = names ? nuc_syscall_number(p->options[i] + 16) : -1;

		/* Some are other architectures' only. */
		if (names && (nr < 0 || !p->use[nr].run))
			nuc_buf_printf(&p->notes, "%s was not called, and is not allowed\n", p->options[i] + 16);
	}
	for (int nr = 0; nr < NUC_CALLS; nr++) {
		const struct nuc_learn_use *u = &p->use[nr];

		if (u->refused && !u->run)
			nuc_buf_printf(&p->notes,
				       "%s was called by %s and is left out: --allow-dangerous %s if it must be\n",
				       nuc_syscall_name(nr), u->programs[0], nuc_syscall_name(nr));
	}
}

static int check_options(const char *const *options, bool *ret_base, nucleus_error **ret_err)
{
	struct nuc_where where = { "learn", "options", NULL, NULL };

	*ret_base = false;
	for (size_t i = 0; options && options[i]; i++) {
		const char *o = options[i];

		where.origin = o;
		if (!strcmp(o, "base=default")) {
			*ret_base = true;
		} else if (!strncmp(o, "base=", 5)) {
			if (strcmp(o, "base=none") == 0)
				continue;
			where.hint = "default, or none";
			return nuc_fail(ret_err, -EINVAL, &where, "there is no base %s", o + 5);
		} else if (!strncmp(o, "allow-dangerous=", 16)) {
			where.hint = "the calls that must be named, and those alone, are listed in nucleus-trace(5)";
			if (!nuc_learn_by_name(o + 16))
				return nuc_fail(ret_err, -EINVAL, &where,
						"%s is no call that is always refused, nor one that is answered", o + 16);
		} else {
			where.hint = "base=default, allow-dangerous=NAME";
			return nuc_fail(ret_err, -EINVAL, &where, "there is no option %s", o);
		}
	}
	return 0;
}

static void profile_done(struct nuc_learn_profile *p)
{
	for (int nr = 0; nr < NUC_CALLS; nr++)
		free(p->use[nr].forms);
	nuc_buf_free(&p->notes);
}

int nuc_learn_seccomp(const struct nuc_trace *t, const char *const *options, char **ret,
		      char **ret_notes, nucleus_error **ret_err)
{
	const struct nuc_where where = { "learn", "memory", NULL, NULL };
	_cleanup_(profile_done) struct nuc_learn_profile p = { .trace = t, .options = options };
	_cleanup_free_ char *text = NULL;
	bool base;
	int r = check_options(options, &base, ret_err);

	if (r < 0)
		return r;
	nuc_trace_note(t, &p.notes);
	r = sum_up(&p);
	if (r == 0)
		r = add_companions(&p);
	if (r == 0)
		r = base ? nuc_learn_difference(&p, &text) : write_profile(&p, &text);
	note_refused(&p);
	if (r == 0)
		r = nuc_buf_take(&p.notes, ret_notes);
	if (r < 0)
		return nuc_fail(ret_err, r, &where, "out of memory");
	*ret = NUC_TAKE_PTR(text);
	return 0;
}

NUCLEUS_API int nucleus_seccomp_generate(const char *const *traces, const char *const *options,
					 char **ret, char **ret_notes, nucleus_error **ret_err)
{
	_cleanup_trace_ struct nuc_trace t = { 0 };
	int r = nuc_trace_load_all(traces, &t, ret_err);

	return r < 0 ? r : nuc_learn_seccomp(&t, options, ret, ret_notes, ret_err);
}
