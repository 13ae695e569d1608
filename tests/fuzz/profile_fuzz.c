/* SPDX-License-Identifier: MIT */
/*
 * From bytes to a filter. The first byte says what the sandbox is: its capabilities and kernel. What is
 * accepted must be a program that ends, allows execve, and says to each call what the verdicts say.
 */
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include "bpf.h"
#include "profile_report.h"
#include "verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static bool printable(const char *s)
{
	for (; s && *s; s++)
		if (((unsigned char)*s < 0x20 && *s != '\n') || *s == 0x7f)
			return false;
	return true;
}

static void check_refusal(int r, const nucleus_error *e)
{
	must(r == -ENOMEM || (e && nucleus_error_code(e) == r));
	must(!e || (nucleus_error_origin(e) && *nucleus_error_message(e)));
	must(!e || (printable(nucleus_error_message(e)) && printable(nucleus_error_hint(e))));
}

static void check_filter(const struct nuc_profile *p, const struct nuc_profile_target *target,
			 const struct sock_filter *filter, size_t n)
{
	_cleanup_verdicts_ struct nuc_verdicts v = { 0 };
	struct seccomp_data data = { .arch = AUDIT_ARCH_X86_64, .nr = __NR_execve };

	must(n && n <= BPF_MAXINSNS);
	must(nuc_verdicts_of_profile(p, target, &v) == 0);
	must(nuc_verdict_always_allows(nuc_verdict_find(&v, "execve")));
	for (size_t i = 0; i < v.n; i++) {
		uint32_t result;

		must(printable(v.v[i].words));
		data.nr = v.v[i].nr;
		result = nuc_bpf_run(filter, (uint32_t)n, &data);
		must(v.v[i].words || result == v.v[i].action);
		must((result != SECCOMP_RET_ALLOW && result != SECCOMP_RET_LOG) || v.v[i].passes);
	}
	/* What no x86_64 kernel runs, and entries that are not named. */
	data.nr = 0;
	data.arch = AUDIT_ARCH_AARCH64;
	must(nuc_bpf_run(filter, (uint32_t)n, &data) == SECCOMP_RET_KILL_PROCESS);
	data.arch = AUDIT_ARCH_I386;
	must(p->x86 || nuc_bpf_run(filter, (uint32_t)n, &data) == SECCOMP_RET_KILL_PROCESS);
	data.arch = AUDIT_ARCH_X86_64;
	data.nr = 0x40000000;
	must(p->x32 || nuc_bpf_run(filter, (uint32_t)n, &data) == SECCOMP_RET_KILL_PROCESS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t host = size ? *data : 0;
	const struct nuc_profile_target target = {
		.kernel_major = 6, .kernel_minor = host & 15, .caps = host & 16 ? 1ull << 21 : 0
	};
	_cleanup_profile_ struct nuc_profile *p = NULL;
	_cleanup_error_ nucleus_error *e = NULL;
	_cleanup_free_ struct sock_filter *filter = NULL;
	_cleanup_free_ char *report = NULL;
	const char *text = size ? (const char *)data + 1 : "";
	size_t n = 0, len = size ? size - 1 : 0;
	int r = nuc_profile_parse(text, len, "f.json", &p, &e);

	if (r == 0)
		r = nuc_profile_compile(p, &target, &filter, &n, &e);
	if (r < 0) {
		check_refusal(r, e);
		must(nuc_profile_report(text, len, "f.json", &target, &report, NULL) == r);
		return 0;
	}
	check_filter(p, &target, filter, n);
	must(nuc_profile_report(text, len, "f.json", &target, &report, NULL) == 0);
	must(printable(report) && nuc_utf8_valid(report, strlen(report)));
	return 0;
}
