/* SPDX-License-Identifier: MIT */
/*
 * index.h - the rows that lead to a job, as a function of its record
 *
 * The core uses this function to write rows, a repair to find missing and
 * orphan ones.  The row of a lease is not part of it: a record does not change
 * when its job is leased.
 */
#ifndef BROKER_MODEL_INDEX_H
#define BROKER_MODEL_INDEX_H

#include "broker/model/key.h"
#include "broker/model/record.h"

enum index_slot {
	INDEX_PLACE,  /* the row by which the state is listed */
	INDEX_EXPIRY, /* the row of expires_at */
	INDEX_UNIQUE, /* the unique key; the row's value is the job's id */
	INDEX_ROWS,
};

struct index {
	struct key row[INDEX_ROWS]; /* len 0: the job has no such row */
};

/* Sets *x to the rows of a job with this record in `state`; SW_NONE has none.
 */
void index_of(const struct record *, enum sw_state, struct index *x);

/* Whether the state is delayed, ready or leased. */
int index_is_pending(enum sw_state);

#endif
