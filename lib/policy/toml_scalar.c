/* SPDX-License-Identifier: MIT */
/* TOML 1.0, values: strings, numbers, booleans, dates. */
#include <limits.h>
#include <locale.h>
#include <math.h>

#include "toml_internal.h"

/* ---- strings --------------------------------------------------------------------------------- */

char *toml_take_scratch(struct toml *t)
{
	return nuc_doc_copy(t->scratch.s, t->scratch.len);
}

static int hex_digit(int ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	if (ch >= 'a' && ch <= 'f')
		return ch - 'a' + 10;
	if (ch >= 'A' && ch <= 'F')
		return ch - 'A' + 10;
	return -1;
}

static void put_utf8(struct nuc_buf *b, uint32_t ch)
{
	char s[4];
	size_t n = 0;

	if (ch < 0x80) {
		s[n++] = (char)ch;
	} else if (ch < 0x800) {
		s[n++] = (char)(0xc0 | ch >> 6);
		s[n++] = (char)(0x80 | (ch & 0x3f));
	} else if (ch < 0x10000) {
		s[n++] = (char)(0xe0 | ch >> 12);
		s[n++] = (char)(0x80 | (ch >> 6 & 0x3f));
		s[n++] = (char)(0x80 | (ch & 0x3f));
	} else {
		s[n++] = (char)(0xf0 | ch >> 18);
		s[n++] = (char)(0x80 | (ch >> 12 & 0x3f));
		s[n++] = (char)(0x80 | (ch >> 6 & 0x3f));
		s[n++] = (char)(0x80 | (ch & 0x3f));
	}
	nuc_buf_add(b, s, n);
}

/* \uXXXX or \UXXXXXXXX; the cursor stands on the backslash. */
static int unicode_escape(struct toml *t, unsigned digits)
{
	struct nuc_doc_pos pos = t->c.pos;
	uint32_t ch = 0;

	for (unsigned i = 0; i < digits; i++) {
		int digit = hex_digit(nuc_doc_peek(&t->c, 2 + i));

		if (digit < 0)
			return nuc_doc_fail(&t->c, pos, "write \\u00E9 or \\U000000E9",
					    "%u hexadecimal digits were expected after \\%c",
					    digits, digits == 4 ? 'u' : 'U');
		ch = ch << 4 | (uint32_t)digit;
	}
	if (ch > 0x10ffff || (ch >= 0xd800 && ch <= 0xdfff))
		return nuc_doc_fail(&t->c, pos,
				    "above U+FFFF it is \\UXXXXXXXX, not a pair of \\uXXXX",
				    "U+%04X is not a character", ch);
	put_utf8(&t->scratch, ch);
	nuc_doc_skip(&t->c, 2 + digits);
	return 0;
}

static int escape(struct toml *t)
{
	static const char names[] = "btnfr\"\\", values[] = "\b\t\n\f\r\"\\";
	int ch = nuc_doc_peek(&t->c, 1);
	const char *name;

	if (ch == 'u')
		return unicode_escape(t, 4);
	if (ch == 'U')
		return unicode_escape(t, 8);
	name = ch > 0 ? strchr(names, ch) : NULL;
	if (!name)
		return nuc_doc_fail(&t->c, t->c.pos,
				    "a backslash itself is written \\\\, or put the text between "
				    "single quotes",
				    "unknown escape; \\b \\t \\n \\f \\r \\\" \\\\ \\uXXXX "
				    "\\UXXXXXXXX are known");
	nuc_buf_add(&t->scratch, &values[name - names], 1);
	nuc_doc_skip(&t->c, 2);
	return 0;
}

/* How many of the bytes from the cursor on stand for themselves in a string with these quotes. */
static size_t plain_run(const struct toml *t, char quote)
{
	const char *s = t->c.s;

	while (s < t->c.end && *s != quote && *s != '\n' && *s != '\r' &&
	       (*s != '\\' || quote == '\''))
		s++;
	return (size_t)(s - t->c.s);
}

static void take_plain(struct toml *t, size_t n)
{
	nuc_buf_add(&t->scratch, t->c.s, n);
	nuc_doc_skip(&t->c, n);
}

static int one_line(struct toml *t, char quote)
{
	struct nuc_doc_pos open = t->c.pos;
	char found[NUC_DOC_FOUND_SIZE];

	nuc_doc_skip(&t->c, 1);
	for (;;) {
		int ch, r;

		take_plain(t, plain_run(t, quote));
		ch = nuc_doc_peek(&t->c, 0);
		if (ch == quote) {
			nuc_doc_skip(&t->c, 1);
			return 0;
		}
		if (ch != '\\')
			return nuc_doc_fail(&t->c, t->c.pos,
					    quote == '"' ?
						    "text of several lines stands in \"\"\"" :
						    "text of several lines stands in '''",
					    "the string from column %u was not closed before %s",
					    open.col, nuc_doc_found(&t->c, found));
		r = escape(t);
		if (r < 0)
			return r;
	}
}

