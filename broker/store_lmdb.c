/* SPDX-License-Identifier: MIT */
/*
 * store_lmdb.c - the store in one LMDB environment, with a journal before it
 *
 * A commit of LMDB is two syncs and rewrites, with the pages, the free list,
 * which grows with what was ever deleted.  So batches go into one long write
 * transaction and, with a single sync each, into the journal; when that is
 * full, LMDB commits once for all of them, under a new generation that makes
 * the journal's content void in the same instant.  After a crash what the
 * journal holds of the current generation is applied again.
 *
 * No flag that weakens the sync (confirmed jobs were lost in power-loss
 * replays with them), no WRITEMAP (SIGBUS on a full disk), no DUPSORT, one
 * sparse map that never changes its size.  LMDB 0.9.24 does not notice being
 * opened twice, so a lock of our own keeps a second broker out; nothing here
 * ever opens lock.mdb.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <linux/magic.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "error.h"
#include "journal.h"
#include "store.h"

#define JOURNAL_BYTES ((size_t)16 << 20) /* a checkpoint each */
#define MAP_BYTES     ((size_t)64 << 30)
#define RESERVE_BYTES ((off_t)64 << 20) /* on disk, ahead of data.mdb */

enum { SHARDS_MAX = 16 };

struct lmdb {
	struct store s;
	MDB_env *env;
	MDB_dbi meta, rows[SHARDS_MAX];
	MDB_txn *txn; /* all since the last checkpoint; NULL: none yet */
	struct journal journal;
	int lock;
	int dirty;     /* the transaction holds a batch */
	int disk_full; /* there is no room to reserve */
	off_t reserved;
	uint64_t free_pages, counted; /* as of that generation */
};

static int
say(struct lmdb *l, int err, const char *what, const char *detail)
{
	(void)snprintf(l->s.why, sizeof(l->s.why), "%s: %s", what, detail);
	return err;
}

/* A commit that failed for any other reason is of unknown outcome. */
static int
convert(struct lmdb *l, int rc, const char *what)
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
	return say(l, err, what, mdb_strerror(rc));
}

/* --- opening ------------------------------------------------------------ */

static int
folder_check(struct lmdb *l, const char *dir, int force)
{
	/* Where fdatasync or mmap does not mean what LMDB needs. */
	static const long refused[] = {NFS_SUPER_MAGIC, SMB_SUPER_MAGIC,
		0xff534d42 /* CIFS */, 0xfe534d42 /* SMB2 */, V9FS_MAGIC,
		0x65735546 /* FUSE */, OVERLAYFS_SUPER_MAGIC, CODA_SUPER_MAGIC,
		AFS_SUPER_MAGIC};
	struct statfs fs;

	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return say(l, -errno, dir, strerror(errno));
	if (statfs(dir, &fs) != 0)
		return say(l, -errno, dir, strerror(errno));
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if ((long)fs.f_type == refused[i] && !force)
			return say(l, -ENOTSUP, dir,
				"a network or overlay file system cannot be "
				"trusted with jobs (--force does)");
	return 0;
}

static int
lock_take(struct lmdb *l, const char *dir)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/broker.lock", dir);
	l->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (l->lock < 0)
		return say(l, -errno, dir, strerror(errno));
	if (flock(l->lock, LOCK_EX | LOCK_NB) != 0)
		return say(l, SW_EBUSY, dir, "another broker has it open");
	return 0;
}

/*
 * A file that was cut short would end us with SIGBUS at the first touch of
 * what is gone: its length must reach the last page that it speaks of.
 */
static int
length_check(struct lmdb *l, const char *dir)
{
	MDB_envinfo info;
	MDB_stat st;
	struct stat file;
	int fd, rc = mdb_env_info(l->env, &info);

	if (rc == 0)
		rc = mdb_env_stat(l->env, &st);
	if (rc == 0)
		rc = mdb_env_get_fd(l->env, &fd);
	if (rc != 0)
		return convert(l, rc, dir);
	if (fstat(fd, &file) != 0)
		return say(l, -errno, dir, strerror(errno));
	if ((uint64_t)file.st_size <
		(uint64_t)(info.me_last_pgno + 1) * st.ms_psize)
		return say(l, SW_ECORRUPT, dir, "data.mdb is cut short");
	return 0;
}

static uint64_t
number_of(const MDB_val *v)
{
	return v->mv_size == 8 ? le_get(v->mv_data, 8) : UINT64_MAX;
}

