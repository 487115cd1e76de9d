/* SPDX-License-Identifier: MIT */
/*
 * put_batch.h - jobs packed into one PUT message, and who waits for each
 */
#ifndef SW_PUT_BATCH_H
#define SW_PUT_BATCH_H

#include "producer/client.h"
#include "base/error.h"
#include "producer/spillway.h"

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
	struct sw_buf buf;
	unsigned n;
	struct put_slot slots[SW_ITEMS_MAX];
};

/*
 * What can be refused without asking: 0, SW_EQUEUE, SW_ETOOBIG or SW_EINVAL,
 * with a line in `why`.
 */
int put_batch_check(const struct sw_job *, char *why, size_t why_cap)
	__attribute__((warn_unused_result));

/* Empty, or NULL. */
struct put_batch *put_batch_new(struct sw_client *owner);
void put_batch_free(struct put_batch *);

/* Makes it empty again; keeps its memory. */
void put_batch_reset(struct put_batch *);

/*
 * Packs a checked job, copying it.  0; -EAGAIN: it does not fit, send this
 * one and take the next; -ENOMEM.
 */
int put_batch_add(struct put_batch *, const struct sw_job *,
	const struct put_slot *) __attribute__((warn_unused_result));

#endif
