/* SPDX-License-Identifier: MIT */
/* Jobs that come from an export, with their state and history. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/error.h"
#include "broker/job/job.h"
#include "tests/lib/rig.h"

/* Begins job `n` of queue "q" in that state; its mark. */
static size_t
job_begin(struct rig *r, int n, enum sw_state state)
{
	size_t mark = rig_say(r, SW_OP_IMPORT, n);

	sw_put_text(&r->b, SW_F_QUEUE, "q");
	sw_put_text(&r->b, SW_F_BODY, "body");
	sw_put_int(&r->b, SW_F_STATE, state);
	return mark;
}

static int
job_send(struct rig *r, size_t mark)
{
	struct sw_item it;

	return rig_ask(r, 9, SW_OP_IMPORT, mark, &it);
}

static int
import(struct rig *r, int n, enum sw_state state)
{
	return job_send(r, job_begin(r, n, state));
}

/* An entry of the history: an attempt that failed. */
static void
attempt_put(struct rig *r, const char *error)
{
	size_t mark = sw_nest_begin(&r->b, SW_F_EVENT);

	sw_put_int(&r->b, SW_F_KIND, SW_EV_ATTEMPT);
	sw_put_int(&r->b, SW_F_AT_MS, 5);
	sw_put_text(&r->b, SW_F_ERROR, error);
	sw_nest_end(&r->b, mark);
}

static struct record
record_of(struct rig *r, int n)
{
	struct sw_id id = rig_id(n);
	struct record rec;

	assert_int_equal(job_load(r->core, &id, &rec), 0);
	return rec;
}

static void
a_dead_job_stays_dead_with_its_cause_time_and_history(void **state)
{
	struct rig *r = *state;
	struct record rec;
	struct bytes error;
	size_t mark = job_begin(r, 1, SW_DEAD);

	sw_put_int(&r->b, SW_F_ATTEMPT, 5);
	sw_put_int(&r->b, SW_F_CAUSE, SW_C_ERROR);
	sw_put_int(&r->b, SW_F_CREATED_AT_MS, r->now_ms - 9000);
	sw_put_int(&r->b, SW_F_ENDED_AT_MS, r->now_ms - 8000);
	attempt_put(r, "oops");
	assert_int_equal(job_send(r, mark), 0);
	rec = record_of(r, 1);
	assert_int_equal(rec.state, SW_DEAD);
	assert_int_equal(rec.attempt, 5);
	assert_int_equal(rec.cause, SW_C_ERROR);
	assert_int_equal(rec.created_at_ms, r->now_ms - 9000);
	assert_int_equal(rec.ended_at_ms, r->now_ms - 8000);
	error = record_last_error(&rec);
	assert_true(bytes_eq(error, bytes_str("oops")));
	rig_check_rows(r);
	rig_restart(r);
	verify_sound(r);
}

static void
a_waiting_job_keeps_its_attempts_and_its_age(void **state)
{
	struct rig *r = *state;
	struct record rec;
	size_t mark = job_begin(r, 1, SW_READY);

	sw_put_int(&r->b, SW_F_ATTEMPT, 3);
	sw_put_int(&r->b, SW_F_CRASHES, 1);
	sw_put_int(&r->b, SW_F_CREATED_AT_MS, r->now_ms - 9000);
	sw_put_int(&r->b, SW_F_RUN_AT_MS, r->now_ms - 7000);
	attempt_put(r, "oops");
	assert_int_equal(job_send(r, mark), 0);
	rec = record_of(r, 1);
	assert_int_equal(rec.state, SW_READY);
	assert_int_equal(rec.attempt, 3);
	assert_int_equal(rec.crashes, 1);
	assert_int_equal(rec.created_at_ms, r->now_ms - 9000);
	assert_int_equal(rec.due_ms, r->now_ms);
	assert_true(bytes_eq(record_last_error(&rec), bytes_str("oops")));
	rig_check_rows(r);
	verify_sound(r);
}

static void
a_delayed_job_waits_for_its_time(void **state)
{
	struct rig *r = *state;
	size_t mark = job_begin(r, 1, SW_DELAYED);

	sw_put_int(&r->b, SW_F_RUN_AT_MS, r->now_ms + 5000);
	assert_int_equal(job_send(r, mark), 0);
	assert_int_equal(rig_state(r, 1), SW_DELAYED);
	rig_pass(r, 5000);
	assert_int_equal(rig_state(r, 1), SW_READY);
}

