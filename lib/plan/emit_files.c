/* SPDX-License-Identifier: MIT */
/* Emitters of what the user brings: workspace, context, volumes, tmpfs. */
#include <sys/stat.h>

#include "builder.h"

/* A path of the host that a user gave: what it is, or an error that says what is wrong with it. */
static int look_at(struct nuc_builder *b, const char *path, bool dir_only, const char *origin,
		   struct nuc_look *ret)
{
	int r = b->world->look(b->world, path, true, ret);

	if (r == -ENOENT)
		return nuc_b_fail(b, r, "mount", origin, "create it, or correct the path",
				  "%s does not exist", path);
	if (r < 0)
		return nuc_b_fail(b, r, "mount", origin, NULL, "cannot open %s: %s", path, strerror(-r));
	if (dir_only && !S_ISDIR(ret->mode))
		return nuc_b_fail(b, -ENOTDIR, "mount", origin, "give the directory that holds it",
				  "%s is not a directory", path);
	if (!S_ISDIR(ret->mode) && !S_ISREG(ret->mode) && !S_ISSOCK(ret->mode))
		return nuc_b_fail(b, -EINVAL, "mount", origin,
				  "only directories, files and sockets can be bound",
				  "%s is a device or a pipe", path);
	if (!strcmp(ret->path, "/"))
		return nuc_b_fail(b, -EINVAL, "mount", origin, "give a directory below it",
				  "%s is the host's root directory", path);
	if (!strncmp(ret->path, "/proc/", 6) || !strcmp(ret->path, "/proc"))
		return nuc_b_fail(b, -EINVAL, "mount", origin, "the sandbox has its own /proc",
				  "%s is in the host's /proc, which shows its processes", path);
	nuc_b_named(b, path, ret, origin);
	return 0;
}

int nuc_emit_paths(struct nuc_builder *b)
{
	const struct {
		enum nuc_option_id id;
		struct nuc_look *look;
		bool *has;
	} paths[] = {
		{ NUC_OPT_WORKSPACE_PATH, &b->workspace, &b->has_workspace },
		{ NUC_OPT_CONTEXT_PATH, &b->context, &b->has_context },
		{ NUC_OPT_ROOTFS_PATH, &b->rootfs, &b->has_rootfs },
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(paths); i++) {
		const char *path = nuc_policy_str(b->policy, paths[i].id);
		int r;

		if (!path)
			continue;
		r = look_at(b, path, true, nuc_policy_origin(b->policy, paths[i].id), paths[i].look);
		if (r < 0)
			return r;
		*paths[i].has = true;
	}
	return 0;
}

/* Whether a target inside is written plainly and is not ours to give away. */
static int check_target(struct nuc_builder *b, const char *dst, const char *origin)
{
	static const char *const reserved[] = { "/proc", "/dev", "/sys" };
	size_t n = strlen(dst);
	bool plain = n > 1 && n < 4096 && dst[0] == '/' && dst[n - 1] != '/';

	for (const char *s = dst; plain && *s; s++) {
		if (*s != '/')
			continue;
		if (s[1] == '/' || (s[1] == '.' && (!s[2] || s[2] == '/')) ||
		    (s[1] == '.' && s[2] == '.' && (!s[3] || s[3] == '/')))
			plain = false;
	}
	if (!plain)
		return nuc_b_fail(b, -EINVAL, "mount", origin,
				  "write it in full, as /data: no '.', '..', '//' and no '/' at the end",
				  "target '%s' is not a plain absolute path below /", dst);
	for (size_t i = 0; i < NUC_ARRAY_SIZE(reserved); i++) {
		size_t len = strlen(reserved[i]);

		if (!strncmp(dst, reserved[i], len) && (!dst[len] || dst[len] == '/'))
			return nuc_b_fail(b, -EINVAL, "mount", origin, "choose a target elsewhere",
					  "target %s is in %s, which is the sandbox's own", dst,
					  reserved[i]);
	}
	for (size_t i = 0; i < b->n_places; i++) {
		const char *p = b->places[i].path;

		if (!b->places[i].mount)
			continue;
		if (!strcmp(p, dst))
			return nuc_b_fail(b, -EINVAL, "mount", origin, "choose another target",
					  "something is mounted on %s already", dst);
		if (!strncmp(p, dst, n) && p[n] == '/')
			return nuc_b_fail(b, -EINVAL, "mount", origin, "choose another target",
					  "target %s would hide %s", dst, p);
	}
	return 0;
}

