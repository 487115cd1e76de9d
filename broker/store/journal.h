/* SPDX-License-Identifier: MIT */
/*
 * journal.h - a write-ahead log: one sync a batch, between checkpoints
 *
 * The index is LMDB's file, data.mdb.  The journal is a file of fixed size,
 * written once with zeros so that a sync writes no metadata.  Each batch is
 * appended and synced.  A checkpoint commits all of them to the index together
 * with the next generation number; then writing starts at the front again, and
 * records of older generations are void.
 *
 * A record, little-endian, begins at a multiple of JOURNAL_ALIGN:
 *
 *	0   u32  magic "SWJ1"; a later format ends in a later digit
 *	4   u32  length of the operations
 *	8   u64  generation
 *	16  u64  number within the generation, from 0
 *	24  u64  XXH3-64 of the operations; its seed is the XXH3-64 of bytes 0
 *		 to 23, with the store's salt as seed
 *	32       operations: u8 kind, u16 key length, u32 value length, bytes
 *
 * The first record of a generation has no operations: the mark, which is synced
 * before the batch that follows it.  It fits into one sector, so that a power
 * loss leaves either this mark or the one before.
 *
 * A record that was torn by a power loss fails its checksum and ends the
 * replay: it was never confirmed.  Refused as corrupt are a sound record behind
 * a broken one, which no power loss leaves; a record of a later generation than
 * the index has, for then the index is an older copy; a file that does not
 * begin with a mark, or with one of an older generation than the index knows
 * of, for then the file is not the one that it was; and a file that is too
 * short.
 * The salt is random and unknown to producers, so that no body of a job can
 * contain bytes that pass for a record.
 */
#ifndef BROKER_STORE_JOURNAL_H
#define BROKER_STORE_JOURNAL_H

#include "broker/store/store.h"

enum { JOURNAL_ALIGN = 512, JOURNAL_HEAD = 32 };

struct journal {
	int fd;		 /* -1: closed */
	size_t size, at; /* bytes of the file; offset of the next record */
	uint64_t generation;
	uint64_t next; /* the next record's number */
	int marked;    /* the generation has its mark */
	uint64_t salt;
	size_t least;	  /* bytes that the file must have; 0: unknown */
	uint64_t front;	  /* generation of the mark, or of an earlier one; 0:
			     there may be none */
	int lenient;	  /* set by the caller: see journal_replay() */
	int broken;	  /* found by a lenient replay */
	uint64_t highest; /* generation that a replay has seen */
	uint8_t *buf;	  /* one record */
	size_t buf_cap;
};

/*
 * Opens DIR/journal.  If `fresh` and the file is missing, makes it with `size`
 * bytes of zeros; the caller then has to sync DIR.  SW_ECORRUPT: the file is
 * missing and not `fresh`; or -errno.
 * journal_close() must follow also after an error.  The salt, `least` and
 * `front` are 0; the caller sets them.
 */
int journal_open(struct journal *, const char *dir, size_t size, int fresh)
	__attribute__((warn_unused_result));
void journal_close(struct journal *);

/*
 * Calls `apply` for every batch of `generation`, in order, until it returns an
 * error, which is returned; then the next append goes behind them.
 * SW_ECORRUPT: see above; SW_EFORMAT: the file is of a later format; or -errno.
 *
 * A lenient replay is no error for that: it sets `broken`, and ends before
 * the batch that is missing.  A checkpoint under a generation above `highest`
 * makes all of the file void.
 */
typedef int journal_apply_fn(void *arg, const struct store_op *ops, size_t n);
int journal_replay(struct journal *, uint64_t generation,
	journal_apply_fn *apply, void *arg) __attribute__((warn_unused_result));

/* Writes and syncs the mark, unless the generation has a record.  0 or
 * -errno. */
int journal_mark(struct journal *) __attribute__((warn_unused_result));

/* Whether the batch fits into the rest of the file. */
int journal_fits(const struct journal *, const struct store_op *ops, size_t n);

/* Appends a batch, which fits, and syncs.  -errno: whether the batch is on disk
 * is unknown. */
int journal_append(struct journal *, const struct store_op *ops, size_t n)
	__attribute__((warn_unused_result));

/* Syncs what a process that was killed may have written and not synced.  0 or
 * -errno. */
int journal_sync(const struct journal *) __attribute__((warn_unused_result));

/*
 * Replaces DIR/journal, in one step, by a file of `size` bytes of zeros, and
 * opens it; the caller then has to sync DIR.  Everything in the old file must
 * be void.  -errno: the old file is in place, and is not open.
 */
int journal_renew(struct journal *, const char *dir, size_t size)
	__attribute__((warn_unused_result));

/* Starts at the front under a new generation: the index has all batches. */
void journal_restart(struct journal *, uint64_t generation);

#endif
