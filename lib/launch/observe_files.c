/* SPDX-License-Identifier: MIT */
/*
 * Calls that the filter allows and that another layer may refuse (security.observe = "all"). Init is in
 * the same mounts as the program, and has its ids: before the call is run, it asks the kernel the same, by
 * calls that do nothing to a file and wait for nobody. The call is run in any case. The Landlock rules that
 * are made from the mounts refuse what these refuse. Those of a policy init is not under, nor could it ask
 * without doing it: the caller is told of the call, and asks the plan.
 */
#include <asm/fcntl.h>
#include <asm-generic/errno-base.h>
#include <asm-generic/errno.h>

#include "landlock_abi.h"
#include "look.h"
#include "observe.h"

#define AT_FDCWD_ (-100)
#define AT_EACCESS_ 0x200
#define AT_EMPTY_PATH__ 0x1000
#define O_PATH_ 010000000
#define PROC_SUPER_MAGIC 0x9fa0
#define S_IFMT_ 0170000u
#define S_IFREG_ 0100000u
#define S_IFDIR_ 0040000u
#define R_OK_ 4
#define W_OK_ 2
#define X_OK_ 1
#define MAX_ANCESTORS 64
#define MAYBE (-1) /* nobody can say without doing it */

static struct {
	uint64_t root;	 /* device of the root file system */
	int own_rules;	 /* there are Landlock rules beside those that are made from the mounts */
	int ports;	 /* NUC_LL_NET_*: what Landlock restricts */
	int own_network;
} plan;

/* Init has one thread, and 64 KiB of stack: these are big. */
static char wanted[NUC_PATH_BYTES], asked[NUC_PATH_BYTES + 64], dir[NUC_PATH_BYTES + 64];
static char found[NUC_PATH_BYTES + 260], entry[256];

void nuc_files_start(const struct nuc_plan *p)
{
	uint64_t st[18];

	st[0] = 0;
	if (nuc_sys(__NR_stat, "/", st) == 0)
		plan.root = st[0];
	for (uint32_t i = 0; i < p->n[NUC_PROG_INIT]; i++) {
		const struct nuc_step *s = nuc_plan_step(p, p->first[NUC_PROG_INIT] + i);
		const struct nuc_landlock_attr *attr = nuc_plan_data(p, s->arg[0]);

		if (s->op != NUC_OP_LANDLOCK_RULESET && s->op != NUC_OP_LANDLOCK_POLICY_RULESET)
			continue;
		plan.own_rules |= s->op == NUC_OP_LANDLOCK_POLICY_RULESET;
		plan.ports |= (int)attr->net;
	}
	plan.own_network = (p->clone_flags & 0x40000000 /* CLONE_NEWNET */) != 0;
}

/* ---- looking ----------------------------------------------------------------------------------------- */

static long fd_open(const char *path, int flags)
{
	return nuc_sys(__NR_openat, AT_FDCWD_, path, O_PATH_ | O_CLOEXEC | flags);
}

static long is_refused(long fd, int mode)
{
	long r = nuc_sys(__NR_faccessat2, fd, "", mode, AT_EMPTY_PATH__ | AT_EACCESS_);

	return r == -EACCES || r == -EROFS || r == -EPERM ? -r : 0;
}

/* The kernel's own files: what they mean depends on who asks. */
static int is_proc(long fd, int *ret_read_only)
{
	uint64_t st[16]; /* struct statfs of x86_64: f_type first, f_flags at 80 */

	st[0] = PROC_SUPER_MAGIC;
	st[10] = 0;
	nuc_sys(__NR_fstatfs, fd, st);
	*ret_read_only = st[10] & 1 /* ST_RDONLY */;
	return st[0] == PROC_SUPER_MAGIC;
}

static long length(const char *s)
{
	long n = 0;

	while (s[n])
		n++;
	return n;
}

