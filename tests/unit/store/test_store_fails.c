/* SPDX-License-Identifier: MIT */
/* LMDB's files when they cannot be written or read any more; and how much a
 * checkpoint has in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "broker/store/lmdb.h"
#include "tests/lib/chance.h"
#include "tests/lib/store.h"

static struct fixture lmdb = {.scheme = "lmdb"};

/* From now on `fd` is a descriptor of /dev/null. */
static void
file_break(int fd, int mode)
{
	int null = open("/dev/null", mode);

	assert_int_equal(dup2(null, fd), fd);
	close(null);
}

static void
assert_nothing_goes(struct fixture *f)
{
	const struct store_driver *d = f->s->driver;
	struct fx_told t = {0};
	struct fx_seen seen = {0};
	struct claim c = f->c;
	struct bytes val;

	assert_int_equal(d->get(f->s, 0, bytes_str("a"), &val), SW_EUNKNOWN);
	assert_int_equal(d->scan(f->s, 0, bytes_of("", 0), bytes_of("", 0), 9,
				 fx_see, &seen),
		SW_EUNKNOWN);
	assert_int_equal(
		d->commit(f->s, &f->c, NULL, 0, fx_tell, &t), SW_EUNKNOWN);
	assert_int_equal(t.calls, 0);
	assert_int_equal(d->claim(f->s, 0, 0, &c), SW_EUNKNOWN);
	assert_int_equal(d->renew(f->s, &c), SW_EUNKNOWN);
}

static void
when_the_index_cannot_be_written_nothing_goes_until_the_next_start(void **state)
{
	struct fixture *f = *state;
	struct lmdb *l = (struct lmdb *)f->s;
	struct claim c;
	struct store_usage u;
	int fd;

	assert_int_equal(fx_put(f, "a", "1"), 0);
	assert_int_equal(mdb_env_get_fd(l->env, &fd), 0);
	file_break(fd, O_RDONLY);
	assert_int_equal(f->s->driver->claim(f->s, 0, 0, &c), SW_EUNKNOWN);
	assert_nothing_goes(f);
	assert_int_equal(f->s->driver->usage(f->s, &u), 0);
	fx_reopened(f);
	fx_assert_val(f, "a", "1");
}

/* After a full disk usage makes a checkpoint, to see whether there is room. */
static void
a_checkpoint_that_fails_is_told_by_whoever_asks_how_full_it_is(void **state)
{
	struct fixture *f = *state;
	struct lmdb *l = (struct lmdb *)f->s;
	struct store_usage u;
	int fd;

	assert_int_equal(fx_put(f, "a", "1"), 0);
	assert_int_equal(f->s->driver->usage(f->s, &u), 0);
	l->disk_full = 1;
	assert_int_equal(mdb_env_get_fd(l->env, &fd), 0);
	file_break(fd, O_RDONLY);
	assert_int_equal(f->s->driver->usage(f->s, &u), SW_EUNKNOWN);
	assert_nothing_goes(f);
}

/* A batch that does not fit is undone by a replay of the journal. */
static void
when_the_journal_cannot_be_read_again_nothing_goes_until_the_next_start(
	void **state)
{
	static uint8_t val[STORE_VAL_MAX];
	struct fixture *f = *state;
	struct lmdb *l = (struct lmdb *)f->s;
	const struct store_op op = {
		STORE_PUT, bytes_str("b"), bytes_of(val, sizeof(val))};
	int err = 0;

	assert_int_equal(fx_put(f, "a", "1"), 0);
	file_break(l->journal.fd, O_RDWR);
	for (int i = 0; err == 0 && i < 100; i++) {
		char key[8];
		struct store_op more = op;

		(void)snprintf(key, sizeof(key), "%d", i);
		more.key = bytes_str(key);
		err = fx_commit(f, &more, 1);
	}
	assert_int_equal(err, SW_EUNKNOWN);
	assert_nothing_goes(f);
}

/* From now on data.mdb has no room on its disk; returns what restores it. */
static int
disk_full(const struct fixture *f)
{
	struct lmdb *l = (struct lmdb *)f->s;
	int fd, kept, full = open("/dev/full", O_RDWR);

	assert_int_equal(mdb_env_get_fd(l->env, &fd), 0);
	kept = dup(fd);
	assert_int_equal(dup2(full, fd), fd);
	close(full);
	return kept;
}

static void
disk_freed(const struct fixture *f, int kept)
{
	struct lmdb *l = (struct lmdb *)f->s;
	int fd;

	assert_int_equal(mdb_env_get_fd(l->env, &fd), 0);
	assert_int_equal(dup2(kept, fd), fd);
	close(kept);
	l->tried_ms -= 3600000; /* as if long ago */
}

static int
is_full(const struct fixture *f)
{
	struct store_usage u;

	assert_int_equal(f->s->driver->usage(f->s, &u), 0);
	assert_true(u.used_pages < u.max_pages && u.free_pages < u.used_pages);
	return u.full_why != NULL;
}

