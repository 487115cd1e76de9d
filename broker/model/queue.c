/* SPDX-License-Identifier: MIT */
#include "broker/model/queue.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/must.h"
#include "base/plant.h"

enum { MILLI = 1000 };

/* A job's start in the unit of the token bucket: a rate's, times a ms. */
#define TOKEN (MILLI * UNIT_RATE_SECOND)

struct queue *
queue_new(const char *name, uint32_t no)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return NULL;
	memcpy(q->name, name, strlen(name));
	q->no = no;
	for (int i = 0; i < SW_SETTINGS; i++)
		q->set[i] = sw_setting_rules[i].def;
	for (int i = 0; i < TIMER_KINDS; i++)
		q->timers[i] = (struct timer){.at_ms = TIMER_NEVER,
			.queue = no,
			.kind = (enum timer_kind)i};
	q->lo = 0;
	q->hi = UINT64_MAX; /* the store has no lane of a new queue */
	return q;
}

void
queue_free(struct queue *q)
{
	if (q == NULL)
		return;
	for (unsigned i = 0; i < q->lanes_n; i++)
		free(q->lanes[i]);
	for (int i = 0; i < SW_TEXT_SETTINGS; i++)
		free(q->text[i]);
	free(q);
}

struct queue *
queue_find(struct queue *all, struct bytes name)
{
	struct queue *q;

	HASH_FIND(hh, all, name.p, name.len, q);
	return q;
}

const char *
queue_text(const struct queue *q, enum sw_text_setting i)
{
	return q->text[i] != NULL ? q->text[i] : "";
}

void
queue_text_set(struct queue *q, enum sw_text_setting i, struct bytes value)
{
	free(q->text[i]);
	q->text[i] = NULL;
	if (value.len == 0)
		return;
	q->text[i] = strndup(value.p, value.len);
	must_have(q->text[i]);
}

uint64_t
queue_row_due_ms(const struct queue *q, enum timer_kind kind, uint64_t at_ms)
{
	uint64_t retain_ms = (uint64_t)q->set[SW_S_retain_dead_ms];

	if (kind != TIMER_DEAD || at_ms > INT64_MAX)
		return at_ms;
	if (retain_ms == 0)
		return TIMER_NEVER;
	return at_ms + (planted(RASH_RETAIN) ? retain_ms / 2 : retain_ms);
}

void
queue_touch(struct queue *q)
{
	q->dirty = 1;
}

static struct lane *
lane_new(uint64_t hash)
{
	uint32_t cap = hash == 0 ? LANE_ENTRIES_MAIN : LANE_ENTRIES;
	struct lane *l = malloc(sizeof(*l) + cap * sizeof(l->e[0]));

	must_have(l);
	l->hash = hash;
	window_init(&l->w, l->e, cap);
	return l;
}

