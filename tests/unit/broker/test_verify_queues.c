/* SPDX-License-Identifier: MIT */
/* Queues with corrupt rows, and unique keys of two jobs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "tests/lib/rig.h"

static const struct bytes nothing = {"", 0};

/* Two queues, each with a ready, a dead and a delayed job. The delayed job has
 * the first id, or the last if `late` is 2. */
static struct rig *
two_queues(int late)
{
	static const char *const names[] = {"a", "b"};
	struct rig *r = rig_open("mem:");
	uint64_t token;

	for (int i = 0; i < 2; i++) {
		int n = 10 * (i + 1);

		assert_int_equal(rig_set(r, names[i], "delay_ms=1m"), 0);
		assert_int_equal(rig_put(r, n + late, names[i], "late"), 0);
		assert_int_equal(rig_set(r, names[i], "delay_ms=0"), 0);
		assert_int_equal(rig_put(r, n + 1, names[i], "poison"), 0);
		assert_int_equal(rig_hello(r, i, names[i], 0), 0);
		assert_int_equal(rig_take(r, i, &token), n + 1);
		assert_int_equal(
			rig_done(r, i, n + 1, token, SW_FAIL, SW_C_PERMANENT),
			0);
		assert_int_equal(rig_put(r, n + 2 - late, names[i], "body"), 0);
	}
	return r;
}

/* Writes the row of queue `no` with a name that another queue may have. */
static void
queue_row_forge(struct rig *r, uint32_t no, const char *name)
{
	struct queue *q = queue_new(&r->core->lists, name, no);
	struct key k = key_queue(no);
	uint8_t row[1024];
	struct sw_buf b = {.p = row, .cap = sizeof(row)};

	assert_non_null(q);
	queue_encode(q, &b);
	queue_free(q);
	rig_row_change(r, STORE_PUT, &k, sw_buf_bytes(&b));
}

/* All six jobs are in their states, and the two ready ones can be leased. */
static void
all_is_well(struct rig *r, int late)
{
	char line[VERIFY_LINE];
	struct verify v = verified(r, 0, line);
	uint64_t token;

	assert_string_equal(line, "");
	assert_int_equal(verified_found(&v), 0);
	rig_restart(r);
	rig_check_counters(r);
	for (int i = 0; i < 2; i++) {
		int n = 10 * (i + 1);

		assert_int_equal(rig_state(r, n + late), SW_DELAYED);
		assert_int_equal(rig_state(r, n + 1), SW_DEAD);
		assert_int_equal(rig_hello(r, i, i == 0 ? "a" : "b", 0), 0);
		assert_int_equal(rig_take(r, i, &token), n + 2 - late);
		assert_int_equal(
			rig_done(r, i, n + 2 - late, token, SW_ACK, 0), 0);
	}
	rig_close(r);
}

/* Each way to lose the row of a queue, and the findings. */
static void
a_queue_whose_row_is_corrupt_is_made_anew_from_its_jobs(void **state)
{
	static const struct {
		uint32_t no;
		const char *name; /* NULL: not a queue row */
	} cases[] = {{0, NULL}, {1, NULL}, {1, "a"}, {0, "b"}, {0, "c"}};

	(void)state;
	for (size_t n = 0; n < 2 * sizeof(cases) / sizeof(cases[0]); n++) {
		size_t i = n / 2;
		int late = n % 2 == 0 ? 0 : 2;
		struct rig *r = two_queues(late);
		struct key k = key_queue(cases[i].no);
		char line[VERIFY_LINE];
		struct verify v;

		if (cases[i].name != NULL)
			queue_row_forge(r, cases[i].no, cases[i].name);
		else
			rig_row_change(r, STORE_PUT, &k, bytes_str("?"));
		v = verified(r, 0, line);
		assert_int_equal(v.found[VERIFY_QUEUE], 1);
		assert_int_equal(v.found[VERIFY_ROW],
			cases[i].name == NULL || *cases[i].name != 'c');
		v = verified(r, 1, line);
		assert_int_equal(v.found[VERIFY_QUEUE], 1);
		all_is_well(r, late);
	}
}

/* With the old number the rows of its jobs are right. */
static void
a_queue_made_anew_has_its_old_number_if_a_row_tells_it(void **state)
{
	struct rig *r = two_queues(2);
	struct key k = key_queue(1);
	char line[VERIFY_LINE];
	struct verify v;

	(void)state;
	assert_int_equal(rig_put(r, 30, "c", ""), 0);
	rig_row_change(r, STORE_PUT, &k, bytes_str("?"));
	k = key_queue(0);
	rig_row_change(r, STORE_DELETE, &k, nothing);
	v = verified(r, 1, line);
	assert_int_equal(v.found[VERIFY_QUEUE], 2);
	assert_int_equal(v.found[VERIFY_ORPHAN], 0);
	assert_int_equal(v.found[VERIFY_MISSING], 0);
	assert_string_equal(r->core->queues[0]->name, "a");
	assert_string_equal(r->core->queues[1]->name, "b");
	all_is_well(r, 2);
}

static void
a_store_with_a_corrupt_queue_row_is_not_served_and_says_which(void **state)
{
	struct rig *r = two_queues(0);
	struct key k = key_queue(1);

	(void)state;
	rig_row_change(r, STORE_PUT, &k, bytes_str("?"));
	assert_int_equal(rig_start_again(r), SW_ECORRUPT);
	assert_string_equal(
		r->store->why, "corrupt: the row of queue number 1");
	rig_drop(r);
}

