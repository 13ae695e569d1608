/* SPDX-License-Identifier: MIT */
/* What of a host a sandbox had better not see, in words for those who are about to show it. */
#include <fnmatch.h>

#include "why.h"

/* `*` stands for one component or a part of it. */
static const struct {
	const char *path, *what;
} sensitive[] = {
	{ "/etc/shadow*", "the host's password hashes" },
	{ "/etc/gshadow*", "the host's group password hashes" },
	{ "/etc/sudoers*", "who may become root on the host, and how" },
	{ "/etc/ssh/ssh_host_*", "the host's private keys: whoever has them can pose as it" },
	{ "/etc/ssl/private", "private keys of the host's certificates" },
	{ "/etc/krb5.keytab", "the host's Kerberos keys" },
	{ "/etc/machine-id", "the identity of the host" },
	{ "/etc/kubernetes", "credentials of the cluster" },
	{ "/etc/rancher", "credentials of the cluster" },
	{ "/run/docker.sock", "the container engine's socket, which is root on the host" },
	{ "/var/run/docker.sock", "the container engine's socket, which is root on the host" },
	{ "/run/containerd", "the container engine's socket, which is root on the host" },
	{ "/run/podman", "the container engine's socket, which is root on the host" },
	{ "/run/crio", "the container engine's socket, which is root on the host" },
	{ "/run/user/*/docker.sock", "a container engine's socket, which is all that its user can do" },
	{ "/run/user/*/podman", "a container engine's socket, which is all that its user can do" },
	{ "/run/dbus", "the system bus: services of the host that act as root" },
	{ "/run/systemd/private", "the host's service manager, which is root" },
	{ "/run/user/*", "sockets of a user's session, which start programs outside of any sandbox" },
	{ "/tmp/.X11-unix", "the X display: it reads and types every key" },
	{ "/tmp/ssh-*", "an ssh agent's socket: it signs with the user's keys" },
	{ "/root/.*", "root's own settings and keys" },
	{ "/root", "root's own files" },
	{ "/home/*/.ssh", "a user's ssh keys" },
	{ "/home/*/.gnupg", "a user's private keys" },
	{ "/home/*/.aws", "cloud credentials" },
	{ "/home/*/.azure", "cloud credentials" },
	{ "/home/*/.config/gcloud", "cloud credentials" },
	{ "/home/*/.kube", "credentials of clusters" },
	{ "/home/*/.docker", "credentials of registries" },
	{ "/home/*/.netrc", "passwords of network services" },
	{ "/home/*/.git-credentials", "passwords of git servers" },
	{ "/home/*/.npmrc", "tokens that publish packages" },
	{ "/home/*/.pypirc", "tokens that publish packages" },
	{ "/home/*/.cargo/credentials*", "tokens that publish packages" },
	{ "/home/*/.password-store", "passwords" },
	{ "/home/*/.local/share/keyrings", "passwords" },
	{ "/home/*/.mozilla", "a browser's cookies and passwords" },
	{ "/home/*/.config/google-chrome", "a browser's cookies and passwords" },
	{ "/home/*/.config/chromium", "a browser's cookies and passwords" },
	{ "/home/*/.*_history", "what a user has typed, passwords among it" },
	{ "/home/*/.bashrc", "what a user's shell will run, outside" },
	{ "/home/*/.profile", "what a user's shell will run, outside" },
	{ "/home/*/.config/autostart", "what a user's session will run, outside" },
	{ "/home/*/.config/systemd", "what a user's session will run, outside" },
	{ "/var/lib/docker", "files of all containers" },
	{ "/var/lib/containers", "files of all containers" },
	{ "/var/lib/kubelet", "credentials of the cluster" },
	{ "/var/lib/sss", "cached passwords" },
	{ "/var/spool/cron", "what the host will run, some of it as root" },
	{ "/etc/cron*", "what the host will run as root" },
	{ "/etc/systemd", "what the host will run as root" },
	{ "/var/log", "the host's logs" },
	{ "/boot", "the host's kernel" },
	{ "/dev", "the host's devices" },
	{ "/proc", "the host's processes, their memory and environment" },
	{ "/sys", "the host's hardware and kernel settings" },
};

/* The end of the component that begins at `s`. */
static const char *component(const char *s)
{
	return s + strcspn(s, "/");
}

/* How many components both have, if those all match; -1 if one does not. */
static int match(const char *pattern, const char *path, bool *ret_path_longer,
		 bool *ret_pattern_longer)
{
	int n = 0;

	while (*pattern == '/')
		pattern++;
	while (*path == '/')
		path++;
	while (*pattern && *path) {
		const char *pe = component(pattern), *se = component(path);
		char a[256], b[256];

		if (pe - pattern >= (ptrdiff_t)sizeof(a) || se - path >= (ptrdiff_t)sizeof(b))
			return -1;
		memcpy(a, pattern, (size_t)(pe - pattern));
		a[pe - pattern] = '\0';
		memcpy(b, path, (size_t)(se - path));
		b[se - path] = '\0';
		if (fnmatch(a, b, 0) != 0)
			return -1;
		n++;
		pattern = pe + (*pe == '/');
		path = se + (*se == '/');
	}
	*ret_path_longer = *path;
	*ret_pattern_longer = *pattern;
	return n;
}

const char *nuc_sensitive_path(const char *path)
{
	bool longer, shorter;

	/* Itself, or in what is sensitive as a whole; the first row is the most telling one. */
	for (size_t i = 0; i < NUC_ARRAY_SIZE(sensitive); i++)
		if (match(sensitive[i].path, path, &longer, &shorter) >= 0 && !shorter)
			return sensitive[i].what;
	/* What is below it. */
	for (size_t i = 0; i < NUC_ARRAY_SIZE(sensitive); i++)
		if (match(sensitive[i].path, path, &longer, &shorter) >= 0 && !longer)
			return sensitive[i].what;
	return NULL;
}
