/* SPDX-License-Identifier: MIT */
/*
 * job.h - loading, moving and forgetting one job, and waits for its end
 *
 * job_move() is the only way from one state to another (model/life.h has the
 * table).  It keeps record, index rows, windows, counters and waits in step.
 */
#ifndef BROKER_JOB_JOB_H
#define BROKER_JOB_JOB_H

#include "base/error.h"
#include "broker/job/state.h"
#include "broker/model/life.h"

struct request;

/*
 * Reads one row, as this turn's batch or else the store has it.  *val is
 * borrowed until the next call of the store.  SW_ENOJOB: no such row; another
 * error of the store is also left in core->err.
 */
int row_get(struct core *, struct bytes key, struct bytes *val);

/*
 * Reads a job's record and finds its queue and lease; the record's bytes are
 * borrowed as in row_get().  SW_ENOJOB: no such job; SW_ECORRUPT: the record
 * is corrupt or its queue unknown; or an error of the store, also left in
 * core->err.
 */
int job_load(struct core *, const struct sw_id *, struct record *);

/* Whether job_load() found the record missing or corrupt, so that a caller who
 * came by one of the job's rows has to bury the job. */
static inline int
job_is_lost(int err)
{
	return err == SW_ECORRUPT || err == SW_ENOJOB;
}

/*
 * Moves a job to the state that the life table gives; the caller has made sure
 * that the event is allowed.  The caller sets the members of `r` that change
 * with the move (run_at_ms, cause, ...) before the call.  `event`, which may
 * be empty, is added to the job's history.  Ends the lease, if there is one.
 */
void
job_move(struct core *, struct record *, enum life_event, struct bytes event);

/*
 * As job_move(), and the job goes to another queue with a place among its ready
 * jobs of its own.  The caller has made sure that the unique key is free there.
 */
void job_move_to(struct core *, struct record *, enum life_event,
	struct queue *to, struct bytes event);

/* Whether another job has the unique key that `r` would take with a redrive. */
int unique_taken(struct core *, const struct record *);

/* Gives a waiting or dead job another time to be due, in broker time, and the
 * place among the ready jobs that goes with it. */
void job_due_set(struct core *, struct record *, int64_t due_ms);

/* Writes the ready row of a job again, also where the row exists. */
void ready_row_add(struct core *, const struct record *);

/*
 * Removes the row of a ready job's expiry, if there is one: the job is being
 * leased, and expiry bounds only its first start.
 */
void expiry_row_remove(struct core *, const struct record *);

/* Writes a dead job in the place of a record that is lost. */
void record_put_dead(struct core *, struct record *, struct bytes event);

/* Removes record and rows of a job that is not leased. */
void job_forget(struct core *, struct record *);

/* --- oldest.c ------------------------------------------------------------- */

enum { OLDEST_LANES = 16 }; /* of a queue in the store, to look at */

/*
 * The longest wait among the first jobs of each priority, and that job; 0: none
 * waits.  Reads at most LANE_ROUNDS records.  An estimate: of a priority it
 * looks at the lanes in memory; of a queue that has none there, at OLDEST_LANES
 * in the store, one of each priority first.  Ready jobs are ordered by rank,
 * which does not tell when a job that was tried before became ready.
 */
int64_t oldest_ready_ms(struct core *, const struct queue *, struct sw_id *);

/* --- wait.c: WAIT requests, which are answered when their jobs end -------- */

/*
 * A wait ends with the answer to the end of its job, or with SW_ETIMEOUT at its
 * deadline.  So a client that is gone takes its places in the table for at most
 * SW_WAIT_MS, and never more than SW_WAITS_PER_PEER of them.
 */

/*
 * Keeps a request for the end of a job that has not ended.  Sent again, it
 * changes nothing.  SW_EWAITS: the table or the peer is at its limit, which
 * `why` (SW_WHY_ROOM bytes) names; SW_EBUSY: no memory.
 */
int wait_add(struct request *, const struct sw_id *, int64_t timeout_ms,
	char *why) __attribute__((warn_unused_result));

/*
 * Answers all waits for the job, with its record if `status` is 0.  Beyond
 * WAIT_BYTES the answer is SW_EBUSY: the client asks again and, as the job has
 * ended, op_wait() answers at once.
 */
void waits_answer(struct core *, const struct record *, int status);

/* Ends the waits whose deadline has passed, at most TURN_TIMERS of them. */
void waits_expire(struct core *);

void waits_free(struct core *);

#endif
