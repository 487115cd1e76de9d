/* SPDX-License-Identifier: MIT */
/* Checking the consistency of a store, and repairing it from its records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "broker/model/index.h"
#include "tests/lib/rig.h"

static const struct bytes nothing = {"", 0};

/* One job in each state, with every kind of row. */
static struct rig *
filled(void)
{
	struct rig *r = rig_open("mem:");
	uint64_t token;

	for (int n = 1; n <= 4; n++)
		assert_int_equal(rig_put(r, n, "q", "body"), 0);
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	assert_int_equal(rig_done(r, 1, 1, token, SW_ACK, 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 2);
	assert_int_equal(rig_done(r, 1, 2, token, SW_FAIL, SW_C_PERMANENT), 0);
	assert_int_equal(rig_take(r, 1, &token), 3);
	assert_int_equal(rig_cancel(r, 4), 0);
	rig_put_with(r, 5, SW_F_DELAY_MS, 60000, "key");
	rig_put_with(r, 6, SW_F_EXPIRES_AT_MS, r->now_ms + 60000, NULL);
	return r;
}

static void
a_store_that_nobody_has_touched_is_in_order(void **state)
{
	struct rig *r = filled();
	char line[VERIFY_LINE];
	struct verify v = verified(r, 0, line);

	(void)state;
	assert_string_equal(line, "");
	assert_int_equal(v.jobs, 6);
	assert_int_equal(rig_state(r, 1), SW_DONE);
	assert_int_equal(rig_state(r, 2), SW_DEAD);
	assert_int_equal(rig_state(r, 3), SW_LEASED);
	assert_int_equal(rig_state(r, 4), SW_CANCELLED);
	assert_int_equal(rig_state(r, 5), SW_DELAYED);
	assert_int_equal(rig_state(r, 6), SW_READY);
	rig_close(r);
}

struct keys {
	struct key all[64];
	size_t n;
};

static int
key_keep(void *arg, struct bytes key, struct bytes val)
{
	struct keys *k = arg;

	(void)val;
	assert_true(k->n < 64);
	memcpy(k->all[k->n].b, key.p, key.len);
	k->all[k->n++].len = key.len;
	return 0;
}

static void
each_row_that_is_lost_is_missed_and_made_again(void **state)
{
	static struct keys k;
	struct rig *r = filled();
	size_t tried = 0;
	char line[VERIFY_LINE];

	(void)state;
	k.n = 0;
	assert_int_equal(r->store->driver->scan(r->store, 0, nothing, nothing,
				 64, key_keep, &k),
		0);
	for (size_t i = 0; i < k.n; i++) {
		struct verify v;

		if (strchr("rwdknexu", k.all[i].b[0]) == NULL)
			continue;
		tried++;
		rig_row_change(r, STORE_DELETE, &k.all[i], nothing);
		verify_finds(r, 0, VERIFY_MISSING, 1);
		assert_false(rig_row_is_there(r, &k.all[i]));
		v = verified(r, 1, line);
		assert_int_equal(v.found[VERIFY_MISSING], 1);
		assert_true(rig_row_is_there(r, &k.all[i]));
		verify_sound(r);
	}
	assert_int_equal(tried, 7); /* r; k, n, d and e of four jobs; x; u */
	rig_close(r);
}

/* Another job, an unknown one, and a value that is no id. */
static void
a_unique_key_that_names_another_job_is_set_right(void **state)
{
	struct rig *r = filled();
	struct key k = key_unique(0, bytes_str("key"));
	struct sw_id other = rig_id(6), none = rig_id(99), is = rig_id(5);
	const struct bytes vals[] = {bytes_of(other.b, SW_ID_LEN),
		bytes_of(none.b, SW_ID_LEN), bytes_str("?")};
	struct bytes val;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		rig_row_change(r, STORE_PUT, &k, vals[i]);
		verify_finds(r, 1, VERIFY_MISSING, 1);
		assert_int_equal(
			r->store->driver->get(r->store, 0, key_bytes(&k), &val),
			0);
		assert_true(bytes_eq(val, bytes_of(is.b, SW_ID_LEN)));
	}
	rig_close(r);
}

