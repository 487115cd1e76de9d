/* SPDX-License-Identifier: MIT */
/* What requests the core accepts and refuses, field by field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/error.h"
#include "broker/core/attempt.h"
#include "broker/job/job.h"
#include "tests/lib/rig.h"

/* --- put ---------------------------------------------------------------- */

struct bad_put {
	int id; /* 0: the nil id, -1: none */
	const char *queue, *body, *header;
	int strange; /* set a field that only the core may set */
};

static void
a_put_without_id_queue_or_body_or_with_more_is_malformed(void **state)
{
	static const struct bad_put bad[] = {
		{-1, "q", "", NULL, 0},
		{0, "q", "", NULL, 0},
		{1, NULL, "", NULL, 0},
		{1, "q", NULL, NULL, 0},
		{1, "q", "", "no equals sign", 0},
		{1, "q", "", NULL, SW_F_TOKEN},
	};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct bad_put *p = &bad[i];
		static const struct sw_id nil;
		struct sw_item it;
		size_t mark = rig_say(r, SW_OP_PUT, p->id);

		if (p->id == 0)
			sw_put_id(&r->b, &nil);
		if (p->queue != NULL)
			sw_put_text(&r->b, SW_F_QUEUE, p->queue);
		if (p->body != NULL)
			sw_put_text(&r->b, SW_F_BODY, p->body);
		if (p->header != NULL)
			sw_put_text(&r->b, SW_F_HEADER, p->header);
		if (p->strange != 0)
			sw_put_int(&r->b, (enum sw_tag)p->strange, 1);
		assert_int_equal(
			rig_ask(r, 9, SW_OP_PUT, mark, &it), SW_EINVAL);
	}
}

static void
headers_of_more_than_their_limit_are_too_large(void **state)
{
	struct rig *r = *state;
	struct sw_item it;

	for (int over = 0; over < 2; over++) {
		size_t mark = rig_say(r, SW_OP_PUT, 1);

		sw_put_text(&r->b, SW_F_QUEUE, "q");
		sw_put_text(&r->b, SW_F_BODY, "");
		for (int i = 0; i < SW_HEADERS_MAX / 8; i++)
			sw_put_text(&r->b, SW_F_HEADER, "a=123456");
		if (over == 0)
			sw_put_text(&r->b, SW_F_HEADER, "b=");
		assert_int_equal(rig_ask(r, 9, SW_OP_PUT, mark, &it),
			over == 0 ? SW_ETOOBIG : 0);
	}
}

/* --- workers ------------------------------------------------------------ */

static void
a_weight_beyond_the_settings_range_is_refused(void **state)
{
	static const int64_t weights[] = {-1, 1, INT64_MAX};
	struct rig *r = *state;

	for (size_t i = 0; i < 3; i++) {
		struct sw_item it;
		size_t mark;

		rig_begin(r, SW_OP_HELLO);
		sw_item_end(&r->b, sw_item_begin(&r->b));
		mark = sw_item_begin(&r->b);
		sw_put_text(&r->b, SW_F_QUEUE, "q");
		sw_put_int(&r->b, SW_F_WEIGHT, weights[i]);
		assert_int_equal(rig_ask(r, 1, SW_OP_HELLO, mark, &it),
			i == 1 ? 0 : SW_EINVAL);
	}
}

static void
progress_that_a_worker_tells_is_shown_while_the_job_runs(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	uint64_t token = rig_run(r, 1, "body");
	size_t mark = rig_say(r, SW_OP_EXTEND, 1);

	sw_put_int(&r->b, SW_F_TOKEN, (int64_t)token);
	sw_put_int(&r->b, SW_F_PROGRESS, 40);
	sw_put_text(&r->b, SW_F_TEXT, "second pass");
	assert_int_equal(rig_ask(r, 1, SW_OP_EXTEND, mark, &it), 0);

	rig_get(r, 1, &it);
	assert_int_equal(sw_int(&it, SW_F_PROGRESS, -1), 40);
	assert_true(
		bytes_eq(sw_bytes(&it, SW_F_TEXT), bytes_str("second pass")));
	assert_true(
		bytes_eq(sw_bytes(&it, SW_F_WORKER), bytes_str("worker-1")));
}

