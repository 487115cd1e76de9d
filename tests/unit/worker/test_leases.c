/* SPDX-License-Identifier: MIT */
/* A worker's leases, against a broker that answers what the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/error.h"
#include "tests/unit/worker/logged.h"
#include "tests/unit/worker/talk.h"

static int
setup(void **state)
{
	*state = talk_open(2);
	return 0;
}

static int
teardown(void **state)
{
	talk_close(*state);
	return 0;
}

/* Gives the report a field. */
static void
report_text(struct worker_lease *j, enum sw_tag tag, const char *text)
{
	struct sw_buf b = {.cap = 256};

	b.p = malloc(b.cap);
	assert_non_null(b.p);
	sw_put_text(&b, tag, text);
	free(j->report.fields);
	j->report.fields = b.p;
	j->report.fields_len = b.len;
}

/* --- begun ---------------------------------------------------------------- */

static void
only_a_begun_job_is_named_as_begun(void **state)
{
	struct talk *t = *state;
	struct worker_lease *first, *second;

	talk_give(t, "mail", 1, 2);
	first = talk_begin(t);
	second = talk_begin(t);
	leases_begun(&t->h, first);
	talk_say(t, 1000);
	assert_int_equal(t->messages[SW_OP_EXTEND], 1);
	for (int i = 0; i < t->said_n; i++)
		if (t->said[i].op == SW_OP_EXTEND)
			assert_int_equal(
				t->said[i].begun, t->said[i].token == 1);
	talk_end(t, first, SW_ACK);
	talk_end(t, second, SW_RELEASE);
	talk_clear(t);
	talk_say(t, 0);
	assert_int_equal(t->messages[SW_OP_DONE], 1);
	for (int i = 0; i < t->said_n; i++)
		if (t->said[i].op == SW_OP_DONE)
			assert_int_equal(
				t->said[i].begun, t->said[i].token == 1);
}

static void
a_job_has_the_settings_of_its_queue(void **state)
{
	struct talk *t = *state;
	const struct job_settings *s;

	talk_give(t, "mail", 1, 1);
	s = &talk_begin(t)->settings;
	assert_int_equal(s->drain, 1);
	assert_int_equal(s->cpu_limit, 2500);
	assert_int_equal(
		s->files_limit, sw_setting_rules[SW_S_files_limit].def);
	assert_int_equal(s->keep_output, 0);
}

static void
jobs_begin_in_the_order_of_their_tokens(void **state)
{
	struct talk *t = *state;

	talk_give(t, "mail", 5, 6);
	talk_give(t, "mail", 3, 4);
	talk_give(t, "mail", 7, 7);
	talk_give(t, "mail", 1, 1);
	for (uint64_t token = 1; token <= 7; token++) {
		struct worker_lease *j;

		if (token == 2)
			continue;
		j = talk_begin(t);
		assert_int_equal(j->token, token);
		talk_end(t, j, SW_ACK);
	}
}

/* --- closed --------------------------------------------------------------- */

static void
a_job_that_comes_while_draining_is_handed_back(void **state)
{
	struct talk *t = *state;

	leases_drain(&t->h);
	talk_say(t, 0);
	talk_give(t, "mail", 7, 7); /* was sent before the drain */
	assert_null(leases_begin(&t->h, t->now));
	talk_say(t, 0);
	assert_int_equal(talk_last(t, SW_OP_DONE)->token, 7);
	assert_int_equal(talk_last(t, SW_OP_DONE)->outcome, SW_RELEASE);
	assert_int_equal(talk_last(t, SW_OP_DONE)->begun, 0);
	talk_answer_last(t, SW_OP_DONE, 0);
	assert_int_equal(t->h.used, 0);
}

static void
a_closed_worker_hands_back_what_waits_and_asks_for_nothing(void **state)
{
	struct talk *t = *state;
	struct worker_lease *j;

	talk_give(t, "mail", 1, 2);
	j = talk_begin(t);
	leases_close(&t->h);
	assert_null(leases_begin(&t->h, t->now));
	talk_say(t, 0);
	assert_int_equal(talk_last(t, SW_OP_DONE)->token, 2);
	assert_int_equal(talk_last(t, SW_OP_DONE)->outcome, SW_RELEASE);
	assert_int_equal(t->h.credit_sent, 2);
	talk_answer_last(t, SW_OP_DONE, 0);
	talk_give(t, "mail", 3, 3); /* was on its way */
	talk_say(t, 0);
	assert_int_equal(talk_last(t, SW_OP_DONE)->token, 3);
	talk_answer_last(t, SW_OP_DONE, 0);

	leases_open(&t->h);
	talk_say(t, 0);
	assert_int_equal(talk_last(t, SW_OP_WANT)->credit, 4);
	talk_give(t, "mail", 4, 4);
	assert_int_equal(talk_begin(t)->token, 4);
	talk_end(t, j, SW_ACK);
}

