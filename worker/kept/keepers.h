/* SPDX-License-Identifier: MIT */
/*
 * keepers.h - the kept processes of one queue
 *
 * A job goes to a process that has room for it, the one that had a job last;
 * without one it waits here, and if it waits too long another is started, up
 * to the number of slots.  Idle ones end after a minute (keeper.h), so that
 * there are about as many as are needed.
 *
 * A process that fails to start, or does not begin its jobs, closes the queue
 * for 1, 2, 4 ... 60 s: the jobs at hand go back and cost no attempt.  Then
 * the queue is open again if a process has room; else one is started, and the
 * queue is open when that one is ready.
 */
#ifndef WORKER_KEPT_KEEPERS_H
#define WORKER_KEPT_KEEPERS_H

#include "worker/kept/keeper.h"
#include "worker/lease/leases.h"
#include "worker/process/child.h"
#include "worker/process/fault.h"
#include "worker/process/log_limit.h"
#include "worker/process/output.h"
#include "worker/process/spawn.h"
#include "worker/process/watch.h"

enum {
	KEEPERS_READ = 64 * 1024,  /* bytes of one file in one turn */
	KEEPERS_FIRST = 4,	   /* processes that are started at once */
	KEEPERS_WAIT_MS = 100,	   /* of a job, until further ones are */
	KEEPERS_ALARMS = 20,	   /* of all queues that are logged ... */
	KEEPERS_ALARMS_MS = 60000, /* ... in this time */
};

typedef void keepers_ended_fn(void *arg, struct worker_lease *);
typedef void keepers_fault_fn(void *arg, const char *step, int error);

/* What kept processes need of their worker; borrowed. */
struct keepers_host {
	struct spawn *spawn;
	struct leases *leases;
	int epoll, slots, null; /* null: /dev/null, their stdin */
	const struct child_limits *limits;
	const char *file;	  /* of --jobs; NULL: there is none */
	const int64_t *now_ms;	  /* the steady clock */
	keepers_ended_fn *ended;  /* a job has ended: its report is set */
	keepers_fault_fn *fault;  /* the worker lacks something for a start */
	struct log_limit *alarms; /* of all queues */
	void *arg;
};

struct keepers;

/* One process and its files. */
struct kept_child {
	struct keeper k;
	struct keepers *of;
	struct kept_child *next, *prev;		  /* in keepers.all or .dead */
	struct kept_child *room_next, *room_prev; /* in keepers.roomy */
	int counted, has_room; /* how keepers.starting and .roomy have it */
	int number;	       /* of the spawner */
	int socket, out;
	int writing; /* the socket is watched for writing, too */
	int signal;  /* that the spawner's socket did not take; 0: none */
	struct watch socket_watch, out_watch;
	struct spawn_limits limits;
	struct output output;
};

struct keepers {
	const struct worker_route *route;
	const struct keepers_host *host;
	struct kept_child *all, *roomy, *dead;
	int starting, serving; /* processes that are not ready, and that are */
	int at_once;	       /* as the last one said */
	int ready;	       /* there was one that was */
	struct worker_lease **waiting; /* a ring of `slots` jobs */
	int first, waiting_n;
	struct fault fault;
	int closed, draining;	     /* no process is started for a job */
	char why[SW_TEXT_MAX + 1];   /* of the last failed start, or "" */
	char alarm[SW_TEXT_MAX + 1]; /* of the set-up, or "" */
	int alarm_logged;	     /* it was not left out */
};

/* `route` and `host` are borrowed.  0 or -ENOMEM. */
int keepers_open(struct keepers *, const struct worker_route *,
	const struct keepers_host *) __attribute__((warn_unused_result));
void keepers_close(struct keepers *);

/* Starts a process, to see that the set-up is right: as keepers_turn(). */
void keepers_check(struct keepers *);

/* Takes a job that leases_begin() gave out. */
void keepers_run(struct keepers *, struct worker_lease *);

/* Starts processes for the jobs that wait; in each turn. */
void keepers_turn(struct keepers *);

/* Ten times a second: deadlines, jobs to be stopped, a pause that is over. */
void keepers_tick(struct keepers *);

/*
 * The worker drains: idle processes end, and jobs that have not begun go back.
 * keepers_cancel() asks the others to end, if the setting `drain` of their
 * queue is term, or all of them; keepers_hand_back() ends them.
 */
void keepers_drain(struct keepers *);
void keepers_cancel(struct keepers *);
void keepers_cancel_all(struct keepers *);
void keepers_hand_back(struct keepers *);

/* The spawner has ended, and all processes with it: all jobs go back. */
void keepers_lost(struct keepers *);

/* --- between keepers.c and keepers_child.c -------------------------------- */

/* Starts a process: 0; -EAGAIN; or -errno and the step. */
int kept_child_start(struct keepers *, const char **step)
	__attribute__((warn_unused_result));

/* Hands a job to a process that has room: 1; 0: there is none. */
int kept_child_give(struct keepers *, struct worker_lease *);

/* Takes all events, after each call of keeper.h. */
void kept_child_events(struct kept_child *);

/* Writes what keeper_cancel() and keeper_tick() have to say. */
void kept_child_tick(struct kept_child *);

/* Logs an alarm that was left out and is not over, if there is room. */
void kept_alarm_again(struct keepers *);

/* It has ended with its spawner; what it has said counts. */
void kept_child_lose(struct kept_child *);

/* Frees a process that has ended, or whose worker ends. */
void kept_child_free(struct kept_child *);

/* A process was of no use, or its program cannot be started: the queue waits.
 */
void keepers_failed(struct keepers *, const char *step, const char *why);

/* The pause is over: the queue takes jobs again. */
void keepers_reopen(struct keepers *);

/* The worker lacks something for a start: jobs that wait go back. */
void keepers_starved(struct keepers *, const char *step, int error);

#endif