static int
report(struct rig *r, int n, uint64_t token, int64_t outcome, int64_t cause,
	int64_t delay_ms)
{
	struct sw_item it;
	size_t mark = rig_say(r, SW_OP_DONE, n);

	sw_put_int(&r->b, SW_F_TOKEN, (int64_t)token);
	sw_put_int(&r->b, SW_F_OUTCOME, outcome);
	sw_put_int(&r->b, SW_F_CAUSE, cause);
	sw_put_int(&r->b, SW_F_DELAY_MS, delay_ms);
	return rig_ask(r, 1, SW_OP_DONE, mark, &it);
}

static void
a_report_of_no_known_outcome_cause_or_delay_is_refused_and_the_job_runs_on(
	void **state)
{
	struct rig *r = *state;
	uint64_t token = rig_run(r, 1, "body");

	assert_int_equal(report(r, 1, token, SW_ACK - 1, 0, 0), SW_EINVAL);
	assert_int_equal(report(r, 1, token, SW_STOPPED + 1, 0, 0), SW_EINVAL);
	assert_int_equal(report(r, 1, token, SW_RETRY, -1, 0), SW_EINVAL);
	assert_int_equal(
		report(r, 1, token, SW_RETRY, SW_CAUSES, 0), SW_EINVAL);
	assert_int_equal(
		report(r, 1, token, SW_RETRY, SW_C_ERROR, SW_DELAY_MAX_MS + 1),
		SW_EINVAL);
	assert_int_equal(report(r, 1, 0, SW_ACK, 0, 0), SW_EINVAL);
	assert_int_equal(rig_state(r, 1), SW_LEASED);
	assert_int_equal(report(r, 1, token, SW_RETRY, SW_C_ERROR, 1000), 0);
	assert_int_equal(rig_state(r, 1), SW_DELAYED);
}

static void
follow_ups_that_share_an_id_are_one_job(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	uint64_t token = rig_run(r, 1, "body");
	size_t mark = rig_say(r, SW_OP_DONE, 1);

	sw_put_int(&r->b, SW_F_TOKEN, (int64_t)token);
	sw_put_int(&r->b, SW_F_OUTCOME, SW_ACK);
	for (int i = 0; i < 2; i++) {
		size_t nest = sw_nest_begin(&r->b, SW_F_FOLLOW);
		struct sw_id id = rig_id(10);

		sw_put_id(&r->b, &id);
		sw_put_text(&r->b, SW_F_QUEUE, "next");
		sw_put_text(&r->b, SW_F_BODY, "");
		sw_put_text(&r->b, SW_F_UNIQUE, "one");
		sw_nest_end(&r->b, nest);
	}
	assert_int_equal(rig_ask(r, 1, SW_OP_DONE, mark, &it), 0);
	assert_int_equal(rig_state(r, 1), SW_DONE);
	assert_int_equal(rig_state(r, 10), SW_READY);
}

static void
a_wait_before_the_next_try_grows_up_to_its_cap(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rig_set(r, "q", "max_attempts=100"), 0);
	assert_int_equal(rig_set(r, "q", "backoff_ms=1s"), 0);
	assert_int_equal(rig_set(r, "q", "backoff_factor=10"), 0);
	assert_int_equal(rig_set(r, "q", "backoff_cap_ms=50s"), 0);
	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	for (int i = 1; i <= 40; i++) {
		uint64_t token;
		int64_t wait, most = i == 1 ? 1000 : i == 2 ? 10000 : 50000;

		rig_hello(r, 1, "q", 0);
		assert_int_equal(rig_take(r, 1, &token), 1);
		assert_int_equal(
			rig_done(r, 1, 1, token, SW_RETRY, SW_C_ERROR), 0);
		wait = rig_shown(r, 1, SW_F_RUN_AT_MS) - r->now_ms;
		assert_in_range(wait, most - most / 4, most + most / 4);
		(void)rig_why(r, 1);
		rig_pass(r, wait + 1);
	}
}

/* --- listings ----------------------------------------------------------- */

/* Jobs 1 to 4, a minute apart; 3 and 4 have a header, 4 another one too. */
static void
four_put(struct rig *r)
{
	for (int n = 1; n <= 4; n++) {
		struct sw_item it;
		size_t mark = rig_say(r, SW_OP_PUT, n);

		sw_put_text(&r->b, SW_F_QUEUE, "q");
		sw_put_text(&r->b, SW_F_BODY, "");
		if (n >= 3)
			sw_put_text(&r->b, SW_F_HEADER, "trace=7");
		if (n >= 4)
			sw_put_text(&r->b, SW_F_HEADER, "from=ann");
		assert_int_equal(rig_ask(r, 9, SW_OP_PUT, mark, &it), 0);
		rig_pass(r, 60000);
	}
}

