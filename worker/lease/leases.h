/* SPDX-License-Identifier: MIT */
/*
 * leases.h - the leases of a worker, and its session with the broker
 *
 * Pure code: time is an argument, messages leave through `send`.  `now_ms` is
 * the boot clock without stalls: the caller takes the time by which a turn
 * came too late out of it, and then calls leases_stalled().
 *
 * A worker has a lease from the job's arrival until the broker has confirmed
 * the report of its end.  Heartbeats (EXTEND) extend all leases every second,
 * or three times in the term of a shorter one: leases_send().
 *
 * A broken link ends no lease: the broker restores leases after a restart, so
 * the worker sends HELLO again and goes on with its tokens.  Running jobs are
 * not killed while the broker is away; it would only lease them again.
 *
 * The life of a lease: leases_begin() gives the next job to the caller, who
 * starts a process for it; leases_begun() says that the job's first
 * instruction has run, and an attempt is charged only after that;
 * leases_end() takes the outcome (ack, retry, fail), by disposition.h for exec
 * jobs, and the report is sent until the broker confirms it.
 *
 * No call looks at every slot: leases are found by hash, walked by lists.
 */
#ifndef WORKER_LEASE_LEASES_H
#define WORKER_LEASE_LEASES_H

#include "worker/lease/lease.h"

/* `routes`, at most SW_QUEUES_PER_WORKER, is borrowed.  0 or -ENOMEM. */
int leases_init(struct leases *, const struct worker_route *routes,
	int routes_n, int slots, const char *name, leases_send_fn *send,
	void *arg) __attribute__((warn_unused_result));
void leases_fini(struct leases *);

/*
 * From the next hello on the broker knows the worker by `id`, which no other
 * process has: the first heartbeat of each session then says that it names all
 * leases, and the broker frees those that a broken link has lost.
 */
void leases_identify(struct leases *, const struct sw_id *id);

/*
 * Handles a message from the broker; malformed ones are ignored.  `message` is
 * borrowed until the call returns: the fields of its jobs are copied.
 */
void leases_receive(struct leases *, struct bytes message, int64_t now_ms);

/*
 * Sends what is due: hello, up to LEASE_EXTEND_MAX messages of a heartbeat,
 * credit, and up to LEASE_DONE_MAX messages of reports.
 */
void leases_send(struct leases *, int64_t now_ms);

/* Milliseconds until leases_send() has something to send again. */
int64_t leases_wait_ms(const struct leases *, int64_t now_ms);

/*
 * The oldest waiting job, now running; NULL: none may begin, or no free slot.
 * A job that cannot be started ends with SW_RELEASE, which costs no attempt.
 */
struct worker_lease *leases_begin(struct leases *, int64_t now_ms);

/* The job's first instruction has run: the attempt counts from now on. */
void leases_begun(struct leases *, struct worker_lease *);

/*
 * A running job has ended with the outcome in its `report`, which is sent
 * until the broker confirms it.  If the broker refuses the report the attempt
 * is reported as failed, with the reason.
 */
void leases_end(struct leases *, struct worker_lease *, int64_t now_ms);

/* For a second: begins no job, hands waiting jobs back, gives no credit. */
void leases_pause(struct leases *, int64_t now_ms);

/*
 * From leases_close() to leases_open() the worker begins no job, hands back
 * the waiting ones and gives no credit.
 */
void leases_close(struct leases *);
void leases_open(struct leases *);

/*
 * The same for one of `routes`: the broker hears, by a new hello, that this
 * worker does not serve the queue, and again that it does.
 */
void leases_route_close(struct leases *, const struct worker_route *);
void leases_route_open(struct leases *, const struct worker_route *);

/*
 * The caller's turn came late, so that leases may have run out unnoticed: the
 * next leases_send() sends a heartbeat.  Until that, or one of a new session,
 * is answered, leases_settled() is 0: no job begins, and the caller ends none,
 * neither at its deadline nor as `stop` says.
 */
void leases_stalled(struct leases *, int64_t now_ms);
int leases_settled(const struct leases *);

/* From now on begins no job and gives no credit; hands waiting jobs back. */
void leases_drain(struct leases *);

/* Sends bye, once, after the last report.  1: the broker has answered. */
int leases_bye(struct leases *);

#endif
