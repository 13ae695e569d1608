/* SPDX-License-Identifier: MIT */
/* why: questions to plans of a host that is made up; tests/live/why.py asks and then tries. */
#include <fcntl.h>
#include <linux/audit.h>
#include <sys/syscall.h>

#include "compile.h"
#include "fake_world.h"
#include "names.h"
#include "outcomes.h"
#include "allowlist.h"
#include "why_internal.h"
#include "../run_suite.h"

/* A directory that is there, for what stands behind a bind: this test's own. */
static char host_dir[64];

static int look_with_dir(struct nuc_world *w, const char *path, bool follow, struct nuc_look *ret)
{
	struct stat st;

	if (!host_dir[0] || strncmp(path, host_dir, strlen(host_dir)) != 0)
		return fake_look(w, path, follow, ret);
	if (lstat(path, &st) < 0)
		return -errno;
	*ret = (struct nuc_look){ .mode = st.st_mode, .dev = st.st_dev, .ino = st.st_ino, .uid = st.st_uid,
				  .gid = st.st_gid };
	snprintf(ret->path, sizeof(ret->path), "%s", path);
	return 0;
}

static void make(const char *name, const char *text, mode_t mode)
{
	_cleanup_free_ char *path = nuc_strf("%s/%s", host_dir, name);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
}

