/* SPDX-License-Identifier: MIT */
#include "broker/job/job.h"

#include <stdlib.h>

#include <utlist.h>

#include "base/error.h"
#include "base/plant.h"
#include "broker/job/reply.h"

enum { WAIT_BYTES = 8 * TURN_BYTES }; /* of a turn's answers to waits */

static struct wait_peer *
peer_ensure(struct core *c, const struct peer *peer)
{
	struct wait_peer *p;

	HASH_FIND(hh, c->wait_peers, peer, sizeof(*peer), p);
	if (p != NULL)
		return p;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->peer = *peer;
	HASH_ADD(hh, c->wait_peers, peer, sizeof(p->peer), p);
	return p;
}

static struct wait_job *
job_ensure(struct core *c, const struct sw_id *id)
{
	struct wait_job *j;

	HASH_FIND(hh, c->wait_jobs, id->b, SW_ID_LEN, j);
	if (j != NULL)
		return j;
	j = calloc(1, sizeof(*j));
	if (j == NULL)
		return NULL;
	j->id = *id;
	HASH_ADD(hh, c->wait_jobs, id.b, SW_ID_LEN, j);
	return j;
}

/* Frees peer and job if they have no waits; each may be NULL. */
static void
ends_drop(struct core *c, struct wait_peer *p, struct wait_job *j)
{
	if (p != NULL && p->waits == NULL) {
		HASH_DEL(c->wait_peers, p);
		free(p);
	}
	if (j != NULL && j->waits == NULL) {
		HASH_DEL(c->wait_jobs, j);
		free(j);
	}
}

static void
wait_drop(struct core *c, struct waiter *w)
{
	due_drop(&c->waits, &w->deadline);
	DL_DELETE2(w->job->waits, w, job_prev, job_next);
	DL_DELETE2(w->peer->waits, w, peer_prev, peer_next);
	w->peer->n--;
	ends_drop(c, w->peer, w->job);
	free(w);
}

static int
is_known(const struct wait_peer *p, uint64_t seq)
{
	for (const struct waiter *w = p->waits; w != NULL; w = w->peer_next)
		if (w->seq == seq)
			return 1;
	return 0;
}

static int
limits_check(const struct core *c, const struct wait_peer *p, char *why)
{
	if (c->waits.n == SW_WAITS_MAX)
		return sw_refuse(why, SW_EWAITS,
			"there are %d waits, as many as the broker keeps",
			SW_WAITS_MAX);
	if (p->n == SW_WAITS_PER_PEER)
		return sw_refuse(why, SW_EWAITS,
			"this connection has %d waits, as many as one may have",
			SW_WAITS_PER_PEER);
	return 0;
}

static int64_t
wait_ms(int64_t timeout_ms)
{
	return timeout_ms < 0 || timeout_ms > SW_WAIT_MS ? SW_WAIT_MS
							 : timeout_ms;
}

int
wait_add(struct request *rq, const struct sw_id *id, int64_t timeout_ms,
	char *why)
{
	struct core *c = rq->core;
	struct wait_peer *p = peer_ensure(c, rq->peer);
	struct wait_job *j = job_ensure(c, id);
	struct waiter *w = calloc(1, sizeof(*w));
	int err;

	if (p == NULL || j == NULL || w == NULL)
		err = sw_refuse(why, SW_EBUSY, "no memory for a wait");
	else if (is_known(p, rq->msg.seq))
		err = 1;
	else
		err = limits_check(c, p, why);
	if (err != 0) {
		free(w);
		ends_drop(c, p, j);
		return err < 0 ? err : 0;
	}
	w->seq = rq->msg.seq;
	w->peer = p;
	w->job = j;
	p->n++;
	DL_APPEND2(p->waits, w, peer_prev, peer_next);
	DL_APPEND2(j->waits, w, job_prev, job_next);
	due_set(&c->waits, &w->deadline, c->mono_ms + wait_ms(timeout_ms));
	return 0;
}

static void
one_answer(struct core *c, struct waiter *w, const struct record *r, int status)
{
	struct sw_buf b;
	size_t mark, room = r != NULL ? r->it.raw.len : 0;

	out_begin(c, &b, room + SHOW_ROOM, SW_OP_WAIT | SW_REPLY, w->seq);
	mark = sw_item_begin(&b);
	sw_put_int(&b, SW_F_STATUS, status);
	if (status == SW_ETIMEOUT)
		sw_put_text(&b, SW_F_DETAIL, "the job has not ended so far");
	if (status == 0)
		job_show(c, &b, r, 1);
	sw_item_end(&b, mark);
	out_send(c, &b, &w->peer->peer);
	wait_drop(c, w);
}

void
waits_answer(struct core *c, const struct record *r, int status)
{
	struct wait_job *j = NULL;
	struct waiter *w, *next;

	if (c->wait_jobs != NULL)
		HASH_FIND(hh, c->wait_jobs, r->id.b, SW_ID_LEN, j);
	for (w = j != NULL ? j->waits : NULL; w != NULL; w = next) {
		next = w->job_next; /* the last one frees the list */
		if (status == 0 && c->out_arena.used > WAIT_BYTES)
			status = SW_EBUSY;
		one_answer(c, w, r, status);
	}
}

void
waits_expire(struct core *c)
{
	struct due *d;

	for (int i = 0; i < TURN_TIMERS && c->outs_n < OUTS_MAX / 2; i++) {
		d = due_now(&c->waits, c->mono_ms);
		if (d == NULL || planted(DEAF_WAIT))
			return;
		one_answer(c, due_owner(d, struct waiter, deadline), NULL,
			SW_ETIMEOUT);
	}
	c->more = 1;
}

void
waits_free(struct core *c)
{
	struct due *d;

	while ((d = due_first(&c->waits)) != NULL)
		wait_drop(c, due_owner(d, struct waiter, deadline));
	due_fini(&c->waits);
}
