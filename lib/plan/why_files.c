/* SPDX-License-Identifier: MIT */
/*
 * Questions about paths. The order of the layers is the kernel's (fs/namei.c, fs/open.c, fs/exec.c,
 * security/landlock/fs.c), so that the first to refuse gives the errno that a program sees.
 */
#include <fcntl.h>
#include <limits.h>

#include "why_internal.h"

#define ROOT_LAYER "root file system"
#define MAX_LINKS 40

struct files {
	struct nuc_why_state *w;
	struct nuc_why_tree tree;
	struct nuc_why_node node, dir; /* what the path leads to, and the directory that it is in */
	int depth;		       /* of interpreters */
};

/* ---- each layer ---------------------------------------------------------------------------------------- */

/* What would let it be made: it is a directory of the path that is missing, which a link may have led to. */
static char *fix_of_create(const struct files *f, const char *path)
{
	return path == f->w->q->target ? nuc_why_fix_parent(f->w, &f->tree, path)
				       : nuc_why_fix_tmpfs(f->w, &f->tree, path);
}

static void refuse_missing(struct files *f, int error)
{
	const struct nuc_why_node *n = &f->node;
	struct nuc_why_state *w = f->w;
	/* All of it, unless that is a link's, or leads elsewhere. */
	const char *target = w->q->target;
	const char *path = strstr(target, "/..") || !nuc_why_is_at(target, n->path) ? n->path : target;
	const char *what = nuc_sensitive_path(path);
	struct stat st;

	if (error == ENOTDIR) {
		nuc_why_refuse(w, ROOT_LAYER, ENOTDIR, NULL, NULL, "%s is not a directory",
			       f->dir.path);
		return;
	}
	/* The sandbox's root is as the plan made it, whatever happens. */
	w->inferred |= n->mount->kind != NUC_WHY_TMPFS || n->mount->src || !(n->mount->attr & NUC_ATTR_RO);
	if (n->mount->kind == NUC_WHY_BIND)
		nuc_why_refuse(w, ROOT_LAYER, ENOENT, nuc_why_origin(w->plan, n->mount->step), NULL,
			       "there is no %s on the host, which %s shows", n->host,
			       n->mount->path);
	else if (n->mount->src)
		nuc_why_refuse(w, ROOT_LAYER, ENOENT, nuc_why_origin(w->plan, n->mount->step), NULL,
			       "there is no %s on the host, of which %s is a copy", n->host,
			       n->mount->path);
	else if (n->mount->kind != NUC_WHY_TMPFS || !(n->mount->attr & NUC_ATTR_RO))
		nuc_why_refuse(w, ROOT_LAYER, ENOENT, NULL, NULL,
			       "there is no %s in the sandbox's own %s", path, n->mount->path);
	else if (nuc_why_host_has(w, path, &st, NULL))
		nuc_why_refuse(w, ROOT_LAYER, ENOENT, NULL,
			       w->q->asked == NUC_ASKED_CREATE ? fix_of_create(f, path)
							       : nuc_why_fix_volume(w, path),
			       "%s of the host is not shown, as all that the policy does not name%s%s", path,
			       what ? "; it holds " : "", what ? what : "");
	else
		nuc_why_refuse(w, ROOT_LAYER, ENOENT, NULL,
			       w->q->asked == NUC_ASKED_CREATE ? fix_of_create(f, path) : NULL,
			       "there is no %s, neither in the sandbox nor on the host", path);
}

static const char *whose_words(const struct nuc_why_node *n)
{
	return n->owner	     ? "the sandbox's user"
	       : n->unmapped ? "a user who is nobody inside"
			     : "somebody else";
}

