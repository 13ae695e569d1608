/* SPDX-License-Identifier: MIT */
/* compile and verify, on a host that is made up: golden plans, their mutations, and refusals. */
#include <fcntl.h>
#include <sys/resource.h>

#include "compile.h"
#include "fake_world.h"
#include "landlock_abi.h"
#include "../run_suite.h"

#ifndef GOLDEN_DIR
#error "GOLDEN_DIR is the directory of the golden plans"
#endif

static const char *const goldens[] = { "minimal", "strict", "workspace", "volumes", "rootfs", "copies",
				       "old-kernel", "limits", "caps", "landlock" };
/* Beside NAME.toml, the policy files that it names: NAME.caps, ... */
static const char *const file_endings[NUC_FILE__COUNT] = { [NUC_FILE_CAPS] = "caps",
							   [NUC_FILE_LANDLOCK] = "landlock" };

static struct nuc_plan *golden_plan(const char *name, bool privileged)
{
	_cleanup_free_ char *path = nuc_strf(GOLDEN_DIR "/%s.toml", name);
	_cleanup_free_ char *short_name = nuc_strf("%s.toml", name);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct nuc_world w = fake_world(privileged);
	char *files[NUC_FILE__COUNT] = { NULL };
	nucleus_policy *policy = NULL;
	nucleus_error *err = NULL;
	struct nuc_plan *plan = NULL;

	for (int kind = 0; kind < NUC_FILE__COUNT; kind++) {
		_cleanup_free_ char *beside = nuc_strf(GOLDEN_DIR "/%s.%s", name,
						       file_endings[kind] ? file_endings[kind] : "none");
		size_t len;

		if (nuc_read_file(beside, 1 << 20, &files[kind], &len) < 0)
			files[kind] = NULL;
		fake_policy_files[kind] = files[kind];
	}
	if (!strcmp(name, "old-kernel")) {
		w.facts.kernel_minor = 1;
		w.facts.landlock_abi = 2;
	}
	ck_assert_int_eq(nucleus_policy_new(&policy), 0);
	ck_assert_msg(nucleus_policy_load_fd(policy, fd, short_name, &err) == 0, "%s: %s", name,
		      err ? nucleus_error_message(err) : "");
	ck_assert_msg(nuc_compile(policy, &w, &plan, &err) == 0, "%s: %s", name,
		      err ? nucleus_error_message(err) : "");
	nucleus_policy_free(policy);
	for (int kind = 0; kind < NUC_FILE__COUNT; kind++) {
		free(files[kind]);
		fake_policy_files[kind] = NULL;
	}
	return plan;
}

/* A reviewer sees in the diff of these files what a change does to enforcement. */
START_TEST(golden_plans_are_as_reviewed)
{
	const char *name = goldens[_i / 2];
	bool privileged = _i % 2;
	_cleanup_free_ char *path = nuc_strf(GOLDEN_DIR "/%s.%s.txt", name, privileged ? "root" : "user");
	_cleanup_free_ struct nuc_plan *plan = golden_plan(name, privileged);
	_cleanup_free_ char *text = NULL, *want = NULL;
	size_t len;

	ck_assert_int_eq(nuc_explain_text(plan, &text), 0);
	if (getenv("NUCLEUS_WRITE_GOLDEN")) {
		FILE *f = fopen(path, "we");

		ck_assert_ptr_nonnull(f);
		ck_assert_int_ge(fputs(text, f), 0);
		ck_assert_int_eq(fclose(f), 0);
	}
	ck_assert_int_eq(nuc_read_file(path, 1 << 20, &want, &len), 0);
	ck_assert_msg(!strcmp(text, want), "%s differs; write it anew with NUCLEUS_WRITE_GOLDEN=1, and "
					   "review the difference", path);
}
END_TEST

