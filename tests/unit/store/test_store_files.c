/* SPDX-License-Identifier: MIT */
/* The store's files belong to one process, and are those at their paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "broker/store/lmdb.h"
#include "tests/lib/store.h"

static struct fixture lmdb = {.scheme = "lmdb"};

static const char *const files[] = {
	"broker.lock", "data.mdb", "journal", "lock.mdb"};

enum { FILES = sizeof(files) / sizeof(files[0]) };

struct path {
	char text[128];
};

static struct path
path_of(const struct fixture *f, const char *name)
{
	struct path p;

	(void)snprintf(p.text, sizeof(p.text), "%s/%s", f->dir, name);
	return p;
}

static void
removed(const struct fixture *f, const char *name)
{
	assert_int_equal(unlink(path_of(f, name).text), 0);
}

static void
renamed(const struct fixture *f, const char *from, const char *to)
{
	assert_int_equal(rename(path_of(f, from).text, path_of(f, to).text), 0);
}

static int
check(struct fixture *f)
{
	return f->s->driver->check(f->s);
}

/* A second process, as far as flock(2) can tell. */
static void
a_second_is_refused(const struct fixture *f, int err, const char *why)
{
	struct fixture second = *f;

	second.s = NULL;
	assert_int_equal(fx_open_at(&second), err);
	assert_non_null(strstr(second.s->why, why));
	fx_closed(&second);
}

static void
a_second_process_hears_who_has_the_store(void **state)
{
	struct fixture *f = *state;
	char who[64];

	(void)snprintf(who, sizeof(who), "process %d has the store open",
		(int)getpid());
	a_second_is_refused(f, -EBUSY, who);
	assert_int_equal(fx_put(f, "a", "1"), 0);
}

/* Any of the lock files may be deleted under a running broker, and one of the
 * two others: what is left of the store keeps a second process out. */
static void
the_lock_outlives_the_lock_files(void **state)
{
	struct fixture *f = *state;
	char who[64];

	(void)snprintf(who, sizeof(who), "process %d has the store open",
		(int)getpid());
	assert_int_equal(fx_put(f, "a", "1"), 0);
	removed(f, "broker.lock");
	a_second_is_refused(f, -EBUSY, who);
	removed(f, "broker.lock");
	removed(f, "lock.mdb");
	a_second_is_refused(f, -EBUSY, who);
	removed(f, "broker.lock");
	renamed(f, "journal", "aside");
	a_second_is_refused(f, -EBUSY, who);
	removed(f, "broker.lock");
	renamed(f, "aside", "journal");
	renamed(f, "data.mdb", "aside");
	a_second_is_refused(f, SW_ECORRUPT, "data.mdb is missing");
	assert_int_equal(symlink("aside", path_of(f, "data.mdb").text), 0);
	a_second_is_refused(f, -EBUSY, who);
}

/* A copy of data.mdb, as after a restore under a running broker. */
static void
the_journal_alone_keeps_a_second_process_out(void **state)
{
	struct fixture *f = *state;
	char command[256];

	assert_int_equal(fx_put(f, "a", "1"), 0);
	(void)snprintf(command, sizeof(command),
		"cd %s && cp data.mdb copy && mv copy data.mdb && "
		"rm broker.lock lock.mdb",
		f->dir);
	assert_int_equal(system(command), 0);
	a_second_is_refused(f, -EBUSY, "has the store open");
}

static void
a_file_that_is_removed_renamed_or_replaced_is_noticed(void **state)
{
	struct fixture *f = *state;
	char command[300];

	assert_int_equal(check(f), 0);
	for (int i = 0; i < FILES; i++) {
		renamed(f, files[i], "aside");
		assert_int_equal(check(f), -ESTALE);
		assert_non_null(strstr(f->s->why, files[i]));
		(void)snprintf(command, sizeof(command), "cd %s && cp aside %s",
			f->dir, files[i]);
		assert_int_equal(system(command), 0);
		assert_int_equal(check(f), -ESTALE);
		assert_non_null(strstr(f->s->why, files[i]));
		renamed(f, "aside", files[i]);
		assert_int_equal(check(f), 0);
	}
}

static void
a_folder_that_is_renamed_is_noticed(void **state)
{
	struct fixture *f = *state;
	char dir[80];

	(void)snprintf(dir, sizeof(dir), "%s.aside", f->dir);
	assert_int_equal(rename(f->dir, dir), 0);
	assert_int_equal(check(f), -ESTALE);
	assert_int_equal(rename(dir, f->dir), 0);
	assert_int_equal(check(f), 0);
}

