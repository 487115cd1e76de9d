/* SPDX-License-Identifier: MIT */
#include "producer/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/plant.h"
#include "link/dial.h"
#include "link/endpoint.h"

enum {
	RESEND_MS = 1000,     /* silence before a request is sent again */
	RESEND_MAX_MS = 8000, /* the silence doubles up to this */
	TURN_MAX = 64,	      /* replies taken in one turn */
	ENDPOINT_MAX = 256,
};

struct client {
	struct dial dial;
	struct client_req *first, *last; /* unanswered, in order */
	uint64_t seq;
	int64_t due_ms; /* the next time that reqs_sweep() has work */
	int dirty;	/* reqs_sweep() has work now */
	int stalled;	/* the socket's send buffer was full */
	int turning;
	char endpoint[ENDPOINT_MAX];
	char why[SW_TEXT_MAX + 1];
};

int64_t
client_now_ms(void)
{
	return clock_now_ms(CLOCK_MONOTONIC);
}

/* The time `ms` after `now_ms`; never, when `ms` is negative. */
static int64_t
time_after(int64_t now_ms, int64_t ms)
{
	return ms < 0 || ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + ms;
}

static int
endpoint_find(struct client *c, const char *endpoint)
{
	int n;

	if (endpoint == NULL)
		endpoint = getenv("SPILLWAY_BROKER");
	if (endpoint == NULL || *endpoint == '\0')
		return sw_endpoint_default(c->endpoint, sizeof(c->endpoint));
	n = snprintf(c->endpoint, sizeof(c->endpoint), "%s", endpoint);
	return n > 0 && (size_t)n < sizeof(c->endpoint) &&
			       !sw_endpoint_is_long(c->endpoint)
		       ? 0
		       : -ENAMETOOLONG;
}

int
client_endpoint_check(const char *endpoint, char *why, size_t why_cap)
{
	return sw_endpoint_check(endpoint, why, why_cap);
}

int
client_open(struct client **out, const char *endpoint)
{
	struct client *c = calloc(1, sizeof(*c));
	int err;

	if (c == NULL)
		return -ENOMEM;
	c->due_ms = INT64_MAX;
	c->dirty = 1; /* link events before the first look are not reported */
	err = endpoint_find(c, endpoint);
	if (err == 0)
		err = dial_open(&c->dial, c->endpoint);
	if (err < 0) {
		free(c);
		return err;
	}
	*out = c;
	return 0;
}

void
client_close(struct client *c)
{
	if (c == NULL)
		return;
	dial_close(&c->dial);
	free(c);
}

const char *
client_why(const struct client *c)
{
	return c->why;
}

const char *
client_endpoint(const struct client *c)
{
	return c->endpoint;
}

int
client_up(const struct client *c)
{
	return c->dial.up;
}

int
client_has_sent(const struct client *c)
{
	const struct client_req *r = c->first;

	while (r != NULL && r->epoch == 0)
		r = r->next;
	return r != NULL;
}

int
client_foreign(const struct client *c)
{
	return dial_foreign(&c->dial);
}

static void
why_set(struct client *c, const char *text, size_t len)
{
	(void)snprintf(c->why, sizeof(c->why), "%.*s", (int)len, text);
}

/* Whether requests wait for room in the buffer of a connected socket. */
static int
waits_for_room(const struct client *c)
{
	return c->stalled && c->dial.up;
}

/* Arms the descriptor: at once if there is work, else at the next due time. */
static void
wakeup_set(struct client *c)
{
	dial_settle(&c->dial, c->dirty ? 0 : c->due_ms, waits_for_room(c));
}

static void
req_add(struct client *c, struct client_req *r)
{
	r->next = NULL;
	r->prev = c->last;
	*(c->last != NULL ? &c->last->next : &c->first) = r;
	c->last = r;
}

static void
req_remove(struct client *c, struct client_req *r)
{
	*(r->prev != NULL ? &r->prev->next : &c->first) = r->next;
	*(r->next != NULL ? &r->next->prev : &c->last) = r->prev;
	r->next = r->prev = NULL;
}

static int
req_op(const struct client_req *r)
{
	return r->frame[3];
}

