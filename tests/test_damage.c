/* SPDX-License-Identifier: MIT */
/*
 * Rows that no broker wrote: they carry no checksum, so a damaged store may
 * show any.  The core drops them or refuses, but does not die of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "error.h"
#include "key.h"
#include "util_rig.h"

/* A second place in the line, before the one that the job knows. */
static void
a_job_that_stands_in_the_line_twice_is_handed_out_once(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct sw_id id = rig_id(1);
	struct key k = key_ready(0, 0, 5, &id);
	uint64_t token;

	(void)unused;
	assert_int_equal(rig_put(r, 1, "q", "body"), 0);
	rig_row_change(r, STORE_PUT, &k, bytes_of("", 0));
	rig_restart(r);
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	assert_int_equal(rig_take(r, 1, &token), 0);
	assert_false(rig_row_is_there(r, &k));
	rig_close(r);
}

/* The job was done long ago, but a row still names it. */
static void
a_job_that_is_done_is_not_handed_out_for_a_stray_row(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct sw_id id = rig_id(1);
	struct key k = key_ready(0, 0, 5, &id);
	uint64_t token;

	(void)unused;
	assert_int_equal(rig_put(r, 1, "q", "body"), 0);
	assert_int_equal(rig_put(r, 2, "q", "body"), 0);
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	assert_int_equal(rig_done(r, 1, 1, token, SW_ACK, 0), 0);
	rig_row_change(r, STORE_PUT, &k, bytes_of("", 0));
	rig_restart(r);
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 2);
	assert_int_equal(rig_take(r, 1, &token), 0);
	assert_int_equal(rig_state(r, 1), SW_DONE);
	assert_false(rig_row_is_there(r, &k));
	rig_close(r);
}

static void
a_row_too_short_for_its_index_is_damage(void **unused)
{
	static const char letters[] = {'r', 't'};

	(void)unused;
	for (size_t i = 0; i < sizeof(letters); i++) {
		struct rig *r = rig_open("mem:");
		struct key k = key_start(letters[i]);

		assert_int_equal(rig_put(r, 1, "q", "body"), 0);
		key_num(&k, 4, 0);
		key_num(&k, 8, 9);
		rig_row_change(r, STORE_PUT, &k, bytes_of("", 0));
		rig_restart(r);
		core_begin(r->core, r->now_ms, r->mono_ms);
		assert_int_equal(r->core->err, SW_ECORRUPT);
		rig_close(r);
	}
}

/* Nobody would hand it out; whoever looks at the dead is to see it. */
static void
a_dead_job_whose_record_is_damaged_is_listed_as_corrupt(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct sw_id id = rig_id(1);
	struct key k = key_id('j', &id);
	struct sw_item it;
	uint64_t token;

	(void)unused;
	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	assert_int_equal(
		rig_done(r, 1, 1, token, SW_FAIL, SW_C_PERMANENT), 0);
	rig_row_change(r, STORE_PUT, &k, bytes_of("no record", 9));
	for (int i = 0; i < 2; i++) {
		rig_begin(r, SW_OP_LIST);
		rig_send(r, 1);
		assert_true(rig_item(r, 1, SW_OP_LIST | SW_REPLY, 1, &it));
		assert_int_equal(sw_int(&it, SW_F_CAUSE, 0), SW_C_CORRUPT);
		assert_false(rig_item(r, 1, SW_OP_LIST | SW_REPLY, 2, &it));
	}
	rig_close(r);
}

/* Not due, as a number; a broker that took it for negative never slept. */
static void
a_timer_beyond_all_time_keeps_nobody_awake(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct sw_id id = rig_id(1);
	struct key k = key_timer((uint64_t)1 << 63, &id);

	(void)unused;
	assert_int_equal(rig_put(r, 1, "q", "body"), 0);
	rig_row_change(r, STORE_PUT, &k, bytes_of("", 0));
	rig_restart(r);
	rig_pass(r, 1);
	assert_int_equal(core_wait_ms(r->core), 1000);
	assert_int_equal(rig_state(r, 1), SW_READY);
	rig_close(r);
}

static void
a_lease_without_a_whole_id_is_damage(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct key k = key_start('l');

	(void)unused;
	key_num(&k, 8, 7);
	rig_row_change(r, STORE_PUT, &k, bytes_of("", 0));
	core_fini(r->core);
	assert_int_equal(
		core_init(r->core, r->store, &r->claim, r->now_ms, r->mono_ms),
		SW_ECORRUPT);
	rig_close(r);
}

/* The queue's counter says that there is one, and there is a worker. */
static void
a_job_that_has_lost_its_row_keeps_nobody_busy(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct sw_id id = rig_id(1);
	struct key k;

	(void)unused;
	assert_int_equal(rig_put(r, 1, "q", "body"), 0);
	k = key_ready(0, 0,
		(uint64_t)(r->now_ms +
			   5 * sw_setting_rules[SW_S_ageing_ms].def),
		&id);
	assert_true(rig_row_is_there(r, &k));
	rig_row_change(r, STORE_DELETE, &k, bytes_of("", 0));
	rig_restart(r);
	assert_int_equal(rig_hello(r, 1, "q", 9), 0);
	for (int i = 0; i < 5; i++)
		rig_pass(r, 1);
	assert_true(core_wait_ms(r->core) > 0);
	rig_close(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_job_that_stands_in_the_line_twice_is_handed_out_once),
		cmocka_unit_test(
			a_job_that_is_done_is_not_handed_out_for_a_stray_row),
		cmocka_unit_test(a_row_too_short_for_its_index_is_damage),
		cmocka_unit_test(
			a_dead_job_whose_record_is_damaged_is_listed_as_corrupt),
		cmocka_unit_test(a_timer_beyond_all_time_keeps_nobody_awake),
		cmocka_unit_test(a_lease_without_a_whole_id_is_damage),
		cmocka_unit_test(a_job_that_has_lost_its_row_keeps_nobody_busy),
	};

	return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}
