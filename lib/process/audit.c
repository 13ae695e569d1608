/* SPDX-License-Identifier: MIT */
/*
 * Records of security/landlock/audit.c in Linux 6.15 and later (Documentation/admin-guide/LSM/landlock.rst):
 *
 *   audit(1729738800.268:30): domain=195ba459b blockers=fs.refer path="/usr/bin" dev="vda2" ino=351
 *   audit(1729738800.268:30): domain=195ba459b status=allocated mode=enforcing pid=300 uid=0 exe=... comm=...
 *
 * The second follows the first refusal of a domain, and comes once. What a program chose is in quotes, or
 * where it holds a quote, a space or a byte that is no printable ASCII, in hexadecimal.
 */
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "audit.h"

/* linux/audit.h of Debian 12 is older. */
#define LANDLOCK_ACCESS 1423
#define LANDLOCK_DOMAIN 1424

/* What is refused before it is told whose it is. The kernel tells that next: others come between at most. */
#define PENDING 8
/* Records of others that one call looks at: who writes more than we read shall not keep the caller. */
#define AT_ONCE 256
/* MAX_AUDIT_MESSAGE_LENGTH and a header; what is longer is cut, and not taken. */
#define MESSAGE 9216
/* What init is to the kernel: a memory file. The program's process is one until its exec. */
#define INIT_EXE "/memfd:nucleus-init (deleted)"
/* How much later than it happened something may be told with a time before the end. */
#define SLACK_US 1000000u

struct nuc_audit_log {
	int fd;
	int32_t makers[2];	/* init, and the program's process */
	uint64_t domains[2];	/* what they made; 0: not known yet */
	bool ended;
	uint64_t end_us;
	unsigned int next;
	struct nuc_landlock_record pending[PENDING]; /* domain 0: free */
	struct nuc_landlock_record now;
	char message[MESSAGE];
};

/* ---- records --------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint32_t bit;
} blockers[] = {
	{ "fs.execute", NUC_LL_EXECUTE },
	{ "fs.write_file", NUC_LL_WRITE_FILE },
	{ "fs.read_file", NUC_LL_READ_FILE },
	{ "fs.read_dir", NUC_LL_READ_DIR },
	{ "fs.remove_dir", NUC_LL_REMOVE_DIR },
	{ "fs.remove_file", NUC_LL_REMOVE_FILE },
	{ "fs.make_char", NUC_LL_MAKE_CHAR },
	{ "fs.make_dir", NUC_LL_MAKE_DIR },
	{ "fs.make_reg", NUC_LL_MAKE_REG },
	{ "fs.make_sock", NUC_LL_MAKE_SOCK },
	{ "fs.make_fifo", NUC_LL_MAKE_FIFO },
	{ "fs.make_block", NUC_LL_MAKE_BLOCK },
	{ "fs.make_sym", NUC_LL_MAKE_SYM },
	{ "fs.refer", NUC_LL_REFER },
	{ "fs.truncate", NUC_LL_TRUNCATE },
	{ "fs.ioctl_dev", NUC_LL_IOCTL_DEV },
	{ "fs.change_topology", NUC_REFUSED_MOUNT },
	{ "net.bind_tcp", NUC_REFUSED_BIND },
	{ "net.connect_tcp", NUC_REFUSED_CONNECT },
	{ "scope.abstract_unix_socket", NUC_REFUSED_ABSTRACT },
	{ "scope.signal", NUC_REFUSED_SIGNAL },
	{ "ptrace", NUC_REFUSED_PTRACE },
};

enum key { DOMAIN, BLOCKERS, STATUS, MODE, PID, EXE, PATH, DADDR, DEST, SRC, KEYS };
static const char *const keys[KEYS] = { "domain", "blockers", "status", "mode", "pid",
					"exe",	  "path",     "daddr",	"dest", "src" };

struct word {
	const char *s;
	size_t len;
};

static bool is(struct word w, const char *s)
{
	return w.len == strlen(s) && !memcmp(w.s, s, w.len);
}

/* All of it, without sign or space. */
static bool read_number(struct word w, unsigned int base, uint64_t max, uint64_t *ret)
{
	uint64_t n = 0;

	if (!w.len)
		return false;
	for (size_t i = 0; i < w.len; i++) {
		char c = w.s[i];
		unsigned int digit = c >= '0' && c <= '9'   ? (unsigned int)(c - '0')
				     : c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a' + 10)
				     : c >= 'A' && c <= 'F' ? (unsigned int)(c - 'A' + 10)
							    : 16;

		if (digit >= base || n > (max - digit) / base)
			return false;
		n = n * base + digit;
	}
	*ret = n;
	return true;
}

