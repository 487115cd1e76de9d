/* SPDX-License-Identifier: MIT */
#include "broker/model/window.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/must.h"
#include "base/plant.h"

enum { CAP_FIRST = 4 };

void
window_init(struct window *w, uint32_t most)
{
	*w = (struct window){.most = most};
}

void
window_fini(struct window *w)
{
	free(w->e);
	*w = (struct window){0};
}

/* Makes room for `n` entries, at most `most`. */
static void
cap_reach(struct window *w, uint32_t n)
{
	uint32_t cap = w->cap > 0 ? w->cap : CAP_FIRST;

	if (n <= w->cap)
		return;
	while (cap < n)
		cap *= 2;
	w->cap = cap < w->most ? cap : w->most;
	w->e = realloc(w->e, w->cap * sizeof(*w->e));
	must_have(w->e);
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
	cap_reach(w, w->n + 1);
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
	if (w->n == w->most) {
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
	if (w->n == w->most && !w->whole)
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
	const struct key *prefix, uint32_t want)
{
	struct refill_scan r = {w, prefix->len, 0};
	struct key from = *prefix, to = key_after(*prefix);
	uint32_t had = w->n, room;
	int err;

	if (want > w->most)
		want = w->most;
	if (w->whole || w->n >= want)
		return 0;
	if (w->n > 0)
		memmove(w->e, w->e + w->head, w->n * sizeof(*w->e));
	w->head = 0;
	cap_reach(w, want);
	room = want - w->n;
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
