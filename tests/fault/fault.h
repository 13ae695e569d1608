/* SPDX-License-Identifier: MIT */
/* What the fault tests share: a victim that launches a sandbox, and the search for what it left. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* The victim says where the launch begins and ends by a system call that does not exist. */
#define PHASE_CALL 0x6e75
#define PHASE_BEGIN 1
#define PHASE_END 2

/* What the victim tells when the launch is over. */
struct verdict {
	int spawned;	/* what nucleus_sandbox_spawn() returned */
	int outcome;	/* of the program, if it was spawned */
	int code;
	int leaked;	/* descriptors and children more than before */
	int pid;	/* of the sandbox's init */
};

struct victim {
	pid_t pid;
	int go;		/* a byte to it starts the launch */
	int told;	/* 'R' when it is ready, then a struct verdict */
	char marker[64];	/* a word in the command line of all that comes of it */
};

/* The kinds of sandbox that are launched. */
extern const char *const kinds[];
/* Whether a test's words, those of main(), name it, or name none. */
bool is_wanted(const char *kind, char **argv);

/* Starts a victim and waits until it is ready to launch. Exits on failure: then nothing can be tested. */
void victim_start(struct victim *ret, const char *kind, const char *program);
/* Kills and reaps it, if that was not done yet; victim_done() closes the pipes too. */
void victim_kill(struct victim *v);
void victim_done(struct victim *v);
/*
 * Number of processes whose command line has the marker, and of children of this process, which is to be
 * the reaper of the victim's; waits until there are none, 10 s at most.
 */
int survivors(const struct victim *v);
/*
 * Mounts of this namespace, files that a launch may touch, control groups of sandboxes, as text; owned
 * by the caller. What callers that were killed have left in groups is collected first, as the next
 * start would.
 */
char *describe_host(void);

/* Each check of a test, counted; says what failed. What main() returns. */
void check(bool good, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int conclude(void);