/* Permission bits of a node; true if they refuse. */
static bool check_bits(struct files *f, const struct nuc_why_node *n, unsigned int want,
		       const char *verb)
{
	if (n->access == ENOENT) {
		nuc_why_refuse(f->w, "hidepid", ENOENT, NULL, NULL,
			       "%s is the sandbox's init, which is hidden", n->path);
		return true;
	}
	if (n->access) {
		f->w->inferred = true;
		nuc_why_refuse(f->w, "permissions", EACCES, NULL, NULL,
			       "the host does not let this user look at %s", n->host);
		return true;
	}
	if (n->unknown || nuc_why_permits(n, want))
		return false;
	f->w->inferred |= n->host[0] != '\0';
	nuc_why_refuse(f->w, "permissions", EACCES, NULL, NULL,
		       "%s may not be %s: it belongs to %s%s, mode %04o", n->path, verb,
		       whose_words(n), n->group && !n->owner ? " and the user's group" : "",
		       n->mode & 07777);
	return true;
}

static void check_writable(struct files *f, const struct nuc_why_node *n)
{
	const struct nuc_why_mount *m = n->mount;
	struct nuc_why_state *w = f->w;
	char words[4300];

	nuc_why_mount_words(w, m, words, sizeof(words));
	if (m->kind == NUC_WHY_MASK)
		nuc_why_refuse(w, "mask", EROFS, NULL, NULL, "%s is masked", m->path);
	else if (m->attr & NUC_ATTR_RO) {
		char *fix = m->path[1] ? nuc_why_fix_mount(w, m, false) : NULL;
		const char *dir = w->q->asked == NUC_ASKED_CREATE ? f->dir.path : NULL;

		/* Of the sandbox's own root only a part can be given. */
		if (!m->path[1] && dir)
			fix = nuc_why_fix_tmpfs(w, &f->tree, dir);
		nuc_why_refuse(w, "mount", EROFS, nuc_why_origin(w->plan, m->step), fix,
			       "%s is read-only", words);
	} else if (n->host_attr & NUC_ATTR_RO) {
		w->inferred = true;
		nuc_why_refuse(w, "mount", EROFS, NULL, NULL, "%s is read-only on the host itself",
			       n->host);
	}
}

static void check_landlock(struct files *f, const char *path, uint32_t need)
{
	nuc_why_landlock(f->w, &f->tree, f->node.mount, path, need);
}

/* ---- the walk -------------------------------------------------------------------------------------------- */

/* Leaves the next component of `*todo` in `name`; false when there is none. */
static bool next_component(char **todo, char name[NAME_MAX + 1], bool *ret_last)
{
	char *s = *todo + strspn(*todo, "/");
	size_t n = strcspn(s, "/");

	if (!n || n > NAME_MAX)
		return false;
	memcpy(name, s, n);
	name[n] = '\0';
	*todo = s + n;
	*ret_last = !s[n + strspn(s + n, "/")];
	return true;
}

static int step_to(struct files *f, char *at, size_t size, const char *name)
{
	size_t n = strlen(at);

	if (!strcmp(name, ".."))  {
		char *slash = strrchr(at, '/');

		slash[slash == at] = '\0';
	} else if (strcmp(name, ".") != 0) {
		if (n + strlen(name) + 2 > size)
			return -ENAMETOOLONG;
		snprintf(at + n, size - n, "%s%s", at[1] ? "/" : "", name);
	}
	nuc_why_look(&f->tree, at, &f->node);
	return 0;
}

/*
 * Leads f->node to what the path names, f->dir to the directory that it is in. Returns 1 when it got
 * there (the node itself may be missing), 0 when it was refused on the way, or -errno.
 */
