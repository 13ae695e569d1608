/* SPDX-License-Identifier: MIT */
/*
 * The paths and ports of calls, for learning. Init looks at what a call names before it is run, in the
 * mount namespace that it shares with the program: by openings with O_PATH, which neither wait nor do
 * anything to a file. The program may change its memory or the file afterwards: that misleads what is
 * learned, and nothing is enforced by it.
 */
#include <asm/fcntl.h>
#include <asm-generic/errno-base.h>
#include <linux/types.h>
#include <asm/ioctl.h>
#include <linux/seccomp.h>

#include "look.h"

#define AT_FDCWD_ (-100)
#define AT_SYMLINK_FOLLOW_ 0x400
#define O_PATH_ 010000000
#define O_TMPFILE_BIT 020000000
#define RENAME_EXCHANGE_ 2
#define AT_EXECFN_ 31
#define EXEC_DEPTH 6 /* scripts of scripts: BINPRM_MAX_RECURSION and the loader */
#define S_IFMT_ 0170000u

/* What a path is: its canonical name, and its kind. */
struct found {
	int fd;			/* O_PATH, or -1: missing */
	uint32_t mode;
	const char *kind;
	char path[NUC_PATH_BYTES + 8];
};

/* Init has one thread, and 64 KiB of stack: these are big. */
static struct found one, other;
static char wanted[NUC_PATH_BYTES], asked[NUC_PATH_BYTES + 64];

/* A path of the program's. Not if it has died: the memory may have been another's. */
static int read_path(const struct nuc_seen *s, int arg, char to[NUC_PATH_BYTES])
{
	if (nuc_look_string(s->pid, s->args[arg], to) == 0 && nuc_look_waits(s))
		return 0;
	nuc_trace_unread();
	return -EFAULT;
}

/* ---- paths ------------------------------------------------------------------------------------- */

static const char *kind_of(uint32_t mode)
{
	switch (mode & S_IFMT_) {
	case 0100000u:
		return "file";
	case 0040000u:
		return "dir";
	case 0120000u:
		return "link";
	case 0140000u:
		return "socket";
	case 0010000u:
		return "fifo";
	default:
		return "device";
	}
}

static void forget(struct found *f)
{
	if (f->fd >= 0)
		nuc_sys(__NR_close, f->fd);
	f->fd = -1;
}

