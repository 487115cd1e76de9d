/* SPDX-License-Identifier: MIT */
/* The wall clock is set, and the machine boots: what does not change by that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/error.h"
#include "broker/time/clocks.h"
#include "tests/lib/rig.h"

#define HOUR_MS ((int64_t)3600 * 1000)
#define DAY_MS	(24 * HOUR_MS)

enum { WALL = 1000000, BOOT = 500 }; /* ms */

/* --- the clocks ----------------------------------------------------------- */

/* What a broker has stored that began at WALL and ran for a second. */
static struct stamp
stored_after_a_second(void)
{
	struct stamp s = {.format = STORE_FORMAT};
	struct clocks k;

	clocks_start(&k, NULL, 7, WALL, BOOT);
	clocks_set(&k, WALL + 1000, BOOT + 1000);
	clocks_store(&k, &s);
	return s;
}

static int64_t
started(const struct stamp *s, uint64_t boot, int64_t wall_ms, int64_t boot_ms)
{
	struct clocks k;

	clocks_start(&k, s, boot, wall_ms, boot_ms);
	return k.now_ms;
}

static void
a_start_in_the_same_boot_goes_on_exactly(void **unused)
{
	struct stamp s = stored_after_a_second();

	(void)unused;
	assert_int_equal(
		started(&s, 7, WALL + DAY_MS, BOOT + 1500), WALL + 1500);
	assert_int_equal(
		started(&s, 7, WALL - DAY_MS, BOOT + 1500), WALL + 1500);
	assert_int_equal(started(&s, 7, WALL, BOOT + DAY_MS), WALL + DAY_MS);
}

static void
a_start_in_another_boot_never_goes_back(void **unused)
{
	struct stamp s = stored_after_a_second();

	(void)unused;
	assert_int_equal(s.until_ms, WALL + 1000 + CLOCKS_AHEAD_MS);
	assert_int_equal(started(&s, 8, WALL + DAY_MS, 10), WALL + DAY_MS);
	assert_int_equal(started(&s, 8, WALL - DAY_MS, 10), s.until_ms);
	assert_int_equal(started(&s, 8, 0, DAY_MS), s.until_ms);
}

/* A number that is unknown is no sign of the same boot; nor is a boot clock
 * that shows an earlier time than it did. */
static void
a_start_that_cannot_be_of_the_same_boot_is_of_another(void **unused)
{
	struct stamp s = stored_after_a_second();

	(void)unused;
	assert_int_equal(started(&s, 7, WALL, BOOT + 999), s.until_ms);
	s.boot_id = 0;
	assert_int_equal(started(&s, 0, WALL, BOOT + DAY_MS), s.until_ms);
}

static void
the_time_is_stored_before_a_row_may_have_a_later_one(void **unused)
{
	struct stamp s;
	struct clocks k;

	(void)unused;
	clocks_start(&k, NULL, 7, WALL, BOOT);
	assert_true(clocks_are_due(&k));
	for (int ms = 0; ms < 10000; ms += 7) {
		clocks_set(&k, WALL + ms, BOOT + ms);
		if (clocks_are_due(&k))
			clocks_store(&k, &s);
		assert_true(s.until_ms > k.now_ms);
		assert_true(s.until_ms <= k.now_ms + CLOCKS_AHEAD_MS);
	}
}

/* Two clocks that are read one after the other are not read at once. */
static void
what_is_shown_follows_the_wall_clock_and_not_its_reading(void **unused)
{
	struct clocks k;

	(void)unused;
	clocks_start(&k, NULL, 7, WALL, BOOT);
	assert_int_equal(k.shown_ms, 0);
	clocks_set(&k, WALL + CLOCKS_APART_MS, BOOT);
	assert_int_equal(k.shown_ms, 0);
	clocks_set(&k, WALL - CLOCKS_APART_MS, BOOT);
	assert_int_equal(k.shown_ms, 0);
	clocks_set(&k, WALL + DAY_MS, BOOT);
	assert_int_equal(k.shown_ms, DAY_MS);
	clocks_set(&k, WALL + DAY_MS - 1, BOOT);
	assert_int_equal(k.shown_ms, DAY_MS);
	clocks_set(&k, WALL - DAY_MS, BOOT);
	assert_int_equal(k.shown_ms, -DAY_MS);
}