/* A backslash at the end of a line hides all white space up to the next text; false: not one. */
static bool line_ending_backslash(struct toml *t)
{
	size_t n = 1;
	int ch;

	while ((ch = nuc_doc_peek(&t->c, n)) == ' ' || ch == '\t')
		n++;
	if (ch != '\n' && ch != '\r')
		return false;
	while ((ch = nuc_doc_peek(&t->c, n)) == ' ' || ch == '\t' || ch == '\n' || ch == '\r')
		n++;
	nuc_doc_skip(&t->c, n);
	return true;
}

static int multi_line(struct toml *t, char quote)
{
	struct nuc_doc_pos open = t->c.pos;

	nuc_doc_skip(&t->c, 3);
	/* A line end straight after the quotes is not part of the text. */
	if (nuc_doc_peek(&t->c, 0) == '\r')
		nuc_doc_skip(&t->c, 1);
	if (nuc_doc_peek(&t->c, 0) == '\n')
		nuc_doc_skip(&t->c, 1);
	for (;;) {
		size_t quotes = 0;
		int ch, r;

		take_plain(t, plain_run(t, quote));
		ch = nuc_doc_peek(&t->c, 0);
		if (ch < 0)
			return nuc_doc_fail(&t->c, open, "close it with three quotes",
					    "the string was not closed before the end of the file");
		/* Some parsers keep this CR and some drop it: the specification leaves it open. */
		if (ch == '\r')
			return nuc_doc_fail(&t->c, t->c.pos,
					    "save the file with LF as its line end",
					    "a multi-line string holds a line that ends in CR LF");
		if (ch == '\n') {
			take_plain(t, 1);
			continue;
		}
		if (ch == '\\') {
			r = line_ending_backslash(t) ? 0 : escape(t);
			if (r < 0)
				return r;
			continue;
		}
		/* One or two quotes are text, also just before the three that close the string. */
		while (quotes < 5 && nuc_doc_peek(&t->c, quotes) == quote)
			quotes++;
		take_plain(t, quotes < 3 ? quotes : quotes - 3);
		if (quotes >= 3) {
			nuc_doc_skip(&t->c, 3);
			return 0;
		}
	}
}

int toml_string(struct toml *t, bool multi_line_allowed)
{
	char quote = *t->c.s;
	bool multi = nuc_doc_peek(&t->c, 1) == quote && nuc_doc_peek(&t->c, 2) == quote;
	int r;

	t->scratch.len = 0;
	if (multi && !multi_line_allowed)
		return nuc_doc_fail(&t->c, t->c.pos, "write it between single quotes of their kind",
				    "a key cannot be a multi-line string");
	r = multi ? multi_line(t, quote) : one_line(t, quote);
	if (r < 0)
		return r;
	return t->scratch.failed ? nuc_doc_no_memory(&t->c) : 0;
}

/* ---- dates ----------------------------------------------------------------------------------- */

static bool is_digit(int ch)
{
	return ch >= '0' && ch <= '9';
}

/* Reads exactly n digits, followed by `then` (0: by anything), into a number from min to max. */
static bool field(const char **s, const char *end, size_t n, char then, unsigned min, unsigned max,
		  unsigned *ret)
{
	unsigned value = 0;

	if ((size_t)(end - *s) < n + (then ? 1 : 0))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!is_digit((*s)[i]))
			return false;
		value = value * 10 + (unsigned)((*s)[i] - '0');
	}
	if ((then && (*s)[n] != then) || value < min || value > max)
		return false;
	*s += n + (then ? 1 : 0);
	*ret = value;
	return true;
}

static bool valid_date(const char **s, const char *end)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	unsigned year, month, day;

	/* The year 0 is of RFC 3339, but not of many a date library. */
	if (!field(s, end, 4, '-', 1, 9999, &year) || !field(s, end, 2, '-', 1, 12, &month) ||
	    !field(s, end, 2, 0, 1, 31, &day))
		return false;
	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		return day <= 29;
	return day <= days[month - 1];
}

