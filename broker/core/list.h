/* SPDX-License-Identifier: MIT */
/*
 * list.h - requests over many jobs, page by page
 *
 * Each answer is one page, with a cursor for the next: the first item has
 * count and cursor, the others a job each.
 */
#ifndef BROKER_CORE_LIST_H
#define BROKER_CORE_LIST_H

#include "broker/job/reply.h"
#include "broker/model/record.h"

op_fn op_list, op_redrive, op_purge;

/*
 * change.c: what a person does to selected jobs; a selector with an id needs
 * no state.
 *
 *	run	a delayed job is ready now
 *	move	a waiting or dead job goes to the queue TEXT, which must exist
 *	bury	a waiting job is dead; TEXT is the reason
 *	cancel	as op_cancel, for all jobs of a selector
 */
op_fn op_run, op_move, op_bury, op_cancel_all;

struct list_change;

/* Changes a selected job, unless `dry`; returns the status of the job's item,
 * whose DETAIL is `why` unless that is empty. */
typedef int list_each_fn(struct core *, struct record *, struct list_change *);

/* Reads what the request says besides the selector; after an error the request
 * is refused with the line in `why`. */
typedef int
list_begin_fn(struct core *, struct list_change *, char why[SW_WHY_ROOM]);

struct list_op {
	uint64_t states; /* SW_BIT of those that a selector may have; SW_NONE:
			    with an id it may have none */
	list_each_fn *each;
	list_begin_fn *begin; /* or NULL */
};

/* All states but leased: the jobs that no worker has. */
#define LIST_AT_REST                                                           \
	(SW_BIT(SW_DELAYED) | SW_BIT(SW_READY) | SW_BIT(SW_DONE) |             \
		SW_BIT(SW_DEAD) | SW_BIT(SW_CANCELLED))

/* A page of jobs that are being changed. */
struct list_change {
	const struct list_op *op;
	struct sw_item ask; /* the request's item; empty: it has none */
	int dry;	    /* change nothing */
	int64_t count;	    /* jobs of this page that were changed before */
	struct queue *to;   /* of a move */
	char why[SW_WHY_ROOM];
};

/* Answers a request that changes the jobs of a selector. */
void list_change(struct request *, const struct list_op *);

#endif
