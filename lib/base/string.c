/* SPDX-License-Identifier: MIT */
#include <sodium.h>

#include "base.h"

bool nuc_buf_reserve(struct nuc_buf *b, size_t len)
{
	size_t size = b->size ? b->size : 128;
	char *s;

	if (b->failed || (b->s && len < b->size - b->len))
		return !b->failed;
	b->failed = len > SIZE_MAX / 4 - b->len;
	while (!b->failed && size <= b->len + len)
		size *= 2;
	s = b->failed ? NULL : realloc(b->s, size);
	if (!s) {
		b->failed = true;
		return false;
	}
	b->s = s;
	b->size = size;
	return true;
}

void nuc_buf_add(struct nuc_buf *b, const void *bytes, size_t len)
{
	if (!nuc_buf_reserve(b, len))
		return;
	if (len)
		memcpy(b->s + b->len, bytes, len);
	b->len += len;
	b->s[b->len] = '\0';
}

void nuc_buf_puts(struct nuc_buf *b, const char *s)
{
	nuc_buf_add(b, s, strlen(s));
}

void nuc_buf_printf(struct nuc_buf *b, const char *fmt, ...)
{
	size_t room;
	va_list ap;
	int n;

	if (!nuc_buf_reserve(b, 64))
		return;
	room = b->size - b->len;
	va_start(ap, fmt);
	n = vsnprintf(b->s + b->len, room, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n >= room && nuc_buf_reserve(b, (size_t)n)) {
		va_start(ap, fmt);
		n = vsnprintf(b->s + b->len, b->size - b->len, fmt, ap);
		va_end(ap);
	}
	if (n < 0 || b->failed) {
		b->failed = true;
		return;
	}
	b->len += (size_t)n;
}

int nuc_buf_take(struct nuc_buf *b, char **ret)
{
	if (!b->s)
		nuc_buf_puts(b, "");
	if (b->failed) {
		nuc_buf_free(b);
		return -ENOMEM;
	}
	*ret = b->s;
	*b = (struct nuc_buf){ 0 };
	return 0;
}

void nuc_buf_free(struct nuc_buf *b)
{
	free(b->s);
	*b = (struct nuc_buf){ 0 };
}

char *nuc_strf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : s;
}

bool nuc_utf8_valid(const char *str, size_t len)
{
	const unsigned char *s = (const unsigned char *)str;
	size_t i = 0;

	while (i < len) {
		unsigned char c = s[i];
		/* The second byte's range is narrower after some first bytes (RFC 3629, section 4). */
		unsigned char lo = 0x80, hi = 0xbf;
		size_t n;

		if (c < 0x80) {
			i++;
			continue;
		}
		if (c >= 0xc2 && c <= 0xdf) {
			n = 1;
		} else if (c >= 0xe0 && c <= 0xef) {
			n = 2;
			lo = c == 0xe0 ? 0xa0 : 0x80;
			hi = c == 0xed ? 0x9f : 0xbf;
		} else if (c >= 0xf0 && c <= 0xf4) {
			n = 3;
			lo = c == 0xf0 ? 0x90 : 0x80;
			hi = c == 0xf4 ? 0x8f : 0xbf;
		} else {
			return false;
		}
		if (len - i <= n || s[i + 1] < lo || s[i + 1] > hi)
			return false;
		for (size_t k = 2; k <= n; k++)
			if (s[i + k] < 0x80 || s[i + k] > 0xbf)
				return false;
		i += n + 1;
	}
	return true;
}

/* Levenshtein distance; words longer than the row are as far as can be. */
static size_t distance(const char *a, const char *b)
{
	size_t row[64], la = strlen(a), lb = strlen(b);

	if (lb >= NUC_ARRAY_SIZE(row))
		return SIZE_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[lb];
}

const char *nuc_nearest(const char *word, const char *(*candidate)(size_t i, void *arg), void *arg)
{
	size_t best = strlen(word) / 3 + 2;
	const char *found = NULL, *c;

	for (size_t i = 0; (c = candidate(i, arg)); i++) {
		size_t d = distance(word, c);

		if (d < best) {
			best = d;
			found = c;
		}
	}
	return found;
}

void nuc_sha256_hex(const void *bytes, size_t len, char ret[65])
{
	unsigned char digest[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(digest, bytes, len);
	sodium_bin2hex(ret, 65, digest, sizeof(digest));
}

int nuc_compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

const char *nuc_next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end ? end + 1 : line + strlen(line);
}

/* ---- words of programs --------------------------------------------------------------------------- */

/* The character at `s`, of at most `len` bytes; 0 for what is none. */
static size_t decode(const char *s, size_t len, uint32_t *ret)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t n = u[0] < 0x80 ? 1 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;

	if (n > len || !nuc_utf8_valid(s, n))
		return 0;
	*ret = n == 1 ? u[0] : u[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++)
		*ret = *ret << 6 | (u[i] & 0x3f);
	return n;
}

/* Control characters, and those that hide text or turn it around (Unicode Technical Report 36). */
static bool is_harmless(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} bad[] = {
		{ 0, 0x1f },	      { 0x7f, 0x9f },	    { 0xad, 0xad },	{ 0x61c, 0x61c },
		{ 0x180e, 0x180e },   { 0x200b, 0x200f },   { 0x2028, 0x202e }, { 0x2060, 0x206f },
		{ 0xfeff, 0xfeff },   { 0xfff0, 0xffff },   { 0xe0000, 0xe0fff },
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(bad); i++)
		if (c >= bad[i].first && c <= bad[i].last)
			return false;
	return true;
}

void nuc_tame(char *s)
{
	while (s && *s) {
		uint32_t c = 0;
		size_t n = decode(s, strlen(s), &c);

		if (!n || !is_harmless(c)) {
			n = n ? n : 1;
			memset(s, '?', n);
		}
		s += n;
	}
}

void nuc_buf_escaped(struct nuc_buf *b, const char *s, size_t len, bool backslash)
{
	while (len) {
		uint32_t c = 0;
		size_t n = decode(s, len, &c);

		if (!n || !is_harmless(c)) {
			n = n ? n : 1;
			for (size_t i = 0; i < n; i++)
				nuc_buf_printf(b, "\\x%02x", (unsigned char)s[i]);
		} else {
			if (c == '\\' && backslash)
				nuc_buf_puts(b, "\\");
			nuc_buf_add(b, s, n);
		}
		s += n;
		len -= n;
	}
}

size_t nuc_text_char(const char *s, size_t len, uint32_t *ret, bool *ret_harmless)
{
	uint32_t c = 0;
	size_t n = decode(s, len, &c);

	*ret = n ? c : (unsigned char)*s;
	*ret_harmless = n && is_harmless(c);
	return n ? n : 1;
}
