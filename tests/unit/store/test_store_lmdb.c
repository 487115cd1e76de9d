/* SPDX-License-Identifier: MIT */
/* LMDB's files: reopened, damaged, full. Crashes are in test_journal.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <lmdb.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "broker/store/lmdb.h"
#include "tests/lib/store.h"

static struct fixture lmdb = {.scheme = "lmdb"};

enum { RUN_BATCH = 64 };

/* Puts or deletes the keys `from` to `until`, in batches. */
static int
run(struct fixture *f, enum store_op_kind kind, uint32_t from, uint32_t until,
	size_t len)
{
	static uint8_t val[FX_VAL_MAX];
	uint8_t keys[RUN_BATCH][4];
	struct store_op ops[RUN_BATCH];
	int err = 0;

	while (err == 0 && from < until) {
		size_t n = 0;

		for (; n < RUN_BATCH && from < until; n++, from++) {
			be_set(keys[n], 4, from);
			ops[n] = (struct store_op){kind, bytes_of(keys[n], 4),
				bytes_of(val, kind == STORE_PUT ? len : 0)};
		}
		err = fx_commit(f, ops, n);
	}
	return err;
}

static void
data_and_epoch_outlive_the_process(void **state)
{
	struct fixture *f = *state;
	const struct store_op op = fx_op_put("a", "fenced");
	struct claim old = f->c;

	assert_int_equal(fx_put(f, "a", "1"), 0);
	fx_reopened(f);
	fx_assert_val(f, "a", "1");
	assert_int_equal(f->c.epoch, old.epoch + 1);
	assert_int_equal(fx_commit_as(f, &old, &op, 1), SW_EFENCED);
	fx_assert_val(f, "a", "1");
}

static struct {
	ino_t all[16]; /* the first files synced since n was 0 */
	size_t n;
} synced;

/* Replaces the function of libc. */
int
fsync(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	if (synced.n < sizeof(synced.all) / sizeof(synced.all[0]))
		synced.all[synced.n++] = st.st_ino;
	return (int)syscall(SYS_fsync, fd);
}

static int
was_synced(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	for (size_t i = 0; i < synced.n; i++)
		if (synced.all[i] == st.st_ino)
			return 1;
	return 0;
}

/* Also a start that makes no file: the process that made them may have died. */
static void
each_start_makes_the_names_of_files_and_folder_durable(void **state)
{
	struct fixture *f = *state;

	(void)snprintf(f->uri, sizeof(f->uri), "%s/new", f->dir);
	for (int i = 0; i < 2; i++) {
		fx_closed(f);
		synced.n = 0;
		fx_opened(f);
		assert_true(was_synced(f->uri));
		assert_true(was_synced(f->dir));
	}
}

/* LMDB alone would refuse the file for ever. */
static void
a_beginning_that_power_loss_cut_short_is_begun_anew(void **state)
{
	struct fixture *f = *state;
	char path[128];
	int fd;

	fx_closed(f);
	(void)snprintf(f->uri, sizeof(f->uri), "%s/new", f->dir);
	assert_int_equal(mkdir(f->uri, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/data.mdb.part", f->uri);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	close(fd);
	fx_opened(f);
	assert_int_equal(fx_put(f, "a", "1"), 0);
	fx_reopened(f);
	fx_assert_val(f, "a", "1");
	assert_int_equal(access(path, F_OK), -1);
}

static void
the_files_are_for_their_owner_alone(void **state)
{
	static const char *const names[] = {
		"", "data.mdb", "journal", "broker.lock"};
	struct fixture *f = *state;
	char path[128];
	struct stat st;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(
			path, sizeof(path), "%s/new/%s", f->dir, names[i]);
		if (i == 0) {
			fx_closed(f);
			(void)snprintf(
				f->uri, sizeof(f->uri), "%s/new", f->dir);
			fx_opened(f);
		}
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 077, 0);
	}
}

