/* SPDX-License-Identifier: MIT */
/* What the embedder's tests share: they see the public header only, as an embedder does. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <nucleus/nucleus.h>

#include "../run_suite.h"

#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define TRUE ARGV("/bin/true")
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A sandbox with these options, "key=value", ended by NULL; strict-agent unless they say otherwise. */
nucleus_sandbox *make_sandbox(const char *const *options);
/* nucleus_sandbox_spawn() that must succeed. */
nucleus_process *spawn(nucleus_sandbox *s, const char *const *argv);
/* Waits without end, frees, and holds the outcome against what is expected. */
void expect(nucleus_process *p, int outcome, int code);
/* A pipe, both ends close-on-exec. */
void make_pipe(int ret_fds[2]);
/* What a descriptor gives until its end, as a string of at most 4095 bytes; closes it. */
char *read_all(int fd);
int64_t now_ms(void);
void write_file(const char *path, const char *text);
/* What a thread has to return for join_thread(). */
void *own_number(void);
/*
 * Waits until a thread has left the process, too: one that was joined is counted for a moment more, and for a long one if
 * it has no processor then.
 */
void join_thread(pthread_t thread);
/* A signal handler that does nothing. */
void on_signal(int sig);
/*
 * All that a launch could change in this process, as text: descriptors, signals, ids, capabilities,
 * directory, environment, children, mounts, namespaces, limits. Owned by the caller.
 */
char *describe_self(void);
/* Holds that nothing changed since `before`, which it frees; names the first line that did. */
void expect_self(char *before);
