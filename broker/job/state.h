/* SPDX-License-Identifier: MIT */
/*
 * state.h - the core's state, which broker/core and this folder share
 *
 * core.h has the turn; nothing in this file decides.
 */
#ifndef BROKER_CORE_STATE_H
#define BROKER_CORE_STATE_H

#include "broker/model/batch.h"
#include "broker/model/clocks.h"
#include "broker/model/note.h"
#include "broker/model/record.h"
#include "broker/model/session.h"

enum {
	QUEUES_MAX = 4096,  /* SW_EBUSY */
	WAITERS_MAX = 4096, /* SW_EBUSY */
	TURN_OPS = 4096,    /* rows in a batch before a turn takes no request */
	TURN_BYTES = 4 * 1024 * 1024, /* ... of the batch, and of the answers */
	/* Rows that the follow-ups of reports may add to a full batch,
	 * SW_EBUSY: room for those of any one job. */
	TURN_FOLLOW_OPS = 8192,
	TURN_TIMERS = 512,    /* timers fired, and leases ended, in a turn */
	TURN_LEASES = 2048,   /* jobs handed out in a turn */
	OUTS_MAX = 16 * 1024, /* messages of a turn */
	PAGE_LOOK = 2000,     /* index rows scanned for one page of a list */
	FULL_PERCENT = 90,    /* of the store's pages: puts are refused */
	BACKUP_FULL_PERCENT = 95, /* ... and a backup is ended, at the latest */
};

struct out { /* a message that the caller sends after the commit */
	struct peer peer;
	struct bytes frame;
};

struct due_row { /* whose time has come */
	struct entry e;
	uint32_t queue;
	enum timer_kind kind;
};

struct waiter { /* a WAIT request that is answered when its job ends */
	struct sw_id id;
	struct peer peer;
	uint64_t seq;	     /* of the request */
	struct waiter *next; /* for the same job */
	UT_hash_handle hh;
};

enum backup_state { BACKUP_NONE, BACKUP_WANTED, BACKUP_RUNS };

struct backup { /* the one request, see admin.h */
	enum backup_state state;
	struct peer peer;
	uint64_t seq;	  /* of the request */
	int64_t began_ms; /* boot clock */
	int was_full;	  /* core.full then */
	char dir[SW_TEXT_MAX + 1];
};

struct core {
	struct store *store;
	struct claim claim;
	int err; /* of a read that failed, else 0 */
	struct clocks clocks;
	int64_t now_ms;	 /* broker time: all but what follows */
	int64_t wall_ms; /* Unix time: run_at */
	int64_t mono_ms; /* boot clock less stalls: leases, sessions, rates */
	int64_t stalled_ms;   /* by all stalls */
	int64_t settled_ms;   /* broker time: no run_at was due at that time */
	int64_t second_ms;    /* boot clock, of the last queue_means_update() */
	int64_t started_ms;   /* broker time */
	int64_t noticed_ms;   /* boot clock, of the last notices_tick() */
	unsigned notice_next; /* modulo queues_n: where that goes on */
	uint64_t next_token;  /* fencing token: epoch << 40 | counter */

	struct batch batch;
	struct arena out_arena; /* memory of the messages */
	struct out *outs;
	size_t outs_n;

	struct queue *queues[QUEUES_MAX]; /* by number */
	unsigned queues_n;
	struct queue *queues_by_name;
	struct session *sessions;
	struct session *by_worker;    /* those of workers with an id, by it */
	struct session *next_session; /* where the next hand-out begins */
	struct lease_table leases;
	int listed; /* a worker has named all its leases in this turn */
	struct waiter *waiters; /* by job */
	unsigned waiters_n;
	struct timer_heap timers, wall_timers; /* wall: of TIMER_RUN_AT */
	struct due_row due[TURN_TIMERS];       /* read for this turn */
	unsigned due_n;

	uint64_t format;    /* of the rows */
	uint64_t converted; /* rows of an older format, at the start */

	int full;	       /* puts are refused with SW_EFULL */
	int64_t full_until_ms; /* boot clock; `full` at least until then */
	int64_t rate_wait_ms;  /* until a rate limit lets a job start */
	int more;	       /* the next turn must not wait */
	struct backup backup;
	struct notes notes; /* of this turn, for the log; the caller empties
			       them */
	struct store_usage usage;
	uint64_t commits, ops, handed_out, stale, refused;
	uint64_t damaged;     /* pieces of corrupt data found and skipped */
	unsigned queues_lost; /* ... among them rows of queues, at the start */
	char damage[128];     /* the last of these pieces, for the log */
};

/* Whether batch and answers have room for another request in this turn. */
int core_has_room(const struct core *);

/* Counts one piece of corrupt data and keeps its description for the log. */
void core_damage(struct core *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Adds the row `a` to the batch. */
void stamp_put(struct core *);

/* Broker time as it is shown, and back; 0, which is no time, stays 0, and what
 * is shown as a time before all becomes 1. */
int64_t core_shown_ms(const struct core *, int64_t at_ms);
int64_t core_time_of(const struct core *, int64_t shown_ms);

/* The heap of a timer. */
struct timer_heap *core_timers(struct core *, enum timer_kind);

/*
 * Finds the queue of that name, or makes it with the default settings.
 * SW_EQUEUE: the name is invalid; SW_EBUSY: too many queues, or no memory.
 */
int core_queue_get(struct core *, struct bytes name, struct queue **)
	__attribute__((warn_unused_result));

/* Makes a queue; no other queue may have this name or number.  Errors as
 * core_queue_get(). */
int core_queue_make(struct core *, struct bytes name, unsigned no,
	struct queue **) __attribute__((warn_unused_result));

/*
 * Drops the queues with the numbers `n` and above: those that a request has
 * made and that its refusal leaves without a job, a row and a worker.
 */
void core_queues_drop(struct core *, unsigned n);

/*
 * Changes the given settings of a queue, and makes the queue if there is none.
 * On an error `why` says what is wrong: one of core_queue_get(), or
 * SW_ESETTING: a setting that must name another queue names this one.
 */
int core_settings_apply(struct core *, struct bytes name,
	const struct sw_settings *, char *why, size_t why_cap)
	__attribute__((warn_unused_result));

/*
 * Changes one setting, "name=value", of a queue, which is made if there is
 * none.  On an error `why` says what is wrong: SW_ESETTING, or an error of
 * core_queue_get(); no queue is made.
 */
int core_queue_set(struct core *, struct bytes name, struct bytes setting,
	char *why, size_t why_cap) __attribute__((warn_unused_result));

#endif
