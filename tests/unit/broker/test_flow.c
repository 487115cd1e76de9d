/* SPDX-License-Identifier: MIT */
/* In which order, how fast and whether at all ready jobs are handed out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "broker/model/key.h"
#include "tests/lib/rig.h"

/* A put with further fields: tag and text, or tag and number. */
struct extra {
	enum sw_tag tag;
	const char *text;
	int64_t number;
};

static int
put_with(
	struct rig *r, int n, const char *queue, struct extra a, struct extra b)
{
	const struct extra extras[] = {a, b};
	struct sw_item it;
	size_t mark = rig_say(r, SW_OP_PUT, n);

	sw_put_text(&r->b, SW_F_QUEUE, queue);
	sw_put_text(&r->b, SW_F_BODY, "x");
	for (int i = 0; i < 2; i++)
		if (extras[i].text != NULL)
			sw_put_text(&r->b, extras[i].tag, extras[i].text);
		else if (extras[i].tag != 0)
			sw_put_int(&r->b, extras[i].tag, extras[i].number);
	return rig_ask(r, 100, SW_OP_PUT, mark, &it);
}

static const struct extra none = {0, NULL, 0};

static void
jobs_leave_in_the_order_they_came(void **state)
{
	struct rig *r = *state;

	for (int i = 1; i <= 5; i++)
		assert_int_equal(rig_put(r, i, "q", "x"), 0);
	assert_string_equal(rig_drain(r, 1, "q"), "1 2 3 4 5");
}

static void
a_more_urgent_job_goes_first(void **state)
{
	struct rig *r = *state;

	put_with(r, 1, "q", (struct extra){SW_F_PRIORITY, NULL, 0}, none);
	put_with(r, 2, "q", none, none);
	put_with(r, 3, "q", (struct extra){SW_F_PRIORITY, NULL, 9}, none);
	assert_string_equal(rig_drain(r, 1, "q"), "3 2 1");
}

static void
waiting_outweighs_priority_after_ageing(void **state)
{
	struct rig *r = *state;

	put_with(r, 1, "q", (struct extra){SW_F_PRIORITY, NULL, 0}, none);
	rig_pass(r, 9 * 60000 - 1);
	put_with(r, 2, "q", (struct extra){SW_F_PRIORITY, NULL, 9}, none);
	rig_pass(r, 2);
	put_with(r, 3, "q", (struct extra){SW_F_PRIORITY, NULL, 9}, none);
	assert_string_equal(rig_drain(r, 1, "q"), "2 1 3");
}

static void
tenants_are_served_in_turn(void **state)
{
	struct rig *r = *state;
	const char *got;

	for (int i = 1; i <= 200; i++)
		put_with(
			r, i, "q", (struct extra){SW_F_FAIR, "flood", 0}, none);
	put_with(r, 900, "q", (struct extra){SW_F_FAIR, "quiet", 0}, none);
	put_with(r, 901, "q", (struct extra){SW_F_FAIR, "calm", 0}, none);
	got = rig_drain(r, 1, "q");
	assert_non_null(strstr(got, "900"));
	assert_true(strstr(got, " 900") - got <= 10);
	assert_true(strstr(got, " 901") - got <= 10);
}

static void
more_tenants_than_memory_holds_are_all_served(void **state)
{
	struct rig *r = *state;
	char tenant[16];
	uint64_t token;
	int n, got = 0;
	static unsigned char seen[1000];

	memset(seen, 0, sizeof(seen));
	for (int i = 1; i < 1000; i++) {
		(void)snprintf(tenant, sizeof(tenant), "t%d", i % 600);
		put_with(r, i, "q", (struct extra){SW_F_FAIR, tenant, 0}, none);
	}
	rig_hello(r, 1, "q", 0);
	for (int quiet = 0; quiet < 3;) {
		n = rig_take(r, 1, &token);
		if (n == 0) {
			quiet++;
			continue;
		}
		quiet = 0;
		assert_false(seen[n]);
		seen[n] = 1;
		got++;
		rig_done(r, 1, n, token, SW_ACK, 0);
	}
	assert_int_equal(got, 999);
}

