/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest.h"

/* The host sees that the machine has ended without a status, and prints the console. */
void die(const char *format, ...)
{
	int error = errno;
	va_list args;

	va_start(args, format);
	dprintf(STDERR_FILENO, "vm: ");
	vdprintf(STDERR_FILENO, format, args);
	dprintf(STDERR_FILENO, ": %s\n", strerror(error));
	va_end(args);
	reboot(RB_AUTOBOOT);
	_exit(125);
}

char *text(const char *format, ...)
{
	char *result;
	va_list args;

	va_start(args, format);
	if (vasprintf(&result, format, args) < 0)
		die("memory");
	va_end(args);
	return result;
}

void mount_or_die(const char *what, const char *where, const char *type, unsigned long flags,
		  const char *options)
{
	if (mount(what, where, type, flags, options) < 0)
		die("mount %s on %s", what, where);
}

int write_file(const char *path, const char *words)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, words, strlen(words));
	close(fd);
	return n < 0 ? -1 : 0;
}

void write_or_die(const char *path, const char *words)
{
	if (write_file(path, words) < 0)
		die("write %s", path);
}

ssize_t read_file(const char *path, char *ret_text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, ret_text, size - 1);
	close(fd);
	if (n >= 0)
		ret_text[n] = '\0';
	return n;
}

void make_dirs(const char *path)
{
	char *copy = text("%s/", path);

	for (char *p = copy + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			die("mkdir %s", copy);
	}
	free(copy);
}
