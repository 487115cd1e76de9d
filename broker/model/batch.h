/* SPDX-License-Identifier: MIT */
/*
 * batch.h - what a turn has decided and the store does not hold yet
 *
 * Operations on one key fold into the last of them; a row that is inserted
 * and deleted within a turn never reaches the store.  Point reads look here
 * first, so a turn sees its own decisions.
 */
#ifndef BROKER_BATCH_H
#define BROKER_BATCH_H

#include "broker/model/arena.h"
#include "broker/store/store.h"

enum { BATCH_OPS_MAX = 32 * 1024 };

struct batch_mark {    /* what is known of an op besides */
	uint32_t slot; /* where `slots` points to it */
	uint8_t fresh; /* the store has no such row */
	uint8_t gone;  /* nothing is left to do */
};

struct batch {
	struct store_op *ops;
	struct batch_mark *marks; /* one for each op */
	size_t n;
	uint64_t *slots;    /* open addressing: hash << 32 | index + 1 */
	struct arena arena; /* keys and values */
};

enum batch_found { BATCH_UNKNOWN, BATCH_PUT, BATCH_DELETED };

int batch_init(struct batch *); /* 0 or -ENOMEM */
void batch_fini(struct batch *);

/* Key and value are copied.  insert: the caller knows the row is not there. */
void batch_put(struct batch *, struct bytes key, struct bytes val);
void batch_insert(struct batch *, struct bytes key, struct bytes val);
void batch_delete(struct batch *, struct bytes key);

/* As put and insert, but `val` lies in the batch's arena and is taken. */
void
batch_put_taken(struct batch *, struct bytes key, struct bytes val, int fresh);

enum batch_found
batch_get(const struct batch *, struct bytes key, struct bytes *val);

/* Leaves ops[0..n) as what is to be committed; no put or delete after it. */
void batch_close(struct batch *);
void batch_reset(struct batch *);

#endif