static void
a_job_that_is_known_stays_as_it_is(void **state)
{
	struct rig *r = *state;
	struct sw_item it;

	assert_int_equal(import(r, 1, SW_READY), 0);
	assert_int_equal(rig_cancel(r, 1), 0);
	assert_int_equal(
		rig_ask(r, 9, SW_OP_IMPORT, job_begin(r, 1, SW_DEAD), &it), 0);
	assert_int_equal(sw_int(&it, SW_F_STATE, 0), SW_CANCELLED);
	assert_int_equal(rig_state(r, 1), SW_CANCELLED);
}

static void
a_job_whose_id_is_that_of_another_is_a_conflict(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	size_t mark;

	assert_int_equal(import(r, 1, SW_READY), 0);
	mark = rig_say(r, SW_OP_IMPORT, 1);
	sw_put_text(&r->b, SW_F_QUEUE, "q");
	sw_put_text(&r->b, SW_F_BODY, "another body");
	sw_put_int(&r->b, SW_F_STATE, SW_READY);
	assert_int_equal(rig_ask(r, 9, SW_OP_IMPORT, mark, &it), SW_ECONFLICT);
	assert_int_equal(sw_int(&it, SW_F_STATE, 0), SW_READY);
	assert_true(sw_bytes(&it, SW_F_DETAIL).len > 0);
}

static void
a_refused_job_says_why_and_who_has_its_key(void **state)
{
	struct rig *r = *state;
	struct sw_id holder, id = rig_id(1);
	struct sw_item it;
	size_t mark;

	rig_put_with(r, 1, 0, 0, "key");
	mark = job_begin(r, 2, SW_READY);
	sw_put_text(&r->b, SW_F_UNIQUE, "key");
	assert_int_equal(rig_ask(r, 9, SW_OP_IMPORT, mark, &it), SW_EUNIQUE);
	assert_true(sw_bytes(&it, SW_F_DETAIL).len > 0);
	assert_true(sw_get_id(&it, &holder));
	assert_memory_equal(&holder, &id, sizeof(id));
}

/* Else an export could bring jobs that no broker can have. */
static void
what_no_job_can_have_is_refused(void **state)
{
	static const struct {
		enum sw_tag tag;
		int64_t value;
	} bad[] = {{SW_F_ATTEMPT, -1}, {SW_F_ATTEMPT, SW_ATTEMPTS_MAX + 1},
		{SW_F_CRASHES, -1}, {SW_F_CAUSE, SW_CAUSES},
		{SW_F_CREATED_AT_MS, -1}, {SW_F_ENDED_AT_MS, INT64_MAX},
		{SW_F_PRIORITY, 10}, {SW_F_TOKEN, 1}, {SW_F_RANK, 1},
		{SW_F_KEEP_UNTIL_MS, 1}};
	static const enum sw_state states[] = {
		SW_NONE, SW_LEASED, SW_DONE, SW_CANCELLED, SW_STATES};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t mark = job_begin(r, 1, SW_DEAD);

		sw_put_int(&r->b, bad[i].tag, bad[i].value);
		assert_int_equal(job_send(r, mark), SW_EINVAL);
	}
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		assert_int_equal(import(r, 1, states[i]), SW_EINVAL);
	assert_int_equal(r->core->queues_n, 0);
}

static void
a_malformed_history_is_refused(void **state)
{
	struct rig *r = *state;
	size_t mark = job_begin(r, 1, SW_DEAD);

	sw_put_bytes(&r->b, SW_F_EVENT, bytes_str("?"));
	assert_int_equal(job_send(r, mark), SW_EINVAL);
}

/* The clock of another machine may be ahead. */
static void
times_later_than_now_are_taken_as_now(void **state)
{
	struct rig *r = *state;
	struct record rec;
	size_t mark = job_begin(r, 1, SW_DEAD);

	sw_put_int(&r->b, SW_F_CREATED_AT_MS, r->now_ms + 1000);
	sw_put_int(&r->b, SW_F_ENDED_AT_MS, r->now_ms + 1000);
	assert_int_equal(job_send(r, mark), 0);
	rec = record_of(r, 1);
	assert_int_equal(rec.created_at_ms, r->now_ms);
	assert_int_equal(rec.ended_at_ms, r->now_ms);
}

