/* SPDX-License-Identifier: MIT */
#include "jobs/logs/sessions.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"

enum {
	OPEN_SLOTS = 4096,	 /* a power of 2 */
	FULL = 4 * SESSIONS_MAX, /* spans that trigger spans_tidy() */
	BINS = 2048,
	FEW = 32, /* spans that are sorted by insertion */
};

/* Whether `b` begins within SESSIONS_GAP_S after `a`. */
static int
joins(const struct session_span *a, const struct session_span *b)
{
	return b->first_s < a->end_s + SESSIONS_GAP_S;
}

static int
by_visitor(const void *a, const void *b)
{
	const struct session_span *x = a, *y = b;

	if (x->visitor != y->visitor)
		return x->visitor < y->visitor ? -1 : 1;
	return (x->first_s > y->first_s) - (x->first_s < y->first_s);
}

static void
few_sort(struct session_span *s, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct session_span one = s[i];
		size_t k = i;

		for (; k > 0 && by_visitor(&s[k - 1], &one) > 0; k--)
			s[k] = s[k - 1];
		s[k] = one;
	}
}

static void
spans_sort(struct session_span *s, size_t n)
{
	if (n <= FEW)
		few_sort(s, n);
	else
		qsort(s, n, sizeof(*s), by_visitor);
}

/* The shift that spreads the hashes over the bins. */
static int
bins_shift(const struct log_sessions *v)
{
	uint64_t all = BINS - 1;

	for (size_t i = 0; i < v->n; i++)
		all |= v->spans[i].visitor;
	return 64 - __builtin_clzll(all) - __builtin_ctz(BINS);
}

/* Appends `n` sorted spans, joined where they overlap, up to SESSIONS_MAX. */
static void
spans_join(struct log_sessions *v, const struct session_span *s, size_t n)
{
	struct session_span *to = v->spans + v->n;

	for (size_t i = 0; i < n; i++) {
		int same = v->visitors > 0 && to[-1].visitor == s[i].visitor;

		if (same && joins(&to[-1], &s[i])) {
			if (s[i].end_s > to[-1].end_s)
				to[-1].end_s = s[i].end_s;
			continue;
		}
		if (!same && v->visitors == SESSIONS_MAX)
			break;
		v->visitors += !same;
		*to++ = s[i];
	}
	v->n = (size_t)(to - v->spans);
	if (v->visitors == SESSIONS_MAX)
		v->most = to[-1].visitor;
}

/*
 * A bin sort: hashes spread evenly, so their first bits nearly sort them and a
 * bin has few spans.  Bins beyond the sample are not sorted.
 */
static int
spans_tidy(struct log_sessions *v)
{
	struct session_span *sorted = reallocarray(NULL, v->n, sizeof(*sorted));
	uint32_t at[BINS + 1] = {0};
	int shift = bins_shift(v);

	if (sorted == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < v->n; i++)
		at[(v->spans[i].visitor >> shift) + 1]++;
	for (size_t bin = 0; bin < BINS; bin++)
		at[bin + 1] += at[bin];
	/* This moves at[bin] from the bin's begin to its end. */
	for (size_t i = 0; i < v->n; i++)
		sorted[at[v->spans[i].visitor >> shift]++] = v->spans[i];
	v->n = v->visitors = 0;
	for (size_t bin = 0, from = 0; bin < BINS && v->visitors < SESSIONS_MAX;
		from = at[bin++]) {
		spans_sort(sorted + from, at[bin] - from);
		spans_join(v, sorted + from, at[bin] - from);
	}
	free(sorted);
	return 0;
}

int
sessions_tidy(struct log_sessions *v)
{
	for (size_t i = 0; v->open != NULL && i < OPEN_SLOTS; i++) {
		v->spans[v->n] = v->open[i];
		v->n += v->open[i].end_s != 0;
		v->open[i] = (struct session_span){0};
	}
	return v->n == 0 ? 0 : spans_tidy(v);
}

