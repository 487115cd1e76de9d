/* SPDX-License-Identifier: MIT */
/*
 * session.h - tables of sessions (connected workers) and of leases
 *
 * Both are in memory and bounded.  Sessions are not stored.  Leases have rows
 * `l` in the store (job/lease.h): a restart restores each with a full term,
 * without a session until its worker sends a heartbeat.
 */
#ifndef BROKER_MODEL_SESSION_H
#define BROKER_MODEL_SESSION_H

#include "base/must.h"
#include "broker/model/queue.h"
#include "wire/id.h"
#include <uthash.h>

enum {
	PEER_MAX = 16, /* bytes of a routing id; ZeroMQ makes 5 */
	SESSIONS_MAX = 4096,
	LEASES_MAX = 65536, /* jobs running at once */
	PROGRESS_TEXT_MAX = 95,
	SESSION_SILENT_MS = 15000, /* a silent session is closed after this */
};

struct peer { /* the routing id of a connection */
	uint8_t b[PEER_MAX];
	uint8_t len;
};

struct subscription {
	struct queue *q;
	struct session *session;
	struct subscription *prev, *next; /* in q->hungry, if session->hungry */
	int64_t weight;			  /* 0: the queue's setting */
	int64_t current; /* state of the smooth weighted round robin */
};

struct session {
	struct peer peer;
	struct sw_id worker; /* its id, the same in all its sessions; or nil */
	char name[SW_NAME_MAX + 1];
	int64_t slots;		      /* jobs that the worker runs at once */
	int64_t credit, sent;	      /* since hello: jobs allowed, jobs sent */
	struct due silent;	      /* when the session is closed */
	int64_t seen_ms;	      /* boot clock, of the last message */
	int64_t leased, done, failed; /* leases now; attempts of this session */
	int64_t named;		      /* since hello: leases in heartbeats */
	int64_t lost;		      /* leases, since the last message */
	int listed; /* in this turn: these are all that it has */
	struct session *next_listed;
	struct lease *leases;
	struct subscription subs[SW_QUEUES_PER_WORKER];
	unsigned subs_n;
	int hungry; /* more credit than sent: in the lists of its queues */
	UT_hash_handle hh, hh_worker;
};

struct lease {
	struct sw_id id;
	uint64_t token;
	struct queue *q;
	struct session *session; /* NULL: closed, or of before the restart */
	struct sw_id worker_id;	 /* whom it was given to; nil: without an id */
	char worker[SW_NAME_MAX + 1];
	struct lease *prev, *next; /* of the session, or without one */
	int64_t since_ms;	   /* Unix time */
	struct due deadline;	   /* boot clock */
	int64_t progress;	   /* percent, as last reported; -1: never */
	char text[PROGRESS_TEXT_MAX + 1];
	int begun;    /* the worker has named the job as begun */
	int cancel;   /* a cancel was requested */
	int released; /* the worker has said bye: costs no attempt */
	int missed;   /* the worker has never had the job: no attempt either */
	struct lease *next_free;
	UT_hash_handle hh;
};

struct lease_table {
	struct lease *all; /* LEASES_MAX; pages never used take no memory */
	struct lease *free;
	struct lease *by_id;
	unsigned used;	       /* entries of `all` that were ever used */
	struct lease *orphans; /* those without a session */
	struct due_heap deadlines;
};

int lease_table_init(struct lease_table *); /* 0 or -ENOMEM */
void lease_table_fini(struct lease_table *);
struct lease *lease_find(const struct lease_table *, const struct sw_id *);
unsigned lease_count(const struct lease_table *);

/* Returns a lease with this id, no progress and otherwise zero.  NULL: the
 * table is full. */
struct lease *lease_new(struct lease_table *, const struct sw_id *);
void lease_drop(struct lease_table *, struct lease *);

/* Sets a new deadline, on the boot clock: at hand-out and at each heartbeat. */
void lease_extend(struct lease_table *, struct lease *, int64_t deadline_ms);

/* Gives the lease to a session, or to none (NULL). */
void lease_move(struct lease_table *, struct lease *, struct session *);

/* The lease whose deadline has passed by `now_ms`, the earliest first, or NULL.
 */
struct lease *lease_expired(const struct lease_table *, int64_t now_ms);

struct session *session_find(struct session *all, const struct peer *);

/* The session of the worker with this id, by `hh_worker`.  NULL: none. */
struct session *
session_of_worker(struct session *by_worker, const struct sw_id *);

/*
 * To be called when credit or sent have changed, and before the queues of the
 * session do: puts it behind the other hungry sessions of its queues, or takes
 * it out.  A queue that it can serve now becomes active.
 */
void session_hunger(struct session *);
void session_feed(struct session *); /* takes it out in any case */

/* The jobs that the workers of the queue may be sent now. */
int64_t queue_slots_free(const struct queue *);

/*
 * The next queue to serve, by smooth weighted round robin (nginx's
 * ngx_http_upstream_round_robin.c), among those for which `ready` returns
 * true; NULL: none.
 */
struct queue *session_next_queue(
	struct session *, int (*ready)(void *arg, struct queue *), void *arg);

#endif
