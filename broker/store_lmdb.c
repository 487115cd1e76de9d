/* SPDX-License-Identifier: MIT */
/*
 * store_lmdb.c - the store in one LMDB environment
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
#include "store.h"

enum { SHARDS_MAX = 16, FREE_EVERY = 256 };

struct lmdb {
	struct store s;
	MDB_env *env;
	MDB_dbi meta, rows[SHARDS_MAX];
	MDB_txn *read; /* open from the first read to the next commit */
	int reading;
	int lock;
	unsigned commits; /* since free_pages was counted */
	uint64_t free_pages;
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

/* Opens the tables and checks, or writes, the format. */
static int
tables_open(struct lmdb *l, const char *dir)
{
	static char key[] = "format";
	uint8_t le[8];
	MDB_val k = {sizeof(key) - 1, key}, v = {sizeof(le), le};
	MDB_txn *txn;
	int rc = mdb_txn_begin(l->env, NULL, 0, &txn);

	if (rc != 0)
		return convert(l, rc, dir);
	rc = mdb_dbi_open(txn, "meta", MDB_CREATE, &l->meta);
	for (int i = 0; rc == 0 && i < SHARDS_MAX; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "shard%d", i);
		rc = mdb_dbi_open(
			txn, name, i == 0 ? MDB_CREATE : 0, &l->rows[i]);
		if (rc == MDB_NOTFOUND && i > 0)
			rc = 0;
	}
	if (rc == 0 && mdb_get(txn, l->meta, &k, &v) == MDB_NOTFOUND) {
		le_set(le, sizeof(le), STORE_FORMAT);
		rc = mdb_put(txn, l->meta, &k, &v, 0);
	} else if (rc == 0 && number_of(&v) != STORE_FORMAT) {
		mdb_txn_abort(txn);
		return say(l, SW_EFORMAT, dir,
			"written by another, newer version");
	}
	if (rc != 0) {
		mdb_txn_abort(txn);
		return convert(l, rc, dir);
	}
	return convert(l, mdb_txn_commit(txn), dir);
}

static int
env_open(struct lmdb *l, const char *dir, const struct store_options *o)
{
	size_t size = o->map_size != 0 ? o->map_size : (size_t)64 << 30;
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
	*out = &l->s;
	err = folder_check(l, dir, o->force);
	if (err == 0)
		err = lock_take(l, dir);
	if (err == 0)
		err = env_open(l, dir, o);
	if (err == 0)
		err = length_check(l, dir);
	if (err == 0)
		err = tables_open(l, dir);
	return err;
}

static void
lmdb_close(struct store *s)
{
	struct lmdb *l = (struct lmdb *)s;

	if (l == NULL)
		return;
	if (l->read != NULL)
		mdb_txn_abort(l->read);
	if (l->env != NULL)
		mdb_env_close(l->env);
	if (l->lock >= 0)
		close(l->lock);
	free(l);
}

/* --- claims ------------------------------------------------------------- */

static void
read_end(struct lmdb *l)
{
	if (l->reading)
		mdb_txn_reset(l->read);
	l->reading = 0;
}

static MDB_val
epoch_key(char buf[16], uint32_t shard)
{
	int n = snprintf(buf, 16, "epoch%u", shard);

	return (MDB_val){(size_t)n, buf};
}

