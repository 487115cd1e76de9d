/* SPDX-License-Identifier: MIT */
#include "jobs/logs/scan.h"

enum {
	TIME_LEN = 26, /* 22/Apr/2009:18:52:51 +1200 */
	METHOD_MAX = 32,
};

static struct bytes
span(const char *from, const char *to)
{
	return bytes_of(from, (size_t)(to - from));
}

static const char *
find(const char *p, const char *end, char c)
{
	return memchr(p, c, (size_t)(end - p));
}

static int
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

int
scan_number(struct bytes text, uint64_t max, uint64_t *n)
{
	const char *p = text.p;
	uint64_t v = 0;

	if (text.len == 0 || text.len > 19)
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		if (!is_digit(p[i]))
			return -1;
		v = v * 10 + (uint64_t)(p[i] - '0');
	}
	if (v > max)
		return -1;
	*n = v;
	return 0;
}

struct bytes
scan_path(struct bytes path)
{
	const char *query;

	if (path.len == 0)
		return path;
	query = memchr(path.p, '?', path.len);
	return query == NULL ? path : span(path.p, query);
}

/* The blank after a method such as GET, or NULL. */
static const char *
method_end(const char *p, const char *end)
{
	const char *q = p;

	while (q < end && q - p < METHOD_MAX &&
		((*q >= 'A' && *q <= 'Z') || *q == '-' || *q == '_'))
		q++;
	return q > p && q < end && *q == ' ' ? q : NULL;
}

void
scan_request(struct bytes request, struct scan_line *l)
{
	const char *p = request.p, *end, *q;

	if (request.len == 0)
		return;
	end = p + request.len;
	q = method_end(p, end);
	if (q == NULL)
		return;
	/* " HTTP/1.1" or " HTTP/2" at the end; HTTP/0.9 has nothing there. */
	if (end - q > 9 && memcmp(end - 9, " HTTP/", 6) == 0)
		end -= 9;
	else if (end - q > 7 && memcmp(end - 7, " HTTP/", 6) == 0)
		end -= 7;
	if (q + 1 >= end)
		return;
	l->method = span(p, q);
	l->path = scan_path(span(q + 1, end));
}

/*
 * The quote that ends a quoted field, or NULL.  Runs of backslashes do not
 * overlap, so looking back along them stays linear.
 */
static const char *
quote_end(const char *p, const char *end)
{
	const char *q, *b;

	for (const char *from = p; from < end; from = q + 1) {
		q = find(from, end, '"');
		if (q == NULL)
			return NULL;
		for (b = q; b > p && b[-1] == '\\'; b--)
			;
		if (((q - b) & 1) == 0)
			return q;
	}
	return NULL;
}

/* Takes ` "…"` off the front; the place after it, or NULL. */
static const char *
quoted(const char *p, const char *end, struct bytes *field)
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

/* Takes `ident user [time]`; users may hold blanks and brackets. */
static const char *
stamp(struct scan *s, const char *p, const char *end, int64_t *at_s)
{
	for (; p < end; p++) {
		p = find(p, end, '[');
		if (p == NULL || end - p < TIME_LEN + 2)
			return NULL;
		if (p[-1] == ' ' && p[TIME_LEN + 1] == ']' &&
			scan_time_clf(s, p + 1, at_s) == 0)
			return p + TIME_LEN + 2;
	}
	return NULL;
}

/* Takes ` 200 1234`. */
static const char *
numbers(const char *p, const char *end, struct scan_line *l, const char **why)
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

int64_t
scan_took_last(const char *p, const char *end)
{
	const char *q = end;
	int points = 0;

	while (q > p && q[-1] != ' ')
		points += *--q == '.';
	return points == 1 ? scan_took(span(q, end), 1000000) : SCAN_NO_TOOK;
}

static const char *
scan_clf(struct scan *s, struct scan_line *l)
{
	const char *p = l->raw.p, *end = p + l->raw.len, *q, *why;
	struct bytes request;

	q = find(p, end, ' ');
	if (q == NULL || *p <= ' ' || *p >= 0x7f)
		return "no client address";
	l->client = span(p, q);
	p = stamp(s, q + 1, end, &l->at_s);
	if (p == NULL)
		return "no [time]";
	p = quoted(p, end, &request);
	if (p == NULL)
		return "no \"request\"";
	scan_request(request, l);
	p = numbers(p, end, l, &why);
	if (p == NULL)
		return why;
	if (p == end)
		return NULL;
	p = quoted(p, end, &l->referer);
	if (p == NULL)
		return "no \"referer\" after the size";
	p = quoted(p, end, &l->agent);
	if (p == NULL)
		return "no \"user agent\" after the referer";
	if (p < end && *p != ' ')
		return "text behind the user agent";
	l->took_us = scan_took_last(p, end);
	return NULL;
}

void
scan_init(struct scan *s, struct bytes text, char *scratch, size_t cap)
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

/* Cuts the next line that is not empty. */
static int
line_take(struct scan *s, struct bytes *raw)
{
	while (s->p < s->end) {
		const char *p = s->p, *q = find(p, s->end, '\n');

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
scan_plain(struct scan *s, struct scan_line *line)
{
	struct bytes raw;

	if (!line_take(s, &raw))
		return SCAN_END;
	*line = (struct scan_line){
		.raw = raw, .at_s = SCAN_NO_TIME, .took_us = SCAN_NO_TOOK};
	line->why = *(const char *)raw.p == '{' ? scan_json(s, line)
						: scan_clf(s, line);
	return line->why == NULL ? SCAN_GOOD : SCAN_BAD;
}
