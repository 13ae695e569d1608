/* SPDX-License-Identifier: MIT */
/*
 * From traces to a Landlock policy (TOML): what was seen, and no more, but where a name cannot be known
 * before the run (what it creates), or where one rule says what dozens would. Each such fold is told.
 */
#include "landlock_file.h"
#include "learn.h"

/* What a rule may grant: landlock(7)'s rights in the words of policy files. */
enum {
	READ = 1 << 0,
	WRITE = 1 << 1,
	EXECUTE = 1 << 2,
	READDIR = 1 << 3,
	CREATE = 1 << 4,
	REMOVE = 1 << 5,
	REFER = 1 << 6,
	IOCTL_DEV = 1 << 7,
};
static const char *const access_words[] = { "read",   "write",	"execute", "readdir",
					    "create", "remove", "refer",   "ioctl_dev" };
/* With an older one the policy would say less than it seems to: ports, ioctl on devices. */
#define NET_ABI 4
#define IOCTL_ABI 5
/* From here the kernel gives ports to who asks for any (ip_local_port_range, ip(7)). */
#define EPHEMERAL 32768

/*
 * Directories that hold things of many owners, or secrets: a rule on one of them as a whole is never made.
 * What would need one is told, and not granted.
 */
static const char *const never_whole[] = {
	"/",	    "/bin",	"/boot",      "/dev",	    "/etc",	  "/home",    "/lib",
	"/lib64",   "/media",	"/mnt",	      "/opt",	    "/proc",	  "/root",    "/run",
	"/sbin",    "/srv",	"/sys",	      "/usr",	    "/usr/local", "/var",     "/var/lib",
	"/var/log", "/var/run", "/var/spool", "/usr/share", "/usr/lib",	  "/etc/ssl", "/etc/ssh",
};

/* Below these are programs and libraries, the same for everybody: files of one directory may be folded. */
static const char *const fold_below[] = { "/bin", "/lib", "/lib32", "/lib64", "/opt", "/sbin", "/usr" };
#define FOLD_FILES 12 /* so many of one directory, read or executed */

/* Names that are given anew each time; `to` may be read and listed, or used as terminals are. */
static const struct {
	const char *below, *to;
	unsigned int access;
	bool number; /* only where a number follows */
} volatile_names[] = {
	{ "/proc/", "/proc", READ | READDIR, true },
	{ "/dev/pts/", "/dev/pts", READ | WRITE | READDIR | IOCTL_DEV, true },
};

struct rule {
	char *path;
	unsigned int access;
	bool folded;		/* a directory that stands for what is in it */
	const char *seen;	/* a path of the trace that it was made for */
	size_t files;		/* of these, how many there were */
	bool gone;		/* part of another rule */
};

struct policy {
	const struct nuc_trace *trace;
	struct rule *rules;
	size_t n_rules, room;
	/* Paths that a run made or removed, sorted. */
	const char **created, **removed;
	size_t n_created, n_removed;
	struct nuc_buf notes;
};

static void policy_done(struct policy *p)
{
	for (size_t i = 0; i < p->n_rules; i++)
		free(p->rules[i].path);
	free(p->rules);
	free(p->created);
	free(p->removed);
	nuc_buf_free(&p->notes);
}

static bool is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	if (n == 1)
		return path[1];
	return !strncmp(path, top, n) && path[n] == '/';
}

static bool is_never_whole(const char *path)
{
	for (size_t i = 0; i < NUC_ARRAY_SIZE(never_whole); i++)
		if (!strcmp(never_whole[i], path))
			return true;
	/* Somebody's home, but for the sandbox's own: that is made for it. */
	return is_below(path, "/home") && !strchr(path + 6, '/') &&
	       strcmp(path, "/home/agent") != 0;
}

/* Not where a name says that it is not for everybody (.ssh, .git). */
static bool may_fold(const char *dir)
{
	if (is_never_whole(dir) || strstr(dir, "/."))
		return false;
	for (size_t i = 0; i < NUC_ARRAY_SIZE(fold_below); i++)
		if (is_below(dir, fold_below[i]))
			return true;
	return false;
}

static void cut(char *path)
{
	char *slash = strrchr(path, '/');

	slash[slash == path ? 1 : 0] = '\0';
}

