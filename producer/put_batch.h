/* SPDX-License-Identifier: MIT */
/*
 * put_batch.h - jobs in one PUT message, and who waits for each
 */
#ifndef SW_PUT_BATCH_H
#define SW_PUT_BATCH_H

#include "base/error.h"
#include "producer/client.h"
#include "wire/job.h"

#include "producer/spillway.h" /* leaves out what those have said */

/* Who waits for one job's answer. */
struct put_slot {
	struct sw_id id;
	struct put_call *call; /* this call; or NULL: it was submitted, and */
	size_t at;	       /* ... for its job of this number */
	sw_done_fn *done;      /* ... this, if it is not NULL, is called */
	void *arg;
};

struct put_batch {
	struct client_req req; /* first: the one is the other */
	struct put_batch *next, *prev;
	struct sw_client *owner;
	struct sw_batch jobs;
	struct put_slot slots[SW_ITEMS_MAX];
};

/* Empty, or NULL. */
struct put_batch *put_batch_new(struct sw_client *owner);
void put_batch_free(struct put_batch *);

/* Adds a job and who waits for it; as sw_batch_add(). */
int put_batch_add(struct put_batch *, const struct sw_job *,
	const struct put_slot *, char *why) __attribute__((warn_unused_result));

#endif
