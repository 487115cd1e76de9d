/* SPDX-License-Identifier: MIT */
#include "base/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { FRACTION_DIGITS = 6 };

struct scale {
	const char *text;
	int64_t factor; /* in microseconds, bytes or thousandths per hour */
};

/* The largest first, so that a duration's parts can only come in that order. */
static const struct scale durations[] = {{"d", 86400000000}, {"h", 3600000000},
	{"m", 60000000}, {"s", 1000000}, {"ms", 1000}, {"us", 1}, {NULL, 0}};

static const struct scale sizes[] = {{"p", 1LL << 50}, {"t", 1LL << 40},
	{"g", 1LL << 30}, {"m", 1LL << 20}, {"k", 1LL << 10}, {NULL, 0}};

static const struct scale rates[] = {{"/s", UNIT_RATE_SECOND},
	{"/m", UNIT_RATE_SECOND / 60}, {"/h", UNIT_RATE_SECOND / 3600},
	{NULL, 0}};

/* How many microseconds a duration's own unit has. */
static const int64_t own_us[UNITS] = {
	[UNIT_US] = 1, [UNIT_MS] = 1000, [UNIT_S] = 1000000};

static const char *const names[UNITS] = {
	[UNIT_COUNT] = "number",
	[UNIT_US] = "duration",
	[UNIT_MS] = "duration",
	[UNIT_S] = "duration",
	[UNIT_BYTES] = "size",
	[UNIT_BYTES_OR_0] = "size",
	[UNIT_RATE] = "rate",
	[UNIT_FLAG] = "yes or no",
	[UNIT_ENDING] = "finish or term",
};

/* The words for 0 and 1; the first pair is written. */
static const char *const flags[][2] = {{"no", "yes"}, {"off", "on"},
	{"false", "true"}, {"0", "1"}, {NULL, NULL}};
static const char *const endings[][2] = {
	{"finish", "term"}, {"0", "1"}, {NULL, NULL}};

/* NULL: the values of the unit are not two words. */
static const char *const (*words_of(enum unit unit))[2]
{
	return unit == UNIT_FLAG ? flags : unit == UNIT_ENDING ? endings : NULL;
}

const char *
unit_name(enum unit unit)
{
	return names[unit];
}

static int
is_size(enum unit unit)
{
	return unit == UNIT_BYTES || unit == UNIT_BYTES_OR_0;
}

/* --- parsing -------------------------------------------------------------- */

/* A number with up to FRACTION_DIGITS digits behind a point. */
struct decimal {
	int64_t whole, fraction, scale; /* whole + fraction / scale */
};

static int
digits_take(const char **text, int64_t *value, int *n)
{
	int64_t v = 0;

	for (*n = 0; **text >= '0' && **text <= '9'; (*text)++, (*n)++)
		if (__builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, **text - '0', &v))
			return -ERANGE;
	*value = v;
	return *n > 0 ? 0 : -EINVAL;
}

static int
decimal_take(const char **text, struct decimal *d)
{
	int n, err = digits_take(text, &d->whole, &n);

	d->fraction = 0;
	d->scale = 1;
	if (err < 0 || **text != '.')
		return err;
	(*text)++;
	err = digits_take(text, &d->fraction, &n);
	if (err < 0 || n > FRACTION_DIGITS)
		return -EINVAL;
	while (n-- > 0)
		d->scale *= 10;
	return 0;
}

/* d times factor, less what is left over below 1. */
static int
decimal_scale(
	const struct decimal *d, int64_t factor, int64_t *value, int *exact)
{
	/* factor * fraction / scale, in two steps that both fit 64 bits */
	int64_t whole, rest = factor % d->scale * d->fraction;
	int64_t part = factor / d->scale * d->fraction + rest / d->scale;

	if (__builtin_mul_overflow(d->whole, factor, &whole) ||
		__builtin_add_overflow(whole, part, value))
		return -ERANGE;
	*exact = rest % d->scale == 0;
	return 0;
}

static int
count_parse(const char *text, int64_t *value)
{
	int n, err = digits_take(&text, value, &n);

	return err < 0 ? err : *text == '\0' ? 0 : -EINVAL;
}

static int
word_parse(const char *const (*words)[2], const char *text, int64_t *value)
{
	for (; (*words)[0] != NULL; words++)
		for (int v = 0; v < 2; v++)
			if (strcmp(text, (*words)[v]) == 0) {
				*value = v;
				return 0;
			}
	return -EINVAL;
}