static bool valid_time(const char **s, const char *end)
{
	unsigned unused;
	size_t digits = 0;

	/* No leap seconds: most parsers cannot hold one. */
	if (!field(s, end, 2, ':', 0, 23, &unused) || !field(s, end, 2, ':', 0, 59, &unused) ||
	    !field(s, end, 2, 0, 0, 59, &unused))
		return false;
	if (*s == end || **s != '.')
		return true;
	for (++*s; *s < end && is_digit(**s); ++*s)
		digits++;
	return digits >= 1;
}

static bool valid_offset(const char **s, const char *end)
{
	unsigned unused;

	if (**s == 'Z' || **s == 'z') {
		++*s;
		return true;
	}
	if (**s != '+' && **s != '-')
		return false;
	++*s;
	return field(s, end, 2, ':', 0, 23, &unused) && field(s, end, 2, 0, 0, 59, &unused);
}

static bool valid_datetime(const char *s, const char *end)
{
	if (end - s > 2 && s[2] == ':')
		return valid_time(&s, end) && s == end;
	if (!valid_date(&s, end))
		return false;
	if (s == end)
		return true;
	if (*s != 'T' && *s != 't' && *s != ' ')
		return false;
	s++;
	if (!valid_time(&s, end))
		return false;
	return s == end || (valid_offset(&s, end) && s == end);
}

/* Beyond microseconds parsers drop digits, each its own number of them. */
static bool too_precise(const char *s, const char *end)
{
	size_t digits = 0;

	s = memchr(s, '.', (size_t)(end - s));
	if (!s)
		return false;
	while (++s < end && is_digit(*s))
		digits++;
	return digits > 6;
}

/* Whether a word was meant as a date or a time: digits and then '-' or ':'. */
static bool looks_like_date(const char *s, const char *end)
{
	const char *p = s;

	while (p < end && is_digit(*p))
		p++;
	return p > s && p < end && (*p == '-' || *p == ':');
}

/* ---- numbers --------------------------------------------------------------------------------- */

static int bad_number(struct toml *t)
{
	return nuc_doc_fail(&t->c, t->c.pos,
			    "write 1000, 1_000, 0xff, 0o755, 0b11 or 1.5e3; text stands in quotes",
			    "not a number");
}

static int too_large(struct toml *t)
{
	return nuc_doc_fail(&t->c, t->c.pos,
			    "integers are of 64 bits with a sign, floats are IEEE 754 doubles",
			    "the number is out of range");
}

/* Moves over digits of a base, with underscores only between two of them; false: none, or bad. */
static bool digits(const char **s, const char *end, int base)
{
	const char *p = *s;

	for (;; p++) {
		int digit = p < end ? hex_digit(*p) : -1;

		if (digit < 0 || digit >= base)
			return false;
		if (p + 1 < end && p[1] == '_') {
			p++;
			continue;
		}
		if (p + 1 == end || hex_digit(p[1]) < 0 || hex_digit(p[1]) >= base)
			break;
	}
	*s = p + 1;
	return true;
}

/* The value of digits that have been checked. A minus counts from the first digit on: INT64_MIN. */
static bool to_int(const char *s, const char *end, int base, bool minus, int64_t *ret)
{
	int64_t value = 0;

	for (; s < end; s++) {
		int digit = hex_digit(*s);

		if (*s == '_')
			continue;
		if (__builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, minus ? -digit : digit, &value))
			return false;
	}
	*ret = value;
	return true;
}

/* The caller's program may have set a locale in which strtod() wants a comma. */
static int to_double(struct toml *t, const char *s, const char *end, double *ret)
{
	_cleanup_free_ char *plain = malloc((size_t)(end - s) + 1);
	locale_t c_locale;
	size_t n = 0;

	if (!plain)
		return nuc_doc_no_memory(&t->c);
	for (; s < end; s++)
		if (*s != '_')
			plain[n++] = *s;
	plain[n] = '\0';
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (!c_locale)
		return nuc_doc_no_memory(&t->c);
	*ret = strtod_l(plain, NULL, c_locale);
	freelocale(c_locale);
	/* Too small a number is the nearest double, 0, in every parser; too large an infinity. */
	return isinf(*ret) ? too_large(t) : 0;
}

