/* SPDX-License-Identifier: MIT */
/* The filter, by a small interpreter of BPF; seccomp_live_test.c asks the kernel. */
#include <asm/prctl.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/futex.h>
#include <linux/netlink.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "seccomp_internal.h"
#include "../run_suite.h"

#define DIRTY 0xdeadbeef00000000ULL
#define ALLOW SECCOMP_RET_ALLOW
#define KILL SECCOMP_RET_KILL_PROCESS
#define FAIL(e) (SECCOMP_RET_ERRNO | (e))
#define NOWHERE 0x12345 /* a value that no filter names */

struct program {
	struct sock_filter *insn;
	size_t count;
};

static const struct nuc_seccomp_params combinations[] = {
	{ .network = false },
	{ .network = true },
	{ .netlink_route = true },
	{ .network = true, .netlink_route = true },
};

static void free_program(struct program *p)
{
	free(p->insn);
}
#define _cleanup_program_ _cleanup_(free_program)

static struct program compile(const struct nuc_seccomp_params *params)
{
	struct program p = { NULL, 0 };

	ck_assert_int_eq(nuc_seccomp_compile(params, &p.insn, &p.count), 0);
	return p;
}

/* The classic BPF that seccomp takes (kernel/seccomp.c, seccomp_check_filter), as far as needed. */
static uint32_t run(const struct program *p, const struct seccomp_data *data)
{
	uint32_t acc = 0, word;
	bool taken;

	for (size_t pc = 0; pc < p->count; pc++) {
		const struct sock_filter *i = &p->insn[pc];

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			ck_assert_uint_le(i->k, sizeof(*data) - sizeof(word));
			memcpy(&word, (const char *)data + i->k, sizeof(word));
			acc = word;
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			acc &= i->k;
			continue;
		case BPF_JMP | BPF_JA:
			pc += i->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			taken = acc == i->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			taken = acc >= i->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			taken = acc > i->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			taken = acc & i->k;
			break;
		case BPF_RET | BPF_K:
			return i->k;
		default:
			ck_abort_msg("instruction %#x at %zu", i->code, pc);
		}
		pc += taken ? i->jt : i->jf;
	}
	ck_abort_msg("the program does not return");
}

static uint32_t call(const struct program *p, int nr, const uint64_t args[6])
{
	struct seccomp_data data = { .nr = nr, .arch = AUDIT_ARCH_X86_64 };

	memcpy(data.args, args, sizeof(data.args));
	return run(p, &data);
}

static uint32_t action_of(const struct nuc_rule *rule)
{
	return rule->error == NUC_ALLOW ? ALLOW : FAIL((uint32_t)rule->error);
}

/* Each clause with clean and dirty halves; bits outside of the mask are noise. */
static void check_clauses(const struct program *p, int nr, const struct nuc_rule *rule)
{
	for (size_t i = 0; i < NUC_RULE_CLAUSES && rule->clauses[i]; i++) {
		for (size_t j = 0; j < rule->clauses[i]->count; j++) {
			const struct nuc_clause *c = &rule->clauses[i]->clause[j];
			uint64_t clean[6] = { 0 }, dirty[6];

			for (size_t k = 0; k < c->count; k++)
				clean[c->cmp[k].arg] = c->cmp[k].value;
			for (size_t k = 0; k < 6; k++)
				dirty[k] = clean[k] | DIRTY;
			for (size_t k = 0; k < c->count; k++)
				dirty[c->cmp[k].arg] |= (uint32_t)~c->cmp[k].mask;
			ck_assert_msg(call(p, nr, clean) == action_of(rule), "%s clause %zu.%zu",
				      rule->row.name, i, j);
			ck_assert_msg(call(p, nr, dirty) == action_of(rule),
				      "%s clause %zu.%zu, dirty", rule->row.name, i, j);
		}
	}
}

static bool holds(const struct nuc_rule *rule, const uint64_t args[6])
{
	if (!rule->clauses[0])
		return true;
	for (size_t i = 0; i < NUC_RULE_CLAUSES && rule->clauses[i]; i++) {
		for (size_t j = 0; j < rule->clauses[i]->count; j++) {
			const struct nuc_clause *c = &rule->clauses[i]->clause[j];
			bool all = true;

			for (size_t k = 0; k < c->count; k++)
				all &= ((uint32_t)args[c->cmp[k].arg] & c->cmp[k].mask) ==
				       c->cmp[k].value;
			if (all)
				return true;
		}
	}
	return false;
}

