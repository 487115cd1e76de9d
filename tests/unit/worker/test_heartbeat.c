/* SPDX-License-Identifier: MIT */
/* A heartbeat of very many leases: so many messages in a turn, no lease left
 * out, whatever becomes of the leases meanwhile. */
#include "tests/unit/worker/talk.h"

#include <string.h>
#include <utlist.h>

enum { PER = SW_ITEMS_MAX, MANY = 330 * PER };

_Static_assert(MANY <= LEASE_SLOTS_MAX * (1 + LEASE_PREFETCH), "there is room");

static uint8_t named[MANY + 1];

static struct talk *
talk_full(void)
{
	struct talk *t = talk_open(LEASE_SLOTS_MAX);

	for (uint64_t at = 1; at <= MANY; at += PER)
		talk_give(t, "mail", at, at + PER - 1);
	assert_int_equal(t->h.used, MANY);
	return t;
}

/* One turn of the loop; its messages. */
static int
turn(struct talk *t)
{
	talk_clear(t);
	t->h.received_ms = t->now;
	leases_send(&t->h, t->now);
	for (int i = 0; i < t->said_n; i++)
		if (t->said[i].op == SW_OP_EXTEND && t->said[i].token != 0)
			named[t->said[i].token]++;
	return t->messages[SW_OP_EXTEND];
}

static void
a_turn_sends_a_part_of_a_large_heartbeat(void **state)
{
	struct talk *t = talk_full();
	int all = 0;

	(void)state;
	memset(named, 0, sizeof(named));
	t->now += SW_HEARTBEAT_MS;
	do {
		all += turn(t);
		assert_in_range(t->messages[SW_OP_EXTEND], 1, LEASE_EXTEND_MAX);
		if (t->h.extending)
			assert_int_equal(leases_wait_ms(&t->h, t->now), 0);
	} while (t->h.extending);
	assert_int_equal(all, MANY / PER);
	for (int i = 1; i <= MANY; i++)
		assert_int_equal(named[i], 1);
	assert_int_equal(turn(t), 0);
	assert_true(leases_wait_ms(&t->h, t->now) > 0);
	talk_close(t);
}

/* In each turn jobs begin and end, and reports are confirmed. */
static void
leases_that_move_meanwhile_are_named_once(void **state)
{
	struct talk *t = talk_full();
	struct worker_lease *j;

	(void)state;
	memset(named, 0, sizeof(named));
	t->now += SW_HEARTBEAT_MS;
	do {
		for (int i = 0; i < 300; i++)
			(void)talk_begin(t);
		for (int i = 0; i < 150; i++)
			talk_end(t, t->h.list[LEASE_RUNNING], SW_ACK);
		(void)turn(t);
		talk_answer_all(t, SW_OP_DONE, 0);
		if (t->h.extending) /* the very next one */
			worker_lease_stop(
				&t->h, t->h.extend_next, LEASE_RELEASE);
		while (t->h.running > 600)
			talk_end(t, t->h.list[LEASE_RUNNING], SW_ACK);
	} while (t->h.extending);
	for (int i = 1; i <= MANY; i++)
		assert_true(named[i] <= 1);
	for (int s = LEASE_WAITING; s <= LEASE_REPORTED; s++)
		DL_FOREACH(t->h.list[s], j)
		{
			assert_int_equal(named[j->token], 1);
		}
	talk_close(t);
}

static void
answers_to_a_part_settle_nothing(void **state)
{
	struct talk *t = talk_full();

	(void)state;
	leases_stalled(&t->h, t->now);
	do {
		assert_false(leases_settled(&t->h));
		(void)turn(t);
		if (t->h.extending)
			talk_answer_all(t, SW_OP_EXTEND, 0);
	} while (t->h.extending);
	assert_false(leases_settled(&t->h));
	talk_answer_all(t, SW_OP_EXTEND, 0);
	assert_true(leases_settled(&t->h));
	talk_close(t);
}

/* Also where a stall cuts it short: what was named is counted. */
static void
the_list_after_hello_is_whole_before_anything_else_is_sent(void **state)
{
	const struct sw_id id = {{1}};
	struct talk *t = talk_full();
	int64_t count = 0, said = -1;
	int turns = 0;

	(void)state;
	leases_identify(&t->h, &id);
	leases_route_close(&t->h, &talk_routes[1]);
	(void)turn(t);
	talk_answer_last(t, SW_OP_HELLO, 0);
	do {
		if (turns++ == 2)
			leases_stalled(&t->h, t->now);
		(void)turn(t);
		assert_int_equal(t->messages[SW_OP_DONE], 0);
		if (t->h.extending)
			assert_int_equal(t->messages[SW_OP_WANT], 0);
		for (int i = 0; i < t->said_n; i++)
			if (t->said[i].op == SW_OP_EXTEND) {
				assert_int_equal(said, -1);
				said = t->said[i].count;
				count += said < 0;
			}
	} while (t->h.extending);
	assert_true(turns > 4);
	assert_true(t->h.listed);
	assert_int_equal(said, count);
	assert_true(count > MANY);
	talk_close(t);
}

/* What was named before the stall must be named again. */
static void
a_stall_begins_the_heartbeat_anew(void **state)
{
	struct talk *t = talk_full();

	(void)state;
	t->now += SW_HEARTBEAT_MS;
	(void)turn(t);
	assert_true(t->h.extending);
	leases_stalled(&t->h, t->now);
	memset(named, 0, sizeof(named));
	do
		(void)turn(t);
	while (t->h.extending);
	for (int i = 1; i <= MANY; i++)
		assert_int_equal(named[i], 1);
	talk_close(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_turn_sends_a_part_of_a_large_heartbeat),
		cmocka_unit_test(leases_that_move_meanwhile_are_named_once),
		cmocka_unit_test(answers_to_a_part_settle_nothing),
		cmocka_unit_test(a_stall_begins_the_heartbeat_anew),
		cmocka_unit_test(
			the_list_after_hello_is_whole_before_anything_else_is_sent),
	};

	return cmocka_run_group_tests_name("heartbeat", tests, NULL, NULL);
}
