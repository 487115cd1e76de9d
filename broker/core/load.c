/* SPDX-License-Identifier: MIT */
#include "broker/core/load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/must.h"
#include "base/plant.h"
#include "broker/core/attempt.h"
#include "broker/core/due.h"
#include "broker/job/job.h"
#include "broker/job/lease.h"
#include "broker/model/index.h"
#include "broker/time/stamp.h"

enum { KEY_MOST = sizeof(((struct key *)NULL)->b) - 1 };

struct core_loader {
	struct core *core;
	struct sw_id ids[PAGE_LOOK];
	size_t n, seen;
	struct key last;
	int err;
};

/*
 * Skips invalid queue rows; core_init() then refuses to start, for without its
 * settings a queue that was paused would run.
 */
static int
load_queue(void *arg, struct bytes key, struct bytes val)
{
	struct core_loader *ld = arg;
	struct core *c = ld->core;
	uint32_t no = SW_QUEUES_MAX;
	struct queue *q;

	if (key.len == 5)
		no = (uint32_t)be_get((const uint8_t *)key.p + 1, 4);
	q = queue_new(&c->lists, "", no);
	if (q == NULL) {
		ld->err = -ENOMEM;
		return 1;
	}
	if (no >= SW_QUEUES_MAX || core_queue_of(c, no) != NULL ||
		queue_decode(q, val) < 0 ||
		core_queue_find(c, bytes_str(q->name)) != NULL) {
		core_damage(c, "the row of queue number %u", no);
		c->queues_lost++;
		queue_free(q);
		return 0;
	}
	q->stored = 1;
	q->tokens_at_ms = c->mono_ms;
	q->count[SW_LEASED] = 0; /* lease_restore() counts */
	core_queue_add(c, q);
	return 0;
}

static int
load_id(void *arg, struct bytes key, struct bytes val)
{
	struct core_loader *ld = arg;

	(void)val;
	if (key.len == 1 + SW_ID_LEN)
		memcpy(ld->ids[ld->n++].b, (const uint8_t *)key.p + 1,
			SW_ID_LEN);
	else
		core_damage(ld->core, "the key of a lease");
	ld->seen++;
	memcpy(ld->last.b, key.p, key.len < KEY_MOST ? key.len : KEY_MOST);
	ld->last.len = key.len < KEY_MOST ? key.len : KEY_MOST;
	return 0;
}

static void
lease_row_apply(struct core *c, struct lease *l, const struct lease_row *row)
{
	l->since_ms = sw_int(&row->it, SW_F_AT_MS, c->now_ms);
	if (l->since_ms < 0 || l->since_ms > c->now_ms)
		l->since_ms = c->now_ms;
	sw_get_text(&row->it, SW_F_WORKER, l->worker, sizeof(l->worker));
	(void)sw_get_id(&row->it, &l->worker_id);
	l->cancel = sw_has(&row->it, SW_F_CAUSE) && !planted(LOST_CANCEL);
	lease_extend(&c->leases, l,
		c->mono_ms +
			(planted(SHORT_REARM) ? 1 : l->q->set[SW_S_lease_ms]));
	l->q->count[SW_LEASED]++;
}

/*
 * Restores a lease with a full term; the holder of its token may extend it.
 * If the lease's row is corrupt its token is lost: the lease gets a token that
 * no worker has, expires, and the job is tried again.  If the job's record is
 * corrupt or missing, the lease's row names the queue, and the job is buried
 * when the lease expires.  If both are corrupt the lease is skipped.
 */
static int
lease_restore(struct core *c, const struct sw_id *id)
{
	struct key k = key_id('l', id);
	struct lease_row row;
	char text[SW_ID_TEXT];
	struct record r;
	struct bytes val;
	struct lease *l;
	int err = job_load(c, id, &r), sound;

	if (err < 0 && !job_is_lost(err))
		return err;
	if (err < 0)
		r.q = NULL;
	err = c->store->driver->get(
		c->store, c->claim.shard, key_bytes(&k), &val);
	if (err < 0) /* a scan shows a key that is out of order, a get not */
		return err == SW_ENOJOB ? 0 : err;
	sound = lease_row_read(c, val, &row) == 0;
	sw_id_format(id, text);
	if (!sound)
		core_damage(c, "the lease of job %s", text);
	if (r.q == NULL)
		r.q = row.q;
	if (r.q == NULL)
		return 0;
	l = lease_new(&c->leases, id);
	if (l == NULL)
		return SW_EBUSY;
	l->q = r.q;
	l->token = sound ? (uint64_t)sw_int(&row.it, SW_F_TOKEN, 0)
			 : c->next_token++;
	lease_row_apply(c, l, &row);
	return 0;
}

