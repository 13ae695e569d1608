/* SPDX-License-Identifier: MIT */
/* One value: is it of its option's type and form, and what is its canonical text. */
#include <ctype.h>

#include "policy_internal.h"

int nuc_source_fail(const struct nuc_source *src, int code, const char *hint, const char *fmt, ...)
{
	const struct nuc_where where = { "policy", "option", src->origin, hint };
	_cleanup_free_ char *message = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&message, fmt, ap);
	va_end(ap);
	if (n < 0)
		message = NULL;
	if (src->document && (code == -ENOENT || code == -ERANGE))
		code = -EINVAL;
	return nuc_fail(src->ret_err, code, &where, "%s", message ? message : "not understood");
}

static int fail_no_memory(const struct nuc_source *src)
{
	return nuc_source_fail(src, -ENOMEM, NULL, "out of memory");
}

static int take(const struct nuc_source *src, char *text, char **ret)
{
	if (!text)
		return fail_no_memory(src);
	*ret = text;
	return 0;
}

static int read_bool(const struct nuc_source *src, const struct nuc_option *o, const char *text,
		     char **ret)
{
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return nuc_source_fail(src, -EINVAL, NULL, "%s: true or false is wanted, not '%s'",
				       o->key, nuc_show(text).s);
	return take(src, strdup(text), ret);
}

static int read_enum(const struct nuc_source *src, const struct nuc_option *o, const char *text,
		     char **ret)
{
	_cleanup_buf_ struct nuc_buf hint = { 0 };

	if (nuc_option_enum_index(o, text) >= 0)
		return take(src, strdup(text), ret);
	nuc_buf_puts(&hint, "one of: ");
	for (const char *s = o->values; *s; s++) {
		if (*s == '|')
			nuc_buf_puts(&hint, ", ");
		else
			nuc_buf_add(&hint, s, 1);
	}
	return nuc_source_fail(src, -EINVAL, hint.s, "%s: there is no '%s'", o->key,
			       nuc_show(text).s);
}

static int parse(enum nuc_option_type type, const char *text, int64_t *ret)
{
	if (type == NUC_TYPE_SIZE)
		return nuc_parse_size(text, ret);
	if (type == NUC_TYPE_DURATION)
		return nuc_parse_duration_ms(text, ret);
	if (type == NUC_TYPE_DECIMAL)
		return nuc_parse_decimal(text, ret);
	return nuc_parse_count(text, ret);
}

static int fail_number(const struct nuc_source *src, const struct nuc_option *o, int code,
		       const char *text)
{
	enum nuc_option_type type = o->type == NUC_TYPE_LIST ? NUC_TYPE_COUNT : o->type;
	_cleanup_free_ char *min = nuc_format_number(type, o->min);
	_cleanup_free_ char *max = nuc_format_number(type, o->max);
	struct nuc_shown shown = nuc_show(text);
	int64_t v;

	if (!min || !max)
		return fail_no_memory(src);
	if (code == -ERANGE && o->max)
		return nuc_source_fail(src, code, NULL, "%s: %s is not between %s and %s", o->key,
				       shown.s, min, max);
	if (code == -ERANGE && parse(type, text, &v) == 0)
		return nuc_source_fail(src, code, NULL, "%s: %s is less than %s", o->key, shown.s,
				       min);
	if (code == -ERANGE)
		return nuc_source_fail(src, code, NULL, "%s: %s does not fit into 63 bits", o->key,
				       shown.s);
	if (type == NUC_TYPE_SIZE)
		return nuc_source_fail(src, code, "a number of bytes, or as 64K, 64M, 64G, 1T",
				       "%s: '%s' is not a size", o->key, shown.s);
	if (type == NUC_TYPE_DURATION)
		return nuc_source_fail(src, code, "a number of seconds, or as 1500ms, 30s, 10m, 2h",
				       "%s: '%s' is not a time", o->key, shown.s);
	if (type == NUC_TYPE_DECIMAL)
		return nuc_source_fail(src, code, "a number with at most three decimals, as 2 or 0.5",
				       "%s: '%s' is not such a number", o->key, shown.s);
	return nuc_source_fail(src, code, NULL, "%s: '%s' is not a number", o->key, shown.s);
}

