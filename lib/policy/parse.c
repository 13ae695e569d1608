/* SPDX-License-Identifier: MIT */
/* Readers of the small languages in values: numbers with units, volumes, users. */
#include "policy_internal.h"

#define TMPFS_DEFAULT_SIZE (64ll << 20)

struct unit {
	const char *suffix;
	int64_t factor;
};

/* Largest first: it is also the order in which a unit is chosen for printing. */
static const struct unit size_units[] = {
	{ "T", 1ll << 40 }, { "G", 1 << 30 }, { "M", 1 << 20 }, { "K", 1 << 10 }, { "", 1 },
};
static const struct unit duration_units[] = {
	{ "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "", 1000 }, { "ms", 1 },
};
static const struct unit count_units[] = { { "", 1 } };

static int parse_number(const char *s, const struct unit *units, size_t n, int64_t *ret)
{
	int64_t v = 0;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *s - '0', &v))
			return -ERANGE;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(s, units[i].suffix) != 0)
			continue;
		if (__builtin_mul_overflow(v, units[i].factor, &v))
			return -ERANGE;
		*ret = v;
		return 0;
	}
	return -EINVAL;
}

int nuc_parse_size(const char *s, int64_t *ret)
{
	return parse_number(s, size_units, NUC_ARRAY_SIZE(size_units), ret);
}

int nuc_parse_duration_ms(const char *s, int64_t *ret)
{
	return parse_number(s, duration_units, NUC_ARRAY_SIZE(duration_units), ret);
}

int nuc_parse_count(const char *s, int64_t *ret)
{
	return parse_number(s, count_units, NUC_ARRAY_SIZE(count_units), ret);
}

int nuc_parse_decimal(const char *s, int64_t *ret)
{
	_cleanup_free_ char *whole = strndup(s, strcspn(s, "."));
	int64_t v, thousandths = 0, unit = 100;
	int r;

	if (!whole)
		return -ENOMEM;
	r = nuc_parse_count(whole, &v);
	if (r < 0)
		return r;
	if (__builtin_mul_overflow(v, 1000, &v))
		return -ERANGE;
	s += strlen(whole);
	if (*s && !*++s)
		return -EINVAL;
	for (; *s; s++, unit /= 10) {
		if (*s < '0' || *s > '9' || !unit)
			return -EINVAL;
		thousandths += unit * (*s - '0');
	}
	if (__builtin_add_overflow(v, thousandths, &v))
		return -ERANGE;
	*ret = v;
	return 0;
}

char *nuc_format_number(enum nuc_option_type type, int64_t v)
{
	const struct unit *u = count_units;

	if (type == NUC_TYPE_DECIMAL && v % 1000) {
		int decimals = v % 100 ? v % 10 ? 3 : 2 : 1;
		int part = (int)(v % 1000) / (decimals == 1 ? 100 : decimals == 2 ? 10 : 1);

		return nuc_strf("%lld.%0*d", (long long)(v / 1000), decimals, part);
	}
	if (type == NUC_TYPE_DECIMAL)
		v /= 1000;
	if (type == NUC_TYPE_SIZE)
		u = size_units;
	else if (type == NUC_TYPE_DURATION)
		u = duration_units;
	if (!v)
		return strdup("0");
	while (v % u->factor)
		u++;
	return nuc_strf("%lld%s", (long long)(v / u->factor), u->suffix);
}

/* ---- paths inside the sandbox -------------------------------------------------------------- */

int nuc_target_read(const char *s, size_t len, char **ret, const char **ret_why)
{
	_cleanup_buf_ struct nuc_buf b = { 0 };
	const char *end = s + len;

	if (!len || *s != '/') {
		*ret_why = "a path inside the sandbox is absolute: it begins with /";
		return -EINVAL;
	}
	while (s < end) {
		const char *slash = memchr(s, '/', (size_t)(end - s));
		size_t n = (size_t)((slash ? slash : end) - s);

		/* What ".." means depends on links in a root that does not exist yet. */
		if (n == 2 && !memcmp(s, "..", 2)) {
			*ret_why = "a path inside the sandbox is written without \"..\"";
			return -EINVAL;
		}
		if (n && !(n == 1 && *s == '.')) {
			nuc_buf_puts(&b, "/");
			nuc_buf_add(&b, s, n);
		}
		s += n + (slash != NULL);
	}
	if (!b.len)
		nuc_buf_puts(&b, "/");
	return nuc_buf_take(&b, ret);
}

