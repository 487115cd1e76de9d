/* SPDX-License-Identifier: MIT */
/*
 * lmdb_value.h - a value that LMDB returns: read at once, with a sound length
 */
#ifndef BROKER_STORE_LMDB_VALUE_H
#define BROKER_STORE_LMDB_VALUE_H

#include <lmdb.h>

/*
 * `v` is as mdb_get() or mdb_cursor_get() has set it.  0: its length is
 * corrupt, so that its bytes must not be read and its row not be overwritten.
 */
int lmdb_value_sound(MDB_env *, const MDB_val *v);

/*
 * Has the kernel begin to read all of a large value, before any byte of it is
 * touched.  A page fault reads as far around itself as the disk's read-ahead
 * says, which is megabytes on some machines, and the fault waits for that.
 */
void lmdb_value_ahead(const MDB_val *v);

#endif