static void
a_row_of_a_queue_number_that_cannot_be_is_removed(void **state)
{
	struct key keys[] = {key_start('q'), key_queue(SW_QUEUES_MAX)};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct rig *r = two_queues(0);
		char line[VERIFY_LINE];
		struct verify v;

		rig_row_change(r, STORE_PUT, &keys[i], bytes_str("?"));
		v = verified(r, 1, line);
		assert_int_equal(v.found[VERIFY_ROW], 1);
		assert_int_equal(verified_found(&v), 1);
		assert_non_null(strstr(line, "corrupt queue row"));
		assert_false(rig_row_is_there(r, &keys[i]));
		all_is_well(r, 0);
	}
}

/* --- unique keys --------------------------------------------------------- */

/* The row of the first job's unique key is lost, and a second job, put `later`
 * milliseconds after, takes the key. */
static struct rig *
a_key_taken_twice(int first, int second, int64_t later)
{
	struct rig *r = rig_open("mem:");
	struct key k = key_unique(0, bytes_str("key"));

	rig_put_with(r, first, 0, 0, "key");
	rig_row_change(r, STORE_DELETE, &k, nothing);
	rig_pass(r, later);
	rig_put_with(r, second, 0, 0, "key");
	return r;
}

static void
of_two_jobs_with_one_unique_key_the_older_keeps_it(void **state)
{
	/* The walk is in the order of ids; of two jobs put at the same time the
	 * one with the lower id is the older. */
	static const struct {
		int older, younger;
		int64_t later;
		int named; /* the job in the row of the key */
	} cases[] = {{1, 2, 5, 2}, {2, 1, 5, 1}, {1, 2, 0, 2}, {1, 2, 5, 1},
		{2, 1, 5, 2}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig *r = a_key_taken_twice(
			cases[i].older, cases[i].younger, cases[i].later);
		struct key k = key_unique(0, bytes_str("key"));
		struct sw_id older = rig_id(cases[i].older);
		struct sw_id named = rig_id(cases[i].named);
		char line[VERIFY_LINE];
		struct bytes val;
		struct verify v;

		rig_row_change(r, STORE_PUT, &k, bytes_of(named.b, SW_ID_LEN));
		verify_finds(r, 0, VERIFY_UNIQUE, 1);
		v = verified(r, 1, line);
		assert_int_equal(v.found[VERIFY_UNIQUE], 1);
		verify_sound(r);
		assert_int_equal(
			r->store->driver->get(r->store, 0, key_bytes(&k), &val),
			0);
		assert_true(bytes_eq(val, bytes_of(older.b, SW_ID_LEN)));
		rig_put_with(r, 3, 0, 0, "key");
		assert_int_equal(rig_hello(r, 1, "q", 0), 0);
		assert_int_equal(strlen(rig_drain(r, 1, "q")), strlen("1 2"));
		rig_close(r);
	}
}

/* A lease is not part of the record and runs on with its token. */
static void
a_job_that_runs_may_lose_its_unique_key(void **state)
{
	struct rig *r = a_key_taken_twice(1, 2, 5);
	char line[VERIFY_LINE];
	uint64_t token;

	(void)state;
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	assert_int_equal(rig_take(r, 1, &token), 2);
	(void)verified(r, 1, line);
	verify_sound(r);
	assert_int_equal(rig_done(r, 1, 2, token, SW_ACK, 0), 0);
	assert_int_equal(rig_state(r, 2), SW_DONE);
	rig_close(r);
}

/* --- the file ------------------------------------------------------------ */

static int file_says; /* the number of corrupt rows, or an error */

static int
file_check(struct store *s, uint64_t *corrupt)
{
	(void)s;
	if (file_says < 0)
		return file_says;
	*corrupt = (uint64_t)file_says;
	return 0;
}

static void
rows_that_only_the_store_can_see_are_reported_too(void **state)
{
	struct rig *r = two_queues(0);
	char line[VERIFY_LINE];
	struct verify v = verified(r, 0, line);

	(void)state;
	v.core = r->core;
	v.file_check = file_check;
	file_says = 0;
	assert_int_equal(verify_run(&v), 0);
	assert_int_equal(verified_found(&v), 0);
	assert_string_equal(line, "");
	file_says = 3;
	assert_int_equal(verify_run(&v), 0);
	assert_int_equal(v.found[VERIFY_ROW], 1);
	assert_string_equal(line, "data.mdb: 3 rows have a corrupt length or "
				  "are out of order");
	file_says = SW_ECORRUPT;
	assert_int_equal(verify_run(&v), SW_ECORRUPT);
	rig_close(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_queue_whose_row_is_corrupt_is_made_anew_from_its_jobs),
		cmocka_unit_test(
			a_queue_made_anew_has_its_old_number_if_a_row_tells_it),
		cmocka_unit_test(
			a_store_with_a_corrupt_queue_row_is_not_served_and_says_which),
		cmocka_unit_test(
			a_row_of_a_queue_number_that_cannot_be_is_removed),
		cmocka_unit_test(
			of_two_jobs_with_one_unique_key_the_older_keeps_it),
		cmocka_unit_test(a_job_that_runs_may_lose_its_unique_key),
		cmocka_unit_test(
			rows_that_only_the_store_can_see_are_reported_too),
	};

	return cmocka_run_group_tests_name("verify_queues", tests, NULL, NULL);
}
