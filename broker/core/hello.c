/* SPDX-License-Identifier: MIT */
#include "broker/core/hello.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/plant.h"
#include "broker/core/attempt.h"
#include "broker/job/job.h"

static void
worker_forget(struct core *c, struct session *s)
{
	if (!sw_id_is_nil(&s->worker))
		HASH_DELETE(hh_worker, c->by_worker, s);
	s->worker = (struct sw_id){{0}};
}

/* A worker has one link at a time: what it had before is broken. */
static void
worker_set(struct core *c, struct session *s, const struct sw_id *id)
{
	struct session *earlier;

	worker_forget(c, s);
	if (sw_id_is_nil(id))
		return;
	earlier = session_of_worker(c->by_worker, id);
	if (earlier != NULL)
		session_close(c, earlier);
	s->worker = *id;
	HASH_ADD(hh_worker, c->by_worker, worker, sizeof(s->worker), s);
}

static void
leases_leave(struct core *c, const struct session *s)
{
	struct lease *l, *tmp;

	HASH_ITER(hh, c->leases.by_id, l, tmp)
	if (l->session == s)
		l->session = NULL;
}

void
session_close(struct core *c, struct session *s)
{
	if (s->leased > 0)
		leases_leave(c, s);
	worker_forget(c, s);
	for (unsigned i = 0; i < s->subs_n; i++)
		s->subs[i].q->workers--;
	if (c->next_session == s)
		c->next_session = s->hh.next;
	HASH_DEL(c->sessions, s);
	free(s);
}

int64_t
sessions_slots_free(const struct core *c, const struct queue *q)
{
	int64_t n = 0;

	for (const struct session *s = c->sessions; s != NULL; s = s->hh.next)
		for (unsigned i = 0; i < s->subs_n; i++)
			if (s->subs[i].q == q && s->credit > s->sent)
				n += s->credit - s->sent;
	return n;
}

static struct session *
session_open(struct core *c, const struct peer *peer)
{
	struct session *s = session_find(c->sessions, peer);

	if (s == NULL) {
		if (HASH_COUNT(c->sessions) == SESSIONS_MAX)
			return NULL;
		s = calloc(1, sizeof(*s));
		if (s == NULL)
			return NULL;
		s->peer = *peer;
		HASH_ADD(hh, c->sessions, peer, sizeof(s->peer), s);
	}
	for (unsigned i = 0; i < s->subs_n; i++)
		s->subs[i].q->workers--;
	s->subs_n = 0;
	s->credit = s->sent = s->named = 0;
	s->listed = 0;
	s->seen_ms = c->mono_ms;
	return s;
}

static int
subscribe(struct core *c, struct session *s, const struct sw_item *it)
{
	int64_t weight = sw_int(it, SW_F_WEIGHT, 0);
	struct queue *q;
	int err = core_queue_get(c, sw_bytes(it, SW_F_QUEUE), &q);

	if (err < 0)
		return err;
	if (weight < 0 || weight > sw_setting_rules[SW_S_weight].max)
		return SW_EINVAL;
	if (s->subs_n == SW_QUEUES_PER_WORKER)
		return SW_EBUSY;
	s->subs[s->subs_n++] = (struct subscription){.q = q, .weight = weight};
	q->workers++;
	return 0;
}

