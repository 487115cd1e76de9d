/* SPDX-License-Identifier: MIT */
/* Every ready job is handed out in the end, whatever memory has of its lane. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/rig.h"

enum { EXPIRES = 1 }; /* jobs of this fair key expire after a second */

static void
put_of(struct rig *r, int n, const char *queue, int fair)
{
	size_t mark = rig_say(r, SW_OP_PUT, n);

	sw_put_text(&r->b, SW_F_QUEUE, queue);
	sw_put_text(&r->b, SW_F_BODY, "");
	sw_put_fmt(&r->b, SW_F_FAIR, "tenant-%d", fair);
	if (fair == EXPIRES)
		sw_put_int(&r->b, SW_F_EXPIRES_AT_MS, r->now_ms + 1000);
	sw_item_end(&r->b, mark);
	rig_send(r, RIG_ASKER);
}

/* --- lanes that are emptied otherwise ------------------------------------- */

enum { GONE = LANE_ENTRIES, LATE = GONE + 1, OTHER = 1000 };

/* Takes jobs of another fair key, which never run out, until the late one is
 * next. */
static void
late_job_is_handed_out(struct rig *r)
{
	uint64_t token;
	int n = OTHER, got = 0;

	put_of(r, n++, "q", 2);
	for (int i = 0; i < 10 && got != LATE; i++) {
		put_of(r, n++, "q", 2);
		got = rig_take(r, 1, &token);
	}
	assert_int_equal(got, LATE);
}

static void
a_lane_whose_first_jobs_are_cancelled_is_served(void **state)
{
	struct rig *r = *state;

	rig_hello(r, 1, "q", 0);
	for (int n = 1; n <= LATE; n++)
		put_of(r, n, "q", 3);
	for (int n = 1; n <= GONE; n++)
		assert_int_equal(rig_cancel(r, n), 0);
	late_job_is_handed_out(r);
}

static void
a_lane_whose_first_jobs_expire_is_served(void **state)
{
	struct rig *r = *state;

	rig_hello(r, 1, "q", 0);
	for (int n = 1; n <= GONE; n++)
		put_of(r, n, "q", EXPIRES);
	rig_pass(r, 500);
	put_of(r, LATE, "q", EXPIRES);
	rig_pass(r, 500);
	assert_int_equal(rig_state(r, GONE), SW_DEAD);
	late_job_is_handed_out(r);
}

/* --- queues that have no room in memory at once --------------------------- */

/* A worker of both queues, in this order. */
static void
hello_both(struct rig *r, const char *one, const char *other)
{
	size_t mark = rig_say(r, SW_OP_HELLO, 0);
	struct sw_item it;

	sw_put_text(&r->b, SW_F_WORKER, "worker");
	sw_item_end(&r->b, mark);
	mark = sw_item_begin(&r->b);
	sw_put_text(&r->b, SW_F_QUEUE, one);
	sw_item_end(&r->b, mark);
	mark = sw_item_begin(&r->b);
	sw_put_text(&r->b, SW_F_QUEUE, other);
	assert_int_equal(rig_ask(r, 1, SW_OP_HELLO, mark, &it), 0);
}

/* The lanes of "b" are passed in each turn, so each turn reads the next. */
static void
a_queue_that_was_read_is_served_before_another_takes_its_room(void **state)
{
	enum { LANES = 40, JOBS = 10 * LANES };
	struct rig *r = *state;

	r->core->lists.pool.most = 1;
	for (int n = 1; n <= JOBS; n++)
		put_of(r, n, "b", n % LANES + 2);
	put_of(r, JOBS + 1, "a", 2);
	hello_both(r, "a", "b");
	rig_want(r, 1, 10 * JOBS);
	for (int turn = 0; turn < 5; turn++)
		rig_pass(r, 0);
	assert_int_equal(rig_state(r, JOBS + 1), SW_LEASED);
	for (int turn = 0; turn < 2 * JOBS; turn++)
		rig_pass(r, 0);
	assert_int_equal(r->core->handed_out, JOBS + 1);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown_rows)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lane_whose_first_jobs_are_cancelled_is_served),
		TEST(a_lane_whose_first_jobs_expire_is_served),
		TEST(a_queue_that_was_read_is_served_before_another_takes_its_room),
	};

	return cmocka_run_group_tests_name("served", tests, NULL, NULL);
}
