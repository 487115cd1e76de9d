/* SPDX-License-Identifier: MIT */
/* The log has a line for each change of a state, not for each turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "broker/notices.h"
#include "tests/unit/worker/logged.h"

static const char *said;
static struct store store;
static struct core core;

/* Logs a turn at `boot_ms`: what has come on stderr. */
static const char *
turn(struct notices *n, int64_t boot_ms)
{
	core.store = &store;
	core.mono_ms = boot_ms;
	logged_begin(SW_LOG_INFO);
	notices_log(n, &core, "a repair", boot_ms);
	said = logged_text();
	logged_end();
	return said;
}

static void
a_full_store_is_said_once_and_why(void **state)
{
	struct notices n = {0};

	(void)state;
	core = (struct core){.usage = {.used_pages = 95, .max_pages = 100}};
	assert_string_equal(turn(&n, 1000), "");
	core.full = 1;
	assert_non_null(strstr(turn(&n, 2000), "ev=store-full"));
	assert_non_null(strstr(said, "why=\"90 % of --map-size are in use\""));
	assert_non_null(
		strstr(said, "used_pages=95 free_pages=0 max_pages=100"));
	assert_string_equal(turn(&n, 3000), "");
}

static void
the_disk_or_the_commit_is_named_if_it_is_that(void **state)
{
	struct notices n = {0};

	(void)state;
	core = (struct core){.full = 1, .full_until_ms = 9000};
	(void)snprintf(store.why, sizeof(store.why), "checkpoint: MAP_FULL");
	assert_non_null(strstr(turn(&n, 2000), "why=\"checkpoint: MAP_FULL\""));
	n = (struct notices){0};
	core.usage.full_why = "the disk has no room";
	assert_non_null(strstr(turn(&n, 2000), "why=\"the disk has no room\""));
}

/* At the limit a store is full and not full in turn. */
static void
its_end_is_said_once_it_lasts(void **state)
{
	struct notices n = {0};

	(void)state;
	core = (struct core){.full = 1};
	(void)turn(&n, 1000);
	for (int64_t at = 2000; at < 20000; at += 1000) {
		core.full = at % 2000 != 0;
		assert_string_equal(turn(&n, at), "");
	}
	core.full = 0;
	assert_string_equal(turn(&n, 20000), "");
	assert_non_null(strstr(turn(&n, 26000), "ev=store-over"));
	assert_string_equal(turn(&n, 27000), "");
	core.full = 1;
	assert_non_null(strstr(turn(&n, 28000), "ev=store-full"));
}

static void
damage_is_said_for_each_that_is_new(void **state)
{
	struct notices n = {0};

	(void)state;
	core = (struct core){.damaged = 1};
	assert_non_null(strstr(turn(&n, 1000), "ev=damage"));
	assert_non_null(strstr(said, "found=1 run=\"a repair\""));
	assert_string_equal(turn(&n, 2000), "");
	core.damaged = 3;
	assert_non_null(strstr(turn(&n, 3000), "found=3"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_store_is_said_once_and_why),
		cmocka_unit_test(the_disk_or_the_commit_is_named_if_it_is_that),
		cmocka_unit_test(its_end_is_said_once_it_lasts),
		cmocka_unit_test(damage_is_said_for_each_that_is_new),
	};

	return cmocka_run_group_tests_name("notices", tests, NULL, NULL);
}
