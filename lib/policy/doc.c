/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/stat.h>

#include "doc_internal.h"

void nuc_doc_free(struct nuc_doc *doc)
{
	if (!doc)
		return;
	switch (doc->type) {
	case NUC_DOC_TABLE:
	case NUC_DOC_ARRAY:
		/* Recursion is safe: both readers refuse what is deeper than NUC_DOC_MAX_DEPTH. */
		for (size_t i = 0; i < doc->n; i++)
			nuc_doc_free(doc->items[i]);
		free(doc->items);
		break;
	case NUC_DOC_STRING:
	case NUC_DOC_DATETIME:
		free(doc->s);
		break;
	case NUC_DOC_INT:
	case NUC_DOC_UINT:
	case NUC_DOC_FLOAT:
	case NUC_DOC_BOOL:
	case NUC_DOC_NULL:
		break;
	}
	free(doc->key);
	free(doc);
}

int nuc_doc_append(struct nuc_doc *parent, struct nuc_doc *child)
{
	/* There is room for a power of two, so that a power of two is when to make more. */
	if ((parent->n & (parent->n - 1)) == 0) {
		size_t size = parent->n ? parent->n * 2 : 1;
		struct nuc_doc **items;

		items = reallocarray(parent->items, size, sizeof(struct nuc_doc *));
		if (!items)
			return -ENOMEM;
		parent->items = items;
	}
	parent->items[parent->n++] = child;
	return 0;
}

char *nuc_doc_copy(const char *s, size_t len)
{
	char *copy = malloc(len + 1);

	if (!copy)
		return NULL;
	if (len)
		memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

void nuc_doc_skip(struct nuc_doc_cursor *c, size_t n)
{
	for (; n; n--, c->s++) {
		if (*c->s == '\n') {
			c->pos.line++;
			c->pos.col = 1;
		} else if (c->s + 1 == c->end || ((unsigned char)c->s[1] & 0xc0) != 0x80) {
			/* The last byte of a character: the next one is a new column. */
			c->pos.col++;
		}
	}
}

void nuc_doc_report(const struct nuc_doc_cursor *c, struct nuc_doc_pos pos, const char *hint,
		    const char *fmt, ...)
{
	_cleanup_free_ char *origin = nuc_strf("%s:%u:%u", c->name, pos.line, pos.col);
	_cleanup_free_ char *message = NULL;
	const struct nuc_where where = { "policy", c->layer, origin, hint };
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&message, fmt, ap);
	va_end(ap);
	if (n < 0)
		message = NULL;
	nuc_fail(c->ret_err, -EINVAL, &where, "%s",
		 message ? message : "no memory to say what is wrong");
}

void nuc_doc_report_no_memory(const struct nuc_doc_cursor *c)
{
	const struct nuc_where where = { "policy", c->layer, c->name, NULL };

	nuc_fail(c->ret_err, -ENOMEM, &where, "out of memory");
}

const char *nuc_doc_found(const struct nuc_doc_cursor *c, char buf[NUC_DOC_FOUND_SIZE])
{
	const unsigned char *s = (const unsigned char *)c->s;
	uint32_t ch;

	if (c->s == c->end)
		return "the end of the file";
	if (*s == '\n' || (*s == '\r' && nuc_doc_peek(c, 1) == '\n'))
		return "the end of the line";
	if (*s > 0x20 && *s < 0x7f) {
		snprintf(buf, NUC_DOC_FOUND_SIZE, "'%c'", *s);
		return buf;
	}
	/* Control characters would garble a terminal, and curly quotes look like straight ones. */
	ch = *s;
	if (*s >= 0xf0)
		ch = (*s & 0x07u) << 18 | (s[1] & 0x3fu) << 12 | (s[2] & 0x3fu) << 6 |
		     (s[3] & 0x3fu);
	else if (*s >= 0xe0)
		ch = (*s & 0x0fu) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu);
	else if (*s >= 0xc0)
		ch = (*s & 0x1fu) << 6 | (s[1] & 0x3fu);
	snprintf(buf, NUC_DOC_FOUND_SIZE, "U+%04X", ch);
	return buf;
}

const char *nuc_doc_shown(const char *s, size_t len, char buf[NUC_DOC_SHOWN_SIZE])
{
	const size_t max = NUC_DOC_SHOWN_SIZE - sizeof("...");
	bool clip = len > max;
	size_t n = 0;

	if (clip)
		for (len = max; len && ((unsigned char)s[len] & 0xc0) == 0x80;)
			len--;
	for (size_t i = 0; i < len; i++) {
		unsigned char ch = (unsigned char)s[i];

		/* U+0080 to U+009F are control characters too. */
		if (ch == 0xc2 && i + 1 < len && (unsigned char)s[i + 1] < 0xa0)
			i++;
		else if (ch >= 0x20 && ch != 0x7f) {
			buf[n++] = s[i];
			continue;
		}
		buf[n++] = '?';
	}
	buf[n] = '\0';
	if (clip)
		memcpy(buf + n, "...", sizeof("..."));
	return buf;
}