/* Overwrites bytes at offset `at` of a file of the closed store. */
static void
scribble(struct fixture *f, const char *name, off_t at)
{
	static const uint8_t junk[8192] = {'n', 'o', 't', ' ', 'a', ' ', 's'};
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, junk, sizeof(junk), at), sizeof(junk));
	close(fd);
}

static off_t
data_size(struct fixture *f, off_t cut_to)
{
	char path[128];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
	if (cut_to >= 0)
		assert_int_equal(truncate(path, cut_to), 0);
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* Opening fails with `err`, and `why` names the folder. */
static void
assert_refused(struct fixture *f, int err)
{
	assert_int_equal(fx_open_at(f), err);
	assert_non_null(f->s);
	assert_non_null(strstr(f->s->why, f->dir));
	fx_closed(f);
}

static void
a_file_that_is_not_lmdb_is_refused(void **state)
{
	struct fixture *f = *state;

	fx_closed(f);
	scribble(f, "data.mdb", 0);
	assert_refused(f, SW_EFORMAT);
}

/* Writes a format number with LMDB, as a later version would. */
static void
format_set(struct fixture *f, uint8_t format, size_t len)
{
	uint8_t le[8] = {format};
	MDB_val k = {6, (char[]){"format"}}, v = {len, le};
	struct fx_meta m = fx_meta_open(f);

	assert_int_equal(mdb_put(m.txn, m.dbi, &k, &v, 0), 0);
	fx_meta_close(&m);
}

/* Makes a store of format 1: no salt, no seal, and one unsalted record in the
 * journal. */
static void
first_format_make(struct fixture *f, const struct store_op *op)
{
	MDB_val salt = {4, (char[]){"salt"}}, seal = {4, (char[]){"seal"}};
	MDB_val at = {7, (char[]){"journal"}}, v;
	struct fx_meta m = fx_meta_open(f);
	struct journal j;

	assert_int_equal(mdb_del(m.txn, m.dbi, &salt, NULL), 0);
	assert_int_equal(mdb_del(m.txn, m.dbi, &seal, NULL), 0);
	assert_int_equal(mdb_get(m.txn, m.dbi, &at, &v), 0);
	assert_int_equal(journal_open(&j, f->dir, 0, 0), 0);
	journal_restart(&j, le_get(v.mv_data, 8));
	assert_int_equal(journal_append(&j, op, 1), 0);
	journal_close(&j);
	fx_meta_close(&m);
	format_set(f, 1, 8);
}

static void
a_store_of_the_first_format_is_taken_over_with_its_journal(void **state)
{
	struct fixture *f = *state;
	const struct store_op op = fx_op_put("b", "2");

	assert_int_equal(fx_put(f, "a", "1"), 0);
	fx_closed(f);
	first_format_make(f, &op);
	fx_opened(f);
	fx_assert_val(f, "a", "1");
	fx_assert_val(f, "b", "2");
	assert_int_equal(fx_put(f, "c", "3"), 0);
	fx_reopened(f);
	fx_assert_val(f, "c", "3");
}

static void
a_newer_format_is_refused_and_left_as_it_is(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fx_put(f, "a", "1"), 0);
	fx_closed(f);
	format_set(f, STORE_FORMAT + 1, 8);
	assert_refused(f, SW_EFORMAT);
	assert_int_equal(fx_open_at(f), SW_EFORMAT);
	assert_non_null(strstr(f->s->why, "format 4 of a newer version"));
	fx_closed(f);
	format_set(f, STORE_FORMAT, 7);
	assert_refused(f, SW_EFORMAT);
	format_set(f, STORE_FORMAT, 8);
	fx_opened(f);
	fx_assert_val(f, "a", "1");
}