static struct key
key_behind(char letter, const struct sw_id *id)
{
	struct key k = key_start(letter);

	key_num(&k, 1, 0);
	key_raw(&k, id->b, SW_ID_LEN);
	return k;
}

static void
rows_that_lead_nowhere_are_found_and_removed(void **state)
{
	struct rig *r = filled();
	struct sw_id none = rig_id(99), done = rig_id(1), leased = rig_id(3);
	struct key orphan[] = {
		key_ready(0, lane_main(SW_PRIORITY_DEFAULT), 5, &none),
		key_ready(0, lane_main(SW_PRIORITY_DEFAULT), 5, &done),
		key_timed('w', 0, 7, &done), key_dead(0, 7, &done),
		key_unique(0, bytes_str("other")), key_id('c', &done),
		key_start('?'), key_start('\0'),
		/* keys of a wrong length that end in a right id */
		key_behind('l', &leased), key_behind('c', &done)};

	(void)state;
	for (size_t i = 0; i < sizeof(orphan) / sizeof(orphan[0]); i++) {

		rig_row_change(r, STORE_PUT, &orphan[i],
			orphan[i].b[0] == 'u' ? bytes_of(none.b, SW_ID_LEN)
					      : nothing);
		verify_finds(r, 1, VERIFY_ORPHAN, 1);
		assert_false(rig_row_is_there(r, &orphan[i]));
	}
	rig_close(r);
}

/* Afterwards these jobs can be leased, and no others. */
static void
a_job_that_was_lost_from_sight_runs_after_a_repair(void **state)
{
	struct rig *r = rig_open("mem:");
	struct sw_id id = rig_id(1);
	struct record rec;
	struct index x;
	char line[VERIFY_LINE], text[SW_ID_TEXT];
	uint64_t token;

	(void)state;
	assert_int_equal(rig_put(r, 1, "q", "body"), 0);
	assert_int_equal(rig_put(r, 2, "q", "body"), 0);
	rec = (struct record){.id = id,
		.q = r->core->queues[0],
		.lane = lane_main(SW_PRIORITY_DEFAULT),
		.rank = (uint64_t)(r->now_ms +
				   (SW_PRIORITY_MAX - 4) *
					   sw_setting_rules[SW_S_ageing_ms]
						   .def)};
	index_of(&rec, SW_READY, &x);
	assert_true(rig_row_is_there(r, &x.row[INDEX_PLACE]));
	rig_row_change(r, STORE_DELETE, &x.row[INDEX_PLACE], nothing);
	(void)verified(r, 1, line);
	sw_id_format(&id, text);
	assert_non_null(strstr(line, text));
	assert_non_null(
		strstr(line, "is ready in queue q: its index row is missing"));
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	assert_int_equal(rig_take(r, 1, &token), 2);
	rig_close(r);
}

static void
a_corrupt_record_is_reported_and_left_for_the_dead(void **state)
{
	struct rig *r = filled();
	struct sw_id id = rig_id(6);
	struct key k = key_id('j', &id);
	char line[VERIFY_LINE];
	struct verify v;

	(void)state;
	rig_row_change(r, STORE_PUT, &k, bytes_str("not a record at all"));
	v = verified(r, 1, line);
	assert_int_equal(v.found[VERIFY_CORRUPT], 1);
	assert_int_equal(verified_found(&v), 1);
	assert_non_null(strstr(line, "corrupt record"));
	assert_int_equal(rig_hello(r, 1, "q", 9), 0);
	rig_pass(r, 1);
	assert_int_equal(rig_state(r, 6), SW_DEAD);
	/* The other rows of the job were lost with the record. */
	v = verified(r, 1, line);
	assert_int_equal(v.found[VERIFY_ORPHAN], 1);
	assert_int_equal(v.found[VERIFY_COUNTER], 1);
	verify_sound(r);
	rig_close(r);
}

