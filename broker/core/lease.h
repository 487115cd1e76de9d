/* SPDX-License-Identifier: MIT */
/*
 * lease.h - the row that lets a lease outlive a restart
 */
#ifndef BROKER_CORE_LEASE_H
#define BROKER_CORE_LEASE_H

#include "broker/core/state.h"

/* Writes the row of a lease as the lease is now. */
void lease_row_write(struct core *, const struct lease *);

/* What a lease's row says. */
struct lease_row {
	struct sw_item it; /* empty where the row cannot be read */
	struct queue *q;   /* NULL: the row names none that exists */
};

/* Fills *row as far as `val` can be read.  SW_ECORRUPT: a queue that exists
 * or the token is not there. */
int lease_row_read(struct core *, struct bytes val, struct lease_row *row)
	__attribute__((warn_unused_result));

#endif
