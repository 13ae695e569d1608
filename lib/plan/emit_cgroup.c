/* SPDX-License-Identifier: MIT */
/*
 * Limits by control group. The group is made by the caller before the child is, which is born in it
 * (CLONE_INTO_CGROUP, clone3(2)): no instruction of the sandbox runs outside.
 */
#include <sys/sysmacros.h>

#include "builder.h"

/* A file of the group and what is written to it. */
struct setting {
	enum nuc_option_id id; /* that asked for it; NUC_OPT_CGROUP: we did */
	const char *controller, *file, *origin;
	char *value;
};

struct settings {
	struct setting list[64];
	size_t n;
	bool asked;
};

static void settings_free(struct settings *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->list[i].value);
}

/* Takes `value`; NULL is a lack of memory. */
static int put(struct settings *s, enum nuc_option_id id, const char *controller, const char *file,
	       const char *origin, char *value)
{
	if (!value)
		return -ENOMEM;
	if (s->n == NUC_ARRAY_SIZE(s->list)) {
		free(value);
		return -E2BIG;
	}
	s->list[s->n++] = (struct setting){ id, controller, file, origin, value };
	return 0;
}

/* ---- what each option writes ------------------------------------------------------------------- */

static char *number_value(struct nuc_builder *b, enum nuc_option_id id)
{
	return nuc_strf("%lld", (long long)nuc_policy_int(b->policy, id));
}

/* Microseconds of each period of 100 ms (cgroup-v2.rst, "CPU Interface Files"). */
static char *cpus_value(struct nuc_builder *b, enum nuc_option_id id)
{
	return nuc_strf("%lld 100000", (long long)nuc_policy_int(b->policy, id) * 100);
}

static char *text_value(struct nuc_builder *b, enum nuc_option_id id)
{
	return strdup(nuc_policy_str(b->policy, id));
}

static const struct limit {
	enum nuc_option_id id;
	const char *controller, *file;
	char *(*value)(struct nuc_builder *b, enum nuc_option_id id);
} limits[] = {
	{ NUC_OPT_MEMORY, "memory", "memory.max", number_value },
	{ NUC_OPT_MEMORY_HIGH, "memory", "memory.high", number_value },
	{ NUC_OPT_SWAP, "memory", "memory.swap.max", number_value },
	{ NUC_OPT_CPUS, "cpu", "cpu.max", cpus_value },
	{ NUC_OPT_CPU_WEIGHT, "cpu", "cpu.weight", number_value },
	{ NUC_OPT_CPUSET, "cpuset", "cpuset.cpus", text_value },
	{ NUC_OPT_PIDS, "pids", "pids.max", number_value },
};

bool nuc_wants_controllers(const nucleus_policy *policy)
{
	for (size_t i = 0; i < NUC_ARRAY_SIZE(limits); i++)
		if (nuc_policy_is_set(policy, limits[i].id))
			return true;
	return nuc_policy_count(policy, NUC_OPT_IO_MAX) > 0;
}

/* "8:0 wbps=1048576 wiops=100", in the order of the names. */
static int io_setting(struct nuc_builder *b, struct settings *s, size_t i)
{
	const char *origin = nuc_policy_item_origin(b->policy, NUC_OPT_IO_MAX, i);
	_cleanup_free_ struct nuc_look *l = calloc(1, sizeof(*l));
	_cleanup_buf_ struct nuc_buf value = { 0 };
	struct nuc_io_max m;
	char *text;
	int r = nuc_parse_io_max(nuc_policy_item(b->policy, NUC_OPT_IO_MAX, i), &m);

	if (r < 0)
		return r;
	if (!l)
		return -ENOMEM;
	if (m.device[0] == '/') {
		r = b->world->look(b->world, m.device, true, l);
		if (r < 0 || !S_ISBLK(l->mode))
			return nuc_b_fail(b, r < 0 ? r : -ENOTBLK, "cgroup", origin,
					  "name the disk: `lsblk` lists them, `findmnt -no SOURCE "
					  "--target PATH` tells what a path is on",
					  "%s is not a block device%s%s", m.device, r < 0 ? ": " : "",
					  r < 0 ? strerror(-r) : "");
		nuc_b_named(b, m.device, l, origin);
		snprintf(m.device, sizeof(m.device), "%u:%u", major(l->rdev), minor(l->rdev));
	}
	if (m.device[0] != '/') {
		unsigned int major_number, minor_number;

		if (sscanf(m.device, "%u:%u", &major_number, &minor_number) == 2)
			snprintf(m.device, sizeof(m.device), "%u:%u", major_number, minor_number);
	}
	for (size_t k = 0, len = strlen(m.device); k < s->n; k++)
		if (!strcmp(s->list[k].file, "io.max") && !strncmp(s->list[k].value, m.device, len) &&
		    s->list[k].value[len] == ' ')
			return nuc_b_fail(b, -EEXIST, "cgroup", origin, "bound each disk once",
					  "%s is bounded already, by another name", m.device);
	nuc_buf_puts(&value, m.device);
	for (size_t k = 0; k < NUC_IO__COUNT; k++)
		if (m.max[k])
			nuc_buf_printf(&value, " %s=%lld", nuc_io_names[k], (long long)m.max[k]);
	r = nuc_buf_take(&value, &text);
	return r < 0 ? r : put(s, NUC_OPT_IO_MAX, "io", "io.max", origin, text);
}

