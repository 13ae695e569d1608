/* SPDX-License-Identifier: MIT */
#include <sys/resource.h>

#include "builder.h"
#include "landlock_abi.h"

uint32_t nuc_b_bytes(struct nuc_builder *b, const void *bytes, size_t len)
{
	static const char zeros[8];
	uint32_t at;

	/* Records in the data area hold 64-bit fields. */
	nuc_buf_add(&b->data, zeros, (8 - b->data.len % 8) % 8);
	at = (uint32_t)b->data.len;
	nuc_buf_add(&b->data, bytes, len);
	if (b->data.len > NUC_PLAN_MAX_SIZE)
		b->data.failed = true;
	return at;
}

uint32_t nuc_b_str(struct nuc_builder *b, const char *s)
{
	uint32_t at = (uint32_t)b->data.len;

	nuc_buf_add(&b->data, s, strlen(s) + 1);
	return at;
}

/*
 * Grows an array by one zeroed element; a scratch element when there is no memory. There is room for a power of two,
 * and for 16 at least.
 */
static void *grow(struct nuc_builder *b, void *array, size_t *n, size_t size, void *scratch)
{
	const bool full = *n == 0 || (*n >= 16 && (*n & (*n - 1)) == 0);
	char **a = array;
	char *bigger = full ? reallocarray(*a, *n ? 2 * *n : 16, size) : *a;

	if (!bigger) {
		b->failed = true;
		return scratch;
	}
	*a = bigger;
	memset(bigger + *n * size, 0, size);
	return bigger + (*n)++ * size;
}

struct nuc_step *nuc_b_step(struct nuc_builder *b, enum nuc_program program, enum nuc_op op,
			    const char *origin, uint32_t a0, uint32_t a1, uint32_t a2)
{
	static _Thread_local struct nuc_step scratch;
	uint32_t at = origin ? nuc_b_str(b, origin) : 0;
	struct nuc_step *s = grow(b, &b->steps[program], &b->n_steps[program], sizeof(*s), &scratch);

	/* Emitters run in the order of the child's steps: of the caller's, each finds its place here. */
	for (; program == NUC_PROG_HOST && s != &scratch && s > b->steps[program] && s[-1].op > op; s--)
		s[0] = s[-1];
	*s = (struct nuc_step){ 0 };
	s->op = (uint16_t)op;
	s->in = s->out = NUC_NO_SLOT;
	s->origin = at;
	s->arg[0] = a0;
	s->arg[1] = a1;
	s->arg[2] = a2;
	b->head.count[op]++;
	return s;
}

int nuc_b_fail(struct nuc_builder *b, int code, const char *layer, const char *origin,
	       const char *hint, const char *fmt, ...)
{
	const struct nuc_where where = { "compile", layer, origin, hint };
	_cleanup_free_ char *message = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&message, fmt, ap);
	va_end(ap);
	if (n < 0)
		message = NULL;
	return nuc_fail(b->err, code, &where, "%s", message ? message : "out of memory");
}

bool nuc_b_wants(struct nuc_builder *b, enum nuc_mechanism mechanism)
{
	return nuc_mode_need(b->mode, mechanism) != NUC_NEED_OFF;
}

void nuc_b_enforced(struct nuc_builder *b, enum nuc_mechanism mechanism)
{
	b->head.mechanisms |= 1u << mechanism;
}

int nuc_b_missing(struct nuc_builder *b, enum nuc_mechanism mechanism, const char *origin,
		  const char *why, const char *mend)
{
	if (nuc_mode_need(b->mode, mechanism) == NUC_NEED_REQUIRED)
		return nuc_b_fail(b, -ENOTSUP, nuc_mechanism_name(mechanism), origin, mend,
				  "mode %s requires %s: %s", nuc_mode_name(b->mode),
				  nuc_mechanism_name(mechanism), why);
	nuc_buf_printf(&b->warnings, "%s is not enforced: %s; %s", nuc_mechanism_name(mechanism), why,
		       mend);
	nuc_buf_add(&b->warnings, "", 1);
	return 0;
}

/* ---- places -------------------------------------------------------------------------------------- */

/* FNV-1a. Most paths differ, and not before their ends. */
static uint32_t hash(const char *path)
{
	uint32_t h = 2166136261u;

	for (; *path; path++)
		h = (h ^ (unsigned char)*path) * 16777619u;
	return h;
}

