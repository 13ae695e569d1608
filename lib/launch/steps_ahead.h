/* SPDX-License-Identifier: MIT */
/*
 * Which steps of the child's program are performed once, by a maker (ahead.c) or for a root that is kept (kept.c),
 * and which for each sandbox. Part of child.c, which must be one translation unit to have no undefined symbol.
 */
#pragma once

#include "child.h"
#include "steps_mount.h"

static int is_at_or_below(const char *path, const char *top)
{
	while (*top && *path == *top) {
		path++;
		top++;
	}
	return !*top && (!*path || *path == '/');
}

/* In a file system that each sandbox has for itself, and that therefore is not there yet. */
static int is_in_own_mount(const struct nuc_context *c, const char *path, uint32_t before)
{
	for (uint32_t i = 0; i < before; i++) {
		const struct nuc_step *s = nuc_plan_step(c->plan, c->plan->first[NUC_PROG_CHILD] + i);
		const struct nuc_mount *m = nuc_plan_data(c->plan, s->arg[0]);

		if (s->op == NUC_OP_MOUNT && is_at_or_below(path, str(c, m->dst)))
			return 1;
	}
	return 0;
}

/*
 * Whether step `i` of the child's program is done once, by the maker, in the mount namespace of which each
 * sandbox gets a copy: what builds the root. What has a state, or tells of a namespace, is never shared.
 */
static int is_shared(const struct nuc_context *c, const struct nuc_step *s, uint32_t i)
{
	switch ((enum nuc_op)s->op) {
	case NUC_OP_PROPAGATION:
	case NUC_OP_ROOT:
	case NUC_OP_PIVOT:
		return 1;
	case NUC_OP_MKDIR:
	case NUC_OP_FILE:
		return !is_in_own_mount(c, str(c, s->arg[0]), i);
	case NUC_OP_SYMLINK:
		return !is_in_own_mount(c, str(c, s->arg[1]), i);
	case NUC_OP_BIND:
		return !is_in_own_mount(
			c, str(c, ((const struct nuc_bind *)nuc_plan_data(c->plan, s->arg[0]))->dst), i);
	default:
		return 0;
	}
}

/*
 * A user namespace may mount a procfs only where it sees one that hides nothing (mount_too_revealing(),
 * fs/namespace.c). That of the host is covered in each sandbox by its own, and locked below it.
 */
static long keep_proc(const struct nuc_context *c, const struct nuc_mount *m)
{
	const char *type = str(c, m->fstype);
	long tree, r;

	if (c->plan->privileged || type[0] != 'p' || type[1] != 'r')
		return 0;
	tree = nuc_sys(__NR_open_tree, AT_FDCWD_, "/proc",
		       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE_);
	if (tree < 0)
		return tree;
	r = set_attr(tree, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 1, -1);
	if (r == 0)
		r = attach(c, tree, str(c, m->dst));
	return closing(tree, r);
}

/* By itself, while its names are those of the host. */
static long open_namespaces(struct nuc_context *c)
{
	const long flags = O_RDONLY | O_CLOEXEC;
	long r = nuc_sys(__NR_openat, AT_FDCWD_, "/proc/self/ns/mnt", flags);

	if (r < 0)
		return r;
	c->root_fd = (int)r;
	if (c->plan->privileged)
		return 0;
	r = nuc_sys(__NR_openat, AT_FDCWD_, "/proc/self/ns/user", flags);
	if (r < 0)
		return r;
	c->users_fd = (int)r;
	return 0;
}

/*
 * From here on this process has a copy of the kept mounts, and no others: what is done next is its own. setns(2) leads
 * to the root of the namespace, which is not where a caller in a chroot has built: then nothing is done next.
 */
static long enter_copy(struct nuc_context *c)
{
	struct nuc_mounted is;
	/* One that has a user namespace was born there. */
	long r = c->users_fd >= 0 ? 0 : nuc_sys(__NR_setns, c->root_fd, CLONE_NEWNS);

	if (r == 0 && c->users_fd < 0)
		r = nuc_sys(__NR_unshare, CLONE_NEWNS);
	if (r == 0)
		r = nuc_sys(__NR_openat, AT_FDCWD_, "/", O_PATH_ | O_DIRECTORY | O_CLOEXEC);
	if (r < 0)
		return r;
	c->slots[NUC_SLOT_ROOT] = (int)r;
	c->has_users = 1;
	r = which_mount(r, &is);
	if (r < 0)
		return r;
	if (is.file.dev != c->root.file.dev || is.file.ino != c->root.file.ino)
		return -ESTALE;
	/* The same directory, mounted elsewhere: else this would still be what is kept. */
	return is.mount == c->root.mount ? -ESTALE : 0;
}

