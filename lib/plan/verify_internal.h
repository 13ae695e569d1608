/* SPDX-License-Identifier: MIT */
/* The parts of verify. Internal to plan/. */
#pragma once

#include "compile.h"

/*
 * What the policy files of capabilities and Landlock came to; `count` of each operation. NULL, or why
 * the plan is none.
 */
const char *nuc_verify_policies(const struct nuc_plan *p, const uint16_t *count);
