/* SPDX-License-Identifier: MIT */
/*
 * attempt.h - the end of an attempt: done, retry, or dead
 *
 * attempt_end() is the only place that counts attempts and crashes and
 * compares them with max_attempts and max_crashes; a retry gets its back-off
 * there, too.
 *
 * An attempt is charged when the lease of a begun job ends, by the worker's
 * report or because the lease expired.  What costs none is bounded:
 *
 *	lapse		the lease expired, or SW_RELEASE with cause crash (its
 *			process has died), and the job was not known to have
 *			begun: ready at once; after max_crashes lapses in a row
 *			an attempt is charged, cause lost or crash
 *	hand-back	SW_RELEASE, or SW_STOPPED without a cancel, of a begun
 *			job: delayed by the queue's back-off, with the number of
 *			hand-backs in place of the attempt; beyond max_releases
 *			an attempt is charged.  With cause crash or oom the job
 *			was one of several in a process that crashed: a crash
 *			is counted, so that the job is alone next, and the job
 *			is not dead for that before it crashes again
 *	fault		SW_RELEASE of a begun job with cause lost: its worker
 *			has lost what had started it.  A lapse, delayed by the
 *			queue's back-off; after max_releases lapses in a row an
 *			attempt is charged
 *	free		a hand-back of a job that has not begun, and a lease
 *			that has not reached its worker: ready at once
 */
#ifndef BROKER_CORE_ATTEMPT_H
#define BROKER_CORE_ATTEMPT_H

#include "broker/job/state.h"

enum { BACKOFF_JITTER = 25 }; /* percent by which a back-off may differ */

struct attempt { /* how an attempt ended */
	enum sw_outcome outcome;
	enum sw_cause cause;
	int64_t delay_ms;	      /* before a retry; -1: the back-off */
	const struct sw_item *report; /* the worker's; NULL: no report */
	int silent;		      /* the lease expired */
};

/*
 * Ends the lease of `r` and moves the job: SW_ACK to done; SW_RELEASE and
 * SW_STOPPED back to ready or delayed; SW_FAIL to dead; SW_RETRY to delayed, or
 * to dead if the attempts are used up.  If a cancel was requested all but
 * SW_ACK move the job to cancelled.
 */
void attempt_end(struct core *, struct record *, const struct attempt *);

/* A hash of the result and the follow-ups of an ack, by which the same report
 * that comes again is recognised; 0 for other outcomes. */
int64_t attempt_digest(enum sw_outcome, const struct sw_item *report);

/* The outcome of a lease whose worker has said bye, and of one whose job has
 * not reached its worker. */
extern const struct attempt attempt_release, attempt_missed;

/* Moves a job to dead without an attempt, for example because it expired. */
void job_bury(struct core *, struct record *, enum sw_cause, enum sw_event);

/*
 * Moves a job whose record is corrupt or missing to dead, with the cause
 * SW_C_CORRUPT, and ends its lease.  `was` is the state in which the queue
 * counts the job; `at_ms` becomes the time of its death.  The bytes of a
 * corrupt record are kept in a row `c`.  A record whose length is corrupt
 * cannot be read or written: the job only gets its dead row.  If the record is
 * sound, as only the row of its queue is lost, the job stays in its state.
 */
void job_bury_corrupt(struct core *, struct queue *, const struct sw_id *,
	enum sw_state was, int64_t at_ms);

/*
 * Sets queue and state, delayed, done or cancelled, from a corrupt record, as
 * far as the queue counts such a job.  SW_ECORRUPT: they are unreadable or
 * others.
 */
int corrupt_peek(struct core *, const struct sw_id *, struct queue **,
	enum sw_state *) __attribute__((warn_unused_result));

/*
 * As job_bury_corrupt(), for a corrupt record that a timer has led to.  Queue
 * and state come from the corrupt record; does nothing if they are unreadable
 * or the state has no timer.
 */
void job_bury_from_timer(struct core *, const struct sw_id *);

#endif
