/* SPDX-License-Identifier: MIT */
/*
 * Runs a program under the default seccomp filter and nothing else, to see whether it can:
 *	seccomp_exec [--network] [--netlink] PROGRAM [ARGUMENT...]
 * A program that the filter kills is reported by its wait status, as for any other signal.
 */
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "allowlist.h"

int main(int argc, char **argv)
{
	struct nuc_seccomp_params params = { 0 };
	struct sock_fprog program;
	struct sock_filter *filter;
	size_t count;
	int r, i = 1;

	for (; i < argc && !strncmp(argv[i], "--", 2); i++) {
		params.network |= !strcmp(argv[i], "--network");
		params.netlink_route |= !strcmp(argv[i], "--netlink");
	}
	if (i == argc) {
		fprintf(stderr, "usage: %s [--network] [--netlink] PROGRAM...\n", argv[0]);
		return 125;
	}
	r = nuc_seccomp_compile(&params, &filter, &count);
	if (r < 0) {
		fprintf(stderr, "cannot compile the filter: %s\n", strerror(-r));
		return 125;
	}
	program = (struct sock_fprog){ .len = (unsigned short)count, .filter = filter };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0) {
		perror("cannot install the filter");
		return 125;
	}
	execvp(argv[i], argv + i);
	perror(argv[i]);
	return 127;
}
