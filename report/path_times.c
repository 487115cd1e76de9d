/* SPDX-License-Identifier: MIT */
#include "report/path_times.h"

#include "base/error.h"

/* The *_take() functions return the place behind, or NULL: not there. */

static const char *
mark_take(const char *p, const char *end, char c)
{
	return p != NULL && p < end && *p == c ? p + 1 : NULL;
}

static const char *
number_take(const char *p, const char *end, uint64_t *n)
{
	const char *from = p;
	uint64_t v = 0;

	for (; p != NULL && p < end && *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return NULL;
	*n = v;
	return p == from ? NULL : p;
}

/* `"104":3` */
static const char *
pair_take(const char *p, const char *end, uint64_t n[PATH_TIMES])
{
	uint64_t bucket = 0, times = 0;

	p = number_take(mark_take(p, end, '"'), end, &bucket);
	p = mark_take(mark_take(p, end, '"'), end, ':');
	p = number_take(p, end, &times);
	if (p == NULL || bucket >= PATH_TIMES)
		return NULL;
	n[bucket] += times;
	return p;
}

int
path_times_read(struct bytes text, uint64_t n[PATH_TIMES])
{
	const char *p = text.p, *end = p + text.len;

	if (bytes_eq(text, bytes_str("{}")))
		return 0;
	if (text.len == 0 || *p != '{')
		return SW_ECORRUPT;
	do
		p = pair_take(p + 1, end, n);
	while (p != NULL && p < end && *p == ',');
	return mark_take(p, end, '}') == end ? 0 : SW_ECORRUPT;
}

static char *
number_put(char *to, uint64_t n)
{
	char digits[20];
	size_t len = 0;

	do
		digits[len++] = (char)('0' + n % 10);
	while ((n /= 10) != 0);
	while (len > 0)
		*to++ = digits[--len];
	return to;
}

size_t
path_times_write(const uint64_t n[PATH_TIMES], char text[PATH_TIMES_TEXT])
{
	char *to = text;

	*to++ = '{';
	for (unsigned i = 0; i < PATH_TIMES; i++) {
		if (n[i] == 0)
			continue;
		if (to > text + 1)
			*to++ = ',';
		*to++ = '"';
		to = number_put(to, i);
		*to++ = '"';
		*to++ = ':';
		to = number_put(to, n[i]);
	}
	*to++ = '}';
	return (size_t)(to - text);
}
