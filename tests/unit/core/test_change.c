/* SPDX-License-Identifier: MIT */
/* What a person does to jobs: run, move, bury, cancel; and whom they select. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "tests/lib/rig.h"

enum { HOUR_MS = 3600 * 1000 };

/* Begins a selector of job `n` (0: of none) with no state. */
static size_t
select_begin(struct rig *r, int op, unsigned flags, int n)
{
	struct sw_id id = rig_id(n);
	size_t mark;

	rig_begin(r, op);
	le_set(r->b.p + 4, 2, flags);
	mark = sw_item_begin(&r->b);
	sw_put_int(&r->b, SW_F_STATE, SW_NONE);
	if (n > 0)
		sw_put_id(&r->b, &id);
	return mark;
}

/* The status of the only job of the selector, whose item is *it; 1: there is
 * none. */
static int
selected(struct rig *r, int op, size_t mark, struct sw_item *it)
{
	int err = rig_ask(r, RIG_ASKER, op, mark, it);

	if (err != 0)
		return err;
	return rig_item(r, RIG_ASKER, op | SW_REPLY, 1, it)
		       ? (int)sw_int(it, SW_F_STATUS, 1)
		       : 1;
}

static int
changed(struct rig *r, int op, int n, const char *text, struct sw_item *it)
{
	size_t mark = select_begin(r, op, 0, n);

	if (text != NULL)
		sw_put_text(&r->b, SW_F_TEXT, text);
	return selected(r, op, mark, it);
}

/* --- run ---------------------------------------------------------------- */

static void
a_delayed_job_runs_at_once_and_in_its_turn(void **state)
{
	struct rig *r = *state;
	struct sw_item it;

	rig_put_with(r, 1, SW_F_DELAY_MS, HOUR_MS, NULL);
	rig_pass(r, 10);
	rig_put(r, 2, "q", "x");
	rig_pass(r, 10);
	assert_int_equal(changed(r, SW_OP_RUN, 1, NULL, &it), 0);
	assert_int_equal(rig_state(r, 1), SW_READY);
	it = rig_last_event(r, 1);
	assert_int_equal(sw_int(&it, SW_F_KIND, 0), SW_EV_RUN);
	rig_put(r, 3, "q", "x");
	assert_string_equal(rig_drain(r, 1, "q"), "2 1 3");
}

