/* SPDX-License-Identifier: MIT */
/* Dead-letter queues: dead_to, and the way back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "tests/lib/rig.h"

/* The job's state, queue and origin. */
static void
job_is(struct rig *r, int n, enum sw_state state, const char *queue,
	const char *origin)
{
	struct sw_item it;

	rig_get(r, n, &it);
	assert_int_equal(sw_int(&it, SW_F_STATE, -1), state);
	rig_text_is(&it, SW_F_QUEUE, queue);
	rig_text_is(&it, SW_F_ORIGIN, origin);
}

/* The n-th entry of that kind in the history. */
static int
event_get(struct rig *r, int n, enum sw_event kind, struct sw_item *event)
{
	struct sw_item it;
	struct bytes raw;
	size_t at = 0;

	rig_get(r, n, &it);
	while (sw_item_each(&it, SW_F_EVENT, &at, &raw)) {
		assert_int_equal(sw_item_open(raw, event), 0);
		if (sw_int(event, SW_F_KIND, 0) == kind)
			return 1;
	}
	return 0;
}

/* Leases the only ready job of a queue, which is `n`, and ends it so. */
static uint64_t
job_end(struct rig *r, const char *queue, int n, int outcome)
{
	uint64_t token;

	assert_int_equal(rig_hello(r, 1, queue, 0), 0);
	assert_int_equal(rig_take(r, 1, &token), n);
	assert_int_equal(rig_done(r, 1, n, token, outcome, SW_C_ERROR), 0);
	return token;
}

static void
job_kill(struct rig *r, const char *queue, int n)
{
	assert_int_equal(rig_put(r, n, queue, "body"), 0);
	(void)job_end(r, queue, n, SW_FAIL);
}

/* COUNT of a redrive of the jobs in that state and queue. */
static int64_t
redriven(struct rig *r, const char *queue, enum sw_state state, unsigned flags,
	int64_t rate)
{
	struct sw_item it;
	size_t mark;

	rig_begin(r, SW_OP_REDRIVE);
	le_set(r->b.p + 4, 2, flags);
	mark = sw_item_begin(&r->b);
	sw_put_text(&r->b, SW_F_QUEUE, queue);
	sw_put_int(&r->b, SW_F_STATE, state);
	if (rate > 0)
		sw_put_int(&r->b, SW_F_RATE, rate);
	assert_int_equal(rig_ask(r, 100, SW_OP_REDRIVE, mark, &it), 0);
	return sw_int(&it, SW_F_COUNT, -1);
}

/* The status of the first job of the last redrive. */
static int
redrive_status(struct rig *r)
{
	struct sw_item it;

	assert_true(rig_item(r, 100, SW_OP_REDRIVE | SW_REPLY, 1, &it));
	return (int)sw_int(&it, SW_F_STATUS, 1);
}

static void
a_removed_dead_letter_queue_is_made_again(void **state)
{
	struct rig *r = *state;

	rig_set(r, "graves", "weight=1");
	rig_set(r, "q", "dead_to=graves");
	rig_pass(r, QUEUE_KEEP_MS);
	assert_null(core_queue_find(r->core, bytes_str("graves")));
	job_kill(r, "q", 1);
	job_is(r, 1, SW_READY, "graves", "q");
}

static void
a_dead_job_moves_to_its_dead_letter_queue_ready_to_run(void **state)
{
	struct rig *r = *state;
	struct sw_item it, event;

	rig_set(r, "q", "dead_to=graves");
	job_kill(r, "q", 1);
	job_is(r, 1, SW_READY, "graves", "q");
	rig_get(r, 1, &it);
	assert_int_equal(sw_int(&it, SW_F_ATTEMPT, 0), 0);
	assert_int_equal(sw_int(&it, SW_F_CAUSE, 0), SW_C_ERROR);
	rig_text_is(&it, SW_F_BODY, "body");
	assert_true(event_get(r, 1, SW_EV_ATTEMPT, &event));
	assert_true(event_get(r, 1, SW_EV_MOVE, &event));
	rig_text_is(&event, SW_F_QUEUE, "q");
	assert_int_equal(rig_put(r, 1, "q", "body"), 0); /* sent again */
	assert_string_equal(rig_drain(r, 1, "graves"), "1");
	assert_int_equal(rig_state(r, 1), SW_DONE);
}

static void
the_setting_and_the_moved_job_outlast_a_restart(void **state)
{
	struct rig *r = *state;

	rig_set(r, "q", "dead_to=graves");
	job_kill(r, "q", 1);
	rig_restart(r);
	job_is(r, 1, SW_READY, "graves", "q");
	job_kill(r, "q", 2);
	job_is(r, 2, SW_READY, "graves", "q");
	rig_set(r, "q", "dead_to=");
	rig_restart(r);
	job_kill(r, "q", 3);
	job_is(r, 3, SW_DEAD, "q", "");
}

