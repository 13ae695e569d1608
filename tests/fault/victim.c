/* SPDX-License-Identifier: MIT */
/*
 * fault-victim MARKER KIND PROJECT PROGRAM: makes a sandbox, says 'R' on 1, waits for a byte on 0,
 * launches PROGRAM with the marker among its arguments, tells how that went; of kind "apply" it
 * applies the policy until it is killed; of kind "ahead" it has one made ahead; of kind "again" it is its third
 * launch, which builds what all later ones copy. The argument stands in the command line of every process that
 * comes of it, but of a maker and what it makes: also of the child, which shares this memory.
 */
#include <dirent.h>
#include <sys/syscall.h>

#include <nucleus/nucleus.h>

#include "fault.h"

static int count_own(void)
{
	DIR *d = opendir("/proc/self/fd");
	FILE *children = fopen("/proc/thread-self/children", "re");
	int n = 0, pid;

	while (d && readdir(d))
		n++;
	while (children && fscanf(children, "%d", &pid) == 1)
		n++;
	if (d)
		closedir(d);
	if (children)
		fclose(children);
	return n;
}

static int set(nucleus_policy *p, const char *key, const char *value)
{
	return nucleus_policy_set(p, key, value, NULL);
}

static bool start_once(nucleus_sandbox *sandbox)
{
	nucleus_process *p = NULL;
	int outcome = -1, code = -1;

	if (nucleus_sandbox_spawn(sandbox, (const char *const[]){ "true", NULL }, &p, NULL) < 0)
		return false;
	nucleus_process_wait(p, -1, &outcome, &code, NULL);
	nucleus_process_close(p);
	return outcome == NUCLEUS_OUTCOME_EXITED && code == 0;
}

int main(int argc, char **argv)
{
	struct verdict v = { .outcome = -1, .code = -1 };
	nucleus_process *process = NULL;
	nucleus_sandbox *sandbox;
	nucleus_policy *policy;
	nucleus_error *e = NULL;
	bool copy, group;
	int before;
	char byte;

	if (argc != 5)
		return 2;
	copy = !strcmp(argv[2], "copy");
	group = !strcmp(argv[2], "group");
	if (nucleus_policy_new(&policy) < 0 ||
	    set(policy, "mode", group ? "agent" : "strict-agent") < 0 ||
	    (group && (set(policy, "limits.cgroup", "true") < 0 || set(policy, "limits.pids", "64") < 0)) ||
	    set(policy, "workspace.path", argv[3]) < 0 ||
	    (copy && set(policy, "workspace.mode", "copy-in-out") < 0) ||
	    (copy && (set(policy, "context.path", argv[3]) < 0 ||
		      set(policy, "context.mode", "copy") < 0)))
		return 2;
	before = count_own();
	if (nucleus_sandbox_new(&sandbox) < 0)
		return 2;
	if (nucleus_sandbox_apply_policy(sandbox, policy, &e) < 0) {
		fprintf(stderr, "victim: %s\n", e ? nucleus_error_message(e) : "?");
		return 2;
	}
	if (write(1, "R", 1) != 1 || read(0, &byte, 1) != 1)
		return 2;
	while (!strcmp(argv[2], "apply"))
		if (nucleus_sandbox_apply_policy(sandbox, policy, NULL) < 0)
			return 2;

	if (!strcmp(argv[2], "again") && (!start_once(sandbox) || !start_once(sandbox)))
		return 2;
	syscall(PHASE_CALL, PHASE_BEGIN);
	if (!strcmp(argv[2], "ahead"))
		nucleus_sandbox_prepare(sandbox, 1, NULL);
	v.spawned = nucleus_sandbox_spawn(
		sandbox, (const char *const[]){ "sh", "-c", argv[4], argv[1], NULL }, &process, NULL);
	syscall(PHASE_CALL, PHASE_END);

	v.pid = process ? nucleus_process_pid(process) : 0;
	if (v.spawned == 0 && strcmp(argv[4], "sleep 600") != 0) {
		nucleus_process_wait(process, -1, &v.outcome, &v.code, NULL);
		nucleus_process_close(process);
		process = NULL;
	}
	/* With it goes what it keeps between starts. */
	nucleus_sandbox_free(sandbox);
	v.leaked = process ? 0 : count_own() - before;
	if (write(1, &v, sizeof(v)) != sizeof(v))
		return 2;
	pause();
	return 0;
}
