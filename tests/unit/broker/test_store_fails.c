/* SPDX-License-Identifier: MIT */
/* LMDB's files when they cannot be written or read any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "broker/store/lmdb.h"
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

#define T(f)                                                                   \
	cmocka_unit_test_prestate_setup_teardown(                              \
		f, fx_setup, fx_teardown, &lmdb)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(when_the_index_cannot_be_written_nothing_goes_until_the_next_start),
		T(a_checkpoint_that_fails_is_told_by_whoever_asks_how_full_it_is),
		T(when_the_journal_cannot_be_read_again_nothing_goes_until_the_next_start),
	};

	return cmocka_run_group_tests_name("store_fails", tests, NULL, NULL);
}