/* Makes the point to mount on: nothing is ever created in somebody's own tree for it. */
static int make_target(struct nuc_builder *b, const char *dst, bool is_dir, const char *origin)
{
	_cleanup_free_ char *parent = NULL;
	char *slash;
	int r;

	if (is_dir)
		return nuc_b_dir(b, dst, 0755, false, origin);
	parent = strdup(dst);
	if (!parent)
		return -ENOMEM;
	slash = strrchr(parent, '/');
	if (slash != parent) {
		struct nuc_place *p;

		*slash = '\0';
		r = nuc_b_dir(b, parent, 0755, false, origin);
		if (r < 0)
			return r;
		for (slash = strrchr(parent, '/'); !(p = nuc_b_place(b, parent)) && slash != parent;
		     slash = strrchr(parent, '/'))
			*slash = '\0';
		if (p && p->kind == NUC_PLACE_BOUND)
			return 0; /* it is there, or the mount fails */
	}
	nuc_b_file(b, dst, "", 0444);
	return 0;
}

static int bind_users(struct nuc_builder *b, const struct nuc_look *src, const char *dst, bool write,
		      bool exec, const char *origin)
{
	uint32_t rights = NUC_GRANT_READ | (write ? NUC_GRANT_WRITE : 0) | (exec ? NUC_GRANT_EXEC : 0);
	uint16_t flags = NUC_STEP_USER | (write ? NUC_STEP_WRITE : 0) | (exec ? NUC_STEP_EXEC : 0);
	int r = make_target(b, dst, S_ISDIR(src->mode), origin);

	if (r == 0)
		r = nuc_b_bind(b, src, dst, flags, true, origin);
	if (r == 0)
		nuc_b_grant(b, dst, rights, !S_ISDIR(src->mode), origin);
	return r;
}

static int copy_users(struct nuc_builder *b, const struct nuc_look *src, const char *what,
		      const char *dst, bool write, bool exec, const char *origin)
{
	uint32_t rights = NUC_GRANT_READ | (write ? NUC_GRANT_WRITE : 0) | (exec ? NUC_GRANT_EXEC : 0);
	char size[48], inodes[48], uid[32], gid[32];
	const char *options[] = { size, inodes, "mode=0700", uid, gid, NULL };
	int r = nuc_b_dir(b, dst, 0755, false, origin);

	if (r < 0)
		return r;
	snprintf(size, sizeof(size), "size=%lld",
		 (long long)nuc_policy_int(b->policy, NUC_OPT_COPY_SIZE));
	snprintf(inodes, sizeof(inodes), "nr_inodes=%lld",
		 (long long)nuc_policy_int(b->policy, NUC_OPT_COPY_FILES) + 1024);
	snprintf(uid, sizeof(uid), "uid=%u", b->head.privileged ? b->head.host_uid : b->head.uid);
	snprintf(gid, sizeof(gid), "gid=%u", b->head.privileged ? b->head.host_gid : b->head.gid);
	/* The mount is writable while it is filled; where it is not to be written, Landlock and DAC
	 * would do, but the mount itself is sealed too. */
	r = nuc_b_mount(b, "tmpfs", options, dst,
			NUC_STEP_USER | NUC_STEP_WRITE | (exec ? NUC_STEP_EXEC : 0), origin);
	if (r < 0)
		return r;
	nuc_b_copy(b, src, what, dst, write, origin);
	nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_WAIT_PARENT, origin, 0, 0, 0);
	if (!write)
		nuc_b_seal(b, dst);
	nuc_b_grant(b, dst, rights, false, origin);
	return 0;
}