/* All that is asked for, whatever this host has. */
static int collect(struct nuc_builder *b, struct settings *s)
{
	const nucleus_policy *p = b->policy;
	int r = 0;

	for (size_t i = 0; r == 0 && i < NUC_ARRAY_SIZE(limits); i++)
		if (nuc_policy_is_set(p, limits[i].id))
			r = put(s, limits[i].id, limits[i].controller, limits[i].file,
				nuc_policy_origin(p, limits[i].id), limits[i].value(b, limits[i].id));
	for (size_t i = 0; r == 0 && i < nuc_policy_count(p, NUC_OPT_IO_MAX); i++)
		r = io_setting(b, s, i);
	s->asked = s->n || nuc_policy_bool(p, NUC_OPT_CGROUP);
	return r;
}

/* ---- what this host can do of it ---------------------------------------------------------------- */

/* Why none of our groups can have the controller; NULL when they can. */
static const char *lacks(const struct nuc_cgroup_place *place, const char *controller,
			 const char **ret_mend)
{
	if (!nuc_cgroup_has(place->controllers, controller)) {
		*ret_mend = "see nucleus doctor";
		return "groups of this user have no such controller";
	}
	if (place->occupied && !nuc_cgroup_has(place->enabled, controller)) {
		*ret_mend = place->by_caller_only
				    ? "call nucleus_cgroup_settle() before, which moves the calling "
				      "process into a child of it"
				    : "have the unit's processes run in a child of its group (systemd "
				      "254: DelegateSubgroup=)";
		return "processes live in the group that was delegated, which therefore may hand no "
		       "controllers out";
	}
	return NULL;
}

/* Whether the set may be used here: the kernel would silently take what is left, or all. */
static int check_cpus(struct nuc_builder *b, const struct nuc_cgroup_place *place)
{
	struct nuc_cpuset wanted, there;

	if (nuc_parse_cpuset(nuc_policy_str(b->policy, NUC_OPT_CPUSET), &wanted) < 0 ||
	    nuc_parse_cpuset(place->cpus, &there) < 0)
		return nuc_b_fail(b, -EINVAL, "cgroup", nuc_policy_origin(b->policy, NUC_OPT_CPUSET), NULL,
				  "it cannot be read which processors there are: '%s'", place->cpus);
	for (size_t i = 0; i < NUC_ARRAY_SIZE(wanted.bits); i++)
		if (wanted.bits[i] & ~there.bits[i])
			return nuc_b_fail(b, -ENXIO, "cgroup",
					  nuc_policy_origin(b->policy, NUC_OPT_CPUSET), NULL,
					  "not all of the processors %s can be had here: there are %s",
					  nuc_policy_str(b->policy, NUC_OPT_CPUSET), place->cpus);
	return 0;
}

/* What mode agent does in its place, and says so. */
static const char *instead(struct nuc_builder *b, enum nuc_option_id id)
{
	if (nuc_mode_need(b->mode, NUC_MECH_CGROUP) == NUC_NEED_REQUIRED)
		return "";
	if (id == NUC_OPT_MEMORY) {
		b->data_limit = nuc_policy_int(b->policy, id);
		return "; each process may have so much data instead (RLIMIT_DATA)";
	}
	if (id == NUC_OPT_PIDS) {
		b->process_limit = nuc_policy_int(b->policy, id);
		return "; the user may have so many processes instead (RLIMIT_NPROC)";
	}
	return "";
}

/* Leaves out what cannot be had, if the mode allows that. */
static int drop_missing(struct nuc_builder *b, const struct nuc_cgroup_place *place,
			struct settings *s)
{
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct setting *x = &s->list[i];
		const char *mend = nuc_cgroup_refused_mend(place->refused);
		const char *why = place->refused ? nuc_cgroup_refused_why(place->refused)
						 : lacks(place, x->controller, &mend);
		_cleanup_free_ char *text = why ? nuc_strf("%s (%s): %s%s", nuc_option_key(x->id),
							   x->file, why, instead(b, x->id))
						: NULL;

		if (why && r == 0)
			r = nuc_b_missing(b, NUC_MECH_CGROUP, x->origin, text ? text : why, mend);
		if (why)
			free(x->value);
		else
			s->list[kept++] = *x;
	}
	s->n = kept;
	return r;
}

static int by_file(const void *a, const void *b)
{
	const struct setting *x = a, *y = b;
	int r = strcmp(x->file, y->file);

	return r ? r : strcmp(x->value, y->value);
}

static bool needs(const struct settings *s, const char *controller)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i].controller && !strcmp(s->list[i].controller, controller))
			return true;
	return false;
}