/* ---- rules --------------------------------------------------------------------------------------- */

static int add_rule(struct policy *p, const char *path, const char *seen, unsigned int access,
		    bool folded)
{
	struct rule *grown;

	if (p->n_rules == p->room) {
		grown = reallocarray(p->rules, p->room ? p->room * 2 : 64, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		p->rules = grown;
		p->room = p->room ? p->room * 2 : 64;
	}
	p->rules[p->n_rules] = (struct rule){
		.path = strdup(path), .seen = seen, .access = access, .folded = folded, .files = 1
	};
	if (!p->rules[p->n_rules].path)
		return -ENOMEM;
	p->n_rules++;
	return 0;
}

static void compact(struct policy *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_rules; i++) {
		if (p->rules[i].gone) {
			free(p->rules[i].path);
			continue;
		}
		p->rules[n++] = p->rules[i];
	}
	p->n_rules = n;
}

static int by_path(const void *a, const void *b)
{
	const struct rule *x = a, *y = b;
	int r = strcmp(x->path, y->path);

	return r ? r : strcmp(x->seen, y->seen);
}

static int by_path_only(const void *a, const void *b)
{
	return strcmp(((const struct rule *)a)->path, ((const struct rule *)b)->path);
}

/* One rule a path, without those that are gone; sorted. */
static void merge(struct policy *p)
{
	size_t n = 0;

	compact(p);
	if (!p->n_rules)
		return;
	qsort(p->rules, p->n_rules, sizeof(*p->rules), by_path);
	for (size_t i = 1; i < p->n_rules; i++) {
		struct rule *last = &p->rules[n], *r = &p->rules[i];

		if (strcmp(last->path, r->path) != 0) {
			p->rules[++n] = *r;
			continue;
		}
		last->access |= r->access;
		last->folded |= r->folded;
		if (strcmp(last->seen, r->seen) != 0)
			last->files += r->files;
		last->seen = r->seen;
		free(r->path);
	}
	p->n_rules = n + 1;
}

/* ---- from what was seen -------------------------------------------------------------------------- */

static unsigned int access_of(const struct nuc_trace_path *s)
{
	switch (s->op) {
	case NUC_TRACE_OP_read:
		return s->kind == NUC_TRACE_KIND_device ? READ | IOCTL_DEV : READ;
	case NUC_TRACE_OP_write:
		return s->kind == NUC_TRACE_KIND_device ? WRITE | IOCTL_DEV : WRITE;
	case NUC_TRACE_OP_list:
		return READDIR;
	case NUC_TRACE_OP_exec:
		/* The kernel opens it for reading, too. */
		return READ | EXECUTE;
	case NUC_TRACE_OP_create:
		return CREATE;
	case NUC_TRACE_OP_remove:
		return REMOVE;
	case NUC_TRACE_OP_refer:
		return REFER;
	}
	return 0;
}

static bool is_listed(const char **paths, size_t n, const char *path)
{
	return bsearch(&path, paths, n, sizeof(*paths), nuc_compare_strings);
}

/* The shortest of its ancestors, or itself, that a run made; NULL: it was there before. */
static const char *first_created(const struct policy *p, const char *path, char *scratch)
{
	size_t len = strlen(path);

	for (size_t n = 1; n <= len; n++) {
		if (path[n] && path[n] != '/')
			continue;
		memcpy(scratch, path, n);
		scratch[n] = '\0';
		if (is_listed(p->created, p->n_created, scratch))
			return scratch;
	}
	return NULL;
}

static int list_created(struct policy *p)
{
	p->created = calloc(p->trace->n_paths + 1, sizeof(*p->created));
	p->removed = calloc(p->trace->n_paths + 1, sizeof(*p->removed));
	if (!p->created || !p->removed)
		return -ENOMEM;
	for (size_t i = 0; i < p->trace->n_paths; i++) {
		const struct nuc_trace_path *s = &p->trace->paths[i];

		if (s->op == NUC_TRACE_OP_create)
			p->created[p->n_created++] = s->path;
		else if (s->op == NUC_TRACE_OP_remove)
			p->removed[p->n_removed++] = s->path;
	}
	qsort(p->created, p->n_created, sizeof(*p->created), nuc_compare_strings);
	qsort(p->removed, p->n_removed, sizeof(*p->removed), nuc_compare_strings);
	return 0;
}

