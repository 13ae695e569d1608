/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include "tree_internal.h"

/* Longer paths are cut in the middle when they are shown. */
#define SHOWN_PATH_MAX 400

void nuc_stamp_set(struct nuc_stamp *s, const struct stat *st)
{
	*s = (struct nuc_stamp){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.mode = st->st_mode,
		.size = st->st_size,
		.mtime = st->st_mtim,
		.ctime = st->st_ctim,
	};
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool nuc_stamp_equal(const struct nuc_stamp *a, const struct nuc_stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->mode == b->mode && a->size == b->size &&
	       same_time(&a->mtime, &b->mtime) && same_time(&a->ctime, &b->ctime);
}

/* ---- the listing ---------------------------------------------------------------------------- */

struct nuc_tree_listing *nuc_tree_new(void)
{
	struct nuc_tree_listing *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->size = 64;
	t->names_size = 1024;
	t->nodes = calloc(t->size, sizeof(*t->nodes));
	t->names = calloc(1, t->names_size);
	if (!t->nodes || !t->names) {
		nuc_tree_listing_free(t);
		return NULL;
	}
	t->n = 1;
	t->names_len = 1; /* the root's name, empty */
	t->nodes[0].base = 0;
	return t;
}

void nuc_tree_listing_free(struct nuc_tree_listing *t)
{
	if (!t)
		return;
	free(t->nodes);
	free(t->names);
	free(t);
}

int nuc_tree_add(struct nuc_tree_listing *t, uint32_t parent, const char *name, int64_t max)
{
	size_t len = strlen(name) + 1;
	uint16_t depth = t->nodes[parent].depth + 1;

	if (depth > NUC_TREE_MAX_DEPTH)
		return -ENAMETOOLONG;
	if (max < 0 || t->n - 1 >= (uint64_t)max || t->n >= NUC_TREE_NONE)
		return -NUC_TREE_FILES;
	if (t->n == t->size) {
		struct nuc_node *nodes = reallocarray(t->nodes, t->size * 2, sizeof(*nodes));

		if (!nodes)
			return -ENOMEM;
		t->nodes = nodes;
		t->size *= 2;
	}
	while (len > t->names_size - t->names_len) {
		char *names = realloc(t->names, t->names_size * 2);

		if (!names)
			return -ENOMEM;
		t->names = names;
		t->names_size *= 2;
	}
	memcpy(t->names + t->names_len, name, len);
	t->nodes[t->n++] = (struct nuc_node){
		.name = t->names_len,
		.parent = parent,
		.base = NUC_TREE_NONE,
		.depth = depth,
	};
	t->names_len += len;
	return 0;
}

void nuc_tree_truncate(struct nuc_tree_listing *t, size_t n)
{
	if (n < t->n)
		t->names_len = t->nodes[n].name;
	t->n = n;
}

static int compare_nodes(const void *a, const void *b, void *names)
{
	const struct nuc_node *x = a, *y = b;

	return strcmp((const char *)names + x->name, (const char *)names + y->name);
}

void nuc_tree_close_dir(struct nuc_tree_listing *t, uint32_t parent, size_t first)
{
	t->nodes[parent].first = (uint32_t)first;
	t->nodes[parent].count = (uint32_t)(t->n - first);
	if (t->n > first)
		qsort_r(t->nodes + first, t->n - first, sizeof(*t->nodes), compare_nodes, t->names);
}

uint32_t nuc_tree_find(const struct nuc_tree_listing *t, uint32_t parent, const char *name)
{
	uint32_t lo = t->nodes[parent].first, hi = lo + t->nodes[parent].count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = strcmp(nuc_tree_name(t, mid), name);

		if (c == 0)
			return mid;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NUC_TREE_NONE;
}

/* ---- opening -------------------------------------------------------------------------------- */

int nuc_tree_openat(int dir, const char *path, int flags)
{
	const struct open_how how = {
		.flags = (uint64_t)(flags | O_NOFOLLOW | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_XDEV,
	};
	long fd = syscall(__NR_openat2, dir, path, &how, sizeof(how));

	return fd < 0 ? -errno : nuc_fd_above_stdio((int)fd);
}

int nuc_tree_open_dir(int root, const struct nuc_tree_listing *t, uint32_t i, int flags)
{
	uint32_t chain[NUC_TREE_MAX_DEPTH];
	_cleanup_close_ int at = -1;
	size_t n = 0, len = 0;
	char path[PATH_MAX];

	for (; i; i = t->nodes[i].parent)
		chain[n++] = i;
	if (n == 0)
		return nuc_tree_openat(root, ".", flags | O_DIRECTORY);
	while (n > 0) {
		const char *name = nuc_tree_name(t, chain[--n]);
		size_t name_len = strlen(name);

		/* One call takes PATH_MAX bytes: longer paths go in stages. */
		if (len > 0 && len + name_len + 2 > sizeof(path)) {
			int fd = nuc_tree_openat(at < 0 ? root : at, path, O_PATH | O_DIRECTORY);

			if (fd < 0)
				return fd;
			nuc_closep(&at);
			at = fd;
			len = 0;
		}
		if (name_len + 2 > sizeof(path))
			return -ENAMETOOLONG;
		if (len > 0)
			path[len++] = '/';
		memcpy(path + len, name, name_len + 1);
		len += name_len;
	}
	return nuc_tree_openat(at < 0 ? root : at, path, flags | O_DIRECTORY);
}

/* Not /proc/self: a thread may have a descriptor table of its own (unshare(CLONE_FILES)). */
static void proc_path(int fd, char path[64])
{
	snprintf(path, 64, "/proc/thread-self/fd/%d", fd);
}

int nuc_reopen(int fd, int flags)
{
	char path[64];
	int r;

	proc_path(fd, path);
	r = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (r < 0)
		return errno == ENOENT ? -ENOSYS : -errno;
	return nuc_fd_above_stdio(r);
}

int nuc_chmod_fd(int fd, mode_t mode)
{
	char path[64];

	/* fchmod() refuses O_PATH descriptors, and fchmodat2() came with kernel 6.6. */
	proc_path(fd, path);
	if (chmod(path, mode) < 0)
		return errno == ENOENT ? -ENOSYS : -errno;
	return 0;
}

/* ---- messages ------------------------------------------------------------------------------- */

static void escape(struct nuc_buf *b, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x20 || c > 0x7e || c == '\\' || c == '\'')
			nuc_buf_printf(b, "\\x%02x", c);
		else
			nuc_buf_add(b, s, 1);
	}
}

