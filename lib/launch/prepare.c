/* SPDX-License-Identifier: MIT */
/* What is made once per plan: memory files of init and plan, the host steps, the child's stack. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "compile.h"
#include "launch.h"

extern const char nuc_init_program[], nuc_init_program_end[];

/* A memory file that nobody can change any more, not even through /proc/1/exe (CVE-2019-5736). */
static int sealed_file(const char *name, const void *bytes, size_t len, unsigned int flags)
{
	_cleanup_close_ int fd = -1;
	size_t done = 0;

	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
	/* Before Linux 6.3 memory files have no executable flag, and are executable. */
	if (fd < 0 && errno == EINVAL && flags)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	fd = nuc_fd_above_stdio(fd);
	if (fd < 0)
		return fd;
	while (done < len) {
		ssize_t n = write(fd, (const char *)bytes + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return -errno;
	return NUC_TAKE_FD(fd);
}

int nuc_status_make(struct nuc_status *s, uint32_t size)
{
	void *page;

	s->fd = memfd_create("nucleus-status", MFD_CLOEXEC);
	if (s->fd < 0)
		return -errno;
	s->fd = nuc_fd_above_stdio(s->fd);
	if (s->fd < 0)
		return s->fd;
	if (ftruncate(s->fd, size) < 0)
		return -errno;
	page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	if (page == MAP_FAILED)
		return -errno;
	s->size = size;
	s->page = page;
	return 0;
}

void nuc_status_done(struct nuc_status *s)
{
	nuc_closep(&s->fd);
	if (s->page)
		munmap(s->page, s->size);
	*s = (struct nuc_status){ .fd = -1 };
}

int nuc_status_own(struct nuc_status *s, struct nuc_owner *owner)
{
	const uint32_t size = s->size;
	int r;

	if (nuc_owner_is_now(owner))
		return 0;
	nuc_status_done(s);
	r = nuc_status_make(s, size);
	if (r == 0)
		*owner = nuc_owner_now();
	return r;
}

static char *stack_new(void)
{
	char *stack = mmap(NULL, NUC_STACK_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

	if (stack == MAP_FAILED)
		return NULL;
	if (mprotect(stack + NUC_STACK_GUARD, NUC_STACK_SIZE - NUC_STACK_GUARD,
		     PROT_READ | PROT_WRITE) == 0)
		return stack;
	munmap(stack, NUC_STACK_SIZE);
	return NULL;
}

static void stack_free(char *stack)
{
	if (stack)
		munmap(stack, NUC_STACK_SIZE);
}

/* The host steps that are done once; the others are those of each launch. */
static int host_steps(struct nuc_prepared *p, struct nuc_usernses *usernses, nucleus_error **ret_err)
{
	const struct nuc_where memory = { .stage = "launch", .layer = "memory" };

	for (uint32_t i = 0; i < p->plan->n[NUC_PROG_HOST]; i++) {
		const struct nuc_step *s = nuc_plan_step(p->plan, p->plan->first[NUC_PROG_HOST] + i);
		int fd;

		if (s->op == NUC_OP_CGROUP) {
			p->groups = nuc_cgroup_parent_new(nuc_plan_data(p->plan, s->arg[0]),
							  nuc_plan_data(p->plan, s->arg[1]),
							  nuc_plan_data(p->plan, s->arg[2]));
			if (!p->groups)
				return nuc_fail(ret_err, -ENOMEM, &memory, "out of memory");
		}
		if (s->op != NUC_OP_IDMAP)
			continue;
		fd = nuc_usernses_take(usernses, nuc_plan_data(p->plan, s->arg[0]),
				       nuc_plan_data(p->plan, s->arg[1]));
		if (fd < 0) {
			const struct nuc_where where = { .stage = "launch", .layer = "user namespace" };

			return nuc_fail(ret_err, fd, &where,
					"cannot make a user namespace for idmapped mounts: %s",
					strerror(-fd));
		}
		p->slots[s->out] = fd;
	}
	return 0;
}

static int list_env(struct nuc_prepared *p)
{
	const char *s = nuc_plan_data(p->plan, p->plan->env.at), *end = s + p->plan->env.len;
	size_t n = 0;

	for (const char *e = s; e < end; e += strlen(e) + 1)
		n++;
	p->envp = calloc(n + 1, sizeof(*p->envp));
	if (!p->envp)
		return -ENOMEM;
	for (n = 0; s < end; s += strlen(s) + 1)
		p->envp[n++] = s;
	return 0;
}

struct nuc_shared_plan *nuc_shared_plan_ref(struct nuc_shared_plan *s)
{
	__atomic_add_fetch(&s->references, 1, __ATOMIC_RELAXED);
	return s;
}

void nuc_shared_plan_unref(struct nuc_shared_plan *s)
{
	if (!s || __atomic_sub_fetch(&s->references, 1, __ATOMIC_ACQ_REL))
		return;
	free(s->plan);
	free(s);
}

/* Takes the plan, also on failure. */
static struct nuc_shared_plan *share_plan(struct nuc_plan *plan)
{
	struct nuc_shared_plan *s = malloc(sizeof(*s));

	if (!s) {
		free(plan);
		return NULL;
	}
	*s = (struct nuc_shared_plan){ 1, plan };
	return s;
}

int nuc_prepare(struct nuc_plan *plan, struct nuc_usernses *usernses, struct nuc_prepared **ret,
		nucleus_error **ret_err)
{
	struct nuc_where where = { .stage = "launch", .layer = "memory" };
	struct nuc_shared_plan *shared = share_plan(plan);
	struct nuc_prepared *p = shared ? calloc(1, sizeof(*p)) : NULL;
	int r;

	if (!p) {
		nuc_shared_plan_unref(shared);
		return nuc_fail(ret_err, -ENOMEM, &where, "out of memory");
	}
	p->shared = shared;
	p->plan = plan;
	p->plan_fd = p->init_fd = p->status.fd = -1;
	p->owner = nuc_owner_now();
	p->kept = (struct nuc_kept)NUC_KEPT_NONE_YET;
	for (int i = 0; i < NUC_SLOTS; i++)
		p->slots[i] = -1;
	r = list_env(p);
	if (r == 0) {
		p->stack = stack_new();
		r = p->stack ? 0 : -ENOMEM;
	}
	if (r == 0) {
		r = p->init_fd = sealed_file("nucleus-init", nuc_init_program,
					     (size_t)(nuc_init_program_end - nuc_init_program),
					     0x10 /* MFD_EXEC, Linux 6.3 */);
		if (r == -EACCES)
			where.hint = "set the sysctl vm.memfd_noexec to 0 or 1 in this pid namespace";
	}
	if (r >= 0)
		r = p->plan_fd = sealed_file("nucleus-plan", plan, plan->size, 0);
	if (r >= 0)
		r = nuc_status_make(&p->status, nuc_progress_size(plan));
	if (r < 0) {
		nuc_prepared_free(p);
		return nuc_fail(ret_err, r, &where, "cannot make the memory files of a sandbox: %s",
				strerror(-r));
	}
	r = host_steps(p, usernses, ret_err);
	if (r < 0) {
		nuc_prepared_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

void nuc_prepared_free(struct nuc_prepared *p)
{
	if (!p)
		return;
	nuc_pool_free(p->pool);
	nuc_kept_done(&p->kept);
	nuc_closep(&p->init_fd);
	nuc_closep(&p->plan_fd);
	nuc_status_done(&p->status);
	for (int i = 0; i < NUC_SLOTS; i++)
		nuc_closep(&p->slots[i]);
	stack_free(p->stack);
	nuc_cgroup_parent_unref(p->groups);
	free(p->envp);
	nuc_shared_plan_unref(p->shared);
	free(p);
}
