/* SPDX-License-Identifier: MIT */
/* A kept process that does what it should, from the worker's side. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/chance.h"
#include "tests/sim/keeper.h"

enum { IDLE_MS = KEEPER_IDLE_MS, CUTS = 300, TEXT = 4096 };

static char read_text[TEXT];

/* The process reads what there is for it; the line of a "job" or "cancel". */
static const char *
line_read(struct keeper_rig *r)
{
	char *end;

	keeper_rig_read(r, read_text, sizeof(read_text));
	end = strchr(read_text, '\n');
	assert_non_null(end);
	*end = '\0';
	return read_text;
}

static int
setup(void **state)
{
	*state = keeper_rig_new(1);
	return 0;
}

static void
a_job_is_a_line_its_headers_and_its_body(void **state)
{
	static const char bytes[] = "content-type=text/plain\0a=1\0b=\0A";
	struct keeper_rig *r = *state;
	struct bytes out;
	char line[256];
	int n;

	assert_int_equal(keeper_rig_give(r, 'A'), 0);
	n = snprintf(line, sizeof(line), "%zu job %s mail 2 5 30000 %zu\n",
		sizeof(bytes) - 1, keeper_rig_id(r, 'A'), sizeof(bytes) - 2);
	out = keeper_output(&r->k);
	assert_int_equal(out.len, (size_t)n + sizeof(bytes) - 1);
	assert_memory_equal(out.p, line, (size_t)n);
	assert_memory_equal((const char *)out.p + n, bytes, sizeof(bytes) - 1);
}

static void
a_job_ends_with_its_result_follow_ups_and_cost(void **state)
{
	struct keeper_rig *r = *state;

	assert_int_equal(keeper_rig_give(r, 'A'), 0);
	(void)line_read(r);
	keeper_rig_say(r, "0 begun %A\n"
			  "4 progress %A 40\nhalf"
			  "3 result %A\none"
			  "4 put %A next 0\nbody"
			  "3 result %A\ntwo"
			  "0 done %A 12 345\n");
	keeper_rig_expect(r, "begun A\n"
			     "progress A 40 half\n"
			     "ended A ack none cpu=12 rss=345 result=two "
			     "put=next::body\n");
}

static void
a_retry_has_its_delay_and_a_failure_has_none(void **state)
{
	static const struct {
		const char *said, *expected;
	} ends[] = {
		{"4 retry %A 250 1 2\nbusy",
			"retry error ms=250 cpu=1 rss=2 error=busy"},
		{"4 retry %A - 1 2\nbusy",
			"retry error cpu=1 rss=2 error=busy"},
		{"4 retry %A\nbusy", "retry error error=busy"},
		{"0 retry %A 9223372036854775807\n",
			"retry error ms=31622400000"},
		{"3 fail %A 1 2\nbad", "fail permanent cpu=1 rss=2 error=bad"},
		{"0 done %A\n", "ack none"},
	};
	struct keeper_rig *r = *state;
	char expected[256];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		assert_int_equal(keeper_rig_give(r, 'A'), 0);
		(void)line_read(r);
		keeper_rig_say(r, "0 begun %A\n");
		keeper_rig_say(r, ends[i].said);
		(void)snprintf(expected, sizeof(expected),
			"begun A\nended A %s\n", ends[i].expected);
		keeper_rig_expect(r, expected);
	}
}

static void
headers_of_a_follow_up_are_its_fields(void **state)
{
	static const char block[] = "content-type=text/html\0a=1\0c=d=e\0hi";
	struct keeper_rig *r = *state;
	char line[256];
	int n;

	assert_int_equal(keeper_rig_give(r, 'A'), 0);
	(void)line_read(r);
	keeper_rig_say(r, "0 begun %A\n");
	n = snprintf(line, sizeof(line), "%zu put %s next %zu\n",
		sizeof(block) - 1, keeper_rig_id(r, 'A'), sizeof(block) - 3);
	keeper_rig_say_bytes(r, bytes_of(line, (size_t)n));
	keeper_rig_say_bytes(r, bytes_of(block, sizeof(block) - 1));
	keeper_rig_say(r, "0 done %A\n");
	keeper_rig_expect(r, "begun A\nended A ack none "
			     "put=next:(text/html)a=1,c=d=e,:hi\n");
}

