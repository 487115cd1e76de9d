/* SPDX-License-Identifier: MIT */
/*
 * lmdb.h - copying the readable rows of a corrupt data.mdb into a new file
 *
 * LMDB does not check its pages: overwriting a value whose length is corrupt,
 * or adding a row beside a key that is out of order, damages other rows.  So a
 * repair writes all rows to a new file under another name, which replaces the
 * old one when it is complete and synced.
 *
 * Functions with a struct store take one that the LMDB driver has opened.
 * SW_ECORRUPT: the table of the store's own numbers cannot be read; or another
 * error of the store, or -errno.  The store's `why` has a description.
 */
#ifndef BROKER_REPAIR_LMDB_H
#define BROKER_REPAIR_LMDB_H

#include "broker/store/store.h"

/*
 * Whether LMDB opens the file; nothing is made or changed, and no lock taken.
 * SW_EFORMAT: not an LMDB file, or of another version; SW_ECORRUPT: the file
 * does not reach its last page; or -errno.  Then *why is static text such as
 * "is cut short".
 */
int lmdb_file_check(const char *path, const char **why)
	__attribute__((warn_unused_result));

/* Counts the rows with a corrupt length or a key out of order. */
int lmdb_check(struct store *, uint64_t *corrupt)
	__attribute__((warn_unused_result));

/*
 * Counts as lmdb_check() and, if there are any, replaces data.mdb.  In the new
 * file a value of corrupt length is one zero byte, and a second row of one key
 * has zeros appended to its key, so that verify.c finds both; beyond
 * STORE_KEY_MAX bytes the row is left out.  The new file has the owner of the
 * old one.  On an error the old file stays.  The caller must
 * close the store afterwards.
 */
int lmdb_rebuild(struct store *, uint64_t *corrupt)
	__attribute__((warn_unused_result));

/*
 * Writes all rows, closely packed, to a new file that replaces data.mdb, so
 * that the disk gets back what deleted rows have left.  *pages: of the old and
 * of the new file.  SW_ECORRUPT: there are rows as lmdb_check() counts them,
 * which lmdb_rebuild() is for.  Otherwise as lmdb_rebuild().
 */
int lmdb_compact(struct store *, uint64_t pages[2])
	__attribute__((warn_unused_result));

struct lmdb_copied {
	uint64_t bytes; /* of the new file, without room ahead */
	char why[256];	/* a description of an error */
};

/*
 * Copies what the last checkpoint of DATA/data.mdb has to the new file `part`,
 * and syncs it.  A broker may have the store open: its journal is not read and
 * no lock of its is taken.  SW_ECORRUPT: as lmdb_compact(); or another error of
 * the store, or -errno.
 */
int lmdb_copy(const char *data, const char *part, uint64_t map_size,
	struct lmdb_copied *) __attribute__((warn_unused_result));

#endif