static int walk(struct files *f, const char *path, bool follow)
{
	_cleanup_free_ char *buffer = strdup(path);
	char at[4096] = "/", name[NAME_MAX + 1], *todo = buffer;
	bool last = false;
	int links = 0, r;

	if (!buffer)
		return -ENOMEM;
	nuc_why_look(&f->tree, "/", &f->node);
	f->dir = f->node;
	while (next_component(&todo, name, &last)) {
		f->dir = f->node;
		if (!f->dir.unknown) {
			if (!f->dir.exists || !S_ISDIR(f->dir.mode)) {
				refuse_missing(f, f->dir.exists ? ENOTDIR : ENOENT);
				return 0;
			}
			if (check_bits(f, &f->dir, 1, "passed through"))
				return 0;
		}
		r = step_to(f, at, sizeof(at), name);
		if (r < 0)
			return r;
		if (f->dir.unknown)
			f->node.unknown = true;
		if (!f->node.exists && !f->node.unknown && !last) {
			if (f->node.access)
				check_bits(f, &f->node, 1, "passed through");
			else
				refuse_missing(f, ENOENT);
			return 0;
		}
		if (f->node.exists && S_ISLNK(f->node.mode) && (!last || follow)) {
			char *more;

			if (!f->node.link[0]) { /* into a process */
				f->node.unknown = true;
				f->node.exists = false;
				continue;
			}
			if (++links > MAX_LINKS) {
				nuc_why_refuse(f->w, ROOT_LAYER, ELOOP, NULL, NULL,
					       "%s leads through too many symbolic links", path);
				return 0;
			}
			more = nuc_strf("%s/%s", f->node.link, todo);
			if (!more)
				return -ENOMEM;
			if (f->node.link[0] == '/')
				strcpy(at, "/");
			else
				*(strrchr(at, '/') + (strrchr(at, '/') == at)) = '\0';
			f->w->inferred |= f->node.host[0] != '\0';
			free(buffer);
			todo = buffer = more;
			nuc_why_look(&f->tree, at, &f->node);
		}
	}
	return todo[strspn(todo, "/")] ? -ENAMETOOLONG : 1;
}

/* ---- what is asked ---------------------------------------------------------------------------------------- */

/* What a program sees of something that may be there or not: it was seen, or it is not known. */
static void settle_unknown(struct files *f)
{
	struct nuc_why_node *n = &f->node;

	if (!n->unknown)
		return;
	f->w->inferred = true;
	n->exists = true;
	n->owner = n->group = true;
	n->mode = (f->w->q->asked == NUC_ASKED_LIST ? S_IFDIR : S_IFREG) | 0700;
}

static void check_open(struct files *f)
{
	struct nuc_why_node *n = &f->node;
	bool write = f->w->q->asked == NUC_ASKED_WRITE;
	bool dir = S_ISDIR(n->mode);

	if (f->w->q->asked == NUC_ASKED_LIST && !dir) {
		nuc_why_refuse(f->w, ROOT_LAYER, ENOTDIR, NULL, NULL, "%s is not a directory", n->path);
		return;
	}
	if (write && dir) {
		nuc_why_refuse(f->w, ROOT_LAYER, EISDIR, NULL, NULL, "%s is a directory", n->path);
		return;
	}
	check_bits(f, n, write ? 2 : 4, write ? "written" : "read");
	if (n->mount->kind == NUC_WHY_MASK && !dir) {
		nuc_why_refuse(f->w, "mask", EACCES, NULL, NULL,
			       "%s is masked: it tells of the host, or of its secrets", n->path);
		return;
	}
	if ((S_ISCHR(n->mode) || S_ISBLK(n->mode)) &&
	    ((n->mount->attr | n->host_attr) & NUC_ATTR_NODEV))
		nuc_why_refuse(f->w, "mount", EACCES, NULL, NULL, "devices on %s do not work",
			       n->mount->path);
	/* Devices and pipes are written also where their file system is read-only. */
	if (write && S_ISREG(n->mode))
		check_writable(f, n);
	check_landlock(f, n->path, write ? NUC_LL_WRITE_FILE : dir ? NUC_LL_READ_DIR : NUC_LL_READ_FILE);
}

