/* SPDX-License-Identifier: MIT */

#include "policy.h"
#include "../run_suite.h"

START_TEST(every_mechanism_has_a_name_of_its_own)
{
	const char *name = nuc_mechanism_name((enum nuc_mechanism)_i);

	ck_assert_ptr_nonnull(name);
	for (int m = 0; m < _i; m++)
		ck_assert_str_ne(name, nuc_mechanism_name((enum nuc_mechanism)m));
}
END_TEST

START_TEST(a_stricter_mode_never_needs_less)
{
	enum nuc_mechanism m = (enum nuc_mechanism)_i;

	ck_assert_int_le(nuc_mode_need(NUC_MODE_AGENT, m), nuc_mode_need(NUC_MODE_STRICT_AGENT, m));
	ck_assert_int_le(nuc_mode_need(NUC_MODE_STRICT_AGENT, m),
			 nuc_mode_need(NUC_MODE_PRODUCTION, m));
	ck_assert_int_le(nuc_mode_landlock_min_abi(NUC_MODE_STRICT_AGENT),
			 nuc_mode_landlock_min_abi(NUC_MODE_PRODUCTION));
	ck_assert_int_le(nuc_mode_unchosen(NUC_MODE_AGENT), nuc_mode_unchosen(NUC_MODE_STRICT_AGENT));
	ck_assert_int_le(nuc_mode_unchosen(NUC_MODE_STRICT_AGENT), nuc_mode_unchosen(NUC_MODE_PRODUCTION));
}
END_TEST

START_TEST(what_makes_a_sandbox_is_required_in_every_mode)
{
	static const enum nuc_mechanism core[] = {
		NUC_MECH_NS_USER,    NUC_MECH_NS_PID,	    NUC_MECH_NS_MOUNT,
		NUC_MECH_PIVOT_ROOT, NUC_MECH_CAPABILITIES,
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(core); i++)
		ck_assert_int_eq(nuc_mode_need((enum nuc_mode)_i, core[i]), NUC_NEED_REQUIRED);
}
END_TEST

START_TEST(the_table_says_what_the_modes_promise)
{
	static const struct {
		enum nuc_mechanism mechanism;
		enum nuc_need agent, strict, production;
	} rows[] = {
		{ NUC_MECH_NS_NET, NUC_NEED_BEST_EFFORT, NUC_NEED_REQUIRED, NUC_NEED_REQUIRED },
		{ NUC_MECH_SECCOMP, NUC_NEED_BEST_EFFORT, NUC_NEED_REQUIRED, NUC_NEED_REQUIRED },
		{ NUC_MECH_LANDLOCK, NUC_NEED_BEST_EFFORT, NUC_NEED_REQUIRED, NUC_NEED_REQUIRED },
		{ NUC_MECH_IDMAP, NUC_NEED_BEST_EFFORT, NUC_NEED_REQUIRED, NUC_NEED_REQUIRED },
		{ NUC_MECH_HIDEPID, NUC_NEED_BEST_EFFORT, NUC_NEED_REQUIRED, NUC_NEED_REQUIRED },
		{ NUC_MECH_MOUNT_AUDIT, NUC_NEED_OFF, NUC_NEED_REQUIRED, NUC_NEED_REQUIRED },
		{ NUC_MECH_ROOTFS, NUC_NEED_OFF, NUC_NEED_OFF, NUC_NEED_REQUIRED },
		{ NUC_MECH_MEMORY_LIMIT, NUC_NEED_OFF, NUC_NEED_OFF, NUC_NEED_REQUIRED },
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(rows); i++) {
		enum nuc_mechanism m = rows[i].mechanism;

		ck_assert_int_eq(nuc_mode_need(NUC_MODE_AGENT, m), rows[i].agent);
		ck_assert_int_eq(nuc_mode_need(NUC_MODE_STRICT_AGENT, m), rows[i].strict);
		ck_assert_int_eq(nuc_mode_need(NUC_MODE_PRODUCTION, m), rows[i].production);
	}
	ck_assert_int_eq(nuc_mode_landlock_min_abi(NUC_MODE_AGENT), 1);
	ck_assert_int_eq(nuc_mode_landlock_min_abi(NUC_MODE_STRICT_AGENT), 1);
	ck_assert_int_eq(nuc_mode_landlock_min_abi(NUC_MODE_PRODUCTION), 3);
	ck_assert_int_eq(nuc_mode_unchosen(NUC_MODE_AGENT), NUC_NEED_BEST_EFFORT);
	ck_assert_int_eq(nuc_mode_unchosen(NUC_MODE_STRICT_AGENT), NUC_NEED_REQUIRED);
	ck_assert_str_eq(nuc_mode_name(NUC_MODE_STRICT_AGENT), "strict-agent");
	ck_assert_str_eq(nuc_mechanism_name(NUC_MECH_LANDLOCK), "Landlock");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("modes");
	TCase *t = tcase_create("modes");

	tcase_add_loop_test(t, every_mechanism_has_a_name_of_its_own, 0, NUC_MECH__COUNT);
	tcase_add_loop_test(t, a_stricter_mode_never_needs_less, 0, NUC_MECH__COUNT);
	tcase_add_loop_test(t, what_makes_a_sandbox_is_required_in_every_mode, 0, NUC_MODE__COUNT);
	tcase_add_test(t, the_table_says_what_the_modes_promise);
	suite_add_tcase(s, t);
	return run_suite(s);
}
