/* SPDX-License-Identifier: MIT */
/*
 * lmdb.h - what the files of the LMDB driver and the repair share
 */
#ifndef BROKER_STORE_LMDB_H
#define BROKER_STORE_LMDB_H

#include <lmdb.h>
#include <sys/types.h>

#include "broker/store/journal.h"
#include "broker/store/store.h"

#define LMDB_MAP_BYTES ((size_t)64 << 30)

enum { LMDB_SHARDS_MAX = 16 };

struct lmdb {
	struct store s;
	MDB_env *env;
	MDB_dbi meta, rows[LMDB_SHARDS_MAX];
	MDB_txn *txn; /* all since the last checkpoint; NULL: none yet */
	struct journal journal;
	int lock;
	int read_only; /* the transaction is never committed */
	int dirty;     /* the transaction holds a batch */
	int broken;    /* a commit of unknown outcome: nothing goes any more */
	int disk_full; /* there is no room to reserve */
	uint64_t usage_number; /* the journal's next number at the last usage */
	size_t checkpoint_at;  /* the journal's length at the last checkpoint */
	off_t reserved;	       /* bytes on disk, of data.mdb */
	uint64_t free_pages;   /* in generation `counted_generation` */
	uint64_t counted_generation;
};

/* Keeps a line for people and returns `err`. */
int lmdb_fail(struct lmdb *, int err, const char *what, const char *detail);

/* The store's error for LMDB's `rc`. */
int lmdb_convert(struct lmdb *, int rc, const char *what);

/* Begins the transaction if there is none. */
int lmdb_txn_ensure(struct lmdb *);

/* Numbers of the meta table, within the transaction. */
uint64_t lmdb_meta_get(struct lmdb *, const char *name, uint64_t otherwise);
int lmdb_meta_put(struct lmdb *, const char *name, uint64_t number);

/* LMDB commits the transaction, with all batches; the journal begins anew.
 * SW_EFULL: later. */
int lmdb_checkpoint(struct lmdb *);

/* Where the index ends in its file, in bytes, and what bounds it. */
struct lmdb_extent {
	int fd;
	unsigned page_size;
	off_t end, max;
};
void lmdb_extent(const struct lmdb *, struct lmdb_extent *);

/* Room on disk and length of the file, ahead of the last page. */
void lmdb_room_reserve(struct lmdb *);

/* A journal_apply_fn over a struct lmdb. */
int lmdb_batch_apply(void *arg, const struct store_op *ops, size_t n);

/* Opening and closing (lmdb_open.c). */
int lmdb_open(struct store **, const char *dir, const struct store_options *);
void lmdb_close(struct store *);

/* Opens the tables within the transaction; unless read-only makes first what
 * is not there.  LMDB's error. */
int lmdb_tables_make(struct lmdb *);

/* What is in the folder outlasts the power. */
int lmdb_path_sync(struct lmdb *, const char *path);

#endif
