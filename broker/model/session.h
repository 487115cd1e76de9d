/* SPDX-License-Identifier: MIT */
/*
 * session.h - the workers that have said hello, and the leases they hold
 *
 * Both tables live in memory and are bounded; the rows `l` of the store say
 * which leases exist, and after a restart every one of them runs on, whole,
 * until its worker finds the broker again.
 */
#ifndef BROKER_SESSION_H
#define BROKER_SESSION_H

#include "base/must.h"
#include "broker/model/queue.h"
#include "wire/id.h"
#include <uthash.h>

enum {
	PEER_MAX = 16, /* bytes of a routing id; ZeroMQ makes 5 */
	SESSIONS_MAX = 4096,
	LEASES_MAX = 65536, /* jobs running at once */
	PROGRESS_TEXT_MAX = 95,
	SESSION_SILENT_MS = 15000, /* then it is forgotten */
};

struct peer {
	uint8_t b[PEER_MAX];
	uint8_t len;
};

struct subscription {
	struct queue *q;
	int64_t weight;	 /* 0: the queue's own */
	int64_t current; /* of the smooth weighted round robin */
};

struct session {
	struct peer peer;
	char name[SW_NAME_MAX + 1];
	int64_t slots, credit, sent;
	int64_t seen_ms; /* boot clock */
	int64_t leased, done, failed;
	struct subscription subs[SW_QUEUES_PER_WORKER];
	unsigned subs_n;
	UT_hash_handle hh;
};

struct lease {
	struct sw_id id;
	uint64_t token;
	struct queue *q;
	struct session *session; /* NULL: its worker has not been back yet */
	char worker[SW_NAME_MAX + 1];
	int64_t since_ms;    /* Unix time */
	int64_t deadline_ms; /* boot clock */
	int64_t progress;    /* -1: none told */
	char text[PROGRESS_TEXT_MAX + 1];
	int cancel;   /* its worker is to stop it */
	int released; /* its worker has said bye: no attempt is counted */
	struct lease *next_free;
	UT_hash_handle hh;
};

struct lease_table {
	struct lease *all; /* LEASES_MAX; pages not used are not there */
	struct lease *free;
	struct lease *by_id;
	unsigned used;	     /* of `all`, ever */
	int64_t earliest_ms; /* no deadline is before it; INT64_MAX: none */
};

int lease_table_init(struct lease_table *); /* 0 or -ENOMEM */
void lease_table_fini(struct lease_table *);
struct lease *lease_find(const struct lease_table *, const struct sw_id *);
unsigned lease_count(const struct lease_table *);

/* NULL: the table is full.  Zeroed but for the id. */
struct lease *lease_new(struct lease_table *, const struct sw_id *);
void lease_drop(struct lease_table *, struct lease *);
void lease_extend(struct lease_table *, struct lease *, int64_t deadline_ms);

struct session *session_find(struct session *all, const struct peer *);

/*
 * The next queue by smooth weighted round robin (as nginx does for its
 * upstreams) among those where `ready` says so; NULL: none.
 */
struct queue *session_next_queue(
	struct session *, int (*ready)(void *arg, struct queue *), void *arg);

#endif
