/* SPDX-License-Identifier: MIT */
/* What a job has reported: what of it counts, by how the attempt ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "tests/unit/worker/logged.h"
#include "wire/kept.h"
#include "worker/process/report.h"

static const struct bytes none = {"", 0};

static void
the_last_result_counts_and_follow_ups_add_up(void **state)
{
	uint8_t room[4096];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	char why[SW_WHY_ROOM] = "";
	struct sw_item it;
	struct bytes raw;
	size_t at = 0, len;
	int n = 0;

	(void)state;
	assert_int_equal(result_put(&b, bytes_str("first")), 0);
	assert_int_equal(follow_put(&b, "a", none, bytes_str("1"), why), 0);
	assert_int_equal(result_put(&b, bytes_str("second")), 0);
	assert_int_equal(follow_put(&b, "b", bytes_of("k=v\0l=w", 8),
				 bytes_str("2"), why),
		0);
	assert_string_equal(why, "");
	len = b.len;
	assert_int_equal(
		follow_put(&b, "B", none, bytes_str("3"), why), SW_EQUEUE);
	assert_int_equal(
		follow_put(&b, "b", bytes_of("=v", 3), bytes_str("3"), why),
		SW_EINVAL);
	assert_non_null(strstr(why, "name=value"));
	assert_int_equal(
		follow_put(&b, "c", none, bytes_of(room, sizeof(room)), why),
		SW_ETOOBIG);
	assert_int_equal(b.len, len);
	assert_int_equal(sw_item_open(sw_buf_bytes(&b), &it), 0);
	assert_true(bytes_eq(sw_bytes(&it, SW_F_RESULT), bytes_str("second")));
	while (sw_item_each(&it, SW_F_FOLLOW, &at, &raw)) {
		struct sw_item follow;
		struct bytes header;
		size_t from = 0;
		int headers = 0;

		assert_int_equal(sw_item_open(raw, &follow), 0);
		while (sw_item_each(&follow, SW_F_HEADER, &from, &header))
			headers++;
		assert_int_equal(headers, n == 1 ? 2 : 0);
		n++;
	}
	assert_int_equal(n, 2);
}

static void
a_result_is_whole_or_none(void **state)
{
	static char much[SW_RESULT_MAX + 1];
	static uint8_t room[SW_BATCH_MAX];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct sw_item it;

	(void)state;
	assert_int_equal(result_put(&b, bytes_of(much, SW_RESULT_MAX)), 0);
	assert_int_equal(sw_item_open(sw_buf_bytes(&b), &it), 0);
	assert_int_equal(sw_bytes(&it, SW_F_RESULT).len, SW_RESULT_MAX);
	assert_int_equal(
		result_put(&b, bytes_of(much, SW_RESULT_MAX + 1)), SW_ETOOBIG);
	assert_int_equal(sw_item_open(sw_buf_bytes(&b), &it), 0);
	assert_false(sw_has(&it, SW_F_RESULT));
	assert_int_equal(result_put(&b, bytes_str("after")), 0);
	assert_int_equal(sw_item_open(sw_buf_bytes(&b), &it), 0);
	assert_true(bytes_eq(sw_bytes(&it, SW_F_RESULT), bytes_str("after")));
}

/* An attempt that ends with `outcome`; `it` is of its report's fields. */
struct end {
	struct attempt_report report;
	struct sw_item it;
};

static void
end(struct job_report *r, int outcome, const char *error, struct end *e)
{
	e->report = (struct attempt_report){.outcome = outcome};
	job_report_close(r, bytes_str(error), &e->report);
	assert_int_equal(
		sw_item_open(bytes_of(e->report.fields, e->report.fields_len),
			&e->it),
		0);
	assert_null(r->fields.p);
	assert_null(r->warned.p);
	assert_string_equal(r->lost, "");
}

static void
error_is(const struct end *e, const char *text)
{
	struct bytes error = sw_bytes(&e->it, SW_F_ERROR);

	assert_non_null(memmem(error.p, error.len, text, strlen(text)));
}

static void
an_ack_carries_results_and_follow_ups_and_nothing_else_does(void **state)
{
	struct job_report r;
	struct end e;

	(void)state;
	job_report_init(&r);
	for (int outcome = SW_ACK; outcome <= SW_FAIL; outcome++) {
		job_report_result(&r, bytes_of("a\0b", 3));
		job_report_follow(&r, "q", none, bytes_of("c\0d", 3));
		r.delay_ms = 5;
		end(&r, outcome, "it says \n \n", &e);
		assert_int_equal(e.report.outcome, outcome);
		assert_int_equal(e.report.delay_ms, 5);
		assert_int_equal(sw_has(&e.it, SW_F_RESULT), outcome == SW_ACK);
		assert_int_equal(sw_has(&e.it, SW_F_FOLLOW), outcome == SW_ACK);
		assert_int_equal(sw_has(&e.it, SW_F_ERROR), outcome != SW_ACK);
		if (outcome == SW_ACK)
			assert_true(bytes_eq(sw_bytes(&e.it, SW_F_RESULT),
				bytes_of("a\0b", 3)));
		else
			assert_true(bytes_eq(sw_bytes(&e.it, SW_F_ERROR),
				bytes_str("it says")));
		free(e.report.fields);
	}
}