/* As above, for what is mounted there: the root itself has an option of its own. */
static int mount_target_read(const char *s, size_t len, char **ret, const char **ret_why)
{
	_cleanup_free_ char *path = NULL;
	int r = nuc_target_read(s, len, &path, ret_why);

	if (r < 0)
		return r;
	if (!strcmp(path, "/")) {
		*ret_why = "the root itself is given by rootfs.path";
		return -EINVAL;
	}
	*ret = NUC_TAKE_PTR(path);
	return 0;
}

/* The words behind a volume's target; `s` stands on a separator or at the end. */
static int volume_flags(const char *s, struct nuc_volume *v, const char **ret_why)
{
	bool access = false;

	while (*s) {
		size_t n = strcspn(++s, ":,");

		if (n == 2 && (!memcmp(s, "ro", n) || !memcmp(s, "rw", n)) && !access) {
			access = true;
			v->writable = s[1] == 'w';
		} else if (n == 4 && !memcmp(s, "exec", n) && !v->exec) {
			v->exec = true;
		} else {
			*ret_why = "behind the target stand ro or rw, and exec, each once at most";
			return -EINVAL;
		}
		s += n;
	}
	v->exec |= !v->writable;
	return 0;
}

int nuc_volume_read(const char *item, struct nuc_volume *ret, const char **ret_why)
{
	_cleanup_volume_ struct nuc_volume v = { 0 };
	const char *colon = NULL;
	size_t len;
	int r;

	/* A source may have colons in its name; a target has neither ':' nor ','. */
	for (const char *s = strstr(item, ":/"); s; s = strstr(s + 1, ":/"))
		colon = s;
	if (!colon || colon == item) {
		*ret_why = "SRC:DST[:ro|rw][,exec] is wanted, with an absolute path for DST";
		return -EINVAL;
	}
	len = strcspn(colon + 1, ":,");
	r = mount_target_read(colon + 1, len, &v.dst, ret_why);
	if (r < 0)
		return r;
	r = volume_flags(colon + 1 + len, &v, ret_why);
	if (r < 0)
		return r;
	v.src = strndup(item, (size_t)(colon - item));
	if (!v.src)
		return -ENOMEM;
	*ret = v;
	v = (struct nuc_volume){ 0 };
	return 0;
}

int nuc_parse_volume(const char *item, struct nuc_volume *ret)
{
	const char *why;

	return nuc_volume_read(item, ret, &why);
}

void nuc_volume_done(struct nuc_volume *v)
{
	free(v->src);
	free(v->dst);
	*v = (struct nuc_volume){ 0 };
}

int nuc_tmpfs_read(const char *item, char **ret_dst, int64_t *ret_size, const char **ret_why)
{
	_cleanup_free_ char *dst = NULL;
	int64_t size = TMPFS_DEFAULT_SIZE;
	size_t len = strcspn(item, ":");
	int r;

	r = mount_target_read(item, len, &dst, ret_why);
	if (r < 0)
		return r;
	if (item[len]) {
		r = nuc_parse_size(item + len + 1, &size);
		*ret_why = "DST[:SIZE] is wanted, with a size of bytes or as 64K, 64M, 64G";
		if (r < 0)
			return r;
		/* To the kernel 0 means no bound at all: tmpfs(5). */
		*ret_why = "the size is at least 4096 bytes";
		if (size < 4096)
			return -ERANGE;
	}
	*ret_dst = NUC_TAKE_PTR(dst);
	*ret_size = size;
	return 0;
}

int nuc_parse_tmpfs(const char *item, char **ret_dst, int64_t *ret_size)
{
	const char *why;

	return nuc_tmpfs_read(item, ret_dst, ret_size, &why);
}

/* ---- processors ---------------------------------------------------------------------------- */

/* One number of a range; the text behind it. */
static int cpu_number(const char **s, int64_t *ret)
{
	size_t n = strspn(*s, "0123456789");
	char digits[8];

	if (!n)
		return -EINVAL;
	if (n >= sizeof(digits))
		return -ERANGE;
	memcpy(digits, *s, n);
	digits[n] = '\0';
	*s += n;
	return nuc_parse_count(digits, ret);
}

int nuc_parse_cpuset(const char *s, struct nuc_cpuset *ret)
{
	struct nuc_cpuset set = { 0 };
	int64_t first = 0, last;
	int r;

	for (;;) {
		r = cpu_number(&s, &first);
		last = first;
		if (r == 0 && *s == '-') {
			s++;
			r = cpu_number(&s, &last);
		}
		if (r < 0)
			return r;
		if (first >= NUC_CPUS || last >= NUC_CPUS)
			return -ERANGE;
		if (first > last)
			return -EINVAL;
		for (int64_t i = first; i <= last; i++)
			set.bits[i / 64] |= 1ull << i % 64;
		if (!*s)
			break;
		if (*s++ != ',')
			return -EINVAL;
	}
	*ret = set;
	return 0;
}

