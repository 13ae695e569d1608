/* SPDX-License-Identifier: MIT */
#include "base.h"

const char *nucleus_version(void)
{
	return NUCLEUS_VERSION;
}

int nucleus_has_feature(const char *name)
{
	static const char *const features[] = {
		"cgroup",  "context-copy", "copy-in-out", "explain", "freeze",	     "idmap",
		"landlock", "plan-hash",   "policy-files", "rootfs-copy", "seccomp", "timeout",
		"user-namespace",
	};

	for (size_t i = 0; name && i < NUC_ARRAY_SIZE(features); i++)
		if (!strcmp(name, features[i]))
			return 1;
	return 0;
}
