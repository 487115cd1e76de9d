/* SPDX-License-Identifier: MIT */
/*
 * state.h - the core's state, which broker/core and this folder share
 *
 * core.h has the turn; nothing in this file decides.
 */
#ifndef BROKER_CORE_STATE_H
#define BROKER_CORE_STATE_H

#include "broker/model/batch.h"
#include "broker/model/note.h"
#include "broker/model/record.h"
#include "broker/model/session.h"
#include "broker/time/clocks.h"

enum {
	TURN_OPS = 4096, /* rows in a batch before a turn takes no request */
	TURN_BYTES = 4 * 1024 * 1024, /* ... of the batch, and of the answers */
	/* Rows that the follow-ups of reports may add to a full batch,
	 * SW_EBUSY: room for those of any one job. */
	TURN_FOLLOW_OPS = 8192,
	TURN_TIMERS = 512,  /* timers, leases, waits: each so many in a turn */
	TURN_REFILLS = 64,  /* queues whose ready jobs are read in a turn */
	TURN_REMOVES = 64,  /* unused queues removed in a turn */
	TURN_LEASES = 2048, /* jobs handed out in a turn */
	OUTS_MAX = 16 * 1024, /* messages of a turn */
	PAGE_LOOK = 2000,     /* index rows scanned for one page of a list */
	PAGE_READ = 256 *
		    1024,  /* bytes of records read for it; and in a turn */
	FULL_PERCENT = 90, /* of the store's pages: puts are refused */
	BACKUP_FULL_PERCENT = 95, /* ... and a backup is ended, at the latest */
	QUEUE_KEEP_MS = 3600 * 1000, /* then an unused queue is removed */
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

struct wait_peer { /* a connection that has waits */
	struct peer peer;
	struct waiter *waits;
	unsigned n;
	UT_hash_handle hh;
};

struct wait_job { /* a job whose end is waited for */
	struct sw_id id;
	struct waiter *waits;
	UT_hash_handle hh;
};

struct waiter { /* a WAIT request without an answer so far, see wait.h */
	struct wait_peer *peer;
	struct wait_job *job;
	uint64_t seq;	     /* of the request */
	struct due deadline; /* boot clock */
	struct waiter *peer_prev, *peer_next, *job_prev, *job_next;
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
	int64_t stalled_ms;  /* by all stalls */
	int64_t settled_ms;  /* broker time: no run_at was due at that time */
	int64_t second_ms;   /* boot clock, of the last queue_means_update() */
	int64_t started_ms;  /* broker time */
	int64_t noticed_ms;  /* boot clock, of the last notices_tick() */
	uint64_t next_token; /* fencing token: epoch << 40 | counter */

	struct batch batch;
	struct arena out_arena; /* memory of the messages */
	struct out *outs;
	size_t outs_n;

	struct queue **queues; /* by number; NULL: there is none */
	unsigned queues_n;     /* the highest number, + 1 */
	unsigned queues_cap;
	unsigned queues_free; /* no lower number is free */
	struct queue *queues_by_name;
	struct queue_lists lists;
	struct session *sessions;
	struct session *by_worker; /* those of workers with an id, by it */
	struct session *listed;	   /* those that have just named all leases */
	struct due_heap silent;	   /* sessions: when each is closed */
	struct lease_table leases;
	struct wait_job *wait_jobs;
	struct wait_peer *wait_peers;
	struct due_heap waits;		       /* by deadline */
	struct timer_heap timers, wall_timers; /* wall: of TIMER_RUN_AT */
	struct due_row due[TURN_TIMERS];       /* read for this turn */
	unsigned due_n;

	uint64_t format;    /* of the rows */
	uint64_t converted; /* rows of an older format, at the start */

	int full;	       /* puts are refused with SW_EFULL */
	int64_t full_until_ms; /* boot clock; `full` at least until then */
	int more;	       /* the next turn must not wait */
	struct backup backup;
	struct notes notes; /* of this turn, for the log; the caller empties
			       them */
	size_t read;	    /* bytes of rows that this turn has read */
	size_t paged;	    /* ... for pages of lists */
	struct store_usage usage;
	uint64_t commits, ops, handed_out, stale, refused;
	uint64_t damaged;     /* pieces of corrupt data found and skipped */
	unsigned queues_lost; /* ... among them rows of queues, at the start */
	char damage[128];     /* the last of these pieces, for the log */
};

/* Whether batch and answers have room for another request in this turn. */
int core_has_room(const struct core *);

/* Whether this turn may decide another request: pages of lists read records
 * that may not be in the page cache, so they end the turn earlier. */
int core_may_take(const struct core *);

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

/* The queue of that name, or NULL. */
struct queue *core_queue_find(const struct core *, struct bytes name);

/*
 * Whether `more` queues can be made; `name` is that of one.  0; SW_EQUEUE: the
 * name is invalid; SW_EQUEUES: there are SW_QUEUES_MAX.  An error sets `why`
 * (SW_WHY_ROOM bytes) to a line that names limit and queue.
 */
int core_queue_check(const struct core *, struct bytes name, unsigned more,
	char *why) __attribute__((warn_unused_result));

/* Finds the queue, or makes it with the default settings.  Errors as
 * core_queue_check(). */
int core_queue_get(struct core *, struct bytes name, struct queue **, char *why)
	__attribute__((warn_unused_result));

/* Makes a queue; no other queue may have this name or number. */
int core_queue_make(struct core *, struct bytes name, unsigned no,
	struct queue **, char *why) __attribute__((warn_unused_result));

/* Adds a queue to the tables; its number is below SW_QUEUES_MAX and free. */
void core_queue_add(struct core *, struct queue *);

/* The queue of that number, or NULL. */
struct queue *core_queue_of(const struct core *, uint32_t no);

/* Removes an unused queue, its row and its totals. */
void core_queue_remove(struct core *, struct queue *);

/* To be called when a queue may have become unused: it is removed after
 * QUEUE_KEEP_MS, if it is unused then. */
void core_queue_release(struct core *, struct queue *);

/* Ready jobs of the queue that are not in memory are read when the next turn
 * begins; to be called for a queue that is to be served. */
void core_ready_read(struct core *, struct queue *);

/*
 * Changes the given settings of a queue, and makes the queue if there is none.
 * On an error `why` (SW_WHY_ROOM bytes) says what is wrong: one of
 * core_queue_get(), or SW_ESETTING: a setting that must name another queue
 * names this one.
 */
int core_settings_apply(
	struct core *, struct bytes name, const struct sw_settings *, char *why)
	__attribute__((warn_unused_result));

/*
 * Changes one setting, "name=value", of a queue, which is made if there is
 * none.  On an error `why` (SW_WHY_ROOM bytes) says what is wrong:
 * SW_ESETTING, or an error of core_queue_get().
 */
int core_queue_set(struct core *, struct bytes name, struct bytes setting,
	char *why) __attribute__((warn_unused_result));

#endif