static int emit_workspace(struct nuc_builder *b)
{
	enum { BIND_RW, BIND_RO, COPY_IN_OUT } mode =
		(int)nuc_policy_int(b->policy, NUC_OPT_WORKSPACE_MODE);
	bool exec = nuc_policy_bool(b->policy, NUC_OPT_WORKSPACE_EXEC);
	const char *origin = nuc_policy_origin(b->policy, NUC_OPT_WORKSPACE_PATH);

	if (!b->has_workspace) {
		if (nuc_policy_is_set(b->policy, NUC_OPT_WORKSPACE_MODE) || exec)
			return nuc_b_fail(b, -EINVAL, "option",
					  nuc_policy_origin(b->policy, exec ? NUC_OPT_WORKSPACE_EXEC
									    : NUC_OPT_WORKSPACE_MODE),
					  "add --workspace DIR", "there is no workspace to apply it to");
		return 0;
	}
	if (mode == COPY_IN_OUT)
		return copy_users(b, &b->workspace, "--workspace", "/workspace", true, exec, origin);
	return bind_users(b, &b->workspace, "/workspace", mode == BIND_RW, exec, origin);
}

static int emit_context(struct nuc_builder *b)
{
	const char *origin = nuc_policy_origin(b->policy, NUC_OPT_CONTEXT_PATH);

	if (!b->has_context) {
		if (nuc_policy_is_set(b->policy, NUC_OPT_CONTEXT_MODE))
			return nuc_b_fail(b, -EINVAL, "option",
					  nuc_policy_origin(b->policy, NUC_OPT_CONTEXT_MODE),
					  "add --context DIR", "there is no context to apply it to");
		return 0;
	}
	if (nuc_policy_int(b->policy, NUC_OPT_CONTEXT_MODE) == 1)
		return copy_users(b, &b->context, "--context", "/context", false, false, origin);
	return bind_users(b, &b->context, "/context", false, false, origin);
}

/* Volumes and tmpfs together, a parent before what is mounted in it. */
struct extra {
	char *src, *dst;
	int64_t size;
	bool write, exec;
	const char *origin;
};

static int by_target(const void *a, const void *b)
{
	return strcmp(((const struct extra *)a)->dst, ((const struct extra *)b)->dst);
}

static int emit_extra(struct nuc_builder *b, const struct extra *e)
{
	_cleanup_free_ struct nuc_look *l = malloc(sizeof(*l));
	int r = check_target(b, e->dst, e->origin);

	if (!l)
		return -ENOMEM;
	if (r < 0)
		return r;
	if (!e->src) {
		r = nuc_b_tmpfs(b, e->dst, e->size, "0755", true, e->origin);
		if (r == 0)
			nuc_b_grant(b, e->dst, NUC_GRANT_READ | NUC_GRANT_WRITE, false, e->origin);
		return r;
	}
	r = look_at(b, e->src, false, e->origin, l);
	if (r < 0)
		return r;
	return bind_users(b, l, e->dst, e->write, e->exec, e->origin);
}

static int collect(struct nuc_builder *b, struct extra *all, size_t volumes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct extra *e = &all[i];
		int r;

		if (i < volumes) {
			struct nuc_volume v = { 0 };

			r = nuc_parse_volume(nuc_policy_item(b->policy, NUC_OPT_VOLUMES, i), &v);
			e->src = v.src;
			e->dst = v.dst;
			e->write = v.writable;
			e->exec = v.exec;
			e->origin = nuc_policy_item_origin(b->policy, NUC_OPT_VOLUMES, i);
		} else {
			r = nuc_parse_tmpfs(nuc_policy_item(b->policy, NUC_OPT_TMPFS, i - volumes),
					    &e->dst, &e->size);
			e->origin = nuc_policy_item_origin(b->policy, NUC_OPT_TMPFS, i - volumes);
		}
		if (r < 0)
			return nuc_b_fail(b, r, "option", e->origin, NULL, "not understood");
	}
	return 0;
}

int nuc_emit_files(struct nuc_builder *b)
{
	size_t volumes = nuc_policy_count(b->policy, NUC_OPT_VOLUMES);
	size_t n = volumes + nuc_policy_count(b->policy, NUC_OPT_TMPFS);
	struct extra *all;
	int r = emit_workspace(b);

	if (r == 0)
		r = emit_context(b);
	if (r < 0)
		return r;
	all = calloc(n + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	r = collect(b, all, volumes, n);
	if (r == 0)
		qsort(all, n, sizeof(*all), by_target);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = emit_extra(b, &all[i]);
	for (size_t i = 0; i < n; i++) {
		free(all[i].src);
		free(all[i].dst);
	}
	free(all);
	return r;
}
