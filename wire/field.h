/* SPDX-License-Identifier: MIT */
/*
 * field.h - the fields of an item: one table
 *
 * The enum, the decoder's checks of every item (msg.h), the check of a put
 * (put.h) and the table in docs/protocol.md all come from this table, so that
 * library, front, broker and worker agree.  Tags are part of the protocol and
 * of stored records: append, never renumber.
 */
#ifndef SW_FIELD_H
#define SW_FIELD_H

#include <stdint.h>

#include "base/bytes.h"
#include "wire/limits.h"
#include "wire/proto.h"

enum sw_type {
	SW_T_NONE,
	SW_T_INT,  /* 8 bytes, little-endian, two's complement */
	SW_T_ID,   /* 16 bytes */
	SW_T_TEXT, /* UTF-8 without NUL, not terminated */
	SW_T_BYTES,
	SW_T_ITEM, /* fields, as in an item but without its length */
};

enum { SW_ONE, SW_MANY }; /* how often a field may stand in one item */

/* Whether a job that is put must not, may or must have the field. */
enum sw_where { SW_PUT_NOT, SW_PUT_MAY, SW_PUT_MUST };

/*
 * X(symbol, tag, name, type, how often, longest, least, most, where)
 *
 * The tag is below 64.  `longest` is in bytes of one value and holds in every
 * item; `least` and `most` are bounds of an int in a put.  Other operations
 * and stored records are not checked against these bounds: an older broker
 * may have stored a value that a put is refused for today.
 */
