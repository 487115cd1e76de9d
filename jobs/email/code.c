/* SPDX-License-Identifier: MIT */
#include "jobs/email/code.h"

#include <string.h>

enum { QUOTED_COLUMNS = 75 }; /* and the = of a soft break */

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789+/";

size_t
email_base64(const void *p, size_t len, char *to)
{
	const uint8_t *b = p;
	char *at = to;

	for (; len >= 3; b += 3, len -= 3) {
		*at++ = base64_digits[b[0] >> 2];
		*at++ = base64_digits[(b[0] & 3) << 4 | b[1] >> 4];
		*at++ = base64_digits[(b[1] & 15) << 2 | b[2] >> 6];
		*at++ = base64_digits[b[2] & 63];
	}
	if (len > 0) {
		uint8_t next = len == 2 ? b[1] : 0;

		*at++ = base64_digits[b[0] >> 2];
		*at++ = base64_digits[(b[0] & 3) << 4 | next >> 4];
		*at = base64_digits[(next & 15) << 2];
		if (len == 1)
			*at = '=';
		at++;
		*at++ = '=';
	}
	return (size_t)(at - to);
}

size_t
email_base64_lines(const void *p, size_t len, char *to)
{
	const uint8_t *b = p;
	size_t n = 0, part;

	for (; len > 0; b += part, len -= part) {
		part = len < EMAIL_B64_IN ? len : EMAIL_B64_IN;
		n += email_base64(b, part, to + n);
		to[n++] = '\r';
		to[n++] = '\n';
	}
	return n;
}

int64_t
email_base64_size(int64_t len)
{
	return (len + 2) / 3 * 4 + (len + EMAIL_B64_IN - 1) / EMAIL_B64_IN * 2;
}

static size_t
line_end(const char *p)
{
	if (p[0] == '\r')
		return p[1] == '\n' ? 2 : 1;
	return p[0] == '\n' ? 1 : 0;
}

static int
is_literal(const char *p, size_t col)
{
	if (*p == ' ' || *p == '\t')
		return p[1] != '\0' && line_end(p + 1) == 0;
	if (col == 0 && (*p == '.' || strncmp(p, "From ", 5) == 0))
		return 0;
	return *p > ' ' && *p <= '~' && *p != '=';
}

void
email_quoted(FILE *f, const char *text)
{
	size_t col = 0, end, need;

	for (const char *p = text; *p != '\0'; p += end > 0 ? end : 1) {
		end = line_end(p);
		if (end > 0) {
			(void)fputs("\r\n", f);
			col = 0;
			continue;
		}
		need = is_literal(p, col) ? 1 : 3;
		if (col + need > QUOTED_COLUMNS) {
			(void)fputs("=\r\n", f);
			col = 0;
			need = is_literal(p, col) ? 1 : 3;
		}
		if (need == 1)
			(void)fputc(*p, f);
		else
			(void)fprintf(f, "=%02X", (unsigned char)*p);
		col += need;
	}
	if (col > 0)
		(void)fputs("\r\n", f);
}
