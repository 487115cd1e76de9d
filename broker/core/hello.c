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

/* The list of leases that the worker has named is over. */
static void
list_leave(struct core *c, struct session *s)
{
	struct session **at = &c->listed;

	if (!s->listed)
		return;
	while (*at != s)
		at = &(*at)->next_listed;
	*at = s->next_listed;
	s->listed = 0;
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

void
session_seen(struct core *c, struct session *s)
{
	s->seen_ms = c->mono_ms;
	s->lost = 0;
	due_set(&c->silent, &s->silent, c->mono_ms + SESSION_SILENT_MS + 1);
}

static void
unsubscribe(struct core *c, struct session *s)
{
	session_feed(s);
	for (unsigned i = 0; i < s->subs_n; i++) {
		s->subs[i].q->workers--;
		core_queue_release(c, s->subs[i].q);
	}
	s->subs_n = 0;
}

void
session_close(struct core *c, struct session *s)
{
	while (s->leases != NULL)
		lease_move(&c->leases, s->leases, NULL);
	worker_forget(c, s);
	list_leave(c, s);
	unsubscribe(c, s);
	due_drop(&c->silent, &s->silent);
	HASH_DEL(c->sessions, s);
	free(s);
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
	unsubscribe(c, s);
	list_leave(c, s);
	s->credit = s->sent = s->named = 0;
	session_seen(c, s);
	return s;
}

/* Checks an item of a hello; `fresh` counts the queues that are to be made. */
static int
subscription_check(struct core *c, const struct sw_item *it, unsigned nth,
	unsigned *fresh, char *why)
{
	int64_t weight = sw_int(it, SW_F_WEIGHT, 0);
	struct bytes name = sw_bytes(it, SW_F_QUEUE);
	int err = sw_field_queue_check(name, why);

	if (err == 0 && core_queue_find(c, name) == NULL)
		err = core_queue_check(c, name, ++*fresh, why);
	if (err < 0)
		return err;
	if (weight < 0 || weight > sw_setting_rules[SW_S_weight].max)
		return sw_refuse(why, SW_EINVAL,
			"weight of queue %.*s must be 0 to %lld", (int)name.len,
			(const char *)name.p,
			(long long)sw_setting_rules[SW_S_weight].max);
	if (nth == SW_QUEUES_PER_WORKER)
		return sw_refuse(why, SW_ETOOBIG,
			"a worker serves at most %d queues, no room for queue "
			"%.*s",
			SW_QUEUES_PER_WORKER, (int)name.len,
			(const char *)name.p);
	return 0;
}

/* Checks all of a hello, which makes no queue if it is refused. */
static int
hello_check(struct core *c, struct sw_msg m, char *why)
{
	unsigned n = 0, fresh = 0;
	struct sw_item it;
	int err = 0;

	(void)sw_msg_next(&m, &it);
	for (; err == 0 && sw_msg_next(&m, &it); n++)
		err = subscription_check(c, &it, n, &fresh, why);
	if (err == 0 && n == 0)
		err = sw_refuse(why, SW_EINVAL, "hello: must name a queue");
	return err;
}

/* hello_check() has returned 0, so that only memory may be missing. */
static int
subscribe(
	struct core *c, struct session *s, const struct sw_item *it, char *why)
{
	struct queue *q;
	int err = core_queue_get(c, sw_bytes(it, SW_F_QUEUE), &q, why);

	if (err < 0)
		return err;
	s->subs[s->subs_n++] = (struct subscription){
		.q = q, .session = s, .weight = sw_int(it, SW_F_WEIGHT, 0)};
	q->workers++;
	core_ready_read(c, q);
	return 0;
}

/* Opens the session of a hello.  NULL: *err and `why` are set. */
static struct session *
hello_take(struct request *rq, int *err, char *why)
{
	struct core *c = rq->core;
	struct sw_id id = {{0}};
	struct session *s;
	struct sw_item it;
	int fresh = session_find(c->sessions, rq->peer) == NULL;

	*err = hello_check(c, rq->msg, why);
	if (*err < 0)
		return NULL;
	s = session_open(c, rq->peer);
	if (s == NULL) {
		*err = sw_refuse(
			why, SW_EBUSY, "there are %d workers", SESSIONS_MAX);
		return NULL;
	}
	(void)sw_msg_next(&rq->msg, &it);
	sw_get_text(&it, SW_F_WORKER, s->name, sizeof(s->name));
	s->slots = sw_int(&it, SW_F_SLOTS, 1);
	(void)sw_get_id(&it, &id);
	while (*err == 0 && sw_msg_next(&rq->msg, &it))
		*err = subscribe(c, s, &it, why);
	if (*err < 0) {
		session_close(c, s);
		return NULL;
	}
	worker_set(c, s, &id);
	if (fresh)
		note_worker(&c->notes, NOTE_JOINED, s, c->mono_ms);
	return s;
}

void
op_hello(struct request *rq)
{
	struct core *c = rq->core;
	char why[SW_WHY_ROOM];
	int64_t lease_ms = INT64_MAX;
	int err;
	struct session *s = hello_take(rq, &err, why);
	size_t mark;

	if (s == NULL) {
		s = session_find(c->sessions, rq->peer);
		if (s != NULL)
			session_close(c, s);
		reply_refuse(c, rq->peer, rq->msg.seq, err, why);
		return;
	}
	for (unsigned i = 0; i < s->subs_n; i++)
		if (s->subs[i].q->set[SW_S_lease_ms] < lease_ms)
			lease_ms = s->subs[i].q->set[SW_S_lease_ms];
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
		session_seen(rq->core, s);
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
	session_hunger(s);
}

void
op_bye(struct request *rq)
{
	struct core *c = rq->core;
	struct session *s = session_find(c->sessions, rq->peer);
	struct lease *l;
	struct record r;

	while (s != NULL && (l = s->leases) != NULL) {
		if (core_has_room(c) && job_load(c, &l->id, &r) == 0) {
			attempt_end(c, &r, &attempt_release);
			continue;
		}
		l->released = 1; /* leases_expire() ends it later */
		lease_extend(&c->leases, l, c->mono_ms);
		lease_move(&c->leases, l, NULL);
	}
	if (s != NULL) {
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
	if (s->listed || planted(DEAF_LIST))
		return 0;
	s->listed = 1;
	s->next_listed = c->listed;
	c->listed = s;
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

static void
miss(struct core *c, struct lease *l)
{
	l->missed = 1;
	lease_extend(&c->leases, l, c->mono_ms);
}

/* A list is over with its turn. */
static void
lists_forget(struct core *c)
{
	for (; c->listed != NULL; c->listed = c->listed->next_listed)
		c->listed->listed = 0;
}

void
leases_missed(struct core *c)
{
	struct lease *l, *tmp;

	if (c->listed == NULL)
		return;
	for (l = c->leases.orphans; l != NULL; l = l->next)
		if (is_missed(c, l))
			miss(c, l);
	if (planted(RASH_LIST))
		HASH_ITER(hh, c->leases.by_id, l, tmp)
	if (is_missed(c, l))
		miss(c, l);
	lists_forget(c);
}
