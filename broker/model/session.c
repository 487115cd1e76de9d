/* SPDX-License-Identifier: MIT */
#include "broker/model/session.h"

#include <errno.h>
#include <stdlib.h>

#include <utlist.h>

#include "base/must.h"

int
lease_table_init(struct lease_table *t)
{
	*t = (struct lease_table){0};
	t->all = calloc(LEASES_MAX, sizeof(*t->all));
	return t->all == NULL ? -ENOMEM : 0;
}

void
lease_table_fini(struct lease_table *t)
{
	HASH_CLEAR(hh, t->by_id);
	due_fini(&t->deadlines);
	free(t->all);
	*t = (struct lease_table){0};
}

struct lease *
lease_find(const struct lease_table *t, const struct sw_id *id)
{
	struct lease *l;

	HASH_FIND(hh, t->by_id, id->b, SW_ID_LEN, l);
	return l;
}

unsigned
lease_count(const struct lease_table *t)
{
	return HASH_COUNT(t->by_id);
}

struct lease *
lease_new(struct lease_table *t, const struct sw_id *id)
{
	struct lease *l = t->free;

	if (l != NULL)
		t->free = l->next_free;
	else if (t->used < LEASES_MAX)
		l = &t->all[t->used++];
	else
		return NULL;
	memset(l, 0, sizeof(*l));
	l->id = *id;
	l->progress = -1;
	DL_APPEND(t->orphans, l);
	HASH_ADD(hh, t->by_id, id.b, SW_ID_LEN, l);
	return l;
}

static struct lease **
list_of(struct lease_table *t, const struct lease *l)
{
	return l->session != NULL ? &l->session->leases : &t->orphans;
}

static void
lease_unlink(struct lease_table *t, struct lease *l)
{
	DL_DELETE(*list_of(t, l), l);
	if (l->session != NULL)
		l->session->leased--;
}

void
lease_move(struct lease_table *t, struct lease *l, struct session *s)
{
	if (l->session == s)
		return;
	lease_unlink(t, l);
	l->session = s;
	if (s != NULL)
		s->leased++;
	DL_APPEND(*list_of(t, l), l);
}

void
lease_drop(struct lease_table *t, struct lease *l)
{
	lease_unlink(t, l);
	due_drop(&t->deadlines, &l->deadline);
	HASH_DEL(t->by_id, l);
	l->next_free = t->free;
	t->free = l;
}

void
lease_extend(struct lease_table *t, struct lease *l, int64_t deadline_ms)
{
	due_set(&t->deadlines, &l->deadline, deadline_ms);
}

struct lease *
lease_expired(const struct lease_table *t, int64_t now_ms)
{
	struct due *d = due_now(&t->deadlines, now_ms);

	return d != NULL ? due_owner(d, struct lease, deadline) : NULL;
}

struct session *
session_find(struct session *all, const struct peer *p)
{
	struct session *s;

	HASH_FIND(hh, all, p, sizeof(*p), s);
	return s;
}

struct session *
session_of_worker(struct session *by_worker, const struct sw_id *id)
{
	struct session *s;

	HASH_FIND(hh_worker, by_worker, id, sizeof(*id), s);
	return s;
}

void
session_feed(struct session *s)
{
	for (unsigned i = 0; s->hungry && i < s->subs_n; i++)
		DL_DELETE(s->subs[i].q->hungry, &s->subs[i]);
	s->hungry = 0;
}

void
session_hunger(struct session *s)
{
	session_feed(s);
	if (s->credit <= s->sent)
		return;
	for (unsigned i = 0; i < s->subs_n; i++) {
		DL_APPEND(s->subs[i].q->hungry, &s->subs[i]);
		queue_wake(s->subs[i].q);
	}
	s->hungry = 1;
}

int64_t
queue_slots_free(const struct queue *q)
{
	int64_t n = 0;

	for (const struct subscription *s = q->hungry; s != NULL; s = s->next)
		n += s->session->credit - s->session->sent;
	return n;
}

struct queue *
session_next_queue(
	struct session *s, int (*ready)(void *arg, struct queue *), void *arg)
{
	struct subscription *best = NULL;
	int64_t sum = 0;

	for (unsigned i = 0; i < s->subs_n; i++) {
		struct subscription *sub = &s->subs[i];
		int64_t weight = sub->weight > 0 ? sub->weight
						 : sub->q->set[SW_S_weight];

		if (!ready(arg, sub->q))
			continue;
		sub->current += weight;
		sum += weight;
		if (best == NULL || sub->current > best->current)
			best = sub;
	}
	if (best == NULL)
		return NULL;
	best->current -= sum;
	return best->q;
}
