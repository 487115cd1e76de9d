/* SPDX-License-Identifier: MIT */
/* The limits of the core: each is reached, and refused with its own error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/error.h"
#include "tests/lib/rig.h"

/* The status of an item of the answer, or of the error. */
static int
answer(struct rig *r, int who, int op, int i)
{
	struct sw_item it;

	if (!rig_item(r, who, op | SW_REPLY, i, &it) &&
		!rig_item(r, who, SW_OP_ERROR | SW_REPLY, 0, &it))
		return 1;
	return (int)sw_int(&it, SW_F_STATUS, 1);
}

/* An item that names a job. */
static void
id_say(struct rig *r, int n)
{
	struct sw_id id = rig_id(n);
	size_t mark = sw_item_begin(&r->b);

	sw_put_id(&r->b, &id);
	sw_item_end(&r->b, mark);
}

/* --- tables that are full ------------------------------------------------ */

/* Makes queues with a setting, up to number `to`, a message of them a turn. */
static void
queues_make(struct rig *r, int to)
{
	int made = (int)HASH_COUNT(r->core->queues_by_name);

	while (made < to) {
		rig_begin(r, SW_OP_QUEUE_SET);
		for (int n = 0; n < SW_ITEMS_MAX && made < to; n++, made++) {
			size_t mark = sw_item_begin(&r->b);

			sw_put_fmt(&r->b, SW_F_QUEUE, "q%d", made);
			sw_put_text(&r->b, SW_F_SETTING, "weight=2");
			sw_item_end(&r->b, mark);
		}
		rig_send(r, RIG_ASKER);
	}
}

static void
past_the_last_queue_a_new_name_is_refused(void **state)
{
	struct rig *r = *state;
	struct sw_item it;

	queues_make(r, SW_QUEUES_MAX);
	assert_int_equal(rig_set(r, "one-more", "weight=2"), SW_EQUEUES);
	assert_int_equal(rig_hello(r, 1, "one-more", 0), SW_EQUEUES);
	assert_int_equal(rig_put(r, 1, "one-more", ""), SW_EQUEUES);
	assert_true(rig_item(r, RIG_ASKER, SW_OP_PUT | SW_REPLY, 0, &it));
	assert_true(bytes_eq(sw_bytes(&it, SW_F_DETAIL),
		bytes_str("there are 100000 queues, no room for queue "
			  "one-more: spillway queue delete removes one")));
	assert_int_equal(rig_put(r, 1, "q7", ""), 0);
}

static int
hello_to_many(struct rig *r, int who, int queues)
{
	size_t mark = rig_say(r, SW_OP_HELLO, 0);

	sw_put_text(&r->b, SW_F_WORKER, "greedy");
	sw_item_end(&r->b, mark);
	for (int i = 0; i < queues; i++) {
		mark = sw_item_begin(&r->b);
		sw_put_fmt(&r->b, SW_F_QUEUE, "%02d%061d", i, 0);
		sw_item_end(&r->b, mark);
	}
	rig_send(r, who);
	return answer(r, who, SW_OP_HELLO, 0);
}

/* Whether the core has exactly the queue "q", also after a restart. */
static int
has_q_alone(struct rig *r)
{
	int alone = r->core->queues_n == 1;

	rig_pass(r, 1);
	rig_restart(r);
	return alone && r->core->queues_n == 1 &&
	       queue_find(r->core->queues_by_name, bytes_str("q")) != NULL;
}

/* A hello to the queues "q", "a" and `last`, of that weight. */
static int
hello_to_three(struct rig *r, const char *last, int64_t weight)
{
	const char *const names[] = {"q", "a", last};
	size_t mark = rig_say(r, SW_OP_HELLO, 0);

	sw_put_text(&r->b, SW_F_WORKER, "w");
	sw_item_end(&r->b, mark);
	for (int i = 0; i < 3; i++) {
		mark = sw_item_begin(&r->b);
		sw_put_text(&r->b, SW_F_QUEUE, names[i]);
		if (i == 2)
			sw_put_int(&r->b, SW_F_WEIGHT, weight);
		sw_item_end(&r->b, mark);
	}
	rig_send(r, 5);
	return answer(r, 5, SW_OP_HELLO, 0);
}