/* The same plan with other steps in one program; counts follow if asked to. */
static struct nuc_plan *with_steps(const struct nuc_plan *p, int program, const struct nuc_step *steps,
				   uint32_t n, bool recount)
{
	uint32_t total = p->first[NUC_PROG_INIT] + p->n[NUC_PROG_INIT] - p->n[program] + n;
	uint32_t data = (uint32_t)(p->steps + (total * sizeof(*steps) + 7) / 8 * 8);
	struct nuc_plan *q = calloc(1, data + p->data_size);
	struct nuc_step *to;

	ck_assert_ptr_nonnull(q);
	*q = *p;
	q->size = data + p->data_size;
	q->data = data;
	q->n[program] = n;
	memset(q->count, 0, sizeof(q->count));
	to = (struct nuc_step *)((char *)q + q->steps);
	for (int i = 0, first = 0; i < NUC_PROG__COUNT; i++) {
		q->first[i] = (uint32_t)first;
		memcpy(to + first, i == program ? steps : nuc_plan_step(p, p->first[i]),
		       q->n[i] * sizeof(*steps));
		first += (int)q->n[i];
	}
	for (uint32_t i = 0; i < total; i++)
		q->count[to[i].op]++;
	if (!recount)
		memcpy(q->count, p->count, sizeof(q->count));
	memcpy((char *)q + data, (const char *)p + p->data, p->data_size);
	return q;
}

static void must_be_refused(const struct nuc_plan *p, int program, const struct nuc_step *steps,
			    uint32_t n, bool recount, const char *what, uint32_t at)
{
	_cleanup_free_ struct nuc_plan *q = with_steps(p, program, steps, n, recount);
	_cleanup_free_ char *words = NULL;

	if (nuc_verify(q, q->size, NULL) == 0) {
		nuc_explain_step(p, p->first[program] + at, &words);
		ck_abort_msg("verify accepts a plan with a step %s: %s", what, words ? words : "?");
	}
}

static bool is_free(const struct nuc_step *s)
{
	switch (s->op) {
	case NUC_OP_IDMAP:
	case NUC_OP_COPY:
	case NUC_OP_MKDIR:
	case NUC_OP_SYMLINK:
	case NUC_OP_FILE:
	case NUC_OP_BIND:
	case NUC_OP_MOUNT:
	case NUC_OP_SEND_DIR:
	case NUC_OP_WAIT_PARENT:
		return true;
	default:
		return false;
	}
}

/* Sets of which one can be missing and the rest is still sound: only the counts tell. */
static bool is_set(const struct nuc_step *s)
{
	return s->op == NUC_OP_MASK || s->op == NUC_OP_READONLY || s->op == NUC_OP_LANDLOCK_PATH ||
	       s->op == NUC_OP_LANDLOCK_PORT ||
	       s->op == NUC_OP_LANDLOCK_POLICY_PATH || s->op == NUC_OP_LANDLOCK_POLICY_PORT ||
	       (s->op == NUC_OP_RLIMIT && s->arg[0] == RLIMIT_DATA) ||
	       s->op == NUC_OP_CGROUP_SET;
}

START_TEST(every_mutation_of_a_security_step_is_refused)
{
	_cleanup_free_ struct nuc_plan *p = golden_plan(goldens[_i / 2], _i % 2);
	unsigned int mutations = 0;

	ck_assert_int_eq(nuc_verify(p, p->size, NULL), 0);
	for (int program = 0; program < NUC_PROG__COUNT; program++) {
		uint32_t n = p->n[program];
		const struct nuc_step *was = nuc_plan_step(p, p->first[program]);
		struct nuc_step *s = calloc(n + 1, sizeof(*s));

		ck_assert_ptr_nonnull(s);
		for (uint32_t i = 0; i < n; i++) {
			if (is_free(&was[i]))
				continue;
			/* removed */
			memcpy(s, was, i * sizeof(*s));
			memcpy(s + i, was + i + 1, (n - i - 1) * sizeof(*s));
			must_be_refused(p, program, s, n - 1, false, "removed", i);
			if (!is_set(&was[i]))
				must_be_refused(p, program, s, n - 1, true, "removed and recounted", i);
			/* duplicated */
			memcpy(s, was, (i + 1) * sizeof(*s));
			memcpy(s + i + 1, was + i, (n - i) * sizeof(*s));
			must_be_refused(p, program, s, n + 1, false, "duplicated", i);
			must_be_refused(p, program, s, n + 1, true, "duplicated and recounted", i);
			mutations += 3;
		}
		for (uint32_t i = 0; i + 1 < n; i++) {
			if (is_free(&was[i]) && is_free(&was[i + 1]))
				continue;
			/* swapped */
			memcpy(s, was, n * sizeof(*s));
			s[i] = was[i + 1];
			s[i + 1] = was[i];
			must_be_refused(p, program, s, n, true, "swapped with the next", i);
			mutations++;
		}
		free(s);
	}
	ck_assert_uint_gt(mutations, 150);
}
END_TEST