/* Not even between two checks. */
static void
what_is_written_to_a_removed_file_is_not_confirmed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fx_put(f, "a", "1"), 0);
	removed(f, "journal");
	assert_int_equal(fx_put(f, "b", "2"), SW_EUNKNOWN);
	assert_non_null(strstr(f->s->why, "journal: the file was removed"));
	fx_closed(f);
}

static void
what_is_written_beside_a_removed_index_is_not_confirmed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fx_put(f, "a", "1"), 0);
	removed(f, "data.mdb");
	assert_int_equal(fx_put(f, "b", "2"), SW_EUNKNOWN);
	assert_non_null(strstr(f->s->why, "data.mdb: the file was removed"));
	fx_closed(f);
}

/* --- without the journal ---------------------------------------------------
 */

static int
opened_without(struct fixture *f, int read_only)
{
	struct store_options o = {.map_size = f->map_size,
		.without_journal = 1,
		.read_only = read_only};

	return store_open(&f->s, f->uri, &o);
}

static const struct lmdb_loss *
loss(const struct fixture *f)
{
	return &((const struct lmdb *)f->s)->loss;
}

/* The files as kill -9 would leave them: `a` in data.mdb, `b` and `c` in the
 * journal. */
static void
killed(struct fixture *f, struct fixture *copy)
{
	char command[256];

	assert_int_equal(fx_put(f, "a", "1"), 0);
	fx_reopened(f);
	assert_int_equal(fx_put(f, "b", "2"), 0);
	assert_int_equal(fx_put(f, "c", "3"), 0);
	*copy = *f;
	copy->s = NULL;
	(void)snprintf(copy->dir, sizeof(copy->dir), "%.50s/crash", f->dir);
	(void)snprintf(copy->uri, sizeof(copy->uri), "lmdb:%s", copy->dir);
	(void)snprintf(command, sizeof(command),
		"cd %s && mkdir crash && cp data.mdb journal crash", f->dir);
	assert_int_equal(system(command), 0);
}

static void
refused_with(struct fixture *f, const char *why)
{
	assert_int_equal(fx_open_at(f), SW_ECORRUPT);
	assert_non_null(strstr(f->s->why, why));
	fx_closed(f);
}

/* Then as any store, also after it was closed. */
static void
goes_on_with(struct fixture *f, const char *rows)
{
	char more[80];

	fx_assert_scan(f, "", "", 99, rows);
	fx_closed(f);
	fx_opened(f);
	fx_assert_scan(f, "", "", 99, rows);
	assert_int_equal(fx_put(f, "z", "9"), 0);
	fx_reopened(f);
	(void)snprintf(more, sizeof(more), "%sz=9 ", rows);
	fx_assert_scan(f, "", "", 99, more);
	fx_closed(f);
}

static void
without_its_journal_a_store_opens_only_if_told_to(void **state)
{
	struct fixture *f = *state, copy;

	killed(f, &copy);
	removed(&copy, "journal");
	refused_with(&copy, "the journal is missing");
	assert_int_equal(opened_without(&copy, 1), 0);
	assert_int_equal(loss(&copy)->journal, LMDB_MISSING);
	fx_assert_scan(&copy, "", "", 99, "a=1 ");
	fx_closed(&copy);
	refused_with(&copy, "the journal is missing");
	assert_int_equal(opened_without(&copy, 0), 0);
	assert_int_equal(loss(&copy)->journal, LMDB_MISSING);
	assert_int_equal(loss(&copy)->epoch, f->c.epoch);
	assert_true(loss(&copy)->checkpoint_ms > 0);
	assert_false(loss(&copy)->closed);
	goes_on_with(&copy, "a=1 ");
}

static void
a_store_that_was_closed_misses_nothing_without_its_journal(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fx_put(f, "a", "1"), 0);
	fx_closed(f);
	removed(f, "journal");
	assert_int_equal(opened_without(f, 0), 0);
	assert_int_equal(loss(f)->journal, LMDB_MISSING);
	assert_true(loss(f)->closed);
	goes_on_with(f, "a=1 ");
}

