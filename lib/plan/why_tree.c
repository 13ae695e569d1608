/* SPDX-License-Identifier: MIT */
/* The tree that a plan builds: which mount a path is on, and what is there. */
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include "why_internal.h"

static struct nuc_why_mount *add(struct nuc_why_tree *t, const char *path, enum nuc_why_kind kind,
				 uint32_t attr, const struct nuc_step *s)
{
	struct nuc_why_mount *m = reallocarray(t->mounts, t->n + 1, sizeof(*m));

	if (!m)
		return NULL;
	t->mounts = m;
	m += t->n++;
	*m = (struct nuc_why_mount){ .path = path, .kind = kind, .attr = attr, .step = s, .is_dir = true };
	return m;
}

bool nuc_why_is_at(const char *path, const char *top)
{
	size_t n = strlen(top);

	if (n == 1)
		return true;
	return !strncmp(path, top, n) && (!path[n] || path[n] == '/');
}

/* The mount that a path is on: the deepest, and of those the last. */
static struct nuc_why_mount *mount_of(const struct nuc_why_tree *t, const char *path)
{
	const struct nuc_why_mount *found = NULL;

	for (size_t i = 0; i < t->n; i++)
		if (nuc_why_is_at(path, t->mounts[i].path) &&
		    (!found || strlen(t->mounts[i].path) >= strlen(found->path)))
			found = &t->mounts[i];
	return (struct nuc_why_mount *)found;
}

static enum nuc_why_kind kind_of(const char *fstype)
{
	return !strcmp(fstype, "proc")	  ? NUC_WHY_PROC
	       : !strcmp(fstype, "devpts") ? NUC_WHY_DEVPTS
	       : !strcmp(fstype, "tmpfs")  ? NUC_WHY_TMPFS
					   : NUC_WHY_CGROUP;
}

static int add_step(struct nuc_why_tree *t, const struct nuc_step *s)
{
	const uint32_t all = NUC_ATTR_RO | NUC_ATTR_NOSUID | NUC_ATTR_NODEV | NUC_ATTR_NOEXEC;
	const struct nuc_plan *p = t->plan;
	struct nuc_why_mount *m, *on;

	switch (s->op) {
	case NUC_OP_ROOT:
	case NUC_OP_MOUNT: {
		const struct nuc_mount *mount = nuc_plan_data(p, s->arg[s->op == NUC_OP_ROOT]);

		m = add(t, nuc_why_text(p, mount->dst), kind_of(nuc_why_text(p, mount->fstype)),
			mount->attr, s);
		break;
	}
	case NUC_OP_BIND: {
		const struct nuc_bind *bind = nuc_plan_data(p, s->arg[0]);

		m = add(t, nuc_why_text(p, bind->dst), NUC_WHY_BIND, bind->attr, s);
		if (m) {
			m->src = nuc_why_text(p, bind->src);
			m->is_dir = bind->is_dir;
			m->idmap = s->in != NUC_NO_SLOT;
			m->users = s->flags & NUC_STEP_USER;
		}
		break;
	}
	case NUC_OP_MASK:
		m = add(t, nuc_why_text(p, s->arg[0]), NUC_WHY_MASK, all, s);
		if (m)
			m->is_dir = s->arg[1];
		break;
	case NUC_OP_READONLY:
		on = mount_of(t, nuc_why_text(p, s->arg[0]));
		if (!on)
			return 0;
		if (s->arg[1]) {
			on->attr |= NUC_ATTR_RO;
			return 0;
		}
		m = add(t, nuc_why_text(p, s->arg[0]), on->kind, all, s);
		break;
	case NUC_OP_ROOT_READONLY:
		mount_of(t, "/")->attr |= NUC_ATTR_RO;
		return 0;
	default:
		return 0;
	}
	return m ? 0 : -ENOMEM;
}

