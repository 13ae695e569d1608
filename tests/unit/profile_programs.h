/* SPDX-License-Identifier: MIT */
/* Profiles as programs, and what these say: shared by the tests of profiles. */
#pragma once

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include "bpf.h"
#include "profile_report.h"
#include "verdict.h"
#include "../run_suite.h"

#define ALLOW SECCOMP_RET_ALLOW
#define KILL SECCOMP_RET_KILL_PROCESS
#define FAIL(e) (SECCOMP_RET_ERRNO | (e))
#define X32 0x40000000
#define EXEC "{\"names\":[\"execve\"],\"action\":\"SCMP_ACT_ALLOW\"}"
#define WITH(rules) "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[" EXEC "," rules "]}"

static const struct nuc_profile_target linux_6_1 = { .kernel_major = 6, .kernel_minor = 1 };

struct program {
	struct sock_filter *insn;
	size_t n;
};

static inline void free_program(struct program *p)
{
	free(p->insn);
}
#define _cleanup_program_ _cleanup_(free_program)

static inline struct program compile_for(const char *text, const struct nuc_profile_target *target)
{
	_cleanup_profile_ struct nuc_profile *p = NULL;
	_cleanup_error_ nucleus_error *err = NULL;
	struct program program = { 0 };
	int r = nuc_profile_parse(text, strlen(text), "p.json", &p, &err);

	if (r == 0)
		r = nuc_profile_compile(p, target, &program.insn, &program.n, &err);
	ck_assert_msg(r == 0, "%s\n%s: %s", text, err ? nucleus_error_origin(err) : "",
		      err ? nucleus_error_message(err) : "");
	return program;
}

static inline uint32_t ask(const struct program *p, uint32_t arch, int nr, const uint64_t args[6])
{
	struct seccomp_data data = { .nr = nr, .arch = arch };

	if (args)
		memcpy(data.args, args, sizeof(data.args));
	return nuc_bpf_run(p->insn, (uint32_t)p->n, &data);
}

static inline uint32_t native(const struct program *p, int nr, uint64_t arg0)
{
	const uint64_t args[6] = { arg0 };

	return ask(p, AUDIT_ARCH_X86_64, nr, args);
}
