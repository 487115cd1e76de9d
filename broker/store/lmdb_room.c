/* SPDX-License-Identifier: MIT */
/*
 * lmdb_room.c - how much of its file the LMDB store uses, and room ahead of it
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/must.h"
#include "broker/store/lmdb.h"

enum {
	RETRY_MS = 1000,    /* between two checkpoints on a full disk */
	REPLACED_MANY = 64, /* pages; an empty checkpoint replaces some ten */
};

#define RESERVE_BYTES ((off_t)64 << 20) /* on disk, ahead of data.mdb */

enum {
	TXN_PAGES = 7 * 1024 + 512,  /* that a checkpoint should write */
	TXN_FIRST = 2 * 1024 * 1024, /* bytes of the first one's journal */
};

/* The number of the last transaction that was committed. */
static uint64_t
last_txn(const struct lmdb *l)
{
	MDB_envinfo info;

	must(mdb_env_info(l->env, &info) == 0);
	return info.me_last_txnid;
}

void
lmdb_room_share(struct lmdb *l, int on)
{
	l->shared_txn = on ? last_txn(l) : 0;
	l->counted_generation = 0; /* to be counted anew */
}

/* A key of the free list: the transaction that freed the pages. */
static uint64_t
freed_by(const MDB_val *key)
{
	size_t txn;

	memcpy(&txn, key->mv_data, sizeof(txn));
	return txn;
}

/*
 * LMDB's free list is table 0, whose values are lists of page numbers that
 * begin with their length.  The transaction behind the last one may not take
 * what the last one has freed; nor may any take pages that are shared.
 */
static void
free_list_read(struct lmdb *l, MDB_cursor *cur)
{
	const uint64_t last = last_txn(l);
	MDB_val k, v;

	l->free_pages = l->replaced_pages = 0;
	while (mdb_cursor_get(cur, &k, &v, MDB_NEXT) == 0) {
		uint64_t txn = freed_by(&k), n = *(const size_t *)v.mv_data;

		if (txn >= last)
			l->replaced_pages += n;
		else if (l->shared_txn == 0 || txn < l->shared_txn)
			l->free_pages += n;
	}
}

/* Counts once for each checkpoint. */
static void
free_pages_count(struct lmdb *l)
{
	MDB_txn *read;
	MDB_cursor *cur;

	if (l->counted_generation == l->journal.generation ||
		mdb_txn_begin(l->env, NULL, MDB_RDONLY, &read) != 0)
		return;
	if (mdb_cursor_open(read, 0, &cur) == 0) {
		free_list_read(l, cur);
		mdb_cursor_close(cur);
	}
	mdb_txn_abort(read);
	l->counted_generation = l->journal.generation;
}

static uint64_t
free_count(struct lmdb *l)
{
	free_pages_count(l);
	return l->free_pages;
}

/* Pages that the last checkpoint has replaced. */
static uint64_t
replaced_count(struct lmdb *l)
{
	free_pages_count(l);
	return l->replaced_pages;
}

/* Whether free pages within the file, with disk blocks, make up for the room
 * that is missing behind its end. */
static int
free_pages_suffice(struct lmdb *l, const struct lmdb_extent *x)
{
	return fallocate(x->fd, 0, 0, x->end) == 0 &&
	       (off_t)(free_count(l) * x->page_size) >= RESERVE_BYTES / 2;
}

void
lmdb_extent(const struct lmdb *l, struct lmdb_extent *x)
{
	MDB_envinfo info;
	MDB_stat st;

	/* On an open environment these cannot fail. */
	must(mdb_env_info(l->env, &info) == 0 &&
		mdb_env_stat(l->env, &st) == 0 &&
		mdb_env_get_fd(l->env, &x->fd) == 0);
	x->page_size = st.ms_psize;
	x->end = (off_t)(info.me_last_pgno + 1) * (off_t)st.ms_psize;
	x->max = (off_t)info.me_mapsize;
}

uint64_t
lmdb_row_pages(const struct lmdb *l)
{
	MDB_txn *read;
	MDB_stat st = {0};

	if (mdb_txn_begin(l->env, NULL, MDB_RDONLY, &read) != 0)
		return 0;
	must(mdb_stat(read, l->rows[0], &st) == 0);
	mdb_txn_abort(read);
	return st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages;
}

static size_t
checkpoint_after(const struct lmdb *l)
{
	if (l->checkpoint_after > 0)
		return l->checkpoint_after;
	return l->journal.size < TXN_FIRST ? l->journal.size : TXN_FIRST;
}

/*
 * A transaction has each page that it changes in memory, and LMDB keeps the
 * most that one ever had.  Jobs of many queues or lanes change a page each, so
 * after such a checkpoint the next has less of the journal.  The steps back are
 * small, for the pages of one turn may be many and those of the next few.
 */
void
lmdb_checkpoint_plan(struct lmdb *l, size_t bytes, uint64_t pages_before)
{
	uint64_t pages = replaced_count(l) + lmdb_row_pages(l) - pages_before;
	size_t least = l->journal.size / 16, most = l->journal.size;
	size_t was = checkpoint_after(l);
	size_t next = pages > 0 ? bytes * TXN_PAGES / pages : most;
	size_t step = was / 4;

	if (pages <= TXN_PAGES && next < was)
		next = was; /* it came early for another reason */
	if (next > was + step)
		next = was + step;
	l->checkpoint_after = next < least ? least : next > most ? most : next;
}

