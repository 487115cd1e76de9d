/* SPDX-License-Identifier: MIT */
/* Who gets which jobs, and what is counted of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/error.h"
#include "broker/model/key.h"
#include "tests/lib/rig.h"

/* --- the queues of a worker ------------------------------------------------
 */

/* Says hello as `who` for queues a, b and c, each with its weight or none. */
static void
hello_weighted(struct rig *r, int who, const int weight[3])
{
	size_t mark = rig_say(r, SW_OP_HELLO, 0);
	struct sw_item it;

	sw_put_text(&r->b, SW_F_WORKER, "w");
	sw_item_end(&r->b, mark);
	for (int i = 0; i < 3; i++) {
		mark = sw_item_begin(&r->b);
		sw_put_fmt(&r->b, SW_F_QUEUE, "%c", 'a' + i);
		if (weight[i] > 0)
			sw_put_int(&r->b, SW_F_WEIGHT, weight[i]);
		if (i < 2)
			sw_item_end(&r->b, mark);
	}
	assert_int_equal(rig_ask(r, who, SW_OP_HELLO, mark, &it), 0);
}

/* Of the next `n` jobs those of each queue, whose ids say it: a is 1000 and so
 * on. */
static void
shares_are(struct rig *r, int who, int n, const int expected[3])
{
	int got[3] = {0};
	uint64_t token;

	for (int i = 0; i < n; i++) {
		int job = rig_take(r, who, &token);

		assert_in_range(job, 1000, 3999);
		got[job / 1000 - 1]++;
		assert_int_equal(rig_done(r, who, job, token, SW_ACK, 0), 0);
	}
	for (int q = 0; q < 3; q++)
		assert_int_equal(got[q], expected[q]);
}

static void
backlogs_make(struct rig *r)
{
	static const char *const queue[] = {"a", "b", "c"};

	for (int q = 0; q < 3; q++)
		for (int i = 0; i < 100; i++)
			assert_int_equal(
				rig_put(r, 1000 * (q + 1) + i, queue[q], ""),
				0);
}

static void
a_worker_serves_its_queues_by_their_weights(void **state)
{
	static const int none[3] = {0}, own[3] = {1, 3, 0};
	struct rig *r = *state;

	backlogs_make(r);
	assert_int_equal(rig_set(r, "a", "weight=5"), 0);
	assert_int_equal(rig_set(r, "b", "weight=2"), 0);
	hello_weighted(r, 1, none);
	shares_are(r, 1, 40, (int[]){25, 10, 5});
	hello_weighted(r, 1, own); /* c: the weight of the queue, 1 */
	shares_are(r, 1, 40, (int[]){8, 24, 8});
}

/* A share that nobody uses goes to the others by their weights. */
static void
a_queue_that_cannot_start_jobs_leaves_its_share_to_the_others(void **state)
{
	static const int weight[3] = {5, 2, 1};
	struct rig *r = *state;

	backlogs_make(r);
	assert_int_equal(rig_set(r, "a", "paused=yes"), 0);
	hello_weighted(r, 1, weight);
	shares_are(r, 1, 30, (int[]){0, 20, 10});
}

/* --- what is counted -------------------------------------------------------
 */

/* A STAT of the queue "q" or of the worker; -1: it is absent. */
static int64_t
stat_of(struct rig *r, int op, const char *name)
{
	size_t mark = rig_say(r, op, 0), at = 0, len = strlen(name);
	struct sw_item it;
	struct bytes s;

	sw_item_end(&r->b, mark);
	rig_send(r, 9);
	assert_true(rig_item(r, 9, op | SW_REPLY, 1, &it));
	while (sw_item_each(&it, SW_F_STAT, &at, &s)) {
		char text[SW_TEXT_MAX + 1] = "";

		assert_true(s.len < sizeof(text));
		memcpy(text, s.p, s.len);
		if (strncmp(text, name, len) == 0 && text[len] == '=')
			return (int64_t)strtod(text + len + 1, NULL);
	}
	return -1;
}

static void
leased_is(struct rig *r, int n)
{
	assert_int_equal(stat_of(r, SW_OP_WORKERS, "leased"), n);
	assert_int_equal(stat_of(r, SW_OP_QUEUES, "leased"), n);
}

static void
leased_falls_with_each_end_of_a_lease(void **state)
{
	static const int outcomes[] = {
		SW_ACK, SW_RETRY, SW_FAIL, SW_RELEASE, SW_STOPPED};
	struct rig *r = *state;
	uint64_t token[6];
	int n;

	for (int i = 1; i <= 6; i++)
		assert_int_equal(rig_put(r, i, "q", ""), 0);
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(rig_take(r, 1, &token[i]), i + 1);
		leased_is(r, i + 1);
	}
	for (int i = 0; i < 5; i++) {
		assert_int_equal(
			rig_done(r, 1, i + 1, token[i], outcomes[i], 0), 0);
		leased_is(r, 5 - i);
	}
	rig_pass(r, 4001); /* silence ends the last one */
	leased_is(r, 0);
	n = rig_take(r, 1, &token[0]);
	assert_true(n > 0);
	leased_is(r, 1);
	assert_int_equal(rig_hello(r, 2, "q", 0), 0);
	assert_int_equal(rig_extend(r, 2, n, token[0], 1), 0);
	assert_int_equal(stat_of(r, SW_OP_QUEUES, "leased"), 1);
	assert_int_equal(stat_of(r, SW_OP_WORKERS, "leased"), 0);
}

