/* SPDX-License-Identifier: MIT */
/*
 * proto.h - the protocol's operations, states, outcomes, causes, events
 *
 * Each is one list that makes the enum and the names (in JSON, in logs).
 * The fields are in field.h, the explanations in docs/protocol.md.  Numbers
 * are part of the protocol and of stored records: append, never renumber.
 */
#ifndef SW_PROTO_H
#define SW_PROTO_H

#include "wire/limits.h"

#define SW_MAGIC   0x5753u /* "SW", little-endian */
#define SW_VERSION 1

/* Requests are answered with op | SW_REPLY under the same sequence number. */
#define SW_OP_MAP(X)                                                           \
	X(SW_OP_PUT, 1, "put")                                                 \
	X(SW_OP_HELLO, 2, "hello")                                             \
	X(SW_OP_WANT, 3, "want")                                               \
	X(SW_OP_DONE, 4, "done")                                               \
	X(SW_OP_EXTEND, 5, "extend")                                           \
	X(SW_OP_CANCEL, 6, "cancel")                                           \
	X(SW_OP_GET, 7, "get")                                                 \
	X(SW_OP_WAIT, 8, "wait")                                               \
	X(SW_OP_LIST, 9, "list")                                               \
	X(SW_OP_REDRIVE, 10, "redrive")                                        \
	X(SW_OP_PURGE, 11, "purge")                                            \
	X(SW_OP_QUEUE_SET, 12, "queue-set")                                    \
	X(SW_OP_QUEUES, 13, "queues")                                          \
	X(SW_OP_WORKERS, 14, "workers")                                        \
	X(SW_OP_STATS, 15, "stats")                                            \
	X(SW_OP_WHY, 16, "why")                                                \
	X(SW_OP_BYE, 17, "bye")                                                \
	X(SW_OP_QUEUE_DELETE, 18, "queue-delete")                              \
	X(SW_OP_RUN, 19, "run")                                                \
	X(SW_OP_MOVE, 20, "move")                                              \
	X(SW_OP_BURY, 21, "bury")                                              \
	X(SW_OP_CANCEL_ALL, 22, "cancel-all")                                  \
	X(SW_OP_BACKUP, 24, "backup")                                          \
	X(SW_OP_IMPORT, 25, "import")                                          \
	X(SW_OP_JOBS, 64, "jobs")    /* broker to worker, unasked */           \
	X(SW_OP_STOP, 65, "stop")    /* broker to worker, unasked */           \
	X(SW_OP_ERROR, 127, "error") /* the whole message was refused */

enum sw_op {
#define X(sym, num, name) sym = num,
	SW_OP_MAP(X)
#undef X
		SW_REPLY = 128,
};

/* Set in `flags` of what changes the jobs of a selector: count and show, change
 * nothing. */
enum { SW_FLAG_DRY_RUN = 1 };

/* Set in `flags` of LIST: the newest first. */
enum { SW_FLAG_NEWEST = 2 };

#define SW_STATE_MAP(X)                                                        \
	X(SW_NONE, 0, "none")                                                  \
	X(SW_DELAYED, 1, "delayed")                                            \
	X(SW_READY, 2, "ready")                                                \
	X(SW_LEASED, 3, "leased")                                              \
	X(SW_DONE, 4, "done")                                                  \
	X(SW_DEAD, 5, "dead")                                                  \
	X(SW_CANCELLED, 6, "cancelled")

enum sw_state {
#define X(sym, num, name) sym = num,
	SW_STATE_MAP(X)
#undef X
		SW_STATES,
};

/* The outcome of an attempt, from its worker (SW_F_OUTCOME in DONE). */
#define SW_OUTCOME_MAP(X)                                                      \
	X(SW_ACK, 1, "ack")	    /* the job is done */                      \
	X(SW_RETRY, 2, "retry")	    /* again, after DELAY_MS or back-off */    \
	X(SW_FAIL, 3, "fail")	    /* dead: no further attempt */             \
	X(SW_RELEASE, 4, "release") /* handed back; no attempt counted */      \
	X(SW_STOPPED, 5, "stopped") /* ended because of STOP */

enum sw_outcome {
#define X(sym, num, name) sym = num,
	SW_OUTCOME_MAP(X)
#undef X
};

/* Why an attempt, or a job, ended as it did (SW_F_CAUSE). */
#define SW_CAUSE_MAP(X)                                                        \
	X(SW_C_NONE, 0, "none")                                                \
	X(SW_C_ERROR, 1, "error")	  /* the job reported a failure */     \
	X(SW_C_PERMANENT, 2, "permanent") /* ... that a retry cannot help */   \
	X(SW_C_CRASH, 3, "crash")	  /* its process died of a signal */   \
	X(SW_C_OOM, 4, "oom")		  /* ... of its memory limit */        \
	X(SW_C_TIMEOUT, 5, "timeout")	  /* ... of its timeout */             \
	X(SW_C_LOST, 6, "lost")		  /* its worker is gone */             \
	X(SW_C_DRAIN, 7, "drain")	  /* its worker handed the job back */ \
	X(SW_C_CANCELLED, 8, "cancelled")                                      \
	X(SW_C_EXPIRED, 9, "expired")  /* not started before its expiry */     \
	X(SW_C_CORRUPT, 10, "corrupt") /* its record fails its checksum */     \
	X(SW_C_BURIED, 11, "buried")   /* a person has buried it */

enum sw_cause {
#define X(sym, num, name) sym = num,
	SW_CAUSE_MAP(X)
#undef X
		SW_CAUSES,
};

/* The kinds of entries in a job's history (SW_F_KIND in SW_F_EVENT). */
#define SW_EVENT_MAP(X)                                                        \
	X(SW_EV_PUT, 1, "put")                                                 \
	X(SW_EV_ATTEMPT, 2, "attempt") /* that failed or was handed back */    \
	X(SW_EV_REDRIVE, 3, "redrive")                                         \
	X(SW_EV_CANCEL, 4, "cancel")                                           \
	X(SW_EV_EXPIRED, 5, "expired")                                         \
	X(SW_EV_CORRUPT, 6, "corrupt")                                         \
	X(SW_EV_DONE, 7, "done")                                               \
	X(SW_EV_MOVE, 8, "move")  /* QUEUE is where the job was */             \
	X(SW_EV_RUN, 9, "run")	  /* a person has made it ready */             \
	X(SW_EV_BURY, 10, "bury") /* a person has made it dead */

enum sw_event {
#define X(sym, num, name) sym = num,
	SW_EVENT_MAP(X)
#undef X
};

/* Bits of UNIQUE_ALSO: jobs in this state keep their unique key, too. */
enum { SW_UNIQUE_DEAD = 1, SW_UNIQUE_DONE = 2 };

/* The static name of a number; "?" for a number that is not in the list. */
const char *sw_op_name(int op);
const char *sw_state_name(int state);
const char *sw_outcome_name(int outcome);
const char *sw_cause_name(int cause);
enum sw_cause sw_cause_parse(const char *name); /* SW_C_NONE: no such cause */
const char *sw_event_name(int event);

/* The state of that name, or SW_NONE. */
enum sw_state sw_state_parse(const char *name);

/* 0, or SW_EQUEUE: not 1 to SW_QUEUE_MAX bytes of [a-z0-9_-]. */
int sw_queue_check(const char *name, unsigned long len)
	__attribute__((warn_unused_result));

#endif
