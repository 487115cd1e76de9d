/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "broker/model/life.h"

/*
 * The diagram of the life cycle, written once more by hand; every other cell
 * is SW_NONE.
 */
/* clang-format off */
static const struct {
	enum sw_state from;
	enum life_event event;
	enum sw_state to;
} drawn[] = {
	{SW_NONE, LIFE_PUT, SW_READY},
	{SW_NONE, LIFE_PUT_LATER, SW_DELAYED},
	{SW_DELAYED, LIFE_DUE, SW_READY},
	{SW_DELAYED, LIFE_BURY, SW_DEAD},
	{SW_DELAYED, LIFE_CANCEL, SW_CANCELLED},
	{SW_READY, LIFE_LEASE, SW_LEASED},
	{SW_READY, LIFE_BURY, SW_DEAD},
	{SW_READY, LIFE_CANCEL, SW_CANCELLED},
	{SW_LEASED, LIFE_ACK, SW_DONE},
	{SW_LEASED, LIFE_RETRY, SW_DELAYED},
	{SW_LEASED, LIFE_RELEASE, SW_READY},
	{SW_LEASED, LIFE_RELEASE_LATER, SW_DELAYED},
	{SW_LEASED, LIFE_BURY, SW_DEAD},
	{SW_LEASED, LIFE_STOPPED, SW_CANCELLED},
	{SW_DEAD, LIFE_REDRIVE, SW_READY},
	{SW_DEAD, LIFE_REDRIVE_LATER, SW_DELAYED},
	{SW_DELAYED, LIFE_MOVE, SW_READY},
	{SW_DELAYED, LIFE_MOVE_LATER, SW_DELAYED},
	{SW_READY, LIFE_MOVE, SW_READY},
	{SW_READY, LIFE_MOVE_LATER, SW_DELAYED},
	{SW_DEAD, LIFE_MOVE, SW_READY},
	{SW_DEAD, LIFE_MOVE_LATER, SW_DELAYED},
	{SW_DEAD, LIFE_MOVE_DEAD, SW_DEAD},
};
/* clang-format on */

static enum sw_state
expected(enum sw_state from, enum life_event event)
{
	for (size_t i = 0; i < sizeof(drawn) / sizeof(drawn[0]); i++)
		if (drawn[i].from == from && drawn[i].event == event)
			return drawn[i].to;
	return SW_NONE;
}

static void
every_cell_is_as_drawn(void **state)
{
	(void)state;
	for (int s = 0; s < SW_STATES; s++)
		for (int e = 0; e < LIFE_EVENTS; e++)
			assert_int_equal(
				life_next((enum sw_state)s, (enum life_event)e),
				expected((enum sw_state)s, (enum life_event)e));
}

static void
a_done_or_cancelled_job_is_left_by_nothing(void **state)
{
	(void)state;
	for (int e = 0; e < LIFE_EVENTS; e++) {
		assert_int_equal(life_next(SW_DONE, (enum life_event)e), 0);
		assert_int_equal(
			life_next(SW_CANCELLED, (enum life_event)e), 0);
	}
}

static void
a_dead_job_comes_back_only_by_redrive_or_in_another_queue(void **state)
{
	(void)state;
	for (int e = 0; e < LIFE_EVENTS; e++)
		if (life_next(SW_DEAD, (enum life_event)e) != SW_NONE)
			assert_true(e == LIFE_REDRIVE ||
				    e == LIFE_REDRIVE_LATER || e == LIFE_MOVE ||
				    e == LIFE_MOVE_LATER ||
				    e == LIFE_MOVE_DEAD);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell_is_as_drawn),
		cmocka_unit_test(a_done_or_cancelled_job_is_left_by_nothing),
		cmocka_unit_test(
			a_dead_job_comes_back_only_by_redrive_or_in_another_queue),
	};

	return cmocka_run_group_tests_name("life", tests, NULL, NULL);
}
