/* SPDX-License-Identifier: MIT */
/*
 * leases.h - the jobs a worker holds, and its talk with the broker
 *
 * Pure: time comes in, messages go out through `send`.  A job is held from
 * its arrival until the broker has confirmed the report of its end; in
 * between its lease is extended every second, or three times in a lease that
 * is short.  A link that breaks changes nothing here: the broker keeps the
 * leases whole over a restart, so the worker says hello again and goes on with
 * the tokens it has.  It does not kill what runs while the broker is away, for
 * the broker, once back, would only hand the same jobs out again.
 */
#ifndef WORKER_LEASES_H
#define WORKER_LEASES_H

#include "wire/msg.h"
#include "worker/route.h"

enum {
	LEASE_SLOTS_MAX = 1024,
	LEASE_PREFETCH = 32, /* jobs waiting here for each slot, at most */
	LEASE_RESEND_MS = 1000,
	LEASE_GATHER = 16,	/* reports that go in one message ... */
	LEASE_GATHER_MS = 2,	/* ... while more work waits, but no longer */
	LEASE_SILENT_MS = 3000, /* then hello is said again */
	LEASE_HEARTBEAT_MIN_MS = 100, /* however short a lease is said to be */
	LEASE_PAUSE_MS = 1000,
};

enum worker_lease_state {
	LEASE_NONE,
	LEASE_WAITING, /* not begun */
	LEASE_RUNNING,
	LEASE_ENDED, /* its report is not confirmed yet */
};

enum lease_stop { /* what else than its own end awaits it */
	LEASE_KEEP,
	LEASE_CANCEL,  /* it is to be cancelled */
	LEASE_STALE,   /* someone else has it: end it, say nothing */
	LEASE_RELEASE, /* it is to be handed back */
};

struct attempt_report {
	int outcome, cause, exit_code, signal;
	int64_t delay_ms; /* -1: none told */
	int64_t cpu_ms, rss_kb;
	uint8_t *fields; /* ERROR, RESULT, FOLLOW encoded; on the heap */
	size_t fields_len;
};

struct worker_lease {
	enum worker_lease_state state;
	enum lease_stop stop;
	struct sw_id id;
	uint64_t token;
	const struct worker_route *route;
	uint8_t *raw;	     /* the job's fields; on the heap */
	struct sw_item item; /* over `raw` */
	int64_t begun_ms;
	int64_t progress; /* -1: none */
	char text[96];
	int progress_new;
	struct attempt_report report;
	int64_t reported_ms; /* when the report was sent last; 0: never */
	uint64_t reported_seq, extend_seq;
	int reported_index, extend_index; /* the item's place in that message */
	void *child;			  /* whoever runs it */
};

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
	int joined; /* hello was answered */
	int bye_done;
	int64_t jobs_received; /* since hello */
	int64_t credit_sent;
	int64_t received_ms, heartbeat_ms, hello_ms, reports_ms;
	int64_t heartbeat_every_ms; /* set by hello's answer */
	int gathering;		    /* reports are held back for a moment */
	int64_t run_us;		    /* mean run time of late; 0: not known */
	int draining;
	int64_t pause_ms; /* until then nothing is begun */
	uint8_t *buf;	  /* SW_BATCH_MAX + room, for one message */
	uint64_t done, failed;
};

/* `routes` is borrowed.  0 or -ENOMEM. */
int leases_init(struct leases *, const struct worker_route *routes,
	int routes_n, int slots, const char *name, leases_send_fn *send,
	void *arg) __attribute__((warn_unused_result));
void leases_fini(struct leases *);

/* Takes a message of the broker in. */
void leases_receive(struct leases *, struct bytes message, int64_t now_ms);

/* Says what is due: hello, extensions, reports, credit. */
void leases_send(struct leases *, int64_t now_ms);

/* Until when nothing is to be said. */
int64_t leases_wait_ms(const struct leases *, int64_t now_ms);

/* The next waiting job, marked running; NULL: none, or all slots are taken. */
struct worker_lease *leases_begin(struct leases *, int64_t now_ms);

/* It has ended: what is in h->report is told until it is confirmed. */
void leases_end(struct leases *, struct worker_lease *, int64_t now_ms);

/* Begins nothing for a second: hands back what waits, asks for no more. */
void leases_pause(struct leases *, int64_t now_ms);

/* Asks for no more, hands back what has not begun; all: the running too. */
void leases_drain(struct leases *);

/* After the last report: says bye.  Whether it was answered. */
int leases_bye(struct leases *);

#endif
