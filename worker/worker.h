/* SPDX-License-Identifier: MIT */
/*
 * worker.h - the worker's loop over the broker's messages, children, signals
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
	struct child *children; /* one for each slot */
	struct alarms alarms;
	zmq_pollitem_t *polls;
	void *ctx, *socket;
	int signals;
	int64_t now_ms;
	int64_t drain_ms, bye_ms; /* when drain and bye began; 0: not yet */
	int ready;
	int64_t watchdog_ms, fed_ms; /* its period, 0: none; its last message */
};

/* 0, or an error that was logged.  worker_close() in both cases. */
int worker_open(struct worker *, const struct worker_options *)
	__attribute__((warn_unused_result));
void worker_close(struct worker *);

/* Runs until SIGTERM or SIGINT has drained the worker: 0. */
int worker_run(struct worker *);

#endif
