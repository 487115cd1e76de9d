/* SPDX-License-Identifier: MIT */
/*
 * core.h - the broker's decisions, and the order of a turn
 *
 * The core is pure: no clock, no random source, no socket.  The caller passes
 * the time with each turn and the store at the start.  The broker, the tests
 * and the simulator (tests/sim) link the same object files.
 *
 * The caller makes a turn of these calls, in this order:
 *
 *	core_begin	sets the time; reads ahead from the store
 *	core_take	decides one request, as long as core_may_take() is true
 *	core_tick	starts delayed jobs that are due, ends expired leases
 *	core_hand_out	leases ready jobs to workers with credit
 *	core_close	completes core.batch
 *	(commit)	the caller writes core.batch to the store
 *	core_committed
 *	(send)		the caller sends core.outs
 *	core_end
 *
 * The order is the durability promise: requests and timers only add rows to
 * core.batch and messages to core.outs, and no message of core.outs, neither
 * an answer nor a job for a worker, is sent before the batch is durable.  A
 * process that dies before the commit has promised nothing.
 *
 * A failed read of the store sets core.err to the store's error; the caller
 * then ends the process without sending anything.
 *
 * Where to read on: a put is decided in put.h, a worker's session is opened in
 * hello.h, a lease is given and extended in work.h, max_attempts is enforced by
 * attempt_end() in attempt.h, and every change of a job's state goes through
 * job_move() in job.h.
 */
#ifndef BROKER_CORE_CORE_H
#define BROKER_CORE_CORE_H

#include "broker/job/state.h"

struct core_start {
	int64_t wall_ms;    /* Unix time */
	int64_t boot_ms;    /* the boot clock */
	int64_t stalled_ms; /* as core_stalled() */
	uint64_t boot_id;   /* base/clock.h */
};

/*
 * Initialises the core and reads queues and leases from the store, which is
 * borrowed until core_fini().  -ENOMEM; SW_EBUSY: more leases than LEASES_MAX;
 * SW_ECORRUPT: the row of a queue is corrupt, and the store's `why` names the
 * queue; SW_EFORMAT: the rows are of a newer version; or another error of the
 * store.  After an error the core needs no core_fini().
 *
 * Rows of an older format are converted, in commits of their own (load.h),
 * and core->converted is their number.  SW_EFULL: there is too little room for
 * that.
 */
int core_init(struct core *, struct store *, const struct claim *,
	const struct core_start *) __attribute__((warn_unused_result));

/* As core_init(), but without the queues whose rows are corrupt, and without a
 * conversion: only a repair may open a store so. */
int core_init_any(struct core *, struct store *, const struct claim *,
	const struct core_start *) __attribute__((warn_unused_result));

/* Converts the rows after core_init_any().  Errors as core_init(). */
int core_convert(struct core *) __attribute__((warn_unused_result));

void core_fini(struct core *);

/* `wall_ms` is Unix time; `boot_ms` is the boot clock, read before. */
void core_begin(struct core *, int64_t wall_ms, int64_t boot_ms);

/* The length of all stalls until now (base/steady.h): leases, sessions and
 * rates run on the boot clock without it.  To be called before core_begin(). */
void core_stalled(struct core *, int64_t all_ms);

/* Decides one request of `peer`.  `frame` is borrowed for the call. */
void core_take(struct core *, const struct peer *, struct bytes frame);
void core_tick(struct core *);
void core_hand_out(struct core *);

/* Ends the decisions of this turn: core.batch may be committed. */
void core_close(struct core *);

/* The caller has committed the batch: core.outs may be sent. */
void core_committed(struct core *);

/*
 * A message of core.outs could not be sent.  If the message carries jobs their
 * leases end without an attempt, the jobs are ready again with the next
 * commit, and the worker's session is closed: the worker's count of its
 * credit would differ from the core's, so it has to say hello again.
 */
void core_undelivered(struct core *, struct bytes frame);

/*
 * The commit failed with SW_EFULL: drops the whole turn without any answer and
 * reads everything from the store again, as after a crash.  Puts are refused
 * with SW_EFULL for at least `full_ms`, so that acks find room.  Errors as
 * core_init().
 */
int
core_reload(struct core *, int64_t full_ms) __attribute__((warn_unused_result));

/* Ends the turn: every message of core.outs was sent or given up. */
void core_end(struct core *);

/* Milliseconds until the next turn is needed, if no request comes; 0 to 1000.
 */
int64_t core_wait_ms(const struct core *);

#endif
