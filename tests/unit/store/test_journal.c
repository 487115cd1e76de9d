/* SPDX-License-Identifier: MIT */
/* The LMDB driver and its journal after a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "broker/store/journal.h"
#include "tests/lib/folder.h"

static const struct store_options options = {.map_size = 256 << 20};
static char dir[64];

static int
setup(void **state)
{
	(void)state;
	folder_make(dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	folder_remove(dir);
	return 0;
}

struct open_store {
	struct store *s;
	struct claim c;
};

static struct open_store
opened(void)
{
	struct open_store o;

	assert_int_equal(store_open(&o.s, dir, &options), 0);
	assert_int_equal(o.s->driver->claim(o.s, 0, 0, &o.c), 0);
	return o;
}

static void
closed(struct open_store *o)
{
	o->s->driver->close(o->s);
}

static void
told(void *arg, int err)
{
	*(int *)arg = err;
}

/* One batch: three keys of number n with the same value of `len` bytes. */
static int
batch(struct open_store *o, uint32_t n, size_t len)
{
	static uint8_t val[4 << 20];
	uint8_t keys[3][5];
	struct store_op ops[3];
	int err = 1;

	memset(val, (int)(n & 0xff), len);
	for (size_t i = 0; i < 3; i++) {
		keys[i][0] = (uint8_t)('a' + i);
		be_set(keys[i] + 1, 4, n);
		ops[i] = (struct store_op){
			STORE_PUT, bytes_of(keys[i], 5), bytes_of(val, len)};
	}
	assert_int_equal(
		o->s->driver->commit(o->s, &o->c, ops, 3, told, &err), 0);
	return err;
}

/* How many of the three keys of batch n are there; 1 and 2: the batch is torn.
 */
static int
there(struct open_store *o, uint32_t n, size_t len)
{
	int found = 0;

	for (int i = 0; i < 3; i++) {
		uint8_t key[5] = {(uint8_t)('a' + i)};
		struct bytes val;

		be_set(key + 1, 4, n);
		if (o->s->driver->get(o->s, 0, bytes_of(key, 5), &val) == 0) {
			assert_int_equal(val.len, len);
			found++;
		}
	}
	return found;
}

/* Commits batches in a child until it is killed; the number it reported as
 * durable. */
static uint32_t
killed_child(uint32_t from, uint32_t until, size_t len)
{
	uint32_t n, last = from;
	int p[2];
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	pid = fork();
	if (pid == 0) {
		struct open_store o = opened();

		for (n = from; n < UINT32_MAX; n++)
			if (batch(&o, n, len) != 0 ||
				write(p[1], &n, sizeof(n)) != sizeof(n))
				_exit(1);
	}
	close(p[1]);
	while (read(p[0], &n, sizeof(n)) == sizeof(n)) {
		last = n + 1;
		if (n == until)
			kill(pid, SIGKILL);
	}
	close(p[0]);
	waitpid(pid, NULL, 0);
	return last;
}

static void
what_was_confirmed_survives_kill_9(void **state)
{
	uint32_t next = 0;

	(void)state;
	for (int round = 0; round < 8; round++) {
		uint32_t until = next + 40 + (uint32_t)round * 37;
		struct open_store o;

		next = killed_child(next, until, 2000);
		o = opened();
		for (uint32_t n = 0; n < next; n++)
			assert_int_equal(there(&o, n, 2000), 3);
		/* The batch after these is there as a whole or not at all. */
		if (there(&o, next, 2000) != 0)
			assert_int_equal(there(&o, next++, 2000), 3);
		closed(&o);
	}
}

static void
batches_beyond_the_journals_size_are_durable_too(void **state)
{
	struct open_store o = opened();

	(void)state;
	for (uint32_t n = 0; n < 40; n++)
		assert_int_equal(batch(&o, n, n % 4 == 3 ? 3 << 20 : 90000), 0);
	closed(&o);
	o = opened();
	for (uint32_t n = 0; n < 40; n++)
		assert_int_equal(there(&o, n, n % 4 == 3 ? 3 << 20 : 90000), 3);
	closed(&o);
}

