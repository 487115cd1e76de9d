/* SPDX-License-Identifier: MIT */
/* The table of queues: made, refused, deleted, removed when unused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "tests/lib/rig.h"

static unsigned
queues_there(const struct rig *r)
{
	return HASH_COUNT(r->core->queues_by_name);
}

static int
queue_delete(struct rig *r, const char *name, struct sw_item *it)
{
	size_t mark = rig_say(r, SW_OP_QUEUE_DELETE, 0);

	sw_put_text(&r->b, SW_F_QUEUE, name);
	return rig_ask(r, RIG_ASKER, SW_OP_QUEUE_DELETE, mark, it);
}

static int
detail_is(const struct sw_item *it, const char *text)
{
	return bytes_eq(sw_bytes(it, SW_F_DETAIL), bytes_str(text));
}

/* --- deletion ---------------------------------------------------------- */

static void
a_queue_is_deleted_once_it_has_neither_jobs_nor_workers(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	uint64_t token = rig_run(r, 1, "");
	size_t mark;

	assert_int_equal(rig_put(r, 2, "q", ""), 0);
	assert_int_equal(queue_delete(r, "q", &it), SW_EINUSE);
	assert_true(detail_is(&it, "queue q has 1 workers"));
	assert_int_equal(rig_done(r, 1, 1, token, SW_FAIL, 0), 0);
	rig_begin(r, SW_OP_BYE);
	rig_send(r, 1);
	assert_int_equal(queue_delete(r, "q", &it), SW_EINUSE);
	assert_true(detail_is(&it, "queue q has jobs: 1 ready, 1 dead"));
	assert_int_equal(rig_set(r, "q", "retain_done_ms=0"), 0);
	assert_int_equal(rig_cancel(r, 2), 0);
	assert_int_equal(queue_delete(r, "q", &it), SW_EINUSE);
	assert_true(detail_is(&it, "queue q has jobs: 1 dead"));
	mark = rig_say(r, SW_OP_PURGE, 1);
	sw_put_int(&r->b, SW_F_STATE, SW_DEAD);
	assert_int_equal(rig_ask(r, 3, SW_OP_PURGE, mark, &it), 0);
	assert_int_equal(queue_delete(r, "q", &it), 0);
	assert_int_equal(queues_there(r), 0);
	rig_restart(r);
	assert_int_equal(queues_there(r), 0);
	assert_int_equal(queue_delete(r, "q", &it), SW_ENOQUEUE);
}

/* Number and name are free again, and the new queue has nothing of the old. */
static void
a_deleted_queue_comes_back_empty(void **state)
{
	struct rig *r = *state;
	struct sw_item it;

	assert_int_equal(rig_set(r, "a", "weight=7"), 0);
	assert_int_equal(rig_set(r, "b", "weight=2"), 0);
	assert_int_equal(queue_delete(r, "a", &it), 0);
	assert_int_equal(rig_put(r, 1, "c", ""), 0);
	assert_int_equal(rig_put(r, 2, "a", ""), 0);
	assert_string_equal(r->core->queues[0]->name, "c");
	assert_int_equal(r->core->queues[2]->set[SW_S_weight], 1);
	rig_restart(r);
	assert_string_equal(r->core->queues[0]->name, "c");
	assert_string_equal(rig_drain(r, 1, "a"), "2");
	assert_string_equal(rig_drain(r, 2, "c"), "1");
}

/* --- unused queues ------------------------------------------------------ */

/* The totals stay as long as the queue does. */
static void
an_unused_queue_is_removed_after_a_while(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	assert_string_equal(rig_drain(r, 1, "q"), "1");
	rig_begin(r, SW_OP_BYE);
	rig_send(r, 1);
	rig_pass(r, sw_setting_rules[SW_S_retain_done_ms].def);
	assert_int_equal(r->core->queues[0]->count[SW_DONE], 0);
	rig_pass(r, QUEUE_KEEP_MS - 1);
	assert_int_equal(r->core->queues[0]->total[TOTAL_DONE], 1);
	rig_pass(r, 1);
	assert_int_equal(queues_there(r), 0);
	rig_restart(r);
	assert_int_equal(queues_there(r), 0);
}

