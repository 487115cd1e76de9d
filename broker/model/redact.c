/* SPDX-License-Identifier: MIT */
#include "broker/model/redact.h"

#include <strings.h>

#include "wire/limits.h"

int
redact_has(const char *names, struct bytes name)
{
	for (size_t n; *names != '\0'; names += n + (names[n] == ',')) {
		n = strcspn(names, ",");
		if (n == name.len && strncasecmp(names, name.p, n) == 0)
			return 1;
	}
	return 0;
}

/* --- headers ------------------------------------------------------------ */

/* Bytes of the name and the '='. */
static size_t
header_name_len(struct bytes header)
{
	const char *p = header.p, *eq = memchr(p, '=', header.len);

	return eq == NULL ? header.len : (size_t)(eq - p) + 1;
}

int
redact_is_header(const char *names, struct bytes header)
{
	size_t len = header_name_len(header);
	const char *p = header.p;

	return redact_has(names,
		bytes_of(p, len > 0 && p[len - 1] == '=' ? len - 1 : len));
}

int
redact_put_header(struct sw_buf *b, const char *names, struct bytes header)
{
	size_t len = header_name_len(header), mark;

	if (len == header.len || !redact_is_header(names, header)) {
		sw_put_bytes(b, SW_F_HEADER, header);
		return 0;
	}
	mark = sw_nest_begin(b, SW_F_HEADER);
	sw_put_raw(b, bytes_of(header.p, len));
	sw_put_raw(b, bytes_str("*"));
	sw_nest_end(b, mark);
	return 1;
}

/* --- JSON --------------------------------------------------------------- */

/* A text that is checked and copied from left to right. */
struct json {
	const char *p, *end;
	const char *copied; /* up to here, unless it is hidden */
	const char *names;
	struct sw_buf *to;
	int depth, hidden; /* of how many values this is a part */
};

static void
blanks_skip(struct json *j)
{
	while (j->p < j->end && memchr(" \t\r\n", *j->p, 4) != NULL)
		j->p++;
}

/* Takes the character, if it is next. */
static int
take(struct json *j, char c)
{
	if (j->p == j->end || *j->p != c)
		return 0;
	j->p++;
	return 1;
}

static int
take_word(struct json *j, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(j->end - j->p) < n || memcmp(j->p, word, n) != 0)
		return 0;
	j->p += n;
	return 1;
}

static int
digits(struct json *j)
{
	const char *from = j->p;

	while (j->p < j->end && *j->p >= '0' && *j->p <= '9')
		j->p++;
	return j->p > from;
}

static int
number(struct json *j)
{
	(void)take(j, '-');
	if (!take(j, '0') && !digits(j))
		return 0;
	if (take(j, '.') && !digits(j))
		return 0;
	if (!take(j, 'e') && !take(j, 'E'))
		return 1;
	if (!take(j, '+'))
		(void)take(j, '-');
	return digits(j);
}

/* The value of four hexadecimal digits, or -1. */
static long
hex4(const char *p, const char *end)
{
	long v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		const char *all = "0123456789abcdef";
		int lower = p[i] >= 'A' && p[i] <= 'F' ? p[i] + 32 : p[i];
		const char *at = memchr(all, lower, 16);

		if (at == NULL)
			return -1;
		v = v << 4 | (at - all);
	}
	return v;
}

static int
escape(struct json *j)
{
	if (j->p == j->end)
		return 0;
	if (*j->p == 'u') {
		if (hex4(j->p + 1, j->end) < 0)
			return 0;
		j->p += 5;
		return 1;
	}
	return memchr("\"\\/bfnrt", *j->p++, 8) != NULL;
}

/* Sets *text to what is between the quotes, with its escapes. */
static int
string(struct json *j, struct bytes *text)
{
	const char *from = j->p + 1;

	if (!take(j, '"'))
		return 0;
	while (j->p < j->end && *j->p != '"') {
		if ((unsigned char)*j->p < ' ')
			return 0;
		if (*j->p++ == '\\' && !escape(j))
			return 0;
	}
	*text = bytes_of(from, (size_t)(j->p - from));
	return take(j, '"');
}