static int read_number(const struct nuc_source *src, const struct nuc_option *o, const char *text,
		       char **ret)
{
	int64_t v;
	int r = parse(o->type, text, &v);

	if (r == 0 && (v < o->min || (o->max && v > o->max)))
		r = -ERANGE;
	if (r < 0)
		return fail_number(src, o, r, text);
	return take(src, nuc_format_number(o->type, v), ret);
}

char *nuc_path_join(const char *base, const char *path)
{
	_cleanup_buf_ struct nuc_buf b = { 0 };
	char *joined;

	if (*path != '/') {
		while (!strncmp(path, "./", 2))
			path += 2 + strspn(path + 2, "/");
		if (!strcmp(path, "."))
			path++;
		nuc_buf_puts(&b, base);
	}
	if (b.len && *path && base[b.len - 1] != '/')
		nuc_buf_puts(&b, "/");
	nuc_buf_puts(&b, path);
	while (b.len > 1 && b.s[b.len - 1] == '/')
		b.s[--b.len] = '\0';
	return nuc_buf_take(&b, &joined) < 0 ? NULL : joined;
}

/* A path of the host, made absolute by its text: links are followed when it is opened. */
static int absolute(const struct nuc_source *src, const struct nuc_option *o, const char *path,
		    char **ret)
{
	_cleanup_free_ char *cwd = NULL;
	const char *base = src->base;

	if (!*path)
		return nuc_source_fail(src, -EINVAL, NULL, "%s: a path is wanted, not nothing",
				       o->key);
	if (*path == '~')
		return nuc_source_fail(src, -EINVAL,
				       "write the home directory out; ./~ is a name that begins so",
				       "%s: '~' has no meaning here: %s", o->key, nuc_show(path).s);
	if (!base && *path != '/') {
		base = cwd = get_current_dir_name();
		if (!cwd)
			return nuc_source_fail(src, -errno, "give an absolute path",
					       "%s: the current directory is unknown: %s", o->key,
					       strerror(errno));
	}
	if (*path != '/' && !nuc_utf8_valid(base, strlen(base)))
		return nuc_source_fail(
			src, -EINVAL, "give an absolute path",
			"%s: the directory that %s is relative to has a name that is not "
			"valid UTF-8",
			o->key, nuc_show(path).s);
	return take(src, nuc_path_join(base, path), ret);
}

static int read_user(const struct nuc_source *src, const struct nuc_option *o, const char *text,
		     char **ret)
{
	uint32_t id;
	char name[33];
	int r = nuc_parse_user(text, name, &id);

	if (r == -ERANGE)
		return nuc_source_fail(src, r, NULL,
				       "%s: the number in '%s' is not between 0 and 65533", o->key,
				       nuc_show(text).s);
	if (r < 0)
		return nuc_source_fail(
			src, r,
			"1000, agent or agent:1000; a name is of a-z, 0-9, _ and -, at "
			"most 32",
			"%s: '%s' is not a user or group", o->key, nuc_show(text).s);
	return take(src, nuc_strf("%s:%u", name, id), ret);
}

/* RFC 1123, section 2.1, and the kernel's own bound of 64 (sethostname(2)). */
static bool hostname_valid(const char *s)
{
	size_t label = 0;

	if (strlen(s) > 64)
		return false;
	for (;; s++) {
		if (*s == '.' || !*s) {
			if (!label || label > 63 || s[-1] == '-')
				return false;
			if (!*s)
				return true;
			label = 0;
			continue;
		}
		if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
		      (*s >= '0' && *s <= '9') || (*s == '-' && label)))
			return false;
		label++;
	}
}

static int read_cpuset(const struct nuc_source *src, const struct nuc_option *o, const char *text,
		       char **ret)
{
	struct nuc_cpuset set;
	int r = nuc_parse_cpuset(text, &set);

	if (r == -ERANGE)
		return nuc_source_fail(src, r, NULL, "%s: a number in '%s' is not between 0 and %d",
				       o->key, nuc_show(text).s, NUC_CPUS - 1);
	if (r < 0)
		return nuc_source_fail(src, r, "numbers and ranges, as 0-3,6",
				       "%s: '%s' is not a list of processors", o->key,
				       nuc_show(text).s);
	return take(src, nuc_format_cpuset(&set), ret);
}

