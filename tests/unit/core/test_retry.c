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

/* Jobs 1 to `n` are dead. */
static void
jobs_kill(struct rig *r, int n)
{
	for (int i = 1; i <= n; i++) {
		uint64_t token = rig_run(r, i, "");

		assert_int_equal(
			rig_done(r, 1, i, token, SW_FAIL, SW_C_ERROR), 0);
	}
}

/* With its first rank a job that died an hour ago would be before all. */
static void
redriven_jobs_are_behind_new_urgent_ones(void **state)
{
	struct rig *r = *state;

	jobs_kill(r, 3);
	rig_pass(r, 3600000);
	rig_put_with(r, 4, SW_F_PRIORITY, 5, NULL);
	redrive(r, 0);
	rig_put_with(r, 5, SW_F_PRIORITY, 5, NULL);
	assert_string_equal(rig_drain(r, 1, "q"), "4 5 1 2 3");
}

static void
a_slow_redrive_puts_each_job_behind_those_of_its_time(void **state)
{
	struct rig *r = *state;

	jobs_kill(r, 2);
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

/* --- how long a job waits ------------------------------------------------- */

/* Takes job `n`, which fails, and returns the wait before its next attempt; -1:
 * it is dead. */
static int64_t
fail_once(struct rig *r, int n)
{
	uint64_t token;

	assert_int_equal(rig_take(r, 1, &token), n);
	assert_int_equal(rig_done(r, 1, n, token, SW_RETRY, SW_C_ERROR), 0);
	if (rig_state(r, n) == SW_DEAD)
		return -1;
	return rig_shown(r, n, SW_F_RUN_AT_MS) - r->now_ms;
}

/* A failing job of a queue without settings; its whole life in ms. */
static int64_t
life_of(struct rig *r, int n)
{
	int64_t bound = 10000, cap = 3 * 3600 * 1000, life = 0, wait;
	int attempts = 1;

	assert_int_equal(rig_put(r, n, "q", ""), 0);
	for (;; attempts++, bound = 2 * bound < cap ? 2 * bound : cap) {
		assert_int_equal(rig_hello(r, 1, "q", 0), 0);
		wait = fail_once(r, n);
		if (wait < 0)
			break;
		assert_in_range(wait, bound * 3 / 4, bound * 5 / 4);
		life += wait;
		rig_pass(r, wait);
	}
	assert_int_equal(attempts, 25);
	return life;
}

static void
by_default_a_failing_job_is_tried_25_times_over_33_to_56_hours(void **state)
{
	struct rig *r = *state;

	for (int n = 1; n <= 20; n++)
		assert_in_range(life_of(r, n) / 60000, 33 * 60, 56 * 60);
}

/* Of jobs that failed together some come back early and some late, and not in
 * the same order each time. */
static void
jitter_spreads_jobs_that_failed_together(void **state)
{
	enum { JOBS = 200, BOUND = 10000 };
	struct rig *r = *state;
	int64_t wait[2][JOBS];
	int early = 0, late = 0, same = 0;

	for (int n = 0; n < JOBS; n++) {
		assert_int_equal(rig_put(r, n + 1, "q", ""), 0);
		assert_int_equal(rig_hello(r, 1, "q", 0), 0);
		wait[0][n] = fail_once(r, n + 1);
		early += wait[0][n] < BOUND * 85 / 100;
		late += wait[0][n] > BOUND * 115 / 100;
		rig_pass(r, wait[0][n]);
		wait[1][n] = fail_once(r, n + 1);
		same += wait[1][n] / 2 == wait[0][n];
		assert_int_equal(rig_cancel(r, n + 1), 0);
	}
	assert_in_range(early, JOBS / 10, JOBS * 3 / 10);
	assert_in_range(late, JOBS / 10, JOBS * 3 / 10);
	assert_in_range(same, 0, JOBS / 10);
}

/* --- what counts as a crash ----------------------------------------------- */

static void
out_of_memory_is_a_crash(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rig_set(r, "q", "max_crashes=2"), 0);
	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	for (int i = 1; i <= 2; i++) {
		uint64_t token;

		assert_int_equal(rig_hello(r, 1, "q", 0), 0);
		assert_int_equal(rig_take(r, 1, &token), 1);
		assert_int_equal(
			rig_done(r, 1, 1, token, SW_RETRY, SW_C_OOM), 0);
		assert_int_equal(
			rig_state(r, 1), i == 1 ? SW_DELAYED : SW_DEAD);
		rig_pass(r, 3600000);
	}
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
		T(by_default_a_failing_job_is_tried_25_times_over_33_to_56_hours),
		T(jitter_spreads_jobs_that_failed_together),
		T(out_of_memory_is_a_crash),
	};

	return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