struct nuc_place *nuc_b_place(struct nuc_builder *b, const char *path)
{
	const uint32_t h = hash(path);

	for (size_t i = 0; i < b->n_places; i++)
		if (b->places[i].hash == h && !strcmp(b->places[i].path, path))
			return &b->places[i];
	return NULL;
}

void nuc_b_add_place(struct nuc_builder *b, const char *path, enum nuc_place_kind kind, bool mount)
{
	struct nuc_place scratch, *p = nuc_b_place(b, path);

	if (!p) {
		p = grow(b, &b->places, &b->n_places, sizeof(*p), &scratch);
		p->path = strdup(path);
		p->hash = hash(path);
		if (!p->path) {
			b->failed = true;
			p->path = (char *)"";
			b->n_places--;
			return;
		}
	}
	p->kind = kind;
	p->mount = mount;
}

/* Makes one directory whose parent is there. */
static void mkdir_step(struct nuc_builder *b, const char *path, uint32_t mode, bool users,
		       const char *origin)
{
	struct nuc_step *s = nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_MKDIR, origin, nuc_b_str(b, path),
					mode, users);

	if (b->copies_root)
		s->accept = EEXIST;
	nuc_b_add_place(b, path, NUC_PLACE_DIR, false);
}

int nuc_b_dir(struct nuc_builder *b, const char *path, uint32_t mode, bool users, const char *origin)
{
	enum nuc_place_kind below = NUC_PLACE_DIR;
	char part[4096];

	for (size_t i = 1;; i++) {
		struct nuc_place *p;

		if (path[i] && path[i] != '/')
			continue;
		if (i >= sizeof(part))
			return nuc_b_fail(b, -ENAMETOOLONG, "mount", origin, NULL,
					  "target %s is too long", path);
		memcpy(part, path, i);
		part[i] = '\0';
		p = nuc_b_place(b, part);
		if (p && p->kind == NUC_PLACE_SYMLINK)
			return nuc_b_fail(b, -ELOOP, "mount", origin, "write the target without the link",
					  "target %s passes through the symbolic link %s", path, part);
		if (p && p->kind == NUC_PLACE_FILE)
			return nuc_b_fail(b, -ENOTDIR, "mount", origin, NULL,
					  "target %s passes through the file %s", path, part);
		if (p)
			below = p->kind;
		else if (below != NUC_PLACE_BOUND)
			mkdir_step(b, part, path[i] ? 0755 : mode, users || below == NUC_PLACE_TMPFS,
				   origin);
		if (!path[i])
			return 0;
	}
}

void nuc_b_symlink(struct nuc_builder *b, const char *target, const char *path)
{
	struct nuc_step *s = nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_SYMLINK, NULL, nuc_b_str(b, target),
					nuc_b_str(b, path), 0);

	if (b->copies_root)
		s->accept = EEXIST;
	nuc_b_add_place(b, path, NUC_PLACE_SYMLINK, false);
}

void nuc_b_file(struct nuc_builder *b, const char *path, const char *text, uint32_t mode)
{
	struct nuc_span span = { .len = (uint32_t)strlen(text) };
	uint32_t name = nuc_b_str(b, path);

	span.at = nuc_b_bytes(b, text, span.len);
	nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_FILE, NULL, name, nuc_b_bytes(b, &span, sizeof(span)),
		   mode);
	nuc_b_add_place(b, path, NUC_PLACE_FILE, false);
}

void nuc_b_writable(struct nuc_builder *b, const struct nuc_look *l)
{
	struct nuc_file_id scratch;

	*(struct nuc_file_id *)grow(b, &b->writable, &b->n_writable, sizeof(scratch), &scratch) =
		(struct nuc_file_id){ l->dev, l->ino };
}

void nuc_b_named(struct nuc_builder *b, const char *path, const struct nuc_look *l, const char *origin)
{
	struct nuc_indirect scratch, *s;

	if (!l->indirect)
		return;
	s = grow(b, &b->indirect, &b->n_indirect, sizeof(*s), &scratch);
	*s = (struct nuc_indirect){ strdup(path), origin, { l->dev, l->ino } };
	if (!s->path) {
		b->failed = true;
		b->n_indirect--;
	}
}

/* ---- mounts -------------------------------------------------------------------------------------- */

