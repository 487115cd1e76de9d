/* SPDX-License-Identifier: MIT */
/*
 * lmdb_open.c - opening the LMDB store: checks, lock, recovery by the journal
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/must.h"
#include "base/plant.h"
#include "broker/store/lmdb.h"

enum { HOUR_MS = 3600 * 1000 };

#define JOURNAL_BYTES ((size_t)16 << 20) /* between two checkpoints */

static int
unfinished_check(struct lmdb *l, const char *dir)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/" LMDB_UNFINISHED, dir) >=
		(int)sizeof(path))
		return lmdb_fail(l, -ENAMETOOLONG, dir, "the path is too long");
	return access(path, F_OK) != 0
		       ? 0
		       : lmdb_fail(l, SW_EFORMAT, dir,
				 "a backup that was not completed; delete the "
				 "folder");
}

static int
folder_check(struct lmdb *l, const char *dir, int force)
{
	/* Here fdatasync or mmap may lack what LMDB relies on. */
	static const long refused[] = {NFS_SUPER_MAGIC, SMB_SUPER_MAGIC,
		0xff534d42 /* CIFS */, 0xfe534d42 /* SMB2 */, V9FS_MAGIC,
		0x65735546 /* FUSE */, OVERLAYFS_SUPER_MAGIC, CODA_SUPER_MAGIC,
		AFS_SUPER_MAGIC};
	struct statfs fs;

	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return lmdb_fail(l, -errno, dir, strerror(errno));
	if (statfs(dir, &fs) != 0)
		return lmdb_fail(l, -errno, dir, strerror(errno));
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if ((long)fs.f_type == refused[i] && !force)
			return lmdb_fail(l, -ENOTSUP, dir,
				"a network or overlay file system may lose "
				"jobs (--force accepts it)");
	return 0;
}

/*
 * The journal is made behind data.mdb, once that name is on disk.  So if there
 * is a journal, an index that is missing was lost and must not be made anew.
 */
static int
new_store_check(struct lmdb *l, const char *dir)
{
	char path[PATH_MAX];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/journal", dir);
	if (lstat(path, &st) != 0)
		return errno == ENOENT
			       ? 0
			       : lmdb_fail(l, -errno, path, strerror(errno));
	return lmdb_fail(l, SW_ECORRUPT, dir,
		"data.mdb is missing, but the journal is not");
}

int
lmdb_path_sync(struct lmdb *l, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = fd < 0 || fsync(fd) != 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err < 0 ? lmdb_fail(l, err, path, strerror(-err)) : 0;
}

/*
 * LMDB writes the first pages of a new file in place; if power loss or a full
 * disk cuts them short it refuses the file for ever.  So the file is made under
 * another name and renamed when it is complete.
 */
static int
index_make(struct lmdb *l, const char *dir, const char *path)
{
	char part[PATH_MAX];
	MDB_env *env = NULL;
	int rc;

	if (snprintf(part, sizeof(part), "%s.part", path) >= (int)sizeof(part))
		return lmdb_fail(l, -ENAMETOOLONG, dir, "the path is too long");
	(void)unlink(part);
	rc = mdb_env_create(&env);
	if (rc == 0)
		rc = mdb_env_open(env, part, MDB_NOSUBDIR | MDB_NOLOCK, 0600);
	if (rc == 0)
		rc = mdb_env_sync(env, 1);
	if (env != NULL)
		mdb_env_close(env);
	if (rc == 0 && rename(part, path) != 0)
		rc = errno;
	return lmdb_convert(l, rc, dir);
}

static int
index_ensure(struct lmdb *l, const char *dir)
{
	char path[PATH_MAX];
	struct stat st;
	int err;

	(void)snprintf(path, sizeof(path), "%s/data.mdb", dir);
	if (stat(path, &st) == 0)
		return st.st_size > 0 ? 0
				      : lmdb_fail(l, SW_ECORRUPT, dir,
						"data.mdb is empty");
	if (errno != ENOENT)
		return 0; /* mdb_env_open() reports other errors */
	err = new_store_check(l, dir);
	if (err == 0)
		err = index_make(l, dir, path);
	return err < 0 ? err : lmdb_path_sync(l, dir);
}

/*
 * The names of the files and of their folder must survive a power loss, too.  A
 * process that made them may have been killed before it synced them, so each
 * start syncs both folders.  If the folder above is not accessible this process
 * has made nothing in it.
 */
