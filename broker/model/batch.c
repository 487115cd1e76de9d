/* SPDX-License-Identifier: MIT */
#include "broker/model/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/must.h"

enum { SLOTS = BATCH_OPS_MAX * 2 };

int
batch_init(struct batch *b)
{
	*b = (struct batch){0};
	arena_init(&b->arena);
	b->ops = calloc(BATCH_OPS_MAX, sizeof(*b->ops));
	b->marks = calloc(BATCH_OPS_MAX, sizeof(*b->marks));
	b->slots = calloc(SLOTS, sizeof(*b->slots));
	if (b->ops != NULL && b->marks != NULL && b->slots != NULL)
		return 0;
	batch_fini(b);
	return -ENOMEM;
}

void
batch_fini(struct batch *b)
{
	free(b->ops);
	free(b->marks);
	free(b->slots);
	arena_fini(&b->arena);
	*b = (struct batch){0};
}

/* The slot of `key`, or the empty slot for a new op. */
static uint64_t *
slot_of(const struct batch *b, struct bytes key, uint64_t hash)
{
	size_t at = hash % SLOTS;

	for (; b->slots[at] != 0; at = (at + 1) % SLOTS)
		if (b->slots[at] >> 32 == hash >> 32 &&
			bytes_eq(b->ops[(uint32_t)b->slots[at] - 1].key, key))
			break;
	return &b->slots[at];
}

static struct bytes
bytes_copy(struct batch *b, struct bytes from)
{
	void *p = arena_take(&b->arena, from.len);

	if (from.len > 0)
		memcpy(p, from.p, from.len);
	return bytes_of(p, from.len);
}

/* The index of the op of `key`, which is made if there is none. */
static size_t
op_of(struct batch *b, struct bytes key, int fresh)
{
	uint64_t hash = XXH3_64bits(key.p, key.len);
	uint64_t *slot = slot_of(b, key, hash);

	if (*slot == 0) {
		must(b->n < BATCH_OPS_MAX);
		b->ops[b->n].key = bytes_copy(b, key);
		b->marks[b->n] = (struct batch_mark){
			.slot = (uint32_t)(slot - b->slots),
			.fresh = (uint8_t)fresh};
		*slot = hash >> 32 << 32 | ++b->n;
	}
	return (uint32_t)*slot - 1;
}

void
batch_put_taken(struct batch *b, struct bytes key, struct bytes val, int fresh)
{
	size_t i = op_of(b, key, fresh);

	b->ops[i].kind = STORE_PUT;
	b->ops[i].val = val;
	b->marks[i].gone = 0;
}

void
batch_put(struct batch *b, struct bytes key, struct bytes val)
{
	batch_put_taken(b, key, bytes_copy(b, val), 0);
}

void
batch_insert(struct batch *b, struct bytes key, struct bytes val)
{
	batch_put_taken(b, key, bytes_copy(b, val), 1);
}

void
batch_delete(struct batch *b, struct bytes key)
{
	size_t i = op_of(b, key, 0);

	b->ops[i].kind = STORE_DELETE;
	b->ops[i].val = bytes_of(NULL, 0);
	b->marks[i].gone = b->marks[i].fresh;
}

enum batch_found
batch_get(const struct batch *b, struct bytes key, struct bytes *val)
{
	uint32_t slot = (uint32_t)*slot_of(b, key, XXH3_64bits(key.p, key.len));

	if (slot == 0)
		return BATCH_UNKNOWN;
	if (b->ops[slot - 1].kind == STORE_DELETE)
		return BATCH_DELETED;
	*val = b->ops[slot - 1].val;
	return BATCH_PUT;
}

void
batch_close(struct batch *b)
{
	size_t kept = 0;

	for (size_t i = 0; i < b->n; i++) {
		b->slots[b->marks[i].slot] = 0;
		if (!b->marks[i].gone)
			b->ops[kept++] = b->ops[i];
	}
	b->n = kept;
}

void
batch_reset(struct batch *b)
{
	b->n = 0;
	arena_reset(&b->arena);
}
