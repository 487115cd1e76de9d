/* SPDX-License-Identifier: MIT */
/*
 * pool.h - the isolates of one route, and who waits for them
 *
 * An isolate has one request at a time.  When it dies, for whatever reason,
 * the request that it had is told its outcome and a new isolate takes its
 * place; no other request notices.
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

/* A request; its owner embeds it. */
struct pool_task {
	TAILQ_ENTRY(pool_task) link;
	int64_t since_ms; /* when it came, then when it began */

	/* Writes it into the mailbox, which has room for it. */
	void (*write)(struct pool_task *, struct mailbox *);

	/*
	 * Called once.  With OUTCOME_ANSWER there is an answer, in the mailbox
	 * until this returns; `cpu_ns` -1: it never ran.
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
	int requests_max;  /* then an isolate is renewed; 0: never */
	int64_t budget_ns; /* of CPU */
	int64_t wall_ms;   /* for a request to run, and again to wait */
	int perf;	   /* layer 1 of budget.h */
};

/*
 * Told once: 0, the module is loaded and the first isolate is ready; or
 * -ENOEXEC, and `why`.  The pool is not freed by it.
 */
typedef void pool_ready_fn(void *arg, int err, const char *why);

/* The plan is borrowed for the pool's life, as is the rest.  NULL: no memory.
 */
struct pool *pool_new(struct event_base *, const struct pool_plan *,
	struct cpu_usage *, struct watch *, pool_ready_fn *, void *arg);

/* Runs a task, or keeps it until an isolate is free, or refuses it. */
void pool_run(struct pool *, struct pool_task *);

/* Takes no more tasks; frees itself when all it has are done, and says so. */
void pool_retire(struct pool *, void (*gone)(void *arg), void *arg);

/* Tasks that it has. */
size_t pool_tasks(const struct pool *);

#endif