static int read_sha256(const struct nuc_source *src, const struct nuc_option *o, const char *text,
		       char **ret)
{
	char *digits;
	size_t n = 0;

	while (isxdigit((unsigned char)text[n]))
		n++;
	if (n != 64 || text[n])
		return nuc_source_fail(src, -EINVAL,
				       "64 hexadecimal digits: `nucleus policy hash FILE` "
				       "prints them",
				       "%s: '%s' is not a SHA-256", o->key, nuc_show(text).s);
	digits = strdup(text);
	for (n = 0; digits && digits[n]; n++)
		digits[n] = (char)tolower((unsigned char)digits[n]);
	return take(src, digits, ret);
}

static int read_string(const struct nuc_source *src, enum nuc_option_id id, const char *text,
		       char **ret)
{
	const struct nuc_option *o = &nuc_options[id];
	const char *why = NULL;
	int r;

	switch (id) {
	case NUC_OPT_USER:
	case NUC_OPT_GROUP:
		return read_user(src, o, text, ret);
	case NUC_OPT_HOSTNAME:
		if (hostname_valid(text))
			break;
		return nuc_source_fail(src, -EINVAL, "letters, digits, - and ., at most 64",
				       "%s: '%s' is not a host name", o->key, nuc_show(text).s);
	case NUC_OPT_SECCOMP_PROFILE_SHA256:
	case NUC_OPT_CAPS_POLICY_SHA256:
	case NUC_OPT_LANDLOCK_POLICY_SHA256:
		return read_sha256(src, o, text, ret);
	case NUC_OPT_CPUSET:
		return read_cpuset(src, o, text, ret);
	case NUC_OPT_CWD:
		r = nuc_target_read(text, strlen(text), ret, &why);
		if (r == -EINVAL)
			return nuc_source_fail(src, r, why, "%s: '%s' is not such a path", o->key,
					       nuc_show(text).s);
		return r < 0 ? fail_no_memory(src) : 0;
	default:
		break;
	}
	return take(src, strdup(text), ret);
}

static int read_volume(const struct nuc_source *src, const struct nuc_option *o, const char *text,
		       char **ret)
{
	_cleanup_volume_ struct nuc_volume v = { 0 };
	_cleanup_free_ char *path = NULL;
	const char *why = NULL;
	int r = nuc_volume_read(text, &v, &why);

	if (r == -ENOMEM)
		return fail_no_memory(src);
	if (r < 0)
		return nuc_source_fail(src, r, why, "%s: '%s' is not a volume", o->key,
				       nuc_show(text).s);
	r = absolute(src, o, v.src, &path);
	if (r < 0)
		return r;
	return take(src,
		    nuc_strf("%s:%s:%s%s", path, v.dst, v.writable ? "rw" : "ro",
			     v.writable && v.exec ? ",exec" : ""),
		    ret);
}

static int read_tmpfs(const struct nuc_source *src, const struct nuc_option *o, const char *text,
		      char **ret)
{
	_cleanup_free_ char *dst = NULL, *number = NULL;
	const char *why = NULL;
	int64_t size;
	int r = nuc_tmpfs_read(text, &dst, &size, &why);

	if (r == -ENOMEM)
		return fail_no_memory(src);
	if (r < 0)
		return nuc_source_fail(src, r, why, "%s: '%s' is not a tmpfs", o->key,
				       nuc_show(text).s);
	number = nuc_format_number(NUC_TYPE_SIZE, size);
	return take(src, number ? nuc_strf("%s:%s", dst, number) : NULL, ret);
}

static int read_io_max(const struct nuc_source *src, const struct nuc_option *o, const char *text,
		       char **ret)
{
	_cleanup_buf_ struct nuc_buf b = { 0 };
	const char *why = NULL, *separator = ":";
	struct nuc_io_max m;
	int r = nuc_io_max_read(text, &m, &why);

	if (r < 0)
		return nuc_source_fail(src, r, why, "%s: '%s' is not a bound of a disk", o->key,
				       nuc_show(text).s);
	nuc_buf_puts(&b, m.device);
	for (size_t i = 0; i < NUC_IO__COUNT; i++) {
		enum nuc_option_type type = i < NUC_IO_RIOPS ? NUC_TYPE_SIZE : NUC_TYPE_COUNT;
		_cleanup_free_ char *number = nuc_format_number(type, m.max[i]);

		if (!number)
			return fail_no_memory(src);
		if (!m.max[i])
			continue;
		nuc_buf_printf(&b, "%s%s=%s", separator, nuc_io_names[i], number);
		separator = ",";
	}
	return nuc_buf_take(&b, ret) < 0 ? fail_no_memory(src) : 0;
}

