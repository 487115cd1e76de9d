/* SPDX-License-Identifier: MIT */
/*
 * due.h - rows whose time has come: delayed jobs, expiry, end of retention
 *
 * The row of a dead job stays unless its queue deletes such jobs by now.
 *
 * A row names a job and a time, not what is due: the record decides.  A row
 * that no longer matches its record is deleted and nothing else happens.
 */
#ifndef BROKER_CORE_DUE_H
#define BROKER_CORE_DUE_H

#include "broker/job/state.h"

/* At the start: finds the first row of each letter and queue.  0 or an error of
 * the store. */
int due_load(struct core *) __attribute__((warn_unused_result));

/* Reads the rows that are due from the store, only while the batch is empty.
 * SW_ECORRUPT: a key of a wrong length; or another error of the store. */
int due_read(struct core *) __attribute__((warn_unused_result));

/* Decides what due_read() has read. */
void due_fire(struct core *);

/* Milliseconds until a row is due, at most `most_ms`. */
int64_t due_wait_ms(const struct core *, int64_t most_ms);

#endif
