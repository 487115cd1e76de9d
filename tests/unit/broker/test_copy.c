/* SPDX-License-Identifier: MIT */
/* A copy of the store beside the process that has it open, and a data.mdb that
 * gives its free pages back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "broker/repair/copy.h"
#include "broker/repair/lmdb.h"
#include "broker/store/lmdb.h"
#include "tests/lib/store.h"

static struct fixture lmdb = {.scheme = "lmdb"};

enum { BIG = 100000 }; /* bytes of a row, in pages of its own */

/* What the process that copies does when the files are there. */
enum copy_act { COPY_ENDS, COPY_IS_TERMINATED, COPY_IS_KILLED };

static const char *
copy_dir(const struct fixture *f)
{
	static char dir[128];

	(void)snprintf(dir, sizeof(dir), "%s/copy", f->dir);
	return dir;
}

static const char *
copy_file(const struct fixture *f, const char *name)
{
	static char path[160];

	(void)snprintf(path, sizeof(path), "%s/copy/%s", f->dir, name);
	return path;
}

/* Makes the copy the fixture's store. */
static void
copy_is(struct fixture *f)
{
	assert_true(strlen(copy_dir(f)) < sizeof(f->uri));
	memcpy(f->uri, copy_dir(f), strlen(copy_dir(f)) + 1);
}

/* LMDB takes a file once in a process, so another one copies; its status. */
static int
copied(const struct fixture *f, enum copy_act act)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct copy_result r;
		int err = copy_begin(f->dir, copy_dir(f), f->map_size, &r);

		if (err == 0 && act != COPY_ENDS)
			(void)raise(act == COPY_IS_KILLED ? SIGKILL : SIGTERM);
		if (err == 0)
			err = copy_end(&r);
		if (err < 0)
			copy_drop();
		_exit(err == 0 ? 0 : err == -EEXIST ? 2 : 3);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* Rows 0 to n - 1 of 100,000 bytes. */
static void
big_rows(struct fixture *f, enum store_op_kind kind, uint8_t n)
{
	static const uint8_t val[BIG];

	for (uint8_t i = 0; i < n; i++) {
		const struct store_op op = {kind, bytes_of(&i, 1),
			bytes_of(val, kind == STORE_PUT ? sizeof(val) : 0)};

		assert_int_equal(fx_commit(f, &op, 1), 0);
	}
}

static struct store_usage
usage(struct fixture *f)
{
	struct store_usage u;

	assert_int_equal(f->s->driver->usage(f->s, &u), 0);
	return u;
}

/* --- the copy ---------------------------------------------------------- */

static void
a_copy_has_all_that_was_confirmed_before_the_store_was_shared(void **state)
{
	struct fixture *f = *state, other = *f;

	big_rows(f, STORE_PUT, 200);
	assert_int_equal(fx_put(f, "before", "1"), 0);
	assert_int_equal(f->s->driver->share(f->s, 1), 0);
	assert_int_equal(fx_put(f, "after", "2"), 0);
	assert_int_equal(copied(f, COPY_ENDS), 0);
	assert_int_equal(f->s->driver->share(f->s, 0), 0);
	assert_int_equal(fx_put(f, "later", "3"), 0);

	copy_is(&other);
	fx_opened(&other);
	assert_int_equal(other.c.epoch, f->c.epoch + 1);
	fx_assert_val(&other, "before", "1");
	fx_assert_none(&other, "after");
	assert_int_equal(fx_put(&other, "its own", "4"), 0);
	fx_reopened(&other);
	fx_assert_val(&other, "its own", "4");
	fx_closed(&other);
	fx_reopened(f);
	fx_assert_val(f, "after", "2");
	fx_assert_val(f, "later", "3");
}