/* Further words and arguments may be added without a new version. */
static void
what_is_not_known_is_skipped_with_its_bytes(void **state)
{
	struct keeper_rig *r = *state;

	assert_int_equal(keeper_rig_give(r, 'A'), 0);
	(void)line_read(r);
	keeper_rig_say(r, "0 begun %A 1 2 3 4 5 6 7 8 9\n"
			  "18 whatever\n0 done job-no-one\n"
			  "0 hint %A now\n"
			  "2 progress %A 40 7\nhi"
			  "0 done %A 1 2 3 4\n");
	keeper_rig_expect(r, "begun A\nprogress A 40 hi\n"
			     "ended A ack none cpu=1 rss=2\n");
}

static void
an_alarm_is_not_of_a_job(void **state)
{
	struct keeper_rig *r = *state;

	keeper_rig_say(r, "12 alarm\nno such file0 alarm\n");
	keeper_rig_expect(r, "alarm no such file\nalarm\n");
}

static void
of_several_jobs_none_is_charged_for_a_crash(void **state)
{
	static const struct {
		const char *said, *cause;
		int status;
		const char *gone;
	} ends[] = {
		{"", "crash rss=900 exit=1 error=x", 1 << 8,
			"failed the process exited with status 1"},
		{"", "crash rss=900 signal=11 error=x", 11,
			"failed the process was killed by signal 11"},
		{"", "oom rss=900 signal=9 error=x", 9,
			"failed the process was killed by signal 9"},
		{"junk\n",
			"crash rss=900 signal=9 error=the process sent bytes "
			"that are no message\nx",
			9, "well the process sent bytes that are no message"},
	};
	struct keeper_rig *r = *state;
	char want[1024];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		const char *why = ends[i].cause;

		keeper_rig_start(r, 4);
		keeper_rig_say(r, "0 ready 1 4\n");
		for (const char *name = "ABC"; *name != '\0'; name++) {
			assert_int_equal(keeper_rig_give(r, *name), 0);
			keeper_rig_read(r, read_text, sizeof(read_text));
		}
		keeper_rig_say(r, "0 begun %A\n0 begun %B\n");
		keeper_rig_say(r, ends[i].said);
		keeper_rig_exit(r, ends[i].status, "x");
		(void)snprintf(want, sizeof(want),
			"ready\nbegun A\nbegun B\n%s"
			"ended C release crash%s\nended B release %s\n"
			"ended A release %s\ngone %s: x\n",
			ends[i].said[0] != '\0' ? "signal 9\n" : "",
			strchr(why, ' '), why, why, ends[i].gone);
		keeper_rig_expect(r, want);
	}
}

#define JUNK "the process sent bytes that are no message\n"

/* Which of them made it so is not known, also if the process then exits well.
 */
