/* SPDX-License-Identifier: MIT */
#include "tests/lib/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct rows {
	struct rig *r;
	size_t wanted[256], there[256]; /* by the key's letter */
	size_t in_windows, met;		/* entries */
};

static void
want_row(struct rows *rows, struct key k)
{
	struct store *s = rows->r->store;
	struct bytes val;

	assert_int_equal(s->driver->get(s, 0, key_bytes(&k), &val), 0);
	rows->wanted[k.b[0]]++;
}

static int
holds_key(const struct record *rec)
{
	if (rec->state == SW_DEAD)
		return (rec->unique_also & SW_UNIQUE_DEAD) != 0;
	if (rec->state == SW_DONE)
		return (rec->unique_also & SW_UNIQUE_DONE) != 0;
	return rec->state != SW_CANCELLED;
}

static void
want_unique(struct rows *rows, const struct record *rec)
{
	struct key k = key_unique(rec->q->no, rec->unique);
	struct store *s = rows->r->store;
	struct bytes val;

	want_row(rows, k);
	assert_int_equal(s->driver->get(s, 0, key_bytes(&k), &val), 0);
	assert_memory_equal(val.p, rec->id.b, SW_ID_LEN);
}

static void
want_rows_of(struct rows *rows, const struct record *rec)
{
	int64_t at = -1; /* of the state's timer */
	int waits = rec->state == SW_DELAYED || rec->state == SW_READY;

	if (rec->state == SW_READY)
		want_row(rows,
			key_ready(rec->q->no, rec->lane, rec->rank, &rec->id));
	else if (rec->state == SW_LEASED)
		want_row(rows, key_id('l', &rec->id));
	else if (rec->state == SW_DEAD)
		want_row(rows, key_dead(rec->q->no, (uint64_t)rec->ended_at_ms,
				       &rec->id));
	else
		at = rec->state == SW_DELAYED ? rec->run_at_ms
					      : rec->keep_until_ms;
	if (at >= 0)
		want_row(rows, key_timer((uint64_t)at, &rec->id));
	if (waits && rec->expires_at_ms != 0 && rec->expires_at_ms != at)
		want_row(rows,
			key_timer((uint64_t)rec->expires_at_ms, &rec->id));
	if (rec->unique.len > 0 && holds_key(rec))
		want_unique(rows, rec);
}

static int
job_each(void *arg, struct bytes key, struct bytes val)
{
	struct rows *rows = arg;
	struct core *c = rows->r->core;
	struct record rec;
	struct sw_id id;

	memcpy(id.b, (const uint8_t *)key.p + 1, SW_ID_LEN);
	assert_int_equal(record_open(val, &id, &rec), 0);
	HASH_FIND(hh, c->queues_by_name, rec.it.f[SW_F_QUEUE].p,
		rec.it.f[SW_F_QUEUE].len, rec.q);
	assert_non_null(rec.q);
	if (lease_find(&c->leases, &id) != NULL)
		rec.state = SW_LEASED;
	want_rows_of(rows, &rec);
	return 0;
}

static int
is_in_window(const struct window *w, const struct entry *e)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (memcmp(&w->e[w->head + i], e, sizeof(*e)) == 0)
			return 1;
	return 0;
}

static int
entry_after(const struct entry *a, const struct entry *b)
{
	if (a->at != b->at)
		return a->at > b->at;
	return memcmp(a->id.b, b->id.b, SW_ID_LEN) > 0;
}

/* A row of the index is in its window unless it is beyond the mark. */
static void
meet(struct rows *rows, const struct window *w, struct bytes key, size_t at)
{
	const uint8_t *p = key.p;
	struct entry e = {.at = be_get(p + at, 8)};
	int beyond;

	memcpy(e.id.b, p + at + 8, SW_ID_LEN);
	beyond = !w->whole && entry_after(&e, &w->mark);
	assert_int_equal(is_in_window(w, &e), !beyond);
	rows->met += !beyond;
}

static int
row_each(void *arg, struct bytes key, struct bytes val)
{
	struct rows *rows = arg;
	struct core *c = rows->r->core;
	const uint8_t *p = key.p;

	(void)val;
	rows->there[p[0]]++;
	if (p[0] == 't') {
		meet(rows, &c->timers, key, 1);
	} else if (p[0] == 'r') {
		const struct queue *q = c->queues[be_get(p + 1, 4)];
		uint64_t hash = be_get(p + 5, 8);
		unsigned i = 0;

		while (i < q->lanes_n && q->lanes[i]->hash != hash)
			i++;
		if (i < q->lanes_n)
			meet(rows, &q->lanes[i]->w, key, 13);
		else
			assert_true(hash < q->lo || hash > q->hi);
	}
	return 0;
}

void
rig_check_rows(struct rig *r)
{
	struct rows rows = {.r = r};
	const struct core *c = r->core;
	struct key from = key_start('j'), to = key_after(from);

	if (c->batch.n > 0)
		return; /* the index is the store and the batch together */
	assert_int_equal(r->store->driver->scan(r->store, 0, key_bytes(&from),
				 key_bytes(&to), SIZE_MAX, job_each, &rows),
		0);
	assert_int_equal(r->store->driver->scan(r->store, 0, bytes_of("", 0),
				 bytes_of("", 0), SIZE_MAX, row_each, &rows),
		0);
	for (const char *letter = "rtlxu"; *letter != '\0'; letter++)
		assert_int_equal(rows.wanted[(uint8_t)*letter],
			rows.there[(uint8_t)*letter]);
	rows.in_windows = c->timers.n;
	for (unsigned i = 0; i < c->queues_n; i++)
		for (unsigned l = 0; l < c->queues[i]->lanes_n; l++)
			rows.in_windows += c->queues[i]->lanes[l]->w.n;
	assert_int_equal(rows.met, rows.in_windows);
}

struct tally {
	int64_t count[64][SW_STATES];
	int64_t bytes[64];
	struct rig *r;
};

static int
tally_each(void *arg, struct bytes key, struct bytes val)
{
	struct tally *t = arg;
	struct record rec;
	struct sw_id id;
	struct queue *q;

	memcpy(id.b, (const uint8_t *)key.p + 1, SW_ID_LEN);
	assert_int_equal(record_open(val, &id, &rec), 0);
	HASH_FIND(hh, t->r->core->queues_by_name, rec.it.f[SW_F_QUEUE].p,
		rec.it.f[SW_F_QUEUE].len, q);
	assert_non_null(q);
	if (lease_find(&t->r->core->leases, &id) != NULL)
		rec.state = SW_LEASED;
	t->count[q->no][rec.state]++;
	t->bytes[q->no] += rec.body_len;
	return 0;
}

void
rig_check_counters(struct rig *r)
{
	struct tally *t = calloc(1, sizeof(*t));
	struct key from = key_start('j'), to = key_after(from);

	assert_non_null(t);
	t->r = r;
	assert_int_equal(r->store->driver->scan(r->store, 0, key_bytes(&from),
				 key_bytes(&to), SIZE_MAX, tally_each, t),
		0);
	for (unsigned i = 0; i < r->core->queues_n && i < 64; i++) {
		struct queue *q = r->core->queues[i];

		if (q == NULL)
			continue;
		for (int s = SW_DELAYED; s < SW_STATES; s++)
			assert_int_equal(q->count[s], t->count[i][s]);
		assert_int_equal(q->total[TOTAL_BYTES], t->bytes[i]);
	}
	free(t);
}
