/* SPDX-License-Identifier: MIT */
/*
 * A virtio serial port. From the guest: frames of a letter, four bytes of length (little-endian) and
 * data: 'r' ready to be snapshotted, 'o' output, 's' exit status. To the guest: one job, a length and
 * then strings, each with its NUL, whose first letter says what they are.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

#define PORT_NAME "nucleus.vm\n"
#define JOB_MAX (1 << 20)

/* There is no udev to make links by name. */
int port_open(void)
{
	glob_t names;
	char name[64];

	if (glob("/sys/class/virtio-ports/*/name", 0, NULL, &names) != 0)
		die("no virtio port");
	for (size_t i = 0; i < names.gl_pathc; i++) {
		char *path = names.gl_pathv[i];
		char *device = path + strlen("/sys/class/virtio-ports/");
		int fd;

		if (read_file(path, name, sizeof(name)) < 0 || strcmp(name, PORT_NAME) != 0)
			continue;
		*strchr(device, '/') = '\0';
		fd = open(text("/dev/%s", device), O_RDWR | O_CLOEXEC);
		if (fd < 0)
			die("open /dev/%s", device);
		globfree(&names);
		return fd;
	}
	errno = ENODEV;
	die("no port of our name");
}

static void write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			die("write to the host");
		data += n;
		size -= (size_t)n;
	}
}

void port_send(int port, char type, const void *data, size_t size)
{
	unsigned char head[5] = { (unsigned char)type, (unsigned char)size, (unsigned char)(size >> 8),
				  (unsigned char)(size >> 16), (unsigned char)(size >> 24) };

	write_all(port, (const char *)head, sizeof(head));
	write_all(port, data, size);
}

static void read_all(int fd, char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = read(fd, data, size);

		if (n < 0 && errno != EINTR)
			die("read from the host");
		/* 0: the host's side is not connected, in the moment of a snapshot or restore. */
		if (n == 0)
			usleep(1000);
		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
	}
}

void port_read_job(int port, struct job *ret_job)
{
	unsigned char head[4];
	size_t size, n_env = 0, n_argv = 0;
	char *data;

	read_all(port, (char *)head, sizeof(head));
	size = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
	if (size > JOB_MAX)
		die("a job of %zu bytes", size);
	data = calloc(1, size + 1);
	*ret_job = (struct job){ .env = calloc(size + 1, sizeof(char *)),
				 .argv = calloc(size + 1, sizeof(char *)) };
	if (!data || !ret_job->env || !ret_job->argv)
		die("memory");
	read_all(port, data, size);

	for (char *s = data; s < data + size; s += strlen(s) + 1) {
		switch (s[0]) {
		case 't': ret_job->clock = s + 1; break;
		case 'r': ret_job->seed = s + 1; break;
		case 'm': ret_job->modules = s + 1; break;
		case 'k': ret_job->keep = s + 1; break;
		case 'd': ret_job->directory = s + 1; break;
		case 'u': ret_job->uid = (uid_t)strtoul(s + 1, NULL, 10); break;
		case 'e': ret_job->env[n_env++] = s + 1; break;
		case 'a': ret_job->argv[n_argv++] = s + 1; break;
		default: die("a job with '%s'", s);
		}
	}
	if (!ret_job->clock || !ret_job->seed || !ret_job->modules || !ret_job->keep ||
	    !ret_job->directory || n_argv == 0)
		die("an incomplete job");
}