static void
the_number_of_the_boot_stays(void **unused)
{
	(void)unused;
	assert_int_not_equal(clock_boot_id(), 0);
	assert_int_equal(clock_boot_id(), clock_boot_id());
}

/* --- the broker ----------------------------------------------------------- */

static void
wall_jumps(struct rig *r, int64_t ms)
{
	r->now_ms += ms;
	rig_pass(r, 0);
}

/* A number of the last entry of the history; -1: none. */
static int64_t
last_event(struct rig *r, int n, enum sw_tag tag)
{
	struct sw_item event = rig_last_event(r, n);

	return sw_int(&event, tag, -1);
}

static void
jobs_run_in_the_order_of_their_puts(void **state)
{
	struct rig *r = *state;

	rig_put(r, 1, "q", "x");
	wall_jumps(r, -2 * HOUR_MS);
	rig_pass(r, 1000);
	rig_put(r, 2, "q", "x");
	wall_jumps(r, DAY_MS);
	rig_pass(r, 1000);
	rig_put(r, 3, "q", "x");
	rig_restart(r);
	wall_jumps(r, -3 * DAY_MS);
	rig_pass(r, 1000);
	rig_put(r, 4, "q", "x");
	r->boot_id++;
	r->mono_ms = 10;
	rig_restart(r);
	rig_pass(r, 1000);
	rig_put(r, 5, "q", "x");
	assert_string_equal(rig_drain(r, 1, "q"), "1 2 3 4 5");
}

/* They were not waiting for the time that the clock has left out. */
static void
jobs_that_a_jump_makes_due_come_behind_those_that_wait(void **state)
{
	struct rig *r = *state;

	rig_put_with(r, 1, SW_F_RUN_AT_MS, r->now_ms + HOUR_MS, NULL);
	rig_pass(r, 1000);
	rig_put(r, 2, "q", "x");
	rig_pass(r, 1000);
	wall_jumps(r, DAY_MS);
	rig_pass(r, 1000);
	rig_put(r, 3, "q", "x");
	assert_string_equal(rig_drain(r, 1, "q"), "2 1 3");
}

/* So jobs that became due while no broker ran start in their order. */
static void
jobs_that_became_due_meanwhile_start_in_the_order_of_their_times(void **state)
{
	struct rig *r = *state;

	rig_put_with(r, 1, SW_F_RUN_AT_MS, r->now_ms + 3 * HOUR_MS, NULL);
	rig_put_with(r, 2, SW_F_RUN_AT_MS, r->now_ms + 2 * HOUR_MS, NULL);
	r->now_ms += DAY_MS;
	r->mono_ms += DAY_MS;
	rig_restart(r);
	rig_pass(r, 0);
	assert_string_equal(rig_drain(r, 1, "q"), "2 1");
}

static void
an_id_is_remembered_for_its_retention(void **state)
{
	struct rig *r = *state;
	uint64_t token = rig_run(r, 1, "x");

	assert_int_equal(rig_set(r, "q", "retain_done_ms=1h"), 0);
	assert_int_equal(rig_done(r, 1, 1, token, SW_ACK, 0), 0);
	wall_jumps(r, DAY_MS);
	assert_int_equal(rig_state(r, 1), SW_DONE);
	rig_restart(r);
	wall_jumps(r, -2 * DAY_MS);
	rig_pass(r, HOUR_MS - 1);
	assert_int_equal(rig_state(r, 1), SW_DONE);
	rig_pass(r, 1);
	assert_int_equal(rig_state(r, 1), SW_NONE);
}

