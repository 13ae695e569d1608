/* SPDX-License-Identifier: MIT */
/* Internal to api/. */
#pragma once

#include "compile.h"

/* Its plan; NULL as long as it has no policy. */
const struct nuc_plan *nuc_sandbox_plan(const nucleus_sandbox *s);
