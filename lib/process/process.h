/* SPDX-License-Identifier: MIT */
/* process: a running sandbox. */
#pragma once

#include "launch.h"

/* Takes what `running` holds. */
int nuc_process_new(const struct nuc_running *running, nucleus_process **ret);
