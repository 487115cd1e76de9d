/* SPDX-License-Identifier: MIT */
/*
 * proto.h - the protocol's words: operations, fields, states, outcomes
 *
 * Each is one list that makes the enum, the names (in JSON, in logs) and
 * the rules the decoder enforces.  Numbers are part of the protocol and of
 * the stored records: append, never renumber.  docs/protocol.md explains.
 */
#ifndef SW_PROTO_H
#define SW_PROTO_H

#include "wire/limits.h"

#define SW_MAGIC 0x5753u	/* "SW", little-endian */
#define SW_VERSION 1

/* Requests are answered with op | SW_REPLY under the same sequence number. */
#define SW_OP_MAP(X)                                                       \
	X(SW_OP_PUT, 1, "put")                                             \
	X(SW_OP_HELLO, 2, "hello")                                         \
	X(SW_OP_WANT, 3, "want")                                           \
	X(SW_OP_DONE, 4, "done")                                           \
	X(SW_OP_EXTEND, 5, "extend")                                       \
	X(SW_OP_CANCEL, 6, "cancel")                                       \
	X(SW_OP_GET, 7, "get")                                             \
	X(SW_OP_WAIT, 8, "wait")                                           \
	X(SW_OP_LIST, 9, "list")                                           \
	X(SW_OP_REDRIVE, 10, "redrive")                                    \
	X(SW_OP_PURGE, 11, "purge")                                        \
	X(SW_OP_QUEUE_SET, 12, "queue-set")                                \
	X(SW_OP_QUEUES, 13, "queues")                                      \
	X(SW_OP_WORKERS, 14, "workers")                                    \
	X(SW_OP_STATS, 15, "stats")                                        \
	X(SW_OP_WHY, 16, "why")                                            \
	X(SW_OP_BYE, 17, "bye")                                            \
	X(SW_OP_JOBS, 64, "jobs")   /* broker to worker, unasked */        \
	X(SW_OP_STOP, 65, "stop")   /* broker to worker, unasked */        \
	X(SW_OP_ERROR, 127, "error") /* the whole message was refused */

enum sw_op {
#define X(sym, num, name) sym = num,
	SW_OP_MAP(X)
#undef X
	SW_REPLY = 128,
};

/* Set in `flags` of REDRIVE and PURGE: count and show, change nothing. */
enum { SW_FLAG_DRY_RUN = 1 };

enum sw_type {
	SW_T_NONE,
	SW_T_INT,	/* 8 bytes, little-endian, two's complement */
	SW_T_ID,	/* 16 bytes */
	SW_T_TEXT,	/* UTF-8 without NUL, not terminated */
	SW_T_BYTES,
	SW_T_ITEM,	/* fields, as in an item but without its length */
};

enum { SW_ONE, SW_MANY };	/* how often a field may stand in one item */

