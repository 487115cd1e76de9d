/* SPDX-License-Identifier: MIT */
/*
 * index.h - the rows that lead to a job
 *
 * A job's record says all of them, so what is lost can be told, and made
 * again.  Only a lease's row is no part of this: it says what no record does.
 */
#ifndef BROKER_INDEX_H
#define BROKER_INDEX_H

#include "broker/model/key.h"
#include "broker/model/record.h"

enum index_slot {
	INDEX_PLACE,  /* in the line, among the timers, or among the dead */
	INDEX_EXPIRY, /* the timer of start-before */
	INDEX_UNIQUE, /* the key it holds; its value is the job's id */
	INDEX_ROWS,
};

struct index {
	struct key row[INDEX_ROWS]; /* len 0: it has none */
};

/* The rows of a job with this record in `state`; of SW_NONE none. */
void index_of(const struct record *, enum sw_state, struct index *);

/* Delayed, ready or leased. */
int index_is_pending(enum sw_state);

#endif
