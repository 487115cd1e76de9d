/* SPDX-License-Identifier: MIT */
#include "jobs/logs/scan_text.h"

enum {
	METHOD_MAX = 32,
	MINUTE_LEN = 17, /* 22/Apr/2009:18:52 */
	ZONE_AT = 20,	 /* in 22/Apr/2009:18:52:51 +1200, with the blank */
};

/* --- fields -------------------------------------------------------------- */

static struct bytes
span(const char *from, const char *to)
{
	return bytes_of(from, (size_t)(to - from));
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

/* The blank behind a method such as GET, or NULL. */
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
scan_request(struct bytes request, struct bytes *method, struct bytes *path)
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
	*method = span(p, q);
	*path = scan_path(span(q + 1, end));
}

/* --- moments ------------------------------------------------------------- */

/* Two digits, or -1. */
static int
two_digits(const char *p)
{
	unsigned a = (unsigned)p[0] - '0', b = (unsigned)p[1] - '0';

	return a > 9 || b > 9 ? -1 : (int)(a * 10 + b);
}

static int
month(const char *p)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (int m = 0; m < 12; m++)
		if (memcmp(names + 3 * m, p, 3) == 0)
			return m + 1;
	return -1;
}

static int
days_in(int y, int m)
{
	static const int days[] = {
		31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

	return days[m - 1] + (m == 2 && leap);
}

/*
 * Days since 1970-01-01 of a date of the Gregorian calendar; Howard Hinnant,
 * "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
 */
static int64_t
days_from_civil(int y, int m, int d)
{
	int era, yoe, doy, doe;

	y -= m <= 2;
	era = y / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return (int64_t)era * 146097 + doe - 719468;
}

/* 0, or -1 for a date or time that does not exist. */
static int
minute_s(int y, int mon, int d, int h, int min, int64_t *s)
{
	if (y < 1970 || mon < 1 || mon > 12 || d < 1 || d > days_in(y, mon) ||
		h < 0 || h > 23 || min < 0 || min > 59)
		return -1;
	*s = days_from_civil(y, mon, d) * 86400 + h * 3600 + min * 60;
	return 0;
}

/* "+1200" or "+12:00"; 0, or -1. */
static int
zone_s(const char *p, size_t len, int64_t *s)
{
	size_t colon = len == 6 && p[3] == ':';
	int h, min;

	if (len != 5 + colon || (p[0] != '+' && p[0] != '-'))
		return -1;
	h = two_digits(p + 1);
	min = two_digits(p + 3 + colon);
	if (h < 0 || h > 23 || min < 0 || min > 59)
		return -1;
	*s = (p[0] == '-' ? -1 : 1) * (h * 3600 + min * 60);
	return 0;
}

/* Reads date, hour, minute and zone into the clock. */
static int
minute_read(struct scan_clock *c, const char *p)
{
	int century = two_digits(p + 7), year = two_digits(p + 9);
	int64_t at, zone;

	if (p[2] != '/' || p[6] != '/' || p[11] != ':' || p[14] != ':' ||
		p[ZONE_AT] != ' ' || century < 0 || year < 0 ||
		minute_s(century * 100 + year, month(p + 3), two_digits(p),
			two_digits(p + 12), two_digits(p + 15), &at) < 0 ||
		zone_s(p + ZONE_AT + 1, 5, &zone) < 0)
		return -1;
	memcpy(c->minute, p, MINUTE_LEN);
	memcpy(c->zone, p + ZONE_AT, sizeof(c->zone));
	c->minute_s = at - zone;
	return 0;
}

int
scan_time_clf(struct scan_clock *c, const char *p, int64_t *at_s)
{
	int sec = two_digits(p + MINUTE_LEN + 1);

	/* 60: a leap second. */
	if (p[MINUTE_LEN] != ':' || sec < 0 || sec > 60)
		return -1;
	if ((memcmp(p, c->minute, MINUTE_LEN) != 0 ||
		    memcmp(p + ZONE_AT, c->zone, sizeof(c->zone)) != 0) &&
		minute_read(c, p) < 0)
		return -1;
	*at_s = c->minute_s + sec;
	return 0;
}

/* 2009-04-22T18:52:51[.5][Z|+12:00] */
static int
iso_read(const char *p, size_t len, int64_t *at_s)
{
	int64_t at, zone = 0;
	size_t i = 19;
	int century, year, sec;

	if (len < 19 || p[4] != '-' || p[7] != '-' || p[13] != ':' ||
		p[16] != ':' || (p[10] != 'T' && p[10] != ' '))
		return -1;
	century = two_digits(p);
	year = two_digits(p + 2);
	sec = two_digits(p + 17);
	if (century < 0 || year < 0 || sec < 0 || sec > 60 ||
		minute_s(century * 100 + year, two_digits(p + 5),
			two_digits(p + 8), two_digits(p + 11),
			two_digits(p + 14), &at) < 0)
		return -1;
	if (i < len && (p[i] == '.' || p[i] == ','))
		for (i++; i < len && p[i] >= '0' && p[i] <= '9';)
			i++;
	if (i < len && !(len - i == 1 && p[i] == 'Z') &&
		zone_s(p + i, len - i, &zone) < 0)
		return -1;
	*at_s = at - zone + sec;
	return 0;
}

/* 1240383171, 1240383171.25 or 1240383171250 */
static int
unix_read(const char *p, size_t len, int64_t *at_s)
{
	const char *dot = memchr(p, '.', len);
	uint64_t n, fraction;

	if (dot != NULL) {
		size_t digits = len - (size_t)(dot - p) - 1;

		if (scan_number(bytes_of(dot + 1, digits), UINT64_MAX,
			    &fraction) < 0)
			return -1;
		len = (size_t)(dot - p);
	}
	if (scan_number(bytes_of(p, len), 100000000000000, &n) < 0)
		return -1;
	*at_s = (int64_t)(n < 100000000000 ? n : n / 1000);
	return 0;
}

int64_t
scan_time(struct scan_clock *c, struct bytes text)
{
	int64_t at;

	if (text.len == 0)
		return SCAN_NO_TIME;
	if (text.len == 26 && scan_time_clf(c, text.p, &at) == 0)
		return at;
	if (iso_read(text.p, text.len, &at) == 0 ||
		unix_read(text.p, text.len, &at) == 0)
		return at;
	return SCAN_NO_TIME;
}

/* --- durations ----------------------------------------------------------- */

/* Reads digits into `*v` and counts those that no longer fit in `*dropped`. */
static int
digits_take(const char **p, const char *end, uint64_t *v, int *dropped)
{
	const char *from = *p;

	for (; *p < end && **p >= '0' && **p <= '9'; (*p)++) {
		if (*v < UINT64_MAX / 100)
			*v = *v * 10 + (uint64_t)(**p - '0');
		else
			(*dropped)++;
	}
	return (int)(*p - from);
}

/* Reads an optional exponent such as "e-05"; 0, or -1. */
static int
exponent_take(const char **p, const char *end, int *e)
{
	uint64_t v = 0;
	int minus, dropped = 0, n;

	if (*p == end || (**p != 'e' && **p != 'E'))
		return 0;
	(*p)++;
	minus = *p < end && **p == '-';
	if (*p < end && (**p == '-' || **p == '+'))
		(*p)++;
	n = digits_take(p, end, &v, &dropped);
	if (n < 1 || n > 3)
		return -1;
	*e += minus ? -(int)v : (int)v;
	return 0;
}

/* The powers of 10 that a double represents exactly. */
static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
	1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21,
	1e22};

enum { POWERS = sizeof(powers) / sizeof(powers[0]) - 1 };

int64_t
scan_took(struct bytes text, int64_t unit_us)
{
	const char *p = text.p, *end;
	uint64_t v = 0;
	int e = 0, n, lost = 0, whole;
	double us;

	if (text.len == 0 || text.len > 40)
		return SCAN_NO_TOOK;
	end = p + text.len;
	whole = digits_take(&p, end, &v, &e);
	if (whole > 0 && p < end && *p == '.') {
		p++;
		n = digits_take(&p, end, &v, &lost);
		if (n == 0)
			return SCAN_NO_TOOK;
		e -= n - lost;
	}
	if (whole == 0 || exponent_take(&p, end, &e) < 0 || p < end)
		return SCAN_NO_TOOK;
	if (e < -POWERS || e > POWERS)
		return v == 0 || e < 0 ? 0 : SCAN_NO_TOOK;
	us = (double)v * (double)unit_us;
	us = e < 0 ? us / powers[-e] : us * powers[e];
	return us <= (double)SCAN_TOOK_MAX_US ? (int64_t)(us + 0.5)
					      : SCAN_NO_TOOK;
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