static void
a_file_cut_short_is_an_error_and_not_a_crash(void **state)
{
	static const int percents[] = {99, 75, 50, 10, 1};
	struct fixture *f = *state;
	struct store_usage u;
	off_t live;

	assert_int_equal(run(f, STORE_PUT, 0, 3000, 1000), 0);
	fx_reopened(f); /* data.mdb has the journal's batches now */
	assert_int_equal(f->s->driver->usage(f->s, &u), 0);
	live = (off_t)(u.used_pages * u.page_size);
	fx_closed(f);
	for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		(void)data_size(f, live * percents[i] / 100);
		assert_refused(f, SW_ECORRUPT);
	}
	(void)data_size(f, 100);
	assert_refused(f, SW_EFORMAT);
}

static void
an_empty_or_missing_data_file_is_no_new_store(void **state)
{
	struct fixture *f = *state;
	char path[128];

	assert_int_equal(fx_put(f, "a", "1"), 0);
	fx_closed(f);
	(void)data_size(f, 0);
	assert_refused(f, SW_ECORRUPT);
	(void)snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
	assert_int_equal(unlink(path), 0);
	assert_refused(f, SW_ECORRUPT);
	assert_int_equal(access(path, F_OK), -1);
}

/* LMDB counts pages at the end that one transaction has allocated and freed,
 * but never writes them: the file must not look cut short for that. */
static void
what_was_put_and_deleted_at_once_does_not_look_cut_short(void **state)
{
	static const size_t lens[] = {100, 3000, 5000, 60000, FX_VAL_MAX};
	struct fixture *f = *state;
	struct store_usage u;

	for (uint32_t round = 0; round < 30; round++) {
		uint32_t n = 1 + round * 7 % 50;

		assert_int_equal(run(f, STORE_PUT, 0, n, lens[round % 5]), 0);
		assert_int_equal(run(f, STORE_DELETE, 0, n, 0), 0);
		fx_reopened(f);
		assert_int_equal(f->s->driver->usage(f->s, &u), 0);
		assert_true((uint64_t)data_size(f, -1) >=
			    u.used_pages * u.page_size);
	}
}

static int
below_90_percent(struct fixture *f)
{
	struct store_usage u;

	/* A refused put is sent again: two calls, and nothing written between.
	 */
	assert_int_equal(f->s->driver->usage(f->s, &u), 0);
	assert_int_equal(f->s->driver->usage(f->s, &u), 0);
	return (u.used_pages - u.free_pages) * 100 < u.max_pages * 90;
}

/* If puts stop at 90 %, as the core's do, deletes never fail. */
static void
a_store_filled_to_90_percent_can_be_drained_and_filled_again(void **state)
{
	struct fixture *f = *state;
	uint32_t first = 0;

	for (int round = 0; round < 3; round++) {
		uint32_t n = 0;

		for (; below_90_percent(f); n += RUN_BATCH)
			assert_int_equal(
				run(f, STORE_PUT, n, n + RUN_BATCH, 1000), 0);
		first = first > 0 ? first : n;
		assert_true(n > 10000);
		assert_true(
			n > first / 10 * 9); /* deletes have freed all room */
		assert_int_equal(run(f, STORE_DELETE, 0, n, 0), 0);
		fx_assert_scan(f, "", "", 99, "");
	}
}

/* LMDB takes no page that this transaction or the last one has freed.  A batch
 * that fails for that is followed by checkpoints, although nothing may wait. */
static void
room_that_deletes_have_made_is_had_by_the_second_try(void **state)
{
	enum { ROW = 100000, ROWS = 76 };
	struct fixture *f = *state;
	struct store_usage u;
	int refused = 0;

	fx_closed(f);
	f->map_size = 8 << 20;
	fx_opened(f);
	for (int round = 0; round < 5; round++) {
		for (uint32_t i = 0; i < ROWS; i++) {
			int err = run(f, STORE_PUT, i, i + 1, ROW);

			assert_true(err == 0 || err == SW_EFULL);
			if (err == 0)
				continue;
			refused++;
			assert_int_equal(f->s->driver->usage(f->s, &u), 0);
			assert_int_equal(run(f, STORE_PUT, i, i + 1, ROW), 0);
		}
		assert_int_equal(run(f, STORE_DELETE, 0, ROWS, 0), 0);
	}
	assert_true(refused > 0);
}