/* The queues of the last hello, as "mail film ". */
static const char *
hello_queues(const struct talk *t)
{
	static char text[256];
	size_t n = 0;

	text[0] = '\0';
	for (int i = 0; i < t->said_n; i++)
		if (t->said[i].op == SW_OP_HELLO &&
			t->said[i].seq == t->seq[SW_OP_HELLO] &&
			t->said[i].queue[0] != '\0')
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s ",
				t->said[i].queue);
	return text;
}

static void
a_closed_route_is_not_served_and_the_others_are(void **state)
{
	struct talk *t = *state;

	talk_give(t, "mail", 1, 1);
	talk_give(t, "film", 2, 2);
	leases_route_close(&t->h, &talk_routes[0]);
	assert_int_equal(leases_wait_ms(&t->h, t->now), 0);
	talk_say(t, 0);
	assert_string_equal(hello_queues(t), "film ");
	talk_give(t, "mail", 3, 3); /* was on its way */
	talk_answer_last(t, SW_OP_HELLO, 0);
	talk_say(t, LEASE_GATHER_MS);
	assert_int_equal(t->messages[SW_OP_DONE], 1);
	assert_int_equal(talk_last(t, SW_OP_DONE)->n, 2); /* 1 and 3 go back */
	assert_int_equal(talk_last(t, SW_OP_DONE)->outcome, SW_RELEASE);
	talk_answer_last(t, SW_OP_DONE, 0);
	assert_int_equal(talk_begin(t)->token, 2);
	talk_say(t, 0);
	assert_int_equal(talk_last(t, SW_OP_WANT)->credit, 1); /* and 1 runs */

	leases_route_open(&t->h, &talk_routes[0]);
	talk_say(t, 0);
	assert_string_equal(hello_queues(t), "mail film ");
}

static void
with_all_routes_closed_the_session_lives_without_credit(void **state)
{
	struct talk *t = *state;

	talk_give(t, "mail", 1, 1);
	(void)talk_begin(t);
	leases_route_close(&t->h, &talk_routes[0]);
	leases_route_close(&t->h, &talk_routes[1]);
	leases_route_close(&t->h, &talk_routes[1]);
	talk_say(t, 0);
	assert_string_equal(hello_queues(t), "mail film ");
	talk_answer_last(t, SW_OP_HELLO, 0);
	talk_clear(t);
	talk_say(t, 0);
	assert_int_equal(talk_last(t, SW_OP_WANT)->credit, 0);
	assert_int_equal(talk_last(t, SW_OP_EXTEND)->token, 1);
}

/* --- reports -------------------------------------------------------------- */

static void
a_refused_follow_up_fails_the_attempt_with_the_reason(void **state)
{
	static const char why[] = "priority must be 0 to 9, not 12";
	struct talk *t = *state;
	struct sw_buf b = {.cap = 256};
	struct worker_lease *j;
	size_t mark;

	talk_give(t, "mail", 1, 1);
	j = talk_begin(t);
	b.p = malloc(b.cap);
	assert_non_null(b.p);
	mark = sw_nest_begin(&b, SW_F_FOLLOW);
	sw_put_int(&b, SW_F_PRIORITY, 12);
	sw_nest_end(&b, mark);
	j->report.fields = b.p;
	j->report.fields_len = b.len;
	talk_end(t, j, SW_ACK);
	talk_say(t, 0);
	talk_answer(t, SW_OP_DONE, t->seq[SW_OP_DONE], 1, SW_EINVAL, why);
	talk_say(t, 0);
	assert_int_equal(talk_last(t, SW_OP_DONE)->outcome, SW_RETRY);
	assert_string_equal(talk_last(t, SW_OP_DONE)->error,
		"a follow-up job was refused: priority must be 0 to 9, not "
		"12\n");
}

