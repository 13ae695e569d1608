/* SPDX-License-Identifier: MIT */
/* Figures of a group, as a table: names of ours, files and keys of the kernel's (cgroup-v2.rst). */
#include "cgroup.h"

static const struct nuc_cgroup_figure figures[] = {
	{ "cpu-time-us", "cpu.stat", "usage_usec", "processor time of all processes" },
	{ "cpu-user-us", "cpu.stat", "user_usec", "of it, in programs" },
	{ "cpu-system-us", "cpu.stat", "system_usec", "of it, in the kernel" },
	{ "cpu-periods", "cpu.stat", "nr_periods", "periods in which limits.cpus applied" },
	{ "cpu-throttled", "cpu.stat", "nr_throttled", "periods in which it was reached" },
	{ "cpu-throttled-us", "cpu.stat", "throttled_usec", "time that processes waited for it" },
	{ "memory-bytes", "memory.current", NULL, "memory now, tmpfs and page cache included" },
	{ "memory-peak-bytes", "memory.peak", NULL, "the most that it was" },
	{ "swap-bytes", "memory.swap.current", NULL, "swap now" },
	{ "memory-high-events", "memory.events", "high", "times limits.memory-high was exceeded" },
	{ "memory-max-events", "memory.events", "max", "times limits.memory was reached" },
	{ "oom-kills", "memory.events", "oom_kill", "processes killed for want of memory" },
	{ "processes", "pids.current", NULL, "processes and threads now" },
	{ "processes-peak", "pids.peak", NULL, "the most that there were" },
	{ "processes-refused", "pids.events", "max", "forks refused by limits.pids" },
	{ "io-read-bytes", "io.stat", "rbytes=", "read from block devices" },
	{ "io-write-bytes", "io.stat", "wbytes=", "written to block devices" },
	{ "io-reads", "io.stat", "rios=", "read requests" },
	{ "io-writes", "io.stat", "wios=", "write requests" },
	{ "cpu-pressure-us", "cpu.pressure", "some total=", "time in which some waited for CPU" },
	{ "memory-pressure-us", "memory.pressure", "some total=", "... some for memory" },
	{ "memory-pressure-full-us", "memory.pressure", "full total=", "... all for memory" },
	{ "io-pressure-us", "io.pressure", "some total=", "... some for I/O, or its throttling" },
	{ "io-pressure-full-us", "io.pressure", "full total=", "... all for I/O" },
};

const struct nuc_cgroup_figure *nuc_cgroup_figure(size_t i)
{
	return i < NUC_ARRAY_SIZE(figures) ? &figures[i] : NULL;
}

static int number_at(const char *s, uint64_t *ret)
{
	uint64_t v = 0;

	if (!strncmp(s, "max", 3)) {
		*ret = UINT64_MAX;
		return 0;
	}
	if (*s < '0' || *s > '9')
		return -ENODATA;
	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return -ENODATA;
	if (*s && *s != ' ' && *s != '\n')
		return -ENODATA;
	*ret = v;
	return 0;
}

/* "key 17", "some avg10=0.00 ... total=17", or "8:0 rbytes=17 ..." in lines to add up. */
int nuc_cgroup_parse(const char *text, const char *key, uint64_t *ret)
{
	const char *blank = key ? strchr(key, ' ') : NULL;
	bool sums = key && !blank && strchr(key, '=');
	uint64_t sum = 0, v;
	int r = -ENODATA;

	if (!key)
		return number_at(text, ret);
	for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
		size_t n = blank ? (size_t)(blank - key) : strlen(key);
		const char *s;

		end = line + strcspn(line, "\n");
		if (!sums && (strncmp(line, key, n) != 0 || line[n] != ' '))
			continue;
		if (sums || blank) {
			const char *word = blank ? blank + 1 : key;

			/* The word stands behind a blank: "rios=" is no part of "xrios=". */
			for (s = strchr(line, ' '); s && s < end; s = strchr(s + 1, ' '))
				if (!strncmp(s + 1, word, strlen(word)))
					break;
			if (!s || s >= end)
				continue;
			s += 1 + strlen(word);
		} else {
			s = line + n + 1;
		}
		if (number_at(s, &v) < 0)
			return -ENODATA;
		r = 0;
		sum += v;
		if (!sums)
			break;
	}
	/* A group that has not used a device yet has no line for it. */
	if (r < 0 && !(sums && !*text))
		return r;
	*ret = sum;
	return 0;
}

static int read_figure(const struct nuc_cgroup *group, const char *file, const char *key,
		       uint64_t *ret)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = nuc_read_at(group->dir, file, 65536, &text, &len);

	/*
	 * Without its controller, or before its kernel version, the file is not there. Pressure files are,
	 * and refuse where the kernel was booted with psi=0.
	 */
	if (r == -ENOENT || r == -EOPNOTSUPP)
		return -ENODATA;
	if (r < 0)
		return r;
	return nuc_cgroup_parse(text, key, ret);
}

int nuc_cgroup_read(const struct nuc_cgroup *group, const struct nuc_cgroup_figure *figure,
		    uint64_t *ret)
{
	return read_figure(group, figure->file, figure->key, ret);
}

bool nuc_cgroup_was_oom(const struct nuc_cgroup *group)
{
	uint64_t killed, reached;

	/* "oom" counts where the limit is, and above: not below, for one of the place or of the machine. */
	return group->dir >= 0 &&
	       read_figure(group, "memory.events", "oom_group_kill", &killed) == 0 && killed > 0 &&
	       read_figure(group, "memory.events", "oom", &reached) == 0 && reached > 0;
}