int nuc_why_tree(const struct nuc_plan *plan, struct nuc_why_tree *ret)
{
	uint32_t first = plan->first[NUC_PROG_CHILD], host = plan->first[NUC_PROG_HOST];
	int r = 0;

	*ret = (struct nuc_why_tree){ .plan = plan };
	for (uint32_t i = 0; r == 0 && i < plan->n[NUC_PROG_CHILD]; i++)
		r = add_step(ret, nuc_plan_step(plan, first + i));
	for (uint32_t i = 0; r == 0 && i < plan->n[NUC_PROG_HOST]; i++) {
		const struct nuc_step *s = nuc_plan_step(plan, host + i);
		const struct nuc_bind *bind = nuc_plan_data(plan, s->arg[1]);

		if (s->op == NUC_OP_COPY)
			mount_of(ret, nuc_why_text(plan, bind->dst))->src = nuc_why_text(plan, bind->src);
	}
	return r;
}

void nuc_why_tree_done(struct nuc_why_tree *t)
{
	free(t->mounts);
}

void nuc_why_host_path(const struct nuc_why_tree *t, const char *path, char ret[4096])
{
	const struct nuc_why_mount *m = mount_of(t, path);

	ret[0] = '\0';
	if (m->kind == NUC_WHY_BIND)
		snprintf(ret, 4096, "%s%s", m->src, path + strlen(m->path));
}

/* ---- what steps made -------------------------------------------------------------------------------- */

/* What the child makes is the caller's: without capabilities that is the program's user. */
static void made(const struct nuc_plan *p, struct nuc_why_node *n, mode_t mode, bool users)
{
	n->exists = true;
	n->mode = mode;
	n->owner = n->group = users || !p->privileged;
}

static bool made_by_step(const struct nuc_plan *p, const struct nuc_step *s, struct nuc_why_node *n)
{
	uint32_t at = s->op == NUC_OP_SYMLINK ? s->arg[1] : s->arg[0];

	if (s->op != NUC_OP_MKDIR && s->op != NUC_OP_FILE && s->op != NUC_OP_SYMLINK)
		return false;
	if (strcmp(nuc_why_text(p, at), n->path) != 0)
		return false;
	if (s->op == NUC_OP_MKDIR)
		made(p, n, S_IFDIR | (s->arg[1] & 07777), s->arg[2]);
	else if (s->op == NUC_OP_FILE)
		made(p, n, S_IFREG | (s->arg[2] & 07777), false);
	else
		made(p, n, S_IFLNK | 0777, false);
	if (s->op == NUC_OP_SYMLINK)
		snprintf(n->link, sizeof(n->link), "%s", nuc_why_text(p, s->arg[0]));
	return true;
}

static const char *option(const struct nuc_plan *p, const struct nuc_mount *m, const char *key)
{
	size_t n = strlen(key);

	for (const char *o = nuc_why_text(p, m->options); *o; o += strlen(o) + 1)
		if (!strncmp(o, key, n) && o[n] == '=')
			return o + n + 1;
	return NULL;
}

static void top_of_tmpfs(const struct nuc_plan *p, struct nuc_why_node *n)
{
	const struct nuc_step *s = n->mount->step;
	const struct nuc_mount *m = nuc_plan_data(p, s->arg[s->op == NUC_OP_ROOT]);
	const char *mode = option(p, m, "mode");

	made(p, n, S_IFDIR | (mode ? (mode_t)strtoul(mode, NULL, 8) : 01777),
	     option(p, m, "uid") != NULL);
}

/* ---- what is on the host ----------------------------------------------------------------------------- */

static int open_beneath(const char *top, const char *rest)
{
	struct open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS };
	_cleanup_close_ int fd = (int)syscall(SYS_openat2, AT_FDCWD, top, &how, sizeof(how));
	int below;

	if (fd < 0)
		return -errno;
	if (!*rest)
		return NUC_TAKE_FD(fd);
	how.resolve |= RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
	below = (int)syscall(SYS_openat2, fd, rest, &how, sizeof(how));
	return below < 0 ? -errno : below;
}