static void
a_record_under_the_key_of_another_comes_home(void **state)
{
	struct rig *r = filled();
	struct sw_id own = rig_id(6), other = rig_id(50);
	struct key k = key_id('j', &own), away = key_id('j', &other);
	static uint8_t copy[4096];
	struct bytes val;
	char line[VERIFY_LINE];
	struct verify v;

	(void)state;
	assert_int_equal(
		r->store->driver->get(r->store, 0, key_bytes(&k), &val), 0);
	assert_true(val.len < sizeof(copy));
	memcpy(copy, val.p, val.len);
	rig_row_change(r, STORE_PUT, &away, bytes_of(copy, val.len));
	rig_row_change(r, STORE_DELETE, &k, nothing);
	v = verified(r, 0, line);
	assert_true(v.found[VERIFY_ORPHAN] > 0);
	(void)verified(r, 1, line);
	verify_sound(r);
	assert_int_equal(rig_state(r, 6), SW_READY);
	assert_false(rig_row_is_there(r, &away));
	rig_close(r);
}

/* A repair of the file keeps a second row of one key so (repair/lmdb.h). */
static void
a_record_beside_the_one_of_another_comes_home(void **state)
{
	struct rig *r = filled();
	struct sw_id own = rig_id(6), other = rig_id(5);
	struct key k = key_id('j', &own), beside = key_id('j', &other);
	static uint8_t copy[4096];
	char line[VERIFY_LINE];
	struct bytes val;

	(void)state;
	key_num(&beside, 1, 0);
	assert_int_equal(
		r->store->driver->get(r->store, 0, key_bytes(&k), &val), 0);
	assert_true(val.len < sizeof(copy));
	memcpy(copy, val.p, val.len);
	rig_row_change(r, STORE_PUT, &beside, bytes_of(copy, val.len));
	rig_row_change(r, STORE_DELETE, &k, nothing);
	(void)verified(r, 1, line);
	verify_sound(r);
	assert_int_equal(rig_state(r, 5), SW_DELAYED);
	assert_int_equal(rig_state(r, 6), SW_READY);
	rig_close(r);
}

static void
counters_are_counted_and_set_right(void **state)
{
	struct rig *r = filled();
	uint8_t row[1024];
	struct sw_buf b = {.p = row, .cap = sizeof(row)};
	struct key k = key_queue(0);
	char line[VERIFY_LINE];
	struct verify v;

	(void)state;
	r->core->queues[0]->count[SW_READY] += 5;
	r->core->queues[0]->total[TOTAL_BYTES] -= 1;
	queue_encode(r->core->queues[0], &b);
	rig_row_change(r, STORE_PUT, &k, sw_buf_bytes(&b));
	v = verified(r, 0, line);
	assert_int_equal(v.found[VERIFY_COUNTER], 2);
	v = verified(r, 1, line);
	assert_int_equal(v.found[VERIFY_COUNTER], 2);
	verify_sound(r);
	rig_close(r);
}

/* --- leases ------------------------------------------------------------- */

static void
a_corrupt_lease_row_is_written_anew_and_runs_out(void **state)
{
	struct rig *r = filled();
	struct sw_id leased = rig_id(3), none = rig_id(99);
	struct key k = key_id('l', &leased), orphan = key_id('l', &none);
	char line[VERIFY_LINE];
	struct verify v;

	(void)state;
	rig_row_change(r, STORE_PUT, &k, bytes_str("?"));
	rig_row_change(r, STORE_PUT, &orphan, bytes_str("?"));
	v = verified(r, 0, line);
	assert_int_equal(v.found[VERIFY_ROW], 1);
	assert_int_equal(v.found[VERIFY_ORPHAN], 1);
	(void)verified(r, 1, line);
	verify_sound(r);
	assert_false(rig_row_is_there(r, &orphan));
	assert_int_equal(rig_state(r, 3), SW_LEASED);
	rig_pass(r, sw_setting_rules[SW_S_lease_ms].def + 1);
	assert_int_equal(rig_state(r, 3), SW_READY);
	rig_close(r);
}

