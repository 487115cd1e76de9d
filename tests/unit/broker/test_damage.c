/* SPDX-License-Identifier: MIT */
/* Index rows that no broker wrote: rows have no checksum, so a damaged store
 * may have any. The core drops or refuses them and goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "broker/model/key.h"
#include "tests/lib/rig.h"

static int
starts(struct rig *r)
{
	return rig_start_again(r);
}

/* A second ready row, before the job's own one. */
static void
a_job_that_stands_in_the_line_twice_is_handed_out_once(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct sw_id id = rig_id(1);
	struct key k = key_ready(0, lane_main(SW_PRIORITY_DEFAULT), 5, &id);
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

/* A ready row of a job that is done. */
static void
a_job_that_is_done_is_not_handed_out_for_an_orphan_row(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct sw_id id = rig_id(1);
	struct key k = key_ready(0, lane_main(SW_PRIORITY_DEFAULT), 5, &id);
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
	static const char letters[] = {'r', 'w'};

	(void)unused;
	for (size_t i = 0; i < sizeof(letters); i++) {
		struct rig *r = rig_open("mem:");
		struct key k = key_start(letters[i]);

		assert_int_equal(rig_put(r, 1, "q", "body"), 0);
		key_num(&k, 4, 0);
		key_num(&k, 8, 9);
		rig_row_change(r, STORE_PUT, &k, bytes_of("", 0));
		rig_restart(r);
		if (letters[i] == 'r')
			queue_list(r->core->queues[0], QUEUE_LOW);
		core_begin(r->core, r->now_ms, r->mono_ms);
		assert_int_equal(r->core->err, SW_ECORRUPT);
		rig_close(r);
	}
}

/* A dead job is never handed out, so a list must find the damage. */
static void
a_dead_job_whose_record_is_damaged_is_listed_as_corrupt(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct sw_id id = rig_id(1);
	struct key k = key_id('j', &id);
	struct sw_item it;
	uint64_t token;

	(void)unused;
	token = rig_run(r, 1, "");
	assert_int_equal(rig_done(r, 1, 1, token, SW_FAIL, SW_C_PERMANENT), 0);
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

/* A time of 2^63 is not due; read as a negative number it kept the broker
 * awake. */
static void
a_timer_beyond_all_time_keeps_nobody_awake(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct sw_id id = rig_id(1);
	struct key k = key_timed('w', 0, (uint64_t)1 << 63, &id);

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
a_lease_without_a_whole_id_is_told_and_passed_over(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct key k = key_start('l');

	(void)unused;
	key_num(&k, 8, 7);
	rig_row_change(r, STORE_PUT, &k, bytes_of("", 0));
	assert_int_equal(starts(r), 0);
	assert_int_equal(r->core->damaged, 1);
	assert_string_equal(r->core->damage, "the key of a lease");
	rig_close(r);
}

/* The queue's counter includes the job, and a worker has credit. */
static void
a_job_that_has_lost_its_row_keeps_nobody_busy(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct sw_id id = rig_id(1);
	struct key k;

	(void)unused;
	assert_int_equal(rig_put(r, 1, "q", "body"), 0);
	k = key_ready(0, lane_main(SW_PRIORITY_DEFAULT),
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

/* A flipped bit in the queue number of a ready row. */
static void
a_row_in_a_strange_queue_gives_no_worker_there_the_job(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct sw_id id = rig_id(1);
	struct key k = key_ready(1, 0, 5, &id), lane = key_ready(0, 3, 5, &id);
	uint64_t token;

	(void)unused;
	assert_int_equal(rig_put(r, 1, "a", "body"), 0);
	assert_int_equal(rig_put(r, 2, "b", "body"), 0);
	rig_row_change(r, STORE_PUT, &k, bytes_of("", 0));
	rig_row_change(r, STORE_PUT, &lane, bytes_of("", 0));
	rig_restart(r);
	assert_int_equal(rig_hello(r, 1, "b", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 2);
	assert_int_equal(rig_take(r, 1, &token), 0);
	assert_false(rig_row_is_there(r, &k));
	assert_int_equal(rig_hello(r, 2, "a", 0), 0);
	assert_int_equal(rig_take(r, 2, &token), 1);
	rig_close(r);
}

static void
a_job_whose_own_row_was_moved_is_put_back_in_the_line(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct sw_id id = rig_id(1);
	struct key moved = key_ready(0, 3, 5, &id), own;
	uint64_t token;

	(void)unused;
	assert_int_equal(rig_put(r, 1, "q", "body"), 0);
	own = key_ready(0, lane_main(SW_PRIORITY_DEFAULT),
		(uint64_t)(r->now_ms +
			   5 * sw_setting_rules[SW_S_ageing_ms].def),
		&id);
	rig_row_change(r, STORE_DELETE, &own, bytes_of("", 0));
	rig_row_change(r, STORE_PUT, &moved, bytes_of("", 0));
	rig_restart(r);
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	assert_int_equal(rig_done(r, 1, 1, token, SW_ACK, 0), 0);
	assert_false(rig_row_is_there(r, &own));
	assert_false(rig_row_is_there(r, &moved));
	rig_close(r);
}

/* --- queues ------------------------------------------------------------- */

static void
a_queues_row_that_cannot_be_one_is_damage_at_the_start(void **unused)
{
	struct key keys[3] = {
		key_start('q'), key_queue(SW_QUEUES_MAX), key_queue(0)};

	(void)unused;
	for (size_t i = 0; i < 3; i++) {
		struct rig *r = rig_open("mem:");

		rig_row_change(r, STORE_PUT, &keys[i], bytes_of("?", 1));
		assert_int_equal(starts(r), SW_ECORRUPT);
		rig_drop(r);
	}
}

static void
a_queue_that_is_lost_leaves_the_others_at_work(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct key k = key_queue(0);
	struct sw_item it;
	uint64_t token;

	(void)unused;
	assert_int_equal(rig_put(r, 1, "lost", ""), 0);
	assert_int_equal(rig_put(r, 2, "q", ""), 0);
	rig_row_change(r, STORE_DELETE, &k, bytes_of("", 0));
	assert_int_equal(starts(r), 0);
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	rig_pass(r, 5000);
	assert_int_equal(rig_take(r, 1, &token), 2);
	assert_int_equal(rig_state(r, 1), SW_NONE);
	rig_begin(r, SW_OP_QUEUES);
	rig_send(r, 1);
	assert_true(rig_item(r, 1, SW_OP_QUEUES | SW_REPLY, 1, &it));
	assert_true(bytes_eq(sw_bytes(&it, SW_F_QUEUE), bytes_str("q")));
	assert_false(rig_item(r, 1, SW_OP_QUEUES | SW_REPLY, 2, &it));
	rig_drop(r);
}

static void
a_damaged_job_at_the_head_of_the_line_does_not_spoil_the_listing(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct sw_item it;
	uint64_t token;

	(void)unused;
	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	rig_record_damage(r, 1, SIZE_MAX);
	rig_begin(r, SW_OP_QUEUES);
	rig_send(r, 1);
	assert_true(rig_item(r, 1, SW_OP_QUEUES | SW_REPLY, 1, &it));
	assert_int_equal(sw_int(&it, SW_F_STATUS, 1), 0);
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 0);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	rig_close(r);
}

/* --- jobs --------------------------------------------------------------- */

/* The job dies before it was ever leased: it never runs, and its id stays
 * taken. */
static void
a_damaged_job_that_is_put_again_counts_as_dead(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct sw_item it;

	(void)unused;
	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	rig_record_damage(r, 1, SIZE_MAX);
	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	assert_true(rig_item(r, 100, SW_OP_PUT | SW_REPLY, 0, &it));
	assert_int_equal(sw_int(&it, SW_F_STATE, 0), SW_DEAD);
	rig_drop(r);
}

static void
a_ready_job_that_is_lost_is_dead_and_not_silently_gone(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct key k = rig_key('j', 1);
	uint64_t token;

	(void)unused;
	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	rig_row_change(r, STORE_DELETE, &k, bytes_of("", 0));
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 0);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	rig_close(r);
}

static void
a_lease_whose_job_is_lost_or_damaged_ends_with_a_dead_job(void **unused)
{
	(void)unused;
	for (int lost = 0; lost < 2; lost++) {
		struct rig *r = rig_open("mem:");
		struct key k = rig_key('j', 1);

		(void)rig_run(r, 1, "");
		if (lost)
			rig_row_change(r, STORE_DELETE, &k, bytes_of("", 0));
		else
			rig_record_damage(r, 1, SIZE_MAX);
		rig_restart(r);
		rig_pass(r, sw_setting_rules[SW_S_lease_ms].def + 1);
		assert_int_equal(rig_state(r, 1), SW_DEAD);
		assert_int_equal(lease_count(&r->core->leases), 0);
		rig_close(r);
	}
}

static void
a_worker_may_leave_while_its_job_is_damaged(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct sw_item it;

	(void)unused;
	(void)rig_run(r, 1, "");
	rig_record_damage(r, 1, SIZE_MAX);
	rig_begin(r, SW_OP_BYE);
	rig_send(r, 1);
	assert_true(rig_item(r, 1, SW_OP_BYE | SW_REPLY, 0, &it));
	rig_pass(r, 1);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	rig_close(r);
}

/* Without a record and a queue there is nothing to run or to bury. */
static void
a_lease_that_names_no_queue_and_no_job_is_passed_over(void **unused)
{
	static const struct bytes vals[] = {{"?", 1}, {"", 0}};

	(void)unused;
	for (size_t i = 0; i < 2; i++) {
		struct rig *r = rig_open("mem:");
		struct key k = rig_key('l', 1);

		rig_row_change(r, STORE_PUT, &k, vals[i]);
		assert_int_equal(starts(r), 0);
		assert_int_equal(r->core->damaged, 1);
		assert_int_equal(lease_count(&r->core->leases), 0);
		rig_close(r);
	}
}

/* A record without a queue or a state cannot be buried and stays as it is. */
static void
a_delayed_job_of_which_too_little_is_left_is_passed_over(void **unused)
{
	static const size_t kept[] = {4, RECORD_SUM, RECORD_SUM + 6};

	(void)unused;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		struct rig *r = rig_open("mem:");
		struct key k = rig_key('j', 1);

		assert_int_equal(rig_set(r, "q", "delay_ms=1s"), 0);
		assert_int_equal(rig_put(r, 1, "q", ""), 0);
		rig_record_damage(r, 1, kept[i]);
		rig_pass(r, 1000);
		rig_pass(r, 1000);
		assert_true(rig_row_is_there(r, &k));
		assert_int_equal(r->core->queues[0]->count[SW_DEAD], 0);
		rig_drop(r);
	}
}

/* The state in the corrupt record is ready, which has no such timer. */
static void
a_damaged_job_that_is_not_delayed_is_not_buried_by_a_timer(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct sw_id id = rig_id(1);
	struct key k = key_timed('w', 0, (uint64_t)r->now_ms, &id);

	(void)unused;
	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	rig_record_damage(r, 1, SIZE_MAX);
	rig_row_change(r, STORE_PUT, &k, bytes_of("", 0));
	rig_restart(r);
	rig_pass(r, 1);
	assert_false(rig_row_is_there(r, &k));
	assert_int_equal(r->core->queues[0]->count[SW_READY], 1);
	assert_int_equal(r->core->queues[0]->count[SW_DEAD], 0);
	rig_drop(r);
}

/* Counters have no checksum either: they must not fall below zero. */
static void
a_damaged_job_that_no_queue_of_ours_counts_is_left_alone(void **unused)
{
	(void)unused;
	for (int i = 0; i < 2; i++) {
		struct rig *r = rig_open("mem:");
		struct key k = rig_key('j', 1);
		uint8_t room[64] = {0};
		struct sw_buf b = {.p = room, .len = RECORD_SUM, .cap = 64};

		assert_int_equal(rig_set(r, "q", "delay_ms=1s"), 0);
		assert_int_equal(rig_put(r, 1, "q", ""), 0);
		sw_put_text(&b, SW_F_QUEUE, i == 0 ? "q" : "unknown");
		sw_put_int(&b, SW_F_STATE, SW_DELAYED);
		rig_row_change(r, STORE_PUT, &k, sw_buf_bytes(&b));
		r->core->queues[0]->count[SW_DELAYED] = i;
		rig_pass(r, 1000);
		rig_pass(r, 1);
		assert_int_equal(r->core->queues[0]->count[SW_DEAD], 0);
		assert_int_equal(r->core->queues[0]->count[SW_DELAYED], i);
		rig_drop(r);
	}
}

/* The next to read the record of such a job is the timer of its retention. */
static void
a_damaged_job_that_was_done_or_cancelled_is_dead_when_it_would_be_forgotten(
	void **unused)
{
	(void)unused;
	for (int cancelled = 0; cancelled < 2; cancelled++) {
		struct rig *r = rig_open("mem:");
		uint64_t token;

		assert_int_equal(rig_put(r, 1, "q", ""), 0);
		assert_int_equal(rig_hello(r, 1, "q", 0), 0);
		if (cancelled) {
			assert_int_equal(rig_cancel(r, 1), 0);
		} else {
			assert_int_equal(rig_take(r, 1, &token), 1);
			assert_int_equal(
				rig_done(r, 1, 1, token, SW_ACK, 0), 0);
		}
		rig_record_damage(r, 1, SIZE_MAX);
		rig_pass(r, sw_setting_rules[SW_S_retain_done_ms].def);
		assert_int_equal(rig_state(r, 1), SW_DEAD);
		rig_close(r);
	}
}

/* --- listings ----------------------------------------------------------- */

static void
a_listing_passes_over_a_row_that_names_no_job(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct key k = key_start('j');
	struct sw_item it;
	size_t mark;

	(void)unused;
	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	rig_row_change(r, STORE_PUT, &k, bytes_of("", 0));
	mark = rig_say(r, SW_OP_LIST, 0);
	sw_put_int(&r->b, SW_F_STATE, SW_READY);
	assert_int_equal(rig_ask(r, 1, SW_OP_LIST, mark, &it), 0);
	assert_int_equal(sw_int(&it, SW_F_COUNT, 0), 1);
	rig_drop(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_job_that_stands_in_the_line_twice_is_handed_out_once),
		cmocka_unit_test(
			a_job_that_is_done_is_not_handed_out_for_an_orphan_row),
		cmocka_unit_test(a_row_too_short_for_its_index_is_damage),
		cmocka_unit_test(
			a_dead_job_whose_record_is_damaged_is_listed_as_corrupt),
		cmocka_unit_test(a_timer_beyond_all_time_keeps_nobody_awake),
		cmocka_unit_test(
			a_lease_without_a_whole_id_is_told_and_passed_over),
		cmocka_unit_test(a_job_that_has_lost_its_row_keeps_nobody_busy),
		cmocka_unit_test(
			a_row_in_a_strange_queue_gives_no_worker_there_the_job),
		cmocka_unit_test(
			a_job_whose_own_row_was_moved_is_put_back_in_the_line),
		cmocka_unit_test(
			a_queues_row_that_cannot_be_one_is_damage_at_the_start),
		cmocka_unit_test(
			a_queue_that_is_lost_leaves_the_others_at_work),
		cmocka_unit_test(
			a_damaged_job_at_the_head_of_the_line_does_not_spoil_the_listing),
		cmocka_unit_test(
			a_damaged_job_that_is_put_again_counts_as_dead),
		cmocka_unit_test(
			a_ready_job_that_is_lost_is_dead_and_not_silently_gone),
		cmocka_unit_test(
			a_lease_whose_job_is_lost_or_damaged_ends_with_a_dead_job),
		cmocka_unit_test(a_worker_may_leave_while_its_job_is_damaged),
		cmocka_unit_test(
			a_lease_that_names_no_queue_and_no_job_is_passed_over),
		cmocka_unit_test(
			a_delayed_job_of_which_too_little_is_left_is_passed_over),
		cmocka_unit_test(
			a_damaged_job_that_is_not_delayed_is_not_buried_by_a_timer),
		cmocka_unit_test(
			a_damaged_job_that_no_queue_of_ours_counts_is_left_alone),
		cmocka_unit_test(
			a_damaged_job_that_was_done_or_cancelled_is_dead_when_it_would_be_forgotten),
		cmocka_unit_test(a_listing_passes_over_a_row_that_names_no_job),
	};

	return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}
