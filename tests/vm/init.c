/* SPDX-License-Identifier: MIT */
/*
 * The guest's first process, without a C library to look for. It boots as far as it can without the
 * host's files, says that it is ready, and waits: here the machine is snapshotted. What is restored
 * reads the job, mounts the host's root directory, and runs the command.
 *
 * With nucleus.systemd on the kernel's command line it makes systemd the first process, from an image in
 * the initramfs, and is started by it again as an agent.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest.h"

#define IMAGE "/image"

static void modules_load(void)
{
	char names[4096], *rest, *name;

	if (read_file("/modules/order", names, sizeof(names)) < 0)
		die("modules/order");
	for (name = strtok_r(names, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest)) {
		int fd = open(text("/modules/%s", name), O_RDONLY | O_CLOEXEC);

		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
			die("module %s", name);
		close(fd);
	}
}

static void loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		die("lo");
	close(fd);
}

static void mount_kernel(void)
{
	make_dirs("/proc");
	make_dirs("/sys");
	make_dirs("/dev");
	mount_or_die("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_or_die("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_or_die("dev", "/dev", "devtmpfs", MS_NOSUID, "mode=755");
}

/* What systemd mounts itself, where it is the first process. */
static void mount_rest(void)
{
	static const char *const links[][2] = {
		{ "/proc/self/fd", "/dev/fd" },
		{ "fd/0", "/dev/stdin" },
		{ "fd/1", "/dev/stdout" },
		{ "fd/2", "/dev/stderr" },
	};

	make_dirs("/dev/pts");
	make_dirs("/dev/shm");
	make_dirs("/dev/mqueue");
	mount_or_die("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		     "gid=5,mode=620,ptmxmode=666");
	mount_or_die("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
	mount_or_die("mqueue", "/dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_or_die("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		     "nsdelegate,memory_recursiveprot");
	mount_or_die("bpf", "/sys/fs/bpf", "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=700");
	mount_or_die("securityfs", "/sys/kernel/security", "securityfs",
		     MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (symlink(links[i][0], links[i][1]) < 0 && errno != EEXIST)
			die("%s", links[i][1]);
}

/* The other end of the first process's life: nothing is left to do but to be thrown away. */
__attribute__((noreturn)) static void finish(int port, int status)
{
	unsigned char byte = (unsigned char)status;

	port_send(port, 's', &byte, 1);
	for (;;)
		pause();
}

__attribute__((noreturn)) static void small_system(void)
{
	struct job job;
	int port, kept;

	mount_rest();
	loopback_up();
	if (sethostname("vm", 2) < 0)
		die("hostname");
	cgroups_make();
	port = port_open();
	port_send(port, 'r', "", 0);

	port_read_job(port, &job);
	job_clock_and_seed(&job);
	kept = root_mount_host(&job, "/vm", NULL);
	root_switch("/vm/root");
	root_mount_tmp(&job, kept);
	finish(port, job_run(&job, port, false));
}

/* Starts systemd on the image; the host's files come later. */
__attribute__((noreturn)) static void big_system(void)
{
	int image;

	make_dirs("/vm/rw");
	make_dirs("/vm/root");
	mount_or_die("rw", "/vm/rw", "tmpfs", 0, "mode=755");
	make_dirs("/vm/rw/upper");
	make_dirs("/vm/rw/work");
	mount_or_die("root", "/vm/root", "overlay", 0,
		     "lowerdir=" IMAGE ",upperdir=/vm/rw/upper,workdir=/vm/rw/work");
	image = open(IMAGE, O_PATH | O_DIRECTORY);
	root_switch("/vm/root");
	make_dirs(GUEST_DIR "/image");
	mount_or_die(text("/proc/self/fd/%d", image), GUEST_DIR "/image", NULL, MS_BIND, NULL);
	close(image);
	execl("/lib/systemd/systemd", "systemd", NULL);
	die("systemd");
}

/* In a unit of systemd's: where it is ready, the user's session is there as well. */
__attribute__((noreturn)) static void agent(void)
{
	struct job job;
	int port = port_open(), kept;

	port_send(port, 'r', "", 0);
	port_read_job(port, &job);
	job_clock_and_seed(&job);
	kept = root_mount_host(&job, GUEST_DIR, GUEST_DIR "/image");
	if (write_file(GUEST_DIR "/root/etc/passwd",
		       "tester:x:12345:12345::/home/tester:/bin/sh\n") < 0 ||
	    write_file(GUEST_DIR "/root/etc/group", "tester:x:12345:\n") < 0)
		die("passwd");
	root_cover(GUEST_DIR "/root");
	root_mount_tmp(&job, kept);
	finish(port, job_run(&job, port, true));
}

int main(int argc, char **argv)
{
	char line[4096];

	umask(022);
	if (argc > 1 && strcmp(argv[1], "agent") == 0)
		agent();
	mount_kernel();
	modules_load();
	if (read_file("/proc/cmdline", line, sizeof(line)) < 0)
		die("/proc/cmdline");
	if (strstr(line, "nucleus.systemd"))
		big_system();
	small_system();
}
