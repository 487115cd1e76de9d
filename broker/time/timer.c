/* SPDX-License-Identifier: MIT */
#include "broker/time/timer.h"

#include <stdlib.h>

#include "base/must.h"

static const char letters[TIMER_KINDS] = {
#define X(sym, letter) [sym] = letter,
	TIMER_MAP(X)
#undef X
};

char
timer_letter(enum timer_kind kind)
{
	return letters[kind];
}

enum timer_kind
timer_kind_of(char letter)
{
	int kind = 0;

	while (kind < TIMER_KINDS && letters[kind] != letter)
		kind++;
	return (enum timer_kind)kind;
}

void
timer_heap_fini(struct timer_heap *h)
{
	free(h->of_place);
	*h = (struct timer_heap){0};
}

static void
put_at(struct timer_heap *h, uint32_t place, struct timer *t)
{
	h->of_place[place] = t;
	t->place = place;
}

static void
move_up(struct timer_heap *h, struct timer *t)
{
	uint32_t at = t->place;

	for (; at > 1 && t->at_ms < h->of_place[at / 2]->at_ms; at /= 2)
		put_at(h, at, h->of_place[at / 2]);
	put_at(h, at, t);
}

static void
move_down(struct timer_heap *h, struct timer *t)
{
	uint32_t at = t->place, child;

	while ((child = 2 * at) <= h->n) {
		if (child < h->n && h->of_place[child + 1]->at_ms <
					    h->of_place[child]->at_ms)
			child++;
		if (t->at_ms <= h->of_place[child]->at_ms)
			break;
		put_at(h, at, h->of_place[child]);
		at = child;
	}
	put_at(h, at, t);
}

static void
heap_insert(struct timer_heap *h, struct timer *t)
{
	if (h->n + 1 >= h->cap) {
		h->cap = h->cap > 0 ? h->cap * 2 : 64;
		h->of_place = realloc(
			h->of_place, h->cap * sizeof(*h->of_place));
		must_have(h->of_place);
	}
	put_at(h, ++h->n, t);
	move_up(h, t);
}

static void
heap_remove(struct timer_heap *h, struct timer *t)
{
	struct timer *last = h->of_place[h->n--];

	if (last != t) {
		put_at(h, t->place, last);
		move_up(h, last);
		move_down(h, last);
	}
	t->place = 0;
}

void
timer_set(struct timer_heap *h, struct timer *t, uint64_t at_ms)
{
	t->at_ms = at_ms;
	if (at_ms == TIMER_NEVER && t->place != 0) {
		heap_remove(h, t);
	} else if (at_ms != TIMER_NEVER && t->place == 0) {
		heap_insert(h, t);
	} else if (at_ms != TIMER_NEVER) {
		move_up(h, t);
		move_down(h, t);
	}
}

void
timer_lower(struct timer_heap *h, struct timer *t, uint64_t at_ms)
{
	if (at_ms < t->at_ms)
		timer_set(h, t, at_ms);
}
