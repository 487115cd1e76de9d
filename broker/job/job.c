/* SPDX-License-Identifier: MIT */
#include "broker/job/job.h"

#include "base/error.h"
#include "base/must.h"
#include "base/plant.h"
#include "broker/model/index.h"

static const struct bytes empty_value = {"", 0};

int
row_get(struct core *c, struct bytes key, struct bytes *val)
{
	enum batch_found found = batch_get(&c->batch, key, val);
	int err;

	if (found != BATCH_UNKNOWN)
		return found == BATCH_PUT ? 0 : SW_ENOJOB;
	err = c->store->driver->get(c->store, c->claim.shard, key, val);
	if (err == 0)
		c->read += val->len;
	if (err < 0 && err != SW_ENOJOB)
		c->err = err;
	return err;
}

int
job_load(struct core *c, const struct sw_id *id, struct record *r)
{
	struct key k = key_id('j', id);
	struct bytes val;
	int err = row_get(c, key_bytes(&k), &val);

	if (err == 0)
		err = record_open(val, id, r);
	if (err < 0)
		return err;
	r->q = core_queue_find(c, sw_bytes(&r->it, SW_F_QUEUE));
	if (r->q == NULL)
		return SW_ECORRUPT;
	r->lease = lease_find(&c->leases, id);
	if (r->lease != NULL)
		r->state = SW_LEASED;
	return 0;
}

/* --- index rows --------------------------------------------------------- */

/* The key of a ready row ends in a number and the id: the entry of a window. */
static void
row_in_memory_add(struct core *c, const struct record *r, const struct key *k)
{
	enum timer_kind kind = timer_kind_of((char)k->b[0]);

	if (kind != TIMER_KINDS)
		timer_lower(core_timers(c, kind), &r->q->timers[kind],
			queue_row_due_ms(r->q, kind, be_get(k->b + 5, 8)));
	else if (k->b[0] == 'r' &&
		 (!planted(DEAF_WINDOW) || r->priority < SW_PRIORITY_MAX))
		lanes_add(&r->q->lanes, be_get(k->b + 5, 8),
			be_get(k->b + 13, 8), &r->id);
}

static void
row_add(struct core *c, const struct record *r, const struct key *k,
	enum index_slot slot)
{
	if (slot == INDEX_UNIQUE) {
		batch_put(
			&c->batch, key_bytes(k), bytes_of(r->id.b, SW_ID_LEN));
		return;
	}
	batch_insert(&c->batch, key_bytes(k), empty_value);
	row_in_memory_add(c, r, k);
}

static void
row_remove(struct core *c, struct queue *q, const struct record *r,
	const struct key *k)
{
	batch_delete(&c->batch, key_bytes(k));
	if (k->b[0] == 'r' &&
		lanes_remove(&q->lanes, be_get(k->b + 5, 8),
			be_get(k->b + 13, 8), &r->id) &&
		q->workers > 0)
		queue_list(q, QUEUE_LOW);
}

static int
key_same(const struct key *a, const struct key *b)
{
	return a->len == b->len && memcmp(a->b, b->b, a->len) == 0;
}

/* `was` are rows of queue `from`, `is` of r->q.  Rows that both have are not
 * touched. */
static void
index_rows_update(struct core *c, const struct record *r, struct queue *from,
	const struct index *was, const struct index *is)
{
	for (int i = 0; i < INDEX_ROWS; i++)
		if (was->row[i].len > 0 && !key_same(&was->row[i], &is->row[i]))
			row_remove(c, from, r, &was->row[i]);
	for (int i = 0; i < INDEX_ROWS; i++)
		if (is->row[i].len > 0 && !key_same(&was->row[i], &is->row[i]))
			row_add(c, r, &is->row[i], (enum index_slot)i);
}

int
unique_taken(struct core *c, const struct record *r)
{
	struct index x;
	struct key k;
	struct bytes val;

	index_of(r, r->state, &x);
	if (r->unique.len == 0 || x.row[INDEX_UNIQUE].len > 0)
		return 0;
	k = key_unique(r->q->no, r->unique);
	return row_get(c, key_bytes(&k), &val) == 0;
}

/* --- moving ------------------------------------------------------------- */

static int
counts_bytes(enum sw_state s)
{
	return index_is_pending(s) || s == SW_DEAD;
}

static void
counters_move(struct queue *from, enum sw_state was, const struct record *r)
{
	struct queue *to = r->q;

	if (was != SW_NONE && (from == to || !planted(MOVE_TWICE)))
		from->count[was]--;
	to->count[r->state]++;
	from->total[TOTAL_BYTES] -= counts_bytes(was) * r->body_len;
	to->total[TOTAL_BYTES] += counts_bytes(r->state) * r->body_len;
	to->total[TOTAL_PUT] += was == SW_NONE || from != to;
	to->total[TOTAL_DONE] += r->state == SW_DONE;
	to->total[TOTAL_DEAD] += r->state == SW_DEAD && was != SW_DEAD;
	queue_touch(from);
	queue_touch(to);
}

