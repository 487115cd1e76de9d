/* SPDX-License-Identifier: MIT */
/*
 * What a worker is told of its queue and tells of an attempt, and what the end
 * of a lease costs: of a begun job an attempt; else nothing, up to a limit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/error.h"
#include "tests/lib/rig.h"

/* --- settings that travel with a job -------------------------------------- */

static void
job_lacks_settings(struct rig *r, int who)
{
	struct sw_item it;

	assert_true(rig_item(r, who, SW_OP_JOBS, 0, &it));
	assert_false(sw_has(&it, SW_F_SETTING));
}

static void
a_job_tells_its_worker_the_settings_that_are_not_the_default(void **state)
{
	static const char *const sent[] = {
		"drain=1", "memory_limit=67108864", "files_limit=64"};
	struct rig *r = *state;
	struct sw_item it;
	struct bytes s;
	size_t at = 0;
	int n = 0;

	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	assert_int_equal(rig_put(r, 2, "q", ""), 0);
	assert_int_equal(rig_hello(r, 1, "q", 1), 0);
	job_lacks_settings(r, 1);
	assert_int_equal(rig_set(r, "q", "drain=term"), 0);
	assert_int_equal(rig_set(r, "q", "memory_limit=64m"), 0);
	assert_int_equal(rig_set(r, "q", "files_limit=64"), 0);
	assert_int_equal(rig_set(r, "q", "max_releases=1"), 0);
	rig_want(r, 1, 2);
	assert_true(rig_item(r, 1, SW_OP_JOBS, 0, &it));
	for (; sw_item_each(&it, SW_F_SETTING, &at, &s); n++)
		assert_true(bytes_eq(s, bytes_str(sent[n])));
	assert_int_equal(n, 3);
}

static void
a_job_tells_its_worker_how_often_it_has_crashed(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	uint64_t token = rig_run(r, 1, "");

	assert_int_equal(rig_done(r, 1, 1, token, SW_RETRY, SW_C_CRASH), 0);
	rig_pass(r, 3600000);
	rig_pass(r, 0);
	assert_int_equal(rig_hello(r, 1, "q", 1), 0);
	assert_true(rig_item(r, 1, SW_OP_JOBS, 0, &it));
	assert_int_equal(sw_int(&it, SW_F_CRASHES, 0), 1);
}

/* --- what the history keeps of a report ----------------------------------- */

static void
report_with_texts(struct rig *r, int n, uint64_t token, int outcome)
{
	static char text[SW_ERROR_MAX];
	struct sw_id id = rig_id(n);
	size_t mark = rig_report(r, &id, token, outcome, SW_C_ERROR);
	struct sw_item it;

	memset(text, 'x', sizeof(text));
	sw_put_bytes(&r->b, SW_F_ERROR, bytes_of(text, sizeof(text)));
	memset(text, 'o', sizeof(text));
	sw_put_bytes(&r->b, SW_F_OUTPUT, bytes_of(text, sizeof(text)));
	for (int i = 0; i < SW_WARNINGS_MAX + 5; i++)
		sw_put_bytes(
			&r->b, SW_F_WARNING, bytes_of(text, SW_WARNING_MAX));
	assert_int_equal(rig_ask(r, 1, SW_OP_DONE, mark, &it), 0);
}

static int
warnings_of(const struct sw_item *event)
{
	struct bytes w;
	size_t at = 0;
	int n = 0;

	while (sw_item_each(event, SW_F_WARNING, &at, &w))
		n++;
	return n;
}

static void
the_history_has_output_of_done_errors_of_failed_attempts(void **state)
{
	struct rig *r = *state;
	struct sw_item ev;
	uint64_t token;

	token = rig_run(r, 1, "");
	assert_int_equal(rig_put(r, 2, "q", ""), 0);
	report_with_texts(r, 1, token, SW_ACK);
	ev = rig_last_event(r, 1);
	assert_int_equal(sw_bytes(&ev, SW_F_OUTPUT).len, SW_ERROR_MAX);
	assert_false(sw_has(&ev, SW_F_ERROR));
	assert_int_equal(warnings_of(&ev), SW_WARNINGS_MAX);

	assert_int_equal(rig_take(r, 1, &token), 2);
	report_with_texts(r, 2, token, SW_FAIL);
	ev = rig_last_event(r, 2);
	assert_int_equal(sw_bytes(&ev, SW_F_ERROR).len, SW_ERROR_MAX);
	assert_false(sw_has(&ev, SW_F_OUTPUT));
	assert_int_equal(warnings_of(&ev), SW_WARNINGS_MAX);
}