START_TEST(a_caller_that_oom_spares_spares_no_workload)
{
	for (int score = -1000; score <= 500; score += 500) {
		struct nuc_world w = fake_world(_i);
		_cleanup_free_ struct nuc_plan *plan = NULL;
		nucleus_policy *policy;

		w.facts.oom_score_adj = score;
		ck_assert_int_eq(nucleus_policy_new(&policy), 0);
		ck_assert_int_eq(nuc_compile(policy, &w, &plan, NULL), 0);
		ck_assert_uint_eq(plan->count[NUC_OP_OOM_SCORE], score < 0);
		nucleus_policy_free(policy);
	}
}
END_TEST

START_TEST(steps_without_their_slot_are_refused)
{
	_cleanup_free_ struct nuc_plan *p = golden_plan("volumes", true);
	struct nuc_step *s = (struct nuc_step *)((char *)p + p->steps);
	unsigned int refused = 0;

	for (uint32_t i = 0; i < p->first[NUC_PROG_INIT] + p->n[NUC_PROG_INIT]; i++) {
		struct nuc_step was = s[i];

		/* Without it a bind is not idmapped, and sound by itself. */
		if (was.op == NUC_OP_BIND || (was.in == NUC_NO_SLOT && was.out == NUC_NO_SLOT))
			continue;
		s[i].in = s[i].out = NUC_NO_SLOT;
		ck_assert_int_eq(nuc_verify(p, p->size, NULL), -EBADMSG);
		s[i] = was;
		refused++;
	}
	ck_assert_int_eq(nuc_verify(p, p->size, NULL), 0);
	ck_assert_uint_gt(refused, 10);
}
END_TEST

/* Plans cross a process boundary: whatever the bytes are, verify reads nothing outside of them. */
START_TEST(verify_survives_flipped_bytes)
{
	_cleanup_free_ struct nuc_plan *p = golden_plan("volumes", true);
	size_t size = p->size;
	unsigned int refused = 0;

	for (size_t i = 0; i < size; i++) {
		for (int bit = 0; bit < 8; bit += 7) {
			/* A copy of its own, so that a sanitizer sees the smallest step over the end. */
			char *q = malloc(size);

			ck_assert_ptr_nonnull(q);
			memcpy(q, p, size);
			q[i] = (char)(q[i] ^ (1 << bit));
			refused += nuc_verify(q, size, NULL) < 0;
			free(q);
		}
	}
	ck_assert_uint_gt(refused, 1000);
	for (size_t cut = 0; cut < size; cut += 61)
		ck_assert_int_eq(nuc_verify(p, cut, NULL), -EBADMSG);
}
END_TEST

/* What is kept of capabilities stands in the header: no bit of it can be had without its policy. */
START_TEST(capabilities_that_no_policy_keeps_are_refused)
{
	_cleanup_free_ struct nuc_plan *p = golden_plan(_i / 2 ? "caps" : "strict", _i % 2);

	for (int set = 0; set < NUC_CAPSET__COUNT; set++) {
		for (unsigned int cap = 0; cap < 64; cap++) {
			if (_i / 2)
				continue;
			p->caps[set] ^= 1ull << cap;
			ck_assert_int_eq(nuc_verify(p, p->size, NULL), -EBADMSG);
			p->caps[set] ^= 1ull << cap;
		}
	}
	if (_i / 2 == 0)
		return;
	/* Those that would undo the sandbox: CAP_NET_ADMIN, SYS_PTRACE, SYS_ADMIN, SYS_BOOT, SETFCAP. */
	for (size_t i = 0; i < 5; i++) {
		p->caps[NUC_CAPSET_BOUNDING] |= 1ull << (int[]){ 12, 19, 21, 22, 31 }[i];
		ck_assert_int_eq(nuc_verify(p, p->size, NULL), -EBADMSG);
		p->caps[NUC_CAPSET_BOUNDING] &= ~(1ull << (int[]){ 12, 19, 21, 22, 31 }[i]);
	}
	ck_assert_int_eq(nuc_verify(p, p->size, NULL), 0);
	/* Ambient beyond what is permitted or inheritable, and without its policy. */
	p->caps[NUC_CAPSET_AMBIENT] |= 1ull << 5;
	ck_assert_int_eq(nuc_verify(p, p->size, NULL), -EBADMSG);
	p->caps[NUC_CAPSET_AMBIENT] &= ~(1ull << 5);
	p->policy_files = 0;
	ck_assert_int_eq(nuc_verify(p, p->size, NULL), -EBADMSG);
}
END_TEST

