/* SPDX-License-Identifier: MIT */
/*
 * Reads traces. Init wrote them, but what it wrote of may be hostile, and so may be whoever gave the file:
 * nothing is taken that is not said exactly as nucleus-trace(5) has it.
 */
#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>

#include "learn.h"

#define MAX_LINE (64u << 10)
#define MAX_RECORDS (1u << 20)
#define MAX_PATH_BYTES 12288 /* of 4096 bytes, each of which may have become U+FFFD */

static const char *const ops[] = {
#define X(name) #name,
	NUC_TRACE_OPS(X)
#undef X
};
static const char *const kinds[] = {
#define X(name) #name,
	NUC_TRACE_KINDS(X)
#undef X
};

struct reader {
	const char *name;
	unsigned int line;
	struct nuc_trace *t;
	json_t *record;
	size_t taken;		/* keys that were asked for */
	uint64_t records;
	bool ended;
	nucleus_error **ret_err;
};

NUC_PRINTF(3, 4)
static int bad(const struct reader *r, int col, const char *fmt, ...)
{
	_cleanup_free_ char *origin = nuc_strf("%s:%u:%d", r->name, r->line, col > 0 ? col : 1);
	const struct nuc_where where = { "learn", "trace", origin,
					 "traces are what `nucleus run --learn FILE` writes" };
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return nuc_fail(r->ret_err, -EINVAL, &where, "%s", text);
}

/* ---- members ----------------------------------------------------------------------------------- */

static const json_t *member(struct reader *r, const char *key)
{
	const json_t *v = json_object_get(r->record, key);

	r->taken += v != NULL;
	return v;
}

static int get_number(struct reader *r, const char *key, uint64_t max, uint64_t *ret)
{
	const json_t *v = member(r, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
	    (uint64_t)json_integer_value(v) > max)
		return bad(r, 1, "%s must be a number from 0 to %llu", key,
			   (unsigned long long)max);
	*ret = (uint64_t)json_integer_value(v);
	return 0;
}

static int get_string(struct reader *r, const char *key, size_t max, const char **ret)
{
	const json_t *v = member(r, key);

	/* jansson refuses NULs, so that its length is the string's. */
	if (!json_is_string(v) || json_string_length(v) > max)
		return bad(r, 1, "%s must be a string of at most %zu bytes", key, max);
	*ret = json_string_value(v);
	return 0;
}

static int get_word(struct reader *r, const char *key, const char *const *words, size_t n, int *ret)
{
	const char *s = NULL;
	int e = get_string(r, key, 32, &s);

	if (e < 0)
		return e;
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(words[i], s)) {
			*ret = (int)i;
			return 0;
		}
	}
	return bad(r, 1, "%s is not one that is known: %s", key, s);
}

/* Whether the record has `key` with value `expected`, or not at all. */
static int get_flag(struct reader *r, const char *key, bool expected, bool *ret)
{
	const json_t *v = member(r, key);

	*ret = v != NULL;
	if (v && !(expected ? json_is_true(v) : json_is_false(v)))
		return bad(r, 1, "%s can only be %s", key, expected ? "true" : "false");
	return 0;
}

/* It is named to people only, in notes and comments of one line: what would act there is not passed on. */
static void copy_name(char comm[NUC_TRACE_COMM], const char *s)
{
	size_t left = strlen(s);

	while (left) {
		bool harmless = false;
		uint32_t c = 0;
		size_t n = nuc_text_char(s, left, &c, &harmless);

		for (size_t i = 0; i < n; i++)
			*comm++ = harmless ? s[i] : '?';
		s += n;
		left -= n;
	}
	*comm = '\0';
}

static int get_common(struct reader *r, char comm[NUC_TRACE_COMM])
{
	uint64_t n = 0;
	const char *s = NULL;
	int e = get_number(r, "t", INT64_MAX, &n);

	if (e == 0)
		e = get_number(r, "pid", INT32_MAX, &n);
	if (e == 0)
		e = get_string(r, "comm", NUC_TRACE_COMM - 1, &s);
	if (e == 0)
		copy_name(comm, s);
	return e;
}

static int all_taken(const struct reader *r)
{
	return json_object_size(r->record) == r->taken
		       ? 0
		       : bad(r, 1, "the record says more than it may");
}

