/* SPDX-License-Identifier: MIT */
/*
 * worker.h - the supervisor: one loop over broker, children and signals
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include <zmq.h>

#include "worker/alarm.h"
#include "worker/child.h"

struct worker_options {
	const struct worker_route *routes;
	int routes_n, slots;
	const char *endpoint, *name;
	int64_t grace_ms;
	struct child_limits limits;
};

struct worker {
	struct worker_options o;
	struct leases leases;
	struct child *children; /* a slot each */
	struct alarms alarms;
	zmq_pollitem_t *polls;
	void *ctx, *socket;
	int signals;
	int64_t now_ms;
	int64_t drain_ms, bye_ms; /* since when; 0: not */
	int ready;
	int64_t watchdog_ms, fed_ms;
};

/* On an error one line was logged; worker_close is wanted all the same. */
int worker_open(struct worker *, const struct worker_options *)
	__attribute__((warn_unused_result));
void worker_close(struct worker *);

/* Until it is drained: 0. */
int worker_run(struct worker *);

#endif
