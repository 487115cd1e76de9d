/* SPDX-License-Identifier: MIT */
/*
 * lmdb_value.h - whether the length that LMDB returns for a value is sound
 */
#ifndef BROKER_STORE_LMDB_VALUE_H
#define BROKER_STORE_LMDB_VALUE_H

#include <lmdb.h>

/*
 * `v` is as mdb_get() or mdb_cursor_get() has set it.  0: its length is
 * corrupt, so that its bytes must not be read and its row not be overwritten.
 */
int lmdb_value_sound(MDB_env *, const MDB_val *v);

#endif
