/* SPDX-License-Identifier: MIT */
/*
 * lmdb_value.h - whether LMDB's word about a value may be believed
 */
#ifndef BROKER_STORE_LMDB_VALUE_H
#define BROKER_STORE_LMDB_VALUE_H

#include <lmdb.h>

/*
 * 0: the value's length is corrupt, so none of its bytes may be read and its
 * row may not be written over.  `v` is as LMDB has returned it.
 */
int lmdb_value_sound(MDB_env *, const MDB_val *v);

#endif