/* Fields that the record of a job in state `s` no longer needs. */
static uint64_t
dropped_fields(enum sw_state s)
{
	static const uint64_t done = SW_BIT(SW_F_BODY) | SW_BIT(SW_F_HEADER) |
				     SW_BIT(SW_F_CONTENT_TYPE) |
				     SW_BIT(SW_F_FAIR) |
				     SW_BIT(SW_F_TIMEOUT_MS) |
				     SW_BIT(SW_F_EXPIRES_AT_MS);

	return s == SW_DONE || s == SW_CANCELLED ? done : 0;
}

/* Writes the record, then opens what was written, so that r's pointers are to
 * the batch. */
static void
record_write(struct core *c, struct record *r, int fresh, struct bytes event)
{
	struct key k = key_id('j', &r->id);
	struct queue *q = r->q;
	struct bytes val = record_seal(
		&c->batch.arena, r, dropped_fields(r->state), event);

	batch_put_taken(&c->batch, key_bytes(&k), val, fresh);
	must(record_open(val, &r->id, r) == 0);
	r->q = q;
}

static void
lease_end(struct core *c, struct record *r)
{
	struct key k = key_id('l', &r->id);

	batch_delete(&c->batch, key_bytes(&k));
	lease_drop(&c->leases, r->lease);
	r->lease = NULL;
}

/* Removes the record, and the rows that the job has. */
static void
record_forget(struct core *c, struct record *r, const struct index *rows)
{
	struct key k = key_id('j', &r->id);
	struct index none;

	must(r->lease == NULL);
	index_of(r, SW_NONE, &none);
	index_rows_update(c, r, r->q, rows, &none);
	batch_delete(&c->batch, key_bytes(&k));
	if (r->cause == SW_C_CORRUPT) {
		k = key_id('c', &r->id);
		batch_delete(&c->batch, key_bytes(&k));
	}
	waits_answer(c, r, SW_ENOJOB);
	if (index_is_pending(r->state) || r->state == SW_DEAD)
		r->q->total[TOTAL_BYTES] -= r->body_len;
	r->q->count[r->state] -= !planted(COUNTER_DRIFT);
	queue_touch(r->q);
}

void
job_move(struct core *c, struct record *r, enum life_event how,
	struct bytes event)
{
	job_move_to(c, r, how, r->q, event);
}

static void
queue_change(struct record *r, struct queue *to)
{
	r->q = to;
	r->queue = bytes_str(to->name);
	if (r->due_ms != 0)
		r->rank = record_rank(r);
}

/* A job without a retention gets no rows: they would be due at once. */
void
job_move_to(struct core *c, struct record *r, enum life_event how,
	struct queue *to, struct bytes event)
{
	enum sw_state was = r->state, is = life_next(was, how);
	struct queue *from = r->q;
	struct index before, after;
	int gone;

	must(is != SW_NONE && is != SW_LEASED);
	index_of(r, was, &before);
	if (r->lease != NULL)
		lease_end(c, r);
	r->state = is;
	if (to != from)
		queue_change(r, to);
	counters_move(from, was, r);
	if (is != SW_DONE && is != SW_DEAD && is != SW_CANCELLED)
		r->ended_at_ms = 0;
	else if (was != is)
		r->ended_at_ms = c->now_ms;
	if (is == SW_DONE || is == SW_CANCELLED)
		r->keep_until_ms = c->now_ms + r->q->set[SW_S_retain_done_ms];
	gone = dropped_fields(is) != 0 && r->keep_until_ms <= c->now_ms;
	record_write(c, r, was == SW_NONE, event);
	index_of(r, gone ? SW_NONE : is, &after);
	index_rows_update(c, r, from, &before, &after);
	if (r->ended_at_ms != 0)
		waits_answer(c, r, 0);
	if (gone)
		record_forget(c, r, &after);
}

void
job_due_set(struct core *c, struct record *r, int64_t due_ms)
{
	struct index before, after;

	index_of(r, r->state, &before);
	record_due_set(r, due_ms);
	r->rank = record_rank(r);
	index_of(r, r->state, &after);
	index_rows_update(c, r, r->q, &before, &after);
}

void
job_forget(struct core *c, struct record *r)
{
	struct index rows;

	index_of(r, r->state, &rows);
	record_forget(c, r, &rows);
}

void
record_put_dead(struct core *c, struct record *r, struct bytes event)
{
	struct index before, after;

	counters_move(r->q, SW_NONE, r);
	r->q->total[TOTAL_PUT]--;
	record_write(c, r, 0, event);
	index_of(r, SW_NONE, &before);
	index_of(r, SW_DEAD, &after);
	index_rows_update(c, r, r->q, &before, &after);
	waits_answer(c, r, 0);
}

void
ready_row_add(struct core *c, const struct record *r)
{
	struct key k = key_ready(r->q->no, r->lane, r->rank, &r->id);

	batch_put(&c->batch, key_bytes(&k), empty_value);
	lanes_add(&r->q->lanes, r->lane, r->rank, &r->id);
}

void
expiry_row_remove(struct core *c, const struct record *r)
{
	struct index x;

	index_of(r, SW_READY, &x);
	if (x.row[INDEX_EXPIRY].len > 0)
		row_remove(c, r->q, r, &x.row[INDEX_EXPIRY]);
}
