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

static int64_t defaults[SW_SETTINGS];

static const int64_t *
settings_default(void)
{
	for (int i = 0; i < SW_SETTINGS; i++)
		defaults[i] = sw_setting_rules[i].def;
	return defaults;
}

struct queue *
queue_new(struct queue_lists *lists, const char *name, uint32_t no)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return NULL;
	memcpy(q->name, name, strlen(name));
	q->no = no;
	q->set = settings_default();
	q->lists = lists;
	for (int i = 0; i < TIMER_KINDS; i++)
		q->timers[i] = (struct timer){.at_ms = TIMER_NEVER,
			.queue = no,
			.kind = (enum timer_kind)i};
	lanes_init(&q->lanes, &lists->pool, no, 0);
	return q;
}

static void
settings_free(struct queue *q)
{
	union {
		const int64_t *c;
		int64_t *p;
	} own = {q->set};

	if (q->set != defaults)
		free(own.p);
}

void
queue_free(struct queue *q)
{
	if (q == NULL)
		return;
	for (int i = 0; i < SW_TEXT_SETTINGS; i++)
		free(q->text[i]);
	for (int i = 0; i < QUEUE_LISTS; i++)
		queue_unlist(q, (enum queue_list)i);
	due_drop(&q->lists->rated, &q->rated);
	due_drop(&q->lists->unused, &q->unused);
	lanes_fini(&q->lanes);
	settings_free(q);
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

/* --- lists ---------------------------------------------------------------- */

void
queue_list(struct queue *q, enum queue_list which)
{
	struct queue_lists *l = q->lists;
	struct queue_link *link = &q->link[which];

	if ((q->listed >> which & 1) != 0)
		return;
	q->listed |= 1U << which;
	l->n[which]++;
	*link = (struct queue_link){.prev = l->last[which]};
	if (link->prev != NULL)
		link->prev->link[which].next = q;
	else
		l->first[which] = q;
	l->last[which] = q;
}

void
queue_unlist(struct queue *q, enum queue_list which)
{
	struct queue_lists *l = q->lists;
	const struct queue_link *link = &q->link[which];

	if ((q->listed >> which & 1) == 0)
		return;
	q->listed &= ~(1U << which);
	l->n[which]--;
	if (link->prev != NULL)
		link->prev->link[which].next = link->next;
	else
		l->first[which] = link->next;
	if (link->next != NULL)
		link->next->link[which].prev = link->prev;
	else
		l->last[which] = link->prev;
}

struct queue *
queue_list_take(struct queue_lists *l, enum queue_list which)
{
	struct queue *q = l->first[which];

	if (q != NULL)
		queue_unlist(q, which);
	return q;
}

void
queue_touch(struct queue *q)
{
	queue_list(q, QUEUE_DIRTY);
	queue_list(q, QUEUE_LIVELY);
	queue_wake(q);
}

void
queue_wake(struct queue *q)
{
	if (q->count[SW_READY] > 0 && q->hungry != NULL)
		queue_list(q, QUEUE_ACTIVE);
}

/* --- settings ------------------------------------------------------------- */

void
queue_settings(struct queue *q, const int64_t set[SW_SETTINGS])
{
	size_t size = SW_SETTINGS * sizeof(set[0]);
	int64_t *own;

	if (memcmp(set, defaults, size) == 0) {
		settings_free(q);
		q->set = defaults;
		return;
	}
	own = malloc(size);
	must_have(own);
	memcpy(own, set, size);
	settings_free(q);
	q->set = own;
}

void
queue_watch(struct queue *q)
{
	if (q->notices.deaths > 0 ||
		(q->set[SW_S_on_age_ms] > 0 && q->text[SW_TS_on_age] != NULL))
		queue_list(q, QUEUE_TELLS);
}

int
queue_is_unused(const struct queue *q)
{
	for (int s = SW_NONE + 1; s < SW_STATES; s++)
		if (q->count[s] != 0)
			return 0;
	for (int i = 0; i < SW_TEXT_SETTINGS; i++)
		if (q->text[i] != NULL)
			return 0;
	return q->workers == 0 && q->set == defaults;
}

/* --- rate and means ------------------------------------------------------- */

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

int
queue_means_update(struct queue *q)
{
	static const double share = 0.1;  /* weight of the last second */
	static const double none = 0.001; /* per second */
	int64_t put = q->total[TOTAL_PUT], done = q->total[TOTAL_DONE];

	q->arrival_per_s += share *
			    ((double)(put - q->put_before) - q->arrival_per_s);
	q->service_per_s +=
		share * ((double)(done - q->done_before) - q->service_per_s);
	q->put_before = put;
	q->done_before = done;
	if (q->arrival_per_s >= none || q->service_per_s >= none)
		return 1;
	q->arrival_per_s = q->service_per_s = 0;
	return 0;
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
	sw_put_bytes(b, SW_F_BODY,
		bytes_of(set, q->set == defaults ? 0 : sizeof(set)));
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
	int64_t values[SW_SETTINGS];

	memcpy(values, settings_default(), sizeof(values));
	for (size_t i = 0; i < SW_SETTINGS && i < set.len / 8; i++)
		values[i] = (int64_t)le_get((const uint8_t *)set.p + i * 8, 8);
	if (set.len / 8 > SW_S_rate)
		values[SW_S_rate] = sw_int(
			it, SW_F_RATE, values[SW_S_rate] * UNIT_RATE_SECOND);
	queue_settings(q, values);
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
	q->lanes.cold = 1;
	return 0;
}
