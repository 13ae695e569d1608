/* SPDX-License-Identifier: MIT */
/* A directory for a test's files, and short words for making them. */
#pragma once

#include <check.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base.h"

static char files_dir[64];

static inline void files_setup(void)
{
	strcpy(files_dir, "/tmp/nucleus-files-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(files_dir));
	ck_assert_int_eq(chmod(files_dir, 0755), 0);
}

static inline void files_teardown(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		execlp("rm", "rm", "-rf", files_dir, NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
}

/* The path of a name in the directory. Eight at once may be in use. */
static inline const char *at(const char *name)
{
	static char paths[8][256];
	static unsigned int n;
	char *path = paths[n++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", files_dir, name);
	return path;
}

static inline void put_bytes(const char *path, const void *bytes, size_t len, mode_t mode)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
	ck_assert_int_eq(fchmod(fd, mode), 0);
}

static inline const char *put(const char *name, const char *text)
{
	const char *path = at(name);

	put_bytes(path, text, strlen(text), 0644);
	return path;
}

static inline char *get(const char *path, size_t *ret_len)
{
	char *s = NULL;

	ck_assert_int_eq(nuc_read_file(path, 1 << 20, &s, ret_len), 0);
	return s;
}
