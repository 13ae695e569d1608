/* SPDX-License-Identifier: MIT */
/* Nothing hostile is done anywhere but in a sandbox of ours: every sign of one must be there. */
#include <sys/utsname.h>

#include "attack.h"

static void refuse(const char *why)
{
	fprintf(stderr, "attack: this is no sandbox: %s; nothing was done\n", why);
	exit(EXIT_NOT_IN_A_SANDBOX);
}

long status_number(long pid, const char *key, int base)
{
	char path[64], line[256];
	long value = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/status", pid);
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			value = strtol(line + strlen(key), NULL, base);
	fclose(f);
	return value;
}

/* One id, ours, and nothing else: no host and hardly any container is like that. */
static bool one_id_mapped(void)
{
	char line[128];
	long inside = -1, outside = -1, count = -1;
	bool single;
	FILE *f = fopen("/proc/self/uid_map", "re");

	if (!f)
		return false;
	single = fgets(line, sizeof(line), f) &&
		 sscanf(line, "%ld %ld %ld", &inside, &outside, &count) == 3 &&
		 !fgets(line, sizeof(line), f);
	fclose(f);
	return single && inside == 1000 && outside != 0 && count == 1;
}

void guard_place(void)
{
	const char *asked = getenv("NUCLEUS_ATTACK");
	struct utsname u;
	long pid = getpid();

	if (!asked || strcmp(asked, "1") != 0)
		refuse("NUCLEUS_ATTACK=1 is not in the environment");
	if (access("/attack/only-in-a-sandbox", F_OK) < 0)
		refuse("/attack/only-in-a-sandbox is missing");
	if (getuid() != 1000 || getgid() != 1000)
		refuse("the user is not 1000:1000");
	if (uname(&u) < 0 || strcmp(u.nodename, "sandbox") != 0)
		refuse("the host is not named sandbox");
	if (!one_id_mapped())
		refuse("the user namespace maps more than one user");
	/* Up to PID 1, which is nucleus's init: it hides itself, as no host's does. */
	for (int i = 0; pid > 1 && i < 16; i++)
		pid = pid == getpid() ? getppid() : status_number(pid, "PPid:", 10);
	if (pid != 1)
		refuse("its ancestors do not lead to the PID 1 of a sandbox");
	if (access("/proc/1/comm", F_OK) == 0)
		refuse("PID 1 can be looked at");
}

void guard_privileges(bool kept)
{
	/* NET_ADMIN, SYS_PTRACE, SYS_ADMIN, SYS_BOOT, SETFCAP: what no strict policy may keep. */
	const long never = 1L << 12 | 1L << 19 | 1L << 21 | 1L << 22 | 1L << 31;

	if (status_number(getpid(), "NoNewPrivs:", 10) != 1)
		refuse("no_new_privs is not set");
	if (kept ? status_number(getpid(), "CapBnd:", 16) & never
		 : status_number(getpid(), "CapEff:", 16) != 0 ||
			      status_number(getpid(), "CapBnd:", 16) != 0)
		refuse("there are capabilities");
	if (kept && status_number(getpid(), "CapEff:", 16) != status_number(getpid(), "CapBnd:", 16))
		refuse("the capabilities are not there");
}
