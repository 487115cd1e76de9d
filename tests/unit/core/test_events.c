/* SPDX-License-Identifier: MIT */
/* What the log says of jobs, workers and queues, and how much of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "broker/events.h"
#include "tests/lib/rig.h"
#include "tests/unit/worker/logged.h"

static const char *said;
static struct events events;

/* Logs what the core has noted: what has come on stderr. */
static const char *
logged(struct rig *r)
{
	logged_begin(SW_LOG_INFO);
	events_log(&events, &r->core->notes, r->mono_ms);
	said = logged_text();
	logged_end();
	return said;
}

static int
set_up(void **state)
{
	events = (struct events){.second_ms = 0};
	return rig_setup(state);
}

static void
a_retry_and_a_death_are_logged_with_their_error(void **state)
{
	struct rig *r = *state;

	rig_hello(r, 1, "mail", 0);
	rig_set(r, "mail", "max_attempts=2");
	rig_set(r, "mail", "backoff_ms=0");
	rig_put(r, 1, "mail", "x");
	(void)logged(r);
	rig_fail(r, 1, SW_RETRY, SW_C_ERROR, "a trace\nno such host\n");
	assert_non_null(strstr(logged(r), "<6>ev=retry job="));
	assert_non_null(strstr(said,
		" queue=mail cause=error attempt=1 of=2 next_in=0ms "
		"error=\"no such host\"\n"));
	rig_pass(r, 1);
	rig_fail(r, 1, SW_RETRY, SW_C_ERROR, "gone");
	assert_non_null(strstr(logged(r), "<4>ev=dead job="));
	assert_non_null(strstr(
		said, " queue=mail cause=error attempts=2 of=2 error=gone\n"));
	assert_string_equal(logged(r), "");
}

static void
workers_that_come_and_go_are_logged(void **state)
{
	struct rig *r = *state;

	rig_hello(r, 1, "q", 0);
	assert_non_null(strstr(
		logged(r), "<6>ev=worker-joined worker=worker-1 slots="));
	rig_hello(r, 1, "q", 0);
	assert_string_equal(logged(r), "");
	rig_begin(r, SW_OP_BYE);
	rig_send(r, 1);
	assert_non_null(strstr(logged(r), "<6>ev=worker-left worker=worker-1"));
	rig_hello(r, 2, "q", 0);
	(void)logged(r);
	rig_pass(r, 3600 * 1000);
	assert_non_null(strstr(logged(r), "<4>ev=worker-lost worker=worker-2 "
					  "leased=0 silent=1h00m lost=0\n"));
}

/* Its leases end before the worker is given up. */
static void
a_worker_that_is_lost_is_logged_with_its_jobs(void **state)
{
	struct rig *r = *state;

	(void)rig_run(r, 1, "x");
	rig_pass(r, 5 * 1000);
	rig_pass(r, 3600 * 1000);
	assert_non_null(strstr(logged(r), "<4>ev=worker-lost worker=worker-1 "
					  "leased=0 silent=1h00m lost=1\n"));
}

static void
a_queue_is_logged_once_when_it_is_made(void **state)
{
	struct rig *r = *state;

	rig_put(r, 1, "mial", "x");
	assert_string_equal(logged(r), "<6>ev=queue-made queue=mial\n");
	rig_put(r, 2, "mial", "x");
	rig_restart(r);
	rig_put(r, 3, "mial", "x");
	assert_string_equal(logged(r), "");
}

/* A thousand deaths in a second are a few lines, and a number. */
static void
a_flood_is_bounded_and_counted(void **state)
{
	struct rig *r = *state;
	int lines = 0;

	rig_hello(r, 1, "q", 0);
	(void)logged(r);
	rig_pass(r, 2000);
	(void)logged(r);
	for (int n = 1; n <= 100; n++) {
		rig_put(r, n, "q", "x");
		rig_fail(r, n, SW_FAIL, SW_C_ERROR, "no");
		lines += logged_count(logged(r), "ev=dead");
	}
	assert_int_equal(lines, EVENTS_MOST);
	rig_pass(r, 1000);
	assert_string_equal(logged(r), "<4>ev=left-out of=dead n=80\n");
	rig_pass(r, 1000);
	assert_string_equal(logged(r), "");
}

/* Those of one turn, too. */
static void
a_turn_keeps_a_few_notes_of_each_kind(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	size_t mark;

	for (int n = 1; n <= 50; n++)
		rig_put(r, n, "q", "x");
	(void)logged(r);
	rig_pass(r, 2000);
	(void)logged(r);
	mark = rig_say(r, SW_OP_BURY, 0);
	sw_put_int(&r->b, SW_F_STATE, SW_READY);
	assert_int_equal(rig_ask(r, 9, SW_OP_BURY, mark, &it), 0);
	assert_int_equal(logged_count(logged(r), "ev=dead"), NOTES_OF_KIND);
	rig_pass(r, 1000);
	assert_string_equal(logged(r), "<4>ev=left-out of=dead n=34\n");
}

#define STARTED(test)                                                          \
	cmocka_unit_test_setup_teardown(test, set_up, rig_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STARTED(a_retry_and_a_death_are_logged_with_their_error),
		STARTED(workers_that_come_and_go_are_logged),
		STARTED(a_worker_that_is_lost_is_logged_with_its_jobs),
		STARTED(a_queue_is_logged_once_when_it_is_made),
		STARTED(a_flood_is_bounded_and_counted),
		STARTED(a_turn_keeps_a_few_notes_of_each_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
