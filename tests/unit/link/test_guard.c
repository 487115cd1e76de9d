/* SPDX-License-Identifier: MIT */
/* Memory that peers make the broker use is noticed, and returned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>

#include "link/guard.h"

enum { LIMIT = 8 << 20, QUEUED = 32 << 20 };

static char *
memory_taken(void)
{
	char *p = malloc(QUEUED);

	assert_non_null(p);
	memset(p, 1, QUEUED);
	return p;
}

static void
memory_beyond_the_limit_is_noticed(void **state)
{
	struct guard g;
	char *p;

	(void)state;
	guard_open(&g, LIMIT);
	assert_false(guard_check(&g, 1000));
	p = memory_taken();
	assert_false(guard_check(&g, 1000 + GUARD_MS - 1));
	assert_true(guard_check(&g, 1000 + GUARD_MS));
	free(p);
	guard_reset(&g);
	assert_false(guard_check(&g, 1000 + 2 * GUARD_MS));
	guard_close(&g);
}

static void
what_stays_after_the_links_are_closed_is_not_theirs(void **state)
{
	struct guard g;
	char *p;

	(void)state;
	guard_open(&g, LIMIT);
	p = memory_taken();
	assert_true(guard_check(&g, GUARD_MS));
	guard_reset(&g);
	assert_false(guard_check(&g, 2 * GUARD_MS));
	free(p);
	guard_close(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_beyond_the_limit_is_noticed),
		cmocka_unit_test(
			what_stays_after_the_links_are_closed_is_not_theirs),
	};

	return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