/* What `asked` stands for. If it is missing, what it would be called, in the directory that is there. */
static int find(struct found *f, int follow)
{
	long slash, len, n;
	char last[256 + 1];
	uint32_t mode;
	int dir, r;

	f->kind = "missing";
	f->mode = 0;
	f->fd = (int)nuc_sys(__NR_openat, AT_FDCWD_, asked,
			     O_PATH_ | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
	if (f->fd >= 0) {
		r = nuc_look_canonical(f->fd, f->path, &f->mode);
		if (r < 0)
			forget(f);
		else
			f->kind = kind_of(f->mode);
		return r;
	}
	for (len = 0; asked[len]; len++)
		;
	while (len > 1 && asked[len - 1] == '/')
		asked[--len] = '\0';
	for (slash = len; slash > 0 && asked[slash - 1] != '/'; slash--)
		;
	if (slash == 0 || len - slash > 255 || len == slash)
		return -ENOENT;
	nuc_look_append(last, sizeof(last), 0, asked + slash);
	/* These are there, or nothing is. */
	if (last[0] == '.' && (!last[1] || (last[1] == '.' && !last[2])))
		return -ENOENT;
	asked[slash] = '\0';
	dir = (int)nuc_sys(__NR_openat, AT_FDCWD_, asked, O_PATH_ | O_CLOEXEC | O_DIRECTORY);
	if (dir < 0)
		return -ENOENT;
	r = nuc_look_canonical(dir, f->path, &mode);
	nuc_sys(__NR_close, dir);
	if (r < 0)
		return r;
	for (n = 0; f->path[n]; n++)
		;
	if (n > 1)
		n = nuc_look_append(f->path, sizeof(f->path), n, "/");
	nuc_look_append(f->path, sizeof(f->path), n, last);
	return 0;
}

static int look(const struct nuc_seen *s, int dir_arg, int path_arg, int follow, struct found *f)
{
	int r = read_path(s, path_arg, wanted);

	f->fd = -1;
	if (r < 0)
		return r;
	nuc_look_name(s->pid, dir_arg < 0 ? AT_FDCWD_ : (int)s->args[dir_arg], wanted, asked);
	return find(f, follow);
}

static void record(const struct nuc_seen *s, const char *op, const char *kind, const char *path)
{
	nuc_trace_path(s->pid, op, kind, path, NULL);
}

/* The directory that a path lies in, in place. */
static void cut(char *path)
{
	long slash = 0;

	for (long i = 0; path[i]; i++)
		if (path[i] == '/')
			slash = i;
	path[slash ? slash : 1] = '\0';
}

static int same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* ---- programs ---------------------------------------------------------------------------------- */

static unsigned char head[4096];

static uint64_t little(const unsigned char *p, int n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

/* What a file names as its interpreter: behind "#!", or PT_INTERP (elf(5)). 1 if it is in `wanted`. */
static int interpreter(int fd, long have)
{
	long n = 0;

	if (have > 2 && head[0] == '#' && head[1] == '!') {
		long i = 2;

		while (i < have && (head[i] == ' ' || head[i] == '\t'))
			i++;
		while (i < have && head[i] && head[i] != ' ' && head[i] != '\t' && head[i] != '\n')
			wanted[n++] = (char)head[i++];
		wanted[n] = '\0';
		return n > 0;
	}
	if (have < 64 || head[0] != 0x7f || head[1] != 'E' || head[2] != 'L' || head[3] != 'F' ||
	    head[4] != 2)
		return 0;
	for (uint64_t i = 0; i < little(head + 56, 2) && i < 128; i++) {
		unsigned char ph[56];
		uint64_t at = little(head + 32, 8) + i * little(head + 54, 2);

		if (nuc_sys(__NR_pread64, fd, ph, sizeof(ph), at) != sizeof(ph))
			return 0;
		if (little(ph, 4) != 3)
			continue;
		if (little(ph + 32, 8) < 2 || little(ph + 32, 8) > NUC_PATH_BYTES - 1)
			return 0;
		n = nuc_sys(__NR_pread64, fd, wanted, little(ph + 32, 8), little(ph + 8, 8));
		if (n <= 0)
			return 0;
		wanted[n] = '\0';
		return 1;
	}
	return 0;
}

/* The program that `asked` stands for, and what the kernel executes to run it. */
static void executed(int32_t pid)
{
	static char program[NUC_PATH_BYTES + 8];
	char link[40];

	for (int depth = 0; depth < EXEC_DEPTH; depth++) {
		long n = 0;
		int fd = -1, more;

		if (find(&one, 1) < 0) {
			nuc_trace_unread();
			return;
		}
		nuc_trace_path(pid, "exec", one.kind, one.path, depth ? program : NULL);
		if (!depth)
			nuc_look_append(program, sizeof(program), 0, one.path);
		/* Nothing else is opened for reading: that may wait, or do something. */
		if (one.fd >= 0 && (one.mode & S_IFMT_) == 0100000u) {
			n = nuc_look_append(link, sizeof(link), 0, "/proc/self/fd/");
			nuc_look_append_number(link, sizeof(link), n, (uint32_t)one.fd);
			fd = (int)nuc_sys(__NR_openat, AT_FDCWD_, link,
					  O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
			if (fd < 0)
				nuc_trace_unread();
		}
		forget(&one);
		if (fd < 0)
			return;
		n = nuc_sys(__NR_pread64, fd, head, sizeof(head), 0);
		more = interpreter(fd, n);
		nuc_sys(__NR_close, fd);
		if (!more)
			return;
		nuc_look_name(pid, AT_FDCWD_, wanted, asked);
	}
}

/* The name that the program was executed by stands on its stack (getauxval(3), AT_EXECFN). */
void nuc_learn_program(int32_t pid)
{
	uint64_t entry[2];
	int found = 0;
	long n;
	int fd;

	n = nuc_look_append(asked, sizeof(asked), 0, "/proc/");
	n = nuc_look_append_number(asked, sizeof(asked), n, (uint32_t)pid);
	nuc_look_append(asked, sizeof(asked), n, "/auxv");
	fd = (int)nuc_sys(__NR_openat, AT_FDCWD_, asked, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && !found && nuc_sys(__NR_read, fd, entry, sizeof(entry)) == sizeof(entry))
		found = entry[0] == AT_EXECFN_ && nuc_look_string(pid, entry[1], wanted) == 0;
	if (fd >= 0)
		nuc_sys(__NR_close, fd);
	if (!found) {
		nuc_trace_unread();
		return;
	}
	nuc_look_name(pid, AT_FDCWD_, wanted, asked);
	executed(pid);
}

static void on_exec(const struct nuc_seen *s, int dir_arg, int path_arg)
{
	if (read_path(s, path_arg, wanted) < 0)
		return;
	nuc_look_name(s->pid, dir_arg < 0 ? AT_FDCWD_ : (int)s->args[dir_arg], wanted, asked);
	executed(s->pid);
}

/* ---- files ------------------------------------------------------------------------------------- */

static void on_open(const struct nuc_seen *s, int dir_arg, int path_arg, uint32_t flags)
{
	const uint32_t access = flags & O_ACCMODE;
	const char *kind;

	if (flags & O_PATH_)
		return;
	/* With both, a link in the last place is an error. */
	if (look(s, dir_arg, path_arg, !(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) !=
					       (O_CREAT | O_EXCL), &one) < 0)
		return;
	kind = one.kind;
	if ((one.mode & S_IFMT_) == 0040000u && (flags & O_TMPFILE_BIT)) {
		long n = 0;

		while (one.path[n])
			n++;
		nuc_look_append(one.path, sizeof(one.path), n, "/#tmpfile");
		kind = "file";
		record(s, "create", kind, one.path);
	} else if ((one.mode & S_IFMT_) == 0040000u) {
		record(s, "list", kind, one.path);
		forget(&one);
		return;
	} else if (one.fd < 0 && (flags & O_CREAT)) {
		kind = "file";
		record(s, "create", kind, one.path);
	}
	if (access == O_RDONLY || access == O_RDWR)
		record(s, "read", kind, one.path);
	if (access == O_WRONLY || access == O_RDWR || (flags & O_TRUNC))
		record(s, "write", kind, one.path);
	forget(&one);
}

static void on_openat2(const struct nuc_seen *s)
{
	uint64_t flags;

	if (nuc_look_memory(s->pid, &flags, s->args[2], sizeof(flags)) != sizeof(flags)) {
		nuc_trace_unread();
		return;
	}
	on_open(s, 0, 1, (uint32_t)flags);
}

static void on_name(const struct nuc_seen *s, int dir_arg, int path_arg, const char *op,
		    const char *kind, int follow)
{
	if (look(s, dir_arg, path_arg, follow, &one) < 0)
		return;
	/* Of what is there already nothing is made. */
	if (op[0] != 'c' || one.fd < 0)
		record(s, op, kind ? kind : one.kind, one.path);
	forget(&one);
}

/* rename, and link if `moves` is 0. */
static void on_two_names(const struct nuc_seen *s, int dir1, int path1, int dir2, int path2,
			 int moves, uint32_t flags)
{
	if (look(s, dir1, path1, !moves && (flags & AT_SYMLINK_FOLLOW_), &one) < 0)
		return;
	if (look(s, dir2, path2, 0, &other) == 0) {
		if (moves) {
			record(s, "remove", one.kind, one.path);
			if (other.fd >= 0)
				record(s, "remove", other.kind, other.path);
			if (flags & RENAME_EXCHANGE_)
				record(s, "create", other.kind, one.path);
		}
		if (one.fd >= 0 && (moves || other.fd < 0))
			record(s, "create", one.kind, other.path);
		cut(one.path);
		cut(other.path);
		if (!same(one.path, other.path)) {
			record(s, "refer", "dir", one.path);
			record(s, "refer", "dir", other.path);
		}
		forget(&other);
	}
	forget(&one);
}

/* ---- sockets ----------------------------------------------------------------------------------- */

/* Landlock's ports are those of TCP: what kind of socket it is. */
static const char *type_of(int32_t pid, int fd)
{
	int type = 0, size = sizeof(type);
	long pidfd, copy;

	/* PIDFD_THREAD is Linux 6.9: before, of threads other than the first nothing is known. */
	pidfd = nuc_sys(__NR_pidfd_open, pid, O_EXCL);
	if (pidfd < 0)
		pidfd = nuc_sys(__NR_pidfd_open, pid, 0);
	if (pidfd < 0)
		return "unknown";
	copy = nuc_sys(__NR_pidfd_getfd, pidfd, fd, 0);
	nuc_sys(__NR_close, pidfd);
	if (copy < 0)
		return "unknown";
	if (nuc_sys(__NR_getsockopt, copy, 1 /* SOL_SOCKET */, 3 /* SO_TYPE */, &type, &size) < 0)
		type = 0;
	nuc_sys(__NR_close, copy);
	return type == 1 ? "stream" : type == 2 ? "dgram" : "unknown";
}

static void on_address(const struct nuc_seen *s, const char *op)
{
	unsigned char address[110];
	uint64_t len = (uint32_t)s->args[2];
	const char *family;

	if (len > sizeof(address) - 2)
		len = sizeof(address) - 2;
	if (len < 3)
		return;
	if (nuc_look_memory(s->pid, address, s->args[1], len) != (long)len || !nuc_look_waits(s)) {
		nuc_trace_unread();
		return;
	}
	address[len] = '\0';
	switch (little(address, 2)) {
	case 1: /* AF_UNIX: a name in a directory, if it is one */
		if (op[0] != 'b' || !address[2])
			return;
		nuc_look_append(wanted, sizeof(wanted), 0, (const char *)address + 2);
		nuc_look_name(s->pid, AT_FDCWD_, wanted, asked);
		if (find(&one, 0) == 0 && one.fd < 0)
			record(s, "create", "socket", one.path);
		forget(&one);
		return;
	case 2:
		family = "inet";
		break;
	case 10:
		family = "inet6";
		break;
	default:
		return;
	}
	if (len >= 4)
		nuc_trace_net(s->pid, op, family, type_of(s->pid, (int)s->args[0]),
			      (uint32_t)address[2] << 8 | address[3]);
}

/* ------------------------------------------------------------------------------------------------ */

void nuc_learn_call(const struct nuc_seen *s)
{
	const uint64_t *a = s->args;

	switch (s->nr) {
	case __NR_open:
		return on_open(s, -1, 0, (uint32_t)a[1]);
	case __NR_openat:
		return on_open(s, 0, 1, (uint32_t)a[2]);
	case __NR_openat2:
		return on_openat2(s);
	case __NR_creat:
		return on_open(s, -1, 0, O_CREAT | O_WRONLY | O_TRUNC);
	case __NR_truncate:
		return on_name(s, -1, 0, "write", NULL, 1);
	case __NR_execve:
		return on_exec(s, -1, 0);
	case __NR_execveat:
		return on_exec(s, 0, 1);
	case __NR_mkdir:
		return on_name(s, -1, 0, "create", "dir", 0);
	case __NR_mkdirat:
		return on_name(s, 0, 1, "create", "dir", 0);
	case __NR_mknod:
		return on_name(s, -1, 0, "create",
			       a[1] & S_IFMT_ ? kind_of((uint32_t)a[1]) : "file", 0);
	case __NR_mknodat:
		return on_name(s, 0, 1, "create", a[2] & S_IFMT_ ? kind_of((uint32_t)a[2]) : "file",
			       0);
	case __NR_symlink:
		return on_name(s, -1, 1, "create", "link", 0);
	case __NR_symlinkat:
		return on_name(s, 1, 2, "create", "link", 0);
	case __NR_unlink:
		return on_name(s, -1, 0, "remove", NULL, 0);
	case __NR_rmdir:
		return on_name(s, -1, 0, "remove", NULL, 0);
	case __NR_unlinkat:
		return on_name(s, 0, 1, "remove", NULL, 0);
	case __NR_rename:
		return on_two_names(s, -1, 0, -1, 1, 1, 0);
	case __NR_renameat:
		return on_two_names(s, 0, 1, 2, 3, 1, 0);
	case __NR_renameat2:
		return on_two_names(s, 0, 1, 2, 3, 1, (uint32_t)a[4] & RENAME_EXCHANGE_);
	case __NR_link:
		return on_two_names(s, -1, 0, -1, 1, 0, 0);
	case __NR_linkat:
		return on_two_names(s, 0, 1, 2, 3, 0, (uint32_t)a[4] & AT_SYMLINK_FOLLOW_);
	case __NR_bind:
		return on_address(s, "bind");
	case __NR_connect:
		return on_address(s, "connect");
	default:
		return;
	}
}
