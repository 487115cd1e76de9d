/* SPDX-License-Identifier: MIT */
#include "wire/kept.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum { LENGTH_DIGITS = 6 };

/*
 * The length of the line at the start of `in` without its end: 0: the end is
 * missing; or -EBADMSG.  Bytes that no line can have are found before the end
 * is there: a process that prints something else may never send one.
 */
static ssize_t
line_len(struct bytes in)
{
	const uint8_t *p = in.p;

	for (size_t i = 0; i < in.len && i <= KEPT_LINE_MAX; i++) {
		if (p[i] == '\n')
			return i > 0 ? (ssize_t)i : -EBADMSG;
		if (p[i] < ' ' || p[i] > '~' ||
			(i == 0 && (p[i] < '0' || p[i] > '9')))
			return -EBADMSG;
	}
	return in.len <= KEPT_LINE_MAX ? 0 : -EBADMSG;
}

/* Cuts the word at the start of *rest and the blank behind it. */
static int
word_cut(struct bytes *rest, struct bytes *word)
{
	const char *p = rest->p, *blank;
	size_t len = rest->len;

	blank = len > 0 ? memchr(p, ' ', len) : NULL;
	if (blank != NULL)
		len = (size_t)(blank - p);
	if (len == 0 || len + 1 == rest->len) /* nothing behind the blank */
		return -EBADMSG;
	*word = bytes_of(p, len);
	*rest = blank != NULL ? bytes_of(p + len + 1, rest->len - len - 1)
			      : bytes_of(p + len, 0);
	return 0;
}

static int
number_read(struct bytes text, int64_t max, int64_t *value)
{
	const uint8_t *p = text.p;
	int64_t v = 0;

	if (text.len == 0)
		return -EINVAL;
	for (size_t i = 0; i < text.len; i++) {
		int64_t digit = p[i] - '0';

		if (digit < 0 || digit > 9 || digit > max ||
			v > (max - digit) / 10)
			return -EINVAL;
		v = v * 10 + digit;
	}
	*value = v;
	return 0;
}

static int
line_split(struct bytes line, struct kept_message *m, int64_t *len)
{
	struct bytes word = {NULL, 0};
	int err = word_cut(&line, &word);

	*m = (struct kept_message){.args_n = 0};
	if (err == 0 && (word.len > LENGTH_DIGITS ||
				number_read(word, KEPT_BYTES_MAX, len) < 0))
		err = -EBADMSG;
	if (err == 0)
		err = word_cut(&line, &m->word);
	while (err == 0 && line.len > 0) {
		err = word_cut(&line, &word);
		if (err == 0 && m->args_n < KEPT_ARGS)
			m->args[m->args_n++] = word;
	}
	return err;
}

ssize_t
kept_parse(struct bytes in, struct kept_message *to, size_t *need)
{
	ssize_t line = line_len(in);
	struct kept_message m;
	int64_t len = 0;
	size_t all;

	if (line == 0)
		*need = 0;
	if (line <= 0)
		return line;
	if (line_split(bytes_of(in.p, (size_t)line), &m, &len) < 0)
		return -EBADMSG;
	all = (size_t)line + 1 + (size_t)len;
	if (in.len < all) {
		*need = all;
		return 0;
	}
	m.bytes = bytes_of((const char *)in.p + line + 1, (size_t)len);
	*to = m;
	return (ssize_t)all;
}

int
kept_line(char line[KEPT_LINE_MAX + 2], size_t len, const char *fmt, ...)
{
	const size_t cap = KEPT_LINE_MAX + 1; /* the newline takes a byte */
	int head, n;
	va_list ap;

	if (len > KEPT_BYTES_MAX)
		return -EMSGSIZE;
	head = snprintf(line, cap, "%zu ", len);
	va_start(ap, fmt);
	n = vsnprintf(line + head, cap - (size_t)head, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)head + (size_t)n >= cap)
		return -EMSGSIZE;
	n += head;
	line[n++] = '\n';
	line[n] = '\0';
	return n;
}

int
kept_is(const struct kept_message *m, const char *word)
{
	return bytes_eq(m->word, bytes_str(word));
}

int
kept_int(const struct kept_message *m, int i, int64_t max, int64_t *value)
{
	return i < m->args_n ? number_read(m->args[i], max, value) : -EINVAL;
}

int
kept_text(const struct kept_message *m, int i, char *to, size_t cap)
{
	if (i >= m->args_n || m->args[i].len >= cap)
		return -EINVAL;
	memcpy(to, m->args[i].p, m->args[i].len);
	to[m->args[i].len] = '\0';
	return 0;
}

int
kept_headers(const struct kept_message *m, int i, struct bytes *headers,
	struct bytes *body)
{
	const char *p = m->bytes.p;
	struct bytes h, block;
	size_t at = 0;
	int64_t len;

	if (kept_int(m, i, (int64_t)m->bytes.len, &len) < 0)
		return -EINVAL;
	block = bytes_of(p, (size_t)len);
	if (len > 0 && p[len - 1] != '\0')
		return -EINVAL;
	while (kept_header_next(block, &at, &h)) {
		const char *eq = memchr(h.p, '=', h.len);

		if (eq == NULL || eq == h.p)
			return -EINVAL;
	}
	*headers = block;
	*body = bytes_of(p + len, m->bytes.len - (size_t)len);
	return 0;
}

int
kept_header_next(struct bytes headers, size_t *at, struct bytes *header)
{
	const char *p = (const char *)headers.p + *at, *end;

	if (*at >= headers.len)
		return 0;
	end = memchr(p, '\0', headers.len - *at);
	if (end == NULL)
		return 0;
	*header = bytes_of(p, (size_t)(end - p));
	*at += header->len + 1;
	return 1;
}