/* --- leases that end by silence ------------------------------------------- */

enum { LEASE_MS = 4000, LONG_MS = 3600000 };

static void
counts_are(struct rig *r, int n, int64_t attempts, int64_t releases,
	int64_t lapses)
{
	assert_int_equal(rig_shown(r, n, SW_F_ATTEMPT), attempts);
	assert_int_equal(rig_shown(r, n, SW_F_RELEASES), releases);
	assert_int_equal(rig_shown(r, n, SW_F_LAPSES), lapses);
}

/* Takes the only job, which must be there; begun or not. */
static uint64_t
taken(struct rig *r, int n, int begun)
{
	uint64_t token;

	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), n);
	if (begun)
		assert_int_equal(rig_extend(r, 1, n, token, 1), 0);
	return token;
}

static void
a_begun_job_whose_worker_is_silent_costs_an_attempt(void **state)
{
	struct rig *r = *state;
	struct sw_item ev;

	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	(void)taken(r, 1, 1);
	assert_int_equal(rig_shown(r, 1, SW_F_BEGUN), 1);
	rig_pass(r, LEASE_MS);
	assert_int_equal(rig_state(r, 1), SW_DELAYED);
	counts_are(r, 1, 1, 0, 0);
	ev = rig_last_event(r, 1);
	assert_int_equal(sw_int(&ev, SW_F_OUTCOME, 0), SW_RETRY);
	assert_int_equal(sw_int(&ev, SW_F_CAUSE, 0), SW_C_LOST);
}

static void
an_unbegun_job_whose_worker_is_silent_is_ready_again_and_free(void **state)
{
	struct rig *r = *state;
	struct sw_item ev;

	rig_put_with(r, 1, SW_F_MAX_ATTEMPTS, 1, NULL);
	(void)taken(r, 1, 0);
	assert_int_equal(rig_shown(r, 1, SW_F_BEGUN), 0);
	rig_pass(r, LEASE_MS);
	assert_int_equal(rig_state(r, 1), SW_READY);
	counts_are(r, 1, 0, 0, 1);
	ev = rig_last_event(r, 1);
	assert_int_equal(sw_int(&ev, SW_F_OUTCOME, 0), SW_RELEASE);
	assert_int_equal(sw_int(&ev, SW_F_CAUSE, 0), SW_C_LOST);
	assert_non_null(strstr(rig_why(r, 1),
		"; 1 of its leases ended by silence or a crash before it had "
		"begun, or by a fault of its worker"));
}

static void
a_job_that_kills_each_worker_before_it_begins_is_dead_in_the_end(void **state)
{
	struct rig *r = *state;
	int starts = 0;

	assert_int_equal(rig_set(r, "q", "max_crashes=2"), 0);
	rig_put_with(r, 1, SW_F_MAX_ATTEMPTS, 2, NULL);
	while (rig_state(r, 1) != SW_DEAD) {
		(void)taken(r, 1, 0);
		starts++;
		rig_pass(r, LEASE_MS);
		counts_are(r, 1, starts / 2, 0, starts % 2);
		rig_pass(r, LONG_MS);
		rig_pass(r, 0);
	}
	assert_int_equal(starts, 4);
	assert_int_equal(rig_shown(r, 1, SW_F_CAUSE), SW_C_LOST);
}

static void
a_job_that_kills_each_process_before_it_begins_is_dead_in_the_end(void **state)
{
	struct rig *r = *state;
	int starts = 0;

	assert_int_equal(rig_set(r, "q", "max_crashes=2"), 0);
	rig_put_with(r, 1, SW_F_MAX_ATTEMPTS, 2, NULL);
	while (rig_state(r, 1) != SW_DEAD && starts < 20) {
		uint64_t token = taken(r, 1, 0);

		starts++;
		assert_int_equal(
			rig_done(r, 1, 1, token, SW_RELEASE, SW_C_CRASH), 0);
		counts_are(r, 1, starts / 2, 0, starts % 2);
		rig_pass(r, LONG_MS);
		rig_pass(r, 0);
	}
	assert_int_equal(starts, 4);
	assert_int_equal(rig_shown(r, 1, SW_F_CAUSE), SW_C_CRASH);
}