/* One that frees many pages itself, as with a long free list, is not followed
 * by others without an end. */
static void
a_checkpoint_without_a_batch_is_made_once(void **state)
{
	enum { MANY = 1000, ROW = 100000, ROWS = 76 };
	struct fixture *f = *state;
	struct lmdb *l;
	struct store_usage u;
	uint64_t generation = 0;

	fx_closed(f);
	f->map_size = 8 << 20;
	fx_opened(f);
	for (uint32_t i = 0; i < ROWS; i++)
		assert_int_equal(run(f, STORE_PUT, i, i + 1, ROW), 0);
	l = (struct lmdb *)f->s;
	for (int turn = 0; turn < 6; turn++) {
		assert_int_equal(f->s->driver->usage(f->s, &u), 0);
		assert_true((u.used_pages - u.free_pages) * 8 >=
			    u.max_pages * 7);
		assert_true(turn < 2 || l->journal.generation == generation);
		generation = l->journal.generation;
		l->replaced_pages = MANY;
	}
}

static void
a_batch_too_large_for_the_map_leaves_no_trace(void **state)
{
	static uint8_t val[FX_VAL_MAX], keys[100][4];
	struct fixture *f = *state;
	struct store_op ops[101];

	f->map_size = 4 << 20;
	fx_reopened(f);
	assert_int_equal(fx_put(f, "kept", "1"), 0);
	ops[0] = fx_op_delete("kept");
	for (uint32_t i = 0; i < 100; i++) {
		be_set(keys[i], 4, i);
		ops[i + 1] = (struct store_op){STORE_PUT, bytes_of(keys[i], 4),
			bytes_of(val, sizeof(val))};
	}
	for (int round = 0; round < 3; round++) {
		assert_int_equal(fx_commit(f, ops, 101), SW_EFULL);
		fx_assert_scan(f, "", "", 99, "kept=1 ");
	}
	assert_int_equal(fx_put(f, "more", "2"), 0);
	fx_reopened(f);
	fx_assert_scan(f, "", "", 99, "kept=1 more=2 ");
}

/* After a crash the map may be too small for the journal's batches together
 * with their checkpoint; a map that was made smaller always is.  The copy of
 * the files is what kill -9 would leave. */
static void
a_full_store_opens_after_a_crash(void **state)
{
	struct fixture *f = *state, copy;
	char command[256];

	assert_int_equal(run(f, STORE_PUT, 0, 100, 10000), 0);
	fx_reopened(f);
	assert_int_equal(run(f, STORE_PUT, 100, 110, 10000), 0);
	copy = *f;
	copy.map_size = 4096;
	(void)snprintf(copy.dir, sizeof(copy.dir), "%.50s/crash", f->dir);
	(void)snprintf(copy.uri, sizeof(copy.uri), "lmdb:%s", copy.dir);
	(void)snprintf(command, sizeof(command),
		"cd %s && mkdir crash && cp data.mdb journal crash", f->dir);
	assert_int_equal(system(command), 0);
	fx_opened(&copy);
	assert_int_equal(fx_put(&copy, "taken", "1"), 0);
	fx_assert_val(&copy, "taken", "1");
	assert_false(below_90_percent(&copy));
	fx_closed(&copy);
}

/* Whatever is in it: the journal is made behind data.mdb. */
static void
a_journal_alone_is_no_new_store(void **state)
{
	static const off_t lengths[] = {2, 0, 4096, 1 << 20};
	struct fixture *f = *state;
	char index[128], path[128];

	fx_closed(f);
	(void)snprintf(index, sizeof(index), "%s/data.mdb", f->dir);
	(void)snprintf(path, sizeof(path), "%s/journal", f->dir);
	assert_int_equal(unlink(index), 0);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		assert_int_equal(truncate(path, lengths[i]), 0);
		assert_refused(f, SW_ECORRUPT);
		assert_int_equal(access(index, F_OK), -1);
	}
}

