/* SPDX-License-Identifier: MIT */
/*
 * lease.h - one lease of a worker, and the table of all
 *
 * Each lease is in the list of its state and, unless it is free, in the hash.
 * leases.c decides what becomes of leases (leases.h has what the worker calls),
 * and messages.c and heartbeat.c speak with the broker.
 */
#ifndef WORKER_LEASE_LEASE_H
#define WORKER_LEASE_LEASE_H

#include "base/must.h"
#include "wire/msg.h"
#include "wire/setting.h"
#include "worker/lease/route.h"
#include <uthash.h>

enum {
	LEASE_SLOTS_MAX = 1024,
	LEASE_PREFETCH = 32,	/* most waiting jobs for each slot */
	LEASE_RESEND_MS = 1000, /* after an unanswered hello or report */
	LEASE_GATHER = 16,	/* reports that share a message, if they ... */
	LEASE_GATHER_MS = 2,	/* ... come within this time, jobs waiting */
	LEASE_SILENT_MS = 3000, /* of the broker: a new hello follows */
	LEASE_HEARTBEAT_MIN_MS = 100,
	LEASE_PAUSE_MS = 1000,
	LEASE_DONE_MAX = 4,    /* messages of reports that one call sends */
	LEASE_EXTEND_MAX = 16, /* and of a heartbeat, with 100 leases each */
	LEASE_BUFFER = SW_BATCH_MAX + 64 * 1024, /* for one message */
};

#define LEASE_SETTLE_OPEN UINT64_MAX

enum worker_lease_state {
	LEASE_NONE,
	LEASE_WAITING, /* prefetched; the job has not begun */
	LEASE_RUNNING,
	LEASE_ENDED,	/* the report is to be sent */
	LEASE_REPORTED, /* the report was sent and is not confirmed yet */
	LEASE_STATES,
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
	uint8_t *fields; /* ERROR, OUTPUT, WARNING, RESULT, FOLLOW; on the heap
			  */
	size_t fields_len;
};

/* What the job's queue asks of the worker: values of wire/setting.h. */
struct job_settings {
#define X(name) int64_t name;
	SW_JOB_SETTING_MAP(X)
#undef X
};

struct worker_lease {
	enum worker_lease_state state;
	enum lease_stop stop;
	struct sw_id id;
	uint64_t token; /* the fencing token */
	const struct worker_route *route;
	uint8_t *raw;	     /* the job's fields; on the heap */
	struct sw_item item; /* decoded from `raw` */
	struct job_settings settings;
	int begun;	  /* the job's first instruction has run */
	int64_t begun_ms; /* when leases_begin() gave it out */
	int64_t progress; /* -1: none */
	char text[96];
	int progress_new;
	struct attempt_report report;
	int64_t reported_ms;		   /* when the report was sent last */
	uint64_t reported_seq, extend_seq; /* of the last message; 0: none */
	uint64_t extend_round; /* the last heartbeat that named it */
	int alone;	       /* the report gets a message of its own */
	int refused;	       /* the broker has refused the report once */
	void *child;	       /* the process that runs it; the caller's */
	struct worker_lease *next, *prev; /* in the list of its state */
	UT_hash_handle hh;		  /* by id and token */
};

/* A sent message, so that its reply's items find their leases. */
struct lease_message {
	uint64_t seq;
	int op, n;
	struct worker_lease *of[SW_ITEMS_MAX];
};

/* `message` is borrowed until the call returns. */
typedef void leases_send_fn(void *arg, struct bytes message);

struct leases {
	const struct worker_route *routes;
	int routes_n, slots;
	char name[SW_NAME_MAX + 1];
	struct sw_id id; /* of this worker, for the broker; nil: none */
	leases_send_fn *send;
	void *arg;
	struct worker_lease *all; /* LEASE_NONE's list has those to reuse */
	int cap, taken;		  /* entries; those that were ever used */
	struct worker_lease *list[LEASE_STATES], *by_key;
	int n[LEASE_STATES]; /* leases in each state */
	int used, running;   /* leases; those that run */
	uint64_t looks; /* leases that walks have passed: cost, for tests */
	struct lease_message *sent;
	unsigned sent_mask;
	uint64_t seq, hello_seq, bye_seq;
	int joined;    /* the broker has answered hello */
	int listed;    /* since then all leases were named and counted */
	int64_t named; /* leases, in heartbeats since then */
	int announced; /* the first time is in the log */
	int bye_done;
	int64_t jobs_received; /* since hello: the base of credit */
	int64_t credit_sent;
	int64_t received_ms, heartbeat_ms, hello_ms, reports_ms;
	int64_t heartbeat_every_ms;	  /* from hello's reply and the jobs */
	int extending;			  /* a heartbeat is under way */
	uint64_t extend_round;		  /* its number */
	int extend_state;		  /* how far it is: the list, ... */
	struct worker_lease *extend_next; /* ... and the next one of it */
	int gathering;	/* reports wait up to LEASE_GATHER_MS */
	int64_t run_us; /* moving mean of run times; 0: not known */
	int draining, closed;
	uint8_t route_closed[SW_QUEUES_PER_WORKER]; /* by position in `routes`
						     */
	int routes_closed;
	int64_t pause_ms;  /* no job begins before */
	int unsettled;	   /* since a stall */
	int64_t settle_ms; /* when the heartbeat that settles was sent */
	uint64_t settle_from, settle_to; /* its messages; 0: not sent;
					    LEASE_SETTLE_OPEN: more follow */
	int settle_left;		 /* those without an answer */
	uint8_t *buf;			 /* LEASE_BUFFER bytes */
	uint64_t done, failed;
};

/* Moves a lease to the end of another state's list. */
void worker_lease_move(
	struct leases *, struct worker_lease *, enum worker_lease_state);

/* Forgets a lease and frees what it owns. */
void worker_lease_drop(struct leases *, struct worker_lease *);

/* NULL: there is none with this id and token. */
struct worker_lease *
worker_lease_find(const struct leases *, const struct sw_id *, uint64_t token);

/*
 * A job has come.  One that may not begin here, because the worker drains or
 * is closed, is handed back; one that there is no room or memory for is
 * dropped: its lease runs out.
 */
void worker_lease_take(struct leases *, const struct sw_item *);

/* The broker wants the job stopped; a waiting one ends at once. */
void worker_lease_stop(struct leases *, struct worker_lease *, enum lease_stop);

/*
 * The broker has refused the report.  For want of room it is sent again; else
 * the attempt is reported as failed, with `why`; and if that is refused, too,
 * the lease is dropped and runs out.
 */
void worker_lease_refused(
	struct leases *, struct worker_lease *, int status, const char *why);

/* Heartbeats follow the shortest LEASE_MS. */
void worker_lease_heartbeat_follow(struct leases *, const struct sw_item *);

/* Whether no job may begin now, of any route: those that come go back. */
int leases_are_closed(const struct leases *);

/* --- between messages.c and heartbeat.c ----------------------------------- */

/* Begins a message whose reply has an item for each lease in it. */
struct lease_message *
leases_message_begin(struct leases *, struct sw_buf *, int op);

void leases_message_send(struct leases *, const struct sw_buf *);

/* Names the lease, and whether its job has begun. */
void worker_lease_name(struct sw_buf *, const struct worker_lease *);

/* Whether the broker knows the worker by an id. */
int leases_have_id(const struct leases *);

/* Begins a heartbeat when it is due, and sends a part of it. */
void leases_extend(struct leases *, int64_t now_ms);

#endif
