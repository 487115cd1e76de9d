/* SPDX-License-Identifier: MIT */
/*
 * state.h - what the core knows, for all files that decide
 *
 * Below core.h, which is the turn: nothing here decides.
 */
#ifndef BROKER_CORE_STATE_H
#define BROKER_CORE_STATE_H

#include "broker/model/batch.h"
#include "broker/model/record.h"
#include "broker/model/session.h"

enum {
	QUEUES_MAX = 4096,  /* SW_EBUSY */
	WAITERS_MAX = 4096, /* SW_EBUSY */
	TURN_OPS = 4096,    /* no further request is taken past these */
	TURN_BYTES = 4 * 1024 * 1024,
	TURN_TIMERS = 512,  /* timers, and lease ends, of one turn */
	TURN_LEASES = 2048, /* jobs handed out in one turn */
	OUTS_MAX = 16 * 1024,
	TIMER_ENTRIES = 1024,
	PAGE_LOOK = 2000,  /* jobs looked at for one page of a listing */
	FULL_PERCENT = 90, /* of the store's pages, then puts are refused */
};

struct out { /* a message that leaves after the commit */
	struct peer peer;
	struct bytes frame;
};

struct waiter {
	struct sw_id id;
	struct peer peer;
	uint64_t seq;
	struct waiter *next; /* for the same job */
	UT_hash_handle hh;
};

struct core {
	struct store *store;
	struct claim claim;
	int err;	   /* the store could not be read */
	int64_t now_ms;	   /* Unix time, for what people say */
	int64_t mono_ms;   /* boot clock, for leases and limits */
	int64_t second_ms; /* when the means moved last */
	int64_t started_ms;
	uint64_t next_token; /* epoch << 40 | counter */

	struct batch batch;
	struct arena out_arena;
	struct out *outs;
	size_t outs_n;

	struct queue *queues[QUEUES_MAX]; /* by number */
	unsigned queues_n;
	struct queue *queues_by_name;
	struct session *sessions;
	struct session *next_session; /* the next hand-out begins here */
	struct lease_table leases;
	struct waiter *waiters;
	unsigned waiters_n;
	struct window timers;
	struct entry timer_entries[TIMER_ENTRIES];

	int full;	       /* puts are refused */
	int64_t full_until_ms; /* boot clock; at least so long */
	int64_t rate_wait_ms;  /* until a rate limit lets a job start */
	int more;	       /* something is left to do at once */
	struct store_usage usage;
	uint64_t commits, ops, handed_out, stale, refused;
	uint64_t damaged;     /* corrupt data that was found and skipped */
	unsigned queues_lost; /* ... of it queues' rows, at the start */
	char damage[128];     /* the last of it, for people */
};

/* Whether a turn may take another request, or hand out another job. */
int core_has_room(const struct core *);

/* Counts corrupt data that is passed over and keeps a line about the last. */
void core_damage(struct core *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * The queue of that name, made with the default settings if there is none.
 * SW_EQUEUE: the name is invalid; SW_EBUSY: too many queues, or no memory.
 */
int core_queue_get(struct core *, struct bytes name, struct queue **)
	__attribute__((warn_unused_result));

/* Makes a queue of a name and a number that no queue has; errors as above. */
int core_queue_make(struct core *, struct bytes name, unsigned no,
	struct queue **) __attribute__((warn_unused_result));

/* Changes the settings of a queue, making it first; SW_ESETTING and why. */
int core_queue_set(struct core *, struct bytes name, struct bytes setting,
	char *why, size_t why_cap) __attribute__((warn_unused_result));

#endif