/* Quoted, or in hexadecimal. No path has a NUL. */
static bool read_text(struct word w, char *to, size_t size, size_t *ret_len)
{
	size_t n = 0;

	if (w.len >= 2 && w.s[0] == '"') {
		n = w.len - 2;
		if (n >= size)
			return false;
		memcpy(to, w.s + 1, n);
	} else {
		if (w.len % 2 || w.len / 2 >= size)
			return false;
		for (; n < w.len / 2; n++) {
			uint64_t byte;

			if (!read_number((struct word){ w.s + 2 * n, 2 }, 16, 255, &byte))
				return false;
			to[n] = (char)byte;
		}
	}
	to[n] = '\0';
	*ret_len = n;
	return n && strlen(to) == n;
}

static bool read_blockers(struct word w, uint32_t *ret)
{
	const char *s = w.s, *end = w.s + w.len;

	while (s < end) {
		const char *comma = memchr(s, ',', (size_t)(end - s));
		struct word name = { s, (size_t)((comma ? comma : end) - s) };
		size_t i = 0;

		if (!name.len)
			return false;
		while (i < NUC_ARRAY_SIZE(blockers) && !is(name, blockers[i].name))
			i++;
		*ret |= i < NUC_ARRAY_SIZE(blockers) ? blockers[i].bit : NUC_REFUSED_OTHER;
		s += name.len + (comma != NULL);
	}
	return *ret;
}

/* "audit(SECONDS.MILLISECONDS:SERIAL): ". What follows it, or NULL. */
static const char *read_stamp(const char *s, const char *end, uint64_t *ret_us)
{
	static const char start[] = "audit(";
	const char *dot, *colon, *close;
	uint64_t seconds, ms, serial;

	if ((size_t)(end - s) < sizeof(start) || memcmp(s, start, sizeof(start) - 1) != 0)
		return NULL;
	s += sizeof(start) - 1;
	dot = memchr(s, '.', (size_t)(end - s));
	colon = dot ? memchr(dot, ':', (size_t)(end - dot)) : NULL;
	close = colon ? memchr(colon, ')', (size_t)(end - colon)) : NULL;
	if (!close || end - close < 3 || memcmp(close, "): ", 3) != 0 ||
	    !read_number((struct word){ s, (size_t)(dot - s) }, 10, 253402300799u, &seconds) ||
	    !read_number((struct word){ dot + 1, (size_t)(colon - dot - 1) }, 10, 999, &ms) ||
	    !read_number((struct word){ colon + 1, (size_t)(close - colon - 1) }, 10, UINT64_MAX, &serial))
		return NULL;
	*ret_us = seconds * 1000000 + ms * 1000;
	return close + 3;
}

/* "KEY=VALUE KEY=VALUE". Other keys are passed over, a known one stands once. */
static bool read_words(const char *s, const char *end, struct word ret[KEYS])
{
	while (s < end) {
		const char *equals = memchr(s, '=', (size_t)(end - s)), *stop;
		struct word key, value;

		if (!equals || equals == s || memchr(s, ' ', (size_t)(equals - s)))
			return false;
		key = (struct word){ s, (size_t)(equals - s) };
		s = equals + 1;
		if (s < end && *s == '"') {
			stop = memchr(s + 1, '"', (size_t)(end - s - 1));
			stop = stop ? stop + 1 : NULL;
			if (!stop || (stop < end && *stop != ' '))
				return false;
		} else {
			stop = memchr(s, ' ', (size_t)(end - s));
			stop = stop ? stop : end;
		}
		value = (struct word){ s, (size_t)(stop - s) };
		for (int i = 0; i < KEYS; i++) {
			if (!is(key, keys[i]))
				continue;
			if (ret[i].s)
				return false;
			ret[i] = value;
		}
		/* Some kinds of records end in a space. */
		for (s = stop; s < end && *s == ' '; s++)
			;
	}
	return true;
}