/* The layer of the policy: each change that would make it restrict less. */
START_TEST(a_weaker_landlock_policy_is_refused)
{
	_cleanup_free_ struct nuc_plan *p = golden_plan("landlock", _i);
	struct nuc_step *steps = (struct nuc_step *)((char *)p + p->steps);
	char *data = (char *)p + p->data;

	ck_assert_int_eq(nuc_verify(p, p->size, NULL), 0);
	for (uint32_t i = 0; i < p->first[NUC_PROG_INIT] + p->n[NUC_PROG_INIT]; i++) {
		struct nuc_step *s = &steps[i], was = *s;

		if (s->op == NUC_OP_LANDLOCK_POLICY_RULESET) {
			struct nuc_landlock_attr *a = (void *)(data + s->arg[0]), before = *a;

			for (int bit = 0; bit < 16; bit++) {
				a->fs = before.fs & ~(1ull << bit);
				ck_assert_int_eq(nuc_verify(p, p->size, NULL), -EBADMSG);
			}
			*a = before;
			for (int bit = 0; bit < 2; bit++) {
				a->net = before.net & ~(1ull << bit);
				ck_assert_int_eq(nuc_verify(p, p->size, NULL), -EBADMSG);
			}
			*a = before;
		}
		/* No other step may be left out, and its own slot is no other layer's. */
		s->flags |= NUC_STEP_OPTIONAL;
		ck_assert_int_eq(nuc_verify(p, p->size, NULL),
				 s->op == NUC_OP_LANDLOCK_POLICY_PATH ? 0 : -EBADMSG);
		*s = was;
		if (s->op == NUC_OP_LANDLOCK_POLICY_PATH || s->op == NUC_OP_LANDLOCK_POLICY_PORT ||
		    s->op == NUC_OP_LANDLOCK_POLICY_RESTRICT) {
			s->in = NUC_SLOT_LANDLOCK;
			ck_assert_int_eq(nuc_verify(p, p->size, NULL), -EBADMSG);
			*s = was;
			s->accept = ENOENT;
			ck_assert_int_eq(nuc_verify(p, p->size, NULL), -EBADMSG);
			*s = was;
		}
	}
	p->policy_files = 0;
	ck_assert_int_eq(nuc_verify(p, p->size, NULL), -EBADMSG);
}
END_TEST

START_TEST(equal_enforcement_has_equal_hashes_whatever_the_origin)
{
	struct nuc_world w = fake_world(true);
	_cleanup_free_ char *json[3] = { NULL, NULL, NULL };

	for (int i = 0; i < 3; i++) {
		_cleanup_free_ struct nuc_plan *plan = NULL;
		nucleus_policy *policy;

		ck_assert_int_eq(nucleus_policy_new(&policy), 0);
		nucleus_policy_set_origin(policy, i == 1 ? "--workspace" : "a.toml:1:1");
		ck_assert_int_eq(nucleus_policy_set(policy, "workspace.path", "/home/me/project", NULL), 0);
		if (i == 2)
			ck_assert_int_eq(nucleus_policy_set(policy, "workspace.mode", "bind-ro", NULL), 0);
		ck_assert_int_eq(nuc_compile(policy, &w, &plan, NULL), 0);
		ck_assert_int_eq(nuc_explain_json(plan, &json[i]), 0);
		nucleus_policy_free(policy);
	}
	ck_assert_str_eq(json[0], json[1]);
	ck_assert_str_ne(json[0], json[2]);
	for (int i = 1; i < 3; i++)
		free(json[i]);
}
END_TEST

