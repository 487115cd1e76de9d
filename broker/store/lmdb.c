/* SPDX-License-Identifier: MIT */
/*
 * lmdb.c - the store in one LMDB environment, with a journal before it
 *
 * A commit of LMDB needs two syncs and rewrites the free list, which grows with
 * everything that was ever deleted.  So a batch goes into one long write
 * transaction and, with a single sync, into the journal.  When the journal is
 * full, a checkpoint commits the transaction with all its batches under a new
 * generation, which makes the journal's content void in the same commit.  After
 * a crash the batches of the current generation are applied again.
 *
 * Measured, bytes written by the commit of one step of one job: LMDB alone
 * 24 KB with 1 k jobs waiting, 37 KB with 1 M, 50 KB after these were drained;
 * with the journal 4 to 5 KB in all three, at 1.7 to 3.3 times the commits/s.
 *
 * No flag that weakens the sync (power-loss replays lost confirmed jobs with
 * them), no MDB_WRITEMAP (SIGBUS on a full disk), no MDB_DUPSORT, one sparse
 * map, which grows only for a checkpoint that finds it full.  LMDB 0.9.24 does
 * not notice a second process that opens the file, so lmdb_files.c keeps a
 * second broker out.
 */
#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/must.h"
#include "broker/store/lmdb.h"
#include "broker/store/lmdb_value.h"

int
lmdb_fail(struct lmdb *l, int err, const char *what, const char *detail)
{
	(void)snprintf(l->s.why, sizeof(l->s.why), "%s: %s", what, detail);
	return err;
}

/* lmdb_checkpoint() takes all but SW_EFULL for an unknown outcome. */
int
lmdb_convert(struct lmdb *l, int rc, const char *what)
{
	int err;

	switch (rc) {
	case 0:
		return 0;
	case MDB_NOTFOUND:
		return SW_ENOJOB;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
	case ENOSPC:
	case EDQUOT:
		err = SW_EFULL;
		break;
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
		err = SW_EFORMAT;
		break;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_PANIC:
		err = SW_ECORRUPT;
		break;
	default:
		err = rc > 0 ? -rc : SW_EUNKNOWN;
	}
	return lmdb_fail(l, err, what, mdb_strerror(rc));
}

int
lmdb_txn_ensure(struct lmdb *l)
{
	if (l->txn != NULL)
		return 0;
	if (l->broken) /* a new transaction would lack the batches */
		return lmdb_fail(l, SW_EUNKNOWN, "store",
			"the outcome of an earlier commit is unknown");
	return lmdb_convert(
		l, mdb_txn_begin(l->env, NULL, 0, &l->txn), "begin");
}

/*
 * Doubles the map, once.  The journal may hold batches which fit into the map,
 * while their checkpoint does not: it also writes the list of free pages, and
 * copies pages that the last checkpoint still has.  Without more room the
 * broker could not confirm an ack again, nor the next start open the store.
 * `map_size` stays the limit that lmdb_usage() reports.
 */
static int
map_extend(struct lmdb *l)
{
	struct lmdb_extent x;
	int err;

	lmdb_extent(l, &x);
	if (l->map_extended)
		return SW_EFULL;
	l->map_extended = 1;
	if (l->txn != NULL)
		mdb_txn_abort(l->txn);
	l->txn = NULL;
	err = lmdb_convert(
		l, mdb_env_set_mapsize(l->env, (size_t)x.max * 2), "map");
	l->broken = err < 0; /* then there is no map at all */
	return err;
}

static int
replay(struct lmdb *l, uint64_t generation)
{
	int err = lmdb_txn_ensure(l);

	return err < 0 ? err
		       : journal_replay(
				 &l->journal, generation, lmdb_batch_apply, l);
}

int
lmdb_replay(struct lmdb *l, uint64_t generation)
{
	int err = replay(l, generation);

	if (err == SW_EFULL && map_extend(l) == 0)
		err = replay(l, generation);
	return err;
}

/* After the transaction was lost or aborted. */
static int
txn_rebuild(struct lmdb *l)
{
	int err = lmdb_replay(l, l->journal.generation);

	l->dirty = l->journal.next > 0;
	if (err == 0)
		return 0;
	l->broken = 1;
	if (l->txn != NULL)
		mdb_txn_abort(l->txn);
	l->txn = NULL;
	return SW_EUNKNOWN;
}

/* The generation of the journal's mark, as the next start must find it. */
static uint64_t
front_generation(const struct journal *j)
{
	return j->broken ? 0 : j->marked ? j->generation : j->front;
}

/* All numbers are put anew if those that are there are unsound. */
static int
numbers_ready(struct lmdb *l)
{
	if (l->meta_anew)
		return mdb_drop(l->txn, l->meta, 0);
	return lmdb_meta_check(l);
}

