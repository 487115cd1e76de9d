/* SPDX-License-Identifier: MIT */
/*
 * core_in.h - what the files of the core share among themselves
 */
#ifndef BROKER_CORE_IN_H
#define BROKER_CORE_IN_H

#include "base/error.h"
#include "broker/core/core.h"
#include "broker/model/life.h"

enum {
	REPLY_SMALL = 64 * 1024, /* room for 100 items of some numbers */
	SHOW_ROOM = 1024,	 /* what job_show adds to a record, at most */
};

/* A request being answered. */
struct request {
	struct core *core;
	const struct peer *peer;
	struct sw_msg msg;
	struct sw_buf reply;
};

/* Outgoing messages (core_out.c). */
void
out_begin(struct core *, struct sw_buf *, size_t cap, int op, uint64_t seq);
void out_send(struct core *, struct sw_buf *, const struct peer *);
void reply_begin(struct request *, size_t cap);
void reply_send(struct request *);
void reply_status(struct request *, int status); /* an item of its own */
void
reply_append(struct request *, const struct sw_buf *message); /* its items */
void reply_refuse(struct core *, const struct peer *, uint64_t seq, int status,
	const char *detail);

/* The fields of a job as GET shows them, or without body and ledger. */
void job_show(struct core *, struct sw_buf *, const struct record *, int whole);

/* Notes damage that is passed over, for whoever runs the core to tell. */
void core_damage(struct core *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Queues (core_queue.c). */
int queue_get(struct core *, struct bytes name,
	struct queue **); /* made new if need be */
int queue_make(struct core *, struct bytes name, unsigned no,
	struct queue **); /* there is none of this name and number */
int64_t queue_oldest_ms(struct core *, struct queue *);

/* Jobs (core_job.c). */

/* A point read that sees the batch first; SW_ENOJOB: no such row. */
int row_get(struct core *, struct bytes key, struct bytes *val);

/* SW_ENOJOB, SW_ECORRUPT; an error of the store is also left in core->err. */
int job_load(struct core *, const struct sw_id *, struct record *);

/*
 * Moves a job: the life table is asked, index rows, counters, waiters and
 * the record follow.  Members of `r` that change with the move are set by
 * the caller before; `event` is added to the ledger.
 */
void
job_move(struct core *, struct record *, enum life_event, struct bytes event);

/* Ends an attempt that did not succeed; the lease is given up. */
struct attempt {
	enum sw_outcome outcome;
	enum sw_cause cause;
	int64_t delay_ms;	      /* -1: by the queue's backoff */
	const struct sw_item *report; /* NULL: there is none */
};
void attempt_end(struct core *, struct record *, const struct attempt *);
extern const struct attempt lease_back; /* its worker has left in peace */

/* Buries a job for a reason that is not an attempt's. */
void job_bury(struct core *, struct record *, enum sw_cause, enum sw_event);

/* Whether job_load has told of damage: who has a row of the job's buries it. */
static inline int
is_lost(int err)
{
	return err == SW_ECORRUPT || err == SW_ENOJOB;
}

/* Writes the row that lets a lease outlive a restart. */
void lease_row(struct core *, const struct lease *);

/* What a lease's row says; SW_ECORRUPT: too little, `q` may be NULL. */
struct lease_said {
	struct sw_item it; /* empty where it cannot be read */
	struct queue *q;
};
int lease_row_open(struct core *, struct bytes val, struct lease_said *);

/* Whether another job holds the key that `r` would hold if it were waiting. */
int unique_taken(struct core *, const struct record *);

/* A ready job has its place in the line, whether or not it had one. */
void ready_row_add(struct core *, const struct record *);

/* A ready job is leased: its start-before timer goes. */
void job_started(struct core *, const struct record *);

/* Writes a dead job in the place of one whose record is lost. */
void record_put_dead(struct core *, struct record *, struct bytes event);

/* Puts the wreck of a record that cannot be read among the dead of `at_ms`. */
void job_bury_corrupt(struct core *, struct queue *, const struct sw_id *,
	enum sw_state was, int64_t at_ms);

/* The same for a job of which a timer is all that is left, as far as its
 * damaged record still names a queue and a state that has one. */
void job_bury_wreck(struct core *, const struct sw_id *);

/* Removes all trace of a job that no worker has. */
void job_forget(struct core *, struct record *);

/* The session is over: its leases, if any, go on until they end. */
void session_close(struct core *, struct session *);

/* Whether `it` may be put; SW_EUNIQUE sets *holder.  put_check, then put_apply.
 */
struct ahead { /* what was checked before it and is not yet put */
	int64_t jobs, bytes;
};
int put_check(struct core *, const struct sw_item *it, const struct ahead *,
	struct sw_id *holder);
void put_apply(struct core *, const struct sw_item *it);

/* The operations. */
typedef void op_fn(struct request *);
op_fn op_put, op_hello, op_want, op_done, op_extend, op_bye, op_cancel, op_get,
	op_wait, op_why, op_list, op_redrive, op_purge, op_queue_set, op_queues,
	op_workers, op_stats;

#endif
