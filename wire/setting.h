/* SPDX-License-Identifier: MIT */
/*
 * setting.h - a queue's settings: their tables make parser, help and manual
 *
 * Most values are integers, written in the grammar of base/units.h: "30s",
 * "20g", "10/m", "yes", "term".  0 in a limit means: none, unless the text says
 * otherwise.  Stored by position: append, never reorder.
 */
#ifndef SW_SETTING_H
#define SW_SETTING_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/units.h"
#include "wire/limits.h"

#define SW_YEAR_MS  31622400000LL
#define SW_RATE_MAX (1000000 * UNIT_RATE_SECOND)

/* clang-format off */
/* X(name, unit, minimum, maximum, default, text) */
#define SW_SETTING_MAP(X)                                                                                 \
	X(max_attempts, UNIT_COUNT, 1, SW_ATTEMPTS_MAX, 25, "attempts before a job is dead")              \
	X(max_crashes, UNIT_COUNT, 1, 1000, 3, "attempts that may kill their process or its memory")      \
	X(backoff_ms, UNIT_MS, 0, SW_YEAR_MS, 10000, "wait before the second attempt, give or take 25 %") \
	X(backoff_factor, UNIT_COUNT, 1, 100, 2, "by which each further wait is longer")                  \
	X(backoff_cap_ms, UNIT_MS, 0, SW_YEAR_MS, 10800000, "longest wait before any attempt, give or take 25 %")            \
	X(timeout_ms, UNIT_MS, 1, SW_YEAR_MS, 60000, "longest run of one attempt")                        \
	X(lease_ms, UNIT_MS, 1000, SW_YEAR_MS, 4000, "silence after which a worker has lost its jobs")    \
	X(delay_ms, UNIT_MS, 0, SW_YEAR_MS, 0, "delay of jobs that name none")                            \
	X(max_jobs, UNIT_COUNT, 0, INT64_MAX, 0, "most jobs waiting, running and dead; 0: no limit")      \
	X(max_bytes, UNIT_BYTES, 0, INT64_MAX, 0, "most bytes of their bodies; 0: no limit")              \
	X(rate, UNIT_RATE, 0, SW_RATE_MAX, 0, "most jobs started, as 50/s or 10/m; 0: no limit")          \
	X(burst, UNIT_COUNT, 1, 1000000, 1, "jobs that may start at once below the rate")                 \
	X(concurrency, UNIT_COUNT, 0, 1000000, 0, "most jobs running at once; 0: no limit")               \
	X(weight, UNIT_COUNT, 1, 1000, 1, "share of a worker that serves several queues")                 \
	X(ageing_ms, UNIT_MS, 0, SW_YEAR_MS, 60000, "waiting that outweighs one step of priority")        \
	X(retain_done_ms, UNIT_MS, 0, SW_YEAR_MS, 300000, "how long a done job's id and result are kept") \
	X(paused, UNIT_FLAG, 0, 1, 0, "whether no job is handed out")                                     \
	X(drain, UNIT_ENDING, 0, 1, 0, "running jobs, as their worker stops: finish, or get SIGTERM")     \
	X(keep_output, UNIT_FLAG, 0, 1, 0, "whether a done job's history has the tail of its output")     \
	X(max_releases, UNIT_COUNT, 0, 1000000, 20, "hand-backs of a begun job before one is an attempt") \
	X(memory_limit, UNIT_BYTES_OR_0, SW_JOB_MEMORY_MIN, INT64_MAX, 0,                                 \
		"memory of a job's process; 0: the worker's limit")                                       \
	X(cpu_limit, UNIT_MS, 0, SW_YEAR_MS, 0, "processor seconds of a job, rounded up; 0: no limit")     \
	X(files_limit, UNIT_COUNT, 16, 1000000, 1024, "open files of a job's process")                    \
	X(core_limit, UNIT_BYTES, 0, INT64_MAX, 0, "largest core dump of a job's process; 0: none")       \
	X(processes_limit, UNIT_COUNT, 0, 1000000, 0, "processes of a job's user; 0: no limit")           \
	X(retain_dead_ms, UNIT_MS, 0, SW_YEAR_MS, 0, "how long a dead job is kept; 0: for ever") \
	X(on_age_ms, UNIT_MS, 0, SW_YEAR_MS, 0, "age of the oldest ready job that on_age tells; 0: never")
