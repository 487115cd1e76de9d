/* SPDX-License-Identifier: MIT */
/*
 * put_batch.h - the jobs of one PUT message, and the waiter of each
 */
#ifndef SW_PUT_BATCH_H
#define SW_PUT_BATCH_H

#include "base/error.h"
#include "producer/client.h"
#include "wire/job.h"

#include "producer/spillway.h" /* last: leaves out what those declare */

/* The waiter for one job's answer: a call, or a submitted job's callback. */
struct put_slot {
	struct sw_id id;
	struct put_call *call; /* NULL: the job was submitted */
	size_t at;	       /* the job's index in the call */
	sw_done_fn *done;      /* of a submitted job, or NULL */
	void *arg;
};

struct put_batch {
	struct client_req req; /* first: batch_done() casts to this struct */
	struct put_batch *next, *prev;
	struct sw_client *owner;
	struct sw_batch jobs;
	struct put_slot slots[SW_ITEMS_MAX];
};

/* An empty batch; NULL: no memory. */
struct put_batch *put_batch_new(struct sw_client *owner);
void put_batch_free(struct put_batch *);

/* Copies a job and its waiter into the batch; errors as sw_batch_add(). */
int put_batch_add(struct put_batch *, const struct sw_job *,
	const struct put_slot *, char *why) __attribute__((warn_unused_result));

#endif
