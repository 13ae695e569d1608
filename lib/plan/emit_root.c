/* SPDX-License-Identifier: MIT */
/* Emitters of the root file system: system directories, /etc, /dev, /proc, /tmp, home. */
#include <fnmatch.h>

#include "builder.h"

/*
 * The host's directories that tools live in. Where the host has a link (/bin on merged-usr systems)
 * the sandbox gets the same link.
 */
static const struct {
	const char *path;
	bool exec;
} system_dirs[] = {
	{ "/usr", true },
	{ "/bin", true },
	{ "/sbin", true },
	{ "/lib", true },
	{ "/lib32", true },
	{ "/lib64", true },
	{ "/libx32", true },
	{ "/nix/store", true },			/* programs of NixOS, and of nix on other systems */
	{ "/sys/devices/system/cpu", false },	/* nproc, node and glibc count processors here */
};

/* What programs need of the host's /etc. Never a secret, a person's name, or the machine's identity. */
static const char *const system_etc[] = {
	"alternatives",	      /* Debian: cc, java, editor are links through it */
	"gitconfig",	      /* git's system-wide settings */
	"java-*-openjdk",     /* the JDK's own configuration is linked to from /usr/lib/jvm */
	"ld.so.cache",	      /* the dynamic loader */
	"ld.so.conf",	      /* ld(1) looks libraries up as the loader would */
	"ld.so.conf.d",
	"localtime",	      /* time zone */
	"mime.types",	      /* python3 mimetypes */
	"os-release",
	"perl",
	"protocols",	      /* getprotobyname() */
	"python3*",	      /* sitecustomize.py is linked to from /usr/lib */
	"services",	      /* getservbyname(), getaddrinfo() */
	"ssl/certs",	      /* certificates; never ssl/private */
	"ssl/openssl.cnf",
	"timezone",
};

/* Never taken from a root file system's /etc either: a copied machine's secrets and identity. */
static const char *const never_etc[] = {
	"shadow*", "gshadow*", "sudoers*", "ssh", "machine-id", "*.key", "krb5.keytab", "security",
	"passwd-", "group-",
	/* made by us */
	"passwd", "group", "hosts", "nsswitch.conf", "resolv.conf", "hostname", "mtab",
};

static const char *const devices[] = { "full", "null", "random", "tty", "urandom", "zero" };

static bool matches(const char *name, const char *const *patterns, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!fnmatch(patterns[i], name, 0))
			return true;
	return false;
}

static void free_names(char ***names)
{
	for (size_t i = 0; *names && (*names)[i]; i++)
		free((*names)[i]);
	free(*names);
}

/*
 * Shows `src` of the host at `dst`, as what it is there: link, file or directory. In a root file system
 * that a user gave (NUC_STEP_USER) others may be renaming meanwhile: it must be where it was listed.
 */