static const struct nuc_rule *find(const struct nuc_rule *(*rule_at)(unsigned flags, size_t i),
				   unsigned flags, int nr)
{
	const struct nuc_rule *rule;

	for (size_t i = 0; (rule = rule_at(flags, i)); i++)
		if (seccomp_syscall_resolve_name(rule->row.name) == nr)
			return rule;
	return NULL;
}

static bool is_killed(int nr)
{
	const char *name;

	for (size_t i = 0; (name = nuc_seccomp_killed(i)); i++)
		if (seccomp_syscall_resolve_name(name) == nr)
			return true;
	return false;
}

START_TEST(every_number_has_the_action_that_the_list_says)
{
	const struct nuc_seccomp_params *params = &combinations[_i];
	unsigned flags = nuc_seccomp_flags(params);
	_cleanup_program_ struct program p = compile(params);
	static const uint64_t samples[][6] = {
		{ 0, 0, 0, 0, 0, 0 },
		{ NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE },
		{ ~0UL, ~0UL, ~0UL, ~0UL, ~0UL, ~0UL },
		{ DIRTY, DIRTY, DIRTY, DIRTY, DIRTY, DIRTY },
	};

	for (int nr = 0; nr <= 600; nr++) {
		const struct nuc_rule *allow = find(nuc_seccomp_allow_rule, flags, nr);
		const struct nuc_rule *answer = find(nuc_seccomp_answer_rule, flags, nr);

		ck_assert_msg(is_killed(nr) + (allow && !allow->clauses[0]) +
					      (answer && !answer->clauses[0]) <= 1,
			      "number %d is in two lists", nr);
		if (allow)
			check_clauses(&p, nr, allow);
		if (answer)
			check_clauses(&p, nr, answer);
		for (size_t i = 0; i < NUC_ARRAY_SIZE(samples); i++) {
			uint32_t expected = nr > NUC_SECCOMP_NEWEST ? FAIL(ENOSYS) : FAIL(EPERM);

			if (is_killed(nr))
				expected = KILL;
			else if (allow && holds(allow, samples[i]))
				expected = ALLOW;
			else if (answer && holds(answer, samples[i]))
				expected = action_of(answer);
			ck_assert_msg(call(&p, nr, samples[i]) == expected,
				      "number %d, sample %zu: %#x, not %#x", nr, i,
				      call(&p, nr, samples[i]), expected);
		}
	}
}
END_TEST

START_TEST(other_architectures_are_killed)
{
	const struct nuc_seccomp_params *params = &combinations[_i];
	_cleanup_program_ struct program p = compile(params);
	static const uint32_t archs[] = { AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM, 0,
					  0xffffffff };
	struct seccomp_data data = { 0 };

	for (int nr = 0; nr <= 600; nr++) {
		data = (struct seccomp_data){ .nr = nr };
		for (size_t i = 0; i < NUC_ARRAY_SIZE(archs); i++) {
			data.arch = archs[i];
			ck_assert_uint_eq(run(&p, &data), KILL);
		}
		data.arch = AUDIT_ARCH_X86_64;
		data.nr = nr | 0x40000000;
		ck_assert_uint_eq(run(&p, &data), KILL);
		data.nr = (int)((uint32_t)nr | 0xc0000000U);
		ck_assert_uint_eq(run(&p, &data), KILL);
	}
	data = (struct seccomp_data){ .nr = 0x3fffffff, .arch = AUDIT_ARCH_X86_64 };
	ck_assert_uint_eq(run(&p, &data), FAIL(ENOSYS));
}
END_TEST

