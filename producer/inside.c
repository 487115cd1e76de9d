/* SPDX-License-Identifier: MIT */
#include "producer/inside.h"
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

enum { SPARES = 8 };

int
inside_begin(struct sw_client *c)
{
	if (c->in_done)
		return -EDEADLK;
	if (client_foreign(c->link))
		return inside_fail(c, -EPERM,
			"the client belongs to the process that forked this");
	c->why[0] = '\0';
	c->in_call = 1;
	if (c->pending != NULL)
		inside_send(c, c->pending, c->submit_timeout_ms);
	return 0;
}

void
inside_end(struct sw_client *c)
{
	c->in_call = 0;
	if (c->pending != NULL)
		inside_send(c, c->pending, c->submit_timeout_ms);
}

int
inside_fail(struct sw_client *c, int err, const char *why)
{
	if (why == NULL)
		why = client_why(c->link);
	(void)snprintf(c->why, sizeof(c->why), "%s",
		*why != '\0' ? why : sw_strerror(err));
	return err;
}

struct put_batch *
inside_batch(struct sw_client *c)
{
	struct put_batch *p = c->spare;

	if (p == NULL)
		return put_batch_new(c);
	c->spare = p->next;
	c->spares--;
	return p;
}

void
inside_batch_drop(struct put_batch *p)
{
	struct sw_client *c = p->owner;

	if (c->spares >= SPARES) {
		put_batch_free(p);
		return;
	}
	sw_batch_reset(&p->jobs);
	p->next = c->spare;
	c->spare = p;
	c->spares++;
}

static void
in_flight_add(struct sw_client *c, struct put_batch *p)
{
	p->prev = NULL;
	p->next = c->in_flight;
	if (p->next != NULL)
		p->next->prev = p;
	c->in_flight = p;
	c->puts_in_flight += p->slots[0].call != NULL;
}

static void
in_flight_remove(struct sw_client *c, struct put_batch *p)
{
	*(p->prev != NULL ? &p->prev->next : &c->in_flight) = p->next;
	if (p->next != NULL)
		p->next->prev = p->prev;
	c->puts_in_flight -= p->slots[0].call != NULL;
}

void
inside_put_answer(struct put_call *call, size_t at,
	const struct sw_put_result *r, const char *why)
{
	if (call->results != NULL)
		call->results[at] = *r;
	call->left--;
	if (r->status == SW_ETIMEOUT || r->status == SW_ELINK)
		call->late = r->status;
	if (r->status == 0 || at >= call->bad)
		return;
	call->bad = at;
	call->err = r->status;
	(void)snprintf(call->why, sizeof(call->why), "%s", why);
}

static void
slot_answer(struct sw_client *c, struct put_slot *s, struct sw_put_result *r)
{
	if (s->call != NULL) {
		inside_put_answer(s->call, s->at, r, c->why);
		return;
	}
	c->open_n--;
	c->answers++;
	if (s->done == NULL)
		return;
	c->in_done = 1;
	s->done(s->arg, r);
	c->in_done = 0;
}

void
inside_batch_fail(struct put_batch *p, int err)
{
	for (unsigned i = 0; i < p->jobs.n; i++) {
		struct sw_put_result r = {.status = err, .id = p->slots[i].id};

		slot_answer(p->owner, &p->slots[i], &r);
	}
}

/* Answers a slot from its item of the reply, whose fields may be anything. */
static void
slot_item_answer(
	struct sw_client *c, struct put_slot *s, const struct sw_item *it)
{
	int64_t status = sw_int(it, SW_F_STATUS, SW_EUNKNOWN);
	struct sw_put_result r = {
		.id = s->id, .state = (int)sw_int(it, SW_F_STATE, SW_NONE)};

	r.status = status > 0 || status < INT32_MIN ? SW_EUNKNOWN : (int)status;
	c->why[0] = '\0';
	if (r.status != 0) {
		sw_get_text(it, SW_F_DETAIL, c->why, sizeof(c->why));
		if (c->why[0] == '\0')
			(void)inside_fail(c, 0, sw_strerror(r.status));
		(void)sw_get_id(it, &r.id);
	}
	slot_answer(c, s, &r);
}

static void
batch_done(struct client_req *req, int err, const struct sw_msg *reply)
{
	struct put_batch *p = (struct put_batch *)(void *)req;
	struct sw_client *c = p->owner;

	in_flight_remove(c, p);
	if (err < 0) {
		(void)inside_fail(c, err, NULL);
		inside_batch_fail(p, err);
	} else {
		struct sw_msg m = *reply;
		struct sw_item it;

		for (unsigned i = 0; i < p->jobs.n && sw_msg_next(&m, &it); i++)
			slot_item_answer(c, &p->slots[i], &it);
	}
	inside_batch_drop(p);
}

void
inside_send(struct sw_client *c, struct put_batch *p, int64_t timeout_ms)
{
	if (p == c->pending)
		c->pending = NULL;
	p->req.frame = p->jobs.buf.p;
	p->req.frame_len = p->jobs.buf.len;
	p->req.timeout_ms = timeout_ms;
	p->req.items = p->jobs.n;
	p->req.done = batch_done;
	in_flight_add(c, p);
	client_start(c->link, &p->req);
}

void
inside_id_new(struct sw_id *id)
{
	*id = sw_id_make(clock_now_ms(CLOCK_REALTIME));
}

void
inside_id_ensure(struct sw_job *job)
{
	static const struct sw_id none;

	if (memcmp(&job->id, &none, sizeof(none)) == 0)
		inside_id_new(&job->id);
}

int64_t
inside_until(int64_t timeout_ms)
{
	int64_t now_ms = client_now_ms();

	return timeout_ms < 0 || timeout_ms > INT64_MAX - now_ms
		       ? INT64_MAX
		       : now_ms + timeout_ms;
}

int64_t
inside_left(int64_t until_ms)
{
	int64_t now_ms;

	if (until_ms == INT64_MAX)
		return -1;
	now_ms = client_now_ms();
	return until_ms > now_ms ? until_ms - now_ms : 0;
}
