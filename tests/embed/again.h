/* SPDX-License-Identifier: MIT */
/* What the tests of an object share that is started again and again. */
#pragma once

#include "embed.h"

extern nucleus_sandbox *sandbox; /* timed, with `dir` as /data, which only can be read */
extern char dir[], file[64];	 /* a file in it, with "first\n" */
void set_up_again(void);
void tear_down_again(void);

/* What a program writes, until the next one does; `ret_binds`, if wanted: how many binds were made for it. */
char *output(const char *const *argv, int *ret_binds);
void expect_output(const char *const *argv, const char *wanted);
void start(int times);
/* Starts once, and gives how many binds were made; or holds that this start built its own root, or copied one. */
int binds(void);
void expect_own(void);
void expect_copy(void);
/* Starts `n` times in a fork with these flags of clone(2), and gives how many of these built their own root. */
int binds_of_a_child(unsigned long flags, int n);