static void refuse(struct policy *p, const struct nuc_trace_path *s, const char *why)
{
	nuc_buf_printf(&p->notes, "not granted: %s of ", access_words[__builtin_ctz(access_of(s))]);
	nuc_buf_escaped(&p->notes, s->path, strlen(s->path), true);
	nuc_buf_printf(&p->notes, " by %s: %s\n", s->comm, why);
}

/* Returns 1 if a volatile name was dealt with. */
static int take_volatile(struct policy *p, const struct nuc_trace_path *s)
{
	for (size_t i = 0; i < NUC_ARRAY_SIZE(volatile_names); i++) {
		size_t n = strlen(volatile_names[i].below);
		unsigned int access = access_of(s);
		int r;

		if (strncmp(s->path, volatile_names[i].below, n) != 0 ||
		    (volatile_names[i].number && (s->path[n] < '0' || s->path[n] > '9')))
			continue;
		if (access & ~volatile_names[i].access) {
			if (s->kind != NUC_TRACE_KIND_device ||
			    !(access & volatile_names[i].access)) {
				refuse(p, s, "its name is another one each time, and the directory as a whole "
					     "would be too much");
				return 1;
			}
			access &= volatile_names[i].access;
		}
		r = add_rule(p, volatile_names[i].to, s->path, access, true);
		return r < 0 ? r : 1;
	}
	return 0;
}

static int take_path(struct policy *p, const struct nuc_trace_path *s, char *scratch)
{
	const char *made;
	unsigned int access = access_of(s);
	_cleanup_free_ char *dir = NULL;
	bool in_place;
	int r;

	/* What is missing needs no right, and what is made has its kind. */
	if (s->kind == NUC_TRACE_KIND_missing || !access)
		return 0;
	if (!s->exact) {
		refuse(p, s, "its name is not valid UTF-8, and policies are");
		return 0;
	}
	r = take_volatile(p, s);
	if (r)
		return r < 0 ? r : 0;
	made = first_created(p, s->path, scratch);
	/* Making and removing are rights to the directory. */
	in_place = !made && !(access & (CREATE | REMOVE));
	if (in_place && !(access & (READDIR | REFER)))
		return add_rule(p, s->path, s->path, access, false);
	dir = strdup(made ? made : s->path);
	if (!dir)
		return -ENOMEM;
	if (!in_place)
		cut(dir);
	/* A new file's contents are written by the same right as those of its neighbours. */
	if (is_never_whole(dir)) {
		refuse(p, s,
		       "it would need a rule on the whole of a directory that holds much else");
		return 0;
	}
	return add_rule(p, dir, s->path, access, true);
}

/* ---- folds --------------------------------------------------------------------------------------- */

/* A file that may become part of a fold, and the length of its directory's name. */
struct member {
	struct rule *rule;
	size_t dir;
};

static int by_directory(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	size_t n = x->dir < y->dir ? x->dir : y->dir;
	int r = memcmp(x->rule->path, y->rule->path, n);

	return r ? r : (x->dir > y->dir) - (x->dir < y->dir);
}

static bool may_be_folded(const struct rule *r)
{
	return !r->folded && !(r->access & ~(unsigned int)(READ | EXECUTE));
}

/* Into a policy of its own: members point into the array of rules. */
static int fold_one(struct policy *p, const struct member *m, size_t n)
{
	_cleanup_free_ char *dir = strndup(m[0].rule->path, m[0].dir);
	unsigned int access = 0;
	int r;

	if (!dir)
		return -ENOMEM;
	if (n < FOLD_FILES || !may_fold(dir))
		return 0;
	for (size_t i = 0; i < n; i++)
		access |= m[i].rule->access;
	for (size_t i = 0; i < n; i++)
		m[i].rule->gone = true;
	r = add_rule(p, dir, "", access, true);
	if (r == 0)
		p->rules[p->n_rules - 1].files = n;
	return r;
}