static void
an_attempt_ends_the_row_of_lapses(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	for (int i = 0; i < 2; i++) {
		(void)taken(r, 1, 0);
		rig_pass(r, LEASE_MS);
	}
	counts_are(r, 1, 0, 0, 2);
	token = taken(r, 1, 1);
	assert_int_equal(rig_done(r, 1, 1, token, SW_RETRY, SW_C_ERROR), 0);
	counts_are(r, 1, 1, 0, 0);
}

static void
after_a_restart_a_job_is_begun_once_its_worker_says_so(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	token = taken(r, 1, 1);
	rig_restart(r);
	assert_int_equal(rig_shown(r, 1, SW_F_BEGUN), 0);
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_extend(r, 1, 1, token, 1), 0);
	rig_pass(r, LEASE_MS);
	counts_are(r, 1, 1, 0, 0);
}

static void
a_message_that_could_not_be_sent_is_no_lapse(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	assert_int_equal(rig_hello(r, 1, "q", 1), 0);
	assert_int_equal(r->outs_n, 1);
	core_begin(r->core, r->now_ms, r->mono_ms);
	core_undelivered(r->core, r->outs[0].frame);
	rig_pass(r, 0);
	counts_are(r, 1, 0, 0, 0);
}

/* --- hand-backs ----------------------------------------------------------- */

static void
a_job_that_has_not_begun_is_handed_back_free_any_number_of_times(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rig_set(r, "q", "max_releases=0"), 0);
	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	for (int i = 0; i < 50; i++) {
		uint64_t token = taken(r, 1, 0);

		assert_int_equal(
			rig_done(r, 1, 1, token, SW_RELEASE, SW_C_DRAIN), 0);
		assert_int_equal(rig_state(r, 1), SW_READY);
	}
	counts_are(r, 1, 0, 0, 0);
}

/* Hands the job back as one that has begun; the report alone says so. */
static void
begun_hand_back(struct rig *r, int outcome)
{
	int cause = outcome == SW_STOPPED ? SW_C_CANCELLED : SW_C_ERROR;
	uint64_t token = taken(r, 1, 0);
	struct sw_id id = rig_id(1);
	size_t mark = rig_report(r, &id, token, outcome, cause);
	struct sw_item it;

	sw_put_int(&r->b, SW_F_BEGUN, 1);
	assert_int_equal(rig_ask(r, 1, SW_OP_DONE, mark, &it), 0);
}

static void
begun_release(struct rig *r, int cause)
{
	uint64_t token = taken(r, 1, 1);

	assert_int_equal(rig_done(r, 1, 1, token, SW_RELEASE, cause), 0);
}

static void
a_fault_of_the_worker_is_no_hand_back_but_waits_and_is_bounded(void **state)
{
	struct rig *r = *state;
	int64_t bound = 1000;

	assert_int_equal(rig_set(r, "q", "backoff_ms=1s"), 0);
	assert_int_equal(rig_set(r, "q", "max_releases=4"), 0);
	assert_int_equal(rig_set(r, "q", "max_crashes=1"), 0);
	rig_put_with(r, 1, SW_F_MAX_ATTEMPTS, 2, NULL);
	for (int i = 1; i <= 4; i++, bound *= 2) {
		int64_t wait;

		begun_release(r, SW_C_LOST);
		counts_are(r, 1, 0, 0, i);
		assert_int_equal(rig_state(r, 1), SW_DELAYED);
		wait = rig_shown(r, 1, SW_F_RUN_AT_MS) - r->now_ms;
		assert_in_range(wait, bound - bound / 4, bound + bound / 4);
		assert_non_null(
			strstr(rig_why(r, 1), "worker lost its process"));
		rig_pass(r, LONG_MS);
	}
	begun_release(r, SW_C_LOST);
	counts_are(r, 1, 1, 0, 0);
	rig_pass(r, LONG_MS);
	for (int i = 1; i <= 5; i++) {
		assert_int_not_equal(rig_state(r, 1), SW_DEAD);
		begun_release(r, SW_C_LOST);
		rig_pass(r, LONG_MS);
	}
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	assert_int_equal(rig_shown(r, 1, SW_F_CAUSE), SW_C_LOST);
}

