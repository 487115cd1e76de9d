/* SPDX-License-Identifier: MIT */
/*
 * core.h - what the broker decides
 *
 * Pure: no clock, no random source, no socket.  Time comes in with a turn,
 * the outside is the store it was given.  The same object runs in the broker
 * and wherever time is virtual.  A turn is:
 *
 *	core_begin	what time it is; windows are filled from the store
 *	core_take	a request, while core_has_room says there is room
 *	core_tick	jobs now due, leases now over
 *	core_hand_out	ready jobs to workers with credit
 *	core_close
 *	(commit)	core.batch, by the caller
 *	core_committed
 *	(send)		core.outs: only now the answers leave
 *	core_end
 *
 * A store that cannot be read sets `err`: the caller ends the process.
 */
#ifndef BROKER_CORE_H
#define BROKER_CORE_H

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
	uint64_t damaged;     /* what was found damaged and passed over */
	unsigned queues_lost; /* ... of it queues' rows, at the start */
	char damage[128];     /* the last of it, for people */
};

/*
 * Reads queues and leases.  0, -ENOMEM, or the store's error; SW_ECORRUPT,
 * and the store's `why` says of which queue the row is damaged.
 */
int core_init(struct core *, struct store *, const struct claim *,
	int64_t now_ms, int64_t mono_ms) __attribute__((warn_unused_result));

/* The same, without the queues whose rows are damaged: for verify.h alone. */
int core_init_any(struct core *, struct store *, const struct claim *,
	int64_t now_ms, int64_t mono_ms) __attribute__((warn_unused_result));

void core_fini(struct core *);

void core_begin(struct core *, int64_t now_ms, int64_t mono_ms);
int core_has_room(const struct core *);

/* `frame` is borrowed for the call. */
void core_take(struct core *, const struct peer *, struct bytes frame);
void core_tick(struct core *);
void core_hand_out(struct core *);

/* Nothing more is decided in this turn: core.batch is ready to be committed. */
void core_close(struct core *);

/* The batch is in the store; `outs` may be sent. */
void core_committed(struct core *);

/*
 * An out could not be sent: its jobs are free again, with the next commit.
 * Their worker is to say hello again, if it lives: else the next turn would
 * send them the same way, and its count of jobs would differ from ours.
 */
void core_undelivered(struct core *, struct bytes frame);

/*
 * The commit said SW_EFULL: the turn is forgotten, its requests get no answer,
 * and all is read anew from the store, as after a crash.  For `full_ms` puts
 * are refused; who asks again gets SW_EFULL, and acks get through.
 */
int
core_reload(struct core *, int64_t full_ms) __attribute__((warn_unused_result));

/* All outs are sent or given up. */
void core_end(struct core *);

/* How long nothing will happen by itself; at most a second. */
int64_t core_wait_ms(const struct core *);

/* Changes the settings of a queue, making it first; SW_ESETTING and why. */
int core_queue_set(struct core *, struct bytes name, struct bytes setting,
	char *why, size_t why_cap) __attribute__((warn_unused_result));

#endif
