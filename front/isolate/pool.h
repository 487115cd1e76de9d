/* SPDX-License-Identifier: MIT */
/*
 * pool.h - the isolates of one route, and the requests that wait for one
 *
 * An isolate has one request at a time.  When an isolate dies, its request
 * gets the outcome that death.h decides, and a new isolate takes its place;
 * no other request notices.
 */
#ifndef FRONT_POOL_H
#define FRONT_POOL_H

#include <event2/event.h>
#include <sys/queue.h>

#include "front/isolate/budget.h"
#include "front/isolate/usage.h"
#include "front/isolate/watch.h"
#include "front/isolate/zygote.h"

struct pool;

/* A request, embedded by its owner. */
struct pool_task {
	TAILQ_ENTRY(pool_task) link;
	int64_t since_ms; /* when it arrived; once it runs, when it began */

	/* Writes the request into the mailbox, which has room for it. */
	void (*write)(struct pool_task *, struct mailbox *);

	/*
	 * Called once.  With OUTCOME_ANSWER there is an answer, in the mailbox
	 * until this returns; `cpu_ns` -1: the request never ran.
	 */
	void (*done)(struct pool_task *, enum request_outcome,
		const struct mail_answer *, const struct mailbox *,
		int64_t cpu_ns);
};

struct pool_plan {
	struct zygote_plan zygote;
	const char *name; /* for the log: the route */
	int isolates;
	int queue_max;	   /* requests that wait */
	int requests_max;  /* of one isolate; 0: no limit */
	int64_t budget_ns; /* CPU time of a request */
	int64_t wall_ms;   /* longest wait of a request, and longest run */
	int perf;	   /* 1: layer 1 of budget.h, 0: layer 2 */
};

/*
 * Called once.  `err` 0: the module is loaded and the first isolate is ready;
 * -ENOEXEC: the module cannot be used, see `why`.  The pool stays as it is.
 */
typedef void pool_ready_fn(void *arg, int err, const char *why);

/* The plan is borrowed for the pool's life, as is the rest.  NULL: no memory.
 */
struct pool *pool_new(struct event_base *, const struct pool_plan *,
	struct cpu_usage *, struct watch *, pool_ready_fn *, void *arg);

/*
 * Runs a task, or queues it until an isolate is idle; beyond queue_max ends it
 * at once with OUTCOME_BUSY.
 */
void pool_run(struct pool *, struct pool_task *);

/* Frees the pool when its tasks are done, and calls `gone`.  No more tasks. */
void pool_retire(struct pool *, void (*gone)(void *arg), void *arg);

/* The number of its tasks, running and queued. */
size_t pool_tasks(const struct pool *);

#endif