static void
a_refused_report_of_a_failure_keeps_its_own_error_behind_the_reason(
	void **state)
{
	struct talk *t = *state;
	struct worker_lease *j;

	talk_give(t, "mail", 1, 1);
	j = talk_begin(t);
	report_text(j, SW_F_ERROR, "no route to host");
	talk_end(t, j, SW_FAIL);
	talk_say(t, 0);
	talk_answer(t, SW_OP_DONE, t->seq[SW_OP_DONE], 1, SW_EINVAL, "delay");
	talk_say(t, 0);
	assert_int_equal(talk_last(t, SW_OP_DONE)->outcome, SW_RETRY);
	assert_string_equal(talk_last(t, SW_OP_DONE)->error,
		"the report was refused: delay\nno route to host");
	/* Refused once more: the lease ends by silence. */
	talk_answer_last(t, SW_OP_DONE, SW_EINVAL);
	assert_int_equal(t->h.used, 0);
}

static void
for_want_of_room_the_same_report_is_sent_again(void **state)
{
	static const int want[] = {
		SW_EFULL, SW_EMAXJOBS, SW_EMAXBYTES, SW_EBUSY};
	struct talk *t = *state;
	struct worker_lease *j;

	talk_give(t, "mail", 1, 1);
	j = talk_begin(t);
	talk_end(t, j, SW_ACK);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		talk_clear(t);
		talk_say(t, i == 0 ? 0 : LEASE_RESEND_MS);
		assert_int_equal(t->messages[SW_OP_DONE], 1);
		assert_int_equal(talk_last(t, SW_OP_DONE)->outcome, SW_ACK);
		talk_answer_last(t, SW_OP_DONE, want[i]);
		talk_say(t, LEASE_RESEND_MS - 1);
		assert_int_equal(t->messages[SW_OP_DONE], 1);
	}
	talk_say(t, 1);
	talk_answer_last(t, SW_OP_DONE, 0);
	assert_int_equal(t->h.used, 0);
}

/* Follow-ups of several jobs: the limit is one of the message. */
static void
reports_that_are_too_large_together_are_sent_one_by_one(void **state)
{
	struct talk *t = *state;

	talk_give(t, "mail", 1, 2);
	talk_end(t, talk_begin(t), SW_ACK);
	talk_end(t, talk_begin(t), SW_ACK);
	talk_say(t, 0);
	talk_answer_last(t, SW_OP_DONE, SW_ETOOBIG);
	talk_clear(t);
	talk_say(t, 0);
	assert_int_equal(t->messages[SW_OP_DONE], 2);
	assert_int_equal(talk_last(t, SW_OP_DONE)->outcome, SW_ACK);
	talk_answer(t, SW_OP_DONE, t->seq[SW_OP_DONE] - 1, 1, 0, NULL);
	assert_int_equal(t->h.used, 1);
	talk_answer_last(t, SW_OP_DONE, SW_ETOOBIG);
	talk_say(t, 0);
	assert_int_equal(talk_last(t, SW_OP_DONE)->outcome, SW_RETRY);
	talk_answer_last(t, SW_OP_DONE, 0);
	assert_int_equal(t->h.used, 0);
}

static void
one_malformed_report_does_not_take_the_others_with_it(void **state)
{
	struct talk *t = *state;
	struct worker_lease *good, *bad;

	talk_give(t, "mail", 1, 2);
	good = talk_begin(t);
	bad = talk_begin(t);
	talk_end(t, good, SW_ACK);
	talk_end(t, bad, SW_ACK);
	talk_say(t, 0);
	assert_int_equal(talk_last(t, SW_OP_DONE)->n, 2);
	talk_answer(
		t, SW_OP_ERROR, t->seq[SW_OP_DONE], 1, SW_ETOOBIG, "result");
	talk_clear(t);
	talk_say(t, 0);
	assert_int_equal(t->messages[SW_OP_DONE], 2);
	assert_int_equal(talk_last(t, SW_OP_DONE)->token, 2);
	talk_answer(t, SW_OP_DONE, t->seq[SW_OP_DONE] - 1, 1, 0, NULL);
	assert_int_equal(t->h.used, 1);
	talk_answer(
		t, SW_OP_ERROR, t->seq[SW_OP_DONE], 1, SW_ETOOBIG, "result");
	talk_say(t, 0);
	assert_int_equal(talk_last(t, SW_OP_DONE)->outcome, SW_RETRY);
	assert_string_equal(talk_last(t, SW_OP_DONE)->error,
		"the report was refused: result\n");
	talk_answer_last(t, SW_OP_DONE, 0);
	assert_int_equal(t->h.used, 0);
}

static void
a_report_larger_than_a_message_fails_the_attempt(void **state)
{
	struct talk *t = *state;
	struct worker_lease *j;

	talk_give(t, "mail", 1, 1);
	j = talk_begin(t);
	j->report.fields_len = LEASE_BUFFER;
	j->report.fields = calloc(1, LEASE_BUFFER);
	assert_non_null(j->report.fields);
	talk_end(t, j, SW_ACK);
	talk_say(t, 0);
	talk_say(t, 0);
	assert_int_equal(talk_last(t, SW_OP_DONE)->outcome, SW_RETRY);
	assert_non_null(strstr(talk_last(t, SW_OP_DONE)->error, "larger"));
}