static void
a_retry_that_waits_runs_at_once(void **state)
{
	struct rig *r = *state;
	uint64_t token = rig_run(r, 1, "x");
	struct sw_item it;

	rig_set(r, "q", "backoff_ms=1h");
	rig_done(r, 1, 1, token, SW_RETRY, SW_C_ERROR);
	rig_pass(r, 10);
	assert_int_equal(rig_state(r, 1), SW_DELAYED);
	assert_int_equal(changed(r, SW_OP_RUN, 1, NULL, &it), 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
}

static void
a_job_for_a_time_of_day_runs_at_once(void **state)
{
	struct rig *r = *state;
	struct sw_item it;

	rig_put_with(r, 1, SW_F_RUN_AT_MS, r->now_ms + HOUR_MS, NULL);
	rig_pass(r, 10);
	assert_int_equal(rig_state(r, 1), SW_DELAYED);
	assert_int_equal(changed(r, SW_OP_RUN, 1, NULL, &it), 0);
	assert_string_equal(rig_drain(r, 1, "q"), "1");
}

static void
only_a_delayed_job_can_be_run(void **state)
{
	struct rig *r = *state;
	struct sw_item it;

	rig_put(r, 1, "q", "x");
	assert_int_equal(changed(r, SW_OP_RUN, 1, NULL, &it), SW_ESTATE);
	assert_int_equal(sw_int(&it, SW_F_STATE, 0), SW_READY);
	rig_text_is(&it, SW_F_DETAIL, "the job is ready");
	assert_int_equal(changed(r, SW_OP_RUN, 9, NULL, &it), 1);
}

/* --- move --------------------------------------------------------------- */

static void
a_job_moves_with_body_and_history(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	uint64_t token;

	rig_set(r, "other", "max_attempts=3");
	rig_put(r, 1, "q", "the body");
	assert_int_equal(changed(r, SW_OP_MOVE, 1, "other", &it), 0);
	it = rig_last_event(r, 1);
	assert_int_equal(sw_int(&it, SW_F_KIND, 0), SW_EV_MOVE);
	rig_text_is(&it, SW_F_QUEUE, "q");
	rig_restart(r);
	assert_string_equal(rig_drain(r, 1, "q"), "");
	rig_hello(r, 2, "other", 0);
	assert_int_equal(rig_take(r, 2, &token), 1);
	assert_true(rig_item(r, 2, SW_OP_JOBS, 0, &it));
	rig_text_is(&it, SW_F_QUEUE, "other");
	assert_true(bytes_eq(sw_bytes(&it, SW_F_BODY), bytes_str("the body")));
	assert_int_equal(sw_int(&it, SW_F_MAX_ATTEMPTS, 0), 3);
}

static void
a_put_sent_again_finds_the_job_that_was_moved(void **state)
{
	struct rig *r = *state;
	struct sw_item it;

	rig_set(r, "other", "rate=0");
	rig_put(r, 1, "q", "x");
	assert_int_equal(changed(r, SW_OP_MOVE, 1, "other", &it), 0);
	assert_int_equal(rig_put(r, 1, "q", "x"), 0);
	assert_int_equal(rig_put(r, 1, "other", "x"), 0);
	assert_int_equal(rig_put(r, 1, "third", "x"), SW_ECONFLICT);
}

static void
delayed_and_dead_jobs_move_and_stay_what_they_are(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	uint64_t token = rig_run(r, 1, "x");

	rig_set(r, "other", "paused=yes");
	rig_done(r, 1, 1, token, SW_FAIL, SW_C_PERMANENT);
	rig_put_with(r, 2, SW_F_DELAY_MS, HOUR_MS, NULL);
	for (int n = 1; n <= 2; n++)
		assert_int_equal(changed(r, SW_OP_MOVE, n, "other", &it), 0);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	assert_int_equal(rig_state(r, 2), SW_DELAYED);
	rig_check_rows(r);
	rig_pass(r, HOUR_MS);
	assert_int_equal(rig_state(r, 2), SW_READY);
}

/* The walk comes by those that were moved. */
static void
a_move_from_all_queues_counts_each_job_once(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	uint8_t cursor[SW_CURSOR_MAX];
	size_t len = 0, mark;
	int64_t count = 0;

	rig_put(r, 1, "a", "x");
	rig_put(r, 2, "b", "x");
	rig_put(r, 3, "z", "x");
	do {
		rig_begin(r, SW_OP_MOVE);
		mark = sw_item_begin(&r->b);
		sw_put_int(&r->b, SW_F_STATE, SW_READY);
		sw_put_text(&r->b, SW_F_TEXT, "z");
		sw_put_int(&r->b, SW_F_LIMIT, 1);
		if (len > 0)
			sw_put_bytes(&r->b, SW_F_CURSOR, bytes_of(cursor, len));
		assert_int_equal(
			rig_ask(r, RIG_ASKER, SW_OP_MOVE, mark, &it), 0);
		count += sw_int(&it, SW_F_COUNT, 0);
		len = sw_bytes(&it, SW_F_CURSOR).len;
		memcpy(cursor, sw_bytes(&it, SW_F_CURSOR).p, len);
		if (rig_item(r, RIG_ASKER, SW_OP_MOVE | SW_REPLY, 1, &it))
			assert_int_equal(sw_int(&it, SW_F_STATUS, 1), 0);
	} while (len > 0);
	assert_int_equal(count, 2);
}

static void
a_move_from_a_dead_letter_queue_ends_the_way_back(void **state)
{
	struct rig *r = *state;
	struct sw_item it;

	rig_set(r, "q", "dead_to=graves");
	rig_set(r, "z", "dead_to=graves");
	rig_put(r, 1, "q", "x");
	assert_int_equal(changed(r, SW_OP_BURY, 1, NULL, &it), 0);
	assert_int_equal(changed(r, SW_OP_MOVE, 1, "z", &it), 0);
	rig_get(r, 1, &it);
	rig_text_is(&it, SW_F_QUEUE, "z");
	assert_false(sw_has(&it, SW_F_ORIGIN));
	assert_int_equal(rig_state(r, 1), SW_READY);
}

static void
a_move_keeps_to_the_limits_of_the_other_queue(void **state)
{
	struct rig *r = *state;
	struct sw_item it;

	rig_set(r, "other", "max_jobs=1");
	rig_put(r, 1, "q", "x");
	rig_put(r, 2, "q", "x");
	assert_int_equal(changed(r, SW_OP_MOVE, 1, "other", &it), 0);
	assert_int_equal(changed(r, SW_OP_MOVE, 2, "other", &it), SW_EMAXJOBS);
	rig_text_is(&it, SW_F_DETAIL, "queue other has its max_jobs of 1");
	assert_int_equal(rig_state(r, 2), SW_READY);
}

static void
a_move_takes_no_unique_key_of_another_job(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	size_t mark;

	rig_put_with(r, 1, 0, 0, "key");
	mark = rig_say(r, SW_OP_PUT, 2);
	sw_put_text(&r->b, SW_F_QUEUE, "other");
	sw_put_text(&r->b, SW_F_BODY, "");
	sw_put_bytes(&r->b, SW_F_UNIQUE, bytes_str("key"));
	assert_int_equal(rig_ask(r, 9, SW_OP_PUT, mark, &it), 0);
	assert_int_equal(changed(r, SW_OP_MOVE, 1, "other", &it), SW_EUNIQUE);
	rig_cancel(r, 2);
	assert_int_equal(changed(r, SW_OP_MOVE, 1, "other", &it), 0);
	rig_put_with(r, 3, 0, 0, "key"); /* free again in q */
	assert_int_equal(rig_state(r, 3), SW_READY);
}

static void
a_move_makes_no_queue_and_leaves_running_jobs(void **state)
{
	struct rig *r = *state;
	struct sw_item it;

	(void)rig_run(r, 1, "x");
	rig_put(r, 2, "q", "x");
	assert_int_equal(changed(r, SW_OP_MOVE, 2, "othre", &it), SW_ENOQUEUE);
	assert_int_equal(changed(r, SW_OP_MOVE, 2, NULL, &it), SW_EQUEUE);
	assert_int_equal(changed(r, SW_OP_MOVE, 2, "q", &it), SW_EINVAL);
	rig_set(r, "other", "rate=0");
	assert_int_equal(changed(r, SW_OP_MOVE, 1, "other", &it), SW_ESTATE);
	rig_text_is(&it, SW_F_DETAIL, "the job is leased");
}

/* --- bury --------------------------------------------------------------- */

static void
a_buried_job_is_dead_with_the_reason_and_can_be_redriven(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	size_t mark;

	rig_put(r, 1, "q", "x");
	assert_int_equal(changed(r, SW_OP_BURY, 1, "wrong recipient", &it), 0);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	mark = select_begin(r, SW_OP_LIST, 0, 1);
	assert_int_equal(selected(r, SW_OP_LIST, mark, &it), 0);
	assert_int_equal(sw_int(&it, SW_F_CAUSE, 0), SW_C_BURIED);
	assert_true(bytes_eq(
		sw_bytes(&it, SW_F_ERROR), bytes_str("wrong recipient")));
	mark = rig_say(r, SW_OP_REDRIVE, 1);
	assert_int_equal(rig_ask(r, 9, SW_OP_REDRIVE, mark, &it), 0);
	assert_int_equal(rig_state(r, 1), SW_READY);
	assert_int_equal(changed(r, SW_OP_BURY, 2, NULL, &it), 1);
}

static void
a_job_that_is_buried_without_a_reason_keeps_its_last_error(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	size_t mark;

	rig_set(r, "q", "backoff_ms=1h");
	rig_put(r, 1, "q", "x");
	rig_hello(r, 1, "q", 0);
	rig_fail(r, 1, SW_RETRY, SW_C_ERROR, "no such mailbox");
	assert_int_equal(changed(r, SW_OP_BURY, 1, NULL, &it), 0);
	mark = select_begin(r, SW_OP_LIST, 0, 1);
	sw_put_int(&r->b, SW_F_CAUSE, SW_C_BURIED);
	assert_int_equal(selected(r, SW_OP_LIST, mark, &it), 0);
	rig_text_is(&it, SW_F_ERROR, "no such mailbox");
}

/* --- cancel by selector --------------------------------------------------- */

static int64_t
over_all(struct rig *r, int op, unsigned flags, int of)
{
	struct sw_item it;
	size_t mark;

	rig_begin(r, op);
	le_set(r->b.p + 4, 2, flags);
	mark = sw_item_begin(&r->b);
	sw_put_int(&r->b, SW_F_STATE, of);
	sw_put_text(&r->b, SW_F_QUEUE, "q");
	assert_int_equal(rig_ask(r, RIG_ASKER, op, mark, &it), 0);
	return sw_int(&it, SW_F_COUNT, -1);
}

static void
jobs_of_a_selector_are_cancelled_running_ones_too(void **state)
{
	struct rig *r = *state;
	uint64_t token = rig_run(r, 1, "x");

	rig_put(r, 2, "q", "x");
	rig_put(r, 3, "other", "x");
	assert_int_equal(
		over_all(r, SW_OP_CANCEL_ALL, SW_FLAG_DRY_RUN, SW_READY), 1);
	assert_int_equal(rig_state(r, 2), SW_READY);
	assert_int_equal(over_all(r, SW_OP_CANCEL_ALL, 0, SW_READY), 1);
	assert_int_equal(rig_state(r, 2), SW_CANCELLED);
	assert_int_equal(rig_state(r, 3), SW_READY);
	assert_int_equal(over_all(r, SW_OP_CANCEL_ALL, 0, SW_LEASED), 1);
	assert_int_equal(rig_extend(r, 1, 1, token, 1), SW_ECANCEL);
}

/* --- selectors ------------------------------------------------------------ */

static void
a_change_of_many_must_name_a_state_it_may_have(void **state)
{
	static const int ops[] = {
		SW_OP_RUN, SW_OP_MOVE, SW_OP_BURY, SW_OP_CANCEL_ALL};
	struct rig *r = *state;
	struct sw_item it;

	rig_set(r, "other", "rate=0");
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		size_t mark = select_begin(r, ops[i], 0, 0);

		sw_put_text(&r->b, SW_F_TEXT, "other");
		assert_int_equal(
			rig_ask(r, RIG_ASKER, ops[i], mark, &it), SW_EINVAL);
		mark = rig_say(r, ops[i], 0);
		sw_put_int(&r->b, SW_F_STATE, SW_DONE);
		sw_put_text(&r->b, SW_F_TEXT, "other");
		assert_int_equal(
			rig_ask(r, RIG_ASKER, ops[i], mark, &it), SW_ESTATE);
	}
}

