/* SPDX-License-Identifier: MIT */
/*
 * journal.h - batches on disk with one sync each, until the index holds them
 *
 * A file of fixed size, written once with zeros so that a sync of it moves
 * no metadata.  Batches are appended; when the index has committed them all
 * under a new generation, writing starts again at the front and what lies
 * there of older generations no longer counts.
 *
 * A record, little-endian, begins at a multiple of JOURNAL_ALIGN:
 *
 *	0   u32  magic "SWJ1"
 *	4   u32  length of the operations
 *	8   u64  generation
 *	16  u64  number within the generation, from 0
 *	24  u64  XXH3-64 of the operations, seeded with the three numbers above,
 *		 and these with the store's salt
 *	32       operations: u8 kind, u16 key length, u32 value length, bytes
 *
 * A record that power loss has torn fails its checksum and ends the replay:
 * it was never confirmed.  A sound record behind a broken one can only be
 * damage, and one of a later generation than the index knows means that the
 * index is an older copy: both are refused.  A salt that no producer knows
 * keeps the bytes of a job's body from being taken for such a record.
 */
#ifndef BROKER_JOURNAL_H
#define BROKER_JOURNAL_H

#include "broker/store/store.h"

enum { JOURNAL_ALIGN = 512, JOURNAL_HEAD = 32 };

struct journal {
	int fd;		 /* -1: closed */
	size_t size, at; /* bytes; where the next record goes */
	uint64_t generation, next, salt;
	uint8_t *buf; /* one record */
	size_t buf_cap;
};

/*
 * Opens DIR/journal, made and zeroed with `size` bytes where there is none
 * and `fresh` says that there need not be one.  0, -errno, or SW_ECORRUPT:
 * it is missing.  Its name is durable when the caller has synced DIR.  The
 * salt is 0 until the caller sets it.  journal_close is wanted in any case.
 */
int journal_open(struct journal *, const char *dir, size_t size, int fresh)
	__attribute__((warn_unused_result));
void journal_close(struct journal *);

/*
 * Calls `apply` for every batch of `generation`, in order, and leaves the
 * journal ready to append behind them.  0, SW_ECORRUPT, -errno, or what
 * `apply` returned if that is not 0.
 */
typedef int journal_apply_fn(void *arg, const struct store_op *ops, size_t n);
int journal_replay(struct journal *, uint64_t generation,
	journal_apply_fn *apply, void *arg) __attribute__((warn_unused_result));

/* Whether a batch would fit behind the others. */
int journal_fits(const struct journal *, const struct store_op *ops, size_t n);

/* Appends and syncs.  0, or -errno: its outcome is unknown. */
int journal_append(struct journal *, const struct store_op *ops, size_t n)
	__attribute__((warn_unused_result));

/* The index holds it all: from the front, under this generation. */
void journal_restart(struct journal *, uint64_t generation);

#endif
