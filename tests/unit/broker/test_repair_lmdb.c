/* SPDX-License-Identifier: MIT */
/* Corrupt pages of LMDB: what can be read of them, and the new file of a
 * repair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "broker/repair/lmdb.h"
#include "broker/store/lmdb.h"
#include "tests/lib/store.h"

static struct fixture lmdb = {.scheme = "lmdb"};

/* Writes rows with the keys 1 to n - 1, in several commits. */
static void
rows_put(struct fixture *f, uint32_t n)
{
	static const uint8_t val[20];
	static uint8_t keys[1000][4];
	static struct store_op ops[1000];
	size_t n_ops = 0;

	for (uint32_t i = 1; i < n; i++) {
		be_set(keys[n_ops], 4, i);
		ops[n_ops] = (struct store_op){STORE_PUT,
			bytes_of(keys[n_ops], 4), bytes_of(val, sizeof(val))};
		if (++n_ops < 1000 && i + 1 < n)
			continue;
		assert_int_equal(fx_commit(f, ops, n_ops), 0);
		n_ops = 0;
	}
}

/*
 * Sets a bit `at` bytes after the start of the key, in every page with that
 * key. Before the key are the length of the value, flags and the length of the
 * key.
 */
static void
file_damage(const struct fixture *f, const char *key, int at)
{
	static uint8_t file[8 << 20];
	size_t n = strlen(key);
	char path[128];
	ssize_t len;
	int fd, found = 0;

	(void)snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	len = read(fd, file, sizeof(file));
	assert_true(fd >= 0 && len > 0);
	for (ssize_t i = 8; i + (ssize_t)n <= len; i++)
		if (memcmp(file + i, key, n) == 0) {
			file[i + at] |= 0x40;
			found++;
		}
	assert_true(found > 0);
	assert_int_equal(pwrite(fd, file, (size_t)len, 0), len);
	close(fd);
}

/* A store of three rows, the second of which claims a length of 1 GB. */
static void
with_a_damaged_length(struct fixture *f)
{
	assert_int_equal(fx_put(f, "a", "1"), 0);
	assert_int_equal(fx_put(f, "b-long-key", "value"), 0);
	assert_int_equal(fx_put(f, "c", "3"), 0);
	fx_closed(f);
	file_damage(f, "b-long-key", -5);
	fx_opened(f);
}

static void
a_value_that_reaches_past_the_end_of_the_file_reads_as_empty(void **state)
{
	struct fixture *f = *state;
	struct fx_seen seen = {0};

	with_a_damaged_length(f);
	fx_assert_val(f, "b-long-key", "");
	assert_int_equal(f->s->driver->scan(f->s, 0, bytes_str("a"),
				 bytes_str(""), 9, fx_see, &seen),
		0);
	assert_int_equal(seen.n, 3);
	fx_assert_val(f, "c", "3");
}

/* 16 KB too long: a value in a leaf, and one with two pages of its own. */
static void
a_value_that_reaches_past_its_pages_reads_as_empty(void **state)
{
	struct fixture *f = *state;
	static char own[5001];

	memset(own, 'x', sizeof(own) - 1);
	assert_int_equal(fx_put(f, "in-a-leaf", "value"), 0);
	assert_int_equal(fx_put(f, "with-pages", own), 0);
	fx_reopened(f);
	fx_assert_val(f, "with-pages", own);
	fx_closed(f);
	file_damage(f, "in-a-leaf", -7);
	file_damage(f, "with-pages", -7);
	fx_opened(f);
	fx_assert_val(f, "in-a-leaf", "");
	fx_assert_val(f, "with-pages", "");
}

/* LMDB would move a GB of other rows. */
static void
a_row_of_damaged_length_is_not_written_over(void **state)
{
	struct fixture *f = *state;
	const struct store_op ops[] = {
		fx_op_put("b-long-key", "new"), fx_op_delete("b-long-key")};

	with_a_damaged_length(f);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(fx_commit(f, &ops[i], 1), SW_EUNKNOWN);
		assert_non_null(strstr(f->s->why, "spillway-repair"));
		fx_reopened(f);
	}
	assert_int_equal(fx_put(f, "c", "4"), 0);
	fx_assert_val(f, "c", "4");
}

