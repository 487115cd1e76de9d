/* SPDX-License-Identifier: MIT */
/* When a job that failed runs again, and behind which others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "tests/lib/rig.h"

/* --- the place of a job that comes back ----------------------------------- */

static void
a_retried_job_is_behind_those_that_were_ready_before(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	assert_int_equal(rig_set(r, "q", "backoff_ms=0"), 0);
	assert_int_equal(rig_put(r, 1, "q", "fails"), 0);
	rig_pass(r, 1);
	assert_int_equal(rig_put(r, 2, "q", ""), 0);
	assert_int_equal(rig_put(r, 3, "q", ""), 0);
	rig_pass(r, 1);
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	assert_int_equal(rig_done(r, 1, 1, token, SW_RETRY, SW_C_ERROR), 0);
	rig_pass(r, 0);
	assert_int_equal(rig_state(r, 1), SW_READY);
	rig_restart(r);
	assert_string_equal(rig_drain(r, 1, "q"), "2 3 1");
}

static void
a_job_that_is_handed_back_again_and_again_lets_others_run(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	assert_int_equal(rig_set(r, "q", "backoff_ms=0"), 0);
	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	rig_pass(r, 1);
	assert_int_equal(rig_put(r, 2, "q", ""), 0);
	rig_pass(r, 1);
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	assert_int_equal(rig_extend(r, 1, 1, token, 1), 0);
	assert_int_equal(rig_done(r, 1, 1, token, SW_RELEASE, SW_C_DRAIN), 0);
	assert_string_equal(rig_drain(r, 1, "q"), "2 1");
}

/* Nothing has run of it, so that nothing is to be paid for. */
static void
a_job_that_had_not_begun_is_handed_back_to_its_old_place(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	rig_pass(r, 1);
	assert_int_equal(rig_put(r, 2, "q", ""), 0);
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	assert_int_equal(rig_done(r, 1, 1, token, SW_RELEASE, SW_C_DRAIN), 0);
	assert_string_equal(rig_drain(r, 1, "q"), "1 2");
}

static void
redrive(struct rig *r, int64_t rate)
{
	size_t mark = rig_say(r, SW_OP_REDRIVE, 0);
	struct sw_item it;

	if (rate > 0)
		sw_put_int(&r->b, SW_F_RATE, rate);
	assert_int_equal(rig_ask(r, 1, SW_OP_REDRIVE, mark, &it), 0);
}

static void
put_urgent(struct rig *r, int n, int priority)
{
	size_t mark = rig_say(r, SW_OP_PUT, n);
	struct sw_item it;

	sw_put_text(&r->b, SW_F_QUEUE, "q");
	sw_put_text(&r->b, SW_F_BODY, "");
	sw_put_int(&r->b, SW_F_PRIORITY, priority);
	assert_int_equal(rig_ask(r, 2, SW_OP_PUT, mark, &it), 0);
}

/* With its first rank a job that died an hour ago would be before all. */
static void
redriven_jobs_are_behind_new_urgent_ones(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	for (int n = 1; n <= 3; n++) {
		token = rig_run(r, n, "");
		assert_int_equal(
			rig_done(r, 1, n, token, SW_FAIL, SW_C_ERROR), 0);
	}
	rig_pass(r, 3600000);
	put_urgent(r, 4, 5);
	redrive(r, 0);
	put_urgent(r, 5, 5);
	assert_string_equal(rig_drain(r, 1, "q"), "4 5 1 2 3");
}

static void
a_slow_redrive_puts_each_job_behind_those_of_its_time(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	for (int n = 1; n <= 2; n++) {
		token = rig_run(r, n, "");
		assert_int_equal(
			rig_done(r, 1, n, token, SW_FAIL, SW_C_ERROR), 0);
	}
	rig_pass(r, 3600000);
	redrive(r, 1);
	rig_pass(r, 500);
	assert_int_equal(rig_put(r, 3, "q", ""), 0);
	rig_pass(r, 500);
	assert_string_equal(rig_drain(r, 1, "q"), "1 3 2");
}

static void
a_past_run_at_does_not_jump_the_line(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	size_t mark;

	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	rig_pass(r, 1);
	mark = rig_say(r, SW_OP_PUT, 2);
	sw_put_text(&r->b, SW_F_QUEUE, "q");
	sw_put_text(&r->b, SW_F_BODY, "");
	sw_put_int(&r->b, SW_F_RUN_AT_MS, r->now_ms - 3600000);
	assert_int_equal(rig_ask(r, 2, SW_OP_PUT, mark, &it), 0);
	assert_string_equal(rig_drain(r, 1, "q"), "1 2");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown_rows)
	const struct CMUnitTest tests[] = {
		T(a_retried_job_is_behind_those_that_were_ready_before),
		T(a_job_that_is_handed_back_again_and_again_lets_others_run),
		T(a_job_that_had_not_begun_is_handed_back_to_its_old_place),
		T(redriven_jobs_are_behind_new_urgent_ones),
		T(a_slow_redrive_puts_each_job_behind_those_of_its_time),
		T(a_past_run_at_does_not_jump_the_line),
	};

	return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
