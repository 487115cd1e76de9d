/* SPDX-License-Identifier: MIT */
#include "visits.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "error.h"

enum { SLOTS_MIN = 64, BINS = 2048 };

static uint32_t *
slot_of(const struct visits *v, uint64_t visitor)
{
	size_t mask = v->n_slots - 1;

	/* The small hashes are kept: their low bits are as good as any. */
	for (size_t i = (size_t)visitor & mask;; i = (i + 1) & mask)
		if (v->slots[i] == 0 ||
			v->spans[v->slots[i] - 1].visitor == visitor)
			return &v->slots[i];
}

/* Makes the table anew, of so many slots, from the spans. */
static int
slots_make(struct visits *v, size_t n_slots)
{
	uint32_t *slots = calloc(n_slots, sizeof(*slots));

	if (slots == NULL)
		return -ENOMEM;
	free(v->slots);
	v->slots = slots;
	v->n_slots = n_slots;
	v->visitors = 0;
	for (size_t i = 0; i < v->n; i++) {
		uint32_t *slot = slot_of(v, v->spans[i].visitor);

		v->visitors += *slot == 0;
		v->spans[i].before = *slot;
		*slot = (uint32_t)i + 1;
	}
	return 0;
}

static int
by_visitor(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->visitor != y->visitor)
		return x->visitor < y->visitor ? -1 : 1;
	return (x->first_s > y->first_s) - (x->first_s < y->first_s);
}

/* How far to shift hashes so that they spread over the bins. */
static int
bins_shift(const struct visits *v)
{
	uint64_t all = BINS - 1;

	for (size_t i = 0; i < v->n; i++)
		all |= v->spans[i].visitor;
	return 64 - __builtin_clzll(all) - __builtin_ctz(BINS);
}

/*
 * Hashes are spread evenly: by their first bits most are in order, and what
 * shares a bin is a few.  Without memory for that it is a plain sort.
 */
static void
spans_sort(struct visits *v)
{
	struct span *sorted = reallocarray(NULL, v->cap, sizeof(*sorted));
	uint32_t at[BINS + 1] = {0};
	int shift = bins_shift(v);

	if (sorted == NULL) {
		qsort(v->spans, v->n, sizeof(*v->spans), by_visitor);
		return;
	}
	for (size_t i = 0; i < v->n; i++)
		at[(v->spans[i].visitor >> shift) + 1]++;
	for (size_t bin = 0; bin < BINS; bin++)
		at[bin + 1] += at[bin];
	/* Then at[bin] goes from where the bin begins to where it ends. */
	for (size_t i = 0; i < v->n; i++)
		sorted[at[v->spans[i].visitor >> shift]++] = v->spans[i];
	for (size_t bin = 0, from = 0; bin < BINS; from = at[bin++])
		if (at[bin] - from > 1)
			qsort(sorted + from, at[bin] - from, sizeof(*sorted),
				by_visitor);
	free(v->spans);
	v->spans = sorted;
}

void
visits_tidy(struct visits *v)
{
	struct span *to;
	size_t visitors = 0;

	if (v->n == 0)
		return;
	spans_sort(v);
	to = v->spans;
	for (size_t i = 0; i < v->n; i++) {
		struct span s = v->spans[i];
		int same = visitors > 0 && to[-1].visitor == s.visitor;

		if (same && s.first_s - to[-1].last_s <= VISITS_GAP_S) {
			if (s.last_s > to[-1].last_s)
				to[-1].last_s = s.last_s;
			continue;
		}
		if (!same && visitors == VISITS_MAX)
			break;
		visitors += !same;
		*to++ = s;
	}
	v->n = (size_t)(to - v->spans);
	v->visitors = visitors;
	if (visitors == VISITS_MAX)
		v->most = to[-1].visitor;
}

