/* SPDX-License-Identifier: MIT */
/* The capabilities policy: what is read, and where each mistake stands. */
#include <linux/capability.h>

#include "caps_file.h"
#include "../run_suite.h"

#define ALL_OF(name)                                                                               \
	"bounding.keep = [" name "]\npermitted.keep = [" name "]\neffective.keep = [" name         \
	"]\ninheritable.keep = [" name "]\nambient.keep = [" name "]\n"

static int read_text(const char *text, struct nuc_caps_file *f, nucleus_error **err)
{
	return nuc_caps_file_read(text, strlen(text), "c.toml", f, err);
}

/* The kernel's header is not what the table was made from. */
START_TEST(names_have_the_kernels_numbers)
{
	static const struct {
		const char *name;
		int number;
	} rows[] = {
		{ "CHOWN", CAP_CHOWN }, { "dac_override", CAP_DAC_OVERRIDE },
		{ "CAP_DAC_READ_SEARCH", CAP_DAC_READ_SEARCH }, { "FOWNER", CAP_FOWNER },
		{ "FSETID", CAP_FSETID }, { "cap_kill", CAP_KILL }, { "SETGID", CAP_SETGID },
		{ "SETUID", CAP_SETUID }, { "SETPCAP", CAP_SETPCAP },
		{ "LINUX_IMMUTABLE", CAP_LINUX_IMMUTABLE }, { "NET_BIND_SERVICE", CAP_NET_BIND_SERVICE },
		{ "NET_BROADCAST", CAP_NET_BROADCAST }, { "NET_ADMIN", CAP_NET_ADMIN },
		{ "NET_RAW", CAP_NET_RAW }, { "IPC_LOCK", CAP_IPC_LOCK }, { "IPC_OWNER", CAP_IPC_OWNER },
		{ "SYS_MODULE", CAP_SYS_MODULE }, { "SYS_RAWIO", CAP_SYS_RAWIO },
		{ "SYS_CHROOT", CAP_SYS_CHROOT }, { "SYS_PTRACE", CAP_SYS_PTRACE },
		{ "SYS_PACCT", CAP_SYS_PACCT }, { "Cap_Sys_Admin", CAP_SYS_ADMIN },
		{ "SYS_BOOT", CAP_SYS_BOOT }, { "SYS_NICE", CAP_SYS_NICE },
		{ "SYS_RESOURCE", CAP_SYS_RESOURCE }, { "SYS_TIME", CAP_SYS_TIME },
		{ "SYS_TTY_CONFIG", CAP_SYS_TTY_CONFIG }, { "MKNOD", CAP_MKNOD }, { "LEASE", CAP_LEASE },
		{ "AUDIT_WRITE", CAP_AUDIT_WRITE }, { "AUDIT_CONTROL", CAP_AUDIT_CONTROL },
		{ "SETFCAP", CAP_SETFCAP }, { "MAC_OVERRIDE", CAP_MAC_OVERRIDE },
		{ "MAC_ADMIN", CAP_MAC_ADMIN }, { "SYSLOG", CAP_SYSLOG },
		{ "WAKE_ALARM", CAP_WAKE_ALARM }, { "BLOCK_SUSPEND", CAP_BLOCK_SUSPEND },
		{ "AUDIT_READ", CAP_AUDIT_READ }, { "PERFMON", CAP_PERFMON }, { "BPF", CAP_BPF },
		{ "CHECKPOINT_RESTORE", CAP_CHECKPOINT_RESTORE },
	};

	ck_assert_uint_eq(NUC_ARRAY_SIZE(rows), CAP_LAST_CAP + 1);
	for (size_t i = 0; i < NUC_ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *text = nuc_strf(ALL_OF("'%1$s'"), rows[i].name);
		struct nuc_caps_file f;

		ck_assert_int_eq(nuc_capability_find(rows[i].name), rows[i].number);
		ck_assert_int_eq(read_text(text, &f, NULL), 0);
		for (int set = 0; set < NUC_CAPSET__COUNT; set++)
			ck_assert_uint_eq(f.set[set], 1ull << rows[i].number);
	}
}
END_TEST

