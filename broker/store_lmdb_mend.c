/* SPDX-License-Identifier: MIT */
/*
 * store_lmdb_mend.c - a new file for what can be read of a damaged one
 *
 * LMDB believes its pages.  Over a value whose length is damaged, or beside a
 * key that stands in a wrong place, it cannot write without harm to what lies
 * near.  So all rows go into a file of their own, under another name, that
 * takes the old one's place when it is whole and synced.
 */
#include <errno.h>
#include <linux/limits.h>
#include <stdio.h>
#include <unistd.h>

#include "error.h"
#include "must.h"
#include "store_lmdb.h"

enum { ROWS_A_COMMIT = 10000 };

enum {
	LMDB_PAGE_LEAST = 4096,
	LMDB_HEAD = 16, /* of a page: number 8, pad 2, flags 2, pages 4 */
	LMDB_OVERFLOW = 0x04,
	LMDB_DIRTY = 0x10,
	LMDB_KEEP = 0x8000,
};

/*
 * LMDB believes the length that a node gives: a damaged one reaches into
 * what lies behind, or past the end of the file, where reading is death.
 * What is too long for a leaf has pages of its own, whose header (MDB_page in
 * lmdb.c, the same in all of 0.9) says how many.  Where that header is on
 * disk it may be damaged too, but up to STORE_VAL_MAX there is room behind any
 * page (lmdb_room_reserve); where it waits for its commit we have written it.
 */
static int
has_pages_for(unsigned page_size, const MDB_val *v)
{
	const uint8_t *head = (const uint8_t *)v->mv_data - LMDB_HEAD;
	uint64_t flags = le_get(head + 10, 2) &
			 ~(uint64_t)(LMDB_DIRTY | LMDB_KEEP);

	return le_get(head + 8, 2) == 0 && flags == LMDB_OVERFLOW &&
	       le_get(head + 12, 4) * page_size >= LMDB_HEAD + v->mv_size;
}

/* A leaf holds two rows at least: less than half of it may lie there. */
int
lmdb_value_sound(MDB_env *env, const MDB_val *v)
{
	MDB_stat st;

	if (v->mv_size < LMDB_PAGE_LEAST / 2)
		return 1;
	return mdb_env_stat(env, &st) == 0 && v->mv_size <= STORE_VAL_MAX &&
	       (v->mv_size < st.ms_psize / 2 || has_pages_for(st.ms_psize, v));
}

struct walk {
	struct lmdb *l;
	struct lmdb to; /* env NULL: rows are only looked at */
	uint64_t rows, damaged;
	uint8_t last[STORE_KEY_MAX];
	size_t last_len;
};

static int
key_is_later(const struct walk *w, const MDB_val *k)
{
	size_t n = k->mv_size < w->last_len ? k->mv_size : w->last_len;
	int c = memcmp(k->mv_data, w->last, n);

	return c != 0 ? c > 0 : k->mv_size > w->last_len;
}

/* Whatever such a value was, it was something, and is not now. */
static MDB_val
value_or_wreck(const struct walk *w, const MDB_val *v)
{
	static uint8_t wreck[1];

	return lmdb_value_sound(w->l->env, v) ? *v
					      : (MDB_val){sizeof(wreck), wreck};
}

/*
 * A second row of one key is kept beside it, under a longer one: whose it is
 * can be told only by who knows what rows mean.
 */
static int
row_copy(struct walk *w, const MDB_val *k, const MDB_val *v)
{
	uint8_t key[STORE_KEY_MAX];
	MDB_val to = {k->mv_size, key}, val;
	int rc = MDB_KEYEXIST;

	memcpy(key, k->mv_data, k->mv_size);
	while (rc == MDB_KEYEXIST && to.mv_size <= STORE_KEY_MAX) {
		val = value_or_wreck(w, v); /* LMDB shows the other one in it */
		rc = mdb_put(
			w->to.txn, w->to.rows[0], &to, &val, MDB_NOOVERWRITE);
		if (rc == MDB_KEYEXIST && to.mv_size < STORE_KEY_MAX)
			key[to.mv_size] = 0;
		to.mv_size++;
	}
	if (rc != 0 || w->rows % ROWS_A_COMMIT != 0)
		return rc;
	rc = mdb_txn_commit(w->to.txn);
	w->to.txn = NULL;
	return rc != 0 ? rc : mdb_txn_begin(w->to.env, NULL, 0, &w->to.txn);
}