static void
a_corrupt_lease_row_of_a_corrupt_job_is_removed(void **state)
{
	struct rig *r = filled();
	struct sw_id id = rig_id(3);
	struct key l = key_id('l', &id), j = key_id('j', &id);
	char line[VERIFY_LINE];
	struct verify v;

	(void)state;
	rig_row_change(r, STORE_PUT, &l, bytes_str("?"));
	rig_row_change(r, STORE_PUT, &j, bytes_str("?"));
	v = verified(r, 1, line);
	assert_int_equal(v.found[VERIFY_ROW], 1);
	assert_int_equal(v.found[VERIFY_CORRUPT], 1);
	assert_false(rig_row_is_there(r, &l));
	rig_drop(r);
}

/* Pages end between the rows of a job, and a repair changes later pages. */
static void
many_jobs_are_walked_in_pages(void **state)
{
	enum { JOBS = 2500 };
	struct rig *r = rig_open("mem:");
	char line[VERIFY_LINE];
	struct verify v;

	(void)state;
	for (int n = 1; n <= JOBS; n++)
		assert_int_equal(rig_put(r, n, "q", "body"), 0);
	for (int n = 1; n <= JOBS; n += 2) {
		struct sw_id id = rig_id(n);
		struct key k = key_ready(0, lane_main(SW_PRIORITY_DEFAULT),
			(uint64_t)(r->now_ms +
				   5 * sw_setting_rules[SW_S_ageing_ms].def),
			&id);

		assert_true(rig_row_is_there(r, &k));
		rig_row_change(r, STORE_DELETE, &k, nothing);
	}
	v = verified(r, 1, line);
	assert_int_equal(v.jobs, JOBS);
	assert_int_equal(v.found[VERIFY_MISSING], JOBS / 2);
	assert_int_equal(verified_found(&v), JOBS / 2);
	v = verified(r, 0, line);
	assert_int_equal(verified_found(&v), 0);
	assert_int_equal(v.rows, 2 * JOBS + 2); /* rows j, r, q and a */
	rig_close(r);
}

/* --- keys of the longest length ------------------------------------------ */

/* A unique key of `len` bytes, the last of which is `end`. */
static const char *
unique_of(size_t len, char end)
{
	static char text[SW_UNIQUE_MAX + 1];

	memset(text, '\xff', len);
	text[len - 1] = end;
	text[len] = '\0';
	return text;
}

static struct key
unique_row(size_t len, char end)
{
	return key_unique(0, bytes_of(unique_of(len, end), len));
}

/* Every kind of row, a queue with the longest name, and unique keys that differ
 * in their last byte or begin with one another. */
static struct rig *
filled_with_longest(void)
{
	static char queue[SW_QUEUE_MAX + 1];
	struct rig *r = filled();
	struct key corrupt = rig_key('c', 11);
	uint64_t token;

	assert_int_equal(rig_put(r, 11, "c", "body"), 0);
	rig_record_damage(r, 11, 10);
	assert_int_equal(rig_hello(r, 3, "c", 0), 0);
	assert_int_equal(rig_take(r, 3, &token), 0);
	assert_true(rig_row_is_there(r, &corrupt));
	verify_finds(r, 1, VERIFY_COUNTER, 1); /* the bytes of job 11 */
	rig_put_with(r, 7, 0, 0, unique_of(SW_UNIQUE_MAX - 1, '\xff'));
	rig_put_with(r, 8, 0, 0, unique_of(SW_UNIQUE_MAX, 'a'));
	rig_put_with(r, 9, 0, 0, unique_of(SW_UNIQUE_MAX, '\xff'));
	memset(queue, 'q', SW_QUEUE_MAX);
	assert_int_equal(rig_put(r, 10, queue, "body"), 0);
	assert_int_equal(rig_hello(r, 2, queue, 0), 0);
	assert_int_equal(rig_take(r, 2, &token), 10);
	return r;
}

static void
rows_keep(struct rig *r, struct keys *k)
{
	k->n = 0;
	assert_int_equal(r->store->driver->scan(r->store, 0, nothing, nothing,
				 64, key_keep, k),
		0);
}