static uint32_t attr_of(uint16_t flags)
{
	return NUC_ATTR_NOSUID | (flags & NUC_STEP_DEVICE ? 0 : NUC_ATTR_NODEV) |
	       (flags & NUC_STEP_EXEC ? 0 : NUC_ATTR_NOEXEC) |
	       (flags & NUC_STEP_WRITE ? 0 : NUC_ATTR_RO);
}

static void audit(struct nuc_builder *b, const char *path, uint32_t attr)
{
	struct nuc_audit scratch, *a = grow(b, &b->audits, &b->n_audits, sizeof(*a), &scratch);

	a->path = nuc_b_str(b, path);
	a->attr = attr;
}

/*
 * The slot of the user namespace that shows the owner of `src` as the sandbox's user; made once each. 1, or 0
 * if the file system does not take it.
 */
static int idmap_slot(struct nuc_builder *b, const struct nuc_look *src, uint8_t *ret)
{
	uint32_t uid = src->uid, gid = src->gid;
	char uid_map[NUC_ID_MAP_SIZE], gid_map[NUC_ID_MAP_SIZE];
	size_t i;

	for (i = 0; i < b->n_idmaps; i++)
		if (b->idmaps[i].uid == uid && b->idmaps[i].gid == gid)
			break;
	if (i == NUC_ARRAY_SIZE(b->idmaps))
		return nuc_b_fail(b, -E2BIG, "idmap", NULL, "give the volumes to fewer users",
				  "volumes belong to more than %zu users", i);
	snprintf(uid_map, sizeof(uid_map), "%u %u 1", uid, b->head.host_uid);
	snprintf(gid_map, sizeof(gid_map), "%u %u 1", gid, b->head.host_gid);
	if (b->world->try_idmap(b->world, src->path, uid_map, gid_map) < 0)
		return 0;
	if (i == b->n_idmaps) {
		b->idmaps[i].uid = uid;
		b->idmaps[i].gid = gid;
		b->n_idmaps++;
		nuc_b_step(b, NUC_PROG_HOST, NUC_OP_IDMAP, NULL, nuc_b_str(b, uid_map),
			   nuc_b_str(b, gid_map), 0)
			->out = (uint8_t)(NUC_SLOT_IDMAP + i);
	}
	*ret = (uint8_t)(NUC_SLOT_IDMAP + i);
	return 1;
}

int nuc_b_bind(struct nuc_builder *b, const struct nuc_look *src, const char *dst, uint16_t flags,
	       bool idmap, const char *origin)
{
	struct nuc_bind bind = { .attr = attr_of(flags), .is_dir = S_ISDIR(src->mode) };
	uint8_t slot = NUC_NO_SLOT;
	struct nuc_step *s;
	int r;

	if (idmap && b->head.privileged) {
		r = idmap_slot(b, src, &slot);
		if (r < 0)
			return r;
		if (r > 0) {
			nuc_b_enforced(b, NUC_MECH_IDMAP);
		} else {
			_cleanup_free_ char *why = nuc_strf(
				"the file system of %s does not take idmapped mounts, so its files do "
				"not appear as the sandbox user's own", src->path);

			r = nuc_b_missing(b, NUC_MECH_IDMAP, origin, why ? why : "not supported",
					  "use a local file system, or --workspace-mode copy-in-out");
			if (r < 0)
				return r;
		}
	}
	bind.src = nuc_b_str(b, src->path);
	bind.dst = nuc_b_str(b, dst);
	if (flags & NUC_STEP_USER) {
		bind.dev = src->dev;
		bind.ino = src->ino;
		if (flags & NUC_STEP_WRITE)
			nuc_b_writable(b, src);
	}
	s = nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_BIND, origin, nuc_b_bytes(b, &bind, sizeof(bind)), 0,
		       0);
	s->flags = flags;
	s->in = slot;
	audit(b, dst, bind.attr);
	nuc_b_add_place(b, dst, bind.is_dir ? NUC_PLACE_BOUND : NUC_PLACE_FILE, true);
	return 0;
}

static uint32_t options_of(struct nuc_builder *b, const char *const *options)
{
	uint32_t at = nuc_b_str(b, options && options[0] ? options[0] : "");

	for (size_t i = 1; options && options[0] && options[i]; i++)
		nuc_b_str(b, options[i]);
	if (options && options[0])
		nuc_b_str(b, "");
	return at;
}

