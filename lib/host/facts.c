/* SPDX-License-Identifier: MIT */
/* Facts that cost next to nothing: every policy is compiled against them. */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "facts_internal.h"

#define LANDLOCK_VERSION 1u /* LANDLOCK_CREATE_RULESET_VERSION */

static const struct {
	unsigned long long flag;
	const char *file;
	const char *max; /* namespaces(7), "The /proc/sys/user directory" */
} namespaces[] = {
	{ CLONE_NEWUSER, "/proc/self/ns/user", "/proc/sys/user/max_user_namespaces" },
	{ CLONE_NEWPID, "/proc/self/ns/pid", "/proc/sys/user/max_pid_namespaces" },
	{ CLONE_NEWNS, "/proc/self/ns/mnt", "/proc/sys/user/max_mnt_namespaces" },
	{ CLONE_NEWNET, "/proc/self/ns/net", "/proc/sys/user/max_net_namespaces" },
	{ CLONE_NEWUTS, "/proc/self/ns/uts", "/proc/sys/user/max_uts_namespaces" },
	{ CLONE_NEWIPC, "/proc/self/ns/ipc", "/proc/sys/user/max_ipc_namespaces" },
	{ CLONE_NEWCGROUP, "/proc/self/ns/cgroup", "/proc/sys/user/max_cgroup_namespaces" },
	{ CLONE_NEWTIME, "/proc/self/ns/time", "/proc/sys/user/max_time_namespaces" },
};

/* Without a descriptor: where there is none left it does not seem to be missing. */
static bool exists(const char *path)
{
	struct stat st;

	return fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int nuc_kernel_parse(const char *release, int *ret_major, int *ret_minor)
{
	int number[2] = { 0, 0 };

	for (int i = 0; i < 2; i++) {
		int digits = 0;

		for (; *release >= '0' && *release <= '9'; release++) {
			if (++digits > 4)
				return -EINVAL;
			number[i] = number[i] * 10 + (*release - '0');
		}
		if (digits == 0 || (i == 0 && *release++ != '.'))
			return -EINVAL;
	}
	*ret_major = number[0];
	*ret_minor = number[1];
	return 0;
}

long nuc_sysctl_number(const char *path, long absent)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char text[32], *end;
	ssize_t n;
	long v;

	if (fd < 0)
		return absent;
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return absent;
	text[n] = '\0';
	v = strtol(text, &end, 10);
	return end == text ? absent : v;
}

enum nuc_userns_refused nuc_userns_judge(const struct nuc_userns_inputs *in)
{
	if (!in->proc)
		return NUC_USERNS_NO_PROC;
	if (!in->built)
		return NUC_USERNS_NO_KERNEL;
	/* A limit, and not a right: capabilities do not lift it. */
	if (in->max == 0)
		return NUC_USERNS_SYSCTL_MAX;
	if (in->unprivileged_clone == 0 && !in->admin)
		return NUC_USERNS_SYSCTL_CLONE;
	/*
	 * Ubuntu: an unconfined process may create one, and is then denied every capability in it,
	 * with which not even an id map can be written. What a profile permits cannot be read.
	 */
	if (in->apparmor_restrict > 0 && in->apparmor_complain <= 0 && in->apparmor_unconfined &&
	    !in->admin)
		return NUC_USERNS_APPARMOR;
	return NUC_USERNS_OK;
}

