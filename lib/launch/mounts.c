/* SPDX-License-Identifier: MIT */
/* Part of nucleus-init: what was mounted, as the kernel has it. */
#include <asm/fcntl.h>
#include <asm-generic/errno-base.h>
#include <asm-generic/errno.h>

#include "mounts.h"
#include "raw.h"

/* Whether `path` is `top` or below it. */
static int is_below(const char *path, const char *top)
{
	if (!top[1])
		return 1;
	while (*top && *path == *top) {
		path++;
		top++;
	}
	return !*top && (!*path || *path == '/');
}

static int has_word(const char *options, const char *word)
{
	while (*options) {
		const char *w = word;

		while (*w && *options == *w) {
			options++;
			w++;
		}
		if (!*w && (!*options || *options == ','))
			return 1;
		while (*options && *options != ',')
			options++;
		if (*options)
			options++;
	}
	return 0;
}

/* The kernel writes blanks and backslashes of a path as \ooo. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] && s[2] && s[3]) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* One line of mountinfo (proc_pid_mountinfo(5)): field 5 is the mount point, 6 its own options. */
static long audit_line(char *line, const struct nuc_plan *plan, const struct nuc_span *table)
{
	static const char word[][8] = { "ro", "nosuid", "nodev", "noexec" }; /* MOUNT_ATTR_ bits */
	const struct nuc_audit *rows = nuc_plan_data(plan, table->at), *row = NULL;
	char *field[6];

	for (int i = 0; i < 6; i++) {
		field[i] = line;
		while (*line && *line != ' ')
			line++;
		if (!*line)
			return -EBADMSG;
		*line++ = '\0';
	}
	unescape(field[4]);
	/* Rows are sorted by path, so the last that fits is the nearest one. */
	for (uint32_t i = 0; i < table->len / sizeof(*rows); i++)
		if (is_below(field[4], nuc_plan_data(plan, rows[i].path)))
			row = &rows[i];
	if (!row)
		return -EBADMSG;
	for (int i = 0; i < 4; i++)
		if ((row->attr & (1u << i)) && !has_word(field[5], word[i]))
			return -EBADMSG;
	return 0;
}

long nuc_audit_mounts(const struct nuc_plan *plan, const struct nuc_span *table, char *buf)
{
	long fd = nuc_sys(__NR_openat, -100, "/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	long have = 0, n = 1, r = 0;

	if (fd < 0)
		return fd;
	while (r == 0 && n > 0) {
		long start = 0;

		n = nuc_sys(__NR_read, fd, buf + have, NUC_MOUNTINFO_BYTES - (size_t)have);
		if (n < 0)
			r = n;
		else
			have += n;
		for (long i = 0; r == 0 && i < have; i++) {
			if (buf[i] != '\n')
				continue;
			buf[i] = '\0';
			r = audit_line(buf + start, plan, table);
			start = i + 1;
		}
		if (r == 0 && start == 0 && have == NUC_MOUNTINFO_BYTES)
			r = -EBADMSG;
		for (long i = start; i < have; i++)
			buf[i - start] = buf[i];
		have -= start;
	}
	nuc_sys(__NR_close, fd);
	return r ? r : have ? -EBADMSG : 0;
}
