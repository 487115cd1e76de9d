/* SPDX-License-Identifier: MIT */
/*
 * store.h - an ordered map of byte strings, cut into shards
 *
 * The store knows nothing of jobs.  A batch of operations is one atomic,
 * durable commit.  A claim makes this process a shard's only writer: every
 * commit carries the claim's epoch, so a broker that has lost its shard
 * cannot write.  Keys are 1 to STORE_KEY_MAX bytes and order as memcmp,
 * values at most STORE_VAL_MAX: one that is longer in the files is corrupt.
 * It reads as empty, and what would change its row is SW_ECORRUPT.
 * "mem" has 16 shards, "lmdb" only shard 0; any other is -EINVAL.
 *
 * Errors, besides -errno from open: SW_EFULL, the batch does not fit and
 * nothing of it was written; SW_EFENCED, the claim is no longer ours and
 * nothing was written; SW_EUNKNOWN, the outcome cannot be known: the
 * process must end without an answer and start anew; SW_EFORMAT, the files
 * are no store or of a newer format; SW_ECORRUPT, they are corrupt;
 * SW_EBUSY, another process has the store open.
 */
#ifndef BROKER_STORE_H
#define BROKER_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum {
	STORE_KEY_MAX = 511, /* LMDB's limit */
	STORE_VAL_MAX = 4 << 20,
	STORE_FORMAT = 2, /* version of what is in the files */
};

struct store { /* drivers embed it as their first member */
	const struct store_driver *driver;
	char why[256]; /* what the last error was about, for people */
};

struct claim {
	uint32_t shard;
	uint64_t epoch; /* grows by one with every claim, durably */
};

enum store_op_kind { STORE_PUT, STORE_DELETE };

struct store_op {
	enum store_op_kind kind;
	struct bytes key, val; /* borrowed until `done` was called */
};

/* How full the store is.  Puts of new work stop at 90 %. */
struct store_usage {
	uint64_t used_pages, max_pages;
	uint64_t page_size;
	uint64_t free_pages; /* of the used ones, those waiting for reuse;
				lmdb: 0 until half the map is in use, then
				counted once for each commit of the index */
};

typedef void store_done_fn(void *arg, int err);

/* Returns 0 to go on, anything else to stop.  Pointers live until the next
 * store call. */
typedef int store_each_fn(void *arg, struct bytes key, struct bytes val);

struct store_options {
	uint64_t map_size; /* bytes, 0: 64 GiB */
	int force;	   /* open on a file system that cannot be trusted */
	int read_only;	   /* no file is changed; a claim is -EROFS */
};

struct store_driver {
	const char *scheme;

	/* On an error *out is set all the same if memory allowed, so that its
	 * `why` can be read; close it.  `uri` is what follows "scheme:". */
	int (*open)(struct store **out, const char *uri,
		const struct store_options *);

	/* NULL is fine.  What was confirmed is there whether or not this
	 * was called. */
	void (*close)(struct store *);

	/* Becomes the shard's only writer, for ever where ttl_ms is 0. */
	int (*claim)(
		struct store *, uint32_t shard, int64_t ttl_ms, struct claim *);
	/* SW_EFENCED: another claim came after this one. */
	int (*renew)(struct store *, struct claim *);
	int (*release)(struct store *, struct claim *);

	/*
	 * All or nothing, durable when `done` says 0.  `done` is called once,
	 * in order within a shard, at once or from `turn`.  Deleting what is
	 * not there is no error.  The return value is that of the submission:
	 * 0, and then `done` was or will be called; or an error, and it was
	 * not.
	 */
	int (*commit)(struct store *, const struct claim *,
		const struct store_op *, size_t n, store_done_fn *done,
		void *arg);

	/*
	 * Calls `each` for keys in [from, to) in order, at most `limit`; what
	 * commits have confirmed is seen.  An empty `from` means the
	 * first key, an empty `to`: to the end.
	 */
	int (*scan)(struct store *, uint32_t shard, struct bytes from,
		struct bytes to, size_t limit, store_each_fn *each, void *arg);

	/* Point read: the value lives until the next commit or
	 * usage.  SW_ENOJOB: no
	 * such key. */
	int (*get)(struct store *, uint32_t shard, struct bytes key,
		struct bytes *val);

	/* Once a turn: where the store is nearly full it may commit the index
	 * for this, so values of `get` end here too. */
	int (*usage)(struct store *, struct store_usage *);
	int (*fd)(struct store *);   /* joins the poll set, -1: commits are done
					at once */
	int (*turn)(struct store *); /* fd is readable: calls the callbacks */
};

extern const struct store_driver store_lmdb, store_mem;

/* Finds the driver for "lmdb:PATH", "mem:" …; NULL if there is none. */
const struct store_driver *store_driver_find(const char *uri);

/* Opens `uri`, "scheme:rest"; a plain path means lmdb. */
int store_open(struct store **out, const char *uri,
	const struct store_options *) __attribute__((warn_unused_result));

#endif