static int
txn_need(struct lmdb *l)
{
	if (l->txn != NULL)
		return 0;
	return convert(l, mdb_txn_begin(l->env, NULL, 0, &l->txn), "begin");
}

/* The number under `name` in the meta table, or `otherwise`. */
static uint64_t
meta_get(struct lmdb *l, const char *name, uint64_t otherwise)
{
	union {
		const void *c;
		void *p;
	} key = {name};
	MDB_val k = {strlen(name), key.p}, v;

	return mdb_get(l->txn, l->meta, &k, &v) == 0 ? number_of(&v)
						     : otherwise;
}

static int
meta_put(struct lmdb *l, const char *name, uint64_t number)
{
	union {
		const void *c;
		void *p;
	} key = {name};
	uint8_t le[8];
	MDB_val k = {strlen(name), key.p}, v = {sizeof(le), le};

	le_set(le, sizeof(le), number);
	return mdb_put(l->txn, l->meta, &k, &v, 0);
}

/*
 * Room on disk for what the journal may still bring, so that what was
 * confirmed always finds its place: without it puts are refused in time.
 */
static void
room_reserve(struct lmdb *l)
{
	MDB_envinfo info;
	int fd;
	off_t want;

	if (mdb_env_info(l->env, &info) != 0 ||
		mdb_env_get_fd(l->env, &fd) != 0)
		return;
	want = (off_t)(info.me_last_pgno + 1) * 4096 + RESERVE_BYTES / 2;
	if (want <= l->reserved && !l->disk_full)
		return;
	want += RESERVE_BYTES / 2;
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, want) == 0) {
		l->reserved = want;
		l->disk_full = 0;
	} else {
		l->disk_full = errno == ENOSPC || errno == EDQUOT;
		l->reserved = l->disk_full ? l->reserved : want;
	}
}

static int batch_apply(void *arg, const struct store_op *ops, size_t n);

/* The transaction is lost: what it held is read from the journal again. */
static int
txn_rebuild(struct lmdb *l)
{
	uint64_t generation = l->journal.generation;
	int err = txn_need(l);

	if (err == 0)
		err = journal_replay(&l->journal, generation, batch_apply, l);
	l->dirty = l->journal.next > 0;
	return err == 0 ? 0 : SW_EUNKNOWN;
}

/* LMDB commits all batches; the journal begins anew.  SW_EFULL: later. */
static int
checkpoint(struct lmdb *l)
{
	uint64_t next = l->journal.generation + 1;
	int err = txn_need(l), rc;

	if (err < 0)
		return err;
	rc = meta_put(l, "journal", next);
	if (rc == 0) {
		rc = mdb_txn_commit(l->txn);
		l->txn = NULL;
	}
	if (rc == 0) {
		journal_restart(&l->journal, next);
		l->dirty = 0;
		room_reserve(l);
		return 0;
	}
	err = convert(l, rc, "checkpoint");
	if (l->txn != NULL)
		mdb_txn_abort(l->txn);
	l->txn = NULL;
	if (err != SW_EFULL)
		return SW_EUNKNOWN;
	rc = txn_rebuild(l);
	return rc < 0 ? rc : err;
}

static size_t
journal_size(const struct store_options *o)
{
	size_t map = o->map_size != 0 ? o->map_size : MAP_BYTES;
	size_t size = map / 64 & ~(((size_t)1 << 20) - 1);

	return size < 1 << 20	      ? 1 << 20
	       : size > JOURNAL_BYTES ? JOURNAL_BYTES
				      : size;
}

static int
dbis_open(struct lmdb *l)
{
	int rc = mdb_dbi_open(l->txn, "meta", MDB_CREATE, &l->meta);

	for (int i = 0; rc == 0 && i < SHARDS_MAX; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "shard%d", i);
		rc = mdb_dbi_open(
			l->txn, name, i == 0 ? MDB_CREATE : 0, &l->rows[i]);
		if (rc == MDB_NOTFOUND && i > 0)
			rc = 0;
	}
	return rc;
}

/* Opens the tables, checks the format, brings in what the journal holds. */
static int
tables_open(struct lmdb *l, const char *dir, const struct store_options *o)
{
	uint64_t generation, format;
	int err = txn_need(l);

	if (err == 0)
		err = convert(l, dbis_open(l), dir);
	if (err < 0)
		return err;
	format = meta_get(l, "format", 0);
	generation = meta_get(l, "journal", 0);
	if (format != 0 && format != STORE_FORMAT)
		return say(l, SW_EFORMAT, dir,
			"written by another, newer version");
	err = journal_open(&l->journal, dir, journal_size(o), generation == 0);
	if (err < 0)
		return say(l, err, dir,
			err == SW_ECORRUPT ? "its journal is missing"
					   : strerror(-err));
	err = journal_replay(&l->journal, generation, batch_apply, l);
	if (err < 0)
		return say(l, err, dir, "its journal is damaged");
	err = convert(l, meta_put(l, "format", STORE_FORMAT), dir);
	return err < 0 ? err : checkpoint(l);
}

