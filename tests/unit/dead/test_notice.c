/* SPDX-License-Identifier: MIT */
/* Notices: jobs that tell of a queue's dead and of its age. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/error.h"
#include "broker/core/notice.h"
#include "broker/job/job.h"
#include "tests/lib/rig.h"

/* Takes the only ready job of "alerts" and acks it; its body, to be freed.
 * NULL: there is none. */
static json_t *
notice_take(struct rig *r)
{
	struct sw_item it;
	struct bytes body;
	struct sw_id id;
	uint64_t token;
	json_t *j;

	assert_int_equal(rig_hello(r, 9, "alerts", 1), 0);
	if (!rig_item(r, 9, SW_OP_JOBS, 0, &it)) {
		rig_want(r, 9, 0);
		return NULL;
	}
	assert_true(sw_get_id(&it, &id));
	token = (uint64_t)sw_int(&it, SW_F_TOKEN, 0);
	body = sw_bytes(&it, SW_F_BODY);
	j = json_loadb(body.p, body.len, 0, NULL);
	assert_non_null(j);
	assert_int_equal(
		rig_ask(r, 9, SW_OP_DONE,
			rig_report(r, &id, token, SW_ACK, SW_C_NONE), &it),
		0);
	return j;
}

static const char *
text_of(json_t *j, const char *name)
{
	return json_string_value(json_object_get(j, name));
}

static int64_t
number_of(json_t *j, const char *name)
{
	return json_integer_value(json_object_get(j, name));
}

static void
job_name(int n, char text[SW_ID_TEXT])
{
	struct sw_id id = rig_id(n);

	sw_id_format(&id, text);
}

/* The next notice is of that kind, of "q" and of job n; it has `count`. */
static void
notice_is(
	struct rig *r, const char *kind, int n, const char *name, int64_t count)
{
	json_t *j = notice_take(r);
	char id[SW_ID_TEXT];

	job_name(n, id);
	assert_non_null(j);
	assert_string_equal(text_of(j, "kind"), kind);
	assert_string_equal(text_of(j, "queue"), "q");
	assert_string_equal(text_of(j, "job"), id);
	assert_int_equal(number_of(j, name), count);
	json_decref(j);
}

static void
no_notice(struct rig *r)
{
	assert_null(notice_take(r));
}

static void
job_kill(struct rig *r, int n, const char *queue, const char *error)
{
	assert_int_equal(rig_put(r, n, queue, "body"), 0);
	assert_int_equal(rig_hello(r, 1, queue, 0), 0);
	rig_fail(r, n, SW_FAIL, SW_C_PERMANENT, error);
}

static void
a_death_puts_a_notice_in_the_same_commit(void **state)
{
	struct rig *r = *state;
	char id[SW_ID_TEXT];
	json_t *j;

	rig_set(r, "q", "on_dead=alerts");
	job_kill(r, 1, "q", "no \"host\"\n\xff");
	rig_restart(r);
	job_name(1, id);
	j = notice_take(r);
	assert_non_null(j);
	assert_string_equal(text_of(j, "kind"), "dead");
	assert_string_equal(text_of(j, "queue"), "q");
	assert_string_equal(text_of(j, "job"), id);
	assert_string_equal(text_of(j, "cause"), "permanent");
	assert_string_equal(text_of(j, "error"), "no \"host\"\n\xef\xbf\xbd");
	assert_int_equal(number_of(j, "attempts"), 1);
	assert_int_equal(number_of(j, "at_ms"), r->now_ms);
	assert_int_equal(number_of(j, "count"), 1);
	json_decref(j);
	no_notice(r);
}

/* Nobody else may look at that job for long. */
static void
a_death_by_a_corrupt_record_is_told(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct sw_id id = rig_id(1);
	struct key k = key_id('j', &id);
	struct sw_item it;
	uint64_t token;
	json_t *j;

	(void)unused;
	rig_set(r, "q", "on_dead=alerts");
	assert_int_equal(rig_put(r, 1, "q", "body"), 0);
	rig_row_change(r, STORE_PUT, &k, bytes_str("corrupt"));
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 0);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	j = notice_take(r);
	assert_non_null(j);
	assert_string_equal(text_of(j, "kind"), "dead");
	assert_string_equal(text_of(j, "cause"), "corrupt");
	json_decref(j);
	/* A job that was dead before does not die again. */
	job_kill(r, 2, "q", "x");
	rig_pass(r, 2 * NOTICE_MS);
	notice_is(r, "dead", 2, "count", 1);
	id = rig_id(2);
	k = key_id('j', &id);
	rig_row_change(r, STORE_PUT, &k, bytes_str("corrupt"));
	rig_begin(r, SW_OP_LIST);
	rig_send(r, 1);
	assert_true(rig_item(r, 1, SW_OP_LIST | SW_REPLY, 2, &it));
	assert_int_equal(sw_int(&it, SW_F_CAUSE, 0), SW_C_CORRUPT);
	rig_pass(r, 2 * NOTICE_MS);
	no_notice(r);
	rig_drop(r);
}

