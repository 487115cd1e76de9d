/* SPDX-License-Identifier: MIT */
#include "base/text.h"

size_t
text_utf8(const uint8_t *p, size_t len, uint32_t *c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = 1;

	*c = p[0];
	if (p[0] < 0x80)
		return 1;
	while (n < 5 && (p[0] << n & 0x80))
		n++;
	if (n < 2 || n > 4 || n > len)
		return 0;
	*c &= 0x7fu >> n;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (p[i] & 0x3fu);
	}
	if (*c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000))
		return 0;
	return n;
}

static int
is_hostile(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e ||
	       c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

/* The number of leading bytes, in whole words, that are ASCII. */
static size_t
ascii_words(const uint8_t *p, size_t len)
{
	size_t i = 0;
	uint64_t word;

	for (; len - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		if ((word & 0x8080808080808080u) != 0)
			break;
	}
	return i;
}

int
text_is_utf8(struct bytes text)
{
	const uint8_t *p = text.p;
	uint32_t c;

	for (size_t i = ascii_words(p, text.len), n; i < text.len; i += n) {
		n = p[i] < 0x80 ? 1 : text_utf8(p + i, text.len - i, &c);
		if (n == 0)
			return 0;
	}
	return 1;
}

size_t
text_safe(const uint8_t *p, size_t len)
{
	uint32_t c;
	size_t n = text_utf8(p, len, &c);

	return n > 0 && !is_hostile(c) ? n : 0;
}

void
text_line(struct bytes text, char *to, size_t cap)
{
	const uint8_t *p = text.p;
	size_t len = 0;
	uint32_t c;

	for (size_t i = 0, n; i < text.len; i += n) {
		const void *from = p + i;
		size_t out = n = text_utf8(p + i, text.len - i, &c);

		if (n == 0 || is_hostile(c)) {
			from = "?";
			out = 1;
			n += n == 0;
		}
		if (out >= cap - len)
			break;
		memcpy(to + len, from, out);
		len += out;
	}
	to[len] = '\0';
}

int
text_print(FILE *f, struct bytes text, size_t max)
{
	const uint8_t *p = text.p;
	size_t len = text.len < max ? text.len : max;
	int columns = 0;
	uint32_t c;

	for (size_t i = 0, n; i < len; i += n) {
		n = text_utf8(p + i, len - i, &c);
		if (n > 0 && !is_hostile(c)) {
			(void)fwrite(p + i, 1, n, f);
			columns++;
			continue;
		}
		if (n == 0)
			n = 1;
		for (size_t k = i; k < i + n; k++, columns += 4)
			(void)fprintf(f, "\\x%02x", (unsigned)p[k]);
	}
	return columns;
}

void
text_json(FILE *f, struct bytes text)
{
	const uint8_t *p = text.p;
	uint32_t c;

	(void)fputc('"', f);
	for (size_t i = 0, n; i < text.len; i += n) {
		n = text_utf8(p + i, text.len - i, &c);
		if (n == 0)
			(void)fputs("\\ufffd", f);
		else if (c == '"' || c == '\\')
			(void)fprintf(f, "\\%c", (char)c);
		else if (is_hostile(c))
			(void)fprintf(f, "\\u%04x", (unsigned)c);
		else
			(void)fwrite(p + i, 1, n, f);
		if (n == 0)
			n = 1;
	}
	(void)fputc('"', f);
}

struct bytes
text_last_line(struct bytes text)
{
	const char *p = text.p, *nl;

	while (text.len > 0 && p[text.len - 1] == '\n')
		text.len--;
	nl = text.len > 0 ? memrchr(p, '\n', text.len) : NULL;
	return nl == NULL ? text
			  : bytes_of(nl + 1, (size_t)(p + text.len - nl) - 1);
}