/* --- stalls --------------------------------------------------------------- */

static void
after_a_stall_nothing_is_settled_before_the_broker_has_answered(void **state)
{
	struct talk *t = *state;
	uint64_t before;

	talk_give(t, "mail", 1, 2);
	(void)talk_begin(t);
	talk_say(t, 1000);
	before = t->seq[SW_OP_EXTEND];
	leases_stalled(&t->h, t->now);
	assert_int_equal(leases_wait_ms(&t->h, t->now), 0);
	assert_false(leases_settled(&t->h));
	talk_clear(t);
	talk_say(t, 1);
	assert_int_equal(t->messages[SW_OP_EXTEND], 1);
	talk_answer(t, SW_OP_EXTEND, before, 2, 0, NULL); /* from before */
	assert_false(leases_settled(&t->h));
	assert_null(leases_begin(&t->h, t->now));
	talk_answer_last(t, SW_OP_EXTEND, 0);
	assert_true(leases_settled(&t->h));
	assert_int_equal(talk_begin(t)->token, 2);
}

static void
a_broken_link_is_settled_by_hello_and_a_heartbeat(void **state)
{
	struct talk *t = *state;

	talk_give(t, "mail", 1, 1);
	(void)talk_begin(t);
	leases_stalled(&t->h, t->now);
	talk_say(t, 0);
	talk_answer(t, SW_OP_ERROR, t->seq[SW_OP_EXTEND], 1, SW_ESESSION, NULL);
	talk_say(t, 0);
	talk_answer_last(t, SW_OP_HELLO, 0);
	assert_false(leases_settled(&t->h));
	talk_say(t, 0);
	talk_answer_last(t, SW_OP_EXTEND, 0);
	assert_true(leases_settled(&t->h));
}

static void
a_lost_heartbeat_settles_nothing_and_a_later_one_does(void **state)
{
	struct talk *t = *state;

	leases_stalled(&t->h, t->now);
	talk_say(t, 0); /* is lost */
	talk_say(t, LEASE_SILENT_MS);
	talk_answer_last(t, SW_OP_EXTEND, 0);
	assert_true(leases_settled(&t->h));
}

static void
a_lease_that_is_lost_in_a_stall_is_told_before_all_is_settled(void **state)
{
	struct talk *t = *state;
	struct worker_lease *j;

	talk_give(t, "mail", 1, 1);
	j = talk_begin(t);
	leases_stalled(&t->h, t->now);
	talk_say(t, 0);
	talk_answer_last(t, SW_OP_EXTEND, SW_ESTALE);
	assert_true(leases_settled(&t->h));
	assert_int_equal(j->stop, LEASE_STALE);
	talk_end(t, j, SW_ACK);
	talk_say(t, 1000);
	assert_int_equal(t->messages[SW_OP_DONE], 0);
	assert_int_equal(t->h.used, 0);
}

/* --- many ----------------------------------------------------------------- */

/* All slots busy, and as many jobs waiting as may be. */
static void
slots_use(struct talk *t)
{
	for (uint64_t token = 1; token <= (uint64_t)t->h.cap; token += 100)
		talk_give(t, "mail", token,
			token + 99 < (uint64_t)t->h.cap ? token + 99
							: (uint64_t)t->h.cap);
	assert_int_equal(t->h.used, t->h.cap);
	while (leases_begin(&t->h, t->now) != NULL)
		;
	assert_int_equal(t->h.running, t->h.slots);
}

/*
 * What a job costs does not depend on how many leases there are: none is
 * looked at but those that begin, end or are reported.
 */
static void
with_1024_slots_a_job_costs_what_it_costs_with_one(void **state)
{
	struct talk *t = talk_open(LEASE_SLOTS_MAX);
	struct worker_lease *j;
	uint64_t before;

	(void)state;
	slots_use(t);
	before = t->h.looks;
	for (int i = 0; i < 400; i++) { /* no heartbeat meanwhile */
		j = t->h.list[LEASE_RUNNING];
		leases_begun(&t->h, j);
		talk_end(t, j, SW_ACK);
		assert_non_null(leases_begin(&t->h, t->now));
		talk_clear(t);
		talk_say(t, i % 2 == 0 ? LEASE_GATHER_MS : 0);
		talk_answer_all(t, SW_OP_DONE, 0);
	}
	assert_int_equal(t->h.looks, before);
	talk_close(t);
}