static void
a_refused_hello_makes_no_queue(void **state)
{
	struct rig *r = *state;
	int64_t most = sw_setting_rules[SW_S_weight].max;

	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(hello_to_three(r, "b", most + 1), SW_EINVAL);
	assert_int_equal(hello_to_three(r, "No Name", 1), SW_EQUEUE);
	assert_int_equal(
		hello_to_many(r, 6, SW_QUEUES_PER_WORKER + 1), SW_ETOOBIG);
	assert_true(has_q_alone(r));
	assert_int_equal(hello_to_three(r, "b", most), 0);
	assert_int_equal(r->core->queues_n, 3);
}

static void
a_refused_put_makes_no_queue(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	r->core->full_until_ms = r->mono_ms + 1000;
	assert_int_equal(rig_put(r, 2, "a", ""), SW_EFULL);
	assert_true(has_q_alone(r));
	rig_pass(r, 2000);
	assert_int_equal(rig_put(r, 2, "b", ""), 0);
	assert_string_equal(rig_drain(r, 1, "b"), "2");
}

static void
a_refused_setting_makes_no_queue(void **state)
{
	struct rig *r = *state;
	char why[SW_WHY_ROOM];

	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	assert_int_equal(rig_set(r, "a", "weight=0"), SW_ESETTING);
	assert_int_equal(core_queue_set(r->core, bytes_str("b"),
				 bytes_str("weight=0"), why),
		SW_ESETTING);
	assert_true(has_q_alone(r));
}

/* The report of job 1, with follow-ups to the queues "a" and `last`. */
static int
done_with_two(struct rig *r, uint64_t token, const char *last)
{
	size_t mark = rig_say(r, SW_OP_DONE, 1);
	struct sw_item it;

	sw_put_int(&r->b, SW_F_TOKEN, (int64_t)token);
	sw_put_int(&r->b, SW_F_OUTCOME, SW_ACK);
	for (int i = 0; i < 2; i++) {
		size_t nest = sw_nest_begin(&r->b, SW_F_FOLLOW);
		struct sw_id id = rig_id(10 + i);

		sw_put_id(&r->b, &id);
		sw_put_text(&r->b, SW_F_QUEUE, i == 0 ? "a" : last);
		sw_put_text(&r->b, SW_F_BODY, "");
		sw_nest_end(&r->b, nest);
	}
	return rig_ask(r, 1, SW_OP_DONE, mark, &it);
}

static void
a_report_with_a_refused_follow_up_makes_no_queue(void **state)
{
	struct rig *r = *state;
	uint64_t token = rig_run(r, 1, "");

	assert_int_equal(done_with_two(r, token, "No Name"), SW_EQUEUE);
	assert_int_equal(rig_state(r, 1), SW_LEASED);
	assert_true(has_q_alone(r));
	assert_int_equal(done_with_two(r, token, "b"), 0);
	assert_string_equal(rig_drain(r, 1, "a"), "10");
	assert_string_equal(rig_drain(r, 1, "b"), "11");
}

static void
past_the_last_session_a_hello_is_refused(void **state)
{
	struct rig *r = *state;

	for (int who = 0; who < SESSIONS_MAX; who++)
		assert_int_equal(rig_hello(r, who, "q", 0), 0);
	assert_int_equal(rig_hello(r, SESSIONS_MAX, "q", 0), SW_EBUSY);
	rig_begin(r, SW_OP_BYE);
	rig_send(r, 7);
	assert_int_equal(rig_hello(r, SESSIONS_MAX, "q", 0), 0);
}