/* As init writes it: all groups of an IPv6 address. */
static bool read_address(struct word w, uint16_t port, char *to, size_t size)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr six;
	struct in_addr four;

	if (w.len >= sizeof(text))
		return false;
	memcpy(text, w.s, w.len);
	text[w.len] = '\0';
	if (inet_pton(AF_INET, text, &four) == 1)
		return snprintf(to, size, "%s:%u", text, port) > 0;
	if (inet_pton(AF_INET6, text, &six) != 1)
		return false;
	to += snprintf(to, 2, "[");
	for (int i = 0; i < 16; i += 2)
		to += snprintf(to, 8, i ? ":%x" : "%x", six.s6_addr[i] << 8 | six.s6_addr[i + 1]);
	snprintf(to, 8, "]:%u", port);
	return true;
}

static bool read_target(const struct word w[KEYS], struct nuc_landlock_record *r)
{
	uint64_t port;

	if (r->refused & NUC_REFUSED_CONNECT) {
		if (!w[DADDR].s || !w[DEST].s)
			return true;
		if (!read_number(w[DEST], 10, 65535, &port) ||
		    !read_address(w[DADDR], (uint16_t)port, r->target, sizeof(r->target)))
			return false;
	} else if (r->refused & NUC_REFUSED_BIND) {
		if (!w[SRC].s)
			return true;
		if (!read_number(w[SRC], 10, 65535, &port))
			return false;
		snprintf(r->target, sizeof(r->target), "%u", (unsigned int)port);
	} else if (r->refused & (NUC_LL_ALL | NUC_REFUSED_MOUNT) && w[PATH].s) {
		if (!read_text(w[PATH], r->target, sizeof(r->target), &r->target_len))
			return false;
		/* "<too_long>", "(unreachable)...": no question to ask. */
		if (r->target[0] != '/')
			r->target[0] = '\0';
	}
	r->target_len = strlen(r->target);
	return true;
}

int nuc_landlock_record_read(int type, const char *text, size_t len, struct nuc_landlock_record *ret)
{
	struct word w[KEYS] = { 0 };
	const char *end = text + len, *s;
	uint64_t pid;
	size_t n;

	if (type != LANDLOCK_ACCESS && type != LANDLOCK_DOMAIN)
		return -EBADMSG;
	/* Some kernels count a NUL, or a padding of them, in. */
	while (end > text && !end[-1])
		end--;
	ret->is_domain = type == LANDLOCK_DOMAIN;
	ret->pid = 0;
	ret->exe[0] = ret->target[0] = '\0';
	ret->target_len = ret->refused = 0;
	s = read_stamp(text, end, &ret->time_us);
	if (!s || memchr(s, '\0', (size_t)(end - s)) || !read_words(s, end, w) ||
	    !read_number(w[DOMAIN], 16, UINT64_MAX, &ret->domain) || !ret->domain)
		return -EBADMSG;
	if (!ret->is_domain)
		return read_blockers(w[BLOCKERS], &ret->refused) && read_target(w, ret) ? 0 : -EBADMSG;
	/* The end of a domain names nobody, and is nothing to us. */
	if (!is(w[STATUS], "allocated") || !is(w[MODE], "enforcing") ||
	    !read_number(w[PID], 10, INT32_MAX, &pid) || !pid)
		return -EBADMSG;
	ret->pid = (int32_t)pid;
	/* One that is too long is not init's. */
	if (!read_text(w[EXE], ret->exe, sizeof(ret->exe), &n))
		ret->exe[0] = '\0';
	return 0;
}