int nuc_why_open(const struct nuc_why_tree *t, const char *path)
{
	const struct nuc_why_mount *m = mount_of(t, path);
	const char *rest = path + strlen(m->path);
	_cleanup_close_ int at = -1;
	char self[64];
	struct stat st;
	int fd;

	if (m->kind != NUC_WHY_BIND)
		return -EINVAL;
	at = open_beneath(m->src, rest + (*rest == '/'));
	if (at < 0)
		return at;
	if (fstat(at, &st) < 0 || !S_ISREG(st.st_mode))
		return -EINVAL;
	/* The very file that was looked at: what else could be swapped in may wait, or act. */
	snprintf(self, sizeof(self), "/proc/self/fd/%d", at);
	fd = open(self, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static bool is_in_group(gid_t gid)
{
	gid_t groups[256];
	int n = getgroups((int)NUC_ARRAY_SIZE(groups), groups);

	for (int i = 0; i < n; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

/* Whose it is to the program's user. */
static void whose(const struct nuc_plan *p, struct nuc_why_node *n, const struct stat *st)
{
	const struct nuc_why_mount *m = n->mount;

	if (m->idmap) {
		const struct nuc_step *map = NULL;
		unsigned long uid = 0, gid = 0;

		for (uint32_t i = 0; i < p->n[NUC_PROG_HOST]; i++) {
			const struct nuc_step *s = nuc_plan_step(p, p->first[NUC_PROG_HOST] + i);

			if (s->op == NUC_OP_IDMAP && s->out == m->step->in)
				map = s;
		}
		if (map) {
			uid = strtoul(nuc_why_text(p, map->arg[0]), NULL, 10);
			gid = strtoul(nuc_why_text(p, map->arg[1]), NULL, 10);
		}
		n->owner = map && st->st_uid == uid;
		n->group = map && st->st_gid == gid;
		/* The kernel lets nobody write what belongs to an id that is not mapped (fs/namei.c). */
		n->unmapped = !n->owner || !n->group;
		return;
	}
	if (m->kind == NUC_WHY_TMPFS) { /* a copy */
		n->owner = n->group = true;
		return;
	}
	n->owner = st->st_uid == p->host_uid;
	n->group = st->st_gid == p->host_gid ||
		   (!p->privileged && p->host_uid == geteuid() && is_in_group(st->st_gid));
}

static uint32_t attr_of_host(int fd)
{
	struct statvfs v;

	if (fstatvfs(fd, &v) < 0)
		return 0;
	return (v.f_flag & ST_RDONLY ? NUC_ATTR_RO : 0) |
	       (v.f_flag & ST_NODEV ? NUC_ATTR_NODEV : 0) |
	       (v.f_flag & ST_NOEXEC ? NUC_ATTR_NOEXEC : 0);
}

static void look_on_host(const struct nuc_plan *p, struct nuc_why_node *n, const char *top,
			 const char *rest)
{
	_cleanup_close_ int fd = open_beneath(top, rest);
	struct stat st;

	snprintf(n->host, sizeof(n->host), "%s%s%s", top, *rest && top[1] ? "/" : "", rest);
	if (fd < 0) {
		if (fd != -ENOENT && fd != -ENOTDIR)
			n->access = -fd;
		return;
	}
	if (fstat(fd, &st) < 0)
		return;
	if (S_ISLNK(st.st_mode)) {
		ssize_t len = readlinkat(fd, "", n->link, sizeof(n->link) - 1);

		n->link[len < 0 ? 0 : len] = '\0';
	}
	n->exists = true;
	n->mode = st.st_mode;
	whose(p, n, &st);
	if (n->mount->kind == NUC_WHY_BIND)
		n->host_attr = attr_of_host(fd);
}

/* ---- /proc ------------------------------------------------------------------------------------------- */

/*
 * The kernel's own files are the same for everybody; those of a process are looked at in this one's.
 * Other processes are there or not as it happens; none of them is the host's.
 */
static void look_in_proc(const struct nuc_plan *p, struct nuc_why_node *n)
{
	const char *rest = n->path + strlen("/proc");
	size_t digits = *rest == '/' ? strspn(rest + 1, "0123456789") : 0;
	bool self = !strncmp(rest, "/self/", 6) || !strncmp(rest, "/thread-self/", 13);
	char path[4096 + 32];

	if (digits && (!rest[1 + digits] || rest[1 + digits] == '/')) {
		n->unknown = !(digits == 1 && rest[1] == '1');
		/* Init is not dumpable, so that hidepid hides what is in it (proc_pid_permission()). */
		if (!n->unknown && !rest[2])
			made(p, n, S_IFDIR | 0555, false);
		if (!n->unknown && p->mechanisms & (1u << NUC_MECH_HIDEPID))
			n->access = ENOENT;
		return;
	}
	if (!strcmp(rest, "/self") || !strcmp(rest, "/thread-self")) {
		made(p, n, S_IFDIR | 0555, true);
		return;
	}
	if (self) {
		bool thread = rest[1] == 't';

		snprintf(path, sizeof(path), "/proc/%d%s", (int)getpid(),
			 rest + strlen(thread ? "/thread-self" : "/self"));
		look_on_host(p, n, path, "");
	} else {
		look_on_host(p, n, "/proc", *rest ? rest + 1 : "");
	}
	n->host[0] = '\0';
	n->owner = n->group = self && n->exists;
	if (self && n->exists && S_ISLNK(n->mode)) {
		const char *name = strrchr(n->path, '/') + 1;

		/* Links into the process: the target's name says nothing to a walk. */
		if (!strcmp(name, "cwd"))
			snprintf(n->link, sizeof(n->link), "%s", nuc_why_text(p, p->cwd));
		else if (!strcmp(name, "root"))
			snprintf(n->link, sizeof(n->link), "/");
		else
			n->link[0] = '\0';
	}
}

/* ---- all of it --------------------------------------------------------------------------------------- */

void nuc_why_look(const struct nuc_why_tree *t, const char *path, struct nuc_why_node *ret)
{
	const struct nuc_plan *p = t->plan;
	const struct nuc_why_mount *m = mount_of(t, path);
	const char *rest = path + (m->path[1] ? strlen(m->path) : 0);

	*ret = (struct nuc_why_node){ .mount = m };
	snprintf(ret->path, sizeof(ret->path), "%s", path);
	rest += *rest == '/';
	switch (m->kind) {
	case NUC_WHY_MASK:
		if (!*rest)
			made(p, ret, m->is_dir ? S_IFDIR | 0755 : S_IFCHR | 0666, false);
		return;
	case NUC_WHY_BIND:
		look_on_host(p, ret, m->src, rest);
		return;
	case NUC_WHY_PROC:
		look_in_proc(p, ret);
		return;
	case NUC_WHY_CGROUP:
		/* As the host's topmost group; which files depends on the controllers. */
		ret->unknown = *rest;
		if (!*rest)
			made(p, ret, S_IFDIR | 0555, false);
		return;
	case NUC_WHY_DEVPTS:
		if (!*rest || !strcmp(rest, "ptmx"))
			made(p, ret, *rest ? S_IFCHR | 0666 : S_IFDIR | 0755, false);
		else
			ret->unknown = true;
		return;
	case NUC_WHY_TMPFS:
		break;
	}
	if (!*rest) {
		top_of_tmpfs(p, ret);
		return;
	}
	for (uint32_t i = 0; i < p->n[NUC_PROG_CHILD] && !ret->exists; i++)
		made_by_step(p, nuc_plan_step(p, p->first[NUC_PROG_CHILD] + i), ret);
	if (!ret->exists && m->src)
		look_on_host(p, ret, m->src, rest);
	/* Begins empty, and is the programs' own. */
	else if (!ret->exists && !(m->attr & NUC_ATTR_RO))
		ret->unknown = true;
}

bool nuc_why_permits(const struct nuc_why_node *n, unsigned int want)
{
	unsigned int bits = n->owner ? n->mode >> 6 : n->group ? n->mode >> 3 : n->mode;

	return (bits & want & 7) == want && !((want & 2) && n->unmapped);
}
