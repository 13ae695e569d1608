/* SPDX-License-Identifier: MIT */
/* The kernel's log: records as Linux 7.2 wrote them, what is none of ours, and what is no record. */
#include "audit.h"
#include "../run_suite.h"

#define STAMP "audit(1729738800.268:30): "
#define INIT_EXE "2F6D656D66643A6E75636C6575732D696E6974202864656C6574656429"
#define MADE(domain, pid, exe)                                                                     \
	STAMP "domain=" domain " status=allocated mode=enforcing pid=" pid " uid=0 exe=" exe " comm=\"memfd:nucleus-i\""

static struct nuc_landlock_record r;

static int access_of(const char *text)
{
	return nuc_landlock_record_read(1423, text, strlen(text), &r);
}

START_TEST(refusals)
{
	static const struct {
		const char *text;
		uint32_t refused;
		const char *target;
	} t[] = {
		{ "blockers=fs.read_file path=\"/etc/passwd\" dev=\"tmpfs\" ino=35", NUC_LL_READ_FILE, "/etc/passwd" },
		{ "blockers=fs.write_file,fs.read_file path=\"/a\" dev=\"vda2\" ino=1",
		  NUC_LL_WRITE_FILE | NUC_LL_READ_FILE, "/a" },
		{ "blockers=fs.execute path=2F612062 dev=\"vda2\" ino=1", NUC_LL_EXECUTE, "/a b" },
		{ "blockers=fs.make_dir path=\"/tmp\" dev=\"tmpfs\" ino=1", NUC_LL_MAKE_DIR, "/tmp" },
		{ "blockers=net.connect_tcp daddr=127.0.0.1 dest=81", NUC_REFUSED_CONNECT, "127.0.0.1:81" },
		{ "blockers=net.connect_tcp daddr=::1 dest=81", NUC_REFUSED_CONNECT, "[0:0:0:0:0:0:0:1]:81" },
		{ "blockers=net.connect_tcp dest=81", NUC_REFUSED_CONNECT, "" },
		{ "blockers=net.bind_tcp saddr=127.0.0.1 src=8081", NUC_REFUSED_BIND, "8081" },
		{ "blockers=scope.signal opid=103 ocomm=\"memfd:nucleus-i\"", NUC_REFUSED_SIGNAL, "" },
		{ "blockers=ptrace opid=1 ocomm=\"systemd\"", NUC_REFUSED_PTRACE, "" },
		{ "blockers=fs.of_tomorrow path=\"/a\"", NUC_REFUSED_OTHER, "" },
		{ "blockers=fs.read_file path=\"<too_long>\"", NUC_LL_READ_FILE, "" },
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(t); i++) {
		char text[256];

		snprintf(text, sizeof(text), STAMP "domain=195ba459b %s", t[i].text);
		ck_assert_msg(access_of(text) == 0, "%s", text);
		ck_assert(!r.is_domain);
		ck_assert_uint_eq(r.domain, 0x195ba459b);
		ck_assert_uint_eq(r.time_us, 1729738800268000);
		ck_assert_uint_eq(r.refused, t[i].refused);
		ck_assert_str_eq(r.target, t[i].target);
		ck_assert_uint_eq(r.target_len, strlen(t[i].target));
	}
}
END_TEST