static void
an_empty_folder_is_taken_and_one_with_a_file_is_left_as_it_is(void **state)
{
	struct fixture *f = *state;
	int fd;

	assert_int_equal(f->s->driver->share(f->s, 1), 0);
	assert_int_equal(mkdir(copy_dir(f), 0700), 0);
	fd = open(copy_file(f, "data.mdb"), O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(WEXITSTATUS(copied(f, COPY_ENDS)), 2);
	assert_int_equal(access(copy_file(f, "data.mdb"), F_OK), 0);
	assert_int_equal(unlink(copy_file(f, "data.mdb")), 0);
	assert_int_equal(copied(f, COPY_ENDS), 0);
	assert_int_equal(access(copy_file(f, "data.mdb"), F_OK), 0);
	assert_int_equal(access(copy_file(f, LMDB_UNFINISHED), F_OK), -1);
}

static void
a_copy_that_is_ended_leaves_no_file(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(f->s->driver->share(f->s, 1), 0);
	assert_true(WIFEXITED(copied(f, COPY_IS_TERMINATED)));
	assert_int_equal(access(copy_dir(f), F_OK), -1);
	assert_int_equal(mkdir(copy_dir(f), 0700), 0);
	assert_int_not_equal(copied(f, COPY_IS_TERMINATED), 0);
	assert_int_equal(rmdir(copy_dir(f)), 0); /* it is there, and empty */
}

static void
what_a_killed_copy_leaves_is_no_store(void **state)
{
	struct fixture *f = *state, other = *f;

	assert_int_equal(f->s->driver->share(f->s, 1), 0);
	assert_int_equal(WTERMSIG(copied(f, COPY_IS_KILLED)), SIGKILL);
	assert_int_equal(access(copy_file(f, "data.mdb"), F_OK), 0);
	copy_is(&other);
	assert_int_equal(fx_open_at(&other), SW_EFORMAT);
	assert_non_null(strstr(other.s->why, "backup that was not completed"));
	fx_closed(&other);
	assert_int_equal(WEXITSTATUS(copied(f, COPY_ENDS)), 2);
}

/* --- what a reader keeps ----------------------------------------------- */

/* A process that reads the store until it is killed, which it is. */
static void
reader_killed(const struct fixture *f)
{
	int fds[2], status;
	pid_t pid;
	char c;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		MDB_env *env;
		MDB_txn *txn;

		if (mdb_env_create(&env) == 0 &&
			mdb_env_open(env, f->dir, MDB_RDONLY, 0) == 0 &&
			mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0)
			(void)!write(fds[1], "x", 1);
		for (;;)
			pause();
	}
	assert_int_equal(read(fds[0], &c, 1), 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(fds[0]);
	close(fds[1]);
}

static void
a_checkpoint_forgets_readers_that_were_killed(void **state)
{
	struct fixture *f = *state;
	struct lmdb *l = (struct lmdb *)f->s;
	int gone = -1;

	reader_killed(f);
	assert_int_equal(fx_put(f, "a", "1"), 0);
	assert_int_equal(f->s->driver->share(f->s, 1), 0);
	assert_int_equal(mdb_reader_check(l->env, &gone), 0);
	assert_int_equal(gone, 0);
}

static void
pages_that_a_copy_may_read_do_not_count_as_free(void **state)
{
	enum { LEAST = BIG / 4096 * 40 };
	struct fixture *f = *state;
	uint64_t before;

	big_rows(f, STORE_PUT, 50);
	assert_int_equal(f->s->driver->share(f->s, 1), 0);
	before = usage(f).free_pages;
	big_rows(f, STORE_DELETE, 50);
	assert_int_equal(fx_put(f, "a", "1"), 0);
	assert_int_equal(lmdb_checkpoint((struct lmdb *)f->s), 0);
	assert_true(usage(f).free_pages <= before);
	assert_int_equal(f->s->driver->share(f->s, 0), 0);
	assert_true(usage(f).free_pages > before + LEAST);
}

/* --- a smaller file ---------------------------------------------------- */

static void
a_compacted_file_has_every_row_and_no_free_page(void **state)
{
	struct fixture *f = *state;
	struct store_usage u;
	uint64_t pages[2];

	big_rows(f, STORE_PUT, 255);
	big_rows(f, STORE_DELETE, 250);
	assert_int_equal(fx_put(f, "a", "1"), 0);
	assert_int_equal(lmdb_compact(f->s, pages), 0);
	fx_reopened(f);
	u = usage(f);
	assert_true(pages[0] > BIG / 4096 * 100);
	assert_true(pages[1] < BIG / 4096 * 8);
	assert_true(u.used_pages < pages[1] + 16);
	assert_true(u.free_pages < 16);
	fx_assert_val(f, "a", "1");
	for (uint8_t i = 250; i < 255; i++) {
		struct bytes val;

		assert_int_equal(
			f->s->driver->get(f->s, 0, bytes_of(&i, 1), &val), 0);
		assert_int_equal(val.len, BIG);
	}
}

static void
a_large_file_is_compacted_in_several_commits(void **state)
{
	struct fixture *f = *state;
	uint64_t pages[2], corrupt = 7;
	struct bytes val;

	big_rows(f, STORE_PUT, 255);
	assert_int_equal(lmdb_compact(f->s, pages), 0);
	fx_reopened(f);
	assert_int_equal(lmdb_check(f->s, &corrupt), 0);
	assert_int_equal(corrupt, 0);
	for (uint8_t i = 0; i < 255; i++)
		assert_int_equal(
			f->s->driver->get(f->s, 0, bytes_of(&i, 1), &val), 0);
}

/* clang-format off */
#define T(f) {#f, f, fx_setup, fx_teardown, &lmdb}
/* clang-format on */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_copy_has_all_that_was_confirmed_before_the_store_was_shared),
		T(an_empty_folder_is_taken_and_one_with_a_file_is_left_as_it_is),
		T(a_copy_that_is_ended_leaves_no_file),
		T(what_a_killed_copy_leaves_is_no_store),
		T(a_checkpoint_forgets_readers_that_were_killed),
		T(pages_that_a_copy_may_read_do_not_count_as_free),
		T(a_compacted_file_has_every_row_and_no_free_page),
		T(a_large_file_is_compacted_in_several_commits),
	};

	return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}
