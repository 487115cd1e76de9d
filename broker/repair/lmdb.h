/* SPDX-License-Identifier: MIT */
/*
 * lmdb.h - a new file for what can be read of a corrupt one
 *
 * LMDB believes its pages.  Over a value whose length is corrupt, or beside a
 * key that is out of order, it cannot write without harm to what lies near.
 * So all rows go into a file of their own, under another name, that takes the
 * old one's place when it is whole and synced.
 *
 * Both take a store that the LMDB driver has opened.  The store's error, or
 * -errno; SW_ECORRUPT: its own table cannot be read; `why` says what.
 */
#ifndef BROKER_REPAIR_LMDB_H
#define BROKER_REPAIR_LMDB_H

#include "broker/store/store.h"

/* Counts rows with a corrupt length or a key out of order. */
int lmdb_check(struct store *, uint64_t *corrupt)
	__attribute__((warn_unused_result));

/*
 * If there are any, makes data.mdb anew without them: a value that is lost
 * is one byte, 0, and a second row of one key has zeros behind its key.  The
 * new file has the owner of the old one, which stays where it was if anything
 * fails.  The store is to be closed afterwards.
 */
int lmdb_rebuild(struct store *, uint64_t *corrupt)
	__attribute__((warn_unused_result));

#endif