static void
a_queue_in_use_is_kept(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rig_put(r, 1, "job", ""), 0);
	assert_int_equal(rig_set(r, "setting", "weight=2"), 0);
	assert_int_equal(rig_set(r, "again", "weight=2"), 0);
	assert_int_equal(rig_set(r, "again", "weight=1"), 0);
	assert_int_equal(rig_hello(r, 1, "worker", 0), 0);
	assert_int_equal(queues_there(r), 4);
	for (int64_t ms = 0; ms <= QUEUE_KEEP_MS; ms += 10000) {
		rig_pass(r, 10000);
		rig_want(r, 1, 0);
	}
	assert_int_equal(queues_there(r), 3);
	assert_null(core_queue_find(r->core, bytes_str("again")));
	rig_restart(r);
	rig_pass(r, QUEUE_KEEP_MS);
	assert_int_equal(queues_there(r), 2);
}

static void
a_queue_with_a_text_setting_is_kept_and_one_that_is_named_is_not(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rig_set(r, "named", "weight=1"), 0);
	assert_int_equal(rig_set(r, "q", "dead_to=named"), 0);
	rig_pass(r, QUEUE_KEEP_MS);
	assert_null(core_queue_find(r->core, bytes_str("named")));
	assert_non_null(core_queue_find(r->core, bytes_str("q")));
	assert_int_equal(rig_set(r, "q", "dead_to="), 0);
	rig_pass(r, QUEUE_KEEP_MS);
	assert_int_equal(queues_there(r), 0);
}

/* --- work in proportion -------------------------------------------------- */

/* Without a change there is nothing to do for any queue. */
static void
a_queue_at_rest_is_in_no_list(void **state)
{
	struct rig *r = *state;
	const struct queue_lists *l = &r->core->lists;

	assert_int_equal(rig_hello(r, 1, "q", 5), 0);
	for (int n = 1; n <= 3; n++)
		assert_int_equal(rig_put(r, n, "other", ""), 0);
	for (int i = 0; i < 200; i++)
		rig_pass(r, 1000);
	for (int i = 0; i < QUEUE_LISTS; i++)
		assert_null(l->first[i]);
}

/* Of two workers the one that was served longest ago is next. */
static void
idle_workers_are_served_in_turn(void **state)
{
	struct rig *r = *state;
	struct sw_item it;

	assert_int_equal(rig_hello(r, 1, "q", 9), 0);
	assert_int_equal(rig_hello(r, 2, "q", 9), 0);
	for (int n = 1; n <= 6; n++) {
		assert_int_equal(rig_put(r, n, "q", ""), 0);
		assert_true(rig_item(r, 2 - n % 2, SW_OP_JOBS, 0, &it));
	}
}

/* --- priority and lanes -------------------------------------------------- */

static void
put_into(struct rig *r, int n, const char *queue, int priority, int fair)
{
	size_t mark = rig_say(r, SW_OP_PUT, n);

	sw_put_text(&r->b, SW_F_QUEUE, queue);
	sw_put_text(&r->b, SW_F_BODY, "");
	sw_put_int(&r->b, SW_F_PRIORITY, priority);
	sw_put_fmt(&r->b, SW_F_FAIR, "tenant-%d", fair);
	sw_item_end(&r->b, mark);
	rig_send(r, RIG_ASKER);
}

static void
put_of(struct rig *r, int n, int priority, int fair)
{
	put_into(r, n, "q", priority, fair);
}

