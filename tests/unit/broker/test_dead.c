/* SPDX-License-Identifier: MIT */
/* Dead jobs: history, redrive and purge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "tests/lib/rig.h"

/* Selects all dead jobs of queue q, or one of them; returns COUNT. */
static int64_t
over_dead_id(struct rig *r, int op, unsigned flags, int64_t rate, int n)
{
	struct sw_id id = rig_id(n);
	struct sw_item it;
	size_t mark;

	rig_begin(r, op);
	le_set(r->b.p + 4, 2, flags);
	mark = sw_item_begin(&r->b);
	sw_put_text(&r->b, SW_F_QUEUE, "q");
	if (n > 0)
		sw_put_id(&r->b, &id);
	if (rate > 0)
		sw_put_int(&r->b, SW_F_RATE, rate);
	assert_int_equal(rig_ask(r, 100, op, mark, &it), 0);
	return sw_int(&it, SW_F_COUNT, -1);
}

static int64_t
over_dead(struct rig *r, int op, unsigned flags, int64_t rate)
{
	return over_dead_id(r, op, flags, rate, 0);
}

static void
kill_jobs(struct rig *r, int n)
{
	uint64_t token;

	rig_hello(r, 1, "q", 0);
	for (int i = 1; i <= n; i++) {
		rig_put(r, i, "q", "x");
		assert_int_equal(rig_take(r, 1, &token), i);
		rig_done(r, 1, i, token, SW_FAIL, SW_C_PERMANENT);
	}
}

/* Counts the entries of that kind in the history. */
static int
events_of(struct rig *r, int n, enum sw_event kind)
{
	struct sw_item it, event;
	struct bytes raw;
	size_t at = 0;
	int found = 0;

	rig_get(r, n, &it);
	while (sw_item_each(&it, SW_F_EVENT, &at, &raw)) {
		assert_int_equal(sw_item_open(raw, &event), 0);
		found += sw_int(&event, SW_F_KIND, 0) == kind;
	}
	return found;
}

static void
every_attempt_is_in_the_ledger_of_the_dead(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	assert_int_equal(rig_set(r, "q", "max_attempts=5"), 0);
	rig_put(r, 1, "q", "x");
	for (int i = 0; i < 5; i++) {
		rig_hello(r, 1, "q", 0);
		assert_int_equal(rig_take(r, 1, &token), 1);
		rig_done(r, 1, 1, token, SW_RETRY, SW_C_ERROR);
		rig_pass(r, 3600000);
	}
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	assert_int_equal(events_of(r, 1, SW_EV_PUT), 1);
	assert_int_equal(events_of(r, 1, SW_EV_ATTEMPT), 5);
}

static void
the_dead_come_back_by_redrive_and_keep_their_history(void **state)
{
	struct rig *r = *state;

	kill_jobs(r, 10);
	assert_int_equal(over_dead(r, SW_OP_LIST, 0, 0), 10);
	assert_int_equal(over_dead(r, SW_OP_REDRIVE, SW_FLAG_DRY_RUN, 0), 10);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	assert_int_equal(over_dead(r, SW_OP_REDRIVE, 0, 0), 10);
	assert_int_equal(over_dead(r, SW_OP_LIST, 0, 0), 0);
	assert_string_equal(rig_drain(r, 1, "q"), "1 2 3 4 5 6 7 8 9 10");
	assert_int_equal(events_of(r, 1, SW_EV_ATTEMPT), 1);
	assert_int_equal(events_of(r, 1, SW_EV_REDRIVE), 1);
	assert_int_equal(events_of(r, 1, SW_EV_DONE), 1);
}

/* The job of a listing by state, and by MATCH unless NULL; returns COUNT. */
static int64_t
listed(struct rig *r, enum sw_state state, const char *match,
	struct sw_item *job)
{
	size_t mark = rig_say(r, SW_OP_LIST, 0);
	struct sw_item it;

	sw_put_int(&r->b, SW_F_STATE, state);
	if (match != NULL)
		sw_put_text(&r->b, SW_F_MATCH, match);
	assert_int_equal(rig_ask(r, 100, SW_OP_LIST, mark, &it), 0);
	(void)rig_item(r, 100, SW_OP_LIST | SW_REPLY, 1, job);
	return sw_int(&it, SW_F_COUNT, -1);
}