static void
a_backlog_longer_than_the_window_leaves_whole_and_in_order(void **state)
{
	struct rig *r = *state;
	uint64_t token;
	int last = 0;

	for (int i = 1; i <= 3000; i++)
		assert_int_equal(rig_put(r, i, "q", "x"), 0);
	rig_restart(r);
	rig_hello(r, 1, "q", 0);
	for (int i = 1; i <= 3000; i++) {
		int n = rig_take(r, 1, &token);

		assert_int_equal(n, last + 1);
		last = n;
		rig_done(r, 1, n, token, SW_ACK, 0);
		if (i == 10) /* first of all, though the window is full */
			assert_int_equal(
				put_with(r, 5000, "q",
					(struct extra){SW_F_PRIORITY, NULL, 9},
					none),
				0);
		if (i == 10) {
			assert_int_equal(rig_take(r, 1, &token), 5000);
			rig_done(r, 1, 5000, token, SW_ACK, 0);
		}
	}
	assert_int_equal(rig_take(r, 1, &token), 0);
}

static void
a_delayed_job_waits_for_its_time(void **state)
{
	struct rig *r = *state;

	put_with(r, 1, "q", (struct extra){SW_F_DELAY_MS, NULL, 5000}, none);
	assert_int_equal(rig_state(r, 1), SW_DELAYED);
	rig_restart(r);
	rig_pass(r, 4999);
	assert_string_equal(rig_drain(r, 1, "q"), "");
	rig_pass(r, 1);
	assert_string_equal(rig_drain(r, 1, "q"), "1");
}