int nuc_b_mount(struct nuc_builder *b, const char *fstype, const char *const *options,
		const char *dst, uint16_t flags, const char *origin)
{
	struct nuc_mount m = { .attr = attr_of(flags) };
	struct nuc_step *s;

	m.fstype = nuc_b_str(b, fstype);
	m.options = options_of(b, options);
	m.dst = nuc_b_str(b, dst);
	if (!strcmp(dst, "/")) {
		/* Read-only only at the end: everything is made in it first. */
		m.attr &= ~NUC_ATTR_RO;
		s = nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_ROOT, origin, 0,
			       nuc_b_bytes(b, &m, sizeof(m)), 0);
		s->out = NUC_SLOT_ROOT;
	} else {
		s = nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_MOUNT, origin, nuc_b_bytes(b, &m, sizeof(m)),
			       0, 0);
	}
	s->flags = flags;
	audit(b, dst, attr_of(flags));
	nuc_b_add_place(b, dst, !strcmp(dst, "/") ? NUC_PLACE_DIR : NUC_PLACE_TMPFS, true);
	return 0;
}

int nuc_b_tmpfs(struct nuc_builder *b, const char *dst, int64_t size, const char *mode, bool users,
		const char *origin)
{
	char opt_size[48], opt_mode[16], opt_uid[32], opt_gid[32], opt_inodes[48];
	const char *options[] = { opt_size, opt_inodes, opt_mode, users ? opt_uid : NULL, opt_gid, NULL };
	int r;

	/* An inode costs about 1 KiB of kernel memory that `size` does not count. */
	snprintf(opt_size, sizeof(opt_size), "size=%lld", (long long)size);
	snprintf(opt_inodes, sizeof(opt_inodes), "nr_inodes=%lld",
		 (long long)(size / 1024 < 1024 ? 1024 : size / 1024));
	snprintf(opt_mode, sizeof(opt_mode), "mode=%s", mode);
	/* Without capabilities the mount is made inside the user namespace, whose ids count then. */
	snprintf(opt_uid, sizeof(opt_uid), "uid=%u",
		 b->head.privileged ? b->head.host_uid : b->head.uid);
	snprintf(opt_gid, sizeof(opt_gid), "gid=%u",
		 b->head.privileged ? b->head.host_gid : b->head.gid);
	r = nuc_b_dir(b, dst, 0755, false, origin);
	if (r < 0)
		return r;
	return nuc_b_mount(b, "tmpfs", options, dst, NUC_STEP_WRITE, origin);
}

void nuc_b_seal(struct nuc_builder *b, const char *dst)
{
	if (b->n_audits)
		b->audits[b->n_audits - 1].attr |= NUC_ATTR_RO;
	b->sealed = dst;
}

void nuc_b_grant(struct nuc_builder *b, const char *path, uint32_t rights, bool file,
		 const char *origin)
{
	static const struct {
		uint32_t grant, rights;
	} meaning[] = {
		{ NUC_GRANT_LIST, NUC_LL_READ_DIR },
		{ NUC_GRANT_READ, NUC_LL_READ_FILE | NUC_LL_READ_DIR },
		{ NUC_GRANT_EXEC, NUC_LL_EXECUTE },
		{ NUC_GRANT_WRITE, NUC_LL_WRITE_FILE | NUC_LL_TRUNCATE | NUC_LL_REMOVE_DIR |
					   NUC_LL_REMOVE_FILE | NUC_LL_MAKE_DIR | NUC_LL_MAKE_REG |
					   NUC_LL_MAKE_SOCK | NUC_LL_MAKE_FIFO | NUC_LL_MAKE_SYM |
					   NUC_LL_REFER },
		{ NUC_GRANT_DEVICE, NUC_LL_WRITE_FILE | NUC_LL_IOCTL_DEV },
	};
	struct nuc_grant scratch, *g = NULL;
	uint32_t mask = 0;

	for (size_t i = 0; i < NUC_ARRAY_SIZE(meaning); i++)
		if (rights & meaning[i].grant)
			mask |= meaning[i].rights;
	if (file)
		mask &= NUC_LL_OF_FILES;
	for (size_t i = 0; i < b->n_grants; i++)
		if (!strcmp(b->grants[i].path, path))
			g = &b->grants[i];
	if (!g) {
		g = grow(b, &b->grants, &b->n_grants, sizeof(*g), &scratch);
		g->path = strdup(path);
		if (!g->path) {
			b->failed = true;
			b->n_grants--;
			return;
		}
		g->file = file;
		g->origin = origin;
	}
	g->rights |= mask;
}