/* One attempt ends by itself, with an error text. */
static void
fail_with(struct rig *r, int outcome, const char *error)
{
	rig_hello(r, 1, "q", 0);
	rig_fail(r, 1, outcome, SW_C_ERROR, error);
}

/* A redrive clears the cause, and a retry does not. */
static void
a_done_job_has_its_errors_in_its_history_alone(void **state)
{
	struct rig *r = *state;
	struct sw_item it;

	rig_put(r, 1, "q", "x");
	fail_with(r, SW_FAIL, "it rained");
	assert_int_equal(listed(r, SW_DEAD, "rain", &it), 1);
	assert_true(
		bytes_eq(sw_bytes(&it, SW_F_ERROR), bytes_str("it rained")));
	assert_int_equal(over_dead(r, SW_OP_REDRIVE, 0, 0), 1);
	fail_with(r, SW_RETRY, "it snowed");
	rig_pass(r, 3600000);
	assert_int_equal(listed(r, SW_READY, "snow", &it), 1);
	assert_int_equal(sw_int(&it, SW_F_CAUSE, 0), SW_C_ERROR);
	assert_string_equal(rig_drain(r, 1, "q"), "1");

	assert_int_equal(listed(r, SW_DONE, NULL, &it), 1);
	assert_false(sw_has(&it, SW_F_ERROR));
	assert_false(sw_has(&it, SW_F_CAUSE));
	assert_int_equal(listed(r, SW_DONE, "snow", &it), 0);
	assert_int_equal(events_of(r, 1, SW_EV_ATTEMPT), 2);
	assert_string_equal(rig_why(r, 1),
		"the job ended 0ms ago: attempt 2 took 0ms on worker worker-1");
}

static void
why_says_how_attempts_failed_and_what_to_do(void **state)
{
	struct rig *r = *state;

	rig_put_with(r, 1, SW_F_MAX_ATTEMPTS, 2, NULL);
	assert_int_equal(rig_set(r, "q", "backoff_ms=0"), 0);
	fail_with(r, SW_RETRY, "a trace\nno such \xff host\n\n");
	rig_pass(r, 1);
	assert_string_equal(rig_why(r, 1),
		"all slots of the 1 workers of queue q are taken; 1 jobs are "
		"ready; 1 of 2 attempts have failed; last error: no such ? "
		"host");
	fail_with(r, SW_RETRY, "it snowed");
	rig_pass(r, 250 * 1000);
	assert_string_equal(rig_why(r, 1),
		"the job died 4m10s ago, cause error, after 2 of 2 attempts; "
		"last error: it snowed; spillway dead redrive makes it ready");
}

static void
why_says_when_the_next_attempt_is(void **state)
{
	struct rig *r = *state;
	struct sw_id id = rig_id(1);
	struct sw_item it;
	uint64_t token;
	size_t mark;

	rig_hello(r, 1, "q", 0);
	rig_put(r, 1, "q", "x");
	assert_int_equal(rig_take(r, 1, &token), 1);
	mark = rig_report(r, &id, token, SW_RETRY, SW_C_ERROR);
	sw_put_int(&r->b, SW_F_DELAY_MS, 250 * 1000);
	sw_put_text(&r->b, SW_F_ERROR, "it hailed");
	assert_int_equal(rig_ask(r, 1, SW_OP_DONE, mark, &it), 0);
	rig_set(r, "q", "max_attempts=25");
	assert_string_equal(rig_why(r, 1),
		"attempt 1 of 25 failed; the next one starts in 4m10s; last "
		"error: it hailed");
}

static void
why_names_what_holds_a_retry_up(void **state)
{
	struct rig *r = *state;
	uint64_t token = rig_run(r, 1, "x");

	rig_set(r, "q", "max_attempts=25");
	rig_done(r, 1, 1, token, SW_RETRY, SW_C_TIMEOUT);
	assert_non_null(strstr(rig_why(r, 1),
		"attempt 1 of 25 failed, cause timeout; the next one starts "
		"in "));
	assert_null(strstr(rig_why(r, 1), "paused"));
	rig_set(r, "q", "paused=yes");
	assert_non_null(strstr(rig_why(r, 1), "; queue q is paused"));
}

/* A history of 40 failures has the first, the newest, and the others' number.
 */
