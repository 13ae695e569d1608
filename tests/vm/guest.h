/* SPDX-License-Identifier: MIT */
/* What the parts of the guest's program share. See README.md. */
#ifndef NUCLEUS_TEST_VM_GUEST_H
#define NUCLEUS_TEST_VM_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define TESTER_UID 12345
#define TESTER_SLICE "/sys/fs/cgroup/user.slice/user-12345.slice"
#define TESTER_SERVICE TESTER_SLICE "/user@12345.service"
#define GUEST_DIR "/run/vm"
#define GUEST_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* What the host asks for, once, after the restore. */
struct job {
	const char *clock;   /* seconds.nanoseconds since 1970 */
	const char *seed;    /* hexadecimal, for the random number generator */
	const char *modules; /* the kernel's modules, a directory of the host */
	const char *keep;    /* a directory of the host below /tmp that must be seen, or "" */
	const char *directory;
	uid_t uid;
	char **env; /* ends with NULL, as argv does */
	char **argv;
};

/* util.c */
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);
void mount_or_die(const char *what, const char *where, const char *type, unsigned long flags,
		  const char *options);
int write_file(const char *path, const char *text);
void write_or_die(const char *path, const char *text);
ssize_t read_file(const char *path, char *ret_text, size_t size);
void make_dirs(const char *path);
__attribute__((format(printf, 1, 2))) char *text(const char *format, ...);

/* port.c: the line to the host */
int port_open(void);
void port_send(int port, char type, const void *data, size_t size);
void port_read_job(int port, struct job *ret_job);

/* root.c: what the guest sees as its file system */
int root_mount_host(const struct job *job, const char *base, const char *image);
void root_switch(const char *root);
void root_cover(const char *root);
void root_mount_tmp(const struct job *job, int kept);

/* run.c */
void cgroups_make(void);
void job_clock_and_seed(const struct job *job);
int job_run(const struct job *job, int port, bool systemd);

#endif