/* AppArmor's label of this process is "unconfined", or cannot be read. */
static bool apparmor_unconfined(void)
{
	_cleanup_close_ int fd = open("/proc/self/attr/apparmor/current", O_RDONLY | O_CLOEXEC);
	static const char word[] = "unconfined";
	char label[sizeof(word) + 1];
	ssize_t n;

	if (fd < 0)
		fd = open("/proc/self/attr/current", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true;
	n = read(fd, label, sizeof(label));
	if (n < 0)
		return true;
	while (n > 0 && (label[n - 1] == '\n' || label[n - 1] == '\0'))
		n--;
	return n == sizeof(word) - 1 && !memcmp(label, word, sizeof(word) - 1);
}

bool nuc_map_has(const char *map, uint32_t id)
{
	/* Of each line: the first id inside, the first outside, how many. sscanf(3) takes longer than to read the file. */
	for (const char *line = map; line && *line; line = strchr(line, '\n')) {
		unsigned long number[3];
		bool complete = true;

		line += *line == '\n';
		for (int i = 0; i < 3; i++) {
			char *end;

			number[i] = strtoul(line, &end, 10);
			complete &= end != line;
			line = end;
		}
		if (complete && id >= number[0] && id - number[0] < number[2])
			return true;
	}
	return false;
}

/* A small file of /proc: 1, 0 if it is not there, or -errno if that cannot be told now. */
static int read_map(const char *path, char **ret)
{
	size_t len;
	int r = nuc_read_file(path, 65536, ret, &len);

	return r == -EMFILE || r == -ENFILE || r == -ENOMEM ? r : r == 0;
}

/*
 * In the user namespace of one id that a rootless tool made, root cannot become anybody else; a container's
 * root has a bounded range. 1, 0, or -errno.
 */
static int can_change_ids(uint32_t *ret_to)
{
	static const char *const maps[] = { "/proc/self/uid_map", "/proc/self/gid_map" };
	_cleanup_free_ char *setgroups = NULL;
	int r;

	*ret_to = NUC_SOMEBODY;
	for (size_t i = 0; i < NUC_ARRAY_SIZE(maps); i++) {
		_cleanup_free_ char *map = NULL;

		r = read_map(maps[i], &map);
		if (r <= 0 || !nuc_map_has(map, NUC_NOBODY))
			return r < 0 ? r : 0;
		if (!nuc_map_has(map, NUC_SOMEBODY))
			*ret_to = NUC_NOBODY;
	}
	r = read_map("/proc/self/setgroups", &setgroups);
	return r <= 0 ? r : !strncmp(setgroups, "allow", 5);
}

static int probe_caps(struct nuc_facts *f, bool *ret_admin)
{
	static const int wanted[] = { CAP_SYS_ADMIN, CAP_SETUID,       CAP_SETGID, CAP_SETPCAP,
				      CAP_NET_ADMIN, CAP_DAC_OVERRIDE, CAP_CHOWN };
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];

	if (syscall(__NR_capget, &header, caps) < 0)
		return -errno;
	f->privileged = true;
	for (size_t i = 0; i < NUC_ARRAY_SIZE(wanted); i++)
		f->privileged &=
			!!(caps[CAP_TO_INDEX(wanted[i])].effective & CAP_TO_MASK(wanted[i]));
	if (f->privileged) {
		int r = can_change_ids(&f->host_id);

		if (r < 0)
			return r;
		f->privileged = r;
	}
	*ret_admin = caps[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective & CAP_TO_MASK(CAP_SYS_ADMIN);
	/* EINVAL past the last that this kernel knows (PR_CAPBSET_READ(2const)). */
	for (int step = 64; step; step /= 2)
		if (prctl(PR_CAPBSET_READ, f->last_cap + step, 0, 0, 0) >= 0)
			f->last_cap += step;
	return 0;
}

static void probe_namespaces(struct nuc_facts *f, bool admin)
{
	struct nuc_userns_inputs in = {
		.proc = exists("/proc/self/ns"),
		.built = exists("/proc/self/ns/user"),
		.unprivileged_clone =
			nuc_sysctl_number("/proc/sys/kernel/unprivileged_userns_clone", -1),
		.max = -1,
		.apparmor_restrict = nuc_sysctl_number(
			"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", -1),
		/* A privileged caller's sandbox has given its capabilities up by then. */
		.admin = admin && !f->privileged,
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(namespaces); i++) {
		long max = nuc_sysctl_number(namespaces[i].max, -1);

		if (namespaces[i].flag == CLONE_NEWUSER)
			in.max = max;
		if (max != 0 && exists(namespaces[i].file))
			f->namespaces |= namespaces[i].flag;
	}
	if (in.apparmor_restrict > 0) {
		in.apparmor_complain = nuc_sysctl_number(
			"/proc/sys/kernel/apparmor_restrict_unprivileged_userns_complain", 0);
		in.apparmor_unconfined = apparmor_unconfined();
	}
	f->userns_refused = nuc_userns_judge(&in);
}

static void probe_filters(struct nuc_facts *f)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;
	long abi = syscall(__NR_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);

	if (abi > 0)
		f->landlock_abi = (int)abi;
	else
		f->landlock_errno = abi < 0 ? errno : ENOSYS;
	f->seccomp_filter = syscall(__NR_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

int nuc_facts_probe(struct nuc_facts *ret)
{
	struct nuc_facts f = { .last_cap = -1 };
	struct utsname u;
	bool admin = false;
	int r;

	/* What cannot be read stays 0.0, which is too old for everything. */
	if (uname(&u) == 0)
		nuc_kernel_parse(u.release, &f.kernel_major, &f.kernel_minor);
	f.uid = geteuid();
	f.gid = getegid();
	r = probe_caps(&f, &admin);
	if (r < 0)
		return r;
	f.dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1;
	f.oom_score_adj = nuc_sysctl_number("/proc/self/oom_score_adj", 0);
	/* A /proc of processes only (subset=pid, ProcSubset=) does not tell. */
	f.swap = exists("/proc/swaps") || !exists("/proc/version");
	f.no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
	probe_namespaces(&f, admin);
	probe_filters(&f);
	*ret = f;
	return 0;
}

static const struct {
	const char *why, *mend;
} refusals[] = {
	[NUC_USERNS_OK] = { "nothing refuses it", "nothing to do" },
	[NUC_USERNS_NO_KERNEL] = { "this kernel is built without user namespaces",
				   "use a kernel with CONFIG_USER_NS" },
	[NUC_USERNS_SYSCTL_CLONE] = { "the sysctl kernel.unprivileged_userns_clone is 0",
				      "sysctl -w kernel.unprivileged_userns_clone=1, and a line in "
				      "/etc/sysctl.d to keep it" },
	[NUC_USERNS_SYSCTL_MAX] = { "the sysctl user.max_user_namespaces is 0",
				    "sysctl -w user.max_user_namespaces=10000, and a line in "
				    "/etc/sysctl.d to keep it" },
	[NUC_USERNS_APPARMOR] = { "AppArmor denies capabilities in it "
				  "(kernel.apparmor_restrict_unprivileged_userns = 1)",
				  "give the calling program an AppArmor profile that has `userns,` "
				  "(for this program only), or sysctl -w "
				  "kernel.apparmor_restrict_unprivileged_userns=0 (for all)" },
	[NUC_USERNS_NO_PROC] = { "/proc is not mounted", "mount -t proc proc /proc" },
};

const char *nuc_userns_refused_why(int refused)
{
	if (refused < 0 || (size_t)refused >= NUC_ARRAY_SIZE(refusals))
		return "refused";
	return refusals[refused].why;
}

const char *nuc_userns_refused_mend(int refused)
{
	if (refused < 0 || (size_t)refused >= NUC_ARRAY_SIZE(refusals))
		return "see nucleus doctor";
	return refusals[refused].mend;
}
