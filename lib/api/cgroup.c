/* SPDX-License-Identifier: MIT */
/* What a caller may do about its control group, apart from any sandbox. */
#include <sys/types.h>

#include "cgroup.h"
#include "compile.h"

static int find(struct nuc_cgroup_place **ret, nucleus_error **ret_err)
{
	struct nuc_where where = { .stage = "launch", .layer = "cgroup" };
	_cleanup_free_ struct nuc_cgroup_place *place = calloc(1, sizeof(*place));
	int r = place ? nuc_cgroup_find(geteuid(), place) : -ENOMEM;

	if (r < 0)
		return nuc_fail(ret_err, r, &where, "out of memory");
	if (place->refused) {
		where.hint = nuc_cgroup_refused_mend(place->refused);
		return nuc_fail(ret_err, place->refused == NUC_CGROUP_BOUNDED ? -EPERM : -EOPNOTSUPP,
				&where, "%s",
				nuc_cgroup_refused_why(place->refused));
	}
	*ret = NUC_TAKE_PTR(place);
	return 0;
}

int nucleus_cgroup_settle(const nucleus_policy *policy, nucleus_error **ret_err)
{
	struct nuc_where where = { .stage = "launch",
				   .layer = "cgroup",
				   .hint = "have them run in a child of the unit's group (systemd 254: "
					   "DelegateSubgroup=)" };
	_cleanup_free_ struct nuc_cgroup_place *place = NULL;
	int r;

	if (!policy) {
		where.hint = NULL;
		return nuc_fail(ret_err, -EINVAL, &where, "a policy is wanted, not NULL");
	}
	if (!nuc_wants_controllers(policy))
		return 0;
	r = find(&place, ret_err);
	if (r < 0 || !place || !place->occupied)
		return r;
	if (!place->by_caller_only)
		return nuc_fail(ret_err, -EBUSY, &where, "other processes live in %s, too", place->path);
	r = nuc_cgroup_settle(place);
	where.hint = NULL;
	if (r < 0)
		return nuc_fail(ret_err, r, &where, "cannot move into a child of %s: %s", place->path,
				strerror(-r));
	return 1;
}

int nucleus_cleanup(nucleus_error **ret_err)
{
	const struct nuc_where where = { .stage = "launch", .layer = "cgroup" };
	_cleanup_free_ struct nuc_cgroup_place *place = NULL;
	int r = find(&place, ret_err);
	/* Where there can be no groups none were left. */
	bool none = r == -EOPNOTSUPP || r == -EPERM;

	if (none && ret_err) {
		nucleus_error_free(*ret_err);
		*ret_err = NULL;
	}
	if (r < 0)
		return none ? 0 : r;
	r = nuc_cgroup_collect(place->path);
	return r < 0 ? nuc_fail(ret_err, r, &where, "cannot remove the groups in %s: %s", place->path,
				strerror(-r))
		     : r;
}