static size_t
list_say(struct rig *r)
{
	size_t mark = rig_say(r, SW_OP_LIST, 0);

	sw_put_int(&r->b, SW_F_STATE, SW_READY);
	return mark;
}

/* The numbers of the listed jobs. */
static const char *
listed(struct rig *r, size_t mark)
{
	static char text[64];
	struct sw_item it;
	struct sw_id id;
	size_t len = 0;

	text[0] = '\0';
	assert_int_equal(rig_ask(r, 9, SW_OP_LIST, mark, &it), 0);
	for (int i = 1; rig_item(r, 9, SW_OP_LIST | SW_REPLY, i, &it); i++) {
		assert_true(sw_get_id(&it, &id));
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%d ",
			(int)be_get(id.b + 8, 8));
	}
	return text;
}

static void
a_listing_is_narrowed_by_time_and_by_headers(void **state)
{
	struct rig *r = *state;
	int64_t began = r->now_ms;
	size_t mark;

	four_put(r);
	assert_string_equal(listed(r, list_say(r)), "1 2 3 4 ");
	mark = list_say(r);
	sw_put_int(&r->b, SW_F_SINCE_MS, began + 60000);
	sw_put_int(&r->b, SW_F_UNTIL_MS, began + 120000);
	assert_string_equal(listed(r, mark), "2 3 ");
	mark = list_say(r);
	sw_put_text(&r->b, SW_F_HEADER, "trace=7");
	assert_string_equal(listed(r, mark), "3 4 ");
	mark = list_say(r);
	sw_put_text(&r->b, SW_F_HEADER, "trace=7");
	sw_put_text(&r->b, SW_F_HEADER, "from=ann");
	assert_string_equal(listed(r, mark), "4 ");
	mark = list_say(r);
	sw_put_text(&r->b, SW_F_HEADER, "trace=8");
	assert_string_equal(listed(r, mark), "");
}

static void
a_cursor_of_another_listing_begins_anew(void **state)
{
	struct rig *r = *state;
	size_t mark;

	four_put(r);
	mark = list_say(r);
	sw_put_bytes(&r->b, SW_F_CURSOR, bytes_str("x of the dead"));
	assert_string_equal(listed(r, mark), "1 2 3 4 ");
	mark = list_say(r);
	sw_put_int(&r->b, SW_F_LIMIT, 2);
	assert_string_equal(listed(r, mark), "1 2 ");
}

static void
a_queue_that_is_not_there_is_told_by_name_and_not_made(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	size_t mark = rig_say(r, SW_OP_QUEUES, 0);

	sw_put_text(&r->b, SW_F_QUEUE, "nowhere");
	assert_int_equal(rig_ask(r, 9, SW_OP_QUEUES, mark, &it), SW_ENOQUEUE);
	assert_true(bytes_eq(sw_bytes(&it, SW_F_DETAIL),
		bytes_str("no such queue: nowhere")));
	mark = rig_say(r, SW_OP_LIST, 0);
	sw_put_text(&r->b, SW_F_QUEUE, "nowhere");
	assert_int_equal(rig_ask(r, 9, SW_OP_LIST, mark, &it), SW_ENOQUEUE);
	assert_true(bytes_eq(sw_bytes(&it, SW_F_DETAIL),
		bytes_str("no such queue: nowhere")));
	mark = rig_say(r, SW_OP_LIST, 0);
	sw_put_text(&r->b, SW_F_QUEUE, "no\xff");
	assert_int_equal(rig_ask(r, 9, SW_OP_LIST, mark, &it), SW_ENOQUEUE);
	assert_true(bytes_eq(sw_bytes(&it, SW_F_DETAIL),
		bytes_str("no such queue: a queue name must be 1 to 63 of "
			  "[a-z0-9_-]")));
	assert_int_equal(r->core->queues_n, 0);
}

static void
a_queue_that_is_asked_for_by_name_is_shown_alone(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	size_t mark;

	assert_int_equal(rig_put(r, 1, "a", ""), 0);
	assert_int_equal(rig_put(r, 2, "b", ""), 0);
	mark = rig_say(r, SW_OP_QUEUES, 0);
	sw_put_text(&r->b, SW_F_QUEUE, "b");
	assert_int_equal(rig_ask(r, 9, SW_OP_QUEUES, mark, &it), 0);
	assert_true(rig_item(r, 9, SW_OP_QUEUES | SW_REPLY, 1, &it));
	assert_true(bytes_eq(sw_bytes(&it, SW_F_QUEUE), bytes_str("b")));
	assert_false(rig_item(r, 9, SW_OP_QUEUES | SW_REPLY, 2, &it));
}