/* Where the first character that is not UTF-8 stands. */
static void skip_utf8(struct nuc_doc_cursor *c)
{
	while (c->s < c->end) {
		unsigned char first = (unsigned char)*c->s;
		size_t n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

		if ((size_t)(c->end - c->s) < n || !nuc_utf8_valid(c->s, n))
			return;
		nuc_doc_skip(c, n);
	}
}

static int too_big(const struct nuc_doc_cursor *c)
{
	const struct nuc_where where = { "policy", c->layer, c->name,
					 "split it, or check that this is the file you meant" };

	return nuc_fail(c->ret_err, -EFBIG, &where, "the document is larger than %u bytes",
			NUC_DOC_MAX_BYTES);
}

int nuc_doc_begin(struct nuc_doc_cursor *c, const char *text, size_t len)
{
	c->s = text;
	c->end = text + len;
	c->pos = (struct nuc_doc_pos){ 1, 1 };
	if (len > NUC_DOC_MAX_BYTES)
		return too_big(c);
	if (!nuc_utf8_valid(text, len)) {
		skip_utf8(c);
		return nuc_doc_fail(c, c->pos, "save the file as UTF-8",
				    "byte 0x%02x is not UTF-8", (unsigned char)*c->s);
	}
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		return nuc_doc_fail(c, c->pos, "save the file as UTF-8 without a byte order mark",
				    "the file begins with a byte order mark (U+FEFF)");
	return 0;
}

/* ---- files ----------------------------------------------------------------------------------- */

static int file_failed(const char *name, int code, const char *what, nucleus_error **ret_err)
{
	const struct nuc_where where = { "policy", "file", name, NULL };

	return nuc_fail(ret_err, code, &where, "cannot %s '%s': %s (%s)", what, name,
			strerrordesc_np(-code), nuc_errno_name(code));
}

static int check_kind(const struct stat *st, bool pipe_allowed, const char *name,
		      nucleus_error **ret_err)
{
	const struct nuc_where where = {
		"policy", "file", name,
		pipe_allowed ? "give a regular file or a pipe" :
			       "give a regular file; a pipe can be given by its descriptor: --config-fd N"
	};
	const char *kind = S_ISFIFO(st->st_mode) ? "a pipe" :
			   S_ISSOCK(st->st_mode) ? "a socket" :
						   "a device";

	if (S_ISREG(st->st_mode) || (pipe_allowed && S_ISFIFO(st->st_mode)))
		return 0;
	if (S_ISDIR(st->st_mode))
		return nuc_fail(ret_err, -EISDIR, &where, "'%s' is a directory, not a document",
				name);
	return nuc_fail(ret_err, -EINVAL, &where, "'%s' is %s, not a regular file", name, kind);
}

int nuc_doc_parse(const char *text, size_t len, const char *name, struct nuc_doc **ret,
		  nucleus_error **ret_err)
{
	size_t name_len = strlen(name);

	if (name_len >= 5 && strcmp(name + name_len - 5, ".json") == 0)
		return nuc_json_parse(text, len, name, ret, ret_err);
	return nuc_toml_parse(text, len, name, ret, ret_err);
}

static int load(int fd, bool pipe_allowed, const char *name, struct nuc_doc **ret,
		nucleus_error **ret_err)
{
	const struct nuc_doc_cursor c = { .name = name, .layer = "file", .ret_err = ret_err };
	_cleanup_free_ char *text = NULL;
	size_t len;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return file_failed(name, -errno, "look at", ret_err);
	r = check_kind(&st, pipe_allowed, name, ret_err);
	if (r < 0)
		return r;
	if (S_ISREG(st.st_mode) && st.st_size > NUC_DOC_MAX_BYTES)
		return too_big(&c);
	/* The size is looked at again while reading: it may grow, and a file of /proc says 0. */
	r = nuc_read_fd(fd, NUC_DOC_MAX_BYTES, &text, &len);
	if (r == -EFBIG)
		return too_big(&c);
	if (r < 0)
		return file_failed(name, r, "read", ret_err);
	return nuc_doc_parse(text, len, name, ret, ret_err);
}

int nuc_doc_load(const char *path, struct nuc_doc **ret, nucleus_error **ret_err)
{
	/* O_NONBLOCK: opening a FIFO must not wait for its writer before it can be refused. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return file_failed(path, -errno, "open", ret_err);
	return load(fd, false, path, ret, ret_err);
}

int nuc_doc_load_fd(int fd, const char *name, struct nuc_doc **ret, nucleus_error **ret_err)
{
	return load(fd, true, name, ret, ret_err);
}