void nuc_tree_put_path(struct nuc_buf *b, const struct nuc_tree_listing *t, uint32_t parent,
		       const char *name)
{
	_cleanup_buf_ struct nuc_buf path = { 0 };
	uint32_t chain[NUC_TREE_MAX_DEPTH];
	size_t n = 0;

	for (uint32_t i = parent; i; i = t->nodes[i].parent)
		chain[n++] = i;
	while (n > 0) {
		escape(&path, nuc_tree_name(t, chain[--n]));
		if (n > 0 || name)
			nuc_buf_puts(&path, "/");
	}
	if (name)
		escape(&path, name);
	if (!path.s || path.failed) {
		nuc_buf_puts(b, path.failed ? "(no memory)" : "its root");
		return;
	}
	nuc_buf_puts(b, "'");
	if (path.len > SHOWN_PATH_MAX) {
		nuc_buf_add(b, path.s, SHOWN_PATH_MAX / 2);
		nuc_buf_puts(b, "...");
		nuc_buf_puts(b, path.s + path.len - SHOWN_PATH_MAX / 2);
	} else {
		nuc_buf_puts(b, path.s);
	}
	nuc_buf_puts(b, "'");
}

static const struct {
	int code, error;
	const char *reason; /* NULL: what strerror() says */
	const char *hint;
} meanings[] = {
	{ ESTALE, ESTALE, "changed on the host meanwhile",
	  "let nothing else change the directory while the sandbox uses it" },
	{ ENOTEMPTY, ENOTEMPTY, "something else is in it", NULL },
	{ EXDEV, EXDEV, "a mount point", "unmount it, or use a directory without mount points" },
	{ EOPNOTSUPP, EOPNOTSUPP, "a FIFO, socket or device",
	  "remove it: only files, directories and symbolic links are copied" },
	{ ENOSYS, ENOSYS, "neither openat2() nor /proc may be missing", NULL },
	{ NUC_TREE_SIZE, EFBIG, "more than --copy-size allows", "raise --copy-size" },
	{ NUC_TREE_FILES, EFBIG, "more files than --copy-files allows", "raise --copy-files" },
	{ NUC_TREE_FSIZE, EFBIG, "larger than a file of this process may be (RLIMIT_FSIZE)",
	  "raise the caller's own limit: ulimit -f" },
	{ NUC_TREE_PLANTED, EPERM, "another user's file, kept from the owner of the tree",
	  "remove it, or give it to the owner of the tree" },
	{ ENOSPC, ENOSPC, NULL, "make room on the file system that is written to" },
	{ EDQUOT, EDQUOT, NULL, "make room on the file system that is written to" },
	{ EACCES, EACCES, NULL, "see its owner and mode, and those of the directory that it is in" },
	{ EPERM, EPERM, NULL, "see its owner and mode, and whether it may be changed at all: lsattr" },
	{ ENAMETOOLONG, ENAMETOOLONG, "directories too deep, or too long a name", "flatten the tree" },
};

void nuc_tree_put_reason(struct nuc_buf *b, int code, const struct nuc_copy_params *params)
{
	const char *s = NULL;

	for (size_t i = 0; !s && i < NUC_ARRAY_SIZE(meanings); i++)
		if (meanings[i].code == -code)
			s = meanings[i].reason;
	if (!s)
		s = strerrordesc_np(-code);
	nuc_buf_puts(b, s ? s : "unknown error");
	if (code == -NUC_TREE_SIZE)
		nuc_buf_printf(b, ", which is %lld bytes", (long long)params->max_bytes);
	if (code == -NUC_TREE_FILES)
		nuc_buf_printf(b, ", which is %lld", (long long)params->max_files);
}

const char *nuc_tree_hint(int code)
{
	for (size_t i = 0; i < NUC_ARRAY_SIZE(meanings); i++)
		if (meanings[i].code == -code)
			return meanings[i].hint;
	return NULL;
}

int nuc_tree_errno(int code)
{
	for (size_t i = 0; i < NUC_ARRAY_SIZE(meanings); i++)
		if (meanings[i].code == -code)
			return -meanings[i].error;
	return code;
}