static void
a_field_that_no_selector_has_is_refused(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	size_t mark = rig_say(r, SW_OP_PURGE, 0);

	sw_put_int(&r->b, SW_F_RANK, 1);
	assert_int_equal(
		rig_ask(r, RIG_ASKER, SW_OP_PURGE, mark, &it), SW_EINVAL);
	rig_text_is(&it, SW_F_DETAIL, "rank is not a field of a selector");
}

/* How many ready jobs have the number, or text, in this field. */
static int64_t
ready_with(struct rig *r, enum sw_tag tag, int64_t n, const char *text)
{
	struct sw_item it;
	size_t mark = rig_say(r, SW_OP_LIST, 0);

	sw_put_int(&r->b, SW_F_STATE, SW_READY);
	if (text != NULL)
		sw_put_text(&r->b, tag, text);
	else
		sw_put_int(&r->b, tag, n);
	assert_int_equal(rig_ask(r, RIG_ASKER, SW_OP_LIST, mark, &it), 0);
	return sw_int(&it, SW_F_COUNT, -1);
}

static void
jobs_are_selected_by_any_field(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	size_t mark;

	rig_set(r, "q", "backoff_ms=0");
	rig_done(r, 1, 1, rig_run(r, 1, "x"), SW_RETRY, SW_C_ERROR);
	rig_pass(r, 10);
	mark = rig_say(r, SW_OP_PUT, 2);
	sw_put_text(&r->b, SW_F_QUEUE, "q");
	sw_put_text(&r->b, SW_F_BODY, "");
	sw_put_int(&r->b, SW_F_PRIORITY, 7);
	sw_put_text(&r->b, SW_F_FAIR, "tenant");
	sw_put_text(&r->b, SW_F_CONTENT_TYPE, "text/plain");
	sw_put_bytes(&r->b, SW_F_UNIQUE, bytes_str("key"));
	assert_int_equal(rig_ask(r, 9, SW_OP_PUT, mark, &it), 0);

	assert_int_equal(ready_with(r, SW_F_PRIORITY, 7, NULL), 1);
	assert_int_equal(ready_with(r, SW_F_PRIORITY, 4, NULL), 1);
	assert_int_equal(ready_with(r, SW_F_PRIORITY, 5, NULL), 0);
	assert_int_equal(ready_with(r, SW_F_CAUSE, SW_C_ERROR, NULL), 1);
	assert_int_equal(ready_with(r, SW_F_CAUSE, SW_C_TIMEOUT, NULL), 0);
	assert_int_equal(ready_with(r, SW_F_ATTEMPT, 1, NULL), 1);
	assert_int_equal(ready_with(r, SW_F_ATTEMPT, 2, NULL), 0);
	assert_int_equal(ready_with(r, SW_F_MAX_ATTEMPTS, 0, NULL), 1);
	assert_int_equal(ready_with(r, SW_F_MAX_ATTEMPTS, 1, NULL), 2);
	assert_int_equal(ready_with(r, SW_F_FAIR, 0, "tenant"), 1);
	assert_int_equal(ready_with(r, SW_F_FAIR, 0, "tenan"), 0);
	assert_int_equal(ready_with(r, SW_F_UNIQUE, 0, "key"), 1);
	assert_int_equal(ready_with(r, SW_F_CONTENT_TYPE, 0, "text/plain"), 1);
	assert_int_equal(ready_with(r, SW_F_WORKER, 0, "nobody"), 0);
}