static int
load_leases(struct core *c, struct core_loader *ld)
{
	struct key from = key_start('l'), to = key_after(from);
	int err;

	do {
		ld->n = ld->seen = 0;
		err = c->store->driver->scan(c->store, c->claim.shard,
			key_bytes(&from), key_bytes(&to), PAGE_LOOK, load_id,
			ld);
		for (size_t i = 0; err == 0 && i < ld->n; i++)
			err = lease_restore(c, &ld->ids[i]);
		from = ld->last;
		from.b[from.len++] = 0;
	} while (err == 0 && ld->seen == PAGE_LOOK);
	return err;
}

int
core_load(struct core *c)
{
	struct core_loader *ld = calloc(1, sizeof(*ld));
	struct key from = key_start('q'), to = key_after(from);
	int err;

	if (ld == NULL)
		return -ENOMEM;
	ld->core = c;
	err = c->store->driver->scan(c->store, c->claim.shard, key_bytes(&from),
		key_bytes(&to), SIZE_MAX, load_queue, ld);
	if (err == 0)
		err = ld->err;
	if (err == 0)
		err = load_leases(c, ld);
	if (err == 0)
		err = due_load(c);
	for (unsigned i = 0; err == 0 && i < c->queues_n; i++)
		if (c->queues[i] != NULL)
			core_queue_release(c, c->queues[i]);
	free(ld);
	return err;
}

/* 1 and 2 differ in the journal alone. */
enum {
	OLD_FORMAT = 2,
	TIMER_LEN = 1 + 8 + SW_ID_LEN,
	READY_LEN = KEY_PLACE_MAX,
};

/* --- which format --------------------------------------------------------- */

static int
found_each(void *arg, struct bytes key, struct bytes val)
{
	(void)key;
	(void)val;
	*(int *)arg = 1;
	return 1;
}

/* Rows from `from` on, of any letter or up to `to`, are of an older format. */
static int
look_for_rows(struct core *c, struct bytes from, struct bytes to)
{
	int found = 0;
	int err = c->store->driver->scan(
		c->store, c->claim.shard, from, to, 1, found_each, &found);

	c->format = found ? OLD_FORMAT : STORE_FORMAT;
	return err;
}

int
convert_look(struct core *c, struct stamp *stamp)
{
	struct key k = key_start('a'), t = key_start('t'), u = key_after(t);
	struct bytes val;
	int err = c->store->driver->get(
		c->store, c->claim.shard, key_bytes(&k), &val);

	*stamp = (struct stamp){0};
	if (err == SW_ENOJOB)
		return look_for_rows(c, bytes_of("", 0), bytes_of("", 0));
	if (err < 0)
		return err;
	if (stamp_decode(stamp, val) < 0) {
		*stamp = (struct stamp){0};
		core_damage(c, "the row of the store's format");
		return look_for_rows(c, key_bytes(&t), key_bytes(&u));
	}
	c->format = stamp->format;
	if (c->format <= STORE_FORMAT)
		return 0;
	(void)snprintf(c->store->why, sizeof(c->store->why),
		"the rows have format %" PRIu64
		" of a newer version; this version reads up to %d",
		c->format, STORE_FORMAT);
	return SW_EFORMAT;
}

/* --- rows ----------------------------------------------------------------- */

typedef void convert_fn(struct core *, const struct key *);

struct convert_page {
	struct key *keys;
	size_t n, most;
};

static int
page_each(void *arg, struct bytes key, struct bytes val)
{
	struct convert_page *p = arg;
	struct key *k = &p->keys[p->n++];

	(void)val;
	k->len = 0;
	key_raw(k, key.p, key.len < sizeof(k->b) ? key.len : sizeof(k->b));
	return 0;
}

/* The record is corrupt: its job dies as corrupt when the time of the row comes
 * (job_bury_from_timer), or a repair finds the record. */
static void
corrupt_convert(struct core *c, const struct sw_id *id, uint64_t at_ms)
{
	enum sw_state was;
	struct queue *q;
	struct key k;

	if (corrupt_peek(c, id, &q, &was) < 0)
		return;
	k = key_timed(was == SW_DELAYED ? 'w'
		      : was == SW_DONE	? 'k'
					: 'n',
		q->no, at_ms, id);
	batch_put(&c->batch, key_bytes(&k), bytes_of("", 0));
}

static void
index_put(struct core *c, const struct record *r)
{
	struct index x;

	index_of(r, r->state, &x);
	for (int i = 0; i < INDEX_UNIQUE; i++)
		if (x.row[i].len > 0)
			batch_put(&c->batch, key_bytes(&x.row[i]),
				bytes_of("", 0));
}