START_TEST(at_most_110_calls_without_network)
{
	const struct nuc_seccomp_params *params = &combinations[_i];
	const struct nuc_seccomp_row *row, *other;
	size_t others = 0;

	for (size_t i = 0; (row = nuc_seccomp_allowed(params, i)); i++) {
		others += !nuc_seccomp_is_network(row->name);
		ck_assert_msg(*row->reason, "%s has no reason", row->name);
		for (size_t j = 0; j < i; j++) {
			other = nuc_seccomp_allowed(params, j);
			ck_assert_str_ne(other->name, row->name);
		}
	}
	for (size_t i = 0; (row = nuc_seccomp_answered(params, i)); i++)
		ck_assert_msg(*row->reason && *row->filter, "%s has no reason", row->name);
	ck_assert_uint_le(others, 110);
}
END_TEST

START_TEST(only_calls_on_sockets_count_as_network)
{
	static const char *const sockets[] = {
		"socket",      "socketpair",  "connect",    "bind",	  "listen",   "accept",
		"accept4",     "getsockname", "getpeername", "setsockopt", "getsockopt", "sendto",
		"recvfrom",    "sendmsg",     "recvmsg",    "shutdown",	  "sendmmsg",
	};
	const struct nuc_seccomp_params all = { true, true };
	const struct nuc_seccomp_row *row;
	size_t count = 0;

	for (size_t i = 0; i < NUC_ARRAY_SIZE(sockets); i++)
		ck_assert_msg(nuc_seccomp_is_network(sockets[i]), "%s", sockets[i]);
	for (size_t i = 0; (row = nuc_seccomp_allowed(&all, i)); i++)
		count += nuc_seccomp_is_network(row->name);
	ck_assert_uint_eq(count, NUC_ARRAY_SIZE(sockets));
}
END_TEST