/* The index of the first lane whose hash is at least `hash`. */
static unsigned
lane_at(const struct queue *q, uint64_t hash)
{
	unsigned lo = 0, hi = q->lanes_n;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (q->lanes[mid]->hash < hash)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct lane *
lane_find(const struct queue *q, uint64_t hash)
{
	unsigned i = lane_at(q, hash);

	return i < q->lanes_n && q->lanes[i]->hash == hash ? q->lanes[i] : NULL;
}

static void
lane_drop(struct queue *q, unsigned i)
{
	free(q->lanes[i]);
	q->lanes_n--;
	memmove(&q->lanes[i], &q->lanes[i + 1],
		(q->lanes_n - i) * sizeof(struct lane *));
}

/* Makes a lane within [lo, hi].  If there are too many the highest is dropped
 * and `hi` lowered; NULL: the new lane would be the highest.
 */
static struct lane *
lane_insert(struct queue *q, uint64_t hash)
{
	unsigned i;

	if (q->lanes_n == QUEUE_LANES) {
		if (hash > q->lanes[QUEUE_LANES - 1]->hash) {
			q->hi = q->lanes[QUEUE_LANES - 1]->hash;
			return NULL;
		}
		lane_drop(q, QUEUE_LANES - 1);
		q->hi = q->lanes[QUEUE_LANES - 2]->hash;
		if (hash > q->hi)
			q->hi = hash;
	}
	i = lane_at(q, hash);
	memmove(&q->lanes[i + 1], &q->lanes[i],
		(q->lanes_n - i) * sizeof(struct lane *));
	q->lanes[i] = lane_new(hash);
	q->lanes_n++;
	return q->lanes[i];
}

/* Keeps lane 0, for most queues have no other. */
static void
lane_drop_if_empty(struct queue *q, uint64_t hash)
{
	unsigned i = lane_at(q, hash);

	if (hash != 0 && q->lanes[i]->w.n == 0 && q->lanes[i]->w.whole)
		lane_drop(q, i);
}

void
queue_ready_add(
	struct queue *q, uint64_t hash, uint64_t rank, const struct sw_id *id)
{
	struct lane *l = lane_find(q, hash);

	if (l == NULL && hash >= q->lo && hash <= q->hi) {
		l = lane_insert(q, hash);
		if (l != NULL)
			l->w.whole = 1; /* the store has no other entry */
	}
	if (l != NULL)
		window_add(&l->w, rank, id);
}

void
queue_ready_remove(
	struct queue *q, uint64_t hash, uint64_t rank, const struct sw_id *id)
{
	struct lane *l = lane_find(q, hash);

	if (l == NULL)
		return;
	window_remove(&l->w, rank, id);
	lane_drop_if_empty(q, hash);
}

static int
covers_all(const struct queue *q)
{
	return q->lo == 0 && q->hi == UINT64_MAX;
}

/* Whether the next lanes to serve are below the range in memory. */
static int
is_behind(const struct queue *q)
{
	return q->next_lane < q->lo;
}

int
queue_ready_next(const struct queue *q, uint64_t *hash, struct entry *e)
{
	const struct entry *first;
	unsigned start = lane_at(q, q->next_lane);

	if (is_behind(q))
		return 0;
	for (unsigned i = 0; i < q->lanes_n; i++) {
		unsigned at = (start + i) % q->lanes_n;

		/* The lanes above `hi` come before those at the start. */
		if (at < start && !covers_all(q))
			return 0;
		first = window_first(&q->lanes[at]->w);
		if (first == NULL)
			continue;
		*hash = q->lanes[at]->hash;
		*e = *first;
		return 1;
	}
	return 0;
}

void
queue_ready_pop(struct queue *q, uint64_t hash)
{
	struct lane *l = lane_find(q, hash);

	must(l != NULL);
	window_pop(&l->w);
	q->next_lane = hash == UINT64_MAX ? 0 : hash + 1;
	lane_drop_if_empty(q, hash);
}

/* Whether no lane in memory is left to serve while others may be in the store.
 */
static int
lanes_are_passed(const struct queue *q)
{
	if (covers_all(q))
		return 0;
	if (is_behind(q))
		return 1;
	for (unsigned i = lane_at(q, q->next_lane); i < q->lanes_n; i++)
		if (q->lanes[i]->w.n > 0 || !q->lanes[i]->w.whole)
			return 0;
	return 1;
}

int
queue_ready_low(const struct queue *q)
{
	if (lanes_are_passed(q))
		return 1;
	for (unsigned i = 0; i < q->lanes_n; i++)
		if (window_low(&q->lanes[i]->w))
			return 1;
	return 0;
}

struct first_lane {
	uint64_t hash;
	int found, err;
};

static int
lane_each(void *arg, struct bytes key, struct bytes val)
{
	struct first_lane *f = arg;

	(void)val;
	if (key.len != 1 + 4 + 8 + 8 + SW_ID_LEN)
		f->err = SW_ECORRUPT;
	else
		f->hash = be_get((const uint8_t *)key.p + 5, 8);
	f->found = 1;
	return 1;
}

/* Finds the first lane in the store with a hash of at least `from`. */
static int
lane_in_store(const struct queue *q, struct store *s, uint32_t shard,
	uint64_t from, struct first_lane *f)
{
	struct key lo = key_lane(q->no, from), end = key_start('r');
	int err;

	key_num(&end, 4, q->no);
	end = key_after(end);
	*f = (struct first_lane){0};
	err = s->driver->scan(
		s, shard, key_bytes(&lo), key_bytes(&end), 1, lane_each, f);
	return err < 0 ? err : f->err;
}

/* Drops the lanes in memory and reads the next ones, from `next_lane` on. */
static int
lanes_slide(struct queue *q, struct store *s, uint32_t shard)
{
	struct first_lane f;
	int err;

	while (q->lanes_n > 0)
		lane_drop(q, q->lanes_n - 1);
	err = lane_in_store(q, s, shard, q->next_lane, &f);
	if (err == 0 && !f.found && q->next_lane != 0) {
		q->next_lane = 0; /* a new round */
		err = lane_in_store(q, s, shard, 0, &f);
	}
	q->lo = q->next_lane;
	q->hi = UINT64_MAX;
	while (err == 0 && f.found) {
		q->lanes[q->lanes_n++] = lane_new(f.hash);
		if (q->lanes_n == QUEUE_LANES || f.hash == UINT64_MAX) {
			q->hi = f.hash;
			break;
		}
		err = lane_in_store(q, s, shard, f.hash + 1, &f);
	}
	return err;
}

int
queue_ready_refill(struct queue *q, struct store *s, uint32_t shard)
{
	int err = lanes_are_passed(q) ? lanes_slide(q, s, shard) : 0;

	for (unsigned i = 0; err == 0 && i < q->lanes_n; i++) {
		struct lane *l = q->lanes[i];
		struct key prefix = key_lane(q->no, l->hash);

		if (window_low(&l->w))
			err = window_refill(&l->w, s, shard, &prefix);
	}
	for (unsigned i = q->lanes_n; i-- > 0;)
		lane_drop_if_empty(q, q->lanes[i]->hash);
	return err;
}

int64_t
queue_rate_wait_ms(struct queue *q, int64_t now_ms)
{
	int64_t rate = q->set[SW_S_rate], gap = now_ms - q->tokens_at_ms;
	int64_t full = q->set[SW_S_burst] * TOKEN + QUEUE_LATE_MS * rate;

	if (rate == 0)
		return 0;
	if (gap > full / rate)
		q->tokens = full;
	else if (gap > 0)
		q->tokens += gap * rate;
	if (gap > 0)
		q->tokens_at_ms = now_ms;
	if (q->tokens > full)
		q->tokens = full;
	if (q->tokens >= TOKEN)
		return 0;
	return (TOKEN - q->tokens + rate - 1) / rate;
}

void
queue_rate_spend(struct queue *q)
{
	if (q->set[SW_S_rate] != 0)
		q->tokens -= TOKEN;
}

void
queue_means_update(struct queue *q)
{
	static const double share = 0.1; /* weight of the last second */
	int64_t put = q->total[TOTAL_PUT], done = q->total[TOTAL_DONE];

	q->arrival_per_s += share *
			    ((double)(put - q->put_before) - q->arrival_per_s);
	q->service_per_s +=
		share * ((double)(done - q->done_before) - q->service_per_s);
	q->put_before = put;
	q->done_before = done;
}

void
queue_run_add(struct queue *q, int64_t ms)
{
	static const double share = 0.1; /* weight of the last attempt */

	q->run_ms += (q->has_run ? share : 1) * ((double)ms - q->run_ms);
	q->has_run = 1;
}

int64_t
queue_slots_needed(const struct queue *q)
{
	static const double drain_s = 60; /* to finish the backlog */
	double per_s = q->arrival_per_s + (double)q->count[SW_READY] / drain_s;

	return q->has_run ? (int64_t)ceil(per_s * q->run_ms / MILLI - 1e-9)
			  : -1;
}

enum {
	NUMBERS = SW_STATES + QUEUE_TOTALS,
	NUMBERS_LEAST = SW_STATES + TOTAL_DROPPED, /* in the oldest rows */
};

/* As older brokers wrote it: whole, and 0 for no limit alone. */
static uint64_t
rate_per_s(const struct queue *q)
{
	int64_t rate = q->set[SW_S_rate];

	return (uint64_t)((rate + UNIT_RATE_SECOND - 1) / UNIT_RATE_SECOND);
}

void
queue_encode(const struct queue *q, struct sw_buf *b)
{
	uint8_t set[SW_SETTINGS * 8], numbers[NUMBERS * 8];

	for (size_t i = 0; i < SW_SETTINGS; i++)
		le_set(set + i * 8, 8, (uint64_t)q->set[i]);
	le_set(set + SW_S_rate * 8, 8, rate_per_s(q));
	for (size_t i = 0; i < SW_STATES; i++)
		le_set(numbers + i * 8, 8, (uint64_t)q->count[i]);
	for (size_t i = 0; i < QUEUE_TOTALS; i++)
		le_set(numbers + (SW_STATES + i) * 8, 8, (uint64_t)q->total[i]);
	sw_put_text(b, SW_F_QUEUE, q->name);
	sw_put_bytes(b, SW_F_BODY, bytes_of(set, sizeof(set)));
	sw_put_bytes(b, SW_F_RESULT, bytes_of(numbers, sizeof(numbers)));
	sw_put_int(b, SW_F_RATE, q->set[SW_S_rate]);
	for (int i = 0; i < SW_TEXT_SETTINGS; i++)
		if (q->text[i] != NULL)
			sw_put_fmt(b, SW_F_SETTING, "%s=%s",
				sw_text_rules[i].name, q->text[i]);
}

/* Settings are only ever appended: an older row has fewer. */
static void
settings_decode(struct queue *q, struct bytes set, const struct sw_item *it)
{
	for (size_t i = 0; i < SW_SETTINGS && i < set.len / 8; i++)
		q->set[i] = (int64_t)le_get((const uint8_t *)set.p + i * 8, 8);
	if (set.len / 8 > SW_S_rate)
		q->set[SW_S_rate] = sw_int(
			it, SW_F_RATE, q->set[SW_S_rate] * UNIT_RATE_SECOND);
}

/* Skips what this broker does not know. */
static void
texts_decode(struct queue *q, const struct sw_item *it)
{
	struct bytes s;
	size_t at = 0;

	while (sw_item_each(it, SW_F_SETTING, &at, &s)) {
		struct sw_settings set = {.given = 0};

		if (sw_settings_parse(&set, s.p, s.len, NULL, 0) < 0)
			continue;
		for (int i = 0; i < SW_TEXT_SETTINGS; i++)
			if ((set.texts_given >> i & 1) != 0)
				queue_text_set(q, (enum sw_text_setting)i,
					set.texts[i]);
	}
}

int
queue_decode(struct queue *q, struct bytes row)
{
	struct sw_item it;
	struct bytes set, numbers;

	if (sw_item_open(row, &it) < 0 || !sw_has(&it, SW_F_QUEUE))
		return SW_ECORRUPT;
	set = sw_bytes(&it, SW_F_BODY);
	numbers = sw_bytes(&it, SW_F_RESULT);
	if (numbers.len < (size_t)NUMBERS_LEAST * 8 ||
		numbers.len > (size_t)NUMBERS * 8 || numbers.len % 8 != 0 ||
		set.len % 8 != 0)
		return SW_ECORRUPT;
	sw_get_text(&it, SW_F_QUEUE, q->name, sizeof(q->name));

	settings_decode(q, set, &it);
	for (size_t i = 0; i < SW_STATES; i++)
		q->count[i] = (int64_t)le_get(
			(const uint8_t *)numbers.p + i * 8, 8);
	for (size_t i = 0; SW_STATES + i < numbers.len / 8; i++)
		q->total[i] = (int64_t)le_get(
			(const uint8_t *)numbers.p + (SW_STATES + i) * 8, 8);
	texts_decode(q, &it);
	q->put_before = q->total[TOTAL_PUT];
	q->done_before = q->total[TOTAL_DONE];
	q->lo = 1; /* an empty range: */
	q->hi = 0; /* the first refill reads the lanes */
	return 0;
}
