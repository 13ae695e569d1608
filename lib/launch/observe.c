/* SPDX-License-Identifier: MIT */
/*
 * Seccomp user notification, from the supervisor's side. Init decides nothing about a call that it is
 * told of: it runs the plan's own filter on what the kernel says of the call, and answers just that. The
 * kernel then either refuses or goes on with the very registers that were judged (seccomp_unotify(2)
 * warns of arguments in memory: filters see none).
 *
 * All this happens inside the sandbox, on its account: who floods init pays for it. The records go to a
 * pipe that does not block, so nobody waits for a reader, and only init can write to it.
 */
#include <asm-generic/errno-base.h>
#include <asm/fcntl.h>
#include <linux/ioctl.h>
#include <linux/seccomp.h>

#include "bpf.h"
#include "look.h"
#include "matter.h"
#include "names.h"
#include "observe.h"
#include "raw.h"
#include "trace.h"

#define SIGKILL_ 9
#define MAX_ERRNO 4095

/* As many records at once, and then one each so many microseconds. */
#define BURST 256
#define REFILL_US 4000
/* Calls that were told, so that one that is tried again and again is told 1, 2, 4, 8... times. */
#define SEEN 256

static struct {
	const struct sock_filter *filter;
	uint32_t count;
	int listener, pipe;
	int traces, files;
	int32_t unseen;		/* the program, until it is known to have been executed to the end */
	uint32_t dropped, tokens;
	uint64_t refilled_us;
} self NUC_IN_FIRST_PAGE;

static struct {
	uint64_t key;
	uint32_t count;
} seen[SEEN];

static int take_token(void)
{
	uint64_t now = nuc_clock_us(1 /* CLOCK_MONOTONIC */), n = (now - self.refilled_us) / REFILL_US;

	if (n) {
		self.refilled_us += n * REFILL_US;
		self.tokens = n > BURST - self.tokens ? BURST : self.tokens + (uint32_t)n;
	}
	if (!self.tokens)
		return 0;
	self.tokens--;
	return 1;
}

static void put(const struct nuc_denial_record *r)
{
	if (self.pipe < 0 || nuc_sys(__NR_write, self.pipe, r, sizeof(*r)) != sizeof(*r))
		self.dropped++;
}

static void put_dropped(void)
{
	static struct nuc_denial_record r;
	uint32_t dropped = self.dropped;

	if (!dropped)
		return;
	r.kind = NUC_DENIAL_DROPPED;
	r.count = dropped;
	r.time_us = nuc_clock_us(0 /* CLOCK_REALTIME */);
	self.dropped = 0;
	put(&r);
	if (self.dropped)
		self.dropped = dropped;
}

/* What tells calls apart: others are addresses, or what was left in registers. */
static uint64_t key_of(const struct seccomp_data *d)
{
	uint64_t key = 0xcbf29ce484222325u ^ (uint32_t)d->nr; /* FNV-1a, by words */
	const struct nuc_matter *m = nuc_matter_of(d->nr);

	for (unsigned int i = 0; m && i < m->count; i++)
		key = key * 0x100000001b3u ^
		      nuc_matter_value(&m->arg[i], (const uint64_t *)d->args);
	return key * 0x9e3779b97f4a7c15u;
}

/* Counts the call; gives 0 when it is not to be told once more. */
static uint32_t count_of(uint64_t key)
{
	uint64_t i = key >> 56;
	uint32_t n;

	if (seen[i].key != key) {
		seen[i].key = key;
		seen[i].count = 0;
	}
	n = ++seen[i].count;
	return n & (n - 1) ? 0 : n;
}