static bool has_cpu(const struct nuc_cpuset *set, int cpu)
{
	return cpu < NUC_CPUS && set->bits[cpu / 64] >> cpu % 64 & 1;
}

char *nuc_format_cpuset(const struct nuc_cpuset *set)
{
	_cleanup_buf_ struct nuc_buf b = { 0 };
	char *text;

	for (int i = 0; i < NUC_CPUS; i++) {
		int first = i;

		if (!has_cpu(set, i))
			continue;
		while (has_cpu(set, i + 1))
			i++;
		nuc_buf_printf(&b, "%s%d", b.len ? "," : "", first);
		if (i > first)
			nuc_buf_printf(&b, "-%d", i);
	}
	return nuc_buf_take(&b, &text) < 0 ? NULL : text;
}

/* ---- disks --------------------------------------------------------------------------------- */

const char *const nuc_io_names[NUC_IO__COUNT] = { "rbps", "wbps", "riops", "wiops" };

static bool is_device(const char *s)
{
	size_t major = strspn(s, "0123456789"), minor;

	if (*s == '/')
		return true;
	if (!major || s[major] != ':')
		return false;
	minor = strspn(s + major + 1, "0123456789");
	return minor && !s[major + 1 + minor];
}

int nuc_io_max_read(const char *item, struct nuc_io_max *ret, const char **ret_why)
{
	const char *colon = strrchr(item, ':'), *s;
	struct nuc_io_max m = { "", { 0 } };

	*ret_why = "DEVICE:KEY=N[,KEY=N...] is wanted, as /dev/sda:wbps=10M,wiops=200; a device is an "
		   "absolute path or MAJOR:MINOR, a KEY one of rbps, wbps, riops, wiops, each once";
	if (!colon || (size_t)(colon - item) >= sizeof(m.device))
		return -EINVAL;
	memcpy(m.device, item, (size_t)(colon - item));
	if (!is_device(m.device))
		return -EINVAL;
	for (s = colon; *s; s += strcspn(s, ",")) {
		size_t key = strcspn(++s, "=,"), i = 0;
		char number[24];
		size_t len;
		int r;

		while (i < NUC_IO__COUNT &&
		       (strlen(nuc_io_names[i]) != key || memcmp(s, nuc_io_names[i], key) != 0))
			i++;
		if (i == NUC_IO__COUNT || m.max[i] || s[key] != '=')
			return -EINVAL;
		s += key + 1;
		len = strcspn(s, ",");
		if (len >= sizeof(number))
			return -EINVAL;
		memcpy(number, s, len);
		number[len] = '\0';
		r = i < NUC_IO_RIOPS ? nuc_parse_size(number, &m.max[i])
				     : nuc_parse_count(number, &m.max[i]);
		if (r < 0)
			return r;
		if (!m.max[i]) {
			*ret_why = "0 would let nothing through: leave the key out for no bound";
			return -ERANGE;
		}
	}
	*ret = m;
	return 0;
}

int nuc_parse_io_max(const char *item, struct nuc_io_max *ret)
{
	const char *why;

	return nuc_io_max_read(item, ret, &why);
}

/* ---- users --------------------------------------------------------------------------------- */

/* What useradd(8) takes everywhere, so that no reader of /etc/passwd trips over it. */
static bool user_name_valid(const char *s, size_t len)
{
	if (!len || len > 32 || !((*s >= 'a' && *s <= 'z') || *s == '_'))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') || s[i] == '_' ||
		      s[i] == '-'))
			return false;
	return true;
}

int nuc_parse_user(const char *s, char ret_name[33], uint32_t *ret_id)
{
	size_t len = strcspn(s, ":");
	bool named = s[len] || *s < '0' || *s > '9';
	const char *name = s, *digits = s[len] ? s + len + 1 : s;
	int64_t id = 1000;
	int r;

	if (named && !user_name_valid(s, len))
		return -EINVAL;
	if (s[len] || !named) {
		r = nuc_parse_count(digits, &id);
		if (r < 0)
			return r;
		/* 65534 stands for ids that are not mapped, and the last 16-bit one for "none". */
		if (id > 65533)
			return -ERANGE;
	} else if (!strcmp(s, "root")) {
		id = 0;
	}
	if (!named) {
		name = id ? "agent" : "root";
		len = strlen(name);
	}
	memcpy(ret_name, name, len);
	ret_name[len] = '\0';
	*ret_id = (uint32_t)id;
	return 0;
}
