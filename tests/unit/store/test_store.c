/* SPDX-License-Identifier: MIT */
/* The contract of the store: one suite for every driver, compared with "mem".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "tests/lib/chance.h"
#include "tests/lib/store.h"

static struct fixture mem = {.scheme = "mem"}, lmdb = {.scheme = "lmdb"};

/* --- every driver ------------------------------------------------------- */

static void
letters(struct fixture *f)
{
	const struct store_op ops[] = {fx_op_put("d", "4"), fx_op_put("b", "2"),
		fx_op_put("a", "1"), fx_op_put("c", "3"),
		fx_op_put("bb", "22")};

	assert_int_equal(fx_commit(f, ops, 5), 0);
}

static void
what_was_put_is_read_back_and_the_last_value_wins(void **state)
{
	struct fixture *f = *state;
	const struct store_op twice[] = {
		fx_op_put("k", "x"), fx_op_put("k", "y")};

	fx_assert_none(f, "k");
	assert_int_equal(fx_put(f, "k", "one"), 0);
	fx_assert_val(f, "k", "one");
	assert_int_equal(fx_put(f, "k", ""), 0);
	fx_assert_val(f, "k", "");
	assert_int_equal(fx_commit(f, twice, 2), 0);
	fx_assert_val(f, "k", "y");
}

static void
operations_of_a_batch_apply_in_their_order(void **state)
{
	struct fixture *f = *state;
	const struct store_op ops[] = {fx_op_put("gone", "1"),
		fx_op_delete("gone"), fx_op_delete("here"),
		fx_op_put("here", "2")};

	assert_int_equal(fx_put(f, "here", "old"), 0);
	assert_int_equal(fx_commit(f, ops, 4), 0);
	fx_assert_none(f, "gone");
	fx_assert_val(f, "here", "2");
}

static void
deleting_what_is_not_there_is_no_error(void **state)
{
	struct fixture *f = *state;
	const struct store_op ops[] = {
		fx_op_delete("nothing"), fx_op_put("a", "1")};

	assert_int_equal(fx_commit(f, ops, 2), 0);
	fx_assert_val(f, "a", "1");
	assert_int_equal(fx_commit(f, ops, 1), 0);
}

static void
an_empty_batch_is_a_commit(void **state)
{
	assert_int_equal(fx_commit(*state, NULL, 0), 0);
}

static void
a_scan_is_in_key_order_and_ends_before_its_end(void **state)
{
	struct fixture *f = *state;

	letters(f);
	fx_assert_scan(f, "a", "", 99, "a=1 b=2 bb=22 c=3 d=4 ");
	fx_assert_scan(f, "b", "c", 99, "b=2 bb=22 ");
	fx_assert_scan(f, "b", "bb", 99, "b=2 ");
	fx_assert_scan(f, "ba", "cc", 99, "bb=22 c=3 ");
	fx_assert_scan(f, "c", "c", 99, "");
	fx_assert_scan(f, "e", "", 99, "");
}

static void
seen_back_is(struct fixture *f, const char *from, const char *to, size_t limit,
	const char *want)
{
	struct fx_seen seen = {0};

	assert_int_equal(f->s->driver->scan_back(f->s, 0, bytes_str(from),
				 bytes_str(to), limit, fx_see, &seen),
		0);
	assert_string_equal(seen.text, want);
}

static void
a_scan_back_has_the_same_rows_from_the_last_on(void **state)
{
	struct fixture *f = *state;

	seen_back_is(f, "", "", 99, "");
	letters(f);
	seen_back_is(f, "a", "", 99, "d=4 c=3 bb=22 b=2 a=1 ");
	seen_back_is(f, "", "", 2, "d=4 c=3 ");
	seen_back_is(f, "b", "c", 99, "bb=22 b=2 ");
	seen_back_is(f, "ba", "cc", 99, "c=3 bb=22 ");
	seen_back_is(f, "", "a", 99, "");
	seen_back_is(f, "e", "", 99, "");
	seen_back_is(f, "a", "z", 0, "");
}