static void
an_urgent_job_is_next_among_10000_fair_keys(void **state)
{
	enum { KEYS = 10000 };
	struct rig *r = *state;
	uint64_t token;

	for (int n = 1; n <= KEYS; n++)
		put_of(r, n, SW_PRIORITY_DEFAULT, n);
	rig_hello(r, 1, "q", 0);
	for (int n = KEYS + 1; n <= KEYS + 20; n++) {
		assert_in_range(rig_take(r, 1, &token), 1, KEYS);
		put_of(r, n, SW_PRIORITY_MAX, n);
		assert_int_equal(rig_take(r, 1, &token), n);
	}
	rig_restart(r);
	put_of(r, KEYS + 30, SW_PRIORITY_MAX, 30);
	rig_hello(r, 1, "q", 0);
	assert_int_equal(rig_take(r, 1, &token), KEYS + 30);
}

/* After 9 * ageing_ms a job of the lowest priority goes before new urgent ones,
 * and so do the others that have waited as long. */
static void
waiting_outweighs_priority(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	assert_int_equal(rig_set(r, "q", "ageing_ms=1s"), 0);
	put_of(r, 1, SW_PRIORITY_MIN, 1);
	put_of(r, 2, SW_PRIORITY_MIN, 2);
	rig_pass(r, 8999);
	put_of(r, 3, SW_PRIORITY_MAX, 3);
	rig_hello(r, 1, "q", 0);
	assert_int_equal(rig_take(r, 1, &token), 3);
	rig_pass(r, 2);
	put_of(r, 4, SW_PRIORITY_MAX, 4);
	put_of(r, 5, SW_PRIORITY_MAX, 5);
	assert_in_range(rig_take(r, 1, &token), 1, 2);
	assert_in_range(rig_take(r, 1, &token), 1, 2);
	assert_in_range(rig_take(r, 1, &token), 4, 5);
}

/* Many queues with many lanes and little memory: all jobs are handed out. */
static void
lanes_that_memory_has_no_room_for_are_read_when_they_are_served(void **state)
{
	enum { QUEUES = 40, LANES = 20 };
	struct rig *r = *state;
	uint64_t token;
	int n = 0;

	r->core->lists.pool.most = 4096;
	for (int lane = 0; lane < LANES; lane++)
		for (int i = 0; i < QUEUES; i++) {
			size_t mark = rig_say(r, SW_OP_PUT, ++n);

			sw_put_fmt(&r->b, SW_F_QUEUE, "q%d", i);
			sw_put_text(&r->b, SW_F_BODY, "");
			sw_put_fmt(&r->b, SW_F_FAIR, "f%d", lane);
			sw_item_end(&r->b, mark);
			rig_send(r, RIG_ASKER);
			assert_true(r->core->lists.pool.bytes <= 4096);
		}
	for (int i = 0; i < QUEUES; i++) {
		char name[16];
		int got = 0;

		(void)snprintf(name, sizeof(name), "q%d", i);
		rig_hello(r, 1, name, 0);
		for (int turn = 0; turn < 3 * LANES; turn++)
			got += rig_take(r, 1, &token) != 0;
		assert_int_equal(got, LANES);
	}
}

/* 2,000 queues of 32 lanes: bounded memory, and all jobs are handed out. */
static void
many_queues_with_many_lanes_take_bounded_memory(void **state)
{
	enum { QUEUES = 2000, LANES = 32, JOBS = QUEUES * LANES };
	struct rig *r = *state;
	const struct lanes_pool *pool = &r->core->lists.pool;
	size_t mark;
	uint64_t token;

	r->core->lists.pool.most = 1 << 20;
	for (int n = 0; n < JOBS;) {
		rig_begin(r, SW_OP_PUT);
		for (int i = 0; i < SW_ITEMS_MAX && n < JOBS; i++, n++) {
			struct sw_id id = rig_id(n + 1);

			mark = sw_item_begin(&r->b);
			sw_put_id(&r->b, &id);
			sw_put_fmt(&r->b, SW_F_QUEUE, "q%d", n % QUEUES);
			sw_put_fmt(&r->b, SW_F_FAIR, "f%d", n / QUEUES);
			sw_put_text(&r->b, SW_F_BODY, "");
			sw_item_end(&r->b, mark);
		}
		rig_send(r, RIG_ASKER);
		assert_true(pool->bytes <= pool->most);
	}
	for (int i = 0; i < QUEUES; i += 97) {
		char name[16];
		int got = 0;

		(void)snprintf(name, sizeof(name), "q%d", i);
		rig_hello(r, 1, name, 0);
		for (int turn = 0; turn < 3 * LANES; turn++)
			got += rig_take(r, 1, &token) != 0;
		assert_int_equal(got, LANES);
	}
	assert_true(pool->bytes <= pool->most);
}