static int
names_sync(struct lmdb *l, const char *dir)
{
	char above[PATH_MAX];
	int err = lmdb_path_sync(l, dir);

	if (err < 0)
		return err;
	if (snprintf(above, sizeof(above), "%s/..", dir) >= (int)sizeof(above))
		return lmdb_fail(l, -ENAMETOOLONG, dir, "the path is too long");
	err = lmdb_path_sync(l, above);
	return err == -EACCES || err == -EROFS || err == -EINVAL ? 0 : err;
}

/*
 * In a file that was cut short the first access to a missing page would raise
 * SIGBUS, so the file must reach its last page.  lmdb_room_reserve() makes sure
 * that a sound file does.
 */
static int
length_check(struct lmdb *l, const char *dir)
{
	struct lmdb_extent x;
	struct stat file;

	lmdb_extent(l, &x);
	if (fstat(x.fd, &file) != 0)
		return lmdb_fail(l, -errno, dir, strerror(errno));
	if (file.st_size < x.end)
		return lmdb_fail(l, SW_ECORRUPT, dir, "data.mdb is cut short");
	if (l->read_only) /* a broker has reserved room before */
		l->reserved = file.st_size;
	return 0;
}

static size_t
journal_size(const struct store_options *o)
{
	size_t map = o->map_size != 0 ? o->map_size : LMDB_MAP_BYTES;
	size_t size = map / 64 & ~(((size_t)1 << 20) - 1);

	return size < 1 << 20	      ? 1 << 20
	       : size > JOURNAL_BYTES ? JOURNAL_BYTES
				      : size;
}

/* A new file has no table; in another one a table that is missing was lost. */
static int
file_is_new(struct lmdb *l)
{
	MDB_dbi main;
	MDB_stat st;

	return mdb_dbi_open(l->txn, NULL, 0, &main) == 0 &&
	       mdb_stat(l->txn, main, &st) == 0 && st.ms_entries == 0;
}

int
lmdb_tables_make(struct lmdb *l)
{
	const unsigned flags = !l->read_only && file_is_new(l) ? MDB_CREATE : 0;
	int rc = mdb_dbi_open(l->txn, "meta", flags, &l->meta);

	for (int i = 0; rc == 0 && i < LMDB_SHARDS_MAX; i++) {
		char name[24];

		(void)snprintf(name, sizeof(name), "shard%d", i);
		rc = mdb_dbi_open(
			l->txn, name, i == 0 ? flags : 0, &l->rows[i]);
		if (rc == MDB_NOTFOUND && i > 0)
			rc = 0;
	}
	return rc;
}

/*
 * A table's handle is closed when the transaction that opened it is aborted, so
 * this transaction is committed before batches, which may be undone, go into
 * the next one.
 */
static int
handles_keep(struct lmdb *l, const char *dir)
{
	int rc = mdb_txn_commit(l->txn);

	l->txn = NULL;
	return rc != 0 ? lmdb_convert(l, rc, dir) : lmdb_txn_ensure(l);
}

/*
 * A store without a salt gets one in the commit which makes its unsalted
 * records void; until then these are read without it.  An epoch that is not
 * known goes on from the hours since 1970, which no count of starts reaches.
 */
static int
first_checkpoint(struct lmdb *l)
{
	const uint64_t hours = (uint64_t)clock_now_ms(CLOCK_REALTIME) / HOUR_MS;
	struct lmdb_number numbers[] = {{"format", STORE_FORMAT},
		{"salt", l->journal.salt}, {"journal", l->journal.highest + 1},
		{"epoch0", hours}};
	uint64_t *salt = &numbers[1].value;
	int err;

	if (*salt == 0) {
		/* getrandom(2): up to 256 bytes are never cut short. */
		must(getrandom(salt, sizeof(*salt), 0) ==
			(ssize_t)sizeof(*salt));
		*salt |= 1; /* 0: none yet */
	}
	err = journal_sync(&l->journal); /* a number is to name its mark */
	if (err < 0)
		return lmdb_fail(l, err, "journal", strerror(-err));
	l->meta_anew = l->loss.numbers;
	err = lmdb_checkpoint_with(l, numbers, l->loss.numbers ? 4 : 3);
	l->meta_anew = 0;
	if (err < 0)
		return err;
	l->journal.salt = *salt;
	journal_restart(&l->journal, numbers[2].value);
	return 0;
}

static int
journal_fail(struct lmdb *l, int err, const char *dir)
{
	char path[PATH_MAX + 16];

	(void)snprintf(path, sizeof(path), "%s/journal", dir);
	return lmdb_fail(l, err, path, strerror(-err));
}

/*
 * Opens the journal, which is made with the first generation of a store, or for
 * a repair that may do without the old one.
 */