static void
a_scan_from_nothing_begins_at_the_first_key(void **state)
{
	struct fixture *f = *state;

	fx_assert_scan(f, "", "", 99, "");
	letters(f);
	fx_assert_scan(f, "", "b", 99, "a=1 ");
}

static void
a_scan_stops_at_its_limit_and_when_told(void **state)
{
	struct fixture *f = *state;
	struct fx_seen seen = {.stop_after = 2};

	letters(f);
	fx_assert_scan(f, "a", "", 3, "a=1 b=2 bb=22 ");
	fx_assert_scan(f, "a", "", 0, "");
	assert_int_equal(f->s->driver->scan(f->s, 0, bytes_str("a"),
				 bytes_str(""), 99, fx_see, &seen),
		0);
	assert_string_equal(seen.text, "a=1 b=2 ");
}

static void
keys_order_as_memcmp_over_all_byte_values(void **state)
{
	struct fixture *f = *state;
	static const uint8_t high[] = {0x80}, zero[] = {'a', 0};
	struct store_op ops[] = {fx_op_put("", "high"), fx_op_put("", "zero"),
		fx_op_put("a", "a"), fx_op_put("b", "b")};

	ops[0].key = bytes_of(high, sizeof(high));
	ops[1].key = bytes_of(zero, sizeof(zero));
	assert_int_equal(fx_commit(f, ops, 4), 0);
	fx_assert_scan(f, "b", "", 2, "b=b \x80=high ");
	fx_assert_scan(f, "a", "ab", 1, "a=a ");
}

static void
the_longest_key_and_a_body_of_full_size_fit(void **state)
{
	static char key[STORE_KEY_MAX], val[FX_VAL_MAX];
	struct fixture *f = *state;
	struct store_op op = {STORE_PUT, bytes_of(key, sizeof(key)),
		bytes_of(val, sizeof(val))};
	struct bytes got;

	memset(key, 0xff, sizeof(key));
	memset(val, 'v', sizeof(val));
	assert_int_equal(fx_commit(f, &op, 1), 0);
	assert_int_equal(f->s->driver->get(f->s, 0, op.key, &got), 0);
	assert_true(bytes_eq(got, op.val));
}

static void
a_value_of_many_pages_is_kept_and_replaced(void **state)
{
	static char large[300 * 1024];
	struct fixture *f = *state;
	struct store_op op = {STORE_PUT, bytes_str("k"), {0}};
	struct bytes got;

	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (char)(i * 31 >> 8);
	for (int round = 0; round < 5; round++) {
		op.val = bytes_of(large, sizeof(large) - (size_t)round);
		assert_int_equal(fx_commit(f, &op, 1), 0);
		assert_int_equal(f->s->driver->get(f->s, 0, op.key, &got), 0);
		assert_true(bytes_eq(got, op.val));
		assert_int_equal(fx_put(f, "k", "small"), 0);
		fx_assert_val(f, "k", "small");
	}
}

static void
a_claim_fences_all_that_came_before_it(void **state)
{
	struct fixture *f = *state;
	const struct store_op ops[] = {
		fx_op_put("a", "old"), fx_op_delete("kept")};
	struct claim old = f->c;

	assert_int_equal(fx_put(f, "kept", "1"), 0);
	assert_int_equal(f->s->driver->claim(f->s, 0, 0, &f->c), 0);
	assert_int_equal(f->c.epoch, old.epoch + 1);
	assert_int_equal(fx_commit_as(f, &old, ops, 2), SW_EFENCED);
	fx_assert_none(f, "a");
	fx_assert_val(f, "kept", "1");
	assert_int_equal(fx_commit(f, ops, 2), 0);
}

