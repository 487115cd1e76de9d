/* SPDX-License-Identifier: MIT */
#include "topk.h"

#include <errno.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { CAP_MIN = 256 };

/* The slot that holds the entry, or the free one where it belongs. */
static uint32_t *
slot_of(const struct topk *t, struct bytes key, uint64_t hash)
{
	size_t mask = 2 * t->cap - 1, i = (size_t)hash & mask;

	for (;; i = (i + 1) & mask) {
		const struct topk_entry *e;

		if (t->slots[i] == 0)
			return &t->slots[i];
		e = &t->entries[t->slots[i] - 1];
		if (e->hash == hash && bytes_eq(e->key, key))
			return &t->slots[i];
	}
}

static int
grow(struct topk *t)
{
	size_t cap = t->cap == 0 ? CAP_MIN : 2 * t->cap;
	struct topk_entry *entries;
	uint32_t *slots;

	if (cap > UINT32_MAX / 2)
		return -ENOMEM;
	entries = reallocarray(t->entries, cap, sizeof(*entries));
	if (entries == NULL)
		return -ENOMEM;
	t->entries = entries;
	slots = calloc(2 * cap, sizeof(*slots));
	if (slots == NULL)
		return -ENOMEM;
	free(t->slots);
	t->slots = slots;
	t->cap = cap;
	for (size_t i = 0; i < t->n; i++)
		*slot_of(t, entries[i].key, entries[i].hash) = (uint32_t)i + 1;
	return 0;
}

int
topk_add(struct topk *t, struct bytes key)
{
	uint64_t hash = XXH3_64bits(key.p, key.len);
	uint32_t *slot;
	int err;

	if (t->n == t->cap && (err = grow(t)) < 0)
		return err;
	slot = slot_of(t, key, hash);
	if (*slot == 0) {
		t->entries[t->n] = (struct topk_entry){key, hash, 0};
		*slot = (uint32_t)++t->n;
	}
	t->entries[*slot - 1].n++;
	return 0;
}

void
topk_fini(struct topk *t)
{
	free(t->entries);
	free(t->slots);
	*t = (struct topk){0};
}