static void
very_many_deaths_make_one_notice_a_second_that_counts_them(void **state)
{
	struct rig *r = *state;

	rig_set(r, "q", "on_dead=alerts");
	for (int i = 1; i <= 100; i++)
		job_kill(r, i, "q", "x");
	notice_is(r, "dead", 1, "count", 1);
	no_notice(r);
	rig_pass(r, NOTICE_MS);
	notice_is(r, "dead", 100, "count", 99);
	rig_pass(r, NOTICE_MS);
	no_notice(r);
	job_kill(r, 101, "q", "x");
	notice_is(r, "dead", 101, "count", 1);
}

/* Of a job that is gone the notice has what was kept of it. */
static void
a_job_that_is_gone_is_told_all_the_same(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	json_t *j;

	rig_set(r, "q", "on_dead=alerts");
	job_kill(r, 1, "q", "x");
	job_kill(r, 2, "q", "x");
	notice_is(r, "dead", 1, "count", 1);
	assert_int_equal(
		rig_ask(r, 100, SW_OP_PURGE, rig_say(r, SW_OP_PURGE, 2), &it),
		0);
	rig_pass(r, NOTICE_MS);
	j = notice_take(r);
	assert_non_null(j);
	assert_null(json_object_get(j, "error"));
	assert_string_equal(text_of(j, "cause"), "permanent");
	json_decref(j);
}

static void
the_end_of_a_long_error_is_told(void **state)
{
	struct rig *r = *state;
	char error[SW_ERROR_MAX + 1];
	json_t *j;

	rig_set(r, "q", "on_dead=alerts");
	memset(error, '\x01', SW_ERROR_MAX);
	error[SW_ERROR_MAX - 1] = '!';
	error[SW_ERROR_MAX] = '\0';
	job_kill(r, 1, "q", error);
	j = notice_take(r);
	assert_non_null(j);
	assert_int_equal(strlen(text_of(j, "error")), NOTICE_ERROR);
	assert_int_equal(text_of(j, "error")[NOTICE_ERROR - 1], '!');
	json_decref(j);
}

static void
the_death_of_a_notice_makes_none(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	struct sw_id id;
	uint64_t token;

	rig_set(r, "q", "on_dead=alerts");
	rig_set(r, "alerts", "on_dead=q");
	job_kill(r, 1, "q", "x");
	token = rig_next(r, 9, "alerts", &id);
	assert_int_equal(
		rig_ask(r, 9, SW_OP_DONE,
			rig_report(r, &id, token, SW_FAIL, SW_C_ERROR), &it),
		0);
	rig_pass(r, NOTICE_MS);
	assert_int_equal(r->core->queues[0]->count[SW_READY], 0);
	job_kill(r, 2, "alerts", "x"); /* a job of its own is told */
	assert_int_equal(r->core->queues[0]->count[SW_READY], 1);
}

static void
a_notice_has_a_header_that_chooses_who_is_told(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	struct bytes h;
	size_t at = 0;

	assert_int_equal(rig_set(r, "q", "notice_header=x"), SW_ESETTING);
	rig_set(r, "q", "on_dead=alerts");
	rig_set(r, "q", "notice_header=endpoint=ops");
	job_kill(r, 1, "q", "x");
	assert_int_equal(rig_hello(r, 9, "alerts", 1), 0);
	assert_true(rig_item(r, 9, SW_OP_JOBS, 0, &it));
	assert_true(sw_item_each(&it, SW_F_HEADER, &at, &h));
	assert_true(bytes_eq(h, bytes_str("spillway-notice=dead")));
	assert_true(sw_item_each(&it, SW_F_HEADER, &at, &h));
	assert_true(bytes_eq(h, bytes_str("endpoint=ops")));
	assert_true(bytes_eq(sw_bytes(&it, SW_F_CONTENT_TYPE),
		bytes_str("application/json")));
}

static void
a_full_queue_of_notices_keeps_no_job_from_dying(void **state)
{
	struct rig *r = *state;
	const struct notes *ns = &r->core->notes;
	const struct note *n = ns->list;

	rig_set(r, "q", "on_dead=alerts");
	rig_put(r, 9, "alerts", "x");
	rig_set(r, "alerts", "max_jobs=1");
	job_kill(r, 1, "q", "x");
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	assert_int_equal(ns->of_kind[NOTE_UNTOLD], 1);
	while (n < &ns->list[ns->n] && n->kind != NOTE_UNTOLD)
		n++;
	assert_true(n < &ns->list[ns->n]);
	assert_int_equal(n->err, SW_EMAXJOBS);
}

