/* SPDX-License-Identifier: MIT */
/*
 * queue.h - a queue: settings, counters, rate limit, order of ready jobs
 *
 * Ready jobs are in lanes, one for each value of the fair key; lane 0 is for
 * jobs without one.  Lanes are served one job each in turn; within a lane the
 * lowest rank goes first, rank = due_ms + (9 - priority) * ageing_ms.  So a
 * tenant that floods the queue delays another tenant by one job per round, and
 * a job of low priority waits behind newer urgent ones for at most
 * 9 * ageing_ms.
 *
 * The store has all ready jobs (rows `r`); memory has a window of each lane,
 * and only of the lanes with a hash in [lo, hi].  Serving goes round the lanes
 * by hash; when it has passed `hi`, queue_ready_refill() reads the next lanes.
 */
#ifndef BROKER_MODEL_QUEUE_H
#define BROKER_MODEL_QUEUE_H

#include "base/must.h"
#include "wire/msg.h"
#include "wire/proto.h"
#include "wire/setting.h"
#include <uthash.h>

#include "broker/model/timer.h"
#include "broker/model/window.h"

enum {
	QUEUE_LANES = 256,	  /* lanes of a queue in memory */
	LANE_ENTRIES = 64,	  /* jobs of a lane in memory */
	LANE_ENTRIES_MAIN = 1024, /* ... of the lane without a fair key */
	QUEUE_LATE_MS = 40,	  /* starts this late are made up for */
	QUEUE_ROW_MAX = 1024 + SW_TEXT_SETTINGS * (SW_TEXT_MAX + 4),
};

struct lane {
	uint64_t hash; /* of the fair key's value */
	struct window w;
	struct entry e[];
};

/* Counted since the store was made, in the commit of the job that counts. */
enum queue_total {
	TOTAL_PUT,
	TOTAL_DONE,
	TOTAL_FAILED,
	TOTAL_DEAD,
	TOTAL_BYTES,   /* no total: the bodies stored now */
	TOTAL_DROPPED, /* dead jobs that were deleted after retain_dead_ms */
	QUEUE_TOTALS,
};

struct queue_notices {	 /* core/notice.h */
	int64_t sent_ms; /* boot clock, of the last one */
	int64_t deaths;	 /* not told yet; the last of them: */
	struct sw_id id;
	int64_t cause, attempts, at_ms;
	int aged; /* the age has been told */
};

struct queue {
	char name[SW_QUEUE_MAX + 1];
	uint32_t no;
	int64_t set[SW_SETTINGS];     /* by enum sw_setting, wire/setting.h */
	char *text[SW_TEXT_SETTINGS]; /* NULL: not set; queue_text() */
	int64_t count[SW_STATES];     /* jobs by state */
	int64_t total[QUEUE_TOTALS];
	int dirty;  /* core_close() writes the row */
	int stored; /* the store has the row */

	struct lane *lanes[QUEUE_LANES]; /* by hash */
	unsigned lanes_n;
	uint64_t lo, hi;    /* the range of hashes whose lanes are in memory */
	uint64_t next_lane; /* the next lane to serve has at least this hash */

	struct timer timers[TIMER_KINDS];

	int64_t tokens;	      /* token bucket of the rate limit, see TOKEN */
	int64_t tokens_at_ms; /* boot clock, of the last refill: a queue that is
				 read at a start has saved up nothing */

	/* Exponential means over about ten seconds. */
	double arrival_per_s, service_per_s, run_ms;
	int has_run; /* since the start; without it run_ms is not known */
	int64_t put_before, done_before; /* totals a second ago */

	struct queue_notices notices;

	unsigned workers;  /* sessions that serve the queue */
	UT_hash_handle hh; /* by name */
};

/* NULL: no memory.  Settings are the defaults. */
struct queue *queue_new(const char *name, uint32_t no);
void queue_free(struct queue *);

/* The queue of that name in a table by name, or NULL. */
struct queue *queue_find(struct queue *all, struct bytes name);

/* The value of a text setting, "" unless set; borrowed until it is set. */
const char *queue_text(const struct queue *, enum sw_text_setting);
void queue_text_set(struct queue *, enum sw_text_setting, struct bytes value);

/* When a row whose key has the time `at_ms` is due; TIMER_NEVER: never. */
uint64_t
queue_row_due_ms(const struct queue *, enum timer_kind, uint64_t at_ms);

/* Marks the row of the queue to be written in this turn. */
void queue_touch(struct queue *);

/* Adds or removes a ready job in memory; the caller writes the row `r`. */
void queue_ready_add(
	struct queue *, uint64_t lane, uint64_t rank, const struct sw_id *);
void queue_ready_remove(
	struct queue *, uint64_t lane, uint64_t rank, const struct sw_id *);

/* Sets the lane and entry of the next job to hand out, without removing it.
 * 0: memory has none; there may be some in the store (queue_ready_low). */
int queue_ready_next(const struct queue *, uint64_t *lane, struct entry *);

/* Removes the job that queue_ready_next() set; the next lane is served next. */
void queue_ready_pop(struct queue *, uint64_t lane);

/* Whether queue_ready_refill() has something to read. */
int queue_ready_low(const struct queue *);

/* Reads ready jobs from the store, only while the batch is empty (window.h).
 * 0 or an error of the store. */
int queue_ready_refill(struct queue *, struct store *, uint32_t shard)
	__attribute__((warn_unused_result));

/*
 * Milliseconds until the rate limit lets a job start; 0: now.  spend: one job
 * starts.  In any time T at most burst + rate * (T + QUEUE_LATE_MS) jobs start:
 * a turn that comes late starts what was due before it, so that the rate is
 * reached as long as there is a turn each QUEUE_LATE_MS.
 */
int64_t queue_rate_wait_ms(struct queue *, int64_t now_ms);
void queue_rate_spend(struct queue *);

/* To be called once a second. */
void queue_means_update(struct queue *);

/* Adds the run time of an attempt to the mean. */
void queue_run_add(struct queue *, int64_t ms);

/* How many worker slots would keep up with the arrivals and finish the ready
 * jobs within a minute; -1: not known, for no attempt has ended. */
int64_t queue_slots_needed(const struct queue *);

/*
 * The row of a queue, at most QUEUE_ROW_MAX bytes: an item with QUEUE, BODY
 * (settings) and RESULT (counts and totals), both as 8-byte little-endian
 * numbers, RATE, and a SETTING "name=value" for each text setting.  The rate is
 * among the settings too, in whole jobs per second, as it was before there was
 * RATE.  decode: SW_ECORRUPT.
 */
void queue_encode(const struct queue *, struct sw_buf *);
int queue_decode(struct queue *, struct bytes row)
	__attribute__((warn_unused_result));

#endif
