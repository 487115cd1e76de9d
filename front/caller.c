/* SPDX-License-Identifier: MIT */
#include "front/caller.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"

enum { LOOK = 2, FRESH_MS = 500 };

struct caller {
	TAILQ_ENTRY(caller) link;
	/*
	 * The key.  This struct has a reference, and the last one closes the
	 * descriptor (which evhttp has shut down by then): closed any earlier,
	 * its number could go to the next connection, whose bytes this one
	 * would read.
	 */
	struct bufferevent *bev;
	int64_t born_ms;  /* of the connection; 0: it has had an answer */
	int64_t began_ms; /* when its request's first byte came, or 0 */
	int busy;	  /* held */
	int blank;	  /* since the last answer only empty lines have come */
	bufferevent_event_cb theirs; /* evhttp's own, while it is muted */
	UT_hash_handle hh;
};

/* Drops empty lines before a request (RFC 9112, 2.2). */
static void
blank_drop(struct caller *c, struct evbuffer *in)
{
	char some[256];
	ev_ssize_t len;
	size_t blank;

	do {
		len = evbuffer_copyout(in, some, sizeof(some) - 1);
		some[len > 0 ? len : 0] = '\0';
		blank = strspn(some, "\r\n");
		(void)evbuffer_drain(in, blank);
	} while (blank > 0);
	c->blank = len <= 0;
}

static void
bytes_came(struct evbuffer *b, const struct evbuffer_cb_info *info, void *arg)
{
	struct caller *c = arg;

	if (info->n_added == 0 || c->busy)
		return;
	if (c->began_ms == 0)
		c->began_ms = clock_now_ms(CLOCK_MONOTONIC_COARSE);
	if (c->blank)
		blank_drop(c, b);
}

static void
caller_free(struct caller *c)
{
	evbuffer_remove_cb(bufferevent_get_input(c->bev), bytes_came, c);
	bufferevent_decref(c->bev);
	free(c);
}

static void
caller_forget(struct callers *cs, struct caller *c)
{
	HASH_DEL(cs->table, c);
	TAILQ_REMOVE(&cs->list, c, link);
	cs->n--;
	caller_free(c);
}

/* Whether evhttp has freed the connection, which removes its callbacks. */
static int
is_gone(struct caller *c)
{
	bufferevent_event_cb cb = NULL;

	bufferevent_getcb(c->bev, NULL, NULL, &cb, NULL);
	return cb == NULL;
}

/* Each new connection checks LOOK others: closed ones cannot pile up. */
static void
gone_forget(struct callers *cs)
{
	for (int i = 0; i < LOOK; i++) {
		struct caller *c = TAILQ_FIRST(&cs->list);

		if (c == NULL)
			return;
		if (is_gone(c)) {
			caller_forget(cs, c);
		} else {
			TAILQ_REMOVE(&cs->list, c, link);
			TAILQ_INSERT_TAIL(&cs->list, c, link);
		}
	}
}

void
callers_init(struct callers *cs)
{
	*cs = (struct callers){0};
	TAILQ_INIT(&cs->list);
}

struct bufferevent *
caller_new(struct event_base *base, void *arg)
{
	struct callers *cs = arg;
	struct caller *c = calloc(1, sizeof(*c));

	if (c != NULL)
		c->bev = bufferevent_socket_new(
			base, -1, BEV_OPT_CLOSE_ON_FREE);
	if (c == NULL || c->bev == NULL) {
		free(c);
		return NULL; /* evhttp makes one of its own */
	}
	if (evbuffer_add_cb(bufferevent_get_input(c->bev), bytes_came, c) ==
		NULL) {
		bufferevent_free(c->bev);
		free(c);
		return NULL;
	}
	bufferevent_incref(c->bev);
	c->born_ms = clock_now_ms(CLOCK_MONOTONIC_COARSE);
	c->blank = 1;
	gone_forget(cs);
	HASH_ADD_PTR(cs->table, bev, c);
	TAILQ_INSERT_TAIL(&cs->list, c, link);
	cs->n++;
	return c->bev;
}

struct caller *
caller_of(struct callers *cs, struct bufferevent *bev)
{
	struct caller *c;

	HASH_FIND_PTR(cs->table, &bev, c);
	return c;
}

void
caller_hold(struct caller *c)
{
	if (c != NULL)
		c->busy = 1;
}

void
caller_release(struct caller *c)
{
	if (c == NULL)
		return;
	c->busy = 0;
	c->born_ms = c->began_ms = 0;
	/* The next request has begun to arrive already. */
	if (evbuffer_get_length(bufferevent_get_input(c->bev)) > 0)
		c->began_ms = clock_now_ms(CLOCK_MONOTONIC_COARSE);
}

/* Reading stops after one buffer; further bytes wait in the kernel. */
static void
came_early(struct bufferevent *bev, void *arg)
{
	(void)arg;
	bufferevent_disable(bev, EV_READ);
}

/*
 * A client may shut down its sending side and still wait for its answer.
 * libevent has switched reading off by then.
 */
static void
hung_up(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	(void)arg;
}

void
caller_mute(struct caller *c, struct bufferevent *bev)
{
	bufferevent_data_cb written;
	void *arg;

	if (c == NULL) {
		bufferevent_disable(bev, EV_READ);
		return;
	}
	caller_hold(c);
	bufferevent_getcb(bev, NULL, &written, &c->theirs, &arg);
	bufferevent_setcb(bev, came_early, written, hung_up, arg);
}

void
caller_unmute(struct caller *c, struct bufferevent *bev)
{
	bufferevent_data_cb written;
	void *arg;

	if (c == NULL)
		return;
	if (c->theirs != NULL) {
		bufferevent_getcb(bev, NULL, &written, NULL, &arg);
		bufferevent_setcb(bev, came_early, written, c->theirs, arg);
		c->theirs = NULL;
	}
	blank_drop(c, bufferevent_get_input(bev));
	caller_release(c);
}

static int
has_unsent(const struct caller *c)
{
	return evbuffer_get_length(bufferevent_get_output(c->bev)) > 0;
}

int
callers_expected(const struct callers *cs)
{
	int64_t fresh = clock_now_ms(CLOCK_MONOTONIC_COARSE) - FRESH_MS;
	struct caller *c;

	TAILQ_FOREACH(c, &cs->list, link)
	if (!is_gone(c) &&
		(c->began_ms != 0 || c->born_ms > fresh || has_unsent(c)))
		return 1;
	return 0;
}

void
callers_check(struct callers *cs, int64_t request_s)
{
	int64_t now = clock_now_ms(CLOCK_MONOTONIC_COARSE);
	int64_t limit = now - request_s * 1000;
	struct caller *c, *next;

	HASH_ITER(hh, cs->table, c, next)
	{
		if (is_gone(c))
			caller_forget(cs, c);
		else if (has_unsent(c) && c->began_ms != 0)
			c->began_ms = now; /* the client waits for the front */
		else if (!c->busy && c->began_ms != 0 && c->began_ms < limit)
			bufferevent_trigger_event(c->bev,
				BEV_EVENT_TIMEOUT | BEV_EVENT_READING, 0);
	}
}

void
callers_fini(struct callers *cs)
{
	struct caller *c = TAILQ_FIRST(&cs->list), *next;

	HASH_CLEAR(hh, cs->table);
	for (; c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		caller_free(c);
	}
	callers_init(cs);
}
