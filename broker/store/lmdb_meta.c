/* SPDX-License-Identifier: MIT */
/*
 * lmdb_meta.c - the numbers of the meta table, under one seal
 *
 * A salt or a generation with a flipped bit would make a whole journal void
 * without a trace, and an epoch that goes back would make old tokens valid.  So
 * the row "seal" has a checksum of all other rows: XXH3, of each name and each
 * value in the order of the names, seeded with the sum so far.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "broker/store/lmdb.h"
#include "broker/store/lmdb_value.h"

enum { ROWS_MAX = 16 + LMDB_SHARDS_MAX, SEALED_SINCE = 3 /* format */ };

static const char seal_name[] = "seal";

static uint64_t
number_of(const MDB_val *v)
{
	return v->mv_size == 8 ? le_get(v->mv_data, 8) : UINT64_MAX;
}

static MDB_val
name_val(const char *name)
{
	union {
		const void *c;
		void *p;
	} key = {name};

	return (MDB_val){strlen(name), key.p};
}

uint64_t
lmdb_meta_get(struct lmdb *l, const char *name, uint64_t otherwise)
{
	MDB_val k = name_val(name), v;

	return mdb_get(l->txn, l->meta, &k, &v) == 0 ? number_of(&v)
						     : otherwise;
}

static int
number_put(struct lmdb *l, const char *name, uint64_t number)
{
	uint8_t le[8];
	MDB_val k = name_val(name), v = {sizeof(le), le};

	le_set(le, sizeof(le), number);
	return mdb_put(l->txn, l->meta, &k, &v, 0);
}

static int
is_seal(const MDB_val *k)
{
	return k->mv_size == sizeof(seal_name) - 1 &&
	       memcmp(k->mv_data, seal_name, k->mv_size) == 0;
}

static int
row_add(uint64_t *sum, const MDB_val *k, const MDB_val *v)
{
	if (k->mv_size > STORE_KEY_MAX || v->mv_size != 8)
		return MDB_CORRUPTED;
	if (is_seal(k))
		return 0;
	*sum = XXH3_64bits_withSeed(k->mv_data, k->mv_size, *sum);
	*sum = XXH3_64bits_withSeed(v->mv_data, v->mv_size, *sum);
	return 0;
}

static int
sum_of_rows(struct lmdb *l, uint64_t *sum)
{
	MDB_cursor *cur;
	MDB_val k, v;
	int rc = mdb_cursor_open(l->txn, l->meta, &cur), n = 0;

	if (rc != 0)
		return rc;
	*sum = 0;
	while (rc == 0 && (rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT)) == 0)
		rc = ++n > ROWS_MAX ? MDB_CORRUPTED : row_add(sum, &k, &v);
	mdb_cursor_close(cur);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

int
lmdb_meta_put(struct lmdb *l, const struct lmdb_number *numbers, size_t n)
{
	uint64_t sum;
	int rc = sum_of_rows(l, &sum); /* no length is corrupt */

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = number_put(l, numbers[i].name, numbers[i].value);
	if (rc == 0)
		rc = sum_of_rows(l, &sum);
	return rc == 0 ? number_put(l, seal_name, sum) : rc;
}

/* A store of an older format has no seal, and nor has one that is just made. */
int
lmdb_meta_check(struct lmdb *l)
{
	MDB_val k = name_val(seal_name), v;
	uint64_t sum;
	int rc = sum_of_rows(l, &sum), is_sound;

	if (rc != 0)
		return rc;
	rc = mdb_get(l->txn, l->meta, &k, &v);
	if (rc == MDB_NOTFOUND)
		is_sound = lmdb_meta_get(l, "format", 0) < SEALED_SINCE;
	else
		is_sound = rc == 0 && number_of(&v) == sum;
	return is_sound ? 0 : MDB_CORRUPTED;
}
