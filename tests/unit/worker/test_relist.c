/* SPDX-License-Identifier: MIT */
/* After each hello a worker names all its leases, and says how many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/error.h"
#include "tests/unit/worker/talk.h"

static int
setup(void **state)
{
	*state = talk_open(2);
	return 0;
}

static int
teardown(void **state)
{
	talk_close(*state);
	return 0;
}

/* A new session, after a broken link. */
static void
join_again(struct talk *t)
{
	talk_answer(t, SW_OP_ERROR, 0, 1, SW_ESESSION, NULL);
	talk_clear(t);
	talk_say(t, 0);
	talk_answer_last(t, SW_OP_HELLO, 0);
	talk_say(t, 0);
}

/* The leases that the heartbeats since talk_clear() have named, and the COUNT
 * of their last item, which must be the only one; -1: none. */
static int
listed(const struct talk *t, int64_t *count)
{
	int n = 0;

	*count = -1;
	for (int i = 0; i < t->said_n; i++) {
		const struct talk_item *s = &t->said[i];

		if (s->op != SW_OP_EXTEND)
			continue;
		assert_int_equal(*count, -1);
		*count = s->count;
		n += s->count < 0;
	}
	return n;
}

static void
the_first_heartbeat_after_hello_counts_the_leases(void **state)
{
	static const struct sw_id me = {{7}};
	struct talk *t = *state;
	int64_t count;

	leases_identify(&t->h, &me);
	talk_give(t, "mail", 1, 5);
	leases_begun(&t->h, talk_begin(t));
	talk_end(t, talk_begin(t), SW_ACK);
	join_again(t);
	assert_memory_equal(&t->said[0].id, &me, sizeof(me));
	assert_int_equal(listed(t, &count), 5);
	assert_int_equal(count, 5);
	talk_say(t, LEASE_GATHER_MS);
	assert_true(t->seq[SW_OP_WANT] > t->seq[SW_OP_EXTEND]);
	talk_clear(t);
	talk_say(t, SW_HEARTBEAT_MS);
	assert_int_equal(listed(t, &count), 5);
	assert_int_equal(count, -1);
	join_again(t);
	assert_int_equal(listed(t, &count), 5);
	assert_int_equal(count, 5);
}

static void
a_list_may_span_messages(void **state)
{
	static const struct sw_id me = {{7}};
	struct talk *t = *state;
	int64_t count;

	for (int n = 1; n <= 400; n += 133) {
		struct talk *many = talk_open(LEASE_SLOTS_MAX);

		leases_identify(&many->h, &me);
		for (int at = 1; at <= n; at += 7)
			talk_give(many, "mail", (uint64_t)at,
				(uint64_t)(at + 6 < n ? at + 6 : n));
		join_again(many);
		assert_int_equal(listed(many, &count), n);
		assert_int_equal(count, n);
		assert_int_equal(
			many->messages[SW_OP_EXTEND], n / SW_ITEMS_MAX + 1);
		talk_close(many);
	}
	leases_identify(&t->h, &me);
	join_again(t);
	assert_int_equal(listed(t, &count), 0);
	assert_int_equal(count, 0);
}

/* A full message has no room for the count. */
static void
a_full_last_message_is_followed_by_the_count(void **state)
{
	static const struct sw_id me = {{7}};
	struct talk *t = *state;
	int64_t count;

	leases_identify(&t->h, &me);
	talk_give(t, "mail", 1, 66); /* as many as two slots may have */
	join_again(t);
	assert_int_equal(t->messages[SW_OP_EXTEND], 1);
	talk_close(t);
	*state = t = talk_open(4);
	leases_identify(&t->h, &me);
	talk_give(t, "mail", 1, SW_ITEMS_MAX);
	join_again(t);
	assert_int_equal(listed(t, &count), SW_ITEMS_MAX);
	assert_int_equal(count, SW_ITEMS_MAX);
	assert_int_equal(t->messages[SW_OP_EXTEND], 2);
}

/* Answers a heartbeat of two items. */
static void
extend_answer(struct talk *t, int first, int second)
{
	const int status[] = {first, second};
	struct sw_buf b = {.p = t->room, .cap = sizeof(t->room)};

	sw_msg_begin(&b, SW_OP_EXTEND | SW_REPLY, 0, t->seq[SW_OP_EXTEND]);
	for (int i = 0; i < 2; i++) {
		size_t mark = sw_item_begin(&b);

		sw_put_int(&b, SW_F_STATUS, status[i]);
		sw_item_end(&b, mark);
	}
	leases_receive(&t->h, sw_buf_bytes(&b), t->now);
}

/* What the broker answers to the count is no answer to a lease, and a stall is
 * settled by it as by any heartbeat. */
static void
an_older_broker_refuses_the_count_and_no_more(void **state)
{
	static const struct sw_id me = {{7}};
	struct talk *t = *state;

	leases_identify(&t->h, &me);
	talk_give(t, "mail", 1, 1);
	leases_stalled(&t->h, t->now);
	join_again(t);
	assert_false(leases_settled(&t->h));
	extend_answer(t, 0, SW_EINVAL);
	assert_true(leases_settled(&t->h));
	assert_int_equal(talk_begin(t)->token, 1);
}

static void
a_worker_without_an_id_counts_nothing(void **state)
{
	struct talk *t = *state;
	int64_t count;

	talk_give(t, "mail", 1, 2);
	join_again(t);
	assert_int_equal(listed(t, &count), 2);
	assert_int_equal(count, -1);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(the_first_heartbeat_after_hello_counts_the_leases),
		T(a_list_may_span_messages),
		T(a_full_last_message_is_followed_by_the_count),
		T(an_older_broker_refuses_the_count_and_no_more),
		T(a_worker_without_an_id_counts_nothing),
	};

	return cmocka_run_group_tests_name("relist", tests, NULL, NULL);
}
