/* SPDX-License-Identifier: MIT */
#include "broker/core/load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/must.h"
#include "broker/core/attempt.h"
#include "broker/job/job.h"
#include "broker/model/index.h"
#include "broker/model/stamp.h"

/* 1 and 2 differ in the journal alone. */
enum { OLD_FORMAT = 2, TIMER_LEN = 1 + 8 + SW_ID_LEN };

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

struct convert_page {
	struct key *keys;
	size_t n;
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

static int
page_convert(struct core *c, struct convert_page *p, size_t most)
{
	struct key from = key_start('t'), to = key_after(from);
	int err;

	p->n = 0;
	err = c->store->driver->scan(c->store, c->claim.shard, key_bytes(&from),
		key_bytes(&to), most, page_each, p);
	for (size_t i = 0; err == 0 && i < p->n; i++) {
		timer_convert(c, &p->keys[i]);
		err = c->err;
	}
	return err < 0 ? err : batch_commit(c);
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
	struct convert_page p = {.n = page};
	int err = 0;

	if (c->format >= STORE_FORMAT)
		return 0;
	must(page > 0 && page <= CONVERT_PAGE);
	p.keys = calloc(page, sizeof(*p.keys));
	if (p.keys == NULL)
		err = -ENOMEM;
	if (err == 0)
		err = room_check(c);
	while (err == 0 && p.n == page)
		err = page_convert(c, &p, page);
	free(p.keys);
	if (err == 0) {
		stamp_put(c);
		err = batch_commit(c);
	}
	if (err == 0)
		c->format = STORE_FORMAT;
	return err;
}
