/* SPDX-License-Identifier: MIT */
/* Rows by queue and time: what is due, and lists of one state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "broker/time/timer.h"
#include "tests/lib/chance.h"
#include "tests/lib/rig.h"

/* --- the heap ------------------------------------------------------------- */

enum { TIMERS = 60, CHANGES = 20000 };

static void
the_first_timer_is_the_earliest_after_any_change(void **unused)
{
	static struct timer t[TIMERS];
	struct timer_heap h = {0};
	uint64_t rand = 1;

	(void)unused;
	for (int i = 0; i < TIMERS; i++)
		t[i] = (struct timer){.at_ms = TIMER_NEVER};
	for (int n = 0; n < CHANGES; n++) {
		struct timer *one = &t[chance_draw(&rand) % TIMERS];
		uint64_t at = chance_draw(&rand) % 1000, least = TIMER_NEVER;

		if (n % 3 == 0)
			timer_set(&h, one, TIMER_NEVER);
		else if (n % 3 == 1)
			timer_set(&h, one, at);
		else
			timer_lower(&h, one, at);
		for (int i = 0; i < TIMERS; i++)
			if (t[i].at_ms < least)
				least = t[i].at_ms;
		one = timer_first(&h);
		assert_int_equal(one != NULL ? one->at_ms : TIMER_NEVER, least);
	}
	timer_heap_fini(&h);
}

static void
each_letter_is_of_one_kind(void **unused)
{
	(void)unused;
	for (int i = 0; i < TIMER_KINDS; i++)
		assert_int_equal(
			timer_kind_of(timer_letter((enum timer_kind)i)), i);
	assert_int_equal(timer_kind_of('j'), TIMER_KINDS);
}

/* --- lists ---------------------------------------------------------------- */

enum { MANY = PAGE_LOOK + 100, FEW = 3, FIRST_FEW = MANY + 1 };

static size_t scanned; /* rows */
static store_each_fn *scan_each;
static void *scan_arg;

static int
counted_each(void *arg, struct bytes key, struct bytes val)
{
	(void)arg;
	scanned++;
	return scan_each(scan_arg, key, val);
}

static int
counted_scan(struct store *s, uint32_t shard, struct bytes from,
	struct bytes to, size_t limit, store_each_fn *each, void *arg)
{
	scan_each = each;
	scan_arg = arg;
	return store_mem.scan(s, shard, from, to, limit, counted_each, NULL);
}

static struct store_driver
counted(void)
{
	struct store_driver d = store_mem;

	d.scan = counted_scan;
	return d;
}

static void
put_in(struct rig *r, enum sw_state state, int n, const char *queue)
{
	uint64_t token;

	assert_int_equal(rig_put(r, n, queue, "x"), 0);
	if (state == SW_CANCELLED)
		assert_int_equal(rig_cancel(r, n), 0);
	if (state != SW_DONE && state != SW_DEAD)
		return;
	assert_int_equal(rig_take(r, queue[0] == 'a' ? 1 : 2, &token), n);
	assert_int_equal(
		rig_done(r, queue[0] == 'a' ? 1 : 2, n, token,
			state == SW_DONE ? SW_ACK : SW_FAIL, SW_C_PERMANENT),
		0);
}

/* Lists one page of a state in queue "b"; returns the number of jobs. */
static int
list_page(struct rig *r, enum sw_state state, int limit, uint8_t *cursor,
	size_t *cursor_len)
{
	struct sw_item it;
	size_t mark;
	int n = 0;

	rig_begin(r, SW_OP_LIST);
	mark = sw_item_begin(&r->b);
	sw_put_int(&r->b, SW_F_STATE, state);
	sw_put_text(&r->b, SW_F_QUEUE, "b");
	sw_put_int(&r->b, SW_F_LIMIT, limit);
	if (*cursor_len > 0)
		sw_put_bytes(&r->b, SW_F_CURSOR, bytes_of(cursor, *cursor_len));
	assert_int_equal(rig_ask(r, RIG_ASKER, SW_OP_LIST, mark, &it), 0);
	*cursor_len = sw_bytes(&it, SW_F_CURSOR).len;
	memcpy(cursor, sw_bytes(&it, SW_F_CURSOR).p, *cursor_len);
	while (rig_item(r, RIG_ASKER, SW_OP_LIST | SW_REPLY, n + 1, &it)) {
		assert_int_equal(sw_int(&it, SW_F_STATE, 0), state);
		n++;
	}
	return n;
}

