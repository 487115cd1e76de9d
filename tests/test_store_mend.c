/* SPDX-License-Identifier: MIT */
/* Damage in LMDB's own pages: what is read of it, and a new file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "util_store.h"

static struct fixture lmdb = {.scheme = "lmdb"};

/* Rows with the keys 1 to n - 1, in commits of some. */
static void
rows_put(struct fixture *f, uint32_t n)
{
	static const uint8_t val[20];
	static uint8_t keys[1000][4];
	static struct store_op ops[1000];
	size_t held = 0;

	for (uint32_t i = 1; i < n; i++) {
		be_set(keys[held], 4, i);
		ops[held] = (struct store_op){STORE_PUT,
			bytes_of(keys[held], 4), bytes_of(val, sizeof(val))};
		if (++held < 1000 && i + 1 < n)
			continue;
		assert_int_equal(fx_commit(f, ops, held), 0);
		held = 0;
	}
}

/* In every page that has it: the node's length is in front of flags and key. */
static void
length_damage(const char *path, const char *key)
{
	static uint8_t file[8 << 20];
	size_t n = strlen(key);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	ssize_t len = read(fd, file, sizeof(file));
	int found = 0;

	assert_true(fd >= 0 && len > 0);
	for (size_t at = 8; at + n <= (size_t)len; at++)
		if (memcmp(file + at, key, n) == 0) {
			file[at - 5] |= 0x40;
			found++;
		}
	assert_true(found > 0);
	assert_int_equal(pwrite(fd, file, (size_t)len, 0), len);
	close(fd);
}

/* A store whose second row of three says that it is 1 GB long. */
static void
with_a_damaged_length(struct fixture *f)
{
	char path[128];

	assert_int_equal(fx_put(f, "a", "1"), 0);
	assert_int_equal(fx_put(f, "b-long-key", "value"), 0);
	assert_int_equal(fx_put(f, "c", "3"), 0);
	fx_closed(f);
	(void)snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
	length_damage(path, "b-long-key");
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

/* LMDB would move a GB of what is not its own. */
static void
a_row_of_damaged_length_is_not_written_over(void **state)
{
	struct fixture *f = *state;
	const struct store_op ops[] = {
		fx_op_put("b-long-key", "new"), fx_op_delete("b-long-key")};

	with_a_damaged_length(f);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(fx_commit(f, &ops[i], 1), SW_EUNKNOWN);
		assert_non_null(strstr(f->s->why, "--mend"));
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
	assert_int_equal(f->s->driver->mend(f->s, 0, &n), 0);
	assert_int_equal(n, 0);
	with_a_damaged_length(f);
	assert_int_equal(f->s->driver->mend(f->s, 1, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(f->s->driver->mend(f->s, 0, &n), 0);
	assert_int_equal(n, 1);
	fx_reopened(f);
	assert_int_equal(f->s->driver->mend(f->s, 1, &n), 0);
	assert_int_equal(n, 0);
	fx_assert_val(f, "a", "1");
	fx_assert_val(f, "c", "3");
	assert_int_equal(fx_put(f, "b-long-key", "new"), 0);
	fx_reopened(f);
	fx_assert_val(f, "b-long-key", "new");
}

/* In more than one commit. */
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
	assert_int_equal(f->s->driver->mend(f->s, 0, &n), 0);
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
	static uint8_t file[1 << 20];
	struct fixture *f = *state;
	uint64_t n = 0;
	char path[128];
	ssize_t len;
	int fd, found = 0;

	assert_int_equal(fx_put(f, "row-one", "1"), 0);
	assert_int_equal(fx_put(f, "row-two", "2"), 0);
	fx_closed(f);
	(void)snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	len = read(fd, file, sizeof(file));
	assert_true(fd >= 0 && len > 0);
	for (ssize_t at = 0; at + 7 <= len; at++)
		if (memcmp(file + at, "row-two", 7) == 0) {
			memcpy(file + at, "row-one", 7);
			found++;
		}
	assert_true(found > 0);
	assert_int_equal(pwrite(fd, file, (size_t)len, 0), len);
	close(fd);
	fx_opened(f);
	assert_int_equal(f->s->driver->mend(f->s, 0, &n), 0);
	assert_int_equal(n, 1);
	fx_reopened(f);
	fx_assert_val(f, "row-one", "1");
	assert_int_equal(f->s->driver->get(f->s, 0, bytes_of("row-one", 8),
				 &(struct bytes){0}),
		0);
	assert_int_equal(f->s->driver->mend(f->s, 1, &n), 0);
	assert_int_equal(n, 0);
}

/* clang-format off */
#define T(f) {#f, f, fx_setup, fx_teardown, &lmdb}
/* clang-format on */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_value_that_reaches_past_the_end_of_the_file_reads_as_empty),
		T(a_row_of_damaged_length_is_not_written_over),
		T(a_file_with_a_damaged_length_is_made_anew),
		T(a_file_made_anew_has_every_row),
		T(of_two_rows_with_one_key_the_second_is_kept_beside_it),
	};

	return cmocka_run_group_tests_name("store_mend", tests, NULL, NULL);
}
