/* SPDX-License-Identifier: MIT */
/* compile: runs the emitters in the order of the steps, then lays the plan out as one block. */
#include <sys/resource.h>

#include "builder.h"

/* The data of a usual plan: what grows by doubling touches twice as much memory, and copies it. */
#define USUAL_SIZE 24000

static int read_user(struct nuc_builder *b)
{
	const char *user = nuc_policy_str(b->policy, NUC_OPT_USER);
	const char *group = nuc_policy_str(b->policy, NUC_OPT_GROUP);
	const struct nuc_facts *f = &b->world->facts;

	if (nuc_parse_user(user, b->user.name, &b->user.id) < 0)
		return nuc_b_fail(b, -EINVAL, "option", nuc_policy_origin(b->policy, NUC_OPT_USER),
				  "write NAME, UID or NAME:UID", "'%s' is not a user", user);
	if (nuc_parse_user(group, b->group.name, &b->group.id) < 0)
		return nuc_b_fail(b, -EINVAL, "option", nuc_policy_origin(b->policy, NUC_OPT_GROUP),
				  "write NAME, GID or NAME:GID", "'%s' is not a group", group);
	snprintf(b->home, sizeof(b->home), "/home/%s", b->user.name);
	b->head.privileged = f->privileged;
	b->head.uid = b->user.id;
	b->head.gid = b->group.id;
	/* With capabilities an id that nobody has; without, the caller's is the only one there is. */
	b->head.host_uid = f->privileged ? f->host_id : f->uid;
	b->head.host_gid = f->privileged ? f->host_id : f->gid;
	b->head.copy_bytes = (uint64_t)nuc_policy_int(b->policy, NUC_OPT_COPY_SIZE);
	b->head.copy_files = (uint64_t)nuc_policy_int(b->policy, NUC_OPT_COPY_FILES);
	b->head.timeout_ms = (uint32_t)nuc_policy_int(b->policy, NUC_OPT_TIMEOUT);
	return 0;
}

/* What a mode excludes whatever the host can do. */
static int check_mode(struct nuc_builder *b)
{
	const nucleus_policy *p = b->policy;

	if (nuc_mode_refused(b->mode))
		return nuc_b_missing(b, NUC_MECH_ROOTFS, nuc_policy_origin(p, NUC_OPT_MODE),
				     nuc_mode_refused(b->mode), "use mode strict-agent");
	if (nuc_policy_int(p, NUC_OPT_NETWORK) == 1) {
		const char *origin = nuc_policy_origin(p, NUC_OPT_NETWORK);

		if (b->mode != NUC_MODE_AGENT)
			return nuc_b_fail(b, -EPERM, "network", origin, "use --network none, or mode agent",
					  "mode %s refuses the host's network", nuc_mode_name(b->mode));
		if (!nuc_policy_bool(p, NUC_OPT_ALLOW_HOST_NETWORK))
			return nuc_b_fail(b, -EPERM, "network", origin,
					  "add --allow-host-network if the workload may reach all that "
					  "this host reaches", "the host's network must be confirmed");
		nuc_buf_puts(&b->warnings, "network is the host's: the workload reaches all that this "
					   "host reaches, and its abstract sockets");
		nuc_buf_add(&b->warnings, "", 1);
	} else if (nuc_policy_bool(p, NUC_OPT_ALLOW_HOST_NETWORK)) {
		return nuc_b_fail(b, -EINVAL, "network", nuc_policy_origin(p, NUC_OPT_ALLOW_HOST_NETWORK),
				  "add --network host, or remove it",
				  "network.allow-host is set, but the network is not the host's");
	}
	return 0;
}

