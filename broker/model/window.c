/* SPDX-License-Identifier: MIT */
#include "broker/model/window.h"

#include <string.h>

#include "base/error.h"
#include "base/must.h"
#include "base/plant.h"

void
window_init(struct window *w, struct entry *e, uint32_t cap)
{
	*w = (struct window){.e = e, .cap = cap};
}

static int
entry_cmp(const struct entry *a, const struct entry *b)
{
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return memcmp(a->id.b, b->id.b, SW_ID_LEN);
}

/* The position of `e`, or where it would be inserted, counted from head. */
static uint32_t
place_of(const struct window *w, const struct entry *e)
{
	const struct entry *first = w->e + w->head;
	uint32_t lo = 0, hi = w->n;

	if (w->n > 0 && entry_cmp(&first[w->n - 1], e) < 0)
		return w->n; /* the usual case: new jobs come last */
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (entry_cmp(&first[mid], e) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Moves the entries to the front when they have reached the end. */
static void
make_room(struct window *w)
{
	if (w->head + w->n == w->cap) {
		memmove(w->e, w->e + w->head, w->n * sizeof(*w->e));
		w->head = 0;
	}
}

void
window_add(struct window *w, uint64_t at, const struct sw_id *id)
{
	struct entry e = {at, *id};
	uint32_t i;

	if (!w->whole && entry_cmp(&e, &w->mark) > 0)
		return;
	i = place_of(w, &e);
	if (i < w->n && entry_cmp(&w->e[w->head + i], &e) == 0)
		return; /* an index has each key once */
	if (w->n == w->cap) {
		w->whole = planted(LOST_MARK);
		if (i == w->n) {
			w->mark = w->e[w->head + w->n - 1];
			return;
		}
		w->n--; /* the last entry is beyond the new mark */
	}
	make_room(w);
	memmove(w->e + w->head + i + 1, w->e + w->head + i,
		(w->n - i) * sizeof(e));
	w->e[w->head + i] = e;
	w->n++;
	if (w->n == w->cap && !w->whole)
		w->mark = w->e[w->head + w->n - 1];
}

void
window_remove(struct window *w, uint64_t at, const struct sw_id *id)
{
	struct entry e = {at, *id};
	uint32_t i = place_of(w, &e);

	if (i == w->n || entry_cmp(&w->e[w->head + i], &e) != 0)
		return;
	if (i == 0) {
		window_pop(w);
		return;
	}
	w->n--;
	memmove(w->e + w->head + i, w->e + w->head + i + 1,
		(w->n - i) * sizeof(e));
}

void
window_pop(struct window *w)
{
	must(w->n > 0);
	w->n--;
	w->head = w->n == 0 ? 0 : w->head + 1;
}

struct refill_scan {
	struct window *w;
	size_t prefix_len;
	int err;
};

static int
refill_each(void *arg, struct bytes key, struct bytes val)
{
	struct refill_scan *r = arg;
	const uint8_t *tail = (const uint8_t *)key.p + r->prefix_len;
	struct entry *e = &r->w->e[r->w->head + r->w->n];

	(void)val;
	if (key.len != r->prefix_len + 8 + SW_ID_LEN) {
		r->err = SW_ECORRUPT;
		return 1;
	}
	r->w->n++;
	e->at = be_get(tail, 8);
	memcpy(e->id.b, tail + 8, SW_ID_LEN);
	r->w->mark = *e;
	return 0;
}

int
window_refill(struct window *w, struct store *s, uint32_t shard,
	const struct key *prefix)
{
	struct refill_scan r = {w, prefix->len, 0};
	struct key from = *prefix, to = key_after(*prefix);
	uint32_t had = w->n, room;
	int err;

	memmove(w->e, w->e + w->head, w->n * sizeof(*w->e));
	w->head = 0;
	room = w->cap - w->n;
	key_num(&from, 8, w->mark.at);
	key_raw(&from, w->mark.id.b, SW_ID_LEN);
	from.b[from.len++] = 0; /* the first key behind the mark */
	err = s->driver->scan(s, shard, key_bytes(&from), key_bytes(&to), room,
		refill_each, &r);
	if (err == 0)
		err = r.err;
	if (err < 0)
		return err;
	w->whole = w->n - had < room;
	return 0;
}