/* clang-format on */

/*
 * Settings whose value is a text; the empty text takes one back.  Stored by
 * name.
 *
 * X(name, kind, text)
 */
#define SW_TEXT_SETTING_MAP(X)                                                 \
	X(dead_to, SW_TEXT_QUEUE,                                              \
		"queue to which dead jobs move, to run there")                 \
	X(redact_headers, SW_TEXT_NAMES,                                       \
		"headers whose values no answer shows")                        \
	X(redact_members, SW_TEXT_NAMES,                                       \
		"members of JSON bodies and results that no answer shows")     \
	X(on_dead, SW_TEXT_QUEUE, "queue that gets a job when a job dies")     \
	X(on_age, SW_TEXT_QUEUE,                                               \
		"queue that gets a job when on_age_ms is exceeded")            \
	X(notice_header, SW_TEXT_HEADER,                                       \
		"header of the jobs of on_dead and on_age")

/*
 * The settings that a worker must know.  Each comes with a leased job, as a
 * field SETTING, unless its value is the default.
 */
#define SW_JOB_SETTING_MAP(X)                                                  \
	X(drain)                                                               \
	X(keep_output)                                                         \
	X(memory_limit)                                                        \
	X(cpu_limit)                                                           \
	X(files_limit)                                                         \
	X(core_limit)                                                          \
	X(processes_limit)

enum sw_setting {
#define X(name, unit, min, max, def, text) SW_S_##name,
	SW_SETTING_MAP(X)
#undef X
		SW_SETTINGS,
};

struct sw_setting_rule {
	const char *name;
	enum unit unit;
	int64_t min, max, def;
	const char *text;
};

extern const struct sw_setting_rule sw_setting_rules[SW_SETTINGS];

enum sw_text_kind {
	SW_TEXT_QUEUE, /* the name of a queue */
	SW_TEXT_NAMES, /* some names */
	SW_TEXT_HEADER,
};

enum sw_text_setting {
#define X(name, kind, text) SW_TS_##name,
	SW_TEXT_SETTING_MAP(X)
#undef X
		SW_TEXT_SETTINGS,
};

struct sw_text_rule {
	const char *name;
	enum sw_text_kind kind;
	const char *text;
};

extern const struct sw_text_rule sw_text_rules[SW_TEXT_SETTINGS];

/* What the value must be: "the name of a queue"; static. */
const char *sw_text_must(enum sw_text_kind);

/* 0, or SW_ESETTING: the value is neither empty nor what it must be. */
int sw_text_check(enum sw_text_kind, struct bytes value)
	__attribute__((warn_unused_result));

/* The text setting of that name, or NULL. */
const struct sw_text_rule *sw_text_rule_find(const char *name, size_t len);

/* Settings that were read, of both kinds; zeroed: none. */
struct sw_settings {
	int64_t values[SW_SETTINGS];
	struct bytes texts[SW_TEXT_SETTINGS]; /* borrowed from what was read */
	uint32_t given, texts_given;	      /* a bit for each */
};

/*
 * Reads "name=value" (len bytes, no NUL needed) into values[].  *given has a
 * bit for each setting that was read before, begins at 0, and gets this one's.
 * 0, or SW_ESETTING with one line in `why`: "rate is 'x': must be ...", "rate
 * is given twice".
 */
int sw_setting_parse(const char *text, size_t len, int64_t values[SW_SETTINGS],
	uint32_t *given, char *why, size_t why_cap)
	__attribute__((warn_unused_result));

/*
 * Whether the settings may be those of the queue: 0, or SW_ESETTING and one
 * line in `why`: "dead_to is 'q': must be another queue".
 */
int sw_settings_check(const struct sw_settings *, struct bytes queue, char *why,
	size_t why_cap) __attribute__((warn_unused_result));

/* As sw_setting_parse(), for settings of both kinds. */
int sw_settings_parse(struct sw_settings *, const char *text, size_t len,
	char *why, size_t why_cap) __attribute__((warn_unused_result));

#endif
