/* SPDX-License-Identifier: MIT */
#include "broker/job/state.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "broker/model/stamp.h"

int
core_has_room(const struct core *c)
{
	return c->batch.n < TURN_OPS && c->batch.arena.used < TURN_BYTES &&
	       c->out_arena.used < TURN_BYTES && c->outs_n < OUTS_MAX / 2;
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

int
core_queue_make(
	struct core *c, struct bytes name, unsigned no, struct queue **out)
{
	char text[SW_QUEUE_MAX + 1];
	struct queue *q;

	if (sw_queue_check(name.p, name.len) < 0)
		return SW_EQUEUE;
	if (no == QUEUES_MAX)
		return SW_EBUSY;
	memcpy(text, name.p, name.len);
	text[name.len] = '\0';
	q = queue_new(text, no);
	if (q == NULL)
		return SW_EBUSY;
	q->tokens_at_ms = c->mono_ms;
	c->queues[no] = q;
	if (no >= c->queues_n)
		c->queues_n = no + 1;
	HASH_ADD_STR(c->queues_by_name, name, q);
	queue_touch(q);
	*out = q;
	return 0;
}

int
core_queue_get(struct core *c, struct bytes name, struct queue **out)
{
	struct queue *q = queue_find(c->queues_by_name, name);
	int err;

	if (q == NULL) {
		err = core_queue_make(c, name, c->queues_n, &q);
		if (err < 0)
			return err;
		q->tokens_at_ms = INT64_MIN / 2; /* it has started no job */
	}
	*out = q;
	return 0;
}

void
core_queues_drop(struct core *c, unsigned n)
{
	while (c->queues_n > n) {
		struct queue *q = c->queues[--c->queues_n];

		HASH_DEL(c->queues_by_name, q);
		c->queues[c->queues_n] = NULL;
		queue_free(q);
	}
}

/* After a change of retain_dead_ms a look at the store finds what is due. */
static void
settings_copy(struct core *c, struct queue *q, const struct sw_settings *s)
{
	for (int i = 0; i < SW_SETTINGS; i++)
		if ((s->given >> i & 1) != 0)
			q->set[i] = s->values[i];
	for (int i = 0; i < SW_TEXT_SETTINGS; i++)
		if ((s->texts_given >> i & 1) != 0)
			queue_text_set(q, (enum sw_text_setting)i, s->texts[i]);
	if ((s->given >> SW_S_retain_dead_ms & 1) != 0)
		timer_set(&c->timers, &q->timers[TIMER_DEAD],
			q->count[SW_DEAD] > 0 ? 0 : TIMER_NEVER);
	queue_touch(q);
}

int
core_settings_apply(struct core *c, struct bytes name,
	const struct sw_settings *s, char *why, size_t why_cap)
{
	struct queue *q;
	int err = sw_settings_check(s, name, why, why_cap);

	if (err < 0)
		return err;
	err = core_queue_get(c, name, &q);
	if (err < 0)
		(void)snprintf(why, why_cap, "%s", sw_strerror(err));
	else
		settings_copy(c, q, s);
	return err;
}

int
core_queue_set(struct core *c, struct bytes name, struct bytes setting,
	char *why, size_t why_cap)
{
	struct sw_settings s = {.given = 0};
	int err = sw_settings_parse(&s, setting.p, setting.len, why, why_cap);

	return err < 0 ? err : core_settings_apply(c, name, &s, why, why_cap);
}
