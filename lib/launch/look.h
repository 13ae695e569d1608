/* SPDX-License-Identifier: MIT */
/*
 * How init looks at what a call names: by reading the memory of the program, who waits, and by openings
 * with O_PATH, which neither wait nor do anything to a file. The program may change its memory or the file
 * afterwards: that misleads what is told of it, and nothing is enforced by it. Freestanding.
 */
#pragma once

#include "trace.h"

#define NUC_PATH_BYTES 4096

/* 0 or more: how much; or -errno. */
long nuc_look_memory(int32_t pid, void *to, uint64_t from, uint64_t len);
/* A string of less than NUC_PATH_BYTES bytes. 0 or -EFAULT. */
int nuc_look_string(int32_t pid, uint64_t from, char to[NUC_PATH_BYTES]);
/* Whether it is still the same process that waits: its number may be another's by now. */
int nuc_look_waits(const struct nuc_seen *s);

/* Adds a string at `at`, as far as there is room; gives the new length. */
long nuc_look_append(char *to, long size, long at, const char *s);
long nuc_look_append_number(char *to, long size, long at, uint32_t n);

/* A name by which init reaches what a process names so, relative to its `dir` (AT_FDCWD: -100). */
void nuc_look_name(int32_t pid, int dir, const char *path, char to[NUC_PATH_BYTES + 64]);
/* The canonical name of an O_PATH descriptor; -ENOENT if it has none (a pipe, a removed file). */
int nuc_look_canonical(int fd, char to[NUC_PATH_BYTES], uint32_t *ret_mode);