/* "ms" begins with "m": a suffix ends where no letter follows. */
static const struct scale *
suffix_take(const char **text, const struct scale *s)
{
	size_t len = strspn(*text, "abcdefghijklmnopqrstuvwxyz");

	for (; s->text != NULL; s++)
		if (strlen(s->text) == len && memcmp(*text, s->text, len) == 0)
			break;
	*text += len;
	return s->text != NULL ? s : NULL;
}

/* One part of a duration, in the unit of `own` microseconds. */
static int
part_value(const struct decimal *d, int64_t factor, int64_t own, int64_t *value)
{
	int exact, err;

	if (factor >= own) {
		err = decimal_scale(d, factor / own, value, &exact);
		return err < 0 ? err : exact ? 0 : -EINVAL;
	}
	if (d->fraction != 0 || d->whole % (own / factor) != 0)
		return -EINVAL;
	*value = d->whole / (own / factor);
	return 0;
}

static int
duration_parse(const char *text, int64_t own, int64_t *value)
{
	const struct scale *s = durations;
	int64_t sum = 0, part;
	struct decimal d;
	int err;

	if (count_parse(text, value) == 0)
		return 0;
	do {
		err = decimal_take(&text, &d);
		if (err < 0)
			return err;
		s = suffix_take(&text, s);
		if (s == NULL)
			return -EINVAL;
		err = part_value(&d, s->factor, own, &part);
		if (err < 0)
			return err;
		if (__builtin_add_overflow(sum, part, &sum))
			return -ERANGE;
		s++; /* each unit once */
	} while (*text != '\0');
	*value = sum;
	return 0;
}

/* What may follow the number of a size: "", "m", " MB", "MiB"; 0: none. */
static int64_t
size_factor(const char *text)
{
	char low[5] = "";
	const char *rest = low + 1;
	size_t i;

	text += *text == ' ' && text[1] != '\0';
	for (i = 0; i < sizeof(low) - 1 && text[i] != '\0'; i++)
		low[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32
								 : text[i]);
	if (low[0] == '\0' || strcmp(low, "b") == 0)
		return 1;
	if (strcmp(rest, "") != 0 && strcmp(rest, "b") != 0 &&
		strcmp(rest, "ib") != 0)
		return 0;
	for (const struct scale *s = sizes; s->text != NULL; s++)
		if (s->text[0] == low[0])
			return s->factor;
	return 0;
}

static int
size_parse(const char *text, int64_t *value)
{
	struct decimal d;
	int exact, err = decimal_take(&text, &d);
	int64_t factor;

	if (err < 0)
		return err;
	factor = size_factor(text);
	if (factor == 0 || (factor == 1 && d.scale != 1))
		return -EINVAL;
	return decimal_scale(&d, factor, value, &exact);
}

static int
rate_parse(const char *text, int64_t *value)
{
	struct decimal d;
	int exact, err = decimal_take(&text, &d);
	const struct scale *s = rates;

	if (err < 0)
		return err;
	while (*text != '\0' && s->text != NULL && strcmp(text, s->text) != 0)
		s++;
	if (s->text == NULL)
		return -EINVAL;
	err = decimal_scale(&d, s->factor, value, &exact);
	/* 0 is no limit: a rate that is too small must not become one. */
	return err == 0 && *value == 0 && !exact ? -EINVAL : err;
}

int
unit_parse(enum unit unit, const char *text, int64_t *value)
{
	int64_t v = 0;
	const char *const(*words)[2] = words_of(unit);
	int err = unit == UNIT_COUNT  ? count_parse(text, &v)
		  : is_size(unit)     ? size_parse(text, &v)
		  : unit == UNIT_RATE ? rate_parse(text, &v)
		  : words != NULL     ? word_parse(words, text, &v)
				      : duration_parse(text, own_us[unit], &v);

	if (err == 0)
		*value = v;
	return err;
}

/* --- formatting ----------------------------------------------------------- */

static void
duration_format(int64_t own, int64_t value, char text[UNIT_TEXT])
{
	size_t at = 0;

	if (value == 0)
		(void)snprintf(text, UNIT_TEXT, "0");
	for (const struct scale *s = durations;
		value > 0 && s->text != NULL && s->factor >= own; s++) {
		int64_t n = value / (s->factor / own);

		value %= s->factor / own;
		if (n > 0)
			at += (size_t)snprintf(text + at, UNIT_TEXT - at,
				"%" PRId64 "%s", n, s->text);
	}
}

