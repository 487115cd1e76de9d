/* SPDX-License-Identifier: MIT */
/*
 * caller.h - client connections, and the time limit of an arriving request
 *
 * evhttp limits only a connection's silence, and does not show connections
 * before their first request: a client that sends a byte a second could stay
 * for ever.  So every connection's bufferevent is made and watched here.
 */
#ifndef FRONT_CALLER_H
#define FRONT_CALLER_H

#include <event2/bufferevent.h>
#include <event2/http.h>
#include <stdint.h>
#include <sys/queue.h>

struct caller;

struct callers {
	struct caller *table; /* by bufferevent */
	TAILQ_HEAD(, caller) list;
	size_t n;
};

void callers_init(struct callers *);

/* For evhttp_set_bevcb(); `arg` is a struct callers. */
struct bufferevent *caller_new(struct event_base *, void *arg);

/*
 * The caller of a connection, valid as long as evhttp has the connection;
 * NULL, which the functions below accept: there was no memory for it.
 */
struct caller *caller_of(struct callers *, struct bufferevent *);

/* Stop the time limit while the client waits for the front; start it anew. */
void caller_hold(struct caller *);
void caller_release(struct caller *);

/*
 * Called when a request has arrived, and just before its answer.  Between the
 * two the caller is held, and bytes and a hang-up are left for later by
 * callbacks set in place of evhttp's.  evhttp itself would take the socket out
 * of the loop and put it back: a tenth of the CPU time of a small request.
 */
void caller_mute(struct caller *, struct bufferevent *);
void caller_unmute(struct caller *, struct bufferevent *);

/*
 * Whether a connection is new enough for its first request to be on its way,
 * or its request has begun to arrive, or its answer is not sent entirely.
 */
int callers_expected(const struct callers *);

/* Called once a second: ends connections whose request takes too long. */
void callers_check(struct callers *, int64_t request_s);
void callers_fini(struct callers *);

#endif