static int show(struct nuc_builder *b, const char *src, const char *dst, uint16_t flags)
{
	_cleanup_free_ struct nuc_look *l = malloc(sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	r = b->world->look(b->world, src, false, l);
	if (r == -ENOENT || r == -EACCES || r == -ENOTDIR)
		return 0;
	if (r < 0)
		return nuc_b_fail(b, r, "mount", NULL, NULL, "cannot look at %s: %s", src, strerror(-r));
	if ((flags & NUC_STEP_USER) && strcmp(l->path, src) != 0)
		return nuc_b_fail(b, -ESTALE, "mount", NULL, "start again when nobody changes it",
				  "%s was moved while it was looked at", src);
	if (S_ISLNK(l->mode)) {
		nuc_b_symlink(b, l->link, dst);
		return 0;
	}
	if (!S_ISDIR(l->mode) && !S_ISREG(l->mode))
		return 0;
	if (S_ISDIR(l->mode)) {
		r = nuc_b_dir(b, dst, 0755, false, NULL);
		if (r < 0)
			return r;
	} else {
		nuc_b_file(b, dst, "", 0444);
	}
	r = nuc_b_bind(b, l, dst, flags, false, NULL);
	if (r < 0)
		return r;
	nuc_b_place(b, dst)->mount = true;
	return 0;
}

/*
 * A directory of the kernel's file system to attach the new root to while it is built; nothing may be
 * bound from below it. Decided when all binds are known, by their canonical paths.
 */
int nuc_b_attach_point(struct nuc_builder *b)
{
	static const char *const candidates[] = { "/mnt", "/media", "/srv", "/home", "/var", "/tmp" };
	_cleanup_free_ struct nuc_look *l = malloc(sizeof(*l));
	struct nuc_step *steps = b->steps[NUC_PROG_CHILD], *root = NULL;

	if (!l || b->failed || b->data.failed)
		return -ENOMEM;
	for (size_t i = 0; i < NUC_ARRAY_SIZE(candidates); i++) {
		size_t n = strlen(candidates[i]);
		bool used = false;

		for (size_t k = 0; k < b->n_steps[NUC_PROG_CHILD]; k++) {
			const struct nuc_bind *bind = (const void *)(b->data.s + steps[k].arg[0]);
			const char *src;

			if (steps[k].op == NUC_OP_ROOT)
				root = &steps[k];
			if (steps[k].op != NUC_OP_BIND)
				continue;
			src = b->data.s + bind->src;
			used |= !strncmp(src, candidates[i], n) && (!src[n] || src[n] == '/');
		}
		if (root && !used && b->world->look(b->world, candidates[i], false, l) == 0 &&
		    S_ISDIR(l->mode)) {
			root->arg[0] = nuc_b_str(b, candidates[i]);
			return 0;
		}
	}
	return nuc_b_fail(b, -ENOTSUP, "mount", NULL, "create an empty /mnt",
			  "the host has no directory to build the root on: /mnt, /media, /srv, /home, "
			  "/var and /tmp are missing or in use as sources");
}

/* Asks the copying parent to fill the directory at `dst` from `src`. */
void nuc_b_copy(struct nuc_builder *b, const struct nuc_look *src, const char *what, const char *dst,
		bool and_back, const char *origin)
{
	struct nuc_bind bind = { .is_dir = 1, .dev = src->dev, .ino = src->ino };

	bind.src = nuc_b_str(b, src->path);
	bind.dst = nuc_b_str(b, dst);
	nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_SEND_DIR, origin, nuc_b_str(b, dst), 0, 0);
	nuc_b_step(b, NUC_PROG_HOST, NUC_OP_COPY, origin, nuc_b_str(b, what),
		   nuc_b_bytes(b, &bind, sizeof(bind)), 0)
		->flags = NUC_STEP_USER | (and_back ? NUC_STEP_WRITE : 0);
	if (and_back)
		nuc_b_writable(b, src);
}

