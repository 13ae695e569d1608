/* SPDX-License-Identifier: MIT */
/*
 * explain: a plan in words. Both printers walk the very steps that are executed, so that they cannot
 * say anything else than what is done. Neither prints what differs between equal enforcement: device
 * and inode numbers, values of the environment; JSON leaves out origins as well.
 */
#include <jansson.h>
#include <linux/sched.h>

#include "builder.h"
#include "caps_file.h"
#include "landlock_abi.h"

struct bit {
	uint64_t bit;
	const char *name;
};

static const struct bit attr_bits[] = { { NUC_ATTR_RO, "ro" },
					{ NUC_ATTR_NOSUID, "nosuid" },
					{ NUC_ATTR_NODEV, "nodev" },
					{ NUC_ATTR_NOEXEC, "noexec" } };
static const struct bit clone_bits[] = {
	{ CLONE_NEWUSER, "user" }, { CLONE_NEWPID, "pid" }, { CLONE_NEWNS, "mount" },
	{ CLONE_NEWNET, "net" },   { CLONE_NEWUTS, "uts" }, { CLONE_NEWIPC, "ipc" },
	{ CLONE_NEWCGROUP, "cgroup" }, { CLONE_NEWTIME, "time" },
};
static const struct bit landlock_bits[] = {
	{ NUC_LL_EXECUTE, "execute" },	       { NUC_LL_READ_FILE, "read" },
	{ NUC_LL_READ_DIR, "list" },	       { NUC_LL_WRITE_FILE, "write" },
	{ NUC_LL_TRUNCATE, "truncate" },       { NUC_LL_MAKE_REG, "make-file" },
	{ NUC_LL_MAKE_DIR, "make-dir" },       { NUC_LL_MAKE_SYM, "make-symlink" },
	{ NUC_LL_MAKE_SOCK, "make-socket" },   { NUC_LL_MAKE_FIFO, "make-fifo" },
	{ NUC_LL_MAKE_CHAR, "make-char" },     { NUC_LL_MAKE_BLOCK, "make-block" },
	{ NUC_LL_REMOVE_FILE, "remove-file" }, { NUC_LL_REMOVE_DIR, "remove-dir" },
	{ NUC_LL_REFER, "refer" },	       { NUC_LL_IOCTL_DEV, "ioctl-dev" },
};
static const struct bit port_bits[] = { { NUC_LL_NET_BIND_TCP, "bind-tcp" },
					{ NUC_LL_NET_CONNECT_TCP, "connect-tcp" } };
static const struct bit scope_bits[] = { { NUC_LL_SCOPE_ABSTRACT_UNIX, "abstract-unix-socket" },
					 { NUC_LL_SCOPE_SIGNAL, "signal" } };
static const char *const rlimit_names[] = { "cpu",    "fsize",	 "data",  "stack",	"core",	"rss",
					    "nproc",  "nofile",	 "memlock", "as",	"locks", "sigpending",
					    "msgqueue", "nice", "rtprio", "rttime" };

static void print_bits(struct nuc_buf *b, const struct bit *bits, size_t n, uint64_t value)
{
	const char *comma = "";

	for (size_t i = 0; i < n; i++) {
		if (!(value & bits[i].bit))
			continue;
		nuc_buf_printf(b, "%s%s", comma, bits[i].name);
		comma = ",";
	}
	if (!*comma)
		nuc_buf_puts(b, "-");
}

void nuc_print_bits(struct nuc_buf *b, char kind, uint64_t v)
{
	switch (kind) {
	case 'a':
		print_bits(b, attr_bits, NUC_ARRAY_SIZE(attr_bits), v);
		break;
	case 'c':
		print_bits(b, clone_bits, NUC_ARRAY_SIZE(clone_bits), v);
		break;
	case 'l':
		print_bits(b, landlock_bits, NUC_ARRAY_SIZE(landlock_bits), v);
		break;
	case 'n':
		print_bits(b, port_bits, NUC_ARRAY_SIZE(port_bits), v);
		break;
	case 's':
		print_bits(b, scope_bits, NUC_ARRAY_SIZE(scope_bits), v);
		break;
	case 'm':
		for (int m = 0, any = 0; m < NUC_MECH__COUNT; m++)
			if (v & (1u << m))
				nuc_buf_printf(b, "%s%s", any++ ? ", " : "",
					       nuc_mechanism_name((enum nuc_mechanism)m));
		break;
	}
}

