/* SPDX-License-Identifier: MIT */
/* Corrupt data before a repair: the broker makes nothing worse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "broker/model/key.h"
#include "tests/lib/rig.h"

static int
extend(struct rig *r, int n, int64_t token)
{
	struct sw_item it;
	size_t mark;

	mark = rig_say(r, SW_OP_EXTEND, n);
	sw_put_int(&r->b, SW_F_TOKEN, token);
	return rig_ask(r, 1, SW_OP_EXTEND, mark, &it);
}

/* The token is lost: the lease expires and the job is retried. */
static void
a_job_whose_lease_is_damaged_runs_again(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct key k = rig_key('l', 1);
	uint64_t token, again;

	(void)unused;
	assert_int_equal(rig_set(r, "q", "backoff_ms=0"), 0);
	token = rig_run(r, 1, "body");
	rig_row_change(r, STORE_PUT, &k, bytes_of("?", 1));
	rig_restart(r);
	assert_non_null(strstr(r->core->damage, "the lease of job"));
	assert_int_equal(rig_state(r, 1), SW_LEASED);
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_done(r, 1, 1, token, SW_ACK, 0), SW_ESTALE);
	assert_int_equal(extend(r, 1, 0), SW_ESTALE);
	rig_pass(r, sw_setting_rules[SW_S_lease_ms].def + 1);
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &again), 1);
	assert_true(again != token);
	assert_int_equal(rig_done(r, 1, 1, again, SW_ACK, 0), 0);
	assert_false(rig_row_is_there(r, &k));
	rig_close(r);
}

/* Writes the row of a lease; a token of -1 is left out. */
static void
lease_forge(struct rig *r, int n, int64_t token, int64_t at_ms)
{
	uint8_t room[256];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct key k = rig_key('l', n);

	if (token >= 0)
		sw_put_int(&b, SW_F_TOKEN, token);
	sw_put_int(&b, SW_F_AT_MS, at_ms);
	sw_put_text(&b, SW_F_QUEUE, "q");
	rig_row_change(r, STORE_PUT, &k, sw_buf_bytes(&b));
	rig_restart(r);
}

static void
a_lease_is_believed_as_far_as_it_can_be_true(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct sw_id id = rig_id(1);
	int64_t now = r->now_ms;

	(void)unused;
	(void)rig_run(r, 1, "body");
	lease_forge(r, 1, 7, INT64_MIN);
	assert_int_equal(lease_find(&r->core->leases, &id)->since_ms, now);
	assert_int_equal(lease_find(&r->core->leases, &id)->token, 7);
	lease_forge(r, 1, 7, INT64_MAX);
	assert_int_equal(lease_find(&r->core->leases, &id)->since_ms, now);
	lease_forge(r, 1, -1, now - 5);
	assert_int_equal(lease_find(&r->core->leases, &id)->since_ms, now - 5);
	assert_int_equal(r->core->damaged, 1);
	rig_close(r);
}

static void
a_unique_key_whose_holder_cannot_be_told_is_not_given_away(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct key k = key_unique(0, bytes_str("key"));
	struct sw_item it;
	size_t mark;

	(void)unused;
	assert_int_equal(rig_put(r, 9, "q", ""), 0);
	rig_row_change(r, STORE_PUT, &k, bytes_of("", 0));
	mark = rig_say(r, SW_OP_PUT, 1);
	sw_put_text(&r->b, SW_F_QUEUE, "q");
	sw_put_text(&r->b, SW_F_BODY, "");
	sw_put_text(&r->b, SW_F_UNIQUE, "key");
	assert_int_equal(rig_ask(r, 1, SW_OP_PUT, mark, &it), SW_ECORRUPT);
	assert_int_equal(r->core->damaged, 1);
	rig_close(r);
}

