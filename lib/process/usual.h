/* SPDX-License-Identifier: MIT */
/* usual: refused calls that programs try, and live without. */
#pragma once

#include "base.h"

/* Whether a refusal of it is no reason to look for one. `name` may be NULL. */
bool nuc_usual_call(const char *name, const uint64_t args[6]);