static void
why_says_that_a_queue_runs_all_it_may_or_starts_no_more_now(void **state)
{
	struct rig *r = *state;

	(void)rig_run(r, 1, "body");
	assert_int_equal(rig_put(r, 2, "q", ""), 0);
	assert_int_equal(rig_set(r, "q", "concurrency=1"), 0);
	assert_non_null(strstr(rig_why(r, 2), "runs 1 of at most 1"));
	assert_int_equal(rig_set(r, "q", "concurrency=2"), 0);
	assert_int_equal(rig_set(r, "q", "rate=1"), 0);
	r->core->queues[0]->tokens = 0;
	r->core->queues[0]->tokens_at_ms = r->mono_ms;
	assert_non_null(strstr(rig_why(r, 2), "rate limit of queue q is 1/s"));
}

/* Sequence numbers belong to a connection. */
static void
two_who_wait_under_the_same_number_are_both_answered(void **state)
{
	struct rig *r = *state;
	struct sw_item it;

	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	for (int who = 3; who <= 4; who++) {
		size_t mark = rig_say(r, SW_OP_WAIT, 1);

		le_set(r->request + 8, 8, 7);
		sw_item_end(&r->b, mark);
		rig_send(r, who);
	}
	assert_int_equal(rig_cancel(r, 1), 0);
	for (int who = 3; who <= 4; who++)
		assert_true(rig_item(r, who, SW_OP_WAIT | SW_REPLY, 0, &it));
}

static void
a_job_whose_key_another_holds_stays_dead_when_it_is_redriven(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	size_t mark;
	uint64_t token;

	for (int n = 1; n <= 2; n++) {
		mark = rig_say(r, SW_OP_PUT, n);
		sw_put_text(&r->b, SW_F_QUEUE, "q");
		sw_put_text(&r->b, SW_F_BODY, "");
		sw_put_text(&r->b, SW_F_UNIQUE, "one");
		sw_put_int(&r->b, SW_F_EXPIRES_AT_MS, r->now_ms + 99999);
		assert_int_equal(rig_ask(r, 9, SW_OP_PUT, mark, &it), 0);
		if (n == 2)
			break;
		assert_int_equal(rig_hello(r, 1, "q", 0), 0);
		assert_int_equal(rig_take(r, 1, &token), 1);
		assert_int_equal(
			rig_done(r, 1, 1, token, SW_FAIL, SW_C_ERROR), 0);
	}
	assert_int_equal(
		rig_ask(r, 9, SW_OP_REDRIVE, rig_say(r, SW_OP_REDRIVE, 1), &it),
		0);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	assert_int_equal(rig_cancel(r, 2), 0);
	mark = rig_say(r, SW_OP_REDRIVE, 1);
	sw_put_int(&r->b, SW_F_RATE, 10);
	sw_put_int(&r->b, SW_F_OFFSET, 20);
	assert_int_equal(rig_ask(r, 9, SW_OP_REDRIVE, mark, &it), 0);
	assert_int_equal(rig_state(r, 1), SW_DELAYED);
	rig_pass(r, 2000);
	assert_int_equal(rig_state(r, 1), SW_READY);
}

/* --- the broker's own side ---------------------------------------------- */

static void
a_setting_from_the_configuration_is_taken_or_refused_with_its_reason(
	void **state)
{
	struct rig *r = *state;
	struct core *c = r->core;
	char why[SW_WHY_ROOM];

	assert_int_equal(core_queue_set(c, bytes_str("q"),
				 bytes_str("max_attempts=7"), why),
		0);
	assert_int_equal(c->queues[0]->set[SW_S_max_attempts], 7);
	assert_int_equal(core_queue_set(c, bytes_str("q"),
				 bytes_str("max_attempts=x"), why),
		SW_ESETTING);
	assert_non_null(strstr(why, "max_attempts is 'x'"));
	assert_int_equal(core_queue_set(c, bytes_str("Bad Name"),
				 bytes_str("max_attempts=7"), why),
		SW_EQUEUE);
	assert_non_null(strstr(why, "not \"Bad Name\""));
	rig_pass(r, 1);
	rig_restart(r);
	assert_int_equal(c->queues[0]->set[SW_S_max_attempts], 7);
}