static int
journal_find(struct lmdb *l, const char *dir, const struct store_options *o,
	uint64_t generation)
{
	int fresh = generation == 0 && !l->read_only;
	int err = journal_open(&l->journal, dir, journal_size(o), fresh);

	if (err == SW_ECORRUPT && o->without_journal) {
		l->loss.journal = LMDB_MISSING;
		fresh = !l->read_only;
		err = fresh ? journal_open(&l->journal, dir, journal_size(o), 1)
			    : 0;
	}
	if (err == SW_ECORRUPT)
		return lmdb_fail(l, err, dir, "the journal is missing");
	if (err < 0)
		return journal_fail(l, err, dir);
	if (fresh) /* maybe just made */
		err = lmdb_owner_set(l->journal.fd, dir);
	return err < 0 ? journal_fail(l, err, dir) : 0;
}

/* Notes what the store is opened without; before its next checkpoint. */
static void
loss_note(struct lmdb *l, uint64_t generation)
{
	struct lmdb_loss *loss = &l->loss;

	if (l->journal.broken && loss->journal == LMDB_WHOLE)
		loss->journal = LMDB_BROKEN;
	loss->epoch = lmdb_meta_get(l, "epoch0", 0);
	loss->checkpoint_ms = lmdb_meta_get(l, "checkpoint_ms", 0);
	loss->closed = lmdb_meta_get(l, "closed", 0) == generation &&
		       l->journal.highest <= generation;
	loss->applied = l->journal.next - (uint64_t)l->journal.marked;
}

/* A file that was cut short; all that is left of it is in data.mdb by now. */
static int
journal_replace(struct lmdb *l, const char *dir, size_t size)
{
	int err;

	if (l->locks[LMDB_JOURNAL] >= 0)
		close(l->locks[LMDB_JOURNAL]);
	l->locks[LMDB_JOURNAL] = -1;
	err = journal_renew(&l->journal, dir, size);
	if (err == 0)
		err = lmdb_owner_set(l->journal.fd, dir);
	return err < 0 ? lmdb_fail(l, err, dir, strerror(-err))
		       : lmdb_path_sync(l, dir);
}

static int
journal_apply(struct lmdb *l, const char *dir, const struct store_options *o,
	uint64_t generation)
{
	int err;

	l->journal.lenient = o->without_journal;
	err = l->journal.fd >= 0 ? lmdb_replay(l, generation) : 0;
	if (err < 0)
		return lmdb_fail(l, err, dir,
			err == SW_EFORMAT ? "the journal has the format of a "
					    "newer version"
			: err != SW_ECORRUPT   ? sw_strerror(err)
			: l->journal.size == 0 ? "the journal is empty"
			: l->journal.size < l->journal.least ||
					l->journal.size % JOURNAL_ALIGN != 0
				? "the journal is cut short"
				: "the journal is corrupt, or one of journal "
				  "and data.mdb is an older copy");
	loss_note(l, generation);
	if (l->read_only)
		return 0;
	err = first_checkpoint(l);
	l->journal.lenient = 0;
	return err < 0 || l->journal.size >= journal_size(o) ||
			       !l->journal.broken
		       ? err
		       : journal_replace(l, dir, journal_size(o));
}

/* One of them was there: the other was lost. */
static int
tables_missing(struct lmdb *l, const char *dir)
{
	MDB_dbi table;

	if (mdb_dbi_open(l->txn, "meta", 0, &table) == 0 ||
		mdb_dbi_open(l->txn, "shard0", 0, &table) == 0)
		return lmdb_fail(l, SW_ECORRUPT, dir,
			"data.mdb has only one of its two tables");
	return lmdb_fail(
		l, SW_EFORMAT, dir, "data.mdb has no tables of a store");
}

static int
format_check(struct lmdb *l, const char *dir)
{
	uint64_t format = lmdb_meta_get(l, "format", 0);
	char why[128];

	if (format <= STORE_FORMAT)
		return 0;
	(void)snprintf(why, sizeof(why),
		"the store has format %llu of a newer version; this version "
		"reads up to %d",
		(unsigned long long)format, STORE_FORMAT);
	return lmdb_fail(l, SW_EFORMAT, dir, why);
}

static int
numbers_check(struct lmdb *l, const char *dir, const struct store_options *o)
{
	int rc = lmdb_meta_check(l);

	l->loss.numbers = rc == MDB_CORRUPTED;
	if (!l->loss.numbers)
		return lmdb_convert(l, rc, dir);
	return o->without_journal
		       ? 0
		       : lmdb_fail(l, SW_ECORRUPT, dir,
				 "the numbers in data.mdb that the journal "
				 "needs are corrupt");
}

