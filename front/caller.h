/* SPDX-License-Identifier: MIT */
/*
 * caller.h - connections that have no request with us, and their time limits
 *
 * evhttp knows a limit for silence alone, and nothing of its connections
 * before their first request: a client that sends a byte a second would
 * never end.  So each connection's bufferevent is made here and watched.
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
 * The one of a connection, for as long as evhttp has that; or NULL, which the
 * others accept: there was no memory for it.
 */
struct caller *caller_of(struct callers *, struct bufferevent *);

/* It has to wait for us, and then no more. */
void caller_hold(struct caller *);
void caller_release(struct caller *);

/*
 * Its request is with us, and then about to be answered.  Between the two it
 * is held, and what it sends and that it goes is of no interest: instead of
 * evhttp's, callbacks are set that leave it for later.  evhttp would take the
 * socket out of the loop and put it back, which cost a tenth of the CPU of a
 * small request.
 */
void caller_mute(struct caller *, struct bufferevent *);
void caller_unmute(struct caller *, struct bufferevent *);

/*
 * Whether there is one whose first request may still be on its way, as it
 * has come just now, or whose request has begun to arrive, or who has not
 * been sent all of its answer.
 */
int callers_expected(const struct callers *);

/* Once a second: ends those whose request has been coming for too long. */
void callers_check(struct callers *, int64_t request_s);
void callers_fini(struct callers *);

#endif
