/* SPDX-License-Identifier: MIT */
/* What surrounds the caller. Nothing here decides anything: it tells a person where they are. */
#include <ctype.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "facts_internal.h"

#define MAX_TEXT (1 << 20)

static char *read_text(const char *path)
{
	char *text = NULL;
	size_t len;

	return nuc_read_file(path, MAX_TEXT, &text, &len) < 0 ? NULL : text;
}

/* One short line for a person: anything but plain characters ends it. */
static void copy_line(char *ret, size_t size, const char *text)
{
	size_t n = 0;

	while (text && n < size - 1 && text[n] >= ' ' && text[n] <= '~') {
		ret[n] = text[n];
		n++;
	}
	ret[n] = '\0';
}

/* ---- pure ----------------------------------------------------------------------------------- */

bool nuc_subid_has(const char *lines, const char *name, uid_t uid)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", uid);
	for (const char *l = lines; *l; l = nuc_next_line(l)) {
		size_t n = strcspn(l, ":\n");

		if (l[n] != ':')
			continue;
		if ((n == strlen(number) && !memcmp(l, number, n)) ||
		    (name && n == strlen(name) && !memcmp(l, name, n)))
			return true;
	}
	return false;
}

bool nuc_passwd_name(const char *lines, uid_t uid, char *ret, size_t size)
{
	for (const char *l = lines; *l; l = nuc_next_line(l)) {
		size_t n = strcspn(l, ":\n");
		const char *id = l[n] == ':' ? strchr(l + n + 1, ':') : NULL;
		char *end;

		if (n == 0 || n >= size || !id || id >= nuc_next_line(l))
			continue;
		if (!isdigit((unsigned char)id[1]) || strtoul(id + 1, &end, 10) != uid ||
		    *end != ':')
			continue;
		memcpy(ret, l, n);
		ret[n] = '\0';
		return true;
	}
	return false;
}

enum nuc_cgroup_layout nuc_mountinfo_read(const char *lines, bool *ret_has_root)
{
	bool v1 = false, v2 = false, root = false;

	for (const char *l = lines; *l; l = nuc_next_line(l)) {
		char point[256], type[32];
		const char *end = nuc_next_line(l), *dash = strstr(l, " - ");

		if (!dash || dash >= end || sscanf(l, "%*s %*s %*s %*s %255s", point) != 1 ||
		    sscanf(dash + 3, "%31s", type) != 1)
			continue;
		root |= !strcmp(point, "/");
		v1 |= !strcmp(type, "cgroup");
		v2 |= !strcmp(type, "cgroup2");
	}
	*ret_has_root = root;
	if (v1)
		return v2 ? NUC_CGROUP_HYBRID : NUC_CGROUP_V1;
	return v2 ? NUC_CGROUP_V2 : NUC_CGROUP_NONE;
}

/* ---- the host ------------------------------------------------------------------------------- */

static void probe_container(struct nuc_surroundings *s)
{
	/* What managers leave inside: their own marks, then systemd's, which hold a name. */
	static const struct {
		const char *path, *name;
	} marks[] = {
		{ "/run/.containerenv", "podman" },
		{ "/run/host/container-manager", NULL },
		{ "/run/systemd/container", NULL },
		{ "/var/run/secrets/kubernetes.io", "kubernetes" },
		{ "/.dockerenv", "docker" },
	};

	for (size_t i = 0; !s->container[0] && i < NUC_ARRAY_SIZE(marks); i++) {
		_cleanup_free_ char *text = NULL;

		if (marks[i].name && faccessat(AT_FDCWD, marks[i].path, F_OK, AT_EACCESS) == 0)
			copy_line(s->container, sizeof(s->container), marks[i].name);
		if (marks[i].name)
			continue;
		text = read_text(marks[i].path);
		copy_line(s->container, sizeof(s->container), text);
	}
}

static void probe_subids(struct nuc_surroundings *s, uid_t uid)
{
	/* By hand: getpwuid() may load modules and ask a network. */
	_cleanup_free_ char *passwd = read_text("/etc/passwd"), *subuid = read_text("/etc/subuid");
	_cleanup_free_ char *subgid = read_text("/etc/subgid");
	char name[64];
	bool named = passwd && nuc_passwd_name(passwd, uid, name, sizeof(name));

	s->subuid = subuid && nuc_subid_has(subuid, named ? name : NULL, uid);
	s->subgid = subgid && nuc_subid_has(subgid, named ? name : NULL, uid);
}

void nuc_surroundings_probe(const struct nuc_facts *facts, struct nuc_surroundings *ret)
{
	struct nuc_surroundings s = {
		.yama = nuc_sysctl_number("/proc/sys/kernel/yama/ptrace_scope", -1),
		.memfd_noexec = nuc_sysctl_number("/proc/sys/vm/memfd_noexec", -1),
	};
	_cleanup_free_ char *mountinfo = read_text("/proc/self/mountinfo");
	_cleanup_free_ char *uids = read_text("/proc/self/uid_map");
	_cleanup_free_ char *gids = read_text("/proc/self/gid_map");
	_cleanup_free_ char *lsm = read_text("/sys/kernel/security/lsm");
	unsigned long inside, outside, count;

	probe_container(&s);
	if (uids && sscanf(uids, "%lu %lu %lu", &inside, &outside, &count) == 3)
		s.user_namespace = inside != 0 || outside != 0 || count != UINT32_MAX;
	s.ids_unmapped =
		uids && gids && (!nuc_map_has(uids, facts->uid) || !nuc_map_has(gids, facts->gid));
	if (mountinfo) {
		bool has_root;

		s.cgroup = nuc_mountinfo_read(mountinfo, &has_root);
		s.chroot = !has_root;
	}
	probe_subids(&s, facts->uid);
	copy_line(s.lsm, sizeof(s.lsm), lsm);
	*ret = s;
}
