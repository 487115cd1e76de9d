/* SPDX-License-Identifier: MIT */
/*
 * events.h - jobs, workers and queues in the broker's log
 *
 *	dead		a job has died: job, queue, cause, attempts, error
 *	retry		an attempt has failed: which of how many, its error, and
 *			when the next one starts
 *	worker-joined, worker-left, worker-lost
 *	queue-made
 *	dead-letter-refused
 *			a job has died, and its dead-letter queue refuses it; in
 *			place of `dead`
 *	notice-refused	the queue of on_dead or on_age refuses a notice
 *	dead-deleted	a dead job's retain_dead_ms is over
 *
 * dead, worker-lost and the refusals are warnings, the others are of level
 * info.  A second has EVENTS_MOST lines of each kind; "left-out" has the number
 * of the others.
 */
#ifndef BROKER_EVENTS_H
#define BROKER_EVENTS_H

#include "broker/core/core.h"

enum { EVENTS_MOST = 20 };

struct events {
	int64_t second_ms; /* boot clock, when this second began */
	unsigned lines[NOTE_KINDS];
	uint64_t left_out[NOTE_KINDS];
};

/* To be called once a turn, behind its commit; empties the notes. */
void events_log(struct events *, struct notes *, int64_t boot_ms);

#endif
