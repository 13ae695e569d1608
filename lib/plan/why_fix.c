/* SPDX-License-Identifier: MIT */
/* What would allow a path that is refused, as the flag that a person can give, and what that opens. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include "why_internal.h"

static bool wants_write(const struct nuc_why_state *w)
{
	return w->q->asked == NUC_ASKED_WRITE || w->q->asked == NUC_ASKED_CREATE ||
	       w->q->asked == NUC_ASKED_REMOVE;
}

/*
 * Whether the host has it. To look is an act where it makes automount ask a server, or a dead one's file
 * system wait: for a path that a program chose, only what the kernel has at hand (RESOLVE_CACHED, Linux
 * 5.12) or on the root's own file system. `ret_real` (may be NULL): where it is, without links.
 */
bool nuc_why_host_has(const struct nuc_why_state *w, const char *path, struct stat *ret,
		      char ret_real[4096])
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS };
	_cleanup_close_ int fd = -1;
	char self[64];
	ssize_t n;

	if (w->q->by_program)
		how.resolve |= RESOLVE_CACHED;
	fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	if (fd < 0 && errno == EAGAIN && w->q->by_program) {
		how.resolve = RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
		fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	}
	if (fd < 0 || fstat(fd, ret) < 0)
		return false;
	if (!ret_real)
		return true;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	n = readlink(self, ret_real, 4095);
	ret_real[n < 0 ? 0 : n] = '\0';
	return n > 0 && ret_real[0] == '/';
}

/*
 * "--volume PATH:PATH:ro", with what that opens; NULL where there is nothing to bind. A link is bound as
 * what it leads to, and a program may have made it for that: it is named, and judged, by that.
 */
char *nuc_why_fix_volume(const struct nuc_why_state *w, const char *path)
{
	static const char *const own[] = { "/proc", "/dev", "/sys" };
	bool write = wants_write(w);
	_cleanup_free_ char *value = NULL, *opens = NULL;
	char real[4096];
	const char *what;
	struct stat st;

	if (!path[1] || strchr(path, ':') || !nuc_why_host_has(w, path, &st, real) || !real[1] ||
	    strchr(real, ':') ||
	    (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode) && !S_ISSOCK(st.st_mode)))
		return NULL;
	for (size_t i = 0; i < NUC_ARRAY_SIZE(own); i++)
		if (nuc_why_is_at(path, own[i]) || nuc_why_is_at(real, own[i]))
			return NULL;
	what = nuc_sensitive_path(real);
	if (!what)
		what = nuc_sensitive_path(path);
	value = nuc_strf("%s:%s:%s", real, path, write ? "rw" : "ro");
	opens = nuc_strf("%s%s%s", what ? what : "", what && write ? "; " : "",
			 write ? "what it writes there stays on the host" : "");
	return value && opens ? nuc_why_flag(NUC_OPT_VOLUMES, value, *opens ? opens : NULL) : NULL;
}

/* "--tmpfs DIR", unless something of the sandbox's own is there, which it would hide. */
char *nuc_why_fix_tmpfs(const struct nuc_why_state *w, const struct nuc_why_tree *t,
			const char *dir)
{
	const struct nuc_plan *p = w->plan;

	if (!dir[1] || nuc_why_is_at(dir, "/proc") || nuc_why_is_at(dir, "/dev") ||
	    nuc_why_is_at(dir, "/sys") || strchr(dir, ':'))
		return NULL;
	for (size_t i = 0; i < t->n; i++)
		if (nuc_why_is_at(t->mounts[i].path, dir))
			return NULL;
	for (uint32_t i = 0; i < p->n[NUC_PROG_CHILD]; i++) {
		const struct nuc_step *s = nuc_plan_step(p, p->first[NUC_PROG_CHILD] + i);

		if ((s->op == NUC_OP_MKDIR || s->op == NUC_OP_FILE) &&
		    nuc_why_is_at(nuc_why_text(p, s->arg[0]), dir))
			return NULL;
		if (s->op == NUC_OP_SYMLINK && nuc_why_is_at(nuc_why_text(p, s->arg[1]), dir))
			return NULL;
	}
	return nuc_why_flag(NUC_OPT_TMPFS, dir, NULL);
}

char *nuc_why_fix_parent(const struct nuc_why_state *w, const struct nuc_why_tree *t,
			 const char *path)
{
	_cleanup_free_ char *dir = strdup(path);
	size_t n = dir ? strlen(dir) : 0;

	while (n > 1 && dir[n - 1] == '/')
		n--;
	while (n > 1 && dir[n - 1] != '/')
		n--;
	while (n > 1 && dir[n - 1] == '/')
		n--;
	if (!n)
		return NULL;
	dir[n] = '\0';
	return nuc_why_fix_tmpfs(w, t, dir);
}

static bool is_workspace(const struct nuc_why_mount *m)
{
	return !strcmp(m->path, "/workspace");
}

static bool is_volume(const struct nuc_why_state *w, const struct nuc_why_mount *m)
{
	return m->users && !is_workspace(m) && strcmp(m->path, "/context") != 0 &&
	       nuc_why_origin(w->plan, m->step);
}

/* For a mount that is not writable, or not executable. */
char *nuc_why_fix_mount(const struct nuc_why_state *w, const struct nuc_why_mount *m, bool exec)
{
	_cleanup_free_ char *value = NULL;

	if (is_workspace(m))
		return exec ? nuc_why_flag(NUC_OPT_WORKSPACE_EXEC, "true",
					   "what it writes there can be run")
			    : nuc_why_flag(NUC_OPT_WORKSPACE_MODE, "bind-rw",
					   "what it writes there stays on the host");
	if (!is_volume(w, m) || strchr(m->src, ':') || strchr(m->path, ':'))
		return NULL;
	value = nuc_strf("%s:%s:rw%s", m->src, m->path, exec ? ",exec" : "");
	return value ? nuc_why_flag(NUC_OPT_VOLUMES, value,
				    exec ? "what it writes there can be run"
					 : "what it writes there stays on the host")
		     : NULL;
}

/* "the workspace (/srv/x on the host)". */
void nuc_why_mount_words(const struct nuc_why_state *w, const struct nuc_why_mount *m, char *ret,
			 size_t size)
{
	if (m->kind == NUC_WHY_BIND && is_workspace(m))
		snprintf(ret, size, "the workspace (%s on the host)", m->src);
	else if (m->kind == NUC_WHY_BIND && !strcmp(m->path, "/context"))
		snprintf(ret, size, "the context (%s on the host)", m->src);
	else if (m->kind == NUC_WHY_BIND && is_volume(w, m))
		snprintf(ret, size, "the volume %s (%s on the host)", m->path, m->src);
	else if (m->kind == NUC_WHY_BIND && !strcmp(m->path, m->src))
		snprintf(ret, size, "the host's %s", m->src);
	else if (m->kind == NUC_WHY_BIND)
		snprintf(ret, size, "%s (%s on the host)", m->path, m->src);
	else if (!m->path[1])
		snprintf(ret, size, "the sandbox's root file system");
	else
		snprintf(ret, size, "%s", m->path);
}
