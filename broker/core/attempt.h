/* SPDX-License-Identifier: MIT */
/*
 * attempt.h - an attempt ends, or a job dies without one
 */
#ifndef BROKER_CORE_ATTEMPT_H
#define BROKER_CORE_ATTEMPT_H

#include "broker/core/state.h"

struct attempt {
	enum sw_outcome outcome;
	enum sw_cause cause;
	int64_t delay_ms;	      /* -1: by the queue's backoff */
	const struct sw_item *report; /* NULL: there is none */
};

/* Ends an attempt; the lease is given up. */
void attempt_end(struct core *, struct record *, const struct attempt *);

extern const struct attempt attempt_release; /* its worker has left in peace */

/* Buries a job for a reason that is not an attempt's. */
void job_bury(struct core *, struct record *, enum sw_cause, enum sw_event);

/* Puts a job whose record is corrupt or gone among the dead of `at_ms`; the
 * bytes of the record are kept. */
void job_bury_corrupt(struct core *, struct queue *, const struct sw_id *,
	enum sw_state was, int64_t at_ms);

/* The same for a job of which a timer is all that is left, as far as its
 * corrupt record still names a queue and a state that has one. */
void job_bury_from_timer(struct core *, const struct sw_id *);

#endif
