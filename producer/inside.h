/* SPDX-License-Identifier: MIT */
/*
 * inside.h - what a struct sw_client is, for the files that make it up
 */
#ifndef SW_INSIDE_H
#define SW_INSIDE_H

#include "producer/put_batch.h"

struct sw_client {
	struct client *link;
	struct put_batch *pending;   /* submitted, not sent; or NULL */
	struct put_batch *in_flight; /* sent, unanswered; the newest first */
	struct put_batch *spare;     /* empty, to be used again */
	unsigned spares;
	unsigned puts_in_flight;   /* of those in flight: of a put call */
	unsigned open_n, window;   /* submitted jobs without an answer */
	int64_t submit_timeout_ms; /* negative: for ever */
	unsigned answers;	   /* to submitted jobs, ever */
	int in_done;		   /* a callback runs */
	int in_call; /* a call that sends what is submitted runs */
	int closing;
	char why[SW_TEXT_MAX + 1];
};

/* One sw_put_many(), while it runs. */
struct put_call {
	struct sw_put_result *results; /* or NULL */
	size_t left;		       /* jobs without an answer */
	size_t bad;		       /* the first job that failed, */
	int err;		       /* ... how, */
	int late;		       /* (or that time is up) */
	char why[SW_TEXT_MAX + 1];     /* ... and why */
};

/*
 * At the start and the end of each call that waits: both send what was
 * submitted; the first clears `why`.  0, -EPERM or -EDEADLK.
 */
int inside_begin(struct sw_client *) __attribute__((warn_unused_result));
void inside_end(struct sw_client *);

/* Keeps the line for sw_why(), by default that of the link; returns `err`. */
int inside_fail(struct sw_client *, int err, const char *why);

/* An empty batch, or NULL. */
struct put_batch *inside_batch(struct sw_client *);

/* Sends a batch; its slots get their answers, then it is spare again. */
void inside_send(struct sw_client *, struct put_batch *, int64_t timeout_ms);

/* Gives every slot of the batch the same error. */
void inside_batch_fail(struct put_batch *, int err);

/* Empties the batch; keeps it as a spare, or frees it if there are enough. */
void inside_batch_drop(struct put_batch *);

/*
 * Takes the answer for job number `at` of a put call; `why` is copied if it
 * is the call's first failure in the order of its jobs.
 */
void inside_put_answer(struct put_call *, size_t at,
	const struct sw_put_result *, const char *why);

/* Makes a new id from the clock and chance. */
void inside_id_new(struct sw_id *);

/* Makes the job's id if it has none. */
void inside_id_ensure(struct sw_job *);

/* What is left of `until_ms` (INT64_MAX: for ever, negative). */
int64_t inside_left(int64_t until_ms);
int64_t inside_until(int64_t timeout_ms);

#endif