static void
an_attempt_lasts_as_long_as_it_lasts(void **state)
{
	struct rig *r = *state;
	uint64_t token = rig_run(r, 1, "x");

	rig_pass(r, 700);
	wall_jumps(r, -DAY_MS);
	assert_int_equal(rig_done(r, 1, 1, token, SW_ACK, 0), 0);
	assert_int_equal(last_event(r, 1, SW_F_DURATION_MS), 700);
	token = rig_run(r, 2, "x");
	wall_jumps(r, DAY_MS);
	rig_restart(r);
	rig_pass(r, 300);
	assert_int_equal(rig_done(r, 1, 2, token, SW_ACK, 0), 0);
	assert_int_equal(last_event(r, 2, SW_F_DURATION_MS), 300);
	assert_true(r->core->queues[0]->run_ms >= 0);
	assert_true(r->core->queues[0]->run_ms < 1000);
}

static void
a_delay_a_back_off_and_an_expiry_are_as_long_as_they_were_to_be(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	token = rig_run(r, 3, "x");
	rig_put_with(r, 1, SW_F_DELAY_MS, HOUR_MS, NULL);
	rig_put_with(r, 2, SW_F_EXPIRES_AT_MS, r->now_ms + HOUR_MS, NULL);
	assert_int_equal(rig_set(r, "q", "paused=yes"), 0);
	assert_int_equal(rig_done(r, 1, 3, token, SW_RETRY, SW_C_ERROR), 0);
	wall_jumps(r, DAY_MS);
	assert_int_equal(rig_state(r, 1), SW_DELAYED);
	assert_int_equal(rig_state(r, 2), SW_READY);
	wall_jumps(r, -2 * DAY_MS);
	rig_pass(r, HOUR_MS - 1);
	assert_int_equal(rig_state(r, 1), SW_DELAYED);
	assert_int_equal(rig_state(r, 2), SW_READY);
	assert_int_equal(rig_state(r, 3), SW_READY);
	rig_pass(r, 1);
	assert_int_equal(rig_state(r, 1), SW_READY);
	assert_int_equal(rig_state(r, 2), SW_DEAD);
}

static void
only_a_time_of_the_wall_clock_follows_it(void **state)
{
	struct rig *r = *state;
	int64_t at = r->now_ms + HOUR_MS;

	rig_put_with(r, 1, SW_F_RUN_AT_MS, at, NULL);
	rig_restart(r);
	wall_jumps(r, -DAY_MS);
	rig_pass(r, 2 * HOUR_MS);
	assert_int_equal(rig_state(r, 1), SW_DELAYED);
	assert_int_equal(rig_shown(r, 1, SW_F_RUN_AT_MS), at);
	wall_jumps(r, at - r->now_ms - 1);
	assert_int_equal(rig_state(r, 1), SW_DELAYED);
	wall_jumps(r, 1);
	assert_int_equal(rig_state(r, 1), SW_READY);
}

/* As the present wall clock has them, so that "an hour ago" is an hour ago. */
static void
times_are_shown_by_the_present_wall_clock(void **state)
{
	struct rig *r = *state;
	int64_t put_ms = r->now_ms;
	uint64_t token = rig_run(r, 1, "x");

	rig_put_with(r, 2, SW_F_EXPIRES_AT_MS, put_ms + HOUR_MS, NULL);
	assert_int_equal(rig_shown(r, 2, SW_F_EXPIRES_AT_MS), put_ms + HOUR_MS);
	rig_pass(r, 1000);
	assert_int_equal(rig_done(r, 1, 1, token, SW_FAIL, SW_C_PERMANENT), 0);
	assert_int_equal(rig_shown(r, 1, SW_F_CREATED_AT_MS), put_ms);
	assert_int_equal(rig_shown(r, 1, SW_F_ENDED_AT_MS), put_ms + 1000);
	wall_jumps(r, DAY_MS);
	assert_int_equal(rig_shown(r, 1, SW_F_CREATED_AT_MS), put_ms + DAY_MS);
	assert_int_equal(
		rig_shown(r, 1, SW_F_ENDED_AT_MS), put_ms + DAY_MS + 1000);
	assert_int_equal(last_event(r, 1, SW_F_AT_MS), put_ms + DAY_MS + 1000);
	assert_int_equal(rig_shown(r, 2, SW_F_RUN_AT_MS), put_ms + DAY_MS);
	wall_jumps(r, -DAY_MS);
	assert_int_equal(rig_shown(r, 1, SW_F_CREATED_AT_MS), put_ms);
}