static void
a_worker_serves_at_most_32_queues_and_is_listed_as_far_as_there_is_room(
	void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	struct bytes stat;
	size_t at = 0, longest = 0;

	assert_int_equal(
		hello_to_many(r, 1, SW_QUEUES_PER_WORKER + 1), SW_ETOOBIG);
	assert_int_equal(hello_to_many(r, 1, SW_QUEUES_PER_WORKER), 0);
	rig_begin(r, SW_OP_WORKERS);
	rig_send(r, 2);
	assert_true(rig_item(r, 2, SW_OP_WORKERS | SW_REPLY, 1, &it));
	while (sw_item_each(&it, SW_F_STAT, &at, &stat))
		longest = stat.len > longest ? stat.len : longest;
	assert_in_range(longest, 400, SW_TEXT_MAX);
}

static void
no_more_jobs_run_at_once_than_there_are_leases(void **state)
{
	struct rig *r = *state;
	struct lease_table *t = &r->core->leases;
	struct lease *last = NULL;
	struct sw_id id;
	uint64_t token;

	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	for (int i = 0; i < LEASES_MAX; i++) {
		id = rig_id(1000 + i);
		last = lease_new(t, &id);
		assert_non_null(last);
		lease_extend(t, last, INT64_MAX);
	}
	assert_null(lease_new(t, &id));
	assert_int_equal(rig_take(r, 1, &token), 0);
	lease_drop(t, last);
	assert_int_equal(rig_take(r, 1, &token), 1);
	lease_table_fini(t);
	assert_int_equal(lease_table_init(t), 0);
	rig_restart(r);
}

/* --- a turn -------------------------------------------------------------- */

/* Takes the request rig->b while the turn has room; returns how often. */
static int
take_all(struct rig *r)
{
	struct peer p = {.b = {1}, .len = 5};
	struct core *c = r->core;
	int n = 0;

	core_begin(c, r->now_ms, r->mono_ms);
	for (; core_has_room(c); n++)
		core_take(c, &p, sw_buf_bytes(&r->b));
	core_tick(c);
	core_hand_out(c);
	core_close(c);
	return n;
}

static void
a_turn_is_over_when_its_changes_are_many_or_large_or_its_answers_are(
	void **state)
{
	struct rig *r = *state;
	struct peer p = {.b = {1}, .len = 5};
	int n = 0;

	rig_put_say(r, 1, SW_BODY_MAX);
	rig_send(r, 100);
	rig_begin(r, SW_OP_STATS);
	assert_int_equal(take_all(r), OUTS_MAX / 2);
	rig_turn_drop(r);

	rig_begin(r, SW_OP_GET);
	id_say(r, 1);
	assert_in_range(take_all(r), TURN_BYTES / SW_BODY_MAX - 2,
		TURN_BYTES / SW_BODY_MAX);
	rig_turn_drop(r);

	assert_int_equal(rig_hello(r, 1, "q", 5), 0);
	core_begin(r->core, r->now_ms, r->mono_ms);
	for (; core_has_room(r->core); n++) {
		rig_put_say(r, 2 + n, SW_BODY_MAX);
		core_take(r->core, &p, sw_buf_bytes(&r->b));
	}
	assert_in_range(
		n, TURN_BYTES / SW_BODY_MAX - 2, TURN_BYTES / SW_BODY_MAX);
	assert_int_equal(r->core->more, 0);
	core_hand_out(r->core);
	assert_int_equal(r->core->more, 1);
	core_close(r->core);
	rig_turn_drop(r);

	assert_int_equal(rig_hello(r, 1, "q", 5), 0);
	core_begin(r->core, r->now_ms, r->mono_ms);
	for (n = 0; core_has_room(r->core); n++) {
		rig_put_say(r, 1000 + n, 0);
		core_take(r->core, &p, sw_buf_bytes(&r->b));
	}
	assert_in_range(n, TURN_OPS / 3, TURN_OPS);
	core_hand_out(r->core);
	assert_int_equal(r->core->more, 1);
	core_close(r->core);
	rig_turn_drop(r);
}