static const struct {
	const char *key, *value;	/* beside mode strict-agent */
	const char *key2, *value2;
	int code;
	const char *words; /* that stand in the message */
} refusals[] = {
	{ "workspace.path", "/home/me/none", NULL, NULL, -ENOENT, "/home/me/none does not exist" },
	{ "workspace.path", "/home/me/file", NULL, NULL, -ENOTDIR, "is not a directory" },
	{ "workspace.path", "/home/me/pipe", NULL, NULL, -ENOTDIR, "is not a directory" },
	{ "workspace.path", "/", NULL, NULL, -EINVAL, "root directory" },
	{ "context.path", "/proc/self/fd", NULL, NULL, -EINVAL, "/proc" },
	{ "workspace.mode", "bind-ro", NULL, NULL, -EINVAL, "no workspace" },
	{ "workspace.exec", "true", NULL, NULL, -EINVAL, "no workspace" },
	{ "context.mode", "copy", NULL, NULL, -EINVAL, "no context" },
	{ "network.mode", "host", "network.allow-host", "true", -EPERM, "refuses the host's network" },
	{ "network.allow-host", "true", NULL, NULL, -EINVAL, "not the host's" },
	{ "volumes", "/home/me/data:/proc/self", NULL, NULL, -EINVAL, "/proc" },
	{ "volumes", "/home/me/data:/dev/x", NULL, NULL, -EINVAL, "/dev" },
	{ "volumes", "/home/me/data:/usr", NULL, NULL, -EINVAL, "mounted on /usr already" },
	{ "volumes", "/home/me/data:/home", NULL, NULL, -EINVAL, "would hide /home/agent" },
	{ "volumes", "/home/me/data:/bin/x", NULL, NULL, -ELOOP, "symbolic link /bin" },
	{ "volumes", "/home/me/data:/etc/passwd/x", NULL, NULL, -ENOTDIR, "file /etc/passwd" },
	{ "volumes", "/home/me/pipe:/pipe", NULL, NULL, -EINVAL, "device or a pipe" },
	{ "volumes", "/net/nfs:/nfs", NULL, NULL, -ENOTSUP, "idmapped" },
	{ "tmpfs", "/tmp", NULL, NULL, -EINVAL, "mounted on /tmp already" },
	{ "security.seccomp", "off", NULL, NULL, -ENOTSUP, "seccomp" },
	{ "security.landlock", "off", NULL, NULL, -ENOTSUP, "Landlock" },
	{ "security.landlock", "off", "network.connect-ports", "443", -EINVAL, "rules of ports" },
	{ "mode", "production", NULL, NULL, -ENOTSUP, "own root file system" },
};

START_TEST(what_cannot_be_is_refused_by_name)
{
	struct nuc_world w = fake_world(true);
	nucleus_policy *policy;
	nucleus_error *err = NULL;
	struct nuc_plan *plan = NULL;
	int r;

	ck_assert_int_eq(nucleus_policy_new(&policy), 0);
	if (strcmp(refusals[_i].key, "mode") != 0)
		ck_assert_int_eq(nucleus_policy_set(policy, "mode", "strict-agent", NULL), 0);
	ck_assert_int_eq(nucleus_policy_set(policy, refusals[_i].key, refusals[_i].value, NULL), 0);
	if (refusals[_i].key2)
		ck_assert_int_eq(nucleus_policy_set(policy, refusals[_i].key2, refusals[_i].value2, NULL),
				 0);
	r = nuc_compile(policy, &w, &plan, &err);
	ck_assert_msg(r == refusals[_i].code, "%s = %s: %d %s", refusals[_i].key, refusals[_i].value, r,
		      err ? nucleus_error_message(err) : "");
	ck_assert_msg(strstr(nucleus_error_message(err), refusals[_i].words) != NULL, "message: %s",
		      nucleus_error_message(err));
	ck_assert_ptr_null(plan);
	nucleus_error_free(err);
	nucleus_policy_free(policy);
}
END_TEST

static const char *unseen;
static int unseen_why;

static int look_without(struct nuc_world *w, const char *path, bool follow, struct nuc_look *ret)
{
	return strcmp(path, unseen) ? fake_look(w, path, follow, ret) : unseen_why;
}

/*
 * What is masked or made read-only is left out only where this kernel does not have it: not because all descriptors
 * were in use when it was looked for, by another thread of the caller.
 */
