/* SPDX-License-Identifier: MIT */
/* The numbers in data.mdb that the journal and the tokens need: any of them
 * that is not as it was put is found, by the start and by the next checkpoint.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>

#include "base/error.h"
#include "broker/store/lmdb.h"
#include "tests/lib/store.h"

enum { NUMBERS_MAX = 16, NAME_MAX_LEN = 16, HOURS_OF_2026 = 490000 };

static struct fixture lmdb = {.scheme = "lmdb"};

struct number {
	char name[NAME_MAX_LEN];
	uint8_t le[8];
};

static size_t
numbers_read(struct fixture *f, struct number *all)
{
	struct fx_meta m = fx_meta_open(f);
	MDB_cursor *cur;
	MDB_val k, v;
	size_t n = 0;

	assert_int_equal(mdb_cursor_open(m.txn, m.dbi, &cur), 0);
	while (mdb_cursor_get(cur, &k, &v, MDB_NEXT) == 0) {
		assert_true(n < NUMBERS_MAX && k.mv_size < NAME_MAX_LEN);
		assert_int_equal(v.mv_size, 8);
		(void)snprintf(all[n].name, NAME_MAX_LEN, "%.*s",
			(int)k.mv_size, (const char *)k.mv_data);
		memcpy(all[n++].le, v.mv_data, 8);
	}
	mdb_cursor_close(cur);
	fx_meta_close(&m);
	return n;
}

static void
number_write(struct fixture *f, struct number *to)
{
	MDB_val k = {strlen(to->name), to->name}, v = {8, to->le};
	struct fx_meta m = fx_meta_open(f);

	assert_int_equal(mdb_put(m.txn, m.dbi, &k, &v, 0), 0);
	fx_meta_close(&m);
}

static void
number_remove(struct fixture *f, struct number *which)
{
	MDB_val k = {strlen(which->name), which->name};
	struct fx_meta m = fx_meta_open(f);

	assert_int_equal(mdb_del(m.txn, m.dbi, &k, NULL), 0);
	fx_meta_close(&m);
}

/* A format that became a later one is refused as such. */
static void
refused(struct fixture *f, const struct number *of)
{
	int err = fx_open_at(f);

	assert_true(err == SW_ECORRUPT ||
		    (err == SW_EFORMAT && strcmp(of->name, "format") == 0));
	assert_true(err == SW_EFORMAT ||
		    strstr(f->s->why, "numbers in data.mdb") != NULL);
	fx_closed(f);
}

static void
each_number_with_a_flipped_bit_is_refused(void **state)
{
	struct fixture *f = *state;
	struct number all[NUMBERS_MAX];
	size_t n;

	assert_int_equal(fx_put(f, "a", "1"), 0);
	fx_closed(f);
	n = numbers_read(f, all);
	assert_true(n >= 7);
	for (size_t i = 0; i < n; i++) {
		for (int byte = 0; byte < 8; byte++) {
			struct number bad = all[i];

			bad.le[byte] ^= (uint8_t)(1 << (i + (size_t)byte) % 8);
			number_write(f, &bad);
			refused(f, &bad);
		}
		number_write(f, &all[i]);
	}
	fx_opened(f);
	fx_assert_val(f, "a", "1");
}

/* A name with a flipped bit: one number is gone, another is there. */
static void
a_number_that_is_gone_or_new_is_refused(void **state)
{
	struct fixture *f = *state;
	struct number all[NUMBERS_MAX], other;
	size_t n;

	fx_closed(f);
	n = numbers_read(f, all);
	for (size_t i = 0; i < n; i++) {
		number_remove(f, &all[i]);
		refused(f, &all[i]);
		other = all[i];
		other.name[1] ^= 4;
		number_write(f, &other);
		refused(f, &all[i]);
		number_remove(f, &other);
		number_write(f, &all[i]);
	}
	fx_opened(f);
}

static struct number
salt_of(struct fixture *f)
{
	struct number all[NUMBERS_MAX];
	size_t n = numbers_read(f, all);

	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i].name, "salt") == 0)
			return all[i];
	fail();
	return all[0];
}

/* So that a token of any broker before is stale, whatever its epoch was. */
static void
a_repair_goes_on_with_an_epoch_that_none_has_had(void **state)
{
	struct fixture *f = *state;
	struct store_options o = {
		.map_size = f->map_size, .without_journal = 1};
	struct number salt;

	assert_int_equal(fx_put(f, "a", "1"), 0);
	fx_closed(f);
	salt = salt_of(f);
	salt.le[3] ^= 1;
	number_write(f, &salt);
	refused(f, &salt);
	assert_int_equal(store_open(&f->s, f->uri, &o), 0);
	assert_true(((struct lmdb *)f->s)->loss.numbers);
	fx_closed(f);
	fx_opened(f);
	assert_false(((struct lmdb *)f->s)->loss.numbers);
	assert_true(f->c.epoch > HOURS_OF_2026);
	fx_assert_val(f, "a", "1");
}