enum { QUEUES = 3, EACH = 700 };

_Static_assert((int)QUEUES *EACH > TURN_LEASES, "more than a turn's share");
_Static_assert((int)QUEUES *EACH > PAGE_LOOK, "more than a start's page");

static void
a_turn_hands_out_its_share_and_all_leases_outlive_a_restart(void **state)
{
	struct rig *r = *state;
	const struct lease_table *t = &r->core->leases;

	for (int i = 0; i < QUEUES; i++) {
		const char *name = (const char *[]){"a", "b", "c"}[i];

		assert_int_equal(rig_hello(r, i, name, 0), 0);
		rig_put_many(r, 1 + i * EACH, EACH, name);
	}
	for (struct session *s = r->core->sessions; s != NULL; s = s->hh.next) {
		s->credit = EACH;
		session_hunger(s);
	}
	rig_pass(r, 0);
	assert_int_equal(lease_count(t), TURN_LEASES);
	assert_int_equal(core_wait_ms(r->core), 0);
	rig_pass(r, 0);
	assert_int_equal(lease_count(t), QUEUES * EACH);
	rig_restart(r);
	assert_int_equal(lease_count(t), QUEUES * EACH);
}

static void
more_jobs_due_at_once_than_a_turn_looks_at_come_in_the_next(void **state)
{
	struct rig *r = *state;
	struct queue *q;

	assert_int_equal(rig_set(r, "q", "delay_ms=1s"), 0);
	rig_put_many(r, 1, TURN_TIMERS + 100, "q");
	q = r->core->queues[0];
	rig_pass(r, 1000);
	assert_int_equal(q->count[SW_READY], TURN_TIMERS);
	assert_int_equal(core_wait_ms(r->core), 0);
	rig_pass(r, 0);
	assert_int_equal(q->count[SW_READY], TURN_TIMERS + 100);
}

/* --- answers that do not fit ---------------------------------------------- */

static void
a_get_of_more_than_fits_answers_for_the_first_of_them(void **state)
{
	enum { JOBS = 12 };
	struct rig *r = *state;
	struct sw_item it;
	int n = 0;

	for (int i = 1; i <= JOBS; i++) {
		rig_put_say(r, i, SW_BODY_MAX);
		rig_send(r, 100);
	}
	rig_begin(r, SW_OP_GET);
	for (int i = 1; i <= JOBS; i++)
		id_say(r, i);
	rig_send(r, 1);
	while (rig_item(r, 1, SW_OP_GET | SW_REPLY, n, &it)) {
		assert_int_equal(sw_int(&it, SW_F_STATUS, 1), 0);
		n++;
	}
	assert_int_equal(n, SW_BATCH_MAX / SW_BODY_MAX);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(past_the_last_queue_a_new_name_is_refused),
		TEST(a_refused_hello_makes_no_queue),
		TEST(a_refused_put_makes_no_queue),
		TEST(a_refused_setting_makes_no_queue),
		TEST(a_report_with_a_refused_follow_up_makes_no_queue),
		TEST(past_the_last_session_a_hello_is_refused),
		TEST(a_worker_serves_at_most_32_queues_and_is_listed_as_far_as_there_is_room),
		TEST(no_more_jobs_run_at_once_than_there_are_leases),
		TEST(a_turn_is_over_when_its_changes_are_many_or_large_or_its_answers_are),
		TEST(a_turn_hands_out_its_share_and_all_leases_outlive_a_restart),
		TEST(more_jobs_due_at_once_than_a_turn_looks_at_come_in_the_next),
		TEST(a_get_of_more_than_fits_answers_for_the_first_of_them),
	};

	return cmocka_run_group_tests_name("limit", tests, NULL, NULL);
}
