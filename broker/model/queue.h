/* SPDX-License-Identifier: MIT */
/*
 * queue.h - a queue: settings, counters, rate limit
 *
 * The order of its ready jobs is in lanes.h.  A queue is in the lists of
 * struct queue_lists while there is something to do for it, so that no turn
 * walks all queues.
 */
#ifndef BROKER_MODEL_QUEUE_H
#define BROKER_MODEL_QUEUE_H

#include "base/must.h"
#include "broker/model/lanes.h"
#include "broker/time/due.h"
#include "broker/time/timer.h"
#include "wire/msg.h"
#include "wire/proto.h"
#include "wire/setting.h"
#include <uthash.h>

enum {
	QUEUE_LATE_MS = 40, /* starts this late are made up for */
	QUEUE_ROW_MAX = 1024 + SW_TEXT_SETTINGS * (SW_TEXT_MAX + 4),
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

/* Why a queue is in a list; each is a bit of `listed`. */
enum queue_list {
	QUEUE_DIRTY,  /* the row has to be written */
	QUEUE_LOW,    /* lanes_refill() has something to read */
	QUEUE_ACTIVE, /* a job may start: it is ready, and a worker has room */
	QUEUE_LIVELY, /* the means are not zero, or a total has changed */
	QUEUE_TELLS,  /* on_age is to be watched, or deaths are to be told */
	QUEUE_LISTS,
};

struct queue_link {
	struct queue *prev, *next;
};

struct queue_lists { /* of all queues; zeroed before its first use */
	struct queue *first[QUEUE_LISTS], *last[QUEUE_LISTS];
	unsigned n[QUEUE_LISTS];
	struct due_heap rated;	/* when a rate limit lets a job start */
	struct due_heap unused; /* when a queue is removed */
	struct lanes_pool pool;
};

struct queue {
	char name[SW_QUEUE_MAX + 1];
	uint32_t no;
	unsigned listed;	      /* bits, by enum queue_list */
	const int64_t *set;	      /* by enum sw_setting, wire/setting.h */
	char *text[SW_TEXT_SETTINGS]; /* NULL: not set; queue_text() */
	int64_t count[SW_STATES];     /* jobs by state */
	int64_t total[QUEUE_TOTALS];
	int stored; /* the store has the row */

	struct lanes lanes; /* ready jobs */
	struct queue_lists *lists;
	struct queue_link link[QUEUE_LISTS];
	struct due rated, unused; /* boot clock */

	struct timer timers[TIMER_KINDS];

	int64_t tokens;	      /* token bucket of the rate limit, see TOKEN */
	int64_t tokens_at_ms; /* boot clock, of the last refill: a queue that is
				 read at a start has saved up nothing */

	/* Exponential means over about ten seconds. */
	double arrival_per_s, service_per_s, run_ms;
	int has_run; /* since the start; without it run_ms is not known */
	int64_t put_before, done_before; /* totals a second ago */

	struct queue_notices notices;

	unsigned workers;	     /* sessions that serve the queue */
	struct subscription *hungry; /* those with credit (session.h) */
	UT_hash_handle hh;	     /* by name */
};

/* NULL: no memory.  Settings are the defaults.  `lists` is borrowed. */
struct queue *queue_new(struct queue_lists *, const char *name, uint32_t no);

/* Takes the queue out of all lists and frees it. */
void queue_free(struct queue *);

/* The queue of that name in a table by name, or NULL. */
struct queue *queue_find(struct queue *all, struct bytes name);

/* The value of a text setting, "" unless set; borrowed until it is set. */
const char *queue_text(const struct queue *, enum sw_text_setting);
void queue_text_set(struct queue *, enum sw_text_setting, struct bytes value);

/* When a row whose key has the time `at_ms` is due; TIMER_NEVER: never. */
uint64_t
queue_row_due_ms(const struct queue *, enum timer_kind, uint64_t at_ms);

/* Puts a queue at the end of a list, unless it is in it; takes it out. */
void queue_list(struct queue *, enum queue_list);
void queue_unlist(struct queue *, enum queue_list);

/* The first of a list, which is taken out; NULL: the list is empty. */
struct queue *queue_list_take(struct queue_lists *, enum queue_list);

/* Marks the row of the queue to be written in this turn, after any change. */
void queue_touch(struct queue *);

/* Lists the queue as active if it has ready jobs and a worker has room. */
void queue_wake(struct queue *);

/* Replaces the settings; if all are the defaults they take no memory. */
void queue_settings(struct queue *, const int64_t set[SW_SETTINGS]);

/* Lists the queue if it is to be watched for notices (core/notice.h). */
void queue_watch(struct queue *);

/* Whether nothing would be lost with the queue but its totals: no job, no
 * worker, no setting. */
int queue_is_unused(const struct queue *);

/*
 * Milliseconds until the rate limit lets a job start; 0: now.  spend: one job
 * starts.  In any time T at most burst + rate * (T + QUEUE_LATE_MS) jobs start:
 * a turn that comes late starts what was due before it, so that the rate is
 * reached as long as there is a turn each QUEUE_LATE_MS.
 */
int64_t queue_rate_wait_ms(struct queue *, int64_t now_ms);
void queue_rate_spend(struct queue *);

/* To be called once a second while the queue is lively.  Returns 0 when the
 * means are zero. */
int queue_means_update(struct queue *);

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
 * RATE.  decode: the queue's ready jobs are in the store; SW_ECORRUPT.
 */
void queue_encode(const struct queue *, struct sw_buf *);
int queue_decode(struct queue *, struct bytes row)
	__attribute__((warn_unused_result));

#endif
