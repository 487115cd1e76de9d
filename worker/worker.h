/* SPDX-License-Identifier: MIT */
/*
 * worker.h - the worker's loop over the broker's messages, children, signals
 *
 * A turn does a bounded amount of everything, so that heartbeats and the
 * watchdog are on time whatever the jobs do.  All but logs and the broker's
 * messages runs on a clock that does not advance over stalls (base/steady.h).
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include <zmq.h>

#include "base/exit.h"
#include "base/steady.h"
#include "worker/away.h"
#include "worker/running.h"

struct worker;

/* What SIGHUP begins: another configuration, see renewal.h. */
struct worker_hooks {
	void (*reload)(void *arg, struct worker *);
	void (*helped)(void *arg, struct worker *); /* the helper has ended */
	void *arg;
};

struct worker_options {
	struct running_options run;
	const char *endpoint, *name;
	int64_t grace_ms;
	struct worker_hooks hooks;
};

struct worker {
	struct worker_options o;
	struct leases leases;
	struct running running;
	void *ctx, *socket;
	int epoll, signals;
	struct watch link_watch, signals_watch;
	struct steady clock;
	int64_t now_ms, tick_ms;
	int64_t drain_ms, bye_ms; /* when drain and bye began; 0: not yet */
	int renewing;		  /* ends, to begin anew */
	int more;		  /* is left for the next turn */
	int reap;		  /* a process of our own has ended */
	int told;		  /* systemd: 0 nothing, 1 away, 2 reached */
	struct away away;
	int64_t watchdog_ms, fed_ms; /* its period, 0: none; its last message */
};

/*
 * 0; or an error that was logged, and *status says how the program is to end.
 * worker_close() in both cases.
 */
int worker_open(struct worker *, const struct worker_options *,
	enum exit_status *status) __attribute__((warn_unused_result));
void worker_close(struct worker *);

/*
 * Runs until SIGTERM or SIGINT has drained the worker: 0; or until all has
 * ended for a renewal: 1.
 */
int worker_run(struct worker *);

/* Takes over what may change while jobs run: grace, limits, what is logged. */
void worker_change(struct worker *, const struct worker_options *);

/*
 * Leases no further job and hands back those that have not begun; worker_run()
 * ends when the running ones have, and the broker has confirmed it.
 */
void worker_renew(struct worker *);

#endif
