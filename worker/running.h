/* SPDX-License-Identifier: MIT */
/*
 * running.h - the jobs that run: their starts, their ends, and faults of ours
 *
 * What fails before a job's first instruction is not the job's fault: the job
 * is handed back, which costs no attempt, and the cause is logged once.
 *
 * Work is bounded: so many starts in a turn, and no walk over slots but over
 * the jobs that run, ten times a second.
 */
#ifndef WORKER_RUNNING_H
#define WORKER_RUNNING_H

#include "base/exit.h"
#include "worker/kept/keepers.h"
#include "worker/process/child.h"
#include "worker/process/fault.h"

enum {
	RUNNING_STARTS = 16,   /* in one turn */
	RUNNING_STARTS_MS = 5, /* and no longer than this */
	RUNNING_AHEAD = 64,    /* starts that the spawner has not answered */
	RUNNING_PACKETS = 16,  /* of the spawner, in one turn */
	/* The loop waits so long for what a lost spawner has left. */
	RUNNING_ORPHANS_MS = 1000,
};

struct running_options {
	const struct worker_route *routes;
	int routes_n, slots;
	struct child_limits limits;
	const char *file; /* of --jobs, or NULL */
};

struct running {
	struct running_options o;
	struct leases *leases;
	const int64_t *now_ms; /* the steady clock */
	struct spawn spawn;
	struct watch spawn_watch;
	struct child_host host;
	struct child *children; /* one for each slot */
	struct child *free;	/* linked by `next` */
	struct child *list;	/* those that run */
	struct keepers_host keepers_host;
	struct log_limit alarms;
	struct keepers *kept; /* one for each route that is kept, else zeroed */
	struct worker_lease *next; /* that the spawner had no room for */
	struct fault fault;	   /* of the worker as a whole */
	struct fault faults[SW_QUEUES_PER_WORKER]; /* of its routes */
	int draining;
	int lost;    /* the spawner has ended */
	int orphans; /* what it had started may live */
};

/*
 * Starts the spawner, before libzmq has threads.  `leases` and `now_ms` are
 * borrowed.  0; or a -errno that was logged, and *status says how the program
 * is to end.  running_close() in both cases.
 */
int running_open(struct running *, const struct running_options *,
	struct leases *, int epoll, const int64_t *now_ms,
	enum exit_status *status) __attribute__((warn_unused_result));
void running_close(struct running *);

/*
 * Whether a kept process of each queue has been ready: 1; 0: not yet; or an
 * error that was logged: -EINVAL, a process ended instead, or its program
 * cannot be executed; -EAGAIN, what the worker lacks for a start.
 * running_tick() meanwhile.
 */
int running_checked(const struct running *) __attribute__((warn_unused_result));

/* Starts waiting jobs.  1: there may be more, for the next turn. */
int running_start(struct running *);

/* Ten times a second: deadlines, jobs to be stopped, faults that are over. */
void running_tick(struct running *);

/* A process of the worker's own has ended. */
void running_reap(struct running *);

/* No further job begins: kept processes that are idle end. */
void running_stop(struct running *);

/* Whether all kept processes have ended. */
int running_stopped(const struct running *);

/*
 * SIGTERM to running jobs, `all` or those whose queue's `drain` is term, and
 * SIGKILL at `kill_ms`.  They go back unless they end well.
 */
void running_drain(struct running *, int64_t kill_ms, int all);

/* Hands all running jobs back at once. */
void running_hand_back(struct running *);

#endif
