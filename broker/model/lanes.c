/* SPDX-License-Identifier: MIT */
#include "broker/model/lanes.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/error.h"
#include "base/must.h"
#include "base/plant.h"

enum { /* with malloc's own, and pointers */
	LANE_BYTES = sizeof(struct lane) + 48,
	ROUND_BYTES = sizeof(struct round) + 32,
	ROUNDS_BYTES = LANE_ROUNDS * sizeof(struct round *) + 16,
};

void
lanes_init(struct lanes *l, struct lanes_pool *pool, uint32_t queue, int cold)
{
	*l = (struct lanes){.pool = pool, .queue = queue, .cold = cold};
}

/* --- a round -------------------------------------------------------------- */

static struct round *
round_new(struct lanes *l, unsigned i)
{
	struct round *r = calloc(1, sizeof(*r));

	must_have(r);
	l->pool->bytes += ROUND_BYTES;
	r->lo = r->next = lane_first(i);
	r->hi = lane_last(i);
	return r;
}

/* The index of the first lane whose number is at least `number`. */
static unsigned
lane_at(const struct round *r, uint64_t number)
{
	unsigned lo = 0, hi = r->n;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (r->lanes[mid]->number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct lane *
lane_find(const struct round *r, uint64_t number)
{
	unsigned i = lane_at(r, number);

	return i < r->n && r->lanes[i]->number == number ? r->lanes[i] : NULL;
}

static int
covers_all(const struct round *r, unsigned i)
{
	return r->lo == lane_first(i) && r->hi == lane_last(i);
}

/* Whether the next lanes to serve are below the range in memory. */
static int
is_behind(const struct round *r)
{
	return r->next < r->lo;
}

static void
lane_drop(struct lanes *l, struct round *r, unsigned i)
{
	struct lane *gone = r->lanes[i];

	l->pool->bytes -= LANE_BYTES + window_bytes(&gone->w);
	window_fini(&gone->w);
	free(gone);
	r->n--;
	memmove(&r->lanes[i], &r->lanes[i + 1],
		(r->n - i) * sizeof(struct lane *));
	r->known = 0;
}

/* Adds a lane at position `i`. */
static struct lane *
lane_new(struct lanes *l, struct round *r, unsigned i, uint64_t number)
{
	struct lane *fresh = malloc(sizeof(*fresh));

	must_have(fresh);
	if (r->n == r->cap) {
		r->cap = r->cap > 0 ? r->cap * 2 : 1;
		r->lanes = realloc(r->lanes, r->cap * sizeof(struct lane *));
		must_have(r->lanes);
	}
	fresh->number = number;
	window_init(&fresh->w,
		lane_is_main(number) ? LANE_ENTRIES_MAIN : LANE_ENTRIES);
	memmove(&r->lanes[i + 1], &r->lanes[i],
		(r->n - i) * sizeof(struct lane *));
	r->lanes[i] = fresh;
	r->n++;
	l->pool->bytes += LANE_BYTES;
	return fresh;
}

/* Makes a lane within [lo, hi].  If there are too many the highest is dropped
 * and `hi` lowered; NULL: the new lane would be the highest. */
static struct lane *
lane_insert(struct lanes *l, struct round *r, uint64_t number)
{
	if (r->n == ROUND_LANES) {
		if (number > r->lanes[ROUND_LANES - 1]->number) {
			r->hi = r->lanes[ROUND_LANES - 1]->number;
			return NULL;
		}
		lane_drop(l, r, ROUND_LANES - 1);
		r->hi = r->lanes[ROUND_LANES - 2]->number;
		if (number > r->hi)
			r->hi = number;
	}
	return lane_new(l, r, lane_at(r, number), number);
}

/* Keeps the main lane, for most queues have no other. */
static void
lane_drop_if_empty(struct lanes *l, struct round *r, const struct lane *at)
{
	if (!lane_is_main(at->number) && at->w.n == 0 && at->w.whole)
		lane_drop(l, r, lane_at(r, at->number));
}

static void
round_free(struct lanes *l, struct round *r)
{
	while (r->n > 0)
		lane_drop(l, r, r->n - 1);
	free(r->lanes);
	free(r);
	l->pool->bytes -= ROUND_BYTES;
}

/* Whether the round has a job in memory or may have one in the store. */
static int
round_may_have(const struct round *r, unsigned i)
{
	if (!covers_all(r, i))
		return 1;
	for (unsigned n = 0; n < r->n; n++)
		if (r->lanes[n]->w.n > 0 || !r->lanes[n]->w.whole)
			return 1;
	return 0;
}

/* The position of the lane to serve next, or r->n: none is in memory. */
static unsigned
round_next(const struct round *r, unsigned i)
{
	unsigned start = lane_at(r, r->next);

	if (is_behind(r))
		return r->n;
	for (unsigned n = 0; n < r->n; n++) {
		unsigned at = (start + n) % r->n;

		/* The lanes above `hi` come before those at the start. */
		if (at < start && !covers_all(r, i))
			return r->n;
		if (r->lanes[at]->w.n > 0)
			return at;
	}
	return r->n;
}

static uint64_t
round_oldest(struct round *r)
{
	if (r->known)
		return r->oldest;
	r->oldest = UINT64_MAX;
	for (unsigned i = 0; i < r->n; i++) {
		const struct entry *e = window_first(&r->lanes[i]->w);

		if (e != NULL && e->at < r->oldest)
			r->oldest = e->at;
	}
	r->known = 1;
	return r->oldest;
}

/* Whether no lane in memory is left to serve while others may be in the store.
 */
static int
lanes_are_passed(const struct round *r, unsigned i)
{
	return !covers_all(r, i) && round_next(r, i) == r->n;
}

/* A lane of a part of the round has few jobs in memory, and is soon passed. */
static int
lane_low(const struct round *r, unsigned i, const struct lane *at)
{
	return window_low(&at->w) && (covers_all(r, i) || at->w.n == 0);
}

static int
round_low(const struct round *r, unsigned i)
{
	if (lanes_are_passed(r, i))
		return 1;
	for (unsigned n = 0; n < r->n; n++)
		if (lane_low(r, i, r->lanes[n]))
			return 1;
	return 0;
}

/* --- the pool ------------------------------------------------------------- */

static void
rounds_make(struct lanes *l)
{
	l->rounds = calloc(LANE_ROUNDS, sizeof(struct round *));
	must_have(l->rounds);
	l->pool->bytes += ROUNDS_BYTES;
	l->pool->n++;
	DL_PREPEND(l->pool->longest, l);
}

static void
rounds_drop(struct lanes *l)
{
	int may_have = 0;

	for (unsigned i = 0; i < LANE_ROUNDS; i++)
		if (l->rounds[i] != NULL) {
			may_have |= round_may_have(l->rounds[i], i);
			round_free(l, l->rounds[i]);
		}
	free(l->rounds);
	l->rounds = NULL;
	l->cold = may_have && !planted(LOST_LANES);
	l->pool->bytes -= ROUNDS_BYTES;
	l->pool->n--;
	DL_DELETE(l->pool->longest, l);
}

void
lanes_fini(struct lanes *l)
{
	if (l->rounds != NULL)
		rounds_drop(l);
}

static void
served(struct lanes *l)
{
	DL_DELETE(l->pool->longest, l);
	DL_APPEND(l->pool->longest, l);
}

/* Whether all lanes in memory were read in this turn. */
static int
pool_is_fresh(const struct lanes_pool *p)
{
	return p->longest == NULL || p->longest->turn == p->turn;
}

int
lanes_pool_is_full(const struct lanes_pool *p)
{
	return p->bytes > p->most / 2 && pool_is_fresh(p);
}

/* Drops lanes until the pool is within its bound; those of this turn only if
 * they are not spared. */
static void
pool_trim(struct lanes_pool *p, int spare)
{
	while (p->bytes > p->most && p->longest != NULL &&
		!(spare && pool_is_fresh(p)))
		rounds_drop(p->longest);
}

/* How many things of `size` bytes a round may read now: its share of half the
 * pool, from `least` to `most`. */
static unsigned
share(const struct lanes *l, size_t size, unsigned least, unsigned most)
{
	const struct lanes_pool *p = l->pool;
	size_t n = p->most / 2 / (p->n + p->low), rounds = 0;

	for (unsigned i = 0; i < LANE_ROUNDS; i++)
		rounds += l->rounds[i] != NULL;
	n = n / rounds / size;
	return n > most ? most : n < least ? least : (unsigned)n;
}

/* --- adding, taking ------------------------------------------------------- */

static struct round *
round_of(const struct lanes *l, uint64_t number)
{
	return l->rounds != NULL ? l->rounds[lane_round(number)] : NULL;
}

struct lane *
lanes_find(const struct lanes *l, uint64_t number)
{
	const struct round *r = round_of(l, number);

	return r != NULL ? lane_find(r, number) : NULL;
}

int
lanes_cover(const struct lanes *l, uint64_t number)
{
	const struct round *r = round_of(l, number);

	if (l->cold)
		return 0;
	return r == NULL || (number >= r->lo && number <= r->hi);
}

static struct round *
round_ensure(struct lanes *l, uint64_t number)
{
	unsigned i = lane_round(number);

	if (l->rounds == NULL)
		rounds_make(l);
	if (l->rounds[i] == NULL)
		l->rounds[i] = round_new(l, i);
	return l->rounds[i];
}

void
lanes_add(
	struct lanes *l, uint64_t number, uint64_t rank, const struct sw_id *id)
{
	struct round *r;
	struct lane *to;
	size_t before;

	if (l->cold)
		return;
	r = round_ensure(l, number);
	to = lane_find(r, number);
	if (to == NULL && number >= r->lo && number <= r->hi) {
		to = lane_insert(l, r, number);
		if (to != NULL)
			to->w.whole = 1; /* the store has no other entry */
	}
	if (to == NULL)
		return;
	before = window_bytes(&to->w);
	window_add(&to->w, rank, id);
	l->pool->bytes += window_bytes(&to->w) - before;
	if (rank < r->oldest)
		r->oldest = rank;
	pool_trim(l->pool, 0);
}

int
lanes_remove(
	struct lanes *l, uint64_t number, uint64_t rank, const struct sw_id *id)
{
	struct round *r = round_of(l, number);
	struct lane *from = r != NULL ? lane_find(r, number) : NULL;
	int low;

	if (from == NULL)
		return 0;
	window_remove(&from->w, rank, id);
	if (rank <= r->oldest)
		r->known = 0;
	low = lane_low(r, lane_round(number), from);
	lane_drop_if_empty(l, r, from);
	return low;
}

/* The lane to serve next; NULL: there is none, or memory knows nothing of a
 * round that may have the oldest job. */
static const struct lane *
lane_choose(const struct lanes *l)
{
	struct round *best = NULL;
	const struct lane *chosen = NULL;

	for (unsigned i = 0; l->rounds != NULL && i < LANE_ROUNDS; i++) {
		struct round *r = l->rounds[i];
		unsigned at;

		if (r == NULL)
			continue;
		at = round_next(r, i);
		if (at == r->n && round_low(r, i))
			return NULL;
		if (at == r->n)
			continue;
		if (best != NULL && !planted(FAIR_FIRST) &&
			round_oldest(r) >= round_oldest(best))
			continue;
		best = r;
		chosen = r->lanes[at];
	}
	return chosen;
}

int
lanes_next(const struct lanes *l, uint64_t *number, struct entry *e)
{
	const struct lane *chosen = lane_choose(l);

	if (chosen == NULL)
		return 0;
	*number = chosen->number;
	*e = chosen->w.e[chosen->w.head];
	return 1;
}

int
lanes_pop(struct lanes *l, uint64_t number)
{
	struct round *r = round_of(l, number);
	struct lane *from = r != NULL ? lane_find(r, number) : NULL;
	unsigned i = lane_round(number);
	int low;

	must(from != NULL && from->w.n > 0);
	if (from->w.e[from->w.head].at <= r->oldest)
		r->known = 0;
	window_pop(&from->w);
	r->next = number == lane_last(i) ? lane_first(i) : number + 1;
	low = lane_low(r, i, from);
	lane_drop_if_empty(l, r, from);
	served(l);
	return low || lanes_are_passed(r, i);
}

int
lanes_low(const struct lanes *l)
{
	if (l->cold)
		return 1;
	for (unsigned i = 0; l->rounds != NULL && i < LANE_ROUNDS; i++)
		if (l->rounds[i] != NULL && round_low(l->rounds[i], i))
			return 1;
	return 0;
}

/* --- reading -------------------------------------------------------------- */

struct lane_scan {
	uint64_t number;
	int found, err;
};

static int
lane_each(void *arg, struct bytes key, struct bytes val)
{
	struct lane_scan *f = arg;

	(void)val;
	if (key.len == LANE_KEY + 8 + SW_ID_LEN) {
		f->found = 1;
		f->number = be_get((const uint8_t *)key.p + 1 + 4, 8);
	} else {
		f->err = SW_ECORRUPT;
	}
	return 1;
}

/* Finds the first lane in the store with a number in [from, to].  SW_ECORRUPT:
 * a key of a wrong length. */
static int
lane_in_store(const struct lanes *l, struct store *s, uint32_t shard,
	uint64_t from, uint64_t to, struct lane_scan *f)
{
	struct key lo = key_lane(l->queue, from);
	struct key end = key_after(key_lane(l->queue, to));
	int err;

	*f = (struct lane_scan){.found = 0};
	err = s->driver->scan(
		s, shard, key_bytes(&lo), key_bytes(&end), 1, lane_each, f);
	return err < 0 ? err : f->err;
}

/* Drops the lanes in memory and finds the next ones, from `next` on. */
static int
round_slide(struct lanes *l, unsigned i, struct store *s, uint32_t shard)
{
	struct round *r = l->rounds[i];
	unsigned most = share(l,
		LANE_BYTES + LANE_ENTRIES_PASSED * sizeof(struct entry),
		ROUND_LANES_LEAST, ROUND_LANES);
	uint64_t last = lane_last(i);
	struct lane_scan f;
	int err;

	while (r->n > 0)
		lane_drop(l, r, r->n - 1);
	err = lane_in_store(l, s, shard, r->next, last, &f);
	if (err == 0 && !f.found && r->next != lane_first(i)) {
		r->next = lane_first(i); /* a new round */
		err = lane_in_store(l, s, shard, r->next, last, &f);
	}
	r->lo = r->next;
	r->hi = last;
	while (err == 0 && f.found) {
		(void)lane_new(l, r, r->n, f.number);
		if (r->n == most || f.number == last) {
			r->hi = f.number;
			break;
		}
		err = lane_in_store(l, s, shard, f.number + 1, last, &f);
	}
	return err;
}

static int
lane_refill(struct lanes *l, struct lane *to, struct store *s, uint32_t shard,
	uint32_t want)
{
	struct key prefix = key_lane(l->queue, to->number);
	size_t before = window_bytes(&to->w);
	int err = window_refill(&to->w, s, shard, &prefix, want);

	l->pool->bytes += window_bytes(&to->w) - before;
	return err;
}

static int
round_refill(struct lanes *l, unsigned i, struct store *s, uint32_t shard)
{
	struct round *r = l->rounds[i];
	int err = lanes_are_passed(r, i) ? round_slide(l, i, s, shard) : 0;
	uint32_t want = LANE_ENTRIES_PASSED;

	if (covers_all(r, i) || r->n == 1)
		want = share(l, sizeof(struct entry), LANE_ENTRIES,
			LANE_ENTRIES_MAIN);
	for (unsigned n = 0; err == 0 && n < r->n; n++)
		if (window_low(&r->lanes[n]->w))
			err = lane_refill(l, r->lanes[n], s, shard, want);
	for (unsigned n = r->n; n-- > 0;)
		lane_drop_if_empty(l, r, r->lanes[n]);
	r->known = 0;
	return err;
}

/* Begins the rounds of a cold queue; each that the store has lanes of will read
 * them. */
static int
rounds_begin(struct lanes *l, struct store *s, uint32_t shard)
{
	struct lane_scan f;
	unsigned i = 0;
	int err;

	rounds_make(l);
	l->cold = 0;
	do {
		err = lane_in_store(l, s, shard, lane_first(i),
			lane_last(LANE_ROUNDS - 1), &f);
		if (err < 0 || !f.found)
			break;
		i = lane_round(f.number);
		l->rounds[i] = round_new(l, i);
		l->rounds[i]->lo = 1; /* an empty range */
		l->rounds[i]->hi = 0;
	} while (++i < LANE_ROUNDS);
	return err;
}

int
lanes_refill(struct lanes *l, struct store *s, uint32_t shard)
{
	int err = l->cold ? rounds_begin(l, s, shard) : 0;

	if (l->rounds == NULL)
		return err;
	for (unsigned i = 0; err == 0 && i < LANE_ROUNDS; i++)
		if (l->rounds[i] != NULL)
			err = round_refill(l, i, s, shard);
	served(l);
	l->turn = l->pool->turn;
	pool_trim(l->pool, 1);
	return err;
}