static const char *text_at(const struct nuc_plan *p, uint32_t at)
{
	return nuc_plan_data(p, at);
}

static void print_options(struct nuc_buf *b, const struct nuc_plan *p, uint32_t at)
{
	for (const char *o = text_at(p, at); *o; o += strlen(o) + 1)
		nuc_buf_printf(b, ",%s", o);
}

static void print_limit(struct nuc_buf *b, uint64_t v)
{
	if (v == UINT64_MAX)
		nuc_buf_puts(b, "unlimited");
	else
		nuc_buf_printf(b, "%llu", (unsigned long long)v);
}

static void print_blob(struct nuc_buf *b, const struct nuc_plan *p, uint32_t at)
{
	const struct nuc_span *span = nuc_plan_data(p, at);
	char hex[65];

	nuc_sha256_hex(nuc_plan_data(p, span->at), span->len, hex);
	nuc_buf_printf(b, "%u instructions, sha256 %s", span->len / 8, hex);
}

/*
 * One argument in words. The same text stands in the JSON, and so in the hash: `canonical` leaves
 * out what differs between hosts that enforce the same.
 */
static void print_arg(struct nuc_buf *b, const struct nuc_plan *p, const struct nuc_step *s, int i,
		      bool canonical)
{
	uint32_t arg = s->arg[i];

	switch (nuc_op_args(s->op)[i]) {
	case 'p':
		nuc_buf_puts(b, canonical ? "-" : text_at(p, arg));
		break;
	case 'w':
		if (!canonical)
			nuc_buf_printf(b, "(%s)", text_at(p, arg));
		break;
	case 's':
		nuc_buf_puts(b, text_at(p, arg));
		break;
	case 'S': {
		const struct nuc_span *span = nuc_plan_data(p, arg);
		char hex[65];

		nuc_sha256_hex(nuc_plan_data(p, span->at), span->len, hex);
		nuc_buf_printf(b, "%u bytes, sha256 %.16s", span->len, hex);
		break;
	}
	case 'H':
		nuc_buf_puts(b, "(refusals told by ");
		print_blob(b, p, arg);
		nuc_buf_puts(b, ")");
		break;
	case 'h':
		print_blob(b, p, arg);
		break;
	case 'D': {
		const struct nuc_span *span = nuc_plan_data(p, arg);
		const uint32_t *fds = nuc_plan_data(p, span->at);

		nuc_buf_puts(b, "keep 0,1,2");
		for (uint32_t k = 0; k < span->len / sizeof(*fds); k++)
			nuc_buf_printf(b, ",%u", fds[k]);
		break;
	}
	case 'b': {
		const struct nuc_bind *bind = nuc_plan_data(p, arg);

		if (s->op == NUC_OP_COPY) {
			nuc_buf_printf(b, "%s to %s", text_at(p, bind->src), text_at(p, bind->dst));
			break;
		}
		nuc_buf_printf(b, "%s on %s (", text_at(p, bind->src), text_at(p, bind->dst));
		nuc_print_bits(b, 'a', bind->attr);
		nuc_buf_printf(b, "%s)", s->in != NUC_NO_SLOT ? ",idmap" : "");
		break;
	}
	case 'm': {
		const struct nuc_mount *m = nuc_plan_data(p, arg);

		nuc_buf_printf(b, "%s on %s (", text_at(p, m->fstype), text_at(p, m->dst));
		nuc_print_bits(b, 'a', m->attr);
		print_options(b, p, m->options);
		nuc_buf_puts(b, ")");
		break;
	}
	case 'a': {
		const struct nuc_span *span = nuc_plan_data(p, arg);

		nuc_buf_printf(b, "%zu mounts", span->len / sizeof(struct nuc_audit));
		break;
	}
	case 'L': {
		const struct nuc_landlock_attr *a = nuc_plan_data(p, arg);

		nuc_buf_puts(b, "fs ");
		nuc_print_bits(b, 'l', a->fs);
		nuc_buf_puts(b, "; net ");
		nuc_print_bits(b, 'n', a->net);
		nuc_buf_puts(b, "; scoped ");
		nuc_print_bits(b, 's', a->scoped);
		break;
	}
	case 'c':
	case 'l':
	case 'n':
		nuc_print_bits(b, nuc_op_args(s->op)[i], arg);
		break;
	case 'k':
		nuc_buf_printf(b, "%s=", nuc_capset_name((enum nuc_capset)arg));
		nuc_capability_names(b, p->caps[arg], ",");
		break;
	case 'r':
		nuc_buf_puts(b, arg < NUC_ARRAY_SIZE(rlimit_names) ? rlimit_names[arg] : "?");
		break;
	case 'v':
		print_limit(b, ((const struct nuc_rlim *)nuc_plan_data(p, arg))->hard);
		break;
	case 'o':
		nuc_buf_printf(b, "%04o", arg);
		break;
	case 'x':
		nuc_buf_printf(b, "0x%x", arg);
		break;
	case 'd':
		nuc_buf_printf(b, "%u", arg);
		break;
	}
}