static void
its_attempts_begin_anew_under_the_settings_of_that_queue(void **state)
{
	struct rig *r = *state;

	rig_set(r, "q", "dead_to=graves");
	rig_set(r, "graves", "max_attempts=2");
	rig_set(r, "graves", "backoff_ms=0");
	rig_put_with(r, 1, SW_F_MAX_ATTEMPTS, 1, NULL);
	(void)job_end(r, "q", 1, SW_RETRY);
	job_is(r, 1, SW_READY, "graves", "q");
	(void)job_end(r, "graves", 1, SW_RETRY);
	rig_pass(r, 1);
	assert_int_equal(rig_state(r, 1), SW_READY);
	(void)job_end(r, "graves", 1, SW_RETRY);
	job_is(r, 1, SW_DEAD, "graves", "q");
}

static void
a_job_that_dies_in_the_dead_letter_queue_stays_there(void **state)
{
	struct rig *r = *state;

	rig_set(r, "q", "dead_to=graves");
	rig_set(r, "graves", "dead_to=q");
	job_kill(r, "q", 1);
	(void)job_end(r, "graves", 1, SW_FAIL);
	job_is(r, 1, SW_DEAD, "graves", "q");
	job_kill(r, "graves", 2); /* its own jobs die from there */
	job_is(r, 2, SW_READY, "q", "graves");
}

static void
a_queue_is_not_its_own_dead_letter_queue(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rig_set(r, "q", "dead_to=q"), SW_ESETTING);
	assert_int_equal(rig_set(r, "q", "dead_to=Not A Queue"), SW_ESETTING);
	assert_int_equal(r->core->queues_n, 0);
	assert_int_equal(rig_set(r, "q", "dead_to="), 0);
}

/* Job 1 is dead in its own queue, and the log is told of it. */
static void
stays_dead(struct rig *r, int err)
{
	const struct notes *ns = &r->core->notes;
	const struct note *last = &ns->list[ns->n - 1];

	job_is(r, 1, SW_DEAD, "q", "");
	assert_int_equal(ns->of_kind[NOTE_KEPT], 1);
	assert_int_equal(last->kind, NOTE_KEPT);
	assert_int_equal(last->err, err);
	assert_string_equal(last->queue, "q");
}

static void
a_full_dead_letter_queue_leaves_the_job_dead_in_its_own(void **state)
{
	struct rig *r = *state;

	rig_set(r, "q", "dead_to=graves");
	rig_put(r, 9, "graves", "x");
	rig_set(r, "graves", "max_jobs=1");
	job_kill(r, "q", 1);
	stays_dead(r, SW_EMAXJOBS);
}

static void
so_does_one_that_is_full_of_bytes(void **state)
{
	struct rig *r = *state;

	rig_set(r, "q", "dead_to=graves");
	rig_set(r, "graves", "max_bytes=3");
	job_kill(r, "q", 1);
	stays_dead(r, SW_EMAXBYTES);
}

static void
a_unique_key_that_is_taken_there_leaves_the_job_dead_too(void **state)
{
	struct rig *r = *state;

	rig_set(r, "q", "dead_to=graves");
	rig_put_with(r, 2, 0, 0, "key");
	(void)job_end(r, "q", 2, SW_FAIL);
	job_is(r, 2, SW_READY, "graves", "q");
	rig_put_with(r, 1, 0, 0, "key"); /* which is free again in q */
	(void)job_end(r, "q", 1, SW_FAIL);
	stays_dead(r, SW_EUNIQUE);
}

static void
an_expired_job_moves_and_expires_no_more(void **state)
{
	struct rig *r = *state;

	rig_set(r, "q", "dead_to=graves");
	rig_put_with(r, 1, SW_F_EXPIRES_AT_MS, r->now_ms + 1000, NULL);
	rig_pass(r, 1000);
	job_is(r, 1, SW_READY, "graves", "q");
	rig_pass(r, 3600000);
	job_is(r, 1, SW_READY, "graves", "q");
}

static void
whoever_waits_for_the_job_reads_that_it_died(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	size_t mark;

	rig_set(r, "q", "dead_to=graves");
	rig_put(r, 1, "q", "x");
	mark = rig_say(r, SW_OP_WAIT, 1);
	assert_int_equal(rig_ask(r, 7, SW_OP_WAIT, mark, &it), 1);
	(void)job_end(r, "q", 1, SW_FAIL);
	assert_true(rig_item(r, 7, SW_OP_WAIT | SW_REPLY, 0, &it));
	assert_int_equal(sw_int(&it, SW_F_STATE, 0), SW_DEAD);
	mark = rig_say(r, SW_OP_WAIT, 1); /* too late to see that */
	assert_int_equal(rig_ask(r, 7, SW_OP_WAIT, mark, &it), 0);
	rig_text_is(&it, SW_F_ORIGIN, "q");
}