static int
numbers_commit(struct lmdb *l, const struct lmdb_number *numbers, size_t n)
{
	const struct journal *j = &l->journal;
	const struct lmdb_number own[] = {{"journal", j->generation + 1},
		{"journal_bytes", j->size},
		{"journal_front", front_generation(j)},
		{"checkpoint_ms", (uint64_t)clock_now_ms(CLOCK_REALTIME)}};
	int rc = numbers_ready(l);

	if (rc == 0)
		rc = lmdb_meta_put(l, own, sizeof(own) / sizeof(own[0]));
	if (rc == 0)
		rc = lmdb_meta_put(l, numbers, n);
	if (rc == 0) {
		rc = mdb_txn_commit(l->txn);
		l->txn = NULL;
	}
	return rc;
}

/* A process that was killed while it read, such as a backup, would keep pages
 * from being used again, so readers that are gone are removed. */
static int
checkpoint(struct lmdb *l, const struct lmdb_number *numbers, size_t n)
{
	uint64_t pages = lmdb_row_pages(l);
	int err, rc, gone;

	must(l->txn != NULL);
	(void)mdb_reader_check(l->env, &gone);
	l->checkpoint_at = l->journal.at;
	rc = numbers_commit(l, numbers, n);
	if (rc == 0) {
		l->journal.front = front_generation(&l->journal);
		journal_restart(&l->journal, l->journal.generation + 1);
		l->was_empty = !l->dirty;
		l->dirty = l->write_full = 0;
		lmdb_checkpoint_plan(l, l->checkpoint_at, pages);
		l->checkpoint_at = 0;
		lmdb_room_reserve(l);
		return 0;
	}
	err = lmdb_convert(l, rc, "checkpoint");
	if (l->txn != NULL)
		mdb_txn_abort(l->txn);
	l->txn = NULL;
	if (err != SW_EFULL) {
		l->broken = 1;
		return SW_EUNKNOWN;
	}
	l->write_full = rc == ENOSPC || rc == EDQUOT;
	if (l->write_full)
		l->tried_ms = clock_now_ms(CLOCK_BOOTTIME);
	else if (map_extend(l) == 0)
		l->checkpoint_at = 0; /* the next one may follow at once */
	rc = txn_rebuild(l);
	return rc < 0 ? rc : err;
}

int
lmdb_checkpoint(struct lmdb *l)
{
	return checkpoint(l, NULL, 0);
}

int
lmdb_checkpoint_with(
	struct lmdb *l, const struct lmdb_number *numbers, size_t n)
{
	int err = checkpoint(l, numbers, n);

	return err == SW_EFULL ? checkpoint(l, numbers, n) : err;
}

/* --- claims ------------------------------------------------------------- */

static void
epoch_name(char name[16], uint32_t shard)
{
	(void)snprintf(name, 16, "epoch%u", shard);
}

/* Before the first confirmation, so that a journal without a mark is never a
 * journal with confirmed batches. */
static int
journal_ensure_mark(struct lmdb *l)
{
	struct journal *j = &l->journal;
	int err = j->front != 0 ? 0 : journal_mark(j);

	return err < 0 ? lmdb_fail(l, err, "journal", strerror(-err)) : 0;
}

static int
lmdb_claim(struct store *s, uint32_t shard, int64_t ttl_ms, struct claim *c)
{
	struct lmdb *l = (struct lmdb *)s;
	struct lmdb_number epoch;
	char name[16];
	int err = lmdb_txn_ensure(l);

	(void)ttl_ms; /* the lock on the folder lasts until the close */
	if (shard != 0)
		return -EINVAL;
	if (l->read_only)
		return -EROFS;
	if (err < 0)
		return err;
	epoch_name(name, shard);
	epoch.name = name;
	epoch.value = lmdb_meta_get(l, name, 0) + 1;
	err = journal_ensure_mark(l);
	if (err == 0)
		err = lmdb_checkpoint_with(l, &epoch, 1);
	if (err == 0)
		*c = (struct claim){.shard = shard, .epoch = epoch.value};
	return err;
}

static int
epoch_check(struct lmdb *l, const struct claim *c)
{
	char name[16];

	epoch_name(name, c->shard);
	if (lmdb_meta_get(l, name, 0) == c->epoch)
		return 0;
	return lmdb_fail(
		l, SW_EFENCED, "store", "the claim is older than the store");
}

/* Renew and release: the claim lasts until the close, so both only check. */
static int
lmdb_renew(struct store *s, struct claim *c)
{
	struct lmdb *l = (struct lmdb *)s;
	int err = c->shard == 0 ? lmdb_txn_ensure(l) : -EINVAL;

	return err < 0 ? err : epoch_check(l, c);
}

