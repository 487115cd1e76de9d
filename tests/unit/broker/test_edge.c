/* SPDX-License-Identifier: MIT */
/* Cases in which the core once failed, or might: limits, coincidences,
 * leftovers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/error.h"
#include "broker/core/attempt.h"
#include "broker/job/job.h"
#include "tests/lib/rig.h"

/* A put of one item; the caller adds fields before put_end(). */
static size_t
put_begin(struct rig *r, int n, const char *queue, size_t body_len)
{
	static uint8_t body[SW_BODY_MAX];
	size_t mark = rig_say(r, SW_OP_PUT, n);

	sw_put_text(&r->b, SW_F_QUEUE, queue);
	sw_put_bytes(&r->b, SW_F_BODY, bytes_of(body, body_len));
	return mark;
}

static int
put_end(struct rig *r, size_t mark)
{
	struct sw_item it;

	return rig_ask(r, 100, SW_OP_PUT, mark, &it);
}

static int
ask(struct rig *r, int who, int op, int n, struct sw_item *it)
{
	return rig_ask(r, who, op, rig_say(r, op, n), it);
}

/* --- bounds ------------------------------------------------------------- */

static void
the_largest_jobs_fit_in_what_is_handed_out(void **state)
{
	struct rig *r = *state;
	size_t mark;

	rig_hello(r, 1, "q", 0);
	for (size_t size = 90000; size < 131072; size += 4000) {
		int n = (int)size;

		mark = put_begin(r, n, "q", size);
		assert_int_equal(put_end(r, mark), 0);
		mark = put_begin(r, n + 1, "q", SW_BODY_MAX);
		for (int h = 0; h < SW_HEADERS_MAX / 2; h++)
			sw_put_text(&r->b, SW_F_HEADER, "h=");
		assert_int_equal(put_end(r, mark), 0);
		rig_want(r, 1, 1000);
		rig_want(r, 1, 0);
		assert_int_equal(rig_state(r, n + 1), SW_LEASED);
	}
	rig_begin(r, SW_OP_BYE);
	rig_send(r, 1);
}

static void
a_worker_that_leaves_hands_back_however_many_it_has(void **state)
{
	enum { JOBS = 12000 };

	struct rig *r = *state;
	struct queue *q;

	rig_put_many(r, 1, JOBS, "q");
	q = r->core->queues[0];
	rig_hello(r, 1, "q", 0);
	rig_want(r, 1, INT64_MAX);
	for (int i = 0; q->count[SW_READY] > 0 && i < 100; i++)
		rig_pass(r, 0);
	assert_int_equal(q->count[SW_LEASED], JOBS);

	rig_begin(r, SW_OP_BYE);
	rig_send(r, 1);
	for (int i = 0; q->count[SW_LEASED] > 0 && i < 100; i++) {
		assert_int_equal(core_wait_ms(r->core), 0);
		rig_pass(r, 0);
	}
	assert_int_equal(q->count[SW_READY], JOBS);
	assert_int_equal(q->total[TOTAL_FAILED], 0);
}

static void
who_waits_may_ask_again_and_takes_one_place(void **state)
{
	struct rig *r = *state;
	struct sw_item it;

	rig_put(r, 1, "q", "a");
	for (int i = 0; i < 10; i++) {
		r->seq = 7;
		assert_int_equal(ask(r, 1, SW_OP_WAIT, 1, &it), 1);
	}
	assert_int_equal(r->core->waits.n, 1);
	assert_int_equal(ask(r, 2, SW_OP_CANCEL, 1, &it), 0);
	assert_int_equal(r->core->waits.n, 0);
}