void
op_hello(struct request *rq)
{
	struct core *c = rq->core;
	int fresh = session_find(c->sessions, rq->peer) == NULL;
	struct session *s = session_open(c, rq->peer);
	int64_t lease_ms = INT64_MAX;
	unsigned queues_n = c->queues_n;
	struct sw_id id = {{0}};
	struct sw_item it;
	int err = s == NULL ? SW_EBUSY : 0;
	size_t mark;

	if (err == 0 && sw_msg_next(&rq->msg, &it)) {
		sw_get_text(&it, SW_F_WORKER, s->name, sizeof(s->name));
		s->slots = sw_int(&it, SW_F_SLOTS, 1);
		(void)sw_get_id(&it, &id);
	}
	while (err == 0 && sw_msg_next(&rq->msg, &it))
		err = subscribe(c, s, &it);
	for (unsigned i = 0; err == 0 && i < s->subs_n; i++)
		if (s->subs[i].q->set[SW_S_lease_ms] < lease_ms)
			lease_ms = s->subs[i].q->set[SW_S_lease_ms];
	if (err == 0 && s->subs_n == 0)
		err = SW_EINVAL;
	if (err < 0) {
		if (s != NULL)
			session_close(c, s);
		core_queues_drop(c, queues_n);
		reply_refuse(c, rq->peer, rq->msg.seq, err, sw_strerror(err));
		return;
	}
	worker_set(c, s, &id);
	if (fresh)
		note_worker(&c->notes, NOTE_JOINED, s, c->mono_ms);
	reply_begin(rq, REPLY_SMALL);
	mark = sw_item_begin(&rq->reply);
	sw_put_int(&rq->reply, SW_F_STATUS, 0);
	sw_put_int(&rq->reply, SW_F_LEASE_MS, lease_ms);
	sw_item_end(&rq->reply, mark);
	reply_send(rq);
}

struct session *
session_require(struct request *rq)
{
	struct session *s = session_find(rq->core->sessions, rq->peer);

	if (s == NULL)
		reply_refuse(rq->core, rq->peer, rq->msg.seq, SW_ESESSION,
			sw_strerror(SW_ESESSION));
	else
		s->seen_ms = rq->core->mono_ms;
	return s;
}

void
op_want(struct request *rq)
{
	struct session *s = session_require(rq);
	struct sw_item it;

	if (s == NULL || !sw_msg_next(&rq->msg, &it))
		return;
	s->credit = sw_int(&it, SW_F_CREDIT, 0);
	if (s->credit > s->sent + LEASES_MAX)
		s->credit = s->sent + LEASES_MAX;
}

void
op_bye(struct request *rq)
{
	struct core *c = rq->core;
	struct session *s = session_find(c->sessions, rq->peer);
	struct lease *l, *tmp;
	struct record r;

	if (s != NULL) {
		HASH_ITER(hh, c->leases.by_id, l, tmp)
		{
			if (l->session != s)
				continue;
			if (core_has_room(c) && job_load(c, &l->id, &r) == 0) {
				attempt_end(c, &r, &attempt_release);
				continue;
			}
			l->released = 1; /* leases_expire() ends it later */
			lease_extend(&c->leases, l, c->mono_ms);
		}
		note_worker(&c->notes, NOTE_LEFT, s, c->mono_ms);
		session_close(c, s);
	}
	reply_begin(rq, REPLY_SMALL);
	reply_status(rq, 0);
	reply_send(rq);
}

/* --- leases that were lost with a link ------------------------------------ */

int
session_listed(struct core *c, struct session *s, int64_t n)
{
	if (s->named != n)
		return SW_EINVAL;
	s->listed = 1;
	c->listed = !planted(DEAF_LIST);
	return 0;
}

/* A worker's earlier sessions are closed, so what it has named, or was given
 * since, is of its present session. */
static int
is_missed(const struct core *c, const struct lease *l)
{
	const struct session *s;

	if ((l->session != NULL && !planted(RASH_LIST)) || l->begun ||
		l->released)
		return 0;
	s = session_of_worker(c->by_worker, &l->worker_id);
	return s != NULL && s->listed;
}

/* A list is over with its turn. */
static void
lists_forget(struct core *c)
{
	struct session *s, *tmp;

	c->listed = 0;
	HASH_ITER(hh_worker, c->by_worker, s, tmp)
	s->listed = 0;
}

void
leases_missed(struct core *c)
{
	struct lease *l, *tmp;

	if (!c->listed)
		return;
	HASH_ITER(hh, c->leases.by_id, l, tmp)
	if (is_missed(c, l)) {
		l->missed = 1;
		lease_extend(&c->leases, l, c->mono_ms);
	}
	lists_forget(c);
}