static void
of_several_jobs_that_have_not_begun_none_is_charged(void **state)
{
	static const struct {
		const char *said;
		int status;
		const char *expected;
	} rows[] = {
		{"junk\n", 9,
			"ready\nsignal 9\n"
			"ended C release crash rss=900 signal=9 error=" JUNK
			"ended B release crash rss=900 signal=9 error=" JUNK
			"ended A release crash rss=900 signal=9 error=" JUNK
			"gone failed " JUNK},
		{"0 begun %A\n0 done %A\njunk\n", 0,
			"ready\nbegun A\nended A ack none\nsignal 9\n"
			"ended B release crash rss=900 error=" JUNK
			"ended C release crash rss=900 error=" JUNK
			"gone well " JUNK},
		{"0 begun %A\n0 done %A\n0 begun %B\njunk\n", 0,
			"ready\nbegun A\nended A ack none\nbegun B\nsignal 9\n"
			"ended B retry crash rss=900 error=" JUNK
			"ended C release crash rss=900 error=" JUNK
			"gone well " JUNK},
	};
	struct keeper_rig *r = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		keeper_rig_start(r, 4);
		keeper_rig_say(r, "0 ready 1 4\n");
		for (const char *name = "ABC"; *name != '\0'; name++) {
			assert_int_equal(keeper_rig_give(r, *name), 0);
			keeper_rig_read(r, read_text, sizeof(read_text));
		}
		keeper_rig_say(r, rows[i].said);
		keeper_rig_exit(r, rows[i].status, "");
		keeper_rig_expect(r, rows[i].expected);
	}
}

static void
a_process_takes_as_many_jobs_as_it_says(void **state)
{
	struct keeper_rig *r = *state;

	keeper_rig_start(r, 4);
	assert_int_equal(keeper_room(&r->k), 0); /* it is not ready */
	keeper_rig_say(r, "0 ready 1 3\n");
	assert_int_equal(keeper_room(&r->k), 3);
	assert_int_equal(keeper_rig_give(r, 'A'), 0);
	assert_int_equal(keeper_room(&r->k), 0); /* it has not been written */
	keeper_written(&r->k, 1);
	assert_int_equal(keeper_room(&r->k), 0);
	(void)line_read(r);
	assert_int_equal(keeper_room(&r->k), 2);
	assert_int_equal(keeper_rig_give(r, 'A'), -EEXIST);
	for (const char *name = "BC"; *name != '\0'; name++) {
		assert_int_equal(keeper_rig_give(r, *name), 0);
		(void)line_read(r);
	}
	assert_int_equal(keeper_room(&r->k), 0);
	keeper_rig_say(r, "0 begun %B\n0 begun %A\n0 begun %C\n"
			  "1 result %C\nc1 result %A\na"
			  "0 done %A\n0 done %C\n0 done %B\n");
	keeper_rig_expect(r, "ready\nbegun B\nbegun A\nbegun C\n"
			     "ended A ack none result=a\n"
			     "ended C ack none result=c\nended B ack none\n");
	assert_int_equal(keeper_room(&r->k), 3);
	keeper_rig_start(r, 4); /* not more than there are slots */
	keeper_rig_say(r, "0 ready 1 9223372036854775807\n");
	assert_int_equal(keeper_room(&r->k), 4);
	keeper_rig_start(r, 4);
	keeper_rig_say(r, "0 ready 1\n");
	assert_int_equal(keeper_room(&r->k), 1);
}

static void
an_idle_process_is_ended_after_a_minute(void **state)
{
	struct keeper_rig *r = *state;

	keeper_rig_pass(r, IDLE_MS - 1);
	keeper_rig_expect(r, "");
	assert_int_equal(keeper_rig_give(r, 'A'), 0);
	(void)line_read(r);
	keeper_rig_say(r, "0 begun %A\n0 done %A\n");
	keeper_rig_expect(r, "begun A\nended A ack none\n");
	keeper_rig_pass(r, IDLE_MS - 1);
	keeper_rig_expect(r, "");
	assert_int_equal(keeper_room(&r->k), 1);
	keeper_rig_pass(r, 1);
	keeper_rig_expect(r, "close\n");
	assert_int_equal(keeper_room(&r->k), 0);
	keeper_rig_eof(r);
	keeper_rig_exit(r, 0, "");
	keeper_rig_expect(r, "gone well the process exited with status 0\n");
}