static void
a_file_with_a_damaged_length_is_made_anew(void **state)
{
	struct fixture *f = *state;
	uint64_t n = 7;

	assert_int_equal(fx_put(f, "a", "1"), 0);
	assert_int_equal(lmdb_rebuild(f->s, &n), 0);
	assert_int_equal(n, 0);
	with_a_damaged_length(f);
	assert_int_equal(lmdb_check(f->s, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(lmdb_rebuild(f->s, &n), 0);
	assert_int_equal(n, 1);
	fx_reopened(f);
	assert_int_equal(lmdb_check(f->s, &n), 0);
	assert_int_equal(n, 0);
	fx_assert_val(f, "a", "1");
	fx_assert_val(f, "c", "3");
	assert_int_equal(fx_put(f, "b-long-key", "new"), 0);
	fx_reopened(f);
	fx_assert_val(f, "b-long-key", "new");
}

static void
a_file_made_anew_has_every_row(void **state)
{
	enum { ROWS = 25000 };
	struct fixture *f = *state;
	struct bytes val;
	uint64_t n = 0;
	uint8_t key[5] = {0};

	rows_put(f, ROWS);
	with_a_damaged_length(f);
	assert_int_equal(lmdb_rebuild(f->s, &n), 0);
	assert_int_equal(n, 1);
	fx_reopened(f);
	for (uint32_t i = 1; i < ROWS; i++) {
		be_set(key, 4, i);
		assert_int_equal(
			f->s->driver->get(f->s, 0, bytes_of(key, 4), &val), 0);
		assert_int_equal(val.len, 20);
	}
	fx_assert_val(f, "a", "1");
}

static void
of_two_rows_with_one_key_the_second_is_kept_beside_it(void **state)
{
	struct fixture *f = *state;
	struct bytes val;
	uint64_t n = 0;

	assert_int_equal(fx_put(f, "!-row", "2"), 0);
	assert_int_equal(fx_put(f, "a-row", "1"), 0);
	fx_closed(f);
	file_damage(f, "!-row", 0);
	fx_opened(f);
	assert_int_equal(lmdb_rebuild(f->s, &n), 0);
	assert_int_equal(n, 1);
	fx_reopened(f);
	fx_assert_val(f, "a-row", "2");
	assert_int_equal(
		f->s->driver->get(f->s, 0, bytes_of("a-row", 6), &val), 0);
	assert_int_equal(lmdb_check(f->s, &n), 0);
	assert_int_equal(n, 0);
}

/* There is no longer key for the second row, and no job has one that long. */
static void
of_two_rows_with_one_key_of_the_longest_length_the_first_is_kept(void **state)
{
	struct fixture *f = *state;
	char first[STORE_KEY_MAX + 1] = {0}, second[STORE_KEY_MAX + 1] = {0};
	uint64_t n = 0;

	memset(first, 'a', STORE_KEY_MAX);
	memset(second, 'a', STORE_KEY_MAX);
	second[0] = '!';
	assert_int_equal(fx_put(f, second, "2"), 0);
	assert_int_equal(fx_put(f, first, "1"), 0);
	assert_int_equal(fx_put(f, "c", "3"), 0);
	fx_closed(f);
	file_damage(f, second, 0);
	fx_opened(f);
	assert_int_equal(lmdb_rebuild(f->s, &n), 0);
	assert_int_equal(n, 1);
	fx_reopened(f);
	fx_assert_val(f, first, "2");
	fx_assert_val(f, "c", "3");
	assert_int_equal(lmdb_check(f->s, &n), 0);
	assert_int_equal(n, 0);
}

/* A bit in the high byte of a key's length. */
static void
a_row_whose_key_has_lost_its_length_is_left_out(void **state)
{
	struct fixture *f = *state;
	uint64_t n = 0;

	assert_int_equal(fx_put(f, "a", "1"), 0);
	assert_int_equal(fx_put(f, "b-long-key", "value"), 0);
	assert_int_equal(fx_put(f, "c", "3"), 0);
	fx_closed(f);
	file_damage(f, "b-long-key", -1);
	fx_opened(f);
	assert_int_equal(lmdb_rebuild(f->s, &n), 0);
	assert_int_equal(n, 1);
	fx_reopened(f);
	fx_assert_scan(f, "", "", 9, "a=1 c=3 ");
}

/* After any error the old file is in its place. */
static void
a_new_file_that_cannot_be_made_leaves_the_old_one(void **state)
{
	struct fixture *f = *state;
	char part[128];
	uint64_t n = 0;

	with_a_damaged_length(f);
	(void)snprintf(part, sizeof(part), "%s/data.mdb.part", f->dir);
	assert_int_equal(mkdir(part, 0700), 0);
	assert_true(lmdb_rebuild(f->s, &n) < 0);
	assert_int_equal(rmdir(part), 0);
	fx_reopened(f);
	fx_assert_val(f, "a", "1");
}

static void
a_file_whose_own_table_is_damaged_is_not_made_anew(void **state)
{
	struct fixture *f = *state;
	uint64_t n = 0;

	with_a_damaged_length(f);
	file_damage(f, "salt", -5); /* the open map shows it at once */
	assert_int_equal(lmdb_rebuild(f->s, &n), SW_EUNKNOWN);
	fx_closed(f);
	assert_int_equal(fx_open_at(f), SW_ECORRUPT);
}

/* Only a test can put a folder in the place of data.mdb. */
static void
a_new_file_that_cannot_take_its_place_is_an_error(void **state)
{
	struct fixture *f = *state;
	char path[128];
	uint64_t n = 0;

	with_a_damaged_length(f);
	(void)snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(lmdb_rebuild(f->s, &n), -EISDIR);
	assert_int_equal(rmdir(path), 0);
}

static void
a_store_of_unknown_outcome_is_not_repaired(void **state)
{
	struct fixture *f = *state;
	struct lmdb *l = (struct lmdb *)f->s;
	uint64_t n = 0;

	l->broken = 1;
	assert_int_equal(lmdb_check(f->s, &n), SW_EUNKNOWN);
	assert_int_equal(lmdb_rebuild(f->s, &n), SW_EUNKNOWN);
	assert_int_equal(n, 0);
}

/* Only root can change the owner of a file. */
static void
a_new_file_has_the_owner_of_the_old_one(void **state)
{
	struct fixture *f = *state;
	uid_t owner = geteuid() == 0 ? 65534 : geteuid();
	char path[128];
	struct stat st;
	uint64_t n = 0;

	with_a_damaged_length(f);
	(void)snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
	assert_int_equal(chown(path, owner, (gid_t)-1), 0);
	assert_int_equal(lmdb_rebuild(f->s, &n), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, owner);
}

/* A store whose first start was cut short has no journal yet. */
static void
files_that_an_open_makes_have_the_owner_of_the_index(void **state)
{
	static const char *const names[] = {
		"journal", "broker.lock", "lock.mdb", "data.mdb"};
	struct fixture *f = *state;
	uid_t owner = geteuid() == 0 ? 65534 : geteuid();
	char path[128];
	struct stat st;
	MDB_env *env;

	fx_closed(f);
	for (size_t i = 0; i < 4; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(
		mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK, 0600), 0);
	mdb_env_close(env);
	assert_int_equal(chown(path, owner, (gid_t)-1), 0);
	fx_opened(f);
	for (size_t i = 0; i < 4; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_uid, owner);
	}
}

/* A checksum of the files with rows, and of their sizes. */
static uint64_t
files_sum(const struct fixture *f)
{
	static const char *const names[] = {"data.mdb", "journal"};
	static uint8_t file[8 << 20];
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[128];
		struct stat st;
		ssize_t n;
		int fd;

		(void)snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0 && fstat(fd, &st) == 0);
		n = read(fd, file, sizeof(file));
		assert_true(n > 0);
		for (ssize_t k = 0; k < n; k++)
			sum = (sum ^ file[k]) * 1099511628211U;
		sum += (uint64_t)st.st_size;
		close(fd);
	}
	return sum;
}

