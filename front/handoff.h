/* SPDX-License-Identifier: MIT */
/*
 * handoff.h - jobs from isolates to the broker
 *
 * What an isolate has put lies in its mailbox as a PUT message, foreign
 * bytes: it is decoded with all the wire's checks and handed to libspillway
 * job by job.  What is handed over within one turn of the loop leaves as one
 * message.
 */
#ifndef FRONT_HANDOFF_H
#define FRONT_HANDOFF_H

#include <event2/event.h>

#include "base/bytes.h"

struct handoff;

/* `err` 0: all are on disk; else how the first one failed, and why. */
typedef void handoff_done_fn(void *arg, int err, const char *why);

/* `endpoint` NULL: the usual place.  0 or as sw_open(). */
int handoff_open(struct handoff **, struct event_base *, const char *endpoint,
	int64_t timeout_ms) __attribute__((warn_unused_result));

/* Waits for what is under way, as long as each job may take.  Accepts NULL. */
void handoff_close(struct handoff *);

/* Copies.  `done` is called once, perhaps at once. */
void handoff_put(
	struct handoff *, struct bytes put, handoff_done_fn *done, void *arg);

#endif