/* Sends a request if it was not sent on this connection or silence is over. */
static void
req_send(struct client *c, struct client_req *r, int64_t now_ms)
{
	struct dial *d = &c->dial;

	if (!d->up || c->stalled)
		return;
	if (r->epoch == d->epoch && now_ms < r->resend_at_ms)
		return;
	if (dial_send(d, bytes_of(r->frame, r->frame_len)) < 0) {
		c->stalled = 1;
		return;
	}
	if (r->epoch != d->epoch)
		r->pause_ms = RESEND_MS;
	else if (r->pause_ms < RESEND_MAX_MS)
		r->pause_ms *= 2;
	r->epoch = d->epoch;
	r->resend_at_ms = req_op(r) == SW_OP_WAIT || planted(ASK_ONCE)
				  ? INT64_MAX
				  : now_ms + r->pause_ms;
}

/* When this request needs attention next, unless the link changes. */
static int64_t
req_due(const struct client *c, const struct client_req *r)
{
	if (c->dial.up && !c->stalled && r->epoch == c->dial.epoch &&
		r->resend_at_ms < r->deadline_ms)
		return r->resend_at_ms;
	return r->deadline_ms;
}

void
client_start(struct client *c, struct client_req *r)
{
	int64_t now_ms = client_now_ms(), due_ms;

	r->seq = ++c->seq;
	le_set(r->frame + 8, 8, r->seq);
	r->epoch = 0;
	r->deadline_ms = time_after(now_ms, r->timeout_ms);
	req_add(c, r);
	if (client_foreign(c))
		return;
	req_send(c, r, now_ms);
	due_ms = req_due(c, r);
	if (due_ms < c->due_ms)
		c->due_ms = due_ms;
	if (!c->turning)
		wakeup_set(c);
}

void
client_drop(struct client *c, struct client_req *r)
{
	req_remove(c, r);
}

/* A refused user must not look for a broker that is there. */
static void
unreached_explain(struct client *c)
{
	int err = sw_endpoint_probe(c->endpoint, NULL);

	if (err == -EACCES || err == -EPERM)
		(void)snprintf(c->why, sizeof(c->why), "permission denied: %s",
			c->endpoint);
	else
		(void)snprintf(c->why, sizeof(c->why), "no broker at %s: %s",
			c->endpoint, sw_endpoint_away(c->endpoint));
}

static int
req_expire(struct client *c, struct client_req *r)
{
	int err = r->epoch == 0 && !c->dial.up ? SW_ELINK : SW_ETIMEOUT;

	if (err == SW_ELINK)
		unreached_explain(c);
	else
		(void)snprintf(c->why, sizeof(c->why),
			"no answer from %s in %lld ms%s", c->endpoint,
			(long long)r->timeout_ms,
			c->dial.up ? "" : ", the link is broken");
	req_remove(c, r);
	r->done(r, err, NULL);
	return 1;
}

/* A done callback may start and drop requests: starts over after each. */
static int
reqs_expire(struct client *c, int64_t now_ms)
{
	struct client_req *r = c->first;
	int n = 0;

	while (r != NULL)
		if (now_ms >= r->deadline_ms) {
			n += req_expire(c, r);
			r = c->first;
		} else {
			r = r->next;
		}
	return n;
}

/* Sends due requests, expires overdue ones, computes the next due time. */
static int
reqs_sweep(struct client *c, int64_t now_ms)
{
	int n;

	if (!c->dirty && !c->stalled && now_ms < c->due_ms)
		return 0;
	c->dirty = c->stalled = 0;
	for (struct client_req *r = c->first; r != NULL; r = r->next)
		req_send(c, r, now_ms);
	n = reqs_expire(c, now_ms);
	c->due_ms = INT64_MAX;
	for (struct client_req *r = c->first; r != NULL; r = r->next) {
		int64_t due_ms = req_due(c, r);

		if (due_ms < c->due_ms)
			c->due_ms = due_ms;
	}
	return n;
}

/* An ERROR reply's STATUS, with its DETAIL in c->why; 0: it has none. */
static int
refusal_read(struct client *c, struct sw_msg m)
{
	struct sw_item it;
	struct bytes why;
	int64_t status;

	if (!sw_msg_next(&m, &it))
		return 0;
	status = sw_int(&it, SW_F_STATUS, 0);
	if (status >= 0 || status < INT32_MIN)
		return 0;
	why = sw_bytes(&it, SW_F_DETAIL);
	if (why.len == 0)
		why = bytes_str(sw_strerror((int)status));
	why_set(c, why.p, why.len);
	return (int)status;
}

