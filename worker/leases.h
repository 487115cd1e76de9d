/* SPDX-License-Identifier: MIT */
/*
 * leases.h - the leases of a worker, and its session with the broker
 *
 * Pure code: time is an argument, messages leave through `send`.  `now_ms` is
 * the boot clock (CLOCK_BOOTTIME), as are all moments in these structs.
 *
 * A worker has a lease from the job's arrival until the broker has confirmed
 * the report of its end.  Heartbeats (EXTEND) extend all leases every second,
 * or three times in the term of a shorter one: leases_send().
 *
 * A broken link ends no lease: the broker restores leases after a restart, so
 * the worker sends HELLO again and goes on with its tokens.  Running jobs are
 * not killed while the broker is away; it would only lease them again.
 *
 * A job's end comes in by leases_end(), with the outcome (ack, retry, fail)
 * in its report: disposition.h has the rule for exec jobs.
 */
#ifndef WORKER_LEASES_H
#define WORKER_LEASES_H

#include "wire/msg.h"
#include "worker/route.h"

enum {
	LEASE_SLOTS_MAX = 1024,
	LEASE_PREFETCH = 32,	/* most waiting jobs for each slot */
	LEASE_RESEND_MS = 1000, /* after an unanswered hello or report */
	LEASE_GATHER = 16,	/* reports that share a message, if they ... */
	LEASE_GATHER_MS = 2,	/* ... come within this time, jobs waiting */
	LEASE_SILENT_MS = 3000, /* of the broker: a new hello follows */
	LEASE_HEARTBEAT_MIN_MS = 100,
	LEASE_PAUSE_MS = 1000,
};

enum worker_lease_state {
	LEASE_NONE,
	LEASE_WAITING, /* prefetched; the job has not begun */
	LEASE_RUNNING,
	LEASE_ENDED, /* the report is not confirmed yet */
};

/* Whether a job is to be stopped, and what is reported then. */
enum lease_stop {
	LEASE_KEEP,    /* not to be stopped */
	LEASE_CANCEL,  /* cancelled: SW_STOPPED */
	LEASE_STALE,   /* the lease has passed to another worker: no report */
	LEASE_RELEASE, /* handed back: SW_RELEASE */
};

struct attempt_report {
	int outcome, cause; /* enum sw_outcome, enum sw_cause */
	int exit_code, signal;
	int64_t delay_ms; /* before a retry; -1: by the queue's back-off */
	int64_t cpu_ms, rss_kb;
	uint8_t *fields; /* ERROR, RESULT, FOLLOW encoded; on the heap */
	size_t fields_len;
};

struct worker_lease {
	enum worker_lease_state state;
	enum lease_stop stop;
	struct sw_id id;
	uint64_t token; /* the fencing token */
	const struct worker_route *route;
	uint8_t *raw;	     /* the job's fields; on the heap */
	struct sw_item item; /* decoded from `raw` */
	int64_t begun_ms;
	int64_t progress; /* -1: none */
	char text[96];
	int progress_new;
	struct attempt_report report;
	int64_t reported_ms; /* when the report was sent last; 0: never */
	uint64_t reported_seq, extend_seq;
	int reported_index, extend_index; /* of the item in that message */
	void *child;			  /* the struct child that runs it */
};

/* `message` is borrowed until the call returns. */
typedef void leases_send_fn(void *arg, struct bytes message);

struct leases {
	const struct worker_route *routes;
	int routes_n, slots;
	char name[SW_NAME_MAX + 1];
	leases_send_fn *send;
	void *arg;
	struct worker_lease *all;
	int cap, used, running;
	uint64_t seq, hello_seq, bye_seq;
	int joined; /* the broker has answered hello */
	int bye_done;
	int64_t jobs_received; /* since hello: the base of credit */
	int64_t credit_sent;
	int64_t received_ms, heartbeat_ms, hello_ms, reports_ms;
	int64_t heartbeat_every_ms; /* from hello's reply and the jobs */
	int gathering;		    /* reports wait up to LEASE_GATHER_MS */
	int64_t run_us;		    /* moving mean of run times; 0: not known */
	int draining;
	int64_t pause_ms; /* no job begins before */
	uint8_t *buf;	  /* SW_BATCH_MAX + 64 KiB, for one message */
	uint64_t done, failed;
};

/* `routes` is borrowed.  0 or -ENOMEM. */
int leases_init(struct leases *, const struct worker_route *routes,
	int routes_n, int slots, const char *name, leases_send_fn *send,
	void *arg) __attribute__((warn_unused_result));
void leases_fini(struct leases *);

/*
 * Handles a message from the broker; malformed ones are ignored.  `message` is
 * borrowed until the call returns: the fields of its jobs are copied.
 */
void leases_receive(struct leases *, struct bytes message, int64_t now_ms);

/* Sends what is due: hello, heartbeats, reports, credit. */
void leases_send(struct leases *, int64_t now_ms);

/* Milliseconds until leases_send() has something to send again. */
int64_t leases_wait_ms(const struct leases *, int64_t now_ms);

/* The oldest waiting job, now running; NULL: none may begin, or no free slot.
 */
struct worker_lease *leases_begin(struct leases *, int64_t now_ms);

/*
 * A running job has ended with the outcome in its `report`, which is sent
 * until the broker confirms it.
 */
void leases_end(struct leases *, struct worker_lease *, int64_t now_ms);

/* For a second: begins no job, hands waiting jobs back, gives no credit. */
void leases_pause(struct leases *, int64_t now_ms);

/* From now on begins no job and gives no credit; hands waiting jobs back. */
void leases_drain(struct leases *);

/* Sends bye, once, after the last report.  1: the broker has answered. */
int leases_bye(struct leases *);

#endif