static char
escaped(char c)
{
	static const char codes[] = "bfnrt", chars[] = "\b\f\n\r\t";
	const char *at = memchr(codes, c, sizeof(codes) - 1);

	return at != NULL ? chars[at - codes] : c;
}

static size_t
utf8_put(long c, char *to)
{
	static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n; i-- > 1; c >>= 6)
		to[i] = (char)(0x80 | (c & 0x3f));
	to[0] = (char)(lead[n == 1 ? 0 : n] | c);
	return n;
}

/* The character of an escape \u, which may be a pair of them; moves *p. */
static long
code_point(const char **p, const char *end)
{
	long c = hex4(*p, end), low;

	*p += 4;
	if (c < 0xd800 || c > 0xdbff || end - *p < 6 || **p != '\\' ||
		(*p)[1] != 'u')
		return c;
	low = hex4(*p + 2, end);
	if (low < 0xdc00 || low > 0xdfff)
		return c;
	*p += 6;
	return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

/* Whether the name of a member, with its escapes, is one of the names. */
static int
is_named(const struct json *j, struct bytes text)
{
	const char *p = text.p, *end = p + text.len;
	char plain[SW_NAMES_MAX + 4];
	size_t n = 0;

	while (p < end && n < SW_NAMES_MAX) {
		if (*p != '\\') {
			plain[n++] = *p++;
		} else if (p[1] == 'u') {
			p += 2;
			n += utf8_put(code_point(&p, end), plain + n);
		} else {
			plain[n++] = escaped(p[1]);
			p += 2;
		}
	}
	return p == end && redact_has(j->names, bytes_of(plain, n));
}

static int value(struct json *);

/* The value of a member that is not to be shown. */
static int
value_hide(struct json *j)
{
	const char *from = j->p;
	int ok;

	j->hidden++;
	ok = value(j);
	j->hidden--;
	if (!ok || j->hidden > 0)
		return ok;
	sw_put_raw(j->to, bytes_of(j->copied, (size_t)(from - j->copied)));
	sw_put_raw(j->to, bytes_str(j->p - from < 3 ? "0" : "\"*\""));
	j->copied = j->p;
	return 1;
}

static int
member(struct json *j)
{
	struct bytes name;

	blanks_skip(j);
	if (!string(j, &name))
		return 0;
	blanks_skip(j);
	if (!take(j, ':'))
		return 0;
	blanks_skip(j);
	return is_named(j, name) ? value_hide(j) : value(j);
}

/* The members of an object or the values of an array, behind its bracket. */
static int
members(struct json *j, int (*one)(struct json *), char close)
{
	blanks_skip(j);
	if (take(j, close))
		return 1;
	do {
		if (!one(j))
			return 0;
		blanks_skip(j);
	} while (take(j, ','));
	return take(j, close);
}

static int
value(struct json *j)
{
	struct bytes text;
	int ok;

	blanks_skip(j);
	if (j->p == j->end || j->depth == REDACT_DEPTH)
		return 0;
	j->depth++;
	if (take(j, '{'))
		ok = members(j, member, '}');
	else if (take(j, '['))
		ok = members(j, value, ']');
	else if (*j->p == '"')
		ok = string(j, &text);
	else
		ok = take_word(j, "true") || take_word(j, "false") ||
		     take_word(j, "null") || number(j);
	j->depth--;
	return ok;
}

enum redact_shown
redact_put_json(
	struct sw_buf *b, enum sw_tag tag, const char *names, struct bytes json)
{
	size_t before = b->len, mark = sw_nest_begin(b, tag);
	struct json j = {.p = json.p, .names = names, .to = b};
	int ok;

	j.copied = j.p;
	j.end = j.p + json.len;
	ok = value(&j);
	blanks_skip(&j);
	if (!ok || j.p != j.end) {
		b->len = before;
		return REDACT_NOTHING;
	}
	sw_put_raw(b, bytes_of(j.copied, (size_t)(j.end - j.copied)));
	sw_nest_end(b, mark);
	return j.copied == json.p ? REDACT_ALL : REDACT_PART;
}
