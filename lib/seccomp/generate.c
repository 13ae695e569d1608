/* SPDX-License-Identifier: MIT */
/*
 * Run when the library is built: compiles the default list once for each set of parameters, and writes
 * the programs as C. libseccomp needs 2 ms for one, which is more than all the rest of a launch. Writes
 * the names of system calls, too, and which of them are dangerous, for init.
 */
#include <seccomp.h>

#include "allowlist.h"
#include "dangerous.h"

#define NAME_BYTES 32

static int write_program(FILE *out, unsigned int i)
{
	const struct nuc_seccomp_params params = { .network = i & 1, .netlink_route = i & 2 };
	_cleanup_free_ struct sock_filter *program = NULL;
	size_t n;
	int r = nuc_seccomp_compile(&params, &program, &n);

	if (r < 0)
		return r;
	fprintf(out, "static const struct sock_filter program_%u[] = {\n", i);
	for (size_t k = 0; k < n; k++)
		fprintf(out, "\t{ 0x%02x, %u, %u, 0x%08x },\n", program[k].code, program[k].jt,
			program[k].jf, program[k].k);
	fprintf(out, "};\n");
	return 0;
}

/*
 * By number: "" for what libseccomp has no name for. As bytes, since init has no pointers in its data: it would have to
 * relocate them.
 */
static int write_names(const char *path)
{
	FILE *out = fopen(path, "we");

	if (!out)
		return -errno;
	fprintf(out, "static const char syscall_names[][%d] = {\n", NAME_BYTES);
	for (int nr = 0; nr < 1024; nr++) {
		_cleanup_free_ char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, nr);

		if (name && strlen(name) >= NAME_BYTES)
			return -ENAMETOOLONG;
		if (name)
			fprintf(out, "\t[%d] = \"%s\",\n", nr, name);
	}
	fprintf(out, "};\nstatic const unsigned char always_refused[] = {\n");
	for (int nr = 0; nr < 1024; nr++) {
		_cleanup_free_ char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, nr);
		const struct nuc_danger *d = name ? nuc_danger_of(name) : NULL;

		if (d && d->always)
			fprintf(out, "\t[%d] = 1, /* %s */\n", nr, name);
	}
	fprintf(out, "};\n");
	return fclose(out) ? -EIO : 0;
}

int main(int argc, char **argv)
{
	FILE *out = argc == 3 ? fopen(argv[1], "we") : NULL;

	if (!out || write_names(argv[2]) < 0) {
		fprintf(stderr, "usage: seccomp-generate PROGRAMS NAMES\n");
		return 1;
	}
	for (unsigned int i = 0; i < 4; i++) {
		int r = write_program(out, i);

		if (r < 0) {
			fprintf(stderr, "seccomp-generate: program %u: %s\n", i, strerror(-r));
			return 1;
		}
	}
	return fclose(out) ? 1 : 0;
}