/* A trace is for finding out what a program does, and does not restrict its calls: mode agent's only. */
static int read_trace(struct nuc_builder *b)
{
	const nucleus_policy *p = b->policy;
	const bool trace = nuc_policy_int(p, NUC_OPT_SECCOMP_MODE) == 1,
		   learn = nuc_policy_str(p, NUC_OPT_LEARN);
	const enum nuc_option_id id = learn ? NUC_OPT_LEARN : NUC_OPT_SECCOMP_MODE;
	const char *key = learn ? "security.learn" : "security.seccomp-mode";
	const char *origin = nuc_policy_origin(p, id),
		   *log = nuc_policy_str(p, NUC_OPT_SECCOMP_LOG);

	if (!trace && log)
		return nuc_b_fail(b, -EINVAL, "seccomp", nuc_policy_origin(p, NUC_OPT_SECCOMP_LOG),
				  "add --seccomp-mode trace, or use --learn instead",
				  "security.seccomp-log is set, but nothing is traced");
	if (!trace && !learn)
		return 0;
	if (b->mode != NUC_MODE_AGENT)
		return nuc_b_fail(b, -EPERM, "seccomp", origin,
				  "learn in mode agent, and run under what was learned in this mode",
				  "mode %s refuses %s: a program that is watched is not restricted",
				  nuc_mode_name(b->mode), key);
	if (trace && learn)
		return nuc_b_fail(b, -EINVAL, "seccomp", origin,
				  "--learn records system calls, too: leave --seccomp-mode out",
				  "security.learn and security.seccomp-mode = \"trace\" exclude each other");
	if (trace && !log)
		return nuc_b_fail(b, -EINVAL, "seccomp", origin, "add --seccomp-log FILE",
				  "%s = \"trace\" needs a file to write to", key);
	if (!b->head.observe && (nuc_policy_int(p, NUC_OPT_SECCOMP) || !b->world->facts.seccomp_filter))
		return nuc_b_fail(b, -ENOTSUP, "seccomp", origin,
				  "it needs a kernel with seccomp filters, and security.seccomp = \"on\"",
				  "%s: without a filter nothing is seen", key);
	b->head.observe = NUC_OBSERVE_REFUSALS | NUC_OBSERVE_TRACE | (learn ? NUC_OBSERVE_LEARN : 0);
	b->log = learn ? nuc_policy_str(p, NUC_OPT_LEARN) : log;
	return 0;
}

/* What init is to tell. Without a filter the kernel tells it nothing. */
static int read_observe(struct nuc_builder *b)
{
	static const uint32_t observe[] = {
		0, NUC_OBSERVE_REFUSALS, NUC_OBSERVE_REFUSALS | NUC_OBSERVE_FILES,
	};

	if (nuc_policy_int(b->policy, NUC_OPT_SECCOMP) == 0 && b->world->facts.seccomp_filter)
		b->head.observe = observe[nuc_policy_int(b->policy, NUC_OPT_OBSERVE)];
	return read_trace(b);
}

static int check_policy_files(struct nuc_builder *b)
{
	return nuc_policy_files_check(b->policy, b->err);
}

/* NAME=VALUE, unless the policy itself sets the name. */
static void add_env(struct nuc_builder *b, const char *name, const char *value, bool fallback)
{
	size_t n = strlen(name);

	for (size_t i = 0; fallback && i < nuc_policy_count(b->policy, NUC_OPT_ENV); i++) {
		const char *e = nuc_policy_item(b->policy, NUC_OPT_ENV, i);

		if (!strncmp(e, name, n) && e[n] == '=')
			return;
	}
	nuc_buf_printf(&b->env, "%s=%s", name, value);
	nuc_buf_add(&b->env, "", 1);
}

static void build_env(struct nuc_builder *b)
{
	const nucleus_policy *p = b->policy;

	add_env(b, "PATH", "/usr/local/bin:/usr/bin:/bin", true);
	add_env(b, "HOME", b->home, true);
	add_env(b, "USER", b->user.name, true);
	add_env(b, "LOGNAME", b->user.name, true);
	add_env(b, "LANG", "C.UTF-8", true);
	for (size_t i = 0; i < nuc_policy_count(p, NUC_OPT_ENV_PASS); i++) {
		const char *name = nuc_policy_item(p, NUC_OPT_ENV_PASS, i);
		size_t n = strlen(name);

		for (size_t k = 0; b->world->environ && b->world->environ[k]; k++)
			if (!strncmp(b->world->environ[k], name, n) && b->world->environ[k][n] == '=')
				add_env(b, name, b->world->environ[k] + n + 1, true);
	}
	for (size_t i = 0; i < nuc_policy_count(p, NUC_OPT_ENV); i++) {
		nuc_buf_puts(&b->env, nuc_policy_item(p, NUC_OPT_ENV, i));
		nuc_buf_add(&b->env, "", 1);
	}
}

static struct nuc_span span_of(struct nuc_builder *b, struct nuc_buf *buf)
{
	struct nuc_span s = { .len = (uint32_t)buf->len };

	b->failed |= buf->failed;
	s.at = nuc_b_bytes(b, buf->len ? buf->s : "", buf->len);
	return s;
}