static void emit(struct nuc_builder *b, const struct nuc_cgroup_place *place, struct settings *s)
{
	/* Those that count something, for statistics, wherever they can be had. */
	static const struct {
		const char *name;
		bool counts;
	} controllers[] = {
		{ "cpu", true }, { "cpuset", false }, { "io", true }, { "memory", true }, { "pids", true },
	};
	_cleanup_buf_ struct nuc_buf needed = { 0 }, all = { 0 };
	uint32_t path = nuc_b_str(b, place->path), text;
	const char *mend;

	for (size_t c = 0; c < NUC_ARRAY_SIZE(controllers); c++) {
		const char *name = controllers[c].name;
		bool need = needs(s, name);

		if (need)
			nuc_buf_printf(&needed, "%s%s", needed.len ? " " : "", name);
		if (need || (controllers[c].counts && !lacks(place, name, &mend)))
			nuc_buf_printf(&all, "%s%s", all.len ? " " : "", name);
	}
	b->failed |= needed.failed || all.failed;
	text = nuc_b_str(b, needed.len && !needed.failed ? needed.s : "-");
	qsort(s->list, s->n, sizeof(s->list[0]), by_file);
	nuc_b_step(b, NUC_PROG_HOST, NUC_OP_CGROUP, NULL, path, text,
		   nuc_b_str(b, all.len && !all.failed ? all.s : ""));
	for (size_t i = 0; i < s->n; i++)
		nuc_b_step(b, NUC_PROG_HOST, NUC_OP_CGROUP_SET, s->list[i].origin,
			   nuc_b_str(b, s->list[i].file), nuc_b_str(b, s->list[i].value), 0);
	b->has_cgroup = true;
	nuc_b_enforced(b, NUC_MECH_CGROUP);
}

static bool has_setting(const struct settings *s, const char *file)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->list[i].file, file))
			return true;
	return false;
}

static int plan_group(struct nuc_builder *b, const struct nuc_cgroup_place *place,
		      struct settings *s)
{
	bool alone = nuc_policy_bool(b->policy, NUC_OPT_CGROUP);
	int r = 0;

	/* Without a limit only the group itself can be missing. */
	if (!s->n && place->refused)
		r = nuc_b_missing(b, NUC_MECH_CGROUP, nuc_policy_origin(b->policy, NUC_OPT_CGROUP),
				  nuc_cgroup_refused_why(place->refused),
				  nuc_cgroup_refused_mend(place->refused));
	if (r == 0)
		r = drop_missing(b, place, s);
	if (r < 0)
		return r;
	if (place->refused || (!alone && !s->n))
		return 0;
	if (has_setting(s, "cpuset.cpus"))
		r = check_cpus(b, place);
	if (r == 0 && has_setting(s, "memory.max")) {
		nuc_b_enforced(b, NUC_MECH_MEMORY_LIMIT);
		/* A bound that swap evades would be none. Without swap there is no such file. */
		if (r == 0 && !has_setting(s, "memory.swap.max") && b->world->facts.swap)
			r = put(s, NUC_OPT_CGROUP, "memory", "memory.swap.max",
				nuc_policy_origin(b->policy, NUC_OPT_MEMORY), strdup("0"));
		/* Not one process of the sandbox, which the others would wait for: all of it. */
		if (r == 0)
			r = put(s, NUC_OPT_CGROUP, "memory", "memory.oom.group",
				nuc_policy_origin(b->policy, NUC_OPT_MEMORY), strdup("1"));
	}
	/* A group below would escape the counting of processes in ours, and costs kernel memory. */
	if (r == 0)
		r = put(s, NUC_OPT_CGROUP, NULL, "cgroup.max.depth", NULL, strdup("0"));
	if (r == 0)
		r = put(s, NUC_OPT_CGROUP, NULL, "cgroup.max.descendants", NULL, strdup("0"));
	if (r == 0)
		emit(b, place, s);
	return r;
}

int nuc_emit_cgroup(struct nuc_builder *b)
{
	_cleanup_free_ struct nuc_cgroup_place *place = calloc(1, sizeof(*place));
	_cleanup_(settings_free) struct settings s = { .n = 0 };
	int r = collect(b, &s);

	if (r == -E2BIG)
		return nuc_b_fail(b, r, "cgroup", nuc_policy_origin(b->policy, NUC_OPT_IO_MAX), NULL,
				  "there are more limits than %zu", NUC_ARRAY_SIZE(s.list));
	if (r < 0 || !s.asked)
		return r;
	if (!place)
		return -ENOMEM;
	r = b->world->cgroup(b->world, place);
	return r < 0 ? r : plan_group(b, place, &s);
}

/*
 * The sandbox's own group, to read: runtimes size their heaps by it. Read-only, and rooted at the
 * group by the cgroup namespace: without that it would show the host's.
 */
int nuc_emit_cgroup_mount(struct nuc_builder *b)
{
	int r;

	if (!b->has_cgroup || !(b->head.mechanisms & (1u << NUC_MECH_NS_CGROUP)))
		return 0;
	r = nuc_b_dir(b, "/sys/fs/cgroup", 0755, false, NULL);
	if (r == 0)
		r = nuc_b_mount(b, "cgroup2", NULL, "/sys/fs/cgroup", 0, NULL);
	nuc_b_grant(b, "/sys/fs/cgroup", NUC_GRANT_READ, false, NULL);
	return r;
}