/* clang-format off */
#define SW_FIELD_MAP(X)                                                                                                 \
	X(SW_F_ID, 1, "id", SW_T_ID, SW_ONE, SW_ID_LEN, 0, 0, SW_PUT_MUST)                                              \
	X(SW_F_QUEUE, 2, "queue", SW_T_TEXT, SW_ONE, SW_QUEUE_MAX, 0, 0, SW_PUT_MUST)                                   \
	X(SW_F_BODY, 3, "body", SW_T_BYTES, SW_ONE, SW_BODY_MAX, 0, 0, SW_PUT_MUST)                                     \
	X(SW_F_STATUS, 4, "status", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                              \
	X(SW_F_DETAIL, 5, "detail", SW_T_TEXT, SW_ONE, SW_TEXT_MAX, 0, 0, SW_PUT_NOT)                                   \
	X(SW_F_STATE, 6, "state", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                                \
	X(SW_F_PRIORITY, 7, "priority", SW_T_INT, SW_ONE, 8, SW_PRIORITY_MIN, SW_PRIORITY_MAX, SW_PUT_MAY)              \
	X(SW_F_DELAY_MS, 8, "delay_ms", SW_T_INT, SW_ONE, 8, 0, SW_DELAY_MAX_MS, SW_PUT_MAY)                            \
	X(SW_F_RUN_AT_MS, 9, "run_at_ms", SW_T_INT, SW_ONE, 8, 0, SW_TIME_MAX_MS, SW_PUT_MAY)                           \
	X(SW_F_EXPIRES_AT_MS, 10, "expires_at_ms", SW_T_INT, SW_ONE, 8, 1, SW_TIME_MAX_MS, SW_PUT_MAY)                  \
	X(SW_F_UNIQUE, 11, "unique", SW_T_BYTES, SW_ONE, SW_UNIQUE_MAX, 0, 0, SW_PUT_MAY)                               \
	X(SW_F_UNIQUE_ALSO, 12, "unique_also", SW_T_INT, SW_ONE, 8, 0, SW_UNIQUE_DEAD | SW_UNIQUE_DONE, SW_PUT_MAY)     \
	X(SW_F_FAIR, 13, "fair", SW_T_TEXT, SW_ONE, SW_FAIR_MAX, 0, 0, SW_PUT_MAY)                                      \
	X(SW_F_MAX_ATTEMPTS, 14, "max_attempts", SW_T_INT, SW_ONE, 8, 1, SW_ATTEMPTS_MAX, SW_PUT_MAY)                   \
	X(SW_F_TIMEOUT_MS, 15, "timeout_ms", SW_T_INT, SW_ONE, 8, 1, SW_DELAY_MAX_MS, SW_PUT_MAY)                       \
	X(SW_F_HEADER, 16, "headers", SW_T_TEXT, SW_MANY, SW_HEADERS_MAX, 0, 0, SW_PUT_MAY)                             \
	X(SW_F_CONTENT_TYPE, 17, "content_type", SW_T_TEXT, SW_ONE, SW_NAME_MAX, 0, 0, SW_PUT_MAY)                      \
	X(SW_F_TOKEN, 18, "token", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                               \
	X(SW_F_ATTEMPT, 19, "attempt", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                           \
	X(SW_F_CRASHES, 20, "crashes", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                           \
	X(SW_F_CREATED_AT_MS, 21, "created_at_ms", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)               \
	X(SW_F_ENDED_AT_MS, 22, "ended_at_ms", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                   \
	X(SW_F_OUTCOME, 23, "outcome", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                           \
	X(SW_F_CAUSE, 24, "cause", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                               \
	X(SW_F_ERROR, 25, "error", SW_T_BYTES, SW_ONE, SW_ERROR_MAX, 0, 0, SW_PUT_NOT)                                  \
	X(SW_F_RESULT, 26, "result", SW_T_BYTES, SW_ONE, SW_RESULT_MAX, 0, 0, SW_PUT_NOT)                               \
	X(SW_F_EXIT_CODE, 27, "exit_code", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                       \
	X(SW_F_SIGNAL, 28, "signal", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                             \
	X(SW_F_CPU_MS, 29, "cpu_ms", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                             \
	X(SW_F_RSS_KB, 30, "rss_kb", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                             \
	X(SW_F_FOLLOW, 31, "follow", SW_T_ITEM, SW_MANY, SW_BATCH_MAX, 0, 0, SW_PUT_NOT)                                \
	X(SW_F_EVENT, 32, "events", SW_T_ITEM, SW_MANY, 8192, 0, 0, SW_PUT_NOT)                                         \
	X(SW_F_AT_MS, 33, "at_ms", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                               \
	X(SW_F_WORKER, 34, "worker", SW_T_TEXT, SW_ONE, SW_NAME_MAX, 0, 0, SW_PUT_NOT)                                  \
	X(SW_F_WEIGHT, 35, "weight", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                             \
	X(SW_F_SLOTS, 36, "slots", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                               \
	X(SW_F_CREDIT, 37, "credit", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                             \
	X(SW_F_LEASE_MS, 38, "lease_ms", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                         \
	X(SW_F_PROGRESS, 39, "progress", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                         \
	X(SW_F_TEXT, 40, "text", SW_T_TEXT, SW_ONE, SW_TEXT_MAX, 0, 0, SW_PUT_NOT)                                      \
	X(SW_F_CURSOR, 41, "cursor", SW_T_BYTES, SW_ONE, SW_CURSOR_MAX, 0, 0, SW_PUT_NOT)                               \
	X(SW_F_LIMIT, 42, "limit", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                               \
	X(SW_F_SETTING, 43, "settings", SW_T_TEXT, SW_MANY, SW_TEXT_MAX, 0, 0, SW_PUT_NOT)                              \
	X(SW_F_STAT, 44, "stats", SW_T_TEXT, SW_MANY, SW_TEXT_MAX, 0, 0, SW_PUT_NOT)                                    \
	X(SW_F_SINCE_MS, 45, "since_ms", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                         \
	X(SW_F_UNTIL_MS, 46, "until_ms", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                         \
	X(SW_F_MATCH, 47, "match", SW_T_BYTES, SW_ONE, SW_TEXT_MAX, 0, 0, SW_PUT_NOT)                                   \
	X(SW_F_RATE, 48, "rate", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                                 \
	X(SW_F_OFFSET, 49, "offset", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                             \
	X(SW_F_COUNT, 50, "count", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                               \
	X(SW_F_KIND, 51, "kind", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                                 \
	X(SW_F_RANK, 52, "rank", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                                 \
	X(SW_F_KEEP_UNTIL_MS, 53, "keep_until_ms", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)               \
	X(SW_F_DURATION_MS, 54, "duration_ms", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                   \
	X(SW_F_BEGUN, 55, "begun", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                               \
	X(SW_F_RELEASES, 56, "releases", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                         \
	X(SW_F_LAPSES, 57, "lapses", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                             \
	X(SW_F_OUTPUT, 58, "output", SW_T_BYTES, SW_ONE, SW_ERROR_MAX, 0, 0, SW_PUT_NOT)                                \
	X(SW_F_WARNING, 59, "warnings", SW_T_TEXT, SW_MANY, SW_WARNING_MAX, 0, 0, SW_PUT_NOT)                           \
	X(SW_F_DIGEST, 60, "digest", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)                             \
	X(SW_F_ORIGIN, 61, "origin", SW_T_TEXT, SW_ONE, SW_QUEUE_MAX, 0, 0, SW_PUT_NOT)                                 \
	X(SW_F_REDACTED, 62, "redacted", SW_T_INT, SW_ONE, 8, INT64_MIN, INT64_MAX, SW_PUT_NOT)
/* clang-format on */

enum sw_tag {
#define X(sym, tag, name, type, many, longest, least, most, where) sym = tag,
	SW_FIELD_MAP(X)
#undef X
		SW_TAGS = 64,
};

struct sw_field_rule {
	const char *name; /* NULL: no such field */
	enum sw_type type;
	int many;
	unsigned longest;
	int64_t least, most;
	enum sw_where where;
};

extern const struct sw_field_rule sw_field_rules[SW_TAGS];

/* Bytes of an error line, `why`, with its NUL. */
enum { SW_WHY_ROOM = SW_TEXT_MAX + 1 };

/* Bytes of a foreign value quoted in an error line, with its NUL. */
enum { SW_QUOTE_ROOM = 65 };

/* Prints into `why` (SW_WHY_ROOM bytes) unless it is NULL; returns `err`. */
int sw_refuse(char *why, int err, const char *fmt, ...)
	__attribute__((cold, format(printf, 3, 4)));

/* Checks a queue's name: 0, or SW_EQUEUE with the rule in `why` (or NULL). */
int sw_field_queue_check(struct bytes name, char *why)
	__attribute__((warn_unused_result));

#endif