/* Opens the tables, checks the format, applies the journal. */
static int
tables_open(struct lmdb *l, const char *dir, const struct store_options *o)
{
	struct journal want = {.fd = -1};
	uint64_t generation;
	int err = lmdb_txn_ensure(l);

	if (err == 0)
		err = lmdb_convert(l, lmdb_tables_make(l), dir);
	if (err == SW_ENOJOB)
		err = tables_missing(l, dir);
	if (err == 0)
		err = format_check(l, dir);
	if (err == 0)
		err = numbers_check(l, dir, o);
	if (err < 0)
		return err;
	generation = lmdb_meta_get(l, "journal", 0);
	want.salt = lmdb_meta_get(l, "salt", 0);
	if (!l->loss.numbers) {
		want.least = lmdb_meta_get(l, "journal_bytes", 0);
		want.front = lmdb_meta_get(l, "journal_front", 0);
	}
	err = handles_keep(l, dir);
	if (err == 0)
		err = journal_find(l, dir, o, generation);
	if (err == 0)
		err = names_sync(l, dir);
	if (err < 0)
		return err;
	l->journal.salt = want.salt;
	l->journal.least = want.least;
	l->journal.front = want.front;
	return journal_apply(l, dir, o, generation);
}

static int
env_open(struct lmdb *l, const char *dir, const struct store_options *o)
{
	const unsigned flags = MDB_NORDAHEAD | MDB_NOTLS |
			       (planted(NO_SYNC) ? MDB_NOSYNC : 0);
	size_t size = o->map_size != 0 ? o->map_size : LMDB_MAP_BYTES;
	int rc = mdb_env_create(&l->env), dead;

	if (rc == 0)
		rc = mdb_env_set_mapsize(l->env, size);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(l->env, LMDB_SHARDS_MAX + 1);
	if (rc == 0)
		rc = mdb_env_open(l->env, dir, flags, 0600);
	if (rc == 0)
		rc = mdb_reader_check(l->env, &dead);
	l->map_size = size;
	return lmdb_convert(l, rc, dir);
}

int
lmdb_open(struct store **out, const char *dir, const struct store_options *o)
{
	struct lmdb *l = calloc(1, sizeof(*l));
	int err;

	if (l == NULL)
		return -ENOMEM;
	l->s.driver = &store_lmdb;
	for (int f = 0; f < LMDB_LOCKS; f++)
		l->locks[f] = -1;
	l->journal.fd = -1;
	l->read_only = o->read_only;
	*out = &l->s;
	l->dir = strdup(dir);
	err = l->dir != NULL ? folder_check(l, dir, o->force) : -ENOMEM;
	if (err == 0 && !o->unfinished)
		err = unfinished_check(l, dir);
	if (err == 0)
		err = lmdb_folder_lock(l, dir);
	if (err == 0 && !l->read_only)
		err = index_ensure(l, dir);
	if (err == 0) /* LMDB would wait for the process that has it open */
		err = lmdb_files_lock(l, dir);
	if (err == 0) /* else mdb_env_open() makes the file */
		err = lmdb_lock_ensure(l, dir, LMDB_READERS);
	if (err == 0)
		err = env_open(l, dir, o);
	if (err == 0)
		err = length_check(l, dir);
	if (err == 0)
		lmdb_room_reserve(l);
	if (err == 0)
		err = tables_open(l, dir, o);
	if (err == 0) /* a journal that was made now */
		err = lmdb_files_lock(l, dir);
	if (err == 0)
		lmdb_files_note(l, dir);
	l->opened = err == 0;
	if (err == SW_EFULL)
		(void)lmdb_fail(l, err, dir,
			l->disk_full ? "no room on the disk"
				     : "the store is full; raise --map-size");
	return err;
}

/*
 * Not needed by the next start, which would apply the journal.  But data.mdb
 * then has all that was confirmed and says so, should the journal get lost.
 */
static void
last_checkpoint(struct lmdb *l)
{
	struct lmdb_number closed = {"closed", l->journal.generation + 1};

	(void)lmdb_checkpoint_with(l, &closed, 1);
}

void
lmdb_close(struct store *s)
{
	struct lmdb *l = (struct lmdb *)s;

	if (l == NULL)
		return;
	if (l->opened && !l->read_only && l->txn != NULL)
		last_checkpoint(l);
	if (l->txn != NULL)
		mdb_txn_abort(l->txn);
	journal_close(&l->journal);
	if (l->env != NULL)
		mdb_env_close(l->env);
	lmdb_files_close(l);
	free(l->dir);
	free(l);
}