static void
each_message_of_a_heartbeat_must_be_answered_to_settle(void **state)
{
	struct talk *t = talk_open(8);
	uint64_t seq;

	(void)state;
	talk_give(t, "mail", 1, 100);
	talk_give(t, "mail", 101, 200);
	talk_give(t, "mail", 201, 250);
	leases_stalled(&t->h, t->now);
	talk_say(t, 0);
	assert_int_equal(t->messages[SW_OP_EXTEND], 3);
	seq = t->seq[SW_OP_EXTEND];
	talk_answer(t, SW_OP_EXTEND, seq, 50, 0, NULL);
	talk_answer(t, SW_OP_EXTEND, seq - 2, 100, 0, NULL);
	assert_false(leases_settled(&t->h));
	talk_answer(t, SW_OP_EXTEND, seq - 1, 100, 0, NULL);
	assert_true(leases_settled(&t->h));
	talk_close(t);
}

static void
reports_of_a_turn_are_bounded_and_all_are_sent_in_the_end(void **state)
{
	struct talk *t = talk_open(LEASE_SLOTS_MAX);
	struct worker_lease *j;
	int turns = 0;

	(void)state;
	slots_use(t);
	leases_drain(&t->h); /* more than 30,000 hand-backs at once */
	while ((j = t->h.list[LEASE_RUNNING]) != NULL)
		talk_end(t, j, SW_ACK);
	for (; t->h.used > 0; turns++) {
		talk_clear(t);
		talk_say(t, 0);
		assert_in_range(t->messages[SW_OP_DONE], 1, LEASE_DONE_MAX);
		if (t->h.n[LEASE_ENDED] > 0)
			assert_int_equal(leases_wait_ms(&t->h, t->now), 0);
		talk_answer_all(t, SW_OP_DONE, 0);
	}
	assert_in_range(turns, t->h.cap / (100 * LEASE_DONE_MAX),
		t->h.cap / (100 * LEASE_DONE_MAX) + 1);
	assert_null(t->h.by_key);
	talk_close(t);
}

static void
only_the_first_join_is_news(void **state)
{
	struct talk *t = talk_open(1);

	(void)state;
	t->h.announced = 0;
	logged_begin(SW_LOG_INFO);
	for (int i = 0; i < 3; i++) {
		leases_route_close(&t->h, &talk_routes[0]);
		join(t);
		leases_route_open(&t->h, &talk_routes[0]);
		join(t);
	}
	assert_string_equal(logged_text(), "<6>ev=joined worker=w leases=0\n");
	sw_log_set(SW_LOG_DEBUG);
	leases_route_close(&t->h, &talk_routes[0]);
	join(t);
	assert_string_equal(logged_text(), "<7>ev=joined worker=w leases=0\n");
	logged_end();
	talk_close(t);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(only_a_begun_job_is_named_as_begun),
		T(a_job_has_the_settings_of_its_queue),
		T(jobs_begin_in_the_order_of_their_tokens),
		T(a_job_that_comes_while_draining_is_handed_back),
		T(a_closed_worker_hands_back_what_waits_and_asks_for_nothing),
		T(a_closed_route_is_not_served_and_the_others_are),
		T(with_all_routes_closed_the_session_lives_without_credit),
		T(a_refused_follow_up_fails_the_attempt_with_the_reason),
		T(a_refused_report_of_a_failure_keeps_its_own_error_behind_the_reason),
		T(for_want_of_room_the_same_report_is_sent_again),
		T(reports_that_are_too_large_together_are_sent_one_by_one),
		T(one_malformed_report_does_not_take_the_others_with_it),
		T(a_report_larger_than_a_message_fails_the_attempt),
		T(after_a_stall_nothing_is_settled_before_the_broker_has_answered),
		T(a_broken_link_is_settled_by_hello_and_a_heartbeat),
		T(a_lost_heartbeat_settles_nothing_and_a_later_one_does),
		T(a_lease_that_is_lost_in_a_stall_is_told_before_all_is_settled),
		cmocka_unit_test(
			with_1024_slots_a_job_costs_what_it_costs_with_one),
		cmocka_unit_test(
			each_message_of_a_heartbeat_must_be_answered_to_settle),
		cmocka_unit_test(
			reports_of_a_turn_are_bounded_and_all_are_sent_in_the_end),
		cmocka_unit_test(only_the_first_join_is_news),
	};

	return cmocka_run_group_tests_name("leases", tests, NULL, NULL);
}