START_TEST(each_set_is_its_own)
{
	struct nuc_caps_file f;

	ck_assert_int_eq(read_text("[bounding]\nkeep = ['KILL', 'CHOWN', 'MKNOD', 62]\n"
				   "[permitted]\nkeep = ['CHOWN', 'KILL']\n[effective]\nkeep = ['KILL']\n"
				   "[inheritable]\nkeep = ['CHOWN']\n[ambient]\nkeep = ['CHOWN']\n",
				   &f, NULL), 0);
	ck_assert_uint_eq(f.set[NUC_CAPSET_BOUNDING], 1ull << 62 | 1u << 27 | 1u << 5 | 1);
	ck_assert_uint_eq(f.set[NUC_CAPSET_PERMITTED], 1u << 5 | 1);
	ck_assert_uint_eq(f.set[NUC_CAPSET_EFFECTIVE], 1u << 5);
	ck_assert_uint_eq(f.set[NUC_CAPSET_INHERITABLE], 1);
	ck_assert_uint_eq(f.set[NUC_CAPSET_AMBIENT], 1);
	ck_assert_uint_eq(f.at[NUC_CAPSET_BOUNDING][62].line, 2);
	ck_assert_uint_eq(f.at[NUC_CAPSET_BOUNDING][62].col, 35);
	/* A file that names no set keeps nothing. */
	ck_assert_int_eq(read_text("# nothing\n", &f, NULL), 0);
	for (int set = 0; set < NUC_CAPSET__COUNT; set++)
		ck_assert_uint_eq(f.set[set], 0);
}
END_TEST

static const struct {
	const char *text, *origin, *message, *hint;
} mistakes[] = {
	{ "[bounding]\nkeep = ['KILL', 'NET_BIND_SERVIC']\n", "c.toml:2:17",
	  "there is no capability NET_BIND_SERVIC", "did you mean CAP_NET_BIND_SERVICE?" },
	{ "bounding.keep = ['cap_sys-admin']", "c.toml:1:18", "there is no capability cap_sys-admin",
	  "did you mean CAP_SYS_ADMIN?" },
	{ "bounding.keep = ['CAP_NET_BIND']", "c.toml:1:18", "there is no capability CAP_NET_BIND",
	  "did you mean CAP_NET_BIND_SERVICE?" },
	{ "bounding.keep = ['ALL']", "c.toml:1:18", "there is no word for all capabilities",
	  "name those" },
	{ "bounding.keep = ['']", "c.toml:1:18", "there is no capability ", "capabilities(7)" },
	{ "bounding.keep = [64]", "c.toml:1:18", "64 is not a capability", "0 to 63" },
	{ "bounding.keep = [-1]", "c.toml:1:18", "-1 is not a capability", "0 to 63" },
	{ "bounding.keep = [1.0]", "c.toml:1:18", "a capability is a name, or a number", "write names" },
	{ "bounding.keep = [\"a\\u0000b\"]", "c.toml:1:18", "a capability is a name, or a number",
	  "write names" },
	{ "bounding.keep = ['KILL', 'CAP_KILL']", "c.toml:1:26",
	  "bounding has this capability in line 1 already", "once" },
	{ "bounding.keep = ['KILL', 5]", "c.toml:1:26", "bounding has this capability in line 1 already",
	  "once" },
	{ "bounding.keep = 'KILL'", "c.toml:1:17", "bounding.keep is not an array", "write keep" },
	{ "bounding = ['KILL']", "c.toml:1:12", "bounding is not a table", "keep = [...]" },
	{ "[bounding]\n", "c.toml:1:1", "bounding does not say what to keep", "keep = []" },
	{ "[bounding]\nkept = []\n", "c.toml:2:1", "there is no key kept in bounding", "keep" },
	{ "[bonding]\nkeep = []\n", "c.toml:1:1", "there is no set bonding of capabilities",
	  "did you mean bounding?" },
	{ "[[rules]]\npath = '/'\n", "c.toml:1:1", "there is no set rules of capabilities",
	  "the tables are: bounding" },
	{ "permitted.keep = ['KILL']", "c.toml:1:19",
	  "CAP_KILL is kept in permitted, but not in bounding, which it needs", "add it to bounding.keep" },
	{ "inheritable.keep = ['KILL']", "c.toml:1:21",
	  "CAP_KILL is kept in inheritable, but not in bounding, which it needs", "bounding.keep" },
	{ "bounding.keep = ['KILL']\neffective.keep = ['KILL']", "c.toml:2:19",
	  "CAP_KILL is kept in effective, but not in permitted, which it needs", "permitted.keep" },
	{ "bounding.keep = ['KILL']\ninheritable.keep = ['KILL']\nambient.keep = ['KILL']", "c.toml:3:17",
	  "CAP_KILL is kept in ambient, but not in permitted, which it needs", "permitted.keep" },
	{ "bounding.keep = ['KILL']\npermitted.keep = ['KILL']\nambient.keep = ['KILL']", "c.toml:3:17",
	  "CAP_KILL is kept in ambient, but not in inheritable, which it needs", "inheritable.keep" },
	{ "bounding.keep = ['KILL',", "c.toml:1:25", NULL, NULL },
};

