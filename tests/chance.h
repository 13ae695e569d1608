/* SPDX-License-Identifier: MIT */
/* Random numbers that are the same in every run (xorshift64: G. Marsaglia, Xorshift RNGs, 2003). */
#pragma once

#include <stdint.h>

static uint64_t chance_state; /* to be given a number that is not 0 */

static inline uint32_t chance(void)
{
	chance_state ^= chance_state << 13;
	chance_state ^= chance_state >> 7;
	chance_state ^= chance_state << 17;
	return (uint32_t)(chance_state >> 16);
}

static inline uint32_t chance_below(uint32_t n)
{
	return chance() % n;
}