/* Room for one more in an array that grows by doubling. */
static int grow(const struct reader *r, void *array, size_t n, size_t size)
{
	const struct nuc_where where = { "learn", "trace", r->name, NULL };
	void **a = array;
	void *grown;

	if (n >= MAX_RECORDS)
		return nuc_fail(r->ret_err, -EFBIG, &where, "more than %u records", MAX_RECORDS);
	if (n & (n - 1) && n)
		return 0;
	grown = reallocarray(*a, n ? n * 2 : 1, size);
	if (!grown)
		return nuc_fail(r->ret_err, -ENOMEM, &where, "out of memory");
	*a = grown;
	return 0;
}

/* ---- records ----------------------------------------------------------------------------------- */

static int take_header(struct reader *r)
{
	static const char *const what[] = { "calls", "calls+paths" }, *const arch[] = { "x86_64" };
	const char *s = NULL;
	uint64_t n = 0;
	int e, i = 0, paths = 0;

	e = json_object_get(r->record, "nucleus_trace")
		    ? get_number(r, "nucleus_trace", INT32_MAX, &n)
		    : bad(r, 1, "not a trace: no \"nucleus_trace\"");
	if (e == 0 && n != 1)
		e = bad(r, 1, "a trace of format %llu, and this library reads format 1",
			(unsigned long long)n);
	if (e == 0)
		e = get_word(r, "records", what, NUC_ARRAY_SIZE(what), &paths);
	if (e == 0)
		e = get_number(r, "time_us", INT64_MAX, &n);
	if (e == 0)
		e = get_string(r, "library", 64, &s);
	if (e == 0)
		e = get_string(r, "kernel", 256, &s);
	if (e == 0)
		e = get_word(r, "arch", arch, 1, &i);
	if (e == 0)
		e = all_taken(r);
	if (e == 0)
		r->t->with_paths += paths == 1;
	return e;
}

static int take_args(struct reader *r, struct nuc_trace_call *c)
{
	const struct nuc_matter *m = nuc_matter_of(c->nr);
	json_t *args = json_object_get(r->record, "args");

	if (!m)
		return args ? bad(r, 1, "no argument of this call is recorded") : 0;
	r->taken++;
	if (!json_is_object(args) || json_object_size(args) != m->count)
		return bad(r, 1, "args must have %u members", m->count);
	for (unsigned int i = 0; i < m->count; i++) {
		const json_t *v = json_object_get(args, m->arg[i].name);
		uint32_t mask = m->arg[i].kind == NUC_MATTER_ZERO ? 1 : m->arg[i].mask;

		if (!json_is_integer(v) || json_integer_value(v) < 0 ||
		    (uint64_t)json_integer_value(v) & ~(uint64_t)mask)
			return bad(r, 1, "args.%s must be a number within 0x%x", m->arg[i].name,
				   mask);
		c->values[i] = (uint32_t)json_integer_value(v);
	}
	return 0;
}

static int take_call(struct reader *r)
{
	struct nuc_trace_call c = { .answer = NUC_TRACE_RUN };
	const json_t *name = member(r, "call");
	const char *known;
	uint64_t n = 0;
	int e = get_common(r, c.comm);

	if (e == 0)
		e = get_number(r, "nr", INT32_MAX, &n);
	if (e < 0)
		return e;
	c.nr = (int)n;
	known = nuc_syscall_name(c.nr);
	/* A newer library may know more names. */
	if (!json_is_null(name) &&
	    (!json_is_string(name) || (known && strcmp(json_string_value(name), known) != 0)))
		return bad(r, 1, "call %d is %s", c.nr, known ? known : "unknown, or has a name");
	e = take_args(r, &c);
	if (e == 0)
		e = get_flag(r, "refused", true, &c.refused);
	if (e == 0 && json_object_get(r->record, "answer")) {
		e = get_number(r, "answer", 4095, &n);
		c.answer = (int)n;
	}
	if (e == 0)
		e = all_taken(r);
	if (e == 0)
		e = grow(r, &r->t->calls, r->t->n_calls, sizeof(c));
	if (e == 0)
		r->t->calls[r->t->n_calls++] = c;
	return e;
}

