/* SPDX-License-Identifier: MIT */
/*
 * lmdb.h - the LMDB driver's state, for its own files and the repair
 */
#ifndef BROKER_STORE_LMDB_H
#define BROKER_STORE_LMDB_H

#include <lmdb.h>
#include <sys/types.h>

#include "broker/store/journal.h"
#include "broker/store/store.h"

#define LMDB_MAP_BYTES ((size_t)64 << 30)

enum { LMDB_SHARDS_MAX = 16 };

enum lmdb_file {
	LMDB_FOLDER_LOCK,
	LMDB_INDEX,
	LMDB_JOURNAL,
	LMDB_LOCKS,		   /* so many are locked by flock(2) */
	LMDB_READERS = LMDB_LOCKS, /* LMDB's own lock file */
	LMDB_FILES
};

struct lmdb_identity {
	dev_t dev;
	ino_t ino;
};

enum lmdb_journal { LMDB_WHOLE, LMDB_MISSING, LMDB_BROKEN };

/* What a store was opened without, see store_options. */
struct lmdb_loss {
	enum lmdb_journal journal;
	uint64_t epoch;		/* of the last broker */
	uint64_t checkpoint_ms; /* Unix time of the last checkpoint; 0: unknown
				 */
	uint64_t applied;	/* batches of the journal since then */
	int closed;		/* that checkpoint was the close of the store */
	int numbers; /* these two and all others of the meta table are unsound
		      */
};

/* A file in the folder of a copy that is not complete and checked: a store that
 * has it is not opened, unless the options say so. */
#define LMDB_UNFINISHED "unfinished"

struct lmdb {
	struct store s;
	MDB_env *env;
	MDB_dbi meta, rows[LMDB_SHARDS_MAX];
	MDB_txn *txn; /* with all batches since the last checkpoint, or NULL */
	struct journal journal;
	char *dir;
	int locks[LMDB_LOCKS];	      /* descriptors; -1: none */
	struct lmdb_identity readers; /* lock.mdb, as it was opened */
	int read_only;		      /* `txn` is never committed */
	int dirty;		      /* `txn` has a batch */
	int opened;		      /* lmdb_open() has returned 0 */
	int broken;	       /* after an unknown outcome: every call fails */
	int disk_full;	       /* no room on the disk to reserve */
	int map_full;	 /* for the last batch; no checkpoint since */
	int was_empty;	 /* the last checkpoint had no batch */
	int write_full;	       /* the last checkpoint found the disk full */
	int64_t tried_ms;      /* boot clock, of that checkpoint */
	uint64_t usage_number; /* the journal's next number at the last usage */
	size_t checkpoint_at;  /* the journal's length at the last checkpoint */
	size_t checkpoint_after; /* ... at which the next is due; 0: not known
				  */
	size_t asked_at;	 /* the journal's length at the last usage */
	size_t map_size;	 /* bytes, as asked for */
	int map_extended;	 /* once, see map_extend() */
	off_t reserved;		 /* bytes on disk, of data.mdb */
	uint64_t free_pages;	 /* in generation `counted_generation` */
	uint64_t replaced_pages; /* by the last checkpoint; as free_pages */
	uint64_t counted_generation;
	struct lmdb_loss loss;
	int meta_anew; /* the next checkpoint puts all numbers */
	uint64_t shared_txn; /* pages freed since are not free; 0: none is
				shared */
};

/* Sets the store's `why` and returns `err`. */
int lmdb_fail(struct lmdb *, int err, const char *what, const char *detail);

/* The store's error for LMDB's return code `rc`; sets `why`. */
int lmdb_convert(struct lmdb *, int rc, const char *what);

/* Begins the write transaction if there is none. */
int lmdb_txn_ensure(struct lmdb *);

/*
 * Begins a transaction, if there is none, and applies the batches that the
 * journal has of `generation`.  If the map is too small for them it grows.
 * Returns 0 or the store's error.
 */
int lmdb_replay(struct lmdb *, uint64_t generation);

struct lmdb_number { /* of the meta table */
	const char *name;
	uint64_t value;
};