static void
a_job_that_reports_nothing_costs_no_memory(void **state)
{
	struct job_report r;
	struct end e;

	(void)state;
	job_report_init(&r);
	end(&r, SW_ACK, "", &e);
	assert_null(e.report.fields);
	assert_int_equal(e.report.delay_ms, -1);
	end(&r, SW_RETRY, "", &e);
	assert_null(e.report.fields);
}

static void
what_is_lost_makes_an_ack_a_retry_with_the_reason(void **state)
{
	static char much[SW_BODY_MAX + 1];
	struct job_report r;
	struct end e;

	(void)state;
	job_report_init(&r);
	job_report_result(&r, bytes_str("x"));
	job_report_lose(&r, bytes_str("line 3: put names no queue"));
	job_report_lose(&r, bytes_str("a second reason"));
	end(&r, SW_ACK, "ok", &e);
	assert_int_equal(e.report.outcome, SW_RETRY);
	assert_int_equal(e.report.cause, SW_C_ERROR);
	assert_false(sw_has(&e.it, SW_F_RESULT));
	error_is(&e, "line 3: put names no queue");
	free(e.report.fields);

	job_report_follow(&r, "q", none, bytes_of(NULL, 300000));
	end(&r, SW_ACK, "", &e);
	assert_int_equal(e.report.outcome, SW_RETRY);
	error_is(&e, "q is lost: body must be at most 131072 bytes, not 3000");
	free(e.report.fields);

	job_report_follow(&r, "q", none, bytes_of(much, SW_BODY_MAX));
	for (int i = 0; i < 4; i++)
		job_report_follow(&r, "q", none, bytes_of(much, SW_BODY_MAX));
	end(&r, SW_ACK, "", &e);
	error_is(&e, "a job reports at most 512 KB");
	free(e.report.fields);

	/* A failure keeps its own error. */
	job_report_lose(&r, bytes_str("lost"));
	end(&r, SW_FAIL, "no such user", &e);
	assert_int_equal(e.report.outcome, SW_FAIL);
	error_is(&e, "no such user");
	free(e.report.fields);
}

static void
a_result_that_is_too_large_fails_for_good(void **state)
{
	struct job_report r;
	struct end e;

	(void)state;
	job_report_init(&r);
	job_report_result(&r, bytes_str("x"));
	job_report_result(&r, bytes_of(NULL, SW_RESULT_MAX + 1));
	end(&r, SW_ACK, "", &e);
	assert_int_equal(e.report.outcome, SW_FAIL);
	assert_int_equal(e.report.cause, SW_C_PERMANENT);
	error_is(&e, KEPT_RESULT_TOOBIG);
	free(e.report.fields);

	job_report_result(&r, bytes_of(NULL, SW_RESULT_MAX + 1));
	job_report_result(&r, bytes_str("small"));
	end(&r, SW_ACK, "", &e);
	assert_int_equal(e.report.outcome, SW_ACK);
	assert_true(bytes_eq(sw_bytes(&e.it, SW_F_RESULT), bytes_str("small")));
	free(e.report.fields);
}

static void
the_end_of_a_long_error_counts(void **state)
{
	static char much[3 * SW_ERROR_MAX];
	struct job_report r;
	struct end e;

	(void)state;
	memset(much, 'x', sizeof(much));
	memcpy(much + sizeof(much) - 5, "end\n", 5);
	job_report_init(&r);
	end(&r, SW_RETRY, much, &e);
	assert_int_equal(sw_bytes(&e.it, SW_F_ERROR).len, SW_ERROR_MAX);
	error_is(&e, "xend");
	free(e.report.fields);
}

static void
warnings_are_kept_up_to_a_number_whatever_the_outcome(void **state)
{
	struct job_report r;
	struct bytes warning;
	struct end e;

	(void)state;
	job_report_init(&r);
	for (int outcome = SW_ACK; outcome <= SW_FAIL; outcome++) {
		size_t at = 0;
		int n = 0;

		for (int i = 0; i < 1000; i++)
			job_report_warn(&r, bytes_str("line 3: a\nb"));
		assert_true(r.warned.cap <= 4096);
		end(&r, outcome, "why", &e);
		assert_int_equal(e.report.outcome, outcome);
		while (sw_item_each(&e.it, SW_F_WARNING, &at, &warning))
			if (n++ < REPORT_WARNINGS)
				assert_true(bytes_eq(
					warning, bytes_str("line 3: a?b")));
			else
				assert_true(bytes_eq(warning,
					bytes_str("992 more lines were not "
						  "understood")));
		assert_int_equal(n, REPORT_WARNINGS + 1);
		free(e.report.fields);
	}
}

