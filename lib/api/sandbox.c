/* SPDX-License-Identifier: MIT */
/* nucleus_sandbox_*: a policy applied to this host, ready to be started any number of times. */
#include <fcntl.h>

#include "process.h"
#include "sandbox_internal.h"

struct nucleus_sandbox {
	struct nuc_prepared *prepared; /* NULL: no policy yet */
	int stdio[3];
	bool timed;
};

int nucleus_sandbox_new(nucleus_sandbox **ret)
{
	nucleus_sandbox *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	for (int i = 0; i < 3; i++)
		s->stdio[i] = -1;
	*ret = s;
	return 0;
}

void nucleus_sandbox_free(nucleus_sandbox *s)
{
	if (!s)
		return;
	nuc_prepared_free(s->prepared);
	free(s);
}

static int fail_null(nucleus_error **ret_err, const char *stage, const char *what)
{
	const struct nuc_where where = { .stage = stage, .layer = "option" };

	return nuc_fail(ret_err, -EINVAL, &where, "%s wanted, not NULL", what);
}

int nucleus_sandbox_apply_policy(nucleus_sandbox *s, const nucleus_policy *policy,
				 nucleus_error **ret_err)
{
	const struct nuc_where where = { .stage = "compile", .layer = "host" };
	struct nuc_prepared *prepared;
	struct nuc_world world;
	struct nuc_plan *plan;
	int r;

	if (!s || !policy)
		return fail_null(ret_err, "compile", "a sandbox and a policy are");
	r = nuc_world_init(&world);
	if (r < 0)
		return nuc_fail(ret_err, r, &where, "cannot look at this host: %s", strerror(-r));
	r = nuc_compile(policy, &world, &plan, ret_err);
	if (r >= 0)
		r = nuc_prepare(plan, &world.usernses, &prepared, ret_err);
	nuc_world_done(&world);
	if (r < 0)
		return r;
	nuc_prepared_free(s->prepared);
	s->prepared = prepared;
	return 0;
}

const struct nuc_plan *nuc_sandbox_plan(const nucleus_sandbox *s)
{
	return s->prepared ? s->prepared->plan : NULL;
}

const char *nucleus_sandbox_warning(const nucleus_sandbox *s, size_t index)
{
	const struct nuc_plan *p = s && s->prepared ? s->prepared->plan : NULL;
	const char *text, *end;

	if (!p)
		return NULL;
	text = nuc_plan_data(p, p->warnings.at);
	end = text + p->warnings.len;
	while (text < end && index--)
		text += strlen(text) + 1;
	return text < end ? text : NULL;
}

int nucleus_sandbox_explain(const nucleus_sandbox *s, const char *format, char **ret)
{
	if (!s || !s->prepared || !format)
		return -EINVAL;
	if (!strcmp(format, "text"))
		return nuc_explain_text(s->prepared->plan, ret);
	if (!strcmp(format, "json"))
		return nuc_explain_json(s->prepared->plan, ret);
	return -EINVAL;
}

int nucleus_sandbox_hash(const nucleus_sandbox *s, char **ret)
{
	_cleanup_free_ char *json = NULL;
	char *hash;
	int r;

	if (!s || !s->prepared)
		return -EINVAL;
	r = nuc_explain_json(s->prepared->plan, &json);
	if (r < 0)
		return r;
	hash = malloc(65);
	if (!hash)
		return -ENOMEM;
	nuc_sha256_hex(json, strlen(json), hash);
	*ret = hash;
	return 0;
}

int nucleus_sandbox_can_write(const nucleus_sandbox *s, const char *path)
{
	return s && s->prepared && path ? nuc_plan_can_write(s->prepared->plan, path) : -EINVAL;
}

int nucleus_sandbox_check_input(const nucleus_sandbox *s, const char *path, const char *origin,
				nucleus_error **ret_err)
{
	struct nuc_where where = { "launch", "file", origin,
					 "keep it outside of what the program can write to, or say which plan is "
					 "meant: `nucleus explain --hash`, --require-plan" };
	enum nuc_mode mode;
	int r;

	if (!s || !s->prepared || !path)
		return fail_null(ret_err, "launch", "a sandbox with a policy, and a path are");
	r = nucleus_sandbox_can_write(s, path);
	if (r == 0)
		return 0;
	/* What cannot be known may be. */
	mode = (enum nuc_mode)s->prepared->plan->mode;
	if (nuc_mode_unchosen(mode) != NUC_NEED_REQUIRED)
		return 1;
	if (r < 0) {
		where.hint = "all directories above it must be searchable: keep it elsewhere, or give it by its descriptor";
		return nuc_fail(ret_err, r, &where, "cannot find out who can write to %s: %s", path, strerror(-r));
	}
	return nuc_fail(ret_err, -EPERM, &where,
			"mode %s refuses %s: the program could write to it, or put another in its place, for the "
			"next run", nuc_mode_name(mode), path);
}

int nucleus_sandbox_set_stdio(nucleus_sandbox *s, int in, int out, int err)
{
	const int fds[] = { in, out, err };

	if (!s)
		return -EINVAL;
	for (int i = 0; i < 3; i++)
		if (fds[i] < NUCLEUS_STDIO_NULL || (fds[i] >= 0 && fcntl(fds[i], F_GETFD) < 0))
			return -EBADF;
	memcpy(s->stdio, fds, sizeof(fds));
	return 0;
}

int nucleus_sandbox_set_timing(nucleus_sandbox *s, int on)
{
	if (!s)
		return -EINVAL;
	s->timed = on;
	return 0;
}

int nucleus_sandbox_prepare(nucleus_sandbox *s, unsigned int count, nucleus_error **ret_err)
{
	const struct nuc_where where = { .stage = "launch",
					 .layer = "option",
					 .hint = "call nucleus_sandbox_apply_policy() first" };

	if (!s)
		return fail_null(ret_err, "launch", "a sandbox is");
	if (!s->prepared)
		return nuc_fail(ret_err, -EINVAL, &where, "the sandbox has no policy yet");
	return nuc_pool_keep(s->prepared, count, ret_err);
}

int nucleus_sandbox_spawn(nucleus_sandbox *s, const char *const *argv, nucleus_process **ret,
			  nucleus_error **ret_err)
{
	const struct nuc_where where = { .stage = "launch",
					 .layer = "option",
					 .hint = "call nucleus_sandbox_apply_policy() first" };
	const struct nuc_where empty = { .stage = "launch", .layer = "exec" };
	struct nuc_running running;
	int r;

	if (!s)
		return fail_null(ret_err, "launch", "a sandbox is");
	if (!s->prepared)
		return nuc_fail(ret_err, -EINVAL, &where, "the sandbox has no policy yet");
	if (!argv || !argv[0] || !argv[0][0])
		return nuc_fail(ret_err, -EINVAL, &empty, "no program is given");
	s->prepared->timed = s->timed;
	r = nuc_launch(s->prepared, s->stdio, argv, &running, ret_err);
	if (r < 0)
		return r;
	r = nuc_process_new(&running, ret);
	if (r < 0) {
		nuc_running_done(&running, false);
		return nuc_fail(ret_err, r, &empty, "out of memory");
	}
	return 0;
}