static int
row_look(struct walk *w, const MDB_val *k, const MDB_val *v)
{
	int key_sound = k->mv_size > 0 && k->mv_size <= STORE_KEY_MAX;

	w->rows++;
	w->damaged += !key_sound || !key_is_later(w, k) ||
		      !lmdb_value_sound(w->l->env, v);
	if (!key_sound)
		return 0;
	if (key_is_later(w, k)) {
		memcpy(w->last, k->mv_data, k->mv_size);
		w->last_len = k->mv_size;
	}
	return w->to.env == NULL ? 0 : row_copy(w, k, v);
}

static int
rows_walk(struct walk *w)
{
	MDB_val k, v;
	MDB_cursor *cur;
	int rc = mdb_cursor_open(w->l->txn, w->l->rows[0], &cur);

	if (rc != 0)
		return rc;
	w->rows = w->damaged = 0;
	w->last_len = 0;
	rc = mdb_cursor_get(cur, &k, &v, MDB_FIRST);
	while (rc == 0) {
		rc = row_look(w, &k, &v);
		if (rc == 0)
			rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT);
	}
	mdb_cursor_close(cur);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int
meta_copy(struct walk *w)
{
	MDB_val k, v;
	MDB_cursor *cur;
	int rc = mdb_cursor_open(w->l->txn, w->l->meta, &cur);

	if (rc != 0)
		return rc;
	while ((rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT)) == 0) {
		rc = lmdb_value_sound(w->l->env, &v)
			     ? mdb_put(w->to.txn, w->to.meta, &k, &v, 0)
			     : MDB_CORRUPTED;
		if (rc != 0)
			break;
	}
	mdb_cursor_close(cur);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Synced once, when it is whole: nobody reads it before. */
static int
part_open(struct walk *w, const char *part)
{
	struct lmdb_extent x;
	int rc;

	lmdb_extent(w->l, &x);
	(void)unlink(part);
	rc = mdb_env_create(&w->to.env);
	if (rc == 0)
		rc = mdb_env_set_mapsize(w->to.env, (size_t)x.max);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(w->to.env, LMDB_SHARDS_MAX + 1);
	if (rc == 0)
		rc = mdb_env_open(w->to.env, part,
			MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC, 0600);
	if (rc == 0)
		rc = mdb_txn_begin(w->to.env, NULL, 0, &w->to.txn);
	return rc == 0 ? lmdb_tables_make(&w->to) : rc;
}

static int
part_fill(struct walk *w)
{
	int rc = meta_copy(w);

	if (rc == 0)
		rc = rows_walk(w);
	if (rc == 0) {
		rc = mdb_txn_commit(w->to.txn);
		w->to.txn = NULL;
	}
	if (rc == 0) {
		lmdb_room_reserve(&w->to);
		rc = mdb_env_sync(w->to.env, 1);
	}
	return rc;
}

static int
file_make(struct walk *w, const char *dir)
{
	char path[PATH_MAX], part[PATH_MAX];
	int rc;

	if (snprintf(path, sizeof(path), "%s/data.mdb", dir) >=
			(int)sizeof(path) ||
		snprintf(part, sizeof(part), "%s/data.mdb.part", dir) >=
			(int)sizeof(part))
		return lmdb_say(
			w->l, -ENAMETOOLONG, dir, "the path is too long");
	rc = part_open(w, part);
	if (rc == 0)
		rc = part_fill(w);
	if (w->to.txn != NULL)
		mdb_txn_abort(w->to.txn);
	if (w->to.env != NULL)
		mdb_env_close(w->to.env);
	if (rc == 0 && rename(part, path) != 0)
		rc = errno;
	return rc == 0 ? lmdb_path_sync(w->l, dir)
		       : lmdb_convert(w->l, rc, part);
}

int
lmdb_mend(struct store *s, int look, uint64_t *damaged)
{
	struct lmdb *l = (struct lmdb *)s;
	struct walk w = {.l = l};
	const char *dir;
	int err = lmdb_txn_need(l);

	if (err == 0 && !look && l->dirty)
		err = lmdb_checkpoint(l);
	if (err == 0)
		err = lmdb_txn_need(l);
	if (err == 0)
		err = lmdb_convert(l, rows_walk(&w), "data.mdb");
	if (err < 0)
		return err;
	*damaged = w.damaged;
	must(mdb_env_get_path(l->env, &dir) == 0);
	return look || w.damaged == 0 ? 0 : file_make(&w, dir);
}
