/* SPDX-License-Identifier: MIT */
/* The record of a job: written, read, refused; its history. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "broker/model/record.h"

static int
setup(void **state)
{
	static struct arena a;

	arena_init(&a);
	*state = &a;
	return 0;
}

static int
teardown(void **state)
{
	arena_fini(*state);
	return 0;
}

static struct sw_id
id_of(uint8_t n)
{
	return (struct sw_id){.b = {1, n}};
}

/* The record of a new job, in the arena. */
static struct bytes
fresh(struct arena *a, const struct sw_id *id, struct record *r)
{
	static uint8_t room[256];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct sw_item it;

	sw_put_id(&b, id);
	sw_put_text(&b, SW_F_QUEUE, "q");
	sw_put_text(&b, SW_F_BODY, "body");
	assert_int_equal(sw_item_open(sw_buf_bytes(&b), &it), 0);
	record_of_put(r, &it);
	r->state = SW_READY;
	return record_seal(a, r, 0, bytes_of(NULL, 0));
}

/* `fields` behind a right checksum. */
static struct bytes
summed(uint8_t *room, struct bytes fields)
{
	memcpy(room + RECORD_SUM, fields.p, fields.len);
	le_set(room, RECORD_SUM, XXH3_64bits(room + RECORD_SUM, fields.len));
	return bytes_of(room, RECORD_SUM + fields.len);
}

static void
a_record_is_of_one_job_and_no_other(void **state)
{
	struct sw_id id = id_of(1), other = id_of(2);
	struct record r;
	struct bytes stored = fresh(*state, &id, &r);

	assert_int_equal(record_open(stored, &id, &r), 0);
	assert_int_equal(r.state, SW_READY);
	assert_int_equal(r.body_len, 4);
	assert_int_equal(record_open(stored, &other, &r), SW_ECORRUPT);
}

static void
a_record_cut_anywhere_or_with_any_bit_flipped_is_corrupt(void **state)
{
	struct sw_id id = id_of(1);
	struct record r;
	struct bytes stored = fresh(*state, &id, &r);
	uint8_t copy[256];

	assert_in_range(stored.len, RECORD_SUM + 1, sizeof(copy));
	for (size_t len = 0; len < stored.len; len++)
		assert_int_equal(record_open(bytes_of(stored.p, len), &id, &r),
			SW_ECORRUPT);
	for (size_t bit = 0; bit < stored.len * 8; bit++) {
		memcpy(copy, stored.p, stored.len);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(
			record_open(bytes_of(copy, stored.len), &id, &r),
			SW_ECORRUPT);
	}
}

static void
a_right_checksum_does_not_make_a_record(void **state)
{
	struct sw_id id = id_of(1);
	struct record r;
	uint8_t room[64], fields[32];
	struct sw_buf b = {.p = fields, .cap = sizeof(fields)};

	(void)state;
	assert_int_equal(record_open(summed(room, bytes_str("?")), &id, &r),
		SW_ECORRUPT);
	sw_put_text(&b, SW_F_QUEUE, "q");
	assert_int_equal(record_open(summed(room, sw_buf_bytes(&b)), &id, &r),
		SW_ECORRUPT);
}

/* --- the ledger --------------------------------------------------------- */

static struct bytes
attempt(uint8_t *room, size_t cap, int64_t n)
{
	struct sw_buf b = {.p = room, .cap = cap};

	sw_put_int(&b, SW_F_KIND, SW_EV_ATTEMPT);
	sw_put_int(&b, SW_F_ATTEMPT, n);
	sw_put_fmt(&b, SW_F_ERROR, "error %d", (int)n);
	return sw_buf_bytes(&b);
}

static void
the_ledger_keeps_the_first_entry_and_the_newest(void **state)
{
	enum { TRIES = RECORD_EVENTS + 10 };
	struct sw_id id = id_of(1);
	struct record r;
	struct bytes e;
	uint8_t room[64];
	size_t at = 0;
	int64_t n = 0;

	(void)fresh(*state, &id, &r);
	for (int64_t i = 1; i <= TRIES; i++) {
		struct bytes s = record_seal(
			*state, &r, 0, attempt(room, sizeof(room), i));

		assert_int_equal(record_open(s, &id, &r), 0);
	}
	while (sw_item_each(&r.it, SW_F_EVENT, &at, &e)) {
		struct sw_item it;

		assert_int_equal(sw_item_open(e, &it), 0);
		n++;
		assert_int_equal(sw_int(&it, SW_F_ATTEMPT, 0),
			n == 1 ? 1 : TRIES - RECORD_EVENTS + n);
	}
	assert_int_equal(n, RECORD_EVENTS);
}

static void
the_last_error_is_found_among_other_entries(void **state)
{
	struct sw_id id = id_of(1);
	struct record r;
	uint8_t room[128], other[32];
	struct sw_buf b = {.p = other, .cap = sizeof(other)};
	struct bytes events[4];

	sw_put_int(&b, SW_F_KIND, SW_EV_REDRIVE);
	events[0] = attempt(room, 64, 1);
	events[1] = attempt(room + 64, 64, 2);
	events[2] = sw_buf_bytes(&b);
	events[3] = bytes_str("no entry");
	(void)fresh(*state, &id, &r);
	assert_int_equal(record_last_error(&r).len, 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(
			record_open(
				record_seal(*state, &r, 0, events[i]), &id, &r),
			0);
	assert_true(bytes_eq(record_last_error(&r), bytes_str("error 2")));
	r.state = SW_DONE;
	assert_int_equal(record_last_error(&r).len, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_record_is_of_one_job_and_no_other),
		TEST(a_record_cut_anywhere_or_with_any_bit_flipped_is_corrupt),
		TEST(a_right_checksum_does_not_make_a_record),
		TEST(the_ledger_keeps_the_first_entry_and_the_newest),
		TEST(the_last_error_is_found_among_other_entries),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
