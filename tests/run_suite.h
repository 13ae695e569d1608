/* SPDX-License-Identifier: MIT */
/* How a program of Check's tests ends: a status that is 0 only if all passed. */
#pragma once

#include <check.h>

static inline int run_suite(Suite *s)
{
	SRunner *r = srunner_create(s);
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed > 0;
}