static void
a_store_opened_read_only_shows_its_journal_and_stays_as_it_is(void **state)
{
	static const struct store_options read_only = {
		.force = 1, .read_only = 1};
	struct fixture *f = *state;
	struct claim c;
	uint64_t before, n = 7;

	assert_int_equal(fx_put(f, "a", "1"), 0);
	((struct lmdb *)f->s)->dirty =
		0; /* as after kill -9: only the journal has the batch */
	fx_closed(f);
	before = files_sum(f);
	assert_int_equal(store_open(&f->s, f->uri, &read_only), 0);
	fx_assert_val(f, "a", "1");
	assert_int_equal(lmdb_check(f->s, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(f->s->driver->claim(f->s, 0, 0, &c), -EROFS);
	fx_closed(f);
	assert_true(files_sum(f) == before);
}

static void
an_lmdb_file_of_another_program_gets_no_tables_by_a_check(void **state)
{
	static const struct store_options read_only = {
		.force = 1, .read_only = 1};
	struct fixture *f = *state;
	char path[128];
	MDB_env *env;

	fx_closed(f);
	(void)snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_open(env, f->dir, 0, 0600), 0);
	mdb_env_close(env);
	assert_int_equal(store_open(&f->s, f->uri, &read_only), SW_EFORMAT);
	assert_non_null(strstr(f->s->why, "has no tables"));
}

/* clang-format off */
#define T(f) {#f, f, fx_setup, fx_teardown, &lmdb}
/* clang-format on */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_value_that_reaches_past_the_end_of_the_file_reads_as_empty),
		T(a_value_that_reaches_past_its_pages_reads_as_empty),
		T(a_row_of_damaged_length_is_not_written_over),
		T(a_file_with_a_damaged_length_is_made_anew),
		T(a_file_made_anew_has_every_row),
		T(of_two_rows_with_one_key_the_second_is_kept_beside_it),
		T(of_two_rows_with_one_key_of_the_longest_length_the_first_is_kept),
		T(a_row_whose_key_has_lost_its_length_is_left_out),
		T(a_new_file_that_cannot_be_made_leaves_the_old_one),
		T(a_file_whose_own_table_is_damaged_is_not_made_anew),
		T(a_new_file_that_cannot_take_its_place_is_an_error),
		T(a_store_of_unknown_outcome_is_not_repaired),
		T(a_new_file_has_the_owner_of_the_old_one),
		T(files_that_an_open_makes_have_the_owner_of_the_index),
		T(a_store_opened_read_only_shows_its_journal_and_stays_as_it_is),
		T(an_lmdb_file_of_another_program_gets_no_tables_by_a_check),
	};

	return cmocka_run_group_tests_name("repair_lmdb", tests, NULL, NULL);
}