static int
env_open(struct lmdb *l, const char *dir, const struct store_options *o)
{
	size_t size = o->map_size != 0 ? o->map_size : MAP_BYTES;
	int rc = mdb_env_create(&l->env), dead;

	if (rc == 0)
		rc = mdb_env_set_mapsize(l->env, size);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(l->env, SHARDS_MAX + 1);
	if (rc == 0)
		rc = mdb_env_open(l->env, dir, MDB_NORDAHEAD | MDB_NOTLS, 0600);
	if (rc == 0)
		rc = mdb_reader_check(l->env, &dead);
	return convert(l, rc, dir);
}

static void lmdb_close(struct store *);

static int
lmdb_open(struct store **out, const char *dir, const struct store_options *o)
{
	struct lmdb *l = calloc(1, sizeof(*l));
	int err;

	if (l == NULL)
		return -ENOMEM;
	l->s.driver = &store_lmdb;
	l->lock = -1;
	l->journal.fd = -1;
	*out = &l->s;
	err = folder_check(l, dir, o->force);
	if (err == 0)
		err = lock_take(l, dir);
	if (err == 0)
		err = env_open(l, dir, o);
	if (err == 0)
		err = length_check(l, dir);
	if (err == 0)
		err = tables_open(l, dir, o);
	return err;
}

static void
lmdb_close(struct store *s)
{
	struct lmdb *l = (struct lmdb *)s;

	if (l == NULL)
		return;
	if (l->dirty && l->txn != NULL)
		(void)checkpoint(l); /* else the next start does it */
	if (l->txn != NULL)
		mdb_txn_abort(l->txn);
	journal_close(&l->journal);
	if (l->env != NULL)
		mdb_env_close(l->env);
	if (l->lock >= 0)
		close(l->lock);
	free(l);
}

/* --- claims ------------------------------------------------------------- */

static void
epoch_name(char name[16], uint32_t shard)
{
	(void)snprintf(name, 16, "epoch%u", shard);
}

static int
lmdb_claim(struct store *s, uint32_t shard, int64_t ttl_ms, struct claim *c)
{
	struct lmdb *l = (struct lmdb *)s;
	char name[16];
	uint64_t epoch;
	int err = txn_need(l);

	(void)ttl_ms; /* the lock on the folder is the claim, for ever */
	if (shard != 0)
		return -EINVAL;
	if (err < 0)
		return err;
	epoch_name(name, shard);
	epoch = meta_get(l, name, 0) + 1;
	err = convert(l, meta_put(l, name, epoch), "claim");
	if (err == 0)
		err = checkpoint(l);
	if (err == 0)
		*c = (struct claim){.shard = shard, .epoch = epoch};
	return err;
}

static int
lmdb_hold(struct store *s, struct claim *c)
{
	(void)s;
	(void)c;
	return 0;
}

/* --- commit ------------------------------------------------------------- */