/* In a directory that is there. */
static void check_create(struct files *f)
{
	if (f->dir.mount->kind == NUC_WHY_PROC && !f->node.exists)
		nuc_why_refuse(f->w, ROOT_LAYER, ENOENT, NULL, NULL,
			       "nothing can be made in /proc");
	check_writable(f, &f->dir);
	check_landlock(f, f->dir.path, NUC_LL_MAKE_REG);
	if (!f->dir.unknown)
		check_bits(f, &f->dir, 3, "written");
}

static void check_remove(struct files *f)
{
	bool dir = S_ISDIR(f->node.mode);

	if (!f->node.path[1])
		nuc_why_refuse(f->w, ROOT_LAYER, EBUSY, NULL, NULL, "/ cannot be removed");
	check_writable(f, &f->dir);
	if (!f->node.exists) {
		refuse_missing(f, ENOENT);
		return;
	}
	check_landlock(f, f->dir.path, dir ? NUC_LL_REMOVE_DIR : NUC_LL_REMOVE_FILE);
	/* A process's own directory is immutable (proc_pid_instantiate()). */
	if (f->dir.mount->kind == NUC_WHY_PROC && f->dir.path[strlen("/proc")] &&
	    !strchr(f->dir.path + strlen("/proc/"), '/') && f->dir.owner)
		nuc_why_refuse(f->w, "permissions", EPERM, NULL, NULL,
			       "nothing in %s can be removed", f->dir.path);
	if (!f->dir.unknown && !check_bits(f, &f->dir, 3, "written") && (f->dir.mode & S_ISVTX) &&
	    !f->node.owner && !f->dir.owner)
		nuc_why_refuse(f->w, "permissions", EPERM, NULL, NULL,
			       "%s belongs to %s, and %s is sticky", f->node.path,
			       whose_words(&f->node), f->dir.path);
	if (!strcmp(f->node.path, f->node.mount->path))
		nuc_why_refuse(f->w, "mount", EBUSY,
			       nuc_why_origin(f->w->plan, f->node.mount->step), NULL,
			       "something is mounted on %s", f->node.path);
}

/* "/proc/self/exe": what is there is somewhere else, and no file of /proc. */
static bool leads_into_process(const struct nuc_why_node *n)
{
	return n->unknown && n->mount->kind == NUC_WHY_PROC;
}

static int check_exec(struct files *f, const char *path);

/* "#!/bin/sh" and the loader of a program: they are executed, too. */
static int check_interpreter(struct files *f)
{
	_cleanup_free_ char *about = nuc_strf("its interpreter, of %s: ", f->node.path);
	_cleanup_close_ int fd = -1;
	char head[256], *path = head + 2;
	ssize_t n;
	int r;

	if (!about)
		return -ENOMEM;
	if (f->depth >= 4)
		return 0;
	fd = nuc_why_open(&f->tree, f->node.path);
	n = fd < 0 ? 0 : read(fd, head, sizeof(head) - 1);
	if (n < 3 || memcmp(head, "#!", 2) != 0)
		return 0;
	f->w->inferred = true;
	head[n] = '\0';
	path += strspn(path, " \t");
	path[strcspn(path, " \t\n")] = '\0';
	if (path[0] != '/')
		return 0;
	f->depth++;
	f->w->about = about;
	r = check_exec(f, path);
	f->w->about = NULL;
	return r;
}