static void
a_crash_in_company_is_a_crash_and_no_attempt(void **state)
{
	struct rig *r = *state;
	struct sw_item ev;

	assert_int_equal(rig_set(r, "q", "max_crashes=1"), 0);
	rig_put_with(r, 1, SW_F_MAX_ATTEMPTS, 3, NULL);
	begun_release(r, SW_C_CRASH);
	counts_are(r, 1, 0, 1, 0);
	assert_int_equal(rig_shown(r, 1, SW_F_CRASHES), 1);
	assert_int_equal(rig_state(r, 1), SW_DELAYED);
	ev = rig_last_event(r, 1);
	assert_int_equal(sw_int(&ev, SW_F_OUTCOME, 0), SW_RELEASE);
	assert_int_equal(sw_int(&ev, SW_F_CAUSE, 0), SW_C_CRASH);
	rig_pass(r, LONG_MS);
	/* An error of its own does not end it for a crash of others. */
	assert_int_equal(
		rig_done(r, 1, 1, taken(r, 1, 1), SW_RETRY, SW_C_ERROR), 0);
	counts_are(r, 1, 1, 1, 0);
	assert_int_equal(rig_state(r, 1), SW_DELAYED);
	rig_pass(r, LONG_MS);
	assert_int_equal(
		rig_done(r, 1, 1, taken(r, 1, 1), SW_RETRY, SW_C_CRASH), 0);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
}

static void
a_crash_in_company_beyond_max_releases_is_an_attempt(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rig_set(r, "q", "max_releases=0"), 0);
	rig_put_with(r, 1, SW_F_MAX_ATTEMPTS, 1, NULL);
	begun_release(r, SW_C_CRASH);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	assert_int_equal(rig_shown(r, 1, SW_F_CAUSE), SW_C_CRASH);
}

static void
hand_backs_of_a_begun_job_have_a_back_off_and_a_limit(void **state)
{
	struct rig *r = *state;
	int64_t bound = 1000;
	struct sw_item ev;

	assert_int_equal(rig_set(r, "q", "max_releases=4"), 0);
	assert_int_equal(rig_set(r, "q", "backoff_ms=1s"), 0);
	assert_int_equal(rig_set(r, "q", "max_attempts=5"), 0);
	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	for (int i = 1; i <= 4; i++, bound *= 2) {
		int64_t wait;

		begun_hand_back(r, i % 2 ? SW_RELEASE : SW_STOPPED);
		wait = rig_shown(r, 1, SW_F_RUN_AT_MS) - r->now_ms;
		assert_in_range(wait, bound - bound / 4, bound + bound / 4);
		counts_are(r, 1, 0, i, 0);
		assert_int_equal(rig_state(r, 1), SW_DELAYED);
		assert_non_null(
			strstr(rig_why(r, 1), "the job was handed back, "));
		rig_pass(r, LONG_MS);
	}
	for (int i = 1; i <= 2; i++) {
		begun_hand_back(r, i % 2 ? SW_RELEASE : SW_STOPPED);
		counts_are(r, 1, i, 4, 0);
		ev = rig_last_event(r, 1);
		assert_int_equal(sw_int(&ev, SW_F_OUTCOME, 0), SW_RETRY);
		assert_int_equal(sw_int(&ev, SW_F_CAUSE, 0), SW_C_DRAIN);
		rig_pass(r, LONG_MS);
	}
}

static void
a_worker_that_leaves_hands_begun_and_other_jobs_back(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	(void)taken(r, 1, 1);
	assert_int_equal(rig_put(r, 2, "q", ""), 0);
	assert_int_equal(rig_take(r, 1, &token), 2);
	rig_begin(r, SW_OP_BYE);
	rig_send(r, 1);
	counts_are(r, 1, 0, 1, 0);
	counts_are(r, 2, 0, 0, 0);
}