/* Said once more by hand, so that a slip in the data does not agree with itself. */
static const struct {
	int nr;
	uint64_t args[6];
	uint32_t offline, network;
} by_hand[] = {
	{ __NR_ioctl, { 0, TIOCSTI }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_ioctl, { 0, TIOCSTI | DIRTY }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_ioctl, { 0, TIOCSTI | 1ULL << 32 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_ioctl, { 0, TIOCLINUX }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_ioctl, { 0, TIOCLINUX | DIRTY }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_ioctl, { 0, TIOCSETD }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_ioctl, { 0, TIOCCONS }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_ioctl, { 0, TCGETS }, ALLOW, ALLOW },
	{ __NR_ioctl, { 0, TCGETS | DIRTY }, ALLOW, ALLOW },
	{ __NR_ioctl, { 0, SIOCGIFINDEX }, FAIL(EPERM), ALLOW },
	{ __NR_ioctl, { 0, SIOCSIFADDR }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_clone, { SIGCHLD }, ALLOW, ALLOW },
	{ __NR_clone, { 0x3d0f00 /* pthread_create() */ }, ALLOW, ALLOW },
	{ __NR_clone, { CLONE_NEWUSER | SIGCHLD }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_clone, { CLONE_NEWUSER | SIGCHLD | DIRTY }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_clone, { CLONE_NEWNS }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_clone, { CLONE_NEWPID }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_clone, { CLONE_NEWNET }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_clone, { CLONE_NEWIPC }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_clone, { CLONE_NEWUTS }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_clone, { CLONE_NEWCGROUP }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_clone, { SIGCHLD | DIRTY }, ALLOW, ALLOW },
	{ __NR_clone3, { 0 }, FAIL(ENOSYS), FAIL(ENOSYS) },
	{ __NR_unshare, { CLONE_NEWUSER }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_setns, { 3 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_socket, { AF_UNIX, SOCK_STREAM }, ALLOW, ALLOW },
	{ __NR_socket, { AF_UNIX | DIRTY, SOCK_DGRAM | SOCK_CLOEXEC | DIRTY, DIRTY }, ALLOW,
	  ALLOW },
	{ __NR_socket, { AF_UNIX, SOCK_RAW }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_socket, { AF_INET, SOCK_STREAM }, FAIL(EAFNOSUPPORT), ALLOW },
	{ __NR_socket, { AF_INET | DIRTY, SOCK_STREAM }, FAIL(EAFNOSUPPORT), ALLOW },
	{ __NR_socket, { AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK }, FAIL(EAFNOSUPPORT), ALLOW },
	{ __NR_socket, { AF_INET, SOCK_RAW, IPPROTO_ICMP }, FAIL(EAFNOSUPPORT), FAIL(EPERM) },
	{ __NR_socket, { AF_INET, SOCK_DGRAM, IPPROTO_ICMP }, FAIL(EAFNOSUPPORT), FAIL(EPERM) },
	{ __NR_socket, { AF_INET, SOCK_STREAM, IPPROTO_SCTP }, FAIL(EAFNOSUPPORT), FAIL(EPERM) },
	{ __NR_socket, { AF_INET, SOCK_STREAM, IPPROTO_MPTCP }, FAIL(EAFNOSUPPORT), FAIL(EPERM) },
	{ __NR_socket, { AF_NETLINK, SOCK_RAW, NETLINK_ROUTE }, FAIL(EAFNOSUPPORT),
	  FAIL(EAFNOSUPPORT) },
	{ __NR_socket, { AF_PACKET, SOCK_RAW }, FAIL(EAFNOSUPPORT), FAIL(EAFNOSUPPORT) },
	{ __NR_socket, { AF_ALG, SOCK_SEQPACKET }, FAIL(EAFNOSUPPORT), FAIL(EAFNOSUPPORT) },
	{ __NR_socket, { AF_ALG | DIRTY, SOCK_SEQPACKET }, FAIL(EAFNOSUPPORT), FAIL(EAFNOSUPPORT) },
	{ __NR_socket, { AF_VSOCK, SOCK_STREAM }, FAIL(EAFNOSUPPORT), FAIL(EAFNOSUPPORT) },
	{ __NR_socket, { AF_KEY, SOCK_RAW }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_socketpair, { AF_UNIX, SOCK_STREAM }, ALLOW, ALLOW },
	{ __NR_socketpair, { 30 /* AF_TIPC */, SOCK_STREAM }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_setsockopt, { 3, SOL_SOCKET, SO_KEEPALIVE }, ALLOW, ALLOW },
	{ __NR_setsockopt, { 3, SOL_SOCKET, SO_ATTACH_FILTER }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_setsockopt, { 3, SOL_SOCKET | DIRTY, SO_ATTACH_FILTER | DIRTY }, FAIL(EPERM),
	  FAIL(EPERM) },
	{ __NR_setsockopt, { 3, SOL_SOCKET, SO_ATTACH_BPF }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_setsockopt, { 3, SOL_TCP, TCP_NODELAY }, FAIL(EPERM), ALLOW },
	{ __NR_setsockopt, { 3, SOL_TCP, TCP_ULP }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_setsockopt, { 3, SOL_IP, 64 /* IPT_SO_SET_REPLACE */ }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_sendto, { 3, 0, 0, MSG_NOSIGNAL }, ALLOW, ALLOW },
	{ __NR_sendto, { 3, 0, 0, 0x20000000, 0, 16 }, ALLOW, FAIL(EOPNOTSUPP) },
	{ __NR_sendto, { 3, 0, 0, 0x20000000 | MSG_NOSIGNAL | DIRTY, 0, 16 }, ALLOW, FAIL(EOPNOTSUPP) },
	{ __NR_sendto, { 3, 0, 0x20000000, ~0x20000000U | DIRTY, 0x20000000, 16 }, ALLOW, ALLOW },
	{ __NR_sendmsg, { 3, 0, MSG_DONTWAIT, 0x20000000 }, ALLOW, ALLOW },
	{ __NR_sendmsg, { 3, 0, 0x20000000 | MSG_DONTWAIT | DIRTY }, ALLOW, FAIL(EOPNOTSUPP) },
	{ __NR_sendmmsg, { 3, 0, 1, MSG_NOSIGNAL }, FAIL(EPERM), ALLOW },
	{ __NR_sendmmsg, { 3, 0, 1, 0x20000000 | DIRTY }, FAIL(EPERM), FAIL(EOPNOTSUPP) },
	{ __NR_prctl, { PR_SET_NAME }, ALLOW, ALLOW },
	{ __NR_prctl, { PR_SET_NAME | DIRTY }, ALLOW, ALLOW },
	{ __NR_prctl, { PR_SET_SECCOMP }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_prctl, { PR_SET_MM }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_prctl, { PR_SET_MM | DIRTY }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_prctl, { PR_CAP_AMBIENT }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_prctl, { PR_SET_PTRACER }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_arch_prctl, { ARCH_SET_FS | DIRTY }, ALLOW, ALLOW },
	{ __NR_arch_prctl, { ARCH_SET_GS }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_personality, { 0xffffffff }, FAIL(0), FAIL(0) },
	{ __NR_personality, { 0xffffffffffffffff }, FAIL(0), FAIL(0) },
	{ __NR_personality, { PER_LINUX }, FAIL(0), FAIL(0) },
	{ __NR_personality, { ADDR_NO_RANDOMIZE }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_personality, { ADDR_NO_RANDOMIZE | DIRTY }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_personality, { READ_IMPLIES_EXEC }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_prlimit64, { 0, 7 }, ALLOW, ALLOW },
	{ __NR_prlimit64, { DIRTY, 7 }, ALLOW, ALLOW },
	{ __NR_prlimit64, { 1, 7 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_prlimit64, { 1 | DIRTY, 7 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_mmap, { 0, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS }, ALLOW, ALLOW },
	{ __NR_mmap, { 0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS }, ALLOW, ALLOW },
	{ __NR_mmap, { 0, 4096, 3, MAP_PRIVATE | MAP_HUGETLB }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_mmap, { 0, 4096, 3, MAP_PRIVATE | MAP_HUGETLB | DIRTY }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_fallocate, { 3, 0, 0, 4096 }, ALLOW, ALLOW },
	{ __NR_fallocate, { 3, 3 | DIRTY, 0, 4096 }, ALLOW, ALLOW },
	{ __NR_fallocate, { 3, 1 | DIRTY, 0, 4096 }, FAIL(EOPNOTSUPP), FAIL(EOPNOTSUPP) },
	{ __NR_fallocate, { 3, 2, 0, 4096 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_fallocate, { 3, 0x10, 0, 4096 }, FAIL(EOPNOTSUPP), FAIL(EOPNOTSUPP) },
	{ __NR_fallocate, { 3, 0x11 | DIRTY, 0, 4096 }, FAIL(EOPNOTSUPP), FAIL(EOPNOTSUPP) },
	{ __NR_fallocate, { 3, 0x41, 0, 4096 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_fallocate, { 3, 0x101, 0, 4096 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_openat, { 3, 0, O_RDONLY | O_CLOEXEC, 07777 }, ALLOW, ALLOW },
	{ __NR_openat, { 3, 0, O_WRONLY | O_CREAT | O_EXCL, 0755 }, ALLOW, ALLOW },
	{ __NR_openat, { 3, 0, O_WRONLY | O_CREAT | O_EXCL, 04755 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_openat, { 3, 0, O_WRONLY | O_CREAT | DIRTY, 02755 | DIRTY }, FAIL(EPERM),
	  FAIL(EPERM) },
	{ __NR_openat, { 3, 0, O_WRONLY | O_TMPFILE, 0600 }, ALLOW, ALLOW },
	{ __NR_openat, { 3, 0, O_WRONLY | O_TMPFILE, 04600 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_openat, { 3, 0, O_RDONLY | O_DIRECTORY, 07777 }, ALLOW, ALLOW },
	{ __NR_creat, { 0, 04755 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_chmod, { 0, 01777 }, ALLOW, ALLOW },
	{ __NR_chmod, { 0, 04755 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_fchmod, { 3, 02755 | DIRTY }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_fchmodat, { 3, 0, 0644 | DIRTY }, ALLOW, ALLOW },
	{ __NR_fchmodat, { 3, 0, 06755 | DIRTY }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_open, { 0, O_WRONLY | O_CREAT, 04755 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_mknod, { 0, 0104755 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_shmget, { 1, 56, IPC_CREAT | IPC_EXCL | 0600 }, ALLOW, ALLOW },
	{ __NR_shmget, { 1, 56, IPC_CREAT | SHM_HUGETLB }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_shmctl, { 1, IPC_RMID }, ALLOW, ALLOW },
	{ __NR_shmctl, { 1, IPC_SET }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_shmctl, { 1, SHM_LOCK }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_fcntl, { 3, F_SETFD, FD_CLOEXEC }, ALLOW, ALLOW },
	{ __NR_fcntl, { 3, F_OFD_SETLKW | DIRTY }, ALLOW, ALLOW },
	{ __NR_fcntl, { 3, F_DUPFD_CLOEXEC | DIRTY, 3 }, ALLOW, ALLOW },
	{ __NR_fcntl, { 3, F_SETPIPE_SZ, 65536 }, ALLOW, ALLOW },
	{ __NR_fcntl, { 3, F_GETPIPE_SZ }, ALLOW, ALLOW },
	{ __NR_fcntl, { 3, F_ADD_SEALS, F_SEAL_WRITE }, ALLOW, ALLOW },
	{ __NR_fcntl, { 3, F_GET_SEALS }, ALLOW, ALLOW },
	{ __NR_fcntl, { 3, F_SETLEASE, F_WRLCK }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_fcntl, { 3, F_SETLEASE | DIRTY, F_RDLCK }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_fcntl, { 3, F_NOTIFY, DN_ACCESS }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_fcntl, { 3, F_SET_RW_HINT }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_futex, { 0, FUTEX_WAIT_PRIVATE }, ALLOW, ALLOW },
	{ __NR_futex, { 0, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME | DIRTY }, ALLOW,
	  ALLOW },
	{ __NR_futex, { 0, FUTEX_LOCK_PI_PRIVATE }, FAIL(ENOSYS), FAIL(ENOSYS) },
	{ __NR_futex, { 0, FUTEX_CMP_REQUEUE_PI | DIRTY }, FAIL(ENOSYS), FAIL(ENOSYS) },
	{ __NR_futex, { 0, FUTEX_FD }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_sync_file_range, { 3, 0, 0, SYNC_FILE_RANGE_WRITE }, FAIL(0), FAIL(0) },
	{ __NR_sync_file_range, { 3, 0, 0, SYNC_FILE_RANGE_WRITE_AND_WAIT }, FAIL(EPERM),
	  FAIL(EPERM) },
	{ __NR_setresuid, { -1UL, 1000, -1UL }, FAIL(0), FAIL(0) },
	{ __NR_setresuid, { 0xffffffff, 0, 0xffffffff | DIRTY }, FAIL(0), FAIL(0) },
	{ __NR_setresuid, { 0, 0, 0 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_setresgid, { -1UL, 1000, 0 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_fchmod, { 3, 04755 | DIRTY }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_open, { 0, O_RDONLY }, ALLOW, ALLOW },
	{ __NR_open, { 0, O_CREAT | DIRTY, 04755 | DIRTY }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_fchownat, { 0 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_openat, { 0, 0, O_TMPFILE | O_WRONLY, 04755 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_openat, { 0, 0, O_RDONLY | O_DIRECTORY, ~0UL }, ALLOW, ALLOW },
	{ __NR_openat, { 0, 0, O_CREAT | O_WRONLY, 0755 }, ALLOW, ALLOW },
	{ __NR_execve, { 0 }, ALLOW, ALLOW },
	{ __NR_execveat, { 0 }, FAIL(ENOSYS), FAIL(ENOSYS) },
	{ __NR_memfd_create, { 0 }, FAIL(ENOSYS), FAIL(ENOSYS) },
	{ __NR_io_uring_setup, { 0 }, FAIL(ENOSYS), FAIL(ENOSYS) },
	{ __NR_ptrace, { 0 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_mount, { 0 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_bpf, { 0 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_seccomp, { 0 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_keyctl, { 0 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_process_vm_writev, { 0 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_setuid, { 0 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_splice, { 0 }, FAIL(EPERM), FAIL(EPERM) },
	{ __NR_kexec_load, { 0 }, KILL, KILL },
	{ __NR_finit_module, { 0 }, KILL, KILL },
	{ __NR_open_by_handle_at, { 0 }, KILL, KILL },
	{ __NR_userfaultfd, { 0 }, KILL, KILL },
	{ __NR_iopl, { 0 }, KILL, KILL },
	{ 452 /* fchmodat2, Linux 6.6: glibc falls back from ENOSYS only */, { 0 }, FAIL(ENOSYS),
	  FAIL(ENOSYS) },
};

START_TEST(what_matters_is_as_written_by_hand)
{
	_cleanup_program_ struct program offline = compile(&combinations[0]);
	_cleanup_program_ struct program network = compile(&combinations[1]);

	for (size_t i = 0; i < NUC_ARRAY_SIZE(by_hand); i++) {
		ck_assert_msg(call(&offline, by_hand[i].nr, by_hand[i].args) == by_hand[i].offline,
			      "case %zu (number %d), offline: %#x", i, by_hand[i].nr,
			      call(&offline, by_hand[i].nr, by_hand[i].args));
		ck_assert_msg(call(&network, by_hand[i].nr, by_hand[i].args) == by_hand[i].network,
			      "case %zu (number %d), network: %#x", i, by_hand[i].nr,
			      call(&network, by_hand[i].nr, by_hand[i].args));
	}
}
END_TEST

START_TEST(netlink_is_route_only)
{
	const struct nuc_seccomp_params params = { .netlink_route = true };
	_cleanup_program_ struct program p = compile(&params);
	const uint64_t route[6] = { AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE };
	const uint64_t inet[6] = { AF_INET, SOCK_STREAM };

	ck_assert_uint_eq(call(&p, __NR_socket, route), ALLOW);
	ck_assert_uint_eq(call(&p, __NR_socket, inet), FAIL(EAFNOSUPPORT));
	for (uint64_t protocol = 1; protocol < 32; protocol++) {
		const uint64_t other[6] = { AF_NETLINK, SOCK_RAW, protocol };
		const uint64_t dirty[6] = { AF_NETLINK | DIRTY, SOCK_RAW, protocol | DIRTY };

		ck_assert_uint_eq(call(&p, __NR_socket, other), FAIL(EPERM));
		ck_assert_uint_eq(call(&p, __NR_socket, dirty), FAIL(EPERM));
	}
}
END_TEST

/* All 2^16 values of the low half and a walk over the rest: only what is listed gets through. */
START_TEST(no_other_ioctl_gets_through)
{
	_cleanup_program_ struct program p = compile(&combinations[1]);
	size_t open = 0;

	for (uint64_t cmd = 0; cmd < 0x10000; cmd++) {
		const uint64_t clean[6] = { 0, cmd }, dirty[6] = { DIRTY, cmd | DIRTY };

		ck_assert_uint_eq(call(&p, __NR_ioctl, clean), call(&p, __NR_ioctl, dirty));
		open += call(&p, __NR_ioctl, clean) == ALLOW;
	}
	/* Four of TCGETS2, TIOCGPTN, TIOCSPTLCK and FICLONE have a size above the low half. */
	ck_assert_uint_eq(open, nuc_clauses_ioctl.count + nuc_clauses_ioctl_net.count - 7);
	for (unsigned bit = 16; bit < 64; bit++) {
		const uint64_t args[6] = { 0, TIOCSTI | 1ULL << bit };

		ck_assert_uint_eq(call(&p, __NR_ioctl, args), FAIL(EPERM));
	}
}
END_TEST

START_TEST(programs_are_small_and_the_same_every_time)
{
	_cleanup_program_ struct program one = compile(&combinations[_i]);
	_cleanup_program_ struct program two = compile(&combinations[_i]);

	ck_assert_uint_eq(one.count, two.count);
	ck_assert_mem_eq(one.insn, two.insn, one.count * sizeof(*one.insn));
	ck_assert_uint_le(one.count, 700);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("seccomp");
	TCase *t = tcase_create("seccomp");
	const int n = (int)NUC_ARRAY_SIZE(combinations);

	tcase_add_loop_test(t, every_number_has_the_action_that_the_list_says, 0, n);
	tcase_add_loop_test(t, other_architectures_are_killed, 0, n);
	tcase_add_loop_test(t, at_most_110_calls_without_network, 0, n);
	tcase_add_test(t, only_calls_on_sockets_count_as_network);
	tcase_add_test(t, what_matters_is_as_written_by_hand);
	tcase_add_test(t, netlink_is_route_only);
	tcase_add_test(t, no_other_ioctl_gets_through);
	tcase_add_loop_test(t, programs_are_small_and_the_same_every_time, 0, n);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return run_suite(s);
}