/* All is done that starts have in common. What is told in the caller's memory holds if `finished` does. */
static long hand_in(struct nuc_context *c)
{
	long r = which_mount(c->slots[NUC_SLOT_ROOT], &c->root);

	if (r == 0)
		r = send_fd(c, c->root_fd);
	if (r == 0 && !c->plan->privileged)
		r = send_fd(c, c->users_fd);
	if (r == 0)
		c->finished = 1;
	return r;
}

static long maker_step(struct nuc_context *c, const struct nuc_step *s, uint32_t i)
{
	long r;

	switch ((enum nuc_op)s->op) {
	case NUC_OP_CLOSE_FDS:
	case NUC_OP_EXEC_INIT:
		return c->keeps ? 0 : nuc_run_step(c, s);
	case NUC_OP_DIE_WITH_CALLER:
		return c->keeps ? nuc_run_step(c, s) : 0;
	case NUC_OP_MAP_SETGROUPS:
		return nuc_run_step(c, s);
	/* Of its own: each sandbox has a user namespace below this one. */
	case NUC_OP_MAP_UID:
		return write_to(str(c, s->arg[0]), c->own_map[0]);
	case NUC_OP_MAP_GID:
		return write_to(str(c, s->arg[0]), c->own_map[1]);
	case NUC_OP_MOUNT:
		return keep_proc(c, nuc_plan_data(c->plan, s->arg[0]));
	default:
		if (!is_shared(c, s, i))
			return 0;
		r = nuc_run_step(c, s);
		if (c->keeps && r >= 0)
			c->kept[i] = 1;
		return r;
	}
}

/* 0 or more, or -errno; `*ret_done`: it was not left out. */
static long start_step(struct nuc_context *c, const struct nuc_step *s, uint32_t i, int *ret_done)
{
	*ret_done = 1;
	if (c->own_map[0])
		return maker_step(c, s, i);
	if (c->root_fd < 0)
		return nuc_run_step(c, s);
	/* The first step that is about mounts: until then they may be the caller's. */
	if (s->op == NUC_OP_PROPAGATION)
		return enter_copy(c);
	if (!c->kept[i])
		return nuc_run_step(c, s);
	*ret_done = 0;
	return 0;
}

int nuc_enter_main(void *context)
{
	struct nuc_context *c = context;
	long r = nuc_sys(__NR_setns, c->users_fd, CLONE_NEWUSER);

	if (r == 0)
		r = nuc_sys(__NR_setns, c->root_fd, CLONE_NEWNS);
	/*
	 * As vfork(2): this one waits in the kernel until the other executes init. They share this frame, where the other,
	 * which calls what is not inlined, leaves nothing.
	 */
	if (r == 0)
		r = nuc_sys(__NR_clone3, &c->clone, sizeof(c->clone));
	if (r == 0)
		nuc_sys(__NR_exit, nuc_child_main(c));
	/* Its number is the kernel's to write, before it runs: this one may be killed before it could. */
	if (r < 0)
		*c->cloned = (int32_t)r;
	c->finished = 1;
	return 0;
}

long nuc_run_rest(struct nuc_context *c, volatile uint32_t *step)
{
	uint32_t first = c->plan->first[NUC_PROG_CHILD];
	/* That of the copy: what the maker has open is still of its own namespace. */
	long r = nuc_sys(__NR_openat, AT_FDCWD_, "/", O_PATH_ | O_DIRECTORY | O_CLOEXEC);

	if (r < 0)
		return r;
	c->slots[NUC_SLOT_ROOT] = (int)r;
	for (uint32_t i = 0; i < c->plan->n[NUC_PROG_CHILD]; i++) {
		const struct nuc_step *s = nuc_plan_step(c->plan, first + i);

		/* They watch the caller's pidfd: the signal would follow the thread that had them made. */
		if (is_shared(c, s, i) || s->op == NUC_OP_DIE_WITH_CALLER || s->op == NUC_OP_CLOSE_FDS ||
		    s->op == NUC_OP_EXEC_INIT)
			continue;
		*step = first + i;
		r = nuc_run_step(c, s);
		if (r < 0)
			return r;
	}
	forget_parent(c);
	closing(c->slots[NUC_SLOT_ROOT], 0);
	c->slots[NUC_SLOT_ROOT] = -1;
	return 0;
}