/*
 * Commits the transaction with all batches to data.mdb; the journal starts
 * with a new generation.  SW_EFULL: on disk nothing has changed, the
 * transaction has the journal's batches and no more, and the map has grown if
 * it was too small, so that the next checkpoint has room, or `write_full` says
 * that the disk is full; or another error.
 */
int lmdb_checkpoint(struct lmdb *);

/*
 * The same, and with the same commit writes the numbers.  Allowed only if the
 * transaction has nothing beside the journal's batches, so that a checkpoint
 * that found the map too small is tried once more.
 */
int lmdb_checkpoint_with(struct lmdb *, const struct lmdb_number *, size_t n);

/* A journal_apply_fn over a struct lmdb. */
int lmdb_batch_apply(void *arg, const struct store_op *ops, size_t n);

/* In lmdb_meta.c, the numbers of the meta table: */

/* A number, or `otherwise` if there is none. */
uint64_t lmdb_meta_get(struct lmdb *, const char *name, uint64_t otherwise);

/* Puts numbers into the transaction, and a seal over all that it has then.
 * Returns LMDB's error. */
int lmdb_meta_put(struct lmdb *, const struct lmdb_number *, size_t n);

/* Returns 0; MDB_CORRUPTED: a number or the seal is not as it was put, or is
 * not there; or another error of LMDB. */
int lmdb_meta_check(struct lmdb *);

/* In lmdb_room.c: */

/* The file data.mdb: where its last page ends and how long it may get. */
struct lmdb_extent {
	int fd;
	unsigned page_size;
	off_t end, max; /* bytes */
};
void lmdb_extent(const struct lmdb *, struct lmdb_extent *);

/* Extends data.mdb, in length and disk blocks, beyond its last page. */
void lmdb_room_reserve(struct lmdb *);

/*
 * Whether a checkpoint may be tried: one that found the disk full, and was
 * undone by reading the journal again, is not repeated within a second.
 */
int lmdb_may_write(const struct lmdb *);

/* Of the driver's share(): pages freed from now on are not free, or are. */
void lmdb_room_share(struct lmdb *, int on);

/*
 * After a checkpoint of `bytes` of the journal: decides how many the next one
 * has, so that its transaction takes little memory for pages.
 */
void lmdb_checkpoint_plan(struct lmdb *, size_t bytes, uint64_t pages_before);

/* Pages of the rows at the last checkpoint. */
uint64_t lmdb_row_pages(const struct lmdb *);

/* The driver's usage() and room(), see store.h. */
int lmdb_usage(struct store *, struct store_usage *);
int lmdb_room(struct store *, uint64_t *bytes);

/* In lmdb_files.c; DIR is the store's folder: */

/*
 * Gives a file, which this process has made, the owner and the group of
 * data.mdb.  Root may check the store of a broker that runs as another user,
 * and that broker must be able to open the file.  Without data.mdb, in a new
 * store, the file stays as it is, and also where this process may not give it
 * away.
 */
int lmdb_owner_set(int fd, const char *dir);

/* Makes a lock file, with the owner of data.mdb, if it is missing. */
int lmdb_lock_ensure(struct lmdb *, const char *dir, enum lmdb_file);

/* -EBUSY, with the holder's process id in `why`: another process has the
 * store open.  lmdb_files_lock() locks those of data.mdb and the journal that
 * exist and are not locked yet. */
int lmdb_folder_lock(struct lmdb *, const char *dir);
int lmdb_files_lock(struct lmdb *, const char *dir);
void lmdb_files_close(struct lmdb *);

/* Notes which file lock.mdb is, once LMDB has opened it. */
void lmdb_files_note(struct lmdb *, const char *dir);

/* -ESTALE: data.mdb or the journal was removed. */
int lmdb_files_linked(struct lmdb *);

/* The driver's check(), see store.h. */
int lmdb_files_check(struct store *);

/* In lmdb_open.c: */
int lmdb_open(struct store **, const char *dir, const struct store_options *);
void lmdb_close(struct store *);

/* Opens the tables in the transaction, and makes missing ones unless the store
 * is read-only.  Returns LMDB's return code. */
int lmdb_tables_make(struct lmdb *);

/* Syncs a folder, so that the names in it survive a power loss. */
int lmdb_path_sync(struct lmdb *, const char *path);

#endif
