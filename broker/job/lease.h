/* SPDX-License-Identifier: MIT */
/*
 * lease.h - the row `l` of a lease, so that leases outlive a restart
 *
 * The row has token, start, worker, the worker's id, queue and a requested
 * cancel.  The deadline is not stored: a restart restores each lease with a
 * full term.
 */
#ifndef BROKER_JOB_LEASE_H
#define BROKER_JOB_LEASE_H

#include "broker/job/state.h"

/* Writes the row of a lease from its present members. */
void lease_row_write(struct core *, const struct lease *);

struct lease_row {
	struct sw_item it; /* empty if the row cannot be read */
	struct queue *q;   /* NULL: the row names no queue that exists */
};

/* Decodes `val` as far as possible; sets *row in any case.  SW_ECORRUPT: the
 * token or the name of an existing queue is missing. */
int lease_row_read(struct core *, struct bytes val, struct lease_row *row)
	__attribute__((warn_unused_result));

#endif
