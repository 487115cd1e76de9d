/* SPDX-License-Identifier: MIT */
/* Dead jobs that a queue deletes after a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "tests/lib/rig.h"

static void
job_kill(struct rig *r, int n)
{
	uint64_t token = rig_run(r, n, "body");

	rig_done(r, 1, n, token, SW_FAIL, SW_C_ERROR);
}

static int64_t
dropped_total(const struct rig *r)
{
	return r->core->queues[0]->total[TOTAL_DROPPED];
}

static int
is_gone(struct rig *r, int n)
{
	struct key k = rig_key('j', n);

	return !rig_row_is_there(r, &k);
}

static void
a_dead_job_is_kept_for_ever_by_default(void **state)
{
	struct rig *r = *state;

	job_kill(r, 1);
	rig_pass(r, SW_YEAR_MS);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
}

static void
it_is_deleted_when_its_time_is_over_and_counted(void **state)
{
	struct rig *r = *state;

	rig_set(r, "q", "retain_dead_ms=1h");
	job_kill(r, 1);
	rig_pass(r, 1000);
	job_kill(r, 2);
	assert_true(core_wait_ms(r->core) > 0);
	rig_pass(r, 3600000 - 1001);
	assert_false(is_gone(r, 1));
	rig_pass(r, 1);
	assert_true(is_gone(r, 1));
	assert_false(is_gone(r, 2));
	assert_int_equal(dropped_total(r), 1);
	assert_int_equal(r->core->notes.of_kind[NOTE_DROPPED], 1);
	rig_restart(r);
	assert_int_equal(dropped_total(r), 1);
	rig_pass(r, 1000);
	assert_true(is_gone(r, 2));
}

/* Also of jobs that were dead before; after a restart too. */
static void
a_change_of_the_time_holds_for_all_dead_jobs(void **state)
{
	struct rig *r = *state;

	job_kill(r, 1);
	rig_pass(r, 10000);
	rig_set(r, "q", "retain_dead_ms=20s");
	rig_pass(r, 1000);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	rig_set(r, "q", "retain_dead_ms=0");
	rig_pass(r, 60000);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	rig_restart(r);
	rig_pass(r, 60000);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	rig_set(r, "q", "retain_dead_ms=5s");
	rig_pass(r, 0);
	assert_true(is_gone(r, 1));
}

/* The row was read at the start of the turn that then took the request. */
static void
a_change_in_the_very_turn_of_the_end_is_heard(void **state)
{
	struct rig *r = *state;

	rig_set(r, "q", "retain_dead_ms=10s");
	job_kill(r, 1);
	r->now_ms += 10000;
	r->mono_ms += 10000;
	rig_set(r, "q", "retain_dead_ms=1h");
	assert_int_equal(rig_state(r, 1), SW_DEAD);
}

static void
a_redriven_job_is_not_deleted(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	size_t mark;

	rig_set(r, "q", "retain_dead_ms=10s");
	job_kill(r, 1);
	mark = rig_say(r, SW_OP_REDRIVE, 1);
	assert_int_equal(rig_ask(r, 100, SW_OP_REDRIVE, mark, &it), 0);
	rig_pass(r, 3600000);
	assert_int_equal(rig_state(r, 1), SW_READY);
}

static void
very_many_are_deleted_turn_by_turn(void **state)
{
	enum { JOBS = TURN_TIMERS + 10 };
	struct rig *r = *state;

	for (int i = 1; i <= JOBS; i++)
		rig_put_with(r, i, SW_F_EXPIRES_AT_MS, r->now_ms + 10, NULL);
	rig_pass(r, 10);
	rig_pass(r, 0);
	assert_int_equal(r->core->queues[0]->count[SW_DEAD], JOBS);
	rig_set(r, "q", "retain_dead_ms=1s");
	rig_pass(r, 1000);
	assert_int_equal(core_wait_ms(r->core), 0);
	rig_pass(r, 0);
	assert_int_equal(dropped_total(r), JOBS);
}

static void
a_corrupt_one_is_deleted_too(void **state)
{
	struct rig *r = *state;

	rig_set(r, "q", "retain_dead_ms=10s");
	job_kill(r, 1);
	rig_record_damage(r, 1, SIZE_MAX);
	rig_pass(r, 10000);
	rig_pass(r, 0);
	assert_true(is_gone(r, 1));
	assert_int_equal(r->core->queues[0]->count[SW_DEAD], 0);
}

int
main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown_rows)
	static const struct CMUnitTest tests[] = {
		TEST(a_dead_job_is_kept_for_ever_by_default),
		TEST(it_is_deleted_when_its_time_is_over_and_counted),
		TEST(a_change_of_the_time_holds_for_all_dead_jobs),
		TEST(a_change_in_the_very_turn_of_the_end_is_heard),
		TEST(a_redriven_job_is_not_deleted),
		TEST(very_many_are_deleted_turn_by_turn),
		TEST(a_corrupt_one_is_deleted_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