static void
take(void *arg, const struct report_line *l)
{
	job_report_take(arg, l);
}

static void
lines_of_descriptor_3_become_a_report(void **state)
{
	static const char text[] =
		"progress 5\nretry-after 2s\nresult-bytes 2\n\0\n\nput q \0\n"
		"hello\nput-bytes q 1\nx";
	struct report_reader reader;
	struct job_report r;
	struct end e;
	size_t at = 0;
	struct bytes raw;
	int n = 0;

	(void)state;
	job_report_init(&r);
	reader_init(&reader, take, &r);
	reader_feed(&reader, bytes_of(text, sizeof(text) - 1));
	reader_end(&reader);
	reader_fini(&reader);
	end(&r, SW_ACK, "", &e);
	assert_int_equal(e.report.outcome, SW_ACK);
	assert_int_equal(e.report.delay_ms, 2000);
	assert_true(bytes_eq(sw_bytes(&e.it, SW_F_WARNING),
		bytes_str("line 6: is not understood: \"hello\"")));
	assert_true(
		bytes_eq(sw_bytes(&e.it, SW_F_RESULT), bytes_of("\0\n", 2)));
	while (sw_item_each(&e.it, SW_F_FOLLOW, &at, &raw))
		n++;
	assert_int_equal(n, 2);
	free(e.report.fields);
}

/* The last put has the headers for which the worker keeps the most room. */
static void
what_a_kit_lets_through_has_room(void **state)
{
	static char queue[SW_QUEUE_MAX + 1], much[KEPT_REPORTS_MAX];
	const size_t each = (KEPT_REPORTS_MAX - SW_RESULT_MAX) / SW_FOLLOWS_MAX;
	struct bytes header = bytes_of("content-type=text/plain", 24);
	struct job_report r;

	(void)state;
	job_report_init(&r);
	memset(queue, 'q', SW_QUEUE_MAX);
	for (int i = 0; i < SW_FOLLOWS_MAX; i++)
		job_report_follow(
			&r, queue, header, bytes_of(much, each - header.len));
	job_report_result(&r, bytes_of(much, SW_RESULT_MAX));
	assert_string_equal(r.lost, "");
	job_report_follow(&r, queue, header, bytes_of(much, SW_BODY_MAX));
	job_report_follow(&r, queue, header, bytes_of(much, SW_BODY_MAX));
	assert_non_null(strstr(r.lost, "a job reports at most 512 KB"));
	job_report_fini(&r);
}

/* What `report_log` writes for the job's second attempt of five. */
static const char *
logged_for(struct attempt_report *report)
{
	static const struct worker_route route = {.queue = "mail"};
	uint8_t room[64];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct worker_lease j = {.route = &route, .report = *report};
	const char *text;

	sw_put_int(&b, SW_F_ATTEMPT, 2);
	sw_put_int(&b, SW_F_MAX_ATTEMPTS, 5);
	assert_int_equal(sw_item_open(sw_buf_bytes(&b), &j.item), 0);
	logged_begin(SW_LOG_INFO);
	report_log(&j);
	text = logged_text();
	logged_end();
	return text;
}

static void
an_attempt_that_failed_is_logged_with_number_and_error(void **state)
{
	struct attempt_report out = {.outcome = SW_RETRY, .cause = SW_C_ERROR};
	struct job_report r;

	(void)state;
	job_report_init(&r);
	job_report_close(&r, bytes_str("a trace\nno such host\n"), &out);
	assert_non_null(strstr(logged_for(&out),
		"queue=mail outcome=retry cause=error attempt=2 of=5 "
		"error=\"no such host\"\n"));
	free(out.fields);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_result_counts_and_follow_ups_add_up),
		cmocka_unit_test(a_result_is_whole_or_none),
		cmocka_unit_test(
			an_ack_carries_results_and_follow_ups_and_nothing_else_does),
		cmocka_unit_test(a_job_that_reports_nothing_costs_no_memory),
		cmocka_unit_test(
			what_is_lost_makes_an_ack_a_retry_with_the_reason),
		cmocka_unit_test(a_result_that_is_too_large_fails_for_good),
		cmocka_unit_test(the_end_of_a_long_error_counts),
		cmocka_unit_test(
			warnings_are_kept_up_to_a_number_whatever_the_outcome),
		cmocka_unit_test(lines_of_descriptor_3_become_a_report),
		cmocka_unit_test(what_a_kit_lets_through_has_room),
		cmocka_unit_test(
			an_attempt_that_failed_is_logged_with_number_and_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