/* Every entry of a --rootfs DIR that we do not make ourselves: shown, or (copied) there already. */
static int use_rootfs(struct nuc_builder *b, bool copied)
{
	static const char *const ours[] = { "proc", "sys", "dev", "tmp",   "home",    "run",
					    "etc",  "mnt", "var", "workspace", "context", "lost+found" };
	_cleanup_free_ struct nuc_look *l = malloc(sizeof(*l));
	__attribute__((cleanup(free_names))) char **names = NULL, **etc = NULL;
	_cleanup_free_ char *etc_path = nuc_strf("%s/etc", b->rootfs.path);
	int r = b->world->list(b->world, b->rootfs.path, NULL, &names);

	if (!etc_path || !l)
		return -ENOMEM;
	if (r < 0)
		return nuc_b_fail(b, r, "mount", nuc_policy_origin(b->policy, NUC_OPT_ROOTFS_PATH), NULL,
				  "cannot list %s: %s", b->rootfs.path, strerror(-r));
	for (size_t i = 0; names[i]; i++) {
		_cleanup_free_ char *src = nuc_strf("%s/%s", b->rootfs.path, names[i]);
		_cleanup_free_ char *dst = nuc_strf("/%s", names[i]);

		if (!src || !dst)
			return -ENOMEM;
		if (matches(names[i], ours, NUC_ARRAY_SIZE(ours)))
			continue;
		if (!copied) {
			r = show(b, src, dst, NUC_STEP_EXEC | NUC_STEP_USER);
			if (r < 0)
				return r;
		}
		/* A link leads to what has a rule of its own, or out of what was granted. */
		if (b->world->look(b->world, src, false, l) == 0 &&
		    (S_ISDIR(l->mode) || S_ISREG(l->mode)))
			nuc_b_grant(b, dst, NUC_GRANT_READ | NUC_GRANT_EXEC, S_ISREG(l->mode), NULL);
	}
	if (copied || b->world->list(b->world, etc_path, NULL, &etc) < 0)
		return 0;
	for (size_t i = 0; etc[i]; i++) {
		_cleanup_free_ char *src = nuc_strf("%s/%s", etc_path, etc[i]);
		_cleanup_free_ char *dst = nuc_strf("/etc/%s", etc[i]);

		if (!src || !dst)
			return -ENOMEM;
		if (matches(etc[i], never_etc, NUC_ARRAY_SIZE(never_etc)))
			continue;
		r = show(b, src, dst, NUC_STEP_USER);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_pattern(const char *name)
{
	return strpbrk(name, "*?[");
}

static bool matches_a_pattern(const char *name)
{
	for (size_t i = 0; i < NUC_ARRAY_SIZE(system_etc); i++)
		if (system_etc[i][0] == name[0] && is_pattern(system_etc[i]) && !fnmatch(system_etc[i], name, 0))
			return true;
	return false;
}

/* What is in a directory of /etc, as "ssl/certs": the directory is there if the host has it. */
static int make_parent(struct nuc_builder *b, const char *name)
{
	_cleanup_free_ char *dir = nuc_strf("/etc/%.*s", (int)strcspn(name, "/"), name);
	_cleanup_free_ struct nuc_look *l = malloc(sizeof(*l));

	if (!dir || !l)
		return -ENOMEM;
	return b->world->look(b->world, dir, false, l) < 0 ? 0 : nuc_b_dir(b, dir, 0755, false, NULL);
}

static int bind_etc(struct nuc_builder *b, const char *name)
{
	_cleanup_free_ char *path = nuc_strf("/etc/%s", name);
	int r = !path ? -ENOMEM : strchr(name, '/') ? make_parent(b, name) : 0;

	return r < 0 ? r : show(b, path, path, 0);
}

static int bind_system_etc(struct nuc_builder *b)
{
	__attribute__((cleanup(free_names))) char **names = NULL;
	int r = 0;

	/* Without these where the directory cannot be read. */
	(void)b->world->list(b->world, "/etc", matches_a_pattern, &names);
	for (size_t i = 0; r == 0 && i < NUC_ARRAY_SIZE(system_etc); i++) {
		if (!is_pattern(system_etc[i]))
			r = bind_etc(b, system_etc[i]);
		else
			for (size_t k = 0; r == 0 && names && names[k]; k++)
				if (!fnmatch(system_etc[i], names[k], 0))
					r = bind_etc(b, names[k]);
	}
	return r;
}

static int bind_system(struct nuc_builder *b)
{
	for (size_t i = 0; i < NUC_ARRAY_SIZE(system_dirs); i++) {
		const char *path = system_dirs[i].path;
		struct nuc_place *p;
		int r = show(b, path, path, system_dirs[i].exec ? NUC_STEP_EXEC : 0);

		if (r < 0)
			return r;
		p = nuc_b_place(b, path);
		if (p && p->mount)
			nuc_b_grant(b, path,
				    NUC_GRANT_READ | (system_dirs[i].exec ? NUC_GRANT_EXEC : 0), false,
				    NULL);
	}
	return bind_system_etc(b);
}

static int synthesize_etc(struct nuc_builder *b)
{
	_cleanup_free_ struct nuc_look *l = malloc(sizeof(*l));
	_cleanup_buf_ struct nuc_buf passwd = { 0 }, group = { 0 };
	const char *name = b->user.name, *shell = "/bin/sh";
	_cleanup_free_ char *hosts = nuc_strf("127.0.0.1\tlocalhost %s\n::1\tlocalhost\n",
					      nuc_policy_str(b->policy, NUC_OPT_HOSTNAME));
	bool host_network = nuc_policy_int(b->policy, NUC_OPT_NETWORK) == 1;

	if (!l || !hosts)
		return -ENOMEM;
	if (b->world->look(b->world, "/bin/bash", true, l) == 0)
		shell = "/bin/bash";
	if (b->user.id != 0)
		nuc_buf_puts(&passwd, "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n");
	nuc_buf_printf(&passwd, "%s:x:%u:%u:%s:%s:%s\n", name, b->user.id, b->group.id, name, b->home,
		       shell);
	nuc_buf_puts(&passwd, "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n");
	if (b->group.id != 0)
		nuc_buf_puts(&group, "root:x:0:\n");
	nuc_buf_printf(&group, "%s:x:%u:\nnogroup:x:65534:\n", b->group.name, b->group.id);
	if (passwd.failed || group.failed)
		return -ENOMEM;
	nuc_b_file(b, "/etc/passwd", passwd.s, 0444);
	nuc_b_file(b, "/etc/group", group.s, 0444);
	nuc_b_file(b, "/etc/hosts", hosts, 0444);
	nuc_b_file(b, "/etc/nsswitch.conf",
		   "passwd: files\ngroup: files\nhosts: files dns\nservices: files\n"
		   "protocols: files\n", 0444);
	if (host_network && b->world->look(b->world, "/etc/resolv.conf", true, l) == 0 &&
	    S_ISREG(l->mode)) {
		nuc_b_file(b, "/etc/resolv.conf", "", 0444);
		return nuc_b_bind(b, l, "/etc/resolv.conf", 0, false, "network.mode");
	}
	nuc_b_file(b, "/etc/resolv.conf", "# no network: no name server\n", 0444);
	return 0;
}

static int make_dev(struct nuc_builder *b)
{
	static const char *const pts[] = { "newinstance", "ptmxmode=0666", "mode=0620",
					   "max=256", NULL }; /* of all that the host has: 4096 */
	_cleanup_free_ struct nuc_look *l = malloc(sizeof(*l));
	int r = nuc_b_dir(b, "/dev/pts", 0755, false, NULL);

	if (!l)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < NUC_ARRAY_SIZE(devices); i++) {
		char path[32];

		snprintf(path, sizeof(path), "/dev/%s", devices[i]);
		r = b->world->look(b->world, path, false, l);
		if (r < 0 || !S_ISCHR(l->mode))
			return nuc_b_fail(b, r < 0 ? r : -ENODEV, "mount", NULL,
					  "a host without it runs few programs", "%s is missing", path);
		nuc_b_file(b, path, "", 0666);
		/* Read-only keeps its bits, owner and times as they are; what is written passes all the same. */
		r = nuc_b_bind(b, l, path, NUC_STEP_DEVICE, false, NULL);
	}
	if (r == 0)
		r = nuc_b_mount(b, "devpts", pts, "/dev/pts", NUC_STEP_DEVICE | NUC_STEP_WRITE, NULL);
	if (r == 0)
		r = nuc_b_tmpfs(b, "/dev/shm", nuc_policy_int(b->policy, NUC_OPT_SHM_SIZE), "1777",
				false, nuc_policy_origin(b->policy, NUC_OPT_SHM_SIZE));
	if (r < 0)
		return r;
	nuc_b_symlink(b, "pts/ptmx", "/dev/ptmx");
	nuc_b_symlink(b, "/proc/self/fd", "/dev/fd");
	nuc_b_symlink(b, "/proc/self/fd/0", "/dev/stdin");
	nuc_b_symlink(b, "/proc/self/fd/1", "/dev/stdout");
	nuc_b_symlink(b, "/proc/self/fd/2", "/dev/stderr");
	nuc_b_grant(b, "/dev", NUC_GRANT_READ | NUC_GRANT_DEVICE, false, NULL);
	nuc_b_grant(b, "/dev/shm", NUC_GRANT_READ | NUC_GRANT_WRITE, false, NULL);
	return 0;
}

static int make_proc(struct nuc_builder *b)
{
	const char *hidepid[] = { "hidepid=invisible", NULL };
	bool hide = nuc_b_wants(b, NUC_MECH_HIDEPID);
	int r = nuc_b_dir(b, "/proc", 0755, false, NULL);

	if (r == 0)
		r = nuc_b_mount(b, "proc", hide ? hidepid : NULL, "/proc", NUC_STEP_WRITE, NULL);
	if (hide)
		nuc_b_enforced(b, NUC_MECH_HIDEPID);
	nuc_b_grant(b, "/proc", NUC_GRANT_READ, false, NULL);
	return r;
}

int nuc_emit_root(struct nuc_builder *b)
{
	char size[48];
	const char *options[] = { size, "nr_inodes=16384", "mode=0755", NULL };
	bool copy = b->has_rootfs && nuc_policy_int(b->policy, NUC_OPT_ROOTFS_MODE) == 1;
	const char *origin = nuc_policy_origin(b->policy, NUC_OPT_ROOTFS_PATH);
	char inodes[48];
	int r;

	snprintf(size, sizeof(size), "size=%lld",
		 copy ? (long long)nuc_policy_int(b->policy, NUC_OPT_COPY_SIZE) : 1ll << 20);
	if (copy) {
		snprintf(inodes, sizeof(inodes), "nr_inodes=%lld",
			 (long long)nuc_policy_int(b->policy, NUC_OPT_COPY_FILES) + 1024);
		options[1] = inodes;
	}
	/* A copied root holds the programs that are run; ours holds directories and text. */
	r = nuc_b_mount(b, "tmpfs", options, "/", copy ? NUC_STEP_EXEC : 0, NULL);
	if (r < 0)
		return r;
	nuc_b_grant(b, "/", NUC_GRANT_LIST, false, NULL);
	if (copy) {
		nuc_b_copy(b, &b->rootfs, "--rootfs", "/", false, origin);
		nuc_b_step(b, NUC_PROG_CHILD, NUC_OP_WAIT_PARENT, origin, 0, 0, 0);
		b->copies_root = true;
	}
	r = nuc_b_dir(b, "/etc", 0755, false, NULL);
	if (r == 0)
		r = b->has_rootfs ? use_rootfs(b, copy) : bind_system(b);
	if (r < 0)
		return r;
	nuc_b_grant(b, "/etc", NUC_GRANT_READ, false, NULL);
	r = nuc_b_dir(b, "/var/empty", 0755, false, NULL);
	if (r == 0)
		r = nuc_b_dir(b, "/run", 0755, false, NULL);
	if (r < 0)
		return r;
	nuc_b_symlink(b, "/tmp", "/var/tmp");
	r = synthesize_etc(b);
	if (r == 0)
		r = make_dev(b);
	if (r == 0)
		r = make_proc(b);
	if (r == 0)
		r = nuc_emit_cgroup_mount(b);
	if (r == 0)
		r = nuc_b_tmpfs(b, "/tmp", nuc_policy_int(b->policy, NUC_OPT_TMP_SIZE), "1777", false,
				nuc_policy_origin(b->policy, NUC_OPT_TMP_SIZE));
	if (r == 0)
		r = nuc_b_tmpfs(b, b->home, nuc_policy_int(b->policy, NUC_OPT_HOME_SIZE), "0700", true,
				nuc_policy_origin(b->policy, NUC_OPT_HOME_SIZE));
	nuc_b_grant(b, "/tmp", NUC_GRANT_READ | NUC_GRANT_WRITE, false, NULL);
	nuc_b_grant(b, b->home, NUC_GRANT_READ | NUC_GRANT_WRITE, false, NULL);
	return r;
}