/* ---- whose they are -------------------------------------------------------------------------------- */

struct nuc_audit_log *nuc_audit_log_new(int fd, int init, int program)
{
	struct nuc_audit_log *log = calloc(1, sizeof(*log));

	if (!log) {
		nuc_closep(&fd);
		return NULL;
	}
	log->fd = fd;
	log->makers[0] = init;
	log->makers[1] = program;
	return log;
}

void nuc_audit_log_free(struct nuc_audit_log *log)
{
	if (!log)
		return;
	nuc_closep(&log->fd);
	free(log);
}

int nuc_audit_log_fd(const struct nuc_audit_log *log)
{
	return log->fd;
}

void nuc_audit_log_end(struct nuc_audit_log *log, uint64_t time_us)
{
	log->ended = true;
	log->end_us = time_us;
}

static bool is_own(const struct nuc_audit_log *log, uint64_t domain)
{
	return domain == log->domains[0] || domain == log->domains[1];
}

/*
 * Each made one layer, as init's program. Layers that the program's process made later are the program's own
 * affair. Domains are never numbered the same: one that is known stays ours, whoever has the pids.
 */
static void learn_domain(struct nuc_audit_log *log, const struct nuc_landlock_record *r)
{
	if (log->ended && (!log->end_us || r->time_us > log->end_us + SLACK_US))
		return;
	for (size_t i = 0; i < NUC_ARRAY_SIZE(log->makers); i++)
		if (log->makers[i] == r->pid && !log->domains[i] && !strcmp(r->exe, INIT_EXE)) {
			log->domains[i] = r->domain;
			return;
		}
}

/* One that waited for its domain to be known. */
static bool take_pending(struct nuc_audit_log *log, struct nuc_landlock_record *ret)
{
	for (unsigned int i = 0; i < PENDING; i++) {
		struct nuc_landlock_record *r = &log->pending[(log->next + i) % PENDING];

		if (!r->domain || !is_own(log, r->domain))
			continue;
		*ret = *r;
		r->domain = 0;
		return true;
	}
	return false;
}

int nuc_audit_log_take(struct nuc_audit_log *log, int type, const char *text, size_t len,
		       struct nuc_landlock_record *ret)
{
	struct nuc_landlock_record *r = &log->now;

	if (nuc_landlock_record_read(type, text, len, r) < 0)
		return -EAGAIN;
	if (r->is_domain) {
		learn_domain(log, r);
		/* Of others' nothing is kept. */
		for (unsigned int i = 0; i < PENDING && !is_own(log, r->domain); i++)
			if (log->pending[i].domain == r->domain)
				log->pending[i].domain = 0;
		return take_pending(log, ret) ? 0 : -EAGAIN;
	}
	if (is_own(log, r->domain)) {
		*ret = *r;
		return 0;
	}
	log->pending[log->next] = *r;
	log->next = (log->next + 1) % PENDING;
	return -EAGAIN;
}

int nuc_audit_log_next(struct nuc_audit_log *log, struct nuc_landlock_record *ret)
{
	if (take_pending(log, ret))
		return 0;
	for (int i = 0; i < AT_ONCE; i++) {
		struct sockaddr_nl from = { 0 };
		struct nlmsghdr header;
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(log->fd, log->message, sizeof(log->message), MSG_DONTWAIT | MSG_TRUNC,
				     (struct sockaddr *)&from, &len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == ENOBUFS ? -ENOBUFS : -EAGAIN;
		/* The header's length is not to be relied on: kernels count it differently. */
		if (n < NLMSG_HDRLEN || n > (ssize_t)sizeof(log->message) || from.nl_pid)
			continue;
		memcpy(&header, log->message, sizeof(header));
		if (nuc_audit_log_take(log, header.nlmsg_type, log->message + NLMSG_HDRLEN,
				       (size_t)(n - NLMSG_HDRLEN), ret) == 0)
			return 0;
	}
	return -EAGAIN;
}
