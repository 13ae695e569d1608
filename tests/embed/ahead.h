/* SPDX-License-Identifier: MIT */
/* What the tests of sandboxes share that are made ahead of their programs. */
#pragma once

#include "embed.h"

#define CHILDREN 64

extern nucleus_sandbox *sandbox; /* its standard output is out[1] */
extern int out[2];
void set_up_ahead(void);
void tear_down_ahead(void);

/* nucleus_sandbox_prepare() that must succeed. */
void prepare(nucleus_sandbox *s, unsigned int count);
/* This thread's children: the kernel lists them for the thread that is their parent. Gives how many there are. */
size_t list_children(pid_t pids[CHILDREN]);
bool is_among(pid_t pid, const pid_t *pids, size_t n);
/* Until the maker has made `n`: it is a child itself. */
void await_children(size_t n);
/* Starts a program, which must be in one of two sandboxes that were there before. */
nucleus_process *spawn_prepared(const char *const *argv);
/* What such a program writes, until the end of the sandbox. */
char *output(const char *const *argv);
