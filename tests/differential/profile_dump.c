/* SPDX-License-Identifier: MIT */
/*
 * profile-dump: reads lines of "MAJOR MINOR CAPS PROFILE" from standard input, and answers each with a
 * line: the program that the profile becomes on such a host, in hexadecimal, or "!" and the error.
 */
#include "profile.h"

static void answer(const char *path, const struct nuc_profile_target *target)
{
	_cleanup_error_ nucleus_error *e = NULL;
	_cleanup_profile_ struct nuc_profile *p = NULL;
	_cleanup_free_ struct sock_filter *filter = NULL;
	_cleanup_free_ char *text = NULL;
	size_t len, n;
	int r = nuc_read_file(path, 1 << 20, &text, &len);

	if (r == 0)
		r = nuc_profile_parse(text, len, path, &p, &e);
	if (r == 0)
		r = nuc_profile_compile(p, target, &filter, &n, &e);
	if (r < 0) {
		printf("!%s: %s\n", e ? nucleus_error_origin(e) : path,
		       e ? nucleus_error_message(e) : strerror(-r));
		return;
	}
	for (size_t i = 0; i < n * sizeof(*filter); i++)
		printf("%02x", ((const unsigned char *)filter)[i]);
	putchar('\n');
}

int main(void)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		struct nuc_profile_target target = { 0 };
		unsigned long long caps;
		int at = 0;

		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%d %d %llx %n", &target.kernel_major, &target.kernel_minor, &caps, &at) < 3)
			return 1;
		target.caps = caps;
		answer(line + at, &target);
		fflush(stdout);
	}
	return 0;
}
