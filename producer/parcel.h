/* SPDX-License-Identifier: MIT */
/*
 * parcel.h - jobs packed into one PUT message, and who waits for each
 */
#ifndef SW_PARCEL_H
#define SW_PARCEL_H

#include "producer/client.h"
#include "base/error.h"
#include "producer/spillway.h"

/* Who waits for one job's answer. */
struct parcel_slot {
	struct sw_id id;
	struct put_call *call; /* this call; or NULL: it was submitted, and */
	size_t at;	       /* ... for its job of this number */
	sw_done_fn *done;      /* ... this, if it is not NULL, is called */
	void *arg;
};

struct parcel {
	struct client_req req; /* first: the one is the other */
	struct parcel *next, *prev;
	struct sw_client *owner;
	struct sw_buf buf;
	unsigned n;
	struct parcel_slot slots[SW_ITEMS_MAX];
};

/*
 * What can be refused without asking: 0, SW_EQUEUE, SW_ETOOBIG or SW_EINVAL,
 * with a line in `why`.
 */
int parcel_check(const struct sw_job *, char *why, size_t why_cap)
	__attribute__((warn_unused_result));

/* Empty, or NULL. */
struct parcel *parcel_new(struct sw_client *owner);
void parcel_free(struct parcel *);

/* Makes it empty again; keeps its memory. */
void parcel_reset(struct parcel *);

/*
 * Packs a checked job, copying it.  0; -EAGAIN: it does not fit, send this
 * one and take the next; -ENOMEM.
 */
int parcel_add(struct parcel *, const struct sw_job *,
	const struct parcel_slot *) __attribute__((warn_unused_result));

#endif
