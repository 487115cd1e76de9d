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
	/* Jobs wait so long for the end of what a lost spawner has left. */
	RUNNING_ORPHANS_MS = 1000,
};

#define RUNNING_SPAWNER "spillway-spawner"

enum running_phase {
	SPAWNER_UP,
	SPAWNER_ENDING, /* it is lost: what it had started is killed */
	SPAWNER_NONE,	/* to be started, when no fault pauses that */
	SPAWNER_OPENING /* it was started, and has not answered */
};

struct running_options {
	const struct worker_route *routes;
	int routes_n, slots;
	struct child_limits limits;
	const char *file;     /* of --jobs, or NULL */
	const char *programs; /* the folder of ours; NULL: the worker's own */
};

/* A process of the worker's that is neither the spawner nor a job. */
struct running_helper {
	pid_t pid;	   /* 0: there is none */
	int ended, status; /* as of waitpid() */
};

struct running {
	struct running_options o;
	struct leases *leases;
	const int64_t *now_ms; /* the steady clock */
	struct spawn spawn;
	struct watch spawn_watch;
	struct running_helper helper;
	struct child_host host;
	struct child *children; /* one for each slot */
	struct child *free;	/* linked by `next` */
	struct child *list;	/* those that run */
	struct keepers_host keepers_host;
	struct log_limit alarms;
	struct keepers *kept; /* one for each route that is kept, else zeroed */
	struct worker_lease *next; /* that the spawner had no room for */
	struct fault fault;	   /* of the worker as a whole */
	struct fault faults[SW_QUEUES_PER_WORKER]; /* of its routes, and ... */
	const char *fault_paths[SW_QUEUES_PER_WORKER]; /* ... of what */
	int draining;
	enum running_phase phase; /* of the spawner */
	int lost;		  /* the spawner has ended; no other is open */
	int64_t lost_ms;	  /* when it was lost */
	int orphans;		  /* what it had started may live */
	struct spawn_command_line lines[2 * SW_QUEUES_PER_WORKER];
	const char *blob_argv[SW_QUEUES_PER_WORKER][ROUTE_WORDS + 3];
	char blob_program[COMMAND_PATH];
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

/* A process of the worker's own has ended: the spawner, or the helper. */
void running_reap(struct running *);

/* No further job begins: waiting ones go back, idle kept processes end. */
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

/* --- between running.c, running_faults.c and running_spawner.c -------------
 */

/* The job goes back, and no attempt is counted. */
void running_release(struct running *, struct worker_lease *, enum sw_cause);

void running_child_free(struct running *, struct child *);

/* Hands back the job that waits for the spawner to take starts again. */
void running_next_back(struct running *);

/* Calls f() for the processes of each queue that is kept. */
void running_kept_each(struct running *, void (*f)(struct keepers *));

/* The worker takes no jobs, and hands back what it has not begun. */
void running_close_for(struct running *, const char *step, int err);

/* A fault of the worker is over when a start was seen to go well. */
void running_open_again(struct running *);

/* The same for a route; `path` is what cannot be started. */
void running_route_close_for(struct running *, const struct worker_route *,
	const char *path, const char *step, int err);
void running_route_well(struct running *, const struct worker_route *);

/* Tries again what has failed. */
void running_faults_tick(struct running *);

/* 0; or -errno: there is no spawner; or *folder_error: it can make none. */
int running_spawner_open(struct running *, int *folder_error)
	__attribute__((warn_unused_result));

/* Replaces a spawner that has ended or hangs. */
void running_spawner_tick(struct running *);

#endif
