/* SPDX-License-Identifier: MIT */
/*
 * store.h - an ordered map of byte strings, cut into shards
 *
 * The store knows nothing of jobs; broker/model/key.h has the rows.  A batch of
 * operations is one atomic, durable commit.  A claim makes this process the
 * only writer of a shard: every commit carries the epoch of its claim, so a
 * broker that has lost its shard cannot write.
 *
 * Keys have 1 to STORE_KEY_MAX bytes and are ordered by memcmp; values have 0
 * to STORE_VAL_MAX bytes.  A value that is longer in the files is corrupt: it
 * reads as empty, and an operation on its row fails with SW_ECORRUPT.  "mem"
 * has 16 shards, "lmdb" only shard 0; any other number is -EINVAL.
 *
 * Errors:
 *	SW_EFULL	the batch does not fit; nothing of it was written
 *	SW_EFENCED	a newer claim exists; nothing was written
 *	SW_EUNKNOWN	the outcome of a commit is unknown: the process must
 *			exit without an answer, and a restart finds out
 *	SW_EFORMAT	the files are no store, or of a newer format
 *	SW_ECORRUPT	the files are corrupt
 *	-EBUSY		another process has the store open; `why` names it
 *	-ESTALE		a file of the store was removed or replaced
 *	-errno		a system call failed
 */
#ifndef BROKER_STORE_STORE_H
#define BROKER_STORE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum {
	STORE_KEY_MAX = 511, /* LMDB's limit */
	STORE_VAL_MAX = 4 << 20,
	/*
	 * Version of the files and of the rows.  1: journal without salt; 2:
	 * with it; 3: rows of a state and queue lie together, a lane has jobs
	 * of one priority (core/load.h), and the numbers of LMDB's meta table
	 * are sealed.
	 */
	STORE_FORMAT = 3,
};

struct store { /* the first member of a driver's own struct */
	const struct store_driver *driver;
	char why[256]; /* a description of the last error, for the log */
};

struct claim {
	uint32_t shard;
	uint64_t epoch; /* durable; one more with every claim */
};

enum store_op_kind { STORE_PUT, STORE_DELETE };

struct store_op {
	enum store_op_kind kind;
	struct bytes key, val; /* borrowed until `done` is called */
};

/* How full the store is.  The core refuses puts at 90 % (FULL_PERCENT) and as
 * long as there is a `full_why`. */
struct store_usage {
	uint64_t used_pages, max_pages;
	uint64_t page_size; /* bytes */
	/* Those of used_pages that may be used again.  lmdb: counted once for
	 * each checkpoint. */
	uint64_t free_pages;
	const char *full_why; /* static; NULL: the disk has room */
};

/* Whether so much of max_pages is in use, or the disk is full. */
int store_is_full(const struct store_usage *, unsigned percent);

typedef void store_done_fn(void *arg, int err);

/* Returns 0 to go on, anything else to stop.  The pointers are valid until the
 * next call of the store. */
typedef int store_each_fn(void *arg, struct bytes key, struct bytes val);

struct store_options {
	uint64_t map_size;   /* bytes, the most that the store may grow to; 0:
				64 GiB */
	int force;	     /* accept a network or overlay file system */
	int read_only;	     /* change no file; a claim is -EROFS */
	int without_journal; /* lmdb, for a repair: open the store also if its
				journal is missing or broken */
	int unfinished;	     /* lmdb: accept a copy that is still being made */
};

struct store_driver {
	const char *scheme; /* "lmdb" */

	/* Opens the store; `uri` is the part behind "scheme:".  Sets *out also
	 * on an error, if there was memory, so that the caller can read its
	 * `why`; the caller must close it. */
	int (*open)(struct store **out, const char *uri,
		const struct store_options *);

	/* Accepts NULL.  Not needed for durability: a commit that `done` has
	 * confirmed is on disk whether or not the store is closed. */
	void (*close)(struct store *);

	/* Makes this process the only writer of the shard: for ttl_ms unless
	 * renewed, or until it closes the store if ttl_ms is 0. */
	int (*claim)(
		struct store *, uint32_t shard, int64_t ttl_ms, struct claim *);
	/* SW_EFENCED: a newer claim exists. */
	int (*renew)(struct store *, struct claim *);
	int (*release)(struct store *, struct claim *);

	/*
	 * Commits all operations or none; they are durable once `done` is
	 * called with 0.  If commit returns 0 then `done` is called once with
	 * the outcome, before the return or from `turn`, in the order of the
	 * commits of a shard.  If it returns an error nothing was submitted
	 * and `done` is not called.  Deleting a missing row is no error.
	 */
	int (*commit)(struct store *, const struct claim *,
		const struct store_op *, size_t n, store_done_fn *done,
		void *arg);

	/*
	 * Calls `each` for at most `limit` rows with keys in [from, to), in
	 * order, as of the last confirmed commit.  An empty `from` is the first
	 * key, an empty `to` the end.
	 */
	int (*scan)(struct store *, uint32_t shard, struct bytes from,
		struct bytes to, size_t limit, store_each_fn *each, void *arg);

	/* The same rows, from the last to the first. */
	int (*scan_back)(struct store *, uint32_t shard, struct bytes from,
		struct bytes to, size_t limit, store_each_fn *each, void *arg);

	/* Reads one row.  *val is valid until the next commit or usage.
	 * SW_ENOJOB: no such key. */
	int (*get)(struct store *, uint32_t shard, struct bytes key,
		struct bytes *val);

	/* To be called once a turn.  lmdb: may make a checkpoint if the store
	 * is nearly full. */
	int (*usage)(struct store *, struct store_usage *);

	/* To be called every second or so.  -ESTALE: a file is no longer the
	 * one that this process has open, so the next start would not find
	 * what is confirmed from now on: the caller must confirm nothing more
	 * and close the store; `why` names the file.  Only calls stat(2), which
	 * may wait for a file system that hangs. */
	int (*check)(struct store *);

	/*
	 * With `on`: makes every confirmed batch readable by a process that
	 * opens the files beside this one, for a copy.  lmdb: a checkpoint, if
	 * there is need; until a call without `on`, pages that such a process
	 * may read are not counted as free.  SW_EFULL: there is no room for the
	 * checkpoint; or another error.
	 */
	int (*share)(struct store *, int on);

	/* Bytes that the store may still grow by, as map and disk allow. */
	int (*room)(struct store *, uint64_t *bytes);

	/* A descriptor that is readable when `turn` has to be called, which
	 * calls `done` of finished commits.  -1: commit does not return before
	 * `done` was called. */
	int (*fd)(struct store *);
	int (*turn)(struct store *);
};

extern const struct store_driver store_lmdb, store_mem;

/* The driver of a URI such as "lmdb:PATH" or "mem:"; NULL: no such scheme. */
const struct store_driver *store_driver_find(const char *uri);

/* Opens "scheme:rest", or a path with lmdb.  *out as by the driver's open. */
int store_open(struct store **out, const char *uri,
	const struct store_options *) __attribute__((warn_unused_result));

#endif
