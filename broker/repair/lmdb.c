/* SPDX-License-Identifier: MIT */
#include "broker/repair/lmdb.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/must.h"
#include "broker/store/lmdb.h"
#include "broker/store/lmdb_value.h"

enum { COMMIT_BYTES = 16 << 20 }; /* of rows, in one transaction */

struct file_walk {
	struct lmdb *l;
	struct lmdb to;		 /* env NULL: rows are only counted */
	int new_journal;	 /* the copy gets one, without a mark */
	size_t pending;		 /* bytes of rows since the last commit */
	struct lmdb_extent made; /* the new file */
	uint64_t corrupt;
	uint8_t last[STORE_KEY_MAX];
	size_t last_len;
};

static int
key_is_later(const struct file_walk *w, const MDB_val *k)
{
	return bytes_cmp(bytes_of(k->mv_data, k->mv_size),
		       bytes_of(w->last, w->last_len)) > 0;
}

/* One zero byte, which no decoder accepts, replaces a value that is lost. */
static MDB_val
value_or_lost(const struct file_walk *w, const MDB_val *v)
{
	static uint8_t lost[1];

	return lmdb_value_sound(w->l->env, v) ? *v
					      : (MDB_val){sizeof(lost), lost};
}

/*
 * Keeps a second row of one key beside the first, under a longer key: only
 * verify.c, which knows what rows mean, can decide which one is right.  Behind
 * the longest key there is none; no row of a job has that.
 */
static int
row_copy_twice(struct file_walk *w, const MDB_val *k, const MDB_val *v)
{
	uint8_t key[STORE_KEY_MAX] = {0};
	MDB_val to = {k->mv_size, key}, val;
	int rc;

	memcpy(key, k->mv_data, k->mv_size);
	do {
		val = value_or_lost(w, v); /* mdb_put() sets it to the first */
		rc = mdb_put(
			w->to.txn, w->to.rows[0], &to, &val, MDB_NOOVERWRITE);
		to.mv_size++;
	} while (rc == MDB_KEYEXIST && to.mv_size <= STORE_KEY_MAX);
	return rc == MDB_KEYEXIST ? 0 : rc;
}

/*
 * Dirty pages are in memory until a commit.  A file that is cut short by a
 * crash is never renamed, so commits need no sync.
 */
static int
rows_commit(struct file_walk *w)
{
	int rc = mdb_txn_commit(w->to.txn);

	w->pending = 0;
	w->to.txn = NULL;
	return rc != 0 ? rc : mdb_txn_begin(w->to.env, NULL, 0, &w->to.txn);
}

/* Behind the last row of the new file, whose pages so become full; or, in a
 * file with rows out of order, between others. */
static int
row_copy(struct file_walk *w, const MDB_val *k, const MDB_val *v)
{
	MDB_val key = *k, val = value_or_lost(w, v);
	int rc = mdb_put(w->to.txn, w->to.rows[0], &key, &val, MDB_APPEND);

	if (rc == MDB_KEYEXIST)
		rc = row_copy_twice(w, k, v);
	w->pending += k->mv_size + v->mv_size;
	return rc == 0 && w->pending >= COMMIT_BYTES ? rows_commit(w) : rc;
}

static int
key_len_is_valid(const MDB_val *k)
{
	return k->mv_size - 1 < STORE_KEY_MAX;
}

static int
row_take(struct file_walk *w, const MDB_val *k, const MDB_val *v)
{
	int is_valid = key_len_is_valid(k),
	    is_later = is_valid && key_is_later(w, k);

	w->corrupt += !is_later || !lmdb_value_sound(w->l->env, v);
	if (is_later) {
		memcpy(w->last, k->mv_data, k->mv_size);
		w->last_len = k->mv_size;
	}
	return is_valid && w->to.env != NULL ? row_copy(w, k, v) : 0;
}

typedef int row_fn(struct file_walk *, const MDB_val *k, const MDB_val *v);