/* tag below 64 */
#define SW_FIELD_MAP(X)                                                            \
	X(SW_F_ID, 1, "id", SW_T_ID, SW_ONE, SW_ID_LEN)                            \
	X(SW_F_QUEUE, 2, "queue", SW_T_TEXT, SW_ONE, SW_QUEUE_MAX)                 \
	X(SW_F_BODY, 3, "body", SW_T_BYTES, SW_ONE, SW_BODY_MAX)                   \
	X(SW_F_STATUS, 4, "status", SW_T_INT, SW_ONE, 8)                           \
	X(SW_F_DETAIL, 5, "detail", SW_T_TEXT, SW_ONE, SW_TEXT_MAX)                \
	X(SW_F_STATE, 6, "state", SW_T_INT, SW_ONE, 8)                             \
	X(SW_F_PRIORITY, 7, "priority", SW_T_INT, SW_ONE, 8)                       \
	X(SW_F_DELAY_MS, 8, "delay_ms", SW_T_INT, SW_ONE, 8)                       \
	X(SW_F_RUN_AT_MS, 9, "run_at_ms", SW_T_INT, SW_ONE, 8)                     \
	X(SW_F_EXPIRES_AT_MS, 10, "expires_at_ms", SW_T_INT, SW_ONE, 8)            \
	X(SW_F_UNIQUE, 11, "unique", SW_T_BYTES, SW_ONE, SW_UNIQUE_MAX)            \
	X(SW_F_UNIQUE_ALSO, 12, "unique_also", SW_T_INT, SW_ONE, 8)                \
	X(SW_F_FAIR, 13, "fair", SW_T_TEXT, SW_ONE, SW_FAIR_MAX)                   \
	X(SW_F_MAX_ATTEMPTS, 14, "max_attempts", SW_T_INT, SW_ONE, 8)              \
	X(SW_F_TIMEOUT_MS, 15, "timeout_ms", SW_T_INT, SW_ONE, 8)                  \
	X(SW_F_HEADER, 16, "headers", SW_T_TEXT, SW_MANY, SW_HEADERS_MAX)          \
	X(SW_F_CONTENT_TYPE, 17, "content_type", SW_T_TEXT, SW_ONE, SW_NAME_MAX)   \
	X(SW_F_TOKEN, 18, "token", SW_T_INT, SW_ONE, 8)                            \
	X(SW_F_ATTEMPT, 19, "attempt", SW_T_INT, SW_ONE, 8)                        \
	X(SW_F_CRASHES, 20, "crashes", SW_T_INT, SW_ONE, 8)                        \
	X(SW_F_CREATED_AT_MS, 21, "created_at_ms", SW_T_INT, SW_ONE, 8)            \
	X(SW_F_ENDED_AT_MS, 22, "ended_at_ms", SW_T_INT, SW_ONE, 8)                \
	X(SW_F_OUTCOME, 23, "outcome", SW_T_INT, SW_ONE, 8)                        \
	X(SW_F_CAUSE, 24, "cause", SW_T_INT, SW_ONE, 8)                            \
	X(SW_F_ERROR, 25, "error", SW_T_BYTES, SW_ONE, SW_ERROR_MAX)               \
	X(SW_F_RESULT, 26, "result", SW_T_BYTES, SW_ONE, SW_RESULT_MAX)            \
	X(SW_F_EXIT_CODE, 27, "exit_code", SW_T_INT, SW_ONE, 8)                    \
	X(SW_F_SIGNAL, 28, "signal", SW_T_INT, SW_ONE, 8)                          \
	X(SW_F_CPU_MS, 29, "cpu_ms", SW_T_INT, SW_ONE, 8)                          \
	X(SW_F_RSS_KB, 30, "rss_kb", SW_T_INT, SW_ONE, 8)                          \
	X(SW_F_FOLLOW, 31, "follow", SW_T_ITEM, SW_MANY, SW_BATCH_MAX)             \
	X(SW_F_EVENT, 32, "events", SW_T_ITEM, SW_MANY, 8192)                      \
	X(SW_F_AT_MS, 33, "at_ms", SW_T_INT, SW_ONE, 8)                            \
	X(SW_F_WORKER, 34, "worker", SW_T_TEXT, SW_ONE, SW_NAME_MAX)               \
	X(SW_F_WEIGHT, 35, "weight", SW_T_INT, SW_ONE, 8)                          \
	X(SW_F_SLOTS, 36, "slots", SW_T_INT, SW_ONE, 8)                            \
	X(SW_F_CREDIT, 37, "credit", SW_T_INT, SW_ONE, 8)                          \
	X(SW_F_LEASE_MS, 38, "lease_ms", SW_T_INT, SW_ONE, 8)                      \
	X(SW_F_PROGRESS, 39, "progress", SW_T_INT, SW_ONE, 8)                      \
	X(SW_F_TEXT, 40, "text", SW_T_TEXT, SW_ONE, SW_TEXT_MAX)                   \
	X(SW_F_CURSOR, 41, "cursor", SW_T_BYTES, SW_ONE, SW_CURSOR_MAX)            \
	X(SW_F_LIMIT, 42, "limit", SW_T_INT, SW_ONE, 8)                            \
	X(SW_F_SETTING, 43, "settings", SW_T_TEXT, SW_MANY, SW_TEXT_MAX)           \
	X(SW_F_STAT, 44, "stats", SW_T_TEXT, SW_MANY, SW_TEXT_MAX)                 \
	X(SW_F_SINCE_MS, 45, "since_ms", SW_T_INT, SW_ONE, 8)                      \
	X(SW_F_UNTIL_MS, 46, "until_ms", SW_T_INT, SW_ONE, 8)                      \
	X(SW_F_MATCH, 47, "match", SW_T_BYTES, SW_ONE, SW_TEXT_MAX)                \
	X(SW_F_RATE, 48, "rate", SW_T_INT, SW_ONE, 8)                              \
	X(SW_F_OFFSET, 49, "offset", SW_T_INT, SW_ONE, 8)                          \
	X(SW_F_COUNT, 50, "count", SW_T_INT, SW_ONE, 8)                            \
	X(SW_F_KIND, 51, "kind", SW_T_INT, SW_ONE, 8)                              \
	X(SW_F_RANK, 52, "rank", SW_T_INT, SW_ONE, 8)                              \
	X(SW_F_KEEP_UNTIL_MS, 53, "keep_until_ms", SW_T_INT, SW_ONE, 8)            \
	X(SW_F_DURATION_MS, 54, "duration_ms", SW_T_INT, SW_ONE, 8)