/* Header, steps of the three programs, data: one block. */
static int lay_out(struct nuc_builder *b, struct nuc_plan **ret)
{
	size_t n = 0, steps_size, size;
	struct nuc_plan *p;
	char *block;

	b->head.env = span_of(b, &b->env);
	b->head.warnings = span_of(b, &b->warnings);
	b->head.notes = span_of(b, &b->notes);
	b->head.user_name = nuc_b_str(b, b->user.name);
	b->head.log = nuc_b_str(b, b->log ? b->log : "");
	if (b->failed || b->data.failed)
		return -ENOMEM;
	for (int i = 0; i < NUC_PROG__COUNT; i++) {
		b->head.first[i] = (uint32_t)n;
		b->head.n[i] = (uint32_t)b->n_steps[i];
		n += b->n_steps[i];
	}
	steps_size = n * sizeof(struct nuc_step);
	b->head.magic = NUC_PLAN_MAGIC;
	b->head.version = NUC_PLAN_VERSION;
	b->head.mode = (uint32_t)b->mode;
	b->head.steps = (sizeof(b->head) + 7) / 8 * 8;
	b->head.data = (uint32_t)(b->head.steps + (steps_size + 7) / 8 * 8);
	b->head.data_size = (uint32_t)b->data.len;
	size = b->head.data + b->data.len;
	b->head.size = (uint32_t)size;
	p = calloc(1, size);
	if (!p)
		return -ENOMEM;
	block = (char *)p;
	*p = b->head;
	for (int i = 0; i < NUC_PROG__COUNT; i++)
		if (b->n_steps[i])
			memcpy(block + p->steps + p->first[i] * sizeof(struct nuc_step), b->steps[i],
			       b->n_steps[i] * sizeof(struct nuc_step));
	memcpy(block + p->data, b->data.s, b->data.len);
	*ret = p;
	return 0;
}

static void builder_free(struct nuc_builder *b)
{
	for (int i = 0; i < NUC_PROG__COUNT; i++)
		free(b->steps[i]);
	for (size_t i = 0; i < b->n_places; i++)
		free(b->places[i].path);
	for (size_t i = 0; i < b->n_grants; i++)
		free(b->grants[i].path);
	for (size_t i = 0; i < b->n_indirect; i++)
		free(b->indirect[i].path);
	free(b->places);
	free(b->grants);
	free(b->audits);
	free(b->writable);
	free(b->indirect);
	nuc_buf_free(&b->data);
	nuc_buf_free(&b->env);
	nuc_buf_free(&b->warnings);
	nuc_buf_free(&b->notes);
	free(b);
}

static int emit_all(struct nuc_builder *b)
{
	static int (*const emitters[])(struct nuc_builder *) = {
		read_user,	check_mode,	      check_policy_files, read_observe,
		nuc_emit_caps_policy, nuc_emit_paths, nuc_emit_namespaces, nuc_emit_cgroup,
		nuc_emit_root,	nuc_emit_files,	      nuc_emit_unchosen,  nuc_emit_finish_root,
		nuc_emit_security, nuc_emit_process,  nuc_emit_landlock_policy, nuc_emit_exec,
	};

	nuc_b_str(b, ""); /* offset 0 is the empty string */
	for (size_t i = 0; i < NUC_ARRAY_SIZE(emitters); i++) {
		int r = emitters[i](b);

		if (r < 0)
			return r;
	}
	build_env(b);
	return 0;
}

int nuc_compile(const nucleus_policy *policy, struct nuc_world *world, struct nuc_plan **ret,
		nucleus_error **ret_err)
{
	const struct nuc_where memory = { .stage = "compile", .layer = "memory" };
	struct nuc_builder *b = malloc(sizeof(*b));
	nucleus_error *err = NULL;
	struct nuc_plan *p = NULL;
	const char *why = NULL;
	int r;

	if (!b)
		return nuc_fail(ret_err, -ENOMEM, &memory, "out of memory");
	/* Paths take most of it, and are written before they are read. A page that is not touched costs nothing. */
	memset(b, 0, offsetof(struct nuc_builder, workspace));
	nuc_buf_reserve(&b->data, USUAL_SIZE);
	b->policy = policy;
	b->world = world;
	b->mode = nuc_policy_mode(policy);
	b->err = &err;
	r = emit_all(b);
	if (r == 0)
		r = lay_out(b, &p);
	if (r == 0 && nuc_verify(p, p->size, &why) < 0)
		r = nuc_b_fail(b, -EBADMSG, "plan", NULL, "please report this as a bug",
			       "the compiled plan does not verify: %s", why);
	builder_free(b);
	if (r < 0) {
		free(p);
		if (!err)
			nuc_fail(&err, r, &memory, "%s", strerror(-r));
		if (ret_err)
			*ret_err = err;
		else
			nucleus_error_free(err);
		return r;
	}
	*ret = p;
	return 0;
}