static void
a_job_is_told_and_moves_to_its_dead_letter_queue(void **state)
{
	struct rig *r = *state;

	rig_set(r, "q", "on_dead=alerts");
	rig_set(r, "q", "dead_to=graves");
	job_kill(r, 1, "q", "x");
	assert_int_equal(rig_state(r, 1), SW_READY);
	notice_is(r, "dead", 1, "attempts", 1);
}

/* --- age ------------------------------------------------------------------ */

static void
an_old_queue_is_told_once_for_each_crossing(void **state)
{
	struct rig *r = *state;

	rig_set(r, "q", "on_age=alerts");
	rig_set(r, "q", "on_age_ms=10s");
	rig_put(r, 1, "q", "x");
	rig_pass(r, 10000);
	no_notice(r);
	rig_pass(r, 1000);
	notice_is(r, "age", 1, "age_ms", 11000);
	rig_pass(r, 60000);
	no_notice(r);
	assert_string_equal(rig_drain(r, 1, "q"), "1");
	rig_pass(r, NOTICE_MS);
	rig_put(r, 2, "q", "x");
	rig_pass(r, 11000);
	notice_is(r, "age", 2, "ready", 1);
}

/* The core does not know any more that it has told; the id of the notice is
 * the same. */
static void
a_restart_tells_no_age_twice(void **state)
{
	struct rig *r = *state;

	rig_set(r, "q", "on_age=alerts");
	rig_set(r, "q", "on_age_ms=10s");
	rig_put(r, 1, "q", "x");
	rig_pass(r, 11000);
	rig_restart(r);
	rig_pass(r, NOTICE_MS);
	assert_int_equal(r->core->queues[1]->total[TOTAL_PUT], 1);
	notice_is(r, "age", 1, "age_ms", 11000);
}

/* Job 1 has waited for 9 s when urgent ones of many fair keys come. */
static void
urgent_jobs_come_later(struct rig *r)
{
	enum { KEYS = OLDEST_LANES + 1 };

	rig_set(r, "q", "on_age=alerts");
	rig_set(r, "q", "on_age_ms=10s");
	rig_put(r, 1, "q", "x");
	rig_pass(r, 9000);
	for (int n = 2; n < 2 + KEYS; n++) {
		size_t mark = rig_say(r, SW_OP_PUT, n);

		sw_put_text(&r->b, SW_F_QUEUE, "q");
		sw_put_text(&r->b, SW_F_BODY, "");
		sw_put_int(&r->b, SW_F_PRIORITY, SW_PRIORITY_MAX);
		sw_put_fmt(&r->b, SW_F_FAIR, "tenant-%d", n);
		sw_item_end(&r->b, mark);
		rig_send(r, RIG_ASKER);
	}
}

static void
urgent_jobs_do_not_hide_that_another_waits(void **state)
{
	struct rig *r = *state;

	urgent_jobs_come_later(r);
	rig_pass(r, 2000);
	notice_is(r, "age", 1, "age_ms", 11000);
}

/* Then no lane of the queue is in memory. */
static void
nor_do_they_after_a_restart(void **state)
{
	struct rig *r = *state;

	urgent_jobs_come_later(r);
	rig_restart(r);
	rig_pass(r, 2000);
	notice_is(r, "age", 1, "age_ms", 11000);
}

static void
age_needs_both_settings(void **state)
{
	struct rig *r = *state;

	rig_set(r, "q", "on_age=alerts");
	rig_put(r, 1, "q", "x");
	rig_pass(r, 3600000);
	no_notice(r);
	rig_set(r, "q", "on_age=");
	rig_set(r, "q", "on_age_ms=1s");
	rig_pass(r, 3600000);
	no_notice(r);
	assert_int_equal(rig_set(r, "q", "on_age=q"), SW_ESETTING);
}

int
main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown_rows)
	static const struct CMUnitTest tests[] = {
		TEST(a_death_puts_a_notice_in_the_same_commit),
		cmocka_unit_test(a_death_by_a_corrupt_record_is_told),
		TEST(very_many_deaths_make_one_notice_a_second_that_counts_them),
		TEST(a_job_that_is_gone_is_told_all_the_same),
		TEST(the_end_of_a_long_error_is_told),
		TEST(the_death_of_a_notice_makes_none),
		TEST(a_notice_has_a_header_that_chooses_who_is_told),
		TEST(a_full_queue_of_notices_keeps_no_job_from_dying),
		TEST(a_job_is_told_and_moves_to_its_dead_letter_queue),
		TEST(an_old_queue_is_told_once_for_each_crossing),
		TEST(a_restart_tells_no_age_twice),
		TEST(urgent_jobs_do_not_hide_that_another_waits),
		TEST(nor_do_they_after_a_restart),
		TEST(age_needs_both_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
