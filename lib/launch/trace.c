/* SPDX-License-Identifier: MIT */
/*
 * The trace. Memory is bounded: of what was written only a keyed hash is kept (SipHash-2-4, Aumasson and
 * Bernstein 2012), so that no workload can choose two forms that are taken for one. When that table is
 * full, new forms are written each time. So is the file: what comes past its bound is counted as lost.
 */
#include <asm/fcntl.h>
#include <linux/types.h>
#include <asm/ioctl.h>
#include <linux/seccomp.h>

#include "matter.h"
#include "names.h"
#include "trace.h"

#define MAX_BYTES (64u << 20)
#define END_BYTES (32u << 10) /* kept free for the last record */
#define TABLE_SIZE 65536ul
#define NAMES 64
#define PATH_BYTES 4096
#define AT_FDCWD_ (-100)

static int is_on NUC_IN_FIRST_PAGE;
static struct {
	int fd;
	int learns;
	uint64_t started_us, bytes, calls, records, lost, unread;
	uint64_t key[2], used;
	uint64_t *table;
	uint64_t by_call[NUC_CALLS], by_other;
} trace;

/* ---- a line ------------------------------------------------------------------------------------ */

/* Each byte of two paths may become six. */
static char line[2 * 6 * PATH_BYTES + 2048];
static long line_len;

static void put(char c)
{
	if (line_len < (long)sizeof(line))
		line[line_len++] = c;
}

static void text(const char *s)
{
	while (*s)
		put(*s++);
}

static void decimal(uint64_t n)
{
	char digits[20];
	int i = 0;

	do
		digits[i++] = (char)('0' + n % 10);
	while (n /= 10);
	while (i)
		put(digits[--i]);
}

static void number(const char *name, uint64_t n)
{
	put('"');
	text(name);
	text("\":");
	decimal(n);
}