static void
of_a_broken_journal_what_is_before_the_gap_is_kept(void **state)
{
	struct fixture *f = *state, copy;
	char command[256];

	killed(f, &copy);
	assert_int_equal(fx_put(f, "d", "4"), 0);
	(void)snprintf(command, sizeof(command),
		"cd %s && cp journal crash && printf x | dd of=crash/journal "
		"bs=1 seek=%d conv=notrunc status=none",
		f->dir, 2 * JOURNAL_ALIGN + JOURNAL_HEAD + 8);
	assert_int_equal(system(command), 0);
	refused_with(&copy, "the journal is corrupt");
	assert_int_equal(opened_without(&copy, 0), 0);
	assert_int_equal(loss(&copy)->journal, LMDB_BROKEN);
	assert_int_equal(loss(&copy)->applied, 1);
	goes_on_with(&copy, "a=1 b=2 ");
}

/* data.mdb from before the journal's generation: nothing in it fits. */
static void
of_the_journal_of_a_later_index_nothing_is_applied(void **state)
{
	struct fixture *f = *state, copy;
	char command[256];

	killed(f, &copy);
	for (int i = 0; i < 5; i++) {
		fx_reopened(f);
		assert_int_equal(fx_put(f, "later", "5"), 0);
	}
	(void)snprintf(
		command, sizeof(command), "cd %s && cp journal crash", f->dir);
	assert_int_equal(system(command), 0);
	refused_with(&copy, "an older copy");
	assert_int_equal(opened_without(&copy, 0), 0);
	assert_int_equal(loss(&copy)->journal, LMDB_BROKEN);
	goes_on_with(&copy, "a=1 ");
}

static void
a_journal_that_is_empty_or_cut_short_is_refused_and_renewed(void **state)
{
	static const off_t lengths[] = {0, 100, 700};
	struct fixture *f = *state, copy;
	struct stat st;

	killed(f, &copy);
	assert_int_equal(truncate(path_of(&copy, "journal").text, 0), 0);
	refused_with(&copy, "the journal is empty");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(
			truncate(path_of(&copy, "journal").text, lengths[i]),
			0);
		refused_with(&copy, "the journal is");
		assert_int_equal(opened_without(&copy, 0), 0);
		assert_int_equal(loss(&copy)->journal, LMDB_BROKEN);
		fx_assert_scan(&copy, "", "", 99, "a=1 ");
		fx_closed(&copy);
		assert_int_equal(stat(path_of(&copy, "journal").text, &st), 0);
		assert_int_equal(st.st_size, 1 << 20);
	}
	fx_opened(&copy);
	goes_on_with(&copy, "a=1 ");
}

static void
a_whole_journal_is_used_also_by_who_could_do_without(void **state)
{
	struct fixture *f = *state, copy;

	killed(f, &copy);
	assert_int_equal(opened_without(&copy, 0), 0);
	assert_int_equal(loss(&copy)->journal, LMDB_WHOLE);
	goes_on_with(&copy, "a=1 b=2 c=3 ");
}

/* What the broker does when it notices: nothing confirmed is lost. */
static void
a_store_whose_journal_was_removed_is_whole_once_it_is_closed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fx_put(f, "a", "1"), 0);
	removed(f, "journal");
	assert_int_equal(check(f), -ESTALE);
	fx_closed(f);
	assert_int_equal(opened_without(f, 0), 0);
	assert_true(loss(f)->closed);
	fx_assert_val(f, "a", "1");
}

/* clang-format off */
#define T(f) {#f, f, fx_setup, fx_teardown, &lmdb}
/* clang-format on */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_second_process_hears_who_has_the_store),
		T(the_lock_outlives_the_lock_files),
		T(the_journal_alone_keeps_a_second_process_out),
		T(a_file_that_is_removed_renamed_or_replaced_is_noticed),
		T(a_folder_that_is_renamed_is_noticed),
		T(what_is_written_to_a_removed_file_is_not_confirmed),
		T(what_is_written_beside_a_removed_index_is_not_confirmed),
		T(without_its_journal_a_store_opens_only_if_told_to),
		T(a_store_that_was_closed_misses_nothing_without_its_journal),
		T(of_a_broken_journal_what_is_before_the_gap_is_kept),
		T(of_the_journal_of_a_later_index_nothing_is_applied),
		T(a_journal_that_is_empty_or_cut_short_is_refused_and_renewed),
		T(a_whole_journal_is_used_also_by_who_could_do_without),
		T(a_store_whose_journal_was_removed_is_whole_once_it_is_closed),
	};

	return cmocka_run_group_tests_name("store_files", tests, NULL, NULL);
}