static int check_exec(struct files *f, const char *path)
{
	struct nuc_why_node *n = &f->node;
	struct nuc_why_state *w = f->w;
	size_t before = w->n;
	char words[4300];
	int r = walk(f, path, true);

	if (r <= 0)
		return r;
	if (leads_into_process(n)) {
		w->inferred = true;
		return 0;
	}
	settle_unknown(f);
	if (!n->exists) {
		if (!check_bits(f, n, 0, ""))
			refuse_missing(f, ENOENT);
		return 0;
	}
	if (!S_ISREG(n->mode)) {
		nuc_why_refuse(w, "permissions", EACCES, NULL, NULL, "%s is not a file", n->path);
		return 0;
	}
	nuc_why_mount_words(w, n->mount, words, sizeof(words));
	if (n->mount->attr & NUC_ATTR_NOEXEC)
		nuc_why_refuse(w, "mount", EACCES, nuc_why_origin(w->plan, n->mount->step),
			       nuc_why_fix_mount(w, n->mount, true),
			       "nothing may be executed from %s%s", words,
			       n->mount->kind == NUC_WHY_TMPFS
				       ? ", which is memory that programs can write"
				       : "");
	else if (n->host_attr & NUC_ATTR_NOEXEC) {
		w->inferred = true;
		nuc_why_refuse(w, "mount", EACCES, NULL, NULL,
			       "%s is on a file system that the host does not execute from",
			       n->host);
	}
	if (n->mode & 0111)
		check_bits(f, n, 1, "executed");
	else
		nuc_why_refuse(w, "permissions", EACCES, NULL, NULL,
			       "%s is not executable, mode %04o", n->path, n->mode & 07777);
	/* It is opened to be read, too (do_open_execat()). */
	check_landlock(f, n->path, NUC_LL_EXECUTE | NUC_LL_READ_FILE);
	return w->n == before ? check_interpreter(f) : 0;
}

static const char *env_of(const struct nuc_plan *p, const char *name)
{
	const char *s = nuc_plan_data(p, p->env.at), *end = s + p->env.len, *found = NULL;
	size_t n = strlen(name);

	for (; s < end; s += strlen(s) + 1)
		if (!strncmp(s, name, n) && s[n] == '=')
			found = s + n + 1;
	return found;
}

/* A name without a slash, as execvp(3) looks it up. */
static int find_program(struct files *f, const char *name, char ret[4096])
{
	const char *path = env_of(f->w->plan, "PATH"), *s = path ? path : "";

	while (*s) {
		size_t n = strcspn(s, ":");
		int r;

		if (snprintf(ret, 4096, "%.*s/%s", (int)n, s, name) < 4096) {
			size_t before = f->w->n;

			r = walk(f, ret, true);
			if (r < 0)
				return r;
			/* What refuses here is no answer: the next may be the one. */
			while (f->w->n > before) {
				f->w->n--;
				free(f->w->refusals[f->w->n].rule);
				free(f->w->refusals[f->w->n].fix);
			}
			if (r > 0 && f->node.exists)
				return 1;
		}
		s += n + (s[n] == ':');
	}
	f->w->inferred = true;
	nuc_why_refuse(f->w, ROOT_LAYER, ENOENT, NULL, NULL,
		       "there is no %s in the sandbox's PATH, %s", name,
		       path ? path : "which is not set");
	return 0;
}

static bool calls_pass(struct nuc_why_state *w)
{
	static const uint64_t none[6];
	const uint64_t reading[6] = { (uint64_t)AT_FDCWD, 0, O_RDONLY };
	const uint64_t listing[6] = { (uint64_t)AT_FDCWD, 0, O_RDONLY | O_DIRECTORY };
	const uint64_t writing[6] = { (uint64_t)AT_FDCWD, 0, O_WRONLY };
	const uint64_t making[6] = { (uint64_t)AT_FDCWD, 0, O_WRONLY | O_CREAT | O_EXCL, 0644 };

	switch (w->q->asked) {
	case NUC_ASKED_READ:
		return nuc_why_call_passes(w, "openat", reading);
	case NUC_ASKED_LIST:
		return nuc_why_call_passes(w, "openat", listing);
	case NUC_ASKED_WRITE:
		return nuc_why_call_passes(w, "openat", writing);
	case NUC_ASKED_CREATE:
		return nuc_why_call_passes(w, "openat", making);
	case NUC_ASKED_REMOVE:
		return nuc_why_call_passes(w, "unlink", none);
	case NUC_ASKED_EXEC:
		return nuc_why_call_passes(w, "execve", none);
	case NUC_ASKED_CONNECT:
		return nuc_why_call_passes(w, "connect", none);
	default:
		return true;
	}
}