static void
the_report_of_the_death_may_be_sent_again(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	rig_set(r, "q", "dead_to=graves");
	rig_put(r, 1, "q", "x");
	token = job_end(r, "q", 1, SW_FAIL);
	assert_int_equal(rig_done(r, 1, 1, token, SW_FAIL, SW_C_ERROR), 0);
	job_is(r, 1, SW_READY, "graves", "q");
}

static void
why_names_the_queue_that_the_job_died_in(void **state)
{
	struct rig *r = *state;

	rig_set(r, "q", "dead_to=graves");
	job_kill(r, "q", 1);
	assert_non_null(strstr(rig_why(r, 1), "it died in queue q "));
}

/* --- the way back -------------------------------------------------------- */

static void
a_redrive_takes_jobs_that_wait_there_back_to_their_queue(void **state)
{
	struct rig *r = *state;
	struct sw_item it;

	rig_set(r, "q", "dead_to=graves");
	job_kill(r, "q", 1);
	job_kill(r, "q", 2);
	rig_put(r, 3, "graves", "its own");
	assert_int_equal(
		redriven(r, "graves", SW_READY, SW_FLAG_DRY_RUN, 0), 2);
	job_is(r, 1, SW_READY, "graves", "q");
	rig_pass(r, 1000);
	assert_int_equal(redriven(r, "graves", SW_READY, 0, 0), 2);
	job_is(r, 1, SW_READY, "q", "");
	job_is(r, 3, SW_READY, "graves", "");
	rig_get(r, 1, &it);
	assert_false(sw_has(&it, SW_F_CAUSE));
	assert_true(event_get(r, 1, SW_EV_REDRIVE, &it));
	assert_string_equal(rig_drain(r, 1, "q"), "1 2");
}

static void
so_it_does_at_a_rate_and_with_those_that_died_there(void **state)
{
	struct rig *r = *state;

	rig_set(r, "q", "dead_to=graves");
	job_kill(r, "q", 1);
	(void)job_end(r, "graves", 1, SW_FAIL);
	job_kill(r, "q", 2);
	(void)job_end(r, "graves", 2, SW_FAIL);
	assert_int_equal(redriven(r, "graves", SW_DEAD, 0, 1), 2);
	job_is(r, 1, SW_READY, "q", "");
	job_is(r, 2, SW_DELAYED, "q", "");
}

static void
a_redrive_back_respects_the_limits_and_keys_of_the_queue(void **state)
{
	struct rig *r = *state;

	rig_set(r, "q", "dead_to=graves");
	rig_put_with(r, 1, 0, 0, "key");
	(void)job_end(r, "q", 1, SW_FAIL);
	rig_put_with(r, 2, 0, 0, "key");
	assert_int_equal(redriven(r, "graves", SW_READY, 0, 0), 0);
	assert_int_equal(redrive_status(r), SW_EUNIQUE);
	(void)rig_cancel(r, 2);
	rig_put(r, 3, "q", "x");
	rig_set(r, "q", "max_jobs=1");
	assert_int_equal(redriven(r, "graves", SW_READY, 0, 0), 0);
	assert_int_equal(redrive_status(r), SW_EMAXJOBS);
	job_is(r, 1, SW_READY, "graves", "q");
}

static void
a_job_without_an_origin_is_redriven_only_when_dead(void **state)
{
	struct rig *r = *state;

	rig_put(r, 1, "q", "x");
	assert_int_equal(redriven(r, "q", SW_READY, 0, 0), 0);
	assert_int_equal(redrive_status(r), SW_ESTATE);
}

int
main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown_rows)
	static const struct CMUnitTest tests[] = {
		TEST(a_dead_job_moves_to_its_dead_letter_queue_ready_to_run),
		TEST(a_removed_dead_letter_queue_is_made_again),
		TEST(the_setting_and_the_moved_job_outlast_a_restart),
		TEST(its_attempts_begin_anew_under_the_settings_of_that_queue),
		TEST(a_job_that_dies_in_the_dead_letter_queue_stays_there),
		TEST(a_queue_is_not_its_own_dead_letter_queue),
		TEST(a_full_dead_letter_queue_leaves_the_job_dead_in_its_own),
		TEST(so_does_one_that_is_full_of_bytes),
		TEST(a_unique_key_that_is_taken_there_leaves_the_job_dead_too),
		TEST(an_expired_job_moves_and_expires_no_more),
		TEST(whoever_waits_for_the_job_reads_that_it_died),
		TEST(the_report_of_the_death_may_be_sent_again),
		TEST(why_names_the_queue_that_the_job_died_in),
		TEST(a_redrive_takes_jobs_that_wait_there_back_to_their_queue),
		TEST(so_it_does_at_a_rate_and_with_those_that_died_there),
		TEST(a_redrive_back_respects_the_limits_and_keys_of_the_queue),
		TEST(a_job_without_an_origin_is_redriven_only_when_dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