static void
an_expiry_long_past_is_past_by_any_clock(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rig_set(r, "q", "paused=yes"), 0);
	wall_jumps(r, DAY_MS);
	rig_put_with(r, 1, SW_F_EXPIRES_AT_MS, 1, NULL);
	rig_pass(r, 0);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
}

/* A job that was due as the broker started stands before those that come. */
static void
a_restart_ranks_no_job_in_the_future(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rig_set(r, "q", "paused=yes"), 0);
	rig_put_with(r, 1, SW_F_RUN_AT_MS, r->now_ms + 10, NULL);
	r->now_ms += 20;
	r->mono_ms += 20;
	rig_restart(r);
	rig_pass(r, 0);
	rig_pass(r, 1);
	rig_put(r, 2, "q", "x");
	assert_int_equal(rig_set(r, "q", "paused=no"), 0);
	assert_string_equal(rig_drain(r, 1, "q"), "1 2");
}

static int64_t
dead_between(struct rig *r, int64_t since_ms, int64_t until_ms)
{
	struct sw_item it;
	size_t mark;
	int64_t n = 0;

	rig_begin(r, SW_OP_LIST);
	mark = sw_item_begin(&r->b);
	sw_put_int(&r->b, SW_F_SINCE_MS, since_ms);
	sw_put_int(&r->b, SW_F_UNTIL_MS, until_ms);
	assert_int_equal(rig_ask(r, RIG_ASKER, SW_OP_LIST, mark, &it), 0);
	while (rig_item(r, RIG_ASKER, SW_OP_LIST | SW_REPLY, (int)n + 1, &it))
		n++;
	return n;
}

static void
a_list_selects_by_the_times_that_it_shows(void **state)
{
	struct rig *r = *state;
	uint64_t token = rig_run(r, 1, "x");

	assert_int_equal(rig_done(r, 1, 1, token, SW_FAIL, SW_C_PERMANENT), 0);
	wall_jumps(r, DAY_MS);
	assert_int_equal(dead_between(r, r->now_ms, r->now_ms), 1);
	assert_int_equal(dead_between(r, r->now_ms + 1, INT64_MAX), 0);
	assert_int_equal(dead_between(r, 0, r->now_ms - 1), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown_rows)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_start_in_the_same_boot_goes_on_exactly),
		cmocka_unit_test(a_start_in_another_boot_never_goes_back),
		cmocka_unit_test(
			a_start_that_cannot_be_of_the_same_boot_is_of_another),
		cmocka_unit_test(
			the_time_is_stored_before_a_row_may_have_a_later_one),
		cmocka_unit_test(
			what_is_shown_follows_the_wall_clock_and_not_its_reading),
		cmocka_unit_test(the_number_of_the_boot_stays),
		T(jobs_run_in_the_order_of_their_puts),
		T(jobs_that_a_jump_makes_due_come_behind_those_that_wait),
		T(jobs_that_became_due_meanwhile_start_in_the_order_of_their_times),
		T(an_id_is_remembered_for_its_retention),
		T(an_attempt_lasts_as_long_as_it_lasts),
		T(a_delay_a_back_off_and_an_expiry_are_as_long_as_they_were_to_be),
		T(only_a_time_of_the_wall_clock_follows_it),
		T(times_are_shown_by_the_present_wall_clock),
		T(an_expiry_long_past_is_past_by_any_clock),
		T(a_restart_ranks_no_job_in_the_future),
		T(a_list_selects_by_the_times_that_it_shows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