static void
only_the_newest_claim_can_be_renewed_or_released(void **state)
{
	struct fixture *f = *state;
	struct claim old = f->c, none = {.shard = 16};

	assert_int_equal(f->s->driver->renew(f->s, &old), 0);
	assert_int_equal(f->s->driver->claim(f->s, 0, 0, &f->c), 0);
	assert_int_equal(f->s->driver->renew(f->s, &old), SW_EFENCED);
	assert_int_equal(f->s->driver->release(f->s, &old), SW_EFENCED);
	assert_int_equal(f->s->driver->renew(f->s, &none), -EINVAL);
	assert_int_equal(f->s->driver->renew(f->s, &f->c), 0);
	assert_int_equal(f->s->driver->release(f->s, &f->c), 0);
}

static void
a_shard_that_is_not_there_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct store_op op = fx_op_put("a", "1");
	struct claim c = {.shard = 16};
	struct fx_told t = {0};
	struct fx_seen seen = {0};
	struct bytes val;

	assert_int_equal(f->s->driver->claim(f->s, 16, 0, &c), -EINVAL);
	assert_int_equal(
		f->s->driver->commit(f->s, &c, &op, 1, fx_tell, &t), -EINVAL);
	assert_int_equal(t.calls, 0);
	assert_int_equal(f->s->driver->get(f->s, 16, op.key, &val), -EINVAL);
	assert_int_equal(f->s->driver->scan(f->s, 16, op.key, bytes_str(""), 9,
				 fx_see, &seen),
		-EINVAL);
}

/* --- mem alone ---------------------------------------------------------- */

static void
shards_of_mem_do_not_see_each_other(void **state)
{
	struct fixture *f = *state;
	const struct store_op op = fx_op_put("a", "other");
	struct claim other;

	assert_int_equal(f->s->driver->claim(f->s, 3, 0, &other), 0);
	assert_int_equal(fx_commit_as(f, &other, &op, 1), 0);
	fx_assert_none(f, "a");
	assert_int_equal(fx_put(f, "a", "mine"), 0);
	fx_assert_val(f, "a", "mine");
}

static void
a_plain_path_means_lmdb_and_a_scheme_its_driver(void **state)
{
	(void)state;
	assert_null(store_driver_find("/var/lib/spillway"));
	assert_null(store_driver_find("lmdbx:/var"));
	assert_ptr_equal(store_driver_find("lmdb:/var"), &store_lmdb);
	assert_ptr_equal(store_driver_find("mem:"), &store_mem);
}

/* --- LMDB alone (its files: test_store_lmdb.c) -------------------------- */

static void
a_refused_second_opening_leaves_the_first_its_lock(void **state)
{
	struct fixture *f = *state, second = *f;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(fx_open_at(&second), -EBUSY);
		assert_non_null(strstr(second.s->why, f->dir));
		fx_closed(&second);
		assert_int_equal(fx_put(f, "a", "1"), 0);
	}
	fx_closed(f);
	assert_int_equal(fx_open_at(&second), 0);
	fx_assert_val(&second, "a", "1");
	fx_closed(&second);
}

struct shape { /* of a batch: its values' length and how many */
	size_t len, n;
};

static int
shape_put(struct fixture *f, uint32_t number, struct shape sh)
{
	static uint8_t val[FX_VAL_MAX];
	uint8_t keys[2][5] = {{'a'}, {'b'}};
	struct store_op ops[2];

	for (size_t i = 0; i < sh.n; i++) {
		be_set(keys[i] + 1, 4, number);
		ops[i] = (struct store_op){
			STORE_PUT, bytes_of(keys[i], 5), bytes_of(val, sh.len)};
	}
	return fx_commit(f, ops, sh.n);
}

/* Batches 0 to n - 1 are complete, and batch n left nothing. */
static void
assert_shapes(struct fixture *f, uint32_t n, struct shape sh)
{
	uint8_t key[5];
	struct bytes val;

	for (uint32_t i = 0; i <= n; i++)
		for (size_t k = 0; k < sh.n; k++) {
			key[0] = (uint8_t)('a' + k);
			be_set(key + 1, 4, i);
			assert_int_equal(f->s->driver->get(f->s, 0,
						 bytes_of(key, 5), &val),
				i < n ? 0 : SW_ENOJOB);
		}
}