static void
a_process_that_lives_on_without_a_socket_is_killed(void **state)
{
	struct keeper_rig *r = *state;

	keeper_close(&r->k, r->now_ms);
	keeper_rig_events(r);
	keeper_rig_expect(r, "close\n");
	keeper_rig_pass(r, KEEPER_CANCEL_MS - 1);
	keeper_rig_expect(r, "");
	keeper_rig_pass(r, 1);
	keeper_rig_expect(r, "signal 15\n");
	keeper_rig_pass(r, KEEPER_TERM_MS - 1);
	keeper_rig_expect(r, "");
	keeper_rig_pass(r, 1);
	keeper_rig_expect(r, "signal 9\n");
	keeper_rig_pass(r, 100000);
	keeper_rig_exit(r, 9, "");
	keeper_rig_expect(r, "gone well the process was killed by signal 9\n");
}

static void
a_process_with_a_job_is_not_closed(void **state)
{
	struct keeper_rig *r = *state;

	assert_int_equal(keeper_rig_give(r, 'A'), 0);
	(void)line_read(r);
	keeper_rig_say(r, "0 begun %A\n");
	keeper_close(&r->k, r->now_ms);
	keeper_rig_pass(r, 10000);
	keeper_rig_expect(r, "begun A\n");
	keeper_rig_say(r, "0 done %A\n");
	keeper_rig_expect(r, "ended A ack none\n");
}

static void
what_a_killed_process_had_is_handed_back(void **state)
{
	struct keeper_rig *r = *state;

	assert_int_equal(keeper_rig_give(r, 'A'), 0);
	(void)line_read(r);
	keeper_rig_say(r, "0 begun %A\n1 result %A\nx");
	keeper_kill(&r->k);
	keeper_rig_events(r);
	keeper_rig_exit(r, 9, "");
	keeper_rig_expect(r, "begun A\nsignal 9\n"
			     "ended A release drain rss=900 signal=9 "
			     "error=the process was killed by signal 9\n"
			     "gone well the process was killed by signal 9\n");
}

/* What a process says in pieces means what it means in one. */
static void
messages_may_be_cut_anywhere(void **state)
{
	static const char said[] =
		"0 begun %A\n4 progress %A 40\nhalf5 what\nxxxxx"
		"11 result %A\n0 done abc\n13 alarm\n1 done abcdef"
		"0 begun %B\n4 put %A q 0\nbody4 retry %B 7 1 2\nbusy"
		"0 done %A\n";
	static const char expected[] =
		"begun A\nprogress A 40 half\nalarm 1 done abcdef\nbegun B\n"
		"ended B retry error ms=7 cpu=1 rss=2 error=busy\n"
		"ended A ack none result=0 done abc\n put=q::body\n";
	struct keeper_rig *r = *state;
	uint64_t seed = chance_seed();
	char bytes[1024];
	size_t len = 0;

	for (const char *p = said; *p != '\0'; p++)
		if (*p == '%') {
			memcpy(bytes + len, keeper_rig_id(r, *++p), 36);
			len += 36;
		} else {
			bytes[len++] = *p;
		}
	for (int i = 0; i < CUTS; i++) {
		uint64_t most = 1 + chance_draw(&seed) % (i == 0 ? 1 : len);

		keeper_rig_start(r, 2);
		keeper_rig_say(r, "0 ready 1 2\n");
		for (const char *name = "AB"; *name != '\0'; name++) {
			assert_int_equal(keeper_rig_give(r, *name), 0);
			(void)line_read(r);
		}
		keeper_rig_expect(r, "ready\n");
		for (size_t at = 0; at < len;) {
			size_t n = 1 + chance_draw(&seed) % most;

			n = n < len - at ? n : len - at;
			keeper_rig_say_bytes(r, bytes_of(bytes + at, n));
			at += n;
		}
		keeper_rig_expect(r, expected);
	}
}