static int
lmdb_claim(struct store *s, uint32_t shard, int64_t ttl_ms, struct claim *c)
{
	struct lmdb *l = (struct lmdb *)s;
	char name[16];
	uint8_t le[8];
	MDB_val k = epoch_key(name, shard), v;
	MDB_txn *txn;
	uint64_t epoch = 0;
	int rc;

	(void)ttl_ms; /* the lock on the folder is the claim, for ever */
	if (shard != 0)
		return -EINVAL;
	read_end(l);
	rc = mdb_txn_begin(l->env, NULL, 0, &txn);
	if (rc != 0)
		return convert(l, rc, "claim");
	if (mdb_get(txn, l->meta, &k, &v) == 0)
		epoch = number_of(&v);
	le_set(le, sizeof(le), ++epoch);
	v = (MDB_val){sizeof(le), le};
	rc = mdb_put(txn, l->meta, &k, &v, 0);
	if (rc != 0)
		mdb_txn_abort(txn);
	else
		rc = mdb_txn_commit(txn);
	if (rc == 0)
		*c = (struct claim){.shard = shard, .epoch = epoch};
	return convert(l, rc, "claim");
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
op_apply(struct lmdb *l, MDB_txn *txn, MDB_dbi dbi, const struct store_op *op)
{
	union {
		const void *c;
		void *p;
	} key = {op->key.p}, val = {op->val.p};
	MDB_val k = {op->key.len, key.p}, v = {op->val.len, val.p};
	int rc;

	(void)l;
	if (op->kind == STORE_PUT)
		return mdb_put(txn, dbi, &k, &v, 0);
	rc = mdb_del(txn, dbi, &k, NULL);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int
epoch_check(struct lmdb *l, MDB_txn *txn, const struct claim *c)
{
	char name[16];
	MDB_val k = epoch_key(name, c->shard), v;

	if (mdb_get(txn, l->meta, &k, &v) == 0 && number_of(&v) == c->epoch)
		return 0;
	return say(
		l, SW_EFENCED, "commit", "the claim is older than the store");
}

static int
lmdb_commit(struct store *s, const struct claim *c, const struct store_op *ops,
	size_t n, store_done_fn *done, void *arg)
{
	struct lmdb *l = (struct lmdb *)s;
	MDB_txn *txn;
	int rc, err;

	/* A reader that stays would keep freed pages from being used again. */
	read_end(l);
	rc = mdb_txn_begin(l->env, NULL, 0, &txn);
	if (rc != 0)
		return convert(l, rc, "begin");
	err = epoch_check(l, txn, c);
	for (size_t i = 0; err == 0 && rc == 0 && i < n; i++)
		rc = op_apply(l, txn, l->rows[c->shard], &ops[i]);
	if (err != 0 || rc != 0) {
		mdb_txn_abort(txn);
		if (err == 0)
			err = convert(l, rc, "write");
		done(arg, err);
		return 0;
	}
	err = convert(l, mdb_txn_commit(txn), "commit");
	if (err != 0 && err != SW_EFULL)
		err = SW_EUNKNOWN;
	l->commits++;
	done(arg, err);
	return 0;
}

/* --- reading ------------------------------------------------------------ */

static int
read_begin(struct lmdb *l)
{
	int rc = 0;

	if (l->reading)
		return 0;
	rc = l->read == NULL ? mdb_txn_begin(l->env, NULL, MDB_RDONLY, &l->read)
			     : mdb_txn_renew(l->read);
	l->reading = rc == 0;
	return convert(l, rc, "read");
}

static int
lmdb_get(struct store *s, uint32_t shard, struct bytes key, struct bytes *val)
{
	struct lmdb *l = (struct lmdb *)s;
	union {
		const void *c;
		void *p;
	} kp = {key.p};
	MDB_val k = {key.len, kp.p}, v;
	int err = read_begin(l);

	if (err == 0)
		err = convert(
			l, mdb_get(l->read, l->rows[shard], &k, &v), "get");
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
	int rc, err = read_begin(l);

	if (err < 0)
		return err;
	rc = mdb_cursor_open(l->read, l->rows[shard], &cur);
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
	MDB_cursor *cur;
	MDB_val k, v;
	uint64_t n = 0;

	if (mdb_cursor_open(l->read, 0, &cur) != 0)
		return l->free_pages;
	while (mdb_cursor_get(cur, &k, &v, MDB_NEXT) == 0)
		n += *(const size_t *)v.mv_data;
	mdb_cursor_close(cur);
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
	/* Counting is for when it matters: from half of the store on. */
	if (u->used_pages * 2 > u->max_pages && l->commits >= FREE_EVERY &&
		read_begin(l) == 0) {
		l->free_pages = free_count(l);
		l->commits = 0;
	}
	u->free_pages = l->free_pages;
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