static void
timer_convert(struct core *c, const struct key *t)
{
	struct record r;
	struct sw_id id;
	int err;

	batch_delete(&c->batch, key_bytes(t));
	if (t->len != TIMER_LEN) {
		core_damage(c, "the key of a timer");
		return;
	}
	memcpy(id.b, t->b + 1 + 8, SW_ID_LEN);
	err = job_load(c, &id, &r);
	if (err == 0)
		index_put(c, &r);
	else if (err == SW_ECORRUPT)
		corrupt_convert(c, &id, be_get(t->b + 1, 8));
	c->converted++;
}

/*
 * Puts a ready job into its lane.  Rows that are right already stay, so the
 * rows of an earlier, cut conversion do no harm.  A row whose job is not ready,
 * or has a corrupt record, is left to the hand-out, which drops the row.
 */
static void
ready_convert(struct core *c, const struct key *k)
{
	struct index x;
	struct record r;
	struct sw_id id;

	if (k->len != READY_LEN)
		return;
	memcpy(id.b, k->b + READY_LEN - SW_ID_LEN, SW_ID_LEN);
	if (job_load(c, &id, &r) < 0 || r.state != SW_READY)
		return;
	index_of(&r, SW_READY, &x);
	if (bytes_eq(key_bytes(k), key_bytes(&x.row[INDEX_PLACE])))
		return;
	batch_delete(&c->batch, key_bytes(k));
	batch_put(&c->batch, key_bytes(&x.row[INDEX_PLACE]), bytes_of("", 0));
	c->converted++;
}

/* --- commits -------------------------------------------------------------- */

static void
commit_done(void *arg, int err)
{
	*(int *)arg = err;
}

static int
batch_commit(struct core *c)
{
	int result = 0, err = 0;

	batch_close(&c->batch);
	if (c->batch.n > 0)
		err = c->store->driver->commit(c->store, &c->claim,
			c->batch.ops, c->batch.n, commit_done, &result);
	batch_reset(&c->batch);
	return err < 0 ? err : result;
}

/* The first key behind `k`, or behind all that begin as one that was cut. */
static struct key
key_behind(const struct key *k)
{
	struct key next = *k;

	if (k->len == sizeof(k->b))
		return key_after(*k);
	next.b[next.len++] = 0;
	return next;
}

static int
letter_convert(
	struct core *c, struct convert_page *p, char letter, convert_fn *each)
{
	struct key from = key_start(letter), to = key_after(from);
	int err;

	do {
		p->n = 0;
		err = c->store->driver->scan(c->store, c->claim.shard,
			key_bytes(&from), key_bytes(&to), p->most, page_each,
			p);
		for (size_t i = 0; err == 0 && i < p->n; i++) {
			each(c, &p->keys[i]);
			err = c->err;
		}
		if (err == 0)
			err = batch_commit(c);
		if (p->n > 0)
			from = key_behind(&p->keys[p->n - 1]);
	} while (err == 0 && p->n == p->most);
	return err;
}

/* The queues' counters tell how many rows there are at most. */
static uint64_t
bytes_needed(const struct core *c)
{
	uint64_t rows = 0;

	for (unsigned i = 0; i < c->queues_n; i++) {
		const struct queue *q = c->queues[i];

		for (int s = SW_DELAYED; q != NULL && s < SW_STATES; s++)
			if (s != SW_DEAD && q->count[s] > 0)
				rows += (uint64_t)q->count[s];
	}
	return rows * CONVERT_ROW_BYTES + CONVERT_MORE_BYTES;
}

static int
room_check(struct core *c)
{
	uint64_t needed = bytes_needed(c), room = 0;
	int err = c->store->driver->room(c->store, &room);

	if (err < 0 || room >= needed)
		return err;
	(void)snprintf(c->store->why, sizeof(c->store->why),
		"the conversion from format %d to %d may take %" PRIu64
		" MB, and the store has room for %" PRIu64
		": free disk space, or raise --map-size",
		OLD_FORMAT, STORE_FORMAT, (needed >> 20) + 1, room >> 20);
	return SW_EFULL;
}

int
convert_run(struct core *c, size_t page)
{
	struct convert_page p = {.most = page};
	int err = 0;

	if (c->format >= STORE_FORMAT)
		return 0;
	must(page > 0 && page <= CONVERT_PAGE);
	p.keys = calloc(page, sizeof(*p.keys));
	if (p.keys == NULL)
		err = -ENOMEM;
	if (err == 0)
		err = room_check(c);
	if (err == 0)
		err = letter_convert(c, &p, 'r', ready_convert);
	if (err == 0)
		err = letter_convert(c, &p, 't', timer_convert);
	free(p.keys);
	if (err == 0) {
		stamp_put(c);
		err = batch_commit(c);
	}
	if (err == 0)
		c->format = STORE_FORMAT;
	return err;
}