/* The numbers of the listed jobs, page by page of one or two. */
static const char *
newest(struct rig *r, int of, int limit)
{
	static char text[64];
	uint8_t cursor[SW_CURSOR_MAX];
	size_t len = 0;

	text[0] = '\0';
	do {
		struct sw_item it;
		size_t mark;

		rig_begin(r, SW_OP_LIST);
		le_set(r->b.p + 4, 2, SW_FLAG_NEWEST);
		mark = sw_item_begin(&r->b);
		sw_put_int(&r->b, SW_F_STATE, of);
		sw_put_text(&r->b, SW_F_QUEUE, "q");
		sw_put_int(&r->b, SW_F_LIMIT, limit);
		if (len > 0)
			sw_put_bytes(&r->b, SW_F_CURSOR, bytes_of(cursor, len));
		assert_int_equal(
			rig_ask(r, RIG_ASKER, SW_OP_LIST, mark, &it), 0);
		len = sw_bytes(&it, SW_F_CURSOR).len;
		memcpy(cursor, sw_bytes(&it, SW_F_CURSOR).p, len);
		for (int i = 1;
			rig_item(r, RIG_ASKER, SW_OP_LIST | SW_REPLY, i, &it);
			i++)
			(void)snprintf(text + strlen(text),
				sizeof(text) - strlen(text), "%d ",
				it.f[SW_F_ID].p == NULL
					? 0
					: ((const uint8_t *)it.f[SW_F_ID]
							  .p)[15]);
	} while (len > 0);
	return text;
}

