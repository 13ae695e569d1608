/* SPDX-License-Identifier: MIT */
/* A policy and the error of the last call, fresh for each test, and short words for them. */
#pragma once

#include <check.h>

#include "policy_internal.h"

static nucleus_policy *policy;
static nucleus_error *error;

static inline void setup(void)
{
	ck_assert_int_eq(nucleus_policy_new(&policy), 0);
}

static inline void teardown(void)
{
	nucleus_policy_free(policy);
	nucleus_error_free(error);
	policy = NULL;
	error = NULL;
}

static inline void forget_error(void)
{
	nucleus_error_free(error);
	error = NULL;
}

static inline void expect_error(int r, int code, const char *origin, const char *message)
{
	ck_assert_ptr_nonnull(error);
	ck_assert_msg(r == code, "%s: %s", nuc_errno_name(r), nucleus_error_message(error));
	ck_assert_int_eq(nucleus_error_code(error), code);
	ck_assert_str_eq(nucleus_error_stage(error), "policy");
	ck_assert_pstr_eq(nucleus_error_origin(error), origin);
	ck_assert_str_eq(nucleus_error_message(error), message);
	forget_error();
}

static inline int set(const char *key, const char *value)
{
	return nucleus_policy_set(policy, key, value, &error);
}

static inline int add(const char *key, const char *value)
{
	return nucleus_policy_add(policy, key, value, &error);
}

static inline void from(const char *origin)
{
	ck_assert_int_eq(nucleus_policy_set_origin(policy, origin), 0);
}

static inline int load_named(const char *text, const char *name, const char *base)
{
	_cleanup_doc_ struct nuc_doc *doc = NULL;
	size_t len = strlen(text);
	int r = strstr(name, ".json") ? nuc_json_parse(text, len, name, &doc, &error)
				      : nuc_toml_parse(text, len, name, &doc, &error);

	return r < 0 ? r : nuc_policy_add_document(policy, doc, name, base, &error);
}

static inline int load(const char *toml)
{
	return load_named(toml, "p.toml", "/base");
}

static inline char *dump(const char *format)
{
	char *s = NULL;

	ck_assert_int_eq(nucleus_policy_dump(policy, format, &s), 0);
	return s;
}

static inline void expect_dump(const char *toml)
{
	_cleanup_free_ char *s = dump("toml");

	ck_assert_str_eq(s, toml);
}
