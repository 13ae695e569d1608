/* SPDX-License-Identifier: MIT */
#pragma once

#include "base.h"
#include "plan.h"

/* Each fills the error and returns the negative errno. `program` is the argv[0] that was wanted. */
int nuc_step_failed(const struct nuc_plan *p, uint32_t step, int code, const char *program,
		    nucleus_error **ret_err);
/* The limit of memory ended it while it was being set up. */
int nuc_launch_oom(const struct nuc_plan *p, uint32_t step, nucleus_error **ret_err);
int nuc_step_killed(const struct nuc_plan *p, uint32_t step, nucleus_error **ret_err);
int nuc_clone_failed(int code, nucleus_error **ret_err);
