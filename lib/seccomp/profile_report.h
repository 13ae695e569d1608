/* SPDX-License-Identifier: MIT */
/* profile_report: a profile in words, for `policy check` and for notes of a plan. */
#pragma once

#include "profile.h"

/*
 * What a profile says, in lines of text: calls allowed, entries, flags, names that are not known
 * here, rules that do not apply to `target`, dangerous calls that it allows. What
 * nuc_profile_compile() would refuse is refused here. Errors are those of nuc_profile_parse() and
 * nuc_profile_compile(); the text is the caller's, free().
 */
int nuc_profile_report(const char *text, size_t len, const char *name,
		       const struct nuc_profile_target *target, char **ret,
		       nucleus_error **ret_err);

/*
 * Appends what a reader of a plan should know of the profile that it uses, each string ended by a
 * NUL: its digest, flags that are not as written, other entries, dangerous calls, what no
 * namespace holds; and with `ports`, that rules of ports are asked for, what gets past those. `filter` is
 * what was compiled of it. -ENOMEM.
 */
int nuc_profile_notes(const struct nuc_profile *p, const struct nuc_profile_target *target,
		      const struct sock_filter *filter, size_t insns, const char *sha256, bool ports,
		      struct nuc_buf *notes);