static void print_step(struct nuc_buf *b, const struct nuc_plan *p, const struct nuc_step *s,
		       bool canonical)
{
	nuc_buf_puts(b, nuc_op_name(s->op));
	for (int i = 0; i < 3; i++) {
		char kind = nuc_op_args(s->op)[i];

		if (kind == '-' || (kind == 'k' && !p->caps[s->arg[i]]))
			continue;
		/* Who is told of a refusal does not change what is refused. */
		if (nuc_op_args(s->op)[i] == 'H' && (canonical || !s->arg[i]))
			continue;
		nuc_buf_puts(b, " ");
		print_arg(b, p, s, i, canonical);
	}
	if (s->op == NUC_OP_SECCOMP && (s->flags & NUC_STEP_LOG))
		nuc_buf_puts(b, ", logged");
	if (!canonical && s->op != NUC_OP_SECCOMP && (s->flags & NUC_STEP_LOG))
		nuc_buf_puts(b, ", logged");
	if (s->flags & NUC_STEP_OPTIONAL)
		nuc_buf_puts(b, " (if it is there)");
}

int nuc_explain_step(const struct nuc_plan *p, uint32_t step, char **ret)
{
	struct nuc_buf b = { 0 };

	if (step >= p->first[NUC_PROG_INIT] + p->n[NUC_PROG_INIT])
		nuc_buf_puts(&b, "start of init");
	else
		print_step(&b, p, nuc_plan_step(p, step), false);
	return nuc_buf_take(&b, ret);
}

/* ---- JSON ------------------------------------------------------------------------------------------- */

/* Paths need not be UTF-8: other bytes are shown as \xNN. */
json_t *nuc_json_text(const char *s, size_t len)
{
	_cleanup_buf_ struct nuc_buf b = { 0 };

	if (nuc_utf8_valid(s, len))
		return json_stringn(s, len);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < 0x80)
			nuc_buf_add(&b, s + i, 1);
		else
			nuc_buf_printf(&b, "\\x%02x", c);
	}
	return b.failed ? NULL : json_string(b.s);
}

/* Each string of a list; of NAME=VALUE only what stands before `until`. */
static json_t *json_list(const struct nuc_plan *p, const struct nuc_span *span, char until)
{
	json_t *a = json_array();
	const char *s = nuc_plan_data(p, span->at), *end = s + span->len;

	for (; s < end; s += strlen(s) + 1) {
		const char *stop = until ? strchr(s, until) : NULL;

		json_array_append_new(a, nuc_json_text(s, stop ? (size_t)(stop - s) : strlen(s)));
	}
	return a;
}

static json_t *json_program(const struct nuc_plan *p, int program)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < p->n[program]; i++) {
		_cleanup_buf_ struct nuc_buf b = { 0 };
		const struct nuc_step *s = nuc_plan_step(p, p->first[program] + i);

		print_step(&b, p, s, true);
		if (s->accept)
			nuc_buf_puts(&b, " or it exists");
		json_array_append_new(a, b.failed ? NULL : nuc_json_text(b.s, b.len));
	}
	return a;
}

static json_t *json_capabilities(const struct nuc_plan *p)
{
	json_t *o = json_object();

	for (int set = 0; set < NUC_CAPSET__COUNT; set++) {
		_cleanup_buf_ struct nuc_buf names = { 0 };

		nuc_capability_names(&names, p->caps[set], ",");
		json_object_set_new(o, nuc_capset_name((enum nuc_capset)set),
				    names.failed ? NULL : json_string(names.s));
	}
	return o;
}