static void
a_setting_that_a_message_names_twice_changes_nothing(void **state)
{
	static const char *const settings[] = {"rate=1", "burst=3", "rate=2"};
	struct rig *r = *state;
	size_t mark = rig_say(r, SW_OP_QUEUE_SET, 0);
	unsigned n = r->core->queues_n;
	struct sw_item it;

	sw_put_text(&r->b, SW_F_QUEUE, "new");
	for (size_t i = 0; i < 3; i++)
		sw_put_text(&r->b, SW_F_SETTING, settings[i]);
	assert_int_equal(
		rig_ask(r, 2, SW_OP_QUEUE_SET, mark, &it), SW_ESETTING);
	assert_true(
		bytes_eq(it.f[SW_F_DETAIL], bytes_str("rate is given twice")));
	assert_int_equal(r->core->queues_n, n);
	mark = rig_say(r, SW_OP_QUEUE_SET, 0);
	sw_put_text(&r->b, SW_F_QUEUE, "new");
	for (size_t i = 1; i < 3; i++)
		sw_put_text(&r->b, SW_F_SETTING, settings[i]);
	assert_int_equal(rig_ask(r, 2, SW_OP_QUEUE_SET, mark, &it), 0);
	assert_int_equal(r->core->queues[n]->set[SW_S_burst], 3);
	assert_int_equal(
		r->core->queues[n]->set[SW_S_rate], 2 * UNIT_RATE_SECOND);
}

/* The broker calls this for a message that it could not send. */
static void
jobs_came_back(struct rig *r, struct bytes frame)
{
	core_begin(r->core, r->now_ms, r->mono_ms);
	core_undelivered(r->core, frame);
}

static void
of_what_could_not_be_sent_only_jobs_come_back_and_only_once(void **state)
{
	struct rig *r = *state;
	struct sw_id none = rig_id(99);
	uint8_t room[256];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	uint64_t token = rig_run(r, 1, "body");
	size_t mark;

	jobs_came_back(r, bytes_str("no message at all"));
	sw_msg_begin(&b, SW_OP_STATS | SW_REPLY, 0, 1);
	jobs_came_back(r, sw_buf_bytes(&b));
	assert_int_equal(rig_state(r, 1), SW_LEASED);

	/* Items without an id, of another job, with an old token, and with the
	 * right one. */
	sw_msg_begin(&b, SW_OP_JOBS, 0, 0);
	sw_item_end(&b, sw_item_begin(&b));
	mark = sw_item_begin(&b);
	sw_put_id(&b, &none);
	sw_item_end(&b, mark);
	for (uint64_t back = 2; back-- > 0;) {
		struct sw_id id = rig_id(1);

		mark = sw_item_begin(&b);
		sw_put_id(&b, &id);
		sw_put_int(&b, SW_F_TOKEN, (int64_t)(token - back));
		sw_item_end(&b, mark);
	}
	assert_false(b.full);
	jobs_came_back(r, sw_buf_bytes(&b));
	jobs_came_back(r, sw_buf_bytes(&b));
	rig_pass(r, 0);
	assert_int_equal(rig_state(r, 1), SW_READY);
	assert_null(r->core->sessions);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown_rows)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_put_without_id_queue_or_body_or_with_more_is_malformed),
		TEST(headers_of_more_than_their_limit_are_too_large),
		TEST(a_weight_beyond_the_settings_range_is_refused),
		TEST(progress_that_a_worker_tells_is_shown_while_the_job_runs),
		TEST(a_report_of_no_known_outcome_cause_or_delay_is_refused_and_the_job_runs_on),
		TEST(follow_ups_that_share_an_id_are_one_job),
		TEST(a_wait_before_the_next_try_grows_up_to_its_cap),
		TEST(a_listing_is_narrowed_by_time_and_by_headers),
		TEST(a_cursor_of_another_listing_begins_anew),
		TEST(a_queue_that_is_not_there_is_told_by_name_and_not_made),
		TEST(a_queue_that_is_asked_for_by_name_is_shown_alone),
		TEST(why_says_that_a_queue_runs_all_it_may_or_starts_no_more_now),
		TEST(two_who_wait_under_the_same_number_are_both_answered),
		TEST(a_job_whose_key_another_holds_stays_dead_when_it_is_redriven),
		TEST(a_setting_from_the_configuration_is_taken_or_refused_with_its_reason),
		TEST(a_setting_that_a_message_names_twice_changes_nothing),
		TEST(of_what_could_not_be_sent_only_jobs_come_back_and_only_once),
	};

	return cmocka_run_group_tests_name("ask", tests, NULL, NULL);
}