static void check_last(struct files *f)
{
	struct nuc_why_state *w = f->w;
	bool create = w->q->asked == NUC_ASKED_CREATE;

	w->inferred |= f->node.exists && f->node.host[0];
	/* What may be there is not in the way of making it. */
	if (create && f->node.unknown) {
		w->inferred = true;
		f->node.exists = false;
	} else if (w->q->asked != NUC_ASKED_CREATE) {
		settle_unknown(f);
	}
	if (create) {
		if (f->node.exists && !w->q->error)
			nuc_why_refuse(w, ROOT_LAYER, EEXIST, NULL, NULL, "%s is there already",
				       f->node.path);
		check_create(f);
	} else if (w->q->asked == NUC_ASKED_REMOVE) {
		check_remove(f);
	} else if (!f->node.exists) {
		if (!check_bits(f, &f->node, 0, ""))
			refuse_missing(f, ENOENT);
		/* It might have been made first, or was refused so. */
		if (w->q->asked == NUC_ASKED_WRITE && w->q->error && w->q->error != ENOENT)
			check_create(f);
	} else if (w->q->asked == NUC_ASKED_CONNECT) {
		if (!S_ISSOCK(f->node.mode) && !f->node.unknown)
			nuc_why_refuse(w, ROOT_LAYER, ECONNREFUSED, NULL, NULL,
				       "%s is not a socket", f->node.path);
		check_bits(f, &f->node, 2, "connected to");
	} else {
		check_open(f);
	}
}

static void allow(struct files *f)
{
	const struct nuc_why_mount *m = f->node.mount;
	const struct nuc_why_node *n = &f->node;
	struct nuc_why_state *w = f->w;
	bool top = !strcmp(n->path, m->path);
	char words[4300];

	nuc_why_mount_words(w, m, words, sizeof(words));
	w->inferred |= n->host[0] != '\0';
	if (w->q->asked == NUC_ASKED_CONNECT)
		nuc_why_allow(w, "mount", nuc_why_origin(w->plan, m->step),
			      "%s is shown: whoever connects can do what its server does", n->path);
	else if (w->q->asked == NUC_ASKED_EXEC && leads_into_process(n))
		nuc_why_allow(w, "mount", NULL,
			      "what %s leads to is known to its process only; whether that may be executed is not "
			      "known", n->path);
	else
		nuc_why_allow(w, "mount", nuc_why_origin(w->plan, m->step), "%s%s%s%s",
			      top ? "" : n->path, top ? "" : " is in ", words,
			      !n->unknown || w->q->asked == NUC_ASKED_CREATE
				      ? ""
				      : "; whether it is there depends on what has run");
}

static int answer(struct files *f)
{
	struct nuc_why_state *w = f->w;
	const char *path = w->q->target;
	char found[4096];
	int r;

	if (!calls_pass(w))
		return 0;
	if (w->q->asked == NUC_ASKED_EXEC && *path && !strchr(path, '/')) {
		r = find_program(f, path, found);
		if (r <= 0)
			return r;
		path = found;
	}
	if (path[0] != '/')
		return -EINVAL;
	if (w->q->asked == NUC_ASKED_EXEC) {
		r = check_exec(f, path);
	} else {
		r = walk(f, path,
			 w->q->asked != NUC_ASKED_CREATE && w->q->asked != NUC_ASKED_REMOVE);
		if (r > 0)
			check_last(f);
	}
	if (r >= 0 && !w->n)
		allow(f);
	return r < 0 ? r : 0;
}

int nuc_why_files(struct nuc_why_state *w)
{
	struct files *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->w = w;
	r = nuc_why_tree(w->plan, &f->tree);
	if (r == 0)
		r = answer(f);
	nuc_why_tree_done(&f->tree);
	free(f);
	return r;
}
