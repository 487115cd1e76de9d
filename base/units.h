/* SPDX-License-Identifier: MIT */
/*
 * units.h - one grammar for numbers, durations, sizes, rates and flags
 *
 *	number    250
 *	duration  1h30m  250ms  1.5h  366d    us, ms, s, m, h, d, the largest
 *					      first; a plain number is in the
 *					      unit that the key's name ends in
 *	size      64m  1.5g  151.2 MB  4096   k, m, g, t, p: powers of 1024, in
 *					      either case, also KB and KiB
 *	rate      50  1.5/s  10/m  100/h      a plain number is per second
 *	flag      yes on true 1, no off false 0
 *	ending    finish 0, term 1
 *
 * Configuration files, options, queue settings and puts all use it, and what
 * unit_format() writes, unit_parse() reads back as the same value.
 */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

enum unit {
	UNIT_COUNT,
	UNIT_US, /* durations, in microseconds, milliseconds and seconds */
	UNIT_MS,
	UNIT_S,
	UNIT_BYTES,
	UNIT_BYTES_OR_0, /* of a range that has 0 beside min to max */
	UNIT_RATE,	 /* in thousandths per hour */
	UNIT_FLAG,	 /* 0 or 1 */
	UNIT_ENDING,	 /* of a job at a stop: 0 finishes, 1 gets SIGTERM */
	UNITS,
};

enum { UNIT_TEXT = 64, UNIT_WHY = 192, HUMAN_TEXT = 40 };

/* A rate of 1/s. */
#define UNIT_RATE_SECOND INT64_C(3600000)

/*
 * Reads one value; the whole text has to be the value.  Values are never
 * negative.  Returns 0, or -EINVAL: not of the grammar, a duration that is no
 * whole number of its unit, or a rate below the smallest, 0.001/h, that is not
 * 0; -ERANGE: larger than INT64_MAX.  The fraction of a byte is dropped, and
 * that of a thousandth per hour.
 */
int unit_parse(enum unit, const char *text, int64_t *value)
	__attribute__((warn_unused_result));

/*
 * The same, and the value has to be within min and max.  On failure `why` says
 * what the value must be: "must be 1 to 1000", "must be a size, at least 1k",
 * "must be yes or no".
 */
int unit_parse_within(enum unit, int64_t min, int64_t max, const char *text,
	int64_t *value, char why[UNIT_WHY]) __attribute__((warn_unused_result));

/* What a value must be: "1 to 1000", "a size, at least 1k", "0 or a size, at
 * least 1k"; returns `text`. */
char *
unit_range_format(enum unit, int64_t min, int64_t max, char text[UNIT_WHY]);

/* Whether unit_parse_within() takes the value; a word is 0 or 1. */
int unit_is_within(enum unit, int64_t min, int64_t max, int64_t value);

/*
 * Writes a value that is not negative in the grammar above, exactly and in the
 * largest units: "1h30m", "64m", "50/s", "90/m", "yes".  Returns `text`.
 */
char *unit_format(enum unit, int64_t value, char text[UNIT_TEXT]);

/* Writes a duration for people, rounded down: "250ms", "3.2s", "4m10s",
 * "5h03m", "12d00h".  Returns `text`. */
char *human_ms(char text[HUMAN_TEXT], int64_t ms);

/* "number", "duration", "size", "rate", "yes or no", "finish or term"; static.
 */
const char *unit_name(enum unit);

#endif
