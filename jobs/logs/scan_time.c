/* SPDX-License-Identifier: MIT */
#include "jobs/logs/scan.h"

enum {
	MINUTE_LEN = 17, /* 22/Apr/2009:18:52 */
	ZONE_AT = 20,	 /* in 22/Apr/2009:18:52:51 +1200, with the blank */
};

/* Two digits, or -1. */
static int
two(const char *p)
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
	h = two(p + 1);
	min = two(p + 3 + colon);
	if (h < 0 || h > 23 || min < 0 || min > 59)
		return -1;
	*s = (p[0] == '-' ? -1 : 1) * (h * 3600 + min * 60);
	return 0;
}

/* Reads the date, hour, minute and zone, and keeps them for the next line. */
static int
minute_read(struct scan *s, const char *p)
{
	int century = two(p + 7), year = two(p + 9);
	int64_t at, zone;

	if (p[2] != '/' || p[6] != '/' || p[11] != ':' || p[14] != ':' ||
		p[ZONE_AT] != ' ' || century < 0 || year < 0 ||
		minute_s(century * 100 + year, month(p + 3), two(p),
			two(p + 12), two(p + 15), &at) < 0 ||
		zone_s(p + ZONE_AT + 1, 5, &zone) < 0)
		return -1;
	memcpy(s->minute, p, MINUTE_LEN);
	memcpy(s->zone, p + ZONE_AT, sizeof(s->zone));
	s->minute_s = at - zone;
	return 0;
}

int
scan_time_clf(struct scan *s, const char *p, int64_t *at_s)
{
	int sec = two(p + MINUTE_LEN + 1);

	/* 60: a leap second. */
	if (p[MINUTE_LEN] != ':' || sec < 0 || sec > 60)
		return -1;
	if ((memcmp(p, s->minute, MINUTE_LEN) != 0 ||
		    memcmp(p + ZONE_AT, s->zone, sizeof(s->zone)) != 0) &&
		minute_read(s, p) < 0)
		return -1;
	*at_s = s->minute_s + sec;
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
	century = two(p);
	year = two(p + 2);
	sec = two(p + 17);
	if (century < 0 || year < 0 || sec < 0 || sec > 60 ||
		minute_s(century * 100 + year, two(p + 5), two(p + 8),
			two(p + 11), two(p + 14), &at) < 0)
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
scan_time(struct scan *s, struct bytes text)
{
	int64_t at;

	if (text.len == 0)
		return SCAN_NO_TIME;
	if (text.len == 26 && scan_time_clf(s, text.p, &at) == 0)
		return at;
	if (iso_read(text.p, text.len, &at) == 0 ||
		unix_read(text.p, text.len, &at) == 0)
		return at;
	return SCAN_NO_TIME;
}

/* The digits at the front of `*p`, into `*v` while there is room. */
static int
digits(const char **p, const char *end, uint64_t *v, int *dropped)
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

/* "e-05" at the front of `*p`, or nothing; 0, or -1. */
static int
exponent(const char **p, const char *end, int *e)
{
	uint64_t v = 0;
	int minus, dropped = 0, n;

	if (*p == end || (**p != 'e' && **p != 'E'))
		return 0;
	(*p)++;
	minus = *p < end && **p == '-';
	if (*p < end && (**p == '-' || **p == '+'))
		(*p)++;
	n = digits(p, end, &v, &dropped);
	if (n < 1 || n > 3)
		return -1;
	*e += minus ? -(int)v : (int)v;
	return 0;
}

/* All that a double holds exactly. */
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
	whole = digits(&p, end, &v, &e);
	if (whole > 0 && p < end && *p == '.') {
		p++;
		n = digits(&p, end, &v, &lost);
		if (n == 0)
			return SCAN_NO_TOOK;
		e -= n - lost;
	}
	if (whole == 0 || exponent(&p, end, &e) < 0 || p < end)
		return SCAN_NO_TOOK;
	if (e < -POWERS || e > POWERS)
		return v == 0 || e < 0 ? 0 : SCAN_NO_TOOK;
	us = (double)v * (double)unit_us;
	us = e < 0 ? us / powers[-e] : us * powers[e];
	return us <= (double)SCAN_TOOK_MAX_US ? (int64_t)(us + 0.5)
					      : SCAN_NO_TOOK;
}
