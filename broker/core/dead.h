/* SPDX-License-Identifier: MIT */
/*
 * dead.h - what follows a job's death
 *
 * A queue with dead_to has a dead-letter queue.  A job that dies moves there in
 * the same commit, ready to run: same id, history kept, attempts begun anew
 * under the settings of that queue, without an expiry, and with the name of
 * the queue that it left as its origin.  These rules bound the way of a job:
 *
 *	one hop		a job with an origin stays dead where it dies, so chains
 *			and circles of dead_to end after one hop
 *	no loss		a dead-letter queue that refuses the job, by max_jobs,
 *			max_bytes or a job that has the same unique key, leaves
 *			it dead in its own queue; the log says so
 *	way back	a redrive takes a job with an origin back there, whether
 *			it is ready, delayed or dead
 *
 * A job whose record is corrupt stays where it is.
 */
#ifndef BROKER_CORE_DEAD_H
#define BROKER_CORE_DEAD_H

#include "broker/job/state.h"

/* Deletes a dead job whose queue keeps it no longer (retain_dead_ms). */
void dead_drop(struct core *, struct record *);

/* To be called after each move to SW_DEAD. */
void job_died(struct core *, struct record *);

/*
 * Whether a job may go to another queue and be in that state there: 0,
 * SW_EMAXJOBS, SW_EMAXBYTES, SW_EUNIQUE, SW_ECORRUPT, or another error of the
 * store.  Unless it is NULL, `why` has a line about a limit.
 */
int job_move_check(struct core *, const struct record *, const struct queue *to,
	enum sw_state, char *why) __attribute__((warn_unused_result));

#endif
