/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "allowlist.h"
#include "builder.h"
#include "bwrap.h"

static char *arguments[1024];
static size_t n_arguments;

/* What bwrap binds and nobody has: texts of the plan, an empty directory. */
static char scratch[] = "/tmp/bench-bwrap.XXXXXX", empty[sizeof(scratch) + 8];
static char *files[64];
static size_t n_files;

static void stop(const char *what)
{
	fprintf(stderr, "bench-launch: bwrap: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- scratch ------------------------------------------------------------------------------------------ */

/* Also from a signal handler: system calls only. */
static void remove_scratch(void)
{
	for (size_t i = 0; i < n_files; i++)
		unlink(files[i]);
	rmdir(empty);
	rmdir(scratch);
}

static void on_signal(int number)
{
	remove_scratch();
	signal(number, SIG_DFL);
	raise(number);
}

static void make_scratch(void)
{
	static const int ends[] = { SIGHUP, SIGINT, SIGTERM };

	if (!mkdtemp(scratch))
		stop(scratch);
	snprintf(empty, sizeof(empty), "%s/empty", scratch);
	atexit(remove_scratch);
	for (size_t i = 0; i < NUC_ARRAY_SIZE(ends); i++)
		if (signal(ends[i], on_signal) == SIG_IGN)
			signal(ends[i], SIG_IGN);
	if (mkdir(empty, 0555) < 0)
		stop(empty);
}

static const char *scratch_file(const void *text, size_t len, mode_t mode)
{
	char *path = NULL;
	int fd;

	if (n_files == NUC_ARRAY_SIZE(files) || asprintf(&path, "%s/%zu", scratch, n_files) < 0) {
		errno = E2BIG;
		stop("files");
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		stop(path);
	files[n_files++] = path;
	if (write(fd, text, len) != (ssize_t)len || fchmod(fd, mode) < 0)
		stop(path);
	close(fd);
	return path;
}

/* ---- steps as arguments ------------------------------------------------------------------------------- */

static void add(const char *a)
{
	if (n_arguments == NUC_ARRAY_SIZE(arguments) - 1) {
		errno = E2BIG;
		stop("arguments");
	}
	arguments[n_arguments] = strdup(a);
	if (!arguments[n_arguments++])
		stop("strdup");
}

static void add_option(const char *option, const char *a, const char *b)
{
	add(option);
	add(a);
	if (b)
		add(b);
}

static void add_perms(unsigned long mode)
{
	char octal[16];

	snprintf(octal, sizeof(octal), "%04lo", mode);
	add_option("--perms", octal, NULL);
}

/* Where bwrap's --dev and --proc make all there is, the directory itself too. */
static bool made_by_bwrap(const char *path)
{
	return !strcmp(path, "/proc") || !strcmp(path, "/dev") || !strncmp(path, "/dev/", 5);
}

static bool is_bound(const struct nuc_plan *p, const char *path)
{
	for (uint32_t i = 0; i < p->n[NUC_PROG_CHILD]; i++) {
		const struct nuc_step *s = nuc_plan_step(p, p->first[NUC_PROG_CHILD] + i);
		const struct nuc_bind *b = s->op == NUC_OP_BIND ? nuc_plan_data(p, s->arg[0]) : NULL;

		if (b && !strcmp(nuc_plan_data(p, b->dst), path))
			return true;
	}
	return false;
}

static void add_file(const struct nuc_plan *p, const struct nuc_step *s)
{
	const char *path = nuc_plan_data(p, s->arg[0]);
	const struct nuc_span *text = nuc_plan_data(p, s->arg[1]);

	/* bwrap makes by itself what it binds to. */
	if (!made_by_bwrap(path) && !is_bound(p, path))
		add_option("--ro-bind",
			   scratch_file(nuc_plan_data(p, text->at), text->len, s->arg[2]), path);
}

static void add_bind(const struct nuc_plan *p, const struct nuc_step *s)
{
	const struct nuc_bind *b = nuc_plan_data(p, s->arg[0]);
	const char *dst = nuc_plan_data(p, b->dst), *option = "--dev-bind";

	if (b->attr & NUC_ATTR_RO)
		option = "--ro-bind";
	else if (b->attr & NUC_ATTR_NODEV)
		option = "--bind";
	if (!made_by_bwrap(dst))
		add_option(option, nuc_plan_data(p, b->src), dst);
}

static void add_mount(const struct nuc_plan *p, const struct nuc_step *s)
{
	const struct nuc_mount *m = nuc_plan_data(p, s->arg[0]);
	const char *type = nuc_plan_data(p, m->fstype), *dst = nuc_plan_data(p, m->dst);

	if (!strcmp(type, "proc")) {
		add_option("--proc", dst, NULL);
	} else if (!strcmp(type, "devpts")) {
		add_option("--dev", "/dev", NULL); /* with the nodes */
	} else if (!strcmp(type, "tmpfs")) {
		for (const char *o = nuc_plan_data(p, m->options); *o; o += strlen(o) + 1) {
			if (!strncmp(o, "size=", 5))
				add_option("--size", o + 5, NULL);
			else if (!strncmp(o, "mode=", 5))
				add_perms(strtoul(o + 5, NULL, 8));
		}
		add_option("--tmpfs", dst, NULL);
	} else {
		errno = EOPNOTSUPP;
		stop(type);
	}
}

static void add_step(const struct nuc_plan *p, const struct nuc_step *s)
{
	switch (s->op) {
	case NUC_OP_MKDIR:
		if (made_by_bwrap(nuc_plan_data(p, s->arg[0])))
			break;
		if (s->arg[1] != 0755)
			add_perms(s->arg[1]);
		add_option("--dir", nuc_plan_data(p, s->arg[0]), NULL);
		break;
	case NUC_OP_SYMLINK:
		if (!made_by_bwrap(nuc_plan_data(p, s->arg[1])))
			add_option("--symlink", nuc_plan_data(p, s->arg[0]), nuc_plan_data(p, s->arg[1]));
		break;
	case NUC_OP_FILE:
		add_file(p, s);
		break;
	case NUC_OP_BIND:
		add_bind(p, s);
		break;
	case NUC_OP_MOUNT:
		add_mount(p, s);
		break;
	case NUC_OP_MASK:
		add_option("--ro-bind", s->arg[1] ? empty : "/dev/null", nuc_plan_data(p, s->arg[0]));
		break;
	case NUC_OP_READONLY:
		/* Of /proc there are none to be had beside --proc's own: it cannot bind what it has mounted. */
		if (s->arg[1])
			add_option("--remount-ro", nuc_plan_data(p, s->arg[0]), NULL);
		break;
	case NUC_OP_ROOT_READONLY:
		add_option("--remount-ro", "/", NULL);
		break;
	case NUC_OP_SEND_DIR:
	case NUC_OP_WAIT_PARENT:
		errno = EOPNOTSUPP;
		stop("copies");
		break;
	default: /* no mounts: options of their own, below */
		break;
	}
}

char **bwrap_arguments(const struct nuc_plan *plan, const char *filter, char *const *argv)
{
	char uid[16], gid[16];

	snprintf(uid, sizeof(uid), "%u", plan->uid);
	snprintf(gid, sizeof(gid), "%u", plan->gid);
	make_scratch();
	add("/usr/bin/bwrap");
	add("--unshare-all");
	add("--new-session");
	add("--die-with-parent");
	add("--clearenv");
	add_option("--uid", uid, NULL);
	add_option("--gid", gid, NULL);
	add_option("--hostname", "sandbox", NULL);
	add_option("--cap-drop", "ALL", NULL);
	for (uint32_t i = 0; i < plan->n[NUC_PROG_CHILD]; i++)
		add_step(plan, nuc_plan_step(plan, plan->first[NUC_PROG_CHILD] + i));
	add_option("--seccomp", filter, NULL);
	for (; *argv; argv++)
		add(*argv);
	return arguments;
}

int bwrap_write_filter(int fd)
{
	const struct nuc_seccomp_params params = { .network = true };
	const struct sock_filter *filter;
	size_t n;

	nuc_seccomp_builtin(&params, &filter, &n);
	return write(fd, filter, n * sizeof(*filter)) == (ssize_t)(n * sizeof(*filter)) ? 0 : -1;
}
