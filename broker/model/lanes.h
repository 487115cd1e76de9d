/* SPDX-License-Identifier: MIT */
/*
 * lanes.h - the order of a queue's ready jobs, and the part of it in memory
 *
 * Ready jobs are in lanes, one for each priority and fair key (key.h, lane
 * numbers).  The lanes of one priority are a round: they are served one job
 * each in turn, within a lane the lowest rank first.  Before each job the round
 * is chosen: that with the oldest job, by the lowest rank among the first jobs
 * of its lanes in memory; of two with the same rank the more urgent.
 *
 * As rank = run_at_ms + (9 - priority) * ageing_ms, an urgent job goes before
 * all less urgent ones that have waited less than the difference of steps times
 * ageing_ms, whatever their fair keys; and a job of low priority waits behind
 * newer urgent ones for at most 9 * ageing_ms, and then for its round.
 *
 * The store has all ready jobs (rows `r`).  Memory has a window of each lane,
 * and of a round only the lanes with a number in [lo, hi].  Serving goes round
 * the lanes by number; when it has passed `hi`, lanes_refill() reads the next.
 *
 * All queues share the memory of a pool.  When the pool is over its bound it
 * drops the lanes of the queue that was served longest ago; these are then
 * cold: in the store alone, until the queue is to be served.  A refill drops no
 * lanes of a queue that was read in the same turn, so that each queue that is
 * read is also served; lanes_pool_is_full() bounds what such a turn reads.
 */
#ifndef BROKER_MODEL_LANES_H
#define BROKER_MODEL_LANES_H

#include "broker/model/window.h"

enum {
	ROUND_LANES = 256,	      /* lanes of a round in memory */
	ROUND_LANES_LEAST = 8,	      /* ... when many queues share the pool */
	LANE_ENTRIES = 64,	      /* jobs of a lane in memory */
	LANE_ENTRIES_MAIN = 1024,     /* ... of a lane without a fair key */
	LANE_ENTRIES_PASSED = 8,      /* ... of a lane that is soon passed */
	LANES_POOL = 6 * 1024 * 1024, /* bytes of all queues' lanes */
};

struct lane {
	uint64_t number;
	struct window w;
};

struct round {		     /* the lanes of one priority */
	struct lane **lanes; /* by number */
	unsigned n, cap;
	uint64_t lo, hi; /* the range of numbers whose lanes are in memory */
	uint64_t next;	 /* the next lane to serve has at least this number */
	uint64_t oldest; /* the lowest rank of a first job, if `known` */
	int known;
};

struct lanes {
	struct lanes_pool *pool;
	uint32_t queue;	       /* its number */
	int cold;	       /* the store may have jobs, memory has none */
	struct round **rounds; /* LANE_ROUNDS; NULL: no lane in memory */
	unsigned turn; /* of the pool, when the lanes were read last */
	struct lanes *prev, *next; /* in the pool, if `rounds` is not NULL */
};

struct lanes_pool { /* zeroed, but for `most`, before its first use */
	size_t bytes, most;
	unsigned n;	       /* queues with lanes in memory */
	/* Set by the caller: of the turn in which lanes are read, its number,
	 * and how many queues are to be read, which all need room. */
	unsigned turn, low;
	struct lanes *longest; /* the one that was served longest ago */
};

/* The pool is borrowed.  `cold`: the store may have jobs of the queue. */
void lanes_init(struct lanes *, struct lanes_pool *, uint32_t queue, int cold);
void lanes_fini(struct lanes *);

/* Adds or removes a ready job in memory; the caller writes the row `r`.
 * remove: returns as lanes_pop(). */
void
lanes_add(struct lanes *, uint64_t lane, uint64_t rank, const struct sw_id *);
int lanes_remove(
	struct lanes *, uint64_t lane, uint64_t rank, const struct sw_id *);

/* Sets the lane and entry of the next job to hand out, without removing it.
 * 0: memory does not have it; it may be in the store (lanes_low). */
int lanes_next(const struct lanes *, uint64_t *lane, struct entry *);

/* Removes the job that lanes_next() set; the next lane is served next.  Returns
 * whether lanes_refill() should read before more are taken. */
int lanes_pop(struct lanes *, uint64_t lane);

/* Whether lanes_refill() has something to read. */
int lanes_low(const struct lanes *);

/* Reads ready jobs from the store, only while the batch is empty (window.h).
 * 0 or an error of the store. */
int lanes_refill(struct lanes *, struct store *, uint32_t shard)
	__attribute__((warn_unused_result));

/* Whether half of the pool has lanes that were read in this turn, and nothing
 * else is left to drop: other queues are to be read in the next turn. */
int lanes_pool_is_full(const struct lanes_pool *);

/* The lane in memory, or NULL. */
struct lane *lanes_find(const struct lanes *, uint64_t number);

/* Whether lanes of this number are in memory if they have jobs at all. */
int lanes_cover(const struct lanes *, uint64_t number);

#endif