/* Calls `each` for each row of a table, until it returns an error. */
static int
table_walk(struct file_walk *w, MDB_dbi table, row_fn *each)
{
	MDB_val k, v;
	MDB_cursor *cur;
	int rc = mdb_cursor_open(w->l->txn, table, &cur);

	if (rc != 0)
		return rc;
	while (rc == 0 && (rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT)) == 0)
		rc = each(w, &k, &v);
	mdb_cursor_close(cur);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int
meta_copy(struct file_walk *w, const MDB_val *k, const MDB_val *v)
{
	MDB_val key = *k, val = *v;

	return lmdb_value_sound(w->l->env, v)
		       ? mdb_put(w->to.txn, w->to.meta, &key, &val, 0)
		       : MDB_CORRUPTED;
}

/* MDB_NOSYNC: part_write() syncs once, when the file is complete. */
static int
part_open(struct file_walk *w, const char *part)
{
	struct lmdb_extent x;
	int rc;

	lmdb_extent(w->l, &x);
	(void)unlink(part);
	rc = mdb_env_create(&w->to.env);
	if (rc != 0)
		return rc;
	must(mdb_env_set_mapsize(w->to.env, (size_t)x.max) == 0 &&
		mdb_env_set_maxdbs(w->to.env, LMDB_SHARDS_MAX + 1) == 0);
	rc = mdb_env_open(
		w->to.env, part, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC, 0600);
	return rc != 0 ? rc : mdb_txn_begin(w->to.env, NULL, 0, &w->to.txn);
}

static int
part_write(struct file_walk *w)
{
	static const struct lmdb_number no_mark = {"journal_front", 0};
	int rc = lmdb_tables_make(&w->to);

	if (rc == 0)
		rc = table_walk(w, w->l->meta, meta_copy);
	if (rc == 0 && w->new_journal)
		rc = lmdb_meta_put(&w->to, &no_mark, 1);
	w->corrupt = w->last_len = 0;
	if (rc == 0)
		rc = table_walk(w, w->l->rows[0], row_take);
	if (rc != 0) {
		mdb_txn_abort(w->to.txn);
		return rc;
	}
	rc = mdb_txn_commit(w->to.txn);
	if (rc == 0) {
		lmdb_extent(&w->to, &w->made);
		lmdb_room_reserve(&w->to);
	}
	return rc != 0 ? rc : mdb_env_sync(w->to.env, 1);
}

/* A broker that runs as another user must be able to open the new file. */
static int
owner_copy(const char *path, const char *part)
{
	struct stat st;

	return stat(path, &st) == 0 && chown(part, st.st_uid, st.st_gid) == 0
		       ? 0
		       : errno;
}

static int
file_make(struct file_walk *w, const char *dir)
{
	char path[PATH_MAX + 16], part[PATH_MAX + 16];
	int rc;

	(void)snprintf(path, sizeof(path), "%s/data.mdb", dir);
	(void)snprintf(part, sizeof(part), "%s/data.mdb.part", dir);
	rc = part_open(w, part);
	if (rc == 0)
		rc = part_write(w);
	if (w->to.env != NULL)
		mdb_env_close(w->to.env);
	if (rc == 0)
		rc = owner_copy(path, part);
	if (rc == 0 && rename(part, path) != 0)
		rc = errno;
	return rc == 0 ? lmdb_path_sync(w->l, dir)
		       : lmdb_convert(w->l, rc, part);
}

static int
rows_count(struct file_walk *w)
{
	int err = lmdb_txn_ensure(w->l);

	if (err == 0)
		err = lmdb_convert(w->l, table_walk(w, w->l->rows[0], row_take),
			"data.mdb");
	return err;
}

int
lmdb_file_check(const char *path, const char **why)
{
	const unsigned flags = MDB_RDONLY | MDB_NOSUBDIR | MDB_NOLOCK;
	struct lmdb l = {.env = NULL};
	struct lmdb_extent x;
	struct stat st;
	int rc = mdb_env_create(&l.env), err;

	if (rc == 0)
		rc = mdb_env_open(l.env, path, flags, 0);
	err = lmdb_convert(&l, rc, path);
	if (err < 0)
		*why = err == SW_EFORMAT ? "is not an LMDB file of this version"
					 : mdb_strerror(rc);
	if (err == 0)
		lmdb_extent(&l, &x);
	if (err == 0 && fstat(x.fd, &st) == 0 && st.st_size < x.end) {
		err = SW_ECORRUPT;
		*why = "is cut short";
	}
	if (l.env != NULL)
		mdb_env_close(l.env);
	return err;
}