static void
a_repair_keeps_rows_of_the_longest_key(void **state)
{
	static struct keys before, after;
	struct rig *r = filled_with_longest();
	char line[VERIFY_LINE], kinds[64 + 1] = "";
	size_t longest = 0;
	struct verify v;

	(void)state;
	verify_sound(r);
	rows_keep(r, &before);
	v = verified(r, 1, line);
	assert_string_equal(line, "");
	assert_int_equal(verified_found(&v), 0);
	rows_keep(r, &after);
	assert_int_equal(after.n, before.n);
	for (size_t i = 0; i < after.n; i++) {
		assert_true(bytes_eq(
			key_bytes(&after.all[i]), key_bytes(&before.all[i])));
		kinds[i] = (char)after.all[i].b[0];
		if (after.all[i].len > longest)
			longest = after.all[i].len;
	}
	for (const char *kind = "jrdkelxuqc"; *kind != '\0'; kind++)
		assert_non_null(strchr(kinds, *kind));
	assert_int_equal(longest, sizeof(before.all[0].b));
	rig_close(r);
}

/* As a repair of the file leaves the second row of one key (repair/lmdb.h), and
 * the longest row of all. */
static void
of_a_longer_key_only_the_orphan_row_is_removed(void **state)
{
	struct rig *r = filled_with_longest();
	struct key sound = unique_row(SW_UNIQUE_MAX, '\xff');
	uint8_t orphan[STORE_KEY_MAX] = {0};
	struct sw_id id = rig_id(9);
	struct store_op ops[] = {
		{STORE_PUT, bytes_of(orphan, sound.len + 1),
			bytes_of(id.b, SW_ID_LEN)},
		{STORE_PUT, bytes_of(orphan, STORE_KEY_MAX),
			bytes_of(id.b, SW_ID_LEN)},
	};

	(void)state;
	memcpy(orphan, sound.b, sound.len);
	assert_int_equal(rig_rows_commit(r, ops, 2), 0);
	verify_finds(r, 1, VERIFY_ORPHAN, 2);
	assert_true(rig_row_is_there(r, &sound));
	verify_sound(r);
	rig_close(r);
}

/* So the last row of a page is one of them. */
static void
pages_may_end_with_a_row_of_the_longest_key(void **state)
{
	enum { JOBS = 2200 };
	struct rig *r = rig_open("mem:");
	char line[VERIFY_LINE], unique[SW_UNIQUE_MAX + 1];
	struct verify v;

	(void)state;
	for (int n = 1; n <= JOBS; n++) {
		(void)snprintf(
			unique, sizeof(unique), "%0*d", (int)SW_UNIQUE_MAX, n);
		rig_put_with(r, n, 0, 0, unique);
	}
	for (int repair = 0; repair < 2; repair++) {
		v = verified(r, repair, line);
		assert_string_equal(line, "");
		assert_int_equal(verified_found(&v), 0);
		assert_int_equal(v.rows, 3 * JOBS + 2); /* j, r, u, q and a */
	}
	rig_close(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_store_that_nobody_has_touched_is_in_order),
		cmocka_unit_test(
			each_row_that_is_lost_is_missed_and_made_again),
		cmocka_unit_test(
			a_unique_key_that_names_another_job_is_set_right),
		cmocka_unit_test(rows_that_lead_nowhere_are_found_and_removed),
		cmocka_unit_test(
			a_job_that_was_lost_from_sight_runs_after_a_repair),
		cmocka_unit_test(
			a_corrupt_record_is_reported_and_left_for_the_dead),
		cmocka_unit_test(a_record_under_the_key_of_another_comes_home),
		cmocka_unit_test(a_record_beside_the_one_of_another_comes_home),
		cmocka_unit_test(counters_are_counted_and_set_right),
		cmocka_unit_test(
			a_corrupt_lease_row_is_written_anew_and_runs_out),
		cmocka_unit_test(
			a_corrupt_lease_row_of_a_corrupt_job_is_removed),
		cmocka_unit_test(many_jobs_are_walked_in_pages),
		cmocka_unit_test(a_repair_keeps_rows_of_the_longest_key),
		cmocka_unit_test(
			of_a_longer_key_only_the_orphan_row_is_removed),
		cmocka_unit_test(pages_may_end_with_a_row_of_the_longest_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