static int
file_of(const char *name)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	return fd;
}

/* Exits with some batches in the journal only. */
static uint32_t
with_journal(uint32_t batches)
{
	return killed_child(0, batches, 100);
}

static void
a_torn_last_record_is_dropped_and_all_before_it_kept(void **state)
{
	struct open_store o;
	uint32_t n = with_journal(20);
	int fd = file_of("journal");
	off_t at = 0;
	char head[4];

	(void)state;
	/* The second sector of the last sound record. */
	while (pread(fd, head, 4, at) == 4 && memcmp(head, "SWJ1", 4) == 0)
		at += 512;
	assert_int_equal(pwrite(fd, "torn", 4, at - 512 + 100), 4);
	close(fd);
	o = opened();
	for (uint32_t i = 0; i + 2 < n; i++)
		assert_int_equal(there(&o, i, 100), 3);
	closed(&o);
}

static void
damage_in_the_middle_of_the_journal_is_refused(void **state)
{
	struct store *s;
	int fd;

	(void)state;
	(void)with_journal(20);
	fd = file_of("journal");
	assert_int_equal(pwrite(fd, "flip", 4, 512 * 3 + 100), 4);
	close(fd);
	assert_int_equal(store_open(&s, dir, &options), SW_ECORRUPT);
	assert_non_null(strstr(s->why, "journal"));
	s->driver->close(s);
}

static void
a_journal_of_a_newer_format_is_refused_by_name(void **state)
{
	struct store *s;
	int fd;

	(void)state;
	(void)with_journal(3);
	fd = file_of("journal");
	assert_int_equal(pwrite(fd, "2", 1, 3), 1);
	assert_int_equal(store_open(&s, dir, &options), SW_EFORMAT);
	assert_non_null(strstr(s->why, "newer version"));
	s->driver->close(s);
	assert_int_equal(pwrite(fd, "1", 1, 3), 1);
	close(fd);
	assert_int_equal(store_open(&s, dir, &options), 0);
	s->driver->close(s);
}

