/* SPDX-License-Identifier: MIT */
/*
 * job.h - a job is loaded, moved through its life, and forgotten
 */
#ifndef BROKER_CORE_JOB_H
#define BROKER_CORE_JOB_H

#include "base/error.h"
#include "broker/core/state.h"
#include "broker/model/life.h"

/* A point read that sees the batch first; SW_ENOJOB: no such row. */
int row_get(struct core *, struct bytes key, struct bytes *val);

/* SW_ENOJOB, SW_ECORRUPT; an error of the store is also left in core->err. */
int job_load(struct core *, const struct sw_id *, struct record *);

/* Whether job_load has found the record gone or corrupt: the caller, who has
 * a row of the job's, buries the job. */
static inline int
job_is_lost(int err)
{
	return err == SW_ECORRUPT || err == SW_ENOJOB;
}

/*
 * Moves a job: the life table is asked, index rows, counters, waiters and
 * the record follow.  Members of `r` that change with the move are set by
 * the caller before; `event` is added to the ledger.
 */
void
job_move(struct core *, struct record *, enum life_event, struct bytes event);

/* Whether another job has the key that `r` would have if it were waiting. */
int unique_taken(struct core *, const struct record *);

/* A ready job has its place in the line, whether or not it had one. */
void ready_row_add(struct core *, const struct record *);

/* A ready job is leased: its start-before timer goes. */
void job_started(struct core *, const struct record *);

/* Writes a dead job in the place of one whose record is lost. */
void record_put_dead(struct core *, struct record *, struct bytes event);

/* Removes all trace of a job that no worker has. */
void job_forget(struct core *, struct record *);

#endif