static int
op_apply(MDB_txn *txn, MDB_dbi dbi, const struct store_op *op)
{
	union {
		const void *c;
		void *p;
	} key = {op->key.p}, val = {op->val.p};
	MDB_val k = {op->key.len, key.p}, v = {op->val.len, val.p};
	int rc;

	if (op->kind == STORE_PUT)
		return mdb_put(txn, dbi, &k, &v, 0);
	rc = mdb_del(txn, dbi, &k, NULL);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* There is one shard here, so the journal need not name it. */
static int
batch_apply(void *arg, const struct store_op *ops, size_t n)
{
	struct lmdb *l = arg;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = op_apply(l->txn, l->rows[0], &ops[i]);
	return convert(l, rc, "write");
}

static int
epoch_check(struct lmdb *l, const struct claim *c)
{
	char name[16];

	epoch_name(name, c->shard);
	if (meta_get(l, name, 0) == c->epoch)
		return 0;
	return say(
		l, SW_EFENCED, "commit", "the claim is older than the store");
}

/* A batch that half went in goes out again, with all since the checkpoint. */
static int
batch_undo(struct lmdb *l, int err)
{
	int rebuilt;

	mdb_txn_abort(l->txn);
	l->txn = NULL;
	rebuilt = txn_rebuild(l);
	return rebuilt < 0 ? rebuilt : err;
}

/*
 * Into the transaction first, for only that can find the map full; then the
 * one sync that makes it durable.  What is too large for the journal takes
 * LMDB's own commit.
 */
static int
batch_write(struct lmdb *l, const struct store_op *ops, size_t n)
{
	int err = 0;

	if (!journal_fits(&l->journal, ops, n))
		err = checkpoint(l);
	if (err == 0)
		err = txn_need(l);
	if (err < 0)
		return err;
	err = batch_apply(l, ops, n);
	if (err < 0)
		return batch_undo(l, err);
	if (!journal_fits(&l->journal, ops, n))
		return checkpoint(l);
	l->dirty = 1;
	err = journal_append(&l->journal, ops, n);
	return err < 0 ? say(l, SW_EUNKNOWN, "journal", strerror(-err)) : 0;
}

static int
lmdb_commit(struct store *s, const struct claim *c, const struct store_op *ops,
	size_t n, store_done_fn *done, void *arg)
{
	struct lmdb *l = (struct lmdb *)s;
	int err = txn_need(l);

	if (err < 0)
		return err;
	err = epoch_check(l, c);
	if (err == 0)
		err = batch_write(l, ops, n);
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
	int err = txn_need(l);

	if (err == 0)
		err = convert(
			l, mdb_get(l->txn, l->rows[shard], &k, &v), "get");
	if (err == 0)
		*val = bytes_of(v.mv_data, v.mv_size);
	return err;
}

static int
before(const MDB_val *k, struct bytes to)
{
	size_t n = k->mv_size < to.len ? k->mv_size : to.len;
	int c = memcmp(k->mv_data, to.p, n);

	return c != 0 ? c < 0 : k->mv_size < to.len;
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
	int rc, err = txn_need(l);

	if (err < 0)
		return err;
	rc = mdb_cursor_open(l->txn, l->rows[shard], &cur);
	if (rc != 0)
		return convert(l, rc, "scan");
	rc = mdb_cursor_get(cur, &k, &v, MDB_SET_RANGE);
	for (; rc == 0 && limit > 0; limit--) {
		if ((to.len > 0 && !before(&k, to)) ||
			each(arg, bytes_of(k.mv_data, k.mv_size),
				bytes_of(v.mv_data, v.mv_size)) != 0)
			break;
		rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT);
	}
	mdb_cursor_close(cur);
	return rc == MDB_NOTFOUND ? 0 : convert(l, rc, "scan");
}

/* The free list is a table of its own: number 0, values are page lists. */
static uint64_t
free_count(struct lmdb *l)
{
	MDB_txn *read;
	MDB_cursor *cur;
	MDB_val k, v;
	uint64_t n = 0;

	if (mdb_txn_begin(l->env, NULL, MDB_RDONLY, &read) != 0)
		return l->free_pages;
	if (mdb_cursor_open(read, 0, &cur) == 0) {
		while (mdb_cursor_get(cur, &k, &v, MDB_NEXT) == 0)
			n += *(const size_t *)v.mv_data;
		mdb_cursor_close(cur);
	}
	mdb_txn_abort(read);
	return n;
}

static int
lmdb_usage(struct store *s, struct store_usage *u)
{
	struct lmdb *l = (struct lmdb *)s;
	MDB_envinfo info;
	MDB_stat st;
	int rc = mdb_env_info(l->env, &info);

	if (rc == 0)
		rc = mdb_env_stat(l->env, &st);
	if (rc != 0)
		return convert(l, rc, "usage");
	u->page_size = st.ms_psize;
	u->used_pages = info.me_last_pgno + 1;
	u->max_pages = info.me_mapsize / st.ms_psize;
	/* Counting is for when it matters, and once for each checkpoint. */
	if (u->used_pages * 2 > u->max_pages &&
		l->counted != l->journal.generation) {
		l->free_pages = free_count(l);
		l->counted = l->journal.generation;
	}
	u->free_pages = l->free_pages;
	if (l->disk_full) {
		room_reserve(l); /* room may have been made */
		u->free_pages = l->disk_full ? 0 : u->free_pages;
		u->used_pages = l->disk_full ? u->max_pages : u->used_pages;
	}
	return 0;
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
	.renew = lmdb_hold,
	.release = lmdb_hold,
	.commit = lmdb_commit,
	.scan = lmdb_scan,
	.get = lmdb_get,
	.usage = lmdb_usage,
	.fd = lmdb_fd,
	.turn = lmdb_turn,
};