/* Many files of one directory, all of them only read or executed, become the directory. */
static int fold(struct policy *p)
{
	_cleanup_free_ struct member *m = calloc(p->n_rules + 1, sizeof(*m));
	struct policy new = { 0 };
	size_t n = 0;
	int r = m ? 0 : -ENOMEM;

	for (size_t i = 0; m && i < p->n_rules; i++)
		if (may_be_folded(&p->rules[i]))
			m[n++] = (struct member){
				&p->rules[i],
				(size_t)(strrchr(p->rules[i].path, '/') - p->rules[i].path)};
	if (n)
		qsort(m, n, sizeof(*m), by_directory);
	for (size_t i = 0, k; r == 0 && i < n; i = k) {
		for (k = i + 1; k < n && by_directory(&m[i], &m[k]) == 0; k++)
			;
		r = fold_one(&new, m + i, k - i);
	}
	for (size_t i = 0; i < new.n_rules; i++) {
		if (r == 0)
			r = add_rule(p, new.rules[i].path, "", new.rules[i].access, true);
		if (r == 0)
			p->rules[p->n_rules - 1].files = new.rules[i].files;
	}
	policy_done(&new);
	return r;
}

/* What a rule on a directory above grants already needs none of its own. Rules are sorted. */
static int drop_covered(struct policy *p)
{
	for (size_t i = 0; i < p->n_rules; i++) {
		struct rule *r = &p->rules[i];
		_cleanup_free_ char *above = strdup(r->path);
		unsigned int left = r->access;

		if (!above)
			return -ENOMEM;
		while (left && above[1]) {
			const struct rule key = { .path = above, .seen = "" }, *found;

			cut(above);
			found = bsearch(&key, p->rules, p->n_rules, sizeof(key), by_path_only);
			/* Also one that goes: what covers it covers this, too. */
			left &= found ? ~found->access : ~0u;
		}
		r->gone = !left;
	}
	compact(p);
	return 0;
}

/* ---- TOML ---------------------------------------------------------------------------------------- */

static void put_access(struct nuc_buf *b, unsigned int access, bool quotes)
{
	bool first = true;

	for (size_t i = 0; i < NUC_ARRAY_SIZE(access_words); i++) {
		if (!(access & (1u << i)))
			continue;
		nuc_buf_printf(b, "%s%s%s%s", first ? "" : ", ", quotes ? "\"" : "",
			       access_words[i], quotes ? "\"" : "");
		first = false;
	}
}

static int compare_ports(const void *a, const void *b)
{
	return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

/*
 * A port that was bound as any free one, and then connected to, has another number each time, and there
 * are no rules for ranges: this one would help nobody.
 */
static bool binds_any_free(const struct nuc_trace *t)
{
	bool any = false;

	for (size_t i = 0; i < t->n_nets; i++)
		any |= t->nets[i].stream && t->nets[i].bind && !t->nets[i].port;
	return any;
}

/* An empty list, too: only where there is one are all other ports refused. */
static int put_ports(struct nuc_buf *b, struct policy *p, bool bind, size_t *ret_n)
{
	const struct nuc_trace *t = p->trace;
	const bool any = binds_any_free(t);
	_cleanup_free_ uint16_t *ports = calloc(t->n_nets + 1, sizeof(*ports));
	size_t n = 0, distinct = 0;

	if (!ports)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_nets; i++) {
		if (!t->nets[i].stream || t->nets[i].bind != bind)
			continue;
		if (any && !bind && t->nets[i].port >= EPHEMERAL)
			nuc_buf_printf(&p->notes,
				       "not granted: connect to port %u by %s: a port was bound as any free one, so that "
				       "the number is another each time, and Landlock has no ranges\n",
				       t->nets[i].port, t->nets[i].comm);
		else
			ports[n++] = t->nets[i].port;
	}
	qsort(ports, n, sizeof(*ports), compare_ports);
	nuc_buf_printf(b, "%s = [", bind ? "bind" : "connect");
	for (size_t i = 0; i < n; i++) {
		/* The kernel refuses to connect to port 0 of itself. */
		if ((i && ports[i] == ports[i - 1]) || (!bind && !ports[i]))
			continue;
		nuc_buf_printf(b, "%s%u", distinct ? ", " : "", ports[i]);
		distinct++;
	}
	nuc_buf_puts(b, "]\n");
	*ret_n += distinct;
	return 0;
}

