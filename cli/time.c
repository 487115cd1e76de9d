/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/units.h"
#include "cli/time.h"

/* Takes `n` digits and the character `after`, unless that is NUL. */
static int
field_take(const char **s, int n, int min, int max, char after, int *v)
{
	int sum = 0;

	for (int i = 0; i < n; i++, (*s)++) {
		if (!isdigit((unsigned char)**s))
			return SW_EINVAL;
		sum = sum * 10 + (**s - '0');
	}
	if (sum < min || sum > max)
		return SW_EINVAL;
	if (after != '\0' && *(*s)++ != after)
		return SW_EINVAL;
	*v = sum;
	return 0;
}

/* Takes ".123456", if it follows, as milliseconds. */
static int
fraction_take(const char **s, int64_t *ms)
{
	int64_t scale = 100;

	*ms = 0;
	if (**s != '.')
		return 0;
	(*s)++;
	if (!isdigit((unsigned char)**s))
		return SW_EINVAL;
	for (; isdigit((unsigned char)**s); (*s)++, scale /= 10)
		*ms += (**s - '0') * scale;
	return 0;
}

/* Takes "Z" or "+01:00", which must be the end of the text. */
static int
zone_take(const char *s, int64_t *offset_s)
{
	int sign = *s == '-' ? -1 : 1, hour, minute;

	*offset_s = 0;
	if (strcmp(s, "Z") == 0 || strcmp(s, "z") == 0)
		return 0;
	if (*s != '+' && *s != '-')
		return SW_EINVAL;
	s++;
	if (field_take(&s, 2, 0, 23, ':', &hour) < 0 ||
		field_take(&s, 2, 0, 59, '\0', &minute) < 0 || *s != '\0')
		return SW_EINVAL;
	*offset_s = sign * (hour * 3600LL + minute * 60LL);
	return 0;
}

/* Takes "2026-01-31", a day that exists. */
static int
date_take(const char **s, struct tm *tm)
{
	struct tm check;

	memset(tm, 0, sizeof(*tm));
	if (field_take(s, 4, 1970, 9999, '-', &tm->tm_year) < 0 ||
		field_take(s, 2, 1, 12, '-', &tm->tm_mon) < 0 ||
		field_take(s, 2, 1, 31, '\0', &tm->tm_mday) < 0)
		return SW_EINVAL;
	tm->tm_year -= 1900;
	tm->tm_mon -= 1;
	check = *tm;
	(void)timegm(&check);
	return check.tm_mday == tm->tm_mday ? 0 : SW_EINVAL;
}

static int
rfc3339(const char *s, int64_t *at_ms)
{
	struct tm tm;
	int64_t ms = 0, offset_s = 0;

	if (date_take(&s, &tm) < 0)
		return SW_EINVAL;
	if (*s != '\0') {
		if (strchr("Tt ", *s) == NULL)
			return SW_EINVAL;
		s++;
		if (field_take(&s, 2, 0, 23, ':', &tm.tm_hour) < 0 ||
			field_take(&s, 2, 0, 59, ':', &tm.tm_min) < 0 ||
			field_take(&s, 2, 0, 60, '\0', &tm.tm_sec) < 0 ||
			fraction_take(&s, &ms) < 0 ||
			zone_take(s, &offset_s) < 0)
			return SW_EINVAL;
	}
	ms += ((int64_t)timegm(&tm) - offset_s) * 1000;
	if (ms < 0)
		return SW_EINVAL;
	*at_ms = ms;
	return 0;
}

int
time_point(const char *text, int64_t now_ms, int sign, int64_t *at_ms)
{
	int64_t ms, at;

	if (rfc3339(text, at_ms) == 0)
		return 0;
	if (unit_parse(UNIT_MS, text, &ms) < 0)
		return SW_EINVAL;
	if (__builtin_add_overflow(now_ms, sign * ms, &at))
		return SW_EINVAL;
	*at_ms = at < 0 ? 0 : at;
	return 0;
}

/* `n` in tenths of `unit`, rounded. */
static uint64_t
tenths(uint64_t n, unsigned unit)
{
	return (n / unit) * 10 + (n % unit * 10 + unit / 2) / unit;
}

char *
human_bytes(char t[HUMAN_TEXT], int64_t bytes)
{
	static const char *const units[] = {"KB", "MB", "GB", "TB", "PB", NULL};
	const char *const *u = units;
	uint64_t n = bytes < 0 ? 0 : (uint64_t)bytes, x;

	if (n < 1024) {
		(void)snprintf(t, HUMAN_TEXT, "%" PRIu64 " B", n);
		return t;
	}
	while (tenths(n, 1024) >= 10240 && u[1] != NULL) {
		n /= 1024;
		u++;
	}
	x = tenths(n, 1024);
	(void)snprintf(t, HUMAN_TEXT, "%" PRIu64 ".%" PRIu64 " %s", x / 10,
		x % 10, *u);
	return t;
}

char *
human_count(char t[HUMAN_TEXT], int64_t n)
{
	char plain[HUMAN_TEXT];
	size_t len, at = 0;
	int minus = n < 0;

	(void)snprintf(plain, sizeof(plain), "%" PRIu64,
		minus ? 0 - (uint64_t)n : (uint64_t)n);
	len = strlen(plain);
	if (minus)
		t[at++] = '-';
	for (size_t i = 0; i < len; i++) {
		t[at++] = plain[i];
		if ((len - i) % 3 == 1 && i + 1 < len)
			t[at++] = ',';
	}
	t[at] = '\0';
	return t;
}

char *
human_short(char t[HUMAN_TEXT], int64_t n)
{
	static const char units[] = "kMGTPE";
	const char *u = units;
	uint64_t v = n < 0 ? 0 : (uint64_t)n;

	if (v < 10000) {
		(void)snprintf(t, HUMAN_TEXT, "%" PRIu64, v);
		return t;
	}
	while (v >= 1000000 && u[1] != '\0') {
		v /= 1000;
		u++;
	}
	if (v < 100000)
		(void)snprintf(t, HUMAN_TEXT, "%" PRIu64 ".%" PRIu64 "%c",
			v / 1000, v % 1000 / 100, *u);
	else
		(void)snprintf(t, HUMAN_TEXT, "%" PRIu64 "%c", v / 1000, *u);
	return t;
}

char *
human_time(char t[HUMAN_TEXT], int64_t at_ms)
{
	time_t s = (time_t)(at_ms / 1000);
	struct tm tm;

	if (gmtime_r(&s, &tm) == NULL ||
		strftime(t, HUMAN_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		(void)snprintf(t, HUMAN_TEXT, "%" PRId64 " ms", at_ms);
	return t;
}