START_TEST(want_of_descriptors_leaves_nothing_unmasked)
{
	static const char *const paths[] = { "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/irq", "/proc/sys" };
	static const int why[] = { -EMFILE, -ENFILE, -ENOMEM, -ENOENT };

	for (size_t i = 0; i < NUC_ARRAY_SIZE(paths); i++) {
		for (size_t k = 0; k < NUC_ARRAY_SIZE(why); k++) {
			struct nuc_world w = fake_world(_i);
			nucleus_policy *policy;
			nucleus_error *err = NULL;
			struct nuc_plan *plan = NULL;
			int r;

			unseen = paths[i];
			unseen_why = why[k];
			w.look = look_without;
			ck_assert_int_eq(nucleus_policy_new(&policy), 0);
			r = nuc_compile(policy, &w, &plan, &err);
			ck_assert_msg(r == (why[k] == -ENOENT ? 0 : why[k]), "%s, %d: %d", unseen, why[k], r);
			if (r < 0)
				ck_assert_ptr_nonnull(strstr(nucleus_error_message(err), unseen));
			nucleus_error_free(err);
			free(plan);
			nucleus_policy_free(policy);
		}
	}
}
END_TEST

START_TEST(agent_mode_records_what_strict_agent_refuses)
{
	static const struct {
		const char *name, *words;
	} cases[] = { { "landlock", "Landlock" }, { "seccomp", "seccomp" }, { "time", "time namespace" } };
	struct nuc_world w = fake_world(false);
	nucleus_policy *policy;
	nucleus_error *err = NULL;
	struct nuc_plan *plan = NULL;

	if (_i == 0)
		w.facts.landlock_abi = 0;
	if (_i == 1)
		w.facts.seccomp_filter = false;
	if (_i == 2)
		w.facts.namespaces &= ~0x80ull;
	ck_assert_int_eq(nucleus_policy_new(&policy), 0);
	ck_assert_int_eq(nuc_compile(policy, &w, &plan, &err), 0);
	ck_assert_ptr_nonnull(strstr((const char *)nuc_plan_data(plan, plan->warnings.at),
				     cases[_i].words));
	free(plan);
	plan = NULL;
	ck_assert_int_eq(nucleus_policy_set(policy, "mode", "strict-agent", NULL), 0);
	ck_assert_int_eq(nuc_compile(policy, &w, &plan, &err), -ENOTSUP);
	ck_assert_ptr_nonnull(strstr(nucleus_error_message(err), cases[_i].words));
	ck_assert_ptr_nonnull(nucleus_error_hint(err));
	nucleus_error_free(err);
	nucleus_policy_free(policy);
}
END_TEST

/* The words of the warnings, each ended by a NUL. */
static bool warns(const struct nuc_plan *p, const char *words)
{
	const char *s = nuc_plan_data(p, p->warnings.at), *end = s + p->warnings.len;

	for (; s < end; s += strlen(s) + 1)
		if (strstr(s, words))
			return true;
	return false;
}

START_TEST(rules_of_ports_are_not_dropped_in_silence)
{
	static const char *const keys[] = { "network.bind-ports", "network.connect-ports" };

	/* Without Landlock, with one that has no ports, and with one that has. */
	for (int abi = 0; abi <= 4; abi++) {
		struct nuc_world w = fake_world(false);
		nucleus_policy *policy;
		nucleus_error *err = NULL;
		struct nuc_plan *plan = NULL;

		w.facts.landlock_abi = abi;
		ck_assert_int_eq(nucleus_policy_new(&policy), 0);
		ck_assert_int_eq(nuc_compile(policy, &w, &plan, NULL), 0);
		ck_assert(!warns(plan, "port rules"));
		free(plan);
		ck_assert_int_eq(nucleus_policy_set(policy, keys[_i], "8080", NULL), 0);
		ck_assert_int_eq(nuc_compile(policy, &w, &plan, NULL), 0);
		ck_assert_int_eq(warns(plan, "port rules need Landlock ABI 4"), abi < 4);
		ck_assert_int_eq(warns(plan, "this kernel does not have it"), abi < 1);
		ck_assert_int_eq(plan->count[NUC_OP_LANDLOCK_PORT], abi >= 4);
		free(plan);
		plan = NULL;
		/* Switched off, in mode agent too. */
		ck_assert_int_eq(nucleus_policy_set(policy, "security.landlock", "off", NULL), 0);
		ck_assert_int_eq(nuc_compile(policy, &w, &plan, &err), -EINVAL);
		ck_assert_ptr_nonnull(strstr(nucleus_error_message(err), "rules of ports"));
		ck_assert_ptr_nonnull(nucleus_error_hint(err));
		ck_assert_ptr_null(plan);
		nucleus_error_free(err);
		nucleus_policy_free(policy);
	}
}
END_TEST