/* How many bytes the UTF-8 sequence at s has, 0 if it is none (RFC 3629). */
static int utf8(const unsigned char *s)
{
	unsigned char low = 0x80, high = 0xbf;
	int n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	/* The NUL at the end is no continuation: nothing is read past it. */
	for (int i = 1; i < n; i++) {
		if (s[i] < low || s[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return n;
}

static void escaped(unsigned int c)
{
	static const char hex[] = "0123456789abcdef";

	text("\\u");
	put(hex[c >> 12 & 15]);
	put(hex[c >> 8 & 15]);
	put(hex[c >> 4 & 15]);
	put(hex[c & 15]);
}

/* A string of the program's. Returns whether it stands there as it is. */
static int quoted(const char *name, const char *value)
{
	const unsigned char *s = (const unsigned char *)value;
	int exact = 1;

	text(",\"");
	text(name);
	text("\":\"");
	while (*s) {
		int n = utf8(s);

		if (n == 0) {
			escaped(0xfffd);
			exact = 0;
			s++;
		} else if (n == 1) {
			/* Quotes, what acts on a terminal, and C1 below. */
			if (*s < 0x20 || *s == '"' || *s == '\\' || *s == 0x7f)
				escaped(*s);
			else
				put((char)*s);
			s++;
		} else if (s[0] == 0xc2 && s[1] < 0xa0) {
			escaped(s[1]);
			s += 2;
		} else {
			while (n--)
				put((char)*s++);
		}
	}
	put('"');
	return exact;
}

static void begin(void)
{
	line_len = 0;
	put('{');
}

/* Writes the line whole or counts it as lost. */
static void finish(uint64_t bound)
{
	long done = 0;

	text("}\n");
	if (line_len >= (long)sizeof(line) || trace.bytes + (uint64_t)line_len > bound) {
		trace.lost++;
		return;
	}
	while (done < line_len) {
		long n = nuc_sys(__NR_write, trace.fd, line + done, line_len - done);

		if (n == -4 /* EINTR */)
			continue;
		if (n <= 0) {
			/* A full disk: what stands there of the line is taken back. */
			nuc_sys(__NR_ftruncate, trace.fd, trace.bytes);
			nuc_sys(__NR_lseek, trace.fd, trace.bytes, 0);
			trace.lost++;
			return;
		}
		done += n;
	}
	trace.bytes += (uint64_t)line_len;
	trace.records++;
}

/* ---- what was written -------------------------------------------------------------------------- */

static unsigned char form[64 + 2 * PATH_BYTES];
static long form_len;

static void form_byte(unsigned char c)
{
	if (form_len < (long)sizeof(form))
		form[form_len++] = c;
}

static void form_text(const char *s)
{
	while (*s)
		form_byte((unsigned char)*s++);
	form_byte(0);
}

static void form_u32(uint32_t v)
{
	for (int i = 0; i < 4; i++)
		form_byte((unsigned char)(v >> (8 * i)));
}

static uint64_t rotate(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static uint64_t form_hash(void)
{
	uint64_t v[4], m = 0;

	v[0] = trace.key[0] ^ 0x736f6d6570736575;
	v[1] = trace.key[1] ^ 0x646f72616e646f6d;
	v[2] = trace.key[0] ^ 0x6c7967656e657261;
	v[3] = trace.key[1] ^ 0x7465646279746573;
	for (long i = 0; i <= (form_len | 7); i++) {
		uint64_t byte = i < form_len	      ? form[i]
				: i == (form_len | 7) ? (uint64_t)form_len & 0xff
						      : 0;

		m |= byte << (8 * (i & 7));
		if ((i & 7) != 7)
			continue;
		v[3] ^= m;
		sip_round(v);
		sip_round(v);
		v[0] ^= m;
		m = 0;
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Whether this form was written before; `add`: from now on it was. */
static int known(int add)
{
	uint64_t h = form_hash();

	if (!trace.table)
		return 0;
	h += !h; /* 0 is an empty place */
	for (uint64_t i = h % TABLE_SIZE;; i = (i + 1) % TABLE_SIZE) {
		if (trace.table[i] == h)
			return 1;
		if (trace.table[i])
			continue;
		if (add && trace.used < TABLE_SIZE / 4 * 3) {
			trace.table[i] = h;
			trace.used++;
		}
		return 0;
	}
}

/* ---- the program's name ------------------------------------------------------------------------ */

/* An open /proc/PID/comm belongs to that very process: a number that is used anew reads as ESRCH. */
static struct {
	int32_t pid, fd;
} names[NAMES];

static int open_name(int32_t pid)
{
	char path[32] = "/proc/", digits[12];
	int n = 6, i = 0;

	for (uint32_t p = (uint32_t)pid; p; p /= 10)
		digits[i++] = (char)('0' + p % 10);
	while (i)
		path[n++] = digits[--i];
	for (const char *s = "/comm"; *s; s++)
		path[n++] = *s;
	path[n] = '\0';
	return (int)nuc_sys(__NR_openat, AT_FDCWD_, path, O_RDONLY | O_CLOEXEC);
}

static void read_name(int32_t pid, char comm[17])
{
	unsigned int at = (uint32_t)pid % NAMES;
	long n = -1;

	if (names[at].pid == pid)
		n = nuc_sys(__NR_pread64, names[at].fd, comm, 16, 0);
	if (n <= 0) {
		if (names[at].pid)
			nuc_sys(__NR_close, names[at].fd);
		names[at].pid = 0;
		names[at].fd = open_name(pid);
		if (names[at].fd >= 0) {
			names[at].pid = pid;
			n = nuc_sys(__NR_pread64, names[at].fd, comm, 16, 0);
		}
	}
	/* It ends with a newline of the kernel's, and may hold others. */
	if (n <= 0) {
		comm[0] = '?';
		n = 2;
	}
	comm[n - 1] = '\0';
}

static int still_waits(const struct nuc_seen *s)
{
	uint64_t id = s->id;

	return nuc_sys(__NR_ioctl, s->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

/* ---- records ----------------------------------------------------------------------------------- */

static void common(int32_t pid, const char *comm)
{
	begin();
	number("t", nuc_clock_us(1) - trace.started_us);
	put(',');
	number("pid", (uint32_t)pid);
	quoted("comm", comm);
}

static void form_of_call(const struct nuc_seen *s, const char *comm)
{
	const struct nuc_matter *m = nuc_matter_of(s->nr);

	form_len = 0;
	form_byte('c');
	form_text(comm);
	form_u32((uint32_t)s->nr);
	form_u32((uint32_t)s->error);
	form_byte((unsigned char)s->refused);
	for (unsigned int i = 0; m && i < m->count; i++)
		form_u32(nuc_matter_value(&m->arg[i], s->args));
}

static void write_call(const struct nuc_seen *s, const char *comm)
{
	const struct nuc_matter *m = nuc_matter_of(s->nr);
	const char *name = nuc_syscall_name(s->nr);

	common(s->pid, comm);
	text(",\"call\":");
	if (name) {
		put('"');
		text(name);
		put('"');
	} else {
		text("null");
	}
	put(',');
	number("nr", (uint32_t)s->nr);
	for (unsigned int i = 0; m && i < m->count; i++) {
		text(i ? "," : ",\"args\":{");
		number(m->arg[i].name, nuc_matter_value(&m->arg[i], s->args));
	}
	if (m)
		put('}');
	if (s->refused)
		text(",\"refused\":true");
	else if (s->error != NUC_SEEN_RUN) {
		put(',');
		number("answer", (uint32_t)s->error);
	}
	finish(MAX_BYTES - END_BYTES);
}

void nuc_trace_call(const struct nuc_seen *s)
{
	char comm[17];

	if (!is_on)
		return;
	trace.calls++;
	if (s->nr >= 0 && s->nr < NUC_CALLS)
		trace.by_call[s->nr]++;
	else
		trace.by_other++;
	read_name(s->pid, comm);
	form_of_call(s, comm);
	if (!known(0)) {
		/* If it has died meanwhile its number may be another's, and so may the name be. */
		if (!still_waits(s)) {
			comm[0] = '?';
			comm[1] = '\0';
			form_of_call(s, comm);
		}
		if (!known(1))
			write_call(s, comm);
	}
	if (trace.learns && s->error == NUC_SEEN_RUN)
		nuc_learn_call(s);
}

void nuc_trace_program(int32_t pid)
{
	static const uint64_t none[6];
	struct nuc_seen s = { .pid = pid, .nr = __NR_execve, .error = NUC_SEEN_RUN, .args = none };
	char comm[17];

	if (!is_on)
		return;
	trace.calls++;
	trace.by_call[__NR_execve]++;
	read_name(pid, comm);
	form_of_call(&s, comm);
	if (!known(1))
		write_call(&s, comm);
	if (trace.learns)
		nuc_learn_program(pid);
}

void nuc_trace_path(int32_t pid, const char *op, const char *kind, const char *path,
		    const char *what_for)
{
	char comm[17];

	read_name(pid, comm);
	form_len = 0;
	form_byte('p');
	form_text(comm);
	form_text(op);
	form_text(kind);
	form_text(path);
	if (known(1))
		return;
	common(pid, comm);
	text(",\"op\":\"");
	text(op);
	text("\",\"kind\":\"");
	text(kind);
	put('"');
	if (!quoted("path", path))
		text(",\"exact\":false");
	if (what_for)
		quoted("for", what_for);
	finish(MAX_BYTES - END_BYTES);
}

void nuc_trace_net(int32_t pid, const char *op, const char *family, const char *type, uint32_t port)
{
	char comm[17];

	read_name(pid, comm);
	form_len = 0;
	form_byte('n');
	form_text(comm);
	form_text(op);
	form_text(family);
	form_text(type);
	form_u32(port);
	if (known(1))
		return;
	common(pid, comm);
	text(",\"op\":\"");
	text(op);
	text("\",\"family\":\"");
	text(family);
	text("\",\"type\":\"");
	text(type);
	text("\",");
	number("port", port);
	finish(MAX_BYTES - END_BYTES);
}

void nuc_trace_unread(void)
{
	trace.unread++;
}

/* ---- begin and end ----------------------------------------------------------------------------- */

void nuc_trace_start(const struct nuc_plan *plan, int fd)
{
	struct {
		char sysname[65], nodename[65], release[65], version[65], machine[65],
			domainname[65];
	} name;
	long table = nuc_sys(__NR_mmap, 0, TABLE_SIZE * sizeof(*trace.table), 3 /* PROT_READ | PROT_WRITE */,
			     0x22 /* MAP_PRIVATE | MAP_ANONYMOUS */, -1, 0);

	is_on = 1;
	trace.fd = fd;
	trace.learns = !!(plan->observe & NUC_OBSERVE_LEARN);
	/* Without memory each call is written. */
	trace.table = table < 0 && table > -4096 ? NULL : (uint64_t *)table;
	nuc_sys(__NR_getrandom, trace.key, sizeof(trace.key), 0);
	trace.started_us = nuc_clock_us(1);
	name.release[0] = '\0';
	nuc_sys(__NR_uname, &name);
	begin();
	text("\"nucleus_trace\":1,\"records\":\"");
	text(trace.learns ? "calls+paths" : "calls");
	text("\",");
	number("time_us", nuc_clock_us(0));
	text(",\"library\":\"" NUCLEUS_VERSION "\",\"arch\":\"x86_64\"");
	quoted("kernel", name.release);
	finish(MAX_BYTES - END_BYTES);
}

void nuc_trace_end(void)
{
	int first = 1;

	if (!is_on)
		return;
	begin();
	text("\"end\":true,");
	number("t", nuc_clock_us(1) - trace.started_us);
	put(',');
	number("calls", trace.calls);
	put(',');
	number("records", trace.records + 1); /* with this one */
	put(',');
	number("lost", trace.lost);
	put(',');
	number("unread", trace.unread);
	text(",\"by_call\":{");
	for (int i = 0; i < NUC_CALLS; i++) {
		const char *known_as = nuc_syscall_name(i);

		if (!trace.by_call[i] || !known_as)
			continue;
		if (!first)
			put(',');
		first = 0;
		number(known_as, trace.by_call[i]);
	}
	put('}');
	finish(MAX_BYTES);
	is_on = 0;
}
