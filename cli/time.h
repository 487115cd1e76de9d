/* SPDX-License-Identifier: MIT */
/*
 * time.h - points in time, and figures as people read them
 *
 * Durations and sizes are read by base/units.h, which also reads the texts of
 * human_ms() and human_bytes(), except a duration below 0.
 */
#ifndef CMD_TIME_H
#define CMD_TIME_H

#include <stdint.h>

#include "base/units.h"

/*
 * A point in time: RFC 3339 with its zone ("2026-01-31T08:00:00Z"), a date
 * (its midnight, UTC), or a duration: before `now_ms` with sign -1, after
 * it with +1.  0 or SW_EINVAL.
 */
int time_point(const char *, int64_t now_ms, int sign, int64_t *at_ms)
	__attribute__((warn_unused_result));

/* Each writes into the caller's text and returns it, as human_ms(). */
char *human_bytes(char t[HUMAN_TEXT], int64_t bytes); /* 151.2 MB */
char *human_count(char t[HUMAN_TEXT], int64_t n);     /* 1,234 */
char *human_short(char t[HUMAN_TEXT], int64_t n);     /* 12.3k: 5 columns */
char *human_time(char t[HUMAN_TEXT], int64_t at_ms);  /* RFC 3339, UTC */

#endif