int
lmdb_check(struct store *s, uint64_t *corrupt)
{
	struct file_walk w = {.l = (struct lmdb *)s};
	int err = rows_count(&w);

	if (err == 0)
		*corrupt = w.corrupt;
	return err;
}

/* Opens a walk over all rows; the journal is void from here on. */
static int
walk_begin(struct file_walk *w, struct lmdb *l, const char **dir)
{
	int err = lmdb_txn_ensure(l);

	*w = (struct file_walk){.l = l};
	if (err == 0)
		err = lmdb_checkpoint(l);
	if (err == 0)
		err = rows_count(w);
	must(mdb_env_get_path(l->env, dir) == 0);
	return err;
}

int
lmdb_rebuild(struct store *s, uint64_t *corrupt)
{
	struct file_walk w;
	const char *dir;
	uint64_t n;
	int err = walk_begin(&w, (struct lmdb *)s, &dir);

	if (err < 0)
		return err;
	n = w.corrupt;
	if (n > 0)
		err = file_make(&w, dir);
	if (err == 0)
		*corrupt = n;
	return err;
}

static int
corrupt_refuse(struct lmdb *l)
{
	return lmdb_fail(l, SW_ECORRUPT, "data.mdb",
		"rows are corrupt; spillway-repair --rebuild writes a new "
		"file");
}

int
lmdb_compact(struct store *s, uint64_t pages[2])
{
	struct lmdb *l = (struct lmdb *)s;
	struct lmdb_extent old;
	struct file_walk w;
	const char *dir;
	int err = walk_begin(&w, l, &dir);

	if (err == 0 && w.corrupt > 0)
		err = corrupt_refuse(l);
	if (err < 0)
		return err;
	lmdb_extent(l, &old);
	err = file_make(&w, dir);
	if (err < 0)
		return err;
	pages[0] = (uint64_t)(old.end / old.page_size);
	pages[1] = (uint64_t)(w.made.end / w.made.page_size);
	return 0;
}

/*
 * Twice the broker's limit, to which its map may grow.  The transaction keeps
 * the pages of one checkpoint, whatever the broker commits meanwhile.
 */
static int
snapshot_open(struct lmdb *l, const char *data, uint64_t map_size)
{
	int rc = mdb_env_create(&l->env);

	if (rc == 0)
		rc = mdb_env_set_mapsize(l->env, (size_t)map_size * 2);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(l->env, LMDB_SHARDS_MAX + 1);
	if (rc == 0)
		rc = mdb_env_open(l->env, data, MDB_RDONLY | MDB_NORDAHEAD, 0);
	if (rc == 0)
		rc = mdb_txn_begin(l->env, NULL, MDB_RDONLY, &l->txn);
	if (rc == 0)
		rc = lmdb_tables_make(l);
	return lmdb_convert(l, rc, data);
}

static int
snapshot_copy(struct lmdb *l, const char *part, struct lmdb_copied *copied)
{
	struct file_walk w = {.l = l, .new_journal = 1};
	int rc = part_open(&w, part);

	if (rc == 0)
		rc = part_write(&w);
	if (w.to.env != NULL)
		mdb_env_close(w.to.env);
	if (rc != 0)
		return lmdb_convert(l, rc, part);
	copied->bytes = (uint64_t)w.made.end;
	return w.corrupt > 0 ? corrupt_refuse(l) : 0;
}

int
lmdb_copy(const char *data, const char *part, uint64_t map_size,
	struct lmdb_copied *copied)
{
	struct lmdb l = {.read_only = 1};
	int err = snapshot_open(&l, data, map_size);

	if (err == 0)
		err = snapshot_copy(&l, part, copied);
	if (l.txn != NULL)
		mdb_txn_abort(l.txn);
	if (l.env != NULL)
		mdb_env_close(l.env);
	(void)snprintf(copied->why, sizeof(copied->why), "%s", l.s.why);
	return err;
}
