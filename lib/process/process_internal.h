/* SPDX-License-Identifier: MIT */
/* Between the parts of a process object: its life (process.c), and what was refused in it (refusals.c). */
#pragma once

#include "process.h"

struct kernel_word;

struct nucleus_process {
	struct nuc_running running;
	struct nuc_owner owner;	/* who started it: to a fork it is a copy of no use */
	_Atomic bool ended;	/* the outcome is known; other threads ask, who send signals */
	bool gone;		/* so is init, with all that the kernel held for the sandbox */
	int outcome, code;
	bool has_report;
	struct nuc_report report;
	bool carried;
	int carry_result;
	nucleus_error *carry_error; /* for each wait */
	int denials;		/* an epoll descriptor: what would have something to tell; -1: not asked for */
	struct kernel_word *kernel; /* or NULL: nobody may read it, or it says nothing */
	bool heard_all;		/* init has told what it had to tell */
	bool told_killed;
	uint32_t lost;		/* by the kernel's log */
	unsigned int ends;	/* what was told of the end */
};

/* Whether this process started it. Nobody else may end it, reap it, or take what is told to its caller. */
bool nuc_process_is_own(const nucleus_process *p);
/* Whether the outcome is known; it is learned if init is gone. */
bool nuc_process_is_over(nucleus_process *p);

/* Takes what listens to the kernel's log. NULL: no memory; it is done without, and all is told as init says it. */
struct kernel_word *nuc_kernel_word_new(struct nuc_running *running);
/* What comes after the end is of others. NULL: init did not say when that was. */
void nuc_kernel_word_end(struct kernel_word *k, const struct nuc_report *report);
void nuc_kernel_word_free(struct kernel_word *k);