static void
the_newest_come_first_if_asked_for(void **state)
{
	static const int deaths[] = {3, 1, 4, 2};
	struct rig *r = *state;
	struct sw_item it;

	for (int n = 1; n <= 4; n++)
		rig_put(r, n, "q", "x");
	for (int limit = 1; limit <= 5; limit++)
		assert_string_equal(newest(r, SW_READY, limit), "4 3 2 1 ");
	for (size_t i = 0; i < 4; i++) {
		rig_pass(r, 10);
		assert_int_equal(
			changed(r, SW_OP_BURY, deaths[i], NULL, &it), 0);
	}
	rig_put(r, 5, "zz", "x");
	(void)changed(r, SW_OP_BURY, 5, NULL, &it);
	for (int limit = 1; limit <= 5; limit++)
		assert_string_equal(newest(r, SW_DEAD, limit), "2 4 1 3 ");
}

static void
the_delayed_ones_too_whatever_clock_they_wait_for(void **state)
{
	struct rig *r = *state;

	rig_put_with(r, 1, SW_F_DELAY_MS, HOUR_MS, NULL);
	rig_put_with(r, 2, SW_F_RUN_AT_MS, r->now_ms + HOUR_MS, NULL);
	rig_put_with(r, 3, SW_F_DELAY_MS, 2 * HOUR_MS, NULL);
	rig_put_with(r, 4, SW_F_RUN_AT_MS, r->now_ms + 2 * HOUR_MS, NULL);
	for (int limit = 1; limit <= 5; limit++)
		assert_string_equal(newest(r, SW_DELAYED, limit), "4 2 3 1 ");
}