static void
a_missing_journal_is_refused(void **state)
{
	struct store *s;
	char path[128];

	(void)state;
	(void)with_journal(5);
	(void)snprintf(path, sizeof(path), "%s/journal", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(store_open(&s, dir, &options), SW_ECORRUPT);
	assert_non_null(strstr(s->why, "missing"));
	s->driver->close(s);
}

static void
an_older_index_beside_the_journal_is_refused(void **state)
{
	struct open_store o = opened();
	char command[256];
	struct store *s;

	(void)state;
	assert_int_equal(batch(&o, 0, 100), 0);
	closed(&o);
	(void)snprintf(command, sizeof(command),
		"cp --sparse=always %s/data.mdb %s/old", dir, dir);
	assert_int_equal(system(command), 0);
	(void)killed_child(1, 5, 100);
	(void)snprintf(
		command, sizeof(command), "mv %s/old %s/data.mdb", dir, dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(store_open(&s, dir, &options), SW_ECORRUPT);
	assert_non_null(strstr(s->why, "older"));
	s->driver->close(s);
}

/* --- what a producer may have written ------------------------------------- */

/* A record of a later generation with the right checksum, but no salt. */
static void
record_forge(uint8_t p[JOURNAL_HEAD])
{
	memset(p, 0, JOURNAL_HEAD);
	memcpy(p, "SWJ1", 4);
	le_set(p + 8, 8, UINT64_MAX / 2);
	le_set(p + 24, 8, XXH3_64bits_withSeed(p + 32, 0, XXH3_64bits(p, 24)));
}

/* Commits one batch in a process that exits without closing the store. */
static void
crashed_after(struct bytes val)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct open_store o = opened();
		struct store_op op = {STORE_PUT, bytes_str("k"), val};
		int err = 1;

		_exit(o.s->driver->commit(o.s, &o.c, &op, 1, told, &err) != 0 ||
			err != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* A later generation reads each sector of an old large record as a possible
 * record. A forged one in a job's body must not pass for corruption. */
static void
a_body_that_looks_like_a_record_of_the_journal_is_only_a_body(void **state)
{
	enum { BEFORE = JOURNAL_HEAD + 7 + 1 }; /* operation and key "k" */
	uint8_t body[4 * JOURNAL_ALIGN] = {0};
	struct open_store o;

	(void)state;
	for (size_t at = JOURNAL_ALIGN; at < sizeof(body); at += JOURNAL_ALIGN)
		record_forge(body + at - BEFORE);
	crashed_after(bytes_of(body, sizeof(body)));
	crashed_after(bytes_str("small"));
	o = opened();
	closed(&o);
}

/* --- opening -------------------------------------------------------------- */

/* A path of `len` bytes: the folder, "/././." and so on. */
static const char *
long_path(size_t len)
{
	static char path[PATH_MAX + 16];
	size_t n = strlen(dir);

	memcpy(path, dir, n);
	for (; n < len; n++)
		path[n] = (n - strlen(dir)) % 2 == 0 ? '/' : '.';
	path[len] = '\0';
	return path;
}

static void
a_path_too_long_for_the_journal_or_its_beginning_is_refused(void **state)
{
	static const size_t lengths[] = {PATH_MAX - 9, PATH_MAX + 8};
	struct journal j;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(
			journal_open(&j, long_path(lengths[i]), 1 << 20, 1),
			-ENAMETOOLONG);
		journal_close(&j);
	}
}

/* The names below the folder differ in length; a cut one must be an error. */
static void
a_folder_whose_names_would_be_too_long_is_refused(void **state)
{
	(void)state;
	for (size_t len = PATH_MAX - 14; len < PATH_MAX + 2; len++) {
		struct store *s = NULL;

		assert_true(store_open(&s, long_path(len), &options) < 0);
		s->driver->close(s);
	}
}

static int
nothing_to_apply(void *arg, const struct store_op *ops, size_t n)
{
	(void)arg;
	(void)ops;
	return n == 0 ? 0 : -EINVAL;
}

static void
a_journal_that_shrinks_while_it_is_read_is_an_error(void **state)
{
	struct journal j;

	(void)state;
	assert_int_equal(journal_open(&j, dir, 1 << 20, 1), 0);
	assert_int_equal(ftruncate(j.fd, 4096), 0);
	assert_int_equal(journal_replay(&j, 1, nothing_to_apply, NULL), -EIO);
	journal_close(&j);
	assert_int_equal(journal_open(&j, dir, 1 << 20, 0), 0);
	assert_int_equal(ftruncate(j.fd, 100), 0);
	journal_close(&j);
	assert_int_equal(journal_open(&j, dir, 1 << 20, 0), 0);
	assert_int_equal(
		journal_replay(&j, 1, nothing_to_apply, NULL), SW_ECORRUPT);
	journal_close(&j);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_was_confirmed_survives_kill_9),
		T(batches_beyond_the_journals_size_are_durable_too),
		T(a_torn_last_record_is_dropped_and_all_before_it_kept),
		T(damage_in_the_middle_of_the_journal_is_refused),
		T(a_journal_of_a_newer_format_is_refused_by_name),
		T(a_missing_journal_is_refused),
		T(an_older_index_beside_the_journal_is_refused),
		T(a_body_that_looks_like_a_record_of_the_journal_is_only_a_body),
		T(a_path_too_long_for_the_journal_or_its_beginning_is_refused),
		T(a_folder_whose_names_would_be_too_long_is_refused),
		T(a_journal_that_shrinks_while_it_is_read_is_an_error),
	};

	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
