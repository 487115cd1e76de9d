/* SPDX-License-Identifier: MIT */
#include "jobs/logs/scan.h"

#ifdef __SSE2__

#include <emmintrin.h>

/*
 * The fast path, for lines as servers write them: 60 ns a line where
 * scan_plain() takes 110.  The fields of a log differ in length from line to
 * line, and a loop over a field ends with a mispredicted branch of 5 ns.  So
 * here a mask of 64 bytes finds the end of a field, numbers are read eight
 * digits at a time, and nearly all lines take the same branches.  Masks of AVX2
 * or AVX-512 gain another 2 %: not worth a second build.
 */

enum {
	WINDOW = 64,
	FIELD = 2 * WINDOW, /* longer fields are left to scan_plain() */
	DIGITS = 8,
	TAIL = 16,  /* bytes at a line's end, searched for the duration */
	STAMP = 28, /* [22/Apr/2009:18:52:51 +1200] */
};

/* Forced: gcc would call these, with the byte to find in a register. */
#define INLINE static inline __attribute__((always_inline))

INLINE struct bytes
span(const char *from, const char *to)
{
	return bytes_of(from, (size_t)(to - from));
}

INLINE __m128i
load16(const char *p)
{
	return _mm_loadu_si128((const void *)p);
}

INLINE uint64_t
load8(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* A bit for each of 16 bytes, the first one the lowest. */
INLINE uint64_t
mask_of(__m128i v)
{
	return (unsigned)_mm_movemask_epi8(v);
}

INLINE __m128i
bytes_equal(__m128i v, char c)
{
	return _mm_cmpeq_epi8(v, _mm_set1_epi8(c));
}

INLINE uint64_t
either16(const char *p, char a, char b)
{
	__m128i v = load16(p);

	return mask_of(_mm_or_si128(bytes_equal(v, a), bytes_equal(v, b)));
}

INLINE uint64_t
either64(const char *p, char a, char b)
{
	return either16(p, a, b) | either16(p + 16, a, b) << 16 |
	       either16(p + 32, a, b) << 32 | either16(p + 48, a, b) << 48;
}

/* The index of the lowest bit; `mask` is not 0. */
INLINE size_t
lowest(uint64_t mask)
{
	return (unsigned)__builtin_ctzll(mask);
}

/*
 * The first `c` before the next newline, or NULL: not within FIELD bytes.  At
 * least WINDOW bytes of text follow the result.
 */
INLINE const char *
first_of(const char *p, const char *end, char c)
{
	uint64_t mask;

	if (end - p < FIELD + WINDOW)
		return NULL;
	mask = either64(p, c, '\n');
	if (mask == 0) {
		p += WINDOW;
		mask = either64(p, c, '\n');
	}
	if (mask == 0)
		return NULL;
	p += lowest(mask);
	return *p == c ? p : NULL;
}

/* The quote that ends a field, as above; `p[-1]` is the opening quote. */
INLINE const char *
field_end(const char *p, const char *end)
{
	const char *q = first_of(p, end, '"'), *b;

	while (q != NULL && q[-1] == '\\') {
		for (b = q; b[-1] == '\\'; b--)
			;
		if (((q - b) & 1) == 0)
			break;
		q = first_of(q + 1, end, '"');
	}
	return q;
}

/* Loads the `n` digits before `end`, 1 to DIGITS, as bytes 0-9 behind zeros. */
INLINE uint64_t
digits_load(const char *end, size_t n)
{
	size_t others = 8 * (DIGITS - n);
	uint64_t zeros = UINT64_C(0x3030303030303030);

	return (load8(end - DIGITS) ^ zeros) >> others << others;
}

/*
 * Adds up eight digits, the first in the lowest byte: pairs, then fours, then
 * all.  0, or -1: a byte is no digit.
 */
INLINE int
number_of(uint64_t w, uint64_t *n)
{
	const uint64_t even = UINT64_C(0x000000ff000000ff);
	const uint64_t fits = UINT64_C(0x7676767676767676);
	const uint64_t tops = UINT64_C(0x8080808080808080);

	if (((w + fits) | w) & tops)
		return -1;
	w = w * 10 + (w >> 8);
	*n = ((w & even) * (100 + (UINT64_C(1000000) << 32)) +
		     (w >> 16 & even) * (1 + (UINT64_C(10000) << 32))) >>
	     32;
	return 0;
}

/* The `[` of the time behind a user that is not "-", or NULL. */
static const char *
stamp_find(const char *p, const char *end)
{
	const char *q = first_of(p, end, '"');

	/* The user is too short to contain a time, which scan_plain() reads. */
	if (q == NULL || q - p < STAMP + 1 || q - p >= 2 * STAMP + 1)
		return NULL;
	q -= STAMP + 1;
	return q[-1] == ' ' ? q : NULL;
}

/* Reads client and time; the first byte of the request, or NULL. */
INLINE const char *
head_take(struct log_scan *s, struct log_line *l)
{
	const char *p = s->p, *q = first_of(p, s->end, ' '), *at;

	if (q == NULL || *p <= ' ' || *p >= 0x7f || *p == '{')
		return NULL;
	at = memcmp(q, " - - [", 6) == 0 ? q + 5 : stamp_find(q + 1, s->end);
	if (at == NULL || at[0] != '[' ||
		memcmp(at + STAMP - 1, "] \"", 3) != 0 ||
		scan_time_clf(&s->clock, at + 1, &l->at_s) < 0)
		return NULL;
	l->client = span(p, q);
	return at + STAMP + 2;
}

/* The length of a method of capital letters before a blank; 0: none. */
INLINE size_t
method_len(const char *p)
{
	__m128i v = load16(p),
		above = _mm_cmpgt_epi8(v, _mm_set1_epi8('A' - 1)),
		below = _mm_cmplt_epi8(v, _mm_set1_epi8('Z' + 1));
	uint64_t letters = mask_of(_mm_and_si128(above, below));
	uint64_t blanks = mask_of(bytes_equal(v, ' '));
	uint64_t method = (blanks & -blanks) - 1;

	return blanks != 0 && (method & ~letters) == 0 ? lowest(blanks) : 0;
}

/* The length of " HTTP/1.1" or " HTTP/2" before `end`, or 0. */
INLINE size_t
version_len(const char *end)
{
	const uint64_t six = UINT64_C(0x0000ffffffffffff);
	const uint64_t http = UINT64_C(0x2f5054544820); /* " HTTP/" */
	size_t nine = (load8(end - 9) & six) == http;
	size_t seven = (load8(end - 7) & six) == http;

	return nine * 9 + seven * 7;
}

INLINE void
request_take(const char *p, const char *end, struct log_line *l)
{
	size_t method = method_len(p);
	const char *path = p + method + 1;
	ptrdiff_t len = end - path - (ptrdiff_t)version_len(end);

	if (method == 0 || len <= 0 || len >= WINDOW) {
		l->method = bytes_of(NULL, 0);
		l->path = bytes_of(NULL, 0);
		scan_request(span(p, end), &l->method, &l->path);
		return;
	}
	l->method = bytes_of(p, method);
	l->path = bytes_of(
		path, lowest(either64(path, '?', '?') | UINT64_C(1) << len));
}

/* Reads ` 200 1234`; the blank or newline behind it, or NULL. */
INLINE const char *
numbers_take(const char *p, struct log_line *l)
{
	const char *size = p + 5;
	size_t n = lowest(either16(size, ' ', '\n') | 1 << (DIGITS + 1));
	uint64_t status;

	if (p[0] != ' ' || p[4] != ' ' || n == 0 || n > DIGITS ||
		number_of(digits_load(p + 4, 3), &status) < 0)
		return NULL;
	l->status = (int)status;
	l->bytes = 0;
	if (n == 1 && *size == '-')
		return size + 1;
	return number_of(digits_load(size + n, n), &l->bytes) == 0 ? size + n
								   : NULL;
}

/* Reads the duration of a line that ends like ` 0.004`; -1: another end. */
INLINE int
took_take(const char *end, int64_t *us)
{
	static const uint32_t scale[] = {
		1, 10, 100, 1000, 10000, 100000, 1000000};
	uint64_t blanks = mask_of(bytes_equal(load16(end - TAIL), ' '));
	uint64_t points = mask_of(bytes_equal(load16(end - TAIL), '.'));
	size_t len, whole;
	uint64_t w, before, n;

	if (blanks == 0)
		return -1;
	len = (size_t)__builtin_clzll(blanks) - (64 - TAIL);
	points >>= TAIL - len;
	if (len > DIGITS || points == 0)
		return -1;
	whole = lowest(points);
	if (whole == 0 || whole + 1 == len)
		return -1;
	/* Removes the point from the digits. */
	w = digits_load(end, len);
	before = (UINT64_C(1) << 8 * (DIGITS - len + whole)) - 1;
	w = (w & before) << 8 | (w & ~(before << 8 | 0xff));
	if (number_of(w, &n) < 0)
		return -1;
	*us = (int64_t)(n * scale[6 + whole + 1 - len]);
	return *us <= SCAN_TOOK_MAX_US ? 0 : -1;
}

/* Reads the rest behind the agent; the newline, or NULL. */
INLINE const char *
tail_take(struct log_scan *s, const char *p, struct log_line *l)
{
	uint64_t mask = mask_of(bytes_equal(load16(p), '\n')) |
			mask_of(bytes_equal(load16(p + 16), '\n')) << 16;
	const char *nl, *end;

	/* memchr(): behind the agent many logs have further fields. */
	nl = mask != 0 ? p + lowest(mask)
		       : memchr(p, '\n', (size_t)(s->end - p));
	if (nl == NULL)
		return NULL;
	end = nl - (nl[-1] == '\r');
	if (p < end && *p != ' ')
		return NULL;
	if (p == end)
		l->took_us = SCAN_NO_TOOK;
	else if (took_take(end, &l->took_us) < 0)
		l->took_us = scan_took_last(p, end);
	l->raw = span(l->client.p, end);
	return nl;
}

/* Reads the referer, the agent and the rest; the newline, or NULL. */
INLINE const char *
combined_take(struct log_scan *s, const char *p, struct log_line *l)
{
	const char *q;

	if (p[1] != '"' || (q = field_end(p + 2, s->end)) == NULL)
		return NULL;
	l->referer = span(p + 2, q);
	if (q[1] != ' ' || q[2] != '"' ||
		(p = field_end(q + 3, s->end)) == NULL)
		return NULL;
	l->agent = span(q + 3, p);
	return tail_take(s, p + 1, l);
}

/* Reads a line of the usual form: 1; 0: scan_plain() must read the line. */
INLINE int
line_quick(struct log_scan *s, struct log_line *l)
{
	const char *p = head_take(s, l), *q;

	if (p == NULL || (q = field_end(p, s->end)) == NULL)
		return 0;
	request_take(p, q, l);
	p = numbers_take(q + 1, l);
	if (p == NULL)
		return 0;
	if (*p == '\n') {
		l->referer = bytes_of(NULL, 0);
		l->agent = bytes_of(NULL, 0);
		l->took_us = SCAN_NO_TOOK;
		l->raw = span(s->p, p);
	} else if ((p = combined_take(s, p, l)) == NULL)
		return 0;
	l->why = NULL;
	s->p = p + 1;
	return 1;
}

#else

static int
line_quick(struct log_scan *s, struct log_line *l)
{
	(void)s;
	(void)l;
	return 0;
}

#endif

enum scan_kind
scan_next(struct log_scan *s, struct log_line *l)
{
	return line_quick(s, l) ? SCAN_GOOD : scan_plain(s, l);
}
