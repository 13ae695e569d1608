/* SPDX-License-Identifier: MIT */
/* What the programs that start sandboxes share. */
#pragma once

#include <nucleus/nucleus.h>

/* Prints the program's name, `what` and errno, and ends. */
_Noreturn void bench_stop(const char *what);
/* The same with what the library says. */
_Noreturn void bench_fail(const nucleus_error *e);

double bench_now_us(void);

/* In mode strict-agent, with volumes (SRC:DST[:rw],...); it runs as long as the process does. */
nucleus_sandbox *bench_sandbox(const char *volumes);

/* "DIR:/bench:ro" of the directory that `program` is in: owned by the caller. */
char *bench_volume_of(const char *program);
