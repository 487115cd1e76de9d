/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "tests/lib/folder.h"
#include "tests/lib/store.h"

int
fx_open_at(struct fixture *f)
{
	struct store_options o = {.map_size = f->map_size};

	return store_open(&f->s, f->uri, &o);
}

void
fx_opened(struct fixture *f)
{
	assert_int_equal(fx_open_at(f), 0);
	assert_int_equal(f->s->driver->claim(f->s, 0, 0, &f->c), 0);
}

void
fx_closed(struct fixture *f)
{
	if (f->s != NULL)
		f->s->driver->close(f->s);
	f->s = NULL;
}

void
fx_reopened(struct fixture *f)
{
	fx_closed(f);
	fx_opened(f);
}

int
fx_setup(void **state)
{
	struct fixture *f = *state;

	folder_make(f->dir);
	(void)snprintf(f->uri, sizeof(f->uri), "%s:%s", f->scheme, f->dir);
	if (f->map_size == 0)
		f->map_size = 64 << 20;
	fx_opened(f);
	return 0;
}

int
fx_teardown(void **state)
{
	struct fixture *f = *state;

	fx_closed(f);
	folder_remove(f->dir);
	f->map_size = 0;
	return 0;
}

void
fx_tell(void *arg, int err)
{
	struct fx_told *t = arg;

	t->calls++;
	t->err = err;
}

int
fx_commit_as(struct fixture *f, const struct claim *c,
	const struct store_op *ops, size_t n)
{
	struct fx_told t = {0};

	assert_int_equal(f->s->driver->commit(f->s, c, ops, n, fx_tell, &t), 0);
	if (f->s->driver->fd(f->s) < 0)
		assert_int_equal(t.calls, 1);
	return t.err;
}

int
fx_commit(struct fixture *f, const struct store_op *ops, size_t n)
{
	return fx_commit_as(f, &f->c, ops, n);
}

struct store_op
fx_op_put(const char *key, const char *val)
{
	return (struct store_op){STORE_PUT, bytes_str(key), bytes_str(val)};
}

struct store_op
fx_op_delete(const char *key)
{
	return (struct store_op){.kind = STORE_DELETE, .key = bytes_str(key)};
}

int
fx_put(struct fixture *f, const char *key, const char *val)
{
	struct store_op op = fx_op_put(key, val);

	return fx_commit(f, &op, 1);
}

void
fx_assert_val(struct fixture *f, const char *key, const char *want)
{
	struct bytes val;

	assert_int_equal(f->s->driver->get(f->s, 0, bytes_str(key), &val), 0);
	assert_true(bytes_eq(val, bytes_str(want)));
}

void
fx_assert_none(struct fixture *f, const char *key)
{
	struct bytes val;

	assert_int_equal(
		f->s->driver->get(f->s, 0, bytes_str(key), &val), SW_ENOJOB);
}

int
fx_see(void *arg, struct bytes key, struct bytes val)
{
	struct fx_seen *seen = arg;
	size_t at = strlen(seen->text);

	(void)snprintf(seen->text + at, sizeof(seen->text) - at, "%.*s=%.*s ",
		(int)key.len, (const char *)key.p, (int)val.len,
		(const char *)val.p);
	return ++seen->n == seen->stop_after;
}

void
fx_assert_scan(struct fixture *f, const char *from, const char *to,
	size_t limit, const char *want)
{
	struct fx_seen seen = {0};

	assert_int_equal(f->s->driver->scan(f->s, 0, bytes_str(from),
				 bytes_str(to), limit, fx_see, &seen),
		0);
	assert_string_equal(seen.text, want);
}

struct fx_meta
fx_meta_open(struct fixture *f)
{
	struct fx_meta m;

	assert_int_equal(mdb_env_create(&m.env), 0);
	assert_int_equal(mdb_env_set_maxdbs(m.env, 20), 0);
	assert_int_equal(mdb_env_open(m.env, f->dir, 0, 0600), 0);
	assert_int_equal(mdb_txn_begin(m.env, NULL, 0, &m.txn), 0);
	assert_int_equal(mdb_dbi_open(m.txn, "meta", 0, &m.dbi), 0);
	return m;
}

void
fx_meta_close(struct fx_meta *m)
{
	assert_int_equal(mdb_txn_commit(m->txn), 0);
	mdb_env_close(m->env);
}