int nuc_explain_json(const struct nuc_plan *p, char **ret)
{
	_cleanup_buf_ struct nuc_buf mechanisms = { 0 }, namespaces = { 0 };
	json_t *o;
	char *s;

	nuc_print_bits(&mechanisms, 'm', p->mechanisms);
	nuc_print_bits(&namespaces, 'c', p->clone_flags);
	if (mechanisms.failed || namespaces.failed)
		return -ENOMEM;
	o = json_pack("{s:i, s:s, s:s, s:s, s:{s:s, s:I, s:I, s:I, s:I}, s:o, s:I, s:i, s:o, s:o, s:o, "
		      "s:o, s:{s:o, s:o, s:o}}",
		      "version", (int)p->version, "mode", nuc_mode_name((enum nuc_mode)p->mode),
		      "mechanisms", mechanisms.s, "clone", namespaces.s, "user", "name",
		      text_at(p, p->user_name), "uid", (json_int_t)p->uid, "gid", (json_int_t)p->gid,
		      "host_uid", (json_int_t)p->host_uid, "host_gid", (json_int_t)p->host_gid, "cwd",
		      nuc_json_text(text_at(p, p->cwd), strlen(text_at(p, p->cwd))), "timeout_ms", (json_int_t)p->timeout_ms, "landlock_abi",
		      (int)p->landlock_abi, "environment", json_list(p, &p->env, '='), "warnings",
		      json_list(p, &p->warnings, 0), "notes", json_list(p, &p->notes, 0), "syscalls",
		      json_list(p, &p->seccomp_calls, 0), "steps", "host",
		      json_program(p, NUC_PROG_HOST), "child", json_program(p, NUC_PROG_CHILD), "init",
		      json_program(p, NUC_PROG_INIT));
	if (!o)
		return -ENOMEM;
	if (p->caps[NUC_CAPSET_BOUNDING])
		json_object_set_new(o, "capabilities", json_capabilities(p));
	s = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(o);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

/* ---- text ------------------------------------------------------------------------------------------- */

static void print_list(struct nuc_buf *b, const struct nuc_plan *p, const struct nuc_span *span,
		       const char *title)
{
	const char *s = nuc_plan_data(p, span->at), *end = s + span->len;

	if (s < end)
		nuc_buf_printf(b, "\n%s\n", title);
	for (; s < end; s += strlen(s) + 1)
		nuc_buf_printf(b, "  %s\n", s);
}

/* Names side by side, as many as fit. */
static void print_names(struct nuc_buf *b, const struct nuc_plan *p, const struct nuc_span *span,
			char until)
{
	const char *s = nuc_plan_data(p, span->at), *end = s + span->len;
	size_t column = 0;

	for (; s < end; s += strlen(s) + 1) {
		size_t n = strcspn(s, (const char[]){ until, '\0' });
		bool filtered = until == '\t' && s[n] && s[n + 1];

		if (column + n + 3 > 96)
			column = 0;
		nuc_buf_puts(b, column ? " " : b->len && b->s[b->len - 1] == '\n' ? "  " : "\n  ");
		nuc_buf_add(b, s, n);
		nuc_buf_puts(b, filtered ? "*" : "");
		column += n + 2 + filtered;
	}
	nuc_buf_puts(b, "\n");
}

static size_t count_strings(const struct nuc_plan *p, const struct nuc_span *span)
{
	const char *s = nuc_plan_data(p, span->at);
	size_t n = 0;

	for (uint32_t i = 0; i < span->len; i++)
		n += s[i] == '\0';
	return n;
}

static void print_program(struct nuc_buf *b, const struct nuc_plan *p, int program, const char *title)
{
	if (p->n[program])
		nuc_buf_printf(b, "\n%s\n", title);
	for (uint32_t i = 0; i < p->n[program]; i++) {
		const struct nuc_step *s = nuc_plan_step(p, p->first[program] + i);
		const char *origin = text_at(p, s->origin);

		nuc_buf_printf(b, "  %3u  ", p->first[program] + i);
		print_step(b, p, s, false);
		if (*origin && strcmp(origin, "default"))
			nuc_buf_printf(b, "   [%s]", origin);
		nuc_buf_puts(b, "\n");
	}
}

static const char *use_of(const struct nuc_plan *p, unsigned int cap)
{
	const struct nuc_capability *known = nuc_capability(cap);

	if (!(p->caps[NUC_CAPSET_AMBIENT] & NUC_CAP_BIT(cap)))
		return "in the bounding set only: no program gets it";
	if ((NUC_CAP_BIT(cap) & NUC_CAPS_OF_NETWORK) && !(p->mechanisms & (1u << NUC_MECH_NS_NET)))
		return "of no use: the network is not the sandbox's own";
	if (known->reach == NUC_CAP_NOTHING)
		return "of no use: the kernel asks for it in the initial user namespace only";
	return known->what ? known->what : "not known to this release";
}

/* What is kept, what for, and over what: a reader who knows root's capabilities would fear the worst. */
static void print_capabilities(struct nuc_buf *b, const struct nuc_plan *p)
{
	uint64_t kept = p->caps[NUC_CAPSET_BOUNDING];

	if (!kept)
		return;
	nuc_buf_puts(b, "\ncapabilities kept\n");
	for (unsigned int cap = 0; cap < NUC_CAP_MAX; cap++) {
		if (!(kept & NUC_CAP_BIT(cap)))
			continue;
		nuc_buf_puts(b, "  ");
		nuc_capability_names(b, NUC_CAP_BIT(cap), ",");
		nuc_buf_printf(b, ": %s\n", use_of(p, cap));
	}
	nuc_buf_printf(b, "  They are power in the sandbox's own user namespace only, which owns %s.\n",
		       !p->privileged ? "its other namespaces and what is mounted in them"
		       : (kept & NUC_CAPS_OF_NETWORK) && (p->mechanisms & (1u << NUC_MECH_NS_NET))
			       ? "its network namespace, and none of the others"
			       : "none of its other namespaces");
}

int nuc_explain_text(const struct nuc_plan *p, char **ret)
{
	_cleanup_free_ char *json = NULL;
	struct nuc_buf b = { 0 };
	char hash[65];
	int r = nuc_explain_json(p, &json);

	if (r < 0)
		return r;
	nuc_sha256_hex(json, strlen(json), hash);
	nuc_buf_printf(&b, "plan      %s\n", hash);
	nuc_buf_printf(&b, "mode      %s, started %s\n", nuc_mode_name((enum nuc_mode)p->mode),
		       p->privileged ? "with capabilities" : "without capabilities");
	nuc_buf_printf(&b, "user      %s, %u:%u inside, %u:%u outside\n", text_at(p, p->user_name), p->uid,
		       p->gid, p->host_uid, p->host_gid);
	nuc_buf_printf(&b, "starts in %s\n", text_at(p, p->cwd));
	if (p->timeout_ms)
		nuc_buf_printf(&b, "time      %u.%03u s for the whole sandbox\n", p->timeout_ms / 1000,
			       p->timeout_ms % 1000);
	nuc_buf_puts(&b, "\nenforced\n");
	for (int m = 0; m < NUC_MECH__COUNT; m++)
		if (p->mechanisms & (1u << m))
			nuc_buf_printf(&b, "  %s%s\n", nuc_mechanism_name((enum nuc_mechanism)m),
				       m == NUC_MECH_NS_NET ? " (loopback only)" : "");
	print_capabilities(&b, p);
	print_list(&b, p, &p->warnings, "NOT enforced");
	print_list(&b, p, &p->notes, "notes");
	nuc_buf_puts(&b, "\nenvironment (names only)\n");
	print_names(&b, p, &p->env, '=');
	if (p->seccomp_calls.len) {
		nuc_buf_printf(&b, "\nsystem calls allowed: %zu (* by their arguments)\n",
			       count_strings(p, &p->seccomp_calls));
		print_names(&b, p, &p->seccomp_calls, '\t');
	}
	print_program(&b, p, NUC_PROG_HOST, "steps of the caller");
	print_program(&b, p, NUC_PROG_CHILD, "steps of the child, before its init");
	print_program(&b, p, NUC_PROG_INIT, "steps of init, and after fork of the program");
	return nuc_buf_take(&b, ret);
}