/* LMDB would move bytes of other rows where a length is corrupt, so a repair
 * puts all numbers anew. */
static void
a_repair_goes_on_beside_a_number_of_another_length(void **state)
{
	struct fixture *f = *state;
	struct store_options o = {
		.map_size = f->map_size, .without_journal = 1};
	MDB_val k = {4, (char[]){"salt"}}, v = {7, (char[]){"7 bytes"}};
	struct fx_meta m;

	assert_int_equal(fx_put(f, "a", "1"), 0);
	fx_closed(f);
	m = fx_meta_open(f);
	assert_int_equal(mdb_put(m.txn, m.dbi, &k, &v, 0), 0);
	fx_meta_close(&m);
	assert_int_equal(fx_open_at(f), SW_ECORRUPT);
	fx_closed(f);
	assert_int_equal(store_open(&f->s, f->uri, &o), 0);
	assert_true(((struct lmdb *)f->s)->loss.numbers);
	fx_closed(f);
	fx_opened(f);
	assert_int_equal(fx_put(f, "b", "2"), 0);
	fx_reopened(f);
	fx_assert_scan(f, "", "", 9, "a=1 b=2 ");
}

/* The names of tables with a flipped bit: the file must not look new. */
static void
tables_lost(struct fixture *f, int meta, int rows)
{
	struct fx_meta m;
	MDB_dbi table;

	assert_int_equal(fx_put(f, "a", "1"), 0);
	fx_closed(f);
	m = fx_meta_open(f);
	assert_int_equal(mdb_dbi_open(m.txn, "shard0", 0, &table), 0);
	if (rows)
		assert_int_equal(mdb_drop(m.txn, table, 1), 0);
	if (meta)
		assert_int_equal(mdb_drop(m.txn, m.dbi, 1), 0);
	fx_meta_close(&m);
	assert_int_equal(fx_open_at(f), SW_ECORRUPT);
}

static void
a_table_of_rows_that_is_gone_is_not_made_anew(void **state)
{
	struct fixture *f = *state;

	tables_lost(f, 0, 1);
	assert_non_null(strstr(f->s->why, "one of its two tables"));
}

static void
a_table_of_numbers_that_is_gone_is_not_made_anew(void **state)
{
	struct fixture *f = *state;

	tables_lost(f, 1, 0);
	assert_non_null(strstr(f->s->why, "one of its two tables"));
}

static void
tables_that_are_gone_are_not_made_anew(void **state)
{
	struct fixture *f = *state;

	tables_lost(f, 1, 1);
	assert_non_null(strstr(f->s->why, "older copy"));
}

/* Else the next seal would make it right. */
static void
a_checkpoint_does_not_seal_what_it_did_not_put(void **state)
{
	struct fixture *f = *state;
	struct lmdb_number salt = {"salt", 7};
	struct lmdb *l = (struct lmdb *)f->s;
	MDB_val k = {4, (char[]){"seal"}}, v;
	uint8_t seal[8];

	assert_int_equal(fx_put(f, "a", "1"), 0);
	assert_int_equal(mdb_get(l->txn, l->meta, &k, &v), 0);
	memcpy(seal, v.mv_data, sizeof(seal));
	assert_int_equal(lmdb_meta_put(l, &salt, 1), 0);
	v = (MDB_val){sizeof(seal), seal};
	assert_int_equal(mdb_put(l->txn, l->meta, &k, &v, 0), 0);
	assert_int_equal(lmdb_checkpoint(l), SW_EUNKNOWN);
	fx_closed(f);
	fx_opened(f);
	fx_assert_val(f, "a", "1");
}

/* clang-format off */
#define T(f) {#f, f, fx_setup, fx_teardown, &lmdb}
/* clang-format on */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_number_with_a_flipped_bit_is_refused),
		T(a_number_that_is_gone_or_new_is_refused),
		T(a_repair_goes_on_with_an_epoch_that_none_has_had),
		T(a_repair_goes_on_beside_a_number_of_another_length),
		T(a_table_of_rows_that_is_gone_is_not_made_anew),
		T(a_table_of_numbers_that_is_gone_is_not_made_anew),
		T(tables_that_are_gone_are_not_made_anew),
		T(a_checkpoint_does_not_seal_what_it_did_not_put),
	};

	return cmocka_run_group_tests_name("store_meta", tests, NULL, NULL);
}
