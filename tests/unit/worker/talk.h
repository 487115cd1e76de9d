/* SPDX-License-Identifier: MIT */
/*
 * talk.h - a worker's leases, and the broker's side of their session by hand
 *
 * The clock stands until talk_say() moves it.  What the worker sends is kept
 * item by item; the test answers it, or does not.
 */
#ifndef TESTS_WORKER_TALK_H
#define TESTS_WORKER_TALK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/log.h"
#include "worker/lease/leases.h"

enum { TALK_ITEMS = 4096, NOW_MS = 100000 };

/* An item that the worker has sent. */
struct talk_item {
	int op, n; /* of its message: operation, number of items */
	uint64_t seq, token;
	int begun, outcome;
	int64_t credit, count;
	struct sw_id id;
	char queue[SW_QUEUE_MAX + 1], error[SW_ERROR_MAX + 1];
};

struct talk {
	struct leases h;
	int64_t now;
	struct talk_item said[TALK_ITEMS]; /* since talk_clear() */
	int said_n, messages[SW_REPLY];
	uint64_t seq[SW_REPLY]; /* of the last message, by operation */
	int items[SW_REPLY];
	uint8_t room[SW_BATCH_MAX];
};

static const struct worker_route talk_routes[2] = {
	{.queue = "mail"}, {.queue = "film"}};

static void
item_note(struct talk *t, const struct sw_msg *m, const struct sw_item *it)
{
	struct talk_item *s = &t->said[t->said_n++];

	assert_true(t->said_n < TALK_ITEMS);
	s->op = m->op;
	s->n = m->count;
	s->seq = m->seq;
	s->token = (uint64_t)sw_int(it, SW_F_TOKEN, 0);
	s->begun = (int)sw_int(it, SW_F_BEGUN, 0);
	s->outcome = (int)sw_int(it, SW_F_OUTCOME, 0);
	s->credit = sw_int(it, SW_F_CREDIT, -1);
	s->count = sw_int(it, SW_F_COUNT, -1);
	s->id = (struct sw_id){{0}};
	(void)sw_get_id(it, &s->id);
	sw_get_text(it, SW_F_QUEUE, s->queue, sizeof(s->queue));
	sw_get_text(it, SW_F_ERROR, s->error, sizeof(s->error));
}

static void
hear(void *arg, struct bytes message)
{
	struct talk *t = arg;
	struct sw_item it;
	struct sw_msg m, all;

	assert_int_equal(sw_msg_open(message, &m), 0);
	all = m;
	t->messages[m.op]++;
	t->seq[m.op] = m.seq;
	t->items[m.op] = m.count;
	while (sw_msg_next(&all, &it))
		item_note(t, &m, &it);
}

static void
talk_clear(struct talk *t)
{
	t->said_n = 0;
	memset(t->messages, 0, sizeof(t->messages));
}

/* The last item of that operation. */
static inline const struct talk_item *
talk_last(const struct talk *t, int op)
{
	static const struct talk_item none = {.token = UINT64_MAX};

	for (int i = t->said_n; i > 0; i--)
		if (t->said[i - 1].op == op)
			return &t->said[i - 1];
	fail_msg("%s was not said", sw_op_name(op));
	return &none;
}

/* Answers message `seq` of `op` with `n` items of this status. */
static void
talk_answer(struct talk *t, int op, uint64_t seq, int n, int status,
	const char *why)
{
	struct sw_buf b = {.p = t->room, .cap = sizeof(t->room)};

	sw_msg_begin(&b, op | SW_REPLY, 0, seq);
	while (n-- > 0) {
		size_t mark = sw_item_begin(&b);

		sw_put_int(&b, SW_F_STATUS, status);
		if (why != NULL)
			sw_put_text(&b, SW_F_DETAIL, why);
		sw_item_end(&b, mark);
	}
	leases_receive(&t->h, sw_buf_bytes(&b), t->now);
}

/* Answers the last message of `op`, all its items alike. */
static void
talk_answer_last(struct talk *t, int op, int status)
{
	talk_answer(t, op, t->seq[op], t->items[op], status, NULL);
}

/* JOBS with those tokens, of one queue. */
static inline void
talk_give(struct talk *t, const char *queue, uint64_t from, uint64_t to)
{
	struct sw_buf b = {.p = t->room, .cap = sizeof(t->room)};

	sw_msg_begin(&b, SW_OP_JOBS, 0, 0);
	for (uint64_t token = from; token <= to; token++) {
		struct sw_id id = {{1}};
		size_t mark = sw_item_begin(&b);

		be_set(id.b + 8, 8, token);
		sw_put_id(&b, &id);
		sw_put_text(&b, SW_F_QUEUE, queue);
		sw_put_int(&b, SW_F_TOKEN, (int64_t)token);
		sw_put_text(&b, SW_F_SETTING, "drain=1");
		sw_put_text(&b, SW_F_SETTING, "cpu_limit=2500");
		sw_put_text(&b, SW_F_SETTING, "of_a_newer_broker=7");
		sw_item_end(&b, mark);
	}
	leases_receive(&t->h, sw_buf_bytes(&b), t->now);
}

static void
talk_say(struct talk *t, int64_t after_ms)
{
	t->now += after_ms;
	t->h.received_ms = t->now;
	do
		leases_send(&t->h, t->now);
	while (t->h.extending);
}

static void
join(struct talk *t)
{
	talk_say(t, 0);
	talk_answer_last(t, SW_OP_HELLO, 0);
	assert_true(t->h.joined);
	talk_say(t, 0);
	talk_answer_last(t, SW_OP_EXTEND, 0);
	talk_clear(t);
}

static struct talk *
talk_open(int slots)
{
	struct talk *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	sw_log_set((enum sw_log_level)0);
	t->now = NOW_MS;
	assert_int_equal(
		leases_init(&t->h, talk_routes, 2, slots, "w", hear, t), 0);
	join(t);
	return t;
}

static inline struct worker_lease *
talk_begin(struct talk *t)
{
	struct worker_lease *j = leases_begin(&t->h, t->now);

	assert_non_null(j);
	return j;
}

static inline void
talk_end(struct talk *t, struct worker_lease *j, int outcome)
{
	j->report.outcome = outcome;
	j->report.cause = outcome == SW_ACK ? SW_C_NONE : SW_C_ERROR;
	j->report.delay_ms = -1;
	leases_end(&t->h, j, t->now);
}

/* Answers all messages of `op` since talk_clear(), in their order. */
static inline void
talk_answer_all(struct talk *t, int op, int status)
{
	uint64_t seq = 0;

	for (int i = 0; i < t->said_n; i++)
		if (t->said[i].op == op && t->said[i].seq != seq) {
			seq = t->said[i].seq;
			talk_answer(t, op, seq, t->said[i].n, status, NULL);
		}
}

static void
talk_close(struct talk *t)
{
	leases_fini(&t->h);
	free(t);
}

#endif