enum sw_tag {
#define X(sym, tag, name, type, many, max) sym = tag,
	SW_FIELD_MAP(X)
#undef X
	SW_TAGS = 64,
};

#define SW_STATE_MAP(X)              \
	X(SW_NONE, 0, "none")        \
	X(SW_DELAYED, 1, "delayed")  \
	X(SW_READY, 2, "ready")      \
	X(SW_LEASED, 3, "leased")    \
	X(SW_DONE, 4, "done")        \
	X(SW_DEAD, 5, "dead")        \
	X(SW_CANCELLED, 6, "cancelled")

enum sw_state {
#define X(sym, num, name) sym = num,
	SW_STATE_MAP(X)
#undef X
	SW_STATES,
};

/* What a worker says of an attempt (SW_F_OUTCOME in DONE). */
#define SW_OUTCOME_MAP(X)                                                  \
	X(SW_ACK, 1, "ack")		/* it is done */                   \
	X(SW_RETRY, 2, "retry")		/* again, after DELAY_MS or backoff */ \
	X(SW_FAIL, 3, "fail")		/* never again: dead */            \
	X(SW_RELEASE, 4, "release")	/* handed back, no attempt burnt */ \
	X(SW_STOPPED, 5, "stopped")	/* ended because of STOP */

enum sw_outcome {
#define X(sym, num, name) sym = num,
	SW_OUTCOME_MAP(X)
#undef X
};

/* Why an attempt, or a job, ended as it did (SW_F_CAUSE). */
#define SW_CAUSE_MAP(X)                                                    \
	X(SW_C_NONE, 0, "none")                                            \
	X(SW_C_ERROR, 1, "error")	/* the job said so */              \
	X(SW_C_PERMANENT, 2, "permanent") /* the job said: never again */  \
	X(SW_C_CRASH, 3, "crash")	/* its child died of a signal */   \
	X(SW_C_OOM, 4, "oom")		/* ... of its memory limit */      \
	X(SW_C_TIMEOUT, 5, "timeout")	/* ... of its time limit */        \
	X(SW_C_LOST, 6, "lost")		/* the worker is gone */           \
	X(SW_C_DRAIN, 7, "drain")	/* the worker handed it back */    \
	X(SW_C_CANCELLED, 8, "cancelled")                                  \
	X(SW_C_EXPIRED, 9, "expired")	/* not started before its expiry */ \
	X(SW_C_CORRUPT, 10, "corrupt")	/* its record fails its checksum */

enum sw_cause {
#define X(sym, num, name) sym = num,
	SW_CAUSE_MAP(X)
#undef X
	SW_CAUSES,
};

/* What a ledger entry tells of (SW_F_KIND in SW_F_EVENT). */
#define SW_EVENT_MAP(X)                                                    \
	X(SW_EV_PUT, 1, "put")                                             \
	X(SW_EV_ATTEMPT, 2, "attempt")	/* one that failed or was given back */ \
	X(SW_EV_REDRIVE, 3, "redrive")                                     \
	X(SW_EV_CANCEL, 4, "cancel")                                       \
	X(SW_EV_EXPIRED, 5, "expired")                                     \
	X(SW_EV_CORRUPT, 6, "corrupt")                                     \
	X(SW_EV_DONE, 7, "done")

enum sw_event {
#define X(sym, num, name) sym = num,
	SW_EVENT_MAP(X)
#undef X
};

/* Bits of UNIQUE_ALSO: states besides delayed, ready, leased that hold a key. */
enum { SW_UNIQUE_DEAD = 1, SW_UNIQUE_DONE = 2 };

/* A static name for each; "?" for a number that is none. */
const char *sw_op_name(int op);
const char *sw_state_name(int state);
const char *sw_outcome_name(int outcome);
const char *sw_cause_name(int cause);
const char *sw_event_name(int event);

/* The state of that name, or SW_NONE. */
enum sw_state sw_state_parse(const char *name);

struct sw_field_rule {
	const char *name;	/* NULL: no such field */
	enum sw_type type;
	int many;
	unsigned max;		/* bytes of one value */
};

extern const struct sw_field_rule sw_field_rules[SW_TAGS];

/* 0 or SW_EQUEUE. */
int sw_queue_check(const char *name, unsigned long len) __attribute__((warn_unused_result));

#endif
