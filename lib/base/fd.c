/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>

#include "base.h"

int nuc_fd_above_stdio(int fd)
{
	int moved, r;

	if (fd < 0 || fd > 2)
		return fd;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	r = moved < 0 ? -errno : moved;
	close(fd);
	return r;
}

int nuc_read_fd(int fd, size_t max, char **ret, size_t *ret_len)
{
	_cleanup_free_ char *s = NULL;
	size_t size = 4096, len = 0;

	s = malloc(size);
	if (!s)
		return -ENOMEM;
	for (;;) {
		ssize_t n;

		if (size - len < 2) {
			char *bigger = realloc(s, size * 2);

			if (!bigger)
				return -ENOMEM;
			s = bigger;
			size *= 2;
		}
		n = read(fd, s + len, size - len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
		if (len > max)
			return -EFBIG;
	}
	s[len] = '\0';
	*ret = NUC_TAKE_PTR(s);
	*ret_len = len;
	return 0;
}

int nuc_read_at(int dir, const char *path, size_t max, char **ret, size_t *ret_len)
{
	_cleanup_close_ int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return nuc_read_fd(fd, max, ret, ret_len);
}

int nuc_read_file(const char *path, size_t max, char **ret, size_t *ret_len)
{
	return nuc_read_at(AT_FDCWD, path, max, ret, ret_len);
}

uint64_t nuc_namespace_of_thread(const char *name)
{
	char path[64], text[64];
	const char *number;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/thread-self/ns/%s", name);
	/* "pid:[4026531836]". stat(2) would have the kernel make the inode anew each time. */
	n = readlinkat(AT_FDCWD, path, text, sizeof(text) - 1);
	if (n < 0)
		return 0;
	text[n] = '\0';
	number = strchr(text, '[');
	return number ? strtoull(number + 1, NULL, 10) : 0;
}

int64_t nuc_now_ns(void)
{
	struct timespec t = { 0 };

	/* Asked a few times for a start: less than the faults of a process that has not touched the vDSO yet. */
	syscall(__NR_clock_gettime, CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
