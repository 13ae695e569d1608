/* SPDX-License-Identifier: MIT */
/* The sets of capabilities that a process has (capabilities(7)). Freestanding. */
#pragma once

enum nuc_capset {
	NUC_CAPSET_BOUNDING,
	NUC_CAPSET_PERMITTED,
	NUC_CAPSET_EFFECTIVE,
	NUC_CAPSET_INHERITABLE,
	NUC_CAPSET_AMBIENT,
	NUC_CAPSET__COUNT
};
