/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/steady.h"

enum { START_MS = 5000 };

/* A turn of that length, then a sleep: the stall that the next turn finds. */
static int64_t
pass(struct steady *s, int64_t *now_ms, int64_t turn_ms, int64_t wait_ms,
	int64_t slept_ms)
{
	int64_t stall_ms;

	*now_ms += turn_ms;
	steady_sleep(s, *now_ms, wait_ms);
	*now_ms += slept_ms;
	stall_ms = steady_wake(s, *now_ms);
	assert_int_equal(steady_ms(s, *now_ms), *now_ms - s->lost_ms);
	return stall_ms;
}

static void
a_loop_that_is_in_time_has_the_boot_clock(void **state)
{
	struct steady s = {0};
	int64_t now = START_MS;

	(void)state;
	assert_int_equal(pass(&s, &now, 0, 50, 50), 0);
	assert_int_equal(pass(&s, &now, STEADY_TURN_MS, 50, 0), 0);
	assert_int_equal(pass(&s, &now, 10, 1000, 3), 0); /* woken early */
	assert_int_equal(pass(&s, &now, 10, 50, 50 + STEADY_LATE_MS), 0);
	assert_int_equal(steady_ms(&s, now), now);
}

static void
a_sleep_that_is_too_long_is_a_stall(void **state)
{
	struct steady s = {0};
	int64_t now = START_MS, before;

	(void)state;
	(void)pass(&s, &now, 0, 50, 50);
	before = steady_ms(&s, now);
	assert_int_equal(pass(&s, &now, 0, 50, 6000), 5950);
	assert_int_equal(steady_ms(&s, now), before + 50);
	assert_int_equal(
		pass(&s, &now, 0, 50, 51 + STEADY_LATE_MS), 1 + STEADY_LATE_MS);
	assert_int_equal(steady_ms(&s, now), before + 100);
}

/* A second of a turn counts: or the clock of a busy loop stood still. */
static void
what_a_turn_takes_beyond_a_second_is_a_stall(void **state)
{
	struct steady s = {0};
	int64_t now = START_MS, before;

	(void)state;
	(void)pass(&s, &now, 60000, 0, 0); /* the first one has no begin */
	before = steady_ms(&s, now);
	assert_int_equal(before, now);
	assert_int_equal(pass(&s, &now, 20000, 0, 0), 19000);
	assert_int_equal(steady_ms(&s, now), before + STEADY_TURN_MS);
	assert_int_equal(pass(&s, &now, 3000, 10, 3010), 2000 + 3000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_loop_that_is_in_time_has_the_boot_clock),
		cmocka_unit_test(a_sleep_that_is_too_long_is_a_stall),
		cmocka_unit_test(what_a_turn_takes_beyond_a_second_is_a_stall),
	};

	return cmocka_run_group_tests_name("steady", tests, NULL, NULL);
}