START_TEST(a_mistake_is_told_with_its_place)
{
	_cleanup_error_ nucleus_error *e = NULL;
	struct nuc_caps_file f = { .set = { 7 } };

	ck_assert_int_eq(read_text(mistakes[_i].text, &f, &e), -EINVAL);
	ck_assert_str_eq(nucleus_error_origin(e), mistakes[_i].origin);
	if (mistakes[_i].message)
		ck_assert_str_eq(nucleus_error_message(e), mistakes[_i].message);
	ck_assert_ptr_nonnull(nucleus_error_hint(e));
	if (mistakes[_i].hint)
		ck_assert_msg(strstr(nucleus_error_hint(e), mistakes[_i].hint) != NULL, "%s",
			      nucleus_error_hint(e));
	/* An output is written on success only. */
	ck_assert_uint_eq(f.set[0], 7);
}
END_TEST

START_TEST(the_report_says_what_matters_after_exec)
{
	static const char *const text =
		"bounding.keep = ['SYS_ADMIN', 'MKNOD', 'KILL', 'CHOWN', 50]\n"
		"permitted.keep = ['CHOWN']\ninheritable.keep = ['CHOWN']\nambient.keep = ['CHOWN']\n";
	_cleanup_buf_ struct nuc_buf b = { 0 };

	ck_assert_int_eq(nuc_caps_file_check(text, strlen(text), "c.toml", &b, NULL), 0);
	ck_assert_str_eq(
		b.s,
		"c.toml:1:48: CAP_CHOWN: lets the program change owners, of its own files and to its own "
		"ids only\n"
		"c.toml:1:40: CAP_KILL: no program will have it: of the sets only ambient outlives exec\n"
		"c.toml:1:18: CAP_SYS_ADMIN: refused in strict-agent and production: it unmounts what "
		"masks and protects, makes read-only mounts writable, and opens most of the kernel to the "
		"program\n"
		"c.toml:1:31: CAP_MKNOD: of no use: the kernel asks for it in the initial user namespace "
		"only\n"
		"c.toml:1:57: 50: not known to this release; refused where the kernel does not have it\n"
		"after exec, permitted and effective are: CAP_CHOWN\n");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("caps_file");
	TCase *t = tcase_create("caps_file");

	tcase_add_test(t, names_have_the_kernels_numbers);
	tcase_add_test(t, each_set_is_its_own);
	tcase_add_loop_test(t, a_mistake_is_told_with_its_place, 0, NUC_ARRAY_SIZE(mistakes));
	tcase_add_test(t, the_report_says_what_matters_after_exec);
	suite_add_tcase(s, t);
	return run_suite(s);
}