static void
a_key_that_lmdb_does_not_take_is_of_unknown_outcome_and_not_written(
	void **state)
{
	static const uint8_t key[STORE_KEY_MAX + 1];
	struct fixture *f = *state;
	const struct store_op ops[] = {fx_op_put("b", "2"),
		{STORE_PUT, bytes_of(key, sizeof(key)), bytes_str("long")}};

	assert_int_equal(fx_put(f, "a", "1"), 0);
	assert_int_equal(fx_commit(f, ops, 2), SW_EUNKNOWN);
	fx_assert_val(f, "a", "1");
	fx_assert_none(f, "b");
}

/* Counting needs a reader slot; LMDB has 126. */
static void
a_free_list_that_cannot_be_read_counts_as_it_did(void **state)
{
	enum { READERS = 126 };
	struct fixture *f = *state;
	struct lmdb *l = (struct lmdb *)f->s;
	struct store_usage before, now;
	MDB_txn *readers[READERS];
	int n = 0;

	assert_int_equal(run(f, STORE_PUT, 0, 400, 100000), 0);
	assert_int_equal(f->s->driver->usage(f->s, &before), 0);
	assert_true(before.used_pages * 2 > before.max_pages);
	while (n < READERS &&
		mdb_txn_begin(l->env, NULL, MDB_RDONLY, &readers[n]) == 0)
		n++;
	assert_int_equal(f->s->driver->claim(f->s, 0, 0, &f->c), 0);
	assert_int_equal(f->s->driver->usage(f->s, &now), 0);
	assert_int_equal(now.free_pages, before.free_pages);
	while (n > 0)
		mdb_txn_abort(readers[--n]);
}

static void
where_no_size_is_said_the_map_is_64_gib(void **state)
{
	struct fixture *f = *state;
	struct store_usage u;

	fx_closed(f);
	f->map_size = 0;
	fx_opened(f);
	assert_int_equal(f->s->driver->usage(f->s, &u), 0);
	assert_int_equal(u.max_pages * u.page_size, 64ULL << 30);
}

static void
nothing_may_be_closed(void **state)
{
	(void)state;
	store_lmdb.close(NULL);
	store_mem.close(NULL);
}

/* clang-format off */
#define T(f) {#f, f, fx_setup, fx_teardown, &lmdb}
/* clang-format on */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(data_and_epoch_outlive_the_process),
		T(each_start_makes_the_names_of_files_and_folder_durable),
		T(a_beginning_that_power_loss_cut_short_is_begun_anew),
		T(the_files_are_for_their_owner_alone),
		T(a_file_that_is_not_lmdb_is_refused),
		T(a_store_of_the_first_format_is_taken_over_with_its_journal),
		T(a_newer_format_is_refused_and_left_as_it_is),
		T(a_file_cut_short_is_an_error_and_not_a_crash),
		T(an_empty_or_missing_data_file_is_no_new_store),
		T(what_was_put_and_deleted_at_once_does_not_look_cut_short),
		T(a_store_filled_to_90_percent_can_be_drained_and_filled_again),
		T(room_that_deletes_have_made_is_had_by_the_second_try),
		T(a_checkpoint_without_a_batch_is_made_once),
		T(a_batch_too_large_for_the_map_leaves_no_trace),
		T(a_full_store_opens_after_a_crash),
		T(a_journal_alone_is_no_new_store),
		T(a_key_that_lmdb_does_not_take_is_of_unknown_outcome_and_not_written),
		T(a_free_list_that_cannot_be_read_counts_as_it_did),
		T(where_no_size_is_said_the_map_is_64_gib),
		T(nothing_may_be_closed),
	};

	return cmocka_run_group_tests_name("store_lmdb", tests, NULL, NULL);
}