static int number(struct toml *t, const char *s, const char *end, struct toml_node *node)
{
	const char *whole = s, *first;
	bool minus = *s == '-', real = false;
	int base = 10;

	if (end - s > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'o' || s[1] == 'b')) {
		base = s[1] == 'x' ? 16 : s[1] == 'o' ? 8 : 2;
		s += 2;
	} else if (*s == '-' || *s == '+') {
		s++;
	}
	first = s;
	if (!digits(&s, end, base))
		return bad_number(t);
	if (base == 10 && *first == '0' && s - first > 1)
		return nuc_doc_fail(&t->c, t->c.pos, "remove the zeros; octal is written 0o755",
				    "a number cannot begin with 0");
	if (base == 10 && s < end && *s == '.') {
		real = true;
		s++;
		if (!digits(&s, end, 10))
			return bad_number(t);
	}
	if (base == 10 && s < end && (*s == 'e' || *s == 'E')) {
		real = true;
		s++;
		if (s < end && (*s == '-' || *s == '+'))
			s++;
		if (!digits(&s, end, 10))
			return bad_number(t);
	}
	if (s != end)
		return bad_number(t);
	if (real) {
		node->doc.type = NUC_DOC_FLOAT;
		return to_double(t, whole, end, &node->doc.f);
	}
	node->doc.type = NUC_DOC_INT;
	return to_int(first, end, base, minus, &node->doc.i) ? 0 : too_large(t);
}

/* ---- words ----------------------------------------------------------------------------------- */

static size_t word_length(const struct toml *t)
{
	size_t n = 0;

	for (;; n++) {
		int ch = nuc_doc_peek(&t->c, n);

		if ((ch < 'a' || ch > 'z') && (ch < 'A' || ch > 'Z') && !is_digit(ch) &&
		    (ch <= 0 || !strchr("+-._:", ch)))
			break;
	}
	/* "1979-05-27 07:32:00": the one value with a space in it. */
	if (n == 10 && looks_like_date(t->c.s, t->c.s + n) && nuc_doc_peek(&t->c, n) == ' ' &&
	    is_digit(nuc_doc_peek(&t->c, n + 1))) {
		for (n++;; n++) {
			int ch = nuc_doc_peek(&t->c, n);

			if (!is_digit(ch) && (ch <= 0 || !strchr("+-.:Zz", ch)))
				break;
		}
	}
	return n;
}

static bool word_is(const struct toml *t, size_t n, const char *word)
{
	return n == strlen(word) && memcmp(t->c.s, word, n) == 0;
}

static int not_a_value(struct toml *t, size_t n)
{
	const char *sign = n && strchr("+-", *t->c.s) ? t->c.s + 1 : t->c.s;
	size_t rest = n - (size_t)(sign - t->c.s);
	char found[NUC_DOC_FOUND_SIZE];

	if (rest == 3 && (memcmp(sign, "inf", 3) == 0 || memcmp(sign, "nan", 3) == 0))
		return nuc_doc_fail(&t->c, t->c.pos, "write a finite number",
				    "infinity and NaN are not allowed");
	if (n)
		return nuc_doc_fail(&t->c, t->c.pos,
				    "text stands in quotes; true and false are written small",
				    "a value was expected, found a bare word");
	return nuc_doc_fail(&t->c, t->c.pos,
			    "a value is \"text\", a number, true, false, [ ... ] or { ... }",
			    "a value was expected, found %s", nuc_doc_found(&t->c, found));
}

static int read_word(struct toml *t, size_t n, struct toml_node *node)
{
	const char *s = t->c.s, *end = s + n;

	if (word_is(t, n, "true") || word_is(t, n, "false")) {
		node->doc.type = NUC_DOC_BOOL;
		node->doc.b = *s == 't';
		return 0;
	}
	if (looks_like_date(s, end)) {
		if (!valid_datetime(s, end))
			return nuc_doc_fail(&t->c, t->c.pos,
					    "write 2024-02-29, 07:32:00, 2024-02-29T07:32:00 or "
					    "2024-02-29T07:32:00.5+01:00",
					    "not a date or time");
		if (too_precise(s, end))
			return nuc_doc_fail(&t->c, t->c.pos, "write at most six digits",
					    "more than six digits of a second");
		node->doc.s = nuc_doc_copy(s, n);
		if (!node->doc.s)
			return nuc_doc_no_memory(&t->c);
		node->doc.type = NUC_DOC_DATETIME;
		node->doc.len = n;
		return 0;
	}
	if (n && (is_digit(*s) || (strchr("+-", *s) && n > 1 && is_digit(s[1]))))
		return number(t, s, end, node);
	return not_a_value(t, n);
}

int toml_scalar(struct toml *t, struct toml_node **ret)
{
	size_t n = word_length(t);
	struct toml_node *node = NULL;
	int r;

	/* A type that owns nothing, until the word says which it is. */
	r = toml_node_new(t, NUC_DOC_BOOL, TOML_VALUE, t->c.pos, 0, &node);
	if (r < 0)
		return r;
	r = read_word(t, n, node);
	if (r < 0) {
		nuc_doc_free(&node->doc);
		return r;
	}
	nuc_doc_skip(&t->c, n);
	*ret = node;
	return 0;
}