static void setup(void)
{
	_cleanup_free_ char *sub = NULL, *link = NULL;

	strcpy(host_dir, "/tmp/nucleus-why-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(host_dir));
	ck_assert_int_eq(chmod(host_dir, 0755), 0);
	make("file", "text", 0644);
	make("private", "text", 0600);
	make("program", "\177ELF", 0755);
	make("script", "#!/nowhere/interpreter -x\n", 0755);
	sub = nuc_strf("%s/sub", host_dir);
	ck_assert_int_eq(mkdir(sub, 0755), 0);
	make("sub/inner", "", 0644);
	link = nuc_strf("%s/link", host_dir);
	ck_assert_int_eq(symlink("sub/inner", link), 0);
	free(link);
	link = nuc_strf("%s/out", host_dir);
	ck_assert_int_eq(symlink("/etc/shadow", link), 0);
}

static void teardown(void)
{
	static const char *const names[] = { "file", "private", "program", "script", "sub/inner", "sub", "link",
					     "out" };

	for (size_t i = 0; i < NUC_ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = nuc_strf("%s/%s", host_dir, names[i]);

		ck_assert_int_eq(remove(path), 0);
	}
	ck_assert_int_eq(rmdir(host_dir), 0);
}

/* Without a kernel's opinion: each of `settings` is KEY=VALUE, a '%' in it stands for the directory. */
static struct nuc_plan *plan_of(const char *const *settings, bool privileged)
{
	struct nuc_world w = fake_world(privileged);
	nucleus_policy *policy = NULL;
	struct nuc_plan *plan = NULL;
	nucleus_error *err = NULL;

	w.look = look_with_dir;
	/* The directory is this test's user's, who is then the sandbox's. */
	w.facts.uid = geteuid();
	w.facts.gid = getegid();
	ck_assert_int_eq(nucleus_policy_new(&policy), 0);
	for (; settings && *settings; settings++) {
		_cleanup_buf_ struct nuc_buf value = { 0 };
		_cleanup_free_ char *key = strndup(*settings, strcspn(*settings, "="));
		const char *s = strchr(*settings, '=') + 1;
		bool list = false;
		int r;

		for (; *s; s++)
			if (*s == '%')
				nuc_buf_puts(&value, host_dir);
			else
				nuc_buf_add(&value, s, 1);
		list = !strcmp(key, "volumes") || !strcmp(key, "tmpfs") || strstr(key, "ports");
		ck_assert_int_eq(nucleus_policy_set_origin(policy, "doc.toml:1:1"), 0);
		r = list ? nucleus_policy_add(policy, key, value.s, &err)
			 : nucleus_policy_set(policy, key, value.s, &err);
		ck_assert_msg(r == 0, "%s: %s", key, err ? nucleus_error_message(err) : "");
	}
	ck_assert_msg(nuc_compile(policy, &w, &plan, &err) == 0, "%s",
		      err ? nucleus_error_message(err) : "");
	nucleus_policy_free(policy);
	return plan;
}

struct expected {
	enum nuc_asked asked;
	const char *target;
	const char *layer; /* that refuses; NULL: allowed */
	int error;
	const char *rule, *fix; /* parts of them; NULL: any rule, no fix */
};

#define READ NUC_ASKED_READ
#define WRITE NUC_ASKED_WRITE
#define CREATE NUC_ASKED_CREATE
#define REMOVE NUC_ASKED_REMOVE
#define EXEC NUC_ASKED_EXEC
#define CONNECT NUC_ASKED_CONNECT
#define BIND NUC_ASKED_BIND
#define CALL NUC_ASKED_SYSCALL
#define LIST NUC_ASKED_LIST
#define OK NULL, 0, NULL, NULL
#define ROOT "root file system"

static void must_answer(const struct nuc_plan *plan, const struct expected *e, const char *who)
{
	_cleanup_answer_ struct nuc_answer a = { 0 };
	const struct nuc_question q = { .asked = e->asked, .target = e->target };
	int r = nuc_why(plan, &q, &a);

	ck_assert_msg(r == 0, "%s: %s: %d", who, e->target, r);
	ck_assert_ptr_nonnull(a.rule);
	ck_assert_msg(a.refused == (e->layer != NULL), "%s: %d:%s: %s by %s: %s", who, e->asked, e->target,
		      a.refused ? "refused" : "allowed", a.layer, a.rule);
	if (!e->layer)
		return;
	ck_assert_msg(!strcmp(a.layer, e->layer) && a.error == e->error, "%s: %d:%s: by %s (%d): %s", who,
		      e->asked, e->target, a.layer, a.error, a.rule);
	ck_assert_msg(!e->rule || strstr(a.rule, e->rule), "%s: %s: rule: %s", who, e->target, a.rule);
	ck_assert_msg(e->fix ? a.fix && strstr(a.fix, e->fix) : !a.fix, "%s: %s: fix: %s", who, e->target,
		      a.fix ? a.fix : "(none)");
}

/* ---- the root that every sandbox has --------------------------------------------------------------- */

static const struct expected minimal[] = {
	{ READ, "/etc/passwd", OK },
	{ READ, "/etc/../etc//./passwd", OK },
	{ READ, "/var/tmp", OK },
	{ READ, "/", OK },
	{ READ, "/usr", OK },
	{ READ, "/etc/shadow", ROOT, ENOENT, "password hashes", "password hashes" },
	{ LIST, "/usr", OK },
	{ LIST, "/tmp", OK },
	{ LIST, "/etc/passwd", ROOT, ENOTDIR, "not a directory", NULL },
	{ LIST, "/dev/null", ROOT, ENOTDIR, NULL, NULL },
	{ LIST, "/etc/no-such", ROOT, ENOENT, "neither", NULL },
	{ READ, "/etc/passwd/x", ROOT, ENOTDIR, NULL, NULL },
	{ READ, "/etc/no-such", ROOT, ENOENT, "neither", NULL },
	{ READ, "/proc/keys", "mask", EACCES, NULL, NULL },
	{ READ, "/proc/acpi", OK }, /* an empty directory */
	{ READ, "/proc/acpi/x", ROOT, ENOENT, NULL, NULL },
	{ READ, "/proc/1/environ", "hidepid", ENOENT, NULL, NULL },
	{ READ, "/proc/self/status", OK },
	{ READ, "/dev/null", OK },
	{ WRITE, "/dev/null", OK },
	{ READ, "/dev/sda", ROOT, ENOENT, NULL, NULL },
	{ WRITE, "/proc/sys/kernel/hostname", "permissions", EACCES, "read-only", NULL },
	{ CREATE, "/x", "mount", EROFS, NULL, NULL },
	{ CREATE, "/etc/x", "mount", EROFS, NULL, NULL },
	{ CREATE, "/no-such-dir/x", ROOT, ENOENT, NULL, "--tmpfs /no-such-dir (in" },
	{ CREATE, "/no-such-dir/a//x/", ROOT, ENOENT, NULL, "--tmpfs /no-such-dir/a (in" },
	{ CREATE, "/tmp/x", OK },
	{ CREATE, "/tmp", ROOT, EEXIST, NULL, NULL },
	{ CREATE, "/home/agent/x", OK },
	{ CREATE, "/dev/shm/x", OK },
	{ CREATE, "/dev/x", "mount", EROFS, NULL, NULL },
	{ REMOVE, "/etc/passwd", "mount", EROFS, NULL, NULL },
	{ REMOVE, "/tmp/x", OK },
	{ EXEC, "/tmp/x", "mount", EACCES, "memory", NULL },
	{ EXEC, "/etc/passwd", "mount", EACCES, NULL, NULL },
	{ EXEC, "/proc/self/exe", OK },
	{ EXEC, "/proc/self/status", "mount", EACCES, NULL, NULL },
	{ EXEC, "no-such-program", ROOT, ENOENT, "PATH", NULL },
	{ EXEC, "/usr", "permissions", EACCES, NULL, NULL },
	{ CONNECT, "1.1.1.1:443", "network namespace", ENETUNREACH, NULL, "this opens: all that this host" },
	{ CONNECT, "[2001:db8::1]:443", "network namespace", ENETUNREACH, NULL, "--allow-host-network" },
	{ CONNECT, "example.org:443", "network namespace", 0, "resolved", "--network host" },
	{ CONNECT, "127.0.0.1:1", OK },
	{ CONNECT, "127.8.8.8:1", OK },
	{ CONNECT, "[::1]:1", OK },
	{ CONNECT, "localhost:1", OK },
	{ CONNECT, "sandbox:1", OK },
	{ CONNECT, "sand:1", "network namespace", 0, NULL, "--network host" },
	{ BIND, "8080", OK },
	{ BIND, "0", OK },
	{ BIND, "80", "capabilities", EACCES, NULL, NULL },
	{ CALL, "read", OK },
	{ CALL, "ioctl", OK },
	{ CALL, "ptrace", "seccomp", EPERM, NULL, "reads and changes other processes" },
	{ CALL, "io_uring_setup", "seccomp", ENOSYS, "node uses threads", "past this filter" },
	{ CALL, "sched_yield", "seccomp", 0, "a hint", "--seccomp-profile" },
	{ CALL, "inotify_init1", "seccomp", ENOSYS, "answered", "generate --allow-dangerous inotify_init1" },
	{ CALL, "mount", "seccomp", EPERM, NULL, "generate --allow-dangerous mount; this opens: " },
	{ CALL, "getpriority", "seccomp", EPERM, NULL, "allows getpriority: see nucleus seccomp generate" },
	{ CALL, "clone3", "seccomp", ENOSYS, "answered", "allows clone3; this opens: " },
	{ CALL, "kexec_load", "seccomp", 0, "kills", NULL },
	{ CALL, "452", "seccomp", ENOSYS, "newer", "--seccomp-profile" },
};

START_TEST(the_root_of_every_sandbox)
{
	bool privileged = _i;
	_cleanup_free_ struct nuc_plan *plan = plan_of(NULL, privileged);

	for (size_t i = 0; i < NUC_ARRAY_SIZE(minimal); i++) {
		struct expected e = minimal[i];

		/* Without capabilities it is the user that makes the root: only the mount is in the way. */
		if (!privileged && geteuid() != 0 && e.asked == WRITE && e.layer)
			continue;
		must_answer(plan, &e, privileged ? "root" : "user");
	}
}
END_TEST

/* ---- what a user gives -------------------------------------------------------------------------------- */

struct given {
	const char *const *settings;
	struct expected e;
};
#define WITH(...) (const char *const[]){ __VA_ARGS__, NULL }

static const struct given given[] = {
	{ WITH("workspace.path=%"), { READ, "/workspace/file", OK } },
	{ WITH("workspace.path=%"), { READ, "/workspace/link", OK } },
	{ WITH("workspace.path=%"), { READ, "/workspace/sub", OK } },
	{ WITH("workspace.path=%"), { READ, "/workspace/private", OK } },
	{ WITH("workspace.path=%"), { READ, "/workspace/out", ROOT, ENOENT, "password", "password" } },
	{ WITH("workspace.path=%"), { READ, "/workspace/none", ROOT, ENOENT, "on the host", NULL } },
	{ WITH("workspace.path=%"), { WRITE, "/workspace/file", OK } },
	{ WITH("workspace.path=%"), { WRITE, "/workspace/sub", ROOT, EISDIR, NULL, NULL } },
	{ WITH("workspace.path=%"), { CREATE, "/workspace/sub/new", OK } },
	{ WITH("workspace.path=%"), { CREATE, "/workspace/link", ROOT, EEXIST, NULL, NULL } },
	{ WITH("workspace.path=%"), { REMOVE, "/workspace/link", OK } },
	{ WITH("workspace.path=%"), { REMOVE, "/workspace", "mount", EROFS, NULL, NULL } },
	{ WITH("workspace.path=%"), { EXEC, "/workspace/program", "mount", EACCES, NULL, "--workspace-exec" } },
	{ WITH("workspace.path=%", "workspace.exec=true"), { EXEC, "/workspace/program", OK } },
	{ WITH("workspace.path=%", "workspace.exec=true"),
	  { EXEC, "/workspace/file", "permissions", EACCES, NULL, NULL } },
	{ WITH("workspace.path=%", "workspace.exec=true"),
	  { EXEC, "/workspace/script", ROOT, ENOENT, "interpreter", NULL } },
	{ WITH("workspace.path=%", "workspace.mode=bind-ro"), { READ, "/workspace/file", OK } },
	{ WITH("workspace.path=%", "workspace.mode=bind-ro"),
	  { WRITE, "/workspace/file", "mount", EROFS, NULL, "--workspace-mode bind-rw" } },
	{ WITH("workspace.path=%", "workspace.mode=bind-ro"),
	  { CREATE, "/workspace/new", "mount", EROFS, NULL, "--workspace-mode bind-rw" } },
	{ WITH("workspace.path=%", "workspace.mode=copy-in-out"), { READ, "/workspace/file", OK } },
	{ WITH("workspace.path=%", "workspace.mode=copy-in-out"), { CREATE, "/workspace/new", OK } },
	{ WITH("context.path=%"), { READ, "/context/file", OK } },
	{ WITH("context.path=%"), { WRITE, "/context/file", "mount", EROFS, NULL, NULL } },
	{ WITH("context.path=%"), { EXEC, "/context/program", "mount", EACCES, NULL, NULL } },
	{ WITH("context.path=%", "context.mode=copy"),
	  { WRITE, "/context/file", "mount", EROFS, NULL, NULL } },
	{ WITH("volumes=%:/data:ro"), { READ, "/data/file", OK } },
	{ WITH("volumes=%:/data:ro"), { EXEC, "/data/program", OK } },
	{ WITH("volumes=%:/data:ro"), { WRITE, "/data/file", "mount", EROFS, NULL, ":/data:rw (in a" } },
	{ WITH("volumes=%:/data:rw"), { WRITE, "/data/file", OK } },
	{ WITH("volumes=%:/data:rw"), { EXEC, "/data/program", "mount", EACCES, NULL, ":/data:rw,exec" } },
	{ WITH("volumes=%/file:/etc/given:ro"), { READ, "/etc/given", OK } },
	{ WITH("tmpfs=/opt/scratch"), { CREATE, "/opt/scratch/x", OK } },
	{ WITH("tmpfs=/opt/scratch"), { CREATE, "/opt/x", "mount", EROFS, NULL, NULL } },
	{ WITH("network.connect-ports=443"), { CONNECT, "127.0.0.1:443", OK } },
	{ WITH("network.connect-ports=443"),
	  { CONNECT, "127.0.0.1:80", "landlock", EACCES, NULL, "--connect-port 80 (in a document: "
							       "network.connect-ports = [80])" } },
	{ WITH("network.bind-ports=8080"), { BIND, "8080", OK } },
	{ WITH("network.bind-ports=8080"), { BIND, "8081", "landlock", EACCES, NULL, "--bind-port 8081" } },
	{ WITH("network.mode=host", "network.allow-host=true"), { CONNECT, "1.1.1.1:443", OK } },
	{ WITH("network.mode=host", "network.allow-host=true"), { CONNECT, "example.org:443", OK } },
	{ WITH("security.seccomp=off"), { CALL, "ptrace", OK } },
	{ WITH("security.seccomp=off"), { CALL, "mount", "capabilities", EPERM, NULL, NULL } },
	{ WITH("mode=strict-agent"),
	  { CONNECT, "1.1.1.1:443", "network namespace", ENETUNREACH, NULL, NULL } },
};

START_TEST(what_a_user_gives)
{
	const struct given *g = &given[_i / 2];
	bool privileged = _i % 2;
	_cleanup_free_ struct nuc_plan *plan = plan_of(g->settings, privileged);

	must_answer(plan, &g->e, privileged ? "root" : "user");
}
END_TEST

START_TEST(origins_and_certainty)
{
	_cleanup_free_ struct nuc_plan *plan = plan_of(WITH("workspace.path=%", "workspace.mode=bind-ro"), true);
	struct nuc_question q = { .asked = WRITE, .target = "/workspace/file" };
	_cleanup_answer_ struct nuc_answer a = { 0 }, b = { 0 }, c = { 0 };

	ck_assert_int_eq(nuc_why(plan, &q, &a), 0);
	ck_assert_str_eq(a.origin, "doc.toml:1:1");
	ck_assert_int_eq(a.certainty, NUC_INFERRED);
	/* Both Landlock and the mount refuse; the errno tells which was seen. */
	q.error = EACCES;
	ck_assert_int_eq(nuc_why(plan, &q, &b), 0);
	ck_assert_str_eq(b.layer, "landlock");
	ck_assert_ptr_nonnull(strstr(b.rule, "mount"));
	q = (struct nuc_question){ .asked = READ, .target = "/etc/shadow" };
	ck_assert_int_eq(nuc_why(plan, &q, &c), 0);
	ck_assert_int_eq(c.certainty, NUC_CERTAIN);
}
END_TEST

/* A hostile workspace: names that move the terminal, links in a ring, a pipe that nobody writes to. */
START_TEST(a_hostile_workspace)
{
	static const char *const links[][2] = { { "evil", "/\033[2J\nfix: yes" }, { "ring", "ring" },
						{ "up", "../../../../../etc/shadow" } };
	static const struct expected asked[] = {
		{ READ, "/workspace/evil", ROOT, ENOENT, "?[2J?fix", NULL },
		{ READ, "/workspace/ring", ROOT, ELOOP, NULL, NULL },
		{ READ, "/workspace/up", ROOT, ENOENT, "/etc/shadow", "password" },
		{ READ, "/workspace/../etc/passwd", OK },
		{ EXEC, "/workspace/pipe", "permissions", EACCES, NULL, NULL },
		{ REMOVE, "/workspace/evil", OK },
	};
	_cleanup_free_ struct nuc_plan *plan = NULL;
	_cleanup_free_ char *pipe = nuc_strf("%s/pipe", host_dir);

	for (size_t i = 0; i < NUC_ARRAY_SIZE(links); i++) {
		_cleanup_free_ char *path = nuc_strf("%s/%s", host_dir, links[i][0]);

		ck_assert_int_eq(symlink(links[i][1], path), 0);
	}
	ck_assert_int_eq(mkfifo(pipe, 0755), 0);
	plan = plan_of(WITH("workspace.path=%", "workspace.exec=true"), true);
	for (size_t i = 0; i < NUC_ARRAY_SIZE(asked); i++)
		must_answer(plan, &asked[i], "hostile");
	for (size_t i = 0; i < NUC_ARRAY_SIZE(links); i++) {
		_cleanup_free_ char *path = nuc_strf("%s/%s", host_dir, links[i][0]);

		ck_assert_int_eq(unlink(path), 0);
	}
	ck_assert_int_eq(unlink(pipe), 0);
}
END_TEST

/*
 * A program makes a link in the workspace, and asks for it by its name on the host, so that a fix would
 * bind what the link leads to: the suggestion is for that, by its name.
 */
START_TEST(a_link_does_not_hide_what_a_fix_opens)
{
	_cleanup_free_ struct nuc_plan *plan = plan_of(WITH("workspace.path=%"), true);
	_cleanup_free_ char *bait = nuc_strf("%s/bait", host_dir), *proc = nuc_strf("%s/proc", host_dir);
	_cleanup_free_ char *fix = NULL, *fix_proc = NULL;
	const struct nuc_question q = { .asked = READ };
	const struct nuc_why_state w = { .plan = plan, .q = &q };

	ck_assert_int_eq(symlink("/etc/shadow", bait), 0);
	ck_assert_int_eq(symlink("/proc/version", proc), 0);
	fix = nuc_why_fix_volume(&w, bait);
	fix_proc = nuc_why_fix_volume(&w, proc);
	ck_assert_int_eq(unlink(bait), 0);
	ck_assert_int_eq(unlink(proc), 0);
	ck_assert_msg(fix && strstr(fix, "--volume /etc/shadow:/tmp/") && strstr(fix, "password hashes"), "%s",
		      fix ? fix : "(none)");
	ck_assert_ptr_null(fix_proc);
}
END_TEST

START_TEST(questions_without_sense)
{
	static const struct nuc_question bad[] = {
		{ READ, "relative", NULL, 0, false },	 { READ, "", NULL, 0, false },
		{ CONNECT, "host", NULL, 0, false },	 { CONNECT, "host:", NULL, 0, false },
		{ CONNECT, "h:70000", NULL, 0, false }, { CONNECT, ":80", NULL, 0, false },
		{ CONNECT, "::1:80", NULL, 0, false },	 { CONNECT, "[::x]:80", NULL, 0, false },
		{ BIND, "http", NULL, 0, false },	 { BIND, "65536", NULL, 0, false },
		{ CALL, "no_such_call", NULL, 0, false }, { CALL, "", NULL, 0, false },
	};
	_cleanup_free_ struct nuc_plan *plan = plan_of(NULL, true);
	struct nuc_answer a = { .rule = NULL };

	ck_assert_int_eq(nuc_why(plan, &bad[_i], &a), -EINVAL);
	ck_assert_ptr_null(a.rule);
}
END_TEST

START_TEST(arguments_are_answered_exactly)
{
	static const struct {
		const char *name;
		uint64_t args[6];
		int error; /* 0: allowed */
	} calls[] = {
		{ "ioctl", { 0, 0x5401 }, 0 },
		{ "ioctl", { 0, 0x5412 }, EPERM },
		{ "ioctl", { 0, 0xdeadbeef00005412 }, EPERM },
		{ "socket", { 2, 1, 0 }, 0 },
		{ "socket", { 2, 3, 1 }, EPERM },
		{ "socket", { 17, 3, 0 }, EAFNOSUPPORT },
		{ "clone", { 0x10000000 }, EPERM },
		{ "clone", { 17 }, 0 },
		{ "openat", { 0, 0, 0100, 04755 }, EPERM },
		{ "openat", { 0, 0, 0100, 0755 }, 0 },
		{ "prlimit64", { 0 }, 0 },
		{ "prlimit64", { 7 }, EPERM },
	};
	_cleanup_free_ struct nuc_plan *plan = plan_of(NULL, false);
	const struct nuc_question q = { .asked = CALL, .target = calls[_i].name, .args = calls[_i].args };
	const struct nuc_question any = { .asked = CALL, .target = calls[_i].name };
	_cleanup_answer_ struct nuc_answer a = { 0 }, b = { 0 };

	ck_assert_int_eq(nuc_why(plan, &q, &a), 0);
	ck_assert_msg(a.refused == (calls[_i].error != 0) && a.error == calls[_i].error, "%s: %s",
		      calls[_i].name, a.rule);
	ck_assert_int_eq(nuc_why(plan, &any, &b), 0);
	ck_assert(!b.refused && b.partly);
}
END_TEST

/* All ways through the built-in filter lead to what the list says of the call, and nowhere else. */
START_TEST(outcomes_are_those_of_the_list)
{
	const struct nuc_seccomp_params params = { .network = true };
	const struct nuc_seccomp_row *row;
	const struct sock_filter *filter;
	size_t len;

	nuc_seccomp_builtin(&params, &filter, &len);
	for (size_t i = 0; (row = nuc_seccomp_allowed(&params, i)); i++) {
		uint32_t found[NUC_OUTCOMES];
		int n = nuc_bpf_outcomes(filter, (uint32_t)len, nuc_syscall_number(row->name), found);

		ck_assert_msg(*row->filter ? n > 1 : n == 1 && found[0] == SECCOMP_RET_ALLOW, "%s: %d",
			      row->name, n);
	}
	for (int nr = 451; nr < 1024; nr++) {
		uint32_t found[NUC_OUTCOMES];

		ck_assert_int_eq(nuc_bpf_outcomes(filter, (uint32_t)len, nr, found), 1);
		ck_assert_uint_eq(found[0], SECCOMP_RET_ERRNO | ENOSYS);
	}
}
END_TEST

START_TEST(names_of_calls)
{
	ck_assert_int_eq(nuc_syscall_number("read"), SYS_read);
	ck_assert_int_eq(nuc_syscall_number("openat2"), SYS_openat2);
	ck_assert_int_eq(nuc_syscall_number("landlock_restrict_self"), SYS_landlock_restrict_self);
	ck_assert_int_eq(nuc_syscall_number("no"), -1);
	ck_assert_int_eq(nuc_syscall_number(""), -1);
	ck_assert_str_eq(nuc_syscall_name(SYS_exit_group), "exit_group");
	ck_assert_ptr_null(nuc_syscall_name(-1));
	ck_assert_ptr_null(nuc_syscall_name(1 << 20));
}
END_TEST

START_TEST(sensitive_paths)
{
	static const struct {
		const char *path, *part;
	} of[] = {
		{ "/etc/shadow", "password hashes" }, { "/etc/shadow-", "password hashes" },
		{ "/etc", "password hashes" },	      { "/run/docker.sock", "root on the host" },
		{ "/home/me/.ssh/id_rsa", "ssh" },    { "/home/me", "ssh" },
		{ "/home", "ssh" },		      { "/dev/sda", "devices" },
		{ "/home/me/project", NULL },	      { "/srv/data", NULL },
		{ "/etc/hostname", NULL },	      { "/usr/share", NULL },
	};

	const char *what = nuc_sensitive_path(of[_i].path);

	ck_assert_msg(of[_i].part ? what && strstr(what, of[_i].part) : !what, "%s: %s", of[_i].path,
		      what ? what : "(none)");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("why");
	TCase *t = tcase_create("why");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, the_root_of_every_sandbox, 0, 2);
	tcase_add_loop_test(t, what_a_user_gives, 0, 2 * (int)NUC_ARRAY_SIZE(given));
	tcase_add_test(t, origins_and_certainty);
	tcase_add_test(t, a_hostile_workspace);
	tcase_add_test(t, a_link_does_not_hide_what_a_fix_opens);
	tcase_add_loop_test(t, questions_without_sense, 0, 12);
	tcase_add_loop_test(t, arguments_are_answered_exactly, 0, 12);
	tcase_add_test(t, outcomes_are_those_of_the_list);
	tcase_add_test(t, names_of_calls);
	tcase_add_loop_test(t, sensitive_paths, 0, 12);
	suite_add_tcase(s, t);
	return run_suite(s);
}