/* More room, for spans and visitors; first drops what is out of the sample. */
static int
room_make(struct visits *v)
{
	struct span *spans;

	if (v->visitors >= 2 * VISITS_MAX) {
		visits_tidy(v);
		return slots_make(v, v->n_slots);
	}
	if (v->n == v->cap) {
		size_t cap = v->cap == 0 ? SLOTS_MIN / 2 : 2 * v->cap;

		spans = reallocarray(v->spans, cap, sizeof(*spans));
		if (spans == NULL)
			return -ENOMEM;
		v->spans = spans;
		v->cap = cap;
	}
	if (2 * (v->visitors + 1) > v->n_slots)
		return slots_make(
			v, v->n_slots == 0 ? SLOTS_MIN : 2 * v->n_slots);
	return 0;
}

/* Adds what happened between two moments. */
static int
span_add(struct visits *v, uint64_t visitor, int32_t first_s, int32_t last_s)
{
	uint32_t *slot;
	int err;

	if (v->most != 0 && visitor > v->most)
		return 0;
	if (v->n == v->cap || v->visitors >= 2 * VISITS_MAX ||
		2 * (v->visitors + 1) > v->n_slots) {
		err = room_make(v);
		if (err < 0)
			return err;
	}
	slot = slot_of(v, visitor);
	for (uint32_t i = *slot; i != 0; i = v->spans[i - 1].before) {
		struct span *s = &v->spans[i - 1];

		if (first_s > s->last_s + VISITS_GAP_S ||
			last_s < s->first_s - VISITS_GAP_S)
			continue;
		if (first_s < s->first_s)
			s->first_s = first_s;
		if (last_s > s->last_s)
			s->last_s = last_s;
		return 0;
	}
	v->visitors += *slot == 0;
	v->spans[v->n] = (struct span){visitor, first_s, last_s, *slot};
	*slot = (uint32_t)++v->n;
	return 0;
}

int
visits_add(struct visits *v, uint64_t visitor, int32_t s)
{
	return span_add(v, visitor, s, s);
}

void
visits_fini(struct visits *v)
{
	free(v->spans);
	free(v->slots);
	*v = (struct visits){0};
}

int
visits_load(struct visits *v, struct bytes stored)
{
	const uint8_t *p = stored.p;
	int err = 0;

	if (stored.len % VISITS_SPAN != 0)
		return SW_ECORRUPT;
	for (size_t at = 0; err == 0 && at < stored.len; at += VISITS_SPAN) {
		int32_t first_s = (int32_t)be_get(p + at + 8, 3);
		int32_t last_s = (int32_t)be_get(p + at + 11, 3);

		if (first_s > last_s || last_s >= VISITS_DAY_S)
			return SW_ECORRUPT;
		err = span_add(v, be_get(p + at, 8), first_s, last_s);
	}
	return err;
}

size_t
visits_stored_len(const struct visits *v)
{
	return v->n * VISITS_SPAN;
}

void
visits_store(const struct visits *v, uint8_t *p)
{
	for (size_t i = 0; i < v->n; i++, p += VISITS_SPAN) {
		be_set(p, 8, v->spans[i].visitor);
		be_set(p + 8, 3, (uint64_t)v->spans[i].first_s);
		be_set(p + 11, 3, (uint64_t)v->spans[i].last_s);
	}
}

/*
 * Of a full sample the largest hash is where chance put it: the others are
 * VISITS_MAX - 1 of all that are below it, spread evenly.
 */
struct visits_sum
visits_count(const struct visits *v)
{
	struct visits_sum sum = {v->n, v->visitors, 1};
	double below, all, kept = VISITS_MAX - 1;
	size_t last = v->n;

	if (v->visitors < VISITS_MAX)
		return sum;
	while (last > 0 && v->spans[last - 1].visitor == v->most)
		last--;
	below = ((double)v->most + 1) * 0x1p-64;
	all = kept / below;
	sum.visitors = (uint64_t)llround(all);
	sum.sessions = (uint64_t)llround(all * (double)last / kept);
	sum.exact = 0;
	return sum;
}