static void
a_unique_key_is_refused_only_where_the_job_would_hold_it(void **state)
{
	static const struct {
		enum sw_state state;
		int64_t also;
		int status;
	} cases[] = {{SW_READY, 0, SW_EUNIQUE}, {SW_DEAD, 0, 0},
		{SW_DEAD, SW_UNIQUE_DEAD, SW_EUNIQUE}};
	struct rig *r = *state;

	rig_put_with(r, 1, 0, 0, "key");
	for (int i = 0; i < 3; i++) {
		size_t mark = job_begin(r, 10 + i, cases[i].state);

		sw_put_text(&r->b, SW_F_UNIQUE, "key");
		sw_put_int(&r->b, SW_F_UNIQUE_ALSO, cases[i].also);
		assert_int_equal(job_send(r, mark), cases[i].status);
	}
	rig_check_rows(r);
	verify_sound(r);
}

static void
the_limits_of_the_queue_hold(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rig_set(r, "q", "max_jobs=1"), 0);
	assert_int_equal(import(r, 1, SW_DEAD), 0);
	assert_int_equal(import(r, 2, SW_READY), SW_EMAXJOBS);
	assert_int_equal(import(r, 3, SW_DEAD), SW_EMAXJOBS);
}

/* It died before: nothing is moved, and nobody is told again. */
static void
a_dead_job_stays_in_a_queue_that_moves_its_dead_jobs(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rig_set(r, "q", "dead_to=graves"), 0);
	assert_int_equal(rig_set(r, "q", "on_dead=alerts"), 0);
	assert_int_equal(import(r, 1, SW_DEAD), 0);
	rig_pass(r, 5000);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	assert_true(bytes_eq(record_of(r, 1).queue, bytes_str("q")));
	assert_null(queue_find(r->core->queues_by_name, bytes_str("alerts")));
	rig_check_rows(r);
	verify_sound(r);
}

/* Begins job 1 of a dead-letter queue, which died in the queue `origin`. */
static size_t
moved_begin(struct rig *r, const char *origin)
{
	size_t mark = rig_say(r, SW_OP_IMPORT, 1);

	sw_put_text(&r->b, SW_F_QUEUE, "graves");
	sw_put_text(&r->b, SW_F_BODY, "body");
	sw_put_int(&r->b, SW_F_STATE, SW_READY);
	sw_put_text(&r->b, SW_F_ORIGIN, origin);
	return mark;
}

static void
a_job_in_a_dead_letter_queue_keeps_its_origin(void **state)
{
	struct rig *r = *state;
	struct sw_item it;

	assert_int_equal(job_send(r, moved_begin(r, "q")), 0);
	assert_true(bytes_eq(record_of(r, 1).origin, bytes_str("q")));
	rig_restart(r);
	assert_int_equal(
		rig_ask(r, 9, SW_OP_IMPORT, moved_begin(r, "q"), &it), 0);
	assert_int_equal(sw_int(&it, SW_F_STATE, 0), SW_READY); /* known */
	assert_int_equal(job_send(r, moved_begin(r, "other")), SW_ECONFLICT);
	rig_check_rows(r);
	verify_sound(r);
}

static void
an_origin_that_is_no_queue_name_is_refused(void **state)
{
	struct rig *r = *state;

	assert_int_equal(job_send(r, moved_begin(r, "No Queue")), SW_EQUEUE);
	assert_int_equal(r->core->queues_n, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_dead_job_stays_dead_with_its_cause_time_and_history),
		T(a_waiting_job_keeps_its_attempts_and_its_age),
		T(a_delayed_job_waits_for_its_time),
		T(a_job_that_is_known_stays_as_it_is),
		T(a_job_whose_id_is_that_of_another_is_a_conflict),
		T(a_refused_job_says_why_and_who_has_its_key),
		T(what_no_job_can_have_is_refused),
		T(a_malformed_history_is_refused),
		T(times_later_than_now_are_taken_as_now),
		T(a_unique_key_is_refused_only_where_the_job_would_hold_it),
		T(the_limits_of_the_queue_hold),
		T(a_dead_job_stays_in_a_queue_that_moves_its_dead_jobs),
		T(a_job_in_a_dead_letter_queue_keeps_its_origin),
		T(an_origin_that_is_no_queue_name_is_refused),
	};

	return cmocka_run_group_tests_name("import", tests, NULL, NULL);
}
