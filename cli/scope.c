/* SPDX-License-Identifier: MIT */
/*
 * A place for control groups. A user's shell lives in a session scope, from which the kernel lets
 * nothing into what systemd has delegated to the user: the user's own service manager has to make a
 * scope for it. systemd-run does that, for its own process, and then executes a command in it.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "cli.h"

#define SYSTEMD_RUN "/usr/bin/systemd-run"
#define IN_SCOPE "NUCLEUS_SCOPE" /* set in the second start, so that there is no third */

static char **kept_words;
static bool in_scope; /* this is the second start */
static struct {
	int fd;
	off_t offset;
	bool copied; /* it was a pipe, and is a memory file now */
} kept_fds[2]; /* --config-fd, --env-fd */
static size_t n_kept_fds;

bool cli_keep_words(char **argv)
{
	size_t n = 0;

	/* It is not for programs, whatever a policy passes on. */
	in_scope = getenv(IN_SCOPE);
	unsetenv(IN_SCOPE);
	while (argv[n])
		n++;
	kept_words = calloc(n + 1, sizeof(*kept_words));
	for (size_t i = 0; kept_words && i < n; i++) {
		kept_words[i] = strdup(argv[i]);
		if (!kept_words[i])
			return false;
	}
	return kept_words;
}

int cli_keep_fd(int fd)
{
	_cleanup_close_ int copy = -1;
	char bytes[65536];
	ssize_t n;

	if (n_kept_fds == CLI_ARRAY_SIZE(kept_fds))
		return -EMFILE;
	kept_fds[n_kept_fds].fd = fd;
	kept_fds[n_kept_fds++].offset = lseek(fd, 0, SEEK_CUR);
	if (kept_fds[n_kept_fds - 1].offset >= 0)
		return 0;
	kept_fds[n_kept_fds - 1].offset = 0;
	kept_fds[n_kept_fds - 1].copied = true;
	copy = memfd_create("nucleus-input", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (copy < 0)
		return -errno;
	/* A reader that takes less says so: it is not for here to read without end. */
	for (size_t total = 0; total <= CLI_INPUT_MAX; total += (size_t)n) {
		do
			n = read(fd, bytes, sizeof(bytes));
		while (n < 0 && errno == EINTR);
		if (n <= 0)
			break;
		if (write(copy, bytes, (size_t)n) != n)
			return -ENOSPC;
	}
	/* The program in the sandbox may inherit it, as its standard input. */
	if (n < 0 || lseek(copy, 0, SEEK_SET) < 0 ||
	    fcntl(copy, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0 ||
	    dup2(copy, fd) < 0)
		return -errno;
	return 0;
}

/*
 * Whether the user has a service manager that answers. Root needs none, and must not talk to that of the
 * user whose environment `sudo -E` has kept.
 */
static bool has_user_manager(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;
	int n;

	if (!runtime || fd < 0 || geteuid() == 0)
		return false;
	n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/systemd/private", runtime);
	return n < (int)sizeof(address.sun_path) && stat(address.sun_path, &st) == 0 &&
	       st.st_uid == geteuid() &&
	       connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

void cli_drop_fds(void)
{
	for (size_t i = 0; i < n_kept_fds; i++) {
		_cleanup_close_ int nothing = -1;

		if (!kept_fds[i].copied)
			continue;
		nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (nothing < 0 || dup2(nothing, kept_fds[i].fd) < 0)
			close(kept_fds[i].fd);
	}
}

/* Comes back only if it failed. */
static void start_in_scope(void)
{
	static const char *const start[] = { SYSTEMD_RUN, "--user",	 "--scope",
					     "--quiet",	  "--collect",	 "--property=Delegate=yes",
					     "--" };
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	_cleanup_free_ char **argv = NULL;
	size_t n = 0, words = 0;

	if (len < 0 || setenv(IN_SCOPE, "1", 1) < 0)
		return;
	self[len] = '\0';
	while (kept_words[words])
		words++;
	argv = calloc(CLI_ARRAY_SIZE(start) + words + 1, sizeof(*argv));
	if (!argv)
		return;
	for (size_t i = 0; i < CLI_ARRAY_SIZE(start); i++)
		argv[n++] = (char *)start[i];
	argv[n++] = self;
	for (size_t i = 1; i < words; i++)
		argv[n++] = kept_words[i];
	for (size_t i = 0; i < n_kept_fds; i++)
		(void)lseek(kept_fds[i].fd, kept_fds[i].offset, SEEK_SET);
	execv(SYSTEMD_RUN, argv);
	unsetenv(IN_SCOPE);
}

bool cli_settle(const nucleus_policy *policy)
{
	int r = nucleus_cgroup_settle(policy, NULL);

	if (r == -EOPNOTSUPP && !in_scope && access(SYSTEMD_RUN, X_OK) == 0 && has_user_manager())
		start_in_scope();
	return r > 0;
}
