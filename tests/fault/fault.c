/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <nucleus/nucleus.h>

#include "fault.h"

/* "group" has one wherever it can be had: as root, and where the user's groups are delegated. */
const char *const kinds[] = { "bind", "copy", "group", "ahead", "again", NULL };
static int passed, failed;
static char project[] = "/tmp/nucleus-fault-XXXXXX";
static bool made; /* it is: its name may still end in X */

bool is_wanted(const char *kind, char **argv)
{
	bool wanted = !argv[1];

	for (int i = 1; argv[i]; i++)
		wanted |= !strcmp(argv[i], kind);
	return wanted;
}

void check(bool good, const char *fmt, ...)
{
	va_list ap;

	if (good) {
		passed++;
		return;
	}
	failed++;
	va_start(ap, fmt);
	printf("FAILED: ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
}

int conclude(void)
{
	if (made) {
		char command[128];

		snprintf(command, sizeof(command), "rm -rf %s", project);
		check(system(command) == 0, "cannot remove %s", project);
	}
	printf("%d passed, %d failed\n", passed, failed);
	return failed || !passed;
}

static void fatal(const char *what)
{
	perror(what);
	exit(2);
}

/* A small tree to work in, and its content as text: nothing may be added, changed or left in it. */
static void make_project(void)
{
	char path[128];

	if (made)
		return;
	if (!mkdtemp(project))
		fatal("mkdtemp");
	made = true;
	for (int i = 0; i < 20; i++) {
		FILE *f;

		snprintf(path, sizeof(path), "%s/%d", project, i);
		f = fopen(path, "we");
		if (!f)
			fatal(path);
		fprintf(f, "%d\n", i);
		fclose(f);
	}
}

static void read_into(FILE *out, const char *path)
{
	FILE *f = fopen(path, "re");
	int c;

	if (!f)
		fatal(path);
	while ((c = getc(f)) != EOF)
		putc(c, out);
	fclose(f);
}

static FILE *groups_out;

static int add_group(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	if (type == FTW_D && (strstr(path, "/nucleus/") || !strcmp(path + ftw->base, "nucleus")))
		fprintf(groups_out, "group %s\n", path);
	return 0;
}

static void describe_groups(FILE *out)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096], point[4096];

	if (!f)
		fatal("mountinfo");
	check(nucleus_cleanup(NULL) >= 0, "what is left in groups cannot be collected");
	groups_out = out;
	while (fgets(line, sizeof(line), f))
		if (strstr(line, " - cgroup2 ") && sscanf(line, "%*s %*s %*s %*s %4095s", point) == 1)
			nftw(point, add_group, 16, FTW_PHYS | FTW_MOUNT);
	fclose(f);
}

char *describe_host(void)
{
	struct dirent **names;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int n;

	make_project();
	read_into(out, "/proc/self/mountinfo");
	n = scandir(project, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		struct stat st;
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", project, names[i]->d_name);
		if (strcmp(names[i]->d_name, "..") != 0 && stat(path, &st) == 0)
			fprintf(out, "%s %o %d %jd %jd\n", path, st.st_mode, (int)st.st_uid,
				(intmax_t)st.st_size, (intmax_t)st.st_mtime);
		free(names[i]);
	}
	free(names);
	describe_groups(out);
	fclose(out);
	return text;
}

void victim_start(struct victim *ret, const char *kind, const char *program)
{
	static int number;
	int go[2], told[2];
	char self[4096], byte = 0;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 16);

	make_project();
	if (n < 0 || pipe2(go, O_CLOEXEC) < 0 || pipe2(told, O_CLOEXEC) < 0)
		fatal("pipe");
	/* Beside this program in the build directory. */
	self[n] = '\0';
	strcpy(strrchr(self, '/') + 1, "fault-victim");
	snprintf(ret->marker, sizeof(ret->marker), "nucleus-fault-%d-%d", getpid(), number++);
	ret->pid = fork();
	if (ret->pid < 0)
		fatal("fork");
	if (ret->pid == 0) {
		dup2(go[0], 0);
		dup2(told[1], 1);
		execl(self, self, ret->marker, kind, project, program, (char *)NULL);
		fatal(self);
	}
	close(go[0]);
	close(told[1]);
	ret->go = go[1];
	ret->told = told[0];
	if (read(ret->told, &byte, 1) != 1 || byte != 'R') {
		fprintf(stderr, "the victim cannot make a sandbox of kind %s\n", kind);
		exit(2);
	}
}

void victim_kill(struct victim *v)
{
	if (v->pid > 0) {
		kill(v->pid, SIGKILL);
		waitpid(v->pid, NULL, 0);
	}
	v->pid = 0;
}

void victim_done(struct victim *v)
{
	victim_kill(v);
	close(v->go);
	close(v->told);
}

static int count_marked(const char *marker)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	int n = 0;

	if (!d)
		fatal("/proc");
	while ((e = readdir(d))) {
		char path[300], line[4096];
		ssize_t len;
		int fd;

		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/cmdline", e->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		len = fd < 0 ? 0 : read(fd, line, sizeof(line));
		if (fd >= 0)
			close(fd);
		if (len > 0 && memmem(line, (size_t)len, marker, strlen(marker)))
			n++;
	}
	closedir(d);
	return n;
}

/* Those whose parent was the victim, if this process is their reaper, and that have not been reaped. */
static int count_orphans(void)
{
	FILE *f = fopen("/proc/thread-self/children", "re");
	int n = 0, pid;

	if (!f)
		fatal("/proc/thread-self/children");
	while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
		;
	while (fscanf(f, "%d", &pid) == 1)
		n++;
	fclose(f);
	return n;
}

int survivors(const struct victim *v)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	int n;

	for (int i = 0; (n = count_marked(v->marker) + count_orphans()) > 0 && i < 5000; i++)
		nanosleep(&pause, NULL);
	return n;
}
