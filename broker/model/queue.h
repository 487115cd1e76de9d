/* SPDX-License-Identifier: MIT */
/*
 * queue.h - a queue: its settings, its counters and the line of ready jobs
 *
 * The line is cut into lanes, one for each value of the fair key (lane 0 for
 * jobs without one).  Lanes are served in turn; within a lane the lowest
 * rank goes first, rank = ready_at_ms + (9 - priority) * ageing_ms.  So a
 * tenant that floods the queue delays another by one job a round, and a job
 * of low priority waits behind newer urgent ones for at most 9 * ageing_ms.
 *
 * Of the lanes too only the near ones are in memory: those in [lo, hi] that
 * have ready jobs.  When the round comes to hi the next ones are read.
 */
#ifndef BROKER_QUEUE_H
#define BROKER_QUEUE_H

#include "base/must.h"
#include "wire/msg.h"
#include "wire/proto.h"
#include "wire/setting.h"
#include <uthash.h>

#include "broker/model/window.h"

enum {
	QUEUE_LANES = 256,	  /* lanes of a queue in memory */
	LANE_ENTRIES = 64,	  /* jobs of a lane in memory */
	LANE_ENTRIES_MAIN = 1024, /* ... of the lane without a fair key */
};

struct lane {
	uint64_t hash; /* of the fair key's value */
	struct window w;
	struct entry e[];
};

/* Counted from the store's first day, with the job's own commit. */
enum queue_total {
	TOTAL_PUT,
	TOTAL_DONE,
	TOTAL_FAILED,
	TOTAL_DEAD,
	TOTAL_BYTES,
	QUEUE_TOTALS, /* TOTAL_BYTES: of bodies held now */
};

struct queue {
	char name[SW_QUEUE_MAX + 1];
	uint32_t no;
	int64_t set[SW_SETTINGS];
	int64_t count[SW_STATES];
	int64_t total[QUEUE_TOTALS];
	int dirty; /* its row is to be written this turn */

	struct lane *lanes[QUEUE_LANES]; /* by hash */
	unsigned lanes_n;
	uint64_t lo, hi;    /* the range of lanes that memory covers */
	uint64_t next_lane; /* the next lane to serve has at least this hash */

	int64_t tokens_milli; /* of the rate limit */
	int64_t tokens_at_ms;

	/* Exponential means over about ten seconds. */
	double arrival_per_s, service_per_s, run_ms;
	int64_t put_then, done_then; /* totals a second ago */

	unsigned workers;  /* sessions that serve it */
	UT_hash_handle hh; /* by name */
};

/* Returns NULL when memory is out.  Settings are the defaults. */
struct queue *queue_new(const char *name, uint32_t no);
void queue_free(struct queue *);

/* The queue of that name in a table by name, or NULL. */
struct queue *queue_find(struct queue *all, struct bytes name);

/* Marks the row of the queue to be written in this turn. */
void queue_touch(struct queue *);

/* A job's place in the line.  Add and remove tell memory alone. */
void queue_ready_add(
	struct queue *, uint64_t lane, uint64_t rank, const struct sw_id *);
void queue_ready_remove(
	struct queue *, uint64_t lane, uint64_t rank, const struct sw_id *);

/* The next job in the line, not taken off; 0: none is known. */
int queue_ready_next(const struct queue *, uint64_t *lane, struct entry *);

/* Takes off what queue_ready_next named; the turn passes to the next lane. */
void queue_ready_pop(struct queue *, uint64_t lane);

/* Whether queue_ready_refill has something to read. */
int queue_ready_low(const struct queue *);

/* Only between commits, see window.h.  0 or the store's error. */
int queue_ready_refill(struct queue *, struct store *, uint32_t shard)
	__attribute__((warn_unused_result));

/* The rate limit: ms until a job may start, 0: now. */
int64_t queue_rate_wait_ms(struct queue *, int64_t now_ms);
void queue_rate_spend(struct queue *);

/* Once a second: moves the means on. */
void queue_means_update(struct queue *);

/* How many slots would keep up, see docs/design.md. */
int64_t queue_slots_needed(const struct queue *);

/* The queue's row: fields QUEUE, BODY (settings), RESULT (counters). */
void queue_encode(const struct queue *, struct sw_buf *);
int queue_decode(struct queue *, struct bytes row)
	__attribute__((warn_unused_result));

#endif