/* /proc/PID/comm without its newline; empty if it cannot be had. */
static void read_comm(uint32_t pid, char to[16])
{
	char path[32];
	long fd, n;

	n = nuc_look_append(path, sizeof(path), 0, "/proc/");
	n = nuc_look_append_number(path, sizeof(path), n, pid);
	nuc_look_append(path, sizeof(path), n, "/comm");
	to[0] = '\0';
	fd = nuc_sys(__NR_openat, -100 /* AT_FDCWD */, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = nuc_sys(__NR_read, fd, to, 15);
	nuc_sys(__NR_close, fd);
	if (n > 0 && to[n - 1] == '\n')
		n--;
	to[n > 0 ? n : 0] = '\0';
}

/* `path` is NULL for none. */
static void tell(uint32_t kind, const struct nuc_seen *s, int error, uint32_t count,
		 const char *path)
{
	static struct nuc_denial_record r;
	uint32_t n = 0;

	if (!take_token()) {
		self.dropped++;
		return;
	}
	put_dropped();
	r.kind = kind;
	r.pid = s->pid;
	r.nr = s->nr;
	r.error = error;
	r.count = count;
	r.time_us = nuc_clock_us(0 /* CLOCK_REALTIME */);
	for (int i = 0; i < 6; i++)
		r.args[i] = s->args ? s->args[i] : 0;
	read_comm((uint32_t)s->pid, r.comm);
	/* What is longer is cut, and told to be longer: nobody can ask about it. */
	for (; path && path[n]; n++)
		if (n < sizeof(r.path) - 1)
			r.path[n] = path[n];
	r.path[n < sizeof(r.path) - 1 ? n : sizeof(r.path) - 1] = '\0';
	r.path_len = n;
	/* The number may be another's by now: then the name is, too. */
	if (s->args && nuc_sys(__NR_ioctl, self.listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &s->id) < 0)
		r.comm[0] = '\0';
	put(&r);
}

static void seen_of(struct nuc_seen *s, const struct seccomp_notif *n)
{
	s->id = n->id;
	s->listener = self.listener;
	s->pid = (int32_t)n->pid;
	s->nr = n->data.nr;
	s->error = NUC_SEEN_RUN;
	s->refused = 0;
	s->args = (const uint64_t *)n->data.args;
}

static void tell_refused(const struct seccomp_notif *n, int error)
{
	uint32_t count = count_of(key_of(&n->data));
	struct nuc_seen s;

	seen_of(&s, n);
	if (count)
		tell(NUC_DENIAL_CALL, &s, error, count, NULL);
}

void nuc_observe_tell(const struct nuc_seen *s, int error, const char *path, int maybe)
{
	uint64_t key = 0xcbf29ce484222325u ^ (uint32_t)s->nr ^ (uint64_t)(uint32_t)error << 32;
	uint32_t count;

	for (long i = 0; path[i]; i++)
		key = (key ^ (unsigned char)path[i]) * 0x100000001b3u;
	count = count_of(key * 0x9e3779b97f4a7c15u);
	if (maybe ? count == 1 : count)
		tell(NUC_DENIAL_ALLOWED, s, error, count, path);
}

void nuc_observe_killed(int32_t pid)
{
	struct nuc_seen s;

	s.pid = pid;
	s.nr = -1;
	s.args = NULL;
	tell(NUC_DENIAL_KILLED, &s, 0, 1, NULL);
}

/*
 * In a trace what the filter would refuse is run, so that it is seen what the program does next; but for
 * calls that are always refused. What is answered so that programs go on another way is answered: they
 * will have to go that way when it is over. Gives the errno to answer with, or NUC_SEEN_RUN.
 */
static int trace(const struct seccomp_notif *n, uint32_t verdict)
{
	struct nuc_seen s;

	seen_of(&s, n);
	if ((verdict & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO) {
		uint32_t error = verdict & SECCOMP_RET_DATA;

		s.refused = nuc_syscall_always_refused(s.nr) && (error == EPERM || error == EACCES);
		if (s.refused || (error != EPERM && error != EACCES))
			s.error = (int32_t)(error > MAX_ERRNO ? MAX_ERRNO : error);
	}
	nuc_trace_call(&s);
	return s.error;
}

void nuc_observe_start(const struct nuc_context *c, int listener, int32_t program)
{
	const struct nuc_plan *p = c->plan;

	self.listener = listener;
	self.pipe = c->denial_fd;
	self.tokens = BURST;
	self.refilled_us = nuc_clock_us(1);
	for (uint32_t i = 0; i < p->n[NUC_PROG_INIT]; i++) {
		const struct nuc_step *s = nuc_plan_step(p, p->first[NUC_PROG_INIT] + i);
		const struct nuc_span *span = nuc_plan_data(p, s->arg[0]);

		if (s->op != NUC_OP_SECCOMP)
			continue;
		self.filter = nuc_plan_data(p, span->at);
		self.count = span->len / (uint32_t)sizeof(*self.filter);
	}
	self.files = (p->observe & NUC_OBSERVE_FILES) && self.pipe >= 0;
	if (self.files)
		nuc_files_start(p);
	self.traces = c->log_fd >= 0;
	if (self.traces)
		nuc_trace_start(p, c->log_fd);
	/* vfork(2) ends in the middle of its exec: when its first call is told, that is over. */
	self.unseen = self.traces ? program : 0;
}

void nuc_observe_one(void)
{
	/* The kernel wants it zeroed, and may have more to say than this header knows of. */
	static union {
		struct seccomp_notif n;
		char room[512];
	} told;
	struct seccomp_notif_resp answer;
	uint32_t verdict;

	for (unsigned int i = 0; i < sizeof(told.room); i++)
		told.room[i] = 0;
	/* ENOENT: its process has been killed meanwhile. */
	if (nuc_sys(__NR_ioctl, self.listener, SECCOMP_IOCTL_NOTIF_RECV, &told) < 0)
		return;
	if (self.unseen) {
		nuc_trace_program(self.unseen);
		self.unseen = 0;
	}
	verdict = nuc_bpf_run(self.filter, self.count, &told.n.data);
	answer.id = told.n.id;
	answer.val = 0;
	answer.error = 0;
	answer.flags = 0;
	if (self.traces && (verdict & SECCOMP_RET_ACTION_FULL) >= SECCOMP_RET_ERRNO &&
	    trace(&told.n, verdict) == NUC_SEEN_RUN)
		verdict = SECCOMP_RET_ALLOW;
	switch (verdict & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_LOG:
		answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		if (self.files && !self.traces) {
			struct nuc_seen s;

			seen_of(&s, &told.n);
			nuc_files_call(&s);
		}
		break;
	case SECCOMP_RET_ERRNO: {
		uint32_t error = verdict & SECCOMP_RET_DATA;

		answer.error = -(int32_t)(error > MAX_ERRNO ? MAX_ERRNO : error);
		if (!self.traces || nuc_syscall_always_refused(told.n.data.nr))
			tell_refused(&told.n, -answer.error);
		break;
	}
	default:
		/* It would have been killed: the call is never answered, its process dies in it. */
		if (told.n.pid)
			nuc_sys(__NR_kill, told.n.pid, SIGKILL_);
		return;
	}
	nuc_sys(__NR_ioctl, self.listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

uint32_t nuc_observe_end(void)
{
	put_dropped();
	nuc_trace_end();
	return self.dropped;
}