static void
a_begun_job_that_is_cancelled_is_no_hand_back(void **state)
{
	struct rig *r = *state;
	struct sw_item ev;
	uint64_t token;

	assert_int_equal(rig_set(r, "q", "max_releases=0"), 0);
	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	token = taken(r, 1, 1);
	assert_int_equal(rig_cancel(r, 1), 0);
	assert_int_equal(
		rig_done(r, 1, 1, token, SW_STOPPED, SW_C_CANCELLED), 0);
	assert_int_equal(rig_state(r, 1), SW_CANCELLED);
	counts_are(r, 1, 0, 0, 0);
	ev = rig_last_event(r, 1);
	assert_int_equal(sw_int(&ev, SW_F_OUTCOME, 0), SW_STOPPED);
}

static void
a_redriven_job_starts_with_fresh_counts(void **state)
{
	struct rig *r = *state;
	size_t mark;
	struct sw_item it;

	assert_int_equal(rig_set(r, "q", "max_releases=1"), 0);
	assert_int_equal(rig_set(r, "q", "max_attempts=1"), 0);
	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	begun_hand_back(r, SW_RELEASE);
	rig_pass(r, LONG_MS);
	(void)taken(r, 1, 0);
	rig_pass(r, LEASE_MS);
	counts_are(r, 1, 0, 1, 1);
	begun_hand_back(r, SW_RELEASE);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	assert_int_equal(rig_shown(r, 1, SW_F_CAUSE), SW_C_DRAIN);
	mark = rig_say(r, SW_OP_REDRIVE, 1);
	assert_int_equal(rig_ask(r, RIG_ASKER, SW_OP_REDRIVE, mark, &it), 0);
	counts_are(r, 1, 0, 0, 0);
}

/* Expiry bounds the first start: a lapse is none, a hand-back was one. */
static void
a_job_that_has_begun_once_does_not_expire(void **state)
{
	struct rig *r = *state;

	rig_put_with(r, 1, SW_F_EXPIRES_AT_MS, r->now_ms + 60000, NULL);
	begun_hand_back(r, SW_RELEASE);
	rig_pass(r, LONG_MS);
	assert_int_equal(rig_state(r, 1), SW_READY);
	assert_string_equal(rig_drain(r, 1, "q"), "1");
	rig_put_with(r, 2, SW_F_EXPIRES_AT_MS, r->now_ms + 60000, NULL);
	(void)taken(r, 2, 0);
	rig_pass(r, LEASE_MS);
	assert_int_equal(rig_state(r, 2), SW_READY);
	rig_pass(r, LONG_MS);
	assert_int_equal(rig_state(r, 2), SW_DEAD);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown_rows)
	const struct CMUnitTest tests[] = {
		T(a_job_tells_its_worker_the_settings_that_are_not_the_default),
		T(a_job_tells_its_worker_how_often_it_has_crashed),
		T(the_history_has_output_of_done_errors_of_failed_attempts),
		T(a_begun_job_whose_worker_is_silent_costs_an_attempt),
		T(an_unbegun_job_whose_worker_is_silent_is_ready_again_and_free),
		T(a_job_that_kills_each_worker_before_it_begins_is_dead_in_the_end),
		T(a_job_that_kills_each_process_before_it_begins_is_dead_in_the_end),
		T(an_attempt_ends_the_row_of_lapses),
		T(after_a_restart_a_job_is_begun_once_its_worker_says_so),
		T(a_message_that_could_not_be_sent_is_no_lapse),
		T(a_job_that_has_not_begun_is_handed_back_free_any_number_of_times),
		T(hand_backs_of_a_begun_job_have_a_back_off_and_a_limit),
		T(a_fault_of_the_worker_is_no_hand_back_but_waits_and_is_bounded),
		T(a_crash_in_company_is_a_crash_and_no_attempt),
		T(a_crash_in_company_beyond_max_releases_is_an_attempt),
		T(a_worker_that_leaves_hands_begun_and_other_jobs_back),
		T(a_begun_job_that_is_cancelled_is_no_hand_back),
		T(a_redriven_job_starts_with_fresh_counts),
		T(a_job_that_has_begun_once_does_not_expire),
	};

	return cmocka_run_group_tests_name("begun", tests, NULL, NULL);
}