static int read_list_item(const struct nuc_source *src, enum nuc_option_id id, const char *text,
			  char **ret)
{
	const struct nuc_option *o = &nuc_options[id];
	int64_t v;
	int r;

	if (nuc_option_is_number_list(o)) {
		r = nuc_parse_count(text, &v);
		if (r == 0 && (v < o->min || v > o->max))
			r = -ERANGE;
		if (r < 0)
			return fail_number(src, o, r, text);
		return take(src, nuc_format_number(NUC_TYPE_COUNT, v), ret);
	}
	if (id == NUC_OPT_VOLUMES)
		return read_volume(src, o, text, ret);
	if (id == NUC_OPT_TMPFS)
		return read_tmpfs(src, o, text, ret);
	if (id == NUC_OPT_IO_MAX)
		return read_io_max(src, o, text, ret);
	if (!*text || strchr(text, '='))
		return nuc_source_fail(
			src, -EINVAL,
			"this passes a variable that is set outside; env gives it a value",
			"%s: the name of a variable is wanted, without '='", o->key);
	return take(src, strdup(text), ret);
}

/* The value is never shown: it may be a secret. */
static int read_variable(const struct nuc_source *src, const struct nuc_option *o, const char *text,
			 char **ret)
{
	if (*text == '=')
		return nuc_source_fail(src, -EINVAL, NULL, "%s: a variable has no name", o->key);
	if (!strchr(text, '='))
		return nuc_source_fail(
			src, -EINVAL,
			"to pass a variable that is set outside: --env-pass NAME, or process.env-pass",
			"%s: NAME=VALUE is wanted, and there is no '='", o->key);
	return take(src, strdup(text), ret);
}

int nuc_value_read(const struct nuc_source *src, enum nuc_option_id id, const char *text,
		   char **ret)
{
	const struct nuc_option *o = &nuc_options[id];

	/* Dump and explain write JSON and TOML, and both are UTF-8. */
	if (!nuc_utf8_valid(text, strlen(text)))
		return nuc_source_fail(src, -EINVAL, NULL, "%s: the value is not valid UTF-8",
				       o->key);
	switch (o->type) {
	case NUC_TYPE_BOOL:
		return read_bool(src, o, text, ret);
	case NUC_TYPE_ENUM:
		return read_enum(src, o, text, ret);
	case NUC_TYPE_STRING:
		return read_string(src, id, text, ret);
	case NUC_TYPE_PATH:
		return absolute(src, o, text, ret);
	case NUC_TYPE_SIZE:
	case NUC_TYPE_COUNT:
	case NUC_TYPE_DURATION:
	case NUC_TYPE_DECIMAL:
		return read_number(src, o, text, ret);
	case NUC_TYPE_LIST:
		return read_list_item(src, id, text, ret);
	case NUC_TYPE_MAP:
		return read_variable(src, o, text, ret);
	}
	return -EINVAL;
}

void nuc_value_identity(enum nuc_option_id id, const char *text, const char **ret, size_t *ret_len)
{
	const char *end = NULL;

	if (id == NUC_OPT_VOLUMES) {
		/* Canonical: the target is between the last ":/" and the last ':'. */
		end = strrchr(text, ':');
		for (const char *s = strstr(text, ":/"); s; s = strstr(s + 1, ":/"))
			*ret = s + 1;
		*ret_len = (size_t)(end - *ret);
		return;
	}
	if (id == NUC_OPT_TMPFS || id == NUC_OPT_IO_MAX)
		end = strrchr(text, ':');
	if (nuc_options[id].type == NUC_TYPE_MAP)
		end = strchr(text, '=');
	*ret = text;
	*ret_len = end ? (size_t)(end - text) : strlen(text);
}
