/* SPDX-License-Identifier: MIT */
#include "jobs/logs/scan.h"

enum { TIME_LEN = 26 }; /* 22/Apr/2009:18:52:51 +1200 */

static struct bytes
span(const char *from, const char *to)
{
	return bytes_of(from, (size_t)(to - from));
}

static const char *
char_find(const char *p, const char *end, char c)
{
	return memchr(p, c, (size_t)(end - p));
}

static int
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * The quote that ends a quoted field, or NULL.  Runs of backslashes do not
 * overlap, so the look back over them costs linear time.
 */
static const char *
quote_end(const char *p, const char *end)
{
	const char *q, *b;

	for (const char *from = p; from < end; from = q + 1) {
		q = char_find(from, end, '"');
		if (q == NULL)
			return NULL;
		for (b = q; b > p && b[-1] == '\\'; b--)
			;
		if (((q - b) & 1) == 0)
			return q;
	}
	return NULL;
}

/* Reads ` "…"` at `p`; the place behind it, or NULL. */
static const char *
quoted_take(const char *p, const char *end, struct bytes *field)
{
	const char *q;

	if (end - p < 3 || p[0] != ' ' || p[1] != '"')
		return NULL;
	q = quote_end(p + 2, end);
	if (q == NULL)
		return NULL;
	*field = span(p + 2, q);
	return q + 1;
}

/* Reads `ident user [time]`; a user may contain blanks and brackets. */
static const char *
stamp_take(struct log_scan *s, const char *p, const char *end, int64_t *at_s)
{
	for (; p < end; p++) {
		p = char_find(p, end, '[');
		if (p == NULL || end - p < TIME_LEN + 2)
			return NULL;
		if (p[-1] == ' ' && p[TIME_LEN + 1] == ']' &&
			scan_time_clf(&s->clock, p + 1, at_s) == 0)
			return p + TIME_LEN + 2;
	}
	return NULL;
}

/* Reads ` 200 1234`; the place behind it, or NULL with `*why` set. */
static const char *
numbers_take(
	const char *p, const char *end, struct log_line *l, const char **why)
{
	const char *q;
	uint64_t status;

	*why = "no status of three digits";
	if (end - p < 5 || p[0] != ' ' || p[4] != ' ' ||
		scan_number(bytes_of(p + 1, 3), 999, &status) < 0)
		return NULL;
	l->status = (int)status;
	p += 5;
	*why = "no size, or one beyond 1 TiB";
	if (p < end && *p == '-')
		q = p + 1; /* nothing was sent */
	else {
		for (q = p; q < end && is_digit(*q); q++)
			;
		if (scan_number(span(p, q), SCAN_BYTES_MAX, &l->bytes) < 0)
			return NULL;
	}
	return q == end || *q == ' ' ? q : NULL;
}

static const char *
scan_clf(struct log_scan *s, struct log_line *l)
{
	const char *p = l->raw.p, *end = p + l->raw.len, *q, *why;
	struct bytes request;

	q = char_find(p, end, ' ');
	if (q == NULL || *p <= ' ' || *p >= 0x7f)
		return "no client address";
	l->client = span(p, q);
	p = stamp_take(s, q + 1, end, &l->at_s);
	if (p == NULL)
		return "no [time]";
	p = quoted_take(p, end, &request);
	if (p == NULL)
		return "no \"request\"";
	scan_request(request, &l->method, &l->path);
	p = numbers_take(p, end, l, &why);
	if (p == NULL)
		return why;
	if (p == end)
		return NULL;
	p = quoted_take(p, end, &l->referer);
	if (p == NULL)
		return "no \"referer\" after the size";
	p = quoted_take(p, end, &l->agent);
	if (p == NULL)
		return "no \"user agent\" after the referer";
	if (p < end && *p != ' ')
		return "text behind the user agent";
	l->took_us = scan_took_last(p, end);
	return NULL;
}

void
scan_init(struct log_scan *s, struct bytes text, char *scratch, size_t cap)
{
	memset(s, 0, sizeof(*s));
	if (text.len > 0) {
		s->p = text.p;
		s->end = s->p + text.len;
	}
	if (cap > 0) {
		s->scratch = scratch;
		s->scratch_end = scratch + cap;
	}
}

/* Reads the next line that is not empty; 0 at the end. */
static int
line_take(struct log_scan *s, struct bytes *raw)
{
	while (s->p < s->end) {
		const char *p = s->p, *q = char_find(p, s->end, '\n');

		s->p = q == NULL ? s->end : q + 1;
		if (q == NULL)
			q = s->end;
		if (q > p && q[-1] == '\r')
			q--;
		if (q > p) {
			*raw = span(p, q);
			return 1;
		}
	}
	return 0;
}

enum scan_kind
scan_plain(struct log_scan *s, struct log_line *line)
{
	struct bytes raw;

	if (!line_take(s, &raw))
		return SCAN_END;
	*line = (struct log_line){
		.raw = raw, .at_s = SCAN_NO_TIME, .took_us = SCAN_NO_TOOK};
	line->why = *(const char *)raw.p == '{' ? scan_json(s, line)
						: scan_clf(s, line);
	return line->why == NULL ? SCAN_GOOD : SCAN_BAD;
}
