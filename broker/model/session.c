/* SPDX-License-Identifier: MIT */
#include "broker/model/session.h"

#include <errno.h>
#include <stdlib.h>

#include "base/must.h"

int
lease_table_init(struct lease_table *t)
{
	*t = (struct lease_table){.earliest_ms = INT64_MAX};
	t->all = calloc(LEASES_MAX, sizeof(*t->all));
	return t->all == NULL ? -ENOMEM : 0;
}

void
lease_table_fini(struct lease_table *t)
{
	HASH_CLEAR(hh, t->by_id);
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
	HASH_ADD(hh, t->by_id, id.b, SW_ID_LEN, l);
	return l;
}

void
lease_drop(struct lease_table *t, struct lease *l)
{
	if (l->session != NULL)
		l->session->leased--;
	HASH_DEL(t->by_id, l);
	l->next_free = t->free;
	t->free = l;
}

void
lease_extend(struct lease_table *t, struct lease *l, int64_t deadline_ms)
{
	l->deadline_ms = deadline_ms;
	if (deadline_ms < t->earliest_ms)
		t->earliest_ms = deadline_ms;
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