/* The largest messages of both directions, then nothing of them is left. */
static void
an_idle_process_holds_no_memory_for_large_messages(void **state)
{
	static char much[SW_BODY_MAX];
	static uint8_t room[SW_BODY_MAX + 1024];
	struct keeper_rig *r = *state;
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct sw_id id = {{'A'}};
	struct sw_item it;
	struct keeper_event ev;
	char line[64];
	int n;

	memset(much, 'x', sizeof(much));
	sw_put_id(&b, &id);
	sw_put_text(&b, SW_F_QUEUE, "mail");
	sw_put_bytes(&b, SW_F_BODY, bytes_of(much, sizeof(much)));
	assert_int_equal(sw_item_open(sw_buf_bytes(&b), &it), 0);
	assert_int_equal(keeper_give(&r->k, &it, &r->names['A'], r->now_ms), 0);
	assert_true(keeper_output(&r->k).len > SW_BODY_MAX);
	keeper_written(&r->k, keeper_output(&r->k).len);
	assert_null(r->k.out.p);
	keeper_rig_say(r, "0 begun %A\n");
	n = snprintf(line, sizeof(line), "%d result %s\n", SW_RESULT_MAX,
		keeper_rig_id(r, 'A'));
	keeper_rig_say_bytes(r, bytes_of(line, (size_t)n));
	keeper_rig_say_bytes(r, bytes_of(much, SW_RESULT_MAX));
	assert_null(r->k.in.p);
	keeper_rig_expect(r, "begun A\n");
	keeper_input(&r->k, bytes_of("0 done ", 7));
	keeper_input(&r->k, bytes_of(keeper_rig_id(r, 'A'), 36));
	keeper_input(&r->k, bytes_of("\n", 1));
	assert_int_equal(keeper_next(&r->k, r->now_ms, &ev), 1);
	assert_int_equal(ev.kind, KEEPER_ENDED);
	assert_int_equal(ev.report.outcome, SW_ACK);
	assert_true(ev.report.fields_len > SW_RESULT_MAX);
	free(ev.report.fields);
}

static void
a_job_larger_than_any_is_not_handed_over(void **state)
{
	static uint8_t room[2 * KEPT_BYTES_MAX];
	static char much[SW_BODY_MAX];
	struct keeper_rig *r = *state;
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct sw_id id = {{'A'}};
	struct sw_item it;

	sw_put_id(&b, &id);
	sw_put_text(&b, SW_F_QUEUE, "mail");
	memset(much, 'x', sizeof(much));
	sw_put_bytes(&b, SW_F_BODY, bytes_of(much, sizeof(much)));
	for (int i = 0; i < 3; i++) /* no put may have so many */
		sw_put_bytes(&b, SW_F_HEADER, bytes_of(much, SW_HEADERS_MAX));
	assert_int_equal(sw_item_open(sw_buf_bytes(&b), &it), 0);
	assert_int_equal(keeper_give(&r->k, &it, NULL, r->now_ms), -EMSGSIZE);
	assert_int_equal(keeper_room(&r->k), 1);
	assert_int_equal(keeper_output(&r->k).len, 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, keeper_rig_free)
	const struct CMUnitTest tests[] = {
		T(a_job_is_a_line_its_headers_and_its_body),
		T(a_job_ends_with_its_result_follow_ups_and_cost),
		T(a_retry_has_its_delay_and_a_failure_has_none),
		T(headers_of_a_follow_up_are_its_fields),
		T(what_is_not_known_is_skipped_with_its_bytes),
		T(an_alarm_is_not_of_a_job),
		T(of_several_jobs_none_is_charged_for_a_crash),
		T(of_several_jobs_that_have_not_begun_none_is_charged),
		T(a_process_takes_as_many_jobs_as_it_says),
		T(an_idle_process_is_ended_after_a_minute),
		T(a_process_that_lives_on_without_a_socket_is_killed),
		T(a_process_with_a_job_is_not_closed),
		T(what_a_killed_process_had_is_handed_back),
		T(messages_may_be_cut_anywhere),
		T(an_idle_process_holds_no_memory_for_large_messages),
		T(a_job_larger_than_any_is_not_handed_over),
	};

	return cmocka_run_group_tests_name("keeper", tests, NULL, NULL);
}