/* Fills a new store of 1 MiB; the number of batches. */
static uint32_t
filled(struct fixture *f, struct shape sh)
{
	uint32_t n = 0;
	int err;

	fx_closed(f);
	assert_int_equal(fx_teardown((void **)&f), 0);
	f->map_size = 1 << 20;
	fx_opened(f);
	while ((err = shape_put(f, n, sh)) == 0)
		n++;
	assert_int_equal(err, SW_EFULL);
	return n;
}

/*
 * A map is filled to its last page, as the core never does.  With the shapes of
 * one value the first checkpoint finds the map full, not the replay before it.
 */
static void
a_full_map_loses_nothing_and_opens_again(void **state)
{
	static const struct shape shapes[] = {{20, 2}, {1000, 2}, {3000, 2},
		{18334, 1}, {28648, 1}, {20000, 2}, {FX_VAL_MAX, 2}};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		uint32_t n = filled(f, shapes[i]);

		assert_shapes(f, n, shapes[i]);
		fx_reopened(f);
		assert_shapes(f, n, shapes[i]);
		fx_closed(f);
		f->map_size = 4 << 20;
		fx_opened(f);
		assert_shapes(f, n, shapes[i]);
		assert_int_equal(shape_put(f, n, shapes[i]), 0);
	}
}

/* --- LMDB beside the model ---------------------------------------------- */

struct sum {
	uint64_t sum, n;
};

static int
sum_add(void *arg, struct bytes key, struct bytes val)
{
	struct sum *s = arg;

	for (size_t i = 0; i < key.len; i++)
		s->sum = s->sum * 31 + ((const uint8_t *)key.p)[i];
	for (size_t i = 0; i < val.len; i += 1 + val.len / 64)
		s->sum = s->sum * 31 + ((const uint8_t *)val.p)[i];
	s->sum = s->sum * 31 + val.len;
	s->n++;
	return 0;
}

static struct sum
sum_of(struct fixture *f, struct bytes from, struct bytes to, size_t limit)
{
	struct sum s = {0};

	assert_int_equal(
		f->s->driver->scan(f->s, 0, from, to, limit, sum_add, &s), 0);
	return s;
}

static void
assert_same_get(struct fixture *a, struct fixture *b, struct bytes key)
{
	struct bytes x, y;
	int err = a->s->driver->get(a->s, 0, key, &x);

	assert_int_equal(err, b->s->driver->get(b->s, 0, key, &y));
	assert_true(err == SW_ENOJOB || bytes_eq(x, y));
}

static void
assert_same(struct fixture *a, struct fixture *b, uint64_t *seed)
{
	uint8_t from[2], to[2];
	uint64_t pick = chance_draw(seed);
	size_t limit = pick % 3 == 0 ? pick / 3 % 50 : SIZE_MAX;
	struct bytes low = bytes_of(from, pick % 5 == 0 ? 0 : 2);
	struct bytes high = bytes_of(to, pick % 7 == 0 ? 0 : 2);
	struct sum x, y;

	be_set(from, 2, chance_draw(seed) % 600);
	be_set(to, 2, chance_draw(seed) % 600);
	assert_same_get(a, b, bytes_of(to, 2));
	x = sum_of(a, low, high, limit);
	y = sum_of(b, low, high, limit);
	assert_int_equal(x.n, y.n);
	assert_int_equal(x.sum, y.sum);
}