static struct bytes
value_bytes(struct lmdb *l, const MDB_val *v)
{
	lmdb_value_ahead(v);
	return lmdb_value_sound(l->env, v) ? bytes_of(v->mv_data, v->mv_size)
					   : bytes_of("", 0);
}

/* --- commit ------------------------------------------------------------- */

/*
 * Replacing or deleting a value whose length is corrupt, LMDB would move bytes
 * of other rows, so the old value is checked first.  A put of a new key, the
 * usual case, costs no second look-up.
 */
static int
op_apply(MDB_txn *txn, MDB_dbi dbi, const struct store_op *op)
{
	union {
		const void *c;
		void *p;
	} key = {op->key.p}, val = {op->val.p};
	const MDB_val put = {op->val.len, val.p};
	MDB_val k = {op->key.len, key.p}, v = put;
	int is_put = op->kind == STORE_PUT;
	int rc = is_put ? mdb_put(txn, dbi, &k, &v, MDB_NOOVERWRITE)
			: mdb_get(txn, dbi, &k, &v);

	if (rc != (is_put ? MDB_KEYEXIST : 0))
		return rc == MDB_NOTFOUND ? 0 : rc;
	if (!lmdb_value_sound(mdb_txn_env(txn), &v))
		return MDB_CORRUPTED;
	if (!is_put)
		return mdb_del(txn, dbi, &k, NULL);
	v = put;
	return mdb_put(txn, dbi, &k, &v, 0);
}

/* Shard 0 is the only one, so the journal has no shard numbers. */
int
lmdb_batch_apply(void *arg, const struct store_op *ops, size_t n)
{
	struct lmdb *l = arg;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = op_apply(l->txn, l->rows[0], &ops[i]);
	return rc == MDB_CORRUPTED
		       ? lmdb_fail(l, SW_ECORRUPT, "data.mdb",
				 "a row is corrupt; spillway-repair "
				 "--rebuild writes a new file")
		       : lmdb_convert(l, rc, "write");
}

/* Aborts the transaction with a batch that failed half-way, and applies the
 * earlier batches again. */
static int
batch_undo(struct lmdb *l, int err)
{
	int rebuilt;

	mdb_txn_abort(l->txn);
	l->txn = NULL;
	l->map_full = err == SW_EFULL;
	rebuilt = txn_rebuild(l);
	return rebuilt < 0 ? rebuilt : err;
}

/*
 * Makes a checkpoint while an eighth of the journal is still free.  If the disk
 * has no room for the pages, which a file system that copies on write shows
 * only now, puts are refused from the next turn on, and that eighth is for acks
 * until a checkpoint finds room.
 */
static int
journal_room(struct lmdb *l, const struct store_op *ops, size_t n)
{
	int fits = journal_fits(&l->journal, ops, n);
	int err;

	if (fits && l->journal.at < l->journal.size - l->journal.size / 8)
		return 0;
	if (!lmdb_may_write(l))
		return fits ? 0
			    : lmdb_fail(l, SW_EFULL, "data.mdb",
				      strerror(ENOSPC));
	err = lmdb_checkpoint(l);
	return fits && err == SW_EFULL ? 0 : err;
}

/*
 * The transaction comes first, for it may find the map full, which the journal
 * cannot; then the one sync of the journal makes the batch durable.  A batch
 * larger than the journal is made durable by a checkpoint.
 */
static int
batch_write(struct lmdb *l, const struct store_op *ops, size_t n)
{
	int err = journal_room(l, ops, n);

	if (err == 0)
		err = lmdb_txn_ensure(l);
	if (err < 0)
		return err;
	err = lmdb_batch_apply(l, ops, n);
	if (err < 0)
		return batch_undo(l, err);
	if (!journal_fits(&l->journal, ops, n))
		return lmdb_checkpoint(l);
	l->dirty = 1;
	err = journal_append(&l->journal, ops, n);
	return err < 0 ? lmdb_fail(l, SW_EUNKNOWN, "journal", strerror(-err))
		       : 0;
}

/* What was written to a file that is removed is durable for nobody. */
static int
batch_confirm(struct lmdb *l, const struct store_op *ops, size_t n)
{
	int err = batch_write(l, ops, n);

	return err == 0 ? lmdb_files_linked(l) : err;
}

static int
lmdb_commit(struct store *s, const struct claim *c, const struct store_op *ops,
	size_t n, store_done_fn *done, void *arg)
{
	struct lmdb *l = (struct lmdb *)s;
	int err = c->shard == 0 ? lmdb_txn_ensure(l) : -EINVAL;

	if (err < 0)
		return err;
	err = epoch_check(l, c);
	if (err == 0)
		err = batch_confirm(l, ops, n);
	if (err != 0 && err != SW_EFULL && err != SW_EFENCED)
		err = SW_EUNKNOWN;
	done(arg, err);
	return 0;
}

/* --- reading ------------------------------------------------------------ */