static void
entries_that_a_history_leaves_out_are_counted(void **state)
{
	struct rig *r = *state;

	rig_put_with(r, 1, SW_F_MAX_ATTEMPTS, 40, NULL);
	rig_set(r, "q", "backoff_ms=0");
	for (int i = 0; i < 40; i++) {
		fail_with(r, SW_RETRY, "again");
		rig_pass(r, 1);
	}
	assert_int_equal(events_of(r, 1, SW_EV_ATTEMPT), RECORD_EVENTS);
	assert_int_equal(rig_shown(r, 1, SW_F_COUNT), 40 - RECORD_EVENTS);
}

static void
a_redrive_with_a_rate_spreads_the_jobs(void **state)
{
	struct rig *r = *state;

	kill_jobs(r, 10);
	assert_int_equal(over_dead(r, SW_OP_REDRIVE, 0, 2), 10);
	assert_string_equal(rig_drain(r, 1, "q"), "1");
	rig_pass(r, 1000);
	assert_string_equal(rig_drain(r, 1, "q"), "2 3");
	rig_pass(r, 10000);
	assert_string_equal(rig_drain(r, 1, "q"), "4 5 6 7 8 9 10");
}

/* A delay that would pass the year 9999 is cut. */
static void
a_redrive_with_a_time_between_two_jobs_spreads_them(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	size_t mark;

	kill_jobs(r, 3);
	mark = rig_say(r, SW_OP_REDRIVE, 0);
	sw_put_int(&r->b, SW_F_DELAY_MS, 6000);
	sw_put_int(&r->b, SW_F_LIMIT, 2);
	assert_int_equal(rig_ask(r, 100, SW_OP_REDRIVE, mark, &it), 0);
	mark = rig_say(r, SW_OP_REDRIVE, 0);
	sw_put_int(&r->b, SW_F_DELAY_MS, INT64_MAX / 2);
	sw_put_int(&r->b, SW_F_OFFSET, 3);
	assert_int_equal(rig_ask(r, 100, SW_OP_REDRIVE, mark, &it), 0);
	assert_string_equal(rig_drain(r, 1, "q"), "1");
	rig_pass(r, 5999);
	assert_string_equal(rig_drain(r, 1, "q"), "");
	rig_pass(r, 1);
	assert_string_equal(rig_drain(r, 1, "q"), "2");
	assert_int_equal(rig_state(r, 3), SW_DELAYED);
	assert_in_range(
		rig_shown(r, 3, SW_F_RUN_AT_MS), r->now_ms, SW_TIME_MAX_MS);
}

static void
the_dead_stay_for_ever_until_a_person_purges_them(void **state)
{
	struct rig *r = *state;

	kill_jobs(r, 3);
	rig_pass(r, 366LL * 24 * 3600 * 1000);
	assert_int_equal(rig_state(r, 3), SW_DEAD);
	assert_int_equal(over_dead(r, SW_OP_PURGE, SW_FLAG_DRY_RUN, 0), 3);
	assert_int_equal(over_dead(r, SW_OP_PURGE, 0, 0), 3);
	assert_int_equal(rig_state(r, 3), SW_NONE);
}

static void
a_selector_with_an_id_touches_that_job_alone(void **state)
{
	struct rig *r = *state;

	kill_jobs(r, 3);
	assert_int_equal(over_dead_id(r, SW_OP_LIST, 0, 0, 2), 1);
	assert_int_equal(over_dead_id(r, SW_OP_PURGE, 0, 0, 2), 1);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	assert_int_equal(rig_state(r, 2), SW_NONE);
	assert_int_equal(over_dead_id(r, SW_OP_REDRIVE, 0, 0, 3), 1);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	assert_int_equal(rig_state(r, 3), SW_READY);
	assert_int_equal(over_dead_id(r, SW_OP_PURGE, 0, 0, 9), 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(every_attempt_is_in_the_ledger_of_the_dead),
		T(the_dead_come_back_by_redrive_and_keep_their_history),
		T(a_done_job_has_its_errors_in_its_history_alone),
		T(why_says_how_attempts_failed_and_what_to_do),
		T(why_says_when_the_next_attempt_is),
		T(why_names_what_holds_a_retry_up),
		T(entries_that_a_history_leaves_out_are_counted),
		T(a_redrive_with_a_rate_spreads_the_jobs),
		T(a_redrive_with_a_time_between_two_jobs_spreads_them),
		T(the_dead_stay_for_ever_until_a_person_purges_them),
		T(a_selector_with_an_id_touches_that_job_alone),
	};

	return cmocka_run_group_tests_name("dead", tests, NULL, NULL);
}