static int write_policy(struct policy *p, char **ret)
{
	_cleanup_buf_ struct nuc_buf rules = { 0 }, all = { 0 };
	size_t folds = 0, ports = 0;
	unsigned int access = 0;
	int r;

	for (size_t i = 0; i < p->n_rules; i++) {
		const struct rule *rule = &p->rules[i];

		access |= rule->access;
		nuc_buf_puts(&rules, "\n");
		if (rule->folded) {
			folds++;
			nuc_buf_printf(&rules, "# and all below it: %zu of its files were seen\n",
				       rule->files);
			nuc_buf_puts(&p->notes, "more than was seen: ");
			put_access(&p->notes, rule->access, false);
			nuc_buf_puts(&p->notes, " of all below ");
			nuc_buf_escaped(&p->notes, rule->path, strlen(rule->path), true);
			nuc_buf_printf(&p->notes, ", of which %zu were seen\n", rule->files);
		}
		nuc_buf_puts(&rules, "[[rules]]\npath = ");
		nuc_landlock_string(&rules, rule->path);
		nuc_buf_puts(&rules, "\naccess = [");
		put_access(&rules, rule->access, true);
		nuc_buf_puts(&rules, "]\n");
		/* The run removed it: the next one may begin without. */
		if (!rule->folded && is_listed(p->removed, p->n_removed, rule->path))
			nuc_buf_puts(&rules, "optional = true\n");
	}
	nuc_buf_puts(&rules, "\n[[net]]\n");
	r = put_ports(&rules, p, true, &ports);
	if (r == 0)
		r = put_ports(&rules, p, false, &ports);
	if (r < 0)
		return r;
	nuc_buf_printf(&p->notes,
		       "%zu rules, %zu of them on directories as a whole, and %zu ports\n",
		       p->n_rules, folds, ports);
	if (p->n_rules > NUC_LANDLOCK_MAX_RULES)
		nuc_buf_printf(&p->notes, "a policy may have %d rules: name directories instead\n", NUC_LANDLOCK_MAX_RULES);
	nuc_buf_printf(&all,
		       "# Made by nucleus policy generate: what was seen, and what is marked below.\n"
		       "min_abi = %u\n",
		       access & IOCTL_DEV ? IOCTL_ABI : NET_ABI);
	if (rules.len)
		nuc_buf_add(&all, rules.s, rules.len);
	return rules.failed ? -ENOMEM : nuc_buf_take(&all, ret);
}

static int learn(struct policy *p)
{
	_cleanup_free_ char *scratch = NULL;
	size_t longest = 0;
	int r = list_created(p);

	for (size_t i = 0; i < p->trace->n_paths; i++)
		if (strlen(p->trace->paths[i].path) > longest)
			longest = strlen(p->trace->paths[i].path);
	scratch = malloc(longest + 1);
	if (!scratch)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < p->trace->n_paths; i++)
		r = take_path(p, &p->trace->paths[i], scratch);
	if (r < 0)
		return r;
	merge(p);
	r = fold(p);
	if (r < 0)
		return r;
	merge(p);
	return drop_covered(p);
}

int nuc_learn_landlock(const struct nuc_trace *t, char **ret, char **ret_notes,
		       nucleus_error **ret_err)
{
	const struct nuc_where where = { "learn", "traces", NULL, "make them by nucleus run --learn FILE" };
	_cleanup_(policy_done) struct policy p = { .trace = t };
	_cleanup_free_ char *text = NULL;
	int r;

	if (!t->with_paths)
		return nuc_fail(ret_err, -EINVAL, &where, "none of the traces tells of paths");
	nuc_trace_note(t, &p.notes);
	r = learn(&p);
	if (r == 0)
		r = write_policy(&p, &text);
	if (r == 0)
		r = nuc_buf_take(&p.notes, ret_notes);
	if (r < 0)
		return nuc_fail(ret_err, r, &where, "out of memory");
	*ret = NUC_TAKE_PTR(text);
	return 0;
}

NUCLEUS_API int nucleus_landlock_generate(const char *const *traces, char **ret, char **ret_notes,
					  nucleus_error **ret_err)
{
	_cleanup_trace_ struct nuc_trace t = { 0 };
	int r = nuc_trace_load_all(traces, &t, ret_err);

	return r < 0 ? r : nuc_learn_landlock(&t, ret, ret_notes, ret_err);
}