static void
what_has_not_run_wants_no_number_of_workers(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	for (int i = 1; i <= 100; i++)
		assert_int_equal(rig_put(r, i, "q", ""), 0);
	assert_int_equal(stat_of(r, SW_OP_QUEUES, "workers_wanted"), -1);
	assert_int_equal(stat_of(r, SW_OP_QUEUES, "mean_run_ms"), -1);
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	assert_int_equal(rig_extend(r, 1, 1, token, 1), 0);
	rig_pass(r, 4001); /* the lease ends by silence: no run time */
	assert_int_equal(rig_state(r, 1), SW_DELAYED);
	assert_int_equal(stat_of(r, SW_OP_QUEUES, "mean_run_ms"), -1);
	assert_int_equal(rig_take(r, 1, &token), 2);
	rig_pass(r, 3000);
	assert_int_equal(rig_done(r, 1, 2, token, SW_ACK, 0), 0);
	assert_int_equal(stat_of(r, SW_OP_QUEUES, "mean_run_ms"), 3000);
	assert_in_range(stat_of(r, SW_OP_QUEUES, "workers_wanted"), 5, 60);
	rig_restart(r);
	assert_int_equal(stat_of(r, SW_OP_QUEUES, "workers_wanted"), -1);
}

/* The wall clock is set back by an hour while the job runs. */
static void
a_clock_that_was_set_back_changes_no_run_time(void **state)
{
	struct rig *r = *state;
	uint64_t token = rig_run(r, 1, "");

	r->now_ms -= 3600000;
	rig_pass(r, 400);
	assert_int_equal(rig_done(r, 1, 1, token, SW_ACK, 0), 0);
	assert_int_equal(rig_state(r, 1), SW_DONE);
	assert_int_equal(stat_of(r, SW_OP_QUEUES, "mean_run_ms"), 400);
}

/* --- rows that lie ----------------------------------------------------------
 */

/* Ready rows of a job that is done, dead, delayed or leased, or at another
 * place than the record says: they are dropped, and lease nothing. */
static void
a_stale_ready_row_hands_out_nothing(void **state)
{
	struct rig *r = *state;
	struct sw_id id = rig_id(1);
	struct key k = key_ready(0, 0, 5, &id);
	static const int outcomes[] = {SW_ACK, SW_FAIL, SW_RETRY};
	uint64_t token;

	for (int i = 0; i < 3; i++) {
		id = rig_id(i + 1);
		k = key_ready(0, 0, 5, &id);
		token = rig_run(r, i + 1, "");
		assert_int_equal(
			rig_done(r, 1, i + 1, token, outcomes[i], 0), 0);
		rig_row_change(r, STORE_PUT, &k, bytes_of("", 0));
		rig_restart(r);
		r->core->queues[0]->count[SW_READY]++;
		assert_int_equal(rig_hello(r, 1, "q", 0), 0);
		assert_int_equal(rig_take(r, 1, &token), 0);
		r->core->queues[0]->count[SW_READY]--;
		assert_int_equal(stat_of(r, SW_OP_QUEUES, "leased"), 0);
		assert_false(rig_row_is_there(r, &k));
	}
}

/* A second row of a ready job, at another place: the job is leased once. */
static void
a_ready_row_at_another_place_is_dropped(void **state)
{
	struct rig *r = *state;
	struct sw_id id = rig_id(1);
	struct key k = key_ready(0, 0, 5, &id);
	uint64_t token;

	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	rig_row_change(r, STORE_PUT, &k, bytes_of("", 0));
	rig_restart(r);
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	assert_false(rig_row_is_there(r, &k));
	assert_int_equal(rig_done(r, 1, 1, token, SW_ACK, 0), 0);
	rig_check_rows(r);
}

static void
a_corrupt_job_is_not_redriven_without_its_body(void **state)
{
	struct rig *r = *state;
	struct sw_item it;

	assert_int_equal(rig_put(r, 1, "q", "body"), 0);
	rig_record_damage(r, 1, 1000);
	rig_restart(r);
	assert_int_equal(rig_hello(r, 1, "q", 1), 0);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	assert_int_equal(
		rig_ask(r, 2, SW_OP_REDRIVE, rig_say(r, SW_OP_REDRIVE, 1), &it),
		0);
	assert_int_equal(sw_int(&it, SW_F_COUNT, -1), 0);
	assert_true(rig_item(r, 2, SW_OP_REDRIVE | SW_REPLY, 1, &it));
	assert_int_equal(sw_int(&it, SW_F_STATUS, 0), SW_ECORRUPT);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	rig_want(r, 1, 2);
	assert_false(rig_item(r, 1, SW_OP_JOBS, 0, &it));
	assert_int_equal(rig_put(r, 1, "q", "body"), 0); /* known, and dead */
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(a_worker_serves_its_queues_by_their_weights),
		T(a_queue_that_cannot_start_jobs_leaves_its_share_to_the_others),
		T(leased_falls_with_each_end_of_a_lease),
		T(what_has_not_run_wants_no_number_of_workers),
		T(a_clock_that_was_set_back_changes_no_run_time),
		T(a_stale_ready_row_hands_out_nothing),
		T(a_ready_row_at_another_place_is_dropped),
		T(a_corrupt_job_is_not_redriven_without_its_body),
	};

	return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