START_TEST(secrets_of_the_host_are_not_shown)
{
	_cleanup_free_ struct nuc_plan *p = golden_plan("rootfs", true);
	_cleanup_free_ struct nuc_plan *q = golden_plan("strict", true);
	_cleanup_free_ char *a = NULL, *b = NULL;

	ck_assert_int_eq(nuc_explain_json(p, &a), 0);
	ck_assert_int_eq(nuc_explain_json(q, &b), 0);
	ck_assert_ptr_nonnull(strstr(a, "/opt/root/etc/profile"));
	ck_assert_ptr_null(strstr(a, "shadow"));
	ck_assert_ptr_null(strstr(b, "shadow"));
	ck_assert_ptr_null(strstr(b, "machine-id"));
	ck_assert_ptr_null(strstr(b, "/etc/ssh"));
	/* Values of the environment are no part of what is shown or hashed. */
	ck_assert_ptr_nonnull(strstr(b, "TOKEN"));
	ck_assert_ptr_null(strstr(b, "secret"));
}
END_TEST

/* Landlock logs for root who asked for it, from ABI 7 on, and no plan says otherwise. */
START_TEST(landlock_logs_for_those_who_read)
{
	static const struct {
		bool privileged;
		int abi;
		const char *observe;
		uint16_t flags;
	} cases[] = {
		{ true, 7, "all", NUC_STEP_LOG }, { true, 9, "all", NUC_STEP_LOG }, { true, 6, "all", 0 },
		{ true, 7, "refusals", 0 },	  { true, 7, "off", 0 },	    { false, 7, "all", 0 },
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(cases); i++) {
		struct nuc_world w = fake_world(cases[i].privileged);
		_cleanup_free_ struct nuc_plan *plan = NULL;
		nucleus_policy *policy;
		const char *why = NULL;
		unsigned int seen = 0;

		w.facts.landlock_abi = cases[i].abi;
		ck_assert_int_eq(nucleus_policy_new(&policy), 0);
		ck_assert_int_eq(nucleus_policy_set(policy, "security.observe", cases[i].observe, NULL), 0);
		ck_assert_int_eq(nuc_compile(policy, &w, &plan, NULL), 0);
		nucleus_policy_free(policy);
		for (uint32_t k = 0; k < plan->n[NUC_PROG_INIT]; k++) {
			struct nuc_step *s = (struct nuc_step *)(uintptr_t)nuc_plan_step(
				plan, plan->first[NUC_PROG_INIT] + k);

			if (s->op != NUC_OP_LANDLOCK_RESTRICT)
				continue;
			seen++;
			ck_assert_uint_eq(s->flags, cases[i].flags);
			s->flags ^= NUC_STEP_LOG;
			ck_assert_int_lt(nuc_verify(plan, plan->size, &why), 0);
			ck_assert_str_eq(why, "a Landlock layer with another log");
		}
		ck_assert_uint_eq(seen, 1);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("plan");
	TCase *t = tcase_create("plan");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, landlock_logs_for_those_who_read);
	tcase_add_loop_test(t, rules_of_ports_are_not_dropped_in_silence, 0, 2);
	tcase_add_loop_test(t, golden_plans_are_as_reviewed, 0, 2 * NUC_ARRAY_SIZE(goldens));
	tcase_add_loop_test(t, every_mutation_of_a_security_step_is_refused, 0,
			    2 * NUC_ARRAY_SIZE(goldens));
	tcase_add_loop_test(t, a_caller_that_oom_spares_spares_no_workload, 0, 2);
	tcase_add_test(t, steps_without_their_slot_are_refused);
	tcase_add_test(t, verify_survives_flipped_bytes);
	tcase_add_loop_test(t, capabilities_that_no_policy_keeps_are_refused, 0, 4);
	tcase_add_loop_test(t, a_weaker_landlock_policy_is_refused, 0, 2);
	tcase_add_test(t, equal_enforcement_has_equal_hashes_whatever_the_origin);
	tcase_add_loop_test(t, what_cannot_be_is_refused_by_name, 0, NUC_ARRAY_SIZE(refusals));
	tcase_add_loop_test(t, agent_mode_records_what_strict_agent_refuses, 0, 3);
	tcase_add_test(t, secrets_of_the_host_are_not_shown);
	tcase_add_loop_test(t, want_of_descriptors_leaves_nothing_unmasked, 0, 2);
	suite_add_tcase(s, t);
	return run_suite(s);
}