static int
lmdb_get(struct store *s, uint32_t shard, struct bytes key, struct bytes *val)
{
	struct lmdb *l = (struct lmdb *)s;
	union {
		const void *c;
		void *p;
	} kp = {key.p};
	MDB_val k = {key.len, kp.p}, v;
	int err = shard == 0 ? lmdb_txn_ensure(l) : -EINVAL;

	if (err == 0)
		err = lmdb_convert(
			l, mdb_get(l->txn, l->rows[shard], &k, &v), "get");
	if (err == 0)
		*val = value_bytes(l, &v);
	return err;
}

static int
key_is_before(const MDB_val *k, struct bytes to)
{
	return bytes_cmp(bytes_of(k->mv_data, k->mv_size), to) < 0;
}

static int
lmdb_scan(struct store *s, uint32_t shard, struct bytes from, struct bytes to,
	size_t limit, store_each_fn *each, void *arg)
{
	struct lmdb *l = (struct lmdb *)s;
	union {
		const void *c;
		void *p;
	} kp = {from.p};
	MDB_val k = {from.len, kp.p}, v;
	MDB_cursor *cur;
	int rc, err = shard == 0 ? lmdb_txn_ensure(l) : -EINVAL;

	if (err < 0)
		return err;
	rc = mdb_cursor_open(l->txn, l->rows[shard], &cur);
	if (rc != 0)
		return lmdb_convert(l, rc, "scan");
	rc = mdb_cursor_get(/* LMDB refuses an empty key */
		cur, &k, &v, from.len > 0 ? MDB_SET_RANGE : MDB_FIRST);
	for (; rc == 0 && limit > 0; limit--) {
		if (to.len > 0 && !key_is_before(&k, to))
			break;
		if (each(arg, bytes_of(k.mv_data, k.mv_size),
			    value_bytes(l, &v)) != 0)
			break;
		rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT);
	}
	mdb_cursor_close(cur);
	return rc == MDB_NOTFOUND ? 0 : lmdb_convert(l, rc, "scan");
}

/* Sets the cursor to the last key before `to`. */
static int
cursor_before(MDB_cursor *cur, struct bytes to, MDB_val *k, MDB_val *v)
{
	union {
		const void *c;
		void *p;
	} kp = {to.p};
	int rc = MDB_NOTFOUND;

	*k = (MDB_val){to.len, kp.p};
	if (to.len > 0)
		rc = mdb_cursor_get(cur, k, v, MDB_SET_RANGE);
	return mdb_cursor_get(cur, k, v, rc == 0 ? MDB_PREV : MDB_LAST);
}

static int
lmdb_scan_back(struct store *s, uint32_t shard, struct bytes from,
	struct bytes to, size_t limit, store_each_fn *each, void *arg)
{
	struct lmdb *l = (struct lmdb *)s;
	MDB_val k, v;
	MDB_cursor *cur;
	int rc, err = shard == 0 ? lmdb_txn_ensure(l) : -EINVAL;

	if (err < 0)
		return err;
	rc = mdb_cursor_open(l->txn, l->rows[shard], &cur);
	if (rc != 0)
		return lmdb_convert(l, rc, "scan");
	for (rc = cursor_before(cur, to, &k, &v); rc == 0 && limit > 0;
		limit--) {
		if (key_is_before(&k, from) ||
			each(arg, bytes_of(k.mv_data, k.mv_size),
				value_bytes(l, &v)) != 0)
			break;
		rc = mdb_cursor_get(cur, &k, &v, MDB_PREV);
	}
	mdb_cursor_close(cur);
	return rc == MDB_NOTFOUND ? 0 : lmdb_convert(l, rc, "scan");
}

static int
lmdb_share(struct store *s, int on)
{
	struct lmdb *l = (struct lmdb *)s;
	int err = on ? lmdb_txn_ensure(l) : 0;

	if (err == 0 && on && l->dirty)
		err = lmdb_checkpoint_with(l, NULL, 0);
	if (err == 0)
		lmdb_room_share(l, on);
	return err;
}

static int
lmdb_fd(struct store *s)
{
	(void)s;
	return -1;
}

static int
lmdb_turn(struct store *s)
{
	(void)s;
	return 0;
}

const struct store_driver store_lmdb = {
	.scheme = "lmdb",
	.open = lmdb_open,
	.close = lmdb_close,
	.claim = lmdb_claim,
	.renew = lmdb_renew,
	.release = lmdb_renew,
	.commit = lmdb_commit,
	.scan = lmdb_scan,
	.scan_back = lmdb_scan_back,
	.get = lmdb_get,
	.usage = lmdb_usage,
	.check = lmdb_files_check,
	.share = lmdb_share,
	.room = lmdb_room,
	.fd = lmdb_fd,
	.turn = lmdb_turn,
};
