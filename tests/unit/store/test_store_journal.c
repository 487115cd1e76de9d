/* SPDX-License-Identifier: MIT */
/* A journal that is not the one that was confirmed to is refused, however it
 * looks; a repair goes on without it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "broker/store/lmdb.h"
#include "tests/lib/store.h"

static struct fixture lmdb = {.scheme = "lmdb"};

/* Runs a command in the folder of the store. */
static void
sh(const struct fixture *f, const char *command)
{
	char line[512];

	(void)snprintf(line, sizeof(line), "cd %s && %s", f->dir, command);
	assert_int_equal(system(line), 0);
}

/* The files as kill -9 would leave them now, in a folder below. */
static struct fixture
killed(const struct fixture *f, const char *name)
{
	struct fixture copy = *f;
	char command[128];

	(void)snprintf(command, sizeof(command),
		"rm -rf %s && mkdir %s && cp data.mdb journal %s", name, name,
		name);
	sh(f, command);
	copy.s = NULL;
	(void)snprintf(copy.dir, sizeof(copy.dir), "%.40s/%s", f->dir, name);
	(void)snprintf(copy.uri, sizeof(copy.uri), "lmdb:%s", copy.dir);
	return copy;
}

static void
refused(struct fixture *f, const char *why)
{
	struct store_options o = {.map_size = f->map_size, .read_only = 1};

	assert_int_equal(fx_open_at(f), SW_ECORRUPT);
	assert_non_null(strstr(f->s->why, why));
	fx_closed(f);
	assert_int_equal(store_open(&f->s, f->uri, &o), SW_ECORRUPT);
	fx_closed(f);
}

/* Told to, a repair goes on with these rows, and then any start does. */
static void
repaired(struct fixture *f, const char *rows)
{
	struct store_options o = {
		.map_size = f->map_size, .without_journal = 1};
	char more[80];

	assert_int_equal(store_open(&f->s, f->uri, &o), 0);
	assert_int_equal(((struct lmdb *)f->s)->loss.journal, LMDB_BROKEN);
	fx_closed(f);
	fx_opened(f);
	fx_assert_scan(f, "", "", 9, rows);
	assert_int_equal(fx_put(f, "z", "9"), 0);
	fx_reopened(f);
	(void)snprintf(more, sizeof(more), "%sz=9 ", rows);
	fx_assert_scan(f, "", "", 9, more);
	fx_closed(f);
}

/* --- another file --------------------------------------------------------- */

static void
zeros_are_refused(struct fixture *f, const char *rows)
{
	struct fixture copy = killed(f, "crash");

	sh(&copy, "truncate -s 0 journal && truncate -s 1M journal");
	refused(&copy, "the journal is corrupt");
	repaired(&copy, rows);
}

/* From the first confirmation on, and when the journal has nothing new. */
static void
a_journal_of_zeros_is_refused(void **state)
{
	struct fixture *f = *state;

	zeros_are_refused(f, "");
	assert_int_equal(fx_put(f, "a", "1"), 0);
	zeros_are_refused(f, "");
	fx_reopened(f);
	zeros_are_refused(f, "a=1 ");
	fx_reopened(f);
	zeros_are_refused(f, "a=1 ");
}

static void
the_journal_of_another_store_is_refused(void **state)
{
	struct fixture *f = *state, copy, other;

	assert_int_equal(fx_put(f, "a", "1"), 0);
	copy = killed(f, "crash");
	fx_closed(f);
	sh(f, "mkdir other");
	other = *f;
	(void)snprintf(other.uri, sizeof(other.uri), "lmdb:%s/other", f->dir);
	fx_opened(&other);
	assert_int_equal(fx_put(&other, "b", "2"), 0);
	sh(f, "cp other/journal crash");
	fx_closed(&other);
	refused(&copy, "the journal is corrupt");
	repaired(&copy, "");
}

static void
an_older_copy_of_the_journal_is_refused(void **state)
{
	struct fixture *f = *state, copy;

	assert_int_equal(fx_put(f, "a", "1"), 0);
	sh(f, "cp journal old");
	fx_reopened(f);
	assert_int_equal(fx_put(f, "b", "2"), 0);
	fx_reopened(f);
	copy = killed(f, "crash");
	sh(f, "cp old crash/journal");
	refused(&copy, "the journal is corrupt");
	repaired(&copy, "a=1 b=2 ");
}

static void
a_corrupt_mark_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fx_put(f, "a", "1"), 0);
	for (int byte = 0; byte < JOURNAL_HEAD; byte += 3) {
		struct fixture copy = killed(f, "crash");
		char command[128];

		(void)snprintf(command, sizeof(command),
			"printf '\\377' | dd of=journal bs=1 seek=%d "
			"conv=notrunc status=none",
			byte);
		sh(&copy, command);
		if (byte == 3) { /* the digit of the format */
			assert_int_equal(fx_open_at(&copy), SW_EFORMAT);
			fx_closed(&copy);
			continue;
		}
		refused(&copy, "the journal is corrupt");
	}
}

/* --- another length ------------------------------------------------------- */

/* At the end of a record: what is left would look whole. */
static void
a_journal_that_was_cut_short_is_refused(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 6; i++)
		assert_int_equal(fx_put(f, (char[]){(char)('a' + i), 0}, ""), 0);
	for (int sectors = 1; sectors <= 8; sectors++) {
		struct fixture copy = killed(f, "crash");
		char command[64], rows[32] = "";

		(void)snprintf(command, sizeof(command),
			"truncate -s %d journal", sectors * JOURNAL_ALIGN);
		sh(&copy, command);
		refused(&copy, "the journal is cut short");
		for (int i = 0; i < sectors - 1 && i < 6; i++)
			(void)snprintf(rows + 3 * i, 4, "%c= ", 'a' + i);
		repaired(&copy, rows);
	}
}

static void
a_journal_that_grew_has_all(void **state)
{
	struct fixture *f = *state, copy;

	assert_int_equal(fx_put(f, "a", "1"), 0);
	copy = killed(f, "crash");
	sh(&copy, "truncate -s 3M journal");
	fx_opened(&copy);
	fx_assert_scan(&copy, "", "", 9, "a=1 ");
	fx_reopened(&copy);
	fx_closed(&copy);
}

/* --- what is sound -------------------------------------------------------- */

/* Nobody can say whether such an append has written its mark. */
static void
an_append_that_failed_does_not_keep_a_store_from_opening(void **state)
{
	struct fixture *f = *state;
	struct lmdb *l;
	int journal;

	assert_int_equal(fx_put(f, "a", "1"), 0);
	for (int i = 0; i < 2; i++) {
		fx_reopened(f);
		l = (struct lmdb *)f->s;
		journal = l->journal.fd;
		l->journal.fd = -1;
		assert_int_equal(fx_put(f, "b", "2"), SW_EUNKNOWN);
		l->journal.fd = journal;
	}
	fx_reopened(f);
	fx_assert_val(f, "a", "1");
}

/* clang-format off */
#define T(f) {#f, f, fx_setup, fx_teardown, &lmdb}
/* clang-format on */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_journal_of_zeros_is_refused),
		T(the_journal_of_another_store_is_refused),
		T(an_older_copy_of_the_journal_is_refused),
		T(a_corrupt_mark_is_refused),
		T(a_journal_that_was_cut_short_is_refused),
		T(a_journal_that_grew_has_all),
		T(an_append_that_failed_does_not_keep_a_store_from_opening),
	};

	return cmocka_run_group_tests_name("store_journal", tests, NULL, NULL);
}
