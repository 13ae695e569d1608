/* SPDX-License-Identifier: MIT */
/* Which process this is: what was forked from it has all that is in its memory, and owns nothing of it. */
#include <stdatomic.h>
#include <sys/mman.h>

#include "launch.h"

/*
 * In a page that the kernel empties in each child that does not share this memory, whatever its pid namespace
 * (madvise(2), MADV_WIPEONFORK, Linux 4.14): nothing has to be asked to know. A child counts on from where its parent was.
 */
static _Atomic(_Atomic uint64_t *) page;
static _Atomic uint64_t last;

static _Atomic uint64_t *page_get(void)
{
	_Atomic uint64_t *have = atomic_load(&page), *new;

	if (have)
		return have;
	new = mmap(NULL, sizeof(*new), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (new == MAP_FAILED)
		return NULL;
	if (madvise(new, sizeof(*new), MADV_WIPEONFORK) == 0 && atomic_compare_exchange_strong(&page, &have, new))
		return new;
	munmap(new, sizeof(*new));
	return have; /* of another thread, which was here first */
}

struct nuc_owner nuc_owner_now(void)
{
	_Atomic uint64_t *number = page_get();
	uint64_t own = number ? atomic_load(number) : 0, new;

	if (number && !own) {
		new = atomic_fetch_add(&last, 1) + 1;
		if (atomic_compare_exchange_strong(number, &own, new))
			own = new;
	}
	return (struct nuc_owner){ own, own ? 0 : getpid() };
}

bool nuc_owner_is_now(const struct nuc_owner *o)
{
	_Atomic uint64_t *number = atomic_load(&page);

	return o->number ? number && atomic_load(number) == o->number : o->pid == getpid();
}