/* --- refusals --------------------------------------------------------------
 */

static void
each_refused_item_says_why(void **state)
{
	static const int ops[] = {
		SW_OP_GET, SW_OP_CANCEL, SW_OP_WHY, SW_OP_DONE};
	struct rig *r = *state;
	struct sw_item it;

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		size_t mark = rig_say(r, ops[i], 7);

		sw_put_int(&r->b, SW_F_TOKEN, 1);
		assert_int_equal(rig_ask(r, 9, ops[i], mark, &it), SW_ENOJOB);
		rig_text_is(&it, SW_F_DETAIL, "no such job");
	}
}

#define STARTED(test)                                                          \
	cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown_rows)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STARTED(a_delayed_job_runs_at_once_and_in_its_turn),
		STARTED(a_retry_that_waits_runs_at_once),
		STARTED(a_job_for_a_time_of_day_runs_at_once),
		STARTED(only_a_delayed_job_can_be_run),
		STARTED(a_job_moves_with_body_and_history),
		STARTED(a_put_sent_again_finds_the_job_that_was_moved),
		STARTED(delayed_and_dead_jobs_move_and_stay_what_they_are),
		STARTED(a_move_from_all_queues_counts_each_job_once),
		STARTED(a_move_from_a_dead_letter_queue_ends_the_way_back),
		STARTED(a_move_keeps_to_the_limits_of_the_other_queue),
		STARTED(a_move_takes_no_unique_key_of_another_job),
		STARTED(a_move_makes_no_queue_and_leaves_running_jobs),
		STARTED(a_buried_job_is_dead_with_the_reason_and_can_be_redriven),
		STARTED(a_job_that_is_buried_without_a_reason_keeps_its_last_error),
		STARTED(jobs_of_a_selector_are_cancelled_running_ones_too),
		STARTED(a_change_of_many_must_name_a_state_it_may_have),
		STARTED(a_field_that_no_selector_has_is_refused),
		STARTED(jobs_are_selected_by_any_field),
		STARTED(the_newest_come_first_if_asked_for),
		STARTED(the_delayed_ones_too_whatever_clock_they_wait_for),
		STARTED(each_refused_item_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