/* Cuts `path` behind the directory; gives the last component in place, NULL for none. */
static const char *split(char *path)
{
	long n = length(path);

	while (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
	while (n > 0 && path[n - 1] != '/')
		n--;
	if (!n || !path[n] ||
	    (path[n] == '.' && (!path[n + 1] || (path[n + 1] == '.' && !path[n + 2]))))
		return NULL;
	return path + n;
}

/* The nearest directory that is there: is it of the sandbox's own root, which shows what the policy names? */
static int is_missing_in_root(void)
{
	uint64_t st[18];
	long fd;

	if (wanted[0] != '/')
		return 0;
	nuc_look_append(dir, sizeof(dir), 0, asked);
	for (int i = 0; i < MAX_ANCESTORS; i++) {
		char *last = (char *)split(dir);

		if (!last)
			return 0;
		*last = '\0';
		fd = fd_open(dir, O_DIRECTORY);
		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return 0;
		st[0] = 0;
		nuc_sys(__NR_fstat, fd, st);
		nuc_sys(__NR_close, fd);
		return st[0] == plan.root;
	}
	return 0;
}

/* ---- asking ------------------------------------------------------------------------------------------- */

enum want { READ, WRITE, TRUNCATE, CHANGE, EXEC, CONNECT };

static void tell(const struct nuc_seen *s, long error, const char *path)
{
	if (error == MAYBE)
		nuc_observe_tell(s, EACCES, path, 1);
	else if (error)
		nuc_observe_tell(s, (int)error, path, 0);
}

/* Something that is there. */
static void ask_node(const struct nuc_seen *s, long fd, enum want want)
{
	uint32_t mode = 0;
	long error = 0;
	int regular, read_only;

	if (is_proc(fd, &read_only) || nuc_look_canonical((int)fd, found, &mode) < 0)
		return;
	regular = (mode & S_IFMT_) == S_IFREG_;
	switch (want) {
	case READ:
		if (regular || (mode & S_IFMT_) == S_IFDIR_)
			error = is_refused(fd, R_OK_);
		if (!error && plan.own_rules)
			error = MAYBE;
		break;
	case TRUNCATE: /* in this order (do_open() and vfs_truncate()) */
	case WRITE:
		if (regular)
			error = want == TRUNCATE && read_only ? EROFS : is_refused(fd, W_OK_);
		if (regular && !error && plan.own_rules)
			error = MAYBE;
		break;
	case CHANGE: /* whose it is decides, and not its permissions */
		error = read_only ? EROFS : 0;
		break;
	case EXEC:
		if (regular)
			error = is_refused(fd, X_OK_);
		if (regular && !error && plan.own_rules)
			error = MAYBE;
		break;
	case CONNECT:
		error = is_refused(fd, W_OK_) == EACCES ? EACCES : 0;
		break;
	}
	tell(s, error, found);
}

/* A name in a directory that is there: to be made, or to be removed. */
static void ask_entry(const struct nuc_seen *s)
{
	const char *last;
	uint32_t mode;
	long fd, n, error;
	int read_only;

	nuc_look_append(dir, sizeof(dir), 0, asked);
	last = split(dir);
	if (!last || length(last) > 255)
		return;
	nuc_look_append(entry, sizeof(entry), 0, last);
	*(char *)last = '\0';
	fd = fd_open(dir, O_DIRECTORY);
	if (fd < 0) {
		if (fd == -ENOENT && is_missing_in_root())
			nuc_observe_tell(s, ENOENT, wanted, 0);
		return;
	}
	if (!is_proc(fd, &read_only) && nuc_look_canonical((int)fd, found, &mode) == 0) {
		/* In this order (filename_create() and do_unlinkat(), fs/namei.c). */
		error = read_only ? EROFS : is_refused(fd, W_OK_ | X_OK_);
		if (!error && plan.own_rules)
			error = MAYBE;
		n = length(found);
		if (n > 1)
			n = nuc_look_append(found, sizeof(found), n, "/");
		nuc_look_append(found, sizeof(found), n, entry);
		tell(s, error, found);
	}
	nuc_sys(__NR_close, fd);
}

static int name(const struct nuc_seen *s, int dir_arg, int path_arg)
{
	if (nuc_look_string(s->pid, s->args[path_arg], wanted) < 0 || !nuc_look_waits(s) ||
	    !wanted[0])
		return -EFAULT;
	nuc_look_name(s->pid, dir_arg < 0 ? AT_FDCWD_ : (int)s->args[dir_arg], wanted, asked);
	return 0;
}

/* 1 if it is there and was asked about, 0 if it is missing. */
static int ask_existing(const struct nuc_seen *s, enum want want, int nofollow)
{
	long fd = fd_open(asked, nofollow ? O_NOFOLLOW : 0);

	if (fd >= 0) {
		ask_node(s, fd, want);
		nuc_sys(__NR_close, fd);
		return 1;
	}
	if (fd == -EACCES && wanted[0] == '/')
		nuc_observe_tell(s, EACCES, wanted, 0);
	return fd != -ENOENT;
}

static void on_open(const struct nuc_seen *s, int dir_arg, int path_arg, uint32_t flags)
{
	enum want want = flags & O_TRUNC		   ? TRUNCATE
			 : (flags & O_ACCMODE) != O_RDONLY ? WRITE
							   : READ;

	if (flags & O_PATH_ || name(s, dir_arg, path_arg) < 0)
		return;
	if (ask_existing(s, want, flags & O_NOFOLLOW || (flags & O_CREAT && flags & O_EXCL)))
		return;
	if (flags & O_CREAT)
		ask_entry(s);
	else if (is_missing_in_root())
		nuc_observe_tell(s, ENOENT, wanted, 0);
}

static void on_existing(const struct nuc_seen *s, int dir_arg, int path_arg, enum want want)
{
	if (name(s, dir_arg, path_arg) == 0 && !ask_existing(s, want, 0) && is_missing_in_root())
		nuc_observe_tell(s, ENOENT, wanted, 0);
}

/* `made`: of what is there already nothing is made; what is not there is not removed. */
static void on_entry(const struct nuc_seen *s, int dir_arg, int path_arg, int made)
{
	long fd;

	if (name(s, dir_arg, path_arg) < 0)
		return;
	fd = fd_open(asked, O_NOFOLLOW);
	if (fd >= 0)
		nuc_sys(__NR_close, fd);
	if (made < 0 || (fd >= 0) == !made)
		ask_entry(s);
}

/* ---- sockets -------------------------------------------------------------------------------------------- */

static long append_hex(char *to, long size, long at, unsigned int n)
{
	char digits[5];
	int i = 4;

	digits[i] = '\0';
	do
		digits[--i] = "0123456789abcdef"[n & 15];
	while (n >>= 4);
	return nuc_look_append(to, size, at, digits + i);
}

/* "127.0.0.1:80", "[0:0:0:0:0:0:0:1]:80". Gives whether it is this host's loopback. */
static int endpoint(const unsigned char *a, int v6, char to[80])
{
	uint32_t port = (uint32_t)a[2] << 8 | a[3];
	int loopback = 1;
	long n = 0;

	if (v6) {
		n = nuc_look_append(to, 80, n, "[");
		for (int i = 0; i < 8; i++) {
			unsigned int part = (unsigned int)a[8 + 2 * i] << 8 | a[9 + 2 * i];

			/* ::, ::1, and ::ffff:127.0.0.0/8 */
			loopback &= i < 5	? !part
				    : i == 5	? !part || part == 0xffff
				    : i == 6	? !part || part >> 8 == 127
						: part <= 1 || (a[20] == 127);
			n = append_hex(to, 80, n, part);
			n = nuc_look_append(to, 80, n, i < 7 ? ":" : "]");
		}
	} else {
		/* 0.0.0.0 leads to this host, too. */
		loopback = a[4] == 127 || !(a[4] | a[5] | a[6] | a[7]);
		for (int i = 0; i < 4; i++) {
			n = nuc_look_append_number(to, 80, n, a[4 + i]);
			n = nuc_look_append(to, 80, n, i < 3 ? "." : "");
		}
	}
	n = nuc_look_append(to, 80, n, ":");
	nuc_look_append_number(to, 80, n, port);
	return loopback;
}

static void on_unix(const struct nuc_seen *s, const unsigned char *a, int binds)
{
	if (!a[2])
		return;
	nuc_look_append(wanted, sizeof(wanted), 0, (const char *)a + 2);
	nuc_look_name(s->pid, AT_FDCWD_, wanted, asked);
	if (binds) {
		ask_entry(s);
	} else if (!ask_existing(s, CONNECT, 0) && is_missing_in_root()) {
		nuc_observe_tell(s, ENOENT, wanted, 0);
	}
}

static void on_address(const struct nuc_seen *s, int binds)
{
	unsigned char a[112]; /* struct sockaddr_un is the longest, and need not end in NUL */
	uint64_t len = (uint32_t)s->args[2];
	uint32_t family, port;
	char text[80];
	int loopback;

	if (len < 3 || len > sizeof(a) - 2)
		return;
	for (unsigned int i = 0; i < sizeof(a); i++)
		a[i] = 0;
	if (nuc_look_memory(s->pid, a, s->args[1], len) != (long)len || !nuc_look_waits(s))
		return;
	family = a[0] | (uint32_t)a[1] << 8;
	if (family == 1) {
		on_unix(s, a, binds);
		return;
	}
	if ((family != 2 || len < 8) && (family != 10 || len < 24))
		return;
	port = (uint32_t)a[2] << 8 | a[3];
	loopback = endpoint(a, family == 10, text);
	if (binds) {
		char number[8];

		nuc_look_append_number(number, sizeof(number), 0, port);
		if (port && port < 1024)
			nuc_observe_tell(s, EACCES, number, 0);
		else if (plan.ports & NUC_LL_NET_BIND_TCP)
			nuc_observe_tell(s, EACCES, number, 1);
	} else if (plan.own_network && !loopback) {
		nuc_observe_tell(s, ENETUNREACH, text, 0);
	} else if (plan.ports & NUC_LL_NET_CONNECT_TCP) {
		nuc_observe_tell(s, EACCES, text, 1);
	}
}

/* ---------------------------------------------------------------------------------------------------------- */

void nuc_files_call(const struct nuc_seen *s)
{
	const uint64_t *a = s->args;

	switch (s->nr) {
	case __NR_open:
		return on_open(s, -1, 0, (uint32_t)a[1]);
	case __NR_openat:
		return on_open(s, 0, 1, (uint32_t)a[2]);
	case __NR_creat:
		return on_open(s, -1, 0, O_CREAT | O_WRONLY | O_TRUNC);
	case __NR_truncate:
		return on_existing(s, -1, 0, TRUNCATE);
	case __NR_chmod:
		return on_existing(s, -1, 0, CHANGE);
	case __NR_fchmodat:
		return on_existing(s, 0, 1, CHANGE);
	case __NR_execve:
		return on_existing(s, -1, 0, EXEC);
	case __NR_mkdir:
		return on_entry(s, -1, 0, 1);
	case __NR_mkdirat:
		return on_entry(s, 0, 1, 1);
	case __NR_symlink:
		return on_entry(s, -1, 1, 1);
	case __NR_symlinkat:
		return on_entry(s, 1, 2, 1);
	case __NR_link:
		return on_entry(s, -1, 1, 1);
	case __NR_linkat:
		return on_entry(s, 2, 3, 1);
	case __NR_unlink:
	case __NR_rmdir:
		return on_entry(s, -1, 0, 0);
	case __NR_unlinkat:
		return on_entry(s, 0, 1, 0);
	case __NR_rename:
		on_entry(s, -1, 0, 0);
		return on_entry(s, -1, 1, MAYBE);
	case __NR_renameat:
	case __NR_renameat2:
		on_entry(s, 0, 1, 0);
		return on_entry(s, 2, 3, MAYBE);
	case __NR_connect:
		return on_address(s, 0);
	case __NR_bind:
		return on_address(s, 1);
	default:
		return;
	}
}
