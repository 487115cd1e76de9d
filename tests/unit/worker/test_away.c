/* SPDX-License-Identifier: MIT */
/* A broker that is away is said soon, and then ever more seldom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/away.h"

static void
a_broker_that_is_away_is_said_after_a_second(void **state)
{
	struct away a = {0};

	(void)state;
	assert_int_equal(away_due(&a, 0, 5000), 0);
	assert_int_equal(away_due(&a, 0, 5999), 0);
	assert_int_equal(away_due(&a, 0, 6000), 1);
	assert_int_equal(a.since_ms, 5000);
	assert_int_equal(away_due(&a, 0, 6001), 0);
}

static void
in_a_day_it_is_said_some_150_times(void **state)
{
	struct away a = {0};
	int said = 0;

	(void)state;
	for (int64_t at = 1; at <= 86400000; at += 100)
		said += away_due(&a, 0, at);
	assert_in_range(said, 140, 155);
}

static void
when_it_is_reached_all_begins_anew(void **state)
{
	struct away a = {0};

	(void)state;
	for (int64_t at = 0; at < 100000; at += 500)
		(void)away_due(&a, 0, at);
	assert_int_equal(away_due(&a, 1, 100000), 0);
	assert_int_equal(away_due(&a, 0, 200000), 0);
	assert_int_equal(away_due(&a, 0, 201000), 1);
	assert_int_equal(away_due(&a, 0, 211000), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_broker_that_is_away_is_said_after_a_second),
		cmocka_unit_test(in_a_day_it_is_said_some_150_times),
		cmocka_unit_test(when_it_is_reached_all_begins_anew),
	};

	return cmocka_run_group_tests_name("away", tests, NULL, NULL);
}
