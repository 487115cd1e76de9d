/* SPDX-License-Identifier: MIT */
/*
 * inside.h - struct sw_client, and the functions its source files share
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
	unsigned puts_in_flight;   /* batches of a put call, in flight */
	unsigned open_n, window;   /* submitted jobs without an answer; most */
	int64_t submit_timeout_ms; /* negative: for ever */
	unsigned answers;	   /* to submitted jobs, ever */
	int in_done;		   /* a callback runs */
	int in_call;		   /* between inside_begin() and inside_end() */
	int closing;
	char why[SW_TEXT_MAX + 1];
};

/* One sw_put_many(), while it runs. */
struct put_call {
	struct sw_put_result *results; /* or NULL */
	size_t left;		       /* jobs without an answer */
	size_t bad;		       /* index of the first failed job, */
	int err;		       /* ... its error */
	char why[SW_TEXT_MAX + 1];     /* ... and line */
	int late;		       /* SW_ETIMEOUT or SW_ELINK: time is up */
};

/*
 * Called at the start and the end of each call that waits.  Both send the
 * submitted jobs; the first clears `why`.  0; -EPERM: this is a fork;
 * -EDEADLK: a callback runs.
 */
int inside_begin(struct sw_client *) __attribute__((warn_unused_result));
void inside_end(struct sw_client *);

/* Sets the line of sw_why(); `why` NULL: the link's.  Returns `err`. */
int inside_fail(struct sw_client *, int err, const char *why);

/* An empty batch; NULL: no memory. */
struct put_batch *inside_batch(struct sw_client *);

/* Sends a batch and takes it: each slot is answered, then it is a spare. */
void inside_send(struct sw_client *, struct put_batch *, int64_t timeout_ms);

/* Answers every slot of the batch with the same error. */
void inside_batch_fail(struct put_batch *, int err);

/* Empties a batch and makes it a spare, or frees it if there are enough. */
void inside_batch_drop(struct put_batch *);

/*
 * Records the answer to job number `at` of a put call; `why` is copied if the
 * job is the first of the call that failed.
 */
void inside_put_answer(struct put_call *, size_t at,
	const struct sw_put_result *, const char *why);

/* Makes a new id. */
void inside_id_new(struct sw_id *);

/* Gives the job an id if it has none. */
void inside_id_ensure(struct sw_job *);

/* Milliseconds left until `until_ms`; INT64_MAX, for ever, gives -1. */
int64_t inside_left(int64_t until_ms);
int64_t inside_until(int64_t timeout_ms);

#endif
