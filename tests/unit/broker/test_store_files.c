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
	};

	return cmocka_run_group_tests_name("store_files", tests, NULL, NULL);
}