/* Many jobs of queue "a" and few of "b" are in the state. */
static void
state_is_listed_from_its_own_rows(enum sw_state state)
{
	struct rig *r = rig_open("mem:");
	struct store_driver d = counted();
	uint8_t cursor[SW_CURSOR_MAX];
	size_t len = 0;
	int n = 0;

	rig_set(r, "a", state == SW_DELAYED ? "delay_ms=1h" : "delay_ms=0");
	rig_set(r, "b", state == SW_DELAYED ? "delay_ms=1h" : "delay_ms=0");
	rig_hello(r, 1, "a", 0);
	rig_hello(r, 2, "b", 0);
	for (int i = 1; i < FIRST_FEW + FEW; i++)
		put_in(r, state, i, i < FIRST_FEW ? "a" : "b");
	r->store->driver = &d;
	scanned = 0;
	assert_int_equal(list_page(r, state, 50, cursor, &len), FEW);
	assert_int_equal(len, 0);
	assert_in_range(scanned, FEW, FEW + 3);
	do
		n += list_page(r, state, 2, cursor, &len);
	while (len > 0);
	assert_int_equal(n, FEW);
	r->store->driver = &store_mem;
	rig_check_rows(r);
	rig_close(r);
}

static void
a_list_of_one_state_and_queue_reads_the_rows_of_no_other(void **unused)
{
	static const enum sw_state states[] = {
		SW_DELAYED, SW_READY, SW_DONE, SW_DEAD, SW_CANCELLED};

	(void)unused;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		state_is_listed_from_its_own_rows(states[i]);
}

/* --- timers --------------------------------------------------------------- */

static void
more_rows_than_fit_a_turn_are_fired_in_the_next_ones(void **unused)
{
	struct rig *r = rig_open("mem:");

	(void)unused;
	rig_set(r, "q", "delay_ms=1s");
	for (int n = 1; n <= 2 * TURN_TIMERS + 1; n++)
		rig_put(r, n, "q", "x");
	rig_pass(r, 1000);
	assert_int_equal(r->core->queues[0]->count[SW_READY], TURN_TIMERS);
	assert_int_equal(core_wait_ms(r->core), 0);
	rig_pass(r, 0);
	rig_pass(r, 0);
	assert_int_equal(
		r->core->queues[0]->count[SW_READY], 2 * TURN_TIMERS + 1);
	rig_check_rows(r);
	rig_close(r);
}

/* The bound of a row that is gone costs one look and no more. */
static void
a_row_that_is_gone_wakes_nobody_for_long(void **unused)
{
	struct rig *r = rig_open("mem:");

	(void)unused;
	rig_set(r, "q", "delay_ms=500ms");
	rig_put(r, 1, "q", "x");
	assert_int_equal(core_wait_ms(r->core), 500);
	assert_int_equal(rig_cancel(r, 1), 0);
	assert_int_equal(core_wait_ms(r->core), 500);
	rig_pass(r, 500);
	assert_int_equal(core_wait_ms(r->core), 1000);
	rig_close(r);
}

static void
a_job_that_is_not_kept_wakes_nobody(void **unused)
{
	struct rig *r = rig_open("mem:");
	uint64_t token = rig_run(r, 1, "x");

	(void)unused;
	rig_set(r, "q", "retain_done_ms=0");
	assert_int_equal(rig_done(r, 1, 1, token, SW_ACK, 0), 0);
	assert_int_equal(core_wait_ms(r->core), 1000);
	rig_close(r);
}

static void
after_a_restart_rows_of_every_queue_come_in_time(void **unused)
{
	struct rig *r = rig_open("mem:");
	char queue[8], delay[32];

	(void)unused;
	for (int n = 1; n <= 20; n++) {
		(void)snprintf(queue, sizeof(queue), "q%d", n % 7);
		(void)snprintf(delay, sizeof(delay), "delay_ms=%ds", n);
		rig_set(r, queue, delay);
		rig_put(r, n, queue, "x");
	}
	rig_restart(r);
	rig_check_rows(r);
	for (int n = 1; n <= 20; n++) {
		assert_int_equal(rig_state(r, n), SW_DELAYED);
		rig_pass(r, 1000);
		assert_int_equal(rig_state(r, n), SW_READY);
	}
	rig_close(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_first_timer_is_the_earliest_after_any_change),
		cmocka_unit_test(each_letter_is_of_one_kind),
		cmocka_unit_test(
			a_list_of_one_state_and_queue_reads_the_rows_of_no_other),
		cmocka_unit_test(
			more_rows_than_fit_a_turn_are_fired_in_the_next_ones),
		cmocka_unit_test(a_row_that_is_gone_wakes_nobody_for_long),
		cmocka_unit_test(a_job_that_is_not_kept_wakes_nobody),
		cmocka_unit_test(
			after_a_restart_rows_of_every_queue_come_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