static struct client_req *
req_find(struct client *c, uint64_t seq)
{
	struct client_req *r = c->first;

	while (r != NULL && r->seq != seq)
		r = r->next;
	return r;
}

/* 1: the frame was the reply to a request; any other frame is ignored. */
static int
frame_take(struct client *c, struct bytes frame)
{
	struct client_req *r;
	struct sw_msg m = {0};
	int err = sw_msg_open(frame, &m);

	if ((err < 0 && err != SW_EVERSION) || (r = req_find(c, m.seq)) == NULL)
		return 0;
	if (err == SW_EVERSION) {
		why_set(c, "the broker speaks another version", 33);
	} else if (m.op == (SW_OP_ERROR | SW_REPLY)) {
		err = refusal_read(c, m);
		if (err == 0)
			return 0;
	} else if (m.op != (req_op(r) | SW_REPLY) ||
		   (r->items != 0 && r->items != m.count)) {
		return 0;
	}
	req_remove(c, r);
	r->done(r, err, &m);
	return 1;
}

static int
frames_take(struct client *c)
{
	struct bytes frame;
	int n = 0;

	for (int i = 0; i < TURN_MAX; i++) {
		if (dial_recv(&c->dial, &frame) < 0)
			return n;
		n += frame_take(c, frame);
	}
	c->dirty = 1; /* more frames may be waiting */
	return n;
}

/* Waits until there is work, at most until `until_ms`. */
static int
client_wait(struct client *c, int64_t now_ms, int64_t until_ms)
{
	int64_t at_ms = until_ms < c->due_ms ? until_ms : c->due_ms;

	if (c->dirty || at_ms <= now_ms)
		return 0;
	return dial_wait(&c->dial, at_ms == INT64_MAX ? -1 : at_ms - now_ms,
		waits_for_room(c));
}

int
client_turn(struct client *c, int64_t wait_ms)
{
	int64_t now_ms = client_now_ms(),
		until_ms = time_after(now_ms, wait_ms);
	int n = 0;

	if (client_foreign(c))
		return -EPERM;
	c->turning = 1;
	for (;;) {
		c->dirty |= dial_watch(&c->dial);
		n += reqs_sweep(c, now_ms);
		n += frames_take(c);
		if (n > 0 || now_ms >= until_ms)
			break;
		if (client_wait(c, now_ms, until_ms) < 0)
			break;
		now_ms = client_now_ms();
	}
	c->turning = 0;
	wakeup_set(c);
	return n;
}

int
client_fd(struct client *c)
{
	return client_foreign(c) ? -EPERM : dial_fd(&c->dial);
}

void
client_poke(struct client *c)
{
	dial_arm(&c->dial, 0);
}

struct call {
	struct client_req req; /* first: call_done() casts to struct call */
	struct client *c;
	int done, err;
	struct sw_msg reply;
};

static void
call_done(struct client_req *r, int err, const struct sw_msg *reply)
{
	struct call *call = (struct call *)(void *)r;

	call->done = 1;
	call->err = err;
	if (err == 0) {
		call->reply = *reply;
		dial_keep(&call->c->dial);
	}
}

int
client_call(struct client *c, struct sw_buf *request, int64_t timeout_ms,
	struct sw_msg *reply)
{
	struct call call = {
		.req = {.frame = request->p,
			.frame_len = request->len,
			.timeout_ms = timeout_ms,
			.done = call_done},
		.c = c,
	};

	if (request->full) {
		why_set(c, "the request is too large", 24);
		return SW_ETOOBIG;
	}
	if (client_foreign(c))
		return -EPERM;
	c->why[0] = '\0';
	client_start(c, &call.req);
	while (!call.done)
		if (client_turn(c, -1) < 0)
			return -EPERM;
	if (call.err == 0)
		*reply = call.reply;
	return call.err;
}

struct bytes
client_last_error(const struct sw_item *it)
{
	struct bytes raw, last = sw_bytes(it, SW_F_ERROR);
	struct sw_item event;
	size_t at = 0;

	if (sw_int(it, SW_F_STATE, SW_NONE) == SW_DONE)
		return bytes_of("", 0);
	while (sw_item_each(it, SW_F_EVENT, &at, &raw))
		if (sw_item_open_newer(raw, &event) == 0 &&
			sw_has(&event, SW_F_ERROR))
			last = sw_bytes(&event, SW_F_ERROR);
	return last;
}