/* A worker of QUEUES queues, "a" and so on. */
static void
hello_to_all(struct rig *r, int queues)
{
	size_t mark = rig_say(r, SW_OP_HELLO, 0);
	struct sw_item it;

	sw_put_text(&r->b, SW_F_WORKER, "worker");
	for (int q = 0; q < queues; q++) {
		sw_item_end(&r->b, mark);
		mark = sw_item_begin(&r->b);
		sw_put_fmt(&r->b, SW_F_QUEUE, "%c", 'a' + q);
	}
	assert_int_equal(rig_ask(r, 1, SW_OP_HELLO, mark, &it), 0);
}

/* All lanes of one would take half of the pool. */
static void
queues_of_many_priorities_share_the_pool(void **state)
{
	enum { QUEUES = 8, LANES = 60 };
	struct rig *r = *state;
	int n = 0;

	for (int fair = 0; fair < LANES; fair++)
		for (int p = SW_PRIORITY_MIN; p <= SW_PRIORITY_MAX; p++)
			for (char q[] = "a"; *q < 'a' + QUEUES; ++*q)
				put_into(r, ++n, q, p, fair);
	rig_restart(r);
	r->core->lists.pool.most = 256 * 1024;
	hello_to_all(r, QUEUES);
	for (int turn = 0; turn < 4; turn++)
		rig_pass(r, 0);
	for (int q = 0; q < QUEUES; q++)
		assert_false(r->core->queues[q]->lanes.cold);
}

/* Each has had a job with a fair key, and needs memory for none. */
static void
queues_that_were_emptied_leave_the_pool(void **state)
{
	enum { QUEUES = 200, MOST = 16 * 1024 };
	struct rig *r = *state;

	r->core->lists.pool.most = MOST;
	for (int i = 1; i <= QUEUES; i++) {
		size_t mark = rig_say(r, SW_OP_PUT, i);
		char name[16], job[16];

		(void)snprintf(name, sizeof(name), "q%d", i);
		(void)snprintf(job, sizeof(job), "%d", i);
		sw_put_text(&r->b, SW_F_QUEUE, name);
		sw_put_text(&r->b, SW_F_BODY, "");
		sw_put_text(&r->b, SW_F_FAIR, "f");
		sw_item_end(&r->b, mark);
		rig_send(r, RIG_ASKER);
		assert_string_equal(rig_drain(r, 1, name), job);
	}
	assert_true(r->core->lists.pool.bytes <= MOST);
	assert_true(r->core->lists.pool.n * LANE_ROUNDS * sizeof(void *) <=
		    MOST);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown_rows)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_queue_is_deleted_once_it_has_neither_jobs_nor_workers),
		TEST(a_deleted_queue_comes_back_empty),
		TEST(an_unused_queue_is_removed_after_a_while),
		TEST(a_queue_in_use_is_kept),
		TEST(a_queue_with_a_text_setting_is_kept_and_one_that_is_named_is_not),
		TEST(a_queue_at_rest_is_in_no_list),
		TEST(idle_workers_are_served_in_turn),
		TEST(an_urgent_job_is_next_among_10000_fair_keys),
		TEST(waiting_outweighs_priority),
		TEST(lanes_that_memory_has_no_room_for_are_read_when_they_are_served),
		TEST(many_queues_with_many_lanes_take_bounded_memory),
		TEST(queues_of_many_priorities_share_the_pool),
		TEST(queues_that_were_emptied_leave_the_pool),
	};

	return cmocka_run_group_tests_name("queues", tests, NULL, NULL);
}