/*
 * Reserves disk blocks for the next checkpoint, so that confirmed batches
 * always fit; without them `disk_full` refuses puts in time.
 *
 * Extends the length of the file also if there are no blocks: LMDB counts pages
 * at the end that one transaction has allocated and freed, but never writes
 * them, so that a sound file could be shorter than its last page and look as if
 * it were cut short.
 */
void
lmdb_room_reserve(struct lmdb *l)
{
	struct lmdb_extent x;
	struct stat file;
	int no_room;
	off_t size;

	lmdb_extent(l, &x);
	if (fstat(x.fd, &file) != 0)
		return;
	size = x.end + RESERVE_BYTES / 2;
	if (size <= l->reserved && !l->disk_full)
		return;
	size += RESERVE_BYTES / 2;
	if (size > x.max)
		size = x.max;
	if (fallocate(x.fd, 0, 0, size) == 0) {
		l->reserved = size;
		l->disk_full = 0;
		return;
	}
	no_room = errno == ENOSPC || errno == EDQUOT;
	l->disk_full = no_room && !free_pages_suffice(l, &x);
	if ((file.st_size >= size || ftruncate(x.fd, size) == 0) && !no_room)
		l->reserved = size;
}

static void
usage_read(struct lmdb *l, struct store_usage *u)
{
	struct lmdb_extent x;

	lmdb_extent(l, &x);
	u->page_size = x.page_size;
	u->used_pages = (uint64_t)x.end / x.page_size;
	u->max_pages = l->map_size / x.page_size;
	u->free_pages = free_count(l);
}

/* Whether the transaction would have more pages than it should after another
 * turn like the last one. */
static int
txn_is_large(struct lmdb *l)
{
	size_t at = l->journal.at, was = l->asked_at;
	size_t turn = at > was ? at - was : 0;

	l->asked_at = at;
	return l->dirty && !l->write_full &&
	       at + turn - l->checkpoint_at > checkpoint_after(l);
}

/*
 * LMDB's page counts are those of the last checkpoint.  A broker that refuses
 * puts because the store is nearly full may write nothing more, so the journal
 * would never fill up and the broker would never see the room that deletes have
 * made.  So a store that is nearly full, or that had no room for a batch, makes
 * a checkpoint after a sixteenth of the journal, or if nothing was written
 * between two calls of usage, and another one, without a batch, if the last has
 * freed many pages, which are room only then; and a store whose last checkpoint
 * found the disk full tries again.
 */
static int
checkpoint_is_due(struct lmdb *l, const struct store_usage *u)
{
	int still = l->usage_number == l->journal.next;

	l->usage_number = l->journal.next;
	if (l->write_full)
		return lmdb_may_write(l);
	if (!l->disk_full && !l->map_full &&
		(u->used_pages - u->free_pages) * 8 < u->max_pages * 7)
		return 0;
	if (l->dirty)
		return l->journal.at > l->checkpoint_at &&
		       (still || l->map_full ||
			       l->journal.at - l->checkpoint_at >=
				       l->journal.size / 16);
	l->map_full = 0;
	return !l->was_empty && replaced_count(l) > REPLACED_MANY;
}

int
lmdb_may_write(const struct lmdb *l)
{
	return !l->write_full ||
	       clock_now_ms(CLOCK_BOOTTIME) - l->tried_ms >= RETRY_MS;
}

int
lmdb_usage(struct store *s, struct store_usage *u)
{
	struct lmdb *l = (struct lmdb *)s;
	int err = 0;

	usage_read(l, u);
	for (int most = 2; most > 0 && err == 0; most--) {
		if (!checkpoint_is_due(l, u) && !txn_is_large(l))
			break;
		err = lmdb_txn_ensure(l);
		if (err == 0)
			err = lmdb_checkpoint(l);
		if (err < 0 && err != SW_EFULL)
			return err;
		usage_read(l, u);
	}
	if (l->disk_full) /* the disk may have room again */
		lmdb_room_reserve(l);
	u->full_why = l->write_full  ? "the disk has no room for data.mdb"
		      : l->disk_full ? "the disk has no room ahead of data.mdb"
				     : NULL;
	return 0;
}

/* Free pages count as room, and so do blocks that are reserved ahead. */
int
lmdb_room(struct store *s, uint64_t *bytes)
{
	struct lmdb *l = (struct lmdb *)s;
	struct lmdb_extent x;
	struct statvfs fs;
	uint64_t map, disk;

	lmdb_extent(l, &x);
	if (fstatvfs(x.fd, &fs) != 0)
		return lmdb_fail(l, -errno, "data.mdb", strerror(errno));
	map = l->map_size > (size_t)x.end ? l->map_size - (size_t)x.end : 0;
	disk = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (l->reserved > x.end)
		disk += (uint64_t)(l->reserved - x.end);
	*bytes = (map < disk ? map : disk) + free_count(l) * x.page_size;
	return 0;
}