static void
a_job_that_did_not_start_in_time_is_dead_of_expiry(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	put_with(r, 1, "q",
		(struct extra){SW_F_EXPIRES_AT_MS, NULL, r->now_ms + 1000},
		none);
	put_with(r, 2, "q",
		(struct extra){SW_F_EXPIRES_AT_MS, NULL, r->now_ms + 1000},
		none);
	rig_hello(r, 1, "q", 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	rig_pass(r, 1000);
	assert_int_equal(rig_state(r, 1), SW_LEASED);
	assert_int_equal(rig_state(r, 2), SW_DEAD);
	assert_int_equal(rig_done(r, 1, 1, token, SW_ACK, 0), 0);
}

/* A ready, a delayed, a done, a dead, a leased job, and an unknown id. */
static void
a_timer_that_comes_too_early_changes_nothing(void **state)
{
	static const enum sw_state states[] = {
		SW_NONE, SW_READY, SW_DONE, SW_DEAD, SW_LEASED, SW_DELAYED};
	struct rig *r = *state;
	uint64_t token;

	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	for (int n = 2; n <= 4; n++) {
		assert_int_equal(rig_put(r, n, "q", ""), 0);
		assert_int_equal(rig_take(r, 1, &token), n);
		if (n < 4)
			assert_int_equal(
				rig_done(r, 1, n, token,
					n == 2 ? SW_ACK : SW_FAIL, SW_C_ERROR),
				0);
	}
	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	assert_int_equal(rig_set(r, "q", "delay_ms=1h"), 0);
	assert_int_equal(rig_put(r, 5, "q", ""), 0);
	for (int n = 0; n <= 5; n++) {
		struct sw_id id = rig_id(n);
		struct key k = key_timed('w', 0, (uint64_t)r->now_ms, &id);

		rig_row_change(r, STORE_PUT, &k, bytes_of("", 0));
	}
	rig_restart(r);
	rig_pass(r, 1);
	for (int n = 0; n <= 5; n++) {
		struct sw_id id = rig_id(n);
		struct key k = key_timed('w', 0, (uint64_t)r->now_ms - 1, &id);

		assert_int_equal(rig_state(r, n), states[n]);
		assert_false(rig_row_is_there(r, &k));
	}
}

static void
a_paused_queue_hands_out_nothing(void **state)
{
	struct rig *r = *state;

	rig_set(r, "q", "paused=yes");
	rig_put(r, 1, "q", "x");
	assert_string_equal(rig_drain(r, 1, "q"), "");
	rig_restart(r);
	assert_string_equal(rig_drain(r, 1, "q"), "");
	rig_set(r, "q", "paused=no");
	assert_string_equal(rig_drain(r, 1, "q"), "1");
}

static void
no_more_run_at_once_than_the_concurrency_allows(void **state)
{
	struct rig *r = *state;
	uint64_t a, b, c;

	rig_set(r, "q", "concurrency=2");
	for (int i = 1; i <= 3; i++)
		rig_put(r, i, "q", "x");
	rig_hello(r, 1, "q", 0);
	assert_int_equal(rig_take(r, 1, &a), 1);
	assert_int_equal(rig_take(r, 1, &b), 2);
	assert_int_equal(rig_take(r, 1, &c), 0);
	rig_done(r, 1, 1, a, SW_ACK, 0);
	assert_int_equal(rig_take(r, 1, &c), 3);
}

static void
no_more_start_than_the_rate_allows(void **state)
{
	struct rig *r = *state;
	uint64_t token;
	int got = 0;

	rig_set(r, "q", "rate=10");
	for (int i = 1; i <= 100; i++)
		rig_put(r, i, "q", "x");
	rig_hello(r, 1, "q", 0);
	for (int ms = 0; ms < 5000; ms += 10) {
		rig_pass(r, 10);
		rig_hello(r, 1, "q", 0);
		while (rig_take(r, 1, &token) != 0)
			got++;
	}
	assert_in_range(got, 49, 51);
}

static void
a_full_queue_refuses_puts_by_name_and_serves_acks(void **state)
{
	struct rig *r = *state;

	rig_set(r, "q", "max_jobs=2");
	assert_int_equal(rig_put(r, 1, "q", "x"), 0);
	assert_int_equal(rig_put(r, 2, "q", "x"), 0);
	assert_int_equal(rig_put(r, 3, "q", "x"), SW_EMAXJOBS);
	assert_int_equal(rig_put(r, 2, "q", "x"), 0); /* the id is known */
	assert_string_equal(rig_drain(r, 1, "q"), "1 2");
	assert_int_equal(rig_put(r, 3, "q", "x"), 0);
	rig_set(r, "b", "max_bytes=10");
	assert_int_equal(rig_put(r, 4, "b", "12345678"), 0);
	assert_int_equal(rig_put(r, 5, "b", "123"), SW_EMAXBYTES);
	r->core->full_until_ms = r->mono_ms + 1000;
	assert_int_equal(rig_put(r, 6, "c", "x"), SW_EFULL);
	assert_string_equal(rig_drain(r, 1, "b"), "4");
	rig_pass(r, 1000);
	assert_int_equal(rig_put(r, 6, "c", "x"), 0);
}

static void
a_unique_key_is_taken_while_the_job_waits_or_runs(void **state)
{
	struct rig *r = *state;
	struct extra key = {SW_F_UNIQUE, "k", 0};
	uint64_t token;

	assert_int_equal(put_with(r, 1, "q", key, none), 0);
	assert_int_equal(put_with(r, 2, "q", key, none), SW_EUNIQUE);
	assert_int_equal(put_with(r, 3, "other", key, none), 0);
	rig_hello(r, 1, "q", 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	assert_int_equal(put_with(r, 2, "q", key, none), SW_EUNIQUE);
	rig_done(r, 1, 1, token, SW_FAIL, SW_C_PERMANENT);
	assert_int_equal(put_with(r, 2, "q", key, none), 0);
}

static void
a_dead_job_holds_its_key_only_if_asked(void **state)
{
	struct rig *r = *state;
	struct extra key = {SW_F_UNIQUE, "k", 0};
	struct extra also = {SW_F_UNIQUE_ALSO, NULL, SW_UNIQUE_DEAD};
	uint64_t token;

	assert_int_equal(put_with(r, 1, "q", key, also), 0);
	rig_hello(r, 1, "q", 0);
	rig_take(r, 1, &token);
	rig_done(r, 1, 1, token, SW_FAIL, SW_C_PERMANENT);
	assert_int_equal(put_with(r, 2, "q", key, none), SW_EUNIQUE);
}

/* DONE with two follow-ups of one unique key: `n2` and `n3`, to queue next. */
static int
ack_with_follow(struct rig *r, int n, uint64_t token, int n2, const char *body)
{
	struct sw_id id2 = rig_id(n2);
	struct sw_item it;
	size_t mark = rig_say(r, SW_OP_DONE, n), nest;

	sw_put_int(&r->b, SW_F_TOKEN, (int64_t)token);
	sw_put_int(&r->b, SW_F_OUTCOME, SW_ACK);
	sw_put_text(&r->b, SW_F_RESULT, "42");
	nest = sw_nest_begin(&r->b, SW_F_FOLLOW);
	sw_put_id(&r->b, &id2);
	sw_put_text(&r->b, SW_F_QUEUE, "next");
	if (body != NULL)
		sw_put_text(&r->b, SW_F_BODY, body);
	sw_nest_end(&r->b, nest);
	return rig_ask(r, 1, SW_OP_DONE, mark, &it);
}

static void
an_ack_its_result_and_its_follow_ups_are_one_commit(void **state)
{
	struct rig *r = *state;
	uint64_t token, commits;

	rig_put(r, 1, "q", "x");
	rig_hello(r, 1, "q", 0);
	rig_take(r, 1, &token);
	commits = r->core->commits;
	assert_int_equal(ack_with_follow(r, 1, token, 2, "more"), 0);
	assert_int_equal(r->core->commits, commits + 1);
	rig_restart(r);
	assert_int_equal(rig_state(r, 1), SW_DONE);
	assert_int_equal(rig_state(r, 2), SW_READY);
}

static void
a_refused_follow_up_refuses_the_ack_and_changes_nothing(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	rig_put(r, 1, "q", "x");
	rig_hello(r, 1, "q", 0);
	rig_take(r, 1, &token);
	assert_int_equal(ack_with_follow(r, 1, token, 2, NULL), SW_EINVAL);
	assert_int_equal(rig_state(r, 1), SW_LEASED);
	assert_int_equal(rig_state(r, 2), SW_NONE);
	assert_int_equal(rig_done(r, 1, 1, token, SW_ACK, 0), 0);
}

static void
a_waiting_job_is_cancelled_at_once_and_a_running_one_by_its_worker(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	uint64_t token;

	rig_put(r, 1, "q", "x");
	rig_put(r, 2, "q", "x");
	rig_hello(r, 1, "q", 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	assert_int_equal(rig_cancel(r, 2), 0);
	assert_int_equal(rig_state(r, 2), SW_CANCELLED);
	assert_int_equal(rig_cancel(r, 1), 0);
	assert_true(rig_item(r, 1, SW_OP_STOP, 0, &it));
	assert_int_equal(rig_state(r, 1), SW_LEASED);
	rig_restart(r);
	rig_hello(r, 1, "q", 0);
	assert_int_equal(
		rig_done(r, 1, 1, token, SW_STOPPED, SW_C_CANCELLED), 0);
	assert_int_equal(rig_state(r, 1), SW_CANCELLED);
	assert_int_equal(rig_cancel(r, 9), SW_ENOJOB);
}

static int
wait_for(struct rig *r, int who, int n)
{
	struct sw_item it;
	size_t mark = rig_say(r, SW_OP_WAIT, n);

	sw_item_end(&r->b, mark);
	rig_send(r, who);
	return rig_item(r, who, SW_OP_WAIT | SW_REPLY, 0, &it);
}

static void
who_waits_for_a_job_is_answered_at_its_end(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	uint64_t token;

	rig_put(r, 1, "q", "x");
	rig_hello(r, 1, "q", 0);
	rig_take(r, 1, &token);
	for (int who = 50; who < 60; who++)
		assert_int_equal(wait_for(r, who, 1), 0);
	assert_int_equal(rig_done(r, 1, 1, token, SW_ACK, 0), 0);
	for (int who = 50; who < 60; who++) {
		assert_true(rig_item(r, who, SW_OP_WAIT | SW_REPLY, 0, &it));
		assert_int_equal(sw_int(&it, SW_F_STATE, 0), SW_DONE);
	}
	assert_int_equal(wait_for(r, 50, 1), 1);
}

static void
why_a_job_is_not_running_is_said(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	rig_put(r, 1, "q", "x");
	assert_non_null(strstr(rig_why(r, 1), "no worker serves queue q"));
	rig_hello(r, 1, "q", 0);
	assert_non_null(strstr(rig_why(r, 1), "slots"));
	rig_set(r, "q", "paused=yes");
	assert_non_null(strstr(rig_why(r, 1), "paused"));
	rig_set(r, "q", "paused=no");
	rig_take(r, 1, &token);
	assert_non_null(
		strstr(rig_why(r, 1), "attempt 1 of 25 is leased to worker "
				      "worker-1, for 0ms now, and is "
				      "not known to have begun"));
	assert_int_equal(rig_extend(r, 1, 1, token, 1), 0);
	assert_non_null(strstr(rig_why(r, 1), "runs on worker worker-1"));
	put_with(r, 2, "q", (struct extra){SW_F_DELAY_MS, NULL, 5000}, none);
	assert_non_null(
		strstr(rig_why(r, 2), "the job is delayed; it starts in 5.0s"));
}

static void
foreign_fields_and_bad_values_are_refused(void **state)
{
	struct rig *r = *state;
	static const struct extra bad[] = {{SW_F_TOKEN, NULL, 5},
		{SW_F_STATE, NULL, 4}, {SW_F_PRIORITY, NULL, 10},
		{SW_F_PRIORITY, NULL, -1}, {SW_F_DELAY_MS, NULL, -1},
		{SW_F_DELAY_MS, NULL, SW_DELAY_MAX_MS + 1},
		{SW_F_MAX_ATTEMPTS, NULL, 0}, {SW_F_HEADER, "no-equals", 0}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(put_with(r, 1, "q", bad[i], none), SW_EINVAL);
	assert_int_equal(put_with(r, 1, "Bad Name", none, none), SW_EQUEUE);
	assert_int_equal(rig_set(r, "q", "colour=red"), SW_ESETTING);
	assert_int_equal(rig_state(r, 1), SW_NONE);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(jobs_leave_in_the_order_they_came),
		T(a_more_urgent_job_goes_first),
		T(waiting_outweighs_priority_after_ageing),
		T(tenants_are_served_in_turn),
		T(more_tenants_than_memory_holds_are_all_served),
		T(a_backlog_longer_than_the_window_leaves_whole_and_in_order),
		T(a_delayed_job_waits_for_its_time),
		T(a_job_that_did_not_start_in_time_is_dead_of_expiry),
		T(a_timer_that_comes_too_early_changes_nothing),
		T(a_paused_queue_hands_out_nothing),
		T(no_more_run_at_once_than_the_concurrency_allows),
		T(no_more_start_than_the_rate_allows),
		T(a_full_queue_refuses_puts_by_name_and_serves_acks),
		T(a_unique_key_is_taken_while_the_job_waits_or_runs),
		T(a_dead_job_holds_its_key_only_if_asked),
		T(an_ack_its_result_and_its_follow_ups_are_one_commit),
		T(a_refused_follow_up_refuses_the_ack_and_changes_nothing),
		T(a_waiting_job_is_cancelled_at_once_and_a_running_one_by_its_worker),
		T(who_waits_for_a_job_is_answered_at_its_end),
		T(why_a_job_is_not_running_is_said),
		T(foreign_fields_and_bad_values_are_refused),
	};

	return cmocka_run_group_tests_name("flow", tests, NULL, NULL);
}