static void
size_format(int64_t value, char text[UNIT_TEXT])
{
	const struct scale *s = sizes;

	while (s->text != NULL && (value == 0 || value % s->factor != 0))
		s++;
	(void)snprintf(text, UNIT_TEXT, "%" PRId64 "%s",
		s->text != NULL ? value / s->factor : value,
		s->text != NULL ? s->text : "");
}

static void
rate_format(int64_t value, char text[UNIT_TEXT])
{
	const struct scale *s = rates;
	int len;

	while (s->text != NULL && value % s->factor != 0)
		s++;
	if (value == 0 || s->text != NULL) {
		(void)snprintf(text, UNIT_TEXT, "%" PRId64 "%s",
			value / s->factor, value == 0 ? "" : s->text);
		return;
	}
	len = snprintf(text, UNIT_TEXT, "%" PRId64 ".%03d", value / 1000,
		(int)(value % 1000));
	while (text[len - 1] == '0')
		len--;
	(void)snprintf(text + len, UNIT_TEXT - (size_t)len, "/h");
}

char *
unit_format(enum unit unit, int64_t value, char text[UNIT_TEXT])
{
	const char *const(*words)[2] = words_of(unit);

	if (words != NULL)
		(void)snprintf(text, UNIT_TEXT, "%s", (*words)[value != 0]);
	else if (own_us[unit] != 0)
		duration_format(own_us[unit], value, text);
	else if (is_size(unit))
		size_format(value, text);
	else if (unit == UNIT_RATE)
		rate_format(value, text);
	else
		(void)snprintf(text, UNIT_TEXT, "%" PRId64, value);
	return text;
}

char *
unit_range_format(enum unit unit, int64_t min, int64_t max, char text[UNIT_WHY])
{
	char least[UNIT_TEXT], most[UNIT_TEXT], what[32] = "";

	(void)unit_format(unit, min, least);
	(void)unit_format(unit, max, most);
	if (unit != UNIT_COUNT || max == INT64_MAX)
		(void)snprintf(what, sizeof(what), "%sa %s, ",
			unit == UNIT_BYTES_OR_0 ? "0 or " : "", names[unit]);
	if (words_of(unit) != NULL)
		(void)snprintf(text, UNIT_WHY, "%s", names[unit]);
	else if (max == INT64_MAX)
		(void)snprintf(text, UNIT_WHY, "%sat least %s", what, least);
	else
		(void)snprintf(text, UNIT_WHY, "%s%s to %s", what, least, most);
	return text;
}

int
unit_is_within(enum unit unit, int64_t min, int64_t max, int64_t value)
{
	if (value == 0 && unit == UNIT_BYTES_OR_0)
		return 1;
	if (words_of(unit) != NULL)
		return value == 0 || value == 1;
	return value >= min && value <= max;
}

int
unit_parse_within(enum unit unit, int64_t min, int64_t max, const char *text,
	int64_t *value, char why[UNIT_WHY])
{
	char range[UNIT_WHY];
	int64_t v = 0;
	int err = unit_parse(unit, text, &v);

	if (err == 0 && !unit_is_within(unit, min, max, v))
		err = -ERANGE;
	if (err < 0)
		(void)snprintf(why, UNIT_WHY, "must be %.180s",
			unit_range_format(unit, min, max, range));
	else
		*value = v;
	return err;
}

char *
human_ms(char t[HUMAN_TEXT], int64_t ms)
{
	const char *minus = ms < 0 ? "-" : "";
	uint64_t v = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms, s = v / 1000;

	if (v < 1000)
		(void)snprintf(t, HUMAN_TEXT, "%s%" PRIu64 "ms", minus, v);
	else if (v < 10000)
		(void)snprintf(t, HUMAN_TEXT, "%s%" PRIu64 ".%" PRIu64 "s",
			minus, s, v % 1000 / 100);
	else if (s < 60)
		(void)snprintf(t, HUMAN_TEXT, "%s%" PRIu64 "s", minus, s);
	else if (s < 3600)
		(void)snprintf(t, HUMAN_TEXT, "%s%" PRIu64 "m%02" PRIu64 "s",
			minus, s / 60, s % 60);
	else if (s < 86400)
		(void)snprintf(t, HUMAN_TEXT, "%s%" PRIu64 "h%02" PRIu64 "m",
			minus, s / 3600, s / 60 % 60);
	else
		(void)snprintf(t, HUMAN_TEXT, "%s%" PRIu64 "d%02" PRIu64 "h",
			minus, s / 86400, s / 3600 % 24);
	return t;
}
