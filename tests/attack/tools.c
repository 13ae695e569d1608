/* SPDX-License-Identifier: MIT */
/* What the acts share. */
#include <dirent.h>
#include <sys/wait.h>

#include "attack.h"

const char *told(const char *name)
{
	const char *value = getenv(name);

	if (value && *value)
		return value;
	fprintf(stderr, "attack: run.py did not set %s\n", name);
	_exit(UNTRIED);
}

long told_number(const char *name)
{
	return strtol(told(name), NULL, 10);
}

const char *path_of(const struct act *act)
{
	static char path[4096];
	char name[64];
	size_t n;

	if (act->path[0] != '$')
		return act->path;
	n = strcspn(act->path + 1, "/");
	snprintf(name, sizeof(name), "%.*s", (int)n, act->path + 1);
	snprintf(path, sizeof(path), "%s%s", told(name), act->path + 1 + n);
	return path;
}

int refused(long r)
{
	return r < 0 ? -errno : GOT_THROUGH;
}

int write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode), r;

	if (fd < 0)
		return -errno;
	r = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return r;
}

int copy_file(const char *from, const char *to, mode_t mode)
{
	static char buf[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC), out, r = 0;
	ssize_t n;

	if (in < 0)
		return -errno;
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (out < 0) {
		r = -errno;
		close(in);
		return r;
	}
	while (r == 0 && (n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n)
			r = -EIO;
	if (fchmod(out, mode) < 0)
		r = -errno;
	close(in);
	close(out);
	return r;
}

int spawn(char *const argv[])
{
	int pipe_fds[2], error = 0, status;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execv(argv[0], argv);
		error = errno;
		_exit(write(pipe_fds[1], &error, sizeof(error)) < 0 ? 126 : 127);
	}
	close(pipe_fds[1]);
	if (read(pipe_fds[0], &error, sizeof(error)) != sizeof(error))
		error = 0;
	close(pipe_fds[0]);
	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	return error ? -error : status;
}

int spawn_must_fail(char *const argv[])
{
	int r = spawn(argv);

	return r < 0 ? r : r == 0 ? GOT_THROUGH : CONTAINED;
}

bool in_file(const char *path, const char *text)
{
	static char buf[1 << 20];
	size_t have = 0;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	while (have < sizeof(buf) && (n = read(fd, buf + have, sizeof(buf) - have)) > 0)
		have += (size_t)n;
	close(fd);
	return memmem(buf, have, text, strlen(text)) != NULL;
}

int do_read(const struct act *act)
{
	char buf[256];
	ssize_t n;
	int fd = open(path_of(act), O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	n = read(fd, buf, sizeof(buf));
	if (n < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	close(fd);
	return n > 0 ? GOT_THROUGH : CONTAINED;
}

int do_write(const struct act *act)
{
	int fd = open(path_of(act),
		      O_WRONLY | O_CLOEXEC | O_NONBLOCK | (act->args[0] ? O_CREAT : 0), 0644);

	if (fd < 0)
		return -errno;
	close(fd);
	return GOT_THROUGH;
}

int do_list(const struct act *act)
{
	DIR *d = opendir(path_of(act));
	int entries = 0;

	if (!d)
		return -errno;
	while (readdir(d))
		entries++;
	closedir(d);
	return entries > 2 ? GOT_THROUGH : CONTAINED;
}

int do_unlink(const struct act *act)
{
	return refused(unlink(path_of(act)));
}

int do_call(const struct act *act)
{
	const long *a = act->args;

	return refused(syscall(act->nr, a[0], a[1], a[2], a[3], a[4], 0));
}
