/* SPDX-License-Identifier: MIT */
/*
 * batch.h - the operations of a turn, before its commit
 *
 * The last operation on a key replaces earlier ones; a row that is inserted
 * and deleted within a turn never reaches the store.  Point reads look into
 * the batch before the store, so a turn sees its own decisions.
 */
#ifndef BROKER_MODEL_BATCH_H
#define BROKER_MODEL_BATCH_H

#include "broker/model/arena.h"
#include "broker/store/store.h"

enum { BATCH_OPS_MAX = 32 * 1024 };

struct batch_mark {    /* bookkeeping of an op */
	uint32_t slot; /* the index in `slots` that points to the op */
	uint8_t fresh; /* the store has no row of this key */
	uint8_t gone;  /* a fresh row was deleted: the op is left out */
};

struct batch {
	struct store_op *ops;
	struct batch_mark *marks; /* of each op */
	size_t n;
	uint64_t *slots;    /* open addressing: hash << 32 | index + 1 */
	struct arena arena; /* keys and values */
};

enum batch_found { BATCH_UNKNOWN, BATCH_PUT, BATCH_DELETED };

int batch_init(struct batch *); /* 0 or -ENOMEM */
void batch_fini(struct batch *);

/* Key and value are copied.  insert: the caller knows that neither store nor
 * batch has the row. */
void batch_put(struct batch *, struct bytes key, struct bytes val);
void batch_insert(struct batch *, struct bytes key, struct bytes val);
void batch_delete(struct batch *, struct bytes key);

/* As put or, if `fresh`, insert; `val` is in the batch's arena and taken. */
void
batch_put_taken(struct batch *, struct bytes key, struct bytes val, int fresh);

/* Sets *val, borrowed until the reset, if the answer is BATCH_PUT. */
enum batch_found
batch_get(const struct batch *, struct bytes key, struct bytes *val);

/* Makes ops[0..n) the operations to commit; no put or delete may follow before
 * the reset. */
void batch_close(struct batch *);
void batch_reset(struct batch *);

#endif
