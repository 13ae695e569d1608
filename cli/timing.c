/* SPDX-License-Identifier: MIT */
/* run --timing: where the time went. */
#include <inttypes.h>
#include <time.h>

#include "cli.h"

int64_t cli_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void say(const char *side, uint64_t ns, uint64_t whole, const char *what)
{
	cli_say("%-8s %9" PRIu64 ".%03u %6.1f  %s", side, ns / 1000, (unsigned int)(ns % 1000),
		whole ? 100.0 * (double)ns / (double)whole : 0, what);
}

void cli_print_timing(nucleus_process *process, int64_t started, int64_t ended)
{
	const uint64_t whole = (uint64_t)(ended - started);
	const char *side, *what;
	uint64_t ns, sum = 0;

	cli_say("%-8s %13s %6s  %s", "side", "us", "%", "step");
	for (size_t i = 0; nucleus_process_timing(process, i, &side, &what, &ns) == 0; i++) {
		say(side, ns, whole, what);
		sum += ns;
	}
	say("sum", sum, whole, "of these");
	say("whole", whole, whole, "as this command saw it, from its call to the end");
}
