/* SPDX-License-Identifier: MIT */
#include "broker/time/due.h"

#include <stdlib.h>

#include "base/must.h"

enum { CAP_FIRST = 16 };

void
due_fini(struct due_heap *h)
{
	free(h->all);
	*h = (struct due_heap){0};
}

static int
is_before(const struct due *a, const struct due *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void
put_at(struct due_heap *h, uint32_t i, struct due *d)
{
	h->all[i] = d;
	d->place = i + 1;
}

/* Moves the thing at `i` to where it belongs. */
static void
settle(struct due_heap *h, uint32_t i)
{
	struct due *d = h->all[i];

	for (; i > 0 && is_before(d, h->all[(i - 1) / 2]); i = (i - 1) / 2)
		put_at(h, i, h->all[(i - 1) / 2]);
	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child + 1 < h->n &&
			is_before(h->all[child + 1], h->all[child]))
			child++;
		if (child >= h->n || !is_before(h->all[child], d))
			break;
		put_at(h, i, h->all[child]);
		i = child;
	}
	put_at(h, i, d);
}

static void
grow(struct due_heap *h)
{
	h->cap = h->cap > 0 ? h->cap * 2 : CAP_FIRST;
	h->all = realloc(h->all, h->cap * sizeof(struct due *));
	must_have(h->all);
}

void
due_set(struct due_heap *h, struct due *d, int64_t at)
{
	d->at = at;
	d->order = h->orders++;
	if (d->place == 0) {
		if (h->n == h->cap)
			grow(h);
		put_at(h, h->n++, d);
	}
	settle(h, d->place - 1);
}

void
due_drop(struct due_heap *h, struct due *d)
{
	uint32_t i = d->place - 1;

	if (d->place == 0)
		return;
	d->place = 0;
	if (i != --h->n) {
		put_at(h, i, h->all[h->n]);
		settle(h, i);
	}
}
