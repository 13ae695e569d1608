/* SPDX-License-Identifier: MIT */
/* The attack program: hostile acts as data. It runs in a sandbox only: see guard.c. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define EXIT_NOT_IN_A_SANDBOX 99

/* What an act gives: a negative errno when it was refused, or one of these. */
#define GOT_THROUGH 0 /* the thing was done */
#define CONTAINED 1   /* calls succeeded, but what the act is after was not reached */
#define UNTRIED 2     /* something that the act needs is missing: a failure of the test */

/* How an act must end: an errno, or one of these. */
#define BY_SIGNAL(s) (1000 + (s))
#define BY_CONTAINED 2000
#define BY_SECCOMP EPERM, ENOSYS, BY_SIGNAL(SIGSYS)

/* The sandbox that an act wants: run.py makes them. */
enum scene {
	SCENE_COMMON,  /* workspace bind-rw, a context, volumes; stderr is a file of the host */
	SCENE_OWN,     /* the same, for this act alone, as the sandbox's main program */
	SCENE_RO,      /* workspace bind-ro */
	SCENE_PTY,     /* stdin is the controlling terminal of a session outside */
	SCENE_TIMEOUT, /* alone, with --timeout: the sandbox must end by it, and all of it */
	SCENE_LEAVE, /* alone: the act leaves processes behind, none may outlive the main program */
	SCENE__COUNT
};

struct act {
	const char *name;
	const char *layer; /* what must stop it */
	const char *tries; /* in words */
	int (*run)(const struct act *act);
	const char *path; /* "$NAME/rest": NAME is taken from the environment */
	long nr, args[5]; /* of do_call() */
	int by[4];	  /* how it must end */
	int deep[4];	  /* and how with --seccomp off; none: not claimed */
	/* Its layer alone stops it: it must get through where that layer is switched off. */
	bool sole;
	enum scene scene;
};

struct act_list {
	const struct act *acts;
	size_t n;
};
#define ACT_LIST(array)                                                                            \
	{                                                                                          \
		(array), sizeof(array) / sizeof((array)[0])                                        \
	}

extern const struct act_list file_acts, exec_acts, proc_acts, mount_acts, call_acts, privilege_acts,
	process_acts, resource_acts, network_acts, terminal_acts;

/* ---- guard.c
 * ------------------------------------------------------------------------------------- */

/* Exits with EXIT_NOT_IN_A_SANDBOX unless all signs of a nucleus sandbox are there. */
void guard_place(void);
/* A number in /proc/PID/status; -1: it cannot be read. */
long status_number(long pid, const char *key, int base);
/* `kept`: a policy has kept all capabilities that are said to be harmless. */
void guard_privileges(bool kept);

/* ---- tools.c
 * ------------------------------------------------------------------------------------- */

/* What run.py tells about the host; ends the act as UNTRIED when it did not. */
const char *told(const char *name);
long told_number(const char *name);
/* The path of an act, with a leading $NAME replaced. In static memory. */
const char *path_of(const struct act *act);
int refused(long r);
int write_file(const char *path, const char *text, mode_t mode);
int copy_file(const char *from, const char *to, mode_t mode);
/* Runs a program: a negative errno when exec failed, else its wait status. */
int spawn(char *const argv[]);
/* Runs a program that gets through by ending with 0: CONTAINED otherwise. */
int spawn_must_fail(char *const argv[]);
bool in_file(const char *path, const char *text);

/* Acts that many rows share. */
int do_read(const struct act *act);  /* opens `path` and reads from it */
int do_write(const struct act *act); /* opens `path` to write, and creates it if args[0] */
int do_list(const struct act *act);  /* lists the directory `path` */
int do_unlink(const struct act *act);
int do_call(const struct act *act); /* system call `nr` with `args` */
