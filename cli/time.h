/* SPDX-License-Identifier: MIT */
/*
 * time.h - durations, times, sizes: as people write and read them
 *
 * Parsers return 0 or SW_EINVAL.
 */
#ifndef CMD_TIME_H
#define CMD_TIME_H

#include <stdint.h>

/* "250" (ms), "30s", "1h30m". */
int
time_duration(const char *, int64_t *ms) __attribute__((warn_unused_result));

/*
 * A point in time: RFC 3339 with its zone ("2026-01-31T08:00:00Z"), a date
 * (its midnight, UTC), or a duration: before `now_ms` with sign -1, after
 * it with +1.
 */
int time_point(const char *, int64_t now_ms, int sign, int64_t *at_ms)
	__attribute__((warn_unused_result));

/* "4096", "128k", "1m": powers of 1024. */
int time_size(const char *, int64_t *bytes) __attribute__((warn_unused_result));

enum { HUMAN_TEXT = 40 };

/* Each writes into the caller's text and returns it. */
char *human_ms(char t[HUMAN_TEXT], int64_t ms);	      /* 3m12s */
char *human_bytes(char t[HUMAN_TEXT], int64_t bytes); /* 151.2 MB */
char *human_count(char t[HUMAN_TEXT], int64_t n);     /* 1,234 */
char *human_short(char t[HUMAN_TEXT], int64_t n);     /* 12.3k: 5 columns */
char *human_time(char t[HUMAN_TEXT], int64_t at_ms);  /* RFC 3339, UTC */

#endif
