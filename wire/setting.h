/* SPDX-License-Identifier: MIT */
/*
 * setting.h - a queue's settings: one table makes parser, help and manual
 *
 * Values are integers.  In text a duration takes ms, s, m, h or d ("30s",
 * plain number: milliseconds), a size k, m or g (powers of 1024), a flag yes
 * or no, and 0 in a limit means: none.
 */
#ifndef SW_SETTING_H
#define SW_SETTING_H

#include <stddef.h>
#include <stdint.h>

#include "wire/limits.h"

enum sw_unit { SW_U_COUNT, SW_U_MS, SW_U_BYTES, SW_U_FLAG };

#define SW_YEAR_MS 31622400000LL

/* X(name, unit, minimum, maximum, default, text) */
#define SW_SETTING_MAP(X)                                                                                             \
	X(max_attempts, SW_U_COUNT, 1, SW_ATTEMPTS_MAX, 5, "tries before a job is dead")                              \
	X(max_crashes, SW_U_COUNT, 1, 1000, 3, "of them that may kill their process, or run out of memory")           \
	X(backoff_ms, SW_U_MS, 0, SW_YEAR_MS, 1000, "wait before the second try, at most (full jitter)")              \
	X(backoff_factor, SW_U_COUNT, 1, 100, 2, "each further wait is longer by this factor")                        \
	X(backoff_cap_ms, SW_U_MS, 0, SW_YEAR_MS, 3600000, "and never longer than this")                              \
	X(timeout_ms, SW_U_MS, 1, SW_YEAR_MS, 60000, "longest run of one try")                                        \
	X(lease_ms, SW_U_MS, 1000, SW_YEAR_MS, 4000, "a worker silent for so long has lost its jobs")                 \
	X(delay_ms, SW_U_MS, 0, SW_YEAR_MS, 0, "delay of jobs that name none")                                        \
	X(max_jobs, SW_U_COUNT, 0, INT64_MAX, 0, "most jobs waiting, running and dead; 0 no limit")                   \
	X(max_bytes, SW_U_BYTES, 0, INT64_MAX, 0, "most bytes of their bodies; 0 no limit")                           \
	X(rate, SW_U_COUNT, 0, 1000000, 0, "most jobs started per second; 0 no limit")                                \
	X(burst, SW_U_COUNT, 1, 1000000, 1, "jobs that may start at once below the rate")                             \
	X(concurrency, SW_U_COUNT, 0, 1000000, 0, "most jobs running at once; 0 no limit")                            \
	X(weight, SW_U_COUNT, 1, 1000, 1, "share of a worker that serves several queues")                             \
	X(ageing_ms, SW_U_MS, 0, SW_YEAR_MS, 60000, "waiting that outweighs one step of priority")                    \
	X(retain_done_ms, SW_U_MS, 0, SW_YEAR_MS, 300000, "how long a done job's id and result are kept")             \
	X(paused, SW_U_FLAG, 0, 1, 0, "nothing is handed out")

enum sw_setting {
#define X(name, unit, min, max, def, text) SW_S_##name,
	SW_SETTING_MAP(X)
#undef X
	SW_SETTINGS,
};

struct sw_setting_rule {
	const char *name;
	enum sw_unit unit;
	int64_t min, max, def;
	const char *text;
};

extern const struct sw_setting_rule sw_setting_rules[SW_SETTINGS];

/*
 * Reads "name=value" (len bytes, no NUL needed) into values[].  0, or
 * SW_ESETTING with one line in `why` that names what is wrong.
 */
int sw_setting_parse(const char *text, size_t len, int64_t values[SW_SETTINGS], char *why, size_t why_cap)
	__attribute__((warn_unused_result));

/* Reads one value of that unit: "250", "30s", "20g", "yes"; 0 or SW_EINVAL. */
int sw_value_parse(enum sw_unit, const char *text, int64_t *) __attribute__((warn_unused_result));
int sw_duration_parse(const char *text, int64_t *ms) __attribute__((warn_unused_result));

/* "a number", "a duration", "a size", "yes or no" */
const char *sw_unit_name(enum sw_unit);

#endif