static void
many_who_wait_for_a_large_job_cost_bounded_memory(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	struct sw_id id = rig_id(1);
	struct record rec;
	uint64_t token;

	assert_int_equal(put_end(r, put_begin(r, 1, "q", SW_BODY_MAX)), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(ask(r, 10 + i / 200, SW_OP_WAIT, 1, &it), 1);
	rig_hello(r, 2, "q", 0);
	assert_int_equal(rig_take(r, 2, &token), 1);
	core_begin(r->core, r->now_ms, r->mono_ms);
	assert_int_equal(job_load(r->core, &id, &rec), 0);
	attempt_end(r->core, &rec,
		&(struct attempt){SW_FAIL, SW_C_PERMANENT, -1, NULL, 0});
	assert_int_equal(r->core->waits.n, 0);
	assert_int_equal(r->core->outs_n, 1000);
	assert_true(r->core->out_arena.used < 40 << 20);
	core_end(r->core);
	rig_pass(r, 0);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
}

/* --- answers ------------------------------------------------------------ */

static void
a_job_cancelled_twice_has_ended_already(void **state)
{
	struct rig *r = *state;
	struct sw_item it;

	rig_put(r, 1, "q", "a");
	assert_int_equal(ask(r, 1, SW_OP_CANCEL, 1, &it), 0);
	assert_int_equal(ask(r, 1, SW_OP_CANCEL, 1, &it), SW_ESTATE);
	assert_int_equal(sw_int(&it, SW_F_STATE, 0), SW_CANCELLED);
}

static void
purge(struct rig *r, enum sw_state which)
{
	size_t mark = rig_say(r, SW_OP_PURGE, 0);

	sw_put_int(&r->b, SW_F_STATE, which);
	sw_item_end(&r->b, mark);
	rig_send(r, 9);
}

static void
who_waits_for_a_job_that_is_purged_is_told(void **state)
{
	struct rig *r = *state;
	struct sw_item it;

	rig_put(r, 1, "q", "a");
	assert_int_equal(ask(r, 1, SW_OP_WAIT, 1, &it), 1);
	purge(r, SW_READY);
	assert_true(rig_item(r, 1, SW_OP_WAIT | SW_REPLY, 0, &it));
	assert_int_equal(sw_int(&it, SW_F_STATUS, 0), SW_ENOJOB);
	assert_int_equal(r->core->waits.n, 0);
}

static void
follow_up(struct rig *r, int n, const char *body)
{
	struct sw_id id = rig_id(n);
	size_t mark = sw_nest_begin(&r->b, SW_F_FOLLOW);

	sw_put_id(&r->b, &id);
	sw_put_text(&r->b, SW_F_QUEUE, "next");
	sw_put_text(&r->b, SW_F_BODY, body);
	sw_nest_end(&r->b, mark);
}

static void
follow_ups_that_fit_only_one_by_one_are_refused_together(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	uint64_t token;
	size_t mark;

	assert_int_equal(rig_set(r, "next", "max_bytes=10"), 0);
	rig_put(r, 1, "q", "a");
	rig_hello(r, 1, "q", 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	mark = rig_say(r, SW_OP_DONE, 1);
	sw_put_int(&r->b, SW_F_TOKEN, (int64_t)token);
	sw_put_int(&r->b, SW_F_OUTCOME, SW_ACK);
	follow_up(r, 2, "sixsix");
	follow_up(r, 3, "sixsix");
	assert_int_equal(rig_ask(r, 1, SW_OP_DONE, mark, &it), SW_EMAXBYTES);
	assert_int_equal(rig_state(r, 1), SW_LEASED);
	assert_int_equal(rig_state(r, 2), SW_NONE);
}

static void
a_worker_that_could_not_be_reached_says_hello_again(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	uint64_t token;

	rig_put(r, 1, "q", "a");
	rig_hello(r, 1, "q", 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	for (size_t i = 0; i < r->outs_n; i++)
		core_undelivered(r->core, r->outs[i].frame);
	rig_begin(r, SW_OP_EXTEND);
	rig_send(r, 1);
	assert_true(rig_item(r, 1, SW_OP_ERROR | SW_REPLY, 0, &it));
	assert_int_equal(sw_int(&it, SW_F_STATUS, 0), SW_ESESSION);
	assert_int_equal(r->core->queues[0]->workers, 0);
	rig_hello(r, 1, "q", 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
}

/* --- coincidences of time ----------------------------------------------- */

static void
put_due_and_expiring(struct rig *r, int64_t run_ms, int64_t expires_ms)
{
	size_t mark = put_begin(r, 1, "q", 1);

	sw_put_int(&r->b, SW_F_RUN_AT_MS, r->now_ms + run_ms);
	sw_put_int(&r->b, SW_F_EXPIRES_AT_MS, r->now_ms + expires_ms);
	assert_int_equal(put_end(r, mark), 0);
	rig_check_rows(r);
}

static void
a_job_due_in_the_moment_it_expires_is_dead(void **state)
{
	struct rig *r = *state;

	put_due_and_expiring(r, 1000, 1000);
	assert_int_equal(r->core->timers.n, 1);
	assert_int_equal(r->core->wall_timers.n, 1);
	rig_restart(r);
	rig_pass(r, 1000);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
}

static void
a_job_whose_expiry_passed_while_the_broker_was_down_never_runs(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	put_due_and_expiring(r, 1000, 2000);
	r->now_ms += 5000;
	r->mono_ms += 5000;
	rig_restart(r);
	rig_hello(r, 1, "q", 0);
	assert_int_equal(rig_take(r, 1, &token), 0);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
}

static void
a_job_that_started_in_time_is_tried_again_after_its_expiry(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	put_due_and_expiring(r, 0, 1000);
	rig_hello(r, 1, "q", 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	rig_pass(r, 2000);
	assert_int_equal(rig_done(r, 1, 1, token, SW_RETRY, SW_C_ERROR), 0);
	rig_pass(r, 10000);
	assert_int_equal(rig_take(r, 1, &token), 1);
	assert_int_equal(rig_done(r, 1, 1, token, SW_ACK, 0), 0);
}

static void
a_job_handed_back_unstarted_still_expires(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	put_due_and_expiring(r, 0, 1000);
	rig_hello(r, 1, "q", 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	assert_int_equal(rig_done(r, 1, 1, token, SW_RELEASE, SW_C_DRAIN), 0);
	rig_pass(r, 1000);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
}

static void
a_cancelled_job_is_forgotten_as_it_would_expire(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rig_set(r, "q", "retain_done_ms=2000"), 0);
	for (int run_ms = 0; run_ms <= 1000; run_ms += 1000) {
		put_due_and_expiring(r, run_ms, 2000);
		assert_int_equal(rig_cancel(r, 1), 0);
		rig_check_rows(r);
		rig_pass(r, 2000);
		assert_int_equal(rig_state(r, 1), SW_NONE);
	}
}

static void
a_long_sleep_of_the_machine_is_woken_from_at_once(void **state)
{
	struct rig *r = *state;

	rig_put(r, 1, "q", "a");
	for (int i = 0; i < 100; i++)
		rig_pass(r, SW_DELAY_MAX_MS); /* no loop over seconds */
	assert_int_equal(rig_state(r, 1), SW_READY);
}

/* --- damage ------------------------------------------------------------- */

static void
a_damaged_record_does_not_keep_the_broker_from_starting(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	rig_put(r, 1, "q", "a");
	rig_hello(r, 1, "q", 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	rig_record_damage(r, 1, SIZE_MAX);
	rig_restart(r);
	rig_pass(r, 4000);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	r->core->queues[0]->total[TOTAL_BYTES] = 0; /* length lost */
}

static void
a_damaged_job_that_was_delayed_is_dead_when_due_and_purged_whole(void **state)
{
	struct rig *r = *state;
	struct sw_id id = rig_id(1);
	struct key kept = key_id('c', &id);
	struct bytes val;
	size_t mark = put_begin(r, 1, "q", 1);

	sw_put_int(&r->b, SW_F_DELAY_MS, 1000);
	assert_int_equal(put_end(r, mark), 0);
	rig_record_damage(r, 1, SIZE_MAX);
	rig_pass(r, 1000);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	purge(r, SW_DEAD);
	assert_int_equal(rig_state(r, 1), SW_NONE);
	assert_int_equal(
		r->store->driver->get(r->store, 0, key_bytes(&kept), &val),
		SW_ENOJOB);
	r->core->queues[0]->total[TOTAL_BYTES] = 0; /* length lost */
}

/* Lists all jobs of a state with one job a page; returns the states seen, as
 * bits. */
static unsigned
states_listed(struct rig *r, int state, size_t *n)
{
	uint8_t cursor[SW_CURSOR_MAX];
	unsigned seen = 0;
	size_t len = 0;

	*n = 0;
	do {
		struct sw_item it;
		size_t mark = rig_say(r, SW_OP_LIST, 0);

		sw_put_int(&r->b, SW_F_STATE, state);
		sw_put_int(&r->b, SW_F_LIMIT, 1);
		if (len > 0)
			sw_put_bytes(&r->b, SW_F_CURSOR, bytes_of(cursor, len));
		assert_int_equal(rig_ask(r, 100, SW_OP_LIST, mark, &it), 0);
		len = sw_bytes(&it, SW_F_CURSOR).len;
		memcpy(cursor, sw_bytes(&it, SW_F_CURSOR).p, len);
		if (rig_item(r, 100, SW_OP_LIST | SW_REPLY, 1, &it)) {
			seen |= 1U << sw_int(&it, SW_F_STATE, 0);
			++*n;
		}
	} while (len > 0);
	return seen;
}

/* A search over all states must not miss a job that changes its state
 * meanwhile. */
static void
a_list_of_any_state_is_one_walk_over_all_jobs(void **state)
{
	struct rig *r = *state;
	uint64_t token;
	size_t n, mark = put_begin(r, 9, "q", 1);

	sw_put_int(&r->b, SW_F_DELAY_MS, 60000);
	assert_int_equal(put_end(r, mark), 0);
	rig_hello(r, 1, "q", 0);
	for (int i = 1; i <= 2; i++) {
		rig_put(r, i, "q", "x");
		assert_int_equal(rig_take(r, 1, &token), i);
		if (i == 1)
			rig_done(r, 1, i, token, SW_FAIL, SW_C_PERMANENT);
	}
	rig_put(r, 3, "q", "x");
	assert_int_equal(states_listed(r, SW_NONE, &n),
		1U << SW_DELAYED | 1U << SW_READY | 1U << SW_LEASED |
			1U << SW_DEAD);
	assert_int_equal(n, 4);
	assert_int_equal(states_listed(r, SW_READY, &n), 1U << SW_READY);
	assert_int_equal(n, 1);
	mark = rig_say(r, SW_OP_PURGE, 0);
	sw_put_int(&r->b, SW_F_STATE, SW_NONE);
	sw_item_end(&r->b, mark);
	rig_send(r, 100);
	(void)states_listed(r, SW_NONE, &n);
	assert_int_equal(n, 4);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown_rows)
	const struct CMUnitTest tests[] = {
		T(the_largest_jobs_fit_in_what_is_handed_out),
		T(a_worker_that_leaves_hands_back_however_many_it_has),
		T(who_waits_may_ask_again_and_takes_one_place),
		T(many_who_wait_for_a_large_job_cost_bounded_memory),
		T(a_job_cancelled_twice_has_ended_already),
		T(who_waits_for_a_job_that_is_purged_is_told),
		T(follow_ups_that_fit_only_one_by_one_are_refused_together),
		T(a_worker_that_could_not_be_reached_says_hello_again),
		T(a_job_due_in_the_moment_it_expires_is_dead),
		T(a_job_whose_expiry_passed_while_the_broker_was_down_never_runs),
		T(a_job_that_started_in_time_is_tried_again_after_its_expiry),
		T(a_job_handed_back_unstarted_still_expires),
		T(a_cancelled_job_is_forgotten_as_it_would_expire),
		T(a_long_sleep_of_the_machine_is_woken_from_at_once),
		T(a_damaged_record_does_not_keep_the_broker_from_starting),
		T(a_damaged_job_that_was_delayed_is_dead_when_due_and_purged_whole),
		T(a_list_of_any_state_is_one_walk_over_all_jobs),
	};

	return cmocka_run_group_tests_name("edge", tests, NULL, NULL);
}