/* Makes room for one more span and, behind `cap`, for all open spans. */
static int
room_make(struct log_sessions *v)
{
	size_t cap = v->cap == 0 ? 64 : 2 * v->cap;
	struct session_span *spans;
	int err;

	if (v->cap >= FULL) {
		err = spans_tidy(v);
		if (err < 0 || v->n <= v->cap / 2)
			return err;
	}
	while (cap <= v->n)
		cap *= 2;
	if (v->open == NULL)
		v->open = calloc(OPEN_SLOTS, sizeof(*v->open));
	if (v->open == NULL)
		return -ENOMEM;
	spans = reallocarray(v->spans, cap + OPEN_SLOTS, sizeof(*spans));
	if (spans == NULL)
		return -ENOMEM;
	v->spans = spans;
	v->cap = cap;
	return 0;
}

/*
 * `open` is a direct-mapped table of spans that may still grow.  A span of
 * another visitor or session in the slot moves to `spans`; sessions_tidy()
 * joins it later.  Whether the slot matches is unpredictable, so no branch
 * depends on that (21 ns instead of 38).
 */
int
sessions_add(struct log_sessions *v, uint64_t visitor, int32_t s)
{
	struct session_span *o, now = {visitor, s, s + 1};
	int err, used, same;

	if (v->most != 0 && visitor > v->most)
		return 0;
	if (v->n >= v->cap && (err = room_make(v)) < 0)
		return err;
	o = &v->open[visitor % OPEN_SLOTS];
	used = o->end_s != 0;
	same = used & (o->visitor == visitor) & joins(o, &now) & joins(&now, o);
	v->spans[v->n] = *o;
	v->n += (size_t)(used & !same);
	o->visitor = visitor;
	o->first_s = (same & (o->first_s < s)) ? o->first_s : s;
	o->end_s = (same & (o->end_s > s)) ? o->end_s : s + 1;
	return 0;
}

void
sessions_fini(struct log_sessions *v)
{
	free(v->spans);
	free(v->open);
	*v = (struct log_sessions){0};
}

int
sessions_load(struct log_sessions *v, struct bytes stored)
{
	const uint8_t *p = stored.p;
	int err = 0;

	if (stored.len % SESSIONS_SPAN != 0)
		return SW_ECORRUPT;
	for (size_t at = 0; err == 0 && at < stored.len; at += SESSIONS_SPAN) {
		int32_t first_s = (int32_t)be_get(p + at + 8, 3);
		int32_t last_s = (int32_t)be_get(p + at + 11, 3);

		if (first_s > last_s || last_s >= SESSIONS_DAY_S)
			return SW_ECORRUPT;
		if (v->n >= v->cap && (err = room_make(v)) < 0)
			return err;
		v->spans[v->n++] = (struct session_span){
			be_get(p + at, 8), first_s, last_s + 1};
	}
	return err;
}

size_t
sessions_stored_len(const struct log_sessions *v)
{
	return v->n * SESSIONS_SPAN;
}

void
sessions_store(const struct log_sessions *v, uint8_t *p)
{
	for (size_t i = 0; i < v->n; i++, p += SESSIONS_SPAN) {
		be_set(p, 8, v->spans[i].visitor);
		be_set(p + 8, 3, (uint64_t)v->spans[i].first_s);
		be_set(p + 11, 3, (uint64_t)v->spans[i].end_s - 1);
	}
}

/*
 * The estimate of a bottom-k sample: the SESSIONS_MAX - 1 visitors below the
 * largest hash of the sample fill its share of the range of hashes evenly.
 */
struct sessions_sum
sessions_count(const struct log_sessions *v)
{
	struct sessions_sum sum = {v->n, v->visitors, 1};
	double below, all, kept = SESSIONS_MAX - 1;
	size_t last = v->n;

	if (v->visitors < SESSIONS_MAX)
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