static int
put_numbered(struct fixture *f, unsigned n, size_t len)
{
	static uint8_t val[8192];
	uint8_t key[4];
	struct store_op op = {
		STORE_PUT, bytes_of(key, sizeof(key)), bytes_of(val, len)};

	be_set(key, sizeof(key), n);
	return fx_commit(f, &op, 1);
}

static void
numbered_are_there(struct fixture *f, unsigned n)
{
	uint8_t key[4];
	struct bytes val;

	for (unsigned i = 0; i < n; i++) {
		be_set(key, sizeof(key), i);
		assert_int_equal(f->s->driver->get(f->s, 0,
					 bytes_of(key, sizeof(key)), &val),
			0);
	}
}

/* A file system that copies on write has no room for pages that it has
 * reserved.  The store is full in time: acks go on. */
static void
on_a_full_disk_acks_have_a_reserve(void **state)
{
	struct fixture *f = *state;
	struct lmdb *l = (struct lmdb *)f->s;
	unsigned puts = 0, acks = 0;
	int kept = disk_full(f);

	for (; !is_full(f); puts++)
		assert_int_equal(put_numbered(f, puts, 8000), 0);
	assert_true(puts > 50);
	assert_true(l->write_full);
	while (put_numbered(f, puts + acks, 200) == 0)
		acks++;
	assert_true(acks > 100);
	assert_true(is_full(f));
	numbered_are_there(f, puts + acks);
	disk_freed(f, kept);
	assert_false(is_full(f));
	assert_int_equal(put_numbered(f, puts + acks, 8000), 0);
	fx_reopened(f);
	numbered_are_there(f, puts + acks + 1);
}

/* Also if nobody writes: else puts would be refused for ever. */
static void
room_on_the_disk_is_noticed_without_a_write(void **state)
{
	struct fixture *f = *state;
	int kept = disk_full(f);

	for (unsigned n = 0; !is_full(f); n++)
		assert_int_equal(put_numbered(f, n, 8000), 0);
	for (int i = 0; i < 9; i++)
		assert_true(is_full(f));
	disk_freed(f, kept);
	assert_false(is_full(f));
}

/* --- how many pages a checkpoint has -------------------------------------- */

enum { BATCH = 1000, ROWS = 60000, VALUE = 900 };

static struct fixture large = {.scheme = "lmdb", .map_size = 1 << 30};

static const struct lmdb *
store_of(const struct fixture *f)
{
	return (const struct lmdb *)f->s;
}

/* One batch, and what the broker does before each turn. */
static void
batch_put(struct fixture *f, uint64_t (*key)(uint64_t *), uint64_t *state)
{
	static uint8_t val[VALUE];
	static struct store_op ops[BATCH];
	struct store_usage u;
	static uint8_t keys[BATCH][8];

	for (size_t i = 0; i < BATCH; i++) {
		be_set(keys[i], 8, key(state));
		ops[i] = (struct store_op){
			STORE_PUT, bytes_of(keys[i], 8), bytes_of(val, VALUE)};
	}
	assert_int_equal(f->s->driver->usage(f->s, &u), 0);
	assert_int_equal(fx_commit(f, ops, BATCH), 0);
}

static uint64_t
any_key(uint64_t *state)
{
	return chance_draw(state) % ROWS;
}

static uint64_t
next_key(uint64_t *state)
{
	return (*state)++;
}

/* Rows far apart change a page each: the next checkpoint comes sooner; and
 * later again once the rows are in order. */
static void
scattered_rows_make_checkpoints_smaller(void **state)
{
	struct fixture *f = *state;
	uint64_t seed = chance_seed(), row = 0;

	while (row < ROWS)
		batch_put(f, next_key, &row);
	for (int i = 0; i < ROWS / BATCH; i++)
		batch_put(f, any_key, &seed);
	assert_true(store_of(f)->checkpoint_after <
		    store_of(f)->journal.size * 3 / 4);
	for (int i = 0; i < ROWS / BATCH / 2; i++) {
		batch_put(f, any_key, &seed);
		assert_true(store_of(f)->journal.at <=
			    store_of(f)->checkpoint_after);
	}
	for (row = 0; row < ROWS;)
		batch_put(f, next_key, &row);
	assert_true(store_of(f)->checkpoint_after >=
		    store_of(f)->journal.size * 3 / 4);
}

#define T(f)                                                                   \
	cmocka_unit_test_prestate_setup_teardown(                              \
		f, fx_setup, fx_teardown, &lmdb)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(when_the_index_cannot_be_written_nothing_goes_until_the_next_start),
		T(a_checkpoint_that_fails_is_told_by_whoever_asks_how_full_it_is),
		T(on_a_full_disk_acks_have_a_reserve),
		T(room_on_the_disk_is_noticed_without_a_write),
		T(when_the_journal_cannot_be_read_again_nothing_goes_until_the_next_start),
		cmocka_unit_test_prestate_setup_teardown(
			scattered_rows_make_checkpoints_smaller, fx_setup,
			fx_teardown, &large),
	};

	return cmocka_run_group_tests_name("store_fails", tests, NULL, NULL);
}