START_TEST(what_is_no_record)
{
	static const char *const t[] = {
		"", "audit(", "audit(1.2:3)", "audit(1.2:3): ", "audit(1.2): domain=1 blockers=ptrace",
		"audit(-1.2:3): domain=1 blockers=ptrace", "audit(1.2000:3): domain=1 blockers=ptrace",
		"audit(99999999999999999999.2:3): domain=1 blockers=ptrace", STAMP "blockers=ptrace",
		STAMP "domain=0 blockers=ptrace", STAMP "domain=g blockers=ptrace",
		STAMP "domain=11111111111111111 blockers=ptrace", STAMP "domain= blockers=ptrace",
		STAMP "domain=1", STAMP "domain=1 blockers=", STAMP "domain=1 blockers=,ptrace",
		STAMP "domain=1 domain=2 blockers=ptrace", STAMP "domain=1 blockers=fs.execute path=\"/a",
		STAMP "domain=1 blockers=fs.execute path=\"/a\"b", STAMP "domain=1 blockers=fs.execute path=2F6",
		STAMP "domain=1 blockers=fs.execute path=2F00", STAMP "domain=1 blockers=fs.execute path=2Fxx",
		STAMP "domain=1 blockers=fs.execute path=\"/a\" path=\"/b\"",
		STAMP "domain=1 blockers=fs.execute path=\"\"",
		STAMP "domain=1 blockers=net.connect_tcp daddr=a%s dest=1",
		STAMP "domain=1 blockers=net.connect_tcp daddr=1.2.3.4 dest=65536",
		STAMP "domain=1 blockers=net.bind_tcp src=-1", STAMP "domain=1 words blockers=ptrace",
	};
	char *text = malloc(9000);

	for (size_t i = 0; i < NUC_ARRAY_SIZE(t); i++)
		ck_assert_msg(access_of(t[i]) == -EBADMSG, "%s", t[i]);
	/* A path that has no room. */
	ck_assert_ptr_nonnull(text);
	memset(text, 'a', 9000);
	memcpy(text, STAMP "domain=1 blockers=fs.execute path=\"/", sizeof(STAMP "domain=1 blockers=fs.execute path=\"/") - 1);
	text[8999] = '"';
	ck_assert_int_eq(nuc_landlock_record_read(1423, text, 9000, &r), -EBADMSG);
	/* Wherever it is cut nothing is read behind it: valgrind and ASan look. */
	for (size_t len = 0; len < 80; len++) {
		char *cut = malloc(len + 1);

		ck_assert_ptr_nonnull(cut);
		memcpy(cut, text, len);
		nuc_landlock_record_read(1423, cut, len, &r);
		nuc_landlock_record_read(1424, cut, len, &r);
		free(cut);
	}
	free(text);
	ck_assert_int_eq(nuc_landlock_record_read(1300, STAMP "domain=1 blockers=ptrace", 49, &r), -EBADMSG);
}
END_TEST

static int take(struct nuc_audit_log *log, int type, const char *text)
{
	return nuc_audit_log_take(log, type, text, strlen(text), &r);
}

START_TEST(whose)
{
	struct nuc_audit_log *log = nuc_audit_log_new(-1, 103, 104);

	ck_assert_ptr_nonnull(log);
	/* Others': another process, another program, the end of one, one that is never named. */
	ck_assert_int_eq(take(log, 1423, STAMP "domain=a1 blockers=ptrace"), -EAGAIN);
	ck_assert_int_eq(take(log, 1424, MADE("a1", "105", INIT_EXE)), -EAGAIN);
	ck_assert_int_eq(take(log, 1423, STAMP "domain=a1 blockers=ptrace"), -EAGAIN);
	ck_assert_int_eq(take(log, 1424, MADE("a2", "104", "\"/usr/bin/python3\"")), -EAGAIN);
	ck_assert_int_eq(take(log, 1423, STAMP "domain=a2 blockers=ptrace"), -EAGAIN);
	ck_assert_int_eq(take(log, 1424, STAMP "domain=a2 status=deallocated denials=8"), -EAGAIN);
	/* The program's: its first refusal is told before it is known whose it is. */
	ck_assert_int_eq(take(log, 1423, STAMP "domain=b1 blockers=fs.execute path=\"/x\""), -EAGAIN);
	ck_assert_int_eq(take(log, 1424, MADE("b1", "104", INIT_EXE)), 0);
	ck_assert_str_eq(r.target, "/x");
	ck_assert_int_eq(take(log, 1423, STAMP "domain=b1 blockers=fs.execute path=\"/y\""), 0);
	ck_assert_str_eq(r.target, "/y");
	/* Its second layer is not the sandbox's, and after the end nobody's is. */
	ck_assert_int_eq(take(log, 1424, MADE("b2", "104", INIT_EXE)), -EAGAIN);
	ck_assert_int_eq(take(log, 1423, STAMP "domain=b2 blockers=ptrace"), -EAGAIN);
	nuc_audit_log_end(log, 1729738700000000);
	ck_assert_int_eq(take(log, 1424, MADE("c1", "103", INIT_EXE)), -EAGAIN);
	ck_assert_int_eq(take(log, 1423, STAMP "domain=c1 blockers=ptrace"), -EAGAIN);
	ck_assert_int_eq(take(log, 1423, STAMP "domain=b1 blockers=ptrace"), 0);
	nuc_audit_log_free(log);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("audit");
	TCase *c = tcase_create("audit");

	tcase_add_test(c, refusals);
	tcase_add_test(c, what_is_no_record);
	tcase_add_test(c, whose);
	suite_add_tcase(s, c);
	return run_suite(s);
}
