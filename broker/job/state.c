/* SPDX-License-Identifier: MIT */
#include "broker/job/state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/must.h"
#include "broker/time/stamp.h"

enum { QUEUES_FIRST = 64 }; /* room of the table to begin with */

int
core_has_room(const struct core *c)
{
	return c->batch.n < TURN_OPS && c->batch.arena.used < TURN_BYTES &&
	       c->read < TURN_BYTES && c->out_arena.used < TURN_BYTES &&
	       c->outs_n < OUTS_MAX / 2;
}

int
core_may_take(const struct core *c)
{
	return core_has_room(c) && c->paged < PAGE_READ;
}

void
core_damage(struct core *c, const char *fmt, ...)
{
	va_list ap;

	c->damaged++;
	va_start(ap, fmt);
	(void)vsnprintf(c->damage, sizeof(c->damage), fmt, ap);
	va_end(ap);
}

void
stamp_put(struct core *c)
{
	struct stamp stamp = {.format = STORE_FORMAT};
	struct key k = key_start('a');
	uint8_t row[STAMP_BYTES];

	clocks_store(&c->clocks, &stamp);
	stamp_encode(&stamp, row);
	batch_put(&c->batch, key_bytes(&k), bytes_of(row, sizeof(row)));
}

int64_t
core_shown_ms(const struct core *c, int64_t at_ms)
{
	return at_ms == 0 ? 0 : at_ms + c->clocks.shown_ms;
}

int64_t
core_time_of(const struct core *c, int64_t shown_ms)
{
	int64_t at_ms = shown_ms - c->clocks.shown_ms;

	if (shown_ms == 0)
		return 0;
	return at_ms > 1 ? at_ms : 1;
}

struct timer_heap *
core_timers(struct core *c, enum timer_kind kind)
{
	return kind == TIMER_RUN_AT ? &c->wall_timers : &c->timers;
}

/* --- the table of queues -------------------------------------------------- */

struct queue *
core_queue_find(const struct core *c, struct bytes name)
{
	return queue_find(c->queues_by_name, name);
}

struct queue *
core_queue_of(const struct core *c, uint32_t no)
{
	return no < c->queues_n ? c->queues[no] : NULL;
}

int
core_queue_check(
	const struct core *c, struct bytes name, unsigned more, char *why)
{
	int err = sw_field_queue_check(name, why);

	if (err < 0)
		return err;
	if (HASH_COUNT(c->queues_by_name) + more <= SW_QUEUES_MAX)
		return 0;
	return sw_refuse(why, SW_EQUEUES,
		"there are %d queues, no room for queue %.*s: spillway queue "
		"delete removes one",
		SW_QUEUES_MAX, (int)name.len, (const char *)name.p);
}

void
core_queue_add(struct core *c, struct queue *q)
{
	if (q->no >= c->queues_cap) {
		unsigned was = c->queues_cap;

		c->queues_cap = was > 0 ? was : QUEUES_FIRST;
		while (q->no >= c->queues_cap)
			c->queues_cap *= 2;
		c->queues = realloc(
			c->queues, c->queues_cap * sizeof(struct queue *));
		must_have(c->queues);
		memset(c->queues + was, 0,
			(c->queues_cap - was) * sizeof(struct queue *));
	}
	q->tokens_at_ms = c->mono_ms;
	c->queues[q->no] = q;
	if (q->no >= c->queues_n) /* corrupt keys may be out of order */
		c->queues_n = q->no + 1;
	HASH_ADD_STR(c->queues_by_name, name, q);
	queue_watch(q);
}

int
core_queue_make(struct core *c, struct bytes name, unsigned no,
	struct queue **out, char *why)
{
	char text[SW_QUEUE_MAX + 1];
	int err = core_queue_check(c, name, 1, why);
	struct queue *q;

	if (err < 0)
		return err;
	memcpy(text, name.p, name.len);
	text[name.len] = '\0';
	q = queue_new(&c->lists, text, no);
	must_have(q);
	core_queue_add(c, q);
	queue_touch(q);
	*out = q;
	return 0;
}

static unsigned
number_free(struct core *c)
{
	while (core_queue_of(c, c->queues_free) != NULL)
		c->queues_free++;
	return c->queues_free;
}

int
core_queue_get(struct core *c, struct bytes name, struct queue **out, char *why)
{
	struct queue *q = core_queue_find(c, name);
	int err;

	if (q == NULL) {
		err = core_queue_make(c, name, number_free(c), &q, why);
		if (err < 0)
			return err;
		q->tokens_at_ms = INT64_MIN / 2; /* it has started no job */
	}
	*out = q;
	return 0;
}

void
core_queue_remove(struct core *c, struct queue *q)
{
	struct key k = key_queue(q->no);

	batch_delete(&c->batch, key_bytes(&k));
	HASH_DEL(c->queues_by_name, q);
	c->queues[q->no] = NULL;
	if (q->no < c->queues_free)
		c->queues_free = q->no;
	while (c->queues_n > 0 && c->queues[c->queues_n - 1] == NULL)
		c->queues_n--;
	for (int i = 0; i < TIMER_KINDS; i++)
		timer_set(core_timers(c, (enum timer_kind)i), &q->timers[i],
			TIMER_NEVER);
	queue_free(q);
}

void
core_queue_release(struct core *c, struct queue *q)
{
	if (!queue_is_unused(q))
		due_drop(&c->lists.unused, &q->unused);
	else if (q->unused.place == 0)
		due_set(&c->lists.unused, &q->unused,
			c->mono_ms + QUEUE_KEEP_MS);
}

void
core_ready_read(struct core *c, struct queue *q)
{
	if (q->count[SW_READY] == 0 || !lanes_low(&q->lanes))
		return;
	queue_list(q, QUEUE_LOW);
	c->more = 1;
}

/* After a change of retain_dead_ms a look at the store finds what is due. */
static void
settings_copy(struct core *c, struct queue *q, const struct sw_settings *s)
{
	int64_t set[SW_SETTINGS];

	for (int i = 0; i < SW_SETTINGS; i++)
		set[i] = (s->given >> i & 1) != 0 ? s->values[i] : q->set[i];
	queue_settings(q, set);
	for (int i = 0; i < SW_TEXT_SETTINGS; i++)
		if ((s->texts_given >> i & 1) != 0)
			queue_text_set(q, (enum sw_text_setting)i, s->texts[i]);
	if ((s->given >> SW_S_retain_dead_ms & 1) != 0)
		timer_set(&c->timers, &q->timers[TIMER_DEAD],
			q->count[SW_DEAD] > 0 ? 0 : TIMER_NEVER);
	queue_watch(q);
	queue_touch(q);
}

int
core_settings_apply(struct core *c, struct bytes name,
	const struct sw_settings *s, char *why)
{
	struct queue *q;
	int err = sw_settings_check(s, name, why, SW_WHY_ROOM);

	if (err == 0)
		err = core_queue_get(c, name, &q, why);
	if (err == 0)
		settings_copy(c, q, s);
	return err;
}

int
core_queue_set(
	struct core *c, struct bytes name, struct bytes setting, char *why)
{
	struct sw_settings s = {.given = 0};
	int err = sw_settings_parse(
		&s, setting.p, setting.len, why, SW_WHY_ROOM);

	return err < 0 ? err : core_settings_apply(c, name, &s, why);
}
