/* SPDX-License-Identifier: MIT */
#include "broker/store/lmdb_value.h"

#include <sys/mman.h>

#include "broker/store/store.h"

enum {
	LMDB_PAGE_LEAST = 4096,
	LMDB_HEAD = 16, /* bytes: number 8, pad 2, flags 2, pages 4 */
	LMDB_OVERFLOW = 0x04,
	LMDB_DIRTY = 0x10,
	LMDB_KEEP = 0x8000,
	VALUE_LARGE = 16 * 1024, /* bytes */
};

void
lmdb_value_ahead(const MDB_val *v)
{
	size_t before = (uintptr_t)v->mv_data % LMDB_PAGE_LEAST;

	if (v->mv_size >= VALUE_LARGE && v->mv_size <= STORE_VAL_MAX)
		(void)madvise((uint8_t *)v->mv_data - before,
			before + v->mv_size, MADV_WILLNEED);
}

/*
 * LMDB does not check the length in a node: a corrupt one reaches into other
 * rows, or past the end of the file, where a read raises SIGBUS.
 *
 * A value too long for a leaf has overflow pages of its own, and their header
 * (MDB_page in LMDB's lmdb.c, the same in all of 0.9) has their number.  The
 * header may be corrupt, too, but lmdb_room_reserve() keeps the file longer
 * than its last page by more than STORE_VAL_MAX, so that a read is safe.  In a
 * dirty page the header is as this process wrote it.
 */
static int
has_pages_for(unsigned page_size, const MDB_val *v)
{
	const uint8_t *head = (const uint8_t *)v->mv_data - LMDB_HEAD;
	uint64_t flags = le_get(head + 10, 2) &
			 ~(uint64_t)(LMDB_DIRTY | LMDB_KEEP);

	return le_get(head + 8, 2) == 0 && flags == LMDB_OVERFLOW &&
	       le_get(head + 12, 4) * page_size >= LMDB_HEAD + v->mv_size;
}

/* A leaf page has at least two rows, so a value in it is shorter than half a
 * page. */
int
lmdb_value_sound(MDB_env *env, const MDB_val *v)
{
	MDB_stat st;

	if (v->mv_size < LMDB_PAGE_LEAST / 2)
		return 1;
	return mdb_env_stat(env, &st) == 0 && v->mv_size <= STORE_VAL_MAX &&
	       (v->mv_size < st.ms_psize / 2 || has_pages_for(st.ms_psize, v));
}
