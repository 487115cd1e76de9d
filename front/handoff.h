/* SPDX-License-Identifier: MIT */
/*
 * handoff.h - jobs from isolates to the broker
 *
 * An isolate's jobs are in its mailbox as a PUT message of foreign bytes.  They
 * are decoded with all the wire's checks and submitted to libspillway one by
 * one.  Jobs of one turn of the loop leave as one message.
 */
#ifndef FRONT_HANDOFF_H
#define FRONT_HANDOFF_H

#include <event2/event.h>

#include "base/bytes.h"

struct handoff;

/* `err` 0: all jobs are on disk; else the first job's error, with a line. */
typedef void handoff_done_fn(void *arg, int err, const char *why);

/* `endpoint` NULL: the default.  0, or the errors of sw_open() and sw_fd(). */
int handoff_open(struct handoff **, struct event_base *, const char *endpoint,
	int64_t timeout_ms) __attribute__((warn_unused_result));

/* Waits for the jobs in flight, at most `timeout_ms`.  Accepts NULL. */
void handoff_close(struct handoff *);

/* Copies the jobs.  `done` is called once, perhaps before this returns. */
void handoff_put(
	struct handoff *, struct bytes put, handoff_done_fn *done, void *arg);

#endif