/* A batch over 600 keys: most values are small, some take many pages. */
static void
batch_random(struct fixture *a, struct fixture *b, uint64_t *seed)
{
	static uint8_t val[FX_VAL_MAX];
	uint8_t keys[40][2];
	struct store_op ops[40];
	size_t n = chance_draw(seed) % 41;

	memset(val, (int)(chance_draw(seed) & 0xff), sizeof(val));
	for (size_t i = 0; i < n; i++) {
		uint64_t pick = chance_draw(seed);
		size_t len = pick % 50 == 0 ? FX_VAL_MAX : pick % 9 * 300;

		be_set(keys[i], 2, chance_draw(seed) % 600);
		ops[i] = (struct store_op){
			chance_draw(seed) % 3 == 0 ? STORE_DELETE : STORE_PUT,
			bytes_of(keys[i], 2), bytes_of(val, len)};
	}
	assert_int_equal(fx_commit(a, ops, n), 0);
	assert_int_equal(fx_commit(b, ops, n), 0);
}

static void
assert_same_walk(struct fixture *a, struct fixture *b)
{
	struct sum x = sum_of(a, bytes_str(""), bytes_str(""), SIZE_MAX);
	struct sum y = sum_of(b, bytes_str(""), bytes_str(""), SIZE_MAX);

	assert_int_equal(x.n, y.n);
	assert_int_equal(x.sum, y.sum);
}

/* Copies the files as a crash would leave them, with batches in the journal. */
static void
assert_same_after_crash(struct fixture *f, struct fixture *model)
{
	struct fixture copy = {.scheme = "lmdb", .map_size = 1 << 30};
	char command[256];

	(void)snprintf(copy.dir, sizeof(copy.dir), "%.50s/crash", f->dir);
	(void)snprintf(copy.uri, sizeof(copy.uri), "lmdb:%s", copy.dir);
	(void)snprintf(command, sizeof(command),
		"mkdir %s && cp --sparse=always %s/data.mdb %s/journal %s",
		copy.dir, f->dir, f->dir, copy.dir);
	assert_int_equal(system(command), 0);
	fx_opened(&copy);
	assert_same_walk(&copy, model);
	assert_int_equal(fx_teardown((void *[]){&copy}), 0);
}

static void
lmdb_and_the_model_never_differ(void **state)
{
	struct fixture *f = *state, model = {.scheme = "mem", .uri = "mem:"};
	uint64_t seed = chance_seed();

	fx_opened(&model);
	for (int i = 0; i < 600; i++) {
		batch_random(f, &model, &seed);
		assert_same(f, &model, &seed);
		if (chance_draw(&seed) % 40 == 0)
			fx_reopened(f);
		if (chance_draw(&seed) % 60 == 0)
			assert_same_after_crash(f, &model);
	}
	fx_reopened(f);
	assert_same_walk(f, &model);
	fx_closed(&model);
}

/* clang-format off */
#define CASE(f, fx) {#f "/" #fx, f, fx_setup, fx_teardown, &fx}
#define BOTH(f) CASE(f, mem), CASE(f, lmdb)
/* clang-format on */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(what_was_put_is_read_back_and_the_last_value_wins),
		BOTH(operations_of_a_batch_apply_in_their_order),
		BOTH(deleting_what_is_not_there_is_no_error),
		BOTH(an_empty_batch_is_a_commit),
		BOTH(a_scan_is_in_key_order_and_ends_before_its_end),
		BOTH(a_scan_back_has_the_same_rows_from_the_last_on),
		BOTH(a_scan_from_nothing_begins_at_the_first_key),
		BOTH(a_scan_stops_at_its_limit_and_when_told),
		BOTH(keys_order_as_memcmp_over_all_byte_values),
		BOTH(the_longest_key_and_a_body_of_full_size_fit),
		BOTH(a_value_of_many_pages_is_kept_and_replaced),
		BOTH(a_claim_fences_all_that_came_before_it),
		BOTH(only_the_newest_claim_can_be_renewed_or_released),
		BOTH(a_shard_that_is_not_there_is_refused),
		CASE(shards_of_mem_do_not_see_each_other, mem),
		CASE(a_plain_path_means_lmdb_and_a_scheme_its_driver, mem),
		CASE(a_refused_second_opening_leaves_the_first_its_lock, lmdb),
		CASE(a_full_map_loses_nothing_and_opens_again, lmdb),
		CASE(lmdb_and_the_model_never_differ, lmdb),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