/* A repair can restore the queue, so the record must stay. */
static void
a_sound_job_whose_queue_is_lost_is_not_buried(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct key from = key_queue(0), j = rig_key('j', 1);
	struct queue *other = queue_new(&r->core->lists, "renamed", 0);
	uint8_t row[1024];
	struct sw_buf b = {.p = row, .cap = sizeof(row)};
	struct bytes val;
	struct record rec;
	struct sw_id id = rig_id(1);
	uint64_t token;

	(void)unused;
	assert_non_null(other);
	assert_int_equal(rig_put(r, 1, "q", "body"), 0);
	other->count[SW_READY] = 1;
	queue_encode(other, &b);
	queue_free(other);
	rig_row_change(r, STORE_PUT, &from, sw_buf_bytes(&b));
	rig_restart(r);
	assert_int_equal(rig_hello(r, 1, "renamed", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 0);
	assert_int_equal(
		r->store->driver->get(r->store, 0, key_bytes(&j), &val), 0);
	assert_int_equal(record_open(val, &id, &rec), 0);
	assert_non_null(strstr(r->core->damage, "the queue of job"));
	rig_drop(r);
}

/* The store shows a value that it must not overwrite as empty. */
static void
a_job_whose_record_has_no_length_is_among_the_dead_and_untouched(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct key j = rig_key('j', 1);
	struct bytes val;
	uint64_t token;

	(void)unused;
	assert_int_equal(rig_put(r, 1, "q", "body"), 0);
	rig_row_change(r, STORE_PUT, &j, bytes_of("", 0));
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 0);
	assert_int_equal(
		r->store->driver->get(r->store, 0, key_bytes(&j), &val), 0);
	assert_int_equal(val.len, 0);
	assert_int_equal(r->core->queues[0]->count[SW_READY], 0);
	assert_int_equal(r->core->queues[0]->count[SW_DEAD], 1);
	assert_int_equal(r->core->queues[0]->total[TOTAL_DEAD], 1);
	assert_non_null(strstr(r->core->damage, "length"));
	rig_drop(r);
}

static void
a_dead_job_that_turns_out_corrupt_has_died_once(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct sw_item it;
	uint64_t token;

	(void)unused;
	token = rig_run(r, 1, "a body");
	assert_int_equal(rig_done(r, 1, 1, token, SW_FAIL, SW_C_PERMANENT), 0);
	rig_record_damage(r, 1, SIZE_MAX);
	rig_begin(r, SW_OP_LIST);
	rig_send(r, 1);
	assert_true(rig_item(r, 1, SW_OP_LIST | SW_REPLY, 1, &it));
	assert_int_equal(sw_int(&it, SW_F_CAUSE, 0), SW_C_CORRUPT);
	assert_int_equal(r->core->queues[0]->total[TOTAL_DEAD], 1);
	rig_close(r); /* checks the counter of bytes, too */
}

static void
the_bytes_of_a_job_that_turns_out_corrupt_are_counted_no_more(void **unused)
{
	struct rig *r = rig_open("mem:");
	uint64_t token;

	(void)unused;
	assert_int_equal(rig_put(r, 1, "q", "a body"), 0);
	assert_int_equal(rig_put(r, 2, "q", "another"), 0);
	rig_record_damage(r, 1, SIZE_MAX);
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 2);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	assert_int_equal(r->core->queues[0]->total[TOTAL_BYTES], 7);
	rig_close(r);
}

/* The counter is wrong, too, and must not fall below zero. */
static void
bytes_that_were_never_counted_are_not_taken_off(void **unused)
{
	struct rig *r = rig_open("mem:");
	uint64_t token;

	(void)unused;
	assert_int_equal(rig_put(r, 1, "q", "a body"), 0);
	rig_record_damage(r, 1, SIZE_MAX);
	r->core->queues[0]->total[TOTAL_BYTES] = 3;
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 0);
	assert_int_equal(r->core->queues[0]->total[TOTAL_BYTES], 3);
	rig_drop(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_whose_lease_is_damaged_runs_again),
		cmocka_unit_test(a_lease_is_believed_as_far_as_it_can_be_true),
		cmocka_unit_test(
			a_unique_key_whose_holder_cannot_be_told_is_not_given_away),
		cmocka_unit_test(a_sound_job_whose_queue_is_lost_is_not_buried),
		cmocka_unit_test(
			a_job_whose_record_has_no_length_is_among_the_dead_and_untouched),
		cmocka_unit_test(
			a_dead_job_that_turns_out_corrupt_has_died_once),
		cmocka_unit_test(
			the_bytes_of_a_job_that_turns_out_corrupt_are_counted_no_more),
		cmocka_unit_test(
			bytes_that_were_never_counted_are_not_taken_off),
	};

	return cmocka_run_group_tests_name("damage_repair", tests, NULL, NULL);
}