static int take_net(struct reader *r, bool bind)
{
	static const char *const families[] = { "inet", "inet6" };
	static const char *const types[] = { "stream", "dgram", "unknown" };
	struct nuc_trace_net net = { .bind = bind };
	uint64_t port = 0;
	int e = get_common(r, net.comm), i = 0;

	if (e == 0)
		e = get_word(r, "family", families, NUC_ARRAY_SIZE(families), &i);
	if (e == 0)
		e = get_word(r, "type", types, NUC_ARRAY_SIZE(types), &i);
	if (e == 0)
		e = get_number(r, "port", UINT16_MAX, &port);
	if (e == 0)
		e = all_taken(r);
	if (e == 0)
		e = grow(r, &r->t->nets, r->t->n_nets, sizeof(net));
	if (e < 0)
		return e;
	net.stream = i != 1;
	net.port = (uint16_t)port;
	r->t->nets[r->t->n_nets++] = net;
	return 0;
}

/* Absolute, without "//", "." or ".." or an ending slash: what the kernel gives, and nothing else. */
static bool is_canonical(const char *path)
{
	if (!*path || !strcmp(path, "/"))
		return *path;
	while (*path) {
		size_t n;

		if (*path++ != '/')
			return false;
		n = strcspn(path, "/");
		if (n == 0 || (n == 1 && path[0] == '.') ||
		    (n == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		path += n;
	}
	return true;
}

static int take_path(struct reader *r, int op)
{
	const struct nuc_where no_memory = { "learn", "memory", NULL, NULL };
	struct nuc_trace_path p = { .op = (enum nuc_trace_op)op, .trace = r->t->traces };
	const char *path = "", *what_for = NULL;
	bool inexact = false;
	int e = get_common(r, p.comm), kind = 0;

	if (e == 0)
		e = get_word(r, "kind", kinds, NUC_ARRAY_SIZE(kinds), &kind);
	if (e == 0)
		e = get_string(r, "path", MAX_PATH_BYTES, &path);
	if (e == 0)
		e = get_flag(r, "exact", false, &inexact);
	if (e == 0 && json_object_get(r->record, "for"))
		e = get_string(r, "for", MAX_PATH_BYTES, &what_for);
	if (e == 0)
		e = all_taken(r);
	if (e == 0 && !is_canonical(path))
		e = bad(r, 1, "path is not a canonical absolute path");
	if (e == 0)
		e = grow(r, &r->t->paths, r->t->n_paths, sizeof(p));
	if (e < 0)
		return e;
	p.kind = (enum nuc_trace_kind)kind;
	p.exact = !inexact;
	p.path = strdup(path);
	if (!p.path)
		return nuc_fail(r->ret_err, -ENOMEM, &no_memory, "out of memory");
	r->t->paths[r->t->n_paths++] = p;
	return 0;
}

static int take_op(struct reader *r)
{
	const char *op = json_string_value(json_object_get(r->record, "op"));
	int e, i = 0;

	if (op && (!strcmp(op, "bind") || !strcmp(op, "connect"))) {
		member(r, "op");
		return take_net(r, *op == 'b');
	}
	e = get_word(r, "op", ops, NUC_ARRAY_SIZE(ops), &i);
	return e < 0 ? e : take_path(r, i);
}

static int take_end(struct reader *r)
{
	json_t *by_call;
	const char *name;
	json_t *v;
	uint64_t n = 0, records = 0, lost = 0, unread = 0;
	bool end;
	int e = get_flag(r, "end", true, &end);

	if (e == 0)
		e = get_number(r, "t", INT64_MAX, &n);
	if (e == 0)
		e = get_number(r, "calls", INT64_MAX, &n);
	if (e == 0)
		e = get_number(r, "records", INT64_MAX, &records);
	if (e == 0)
		e = get_number(r, "lost", INT64_MAX, &lost);
	if (e == 0)
		e = get_number(r, "unread", INT64_MAX, &unread);
	if (e < 0)
		return e;
	if (records != r->records)
		return bad(r, 1,
			   "the trace has %llu records and says that it has %llu: some are gone",
			   (unsigned long long)r->records, (unsigned long long)records);
	member(r, "by_call");
	by_call = json_object_get(r->record, "by_call");
	if (!json_is_object(by_call))
		return bad(r, 1, "by_call must be an object");
	json_object_foreach(by_call, name, v) {
		int nr = nuc_syscall_number(name);

		if (!json_is_integer(v) || json_integer_value(v) < 0)
			return bad(r, 1, "by_call.%s must be a number", name);
		if (nr >= 0 && nr < NUC_CALLS)
			r->t->counts[nr] += (uint64_t)json_integer_value(v);
	}
	e = all_taken(r);
	if (e < 0)
		return e;
	r->ended = true;
	r->t->lost += lost;
	r->t->unread += unread;
	return 0;
}

static int take_line(struct reader *r, const char *line, size_t len)
{
	json_error_t err;
	int e;

	if (r->ended)
		return bad(r, 1, "something follows the last record");
	if (len > MAX_LINE)
		return bad(r, 1, "a line of more than %u bytes", MAX_LINE);
	r->record = json_loadb(line, len, JSON_REJECT_DUPLICATES, &err);
	if (!r->record)
		return bad(r, err.column, "%s", err.text);
	r->taken = 0;
	r->records++;
	if (!json_is_object(r->record))
		e = bad(r, 1, "a record is an object");
	else if (r->line == 1)
		e = take_header(r);
	else if (json_object_get(r->record, "call"))
		e = take_call(r);
	else if (json_object_get(r->record, "op"))
		e = take_op(r);
	else
		e = json_object_get(r->record, "end") ? take_end(r) : bad(r, 1, "not a record");
	json_decref(r->record);
	r->record = NULL;
	return e;
}

/* ------------------------------------------------------------------------------------------------ */

int nuc_trace_parse(const char *text, size_t len, const char *name, struct nuc_trace *t,
		    nucleus_error **ret_err)
{
	struct reader r = { .name = name, .t = t, .ret_err = ret_err };
	const char *end = text + len;

	r.line = 1;
	if (len == 0)
		return bad(&r, 1, "not a trace: it is empty");
	for (; text < end; r.line++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		int e;

		/* What has no end was being written when it ended. The first line is looked at anyway. */
		if (!newline && r.line > 1)
			break;
		e = take_line(&r, text, (size_t)((newline ? newline : end) - text));
		if (e < 0)
			return e;
		text = newline ? newline + 1 : end;
	}
	t->traces++;
	t->incomplete += !r.ended;
	return 0;
}

int nuc_trace_load(const char *path, struct nuc_trace *t, nucleus_error **ret_err)
{
	const struct nuc_where where = { "learn", "trace", path, NULL };
	/* Not to wait for a FIFO's writer, nor to take a terminal. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t len;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return nuc_fail(ret_err, -errno, &where, "cannot open %s: %s", path,
				strerror(errno));
	if (!S_ISREG(st.st_mode))
		return nuc_fail(ret_err, S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL, &where,
				"%s is not a regular file", path);
	r = nuc_read_fd(fd, NUC_TRACE_MAX_BYTES, &text, &len);
	if (r < 0)
		return nuc_fail(ret_err, r, &where, "cannot read %s: %s", path,
				r == -EFBIG ? "bigger than any trace" : strerror(-r));
	return nuc_trace_parse(text, len, path, t, ret_err);
}

int nuc_trace_load_all(const char *const *paths, struct nuc_trace *t, nucleus_error **ret_err)
{
	const struct nuc_where where = { "learn", "trace", NULL, "nucleus run --learn FILE makes one" };
	int r = 0;

	if (!paths || !paths[0])
		return nuc_fail(ret_err, -EINVAL, &where, "no trace to learn from");
	for (size_t i = 0; r == 0 && paths[i]; i++)
		r = nuc_trace_load(paths[i], t, ret_err);
	return r;
}

void nuc_trace_done(struct nuc_trace *t)
{
	for (size_t i = 0; i < t->n_paths; i++)
		free(t->paths[i].path);
	free(t->paths);
	free(t->calls);
	free(t->nets);
	*t = (struct nuc_trace){ 0 };
}

void nuc_trace_note(const struct nuc_trace *t, struct nuc_buf *notes)
{
	if (t->incomplete)
		nuc_buf_printf(notes,
			       "%u of %u traces have no last record: what came after their end is not known\n",
			       t->incomplete, t->traces);
	if (t->lost)
		nuc_buf_printf(notes,
			       "%llu records were not written: the trace was full, or its disk\n",
			       (unsigned long long)t->lost);
	if (t->unread && t->with_paths)
		nuc_buf_printf(notes, "%llu times a path or an address could not be read\n",
			       (unsigned long long)t->unread);
}
